/* Every screen as text: what an operator sees, word by word.  A difference is
 * a change of what people have learnt to read; GOLDEN=write accepts it. */
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
#include "mem.h"
#include "screens_world.h"

enum { GOLDEN_MAX = 1 << 20 };

static void
read_file(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "re");
	char chunk[8192];
	size_t n;

	while (f != NULL && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_put(b, chunk, n);
	if (f != NULL)
		(void)fclose(f);
}

/* The first line that differs, for the message. */
static void
differs(const char *path, const char *want, const char *got)
{
	int line = 1;

	while (*want != '\0' && *want == *got) {
		line += *want == '\n';
		want++;
		got++;
	}
	while (got[-1] != '\n' && want[-1] != '\n') {
		got--;
		want--;
	}
	fail_msg("%s:%d\n  was  %.*s\n  is   %.*s\nGOLDEN=write accepts all",
	    path, line, (int)strcspn(want, "\n"), want,
	    (int)strcspn(got, "\n"), got);
}

static void
golden(const char *name, const struct buf *got)
{
	const char *mode = getenv("GOLDEN");
	struct buf want = BUF_INIT(GOLDEN_MAX);
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "tests/golden/%s.txt", name);
	if (mode != NULL && strcmp(mode, "write") == 0) {
		f = fopen(path, "we");
		assert_non_null(f);
		(void)fwrite(got->p, 1, got->len, f);
		(void)fclose(f);
		return;
	}
	buf_puts(&want, "\n");		/* differs looks one back */
	read_file(path, &want);
	if (strcmp(want.p + 1, got->p) != 0) {
		struct buf g = BUF_INIT(GOLDEN_MAX);

		buf_fmt(&g, "\n");
		buf_put(&g, got->p, got->len);
		differs(path, want.p + 1, g.p + 1);
		buf_free(&g);
	}
	buf_free(&want);
}

static void
draw(const struct model *m, int w, int h, enum glyphs glyphs,
    const char *title, struct buf *b)
{
	struct grid *g = grid_new(w, h, glyphs);

	screen_draw(m, g);
	buf_fmt(b, "== %s ==\n", title);
	grid_text(g, b);
	grid_free(g);
}

/* ---- states of the world ---------------------------------------------- */

static void
live(struct model *m)
{
	world_fill(m);
}

static void
stale(struct model *m)
{
	world_fill(m);
	m->heard.us -= 13000000;
	m->heard_at.ms -= 13000;
}

static void
lost(struct model *m)
{
	world_fill(m);
	m->link = LINK_DOWN;
	m->heard.us -= 40000000;
	m->heard_at.ms -= 40000;
	m->tries = 3;
	m->retry = mono_add_ms(m->now.mono, 8000);
	(void)MEM_STR(m->why, "the other end closed the connection");
}

static void
empty(struct model *m)
{
	world_fill(m);
	for (int t = 0; t < TOPIC_COUNT; t++)
		if (t != TOPIC_STATUS && t != TOPIC_NEXT)
			model_put(m, (enum topic)t, json_array());
	json_decref(m->whatif);
	m->whatif = NULL;
}

static void
look_only(struct model *m)
{
	world_fill(m);
	m->privs = 1u << PRIV_VIEW;
	m->mode = MODE_MENU;
}

static const struct {
	const char *name;
	void (*make)(struct model *);
} states[] = { { "live", live }, { "stale", stale }, { "lost", lost },
	{ "empty", empty }, { "look only, actions", look_only } };

static const struct {
	int w, h;
	enum glyphs glyphs;
	const char *name;
} shapes[] = {
	{ 80, 24, GLYPHS_ASCII, "80x24-ascii" },
	{ 80, 24, GLYPHS_UTF8, "80x24-utf8" },
	{ 160, 48, GLYPHS_ASCII, "160x48-ascii" },
	{ 160, 48, GLYPHS_UTF8, "160x48-utf8" },
};

