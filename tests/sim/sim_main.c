/* sim_main [-n schedules] [-s first seed] [-m minutes] [-t seconds] [-v]:
 * schedules of a whole cluster's life, each from its seed; exit status 1 and a
 * trace when a rule of DESIGN section 4 is broken.  -x N takes guard N away,
 * -x all each in turn, -x sure those that must be noticed.  -d: every schedule twice, the
 * second time with the messages as bytes: the same must happen. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

static uint64_t under_way;

/* sure: noticed within a few schedules.  The others are covered by a second
 * guard, or need more time than a check has. */
static const struct {
	const char *name;
	bool	    sure;
} mutants[SIM_NMUTANTS] = {
	[SIM_NONE] = { "nothing", false },
	[SIM_NO_ONCE] = { "cursor and uniqueness of occurrences", false },
	[SIM_ACK_EARLY] = { "the broker's wait for its disk", true },
	[SIM_AGENT_ACK_EARLY] = { "the agent's wait for its disk", true },
	[SIM_LEASE_LOST] = { "the agent's floor on disk", false },
	[SIM_ROLE_LOST] = { "the broker's epoch on disk", true },
	[SIM_JOURNAL_LOST] = { "the agent's journal", true },
	[SIM_FIRE_LOST] = { "a wire that loses nothing alone", true },
	[SIM_GRANT_BARE] = { "the cursors of a grant", false },
	[SIM_DRIFT] = { "the bound of the clocks' drift", false },
	[SIM_STALE_SEQ] = { "the heartbeat that an ack names", false },
};

static void
on_death(int sig)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "signal %d in seed %llu\n", sig,
	    (unsigned long long)under_way);

	if (write(STDOUT_FILENO, text, (size_t)n) == -1)
		_exit(3);
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static double
seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool
one(struct sim_options *o, struct sim_result *sum, bool again)
{
	struct sim_result r, same;

	under_way = o->seed;
	sim_run(o, &r);
	sum->events += r.events;
	sum->messages += r.messages;
	sum->commits += r.commits;
	sum->runs += r.runs;
	sum->fires += r.fires;
	sum->moves += r.moves;
	sum->faults += r.faults;
	sum->at += r.at / SEC;
	sum->hash ^= r.hash;
	if (r.broken) {
		sum->broken = true;
		memcpy(sum->rule, r.rule, sizeof(sum->rule));
		return false;
	}
	if (!again)
		return true;
	o->wire_text = true;
	sim_run(o, &same);
	o->wire_text = false;
	if (same.hash == r.hash)
		return true;
	(void)snprintf(sum->rule, sizeof(sum->rule), "the same seed took "
	    "another way (%016llx, %016llx)", (unsigned long long)r.hash,
	    (unsigned long long)same.hash);
	sum->broken = true;
	return false;
}

/* Each guard away in turn: a rule has to be broken by it. */
static int
without(struct sim_options *o, int64_t n, int which)
{
	int missed = 0;

	for (int i = 1; i < SIM_NMUTANTS; i++) {
		struct sim_result sum = { 0 };
		int64_t k = 0;

		if ((which > 0 && i != which) || (which == -2 &&
		    !mutants[i].sure))
			continue;
		o->mutant = (enum sim_mutant)i;
		while (k < n && !sum.broken) {
			o->seed++;
			k++;
			(void)one(o, &sum, false);
		}
		missed += !sum.broken;
		printf("without %s: %s (%lld schedules)\n", mutants[i].name,
		    sum.broken ? sum.rule : "NOT NOTICED", (long long)k);
	}
	return missed > 0;
}

int
main(int argc, char **argv)
{
	struct sim_options o = { .seed = 1, .minutes = 60 };
	struct sim_result sum = { 0 };
	double began = seconds(), most = 0, took;
	int64_t n = 10, done = 0;
	bool again = false, verbose = false;
	int c, mutant = 0;

	while ((c = getopt(argc, argv, "n:s:m:t:x:dv")) != -1)
		switch (c) {
		case 'n': n = strtoll(optarg, NULL, 10); break;
		case 's': o.seed = strtoull(optarg, NULL, 10); break;
		case 'm': o.minutes = strtoll(optarg, NULL, 10); break;
		case 't': most = strtod(optarg, NULL); break;
		case 'x': mutant = strcmp(optarg, "all") == 0 ? -1
		    : strcmp(optarg, "sure") == 0 ? -2
		    : (int)strtol(optarg, NULL, 10); break;
		case 'd': again = true; break;
		case 'v': verbose = true; break;
		default:
			(void)fprintf(stderr, "usage: sim_main [-n schedules] "
			    "[-s seed] [-m minutes] [-t seconds] [-x N|all|sure] "
			    "[-dv]\n");
			return 2;
		}
	(void)setvbuf(stdout, NULL, verbose ? _IOFBF : _IOLBF, 0);
	(void)signal(SIGABRT, on_death);
	(void)signal(SIGSEGV, on_death);
	json_object_seed(1);
	o.verbose = verbose;
	if (mutant != 0)
		return without(&o, n, mutant);
	printf("first seed %llu\n", (unsigned long long)o.seed);
	for (; done < n && (most == 0 || seconds() - began < most); done++) {
		if (!one(&o, &sum, again))
			break;
		o.seed++;
	}
	took = seconds() - began;
	printf("%lld schedules, %.1f h of cluster time in %.1f s (%.2f "
	    "schedules/s, %.1f h/s): %lld faults, %lld grants, %lld runs, "
	    "%lld messages, %lld commits; trace %016llx\n", (long long)done,
	    (double)sum.at / 3600, took, (double)done / took,
	    (double)sum.at / 3600 / took, (long long)sum.faults,
	    (long long)sum.moves, (long long)sum.runs, (long long)sum.messages,
	    (long long)sum.commits, (unsigned long long)sum.hash);
	if (!sum.broken)
		return 0;
	printf("BROKEN in seed %llu after %lld s: %s\nthe trace: sim_main -n 1 "
	    "-s %llu -m %lld -v\n", (unsigned long long)o.seed,
	    (long long)sum.at, sum.rule, (unsigned long long)o.seed,
	    (long long)o.minutes);
	return 1;
}
