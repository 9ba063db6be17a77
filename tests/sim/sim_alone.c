/* What SPEC section 4 promises of on_broker_loss = continue: who may go on
 * without a broker, and what becomes of each occurrence that was done so, from
 * the disk of its node to the record of the broker. */
#define ROLE_MUTANTS		/* the spool as small as there */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/order.h"
#include "js.h"
#include "mem.h"
#include "node/spool.h"
#include "sim.h"

/* One occurrence, by the number that its node gave it. */
struct done {
	int64_t	       number;
	char	       job[16], occ[CLOCK_RFC3339];
	wall	       first, last;
	int	       machine;
	int64_t	       record;		/* the broker's run; 0: none yet */
	bool	       doubled;
	bool	       started;
	bool	       excused;		/* lost with its node's disk, … */
	bool	       old;		/* … which was put back since then */
	UT_hash_handle hh;
};

/* The run of a broker under which one of them is on record. */
struct record {
	int64_t	       run, number;
	UT_hash_handle hh;
};

/* One occurrence, whoever did it. */
struct deed {
	char	       key[48];		/* job|occurrence */
	int64_t	       run;		/* the newest that was started … */
	int	       machine;		/* … here */
	bool	       alone;		/* it, or one before it, was */
	bool	       twice;
	bool	       doubled, excused;
	UT_hash_handle hh;
};

struct alone_check {
	struct done   *all;
	struct record *records;
	struct deed   *deeds;
};

void
alone_make(struct world *w)
{
	w->alone = mem_zero(1, sizeof(*w->alone));
}

void
alone_free_all(struct world *w)
{
	struct alone_check *c = w->alone;
	struct done *d, *dn;
	struct record *r, *rn;
	struct deed *e, *en;

	HASH_ITER(hh, c->all, d, dn) {
		HASH_DEL(c->all, d);
		free(d);
	}
	HASH_ITER(hh, c->records, r, rn) {
		HASH_DEL(c->records, r);
		free(r);
	}
	HASH_ITER(hh, c->deeds, e, en) {
		HASH_DEL(c->deeds, e);
		free(e);
	}
	free(c);
}

static struct done *
done_get(const struct world *w, int64_t number)
{
	struct done *d;

	HASH_FIND(hh, w->alone->all, &number, sizeof(number), d);
	return d;
}

static struct record *
record_get(const struct world *w, int64_t run)
{
	struct record *r;

	HASH_FIND(hh, w->alone->records, &run, sizeof(run), r);
	return r;
}

static struct deed *
deed_of(struct world *w, const char *job, const char *occ)
{
	char key[48];
	struct deed *e;

	(void)snprintf(key, sizeof(key), "%.15s|%.31s", job, occ);
	HASH_FIND_STR(w->alone->deeds, key, e);
	if (e == NULL) {
		e = mem_zero(1, sizeof(*e));
		(void)MEM_STR(e->key, key);
		HASH_ADD_STR(w->alone->deeds, key, e);
	}
	return e;
}

int64_t
alone_record(const struct world *w, int64_t number)
{
	const struct done *d = done_get(w, number);

	return d != NULL ? d->record : 0;
}

/* The last of those that are on record together with this one. */
wall
alone_last(const struct world *w, const char *job, wall first)
{
	wall last = first;

	for (const struct done *d = w->alone->all; d != NULL; d = d->hh.next)
		if (d->first.ms == first.ms && d->last.ms > last.ms &&
		    strcmp(d->job, job) == 0)
			last = d->last;
	return last;
}

/* ---- the node ---- */

/* What it was told, as far as it has any bearing. */
void
alone_hears(struct machine *m, const json_t *msg)
{
	const char *method = js_str(msg, "method", NULL);
	const json_t *p = json_object_get(msg, "params");

	if (method == NULL) {
		p = json_object_get(json_object_get(msg, "result"),
		    "settings");
		if (p != NULL)
			m->goes_on = js_bool(p, "go_on", false);
	} else if (strcmp(method, "link.settings") == 0) {
		m->goes_on = js_bool(p, "go_on", false);
	} else if (strcmp(method, "link.grant") == 0 &&
	    js_int(p, "start", 0) == m->start &&
	    js_int(p, "epoch", 0) > m->granted) {
		m->granted = js_int(p, "epoch", 0);
	}
}

