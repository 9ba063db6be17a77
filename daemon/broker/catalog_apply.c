/* What a catalogue text would change, and changing it: one transaction. */
#include <stdlib.h>
#include <string.h>

#include "broker/catalog_impl.h"
#include "broker/catalogue_text.h"
#include "broker/grammar.h"
#include "buf.h"
#include "js.h"
#include "mem.h"
#include "net/session.h"

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
	char *text = js_dump(j->spec->doc);

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

static json_t *
files_of(const json_t *doc)
{
	const json_t *list = json_object_get(doc, "triggers");
	json_t *files = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_object_get(json_array_get(list, i), "file") != NULL)
			(void)json_array_append(files, json_array_get(list, i));
	return files;
}

static bool
same_files(const json_t *a, const json_t *b)
{
	json_t *x = files_of(a), *y = files_of(b);
	bool same = json_equal(x, y) &&
	    js_bool(a, "enabled", true) == js_bool(b, "enabled", true);

	json_decref(x);
	json_decref(y);
	return same;
}

/* Editing a trigger moves its cursor to the time of the edit (SPEC section 4).
 * An `at` in the past is then past as well.  It moves also when a clock that is
 * ahead has brought it further: what is on its way to the disk by the old
 * trigger is not taken then, and would pass over what is due by the new one. */
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
	j->cursor = catalog_from_now(ch->b, j->def.name, was);
	if (was == NULL) {
		plan_add(ch, "add", CATALOGUE_JOB, j->def.name, NULL);
		put_job(ch->batch, j);
		batch_add(ch->batch, S_CURSOR_PUT, "ti", j->def.name,
		    j->cursor.ms);
		catalog_files_from_now(ch->b, j, ch->batch);
		return 0;
	}
	(void)MEM_STR(j->last_agent, was->last_agent);
	j->last = was->last;
	j->paused = was->paused;
	if (same_schedule(was->spec->doc, j->spec->doc))
		j->cursor = was->cursor;
	else if (j->cursor.ms == was->cursor.ms)
		j->cursor.ms++;
	j->files = was->files;
	if (json_equal(was->spec->doc, j->spec->doc)) {
		j->rev = was->rev;
		plan_add(ch, "keep", CATALOGUE_JOB, j->def.name, NULL);
		return 0;
	}
	detail = difference(was->spec->doc, j->spec->doc);
	plan_add(ch, "change", CATALOGUE_JOB, j->def.name, detail);
	free(detail);
	put_job(ch->batch, j);
	if (j->cursor.ms != was->cursor.ms)
		batch_add(ch->batch, S_CURSOR_PUT, "ti", j->def.name,
		    j->cursor.ms);
	if (!same_files(was->spec->doc, j->spec->doc))
		catalog_files_from_now(ch->b, j, ch->batch);
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
			batch_add(ch->batch, S_FILE_FLOOR_DEL, "t",
			    was->def.name);
			continue;
		}
		if (job_of_json(was->spec->doc, &grammar_checks, &def, e) == -1)
			return -1;
		j = cat_job_new(ch->b, ch->next, &def, e);
		job_clear(&def);
		if (j == NULL)
			return -1;
		j->rev = was->rev;
		j->paused = was->paused;
		j->cursor = was->cursor;
		j->files = was->files;
		j->last = was->last;
		(void)MEM_STR(j->last_agent, was->last_agent);
		HASH_ADD_KEYPTR(hh, ch->next->jobs, j->def.name,
		    strlen(j->def.name), j);
	}
	return 0;
}

/* Queues, calendars and flows are alike: lists of documents by name. */
struct kind_ops {
	enum catalogue_kind kind;
	enum stmt	    put, del;
	json_t	 *(*docs)(const struct catalog *);	/* an array */
	void	  (*keep)(struct catalog *, const json_t *doc);
};

