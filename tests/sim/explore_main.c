/* explore [--seconds N] [--seed S] [--depth D] [--verbose] [--no-mutants]
 *
 * Searches the role protocol for a broken rule: breadth-first, so that what is
 * found is shortest, then by random walks, which go deep and ask now and then
 * whether everything comes to rest.  Then each guard is taken away: if that is
 * not noticed, the search is worth nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explore.h"

enum { TRACE = 600 };

struct trace {
	uint16_t    move[TRACE];
	int	    n;
	const char *rule;
};

static uint64_t seed_state;

static uint32_t
rnd(uint32_t n)
{
	uint64_t x = seed_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	seed_state = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The rule that the trace breaks, or NULL. */
static const char *
play(const struct world_setup *s, const struct trace *t, bool print)
{
	static struct world w;
	char		    line[160];

	world_make(&w, s);
	if (print)
		printf("%d agents, %s says ON, deaf: %c\n", s->agents,
		    s->first ? "a" : "nobody", s->deaf < 0 ? '-'
		    : 'a' + s->deaf);
	for (int k = 0; k < t->n && w.broken == NULL; k++) {
		world_describe(&w, t->move[k], line, sizeof(line));
		if (world_apply(&w, t->move[k]) && print)
			printf("%4d  %-60s %s epoch %lld holder %lld\n", k + 1,
			    line, role_state_name(w.r.state),
			    (long long)w.r.d.epoch, (long long)w.r.d.holder);
	}
	return w.broken != NULL ? w.broken : world_settles(&w, print);
}

/* Leaves out whatever isn't needed to break the same rule. */
static void
shrink(const struct world_setup *s, struct trace *t)
{
	struct trace best = *t;

	for (bool again = true; again; ) {
		again = false;
		for (int k = best.n - 1; k >= 0; k--) {
			struct trace x = best;
			const char  *rule;

			memmove(&x.move[k], &x.move[k + 1],
			    (size_t)(--x.n - k) * sizeof(x.move[0]));
			rule = play(s, &x, false);
			if (rule == NULL || strcmp(rule, t->rule) != 0)
				continue;
			best = x;
			again = true;
		}
	}
	best.rule = t->rule;
	*t = best;
}

/* Breadth-first: a state is its parent and the move that led there; worlds are
 * rebuilt by playing from the start. */
struct node {
	uint32_t parent;
	uint16_t move;
	uint16_t depth;
};

struct search {
	struct node *node;
	uint64_t    *seen;
	uint32_t     n, most;
	uint64_t     mask;
};

static bool
is_new(struct search *s, uint64_t h)
{
	uint64_t i = h & s->mask;

	h |= h == 0;
	while (s->seen[i] != 0) {
		if (s->seen[i] == h)
			return false;
		i = (i + 1) & s->mask;
	}
	s->seen[i] = h;
	return true;
}

static void
path(const struct search *s, uint32_t at, struct trace *t)
{
	t->n = s->node[at].depth;
	for (int k = t->n - 1; k >= 0; k--) {
		t->move[k] = s->node[at].move;
		at = s->node[at].parent;
	}
}

static bool
breadth(const struct world_setup *s, double seconds, int depth,
    struct trace *t, uint32_t most)
{
	static struct world from, to;
	struct search q = { .most = most };
	double	      end = now_s() + seconds;
	bool	      found = false;
	uint32_t      k = 0;

