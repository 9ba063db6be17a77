#include "ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "js.h"
#include "mem.h"
#include "question.h"
#include "screen.h"

enum {
	PING_MS = 2000, DETAIL_MS = 5000, STATS_MS = 10000, LINE_MS = 10000,
	RESUB_MS = 5000, REST_MS = 250, STATS_MAX = 40,
	TAIL = 128 << 10		/* bytes of a log that is opened */
};

void
ui_init(struct ui *u, enum glyphs glyphs, const char *where)
{
	memset(u, 0, sizeof(*u));
	model_init(&u->m);
	u->glyphs = glyphs;
	u->m.utf8_able = glyphs == GLYPHS_UTF8;
	u->w = 80;
	u->h = 24;
	u->out = json_array();
	u->cmd_text = (struct buf)BUF_INIT(1 << 20);
	(void)MEM_STR(u->m.where, where);
}

void
ui_clear(struct ui *u)
{
	model_clear(&u->m);
	json_decref(u->out);
	json_decref(u->cmd_params);
	json_decref(u->cmd_rows);
	buf_free(&u->cmd_text);
	grid_free(u->still);
	free(u->clipboard);
}

void
ui_ask(struct ui *u, enum ui_tag tag, const char *about, const char *method,
    json_t *params)
{
	(void)json_array_append_new(u->out, json_pack("{s:i,s:s,s:s,s:o}",
	    "tag", (int)tag, "about", about, "method", method, "params",
	    params != NULL ? params : json_object()));
}

/* ---- drawing ---------------------------------------------------------- */

void
ui_draw(struct ui *u, struct grid *g)
{
	struct grid *top;

	if (!u->m.frozen || u->m.mode != MODE_LIST) {
		screen_draw(&u->m, g);
		return;
	}
	if (u->still == NULL || u->still->w != g->w || u->still->h != g->h) {
		grid_free(u->still);
		u->still = grid_new(g->w, g->h, g->glyphs);
		screen_draw(&u->m, u->still);
	}
	top = grid_new(g->w, g->h, g->glyphs);
	screen_draw(&u->m, top);
	memcpy(g->cell, u->still->cell, (size_t)g->w * (size_t)g->h *
	    sizeof(*g->cell));
	memcpy(g->cell, top->cell, (size_t)g->w * sizeof(*g->cell));
	g->cursor_y = u->still->cursor_y;
	g->cursor_x = u->still->cursor_x;
	grid_free(top);
}

void
ui_output(struct ui *u, const char *title, const char *text)
{
	(void)MEM_STR(u->m.output.title, title);
	free(u->m.output.text);
	u->m.output.text = mem_dup(text);
	u->m.output.top = 0;
	u->m.mode = MODE_OUTPUT;
}

void
ui_copy(struct ui *u, const char *text)
{
	free(u->clipboard);
	u->clipboard = mem_dup(text);
	/* The terminal does not say whether it took it: neither do we. */
	model_say(&u->m, false, "Sent to your terminal (OSC 52). If paste is "
	    "empty: v shows it bare.");
}

/* ---- the list --------------------------------------------------------- */

