/* How worlds are searched: breadth-first, so that what is found is shortest,
 * and by random walks, which go deep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explore.h"

enum { DEPTH = 64, SAMPLE = 32 };

static uint64_t seed_state;

void
search_seed(uint64_t seed)
{
	seed_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

uint32_t
search_rnd(uint32_t n)
{
	uint64_t x = seed_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	seed_state = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

double
search_clock(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *
search_play(const struct trace *t, bool print)
{
	static struct world w;
	char		    line[160];

	world_make(&w, &t->setup);
	if (print)
		printf("%d agents, %s says ON, deaf: %c\n", t->setup.agents,
		    t->setup.first ? "a" : "nobody", t->setup.deaf < 0 ? '-'
		    : 'a' + t->setup.deaf);
	for (int k = 0; k < t->n && w.broken == NULL; k++) {
		world_describe(&w, t->move[k], line, sizeof(line));
		if (world_apply(&w, t->move[k]) && print)
			printf("%4d  %-60s %s epoch %lld holder %lld\n", k + 1,
			    line, role_state_name(w.r.state),
			    (long long)w.r.d.epoch, (long long)w.r.d.holder);
	}
	return w.broken != NULL ? w.broken : world_settles(&w, print);
}

void
search_shrink(struct trace *t)
{
	struct trace best = *t;

	for (bool again = true; again; ) {
		again = false;
		for (int k = best.n - 1; k >= 0; k--) {
			struct trace x = best;
			const char  *rule;

			memmove(&x.move[k], &x.move[k + 1],
			    (size_t)(--x.n - k) * sizeof(x.move[0]));
			rule = search_play(&x, false);
			if (rule == NULL || strcmp(rule, t->rule) != 0)
				continue;
			best = x;
			again = true;
		}
	}
	*t = best;
}

/* A state is its parent and the move that led there; worlds are played again,
 * and the next one in the queue shares most of its path with the last. */
struct node {
	uint32_t parent;
	uint16_t move;
	uint16_t depth;
};

struct queue {
	struct node  *node;
	uint64_t     *seen;
	uint32_t      n, most;
	uint64_t      mask;
	struct world *path;		/* to the node at hand, one a depth */
	uint32_t      at[DEPTH + 1];	/* whose worlds these are */
};

static bool
is_new(struct queue *q, uint64_t h)
{
	uint64_t i = h & q->mask;

	h |= h == 0;
	while (q->seen[i] != 0) {
		if (q->seen[i] == h)
			return false;
		i = (i + 1) & q->mask;
	}
	q->seen[i] = h;
	return true;
}

static void
trace_to(const struct queue *q, uint32_t at, struct trace *t)
{
	t->n = q->node[at].depth;
	for (int k = t->n - 1; k >= 0; k--) {
		t->move[k] = q->node[at].move;
		at = q->node[at].parent;
	}
}

/* The world of a node, by way of its parents' as far as they are at hand. */
static const struct world *
world_of(struct queue *q, uint32_t k)
{
	int	 depth = q->node[k].depth, d = depth;
	uint32_t via[DEPTH + 1];

	for (uint32_t i = k; q->at[d] != i; i = q->node[i].parent)
		via[d--] = i;
	while (d++ < depth) {
		world_copy(&q->path[d], &q->path[d - 1]);
		(void)world_apply(&q->path[d], q->node[via[d]].move);
		q->at[d] = via[d];
	}
	return &q->path[depth];
}

static void
queue_make(struct queue *q, uint32_t most, const struct world_setup *s)
{
	*q = (struct queue){ .most = most, .n = 1 };
	for (q->mask = 1; q->mask < 2 * (uint64_t)most; q->mask <<= 1)
		;
	q->node = calloc(most, sizeof(*q->node));
	q->seen = calloc(q->mask, sizeof(*q->seen));
	q->path = calloc(DEPTH + 1, sizeof(*q->path));
	q->mask--;
	if (q->node == NULL || q->seen == NULL || q->path == NULL)
		abort();
	for (int d = 1; d <= DEPTH; d++)
		q->at[d] = UINT32_MAX;
	world_make(&q->path[0], s);
	(void)is_new(q, world_hash(&q->path[0]));
}

/* The rule that the world breaks, now or when it should come to rest. */
static const char *
judge(const struct world *w, uint32_t nth, struct totals *all)
{
	if (w->broken != NULL || nth % SAMPLE != 0)
		return w->broken;
	all->settled++;
	return world_settles(w, false);
}

/* What follows from node k; true when a rule broke. */
static bool
expand(struct queue *q, uint32_t k, struct trace *t, struct totals *all)
{
	static struct world to;
	const struct world *from = world_of(q, k);
	uint16_t	    moves[WORLD_MOVES];
	int		    n = world_moves(from, moves);

	for (int j = 0; j < n && q->n < q->most; j++) {
		world_copy(&to, from);
		(void)world_apply(&to, moves[j]);
		all->tried++;
		if (to.broken == NULL && !is_new(q, world_hash(&to)))
			continue;
		q->node[q->n++] = (struct node){ k, moves[j],
		    (uint16_t)(q->node[k].depth + 1) };
		t->rule = judge(&to, q->n, all);
		if (t->rule != NULL) {
			trace_to(q, q->n - 1, t);
			return true;
		}
	}
	return false;
}

bool
search_breadth(const struct world_setup *s, double seconds, int depth,
    uint32_t most, struct trace *t, struct totals *all)
{
	struct queue q;
	double	     end = search_clock() + seconds;
	bool	     found = false;
	uint32_t     k = 0;

	if (depth > DEPTH)
		depth = DEPTH;
	t->setup = *s;
	queue_make(&q, most, s);
	for (; k < q.n && !found && q.node[k].depth < depth; k++) {
		if (k % 256 == 0 && search_clock() >= end)
			break;
		found = expand(&q, k, t, all);
	}
	all->states += q.n;
	/* A depth counts when every state before it was followed up. */
	all->complete = q.node[k < q.n ? k : q.n - 1].depth;
	all->ended = k == q.n;
	all->deepest = q.node[q.n - 1].depth;
	all->last = q.n;
	free(q.node);
	free(q.seen);
	free(q.path);
	return found;
}

bool
search_walk(const struct world_setup *s, int steps, struct trace *t,
    struct totals *all)
{
	static struct world w;

	world_make(&w, s);
	t->setup = *s;
	t->n = 0;
	while (t->n < steps) {
		uint16_t m = 0;

		/* Time and messages move on more often than accidents. */
		if (search_rnd(3) == 0) {
			uint16_t moves[WORLD_MOVES];
			int	 n = world_moves(&w, moves);

			m = moves[search_rnd((uint32_t)n)];
		} else if (w.npool > 0 && search_rnd(4) != 0)
			m = (uint16_t)(MOVE_DELIVER << 4 |
			    search_rnd((uint32_t)w.npool));
		if (!world_apply(&w, m))
			continue;
		t->move[t->n++] = m;
		all->steps++;
		t->rule = w.broken;
		if (w.broken == NULL &&
		    (t->n == steps || search_rnd(SETTLE_EVERY) == 0)) {
			all->settled++;
			t->rule = world_settles(&w, false);
		}
		if (t->rule != NULL)
			return true;
	}
	return false;
}