static void
one_screen(enum screen_id id, bool open, const char *word)
{
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		struct buf b = BUF_INIT(GOLDEN_MAX);
		char name[64];

		for (size_t k = 0; k < sizeof(states) / sizeof(states[0]);
		     k++) {
			struct model m;

			model_init(&m);
			states[k].make(&m);
			m.screen = id;
			m.open = open;
			if (id == SCREEN_AGENTS)
				(void)MEM_STR(m.view[id].sel, "node-b");
			if (id == SCREEN_RUNS)
				(void)MEM_STR(m.view[id].sel, "8812");
			draw(&m, shapes[s].w, shapes[s].h, shapes[s].glyphs,
			    states[k].name, &b);
			model_clear(&m);
		}
		(void)snprintf(name, sizeof(name), "%s-%s", word,
		    shapes[s].name);
		golden(name, &b);
		buf_free(&b);
	}
}

/* A node of a cluster whose broker does not answer. */
static void
broker_away(void **state)
{
	static const char *const does[] = { "\"off\",\"suspended\":false,"
	    "\"local\":false,\"spooled\":0", "\"on\",\"suspended\":true,"
	    "\"local\":false,\"spooled\":0", "\"on\",\"suspended\":true,"
	    "\"local\":true,\"spooled\":24" };
	struct buf b = BUF_INIT(GOLDEN_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(does) / sizeof(does[0]); i++) {
		struct model m;
		char *text = mem_fmt("{\"node\":\"node-c\",\"cluster\":"
		    "\"prod\",\"mode\":\"agent\",\"status\":%s,\"broker\":"
		    "{\"name\":\"node-a\",\"address\":\"node-a:7422\","
		    "\"connected\":false,\"trouble\":\"no answer from "
		    "node-a:7422\"}}", does[i]);

		model_init(&m);
		world_fill(&m);
		model_put(&m, TOPIC_STATUS, json_loads(text, 0, NULL));
		m.broker_lost.ms -= 41000;
		draw(&m, 80, 16, GLYPHS_UTF8, does[i], &b);
		model_clear(&m);
		free(text);
	}
	golden("broker-away", &b);
	buf_free(&b);
}

static void
agents(void **state)
{
	(void)state;
	one_screen(SCREEN_AGENTS, false, "agents");
}

static void
agent(void **state)
{
	(void)state;
	one_screen(SCREEN_AGENTS, true, "agent");
}

static void
join(void **state)
{
	(void)state;
	one_screen(SCREEN_JOIN, false, "join");
}

static void
jobs(void **state)
{
	(void)state;
	one_screen(SCREEN_JOBS, false, "jobs");
}

static void
runs(void **state)
{
	(void)state;
	one_screen(SCREEN_RUNS, false, "runs");
}

static void
run_log(void **state)
{
	(void)state;
	one_screen(SCREEN_RUNS, true, "log");
}

static void
events(void **state)
{
	(void)state;
	one_screen(SCREEN_EVENTS, false, "events");
}

static void
sched(void **state)
{
	(void)state;
	one_screen(SCREEN_SCHED, false, "sched");
}

static void
settings(void **state)
{
	(void)state;
	one_screen(SCREEN_SETTINGS, false, "settings");
}

/* ---- more that people read -------------------------------------------- */

static void
help_and_prompts(void **state)
{
	struct buf b = BUF_INIT(GOLDEN_MAX);
	struct model m;

	(void)state;
	model_init(&m);
	world_fill(&m);
	m.mode = MODE_HELP;
	draw(&m, 80, 24, GLYPHS_ASCII, "help", &b);
	line_set(&m.help, "sched");
	draw(&m, 80, 24, GLYPHS_ASCII, "help, narrowed", &b);
	m.mode = MODE_FILTER;
	line_set(&m.line, "nothing like it");
	(void)MEM_STR(m.view[SCREEN_AGENTS].filter, "nothing like it");
	draw(&m, 80, 24, GLYPHS_ASCII, "filter that hides all", &b);
	m.view[SCREEN_AGENTS].filter[0] = '\0';
	m.mode = MODE_COMMAND;
	line_set(&m.line, "agent on node-c");
	draw(&m, 80, 24, GLYPHS_ASCII, "command line", &b);
	model_clear(&m);
	golden("prompts", &b);
	buf_free(&b);
}

/* A question as it is asked of the row. */
static void
ask(struct model *m, enum screen_id id, const char *sel, enum act act,
    struct buf *b)
{
	struct err e = { 0 };
	struct question *q;