static void
move(struct ui *u, long n)
{
	struct model *m = &u->m;
	const char *key = topics[screens[m->screen].topic].key;
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

/* Lists changed: the selection stays on its id, or moves to a neighbour. */
static void
settle(struct ui *u)
{
	struct model *m = &u->m;
	struct view *v = &m->view[m->screen];
	struct view_rows r;

	/* Lists that grow at the top are watched there until somebody moves. */
	if (v->sel[0] == '\0' && (m->screen == SCREEN_RUNS ||
	    m->screen == SCREEN_EVENTS || m->screen == SCREEN_SCHED))
		return;
	/* A run that was just made may not be in the list yet. */
	if (m->screen == SCREEN_RUNS && strtoll(v->sel, NULL, 10) >
	    js_int(json_array_get(m->topic[TOPIC_RUNS].doc, 0), "id", 0))
		return;
	screen_rows(m, m->screen, &r);
	view_settle(v, &r, topics[screens[m->screen].topic].key);
	view_rows_free(&r);
}

static void
go(struct ui *u, enum screen_id id)
{
	struct model *m = &u->m;

	m->screen = id;
	m->open = m->in_log = false;
	json_decref(m->detail);
	m->detail = NULL;
	m->detail_id[0] = '\0';
	u->next_detail = u->next_stats = u->next_line = (mono){ 0 };
	settle(u);
}

static void
select_id(struct ui *u, enum screen_id id, const char *sel)
{
	go(u, id);
	(void)MEM_STR(u->m.view[id].sel, sel);
	settle(u);
}

/* The newest run of the selected job, its log below. */
static void
job_log(struct ui *u)
{
	const json_t *row = screen_selected(&u->m);
	const json_t *last = json_object_get(row, "last");
	char id[VIEW_ID];

	if (!json_is_object(last)) {
		model_say(&u->m, true, "%s has not run yet", js_str(row,
		    "name", "it"));
		return;
	}
	view_id(last, "run", id);
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
		go(u, SCREEN_RUNS);
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
		settle(u);
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

	for (int i = 0; row != NULL && i < s->ncolumns; i++)
		if (s->columns[i].path != NULL)
			buf_fmt(b, "%s%s %s", b->len > 0 ? ", " : "",
			    s->columns[i].title, say_value(view_path(row,
			    s->columns[i].path), t));
}

static void
next_alert(struct ui *u)
{
	struct model *m = &u->m;

	if (m->screen != SCREEN_EVENTS)
		go(u, SCREEN_EVENTS);
	else if (m->alerts)
		m->alerts = false;
	else
		m->alerts = true;
	if (m->screen == SCREEN_EVENTS && !m->alerts && !m->audit &&
	    model_alerts(m) > 0 && m->message[0] == '\0')
		m->alerts = true;
	m->audit = false;
	settle(u);
}

static void
screen_key(struct ui *u, int key)
{
	int n = SCREEN_COUNT, at = (int)u->m.screen;

	if (key >= '1' && key <= '7')
		at = key - '1';
	else
		at = (at + (key == KEY_K_BACKTAB ? n - 1 : 1)) % n;
	go(u, (enum screen_id)at);
}

static void
toggle_mark(struct ui *u)
{
	const json_t *row = screen_selected(&u->m);
	char id[VIEW_ID];

	if (row == NULL)
		return;
	view_id(row, topics[screens[u->m.screen].topic].key, id);
	view_toggle_mark(&u->m.view[u->m.screen], id);
	move(u, 1);
}

static void
look(struct ui *u, const struct key *k)
{
	struct model *m = &u->m;
	struct buf b = BUF_INIT(4096);
	long page = screen_page(m, u->h);

	switch (k->act) {
	case ACT_SCREEN:	screen_key(u, k->key); break;
	case ACT_PANE:		m->in_log = !m->in_log; break;
	case ACT_UP:		move(u, -1); break;
	case ACT_DOWN:		move(u, 1); break;
	case ACT_PGUP:		move(u, -page); break;
	case ACT_PGDN:		move(u, page); break;
	case ACT_FIRST:		move(u, -1000000); break;
	case ACT_LAST:		move(u, 1000000); break;
	case ACT_OPEN:		open_row(u); break;
	case ACT_BACK:		back(u); break;
	case ACT_SORT:		sort_next(u); break;
	case ACT_DIRECTION:
		m->view[m->screen].desc = !m->view[m->screen].desc;
		break;
	case ACT_FILTER:
		m->mode = MODE_FILTER;
		line_set(&m->line, m->in_log || (m->open && m->screen ==
		    SCREEN_RUNS) ? "" : m->view[m->screen].filter);
		break;
	case ACT_NEXT:		move(u, 1); break;
	case ACT_PREV:		move(u, -1); break;
	case ACT_COMMAND:
		m->mode = MODE_COMMAND;
		line_set(&m->line, "");
		break;
	case ACT_MENU:
	case ACT_HELP:
		m->mode = k->act == ACT_MENU ? MODE_MENU : MODE_HELP;
		line_set(&m->help, "");
		m->help_at = 0;
		break;
	case ACT_ALERT:		next_alert(u); break;
	case ACT_AUDIT:
		m->audit = !m->audit;
		m->alerts = false;
		settle(u);
		break;
	case ACT_WINDOW:
		if (m->screen == SCREEN_SCHED) {
			m->mode = MODE_COMMAND;
			line_set(&m->line, "whatif kill ");
			break;
		}
		m->window = m->window == 600 ? 3600 : m->window == 3600
		    ? 86400 : 600;
		u->next_stats = (mono){ 0 };
		break;
	case ACT_FREEZE:
		m->frozen = !m->frozen;
		m->frozen_at = m->now.wall;
		grid_free(u->still);
		u->still = NULL;
		break;
	case ACT_COPY:
		row_text(m, &b);
		ui_copy(u, b.p);
		break;
	case ACT_BARE:
		row_text(m, &b);
		ui_output(u, "", b.p);
		m->mode = MODE_BARE;
		break;
	case ACT_SAY:
		row_text(m, &b);
		model_say(m, false, "%s", b.p);
		break;
	case ACT_TIMES:
		m->say.times = (enum say_times)((m->say.times + 1) %
		    SAY_NTIMES);
		break;
	case ACT_GLYPHS:
		if (!m->utf8_able)
			model_say(m, true, "this terminal's locale is not "
			    "UTF-8: start with LC_ALL=C.UTF-8");
		else
			u->glyphs = u->glyphs == GLYPHS_UTF8 ? GLYPHS_ASCII
			    : GLYPHS_UTF8;
		break;
	case ACT_REFRESH:
		u->reconnect = !u->up;
		u->next_ping = u->next_detail = u->next_stats =
		    u->next_line = (mono){ 0 };
		break;
	case ACT_REDRAW:	u->redraw = true; break;
	case ACT_MARK:		toggle_mark(u); break;
	case ACT_QUIT:		u->quit = true; break;
	case ACT_INTERRUPT:	model_say(m, false, "q leaves"); break;
	case ACT_WIDER:		m->split++; break;
	case ACT_NARROWER:	m->split--; break;
	case ACT_LOG:		job_log(u); break;
	case ACT_NONE: case ACT_ACCEPT: case ACT_DRAIN: case ACT_PAUSE:
	case ACT_JOIN: case ACT_LEAVE: case ACT_NEW: case ACT_RUN:
	case ACT_SCHEDULER: case ACT_TOKEN: case ACT_REMOVE: case ACT_COUNT:
		break;
	}
	buf_free(&b);
}

static void
do_key(struct ui *u, const struct key *k)
{
	u->m.message[0] = '\0';
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
	settle(u);
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

static void
output_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	const struct key *k = key_find(key, m->screen);
	int page = u->h - 8 > 1 ? u->h - 8 : 1, lines = 0;

	for (const char *p = m->output.text; p != NULL && *p != '\0'; p++)
		lines += *p == '\n';
	if (k != NULL && k->act == ACT_DOWN)
		m->output.top++;
	else if (k != NULL && k->act == ACT_UP)
		m->output.top--;
	else if (k != NULL && k->act == ACT_PGDN)
		m->output.top += page;
	else if (k != NULL && k->act == ACT_PGUP)
		m->output.top -= page;
	else {
		m->mode = m->question != NULL ? MODE_QUESTION : MODE_LIST;
		return;
	}
	m->output.top = m->output.top > lines - page ? lines - page
	    : m->output.top;
	m->output.top = m->output.top < 0 ? 0 : m->output.top;
}

void
ui_key(struct ui *u, int key)
{
	struct model *m = &u->m;
	const struct key *k;

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
	if (u->pasting && (key == KEY_K_ENTER || key == KEY_ESC || key == '\n' ||
	    key == KEY_TAB))
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
	case MODE_LIST:
		break;
	}
	k = key_find(key, m->screen);
	if (k != NULL)
		do_key(u, k);
}