/* NULL, or why it may not. */
static const char *
wrong(struct machine *m, const struct done *d)
{
	static const char *const local[] = { "tick", "rare", "extra" };
	bool mine = false;

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		mine |= strcmp(d->job, local[i]) == 0;
	if (m->local)
		return "its broker is in the same process";
	if (!m->goes_on)
		return "it was told to suspend";
	if (m->seat == NULL || seat_up(m->seat))
		return "its link is up";
	if (machine_fires(m))
		return "it has its lease";
	if (m->held_here || !seat_lease(m->seat)->d.on)
		return "it is off";
	if (m->granted == 0)
		return "it has no grant since its start";
	if (order_alone_epoch(d->number) > m->granted)
		return "the epoch is not its own";
	return mine ? NULL : "the job is not a local one";
}

static void
excuse(struct world *w, struct done *d)
{
	d->excused = true;
	deed_of(w, d->job, d->occ)->excused = true;
}

static void
on_spooled(struct machine *m, const char *row)
{
	struct world *w = m->w;
	json_t *o = json_loads(row, 0, NULL);
	struct done *d = mem_zero(1, sizeof(*d)), *was;
	const char *why;

	d->number = js_int(o, "run", 0);
	d->machine = m->at;
	d->first.ms = js_int(o, "first", 0);
	d->last.ms = js_int(o, "at", 0);
	(void)MEM_STR(d->job, js_str(o, "job", ""));
	(void)clock_rfc3339(d->first, d->occ);
	json_decref(o);
	sim_say(w, m, "does alone: %s %s as %lld", d->job, d->occ,
	    (long long)d->number);
	w->r.alone++;
	why = wrong(m, d);
	if (why != NULL)
		sim_broken(w, RULE_ALONE_RIGHT, "%s does %s (%s) alone, and "
		    "%s", m->name, d->job, d->occ, why);
	was = done_get(w, d->number);
	if (was != NULL && was->old) {
		HASH_DEL(w->alone->all, was);
		free(was);
		excuse(w, d);
	} else if (was != NULL)
		sim_broken(w, RULE_ALONE_NUMBER, "%s gives the number %lld to "
		    "%s (%s), and it had been given before", m->name,
		    (long long)d->number, d->job, d->occ);
	HASH_ADD(hh, w->alone->all, number, sizeof(d->number), d);
	if (seat_untold(m->seat) > SPOOL_MAX)
		sim_broken(w, RULE_ALONE_FULL, "%s holds %zu for its broker",
		    m->name, seat_untold(m->seat));
}

/* It forgets what the broker has: on disk by now, that is. */
static void
on_forgotten(struct machine *m, int64_t number)
{
	struct world *w = m->w;
	const struct done *d = done_get(w, number);

	if (d == NULL || d->record != 0 || d->excused)
		return;
	if (d->started || !check_on_record(w, d->job, d->occ, d->first))
		sim_broken(w, RULE_ALONE_LOST, "%s forgets that it did %s (%s)"
		    ", and it is not on record", m->name, d->job, d->occ);
}

static const char *
text_of(const struct batch *b, const struct batch_op *op, unsigned i)
{
	return b->data.p + b->params[op->first + i].off;
}

void
alone_node_commit(struct machine *m, const struct batch *b)
{
	bool told = false;

	for (unsigned i = 0; i < b->nops; i++) {
		const struct batch_op *op = &b->ops[i];

		if (op->stmt == S_SPOOL_PUT) {
			const struct batch_param *p = &b->params[op->first + 2];
			char *row = mem_fmt("%.*s", (int)p->len,
			    text_of(b, op, 2));

			on_spooled(m, row);
			free(row);
		} else if (op->stmt == S_SPOOL_DEL) {
			on_forgotten(m, b->params[op->first + 1].number);
			told = true;
		}
	}
	if (told && m->seat != NULL && seat_untold(m->seat) == 0)
		trap_told(m);
}

/* What was done alone and not told is gone with the disk, and so is which
 * numbers were given out. */
void
alone_excuse(struct machine *m)
{
	for (struct done *d = m->w->alone->all; d != NULL; d = d->hh.next) {
		if (d->machine != m->at)
			continue;
		d->old = true;
		if (d->record == 0)
			excuse(m->w, d);
	}
	/* Nor does it know what else it did: it may refuse that now. */
	for (struct deed *e = m->w->alone->deeds; e != NULL; e = e->hh.next)
		if (e->run != 0 && e->machine == m->at)
			e->excused = true;
}

/* ---- the broker ---- */

