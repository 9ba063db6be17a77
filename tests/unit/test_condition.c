/* Conditions: what is parsed is what is meant, and an error says where.  What
 * a user would lose: a role that moves (or does not) for another reason than
 * the one written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/condition.h"
#include "core/health.h"

enum { RING = 256 };

struct world {
	struct sample	ring[2][RING];
	struct series	mine, other;
	struct cond_env env;
	struct buf	told;
	mono		since;
	int		connected;
	const char     *name, *labels;
};

static const struct series *
world_series(void *ctx, const char *node)
{
	struct world *w = ctx;

	return node == NULL ? &w->mine :
	    strcmp(node, "node-b") == 0 ? &w->other : NULL;
}

static const char *
world_field(void *ctx, enum cond_field f)
{
	struct world *w = ctx;

	switch (f) {
	case COND_NAME:
		return w->name;
	case COND_LABELS:
		return w->labels;
	case COND_MODE:
		return "agent";
	case COND_ROLE:
		return "spare";
	case COND_NFIELDS:
		break;
	}
	return NULL;
}

static int
world_connected(void *ctx, const char *node, mono *since)
{
	struct world *w = ctx;

	*since = w->since;
	return node == NULL || strcmp(node, "node-c") == 0 ? w->connected :
	    -1;
}

static int64_t
world_running(void *ctx, const char *job)
{
	(void)ctx;
	return strcmp(job, "nightly") == 0 ? 4 : -1;
}

static int
world_calendar(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "holidays") == 0 ? 1 : -1;
}

static void
world_term(void *ctx, const struct cond_term *t)
{
	struct world *w = ctx;

	cond_term_line(&w->told, t);
}

static void
world_init(struct world *w)
{
	*w = (struct world){ .name = "build-7", .labels = "tape, gpu",
		.connected = 1, .told = BUF_INIT(4096) };
	series_init(&w->mine, w->ring[0], RING);
	series_init(&w->other, w->ring[1], RING);
	w->env = (struct cond_env){ .now = { .mono = { 1000000000 } },
		.gap_ms = 15000, .ctx = w, .series = world_series,
		.field = world_field, .connected = world_connected,
		.running = world_running, .calendar = world_calendar };
}

/* A sample, `ago` seconds before now. */
static void
put(struct world *w, struct series *s, double ago, enum metric m, double v)
{
	struct sample one = { .at = { w->env.now.mono.us -
	    (int64_t)(ago * 1e6) } };

	sample_set(&one, m, v);
	series_put(s, &one);
}

static struct cond *
parse(const char *text, enum cond_use use)
{
	struct err e = { 0 };
	struct cond *c;

	if (cond_parse(text, use, &c, &e) == -1)
		fail_msg("%s: %s", text, e.msg);
	assert_string_equal(cond_text(c), text);
	return c;
}

static void
is(struct world *w, const char *text, enum cond_result want)
{
	struct cond *c = parse(text, COND_STATE);
	enum cond_result r = cond_eval(c, &w->env);

	if (r != want)
		fail_msg("%s: %s, expected %s", text, cond_result_word(r),
		    cond_result_word(want));
	cond_free(c);
}

static void
yes(struct world *w, const char *text)
{
	is(w, text, COND_TRUE);
}

static void
no(struct world *w, const char *text)
{
	is(w, text, COND_FALSE);
}

static void
unknown(struct world *w, const char *text)
{
	is(w, text, COND_UNKNOWN);
}