/* ---- what time brings ------------------------------------------------- */

static bool
due(const struct ui *u, mono *next, int64_t ms)
{
	if (u->m.now.mono.us < next->us)
		return false;
	*next = mono_add_ms(u->m.now.mono, ms);
	return true;
}

static void
subscribe(struct ui *u)
{
	for (int t = 0; t < TOPIC_COUNT; t++) {
		json_t *params;
		char about[8];

		if (u->sub[t] != 0 || t == TOPIC_STATUS)
			continue;
		(void)snprintf(about, sizeof(about), "%d", t);
		params = json_pack("{s:s,s:o,s:i}", "method",
		    topics[t].method, "params", json_loads(topics[t].params, 0,
		    NULL), "every", topics[t].every);
		if (topics[t].key != NULL)
			(void)json_object_set_new(params, "key",
			    json_string(topics[t].key));
		u->sub[t] = -1;
		ui_ask(u, UI_SUBSCRIBE, about, "subscribe", params);
	}
}

static void
ask_detail(struct ui *u)
{
	static const struct {
		const char *method, *param;
	} how[SCREEN_COUNT] = {
		[SCREEN_AGENTS] = { "agent.show", "agent" },
		[SCREEN_JOBS] = { "job.show", "job" },
	};
	const json_t *row = screen_selected(&u->m);
	char id[VIEW_ID], about[VIEW_ID + 8];

	if (row == NULL || how[u->m.screen].method == NULL)
		return;
	view_id(row, topics[screens[u->m.screen].topic].key, id);
	(void)snprintf(about, sizeof(about), "%d:%s", (int)u->m.screen, id);
	if (strcmp(about, u->m.detail_id) != 0) {
		u->next_detail = (mono){ 0 };
		(void)MEM_STR(u->m.detail_id, about);
	}
	if (due(u, &u->next_detail, DETAIL_MS))
		ui_ask(u, UI_DETAIL, about, how[u->m.screen].method,
		    json_pack("{s:s}", how[u->m.screen].param, id));
}

