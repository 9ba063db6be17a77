#include "broker/foreman.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/outcome.h"
#include "broker/placing.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"

enum {
	BATCH = 64,		/* runs placed in one transaction */
	LOOK_MS = 1000,		/* between looks at what waits for an agent */
	WATCH_MS = 100		/* between looks at deadlines of single runs */
};

/* ---- agents come and go ---- */

/* The state that its agent has it in, or NULL. */
static const char *
listed(const json_t *runs, const struct run *r)
{
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *o = json_array_get(runs, i);

		if (js_int(o, "run", 0) == run_wire(r) &&
		    js_int(o, "attempt", 0) == r->attempt)
			return js_str(o, "state", "");
	}
	return NULL;
}

/* One of those that it did alone, and tells of next. */
static bool
untold(const json_t *hello, int64_t number)
{
	const json_t *ranges = json_object_get(hello, "alone"), *range;
	size_t i;

	json_array_foreach(ranges, i, range) {
		int64_t from = json_integer_value(json_array_get(range, 0));
		int64_t to = json_integer_value(json_array_get(range, 1));

		if (number != 0 && number >= from && number <= to)
			return true;
	}
	return false;
}

static void
heard(struct run *r)
{
	run_set_state(r, r->started.ms != 0 ? RUN_RUNNING : RUN_DISPATCHED,
	    NULL);
}

/* A run that the agent's journal does not hold was never started there, unless
 * the agent had said that it took it: then its journal is an older copy.  One
 * that is on its way there may have been refused before anybody listens: it is
 * sent once more, which changes nothing if it was not.  Of what it did alone it
 * says nothing before it was answered that it is on record. */
void
foreman_agent_up(struct broker *b, struct member *m, const json_t *hello)
{
	const json_t *runs = json_object_get(hello, "runs");
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp) {
		const char *held;

		if (r->member != m->id || !run_holds_slot(r) ||
		    !(r->stored || r->adopting))
			continue;
		held = listed(runs, r);
		if (held == NULL && untold(hello, r->alone))
			heard(r);
		else if (held == NULL && r->accepted)
			outcome_lose(b, r);
		else if (held == NULL || (!r->accepted && strcmp(held,
		    "journaling") == 0)) {
			run_set_state(r, RUN_DISPATCHED, NULL);
			dispatch_send(b, r);
		}
	}
	for (size_t i = 0; i < json_array_size(runs); i++)
		outcome_report(b, m, json_array_get(runs, i));
	b->dispatch->dirty = true;
}

void
foreman_agent_heard(struct broker *b, struct member *m)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp)
		if (r->state == RUN_UNKNOWN && !r->missing &&
		    r->member == m->id)
			heard(r);
	b->dispatch->dirty = true;
}

void
foreman_agent_down(struct broker *b, struct member *m)
{
	struct run *r, *tmp;
	char why[120];

	(void)snprintf(why, sizeof(why), "%s is not heard", m->name);
	HASH_ITER(hh, b->live, r, tmp)
		if ((r->state == RUN_DISPATCHED || r->state == RUN_RUNNING) &&
		    r->stored && r->member == m->id) {
			run_set_state(r, RUN_UNKNOWN, why);
			r->since = b->now.mono;
		}
}

static void
gone(struct broker *b, struct run *r)
{
	outcome_end(b, r, RUN_LOST, "its agent is no longer a member", NULL, "",
	    0);
}

void
foreman_agent_gone(struct broker *b, struct member *m)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp)
		if (r->stored && !r->adopting && !run_ended(r->state) &&
		    r->member == m->id)
			gone(b, r);
}

/* ---- the turn ---- */

struct placed {
	struct broker *b;
	struct run_set set;
};

static void
on_placed(enum store_rc rc, void *arg)
{
	struct placed *p = arg;

	for (size_t i = 0; i < p->set.n; i++) {
		struct run *r = p->set.v[i];

		r->placing = false;
		if (rc == STORE_OK) {
			dispatch_placed(p->b, r);
			continue;
		}
		/* Its end, given up meanwhile, is next on its way; or its agent
		 * did it by itself, and has told so. */
		r->unplaced = run_ended(r->state);
		if (rc == STORE_DOWN || r->unplaced || r->accepted)
			continue;
		dispatch_let_go(p->b, r);
		dispatch_back(p->b, r, RUN_QUEUED, "the broker's store takes "
		    "no writes (disk full?)");
	}
	free(p->set.v);
	free(p);
}

static void
place_waiting(struct broker *b)
{
	struct dispatch *d = b->dispatch;
	struct placed *p = mem_zero(1, sizeof(*p));
	struct batch *batch = batch_new();
	struct queue *q, *tmp;

	p->b = b;
	d->round.looked = b->now.mono;
	HASH_ITER(hh, d->queues, q, tmp) {
		struct run *r = q->head, *next;
		bool own = strncmp(q->name, "job:", 4) == 0;
		int64_t held = INT64_MAX;

		for (; r != NULL && p->set.n < BATCH; r = next) {
			next = r->qnext;
			/* What holds one run of a job up holds up those after
			 * it: thousands may wait after an outage. */
			if (!r->stored || r->id > held)
				continue;
			if (!dispatch_place(b, r)) {
				if (own && r->state == RUN_QUEUED)
					held = r->id;
				continue;
			}
			queue_remove(q, r);
			p->set.v = mem_grow(p->set.v,
			    (p->set.n + 1) * sizeof(*p->set.v));
			p->set.v[p->set.n++] = r;
			r->placing = true;
			run_store_state(r, batch);
		}
	}
	d->dirty = p->set.n >= BATCH;
	if (p->set.n == 0) {
		batch_free(batch);
		free(p);
	} else
		store_submit(b->store, batch, on_placed, p);
}

