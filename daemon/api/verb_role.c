/* The Scheduler role: agent on, off, release, confirm, drain, undrain, remove;
 * why and whatif. */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "broker/departure.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "broker/whatif.h"
#include "js.h"
#include "mem.h"

enum { WHY = 20 };

/* ---- on, off, release ---- */

static enum err_code
code_of(enum role_told told)
{
	switch (told) {
	case ROLE_TOLD_DONE:
		return ERR_OK;
	case ROLE_TOLD_STALE:
		return ERR_STALE;
	case ROLE_TOLD_TIMED_OUT:
		return ERR_TIMEOUT;
	case ROLE_TOLD_UNKNOWN:
		return ERR_NOTFOUND;
	case ROLE_TOLD_REFUSED:
	case ROLE_TOLD_SUPERSEDED:
		break;
	}
	return ERR_FAILED;
}

static void
on_told(void *arg, enum role_told told, const char *text)
{
	struct call *c = arg;

	if (told == ROLE_TOLD_DONE)
		call_told(c, json_pack("{s:I}", "epoch",
		    (json_int_t)scheduler_epoch(c->b)), "%s", text);
	else
		call_failed(c, code_of(told), "%s", text);
}

/* The agent that is named, or this node's own. */
static struct member *
member_or_self(struct call *c)
{
	struct member *m;

	if (call_str(c, "agent") != NULL)
		return call_member(c, "agent");
	m = roster_by_key(c->b->roster, c->b->key->pub);
	if (m != NULL && member_active(m))
		return m;
	call_failed(c, ERR_FAILED, "%s has no agent of its own "
	    "(broker.local_agent is off): name one", c->b->node);
	return NULL;
}

/* What the operator saw; a role that nobody held yet is something, too. */
static int64_t
seen_epoch(const struct call *c)
{
	int64_t seen = js_int(c->params, "epoch", -1);

	return seen < 0 ? 0 : seen == 0 ? ROLE_EPOCH_ZERO : seen;
}

static void
operate(struct call *c, enum role_event_kind kind, int64_t for_ms, bool vacant)
{
	const struct member *m = member_or_self(c);
	struct role_event ev = { .kind = kind, .for_ms = for_ms,
		.vacant = vacant };

	if (m == NULL)
		return;			/* the call has ended */
	ev.epoch = seen_epoch(c);
	ev.agent = m->id;
	ev.at = m->at;
	scheduler_op(c->b, &ev, c->who, call_str(c, "reason"), on_told, c);
}

/* Who follows, and for how long, is decided at the broker; an epoch that was
 * seen here is this node's own. */
static bool
may_hold_here(struct call *c, const struct seat *away, bool off)
{
	const struct seat_facts *f = seat_facts(away);
	int64_t seen = js_int(c->params, "epoch", -1);
	int64_t is = seat_lease(away)->d.epoch;

	if (js_bool(c->params, "vacant", false) ||
	    json_object_get(c->params, "for") != NULL ||
	    json_object_get(c->params, "until") != NULL)
		call_failed(c, ERR_FAILED, "agent %s: who is the Scheduler, "
		    "and until when, is decided at the broker: muster -H %s "
		    "agent %s %s%s", off ? "off" : "on", f->broker,
		    off ? "off" : "on", f->name, off ? " --vacant" : "");
	else if (seen >= 0 && seen != is)
		call_failed(c, ERR_STALE, "%s has epoch %lld, not %lld: look "
		    "again (muster status)", node_name(c->api->node),
		    (long long)is, (long long)seen);
	else
		return true;
	return false;
}

/* An agent of another broker, asked about itself: it may hold itself off, and
 * end that; the rest is the broker's (SPEC section 2). */
static bool
held_here(struct call *c, bool off)
{
	struct seat *away = node_away(c->api->node);
	const char *name = node_name(c->api->node);

	/* One that is not controlled has triggers of its own. */
	if (away == NULL || call_str(c, "agent") != NULL || c->b->awake)
		return false;
	if (!may_hold_here(c, away, off))
		return true;
	if (seat_hold(away, off, c->b->now) == -1)
		call_failed(c, ERR_IO, "%s goes on as it was: its store takes "
		    "no writes: free disk space, or muster -H %s agent %s %s",
		    name, seat_facts(away)->broker, off ? "off" : "on",
		    seat_facts(away)->name);
	else if (off)
		call_told(c, NULL, "%s is off and holds itself off until muster "
		    "agent on: the broker %s decides who takes over", name,
		    seat_facts(away)->broker);
	else
		call_told(c, NULL, "%s no longer holds itself off: whether it "
		    "gets the role is decided at the broker (muster -H %s "
		    "agent on %s)", name, seat_facts(away)->broker,
		    seat_facts(away)->name);
	return true;
}

