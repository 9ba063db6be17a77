/* The rules, judged by what is true and not by what the broker believes. */
#include <string.h>

#include "explore.h"

void
truth_broken(struct world *w, const char *rule)
{
	if (w->broken == NULL)
		w->broken = rule;
}

static void
unpin(struct truth *t)
{
	t->pinned = 0;
	t->pin_end = (mono){ 0 };
}

/* A hold that the broker has not heard of outlives the operator's choice. */
static void
unhold(struct world *w, int i)
{
	int64_t held = w->l[i].d.held;

	w->t.here[i] = w->t.here[i] && held != 0 &&
	    held != w->a[i].beat.held;
}

static void
choose(struct world *w, int i, int64_t op, int64_t for_ms)
{
	const struct role *r = &w->r;
	struct truth	  *t = &w->t;

	t->held[i] = t->vacant = false;
	unhold(w, i);
	t->choice = w->l[i].key && !w->a[i].drained && (w->l[i].d.held == 0 ||
	    w->l[i].d.held == w->a[i].beat.held) ? i + 1 : 0;
	t->op = op;
	t->unheard = r->state != ROLE_HELD || r->d.holder != i + 1 ? 0 :
	    (int)(mono_diff_ms(w->now.mono, w->a[i].last_heard) / TICK);
	t->pinned = i + 1;
	t->pin_end = mono_add_ms(w->now.mono, for_ms);
}

/* Before the broker is told. */
void
truth_operator(struct world *w, enum move_kind kind, int i)
{
	const struct role *r = &w->r;
	struct truth	  *t = &w->t;
	enum role_reason   why;
	bool		   vacant = kind == MOVE_VACANT;

	if (kind == MOVE_RELEASE) {
		t->held[i] = false;
		unhold(w, i);
		return;
	}
	if (w->off)			/* refused */
		return;
	t->licence = true;
	if (kind == MOVE_ON || kind == MOVE_PIN) {
		why = role_why_not(r, &w->a[i], ROLE_FOR_TARGET);
		if (why == ROLE_NOT_IN_SYNC)
			t->wish = i + 1;
		else if (why == ROLE_FIT) {
			t->wish = 0;
			choose(w, i, w->ops + 1, kind == MOVE_PIN ? 5 * TICK
			    : world_policy(w).manual_hold);
		}
		return;
	}
	/* Of one that is no Scheduler, --vacant says nothing. */
	if (vacant && (r->d.holder == 0 || r->d.holder == i + 1 ||
	    r->state == ROLE_REVOKING)) {
		t->vacant = true;
		t->wish = 0;
	}
	if (r->d.holder == i + 1 || t->wish == i + 1)
		t->wish = 0;
	t->held[i] = true;
	if (t->choice == i + 1 || t->vacant)
		t->choice = 0;
	if (t->pinned == i + 1)
		unpin(t);
}

static void
granted(struct world *w, const struct role_act *x, const struct role *was)
{
	struct truth *t = &w->t;
	int	      i = (int)x->agent - 1;

	if (x->epoch < WORLD_EPOCHS) {
		int8_t *to = &t->granted_to[x->epoch];

		if (*to != 0 && *to != x->agent)
			truth_broken(w, "an epoch was granted twice");
		*to = (int8_t)x->agent;
	}
	if (w->off)
		truth_broken(w, "granted with control_status off");
	if (t->held[i])
		truth_broken(w, "one that is held off works");
	if (t->vacant)
		truth_broken(w, "granted though vacant");
	if (t->choice != 0 && t->choice != x->agent)
		truth_broken(w, "an operator's choice was undone");
	if (w->control != ROLE_AUTO && !t->licence && was->d.epoch > 0 &&
	    t->last != x->agent)
		truth_broken(w, "the role moved and nobody had asked for it");
	if (w->a[i].drained || !w->a[i].in_sync)
		if (x->agent != t->last)
			truth_broken(w, "granted to one that is not eligible");
	if (t->choice != x->agent)
		t->choice = 0;
	if (t->pinned != x->agent)
		unpin(t);
	t->last = (int)x->agent;
}

/* Case 2 begins; confirmed ones were proposed under the same rules. */
static void
switched(struct world *w)
{
	struct truth *t = &w->t;
	int64_t	      ms = world_policy(w).switch_min_interval;

	/* The pin of an ON without --for is over at once here, so that it
	 * hides nothing of case 3: case 2 may move the role then. */
	t->choice = 0;
	if (t->switched.us != 0 &&
	    mono_diff_ms(w->now.mono, t->switched) < ms)
		truth_broken(w, "case 2 twice within switch_min_interval");
	t->switched = w->now.mono;
}

void
truth_act(struct world *w, const struct role_act *x, const struct role *was)
{
	struct truth *t = &w->t;

	if (x->kind == ROLE_ACT_GRANT)
		granted(w, x, was);
	else if (x->kind == ROLE_ACT_OFF && w->off)
		truth_broken(w, "off with control_status off");
	else if (x->kind == ROLE_ACT_TELL && x->op == t->op &&
	    x->told != ROLE_TOLD_DONE)
		t->choice = 0;
	/* A decision that the Scheduler stays moves nothing. */
	if (x->kind != ROLE_ACT_DECIDE || x->outcome != ROLE_BEGUN ||
	    was->state != ROLE_HELD || w->r.state != ROLE_REVOKING)
		return;
	if ((x->move == 2 || x->move == 3) && x->from == t->pinned &&
	    t->pinned != 0 && t->pinned == was->d.holder &&
	    w->now.mono.us < t->pin_end.us)
		truth_broken(w, "a pinned Scheduler was moved");
	if (x->move == 2)
		switched(w);
}

