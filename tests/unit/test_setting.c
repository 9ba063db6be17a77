/* What a user would lose: two Schedulers at work, because a lease outlives the
 * timeout after which the next one is chosen; or half of a change applied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/setting.h"

static bool
no_moon(const char *text, struct err *e)
{
	if (strstr(text, "moon") == NULL)
		return true;
	(void)err_set(e, ERR_USAGE, "column 1: expected a metric");
	return false;
}

static const struct checks checks = { .condition = no_moon, .zone = no_moon };

static int
set(struct settings *s, struct err *e, size_t n, ...)
{
	struct setting_pair p[8];
	va_list ap;

	va_start(ap, n);
	for (size_t i = 0; i < n; i++) {
		p[i].name = va_arg(ap, const char *);
		p[i].value = va_arg(ap, const char *);
	}
	va_end(ap);
	return settings_set(s, p, n, &checks, e);
}

static void
refuses(const char *name, const char *value, const char *message)
{
	struct settings s, before;
	struct err e = { 0 };

	settings_default(&s, "prod", "UTC");
	before = s;
	assert_int_equal(set(&s, &e, 1, name, value), -1);
	assert_string_equal(e.msg, message);
	assert_memory_equal(&s, &before, sizeof(s));
}

/* SPEC section 8's table. */
static void
test_defaults(void **state)
{
	static const char *const want[][2] = {
		{ "cluster_name", "prod" }, { "control_status", "true" },
		{ "control", "auto" }, { "connection_timeout", "15s" },
		{ "off_timeout", "5s" }, { "grant_timeout", "5s" },
		{ "heartbeat", "1s" }, { "lease", "4s" },
		{ "transfer_on_condition", "false" },
		{ "switch_condition", "health = very_bad for 5m" },
		{ "switch_min_interval", "1m" }, { "manual_hold", "10m" },
		{ "selection", "best_health" }, { "filter_condition", "any" },
		{ "filter_agents", "" }, { "on_no_agent", "wait" },
		{ "sample_interval", "5s" }, { "worsen_after", "10s" },
		{ "improve_after", "30s" }, { "token_ttl", "15m" },
		{ "lost_after", "5m" }, { "zone", "Europe/Berlin" },
		{ "max_skew", "2s" }, { "on_broker_loss", "suspend" },
	};
	size_t n = sizeof(want) / sizeof(want[0]);
	struct settings s;
	struct err e;

	(void)state;
	settings_default(&s, "prod", "Europe/Berlin");
	for (size_t i = 0; i < n; i++) {
		char *text = setting_text(&s, want[i][0], &e);

		assert_non_null(text);
		assert_string_equal(text, want[i][1]);
		free(text);
	}
	assert_null(setting_name(n));
}

static void
test_lease_against_timeouts(void **state)
{
	(void)state;
	refuses("lease", "6s",
	    "setting lease: must be shorter than off_timeout (5s), not \"6s\"");
	refuses("lease", "4500ms", "setting lease: must be at most 4s90ms "
	    "while off_timeout is 5s, not \"4500ms\": clocks may drift 10 % "
	    "either way");
	refuses("lease", "1500ms", "setting lease: must be at least twice "
	    "heartbeat (1s), not \"1500ms\"");
	refuses("heartbeat", "3s", "setting heartbeat: must be at most half of "
	    "lease (4s), not \"3s\"");
	refuses("off_timeout", "3s", "setting off_timeout: must be longer than "
	    "lease (4s), not \"3s\"");
	refuses("off_timeout", "4500ms", "setting off_timeout: must be at "
	    "least 4s889ms while lease is 4s, not \"4500ms\": clocks may drift "
	    "10 % either way");
	refuses("connection_timeout", "2s", "setting connection_timeout: must "
	    "be longer than lease (4s), not \"2s\"");
}

/* The bound itself holds, one millisecond more does not: for many timeouts. */
static void
test_bound_is_exact(void **state)
{
	(void)state;
	for (int64_t t = 200; t < 60000; t += 337) {
		char off[32], most[32], more[32];
		int64_t max = 9 * t / 11;
		struct settings s;
		struct err e;

		(void)snprintf(off, sizeof(off), "%lldms", (long long)t);
		(void)snprintf(most, sizeof(most), "%lldms", (long long)max);
		(void)snprintf(more, sizeof(more), "%lldms",
		    (long long)max + 1);
		settings_default(&s, "c", NULL);
		assert_int_equal(set(&s, &e, 4, "off_timeout", off,
		    "connection_timeout", off, "heartbeat", "50ms", "lease",
		    most), 0);
		assert_true(11 * s.lease <= 9 * s.off_timeout);
		assert_int_equal(set(&s, &e, 1, "lease", more), -1);
	}
}

