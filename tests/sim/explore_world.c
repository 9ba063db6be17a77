#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

unsigned long role_mutants;

enum { TICK = 1000 };			/* ms of the broker's clock */

static const struct role_policy policy = {
	.connection_timeout = 4 * TICK, .off_timeout = 3 * TICK,
	.grant_timeout = 2 * TICK, .lease = 2 * TICK, .heartbeat = TICK,
	.switch_min_interval = TICK, .manual_hold = 1,
	.transfer_on_condition = true, .control_status = true,
	.control = ROLE_AUTO,
};
static const struct lease_policy suspend;

static struct role_policy
settings(const struct world *w)
{
	struct role_policy p = policy;

	p.control_status = !w->off;
	p.control = w->control;
	return p;
}

static void
broken(struct world *w, const char *rule)
{
	if (w->broken == NULL)
		w->broken = rule;
}

static void
forget(struct world *w, int k)
{
	memmove(&w->pool[k], &w->pool[k + 1],
	    (size_t)(--w->npool - k) * sizeof(w->pool[0]));
	memset(&w->pool[w->npool], 0, sizeof(w->pool[0]));
}

/* A full network loses the oldest; otherwise a loss is a message that is never
 * delivered. */
static void
put(struct world *w, const struct msg *m)
{
	if (w->deaf[m->i] && m->kind != MSG_BEAT)
		return;
	if (w->npool == WORLD_POOL)
		forget(w, 0);
	w->pool[w->npool++] = *m;
}

/* A session is an ordered stream: nothing older comes after. */
static bool
stale(const struct world *w, const struct msg *m)
{
	const struct lease_beat *b = &w->a[m->i].beat;

	return m->kind == MSG_BEAT && (m->beat.start < b->start ||
	    (m->beat.start == b->start && m->beat.seq <= b->seq));
}

static void
tidy(struct world *w)
{
	for (int k = w->npool - 1; k >= 0; k--) {
		bool again = false;

		for (int j = 0; j < k; j++)
			again = again || (w->pool[k].kind == MSG_ASK &&
			    w->pool[j].kind == MSG_ASK &&
			    w->pool[j].i == w->pool[k].i);
		if (again || stale(w, &w->pool[k]))
			forget(w, k);
	}
}

/* No act of the broker may break what operators asked for. */
static void
judge_grant(struct world *w, const struct role_act *x)
{
	int i = (int)x->agent - 1;

	if (x->epoch < WORLD_EPOCHS) {
		int8_t *to = &w->granted_to[x->epoch];

		if (*to != 0 && *to != x->agent)
			broken(w, "an epoch was granted twice");
		*to = (int8_t)x->agent;
	}
	if (w->off)
		broken(w, "granted with control_status off");
	if (w->held[i])
		broken(w, "one that is held off works");
	if (w->vacant)
		broken(w, "granted though vacant");
	if (w->choice != 0 && w->choice != x->agent)
		broken(w, "an operator's choice was undone");
	if (w->choice != x->agent)
		w->choice = 0;
}

static void
persist(struct world *w)
{
	w->late = MUTANT(MUTANT_SEND_FIRST);
	w->was = w->disk;
	memcpy(w->mwas, w->mdisk, sizeof(w->mwas));
	w->disk = w->r.d;
	for (int i = 0; i < w->n; i++)
		w->mdisk[i] = w->a[i].marks;
}

static void
broker_acts(struct world *w, const struct role_out *out)
{
	for (size_t k = 0; k < out->n; k++) {
		const struct role_act *x = &out->act[k];
		struct msg m = { .i = (int)x->agent - 1, .epoch = x->epoch,
		    .start = x->start, .seq = x->seq,
		    .by_operator = x->by_operator };

		if (x->kind == ROLE_ACT_PERSIST)
			persist(w);
		else if (x->kind == ROLE_ACT_TELL && x->op == w->op &&
		    x->told != ROLE_TOLD_DONE)
			w->choice = 0;
		/* The pin is over at once here, so that it hides nothing of
		 * case 3: case 2 may move the role then. */
		else if (x->kind == ROLE_ACT_DECIDE && x->move == 2)
			w->choice = 0;
		if (x->kind == ROLE_ACT_GRANT) {
			judge_grant(w, x);
			m.kind = MSG_GRANT;
		} else if (x->kind == ROLE_ACT_OFF) {
			m.kind = MSG_OFF;
			if (w->off)
				broken(w, "off with control_status off");
		} else if (x->kind == ROLE_ACT_ACK)
			m.kind = MSG_ACK;
		else if (x->kind == ROLE_ACT_ASK)
			m.kind = MSG_ASK;
		if (m.kind != MSG_NONE && w->link[m.i])
			put(w, &m);
	}
}

