/* The Scheduler's daemon is killed (kill -9), stopped (SIGSTOP, later SIGCONT)
 * or ended (SIGTERM): how long until another may fire, and fires.  Three real
 * agents and a broker on loopback, a job due every second.  In the same run
 * keepalived, which moves an address by VRRP between two namespaces, suffers
 * the same (vrrp.h; "keepalived" says why when it was not measured).
 *
 *	bench_failover [rounds [rounds at 15 s]]	default: 20 3
 *
 * One JSON line; ms.  at_work: the signal to the new Scheduler saying that it
 * is at work; fired: to its first fire on the broker's record; excess: at_work
 * less connection_timeout, counted from the newest heartbeat that the broker
 * answered, as the rule counts.  old_fires: fires of the old Scheduler's epoch
 * after the new one was at work (SIGSTOP; it must be 0), old_tries: those that
 * were sent and refused; idle: the end of the old lease to the new Scheduler at
 * work.  About 12 minutes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "crew.h"
#include "figures.h"
#include "js.h"
#include "vrrp.h"

enum { AGENTS = 3, SETTLE_MS = 30000, LEASES_OVER_MS = 6000 };

static struct crew_node *broker, *agents[AGENTS];
static struct client client;

struct timing {
	const char *name;
	int64_t	    timeout, lease, heartbeat;
	const char *settings;
};

/* Ten heartbeats a second and three of them missed, as keepalived at an
 * advert_int of 0.1; a second; the default. */
static const struct timing timings[] = {
	{ "0.36s", 360, 290, 100, "connection_timeout=360ms off_timeout=360ms "
	    "grant_timeout=360ms lease=290ms heartbeat=100ms "
	    "sample_interval=500ms" },
	{ "1s", 1000, 800, 100, "connection_timeout=1s off_timeout=1s "
	    "grant_timeout=1s lease=800ms heartbeat=100ms "
	    "sample_interval=500ms" },
	{ "15s", 15000, 4000, 1000, "connection_timeout=15s off_timeout=5s "
	    "grant_timeout=5s lease=4s heartbeat=1s sample_interval=5s" },
};

struct one {
	struct figures at_work, fired, excess, idle;
	int64_t old_fires;
};

/* ---- before a round ---- */

static struct crew_node *
named(const char *name)
{
	for (size_t i = 0; i < AGENTS; i++)
		if (strcmp(agents[i]->name, name) == 0)
			return agents[i];
	return NULL;
}

/* The Scheduler, when it is at work and all others could take over: the
 * broker's own opinion of what would follow its end. */
static struct crew_node *
ready(void)
{
	json_t *list = client_call(&client, "agent.list", json_object()), *a;
	json_t *if_killed = NULL;
	struct crew_node *holder = NULL;
	size_t fit = 0, i;

	json_array_foreach(list, i, a)
		if (strcmp(js_str(a, "role", ""), "scheduler") == 0 &&
		    js_bool(a, "connected", false) &&
		    !js_bool(a, "suspended", true))
			holder = named(js_str(a, "name", ""));
	json_decref(list);
	if (holder != NULL)
		if_killed = client_try(&client, "whatif", json_pack(
		    "{s:[s,s]}", "event", "kill", holder->name));
	json_array_foreach(json_object_get(if_killed, "candidates"), i, a)
		fit += js_bool(a, "eligible", false);
	json_decref(if_killed);
	return fit == AGENTS - 1 ? holder : NULL;
}

static struct crew_node *
await_ready(void)
{
	double from = crew_ms();
	struct crew_node *holder;

	while ((holder = ready()) == NULL) {
		if (crew_ms() - from > SETTLE_MS)
			crew_die("the cluster does not settle");
		(void)usleep(20000);
	}
	return holder;
}

/* When its newest acknowledged heartbeat was sent; waits for a moment when no
 * other is about to be, and in which a fire will be overdue at the takeover. */
static double
newest_beat(const struct crew_node *holder, const struct timing *t)
{
	struct client c;
	json_t *status;
	double beat;

	while (clock_wall().ms % 1000 < 300 || clock_wall().ms % 1000 > 700)
		(void)usleep(10000);
	client_open(&c, holder->socket);
	for (;;) {
		status = client_call(&c, "status", json_object());
		beat = crew_ms() + js_num(status, "lease_left", 0) * 1000 -
		    (double)t->lease;
		json_decref(status);
		if (crew_ms() - beat < 0.6 * (double)t->heartbeat)
			break;
		(void)usleep(2000);
	}
	client_close(&c);
	return beat;
}

