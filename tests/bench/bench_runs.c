/* What an operator waits for: runs per second end to end, and from submission
 * to start.  Starts a real dedicated broker and a real agent on loopback,
 * joined over SSH.  Compared, in the same run, with one thread that calls
 * posix_spawn of /bin/true.
 *
 *	bench_runs [runs [in flight]]
 *
 * One JSON line; MUSTER_BUILD names the folder of the programs (build). */
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "crew.h"
#include "figures.h"
#include "js.h"

extern char **environ;

/* Submissions wait for their run's end, so that so many are in flight. */
static double
end_to_end(struct client *c, int runs, int window)
{
	int sent = 0, ended = 0;
	double from = crew_ms();

	while (ended < runs) {
		json_t *doc;

		for (; sent < runs && sent - ended < window; sent++)
			(void)client_ask(c, "job.run", json_pack("{s:s,s:b}",
			    "job", "true", "wait", 1));
		doc = client_next(c);
		if (json_object_get(doc, "result") != NULL) {
			const char *state = js_str(json_object_get(doc,
			    "result"), "state", "?");

			if (strcmp(state, "succeeded") != 0)
				crew_die("a run has %s", state);
			ended++;
		} else if (json_object_get(doc, "error") != NULL)
			crew_die("%s", js_str(json_object_get(doc, "error"),
			    "message", "error"));
		json_decref(doc);
	}
	return runs / ((crew_ms() - from) / 1000.0);
}

static double
bare_spawn(int runs)
{
	char *argv[] = { (char *)"/bin/true", NULL };
	double from = crew_ms();

	for (int i = 0; i < runs; i++) {
		pid_t pid;

		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) !=
		    0)
			crew_die("posix_spawn");
		(void)waitpid(pid, NULL, 0);
	}
	return runs / ((crew_ms() - from) / 1000.0);
}

/* By the wall clock of one machine: asked here, started there. */
static void
submit_to_start(struct client *c, struct figures *f, int n)
{
	for (int i = 0; i < n; i++) {
		wall from = clock_wall();
		json_t *r = client_call(c, "job.run", json_pack("{s:s,s:b}",
		    "job", "true", "wait", 1));

		figures_add(f, (double)(js_wall(r, "started_at").ms - from.ms));
		json_decref(r);
	}
}

int
main(int argc, char **argv)
{
	int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 3000;
	int window = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 64;
	struct figures start = { 0 };
	double load = crew_load(), bare, e2e, bare2;
	struct crew_node *broker, *agent;
	struct client c;

	crew_begin("bench_runs");
	broker = crew_start("broker", true, "warn");
	agent = crew_start("agent1", false, "warn");
	crew_join(broker, agent);
	crew_sh("printf '%%s' 'jobs = ( { name = \"true\"; command = [ "
	    "\"/bin/true\" ]; overlap = \"allow\"; queue = \"wide\"; "
	    "distribution = \"one\"; } ); queues = ( { name = \"wide\"; rules "
	    "= ( { max_parallel = 64; } ); } );' | $M -S broker.sock apply - "
	    "--yes >/dev/null");
	client_open(&c, broker->socket);
	(void)end_to_end(&c, 100, window);	/* warm */
	submit_to_start(&c, &start, 200);
	bare = bare_spawn(runs);
	e2e = end_to_end(&c, runs, window);
	bare2 = bare_spawn(runs);
	figures_print(json_pack("{s:s,s:i,s:i,s:o,s:[o,o],s:o,s:o,s:o}",
	    "bench", "runs", "runs", runs, "in_flight", window,
	    "end_to_end_per_s", figures_number(e2e, 0), "posix_spawn_per_s",
	    figures_number(bare, 0), figures_number(bare2, 0), "ratio",
	    figures_number(e2e / ((bare + bare2) / 2), 2),
	    "submit_to_start_ms", figures_json(&start), "load",
	    figures_number(load, 2)));
	client_close(&c);
	crew_end();
	return 0;
}