static void
broker(struct world *w, struct role_event ev)
{
	static struct role_out out;
	uint64_t failed = w->r.count.failed, raised = w->r.count.raised;
	int64_t	 holder = w->r.state == ROLE_WAIT ? w->r.d.holder : 0;
	int64_t	 epoch = w->r.d.epoch;
	struct role_policy p = settings(w);

	ev.now = w->now;
	ev.at = (size_t)(ev.agent - 1);
	role_step(&w->r, &p, w->a, (size_t)w->n, &ev, &out);
	/* Its grant was not confirmed, or this broker is of a backup. */
	if (w->r.count.failed != failed || w->r.count.raised != raised)
		w->choice = 0;
	/* Case 1: "wait connection_timeout, counted from the last heartbeat" */
	if (holder != 0 && w->r.state == ROLE_GRANTING &&
	    w->r.d.epoch > epoch && w->r.d.holder != holder &&
	    (ev.kind == ROLE_EV_HEARTBEAT || ev.kind == ROLE_EV_TICK) &&
	    mono_diff_ms(w->now.mono, w->a[holder - 1].last_heard) <
	    policy.connection_timeout)
		broken(w, "case 1 did not wait connection_timeout");
	broker_acts(w, &out);
}

static void
agent_beat(struct world *w, int i)
{
	struct lease_event ev = { .kind = LEASE_EV_BEAT,
	    .now = { w->clock[i], { 0 } } };
	struct lease_out   out;
	struct msg	   m = { .kind = MSG_BEAT, .i = i };

	if (!w->link[i])
		return;
	lease_step(&w->l[i], &suspend, &ev, &out);
	lease_say(&w->l[i], w->clock[i], &m.beat);
	m.key = w->l[i].key;
	put(w, &m);
}

static void
agent(struct world *w, int i, struct lease_event ev)
{
	struct lease_out out;

	ev.now.mono = w->clock[i];
	lease_step(&w->l[i], &suspend, &ev, &out);
	for (size_t k = 0; k < out.n; k++)
		if (out.act[k].kind == LEASE_ACT_PERSIST) {
			w->lwas[i] = w->ldisk[i];
			w->llate[i] = MUTANT(MUTANT_AGENT_SEND_FIRST);
			w->ldisk[i] = w->l[i].d;
		} else if (out.act[k].kind == LEASE_ACT_BEAT)
			agent_beat(w, i);
}

static void
deliver_beat(struct world *w, const struct msg *m)
{
	struct role_agent *a = &w->a[m->i];

	if (!w->link[m->i] || stale(w, m))
		return;
	a->beat = m->beat;
	a->controlled = m->key;
	a->last_heard = w->now.mono;
	if (w->choice == a->id)
		w->unheard = 0;
	/* It went off by itself, before the operator chose it: case 1. */
	if (w->choice == a->id && w->r.d.holder == a->id &&
	    w->r.state != ROLE_REVOKING && !a->beat.on &&
	    a->beat.floor >= w->r.d.epoch)
		w->choice = 0;
	broker(w, (struct role_event){ .kind = ROLE_EV_HEARTBEAT,
	    .agent = a->id });
}

static void
deliver(struct world *w, struct msg m)
{
	static const enum lease_event_kind kind[] = {
		[MSG_GRANT] = LEASE_EV_GRANT, [MSG_OFF] = LEASE_EV_OFF,
		[MSG_ACK] = LEASE_EV_ACK,
	};

	if (m.kind == MSG_BEAT)
		deliver_beat(w, &m);
	else if (!w->link[m.i])
		return;
	else if (m.kind == MSG_ASK)
		agent_beat(w, m.i);
	else
		agent(w, m.i, (struct lease_event){ .kind = kind[m.kind],
		    .epoch = m.epoch, .start = m.start, .seq = m.seq,
		    .lease_ms = policy.lease, .by_operator = m.by_operator });
}

