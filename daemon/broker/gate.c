#include "broker/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/admission.h"
#include "broker/attendance.h"
#include "broker/catalog.h"
#include "broker/departure.h"
#include "broker/desk.h"
#include "broker/ledger.h"
#include "broker/outcome.h"
#include "broker/roster.h"
#include "broker/runlist.h"
#include "broker/scheduler.h"
#include "broker/spool.h"
#include "core/share.h"
#include "js.h"
#include "log.h"
#include "mem.h"

enum {
	STRANGERS_MAX = 256,	/* each holds two descriptors */
	TOLD_MAX = 64,		/* and so many more that are told to go */
	SHY_MAX = 4,		/* of one member's key, before hello */
	SILENT_MS = 30000,	/* before hello: heard of again, or gone */
	UNREAD_MAX = 64 << 10,	/* and so many bytes of answers */
	ID_MAX = 128,		/* bytes of a request's id */
	OWED_MAX = 256		/* of one member; a view may hold 64 KiB */
};

struct conn {
	struct gate    *gate;
	struct session *session;
	int64_t		id;
	int64_t		member;		/* after hello, 0 before */
	bool		stranger;	/* no member, as far as known */
	bool		told;		/* to go */
	int		owed;		/* answers that come later */
	struct share	share;		/* of what it asks for */
	struct conn    *next;
};

/* A question to an agent that is not answered yet (a run's output). */
struct question {
	int64_t		 id, conn;
	gate_reply	*done;
	void		*arg;
	struct question *next;
};

struct gate {
	struct broker	*b;
	gate_view	*view;
	void		*ctx;
	struct conn	*conns;		/* newest first */
	int		 strangers, told;	/* of these */
	struct question *questions;
	int64_t		 next_id;
};

/* ---- answering ---- */

/* doc is stolen. */
static void
send_new(struct conn *c, json_t *doc)
{
	(void)session_send(c->session, doc);
	json_decref(doc);
	if (c->member == 0 && session_queued(c->session) > UNREAD_MAX)
		session_close(c->session, false, "64 KiB of answers to a "
		    "stranger were waiting");
}

static void
reply(struct conn *c, const json_t *id, json_t *result)
{
	send_new(c, json_pack("{s:s,s:O,s:o}", "jsonrpc", "2.0", "id", id,
	    "result", result));
}

static void
reply_err(struct conn *c, const json_t *id, const struct err *e,
    const char *why)
{
	send_new(c, json_pack("{s:s,s:O,s:{s:i,s:s,s:{s:s,s:s}}}", "jsonrpc",
	    "2.0", "id", id, "error", "code", -32000, "message", e->msg, "data",
	    "code", err_word(e->code), "why", why));
}

/* A peer may be anybody until its hello is accepted; who waits for an answer
 * has said what it had to say. */
static void
expect_word(struct conn *c)
{
	if (session_peer(c->session)->kind == PEER_NODE)
		session_idle(c->session, c->member != 0 || c->owed > 0 ? 0
		    : SILENT_MS);
}

/* An answer that comes later: the asker may have gone by then. */
struct later {
	struct gate *gate;
	int64_t	     conn;
	json_t	    *id;
};

static struct later *
later_new(struct conn *c, const json_t *id)
{
	struct later *l = mem_zero(1, sizeof(*l));

	l->gate = c->gate;
	l->conn = c->id;
	l->id = json_deep_copy(id);
	if (c->owed++ == 0 && c->member == 0)
		expect_word(c);
	return l;
}

static void
on_later(void *arg, json_t *result, const struct err *e)
{
	struct later *l = arg;
	struct conn *c = l->gate->conns;

	while (c != NULL && c->id != l->conn)
		c = c->next;
	if (c != NULL && result != NULL)
		reply(c, l->id, json_incref(result));
	else if (c != NULL)
		reply_err(c, l->id, e, "");
	if (c != NULL && --c->owed == 0 && c->member == 0)
		expect_word(c);
	json_decref(l->id);
	free(l);
}

static void
on_viewed(void *arg, const json_t *result, const struct err *e)
{
	on_later(arg, (json_t *)result, e);
}

/* ---- strangers ---- */

static bool
is_stranger(const struct gate *g, const struct peer *peer)
{
	const struct member *m = roster_by_key(g->b->roster, peer->key);
	int n = 0;

	if (peer->kind != PEER_NODE)
		return false;
	if (m == NULL || !member_active(m))
		return true;
	for (const struct conn *c = g->conns; c != NULL; c = c->next)
		n += c->member == 0 && !c->stranger &&
		    strcmp(session_peer(c->session)->key, peer->key) == 0;
	return n >= SHY_MAX;
}

