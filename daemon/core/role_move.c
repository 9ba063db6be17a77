/* Moves: the old one off, the new one on.  Whoever begins one (a case, an
 * operator, an agent that goes), it runs through here. */
#include "core/role_step.h"

void
move_forget(struct step *s)
{
	struct role_durable *d = &s->r->d;

	if (d->intent || d->lifts != 0 || d->aim != ROLE_AIM_ANY) {
		d->intent = false;
		d->lifts = 0;
		d->aim = ROLE_AIM_ANY;
		d->target = d->avoid = 0;
		step_persist(s);
	}
}

void
move_unpin(struct step *s)
{
	if (s->r->d.pinned == 0)
		return;
	s->r->d.pinned = 0;
	s->r->d.pin_until = (wall){ 0 };
	s->r->d.pin_ms = 0;
	s->r->pin_end = (mono){ 0 };
	step_persist(s);
}

/* To WAIT: the Scheduler has connection_timeout to appear (case 1). */
void
move_wait(struct step *s, const char *why)
{
	s->r->ready = false;
	s->r->asked = 0;
	step_wait(s);
	if (s->r->d.vacant)
		s->r->timer = MONO_NEVER;
	if (s->r->state != ROLE_WAIT)
		step_state(s, ROLE_WAIT, why);
}

void
move_vacant(struct step *s)
{
	s->r->ready = false;
	s->r->asked = 0;
	s->r->timer = MONO_NEVER;
	move_forget(s);
	step_lapse(s, "an operator wants nobody");
	step_alert(s, ROLE_ALERT_VACANT, 0,
	    "nobody is the Scheduler: an operator turned it off --vacant; "
	    "muster agent on NAME");
}

/* The next one is asked for a heartbeat while the OFF is under way, so that
 * the grant can leave with the proof. */
static int64_t
ask_early(struct step *s)
{
	const struct role_agent *x = NULL;

	s->r->asked = 0;
	if (s->r->d.aim == ROLE_AIM_AGENT)
		x = step_target(s);
	else if (s->r->d.aim == ROLE_AIM_OTHER)
		x = role_best_but(s->r, s->a, s->n, ROLE_FOR_CASE2,
		    s->r->d.holder, false);
	if (x == NULL || !x->connected)
		return s->r->d.target;
	step_ask(s, x);
	return x->id;
}

/* Sends OFF to the holder.  From here on nothing is renewed; the intent is on
 * disk first, so that a restarted broker finishes the move. */
void
move_revoke(struct step *s, int move, enum role_aim aim, int64_t target,
    const char *why)
{
	struct role	  *r = s->r;
	struct role_agent *h = step_holder(s);

	r->d.intent = true;
	r->d.aim = aim;
	r->d.target = aim == ROLE_AIM_AGENT ? target : 0;
	r->d.avoid = aim == ROLE_AIM_OTHER ? r->d.holder : 0;
	r->d.lifts = move == 4 ? s->lifts : 0;
	if (move == 2) {	/* confirmed ones count, too */
		r->switch_after = step_later(s, s->p->switch_min_interval);
		r->d.switched = s->ev->now.wall;
	}
	step_persist(s);
	step_want_off(s, h);
	step_decide(s, move, r->d.holder, ask_early(s), why);
	step_off(s, h);
	step_note(s, h != NULL && h->connected ? "off sent to %s"
	    : "%s can't be reached", step_name(s, r->d.holder));
	r->ready = false;
	r->timer = step_later(s, s->p->off_timeout);
	if (r->fence.us > r->timer.us)
		r->timer = r->fence;
	step_state(s, ROLE_REVOKING, why);
}

static void
grant_to(struct step *s, const struct role_agent *x)
{
	if (s->r->d.pinned != x->id)
		move_unpin(s);
	step_grant(s, &s->a[x - s->a], false);
}

/* A grant names a heartbeat that is newer than the ask, so that its lease is
 * whole.  The heartbeat of this very event is as new as can be. */
