#include "node/alone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/order.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/spool.h"

enum {
	AT_ONCE = 1000,		/* fires of one commit */
	RETRY_MS = 1000,	/* after what could not be stored */
	ALERT_MS = 600000	/* for how long it is said afterwards */
};

struct rest {
	char queue[80];
	mono until;
};

/* What waits for one commit. */
struct made {
	int64_t run;
	char	job[64];
	wall	first;
	bool	fresh;		/* in the spool since this turn */
	bool	started;	/* and in the journal */
};

struct alone {
	struct store		*store;
	struct runs		*runs;
	struct watch		*watch;
	struct spool		*spool;
	char			 cluster[40], name[64];
	const struct alone_ops	*ops;
	void			*ctx;
	struct queue_def	*queues;
	size_t			 nqueues;
	json_t			*labels;
	struct rest		*rests;
	size_t			 nrests;
	bool			 on, full;
	mono			 retry;
	mono			 said;		/* the alert afterwards */
	int64_t			 told;
	/* of one turn */
	const struct alone_turn *t;
	struct batch		*batch;
	struct made		*made;
	size_t			 nmade;
};

static void
queues_clear(struct alone *a)
{
	for (size_t i = 0; i < a->nqueues; i++)
		queue_def_clear(&a->queues[i]);
	free(a->queues);
	a->queues = NULL;
	a->nqueues = 0;
}

struct alone *
alone_new(struct store *store, struct runs *runs, struct watch *watch,
    const char *cluster, const struct alone_ops *ops, void *ctx)
{
	struct alone *a = mem_zero(1, sizeof(*a));

	a->store = store;
	a->runs = runs;
	a->watch = watch;
	a->spool = spool_new(store, cluster);
	a->ops = ops;
	a->ctx = ctx;
	(void)MEM_STR(a->cluster, cluster);
	(void)MEM_STR(a->name, cluster);
	return a;
}

void
alone_free(struct alone *a)
{
	if (a == NULL)
		return;
	if (spool_count(a->spool) > 0)
		log_warn("alone", "cluster=%s entries=%zu that its broker was "
		    "not told of stay in the spool", a->name,
		    spool_count(a->spool));
	if (a->on || a->full)
		a->ops->alert(a->ctx, "alone", NULL);
	if (a->full)
		a->ops->alert(a->ctx, "spool_full", NULL);
	spool_free(a->spool);
	queues_clear(a);
	json_decref(a->labels);
	free(a->rests);
	free(a->made);
	free(a);
}

void
alone_catalogue(struct alone *a, const json_t *replica)
{
	const json_t *list = json_object_get(replica, "queues");

	queues_clear(a);
	a->queues = mem_zero(json_array_size(list) + 1, sizeof(*a->queues));
	for (size_t i = 0; i < json_array_size(list); i++)
		if (queue_of_json(json_array_get(list, i), NULL,
		        &a->queues[a->nqueues], NULL) == 0)
			a->nqueues++;
}

void
alone_settings(struct alone *a, const json_t *settings)
{
	json_t *labels = json_object_get(settings, "labels");

	(void)MEM_STR(a->name, js_str(settings, "cluster_name", a->name));
	if (!json_is_array(labels))
		return;
	json_decref(a->labels);
	a->labels = json_deep_copy(labels);
}

/* ---- what it may ---- */

/* The first rule whose members are there, and this node is all there is. */
static const struct queue_rule *
rule_of(const struct alone *a, const char *queue)
{
	static const struct queue_rule private_rule = { .max_parallel = 1 };
	const struct queue_def *q = NULL;

	if (queue == NULL)
		return &private_rule;
	for (size_t i = 0; i < a->nqueues; i++)
		if (strcmp(a->queues[i].name, queue) == 0)
			q = &a->queues[i];
	for (size_t i = 0; q != NULL && i < q->nrules; i++)
		if (q->rules[i].run_on != QUEUE_BROKER_ONLY &&
		    q->rules[i].needs_agents <= 1)
			return &q->rules[i];
	return NULL;
}

