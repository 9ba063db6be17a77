#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"
#include "js.h"
#include "mem.h"
#include "question.h"
#include "utf8.h"

const struct screen screens[SCREEN_COUNT] = {
	[SCREEN_AGENTS] = { agent_columns, 9, screen_agents },
	[SCREEN_JOIN] = { join_columns, 7, screen_join },
	[SCREEN_JOBS] = { job_columns, 8, screen_jobs },
	[SCREEN_RUNS] = { run_columns, 7, screen_runs },
	[SCREEN_EVENTS] = { event_columns, 5, screen_events },
	[SCREEN_SCHED] = { sched_columns, 6, screen_sched },
	[SCREEN_SETTINGS] = { setting_columns, 4, screen_settings },
};

/* ---- the list of a screen --------------------------------------------- */

/* Is its event in the list of those shown? */
static bool
is_among(const json_t *alert, const json_t *list)
{
	static const char *const fields[] = { "at", "code", "node" };
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)list, i, row) {
		bool same = true;

		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
			same = same && strcmp(js_str(row, fields[k], ""),
			    js_str(alert, fields[k], "")) == 0;
		if (same)
			return true;
	}
	return false;
}

/* The lenses of the events screen; new reference.  An alert may be older than
 * the events that are here, and is open all the same. */
static json_t *
lens(const struct model *m, const json_t *list)
{
	json_t *events = json_array(), *out = json_array(), *row;
	size_t i;

	json_array_foreach((json_t *)list, i, row) {
		const char *s = js_str(row, "severity", "");

		if ((m->audit && strcmp(s, "audit") == 0) || (m->alerts &&
		    (strcmp(s, "alert") == 0 || strncmp(s, "warn", 4) == 0)))
			(void)json_array_append(events, row);
	}
	json_array_foreach(m->raised, i, row)
		if (m->alerts && list != NULL && !is_among(row, events))
			(void)json_array_append(out, row);
	(void)json_array_extend(out, events);
	json_decref(events);
	return out;
}

/* Open alerts come with the status, every few seconds. */
static unsigned long
raised_rev(const struct model *m, enum screen_id id)
{
	return id == SCREEN_EVENTS && m->alerts
	    ? m->topic[TOPIC_STATUS].rev : 0;
}

/* Is what was worked out the last time still so? */
static bool
remembered(const struct model *m, enum screen_id id)
{
	const struct rows_memo *o = &m->memo[id];
	const struct view *v = &m->view[id];

	return o->rows.row != NULL && o->rev == m->topic[screen_topics[id]].rev
	    && o->raised == raised_rev(m, id) &&
	    strcmp(o->filter, v->filter) == 0 && o->sort == v->sort &&
	    o->desc == v->desc && o->audit == m->audit &&
	    o->alerts == m->alerts;
}

void
screen_rows(const struct model *m, enum screen_id id, struct view_rows *r)
{
	const struct screen *s = &screens[id];
	const struct view *v = &m->view[id];
	struct rows_memo *o = &m->memo[id];
	const enum topic topic = screen_topics[id];
	json_t *list = m->topic[topic].doc;
	bool lensed = id == SCREEN_EVENTS && (m->audit || m->alerts);

	if (!remembered(m, id)) {
		view_rows_free(&o->rows);
		/* Rows are borrowed from the model's own, lens or not. */
		list = lensed ? lens(m, list) : json_incref(list);
		view_rows(v, list, topics[topic].key, v->sort >= 0 &&
		    v->sort < s->ncolumns ? s->columns[v->sort].path : NULL,
		    &o->rows);
		json_decref(list);
		for (int i = 0; i < s->ncolumns; i++)
			o->widest[i] = s->columns[i].flags & WIDGET_GROWS
			    ? view_widest(&o->rows, s->columns[i].path) : 0;
		o->rev = m->topic[topic].rev;
		o->raised = raised_rev(m, id);
		(void)MEM_STR(o->filter, v->filter);
		o->sort = v->sort;
		o->desc = v->desc;
		o->audit = m->audit;
		o->alerts = m->alerts;
	}
	*r = o->rows;
	r->borrowed = true;
	view_find(v, topics[topic].key, r);
}

const json_t *
screen_selected(const struct model *m)
{
	struct view_rows r;
	const json_t *row;

	screen_rows(m, m->screen, &r);
	row = r.sel < r.n ? r.row[r.sel] : NULL;
	view_rows_free(&r);
	return row;
}

