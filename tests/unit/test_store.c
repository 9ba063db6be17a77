/* What an operator would lose if the store were wrong: acknowledged commands,
 * their order, their wholeness. */
#include "store_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "log.h"
#include "mem.h"

static void
wait_for(struct store *s)
{
	struct pollfd p = { .fd = store_fd(s), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 20000), 1);
	store_poll(s);
}

/* --- an acknowledged command survives kill -9 -------------------------- */

struct acker {
	struct store *s;
	int	      fd;
	int64_t	      next;
};

struct ack {
	struct acker *a;
	int64_t	      key;
};

static void
acker_more(struct acker *);

static void
acked(enum store_rc rc, void *arg)
{
	struct ack *k = arg;

	if (rc != STORE_OK ||
	    write(k->a->fd, &k->key, sizeof(k->key)) != sizeof(k->key))
		_exit(1);
	acker_more(k->a);
	free(k);
}

static void
acker_more(struct acker *a)
{
	struct ack *k = mem_zero(1, sizeof(*k));

	k->a = a;
	k->key = a->next++;
	store_submit(a->s, meta_new(k->key, "x"), acked, k);
}

static void
child_acks(int fd)
{
	struct acker a = { .fd = fd };

	if (store_open(&a.s, url, "child", NULL) == -1)
		_exit(1);
	for (int i = 0; i < 64; i++)
		acker_more(&a);
	for (;;) {
		struct pollfd p = { .fd = store_fd(a.s), .events = POLLIN };

		(void)poll(&p, 1, -1);
		store_poll(a.s);
	}
}

