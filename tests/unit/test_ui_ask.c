/* Which rows a question is about, whose answer an answer is, and what the `:`
 * line asks.  Each test names a way to change what nobody was shown. */
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

/* ---- marks ------------------------------------------------------------ */

static void
several_are_marked(void **state)
{
	struct world *w = *state;
	json_t *r;

	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-c");
	type(w, "  ");			/* node-c, node-d */
	type(w, "X");
	shows(w, "Remove from the cluster: 2 agents");
	later(w, 400);
	type(w, "2\n");
	assert_int_equal(count_sent(w, "agent.remove"), 2);
	r = json_pack("{s:s}", "message", "removed");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	assert_int_equal(w->u.m.question->state, QUESTION_SENT);
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	shows(w, "done in");
}

/* Space moves on, so that the cursor is on a row that is not marked: nothing is
 * said of it, and nothing is done to it. */
static void
marks_are_what_is_asked_about(void **state)
{
	struct world *w = *state;
	json_t *r;

	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-a");
	type(w, "  X");			/* node-a, node-b; on node-c */
	shows(w, "Remove from the cluster: 2 agents");
	shows(w, "! node-b holds the Scheduler role.");
	shows(w, "node-a: spare, 0 runs");
	shows(w, "node-b: SCHEDULER, 2 runs");
	shows(w, "Same as: muster agent remove node-a --epoch 42");
	shows(w, " muster agent remove node-b --epoch 42");
	hides(w, "remove node-c");
	later(w, 400);
	type(w, "node-c\n");
	not_sent(w, "agent.remove");
	shows(w, "node-b: SCHEDULER, 2 runs");	/* a key changes nothing */
	type(w, "2\n");
	r = sent(w, "agent.remove");	/* the last */
	assert_string_equal(js_str(json_object_get(r, "params"), "agent", ""),
	    "node-b");
	assert_int_equal(js_int(json_object_get(r, "params"), "epoch", 0), 42);
	json_decref(r);
	assert_int_equal(json_object_size(w->u.m.view[SCREEN_AGENTS].marks), 0);
}

static void
one_mark_is_the_row(void **state)
{
	struct world *w = *state;
	json_t *r;

	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-a");
	type(w, " X");
	shows(w, "Remove from the cluster: node-a");
	shows(w, "Now     spare, 0 runs");
	later(w, 400);
	type(w, "node-b\n");
	not_sent(w, "agent.remove");
	type(w, "node-a\n");
	r = sent(w, "agent.remove");
	assert_string_equal(js_str(json_object_get(r, "params"), "agent", ""),
	    "node-a");
	json_decref(r);
	assert_int_equal(json_object_size(w->u.m.view[SCREEN_AGENTS].marks), 0);
}

/* Hidden while they are under way: it is the refusal that is said. */
static void
a_refusal_among_several_is_heard_of(void **state)
{
	struct world *w = *state;
	struct err e = { ERR_FAILED, "agent node-b is busy" };
	json_t *r = json_pack("{s:s}", "message", "removed");

	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-a");
	type(w, "  X");
	later(w, 400);
	type(w, "2\n");
	ui_key(&w->u, KEY_ESC);
	ui_answer(&w->u, UI_DO, "", r, NULL);
	ui_answer(&w->u, UI_DO, "", NULL, &e);
	json_decref(r);
	assert_null(w->u.m.question);
	shows(w, "agent node-b is busy");
}

static void
drain_in_world(struct world *w, const char *names)
{
	json_t *list = json_deep_copy(w->u.m.topic[TOPIC_AGENTS].doc), *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (strstr(names, js_str(row, "name", "?")) != NULL)
			(void)json_object_set_new(row, "drained", json_true());
	model_put(&w->u.m, TOPIC_AGENTS, list);
}

/* Drain or let work again is decided by those that are marked. */
static void
marks_decide_between_drain_and_undrain(void **state)
{
	struct world *w = *state;

	drain_in_world(w, "node-a node-b");
	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-a");
	type(w, "  D");			/* on node-c, which is not drained */
	shows(w, "Let work again: 2 agents");
	shows(w, "node-a: DRAIN, 0 runs");
	shows(w, "node-b: SCHEDULER, 2 runs, drained");
	shows(w, "Same as: muster agent undrain node-a");
	ui_key(&w->u, KEY_ESC);
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	assert_null(w->u.m.question);
	type(w, " D");			/* and node-c: some are, some not */
	assert_null(w->u.m.question);
	shows(w, "unmark one kind with Space, then D");
	not_sent(w, "agent.drain");
	not_sent(w, "agent.undrain");
}

