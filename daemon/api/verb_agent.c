/* agent list, show, history, rename, set. */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "broker/catalog.h"
#include "broker/naming.h"
#include "broker/roster.h"
#include "broker/runlist.h"
#include "broker/scheduler.h"
#include "js.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum { HISTORY = 100, HISTORY_READ = 20000, LABELS_MAX = 64 };

/* The fields of SPEC section 8. */
static json_t *
agent_json(const struct broker *b, const struct member *m)
{
	const struct role_agent *a = roster_agent(b->roster, m);
	bool holder = b->roster->holder == m->id && a->beat.on;
	bool controlled = a->controlled && b->set.control_status;
	double rtt = roster_latency(m);
	json_t *o = json_pack(
	    "{s:s,s:I,s:o,s:s,s:b,s:b,s:s,s:s,s:I,s:I,s:b}", "name", m->name,
	    "id", (json_int_t)m->id, "address", js_text(m->address), "mode",
	    m->worker ? "worker" : "agent", "connected", a->connected,
	    "controlled", controlled, "status", a->beat.on ? "on" : "off",
	    "role", !controlled || !b->open ? "none"
	        : holder ? "scheduler" : "spare",
	    "epoch", (json_int_t)a->beat.epoch, "spooled",
	    (json_int_t)m->alone.left, "suspended",
	    a->beat.on && a->beat.suspended);

	(void)json_object_set_new(o, "health", json_pack("{s:s,s:i,s:o,s:s}",
	    "level", health_name(m->health.level), "value",
	    (int)m->health.level, "since", js_time(m->health.since.wall),
	    "reason", m->health.reason));
	(void)json_object_update_new(o, json_pack(
	    "{s:b,s:b,s:b,s:o,s:i,s:o,s:I,s:o,s:o,s:o,s:o}", "condition_met",
	    a->condition_met, "drained", a->drained, "held_off",
	    a->marks.held_off || a->beat.held, "pinned_until",
	    scheduler_pin(b, m->id),
	    "priority", a->priority, "labels",
	    m->labels != NULL ? json_incref(m->labels) : json_array(),
	    "running", (json_int_t)m->running, "uptime",
	    json_real(roster_uptime(b, m)), "latency",
	    a->connected && m->nlatency > 0 ? json_real(rtt) : json_null(),
	    "version", js_text(m->version), "sync",
	    json_pack("{s:o,s:I}", "revision",
	        m->rev >= 0 ? json_integer(m->rev) : json_null(), "behind",
	        (json_int_t)(m->rev >= 0 && m->rev < b->catalog->rev
	                ? b->catalog->rev - m->rev : 0))));
	return o;
}

