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

/* r is for somebody who does not believe what he sees. */
static void
rows_are_asked_for_anew_by_hand(void **state)
{
	struct world *w = *state;
	json_t *r;

	type(w, "r");
	later(w, 10);
	r = sent(w, "unsubscribe");
	assert_int_equal(js_int(json_object_get(r, "params"), "sub", 0),
	    1 + TOPIC_AGENTS);
	json_decref(r);
	r = sent(w, "subscribe");
	assert_string_equal(js_str(json_object_get(r, "params"), "method", ""),
	    "agent.list");
	json_decref(r);
	type(w, "r");			/* once is enough */
	later(w, 10);
	not_sent(w, "unsubscribe");
	not_sent(w, "subscribe");
	subscribed(w, TOPIC_AGENTS, w->u.m.topic[TOPIC_AGENTS].doc);
	type(w, "D");
	assert_non_null(w->u.m.question);
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

/* ---- parts of a list -------------------------------------------------- */

/* The answer to the ping that is under way. */
static json_t *
ping(struct world *w)
{
	json_t *r;

	later(w, 10);
	r = sent(w, "status");
	assert_non_null(r);
	return r;
}

static void
pong(struct world *w, json_t *r)
{
	json_t *status = json_incref(w->u.m.topic[TOPIC_STATUS].doc);

	ui_answer(&w->u, UI_PING, js_str(r, "about", ""), status, NULL);
	json_decref(status);
	json_decref(r);
	later(w, 10);
}

/* Some rows of those that are here. */
static json_t *
some(const struct world *w, enum topic t, size_t from, size_t to)
{
	const json_t *list = w->u.m.topic[t].doc;
	json_t *out = json_array();

	for (size_t i = from; i < to && i < json_array_size(list); i++)
		(void)json_array_append(out, json_array_get(list, i));
	return out;
}

static void
part_comes(struct world *w, json_t *rows)
{
	json_t *doc = json_pack("{s:I,s:i,s:o}", "sub",
	    (json_int_t)w->u.sub[TOPIC_AGENTS], "seq", 1, "set", rows);

	ui_update(&w->u, doc);
	json_decref(doc);
	later(w, 10);
}

/* A list of thousands comes in parts, one after the other; what the daemon is
 * asked after the last one, it answers after the last one. */
static void
the_first_agents_are_not_all(void **state)
{
	struct world *w = *state;
	json_t *first = some(w, TOPIC_AGENTS, 0, 1), *r;
	json_t *second = some(w, TOPIC_AGENTS, 1, 2);
	json_t *third = some(w, TOPIC_AGENTS, 2, 9);

	model_put(&w->u.m, TOPIC_WHY, json_array());
	ui_link(&w->u, LINK_DOWN, "gone");
	later(w, 1000);
	link_is_back(w);
	r = ping(w);			/* before any of them */
	subscribed(w, TOPIC_AGENTS, first);
	json_decref(first);
	shows(w, "1 agent so far");
	hides(w, "online");
	hides(w, "No other agents yet");
	shows(w, "SCHED:?");
	for (const char *k = "136"; *k != '\0'; k++) {
		ui_key(&w->u, *k);
		hides(w, "NOBODY");
		hides(w, "nobody holds");
	}
	type(w, "S");
	assert_null(w->u.m.question);
	shows(w, "who holds the role is not known yet");
	type(w, "1/zzz");
	shows(w, "0 of 1 so far match");
	ui_key(&w->u, KEY_ESC);
	pong(w, r);
	shows(w, "1 agent so far");
	r = ping(w);
	part_comes(w, second);
	pong(w, r);
	shows(w, "2 agents so far");
	shows(w, "SCHED:node-b");
	r = ping(w);
	part_comes(w, third);
	pong(w, r);
	shows(w, "4 agents so far");
	/* Who was selected is selected, and was not here for a while. */
	assert_string_equal(w->u.m.view[SCREEN_AGENTS].sel, "node-c");
	pong(w, ping(w));
	shows(w, "4 agents, 3 online. Scheduler: node-b.");
	/* One that joins now is one more. */
	part_comes(w, world_json("[" AGENT("node-x", "true", "spare", "off",
	    "good", "4", "", "0", "1", "") "]"));
	shows(w, "5 agents, 4 online.");
}

/* No more than the newest are asked for. */
static void
what_is_cut_is_at_least_that_many(void **state)
{
	struct world *w = *state;
	json_t *runs = json_array(), *joins = json_array();
	const json_t *run = json_array_get(w->u.m.topic[TOPIC_RUNS].doc, 1);
	const json_t *join = json_array_get(w->u.m.topic[TOPIC_JOINS].doc, 1);

	for (int i = 0; i < 200; i++) {
		json_t *r = json_deep_copy(run), *j = json_deep_copy(join);

		(void)json_object_set_new(r, "id", json_integer(9000 - i));
		(void)json_object_set_new(j, "id", json_sprintf("%d", i));
		(void)json_array_append_new(runs, r);
		(void)json_array_append_new(joins, j);
	}
	model_put(&w->u.m, TOPIC_RUNS, runs);
	model_put(&w->u.m, TOPIC_JOINS, joins);
	shows(w, "Runs(200+)");
	type(w, "2");
	shows(w, "Join(200+)");
	shows(w, "REQUESTS (200+ pending, 0+ accepted)");
}

static void
events_that_were_missed_may_be_more(void **state)
{
	struct world *w = *state;
	json_t *events = json_deep_copy(w->u.m.topic[TOPIC_EVENTS].doc), *e;
	size_t i;

	ui_link(&w->u, LINK_DOWN, "gone");
	later(w, 1000);
	link_is_back(w);
	json_array_foreach(events, i, e)
		(void)json_object_set_new(e, "seq", json_integer(90000 -
		    (json_int_t)i));
	subscribed(w, TOPIC_EVENTS, events);
	json_decref(events);
	shows(w, "missed: 4 or more events");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_of_a_hidden_list_are_asked_for_anew),
		TEST(rows_are_asked_for_anew_by_hand),
		TEST(rows_of_before_the_loss_are_not_acted_on),
		TEST(a_question_about_old_rows_is_not_sent),
		TEST(refused_rows_are_not_acted_on),
		TEST(the_token_is_asked_for_when_its_request_is_here),
		TEST(the_first_agents_are_not_all),
		TEST(what_is_cut_is_at_least_that_many),
		TEST(events_that_were_missed_may_be_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
