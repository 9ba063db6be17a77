#include "broker/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "log.h"
#include "mem.h"

struct alert {
	char	     *code, *node, *message;
	wall	      since;
	struct alert *next;
};

struct event_sub {
	void (*tell)(void *, const json_t *);
	void		 *arg;
	struct event_sub *next;
};

struct events {
	struct store	 *store;
	int64_t		  last;
	struct alert	 *alerts;	/* oldest first */
	struct event_sub *subs;
};

static const char *const words[] = { "info", "notice", "warn", "error",
	"audit" };
_Static_assert(sizeof(words) / sizeof(words[0]) == SEV_N, "severities");

const char *
severity_word(enum severity s)
{
	return words[s];
}

static int
on_max(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_null(r, 0) ? 0 : row_int(r, 0);
	return 0;
}

struct events *
events_new(struct store *store)
{
	struct events *e = mem_zero(1, sizeof(*e));

	e->store = store;
	(void)store_query(store, S_EVENT_MAX, on_max, &e->last, "");
	return e;
}

static void
alert_free(struct alert *a)
{
	free(a->code);
	free(a->node);
	free(a->message);
	free(a);
}

void
events_free(struct events *e)
{
	if (e == NULL)
		return;
	while (e->alerts != NULL) {
		struct alert *a = e->alerts;

		e->alerts = a->next;
		alert_free(a);
	}
	while (e->subs != NULL)
		event_unfollow(e, e->subs);
	free(e);
}

static json_t *
event_json(int64_t seq, wall at, const char *sev, const char *code,
    const char *node, const char *actor, const char *message, json_t *data)
{
	return json_pack("{s:I,s:o,s:s,s:s,s:o,s:o,s:o,s:o}", "seq",
	    (json_int_t)seq, "at", js_time(at), "severity", sev, "code", code,
	    "node", js_text(node), "actor", js_text(actor), "message",
	    js_text(message), "data", data != NULL ? data : json_null());
}

struct event {
	struct events *e;
	enum severity  severity;
	json_t	      *doc;
};

static void
say(const struct event *ev)
{
	static const enum log_level levels[] = { LOG_INFO, LOG_INFO, LOG_WARN,
		LOG_ERROR, LOG_INFO };

	log_at(levels[ev->severity], "event", "code=%s node=%s actor=%s %s",
	    js_str(ev->doc, "code", ""), js_str(ev->doc, "node", "-"),
	    js_str(ev->doc, "actor", "-"), js_str(ev->doc, "message", ""));
}

static void
end(struct event *ev, bool tell)
{
	struct event_sub *sub = ev->e->subs, *next;

	for (; tell && sub != NULL; sub = next) {
		next = sub->next;
		sub->tell(sub->arg, ev->doc);
	}
	json_decref(ev->doc);
	free(ev);
}

static struct event *
put(struct events *e, struct batch *b, wall at, enum severity sev,
    const char *code, const char *node, const char *actor, json_t *data,
    const char *message)
{
	struct event *ev = mem_zero(1, sizeof(*ev));
	char *text = data != NULL ? js_dump(data) : NULL;

	ev->e = e;
	ev->severity = sev;
	ev->doc = event_json(++e->last, at, words[sev], code, node, actor,
	    message, data);
	batch_add(b, S_EVENT_PUT, "iitttttt", e->last, at.ms, words[sev],
	    code, node, actor, message, text);
	free(text);
	return ev;
}

/* Nothing else says what happened: whoever listens hears it even so. */
static void
on_stored(enum store_rc rc, void *arg)
{
	struct event *ev = arg;

	if (rc != STORE_OK && rc != STORE_DOWN)
		log_warn("event", "seq=%lld not stored: %s",
		    (long long)js_int(ev->doc, "seq", 0), store_rc_word(rc));
	end(ev, rc != STORE_DOWN);
}

static int64_t
add(struct events *e, wall at, enum severity sev, const char *code,
    const char *node, const char *actor, json_t *data, const char *message)
{
	struct batch *b = batch_new();
	struct event *ev = put(e, b, at, sev, code, node, actor, data, message);

	say(ev);
	store_submit(e->store, b, on_stored, ev);
	return e->last;
}

int64_t
event_add(struct events *e, wall at, enum severity sev, const char *code,
    const char *node, const char *actor, json_t *data, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return add(e, at, sev, code, node, actor, data, message);
}

struct event *
event_with(struct events *e, struct batch *b, wall at, enum severity sev,
    const char *code, const char *node, const char *actor, json_t *data,
    const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return put(e, b, at, sev, code, node, actor, data, message);
}

