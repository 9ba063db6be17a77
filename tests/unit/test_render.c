/* What an operator reads.  A column that lies or an escape sequence that gets
 * through to the terminal is worse than no console at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "render.h"

static const struct render utc = {
	.now = { 1795303498000 },	/* 2026-11-21T23:24:58Z */
	.utc = true
};

static void
shows(const struct cmd *c, const char *json, const char *want)
{
	struct buf b = BUF_INIT(1 << 20);
	json_error_t je;
	json_t *doc = json_loads(json, JSON_DECODE_ANY, &je);

	if (doc == NULL)
		fail_msg("%s: %s", json, je.text);
	render_doc(&b, c, doc, &utc);
	assert_string_equal(b.p, want);
	json_decref(doc);
	buf_free(&b);
}

static const struct cmd list = {
	.noun = "x", .verb = "list", .args = "", .help = "",
	.columns = "NAME=name HEALTH=health.level RUNS=running:num "
		   "SEEN=seen:age LINK=up:link HELD=held:mark"
};

static void
lists_are_aligned_by_terminal_cells(void **state)
{
	(void)state;
	shows(&list, "[{\"name\":\"nöde\",\"health\":{\"level\":\"good\"},"
	    "\"running\":12,\"seen\":\"2026-11-21T23:24:55.000Z\","
	    "\"up\":true,\"held\":false},"
	    "{\"name\":\"節点-b\",\"health\":null,\"running\":3,"
	    "\"seen\":null,\"up\":false,\"held\":true}]",
	    "NAME    HEALTH  RUNS  SEEN    LINK  HELD\n"
	    "nöde    good      12  3s ago  up    -\n"
	    "節点-b  -          3  -       down  yes\n");
}

static void
an_empty_list_shows_what_was_looked_at(void **state)
{
	(void)state;
	shows(&list, "[]", "NAME  HEALTH  RUNS  SEEN  LINK  HELD\n");
}

static void
one_thing_is_name_and_value(void **state)
{
	(void)state;
	shows(&cmds[CMD_STATUS],
	    "{\"node\":\"node-a\",\"suspended\":false,\"epoch\":42,"
	    "\"lease_left\":3.2,\"broker\":{\"name\":\"b\","
	    "\"connected\":true},\"alerts\":[\"disk full\",\"clock off\"],"
	    "\"none\":[],\"control\":null}",
	    "node:       node-a\n"
	    "suspended:  no\n"
	    "epoch:      42\n"
	    "lease_left: 3.2s\n"
	    "broker:\n"
	    "  name:      b\n"
	    "  connected: yes\n"
	    "alerts:     disk full, clock off\n"
	    "none:       -\n"
	    "control:    -\n");
}

static void
lists_inside_are_indented_tables(void **state)
{
	(void)state;
	shows(&cmds[CMD_WHY],
	    "{\"decision\":\"7\",\"at\":\"2026-11-21T23:00:00.250Z\","
	    "\"candidates\":[{\"name\":\"node-a\",\"eligible\":true},"
	    "{\"name\":\"b\",\"eligible\":false}]}",
	    "decision:   7\n"
	    "at:         2026-11-21 23:00:00.250Z\n"
	    "candidates:\n"
	    "  NAME    ELIGIBLE\n"
	    "  node-a  yes\n"
	    "  b       no\n");
}

static void
changes_say_their_message(void **state)
{
	(void)state;
	shows(&cmds[CMD_AGENT_ON], "{\"message\":\"node-b is the Scheduler\","
	    "\"epoch\":43}", "node-b is the Scheduler\n");
	shows(&cmds[CMD_APPLY], "{\"message\":\"2 jobs added\"}",
	    "2 jobs added\n");
	shows(&cmds[CMD_JOIN_TOKEN], "{\"message\":\"m\",\"token\":\"t\"}",
	    "message: m\ntoken:   t\n");
	shows(&cmds[CMD_AGENT_ON], "{}", "done\n");
	shows(&cmds[CMD_AGENT_ON], "{\"epoch\":43}", "epoch: 43\n");
}

static void
cells_take_lists_and_objects(void **state)
{
	static const struct cmd c = {
		.noun = "x", .verb = "", .args = "", .help = "",
		.columns = "TRIGGERS=triggers LAST=last"
	};

	(void)state;
	shows(&c, "[{\"triggers\":[{\"every\":\"2s\"},{\"cron\":\"@daily\"}],"
	    "\"last\":{\"run\":1,\"state\":\"lost\"}}]",
	    "TRIGGERS               LAST\n"
	    "every 2s, cron @daily  run=1 state=lost\n");
}

static void
nothing_hostile_reaches_the_terminal(void **state)
{
	(void)state;
	shows(&list, "[{\"name\":\"a\\u001b[2J\\u009b\\u202e\"}]",
	    "NAME                HEALTH  RUNS  SEEN  LINK  HELD\n"
	    "a^[[2J\\u009b\\u202e  -          -  -     -     -\n");
	shows(&cmds[CMD_JOB_SHOW], "{\"k\\u001b\":\"v\\n2\"}", "k^[: v^J2\n");
}

static void
values_that_are_not_as_announced_are_still_shown(void **state)
{
	(void)state;
	shows(&cmds[CMD_RUN_LIST], "[1,\"x\"]", "ID  JOB  STATE  EXIT  SIGNAL  "
	    "AGENT  ATTEMPT  CAUSE  OCCURRENCE  STARTED  ENDED  LATE\n"
	    "1   1    1         1       1  1            1  1      1           "
	    "1        1      1\n"
	    "x   x    x         x       x  x            x  x      x           "
	    "x        x      x\n");
	shows(&cmds[CMD_STATUS], "\"text\"", "text\n");
	shows(&cmds[CMD_STATUS], "null", "-\n");
	shows(&cmds[CMD_STATUS],
	    "{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", "a: …\n");
}

