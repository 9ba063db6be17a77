/* What the console shows is so: of the row that is shown, as old as it says,
 * and nothing that is open is left out.  A daemon is played that is lost,
 * refuses and answers late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui_world.h"

/* Time goes by and nobody is heard. */
static void
silence(struct world *w, int64_t ms)
{
	w->now.mono = mono_add_ms(w->now.mono, ms);
	w->now.wall.ms += ms;
	ui_tick(&w->u, w->now);
}

static void
update(struct world *w, const char *text)
{
	json_t *doc = world_json(text);

	ui_update(&w->u, doc);
	json_decref(doc);
}

/* The link is down and the selection moves: the key, the clock and the runs of
 * one agent are never another's. */
static void
details_are_of_the_agent_shown(void **state)
{
	struct world *w = *state;
	json_t *r, *doc = world_json("{\"name\":\"node-c\",\"fingerprint\":"
	    "\"SHA256:ccc\",\"clock_skew\":1.5,\"outages\":7,\"runs\":[{"
	    "\"job\":\"backup-db\",\"id\":8812,\"state\":\"running\"}]}");

	type(w, "\n");
	later(w, 10);
	r = sent(w, "agent.show");
	assert_non_null(r);
	ui_answer(&w->u, UI_DETAIL, js_str(r, "about", ""), doc, NULL);
	json_decref(r);
	json_decref(doc);
	shows(w, "SHA256:ccc");
	shows(w, "outages in 24h 7");
	shows(w, "backup-db #8812 running");
	ui_link(&w->u, LINK_DOWN, "gone");
	type(w, "j");
	silence(w, 10);
	shows(w, "Agents > node-d");
	hides(w, "SHA256:ccc");
	hides(w, "outages in 24h");
	hides(w, "#8812");
	type(w, "k");
	shows(w, "SHA256:ccc");
}

/* A dash says that there is nothing to tell. */
static void
details_that_are_refused_say_why(void **state)
{
	struct err e = { ERR_DENIED, "agent show needs the privilege view" };
	struct world *w = *state;
	json_t *r;

	(void)json_object_clear(w->u.m.stats);
	type(w, "\n");
	later(w, 10);
	shows(w, "no samples yet");
	r = sent(w, "agent.show");
	ui_answer(&w->u, UI_DETAIL, js_str(r, "about", ""), NULL, &e);
	json_decref(r);
	shows(w, "agent show needs the privilege view");
	hides(w, "Key ");
	r = sent(w, "agent.stats");
	(void)MEM_STR(e.msg, "the broker is very busy");
	ui_answer(&w->u, UI_STATS, js_str(r, "about", ""), NULL, &e);
	json_decref(r);
	shows(w, "the broker is very busy");
	type(w, "j");
	later(w, 10);
	hides(w, "needs the privilege");
	hides(w, "very busy");
	type(w, "3");
	later(w, 10);
	r = sent(w, "job.show");
	ui_answer(&w->u, UI_DETAIL, js_str(r, "about", ""), NULL, &e);
	json_decref(r);
	shows(w, "very busy");
}

/* A day's curve is no curve of ten minutes, nor the other way round; and while
 * the link is lost no other comes. */
static void
graphs_are_of_the_time_they_say(void **state)
{
	struct world *w = *state;
	json_t *day = world_json("{\"from\":\"2026-11-17T10:42:00.000Z\",\"to\":"
	    "\"2026-11-18T10:42:00.000Z\",\"step\":60,\"metrics\":{\"cpu\":{"
	    "\"mean\":[7],\"max\":[7]}}}"), *r;

	type(w, "\n");
	shows(w, "CPU  max 93%");
	shows(w, "last 10 min");
	type(w, "w");
	shows(w, "last 60 min");
	hides(w, "CPU  max 93%");
	shows(w, "no samples yet");
	type(w, "w");
	later(w, 10);
	r = sent(w, "agent.stats");
	assert_int_equal(js_int(json_object_get(r, "params"), "window", 0),
	    86400);
	ui_answer(&w->u, UI_STATS, js_str(r, "about", ""), day, NULL);
	json_decref(r);
	json_decref(day);
	shows(w, "CPU  max 7%");
	ui_link(&w->u, LINK_DOWN, "gone");
	type(w, "w");
	shows(w, "CPU  max 93%");
	ui_key(&w->u, KEY_ESC);
	shows(w, " 31ms    1 :....::  #|:....::|##");
}