static void
ask_or_grant(struct step *s, const struct role_agent *x)
{
	struct role *r = s->r;
	bool	     mine = r->asked == x->id;

	if ((s->who == x && s->ev->kind == ROLE_EV_HEARTBEAT) ||
	    (mine && x->last_heard.us >= r->asked_at.us && x->beat.seq > 0 &&
	    mono_diff_ms(s->now, x->last_heard) <= s->p->heartbeat)) {
		grant_to(s, x);
		return;
	}
	if (mine && x->last_heard.us < r->asked_at.us &&
	    s->now.us < r->ask_until.us)
		return;
	step_ask(s, x);
	step_note(s, "asked %s for a heartbeat", x->name);
}

/* "If nobody can be chosen, case 1 follows after connection_timeout." */
static void
nobody(struct step *s)
{
	step_decided(s, ROLE_FAILED, "nobody could be chosen: case 1 follows");
	move_forget(s);
	move_wait(s, "nobody could be chosen");
}

void
move_none(struct step *s, const char *why)
{
	s->r->asked = 0;
	/* Who is there and why nobody was chosen, once. */
	if (s->r->d.move == 0 &&
	    (s->r->alerts & 1u << ROLE_ALERT_NO_SCHEDULER) == 0)
		step_decide(s, 1, s->r->d.holder, 0,
		    "no Scheduler within connection_timeout");
	step_decided(s, ROLE_FAILED, why);
	step_alert(s, ROLE_ALERT_NO_SCHEDULER, 0, "no Scheduler: %s", why);
}

/* Somebody who still says ON is preferred to a spare (case 1 with claimants,
 * judged as in case 3).  A holder was waited for in vain already, though its
 * session may look alive for longer: it is asked when there is no other. */
static const struct role_agent *
choose(struct step *s)
{
	struct role		*r = s->r;
	int64_t			 silent = r->d.holder;
	const struct role_agent *x;

	if (r->d.aim == ROLE_AIM_OTHER) {
		x = role_best(r, s->a, s->n, ROLE_FOR_CASE2);
		if (x != NULL || r->d.move == 5)
			return x;
	}
	x = role_best_but(r, s->a, s->n, ROLE_FOR_CASE3, silent, true);
	if (x == NULL)
		x = role_best_but(r, s->a, s->n, ROLE_FOR_CASE1, silent,
		    false);
	return x != NULL ? x : role_best(r, s->a, s->n, ROLE_FOR_CASE1);
}

static bool
automatic(struct step *s)
{
	struct role *r = s->r;

	if (s->p->control == ROLE_AUTO || r->d.aim == ROLE_AIM_OTHER ||
	    MUTANT(MUTANT_UNASKED))
		return true;
	if (s->p->control == ROLE_MANUAL)
		move_none(s, "control is manual: muster agent on NAME");
	return false;
}

static void
propose(struct step *s)
{
	const struct role_agent *x;
	size_t			 hint = 0;

	if (s->p->control != ROLE_ADVISE)
		return;
	x = step_find(s, s->r->proposal.to, &hint);
	if (x != NULL && role_why_not(s->r, x, ROLE_FOR_CASE1) == ROLE_FIT)
		return;
	step_decided(s, ROLE_FAILED, "control is advise");
	x = choose(s);
	if (x != NULL) {
		step_propose(s, 1, s->r->d.holder, x->id);
		return;
	}
	step_lapse(s, "it is not eligible any more");
	move_none(s, "no agent is eligible");
}

/* The one that was asked, as long as it may yet answer. */
static const struct role_agent *
asked(struct step *s)
{
	const struct role_agent *x = step_find(s, s->r->asked, &s->r->hint[2]);
	enum role_purpose for_what = s->r->d.aim == ROLE_AIM_OTHER &&
	    s->r->d.move == 5 ? ROLE_FOR_CASE2 : ROLE_FOR_CASE1;

	if (x != NULL && role_why_not(s->r, x, for_what) == ROLE_FIT)
		return x;
	s->r->asked = 0;
	return NULL;
}

