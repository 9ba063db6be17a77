#include "broker/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/placing.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/order.h"
#include "js.h"
#include "mem.h"

/* In the store's table meta, after a restore: runs count from there, and the
 * sum of all jumps until then. */
static const char runs_from[] = "runs_from";

/* ---- slots ---- */

struct queue *
dispatch_queue(struct dispatch *d, const struct run *r)
{
	return queue_of(&d->queues, r->spec->doc, r->job);
}

struct member *
dispatch_agent(const struct broker *b, const struct run *r)
{
	return r->member != 0 ? roster_by_id(b->roster, r->member) : NULL;
}

void
dispatch_let_go(struct broker *b, struct run *r)
{
	struct queue *q = dispatch_queue(b->dispatch, r);
	struct member *m = dispatch_agent(b, r);

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
	const struct cat_job *j = catalog_job(d->b->catalog, row_text(row, 2));
	struct run *r = run_of_live(row, j != NULL ? j->spec : NULL);
	struct member *m = roster_by_id(d->b->roster, r->member);

	/* The name in its row may be one that it had; older rows have only
	 * that. */
	if (m == NULL && r->member == 0 && r->agent[0] != '\0')
		m = roster_by_name(d->b->roster, r->agent);
	if (m != NULL)
		run_bind(r, m->id, m->name);
	else
		r->member = 0;
	run_clock(r, d->b->now);
	live_add(d->b, r);
	if (r->state == RUN_DISPATCHED || r->state == RUN_RUNNING)
		run_set_state(r, RUN_UNKNOWN, "the broker was restarted");
	r->since = d->b->now.mono;
	if (run_holds_slot(r)) {
		queue_occupy(dispatch_queue(d, r));
		if (m != NULL)
			m->sent++;
	} else
		queue_push(dispatch_queue(d, r), r);
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
	struct dispatch *d = arg;
	char *end;

	d->from = strtoll(row_text(row, 0), &end, 10);
	/* Without the sum: as if all before were passed over, since history
	 * that goes too late does no harm. */
	d->jumped = *end != '\0' ? strtoll(end, NULL, 10) : d->from;
	if (d->from > d->next_id)
		d->next_id = d->from;
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
	(void)store_query(b->store, S_META_GET, on_from, d, "t", runs_from);
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
	free(d);
}

int64_t
dispatch_newest(const struct broker *b)
{
	return b->dispatch->next_id - 1;
}

/* Ids that were jumped over are no runs.  Of several jumps all are taken for
 * the newest one. */
int64_t
dispatch_oldest(const struct broker *b, int64_t runs)
{
	const struct dispatch *d = b->dispatch;
	int64_t id = dispatch_newest(b) - runs;

	return id < d->from ? id - d->jumped : id;
}

void
dispatch_jump(struct broker *b, int64_t by, struct batch *batch)
{
	struct dispatch *d = b->dispatch;
	char text[48];

	d->next_id += by;
	d->from = d->next_id;
	d->jumped += by;
	(void)snprintf(text, sizeof(text), "%lld %lld", (long long)d->from,
	    (long long)d->jumped);
	batch_add(batch, S_META_SET, "tt", runs_from, text);
}

void
dispatch_changed(struct broker *b)
{
	b->dispatch->dirty = true;
}

/* ---- sending ---- */

void
dispatch_send_abort(struct broker *b, const struct run *r)
{
	struct member *m = dispatch_agent(b, r);

	if (m != NULL)
		(void)roster_send(m, "link.abort", json_pack("{s:I,s:I,s:I}",
		    "run", (json_int_t)run_wire(r), "attempt",
		    (json_int_t)r->attempt,
		    "grace", (json_int_t)(js_num(r->spec->doc, "grace", 10) *
		    1000)));
}

void
dispatch_send(struct broker *b, struct run *r)
{
	struct member *m = dispatch_agent(b, r);

	if (r->placing || m == NULL || m->session == NULL)
		return;
	(void)roster_send(m, "link.dispatch", order_json(run_wire(r),
	    r->attempt, r->job, r->occ, r->spec->doc));
	if (r->aborting)
		dispatch_send_abort(b, r);
}

void
dispatch_placed(struct broker *b, struct run *r)
{
	const struct member *m = dispatch_agent(b, r);

	/* Its agent may have fallen silent meanwhile, and be heard again in the
	 * same session. */
	if (r->state == RUN_DISPATCHED && (m == NULL ||
	    !member_connected(b->roster, m))) {
		run_set_state(r, RUN_UNKNOWN, "its agent is not heard");
		r->since = b->now.mono;
	}
	if (run_holds_slot(r) && !r->accepted)
		dispatch_send(b, r);
}

/* ---- making runs ---- */

bool
dispatch_place(struct broker *b, struct run *r)
{
	struct queue *q = dispatch_queue(b->dispatch, r);
	struct member *m;
	char why[256];

	if (r->aborting)		/* its end is next: see foreman.c */
		return false;
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
	r->chosen = r->member == 0;
	run_bind(r, m->id, m->name);
	r->dispatched = b->now.wall;
	m->sent++;
	queue_occupy(q);
	run_set_state(r, RUN_DISPATCHED, NULL);
	return true;
}

void
dispatch_back(struct broker *b, struct run *r, enum run_state state,
    const char *reason)
{
	if (r->chosen)
		run_bind(r, 0, "");
	r->chosen = false;
	run_set_state(r, state, reason);
	queue_push(dispatch_queue(b->dispatch, r), r);
	b->dispatch->retry = mono_add_ms(b->now.mono, DISPATCH_RETRY_MS);
}

static struct run *
make_one(struct broker *b, const struct cat_job *j, const char *occ,
    const char *cause, struct spec *spec, const struct member *agent,
    struct batch *batch)
{
	struct dispatch *d = b->dispatch;
	struct run *r = run_new(d->next_id++, 1, j->def.name, occ, cause, spec);

	r->epoch = scheduler_epoch(b);
	r->queued = b->now.wall;
	run_clock(r, b->now);
	if (agent != NULL)
		run_bind(r, agent->id, agent->name);
	live_add(b, r);
	if (!dispatch_place(b, r))
		queue_push(dispatch_queue(d, r), r);
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
		set.v[set.n++] = make_one(b, j, occ, cause, spec, at[i],
		    batch);
	free(at);
	return set;
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
