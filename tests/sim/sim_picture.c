/* What an operator is shown in a calm is true: the open alerts, the members, who
 * is busy, the answers that he waits for.  A wrong one heals with the next
 * fault, and somebody was called out of bed, or a slot was taken from the
 * night's work, until then. */
#include <stdlib.h>
#include <string.h>

#include "broker/dispatch_impl.h"
#include "broker/event.h"
#include "broker/live.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/order.h"
#include "js.h"
#include "sim.h"

static bool
is_open(const json_t *alerts, const char *code, const char *node)
{
	const json_t *a;
	size_t i;

	json_array_foreach(alerts, i, a)
		if (strcmp(js_str(a, "code", ""), code) == 0 &&
		    strcmp(js_str(a, "node", ""), node) == 0)
			return true;
	return false;
}

/* Somebody is at work, no disk is full, and whoever is a member is there. */
static void
alerts_are_true(struct world *w, const struct broker *b)
{
	static const char *const wrong[] = { "no_scheduler", "vacant" };
	static const char *const over[] = { "store_full", "clock_off" };
	json_t *alerts = alert_list(b->events);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (is_open(alerts, wrong[i], ""))
			sim_broken(w, RULE_PICTURE, "alert %s is open, and "
			    "somebody is at work", wrong[i]);
	for (size_t i = 0; i < b->roster->n; i++) {
		const struct member *m = b->roster->members[i];
		bool away = member_active(m) && !m->offline_ok &&
		    !member_connected(b->roster, m);

		if (is_open(alerts, "agent_offline", m->name) != away)
			sim_broken(w, RULE_PICTURE, "%s is %s, and the alert "
			    "agent_offline says otherwise", m->name, away
			    ? "away" : "there");
		for (size_t k = 0; k < sizeof(over) / sizeof(over[0]); k++)
			if (is_open(alerts, over[k], m->name))
				sim_broken(w, RULE_PICTURE, "alert %s of %s is "
				    "open, and that is over", over[k],
				    m->name);
	}
	json_decref(alerts);
}

static int64_t
busy_in(struct broker *b, const struct queue *q)
{
	int64_t n = 0;

	for (const struct run *r = live_first(b); r != NULL; r = r->hh.next)
		n += run_holds_slot(r) && dispatch_queue(b->dispatch, r) == q;
	return n;
}

static int64_t
sent_to(const struct broker *b, const struct member *m)
{
	int64_t n = 0;

	for (const struct run *r = live_first(b); r != NULL; r = r->hh.next)
		n += run_holds_slot(r) && r->member == m->id;
	return n;
}

static void
slots_are_counted(struct world *w, struct broker *b)
{
	for (const struct queue *q = b->dispatch->queues; q != NULL;
	     q = q->hh.next)
		if (busy_in(b, q) != q->busy)
			sim_broken(w, RULE_PICTURE, "%lld runs of queue %s "
			    "have a slot, and %lld are counted",
			    (long long)busy_in(b, q), q->name,
			    (long long)q->busy);
	for (size_t i = 0; i < b->roster->n; i++) {
		const struct member *m = b->roster->members[i];

		if (sent_to(b, m) != m->sent)
			sim_broken(w, RULE_PICTURE, "%lld runs are at %s, and "
			    "%lld are counted", (long long)sent_to(b, m),
			    m->name, (long long)m->sent);
	}
}

/* On record, too: why says "begun" of nothing that is over. */
static void
decisions_are_over(struct world *w, const struct broker *b)
{
	json_t *list = scheduler_why(b, 0, 0, (wall){ 0 }, 5);
	const json_t *d;
	size_t i;

	json_array_foreach(list, i, d)
		if (strcmp(js_str(d, "outcome", ""), "begun") == 0 &&
		    scheduler_role(b)->d.move == 0)
			sim_broken(w, RULE_PICTURE, "decision %lld of case "
			    "%lld has no end", (long long)js_int(d, "decision",
			    0), (long long)js_int(d, "case", 0));
	json_decref(list);
}

