#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

unsigned long role_mutants;

static const struct role_policy policy[2] = { {
	.connection_timeout = 4 * TICK, .off_timeout = 3 * TICK,
	.grant_timeout = 2 * TICK, .lease = 2 * TICK, .heartbeat = TICK,
	.switch_min_interval = 3 * TICK, .manual_hold = 1,
	.transfer_on_condition = true, .control_status = true,
	.control = ROLE_AUTO,
}, {
	.connection_timeout = 7 * TICK, .off_timeout = 6 * TICK,
	.grant_timeout = 2 * TICK, .lease = 4 * TICK, .heartbeat = TICK,
	.switch_min_interval = 3 * TICK, .manual_hold = 1,
	.transfer_on_condition = true, .control_status = true,
	.control = ROLE_AUTO,
} };

struct role_policy
world_policy(const struct world *w)
{
	struct role_policy p = policy[w->longer];

	p.control_status = !w->off;
	p.control = w->control;
	return p;
}

struct lease_policy
world_lease(const struct world *w)
{
	return (struct lease_policy){ .go_on = w->go_on };
}

void
world_copy(struct world *to, const struct world *from)
{
	size_t n = offsetof(struct world, pool) +
	    (size_t)from->npool * sizeof(from->pool[0]);

	memcpy(to, from, n);
}

static void
forget(struct world *w, int k)
{
	memmove(&w->pool[k], &w->pool[k + 1],
	    (size_t)(--w->npool - k) * sizeof(w->pool[0]));
}

/* A full network loses one; otherwise a loss is a message that is never
 * delivered. */
static void
put(struct world *w, const struct msg *m)
{
	if (w->deaf[m->i] && m->kind != MSG_BEAT)
		return;
	if (w->npool == w->room)
		forget(w, world_loses(w));
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
	static const enum msg_kind kind[ROLE_NACTS] = {
		[ROLE_ACT_GRANT] = MSG_GRANT, [ROLE_ACT_OFF] = MSG_OFF,
		[ROLE_ACT_ACK] = MSG_ACK, [ROLE_ACT_ASK] = MSG_ASK,
		[ROLE_ACT_RELEASE] = MSG_RELEASE,
	};

	for (size_t k = 0; k < out->n; k++) {
		const struct role_act *x = &out->act[k];
		struct msg m = { .kind = kind[x->kind],
		    .i = (int)x->agent - 1, .epoch = x->epoch,
		    .start = x->start, .seq = x->seq,
		    .lease_ms = x->lease_ms, .lifts = x->lifts };

		if (x->kind == ROLE_ACT_PERSIST)
			persist(w);
		else if (m.kind != MSG_NONE && w->link[m.i])
			put(w, &m);
	}
}

static void
broker(struct world *w, struct role_event ev)
{
	static struct role_out out;
	struct role_policy     p = world_policy(w);
	struct role	       was = w->r;

	ev.now = w->now;
	ev.at = (size_t)(ev.agent - 1);
	role_step(&w->r, &p, w->a, (size_t)w->n, &ev, &out);
	truth_step(w, &was, &ev, &out);
	broker_acts(w, &out);
}

static void
agent_beat(struct world *w, int i)
{
	struct lease_event ev = { .kind = LEASE_EV_BEAT,
	    .now = { w->clock[i], { 0 } } };
	struct lease_out   out;
	struct msg	   m = { .kind = MSG_BEAT, .i = i };
	struct lease_policy p = world_lease(w);

	if (!w->link[i])
		return;
	lease_step(&w->l[i], &p, &ev, &out);
	lease_say(&w->l[i], w->clock[i], &m.beat);
	m.key = w->l[i].key;
	put(w, &m);
}

static void
agent(struct world *w, int i, struct lease_event ev)
{
	struct lease_policy p = world_lease(w);
	struct lease_out    out;

	ev.now.mono = w->clock[i];
	lease_step(&w->l[i], &p, &ev, &out);
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
	truth_heard(w, m->i);
	broker(w, (struct role_event){ .kind = ROLE_EV_HEARTBEAT,
	    .agent = a->id });
}

static void
deliver(struct world *w, struct msg m)
{
	static const enum lease_event_kind kind[] = {
		[MSG_GRANT] = LEASE_EV_GRANT, [MSG_OFF] = LEASE_EV_OFF,
		[MSG_ACK] = LEASE_EV_ACK, [MSG_RELEASE] = LEASE_EV_RELEASE,
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
		    .lease_ms = m.lease_ms, .lifts = m.lifts });
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
	struct role_policy     p = world_policy(w);

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
	w->t.wish = 0;
	w->t.licence = true;
	role_boot(&w->r, &w->disk, &p, w->now, &out);
	broker_acts(w, &out);
}

/* A backup of the day when the cluster was made, held by another machine.  Its
 * settings are those of the longest lease: no backup knows of longer ones that
 * were given after it, and the manual says what to do then. */
