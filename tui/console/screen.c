#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "question.h"
#include "utf8.h"

enum { MESSAGE_ROWS = 3 };

const struct screen screens[SCREEN_COUNT] = {
	[SCREEN_AGENTS] = { "Agents", agent_columns, 9, screen_agents },
	[SCREEN_JOIN] = { "Join", join_columns, 7, screen_join },
	[SCREEN_JOBS] = { "Jobs", job_columns, 8, screen_jobs },
	[SCREEN_RUNS] = { "Runs", run_columns, 7, screen_runs },
	[SCREEN_EVENTS] = { "Events", event_columns, 5, screen_events },
	[SCREEN_SCHED] = { "Sched", sched_columns, 6, screen_sched },
	[SCREEN_SETTINGS] = { "Settings", setting_columns, 4, screen_settings },
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
		topics[topic].key };
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
screen_head(const struct area *a, unsigned attr, const char *left,
    const char *right)
{
	int n = (int)utf8_cells(right, strlen(right));
	struct area room = area_part(a, 0, 1, 1, a->w - n - 4);

	(void)area_str(&room, 0, 0, attr, left);
	area_right(a, 0, a->w - 2, GRID_DIM, right);
}

/* A daemon that has no broker answers all the time, and of the cluster it tells
 * what it heard before that. */
static wall
data_at(const struct model *m)
{
	return m->broker_lost.ms != 0 ? m->broker_lost : m->heard_at;
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
		    data_at(m), t));
	else if (d->old && d->err.code == ERR_OK)	/* else with why */
		(void)snprintf(out, SAY, "as of %s", say_when(&m->say, d->at,
		    t));
	return out;
}

/* ---- the bars --------------------------------------------------------- */

/* SCHED:node-b e42, SCHED:NOBODY!, SCHED:node-b? (not heard), b>c moving. */
static void
sched_field(const struct model *m, struct buf *b)
{
	const json_t *holder = model_holder(m);
	const struct question *q = m->question;
	bool moving = q != NULL && q->state == QUESTION_SENT &&
	    q->act == ACT_SCHEDULER;
	const char *name = js_str(holder, "name", NULL);

	buf_puts(b, "SCHED:");
	if (!model_clustered(m))
		buf_puts(b, "self");
	else if (name == NULL)
		buf_puts(b, model_vacant(m) ? "NOBODY!" : "?");
	else
		buf_fmt(b, "%s%s", name, js_bool(holder, "connected", true)
		    ? "" : "?");
	if (moving)
		buf_fmt(b, ">%s", js_str(q->vacant ? NULL : q->dry, "to",
		    q->cmd == CMD_AGENT_ON ? q->target : "NOBODY"));
	if (model_clustered(m) && model_epoch(m) > 0)
		buf_fmt(b, " e%lld", (long long)model_epoch(m));
	if (model_control_off(m))
		buf_puts(b, " control:off");
}

static void
broker_field(const struct model *m, struct buf *b)
{
	const json_t *s = m->topic[TOPIC_STATUS].doc;
	const json_t *broker = json_object_get(s, "broker");
	enum link_word w = model_word(m);
	char t[SAY];

	if (!json_is_object(broker))
		return;
	buf_puts(b, "BROKER:");
	if (w == WORD_LOST)
		buf_puts(b, "?");
	else if (m->broker_lost.ms != 0)
		buf_fmt(b, "LOST %s", say_span(m->now.wall.ms -
		    m->broker_lost.ms, t));
	else if (strcmp(js_str(broker, "address", ""), "self") == 0)
		buf_puts(b, "self");
	else
		buf_puts(b, js_str(broker, "name", "?"));
}

static const char *
mode_word(const json_t *status)
{
	const char *mode = js_str(status, "mode", "");
	const json_t *broker = json_object_get(status, "broker");

	return strcmp(js_str(broker, "address", ""), "self") == 0 &&
	    strcmp(mode, "agent") == 0 ? "broker+agent" : mode;
}

/* Fields go from the right, in this order: clock, latency, cluster,
 * mode; the link word and SCHED never. */
