/* The Scheduler's clock: what is due, and what is on its way to the broker.
 * What is left over here keeps other jobs from firing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "node/watch.h"

static struct watch *watch;
static struct now now;

static int
up(void **state)
{
	(void)state;
	watch = watch_new();
	now = (struct now){ { 1000000000 }, { 1700000000000 } };
	return 0;
}

static int
down(void **state)
{
	(void)state;
	watch_free(watch);
	return 0;
}

/* One job, due every second by cron or every, nothing of it recorded since
 * now. */
static void
load_with(const char *name, const char *misfire, bool cron)
{
	json_t *doc = json_pack("{s:i,s:s,s:[],s:[{s:I,s:b,s:{s:s,s:[s],s:s,"
	    "s:[o]}}]}", "rev", 1, "zone", "UTC", "calendars", "jobs",
	    "cursor", (json_int_t)now.wall.ms, "paused", 0, "job", "name", name,
	    "command", "/bin/true", "misfire", misfire, "triggers", cron ?
	    json_pack("{s:s}", "cron", "* * * * * *") :
	    json_pack("{s:i}", "every", 1));

	assert_non_null(doc);
	watch_load(watch, doc);
	json_decref(doc);
}

static void
load(const char *name)
{
	load_with(name, "all", false);
}

static void
later(int64_t seconds)
{
	now.mono.us += seconds * 1000000;
	now.wall.ms += seconds * 1000;
}

static size_t
fired(void)
{
	json_t *due = watch_due(watch, now);
	size_t n = json_array_size(due);

	json_decref(due);
	return n;
}

static size_t
under_way(void)
{
	json_t *fires = watch_pending(watch);
	size_t n = json_array_size(fires);

	json_decref(fires);
	return n;
}

static void
answer(const char *name, int64_t at, const char *member, int64_t value)
{
	json_t *doc = json_pack("{s:s,s:I,s:I}", "job", name, "at",
	    (json_int_t)at, member, (json_int_t)value);

	watch_answer(watch, doc, now);
	json_decref(doc);
}

static void
test_each_is_under_way_until_it_is_answered(void **state)
{
	int64_t from = now.wall.ms;

	(void)state;
	load("j");
	watch_start(watch, NULL);
	later(3);
	assert_int_equal(fired(), 3);
	assert_int_equal(fired(), 0);
	assert_int_equal(under_way(), 3);
	answer("j", from + 2000, "run", 2);
	answer("j", from + 2000, "run", 2);	/* said twice */
	assert_int_equal(under_way(), 2);
	/* A gap: what was sent after it was not taken either. */
	answer("j", from + 3000, "cursor", from + 1000);
	assert_int_equal(under_way(), 0);
	answer("j", from + 1000, "run", 1);
	assert_int_equal(fired(), 2);
}

/* An hour's work is due by a clock that was stepped, or the broker's disk is full:
 * one a time asks whether it takes them now, or the link carries the same hour
 * again and again while the role is wanted elsewhere. */
static void
test_one_asks_when_they_are_refused(void **state)
{
	int64_t from = now.wall.ms;
	json_t *no;

	(void)state;
	load("j");
	watch_start(watch, NULL);
	later(100);
	assert_int_equal(fired(), 100);
	no = json_pack("{s:s,s:I,s:I,s:s,s:s}", "job", "j", "at",
	    (json_int_t)from + 1000, "cursor", (json_int_t)from, "refused",
	    "no", "code", "busy");
	watch_answer(watch, no, now);
	json_decref(no);
	assert_int_equal(fired(), 0);
	later(1);
	assert_int_equal(fired(), 1);
	assert_int_equal(watch_next(watch).ms, WALL_NEVER.ms);
	later(1);
	assert_int_equal(fired(), 0);
	answer("j", from + 1000, "run", 1);
	assert_true(watch_next(watch).ms <= now.wall.ms);
	assert_int_equal(fired(), 101);
	assert_int_equal(under_way(), 101);
}

/* Hands over what is due and takes it as recorded: how many occurrences, and
 * whether the last of them is to be fired. */
static int64_t
recorded(bool *fires)
{
	json_t *due = watch_due(watch, now), *f;
	int64_t n = 0;
	size_t i;

	json_array_foreach(due, i, f) {
		*fires = strcmp(js_str(f, "act", ""), "fire") == 0;
		n += js_int(f, "count", 0);
	}
	json_array_foreach(due, i, f)
		answer("j", js_int(f, "at", 0), "run", 1);
	json_decref(due);
	return n;
}

/* Everybody was away for a hundred days, or the clock was set: the first thousand
 * are passed over one by one, and the rest at once.  Otherwise the job fires
 * again when 8640000 records have been written. */
static void
test_a_long_outage_is_a_few_records(void **state)
{
	int64_t count = 0;
	bool fires = false;
	json_t *due;

	(void)state;
	load_with("j", "once", false);
	watch_start(watch, NULL);
	later(8640000);
	for (int turn = 0; !fires && turn < 3; turn++)
		count += recorded(&fires);
	assert_true(fires);
	assert_int_equal(count, 8640000);
	/* The next one does not go with those. */
	later(3);
	due = watch_due(watch, now);
	assert_int_equal(json_array_size(due), 3);
	json_decref(due);
}

/* By a clock that is an hour ahead: what the broker refuses stays one occurrence.
 * A node that goes on without the broker takes what is on its way for settled,
 * and would be silent for that hour. */
