#include "broker/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "broker/dispatch.h"
#include "broker/ledger_file.h"
#include "broker/live.h"
#include "broker/outcome.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/mutant.h"
#include "js.h"
#include "log.h"
#include "mem.h"

enum {
	PASS = 1000,			/* occurrences at once */
	PAUSED = 50000			/* and counted after a pause */
};

/* One fire on its way to the disk. */
struct fire {
	struct broker *b;
	int64_t	       member;
	char	       job[64];
	wall	       first, at;
	int64_t	       run;		/* the first of its runs */
	struct run_set set;
	void (*answer)(struct broker *, int64_t, json_t *);
};

static json_t *
fire_json(const char *job, wall at)
{
	return json_pack("{s:s,s:I}", "job", job, "at", (json_int_t)at.ms);
}

static int
on_cursor(const struct row *r, void *arg)
{
	((wall *)arg)->ms = row_int(r, 0);
	return 1;
}

wall
ledger_stored(const struct broker *b, const char *job)
{
	wall at = { 0 };

	(void)store_query(b->store, S_CURSOR_GET, on_cursor, &at, "t", job);
	return at;
}

wall
ledger_cursor(struct broker *b, const char *job)
{
	struct cat_job *j = catalog_job(b->catalog, job);
	wall at = ledger_stored(b, job);

	if (j != NULL)
		j->cursor = at;
	return at;
}

void
ledger_moved(struct broker *b, const char *job, wall to)
{
	struct cat_job *j = catalog_job(b->catalog, job);

	if (j != NULL && j->cursor.ms < to.ms)
		j->cursor = to;
}

static void
on_passed(enum store_rc rc, void *arg)
{
	struct fire *f = arg;
	json_t *doc;

	if (rc != STORE_DOWN) {
		doc = fire_json(f->job, f->at);
		(void)json_object_set_new(doc, "cursor", json_integer(
		    ledger_cursor(f->b, f->job).ms));
		f->answer(f->b, f->member, doc);
	}
	free(f);
}

static int
on_run(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 1;
}

/* The run of an occurrence as it is on the disk, or 0. */
static int64_t
run_on_record(const struct broker *b, const char *job, wall at)
{
	char occ[CLOCK_RFC3339];
	int64_t run = 0;

	(void)store_query(b->store, S_OCC_GET, on_run, &run, "tt", job,
	    clock_rfc3339(at, occ));
	return run;
}

/* The last of those that follow it without a gap and have their runs, too. */
static wall
passed(struct broker *b, const char *job, wall at)
{
	const struct cat_job *j = catalog_job(b->catalog, job);

	for (int n = 0; j != NULL && n < PASS; n++) {
		wall next = due_next(j->due, at);

		if (next.ms == WALL_NEVER.ms ||
		    run_on_record(b, job, next) == 0)
			break;
		at = next;
	}
	return at;
}

/* The occurrence has its run since before the job was removed and came back,
 * or from one who had no broker, or was otherwise made to look back: the cursor
 * goes past it. */
static void
pass(struct fire *f)
{
	struct batch *batch = batch_new();
	wall from = ledger_cursor(f->b, f->job);

	batch_add(batch, S_CURSOR_MOVE, "tii", f->job, from.ms,
	    passed(f->b, f->job, f->first).ms);
	batch_must(batch);
	store_submit(f->b->store, batch, on_passed, f);
}

static void
on_moved(enum store_rc rc, void *arg)
{
	struct fire *f = arg;

	if (rc == STORE_OK)
		ledger_moved(f->b, f->job, f->at);
	else if (rc != STORE_DOWN)
		(void)ledger_cursor(f->b, f->job);
	free(f);
}

/* The same where the run is known before the disk is asked: what was sent behind
 * this one is not asked for again, a turn there and back for each. */
static json_t *
pass_over(struct broker *b, struct cat_job *j, wall at, int64_t run)
{
	struct fire *f = mem_zero(1, sizeof(*f));
	struct batch *batch = batch_new();
	wall to = passed(b, j->def.name, at);
	json_t *doc = fire_json(j->def.name, at);

	f->b = b;
	f->at = to;
	(void)MEM_STR(f->job, j->def.name);
	batch_add(batch, S_CURSOR_MOVE, "tii", f->job, j->cursor.ms, to.ms);
	batch_must(batch);
	j->cursor = to;
	store_submit(b->store, batch, on_moved, f);
	(void)json_object_set_new(doc, "run", json_integer(run));
	return doc;
}

