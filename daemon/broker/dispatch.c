#include "broker/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "broker/placing.h"
#include "broker/queue.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "text.h"

enum { RETRY_MS = 1000, BATCH = 64, QUEUE_MAX = 100000 };

struct watcher {
	int64_t		run;
	dispatch_ended *ended;
	void	       *arg;
	struct watcher *next;
};

struct live_key {
	int64_t id, attempt;
};

struct dispatch {
	struct run     *live;		/* hash by (id, attempt) */
	struct queue   *queues;
	struct watcher *watchers;
	int64_t		next_id;
	bool		dirty;		/* something may be placed now */
	mono		retry;		/* ends that could not be stored */
	struct broker  *b;
};

/* ---- the table of live runs ---- */

static struct run *
live_get(const struct dispatch *d, int64_t id, int64_t attempt)
{
	struct live_key key = { id, attempt };
	struct run *r;

	HASH_FIND(hh, d->live, &key, sizeof(key), r);
	return r;
}

static void
live_add(struct dispatch *d, struct run *r)
{
	_Static_assert(offsetof(struct run, attempt) ==
	        offsetof(struct run, id) + sizeof(int64_t), "key of a run");
	HASH_ADD(hh, d->live, id, sizeof(struct live_key), r);
}

static bool
holds_slot(const struct run *r)
{
	return r->state == RUN_DISPATCHED || r->state == RUN_RUNNING ||
	    r->state == RUN_UNKNOWN;
}

static struct queue *
queue_for(struct dispatch *d, const struct run *r)
{
	return queue_of(&d->queues, r->spec, r->job);
}

static struct member *
agent_of(const struct broker *b, const struct run *r)
{
	return r->agent[0] != '\0' ? roster_by_name(b->roster, r->agent) : NULL;
}

static void
live_drop(struct broker *b, struct run *r)
{
	struct dispatch *d = b->dispatch;
	struct member *m = agent_of(b, r);

	if (holds_slot(r)) {
		queue_give(b, queue_for(d, r));
		if (m != NULL && m->sent > 0)
			m->sent--;
	} else
		queue_remove(queue_for(d, r), r);
	HASH_DEL(d->live, r);
	d->dirty = true;
}

