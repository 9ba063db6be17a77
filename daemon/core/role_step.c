#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/role_step.h"

struct role_agent *
step_find(struct step *s, int64_t id, size_t *hint)
{
	if (id <= 0)
		return NULL;
	if (*hint < s->n && s->a[*hint].id == id)
		return &s->a[*hint];
	for (size_t i = 0; i < s->n; i++)
		if (s->a[i].id == id) {
			*hint = i;
			return &s->a[i];
		}
	return NULL;
}

struct role_agent *
step_holder(struct step *s)
{
	return step_find(s, s->r->d.holder, &s->r->hint[0]);
}

struct role_agent *
step_target(struct step *s)
{
	if (!s->r->d.intent || s->r->d.aim != ROLE_AIM_AGENT)
		return NULL;
	return step_find(s, s->r->d.target, &s->r->hint[1]);
}

const char *
step_name(struct step *s, int64_t id)
{
	size_t hint = s->ev != NULL && s->ev->agent == id ? s->ev->at : 0;
	const struct role_agent *a = step_find(s, id, &hint);

	return id == 0 ? "nobody" : a == NULL ? "an agent that left" : a->name;
}

mono
step_later(struct step *s, int64_t ms)
{
	return mono_add_ms(s->now, ms);
}

void
step_wait(struct step *s)
{
	s->r->waits = s->p->connection_timeout;
	s->r->timer = step_later(s, s->r->waits);
}

bool
step_fence_passed(struct step *s)
{
	return s->r->fence.us == 0 || s->now.us >= s->r->fence.us ||
	    MUTANT(MUTANT_NO_FENCE);
}

static struct role_act *
act(struct step *s, enum role_act_kind kind)
{
	struct role_act *a;

	assert(s->out->n < ROLE_MAX_ACTS);
	a = &s->out->act[s->out->n++];
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	return a;
}

__attribute__((format(printf, 2, 0)))
static void
text(struct role_act *a, const char *fmt, va_list ap)
{
	if (!MUTANT(MUTANT_SILENT))
		(void)vsnprintf(a->text, sizeof(a->text), fmt, ap);
}

__attribute__((format(printf, 2, 3)))
static void
say(struct role_act *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text(a, fmt, ap);
	va_end(ap);
}

/* The first act is kept free for PERSIST: everything durable that a step
 * changes is on disk before any of its messages leaves. */
void
step_start(struct step *s)
{
	s->out->n = 0;
	s->out->nmarks = 0;
	(void)act(s, ROLE_NACTS);
}

void
step_end(struct step *s)
{
	struct role_act *a = s->out->act;

	if (a[0].kind == ROLE_ACT_PERSIST)
		return;
	s->out->n--;
	memmove(&a[0], &a[1], s->out->n * sizeof(a[0]));
}

void
step_persist(struct step *s)
{
	s->out->act[0].kind = ROLE_ACT_PERSIST;
}

struct role_marks *
step_mark(struct step *s, struct role_agent *a)
{
	size_t at = (size_t)(a - s->a), i;

	for (i = 0; i < s->out->nmarks; i++)
		if (s->out->mark[i].at == at)
			return &a->marks;
	assert(s->out->nmarks < ROLE_MAX_MARKS);
	s->out->mark[i].at = at;
	s->out->mark[i].was = a->marks;
	s->out->nmarks++;
	return &a->marks;
}

void
step_want_off(struct step *s, struct role_agent *a)
{
	if (a == NULL || a->marks.want_off)
		return;
	step_mark(s, a)->want_off = true;
	step_persist(s);
}

void
step_state(struct step *s, enum role_state state, const char *why)
{
	struct role_act *a = act(s, ROLE_ACT_TRACE);

	say(a, "%s -> %s: %s (%s, epoch %lld)", role_state_name(s->r->state),
	    role_state_name(state), why, step_name(s, s->r->d.holder),
	    (long long)s->r->d.epoch);
	s->r->state = state;
	step_lapse(s, why);
	if (state != ROLE_HELD)
		step_calm(s, ROLE_ALERT_NO_SPARE);
}

/* The OFF carries the broker's current epoch, so that the floor which it
 * leaves refuses every grant made so far. */
void
step_off(struct step *s, const struct role_agent *a)
{
	struct role_act *x;

	if (a == NULL || !a->connected || s->r->observing)
		return;
	x = act(s, ROLE_ACT_OFF);
	x->agent = a->id;
	x->epoch = s->r->d.epoch;
	s->r->count.offs++;
}

/* Whatever leaves extends what the broker must wait for.  The lease counts
 * from the sending of the heartbeat, which was before its arrival; that may be
 * newer than an event that had to wait for the disk. */
