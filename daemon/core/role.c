/*
 *                 boot (holder, intent) ------------------+
 *                                                         v
 *          holder ON, current      operator, cases 2, 3  +----------+
 *  boot  +------+ ----------> +------+ ----------------> |          |
 *  ----> | WAIT | <---------- | HELD |   case 5, leaving | REVOKING |
 *        +------+  disconnect +------+                   |          |
 *         |  ^  ^  proof         ^                       +----------+
 *   grant |  |  |                | confirmed              ^      |
 *         v  |  |   refused     +----------+   timeout,   |      |
 *         +--|--|-------------- | GRANTING | -------------+      |
 *            |  +-------------- +----------+   operator          |
 *            +---------------------------------------------------+
 *                 proof, or off_timeout and every lease over
 *
 * tests/unit/test_role_trace.c has the traces that break without each guard.
 * A grant in WAIT goes by way of an ASK: it names a heartbeat that is newer
 * than the ask.
 */
#include <stdio.h>
#include <string.h>

#include "core/role_step.h"

bool
role_pinned(const struct role *r, mono now)
{
	return r->d.pinned != 0 && r->d.pinned == r->d.holder &&
	    now.us < r->pin_end.us && !MUTANT(MUTANT_NO_PIN);
}

mono
role_next_deadline(const struct role *r)
{
	mono at = r->timer;

	if (r->asked != 0)
		at = mono_min(at, r->ask_until);
	if (r->sync.agent != 0)
		at = mono_min(at, r->sync.until);
	if (r->state == ROLE_WAIT && (r->ready || r->d.intent) &&
	    r->fence.us != 0)
		at = mono_min(at, r->fence);
	return at;
}

void
role_undo(struct role_agent *a, size_t n, const struct role_out *out)
{
	for (size_t i = 0; i < out->nmarks; i++)
		if (out->mark[i].at < n)
			a[out->mark[i].at].marks = out->mark[i].was;
}

void
role_stored(struct role *r, const struct role *was, int64_t us)
{
	if (r->state == ROLE_GRANTING && r->timer.us != was->timer.us)
		r->timer.us += us;
}

static mono
carry(wall until, struct now now, int64_t most_ms)
{
	int64_t ms = until.ms - now.wall.ms;

	if (until.ms == 0 || ms <= 0)
		return (mono){ 0 };
	return mono_add_ms(now.mono, ms < most_ms ? ms : most_ms);
}

void
role_boot(struct role *r, const struct role_durable *d,
    const struct role_policy *p, struct now now, struct role_out *out)
{
	const int64_t year_ms = 365LL * 24 * 3600 * 1000;
	struct role_event ev = { .kind = ROLE_EV_TICK, .now = now };
	struct step s = { r, p, NULL, 0, &ev, out, NULL, now.mono, 0 };
	struct role_durable kept = { 0 };	/* d may be r's own */
	int64_t wait_ms;

	if (d != NULL)
		kept = *d;
	memset(r, 0, sizeof(*r));
	r->d = kept;
	if (r->d.restored) {	/* SPEC section 12: "nobody ON" */
		r->d.holder = 0;
		r->d.intent = false;
	}
	step_start(&s);
	r->observing = !p->control_status;
	/* The clock may have gone back: never longer than was asked for. */
	if (r->d.pin_ms > 0 && r->d.pin_until.ms > now.wall.ms + r->d.pin_ms)
		r->d.pin_until.ms = now.wall.ms + r->d.pin_ms;
	r->pin_end = carry(r->d.pin_until, now, year_ms);
	r->switch_after = carry((wall){ r->d.switched.ms == 0 ? 0 :
	    r->d.switched.ms + p->switch_min_interval }, now,
	    p->switch_min_interval);
	wait_ms = r->d.fence_ms > p->off_timeout &&
	    !MUTANT(MUTANT_FENCE_NOW) ? r->d.fence_ms : p->off_timeout;
	/* "A broker that starts waits that long first": what it renewed
	 * is not on disk.  Nobody holds a lease once proved off. */
	if ((r->d.holder != 0 || r->d.restored || r->d.fenced) &&
	    !MUTANT(MUTANT_NO_BOOT_WAIT))
		r->fence = step_later(&s, wait_ms);
	step_wait(&s);
	if (r->d.intent && r->d.holder != 0) {
		r->timer = step_later(&s, wait_ms);
		step_state(&s, ROLE_REVOKING, "a move was under way");
	} else {
		if (!r->d.intent || r->d.aim != ROLE_AIM_AGENT) {
			move_forget(&s);
			/* A grant that was sent may yet be confirmed. */
			if (r->d.holder == 0)
				step_decided(&s, ROLE_FAILED,
				    "abandoned: the broker was restarted");
		}
		step_state(&s, ROLE_WAIT, "start");
		if (r->d.vacant)
			move_vacant(&s);
	}
	step_end(&s);
}

