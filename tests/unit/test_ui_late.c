/* What comes late: an answer while something else is typed, hidden or read.
 * Each test names a way to confirm, close or lose what nobody has read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui_world.h"

/* ---- while something is typed ----------------------------------------- */

static void
plan_comes(struct world *w)
{
	json_t *r = world_json("{\"plan\":[{\"action\":\"delete\",\"kind\":"
	    "\"job\",\"name\":\"backup-db\",\"detail\":\"\"}],"
	    "\"revision\":7}");

	ui_answer(&w->u, UI_PLAN, "", r, NULL);
	json_decref(r);
}

/* `y` is a letter of the filter; the plan is confirmed when it is read. */
static void
a_plan_does_not_take_the_keys(void **state)
{
	struct world *w = *state;

	type(w, ":apply Makefile\n");
	json_decref(sent(w, "apply"));
	later(w, 2000);
	type(w, "/ma");
	plan_comes(w);
	later(w, 400);
	shows(w, "apply: its question is here, Esc shows it");
	type(w, "y");
	assert_string_equal(w->u.m.line.text, "may");
	not_sent(w, "apply");
	ui_key(&w->u, KEY_ESC);
	later(w, 10);
	shows(w, "y does it, n or Esc leaves it");
	type(w, "y");			/* too early */
	not_sent(w, "apply");
	later(w, 400);
	type(w, "y");
	assert_int_equal(count_sent(w, "apply"), 1);
}

/* The end of a paste that began on a list is no answer either. */
static void
a_plan_waits_for_the_end_of_a_paste(void **state)
{
	struct world *w = *state;

	type(w, ":apply Makefile\n");
	json_decref(sent(w, "apply"));
	ui_key(&w->u, KEY_K_PASTE_START);
	plan_comes(w);
	later(w, 400);
	hides(w, "y does it");
	shows(w, "apply: its question is here");
	ui_key(&w->u, KEY_K_PASTE_END);
	later(w, 10);
	shows(w, "y does it");
}

static void
an_output_does_not_take_the_keys(void **state)
{
	struct world *w = *state;
	json_t *doc = json_pack("{s:s}", "node", "node-x");

	type(w, ":status\n");
	json_decref(sent(w, "status"));
	type(w, ":agent l");
	ui_answer(&w->u, UI_COMMAND, "", doc, NULL);
	later(w, 10);
	assert_int_equal(w->u.m.mode, MODE_COMMAND);
	shows(w, "status: its answer is here, Esc shows it");
	type(w, "i");
	assert_string_equal(w->u.m.line.text, "agent li");
	ui_key(&w->u, KEY_ESC);
	later(w, 10);
	shows(w, "node-x");
	type(w, "q");			/* it was meant for what was there */
	shows(w, "node-x");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	hides(w, "node-x");
	assert_false(w->u.quit);
	/* And one that comes at once is deaf, too. */
	type(w, ":status\n");
	ui_answer(&w->u, UI_COMMAND, "", doc, NULL);
	json_decref(doc);
	type(w, "q");
	shows(w, "node-x");
}

/* Hidden, refused as stale, or the link breaks: asked again when it is read. */
static void
what_is_asked_again_does_not_take_the_keys(void **state)
{
	struct err e = { ERR_STALE, "the role moved to node-a (epoch 43)" };
	struct world *w = *state;

	type(w, "S");
	later(w, 400);
	type(w, "node-c\n");
	ui_key(&w->u, KEY_ESC);
	type(w, "/n");
	ui_answer(&w->u, UI_DO, "", NULL, &e);
	type(w, "ode");
	assert_string_equal(w->u.m.line.text, "node");
	shows(w, "Turn ON the Scheduler role: node-c: its question is here");
	type(w, "\n");
	later(w, 10);
	shows(w, "here is the new picture");
	later(w, 400);
	type(w, "node-c\n");
	assert_int_equal(w->u.m.question->state, QUESTION_SENT);
	ui_key(&w->u, KEY_ESC);
	type(w, ":");
	ui_link(&w->u, LINK_DOWN, "gone");
	type(w, "help");
	assert_string_equal(w->u.m.line.text, "help");
	shows(w, "its outcome is here");
	ui_key(&w->u, KEY_ESC);
	later(w, 10);
	shows(w, "outcome unknown");
}

/* ---- an outcome ------------------------------------------------------- */

static void
token_comes(struct world *w)
{
	json_t *r = json_pack("{s:s,s:s,s:s}", "token", "jt-ABC", "expires_at",
	    "2026-11-18T10:57:00.000Z", "command",
	    "muster join complete node-a:7422 jt-ABC");

	ui_answer(&w->u, UI_DO, "", r, NULL);
	json_decref(r);
}