/* ---- a round ---- */

struct seen {
	struct crew_node *next;
	double signalled, beat, at_work;
	int64_t wall_ms;	/* when it was signalled */
	int64_t work_ms;	/* at_work, by the wall clock */
	int64_t epoch;		/* of the new one */
};

static void
strike(struct crew_node *old, int sig, const struct timing *t, struct seen *s)
{
	struct crew_node *rest[AGENTS];
	size_t n = 0;

	for (size_t i = 0; i < AGENTS; i++)
		if (agents[i] != old)
			rest[n++] = agents[i];
	s->beat = newest_beat(old, t);
	s->signalled = crew_ms();
	s->wall_ms = clock_wall().ms;
	(void)kill(old->pid, sig);
	s->at_work = crew_saw_any(rest, n, "at work", s->signalled,
	    t->timeout * 3 + 10000, &s->next);
	if (s->at_work < 0)
		crew_die("nobody took over from %s", old->name);
	s->work_ms = s->wall_ms + (int64_t)(s->at_work - s->signalled);
}

static json_t *
ticks(int limit)
{
	return client_call(&client, "run.list", json_pack("{s:s,s:i}", "job",
	    "tick", "limit", limit));
}

/* The first fire of the new epoch on record, wall ms. */
static int64_t
first_fire(struct seen *s)
{
	double from = crew_ms();
	int64_t first = 0;

	while (first == 0) {
		json_t *list = ticks(200), *r;
		int64_t newest = js_int(json_array_get(list, 0), "epoch", 0);
		size_t i;

		json_array_foreach(list, i, r)
			if (js_int(r, "epoch", 0) == newest &&
			    js_wall(r, "queued_at").ms >= s->wall_ms)
				first = js_wall(r, "queued_at").ms;
		if (first < s->work_ms - 2)
			first = 0;		/* still one of the old */
		s->epoch = newest;
		json_decref(list);
		if (crew_ms() - from > SETTLE_MS)
			crew_die("the new Scheduler fires nothing");
	}
	return first;
}

/* Fires with an epoch of the past that the broker was sent, and refused. */
static int64_t
refused(void)
{
	json_t *list = client_call(&client, "event.list", json_pack("{s:s,s:i}",
	    "code", "fire_refused", "limit", 1000));
	int64_t n = (int64_t)json_array_size(list);

	json_decref(list);
	return n;
}

static int64_t
fires_of_old(const struct seen *s)
{
	json_t *list = ticks(200), *r;
	int64_t n = 0;
	size_t i;

	json_array_foreach(list, i, r)
		n += js_int(r, "epoch", 0) < s->epoch &&
		    js_wall(r, "queued_at").ms > s->work_ms + 2;
	json_decref(list);
	return n;
}

static void
take_round(int sig, const struct timing *t, struct one *o)
{
	struct crew_node *old = await_ready();
	struct seen s = { 0 };
	double again;

	strike(old, sig, t, &s);
	figures_add(&o->at_work, s.at_work - s.signalled);
	figures_add(&o->fired, (double)(first_fire(&s) - s.wall_ms));
	if (sig != SIGTERM) {
		figures_add(&o->excess, s.at_work - s.beat -
		    (double)t->timeout);
		figures_add(&o->idle, s.at_work - s.beat - (double)t->lease);
	}
	if (sig != SIGSTOP) {
		crew_reap(old);
		crew_restart(old);
		return;
	}
	again = crew_ms();
	(void)kill(old->pid, SIGCONT);
	if (crew_saw(old, "stopped: ", again, SETTLE_MS) < 0)
		crew_die("%s goes on, and has not stopped", old->name);
	(void)await_ready();
	o->old_fires += fires_of_old(&s);
}

/* ---- all of it ---- */

static json_t *
rounds_json(int sig, const struct timing *t, int n)
{
	int64_t was = refused();
	struct one o = { 0 };
	json_t *doc;

	for (int i = 0; i < n; i++)
		take_round(sig, t, &o);
	doc = json_pack("{s:o,s:o}", "at_work", figures_json(&o.at_work),
	    "fired", figures_json(&o.fired));
	if (sig != SIGTERM)
		(void)json_object_update_new(doc, json_pack("{s:o,s:o}",
		    "excess", figures_json(&o.excess), "idle",
		    figures_json(&o.idle)));
	if (sig == SIGSTOP)
		(void)json_object_update_new(doc, json_pack("{s:I,s:I}",
		    "old_fires", (json_int_t)o.old_fires, "old_tries",
		    (json_int_t)(refused() - was)));
	return doc;
}