/* Nobody else may have held a lease that the new epoch does not outrank, but
 * the broker's own count is gone: wait as after a restart. */
static void
raise_epoch(struct step *s)
{
	struct role *r = s->r;
	int64_t	     ms = r->d.fence_ms > s->p->off_timeout ? r->d.fence_ms
	    : s->p->off_timeout;
	mono	     end = step_later(s, ms);

	step_note(s, "%s was granted epoch %lld: going on from there",
	    s->who->name, (long long)s->who->beat.floor);
	r->d.epoch = s->who->beat.floor;
	r->d.holder = 0;
	r->d.fenced = true;
	if (end.us > r->fence.us && !MUTANT(MUTANT_RAISE_NO_WAIT))
		r->fence = end;
	if (MUTANT(MUTANT_RAISE_NO_WAIT) && r->state != ROLE_WAIT)
		r->fence = (mono){ 0 };
	step_persist(s);
	r->count.raised++;
	if (r->op.off)
		step_answer(s, ROLE_TOLD_DONE, "off");
	if (!r->d.intent || r->d.aim != ROLE_AIM_AGENT) {
		step_answer(s, ROLE_TOLD_SUPERSEDED,
		    "the epoch was raised to %lld", (long long)r->d.epoch);
		step_decided(s, ROLE_FAILED, "the epoch was raised");
		move_forget(s);
	}
	move_wait(s, "a higher epoch was heard of");
}

/* Regranting the holder moves nothing: it needs the new epoch because a lease
 * and its cursors belong to one start. */
static void
regrant(struct step *s, bool again)
{
	if (s->r->observing || MUTANT(MUTANT_NO_REGRANT))
		return;
	if (!again && s->r->d.move == 0)
		step_decide(s, 1, s->who->id, s->who->id,
		    "the Scheduler restarted, and goes on");
	step_grant(s, s->who, again);
}

/* The holder proved or answered: it is at work. */
static void
confirm(struct step *s, const char *why)
{
	struct role *r = s->r;
	char	     by[ROLE_TEXT];

	if (s->who->marks.failed != 0)
		step_mark(s, s->who)->failed = 0;
	step_ack(s, s->who);
	step_wait(s);
	r->ready = false;
	r->asked = 0;
	if (r->state != ROLE_HELD) {
		r->drained = s->who->drained;
		step_state(s, ROLE_HELD, why);
	}
	step_calm(s, ROLE_ALERT_NO_SCHEDULER);
	step_calm(s, ROLE_ALERT_VACANT);
	if (r->d.move != 0) {
		(void)snprintf(by, sizeof(by), "confirmed by %s",
		    s->who->name);
		step_decided(s, ROLE_DONE, by);
	}
	step_answer(s, ROLE_TOLD_DONE, "%s is the Scheduler, epoch %lld",
	    s->who->name, (long long)r->d.epoch);
	if (r->d.intent)
		move_forget(s);
	/* For the next grant; not worth a commit now. */
	r->d.lifts = 0;
}

/* "Proof" is the only evidence of OFF: not a disconnect, not a cleared key
 * whose grant may yet be under way. */
static bool
proof(const struct step *s)
{
	const struct role_agent *a = s->who;

	if (MUTANT(MUTANT_KEY_IS_PROOF) && !a->beat.on && !a->controlled)
		return true;
	return !a->beat.on && a->beat.floor >= s->r->d.epoch;
}