static void
test_what_is_refused_is_no_range(void **state)
{
	int64_t from = now.wall.ms;

	(void)state;
	load_with("j", "once", false);
	watch_start(watch, NULL);
	later(3600);
	(void)fired();
	for (int n = 0; n < 1200; n++) {
		json_t *no = json_pack("{s:s,s:I,s:I,s:s,s:s}", "job", "j", "at",
		    (json_int_t)from + 1000, "cursor", (json_int_t)from,
		    "refused", "no", "code", "clock");
		json_t *due;

		watch_answer(watch, no, now);
		json_decref(no);
		now.mono.us += 1000000;
		due = watch_due(watch, now);
		assert_int_equal(json_array_size(due), 1);
		assert_int_equal(js_int(json_array_get(due, 0), "count", 0), 1);
		json_decref(due);
	}
}

/* Those are counted, and a look that counts them all keeps heartbeats waiting. */
static void
test_a_long_outage_is_counted_in_several_looks(void **state)
{
	int64_t count = 0, n;
	bool fires = false;

	(void)state;
	load_with("j", "once", true);
	watch_start(watch, NULL);
	later(8640000);
	for (int look = 0; !fires && look < 100; look++) {
		assert_true(watch_next(watch).ms <= now.wall.ms);
		n = recorded(&fires);
		assert_in_range(n, 1, 150000);
		count += n;
	}
	assert_true(fires);
	assert_int_equal(count, 8640000);
}

/* Each of a hundred that were sent together is answered when one is on record
 * already.  That is one gap, and not a broker that says the same a hundred times:
 * with a pause for each, what is due is caught up with at some a second. */
static void
test_a_gap_holds_up_for_some_milliseconds(void **state)
{
	int64_t from = now.wall.ms;

	(void)state;
	load("j");
	watch_start(watch, NULL);
	later(100);
	assert_int_equal(fired(), 100);
	answer("j", from + 1000, "cursor", from);
	assert_int_equal(fired(), 1);
	for (int i = 2; i <= 100; i++)
		answer("j", from + i * 1000, "cursor", from);
	now.mono.us += 20000;
	assert_int_equal(fired(), 1);
	answer("j", from + 1000, "cursor", from + 1000);
	assert_int_equal(fired(), 1);
	answer("j", from + 2000, "run", 1);
	assert_int_equal(fired(), 98);
}

static bool
none_alone(void *ctx, const struct job *job)
{
	(void)ctx;
	(void)job;
	return false;
}

/* … and when its answer is lost, that is not the end of the job. */
static void
test_one_that_is_not_answered_asks_again(void **state)
{
	int64_t from = now.wall.ms;
	mono asked;

	(void)state;
	load("j");
	watch_start(watch, NULL);
	later(3);
	assert_int_equal(fired(), 3);
	answer("j", from + 1000, "cursor", from);
	later(1);
	asked = now.mono;
	assert_int_equal(fired(), 1);
	assert_int_equal(watch_retry(watch).us, asked.us + 5000000);
	later(4);
	assert_int_equal(fired(), 0);
	later(1);
	assert_int_equal(fired(), 1);
	assert_int_equal(under_way(), 1);
	/* Without its broker it asks nobody, and wakes for nothing. */
	later(6);
	watch_choose(watch, none_alone, NULL);
	assert_int_equal(watch_alone(watch, now, NULL, NULL), 0);
	assert_int_equal(watch_retry(watch).us, MONO_NEVER.us);
	answer("j", from + 1000, "run", 1);
	assert_int_equal(fired(), 14);
}

/* The broker was about to move the role when they came, and its disk refused
 * that: this node is the Scheduler, and no grant will come.  What it had sent is
 * still due, and not only when the job is due again. */
static void
test_what_was_refused_is_due_if_this_is_the_scheduler(void **state)
{
	int64_t from = now.wall.ms;
	json_t *refused = json_pack("{s:s,s:I,s:s,s:s}", "job", "j", "at",
	    (json_int_t)from + 2000, "refused", "the epoch is not the "
	    "Scheduler's", "code", "epoch"), *due;

	(void)state;
	load("j");
	watch_start(watch, NULL);
	later(3);
	assert_int_equal(fired(), 3);
	answer("j", from + 1000, "run", 1);
	watch_answer(watch, refused, now);
	watch_answer(watch, refused, now);
	json_decref(refused);
	assert_int_equal(under_way(), 0);
	assert_int_equal(fired(), 0);		/* not again and again */
	assert_int_equal(watch_retry(watch).us, now.mono.us + 1000000);
	later(1);
	assert_int_equal(fired(), 1);
	later(5);			/* and no answer */
	due = watch_due(watch, now);
	assert_int_equal(json_array_size(due), 1);
	assert_int_equal(js_int(json_array_get(due, 0), "at", 0), from + 2000);
	json_decref(due);
	answer("j", from + 2000, "run", 2);
	assert_int_equal(fired(), 7);
}

/* A thousand may be under way: were those of a removed job kept, nothing would
 * be fired any more once there are so many of them. */
static void
test_a_removed_job_leaves_nothing_under_way(void **state)
{
	(void)state;
	load("j");
	watch_start(watch, NULL);
	later(5000);
	assert_int_equal(fired(), 1000);
	load("k");
	assert_int_equal(under_way(), 0);
	answer("j", now.wall.ms, "run", 1);
	later(2);
	assert_int_equal(fired(), 2);
}

#define U(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		U(test_each_is_under_way_until_it_is_answered),
		U(test_one_asks_when_they_are_refused),
		U(test_a_long_outage_is_a_few_records),
		U(test_a_long_outage_is_counted_in_several_looks),
		U(test_what_is_refused_is_no_range),
		U(test_one_that_is_not_answered_asks_again),
		U(test_a_gap_holds_up_for_some_milliseconds),
		U(test_a_removed_job_leaves_nothing_under_way),
		U(test_what_was_refused_is_due_if_this_is_the_scheduler),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