/* The answer is the last one that came: the selection may have moved since, and
 * while the link is down nothing else comes. */
const json_t *
screen_detail(const struct model *m, const json_t *row)
{
	return strcmp(js_str(m->detail, "name", ""), js_str(row, "name",
	    "?")) == 0 ? m->detail : NULL;
}

const char *
screen_detail_error(const struct model *m, const json_t *row)
{
	const char *name = strchr(m->detail_id, ':');

	return screen_detail(m, row) == NULL && m->detail_err.code != ERR_OK &&
	    name != NULL && strcmp(name + 1, js_str(row, "name", "?")) == 0
	    ? m->detail_err.msg : "";
}

int
screen_page(const struct model *m, int h)
{
	int rows = h - 8;

	if (m->screen == SCREEN_RUNS && !m->in_log && !m->open)
		rows = h * 3 / 10;
	if (m->screen == SCREEN_AGENTS || m->screen == SCREEN_JOBS)
		rows = h - 17;
	return rows < 1 ? 1 : rows;
}

/* Rows that are here and no longer told anew: how old they are, and why. */
static void
old_rows(const struct model *m, const struct area *a,
    const struct topic_doc *d, struct area *rest)
{
	struct buf b = BUF_INIT(1024);
	char t[SAY];
	int used;

	buf_fmt(&b, "Rows as of %s: %s", say_when(&m->say, d->at, t),
	    d->err.msg);
	used = area_wrap(a, 0, 1, a->h > 6 ? 2 : 1, GRID_BOLD, b.p);
	*rest = area_part(a, used, 0, a->h - used, -1);
	buf_free(&b);
}

size_t
screen_table(const struct model *m, const struct area *a, widget_cell *cell,
    const char *empty)
{
	const struct screen *s = &screens[m->screen];
	const struct view *v = &m->view[m->screen];
	const enum topic topic = screen_topics[m->screen];
	const struct topic_doc *d = &m->topic[topic];
	const struct screen_ctx ctx = { m, a->g->glyphs };
	const struct widget_table t = { s->columns, s->ncolumns, cell, &ctx,
		topics[topic].key, m->memo[m->screen].widest };
	struct area rest = *a;
	struct view_rows r;
	size_t n;

	screen_rows(m, m->screen, &r);
	n = r.n;
	if (d->doc != NULL && d->err.code != ERR_OK)
		old_rows(m, a, d, &rest);
	if (d->doc == NULL && d->err.code != ERR_OK)
		(void)area_wrap(a, 1, 1, 4, GRID_PLAIN, d->err.msg);
	else if (d->doc == NULL)
		(void)area_str(a, 1, 1, GRID_DIM, "waiting for the daemon ...");
	else if (r.n == 0 && r.all > 0 && v->filter[0] != '\0')
		(void)area_fmt(&rest, 1, 1, GRID_BOLD, "0 of %zu%s match "
		    "\"%s\". Esc clears.", r.all, d->part ? " so far" : "",
		    v->filter);
	else if (r.n == 0)
		(void)area_wrap(&rest, 1, 1, 6, GRID_PLAIN, empty);
	else
		widget_table(&rest, &t, v, &r);
	view_rows_free(&r);
	return n;
}

void
screen_next_in_line(const struct model *m, struct buf *b)
{
	const json_t *list = model_in_line(m);
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < 3; i++) {
		const json_t *a = json_array_get(list, i);

		if (!js_bool(a, "eligible", false))
			continue;
		buf_fmt(b, "%s%s (%s)", n > 0 ? ", then " : "",
		    js_str(a, "name", "?"),
		    say_level(js_str(a, "health", "unknown"), 20));
		n++;
	}
	if (n == 0)
		buf_puts(b, model_vacant(m) ? "nobody holds the role"
		    : list == NULL ? "not known yet"
		    : "nobody could take over");
}

void
screen_head(const struct area *a, unsigned attr, const char *left,
    const char *right)
{
	int n = (int)utf8_cells(right, strlen(right));
	struct area room = area_part(a, 0, 1, 1, a->w - n - 4);

	(void)area_str(&room, 0, 0, attr, left);
	area_right(a, 0, a->w - 2, GRID_DIM, right);
}