static json_t *
muster_json(const struct timing *t, int n)
{
	json_t *kill9, *stop, *term;

	crew_sh("$M -S broker.sock setting set %s >/dev/null", t->settings);
	/* Leases given out under the former settings have to be over. */
	(void)usleep(LEASES_OVER_MS * 1000);
	kill9 = rounds_json(SIGKILL, t, n);
	stop = rounds_json(SIGSTOP, t, n);
	term = rounds_json(SIGTERM, t, n);
	return json_pack("{s:o,s:o,s:o}", "kill", kill9, "stop", stop, "term",
	    term);
}

static json_t *
vrrp_json(double advert_int, int n)
{
	struct vrrp_figures f;

	vrrp_measure(advert_int, (size_t)n, &f);
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:I}", "kill",
	    figures_json(&f.killed), "stop", figures_json(&f.paused), "term",
	    figures_json(&f.ended), "both_hold", figures_json(&f.both),
	    "both_hold_awake", figures_json(&f.both_awake), "left_behind",
	    (json_int_t)f.left_behind);
}

static double
p50(const json_t *doc, const char *timing, const char *kind, const char *what)
{
	const json_t *o = json_object_get(json_object_get(doc, timing), kind);

	return js_num(what != NULL ? json_object_get(o, what) : o, "p50", -1);
}

/* The median of keepalived by that of muster. */
static json_t *
ratios(const json_t *muster, const json_t *vrrp, const char *timing,
    const char *advert)
{
	static const char *const kinds[] = { "kill", "stop", "term" };
	json_t *o = json_object();

	for (size_t i = 0; i < 3; i++)
		(void)json_object_set_new(o, kinds[i], figures_number(
		    p50(vrrp, advert, kinds[i], NULL) /
		    p50(muster, timing, kinds[i], "at_work"), 2));
	return o;
}

static void
set_up(void)
{
	char name[16];

	broker = crew_start("broker", true, "warn");
	for (size_t i = 0; i < AGENTS; i++) {
		(void)snprintf(name, sizeof(name), "agent%zu", i + 1);
		agents[i] = crew_start(name, false, "info");
		crew_join(broker, agents[i]);
	}
	crew_sh("printf '%%s' 'jobs = ( { name = \"tick\"; command = [ "
	    "\"/bin/true\" ]; overlap = \"allow\"; misfire = \"all\"; triggers "
	    "= ( { every = \"1s\"; } ); } );' | $M -S broker.sock apply - "
	    "--yes >/dev/null");
	client_open(&client, broker->socket);
	json_decref(client_call(&client, "agent.on", json_pack("{s:s}",
	    "agent", "agent1")));
}

int
main(int argc, char **argv)
{
	int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20;
	int slow = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3;
	json_t *muster = json_object(), *vrrp = json_object();
	json_t *doc = json_pack("{s:s,s:o,s:o,s:o}", "bench", "failover",
	    "load", figures_number(crew_load(), 2), "muster", muster,
	    "keepalived", vrrp);
	char why[128];

	crew_begin("bench_failover");
	set_up();
	for (size_t i = 0; i < sizeof(timings) / sizeof(timings[0]); i++) {
		const struct timing *t = &timings[i];
		int rounds = t->timeout > 5000 ? slow : n;

		if (rounds > 0)
			(void)json_object_set_new(muster, t->name,
			    muster_json(t, rounds));
	}
	client_close(&client);
	if (vrrp_begin(crew_dir(), why)) {
		(void)json_object_set_new(vrrp, "1", vrrp_json(1,
		    (n + 1) / 2));
		(void)json_object_set_new(vrrp, "0.1", vrrp_json(0.1, n));
		(void)json_object_set_new(doc, "keepalived_by_muster",
		    json_pack("{s:o,s:o}", "1 by 1s", ratios(muster, vrrp,
		    "1s", "1"), "0.1 by 0.36s", ratios(muster, vrrp, "0.36s",
		    "0.1")));
		vrrp_end();
	} else
		(void)json_object_set_new(doc, "keepalived", json_pack(
		    "{s:s}", "not measured", why));
	figures_print(doc);
	crew_end();
	return 0;
}
