#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"

const struct topic_about topics[TOPIC_COUNT] = {
	[TOPIC_STATUS] = { "status", 0, NULL, 2 },
	[TOPIC_AGENTS] = { "agent.list", 0, "name", 2 },
	[TOPIC_JOINS] = { "join.list", 200, "id", 3 },
	[TOPIC_JOBS] = { "job.list", 0, "name", 10 },
	[TOPIC_RUNS] = { "run.list", 200, "id", 3 },
	[TOPIC_EVENTS] = { "event.list", 300, "seq", 5 },
	[TOPIC_WHY] = { "why", 50, "decision", 5 },
	[TOPIC_SETTINGS] = { "setting.list", 0, "name", 10 },
	[TOPIC_NEXT] = { "job.next", 5, NULL, 5 },
};

const enum topic screen_topics[SCREEN_COUNT] = {
	[SCREEN_AGENTS] = TOPIC_AGENTS,
	[SCREEN_JOIN] = TOPIC_JOINS,
	[SCREEN_JOBS] = TOPIC_JOBS,
	[SCREEN_RUNS] = TOPIC_RUNS,
	[SCREEN_EVENTS] = TOPIC_EVENTS,
	[SCREEN_SCHED] = TOPIC_WHY,
	[SCREEN_SETTINGS] = TOPIC_SETTINGS,
};

enum { SLOW_MS = 3000, STALE_MS = 10000 };

void
model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (int i = 0; i < SCREEN_COUNT; i++)
		m->view[i].sort = -1;
	m->rtt_ms = -1;
	m->window = LIST_WINDOW;
	m->stats = json_object();
	m->memo = mem_zero(SCREEN_COUNT, sizeof(*m->memo));
}

void
model_clear(struct model *m)
{
	for (int i = 0; i < TOPIC_COUNT; i++) {
		json_decref(m->topic[i].doc);
		json_decref(m->topic[i].index);
	}
	for (int i = 0; i < SCREEN_COUNT; i++) {
		json_decref(m->view[i].marks);
		view_rows_free(&m->memo[i].rows);
	}
	free(m->memo);
	json_decref(m->raised);
	json_decref(m->stats);
	json_decref(m->detail);
	json_decref(m->whatif);
	runlog_clear(&m->log);
	free(m->output.text);
	free(m->late.text);
}

/* ---- what the daemon says --------------------------------------------- */

bool
model_control_off(const struct model *m)
{
	return strcmp(js_str(m->topic[TOPIC_STATUS].doc, "control", ""),
	    "off") == 0;
}

/* Asked for in each frame, and there may be thousands of rows. */
static void
find_holder(struct model *m)
{
	const json_t *list = m->topic[TOPIC_AGENTS].doc;
	bool off = model_control_off(m);

	m->holder = NULL;
	m->agents_epoch = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		int64_t epoch = js_int(row, "epoch", 0);

		m->agents_epoch = epoch > m->agents_epoch ? epoch
		    : m->agents_epoch;
		if (m->holder == NULL && strcmp(js_str(row, "role", ""),
		    "scheduler") == 0)
			m->holder = row;
		/* Nobody is controlled then, and nobody's role is told. */
		if (off && strcmp(js_str(row, "status", ""), "on") == 0 &&
		    epoch > 0 && (m->holder == NULL ||
		    epoch > js_int(m->holder, "epoch", 0)))
			m->holder = row;
	}
}

/* Before these rows change, and no others: is the holder another after that?
 * Its own row counts too, for the old one goes. */
static bool
moves_holder(const struct model *m, const json_t *set)
{
	const char *holder = js_str(m->holder, "name", "");

	for (size_t i = 0; i < json_array_size(set); i++) {
		const json_t *row = json_array_get(set, i);

		if (js_int(row, "epoch", 0) > m->agents_epoch ||
		    model_control_off(m) ||
		    strcmp(js_str(row, "role", ""), "scheduler") == 0 ||
		    strcmp(js_str(row, "name", ""), holder) == 0)
			return true;
	}
	return false;
}

