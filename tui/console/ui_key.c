/* Keys: those of a list, and of what is typed or read over it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "question.h"
#include "screen.h"
#include "ui.h"
#include "utf8.h"

/* More of a line is not looked at by the grid. */
enum { LINE_READ = 8192 };

/* ---- the list --------------------------------------------------------- */

static void
move(struct ui *u, long n)
{
	struct model *m = &u->m;
	const char *key = topics[screen_topics[m->screen]].key;
	struct view *v = &m->view[m->screen];
	struct view_rows r;
	int log_h = u->h / 2;

	if (m->screen == SCREEN_RUNS && (m->in_log || m->open)) {
		log_h = m->open ? u->h - 5 : u->h * 7 / 10 - 4;
		if (n > 100000)
			runlog_follow(&m->log);
		else
			runlog_move(&m->log, n, log_h > 1 ? (size_t)log_h : 1);
		return;
	}
	screen_rows(m, m->screen, &r);
	view_move(v, &r, key, n);
	view_rows_free(&r);
	screen_rows(m, m->screen, &r);
	view_scroll(v, &r, (size_t)screen_page(m, u->h));
	view_rows_free(&r);
}

static void
select_id(struct ui *u, enum screen_id id, const char *sel)
{
	ui_go(u, id);
	(void)MEM_STR(u->m.view[id].sel, sel);
	ui_settle(u);
}

/* Is it in the list, or newer than all of it? */
static bool
lists_run(const struct model *m, const char *id)
{
	return model_row(m, TOPIC_RUNS, id) != NULL || strtoll(id, NULL, 10) >
	    js_int(json_array_get(m->topic[TOPIC_RUNS].doc, 0), "id", 0);
}

/* The newest run of the selected job, its log below; of a run that is older
 * than those listed, its log alone. */
static void
job_log(struct ui *u)
{
	const json_t *row = screen_selected(&u->m);
	const json_t *last = json_object_get(row, "last");
	char id[VIEW_ID], line[VIEW_ID + 16];

	if (!json_is_object(last)) {
		model_say(&u->m, true, "%s has not run yet", js_str(row,
		    "name", "it"));
		return;
	}
	view_id(last, "run", id);
	if (!lists_run(&u->m, id)) {
		(void)snprintf(line, sizeof(line), "run log %s", id);
		ui_command(u, line);
		return;
	}
	u->m.view[SCREEN_RUNS].filter[0] = '\0';
	select_id(u, SCREEN_RUNS, id);
}

static void
open_row(struct ui *u)
{
	struct model *m = &u->m;
	const json_t *row = screen_selected(m);

	if (row == NULL)
		return;
	switch (m->screen) {
	case SCREEN_JOBS:		/* its history */
		(void)snprintf(m->view[SCREEN_RUNS].filter, VIEW_FILTER,
		    "job:%.100s", js_str(row, "name", ""));
		m->view[SCREEN_RUNS].sel[0] = '\0';
		ui_go(u, SCREEN_RUNS);
		break;
	case SCREEN_SETTINGS:
		m->mode = MODE_COMMAND;
		line_set(&m->line, "");
		(void)snprintf(m->line.text, sizeof(m->line.text),
		    "setting set %.100s=", js_str(row, "name", ""));
		m->line.len = m->line.at = strlen(m->line.text);
		break;
	case SCREEN_AGENTS:
	case SCREEN_RUNS:
	case SCREEN_SCHED:
		m->open = true;
		u->next_detail = u->next_stats = (mono){ 0 };
		break;
	case SCREEN_JOIN:
	case SCREEN_EVENTS:
	case SCREEN_COUNT:
		break;
	}
}

static void
back(struct ui *u)
{
	struct model *m = &u->m;
	struct view *v = &m->view[m->screen];

	m->message[0] = '\0';
	if (m->open) {
		m->open = false;
		u->next_stats = (mono){ 0 };	/* the list's own window */
	} else if (m->in_log)
		m->in_log = false;
	else if (json_object_size(v->marks) > 0)
		json_object_clear(v->marks);
	else if (v->filter[0] != '\0') {
		v->filter[0] = '\0';
		ui_settle(u);
	} else if (m->audit || m->alerts)
		m->audit = m->alerts = false;
	else
		return;
}

static void
sort_next(struct ui *u)
{
	const struct screen *s = &screens[u->m.screen];
	struct view *v = &u->m.view[u->m.screen];

	do
		v->sort = v->sort + 1 >= s->ncolumns ? -1 : v->sort + 1;
	while (v->sort >= 0 && s->columns[v->sort].path == NULL);
	model_say(&u->m, false, "sorted by %s", v->sort < 0
	    ? "the daemon's order" : s->columns[v->sort].title);
}

