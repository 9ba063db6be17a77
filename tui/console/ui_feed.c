/* What comes by itself: time, and the daemon's answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "js.h"
#include "mem.h"
#include "question.h"
#include "screen.h"
#include "ui.h"

enum {
	PING_MS = 2000, SILENT_MS = 10000, DETAIL_MS = 5000,
	STATS_MS = 10000, LINE_MS = 10000,
	RESUB_MS = 5000, REST_MS = 250, STATS_MAX = 40,
	SEEN = 3,			/* seconds: LIVE is no older */
	TAIL = 128 << 10		/* bytes of a log that is opened */
};

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
	enum topic seen = screen_topics[u->m.screen];

	for (int t = 0; t < TOPIC_COUNT; t++) {
		int every = topics[t].every;
		json_t *params;
		char about[8];

		every = t == (int)seen && every > SEEN ? SEEN : every;
		if (u->sub[t] != 0 || t == TOPIC_STATUS)
			continue;
		(void)snprintf(about, sizeof(about), "%d", t);
		params = json_pack("{s:s,s:{},s:i}", "method",
		    topics[t].method, "params", "every", every);
		if (topics[t].limit > 0)
			(void)json_object_set_new(json_object_get(params,
			    "params"), "limit", json_integer(topics[t].limit));
		if (topics[t].key != NULL)
			(void)json_object_set_new(params, "key",
			    json_string(topics[t].key));
		u->sub[t] = -1;
		u->quick[t] = every <= SEEN;
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
	view_id(row, topics[screen_topics[u->m.screen]].key, id);
	(void)snprintf(about, sizeof(about), "%d:%s", (int)u->m.screen, id);
	if (strcmp(about, u->m.detail_id) != 0) {
		u->next_detail = (mono){ 0 };
		(void)MEM_STR(u->m.detail_id, about);
		u->m.detail_err.code = ERR_OK;
	}
	if (due(u, &u->next_detail, DETAIL_MS))
		ui_ask(u, UI_DETAIL, about, how[u->m.screen].method,
		    json_pack("{s:s}", how[u->m.screen].param, id));
}

