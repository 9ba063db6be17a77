/* What happens to what came due while nobody could fire it.  What a user would
 * lose: a backup that is never mentioned again, or a thousand of them at once
 * on Monday morning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/misfire.h"

static struct trigger hourly, second;
static struct schedule hours, seconds;

#define HOUR INT64_C(3600000)

static int
setup(void **state)
{
	struct err e;

	(void)state;
	if (trigger_parse_every("1h", &hourly, &e) == -1 ||
	    trigger_parse_every("1s", &second, &e) == -1)
		return -1;
	hours = (struct schedule){ .trigger = &hourly, .n = 1,
		.tz = tz_utc() };
	seconds = (struct schedule){ .trigger = &second, .n = 1,
		.tz = tz_utc() };
	return 0;
}

/* The acts in one line: F4 fired at 4 h, S1 skipped, with the reasons of the
 * first skip. */
static void
plan(const struct misfire_policy *p, wall cursor, wall now, const char *want,
    const char *reason)
{
	char got[256] = "";
	struct misfire m;
	struct misfire_act a;

	misfire_init(&m, p, &hours, cursor, now);
	while (misfire_step(&m, &a) != MISFIRE_DONE) {
		size_t len = strlen(got);

		(void)snprintf(got + len, sizeof(got) - len, "%s%c%d",
		    len > 0 ? " " : "", a.what == MISFIRE_FIRE ? 'F' : 'S',
		    (int)(a.first.ms / HOUR));
		assert_int_equal(a.count, 1);
		assert_int_equal(a.first.ms, a.last.ms);
		if (a.what == MISFIRE_PASS && reason != NULL) {
			assert_string_equal(a.reason, reason);
			reason = NULL;
		}
	}
	assert_string_equal(got, want);
	assert_true(a.first.ms > now.ms);
}

static void
skip_fires_only_what_is_fresh(void **state)
{
	struct misfire_policy p = { .kind = MISFIRE_SKIP };

	(void)state;
	plan(&p, (wall){ 0 }, (wall){ 3 * HOUR + 2 }, "S1 S2 F3",
	    "misfire skip: more than 10s late");
	plan(&p, (wall){ 0 }, (wall){ 3 * HOUR + 10000 }, "S1 S2 F3", NULL);
	plan(&p, (wall){ 0 }, (wall){ 3 * HOUR + 10001 }, "S1 S2 S3", NULL);
	plan(&p, (wall){ 0 }, (wall){ HOUR - 1 }, "", NULL);
}

static void
once_fires_the_newest(void **state)
{
	struct misfire_policy p = { .kind = MISFIRE_ONCE };

	(void)state;
	plan(&p, (wall){ 0 }, (wall){ 5 * HOUR + HOUR / 2 },
	    "S1 S2 S3 S4 F5", "misfire once: newer occurrence due");
	plan(&p, (wall){ 4 * HOUR }, (wall){ 5 * HOUR }, "F5", NULL);
	p.max_age_ms = HOUR / 4;
	plan(&p, (wall){ 0 }, (wall){ 3 * HOUR + HOUR / 2 }, "S1 S2 S3",
	    "misfire once: older than misfire_age");
}

static void
all_fires_within_its_limits(void **state)
{
	struct misfire_policy p = { .kind = MISFIRE_ALL };

	(void)state;
	plan(&p, (wall){ 0 }, (wall){ 4 * HOUR }, "F1 F2 F3 F4", NULL);
	p.max = 2;
	plan(&p, (wall){ 0 }, (wall){ 4 * HOUR }, "S1 S2 F3 F4",
	    "misfire all: more than misfire_max were due");
	plan(&p, (wall){ 3 * HOUR }, (wall){ 4 * HOUR }, "F4", NULL);
	p.max_age_ms = HOUR;
	plan(&p, (wall){ 0 }, (wall){ 4 * HOUR + 1 }, "S1 S2 S3 F4",
	    "misfire all: older than misfire_age");
	plan(&p, (wall){ 0 }, (wall){ 4 * HOUR }, "S1 S2 F3 F4", NULL);
}