static void
test_acked_survives_kill(void **state)
{
	int64_t key, keys[20000];
	int fds[2], status, n = 0;
	struct store *s;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		(void)close(fds[0]);
		child_acks(fds[1]);
	}
	(void)close(fds[1]);
	while (read(fds[0], &key, sizeof(key)) == sizeof(key)) {
		if (n < 20000)
			keys[n++] = key;
		if (n == 3000)
			assert_int_equal(kill(pid, SIGKILL), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(n >= 3000);
	s = opened();
	for (int i = 0; i < n; i++)
		assert_true(has_meta(s, keys[i]));
	store_close(s);
	(void)close(fds[0]);
}

/* --- order and delivery ------------------------------------------------ */

struct order {
	struct store *s;
	int	      next;
	bool	      dive;	/* poll and drain inside a callback */
};

struct turn {
	struct order *o;
	int	      n;
};

static void
in_turn(enum store_rc rc, void *arg)
{
	struct turn *t = arg;

	assert_int_equal(rc, t->n % 10 == 7 ? STORE_CONFLICT : STORE_OK);
	assert_int_equal(t->o->next, t->n);
	t->o->next++;
	if (t->o->dive && t->n % 100 == 50)
		store_poll(t->o->s);
	if (t->o->dive && t->n == 1500)
		store_drain(t->o->s);
	free(t);
}

static void
submit_turns(struct order *o, int n, int base)
{
	for (int i = 0; i < n; i++) {
		struct turn *t = mem_zero(1, sizeof(*t));
		int64_t key = base + (i % 10 == 7 ? i - 1 : i);

		t->o = o;
		t->n = i;
		store_submit(o->s, meta_new(key, "x"), in_turn, t);
	}
}

/* The broker acts on answers in the order in which it decided. */
static void
test_order(void **state)
{
	struct order o = { .s = opened() };

	(void)state;
	submit_turns(&o, 2000, 0);
	while (o.next < 2000)
		wait_for(o.s);
	assert_int_equal(store_pending(o.s), 0);
	o.next = 0;
	o.dive = true;
	submit_turns(&o, 2000, 10000);
	assert_int_equal(store_pending(o.s), 2000);
	store_drain(o.s);
	assert_int_equal(o.next, 2000);
	o.next = 0;
	submit_turns(&o, 300, 20000);
	store_close(o.s);
	assert_int_equal(o.next, 300);
}

struct retry {
	struct store *s;
	int	      calls;
	enum store_rc last;
};

static void
try_again(enum store_rc rc, void *arg)
{
	struct retry *r = arg;

	r->last = rc;
	if (++r->calls == 1) {
		store_submit(r->s, meta_new(2, "x"), try_again, r);
		assert_int_equal(store_write(r->s, meta_new(3, "x")),
		    STORE_DOWN);
	}
}

/* A shutdown ends, whatever callbacks still want. */
static void
test_close_ends(void **state)
{
	struct retry r = { .s = opened() };

	(void)state;
	store_submit(r.s, meta_new(1, "x"), try_again, &r);
	store_close(r.s);
	assert_int_equal(r.calls, 2);
	assert_int_equal(r.last, STORE_DOWN);
	r.s = opened();
	assert_true(has_meta(r.s, 1));
	assert_false(has_meta(r.s, 2));
	store_close(r.s);
}

/* Who asked again for what was on the disk after all has it twice. */
static void
test_what_is_said_of_it(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(store_err(STORE_BUSY, &e, "job \"%s\"", "j"), -1);
	assert_string_equal(e.msg, "job \"j\": nothing was stored (busy): free "
	    "disk space at the broker, then try again");
	(void)store_err(STORE_FENCED, &e, "apply");
	assert_string_equal(e.msg, "apply: nothing was stored (fenced): "
	    "muster doctor on the broker says why");
	(void)store_err(STORE_DOWN, &e, "apply");
	assert_null(strstr(e.msg, "nothing was stored"));
	assert_non_null(strstr(e.msg, "apply: not known whether it was stored"));
}

static void
count_ok(enum store_rc rc, void *arg)
{
	if (rc == STORE_OK)
		++*(int *)arg;
}

/* store_write answers without running anybody's callback. */
static void
test_write_alone(void **state)
{
	struct store *s = opened();
	int n = 0;

	(void)state;
	store_submit(s, meta_new(1, "x"), count_ok, &n);
	assert_int_equal(store_write(s, meta_new(2, "x")), STORE_OK);
	assert_int_equal(n, 0);
	assert_true(has_meta(s, 1));
	assert_int_equal(store_write(s, meta_new(1, "y")), STORE_CONFLICT);
	assert_int_equal(store_write(s, batch_new()), STORE_OK);
	wait_for(s);
	assert_int_equal(n, 1);
	store_close(s);
}

/* --- one command ------------------------------------------------------- */

/* An occurrence without its cursor would fire twice, or never. */
static void
test_batch_atomic(void **state)
{
	struct store *s = opened();
	struct batch *b;

	(void)state;
	b = batch_new();
	batch_add(b, S_OCC_PUT, "tti", "backup", "2026-11-21T00:00:00.000Z",
	    (int64_t)7);
	batch_add(b, S_CURSOR_PUT, "ti", "backup", (int64_t)5);
	batch_add(b, S_MEMBER_STATE, "it", (int64_t)99, "left");
	batch_must(b);
	batch_add(b, S_META_SET, "tt", "after", "x");
	assert_int_equal(store_write(s, b), STORE_NO);
	assert_int_equal(store_query(s, S_OCC_GET, NULL, NULL, "tt", "backup",
	    "2026-11-21T00:00:00.000Z"), 0);
	assert_int_equal(store_query(s, S_CURSOR_ALL, NULL, NULL, ""), 0);
	assert_int_equal(store_query(s, S_META_ALL, NULL, NULL, ""), 0);

	b = batch_new();
	batch_add(b, S_OCC_PUT, "tti", "backup", "2026-11-21T00:00:00.000Z",
	    (int64_t)7);
	batch_add(b, S_CURSOR_PUT, "ti", "backup", (int64_t)5);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_CURSOR_ALL, NULL, NULL, ""), 1);
	store_close(s);
}

struct seen {
	enum store_rc rc;
	bool	      called;
};

static void
note(enum store_rc rc, void *arg)
{
	*(struct seen *)arg = (struct seen){ rc, true };
}

