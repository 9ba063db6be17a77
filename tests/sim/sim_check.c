/* What SPEC section 4 promises, looked at after every event, at every commit of
 * the broker, at every grant and every start of a run, and, when no fault is
 * left, what must have become of it all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/live.h"
#include "broker/placing.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/order.h"
#include "js.h"
#include "mem.h"
#include "sim.h"

enum {
	LINK_S = 45,		/* dials wait 10 s, then back off */
	WELL_S = 5,		/* what was late is made up for */
	SEEN_S = 30,		/* files are looked at, late ones again */
	SETTLED_S = 20		/* … whatever else is wrong */
};

struct fact {			/* by text */
	char	       key[120];
	int64_t	       n;
	UT_hash_handle hh;
};

struct check {
	struct fact *sets;	/* "job|occ": the commit that made its runs */
	struct fact *runs;	/* "run.attempt": 1 live, 2 ended */
	struct fact *starts;	/* "run.attempt": machine + 1 */
	struct fact *cursors;	/* job: in ms */
	struct fact *epochs;	/* epoch: machine + 1 */
	int64_t	     commit, epoch, granted;
	int64_t	     holder;	/* the member, on the broker's disk */
	int64_t	     editing;	/* edits of the catalogue on their way */
	bool	     foreign;	/* the fire that is looked at: see check_fire */
	int64_t	     looked;	/* at what is due */
	int64_t	     counted;	/* what waits for a slot */
	int64_t	     well;	/* since then nothing is wrong … */
	int	     at_work;	/* … with the broker and this one */
	int64_t	     quiet;	/* since then no fault; 0: not */
	int64_t	     fit;	/* since then somebody is eligible */
	int64_t	     work;	/* since then somebody is at work */
	bool	     settled, linked;
	int64_t	     waited;	/* looked whether it has settled */
};

static struct fact *
fact_get(struct fact **all, const char *key)
{
	struct fact *f;

	HASH_FIND_STR(*all, key, f);
	return f;
}

static struct fact *
fact_set(struct fact **all, const char *key, int64_t n)
{
	struct fact *f = fact_get(all, key);

	if (f == NULL) {
		f = mem_zero(1, sizeof(*f));
		(void)MEM_STR(f->key, key);
		HASH_ADD_STR(*all, key, f);
	}
	f->n = n;
	return f;
}

static void
facts_free(struct fact **all)
{
	struct fact *f, *tmp;

	HASH_ITER(hh, *all, f, tmp) {
		HASH_DEL(*all, f);
		free(f);
	}
}

void
check_make(struct world *w)
{
	w->check = mem_zero(1, sizeof(*w->check));
	alone_make(w);
}

void
check_free(struct world *w)
{
	facts_free(&w->check->sets);
	facts_free(&w->check->runs);
	facts_free(&w->check->starts);
	facts_free(&w->check->cursors);
	facts_free(&w->check->epochs);
	free(w->check);
	alone_free_all(w);
}

/* From the request of an edit until its answer, or the broker's death. */
void
check_edit(struct world *w, int64_t n)
{
	struct check *c = w->check;

	c->editing = n == 0 || c->editing + n < 0 ? 0 : c->editing + n;
}

/* A fire that the machine may not have the right to. */
void
check_fire(struct world *w, const struct machine *from, const json_t *params)
{
	struct check *c = w->check;
	const struct member *mb;

	c->foreign = false;
	if (from == NULL)
		return;
	mb = machine_member((struct machine *)from);
	c->foreign = mb == NULL || mb->id != c->holder ||
	    js_int(params, "epoch", 0) != c->epoch;
}

void
check_submit(struct world *w, const struct batch *b)
{
	if (w->check == NULL || !w->check->foreign)
		return;
	for (unsigned i = 0; i < b->nops; i++)
		if (b->ops[i].stmt == S_CURSOR_MOVE)
			sim_broken(w, RULE_FOREIGN, "a fire of another epoch, "
			    "or of another than the Scheduler, is taken");
}

/* ---- commits of the broker ---- */

