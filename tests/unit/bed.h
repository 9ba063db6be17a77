/* A bed for the role: one broker and three agents, the shipped role_step and
 * lease_step, a network that does what the test says, and virtual time in
 * steps of 50 ms.  At every step nobody but one may be at work. */
#ifndef BED_H
#define BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/role.h"

enum { A, B, C, BED_N };
enum { BED_QUEUE = 64, BED_OPS = 32 };

struct bed_msg {
	bool	to_broker;
	int	i;
	enum role_act_kind kind;	/* to an agent */
	struct role_act	   act;
	struct lease_beat  beat;	/* to the broker */
	bool	key;
};

struct bed {
	struct role	     r;
	struct role_policy   p;
	struct lease_policy  lp;
	struct role_agent    a[BED_N];
	struct lease	     l[BED_N];
	struct role_durable  disk;
	struct lease_durable ldisk[BED_N];
	bool	   up[BED_N], link[BED_N], deaf[BED_N], mute[BED_N];
	bool	   ignores_off[BED_N];
	bool	   hold[BED_N];		/* messages to it wait in held */
	struct bed_msg held[BED_QUEUE];
	size_t	   nheld;
	struct bed_msg queue[BED_QUEUE];
	size_t	   nqueue;
	mono	   next[BED_N];
	struct now now;
	int64_t	   starts;
	int	   told[BED_OPS];	/* enum role_told + 1 */
	char	   text[BED_OPS][ROLE_TEXT];
	int	   grants[BED_N], offs[BED_N], asks[BED_N];
	mono	   granted_at;
	int	   move, moves[6];	/* newest case begun; how often each */
	enum role_outcome outcome;
	char	   steps[2048];
	char	   why[4096];		/* "4 begun A>C: text" a line */
	unsigned   raised;		/* alerts ever raised, bits */
	bool	   may_be_two;		/* broken on purpose */
};

static inline int
bed_at_work(struct bed *b)
{
	int who = -1, n = 0;

	for (int i = 0; i < BED_N; i++)
		if (b->up[i] && lease_may_fire(&b->l[i], &b->lp, b->now.mono)
		    == LEASE_FIRE_YES) {
			who = i;
			n++;
		}
	if (!b->may_be_two)
		assert_true(n <= 1);
	return n > 1 ? BED_N : who;
}

static inline void
bed_put(struct bed *b, const struct bed_msg *m)
{
	if (!m->to_broker && b->hold[m->i]) {
		assert_true(b->nheld < BED_QUEUE);
		b->held[b->nheld++] = *m;
		return;
	}
	assert_true(b->nqueue < BED_QUEUE);
	b->queue[b->nqueue++] = *m;
}

static inline void
bed_acts(struct bed *b, const struct role_out *out)
{
	for (size_t k = 0; k < out->n; k++) {
		const struct role_act *x = &out->act[k];
		struct bed_msg m = { .kind = x->kind, .act = *x,
		    .i = (int)x->agent - 1 };

		if (x->kind == ROLE_ACT_PERSIST) {
			assert_int_equal(k, 0);
			b->disk = b->r.d;
		} else if (x->kind == ROLE_ACT_GRANT) {
			b->grants[m.i]++;
			b->granted_at = b->now.mono;
			assert_int_equal(b->disk.epoch, x->epoch);
			bed_put(b, &m);
		} else if (x->kind == ROLE_ACT_OFF || x->kind == ROLE_ACT_ACK ||
		    x->kind == ROLE_ACT_ASK || x->kind == ROLE_ACT_RELEASE) {
			b->offs[m.i] += x->kind == ROLE_ACT_OFF;
			b->asks[m.i] += x->kind == ROLE_ACT_ASK;
			bed_put(b, &m);
		} else if (x->kind == ROLE_ACT_DECIDE) {
			size_t at = strlen(b->why);

			b->outcome = x->outcome;
			if (at + 220 < sizeof(b->why))
				(void)snprintf(b->why + at,
				    sizeof(b->why) - at, "%d %s %c>%c: %s\n",
				    x->move, role_outcome_name(x->outcome),
				    "-ABC"[x->from], "-ABC"[x->agent], x->text);
			if (x->outcome == ROLE_BEGUN ||
			    x->outcome == ROLE_PROPOSED)
				b->moves[b->move = x->move]++;
		} else if (x->kind == ROLE_ACT_TELL) {
			b->told[x->op] = x->told + 1;
			memcpy(b->text[x->op], x->text, ROLE_TEXT);
		} else if (x->kind == ROLE_ACT_ALERT)
			b->raised |= 1u << x->alert;
		else if (x->kind == ROLE_ACT_STEP &&
		    strlen(b->steps) + 200 < sizeof(b->steps)) {
			strncat(b->steps, x->text, 160);
			strncat(b->steps, "; ", 3);
		}
	}
}

