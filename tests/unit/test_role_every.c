/* Enumeration: every state of the role that can occur x every event x facts,
 * and the rules of SPEC section 4 asserted for each step.  States and events
 * are all of them; what else is true of the agents and the broker is drawn for
 * each from a fixed seed (MUSTER_SEED), MUSTER_DRAWS times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/role.h"

enum { N = 3, GONE = 9, NOW = 1000000000, SECOND = 1000000 };
enum { OP = 1, OP_BEFORE = 2, OP_SYNC = 3 };

struct step {
	struct role	  was, r;
	struct role_agent a[N], am[N];	/* before, after */
	struct role_policy p;
	struct role_event  ev;
	struct role_out	   out;
	bool		   persisted;
};

static struct {
	unsigned long steps;
	unsigned long acts[ROLE_NACTS], told[ROLE_TOLD_UNKNOWN + 1],
	    outcomes[ROLE_CONFIRMED + 1], alerts[ROLE_NALERTS],
	    moves[6], between[ROLE_NSTATES][ROLE_NEVENTS][ROLE_NSTATES];
} seen;

static uint64_t draw_state;

static uint64_t
draw(void)
{
	uint64_t x = draw_state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static bool
one_in(unsigned n)
{
	return draw() % n == 0;
}

/* move and lifts alone are not worth a commit */
static bool
same(const struct role_durable *a, const struct role_durable *b)
{
	return a->epoch == b->epoch && a->holder == b->holder &&
	    a->intent == b->intent && a->aim == b->aim &&
	    a->target == b->target && a->avoid == b->avoid &&
	    a->vacant == b->vacant && a->restored == b->restored &&
	    a->off_below == b->off_below && a->pinned == b->pinned &&
	    a->pin_until.ms == b->pin_until.ms && a->pin_ms == b->pin_ms &&
	    a->switched.ms == b->switched.ms && a->fence_ms == b->fence_ms;
}

static const struct role_agent *
before(const struct step *s, int64_t id)
{
	return id >= 1 && id <= N ? &s->a[id - 1] : NULL;
}

/* The holder's heartbeat says OFF, with a floor that refuses its epoch. */
static bool
proof(const struct step *s)
{
	const struct role_agent *who = before(s, s->ev.agent);

	return s->ev.kind == ROLE_EV_HEARTBEAT && who != NULL &&
	    who->id == s->was.d.holder && !who->beat.on &&
	    who->beat.floor >= s->was.d.epoch;
}

static bool
by_operator(const struct step *s, int64_t id)
{
	const struct role_durable *d = &s->was.d;

	return s->ev.kind == ROLE_EV_OP_ON || s->was.sync.agent == id ||
	    s->ev.kind == ROLE_EV_OP_CONFIRM ||
	    (d->intent && d->aim == ROLE_AIM_AGENT && d->target == id);
}

/* The target of a move: another one follows, as in case 5. */
static bool
off_at_itself(const struct step *s)
{
	const struct role_durable *d = &s->was.d;

	return s->ev.kind == ROLE_EV_HEARTBEAT && d->intent &&
	    d->aim == ROLE_AIM_AGENT && d->target == s->ev.agent &&
	    before(s, s->ev.agent)->beat.held != 0;
}

static void
check_grant(const struct step *s, const struct role_act *x)
{
	const struct role_agent *to = before(s, x->agent);
	const struct role	*was = &s->was;
	bool			 again = x->epoch == was->d.epoch;

	assert_non_null(to);
	assert_true(to->connected);
	assert_true(s->p.control_status);
	/* "Before every grant": the proof, or every lease is over. */
	assert_true(x->agent == was->d.holder || proof(s) ||
	    was->fence.us <= NOW);
	if (again)
		assert_true(x->agent == was->d.holder);
	else	/* on disk before it is sent */
		assert_true(s->persisted && x->epoch == s->r.d.epoch &&
		    x->epoch > was->d.epoch);
	assert_true(s->r.fence.us >= mono_add_ms((mono){ NOW },
	    s->p.off_timeout).us);
	assert_true(s->r.state == ROLE_GRANTING &&
	    s->r.d.holder == x->agent && !s->r.d.intent);
	assert_true(x->start == to->beat.start && x->seq == to->beat.seq);
	assert_int_equal(x->lease_ms, s->p.lease);
	if (x->agent == was->d.holder)
		return;
	assert_int_equal(role_why_not(was, to, ROLE_FOR_TARGET), ROLE_FIT);
	assert_false(s->r.d.vacant);
	assert_true(!to->marks.held_off || by_operator(s, x->agent) ||
	    s->ev.kind == ROLE_EV_OP_RELEASE);
	/* What an operator says at the node is newer than what was chosen. */
	assert_true(to->beat.held == 0 || to->beat.held == x->lifts);
	/* Nobody but an operator moves it unless control is auto; a move that
	 * was begun is finished. */
	assert_true(s->p.control == ROLE_AUTO || by_operator(s, x->agent) ||
	    s->ev.kind == ROLE_EV_OP_OFF || s->ev.kind == ROLE_EV_LEAVING ||
	    (was->d.intent && was->d.aim == ROLE_AIM_OTHER) ||
	    off_at_itself(s));
}

static void
check_act(const struct step *s, const struct role_act *x)
{
	const struct role_agent *to = before(s, x->agent);

	switch (x->kind) {
	case ROLE_ACT_GRANT:
		check_grant(s, x);
		break;
	case ROLE_ACT_ACK:	/* the holder's heartbeat, and no other's */
		assert_true(x->agent == s->was.d.holder &&
		    x->agent == s->ev.agent &&
		    s->ev.kind == ROLE_EV_HEARTBEAT &&
		    x->epoch == s->was.d.epoch && s->r.state == ROLE_HELD &&
		    s->was.state != ROLE_REVOKING);
		assert_true(to->beat.on && !to->beat.fresh &&
		    to->beat.epoch == x->epoch);
		assert_true(x->seq == to->beat.seq &&
		    x->start == to->beat.start);
		assert_true(s->r.fence.us >= mono_add_ms((mono){ NOW },
		    s->p.off_timeout).us);
		break;
	case ROLE_ACT_OFF:
		assert_true(s->p.control_status);
		assert_true(to != NULL && to->connected);
		/* A grant may follow in the same step: it wins, in whatever
		 * order the two arrive. */
		assert_true(x->epoch == s->r.d.epoch ||
		    x->epoch == s->was.d.epoch);
		break;
	case ROLE_ACT_ASK:
		assert_true(s->p.control_status);
		assert_true(to != NULL && to->connected);
		break;
	case ROLE_ACT_RELEASE:
		assert_true(s->ev.kind == ROLE_EV_OP_RELEASE &&
		    x->agent == s->ev.agent && to->connected);
		break;
	case ROLE_ACT_TELL:
		assert_true(x->op >= OP && x->op <= OP_SYNC);
		assert_true(x->text[0] != '\0');
		seen.told[x->told]++;
		break;
	case ROLE_ACT_DECIDE:
		assert_true(x->move >= 1 && x->move <= 5);
		assert_true(x->text[0] != '\0');
		seen.moves[x->move]++;
		seen.outcomes[x->outcome]++;
		break;
	case ROLE_ACT_ALERT:
		assert_true(x->text[0] != '\0');
		seen.alerts[x->alert]++;
		break;
	case ROLE_ACT_PERSIST:
	case ROLE_ACT_STEP:
	case ROLE_ACT_CLEAR_ALERT:
	case ROLE_ACT_TRACE:
	case ROLE_NACTS:
		assert_int_not_equal(x->kind, ROLE_NACTS);
		break;
	}
	assert_non_null(memchr(x->text, '\0', sizeof(x->text)));
	seen.acts[x->kind]++;
}

/* Each opened decision is closed, once, and none is closed that was not
 * opened; one at a time, proposals too, for a record is closed by what comes
 * next, not by its number.  A wish is answered once. */
static void
check_records(const struct step *s)
{
	bool	 open = s->was.d.move != 0;
	bool	 proposed = s->was.proposal.move != 0;
	unsigned told = 0;

	for (size_t i = 0; i < s->out.n; i++) {
		const struct role_act *x = &s->out.act[i];

		if (x->kind == ROLE_ACT_TELL) {
			assert_true((told & 1u << x->op) == 0);
			told |= 1u << x->op;
		}
		if (x->kind != ROLE_ACT_DECIDE)
			continue;
		if (x->outcome == ROLE_PROPOSED) {
			assert_false(proposed);
			proposed = true;
		} else if (x->outcome == ROLE_LAPSED ||
		    x->outcome == ROLE_CONFIRMED) {
			assert_true(proposed);
			proposed = false;
		} else {
			assert_true(open == (x->outcome != ROLE_BEGUN));
			open = !open;
		}
		assert_false(open && proposed);
	}
	assert_true(open == (s->r.d.move != 0));
	assert_true(proposed == (s->r.proposal.move != 0));
	/* An operator's command is never forgotten. */
	if (s->was.op.id != 0 && s->r.op.id != s->was.op.id)
		assert_true((told & 1u << s->was.op.id) != 0);
	if (s->was.sync.agent != 0 && s->r.sync.agent == 0 &&
	    s->r.op.id != OP_SYNC)
		assert_true((told & 1u << OP_SYNC) != 0);
	if (s->ev.op == OP && s->r.op.id != OP && (s->r.sync.agent == 0 ||
	    s->r.sync.op != OP))
		assert_true((told & 1u << OP) != 0);
}

static void
check_state(const struct step *s, int news)
{
	const struct role *r = &s->r, *was = &s->was;
	int64_t		   epoch = was->d.epoch, floor = 0;

	assert_true(r->state != ROLE_HELD || (r->d.holder != 0 &&
	    !r->d.intent));
	assert_true(r->state != ROLE_GRANTING || (r->d.holder != 0 &&
	    !r->d.intent));
	assert_true(r->state != ROLE_REVOKING || r->d.intent);
	/* The epoch rises by one with a grant, or to a floor heard of. */
	if (s->ev.kind == ROLE_EV_HEARTBEAT && before(s, s->ev.agent) != NULL)
		floor = before(s, s->ev.agent)->beat.floor;
	if (floor > epoch && floor < INT64_MAX / 2)
		epoch = floor;
	assert_int_equal(r->d.epoch, epoch + news);
	/* What a broker must wait for gets shorter by a proof, or by time. */
	assert_true(r->fence.us >= was->fence.us || was->fence.us <= NOW ||
	    proof(s) || (was->state == ROLE_REVOKING &&
	    s->ev.kind == ROLE_EV_TICK && was->timer.us <= NOW));
	assert_true(!r->d.vacant || r->state != ROLE_GRANTING ||
	    was->state == ROLE_GRANTING);
	assert_true(r->proposal.move == 0 || (s->p.control == ROLE_ADVISE &&
	    s->p.control_status));
	assert_true((r->proposal.move != 0) == ((r->alerts &
	    1u << ROLE_ALERT_PROPOSAL) != 0));
	if (s->ev.kind == ROLE_EV_TICK)	/* or the loop would spin */
		assert_true(role_next_deadline(r).us > NOW);
}

static void
check_step(struct step *s)
{
	int grants = 0, acks = 0, news = 0;

	assert_true(s->out.n < ROLE_MAX_ACTS);
	assert_true(s->out.nmarks <= ROLE_MAX_MARKS);
	s->persisted = s->out.n > 0 &&
	    s->out.act[0].kind == ROLE_ACT_PERSIST;
	for (size_t i = 0; i < s->out.n; i++) {
		const struct role_act *x = &s->out.act[i];

		assert_true(i == 0 || x->kind != ROLE_ACT_PERSIST);
		check_act(s, x);
		grants += x->kind == ROLE_ACT_GRANT;
		news += x->kind == ROLE_ACT_GRANT &&
		    x->epoch != s->was.d.epoch;
		acks += x->kind == ROLE_ACT_ACK;
		/* Never ON and OFF, or renewed and OFF, in one breath. */
		if (x->kind == ROLE_ACT_OFF)
			assert_true(s->r.state != ROLE_HELD ||
			    x->agent != s->r.d.holder);
	}
	assert_true(grants + acks <= 1);
	assert_true(s->persisted || same(&s->was.d, &s->r.d));
	check_state(s, news);
	check_records(s);
	for (int i = 0; i < N; i++)
		assert_true(s->persisted || (s->a[i].marks.held_off ==
		    s->am[i].marks.held_off && s->a[i].marks.want_off ==
		    s->am[i].marks.want_off));
	role_undo(s->am, N, &s->out);
	for (int i = 0; i < N; i++)
		assert_memory_equal(&s->a[i].marks, &s->am[i].marks,
		    sizeof(s->a[i].marks));
	seen.steps++;
	seen.between[s->was.state][s->ev.kind][s->r.state]++;
}

/* ---- states ---- */

struct shape {
	enum role_state state;
	int64_t holder;			/* 0, 1, GONE */
	int	aim;			/* ROLE_NAIMS: no intent */
	int64_t target;
	int	fence, timer;		/* 0 over, 1 just over, 2 to come */
	int	control;		/* 3: control_status off; 4: just now */
};

/* Whether it can occur at all. */
static bool
occurs(const struct shape *h)
{
	bool intent = h->aim != ROLE_NAIMS;

	if ((h->aim != ROLE_AIM_AGENT && h->target != 1))
		return false;
	if (h->state == ROLE_HELD || h->state == ROLE_GRANTING)
		return h->holder != 0 && !intent;
	if (h->state == ROLE_REVOKING)	/* its timer is not before the fence */
		return h->holder != 0 && intent && h->timer >= h->fence;
	if (h->aim == ROLE_AIM_NOBODY)
		return false;
	return !intent || h->holder == 0 || (h->aim == ROLE_AIM_AGENT &&
	    h->target == h->holder);
}

static mono
when(int k, int64_t never)
{
	return (mono){ k == 0 ? never : k == 1 ? NOW : NOW + 3 * SECOND };
}

static void
draw_role(struct role *r, const struct shape *h)
{
	bool intent = h->aim != ROLE_NAIMS;

	memset(r, 0, sizeof(*r));
	r->state = h->state;
	r->d = (struct role_durable){ .epoch = 7, .holder = h->holder,
	    .intent = intent, .aim = intent ? (enum role_aim)h->aim
	    : ROLE_AIM_ANY, .fence_ms = one_in(4) ? 9000 : 5000,
	    .off_below = one_in(3) ? 6 : 0, .restored = h->holder == 0 && one_in(8) };
	r->d.target = r->d.aim == ROLE_AIM_AGENT ? h->target : 0;
	r->d.avoid = r->d.aim == ROLE_AIM_OTHER ? 1 : 0;
	r->d.lifts = r->d.aim == ROLE_AIM_AGENT && one_in(2) ? 3 : 0;
	r->d.vacant = r->d.aim == ROLE_AIM_NOBODY || (!intent &&
	    h->state == ROLE_WAIT && h->holder == 0 && one_in(4));
	r->fence = when(h->fence, 0);
	r->timer = h->timer == 0 && h->state == ROLE_WAIT ? MONO_NEVER
	    : when(h->timer, NOW - SECOND);
	r->waits = 15000;
	if (r->d.vacant && h->state == ROLE_WAIT)
		r->timer = MONO_NEVER;
	r->ready = h->state == ROLE_WAIT && !r->d.vacant && (intent
	    ? h->aim != ROLE_AIM_AGENT : r->timer.us == MONO_NEVER.us);
	r->d.move = intent ? 1 + (int)(draw() % 5) : one_in(2) &&
	    h->state == ROLE_GRANTING ? 1 : 0;
	if (intent && h->state != ROLE_HELD && one_in(2))
		r->op = (struct role_op){ OP_BEFORE, h->aim ==
		    ROLE_AIM_OTHER };
	if (one_in(3)) {
		r->d.pinned = 1 + (int64_t)(draw() % 2);
		r->d.pin_until.ms = 9000;
		r->d.pin_ms = 600000;
		r->pin_end.us = one_in(2) ? NOW : NOW + 5 * SECOND;
	}
	r->switch_after.us = one_in(3) ? NOW + 5 * SECOND : 0;
	if (h->state == ROLE_WAIT && (r->ready || intent) && one_in(2)) {
		r->asked = 2 + (int64_t)(draw() % 2);
		r->asked_at.us = NOW - (one_in(2) ? SECOND : 0);
		r->ask_until.us = NOW + (one_in(2) ? SECOND : 0);
	}
	r->observing = h->control == 3;
	if (r->observing)
		return;
	if (one_in(4)) {
		r->sync = (struct role_sync){ OP_SYNC,
		    1 + (int64_t)(draw() % 3), one_in(2) ? 3 : 0, 0,
		    { NOW + (one_in(2) ? SECOND : 0) } };
	}
	if (h->control == ROLE_ADVISE && one_in(3)) {
		int64_t to = 2 + (int64_t)(draw() % 2);

		if (h->state == ROLE_HELD)
			r->proposal = (struct role_proposal){
			    2 + (int)(draw() % 2), h->holder, to };
		else if (h->state == ROLE_WAIT && r->ready && !intent)
			r->proposal = (struct role_proposal){ 1, h->holder,
			    to };
	}
	if (r->proposal.move != 0)
		r->alerts = 1u << ROLE_ALERT_PROPOSAL;
}

static void
draw_agents(struct role_agent *a)
{
	static const char *const name[N] = { "a", "b", "c" };

	for (int i = 0; i < N; i++) {
		bool on = one_in(4);

		a[i] = (struct role_agent){ .id = i + 1, .name = name[i],
		    .connected = !one_in(4), .controlled = !one_in(5),
		    .worker = one_in(12), .drained = one_in(8),
		    .in_sync = !one_in(6), .clock_ok = !one_in(12),
		    .accepts = !one_in(12),
		    .reconnected_recently = one_in(4),
		    .condition_met = one_in(3), .health = (int)(draw() % 6),
		    .priority = (int)(draw() % 2), .running = (int)(draw() % 2),
		    .last_heard = { NOW - (int64_t)(draw() % 3) * SECOND },
		    .beat = { .on = on, .start = 9, .seq = 4, .floor = on ? 6
		    : 3, .epoch = on ? 6 : 0 },
		    .marks = { .held_off = one_in(5), .want_off = one_in(4),
		    .failed = one_in(5) ? (int)(draw() % 3) : 0 } };
	}
}

static const struct step *at;		/* until it is known to be right */

/* The step that broke a rule. */
static int
tell_where(void **unused)
{
	const struct role *r;

	(void)unused;
	if (at == NULL)
		return 0;
	r = &at->was;
	print_message("%s, %s of %lld: epoch %lld holder %lld aim %d/%d target "
	    "%lld vacant %d restored %d move %d asked %lld sync %lld proposal "
	    "%d->%lld pinned %lld fence %+lld timer %+lld ready %d op %lld, "
	    "control %d/%d -> %s\n", role_state_name(r->state),
	    role_event_name(at->ev.kind), (long long)at->ev.agent,
	    (long long)r->d.epoch, (long long)r->d.holder, r->d.intent,
	    (int)r->d.aim, (long long)r->d.target, r->d.vacant,
	    r->d.restored, r->d.move, (long long)r->asked,
	    (long long)r->sync.agent, r->proposal.move,
	    (long long)r->proposal.to, (long long)r->d.pinned,
	    (long long)(r->fence.us - NOW), (long long)(r->timer.us - NOW),
	    r->ready, (long long)r->op.id, (int)at->p.control,
	    at->p.control_status, role_state_name(at->r.state));
	for (int i = 0; i < N; i++) {
		const struct role_agent *a = &at->a[i];

		print_message("  %s: %sconnected controlled %d drained %d sync "
		    "%d condition %d on %d fresh %d held %lld epoch %lld floor "
		    "%lld held_off %d want_off %d failed %d\n", a->name,
		    a->connected ? "" : "not ", a->controlled, a->drained,
		    a->in_sync, a->condition_met, a->beat.on, a->beat.fresh,
		    (long long)a->beat.held, (long long)a->beat.epoch,
		    (long long)a->beat.floor, a->marks.held_off,
		    a->marks.want_off, a->marks.failed);
	}
	for (size_t k = 0; k < at->out.n; k++)
		print_message("  -> %s %lld: %d %s\n",
		    role_act_name(at->out.act[k].kind),
		    (long long)at->out.act[k].agent,
		    (int)at->out.act[k].outcome, at->out.act[k].text);
	return 0;
}

static void
run(struct step *s, const struct shape *h)
{
	at = s;
	draw_role(&s->was, h);
	s->r = s->was;
	memcpy(s->am, s->a, sizeof(s->a));
	role_step(&s->r, &s->p, s->am, N, &s->ev, &s->out);
	check_step(s);
	at = NULL;
}

/* What the newest heartbeat may say. */
static bool
beat_of(struct lease_beat *b, unsigned k)
{
	static const int64_t epoch[] = { 0, 5, 7 }, floor[] = { 5, 7, 9,
	    INT64_MAX };
	unsigned status = k & 3;

	if (k / 4 % 4 == 3)
		return false;
	*b = (struct lease_beat){ .on = status < 2, .fresh = status == 1,
	    .suspended = status == 1, .held = status == 3 ? 3 : 0,
	    .epoch = epoch[k / 4 % 4], .floor = floor[k / 16],
	    .start = 9, .seq = 5 };
	return !b->on || b->floor >= b->epoch;
}

static void
heartbeats(struct step *s, const struct shape *h)
{
	for (int who = 0; who < N; who++)
	for (unsigned k = 0; k < 64; k++) {
		struct lease_beat b;

		if (!beat_of(&b, k))
			continue;
		draw_agents(s->a);
		s->a[who].connected = true;
		s->a[who].beat = b;
		s->a[who].last_heard.us = NOW;
		s->ev = (struct role_event){ .kind = ROLE_EV_HEARTBEAT,
		    .agent = who + 1, .at = (size_t)(draw() % 99),
		    .now = { { NOW }, { 5000 } } };
		run(s, h);
	}
}

static void
other_events(struct step *s, const struct shape *h)
{
	for (int k = 0; k < ROLE_NEVENTS; k++)
	for (int64_t who = 0; who <= N + 1; who++)
	for (unsigned flag = 0; flag < 2; flag++) {
		bool op = k >= ROLE_EV_OP_ON && k <= ROLE_EV_OP_CONFIRM;

		if (k == ROLE_EV_HEARTBEAT || (who == 0) != (k ==
		    ROLE_EV_TICK || k == ROLE_EV_SETTINGS ||
		    k == ROLE_EV_OP_CONFIRM))
			continue;
		draw_agents(s->a);
		s->ev = (struct role_event){ .kind = (enum role_event_kind)k,
		    .agent = who > N ? GONE : who, .at = (size_t)who - 1,
		    .op = op ? OP : 0, .epoch = op && one_in(8) ? 6 : 0,
		    .for_ms = one_in(2) ? 60000 : 0, .vacant = flag,
		    .held = one_in(2) ? 3 : 0,
		    .must = flag, .now = { { NOW }, { 5000 } } };
		if (who >= 1 && who <= N && k == ROLE_EV_CONNECT) {
			s->a[who - 1].connected = true;
			memset(&s->a[who - 1].beat, 0,
			    sizeof(s->a[who - 1].beat));
		} else if (who >= 1 && who <= N && k == ROLE_EV_DISCONNECT)
			s->a[who - 1].connected = false;
		run(s, h);
	}
}

static void
every_event(struct step *s, const struct shape *h, int draws)
{
	role_policy_default(&s->p);
	s->p.transfer_on_condition = true;
	s->p.control_status = h->control < 3;
	s->p.control = h->control < 3 ? (enum role_control)h->control
	    : ROLE_AUTO;
	for (int k = 0; k < draws; k++) {
		heartbeats(s, h);
		other_events(s, h);
	}
}

static int64_t
number(const char *name, int64_t usual)
{
	const char *v = getenv(name);

	return v != NULL ? strtoll(v, NULL, 10) : usual;
}

static void
every_state_event_and_fact_keeps_the_rules(void **unused)
{
	static const int64_t who[] = { 0, 1, GONE }, aims[] = { 1, 2, GONE };
	static struct step   s;
	int		     draws = (int)number("MUSTER_DRAWS", 12);
	struct shape	     h;
	unsigned long	     states = 0;

	(void)unused;
	draw_state = (uint64_t)number("MUSTER_SEED", 1);
	for (int state = 0; state < ROLE_NSTATES; state++)
	for (int holder = 0; holder < 3; holder++)
	for (int aim = 0; aim <= ROLE_NAIMS; aim++)
	for (int target = 0; target < 3; target++)
	for (int fence = 0; fence < 3; fence++)
	for (int timer = 0; timer < 3; timer++)
	for (int control = 0; control < 5; control++) {
		h = (struct shape){ (enum role_state)state, who[holder], aim,
		    aims[target], fence, timer, control };
		if (!occurs(&h))
			continue;
		states++;
		every_event(&s, &h, draws);
	}
	print_message("seed %lld: %lu states, %lu steps\n",
	    (long long)number("MUSTER_SEED", 1), states, seen.steps);
}

/* What was never reached was not proved. */
static void
everything_was_visited(void **unused)
{
	unsigned n = 0;

	(void)unused;
	for (int k = 0; k < ROLE_NACTS; k++)
		assert_true(seen.acts[k] > 0);
	for (int k = 0; k <= ROLE_TOLD_UNKNOWN; k++)
		assert_true(seen.told[k] > 0);
	for (int k = 0; k <= ROLE_CONFIRMED; k++)
		assert_true(seen.outcomes[k] > 0);
	for (int k = 0; k < ROLE_NALERTS; k++)
		assert_true(seen.alerts[k] > 0);
	for (int k = 1; k <= 5; k++)
		assert_true(seen.moves[k] > 0);
	for (int from = 0; from < ROLE_NSTATES; from++)
		for (int ev = 0; ev < ROLE_NEVENTS; ev++)
			for (int to = 0; to < ROLE_NSTATES; to++)
				n += seen.between[from][ev][to] > 0;
	print_message("%u kinds of transitions (state, event, state)\n", n);
	assert_true(n > 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    every_state_event_and_fact_keeps_the_rules, tell_where),
		cmocka_unit_test(everything_was_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
