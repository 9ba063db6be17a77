/* What happens to the cluster: storms of faults and of operators, and calms in
 * which it must settle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch.h"
#include "broker/ledger.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "mem.h"
#include "sim.h"

enum { CALM_S = 75, LAST_CALM_S = 190 };

/* ---- operators ---- */

static struct broker *
operator_at(struct world *w)
{
	struct machine *m = &w->m[BROKER];

	if (!m->up || m->dying || m->frozen > w->now)
		return NULL;
	w->cur = m;
	m->broker->now = m->broker->clock();
	return m->broker;
}

static void
operator_done(struct world *w)
{
	sim_leave(&w->m[BROKER], NULL);
}

static struct machine *
somebody(struct world *w)
{
	struct machine *m;

	do
		m = &w->m[sim_range(w, 0, w->n - 1)];
	while (m->at == BROKER && !m->local);
	return m;
}

static void
told(void *arg, enum role_told how, const char *text)
{
	struct world *w = arg;

	sim_say(w, NULL, "operator is told: %s %s", role_told_name(how), text);
}

static void
role_op(struct world *w, enum role_event_kind kind, struct machine *m,
    bool vacant)
{
	struct broker *b = operator_at(w);
	struct member *mb = machine_member(m);
	struct role_event ev = { .kind = kind, .vacant = vacant };

	if (b == NULL || mb == NULL)
		return;
	sim_say(w, NULL, "operator: %s %s%s", role_event_name(kind), m->name,
	    vacant ? " --vacant" : "");
	ev.agent = mb->id;
	ev.at = mb->at;
	scheduler_op(b, &ev, "op", NULL, told, w);
	operator_done(w);
}

static void
on_drained(enum store_rc rc, void *arg)
{
	struct machine *m = arg;
	struct broker *b = m->w->m[BROKER].broker;
	struct member *mb = machine_member(m);
	struct role_event ev = { .kind = ROLE_EV_LEAVING, .must = true };
	struct role_agent *a;

	if (rc == STORE_DOWN)
		return;
	a = roster_agent(b->roster, mb);
	if (rc != STORE_OK) {
		a->drained = !a->drained;
		return;
	}
	ev.agent = mb->id;
	ev.now = b->now;
	if (!a->drained)
		ev.kind = ROLE_EV_TICK;
	scheduler_event(b, &ev);
}

static void
drain(struct world *w, struct machine *m, bool on)
{
	struct broker *b = operator_at(w);
	struct member *mb = machine_member(m);
	struct role_agent *a;
	struct batch *batch;

	if (b == NULL || mb == NULL)
		return;
	a = roster_agent(b->roster, mb);
	if (a->drained == on)
		return;
	sim_say(w, NULL, "operator: %s %s", on ? "drain" : "undrain", m->name);
	a->drained = on;
	batch = batch_new();
	batch_add(batch, S_MEMBER_MARKS, "iiii", mb->id, (int64_t)on,
	    (int64_t)a->marks.held_off, (int64_t)a->marks.want_off);
	store_submit(b->store, batch, on_drained, m);
	operator_done(w);
}