	for (q.mask = 1; q.mask < 2 * (uint64_t)most; q.mask <<= 1)
		;
	q.node = calloc(most, sizeof(*q.node));
	q.seen = calloc(q.mask, sizeof(*q.seen));
	q.mask--;
	if (q.node == NULL || q.seen == NULL)
		abort();
	q.n = 1;
	for (; k < q.n && !found && now_s() < end; k++) {
		uint16_t moves[WORLD_MOVES];
		int	 n;

		if (q.node[k].depth >= depth)
			break;
		path(&q, k, t);
		world_make(&from, s);
		for (int j = 0; j < t->n; j++)
			(void)world_apply(&from, t->move[j]);
		n = world_moves(&from, moves);
		for (int j = 0; j < n && !found && q.n < q.most; j++) {
			to = from;
			(void)world_apply(&to, moves[j]);
			if (to.broken == NULL && !is_new(&q, world_hash(&to)))
				continue;
			q.node[q.n++] = (struct node){ k, moves[j],
			    (uint16_t)(q.node[k].depth + 1) };
			found = to.broken != NULL;
			if (found) {
				path(&q, q.n - 1, t);
				t->rule = to.broken;
			}
		}
	}
	printf("breadth-first, %d agents: %u states, depth %d%s\n",
	    s->agents, q.n, q.node[k < q.n ? k : q.n - 1].depth,
	    found ? "" : ", no rule broken");
	free(q.node);
	free(q.seen);
	return found;
}

/* One walk; true when a rule broke. */
static bool
walk(const struct world_setup *s, int steps, struct trace *t,
    unsigned long *done)
{
	static struct world w;

	world_make(&w, s);
	t->n = 0;
	while (t->n < steps) {
		uint16_t moves[WORLD_MOVES];
		int	 n = world_moves(&w, moves);
		uint16_t m = moves[rnd((uint32_t)n)];

		/* Time and messages move on more often than accidents. */
		if (rnd(3) != 0)
			m = w.npool > 0 && rnd(4) != 0 ?
			    (uint16_t)(MOVE_DELIVER << 4 |
			    rnd((uint32_t)w.npool)) : 0;
		if (!world_apply(&w, m))
			continue;
		t->move[t->n++] = m;
		(*done)++;
		t->rule = w.broken;
		if (w.broken == NULL && (t->n == steps || rnd(40) == 0))
			t->rule = world_settles(&w, false);
		if (t->rule != NULL)
			return true;
	}
	return false;
}

/* Few kinds of accidents in one walk lead further. */
static void
any_setup(struct world_setup *s)
{
	s->budget = (struct budget){
		.crashes = rnd(2) ? (int)rnd(4) : 0,
		.cuts = rnd(2) ? (int)rnd(4) : 0,
		.dups = rnd(2) ? (int)rnd(3) : 0,
		.keys = rnd(3) ? 0 : (int)rnd(4),
		.ops = (int)rnd(4),
		.conditions = rnd(3) ? 0 : (int)rnd(3),
		.restores = rnd(4) == 0,
		.controls = rnd(4) ? 0 : (int)rnd(3),
	};
	s->control = rnd(4) ? ROLE_AUTO : rnd(2) ? ROLE_ADVISE : ROLE_MANUAL;
	s->agents = 2 + (int)rnd(2);
	s->first = rnd(2) != 0;
	s->deaf = rnd(4) == 0 ? (int)rnd((uint32_t)s->agents) : -1;
}

/* only: these accidents and no others, with two agents; or NULL. */
static bool
walks(const struct budget *only, double seconds, struct world_setup *at,
    struct trace *t, unsigned long *done)
{
	double end = now_s() + seconds;

	*at = (struct world_setup){ .agents = 2, .first = true, .deaf = -1 };
	while (now_s() < end) {
		if (only == NULL)
			any_setup(at);
		else
			at->budget = *only;
		if (walk(at, 20 + (int)rnd(only == NULL ? 160 : 30), t, done))
			return true;
	}
	return false;
}

/* Breadth-first goes deep with few kinds of accidents at a time. */
static const struct budget lean[] = {
	{ .ops = 1, .dups = 1 }, { .ops = 1, .crashes = 1 },
	{ .cuts = 1, .ops = 1 }, { .ops = 2 }, { .keys = 2 },
	{ .restores = 1 }, { .controls = 1, .ops = 1 },
	{ .crashes = 1, .cuts = 1, .dups = 1, .ops = 1 },
};
enum { NLEAN = sizeof(lean) / sizeof(lean[0]) };