static void
comparisons(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	put(&w, &w.mine, 1, METRIC_CPU, 93.1);
	put(&w, &w.mine, 1, METRIC_HEALTH, HEALTH_BAD);
	put(&w, &w.mine, 1, METRIC_UPTIME, 99.5);
	put(&w, &w.mine, 1, METRIC_LATENCY, 31);
	put(&w, &w.mine, 1, METRIC_RUNNING, 0);
	put(&w, &w.other, 1, METRIC_CPU, 89.9);
	yes(&w, "cpu > 90");
	yes(&w, "cpu>90%");
	yes(&w, "cpu = 93.1");
	yes(&w, "cpu == 93.1");
	no(&w, "cpu != 93.1");
	no(&w, "cpu < 93.1");
	yes(&w, "cpu <= 93.1");
	yes(&w, "cpu >= 93.1");
	yes(&w, "cpu > -1");
	no(&w, "cpu of node-b >= 90");
	yes(&w, "cpu of \"node-b\" >= 89.5");
	unknown(&w, "cpu of node-z > 1");
	unknown(&w, "mem > 1");
	yes(&w, "health = bad");
	yes(&w, "health <= bad and health > very_bad and health > 1");
	yes(&w, "uptime > 99% and uptime < 99.9");
	yes(&w, "latency < 50ms and latency > 30");
	yes(&w, "running = 0");
	yes(&w, "connected = true");
	no(&w, "connected = false");
}

static void
the_rest_of_the_language(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	yes(&w, "any");
	no(&w, "none");
	yes(&w, "name = build-7 and name = \"build-7\"");
	yes(&w, "name ~ \"^build-\" and not name ~ \"^web\"");
	yes(&w, "name contains \"ild\"");
	yes(&w, "labels contains tape and labels contains \"gpu\"");
	no(&w, "labels contains tap");
	yes(&w, "mode = agent and role != scheduler");
	yes(&w, "connected(node-c)");
	yes(&w, "connected (node-c)");
	unknown(&w, "connected(node-d)");
	yes(&w, "running(job \"nightly\") > 3");
	no(&w, "running(job nightly) > 4");
	unknown(&w, "running(job \"none\") > 4");
	yes(&w, "in calendar \"holidays\"");
	unknown(&w, "in calendar \"fairs\"");
	no(&w, "not any");
	yes(&w, "not not any");
	yes(&w, "any or none and none");
	no(&w, "(any or none) and none");
	yes(&w, "\tname ~ \"a\\\\.b|\\\"|7$\"");
}

/* What is not known decides nothing, in either direction. */
static void
unknown_is_neither(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	unknown(&w, "cpu > 5");
	unknown(&w, "not cpu > 5");
	unknown(&w, "not (cpu > 5 and any)");
	unknown(&w, "cpu > 5 or none");
	yes(&w, "cpu > 5 or any");
	no(&w, "cpu > 5 and none");
	/* A sample older than three intervals is none. */
	put(&w, &w.mine, 15, METRIC_CPU, 50);
	yes(&w, "cpu > 5");
	w.env.now.mono.us++;
	yes(&w, "cpu > 5");
	w.env.now.mono.us += 1000;
	unknown(&w, "cpu > 5");
}

static void
for_needs_the_whole_window(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (int i = 59; i >= 0; i--)
		put(&w, &w.mine, i * 5, METRIC_HEALTH, HEALTH_VERY_BAD);
	/* 295 s are not five minutes. */
	unknown(&w, "health = very_bad for 5m");
	unknown(&w, "not (health = very_bad for 5m)");
	no(&w, "health = good for 5m");
	yes(&w, "health = very_bad for 4m55s");
	yes(&w, "(health <= bad and health of node-b = good or any) for 2m");
	w.env.now.mono.us += 5000000;
	yes(&w, "health = very_bad for 5m");
	/* One sample inside that does not match. */
	world_init(&w);
	for (int i = 80; i >= 0; i--)
		put(&w, &w.mine, i * 5, METRIC_CPU, i == 30 ? 79.9 : 95);
	no(&w, "cpu > 80 for 5m");
	no(&w, "cpu > 80 for 150s");
	yes(&w, "cpu > 80 for 145s");
	/* The one before the window's start still held at its start. */
	no(&w, "cpu > 80 for 148s");
	/* A hole in the samples is not covered. */
	world_init(&w);
	for (int i = 80; i >= 0; i--)
		if (i < 20 || i > 24)
			put(&w, &w.mine, i * 5, METRIC_CPU, 95);
	unknown(&w, "cpu > 80 for 5m");
	yes(&w, "cpu > 80 for 95s");
	unknown(&w, "cpu > 80 for 96s");
}