static void
set(struct world *w, const struct setting_pair *pairs, size_t n)
{
	struct broker *b = operator_at(w);
	struct err e;

	if (b == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		sim_say(w, NULL, "operator: setting %s=%s", pairs[i].name,
		    pairs[i].value);
	if (broker_set(b, pairs, n, "op", &e) == -1)
		sim_say(w, NULL, "operator is told: %s", e.msg);
	operator_done(w);
}

static void
pace(struct world *w)
{
	static const struct setting_pair usual[] = { { "heartbeat", "1s" },
		{ "lease", "4s" }, { "off_timeout", "5s" },
		{ "grant_timeout", "5s" }, { "connection_timeout", "15s" },
		{ "sample_interval", "5s" } };
	static const struct setting_pair fast[] = { { "heartbeat", "300ms" },
		{ "lease", "1s" }, { "off_timeout", "2s" },
		{ "grant_timeout", "2s" }, { "connection_timeout", "4s" },
		{ "sample_interval", "1s" } };

	set(w, sim_chance(w, 50) ? usual : fast, 6);
}

static void
tune(struct world *w)
{
	static const struct setting_pair choice[] = {
		{ "transfer_on_condition", "true" },
		{ "transfer_on_condition", "false" },
		{ "control", "manual" }, { "control", "advise" },
		{ "control", "auto" }, { "control_status", "false" },
		{ "control_status", "true" }, { "manual_hold", "20s" },
		{ "lost_after", "20s" }, { "lost_after", "1m" },
		{ "on_no_agent", "fail" }, { "on_no_agent", "wait" },
	};

	set(w, &choice[sim_range(w, 0, 11)], 1);
}

/* ---- the catalogue ---- */

static void
edited(void *arg, json_t *result, const struct err *e)
{
	struct world *w = arg;

	if (!w->tidying)
		sim_say(w, NULL, "operator is told: %s", result != NULL
		    ? "done" : e->msg);
}

/* Which of the jobs are busy depends on the seed, so that cheap schedules and
 * dear ones are both there. */
static void
apply(struct world *w, bool prune)
{
	static const char *const policy[] = { "once", "skip", "all" };
	static const char *const overlap[] = { "queue", "skip", "allow",
		"replace" };
	struct broker *b = operator_at(w);
	char text[4096];

	if (b == NULL)
		return;
	(void)snprintf(text, sizeof(text),
	    "jobs = ("
	    "{ name = \"tick\"; command = [ \"/bin/true\" ]; misfire = \"%s\";"
	    " overlap = \"%s\"; triggers = ( { every = \"%s\"; } ); },"
	    "{ name = \"work\"; command = [ \"/bin/true\" ]; misfire = \"all\";"
	    " misfire_max = %d; overlap = \"allow\"; distribution = \"one\";"
	    " retries = { count = 1; delay = \"2s\"; on = [ \"failed\","
	    " \"lost\" ]; }; on_success = [ \"chain\" ];"
	    " triggers = ( { every = \"%s\"; } ); },"
	    "{ name = \"minute\"; command = [ \"/bin/true\" ];"
	    " misfire = \"%s\"; distribution = \"all\";"
	    " triggers = ( { cron = \"* * * * *\"; },"
	    " { every = \"90s\"; } ); },"
	    "{ name = \"chain\"; command = [ \"/bin/true\" ];"
	    " distribution = \"instances\"; instances = 2; }%s"
	    ");", policy[sim_range(w, 0, 2)], overlap[sim_range(w, 0, 3)],
	    w->o.seed % 4 == 0 ? "1s" : sim_chance(w, 50) ? "3s" : "7s",
	    (int)sim_range(w, 0, 3), sim_chance(w, 50) ? "10s" : "25s",
	    policy[sim_range(w, 0, 2)], sim_chance(w, 50) ? "" :
	    ", { name = \"extra\"; command = [ \"/bin/true\" ];"
	    " triggers = ( { every = \"20s\"; } ); }");
	sim_say(w, NULL, "operator: apply %s", text);
	check_edit(w, NULL);
	catalog_apply(b, text, "sim", false, prune, "op", edited, w);
	operator_done(w);
}

static void
single_job(struct world *w)
{
	static const char *const names[] = { "tick", "work", "minute", "chain",
		"extra" };
	struct broker *b = operator_at(w);
	struct cat_job *j;

	if (b == NULL)
		return;
	j = catalog_job(b->catalog, names[sim_range(w, 0, 4)]);
	if (j != NULL) {
		sim_say(w, NULL, "operator: %s %s", j->paused ? "resume"
		    : "pause", j->def.name);
		check_edit(w, j->def.name);
		catalog_pause(b, j, !j->paused, edited, w);
	}
	operator_done(w);
}

static void
taken(void *arg, json_t *result, const struct err *e)
{
	struct world *w = arg;

	if (w->tidying)
		return;
	if (result != NULL)
		check_taken(w, result);
	else
		sim_say(w, NULL, "operator is told: %s", e->msg);
}

static void
by_hand(struct world *w)
{
	static const char *const names[] = { "tick", "work", "minute",
		"chain" };
	struct broker *b = operator_at(w);
	struct cat_job *j;

	if (b == NULL)
		return;
	j = catalog_job(b->catalog, names[sim_range(w, 0, 3)]);
	if (j != NULL && sim_chance(w, 70)) {
		sim_say(w, NULL, "operator: job run %s", j->def.name);
		ledger_manual(b, j, NULL, "op", taken, w);
	} else if (dispatch_first(b) != NULL) {
		sim_say(w, NULL, "operator: run abort %lld",
		    (long long)dispatch_first(b)->id);
		(void)dispatch_abort(b, (struct run *)dispatch_first(b), "op",
		    NULL);
	}
	operator_done(w);
}

static void
hold(struct world *w, struct machine *m, bool on)
{
	if (!m->up || m->dying || m->frozen > w->now || m->seat == NULL)
		return;
	sim_say(w, m, "operator at the node: %s", on ? "off" : "on");
	w->cur = m;
	seat_hold(m->seat, on, sim_clock(m));
	sim_leave(m, NULL);
}

static void
operate(struct world *w)
{
	struct machine *m = somebody(w);

	switch (sim_range(w, 0, 13)) {
	case 0: case 1: case 2:
		role_op(w, ROLE_EV_OP_ON, m, false);
		break;
	case 3: case 4:
		role_op(w, ROLE_EV_OP_OFF, m, sim_chance(w, 20));
		break;
	case 5:
		role_op(w, ROLE_EV_OP_RELEASE, m, false);
		break;
	case 6:
		drain(w, m, sim_chance(w, 60));
		break;
	case 7:
		pace(w);
		break;
	case 8:
		tune(w);
		break;
	case 9:
		apply(w, sim_chance(w, 50));
		break;
	case 10:
		single_job(w);
		break;
	case 11: case 12:
		by_hand(w);
		break;
	default:
		hold(w, m, sim_chance(w, 60));
		break;
	}
}

/* ---- faults ---- */

static int64_t
a_while(struct world *w)
{
	return sim_chance(w, 50) ? sim_range(w, 10 * MS, 5 * SEC)
				 : sim_range(w, SEC, 60 * SEC);
}

static void
on_boot(struct world *w, void *arg, int64_t n)
{
	(void)w;
	(void)n;
	machine_boot(arg);
}

static void
on_mended(struct world *w, void *arg, int64_t what)
{
	struct machine *m = arg;

	(void)w;
	if (what == 0)
		m->full = false;
	else if (what == 1)
		m->slow = 0;
	else if (what == 2)
		m->cpu = 5;
	else
		m->wall_off = sim_range(w, -300, 300);
}

static void
cut(struct world *w, struct machine *m, bool both, int64_t how_long)
{
	int one = (int)sim_range(w, 0, 1);

	sim_say(w, m, "its link is cut %s for %lld ms", both ? "both ways"
	    : one == BY_AGENT ? "towards the broker" : "towards it",
	    (long long)(how_long / MS));
	m->cut[one] = w->now + how_long;
	if (both)
		m->cut[1 - one] = w->now + how_long;
	if (sim_chance(w, 40))
		net_break(m, sim_chance(w, 50) ? SEC : 30 * SEC);
}

static void
crash(struct world *w, struct machine *m)
{
	int64_t back = w->now + a_while(w) / 2;

	if (sim_chance(w, 60)) {	/* in the middle of something */
		m->crash_in = (int)sim_range(w, 1, 6);
		m->crash_before = sim_chance(w, 50);
		sim_at(w, back + 5 * SEC, on_boot, m, 0);
	} else {
		machine_kill(m, sim_chance(w, 25));
		sim_at(w, back, on_boot, m, 0);
	}
}

static void
fault(struct world *w)
{
	struct machine *m = sim_chance(w, 25) ? &w->m[BROKER] : somebody(w);
	int64_t d = a_while(w);

	switch (sim_range(w, 0, 12)) {
	case 0: case 1:
		cut(w, m, sim_chance(w, 60), d);
		break;
	case 2:				/* everybody from the broker */
		for (int i = 1; i < w->n; i++)
			cut(w, &w->m[i], true, d);
		break;
	case 3: case 4: case 5:
		crash(w, m);
		break;
	case 6: case 7:
		sim_say(w, m, "is stopped for %lld ms", (long long)(d / MS));
		m->frozen = w->now + d;
		if (sim_chance(w, 50))
			net_hold(m, m->frozen + w->latency);
		break;
	case 8:
		sim_say(w, m, "its disk is full for %lld ms",
		    (long long)(d / MS));
		m->full = true;
		sim_at(w, w->now + d, on_mended, m, 0);
		break;
	case 9:
		m->slow = sim_range(w, 20 * MS, 3 * SEC);
		sim_say(w, m, "its disk takes %lld ms for a commit",
		    (long long)(m->slow / MS));
		sim_at(w, w->now + d, on_mended, m, 1);
		break;
	case 10:
		m->wall_off = sim_range(w, -90000, 90000);
		sim_say(w, m, "its wall clock jumps to %lld ms off",
		    (long long)m->wall_off);
		sim_at(w, w->now + d, on_mended, m, 3);
		break;
	case 11:
		m->cpu = 97;
		sim_at(w, w->now + d, on_mended, m, 2);
		break;
	default:
		if (sim_chance(w, 30)) {
			sim_say(w, m, "its keeper dies");
			keeper_crash(m, false);
		} else
			net_break(m, SEC);
		break;
	}
}

static void
on_trouble(struct world *w, void *arg, int64_t n)
{
	(void)arg;
	(void)n;
	w->r.faults++;
	if (sim_chance(w, 35))
		operate(w);
	else
		fault(w);
}

/* ---- storms and calms ---- */

static void on_storm(struct world *, void *, int64_t);

static void
mend(struct world *w)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		m->cut[0] = m->cut[1] = 0;
		if (m->frozen > w->now)
			m->frozen = w->now;
		m->full = false;
		m->slow = 0;
		m->crash_in = 0;
		m->cpu = 5;
		if (llabs(m->wall_off) > 400)
			m->wall_off = sim_range(w, -300, 300);
		machine_boot(m);
	}
}

