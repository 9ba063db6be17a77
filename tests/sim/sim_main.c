/* sim [-n schedules] [-s first seed] [-m minutes] [-t seconds] [-j children]
 *     [-v] [-d] [-f] [-x N|all|sure] [-r rounds]
 * Schedules of a whole cluster's life, each from its seed and each exactly so
 * many minutes of cluster time; exit status 1 and a trace when a rule of
 * SPEC section 4 is broken.  -x takes guards away: each in turn, or those
 * that must be noticed, or the N-th; -r from so many first seeds, of which
 * the median is told.  -d: every schedule twice, the second time with the
 * messages as bytes: the same must happen.  -f: each storm is fierce, and every
 * other trouble in it of one kind at one machine: finds more in less time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

enum { CHILDREN = 64, ROUNDS = 99, TELL_S = 120, TAIL = 40 };

struct report {			/* of a child; shorter than a pipe's atom */
	uint64_t	  seed;
	int64_t		  tried;	/* schedules in this report */
	struct sim_result r;
};

static struct {
	struct sim_options o;
	int64_t n, rounds;
	double	most;		/* seconds, 0: no limit */
	bool	again;
	int	children;
} opt = { .o = { .seed = 1, .minutes = 60 }, .n = 10, .rounds = 1,
	.children = 1 };

static uint64_t under_way;
static double began;

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

/* ---- one schedule ---- */

static void
one(struct sim_options *o, struct sim_result *r)
{
	struct sim_result same;

	under_way = o->seed;
	sim_run(o, r);
	if (r->broken || !opt.again)
		return;
	o->wire_text = true;
	sim_run(o, &same);
	o->wire_text = false;
	if (same.hash == r->hash)
		return;
	(void)snprintf(r->text, sizeof(r->text), "%016llx, %016llx",
	    (unsigned long long)r->hash, (unsigned long long)same.hash);
	r->rule = RULE_SAME;
	r->broken = true;
}

static void
add(struct sim_result *sum, const struct sim_result *r)
{
	sum->events += r->events;
	sum->messages += r->messages;
	sum->commits += r->commits;
	sum->runs += r->runs;
	sum->fires += r->fires;
	sum->moves += r->moves;
	sum->faults += r->faults;
	sum->alone += r->alone;
	sum->doubled += r->doubled;
	sum->files += r->files;
	sum->at += r->at / SEC;
	sum->hash ^= r->hash;
}

/* ---- children ---- */

static void
report(int fd, const struct report *what)
{
	_Static_assert(sizeof(*what) <= 4096, "one write, one report");
	if (write(fd, what, sizeof(*what)) != (ssize_t)sizeof(*what))
		_exit(3);
}

/* Every so many'th seed. */
static void
stride(int fd, int which)
{
	struct sim_options o = opt.o;

	for (int64_t k = which; k < opt.n && (opt.most <= 0 ||
	    seconds() - began < opt.most); k += opt.children) {
		struct report rep = { .tried = 1 };

		rep.seed = o.seed = opt.o.seed + (uint64_t)k;
		one(&o, &rep.r);
		report(fd, &rep);
		if (rep.r.broken)
			break;
	}
}

/* One mutant from one first seed, until it is noticed. */
static void
hunt(int fd, const struct sim_mutant *m, int64_t round)
{
	struct sim_options o = opt.o;
	struct report rep = { 0 };

	o.away = m->guards;
	role_mutants = m->shipped;
	o.seed += (uint64_t)round * 1000003;
	while (rep.tried < opt.n && !rep.r.broken) {
		rep.seed = o.seed;
		rep.tried++;
		one(&o, &rep.r);
		o.seed++;
	}
	report(fd, &rep);
}

static pid_t
child(int fd[2])
{
	pid_t pid = fork();

	if (pid == -1) {
		perror("fork");
		exit(2);
	}
	if (pid == 0)
		(void)close(fd[0]);
	return pid;
}

static bool
next_report(int fd, struct report *rep)
{
	return read(fd, rep, sizeof(*rep)) == (ssize_t)sizeof(*rep);
}

/* ---- schedules ---- */