static void
restore(struct world *w)
{
	int64_t most = policy[w->longer || w->t.changed].off_timeout;

	w->left.restores--;
	memset(&w->disk, 0, sizeof(w->disk));
	memset(w->mdisk, 0, sizeof(w->mdisk));
	memset(&w->t, 0, sizeof(w->t));
	w->t.changed = true;
	w->disk.restored = true;
	w->disk.fence_ms = most;
	w->late = false;
	restart_broker(w);
}

static void
tick(struct world *w)
{
	static const int64_t rate[WORLD_AGENTS] = { 900, 1000, 1100 };
	/* One that was raised counts from the next wait on. */
	int64_t timeout = policy[w->longer && !w->t.changed].connection_timeout;

	w->now.mono = mono_add_ms(w->now.mono, TICK);
	w->now.wall.ms += TICK;
	if (++w->t.unheard >= timeout / TICK)
		w->t.choice = 0;
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
	struct role_event ev = { .kind = ROLE_EV_OP_OFF, .agent = i + 1,
	    .held = w->a[i].beat.held };

	w->left.ops--;
	truth_operator(w, kind, i);
	if (kind == MOVE_RELEASE)
		ev.kind = ROLE_EV_OP_RELEASE;
	else if (kind == MOVE_ON || kind == MOVE_PIN)
		ev.kind = ROLE_EV_OP_ON;
	ev.vacant = kind == MOVE_VACANT;
	ev.for_ms = kind == MOVE_PIN ? 5 * TICK : 0;
	ev.op = ++w->ops;
	broker(w, ev);
}

/* "Leaves, is removed or drained" (must), or shuts down cleanly. */
static void
leave(struct world *w, int i, bool must)
{
	if (w->t.choice == i + 1)
		w->t.choice = 0;
	broker(w, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = i + 1, .must = must });
}

static void
toggle_key(struct world *w, int i)
{
	w->left.keys--;
	if (w->t.choice == i + 1)
		w->t.choice = 0;
	w->t.licence = true;
	agent(w, i, (struct lease_event){ .kind = LEASE_EV_KEY,
	    .key = !w->l[i].key });
}

/* Off at the node itself. */
static void
hold(struct world *w, int i)
{
	w->left.ops--;
	if (w->t.choice == i + 1)
		w->t.choice = 0;
	w->t.here[i] = true;
	agent(w, i, (struct lease_event){ .kind = LEASE_EV_HOLD });
}

static void
settings(struct world *w, enum move_kind kind)
{
	if (kind == MOVE_SETTINGS) {
		w->left.settings--;
		w->longer = !w->longer;
		w->t.changed = true;
	} else if (kind == MOVE_STATUS) {
		w->left.controls--;
		w->off = !w->off;
		w->t.choice = 0;
	} else {
		w->left.controls--;
		w->control = (enum role_control)((w->control + 1) % 3);
	}
	broker(w, (struct role_event){ .kind = ROLE_EV_SETTINGS });
}

/* Pins and the last move of case 2 are carried over a restart by it. */
static void
jump(struct world *w, int i)
{
	w->left.walls--;
	w->now.wall.ms += (i == 0 ? 1 : -1) * 3600 * (int64_t)1000;
	w->t.changed = true;
	w->t.switched = (mono){ 0 };
	w->t.pinned = 0;
}

static uint16_t
number(enum move_kind kind, int arg)
{
	return (uint16_t)((unsigned)kind << 4 | (unsigned)arg);
}

static bool
possible(const struct world *w, enum move_kind kind, int i)
{
	switch (kind) {
	case MOVE_TICK:
	case MOVE_DELIVER:
		return true;
	case MOVE_BEAT:
		return w->link[i] && !w->beaten[i];
	case MOVE_DOUBLE:
		return w->left.dups > 0;
	case MOVE_CUT:
		return w->left.cuts > 0 && w->link[i];
	case MOVE_MEND:
		return !w->link[i];
	case MOVE_RESTART:
	case MOVE_BROKER:
		return w->left.crashes > 0;
	case MOVE_KEY:
		return w->left.keys > 0;
	case MOVE_ON:
	case MOVE_PIN:
	case MOVE_OFF:
	case MOVE_VACANT:
		return w->left.ops > 0;
	case MOVE_LEAVE:
		return w->left.ops > 0 && w->link[i];
	case MOVE_RELEASE:
		return w->left.ops > 0 && (w->t.held[i] || w->l[i].d.held);
	case MOVE_HOLD:
		return w->left.ops > 0 && !w->l[i].d.held;
	case MOVE_CONDITION:
	case MOVE_HEALTH:
		return w->left.conditions > 0;
	case MOVE_SYNC:
	case MOVE_DRAIN:
		return w->left.facts > 0;
	case MOVE_BACKUP:
		return w->left.restores > 0;
	case MOVE_STATUS:
	case MOVE_CONTROL:
		return w->left.controls > 0;
	case MOVE_SETTINGS:
		return w->left.settings > 0;
	case MOVE_WALL:
		return w->left.walls > 0;
	case MOVE_CONFIRM:
		return w->r.proposal.move != 0;
	case MOVE_KINDS:
		break;
	}
	return false;
}

