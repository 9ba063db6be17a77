#include "broker/live.h"

#include <string.h>

struct live_key {
	int64_t id, attempt;
};

struct run *
live_get(const struct broker *b, int64_t id, int64_t attempt)
{
	struct live_key key = { id, attempt };
	struct run *r;

	HASH_FIND(hh, b->live, &key, sizeof(key), r);
	return r;
}

struct run *
live_find(const struct broker *b, int64_t id)
{
	struct run *best = NULL;

	for (struct run *r = b->live; r != NULL; r = r->hh.next)
		if (r->id == id && (best == NULL || r->attempt > best->attempt))
			best = r;
	return best;
}

struct run *
live_alone(const struct broker *b, int64_t alone)
{
	struct run *r = b->live;

	while (r != NULL && r->alone != alone)
		r = r->hh.next;
	return r;
}

const struct run *
live_first(const struct broker *b)
{
	return b->live;
}

size_t
live_count(const struct broker *b)
{
	return HASH_COUNT(b->live);
}

int64_t
live_running(const struct broker *b, const char *job)
{
	int64_t n = 0;

	for (const struct run *r = b->live; r != NULL; r = r->hh.next)
		if (run_holds_slot(r) && strcmp(r->job, job) == 0)
			n++;
	return n;
}

void
live_add(struct broker *b, struct run *r)
{
	_Static_assert(offsetof(struct run, attempt) ==
	        offsetof(struct run, id) + sizeof(int64_t), "key of a run");
	HASH_ADD(hh, b->live, id, sizeof(struct live_key), r);
}

void
live_drop(struct broker *b, struct run *r)
{
	HASH_DEL(b->live, r);
	run_free(r);
}

void
live_free(struct broker *b)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp)
		live_drop(b, r);
}
