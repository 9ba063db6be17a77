/* What operators ask for (cases 4 and 5), and agents that go. */
#include <stdio.h>
#include <string.h>

#include "core/role_step.h"

static const char turned_on[] = "turned on by an operator";
static const char turned_off[] = "turned off by an operator";

void
op_drop_sync(struct step *s, enum role_told told, const char *why)
{
	struct role_sync *q = &s->r->sync;

	if (q->agent == 0)
		return;
	step_tell(s, q->op, told, "%s was not turned on: %s",
	    step_name(s, q->agent), why);
	q->agent = 0;
}

/* "A newer command of an operator supersedes the one under way", and the one
 * that waits for a sync. */
static void
supersede(struct step *s, int64_t id, const char *verb)
{
	step_answer(s, ROLE_TOLD_SUPERSEDED,
	    "superseded: %s was turned %s by a newer command",
	    step_name(s, id), verb);
	op_drop_sync(s, ROLE_TOLD_SUPERSEDED, "superseded by a newer command");
}

static void
pin(struct step *s, int64_t for_ms)
{
	struct role *r = s->r;
	int64_t	     ms = for_ms > 0 ? for_ms : s->p->manual_hold;

	r->d.pinned = s->who->id;
	r->d.pin_until = (wall){ s->ev->now.wall.ms + ms };
	r->d.pin_ms = ms;
	r->pin_end = step_later(s, ms);
	step_persist(s);
}

static void
mark_held(struct step *s, bool held)
{
	if (s->who->marks.held_off != held) {
		step_mark(s, s->who)->held_off = held;
		step_persist(s);
	}
}

static void
aim_at(struct step *s, enum role_aim aim, int64_t target)
{
	struct role_durable *d = &s->r->d;

	d->intent = true;
	d->aim = aim;
	d->target = target;
	d->avoid = aim == ROLE_AIM_OTHER ? s->who->id : 0;
	d->lifts = aim == ROLE_AIM_AGENT && d->move == 4 ? s->lifts : 0;
	step_persist(s);
}

/* WAIT: every lease is over, or nobody had one; that is on disk before all
 * else. */
static void
wait_aim(struct step *s, enum role_aim aim, int64_t target)
{
	struct role *r = s->r;

	if (r->d.holder != target && step_fence_passed(s))
		r->d.holder = 0;
	aim_at(s, aim, target);
	r->asked = 0;
	step_wait(s);
	r->ready = aim != ROLE_AIM_AGENT;
	move_try(s);
}

static void
on_other(struct step *s)
{
	struct role *r = s->r;
	int64_t	     id = s->who->id;

	/* Whoever was granted anything so far is superseded. */
	r->d.off_below = r->d.epoch;
	switch (r->state) {
	case ROLE_HELD:
	case ROLE_GRANTING:
		move_revoke(s, 4, ROLE_AIM_AGENT, id, turned_on);
		break;
	case ROLE_REVOKING:
		step_decide(s, 4, r->d.holder, id, turned_on);
		aim_at(s, ROLE_AIM_AGENT, id);
		step_ask(s, s->who);
		break;
	case ROLE_WAIT:
		if (r->d.holder != 0 && !step_fence_passed(s)) {
			move_revoke(s, 4, ROLE_AIM_AGENT, id, turned_on);
			break;
		}
		step_decide(s, 4, r->d.holder, id, turned_on);
		wait_aim(s, ROLE_AIM_AGENT, id);
		break;
	case ROLE_NSTATES:
		break;
	}
}