static void
cut(struct world *w, int i)
{
	w->link[i] = w->a[i].connected = false;
	broker(w, (struct role_event){ .kind = ROLE_EV_DISCONNECT,
	    .agent = i + 1 });
}

static void
mend(struct world *w, int i)
{
	w->link[i] = w->a[i].connected = true;
	memset(&w->a[i].beat, 0, sizeof(w->a[i].beat));
	agent(w, i, (struct lease_event){ .kind = LEASE_EV_SESSION });
	broker(w, (struct role_event){ .kind = ROLE_EV_CONNECT,
	    .agent = i + 1 });
	agent_beat(w, i);
}

/* Numbers of heartbeats start again, at another place. */
static void
restart(struct world *w, int i)
{
	bool key = w->l[i].key;

	if (w->link[i])
		cut(w, i);
	if (w->llate[i])
		w->ldisk[i] = w->lwas[i];
	w->llate[i] = false;
	lease_boot(&w->l[i], &w->ldisk[i], ++w->starts, key);
}

static void
restart_broker(struct world *w)
{
	static struct role_out out;
	struct role_policy     p = settings(w);

	if (w->late) {
		w->disk = w->was;
		memcpy(w->mdisk, w->mwas, sizeof(w->mdisk));
		w->late = false;
	}
	if (MUTANT(MUTANT_INTENT_LOST))
		w->disk.intent = false;
	for (int i = 0; i < w->n; i++) {
		w->link[i] = w->a[i].connected = false;
		memset(&w->a[i].beat, 0, sizeof(w->a[i].beat));
		w->a[i].marks = w->mdisk[i];
		w->a[i].marks.failed = 0;
		if (MUTANT(MUTANT_HOLD_LOST))
			w->a[i].marks.held_off = false;
	}
	role_boot(&w->r, &w->disk, &p, w->now, &out);
	broker_acts(w, &out);
}

/* A backup of the day when the cluster was made, held by another machine. */
static void
restore(struct world *w)
{
	w->left.restores--;
	memset(&w->disk, 0, sizeof(w->disk));
	memset(w->mdisk, 0, sizeof(w->mdisk));
	memset(w->granted_to, 0, sizeof(w->granted_to));
	memset(w->held, 0, sizeof(w->held));
	w->disk.restored = true;
	w->disk.fence_ms = policy.off_timeout;
	w->late = w->vacant = false;
	w->choice = 0;
	restart_broker(w);
}

static void
tick(struct world *w)
{
	static const int64_t rate[WORLD_AGENTS] = { 900, 1000, 1100 };

	w->now.mono = mono_add_ms(w->now.mono, TICK);
	if (++w->unheard >= policy.connection_timeout / TICK)
		w->choice = 0;
	for (int i = 0; i < w->n; i++) {
		w->clock[i] = mono_add_ms(w->clock[i],
		    MUTANT(MUTANT_DRIFT) ? 600 : rate[i]);
		w->beaten[i] = false;
		agent(w, i, (struct lease_event){ .kind = LEASE_EV_TICK });
	}
	if (w->now.mono.us >= role_next_deadline(&w->r).us)
		broker(w, (struct role_event){ .kind = ROLE_EV_TICK });
}

static void
operator(struct world *w, enum move_kind kind, int i)
{
	struct role_event ev = { .agent = i + 1, .op = ++w->op };

	w->left.ops--;
	if (w->off && kind != MOVE_RELEASE) {	/* refused */
		ev.kind = kind == MOVE_ON ? ROLE_EV_OP_ON : ROLE_EV_OP_OFF;
		ev.vacant = kind == MOVE_VACANT;
	} else if (kind == MOVE_ON) {
		ev.kind = ROLE_EV_OP_ON;
		if (role_why_not(&w->r, &w->a[i], ROLE_FOR_TARGET) ==
		    ROLE_FIT) {
			w->held[i] = w->vacant = false;
			w->choice = w->l[i].key ? i + 1 : 0;
			w->unheard = w->r.state != ROLE_HELD ||
			    w->r.d.holder != i + 1 ? 0 :
			    (int)(mono_diff_ms(w->now.mono,
			    w->a[i].last_heard) / TICK);
		}
	} else if (kind == MOVE_RELEASE) {
		ev.kind = ROLE_EV_OP_RELEASE;
		w->held[i] = false;
	} else {
		ev.kind = ROLE_EV_OP_OFF;
		ev.vacant = kind == MOVE_VACANT;
		/* Of one that is no Scheduler, --vacant says nothing. */
		w->vacant = w->vacant || (ev.vacant && (w->r.d.holder == 0 ||
		    w->r.d.holder == i + 1 || w->r.state == ROLE_REVOKING));
		w->held[i] = true;
		if (w->choice == i + 1 || w->vacant)
			w->choice = 0;
	}
	broker(w, ev);
}

