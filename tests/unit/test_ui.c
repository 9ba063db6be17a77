/* Keys pressed and a daemon played: what is asked before anything changes, and
 * what goes out when it is answered.  Each test names a way to lose a cluster
 * by a slip of the hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console/question.h"
#include "console/screen.h"
#include "console/ui.h"
#include "js.h"
#include "mem.h"
#include "ui_world.h"

/* ---- the role --------------------------------------------------------- */

static void
turning_on_takes_the_name(void **state)
{
	struct world *w = *state;
	json_t *r;

	type(w, "S");
	answer_dry(w, "node-c");
	shows(w, "Turn ON the Scheduler role: node-c");
	shows(w, "Now     node-b holds it (epoch 42");
	shows(w, "After   node-c holds it (epoch 43)");
	shows(w, "! node-a is healthier (good)");
	shows(w, "Same as: muster agent on node-c --epoch 42");
	later(w, 400);
	type(w, "\n");			/* empty: nothing */
	type(w, "y\n");			/* a habit: nothing */
	not_sent(w, "agent.on");
	shows(w, "That is not node-c");
	type(w, "node-b\n");		/* another's name: nothing */
	not_sent(w, "agent.on");
	type(w, "node-c\n");
	r = sent(w, "agent.on");
	assert_non_null(r);
	assert_string_equal(js_str(json_object_get(r, "params"), "agent", ""),
	    "node-c");
	assert_int_equal(js_int(json_object_get(r, "params"), "epoch", 0), 42);
	json_decref(r);
	shows(w, "SCHED:node-b>node-c e42");
	r = json_pack("{s:s}", "message", "node-c is the Scheduler");
	later(w, 800);
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	assert_null(w->u.m.question);
	shows(w, "done in 0.8s: node-c is the Scheduler");
}

/* Keys that were pressed before the question could be read. */
static void
typing_ahead_answers_nothing(void **state)
{
	struct world *w = *state;

	type(w, "Snode-c\n");
	later(w, 100);
	type(w, "node-c\n");
	not_sent(w, "agent.on");
	assert_int_equal(w->u.m.question->input.len, 0);
	later(w, 300);
	type(w, "node-c\n");
	json_decref(sent(w, "agent.on"));
	assert_int_equal(w->u.m.question->state, QUESTION_SENT);
}

static void
a_paste_answers_nothing(void **state)
{
	struct world *w = *state;

	/* A pasted script is no series of commands. */
	ui_key(&w->u, KEY_K_PASTE_START);
	type(w, "Snode-c\nq");
	ui_key(&w->u, KEY_K_PASTE_END);
	assert_null(w->u.m.question);
	assert_false(w->u.quit);
	type(w, "S");
	later(w, 400);
	ui_key(&w->u, KEY_K_PASTE_START);
	type(w, "node-c\n");
	ui_key(&w->u, KEY_K_PASTE_END);
	type(w, "\n");
	not_sent(w, "agent.on");
	ui_key(&w->u, KEY_ESC);
	assert_null(w->u.m.question);
}

/* The role moved while the question was read: shown anew, typed anew. */
static void
what_moved_is_asked_again(void **state)
{
	struct world *w = *state;
	json_t *doc;

	type(w, "S");
	answer_dry(w, "node-c");
	later(w, 400);
	type(w, "node");
	doc = world_json("{\"sub\":2,\"seq\":1,\"set\":["
	    AGENT("node-a", "true", "scheduler", "on", "good", "4", "", "0",
		"1", ",\"x\":1") ","
	    AGENT("node-b", "true", "spare", "off", "good", "4", "", "0", "1",
		"") "],\"del\":[]}");
	(void)json_object_set_new(json_array_get(json_object_get(doc, "set"),
	    0), "epoch", json_integer(43));
	ui_update(&w->u, doc);
	json_decref(doc);
	later(w, 10);
	shows(w, "The role moved to node-a (epoch 43) while you read");
	type(w, "-c\n");
	later(w, 400);
	not_sent(w, "agent.on");
	shows(w, "--epoch 43");
	type(w, "node-c\n");
	doc = sent(w, "agent.on");
	assert_int_equal(js_int(json_object_get(doc, "params"), "epoch", 0),
	    43);
	json_decref(doc);
}