static void
a_log_is_of_the_run_shown(void **state)
{
	struct world *w = *state;

	(void)MEM_STR(w->u.m.view[SCREEN_RUNS].sel, "8812");
	type(w, "4");
	shows(w, "#8812 backup-db on node-c -- following");
	shows(w, "copied part 41");
	(void)MEM_STR(w->u.m.view[SCREEN_RUNS].sel, "8811");
	shows(w, "#8811 build-index on node-a -- not loaded");
	hides(w, "copied part 41");
	/* What is here stays readable until it is asked for anew. */
	(void)MEM_STR(w->u.m.view[SCREEN_RUNS].sel, "8812");
	ui_link(&w->u, LINK_DOWN, "gone");
	shows(w, "copied part 41");
	ui_link(&w->u, LINK_UP, "");
	shows(w, "copied part 41");
}

/* From A to B and back: the first request for A ends as it was cancelled, after
 * the second one was sent. */
static void
the_end_of_an_old_log_is_not_the_new_ones(void **state)
{
	static const char *const order[] = { "8811", "8812", "8811" };
	struct err cancelled = { ERR_FAILED, "cancelled" };
	struct world *w = *state;
	json_t *asked[3], *cancel = NULL;
	json_t *part = json_pack("{s:s}", "text", "one\n");

	type(w, "4");
	for (size_t i = 0; i < 3; i++) {
		(void)MEM_STR(w->u.m.view[SCREEN_RUNS].sel, order[i]);
		later(w, 10);
		later(w, 300);
		json_decref(cancel);
		cancel = sent(w, "cancel");
		asked[i] = sent(w, "run.log");
		assert_non_null(asked[i]);
	}
	assert_string_equal(js_str(cancel, "about", ""), js_str(asked[1],
	    "about", "?"));
	ui_part(&w->u, UI_LOG, js_str(asked[0], "about", ""), part);
	ui_answer(&w->u, UI_LOG, js_str(asked[0], "about", ""), NULL,
	    &cancelled);
	assert_string_equal(w->u.m.log.error, "");
	assert_false(w->u.m.log.ended);
	assert_int_equal(w->u.m.log.n, 0);
	ui_part(&w->u, UI_LOG, js_str(asked[2], "about", ""), part);
	assert_int_equal(w->u.m.log.n, 1);
	shows(w, "#8811 build-index on node-a -- following");
	for (size_t i = 0; i < 3; i++)
		json_decref(asked[i]);
	json_decref(cancel);
	json_decref(part);
}

/* The daemon here answers all the time, and tells what its broker said before
 * it was lost. */
static void
data_is_as_old_as_the_loss_of_the_broker(void **state)
{
	struct world *w = *state;

	loses_its_broker(w);
	shows(w, "as of 10:42:07");
	ui_link(&w->u, LINK_DOWN, "gone");
	shows(w, "Data as of 10:42:07");
}

/* A subscription goes on with errors: that is no sign of life. */
static void
refused_rows_say_so_and_how_old_they_are(void **state)
{
	struct err e = { ERR_FAILED, "still not" };
	struct world *w = *state;
	json_t *r;

	silence(w, 4000);
	json_array_clear(w->u.out);
	update(w, "{\"sub\":2,\"seq\":3,\"error\":{\"code\":\"denied\","
	    "\"message\":\"agent list needs the privilege view\"}}");
	shows(w, "SLOW 4s");
	shows(w, "Rows as of 10:42:07: agent list needs the privilege view");
	shows(w, "node-b        SCHEDULER");
	/* Nothing is sent when it is well again and the same: asked anew. */
	r = sent(w, "unsubscribe");
	assert_non_null(r);
	assert_int_equal(js_int(json_object_get(r, "params"), "sub", 0), 2);
	json_decref(r);
	later(w, 6000);
	r = sent(w, "subscribe");
	assert_non_null(r);
	assert_string_equal(js_str(json_object_get(r, "params"), "method", ""),
	    "agent.list");
	ui_answer(&w->u, UI_SUBSCRIBE, js_str(r, "about", ""), NULL, &e);
	json_decref(r);
	shows(w, "Rows as of 10:42:07: still not");
	r = json_pack("{s:i,s:i,s:O}", "sub", 20, "seq", 0, "doc",
	    w->u.m.topic[TOPIC_AGENTS].doc);
	ui_answer(&w->u, UI_SUBSCRIBE, "1", r, NULL);
	json_decref(r);
	hides(w, "Rows as of");
	shows(w, "node-b        SCHEDULER");
}