static void
no_stranger(struct conn *c)
{
	c->gate->strangers -= c->stranger;
	c->stranger = false;
}

/* An applicant's errand takes moments: who came first is over first, but for
 * those who wait for our answer, who may be members by now.  The first few with
 * a member's key do not count, so that thousands of members may come back at
 * once. */
static void
close_oldest_stranger(struct gate *g)
{
	struct conn *oldest = NULL;
	struct err e;

	for (struct conn *c = g->conns; c != NULL; c = c->next)
		if (c->stranger && (oldest == NULL || oldest->owed > 0 ||
		                       c->owed == 0))
			oldest = c;
	no_stranger(oldest);
	oldest->told = g->told < TOLD_MAX;
	g->told += oldest->told;
	(void)err_set(&e, ERR_BUSY, "%d nodes that are no members yet are "
	    "connected, which is the most: try again in some seconds",
	    STRANGERS_MAX);
	if (oldest->told)
		reply_err(oldest, json_null(), &e, "busy");
	session_close(oldest->session, oldest->told, e.msg);
}

/* ---- methods ---- */

static void
do_hello(struct conn *c, const json_t *id, const json_t *params)
{
	struct broker *b = c->gate->b;
	const struct peer *peer = session_peer(c->session);
	bool own = peer->kind == PEER_LOOPBACK;
	struct member *m = roster_by_key(b->roster,
	    own ? b->key->pub : peer->key);
	const char *start = js_str(params, "start", "");
	const char *cluster = js_str(params, "cluster", "");
	struct err e = { 0 };

	if (strcmp(js_str(params, "purpose", ""), "join") == 0) {
		if (!b->open || !b->awake) {
			(void)desk_not_a_broker(b, &e);
			reply_err(c, id, &e, "not_a_broker");
			return;
		}
		reply(c, id, json_pack("{s:s,s:s,s:i,s:s}", "server",
		    "musterd", "version", MUSTER_VERSION, "protocol", 1,
		    "cluster", b->set.cluster_name));
		return;
	}
	if (!b->awake || (!b->open && !own)) {
		(void)desk_not_a_broker(b, &e);
		reply_err(c, id, &e, "not_a_broker");
	} else if (m == NULL || strcmp(cluster, b->id) != 0) {
		(void)err_set(&e, ERR_DENIED, "%s does not know this node's "
		    "key: muster join request %s", b->set.cluster_name,
		    b->node);
		reply_err(c, id, &e, "unknown");
	} else if (!member_active(m) && m->going > 0) {
		/* It may yet be one: it would convert back at a word. */
		(void)roster_leaving(b, m, &e);
		reply_err(c, id, &e, "busy");
	} else if (!member_active(m)) {
		(void)err_set(&e, ERR_DENIED, "this node was %s from %s%s",
		    strcmp(m->state, "left") == 0 ? "released" : "removed",
		    b->set.cluster_name,
		    ": it is standalone again; to come back: muster join "
		    "request");
		reply_err(c, id, &e, m->state);
	} else if (m->session != NULL && member_connected(b->roster, m) &&
	    strcmp(m->start, start) != 0) {
		(void)err_set(&e, ERR_DENIED, "the key of %s is in use twice, "
		    "from %s and %s: on the copy, muster key reset, then join "
		    "again", m->name, m->address, peer->addr);
		alert_raise(b->events, b->now.wall, "key_in_use_twice",
		    m->name, "%s", e.msg);
		reply_err(c, id, &e, "twice");
	} else {
		struct session *old = m->session;

		c->member = m->id;
		if (old != NULL) {
			attendance_down(b, m);
			session_close(old, false, "replaced by a newer session "
			    "of the same node");
		}
		reply(c, id, json_pack(
		    "{s:s,s:s,s:i,s:s,s:s,s:s,s:I,s:I,s:o}", "server",
		    "musterd", "version", MUSTER_VERSION, "protocol", 1,
		    "cluster_id", b->id, "cluster", b->set.cluster_name,
		    "name", m->name, "floor", (json_int_t)m->floor, "rev",
		    (json_int_t)b->catalog->rev, "settings",
		    roster_link_settings(b, m)));
		attendance_up(b, m, c->session, params);
		no_stranger(c);
		expect_word(c);
	}
}

static void
do_join_request(struct conn *c, const json_t *id, const json_t *params)
{
	desk_request(c->gate->b, session_peer(c->session), params, on_later,
	    later_new(c, id));
}

static void
do_join_poll(struct conn *c, const json_t *id, const json_t *params)
{
	(void)params;
	reply(c, id, desk_poll(c->gate->b, session_peer(c->session)));
}