/* Graphs of the agents that are shown, and no others. */
static void
ask_stats(struct ui *u)
{
	struct view shown = u->m.view[SCREEN_AGENTS];
	int window = u->m.open ? u->m.window : LIST_WINDOW;
	struct view_rows r;
	size_t from, n = 0;

	if (u->m.screen != SCREEN_AGENTS || json_array_size(
	    u->m.topic[TOPIC_AGENTS].doc) == 0 ||
	    !due(u, &u->next_stats, STATS_MS))
		return;
	screen_rows(&u->m, SCREEN_AGENTS, &r);
	view_scroll(&shown, &r, (size_t)screen_page(&u->m, u->h));
	from = u->m.open ? r.sel : shown.top;
	for (size_t i = from; i < r.n && n < STATS_MAX; i++, n++) {
		const char *name = js_str(r.row[i], "name", "");
		char key[STATS_KEY];

		ui_ask(u, UI_STATS, model_stats_key(name, window, key),
		    "agent.stats", json_pack("{s:s,s:i}", "agent", name,
		    "window", window));
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
	char about[24];

	if (u->line_crew != u->m.crew)
		u->next_line = (mono){ 0 };
	if ((u->m.screen != SCREEN_AGENTS && u->m.screen != SCREEN_SCHED) ||
	    holder == NULL || u->m.topic[TOPIC_AGENTS].part ||
	    !due(u, &u->next_line, LINE_MS))
		return;
	u->line_crew = u->m.crew;
	(void)snprintf(about, sizeof(about), "%lu", u->line_crew);
	ui_ask(u, UI_LINE, about, "whatif", json_pack("{s:[s,s]}", "event",
	    "kill", js_str(holder, "name", "")));
}

/* What the request for the log is known by: run and serial. */
static char *
log_about(const struct ui *u, char out[VIEW_ID])
{
	(void)snprintf(out, VIEW_ID, "%s/%lld", u->m.log.id,
	    (long long)u->log_serial);
	return out;
}

/* The log of the row that has rested selected for a moment. */
static void
ask_log(struct ui *u)
{
	struct model *m = &u->m;
	const json_t *row = screen_selected(m);
	char id[VIEW_ID], about[VIEW_ID];

	if (m->screen != SCREEN_RUNS || row == NULL)
		return;
	view_id(row, "id", id);
	if (strcmp(id, u->log_want) != 0) {
		(void)MEM_STR(u->log_want, id);
		u->log_at = m->now.mono;
	}
	if ((!u->log_old && strcmp(id, m->log.id) == 0) ||
	    mono_diff_ms(m->now.mono, u->log_at) < REST_MS)
		return;
	if (!u->log_old && m->log.id[0] != '\0' && !m->log.ended)
		ui_ask(u, UI_CANCEL, log_about(u, about), "cancel", NULL);
	u->log_old = false;
	runlog_start(&m->log, id);
	u->log_serial++;
	ui_ask(u, UI_LOG, log_about(u, about), "run.log", json_pack(
	    "{s:s,s:b,s:i}", "run", id, "follow", 1, "tail", TAIL));
}

static void
ask_ping(struct ui *u)
{
	char about[32];

	u->ping_sent = u->m.now.mono;
	(void)snprintf(about, sizeof(about), "ping %lld",
	    (long long)++u->pings);
	ui_ask(u, UI_PING, about, "status", NULL);
}

/* What came while the keys were not free is opened when they are. */
static void
late(struct ui *u)
{
	struct output *o = &u->m.late;
	struct question *q = u->m.question;

	if (!ui_free(u))
		return;
	if (o->text != NULL) {
		ui_output(u, o->title, o->text);
		free(o->text);
		o->text = NULL;
	} else if (q != NULL && q->late)
		ui_question_up(u, q);
}

void
ui_tick(struct ui *u, struct now now)
{
	struct model *m = &u->m;
	bool silent, denied = m->link == LINK_DENIED;

	m->now = now;
	m->say.now = now.wall;
	ui_settled(u);
	late(u);
	if (!u->up)
		return;
	/* What was refused is asked again when somebody says so (r). */
	if (denied && u->next_ping.us != 0)
		return;
	/* A daemon that is silent is not asked for more and more. */
	silent = mono_diff_ms(now.mono, m->heard) > SILENT_MS;
	if (due(u, &u->next_ping, silent ? SILENT_MS : PING_MS))
		ask_ping(u);
	if (silent || denied)
		return;
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

/* What happened while nobody looked; after what went wrong before it. */
static void
missed(struct ui *u)
{
	const json_t *list = u->m.topic[TOPIC_EVENTS].doc;
	int64_t epoch = model_epoch(&u->m);
	bool bad = u->m.message_bad && u->m.message[0] != '\0';
	struct buf b = BUF_INIT(sizeof(u->m.message));
	size_t n = 0;
	char t[SAY];

	if (u->lost_at.ms == 0)
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		n += js_int(json_array_get(list, i), "seq", 0) > u->seen_seq;
	if (bad)
		buf_fmt(&b, "%s.  ", u->m.message);
	buf_fmt(&b, "%s missed: %zu %sevents, ", say_span(u->m.now.wall.ms -
	    u->lost_at.ms, t), n, n > 0 && n == json_array_size(list)
	    ? "or more " : "");
	if (epoch != u->seen_epoch)
		buf_fmt(&b, "the role moved (epoch %lld, was %lld)",
		    (long long)epoch, (long long)u->seen_epoch);
	else
		buf_puts(&b, "scheduler unchanged");
	model_say(&u->m, bad, "%s", b.p);
	buf_free(&b);
	u->lost_at = (wall){ 0 };
}

static void
say_hello(struct ui *u)
{
	ui_ask(u, UI_HELLO, "", "hello", json_pack("{s:s,s:s,s:i}", "client",
	    "muster console", "version", MUSTER_VERSION, "protocol", 1));
}

void
ui_link(struct ui *u, enum link_state state, const char *why)
{
	struct model *m = &u->m;

	if (u->up && state != LINK_UP) {
		u->lost_at = m->now.wall;
		u->seen_seq = newest_seq(m);
		u->seen_epoch = model_epoch(m);
		ui_command_lost(u);
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
	for (int t = 0; t < TOPIC_COUNT; t++)
		model_outdate(m, (enum topic)t, m->heard_at);
	u->log_old = true;
	say_hello(u);
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
	if (!u->up)
		ui_question_back(u);
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
	int t = (int)strtol(about, NULL, 10);	/* our own, written above */

	if (t < 0 || t >= TOPIC_COUNT)
		return;
	if (e != NULL) {
		u->sub[t] = 0;		/* tried again by ui_tick */
		model_fail(&u->m, (enum topic)t, e);
		return;
	}
	u->sub[t] = js_int(result, "sub", -1);
	model_begin(&u->m, (enum topic)t, json_deep_copy(json_object_get(
	    result, "doc")));
	u->after[t] = u->pings + 1;
	if (u->m.topic[t].part)
		u->next_ping = (mono){ 0 };
	ui_settle(u);
	ui_question_facts(u);
	if (t == TOPIC_EVENTS)
		missed(u);
}

static void
heard(struct ui *u)
{
	u->m.heard = u->m.now.mono;
	u->m.heard_at = u->m.now.wall;
}

/* What was sent before the answer to this ping is here. */
static void
on_parts(struct ui *u, int64_t ping)
{
	for (int t = 0; t < TOPIC_COUNT; t++) {
		struct topic_doc *d = &u->m.topic[t];

		if (!d->part)
			continue;
		d->part = ping < u->after[t];
		if (d->part)
			u->next_ping = (mono){ 0 };
		u->unsettled = true;
	}
}

/* An operator whose entry has gone is answered all the time, and told
 * nothing. */
static void
on_ping(struct ui *u, const json_t *result, const struct err *e)
{
	struct model *m = &u->m;

	m->rtt_ms = (int)mono_diff_ms(m->now.mono, u->ping_sent);
	if (e != NULL && e->code == ERR_DENIED) {
		m->link = LINK_DENIED;
		(void)MEM_STR(m->why, e->msg);
	} else if (e != NULL)
		model_fail(m, TOPIC_STATUS, e);
	else {
		model_put(m, TOPIC_STATUS, json_deep_copy(result));
		/* The selected row may be an alert that is over. */
		u->unsettled |= m->alerts;
		if (m->link == LINK_DENIED) {
			m->link = LINK_UP;
			say_hello(u);	/* the privileges may be others */
		}
	}
}

static void
on_log_end(struct ui *u, const char *about, const struct err *e)
{
	struct runlog *l = &u->m.log;
	char own[VIEW_ID];

	if (strcmp(about, log_about(u, own)) != 0)
		return;
	if (e != NULL)
		(void)MEM_STR(l->error, e->msg);
	l->ended = true;
}

static void
on_detail(struct model *m, const char *about, const json_t *result,
    const struct err *e)
{
	if (strcmp(about, m->detail_id) != 0)
		return;
	m->detail_err = e != NULL ? *e : (struct err){ 0 };
	if (e != NULL)
		return;
	json_decref(m->detail);
	m->detail = json_deep_copy(result);
}

/* Samples that are here stay, and say from when they are. */
static void
on_stats(struct model *m, const char *key, const json_t *result,
    const struct err *e)
{
	if (e == NULL)
		(void)json_object_set_new(m->stats, key,
		    json_deep_copy(result));
	else if (json_object_get(json_object_get(m->stats, key),
	    "metrics") == NULL)
		(void)json_object_set_new(m->stats, key, json_pack("{s:o}",
		    "error", js_text(e->msg)));
}

void
ui_answer(struct ui *u, enum ui_tag tag, const char *about,
    const json_t *result, const struct err *e)
{
	struct model *m = &u->m;

	if (e == NULL)
		heard(u);
	switch (tag) {
	case UI_HELLO:
		on_hello(u, result, e);
		break;
	case UI_PING:
		on_ping(u, result, e);
		on_parts(u, strtoll(about + strcspn(about, " "), NULL, 10));
		break;
	case UI_SUBSCRIBE:
		on_subscribed(u, about, result, e);
		break;
	case UI_DETAIL:
		on_detail(m, about, result, e);
		break;
	case UI_STATS:
		on_stats(m, about, result, e);
		break;
	case UI_LINE:
		if (e == NULL) {
			json_decref(m->whatif);
			m->whatif = json_deep_copy(result);
			m->whatif_crew = strtoul(about, NULL, 10);
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
		on_log_end(u, about, e);
		break;
	case UI_CANCEL:
		break;
	}
}

void
ui_update(struct ui *u, const json_t *params)
{
	int64_t sub = js_int(params, "sub", -2);
	bool refused = json_object_get(params, "error") != NULL;

	if (!refused)
		heard(u);
	for (int t = 0; t < TOPIC_COUNT; t++)
		if (u->sub[t] == sub) {
			size_t n = json_array_size(u->m.topic[t].doc);

			model_update(&u->m, (enum topic)t, params);
			if (json_array_size(u->m.topic[t].doc) > n)
				u->after[t] = u->pings + 1;
			if (refused)
				ui_ask_anew(u, (enum topic)t);
			u->unsettled = true;
			/* The selected row may be gone. */
			if (json_array_size(json_object_get(params, "del")) > 0)
				ui_settled(u);
		}
}

void
ui_part(struct ui *u, enum ui_tag tag, const char *about,
    const json_t *params)
{
	const char *text = js_str(params, "text", NULL);
	const char *data = js_str(params, "data", NULL);
	char own[VIEW_ID];
	unsigned char *p;
	size_t n;

	heard(u);
	if (tag == UI_COMMAND || tag == UI_PLAN) {
		ui_command_part(u, params);
		return;
	}
	if (tag != UI_LOG || strcmp(about, log_about(u, own)) != 0)
		return;
	if (text != NULL)
		runlog_put(&u->m.log, text, json_string_length(
		    json_object_get(params, "text")));
	if (data != NULL && (p = base64_decode(data, &n)) != NULL) {
		runlog_put(&u->m.log, (char *)p, n);
		free(p);
	}
}
