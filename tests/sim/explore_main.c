/* explore [--seconds N] [--seed S] [--depth D] [--states M] [--verbose]
 *         [--no-mutants] [--no-breadth] [--mutant NAME]
 *
 * Searches the role protocol for a broken rule: breadth-first, so that what is
 * found is shortest, then by random walks, which go deep; both ask now and then
 * whether everything comes to rest.  Before it, whether worlds that are searched
 * once have one future; after it each guard is taken away: if that is not
 * noticed, the search is worth nothing.  Seconds are of this process; they
 * are shared out: four tenths breadth-first, three walks, and up to a tenth for
 * each mutant, most of which are caught at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

/* Few kinds of accidents in one walk lead further. */
static void
any_setup(struct world_setup *s)
{
#define OFTEN(n) (search_rnd(2) ? (int8_t)search_rnd(n) : (int8_t)0)
#define RARELY(n) (search_rnd(4) ? (int8_t)0 : (int8_t)search_rnd(n))
	s->budget = (struct budget){
		.crashes = OFTEN(4), .cuts = OFTEN(4), .dups = OFTEN(3),
		.keys = RARELY(4), .ops = (int8_t)search_rnd(4),
		.conditions = RARELY(4), .restores = RARELY(2),
		.controls = RARELY(4), .facts = RARELY(4),
		.settings = RARELY(3), .walls = RARELY(3),
	};
#undef OFTEN
#undef RARELY
	s->control = search_rnd(4) ? ROLE_AUTO : search_rnd(2) ? ROLE_ADVISE
	    : ROLE_MANUAL;
	s->agents = 2 + (int)search_rnd(2);
	s->first = search_rnd(2) != 0;
	s->go_on = search_rnd(4) == 0;
	s->deaf = search_rnd(4) == 0 ? (int)search_rnd((uint32_t)s->agents)
	    : -1;
}

static const struct world_setup plain = { .agents = 2, .first = true,
    .deaf = -1 };

/* only: these accidents and no others, with two agents; or NULL. */
static bool
walks(const struct world_setup *only, double seconds, struct trace *t,
    struct totals *all)
{
	double		   end = search_clock() + seconds;
	struct world_setup s = only != NULL ? *only : plain;

	while (search_clock() < end) {
		if (only == NULL)
			any_setup(&s);
		if (search_walk(&s, 20 + (int)search_rnd(only == NULL ? 160
		    : 30), t, all))
			return true;
	}
	return false;
}

/* Breadth-first goes deep with few kinds of accidents at a time, and deeper
 * when the network holds little: then older messages are lost. */
#define TWO .agents = 2, .first = true, .deaf = -1
#define DEAF .agents = 2, .first = true
static const struct world_setup lean[] = {
	{ TWO },
	{ TWO, .budget = { .ops = 1 } },
	{ TWO, .budget = { .crashes = 1 } },
	{ TWO, .budget = { .cuts = 1 } },
	{ TWO, .budget = { .keys = 2 } },
	{ TWO, .budget = { .restores = 1 } },
	{ TWO, .budget = { .ops = 1, .dups = 1 } },
	{ TWO, .budget = { .ops = 1, .crashes = 1 } },
	{ TWO, .budget = { .ops = 1, .cuts = 1 } },
	{ TWO, .budget = { .ops = 2 } },
	{ TWO, .budget = { .conditions = 2 } },
	{ TWO, .budget = { .conditions = 1, .ops = 1 } },
	{ TWO, .budget = { .conditions = 2 }, .control = ROLE_ADVISE },
	{ TWO, .budget = { .cuts = 1 }, .control = ROLE_ADVISE },
	{ TWO, .budget = { .cuts = 1, .ops = 1 }, .control = ROLE_MANUAL },
	{ TWO, .budget = { .controls = 1, .ops = 1 } },
	{ TWO, .budget = { .settings = 1, .ops = 1 } },
	{ TWO, .budget = { .settings = 1, .cuts = 1 } },
	{ TWO, .budget = { .facts = 2, .ops = 1 } },
	{ TWO, .budget = { .walls = 1, .ops = 1, .crashes = 1 } },
	{ TWO, .budget = { .cuts = 1, .ops = 1 }, .go_on = true },
	{ DEAF, .budget = { .ops = 1 }, .deaf = 0 },
	{ DEAF, .budget = { .conditions = 1 }, .deaf = 1 },
	{ TWO, .budget = { .crashes = 1, .cuts = 1, .dups = 1, .ops = 1 } },
	{ .agents = 3, .first = true, .deaf = -1,
	    .budget = { .cuts = 1, .ops = 1 } },
};
enum { NLEAN = sizeof(lean) / sizeof(lean[0]) };

