/* What SPEC section 4 promises, looked at after every event: never two at work,
 * somebody in time, nothing late while all is well. */
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch_impl.h"
#include "broker/placing.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "sim_check.h"

enum {
	LINK_S = 45,		/* dials wait 10 s, then back off */
	WELL_S = 5,		/* what was late is made up for */
	SEEN_S = 30		/* files are looked at, late ones again */
};

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
		 * been said before the operator spoke.  Nor is one with a grant
		 * on its way, before the OFF that follows it. */
		m->off_seen = m->off && !fires && (m->off_seen || ((!m->up ||
		    m->seat == NULL || !seat_lease(m->seat)->d.on) &&
		    !net_brings(m, "link.grant")));
	}
}

void
nothing_missed(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;
	wall now = sim_clock(&w->m[BROKER]).wall;

	for (struct cat_job *j = b->catalog->jobs; j != NULL; j = j->hh.next) {
		wall next = due_next(j->due, j->cursor);
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
	}
}

/* With nothing on its way, the broker believes what its disk says. */
static void
cursors_agree(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;

	if (b == NULL || !b->awake || w->check->editing > 0 ||
	    store_pending(b->store) > 0)
		return;
	for (struct cat_job *j = b->catalog->jobs; j != NULL; j = j->hh.next) {
		struct fact *f = fact_get(&w->check->cursors, j->def.name);

		if (f != NULL && f->n != j->cursor.ms)
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
		cursors_agree(w);
	}
	promise_now(w);
	if (first == -1)
		c->at_work = -1;
	else
		in_time(w, c, first);
}