/* One double fire must not cost the hundred others in its transaction. */
static void
test_conflict_alone(void **state)
{
	struct seen seen[100] = { 0 };
	struct store *s = opened();
	sqlite3 *other = raw_open(path);

	(void)state;
	/* While another program holds the file the writer waits with its
	 * first command; the rest arrives meanwhile and is one group. */
	raw_exec(other, "BEGIN IMMEDIATE");
	store_submit(s, meta_new(5000, "x"), NULL, NULL);
	for (int i = 0; i < 100; i++) {
		struct batch *b = meta_new(i, "x");

		if (i == 40)
			batch_add(b, S_META_NEW, "tt", "00005000", "again");
		else if (i % 3 == 0)
			batch_add(b, S_CURSOR_PUT, "ti", "j", (int64_t)i);
		store_submit(s, b, note, &seen[i]);
	}
	raw_exec(other, "COMMIT");
	store_drain(s);
	for (int i = 0; i < 100; i++) {
		assert_true(seen[i].called);
		assert_int_equal(seen[i].rc,
		    i == 40 ? STORE_CONFLICT : STORE_OK);
		assert_int_equal(has_meta(s, i), i != 40);
	}
	(void)sqlite3_close(other);
	store_close(s);
}

/* Two brokers: the old one, back from a pause, can store nothing. */
static void
test_fenced(void **state)
{
	struct seen seen = { 0 };
	struct store *a = opened(), *b;
	int64_t before = 0, after = 0;

	(void)state;
	assert_int_equal(store_write(a, meta_new(1, "a")), STORE_OK);
	assert_int_equal(store_query(a, S_TERM_GET, see_int, &before, ""), 1);
	b = opened();
	assert_int_equal(store_query(b, S_TERM_GET, see_int, &after, ""), 1);
	assert_int_equal(after, before + 1);
	store_submit(a, meta_new(2, "a"), note, &seen);
	store_drain(a);
	assert_int_equal(seen.rc, STORE_FENCED);
	assert_int_equal(store_write(a, meta_new(3, "a")), STORE_FENCED);
	assert_int_equal(store_write(b, meta_new(4, "b")), STORE_OK);
	assert_true(has_meta(b, 1) && has_meta(b, 4));
	assert_false(has_meta(b, 2) || has_meta(b, 3));
	store_close(a);
	store_close(b);
}

/* --- disk full --------------------------------------------------------- */

enum { FILL = 4 << 20, ROUNDS = 4000, BIG = 3000 };

static void
write_filler(const char *file)
{
	static const char zeros[4096];
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd != -1);
	for (int i = 0; i < FILL / 4096; i++)
		assert_int_equal(write(fd, zeros, 4096), 4096);
	(void)close(fd);
}

/* Fills until the store says BUSY; returns the number submitted. */
static int
fill(struct store *s, struct seen *seen, const char *big)
{
	int n = 0;

	while (n < ROUNDS - 16) {
		for (int i = 0; i < 16; i++, n++) {
			struct batch *b = meta_new(n, big);

			batch_add(b, S_CURSOR_PUT, "ti", "j", (int64_t)n);
			store_submit(s, b, note, &seen[n]);
		}
		store_drain(s);
		if (seen[n - 1].rc == STORE_BUSY)
			break;
	}
	assert_int_equal(seen[n - 1].rc, STORE_BUSY);
	return n;
}

static int
see_due(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 1);
	return 0;
}

static void
check_fill(struct store *s, const struct seen *seen, int n)
{
	int64_t cursor = -1, last = -1;

	for (int i = 0; i < n; i++) {
		assert_true(seen[i].rc == STORE_OK || seen[i].rc == STORE_BUSY);
		assert_int_equal(has_meta(s, i), seen[i].rc == STORE_OK);
		if (seen[i].rc == STORE_OK)
			last = i;
	}
	/* The other half of the last command that was stored. */
	assert_int_equal(store_query(s, S_CURSOR_ALL, see_due, &cursor, ""), 1);
	assert_true(last >= 0);
	assert_int_equal(cursor, last);
}