/* "ops 1, cuts 1": what may happen in a search. */
static void
describe(const struct world_setup *s, char *text, size_t size)
{
	static const char *const control[] = { "", ", advise", ", manual" };
	const struct budget *b = &s->budget;
	const struct { const char *name; int n; } row[] = {
		{ "ops", b->ops }, { "crashes", b->crashes },
		{ "cuts", b->cuts }, { "doubled", b->dups },
		{ "keys", b->keys }, { "conditions", b->conditions },
		{ "facts", b->facts }, { "restores", b->restores },
		{ "controls", b->controls }, { "settings", b->settings },
		{ "walls", b->walls },
	};
	int n = snprintf(text, size, "%d agents, room %d%s%s%s", s->agents,
	    s->room,
	    control[s->control], s->go_on ? ", continue" : "",
	    s->deaf >= 0 ? ", one deaf" : "");

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].n > 0 && n > 0 && (size_t)n < size)
			n += snprintf(text + n, size - (size_t)n, ", %s %d",
			    row[i].name, row[i].n);
}

static bool
breadth(double seconds, int depth, uint32_t most, bool verbose,
    struct trace *t, struct totals *all)
{
	static const int room[] = { 2, WORLD_POOL };
	int least = depth, best = 0;
	double end = search_clock() + seconds;
	bool   found = false;
	char   text[120];

	/* What one search leaves over is for those that follow. */
	for (int k = 0; k < 2 * NLEAN && !found; k++) {
		struct world_setup s = lean[k / 2];

		s.room = room[k % 2];
		found = search_breadth(&s, (end - search_clock()) /
		    (2 * NLEAN - k), depth, most, t, all);
		least = all->complete < least ? all->complete : least;
		best = all->complete > best ? all->complete : best;
		if (!verbose)
			continue;
		describe(&s, text, sizeof(text));
		printf("%9u states, every one within %2d moves, some %2d%s: "
		    "%s\n", all->last, all->complete, all->deepest,
		    all->ended ? " (the end)" : "", text);
	}
	printf("breadth-first: %d searches, %lu states (%lu tried), complete "
	    "to %d to %d moves, %lu settled%s\n", 2 * NLEAN, all->states,
	    all->tried, least, best, all->settled,
	    found ? "" : ", no rule broken");
	return found;
}

struct mutant {
	const char	  *name;
	unsigned long	   bits;
	struct world_setup only;	/* what leads there; none: anything */
};

#define BIT(m) (1UL << MUTANT_##m)
#define ANY(m) { .name = #m, .bits = BIT(m) }
#define BY(m, ...) { .name = #m, .bits = BIT(m), \
    .only = { TWO, .budget = { __VA_ARGS__ } } }
/* Not here, for alone nothing is broken without them: an OFF below its epoch
 * that is obeyed (nobody works until case 1), and each of the pair at the end.
 * Occurrences, their cursors and fires are the simulation's (sim_mutant.c). */
static const struct mutant mutants[] = {
	BY(NO_FENCE, .ops = 1), BY(RENEW_AFTER_OFF, .ops = 1),
	BY(FLOOR_BELOW, .ops = 2, .dups = 2),
	ANY(FLOOR_NONE), ANY(NO_WANT_OFF),
	BY(NO_BOOT_WAIT, .crashes = 1, .ops = 1), ANY(NO_RAISE),
	ANY(TARGET_DROPPED), BY(KEY_IS_PROOF, .keys = 2, .ops = 1),
	ANY(ADOPT_EARLY), ANY(FAILED_AGAIN), ANY(FAILED_FIRST),
	ANY(RAISE_NO_WAIT), ANY(LEASE_RECEIPT),
	ANY(ACK_ANY), ANY(CASE1_AT_ONCE), ANY(NO_REGRANT),
	BY(SEND_FIRST, .crashes = 2, .ops = 1),
	ANY(INTENT_LOST), ANY(HOLD_LOST), ANY(DRIFT),
	BY(NO_PIN, .ops = 1, .conditions = 1),
	BY(NO_INTERVAL, .conditions = 3), ANY(UNASKED),
	BY(SYNC_BLIND, .facts = 3, .ops = 1),
	BY(FENCE_NOW, .settings = 2, .crashes = 1, .ops = 1),
	ANY(OBSERVER_GRANTS), ANY(LOCAL_FIRES), BY(LIFT_ANY, .ops = 2, .cuts = 1),
	/* Each covers the other: alone they look like dead guards. */
	{ .name = "AGENT_SEND_FIRST and NO_INCARNATION",
	    .bits = BIT(AGENT_SEND_FIRST) | BIT(NO_INCARNATION),
	    .only = { TWO, .budget = { .crashes = 1, .ops = 1, .dups = 1 } } },
};