static int
by_name(const void *a, const void *b)
{
	const struct member *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static bool
is(const struct call *c, const char *param, const char *have)
{
	const char *want = call_str(c, param);

	return want == NULL || strcmp(want, have) == 0;
}

static bool
has_label(const json_t *doc, const char *want)
{
	const json_t *labels = json_object_get(doc, "labels");

	for (size_t i = 0; i < json_array_size(labels); i++)
		if (strcmp(json_string_value(json_array_get(labels, i)),
		        want) == 0)
			return true;
	return want == NULL;
}

static bool
passes(const struct call *c, const json_t *doc)
{
	const char *label = call_str(c, "label");

	return is(c, "mode", js_str(doc, "mode", "")) &&
	    is(c, "status", js_str(doc, "status", "")) &&
	    is(c, "health", js_str(json_object_get(doc, "health"), "level",
	        "")) &&
	    is(c, "connected", js_bool(doc, "connected", false) ? "true"
								: "false") &&
	    (label == NULL || has_label(doc, label));
}

void
do_agent_list(struct call *c)
{
	const struct roster *r = c->b->roster;
	struct member **v = mem_zero(r->n + 1, sizeof(struct member *));
	int64_t limit = call_limit(c, INT32_MAX);
	json_t *list = json_array();
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (member_active(r->members[i]))
			v[n++] = r->members[i];
	if (n > 0)
		qsort(v, n, sizeof(struct member *), by_name);
	for (size_t i = 0; i < n && (int64_t)json_array_size(list) < limit;
	     i++) {
		json_t *doc = agent_json(c->b, v[i]);

		if (passes(c, doc))
			(void)json_array_append_new(list, doc);
		else
			json_decref(doc);
	}
	free(v);
	call_done(c, list);
}

void
do_agent_show(struct call *c)
{
	const struct member *m = call_member(c, "agent");
	struct run_filter f = { .limit = 50 };
	json_t *doc, *runs, *live;
	size_t i;

	if (m == NULL)
		return;
	doc = agent_json(c->b, m);
	(void)json_object_update_new(doc, json_pack(
	    "{s:s,s:s,s:o,s:O?,s:b,s:o,s:o,s:o,s:I}", "fingerprint",
	    m->fingerprint, "key", m->key, "joined_at", js_time(m->joined),
	    "addresses", m->addresses, "offline_ok", m->offline_ok,
	    "max_runs", m->cap > 0 ? json_integer(m->cap) : json_null(),
	    "clock_skew", json_real((double)m->skew_ms / 1000), "boot_id",
	    js_text(m->boot[0] != '\0' ? m->boot : NULL), "outages",
	    (json_int_t)m->outages));
	f.agent = m->name;
	live = json_array();
	runs = runlist_of(c->b, &f);
	for (i = 0; i < json_array_size(runs); i++)
		if (json_is_null(json_object_get(json_array_get(runs, i),
		        "ended_at")))
			(void)json_array_append(live, json_array_get(runs, i));
	json_decref(runs);
	(void)json_object_set_new(doc, "runs", live);
	call_done(c, doc);
}

/* ---- history ---- */

/* What held after an event of the agent; unknown before the first one. */
struct past {
	char	level[16], status[4];
	int	connected;		/* -1: unknown */
	int64_t epoch;
};

/* One row, newest state; NULL when the event is about something else. */
static json_t *
history_row(const json_t *event, struct past *p)
{
	const char *code = js_str(event, "code", "");
	const json_t *data = json_object_get(event, "data");
	const char *to = js_str(data, "to", NULL);
	enum health h;

	if (strcmp(code, "health_changed") == 0 && to != NULL)
		(void)MEM_STR(p->level, to);
	else if (strcmp(code, "status_changed") == 0 && to != NULL) {
		(void)MEM_STR(p->status, to);
		p->epoch = js_int(data, "epoch", 0);
	} else if (strcmp(code, "agent_connected") == 0)
		p->connected = 1;
	else if (strcmp(code, "agent_disconnected") == 0)
		p->connected = 0;
	else
		return NULL;
	h = health_of_name(p->level, strlen(p->level));
	return json_pack("{s:O,s:o,s:o,s:o,s:o,s:o,s:O}", "at",
	    json_object_get(event, "at"), "status",
	    js_text(p->status[0] != '\0' ? p->status : NULL), "epoch",
	    p->status[0] != '\0' ? json_integer(p->epoch) : json_null(),
	    "connected", p->connected < 0 ? json_null()
	        : json_boolean(p->connected), "level",
	    js_text(p->level[0] != '\0' ? p->level : NULL), "value",
	    h != HEALTH_COUNT ? json_integer((int)h) : json_null(), "reason",
	    json_object_get(event, "message"));
}

void
do_agent_history(struct call *c)
{
	const struct member *m = call_member(c, "agent");
	struct past past = { .connected = -1 };
	json_t *events, *list;
	int64_t limit;

	if (m == NULL)
		return;
	limit = call_limit(c, HISTORY);
	events = event_list(c->b->events, HISTORY_READ, call_since(c), NULL,
	    NULL, m->name, NULL);
	list = json_array();
	for (size_t i = json_array_size(events); i-- > 0;) {
		json_t *row = history_row(json_array_get(events, i), &past);

		if (row != NULL)
			(void)json_array_insert_new(list, 0, row);
		if ((int64_t)json_array_size(list) > limit)
			(void)json_array_remove(list,
			    json_array_size(list) - 1);
	}
	json_decref(events);
	call_done(c, list);
}

/* ---- rename ---- */

static void
on_renamed(void *arg, enum store_rc rc, const char *was)
{
	struct call *c = arg;
	const char *name = call_str(c, "name");

	if (rc == STORE_CONFLICT)
		call_failed(c, ERR_FAILED, "agent rename: the name %s was "
		    "taken meanwhile: choose another", name);
	else if (rc != STORE_OK)
		call_unstored(c, rc);
	else
		call_told(c, json_pack("{s:s,s:s}", "agent", name, "was", was),
		    "%s is now %s: jobs that name it keep the old name "
		    "(muster export)", was, name);
}

void
do_agent_rename(struct call *c)
{
	struct member *m = call_member(c, "agent"), *other;
	const char *name;

	if (m == NULL)
		return;
	name = call_str(c, "name");
	other = roster_by_name(c->b->roster, name);
	if (other == m)
		call_told(c, NULL, "%s has this name already", name);
	else if (other != NULL && member_active(other))
		call_failed(c, ERR_FAILED, "agent %s: the name %s is taken: "
		    "choose another", m->name, name);
	else
		naming_start(c->b, m, name, on_renamed, c);
}

/* ---- set ---- */

/* New values of a member; those not given stay. */
struct edit {
	struct call *call;
	int64_t	     member;
	bool	     has_priority, has_labels, has_addresses, has_offline;
	int64_t	     priority;
	json_t	    *labels, *addresses;
	bool	     offline;
};

/* "a, b,c" to ["a","b","c"]; NULL with a message. */
static json_t *
list_of(const char *text, const char *what, struct err *e)
{
	json_t *list = json_array();
	const char *p = text;

	while (*p != '\0') {
		size_t n = strcspn(p, ","), skip = strspn(p, " ");
		size_t len;

		if (skip > n)
			skip = n;
		len = n - skip;
		while (len > 0 && p[skip + len - 1] == ' ')
			len--;
		if (len > 100 || !utf8_valid(p + skip, len) ||
		    json_array_size(list) >= LABELS_MAX) {
			(void)err_set(e, ERR_USAGE, "%s: at most %d of at most "
			    "100 bytes, with commas between", what,
			    LABELS_MAX);
			json_decref(list);
			return NULL;
		}
		if (len > 0)
			(void)json_array_append_new(list,
			    json_stringn(p + skip, len));
		p += n + (p[n] == ',');
	}
	return list;
}

static int
take_value(struct edit *d, const char *key, const char *value, struct err *e)
{
	static const char *const names[] = { "priority", "labels",
		"addresses", "offline_ok" };
	const char *near;

	if (strcmp(key, "priority") == 0) {
		d->has_priority = true;
		return text_int(value, -1000, 1000, "priority", &d->priority,
		    e);
	}
	if (strcmp(key, "labels") == 0) {
		d->has_labels = true;
		json_decref(d->labels);
		d->labels = list_of(value, "labels", e);
		return d->labels != NULL ? 0 : -1;
	}
	if (strcmp(key, "addresses") == 0) {
		d->has_addresses = true;
		json_decref(d->addresses);
		d->addresses = list_of(value, "addresses", e);
		return d->addresses != NULL ? 0 : -1;
	}
	if (strcmp(key, "offline_ok") == 0) {
		d->has_offline = true;
		d->offline = strcmp(value, "true") == 0;
		if (d->offline || strcmp(value, "false") == 0)
			return 0;
		return err_set(e, ERR_USAGE, "offline_ok: must be true or "
		    "false, not \"%.40s\"", value);
	}
	near = text_nearest(key, names, sizeof(names) / sizeof(names[0]));
	return err_set(e, ERR_NOTFOUND, "agent set: there is no \"%.40s\": "
	    "%s%s", key, near != NULL ? "did you mean " : "it takes priority, "
	    "labels, addresses, offline_ok", near != NULL ? near : "");
}

static void
swap_lists(json_t **a, json_t **b)
{
	json_t *t = *a;

	*a = *b;
	*b = t;
}

/* Exchanges the values: done twice, nothing has happened. */
static void
edit_swap(struct broker *b, struct member *m, struct edit *d)
{
	struct role_agent *a = roster_agent(b->roster, m);

	if (d->has_priority) {
		int64_t was = a->priority;

		a->priority = (int)d->priority;
		d->priority = was;
	}
	if (d->has_labels)
		swap_lists(&m->labels, &d->labels);
	if (d->has_addresses)
		swap_lists(&m->addresses, &d->addresses);
	if (d->has_offline) {
		bool was = m->offline_ok;

		m->offline_ok = d->offline;
		d->offline = was;
	}
}

static void
edit_store(const struct edit *d, struct batch *batch)
{
	char *labels = d->has_labels ? js_dump(d->labels) : NULL;
	char *addresses = d->has_addresses ? js_dump(d->addresses) : NULL;

	batch_add(batch, S_MEMBER_EDIT, "iiittii", d->member,
	    (int64_t)d->has_priority, d->priority, labels, addresses,
	    (int64_t)d->has_offline, (int64_t)d->offline);
	free(labels);
	free(addresses);
}

static json_t *
edit_json(const struct broker *b, const struct member *m)
{
	return json_pack("{s:i,s:O?,s:O?,s:b}", "priority",
	    roster_agent(b->roster, m)->priority, "labels", m->labels,
	    "addresses", m->addresses, "offline_ok", m->offline_ok);
}

static void
edit_free(struct edit *d)
{
	json_decref(d->labels);
	json_decref(d->addresses);
	free(d);
}

static void
on_edited(enum store_rc rc, void *arg)
{
	struct edit *d = arg;
	struct call *c = d->call;
	struct member *m = roster_by_id(c->b->roster, d->member);

	if (rc != STORE_OK)
		call_unstored(c, rc);
	else if (m == NULL)
		call_failed(c, ERR_NOTFOUND, "agent set: it left the cluster "
		    "meanwhile: muster agent list");
	else {
		edit_swap(c->b, m, d);
		roster_tell(c->b, m);
		if (m->offline_ok)
			alert_clear(c->b->events, c->b->now.wall,
			    "agent_offline", m->name);
		call_told(c, NULL, "%s is changed", m->name);
	}
	edit_free(d);
}

void
do_agent_set(struct call *c)
{
	struct member *m = call_member(c, "agent");
	json_t *values, *v;
	struct edit *d;
	struct batch *batch;
	const char *key;
	struct err e;
	json_t *was;

	if (m == NULL)
		return;
	d = mem_zero(1, sizeof(*d));
	d->call = c;
	d->member = m->id;
	values = json_object_get(c->params, "values");
	json_object_foreach(values, key, v)
		if (take_value(d, key, json_string_value(v), &e) == -1) {
			edit_free(d);
			call_fail(c, &e);
			return;
		}
	was = edit_json(c->b, m);
	batch = batch_new();
	edit_store(d, batch);
	edit_swap(c->b, m, d);
	c->facts = json_pack("{s:o,s:o}", "old", was, "new",
	    edit_json(c->b, m));
	edit_swap(c->b, m, d);		/* until it is on disk */
	store_submit(c->b->store, batch, on_edited, d);
}
