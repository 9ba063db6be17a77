#include "node/watch.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/due.h"
#include "js.h"
#include "log.h"
#include "mem.h"

enum {
	WINDOW = 1000,		/* fires on their way */
	LOOK = 2 * MISFIRE_RANGE, /* occurrences in a look: milliseconds */
	BUSY_MS = 1000,		/* the broker could not store: later again */
	CLOCK_MS = 250,		/* ahead of the broker's clock */
	AGAIN_MS = 10,		/* the same gap once more */
	ASK_MS = 5000		/* for the answer to the one that asks */
};

struct wjob {
	struct job     def;
	json_t	      *doc;
	struct due    *due;
	bool	       paused;
	bool	       alone;		/* fired without a broker */
	wall	       cursor;		/* newest handed over */
	wall	       next;		/* due then; WALL_NEVER */
	mono	       retry;		/* not before */
	size_t	       pending;
	int64_t	       passed;		/* over, since the last that is fired */
	bool	       refused;		/* one at a time, until one is taken */
	bool	       sent;		/* since it was told of the last gap */
	mono	       asked;		/* when the newest was sent */
	wall	       told;		/* the cursor of the last gap … */
	int64_t	       again;		/* … and how often since then */
	UT_hash_handle hh;
};

struct watch {
	int64_t	     rev;
	struct wjob *jobs;
	json_t	    *pending;		/* array of fires, oldest first */
	mono	     now;
};

struct watch *
watch_new(void)
{
	struct watch *w = mem_zero(1, sizeof(*w));

	w->rev = -1;
	w->pending = json_array();
	return w;
}

static void
wjob_free(struct wjob *j)
{
	job_clear(&j->def);
	json_decref(j->doc);
	due_free(j->due);
	free(j);
}

static void
jobs_free(struct wjob **jobs)
{
	struct wjob *j, *tmp;

	HASH_ITER(hh, *jobs, j, tmp) {
		HASH_DEL(*jobs, j);
		wjob_free(j);
	}
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	jobs_free(&w->jobs);
	json_decref(w->pending);
	free(w);
}

int64_t
watch_rev(const struct watch *w)
{
	return w->rev;
}

size_t
watch_jobs(const struct watch *w)
{
	return HASH_COUNT(w->jobs);
}

static void
set_cursor(struct wjob *j, wall cursor)
{
	j->cursor = cursor;
	j->next = j->paused || !j->def.enabled ? WALL_NEVER
					       : due_next(j->due, cursor);
}

/* ---- loading ---- */

static struct calendar_def *
calendars(const json_t *list, size_t *n)
{
	struct calendar_def *v = mem_zero(json_array_size(list) + 1,
	    sizeof(*v));

	*n = 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (calendar_of_json(json_array_get(list, i), NULL, &v[*n],
		        NULL) == 0)
			(*n)++;
	return v;
}

static struct wjob *
wjob_new(const json_t *item, const char *zone, const struct calendar_def *cal,
    size_t ncal)
{
	const json_t *doc = json_object_get(item, "job");
	struct wjob *j = mem_zero(1, sizeof(*j));
	struct err e;

	if (job_of_json(doc, NULL, &j->def, &e) == -1 ||
	    (j->due = due_new(&j->def, zone, cal, ncal, &e)) == NULL) {
		log_error("watch", "job=%s cannot be watched: %s",
		    js_str(doc, "name", "?"), e.msg);
		wjob_free(j);
		return NULL;
	}
	j->doc = json_incref((json_t *)doc);
	j->paused = js_bool(item, "paused", false);
	return j;
}

static void
drop_job(struct watch *w, struct wjob *j)
{
	for (size_t i = json_array_size(w->pending); i-- > 0 &&
	    j->pending > 0;)
		if (strcmp(js_str(json_array_get(w->pending, i), "job", ""),
		        j->def.name) == 0) {
			(void)json_array_remove(w->pending, i);
			j->pending--;
		}
	j->passed = 0;		/* what was not taken was not told */
}

