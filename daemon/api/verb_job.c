/* Jobs and the catalogue: job list, show, run, next, pause, resume, remove;
 * apply and export. */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "broker/catalog.h"
#include "broker/ledger.h"
#include "broker/live.h"
#include "broker/outcome.h"
#include "core/trigger.h"
#include "js.h"
#include "mem.h"

enum { NEXT = 10, NEXT_MAX = 10000, TEXT_PART = 128 << 10 };

/* ---- looking ---- */

static bool
fires(const struct cat_job *j)
{
	return j->def.enabled && !j->paused;
}

/* The coming occurrence that the Scheduler will fire: the first after now; one
 * that is overdue is the misfire policy's. */
static json_t *
next_json(const struct call *c, const struct cat_job *j)
{
	wall at = fires(j) ? due_next(j->due, c->b->now.wall) : WALL_NEVER;

	return at.ms == WALL_NEVER.ms ? json_null() : js_time(at);
}

static json_t *
job_row(const struct call *c, const struct cat_job *j)
{
	json_t *triggers = json_array();

	for (size_t i = 0; i < j->def.ntriggers; i++) {
		char *text = job_trigger_text(&j->def.triggers[i]);

		(void)json_array_append_new(triggers, js_text(text));
		free(text);
	}
	return json_pack("{s:s,s:b,s:b,s:o,s:o,s:o,s:s,s:o}", "name",
	    j->def.name, "enabled", j->def.enabled, "paused", j->paused,
	    "triggers", triggers, "next", next_json(c, j), "queue",
	    js_text(j->def.queue), "distribution",
	    job_distribution_word(j->def.distribution), "last",
	    j->last.run == 0 ? json_null()
			     : json_pack("{s:I,s:s,s:o}", "run",
	                           (json_int_t)j->last.run, "state",
	                           j->last.state, "at", js_time(j->last.at)));
}

static int
by_name(const void *a, const void *b)
{
	const struct cat_job *const *x = a, *const *y = b;

	return strcmp((*x)->def.name, (*y)->def.name);
}

/* By name; the caller frees. */
static struct cat_job **
sorted(const struct catalog *cat, size_t *n)
{
	struct cat_job **v = mem_zero(HASH_COUNT(cat->jobs) + 1,
	    sizeof(struct cat_job *));

	*n = 0;
	for (struct cat_job *j = cat->jobs; j != NULL; j = j->hh.next)
		v[(*n)++] = j;
	if (*n > 0)
		qsort(v, *n, sizeof(struct cat_job *), by_name);
	return v;
}

static bool
is(const struct call *c, const char *param, bool have)
{
	const char *want = call_str(c, param);

	return want == NULL || strcmp(want, have ? "true" : "false") == 0;
}

void
do_job_list(struct call *c)
{
	const char *queue = call_str(c, "queue");
	int64_t limit = call_limit(c, INT32_MAX);
	json_t *list = json_array();
	size_t n;
	struct cat_job **v = sorted(c->b->catalog, &n);

	for (size_t i = 0; i < n && (int64_t)json_array_size(list) < limit;
	     i++)
		if (is(c, "enabled", v[i]->def.enabled) &&
		    is(c, "paused", v[i]->paused) &&
		    (queue == NULL || (v[i]->def.queue != NULL &&
					  strcmp(queue, v[i]->def.queue) == 0)))
			(void)json_array_append_new(list, job_row(c, v[i]));
	free(v);
	call_done(c, list);
}

void
do_job_show(struct call *c)
{
	const struct cat_job *j = call_job(c);
	json_t *doc, *row;

	if (j == NULL)
		return;
	doc = json_copy(j->spec->doc);
	row = job_row(c, j);
	(void)json_object_update_missing(doc, row);	/* its own words stay */
	json_decref(row);
	for (size_t i = 0; i < j->def.ntriggers; i++)
		if (j->def.triggers[i].kind == JOB_FILE)
			(void)json_object_set_new(doc, "files_since",
			    js_time(j->files));
	(void)json_object_update_new(doc, json_pack("{s:o,s:I,s:I}", "cursor",
	    js_time(j->cursor), "revision", (json_int_t)j->rev, "running",
	    (json_int_t)live_running(c->b, j->def.name)));
	call_done(c, doc);
}

