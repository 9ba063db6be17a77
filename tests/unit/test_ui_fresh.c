/* What is acted on is as it is now: rows that are old say so and are not acted
 * on, and of a list of which only a part is here nothing is told that only the
 * whole can tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui_world.h"

/* The daemon answers the subscription of this topic, which was asked for. */
static void
subscribed(struct world *w, enum topic t, const json_t *doc)
{
	json_t *r = json_pack("{s:i,s:i,s:O}", "sub", 20 + (int)t, "seq", 0,
	    "doc", doc);
	char about[8];

	assert_int_equal(w->u.sub[t], -1);
	(void)snprintf(about, sizeof(about), "%d", (int)t);
	ui_answer(&w->u, UI_SUBSCRIBE, about, r, NULL);
	json_decref(r);
}

/* With all privileges, and no row yet. */
static void
link_is_back(struct world *w)
{
	json_t *hello = json_pack("{s:s,s:s,s:s,s:[s,s,s]}", "node", "node-c",
	    "who", "anna", "version", "0.1.0", "privileges", "view",
	    "maintain_cluster", "run_jobs");

	ui_link(&w->u, LINK_UP, "");
	ui_answer(&w->u, UI_HELLO, "", hello, NULL);
	json_decref(hello);
	later(w, 10);
	shows(w, "LIVE");
}

/* ---- old rows --------------------------------------------------------- */

/* Looked at every ten seconds while nobody sees them. */
static void
rows_of_a_hidden_list_are_asked_for_anew(void **state)
{
	struct world *w = *state;
	json_t *r;

	w->u.quick[TOPIC_JOBS] = false;
	later(w, 60000);
	json_array_clear(w->u.out);
	type(w, "3");
	shows(w, "as of 10:42:57");
	shows(w, "backup-db");
	type(w, "R");
	assert_null(w->u.m.question);
	shows(w, "rows as of 10:42:57");
	type(w, "oE");
	shows(w, "E          pause the job, or resume it -- rows as of "
	    "10:42:57: ");
	ui_key(&w->u, KEY_ESC);
	later(w, 10);
	r = sent(w, "unsubscribe");
	assert_int_equal(js_int(json_object_get(r, "params"), "sub", 0),
	    1 + TOPIC_JOBS);
	json_decref(r);
	r = sent(w, "subscribe");
	assert_string_equal(js_str(json_object_get(r, "params"), "method", ""),
	    "job.list");
	assert_in_range(js_int(json_object_get(r, "params"), "every", 0), 1,
	    3);
	json_decref(r);
	subscribed(w, TOPIC_JOBS, w->u.m.topic[TOPIC_JOBS].doc);
	hides(w, "as of");
	type(w, "R");
	assert_non_null(w->u.m.question);
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	/* From now on it is looked at often enough, seen or not. */
	json_array_clear(w->u.out);
	type(w, "13");
	later(w, 10);
	hides(w, "as of");
	not_sent(w, "subscribe");
}

/* LIVE again, and an hour old. */
static void
rows_of_before_the_loss_are_not_acted_on(void **state)
{
	struct world *w = *state;

	ui_link(&w->u, LINK_DOWN, "gone");
	w->now.wall.ms += 3600000;
	w->now.mono = mono_add_ms(w->now.mono, 3600000);
	ui_tick(&w->u, w->now);
	shows(w, "LOST");
	link_is_back(w);
	shows(w, "as of 10:42:07");
	type(w, "D");
	assert_null(w->u.m.question);
	shows(w, "rows as of 10:42:07");
	type(w, "L");			/* asks nothing of any row */
	assert_non_null(w->u.m.question);
	later(w, 400);
	ui_key(&w->u, KEY_ESC);
	subscribed(w, TOPIC_AGENTS, w->u.m.topic[TOPIC_AGENTS].doc);
	hides(w, "as of");
	type(w, "D");
	assert_non_null(w->u.m.question);
}

/* One that was open is answered when its rows are here. */
static void
a_question_about_old_rows_is_not_sent(void **state)
{
	struct world *w = *state;

	type(w, "D");
	later(w, 400);
	ui_link(&w->u, LINK_DOWN, "gone");
	later(w, 1000);
	link_is_back(w);
	later(w, 400);
	type(w, "y");
	not_sent(w, "agent.drain");
	shows(w, "nothing is changed on old data");
	subscribed(w, TOPIC_AGENTS, w->u.m.topic[TOPIC_AGENTS].doc);
	type(w, "y");
	assert_int_equal(count_sent(w, "agent.drain"), 1);
}

static void
refused_rows_are_not_acted_on(void **state)
{
	struct world *w = *state;
	json_t *doc = world_json("{\"sub\":2,\"seq\":3,\"error\":{\"code\":"
	    "\"failed\",\"message\":\"the broker is very busy\"}}");

	ui_update(&w->u, doc);
	json_decref(doc);
	type(w, "D");
	assert_null(w->u.m.question);
	shows(w, "nothing is changed on old data");
}

/* The prompt that opens by itself opens once the request is known anew. */
static void
the_token_is_asked_for_when_its_request_is_here(void **state)
{
	struct world *w = *state;
	json_t *own = world_json("[{\"id\":\"own\",\"name\":\"node-c\","
	    "\"host\":\"node-a\",\"state\":\"accepted\",\"as\":\"agent\"}]");

	ui_link(&w->u, LINK_DOWN, "gone");
	later(w, 1000);
	model_put(&w->u.m, TOPIC_JOINS, json_incref(own));
	link_is_back(w);
	later(w, 10);
	assert_null(w->u.m.question);
	subscribed(w, TOPIC_JOINS, own);
	json_decref(own);
	later(w, 10);
	shows(w, "Paste the token:");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_of_a_hidden_list_are_asked_for_anew),
		TEST(rows_of_before_the_loss_are_not_acted_on),
		TEST(a_question_about_old_rows_is_not_sent),
		TEST(refused_rows_are_not_acted_on),
		TEST(the_token_is_asked_for_when_its_request_is_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