static bool
same(const json_t *a, const json_t *b, const char *field)
{
	const json_t *x = json_object_get(a, field);
	const json_t *y = json_object_get(b, field);

	return x == y || json_equal(x, y);
}

/* Whether the answer to who could take over may be another with this row. */
static bool
same_in_line(const json_t *a, const json_t *b)
{
	static const char *const fields[] = { "connected", "role", "status",
		"epoch", "mode", "controlled", "drained", "held_off" };
	bool is = same(json_object_get(a, "health"), json_object_get(b,
	    "health"), "level") && (js_int(json_object_get(a, "sync"),
	    "behind", 0) > 0) == (js_int(json_object_get(b, "sync"), "behind",
	    0) > 0);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		is = is && same(a, b, fields[i]);
	return is;
}

static void
no_index(struct topic_doc *d)
{
	json_decref(d->index);
	d->index = NULL;
}

/* Open alerts as what they are listed with: events.  Ids are texts, which those
 * of events never are. */
static void
take_alerts(struct model *m, const json_t *alerts)
{
	json_decref(m->raised);
	m->raised = json_array();
	for (size_t i = json_array_size(alerts); i-- > 0;) {
		const json_t *a = json_array_get(alerts, i);
		json_t *row = json_pack("{s:s}", "severity", "alert");
		char *id = mem_fmt("!%s %s", js_str(a, "code", ""), js_str(a,
		    "node", ""));

		(void)json_object_update(row, (json_t *)(uintptr_t)a);
		(void)json_object_set_new(row, "seq", js_text(id));
		(void)json_object_set(row, "at", json_object_get(a, "since"));
		(void)json_array_append_new(m->raised, row);
		free(id);
	}
}

void
model_put(struct model *m, enum topic t, json_t *doc)
{
	struct topic_doc *d = &m->topic[t];
	unsigned long rev = d->rev + 1;
	const json_t *broker;

	no_index(d);
	json_decref(d->doc);
	*d = (struct topic_doc){ .doc = doc, .at = m->now.wall, .rev = rev };
	m->crew += t == TOPIC_AGENTS;
	if (t == TOPIC_AGENTS || t == TOPIC_STATUS)
		find_holder(m);
	if (t != TOPIC_STATUS)
		return;
	take_alerts(m, json_object_get(doc, "alerts"));
	broker = json_object_get(doc, "broker");
	if (!json_is_object(broker) || js_bool(broker, "connected", true))
		m->broker_lost = (wall){ 0 };
	else if (m->broker_lost.ms == 0)
		m->broker_lost = m->now.wall;
}

/* Lists by name come sorted, those by number newest first; the others are the
 * daemon's to order, and what is new goes to the front. */
static int
by_order(const void *va, const void *vb, void *ctx)
{
	const json_t *a = *(json_t *const *)va, *b = *(json_t *const *)vb;
	const json_t *x = json_object_get(a, ctx), *y = json_object_get(b, ctx);

	if (json_is_integer(x) && json_is_integer(y))
		return json_integer_value(x) < json_integer_value(y) ? 1 : -1;
	if (json_is_string(x) && json_is_string(y))
		return strcmp(json_string_value(x), json_string_value(y));
	return 0;
}

/* One sorted array of all rows; takes its references along. */
static void
reorder(json_t *list, const char *key)
{
	size_t n = json_array_size(list);
	json_t **v = mem_zero(n + 1, sizeof(json_t *));

	for (size_t i = 0; i < n; i++)
		v[i] = json_incref(json_array_get(list, i));
	qsort_r(v, n, sizeof(json_t *), by_order, (void *)(uintptr_t)key);
	json_array_clear(list);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, v[i]);
	free(v);
}

/* Where the row of this id is, or NULL.  The index is kept while rows only
 * change: a change comes for some of ten thousand. */
static const json_t *
place_of(struct topic_doc *d, const char *key, const char *id)
{
	char other[VIEW_ID];

	if (d->index == NULL) {
		d->index = json_object();
		for (size_t i = 0; i < json_array_size(d->doc); i++) {
			view_id(json_array_get(d->doc, i), key, other);
			(void)json_object_set_new(d->index, other,
			    json_integer((json_int_t)i));
		}
	}
	return json_object_get(d->index, id);
}