static void
row_text(const struct model *m, struct buf *b)
{
	const struct screen *s = &screens[m->screen];
	const json_t *row = screen_selected(m);
	char t[SAY];

	for (int i = 0; row != NULL && i < s->ncolumns; i++) {
		const struct widget_column *c = &s->columns[i];
		const json_t *v;

		if (c->path == NULL)
			continue;
		buf_fmt(b, "%s%s ", b->len > 0 ? ", " : "", c->title);
		v = view_path(row, c->path);
		if (json_is_string(v))		/* all of it */
			buf_safe(b, json_string_value(v),
			    json_string_length(v));
		else
			buf_puts(b, say_value(v, t));
	}
}

static void
next_alert(struct ui *u)
{
	struct model *m = &u->m;

	if (m->screen == SCREEN_EVENTS)
		m->alerts = !m->alerts;
	else {
		ui_go(u, SCREEN_EVENTS);
		m->alerts = m->alerts || model_alerts(m) > 0;
	}
	/* What is open is at the top. */
	if (m->alerts)
		m->view[SCREEN_EVENTS].sel[0] = '\0';
	m->audit = false;
	ui_settle(u);
}

static void
screen_key(struct ui *u, int key)
{
	int n = SCREEN_COUNT, at = (int)u->m.screen;

	if (key >= '1' && key <= '7')
		at = key - '1';
	else
		at = (at + (key == KEY_K_BACKTAB ? n - 1 : 1)) % n;
	ui_go(u, (enum screen_id)at);
}

static void
toggle_mark(struct ui *u)
{
	const json_t *row = screen_selected(&u->m);
	char id[VIEW_ID];

	if (row == NULL)
		return;
	view_id(row, topics[screen_topics[u->m.screen]].key, id);
	view_toggle_mark(&u->m.view[u->m.screen], id);
	move(u, 1);
}

/* Half a screen, and never past all that there is. */
static int
sideways(const struct ui *u, enum act act, int left, size_t width)
{
	int half = u->w / 2 > 0 ? u->w / 2 : 1;

	if (act == ACT_LEFTWARDS)
		return left > half ? left - half : 0;
	return (size_t)(left + half) < width ? left + half : left;
}

/* Moves; false: another act. */
static bool
look_around(struct ui *u, const struct key *k)
{
	long page = screen_page(&u->m, u->h);

	if (k->act == ACT_SCREEN)
		screen_key(u, k->key);
	else if (k->act == ACT_UP || k->act == ACT_PREV)
		move(u, -1);
	else if (k->act == ACT_DOWN || k->act == ACT_NEXT)
		move(u, 1);
	else if (k->act == ACT_PGUP || k->act == ACT_PGDN)
		move(u, k->act == ACT_PGUP ? -page : page);
	else if (k->act == ACT_FIRST || k->act == ACT_LAST)
		move(u, k->act == ACT_FIRST ? -1000000 : 1000000);
	else if (k->act == ACT_OPEN)
		open_row(u);
	else if (k->act == ACT_BACK)
		back(u);
	else if (k->act == ACT_LOG)
		job_log(u);
	else if (k->act == ACT_LEFTWARDS || k->act == ACT_RIGHTWARDS) {
		struct runlog *l = &u->m.log;

		if (u->m.screen == SCREEN_RUNS)
			l->left = sideways(u, k->act, l->left,
			    runlog_width(l));
	} else
		return false;
	return true;
}

/* What the next keys go to. */
static void
enter_mode(struct ui *u, enum act act)
{
	struct model *m = &u->m;
	bool log = m->in_log || (m->open && m->screen == SCREEN_RUNS);

	if (act == ACT_FILTER) {
		m->mode = MODE_FILTER;
		line_set(&m->line, log ? "" : m->view[m->screen].filter);
	} else if (act == ACT_COMMAND || act == ACT_WINDOW) {
		m->mode = MODE_COMMAND;
		line_set(&m->line, act == ACT_WINDOW ? "whatif kill " : "");
	} else {
		m->mode = act == ACT_MENU ? MODE_MENU : MODE_HELP;
		line_set(&m->help, "");
		m->help_at = 0;
	}
}

/* The row as text: copied, bare, said. */
static void
take_row(struct ui *u, enum act act)
{
	struct buf b = BUF_INIT(1 << 16);

	row_text(&u->m, &b);
	if (act == ACT_COPY)
		ui_copy(u, b.p);
	else if (act == ACT_SAY)
		model_say(&u->m, false, "%s", b.p);
	else {
		ui_output(u, "", b.p);
		u->m.mode = MODE_BARE;
	}
	buf_free(&b);
}

