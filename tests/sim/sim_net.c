/* Wires: session.h without a network.  Each direction is an ordered stream, as
 * SSH is: a message is late, or the wire breaks; none is lost alone, none
 * overtakes another.  Each end learns of a break by itself, or never. */
#include <stdlib.h>
#include <string.h>

#include "broker/gate.h"
#include "js.h"
#include "mem.h"
#include "sim.h"

enum { DIAL_MS = 10000, LOOK = 500 * MS };

static void on_closed(struct world *, void *, int64_t);

const struct peer *
session_peer(const struct session *s)
{
	return &s->peer;
}

void
session_own(struct session *s, const struct session_ops *ops, void *ctx)
{
	s->ops = ops;
	s->ctx = ctx;
}

/* A wire does not fall silent by itself here. */
void
session_idle(struct session *s, int64_t timeout_ms)
{
	(void)s;
	(void)timeout_ms;
}

static struct session *
other(const struct session *s)
{
	return &s->wire->end[1 - s->side];
}

static bool
dead(const struct session *s)
{
	return s->state == END_GONE || !s->m->up || s->m->dying ||
	    s->m->life != s->life;
}

/* Until when nothing passes from this end to the other. */
static int64_t
cut_until(const struct session *s)
{
	const struct machine *agent = s->wire->end[0].m;

	if (agent == s->wire->end[1].m)
		return 0;
	return agent->cut[s->side == 0 ? BY_AGENT : BY_BROKER];
}

/* ---- the end of a session ---- */

static void
drop_packets(struct session *s, int64_t after)
{
	struct packet **link = &s->first, *p;

	s->last = NULL;
	while (*link != NULL && (*link)->ready <= after) {
		s->last = *link;
		link = &(*link)->next;
	}
	while ((p = *link) != NULL) {
		*link = p->next;
		json_decref(p->doc);
		free(p);
	}
}

static void on_move(struct world *, void *, int64_t);

/* It may be let go sooner than that: see net_release. */
static void
move_at(struct session *s, int64_t at)
{
	struct world *w = s->wire->w;

	s->moving = true;
	sim_at(w, at < w->now + LOOK ? at : w->now + LOOK, on_move, s, 0);
}

static void
put(struct session *s, json_t *doc)
{
	struct world *w = s->wire->w;
	struct packet *p = mem_zero(1, sizeof(*p));

	p->doc = doc;
	p->ready = w->now + s->wire->latency + sim_range(w, 0, w->jitter);
	/* What a stopped process wrote last may leave it only afterwards. */
	if (s->m->frozen > w->now)
		p->ready += s->m->frozen - w->now;
	if (s->last != NULL && p->ready < s->last->ready)
		p->ready = s->last->ready;
	if (s->first == NULL)
		s->first = p;
	else
		s->last->next = p;
	s->last = p;
	if (!s->moving)
		move_at(s, p->ready);
}

static void
on_closed(struct world *w, void *arg, int64_t n)
{
	struct session *s = arg;
	struct machine *was;

	if (dead(s) || machine_later(s->m, on_closed, s, n))
		return;
	s->state = END_GONE;
	sim_mix(w, 5);
	sim_say(w, s->m, "session closed: %s", s->why);
	was = sim_enter(s->m);
	if (s->ops != NULL && s->ops->closed != NULL)
		s->ops->closed(s, s->why, s->ctx);
	sim_leave(s->m, was);
}

static void
close_at(struct session *s, int64_t at, const char *why)
{
	if (s->state == END_CLOSING || s->state == END_GONE)
		return;
	s->state = END_CLOSING;
	(void)MEM_STR(s->why, why);
	sim_at(s->wire->w, at, on_closed, s, 0);
}

void
session_close(struct session *s, bool orderly, const char *why)
{
	struct world *w = s->wire->w;

	if (s->state == END_CLOSING || s->state == END_GONE || s->m->dying ||
	    w->tidying)
		return;
	if (!orderly)
		drop_packets(s, w->now);
	if (s->state == END_OPEN)
		put(s, NULL);
	close_at(s, w->now + 100, why);
}

/* ---- messages ---- */

static json_t *
through_text(const json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT);
	json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	free(text);
	return again;
}

static void
mutate(struct world *w, const char *method, json_t *params)
{
	if (sim_without(w, SIM_GRANT_BARE) &&
	    strcmp(method, "link.grant") == 0)
		(void)json_object_del(params, "cursors");
	if (sim_without(w, SIM_STALE_SEQ) &&
	    strcmp(method, "link.ack") == 0)
		for (int i = 0; i < w->n; i++)
			if (w->m[i].seat != NULL && seat_lease(w->m[i].seat)
			    ->start == js_int(params, "start", 0))
				(void)json_object_set_new(params, "seq",
				    json_integer(seat_lease(w->m[i].seat)
				    ->seq));
}

/* A wire takes all at once, and has it on its way for a while. */
size_t
session_queued(const struct session *s)
{
	(void)s;
	return 0;
}

