#include "api/subscribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "js.h"
#include "mem.h"

enum {
	SUBS_MAX = 32,			/* of one session */
	TICK_MS = 250,
	EVERY_MAX = 3600,		/* seconds */
	ROWS = 256 << 10,		/* bytes of rows in one message */
	DOC_MAX = SESSION_LINE - 4096,
	SHARE = 50,			/* at most 1/50 of the time for one */
	ID = 128
};

struct sub {
	int64_t		  id, seq;
	const struct cmd *cmd;
	json_t		 *params;
	char		 *key;		/* NULL: not a list */
	int64_t		  every_ms;
	uint64_t	  due;		/* uv_hrtime, ns */
	bool		  asking;
	json_t		 *rpc_id;	/* answered with the first result */
	bool		  answered;
	json_t		 *known;	/* what was sent: id -> row, or doc */
	json_t		 *now;		/* the newest result, not all sent */
	json_t		 *have;		/* the ids in it */
	char		  trouble[256];	/* that was told */
	struct subs	 *all;
	struct sub	 *next;
};

struct subs {
	struct api     *api;
	struct session *session;
	const void     *asker;
	uv_timer_t     *timer;
	struct sub     *first;
	int64_t		last;
};

static void
send_new(struct subs *s, json_t *doc)
{
	(void)session_send(s->session, doc);
	json_decref(doc);
}

static void
answer(struct subs *s, const json_t *id, json_t *result)
{
	if (id != NULL)
		send_new(s, json_pack("{s:s,s:O,s:O}", "jsonrpc", "2.0", "id",
		    id, "result", result));
	json_decref(result);
}

static void
refuse(struct subs *s, const json_t *id, enum err_code code, const char *why)
{
	if (id != NULL)
		send_new(s, json_pack("{s:s,s:O,s:{s:i,s:o,s:{s:s}}}",
		    "jsonrpc", "2.0", "id", id, "error", "code",
		    code == ERR_USAGE ? -32602 : -32000, "message",
		    js_text(why), "data", "code", err_word(code)));
}

static void
sub_free(struct sub *p)
{
	call_gone(p->all->api, p);
	json_decref(p->params);
	json_decref(p->rpc_id);
	json_decref(p->known);
	json_decref(p->now);
	json_decref(p->have);
	free(p->key);
	free(p);
}

/* ---- the difference --------------------------------------------------- */