void
event_stored(struct event *ev, enum store_rc rc)
{
	if (ev == NULL)
		return;
	if (rc == STORE_OK)
		say(ev);
	end(ev, rc == STORE_OK);
}

static struct alert **
alert_find(struct events *e, const char *code, const char *node)
{
	struct alert **a = &e->alerts;

	while (*a != NULL && (strcmp((*a)->code, code) != 0 ||
				 strcmp((*a)->node, node) != 0))
		a = &(*a)->next;
	return a;
}

void
alert_raise(struct events *e, wall at, const char *code, const char *node,
    const char *fmt, ...)
{
	struct alert **a = alert_find(e, code, node != NULL ? node : "");
	char message[1024];
	va_list ap;

	if (*a != NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	*a = mem_zero(1, sizeof(**a));
	(*a)->code = mem_dup(code);
	(*a)->node = mem_dup(node != NULL ? node : "");
	(*a)->message = mem_dup(message);
	(*a)->since = at;
	(void)add(e, at, SEV_WARN, code, node, NULL, json_pack("{s:b}", "alert",
	    1), message);
}

void
alert_clear(struct events *e, wall at, const char *code, const char *node)
{
	struct alert **link = alert_find(e, code, node != NULL ? node : "");
	struct alert *a = *link;

	if (a == NULL)
		return;
	*link = a->next;
	(void)event_add(e, at, SEV_INFO, code, node, NULL,
	    json_pack("{s:b}", "alert", 0), "over: %s", a->message);
	alert_free(a);
}

void
alert_rename(struct events *e, const char *node, const char *to)
{
	for (struct alert *a = e->alerts; a != NULL; a = a->next)
		if (strcmp(a->node, node) == 0) {
			free(a->node);
			a->node = mem_dup(to);
		}
}

void
alert_clear_all(struct events *e, wall at, const char *node)
{
	struct alert *a = e->alerts, *next;

	for (; a != NULL; a = next) {
		next = a->next;
		if (strcmp(a->node, node) == 0)
			alert_clear(e, at, a->code, node);
	}
}

json_t *
alert_list(const struct events *e)
{
	json_t *list = json_array();

	for (const struct alert *a = e->alerts; a != NULL; a = a->next)
		(void)json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:o}",
		    "code", a->code, "node",
		    a->node[0] != '\0' ? js_text(a->node) : json_null(),
		    "message", js_text(a->message), "since",
		    js_time(a->since)));
	return list;
}

struct listing {
	json_t	   *list;
	int64_t	    limit;
	wall	    since;
	const char *severity, *code, *node, *actor;
};

static bool
passes(const char *want, const char *have)
{
	return want == NULL || (have != NULL && strcmp(want, have) == 0);
}

static int
on_row(const struct row *r, void *arg)
{
	struct listing *l = arg;
	const char *data = row_text(r, 7);
	wall at = { row_int(r, 1) };

	if (at.ms < l->since.ms)
		return 1;		/* newest first: the rest is older */
	if (!passes(l->severity, row_text(r, 2)) ||
	    !passes(l->code, row_text(r, 3)) ||
	    !passes(l->node, row_text(r, 4)) ||
	    !passes(l->actor, row_text(r, 5)))
		return 0;
	(void)json_array_append_new(l->list, event_json(row_int(r, 0), at,
	    row_text(r, 2), row_text(r, 3), row_text(r, 4), row_text(r, 5),
	    row_text(r, 6),
	    data != NULL ? json_loads(data, JSON_DECODE_ANY, NULL) : NULL));
	return (int64_t)json_array_size(l->list) >= l->limit;
}

json_t *
event_list(struct events *e, int64_t limit, wall since, const char *severity,
    const char *code, const char *node, const char *actor)
{
	struct listing l = { json_array(), limit, since, severity, code, node,
		actor };
	bool filtered = severity != NULL || code != NULL || node != NULL ||
	    actor != NULL;

	(void)store_query(e->store, S_EVENT_LIST, on_row, &l, "ii",
	    (int64_t)INT64_MAX, filtered ? (int64_t)EVENT_SEARCHED : limit);
	return l.list;
}

int64_t
event_last(const struct events *e)
{
	return e->last;
}

struct event_sub *
event_follow(struct events *e, void (*tell)(void *, const json_t *), void *arg)
{
	struct event_sub *s = mem_zero(1, sizeof(*s));

	s->tell = tell;
	s->arg = arg;
	s->next = e->subs;
	e->subs = s;
	return s;
}

void
event_unfollow(struct events *e, struct event_sub *sub)
{
	struct event_sub **s = &e->subs;

	while (*s != NULL && *s != sub)
		s = &(*s)->next;
	if (*s != NULL) {
		*s = sub->next;
		free(sub);
	}
}
