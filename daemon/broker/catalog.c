#include "broker/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalogue_text.h"
#include "broker/roster.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "text.h"

static void
cat_job_free(struct cat_job *j)
{
	job_clear(&j->def);
	json_decref(j->doc);
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
	if (o == NULL || calendar_of_json(o, &broker_checks,
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
	if (o == NULL || queue_of_json(o, &broker_checks,
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
	if (o == NULL || flow_of_json(o, &broker_checks, &c->flows[c->nflows],
	                     l->e) == -1)
		l->bad = true;
	else
		c->nflows++;
	json_decref(o);
	return l->bad;
}

/* Takes the content of def; doc and due are made of it.  NULL when its schedule
 * makes no sense. */
static struct cat_job *
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
	j->doc = job_json(&j->def);
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

	if (o != NULL && job_of_json(o, &broker_checks, &def, l->e) == 0) {
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

/* A revision is never used twice, not even after what it named was removed. */
static void
put_rev(struct batch *batch, int64_t rev)
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
	for (struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		(void)store_query(b->store, S_RUN_LAST_BY_JOB, on_last, j, "t",
		    j->def.name);
	return c;
}

/* ---- applying ---- */

/* One applied text on its way to the disk: the catalogue as it will be. */
struct change {
	struct broker  *b;
	struct catalog *next;
	json_t	       *result;
	catalog_done   *done;
	void	       *arg;
	char	       *actor;
	struct batch   *batch;
	json_t	       *plan;		/* within result */
};

static void
plan_add(struct change *ch, const char *action, enum catalogue_kind kind,
    const char *name, const char *detail)
{
	(void)json_array_append_new(ch->plan, json_pack("{s:s,s:s,s:s,s:o}",
	    "action", action, "kind", catalogue_kind_word(kind), "name", name,
	    "detail", js_text(detail)));
}

/* The names of the fields in which two documents differ, "timeout, grace". */
static char *
difference(const json_t *was, const json_t *is)
{
	struct buf b = BUF_INIT(4096);
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)is, key, v)
		if (!json_equal(v, json_object_get(was, key)))
			buf_fmt(&b, "%s%s", b.len > 0 ? ", " : "", key);
	json_object_foreach((json_t *)was, key, v)
		if (json_object_get(is, key) == NULL)
			buf_fmt(&b, "%s%s", b.len > 0 ? ", " : "", key);
	return buf_steal(&b);
}

static void
put_doc(struct change *ch, enum stmt stmt, const char *name, const json_t *doc)
{
	char *text = js_dump(doc);

	batch_add(ch->batch, stmt, "tit", name, ch->next->rev, text);
	free(text);
}

static void
put_job(struct batch *batch, const struct cat_job *j)
{
	char *text = js_dump(j->doc);

	batch_add(batch, S_JOB_PUT, "titii", j->def.name, j->rev, text,
	    (int64_t)j->def.enabled, (int64_t)j->paused);
	free(text);
}

static bool
same_schedule(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "triggers", "zone", "exclude",
		"include", "enabled" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_equal(json_object_get(a, keys[i]),
		        json_object_get(b, keys[i])) &&
		    (json_object_get(a, keys[i]) != NULL ||
			json_object_get(b, keys[i]) != NULL))
			return false;
	return true;
}

/* Editing a trigger moves its cursor to the time of the edit (SPEC section 4).
 * An `at` in the past is then past as well. */
static int
plan_job(struct change *ch, struct job *def, struct err *e)
{
	const struct cat_job *was = catalog_job(ch->b->catalog, def->name);
	struct cat_job *j = cat_job_new(ch->b, ch->next, def, e);
	char *detail;

	if (j == NULL)
		return -1;
	HASH_ADD_KEYPTR(hh, ch->next->jobs, j->def.name, strlen(j->def.name),
	    j);
	j->rev = ch->next->rev;
	j->cursor = ch->b->now.wall;
	if (was == NULL) {
		plan_add(ch, "add", CATALOGUE_JOB, j->def.name, NULL);
		put_job(ch->batch, j);
		batch_add(ch->batch, S_CURSOR_PUT, "ti", j->def.name,
		    j->cursor.ms);
		return 0;
	}
	(void)MEM_STR(j->last_agent, was->last_agent);
	j->last = was->last;
	j->paused = was->paused;
	if (same_schedule(was->doc, j->doc))
		j->cursor = was->cursor;
	if (json_equal(was->doc, j->doc)) {
		j->rev = was->rev;
		plan_add(ch, "keep", CATALOGUE_JOB, j->def.name, NULL);
		return 0;
	}
	detail = difference(was->doc, j->doc);
	plan_add(ch, "change", CATALOGUE_JOB, j->def.name, detail);
	free(detail);
	put_job(ch->batch, j);
	if (j->cursor.ms != was->cursor.ms)
		batch_add(ch->batch, S_CURSOR_PUT, "ti", j->def.name,
		    j->cursor.ms);
	return 0;
}

/* A job that the text does not mention stays, unless it is pruned. */
static int
plan_rest(struct change *ch, bool prune, struct err *e)
{
	const struct cat_job *was;

	for (was = ch->b->catalog->jobs; was != NULL; was = was->hh.next) {
		struct cat_job *j;
		struct job def;

		if (catalog_job(ch->next, was->def.name) != NULL)
			continue;
		if (prune) {
			plan_add(ch, "remove", CATALOGUE_JOB, was->def.name,
			    NULL);
			batch_add(ch->batch, S_JOB_DEL, "t", was->def.name);
			batch_add(ch->batch, S_CURSOR_DEL, "t", was->def.name);
			continue;
		}
		if (job_of_json(was->doc, &broker_checks, &def, e) == -1)
			return -1;
		j = cat_job_new(ch->b, ch->next, &def, e);
		job_clear(&def);
		if (j == NULL)
			return -1;
		j->rev = was->rev;
		j->paused = was->paused;
		j->cursor = was->cursor;
		j->last = was->last;
		(void)MEM_STR(j->last_agent, was->last_agent);
		HASH_ADD_KEYPTR(hh, ch->next->jobs, j->def.name,
		    strlen(j->def.name), j);
	}
	return 0;
}

/* Queues, calendars and flows are alike: a list of documents by name. */
struct kind_ops {
	enum catalogue_kind kind;
	enum stmt	    put, del;
};
static const struct kind_ops kind_queue = { CATALOGUE_QUEUE, S_QUEUE_PUT,
	S_QUEUE_DEL };
static const struct kind_ops kind_calendar = { CATALOGUE_CALENDAR,
	S_CALENDAR_PUT, S_CALENDAR_DEL };
static const struct kind_ops kind_flow = { CATALOGUE_FLOW, S_FLOW_PUT,
	S_FLOW_DEL };

static void
plan_doc(struct change *ch, const struct kind_ops *k, const char *name,
    const json_t *was, const json_t *is)
{
	char *detail;

	if (was != NULL && json_equal(was, is)) {
		plan_add(ch, "keep", k->kind, name, NULL);
		return;
	}
	detail = was != NULL ? difference(was, is) : NULL;
	plan_add(ch, was != NULL ? "change" : "add", k->kind, name, detail);
	free(detail);
	put_doc(ch, k->put, name, is);
}

/* For each of the three lists: what the text has, then what stays. */
#define PLAN_LIST(ch, prune, T, list, n, ops, to_json, of_json)               \
	do {                                                                  \
		const struct catalog *was_ = (ch)->b->catalog;                \
		for (size_t i_ = 0; i_ < (ch)->next->n; i_++) {               \
			json_t *old_ = NULL;                                  \
			json_t *doc_ = to_json(&(ch)->next->list[i_]);        \
			for (size_t k_ = 0; k_ < was_->n; k_++)               \
				if (strcmp(was_->list[k_].name,               \
				        (ch)->next->list[i_].name) == 0)      \
					old_ = to_json(&was_->list[k_]);      \
			plan_doc((ch), &(ops), (ch)->next->list[i_].name,     \
			    old_, doc_);                                      \
			json_decref(old_);                                    \
			json_decref(doc_);                                    \
		}                                                             \
		for (size_t k_ = 0; k_ < was_->n; k_++) {                     \
			bool there_ = false;                                  \
			json_t *doc_;                                         \
			for (size_t i_ = 0; i_ < (ch)->next->n; i_++)         \
				there_ |= strcmp(was_->list[k_].name,         \
				              (ch)->next->list[i_].name) == 0;\
			if (there_)                                           \
				continue;                                     \
			if (prune) {                                          \
				plan_add((ch), "remove", (ops).kind,          \
				    was_->list[k_].name, NULL);               \
				batch_add((ch)->batch, (ops).del, "t",        \
				    was_->list[k_].name);                     \
				continue;                                     \
			}                                                     \
			doc_ = to_json(&was_->list[k_]);                      \
			(ch)->next->list = mem_grow((ch)->next->list,         \
			    ((ch)->next->n + 1) * sizeof(T));                 \
			if (of_json(doc_, &broker_checks,                     \
			        &(ch)->next->list[(ch)->next->n], NULL) == 0) \
				(ch)->next->n++;                              \
			json_decref(doc_);                                    \
		}                                                             \
	} while (0)

static int
plan(struct change *ch, struct catalogue *text, bool prune, struct err *e)
{
	struct catalog *next = ch->next;

	next->queues = text->queues;
	next->nqueues = text->nqueues;
	next->calendars = text->calendars;
	next->ncalendars = text->ncalendars;
	next->flows = text->flows;
	next->nflows = text->nflows;
	text->queues = NULL;
	text->calendars = NULL;
	text->flows = NULL;
	text->nqueues = text->ncalendars = text->nflows = 0;
	PLAN_LIST(ch, prune, struct queue_def, queues, nqueues, kind_queue,
	    queue_json, queue_of_json);
	PLAN_LIST(ch, prune, struct calendar_def, calendars, ncalendars,
	    kind_calendar, calendar_json, calendar_of_json);
	PLAN_LIST(ch, prune, struct flow_def, flows, nflows, kind_flow,
	    flow_json, flow_of_json);
	for (size_t i = 0; i < text->njobs; i++)
		if (plan_job(ch, &text->jobs[i], e) == -1)
			return -1;
	return plan_rest(ch, prune, e);
}

static void
change_free(struct change *ch)
{
	catalog_free(ch->next);
	json_decref(ch->result);
	batch_free(ch->batch);
	free(ch->actor);
	free(ch);
}

/* Cursors and the marks of last runs moved on while the text was stored. */
static void
carry_over(struct catalog *was, struct catalog *next)
{
	struct cat_job *j;

	for (j = next->jobs; j != NULL; j = j->hh.next) {
		const struct cat_job *w = catalog_job(was, j->def.name);

		if (w == NULL)
			continue;
		if (same_schedule(w->doc, j->doc))
			j->cursor = w->cursor;
		j->last = w->last;
	}
}

static void
on_applied(enum store_rc rc, void *arg)
{
	struct change *ch = arg;
	struct broker *b = ch->b;
	struct err e;

	if (rc != STORE_OK) {
		(void)err_set(&e, ERR_IO,
		    "apply: nothing was stored: %s (muster doctor)",
		    store_rc_word(rc));
		ch->done(ch->arg, NULL, &e);
		change_free(ch);
		return;
	}
	carry_over(b->catalog, ch->next);
	catalog_free(b->catalog);
	b->catalog = ch->next;
	ch->next = NULL;
	(void)event_add(b->events, b->now.wall, SEV_AUDIT, "catalogue_applied",
	    b->node, ch->actor, json_pack("{s:I}", "revision",
	    (json_int_t)b->catalog->rev), "catalogue revision %lld",
	    (long long)b->catalog->rev);
	roster_catalog_changed(b);
	ch->done(ch->arg, ch->result, NULL);
	change_free(ch);
}

static bool
exists(enum catalogue_kind kind, const char *name, void *arg)
{
	const struct catalog *c = arg;

	switch (kind) {
	case CATALOGUE_JOB:
		return catalog_job(c, name) != NULL;
	case CATALOGUE_QUEUE:
		return catalog_queue(c, name) != NULL;
	case CATALOGUE_CALENDAR:
		for (size_t i = 0; i < c->ncalendars; i++)
			if (strcmp(c->calendars[i].name, name) == 0)
				return true;
		return false;
	case CATALOGUE_FLOW:
	case CATALOGUE_NKINDS:
		break;
	}
	return false;
}

static json_t *
warnings_json(const struct catalogue_warnings *w, const char *file)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->n; i++) {
		char *text = mem_fmt("%s:%d: %s", file, w->v[i].line,
		    w->v[i].text);

		(void)json_array_append_new(list, js_text(text));
		free(text);
	}
	return list;
}