/* Their words are compared, every one's, before any is accepted. */
static void
each_request_shows_its_words(void **state)
{
	struct world *w = *state;
	json_t *list = json_deep_copy(w->u.m.topic[TOPIC_JOINS].doc);
	json_t *more = json_deep_copy(json_array_get(list, 1)), *r;

	(void)json_object_set_new(more, "id", json_string("9"));
	(void)json_object_set_new(more, "name", json_string("node-g"));
	(void)json_object_set_new(more, "words", json_string("a b c d"));
	(void)json_array_append_new(list, more);
	model_put(&w->u.m, TOPIC_JOINS, list);
	type(w, "2");
	(void)MEM_STR(w->u.m.view[SCREEN_JOIN].sel, "7");
	type(w, "  kkA");		/* node-e, node-g; on node-f */
	shows(w, "Accept: 2 requests");
	shows(w, "node-e: tulip cargo anvil oak");
	shows(w, "node-g: a b c d");
	shows(w, "Same as: muster join accept 7");
	shows(w, " muster join accept 9");
	later(w, 400);
	type(w, "y\n");
	not_sent(w, "join.accept");
	type(w, "2\n");
	assert_int_equal(count_sent(w, "join.accept"), 2);
	/* One mark: its token is what is offered next, not the cursor's. */
	r = json_pack("{s:s}", "message", "accepted");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	ui_answer(&w->u, UI_DO, "", r, NULL);
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	(void)MEM_STR(w->u.m.view[SCREEN_JOIN].sel, "7");
	type(w, " A");
	shows(w, "Accept: node-e");
	later(w, 400);
	type(w, "y");
	assert_int_equal(count_sent(w, "join.accept"), 1);
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	later(w, 400);
	type(w, "T");
	shows(w, "Make and show a token: node-e");
}

/* What was open on the screen before is not what the join ends at. */
static void
a_join_ends_at_the_list(void **state)
{
	struct world *w = *state;
	json_t *r = json_pack("[{s:s,s:s,s:s,s:s,s:s}]", "id", "own", "name",
	    "node-c", "state", "accepted", "host", "node-a", "words", "a b");

	type(w, "1\n");
	assert_true(w->u.m.open);
	model_put(&w->u.m, TOPIC_JOINS, r);
	later(w, 10);
	shows(w, "Join with a token");
	later(w, 400);
	type(w, "jt-SECRET\n");
	r = sent(w, "join.complete");
	assert_non_null(r);
	json_decref(r);
	r = json_pack("{s:s}", "message", "node-c is a member");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	shows(w, "node-c is a member");
	shows(w, "NAME");
	assert_false(w->u.m.open);
}

static void
runs_are_killed_by_mark(void **state)
{
	struct world *w = *state;

	type(w, "4");
	(void)MEM_STR(w->u.m.view[SCREEN_RUNS].sel, "8813");
	type(w, "  X");			/* on 8811, which has ended */
	shows(w, "Kill: 2 runs");
	shows(w, "8813: sync-mirror, queued");
	shows(w, "8812: backup-db on node-c, running");
	later(w, 400);
	type(w, "2\n");
	assert_int_equal(count_sent(w, "run.abort"), 2);
	json_decref(sent(w, "run.log"));
}

static void
marks_that_cannot_be_acted_on_are_refused(void **state)
{
	struct world *w = *state;
	json_t *gone = world_json("{\"sub\":2,\"seq\":1,\"del\":["
	    "\"node-a\"]}");

	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-a");
	type(w, "  S");
	assert_null(w->u.m.question);
	shows(w, "of one row, and 2 are marked: Esc unmarks");
	ui_update(&w->u, gone);
	json_decref(gone);
	type(w, "X");
	assert_null(w->u.m.question);
	shows(w, "is gone: Esc unmarks");
	ui_key(&w->u, KEY_ESC);
	type(w, "X");
	shows(w, "Remove from the cluster: node-c");
}

/* ---- whose answer it is ----------------------------------------------- */

/* What is under way is not thrown away for another question: its answer would
 * be taken for that one's. */