static bool
backed(const struct step *s)
{
	return s->who->beat.on && s->who->beat.epoch == s->r->d.epoch;
}

static void
key_cleared(struct step *s)
{
	if (s->r->observing) {
		if (backed(s) && !s->who->beat.fresh &&
		    s->r->state != ROLE_GRANTING)
			confirm(s, "the holder is heard");
		return;
	}
	step_answer(s, ROLE_TOLD_REFUSED, "%s is not controlled any more",
	    s->who->name);
	move_revoke(s, 1, ROLE_AIM_ANY, 0, "its key was cleared");
}

static void
wait_holder(struct step *s)
{
	if (proof(s))
		move_gone(s, "the holder is off");
	else if (!s->who->controlled)
		key_cleared(s);
	else if (backed(s) && !s->who->beat.fresh)
		confirm(s, "the holder is heard");
	else		/* restarted or restored; or the grant never came */
		regrant(s, false);
}

/* Somebody says ON with an epoch of the past (cases 1 and 3). */
static void
wait_claimant(struct step *s)
{
	struct role *r = s->r;
	bool	     fits = role_why_not(r, s->who, ROLE_FOR_CASE3) == ROLE_FIT;

	if (role_unwanted(r, s->who)) {
		step_supersede(s, s->who, "it says ON, and was superseded");
		return;
	}
	if (r->ready) {
		if (role_why_not(r, s->who, ROLE_FOR_CASE1) == ROLE_FIT)
			move_try(s);
		return;
	}
	/* While there is a holder who may come back, it is remembered
	 * only, and preferred when the time is over. */
	if ((r->d.holder != 0 && !MUTANT(MUTANT_ADOPT_EARLY)) || r->d.intent ||
	    !fits || r->observing || !step_fence_passed(s))
		return;
	if (r->d.epoch > 0 && s->p->control != ROLE_AUTO)
		return;
	step_decide(s, 1, 0, s->who->id, r->d.epoch == 0 ?
	    "initial_status = on" : "it says ON, and nobody else holds it");
	step_grant(s, s->who, false);
}

static void
wait_heartbeat(struct step *s)
{
	struct role *r = s->r;
	bool	     expected = s->who->id == r->asked ||
	    s->who == step_target(s);

	if (s->who->id == r->d.holder)
		wait_holder(s);
	else if (s->who->beat.on && !expected)
		wait_claimant(s);
	else if (expected || (r->ready &&
	    role_why_not(r, s->who, ROLE_FOR_CASE1) == ROLE_FIT))
		move_try(s);
}

/* Case 2: the switch condition is met for the Scheduler. */
static void
held_condition(struct step *s)
{
	struct role		*r = s->r;
	const struct role_agent *x;

	if (!s->p->transfer_on_condition || !s->who->condition_met) {
		step_calm(s, ROLE_ALERT_NO_SPARE);
		if (r->proposal.move == 2)
			step_lapse(s, "the switch condition is not met");
		return;
	}
	if (r->observing || s->p->control == ROLE_MANUAL ||
	    role_pinned(r, s->now) || (s->now.us < r->switch_after.us &&
	    !MUTANT(MUTANT_NO_INTERVAL)))
		return;
	x = role_best_but(r, s->a, s->n, ROLE_FOR_CASE2, s->who->id, false);
	if (x == NULL) {
		if (r->proposal.move == 2)
			step_lapse(s, "nobody can take over any more");
		if ((r->alerts & 1u << ROLE_ALERT_NO_SPARE) == 0) {
			step_decide(s, 2, r->d.holder, 0,
			    "the switch condition is met");
			step_decided(s, ROLE_FAILED, "nobody can take over: "
			    "the Scheduler stays");
		}
		step_alert(s, ROLE_ALERT_NO_SPARE, s->who->id,
		    "%s meets the switch condition, and nobody can take over",
		    s->who->name);
		return;
	}
	if (s->p->control == ROLE_ADVISE) {
		step_calm(s, ROLE_ALERT_NO_SPARE);
		step_propose(s, 2, s->who->id, x->id);
		return;
	}
	move_revoke(s, 2, ROLE_AIM_OTHER, 0, "the switch condition is met");
}