/* A sample, a label, a drain, a setting: what a run waits for may come true by
 * any of them, so it is looked at now and then. */
static mono
look_again(struct broker *b)
{
	mono at = mono_add_ms(b->dispatch->round.looked, LOOK_MS);

	if (at.us <= b->now.mono.us)
		b->dispatch->dirty = true;
	return at;
}

/* A broker that was killed after it had stored that could not end the runs. */
static bool
is_gone(const struct member *m)
{
	return m != NULL && !member_active(m) && m->going == 0;
}

/* Deadlines of single runs: unknown for too long, nobody to run it.  While the
 * store takes no writes none is ended: each would be due again at once. */
static mono
look_at_runs(struct broker *b)
{
	struct run *r, *tmp;
	bool stuck = b->dispatch->retry.us != 0;
	mono next = MONO_NEVER;

	HASH_ITER(hh, b->live, r, tmp) {
		char why[256];
		int64_t left;

		if (!r->stored || r->adopting)
			continue;
		if (r->state == RUN_UNKNOWN) {
			mono until = mono_add_ms(r->since, b->set.lost_after);

			if (r->missing && !stuck)
				outcome_lose(b, r);
			else if (is_gone(dispatch_agent(b, r)) && !stuck)
				gone(b, r);
			else if (until.us > b->now.mono.us)
				next = mono_min(next, until);
			else if (!stuck)
				outcome_end(b, r, RUN_LOST, "its agent was not "
				    "heard for lost_after", NULL, "", 0);
		} else if (r->aborting && !run_holds_slot(r) &&
		    !run_ended(r->state)) {	/* its end was not stored */
			if (!stuck)
				outcome_end(b, r, RUN_ABORTED, "aborted before "
				    "it started", NULL, "", 0);
		} else if (r->state == RUN_WAITING || r->state == RUN_QUEUED) {
			left = placing_patience(b, r, why, sizeof(why));
			if (left == 0 && stuck)
				continue;
			if (left == 0)
				outcome_end(b, r, RUN_MISSED, why, NULL, "", 0);
			else if (left > 0)
				next = mono_min(next, mono_add_ms(b->now.mono,
				    left));
			if (r->due.ms != 0 && r->due_at.us > b->now.mono.us)
				next = mono_min(next, r->due_at);
			else if (r->due.ms != 0) {
				r->due.ms = 0;
				b->dispatch->dirty = true;
			} else if (r->state == RUN_WAITING && !stuck)
				next = mono_min(next, look_again(b));
		}
	}
	return next;
}

/* Thousands wait after an outage, and the broker turns at every heartbeat: they
 * are looked at ten times a second at most, and once more after the last turn
 * of a burst. */
static mono
watch_runs(struct broker *b)
{
	struct dispatch *d = b->dispatch;
	mono again = mono_add_ms(d->round.watched, WATCH_MS);

	if (b->now.mono.us < again.us && b->now.mono.us < d->round.deadline.us)
		return mono_min(again, d->round.deadline);
	d->round.watched = b->now.mono;
	d->round.deadline = look_at_runs(b);
	return d->round.deadline;
}

/* The disk may take it now: agents tell again what they hold, and are sent
 * again what they refused. */
static void
try_again(struct broker *b)
{
	struct run *r, *tmp;

	for (size_t i = 0; i < b->roster->n; i++)
		(void)roster_send(b->roster->members[i], "link.tell",
		    json_object());
	HASH_ITER(hh, b->live, r, tmp) {
		const struct member *m = dispatch_agent(b, r);

		if (!r->again || r->accepted || !r->stored ||
		    !run_holds_slot(r) || m == NULL || m->session == NULL)
			continue;
		r->again = false;
		run_set_state(r, RUN_DISPATCHED, NULL);
		dispatch_send(b, r);
	}
}

mono
foreman_turn(struct broker *b)
{
	struct dispatch *d = b->dispatch;
	mono next = MONO_NEVER;

	if (d->round.applied != b->catalog->applied) {
		d->round.applied = b->catalog->applied;
		d->dirty = true;
	}
	if (b->live == NULL && d->retry.us == 0)
		return next;
	if (d->retry.us != 0 && d->retry.us <= b->now.mono.us) {
		d->retry.us = 0;
		d->dirty = true;
		try_again(b);
	}
	next = watch_runs(b);
	if (d->dirty && d->retry.us == 0)
		place_waiting(b);
	for (const struct queue *q = d->queues; q != NULL; q = q->hh.next) {
		mono at = queue_deadline(q);

		if (at.us <= b->now.mono.us)
			d->dirty = true;
		else
			next = mono_min(next, at);
	}
	if (d->retry.us != 0)
		next = mono_min(next, d->retry);
	return d->dirty && d->retry.us == 0 ? b->now.mono : next;
}
