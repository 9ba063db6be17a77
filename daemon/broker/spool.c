#include "broker/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/ledger.h"
#include "broker/live.h"
#include "broker/outcome.h"
#include "broker/roster.h"
#include "core/mutant.h"
#include "core/order.h"
#include "js.h"
#include "mem.h"
#include "text.h"

enum {
	TRIES = 3,		/* what changed while it was on its way */
	ALERT_MS = 600000	/* for how long it is said */
};

struct upload {
	struct broker *b;
	int64_t	       member;
	json_t	      *answers;
	size_t	       open;		/* not on disk yet, and one */
	bool	       busy;		/* not all could be stored */
	bool	       last;		/* no more follow */
	spool_done    *done;
	void	      *arg;
};

/* What is on record of the same occurrence. */
struct other {
	int64_t	    run;		/* 0: nothing */
	struct run *live;
	char	    state[16], agent[64];
	bool	    began;		/* some attempt was started */
};

struct item {
	struct upload *u;
	size_t	       at;		/* in answers */
	json_t	      *entry;
	char	       occ[CLOCK_RFC3339];
	wall	       first, last;
	int64_t	       alone;
	int	       tries;
	/* on its way to the disk */
	struct run_set set;		/* made here: to be queued */
	struct run    *run;		/* or started there */
	bool	       adopted;
	bool	       moved;		/* with the cursor */
	int64_t	       recorded;
	struct other   other;		/* on record beside it */
};

/* ---- what operators see of it ---- */

static void
announce(struct broker *b, struct member *m)
{
	if (m->alone.runs + m->alone.others == 0)
		return;			/* all of it was known */
	alert_clear(b->events, b->now.wall, "went_on_alone", m->name);
	alert_raise(b->events, b->now.wall, "went_on_alone", m->name,
	    "%s went on without the broker (on_broker_loss = continue): %"
	    PRId64 " runs and %" PRId64 " occurrences that it did not start "
	    "are on record now; doubled ones are marked (muster event list)",
	    m->name, m->alone.runs, m->alone.others);
	m->alone.runs = m->alone.others = 0;
	m->alone.until = mono_add_ms(b->now.mono, ALERT_MS);
	b->spool_at = mono_min(b->spool_at.us == 0 ? MONO_NEVER : b->spool_at,
	    m->alone.until);
}

static void
counted(const struct item *it)
{
	struct member *m = roster_by_id(it->u->b->roster, it->u->member);

	if (m != NULL && it->run != NULL)
		m->alone.runs++;
	else if (m != NULL)
		m->alone.others++;
}

/* ---- answering ---- */

static void
finish(struct upload *u)
{
	struct member *m;
	struct err e;
	json_t *doc;

	if (--u->open > 0)
		return;
	m = roster_by_id(u->b->roster, u->member);
	if (u->last && !u->busy && m != NULL)
		announce(u->b, m);
	if (u->busy) {
		(void)err_set(&e, ERR_BUSY, "the broker's store takes no "
		    "writes now: tell it again");
		u->done(u->arg, NULL, &e);
	} else {
		doc = json_pack("{s:O}", "entries", u->answers);
		u->done(u->arg, doc, NULL);
		json_decref(doc);
	}
	json_decref(u->answers);
	free(u);
}

static void
item_end(struct item *it)
{
	struct upload *u = it->u;

	json_decref(it->entry);
	free(it);
	finish(u);
}

static void
answer(struct item *it, int64_t run, bool doubled)
{
	(void)json_array_set_new(it->u->answers, it->at, json_pack(
	    "{s:I,s:o,s:b}", "run", (json_int_t)it->alone, "recorded",
	    run != 0 ? json_integer(run) : json_null(), "doubled", doubled));
	item_end(it);
}

static void
refuse(struct item *it, const char *why)
{
	(void)json_array_set_new(it->u->answers, it->at, json_pack(
	    "{s:I,s:s}", "run", (json_int_t)it->alone, "refused", why));
	item_end(it);
}