static void
status_bar(const struct model *m, const struct area *a)
{
	enum { CLUSTER, NODE, SCHED, BROKER, WORD, ALERTS, CLOCK, NFIELDS };
	static const int drop[] = { CLOCK, BROKER, CLUSTER, NODE, ALERTS };
	const json_t *s = m->topic[TOPIC_STATUS].doc;
	struct buf f[NFIELDS];
	enum link_word w = model_word(m);
	size_t total;
	char t[SAY];
	int x = 1;

	for (int i = 0; i < NFIELDS; i++)
		f[i] = (struct buf)BUF_INIT(256);
	buf_puts(&f[CLUSTER], js_str(s, "cluster", ""));
	buf_fmt(&f[NODE], "%s%s%s", m->node, s != NULL ? ":" : "",
	    mode_word(s));
	sched_field(m, &f[SCHED]);
	broker_field(m, &f[BROKER]);
	buf_puts(&f[WORD], model_word_text(m, t));
	if (m->frozen)
		buf_fmt(&f[WORD], " FROZEN %s", say_span(m->now.wall.ms -
		    m->frozen_at.ms, t));
	if (model_alerts(m) > 0)
		buf_fmt(&f[ALERTS], "!%zu", model_alerts(m));
	buf_puts(&f[CLOCK], say_clock(&m->say, m->now.wall, t));
	for (size_t d = 0;; d++) {
		total = 1;
		for (int i = 0; i < NFIELDS; i++)
			total += f[i].len > 0 ? f[i].len + 2 : 0;
		if (total <= (size_t)a->w || d == sizeof(drop) /
		    sizeof(drop[0]))
			break;
		buf_clear(&f[drop[d]]);
	}
	area_fill(a, 0, 0, a->w, GRID_REVERSE, ' ');
	if (total > (size_t)a->w) {	/* the word is never cut */
		struct buf word = f[WORD];

		f[WORD] = f[SCHED];
		f[SCHED] = word;
	}
	for (int i = 0; i < NFIELDS; i++) {
		unsigned attr = GRID_REVERSE | (i == WORD && (w != WORD_LIVE
		    || m->frozen) ? GRID_BOLD | GRID_UNDER : GRID_PLAIN);

		if (f[i].len == 0)
			continue;
		if (i == CLOCK)
			area_right(a, 0, a->w - 2, attr, f[i].p);
		else
			x += area_str(a, 0, x, attr, f[i].p) + 2;
	}
	for (int i = 0; i < NFIELDS; i++)
		buf_free(&f[i]);
}

static void
screens_bar(const struct model *m, const struct area *a)
{
	size_t joins = model_count(m, TOPIC_JOINS, "state", "pending");
	size_t runs = model_count(m, TOPIC_RUNS, "state", "running");
	int x = 1;

	for (int i = 0; i < SCREEN_COUNT; i++) {
		bool here = i == (int)m->screen;
		char count[32] = "";

		if (i == SCREEN_JOIN && joins > 0)
			(void)snprintf(count, sizeof(count), "(%zu%s)", joins,
			    model_more(m, TOPIC_JOINS));
		if (i == SCREEN_RUNS && runs > 0)
			(void)snprintf(count, sizeof(count), "(%zu%s)", runs,
			    model_more(m, TOPIC_RUNS));
		if (i == SCREEN_EVENTS && model_alerts(m) > 0)
			(void)snprintf(count, sizeof(count), "(%zu!)",
			    model_alerts(m));
		/* Without room for names the numbers stay. */
		x += area_fmt(a, 1, x, here ? GRID_BOLD : GRID_PLAIN,
		    "%s%d%s%s%s%s", here ? "[" : "", i + 1, a->w < 70 && !here
		        ? "" : " ", a->w < 70 && !here ? "" : screens[i].name,
		    count, here ? "]" : "") + 1;
	}
	if (x + 7 < a->w)
		area_right(a, 1, a->w - 2, GRID_DIM, "? help");
}

static void
hints(const struct model *m, const struct area *a, int y)
{
	int x = 1;

	for (size_t i = 0; i < nkeys; i++) {
		const struct key *k = &keys[i];
		int n;

		if (k->hint == NULL || !(k->screens & 1u << m->screen))
			continue;
		n = (int)(strlen(k->shown) + strlen(k->hint)) + 1;
		if (x + n > a->w - 1)
			break;
		(void)area_str(a, y, x, GRID_BOLD, k->shown);
		(void)area_str(a, y, x + (int)strlen(k->shown) + 1,
		    key_asks(k->act) && model_may(m, k->cmd, NULL) == -1
		        ? GRID_DIM : GRID_PLAIN, k->hint);
		x += n + 2;
	}
}