void
watch_load(struct watch *w, const json_t *replica)
{
	const json_t *list = json_object_get(replica, "jobs");
	const char *zone = js_str(replica, "zone", "UTC");
	struct wjob *jobs = NULL;
	struct calendar_def *cal;
	size_t ncal;

	cal = calendars(json_object_get(replica, "calendars"), &ncal);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		struct wjob *was, *j = wjob_new(item, zone, cal, ncal);
		wall given = { js_int(item, "cursor", 0) };

		if (j == NULL)
			continue;
		HASH_FIND_STR(w->jobs, j->def.name, was);
		if (was != NULL) {
			j->pending = was->pending;
			j->refused = was->refused;
			j->asked = was->asked;
			j->told = was->told;
			j->retry = was->retry;
			if (json_equal(was->doc, j->doc) &&
			    was->paused == j->paused &&
			    was->cursor.ms > given.ms && was->pending > 0)
				given = was->cursor;
		}
		set_cursor(j, given);
		HASH_ADD_KEYPTR(hh, jobs, j->def.name, strlen(j->def.name), j);
	}
	for (size_t i = 0; i < ncal; i++)
		calendar_def_clear(&cal[i]);
	free(cal);
	for (struct wjob *was = w->jobs; was != NULL; was = was->hh.next) {
		struct wjob *j;

		HASH_FIND_STR(jobs, was->def.name, j);
		if (j == NULL)
			drop_job(w, was);	/* nobody waits for answers */
	}
	jobs_free(&w->jobs);
	w->jobs = jobs;
	w->rev = js_int(replica, "rev", -1);
}

void
watch_stop(struct watch *w)
{
	(void)json_array_clear(w->pending);
	for (struct wjob *j = w->jobs; j != NULL; j = j->hh.next)
		j->pending = 0;
}

void
watch_start(struct watch *w, const json_t *cursors)
{
	watch_stop(w);
	for (struct wjob *j = w->jobs; j != NULL; j = j->hh.next) {
		const json_t *c = json_object_get(cursors, j->def.name);

		j->retry = (mono){ 0 };
		j->refused = false;
		set_cursor(j, json_is_integer(c)
		    ? (wall){ json_integer_value(c) } : j->cursor);
	}
}

/* ---- firing ---- */

static json_t *
fire_of(const struct wjob *j, const struct misfire_act *act)
{
	json_t *fire = json_pack("{s:s,s:I,s:I,s:I,s:s}", "job", j->def.name,
	    "at", (json_int_t)act->last.ms, "first",
	    (json_int_t)act->first.ms, "count", (json_int_t)act->count, "act",
	    act->what == MISFIRE_FIRE ? "fire" : "skip");

	if (act->reason != NULL)
		(void)json_object_set_new(fire, "reason",
		    json_string(act->reason));
	return fire;
}

/* The broker took none of this job: its disk is full, this clock is ahead of its
 * own, or another was to come first.  What is due meanwhile, perhaps hundreds,
 * is not sent again and again: one asks for all. */
static bool
asks(const struct wjob *j)
{
	return j->refused && j->pending > 0;
}

/* On one answer a whole job waits: without it, it goes on from where the broker
 * was when it last said so. */
static void
ask_again(struct watch *w, struct wjob *j)
{
	if (!asks(j) || mono_add_ms(j->asked, ASK_MS).us > w->now.us)
		return;
	drop_job(w, j);
	set_cursor(j, j->told);
}

/* *room: how many more occurrences may be counted in this look. */
static void
job_due(struct watch *w, struct wjob *j, wall now, int64_t *room, json_t *out)
{
	struct misfire_policy policy = due_misfire(&j->def);
	struct misfire_act act;
	struct misfire plan;

	misfire_init(&plan, &policy, due_schedule(j->due), j->cursor, now);
	plan.told = j->passed;
	while (json_array_size(w->pending) < WINDOW && !asks(j) && *room > 0 &&
	    misfire_step(&plan, &act) != MISFIRE_DONE) {
		json_t *fire = fire_of(j, &act);

		(void)json_array_append(w->pending, fire);
		(void)json_array_append_new(out, fire);
		j->pending++;
		j->sent = true;
		j->asked = w->now;
		set_cursor(j, act.last);
		j->passed = act.what == MISFIRE_FIRE ? 0 : plan.told;
		*room -= act.count;
	}
}