static void
test_together_or_not_at_all(void **state)
{
	struct settings s, before;
	struct err e = { 0 };

	(void)state;
	settings_default(&s, "prod", NULL);
	before = s;
	/* Each alone is refused, together they hold. */
	assert_int_equal(set(&s, &e, 3, "off_timeout", "1s", "lease", "500ms",
	    "heartbeat", "250ms"), 0);
	assert_int_equal(s.off_timeout, 1000);
	assert_int_equal(s.lease, 500);
	s = before;
	assert_int_equal(set(&s, &e, 2, "max_skew", "3s", "lease", "1h30"), -1);
	assert_string_equal(e.msg, "setting lease: must be a duration as "
	    "250ms, 15s, 1h30m or 7d, not \"1h30\"");
	assert_memory_equal(&s, &before, sizeof(s));
	assert_int_equal(set(&s, &e, 2, "lease", "3s", "lease", "4s"), -1);
	assert_string_equal(e.msg, "setting lease: is given twice");
}

static void
test_values(void **state)
{
	struct err e = { 0 };
	struct settings s;

	(void)state;
	refuses("leese", "1s", "no setting \"leese\": did you mean \"lease\"?");
	refuses("control", "automatic", "setting control: must be auto, advise "
	    "or manual, not \"automatic\"");
	refuses("selection", "", "setting selection: must be round_robin, "
	    "first, random or best_health, not \"\"");
	refuses("control_status", "maybe",
	    "setting control_status: must be true or false, not \"maybe\"");
	refuses("switch_condition", "moon > 3",
	    "setting switch_condition: column 1: expected a metric");
	refuses("zone", "moon/base", "setting zone: column 1: expected a "
	    "metric");
	refuses("filter_condition", "",
	    "setting filter_condition: must not be empty");
	refuses("filter_agents", "node-a,-b", "setting filter_agents: must be "
	    "names of nodes with commas between, not \"-b\"");
	refuses("cluster_name", "a/b", "setting cluster_name: must be 1 to 63 "
	    "of A-Z a-z 0-9 . _ -, starting with a letter, a digit or _, not "
	    "\"a/b\"");
	settings_default(&s, "prod", NULL);
	assert_string_equal(s.zone, "UTC");
	assert_true(settings_agent_passes(&s, "anyone"));
	assert_int_equal(set(&s, &e, 3, "filter_agents", " node-a, node-b ,c",
	    "control_status", "off", "selection", "first"), 0);
	assert_string_equal(s.filter_agents, "node-a,node-b,c");
	assert_true(settings_agent_passes(&s, "node-b"));
	assert_true(settings_agent_passes(&s, "c"));
	assert_false(settings_agent_passes(&s, "node"));
	assert_false(s.control_status);
	assert_int_equal(s.selection, SELECTION_FIRST);
}

/* What the store keeps as text must give the same settings after a restart. */
static void
test_text_round_trip(void **state)
{
	struct setting_pair p[64];
	struct settings a, b;
	struct err e = { 0 };
	size_t n = 0;

	(void)state;
	settings_default(&a, "prod", "Europe/Berlin");
	assert_int_equal(set(&a, &e, 5, "lease", "2500ms", "filter_agents",
	    "x,y", "control", "advise", "switch_condition", "cpu > 90 for 1m",
	    "token_ttl", "1h30m"), 0);
	for (; setting_name(n) != NULL; n++) {
		p[n].name = setting_name(n);
		p[n].value = setting_text(&a, p[n].name, &e);
	}
	settings_default(&b, "other", NULL);
	assert_int_equal(settings_set(&b, p, n, &checks, &e), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)p[i].value);
}

static void
test_json(void **state)
{
	struct settings s;
	struct err e = { 0 };
	json_t *all, *one;

	(void)state;
	settings_default(&s, "prod", NULL);
	all = settings_json(&s);
	assert_int_equal(json_array_size(all), 24);
	json_decref(all);
	one = setting_json(&s, "lease", &e);
	assert_int_equal(json_integer_value(json_object_get(one, "value")), 4);
	assert_string_equal(json_string_value(json_object_get(one, "text")),
	    "4s");
	assert_string_equal(json_string_value(json_object_get(one, "type")),
	    "duration");
	json_decref(one);
	assert_null(setting_json(&s, "nothing_like_it_at_all", &e));
	assert_int_equal(e.code, ERR_NOTFOUND);
}

static void
test_split(void **state)
{
	const char *value;
	struct err e = { 0 };
	char *name;

	(void)state;
	assert_int_equal(setting_split("switch_condition=cpu = 3", &name,
	    &value, &e), 0);
	assert_string_equal(name, "switch_condition");
	assert_string_equal(value, "cpu = 3");
	free(name);
	assert_int_equal(setting_split("lease", &name, &value, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(setting_split("=4s", &name, &value, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_lease_against_timeouts),
		cmocka_unit_test(test_bound_is_exact),
		cmocka_unit_test(test_together_or_not_at_all),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
