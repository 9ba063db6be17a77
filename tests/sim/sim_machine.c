/* Machines: a process with the shipped broker, or the shipped seat and runs,
 * that is started, stopped for a while, killed, and started again from its
 * disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "broker/dispatch.h"
#include "broker/gate.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"
#include "sim.h"

/* Turns in so many seconds of true time.  A disk that is full now and then may
 * have a thousand occurrences sent, and each answered, once a second. */
enum {
	SPIN = 25000,
	SPIN_S = 10
};

/* ---- what a seat asks of its node ---- */

static struct session *
dial(void *ctx, struct seat *seat, const struct session_ops *ops)
{
	return net_dial(ctx, ops, seat);
}

static json_t *
sample(void *ctx)
{
	struct machine *m = ctx;

	return json_pack("{s:f,s:f,s:f}", "cpu", m->cpu, "mem", 20.0, "load1",
	    0.1);
}

static const char *
no_room(void *ctx)
{
	struct machine *m = ctx;

	return m->full ? "the disk of this node's state directory is full"
	    : NULL;
}

static const char *
refuses(void *ctx)
{
	struct machine *m = ctx;

	if (m->full)
		return no_room(m);
	if (!m->keeper.up)
		return "the keeper of this node is not running";
	return NULL;
}

/* Not from within the seat's own call. */
static void
on_disowned(struct world *w, void *arg, int64_t life)
{
	struct machine *m = arg, *was;

	(void)w;
	if (!m->up || m->dying || m->life != (unsigned)life || m->member ||
	    m->seat == NULL || machine_later(m, on_disowned, m, life))
		return;
	was = sim_enter(m);
	keeper_excuse(m);
	seat_free(m->seat);
	m->seat = NULL;
	sim_leave(m, was);
}

static void
disowned(void *ctx, struct seat *seat, const char *state, const char *reason)
{
	struct machine *m = ctx;
	const struct member *mb = machine_member(m);

	(void)seat;
	if (mb != NULL && member_active(mb))
		sim_broken(m->w, RULE_WORLD, "%s was disowned (%s: %s), and "
		    "nobody removed it", m->name, state, reason);
	sim_say(m->w, m, "is no member any more: %s", state);
	m->member = false;
	sim_at(m->w, m->w->now + 100, on_disowned, m, m->life);
}

static void
changed(void *ctx, struct seat *seat)
{
	(void)ctx;
	(void)seat;
}

static const struct seat_ops seat_ops = {
	.dial = dial,
	.sample = sample,
	.refuses = refuses,
	.no_room = no_room,
	.disowned = disowned,
	.changed = changed,
};

static void
report(void *ctx, const char *cluster, const json_t *doc)
{
	struct machine *m = ctx;

	(void)cluster;
	if (m->seat != NULL)
		seat_report(m->seat, doc);
}

static const struct runs_ops runs_ops = { .report = report };

static void
view(void *ctx, const char *method, const json_t *params, gate_reply *reply,
    void *arg)
{
	struct err e;

	(void)ctx;
	(void)method;
	(void)params;
	(void)err_set(&e, ERR_FAILED, "not simulated");
	reply(arg, NULL, &e);
}

/* ---- turns ---- */

static void
on_turn(struct world *w, void *arg, int64_t at)
{
	struct machine *m = arg, *was;
	mono next = MONO_NEVER;
	struct now now;

	if (!m->up || m->dying || at != m->turn_at ||
	    machine_later(m, on_turn, m, at))
		return;
	if (w->now - m->turns_from > SPIN_S * SEC) {
		m->turns_from = w->now;
		m->turns = 0;
	}
	if (++m->turns > SPIN)
		sim_broken(w, RULE_SPIN, "%s spins: %d turns in %d seconds",
		    m->name, SPIN, SPIN_S);
	m->turn_at = INT64_MAX;
	was = sim_enter(m);
	now = sim_clock(m);
	if (m->broker != NULL)
		next = broker_turn(m->broker, now);
	if (m->seat != NULL && !m->dying)
		next = mono_min(next, seat_turn(m->seat, now));
	w->cur = was;
	if (m->dying) {
		sim_leave(m, was);
		return;
	}
	/* A timer has milliseconds, and each turn costs something. */
	if (next.us != INT64_MAX)
		machine_wake(m, next.us <= now.mono.us ? w->now + 100
		    : sim_when(m, (mono){ (next.us - now.mono.us + 999) / 1000 *
		    1000 + now.mono.us }));
}