json_t *
watch_due(struct watch *w, struct now now)
{
	json_t *out = NULL;
	int64_t room = LOOK;

	w->now = now.mono;
	for (struct wjob *j = w->jobs; j != NULL; j = j->hh.next) {
		ask_again(w, j);
		if (j->next.ms > now.wall.ms || j->retry.us > now.mono.us ||
		    asks(j) || json_array_size(w->pending) >= WINDOW)
			continue;
		if (out == NULL)
			out = json_array();
		job_due(w, j, now.wall, &room, out);
	}
	if (out != NULL && json_array_size(out) == 0) {
		json_decref(out);
		out = NULL;
	}
	return out;
}

wall
watch_next(const struct watch *w)
{
	wall next = WALL_NEVER;

	if (json_array_size(w->pending) >= WINDOW)
		return next;		/* an answer makes room */
	for (const struct wjob *j = w->jobs; j != NULL; j = j->hh.next)
		if (j->retry.us <= w->now.us && !asks(j) &&
		    j->next.ms < next.ms)
			next = j->next;
	return next;
}

mono
watch_retry(const struct watch *w)
{
	mono next = MONO_NEVER;

	for (const struct wjob *j = w->jobs; j != NULL; j = j->hh.next) {
		mono end = mono_add_ms(j->asked, ASK_MS);

		if (j->retry.us > w->now.us)
			next = mono_min(next, j->retry);
		if (asks(j) && end.us > w->now.us)
			next = mono_min(next, end);
	}
	return next;
}

/* ---- answers ---- */

static void
drop_one(struct watch *w, struct wjob *j, int64_t at)
{
	size_t i;
	json_t *f;

	if (j->pending == 0)
		return;
	json_array_foreach(w->pending, i, f)
		if (js_int(f, "at", 0) == at &&
		    strcmp(js_str(f, "job", ""), j->def.name) == 0) {
			(void)json_array_remove(w->pending, i);
			j->pending--;
			return;
		}
}

static void
put_off(struct wjob *j, mono now)
{
	j->retry = mono_add_ms(now, BUSY_MS);
}

/* Not the Scheduler, says the broker.  A grant brings other cursors; and when
 * there is none, since the broker could not store what it had decided, all that
 * it was sent is due as before. */
static void
not_now(struct watch *w, struct now now)
{
	for (size_t i = json_array_size(w->pending); i-- > 0;) {
		const json_t *f = json_array_get(w->pending, i);
		struct wjob *j;

		HASH_FIND_STR(w->jobs, js_str(f, "job", ""), j);
		if (j == NULL)
			continue;
		set_cursor(j, (wall){ js_int(f, "first", 0) - 1 });
		j->told = j->cursor;
		j->refused = true;
		j->passed = 0;
	}
	watch_stop(w);
	for (struct wjob *j = w->jobs; j != NULL; j = j->hh.next)
		put_off(j, now.mono);
}

void
watch_answer(struct watch *w, const json_t *doc, struct now now)
{
	const char *code = js_str(doc, "code", NULL);
	const json_t *cursor = json_object_get(doc, "cursor");
	struct wjob *j;

	HASH_FIND_STR(w->jobs, js_str(doc, "job", ""), j);
	if (j == NULL)
		return;
	if (code != NULL && strcmp(code, "epoch") == 0) {
		not_now(w, now);
		return;
	}
	if (json_object_get(doc, "run") != NULL) {
		drop_one(w, j, js_int(doc, "at", 0));
		j->again = 0;
		j->refused = false;
		return;
	}
	/* A gap, or the broker could not take it: what was sent after it was
	 * not taken either.  Go on from where the broker is. */
	drop_job(w, j);
	if (json_is_integer(cursor))
		set_cursor(j, (wall){ json_integer_value(cursor) });
	/* Told the same again and again, it asks less and less often; of what
	 * was sent together each is answered. */
	if (j->told.ms != j->cursor.ms)
		j->again = 0;
	else if (j->sent)
		j->again++;
	j->told = j->cursor;
	j->sent = false;
	j->refused = true;
	if (j->again > 0)
		j->retry = mono_add_ms(now.mono, j->again * AGAIN_MS < BUSY_MS
		    ? j->again * AGAIN_MS : BUSY_MS);
	if (code != NULL && strcmp(code, "busy") == 0)
		j->retry = mono_add_ms(now.mono, BUSY_MS);
	else if (code != NULL && strcmp(code, "clock") == 0)
		j->retry = mono_add_ms(now.mono, CLOCK_MS);
	else if (code != NULL && strcmp(code, "job") == 0)
		j->next = WALL_NEVER;	/* the catalogue is on its way */
}