/* Graphs of the agents that are shown, and no others. */
static void
ask_stats(struct ui *u)
{
	struct view_rows r;
	size_t from, n = 0;

	if (u->m.screen != SCREEN_AGENTS || json_array_size(
	    u->m.topic[TOPIC_AGENTS].doc) == 0 ||
	    !due(u, &u->next_stats, STATS_MS))
		return;
	screen_rows(&u->m, SCREEN_AGENTS, &r);
	from = u->m.open ? r.sel : u->m.view[SCREEN_AGENTS].top;
	for (size_t i = from; i < r.n && n < STATS_MAX; i++, n++) {
		const char *name = js_str(r.row[i], "name", "");

		ui_ask(u, UI_STATS, name, "agent.stats", json_pack(
		    "{s:s,s:i}", "agent", name, "window", u->m.open
		    ? u->m.window : 600));
		if (u->m.open)
			break;
	}
	view_rows_free(&r);
}

/* Who could take over is the daemon's to say: its own dry run. */
static void
ask_line(struct ui *u)
{
	const json_t *holder = model_holder(&u->m);

	if ((u->m.screen != SCREEN_AGENTS && u->m.screen != SCREEN_SCHED) ||
	    holder == NULL || !due(u, &u->next_line, LINE_MS))
		return;
	ui_ask(u, UI_LINE, "", "whatif", json_pack("{s:[s,s]}", "event",
	    "kill", js_str(holder, "name", "")));
}