static void
check(struct world *w)
{
	int n = 0;

	for (int i = 0; i < w->n; i++)
		n += lease_may_fire(&w->l[i], &suspend, w->clock[i]) ==
		    LEASE_FIRE_YES;
	if (n > 1)
		broken(w, "two at work");
}

static uint16_t
number(enum move_kind kind, int arg)
{
	return (uint16_t)((unsigned)kind << 4 | (unsigned)arg);
}

static bool
possible(const struct world *w, enum move_kind kind, int i)
{
	bool pool = kind == MOVE_DELIVER || kind == MOVE_DOUBLE;

	if (pool ? i >= w->npool : i >= w->n)
		return false;
	switch (kind) {
	case MOVE_TICK:
		return i == 0;
	case MOVE_BEAT:
		return w->link[i] && !w->beaten[i];
	case MOVE_DELIVER:
		return true;
	case MOVE_DOUBLE:
		return w->left.dups > 0;
	case MOVE_CUT:
		return w->left.cuts > 0 && w->link[i];
	case MOVE_MEND:
		return !w->link[i];
	case MOVE_RESTART:
		return w->left.crashes > 0;
	case MOVE_BROKER:
		return w->left.crashes > 0 && i == 0;
	case MOVE_KEY:
		return w->left.keys > 0;
	case MOVE_ON:
	case MOVE_OFF:
	case MOVE_VACANT:
		return w->left.ops > 0;
	case MOVE_RELEASE:
		return w->left.ops > 0 && w->held[i];
	case MOVE_CONDITION:
		return w->left.conditions > 0;
	case MOVE_BACKUP:
		return w->left.restores > 0 && i == 0;
	case MOVE_CONTROL:
		return w->left.controls > 0 && i == 0;
	case MOVE_CONFIRM:
		return w->r.proposal.move != 0 && i == 0;
	case MOVE_KINDS:
		break;
	}
	return false;
}

int
world_moves(const struct world *w, uint16_t moves[WORLD_MOVES])
{
	int n = 0;

	for (int kind = 0; kind < MOVE_KINDS; kind++)
		for (int i = 0; i < WORLD_POOL; i++)
			if (n < WORLD_MOVES && possible(w,
			    (enum move_kind)kind, i))
				moves[n++] = number((enum move_kind)kind, i);
	return n;
}

static void
apply(struct world *w, enum move_kind kind, int i)
{
	struct msg m;

	switch (kind) {
	case MOVE_TICK:
		tick(w);
		break;
	case MOVE_BEAT:
		w->beaten[i] = true;
		agent_beat(w, i);
		break;
	case MOVE_DELIVER:
		m = w->pool[i];
		forget(w, i);
		deliver(w, m);
		break;
	case MOVE_DOUBLE:
		w->left.dups--;
		deliver(w, w->pool[i]);
		break;
	case MOVE_CUT:
		w->left.cuts--;
		cut(w, i);
		break;
	case MOVE_MEND:
		mend(w, i);
		break;
	case MOVE_RESTART:
		w->left.crashes--;
		restart(w, i);
		break;
	case MOVE_BROKER:
		w->left.crashes--;
		restart_broker(w);
		break;
	case MOVE_KEY:
		w->left.keys--;
		if (w->choice == i + 1)
			w->choice = 0;
		agent(w, i, (struct lease_event){ .kind = LEASE_EV_KEY,
		    .key = !w->l[i].key });
		break;
	case MOVE_ON:
	case MOVE_OFF:
	case MOVE_VACANT:
	case MOVE_RELEASE:
		operator(w, kind, i);
		break;
	case MOVE_CONDITION:
		w->left.conditions--;
		w->a[i].condition_met = !w->a[i].condition_met;
		break;
	case MOVE_BACKUP:
		restore(w);
		break;
	case MOVE_CONTROL:
		w->left.controls--;
		w->off = !w->off;
		w->choice = 0;
		broker(w, (struct role_event){ .kind = ROLE_EV_SETTINGS });
		break;
	case MOVE_CONFIRM:
		w->choice = 0;
		broker(w, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
		    .op = ++w->op });
		break;
	case MOVE_KINDS:
		break;
	}
}