/* "A Scheduler that is drained hands over first": also when control_status was
 * off at that time, or the broker died before the move was on disk. */
static bool
held_drained(struct step *s)
{
	if (!s->r->drained || !s->who->drained || s->r->observing ||
	    role_best_but(s->r, s->a, s->n, ROLE_FOR_CASE2, s->who->id,
	        false) == NULL)
		return false;
	move_revoke(s, 5, ROLE_AIM_OTHER, 0, "the Scheduler is drained");
	return true;
}

static void
held_holder(struct step *s)
{
	if (proof(s)) {
		move_gone(s, "the holder turned itself off");
	} else if (!s->who->controlled) {
		key_cleared(s);
	} else if (held_drained(s)) {
		return;
	} else if (backed(s) && !s->who->beat.fresh) {
		held_condition(s);
		if (s->r->state == ROLE_HELD)
			confirm(s, "the holder is heard");
	} else		/* restarted, or restored from a backup */
		regrant(s, false);
}

/* Case 3 was proposed for this one, and is not the case any more. */
static void
not_proposed(struct step *s, const char *why)
{
	if (s->r->proposal.move == 3 && s->r->proposal.to == s->who->id)
		step_lapse(s, why);
}

/* Case 3: two are ON.  A stays only if it is strictly better than the holder
 * and nobody turned it off. */
static void
held_claimant(struct step *s)
{
	struct role		*r = s->r;
	const struct role_agent *h = step_holder(s);
	bool better = h != NULL && !role_unwanted(r, s->who) &&
	    !role_pinned(r, s->now) &&
	    role_why_not(r, s->who, ROLE_FOR_CASE3) == ROLE_FIT &&
	    role_compare(s->who, h, ROLE_FOR_CASE3, NULL) > 0;

	if (r->observing)
		return;
	if (better && s->p->control == ROLE_ADVISE) {
		step_propose(s, 3, h->id, s->who->id);
		return;
	}
	if (better && s->p->control == ROLE_AUTO) {
		move_revoke(s, 3, ROLE_AIM_AGENT, s->who->id,
		    "two are ON, and it is the better one");
		return;
	}
	not_proposed(s, "it is not the better one any more");
	step_supersede(s, s->who, "two are ON: the holder is kept");
}

static void
granting_holder(struct step *s)
{
	struct role *r = s->r;

	if (proof(s))
		move_gone(s, "it refused the grant");
	else if (!s->who->controlled)
		key_cleared(s);
	else if (backed(s) && !s->who->beat.fresh)
		confirm(s, "confirmed");
	else if (backed(s))
		regrant(s, false);
	else if (s->now.us < r->timer.us)
		regrant(s, s->who->beat.start == r->granted_start);
}

static void
revoking_holder(struct step *s)
{
	if (proof(s)) {
		move_revoked(s, true);
		return;
	}
	if (MUTANT(MUTANT_RENEW_AFTER_OFF) && backed(s))
		step_ack(s, s->who);
	step_off(s, s->who);
}

static void
heartbeat(struct step *s)
{
	struct role *r = s->r;
	bool	     holder = s->who->id == r->d.holder;
	enum role_state was;

	/* A session that ended while it waited; or not an epoch. */
	if (s->who->beat.seq == 0 || s->who->beat.floor > INT64_MAX / 2) {
		r->count.ignored++;
		return;
	}
	if (s->who->beat.floor > r->d.epoch && !MUTANT(MUTANT_NO_RAISE))
		raise_epoch(s);
	was = r->state;
	op_target_held(s);
	if (MUTANT(MUTANT_ACK_ANY) && s->who->beat.on && !holder)
		step_ack(s, s->who);
	if (r->sync.agent == s->who->id && s->who->in_sync)
		op_synced(s);
	if (r->state != was)		/* this heartbeat has done its work */
		return;
	holder = s->who->id == r->d.holder;
	switch (r->state) {
	case ROLE_WAIT:
		wait_heartbeat(s);
		break;
	case ROLE_HELD:
		if (holder)
			held_holder(s);
		else if (s->who->beat.on)
			held_claimant(s);
		else
			not_proposed(s, "it is off");
		break;
	case ROLE_REVOKING:
		if (holder)
			revoking_holder(s);
		else if (s->who->beat.on && role_unwanted(r, s->who))
			step_supersede(s, s->who, "it was superseded");
		break;
	case ROLE_GRANTING:
		if (holder)
			granting_holder(s);
		else if (s->who->beat.on && role_unwanted(r, s->who))
			step_supersede(s, s->who, "it was superseded");
		break;
	case ROLE_NSTATES:
		break;
	}
}

