/* When two worlds are the same, and whether one comes to rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

struct code {
	uint8_t b[1024];
	size_t	n;
};

static inline void
byte(struct code *c, int64_t v)
{
	c->b[c->n++] = (uint8_t)v;
}

/* Eight bytes at a time; what is over is zero. */
static uint64_t
mix(struct code *c)
{
	uint64_t h = c->n * 0x9e3779b97f4a7c15ULL, x;

	memset(c->b + c->n, 0, 8);
	for (size_t i = 0; i < c->n; i += 8) {
		memcpy(&x, c->b + i, 8);
		h = (h ^ x) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	h *= 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

/* A deadline as what is left of it, in hundredths of a second. */
static inline void
left(struct code *c, mono at, mono now)
{
	int64_t ms = at.us == INT64_MAX ? -10 : at.us <= now.us ? 0
	    : mono_diff_ms(at, now);

	byte(c, ms / 10);
	byte(c, ms / 10 >> 8);
}

/* Of one of an earlier start only its order among the others counts. */
static int
rank(const struct world *w, int i, const struct lease_beat *b)
{
	int n = 0;

	for (int k = 0; k < w->npool; k++) {
		const struct msg *m = &w->pool[k];

		n += m->kind == MSG_BEAT && m->i == i &&
		    (m->beat.start < b->start || (m->beat.start == b->start &&
		    m->beat.seq < b->seq));
	}
	return n;
}

/* A number of a hold matters only as the one that the agent has, or another. */
static int
hold(const struct world *w, int i, int64_t n)
{
	return n == 0 ? 0 : n == w->l[i].d.held ? 1 : 2;
}

static void
beat(struct code *c, const struct world *w, int i, const struct lease_beat *b)
{
	byte(c, b->on | b->fresh << 1 | hold(w, i, b->held) << 2);
	byte(c, b->epoch);
	byte(c, b->floor);
	byte(c, b->start == w->l[i].start);
	if (b->start == w->l[i].start)
		byte(c, w->l[i].seq - b->seq);
	else if (b != &w->a[i].beat)
		byte(c, rank(w, i, b));
}

/* How long ago the heartbeat was sent, if an answer to it still counts. */
static void
sent(struct code *c, const struct world *w, int i, int64_t start, int64_t seq)
{
	const struct lease *l = &w->l[i];
	int64_t		    age = 9999;

	if (start == l->start && seq > 0 &&
	    l->sent[seq % LEASE_RING].seq == seq)
		age = mono_diff_ms(w->clock[i], l->sent[seq % LEASE_RING].at);
	age = age > 5000 ? 5000 : age;	/* more than the longest lease */
	byte(c, age / 10);
	byte(c, age / 10 >> 8);
}

static void
durable(struct code *c, const struct world *w, const struct role_durable *d)
{
	int64_t who = d->target != 0 ? d->target : d->holder;

	byte(c, d->epoch);
	byte(c, d->holder);
	byte(c, d->intent | d->vacant << 1 | (who == 0 ? 0
	    : hold(w, (int)who - 1, d->lifts)) << 2);
	byte(c, d->aim);
	byte(c, d->target);
	byte(c, d->avoid);
	byte(c, d->move);
	byte(c, d->off_below);
	byte(c, d->pinned);
	byte(c, d->restored);
	byte(c, d->fenced);
}

/* Wall times matter at the next start of the broker, as what is left then. */
static void
walls(struct code *c, const struct role_durable *d, wall now)
{
	int64_t pin = d->pinned == 0 || d->pin_until.ms == 0 ? 0
	    : d->pin_until.ms - now.ms;
	int64_t ago = d->switched.ms == 0 ? 9999 : now.ms - d->switched.ms;

	pin = pin < 0 ? 0 : pin > 99000 ? 99000 : pin;
	ago = ago < 0 ? -1000 : ago > 9000 ? 9000 : ago;
	byte(c, pin / 500);
	byte(c, ago / 500);
	byte(c, d->fence_ms / 100);
	byte(c, d->pin_ms / 100);
}

static void
broker(struct code *c, const struct world *w)
{
	const struct role *r = &w->r;

	byte(c, r->state);
	durable(c, w, &r->d);
	durable(c, w, w->late ? &w->was : &w->disk);
	byte(c, w->late | (r->waits > 4 * TICK) << 1 |
	    (r->state == ROLE_GRANTING && r->granted_start ==
	    w->l[r->d.holder - 1].start) << 2);
	walls(c, &r->d, w->now.wall);
	walls(c, w->late ? &w->was : &w->disk, w->now.wall);
	left(c, r->d.pinned != 0 ? r->pin_end : (mono){ 0 }, w->now.mono);
	byte(c, r->sync.agent);
	if (r->sync.agent != 0) {
		byte(c, hold(w, (int)r->sync.agent - 1, r->sync.held));
		left(c, r->sync.until, w->now.mono);
	}
	left(c, r->fence, w->now.mono);
	left(c, r->timer, w->now.mono);
	left(c, r->switch_after, w->now.mono);
	byte(c, r->ready | (r->op.id != 0) << 1 | r->op.off << 2 |
	    (r->op.id != 0 && r->op.id == w->t.op) << 3);
	byte(c, r->asked);
	if (r->asked != 0) {
		left(c, r->ask_until, w->now.mono);
		byte(c, w->a[r->asked - 1].last_heard.us >= r->asked_at.us);
	}
}

static void
agent(struct code *c, const struct world *w, int i)
{
	const struct role_agent *a = &w->a[i];
	const struct lease	*l = &w->l[i];
	int64_t ago = mono_diff_ms(w->now.mono, a->last_heard);

	byte(c, a->connected | a->controlled << 1 | a->condition_met << 2 |
	    w->link[i] << 3 | w->beaten[i] << 4 | w->t.held[i] << 5 |
	    w->llate[i] << 6);
	byte(c, a->in_sync | a->drained << 1 | a->health << 2);
	byte(c, a->marks.held_off | a->marks.want_off << 1 |
	    (a->marks.failed != 0) << 2 | w->mdisk[i].held_off << 3 |
	    w->mdisk[i].want_off << 4);
	for (int k = 0; k < w->n; k++)		/* the order of failures */
		byte(c, w->a[k].marks.failed > a->marks.failed);
	byte(c, ago > 1000 ? 2 : ago / 1000);
	beat(c, w, i, &a->beat);
	sent(c, w, i, a->beat.start, a->beat.seq);
	byte(c, l->d.on | l->key << 1 | l->granted << 2 |
	    (l->d.held != 0) << 3 | w->t.here[i] << 4);
	byte(c, l->d.epoch);
	byte(c, l->d.floor);
	left(c, l->end, w->clock[i]);
	if (w->llate[i]) {
		byte(c, w->lwas[i].on);
		byte(c, w->lwas[i].floor);
	}
}

static uint64_t
message(const struct world *w, const struct msg *p)
{
	struct code m;

	m.n = 0;
	byte(&m, (int64_t)p->kind << 4 | p->i << 2 |
	    (p->kind == MSG_BEAT ? 0 : hold(w, p->i, p->lifts)));
	if (p->kind == MSG_BEAT) {
		byte(&m, p->key);
		beat(&m, w, p->i, &p->beat);
		sent(&m, w, p->i, p->beat.start, p->beat.seq);
	} else {
		byte(&m, p->epoch);
		byte(&m, p->start == w->l[p->i].start);
		byte(&m, p->lease_ms / 100);
		sent(&m, w, p->i, p->start, p->seq);
	}
	return mix(&m);
}

int
world_loses(const struct world *w)
{
	uint64_t least = UINT64_MAX;
	int	 which = 0;

	for (int k = 0; k < w->npool; k++) {
		uint64_t h = message(w, &w->pool[k]);

		if (h < least) {
			least = h;
			which = k;
		}
	}
	return which;
}

/* In any order: a message may arrive before an older one. */
static uint64_t
network(const struct world *w)
{
	uint64_t h = 0;

	for (int k = 0; k < w->npool; k++)
		h += message(w, &w->pool[k]);
	return h;
}

static void
truth(struct code *c, const struct world *w)
{
	const struct truth *t = &w->t;
	int64_t ago = t->switched.us == 0 ? 9 :
	    mono_diff_ms(w->now.mono, t->switched) / TICK;

	byte(c, t->vacant | t->licence << 1 | t->changed << 2);
	byte(c, t->choice << 4 | t->wish);
	byte(c, t->choice != 0 && t->unheard < 8 ? t->unheard : 8);
	byte(c, t->pinned << 4 | t->last);
	left(c, t->pinned != 0 ? t->pin_end : (mono){ 0 }, w->now.mono);
	byte(c, ago > 9 ? 9 : ago);
}

uint64_t
world_hash(const struct world *w)
{
	const struct budget *b = &w->left;
	struct code	     c;

	c.n = 0;
	broker(&c, w);
	for (int i = 0; i < w->n; i++)
		agent(&c, w, i);
	truth(&c, w);
	byte(&c, b->crashes << 4 | b->cuts);
	byte(&c, b->dups << 4 | b->keys);
	byte(&c, b->ops << 4 | b->conditions);
	byte(&c, b->restores << 4 | b->controls);
	byte(&c, b->facts << 4 | b->settings << 2 | b->walls);
	byte(&c, w->off | w->control << 1 | w->r.observing << 3 |
	    w->longer << 4 | w->r.drained << 7);
	byte(&c, w->r.proposal.move << 4 | w->r.proposal.to);
	return mix(&c) + network(w);
}

static bool
can(const struct world *w, int i)
{
	const struct role_agent *a = &w->a[i];

	return !w->t.held[i] && !w->deaf[i] && w->l[i].key &&
	    w->l[i].d.held == 0 && a->in_sync && !a->drained;
}

static uint16_t
move(unsigned kind, unsigned arg)
{
	return (uint16_t)(kind << 4 | arg);
}

/* Two that answer each other for ever would be a fault too. */
static void
deliver_all(struct world *w)
{
	for (int k = 0; world_apply(w, move(MOVE_DELIVER, 0)); k++)
		if (k == 100) {
			w->broken = "messages chase each other";
			return;
		}
}

/* A second in which nothing goes wrong; an operator confirms what is proposed.
 * Returns who is at work, or -1. */
static int
quiet(struct world *w)
{
	struct lease_policy p = world_lease(w);

	for (unsigned i = 0; i < (unsigned)w->n; i++) {
		(void)world_apply(w, move(MOVE_MEND, i));
		deliver_all(w);
		(void)world_apply(w, move(MOVE_BEAT, i));
		deliver_all(w);
	}
	if (world_apply(w, move(MOVE_CONFIRM, 0)))
		deliver_all(w);
	for (int i = 0; i < w->n; i++)
		if (lease_may_fire(&w->l[i], &p, w->clock[i]) ==
		    LEASE_FIRE_YES)
			return i;
	return -1;
}

/* Case 2 has had time enough: nobody stays who meets the condition while
 * another one could take over. */
static bool
misplaced(const struct world *w, int at)
{
	if (at < 0 || !w->a[at].condition_met)
		return false;
	for (int i = 0; i < w->n; i++)
		if (i != at && !w->deaf[i] && role_why_not(&w->r, &w->a[i],
		    ROLE_FOR_CASE2) == ROLE_FIT)
			return true;
	return false;
}

const char *
world_settles(const struct world *was, bool print)
{
	static struct world w;
	bool slow = false, able = false;
	int  since = -1, bound, at = -1;

	if (was->t.vacant || was->control == ROLE_MANUAL)
		return NULL;
	for (int i = 0; i < was->n; i++) {
		able = able || can(was, i);
		slow = slow || was->deaf[i];
	}
	if (!able)
		return NULL;
	world_copy(&w, was);
	if (w.off) {			/* "on again: WAIT timer restarts" */
		w.left.controls = 1;
		(void)world_apply(&w, move(MOVE_STATUS, 0));
	}
	/* connection_timeout + off_timeout and a little; a deaf one costs
	 * rounds of ask, grant and off until it is known.  A fence set by
	 * the longer timeouts is waited for. */
	bound = (slow ? 40 : 10) + (w.longer || w.r.d.fence_ms > 3 * TICK ||
	    w.disk.fence_ms > 3 * TICK ? 8 : 0);
	for (int t = 0; t < bound + 8; t++) {
		at = quiet(&w);
		if (print)
			printf("   then, after %d s: %s holder %lld epoch "
			    "%lld, %s\n", t, role_state_name(w.r.state),
			    (long long)w.r.d.holder, (long long)w.r.d.epoch,
			    at >= 0 ? "at work" : "nobody at work");
		if (at < 0)
			since = -1;
		else if (since < 0)
			since = t;
		(void)world_apply(&w, move(MOVE_TICK, 0));
		if (w.broken != NULL)
			return w.broken;
	}
	if (since < 0 || since > bound)
		return "no Scheduler in time";
	return misplaced(&w, at) ? "case 2 never came" : NULL;
}
