#include "broker/catalog_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "broker/catalogue_text.h"
#include "broker/grammar.h"
#include "broker/roster.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "text.h"

static void
cat_job_free(struct cat_job *j)
{
	job_clear(&j->def);
	spec_unref(j->spec);
	due_free(j->due);
	free(j);
}

static void
lists_clear(struct catalog *c)
{
	for (size_t i = 0; i < c->nqueues; i++)
		queue_def_clear(&c->queues[i]);
	for (size_t i = 0; i < c->ncalendars; i++)
		calendar_def_clear(&c->calendars[i]);
	for (size_t i = 0; i < c->nflows; i++)
		flow_def_clear(&c->flows[i]);
	free(c->queues);
	free(c->calendars);
	free(c->flows);
}

void
catalog_free(struct catalog *c)
{
	struct cat_job *j, *tmp;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->jobs, j, tmp) {
		HASH_DEL(c->jobs, j);
		cat_job_free(j);
	}
	lists_clear(c);
	free(c);
}

struct cat_job *
catalog_job(const struct catalog *c, const char *name)
{
	struct cat_job *j;

	HASH_FIND_STR(c->jobs, name, j);
	return j;
}

const struct queue_def *
catalog_queue(const struct catalog *c, const char *name)
{
	for (size_t i = 0; name != NULL && i < c->nqueues; i++)
		if (strcmp(c->queues[i].name, name) == 0)
			return &c->queues[i];
	return NULL;
}

struct cat_job *
catalog_find(const struct broker *b, const char *name, struct err *e)
{
	struct cat_job *j = catalog_job(b->catalog, name);
	const char **names, *near;
	size_t n = 0;

	if (j != NULL)
		return j;
	names = mem_zero(HASH_COUNT(b->catalog->jobs) + 1, sizeof(*names));
	for (j = b->catalog->jobs; j != NULL; j = j->hh.next)
		names[n++] = j->def.name;
	near = text_nearest(name, names, n);
	if (near != NULL)
		(void)err_set(e, ERR_NOTFOUND,
		    "job \"%s\": there is none of this name; did you mean "
		    "\"%s\"?", name, near);
	else
		(void)err_set(e, ERR_NOTFOUND,
		    "job \"%s\": there is none of this name (muster job list)",
		    name);
	free(names);
	return NULL;
}

/* ---- loading ---- */

struct loading {
	struct broker  *b;
	struct catalog *c;
	struct err     *e;
	bool		bad;
};

static json_t *
body(struct loading *l, const struct row *r, const char *kind)
{
	json_t *o = json_loads(row_text(r, 2), 0, NULL);

	if (o == NULL) {
		(void)err_set(l->e, ERR_IO,
		    "store: %s \"%s\" is not readable: restore a backup", kind,
		    row_text(r, 0));
		l->bad = true;
	}
	if (row_int(r, 1) > l->c->rev)
		l->c->rev = row_int(r, 1);
	return o;
}

static int
on_calendar(const struct row *r, void *arg)
{
	struct loading *l = arg;
	struct catalog *c = l->c;
	json_t *o = body(l, r, "calendar");

	c->calendars = mem_grow(c->calendars,
	    (c->ncalendars + 1) * sizeof(*c->calendars));
	if (o == NULL || calendar_of_json(o, &grammar_checks,
	                     &c->calendars[c->ncalendars], l->e) == -1)
		l->bad = true;
	else
		c->ncalendars++;
	json_decref(o);
	return l->bad;
}

static int
on_queue(const struct row *r, void *arg)
{
	struct loading *l = arg;
	struct catalog *c = l->c;
	json_t *o = body(l, r, "queue");

	c->queues = mem_grow(c->queues, (c->nqueues + 1) * sizeof(*c->queues));
	if (o == NULL || queue_of_json(o, &grammar_checks,
	                     &c->queues[c->nqueues], l->e) == -1)
		l->bad = true;
	else
		c->nqueues++;
	json_decref(o);
	return l->bad;
}