int
session_send(struct session *s, const json_t *msg)
{
	struct world *w = s->wire->w;
	const char *method = js_str(msg, "method", "");

	if (s->state != END_OPEN)
		return -1;
	if (s->m->dying || w->tidying)
		return 0;
	w->r.messages++;
	check_sent(w, s, msg);
	if (w->o.verbose && strcmp(method, "link.heard") != 0) {
		char *text = json_dumps(json_object_get(msg, "params") != NULL
		    ? json_object_get(msg, "params") : msg, JSON_COMPACT);

		sim_say(w, s->m, "-> %s %s %.300s", other(s)->m->name, method,
		    text);
		free(text);
	}
	if (sim_without(w, SIM_FIRE_LOST) &&
	    strcmp(method, "link.fire") == 0 && sim_chance(w, 2))
		return 0;
	put(s, w->o.wire_text ? through_text(msg) : json_incref((json_t *)msg));
	if (strcmp(method, "link.fire") == 0) {
		if (s->m->echo > w->now)
			put(s, json_incref((json_t *)msg));
	}
	if (s->side == 0)
		trap_said(s->m, method, json_object_get(msg, "params"));
	if (sim_without(w, SIM_GRANT_STALE) &&
	    strcmp(method, "link.grant") == 0) {
		json_decref(other(s)->m->stale_grant);
		other(s)->m->stale_grant = json_incref((json_t *)msg);
	}
	return 0;
}

/* The peer's machine answers for a process that is gone. */
static void
reset(struct session *s)
{
	struct world *w = s->wire->w;

	if (other(s)->m->host_up && !dead(s))
		close_at(s, w->now + s->wire->latency, "connection reset");
}

/* A mutant's wire keeps the newest grant, for the session after it. */
static void
stale(struct session *to, const json_t *doc)
{
	struct machine *m = to->m;

	if (m->stale_grant == NULL || to->side != 0 || to->ops == NULL ||
	    json_object_get(doc, "result") == NULL || to->state != END_OPEN)
		return;
	to->ops->message(to, m->stale_grant, to->ctx);
}

static void
deliver(struct session *to, struct packet *p)
{
	struct world *w = to->wire->w;
	struct machine *was;
	bool fire;

	if (p->doc == NULL) {
		if (to->state == END_OPEN)
			close_at(to, w->now, "");
		return;
	}
	if (to->state != END_OPEN)
		return;
	sim_mix(w, (uint64_t)w->now);
	sim_mix(w, 1 + (uint64_t)to->m->at);
	sim_mix_text(w, js_str(p->doc, "method", "-"));
	was = sim_enter(to->m);
	if (w->o.away != 0 && to->side == 0)
		mutate(w, js_str(p->doc, "method", ""),
		    json_object_get(p->doc, "params"));
	if (to->side == 0)
		alone_hears(to->m, p->doc);
	fire = to->side == 1 &&
	    strcmp(js_str(p->doc, "method", ""), "link.fire") == 0;
	if (fire)
		check_fire(w, other(to)->m, json_object_get(p->doc, "params"));
	if (to->ops != NULL && to->ops->message != NULL)
		to->ops->message(to, p->doc, to->ctx);
	if (fire)
		check_fire(w, NULL, NULL);
	stale(to, p->doc);
	sim_leave(to->m, was);
}

static void
on_move(struct world *w, void *arg, int64_t n)
{
	struct session *s = arg, *to = other(s);
	struct packet *p;

	(void)n;
	if (cut_until(s) > w->now) {
		sim_at(w, w->now + sim_range(w, 100 * MS, 400 * MS), on_move,
		    s, 0);
		return;
	}
	if (!dead(to) && machine_later(to->m, on_move, s, 0))
		return;
	s->moving = false;
	p = s->first;
	if (p == NULL)
		return;
	if (p->ready > w->now) {	/* held back meanwhile */
		move_at(s, p->ready);
		return;
	}
	s->first = p->next;
	if (s->first == NULL)
		s->last = NULL;
	else {
		int64_t at = s->first->ready;

		/* What waited comes through bit by bit. */
		if (s->wire->end[0].m->trickle > w->now && at < w->now)
			at = w->now + sim_range(w, 10 * MS, 1500 * MS);
		move_at(s, at);
	}
	if (dead(to))
		reset(s);
	else
		deliver(to, p);
	json_decref(p->doc);
	free(p);
}

/* ---- dialling ---- */

static struct wire *
wire_new(struct machine *agent, const struct session_ops *ops, void *ctx)
{
	struct world *w = agent->w;
	struct wire *x = mem_zero(1, sizeof(*x));

	x->w = w;
	x->latency = w->latency;
	x->next = w->wires;
	w->wires = x;
	for (int i = 0; i < 2; i++) {
		struct session *s = &x->end[i];

		s->wire = x;
		s->side = i;
		s->m = i == 0 ? agent : &w->m[BROKER];
		s->life = s->m->life;
		s->state = END_DIALING;
		s->peer.kind = agent->local ? PEER_LOOPBACK : PEER_NODE;
		(void)MEM_STR(s->peer.addr, agent->name);
		(void)MEM_STR(s->peer.key, agent->key.pub);
	}
	x->end[0].ops = ops;
	x->end[0].ctx = ctx;
	return x;
}