/* Case 4 for the agent of this event, which is fit. */
static void
op_on(struct step *s, int64_t op, int64_t for_ms, int64_t lifts)
{
	struct role *r = s->r;
	int64_t	     id = s->who->id;

	s->lifts = lifts;

	supersede(s, id, "on");
	step_lapse(s, "an operator chose");
	mark_held(s, false);
	if (s->who->marks.failed != 0)
		step_mark(s, s->who)->failed = 0;
	r->d.vacant = r->d.restored = false;
	step_calm(s, ROLE_ALERT_VACANT);
	pin(s, for_ms);
	if (id != r->d.holder) {
		r->op = (struct role_op){ op, false };
		on_other(s);
		return;
	}
	/* All but X; and X too, where only a new epoch brings it back. */
	r->d.off_below = r->state == ROLE_REVOKING ? r->d.epoch
	    : r->d.epoch - 1;
	switch (r->state) {
	case ROLE_HELD:		/* "X already holds it: done, pin renewed" */
		step_ruled(s, 4, id, id, turned_on,
		    "it is the Scheduler already: pin renewed");
		step_tell(s, op, ROLE_TOLD_DONE,
		    "%s is the Scheduler already, pin renewed", s->who->name);
		break;
	case ROLE_GRANTING:
		r->op = (struct role_op){ op, false };
		r->d.lifts = lifts;
		step_note(s, "%s by an operator: pinned", s->who->name);
		break;
	case ROLE_REVOKING:
		r->op = (struct role_op){ op, false };
		step_decide(s, 4, id, id, turned_on);
		aim_at(s, ROLE_AIM_AGENT, id);
		break;
	case ROLE_WAIT:
		r->op = (struct role_op){ op, false };
		step_decide(s, 4, id, id, turned_on);
		wait_aim(s, ROLE_AIM_AGENT, id);
		break;
	case ROLE_NSTATES:
		break;
	}
}

/* SPEC section 4, case 4: "refused, with the reason". */
static void
refuse(struct step *s, int64_t op, enum role_reason why)
{
	const char *cure = role_reason_cure(why);
	size_t	    n = strlen(cure);

	step_tell(s, op, ROLE_TOLD_REFUSED, "%s can't be the Scheduler: %s: "
	    "%s%s", s->who->name, role_reason_text(why), cure,
	    n > 0 && cure[n - 1] == ' ' ? s->who->name : "");
}

/* The catalogue is there now; what else is asked of it may have changed. */
void
op_synced(struct step *s)
{
	struct role_sync q = s->r->sync;
	enum role_reason why = role_why_not(s->r, s->who, ROLE_FOR_TARGET);

	s->r->sync.agent = 0;
	if (why == ROLE_FIT && step_held_since(s->who, q.held))
		why = ROLE_HELD_OFF;
	if (why == ROLE_FIT || MUTANT(MUTANT_SYNC_BLIND))
		op_on(s, q.op, q.for_ms, q.held);
	else
		refuse(s, q.op, why);
}

static void
on(struct step *s)
{
	const struct role_event *ev = s->ev;
	enum role_reason	 why;

	why = role_why_not(s->r, s->who, ROLE_FOR_TARGET);
	if (why == ROLE_NOT_IN_SYNC) {		/* "synced first" */
		op_drop_sync(s, ROLE_TOLD_SUPERSEDED,
		    "superseded by a newer command");
		s->r->sync = (struct role_sync){ ev->op, ev->agent, ev->held,
		    ev->for_ms,
		    step_later(s, s->p->connection_timeout) };
		return;
	}
	if (why == ROLE_FIT && step_held_since(s->who, ev->held))
		why = ROLE_HELD_OFF;
	if (why != ROLE_FIT)
		refuse(s, ev->op, why);
	else
		op_on(s, ev->op, ev->for_ms, ev->held);
}

/* Case 5 of the holder. */
static void
off_holder(struct step *s)
{
	struct role  *r = s->r;
	bool	      vacant = s->ev->vacant;
	enum role_aim aim = vacant ? ROLE_AIM_NOBODY : ROLE_AIM_OTHER;
	const char   *why = vacant ? "turned off by an operator, --vacant"
	    : turned_off;

	op_drop_sync(s, ROLE_TOLD_SUPERSEDED, "superseded by a newer command");
	r->d.vacant = r->d.vacant || vacant;
	if (r->state == ROLE_REVOKING) {
		/* It is on its way out: only who comes next may change. */
		if (vacant || r->d.aim == ROLE_AIM_ANY ||
		    (r->d.aim == ROLE_AIM_AGENT &&
		    r->d.target == s->who->id)) {
			supersede(s, s->who->id, "off");
			step_decide(s, 5, r->d.holder, 0, why);
			aim_at(s, aim, 0);
			r->op = (struct role_op){ s->ev->op, true };
		} else
			step_tell(s, s->ev->op, ROLE_TOLD_DONE,
			    "%s is being turned off already", s->who->name);
		return;
	}
	supersede(s, s->who->id, "off");
	if (r->state != ROLE_WAIT || !step_fence_passed(s)) {
		r->op = (struct role_op){ s->ev->op, true };
		move_revoke(s, 5, aim, 0, why);
		return;
	}
	step_off(s, s->who);
	step_want_off(s, s->who);
	step_tell(s, s->ev->op, ROLE_TOLD_DONE, "%s is held off",
	    s->who->name);
	step_decide(s, 5, r->d.holder, 0, why);
	r->d.holder = 0;
	step_persist(s);
	if (vacant) {
		step_decided(s, ROLE_DONE, "vacant");
		move_vacant(s);
	} else
		wait_aim(s, aim, 0);
}