/* Nobody confirmed the grant within grant_timeout: the next one, but first
 * this one must be off, for it may have been the answer that was lost. */
static void
grant_failed(struct step *s)
{
	struct role_agent *h = step_holder(s);

	if (s->r->observing) {
		step_answer(s, ROLE_TOLD_TIMED_OUT,
		    "%s did not confirm the grant, and control_status is off",
		    step_name(s, s->r->d.holder));
		step_decided(s, ROLE_FAILED, "the grant was not confirmed");
		s->r->timer = step_later(s, s->p->grant_timeout);
		return;
	}
	if (h != NULL)
		step_mark(s, h)->failed = ++s->r->failures;
	s->r->count.failed++;
	step_answer(s, ROLE_TOLD_TIMED_OUT,
	    "%s did not confirm the grant within grant_timeout",
	    step_name(s, s->r->d.holder));
	step_decided(s, ROLE_FAILED, "the grant was not confirmed");
	move_revoke(s, 1, ROLE_AIM_ANY, 0, "the grant was not confirmed");
}

static void
ask_tick(struct step *s)
{
	struct role	  *r = s->r;
	struct role_agent *x;

	if (r->asked == 0 || s->now.us < r->ask_until.us)
		return;
	x = step_find(s, r->asked, &r->hint[2]);
	if (x != NULL && x->last_heard.us < r->asked_at.us) {
		step_mark(s, x)->failed = ++r->failures;
		step_note(s, "%s did not answer", x->name);
	}
	r->asked = 0;
}

/* Nothing is moved while control_status is off, but what the holder fired is
 * not fired any more. */
static void
unwatched(struct step *s)
{
	s->r->timer = MONO_NEVER;
	if (s->r->d.holder != 0 && s->r->state == ROLE_WAIT)
		move_none(s, "control_status is off: muster setting set "
		    "control_status=true");
}

static void
tick(struct step *s)
{
	struct role *r = s->r;

	ask_tick(s);
	if (s->now.us >= r->sync.until.us)
		op_drop_sync(s, ROLE_TOLD_TIMED_OUT,
		    "not in sync within connection_timeout");
	if (r->state == ROLE_REVOKING &&
	    (s->now.us >= r->timer.us || MUTANT(MUTANT_NO_FENCE))) {
		move_revoked(s, false);
		return;
	}
	if (s->now.us < r->timer.us) {
		move_try(s);
		return;
	}
	if (r->state == ROLE_GRANTING) {
		grant_failed(s);
		return;
	}
	if (r->state == ROLE_HELD)	/* unheard, and the link looks alive */
		step_state(s, ROLE_WAIT, "the holder is unheard");
	if (!step_fence_passed(s))
		r->timer = r->fence;
	else if (r->observing)
		unwatched(s);
	else
		move_give_up(s);
}

static void
disconnected(struct step *s)
{
	struct role *r = s->r;

	if (r->sync.agent == s->who->id)
		op_drop_sync(s, ROLE_TOLD_REFUSED, "not connected any more");
	if (r->asked == s->who->id)
		r->asked = 0;
	if (r->proposal.to == s->who->id)
		step_lapse(s, "it is not connected any more");
	/* The timer goes on: it counts from the last heartbeat. */
	if (r->state == ROLE_HELD && s->who->id == r->d.holder) {
		step_state(s, ROLE_WAIT, "the holder is disconnected");
		if (MUTANT(MUTANT_CASE1_AT_ONCE))
			r->timer = s->now;
	}
	move_try(s);
}