/* What a power cut now would leave: the files as they are, without -shm. */
static void
check_crashed(const struct seen *seen, int n)
{
	char copy[] = "/tmp/muster-store-copy.XXXXXX", from[128], to[128];
	struct store *s;

	assert_non_null(mkdtemp(copy));
	(void)snprintf(to, sizeof(to), "%s/store.db", copy);
	copy_file(path, to);
	(void)snprintf(from, sizeof(from), "%s-wal", path);
	(void)snprintf(to, sizeof(to), "%s/store.db-wal", copy);
	copy_file(from, to);
	(void)snprintf(to, sizeof(to), "sqlite:%s/store.db", copy);
	s = opened_at(to);
	check_fill(s, seen, n);
	store_close(s);
	(void)nftw(copy, rm_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
full_and_back(bool by_limit)
{
	static struct seen seen[ROUNDS];
	struct rlimit old, low;
	char big[BIG + 1], filler[96];
	struct store *s;
	int n;

	memset(seen, 0, sizeof(seen));
	memset(big, 'x', BIG);
	big[BIG] = '\0';
	(void)snprintf(filler, sizeof(filler), "%s/filler", dir);
	write_filler(filler);
	s = opened();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = 3 << 20;
	if (by_limit)
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	n = fill(s, seen, big);
	check_fill(s, seen, n);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	check_crashed(seen, n);
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(store_write(s, meta_new(ROUNDS, big)), STORE_OK);
	check_fill(s, seen, n);
	store_close(s);
	s = opened();
	check_fill(s, seen, n);
	assert_true(has_meta(s, ROUNDS));
	store_close(s);
}

/* A full disk costs new work, never what was acknowledged, and room is
 * enough to go on. */
static void
test_disk_full(void **state)
{
	(void)state;
	if (mount("none", dir, "tmpfs", 0, "size=8m,mode=0700") == -1) {
		print_message("no tmpfs (%s): limit only\n", strerror(errno));
		skip();
	}
	full_and_back(false);
}

static void
test_file_limit(void **state)
{
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	full_and_back(true);
	(void)signal(SIGXFSZ, old);
}

/* --- what the rooms above rely on -------------------------------------- */

static int
see_run(const struct row *r, void *arg)
{
	const char *out;
	size_t len;

	assert_int_equal(row_int(r, 0), 10);
	assert_string_equal(row_text(r, 2), "backup");
	assert_true(row_null(r, 8));
	assert_null(row_text(r, 3));
	out = row_blob(r, 15, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "a\0b\0c", 5);
	++*(int *)arg;
	return 0;
}

static void
run_end(struct batch *b, int64_t id, int64_t ended, const char *occ)
{
	batch_add(b, S_RUN_END, "iitttttitiiiiitbtii", id, (int64_t)1, "backup",
	    occ, "manual", "a", "succeeded", (int64_t)0, NULL, (int64_t)1,
	    (int64_t)2, ended, (int64_t)1, (int64_t)0, NULL, "a\0b\0c",
	    (size_t)5, NULL, (int64_t)0, (int64_t)0);
}

/* What was asked for by hand is forgotten with its run; a time is the
 * cursor's to guard. */
static void
test_occurrences_end_with_their_runs(void **state)
{
	static const char time[] = "2026-11-21T00:00:00.000Z";
	struct store *s = opened();
	struct batch *b = batch_new();

	(void)state;
	for (int64_t i = 1; i <= 3; i++) {
		char occ[24];

		(void)snprintf(occ, sizeof(occ), "manual:%d", (int)i);
		batch_add(b, S_OCC_PUT, "tti", "backup", occ, i);
		run_end(b, i, 100 + i, occ);
	}
	batch_add(b, S_OCC_PUT, "tti", "backup", time, (int64_t)4);
	run_end(b, 4, 90, time);
	batch_add(b, S_OCC_PURGE_ENDED, "ii", (int64_t)102, (int64_t)10);
	batch_add(b, S_RUN_HIST_PURGE, "ii", (int64_t)102, (int64_t)10);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_OCC_GET, NULL, NULL, "tt", "backup",
	    "manual:1"), 0);
	assert_int_equal(store_query(s, S_OCC_GET, NULL, NULL, "tt", "backup",
	    time), 1);
	assert_int_equal(store_query(s, S_OCC_GET, NULL, NULL, "tt", "backup",
	    "manual:2"), 1);
	b = batch_new();
	batch_add(b, S_OCC_TRIM_ENDED, "ii", (int64_t)3, (int64_t)10);
	batch_add(b, S_RUN_HIST_TRIM, "ii", (int64_t)3, (int64_t)10);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_OCC_GET, NULL, NULL, "tt", "backup",
	    "manual:2"), 0);
	assert_int_equal(store_query(s, S_OCC_GET, NULL, NULL, "tt", "backup",
	    "manual:3"), 1);
	store_close(s);
}