/* The status is newer than the rows: the epoch that is asked for is that of the
 * holder who is shown, or a picture of the past would be taken for the present
 * one, and its refusal as stale never come. */
static void
the_epoch_is_that_of_the_holder_shown(void **state)
{
	struct world *w = *state;
	json_t *status = json_deep_copy(w->u.m.topic[TOPIC_STATUS].doc), *doc;

	(void)json_object_set_new(status, "epoch", json_integer(43));
	model_put(&w->u.m, TOPIC_STATUS, status);
	type(w, "S");
	answer_dry(w, "node-c");
	shows(w, "Now     node-b holds it (epoch 42");
	shows(w, "--epoch 42");
	doc = world_json("{\"sub\":2,\"seq\":1,\"set\":["
	    AGENT("node-a", "true", "scheduler", "on", "good", "4", "", "0",
		"1", ",\"x\":1") ","
	    AGENT("node-b", "true", "spare", "off", "good", "4", "", "0", "1",
		"") "],\"del\":[]}");
	(void)json_object_set_new(json_array_get(json_object_get(doc, "set"),
	    0), "epoch", json_integer(43));
	ui_update(&w->u, doc);
	json_decref(doc);
	later(w, 10);
	shows(w, "The role moved to node-a (epoch 43) while you read");
	shows(w, "--epoch 43");
}

/* A spare goes: "1 could take over" is a promise that nobody keeps, and it is
 * seen in the very minute in which it counts. */
static void
who_could_take_over_is_of_the_crew_as_it_is(void **state)
{
	static const char gone[] = "{\"sub\":2,\"seq\":1,\"set\":["
	    AGENT("node-a", "false", "spare", "off", "good", "4", "", "0", "1",
		"") "],\"del\":[]}";
	struct world *w = *state;
	json_t *doc, *asked, *before = world_json("{\"candidates\":[{\"name\":"
	    "\"node-a\",\"eligible\":true,\"health\":\"good\"}]}");

	shows(w, "2 could take over");
	later(w, 20000);
	asked = sent(w, "whatif");
	assert_non_null(asked);
	doc = world_json(gone);
	ui_update(&w->u, doc);
	json_decref(doc);
	shows(w, "Scheduler: node-b.    ");
	/* What was asked before it went is no answer. */
	ui_answer(&w->u, UI_LINE, js_str(asked, "about", "?"), before, NULL);
	shows(w, "Scheduler: node-b.    ");
	json_decref(asked);
	later(w, 100);
	asked = sent(w, "whatif");
	assert_non_null(asked);
	(void)json_array_clear(json_object_get(before, "candidates"));
	ui_answer(&w->u, UI_LINE, js_str(asked, "about", "?"), before, NULL);
	json_decref(asked);
	json_decref(before);
	shows(w, "0 could take over");
	/* What changes nothing of it is not asked about. */
	doc = world_json(gone);
	ui_update(&w->u, doc);
	json_decref(doc);
	later(w, 100);
	not_sent(w, "whatif");
	shows(w, "0 could take over");
}

/* control_status off: nobody is controlled, so that no row says it has a role;
 * the one who is ON fires all the same, and every screen says who, and that the
 * broker moves nothing. */
static void
control_off_shows_who_is_on(void **state)
{
	static const char numbers[] = "1234567";
	struct world *w = *state;
	json_t *status = json_deep_copy(w->u.m.topic[TOPIC_STATUS].doc), *list;
	json_t *row;
	size_t i;

	(void)json_object_set_new(status, "control", json_string("off"));
	list = json_deep_copy(w->u.m.topic[TOPIC_AGENTS].doc);
	json_array_foreach(list, i, row) {
		(void)json_object_set_new(row, "role", json_string("none"));
		(void)json_object_set_new(row, "controlled", json_false());
	}
	model_put(&w->u.m, TOPIC_AGENTS, list);
	model_put(&w->u.m, TOPIC_STATUS, status);
	for (const char *s = numbers; *s != '\0'; s++) {
		char k[2] = { *s, '\0' };

		type(w, k);
		shows(w, "SCHED:node-b e42 control:off");
	}
	type(w, "1");
	shows(w, "Scheduler: node-b. Control is off.");
	shows(w, "node-b        ON ");
	type(w, "6");
	shows(w, "control off (control_status): nothing is moved");
	/* And when it dies. */
	list = json_deep_copy(w->u.m.topic[TOPIC_AGENTS].doc);
	json_array_foreach(list, i, row)
		(void)json_object_set_new(row, "status", json_string("off"));
	model_put(&w->u.m, TOPIC_AGENTS, list);
	type(w, "1");
	shows(w, "NOBODY schedules, and control is off");
}

