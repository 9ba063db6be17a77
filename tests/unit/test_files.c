/* Threads look at files: if this fails, one file server that is away stops the
 * Scheduler, or a file is run twice, or never, after it is back. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uthash.h>
#include <cmocka.h>

#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/files.h"
#include "node/lookout.h"

static uv_loop_t loop;
static uv_timer_t guard;
static bool late;
static char dir[64];
static struct files *files;
static struct lookout *one;		/* where a test has it by itself */
static struct strs fired;
static int64_t ids[64];

/* ---- a file system that hangs ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char shut[PATH_MAX];		/* whoever looks at it waits; "": no */
static bool waiting;

/* Instead of the C library's. */
int
statx(int fd, const char *restrict path, int flags, unsigned want,
    struct statx *restrict out)
{
	(void)pthread_mutex_lock(&lock);
	while (strcmp(path, shut) == 0) {
		waiting = true;
		(void)pthread_cond_broadcast(&changed);
		(void)pthread_cond_wait(&changed, &lock);
	}
	waiting = false;
	(void)pthread_mutex_unlock(&lock);
	return (int)syscall(SYS_statx, fd, path, flags, want, out);
}

static char *
in(const char *name)
{
	static char path[64][128];
	static int i;

	i = (i + 1) % 64;
	(void)snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void
shut_at(const char *path)
{
	(void)pthread_mutex_lock(&lock);
	(void)MEM_STR(shut, path);
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

/* Until the thread hangs there. */
static void
hangs(void)
{
	(void)pthread_mutex_lock(&lock);
	while (!waiting)
		(void)pthread_cond_wait(&changed, &lock);
	(void)pthread_mutex_unlock(&lock);
}

/* ---- the loop ---- */

static void
on_late(uv_timer_t *t)
{
	(void)t;
	late = true;
}

/* One turn of the loop, at the next event. */
static void
wait_event(void)
{
	(void)uv_run(&loop, UV_RUN_ONCE);
	assert_false(late);
}

static void
take(void)
{
	json_t *list, *f;
	size_t i;

	while ((list = files_due(files)) != NULL) {
		json_array_foreach(list, i, f) {
			ids[fired.n] = js_int(f, "id", 0);
			strs_add(&fired, js_str(f, "path", "?"));
		}
		json_decref(list);
	}
}

/* As the Scheduler does in each turn, until so many fired. */
static void
fires_at(size_t n, struct now now)
{
	for (;;) {
		(void)files_turn(files, now);
		take();
		if (fired.n >= n)
			break;
		wait_event();
	}
	assert_int_equal(fired.n, n);
}

static void
fires(size_t n)
{
	fires_at(n, clock_now());
}

static size_t
times(const char *path)
{
	size_t n = 0;

	for (size_t i = 0; i < fired.n; i++)
		n += strcmp(fired.v[i], path) == 0;
	return n;
}

static void
sees(const char *path)
{
	for (;;) {
		(void)files_turn(files, clock_now());
		take();
		if (times(path) > 0)
			return;
		wait_event();
	}
}

static void
settle(size_t i)
{
	json_t *doc = json_pack("{s:I,s:i}", "id", (json_int_t)ids[i], "run",
	    1);

	files_answer(files, doc);
	json_decref(doc);
}

static void
refuse(size_t i)
{
	json_t *doc = json_pack("{s:I,s:s}", "id", (json_int_t)ids[i],
	    "refused", "busy");

	files_answer(files, doc);
	json_decref(doc);
}

/* A file that is complete when it is there. */
static void
make(const char *path)
{
	char *tmp = mem_fmt("%s/.made", dir);
	int fd = open(tmp, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	(void)close(fd);
	assert_int_equal(rename(tmp, path), 0);
	free(tmp);
}

/* A job for each pattern, until NULL; the same for one of that length. */
static void
load(const char *const *pattern)
{
	json_t *jobs = json_array(), *doc;
	char name[32];

	for (; *pattern != NULL; pattern++) {
		(void)snprintf(name, sizeof(name), "job%zu", strlen(*pattern));
		(void)json_array_append_new(jobs, json_pack(
		    "{s:i,s:{s:s,s:[s],s:[{s:s}]}}", "files", 0, "job", "name",
		    name, "command", "/bin/true", "triggers", "file",
		    *pattern));
	}
	doc = json_pack("{s:o}", "jobs", jobs);
	files_load(files, doc);
	json_decref(doc);
}

static size_t others;			/* of a sanitizer */

/* That look at files. */
static size_t
threads(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/task", &st), 0);
	return st.st_nlink - 2 - others;
}

static void
threads_at_last(size_t n)
{
	for (int ms = 0; threads() > n && ms < 20000; ms++)
		(void)usleep(1000);
	assert_int_equal(threads(), n);
}

/* ---- each test ---- */

static int
begin(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/muster-files.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(in("far"), 0700), 0);
	assert_int_equal(mkdir(in("near"), 0700), 0);
	assert_int_equal(uv_loop_init(&loop), 0);
	late = false;
	(void)uv_timer_init(&loop, &guard);
	(void)uv_timer_start(&guard, on_late, 30000, 0);
	files = files_new(&loop);
	return 0;
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
end(void **state)
{
	(void)state;
	shut_at("");
	files_free(files);
	files = NULL;
	lookout_free(one);
	one = NULL;
	uv_close((uv_handle_t *)&guard, NULL);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	strs_clear(&fired);
	(void)nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	/* The threads end by themselves. */
	threads_at_last(0);
	return 0;
}

static void
a_file_is_one_fire_until_it_is_answered(void **state)
{
	json_t *again;

	(void)state;
	load((const char *const[]){ in("near/*"), NULL });
	files_start(files);
	make(in("near/1"));
	fires(1);
	assert_string_equal(fired.v[0], in("near/1"));
	/* A new connection to the broker, which did not answer. */
	again = files_pending(files);
	assert_int_equal(json_array_size(again), 1);
	assert_int_equal(js_int(json_array_get(again, 0), "id", 0), ids[0]);
	json_decref(again);
	/* The broker could not take it. */
	refuse(0);
	fires(2);
	assert_string_equal(fired.v[1], in("near/1"));
	settle(1);
	assert_null(files_pending(files));
	make(in("near/2"));
	fires(3);
	assert_string_equal(fired.v[2], in("near/2"));
}

static void
nobody_waits_for_one_that_hangs_and_nothing_piles_up(void **state)
{
	const char *const patterns[] = { in("far/*"), NULL };
	size_t used, before;

	(void)state;
	make(in("far/1"));
	shut_at(in("far/1"));
	load(patterns);
	files_start(files);
	(void)files_turn(files, clock_now());
	hangs();
	before = threads();
	used = mallinfo2().uordblks;
	for (int i = 0; i < 1000; i++) {
		files_stop(files);
		load(patterns);
		files_start(files);
		(void)files_turn(files, clock_now());
		take();
	}
	assert_int_equal(threads(), before);
	assert_true(mallinfo2().uordblks < used + 10000);
	shut_at("");
	fires(1);
	make(in("far/2"));
	fires(2);
	assert_int_equal(times(in("far/1")), 1);
}

static void
one_that_hangs_is_left_behind(void **state)
{
	(void)state;
	make(in("far/1"));
	shut_at(in("far/1"));
	load((const char *const[]){ in("far/*"), NULL });
	files_start(files);
	(void)files_turn(files, clock_now());
	hangs();
	files_free(files);
	files = NULL;
	assert_int_equal(threads(), 1);	/* end waits for its end */
}

/* As it is asked for fires, each is looked at once more: there it hangs, and
 * has the fire of a turn at work that is over when it comes back. */
static void
a_fire_of_an_earlier_turn_at_work_is_not_sent(void **state)
{
	(void)state;
	load((const char *const[]){ in("near/*"), NULL });
	files_start(files);
	make(in("near/1"));
	fires(1);
	settle(0);
	/* The first look finds it; the second one is by files_due. */
	make(in("near/2"));
	(void)files_turn(files, clock_now());
	wait_event();
	shut_at(in("near/2"));
	take();
	hangs();
	assert_int_equal(fired.n, 1);
	files_stop(files);
	files_start(files);
	/* Found by the same walk as the one that hung, and younger: its fire
	 * is not before that one's. */
	make(in("near/3"));
	shut_at("");
	sees(in("near/3"));
	assert_int_equal(times(in("near/2")), 1);
}

/* What lies in the box is of the turn at work that it was found in. */
static void
what_was_found_and_not_taken_goes_with_its_turn(void **state)
{
	struct lookout *l = one = lookout_new(&loop);
	struct find_rules rules = { 0 };
	struct find_fire *x;
	int64_t turns;

	(void)state;
	find_rules_add(&rules, &(struct find_rule){ (char *)"a", 0,
	    in("near/*"), { JOB_FILE_CREATED, 0, { 0 } } });
	make(in("near/1"));
	lookout_load(l, &rules);
	assert_null(rules.v);
	lookout_work(l, 1);
	for (int64_t gen = 1; gen <= 2; gen++) {
		while (!lookout_ready(l))
			wait_event();
		turns = lookout_turns(l);
		lookout_ask(l);
		assert_false(lookout_ready(l));
		/* The answer to one that was not asked makes it go round. */
		while (lookout_turns(l) < turns + 2) {
			lookout_answer(l, 0, true);
			(void)usleep(1000);
		}
		if (gen == 1)
			lookout_work(l, gen + 1);
	}
	x = lookout_take(l);
	assert_non_null(x);
	assert_string_equal(x->path, in("near/1"));
	assert_null(x->next);
	find_fire_free(x);
	lookout_work(l, 0);
	assert_null(lookout_take(l));
}

static void
a_hang_is_told_of_and_the_others_go_on(void **state)
{
	struct now now = { { 1000000 }, { 1790000000000 } };
	const char *const all[] = { in("far/*"), in("near/*"), in("f*/x/*"),
		NULL };

	(void)state;
	make(in("far/1"));
	make(in("near/1"));
	shut_at(in("far/1"));
	load(all);
	files_start(files);
	assert_true(files_turn(files, now).us < MONO_NEVER.us);
	hangs();
	/* A call is no hang until it took too long. */
	for (int i = 0; i < 15; i++) {
		assert_null(files_hang(files));
		now.mono = mono_add_ms(now.mono, 1000);
		assert_true(files_turn(files, now).us <=
		    mono_add_ms(now.mono, 1000).us);
	}
	assert_null(files_hang(files));
	now.mono = mono_add_ms(now.mono, 1000);
	(void)files_turn(files, now);
	assert_string_equal(files_hang(files), in("far/1"));
	assert_int_equal(threads(), 2);
	fires_at(1, now);
	assert_string_equal(fired.v[0], in("near/1"));
	settle(0);
	make(in("near/1"));
	fires_at(2, now);
	/* Answers go to whom they are for. */
	refuse(1);
	fires_at(3, now);
	assert_int_equal(times(in("near/1")), 3);
	settle(2);
	/* Nobody waits for it, and somebody does again: no other thread goes
	 * there. */
	load((const char *const[]){ all[1], NULL });
	assert_null(files_hang(files));
	load(all);
	assert_string_equal(files_hang(files), in("far/1"));
	now.mono = mono_add_ms(now.mono, 20000);
	(void)files_turn(files, now);
	assert_int_equal(threads(), 2);
	/* What came meanwhile is found as soon as it is over. */
	make(in("far/2"));
	assert_string_equal(files_hang(files), in("far/1"));
	shut_at("");
	fires_at(5, now);
	assert_int_equal(times(in("far/1")), 1);
	assert_int_equal(times(in("far/2")), 1);
	while (files_hang(files) != NULL) {
		(void)usleep(1000);
		(void)files_turn(files, now);
	}
	settle(3);
	assert_null(files_hang(files));
	/* At the next turn at work one thread does it all again. */
	files_stop(files);
	assert_null(files_pending(files));
	files_start(files);
	threads_at_last(1);
	make(in("near/2"));
	sees(in("near/2"));
}

static void *
nothing(void *arg)
{
	return arg;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_file_is_one_fire_until_it_is_answered, begin, end),
		cmocka_unit_test_setup_teardown(
		    nobody_waits_for_one_that_hangs_and_nothing_piles_up,
		    begin, end),
		cmocka_unit_test_setup_teardown(one_that_hangs_is_left_behind,
		    begin, end),
		cmocka_unit_test_setup_teardown(
		    a_fire_of_an_earlier_turn_at_work_is_not_sent, begin, end),
		cmocka_unit_test_setup_teardown(
		    what_was_found_and_not_taken_goes_with_its_turn, begin,
		    end),
		cmocka_unit_test_setup_teardown(
		    a_hang_is_told_of_and_the_others_go_on, begin, end),
	};
	pthread_t first;

	log_init(LOG_ERROR);
	assert_int_equal(pthread_create(&first, NULL, nothing, NULL), 0);
	assert_int_equal(pthread_join(first, NULL), 0);
	others = threads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
