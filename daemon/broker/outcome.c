#include "broker/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/placing.h"
#include "broker/roster.h"
#include "core/order.h"
#include "js.h"
#include "log.h"
#include "mem.h"

struct watcher {
	int64_t		run;
	outcome_ended  *ended;
	void	       *arg;
	struct watcher *next;
};

/* One outcome on its way to the disk, with what follows from it. */
struct ending {
	struct broker *b;
	int64_t	       id, attempt;
	int64_t	       wire;		/* the agent's number of it */
	int64_t	       member;		/* to be told that it is settled, or 0 */
	struct run_set next;		/* chains and the next attempt */
	bool	       again;		/* there is a next attempt */
	bool	       held;		/* it had a slot */
	struct abort  *abort;		/* that it answers, or NULL */
};

/* What was asked of a run, by an operator (done) or by a newer occurrence. */
struct abort {
	struct broker *b;
	int64_t	       id, attempt;
	outcome_told  *done;		/* or NULL */
	void	      *arg;
};

/* held: what is settled is that it need not be started, and not an end that
 * the agent may learn of before it hears this. */
static void
settled(const struct member *m, int64_t id, int64_t attempt, bool held)
{
	if (m != NULL)
		(void)roster_send(m, "link.settled", json_pack("{s:I,s:I,s:b}",
		    "run", (json_int_t)id, "attempt", (json_int_t)attempt,
		    "held", held));
}

static void
tell_watchers(struct broker *b, const struct run *r)
{
	struct watcher **link = &b->watchers;
	json_t *doc = run_json(r);

	while (*link != NULL) {
		struct watcher *w = *link;

		if (w->run != r->id) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->ended(w->arg, doc);
		free(w);
		link = &b->watchers;
	}
	json_decref(doc);
}

static void
remember_last(struct broker *b, const struct run *r)
{
	struct cat_job *j = catalog_job(b->catalog, r->job);

	if (j == NULL)
		return;
	j->last.run = r->id;
	(void)MEM_STR(j->last.state, run_state_word(r->state));
	j->last.at = r->ended;
}

/* Its end is not on disk: it is where it was.  The agent keeps its result until
 * it is told, and is asked again; one that waited waits on, and of one whose
 * result came late the record still says lost, which a result replaces once. */
static void
not_ended(struct broker *b, struct run *r, bool held)
{
	struct member *m = dispatch_agent(b, r);
	struct queue *q = dispatch_queue(b->dispatch, r);

	b->dispatch->retry = mono_add_ms(b->now.mono, DISPATCH_RETRY_MS);
	if (r->late) {
		live_drop(b, r);
		return;
	}
	r->ended.ms = 0;
	r->contested = false;	/* all are asked again */
	if (held && !r->unplaced) {
		/* What an agent did not take it does not keep either. */
		r->again = !r->accepted;
		run_set_state(r, RUN_UNKNOWN, "its end could not be stored yet");
		r->since = b->now.mono;
		queue_occupy(q);
		if (m != NULL)
			m->sent++;
	} else {
		r->unplaced = false;
		dispatch_back(b, r, RUN_WAITING,
		    "its end could not be stored yet");
	}
}

static void
abort_told(struct abort *a, enum store_rc rc)
{
	struct err e;

	if (a->done != NULL && rc == STORE_OK)
		a->done(a->arg, json_pack("{s:I}", "run", (json_int_t)a->id),
		    NULL);
	else if (a->done != NULL && rc != STORE_DOWN) {
		(void)err_set(&e, ERR_IO, "run %lld: not aborted: the store "
		    "takes no writes (%s): free disk space, then try again",
		    (long long)a->id, store_rc_word(rc));
		a->done(a->arg, NULL, &e);
	}
	free(a);
}

static void
on_ended(enum store_rc rc, void *arg)
{
	struct ending *e = arg;
	struct broker *b = e->b;
	struct run *r = live_get(b, e->id, e->attempt);

	outcome_stored(b, &e->next, rc);
	if (r != NULL && rc == STORE_OK) {
		if (e->member != 0)
			settled(roster_by_id(b->roster, e->member), e->wire,
			    e->attempt, false);
		else if (r->contested && dispatch_agent(b, r) != NULL)
			(void)roster_send(dispatch_agent(b, r), "link.tell",
			    json_object());
		remember_last(b, r);
		if (!e->again)
			tell_watchers(b, r);
		live_drop(b, r);
	} else if (r != NULL && rc != STORE_DOWN) {
		log_error("run", "run=%lld its end could not be stored: %s",
		    (long long)e->id, store_rc_word(rc));
		not_ended(b, r, e->held);
		/* One that is replaced is ended when the disk takes it. */
		if (e->abort != NULL && e->abort->done != NULL)
			r->aborting = false;
	}
	if (e->abort != NULL)
		abort_told(e->abort, rc);
	free(e);
}

