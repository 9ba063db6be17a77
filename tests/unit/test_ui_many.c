/* Hundreds of agents, and text that is not ASCII: nothing that matters is cut
 * away, unmarked or out of reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui_world.h"

#define A10 "\303\244\303\244\303\244\303\244\303\244" \
	"\303\244\303\244\303\244\303\244\303\244"
#define NI10 "\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245" \
	"\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245"

static void
agents(struct world *w, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++) {
		json_t *row = json_deep_copy(json_array_get(
		    w->u.m.topic[TOPIC_AGENTS].doc, i == 1 ? 1 : 0));

		(void)json_object_set_new(row, "name", json_sprintf("n%03d",
		    i));
		(void)json_array_append_new(list, row);
	}
	model_put(&w->u.m, TOPIC_AGENTS, list);
}

static void
screen_has(struct world *w, const char *text, bool there)
{
	looks_in(GLYPHS_UTF8, w, text, there);
}

/* ---- hundreds --------------------------------------------------------- */

/* What it means for the one that is chosen is not below the names of all. */
static void
healthier_ones_do_not_hide_a_warning(void **state)
{
	struct world *w = *state;
	json_t *row;

	agents(w, 300);
	row = json_array_get(w->u.m.topic[TOPIC_AGENTS].doc, 299);
	(void)json_object_set_new(json_object_get(row, "health"), "level",
	    json_string("ok"));
	(void)json_object_set_new(row, "condition_met", json_true());
	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "n299");
	type(w, "S");
	answer_dry(w, "n299");
	shows(w, "! n000 is healthier (good)");
	shows(w, "! 295 more are healthier");
	shows(w, "! n299 meets the switch condition");
	hides(w, "more: Down");
}

static void
any_name_is_completed(void **state)
{
	struct world *w = *state;

	agents(w, 300);
	type(w, ":agent show n29");
	ui_key(&w->u, KEY_TAB);
	shows(w, "n290  n291");
	type(w, "9");
	ui_key(&w->u, KEY_TAB);
	assert_string_equal(w->u.m.line.text, "agent show n299 ");
}

/* The row was found with a filter, and is far down without it. */
static void
graphs_are_of_the_rows_shown(void **state)
{
	struct world *w = *state;
	bool found = false;

	agents(w, 300);
	type(w, "/n250\n");
	ui_key(&w->u, KEY_ESC);
	json_array_clear(w->u.out);
	later(w, 10000);
	shows(w, "> n250");
	for (size_t i = 0; i < json_array_size(w->u.out); i++)
		found |= strcmp(js_str(json_array_get(w->u.out, i), "about",
		    ""), "n250/600") == 0;
	assert_true(found);
}

/* ---- cells ------------------------------------------------------------ */

/* 12 seconds are not 2. */
static void
a_number_that_does_not_fit_says_so(void **state)
{
	struct world *w = *state;
	json_t *row = json_array_get(w->u.m.topic[TOPIC_AGENTS].doc, 0);

	(void)json_object_set_new(row, "latency", json_real(12345));
	hides(w, " 2345ms");
	shows(w, " <345ms");
}

static void
rename_agents(struct world *w, const char *first, const char *second)
{
	json_t *list = json_deep_copy(w->u.m.topic[TOPIC_AGENTS].doc);

	(void)json_object_set_new(json_array_get(list, 0), "name",
	    json_string(first));
	(void)json_object_set_new(json_array_get(list, 1), "name",
	    json_string(second));
	model_put(&w->u.m, TOPIC_AGENTS, list);
}

/* Two that begin alike are two: the graph gives way to their names, and a name
 * that is longer than all that says so. */
static void
long_names_are_told_apart(void **state)
{
	struct world *w = *state;

	rename_agents(w, "backup-store-west-1", "backup-store-west-2");
	shows(w, "backup-store-west-1 ");
	shows(w, "backup-store-west-2 ");
	rename_agents(w, "a", "backup-store-west-2.prod.example.org");
	shows(w, "backup-store-west-2.p> ");
}

