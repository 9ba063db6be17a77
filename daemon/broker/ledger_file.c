#include "broker/ledger_file.h"

#include <limits.h>
#include <stdlib.h>

#include "broker/dispatch.h"
#include "broker/outcome.h"
#include "broker/roster.h"
#include "core/file_trigger.h"
#include "core/mutant.h"
#include "js.h"
#include "mem.h"

enum { KEPT_MS = 86400000 };	/* of a path that has newer ones */

struct file_fire {
	struct broker *b;
	int64_t	       member, id;
	char	       job[64];
	char	      *path;		/* encoded */
	int64_t	       ino, mtime, birth;
	bool	       created;		/* the trigger's event */
	int64_t	       run;		/* the first of its runs */
	struct run_set set;
	void (*answer)(struct broker *, int64_t, json_t *);
};

static void
fire_free(struct file_fire *f)
{
	free(f->path);
	free(f);
}

static json_t *
answer_json(const json_t *fire)
{
	return json_pack("{s:s,s:I}", "job", js_str(fire, "job", ""), "id",
	    (json_int_t)js_int(fire, "id", 0));
}

static json_t *
refuse(const json_t *fire, const char *code, const char *why)
{
	json_t *doc = answer_json(fire);

	(void)json_object_set_new(doc, "refused", json_string(why));
	(void)json_object_set_new(doc, "code", json_string(code));
	return doc;
}

/* For `created` a file is the same as long as its birth is, however often it
 * was written to; where the file system keeps none, its mtime must do. */
static int
on_recorded(const struct row *r, void *arg)
{
	struct file_fire *f = arg;
	int64_t mtime = row_int(r, 0), birth = row_int(r, 1);
	bool same = mtime == f->mtime;

	if (f->created && birth != 0 && f->birth != 0)
		same = birth == f->birth;
	if (same)
		f->run = row_int(r, 2);
	return same;
}

/* The run of one that is on record, or 0. */
static int64_t
recorded(struct file_fire *f)
{
	f->run = 0;
	(void)store_query(f->b->store, S_FILE_GET, on_recorded, f, "tti",
	    f->job, f->path, f->ino);
	return f->run;
}

static void
on_fired(enum store_rc rc, void *arg)
{
	struct file_fire *f = arg;
	json_t *doc = json_pack("{s:s,s:I}", "job", f->job, "id",
	    (json_int_t)f->id);

	outcome_stored(f->b, &f->set, rc);
	if (rc == STORE_CONFLICT && recorded(f) == 0)
		rc = STORE_BUSY;
	if (rc == STORE_OK || rc == STORE_CONFLICT)
		(void)json_object_set_new(doc, "run", json_integer(f->run));
	else {
		(void)json_object_set_new(doc, "refused", json_string(
		    "the broker's store takes no writes (disk full?)"));
		(void)json_object_set_new(doc, "code", json_string("busy"));
	}
	if (rc != STORE_DOWN)
		f->answer(f->b, f->member, doc);
	else
		json_decref(doc);
	fire_free(f);
}

static void
record(struct file_fire *f, struct cat_job *j, struct member *m,
    const struct job_trigger *t)
{
	struct broker *b = f->b;
	struct batch *batch = batch_new();
	char *cause = job_trigger_text(t);
	char *occ = file_occurrence(f->path, f->ino, f->mtime);
	const char *skip = outcome_overlap(b, j);
	struct spec *spec;
	json_t *doc;

	if (skip != NULL)
		f->run = dispatch_skip(b, j, occ, cause, RUN_SKIPPED, skip,
		    batch);
	else {
		doc = json_copy(j->spec->doc);
		(void)json_object_set_new(doc, "file", json_string(f->path));
		spec = spec_new(doc);
		f->set = dispatch_make(b, j, occ, cause, m, spec, batch);
		f->run = f->set.v[0]->id;
		spec_unref(spec);
	}
	batch_add(batch, S_FILE_PUT, "ttiiiii", f->job, f->path, f->ino,
	    f->mtime, f->birth, f->run, b->now.wall.ms);
	batch_add(batch, S_FILE_FORGET, "tti", f->job, f->path,
	    b->now.wall.ms - KEPT_MS);
	free(occ);
	free(cause);
	store_submit(b->store, batch, on_fired, f);
}

/* The trigger that the fire names, as it is in the catalogue now. */
static const struct job_trigger *
trigger_of(const struct cat_job *j, const json_t *fire)
{
	int64_t i = js_int(fire, "trigger", -1);

	if (j == NULL || i < 0 || i >= (int64_t)j->def.ntriggers ||
	    j->def.triggers[i].kind != JOB_FILE)
		return NULL;
	return &j->def.triggers[i];
}

json_t *
ledger_file(struct broker *b, struct member *m, const json_t *fire,
    bool backed, void (*answer)(struct broker *, int64_t, json_t *))
{
	struct cat_job *j = catalog_job(b->catalog, js_str(fire, "job", ""));
	const struct job_trigger *t = trigger_of(j, fire);
	const char *path = js_str(fire, "path", "");
	char raw[PATH_MAX];
	struct file_fire *f;
	json_t *doc;

	if (!backed)
		return refuse(fire, "epoch",
		    "the epoch is not the Scheduler's");
	if (t == NULL || !j->def.enabled || j->paused)
		return refuse(fire, "job",
		    t == NULL ? "the job has no such trigger"
			      : "the job is paused or not enabled");
	if (file_path_decode(path, raw, sizeof(raw)) == -1)
		return refuse(fire, "job", "its path makes no sense");
	f = mem_zero(1, sizeof(*f));
	f->b = b;
	f->member = m->id;
	f->id = js_int(fire, "id", 0);
	f->path = mem_dup(path);
	f->ino = js_int(fire, "ino", 0);
	f->mtime = js_int(fire, "mtime", 0);
	f->birth = js_int(fire, "birth", 0);
	f->created = t->stable == 0 && t->event == JOB_FILE_CREATED;
	f->answer = answer;
	(void)MEM_STR(f->job, j->def.name);
	if (!MUTANT(MUTANT_FILE_AGAIN) && recorded(f) != 0) {
		doc = answer_json(fire);
		(void)json_object_set_new(doc, "run", json_integer(f->run));
		fire_free(f);
		return doc;
	}
	record(f, j, m, t);
	return NULL;
}