static inline void
bed_event(struct bed *b, struct role_event ev)
{
	static struct role_out out;

	ev.now = b->now;
	ev.at = (size_t)(ev.agent - 1);
	if (ev.agent > 0 && ev.agent <= BED_N && ev.held == 0)
		ev.held = b->a[ev.at].beat.held;
	role_step(&b->r, &b->p, b->a, BED_N, &ev, &out);
	bed_acts(b, &out);
}

static inline void
bed_beat(struct bed *b, int i)
{
	struct lease_event ev = { .kind = LEASE_EV_BEAT, .now = b->now };
	struct lease_out   out;
	struct bed_msg	   m = { .to_broker = true, .i = i };

	lease_step(&b->l[i], &b->lp, &ev, &out);
	lease_say(&b->l[i], b->now.mono, &m.beat);
	m.key = b->l[i].key;
	b->next[i] = mono_add_ms(b->now.mono, m.beat.on ? 1000 : 5000);
	if (b->link[i] && !b->mute[i])
		bed_put(b, &m);
}

static inline void
bed_lease(struct bed *b, int i, struct lease_event ev)
{
	struct lease_out out;

	ev.now = b->now;
	lease_step(&b->l[i], &b->lp, &ev, &out);
	for (size_t k = 0; k < out.n; k++)
		if (out.act[k].kind == LEASE_ACT_PERSIST)
			b->ldisk[i] = b->l[i].d;
		else if (out.act[k].kind == LEASE_ACT_BEAT)
			bed_beat(b, i);
}

static inline void
bed_deliver(struct bed *b, const struct bed_msg *m)
{
	static const enum lease_event_kind kind[ROLE_NACTS] = {
		[ROLE_ACT_GRANT] = LEASE_EV_GRANT,
		[ROLE_ACT_ACK] = LEASE_EV_ACK, [ROLE_ACT_OFF] = LEASE_EV_OFF,
		[ROLE_ACT_RELEASE] = LEASE_EV_RELEASE,
	};

	if (m->to_broker) {
		b->a[m->i].beat = m->beat;
		b->a[m->i].controlled = m->key;
		b->a[m->i].last_heard = b->now.mono;
		bed_event(b, (struct role_event){ .kind = ROLE_EV_HEARTBEAT,
		    .agent = m->i + 1 });
	} else if (!b->up[m->i] || !b->link[m->i] || b->deaf[m->i] ||
	    (m->kind == ROLE_ACT_OFF && b->ignores_off[m->i])) {
		return;
	} else if (m->kind == ROLE_ACT_ASK) {
		bed_beat(b, m->i);
	} else {
		bed_lease(b, m->i, (struct lease_event){ .kind =
		    kind[m->kind], .epoch = m->act.epoch, .start =
		    m->act.start, .seq = m->act.seq, .lease_ms = m->act.lease_ms,
		    .lifts = m->act.lifts });
	}
}

static inline void
bed_pump(struct bed *b)
{
	while (b->nqueue > 0) {
		struct bed_msg m = b->queue[0];

		memmove(b->queue, b->queue + 1,
		    --b->nqueue * sizeof(b->queue[0]));
		bed_deliver(b, &m);
		(void)bed_at_work(b);
	}
}

static inline void
bed_step(struct bed *b)
{
	b->now.mono = mono_add_ms(b->now.mono, 50);
	b->now.wall.ms += 50;
	for (int i = 0; i < BED_N; i++) {
		if (!b->up[i])
			continue;
		bed_lease(b, i, (struct lease_event){ .kind =
		    LEASE_EV_TICK });
		if (b->link[i] && b->now.mono.us >= b->next[i].us)
			bed_beat(b, i);
	}
	bed_pump(b);
	if (b->now.mono.us >= role_next_deadline(&b->r).us) {
		bed_event(b, (struct role_event){ .kind = ROLE_EV_TICK });
		/* A deadline that stays in the past would spin the loop. */
		assert_true(role_next_deadline(&b->r).us > b->now.mono.us);
		bed_pump(b);
	}
	(void)bed_at_work(b);
}