void
machine_wake(struct machine *m, int64_t at)
{
	if (at >= m->turn_at)
		return;
	m->turn_at = at;
	sim_at(m->w, at, on_turn, m, at);
}

bool
machine_later(struct machine *m, void (*fn)(struct world *, void *, int64_t),
    void *arg, int64_t n)
{
	int64_t at = m->w->now + 250 * MS;	/* it may be let go sooner */

	if (m->frozen <= m->w->now)
		return false;
	if (m->frozen < at)		/* timers first, or what was heard */
		at = m->frozen + (fn != on_turn ? 1 : sim_range(m->w, 0, 2));
	sim_at(m->w, at, fn, arg, n);
	return true;
}

/* ---- life ---- */

static const char *
cluster_id(const struct world *w)
{
	return w->m[BROKER].broker != NULL ? w->m[BROKER].broker->id : "";
}

static void
boot_broker(struct machine *m)
{
	struct err e;

	m->broker = broker_new(m->store, &m->key, m->name, true, m->booted, &e);
	if (m->broker == NULL)
		sim_broken(m->w, RULE_WORLD, "the broker does not start: %s",
		    e.msg);
	(void)snprintf(m->broker->boot, sizeof(m->broker->boot), "boot-%lld",
	    (long long)m->mono_base);
	(void)gate_new(m->broker, view, m);
	broker_wake(m->broker, true, m->booted);
}

static void
boot_seat(struct machine *m)
{
	struct world *w = m->w;
	static char id[40];
	struct seat_facts f = { .controlled = !m->worker && !m->uncontrolled,
		.near = m->local, .cap = m->at % 2 == 0 ? 0 : 6,
		.initial_on = m->at == 1 && w->o.seed % 2 == 0 };

	if (cluster_id(w)[0] != '\0')
		(void)MEM_STR(id, cluster_id(w));
	(void)MEM_STR(f.cluster_id, id);
	(void)MEM_STR(f.cluster, "sim");
	(void)MEM_STR(f.name, m->name);
	(void)MEM_STR(f.broker, w->m[BROKER].name);
	(void)snprintf(f.boot, sizeof(f.boot), "boot-%lld",
	    (long long)m->mono_base);
	f.start = m->start;
	f.loop = m->w->files != NULL ? (uv_loop_t *)(void *)m : NULL;
	m->goes_on = false;
	m->granted = 0;
	m->seat = seat_new(m->store, m->runs, &f, &seat_ops, m,
	    sim_clock(m));
}

static void
boot_agent(struct machine *m)
{
	m->start = sim_range(m->w, 1, INT64_C(1) << 50);
	m->runs = runs_new(m->store, m->name, &runs_ops, m);
	runs_set_keeper(m->runs, &m->keeper);
	if (m->member)
		boot_seat(m);
	keeper_link(m);
}

void
machine_seat(struct machine *m)
{
	struct machine *was;

	keeper_excuse(m);
	if (!m->up || m->dying || m->seat != NULL)
		return;
	was = sim_enter(m);
	boot_seat(m);
	sim_leave(m, was);
}

void
machine_boot(struct machine *m)
{
	struct machine *was;

	if (m->up)
		return;
	if (!m->host_up) {		/* it counts from its own boot */
		m->mono_base = 10 * (int64_t)SEC - sim_clock(m).mono.us +
		    m->mono_base;
		m->host_up = true;
	}
	m->up = true;
	m->dying = false;
	m->life++;
	m->crash_in = 0;
	m->turn_at = INT64_MAX;
	m->frozen = 0;
	sim_say(m->w, m, "starts");
	was = sim_enter(m);
	m->booted = sim_clock(m);
	m->store = sim_store_open(m);
	if (m->at == BROKER)
		boot_broker(m);
	if (m->at != BROKER || m->local)
		boot_agent(m);
	sim_leave(m, was);
}

static void
drop(struct machine *m, bool power)
{
	struct store *s = m->store;

	m->dying = true;
	net_kill(m, power);
	sim_store_close(s);
	m->store = NULL;
	if (m->seat != NULL)
		seat_free(m->seat);
	m->seat = NULL;
	if (m->runs != NULL)
		runs_free(m->runs);
	m->runs = NULL;
	if (m->broker != NULL)
		broker_free(m->broker);
	m->broker = NULL;
	m->up = false;
}