static void
on_fired(enum store_rc rc, void *arg)
{
	struct fire *f = arg;
	json_t *doc;

	if (rc == STORE_OK)
		ledger_moved(f->b, f->job, f->at);
	outcome_stored(f->b, &f->set, rc);
	if (rc == STORE_CONFLICT) {
		pass(f);
		return;
	}
	doc = fire_json(f->job, f->at);
	if (rc == STORE_OK)
		(void)json_object_set_new(doc, "run", json_integer(f->run));
	else if (rc != STORE_DOWN) {
		wall at = ledger_cursor(f->b, f->job);

		if (rc == STORE_BUSY) {
			(void)json_object_set_new(doc, "refused", json_string(
			    "the broker's store takes no writes (disk full?)"));
			(void)json_object_set_new(doc, "code",
			    json_string("busy"));
		}
		(void)json_object_set_new(doc, "cursor", json_integer(at.ms));
	}
	if (rc != STORE_DOWN)
		f->answer(f->b, f->member, doc);
	else
		json_decref(doc);
	free(f);
}

/* Fire from here.  What is on its way to the disk comes once more then: the
 * Scheduler forgets what it is told, and a crash would lose it.  When nothing
 * is, the disk is right, and not memory: the same is not answered for ever. */
static json_t *
from_cursor(const struct broker *b, struct cat_job *j, wall at)
{
	json_t *doc = fire_json(j->def.name, at);
	wall stored = ledger_stored(b, j->def.name);

	if (store_pending(b->store) == 0)
		j->cursor = stored;
	(void)json_object_set_new(doc, "cursor", json_integer(stored.ms));
	return doc;
}

/* At or before the cursor: it was recorded, and this is its run (0: it was passed
 * over with others).  While it is on its way to the disk a promise would be
 * broken by a crash: it is asked for again.  It may be on its way because of
 * somebody else, whose answer the Scheduler never hears.  The cursor is read
 * first: it comes to the disk together with the run. */
static json_t *
already(const struct broker *b, struct cat_job *j, wall at)
{
	wall stored = ledger_stored(b, j->def.name);
	int64_t run = run_on_record(b, j->def.name, at);
	json_t *doc;

	if (run == 0 && stored.ms < at.ms)
		return from_cursor(b, j, at);
	doc = fire_json(j->def.name, at);
	(void)json_object_set_new(doc, "run", json_integer(run));
	return doc;
}

static void
record(struct broker *b, struct cat_job *j, struct member *m,
    const json_t *fire, wall at, struct fire *f)
{
	struct batch *batch = batch_new();
	const char *cause = due_cause(j->due, at);
	const char *skip = NULL;
	char occ[CLOCK_RFC3339];
	wall first = { js_int(fire, "first", at.ms) };

	if (strcmp(js_str(fire, "act", "fire"), "skip") == 0)
		skip = js_str(fire, "reason", "misfire policy");
	else
		skip = outcome_overlap(b, j);
	batch_add(batch, S_CURSOR_MOVE, "tii", j->def.name, j->cursor.ms, at.ms);
	batch_must(batch);
	j->cursor = at;
	(void)clock_rfc3339(first, occ);
	if (skip != NULL) {
		char why[256], last[CLOCK_RFC3339];
		int64_t count = js_int(fire, "count", 1);

		if (count > 1)
			(void)snprintf(why, sizeof(why),
			    "%s; %lld occurrences, the last %s", skip,
			    (long long)count, clock_rfc3339(at, last));
		else
			(void)snprintf(why, sizeof(why), "%s", skip);
		f->run = dispatch_skip(b, j, occ, cause, RUN_SKIPPED, why,
		    batch);
	} else {
		f->set = dispatch_make(b, j, occ, cause, m, j->spec, batch);
		f->run = f->set.v[0]->id;
	}
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, occ, f->run);
	store_submit(b->store, batch, on_fired, f);
}

/* It is due later by more than max_skew, or called too late by a clock that is
 * ahead by more than that: the misfire policy must pass over it by this clock as
 * well, or a Scheduler whose clock was stepped would skip what is due now. */
static bool
ahead(const struct broker *b, const struct cat_job *j, const json_t *fire,
    wall at)
{
	struct misfire_policy policy = due_misfire(&j->def);
	struct misfire_act act;
	struct misfire plan;

	if (at.ms > b->now.wall.ms + b->set.max_skew)
		return true;
	if (strcmp(js_str(fire, "act", "fire"), "skip") != 0)
		return false;
	misfire_init(&plan, &policy, due_schedule(j->due),
	    (wall){ at.ms - 1 }, (wall){ b->now.wall.ms + b->set.max_skew });
	return misfire_step(&plan, &act) != MISFIRE_PASS;
}