static void
for_over_other_things(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.since.us = w.env.now.mono.us - 60000000;
	yes(&w, "connected(node-c) for 1m");
	unknown(&w, "connected(node-c) for 61s");
	no(&w, "not connected(node-c) for 10s or none");
	w.connected = 0;
	yes(&w, "(not connected(node-c)) for 1m");
	no(&w, "connected(node-c) for 1m");
	yes(&w, "name ~ \"^build\" for 1h");
	/* Two nodes whose samples do not fall together. */
	for (int i = 30; i >= 0; i--) {
		put(&w, &w.mine, i * 5 + 1, METRIC_CPU, 90);
		put(&w, &w.other, i * 5, METRIC_CPU, i == 4 ? 10 : 90);
	}
	no(&w, "(cpu > 80 and cpu of node-b > 80) for 1m");
	yes(&w, "(cpu > 80 and cpu of node-b > 80) for 15s");
}

static void
averages(void **state)
{
	struct world w;
	struct cond *c;

	(void)state;
	world_init(&w);
	for (int i = 0; i <= 60; i++)
		put(&w, &w.mine, (60 - i) * 5, METRIC_CPU, i % 2 ? 100 : 50);
	yes(&w, "avg(cpu, 5m) > 74 and avg(cpu, 5m) < 75");
	yes(&w, "avg( cpu , 1s ) = 50");
	unknown(&w, "avg(cpu, 301s) > 1");
	unknown(&w, "avg(cpu of node-b, 1m) > 1");
	yes(&w, "avg(cpu, 1m) > 70 for 2m");
	c = parse("avg(cpu, 1m) > 70 for 2m or avg(mem, 2m30s) > 1",
	    COND_STATE);
	assert_int_equal(cond_window(c), 180000);
	cond_free(c);
}

/* This moment's knowledge goes before the last sample's. */
static bool
now_running(void *ctx, const char *node, enum metric m, double *v)
{
	(void)ctx;
	*v = 8;
	return node == NULL && m == METRIC_RUNNING;
}

static void
the_present_value_goes_first(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	put(&w, &w.mine, 3, METRIC_RUNNING, 2);
	yes(&w, "running < 8");
	w.env.metric = now_running;
	no(&w, "running < 8");
	unknown(&w, "running of node-b < 8");
}

static void
explains_itself(void **state)
{
	struct world w;
	struct cond *c;

	(void)state;
	world_init(&w);
	w.env.term = world_term;
	for (int i = 60; i >= 0; i--)
		put(&w, &w.mine, i * 5, METRIC_CPU, i < 10 ? 93.1 : 20);
	c = parse("cpu > 80 or mem > 1 and none or cpu > 1 for 1m",
	    COND_STATE);
	assert_int_equal(cond_eval(c, &w.env), COND_TRUE);
	assert_string_equal(w.told.p, "cpu > 80: 93.1, true\n"
	    "mem > 1: skipped\nnone: skipped\ncpu > 1 for 1m: skipped\n");
	cond_free(c);
	buf_clear(&w.told);
	c = parse("(mem > 1 or name ~ \"^x\") and any or cpu > 80 for 5m",
	    COND_STATE);
	assert_int_equal(cond_eval(c, &w.env), COND_UNKNOWN);
	assert_string_equal(w.told.p, "mem > 1: no recent sample, unknown\n"
	    "name ~ \"^x\": \"build-7\", false\nany: always, true\n"
	    "cpu > 80 for 5m: 93.1, held 45s of 5m, false\n");
	cond_free(c);
	buf_free(&w.told);
}