void
machine_kill(struct machine *m, bool power)
{
	struct machine *was;

	if (!m->up)
		return;
	sim_say(m->w, m, power ? "loses its power" : "is killed");
	was = sim_enter(m);
	drop(m, power);
	if (power) {
		m->host_up = false;
		keeper_crash(m, true);
	}
	if (m->at == BROKER) {
		check_edit(m->w, 0);
		m->w->asked = 0;
		for (int i = 0; i < m->w->n; i++)
			m->w->m[i].offs = 0;
	}
	m->w->cur = was;
}

/* ---- facts for the rules ---- */

bool
machine_fires(struct machine *m)
{
	return m->up && m->seat != NULL && seat_lease(m->seat)->d.on &&
	    seat_fires(m->seat, sim_clock(m));
}

struct member *
machine_member(struct machine *m)
{
	const struct machine *b = &m->w->m[BROKER];

	if (b->broker == NULL)
		return NULL;
	if (m->known == NULL || m->known_in != b->life) {
		m->known = roster_by_key(b->broker->roster, m->key.pub);
		m->known_in = b->life;
	}
	return m->known;
}

bool
machine_linked(struct machine *m)
{
	const struct member *mb = machine_member(m);

	if (!m->up || m->seat == NULL || !seat_up(m->seat) || mb == NULL)
		return false;
	return member_connected(m->w->m[BROKER].broker->roster, mb) &&
	    strtoll(mb->start, NULL, 10) == seat_facts(m->seat)->start;
}

/* ---- all of them ---- */

static void
make_key(struct machine *m)
{
	unsigned char blob[51] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";
	json_t *text;
	char line[128];

	for (size_t i = 19; i < sizeof(blob); i++)
		blob[i] = (unsigned char)sim_random(m->w);
	text = base64_json(blob, sizeof(blob));
	(void)snprintf(line, sizeof(line), "ssh-ed25519 %s",
	    json_string_value(text));
	json_decref(text);
	if (key_parse(line, m->key.pub, m->key.fingerprint, NULL) == -1)
		sim_broken(m->w, RULE_WORLD, "a key is not one");
}

static void
enrol(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	struct batch *batch = batch_new();
	struct machine *was = sim_enter(&w->m[BROKER]);

	for (int i = 0; i < w->n; i++)
		if (i != BROKER || w->m[i].local)
			(void)roster_admit(b, w->m[i].name, w->m[i].key.pub,
			    w->m[i].key.fingerprint, w->m[i].worker, batch, NULL);
	if (store_write(b->store, batch) != STORE_OK)
		sim_broken(w, RULE_WORLD, "the members could not be stored");
	sim_leave(&w->m[BROKER], was);
}

void
machines_make(struct world *w)
{
	static const char *const names[SIM_MACHINES] = { "broker", "node-a",
		"node-b", "node-c", "node-d" };
	int64_t most = sim_without(w, SIM_DRIFT) ? 350000
	    : sim_chance(w, 50) ? 0 : 99900;
	bool local = sim_chance(w, 40);

	w->n = (int)sim_range(w, local ? 2 : 3, SIM_MACHINES);
	w->latency = sim_chance(w, 70) ? 300 : sim_range(w, MS, 120 * MS);
	w->jitter = sim_chance(w, 70) ? 300 : sim_range(w, MS, 300 * MS);
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		m->w = w;
		m->at = i;
		m->keeper.m = m;
		m->local = i == BROKER && local;
		m->worker = w->n > 3 && i == w->n - 1 && w->o.seed % 3 == 0;
		(void)MEM_STR(m->name, names[i]);
		m->ppm = most == 0 ? 0 : sim_range(w, -most, most);
		if (most != 0 && sim_chance(w, 40))	/* as it may be */
			m->ppm = m->ppm < 0 ? -most : most;
		m->mono_base = sim_range(w, 10, 100000) * SEC;
		m->wall_off = sim_range(w, -300, 300);
		m->cpu = 5;
		m->host_up = m->member = true;
		m->turn_at = INT64_MAX;
		make_key(m);
	}
	machine_boot(&w->m[BROKER]);
	enrol(w);
	for (int i = 1; i < w->n; i++)
		machine_boot(&w->m[i]);
}

void
machines_free(struct world *w)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		if (m->up) {
			w->cur = m;
			drop(m, true);
		}
		if (m->disk.db != NULL)
			sim_disk_free(m);
		sqlite3_free(m->copy);
		json_decref(m->stale_grant);
		keepers_free(m);
	}
}