/* Operators take back what keeps everybody from the role. */
static void
on_tidy(struct world *w, void *arg, int64_t n)
{
	static const struct setting_pair normal[] = {
		{ "control_status", "true" }, { "control", "auto" } };

	(void)arg;
	(void)n;
	set(w, normal, 2);
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		if (m->at == BROKER && !m->local)
			continue;
		hold(w, m, false);
		drain(w, m, false);
		if (!m->worker)
			role_op(w, ROLE_EV_OP_RELEASE, m, false);
	}
	check_quiet(w);
}

static void
on_calm_end(struct world *w, void *arg, int64_t last)
{
	(void)arg;
	w->over = last != 0;
	check_end(w);
	w->calm = false;
	if (!w->over)
		on_storm(w, NULL, 0);
}

static void
on_calm(struct world *w, void *arg, int64_t n)
{
	bool last = w->now / SEC / 60 >= w->o.minutes;

	(void)arg;
	(void)n;
	sim_say(w, NULL, "---- calm");
	w->calm = true;
	mend(w);
	check_quiet(w);
	if (last || sim_chance(w, 80))
		sim_at(w, w->now + SEC, on_tidy, NULL, 0);
	sim_at(w, w->now + (last ? LAST_CALM_S : CALM_S) * (int64_t)SEC,
	    on_calm_end, NULL, last);
}

static void
on_storm(struct world *w, void *arg, int64_t n)
{
	int64_t length = sim_range(w, 5, 120) * SEC;
	int64_t count = sim_range(w, 1, 14);

	(void)arg;
	(void)n;
	sim_say(w, NULL, "---- storm of %lld in %lld s", (long long)count,
	    (long long)(length / SEC));
	w->calm = false;
	for (; count > 0; count--)
		sim_at(w, w->now + sim_range(w, 0, length), on_trouble, NULL,
		    0);
	sim_at(w, w->now + length + 1, on_calm, NULL, 0);
}

static void
on_setup(struct world *w, void *arg, int64_t n)
{
	static const struct setting_pair mine[] = { { "lost_after", "30s" },
		{ "switch_condition", "cpu > 90" },
		{ "switch_min_interval", "10s" }, { "zone", "Europe/Berlin" } };

	(void)arg;
	(void)n;
	pace(w);
	check_edit(w, NULL);
	set(w, mine, 4);
	apply(w, false);
}

void
story_begin(struct world *w)
{
	sim_at(w, 100 * MS, on_setup, NULL, 0);
	sim_at(w, sim_range(w, 2, 40) * SEC, on_storm, NULL, 0);
}
