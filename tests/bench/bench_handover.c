/* A planned handover, seen from outside: one broker and three real agents, then
 * the same with more agents, those of a swarm (swarm.h), connected.  `agent on`
 * moves the role around among the real ones while a job fires every second.
 *
 *	bench_handover [agents [moves]]		default: 1000 300
 *
 * One JSON line.  command: the operator's request to its answer.  gap: the old
 * Scheduler says that it has stopped (its OFF is on its disk, not yet told), to
 * the new one saying that it is at work: in between nobody may fire.  late: a
 * fire on record against when it was due.  Then what so many agents cost the
 * broker when nothing happens, and how all come back when it is killed and
 * started again.  About 2 minutes with 1000 agents. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "crew.h"
#include "figures.h"
#include "js.h"
#include "mem.h"
#include "swarm.h"

enum { REAL = 3, HIVES = 2, QUIET_S = 20, PATIENCE_S = 300 };

static struct crew_node *broker, *real[REAL];
static struct swarm swarm[HIVES];
static size_t hives;
static struct client client;

static int64_t
sum(size_t offset)
{
	int64_t n = 0;

	for (size_t i = 0; i < hives; i++)
		n += *(_Atomic int64_t *)((char *)swarm[i].is + offset);
	return n;
}

#define SUM(field) sum(offsetof(struct swarm_numbers, field))

/* Until so many of the swarm are up; how long it took. */
static double
await_up(int64_t n, double from)
{
	while (SUM(up) < n) {
		if (crew_ms() - from > PATIENCE_S * 1000.0)
			crew_die("%lld of %lld came up", (long long)SUM(up),
			    (long long)n);
		if (SUM(refused) > 0)
			crew_die("an agent of the swarm was refused");
		(void)usleep(5000);
	}
	return crew_ms() - from;
}

/* ---- moving the role ---- */

struct moves {
	struct figures command, stop, gap;
};

static size_t
holder(void)
{
	json_t *list = client_call(&client, "agent.list", json_object()), *a;
	size_t at = REAL, i;

	json_array_foreach(list, i, a)
		if (strcmp(js_str(a, "role", ""), "scheduler") == 0)
			for (size_t k = 0; k < REAL; k++)
				if (strcmp(js_str(a, "name", ""),
				    real[k]->name) == 0)
					at = k;
	json_decref(list);
	return at;
}

static void
turn_on(const struct crew_node *node)
{
	json_decref(client_call(&client, "agent.on", json_pack("{s:s}",
	    "agent", node->name)));
}

static void
move(struct moves *m, size_t from, size_t to)
{
	double at = crew_ms(), done, stopped, started;

	turn_on(real[to]);
	done = crew_ms();
	stopped = crew_saw(real[from], "stopped: off", at, 1000);
	started = crew_saw(real[to], "at work", at, 1000);
	if (stopped < 0 || started < 0)
		crew_die("a move was not in the logs");
	figures_add(&m->command, done - at);
	figures_add(&m->stop, stopped - at);
	figures_add(&m->gap, started - stopped);
}

/* Every occurrence between two of the record is there, once; how late. */
static json_t *
fires(int64_t since_ms)
{
	json_t *list = client_call(&client, "run.list", json_pack("{s:s,s:i}",
	    "job", "tick", "limit", 2000)), *r;
	int64_t missing = 0, doubled = 0, last = 0;
	struct figures late = { 0 };
	size_t i;

	json_array_foreach(list, i, r) {	/* newest first */
		int64_t due = js_wall(r, "occurrence").ms;

		if (due < since_ms)
			break;
		if (last != 0)
			missing += (last - due) / 1000 - 1;
		doubled += due == last;
		last = due;
		figures_add(&late, (double)(js_wall(r, "queued_at").ms - due));
	}
	json_decref(list);
	return json_pack("{s:I,s:I,s:o}", "missing", (json_int_t)missing,
	    "doubled", (json_int_t)doubled, "late_ms", figures_json(&late));
}

static json_t *
handovers(int agents, int n)
{
	struct moves m = { 0 };
	int64_t since = clock_wall().ms;
	size_t at = holder();
	double load = crew_load();

	if (at == REAL) {
		turn_on(real[0]);
		at = 0;
	}
	for (int i = 0; i < n; i++) {
		size_t to = (at + 1) % REAL;

		/* Spread over the heartbeats and fires of some seconds. */
		(void)usleep((useconds_t)(i * 7919 % 120) * 1000);
		move(&m, at, to);
		at = to;
	}
	return json_pack("{s:i,s:i,s:o,s:o,s:o,s:o,s:o}", "agents", agents,
	    "moves", n, "command_ms", figures_json(&m.command), "stop_ms",
	    figures_json(&m.stop), "gap_ms", figures_json(&m.gap), "fires",
	    fires(since), "load", figures_number(load, 2));
}