/* The log of the row that has rested selected for a moment. */
static void
ask_log(struct ui *u)
{
	struct model *m = &u->m;
	const json_t *row = screen_selected(m);
	char id[VIEW_ID];

	if (m->screen != SCREEN_RUNS || row == NULL)
		return;
	view_id(row, "id", id);
	if (strcmp(id, u->log_want) != 0) {
		(void)MEM_STR(u->log_want, id);
		u->log_at = m->now.mono;
	}
	if (strcmp(id, m->log.id) == 0 ||
	    mono_diff_ms(m->now.mono, u->log_at) < REST_MS)
		return;
	if (m->log.id[0] != '\0' && !m->log.ended)
		ui_ask(u, UI_CANCEL, m->log.id, "cancel", NULL);
	runlog_start(&m->log, id);
	ui_ask(u, UI_LOG, id, "run.log", json_pack("{s:s,s:b,s:i}", "run",
	    id, "follow", 1, "tail", TAIL));
}

void
ui_tick(struct ui *u, struct now now)
{
	struct model *m = &u->m;

	m->now = now;
	m->say.now = now.wall;
	if (!u->up)
		return;
	if (due(u, &u->next_ping, PING_MS)) {
		u->ping_sent = now.mono;
		ui_ask(u, UI_PING, "", "status", NULL);
	}
	if (due(u, &u->next_sub, RESUB_MS))
		subscribe(u);
	ask_detail(u);
	ask_stats(u);
	ask_line(u);
	ask_log(u);
	ui_question_tick(u);
}

/* ---- the link --------------------------------------------------------- */

static int64_t
newest_seq(const struct model *m)
{
	return js_int(json_array_get(m->topic[TOPIC_EVENTS].doc, 0), "seq",
	    0);
}

/* What happened while nobody looked. */
static void
missed(struct ui *u)
{
	const json_t *list = u->m.topic[TOPIC_EVENTS].doc;
	int64_t epoch = model_epoch(&u->m);
	size_t n = 0;
	char t[SAY];

	if (u->lost_at.ms == 0)
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		n += js_int(json_array_get(list, i), "seq", 0) > u->seen_seq;
	if (epoch != u->seen_epoch)
		model_say(&u->m, false, "%s missed: %zu events, the role moved "
		    "(epoch %lld, was %lld)", say_span(u->m.now.wall.ms -
		    u->lost_at.ms, t), n, (long long)epoch,
		    (long long)u->seen_epoch);
	else
		model_say(&u->m, false, "%s missed: %zu events, scheduler "
		    "unchanged", say_span(u->m.now.wall.ms - u->lost_at.ms, t),
		    n);
	u->lost_at = (wall){ 0 };
}

void
ui_link(struct ui *u, enum link_state state, const char *why)
{
	struct model *m = &u->m;

	if (u->up && state != LINK_UP) {
		u->lost_at = m->now.wall;
		u->seen_seq = newest_seq(m);
		u->seen_epoch = model_epoch(m);
		ui_question_lost(u);
	}
	u->up = false;
	m->link = state;
	(void)MEM_STR(m->why, why);
	if (state != LINK_UP)
		return;
	/* Up for us once hello is answered; all is asked anew. */
	m->link = m->heard_at.ms == 0 ? LINK_TRYING : LINK_DOWN;
	json_array_clear(u->out);
	memset(u->sub, 0, sizeof(u->sub));
	m->log.id[0] = '\0';
	ui_ask(u, UI_HELLO, "", "hello", json_pack("{s:s,s:s,s:i}", "client",
	    "muster console", "version", MUSTER_VERSION, "protocol", 1));
}

