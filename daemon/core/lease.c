/*
 *           GRANT (epoch > floor)                heartbeat acknowledged
 *   OFF ---------------------------> ON, at work <-----------------+
 *    ^                                |      |                     |
 *    |  OFF (epoch >= mine), key      |      | lease over, restart |
 *    +--------------------------------+      v                     |
 *    |  cleared, off at this node         ON, suspended -----------+
 *    +------------------------------------+   (restart: GRANT only)
 */
#include <string.h>

#include "core/lease.h"
#include "core/mutant.h"

static void
act(struct lease_out *out, enum lease_act_kind kind, const char *why)
{
	if (kind == LEASE_ACT_BEAT && out->n > 0 &&
	    out->act[out->n - 1].kind == LEASE_ACT_BEAT)
		return;
	if (out->n < LEASE_MAX_ACTS)
		out->act[out->n++] = (struct lease_act){ kind, why };
}

void
lease_boot(struct lease *l, const struct lease_durable *d, int64_t start,
    bool key)
{
	struct lease_durable kept = *d;	/* it may be l's own */

	memset(l, 0, sizeof(*l));
	l->d = kept;
	l->start = start;
	l->key = key;
}

void
lease_reset(struct lease *l, bool on)
{
	struct lease_durable d = { .on = on };

	lease_boot(l, &d, l->start, l->key);
}

enum lease_fire
lease_may_fire(const struct lease *l, const struct lease_policy *p, mono now)
{
	if (!l->d.on || (!l->granted && !MUTANT(MUTANT_ALONE_FRESH)))
		return LEASE_FIRE_NO;
	if (now.us < l->end.us)
		return LEASE_FIRE_YES;
	if (p->go_on && MUTANT(MUTANT_LOCAL_FIRES))
		return LEASE_FIRE_YES;
	return p->go_on ? LEASE_FIRE_LOCAL : LEASE_FIRE_NO;
}

mono
lease_next_deadline(const struct lease *l)
{
	return l->working ? l->end : MONO_NEVER;
}

int64_t
lease_left(const struct lease *l, mono now)
{
	if (!l->d.on || !l->granted || now.us >= l->end.us)
		return 0;
	return mono_diff_ms(l->end, now);
}

void
lease_say(const struct lease *l, mono now, struct lease_beat *b)
{
	*b = (struct lease_beat){
		.on = l->d.on,
		.suspended = l->d.on && (!l->granted || now.us >= l->end.us),
		.fresh = l->d.on && !l->granted,
		.held = l->d.held,
		.epoch = l->d.epoch, .floor = l->d.floor,
		.start = l->start, .seq = l->seq,
	};
}

/* The lease counts from the sending of the heartbeat that is answered; one
 * that is not known here (an earlier session or start) extends nothing. */
static void
extend(struct lease *l, const struct lease_event *ev)
{
	size_t i = (size_t)(ev->seq % LEASE_RING);
	mono   end;

	if (ev->seq <= 0 || ev->lease_ms <= 0)
		return;
	if (MUTANT(MUTANT_LEASE_RECEIPT)) {
		l->end = mono_add_ms(ev->now.mono, ev->lease_ms);
		return;
	}
	if (l->sent[i].seq != ev->seq ||
	    (ev->start != l->start && !MUTANT(MUTANT_NO_INCARNATION)))
		return;
	end = mono_add_ms(l->sent[i].at, ev->lease_ms);
	if (end.us > l->end.us)
		l->end = end;
}

static void
beat(struct lease *l, const struct lease_event *ev)
{
	size_t i;

	l->seq++;
	i = (size_t)(l->seq % LEASE_RING);
	l->sent[i].seq = l->seq;
	l->sent[i].at = ev->now.mono;
}

/* Why the grant is not taken, or NULL. */
static const char *
refuse(const struct lease *l, const struct lease_event *ev)
{
	bool again = l->d.on && ev->epoch == l->d.epoch && ev->epoch > 0;

	if (!l->key)
		return "this node is not under role control";
	if (ev->start != l->start && !MUTANT(MUTANT_NO_INCARNATION))
		return "the grant belongs to an earlier start";
	if (MUTANT(MUTANT_FLOOR_NONE))
		return NULL;
	if (MUTANT(MUTANT_FLOOR_BELOW) && ev->epoch == l->d.floor)
		again = true;
	/* "At or below": a late copy of a grant that was revoked. */
	if (ev->epoch <= l->d.floor && !again)
		return "the grant is at or below the floor";
	if (l->d.held != 0 && ev->lifts != l->d.held &&
	    !MUTANT(MUTANT_LIFT_ANY))
		return "turned off at this node";
	return NULL;
}