static bool
outcome_listed(const json_t *list, enum run_state s)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));

		if (word != NULL && strcmp(word, run_state_word(s)) == 0)
			return true;
	}
	return false;
}

/* The next attempt, when the job wants one for this outcome. */
static void
make_retry(struct broker *b, const struct run *r, struct ending *e,
    struct batch *batch)
{
	const json_t *retries = json_object_get(r->spec->doc, "retries");
	double delay = js_num(retries, "delay", 0) * 1000;
	struct run *next;

	if (r->aborting || r->attempt > js_int(retries, "count", 0) ||
	    !outcome_listed(json_object_get(retries, "on"), r->state))
		return;
	for (int64_t i = 1; i < r->attempt && delay < 86400000; i++)
		delay *= js_num(retries, "backoff", 1);
	next = run_new(r->id, r->attempt + 1, r->job, r->occ, r->cause, r->spec);
	next->epoch = r->epoch;
	next->queued = b->now.wall;
	next->due.ms = b->now.wall.ms + (int64_t)delay;
	run_clock(next, b->now);
	if (!placing_moves(r->spec->doc))
		run_bind(next, r->member, r->agent);
	run_set_state(next, RUN_WAITING, "for its next attempt");
	live_add(b, next);
	queue_push(dispatch_queue(b->dispatch, next), next);
	run_store_new(next, batch);
	e->next.v = mem_grow(e->next.v, (e->next.n + 1) * sizeof(*e->next.v));
	e->next.v[e->next.n++] = next;
	e->again = true;
	b->dispatch->dirty = true;
}

static void
chain_one(struct broker *b, const struct run *r, struct cat_job *j,
    struct ending *e, struct batch *batch)
{
	const char *skip = outcome_overlap(b, j);
	char occ[40], cause[160];
	struct run_set set;

	(void)snprintf(occ, sizeof(occ), "after:%lld", (long long)r->id);
	(void)snprintf(cause, sizeof(cause), "after %s %s", r->job,
	    run_state_word(r->state));
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, occ,
	    b->dispatch->next_id);
	if (skip != NULL) {
		(void)dispatch_skip(b, j, occ, cause, RUN_SKIPPED, skip, batch);
		return;
	}
	set = dispatch_make(b, j, occ, cause, dispatch_agent(b, r), j->spec,
	    batch);
	e->next.v = mem_grow(e->next.v,
	    (e->next.n + set.n) * sizeof(*e->next.v));
	memcpy(e->next.v + e->next.n, set.v, set.n * sizeof(*set.v));
	e->next.n += set.n;
	free(set.v);
}

static bool
follows(const struct cat_job *j, const struct run *r)
{
	for (size_t i = 0; i < j->def.ntriggers && !j->paused; i++) {
		const struct job_trigger *t = &j->def.triggers[i];

		if (t->kind != JOB_AFTER || strcmp(t->after, r->job) != 0)
			continue;
		for (unsigned k = 0; k < JOB_NOUTCOMES; k++)
			if ((t->on >> k & 1) != 0 && strcmp(job_outcome_word(
			        (enum job_outcome)k), run_state_word(r->state))
			    == 0)
				return true;
	}
	return false;
}

/* Chains are decided at the broker, in the transaction of the outcome (SPEC
 * section 4).  A job that is asked for in two ways runs once. */
static void
make_chains(struct broker *b, const struct run *r, struct ending *e,
    struct batch *batch)
{
	const json_t *list = json_object_get(r->spec->doc,
	    r->state == RUN_SUCCEEDED ? "on_success" : "on_failure");
	struct cat_job *j, *tmp;

	HASH_ITER(hh, b->catalog->jobs, j, tmp) {
		bool asked = false;

		for (size_t i = 0; i < json_array_size(list); i++)
			asked = asked || strcmp(json_string_value(
			    json_array_get(list, i)), j->def.name) == 0;
		if (j->def.enabled && (asked || follows(j, r)))
			chain_one(b, r, j, e, batch);
	}
}

static struct ending *
end_run(struct broker *b, struct run *r, enum run_state state,
    const char *reason, const struct member *m, const char *output, size_t len)
{
	struct ending *e = mem_zero(1, sizeof(*e));
	struct batch *batch = batch_new();
	bool follow;

	e->held = run_holds_slot(r);
	dispatch_let_go(b, r);
	run_set_state(r, state, reason);
	if (r->ended.ms == 0)
		r->ended = b->now.wall;
	e->b = b;
	e->id = r->id;
	e->attempt = r->attempt;
	e->wire = run_wire(r);
	e->member = m != NULL ? m->id : 0;
	run_store_end(r, batch, output, len);
	/* A late one was followed by all that when it was given up; of two runs
	 * of one occurrence the other one is followed. */
	follow = !r->late && !r->doubled;
	if (follow)
		make_retry(b, r, e, batch);
	if (follow && !e->again)
		make_chains(b, r, e, batch);
	store_submit(b->store, batch, on_ended, e);
	return e;
}

