#include "broker/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/placing.h"
#include "broker/restored.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/order.h"
#include "js.h"
#include "mem.h"

enum {
	BATCH = 64,		/* runs placed in one transaction */
	LOOK_MS = 1000,		/* between looks at what waits for an agent */
	WATCH_MS = 100		/* between looks at deadlines of single runs */
};

/* ---- slots ---- */

struct queue *
queue_for(struct dispatch *d, const struct run *r)
{
	return queue_of(&d->queues, r->spec->doc, r->job);
}

struct member *
run_agent(const struct broker *b, const struct run *r)
{
	return r->agent[0] != '\0' ? roster_by_name(b->roster, r->agent) : NULL;
}

void
run_let_go(struct broker *b, struct run *r)
{
	struct queue *q = queue_for(b->dispatch, r);
	struct member *m = run_agent(b, r);

	if (!run_holds_slot(r))
		queue_remove(q, r);
	else {
		queue_vacate(b, q);
		if (m != NULL && m->sent > 0)
			m->sent--;
	}
	b->dispatch->dirty = true;
}

static int
on_live(const struct row *row, void *arg)
{
	struct dispatch *d = arg;
	struct run *r = run_of_live(row);

	run_clock(r, d->b->now);
	live_add(d->b, r);
	if (r->state == RUN_DISPATCHED || r->state == RUN_RUNNING)
		run_set_state(r, RUN_UNKNOWN, "the broker was restarted");
	r->since = d->b->now.mono;
	if (run_holds_slot(r)) {
		struct member *m = run_agent(d->b, r);

		queue_occupy(queue_for(d, r));
		if (m != NULL)
			m->sent++;
	} else
		queue_push(queue_for(d, r), r);
	return 0;
}

static int
on_max(const struct row *row, void *arg)
{
	*(int64_t *)arg = row_int(row, 0) + 1;
	return 0;
}

static int
on_from(const struct row *row, void *arg)
{
	int64_t *next = arg, from = strtoll(row_text(row, 0), NULL, 10);

	if (from > *next)
		*next = from;
	return 1;
}

struct dispatch *
dispatch_load(struct broker *b)
{
	struct dispatch *d = mem_zero(1, sizeof(*d));

	d->b = b;
	d->next_id = 1;
	b->dispatch = d;
	(void)store_query(b->store, S_RUN_MAX_ID, on_max, &d->next_id, "");
	(void)store_query(b->store, S_META_GET, on_from, &d->next_id, "t",
	    RESTORED_RUNS);
	(void)store_query(b->store, S_RUN_LIVE_ALL, on_live, d, "");
	d->dirty = true;
	return d;
}

void
dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	queues_free(&d->queues);
	while (d->watchers != NULL) {
		struct watcher *w = d->watchers;

		d->watchers = w->next;
		free(w);
	}
	free(d);
}

/* ---- sending ---- */

void
run_send_abort(struct broker *b, const struct run *r)
{
	struct member *m = run_agent(b, r);

	if (m != NULL)
		(void)roster_send(m, "link.abort", json_pack("{s:I,s:I,s:I}",
		    "run", (json_int_t)run_wire(r), "attempt",
		    (json_int_t)r->attempt,
		    "grace", (json_int_t)(js_num(r->spec->doc, "grace", 10) *
		    1000)));
}

void
run_send(struct broker *b, struct run *r)
{
	struct member *m = run_agent(b, r);

	if (m == NULL || m->session == NULL)
		return;
	(void)roster_send(m, "link.dispatch", order_json(run_wire(r),
	    r->attempt, r->job, r->occ, r->spec->doc));
	if (r->aborting)
		run_send_abort(b, r);
}

/* ---- making runs ---- */

/* Chooses an agent for a run that has none, or checks the one it has.  True
 * when the run holds its slot now; else its reason says what it waits for. */