/* The operator's entry is gone: no LIVE over rows that stand still. */
static void
a_refused_ping_is_no_life(void **state)
{
	struct err e = { ERR_DENIED, "status needs the privilege view, which "
	    "anna@ssh does not have: another group for this operator in "
	    "musterd.conf gives it" };
	struct world *w = *state;
	json_t *r;

	silence(w, 2500);
	json_decref(sent(w, "status"));
	ui_answer(&w->u, UI_PING, "", NULL, &e);
	shows(w, "DENIED");
	shows(w, "status needs the privilege view, which anna@ssh");
	shows(w, "in musterd.conf");
	shows(w, "as of 10:42:07");
	type(w, "S");
	assert_null(w->u.m.question);
	json_array_clear(w->u.out);
	silence(w, 60000);
	silence(w, 60000);
	assert_int_equal(json_array_size(w->u.out), 0);
	type(w, "r");
	silence(w, 10);
	r = sent(w, "status");
	assert_non_null(r);
	json_decref(r);
	ui_answer(&w->u, UI_PING, "", w->u.m.topic[TOPIC_STATUS].doc, NULL);
	r = sent(w, "hello");		/* what one may do now */
	assert_non_null(r);
	json_decref(r);
	shows(w, "LIVE");
	/* And one that fails is no life either. */
	silence(w, 11000);
	e.code = ERR_IO;
	ui_answer(&w->u, UI_PING, "", NULL, &e);
	shows(w, "STALE 11s");
	shows(w, "status needs the privilege view, which anna@ssh");
}

/* Older than the runs that are listed: not the log of another job's run. */
static void
the_log_of_a_job_is_its_own(void **state)
{
	struct world *w = *state;
	json_t *jobs = json_deep_copy(w->u.m.topic[TOPIC_JOBS].doc), *r;

	(void)json_object_set_new(json_object_get(json_array_get(jobs, 1),
	    "last"), "run", json_integer(120));
	(void)json_object_set_new(json_array_get(jobs, 1), "name",
	    json_string("once-a-year"));
	model_put(&w->u.m, TOPIC_JOBS, jobs);
	type(w, "3");
	(void)MEM_STR(w->u.m.view[SCREEN_JOBS].sel, "once-a-year");
	shows(w, "Last runs     none among the newest 200");
	type(w, "l");
	assert_int_equal(w->u.m.screen, SCREEN_JOBS);
	r = sent(w, "run.log");
	assert_non_null(r);
	assert_string_equal(js_str(json_object_get(r, "params"), "run", "?"),
	    "120");
	json_decref(r);
	(void)MEM_STR(w->u.m.view[SCREEN_JOBS].sel, "backup-db");
	type(w, "l");
	assert_int_equal(w->u.m.screen, SCREEN_RUNS);
	assert_string_equal(w->u.m.view[SCREEN_RUNS].sel, "8812");
}

static void
a_run_comes(struct world *w)
{
	json_t *doc = json_pack("{s:i,s:[o]}", "sub", (int)w->u.sub[TOPIC_RUNS],
	    "set", json_deep_copy(json_array_get(w->u.m.topic[TOPIC_RUNS].doc,
	    0)));
	json_t *row = json_array_get(json_object_get(doc, "set"), 0);

	(void)json_object_set_new(row, "id", json_integer(1 + js_int(row, "id",
	    0)));
	ui_update(&w->u, doc);
	json_decref(doc);
	later(w, 300);
	later(w, 300);
}

/* Nothing is selected in a list that is watched at its top; what is opened is
 * one run all the same. */