static int64_t
number(const struct batch *b, const struct batch_op *op, unsigned i)
{
	return b->params[op->first + i].number;
}

static void
text(const struct batch *b, const struct batch_op *op, unsigned i, char out[64])
{
	const struct batch_param *p = &b->params[op->first + i];
	size_t n = p->len < 63 ? p->len : 63;

	memcpy(out, b->data.p + p->off, n);
	out[n] = '\0';
}

static const char *
run_key(const struct batch *b, const struct batch_op *op, char out[64])
{
	(void)snprintf(out, 64, "%lld.%lld", (long long)number(b, op, 0),
	    (long long)number(b, op, 1));
	return out;
}

static bool
has(const struct batch *b, enum stmt stmt, const struct batch_op *same)
{
	for (unsigned i = 0; i < b->nops; i++)
		if (b->ops[i].stmt == stmt &&
		    number(b, &b->ops[i], 0) == number(b, same, 0) &&
		    number(b, &b->ops[i], 1) == number(b, same, 1))
			return true;
	return false;
}

/* By which number of its own a node did it, and whether another did, too. */
static int64_t
alone_number(const struct batch *b, const struct batch_op *op, bool *doubled)
{
	const struct batch_param *p;

	if (op->stmt == S_RUN_END) {
		*doubled = number(b, op, 17) != 0;
		return number(b, op, 18);
	}
	p = &b->params[op->first + (op->stmt == S_RUN_NEW ? 11 : 6)];
	return alone_of_body(b->data.p + p->off, p->len, doubled);
}

/* One set of runs for one occurrence, and never a second, but for what a node
 * did without the broker. */
static void
new_run(struct world *w, const struct batch *b, const struct batch_op *op)
{
	struct check *c = w->check;
	char job[64], occ[64], key[120], id[64];
	bool doubled;
	int64_t alone = alone_number(b, op, &doubled);
	struct fact *f;

	text(b, op, 2, job);
	text(b, op, 3, occ);
	(void)snprintf(key, sizeof(key), "%.50s|%.50s", job, occ);
	f = fact_get(&c->sets, key);
	if (doubled && f == NULL)
		sim_broken(w, RULE_DOUBLED, "%s (%s) is marked as doubled, and "
		    "nothing else is on record of it", job, occ);
	if (number(b, op, 1) == 1 && f != NULL && f->n != c->commit &&
	    alone == 0)
		sim_broken(w, RULE_TWICE, "%s fired twice for %s: run %lld "
		    "too", job, occ, (long long)number(b, op, 0));
	if (f == NULL)
		(void)fact_set(&c->sets, key, c->commit);
	(void)fact_set(&c->runs, run_key(b, op, id), 1);
}

static void
moved(struct machine *m, const struct batch *b, const struct batch_op *op)
{
	struct world *w = m->w;
	struct cat_job *j;
	char job[64], want[CLOCK_RFC3339], occ[120];
	wall from = { number(b, op, 1) }, to = { number(b, op, 2) }, next;
	struct fact *f;
	bool told = false;

	text(b, op, 0, job);
	f = fact_get(&w->check->cursors, job);
	if (f != NULL && f->n != from.ms)
		sim_broken(w, RULE_CURSOR, "the cursor of %s moved from %lld, "
		    "and it was %lld", job, (long long)from.ms,
		    (long long)f->n);
	(void)fact_set(&w->check->cursors, job, to.ms);
	j = m->broker != NULL ? catalog_job(m->broker->catalog, job) : NULL;
	if (j == NULL || w->check->editing > 0)
		return;
	next = due_next(j->due, from);
	while (next.ms < to.ms && check_on_record(w, job,
	    clock_rfc3339(next, want), WALL_NEVER))
		next = due_next(j->due, next);
	if (next.ms > to.ms)
		sim_broken(w, RULE_CURSOR, "%s moved to %s, which is not due",
		    job, clock_rfc3339(to, want));
	(void)clock_rfc3339(next, want);
	(void)snprintf(occ, sizeof(occ), "%s|%s", job, want);
	if (fact_get(&w->check->sets, occ) != NULL && to.ms == next.ms)
		return;			/* it has been fired before */
	for (unsigned i = 0; i < b->nops; i++) {
		const struct batch_op *o = &b->ops[i];

		if (o->stmt != S_RUN_NEW && o->stmt != S_RUN_END)
			continue;
		text(b, o, 3, occ);
		if (strcmp(occ, want) == 0 &&
		    (o->stmt == S_RUN_END || next.ms == to.ms))
			told = true;
	}
	if (!told)
		sim_broken(w, RULE_SKIPPED, "%s: the occurrence %s was passed "
		    "over without a record", job, want);
}

