#include "keeper/run.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "pack.h"

enum { BUCKETS = 4096, PAST_BUCKETS = 1024 };

static struct run *table[BUCKETS];
static struct run *live;
static size_t count, nlive;

/* A ring of the past, and chains through it by hash (index + 1). */
static struct run_past past[RUN_PAST];
static uint16_t past_next[RUN_PAST], past_head[PAST_BUCKETS];
static size_t past_at, past_used;
_Static_assert(RUN_PAST < UINT16_MAX, "index + 1 fits");

static uint64_t
hash(const char *id)
{
	return pack_hash(id, strlen(id));
}

struct run *
run_find(const char *id)
{
	struct run *r = table[hash(id) % BUCKETS];

	while (r != NULL && strcmp(r->id, id) != 0)
		r = r->next;
	return r;
}

struct run *
run_of_pid(pid_t pid)
{
	struct run *r = live;

	while (r != NULL && (r->pid != pid || r->reaped || r->adopted))
		r = r->live_next;
	return r;
}

struct run *
run_new(const char *id)
{
	struct run **at = &table[hash(id) % BUCKETS], *r;

	if (count >= RUN_MOST)
		return NULL;
	r = mem_zero(1, sizeof(*r));
	(void)MEM_STR(r->id, id);
	r->fd = r->cell = r->pidfd = -1;
	r->deadline = r->give_up = r->look = MONO_NEVER;
	r->next = *at;
	*at = r;
	count++;
	return r;
}

void
run_forget(struct run *r)
{
	struct run **at = &table[hash(r->id) % BUCKETS];
	struct run_past p = { hash(r->id), r->state, r->code, r->started.ms,
		r->ended.ms };

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	count--;
	run_set_live(r, false);
	run_past_add(&p);
	free(r->seen);
	free(r);
}

void
run_set_live(struct run *r, bool on)
{
	if (on == (r->live_prev != NULL))
		return;
	if (on) {
		r->live_next = live;
		r->live_prev = &live;
		if (live != NULL)
			live->live_prev = &r->live_next;
		live = r;
		nlive++;
		return;
	}
	*r->live_prev = r->live_next;
	if (r->live_next != NULL)
		r->live_next->live_prev = r->live_prev;
	r->live_next = NULL;
	r->live_prev = NULL;
	nlive--;
}

size_t
run_count(void)
{
	return count;
}

size_t
run_live_count(void)
{
	return nlive;
}

struct run *
run_live(void)
{
	return live;
}

void
run_each(void (*fn)(struct run *, void *), void *ctx)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct run *r = table[i], *next; r != NULL; r = next) {
			next = r->next;
			fn(r, ctx);
		}
}

const struct run_past *
run_past_find(const char *id)
{
	uint64_t h = hash(id);
	uint16_t i = past_head[h % PAST_BUCKETS];

	while (i != 0 && past[i - 1].hash != h)
		i = past_next[i - 1];
	return i == 0 ? NULL : &past[i - 1];
}

static void
past_unlink(size_t slot)
{
	uint16_t *at = &past_head[past[slot].hash % PAST_BUCKETS];

	while (*at != slot + 1)
		at = &past_next[*at - 1];
	*at = past_next[slot];
}

void
run_past_add(const struct run_past *p)
{
	uint16_t *head = &past_head[p->hash % PAST_BUCKETS];

	if (past_used == RUN_PAST)
		past_unlink(past_at);
	else
		past_used++;
	past[past_at] = *p;
	past_next[past_at] = *head;
	*head = (uint16_t)(past_at + 1);
	past_at = (past_at + 1) % RUN_PAST;
}

void
run_past_each(void (*fn)(const struct run_past *, void *), void *ctx)
{
	size_t first = past_used == RUN_PAST ? past_at : 0;

	for (size_t i = 0; i < past_used; i++)
		fn(&past[(first + i) % RUN_PAST], ctx);
}