static void
remove_rows(json_t *list, const char *key, const json_t *del)
{
	json_t *gone = json_object(), *row, *keep = json_array();
	char id[VIEW_ID];
	size_t i;

	for (i = 0; i < json_array_size(del); i++) {
		json_t *one = json_pack("{s:O}", key, json_array_get(del, i));

		view_id(one, key, id);
		(void)json_object_set_new(gone, id, json_true());
		json_decref(one);
	}
	json_array_foreach(list, i, row) {
		view_id(row, key, id);
		if (json_object_get(gone, id) == NULL)
			(void)json_array_append(keep, row);
	}
	json_array_clear(list);
	(void)json_array_extend(list, keep);
	json_decref(keep);
	json_decref(gone);
}

/* Before these rows change. */
static bool
moves_line(struct topic_doc *d, const json_t *set)
{
	char id[VIEW_ID];

	for (size_t i = 0; i < json_array_size(set); i++) {
		const json_t *row = json_array_get(set, i), *at;

		view_id(row, "name", id);
		at = place_of(d, "name", id);
		if (at == NULL || !same_in_line(row, json_array_get(d->doc,
		    (size_t)json_integer_value(at))))
			return true;
	}
	return false;
}

static void
set_rows(struct topic_doc *d, const char *key, const json_t *set)
{
	bool added = false;
	char id[VIEW_ID];
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)set, i, row) {
		const json_t *at;

		view_id(row, key, id);
		at = place_of(d, key, id);
		if (at != NULL)
			(void)json_array_set(d->doc,
			    (size_t)json_integer_value(at), row);
		else if (json_is_string(json_object_get(row, key)) &&
		    strcmp(key, "name") != 0) {
			/* Places move: told apart anew for the next one. */
			(void)json_array_insert(d->doc, 0, row);
			no_index(d);
		} else {
			(void)json_array_append(d->doc, row);
			(void)json_object_set_new(d->index, id, json_integer(
			    (json_int_t)json_array_size(d->doc) - 1));
			added = true;
		}
	}
	if (added) {
		reorder(d->doc, key);
		no_index(d);
	}
}

static void
no_news(struct model *m, enum topic t, const json_t *error)
{
	struct err e;

	(void)err_set(&e, err_of_word(js_str(error, "code", "")), "%.500s",
	    js_str(error, "message", "refused, without a reason"));
	if (e.code == ERR_OK)
		e.code = ERR_FAILED;
	model_fail(m, t, &e);
}

void
model_update(struct model *m, enum topic t, const json_t *params)
{
	struct topic_doc *d = &m->topic[t];
	json_t *doc = json_object_get(params, "doc");
	const json_t *set = json_object_get(params, "set");
	const json_t *del = json_object_get(params, "del");
	const json_t *error = json_object_get(params, "error");
	const char *key = topics[t].key;
	bool moved;

	if (json_is_object(error)) {
		no_news(m, t, error);
		return;
	}
	if (doc != NULL) {
		model_put(m, t, json_incref(doc));
		return;
	}
	if (key == NULL || !json_is_array(d->doc))
		return;
	moved = t == TOPIC_AGENTS && (json_array_size(del) > 0 ||
	    moves_holder(m, set));
	m->crew += t == TOPIC_AGENTS && (json_array_size(del) > 0 ||
	    moves_line(d, set));
	if (json_array_size(del) > 0) {
		remove_rows(d->doc, key, del);
		no_index(d);
	}
	if (json_array_size(set) > 0)
		set_rows(d, key, set);
	d->at = m->now.wall;
	d->err.code = ERR_OK;
	d->rev++;
	if (moved)
		find_holder(m);
}

void
model_fail(struct model *m, enum topic t, const struct err *e)
{
	m->topic[t].err = *e;
}

void
model_begin(struct model *m, enum topic t, json_t *doc)
{
	model_put(m, t, doc);
	m->topic[t].part = topics[t].key != NULL && json_array_size(doc) > 0;
}