/* control = advise: what is proposed, and what to type. */
static void
a_proposal_is_on_the_screens_of_the_role(void **state)
{
	struct world *w = *state;
	json_t *status = json_deep_copy(w->u.m.topic[TOPIC_STATUS].doc);

	(void)json_object_set_new(status, "control", json_string("advise"));
	(void)json_object_set_new(status, "scheduler", json_pack(
	    "{s:s,s:s,s:{s:i,s:s,s:s}}", "name", "node-b", "state", "WAIT",
	    "proposal", "case", 1, "from", "node-b", "to", "node-a"));
	model_put(&w->u.m, TOPIC_STATUS, status);
	type(w, "6");
	shows(w, "control advise");
	shows(w, "node-a is proposed (case 1): : agent confirm");
	shows(w, "WAIT");
}

/* Its own row is all that changes: nobody is said to hold the role then. */
static void
the_holder_goes(void **state)
{
	struct world *w = *state;
	json_t *doc = world_json("{\"sub\":2,\"seq\":1,\"set\":["
	    AGENT("node-b", "true", "spare", "off", "good", "4", "", "0", "1",
		"") "]}");

	shows(w, "Scheduler: node-b.");
	ui_update(&w->u, doc);
	json_decref(doc);
	assert_null(model_holder(&w->u.m));
	shows(w, "NOBODY schedules");
	doc = world_json("{\"sub\":2,\"seq\":2,\"set\":["
	    AGENT("node-c", "true", "scheduler", "on", "good", "4", "", "0",
		"1", "") "]}");
	ui_update(&w->u, doc);
	json_decref(doc);
	shows(w, "Scheduler: node-c.");
}

static void
a_stale_refusal_is_asked_again(void **state)
{
	struct world *w = *state;
	struct err e = { ERR_STALE, "the role moved to node-a (epoch 43)" };

	type(w, "S");
	later(w, 400);
	type(w, "node-c\n");
	json_decref(sent(w, "agent.on"));
	ui_answer(&w->u, UI_DO, "", NULL, &e);
	assert_int_equal(w->u.m.question->state, QUESTION_ASKS);
	shows(w, "here is the new picture");
	not_sent(w, "agent.on");
}

static void
turning_off_says_who_is_next(void **state)
{
	struct world *w = *state;
	json_t *r;

	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-b");
	type(w, "S");
	answer_dry(w, "node-a");
	shows(w, "Turn OFF the Scheduler role: node-b");
	shows(w, "(x) the next in line takes it: node-a");
	later(w, 400);
	type(w, " ");
	shows(w, "(x) NOBODY: no job starts until someone turns one on");
	shows(w, "agent off node-b --vacant --epoch 42");
	type(w, "node-b\n");
	r = sent(w, "agent.off");
	assert_true(js_bool(json_object_get(r, "params"), "vacant", false));
	json_decref(r);
}

/* ---- the link --------------------------------------------------------- */

static void
old_data_changes_nothing(void **state)
{
	struct world *w = *state;

	w->now.mono = mono_add_ms(w->now.mono, 14000);
	w->now.wall.ms += 14000;
	ui_tick(&w->u, w->now);
	type(w, "S");
	assert_null(w->u.m.question);
	shows(w, "STALE 14s");
	shows(w, "nothing is changed on old data");
}

/* What is about this node alone needs no broker; what it tells of the cluster
 * is old, and changes nothing. */