/* control_status is switched off: a move that waits is abandoned, or it would
 * go on whenever somebody switches it on again.  A grant that was sent is out
 * of our hands; an OFF too, but who comes next is not. */
static void
abandon(struct step *s)
{
	struct role_durable *d = &s->r->d;

	op_drop_sync(s, ROLE_TOLD_REFUSED,
	    "control_status was switched off meanwhile");
	s->r->asked = 0;
	if (!d->intent || d->aim == ROLE_AIM_NOBODY)
		return;
	step_answer(s, ROLE_TOLD_REFUSED, "control_status was switched off: "
	    "the move is abandoned%s", s->r->state == ROLE_REVOKING ?
	    ", the Scheduler was sent OFF already" : "");
	step_decided(s, ROLE_FAILED, "control_status was switched off");
	d->aim = ROLE_AIM_ANY;
	d->target = d->avoid = 0;
	d->lifts = 0;
	d->intent = s->r->state == ROLE_REVOKING;
	step_persist(s);
}

/* control_status: "on again: WAIT timer restarts". */
static void
observe(struct step *s)
{
	struct role *r = s->r;
	bool	     was = r->observing, now = !s->p->control_status;

	if (s->p->off_timeout > r->d.fence_ms) {
		r->d.fence_ms = s->p->off_timeout;
		step_persist(s);
	}
	if (now && !was)
		abandon(s);
	if (was && !now && r->state == ROLE_WAIT && !r->d.vacant)
		move_wait(s, "control_status is on");
	r->observing = now;
	if (was && !now) {
		const struct role_agent *h = step_holder(s);

		r->drained = h != NULL && h->drained;
	}
	if (now)
		step_lapse(s, "control_status is off");
	else if (r->proposal.move != 0 && s->p->control != ROLE_ADVISE)
		step_lapse(s, "control is not advise");
}

/* A longer connection_timeout lengthens the wait under way, a shorter one
 * counts from now at the latest; the fence alone decides what is safe. */
static void
settings(struct step *s)
{
	struct role *r = s->r;
	int64_t	     ms = s->p->connection_timeout;

	r->switch_after = mono_min(r->switch_after,
	    step_later(s, s->p->switch_min_interval));
	if ((r->state == ROLE_WAIT || r->state == ROLE_HELD) &&
	    r->timer.us != MONO_NEVER.us) {
		if (ms > r->waits)
			r->timer = mono_add_ms(r->timer, ms - r->waits);
		r->timer = mono_min(r->timer, step_later(s, ms));
		r->waits = ms;
	}
	move_try(s);
}

void
role_step(struct role *r, const struct role_policy *p, struct role_agent *a,
    size_t n, const struct role_event *ev, struct role_out *out)
{
	struct step s = { r, p, a, n, ev, out, NULL, ev->now.mono, 0 };
	size_t	    hint = ev->at;
	bool	    opened;

	step_start(&s);
	s.who = step_find(&s, ev->agent, &hint);
	opened = r->fence.us != 0 && s.now.us >= r->fence.us;
	if (opened)
		r->fence = (mono){ 0 };
	observe(&s);
	switch (ev->kind) {
	case ROLE_EV_TICK:
		tick(&s);
		break;
	case ROLE_EV_HEARTBEAT:
		if (s.who != NULL)
			heartbeat(&s);
		break;
	case ROLE_EV_CONNECT:
		if (s.who != NULL && s.who->marks.failed != 0)
			step_mark(&s, s.who)->failed = 0;
		break;
	case ROLE_EV_DISCONNECT:
		if (s.who != NULL)
			disconnected(&s);
		break;
	case ROLE_EV_LEAVING:
		if (s.who != NULL)
			op_leaving(&s);
		break;
	case ROLE_EV_OP_ON:
	case ROLE_EV_OP_OFF:
	case ROLE_EV_OP_RELEASE:
	case ROLE_EV_OP_CONFIRM:
		op_event(&s);
		break;
	case ROLE_EV_SETTINGS:
		settings(&s);
		break;
	case ROLE_NEVENTS:
		break;
	}
	if (opened)	/* what waited for it, whatever event this was */
		move_try(&s);
	step_end(&s);
}