static int
first_only(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 1;
}

static void
test_runs(void **state)
{
	struct store *s = opened();
	struct batch *b = batch_new();
	int64_t id = 0;
	int n = 0;

	(void)state;
	batch_add(b, S_RUN_NEW, "iitttttiiiit", (int64_t)10, (int64_t)1,
	    "backup", NULL, "manual", NULL, "queued", (int64_t)1, (int64_t)1,
	    (int64_t)0, (int64_t)0, "{}");
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_RUN_LIVE_ALL, NULL, NULL, ""), 1);
	b = batch_new();
	run_end(b, 10, 100, NULL);
	run_end(b, 10, 100, NULL);	/* told twice: the same row */
	batch_add(b, S_RUN_LIVE_DEL, "ii", (int64_t)10, (int64_t)1);
	batch_must(b);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_RUN_HIST_GET, see_run, &n, "i",
	    (int64_t)10), 1);
	assert_int_equal(n, 1);
	b = batch_new();
	for (int64_t i = 11; i <= 60; i++)
		run_end(b, i, 90 + i, NULL);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_RUN_HIST_LIST, first_only, &id,
	    "ii", INT64_MAX, (int64_t)20), 1);
	assert_int_equal(id, 60);
	assert_int_equal(store_query(s, S_RUN_HIST_LIST, NULL, NULL, "ii",
	    (int64_t)30, (int64_t)20), 20);
	assert_int_equal(store_query(s, S_RUN_HIST_BY_JOB, NULL, NULL, "tii",
	    "backup", INT64_MAX, (int64_t)7), 7);
	assert_int_equal(store_query(s, S_RUN_LAST_BY_JOB, see_int, &id, "t",
	    "backup"), 1);
	assert_int_equal(id, 60);
	b = batch_new();
	batch_add(b, S_RUN_HIST_PURGE, "ii", (int64_t)120, (int64_t)5);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_RUN_HIST_LIST, NULL, NULL, "ii",
	    INT64_MAX, (int64_t)1000), 46);
	b = batch_new();
	batch_add(b, S_RUN_HIST_TRIM, "ii", (int64_t)60, (int64_t)1000);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_RUN_MAX_ID, see_int, &id, ""), 1);
	assert_int_equal(id, 60);
	store_close(s);
}

struct nested {
	struct store *s;
	int	      inner;
};

static int
ask_again(const struct row *r, void *arg)
{
	struct nested *n = arg;

	(void)r;
	n->inner += store_query(n->s, S_META_ALL, NULL, NULL, "");
	return 0;
}

/* A callback may ask the same question. */
static void
test_nested_query(void **state)
{
	struct nested n = { .s = opened() };

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(store_write(n.s, meta_new(i, "x")), STORE_OK);
	assert_int_equal(store_query(n.s, S_META_ALL, ask_again, &n, ""), 5);
	assert_int_equal(n.inner, 25);
	store_close(n.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_acked_survives_kill),
		T(test_order),
		T(test_close_ends),
		T(test_what_is_said_of_it),
		T(test_write_alone),
		T(test_batch_atomic),
		T(test_conflict_alone),
		T(test_fenced),
		T(test_disk_full),
		T(test_file_limit),
		T(test_runs),
		T(test_occurrences_end_with_their_runs),
		T(test_nested_query),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