/* NULL when it is recorded now; else the answer. */
static json_t *
fire_one(struct broker *b, struct member *m, const json_t *fire,
    void (*answer)(struct broker *, int64_t, json_t *))
{
	const char *name = js_str(fire, "job", "");
	struct cat_job *j = catalog_job(b->catalog, name);
	wall at = { js_int(fire, "at", 0) }, first;
	json_t *doc = NULL;
	struct fire *f;
	int64_t run;

	first.ms = js_int(fire, "first", at.ms);
	if (j == NULL || !j->def.enabled || j->paused) {
		doc = fire_json(name, at);
		(void)json_object_set_new(doc, "refused", json_string(
		    j == NULL ? "the job was removed"
			      : "the job is paused or not enabled"));
		(void)json_object_set_new(doc, "code", json_string("job"));
		return doc;
	}
	if (at.ms <= j->cursor.ms && !MUTANT(MUTANT_FIRE_AGAIN))
		return already(b, j, at);
	if (ahead(b, j, fire, at)) {
		doc = from_cursor(b, j, at);
		(void)json_object_set_new(doc, "refused", json_string(
		    "it is ahead of the broker's clock by more than "
		    "max_skew"));
		(void)json_object_set_new(doc, "code", json_string("clock"));
		return doc;
	}
	if ((due_next(j->due, j->cursor).ms != first.ms &&
	        !MUTANT(MUTANT_FIRE_GAP)) || first.ms > at.ms)
		return from_cursor(b, j, at);	/* a gap */
	run = first.ms == at.ms ? run_on_record(b, name, at) : 0;
	if (run != 0 && !MUTANT(MUTANT_FIRE_AGAIN))
		return pass_over(b, j, at, run);
	f = mem_zero(1, sizeof(*f));
	f->b = b;
	f->member = m->id;
	f->first = first;
	f->at = at;
	f->answer = answer;
	(void)MEM_STR(f->job, name);
	record(b, j, m, fire, at, f);
	return NULL;
}

void
ledger_fire(struct broker *b, struct member *m, const json_t *params,
    void (*answer)(struct broker *, int64_t, json_t *))
{
	const json_t *fires = json_object_get(params, "fires");
	int64_t epoch = js_int(params, "epoch", 0);
	bool backed = b->awake && (scheduler_backs(b, m->id, epoch) ||
	    MUTANT(MUTANT_FIRE_EPOCH));

	if (!backed)
		(void)event_add(b->events, b->now.wall, SEV_WARN,
		    "fire_refused", m->name, NULL, json_pack("{s:I,s:I}",
		    "epoch", (json_int_t)epoch, "current",
		    (json_int_t)scheduler_epoch(b)),
		    "%s fired with epoch %lld, which is not the Scheduler's "
		    "(%lld): refused", m->name, (long long)epoch,
		    (long long)scheduler_epoch(b));
	for (size_t i = 0; i < json_array_size(fires); i++) {
		const json_t *fire = json_array_get(fires, i);
		json_t *doc;

		if (json_object_get(fire, "path") != NULL)
			doc = ledger_file(b, m, fire, backed, answer);
		else if (backed)
			doc = fire_one(b, m, fire, answer);
		else {
			doc = fire_json(js_str(fire, "job", ""),
			    (wall){ js_int(fire, "at", 0) });
			(void)json_object_set_new(doc, "refused",
			    json_string("the epoch is not the Scheduler's"));
			(void)json_object_set_new(doc, "code",
			    json_string("epoch"));
		}
		if (doc != NULL)
			answer(b, m->id, doc);
	}
}

/* ---- after a pause ---- */

struct batch *
ledger_paused(struct broker *b, const struct cat_job *j)
{
	wall first = due_next(j->due, j->cursor), at, last = first;
	char occ[CLOCK_RFC3339], end[CLOCK_RFC3339], why[160];
	struct batch *batch;
	int64_t n = 0, run;

	for (at = first; at.ms <= b->now.wall.ms && n < PAUSED; n++) {
		last = at;
		at = due_next(j->due, at);
	}
	(void)clock_rfc3339(first, occ);
	/* One that has its run is one of a node that had no broker. */
	if (n == 0 || run_on_record(b, j->def.name, first) != 0)
		return NULL;
	(void)snprintf(why, sizeof(why), n == 1 ? "passed over by a pause"
	    : "passed over by a pause; %lld%s occurrences, the last %s",
	    (long long)n, n < PAUSED ? "" : " or more",
	    clock_rfc3339(last, end));
	batch = batch_new();
	run = dispatch_skip(b, j, occ, due_cause(j->due, first), RUN_SKIPPED,
	    why, batch);
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, occ, run);
	return batch;
}

/* ---- by hand ---- */

struct manual {
	struct broker *b;
	char	       job[64], occ[64], actor[64];
	struct run_set set;
	json_t	      *result;
	catalog_done  *done;
	void	      *arg;
};

