/* JSON-RPC sessions of operators: muster-protocol(7). */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/subscribe.h"
#include "core/share.h"
#include "js.h"
#include "log.h"
#include "mem.h"

enum {
	PROTOCOL = 1,
	ROWS = 256 << 10,
	ANSWER_MAX = SESSION_LINE - 4096,
	OPEN_MAX = 64		/* of one session: follows, logs */
};

/* A list that is too long for one message, on its way. */
struct parcel {
	json_t	      *id, *list;
	size_t	       at;
	struct parcel *next;
};

struct rpc {
	struct api     *api;
	struct session *session;
	bool		hello;
	struct subs    *subs;
	struct parcel  *parcels, **tail;
	struct share	share;
	uv_timer_t     *rest;		/* NULL: never needed */
	struct rpc     *next, **link;
};

static void
send_new(struct rpc *r, json_t *doc)
{
	(void)session_send(r->session, doc);
	json_decref(doc);
}

static void
answer(struct rpc *r, const json_t *id, json_t *result)
{
	if (id != NULL)
		send_new(r, json_pack("{s:s,s:O,s:O}", "jsonrpc", "2.0", "id",
		    id, "result", result));
}

static void
refuse(struct rpc *r, const json_t *id, int code, const struct err *e)
{
	if (id != NULL)
		send_new(r, json_pack("{s:s,s:O,s:{s:i,s:o,s:{s:s}}}",
		    "jsonrpc", "2.0", "id", id, "error", "code", code,
		    "message", js_text(e->msg), "data", "code",
		    err_word(e->code)));
}

/* ---- long lists ---- */

static size_t
size_of(const json_t *v)
{
	return json_dumpb(v, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Sends rows while the queue is low; true when all are sent.  Else it is above
 * SESSION_HIGH, so the session tells when it has drained. */
static bool
parcel_send(struct rpc *r, struct parcel *p)
{
	size_t n = json_array_size(p->list);

	while (p->at < n && session_queued(r->session) <= SESSION_HIGH) {
		json_t *rows = json_array();
		size_t bytes = 0;

		while (p->at < n && bytes < ROWS) {
			json_t *row = json_array_get(p->list, p->at++);

			bytes += size_of(row);
			(void)json_array_append(rows, row);
		}
		send_new(r, json_pack("{s:s,s:s,s:{s:O,s:o}}", "jsonrpc",
		    "2.0", "method", "stream", "params", "id", p->id, "rows",
		    rows));
	}
	return p->at >= n;
}

static void
parcel_free(struct parcel *p)
{
	json_decref(p->id);
	json_decref(p->list);
	free(p);
}

static void
parcels_send(struct rpc *r)
{
	while (r->parcels != NULL) {
		struct parcel *p = r->parcels;
		json_t *rest;

		if (!parcel_send(r, p))
			return;
		rest = json_array();
		answer(r, p->id, rest);
		json_decref(rest);
		r->parcels = p->next;
		if (r->parcels == NULL)
			r->tail = &r->parcels;
		parcel_free(p);
	}
}

static void on_rested(uv_timer_t *);

static void
rest(struct rpc *r, int64_t ms)
{
	if (r->rest == NULL) {
		r->rest = mem_zero(1, sizeof(*r->rest));
		(void)uv_timer_init(r->api->loop, r->rest);
		r->rest->data = r;
	}
	(void)uv_timer_start(r->rest, on_rested, (uint64_t)ms, 0);
}

/* Who does not take the answers is not read from: they would be kept here.  The
 * queue is above SESSION_HIGH whenever this pauses, so on_drained comes.  Nor is
 * for a while who had more than a share of the loop. */
static void
pace(struct rpc *r)
{
	int64_t ms = share_wait_ms(&r->share, r->api->b->clock().mono);

	if (ms > 0)
		rest(r, ms);
	session_pause(r->session, ms > 0 || r->parcels != NULL ||
	    session_queued(r->session) > SESSION_HIGH);
}

static void
on_rested(uv_timer_t *t)
{
	pace(t->data);
}

static void
on_rest_closed(uv_handle_t *h)
{
	free(h);
}

/* ---- answers ---- */

static void
rpc_fail(void *ctx, struct call *c, const struct err *e)
{
	refuse(ctx, c->rpc_id, e->code == ERR_USAGE ? -32602 : -32000, e);
}

static void
rpc_done(void *ctx, struct call *c, json_t *result)
{
	struct rpc *r = ctx;
	struct parcel *p;
	struct err e;

	if (size_of(result) <= (json_is_array(result) ? (size_t)ROWS
						      : (size_t)ANSWER_MAX)) {
		answer(r, c->rpc_id, result);
		return;
	}
	if (!json_is_array(result) || c->rpc_id == NULL) {
		(void)err_set(&e, ERR_FAILED, "the answer is longer than a "
		    "message may be (1 MiB)");
		rpc_fail(r, c, &e);
		return;
	}
	p = mem_zero(1, sizeof(*p));
	p->id = json_incref(c->rpc_id);
	p->list = json_incref(result);
	*r->tail = p;
	r->tail = &p->next;
	parcels_send(r);
}

static void
rpc_part(void *ctx, struct call *c, json_t *part)
{
	if (c->rpc_id != NULL)
		(void)json_object_set(part, "id", c->rpc_id);
	send_new(ctx, json_pack("{s:s,s:s,s:o}", "jsonrpc", "2.0", "method",
	    "stream", "params", part));
}

static size_t
rpc_queued(void *ctx)
{
	const struct rpc *r = ctx;

	return session_queued(r->session);
}

static const struct call_ops rpc_ops = {
	.done = rpc_done,
	.fail = rpc_fail,
	.part = rpc_part,
	.queued = rpc_queued,
};

/* ---- requests ---- */

static json_t *
priv_words(unsigned privs)
{
	json_t *list = json_array();

	for (int i = 0; i < PRIV_COUNT; i++)
		if (privs & 1u << i)
			(void)json_array_append_new(list,
			    json_string(cmd_priv_word((enum priv)i)));
	return list;
}

static void
hello(struct rpc *r, const json_t *id, const json_t *params)
{
	const struct peer *peer = session_peer(r->session);
	int64_t protocol = js_int(params, "protocol", PROTOCOL);
	char who[64];
	struct err e;
	json_t *doc;

	if (protocol != PROTOCOL) {
		(void)err_set(&e, ERR_FAILED, "protocol %lld is not spoken "
		    "here: musterd %s speaks %d: use a muster of this version",
		    (long long)protocol, MUSTER_VERSION, PROTOCOL);
		refuse(r, id, -32000, &e);
		return;
	}
	r->hello = true;
	call_who(peer, who);
	doc = json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:o}", "server", "musterd",
	    "version", MUSTER_VERSION, "protocol", PROTOCOL, "node",
	    node_name(r->api->node), "mode", node_mode_word(r->api->node),
	    "who", who, "privileges", priv_words(call_privs(r->api, peer)));
	answer(r, id, doc);
	json_decref(doc);
}