/* "X not in sync: synced first", and then it is turned on. */
static void
wished(struct world *w, const struct role *was, const struct role_out *out)
{
	struct truth	 *t = &w->t;
	const struct role_sync *q = &was->sync;

	if (q->agent == 0 || w->r.sync.agent == q->agent)
		return;
	for (size_t k = 0; k < out->n; k++)
		if (out->act[k].kind == ROLE_ACT_TELL &&
		    out->act[k].op == q->op &&
		    out->act[k].told != ROLE_TOLD_DONE) {
			t->wish = t->wish == q->agent ? 0 : t->wish;
			return;
		}
	if (w->off)
		truth_broken(w, "moved with control_status off");
	if (t->wish != q->agent)
		truth_broken(w, "a superseded wish was granted");
	if (role_why_not(was, &w->a[q->agent - 1], ROLE_FOR_TARGET))
		truth_broken(w, "turned on though not eligible");
	t->wish = 0;
	t->licence = true;
	choose(w, (int)q->agent - 1, q->op, q->for_ms > 0 ? q->for_ms
	    : world_policy(w).manual_hold);
}

/* Case 1: "wait connection_timeout, counted from the last heartbeat". */
static void
case_1(struct world *w, const struct role *was, const struct role_event *ev)
{
	const struct role *r = &w->r;
	int64_t		   holder = was->state == ROLE_WAIT ? was->d.holder : 0;
	int64_t		   ms = world_policy(w).connection_timeout;

	if (w->t.changed && ms > 4 * TICK)
		ms = 4 * TICK;
	/* What an operator chose, also if it had to be synced first, is not
	 * case 1. */
	if (holder != 0 && r->state == ROLE_GRANTING &&
	    w->t.choice != r->d.holder &&
	    r->d.epoch > was->d.epoch && r->d.holder != holder &&
	    (ev->kind == ROLE_EV_HEARTBEAT || ev->kind == ROLE_EV_TICK) &&
	    mono_diff_ms(w->now.mono, w->a[holder - 1].last_heard) < ms)
		truth_broken(w, "case 1 did not wait connection_timeout");
}

/* After the step, before its acts are judged. */
void
truth_step(struct world *w, const struct role *was,
    const struct role_event *ev, const struct role_out *out)
{
	const struct role *r = &w->r;
	struct truth	  *t = &w->t;

	/* Its grant was not confirmed, or this broker is of a backup. */
	if (r->count.failed != was->count.failed ||
	    r->count.raised != was->count.raised)
		t->choice = 0;
	/* One that was drained while nothing could be moved goes later. */
	if (w->control == ROLE_AUTO || ev->kind == ROLE_EV_OP_CONFIRM ||
	    ev->kind == ROLE_EV_LEAVING || (was->state == ROLE_HELD &&
	    w->a[was->d.holder - 1].drained))
		t->licence = true;
	wished(w, was, out);
	case_1(w, was, ev);
	for (size_t k = 0; k < out->n; k++)
		truth_act(w, &out->act[k], was);
	/* Case 1 and an OFF of its own end a pin. */
	if (r->d.pinned == 0 && r->state != ROLE_HELD)
		unpin(t);
	if (w->control != ROLE_AUTO && (r->state == ROLE_HELD ||
	    (r->state == ROLE_WAIT && !r->d.intent)))
		t->licence = false;
}

void
truth_heard(struct world *w, int i)
{
	const struct role_agent *a = &w->a[i];
	struct truth		*t = &w->t;

	if (t->choice != a->id)
		return;
	if (role_why_not(&w->r, a, ROLE_FOR_TARGET) == ROLE_FIT)
		t->unheard = 0;
	/* It went off by itself, before the operator chose it: case 1. */
	if (w->r.d.holder == a->id && w->r.state != ROLE_REVOKING &&
	    !a->beat.on && a->beat.floor >= w->r.d.epoch)
		t->choice = 0;
}

void
truth_check(struct world *w)
{
	struct lease_policy p = world_lease(w);
	struct lease_beat   b;
	int		    n = 0;

	for (int i = 0; i < w->n; i++) {
		const struct lease *l = &w->l[i];
		enum lease_fire	    f = lease_may_fire(l, &p, w->clock[i]);

		n += f == LEASE_FIRE_YES;
		/* At work is who was told START, and that needs the lease:
		 * what goes on without one is no fire of the holder's. */
		if (l->working != (f == LEASE_FIRE_YES))
			truth_broken(w, "at work without its lease");
		if (l->d.on && (l->d.held != 0 || w->t.here[i]))
			truth_broken(w, "one that was turned off at the node "
			    "is ON");
		if (f == LEASE_FIRE_LOCAL) {
			lease_say(l, w->clock[i], &b);
			if (!p.go_on || !b.suspended)
				truth_broken(w, "fires of its own as if it "
				    "had a lease");
		}
	}
	if (n > 1)
		truth_broken(w, "two at work");
}