static void
later(struct item *it)
{
	it->u->busy = true;
	item_end(it);
}

/* ---- what is known ---- */

static int
on_run(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 1;
}

static int
on_hist(const struct row *r, void *arg)
{
	struct other *o = arg;

	(void)MEM_STR(o->state, row_text(r, 6));
	(void)MEM_STR(o->agent, row_text(r, 5) != NULL ? row_text(r, 5) : "");
	o->began = o->began || row_int(r, 10) != 0;
	return 0;
}

static void
look(struct broker *b, const char *job, const char *occ, struct other *o)
{
	*o = (struct other){ 0 };
	for (struct run *r = b->live; r != NULL; r = r->hh.next)
		if (strcmp(r->job, job) == 0 && strcmp(r->occ, occ) == 0 &&
		    (o->live == NULL || r->attempt > o->live->attempt) &&
		    !r->doubled)
			o->live = r;
	if (o->live != NULL) {
		o->run = o->live->id;
		(void)MEM_STR(o->agent, o->live->agent);
		(void)MEM_STR(o->state, run_state_word(o->live->state));
		o->began = o->live->started.ms != 0;
		return;
	}
	if (store_query(b->store, S_OCC_GET, on_run, &o->run, "tt", job,
	    occ) == 1)
		(void)store_query(b->store, S_RUN_HIST_GET, on_hist, o, "i",
		    o->run);
}

/* Recorded here, and sent to this agent, which never got it. */
static bool
never_came(const struct other *o, const struct member *m)
{
	const struct run *r = o->live;

	return r != NULL && !r->accepted && r->alone == 0 &&
	    r->attempt == 1 && !run_ended(r->state) &&
	    (r->agent[0] == '\0' || r->member == m->id);
}

/* Whether it was run, or will be, another time.  One that this agent lost before
 * it said that it started never came: its journal knows all that it started.
 * One that began there went down with the machine. */
static bool
runs_elsewhere(const struct other *o, const struct member *m)
{
	if (o->run == 0)
		return false;
	if (strcmp(o->state, "skipped") == 0 ||
	    strcmp(o->state, "missed") == 0 || strcmp(o->state, "refused") == 0)
		return false;
	return strcmp(o->state, "lost") != 0 ||
	    strcmp(o->agent, m->name) != 0 || o->began;
}

/* ---- recording ---- */

static void take(struct item *);

static void
drop_live(struct broker *b, struct run *r)
{
	dispatch_let_go(b, r);
	live_drop(b, r);
}

/* It is on record twice now. */
static void
tell(const struct item *it)
{
	struct broker *b = it->u->b;
	const struct other *o = &it->other;
	const struct run *r = it->run;

	(void)event_add(b->events, b->now.wall,
	    r->doubled ? SEV_WARN : SEV_NOTICE,
	    r->doubled ? "run_doubled" : "run_alone", r->agent, NULL,
	    json_pack("{s:s,s:s,s:I,s:I}", "job", r->job, "occurrence", r->occ,
	        "run", (json_int_t)r->id, "other", (json_int_t)o->run),
	    r->doubled
	        ? "job %s, %s: %s ran it without the broker (run %" PRId64
	          "), and so did %s (run %" PRId64 ")"
	        : "job %s, %s: %s ran it without the broker (run %" PRId64
	          "), and it is on record as %s (run %" PRId64 ")",
	    r->job, r->occ, r->agent, r->id, !r->doubled ? o->state
	        : o->agent[0] != '\0' ? o->agent : "another agent", o->run);
}