static bool
try_place(struct broker *b, struct run *r)
{
	struct queue *q = queue_for(b->dispatch, r);
	struct member *m;
	char why[256];

	if (r->state == RUN_WAITING && r->due.ms != 0 &&
	    r->due_at.us > b->now.mono.us)
		return false;
	if (placing_overlaps(b, r)) {
		run_set_state(r, RUN_QUEUED, "an earlier run of the job goes on");
		return false;
	}
	if (!queue_has_slot(b, q)) {
		int64_t slots;

		(void)queue_rule(b, q, &slots);
		(void)snprintf(why, sizeof(why),
		    "%lld of %lld slots of queue %s are busy",
		    (long long)q->busy, (long long)slots, q->name);
		run_set_state(r, slots == 0 ? RUN_WAITING : RUN_QUEUED,
		    slots == 0 ? "no agent of its queue is connected" : why);
		return false;
	}
	m = placing_choose(b, r, why, sizeof(why));
	if (m == NULL) {
		run_set_state(r, RUN_WAITING, why);
		return false;
	}
	(void)MEM_STR(r->agent, m->name);
	r->dispatched = b->now.wall;
	m->sent++;
	queue_occupy(q);
	run_set_state(r, RUN_DISPATCHED, NULL);
	return true;
}

static struct run *
make_one(struct broker *b, const struct cat_job *j, const char *occ,
    const char *cause, struct spec *spec, const char *agent,
    struct batch *batch)
{
	struct dispatch *d = b->dispatch;
	struct run *r = run_new(d->next_id++, 1, j->def.name, occ, cause, spec);

	r->epoch = scheduler_epoch(b);
	r->queued = b->now.wall;
	run_clock(r, b->now);
	if (agent != NULL)
		(void)MEM_STR(r->agent, agent);
	live_add(b, r);
	if (!try_place(b, r))
		queue_push(queue_for(d, r), r);
	run_store_new(r, batch);
	return r;
}

struct run_set
dispatch_make(struct broker *b, struct cat_job *j, const char *occ,
    const char *cause, struct member *fired, struct spec *spec,
    struct batch *batch)
{
	struct run_set set = { 0 };
	struct member **at;
	size_t n = placing_spread(b, j->spec->doc, fired, &at);

	set.v = mem_zero(n + 1, sizeof(struct run *));
	if (n == 0)			/* its agent is chosen when it goes */
		set.v[set.n++] = make_one(b, j, occ, cause, spec, NULL, batch);
	for (size_t i = 0; i < n; i++)
		set.v[set.n++] = make_one(b, j, occ, cause, spec, at[i]->name,
		    batch);
	free(at);
	return set;
}

void
dispatch_stored(struct broker *b, struct run_set *set, enum store_rc rc)
{
	for (size_t i = 0; i < set->n; i++) {
		struct run *r = set->v[i];

		if (rc == STORE_OK) {
			r->stored = true;
			if (r->state == RUN_DISPATCHED)
				run_send(b, r);
			else if (r->aborting)
				run_end(b, r, RUN_ABORTED, "a newer occurrence "
				    "(overlap replace)", NULL, "", 0);
			else	/* its slot may be free since */
				b->dispatch->dirty = true;
		} else {
			run_let_go(b, r);
			live_drop(b, r);
		}
	}
	free(set->v);
	set->v = NULL;
	set->n = 0;
}

int64_t
dispatch_skip(struct broker *b, const struct cat_job *j, const char *occ,
    const char *cause, enum run_state state, const char *reason,
    struct batch *batch)
{
	int64_t id = b->dispatch->next_id++;
	struct run *r = run_new(id, 1, j->def.name, occ, cause, j->spec);

	r->queued = r->ended = b->now.wall;
	r->epoch = scheduler_epoch(b);
	run_set_state(r, state, reason);
	run_store_end(r, batch, "", 0);
	run_free(r);
	return id;
}

/* ---- agents come and go ---- */

static bool
listed(const json_t *runs, const struct run *r)
{
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *o = json_array_get(runs, i);

		if (js_int(o, "run", 0) == run_wire(r) &&
		    js_int(o, "attempt", 0) == r->attempt)
			return true;
	}
	return false;
}

/* A run that the agent's journal does not hold was never started there, unless
 * the agent had said that it took it: then its journal is an older copy. */
void
dispatch_agent_up(struct broker *b, struct member *m, const json_t *runs)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp) {
		if (strcmp(r->agent, m->name) != 0 || !run_holds_slot(r) ||
		    !r->stored || listed(runs, r))
			continue;
		if (r->accepted)
			run_end(b, r, RUN_LOST, "the agent's journal does not "
			    "hold it (restored from a backup?)", NULL, "", 0);
		else {
			run_set_state(r, RUN_DISPATCHED, NULL);
			run_send(b, r);
		}
	}
	for (size_t i = 0; i < json_array_size(runs); i++)
		dispatch_report(b, m, json_array_get(runs, i));
	b->dispatch->dirty = true;
}