static void
connected(struct wire *x)
{
	struct session *mine = &x->end[0], *theirs = &x->end[1];
	struct machine *was;

	theirs->life = theirs->m->life;
	mine->state = theirs->state = END_OPEN;
	was = sim_enter(theirs->m);
	gate_accept(theirs->m->broker->gate, theirs);
	sim_leave(theirs->m, was);
}

static void
on_dial(struct world *w, void *arg, int64_t n)
{
	struct wire *x = arg;
	struct session *s = &x->end[0];
	struct machine *b = &w->m[BROKER], *was;

	if (dead(s) || s->state != END_DIALING ||
	    machine_later(s->m, on_dial, x, n))
		return;
	if (w->now >= x->dial_until)
		close_at(s, w->now, "no answer");
	else if (s->m->cut[0] > w->now || s->m->cut[1] > w->now ||
	    !b->host_up || b->frozen > w->now)
		sim_at(w, w->now + 500 * MS, on_dial, x, n);
	else if (!b->up || b->dying)
		close_at(s, w->now + x->latency, "connection refused");
	else {
		connected(x);
		was = sim_enter(s->m);
		s->ops->open(s, s->ctx);
		sim_leave(s->m, was);
	}
}

struct session *
net_dial(struct machine *m, const struct session_ops *ops, void *ctx)
{
	struct world *w = m->w;
	struct wire *x = wire_new(m, ops, ctx);

	if (m->local) {
		x->latency = 20;
		connected(x);
		return &x->end[0];
	}
	x->dial_until = w->now + DIAL_MS * (int64_t)MS;
	sim_at(w, w->now + 2 * x->latency + 2 * MS, on_dial, x, 0);
	return &x->end[0];
}

/* ---- trouble ---- */

/* The process is gone: its sessions end here, and the peer hears of it, but
 * not when the power went. */
void
net_kill(struct machine *m, bool power)
{
	for (struct wire *x = m->w->wires; x != NULL; x = x->next)
		for (int i = 0; i < 2; i++) {
			struct session *s = &x->end[i];

			if (s->m != m || s->state == END_GONE ||
			    s->life != m->life)
				continue;
			if (power)
				drop_packets(s, m->w->now);
			else if (s->state == END_OPEN)
				put(s, NULL);
			s->state = END_GONE;
			if (s->ops != NULL && s->ops->closed != NULL)
				s->ops->closed(s, "", s->ctx);
		}
}

/* Stopped in the middle: what it had decided to say is said when it goes on. */
void
net_hold(struct machine *m, int64_t until)
{
	for (struct wire *x = m->w->wires; x != NULL; x = x->next)
		for (int i = 0; i < 2; i++)
			for (struct packet *p = x->end[i].first; p != NULL &&
			    x->end[i].m == m; p = p->next)
				if (p->ready < until)
					p->ready = until;
}

bool
net_brings(const struct machine *m, const char *method)
{
	for (const struct wire *x = m->w->wires; x != NULL; x = x->next)
		for (const struct packet *p = x->end[1].first; p != NULL &&
		    x->end[0].m == m; p = p->next)
			if (strcmp(js_str(p->doc, "method", ""), method) == 0)
				return true;
	return false;
}

/* Nobody is stopped any more. */
void
net_release(struct world *w)
{
	for (struct wire *x = w->wires; x != NULL; x = x->next)
		for (int i = 0; i < 2; i++)
			for (struct packet *p = x->end[i].first; p != NULL;
			     p = p->next)
				if (p->ready > w->now + w->latency + w->jitter)
					p->ready = w->now;
}

void
net_break(struct machine *m, int64_t within, bool late)
{
	struct world *w = m->w;

	for (struct wire *x = w->wires; x != NULL; x = x->next) {
		if (x->end[0].m != m || m->local)
			continue;
		for (int i = 0; i < 2; i++)
			if (x->end[i].state == END_OPEN) {
				if (!late || i != 0)
					drop_packets(&x->end[i], w->now);
				if (!dead(&x->end[i]))
					close_at(&x->end[i], w->now +
					    sim_range(w, 0, within),
					    "connection reset");
			}
	}
}

/* What either end says now reaches the other: not cut, and no end is about to
 * be told that it is alone. */
bool
net_alive(const struct machine *m)
{
	for (const struct wire *x = m->w->wires; x != NULL; x = x->next)
		if (x->end[0].m == m && x->end[0].state == END_OPEN &&
		    x->end[1].state == END_OPEN && !dead(&x->end[0]) &&
		    !dead(&x->end[1]) && cut_until(&x->end[0]) <= m->w->now &&
		    cut_until(&x->end[1]) <= m->w->now)
			return true;
	return false;
}

void
net_free(struct world *w)
{
	struct wire *x;

	while ((x = w->wires) != NULL) {
		w->wires = x->next;
		for (int i = 0; i < 2; i++)
			drop_packets(&x->end[i], -1);
		free(x);
	}
}