static void
prompt(const struct area *a, int y, const char *what, const struct line *l)
{
	int x = area_str(a, y, 1, GRID_BOLD, what) + 1, cells;
	size_t from = 0;

	cells = (int)utf8_cells(l->text, l->at);
	while (cells > a->w - x - 2 && from < l->at) {
		from++;
		cells = (int)utf8_cells(l->text + from, l->at - from);
	}
	(void)area_str(a, y, x, GRID_PLAIN, l->text + from);
	area_cursor(a, y, x + cells);
}

/* What is said; or what is here and does not take the keys. */
static void
message_text(const struct model *m, struct buf *b)
{
	const struct question *q = m->question;

	if (m->mode == MODE_LEAVE)
		buf_fmt(b, "Nobody has read %s, and it would be lost for "
		    "good.\ny leaves, any other key stays.", m->leave);
	else if (m->message[0] != '\0')
		buf_puts(b, m->message);
	else if (m->late.text != NULL)
		buf_fmt(b, "%s: its answer is here, Esc shows it",
		    m->late.title);
	else if (q != NULL && q->late)
		buf_fmt(b, "%s: %s, Esc shows it", q->title,
		    q->state == QUESTION_OVER ? "its outcome is here"
		    : "its question is here");
	else if (q != NULL && m->mode != MODE_QUESTION && question_token(q))
		buf_fmt(b, "the %s%s is here: %sT shows it", q->cmd ==
		    CMD_JOIN_INVITE ? "invite" : "token of ", q->target,
		    m->screen == SCREEN_JOIN ? "" : "2, then ");
}

static void
join_text(const struct model *m, struct buf *b)
{
	const json_t *list = m->topic[TOPIC_JOINS].doc, *asks = NULL;

	if (m->screen == SCREEN_JOIN)
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(js_str(json_array_get(list, i), "state", ""),
		    "pending") == 0)
			asks = json_array_get(list, i);
	if (asks != NULL && strcmp(js_str(asks, "id", ""), "own") != 0)
		buf_fmt(b, "%s asks to join as %s (2 shows it)", js_str(asks,
		    "name", "?"), js_str(asks, "as", "agent"));
}

/* Its last row is y; it grows upwards, for its end is what to do about it. */
static void
put_message(const struct area *a, int y, unsigned attr, const char *text)
{
	struct area none = { a->g, 0, 0, 0, a->w }, rows;	/* counts */
	int n = area_wrap(&none, 0, 1, MESSAGE_ROWS + 1, attr, text);
	int h = n > MESSAGE_ROWS ? MESSAGE_ROWS : n;

	h = y < 2 * MESSAGE_ROWS && h > 1 ? 1 : h;
	rows = area_part(a, y - h + 1, 0, h, -1);
	for (int i = 0; i < h; i++)
		area_fill(&rows, i, 0, rows.w, GRID_PLAIN, ' ');
	(void)area_wrap(&rows, 0, 1, h, attr, text);
	if (n > h)
		area_put(&rows, h - 1, rows.w - 1, attr, '>');
}

static void
message_row(const struct model *m, const struct area *a, int y)
{
	bool bad = m->mode == MODE_LEAVE || (m->message_bad &&
	    m->message[0] != '\0');
	bool types = m->mode == MODE_FILTER || m->mode == MODE_COMMAND;
	struct buf text = BUF_INIT(1024);

	message_text(m, &text);
	if (text.len == 0 && !types)
		join_text(m, &text);
	if (text.len > 0 && !types)
		put_message(a, y, bad ? GRID_BOLD | GRID_RED : GRID_BOLD,
		    text.p);
	else if (text.len > 0 && y > 2)		/* as what Tab found */
		put_message(a, y - 1, GRID_DIM, text.p);
	if (types)
		prompt(a, y, m->mode == MODE_FILTER ? "/" : ":", &m->line);
	buf_free(&text);
}

/* Whole: the end of it is what to do about it. */
static int
trouble(const struct area *a, int y, const char *why)
{
	struct buf b = BUF_INIT(1024);
	int used;

	buf_fmt(&b, "** %s **", why);
	used = area_wrap(a, y, 1, 3, GRID_BOLD, b.p);
	buf_free(&b);
	return used;
}