static void
fence(struct step *s, const struct role_agent *a)
{
	mono at = a->last_heard.us > s->now.us ? a->last_heard : s->now;
	mono end = mono_add_ms(at, s->p->off_timeout);

	if (end.us > s->r->fence.us)
		s->r->fence = end;
}

static void
answer_beat(struct step *s, struct role_act *x, const struct role_agent *a)
{
	x->agent = a->id;
	x->lease_ms = s->p->lease;
	x->start = a->beat.start;
	x->seq = a->beat.seq;
}

void
step_ack(struct step *s, const struct role_agent *a)
{
	struct role_act *x = act(s, ROLE_ACT_ACK);

	answer_beat(s, x, a);
	x->epoch = s->r->d.epoch;
	fence(s, a);
	s->r->count.renewals++;
}

void
step_ask(struct step *s, const struct role_agent *a)
{
	struct role_act *x;

	if (a == NULL || !a->connected || s->r->observing)
		return;
	s->r->asked = a->id;
	s->r->asked_at = s->now;
	s->r->ask_until = step_later(s, s->p->grant_timeout);
	x = act(s, ROLE_ACT_ASK);
	x->agent = a->id;
}

void
step_release(struct step *s, const struct role_agent *a, int64_t lifts)
{
	struct role_act *x;

	if (!a->connected)
		return;
	x = act(s, ROLE_ACT_RELEASE);
	x->agent = a->id;
	x->lifts = lifts;
}

bool
step_held_since(const struct role_agent *a, int64_t lifts)
{
	return a->beat.held != 0 && a->beat.held != lifts &&
	    !MUTANT(MUTANT_LIFT_ANY);
}

void
step_grant(struct step *s, struct role_agent *a, bool again)
{
	struct role    *r = s->r;
	struct role_act *x;

	assert(a->id == r->d.holder || step_fence_passed(s));
	if (!again) {
		bool	same = a->id == r->d.holder;
		int64_t ms = s->p->off_timeout;

		/* A lease of the former policy may yet last at the same
		 * agent; at another it has ended. */
		if (!same || ms > r->d.fence_ms)
			r->d.fence_ms = ms;
		r->d.epoch++;
		r->granted_start = a->beat.start;
		r->d.holder = a->id;
		r->d.restored = r->d.fenced = false;
		step_persist(s);
		r->count.grants++;
	} else
		r->count.regrants++;
	if (r->d.intent || a->marks.want_off) {
		r->d.intent = false;
		r->d.aim = ROLE_AIM_ANY;
		r->d.target = r->d.avoid = 0;
		step_mark(s, a)->want_off = false;
		step_persist(s);
	}
	r->ready = false;
	r->asked = 0;
	fence(s, a);
	if (r->state != ROLE_GRANTING || !again)
		r->timer = step_later(s, s->p->grant_timeout);
	if (r->state != ROLE_GRANTING)
		step_state(s, ROLE_GRANTING, again ? "granted again"
		    : "granted");
	x = act(s, ROLE_ACT_GRANT);
	answer_beat(s, x, a);
	x->epoch = r->d.epoch;
	x->lifts = r->d.lifts;
	if (!again)
		step_note(s, "granted epoch %lld to %s",
		    (long long)r->d.epoch, a->name);
}

/* One record is open at a time; a proposal that still holds is made again. */
static void
end_former(struct step *s, int move, int64_t to, const char *why)
{
	char by[ROLE_TEXT];

	if (s->r->d.move == 0 && s->r->proposal.move == 0)
		return;
	(void)snprintf(by, sizeof(by), "superseded by case %d%s%s: %s", move,
	    to != 0 ? ", " : "", to != 0 ? step_name(s, to) : "", why);
	step_decided(s, ROLE_SUPERSEDED, by);
	step_lapse(s, by);
}

void
step_decide(struct step *s, int move, int64_t from, int64_t to,
    const char *why)
{
	struct role_act *x;

	end_former(s, move, to, why);
	x = act(s, ROLE_ACT_DECIDE);
	x->op = s->ev->op != 0 ? s->ev->op : s->r->op.id;
	x->move = s->r->d.move = move;
	x->from = from;
	x->agent = to;
	x->epoch = s->r->d.epoch;
	x->outcome = ROLE_BEGUN;
	say(x, "%s", why);
}

void
step_decided(struct step *s, enum role_outcome outcome, const char *why)
{
	struct role_act *x;

	if (s->r->d.move == 0)
		return;
	x = act(s, ROLE_ACT_DECIDE);
	x->move = s->r->d.move;
	x->agent = s->r->d.holder;
	x->epoch = s->r->d.epoch;
	x->outcome = outcome;
	say(x, "%s", why);
	s->r->d.move = 0;
}