static void
durations_are_said_as_people_do(void **state)
{
	static const struct {
		double s;
		const char *want;
	} c[] = {
		{ 0, "0s" }, { 0.25, "250ms" }, { 1, "1s" }, { 4.2, "4.2s" },
		{ 9.97, "10s" }, { 59.4, "59s" }, { 59.6, "1m" },
		{ 192, "3m12s" }, { 5400, "1h30m" }, { 3600, "1h" },
		{ 86400 * 3 + 7200, "3d2h" }, { -5, "-5s" }, { 0.9999, "1.0s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct buf b = BUF_INIT(64);

		render_dur(&b, c[i].s);
		assert_string_equal(b.p, c[i].want);
		buf_free(&b);
	}
}

static void
local_times_name_their_zone(void **state)
{
	struct render local = { .now = utc.now };
	struct buf b = BUF_INIT(256);
	json_t *doc = json_string("2026-11-21T23:00:00.000Z");

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1", 1), 0);
	tzset();
	render_doc(&b, &cmds[CMD_STATUS], doc, &local);
	assert_string_equal(b.p, "2026-11-22 00:00:00 CET\n");
	json_decref(doc);
	buf_free(&b);
}

static void
json_is_one_document(void **state)
{
	struct buf b = BUF_INIT(256);
	json_t *doc = json_pack("{s:s,s:f}", "z", "ü\x7f", "a", 1.1);

	(void)state;
	render_json(&b, doc, true, false);
	assert_string_equal(b.p, "{\"z\":\"ü\x7f\",\"a\":1.1}\n");
	buf_clear(&b);
	render_json(&b, doc, true, true);
	assert_string_equal(b.p, "{\"z\":\"\\u00FC\\u007f\",\"a\":1.1}\n");
	buf_clear(&b);
	render_json(&b, NULL, false, false);
	assert_string_equal(b.p, "null\n");
	json_decref(doc);
	buf_free(&b);
}

static void
output_of_runs_is_verbatim_but_for_a_terminal(void **state)
{
	static const char text[] = "a\tb\n\x1b[31mred\xff\n";
	struct buf b = BUF_INIT(256);

	(void)state;
	render_raw(&b, text, sizeof(text) - 1, false);
	assert_string_equal(b.p, text);
	buf_clear(&b);
	render_raw(&b, text, sizeof(text) - 1, true);
	assert_string_equal(b.p, "a\tb\n^[[31mred\\xff\n");
	buf_free(&b);
}

static void
rows_of_a_stream_line_up(void **state)
{
	struct render_widths w = { { 0 } };
	struct buf b = BUF_INIT(1024);
	static const char *const rows[] = {
		"{\"at\":\"2026-11-21T23:00:00.000Z\",\"severity\":\"warning\","
		"\"code\":\"x\",\"node\":\"a\",\"actor\":null,\"message\":\"m\"}",
		"{\"at\":\"2026-11-21T23:00:01.000Z\",\"severity\":\"info\","
		"\"code\":\"y\",\"node\":\"a\",\"actor\":null,\"message\":\"n\"}",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *row = json_loads(rows[i], 0, NULL);

		render_row(&b, &cmds[CMD_EVENT_FOLLOW], row, &utc, &w);
		json_decref(row);
	}
	assert_string_equal(b.p,
	    "2026-11-21 23:00:00Z  warning  x  a  -  m\n"
	    "2026-11-21 23:00:01Z  info     y  a  -  n\n");
	buf_free(&b);
}

/* A typo in a column would show "-" for ever. */
static void
the_columns_of_the_table_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < CMD_COUNT; i++) {
		struct buf b = BUF_INIT(1 << 16);
		const char *s = cmds[i].columns;
		json_t *empty = json_array();
		size_t n = *s != '\0';

		for (const char *p = s; *p != '\0'; p++)
			n += *p == ' ';
		assert_true(n <= RENDER_COLUMNS);
		render_doc(&b, &cmds[i], empty, &utc);
		if (n > 0) {
			size_t titles = 1;

			for (char *p = b.p; *p != '\0'; p++)
				titles += p[0] == ' ' && p[1] != ' ' &&
				    p > b.p;
			assert_int_equal(titles, n);
		}
		json_decref(empty);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_aligned_by_terminal_cells),
		cmocka_unit_test(an_empty_list_shows_what_was_looked_at),
		cmocka_unit_test(one_thing_is_name_and_value),
		cmocka_unit_test(lists_inside_are_indented_tables),
		cmocka_unit_test(changes_say_their_message),
		cmocka_unit_test(cells_take_lists_and_objects),
		cmocka_unit_test(nothing_hostile_reaches_the_terminal),
		cmocka_unit_test(
		    values_that_are_not_as_announced_are_still_shown),
		cmocka_unit_test(durations_are_said_as_people_do),
		cmocka_unit_test(local_times_name_their_zone),
		cmocka_unit_test(json_is_one_document),
		cmocka_unit_test(output_of_runs_is_verbatim_but_for_a_terminal),
		cmocka_unit_test(rows_of_a_stream_line_up),
		cmocka_unit_test(the_columns_of_the_table_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
