/* What an operator is shown in a calm is true: the open alerts, and who is
 * busy.  A wrong one heals with the next fault, and somebody was called out of
 * bed, or a slot was taken from the night's work, until then. */
#include <stdlib.h>
#include <string.h>

#include "broker/dispatch_impl.h"
#include "broker/event.h"
#include "broker/live.h"
#include "broker/roster.h"
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
		if (is_open(alerts, "store_full", m->name))
			sim_broken(w, RULE_PICTURE, "alert store_full of %s "
			    "is open, and no disk is full", m->name);
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
		n += run_holds_slot(r) && strcmp(r->agent, m->name) == 0;
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

void
picture_is_true(struct world *w)
{
	struct broker *b = w->m[BROKER].broker;

	if (store_pending(b->store) != 0)
		return;
	alerts_are_true(w, b);
	slots_are_counted(w, b);
}
