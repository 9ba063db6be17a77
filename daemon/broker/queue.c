#include "broker/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"

static const struct queue_rule private_rule = {
	.run_on = QUEUE_BROKER_OR_AGENTS,
	.max_parallel = 1,
};

struct queue *
queue_of(struct queue **all, const json_t *spec, const char *job)
{
	const char *shared = js_str(spec, "queue", NULL);
	char name[80] = "job:";
	struct queue *q;

	if (shared != NULL)
		(void)MEM_STR(name, shared);
	else
		(void)mem_str(name + 4, sizeof(name) - 4, job);
	HASH_FIND_STR(*all, name, q);
	if (q == NULL) {
		q = mem_zero(1, sizeof(*q));
		(void)MEM_STR(q->name, name);
		HASH_ADD_STR(*all, name, q);
	}
	return q;
}

void
queues_free(struct queue **all)
{
	struct queue *q, *tmp;

	HASH_ITER(hh, *all, q, tmp) {
		HASH_DEL(*all, q);
		free(q->resting);
		free(q);
	}
}

/* By priority, then id.  Most come last: a broker that starts after an outage
 * may find thousands. */
static bool
goes_before(const struct run *a, const struct run *b)
{
	return a->priority > b->priority ||
	    (a->priority == b->priority && a->id <= b->id);
}

void
queue_push(struct queue *q, struct run *r)
{
	struct run **at = &q->head;

	if (q->tail != NULL && goes_before(q->tail, r))
		at = &q->tail->qnext;
	while (*at != NULL && goes_before(*at, r))
		at = &(*at)->qnext;
	r->qnext = *at;
	*at = r;
	if (r->qnext == NULL)
		q->tail = r;
	q->waiting++;
}

void
queue_remove(struct queue *q, struct run *r)
{
	struct run **at = &q->head, *before = NULL;

	while (*at != NULL && *at != r) {
		before = *at;
		at = &before->qnext;
	}
	if (*at != NULL) {
		*at = r->qnext;
		r->qnext = NULL;
		q->waiting--;
		if (q->tail == r)
			q->tail = before;
	}
}

static int64_t
members(const struct broker *b, enum queue_run_on on)
{
	const struct roster *r = b->roster;
	int64_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		bool own = strcmp(r->members[i]->key, b->key->pub) == 0;

		if (member_active(r->members[i]) && r->agents[i].connected &&
		    (on == QUEUE_BROKER_OR_AGENTS ||
			own == (on == QUEUE_BROKER_ONLY)))
			n++;
	}
	return n;
}

const struct queue_rule *
queue_rule(const struct broker *b, const struct queue *q, int64_t *slots)
{
	const struct queue_def *def = catalog_queue(b->catalog, q->name);
	const struct queue_rule *rule = &private_rule;
	int64_t n = 0;

	if (def == NULL)
		n = members(b, rule->run_on);
	for (size_t i = 0; def != NULL && i < def->nrules; i++) {
		rule = &def->rules[i];
		n = members(b, rule->run_on);
		if (n > 0 && n >= rule->needs_agents)
			break;
		n = 0;
	}
	*slots = rule->max_parallel * n;
	return rule;
}

static void
rested(const struct broker *b, struct queue *q)
{
	size_t keep = 0;

	for (size_t i = 0; i < q->nresting; i++)
		if (q->resting[i].us > b->now.mono.us)
			q->resting[keep++] = q->resting[i];
	q->nresting = keep;
}

bool
queue_has_slot(struct broker *b, struct queue *q)
{
	int64_t slots;

	(void)queue_rule(b, q, &slots);
	rested(b, q);
	return q->busy + (int64_t)q->nresting < slots;
}

void
queue_occupy(struct queue *q)
{
	q->busy++;
}

void
queue_vacate(struct broker *b, struct queue *q)
{
	int64_t slots;
	const struct queue_rule *rule = queue_rule(b, q, &slots);

	if (q->busy > 0)
		q->busy--;
	if (rule->min_gap > 0) {
		q->resting = mem_grow(q->resting,
		    (q->nresting + 1) * sizeof(*q->resting));
		q->resting[q->nresting++] = mono_add_ms(b->now.mono,
		    rule->min_gap);
	}
}

mono
queue_deadline(const struct queue *q)
{
	mono next = MONO_NEVER;

	for (size_t i = 0; q->head != NULL && i < q->nresting; i++)
		next = mono_min(next, q->resting[i]);
	return next;
}

int64_t
queue_position(const struct queue *q, const struct run *r)
{
	int64_t n = 1;

	for (const struct run *at = q->head; at != NULL; at = at->qnext, n++)
		if (at == r)
			return n;
	return 0;
}
