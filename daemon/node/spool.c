#include "node/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mutant.h"
#include "core/order.h"
#include "js.h"
#include "log.h"
#include "mem.h"

struct spool {
	struct store	   *store;
	char		    cluster[40];
	struct spool_entry *all;
	int64_t		    epoch, n;	/* numbers given out in it */
};

static struct spool_entry *
insert(struct spool *sp, struct spool_entry *e)
{
	HASH_ADD(hh, sp->all, run, sizeof(e->run), e);
	return e;
}

static void
entry_free(struct spool *sp, struct spool_entry *e)
{
	HASH_DEL(sp->all, e);
	free(e->skip);
	free(e);
}

/* A number is never given out again, or another occurrence would pass for one
 * that the broker has. */
static void
count_number(struct spool *sp, int64_t run)
{
	int64_t epoch = order_alone_epoch(run);
	int64_t n = run - ORDER_ALONE - epoch * ORDER_ALONE_EACH;

	if (epoch > sp->epoch) {
		sp->epoch = epoch;
		sp->n = n;
	} else if (epoch == sp->epoch && n > sp->n)
		sp->n = n;
}

static int
on_row(const struct row *r, void *arg)
{
	struct spool *sp = arg;
	json_t *o = row_text(r, 1) != NULL
	    ? json_loads(row_text(r, 1), 0, NULL) : NULL;
	struct spool_entry *e;

	if (o == NULL) {
		log_error("spool", "cluster=%s run=%lld cannot be read",
		    sp->cluster, (long long)row_int(r, 0));
		return 0;
	}
	e = mem_zero(1, sizeof(*e));
	e->run = row_int(r, 0);
	e->epoch = js_int(o, "epoch", 0);
	(void)MEM_STR(e->job, js_str(o, "job", ""));
	e->first.ms = js_int(o, "first", 0);
	e->last.ms = js_int(o, "at", 0);
	e->count = js_int(o, "count", 1);
	e->skip = mem_dup(js_str(o, "reason", NULL));
	e->made.ms = js_int(o, "made", 0);
	json_decref(o);
	count_number(sp, e->run);
	(void)insert(sp, e);
	return 0;
}

static void
last_key(const struct spool *sp, char key[64])
{
	(void)snprintf(key, 64, "spool.%s", sp->cluster);
}

static int
on_last(const struct row *r, void *arg)
{
	count_number(arg, strtoll(row_text(r, 0), NULL, 10));
	return 1;
}

struct spool *
spool_new(struct store *store, const char *cluster)
{
	struct spool *sp = mem_zero(1, sizeof(*sp));
	char key[64];

	sp->store = store;
	(void)MEM_STR(sp->cluster, cluster);
	(void)store_query(store, S_SPOOL_ALL, on_row, sp, "t", cluster);
	last_key(sp, key);
	(void)store_query(store, S_META_GET, on_last, sp, "t", key);
	return sp;
}

void
spool_free(struct spool *sp)
{
	if (sp == NULL)
		return;
	while (sp->all != NULL)
		entry_free(sp, sp->all);
	free(sp);
}

size_t
spool_count(const struct spool *sp)
{
	return HASH_COUNT(sp->all);
}

bool
spool_full(const struct spool *sp)
{
	return spool_count(sp) >= SPOOL_MAX && !MUTANT(MUTANT_SPOOL_FULL);
}

struct spool_entry *
spool_first(const struct spool *sp)
{
	return sp->all;
}

struct spool_entry *
spool_get(const struct spool *sp, int64_t run)
{
	struct spool_entry *e;

	HASH_FIND(hh, sp->all, &run, sizeof(run), e);
	return e;
}

bool
spool_has(const struct spool *sp, const char *job, wall first)
{
	for (const struct spool_entry *e = sp->all; e != NULL; e = e->hh.next)
		if (e->first.ms == first.ms && strcmp(e->job, job) == 0)
			return true;
	return false;
}

void
spool_span(const struct spool *sp, wall *from, wall *to)
{
	*from = *to = (wall){ 0 };
	for (const struct spool_entry *e = sp->all; e != NULL; e = e->hh.next) {
		if (from->ms == 0 || e->first.ms < from->ms)
			*from = e->first;
		if (e->last.ms > to->ms)
			*to = e->last;
	}
}

struct spool_entry *
spool_add(struct spool *sp, int64_t epoch, const char *job,
    const struct misfire_act *act, const char *skip, wall made,
    struct batch *batch)
{
	struct spool_entry *e;
	int64_t run = order_alone(epoch, epoch == sp->epoch ? sp->n + 1 : 1);
	json_t *doc;
	char *text;

	if (spool_full(sp) || run == 0 || epoch < sp->epoch)
		return NULL;
	count_number(sp, run);
	e = mem_zero(1, sizeof(*e));
	e->run = run;
	e->epoch = epoch;
	(void)MEM_STR(e->job, job);
	e->first = act->first;
	e->last = act->last;
	e->count = act->count;
	e->skip = mem_dup(skip);
	e->made = made;
	doc = spool_json(e, skip != NULL ? "skip" : "fire");
	text = js_dump(doc);
	batch_add(batch, S_SPOOL_PUT, "tit", sp->cluster, run, text);
	free(text);
	json_decref(doc);
	return insert(sp, e);
}

void
spool_undo(struct spool *sp, struct spool_entry *e)
{
	entry_free(sp, e);
}

void
spool_drop(struct spool *sp, struct spool_entry *e, struct batch *batch)
{
	char key[64], last[24];

	batch_add(batch, S_SPOOL_DEL, "ti", sp->cluster, e->run);
	/* Its row was the one that a restart would have counted from.  A holder
	 * that restarts gets a new epoch; numbers do not depend on that. */
	if (e->run == order_alone(sp->epoch, sp->n)) {
		last_key(sp, key);
		(void)snprintf(last, sizeof(last), "%lld", (long long)e->run);
		batch_add(batch, S_META_SET, "tt", key, last);
	}
	entry_free(sp, e);
}

json_t *
spool_json(const struct spool_entry *e, const char *act)
{
	json_t *doc = json_pack("{s:I,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "run",
	    (json_int_t)e->run, "job", e->job, "act", act, "at",
	    (json_int_t)e->last.ms, "first", (json_int_t)e->first.ms, "count",
	    (json_int_t)e->count, "epoch", (json_int_t)e->epoch, "made",
	    (json_int_t)e->made.ms);

	if (e->skip != NULL)
		(void)json_object_set_new(doc, "reason", js_text(e->skip));
	return doc;
}