void
outcome_end(struct broker *b, struct run *r, enum run_state state,
    const char *reason, const struct member *m, const char *output, size_t len)
{
	(void)end_run(b, r, state, reason, m, output, len);
}

/* One that is not on disk yet is ended when it is: see foreman.c. */
void
outcome_lose(struct broker *b, struct run *r)
{
	static const char why[] = "the agent's journal does not hold it "
	    "(restored from a backup?)";

	r->missing = true;
	if (r->adopting) {
		run_set_state(r, RUN_UNKNOWN, why);
		r->since = b->now.mono;
	} else
		outcome_end(b, r, RUN_LOST, why, NULL, "", 0);
}

/* ---- what was made is on disk, or not ---- */

void
outcome_stored(struct broker *b, struct run_set *set, enum store_rc rc)
{
	for (size_t i = 0; i < set->n; i++) {
		struct run *r = set->v[i];

		if (rc == STORE_OK) {
			r->stored = true;
			if (run_holds_slot(r))
				dispatch_placed(b, r);
			else if (r->aborting)
				outcome_end(b, r, RUN_ABORTED, "a newer "
				    "occurrence (overlap replace)", NULL, "",
				    0);
			else	/* its slot may be free since */
				b->dispatch->dirty = true;
		} else {
			dispatch_let_go(b, r);
			live_drop(b, r);
		}
	}
	free(set->v);
	set->v = NULL;
	set->n = 0;
}

/* ---- ended by others ---- */

static void
on_abort(enum store_rc rc, void *arg)
{
	struct abort *a = arg;
	struct run *r = live_get(a->b, a->id, a->attempt);

	if (rc == STORE_OK && r != NULL && run_holds_slot(r))
		dispatch_send_abort(a->b, r);
	else if (rc != STORE_OK && rc != STORE_DOWN && r != NULL)
		r->aborting = false;
	abort_told(a, rc);
}

/* On disk before anybody is told, or a broker that is restarted meanwhile lets
 * the run go on. */
void
outcome_abort(struct broker *b, struct run *r, const char *actor,
    outcome_told *done, void *arg)
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
	*a = (struct abort){ b, r->id, r->attempt, done, arg };
	r->aborting = true;
	if (!run_holds_slot(r)) {
		(void)snprintf(why, sizeof(why), "aborted by %s", actor);
		end_run(b, r, RUN_ABORTED, why, NULL, "", 0)->abort = a;
		return;
	}
	batch = batch_new();
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
outcome_overlap(struct broker *b, const struct cat_job *j)
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
			r->aborting = true;	/* see outcome_stored */
		else if (!r->aborting)
			outcome_abort(b, r,
			    "a newer occurrence (overlap replace)", NULL, NULL);
	}
	return NULL;
}

/* ---- reports ---- */

static enum run_state
outcome_of(const struct run *r, const json_t *report)
{
	const char *word = js_str(report, "state", "");
	int64_t code = js_int(report, "code", -1);
	const json_t *codes = json_object_get(r->spec->doc, "success_codes");

	if (strcmp(word, "exited") != 0) {
		enum run_state s;

		if (run_state_of(word, &s) == -1 || !run_ended(s))
			return RUN_LOST;
		return s;
	}
	if (r->aborting)
		return RUN_ABORTED;
	if (codes == NULL)
		return code == 0 ? RUN_SUCCEEDED : RUN_FAILED;
	for (size_t i = 0; i < json_array_size(codes); i++)
		if (json_integer_value(json_array_get(codes, i)) == code)
			return RUN_SUCCEEDED;
	return RUN_FAILED;
}

static void
take_end(struct broker *b, struct member *m, struct run *r,
    const json_t *report)
{
	enum run_state state = outcome_of(r, report);
	int code = (int)js_int(report, "code", 0);
	const char *data = js_str(report, "output", "");
	size_t len = 0;
	unsigned char *out = base64_decode(data, &len);

	r->started = js_wall(report, "started_at");
	r->ended = js_wall(report, "ended_at");
	if (strcmp(js_str(report, "state", ""), "exited") == 0)
		r->exit_code = code;
	else if (state == RUN_KILLED || state == RUN_TIMED_OUT ||
	    state == RUN_ABORTED)
		r->signal = code;
	outcome_end(b, r, state, js_str(report, "reason", NULL), m,
	    out != NULL ? (const char *)out : "", len);
	free(out);
}