void
catalog_apply(struct broker *b, const char *text, const char *file,
    bool dry_run, bool prune, const char *actor, catalog_done *done, void *arg)
{
	struct catalogue_context ctx = { .checks = broker_checks,
		.exists = exists, .arg = b->catalog };
	struct catalogue parsed = { 0 };
	struct catalogue_warnings warn = { 0 };
	struct change *ch = mem_zero(1, sizeof(*ch));
	struct err e = { 0 };

	ch->b = b;
	ch->done = done;
	ch->arg = arg;
	ch->actor = mem_dup(actor);
	ch->batch = batch_new();
	ch->next = mem_zero(1, sizeof(*ch->next));
	ch->next->rev = b->catalog->rev + 1;
	ch->plan = json_array();
	ch->result = json_pack("{s:o}", "plan", ch->plan);
	if (catalogue_parse(text, file, &ctx, &parsed, &warn, &e) == -1 ||
	    plan(ch, &parsed, prune, &e) == -1) {
		done(arg, NULL, &e);
		change_free(ch);
	} else {
		(void)json_object_set_new(ch->result, "warnings",
		    warnings_json(&warn, file));
		(void)json_object_set_new(ch->result, "dry_run",
		    json_boolean(dry_run));
		(void)json_object_set_new(ch->result, "revision",
		    json_integer(dry_run ? b->catalog->rev : ch->next->rev));
		if (dry_run) {
			done(arg, ch->result, NULL);
			change_free(ch);
		} else {
			struct batch *batch = ch->batch;

			put_rev(batch, ch->next->rev);
			ch->batch = NULL;
			store_submit(b->store, batch, on_applied, ch);
		}
	}
	catalogue_clear(&parsed);
	catalogue_warnings_clear(&warn);
}