#define DOCS(list, to_json)                                                   \
	json_t *all = json_array();                                           \
                                                                              \
	for (size_t i = 0; i < c->n##list; i++)                               \
		(void)json_array_append_new(all, to_json(&c->list[i]));       \
	return all

#define KEEP(list, of_json)                                                   \
	c->list = mem_grow(c->list, (c->n##list + 1) * sizeof(*c->list));     \
	if (of_json(doc, &grammar_checks, &c->list[c->n##list], NULL) == 0)    \
		c->n##list++

static json_t *
queue_docs(const struct catalog *c)
{
	DOCS(queues, queue_json);
}

static json_t *
calendar_docs(const struct catalog *c)
{
	DOCS(calendars, calendar_json);
}

static json_t *
flow_docs(const struct catalog *c)
{
	DOCS(flows, flow_json);
}

static void
queue_keep(struct catalog *c, const json_t *doc)
{
	KEEP(queues, queue_of_json);
}

static void
calendar_keep(struct catalog *c, const json_t *doc)
{
	KEEP(calendars, calendar_of_json);
}

static void
flow_keep(struct catalog *c, const json_t *doc)
{
	KEEP(flows, flow_of_json);
}

static const struct kind_ops kinds[] = {
	{ CATALOGUE_QUEUE, S_QUEUE_PUT, S_QUEUE_DEL, queue_docs, queue_keep },
	{ CATALOGUE_CALENDAR, S_CALENDAR_PUT, S_CALENDAR_DEL, calendar_docs,
	    calendar_keep },
	{ CATALOGUE_FLOW, S_FLOW_PUT, S_FLOW_DEL, flow_docs, flow_keep },
};

static const json_t *
doc_named(const json_t *docs, const char *name)
{
	for (size_t i = 0; i < json_array_size(docs); i++)
		if (strcmp(js_str(json_array_get(docs, i), "name", ""), name) ==
		    0)
			return json_array_get(docs, i);
	return NULL;
}

static void
plan_doc(struct change *ch, const struct kind_ops *k, const json_t *was,
    const json_t *is)
{
	const char *name = js_str(is, "name", "");
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

/* What the text has, then what stays or is pruned. */
static void
plan_kind(struct change *ch, const struct kind_ops *k, bool prune)
{
	json_t *was = k->docs(ch->b->catalog), *is = k->docs(ch->next), *doc;
	size_t i;

	json_array_foreach(is, i, doc)
		plan_doc(ch, k, doc_named(was, js_str(doc, "name", "")), doc);
	json_array_foreach(was, i, doc) {
		const char *name = js_str(doc, "name", "");

		if (doc_named(is, name) != NULL)
			continue;
		if (prune) {
			plan_add(ch, "remove", k->kind, name, NULL);
			batch_add(ch->batch, k->del, "t", name);
		} else
			k->keep(ch->next, doc);
	}
	json_decref(was);
	json_decref(is);
}

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
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		plan_kind(ch, &kinds[i], prune);
	for (size_t i = 0; i < text->njobs; i++)
		if (plan_job(ch, &text->jobs[i], e) == -1)
			return -1;
	return plan_rest(ch, prune, e);
}

static size_t
length_of(json_t *o)
{
	size_t n = json_dumpb(o, NULL, 0, JSON_COMPACT);

	json_decref(o);
	return n;
}

/* Agents get the catalogue in one message: a larger one would be stored, and
 * nobody told of it, so that nobody could be the Scheduler.  A job's numbers
 * are taken to be as long as they get.  Flows stay here; the cursors of a grant
 * are less. */
static int
check_length(const struct catalog *c, const char *file, struct err *e)
{
	enum { MOST = SESSION_LINE - 4096 };
	static const char numbers[] = "{\"job\":,\"cursor\":1234567890123,"
	    "\"files\":1234567890123,\"paused\":false,\"rev\":1234567890},";
	size_t n = length_of(calendar_docs(c)) + length_of(queue_docs(c));

	for (const struct cat_job *j = c->jobs; j != NULL; j = j->hh.next)
		n += length_of(json_incref(j->spec->doc)) + sizeof(numbers) - 1;
	if (n <= MOST)
		return 0;
	return err_set(e, ERR_USAGE, "%s: the catalogue would be %zu bytes for "
	    "agents, and at most %d bytes can be sent: make it of fewer or "
	    "shorter jobs, and remove what is not needed (muster job remove)",
	    file, n, MOST);
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

/* Cursors and the marks of last runs moved on while the text was stored, or went
 * back: a fire that was on its way to the disk did not get there.  An edited
 * trigger's is the text's own: what was to move it since is not taken. */
static void
carry_over(struct catalog *was, struct catalog *next)
{
	struct cat_job *j;

	for (j = next->jobs; j != NULL; j = j->hh.next) {
		const struct cat_job *w = catalog_job(was, j->def.name);

		if (w == NULL)
			continue;
		if (same_schedule(w->spec->doc, j->spec->doc))
			j->cursor = w->cursor;
		if (same_files(w->spec->doc, j->spec->doc))
			j->files = w->files;
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
		(void)store_err(rc, &e, "apply");
		ch->done(ch->arg, NULL, &e);
		catalog_changed(b);
		change_free(ch);
		return;
	}
	carry_over(b->catalog, ch->next);
	ch->next->applied = b->catalog->applied + 1;
	catalog_free(b->catalog);
	b->catalog = ch->next;
	ch->next = NULL;
	(void)event_add(b->events, b->now.wall, SEV_AUDIT, "catalogue_applied",
	    b->node, ch->actor, json_pack("{s:I}", "revision",
	    (json_int_t)b->catalog->rev), "catalogue revision %lld",
	    (long long)b->catalog->rev);
	catalog_tell(b);
	ch->done(ch->arg, ch->result, NULL);
	catalog_changed(b);
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
	struct catalogue_context ctx = { .checks = grammar_checks,
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
	    plan(ch, &parsed, prune, &e) == -1 ||
	    check_length(ch->next, file, &e) == -1) {
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

			catalog_put_rev(batch, ch->next->rev);
			ch->batch = NULL;
			catalog_change(b, batch, on_applied, ch);
		}
	}
	catalogue_clear(&parsed);
	catalogue_warnings_clear(&warn);
}