void
do_agent_on(struct call *c)
{
	int64_t ms;

	if (held_here(c, false))
		return;
	ms = call_for(c, 0);
	if (ms == 0 && json_object_get(c->params, "for") != NULL)
		ms = 1;			/* 0s: no pin; 0 is manual_hold */
	if (ms >= 0)
		operate(c, ROLE_EV_OP_ON, ms, false);
}

void
do_agent_off(struct call *c)
{
	if (!held_here(c, true))
		operate(c, ROLE_EV_OP_OFF, 0,
		    js_bool(c->params, "vacant", false));
}

void
do_agent_release(struct call *c)
{
	operate(c, ROLE_EV_OP_RELEASE, 0, false);
}

void
do_agent_confirm(struct call *c)
{
	struct role_event ev = { .kind = ROLE_EV_OP_CONFIRM,
		.epoch = seen_epoch(c) };

	scheduler_op(c->b, &ev, c->who, call_str(c, "reason"), on_told, c);
}

/* ---- drain ---- */

struct drain {
	struct call *call;
	int64_t	     member;
	bool	     drain;
};

/* The Scheduler was drained, and there is no other that could be. */
static bool
nobody_follows(const struct broker *b, int64_t member)
{
	return b->roster->holder == member && role_best(scheduler_role(b),
	    b->roster->agents, b->roster->n, ROLE_FOR_CASE1) == NULL;
}

static void
on_drained(void *arg, enum store_rc rc)
{
	struct drain *d = arg;
	struct call *c = d->call;
	const struct member *m = roster_by_id(c->b->roster, d->member);

	if (rc != STORE_OK)
		call_unstored(c, rc);
	else if (d->drain)
		call_told(c, json_pack("{s:s,s:I}", "agent", m->name, "running",
		    (json_int_t)m->running), "%s is drained: it gets no new "
		    "runs, %lld go on%s", m->name, (long long)m->running,
		    nobody_follows(c->b, m->id) ? "; nobody else can be the "
		    "Scheduler now, and nothing fires until somebody can "
		    "(muster agent list)" : "");
	else
		call_told(c, json_pack("{s:s}", "agent", m->name),
		    "%s works again", m->name);
	free(d);
}

static void
drain(struct call *c, bool on)
{
	struct member *m = call_member(c, "agent");
	struct drain *d;

	if (m == NULL || !call_epoch_ok(c))
		return;
	d = mem_zero(1, sizeof(*d));
	*d = (struct drain){ c, m->id, on };
	c->facts = json_pack("{s:b,s:b}", "old", m->drained, "new", on);
	departure_drain(c->b, m, on, c->who, call_str(c, "reason"), on_drained,
	    d);
}

void
do_agent_drain(struct call *c)
{
	drain(c, true);
}

void
do_agent_undrain(struct call *c)
{
	drain(c, false);
}

static void
on_removed(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;

	if (result == NULL)
		call_fail(c, e);
	else
		call_told(c, json_incref(result), "%s is removed: its key is "
		    "refused from now on", js_str(result, "agent", ""));
}

void
do_agent_remove(struct call *c)
{
	struct member *m = call_member(c, "agent");

	if (m == NULL || !call_epoch_ok(c))
		return;
	if (strcmp(m->key, c->b->key->pub) == 0) {
		call_failed(c, ERR_FAILED, "%s is the broker's own agent: set "
		    "broker.local_agent = false in its musterd.conf", m->name);
		return;
	}
	c->audited = true;
	departure_start(c->b, m, "removed", call_str(c, "reason"), c->who,
	    on_removed, c);
}

/* ---- decisions ---- */

void
do_why(struct call *c)
{
	int64_t id = 0, kase = js_int(c->params, "case", 0);
	json_t *list;

	if (call_str(c, "decision") != NULL &&
	    (id = call_number(c, "decision")) == -1)
		return;
	if (json_object_get(c->params, "case") != NULL &&
	    (kase < 1 || kase > 5)) {
		call_failed(c, ERR_USAGE, "--case: must be a whole number "
		    "1 to 5, not %lld", (long long)kase);
		return;
	}
	list = scheduler_why(c->b, id, kase,
	    id != 0 ? (wall){ 0 } : call_since(c), call_limit(c, WHY));
	if (id == 0) {
		call_done(c, list);
		return;
	}
	if (json_array_size(list) == 0)
		call_failed(c, ERR_NOTFOUND, "decision %lld: there is none of "
		    "this number (muster why)", (long long)id);
	else
		call_done(c, json_incref(json_array_get(list, 0)));
	json_decref(list);
}

void
do_whatif(struct call *c)
{
	struct err e;
	json_t *doc = whatif(c->b, json_object_get(c->params, "event"),
	    &e);

	if (doc != NULL)
		call_done(c, doc);
	else
		call_fail(c, &e);
}
