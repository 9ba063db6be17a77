#include "core/place.h"

#include <string.h>

static const char *const why_text[PLACE_NWHYS] = {
	[PLACE_CHOSEN]	       = "is chosen",
	[PLACE_NOT_FIRED_HERE] = "did not fire it, and the job is local",
	[PLACE_NOT_LISTED]     = "is not in the list of agents",
	[PLACE_DISCONNECTED]   = "is not connected",
	[PLACE_NO_RUNS]	       = "takes no runs",
	[PLACE_DRAINED]	       = "is drained",
	[PLACE_REFUSING]       = "refuses runs at the moment",
	[PLACE_LABEL]	       = "lacks a label that the job requires",
	[PLACE_CONDITION]      = "does not meet the filter condition",
	[PLACE_FULL]	       = "is at its cap of runs",
	[PLACE_OTHERS_FIRST]   = "would do, but others come first",
};

static const char *const spreads[] = {
	[PLACE_LOCAL] = "local", [PLACE_ONE] = "one",
	[PLACE_INSTANCES] = "instances", [PLACE_ALL] = "all",
	[PLACE_SELECTED] = "selected",
};
static const char *const selections[] = {
	[PLACE_ROUND_ROBIN] = "round_robin", [PLACE_FIRST] = "first",
	[PLACE_RANDOM] = "random", [PLACE_BEST_HEALTH] = "best_health",
};

static int
index_of(const char *const *names, unsigned n, const char *s)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i], s) == 0)
			return (int)i;
	return -1;
}

const char *
place_why_text(enum place_why w)
{
	return why_text[w];
}

const char *
place_spread_name(enum place_spread s)
{
	return spreads[s];
}

const char *
place_selection_name(enum place_selection s)
{
	return selections[s];
}

int
place_spread_of_name(const char *s, enum place_spread *out)
{
	int i = index_of(spreads, PLACE_SELECTED + 1, s);

	if (i == -1)
		return -1;
	*out = (enum place_spread)i;
	return 0;
}

int
place_selection_of_name(const char *s, enum place_selection *out)
{
	int i = index_of(selections, PLACE_BEST_HEALTH + 1, s);

	if (i == -1)
		return -1;
	*out = (enum place_selection)i;
	return 0;
}

/* The first reason not to; PLACE_CHOSEN when there is none. */
static enum place_why
judge(const struct place_agent *a, const struct place_rule *r)
{
	bool selected = r->spread == PLACE_SELECTED;
	/* Of the filters, local and selected keep what is a matter of being
	 * able to run it at all. */
	bool filters = !selected && r->spread != PLACE_LOCAL;

	if (r->spread == PLACE_LOCAL && !a->fired)
		return PLACE_NOT_FIRED_HERE;
	if (!a->listed && (selected || (filters && r->filter_list)))
		return PLACE_NOT_LISTED;
	if (!a->connected)
		return PLACE_DISCONNECTED;
	if (!a->takes_runs)
		return PLACE_NO_RUNS;
	if (a->drained)
		return PLACE_DRAINED;
	if (!a->accepts)
		return PLACE_REFUSING;
	if (!a->has_labels)
		return PLACE_LABEL;
	if (filters && !a->condition_met)
		return PLACE_CONDITION;
	if (a->cap > 0 && a->running >= a->cap)
		return PLACE_FULL;
	return PLACE_CHOSEN;
}

/* A number that is an agent's own for this seed (splitmix64), so that random
 * is an order and needs no memory. */
static uint64_t
lot(uint64_t seed, const struct place_agent *a)
{
	uint64_t z = seed + (uint64_t)a->id * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int
by_health(const struct place_agent *a, const struct place_agent *b)
{
	if (a->health != b->health)
		return a->health > b->health ? -1 : 1;
	if (a->running != b->running)
		return a->running < b->running ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	return 0;
}

/* Less than zero: a comes before b. */
static int
order(const struct place_rule *r, const struct place_agent *a,
    const struct place_agent *b)
{
	int c = 0;

	switch (r->selection) {
	case PLACE_BEST_HEALTH:
		c = by_health(a, b);
		break;
	case PLACE_RANDOM: {
		uint64_t x = lot(r->seed, a), y = lot(r->seed, b);

		c = x < y ? -1 : x > y;
		break;
	}
	case PLACE_ROUND_ROBIN:
		/* Names after the last one come before those up to it. */
		if (r->last != NULL)
			c = (strcmp(a->name, r->last) <= 0) -
			    (strcmp(b->name, r->last) <= 0);
		break;
	case PLACE_FIRST:
		break;
	}
	return c != 0 ? c : strcmp(a->name, b->name);
}

/* A heap of indexes with the first choice on top: choosing one of n costs n,
 * choosing all of them n log n. */
static void
sink(const struct place_rule *r, const struct place_agent *a, size_t *heap,
    size_t n, size_t i)
{
	for (;;) {
		size_t kid = 2 * i + 1, swap;

		if (kid >= n)
			return;
		if (kid + 1 < n &&
		    order(r, &a[heap[kid + 1]], &a[heap[kid]]) < 0)
			kid++;
		if (order(r, &a[heap[kid]], &a[heap[i]]) >= 0)
			return;
		swap = heap[i];
		heap[i] = heap[kid];
		heap[kid] = swap;
		i = kid;
	}
}

static void
reverse(size_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		size_t swap = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = swap;
	}
}

size_t
place_choose(struct place_agent *a, size_t n, const struct place_rule *r,
    size_t *out)
{
	size_t fit = 0, want, left;

	for (size_t i = 0; i < n; i++) {
		a[i].why = judge(&a[i], r);
		if (a[i].why == PLACE_CHOSEN) {
			a[i].why = PLACE_OTHERS_FIRST;
			out[fit++] = i;
		}
	}
	want = r->spread == PLACE_ALL || r->spread == PLACE_SELECTED ? fit :
	    r->spread == PLACE_INSTANCES ? r->instances : 1;
	if (want > fit)
		want = fit;
	for (size_t i = fit / 2; i-- > 0;)
		sink(r, a, out, fit, i);
	/* Each choice moves from the top to the end. */
	for (left = fit; left > fit - want; left--) {
		size_t top = out[0];

		out[0] = out[left - 1];
		out[left - 1] = top;
		a[top].why = PLACE_CHOSEN;
		sink(r, a, out, left - 1, 0);
	}
	reverse(out, fit);
	return want;
}