/* OFF of one that does not hold the role, but may be about to. */
static void
off_other(struct step *s)
{
	struct role *r = s->r;
	bool	     target = r->d.intent && r->d.aim == ROLE_AIM_AGENT &&
	    r->d.target == s->who->id;
	bool	     vacant = s->ev->vacant && (r->d.holder == 0 ||
	    r->state == ROLE_REVOKING);
	char	     why[ROLE_TEXT];

	(void)snprintf(why, sizeof(why), "%s %s", s->who->name, turned_off);
	step_off(s, s->who);
	if (s->who->beat.on)
		step_want_off(s, s->who);
	if (r->asked == s->who->id)
		r->asked = 0;
	step_tell(s, s->ev->op, ROLE_TOLD_DONE, s->ev->vacant && !vacant ?
	    "%s is held off; it was not the Scheduler" : "%s is held off",
	    s->who->name);
	if (!target && !vacant) {
		step_ruled(s, 5, r->d.holder, r->d.holder, why,
		    "held off: it was not the Scheduler");
		move_try(s);
		return;
	}
	r->d.vacant = r->d.vacant || vacant;
	step_persist(s);
	supersede(s, s->who->id, "off");
	step_decide(s, 5, r->d.holder, 0, why);
	if (vacant && r->state == ROLE_WAIT) {
		step_decided(s, ROLE_DONE, "vacant");
		move_vacant(s);
	} else if (r->state == ROLE_WAIT)
		wait_aim(s, ROLE_AIM_OTHER, 0);
	else
		aim_at(s, vacant ? ROLE_AIM_NOBODY : ROLE_AIM_OTHER, 0);
}

static void
off(struct step *s)
{
	struct role *r = s->r;

	if (r->sync.agent == s->who->id)
		op_drop_sync(s, ROLE_TOLD_SUPERSEDED,
		    "superseded by a newer command");
	mark_held(s, true);
	if (r->d.pinned == s->who->id)
		move_unpin(s);
	if (s->who->id == r->d.holder)
		off_holder(s);
	else
		off_other(s);
}

static void
release(struct step *s)
{
	struct role *r = s->r;

	mark_held(s, false);
	if (r->d.pinned == s->who->id)
		move_unpin(s);
	step_release(s, s->who, s->ev->held);
	step_tell(s, s->ev->op, ROLE_TOLD_DONE, "%s is released%s",
	    s->who->name, !s->who->connected ? "; it is not connected: if it "
	    "was turned off at itself, that stays" :
	    step_held_since(s->who, s->ev->held) ? ", but it was turned off "
	    "at itself just now, and stays off" : "");
	move_try(s);
}

static void
confirm(struct step *s)
{
	static const enum role_purpose purpose[6] = { [2] = ROLE_FOR_CASE2,
		[3] = ROLE_FOR_CASE3 };
	struct role	    *r = s->r;
	struct role_proposal q = r->proposal;
	size_t		     hint = 0;
	enum role_reason     why;

	if (q.move == 0) {
		step_tell(s, s->ev->op, ROLE_TOLD_REFUSED,
		    "nothing is proposed: muster why, or muster agent on NAME");
		return;
	}
	s->who = step_find(s, q.to, &hint);
	why = s->who != NULL ? role_why_not(r, s->who, purpose[q.move])
	    : ROLE_NOT_CONNECTED;
	if (why != ROLE_FIT) {
		step_tell(s, s->ev->op, ROLE_TOLD_REFUSED,
		    "%s is not eligible any more: %s", step_name(s, q.to),
		    role_reason_text(why));
		step_lapse(s, "it is not eligible any more");
		return;
	}
	step_confirmed(s);
	step_answer(s, ROLE_TOLD_SUPERSEDED, "superseded: %s was confirmed",
	    s->who->name);
	op_drop_sync(s, ROLE_TOLD_SUPERSEDED, "superseded by a newer command");
	r->op = (struct role_op){ s->ev->op, false };
	if (r->state == ROLE_HELD) {
		move_revoke(s, q.move, ROLE_AIM_AGENT, q.to,
		    "confirmed by an operator");
		return;
	}
	step_decide(s, q.move, r->d.holder, q.to, "confirmed by an operator");
	wait_aim(s, ROLE_AIM_AGENT, q.to);
}