static bool
has_label(const struct alone *a, const char *label)
{
	for (size_t i = 0; i < json_array_size(a->labels); i++) {
		const char *l = json_string_value(json_array_get(a->labels, i));

		if (l != NULL && strcmp(l, label) == 0)
			return true;
	}
	return false;
}

static bool
may(void *ctx, const struct job *j)
{
	const struct alone *a = ctx;
	const struct queue_rule *rule = rule_of(a, j->queue);

	for (size_t i = 0; i < j->requires.n; i++)
		if (!has_label(a, j->requires.v[i]))
			return false;
	return j->distribution == JOB_LOCAL && rule != NULL &&
	    rule->max_parallel > 0;
}

/* ---- slots ---- */

struct tally {
	const struct alone *a;
	const char	   *job;	/* of this name */
	const char	   *queue;	/* or of this shared queue */
	const char	   *occ;
	int64_t		    jobs, queued;
	bool		    seen;	/* a run of this occurrence */
};

static void
on_tally(void *arg, int64_t run, int64_t attempt, const json_t *item,
    enum runs_state state)
{
	struct tally *t = arg;
	const char *job = js_str(item, "job", "");
	const struct job *def = watch_job(t->a->watch, job, NULL);
	bool same = strcmp(job, t->job) == 0;

	(void)run;
	(void)attempt;
	if (same && t->occ != NULL &&
	    strcmp(js_str(item, "occurrence", ""), t->occ) == 0)
		t->seen = true;
	if (state != RUNS_LIVE)
		return;
	t->jobs += same;
	if (t->queue == NULL)
		t->queued += same;
	else if (def != NULL && def->queue != NULL)
		t->queued += strcmp(def->queue, t->queue) == 0;
}

static struct tally
tally(const struct alone *a, const struct job *j, const char *occ)
{
	struct tally t = { a, j->name, j->queue, occ, 0, 0, false };

	runs_each(a->runs, a->cluster, on_tally, &t);
	return t;
}

static void
queue_key(char key[80], const struct job *j)
{
	(void)snprintf(key, 80, "%s:%s", j->queue != NULL ? "queue" : "job",
	    j->queue != NULL ? j->queue : j->name);
}

static int64_t
resting(struct alone *a, const struct job *j)
{
	char key[80];
	int64_t n = 0;

	queue_key(key, j);
	for (size_t i = 0; i < a->nrests;) {
		if (a->rests[i].until.us <= a->t->now.mono.us) {
			a->rests[i] = a->rests[--a->nrests];
			continue;
		}
		n += strcmp(a->rests[i++].queue, key) == 0;
	}
	return n;
}

static bool
has_slot(struct alone *a, const struct job *j)
{
	const struct queue_rule *rule = rule_of(a, j->queue);
	struct tally t;

	if (rule == NULL ||
	    (a->t->cap > 0 && runs_running(a->runs) >= a->t->cap))
		return false;
	t = tally(a, j, NULL);
	if (j->overlap == JOB_OVERLAP_QUEUE && t.jobs > 0)
		return false;
	return t.queued + resting(a, j) < rule->max_parallel;
}

struct ending {
	struct alone *a;
	int64_t	      run, attempt;
	struct now    now;
};

static void
on_ending(void *arg, int64_t run, int64_t attempt, const json_t *item,
    enum runs_state state)
{
	struct ending *e = arg;
	struct alone *a = e->a;
	const struct job *j;
	const struct queue_rule *rule;

	if (run != e->run || attempt != e->attempt || state != RUNS_ENDED)
		return;
	j = watch_job(a->watch, js_str(item, "job", ""), NULL);
	rule = j != NULL ? rule_of(a, j->queue) : NULL;
	if (rule == NULL || rule->min_gap <= 0)
		return;
	a->rests = mem_grow(a->rests, (a->nrests + 1) * sizeof(*a->rests));
	queue_key(a->rests[a->nrests].queue, j);
	a->rests[a->nrests++].until = mono_add_ms(e->now.mono, rule->min_gap);
}