static void
on_stored(enum store_rc rc, void *arg)
{
	struct item *it = arg;
	struct broker *b = it->u->b;

	outcome_stored(b, &it->set, rc);
	if (it->run != NULL)
		it->run->adopting = false;
	if (it->run != NULL && rc == STORE_OK) {
		it->run->stored = true;
		dispatch_placed(b, it->run);
	} else if (it->run != NULL && it->adopted) {
		it->run->alone = 0;
		it->run->accepted = false;
	} else if (it->run != NULL)
		drop_live(b, it->run);
	if (rc == STORE_OK) {
		if (it->moved)
			ledger_moved(b, js_str(it->entry, "job", ""), it->last);
		counted(it);
		if (it->other.run != 0)
			tell(it);
		answer(it, it->recorded, it->run != NULL && it->run->doubled);
		return;
	}
	it->run = NULL;
	it->adopted = false;
	it->other = (struct other){ 0 };
	if (it->moved && rc != STORE_DOWN)
		(void)ledger_cursor(b, js_str(it->entry, "job", ""));
	it->moved = false;
	/* A fire of the same came first: look again. */
	if ((rc == STORE_CONFLICT || rc == STORE_NO) && ++it->tries < TRIES)
		take(it);
	else
		later(it);
}

static void
submit(struct item *it, struct batch *batch)
{
	store_submit(it->u->b->store, batch, on_stored, it);
}

/* Only to the cursor's successor: what lies before it stays due, and the
 * cursor passes over this one when it comes here (ledger.c). */
static void
move_cursor(struct item *it, struct cat_job *j, struct batch *batch)
{
	struct broker *b = it->u->b;

	if (j == NULL || it->first.ms <= j->cursor.ms ||
	    it->last.ms > b->now.wall.ms + b->set.max_skew ||
	    due_next(j->due, j->cursor).ms != it->first.ms)
		return;
	batch_add(batch, S_CURSOR_MOVE, "tii", j->def.name, j->cursor.ms,
	    it->last.ms);
	batch_must(batch);
	j->cursor = it->last;
	it->moved = true;
}

static struct run *
new_run(struct item *it, struct cat_job *j)
{
	struct broker *b = it->u->b;
	struct spec *none = spec_new(NULL);
	char cause[160];
	struct run *r;

	(void)snprintf(cause, sizeof(cause), "%s, without the broker",
	    j != NULL ? due_cause(j->due, it->first) : "schedule");
	r = run_new(b->dispatch->next_id++, 1, js_str(it->entry, "job", ""),
	    it->occ, cause, j != NULL ? j->spec : none);
	spec_unref(none);
	r->epoch = js_int(it->entry, "epoch", 0);
	r->queued.ms = js_int(it->entry, "made", it->first.ms);
	it->recorded = r->id;
	return r;
}

static void
record_skip(struct item *it, struct cat_job *j, const char *reason)
{
	struct batch *batch = batch_new();
	int64_t count = js_int(it->entry, "count", 1);
	struct run *r = new_run(it, j);
	char why[320], last[CLOCK_RFC3339];

	if (count > 1)
		(void)snprintf(why, sizeof(why), "%s; %" PRId64
		    " occurrences, the last %s", reason, count,
		    clock_rfc3339(it->last, last));
	else
		(void)snprintf(why, sizeof(why), "%s", reason);
	r->ended = r->queued;
	move_cursor(it, j, batch);
	run_set_state(r, RUN_SKIPPED, why);
	run_store_end(r, batch, "", 0);
	batch_add(batch, S_OCC_PUT, "tti", r->job, r->occ, r->id);
	run_free(r);
	submit(it, batch);
}

/* Fired there, and waiting when the broker came back. */
static void
record_wait(struct item *it, struct cat_job *j)
{
	struct batch *batch;
	struct broker *b = it->u->b;
	const char *why = j == NULL ? "the job was removed"
	    : j->paused ? "the job is paused"
	    : !j->def.enabled ? "the job is not enabled"
	    : it->first.ms <= j->cursor.ms
	    ? "it was passed over, or the job changed" : NULL;
	char cause[160];

	if (why != NULL) {
		char text[200];

		(void)snprintf(text, sizeof(text), "fired without the broker, "
		    "not started: %s", why);
		record_skip(it, j, text);
		return;
	}
	batch = batch_new();
	move_cursor(it, j, batch);
	(void)snprintf(cause, sizeof(cause), "%s, without the broker",
	    due_cause(j->due, it->first));
	it->set = dispatch_make(b, j, it->occ, cause,
	    roster_by_id(b->roster, it->u->member), j->spec, batch);
	it->recorded = it->set.v[0]->id;
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, it->occ, it->recorded);
	submit(it, batch);
}