static void
what_is_under_way_is_not_replaced(void **state)
{
	struct world *w = *state;
	struct err e = { ERR_FAILED, "agent node-d is the last one" };
	json_t *r = json_pack("{s:s}", "message", "node-c is the Scheduler");

	type(w, "S");
	later(w, 400);
	type(w, "node-c\n");
	json_decref(sent(w, "agent.on"));
	ui_key(&w->u, KEY_ESC);		/* hidden */
	type(w, ":agent remove node-d\n");
	assert_int_equal(w->u.m.question->cmd, CMD_AGENT_ON);
	shows(w, "under way");
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	assert_null(w->u.m.question);
	shows(w, "node-c is the Scheduler");
	type(w, ":agent remove node-d\n");
	later(w, 400);
	type(w, "node-d\n");
	json_decref(sent(w, "agent.remove"));
	ui_answer(&w->u, UI_DO, "", NULL, &e);
	shows(w, "agent node-d is the last one");
}

static json_t *
plan_of(int rows)
{
	json_t *plan = json_array();

	for (int i = 0; i < rows; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "job-%02d", i);
		(void)json_array_append_new(plan, json_pack(
		    "{s:s,s:s,s:s,s:s}", "action", "create", "kind", "job",
		    "name", name, "detail", ""));
	}
	return json_pack("{s:o,s:i}", "plan", plan, "revision", 7);
}

/* A plan that comes late finds another question open, half answered. */
static void
a_plan_replaces_no_question(void **state)
{
	struct world *w = *state;
	json_t *r = plan_of(2);

	type(w, ":apply Makefile\n");
	json_decref(sent(w, "apply"));
	type(w, "X");
	later(w, 400);
	type(w, "node");
	ui_answer(&w->u, UI_PLAN, "", r, NULL);
	json_decref(r);
	assert_int_equal(w->u.m.question->cmd, CMD_AGENT_REMOVE);
	assert_string_equal(w->u.m.question->input.text, "node");
	shows(w, "apply: a question is open");
	type(w, "-c\n");
	assert_int_equal(count_sent(w, "agent.remove"), 1);
}

/* What is answered is what was asked: a second line waits for the first. */
static void
one_command_at_a_time(void **state)
{
	struct world *w = *state;
	struct err stale = { ERR_STALE, "the catalogue is at revision 8" };
	json_t *r = plan_of(2), *doc = json_pack("{s:s}", "node", "node-c");

	type(w, ":apply Makefile\n");
	json_decref(sent(w, "apply"));
	type(w, ":apply README\n");
	not_sent(w, "apply");
	shows(w, "apply is still under way");
	type(w, ":status\n");
	not_sent(w, "status");
	ui_answer(&w->u, UI_PLAN, "", r, NULL);
	json_decref(r);
	shows(w, "Same as: muster apply Makefile");
	later(w, 400);
	type(w, "y");
	r = sent(w, "apply");
	assert_string_equal(js_str(json_object_get(r, "params"), "file", ""),
	    "Makefile");
	assert_int_equal(js_int(json_object_get(r, "params"), "revision", 0),
	    7);
	json_decref(r);
	/* There is no newer plan that could be shown in its place. */
	ui_answer(&w->u, UI_DO, "", NULL, &stale);
	shows(w, "stale: the catalogue is at revision 8");
	hides(w, "Same as");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	type(w, ":status\n");
	assert_int_equal(count_sent(w, "status"), 1);
	ui_answer(&w->u, UI_COMMAND, "", doc, NULL);
	json_decref(doc);
	shows(w, "node-c");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	/* A broken link answers nothing, and nothing waits for it. */
	type(w, ":job pause backup-db\n");
	ui_link(&w->u, LINK_DOWN, "gone");
	shows(w, "job pause: sent, but the link broke: outcome unknown");
	later(w, 2000);
	ui_link(&w->u, LINK_UP, "");
	doc = world_json("{\"node\":\"node-c\",\"privileges\":[\"view\"]}");
	ui_answer(&w->u, UI_HELLO, "", doc, NULL);
	json_decref(doc);
	doc = json_pack("{s:i,s:[]}", "sub", 6, "doc");
	ui_answer(&w->u, UI_SUBSCRIBE, "5", doc, NULL);
	json_decref(doc);
	shows(w, "job pause: sent, but the link broke: outcome unknown.  2s ");
	type(w, ":status\n");
	assert_int_equal(count_sent(w, "status"), 1);
}