/* How many of this kind there are. */
static int
many(const struct world *w, enum move_kind kind)
{
	static const int8_t times[MOVE_KINDS] = {
		[MOVE_TICK] = 1, [MOVE_BROKER] = 1, [MOVE_BACKUP] = 1,
		[MOVE_STATUS] = 1, [MOVE_CONTROL] = 1, [MOVE_SETTINGS] = 1,
		[MOVE_CONFIRM] = 1, [MOVE_WALL] = 2,
	};

	if (kind == MOVE_DELIVER || kind == MOVE_DOUBLE)
		return w->npool;
	return times[kind] != 0 ? times[kind] : w->n;
}

int
world_moves(const struct world *w, uint16_t moves[WORLD_MOVES])
{
	int n = 0;

	for (int kind = 0; kind < MOVE_KINDS; kind++) {
		int most = many(w, (enum move_kind)kind);

		for (int i = 0; i < most && n < WORLD_MOVES; i++)
			if (possible(w, (enum move_kind)kind, i))
				moves[n++] = number((enum move_kind)kind, i);
	}
	return n;
}

/* What the broker finds when it looks next time. */
static void
fact(struct world *w, enum move_kind kind, int i)
{
	struct role_agent *a = &w->a[i];

	if (kind == MOVE_CONDITION || kind == MOVE_HEALTH)
		w->left.conditions--;
	else
		w->left.facts--;
	if (kind == MOVE_CONDITION)
		a->condition_met = !a->condition_met;
	else if (kind == MOVE_HEALTH)
		a->health = a->health == 1 ? 5 : 1;
	else if (kind == MOVE_SYNC)
		a->in_sync = !a->in_sync;
	else {
		a->drained = !a->drained;
		if (a->drained)
			leave(w, i, true);
	}
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
		toggle_key(w, i);
		break;
	case MOVE_ON:
	case MOVE_PIN:
	case MOVE_OFF:
	case MOVE_VACANT:
	case MOVE_RELEASE:
		operator(w, kind, i);
		break;
	case MOVE_HOLD:
		hold(w, i);
		break;
	case MOVE_LEAVE:
		w->left.ops--;
		leave(w, i, false);
		break;
	case MOVE_CONDITION:
	case MOVE_HEALTH:
	case MOVE_SYNC:
	case MOVE_DRAIN:
		fact(w, kind, i);
		break;
	case MOVE_BACKUP:
		restore(w);
		break;
	case MOVE_STATUS:
	case MOVE_CONTROL:
	case MOVE_SETTINGS:
		settings(w, kind);
		break;
	case MOVE_WALL:
		jump(w, i);
		break;
	case MOVE_CONFIRM:
		w->t.choice = 0;
		broker(w, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
		    .op = ++w->ops });
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

	if (kind >= MOVE_KINDS || i >= many(w, kind) || !possible(w, kind, i))
		return false;
	/* What was not yet on disk is now, unless this is the crash. */
	if (kind != MOVE_BROKER)
		w->late = false;
	for (int k = 0; k < w->n; k++)
		if (kind != MOVE_RESTART || k != i)
			w->llate[k] = false;
	apply(w, kind, i);
	tidy(w);
	truth_check(w);
	return true;
}

void
world_make(struct world *w, const struct world_setup *s)
{
	static const char *const name[WORLD_AGENTS] = { "a", "b", "c" };
	static const int	 health[WORLD_AGENTS] = { 5, 3, 4 };
	static struct role_out	 out;
	struct role_policy	 p;

	memset(w, 0, sizeof(*w));
	w->n = s->agents;
	w->left = s->budget;
	w->control = s->control;
	w->go_on = s->go_on;
	w->room = s->room > 0 ? s->room : WORLD_POOL;
	w->t.licence = true;
	w->now.mono.us = 1000000000;
	w->now.wall.ms = 1700000000000;
	p = world_policy(w);
	role_boot(&w->r, NULL, &p, w->now, &out);
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
	    "operator: on for 5 s", "operator: off", "operator: off --vacant",
	    "operator: release", "off at the node itself,",
	    "shuts down cleanly:", "condition toggled at", "health changed of",
	    "sync toggled of", "drain toggled of",
	    "the broker is restored from a backup", "control_status toggled",
	    "control: the next of auto, advise, manual",
	    "timeouts: the other set", "wall clock", "operator: confirm" };
	static const char *const kind[] = { "?", "heartbeat from", "grant to",
	    "off to", "ack to", "ask to", "release to" };
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
	else if (k == MOVE_WALL)
		(void)snprintf(s, size, "%s %s an hour", word[k],
		    i == 0 ? "forward" : "back");
	else if (k == MOVE_TICK || k == MOVE_BROKER || k >= MOVE_BACKUP)
		(void)snprintf(s, size, "%s", word[k]);
	else
		(void)snprintf(s, size, "%s %c", word[k], 'a' + i);
}