static void
grant(struct lease *l, const struct lease_event *ev, struct lease_out *out)
{
	const char *why = refuse(l, ev);

	if (why != NULL) {	/* no heartbeat: it would be granted again */
		act(out, LEASE_ACT_REFUSE, why);
		return;
	}
	l->d.on = true;
	l->d.held = 0;
	l->d.epoch = ev->epoch;
	if (ev->epoch > l->d.floor)
		l->d.floor = ev->epoch;
	l->granted = true;
	extend(l, ev);
	act(out, LEASE_ACT_PERSIST, NULL);
	act(out, LEASE_ACT_CURSORS, NULL);
	act(out, LEASE_ACT_BEAT, NULL);
}

static void
turn_off(struct lease *l, int64_t floor, struct lease_out *out)
{
	l->d.on = false;
	l->granted = false;
	l->end = (mono){ 0 };
	if (floor > l->d.floor)
		l->d.floor = floor;
	act(out, LEASE_ACT_PERSIST, NULL);
	act(out, LEASE_ACT_BEAT, NULL);
}

static void
off(struct lease *l, const struct lease_event *ev, struct lease_out *out)
{
	if (ev->epoch < l->d.epoch && !MUTANT(MUTANT_OLD_OFF)) {
		act(out, LEASE_ACT_REFUSE, "the off is below its epoch");
		return;
	}
	if (l->d.on || ev->epoch > l->d.floor)
		turn_off(l, ev->epoch, out);
	else
		act(out, LEASE_ACT_BEAT, NULL);
}

static void
ack(struct lease *l, const struct lease_event *ev, struct lease_out *out)
{
	if (!l->d.on || ev->epoch != l->d.epoch)
		act(out, LEASE_ACT_REFUSE, "not the epoch of this node");
	else if (!l->granted)
		act(out, LEASE_ACT_REFUSE, "restarted: needs a new grant");
	else
		extend(l, ev);
}

/* Clearing the key, or off at the node: out with the own epoch as floor. */
static void
own_off(struct lease *l, bool held, struct lease_out *out)
{
	if (held)
		l->d.held = ++l->d.holds;
	if (l->d.on)
		turn_off(l, l->d.epoch, out);
	else if (held) {
		act(out, LEASE_ACT_PERSIST, NULL);
		act(out, LEASE_ACT_BEAT, NULL);
	}
}

static void
step(struct lease *l, const struct lease_event *ev, struct lease_out *out)
{
	switch (ev->kind) {
	case LEASE_EV_TICK:
		break;
	case LEASE_EV_BEAT:
		beat(l, ev);
		break;
	case LEASE_EV_SESSION:
		memset(l->sent, 0, sizeof(l->sent));
		break;
	case LEASE_EV_GRANT:
		grant(l, ev, out);
		break;
	case LEASE_EV_ACK:
		ack(l, ev, out);
		break;
	case LEASE_EV_OFF:
		off(l, ev, out);
		break;
	case LEASE_EV_KEY:
		l->key = ev->key;
		if (!l->key)
			own_off(l, false, out);
		act(out, LEASE_ACT_BEAT, NULL);
		break;
	case LEASE_EV_HOLD:
		own_off(l, true, out);
		break;
	case LEASE_EV_RELEASE:
		if (l->d.held == 0)
			break;
		if (ev->lifts != l->d.held) {
			act(out, LEASE_ACT_REFUSE, "turned off at this node "
			    "since");
			break;
		}
		l->d.held = 0;
		act(out, LEASE_ACT_PERSIST, NULL);
		act(out, LEASE_ACT_BEAT, NULL);
		break;
	case LEASE_NEVENTS:
		break;
	}
}

void
lease_step(struct lease *l, const struct lease_policy *p,
    const struct lease_event *ev, struct lease_out *out)
{
	struct lease_out tail = { .n = 0 };
	bool		 can;

	out->n = 0;
	step(l, ev, &tail);
	can = lease_may_fire(l, p, ev->now.mono) == LEASE_FIRE_YES;
	/* It stops before anything else, and starts after the disk knows. */
	if (l->working && !can)
		act(out, LEASE_ACT_STOP, l->d.on ? "the lease ran out" : "off");
	for (size_t i = 0; i < tail.n; i++) {
		if (tail.act[i].kind == LEASE_ACT_BEAT && !l->working && can) {
			act(out, LEASE_ACT_START, NULL);
			l->working = true;
		}
		act(out, tail.act[i].kind, tail.act[i].why);
	}
	if (!l->working && can)
		act(out, LEASE_ACT_START, NULL);
	l->working = can;
}