static void
do_join_complete(struct conn *c, const json_t *id, const json_t *params)
{
	admission_complete(c->gate->b, session_peer(c->session), params,
	    on_later, later_new(c, id));
}

static struct member *
member_of(const struct conn *c)
{
	return roster_by_id(c->gate->b->roster, c->member);
}

static void
do_beat(struct conn *c, const json_t *id, const json_t *params)
{
	(void)id;
	attendance_beat(c->gate->b, member_of(c), params);
}

static void
answer_fire(struct broker *b, int64_t member, json_t *doc)
{
	const struct member *m = roster_by_id(b->roster, member);

	if (m != NULL)
		(void)roster_send(m, "link.fired", doc);
	else
		json_decref(doc);
}

static void
do_fire(struct conn *c, const json_t *id, const json_t *params)
{
	(void)id;
	ledger_fire(c->gate->b, member_of(c), params, answer_fire);
}

static void
do_run(struct conn *c, const json_t *id, const json_t *params)
{
	(void)id;
	outcome_report(c->gate->b, member_of(c), params);
}

static void
do_spool(struct conn *c, const json_t *id, const json_t *params)
{
	spool_take(c->gate->b, member_of(c), params, on_later,
	    later_new(c, id));
}

static void
do_leave(struct conn *c, const json_t *id, const json_t *params)
{
	departure_start(c->gate->b, member_of(c), "left",
	    js_str(params, "reason", NULL), NULL, on_later, later_new(c, id));
}

/* Reading passes as view; the table of commands refuses the rest.  Not held up
 * like an operator's session: what else comes from here may not wait. */
static void
do_view(struct conn *c, const json_t *id, const json_t *params)
{
	struct broker *b = c->gate->b;
	int64_t ms = share_wait_ms(&c->share, b->now.mono);
	mono from = b->now.mono;
	struct err e;

	if (c->owed >= OWED_MAX || ms > 0) {
		(void)err_set(&e, ERR_BUSY, "link.view: this node asks for "
		    "more than its share: try again in %lld s",
		    (long long)(ms + 999) / 1000 + 1);
		reply_err(c, id, &e, "busy");
		return;
	}
	c->gate->view(c->gate->ctx, js_str(params, "method", ""),
	    json_object_get(params, "params"), on_viewed, later_new(c, id));
	share_took(&c->share, from, b->clock().mono);
}

static void
do_bye(struct conn *c, const json_t *id, const json_t *params)
{
	struct broker *b = c->gate->b;
	struct member *m = member_of(c);
	struct role_event ev = { .kind = ROLE_EV_LEAVING, .agent = m->id,
		.at = m->at, .now = b->now };

	(void)id;
	(void)params;
	scheduler_event(b, &ev);
}

static const struct method {
	const char *name;
	bool	    member;		/* only after hello */
	void	  (*run)(struct conn *, const json_t *id, const json_t *params);
} methods[] = {
	{ "hello", false, do_hello },
	{ "join.request", false, do_join_request },
	{ "join.poll", false, do_join_poll },
	{ "join.complete", false, do_join_complete },
	{ "link.beat", true, do_beat },
	{ "link.fire", true, do_fire },
	{ "link.run", true, do_run },
	{ "link.spool", true, do_spool },
	{ "link.leave", true, do_leave },
	{ "link.view", true, do_view },
	{ "link.bye", true, do_bye },
};

/* ---- questions to agents ---- */

static void
answered(struct gate *g, const struct conn *c, const json_t *msg)
{
	int64_t id = js_int(msg, "id", 0);
	const json_t *error = json_object_get(msg, "error");
	struct question **link = &g->questions, *q;
	struct err e;

	while (*link != NULL && ((*link)->id != id || (*link)->conn != c->id))
		link = &(*link)->next;
	q = *link;
	if (q == NULL)
		return;
	*link = q->next;
	if (error != NULL) {
		(void)err_set(&e, ERR_FAILED, "%s", js_str(error, "message",
		    "the agent refused"));
		q->done(q->arg, NULL, &e);
	} else
		q->done(q->arg, json_object_get(msg, "result"), NULL);
	free(q);
}

static void
drop_questions(struct gate *g, const struct conn *c)
{
	struct question **link = &g->questions, *q;
	struct err e;

	(void)err_set(&e, ERR_FAILED, "the agent's connection ended");
	while (*link != NULL) {
		q = *link;
		if (q->conn != c->id) {
			link = &q->next;
			continue;
		}
		*link = q->next;
		q->done(q->arg, NULL, &e);
		free(q);
		link = &g->questions;
	}
}