void
model_outdate(struct model *m, enum topic t, wall at)
{
	struct topic_doc *d = &m->topic[t];

	d->old = d->doc != NULL;
	d->at = d->at.ms > at.ms ? d->at : at;
}

void
model_hello(struct model *m, const json_t *doc)
{
	json_t *word;
	size_t i;

	(void)MEM_STR(m->node, js_str(doc, "node", ""));
	(void)MEM_STR(m->who, js_str(doc, "who", ""));
	(void)MEM_STR(m->version, js_str(doc, "version", ""));
	m->privs = 0;
	json_array_foreach(json_object_get(doc, "privileges"), i, word) {
		enum priv p;

		if (json_is_string(word) &&
		    cmd_priv_of(json_string_value(word), &p) == 0)
			m->privs |= 1u << p;
	}
}

/* ---- what holds ------------------------------------------------------- */

enum link_word
model_word(const struct model *m)
{
	int64_t age = mono_diff_ms(m->now.mono, m->heard);

	switch (m->link) {
	case LINK_TRYING:
		return m->tries == 0 && m->heard.us == 0 ? WORD_WAIT
		    : WORD_LOST;
	case LINK_DOWN:
		return WORD_LOST;
	case LINK_DENIED:
		return WORD_DENIED;
	case LINK_OLD:
		return WORD_OLD;
	case LINK_UP:
		break;
	}
	if (m->broker_lost.ms != 0 || age >= STALE_MS)
		return WORD_STALE;
	return age >= SLOW_MS ? WORD_SLOW : WORD_LIVE;
}

/* A daemon that has no broker answers all the time, and of the cluster it tells
 * what it heard before that. */
wall
model_at(const struct model *m)
{
	return m->broker_lost.ms != 0 ? m->broker_lost : m->heard_at;
}

char *
model_word_text(const struct model *m, char out[SAY])
{
	static const char *const words[] = { "LIVE", "SLOW", "STALE", "LOST",
		"DENIED", "OLD", "CONNECTING" };
	enum link_word w = model_word(m);
	int64_t age = m->now.wall.ms - m->heard_at.ms;
	char span[SAY];

	if (w == WORD_STALE && m->broker_lost.ms != 0)
		age = m->now.wall.ms - m->broker_lost.ms;
	if (m->heard_at.ms != 0 && (w == WORD_SLOW || w == WORD_STALE ||
	    w == WORD_LOST))
		(void)snprintf(out, SAY, "%s %s", words[w],
		    say_span(age < 1000 ? 1000 : age, span));
	else
		(void)snprintf(out, SAY, "%s", words[w]);
	return out;
}

int
model_may(const struct model *m, enum cmd_id id, struct err *e)
{
	const struct cmd *c = &cmds[id];
	enum link_word w = model_word(m);
	char text[SAY];
	/* Of itself this node knows all that there is to know. */
	bool own = c->scope == CMD_NODE && w == WORD_STALE &&
	    mono_diff_ms(m->now.mono, m->heard) < STALE_MS;

	if (w != WORD_LIVE && w != WORD_SLOW && !own)
		return err_set(e, ERR_FAILED, "%s: nothing is changed on old "
		    "data; r asks again", model_word_text(m, text));
	if (!(m->privs & 1u << c->priv))
		return err_set(e, ERR_DENIED, "you may look (%s is missing): "
		    "see operators in musterd.conf(5)",
		    cmd_priv_word(c->priv));
	return 0;
}

int
model_fresh(const struct model *m, enum topic t, struct err *e)
{
	const struct topic_doc *d = &m->topic[t];
	char when[SAY];

	if (!d->old && d->err.code == ERR_OK)
		return 0;
	return err_set(e, ERR_FAILED, "rows as of %s: nothing is changed on "
	    "old data", say_when(&m->say, d->at, when));
}

const char *
model_more(const struct model *m, enum topic t)
{
	const struct topic_doc *d = &m->topic[t];

	return d->part || (topics[t].limit > 0 && json_array_size(d->doc) >=
	    (size_t)topics[t].limit) ? "+" : "";
}