/* It may last for hours, and the line is not kept from others. */
static void
a_wait_for_a_run_is_given_up(void **state)
{
	struct world *w = *state;
	struct err e = { ERR_FAILED, "cancelled" };
	json_t *asked, *r;

	type(w, ":job run backup-db --wait\n");
	asked = sent(w, "job.run");
	assert_non_null(asked);
	type(w, ":status\n");
	not_sent(w, "status");
	shows(w, "job run: no longer waited for");
	r = sent(w, "cancel");
	assert_non_null(r);
	assert_string_equal(js_str(r, "about", "?"), js_str(asked, "about",
	    ""));
	json_decref(r);
	json_decref(asked);
	ui_answer(&w->u, UI_COMMAND, "", NULL, &e);
	shows(w, "job run: no longer waited for, its run goes on");
	hides(w, "cancelled");
	type(w, ":status\n");
	assert_int_equal(count_sent(w, "status"), 1);
}

/* S on one agent, Esc, S on another: the first one's dry run says nothing of
 * the second. */
static void
a_dry_run_is_of_its_question(void **state)
{
	struct world *w = *state;
	json_t *first = dry_run("node-c"), *second = dry_run("node-a"), *r;

	type(w, "S");
	later(w, 400);
	json_decref(sent(w, "whatif"));
	ui_key(&w->u, KEY_ESC);
	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-a");
	type(w, "S");
	ui_answer(&w->u, UI_DRY, "", first, NULL);
	json_decref(first);
	shows(w, "Turn ON the Scheduler role: node-a");
	shows(w, "After   asking the daemon what it would do ...");
	r = sent(w, "whatif");
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    json_object_get(r, "params"), "event"), 1)), "node-a");
	json_decref(r);
	ui_answer(&w->u, UI_DRY, "", second, NULL);
	json_decref(second);
	shows(w, "After   node-a holds it (epoch 43)");
}

/* ---- the `:` line ----------------------------------------------------- */

static void
a_question_of_the_line_keeps_its_text(void **state)
{
	struct world *w = *state;

	type(w, ":agent remove node-b\n");
	for (int i = 0; i < 2; i++) {
		shows(w, "Remove agent node-b from the cluster?");
		shows(w, "Now     SCHEDULER, 2 runs");
		shows(w, "! It holds the Scheduler role.");
		later(w, 400);
		type(w, "n");
	}
	ui_key(&w->u, KEY_ESC);
	type(w, ":agent remove ghost\n");
	later(w, 400);
	type(w, "g");
	shows(w, "Remove agent ghost from the cluster?");
	hides(w, "OFFLINE, 0 runs");
}

/* All of it can be read before it is done. */
static void
a_plan_is_shown_whole(void **state)
{
	struct world *w = *state;
	json_t *r = plan_of(40);

	type(w, ":apply Makefile\n");
	json_decref(sent(w, "apply"));
	ui_answer(&w->u, UI_PLAN, "", r, NULL);
	json_decref(r);
	shows(w, "job-00");
	shows(w, "job-05");
	shows(w, "more: Down, PgDn");
	hides(w, "job-39");
	later(w, 400);
	type(w, "j");			/* no answer */
	shows(w, "job-05");
	for (int i = 0; i < 9; i++)
		ui_key(&w->u, KEY_K_PGDN);
	shows(w, "job-39");
	shows(w, "y does it");
	ui_key(&w->u, KEY_K_UP);
	hides(w, "job-39");
	shows(w, "job-38");
	not_sent(w, "apply");
	for (int i = 0; i < 9; i++)
		ui_key(&w->u, KEY_K_PGUP);
	shows(w, "ACTION");
	type(w, "y");
	assert_int_equal(count_sent(w, "apply"), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(several_are_marked),
		TEST(marks_are_what_is_asked_about),
		TEST(one_mark_is_the_row),
		TEST(a_refusal_among_several_is_heard_of),
		TEST(marks_decide_between_drain_and_undrain),
		TEST(each_request_shows_its_words),
		TEST(a_join_ends_at_the_list),
		TEST(runs_are_killed_by_mark),
		TEST(marks_that_cannot_be_acted_on_are_refused),
		TEST(what_is_under_way_is_not_replaced),
		TEST(a_plan_replaces_no_question),
		TEST(one_command_at_a_time),
		TEST(a_wait_for_a_run_is_given_up),
		TEST(a_dry_run_is_of_its_question),
		TEST(a_question_of_the_line_keeps_its_text),
		TEST(a_plan_is_shown_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