static void
on_hello(struct ui *u, const json_t *result, const struct err *e)
{
	if (e != NULL) {
		u->m.link = e->code == ERR_DENIED ? LINK_DENIED : LINK_OLD;
		(void)MEM_STR(u->m.why, e->msg);
		return;
	}
	model_hello(&u->m, result);
	u->m.link = LINK_UP;
	u->m.tries = 0;
	u->up = true;
	u->next_ping = u->next_sub = u->next_detail = u->next_stats =
	    u->next_line = (mono){ 0 };
	subscribe(u);
	u->next_sub = mono_add_ms(u->m.now.mono, RESUB_MS);
}

static void
on_subscribed(struct ui *u, const char *about, const json_t *result,
    const struct err *e)
{
	int t = atoi(about);		/* our own, written above */

	if (t < 0 || t >= TOPIC_COUNT)
		return;
	if (e != NULL) {
		u->sub[t] = 0;		/* tried again by ui_tick */
		model_fail(&u->m, (enum topic)t, e);
		return;
	}
	u->sub[t] = js_int(result, "sub", -1);
	model_put(&u->m, (enum topic)t, json_deep_copy(json_object_get(result,
	    "doc")));
	settle(u);
	if (t == TOPIC_EVENTS)
		missed(u);
}

static void
heard(struct ui *u)
{
	u->m.heard = u->m.now.mono;
	u->m.heard_at = u->m.now.wall;
}

void
ui_answer(struct ui *u, enum ui_tag tag, const char *about,
    const json_t *result, const struct err *e)
{
	struct model *m = &u->m;

	heard(u);
	switch (tag) {
	case UI_HELLO:
		on_hello(u, result, e);
		break;
	case UI_PING:
		m->rtt_ms = (int)mono_diff_ms(m->now.mono, u->ping_sent);
		if (e == NULL)
			model_put(m, TOPIC_STATUS, json_deep_copy(result));
		break;
	case UI_SUBSCRIBE:
		on_subscribed(u, about, result, e);
		break;
	case UI_DETAIL:
		if (e == NULL && strcmp(about, m->detail_id) == 0) {
			json_decref(m->detail);
			m->detail = json_deep_copy(result);
		}
		break;
	case UI_STATS:
		if (e == NULL)
			(void)json_object_set_new(m->stats, about,
			    json_deep_copy(result));
		break;
	case UI_LINE:
		if (e == NULL) {
			json_decref(m->whatif);
			m->whatif = json_deep_copy(result);
		}
		break;
	case UI_DRY:
	case UI_DRY_VACANT:
	case UI_DO:
		ui_question_answer(u, tag, result, e);
		break;
	case UI_COMMAND:
	case UI_PLAN:
		ui_command_answer(u, tag, result, e);
		break;
	case UI_LOG:
		if (strcmp(about, m->log.id) != 0)
			break;
		if (e != NULL)
			(void)MEM_STR(m->log.error, e->msg);
		m->log.ended = true;
		break;
	case UI_CANCEL:
		break;
	}
}

void
ui_update(struct ui *u, const json_t *params)
{
	int64_t sub = js_int(params, "sub", -2);

	heard(u);
	for (int t = 0; t < TOPIC_COUNT; t++)
		if (u->sub[t] == sub) {
			model_update(&u->m, (enum topic)t, params);
			settle(u);
		}
}

void
ui_part(struct ui *u, enum ui_tag tag, const char *about,
    const json_t *params)
{
	const char *text = js_str(params, "text", NULL);
	const char *data = js_str(params, "data", NULL);
	unsigned char *p;
	size_t n;

	heard(u);
	if (tag == UI_COMMAND || tag == UI_PLAN) {
		ui_command_part(u, params);
		return;
	}
	if (tag != UI_LOG || strcmp(about, u->m.log.id) != 0)
		return;
	if (text != NULL)
		runlog_put(&u->m.log, text, json_string_length(
		    json_object_get(params, "text")));
	if (data != NULL && (p = base64_decode(data, &n)) != NULL) {
		runlog_put(&u->m.log, (char *)p, n);
		free(p);
	}
}
