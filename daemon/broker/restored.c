#include "broker/restored.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/scheduler.h"
#include "log.h"
#include "mem.h"

enum {
	SINGLY = 100,		/* missed occurrences told one by one, a job */
	/* More runs than these cannot have been started since the backup. */
	RUNS_EACH_SECOND = 2000,
	RUNS_AT_LEAST = 100000
};

static int
on_text(const struct row *r, void *arg)
{
	(void)mem_str(arg, 64, row_text(r, 0));
	return 1;
}

static int
on_number(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 1;
}

static void
miss(struct broker *b, const struct cat_job *j, wall first, wall last,
    int64_t count, struct batch *batch)
{
	char occ[CLOCK_RFC3339], end[CLOCK_RFC3339], why[160];
	int64_t run = 0;

	(void)clock_rfc3339(first, occ);
	if (store_query(b->store, S_OCC_GET, on_number, &run, "tt",
	        j->def.name, occ) == 1)
		return;			/* it has its run */
	if (count > 1)
		(void)snprintf(why, sizeof(why), "missed (restored); %" PRId64
		    " occurrences, the last %s", count,
		    clock_rfc3339(last, end));
	else
		(void)snprintf(why, sizeof(why), "missed (restored): it came "
		    "due after the backup; whether it ran is not known");
	run = dispatch_skip(b, j, occ, due_cause(j->due, first), RUN_MISSED,
	    why, batch);
	batch_add(batch, S_OCC_PUT, "tti", j->def.name, occ, run);
}

static void
miss_due(struct broker *b, struct cat_job *j, struct batch *batch)
{
	wall at = j->cursor, first, last;
	int64_t count = 0;

	if (due_next(j->due, at).ms > b->now.wall.ms)
		return;
	if (!j->def.enabled || j->paused)
		return;
	while ((at = due_next(j->due, at)).ms <= b->now.wall.ms) {
		if (count >= SINGLY)
			last = at;
		else
			miss(b, j, at, at, 1, batch);
		if (count++ == SINGLY)
			first = at;
		j->cursor = at;
	}
	if (count > SINGLY)
		miss(b, j, first, last, count - SINGLY, batch);
	batch_add(batch, S_CURSOR_PUT, "ti", j->def.name, j->cursor.ms);
}

/* One that was on its way or running is asked for at its agent, and is lost if
 * that does not know it; one that waited may have been sent since. */
static void
doubt(struct run *r, const char *when, struct batch *batch)
{
	char why[160];

	if (run_holds_slot(r)) {
		r->accepted = true;	/* so that it is not sent once more */
		run_set_state(r, RUN_UNKNOWN, "the broker was restored from a "
		    "backup");
		run_store_state(r, batch);
		return;
	}
	(void)snprintf(why, sizeof(why), "restored from a backup of %s, when "
	    "it was %s: whether it ran since is not known (muster run retry)",
	    when, run_state_word(r->state));
	run_set_state(r, RUN_LOST, why);
	run_store_end(r, batch, "", 0);
}

static void
doubt_all(struct broker *b, const char *when, struct batch *batch)
{
	struct run *r, *tmp;

	HASH_ITER(hh, b->live, r, tmp) {
		bool held = run_holds_slot(r);

		if (!held)
			dispatch_let_go(b, r);
		r->ended = b->now.wall;
		doubt(r, when, batch);
		if (held) {
			r->ended.ms = 0;
			continue;
		}
		live_drop(b, r);
	}
}

/* Agents keep journals of what they were sent by number: none may come again. */
static void
jump(struct broker *b, wall since, struct batch *batch)
{
	int64_t s = (b->now.wall.ms - since.ms) / 1000;

	dispatch_jump(b, RUNS_AT_LEAST + (s > 0 ? s * RUNS_EACH_SECOND : 0),
	    batch);
}

int
restored_settle(struct broker *b, struct err *e)
{
	char when[64] = "";
	struct cat_job *j, *tmp;
	struct batch *batch;
	wall since;

	if (store_query(b->store, S_META_GET, on_text, when, "t",
	        RESTORED_META) != 1)
		return 0;
	if (clock_parse(when, &since, e) == -1)
		since = b->now.wall;
	batch = batch_new();
	jump(b, since, batch);
	scheduler_restored(b, batch);
	doubt_all(b, when, batch);
	HASH_ITER(hh, b->catalog->jobs, j, tmp) {
		miss_due(b, j, batch);
		/* Files since the backup: it is not known which of them ran. */
		catalog_files_from_now(b, j, batch);
	}
	batch_add(batch, S_META_DEL, "t", RESTORED_META);
	if (store_write(b->store, batch) != STORE_OK)
		return err_set(e, ERR_IO, "the restored store takes no writes: "
		    "free disk space, then start again");
	(void)event_add(b->events, b->now.wall, SEV_WARN, "restored", b->node,
	    NULL, NULL, "restored from a backup of %s: control is manual and "
	    "nobody is ON; look at the runs since then, then: muster setting "
	    "set control=auto, muster agent on NAME", when);
	log_warn("broker", "restored from a backup of %s: control is manual, "
	    "and an operator has to turn a Scheduler on", when);
	return 0;
}