static void
glyphs(struct ui *u)
{
	if (!u->m.utf8_able)
		model_say(&u->m, true, "this terminal's locale is not UTF-8: "
		    "start with LC_ALL=C.UTF-8");
	else
		u->glyphs = u->glyphs == GLYPHS_UTF8 ? GLYPHS_ASCII
		    : GLYPHS_UTF8;
}

static void
window(struct ui *u)
{
	struct model *m = &u->m;

	if (m->screen == SCREEN_SCHED) {
		enter_mode(u, ACT_WINDOW);
		return;
	}
	m->window = m->window == LIST_WINDOW ? 3600
	    : m->window == 3600 ? 86400 : LIST_WINDOW;
	u->next_stats = (mono){ 0 };
}

static void
freeze(struct ui *u)
{
	u->m.frozen = !u->m.frozen;
	u->m.frozen_at = u->m.now.wall;
	grid_free(u->still);
	u->still = NULL;
}

static void
look(struct ui *u, const struct key *k)
{
	struct model *m = &u->m;
	struct view *v = &m->view[m->screen];

	if (look_around(u, k))
		return;
	switch (k->act) {
	case ACT_PANE:		m->in_log = !m->in_log; break;
	case ACT_SORT:		sort_next(u); break;
	case ACT_DIRECTION:	v->desc = !v->desc; break;
	case ACT_FILTER:
	case ACT_COMMAND:
	case ACT_MENU:
	case ACT_HELP:		enter_mode(u, k->act); break;
	case ACT_ALERT:		next_alert(u); break;
	case ACT_AUDIT:
		m->audit = !m->audit;
		m->alerts = false;
		ui_settle(u);
		break;
	case ACT_WINDOW:	window(u); break;
	case ACT_FREEZE:	freeze(u); break;
	case ACT_COPY:
	case ACT_BARE:
	case ACT_SAY:		take_row(u, k->act); break;
	case ACT_TIMES:
		m->say.times = (enum say_times)((m->say.times + 1) %
		    SAY_NTIMES);
		break;
	case ACT_GLYPHS:	glyphs(u); break;
	case ACT_REFRESH:
		u->reconnect = !u->up && !u->once;
		if (!u->up && u->once)
			model_say(m, true, "this console ends with its link: "
			    "q");
		ui_again(u);
		break;
	case ACT_REDRAW:	u->redraw = true; break;
	case ACT_MARK:		toggle_mark(u); break;
	case ACT_QUIT:		ui_leave(u); break;
	case ACT_INTERRUPT:	model_say(m, false, "q leaves"); break;
	case ACT_WIDER:		m->split++; break;
	case ACT_NARROWER:	m->split--; break;
	case ACT_SCREEN: case ACT_UP: case ACT_DOWN: case ACT_PGUP:
	case ACT_PGDN: case ACT_FIRST: case ACT_LAST: case ACT_NEXT:
	case ACT_PREV: case ACT_OPEN: case ACT_BACK: case ACT_LOG:
	case ACT_LEFTWARDS: case ACT_RIGHTWARDS: case ACT_NONE:
	case ACT_ACCEPT: case ACT_DRAIN: case ACT_PAUSE: case ACT_JOIN:
	case ACT_LEAVE: case ACT_NEW: case ACT_RUN: case ACT_SCHEDULER:
	case ACT_TOKEN: case ACT_REMOVE: case ACT_COUNT:
		break;
	}
}

/* Rows come at the top of a list that is watched there: what is done is done to
 * the row that was seen, and what is opened stays that row's. */
static void
pin(struct ui *u)
{
	struct model *m = &u->m;
	struct view *v = &m->view[m->screen];
	const json_t *row = screen_selected(m);

	/* Nothing is done to an event: they go on being watched. */
	if (v->sel[0] != '\0' || row == NULL || m->screen == SCREEN_EVENTS)
		return;
	(void)MEM_STR(v->sel, u->drawn);
	if (v->sel[0] == '\0' || screen_selected(m) == NULL)
		view_id(row, topics[screen_topics[m->screen]].key, v->sel);
}

static void
do_key(struct ui *u, const struct key *k)
{
	u->m.message[0] = '\0';
	if (key_asks(k->act) || k->act == ACT_OPEN || k->act == ACT_PANE ||
	    k->act == ACT_MARK)
		pin(u);
	if (key_asks(k->act))
		ui_question(u, k->act);
	else
		look(u, k);
}

/* ---- keys of the modes ------------------------------------------------ */