static size_t
size_of(const json_t *v)
{
	return json_dumpb(v, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* A row's id as a member name; false: it has none. */
static bool
id_of(const struct sub *p, const json_t *row, char out[ID])
{
	const json_t *v = json_object_get(row, p->key);

	if (json_is_integer(v))
		(void)snprintf(out, ID, "%lld",
		    (long long)json_integer_value(v));
	else if (!json_is_string(v) ||
	    mem_str(out, ID, json_string_value(v)) == -1)
		return false;
	return true;
}

/* Of rows with the same id the first one: the attempts of a run share its id,
 * the newest comes first, and a subscriber has room for one. */
static void
take_rows(struct sub *p, const json_t *result)
{
	json_t *row;
	char id[ID];
	size_t i;

	json_decref(p->have);
	p->have = json_object();
	p->now = json_array();
	json_array_foreach(result, i, row)
		if (id_of(p, row, id) && json_object_get(p->have, id) == NULL) {
			(void)json_object_set_new(p->have, id, json_true());
			(void)json_array_append(p->now, row);
		}
}

/* Rows of now that the subscriber does not have, at most ROWS bytes of them;
 * they count as known.  NULL: none. */
static json_t *
fresh(struct sub *p)
{
	json_t *set = NULL, *row;
	size_t i, bytes = 0;
	char id[ID];

	json_array_foreach(p->now, i, row) {
		if (!id_of(p, row, id) ||
		    json_equal(json_object_get(p->known, id), row))
			continue;
		bytes += size_of(row);
		if (set != NULL && bytes > ROWS)
			break;
		if (set == NULL)
			set = json_array();
		(void)json_array_append(set, row);
		(void)json_object_set(p->known, id, row);
	}
	return set;
}

/* Ids that are known there and no longer exist.  NULL: none. */
static json_t *
gone(struct sub *p)
{
	json_t *del = NULL, *row;
	const char *key;
	void *tmp;

	json_object_foreach_safe(p->known, tmp, key, row)
		if (json_object_get(p->have, key) == NULL) {
			if (del == NULL)
				del = json_array();
			(void)json_array_append(del, json_object_get(row,
			    p->key));
			(void)json_object_del(p->known, key);
		}
	return del;
}

static void
update(struct sub *p, json_t *more)
{
	json_t *params = json_pack("{s:I,s:I}", "sub", (json_int_t)p->id,
	    "seq", (json_int_t)++p->seq);

	(void)json_object_update_new(params, more);
	send_new(p->all, json_pack("{s:s,s:s,s:o}", "jsonrpc", "2.0", "method",
	    "update", "params", params));
}

/* Sends what its queue takes; what is left is found again at the next turn. */
static void
send_rows(struct sub *p)
{
	while (session_queued(p->all->session) <= SESSION_HIGH) {
		json_t *del = gone(p), *set = fresh(p);

		if (set == NULL && del == NULL)
			return;
		update(p, json_pack("{s:o*,s:o*}", "set", set, "del", del));
	}
}

static void
send_doc(struct sub *p)
{
	if (session_queued(p->all->session) > SESSION_HIGH ||
	    json_equal(p->known, p->now))
		return;
	json_decref(p->known);
	p->known = json_incref(p->now);
	update(p, json_pack("{s:O}", "doc", p->now));
}

static void
tell(struct sub *p)
{
	if (p->now == NULL)
		return;
	if (p->key != NULL)
		send_rows(p);
	else
		send_doc(p);
}

static void
first(struct sub *p)
{
	json_t *doc;

	p->answered = true;
	if (p->key != NULL) {
		p->known = json_object();
		doc = fresh(p);
		if (doc == NULL)
			doc = json_array();
	} else {
		p->known = json_incref(p->now);
		doc = json_incref(p->now);
	}
	answer(p->all, p->rpc_id, json_pack("{s:I,s:i,s:o}", "sub",
	    (json_int_t)p->id, "seq", 0, "doc", doc));
}

/* ---- asking ----------------------------------------------------------- */

static void
drop(struct sub *p)
{
	struct sub **at = &p->all->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	sub_free(p);
}

static void
on_done(void *ctx, struct call *c, json_t *result)
{
	struct sub *p = ctx;

	(void)c;
	p->asking = false;
	p->trouble[0] = '\0';
	if (p->key != NULL && !json_is_array(result)) {
		free(p->key);
		p->key = NULL;
	}
	json_decref(p->now);
	if (p->key != NULL)
		take_rows(p, result);
	else
		p->now = json_incref(result);
	if (p->key == NULL && size_of(result) > DOC_MAX) {
		json_decref(p->now);
		p->now = json_null();
	}
	if (!p->answered)
		first(p);
	tell(p);
}

static void
on_fail(void *ctx, struct call *c, const struct err *e)
{
	struct sub *p = ctx;

	(void)c;
	p->asking = false;
	if (!p->answered) {
		/* Freed by the next turn: the call is still ours here. */
		refuse(p->all, p->rpc_id, e->code, e->msg);
		p->every_ms = -1;
	} else if (strncmp(p->trouble, e->msg, sizeof(p->trouble) - 1) != 0) {
		(void)MEM_STR(p->trouble, e->msg);
		update(p, json_pack("{s:{s:s,s:o}}", "error", "code",
		    err_word(e->code), "message", js_text(e->msg)));
	}
}

static const struct call_ops sub_ops = { .done = on_done, .fail = on_fail };

/* Privileges are looked up each time, as for any call. */
static void
ask(struct sub *p)
{
	const struct peer *peer = session_peer(p->all->session);
	uint64_t start = uv_hrtime(), took, rest;
	char who[64];

	call_who(peer, who);
	p->asking = true;
	call_begin(p->all->api, p->cmd, p->params, who,
	    call_privs(p->all->api, peer), &sub_ops, p, NULL);
	took = uv_hrtime() - start;
	rest = p->every_ms > 0 ? (uint64_t)p->every_ms * 1000000 : 0;
	/* A list of ten thousand must not eat the loop. */
	if (rest < took * SHARE)
		rest = took * SHARE;
	p->due = start + rest;
}

static void
on_tick(uv_timer_t *t)
{
	struct subs *s = t->data;
	uint64_t now = uv_hrtime();
	struct sub *p, *next;

	for (p = s->first; p != NULL; p = next) {
		next = p->next;
		if (p->every_ms < 0)
			drop(p);
		else if (!p->asking && now >= p->due &&
		    session_queued(s->session) <= SESSION_HIGH)
			ask(p);
	}
}

void
subs_drained(struct subs *s)
{
	for (struct sub *p = s->first; p != NULL; p = p->next)
		if (p->answered)
			tell(p);
}

/* ---- methods ---------------------------------------------------------- */

static void
subscribe(struct subs *s, const json_t *id, const json_t *params)
{
	const char *method = js_str(params, "method", "");
	const struct cmd *cmd = cmd_of_method(method);
	double every = js_num(params, "every", 1);
	struct sub *p;
	char why[160];
	size_t n = 0;

	for (p = s->first; p != NULL; p = p->next)
		n++;
	if (cmd == NULL || (cmd->flags & (CMD_CHANGES | CMD_STREAM))) {
		(void)snprintf(why, sizeof(why), "subscribe: \"%.60s\" is no "
		    "command that only reads", method);
		refuse(s, id, ERR_USAGE, why);
		return;
	}
	if (n >= SUBS_MAX) {
		(void)snprintf(why, sizeof(why), "subscribe: at most %d in one "
		    "session: unsubscribe others first", SUBS_MAX);
		refuse(s, id, ERR_BUSY, why);
		return;
	}
	if (!(every >= 1 && every <= EVERY_MAX)) {
		refuse(s, id, ERR_USAGE, "every: must be 1..3600 seconds");
		return;
	}
	p = mem_zero(1, sizeof(*p));
	p->all = s;
	p->id = ++s->last;
	p->cmd = cmd;
	p->params = json_deep_copy(json_object_get(params, "params"));
	p->key = mem_dup(js_str(params, "key", NULL));
	p->every_ms = (int64_t)(every * 1000);
	p->rpc_id = json_deep_copy(id);
	p->next = s->first;
	s->first = p;
	ask(p);
}

static void
unsubscribe(struct subs *s, const json_t *id, const json_t *params)
{
	int64_t which = js_int(params, "sub", -1);

	for (struct sub *p = s->first; p != NULL; p = p->next)
		if (p->id == which) {
			drop(p);
			answer(s, id, json_object());
			return;
		}
	refuse(s, id, ERR_NOTFOUND, "unsubscribe: there is no subscription of "
	    "this number");
}

/* Ends a request of this session that goes on: run.log, event.follow. */
static void
cancel(struct subs *s, const json_t *id, const json_t *params)
{
	const json_t *which = json_object_get(params, "id");

	for (struct call *c = s->api->calls; c != NULL; c = c->next) {
		if (c->ops == NULL || c->ctx != s->asker ||
		    c->cancel == NULL || which == NULL ||
		    !json_equal(c->rpc_id, which))
			continue;
		refuse(s, c->rpc_id, ERR_FAILED, "cancelled");
		c->ops = NULL;
		c->cancel(c);
		answer(s, id, json_pack("{s:b}", "cancelled", 1));
		return;
	}
	answer(s, id, json_pack("{s:b}", "cancelled", 0));
}

bool
subs_take(struct subs *s, const char *method, const json_t *id,
    const json_t *params)
{
	if (strcmp(method, "subscribe") == 0)
		subscribe(s, id, params);
	else if (strcmp(method, "unsubscribe") == 0)
		unsubscribe(s, id, params);
	else if (strcmp(method, "cancel") == 0)
		cancel(s, id, params);
	else
		return false;
	if (s->first != NULL && !uv_is_active((uv_handle_t *)s->timer))
		(void)uv_timer_start(s->timer, on_tick, TICK_MS, TICK_MS);
	else if (s->first == NULL)
		(void)uv_timer_stop(s->timer);
	return true;
}

struct subs *
subs_new(struct api *a, struct session *session, const void *asker)
{
	struct subs *s = mem_zero(1, sizeof(*s));

	s->api = a;
	s->session = session;
	s->asker = asker;
	s->timer = mem_zero(1, sizeof(*s->timer));
	(void)uv_timer_init(a->loop, s->timer);
	s->timer->data = s;
	return s;
}

static void
on_timer_closed(uv_handle_t *h)
{
	free(h);
}

void
subs_free(struct subs *s)
{
	while (s->first != NULL)
		drop(s->first);
	uv_close((uv_handle_t *)s->timer, on_timer_closed);
	free(s);
}