static void
what_is_opened_stays_that_run(void **state)
{
	static const char *const keys_[] = { "\n", "f", "\t", "R", "X" };
	struct world *w = *state;

	type(w, "4");
	shows(w, "> #8813");
	for (size_t i = 0; i < sizeof(keys_) / sizeof(keys_[0]); i++) {
		char title[32], *run = title + 1;

		(void)snprintf(title, sizeof(title), "#%lld sync-mirror",
		    8813 + 2 * (long long)i);
		shows(w, title);
		a_run_comes(w);		/* and is not drawn yet */
		type(w, keys_[i]);
		shows(w, title);
		a_run_comes(w);
		shows(w, title);
		*strchr(run, ' ') = '\0';
		assert_string_equal(w->u.m.log.id, run);
		ui_key(&w->u, KEY_ESC);
		ui_key(&w->u, KEY_ESC);
		w->u.m.view[SCREEN_RUNS].sel[0] = '\0';
		type(w, "4");
	}
}

static void
events_are_watched_on(void **state)
{
	struct world *w = *state;

	type(w, "5\n");
	update(w, "{\"sub\":6,\"seq\":1,\"set\":[" EVENT("88130",
	    "10:42:30", "info", "x", "\"a\"", "null", "new") "]}");
	shows(w, "> 10:42:30");
}

/* Hidden, and its run is made: who reads another run goes on reading it. */
static void
a_hidden_answer_moves_nothing(void **state)
{
	struct world *w = *state;
	json_t *r = json_pack("{s:i,s:s}", "run", 8814, "message", "run 8814");

	type(w, "3");
	(void)MEM_STR(w->u.m.view[SCREEN_JOBS].sel, "backup-db");
	type(w, "R");
	later(w, 400);
	type(w, "y");
	ui_key(&w->u, KEY_ESC);
	type(w, "4jj");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	shows(w, "run 8814");
	assert_string_equal(w->u.m.view[SCREEN_RUNS].sel, "8811");
}

#define LONG "a reason that is longer than any row of a screen of eighty " \
	"columns and says at its very end what to do about it: "

/* What is cut at the edge is the cure. */
static void
a_message_is_whole(void **state)
{
	struct err e = { ERR_FAILED, LONG "call anna" };
	struct world *w = *state;
	json_t *status = json_deep_copy(w->u.m.topic[TOPIC_STATUS].doc), *doc;

	type(w, ":status\n");
	ui_answer(&w->u, UI_COMMAND, "", NULL, &e);
	shows(w, "call anna");
	type(w, "/x");
	model_say(&w->u.m, false, "%s%s%s%s", LONG, LONG, LONG, LONG);
	shows(w, " a reason that is longer");
	shows(w, ">\n /x");
	ui_key(&w->u, KEY_ESC);
	type(w, "L");
	later(w, 400);
	type(w, "node-c\n");
	doc = json_pack("{s:s}", "message", LONG "remove it there");
	ui_answer(&w->u, UI_DO, "", doc, NULL);
	json_decref(doc);
	shows(w, "remove it there");
	shows(w, "Esc closes");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	(void)json_object_set_new(json_object_get(status, "broker"),
	    "connected", json_false());
	(void)json_object_set_new(json_object_get(status, "broker"),
	    "trouble", json_string(LONG "ask bo"));
	model_put(&w->u.m, TOPIC_STATUS, status);
	shows(w, "ask bo **");
	ui_link(&w->u, LINK_DOWN, LONG "start it");
	shows(w, "start it. **");
	shows(w, "r now  q leave **");
}

/* Bytes that are no text are output, too; and the end is not where it is cut. */
static void
a_log_of_the_line_is_whole_or_says_so(void **state)
{
	static char line[1001];
	struct world *w = *state;
	json_t *text = json_pack("{s:s}", "text", "one\n"), *end = json_object();
	json_t *data = json_pack("{s:s}", "data", "/wBvawo=");

	type(w, ":run log 8812\n");
	ui_part(&w->u, UI_COMMAND, "", text);
	ui_part(&w->u, UI_COMMAND, "", data);
	ui_answer(&w->u, UI_COMMAND, "", end, NULL);
	shows(w, "| one ");
	shows(w, "| \\xff^@ok");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	memset(line, 'x', 999);
	line[999] = '\n';
	(void)json_object_set_new(text, "text", json_string(line));
	type(w, ":run log 8812\n");
	for (int i = 0; i < 1100; i++)
		ui_part(&w->u, UI_COMMAND, "", text);
	ui_answer(&w->u, UI_COMMAND, "", end, NULL);
	shows(w, "cut at 1 MiB: muster run log 8812 has it all");
	json_decref(text);
	json_decref(data);
	json_decref(end);
}