/* The run is there: what its agent reports of it is taken as of any other. */
static void
hold_slot(struct broker *b, struct run *r, struct member *m)
{
	run_bind(r, m->id, m->name);
	m->sent++;
	queue_occupy(dispatch_queue(b->dispatch, r));
	run_set_state(r, RUN_DISPATCHED, NULL);
}

static void
adopt(struct item *it, struct run *r, struct member *m)
{
	struct broker *b = it->u->b;
	struct batch *batch = batch_new();

	if (!run_holds_slot(r)) {
		queue_remove(dispatch_queue(b->dispatch, r), r);
		hold_slot(b, r, m);
	} else
		run_set_state(r, RUN_DISPATCHED, NULL);
	r->alone = it->alone;
	r->accepted = r->adopting = true;
	it->run = r;
	it->adopted = true;
	it->recorded = r->id;
	run_store_state(r, batch);
	submit(it, batch);
}

static void
record_start(struct item *it, struct cat_job *j, const struct other *o,
    struct member *m)
{
	struct broker *b = it->u->b;
	struct batch *batch;
	struct run *r;

	if (never_came(o, m)) {
		adopt(it, o->live, m);
		return;
	}
	batch = batch_new();
	r = new_run(it, j);
	r->alone = it->alone;
	r->doubled = runs_elsewhere(o, m) && !MUTANT(MUTANT_SPOOL_DOUBLED);
	r->accepted = r->adopting = true;
	hold_slot(b, r, m);
	live_add(b, r);
	it->run = r;
	if (o->run == 0) {
		move_cursor(it, j, batch);
		batch_add(batch, S_OCC_PUT, "tti", r->job, r->occ, r->id);
	} else {
		it->other = *o;
		it->other.live = NULL;	/* it may have gone by then */
		/* The next one that did it too is to find this run. */
		if (!r->doubled)
			batch_add(batch, S_OCC_RUN, "tti", r->job, r->occ,
			    r->id);
	}
	run_store_new(r, batch);
	submit(it, batch);
}

/* ---- one entry ---- */

struct known {
	int64_t run;
	bool	doubled;
};

static int
on_known(const struct row *r, void *arg)
{
	struct known *k = arg;

	k->run = row_int(r, 0);
	k->doubled = row_int(r, 17) != 0;
	return 1;
}

static void
take(struct item *it)
{
	struct broker *b = it->u->b;
	struct member *m = roster_by_id(b->roster, it->u->member);
	const char *job = js_str(it->entry, "job", "");
	const char *act = js_str(it->entry, "act", "");
	struct cat_job *j = catalog_job(b->catalog, job);
	struct run *r = live_alone(b, it->alone);
	struct known k = { 0 };
	struct other o;

	if (MUTANT(MUTANT_SPOOL_AGAIN))
		r = NULL;
	if (r != NULL && r->stored && !r->adopting) {
		/* From an older copy of its disk, where it had not begun. */
		if (strcmp(act, "start") != 0 && !run_ended(r->state) &&
		    r->member == it->u->member)
			outcome_lose(b, r);
		answer(it, r->id, r->doubled);
		return;
	}
	if (r == NULL)
		(void)store_query(b->store, S_RUN_HIST_ALONE, on_known, &k, "i",
		    it->alone);
	if (k.run != 0 && !MUTANT(MUTANT_SPOOL_AGAIN)) {
		answer(it, k.run, k.doubled);
		return;
	}
	look(b, job, it->occ, &o);
	/* It is just being stored, or how it ended: a run that was refused, and
	 * did nothing, is sent once more if that does not get there. */
	if (r != NULL || m == NULL || (o.live != NULL && (!o.live->stored ||
	    run_ended(o.live->state))))
		later(it);
	else if (strcmp(act, "start") == 0)
		record_start(it, j, &o, m);
	else if (o.run != 0)
		answer(it, o.run, false);
	else if (j != NULL && it->first.ms <= j->cursor.ms &&
	    it->first.ms > ledger_stored(b, job).ms)
		later(it);		/* what passes over it, likewise */
	else if (strcmp(act, "wait") == 0)
		record_wait(it, j);
	else if (j != NULL && it->first.ms <= j->cursor.ms)
		answer(it, 0, false);	/* passed over by another rule */
	else
		record_skip(it, j, js_str(it->entry, "reason",
		    "misfire policy"));
}