/* Nobody waits for an answer, and no decision for its end. */
static void
all_is_answered(struct world *w, const struct broker *b)
{
	const struct role *r = scheduler_role(b);

	if (w->asked != 0)
		sim_broken(w, RULE_PICTURE, "%d commands of operators were "
		    "never answered", w->asked);
	if (r->state == ROLE_HELD && (r->d.move != 0 || r->d.intent ||
	    r->op.id != 0 || r->sync.agent != 0))
		sim_broken(w, RULE_PICTURE, "the role is held, and a move of "
		    "case %d is open", r->d.move);
	decisions_are_over(w, b);
}

static void
members_are_well(struct world *w, const struct broker *b)
{
	for (int i = 0; i < w->n; i++) {
		struct member *m = machine_member(&w->m[i]);
		const struct role_agent *a;

		if (m == NULL || !member_active(m) ||
		    !machine_linked(&w->m[i]))
			continue;
		a = roster_agent(b->roster, m);
		if (!a->in_sync || !a->accepts || m->going != 0 ||
		    a->drained != m->drained ||
		    m->health.level == HEALTH_UNKNOWN)
			sim_broken(w, RULE_PICTURE, "%s is there and well, and "
			    "is shown as in sync %d, takes runs %d, going %u, "
			    "drained %d, health %s", m->name, a->in_sync,
			    a->accepts, m->going, a->drained,
			    health_name(m->health.level));
	}
}

/* ON and OFF, the hold, the epoch: as the node itself says. */
static void
members_are_as_they_say(struct world *w, const struct broker *b)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];
		struct member *mb = machine_member(m);
		const struct role_agent *a;
		const struct lease_durable *d;

		if (mb == NULL || !member_active(mb) || !machine_linked(m))
			continue;
		a = roster_agent(b->roster, mb);
		d = &seat_lease(m->seat)->d;
		if (a->beat.on != d->on || a->beat.held != d->held ||
		    a->beat.epoch != d->epoch)
			sim_broken(w, RULE_PICTURE, "%s is %s, epoch %lld, "
			    "hold %lld, and is shown as %s, epoch %lld, hold "
			    "%lld", mb->name, d->on ? "ON" : "OFF",
			    (long long)d->epoch, (long long)d->held,
			    a->beat.on ? "ON" : "OFF",
			    (long long)a->beat.epoch, (long long)a->beat.held);
	}
}

/* What an agent keeps the broker wants to hear of. */
static void
journals_are_clean(struct world *w, const struct broker *b)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];
		wall now = sim_clock(m).wall;
		json_t *keys;
		const json_t *key;
		size_t k;

		if (m->seat == NULL || !machine_linked(m))
			continue;
		keys = runs_keys(m->runs, b->id);
		json_array_foreach(keys, k, key) {
			int64_t run = json_integer_value(json_array_get(key,
			    0));
			int64_t attempt = json_integer_value(json_array_get(key,
			    1));
			const struct run *r = order_is_alone(run)
			    ? live_alone(b, run) : live_get(b, run, attempt);
			json_t *o = runs_report(m->runs, b->id, run, attempt);

			if (r == NULL && now.ms - js_wall(o, "ended_at").ms >
			    5000)
				sim_broken(w, RULE_PICTURE, "%s keeps run %lld "
				    "(%s), and the broker has no such run",
				    m->name, (long long)run,
				    js_str(o, "state", ""));
			json_decref(o);
		}
		json_decref(keys);
	}
}

void
picture_is_true(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;

	if (store_pending(b->store) != 0)
		return;
	all_is_answered(w, b);
	members_are_well(w, b);
	members_are_as_they_say(w, b);
	journals_are_clean(w, b);
	alerts_are_true(w, b);
	slots_are_counted(w, b);
}