static void
leaving_works_without_the_broker(void **state)
{
	struct world *w = *state;

	loses_its_broker(w);
	type(w, "S");
	assert_null(w->u.m.question);
	type(w, "L");
	shows(w, "Leave the cluster");
	later(w, 400);
	type(w, "node-c\n");
	assert_int_equal(count_sent(w, "leave"), 1);
	ui_answer(&w->u, UI_DO, "", w->u.m.topic[TOPIC_STATUS].doc, NULL);
	w->now.mono = mono_add_ms(w->now.mono, 11000);
	ui_tick(&w->u, w->now);
	type(w, "L");
	assert_null(w->u.m.question);
}

static void
a_broken_link_is_not_a_failure(void **state)
{
	struct world *w = *state;

	type(w, "S");
	later(w, 400);
	type(w, "node-c\n");
	ui_link(&w->u, LINK_DOWN, "the other end closed the connection");
	shows(w, "outcome unknown");
	shows(w, "LOST");
}

/* What went on while nobody looked is told on return. */
static void
missed_is_told(void **state)
{
	struct world *w = *state;
	json_t *hello = json_pack("{s:s,s:s,s:s,s:[s]}", "node", "node-c",
	    "who", "anna", "version", "0.1.0", "privileges", "view");
	json_t *doc;

	ui_link(&w->u, LINK_DOWN, "gone");
	w->now.mono = mono_add_ms(w->now.mono, 41000);
	w->now.wall.ms += 41000;
	ui_tick(&w->u, w->now);
	ui_link(&w->u, LINK_UP, "");
	json_decref(sent(w, "hello"));
	ui_answer(&w->u, UI_HELLO, "", hello, NULL);
	json_decref(hello);
	doc = sent(w, "subscribe");
	assert_non_null(doc);
	json_decref(doc);
	doc = json_pack("{s:i,s:i,s:o}", "sub", 1, "seq", 0, "doc",
	    world_json("[" EVENT("88130", "10:42:30", "info", "x", "\"a\"",
	    "null", "new") "," EVENT("88125", "10:42:01", "info", "x",
	    "\"a\"", "null", "old") "]"));
	ui_answer(&w->u, UI_SUBSCRIBE, "5", doc, NULL);
	json_decref(doc);
	assert_int_equal(TOPIC_EVENTS, 5);
	shows(w, "41s missed: 1 events, scheduler unchanged");
	/* And the privileges are the new ones. */
	type(w, "S");
	shows(w, "maintain_cluster is missing");
}

/* ---- joining ---------------------------------------------------------- */

static void
accepting_shows_the_words(void **state)
{
	struct world *w = *state;
	json_t *r;

	type(w, "2");
	(void)MEM_STR(w->u.m.view[SCREEN_JOIN].sel, "7");
	type(w, "A");
	shows(w, "Words   tulip cargo anvil oak");
	later(w, 400);
	type(w, "\n");
	not_sent(w, "join.accept");
	type(w, "y");
	r = sent(w, "join.accept");
	assert_string_equal(js_str(json_object_get(r, "params"), "request",
	    ""), "7");
	json_decref(r);
	r = json_pack("{s:s}", "message", "accepted node-e");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	shows(w, "T shows its token now");
	later(w, 400);
	type(w, "T");
	shows(w, "Make and show a token: node-e");
	later(w, 400);
	type(w, "y");
	r = sent(w, "join.token");
	assert_non_null(r);
	json_decref(r);
	r = json_pack("{s:s,s:s,s:s}", "token", "jt-ABC", "expires_at",
	    "2026-11-18T10:57:00.000Z", "command",
	    "muster join complete node-a:7422 jt-ABC");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	shows(w, "muster join complete node-a:7422 jt-ABC");
	later(w, 400);
	type(w, "c");
	assert_string_equal(w->u.clipboard,
	    "muster join complete node-a:7422 jt-ABC");
}

/* The new machine: accepted there, and the prompt is open; the token is never
 * on the screen. */