/* The clock went back: what is settled is not fired again. */
static void
time_going_back_fires_nothing(void **state)
{
	struct misfire_policy p = { .kind = MISFIRE_ALL };

	(void)state;
	plan(&p, (wall){ 9 * HOUR }, (wall){ 4 * HOUR }, "", NULL);
}

/* A year away with a job of every second: few acts, exact counts. */
static void
long_outage(const struct schedule *s, int64_t secs, int64_t most)
{
	struct misfire_policy p = { .kind = MISFIRE_ONCE };
	struct misfire m;
	struct misfire_act a;
	int64_t acts = 0, count = 0, fired = 0;
	wall last = { 0 };

	misfire_init(&m, &p, s, (wall){ 0 }, (wall){ secs * 1000 + 500 });
	while (misfire_step(&m, &a) != MISFIRE_DONE) {
		assert_int_equal(a.first.ms, last.ms + 1000);
		assert_int_equal(a.last.ms - a.first.ms,
		    (a.count - 1) * 1000);
		last = a.last;
		count += a.count;
		fired += a.what == MISFIRE_FIRE;
		acts++;
	}
	assert_int_equal(fired, 1);
	assert_int_equal(count, secs);
	assert_int_equal(last.ms, secs * 1000);
	assert_true(acts <= MISFIRE_SINGLY + most);
}

static void
a_long_outage_is_cheap_and_exact(void **state)
{
	struct trigger cron;
	struct schedule s = { .trigger = &cron, .n = 1, .tz = tz_utc() };
	struct err e;

	(void)state;
	long_outage(&seconds, 366 * 86400, 2);
	assert_int_equal(trigger_parse_cron("* * * * * *", &cron, &e), 0);
	long_outage(&s, 3 * 86400, 7);
}

/* Every occurrence is told exactly once, whatever the policy and however often
 * the plan is begun anew in the middle. */
static void
nothing_is_silent(void **state)
{
	struct trigger t[2];
	struct schedule s = { .trigger = t, .n = 2, .tz = tz_utc() };
	struct err e;
	unsigned seed = (unsigned)clock_wall().ms;

	(void)state;
	if (getenv("SEED") != NULL)
		seed = (unsigned)strtoul(getenv("SEED"), NULL, 0);
	print_message("SEED=%u\n", seed);
	srandom(seed);
	assert_int_equal(trigger_parse_cron("*/7 * * * *", &t[0], &e), 0);
	assert_int_equal(trigger_parse_every("11m", &t[1], &e), 0);
	for (int k = 0; k < 300; k++) {
		struct misfire_policy p = {
			.kind = (enum misfire_kind)(random() % 3),
			.max = random() % 5,
			.max_age_ms = random() % (4 * HOUR) };
		wall cursor = { random() % (100 * HOUR) }, due = cursor;
		wall now = { cursor.ms + random() % (12 * HOUR) };
		struct misfire m;
		struct misfire_act a;

		misfire_init(&m, &p, &s, cursor, now);
		while (misfire_step(&m, &a) != MISFIRE_DONE) {
			due = schedule_next(&s, due);
			assert_int_equal(a.first.ms, due.ms);
			assert_true(a.what == MISFIRE_FIRE ||
			    a.reason[0] != '\0');
			if (random() % 4 == 0)
				misfire_init(&m, &p, &s, a.last, now);
		}
		assert_true(schedule_next(&s, due).ms > now.ms);
	}
}

static void
names(void **state)
{
	enum misfire_kind k;

	(void)state;
	assert_int_equal(misfire_of_name("once", &k), 0);
	assert_int_equal(k, MISFIRE_ONCE);
	assert_int_equal(misfire_of_name("never", &k), -1);
	assert_string_equal(misfire_name(MISFIRE_ALL), "all");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skip_fires_only_what_is_fresh),
		cmocka_unit_test(once_fires_the_newest),
		cmocka_unit_test(all_fires_within_its_limits),
		cmocka_unit_test(time_going_back_fires_nothing),
		cmocka_unit_test(a_long_outage_is_cheap_and_exact),
		cmocka_unit_test(nothing_is_silent),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