void
gate_output(struct broker *b, struct member *m, int64_t run, int64_t attempt,
    int64_t offset, int64_t limit, gate_reply *done, void *arg)
{
	struct gate *g = b->gate;
	struct conn *c = g->conns;
	struct question *q;
	struct err e;
	json_t *doc;

	while (c != NULL && (c->member != m->id || c->session != m->session))
		c = c->next;
	if (c == NULL) {
		(void)err_set(&e, ERR_FAILED, "the output is on %s, which is "
		    "not connected: only its last 64 KiB are kept here",
		    m->name);
		done(arg, NULL, &e);
		return;
	}
	q = mem_zero(1, sizeof(*q));
	q->id = g->next_id++;
	q->conn = c->id;
	q->done = done;
	q->arg = arg;
	q->next = g->questions;
	g->questions = q;
	doc = json_pack("{s:s,s:I,s:s,s:{s:I,s:I,s:I,s:I}}", "jsonrpc", "2.0",
	    "id", (json_int_t)q->id, "method", "link.output", "params", "run",
	    (json_int_t)runlist_wire(b, run, attempt), "attempt",
	    (json_int_t)attempt, "offset", (json_int_t)offset, "limit",
	    (json_int_t)limit);
	(void)session_send(c->session, doc);
	json_decref(doc);
}

void
gate_forget(struct broker *b, void *arg)
{
	struct question **link = &b->gate->questions, *q;

	while ((q = *link) != NULL) {
		if (q->arg != arg) {
			link = &q->next;
			continue;
		}
		*link = q->next;
		free(q);
	}
}

/* ---- sessions ---- */

/* It is kept until the answer, and sent with it. */
static bool
fit_id(const json_t *id)
{
	return id == NULL || json_is_null(id) || json_is_number(id) ||
	    (json_is_string(id) && json_string_length(id) <= ID_MAX);
}

static void
on_message(struct session *s, json_t *msg, void *ctx)
{
	struct conn *c = ctx;
	const char *name = js_str(msg, "method", NULL);
	const json_t *id = json_object_get(msg, "id");
	const json_t *params = json_object_get(msg, "params");
	const struct member *m;
	struct err e;

	(void)s;
	c->gate->b->now = c->gate->b->clock();
	if (name == NULL) {
		answered(c->gate, c, msg);
		return;
	}
	if (!fit_id(id)) {
		(void)err_set(&e, ERR_USAGE, "%.60s: an id is a number or a "
		    "text of at most %d bytes", name, ID_MAX);
		reply_err(c, json_null(), &e, "id");
		return;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, name) != 0)
			continue;
		m = member_of(c);
		if (methods[i].member && (m == NULL || !member_active(m) ||
		                             m->session != c->session)) {
			(void)err_set(&e, ERR_DENIED, "%s: say hello first",
			    name);
			if (id != NULL)
				reply_err(c, id, &e, "hello");
			return;
		}
		methods[i].run(c, id != NULL ? id : json_null(), params);
		return;
	}
	(void)err_set(&e, ERR_NOTFOUND, "unknown method \"%.60s\"", name);
	if (id != NULL)
		reply_err(c, id, &e, "method");
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	struct conn *c = ctx, **link = &c->gate->conns;
	struct broker *b = c->gate->b;
	struct member *m = member_of(c);

	b->now = b->clock();
	log_debug("gate", "addr=%s closed: %s", session_peer(s)->addr, why);
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	no_stranger(c);
	c->gate->told -= c->told;
	drop_questions(c->gate, c);
	if (m != NULL && m->session == s)
		attendance_down(b, m);
	free(c);
}

static const struct session_ops conn_ops = {
	.message = on_message,
	.closed = on_closed,
};

struct gate *
gate_new(struct broker *b, gate_view *view, void *ctx)
{
	struct gate *g = mem_zero(1, sizeof(*g));

	g->b = b;
	g->view = view;
	g->ctx = ctx;
	g->next_id = 1;
	b->gate = g;
	return g;
}

void
gate_free(struct gate *g)
{
	free(g);
}

void
gate_accept(struct gate *g, struct session *s)
{
	struct conn *c = mem_zero(1, sizeof(*c));

	c->gate = g;
	c->session = s;
	c->id = g->next_id++;
	c->stranger = is_stranger(g, session_peer(s));
	c->next = g->conns;
	g->conns = c;
	session_own(s, &conn_ops, c);
	expect_word(c);
	g->strangers += c->stranger;
	if (g->strangers > STRANGERS_MAX)
		close_oldest_stranger(g);
}

void
gate_close_all(struct gate *g, const char *why)
{
	for (struct conn *c = g->conns; c != NULL; c = c->next)
		session_close(c->session, true, why);
}