static int
on_live(const struct row *row, void *arg)
{
	struct dispatch *d = arg;
	struct run *r = run_of_live(row);

	live_add(d, r);
	if (r->state == RUN_DISPATCHED || r->state == RUN_RUNNING)
		run_set_state(r, RUN_UNKNOWN, "the broker was restarted");
	r->since = d->b->now.mono;
	if (holds_slot(r)) {
		struct member *m = agent_of(d->b, r);

		queue_take(queue_for(d, r));
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

struct dispatch *
dispatch_load(struct broker *b)
{
	struct dispatch *d = mem_zero(1, sizeof(*d));

	d->b = b;
	d->next_id = 1;
	b->dispatch = d;
	(void)store_query(b->store, S_RUN_MAX_ID, on_max, &d->next_id, "");
	(void)store_query(b->store, S_RUN_LIVE_ALL, on_live, d, "");
	d->dirty = true;
	return d;
}

void
dispatch_free(struct dispatch *d)
{
	struct run *r, *tmp;

	if (d == NULL)
		return;
	HASH_ITER(hh, d->live, r, tmp) {
		HASH_DEL(d->live, r);
		run_free(r);
	}
	queues_free(&d->queues);
	while (d->watchers != NULL) {
		struct watcher *w = d->watchers;

		d->watchers = w->next;
		free(w);
	}
	free(d);
}

/* ---- sending ---- */

static void
send_dispatch(struct broker *b, struct run *r)
{
	struct member *m = agent_of(b, r);
	json_t *item;

	if (m == NULL || m->session == NULL)
		return;
	item = json_pack("{s:I,s:I,s:s,s:s,s:I,s:I,s:I}", "run",
	    (json_int_t)r->id, "attempt", (json_int_t)r->attempt, "job", r->job,
	    "occurrence", r->occ, "timeout_ms",
	    (json_int_t)(js_num(r->spec, "timeout", 0) * 1000), "grace_ms",
	    (json_int_t)(js_num(r->spec, "grace", 10) * 1000), "output_max",
	    (json_int_t)js_int(r->spec, "output_limit", 1 << 20));
	for (const char *const *k = (const char *const[]){ "command", "shell",
		 "user", "directory", "environment", NULL }; *k != NULL; k++) {
		json_t *v = json_object_get(r->spec, *k);

		if (v != NULL)
			(void)json_object_set(item, *k, v);
	}
	(void)roster_send(m, "link.dispatch", item);
	if (r->aborting)
		(void)roster_send(m, "link.abort", json_pack("{s:I,s:I,s:I}",
		    "run", (json_int_t)r->id, "attempt", (json_int_t)r->attempt,
		    "grace", (json_int_t)(js_num(r->spec, "grace", 10) *
		    1000)));
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

	if (r->state == RUN_WAITING && r->due.ms > b->now.wall.ms)
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
	queue_take(q);
	run_set_state(r, RUN_DISPATCHED, NULL);
	return true;
}

static struct run *
make_one(struct broker *b, const struct cat_job *j, const char *occ,
    const char *cause, json_t *spec, const char *agent, struct batch *batch)
{
	struct dispatch *d = b->dispatch;
	struct run *r = run_new(d->next_id++, 1, j->def.name, occ, cause, spec);

	r->epoch = scheduler_epoch(b);
	r->queued = b->now.wall;
	if (agent != NULL)
		(void)MEM_STR(r->agent, agent);
	live_add(d, r);
	if (!try_place(b, r))
		queue_push(queue_for(d, r), r);
	run_store_new(r, batch);
	return r;
}

struct run_set
dispatch_make(struct broker *b, struct cat_job *j, const char *occ,
    const char *cause, struct member *fired, json_t *spec, struct batch *batch)
{
	struct run_set set = { 0 };
	struct member **at;
	size_t n = placing_spread(b, &j->def, fired, &at);

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
				send_dispatch(b, r);
		} else {
			live_drop(b, r);
			run_free(r);
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
	struct run *r = run_new(id, 1, j->def.name, occ, cause, j->doc);

	r->queued = r->ended = b->now.wall;
	r->epoch = scheduler_epoch(b);
	run_set_state(r, state, reason);
	run_store_end(r, batch, "", 0);
	run_free(r);
	return id;
}

/* ---- ends ---- */

/* One outcome on its way to the disk, with what follows from it. */
struct ending {
	struct broker *b;
	int64_t	       id, attempt;
	int64_t	       member;		/* to be told that it is settled, or 0 */
	struct run_set next;		/* chains and the next attempt */
	bool	       again;		/* there is a next attempt */
};

static void
settled(struct broker *b, const struct member *m, int64_t id, int64_t attempt)
{
	(void)b;
	if (m != NULL)
		(void)roster_send(m, "link.settled", json_pack("{s:I,s:I}",
		    "run", (json_int_t)id, "attempt", (json_int_t)attempt));
}

static void
tell_watchers(struct broker *b, const struct run *r)
{
	struct watcher **link = &b->dispatch->watchers;
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
		link = &b->dispatch->watchers;
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

static void
on_ended(enum store_rc rc, void *arg)
{
	struct ending *e = arg;
	struct broker *b = e->b;
	struct run *r = live_get(b->dispatch, e->id, e->attempt);

	dispatch_stored(b, &e->next, rc);
	if (r != NULL && rc == STORE_OK) {
		if (e->member != 0)
			settled(b, roster_by_id(b->roster, e->member), e->id,
			    e->attempt);
		remember_last(b, r);
		if (!e->again)
			tell_watchers(b, r);
		HASH_DEL(b->dispatch->live, r);
		run_free(r);
	} else if (r != NULL && rc != STORE_DOWN) {
		/* The agent keeps the result until it is told: ask again. */
		log_error("run", "run=%lld its end could not be stored: %s",
		    (long long)e->id, store_rc_word(rc));
		r->ended.ms = 0;
		run_set_state(r, RUN_UNKNOWN, "its end could not be stored yet");
		r->since = b->now.mono;
		b->dispatch->retry = mono_add_ms(b->now.mono, RETRY_MS);
	}
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
	const json_t *retries = json_object_get(r->spec, "retries");
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
	if (!placing_moves(r->spec))
		(void)MEM_STR(next->agent, r->agent);
	run_set_state(next, RUN_WAITING, "for its next attempt");
	live_add(b->dispatch, next);
	queue_push(queue_for(b->dispatch, next), next);
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
	char occ[40], cause[160];
	struct run_set set;

	if (j == NULL || !j->def.enabled)
		return;
	(void)snprintf(occ, sizeof(occ), "after:%lld", (long long)r->id);
	(void)snprintf(cause, sizeof(cause), "after %s %s", r->job,
	    run_state_word(r->state));
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, occ,
	    b->dispatch->next_id);
	set = dispatch_make(b, j, occ, cause, agent_of(b, r), j->doc, batch);
	e->next.v = mem_grow(e->next.v,
	    (e->next.n + set.n) * sizeof(*e->next.v));
	memcpy(e->next.v + e->next.n, set.v, set.n * sizeof(*set.v));
	e->next.n += set.n;
	free(set.v);
}

/* Chains are decided at the broker, in the transaction of the outcome (SPEC
 * section 4). */
static void
make_chains(struct broker *b, const struct run *r, struct ending *e,
    struct batch *batch)
{
	const json_t *list = json_object_get(r->spec,
	    r->state == RUN_SUCCEEDED ? "on_success" : "on_failure");
	struct cat_job *j, *tmp;

	for (size_t i = 0; i < json_array_size(list); i++)
		chain_one(b, r, catalog_job(b->catalog, json_string_value(
		    json_array_get(list, i))), e, batch);
	HASH_ITER(hh, b->catalog->jobs, j, tmp)
		for (size_t i = 0; i < j->def.ntriggers; i++) {
			const struct job_trigger *t = &j->def.triggers[i];

			if (t->kind != JOB_AFTER || strcmp(t->after, r->job) !=
			    0 || j->paused)
				continue;
			for (unsigned k = 0; k < JOB_NOUTCOMES; k++)
				if ((t->on >> k & 1) != 0 &&
				    strcmp(job_outcome_word((enum job_outcome)
				        k), run_state_word(r->state)) == 0)
					chain_one(b, r, j, e, batch);
		}
}

/* The run has ended: everything that follows is one transaction. */
static void
end_run(struct broker *b, struct run *r, enum run_state state,
    const char *reason, const struct member *m, const char *output, size_t len)
{
	struct ending *e = mem_zero(1, sizeof(*e));
	struct batch *batch = batch_new();
	struct member *at = agent_of(b, r);

	if (holds_slot(r)) {
		queue_give(b, queue_for(b->dispatch, r));
		if (at != NULL && at->sent > 0)
			at->sent--;
	} else
		queue_remove(queue_for(b->dispatch, r), r);
	b->dispatch->dirty = true;
	run_set_state(r, state, reason);
	if (r->ended.ms == 0)
		r->ended = b->now.wall;
	e->b = b;
	e->id = r->id;
	e->attempt = r->attempt;
	e->member = m != NULL ? m->id : 0;
	run_store_end(r, batch, output, len);
	make_retry(b, r, e, batch);
	if (!e->again)
		make_chains(b, r, e, batch);
	store_submit(b->store, batch, on_ended, e);
}

/* ---- reports ---- */

static enum run_state
outcome_of(const struct run *r, const json_t *report)
{
	const char *word = js_str(report, "state", "");
	int64_t code = js_int(report, "code", -1);
	const json_t *codes = json_object_get(r->spec, "success_codes");

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
	end_run(b, r, state, js_str(report, "reason", NULL), m,
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
	json_t *spec;

	if (row_int(row, 1) != l->attempt || row_int(row, 13) != 0 ||
	    strcmp(row_text(row, 6), "lost") != 0)
		return 0;
	spec = row_text(row, 16) != NULL ? json_loads(row_text(row, 16), 0,
	    NULL) : NULL;
	r = run_new(row_int(row, 0), l->attempt, row_text(row, 2),
	    row_text(row, 3), row_text(row, 4),
	    spec != NULL ? spec : json_object());
	json_decref(spec);
	(void)MEM_STR(r->agent, row_text(row, 5));
	r->queued.ms = row_int(row, 9);
	r->epoch = row_int(row, 12);
	r->late = true;
	r->stored = true;
	run_set_state(r, RUN_UNKNOWN, NULL);
	queue_take(queue_for(l->b->dispatch, r));
	l->m->sent++;
	live_add(l->b->dispatch, r);
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

	if (report_is_end(report) &&
	    strcmp(js_str(report, "state", ""), "lost") != 0)
		(void)store_query(b->store, S_RUN_HIST_GET, on_late, &l, "i",
		    js_int(report, "run", 0));
	if (!l.taken && (report_is_end(report) ||
			    strcmp(js_str(report, "state", ""), "held") == 0))
		settled(b, m, js_int(report, "run", 0), l.attempt);
}

void
dispatch_report(struct broker *b, struct member *m, const json_t *report)
{
	struct run *r = live_get(b->dispatch, js_int(report, "run", 0),
	    js_int(report, "attempt", 0));
	const char *word = js_str(report, "state", "");

	if (r == NULL || strcmp(r->agent, m->name) != 0) {
		late_report(b, m, report);
		return;
	}
	if (run_ended(r->state) || !r->stored)
		return;			/* its end is on its way to the disk */
	if (report_is_end(report)) {
		take_end(b, m, r, report);
		return;
	}
	if (strcmp(word, "held") == 0) {
		run_set_state(r, RUN_DISPATCHED, NULL);
		send_dispatch(b, r);
		return;
	}
	r->accepted = true;
	if (strcmp(word, "running") == 0) {
		r->started = js_wall(report, "started_at");
		run_set_state(r, RUN_RUNNING, NULL);
	} else if (r->state == RUN_UNKNOWN)
		run_set_state(r, RUN_DISPATCHED, NULL);
	if (r->aborting)
		(void)roster_send(m, "link.abort", json_pack("{s:I,s:I,s:I}",
		    "run", (json_int_t)r->id, "attempt", (json_int_t)r->attempt,
		    "grace", (json_int_t)(js_num(r->spec, "grace", 10) *
		    1000)));
}

/* ---- agents come and go ---- */

static bool
listed(const json_t *runs, const struct run *r)
{
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *o = json_array_get(runs, i);

		if (js_int(o, "run", 0) == r->id &&
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

	HASH_ITER(hh, b->dispatch->live, r, tmp) {
		if (strcmp(r->agent, m->name) != 0 || !holds_slot(r) ||
		    !r->stored || listed(runs, r))
			continue;
		if (r->accepted)
			end_run(b, r, RUN_LOST, "the agent's journal does not "
			    "hold it (restored from a backup?)", NULL, "", 0);
		else {
			run_set_state(r, RUN_DISPATCHED, NULL);
			send_dispatch(b, r);
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

	HASH_ITER(hh, b->dispatch->live, r, tmp)
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
	HASH_ITER(hh, b->dispatch->live, r, tmp)
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

	HASH_ITER(hh, b->dispatch->live, r, tmp)
		if (r->stored && !run_ended(r->state) &&
		    strcmp(r->agent, m->name) == 0)
			end_run(b, r, RUN_LOST, why, NULL, "", 0);
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
		struct member *m;

		if (rc == STORE_OK) {
			if (r->state == RUN_DISPATCHED)
				send_dispatch(p->b, r);
			continue;
		}
		if (rc == STORE_DOWN)
			continue;
		m = agent_of(p->b, r);
		if (m != NULL && m->sent > 0)
			m->sent--;
		queue_give(p->b, queue_for(p->b->dispatch, r));
		run_set_state(r, RUN_QUEUED, "the broker's store takes no "
		    "writes (disk full?)");
		queue_push(queue_for(p->b->dispatch, r), r);
		p->b->dispatch->retry = mono_add_ms(p->b->now.mono, RETRY_MS);
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
	HASH_ITER(hh, d->queues, q, tmp) {
		struct run *r = q->head, *next;

		for (; r != NULL && p->set.n < BATCH; r = next) {
			next = r->qnext;
			if (!r->stored || !try_place(b, r))
				continue;
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

/* Deadlines of single runs: unknown for too long, nobody to run it. */
static mono
watch_runs(struct broker *b)
{
	struct run *r, *tmp;
	mono next = MONO_NEVER;

	HASH_ITER(hh, b->dispatch->live, r, tmp) {
		char why[256];
		int64_t left;

		if (!r->stored)
			continue;
		if (r->state == RUN_UNKNOWN) {
			mono until = mono_add_ms(r->since, b->set.lost_after);

			if (until.us <= b->now.mono.us)
				end_run(b, r, RUN_LOST, "its agent was not "
				    "heard for lost_after", NULL, "", 0);
			else
				next = mono_min(next, until);
		} else if (r->state == RUN_WAITING || r->state == RUN_QUEUED) {
			left = placing_patience(b, r, why, sizeof(why));
			if (left == 0)
				end_run(b, r, RUN_MISSED, why, NULL, "", 0);
			else if (left > 0)
				next = mono_min(next, mono_add_ms(b->now.mono,
				    left));
			if (r->due.ms > b->now.wall.ms)
				next = mono_min(next, mono_add_ms(b->now.mono,
				    r->due.ms - b->now.wall.ms));
			else if (r->due.ms != 0) {
				r->due.ms = 0;
				b->dispatch->dirty = true;
			}
		}
	}
	return next;
}

mono
dispatch_turn(struct broker *b)
{
	struct dispatch *d = b->dispatch;
	mono next = MONO_NEVER;

	if (d->live == NULL)
		return next;
	if (d->retry.us != 0 && d->retry.us <= b->now.mono.us) {
		d->retry.us = 0;
		d->dirty = true;
		for (size_t i = 0; i < b->roster->n; i++)
			(void)roster_send(b->roster->members[i], "link.tell",
			    json_object());
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

/* ---- asked ---- */

struct run *
dispatch_find(const struct broker *b, int64_t id)
{
	struct run *best = NULL;

	for (struct run *r = b->dispatch->live; r != NULL; r = r->hh.next)
		if (r->id == id && (best == NULL || r->attempt > best->attempt))
			best = r;
	return best;
}

int
dispatch_abort(struct broker *b, struct run *r, const char *actor,
    struct err *e)
{
	struct member *m = agent_of(b, r);
	char why[160];

	(void)snprintf(why, sizeof(why), "aborted by %s", actor);
	if (!r->stored || run_ended(r->state))
		return err_set(e, ERR_BUSY, "run %lld: it is just ending",
		    (long long)r->id);
	r->aborting = true;
	if (!holds_slot(r)) {
		end_run(b, r, RUN_ABORTED, why, NULL, "", 0);
		return 0;
	}
	if (m != NULL)
		(void)roster_send(m, "link.abort", json_pack("{s:I,s:I,s:I}",
		    "run", (json_int_t)r->id, "attempt", (json_int_t)r->attempt,
		    "grace", (json_int_t)(js_num(r->spec, "grace", 10) *
		    1000)));
	return 0;
}

int64_t
dispatch_running(const struct broker *b, const char *job)
{
	int64_t n = 0;

	for (const struct run *r = b->dispatch->live; r != NULL; r = r->hh.next)
		if (holds_slot(r) && strcmp(r->job, job) == 0)
			n++;
	return n;
}

size_t
dispatch_live(const struct broker *b)
{
	return HASH_COUNT(b->dispatch->live);
}

const struct run *
dispatch_first(const struct broker *b)
{
	return b->dispatch->live;
}

struct listing {
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
	struct listing l = { f, json_array() };
	struct run **v = mem_zero(dispatch_live(b) + 1, sizeof(struct run *));
	size_t n = 0;

	for (struct run *r = b->dispatch->live; r != NULL; r = r->hh.next)
		if (r->stored && !run_ended(r->state) && same(f->job, r->job) &&
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
	json_t *attempts;
};

static int
on_show(const struct row *row, void *arg)
{
	struct showing *s = arg;

	(void)json_array_append_new(s->attempts, run_json_hist(row));
	return 0;
}

json_t *
dispatch_show(const struct broker *b, int64_t id)
{
	struct showing s = { json_array() };
	const struct run *r;
	json_t *last;

	(void)store_query(b->store, S_RUN_HIST_GET, on_show, &s, "i", id);
	for (r = b->dispatch->live; r != NULL; r = r->hh.next)
		if (r->id == id && r->stored && !run_ended(r->state))
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