void
alone_ended(struct alone *a, int64_t run, int64_t attempt, struct now now)
{
	struct ending e = { a, run, attempt, now };

	if (a->on)
		runs_each(a->runs, a->cluster, on_ending, &e);
}

/* ---- firing ---- */

static void
note(struct alone *a, const struct spool_entry *e, bool fresh, bool started)
{
	struct made *m;

	a->made = mem_grow(a->made, (a->nmade + 1) * sizeof(*a->made));
	m = &a->made[a->nmade++];
	*m = (struct made){ .run = e->run, .first = e->first, .fresh = fresh,
		.started = started };
	(void)MEM_STR(m->job, e->job);
}

static void
make(struct alone *a, const struct spool_entry *e, const json_t *doc)
{
	char occ[CLOCK_RFC3339];
	json_t *item = order_json(e->run, 1, e->job,
	    clock_rfc3339(e->first, occ), doc);

	runs_make(a->runs, a->cluster, a->name, item, a->batch);
	json_decref(item);
}

/* Those that found no slot before. */
static void
start_waiting(struct alone *a)
{
	for (struct spool_entry *e = spool_first(a->spool);
	     e != NULL && a->nmade < AT_ONCE; e = e->hh.next) {
		const struct job *j;
		const json_t *doc;
		char occ[CLOCK_RFC3339];

		if (e->skip != NULL || runs_state(a->runs, a->cluster, e->run,
		    1) != RUNS_NONE)
			continue;
		j = watch_job(a->watch, e->job, &doc);
		if (j == NULL || !has_slot(a, j) ||
		    tally(a, j, clock_rfc3339(e->first, occ)).seen)
			continue;
		make(a, e, doc);
		note(a, e, false, true);
	}
}

static void
on_replace(void *arg, int64_t run, int64_t attempt, const json_t *item,
    enum runs_state state)
{
	struct tally *t = arg;
	const struct alone *a = t->a;

	if (state == RUNS_LIVE && strcmp(js_str(item, "job", ""), t->job) == 0)
		runs_abort(a->runs, a->cluster, run, attempt,
		    js_int(item, "grace_ms", 10000));
}

/* NULL, or why it is not to run. */
static const char *
skips(struct alone *a, const struct watch_fire *f, struct tally *t)
{
	if (f->act.what != MISFIRE_FIRE)
		return f->act.reason != NULL ? f->act.reason
					     : "misfire policy";
	if (t->jobs == 0)
		return NULL;
	if (f->job->overlap == JOB_OVERLAP_SKIP)
		return "an earlier run of the job goes on (overlap skip)";
	if (f->job->overlap == JOB_OVERLAP_REPLACE)
		runs_each(a->runs, a->cluster, on_replace, t);
	return NULL;
}

static bool
full(struct alone *a)
{
	if (!spool_full(a->spool))
		return false;
	if (!a->full) {
		char text[320];

		a->full = true;
		(void)snprintf(text, sizeof(text), "the spool of runs without "
		    "the broker is full (%d): nothing more is fired here until "
		    "%s is back; what comes due is caught up then", SPOOL_MAX,
		    a->t->broker);
		log_error("alone", "cluster=%s %s", a->name, text);
		a->ops->alert(a->ctx, "spool_full", text);
	}
	return true;
}

static bool
on_due(void *ctx, const struct watch_fire *f)
{
	struct alone *a = ctx;
	struct spool_entry *e;
	char occ[CLOCK_RFC3339];
	struct tally t;
	const char *skip;
	bool start;

	if (a->nmade >= AT_ONCE || full(a))
		return false;
	if (spool_has(a->spool, f->job->name, f->act.first))
		return true;
	t = tally(a, f->job, clock_rfc3339(f->act.first, occ));
	if (t.seen)			/* the broker had it, and sent it */
		return true;
	skip = skips(a, f, &t);
	e = spool_add(a->spool, a->t->epoch, f->job->name, &f->act, skip,
	    a->t->now.wall, a->batch);
	if (e == NULL)
		return false;
	start = skip == NULL && has_slot(a, f->job);
	if (start)
		make(a, e, f->doc);
	log_debug("alone", "cluster=%s run=%lld job=%s occurrence=%s %s",
	    a->name, (long long)e->run, e->job, occ,
	    skip != NULL ? "skipped" : start ? "started" : "waits");
	note(a, e, true, start);
	return true;
}

