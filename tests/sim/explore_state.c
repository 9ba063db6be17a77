/* When two worlds are the same, and whether one comes to rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

struct code {
	uint8_t b[1024];
	size_t	n;
};

static void
byte(struct code *c, int64_t v)
{
	if (c->n < sizeof(c->b))
		c->b[c->n++] = (uint8_t)v;
}

/* A deadline as what is left of it, in hundredths of a second. */
static void
left(struct code *c, mono at, mono now)
{
	int64_t ms = at.us == INT64_MAX ? -10 : at.us <= now.us ? 0
	    : mono_diff_ms(at, now);

	byte(c, ms / 10);
	byte(c, ms / 10 >> 8);
}

static void
beat(struct code *c, const struct world *w, int i, const struct lease_beat *b)
{
	byte(c, b->on | b->fresh << 1 | b->held << 2);
	byte(c, b->epoch);
	byte(c, b->floor);
	byte(c, b->start == w->l[i].start);
	byte(c, b->start == 0 ? 99 : w->l[i].seq - b->seq);
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
	age = age > 2000 ? 2000 : age;
	byte(c, age / 10);
	byte(c, age / 10 >> 8);
}

static void
durable(struct code *c, const struct role_durable *d)
{
	byte(c, d->epoch);
	byte(c, d->holder);
	byte(c, d->intent | d->by_operator << 1 | d->vacant << 2);
	byte(c, d->aim);
	byte(c, d->target);
	byte(c, d->avoid);
	byte(c, d->move);
	byte(c, d->off_below);
	byte(c, d->pinned);
	byte(c, d->restored);
}

static void
broker(struct code *c, const struct world *w)
{
	const struct role *r = &w->r;

	byte(c, r->state);
	durable(c, &r->d);
	durable(c, w->late ? &w->was : &w->disk);
	byte(c, w->late);
	left(c, r->fence, w->now.mono);
	left(c, r->timer, w->now.mono);
	left(c, r->switch_after, w->now.mono);
	byte(c, r->ready | (r->op.id != 0) << 1 | r->op.off << 2);
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
	    w->link[i] << 3 | w->beaten[i] << 4 | w->held[i] << 5 |
	    w->llate[i] << 6);
	byte(c, a->marks.held_off | a->marks.want_off << 1 |
	    (a->marks.failed != 0) << 2 | w->mdisk[i].held_off << 3 |
	    w->mdisk[i].want_off << 4);
	for (int k = 0; k < w->n; k++)		/* the order of failures */
		byte(c, w->a[k].marks.failed > a->marks.failed);
	byte(c, ago > 1000 ? 2 : ago / 1000);
	beat(c, w, i, &a->beat);
	sent(c, w, i, a->beat.start, a->beat.seq);
	byte(c, l->d.on | l->key << 1 | l->granted << 2);
	byte(c, l->d.epoch);
	byte(c, l->d.floor);
	left(c, l->end, w->clock[i]);
	if (w->llate[i]) {
		byte(c, w->lwas[i].on);
		byte(c, w->lwas[i].floor);
	}
}

static int
by_bytes(const void *a, const void *b)
{
	const struct code *x = a, *y = b;

	return x->n != y->n ? (x->n > y->n) - (x->n < y->n)
	    : memcmp(x->b, y->b, x->n);
}

static void
network(struct code *c, const struct world *w)
{
	static struct code m[WORLD_POOL];

	for (int k = 0; k < w->npool; k++) {
		const struct msg *p = &w->pool[k];

		m[k].n = 0;
		byte(&m[k], (int64_t)p->kind << 3 | p->i << 1 |
		    p->by_operator);
		if (p->kind == MSG_BEAT) {
			byte(&m[k], p->key);
			beat(&m[k], w, p->i, &p->beat);
			sent(&m[k], w, p->i, p->beat.start, p->beat.seq);
		} else {
			byte(&m[k], p->epoch);
			byte(&m[k], p->start == w->l[p->i].start);
			sent(&m[k], w, p->i, p->start, p->seq);
		}
	}
	qsort(m, (size_t)w->npool, sizeof(m[0]), by_bytes);
	for (int k = 0; k < w->npool; k++)
		for (size_t j = 0; j < m[k].n; j++)
			byte(c, m[k].b[j]);
}

uint64_t
world_hash(const struct world *w)
{
	static struct code c;
	uint64_t	   h = 14695981039346656037ULL;

	c.n = 0;
	broker(&c, w);
	for (int i = 0; i < w->n; i++)
		agent(&c, w, i);
	network(&c, w);
	byte(&c, w->vacant);
	byte(&c, w->choice);
	byte(&c, w->choice != 0 && w->unheard < 4 ? w->unheard : 4);
	byte(&c, w->left.crashes << 4 | w->left.cuts);
	byte(&c, w->left.dups << 4 | w->left.keys);
	byte(&c, w->left.ops << 4 | w->left.conditions);
	byte(&c, w->left.restores << 4 | w->left.controls);
	byte(&c, w->off | w->control << 1 | w->r.observing << 3);
	byte(&c, w->r.proposal.move << 4 | w->r.proposal.to);
	for (size_t i = 0; i < c.n; i++)
		h = (h ^ c.b[i]) * 1099511628211ULL;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static bool
somebody_can(const struct world *w)
{
	for (int i = 0; i < w->n; i++)
		if (!w->held[i] && !w->deaf[i] && w->l[i].key)
			return true;
	return false;
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

const char *
world_settles(const struct world *was, bool print)
{
	static struct world w;
	static const struct lease_policy suspend;
	bool slow = false;
	int  since = -1, bound;

	w = *was;
	if (w.vacant || w.off || w.control != ROLE_AUTO || !somebody_can(&w))
		return NULL;
	for (int i = 0; i < w.n; i++)
		slow = slow || w.deaf[i];
	/* connection_timeout + off_timeout and a little; a deaf one costs
	 * rounds of ask, grant and off until it is known. */
	bound = slow ? 40 : 10;
	for (int t = 0; t < bound + 8; t++) {
		bool at_work = false;

		for (unsigned i = 0; i < (unsigned)w.n; i++) {
			(void)world_apply(&w, move(MOVE_MEND, i));
			deliver_all(&w);
			(void)world_apply(&w, move(MOVE_BEAT, i));
			deliver_all(&w);
		}
		for (int i = 0; i < w.n; i++)
			at_work = at_work || lease_may_fire(&w.l[i], &suspend,
			    w.clock[i]) == LEASE_FIRE_YES;
		if (print)
			printf("   then, after %d s: %s holder %lld epoch "
			    "%lld, %s\n", t, role_state_name(w.r.state),
			    (long long)w.r.d.holder, (long long)w.r.d.epoch,
			    at_work ? "at work" : "nobody at work");
		if (!at_work)
			since = -1;
		else if (since < 0)
			since = t;
		(void)world_apply(&w, move(MOVE_TICK, 0));
		if (w.broken != NULL)
			return w.broken;
	}
	return since >= 0 && since <= bound ? NULL : "no Scheduler in time";
}