static inline void
bed_run(struct bed *b, int64_t ms)
{
	for (int64_t t = 0; t < ms; t += 50)
		bed_step(b);
}

/* Runs until i is at work; returns how long it took, -1: not within most. */
static inline int64_t
bed_until(struct bed *b, int i, int64_t most_ms)
{
	for (int64_t t = 0; t <= most_ms; t += 50) {
		if (bed_at_work(b) == i)
			return t;
		bed_step(b);
	}
	return -1;
}

static inline void
bed_cut(struct bed *b, int i)
{
	b->link[i] = b->a[i].connected = false;
	bed_event(b, (struct role_event){ .kind = ROLE_EV_DISCONNECT,
	    .agent = i + 1 });
	bed_pump(b);
}

static inline void
bed_mend(struct bed *b, int i)
{
	b->link[i] = b->a[i].connected = true;
	memset(&b->a[i].beat, 0, sizeof(b->a[i].beat));
	bed_lease(b, i, (struct lease_event){ .kind = LEASE_EV_SESSION });
	bed_event(b, (struct role_event){ .kind = ROLE_EV_CONNECT,
	    .agent = i + 1 });
	bed_beat(b, i);
	bed_pump(b);
}

static inline void
bed_kill(struct bed *b, int i)
{
	b->up[i] = false;
	bed_cut(b, i);
}

static inline void
bed_restart(struct bed *b, int i)
{
	bool key = b->l[i].key;

	lease_boot(&b->l[i], &b->ldisk[i], ++b->starts, key);
	b->up[i] = true;
	bed_mend(b, i);
}

/* kill -9 of the broker and a new start; the sessions go down with it. */
static inline void
bed_broker_restart(struct bed *b)
{
	struct role_out out;

	b->nqueue = 0;
	role_boot(&b->r, &b->disk, &b->p, b->now, &out);
	bed_acts(b, &out);
	for (int i = 0; i < BED_N; i++) {
		b->a[i].connected = false;
		b->a[i].marks.failed = 0;
		memset(&b->a[i].beat, 0, sizeof(b->a[i].beat));
	}
	for (int i = 0; i < BED_N; i++)
		if (b->up[i] && b->link[i])
			bed_mend(b, i);
}

static inline void
bed_release_held(struct bed *b)
{
	size_t n = b->nheld;

	b->nheld = 0;
	memset(b->hold, 0, sizeof(b->hold));
	for (size_t k = 0; k < n; k++)
		bed_put(b, &b->held[k]);
	bed_pump(b);
}

static inline void
bed_on(struct bed *b, int i, int64_t op)
{
	bed_event(b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = i + 1, .op = op });
	bed_pump(b);
}

static inline void
bed_off(struct bed *b, int i, int64_t op, bool vacant)
{
	bed_event(b, (struct role_event){ .kind = ROLE_EV_OP_OFF,
	    .agent = i + 1, .op = op, .vacant = vacant });
	bed_pump(b);
}

/* Three agents, connected and fit; A says ON (initial_status) if first. */
static inline void
bed_make(struct bed *b, bool first)
{
	static const char *const name[BED_N] = { "node-a", "node-b",
	    "node-c" };
	struct role_out out;

	memset(b, 0, sizeof(*b));
	role_policy_default(&b->p);
	b->now = (struct now){ { 1000000000 }, { 1700000000000 } };
	role_boot(&b->r, NULL, &b->p, b->now, &out);
	bed_acts(b, &out);
	for (int i = 0; i < BED_N; i++) {
		struct lease_durable d = { .on = first && i == A };

		b->a[i] = (struct role_agent){ .id = i + 1, .name = name[i],
		    .connected = true, .controlled = true, .in_sync = true,
		    .clock_ok = true, .accepts = true, .health = 4 };
		b->ldisk[i] = d;
		lease_boot(&b->l[i], &d, ++b->starts, true);
		b->up[i] = true;
		bed_mend(b, i);
	}
}

/* A is the Scheduler, everybody is connected. */
static inline void
bed_with_a(struct bed *b)
{
	bed_make(b, true);
	bed_run(b, 2000);
	assert_int_equal(bed_at_work(b), A);
}

#endif
