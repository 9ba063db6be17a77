/* What an operator would lose if the store were wrong. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "mem.h"
#include "store/backup.h"
#include "store/migrate.h"
#include "store/store.h"

static char dir[64];
static char path[96];
static char url[112];

static int
rm_one(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(p);
}

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/muster-store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	(void)snprintf(url, sizeof(url), "sqlite:%s", path);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)umount2(dir, MNT_DETACH);
	return nftw(dir, rm_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct store *
opened(void)
{
	struct store *s = NULL;
	struct err e = { 0 };

	if (store_open(&s, url, "test", &e) == -1)
		fail_msg("%s", e.msg);
	return s;
}

static struct batch *
meta_new(int64_t key, const char *value)
{
	struct batch *b = batch_new();
	char text[24];

	(void)snprintf(text, sizeof(text), "%08lld", (long long)key);
	batch_add(b, S_META_NEW, "tt", text, value);
	return b;
}

static int
see_int(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 0;
}

static bool
has_meta(struct store *s, int64_t key)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%08lld", (long long)key);
	return store_query(s, S_META_GET, NULL, NULL, "t", text) == 1;
}

static void
wait_for(struct store *s)
{
	struct pollfd p = { .fd = store_fd(s), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 20000), 1);
	store_poll(s);
}

static sqlite3 *
raw_open(const char *file)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	return db;
}

static void
raw_exec(sqlite3 *db, const char *sql)
{
	char *msg = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
}

static int64_t
raw_int(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return n;
}

static void
copy_file(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out;

	assert_true(in != -1);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(out != -1);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	(void)close(in);
	(void)close(out);
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
	struct store *s = NULL;
	struct err e = { 0 };

	assert_non_null(mkdtemp(copy));
	(void)snprintf(to, sizeof(to), "%s/store.db", copy);
	copy_file(path, to);
	(void)snprintf(from, sizeof(from), "%s-wal", path);
	(void)snprintf(to, sizeof(to), "%s/store.db-wal", copy);
	copy_file(from, to);
	(void)snprintf(to, sizeof(to), "sqlite:%s/store.db", copy);
	if (store_open(&s, to, "test", &e) == -1)
		fail_msg("%s", e.msg);
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

/* --- what a start refuses ---------------------------------------------- */

static void
refused(const char *what, const char *cure)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(&s, url, "test", &e), -1);
	assert_null(s);
	if (strstr(e.msg, what) == NULL || strstr(e.msg, cure) == NULL ||
	    strchr(e.msg, '\n') != NULL)
		fail_msg("wanted \"%s\" and \"%s\" in: %s", what, cure, e.msg);
}

static void
test_newer_refused(void **state)
{
	sqlite3 *db;

	(void)state;
	store_close(opened());
	db = raw_open(path);
	raw_exec(db, "PRAGMA user_version = 999");
	(void)sqlite3_close(db);
	refused("schema 999 is newer", "start the newer musterd");
	db = raw_open(path);
	assert_int_equal(raw_int(db, "PRAGMA user_version"), 999);
	(void)sqlite3_close(db);
}

