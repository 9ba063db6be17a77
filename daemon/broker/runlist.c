/* Runs as operators ask for them: lists, one in full, why it waits, aborting,
 * waiting for its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/placing.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"

struct abort {
	struct broker *b;
	int64_t	       id, attempt;
	dispatch_told *done;
	void	      *arg;
};

static void
on_abort(enum store_rc rc, void *arg)
{
	struct abort *a = arg;
	struct run *r = live_get(a->b, a->id, a->attempt);
	struct err e;

	if (rc == STORE_OK) {
		if (r != NULL && run_holds_slot(r))
			run_send_abort(a->b, r);
		if (a->done != NULL)
			a->done(a->arg, json_pack("{s:I}", "run",
			    (json_int_t)a->id), NULL);
	} else if (rc != STORE_DOWN) {
		if (r != NULL)
			r->aborting = false;
		(void)err_set(&e, ERR_IO, "run %lld: not aborted: the store "
		    "takes no writes (%s): free disk space, then try again",
		    (long long)a->id, store_rc_word(rc));
		if (a->done != NULL)
			a->done(a->arg, NULL, &e);
	}
	free(a);
}

/* On disk before anybody is told, or a broker that is restarted meanwhile lets
 * the run go on. */
void
dispatch_abort(struct broker *b, struct run *r, const char *actor,
    dispatch_told *done, void *arg)
{
	struct abort *a;
	struct batch *batch;
	struct err e;
	char why[160];

	if (!r->stored || run_ended(r->state)) {
		(void)err_set(&e, ERR_BUSY, "run %lld: it is just ending",
		    (long long)r->id);
		if (done != NULL)
			done(arg, NULL, &e);
		return;
	}
	a = mem_zero(1, sizeof(*a));
	batch = batch_new();
	*a = (struct abort){ b, r->id, r->attempt, done, arg };
	r->aborting = true;
	(void)snprintf(why, sizeof(why), "aborted by %s", actor);
	if (!run_holds_slot(r))
		run_end(b, r, RUN_ABORTED, why, NULL, "", 0);
	run_store_state(r, batch);
	store_submit(b->store, batch, on_abort, a);
}

/* One that waits for an agent or a slot goes on as well: when it has them, the
 * next one would run beside it. */
static bool
goes_on(const struct run *r, const char *job)
{
	return strcmp(r->job, job) == 0 && !run_ended(r->state);
}

const char *
dispatch_overlap(struct broker *b, const struct cat_job *j)
{
	struct run *r, *tmp;

	if (j->def.overlap != JOB_OVERLAP_SKIP &&
	    j->def.overlap != JOB_OVERLAP_REPLACE)
		return NULL;
	HASH_ITER(hh, b->live, r, tmp) {
		if (!goes_on(r, j->def.name))
			continue;
		if (j->def.overlap == JOB_OVERLAP_SKIP)
			return "an earlier run of the job goes on (overlap "
			       "skip)";
		if (!r->stored)
			r->aborting = true;	/* see dispatch_stored */
		else if (!r->aborting)
			dispatch_abort(b, r,
			    "a newer occurrence (overlap replace)", NULL, NULL);
	}
	return NULL;
}

int64_t
dispatch_newest(const struct broker *b)
{
	return b->dispatch->next_id - 1;
}

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
dispatch_list(const struct broker *b, const struct run_filter *f)
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
dispatch_show(const struct broker *b, int64_t id)
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
dispatch_wire(const struct broker *b, int64_t id, int64_t attempt)
{
	const struct run *r = live_get(b, id, attempt);
	struct wire w = { attempt, 0 };

	if (r != NULL)
		return run_wire(r);
	(void)store_query(b->store, S_RUN_HIST_GET, on_wire, &w, "i", id);
	return w.alone != 0 ? w.alone : id;
}

json_t *
dispatch_explain(struct broker *b, struct run *r)
{
	struct queue *q = queue_for(b->dispatch, r);
	int64_t slots;

	(void)queue_rule(b, q, &slots);
	return json_pack("{s:I,s:s,s:s,s:o,s:{s:s,s:I,s:I,s:I},s:o}", "id",
	    (json_int_t)r->id, "job", r->job, "state",
	    run_state_word(r->state), "reason", js_text(r->reason), "queue",
	    "name", q->name, "position", (json_int_t)queue_position(q, r),
	    "busy", (json_int_t)q->busy, "slots", (json_int_t)slots, "agents",
	    placing_explain(b, r));
}

void
dispatch_watch(struct broker *b, int64_t run, dispatch_ended *ended, void *arg)
{
	struct watcher *w = mem_zero(1, sizeof(*w));

	w->run = run;
	w->ended = ended;
	w->arg = arg;
	w->next = b->dispatch->watchers;
	b->dispatch->watchers = w;
}

void
dispatch_unwatch(struct broker *b, void *arg)
{
	struct watcher **link = &b->dispatch->watchers;

	while (*link != NULL) {
		struct watcher *w = *link;

		if (w->arg == arg) {
			*link = w->next;
			free(w);
		} else
			link = &w->next;
	}
}