static void
the_token_is_asked_for(void **state)
{
	struct world *w = *state;
	json_t *r = json_pack("[{s:s,s:s,s:s,s:s,s:s}]", "id", "own", "name",
	    "node-c", "state", "accepted", "host", "node-a", "words", "a b");

	model_put(&w->u.m, TOPIC_JOINS, r);
	later(w, 10);
	shows(w, "Join with a token");
	later(w, 400);
	ui_key(&w->u, KEY_K_PASTE_START);
	type(w, "muster join complete node-a jt-SECRET");
	ui_key(&w->u, KEY_K_PASTE_END);
	shows(w, "[*****");
	type(w, "\n");
	r = sent(w, "join.complete");
	assert_string_equal(js_str(json_object_get(r, "params"), "token", ""),
	    "jt-SECRET");
	assert_string_equal(js_str(json_object_get(r, "params"), "host", ""),
	    "node-a");
	json_decref(r);
}

/* ---- the rest --------------------------------------------------------- */

static void
the_line_is_the_command_line(void **state)
{
	struct world *w = *state;
	json_t *r;

	type(w, ":agent dr\t");
	assert_string_equal(w->u.m.line.text, "agent drain ");
	type(w, "node-");
	ui_key(&w->u, KEY_TAB);
	shows(w, "node-a  node-b");
	type(w, "a\n");
	r = sent(w, "agent.drain");
	assert_string_equal(js_str(json_object_get(r, "params"), "agent", ""),
	    "node-a");
	json_decref(r);
	type(w, ":agent dance\n");
	shows(w, "dance");
	type(w, ":agent remove node-a\n");	/* asks, as the CLI does */
	not_sent(w, "agent.remove");
	shows(w, "Remove agent node-a from the cluster?");
	later(w, 400);
	type(w, "node-a\n");
	r = sent(w, "agent.remove");
	assert_non_null(r);
	json_decref(r);
}

static void
a_list_is_filtered_and_left(void **state)
{
	struct world *w = *state;
	json_t *gone;

	type(w, "/node-d\n");
	shows(w, "node-d");
	assert_string_equal(js_str(screen_selected(&w->u.m), "name", ""),
	    "node-d");
	ui_key(&w->u, KEY_ESC);
	assert_string_equal(w->u.m.view[SCREEN_AGENTS].filter, "");
	/* A row that goes away leaves its neighbour selected. */
	type(w, "G");
	gone = world_json("{\"sub\":2,\"seq\":1,\"del\":[\"node-d\"]}");
	ui_update(&w->u, gone);
	json_decref(gone);
	assert_string_equal(js_str(screen_selected(&w->u.m), "name", ""),
	    "node-c");
}

/* The log that is followed is that of the row that rests selected. */
static void
logs_follow_the_selection(void **state)
{
	struct world *w = *state;
	json_t *r, *part;

	type(w, "4G");
	later(w, 10);
	not_sent(w, "run.log");
	later(w, 300);
	r = sent(w, "cancel");
	assert_non_null(r);
	json_decref(r);
	r = sent(w, "run.log");
	assert_string_equal(js_str(json_object_get(r, "params"), "run", ""),
	    "8810");
	part = json_pack("{s:s}", "text", "one\ntwo\n");
	ui_part(&w->u, UI_LOG, js_str(r, "about", ""), part);
	ui_part(&w->u, UI_LOG, "8812", part);	/* late, of the one before */
	json_decref(part);
	json_decref(r);
	assert_int_equal(w->u.m.log.n, 2);
}

/* ---- what is shown is so ---------------------------------------------- */

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(turning_on_takes_the_name),
		TEST(typing_ahead_answers_nothing),
		TEST(a_paste_answers_nothing),
		TEST(what_moved_is_asked_again),
		TEST(the_epoch_is_that_of_the_holder_shown),
		TEST(who_could_take_over_is_of_the_crew_as_it_is),
		TEST(control_off_shows_who_is_on),
		TEST(a_proposal_is_on_the_screens_of_the_role),
		TEST(the_holder_goes),
		TEST(a_stale_refusal_is_asked_again),
		TEST(turning_off_says_who_is_next),
		TEST(old_data_changes_nothing),
		TEST(leaving_works_without_the_broker),
		TEST(a_broken_link_is_not_a_failure),
		TEST(missed_is_told),
		TEST(accepting_shows_the_words),
		TEST(the_token_is_asked_for),
		TEST(the_line_is_the_command_line),
		TEST(a_list_is_filtered_and_left),
		TEST(logs_follow_the_selection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