json_t *
watch_pending(const struct watch *w)
{
	return json_array_size(w->pending) > 0 ? json_deep_copy(w->pending)
					       : NULL;
}

const struct job *
watch_job(const struct watch *w, const char *name, const json_t **doc)
{
	const struct wjob *j;

	HASH_FIND_STR(w->jobs, name, j);
	if (j != NULL && doc != NULL)
		*doc = j->doc;
	return j != NULL ? &j->def : NULL;
}

/* ---- without a broker ---- */

void
watch_choose(struct watch *w, bool (*may)(void *, const struct job *),
    void *ctx)
{
	for (struct wjob *j = w->jobs; j != NULL; j = j->hh.next)
		j->alone = j->def.enabled && !j->paused && may(ctx, &j->def);
}

/* They were due in time, whatever the misfire policy says by now. */
static size_t
unanswered(struct watch *w, struct now now,
    bool (*take)(void *, const struct watch_fire *), void *ctx)
{
	size_t n = 0, i = 0;

	while (i < json_array_size(w->pending)) {
		const json_t *f = json_array_get(w->pending, i);
		struct watch_fire wf = { .act = {
			.what = strcmp(js_str(f, "act", ""), "fire") == 0
			    ? MISFIRE_FIRE : MISFIRE_PASS,
			.first = { js_int(f, "first", 0) },
			.last = { js_int(f, "at", 0) },
			.count = js_int(f, "count", 1),
			.reason = js_str(f, "reason", NULL) } };
		struct wjob *j;

		HASH_FIND_STR(w->jobs, js_str(f, "job", ""), j);
		i++;
		if (j == NULL || !j->alone || j->retry.us > now.mono.us)
			continue;
		wf.job = &j->def;
		wf.doc = j->doc;
		if (!take(ctx, &wf)) {
			put_off(j, now.mono);
			continue;
		}
		(void)json_array_remove(w->pending, --i);
		if (j->pending > 0)
			j->pending--;
		n++;
	}
	return n;
}

static size_t
due_alone(struct wjob *j, struct now now,
    bool (*take)(void *, const struct watch_fire *), void *ctx)
{
	struct misfire_policy policy = due_misfire(&j->def);
	struct watch_fire wf = { .job = &j->def, .doc = j->doc };
	struct misfire plan;
	size_t n = 0;

	misfire_init(&plan, &policy, due_schedule(j->due), j->cursor, now.wall);
	while (misfire_step(&plan, &wf.act) != MISFIRE_DONE) {
		if (!take(ctx, &wf)) {
			put_off(j, now.mono);
			break;
		}
		set_cursor(j, wf.act.last);
		n++;
	}
	return n;
}

size_t
watch_alone(struct watch *w, struct now now,
    bool (*take)(void *, const struct watch_fire *), void *ctx)
{
	size_t n = unanswered(w, now, take, ctx);

	w->now = now.mono;
	for (struct wjob *j = w->jobs; j != NULL; j = j->hh.next)
		if (j->alone && j->pending == 0 &&
		    j->next.ms <= now.wall.ms && j->retry.us <= now.mono.us)
			n += due_alone(j, now, take, ctx);
	return n;
}

wall
watch_alone_next(const struct watch *w)
{
	wall next = WALL_NEVER;

	for (const struct wjob *j = w->jobs; j != NULL; j = j->hh.next)
		if (j->alone && j->retry.us <= w->now.us &&
		    j->next.ms < next.ms)
			next = j->next;
	return next;
}

void
watch_back(struct watch *w, const char *job, wall first, struct now now)
{
	struct wjob *j;

	HASH_FIND_STR(w->jobs, job, j);
	if (j == NULL || first.ms > j->cursor.ms)
		return;
	set_cursor(j, (wall){ first.ms - 1 });
	put_off(j, now.mono);
}