/* The number and the mark are at the end of what is kept of a live run. */
int64_t
alone_of_body(const char *p, size_t len, bool *doubled)
{
	static const char none[] = "\"alone\":0}";
	const size_t n = sizeof(none) - 1;
	int64_t number;
	char *text;
	json_t *o;

	*doubled = false;
	if (len < n || memcmp(p + len - n, none, n) == 0)
		return 0;
	text = mem_fmt("%.*s", (int)len, p);
	o = json_loads(text, 0, NULL);
	free(text);
	number = js_int(o, "alone", 0);
	*doubled = js_bool(o, "doubled", false);
	json_decref(o);
	return number;
}

void
alone_recorded(struct world *w, int64_t number, int64_t run, bool doubled)
{
	struct done *d = done_get(w, number);
	struct record *r;

	if (d == NULL)
		sim_broken(w, RULE_ALONE_DISK, "run %lld is on record as done "
		    "alone (%lld), and no node has it on disk", (long long)run,
		    (long long)number);
	if (d->record != 0 && d->record != run)
		sim_broken(w, RULE_ALONE_AGAIN, "%s (%s), done alone as %lld, "
		    "is on record as %lld, and as %lld", d->job, d->occ,
		    (long long)number, (long long)d->record, (long long)run);
	if (d->record == run)
		return;
	if (check_started(w, run))
		sim_broken(w, RULE_ALONE_AGAIN, "%s (%s), done alone as %lld, "
		    "is on record as %lld, which was started, too", d->job,
		    d->occ, (long long)number, (long long)run);
	d->record = run;
	d->doubled = doubled;
	if (doubled)
		deed_of(w, d->job, d->occ)->doubled = true;
	r = mem_zero(1, sizeof(*r));
	r->run = run;
	r->number = number;
	HASH_ADD(hh, w->alone->records, run, sizeof(r->run), r);
}

/* ---- the keeper ---- */

static void
start_alone(struct machine *m, int64_t number, const char *job,
    const char *occ)
{
	struct done *d = done_get(m->w, number);

	if (d == NULL || strcmp(d->job, job) != 0 || strcmp(d->occ, occ) != 0)
		sim_broken(m->w, RULE_ALONE_DISK, "run %lld of %s (%s) starts "
		    "on %s, and its spool does not know it",
		    (long long)number, job, occ, m->name);
	d->started = true;
}

/* True: it is one that a node starts by itself. */
bool
alone_start(struct machine *m, int64_t run, int64_t attempt, const char *job,
    const char *occ)
{
	struct world *w = m->w;
	bool alone = order_is_alone(run);
	const struct record *r = record_get(w, run);
	struct deed *e;

	if (alone)
		start_alone(m, run, job, occ);
	else if (r != NULL && attempt == 1)
		sim_broken(w, RULE_ALONE_AGAIN, "run %lld of %s (%s) starts on "
		    "%s, and it was done alone as %lld", (long long)run, job,
		    occ, m->name, (long long)r->number);
	/* Only of these can both happen; another attempt is no second run. */
	if (attempt > 1 || (strcmp(job, "tick") != 0 &&
	    strcmp(job, "rare") != 0 && strcmp(job, "extra") != 0))
		return alone;
	e = deed_of(w, job, occ);
	e->twice |= e->run != 0 && e->run != run;
	e->alone |= alone;
	e->run = run;
	e->machine = m->at;
	return alone;
}

/* ---- at the end of all ---- */

void
alone_end(struct world *w)
{
	for (const struct done *d = w->alone->all; d != NULL; d = d->hh.next) {
		const struct machine *m = &w->m[d->machine];

		if (d->record != 0 || d->excused)
			continue;
		/* One that was removed tells when it joins again. */
		if (!m->member && d->started && w->over)
			deed_of(w, d->job, d->occ)->excused = true;
		if (!m->member)
			continue;
		if (d->started || !check_on_record(w, d->job, d->occ, d->first))
			sim_broken(w, RULE_ALONE_LOST, "%s (%s) was done alone "
			    "by %s as %lld, and is not on record", d->job,
			    d->occ, m->name, (long long)d->number);
	}
	if (!w->over)
		return;
	for (const struct deed *e = w->alone->deeds; e != NULL;
	     e = e->hh.next) {
		w->r.doubled += e->doubled;
		if (e->twice && e->alone && !e->doubled && !e->excused)
			sim_broken(w, RULE_DOUBLED, "%s was done twice, once "
			    "alone, and is not marked as doubled", e->key);
	}
}
