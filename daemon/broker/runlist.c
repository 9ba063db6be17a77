#include "broker/runlist.h"

#include <stdlib.h>
#include <string.h>

#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/placing.h"
#include "js.h"
#include "mem.h"

struct listing {
	const struct broker	*b;
	const struct run_filter *f;
	json_t			*list;
};

static bool
same(const char *want, const char *have)
{
	return want == NULL || strcmp(want, have != NULL ? have : "") == 0;
}

static bool
has(const char *want, const char *have)
{
	return want == NULL || strstr(have != NULL ? have : "", want) != NULL;
}

static int
on_hist(const struct row *row, void *arg)
{
	struct listing *l = arg;

	/* Stored just now, and listed from memory already. */
	if (live_get(l->b, row_int(row, 0), row_int(row, 1)) != NULL)
		return 0;
	if (row_int(row, 11) < l->f->since.ms ||
	    !same(l->f->job, row_text(row, 2)) ||
	    !same(l->f->agent, row_text(row, 5)) ||
	    !same(l->f->state, row_text(row, 6)) ||
	    !has(l->f->cause, row_text(row, 4)))
		return 0;
	(void)json_array_append_new(l->list, run_json_hist(row));
	return (int64_t)json_array_size(l->list) >= l->f->limit;
}

static int
by_newest(const void *a, const void *b)
{
	const struct run *x = *(struct run *const *)a, *y = *(struct run *const
	    *)b;

	if (x->id != y->id)
		return x->id < y->id ? 1 : -1;
	return x->attempt < y->attempt ? 1 : x->attempt > y->attempt ? -1 : 0;
}

json_t *
runlist_of(const struct broker *b, const struct run_filter *f)
{
	struct listing l = { b, f, json_array() };
	struct run **v = mem_zero(live_count(b) + 1, sizeof(struct run *));
	size_t n = 0;

	for (struct run *r = b->live; r != NULL; r = r->hh.next)
		/* One whose end is on its way to the disk is not in history yet. */
		if (r->stored && same(f->job, r->job) &&
		    same(f->agent, r->agent) && has(f->cause, r->cause) &&
		    same(f->state, run_state_word(r->state)) &&
		    r->queued.ms >= f->since.ms)
			v[n++] = r;
	if (n > 0)
		qsort(v, n, sizeof(struct run *), by_newest);
	for (size_t i = 0; i < n && (int64_t)i < f->limit; i++)
		(void)json_array_append_new(l.list, run_json(v[i]));
	free(v);
	if ((int64_t)json_array_size(l.list) >= f->limit)
		return l.list;
	if (f->job != NULL)
		(void)store_query(b->store, S_RUN_HIST_BY_JOB, on_hist, &l,
		    "tii", f->job, (int64_t)INT64_MAX, (int64_t)10000000);
	else
		(void)store_query(b->store, S_RUN_HIST_LIST, on_hist, &l, "ii",
		    (int64_t)INT64_MAX, (int64_t)10000000);
	return l.list;
}

struct showing {
	const struct broker *b;
	json_t *attempts;
};

static int
on_show(const struct row *row, void *arg)
{
	struct showing *s = arg;

	if (live_get(s->b, row_int(row, 0), row_int(row, 1)) != NULL)
		return 0;
	(void)json_array_append_new(s->attempts, run_json_hist(row));
	return 0;
}

json_t *
runlist_show(const struct broker *b, int64_t id)
{
	struct showing s = { b, json_array() };
	const struct run *r;
	json_t *last;

	(void)store_query(b->store, S_RUN_HIST_GET, on_show, &s, "i", id);
	for (r = b->live; r != NULL; r = r->hh.next)
		if (r->id == id && r->stored)
			(void)json_array_append_new(s.attempts, run_json(r));
	if (json_array_size(s.attempts) == 0) {
		json_decref(s.attempts);
		return NULL;
	}
	last = json_copy(json_array_get(s.attempts,
	    json_array_size(s.attempts) - 1));
	(void)json_object_set_new(last, "attempts", s.attempts);
	return last;
}

struct wire {
	int64_t attempt, alone;
};

static int
on_wire(const struct row *row, void *arg)
{
	struct wire *w = arg;

	if (row_int(row, 1) == w->attempt)
		w->alone = row_int(row, 18);
	return 0;
}

int64_t
runlist_wire(const struct broker *b, int64_t id, int64_t attempt)
{
	const struct run *r = live_get(b, id, attempt);
	struct wire w = { attempt, 0 };

	if (r != NULL)
		return run_wire(r);
	(void)store_query(b->store, S_RUN_HIST_GET, on_wire, &w, "i", id);
	return w.alone != 0 ? w.alone : id;
}

json_t *
runlist_explain(struct broker *b, struct run *r)
{
	struct queue *q = dispatch_queue(b->dispatch, r);
	int64_t slots;

	(void)queue_rule(b, q, &slots);
	return json_pack("{s:I,s:s,s:s,s:o,s:{s:s,s:I,s:I,s:I},s:o}", "id",
	    (json_int_t)r->id, "job", r->job, "state",
	    run_state_word(r->state), "reason", js_text(r->reason), "queue",
	    "name", q->name, "position", (json_int_t)queue_position(q, r),
	    "busy", (json_int_t)q->busy, "slots", (json_int_t)slots, "agents",
	    placing_explain(b, r));
}