char *
screen_as_of(const struct model *m, char out[SAY])
{
	const struct topic_doc *d = &m->topic[screen_topics[m->screen]];
	enum link_word w = model_word(m);
	char t[SAY];

	out[0] = '\0';
	if (m->heard_at.ms == 0)
		return out;
	if (w == WORD_STALE || w == WORD_LOST || w == WORD_DENIED ||
	    w == WORD_OLD)
		(void)snprintf(out, SAY, "as of %s", say_when(&m->say,
		    model_at(m), t));
	else if (d->old && d->err.code == ERR_OK)	/* else with why */
		(void)snprintf(out, SAY, "as of %s", say_when(&m->say, d->at,
		    t));
	return out;
}

/* ---- overlays --------------------------------------------------------- */

static void
output_draw(const struct model *m, const struct area *a)
{
	struct area box = area_part(a, 2, 2, a->h - 4, a->w - 4), in;
	const char *p = m->output.text != NULL ? m->output.text : "";
	bool cut = false;
	int line = 0;

	widget_box(&box, m->output.title);
	in = area_part(&box, 1, 1, box.h - 3, box.w - 3);
	while (*p != '\0') {
		size_t n = strcspn(p, "\n");

		if (line >= m->output.top && line - m->output.top < in.h)
			cut |= area_line(&in, line - m->output.top, 1,
			    m->output.left, GRID_PLAIN, p, n);
		line++;
		p += n + (p[n] == '\n');
	}
	(void)area_fmt(&box, box.h - 2, 2, GRID_DIM, "Esc closes%s%s",
	    line > in.h ? "  j k PgUp PgDn move" : "", cut ||
	    m->output.left > 0 ? "  < > move sideways" : "");
	area_cursor(&in, 0, 1);
}

/* One line, no frame: for the mouse of the terminal. */
static void
bare_draw(const struct model *m, const struct area *a)
{
	const char *p = m->output.text != NULL ? m->output.text : "";
	struct buf b = BUF_INIT(1 << 18);
	size_t n;
	int y = 0;

	/* Cut at the edge without a space: what is selected is whole. */
	buf_safe(&b, p, strlen(p));
	for (size_t at = 0; at < b.len && y < a->h; at += n, y++) {
		n = grid_fits(b.p + at, b.len - at, a->w);
		(void)area_strn(a, y, 0, -1, GRID_PLAIN, b.p + at, n);
	}
	buf_free(&b);
}

static void
small(const struct model *m, const struct area *a)
{
	char t[SAY];

	(void)area_fmt(a, 0, 0, GRID_PLAIN, "%s", model_word_text(m, t));
	if (a->h > 1)
		(void)area_str(a, a->h - 1, 0, GRID_PLAIN, m->mode ==
		    MODE_LEAVE ? "y loses a token" : "20x4 needed, q leaves");
}

void
screen_message(const struct model *m, struct grid *g)
{
	struct area a = grid_area(g);
	int y = g->h >= 8 ? g->h - 2 : g->h - 1;

	if (g->w < 20 || g->h < 4)
		return;
	area_fill(&a, y, 0, a.w, GRID_PLAIN, ' ');
	bars_message(m, &a, y);
}

void
screen_draw(const struct model *m, struct grid *g)
{
	struct area a = grid_area(g), content;
	bool bars = g->h >= 8;
	int top;

	grid_erase(g);
	if (g->w < 20 || g->h < 4) {
		small(m, &a);
		return;
	}
	if (m->mode == MODE_BARE) {
		bare_draw(m, &a);
		return;
	}
	bars_status(m, &a);
	if (bars)
		bars_screens(m, &a);
	top = bars ? 2 : 1;
	top += g->h >= 12 ? bars_banner(m, &a, top) : 0;
	content = area_part(&a, top, 0, g->h - top - (bars ? 2 : 1), -1);
	screens[m->screen].draw(m, &content);
	if (model_word(m) == WORD_LOST || model_word(m) == WORD_DENIED)
		for (int y = 0; y < content.h; y++)
			area_mark(&content, y, 0, content.w, GRID_DIM);
	screen_message(m, g);
	if (bars)
		bars_hints(m, &a, g->h - 1);
	if (m->mode == MODE_HELP || m->mode == MODE_MENU)
		help_draw(m, &a);
	else if (m->mode == MODE_OUTPUT)
		output_draw(m, &a);
	else if (m->question != NULL && m->mode == MODE_QUESTION)
		question_draw(m->question, m, &a);
}