/* Calls that only read end by themselves, or are followed until somebody ends
 * them.  Changes are not counted: each comes to its end. */
static size_t
open_calls(const struct rpc *r)
{
	size_t n = 0;

	for (const struct call *c = r->api->calls; c != NULL; c = c->next)
		n += c->ops == &rpc_ops && c->ctx == r &&
		    !(c->cmd->flags & CMD_CHANGES);
	return n;
}

static void
request(struct rpc *r, const char *method, const json_t *id,
    const json_t *params)
{
	const struct peer *peer = session_peer(r->session);
	const struct cmd *cmd = cmd_of_method(method);
	char who[64];
	struct err e;

	if (cmd == NULL) {
		(void)err_set(&e, ERR_USAGE, "unknown method \"%.60s\": this "
		    "musterd is %s", method, MUSTER_VERSION);
		refuse(r, id, -32601, &e);
		return;
	}
	if (!(cmd->flags & CMD_CHANGES) && open_calls(r) >= OPEN_MAX) {
		(void)err_set(&e, ERR_BUSY, "%s: %d requests of this session "
		    "are not answered yet, which is the most: wait for them, "
		    "or cancel one that follows", method, OPEN_MAX);
		refuse(r, id, -32000, &e);
		return;
	}
	call_who(peer, who);
	call_begin(r->api, cmd, params, who, call_privs(r->api, peer),
	    &rpc_ops, r, id);
}

static void
on_message(struct session *s, json_t *msg, void *ctx)
{
	struct rpc *r = ctx;
	const char *method = js_str(msg, "method", NULL);
	const json_t *id = json_object_get(msg, "id");
	const json_t *params = json_object_get(msg, "params");
	mono from = r->api->b->clock().mono;
	struct err e;

	(void)s;
	if (method == NULL) {
		(void)err_set(&e, ERR_USAGE, "a request has a method");
		refuse(r, id != NULL ? id : json_null(), -32600, &e);
	} else if (strcmp(method, "hello") == 0)
		hello(r, id, params);
	else if (!r->hello) {
		(void)err_set(&e, ERR_USAGE, "say hello first (see "
		    "muster-protocol(7))");
		refuse(r, id, -32600, &e);
	} else if (!subs_take(r->subs, method, id, params))
		request(r, method, id, params);
	share_took(&r->share, from, r->api->b->clock().mono);
	pace(r);
}

static void
on_drained(struct session *s, void *ctx)
{
	struct rpc *r = ctx;

	(void)s;
	parcels_send(r);
	subs_drained(r->subs);
	pace(r);
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	struct rpc *r = ctx;

	log_debug("api", "peer=%s closed: %s", session_peer(s)->addr, why);
	subs_free(r->subs);
	call_gone(r->api, r);
	if (r->rest != NULL)
		uv_close((uv_handle_t *)r->rest, on_rest_closed);
	while (r->parcels != NULL) {
		struct parcel *p = r->parcels;

		r->parcels = p->next;
		parcel_free(p);
	}
	*r->link = r->next;
	if (r->next != NULL)
		r->next->link = r->link;
	free(r);
}

static const struct session_ops rpc_session = {
	.message = on_message,
	.drained = on_drained,
	.closed = on_closed,
};

bool
api_open(struct api *a, struct session *s)
{
	const struct peer *peer = session_peer(s);
	struct rpc *r;

	if (peer->kind != PEER_LOCAL && peer->kind != PEER_OPERATOR)
		return false;
	r = mem_zero(1, sizeof(*r));
	r->api = a;
	r->session = s;
	r->tail = &r->parcels;
	r->subs = subs_new(a, s, r);
	r->next = a->rpcs;
	r->link = &a->rpcs;
	if (r->next != NULL)
		r->next->link = &r->next;
	a->rpcs = r;
	session_own(s, &rpc_session, r);
	return true;
}