static void
one_op(struct machine *m, const struct batch *b, const struct batch_op *op)
{
	struct world *w = m->w;
	struct check *c = w->check;
	char key[64];
	int64_t alone;
	bool doubled;

	if ((op->stmt == S_RUN_NEW || op->stmt == S_RUN_STATE ||
	    op->stmt == S_RUN_END) &&
	    (alone = alone_number(b, op, &doubled)) != 0)
		alone_recorded(w, alone, number(b, op, 0), doubled);
	if (op->stmt == S_RUN_NEW || op->stmt == S_RUN_STATE) {
		char agent[64];

		text(b, op, op->stmt == S_RUN_NEW ? 5 : 3, agent);
		promise_placed(w, number(b, op, 0), number(b, op, 1), agent);
	}
	if (op->stmt == S_ROLE_PUT) {
		if (number(b, op, 0) < c->epoch)
			sim_broken(w, RULE_EPOCH, "the epoch fell from %lld to "
			    "%lld", (long long)c->epoch, (long long)number(b,
			    op, 0));
		c->epoch = number(b, op, 0);
		text(b, op, 1, key);
		c->holder = strtoll(key, NULL, 10);
	} else if (op->stmt == S_RUN_NEW) {
		new_run(w, b, op);
	} else if (op->stmt == S_RUN_LIVE_DEL) {
		if (!has(b, S_RUN_END, op))
			sim_broken(w, RULE_LOST, "run %s is forgotten without "
			    "an end", run_key(b, op, key));
	} else if (op->stmt == S_RUN_END) {
		if (fact_get(&c->runs, run_key(b, op, key)) == NULL)
			new_run(w, b, op);	/* one that is skipped */
		(void)fact_set(&c->runs, key, 2);
	} else if (op->stmt == S_CURSOR_MOVE) {
		moved(m, b, op);
	} else if (op->stmt == S_FILE_PUT) {
		char path[64];

		text(b, op, 0, key);
		text(b, op, 1, path);
		files_recorded(w, key, path, number(b, op, 2), number(b, op, 3),
		    number(b, op, 4));
	} else if (op->stmt == S_CURSOR_PUT) {
		text(b, op, 0, key);
		if (c->editing == 0)
			sim_broken(w, RULE_CURSOR, "the cursor of %s was "
			    "reset, and nobody edited it", key);
		(void)fact_set(&c->cursors, key, number(b, op, 1));
	}
}

void
check_commit(struct machine *m, const struct batch *b)
{
	if (m->w->check == NULL)
		return;
	if (m->at != BROKER) {
		alone_node_commit(m, b);
		return;
	}
	m->w->check->commit++;
	for (unsigned i = 0; i < b->nops; i++)
		one_op(m, b, &b->ops[i]);
}

int64_t
check_cursor(struct world *w, const char *job)
{
	const struct fact *f = fact_get(&w->check->cursors, job);

	return f != NULL ? f->n : 0;
}

/* ---- grants and starts ---- */