static void
tell(const struct sim_result *sum, int64_t done)
{
	double took = seconds() - began;

	printf("%lld schedules, %.1f h of cluster time in %.1f s (%.2f "
	    "schedules/s, %.1f h/s): %lld faults, %lld grants, %lld runs "
	    "(%lld alone, %lld doubled, %lld files), "
	    "%lld messages, %lld commits; trace %016llx\n", (long long)done,
	    (double)sum->at / 3600, took, (double)done / took,
	    (double)sum->at / 3600 / took, (long long)sum->faults,
	    (long long)sum->moves, (long long)sum->runs,
	    (long long)sum->alone, (long long)sum->doubled,
	    (long long)sum->files,
	    (long long)sum->messages, (long long)sum->commits,
	    (unsigned long long)sum->hash);
}

/* The same seed once more, with everything that happens in a file. */
static void
replay(uint64_t seed)
{
	char path[] = "/tmp/sim-trace-XXXXXX", line[64];
	struct sim_options o = opt.o;
	struct sim_result r;
	int fd = mkstemp(path);
	pid_t pid;

	o.seed = seed;
	o.verbose = true;
	(void)fflush(stdout);
	if (fd == -1 || (pid = fork()) == -1)
		return;
	if (pid == 0) {
		(void)dup2(fd, STDOUT_FILENO);
		(void)setvbuf(stdout, NULL, _IOFBF, 1 << 16);
		sim_run(&o, &r);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)close(fd);
	(void)waitpid(pid, NULL, 0);
	printf("the end of its trace, all of it is in %s:\n", path);
	(void)fflush(stdout);
	(void)snprintf(line, sizeof(line), "%d", -TAIL);
	pid = fork();
	if (pid == 0) {
		(void)execlp("tail", "tail", "-n", line + 1, path,
		    (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static int
broken(const struct report *rep)
{
	printf("BROKEN in seed %llu after %lld s: %s: %s\nagain: sim -n 1 -s "
	    "%llu -m %lld%s -v\n", (unsigned long long)rep->seed,
	    (long long)(rep->r.at / SEC), sim_rule_text(rep->r.rule),
	    rep->r.text, (unsigned long long)rep->seed,
	    (long long)opt.o.minutes, opt.o.fierce ? " -f" : "");
	if (!opt.o.verbose)
		replay(rep->seed);
	return 1;
}

/* A child that is past the first seed that broke has nothing more to find. */
static int
schedules(void)
{
	struct report rep, first = { .seed = UINT64_MAX };
	struct sim_result sum = { 0 };
	int64_t done = 0;
	double told = began;
	pid_t pid[CHILDREN];
	int fd[2], status, died = 0;

	printf("first seed %llu\n", (unsigned long long)opt.o.seed);
	(void)fflush(stdout);
	if (pipe(fd) == -1)
		return 2;
	for (int i = 0; i < opt.children; i++)
		if ((pid[i] = child(fd)) == 0) {
			stride(fd[1], i);
			(void)fflush(stdout);
			_exit(0);
		}
	(void)close(fd[1]);
	while (next_report(fd[0], &rep)) {
		add(&sum, &rep.r);
		done++;
		if (rep.r.broken && rep.seed < first.seed)
			first = rep;
		if (rep.seed > first.seed)
			(void)kill(pid[(rep.seed - opt.o.seed) %
			    (uint64_t)opt.children], SIGTERM);
		if (seconds() - told > TELL_S) {
			told = seconds();
			tell(&sum, done);
			(void)fflush(stdout);
		}
	}
	for (int i = 0; i < opt.children; i++)
		if (waitpid(pid[i], &status, 0) == pid[i])
			died += WIFSIGNALED(status) ? WTERMSIG(status) !=
			    SIGTERM : WEXITSTATUS(status) != 0;
	tell(&sum, done);
	if (first.r.broken)
		return broken(&first);
	return died > 0;
}

/* ---- mutants ---- */

static int
by_tried(const void *a, const void *b)
{
	const struct report *x = a, *y = b;

	return (x->tried > y->tried) - (x->tried < y->tried);
}

/* What noticed it, and after how many schedules. */
static bool
verdict(const struct sim_mutant *m, struct report *rep, int64_t n)
{
	int64_t caught = 0;
	uint64_t by[NRULES] = { 0 };	/* a seed */
	const char *comma = "";

	for (int64_t i = 0; i < n; i++) {
		caught += rep[i].r.broken;
		if (rep[i].r.broken)
			by[rep[i].r.rule] = rep[i].seed;
		if (!rep[i].r.broken)
			rep[i].tried = opt.n + 1;
	}
	qsort(rep, (size_t)n, sizeof(*rep), by_tried);
	printf("without %s: %s", m->name, caught == 0 ? "NOT NOTICED" : "");
	for (int i = 0; i < NRULES; i++)
		if (by[i] > 0) {
			printf("%s%s (seed %llu)", comma, sim_rule_text(
			    (enum sim_rule)i), (unsigned long long)by[i]);
			comma = ", ";
		}
	printf(" (%lld of %lld; median %s%lld schedules, %lld to %lld)\n",
	    (long long)caught, (long long)n, rep[n / 2].tried > opt.n ? "over "
	    : "", (long long)(rep[n / 2].tried > opt.n ? opt.n
	    : rep[n / 2].tried), (long long)rep[0].tried,
	    (long long)(rep[n - 1].tried > opt.n ? opt.n : rep[n - 1].tried));
	(void)fflush(stdout);
	return caught == n;
}

/* From every first seed, as many at a time as there are children. */
static bool
noticed(const struct sim_mutant *m)
{
	struct report rep[ROUNDS] = { 0 };
	int64_t n = 0, at = 0;
	int fd[2], busy = 0;

	(void)fflush(stdout);
	if (pipe(fd) == -1)
		return false;
	while (n < opt.rounds) {
		while (busy < opt.children && at < opt.rounds) {
			if (child(fd) == 0) {
				hunt(fd[1], m, at);
				(void)fflush(stdout);
				_exit(0);
			}
			at++;
			busy++;
		}
		if (wait(NULL) == -1)
			break;
		busy--;
		/* Its report is there, unless it crashed, which is a notice
		 * of its own kind: nothing may crash. */
		if (!next_report(fd[0], &rep[n]))
			break;
		n++;
	}
	(void)close(fd[0]);
	(void)close(fd[1]);
	return n == opt.rounds && verdict(m, rep, n);
}

static int
without(int which)
{
	int missed = 0;

	for (size_t i = 0; i < sim_nmutants; i++)
		if (which > 0 ? i + 1 == (size_t)which : which == -1 ||
		    sim_mutants[i].sure)
			missed += !noticed(&sim_mutants[i]);
	printf("mutants: %d missed, %.1f s\n", missed, seconds() - began);
	return missed > 0;
}

static int
usage(void)
{
	(void)fprintf(stderr, "usage: sim [-n schedules] [-s seed] [-m minutes] "
	    "[-t seconds] [-j children] [-x N|all|sure] [-r rounds] [-dfv]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	int c, mutant = 0;

	while ((c = getopt(argc, argv, "n:s:m:t:j:x:r:dfv")) != -1)
		switch (c) {
		case 'n': opt.n = strtoll(optarg, NULL, 10); break;
		case 's': opt.o.seed = strtoull(optarg, NULL, 10); break;
		case 'm': opt.o.minutes = strtoll(optarg, NULL, 10); break;
		case 't': opt.most = strtod(optarg, NULL); break;
		case 'j': opt.children = (int)strtol(optarg, NULL, 10); break;
		case 'r': opt.rounds = strtoll(optarg, NULL, 10); break;
		case 'x': mutant = strcmp(optarg, "all") == 0 ? -1
		    : strcmp(optarg, "sure") == 0 ? -2
		    : (int)strtol(optarg, NULL, 10); break;
		case 'd': opt.again = true; break;
		case 'f': opt.o.fierce = true; break;
		case 'v': opt.o.verbose = true; break;
		default: return usage();
		}
	if (opt.o.minutes < 5 || opt.children < 1 ||
	    opt.children > CHILDREN || opt.rounds < 1 || opt.rounds > ROUNDS)
		return usage();
	began = seconds();
	(void)setvbuf(stdout, NULL, opt.o.verbose ? _IOFBF : _IOLBF, 0);
	(void)signal(SIGABRT, on_death);
	(void)signal(SIGSEGV, on_death);
	json_object_seed(1);
	return mutant != 0 ? without(mutant) : schedules();
}
