/* Health levels.  What a user would lose: a role that flaps with every burst
 * of load, or a sick machine that goes on being called excellent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/health.h"

struct fix {
	struct health_policy policy;
	struct health_state  state;
	struct now	     now;
};

static struct fix f;

static int
setup(void **state)
{
	(void)state;
	health_policy_init(&f.policy);
	f.now = (struct now){ { 1000000 }, { 5000 } };
	health_init(&f.state, f.now);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	health_policy_free(&f.policy);
	return 0;
}

/* One sample, then some seconds pass.  The level after it. */
static enum health
feed(double cpu, double self, double mem, int64_t secs)
{
	struct sample s = { .at = f.now.mono };
	enum health before = f.state.level;
	bool changed;

	sample_set(&s, METRIC_CPU, cpu);
	sample_set(&s, METRIC_SELF_CPU, self);
	sample_set(&s, METRIC_MEM, mem);
	changed = health_step(&f.state, &s, &f.policy, f.now);
	assert_int_equal(changed, before != f.state.level);
	if (changed)
		assert_int_equal(f.state.since.wall.ms, f.now.wall.ms);
	f.now.mono = mono_add_ms(f.now.mono, secs * 1000);
	f.now.wall.ms += secs * 1000;
	return f.state.level;
}

static void
defaults_are_the_table_of_the_manual(void **state)
{
	static const struct {
		double	    cpu, self, mem;
		enum health level;
		const char *reason;
	} rows[] = {
		{ 93.1, 0, 0, HEALTH_VERY_BAD, "cpu 93.1 > 90" },
		{ 0, 80.5, 0, HEALTH_VERY_BAD, "self_cpu 80.5 > 80" },
		{ 0, 0, 95.5, HEALTH_VERY_BAD, "mem 95.5 > 95" },
		{ 90, 0, 0, HEALTH_BAD, "cpu 90.0 > 80" },
		{ 0, 61, 0, HEALTH_BAD, "self_cpu 61.0 > 60" },
		{ 0, 0, 95, HEALTH_BAD, "mem 95.0 > 90" },
		{ 80, 0, 0, HEALTH_OK, "cpu 80.0 > 50" },
		{ 0, 21, 0, HEALTH_OK, "self_cpu 21.0 > 20" },
		{ 0, 0, 90, HEALTH_OK, "mem 90.0 > 80" },
		{ 50, 0, 0, HEALTH_GOOD, "cpu 50.0 > 25" },
		{ 0, 20, 0, HEALTH_GOOD, "self_cpu 20.0 > 10" },
		{ 25, 10, 80, HEALTH_EXCELLENT, "cpu 25.0, self_cpu 10.0" },
	};

	(void)state;
	f.policy.worsen_after_ms = f.policy.improve_after_ms = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		health_init(&f.state, f.now);
		assert_int_equal(feed(rows[i].cpu, rows[i].self, rows[i].mem,
		    5), rows[i].level);
		assert_string_equal(f.state.reason, rows[i].reason);
	}
}

static void
classic_follows_every_sample(void **state)
{
	(void)state;
	f.policy.worsen_after_ms = f.policy.improve_after_ms = 0;
	assert_int_equal(feed(95, 0, 0, 5), HEALTH_VERY_BAD);
	assert_int_equal(feed(1, 0, 0, 5), HEALTH_EXCELLENT);
	assert_int_equal(feed(60, 0, 0, 5), HEALTH_OK);
	assert_int_equal(feed(85, 0, 0, 5), HEALTH_BAD);
	assert_int_equal(feed(30, 0, 0, 5), HEALTH_GOOD);
}