/* On any width: rows that stand still are not under LIVE alone. */
static void
frozen_rows_say_so(void **state)
{
	struct world *w = *state;
	struct grid *g = grid_new(44, 12, GLYPHS_ASCII);
	struct buf b = BUF_INIT(1 << 16);

	type(w, "z");
	ui_draw(&w->u, g);
	later(w, 12000);
	ui_draw(&w->u, g);
	grid_text(g, &b);
	assert_non_null(strstr(b.p, "LIVE FROZEN 12s"));
	buf_free(&b);
	grid_free(g);
	update(w, "{\"sub\":2,\"seq\":1,\"del\":[\"node-d\"]}");
	shows(w, "LIVE FROZEN 12s");
	update(w, "{\"sub\":2,\"seq\":1,\"del\":[\"node-a\"]}");
	shows(w, "node-a");
	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-c");
	w->u.m.privs = 0;
	type(w, "S");
	shows(w, "you may look");
	type(w, "z");
	hides(w, "FROZEN");
}

#define DOTS "........................................"	/* 40 */

/* All of a long line can be read, and it says that there is more of it. */
static void
long_lines_are_read_sideways(void **state)
{
	static const char text[] = "begin " DOTS DOTS DOTS " end\nshort\n"
	    DOTS "\303\244" DOTS "\343\201\202 wide" DOTS "\n";
	struct world *w = *state;
	json_t *part = json_pack("{s:s}", "text", text), *end = json_object();

	(void)MEM_STR(w->u.m.view[SCREEN_RUNS].sel, "8812");
	type(w, "4");
	runlog_put(&w->u.m.log, "\n", 1);
	runlog_put(&w->u.m.log, text, strlen(text));
	shows(w, "...>\n short\n");
	type(w, ">");
	shows(w, "<.......");
	hides(w, "begin");
	hides(w, "short");
	shows(w, "?? wide");
	type(w, ">>>>");		/* not past the end */
	shows(w, " end");
	shows(w, "<");
	type(w, "<<<<");
	shows(w, " begin ...");
	hides(w, "\n<");
	type(w, ":run log 8812\n");
	ui_part(&w->u, UI_COMMAND, "", part);
	ui_answer(&w->u, UI_COMMAND, "", end, NULL);
	json_decref(part);
	json_decref(end);
	later(w, 400);
	shows(w, "| begin ");
	shows(w, "..> |");
	shows(w, "< > move sideways");
	type(w, ">>");
	shows(w, " end ");
	hides(w, "begin");
	type(w, "<<");
	shows(w, "| begin ");
}

/* The message of an event is longer than what a screen says of it. */
static void
a_row_is_copied_whole(void **state)
{
	struct world *w = *state;
	json_t *list = json_deep_copy(w->u.m.topic[TOPIC_EVENTS].doc);

	(void)json_object_set_new(json_array_get(list, 0), "message",
	    json_string(LONG "call anna"));
	model_put(&w->u.m, TOPIC_EVENTS, list);
	type(w, "5c");
	assert_non_null(strstr(w->u.clipboard, LONG "call anna"));
	type(w, "i");
	shows(w, "call anna");
	type(w, "v");
	shows(w, "call anna");
}

static size_t
rows_shown(struct world *w)
{
	struct view_rows r;
	size_t n;

	screen_rows(&w->u.m, w->u.m.screen, &r);
	n = r.n;
	view_rows_free(&r);
	return n;
}

