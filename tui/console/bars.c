#include "bars.h"

#include <stdio.h>
#include <string.h>

#include "js.h"
#include "question.h"
#include "utf8.h"

enum { MESSAGE_ROWS = 3 };

/* SCHED:node-b e42, SCHED:NOBODY!, SCHED:node-b? (not heard, or not known
 * anew), b>c moving. */
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
		buf_fmt(b, "%s%s", name, js_bool(holder, "connected", true) &&
		    model_fresh(m, TOPIC_AGENTS, NULL) == 0 ? "" : "?");
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
void
bars_status(const struct model *m, const struct area *a)
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

void
bars_screens(const struct model *m, const struct area *a)
{
	size_t joins = model_count(m, TOPIC_JOINS, "state", "pending");
	const char *more;
	size_t runs = model_running(m, &more);
	int x = 1;

	for (int i = 0; i < SCREEN_COUNT; i++) {
		bool here = i == (int)m->screen;
		char count[32] = "";

		if (i == SCREEN_JOIN && joins > 0)
			(void)snprintf(count, sizeof(count), "(%zu%s)", joins,
			    model_more(m, TOPIC_JOINS));
		if (i == SCREEN_RUNS && runs > 0)
			(void)snprintf(count, sizeof(count), "(%zu%s)", runs,
			    more);
		if (i == SCREEN_EVENTS && model_alerts(m) > 0)
			(void)snprintf(count, sizeof(count), "(%zu!)",
			    model_alerts(m));
		/* Without room for names the numbers stay. */
		x += area_fmt(a, 1, x, here ? GRID_BOLD : GRID_PLAIN,
		    "%s%d%s%s%s%s", here ? "[" : "", i + 1, a->w < 70 && !here
		        ? "" : " ", a->w < 70 && !here ? "" : screen_names[i],
		    count, here ? "]" : "") + 1;
	}
	if (x + 7 < a->w)
		area_right(a, 1, a->w - 2, GRID_DIM, "? help");
}

void
bars_hints(const struct model *m, const struct area *a, int y)
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
	int x = area_str(a, y, 1, GRID_BOLD, what) + 1;
	size_t from = line_from(l, a->w - x - 2);

	(void)area_str(a, y, x, GRID_PLAIN, l->text + from);
	area_cursor(a, y, x + (int)utf8_cells(l->text + from, l->at - from));
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

void
bars_message(const struct model *m, const struct area *a, int y)
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
		buf_fmt(&b, "Data as of %s. ", say_when(&m->say, model_at(m),
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
int
bars_banner(const struct model *m, const struct area *a, int y)
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