static int
on_flow(const struct row *r, void *arg)
{
	struct loading *l = arg;
	struct catalog *c = l->c;
	json_t *o = body(l, r, "flow");

	c->flows = mem_grow(c->flows, (c->nflows + 1) * sizeof(*c->flows));
	if (o == NULL || flow_of_json(o, &grammar_checks, &c->flows[c->nflows],
	                     l->e) == -1)
		l->bad = true;
	else
		c->nflows++;
	json_decref(o);
	return l->bad;
}

struct cat_job *
cat_job_new(const struct broker *b, const struct catalog *c, struct job *def,
    struct err *e)
{
	struct due *due = due_new(def, b->set.zone, c->calendars,
	    c->ncalendars, e);
	struct cat_job *j;

	if (due == NULL)
		return NULL;
	j = mem_zero(1, sizeof(*j));
	j->def = *def;
	*def = (struct job){ 0 };
	j->spec = spec_new(job_json(&j->def));
	j->due = due;
	return j;
}

static int
on_job(const struct row *r, void *arg)
{
	struct loading *l = arg;
	json_t *o = body(l, r, "job");
	struct cat_job *j = NULL;
	struct job def;

	if (o != NULL && job_of_json(o, &grammar_checks, &def, l->e) == 0) {
		j = cat_job_new(l->b, l->c, &def, l->e);
		job_clear(&def);
	}
	json_decref(o);
	if (j == NULL) {
		l->bad = true;
		return 1;
	}
	j->rev = row_int(r, 1);
	j->paused = row_int(r, 4) != 0;
	HASH_ADD_KEYPTR(hh, l->c->jobs, j->def.name, strlen(j->def.name), j);
	return 0;
}

static int
on_cursor(const struct row *r, void *arg)
{
	struct loading *l = arg;
	struct cat_job *j = catalog_job(l->c, row_text(r, 0));

	if (j != NULL)
		j->cursor.ms = row_int(r, 1);
	return 0;
}

static int
on_floor(const struct row *r, void *arg)
{
	struct loading *l = arg;
	struct cat_job *j = catalog_job(l->c, row_text(r, 0));

	if (j != NULL)
		j->files.ms = row_int(r, 1);
	return 0;
}

static int
on_last(const struct row *r, void *arg)
{
	struct cat_job *j = arg;

	j->last.run = row_int(r, 0);
	(void)MEM_STR(j->last.state, row_text(r, 6));
	j->last.at.ms = row_int(r, 11);
	return 1;
}

static int
on_rev(const struct row *r, void *arg)
{
	struct catalog *c = arg;
	int64_t rev;

	if (text_int(row_text(r, 0), 0, INT64_MAX, "revision", &rev, NULL) == 0 &&
	    rev > c->rev)
		c->rev = rev;
	return 0;
}

void
catalog_put_rev(struct batch *batch, int64_t rev)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)rev);
	batch_add(batch, S_META_SET, "tt", "catalogue_rev", text);
}