static void
settle_made(struct alone *a, bool stored)
{
	for (size_t i = 0; i < a->nmade; i++) {
		struct made *m = &a->made[i];
		struct spool_entry *e = spool_get(a->spool, m->run);

		if (m->started)
			runs_made(a->runs, a->cluster, m->run, stored);
		if (stored || !m->fresh)
			continue;
		if (e != NULL)
			spool_undo(a->spool, e);
		watch_back(a->watch, m->job, m->first, a->t->now);
	}
	a->nmade = 0;
}

static void
fire(struct alone *a)
{
	enum store_rc rc;

	a->batch = batch_new();
	start_waiting(a);
	(void)watch_alone(a->watch, a->t->now, on_due, a);
	if (a->nmade == 0) {
		batch_free(a->batch);
		return;
	}
	/* On disk before anything starts; the link is down, so that nobody
	 * waits for this loop but an operator at this node. */
	rc = store_write(a->store, a->batch);
	if (rc != STORE_OK) {
		log_error("alone", "cluster=%s nothing is fired: the store "
		    "takes no writes (%s)", a->name, store_rc_word(rc));
		a->retry = mono_add_ms(a->t->now.mono, RETRY_MS);
	}
	settle_made(a, rc == STORE_OK);
}

/* ---- turns ---- */

static void
begin(struct alone *a)
{
	char text[320];

	a->on = true;
	watch_choose(a->watch, may, a);
	(void)snprintf(text, sizeof(text), "the broker %s is not reachable and "
	    "the lease has run out: this node goes on with its own local runs "
	    "(on_broker_loss = continue)", a->t->broker);
	log_warn("alone", "cluster=%s epoch=%lld %s", a->name,
	    (long long)a->t->epoch, text);
	a->ops->alert(a->ctx, "alone", text);
}

static void
end(struct alone *a)
{
	a->on = false;
	a->nrests = 0;
	log_warn("alone", "cluster=%s entries=%zu no more by itself",
	    a->name, spool_count(a->spool));
	if (spool_count(a->spool) == 0)
		a->ops->alert(a->ctx, "alone", NULL);
}

static mono
next_turn(const struct alone *a)
{
	mono next = watch_retry(a->watch), now = a->t->now.mono;
	wall due = watch_alone_next(a->watch);

	if (due.ms != WALL_NEVER.ms)
		next = mono_min(next, mono_add_ms(now, due.ms >
		    a->t->now.wall.ms ? due.ms - a->t->now.wall.ms : 1));
	for (size_t i = 0; i < a->nrests; i++)
		next = mono_min(next, a->rests[i].until);
	if (a->retry.us > now.us)
		return a->retry;
	return next;
}

mono
alone_turn(struct alone *a, const struct alone_turn *t)
{
	mono next = MONO_NEVER;

	a->t = t;
	if (a->said.us != 0 && a->said.us <= t->now.mono.us) {
		a->said.us = 0;
		a->ops->alert(a->ctx, "went_on_alone", NULL);
	} else if (a->said.us != 0)
		next = a->said;
	if (!t->on) {
		if (a->on)
			end(a);
		return next;
	}
	if (!a->on)
		begin(a);
	if (t->refuses != NULL && a->retry.us <= t->now.mono.us) {
		a->retry = mono_add_ms(t->now.mono, RETRY_MS);
		log_warn("alone", "cluster=%s nothing is fired: %s",
		    a->name, t->refuses);
	}
	if (a->retry.us <= t->now.mono.us)
		fire(a);
	return mono_min(next, next_turn(a));
}