bool
world_apply(struct world *w, uint16_t move)
{
	enum move_kind kind = (enum move_kind)(move >> 4);
	int	       i = move & 15;

	if (kind >= MOVE_KINDS || !possible(w, kind, i))
		return false;
	/* What was not yet on disk is now, unless this is the crash. */
	if (kind != MOVE_BROKER)
		w->late = false;
	for (int k = 0; k < w->n; k++)
		if (kind != MOVE_RESTART || k != i)
			w->llate[k] = false;
	apply(w, kind, i);
	tidy(w);
	check(w);
	return true;
}

void
world_make(struct world *w, const struct world_setup *s)
{
	static const char *const name[WORLD_AGENTS] = { "a", "b", "c" };
	static const int	 health[WORLD_AGENTS] = { 5, 3, 4 };
	static struct role_out	 out;

	memset(w, 0, sizeof(*w));
	w->n = s->agents;
	w->left = s->budget;
	w->control = s->control;
	w->now.mono.us = 1000000000;
	w->now.wall.ms = 1700000000000;
	role_boot(&w->r, NULL, &policy, w->now, &out);
	for (int i = 0; i < w->n; i++) {
		struct lease_durable d = { .on = s->first && i == 0 };

		w->a[i] = (struct role_agent){ .id = i + 1, .name = name[i],
		    .connected = true, .controlled = true, .in_sync = true,
		    .clock_ok = true, .accepts = true, .health = health[i] };
		w->ldisk[i] = d;
		w->deaf[i] = i == s->deaf;
		w->clock[i].us = 1000000000;
		lease_boot(&w->l[i], &d, ++w->starts, true);
		mend(w, i);
	}
}

void
world_describe(const struct world *w, uint16_t move, char *s, size_t size)
{
	static const char *const word[MOVE_KINDS] = { "a second passes",
	    "heartbeat of", "arrives:", "arrives, and once more:",
	    "link cut to", "link mended to", "crash and start of",
	    "crash and start of the broker", "key toggled at", "operator: on",
	    "operator: off", "operator: off --vacant", "operator: release",
	    "condition toggled at", "the broker is restored from a backup",
	    "control_status toggled", "operator: confirm" };
	static const char *const kind[] = { "?", "heartbeat from", "grant to",
	    "off to", "ack to", "ask to" };
	enum move_kind k = (enum move_kind)(move >> 4);
	int	       i = move & 15;
	const struct msg *m = &w->pool[i < WORLD_POOL ? i : 0];
	bool	       pool = k == MOVE_DELIVER || k == MOVE_DOUBLE;

	if (k >= MOVE_KINDS)
		(void)snprintf(s, size, "?");
	else if (pool && m->kind == MSG_BEAT)
		(void)snprintf(s, size, "%s heartbeat from %c (%s%s, epoch "
		    "%lld, floor %lld)", word[k], 'a' + m->i,
		    m->beat.on ? "on" : "off", m->beat.fresh ? ", fresh" : "",
		    (long long)m->beat.epoch, (long long)m->beat.floor);
	else if (pool)
		(void)snprintf(s, size, "%s %s %c (epoch %lld)", word[k],
		    kind[m->kind], 'a' + m->i, (long long)m->epoch);
	else if (k == MOVE_TICK || k == MOVE_BROKER || k >= MOVE_BACKUP)
		(void)snprintf(s, size, "%s", word[k]);
	else
		(void)snprintf(s, size, "%s %c", word[k], 'a' + i);
}