/* Of several jobs the earliest first: next[i] is the coming time of v[i]. */
static json_t *
coming(struct cat_job **v, size_t n, wall from, int64_t limit)
{
	wall *next = mem_zero(n + 1, sizeof(*next));
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		next[i] = fires(v[i]) ? due_next(v[i]->due, from) : WALL_NEVER;
	while ((int64_t)json_array_size(list) < limit) {
		size_t best = n;

		for (size_t i = 0; i < n; i++)
			if (next[i].ms != WALL_NEVER.ms &&
			    (best == n || next[i].ms < next[best].ms))
				best = i;
		if (best == n)
			break;
		(void)json_array_append_new(list, json_pack("{s:o,s:s,s:s}",
		    "at", js_time(next[best]), "job", v[best]->def.name,
		    "trigger", due_cause(v[best]->due, next[best])));
		next[best] = due_next(v[best]->due, next[best]);
	}
	free(next);
	return list;
}

/* Triggers that have no time: at is null. */
static void
others(const struct cat_job *j, int64_t limit, json_t *list)
{
	for (size_t i = 0; i < j->def.ntriggers && fires(j) &&
	    (int64_t)json_array_size(list) < limit; i++) {
		const struct job_trigger *t = &j->def.triggers[i];
		char *text;

		if (t->kind != JOB_FILE && t->kind != JOB_AFTER)
			continue;
		text = job_trigger_text(t);
		(void)json_array_append_new(list, json_pack("{s:n,s:s,s:o}",
		    "at", "job", j->def.name, "trigger", js_text(text)));
		free(text);
	}
}

void
do_job_next(struct call *c)
{
	int64_t limit = call_limit(c, NEXT);
	struct cat_job *one, **v;
	json_t *list;
	size_t n;

	if (limit > NEXT_MAX)
		limit = NEXT_MAX;
	if (call_str(c, "job") != NULL) {
		one = call_job(c);
		if (one == NULL)
			return;
		list = coming(&one, 1, c->b->now.wall, limit);
		others(one, limit, list);
		call_done(c, list);
		return;
	}
	v = sorted(c->b->catalog, &n);
	list = coming(v, n, c->b->now.wall, limit);
	free(v);
	call_done(c, list);
}

/* ---- running ---- */

/* job run --wait: until every run of the occurrence has ended. */
struct wait {
	json_t *result;
	size_t	left;
};

static void
wait_cancel(struct call *c)
{
	struct wait *w = c->state;

	outcome_unwatch(c->b, c);
	json_decref(w->result);
	free(w);
	call_drop(c);
}

/* The result shows the run that did not succeed, if there is one. */
static void
on_run_ended(void *arg, const json_t *doc)
{
	struct call *c = arg;
	struct wait *w = c->state;
	const char *so_far = js_str(w->result, "state", "succeeded"), *why;
	json_t *result = w->result;

	if (strcmp(so_far, "succeeded") == 0)
		(void)json_object_update(result, (json_t *)doc);
	if (--w->left > 0)
		return;
	so_far = js_str(result, "state", "");
	why = js_str(result, "reason", NULL);
	free(w);
	call_told(c, result, "run %lld of %s: %s%s%s",
	    (long long)js_int(result, "id", 0), js_str(result, "job", ""),
	    so_far, why != NULL ? ": " : "", why != NULL ? why : "");
}

static void
on_started(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;
	const json_t *runs = json_object_get(result, "runs");
	struct wait *w;

	if (result == NULL) {
		call_fail(c, e);
		return;
	}
	if (!js_bool(c->params, "wait", false)) {
		call_told(c, json_incref(result), "run %lld of %s is accepted: "
		    "muster run show %lld", (long long)js_int(result, "run", 0),
		    js_str(result, "job", ""),
		    (long long)js_int(result, "run", 0));
		return;
	}
	if (c->ops == NULL) {		/* the asker went meanwhile */
		call_drop(c);
		return;
	}
	w = mem_zero(1, sizeof(*w));
	w->result = json_copy(result);
	w->left = json_array_size(runs);
	c->state = w;
	c->cancel = wait_cancel;
	for (size_t i = 0; i < json_array_size(runs); i++)
		outcome_watch(c->b, json_integer_value(json_array_get(runs,
		    i)), on_run_ended, c);
}

void
do_job_run(struct call *c)
{
	struct cat_job *j = call_job(c);

	if (j != NULL)
		ledger_manual(c->b, j, json_object_get(c->params, "param"),
		    c->who, on_started, c);
}