/* A decision that needs no move: opened and closed.  While a move is under way
 * it is a step of that. */
void
step_ruled(struct step *s, int move, int64_t from, int64_t to, const char *why,
    const char *end)
{
	struct role_act *x;

	if (s->r->d.move != 0) {
		step_note(s, "%s: %s: %s", step_name(s, from), why, end);
		return;
	}
	step_decide(s, move, from, to, why);
	x = act(s, ROLE_ACT_DECIDE);
	*x = s->out->act[s->out->n - 2];
	x->outcome = ROLE_DONE;
	say(x, "%s", end);
	s->r->d.move = 0;
}

/* Says ON, and must not: told so, and on record the first time. */
void
step_supersede(struct step *s, struct role_agent *a, const char *why)
{
	if (s->r->observing)
		return;
	if (!a->marks.want_off) {
		step_want_off(s, a);
		step_ruled(s, 3, a->id, s->r->d.holder, why,
		    "off sent: superseded");
	}
	step_off(s, a);
}

void
step_note(struct step *s, const char *fmt, ...)
{
	va_list ap;

	if (s->r->d.move == 0)
		return;
	va_start(ap, fmt);
	text(act(s, ROLE_ACT_STEP), fmt, ap);
	va_end(ap);
}

void
step_tell(struct step *s, int64_t op, enum role_told told, const char *fmt,
    ...)
{
	struct role_act *x;
	va_list		 ap;

	if (op == 0)
		return;
	x = act(s, ROLE_ACT_TELL);
	x->op = op;
	x->told = told;
	x->epoch = s->r->d.epoch;
	va_start(ap, fmt);
	text(x, fmt, ap);
	va_end(ap);
}

void
step_answer(struct step *s, enum role_told told, const char *fmt, ...)
{
	struct role_act *x;
	va_list		 ap;

	if (s->r->op.id == 0)
		return;
	x = act(s, ROLE_ACT_TELL);
	x->op = s->r->op.id;
	x->told = told;
	x->epoch = s->r->d.epoch;
	va_start(ap, fmt);
	text(x, fmt, ap);
	va_end(ap);
	s->r->op = (struct role_op){ 0 };
}

void
step_alert(struct step *s, enum role_alert code, int64_t agent,
    const char *fmt, ...)
{
	struct role_act *x;
	va_list		 ap;

	if ((s->r->alerts & 1u << code) != 0)
		return;
	s->r->alerts |= 1u << code;
	x = act(s, ROLE_ACT_ALERT);
	x->alert = code;
	x->agent = agent;
	va_start(ap, fmt);
	text(x, fmt, ap);
	va_end(ap);
}

void
step_calm(struct step *s, enum role_alert code)
{
	if ((s->r->alerts & 1u << code) == 0)
		return;
	s->r->alerts &= ~(1u << code);
	act(s, ROLE_ACT_CLEAR_ALERT)->alert = code;
}

/* control = advise: an operator confirms it, or it lapses. */
void
step_propose(struct step *s, int move, int64_t from, int64_t to)
{
	struct role_proposal *q = &s->r->proposal;
	struct role_act	     *x;

	if (q->move == move && q->to == to)
		return;
	step_lapse(s, "another one is better");
	*q = (struct role_proposal){ move, from, to };
	x = act(s, ROLE_ACT_DECIDE);
	x->move = move;
	x->from = from;
	x->agent = to;
	x->epoch = s->r->d.epoch;
	x->outcome = ROLE_PROPOSED;
	say(x, "control is advise: muster agent confirm turns %s on",
	    step_name(s, to));
	step_alert(s, ROLE_ALERT_PROPOSAL, to,
	    "case %d: %s should be the Scheduler: muster agent confirm, or "
	    "agent on another", move, step_name(s, to));
}

static void
close_proposal(struct step *s, enum role_outcome outcome, const char *why)
{
	struct role_proposal *q = &s->r->proposal;
	struct role_act	     *x;

	if (q->move == 0)
		return;
	x = act(s, ROLE_ACT_DECIDE);
	x->move = q->move;
	x->from = q->from;
	x->agent = q->to;
	x->epoch = s->r->d.epoch;
	x->outcome = outcome;
	say(x, "%s", why);
	*q = (struct role_proposal){ 0 };
	step_calm(s, ROLE_ALERT_PROPOSAL);
}

void
step_lapse(struct step *s, const char *why)
{
	close_proposal(s, ROLE_LAPSED, why);
}

void
step_confirmed(struct step *s)
{
	close_proposal(s, ROLE_CONFIRMED, "an operator confirmed it");
}