/* Raised long before the newest events, and open. */
static void
open_alerts_are_seen(void **state)
{
	struct world *w = *state;
	json_t *status = json_deep_copy(w->u.m.topic[TOPIC_STATUS].doc);

	(void)json_object_set_new(status, "alerts", world_json("[{\"code\":"
	    "\"disk_full\",\"node\":\"node-b\",\"message\":\"the disk of "
	    "node-b is full\",\"since\":\"2026-11-01T09:00:00.000Z\"},{"
	    "\"code\":\"agent_offline\",\"node\":\"node-d\",\"message\":"
	    "\"node-d unheard for 15s\",\"since\":"
	    "\"2026-11-18T10:01:07.000Z\"}]"));
	model_put(&w->u.m, TOPIC_STATUS, json_deep_copy(status));
	type(w, "!");
	shows(w, "ALERT   node-b         the disk of node-b is full");
	shows(w, "Open since");
	/* The event of the other one is here: a warning, an alert and this. */
	assert_int_equal(rows_shown(w), 3);
	type(w, "!");
	assert_false(w->u.m.alerts);
	shows(w, "join accept node-f");
	assert_int_equal(rows_shown(w), 4);
	type(w, "!");
	assert_true(w->u.m.alerts);
	/* It is over: the selection goes to what is there. */
	type(w, "k");
	assert_string_equal(js_str(screen_selected(&w->u.m), "code", ""),
	    "disk_full");
	(void)json_array_remove(json_object_get(status, "alerts"), 0);
	ui_answer(&w->u, UI_PING, "", status, NULL);
	later(w, 10);
	hides(w, "the disk of node-b");
	assert_int_equal(rows_shown(w), 2);
	assert_non_null(screen_selected(&w->u.m));
	json_decref(status);
}

/* By what the role moves, or that it is not known: never "not at all". */
static void
the_rule_is_said(void **state)
{
	struct world *w = *state;
	json_t *settings = w->u.m.topic[TOPIC_SETTINGS].doc, *row;
	size_t i;

	type(w, "6");
	shows(w, "unheard limit 15s   no switch by condition");
	json_array_foreach(settings, i, row)
		if (strcmp(js_str(row, "name", ""), "transfer_on_condition") ==
		    0)
			(void)json_object_set_new(row, "value", json_true());
	(void)json_array_append_new(settings, json_pack("{s:s,s:s}", "name",
	    "switch_condition", "value", "health = very_bad for 5m"));
	shows(w, "switch if health = very_bad for 5m");
	json_array_clear(settings);
	shows(w, "unheard limit ?   switch if ?");
}

/* What did not run as it should is seen as that, whatever the word for it. */
static void
bad_ends_are_seen(void **state)
{
	static const char *const ends[] = { "succeeded", "aborted", "skipped",
		"missed", "refused", "lost", "timed_out", "killed", "failed" };
	struct world *w = *state;
	struct grid *g = grid_new(80, 48, GLYPHS_ASCII);
	json_t *runs = json_array();
	int red = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)json_array_append_new(runs, json_pack("{s:i,s:s,s:s}",
		    "id", 9000 - (int)i, "job", "backup-db", "state",
		    ends[i]));
	model_put(&w->u.m, TOPIC_RUNS, runs);
	type(w, "3");
	(void)MEM_STR(w->u.m.view[SCREEN_JOBS].sel, "backup-db");
	shows(w, "FKTLXMoo.  ok 1  failed 5");
	type(w, "4");
	w->u.h = g->h;
	ui_draw(&w->u, g);
	for (int i = 0; i < g->w * g->h; i++)
		red += (g->cell[i].attr & GRID_RED) != 0;
	assert_int_equal(red, strlen("refused" "lost" "timed_out" "killed"
	    "failed"));
	grid_free(g);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(details_are_of_the_agent_shown),
		TEST(details_that_are_refused_say_why),
		TEST(graphs_are_of_the_time_they_say),
		TEST(a_log_is_of_the_run_shown),
		TEST(the_end_of_an_old_log_is_not_the_new_ones),
		TEST(data_is_as_old_as_the_loss_of_the_broker),
		TEST(refused_rows_say_so_and_how_old_they_are),
		TEST(a_refused_ping_is_no_life),
		TEST(the_log_of_a_job_is_its_own),
		TEST(what_is_opened_stays_that_run),
		TEST(events_are_watched_on),
		TEST(a_hidden_answer_moves_nothing),
		TEST(a_message_is_whole),
		TEST(a_log_of_the_line_is_whole_or_says_so),
		TEST(frozen_rows_say_so),
		TEST(long_lines_are_read_sideways),
		TEST(a_row_is_copied_whole),
		TEST(open_alerts_are_seen),
		TEST(the_rule_is_said),
		TEST(bad_ends_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
