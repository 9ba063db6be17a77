/* What SPEC section 4 promises, at every commit of the broker, at every grant and
 * every start of a run: what is recorded, sent and started is so once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"
#include "sim_check.h"

struct fact *
fact_get(struct fact **all, const char *key)
{
	struct fact *f;

	HASH_FIND_STR(*all, key, f);
	return f;
}

struct fact *
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

void
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

static bool
is_live(struct check *c, const struct batch *b, const struct batch_op *op)
{
	char key[64];
	const struct fact *f = fact_get(&c->runs, run_key(b, op, key));

	return f != NULL && f->n == 1;
}

static void
one_op(struct machine *m, const struct batch *b, const struct batch_op *op)
{
	struct world *w = m->w;
	struct check *c = w->check;
	char key[64];
	int64_t alone;
	bool doubled;

	if (op->stmt == S_RUN_STATE && !is_live(c, b, op))
		return;			/* it has no row: nothing changes */
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