static void
token_is_asked(struct world *w)
{
	type(w, "2");
	(void)MEM_STR(w->u.m.view[SCREEN_JOIN].sel, "8");
	type(w, "T");
	later(w, 400);
	type(w, "y");
	assert_int_equal(count_sent(w, "join.token"), 1);
}

/* Shown once: a second Enter, or any habit, does not lose it. */
static void
a_token_is_closed_by_esc_alone(void **state)
{
	struct world *w = *state;

	token_is_asked(w);
	token_comes(w);
	type(w, "\n");
	ui_key(&w->u, KEY_ESC);
	shows(w, "jt-ABC");
	later(w, 400);
	type(w, "\nqy");
	ui_key(&w->u, KEY_CTRL('c'));
	shows(w, "jt-ABC");
	ui_key(&w->u, KEY_ESC);
	assert_null(w->u.m.question);
	hides(w, "jt-ABC");
}

/* It comes while its question is hidden: kept until it was read. */
static void
a_hidden_token_is_kept(void **state)
{
	struct world *w = *state;

	token_is_asked(w);
	ui_key(&w->u, KEY_ESC);
	type(w, "1/n");
	token_comes(w);
	shows(w, "the token of node-f is here: 2, then T shows it");
	type(w, "\nj");
	later(w, 400);
	shows(w, "the token of node-f is here: 2, then T shows it");
	hides(w, "jt-ABC");
	type(w, ":agent remove node-d\n");
	shows(w, "agent remove: a token is to be read first");
	ui_link(&w->u, LINK_DOWN, "gone");
	type(w, "2");
	shows(w, "the token of node-f is here: T shows it");
	type(w, "T");
	shows(w, "jt-ABC");
	not_sent(w, "join.token");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	assert_null(w->u.m.question);
}

/* Leaving loses for good what is shown once: q says what, and q is not what
 * answers it. */
static void
q_does_not_lose_a_hidden_token(void **state)
{
	static const char *const stay[] = { "q", "n", "\n", " ", "j" };
	struct world *w = *state;

	token_is_asked(w);
	ui_key(&w->u, KEY_ESC);
	type(w, "1q");			/* made, perhaps, and on its way */
	assert_false(w->u.quit);
	shows(w, "Nobody has read the token of node-f");
	later(w, 400);
	type(w, "n");
	token_comes(w);
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
		type(w, "qy");		/* too early */
		assert_false(w->u.quit);
		shows(w, "Nobody has read the token of node-f");
		shows(w, "y leaves");
		hides(w, "jt-ABC");
		later(w, 400);
		type(w, stay[i]);
		assert_false(w->u.quit);
		hides(w, "Nobody has read");
	}
	assert_int_equal(w->u.m.screen, SCREEN_AGENTS);
	shows(w, "the token of node-f is here: 2, then T shows it");
	ui_key(&w->u, KEY_K_F1 + 9);
	later(w, 400);
	type(w, "y");
	assert_true(w->u.quit);
}

static void
q_leaves_when_the_token_was_read(void **state)
{
	struct world *w = *state;

	token_is_asked(w);
	ui_key(&w->u, KEY_ESC);
	token_comes(w);
	type(w, "T");
	shows(w, "jt-ABC");
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	type(w, "q");
	assert_true(w->u.quit);
}

/* The same of one that the `:` line asked for. */
static void
q_does_not_lose_a_token_of_the_line(void **state)
{
	struct world *w = *state;
	json_t *r = world_json("{\"token\":\"jt-ABC\",\"command\":\"muster "
	    "join complete node-a jt-ABC\"}");

	type(w, ":join token node-f\n");
	json_decref(sent(w, "join.token"));
	type(w, "q");
	assert_false(w->u.quit);
	shows(w, "Nobody has read the answer of join token");
	later(w, 400);
	type(w, "n:x");
	ui_answer(&w->u, UI_COMMAND, "", r, NULL);
	json_decref(r);
	ui_key(&w->u, KEY_ESC);
	type(w, "q");			/* before it opens */
	assert_false(w->u.quit);
	shows(w, "Nobody has read the answer of join token");
	later(w, 400);
	type(w, "n");
	later(w, 10);
	shows(w, "jt-ABC");
	later(w, 400);
	type(w, "qq");
	assert_true(w->u.quit);
}