/* NULL, or what is wrong with it: then it is none of a musterd's. */
static const char *
wrong(const struct item *it)
{
	const char *act = js_str(it->entry, "act", "");
	int64_t epoch = js_int(it->entry, "epoch", 0);

	if (text_name(js_str(it->entry, "job", ""), "job", NULL) == -1)
		return "no name of a job";
	if (!order_is_alone(it->alone) ||
	    order_alone_epoch(it->alone) != epoch)
		return "its number is not of its epoch";
	if (strcmp(act, "start") != 0 && strcmp(act, "wait") != 0 &&
	    strcmp(act, "skip") != 0)
		return "its act is not known";
	if (it->first.ms <= 0 || it->last.ms < it->first.ms ||
	    (strcmp(act, "skip") != 0 && it->last.ms != it->first.ms))
		return "its times are not in order";
	return NULL;
}

static void
entry(struct upload *u, size_t at, const json_t *doc)
{
	struct item *it = mem_zero(1, sizeof(*it));
	const struct member *m = roster_by_id(u->b->roster, u->member);
	const char *why;

	u->open++;
	it->u = u;
	it->at = at;
	it->entry = json_deep_copy(doc);
	it->alone = js_int(doc, "run", 0);
	it->last.ms = js_int(doc, "at", 0);
	it->first.ms = js_int(doc, "first", it->last.ms);
	(void)json_array_append_new(u->answers, json_null());
	why = wrong(it);
	if (why == NULL) {
		(void)clock_rfc3339(it->first, it->occ);
		take(it);
		return;
	}
	(void)event_add(u->b->events, u->b->now.wall, SEV_WARN,
	    "spool_refused", m->name, NULL, NULL, "%s told of an occurrence "
	    "that cannot be recorded (%s)", m->name, why);
	refuse(it, why);
}

mono
spool_turn(struct broker *b)
{
	mono next = MONO_NEVER;

	if (b->spool_at.us == 0 || b->spool_at.us > b->now.mono.us)
		return b->spool_at.us == 0 ? MONO_NEVER : b->spool_at;
	for (size_t i = 0; i < b->roster->n; i++) {
		struct member *m = b->roster->members[i];

		if (m->alone.until.us == 0)
			continue;
		if (m->alone.until.us > b->now.mono.us) {
			next = mono_min(next, m->alone.until);
			continue;
		}
		m->alone.until.us = 0;
		alert_clear(b->events, b->now.wall, "went_on_alone", m->name);
	}
	b->spool_at = next;
	return next;
}

void
spool_take(struct broker *b, struct member *m, const json_t *params,
    spool_done *done, void *arg)
{
	const json_t *entries = json_object_get(params, "entries");
	struct upload *u = mem_zero(1, sizeof(*u));

	u->b = b;
	u->member = m->id;
	u->answers = json_array();
	u->done = done;
	u->arg = arg;
	u->open = 1;
	u->last = js_int(params, "left", 0) == 0;
	for (size_t i = 0; i < json_array_size(entries); i++)
		entry(u, i, json_array_get(entries, i));
	finish(u);
}
