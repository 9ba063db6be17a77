/* Is the search blind to anything?  Worlds with the same hash are searched
 * once; here those that differ are compared by all that can follow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

enum { MOST = 1 << 16 };

struct follow {
	uint64_t h[WORLD_MOVES];
	int	 n;
};

static int
by_hash(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What can follow, in an order that doesn't depend on that of messages. */
static void
follow(const struct world *w, struct follow *f)
{
	static struct world to;
	uint16_t	    moves[WORLD_MOVES];

	f->n = world_moves(w, moves);
	for (int j = 0; j < f->n; j++) {
		world_copy(&to, w);
		(void)world_apply(&to, moves[j]);
		f->h[j] = world_hash(&to) ^ (to.broken != NULL);
	}
	qsort(f->h, (size_t)f->n, sizeof(f->h[0]), by_hash);
}

/* The first world with this hash, or this one. */
static const struct world *
first(struct world *kept, uint64_t *hash, const struct world *w)
{
	uint64_t h = world_hash(w) | 1;
	size_t	 i = h % MOST;

	while (hash[i] != 0 && hash[i] != h)
		i = (i + 1) % MOST;
	if (hash[i] == 0) {
		hash[i] = h;
		kept[i] = *w;
		return w;
	}
	return &kept[i];
}

static bool
one_future(const struct world *a, const struct world *b)
{
	static struct follow x, y;

	follow(a, &x);
	follow(b, &y);
	return x.n == y.n && memcmp(x.h, y.h, (size_t)x.n *
	    sizeof(x.h[0])) == 0;
}

/* A walk; what doesn't change in a world is the same in all of them. */
static bool
walk(const struct world_setup *s, struct world *kept, uint64_t *hash, int *n,
    unsigned long *same)
{
	static struct world w;
	const struct world *was;

	world_make(&w, s);
	for (int k = 0; k < 60 && w.broken == NULL && *n < MOST / 2; k++) {
		uint16_t moves[WORLD_MOVES];
		int	 many = world_moves(&w, moves);
		uint16_t m = moves[search_rnd((uint32_t)many)];

		if (search_rnd(2) != 0)
			m = w.npool > 0 && search_rnd(3) != 0 ?
			    (uint16_t)(MOVE_DELIVER << 4 |
			    search_rnd((uint32_t)w.npool)) : 0;
		if (!world_apply(&w, m))
			continue;
		was = first(kept, hash, &w);
		*n += was == &w;
		if (was == &w || memcmp(was, &w, offsetof(struct world,
		    pool)) == 0)
			continue;
		++*same;
		if (!one_future(was, &w))
			return false;
	}
	return true;
}

bool
merge_check(const struct world_setup *s)
{
	struct world *kept = calloc(MOST, sizeof(*kept));
	uint64_t     *hash = calloc(MOST, sizeof(*hash));
	unsigned long same = 0;
	int	      n = 0;
	bool	      ok = true;

	if (kept == NULL || hash == NULL)
		abort();
	for (int k = 0; ok && k < 4000 && n < MOST / 2; k++)
		ok = walk(s, kept, hash, &n, &same);
	printf("merged: %d states, %lu more held for one of them%s\n", n,
	    same, ok ? ", each with the same future" :
	    ": BROKEN: another future");
	free(kept);
	free(hash);
	return ok;
}