static bool
caught(const struct mutant *m, double seconds, bool verbose)
{
	static struct trace t;
	struct totals	    all = { .states = 0 };
	bool		    found;

	role_mutants = m->bits | 1UL << MUTANT_SILENT;
	found = walks(m->only.agents == 0 ? NULL : &m->only, seconds, &t,
	    &all);
	if (found)
		search_shrink(&t);
	printf("without %-36s %s", m->name, found ? t.rule : "NOT CAUGHT");
	if (found)
		printf(" (%d moves, found after %lu)\n", t.n, all.steps);
	else
		printf(" in %lu moves\n", all.steps);
	role_mutants &= ~(1UL << MUTANT_SILENT);
	if (found && verbose)
		(void)search_play(&t, true);
	return found;
}

static int
all_mutants(double seconds, uint64_t seed, const char *only, bool verbose)
{
	int missed = 0;

	for (size_t k = 0; k < sizeof(mutants) / sizeof(mutants[0]); k++)
		if (only == NULL || strcmp(only, mutants[k].name) == 0) {
			search_seed(seed + k);	/* the same whatever ran */
			missed += !caught(&mutants[k], seconds, verbose);
		}
	return missed;
}

static bool
search(double seconds, int depth, uint32_t most, bool wide, bool verbose)
{
	static struct trace t;
	struct totals	    flat = { .states = 0 }, deep = { .states = 0 };
	bool		    found = wide && breadth(seconds * 0.4, depth, most,
	    verbose, &t, &flat);

	if (!found) {
		found = walks(NULL, seconds * 0.3, &t, &deep);
		printf("walks: %lu moves, %lu settled%s\n", deep.steps,
		    deep.settled, found ? "" : ", no rule broken");
	}
	if (!found)
		return false;
	search_shrink(&t);
	printf("BROKEN: %s\n", t.rule);
	role_mutants = 0;
	(void)search_play(&t, true);
	return true;
}

/* Every kind of accident, in four kinds of worlds. */
static bool
merges(void)
{
	static const struct world_setup s[] = {
		{ TWO, .room = 2, .budget = { 2, 2, 1, 1, 2, 2, 2, 1, 1, 1,
		    1 } },
		{ TWO, .room = 4, .budget = { 2, 1, 1, 1, 2, 1, 1, 0, 1, 1,
		    0 }, .go_on = true },
		{ TWO, .room = 2, .budget = { 1, 1, 0, 0, 1, 2, 1, 0, 1, 0,
		    0 }, .control = ROLE_ADVISE },
		{ .agents = 3, .first = true, .deaf = 2, .room = 3,
		    .budget = { 1, 1, 1, 0, 2, 1, 0, 0, 0, 0, 0 } },
	};
	bool ok = true;

	for (size_t k = 0; k < sizeof(s) / sizeof(s[0]); k++)
		ok = merge_check(&s[k]) && ok;
	return ok;
}

int
main(int argc, char **argv)
{
	double	    seconds = 12;
	uint64_t    seed = 1;
	uint32_t    most = 1 << 22;
	int	    depth = 1000;
	bool	    verbose = false, all = true, wide = true;
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(v, NULL), i++;
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(v, NULL, 10), i++;
		else if (strcmp(argv[i], "--depth") == 0)
			depth = (int)strtol(v, NULL, 10), i++;
		else if (strcmp(argv[i], "--states") == 0)
			most = (uint32_t)strtoul(v, NULL, 10), i++;
		else if (strcmp(argv[i], "--mutant") == 0)
			only = v, i++;
		else if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
		else if (strcmp(argv[i], "--no-mutants") == 0)
			all = false;
		else if (strcmp(argv[i], "--no-breadth") == 0)
			wide = false;
	}
	search_seed(seed);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %llu\n", (unsigned long long)seed);
	role_mutants = 1UL << MUTANT_SILENT;
	if (only == NULL && all && !merges())
		return 1;
	if (only == NULL && search(seconds, depth, most, wide, verbose))
		return 1;
	return all && all_mutants(seconds * 0.3, seed, only, verbose) > 0;
}