static void
test_foreign_refused(void **state)
{
	sqlite3 *db = raw_open(path);

	(void)state;
	raw_exec(db, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
	(void)sqlite3_close(db);
	refused("not one of muster", "another path");
	db = raw_open(path);
	assert_int_equal(raw_int(db, "SELECT x FROM theirs"), 1);
	(void)sqlite3_close(db);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refused("not a regular file", "another path");
	(void)snprintf(url, sizeof(url), "postgresql://x");
	refused("postgresql://x", "sqlite:PATH");
	(void)snprintf(url, sizeof(url), "sqlite:/nowhere/at/all");
	refused("/nowhere/at/all", "No such file");
}

static void
scribble(off_t from, size_t len)
{
	char junk[8192];
	int fd = open(path, O_WRONLY);

	memset(junk, 0xa5, sizeof(junk));
	assert_true(fd != -1 && len <= sizeof(junk));
	assert_int_equal(pwrite(fd, junk, len, from), (ssize_t)len);
	(void)close(fd);
}

/* A damaged file must not become the cluster's truth. */
static void
test_damaged_refused(void **state)
{
	char backup[160], older[160], saved[128];
	struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct store *s = opened();
	struct err e;

	(void)state;
	for (int i = 0; i < 400; i++)
		store_submit(s, meta_new(i, "some text that fills a page"),
		    NULL, NULL);
	store_drain(s);
	(void)snprintf(backup, sizeof(backup), "%s.b.backup", path);
	(void)snprintf(older, sizeof(older), "%s.z.backup", path);
	(void)snprintf(saved, sizeof(saved), "%s.saved", path);
	assert_int_equal(store_backup(s, backup, &e), 0);
	assert_int_equal(store_backup(s, older, &e), 0);
	assert_int_equal(utimensat(AT_FDCWD, older, past, 0), 0);
	store_close(s);

	/* One page of a table, then the head of the file. */
	copy_file(path, saved);
	s = NULL;
	{
		sqlite3 *db = raw_open(path);
		int64_t root = raw_int(db, "SELECT rootpage FROM "
		    "sqlite_schema WHERE name = 'meta'");

		(void)sqlite3_close(db);
		scribble((root - 1) * 4096, 4096);
	}
	refused("damaged", backup);
	copy_file(saved, path);
	store_close(opened());
	scribble(0, 4096);
	refused("damaged", backup);
	(void)unlink(backup);
	(void)unlink(older);
	refused("no backup", "--restore");

	/* The cure works. */
	copy_file(saved, path);
	s = opened();
	assert_true(has_meta(s, 399));
	store_close(s);
}

static void
test_private(void **state)
{
	struct stat st;
	char wal[128];
	struct store *s = opened();

	(void)state;
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(s);
	assert_int_equal(chmod(path, 0644), 0);
	store_close(opened());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* --- backup and migration ---------------------------------------------- */

static void
test_backup_while_writing(void **state)
{
	struct store *s = opened();
	char file[128], n[24];
	struct err e;
	sqlite3 *db;
	int ok = 0;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s.now", path);
	for (int i = 1; i <= 3000; i++) {
		struct batch *b = batch_new();

		(void)snprintf(n, sizeof(n), "%d", i);
		batch_add(b, S_META_SET, "tt", "left", n);
		batch_add(b, S_META_NEW, "tt", n, "x");
		batch_add(b, S_META_SET, "tt", "right", n);
		store_submit(s, b, count_ok, &ok);
		if (i % 600 != 0)
			continue;
		store_poll(s);
		if (store_backup(s, file, &e) == -1)
			fail_msg("%s", e.msg);
		db = raw_open(file);
		assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM "
		    "pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
		assert_int_equal(raw_int(db, "SELECT COUNT(DISTINCT value) "
		    "FROM meta WHERE key IN ('left', 'right')") <= 1, 1);
		/* Nothing acknowledged before the copy is missing in it. */
		assert_true(raw_int(db, "SELECT COALESCE(MAX(CAST(value AS "
		    "INTEGER)), 0) FROM meta WHERE key = 'left'") >= ok);
		(void)sqlite3_close(db);
	}
	store_drain(s);
	assert_int_equal(ok, 3000);
	assert_int_equal(store_backup(s, "/nowhere/x", &e), -1);
	assert_non_null(strstr(e.msg, "/nowhere/x"));
	store_close(s);
}

static void
test_migration(void **state)
{
	static const char *const v2[] = { NULL, "", "CREATE TABLE two (x)" };
	static const char *const v3[] = { NULL, "", "",
		"CREATE TABLE three (x); CREATE TABLE two (x)" };
	struct store *s = opened();
	struct err e = { 0 };
	char *backup;
	sqlite3 *db;

	(void)state;
	assert_int_equal(store_write(s, meta_new(1, "x")), STORE_OK);
	store_close(s);
	db = raw_open(path);
	if (migrate_check(db, path, 2, &e) == -1 ||
	    migrate_run(db, path, v2, 2, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(raw_int(db, "PRAGMA user_version"), 2);
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM two"), 0);
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM meta"), 1);
	/* Half a migration is none. */
	assert_int_equal(migrate_run(db, path, v3, 3, &e), -1);
	assert_non_null(strstr(e.msg, "nothing was changed"));
	assert_int_equal(raw_int(db, "PRAGMA user_version"), 2);
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM sqlite_schema "
	    "WHERE name = 'three'"), 0);
	(void)sqlite3_close(db);

	/* The way back that the refusal names. */
	backup = backup_newest(path);
	assert_non_null(backup);
	refused("schema 2 is newer", backup);
	free(backup);
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
run_end(struct batch *b, int64_t id, int64_t ended)
{
	batch_add(b, S_RUN_END, "iitttttitiiiiitbt", id, (int64_t)1, "backup",
	    NULL, "manual", "a", "succeeded", (int64_t)0, NULL, (int64_t)1,
	    (int64_t)2, ended, (int64_t)1, (int64_t)0, NULL, "a\0b\0c",
	    (size_t)5, NULL);
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
	run_end(b, 10, 100);
	run_end(b, 10, 100);	/* told twice: the same row */
	batch_add(b, S_RUN_LIVE_DEL, "ii", (int64_t)10, (int64_t)1);
	batch_must(b);
	assert_int_equal(store_write(s, b), STORE_OK);
	assert_int_equal(store_query(s, S_RUN_HIST_GET, see_run, &n, "i",
	    (int64_t)10), 1);
	assert_int_equal(n, 1);
	b = batch_new();
	for (int64_t i = 11; i <= 60; i++)
		run_end(b, i, 90 + i);
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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_acked_survives_kill),
		T(test_order),
		T(test_close_ends),
		T(test_write_alone),
		T(test_batch_atomic),
		T(test_conflict_alone),
		T(test_fenced),
		T(test_disk_full),
		T(test_file_limit),
		T(test_newer_refused),
		T(test_foreign_refused),
		T(test_damaged_refused),
		T(test_private),
		T(test_backup_while_writing),
		T(test_migration),
		T(test_runs),
		T(test_nested_query),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