	m->screen = id;
	(void)MEM_STR(m->view[id].sel, sel);
	q = question_new(m, act, screen_selected(m), &e);
	if (q == NULL) {
		buf_fmt(b, "== refused: %s ==\n", e.msg);
		return;
	}
	q->dry = world_json("{\"to\":\"node-c\",\"epoch\":43,\"outcome\":"
	    "\"begun\",\"steps\":[{\"after\":0,\"step\":\"OFF is sent to "
	    "node-b\"},{\"after\":0.3,\"step\":\"epoch 43 is granted to "
	    "node-c\"}]}");
	q->dry_vacant = world_json("{\"to\":null,\"epoch\":42,\"steps\":["
	    "{\"after\":0,\"step\":\"OFF is sent to node-b\"}]}");
	if (q->cmd == CMD_AGENT_OFF && act == ACT_SCHEDULER) {
		q->vacant = true;
		(void)json_object_set_new(q->params, "vacant", json_true());
	}
	question_text(q, m);
	m->question = q;
	m->mode = MODE_QUESTION;
	draw(m, 80, 24, GLYPHS_ASCII, q->title, b);
	question_free(q);
	m->question = NULL;
}

static void
questions(void **state)
{
	struct buf b = BUF_INIT(GOLDEN_MAX);
	struct model m;

	(void)state;
	model_init(&m);
	world_fill(&m);
	ask(&m, SCREEN_AGENTS, "node-c", ACT_SCHEDULER, &b);
	ask(&m, SCREEN_AGENTS, "node-b", ACT_SCHEDULER, &b);
	ask(&m, SCREEN_AGENTS, "node-b", ACT_DRAIN, &b);
	ask(&m, SCREEN_AGENTS, "node-a", ACT_REMOVE, &b);
	ask(&m, SCREEN_JOIN, "7", ACT_ACCEPT, &b);
	ask(&m, SCREEN_JOIN, "8", ACT_TOKEN, &b);
	ask(&m, SCREEN_JOIN, "7", ACT_REMOVE, &b);
	ask(&m, SCREEN_JOIN, "7", ACT_NEW, &b);
	ask(&m, SCREEN_JOBS, "backup-db", ACT_RUN, &b);
	ask(&m, SCREEN_JOBS, "rotate-logs", ACT_PAUSE, &b);
	ask(&m, SCREEN_JOBS, "backup-db", ACT_REMOVE, &b);
	ask(&m, SCREEN_RUNS, "8812", ACT_REMOVE, &b);
	ask(&m, SCREEN_RUNS, "8811", ACT_REMOVE, &b);
	ask(&m, SCREEN_RUNS, "8811", ACT_RUN, &b);
	ask(&m, SCREEN_AGENTS, "node-a", ACT_JOIN, &b);
	ask(&m, SCREEN_AGENTS, "node-a", ACT_LEAVE, &b);
	m.privs = 1u << PRIV_VIEW;
	ask(&m, SCREEN_AGENTS, "node-c", ACT_SCHEDULER, &b);
	model_clear(&m);
	golden("questions", &b);
	buf_free(&b);
}

static void
sizes(void **state)
{
	static const int wh[][2] = { { 20, 4 }, { 40, 8 }, { 60, 16 },
		{ 79, 23 } };
	struct buf b = BUF_INIT(GOLDEN_MAX);
	struct model m;

	(void)state;
	model_init(&m);
	world_fill(&m);
	for (size_t i = 0; i < 4; i++) {
		char title[32];

		(void)snprintf(title, sizeof(title), "%dx%d", wh[i][0],
		    wh[i][1]);
		draw(&m, wh[i][0], wh[i][1], GLYPHS_ASCII, title, &b);
	}
	golden("sizes", &b);
	/* And none is too small or too large to be drawn at all. */
	for (int id = 0; id < SCREEN_COUNT; id++)
		for (int w = 1; w <= 300; w += w < 30 ? 1 : 27)
			for (int h = 1; h <= 90; h += h < 16 ? 1 : 11)
				for (int mode = 0; mode <= MODE_LEAVE; mode++) {
					if (mode == MODE_QUESTION)
						continue;
					buf_clear(&b);
					m.screen = (enum screen_id)id;
					m.open = (w & 1) != 0;
					m.mode = (enum mode)mode;
					draw(&m, w, h, GLYPHS_UTF8, "", &b);
				}
	model_clear(&m);
	buf_free(&b);
}