/* ---- the swarm ---- */

static json_t *
gather(int n)
{
	char *token = crew_ask("$M -S broker.sock join invite --uses %d --for "
	    "1h --json | sed -n 's/.*\"token\": *\"\\([^\"]*\\)\".*/\\1/p'", n);
	double from = crew_ms(), joined;
	int first = 1;

	hives = n > 5000 ? 2 : 1;	/* a session takes two descriptors */
	for (size_t i = 0; i < hives; i++) {
		struct swarm_plan plan = { .dir = crew_dir(), .token = token,
			.port = broker->port, .first = first,
			.n = (n - first + 1) / (int)(hives - i) };

		swarm_start(&swarm[i], &plan);
		first += plan.n;
	}
	while (SUM(joined) < n && SUM(refused) == 0 &&
	    crew_ms() - from < PATIENCE_S * 1000.0)
		(void)usleep(5000);
	joined = crew_ms() - from;
	free(token);
	for (size_t i = 0; i < hives; i++)
		swarm_go(&swarm[i]);
	(void)await_up(n, from);
	return json_pack("{s:i,s:o,s:o}", "joins", n, "join_ms_each",
	    figures_number(joined / n, 2), "connected_after_ms",
	    figures_number(crew_ms() - from - joined, 0));
}

static json_t *
quiet(void)
{
	double cpu = crew_cpu(broker->pid), from = crew_ms();

	(void)sleep(QUIET_S);
	return json_pack("{s:o,s:I}", "broker_cpu_percent",
	    figures_number((crew_cpu(broker->pid) - cpu) * 100000 /
	        (crew_ms() - from), 1), "broker_rss_kib",
	    (json_int_t)crew_rss(broker->pid));
}

/* The broker is killed and started again: everybody is back at once. */
static json_t *
storm(int64_t n)
{
	const struct crew_node *h = real[holder()];
	int64_t ups = SUM(ups);
	double from, back, lost;

	client_close(&client);
	from = crew_ms();
	(void)kill(broker->pid, SIGKILL);
	crew_reap(broker);
	crew_restart(broker);
	while (SUM(ups) - ups < n && crew_ms() - from < PATIENCE_S * 1000.0)
		(void)usleep(5000);
	back = await_up(n, from);
	client_open(&client, broker->socket);
	lost = crew_saw(h, "the lease ran out", from, 0);
	return json_pack("{s:o,s:b,s:o,s:I}", "all_back_after_ms",
	    figures_number(back, 0), "lease_lost", lost >= 0,
	    "broker_cpu_s", figures_number(crew_cpu(broker->pid), 2),
	    "downs", (json_int_t)SUM(downs) - n);
}

/* ---- all of it ---- */

static void
catalogue(void)
{
	crew_sh("printf '%%s' 'jobs = ( { name = \"tick\"; command = [ "
	    "\"/bin/true\" ]; overlap = \"allow\"; misfire = \"all\"; triggers "
	    "= ( { every = \"1s\"; } ); } );' | $M -S broker.sock apply - "
	    "--yes >/dev/null");
}

int
main(int argc, char **argv)
{
	int agents = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1000;
	int moves = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 300;
	json_t *doc = json_pack("{s:s,s:[]}", "bench", "handover", "moves");
	json_t *list = json_object_get(doc, "moves");
	char name[16];

	crew_begin("bench_handover");
	broker = crew_start("broker", true, "warn");
	for (size_t i = 0; i < REAL; i++) {
		(void)snprintf(name, sizeof(name), "agent%zu", i + 1);
		real[i] = crew_start(name, false, "info");
		crew_join(broker, real[i]);
	}
	catalogue();
	client_open(&client, broker->socket);
	turn_on(real[0]);
	(void)json_array_append_new(list, handovers(REAL, moves));
	if (agents > REAL) {
		int n = agents - REAL;

		(void)json_object_set_new(doc, "joining", gather(n));
		(void)json_array_append_new(list, handovers(agents, moves));
		(void)json_object_set_new(doc, "quiet", quiet());
		(void)json_object_set_new(doc, "broker_killed", storm(n));
		(void)json_object_set_new(doc, "swarm_granted",
		    json_integer((json_int_t)SUM(granted)));
	}
	figures_print(doc);
	for (size_t i = 0; i < hives; i++)
		swarm_stop(&swarm[i]);
	client_close(&client);
	crew_end();
	return 0;
}
