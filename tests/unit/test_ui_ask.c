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
	ui_key(&w->u, KEY_ESC);
	(void)MEM_STR(w->u.m.view[SCREEN_JOIN].sel, "7");
	type(w, " A");
	shows(w, "Accept: node-e");
	later(w, 400);
	type(w, "y");
	assert_int_equal(count_sent(w, "join.accept"), 1);
	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
	type(w, "T");
	shows(w, "Make and show a token: node-e");
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
		TEST(runs_are_killed_by_mark),
		TEST(marks_that_cannot_be_acted_on_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