static void
on_manual(enum store_rc rc, void *arg)
{
	struct manual *m = arg;
	struct err e;

	outcome_stored(m->b, &m->set, rc);
	if (rc == STORE_OK)
		m->done(m->arg, m->result, NULL);
	else {
		(void)store_err(rc, &e, "job \"%s\": not accepted", m->job);
		if (rc == STORE_BUSY)
			e.code = ERR_BUSY;
		m->done(m->arg, NULL, &e);
	}
	json_decref(m->result);
	free(m);
}

/* The job as it is, with -p NAME=VALUE added to its environment. */
static json_t *
with_params(const json_t *doc, const json_t *params)
{
	json_t *spec = json_deep_copy(doc), *env, *v;
	const char *key;

	env = json_object_get(spec, "environment");
	if (env == NULL) {
		env = json_array();
		(void)json_object_set_new(spec, "environment", env);
	}
	json_object_foreach((json_t *)params, key, v) {
		char *pair = mem_fmt("%s=%s", key, json_is_string(v)
		    ? json_string_value(v) : "");

		(void)json_array_append_new(env, js_text(pair));
		free(pair);
	}
	return spec;
}

static void
request_id(char out[24])
{
	unsigned char raw[8] = { 0 };

	(void)getrandom(raw, sizeof(raw), 0);
	for (size_t i = 0; i < sizeof(raw); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static void
run_by_hand(struct broker *b, struct cat_job *j, struct spec *spec,
    const char *cause, catalog_done *done, void *arg)
{
	struct manual *m = mem_zero(1, sizeof(*m));
	struct batch *batch = batch_new();
	json_t *ids = json_array();
	char id[24];

	m->b = b;
	m->done = done;
	m->arg = arg;
	(void)MEM_STR(m->job, j->def.name);
	request_id(id);
	(void)snprintf(m->occ, sizeof(m->occ), "manual:%s", id);
	if (j->def.overlap == JOB_OVERLAP_REPLACE)
		(void)outcome_overlap(b, j);
	m->set = dispatch_make(b, j, m->occ, cause, NULL, spec, batch);
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, m->occ,
	    m->set.v[0]->id);
	for (size_t i = 0; i < m->set.n; i++)
		(void)json_array_append_new(ids,
		    json_integer(m->set.v[i]->id));
	m->result = json_pack("{s:s,s:s,s:I,s:o}", "job", j->def.name,
	    "occurrence", m->occ, "run", (json_int_t)m->set.v[0]->id, "runs",
	    ids);
	store_submit(b->store, batch, on_manual, m);
}

void
ledger_manual(struct broker *b, struct cat_job *j, const json_t *params,
    const char *actor, catalog_done *done, void *arg)
{
	struct spec *spec = json_object_size(params) == 0 ? spec_ref(j->spec)
	    : spec_new(with_params(j->spec->doc, params));
	char cause[96];

	(void)snprintf(cause, sizeof(cause), "manual by %s", actor);
	run_by_hand(b, j, spec, cause, done, arg);
	spec_unref(spec);
}

struct old_run {
	char	job[64];
	json_t *doc;
};

static int
on_old(const struct row *r, void *arg)
{
	struct old_run *o = arg;

	(void)MEM_STR(o->job, row_text(r, 2));
	json_decref(o->doc);
	o->doc = row_text(r, 16) != NULL ? json_loads(row_text(r, 16), 0, NULL)
					 : NULL;
	return 0;
}

void
ledger_retry(struct broker *b, int64_t run, const char *actor,
    catalog_done *done, void *arg)
{
	struct old_run old = { 0 };
	struct cat_job *j = NULL;
	struct spec *spec;
	struct err e = { 0 };
	char cause[96];

	(void)store_query(b->store, S_RUN_HIST_GET, on_old, &old, "i", run);
	if (live_find(b, run) != NULL)
		(void)err_set(&e, ERR_FAILED,
		    "run %lld: it has not ended: abort it first",
		    (long long)run);
	else if (old.job[0] == '\0')
		(void)err_set(&e, ERR_NOTFOUND,
		    "run %lld: there is none of this number (muster run list)",
		    (long long)run);
	else
		j = catalog_find(b, old.job, &e);
	if (j == NULL) {
		json_decref(old.doc);
		done(arg, NULL, &e);
		return;
	}
	(void)snprintf(cause, sizeof(cause), "retry of %lld by %s",
	    (long long)run, actor);
	spec = old.doc != NULL ? spec_new(old.doc) : spec_ref(j->spec);
	run_by_hand(b, j, spec, cause, done, arg);
	spec_unref(spec);
}