/* Of the newest 200 runs three may go on, and of those before them more. */
static void
runs_that_are_not_listed_count(void **state)
{
	struct world *w = *state;
	json_t *list = json_array();

	for (int i = 0; i < 200; i++)
		(void)json_array_append_new(list, json_pack("{s:i,s:s}", "id",
		    9000 - i, "state", i < 3 ? "running" : "succeeded"));
	model_put(&w->u.m, TOPIC_RUNS, list);
	list = json_deep_copy(w->u.m.topic[TOPIC_AGENTS].doc);
	for (size_t i = 0; i < json_array_size(list); i++)
		(void)json_object_set_new(json_array_get(list, i), "running",
		    json_integer(0));
	model_put(&w->u.m, TOPIC_AGENTS, json_incref(list));
	shows(w, "4 Runs(3+) ");	/* they do not know of those yet */
	(void)json_object_set_new(json_array_get(list, 0), "running",
	    json_integer(7));
	model_put(&w->u.m, TOPIC_AGENTS, list);
	shows(w, "4 Runs(7) ");
	w->u.m.topic[TOPIC_AGENTS].part = true;
	shows(w, "4 Runs(7+) ");
}

/* A word without a space is cut between letters. */
static void
a_long_word_is_whole(void **state)
{
	struct grid *g = grid_new(15, 4, GLYPHS_UTF8);
	struct area a = grid_area(g);
	struct buf b = BUF_INIT(4096);

	(void)state;
	assert_int_equal(area_wrap(&a, 0, 0, 4, GRID_PLAIN, NI10 " " A10 A10),
	    4);
	grid_text(g, &b);
	assert_string_equal(b.p, "\346\227\245\346\227\245\346\227\245\346\227"
	    "\245\346\227\245\346\227\245\346\227\245\n\346\227\245\346\227"
	    "\245\346\227\245\n" A10 "\303\244\303\244\303\244\303\244\303\244"
	    "\n\303\244\303\244\303\244\303\244\303\244\n");
	buf_free(&b);
	grid_free(g);
}

/* What the mouse selects is the text. */
static void
a_bare_row_is_whole(void **state)
{
	struct world *w = *state;
	json_t *row = json_array_get(w->u.m.topic[TOPIC_EVENTS].doc, 0);

	(void)json_object_set_new(row, "message", json_string("x" A10 A10 A10
	    A10 A10 A10 A10 A10 NI10 NI10 NI10 NI10 NI10 "\033end"));
	type(w, "5v");
	screen_has(w, "\\x", false);
	screen_has(w, "^[en\nd, CODE", true);
}

/* The cursor is where the next letter goes, and that is on the screen. */
static void
what_is_typed_is_seen(void **state)
{
	struct world *w = *state;
	struct grid *g = grid_new(80, 24, GLYPHS_UTF8);

	type(w, ":");
	for (int i = 0; i < 100; i++)
		ui_key(&w->u, 0xe4);
	type(w, "end");
	screen_has(w, "\303\244end\n", true);
	screen_has(w, "\\x", false);
	ui_key(&w->u, KEY_ESC);
	(void)json_object_set_new(w->u.m.topic[TOPIC_STATUS].doc, "mode",
	    json_string("standalone"));
	type(w, "J");
	later(w, 400);
	for (int i = 0; i < 10; i++)
		ui_key(&w->u, 0xe4);
	ui_draw(&w->u, g);
	assert_int_equal(g->cell[g->cursor_y * 80 + g->cursor_x - 1].cp, 0xe4);
	assert_int_equal(g->cell[g->cursor_y * 80 + g->cursor_x].cp, ' ');
	for (int i = 0; i < 60; i++)
		ui_key(&w->u, 0xe4);
	type(w, ":7422");
	screen_has(w, "\303\244:7422", true);
	screen_has(w, "\\x", false);
	grid_free(g);
}

/* ---- the bar ---------------------------------------------------------- */

/* LIVE, and who held the role before the link was lost. */
static void
a_holder_of_before_is_in_doubt(void **state)
{
	struct err e = { ERR_FAILED, "the broker is very busy" };
	struct world *w = *state;

	shows(w, "SCHED:node-b e42");
	model_fail(&w->u.m, TOPIC_AGENTS, &e);
	shows(w, "SCHED:node-b? e42");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(healthier_ones_do_not_hide_a_warning),
		TEST(any_name_is_completed),
		TEST(graphs_are_of_the_rows_shown),
		TEST(a_number_that_does_not_fit_says_so),
		TEST(long_names_are_told_apart),
		TEST(runs_that_are_not_listed_count),
		TEST(a_long_word_is_whole),
		TEST(a_bare_row_is_whole),
		TEST(what_is_typed_is_seen),
		TEST(a_holder_of_before_is_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
