/* What must have become of it all when no fault is left: nothing waits for
 * nothing, and what the keepers know is on record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/live.h"
#include "broker/roster.h"
#include "core/order.h"
#include "sim_check.h"

enum { SETTLED_S = 20 };	/* somebody is at work, whatever else is wrong */

/* Not all are drained: a calm need not be tidy. */
static bool
somebody_works(const struct broker *b)
{
	for (size_t i = 0; i < b->roster->n; i++)
		if (member_active(b->roster->members[i]) &&
		    b->roster->agents[i].connected &&
		    !b->roster->agents[i].drained)
			return true;
	return false;
}

static bool
is_full(const struct member *m)
{
	return m->cap > 0 && m->sent >= m->cap;
}

/* What was held up by the storm takes its time, where each may run a few: what
 * has its turn after that waits for something. */
static bool
all_full(const struct broker *b, const struct run *r)
{
	if (r->member != 0)
		return is_full(roster_by_id(b->roster, r->member));
	for (size_t i = 0; i < b->roster->n; i++)
		if (member_active(b->roster->members[i]) &&
		    b->roster->agents[i].connected &&
		    !is_full(b->roster->members[i]))
			return false;
	return true;
}

static bool
waits_for_other(const struct broker *b, const struct run *r)
{
	for (const struct run *o = live_first(b); o != NULL; o = o->hh.next)
		if (o != r && strcmp(o->job, r->job) == 0)
			return true;
	return false;
}

static void
nothing_stuck(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	bool works = w->over || somebody_works(b);
	wall now = sim_clock(&w->m[BROKER]).wall;

	for (const struct run *r = live_first(b); r != NULL; r = r->hh.next) {
		wall since;

		if (r->state == RUN_WAITING || r->state == RUN_QUEUED) {
			if (works && r->due.ms < now.ms - 30000 &&
			    r->queued.ms < now.ms - 60000 && (r->aborting ||
			    (!waits_for_other(b, r) && !all_full(b, r))))
				sim_broken(w, RULE_STUCK, "run %lld of %s "
				    "waits for nothing: %s", (long long)r->id,
				    r->job, r->reason != NULL ? r->reason :
				    "");
			continue;
		}
		/* One that ended before it was sent, and is being stored. */
		since = r->dispatched.ms != 0 ? r->dispatched : r->ended;
		if (since.ms < now.ms - 45000)
			sim_broken(w, RULE_STUCK, "run %lld.%lld of %s is %s "
			    "on %s since %lld s", (long long)r->id,
			    (long long)r->attempt, r->job,
			    run_state_word(r->state), r->agent,
			    (long long)((now.ms - since.ms) / 1000));
	}
}

struct told {			/* the state of every run on record */
	struct fact *all;
};

static int
on_ended(const struct row *row, void *arg)
{
	struct told *t = arg;
	enum run_state state = RUN_NSTATES;
	char key[64];

	(void)snprintf(key, sizeof(key), "%lld.%lld",
	    (long long)row_int(row, 0), (long long)row_int(row, 1));
	(void)run_state_of(row_text(row, 6), &state);
	(void)fact_set(&t->all, key, (int64_t)state);
	return 0;
}

static void
kept_is_told(struct world *w, struct machine *m, const struct krun *r,
    struct told *t)
{
	const char *id = strchr(r->id, '.') + 1;
	int64_t run = strtoll(id, NULL, 10), want = r->code == 0
	    ? RUN_SUCCEEDED : RUN_FAILED;
	char own[32];
	const struct fact *f;

	(void)snprintf(own, sizeof(own), "%lld.1", (long long)alone_record(w,
	    run));
	f = fact_get(&t->all, order_is_alone(run) ? own : id);

	if (r->state != KEEPER_EXITED || r->excused || w->now - r->until <
	    60 * (int64_t)SEC)
		return;
	if (f == NULL || (f->n != want && f->n != RUN_ABORTED))
		sim_broken(w, RULE_OUTCOME, "run %s ended on %s with %d, and "
		    "is on record as \"%s\"", id, m->name, r->code, f != NULL ?
		    run_state_word((enum run_state)f->n) : "");
}

/* What the keepers know is what the broker has on record. */
static void
nothing_lost(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	struct told t = { 0 };

	(void)store_query(b->store, S_RUN_HIST_LIST, on_ended, &t, "ii",
	    INT64_MAX, INT64_MAX);
	for (struct fact *f = w->check->runs; f != NULL; f = f->hh.next) {
		if (f->n == 2 && fact_get(&t.all, f->key) == NULL)
			sim_broken(w, RULE_LOST, "run %s ended and is in no "
			    "history", f->key);
		if (f->n == 1 &&
		    live_find(b, strtoll(f->key, NULL, 10)) == NULL)
			sim_broken(w, RULE_LOST, "run %s was recorded and is "
			    "lost", f->key);
	}
	for (int i = 0; i < w->n; i++)
		for (struct krun *r = w->m[i].keeper.runs; r != NULL;
		     r = r->hh.next)
			kept_is_told(w, &w->m[i], r, &t);
	facts_free(&t.all);
}

void
check_end(struct world *w)
{
	const struct check *c = w->check;

	if (c->work == 0 || w->now - c->work < SETTLED_S * (int64_t)SEC)
		return;
	nothing_missed(w);
	memory_is_stored(w);
	picture_is_true(w);
	nothing_stuck(w);
	/* What heals with the next fault is no less wrong; it reads all that
	 * was ever recorded. */
	if (w->over || w->r.commits % 4 == 0)
		nothing_lost(w);
	alone_end(w);
}