struct catalog *
catalog_load(struct broker *b, struct err *e)
{
	struct catalog *c = mem_zero(1, sizeof(*c));
	struct loading l = { b, c, e, false };

	(void)store_query(b->store, S_CALENDAR_ALL, on_calendar, &l, "");
	if (!l.bad)
		(void)store_query(b->store, S_QUEUE_ALL, on_queue, &l, "");
	if (!l.bad)
		(void)store_query(b->store, S_FLOW_ALL, on_flow, &l, "");
	if (!l.bad)
		(void)store_query(b->store, S_JOB_ALL, on_job, &l, "");
	if (l.bad) {
		catalog_free(c);
		return NULL;
	}
	(void)store_query(b->store, S_META_GET, on_rev, c, "t", "catalogue_rev");
	(void)store_query(b->store, S_CURSOR_ALL, on_cursor, &l, "");
	(void)store_query(b->store, S_FILE_FLOOR_ALL, on_floor, &l, "");
	for (struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		(void)store_query(b->store, S_RUN_LAST_BY_JOB, on_last, j, "t",
		    j->def.name);
	return c;
}

/* ---- one change at a time ---- */

struct catalog_turn {
	catalog_begin	    *begin;
	void		    *arg;
	struct catalog_turn *next;
};

static void
next_turn(struct broker *b)
{
	struct catalog_turn *t;

	while (!b->changing && (t = b->turns) != NULL) {
		LL_DELETE(b->turns, t);
		t->begin(t->arg);
		free(t);
	}
}

void
catalog_in_turn(struct broker *b, catalog_begin *begin, void *arg)
{
	struct catalog_turn *t = mem_zero(1, sizeof(*t));

	t->begin = begin;
	t->arg = arg;
	LL_APPEND(b->turns, t);
	next_turn(b);
}

void
catalog_turns_free(struct broker *b)
{
	struct catalog_turn *t, *next;

	LL_FOREACH_SAFE(b->turns, t, next)
		free(t);
	b->turns = NULL;
}

void
catalog_change(struct broker *b, struct batch *batch, store_done *done,
    void *arg)
{
	assert(!b->changing);
	b->changing = true;
	store_submit(b->store, batch, done, arg);
}

void
catalog_changed(struct broker *b)
{
	b->changing = false;
	next_turn(b);
}

/* ---- single jobs ---- */

struct single {
	struct broker *b;
	char	       name[64];
	bool	       paused, removed;
	wall	       from, files;	/* a resumed one goes on from there */
	catalog_done  *done;
	void	      *arg;
};

static void
on_single(enum store_rc rc, void *arg)
{
	struct single *s = arg;
	struct cat_job *j = catalog_job(s->b->catalog, s->name);
	json_t *result;
	struct err e;

	if (rc != STORE_OK) {
		(void)store_err(rc, &e, "job \"%s\"", s->name);
		s->done(s->arg, NULL, &e);
		catalog_changed(s->b);
		free(s);
		return;
	}
	s->b->catalog->rev++;
	if (j != NULL && s->removed) {
		HASH_DEL(s->b->catalog->jobs, j);
		cat_job_free(j);
	} else if (j != NULL) {
		j->paused = s->paused;
		j->rev = s->b->catalog->rev;
		if (!s->paused) {
			if (s->from.ms > j->cursor.ms ||
			    catalog_astray(s->b, j->cursor))
				j->cursor = s->from;
			j->files = s->files;
		}
	}
	catalog_tell(s->b);
	result = json_pack("{s:s}", "job", s->name);
	s->done(s->arg, result, NULL);
	json_decref(result);
	catalog_changed(s->b);
	free(s);
}

static struct single *
single_new(struct broker *b, const struct cat_job *j, catalog_done *done,
    void *arg)
{
	struct single *s = mem_zero(1, sizeof(*s));

	s->b = b;
	s->done = done;
	s->arg = arg;
	(void)MEM_STR(s->name, j->def.name);
	return s;
}

static int
on_newest(const struct row *r, void *arg)
{
	struct err e;

	if (row_text(r, 0) != NULL)
		(void)clock_parse(row_text(r, 0), arg, &e);
	return 1;
}

bool
catalog_astray(const struct broker *b, wall cursor)
{
	return cursor.ms > b->now.wall.ms + JUMP_MS;
}

wall
catalog_from_now(const struct broker *b, const char *name,
    const struct cat_job *j)
{
	wall on_record = { 0 };

	if (j != NULL)
		on_record = j->cursor;
	else	/* there may have been one of this name */
		(void)store_query(b->store, S_OCC_NEWEST, on_newest, &on_record,
		    "t", name);
	return on_record.ms > b->now.wall.ms && !catalog_astray(b, on_record)
	    ? on_record : b->now.wall;
}

void
catalog_files_from_now(const struct broker *b, struct cat_job *j,
    struct batch *batch)
{
	j->files = b->now.wall;
	batch_add(batch, S_FILE_FLOOR_PUT, "ti", j->def.name, j->files.ms);
}

/* A resumed job goes on from now: what came due in its pause was not wanted,
 * and is on record (ledger_paused). */
void
catalog_pause(struct broker *b, struct cat_job *j, bool paused,
    struct batch *more, catalog_done *done, void *arg)
{
	struct single *s = single_new(b, j, done, arg);
	struct batch *batch = more != NULL ? more : batch_new();
	char *text = js_dump(j->spec->doc);

	s->paused = paused;
	batch_add(batch, S_JOB_PUT, "titii", j->def.name, b->catalog->rev + 1,
	    text, (int64_t)j->def.enabled, (int64_t)paused);
	if (!paused) {
		s->from = catalog_from_now(b, j->def.name, j);
		s->files = b->now.wall;
		batch_add(batch, S_CURSOR_PUT, "ti", j->def.name, s->from.ms);
		batch_add(batch, S_FILE_FLOOR_PUT, "ti", j->def.name,
		    s->files.ms);
	}
	free(text);
	catalog_put_rev(batch, b->catalog->rev + 1);
	catalog_change(b, batch, on_single, s);
}

void
catalog_remove(struct broker *b, struct cat_job *j, catalog_done *done,
    void *arg)
{
	struct single *s = single_new(b, j, done, arg);
	struct batch *batch = batch_new();

	s->removed = true;
	batch_add(batch, S_JOB_DEL, "t", j->def.name);
	batch_add(batch, S_CURSOR_DEL, "t", j->def.name);
	batch_add(batch, S_FILE_FLOOR_DEL, "t", j->def.name);
	catalog_put_rev(batch, b->catalog->rev + 1);
	catalog_change(b, batch, on_single, s);
}

/* ---- out ---- */

char *
catalog_text(const struct catalog *c)
{
	struct catalogue out = { .queues = c->queues, .nqueues = c->nqueues,
		.calendars = c->calendars, .ncalendars = c->ncalendars,
		.flows = c->flows, .nflows = c->nflows };
	char *text;

	out.jobs = mem_zero(HASH_COUNT(c->jobs) + 1, sizeof(*out.jobs));
	for (const struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		out.jobs[out.njobs++] = j->def;	/* lent, not copied */
	text = catalogue_export(&out);
	free(out.jobs);
	return text;
}

json_t *
catalog_replica(const struct broker *b)
{
	const struct catalog *c = b->catalog;
	json_t *jobs = json_array(), *cals = json_array();
	json_t *queues = json_array();

	for (const struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		(void)json_array_append_new(jobs, json_pack(
		    "{s:O,s:I,s:I,s:b,s:I}", "job", j->spec->doc, "cursor",
		    (json_int_t)j->cursor.ms, "files", (json_int_t)j->files.ms,
		    "paused", j->paused, "rev", (json_int_t)j->rev));
	for (size_t i = 0; i < c->ncalendars; i++)
		(void)json_array_append_new(cals,
		    calendar_json(&c->calendars[i]));
	for (size_t i = 0; i < c->nqueues; i++)
		(void)json_array_append_new(queues, queue_json(&c->queues[i]));
	return json_pack("{s:I,s:s,s:o,s:o,s:o}", "rev", (json_int_t)c->rev,
	    "zone", b->set.zone, "jobs", jobs, "calendars", cals, "queues",
	    queues);
}

json_t *
catalog_cursors(const struct catalog *c)
{
	json_t *o = json_object();

	for (const struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		(void)json_object_set_new(o, j->def.name,
		    json_integer(j->cursor.ms));
	return o;
}

void
catalog_tell(struct broker *b)
{
	struct roster *r = b->roster;
	json_t *doc = catalog_replica(b);

	for (size_t i = 0; i < r->n; i++) {
		r->agents[i].in_sync = false;
		(void)roster_send(r->members[i], "link.catalogue",
		    json_incref(doc));
	}
	json_decref(doc);
}

static void
rezone(void *arg)
{
	struct broker *b = arg;
	struct batch *batch = batch_new();
	struct cat_job *j;

	for (j = b->catalog->jobs; j != NULL; j = j->hh.next) {
		struct err e;
		struct due *due = due_new(&j->def, b->set.zone,
		    b->catalog->calendars, b->catalog->ncalendars, &e);

		if (due == NULL) {
			log_warn("catalog", "job=%s %s", j->def.name, e.msg);
			continue;
		}
		due_free(j->due);
		j->due = due;
		if (j->def.zone == NULL) {
			j->cursor = catalog_from_now(b, j->def.name, j);
			batch_add(batch, S_CURSOR_PUT, "ti", j->def.name,
			    j->cursor.ms);
		}
	}
	catalog_put_rev(batch, ++b->catalog->rev);
	store_submit(b->store, batch, NULL, NULL);
	catalog_tell(b);
}

void
catalog_rezone(struct broker *b)
{
	catalog_in_turn(b, rezone, b);
}