bool
alone_on(const struct alone *a)
{
	return a->on;
}

/* ---- telling ---- */

size_t
alone_untold(const struct alone *a)
{
	return spool_count(a->spool);
}

json_t *
alone_numbers(const struct alone *a)
{
	const struct spool_entry *e = spool_first(a->spool);
	json_t *list = json_array();

	while (e != NULL) {
		int64_t from = e->run, to = from;

		while ((e = e->hh.next) != NULL && e->run == to + 1)
			to++;
		(void)json_array_append_new(list, json_pack("[I,I]",
		    (json_int_t)from, (json_int_t)to));
	}
	return list;
}

bool
alone_holds(const struct alone *a, int64_t run)
{
	return order_is_alone(run) && spool_get(a->spool, run) != NULL;
}

enum alone_did
alone_did(const struct alone *a, const char *job, const char *occurrence)
{
	for (const struct spool_entry *e = spool_first(a->spool); e != NULL;
	     e = e->hh.next) {
		char occ[CLOCK_RFC3339];
		enum runs_state state;

		if (e->skip != NULL || strcmp(e->job, job) != 0 ||
		    strcmp(clock_rfc3339(e->first, occ), occurrence) != 0)
			continue;
		state = runs_state(a->runs, a->cluster, e->run, 1);
		return state == RUNS_DOUBT ? ALONE_IN_DOUBT
		    : state == RUNS_LIVE || state == RUNS_ENDED ? ALONE_DID
							       : ALONE_DID_NOT;
	}
	return ALONE_DID_NOT;
}

json_t *
alone_slice(struct alone *a, size_t most)
{
	json_t *list = json_array();

	for (struct spool_entry *e = spool_first(a->spool);
	     e != NULL && json_array_size(list) < most; e = e->hh.next) {
		enum runs_state state = runs_state(a->runs, a->cluster, e->run,
		    1);

		if (state == RUNS_DOUBT)
			break;
		if (state == RUNS_HELD)	/* it never started: not here */
			runs_settled(a->runs, a->cluster, e->run, 1, true);
		(void)json_array_append_new(list, spool_json(e,
		    e->skip != NULL ? "skip" : state == RUNS_LIVE ||
		    state == RUNS_ENDED ? "start" : "wait"));
	}
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

static void
all_told(struct alone *a, struct now now)
{
	char text[160];

	if (a->full)
		a->ops->alert(a->ctx, "spool_full", NULL);
	a->full = false;
	a->ops->alert(a->ctx, "alone", NULL);
	a->ops->alert(a->ctx, "went_on_alone", NULL);
	(void)snprintf(text, sizeof(text), "this node went on without the "
	    "broker: %lld occurrences are on its record now",
	    (long long)a->told);
	log_warn("alone", "cluster=%s %s", a->name, text);
	a->ops->alert(a->ctx, "went_on_alone", text);
	a->said = mono_add_ms(now.mono, ALERT_MS);
	a->told = 0;
}

void
alone_told(struct alone *a, const json_t *result, struct now now)
{
	const json_t *list = json_object_get(result, "entries");
	struct batch *batch = batch_new();
	bool any = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		int64_t run = js_int(o, "run", 0);
		struct spool_entry *e = spool_get(a->spool, run);

		if (e == NULL)
			continue;
		if (js_str(o, "refused", NULL) != NULL)
			log_error("alone", "cluster=%s run=%lld job=%s the "
			    "broker does not record it: %s", a->name,
			    (long long)run, e->job, js_str(o, "refused", ""));
		else
			a->told++;
		spool_drop(a->spool, e, batch);
		any = true;
		runs_tell(a->runs, a->cluster, run, 1);
	}
	if (!any) {
		batch_free(batch);
		return;
	}
	/* Lost with a crash it is told once more, and known. */
	store_submit(a->store, batch, NULL, NULL);
	if (spool_count(a->spool) == 0)
		all_told(a, now);
}