void
check_sent(struct world *w, const struct session *s, const json_t *msg)
{
	struct check *c = w->check;
	const char *method = js_str(msg, "method", "");
	int64_t epoch = js_int(json_object_get(msg, "params"), "epoch", 0);
	struct machine *to = s->wire->end[1 - s->side].m;
	char key[24];
	struct fact *f;

	promise_sent(w, s->m, to, method, json_object_get(msg, "params"));
	if (strcmp(method, "link.fire") == 0)
		w->r.fires++;
	if (strcmp(method, "link.grant") != 0)
		return;
	for (int i = 0; i < w->n; i++)
		if (&w->m[i] != to && machine_fires(&w->m[i]))
			sim_broken(w, RULE_FENCE, "epoch %lld is granted to %s "
			    "while %s may still fire", (long long)epoch,
			    to->name, w->m[i].name);
	(void)snprintf(key, sizeof(key), "%lld", (long long)epoch);
	f = fact_get(&c->epochs, key);
	if (epoch > c->epoch)
		sim_broken(w, RULE_FIRST_DISK, "epoch %lld is granted before "
		    "it is on disk", (long long)epoch);
	if (epoch < c->granted || (f != NULL && f->n != to->at + 1))
		sim_broken(w, RULE_EPOCH, "epoch %lld is granted to %s, after "
		    "%lld", (long long)epoch, to->name, (long long)c->granted);
	if (f == NULL)
		w->r.moves++;
	c->granted = epoch;
	(void)fact_set(&c->epochs, key, to->at + 1);
}

void
check_start(struct machine *m, const char *id, const char *job,
    const char *occ)
{
	struct world *w = m->w;
	const char *run = strchr(id, '.') + 1;
	struct fact *f = fact_get(&w->check->starts, run);
	char *attempt;
	int64_t n = strtoll(run, &attempt, 10);
	bool alone = alone_start(m, n, strtoll(attempt + 1, NULL, 10), job,
	    occ);

	if (!alone && fact_get(&w->check->runs, run) == NULL)
		sim_broken(w, RULE_UNRECORDED, "run %s of %s (%s) starts, and "
		    "no broker recorded it", run, job, occ);
	if (f != NULL)
		sim_broken(w, RULE_STARTED, "run %s of %s (%s) starts on %s, "
		    "and was started on %s before", run, job, occ, m->name,
		    w->m[f->n - 1].name);
	(void)fact_set(&w->check->starts, run, m->at + 1);
}

/* One set of runs, or passed over by the cursor. */
bool
check_on_record(const struct world *w, const char *job, const char *occ,
    wall at)
{
	char key[120];
	const struct fact *f;

	(void)snprintf(key, sizeof(key), "%.50s|%.50s", job, occ);
	if (fact_get(&w->check->sets, key) != NULL)
		return true;
	f = fact_get(&w->check->cursors, job);
	return f != NULL && f->n >= at.ms;
}

bool
check_started(const struct world *w, int64_t run)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "%lld.1", (long long)run);
	return fact_get(&w->check->starts, key) != NULL;
}

/* An operator was told the number of a run. */
void
check_taken(struct world *w, const json_t *result)
{
	const json_t *runs = json_object_get(result, "runs");
	char key[40];

	for (size_t i = 0; i < json_array_size(runs); i++) {
		(void)snprintf(key, sizeof(key), "%lld.1", (long long)
		    json_integer_value(json_array_get(runs, i)));
		if (fact_get(&w->check->runs, key) == NULL)
			sim_broken(w, RULE_ACKED, "run %s was acknowledged, "
			    "and is not on disk", key);
	}
}

/* ---- at every moment ---- */

static bool
vacant(struct broker *b)
{
	json_t *o = scheduler_json(b);
	bool is = js_bool(o, "vacant", false);

	json_decref(o);
	return is;
}

static bool
eligible(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;

	if (b == NULL || !b->set.control_status ||
	    b->set.control != CONTROL_AUTO)
		return false;
	for (int i = 0; i < w->n; i++) {
		struct member *m = machine_member(&w->m[i]);
		const struct role_agent *a;

		if (m == NULL || !machine_linked(&w->m[i]))
			continue;
		a = roster_agent(b->roster, m);
		if (member_active(m) && a->controlled && !a->worker &&
		    !a->drained && !a->marks.held_off && a->in_sync &&
		    a->clock_ok && a->accepts && !a->beat.held)
			return !vacant(b);
	}
	return false;
}