/* A result of a run that was given up: it replaces `lost` once. */
struct late {
	struct broker *b;
	struct member *m;
	const json_t  *report;
	int64_t	       attempt;
	bool	       taken;
};

static int
on_late(const struct row *row, void *arg)
{
	struct late *l = arg;
	struct run *r;
	struct spec *spec;

	if (row_int(row, 1) != l->attempt || row_int(row, 13) != 0 ||
	    strcmp(row_text(row, 6), "lost") != 0)
		return 0;
	spec = spec_new(row_text(row, 16) != NULL
	    ? json_loads(row_text(row, 16), 0, NULL) : NULL);
	r = run_new(row_int(row, 0), l->attempt, row_text(row, 2),
	    row_text(row, 3), row_text(row, 4), spec);
	spec_unref(spec);
	run_bind(r, l->m->id, l->m->name);
	r->queued.ms = row_int(row, 9);
	r->epoch = row_int(row, 12);
	r->late = true;
	r->doubled = row_int(row, 17) != 0;
	r->alone = row_int(row, 18);
	r->stored = true;
	run_set_state(r, RUN_UNKNOWN, NULL);
	queue_occupy(dispatch_queue(l->b->dispatch, r));
	l->m->sent++;
	live_add(l->b, r);
	take_end(l->b, l->m, r, l->report);
	l->taken = true;
	return 1;
}

static bool
report_is_end(const json_t *report)
{
	const char *word = js_str(report, "state", "");

	return strcmp(word, "held") != 0 && strcmp(word, "journaling") != 0 &&
	    strcmp(word, "accepted") != 0 && strcmp(word, "running") != 0;
}

static void
late_report(struct broker *b, struct member *m, const json_t *report)
{
	struct late l = { b, m, report, js_int(report, "attempt", 0), false };
	int64_t run = js_int(report, "run", 0);
	bool alone = order_is_alone(run);
	bool held = strcmp(js_str(report, "state", ""), "held") == 0;

	/* One that it started by itself and has not told of yet.  What it only
	 * holds it has told, and it is on record as another's. */
	if (alone && !held && store_query(b->store, S_RUN_HIST_ALONE, NULL,
	    NULL, "i", run) < 1)
		return;
	if (report_is_end(report) &&
	    strcmp(js_str(report, "state", ""), "lost") != 0)
		(void)store_query(b->store, alone ? S_RUN_HIST_ALONE
		    : S_RUN_HIST_GET, on_late, &l, "i", run);
	if (!l.taken && (report_is_end(report) || held))
		settled(m, run, l.attempt, held);
}

void
outcome_report(struct broker *b, struct member *m, const json_t *report)
{
	int64_t id = js_int(report, "run", 0);
	struct run *r = order_is_alone(id) ? live_alone(b, id)
	    : live_get(b, id, js_int(report, "attempt", 0));
	const char *word = js_str(report, "state", "");

	if (r == NULL || r->member != m->id) {
		late_report(b, m, report);
		return;
	}
	r->missing = false;
	if (run_ended(r->state) || !r->stored) {
		/* Its end is on its way to the disk. */
		r->contested = r->contested || run_ended(r->state);
		return;
	}
	if (report_is_end(report)) {
		take_end(b, m, r, report);
		return;
	}
	if (strcmp(word, "held") == 0) {
		run_set_state(r, RUN_DISPATCHED, NULL);
		dispatch_send(b, r);
		return;
	}
	/* One that is on its way to the agent's disk may be refused yet, and is
	 * gone with its process. */
	r->accepted = r->accepted || strcmp(word, "journaling") != 0;
	if (strcmp(word, "running") == 0) {
		r->started = js_wall(report, "started_at");
		run_set_state(r, RUN_RUNNING, NULL);
	} else if (r->state == RUN_UNKNOWN)
		run_set_state(r, RUN_DISPATCHED, NULL);
	if (r->aborting)
		dispatch_send_abort(b, r);
}

/* ---- who waits for an end ---- */

void
outcome_watch(struct broker *b, int64_t run, outcome_ended *ended, void *arg)
{
	struct watcher *w = mem_zero(1, sizeof(*w));

	w->run = run;
	w->ended = ended;
	w->arg = arg;
	w->next = b->watchers;
	b->watchers = w;
}

void
outcome_unwatch(struct broker *b, void *arg)
{
	struct watcher **link = &b->watchers;

	while (*link != NULL) {
		struct watcher *w = *link;

		if (w->arg == arg) {
			*link = w->next;
			free(w);
		} else
			link = &w->next;
	}
}

void
outcome_free(struct broker *b)
{
	while (b->watchers != NULL) {
		struct watcher *w = b->watchers;

		b->watchers = w->next;
		free(w);
	}
}