/* The newest runs are listed, and an old one may go on: the agents say how many
 * they have. */
size_t
model_running(const struct model *m, const char **more)
{
	size_t n = model_count(m, TOPIC_RUNS, "state", "running"), told = 0;
	const json_t *agents = m->topic[TOPIC_AGENTS].doc;

	*more = model_more(m, TOPIC_RUNS);
	if (**more == '\0' || agents == NULL)
		return n;
	for (size_t i = 0; i < json_array_size(agents); i++) {
		const json_t *row = json_array_get(agents, i);

		if (js_bool(row, "connected", false))
			told += (size_t)js_int(row, "running", 0);
	}
	if (told < n)
		return n;
	*more = model_more(m, TOPIC_AGENTS);
	return told;
}

const json_t *
model_row(const struct model *m, enum topic t, const char *id)
{
	char own[VIEW_ID];

	for (size_t i = 0; i < json_array_size(m->topic[t].doc); i++) {
		const json_t *row = json_array_get(m->topic[t].doc, i);

		view_id(row, topics[t].key, own);
		if (strcmp(own, id) == 0)
			return row;
	}
	return NULL;
}

char *
model_setting(const struct model *m, const char *name, const char *dflt,
    char out[SAY])
{
	const json_t *row = model_row(m, TOPIC_SETTINGS, name);

	if (row == NULL)
		(void)mem_str(out, SAY, dflt);
	else
		(void)say_setting(row, out);
	return out;
}

char *
model_stats_key(const char *agent, int window, char out[STATS_KEY])
{
	(void)snprintf(out, STATS_KEY, "%.95s/%d", agent, window);
	return out;
}

const json_t *
model_stats(const struct model *m, const char *agent, int window)
{
	char key[STATS_KEY];

	return json_object_get(m->stats, model_stats_key(agent, window, key));
}

const json_t *
model_holder(const struct model *m)
{
	return m->holder;
}

bool
model_vacant(const struct model *m)
{
	const struct topic_doc *d = &m->topic[TOPIC_AGENTS];

	return m->holder == NULL && json_is_array(d->doc) && !d->part;
}

const json_t *
model_in_line(const struct model *m)
{
	return m->whatif_crew == m->crew
	    ? json_object_get(m->whatif, "candidates") : NULL;
}

/* The highest that anybody tells: the broker's own is in its agents' rows. */
/* The topics come one after the other.  What is newer than the holder who is
 * shown says that he is of the past, not that the new epoch is his. */
int64_t
model_epoch(const struct model *m)
{
	const json_t *list = m->topic[TOPIC_WHY].doc;
	int64_t epoch = js_int(m->topic[TOPIC_STATUS].doc, "epoch", 0), e;

	if (m->holder != NULL)
		return js_int(m->holder, "epoch", epoch);
	for (size_t i = 0; i < json_array_size(list); i++) {
		e = js_int(json_array_get(list, i), "epoch", 0);
		epoch = e > epoch ? e : epoch;
	}
	return m->agents_epoch > epoch ? m->agents_epoch : epoch;
}

size_t
model_alerts(const struct model *m)
{
	const json_t *a = json_object_get(m->topic[TOPIC_STATUS].doc,
	    "alerts");

	if (json_is_integer(a))
		return json_integer_value(a) > 0
		    ? (size_t)json_integer_value(a) : 0;
	return json_array_size(a);
}

size_t
model_count(const struct model *m, enum topic t, const char *member,
    const char *value)
{
	const json_t *list = m->topic[t].doc;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += strcmp(js_str(json_array_get(list, i), member, ""),
		    value) == 0;
	return n;
}

bool
model_clustered(const struct model *m)
{
	const json_t *s = m->topic[TOPIC_STATUS].doc;

	return s == NULL || strcmp(js_str(s, "mode", ""), "standalone") != 0;
}

void
model_say(struct model *m, bool bad, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(m->message, sizeof(m->message), fmt, ap);
	va_end(ap);
	m->message_bad = bad;
}