static void
errors_name_column_and_expectation(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "cpu", "column 4: expected a comparison (= != < <= > >=) "
		    "after \"cpu\"" },
		{ "cpu foo 3", "column 5: expected a comparison (= != < <= > "
		    ">=) after \"cpu\", not \"foo\"" },
		{ "cpu > ", "column 7: expected a number after \">\"" },
		{ "cpu > 5 and", "column 12: expected a condition after "
		    "\"and\"" },
		{ "cpu > eighty", "column 7: expected a number" },
		{ "cpu > 1.2.3", "column 7: expected a number" },
		{ "cpu > 5m", "column 7: expected a number" },
		{ "mem ~ \"x\"", "column 5: expected a comparison (= != < <= "
		    "> >=): contains and ~ are for name" },
		{ "health = awful", "column 10: expected a level (very_bad, "
		    "bad, ok, good, excellent, unknown)" },
		{ "connected = maybe", "column 13: expected true or false" },
		{ "(cpu > 5", "column 9: expected and, or, for or ) after "
		    "\"5\"" },
		{ "cpu > 5)", "column 8: expected and, or, for or the end" },
		{ "cpu > 5 for", "column 12: expected a duration" },
		{ "cpu > 5 for 0s", "column 13: expected a duration" },
		{ "cpu > 5 for 30d", "column 13: expected a duration" },
		{ "temp > 5", "column 1: expected a metric" },
		{ "", "column 1: expected a condition" },
		{ "name < \"x\"", "column 6: expected a comparison (= != "
		    "contains ~)" },
		{ "name ~ \"(\"", "column 8: expected a POSIX extended" },
		{ "name ~ x", "column 8: expected a pattern in quotes" },
		{ "name = \"x", "column 8: expected a closing \"" },
		{ "name ~ \"(a)\\1\"", "without back references" },
		{ "name ~ \"((((a{99}){99}){99}){99}\"", "expands too far" },
		{ "name ~ \"((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+\"",
		    "expands too far" },
		{ "avg(health, 5m) > 1", "column 5: expected a metric with a "
		    "mean" },
		{ "avg(cpu) > 1", "column 8: expected a comma" },
		{ "running(job \"x\") > 3 for 5m", "column 1: expected "
		    "something that is sampled within for" },
		{ "(cpu > 1 for 5m) for 5m", "not another for" },
		{ "avg(cpu, 2h) > 1 for 5m", "at most 1h" },
		{ "cpu > 5 ; rm", "column 9: expected a word" },
		{ "name = \"\xc3\xa9\xc3\xa9\" x", "column 13: expected and, "
		    "or, for or the end" },
		{ "cpu > \x1b[31m", "column 7: a control character" },
		{ "cpu > \xff", "expected UTF-8" },
		{ "cpu > 5 on change", "column 9: on change, pause and rearm "
		    "are for flows" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };
		struct cond *c;

		if (cond_parse(bad[i].text, COND_STATE, &c, &e) != -1)
			fail_msg("%s was accepted", bad[i].text);
		assert_null(c);
		if (strstr(e.msg, bad[i].want) == NULL)
			fail_msg("%s\n got  %s\n want %s", bad[i].text, e.msg,
			    bad[i].want);
	}
}

static void
limits(void **state)
{
	char text[COND_TEXT + 64];
	struct err e = { 0 };
	struct cond *c;

	(void)state;
	memset(text, '(', sizeof(text));
	text[COND_TEXT] = '\0';
	assert_int_equal(cond_parse(text, COND_STATE, &c, &e), -1);
	assert_non_null(strstr(e.msg, "at most 24 levels"));
	text[COND_TEXT] = '(';
	text[COND_TEXT + 1] = '\0';
	assert_int_equal(cond_parse(text, COND_STATE, &c, &e), -1);
	assert_non_null(strstr(e.msg, "at most 1024 bytes"));
	memcpy(text, "any", 4);
	for (int i = 1; i < COND_TERMS; i++)
		memcpy(text + strlen(text), " or any", 8);
	c = parse(text, COND_STATE);
	cond_free(c);
	memcpy(text + strlen(text), " or any", 8);
	assert_int_equal(cond_parse(text, COND_STATE, &c, &e), -1);
	assert_non_null(strstr(e.msg, "at most 64 terms"));
}