static void
a_burst_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(feed(1, 0, 0, 5), HEALTH_EXCELLENT);
	assert_int_equal(feed(99, 0, 0, 5), HEALTH_EXCELLENT);
	assert_int_equal(feed(99, 0, 0, 5), HEALTH_EXCELLENT);
	assert_int_equal(feed(1, 0, 0, 5), HEALTH_EXCELLENT);
	/* Ten seconds of it do. */
	assert_int_equal(feed(99, 0, 0, 5), HEALTH_EXCELLENT);
	assert_int_equal(feed(99, 0, 0, 5), HEALTH_EXCELLENT);
	assert_int_equal(feed(99, 0, 0, 5), HEALTH_VERY_BAD);
	assert_string_equal(f.state.reason, "cpu 99.0 > 90");
	/* And thirty to be forgiven. */
	for (int i = 0; i < 6; i++)
		assert_int_equal(feed(1, 0, 0, 5), HEALTH_VERY_BAD);
	assert_int_equal(feed(1, 0, 0, 5), HEALTH_EXCELLENT);
}

/* Bad and very bad by turns is bad: the level that held throughout. */
static void
between_levels_the_mildest_that_held(void **state)
{
	(void)state;
	feed(1, 0, 0, 5);
	feed(85, 0, 0, 5);
	feed(99, 0, 0, 5);
	assert_int_equal(feed(85, 0, 0, 5), HEALTH_BAD);
	assert_string_equal(f.state.reason, "cpu 85.0 > 80");
	/* Good and excellent by turns is good, and says what was measured. */
	for (int i = 0; i < 6; i++)
		assert_int_equal(feed(i % 2 ? 30 : 1, 0, 0, 5), HEALTH_BAD);
	assert_int_equal(feed(1, 0, 0, 5), HEALTH_GOOD);
	assert_string_equal(f.state.reason, "cpu 1.0, self_cpu 0.0");
}

static void
silence_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(f.state.level, HEALTH_UNKNOWN);
	assert_string_equal(f.state.reason, "no sample yet");
	assert_int_equal(health_deadline(&f.state, &f.policy).us,
	    MONO_NEVER.us);
	assert_int_equal(feed(60, 0, 0, 14), HEALTH_OK);
	assert_false(health_step(&f.state, NULL, &f.policy, f.now));
	f.now.mono = mono_add_ms(f.now.mono, 1000);
	assert_int_equal(health_deadline(&f.state, &f.policy).us,
	    f.now.mono.us);
	assert_true(health_step(&f.state, NULL, &f.policy, f.now));
	assert_int_equal(f.state.level, HEALTH_UNKNOWN);
	assert_string_equal(f.state.reason, "no sample for 15s");
	assert_false(health_step(&f.state, NULL, &f.policy, f.now));
	/* Back: judged afresh, by what it says now. */
	assert_int_equal(feed(1, 0, 0, 5), HEALTH_EXCELLENT);
}

static void
levels_can_be_edited(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(health_policy_set(&f.policy, HEALTH_VERY_BAD,
	    "mem>50", &e), 0);
	assert_int_equal(health_policy_set(&f.policy, HEALTH_VERY_BAD,
	    "cpu > 1 for 5m", &e), -1);
	assert_int_equal(feed(1, 0, 51, 5), HEALTH_VERY_BAD);
	assert_string_equal(f.state.reason, "mem 51.0 >50");
}

static void
names(void **state)
{
	(void)state;
	for (int h = 0; h < HEALTH_COUNT; h++) {
		const char *s = health_name((enum health)h);

		assert_int_equal(health_of_name(s, strlen(s)), h);
	}
	assert_int_equal(health_of_name("badly", 5), HEALTH_COUNT);
	for (int m = 0; m < METRIC_COUNT; m++) {
		const char *s = metric_name((enum metric)m);

		assert_int_equal(metric_of_name(s, strlen(s)), m);
	}
	assert_int_equal(metric_of_name("cp", 2), METRIC_COUNT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		TEST(defaults_are_the_table_of_the_manual),
		TEST(classic_follows_every_sample),
		TEST(a_burst_changes_nothing),
		TEST(between_levels_the_mildest_that_held),
		TEST(silence_is_unknown),
		TEST(levels_can_be_edited),
		TEST(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