struct mutant {
	const char   *name;
	unsigned long bits;
	struct budget only;	/* what leads there; none: anything */
};

#define ONE(m, ...) { #m, 1UL << MUTANT_##m, { __VA_ARGS__ } }
static const struct mutant mutants[] = {
	ONE(NO_FENCE, .ops = 1), ONE(RENEW_AFTER_OFF, .ops = 1),
	ONE(FLOOR_BELOW, .ops = 2, .dups = 2),
	ONE(FLOOR_NONE), ONE(NO_WANT_OFF), 
	ONE(NO_BOOT_WAIT, .crashes = 1, .ops = 1), ONE(NO_RAISE),
	ONE(TARGET_DROPPED), ONE(KEY_IS_PROOF, .keys = 2, .ops = 1),
	ONE(ADOPT_EARLY),
	ONE(FAILED_AGAIN), ONE(RAISE_NO_WAIT), ONE(LEASE_RECEIPT),
	ONE(ACK_ANY), ONE(CASE1_AT_ONCE), ONE(NO_REGRANT), ONE(SEND_FIRST),
	ONE(INTENT_LOST), ONE(HOLD_LOST), ONE(DRIFT),
	/* Each covers the other: alone they look like dead guards. */
	{ "AGENT_SEND_FIRST and NO_INCARNATION",
	    1UL << MUTANT_AGENT_SEND_FIRST | 1UL << MUTANT_NO_INCARNATION,
	    { .crashes = 1, .ops = 1, .dups = 1 } },
};

static bool
caught(const struct mutant *m, double seconds, bool verbose)
{
	static const struct budget none;
	struct world_setup at;
	struct trace	   t;
	unsigned long	   steps = 0;
	bool		   found;

	role_mutants = m->bits;
	found = walks(memcmp(&m->only, &none, sizeof(none)) == 0 ? NULL
	    : &m->only, seconds, &at, &t, &steps);
	if (found)
		shrink(&at, &t);
	printf("without %-36s %s", m->name, found ? t.rule : "NOT CAUGHT");
	if (found)
		printf(" (%d steps, after %lu)\n", t.n, steps);
	else
		printf(" in %lu steps\n", steps);
	if (found && verbose)
		(void)play(&at, &t, true);
	role_mutants = 0;
	return found;
}

int
main(int argc, char **argv)
{
	struct world_setup s = { .agents = 2, .first = true, .deaf = -1 },
	    at = s;
	double		   seconds = 12, each;
	uint64_t	   seed = 1;
	int		   depth = 1000, missed = 0;
	bool		   verbose = false, found = false, all = true;
	struct trace	   t = { .n = 0 };
	unsigned long	   steps = 0;

	for (int i = 1; i < argc; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(v, NULL), i++;
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(v, NULL, 10), i++;
		else if (strcmp(argv[i], "--depth") == 0)
			depth = (int)strtol(v, NULL, 10), i++;
		else if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
		else if (strcmp(argv[i], "--no-mutants") == 0)
			all = false;
	}
	seed_state = seed * 0x9e3779b97f4a7c15ULL + 1;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %llu\n", (unsigned long long)seed);
	for (int k = 0; k < NLEAN && !found; k++) {
		s.budget = lean[k];
		at = s;
		found = breadth(&s, seconds * 0.4 / NLEAN, depth, &t, 1 << 21);
	}
	if (!found) {
		found = walks(NULL, seconds * 0.3, &at, &t, &steps);
		printf("walks: %lu steps%s\n", steps, found ? "" :
		    ", no rule broken");
	}
	if (found) {
		shrink(&at, &t);
		printf("BROKEN: %s\n", t.rule);
		(void)play(&at, &t, true);
		return 1;
	}
	each = seconds * 0.3;
	for (size_t k = 0; all && k < sizeof(mutants) / sizeof(mutants[0]);
	    k++)
		missed += !caught(&mutants[k], each, verbose);
	return missed > 0;
}