void
check_quiet(struct world *w)
{
	w->check->quiet = w->now;
	w->check->fit = w->check->work = 0;
	w->check->settled = w->check->linked = false;
}

static void
settling(struct world *w, struct check *c, bool at_work)
{
	struct broker *b = w->m[BROKER].broker;
	bool linked = true;
	int64_t most;

	if (!at_work && w->now - c->waited < 20 * MS)
		return;
	c->waited = w->now;
	for (int i = 0; i < w->n; i++)
		if (w->m[i].seat != NULL || !w->m[i].up)
			linked = linked && machine_linked(&w->m[i]) &&
			    net_alive(&w->m[i]);
	/* A cut lasts into the calm, and who is cut off counts as connected
	 * for three of its intervals: it is asked and does not answer. */
	c->linked = c->linked || linked;
	if (!c->linked && w->now - c->quiet > LINK_S * (int64_t)SEC)
		for (int i = 0; i < w->n; i++)
			if (w->m[i].seat != NULL && !machine_linked(&w->m[i]))
				sim_broken(w, RULE_LINK, "%s is not connected "
				    "%d s after the last fault", w->m[i].name,
				    LINK_S);
	if (at_work) {
		c->settled = true;
		return;
	}
	/* The last holder, too, has said what it is: case 1 counts from then. */
	if (!c->linked || !eligible(w)) {
		c->fit = 0;
		return;
	}
	if (c->fit == 0)
		c->fit = w->now;
	/* Its clock may be slower than the true one by a tenth. */
	most = (b->set.connection_timeout + 2000) * MS / 9 * 10;
	if (w->now - c->fit > most) {
		char *role = js_dump(scheduler_json(b));

		sim_broken(w, RULE_SETTLE, "no Scheduler %lld ms after the "
		    "last fault, and somebody is eligible: %s",
		    (long long)((w->now - c->fit) / MS), role);
	}
}

/* What an operator turned off, at the node or at the broker, stays off. */
static void
choices(struct world *w)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];
		bool fires;

		if (!m->held_here && !m->off)
			continue;
		fires = machine_fires(m);
		if (fires && m->held_here)
			sim_broken(w, RULE_CHOICE, "%s was turned off at "
			    "itself, and is at work", m->name);
		if (fires && m->off_seen)
			sim_broken(w, RULE_CHOICE, "%s is held off, and is at "
			    "work again", m->name);
		/* ON and suspended is not off yet: what renews it may have
		 * been said before the operator spoke. */
		m->off_seen = m->off && !fires && (!m->up || m->seat == NULL ||
		    !seat_lease(m->seat)->d.on);
	}
}

static void
nothing_missed(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	wall now = sim_clock(&w->m[BROKER]).wall;

	for (struct cat_job *j = b->catalog->jobs; j != NULL; j = j->hh.next) {
		wall next = due_next(j->due, j->cursor);
		struct fact *f = fact_get(&w->check->cursors, j->def.name);
		char text_[CLOCK_RFC3339];

		if (j->paused || !j->def.enabled)
			continue;
		/* Done alone by a clock that was ahead: the cursor follows. */
		while (next.ms < now.ms - 3000 && check_on_record(w,
		    j->def.name, clock_rfc3339(next, text_), WALL_NEVER))
			next = due_next(j->due, alone_last(w, j->def.name,
			    next));
		if (next.ms < now.ms - 3000)
			sim_broken(w, RULE_DUE, "%s was due at %s, and nothing "
			    "is on record", j->def.name, clock_rfc3339(next,
			    text_));
		/* What is on disk since just now was not said yet. */
		if (f != NULL && f->n != j->cursor.ms &&
		    store_pending(b->store) == 0)
			sim_broken(w, RULE_CURSOR, "the broker's cursor of %s "
			    "is %s its disk", j->def.name, f->n > j->cursor.ms
			    ? "behind" : "ahead of");
	}
}