/* Why there is none, and what becomes of what this node does by itself. */
static int
broker_banner(const struct model *m, const struct area *a, int y)
{
	const json_t *status = m->topic[TOPIC_STATUS].doc;
	const json_t *b = json_object_get(status, "broker");
	const char *broker = js_str(b, "name", "?");
	struct buf text = BUF_INIT(1000);
	int used;

	buf_fmt(&text, "%s has no link to its broker %s: %s", m->node, broker,
	    js_str(b, "trouble", "it tries again by itself"));
	used = trouble(a, y, text.p);
	buf_clear(&text);
	if (js_bool(status, "local", false))
		buf_fmt(&text, "It goes on with its own local runs; %s is told "
		    "of %lld afterwards", broker, (long long)js_int(status,
		    "spooled", 0));
	else if (strcmp(js_str(status, "status", ""), "on") == 0)
		buf_fmt(&text, "It is ON and fires nothing until %s answers",
		    broker);
	if (text.len > 0)
		used += trouble(a, y + used, text.p);
	buf_free(&text);
	return used;
}

static int
lost_banner(const struct model *m, const struct area *a, int y)
{
	int64_t in = mono_diff_ms(m->retry, m->now.mono) / 1000;
	struct buf b = BUF_INIT(1000);
	char t[SAY];
	int used;

	buf_fmt(&b, "No link to %s: %s.", m->node[0] != '\0' ? m->node
	    : m->where, m->why[0] != '\0' ? m->why : "connecting");
	used = trouble(a, y, b.p);
	buf_clear(&b);
	if (m->heard_at.ms != 0)
		buf_fmt(&b, "Data as of %s. ", say_when(&m->say, data_at(m),
		    t));
	if (m->link == LINK_TRYING)
		buf_fmt(&b, "Try %d is under way. q leave", m->tries);
	else
		buf_fmt(&b, "Try %d in %llds. r now  q leave", m->tries + 1,
		    (long long)(in < 0 ? 0 : in));
	used += trouble(a, y + used, b.p);
	buf_free(&b);
	return used;
}

/* What is wrong with the link, above everything. */
static int
banner(const struct model *m, const struct area *a, int y)
{
	enum link_word w = model_word(m);
	int used;

	if (w == WORD_LOST)
		return lost_banner(m, a, y);
	if (w == WORD_DENIED || w == WORD_OLD) {
		used = trouble(a, y, m->why);
		return used + trouble(a, y + used, "r tries again  q leave");
	}
	if (m->topic[TOPIC_STATUS].err.code != ERR_OK)
		return trouble(a, y, m->topic[TOPIC_STATUS].err.msg);
	return m->broker_lost.ms != 0 ? broker_banner(m, a, y) : 0;
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
	int w = a->w < 1 ? 1 : a->w, y = 0;
	const char *p = m->output.text != NULL ? m->output.text : "";
	size_t n = strlen(p);

	/* Cut at the edge without a space: what is selected is whole. */
	for (size_t at = 0; at < n && y < a->h; at += (size_t)w, y++)
		(void)area_strn(a, y, 0, w, GRID_PLAIN, p + at, n - at <
		    (size_t)w ? n - at : (size_t)w);
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
	message_row(m, &a, y);
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
	status_bar(m, &a);
	if (bars)
		screens_bar(m, &a);
	top = bars ? 2 : 1;
	top += g->h >= 12 ? banner(m, &a, top) : 0;
	content = area_part(&a, top, 0, g->h - top - (bars ? 2 : 1), -1);
	screens[m->screen].draw(m, &content);
	if (model_word(m) == WORD_LOST || model_word(m) == WORD_DENIED)
		for (int y = 0; y < content.h; y++)
			area_mark(&content, y, 0, content.w, GRID_DIM);
	screen_message(m, g);
	if (bars)
		hints(m, &a, g->h - 1);
	if (m->mode == MODE_HELP || m->mode == MODE_MENU)
		help_draw(m, &a);
	else if (m->mode == MODE_OUTPUT)
		output_draw(m, &a);
	else if (m->question != NULL && m->mode == MODE_QUESTION)
		question_draw(m->question, m, &a);
}