static void
an_outcome_is_read_before_it_closes(void **state)
{
	struct err e = { ERR_FAILED, "node-c is held off" };
	struct world *w = *state;

	type(w, "S");
	later(w, 400);
	type(w, "node-c\n");
	ui_answer(&w->u, UI_DO, "", NULL, &e);
	type(w, "\n");
	ui_key(&w->u, KEY_ESC);
	shows(w, "node-c is held off");
	later(w, 400);
	type(w, "\n");
	assert_null(w->u.m.question);
}

/* A terminal that takes no frame: nobody has read what is not there. */
static void
what_is_not_drawn_is_not_answered(void **state)
{
	struct world *w = *state;

	type(w, "S");
	w->now.mono = mono_add_ms(w->now.mono, 2000);
	ui_tick(&w->u, w->now);
	type(w, "node-c\n");
	not_sent(w, "agent.on");
	ui_drawn(&w->u);
	type(w, "node-c\n");
	not_sent(w, "agent.on");
	later(w, 400);
	type(w, "node-c\n");
	assert_int_equal(count_sent(w, "agent.on"), 1);
}

/* ---- facts that move -------------------------------------------------- */

static void
link_breaks(struct world *w)
{
	json_t *hello = json_pack("{s:s,s:s,s:s,s:[s,s]}", "node", "node-c",
	    "who", "anna", "version", "0.1.0", "privileges", "view",
	    "maintain_cluster");

	ui_link(&w->u, LINK_DOWN, "gone");
	later(w, 2000);
	ui_link(&w->u, LINK_UP, "");
	ui_answer(&w->u, UI_HELLO, "", hello, NULL);
	json_decref(hello);
}

/* Nothing of before the loss is left in it, and nothing that was typed. */
static void
a_question_outlives_the_link(void **state)
{
	struct world *w = *state;
	json_t *doc;

	type(w, "S");
	assert_int_equal(count_sent(w, "whatif"), 1);
	later(w, 400);
	type(w, "node");
	ui_link(&w->u, LINK_DOWN, "gone");
	shows(w, "The link is lost");
	link_breaks(w);
	shows(w, "The link was lost and is back");
	assert_int_equal(count_sent(w, "whatif"), 1);
	type(w, "-c\n");
	not_sent(w, "agent.on");
	doc = json_pack("{s:i,s:i,s:O}", "sub", 2, "seq", 0, "doc",
	    w->u.m.topic[TOPIC_AGENTS].doc);
	(void)json_object_set_new(json_array_get(json_object_get(doc, "doc"),
	    1), "running", json_integer(7));
	ui_answer(&w->u, UI_SUBSCRIBE, "1", doc, NULL);
	json_decref(doc);
	shows(w, "Now     node-b holds it (epoch 42, excellent, 7 runs)");
	answer_dry(w, "node-c");
	shows(w, "After   node-c holds it");
	later(w, 400);
	type(w, "-c\n");
	not_sent(w, "agent.on");
	type(w, "node-c\n");
	assert_int_equal(count_sent(w, "agent.on"), 1);
}

/* y would do for a spare. */
static void
draining_who_is_on_now_takes_the_name(void **state)
{
	struct world *w = *state;
	json_t *list = json_deep_copy(w->u.m.topic[TOPIC_AGENTS].doc), *row;

	type(w, "D");
	shows(w, "y does it");
	row = json_array_get(list, 1);
	(void)json_object_set_new(row, "role", json_string("spare"));
	row = json_array_get(list, 2);
	(void)json_object_set_new(row, "role", json_string("scheduler"));
	(void)json_object_set_new(row, "epoch", json_integer(43));
	model_put(&w->u.m, TOPIC_AGENTS, list);
	later(w, 10);
	later(w, 400);
	shows(w, "! It holds the Scheduler role and hands it over first.");
	type(w, "y\n");
	not_sent(w, "agent.drain");
	type(w, "node-c\n");
	assert_int_equal(count_sent(w, "agent.drain"), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_plan_does_not_take_the_keys),
		TEST(a_plan_waits_for_the_end_of_a_paste),
		TEST(an_output_does_not_take_the_keys),
		TEST(what_is_asked_again_does_not_take_the_keys),
		TEST(a_token_is_closed_by_esc_alone),
		TEST(a_hidden_token_is_kept),
		TEST(q_does_not_lose_a_hidden_token),
		TEST(q_leaves_when_the_token_was_read),
		TEST(q_does_not_lose_a_token_of_the_line),
		TEST(an_outcome_is_read_before_it_closes),
		TEST(what_is_not_drawn_is_not_answered),
		TEST(a_question_outlives_the_link),
		TEST(draining_who_is_on_now_takes_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