/* When a flow fires: one letter a second. */
static void
fires(const char *text, const char *met, const char *want)
{
	struct cond *c = parse(text, COND_EVENT);
	struct cond_latch l = { 0 };
	char got[64] = "";

	for (size_t i = 0; met[i] != '\0'; i++) {
		enum cond_result r = met[i] == 't' ? COND_TRUE :
		    met[i] == '?' ? COND_UNKNOWN : COND_FALSE;

		got[i] = cond_latch_step(&l, c, r,
		    (mono){ (int64_t)i * 1000000 }) ? '!' : '.';
	}
	if (strcmp(got, want) != 0)
		fail_msg("%s\n met  %s\n got  %s\n want %s", text, met, got,
		    want);
	cond_free(c);
}

static void
flows_fire_once_per_match(void **state)
{
	(void)state;
	fires("any", "ftttffttf", ".!....!..");
	fires("any", "tt??tt?f?t", "!........!");
	fires("any on change", "ftttffttf", ".!..!.!.!");
	fires("any rearm 3s", "tttttttft", "!..!..!.!");
	fires("any pause 4s", "tftftftft", "!...!...!");
	fires("any pause 4s", "tfttttttt", "!...!....");
	fires("any pause 10s rearm 2s", "tttttttttttt", "!.........!.");
	fires("connected(x) on change pause 3s", "tfttttttt", "!........");
}

static void
health_levels_look_at_one_sample(void **state)
{
	static const char *const bad[] = { "cpu > 1 for 5m", "avg(cpu, 1m) > 1",
		"cpu of node-b > 1", "health = bad", "connected(x)",
		"running(job x) > 1", "in calendar \"x\"", "name = x",
		"latency > 5" };
	struct cond *c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cond_parse(bad[i], COND_INSTANT, &c, NULL),
		    -1);
	c = parse("not (disk < 5 or psi_io > 3.5)", COND_INSTANT);
	cond_free(c);
}

static void
series_keep_the_newest(void **state)
{
	struct sample ring[4], bigger[8];
	struct series s;
	double v;

	(void)state;
	series_init(&s, ring, 4);
	for (int i = 0; i < 10; i++) {
		struct sample one = { .at = { i * 1000000 } };

		sample_set(&one, METRIC_CPU, i);
		series_put(&s, &one);
		one.at.us -= 1;
		series_put(&s, &one);	/* late: dropped */
	}
	assert_int_equal(s.n, 4);
	assert_int_equal(series_at(&s, 0)->at.us, 6000000);
	series_move(&s, bigger, 8);
	assert_int_equal(s.n, 4);
	assert_true(series_value(&s, METRIC_CPU, (mono){ 7500000 }, 3000,
	    &v));
	assert_true(v >= 7 && v <= 7);
	assert_true(series_mean(&s, METRIC_CPU, (mono){ 6000000 },
	    (mono){ 9000000 }, 1000, &v));
	assert_true(v >= 7.5 && v <= 7.5);
	assert_false(series_covers(&s, METRIC_CPU, (mono){ 5999999 },
	    (mono){ 9000000 }, 1000));
	assert_false(series_covers(&s, METRIC_CPU, (mono){ 6000000 },
	    (mono){ 9000000 }, 999));
	assert_false(series_covers(&s, METRIC_MEM, (mono){ 6000000 },
	    (mono){ 9000000 }, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons),
		cmocka_unit_test(the_rest_of_the_language),
		cmocka_unit_test(unknown_is_neither),
		cmocka_unit_test(for_needs_the_whole_window),
		cmocka_unit_test(for_over_other_things),
		cmocka_unit_test(averages),
		cmocka_unit_test(the_present_value_goes_first),
		cmocka_unit_test(explains_itself),
		cmocka_unit_test(errors_name_column_and_expectation),
		cmocka_unit_test(limits),
		cmocka_unit_test(flows_fire_once_per_match),
		cmocka_unit_test(health_levels_look_at_one_sample),
		cmocka_unit_test(series_keep_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