void
op_event(struct step *s)
{
	const struct role_event *ev = s->ev;
	struct role		*r = s->r;

	if (ev->epoch != 0 && ev->epoch != (r->d.epoch != 0 ? r->d.epoch
	    : ROLE_EPOCH_ZERO)) {
		step_tell(s, ev->op, ROLE_TOLD_STALE,
		    "the role moved to %s (epoch %lld) since you looked",
		    step_name(s, r->d.holder), (long long)r->d.epoch);
		return;
	}
	if (r->observing && ev->kind != ROLE_EV_OP_RELEASE) {
		step_tell(s, ev->op, ROLE_TOLD_REFUSED, "control_status is "
		    "off: muster setting set control_status=true");
		return;
	}
	if (ev->kind == ROLE_EV_OP_CONFIRM) {
		confirm(s);
		return;
	}
	if (s->who == NULL) {
		step_tell(s, ev->op, ROLE_TOLD_UNKNOWN, "no such agent");
		return;
	}
	if (ev->kind == ROLE_EV_OP_ON)
		on(s);
	else if (ev->kind == ROLE_EV_OP_OFF)
		off(s);
	else
		release(s);
}

/* The target of a move is none any more: another one, as in case 5. */
static void
drop_target(struct step *s, const char *how)
{
	struct role *r = s->r;
	char	     why[ROLE_TEXT];

	step_answer(s, ROLE_TOLD_REFUSED, "%s %s", s->who->name, how);
	(void)snprintf(why, sizeof(why), "%s, who was to be the Scheduler, %s",
	    s->who->name, how);
	step_decide(s, 5, r->d.holder, 0, why);
	if (r->state == ROLE_WAIT)
		wait_aim(s, ROLE_AIM_OTHER, 0);
	else
		aim_at(s, ROLE_AIM_OTHER, 0);
}

/* "A node turned off at itself is held off likewise": since it was chosen,
 * perhaps while the broker was down, so that is the newer command. */
void
op_target_held(struct step *s)
{
	if (s->who == step_target(s) && !s->r->observing &&
	    step_held_since(s->who, s->r->d.lifts))
		drop_target(s, "was turned off at itself since");
}

/* "A Scheduler that leaves, is removed, drained or shut down cleanly hands
 * over first, as in case 5 without the hold." */
void
op_leaving(struct step *s)
{
	struct role *r = s->r;
	bool	     target = s->who == step_target(s);

	if (r->observing)
		return;
	if (r->asked == s->who->id)
		r->asked = 0;
	if (s->who->id != r->d.holder && !target) {
		if (s->ev->must)	/* the next one, if it was asked */
			move_try(s);
		return;
	}
	if (target) {
		drop_target(s, "is leaving");
		return;
	}
	if (r->state == ROLE_REVOKING)
		return;
	if (!s->ev->must && (r->state != ROLE_HELD ||
	    role_best_but(r, s->a, s->n, ROLE_FOR_CASE2, s->who->id, false) ==
	    NULL))
		return;
	step_answer(s, ROLE_TOLD_REFUSED, "%s is leaving", s->who->name);
	if (r->state == ROLE_WAIT && step_fence_passed(s)) {
		step_off(s, s->who);
		step_decide(s, 5, r->d.holder, 0, "the Scheduler is leaving");
		r->d.holder = 0;
		wait_aim(s, ROLE_AIM_OTHER, 0);
		return;
	}
	move_revoke(s, 5, ROLE_AIM_OTHER, 0, s->ev->must ?
	    "the Scheduler is leaving" : "the Scheduler is being shut down");
}