void
do_run_retry(struct call *c)
{
	int64_t id = call_number(c, "run");

	if (id != -1)
		ledger_retry(c->b, id, c->who, on_started, c);
}

/* ---- changing ---- */

static void
on_changed(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;
	const char *what = c->id == CMD_JOB_PAUSE ? "is paused: its triggers "
		"do not fire until muster job resume"
	    : c->id == CMD_JOB_RESUME ? "goes on, from now"
				      : "is removed; its runs stay on record";

	if (result == NULL)
		call_fail(c, e);
	else
		call_told(c, json_incref(result), "job %s %s",
		    js_str(result, "job", ""), what);
}

static void
pause_job(void *arg)
{
	struct call *c = arg;
	struct cat_job *j = call_job(c);

	if (j != NULL)
		catalog_pause(c->b, j, true, NULL, on_changed, c);
}

static void
resume_job(void *arg)
{
	struct call *c = arg;
	struct cat_job *j = call_job(c);

	if (j == NULL)
		return;
	/* Resuming moves the cursor to now: not for a job that runs. */
	if (!j->paused)
		call_told(c, NULL, "job %s is not paused", j->def.name);
	else
		catalog_pause(c->b, j, false, ledger_paused(c->b, j),
		    on_changed, c);
}

static void
remove_job(void *arg)
{
	struct call *c = arg;
	struct cat_job *j = call_job(c);

	if (j != NULL)
		catalog_remove(c->b, j, on_changed, c);
}

void
do_job_pause(struct call *c)
{
	catalog_in_turn(c->b, pause_job, c);
}

void
do_job_resume(struct call *c)
{
	catalog_in_turn(c->b, resume_job, c);
}

void
do_job_remove(struct call *c)
{
	catalog_in_turn(c->b, remove_job, c);
}

/* ---- apply, export ---- */

/* A plan shows what changes; what stays is no news. */
static json_t *
without_keeps(const json_t *result)
{
	json_t *plan = json_array(), *doc = json_copy((json_t *)result), *row;
	size_t i;

	json_array_foreach(json_object_get(result, "plan"), i, row)
		if (strcmp(js_str(row, "action", ""), "keep") != 0)
			(void)json_array_append(plan, row);
	(void)json_object_set_new(doc, "plan", plan);
	return doc;
}

struct dry {
	json_t	  *result;
	struct err e;
};

static void
on_planned(void *arg, json_t *result, const struct err *e)
{
	struct dry *d = arg;

	if (result != NULL)
		d->result = without_keeps(result);
	else
		d->e = *e;
}

static void
on_applied(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;

	if (result == NULL)
		call_fail(c, e);
	else
		call_done(c, without_keeps(result));
}

static void
apply(void *arg)
{
	struct call *c = arg;
	const char *text = call_str(c, "text"), *file = call_str(c, "file");
	int64_t seen = js_int(c->params, "revision", c->b->catalog->rev);
	bool prune = js_bool(c->params, "prune", false);
	struct dry d = { 0 };

	if (seen != c->b->catalog->rev) {
		call_failed(c, ERR_STALE, "the catalogue moved to revision "
		    "%lld since its plan was shown: apply again",
		    (long long)c->b->catalog->rev);
		return;
	}
	/* A dry run answers at once.  A text that changes nothing makes no new
	 * revision. */
	catalog_apply(c->b, text, file, true, prune, c->who, on_planned, &d);
	if (d.result == NULL)
		call_fail(c, &d.e);
	else if (js_bool(c->params, "dry_run", false) ||
	    json_array_size(json_object_get(d.result, "plan")) == 0) {
		c->audited = true;
		(void)json_object_set_new(d.result, "dry_run",
		    json_boolean(js_bool(c->params, "dry_run", false)));
		call_done(c, d.result);
	} else {
		json_decref(d.result);
		c->audited = true;
		catalog_apply(c->b, text, file, false, prune, c->who,
		    on_applied, c);
	}
}

void
do_apply(struct call *c)
{
	catalog_in_turn(c->b, apply, c);
}

void
do_export(struct call *c)
{
	char *text = catalog_text(c->b->catalog);
	size_t len = strlen(text), at = 0;

	/* The end goes with the answer, so that a short one is one message. */
	while (call_streams(c) && len - at > TEXT_PART)
		at += call_bytes(c, text + at, TEXT_PART, false);
	call_done(c, json_pack("{s:o}", "text", js_text(text + at)));
	free(text);
}