static void
filter_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	struct view *v = &m->view[m->screen];
	bool find = m->screen == SCREEN_RUNS && (m->in_log || m->open);

	if (key == KEY_ESC || key == KEY_CTRL('c')) {
		if (!find)
			v->filter[0] = '\0';
		m->mode = MODE_LIST;
	} else if (key == KEY_K_ENTER) {
		m->mode = MODE_LIST;
		if (find && !runlog_find(&m->log, m->line.text, 1))
			model_say(m, true, "\"%s\" is not in the lines that "
			    "are kept", m->line.text);
	} else if (line_key(&m->line, key) && !find)
		(void)MEM_STR(v->filter, m->line.text);
	ui_settle(u);
}

static void
command_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	char line[LINE_MAX_BYTES];

	if (key == KEY_ESC || key == KEY_CTRL('c'))
		m->mode = MODE_LIST;
	else if (key == KEY_TAB)
		ui_complete(u);
	else if (key == KEY_K_ENTER) {
		m->mode = MODE_LIST;
		m->message[0] = '\0';
		(void)MEM_STR(line, m->line.text);
		ui_command(u, line);
	} else
		(void)line_key(&m->line, key);
}

static void
help_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	size_t list[128], n = help_list(m, list, 128);

	if (key == KEY_ESC || key == KEY_CTRL('c'))
		m->mode = MODE_LIST;
	else if (key == KEY_K_DOWN && m->help_at + 1 < (int)n)
		m->help_at++;
	else if (key == KEY_K_UP && m->help_at > 0)
		m->help_at--;
	else if (key == KEY_K_ENTER && n > 0) {
		m->mode = MODE_LIST;
		do_key(u, &keys[list[m->help_at]]);
	} else if (line_key(&m->help, key))
		m->help_at = 0;
}

/* Its lines, and the cells of the widest. */
static int
output_size(const struct output *o, size_t *width)
{
	struct buf b = BUF_INIT(1 << 16);
	const char *p = o->text != NULL ? o->text : "";
	int lines = 0;
	size_t n, cells;

	for (*width = 0; *p != '\0'; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		lines += p[n] == '\n';
		buf_clear(&b);
		buf_safe(&b, p, n < LINE_READ ? n : LINE_READ);
		cells = utf8_cells(b.p, b.len);
		*width = cells > *width ? cells : *width;
	}
	buf_free(&b);
	return lines;
}

static void
output_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	struct output *o = &m->output;
	const struct key *k = key_find(key, m->screen);
	enum act act = k != NULL ? k->act : ACT_NONE;
	int page = u->h - 8 > 1 ? u->h - 8 : 1, lines;
	size_t width;

	if (m->mode == MODE_OUTPUT && mono_diff_ms(m->now.mono, o->shown) <
	    QUESTION_DEAF_MS)
		return;
	lines = output_size(o, &width);
	if (act == ACT_DOWN || act == ACT_UP)
		o->top += act == ACT_DOWN ? 1 : -1;
	else if (act == ACT_PGDN || act == ACT_PGUP)
		o->top += act == ACT_PGDN ? page : -page;
	else if (act == ACT_LEFTWARDS || act == ACT_RIGHTWARDS)
		o->left = sideways(u, act, o->left, width);
	else {
		m->mode = m->question != NULL && o->asked ? MODE_QUESTION
		    : MODE_LIST;
		return;
	}
	o->top = o->top > lines - page ? lines - page : o->top;
	o->top = o->top < 0 ? 0 : o->top;
}

void
ui_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	const struct key *k;

	ui_settled(u);
	if (key == KEY_K_PASTE_START || key == KEY_K_PASTE_END) {
		u->pasting = key == KEY_K_PASTE_START;
		return;
	}
	if (key == KEY_CTRL('l')) {
		u->redraw = true;
		return;
	}
	/* A pasted text is text, never keys. */
	if (u->pasting && m->mode != MODE_FILTER && m->mode != MODE_COMMAND &&
	    m->mode != MODE_QUESTION)
		return;
	if (u->pasting && (key == KEY_K_ENTER || key == KEY_ESC ||
	    key == '\n' || key == KEY_TAB))
		return;
	switch (m->mode) {
	case MODE_FILTER:
		filter_key(u, key);
		return;
	case MODE_COMMAND:
		command_key(u, key);
		return;
	case MODE_QUESTION:
		ui_question_key(u, key, u->pasting);
		return;
	case MODE_HELP:
	case MODE_MENU:
		help_key(u, key);
		return;
	case MODE_OUTPUT:
	case MODE_BARE:
		output_key(u, key);
		return;
	case MODE_LEAVE:
		ui_leave_key(u, key);
		return;
	case MODE_LIST:
		break;
	}
	k = key_find(key, m->screen);
	if (k != NULL)
		do_key(u, k);
}