/* A job may print what it likes: no byte of it reaches the terminal. */
static void
hostile_output(void **state)
{
	struct grid *g = grid_new(80, 60, GLYPHS_UTF8);
	struct buf all = BUF_INIT(4096), shown = BUF_INIT(GOLDEN_MAX);
	struct model m;

	(void)state;
	model_init(&m);
	world_fill(&m);
	m.screen = SCREEN_RUNS;
	(void)MEM_STR(m.view[SCREEN_RUNS].sel, "8812");
	m.open = true;
	for (int i = 0; i < 256; i++) {
		buf_putc(&all, (char)i);
		if (i % 16 == 15)
			buf_putc(&all, '\n');
	}
	buf_puts(&all, "\342\200\256\302\233\302\205\357\273\277\n");
	runlog_put(&m.log, all.p, all.len);
	screen_draw(&m, g);
	for (int i = 0; i < g->w * g->h; i++) {
		uint32_t cp = g->cell[i].cp;

		if (cp == 0)
			continue;
		assert_true(cp >= 0x20 && cp != 0x7f);
		assert_false(cp >= 0x80 && cp < 0xa0);
		assert_false(cp >= 0x202a && cp <= 0x202e);
		assert_int_not_equal(cp, 0xfeff);
	}
	grid_text(g, &shown);
	assert_non_null(strstr(shown.p, "^[[31mnot ours^[[0m"));
	buf_free(&shown);
	buf_free(&all);
	model_clear(&m);
	grid_free(g);
}

/* Re-sorting never puts another agent under the cursor. */
static void
selection_is_an_id(void **state)
{
	struct model m;
	struct view *v;

	(void)state;
	model_init(&m);
	world_fill(&m);
	v = &m.view[SCREEN_AGENTS];
	(void)MEM_STR(v->sel, "node-c");
	for (v->sort = -1; v->sort < screens[SCREEN_AGENTS].ncolumns;
	     v->sort++)
		for (int desc = 0; desc < 2; desc++) {
			v->desc = desc != 0;
			assert_string_equal(json_string_value(json_object_get(
			    screen_selected(&m), "name")), "node-c");
		}
	model_clear(&m);
}

/* The table drives everything: what it says must hold. */
static void
keys_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < nkeys; i++) {
		bool capital = keys[i].key >= 'A' && keys[i].key <= 'Z';

		assert_non_null(keys[i].help);
		/* Lower case looks, upper case changes, G moves. */
		if (keys[i].key != 'G')
			assert_int_equal(capital, key_asks(keys[i].act));
		if (key_asks(keys[i].act))
			assert_true(cmds[keys[i].cmd].flags & CMD_CHANGES);
		for (size_t k = 0; k < i; k++)
			if (keys[k].key == keys[i].key &&
			    keys[k].act != keys[i].act)
				assert_false(capital && (keys[k].screens &
				    keys[i].screens));
	}
}

/* README shows the console as it is. */
static void
readme_shows_the_console(void **state)
{
	struct buf readme = BUF_INIT(1 << 16), screen = BUF_INIT(GOLDEN_MAX);
	const char *p;
	int rows = 0;

	(void)state;
	read_file("README", &readme);
	read_file("tests/golden/agents-80x24-ascii.txt", &screen);
	p = strstr(readme.p, "\n prod  node-c:agent");
	assert_non_null(p);
	for (p++; *p == ' ' || *p == '>' || (*p == '\n' && p[1] == ' ');
	     rows++) {
		size_t n = strcspn(p, "\n") + 1;
		char *line = mem_fmt("\n%.*s", (int)n, p);

		if (strstr(screen.p, line) == NULL)
			fail_msg("README is not as the screen: %s", line);
		free(line);
		p += n;
	}
	assert_true(rows >= 8);
	buf_free(&readme);
	buf_free(&screen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broker_away),
		cmocka_unit_test(agents),
		cmocka_unit_test(agent),
		cmocka_unit_test(join),
		cmocka_unit_test(jobs),
		cmocka_unit_test(runs),
		cmocka_unit_test(run_log),
		cmocka_unit_test(events),
		cmocka_unit_test(sched),
		cmocka_unit_test(settings),
		cmocka_unit_test(help_and_prompts),
		cmocka_unit_test(questions),
		cmocka_unit_test(sizes),
		cmocka_unit_test(hostile_output),
		cmocka_unit_test(selection_is_an_id),
		cmocka_unit_test(keys_are_sound),
		cmocka_unit_test(readme_shows_the_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