/* ---- single jobs ---- */

struct single {
	struct broker *b;
	char	       name[64];
	bool	       paused, removed;
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
		(void)err_set(&e, ERR_IO, "job \"%s\": nothing was stored: %s",
		    s->name, store_rc_word(rc));
		s->done(s->arg, NULL, &e);
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
	}
	roster_catalog_changed(s->b);
	result = json_pack("{s:s}", "job", s->name);
	s->done(s->arg, result, NULL);
	json_decref(result);
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

/* A resumed job goes on from now: what came due in its pause was not wanted. */
void
catalog_pause(struct broker *b, struct cat_job *j, bool paused,
    catalog_done *done, void *arg)
{
	struct single *s = single_new(b, j, done, arg);
	struct batch *batch = batch_new();
	char *text = js_dump(j->doc);

	s->paused = paused;
	batch_add(batch, S_JOB_PUT, "titii", j->def.name, b->catalog->rev + 1,
	    text, (int64_t)j->def.enabled, (int64_t)paused);
	if (!paused) {
		j->cursor = b->now.wall;
		batch_add(batch, S_CURSOR_PUT, "ti", j->def.name,
		    j->cursor.ms);
	}
	free(text);
	put_rev(batch, b->catalog->rev + 1);
	store_submit(b->store, batch, on_single, s);
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
	put_rev(batch, b->catalog->rev + 1);
	store_submit(b->store, batch, on_single, s);
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

	for (const struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		(void)json_array_append_new(jobs, json_pack(
		    "{s:O,s:I,s:b,s:I}", "job", j->doc, "cursor",
		    (json_int_t)j->cursor.ms, "paused", j->paused, "rev",
		    (json_int_t)j->rev));
	for (size_t i = 0; i < c->ncalendars; i++)
		(void)json_array_append_new(cals,
		    calendar_json(&c->calendars[i]));
	return json_pack("{s:I,s:s,s:o,s:o}", "rev", (json_int_t)c->rev,
	    "zone", b->set.zone, "jobs", jobs, "calendars", cals);
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
catalog_rezone(struct broker *b)
{
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
			j->cursor = b->now.wall;
			batch_add(batch, S_CURSOR_PUT, "ti", j->def.name,
			    j->cursor.ms);
		}
	}
	put_rev(batch, ++b->catalog->rev);
	store_submit(b->store, batch, NULL, NULL);
	roster_catalog_changed(b);
}