/* A run that waits for a slot is looked at when one becomes free; in the queue
 * of a job, in the order of its runs. */
static void
nothing_overlooked(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	const struct dispatch *d = b != NULL ? b->dispatch : NULL;

	if (d == NULL || !b->awake || d->dirty || d->retry.us != 0)
		return;
	for (struct queue *q = d->queues; q != NULL; q = q->hh.next)
		for (const struct run *r = q->head; r != NULL; r = r->qnext) {
			if (!r->stored || r->state != RUN_QUEUED ||
			    r->aborting)	/* its end is next */
				continue;
			if (!placing_overlaps(b, r) && queue_has_slot(b, q))
				sim_broken(w, RULE_STUCK, "run %lld of %s has "
				    "its slot, and nobody looks: %s",
				    (long long)r->id, r->job,
				    r->reason != NULL ? r->reason : "");
			break;
		}
}

static bool
sound(const struct machine *m)
{
	int64_t now = m->w->now;

	return m->up && !m->dying && m->frozen <= now && !m->full &&
	    m->flaky <= now && m->slow == 0 && llabs(m->wall_off) <= 400;
}

/* Storm or not: while the broker and the Scheduler are sound and hear each
 * other, nothing is late, whoever held the role before. */
static void
in_time(struct world *w, struct check *c, int first)
{
	struct machine *b = &w->m[BROKER], *m = &w->m[first];

	if (w->now - c->looked < 300 * MS)
		return;
	c->looked = w->now;
	if (first != c->at_work || c->editing > 0 || !sound(b) || !sound(m) ||
	    m->cut[0] > w->now || m->cut[1] > w->now ||
	    m->trickle > w->now || !machine_linked(m) || !net_alive(m))
		c->well = w->now;
	c->at_work = first;
	if (w->now - c->well > WELL_S * (int64_t)SEC)
		nothing_missed(w);
	if (w->now - c->well > SEEN_S * (int64_t)SEC)
		files_now(w);
}

void
check_now(struct world *w)
{
	struct check *c = w->check;
	int first = -1;

	for (int i = 0; i < w->n; i++) {
		if (!machine_fires(&w->m[i]))
			continue;
		if (first != -1)
			sim_broken(w, RULE_TWO, "two at work: %s and %s",
			    w->m[first].name, w->m[i].name);
		first = i;
	}
	if (first == -1)
		c->work = 0;
	else if (c->work == 0)
		c->work = w->now;
	if (c->quiet != 0 && w->calm && !c->settled)
		settling(w, c, first != -1);
	choices(w);
	if (w->now - c->counted > SEC / 4) {
		c->counted = w->now;
		nothing_overlooked(w);
	}
	promise_now(w);
	if (first == -1)
		c->at_work = -1;
	else
		in_time(w, c, first);
}

/* ---- at the end of a calm, and of all ---- */

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

static void
nothing_stuck(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	bool works = w->over || somebody_works(b);
	wall now = sim_clock(&w->m[BROKER]).wall;

	for (const struct run *r = live_first(b), *o; r != NULL;
	     r = r->hh.next) {
		bool busy = false;

		if (r->state == RUN_WAITING || r->state == RUN_QUEUED) {
			for (o = live_first(b); o != NULL; o = o->hh.next)
				busy |= o != r && strcmp(o->job, r->job) == 0;
			if (works && (!busy || r->aborting) &&
			    r->due.ms < now.ms - 30000 &&
			    r->queued.ms < now.ms - 60000)
				sim_broken(w, RULE_STUCK, "run %lld of %s "
				    "waits for nothing: %s", (long long)r->id,
				    r->job, r->reason != NULL ? r->reason :
				    "");
		} else if (r->dispatched.ms < now.ms - 45000)
			sim_broken(w, RULE_STUCK, "run %lld.%lld of %s is %s "
			    "on %s since %lld s", (long long)r->id,
			    (long long)r->attempt, r->job,
			    run_state_word(r->state), r->agent,
			    (long long)((now.ms - r->dispatched.ms) / 1000));
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