void
dispatch_agent_heard(struct broker *b, struct member *m)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp)
		if (r->state == RUN_UNKNOWN && strcmp(r->agent, m->name) == 0)
			run_set_state(r, r->started.ms != 0 ? RUN_RUNNING
							    : RUN_DISPATCHED,
			    NULL);
	b->dispatch->dirty = true;
}

void
dispatch_agent_down(struct broker *b, struct member *m)
{
	struct run *r, *tmp;
	char why[120];

	(void)snprintf(why, sizeof(why), "%s is not heard", m->name);
	HASH_ITER(hh, b->live, r, tmp)
		if ((r->state == RUN_DISPATCHED || r->state == RUN_RUNNING) &&
		    r->stored && strcmp(r->agent, m->name) == 0) {
			run_set_state(r, RUN_UNKNOWN, why);
			r->since = b->now.mono;
		}
}

void
dispatch_agent_gone(struct broker *b, struct member *m, const char *why)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp)
		if (r->stored && !run_ended(r->state) &&
		    strcmp(r->agent, m->name) == 0)
			run_end(b, r, RUN_LOST, why, NULL, "", 0);
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

		if (rc == STORE_OK) {
			if (r->state == RUN_DISPATCHED)
				run_send(p->b, r);
			continue;
		}
		/* Its end, given up meanwhile, is next on its way. */
		if (rc == STORE_DOWN || run_ended(r->state))
			continue;
		run_let_go(p->b, r);
		run_set_state(r, RUN_QUEUED, "the broker's store takes no "
		    "writes (disk full?)");
		queue_push(queue_for(p->b->dispatch, r), r);
		p->b->dispatch->retry = mono_add_ms(p->b->now.mono, DISPATCH_RETRY_MS);
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
	d->looked = b->now.mono;
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
			if (!try_place(b, r)) {
				if (own && r->state == RUN_QUEUED)
					held = r->id;
				continue;
			}
			queue_remove(q, r);
			p->set.v = mem_grow(p->set.v,
			    (p->set.n + 1) * sizeof(*p->set.v));
			p->set.v[p->set.n++] = r;
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
	mono at = mono_add_ms(b->dispatch->looked, LOOK_MS);

	if (at.us <= b->now.mono.us)
		b->dispatch->dirty = true;
	return at;
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

		if (!r->stored)
			continue;
		if (r->state == RUN_UNKNOWN) {
			mono until = mono_add_ms(r->since, b->set.lost_after);

			if (until.us > b->now.mono.us)
				next = mono_min(next, until);
			else if (!stuck)
				run_end(b, r, RUN_LOST, "its agent was not "
				    "heard for lost_after", NULL, "", 0);
		} else if (r->state == RUN_WAITING || r->state == RUN_QUEUED) {
			left = placing_patience(b, r, why, sizeof(why));
			if (left == 0 && stuck)
				continue;
			if (left == 0)
				run_end(b, r, RUN_MISSED, why, NULL, "", 0);
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
	mono again = mono_add_ms(d->watched, WATCH_MS);

	if (b->now.mono.us < again.us && b->now.mono.us < d->deadline.us)
		return mono_min(again, d->deadline);
	d->watched = b->now.mono;
	d->deadline = look_at_runs(b);
	return d->deadline;
}

void
dispatch_changed(struct broker *b)
{
	b->dispatch->dirty = true;
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
		const struct member *m = run_agent(b, r);

		if (!r->again || r->accepted || !r->stored ||
		    !run_holds_slot(r) || m == NULL || m->session == NULL)
			continue;
		r->again = false;
		run_set_state(r, RUN_DISPATCHED, NULL);
		run_send(b, r);
	}
}

mono
dispatch_turn(struct broker *b)
{
	struct dispatch *d = b->dispatch;
	mono next = MONO_NEVER;

	if (d->applied != b->catalog->applied) {
		d->applied = b->catalog->applied;
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