/* In WAIT: grants, if somebody is to be granted and the fence allows it. */
void
move_try(struct step *s)
{
	struct role		*r = s->r;
	const struct role_agent *x;

	if (r->state != ROLE_WAIT || !step_fence_passed(s) ||
	    (r->observing && !MUTANT(MUTANT_OBSERVER_GRANTS)))
		return;
	if (r->d.intent && r->d.aim == ROLE_AIM_AGENT) {
		x = step_target(s);
		if (x == NULL || role_why_not(r, x, ROLE_FOR_TARGET) ||
		    step_held_since(x, r->d.lifts))
			return;
		if (x->id != r->d.holder)
			ask_or_grant(s, x);
		else if (r->asked != x->id)
			step_ask(s, x);
		return;
	}
	if (!r->ready || r->d.vacant)
		return;
	if (!automatic(s)) {
		propose(s);
		return;
	}
	x = asked(s);
	if (x == NULL)
		x = choose(s);
	if (x == NULL && r->d.aim == ROLE_AIM_OTHER) {
		nobody(s);
		return;
	}
	if (x == NULL) {
		move_none(s, "no agent is eligible");
		return;
	}
	if (r->d.move == 0)
		step_decide(s, 1, r->d.holder, x->id,
		    "no Scheduler within connection_timeout");
	ask_or_grant(s, x);
}

/* REVOKING is over: the holder proved that it is off, or off_timeout passed
 * and with it every lease.  Nobody holds it now, on disk. */
void
move_revoked(struct step *s, bool proved)
{
	struct role *r = s->r;
	const char  *name = step_name(s, r->d.holder);

	step_note(s, proved ? "off proved by %s" : "off timed out at %s",
	    name);
	if (!proved)
		r->count.timeouts++;
	if (r->d.pinned == r->d.holder &&
	    !(r->d.aim == ROLE_AIM_AGENT && r->d.target == r->d.holder))
		move_unpin(s);
	r->d.holder = 0;
	r->fence = (mono){ 0 };
	step_persist(s);
	step_state(s, ROLE_WAIT, proved ? "off proved" : "off timed out");
	if (r->op.off)
		step_answer(s, ROLE_TOLD_DONE, "%s is off%s%s", name, proved
		    ? "" : ": it did not answer, its lease has run out",
		    r->d.aim == ROLE_AIM_OTHER && role_best(r, s->a, s->n,
		        ROLE_FOR_CASE2) == NULL
		    ? ", and nobody can take over now: muster why" : "");
	step_wait(s);
	r->ready = r->d.aim != ROLE_AIM_AGENT;
	if (r->d.aim == ROLE_AIM_NOBODY) {
		step_decided(s, ROLE_DONE, "vacant");
		move_vacant(s);
		return;
	}
	if (MUTANT(MUTANT_TARGET_DROPPED) && r->d.aim == ROLE_AIM_AGENT) {
		const struct role_agent *x = step_target(s);

		if (x == NULL || !x->connected) {
			move_forget(s);
			r->ready = true;
		}
	}
	move_try(s);
}

/* The holder says OFF with a floor that refuses its epoch: nobody holds it. */
void
move_gone(struct step *s, const char *why)
{
	struct role *r = s->r;
	bool	     wanted = r->d.intent && r->d.aim == ROLE_AIM_AGENT &&
	    r->d.target == r->d.holder;

	if (!wanted) {
		step_answer(s, ROLE_TOLD_REFUSED, "%s is off: %s",
		    step_name(s, r->d.holder), why);
		if (r->d.move != 0)
			step_decided(s, ROLE_FAILED, why);
		else
			step_ruled(s, 1, r->d.holder, 0, why, "nobody holds "
			    "it: somebody is chosen after connection_timeout");
		if (r->d.pinned == r->d.holder)
			move_unpin(s);
	}
	r->d.holder = 0;
	r->fence = (mono){ 0 };
	step_persist(s);
	if (!wanted)
		move_forget(s);
	move_wait(s, why);
	move_try(s);
}

/* WAIT and connection_timeout over: drop target and pin, choose. */
void
move_give_up(struct step *s)
{
	struct role *r = s->r;

	r->timer = MONO_NEVER;
	if (r->d.intent) {
		step_answer(s, ROLE_TOLD_TIMED_OUT,
		    "%s was not there for connection_timeout",
		    step_name(s, r->d.target));
		step_decided(s, ROLE_FAILED, "the target was not there");
		move_forget(s);
	} else	/* granted before a restart, and never confirmed */
		step_decided(s, ROLE_FAILED, "the Scheduler did not appear");
	move_unpin(s);
	r->ready = !r->d.vacant;
	move_try(s);
}
