/* Operators: at the broker, whose verbs end in these calls, and at the nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "broker/catalog.h"
#include "broker/departure.h"
#include "broker/dispatch.h"
#include "broker/ledger.h"
#include "broker/live.h"
#include "broker/naming.h"
#include "broker/outcome.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "mem.h"
#include "sim.h"

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

struct machine *
ops_somebody(struct world *w)
{
	struct machine *m;

	do
		m = &w->m[sim_favour(w, 2, w->n)];
	while (m->at == BROKER && !m->local);
	return m;
}

static void
told(void *arg, enum role_told how, const char *text)
{
	struct world *w = arg;

	w->asked--;
	sim_say(w, NULL, "operator is told: %s %s", role_told_name(how), text);
}

/* It is held off from now on, unless it was turned on meanwhile. */
static void
told_off(void *arg, enum role_told how, const char *text)
{
	struct machine *m = arg;

	told(m->w, how, text);
	m->offs--;
	if (how == ROLE_TOLD_DONE && m->off_one && m->on_at < m->off_at)
		m->off = true;
}

void
ops_role(struct world *w, enum role_event_kind kind, struct machine *m,
    bool vacant)
{
	struct broker *b = operator_at(w);
	struct member *mb = machine_member(m);
	struct role_event ev = { .kind = kind, .vacant = vacant };

	if (b == NULL || mb == NULL || !member_active(mb))
		return;
	sim_say(w, NULL, "operator: %s %s%s", role_event_name(kind), m->name,
	    vacant ? " --vacant" : "");
	ev.agent = mb->id;
	ev.at = mb->at;
	if (kind == ROLE_EV_OP_ON && sim_chance(w, 50))
		ev.for_ms = sim_range(w, 1, 40000);
	if (kind != ROLE_EV_OP_OFF) {
		m->on_at = w->now;
		m->held_here = m->off = m->off_seen = false;
	}
	w->asked++;
	if (kind == ROLE_EV_OP_OFF) {
		m->off_at = w->now;
		m->off_one = m->offs++ == 0;
		scheduler_op(b, &ev, "op", NULL, told_off, m);
	} else
		scheduler_op(b, &ev, "op", NULL, told, w);
	operator_done(w);
}

static void
on_drained(void *arg, enum store_rc rc)
{
	struct world *w = arg;

	w->asked--;
	if (!w->tidying)
		sim_say(w, NULL, "operator is told: %s", store_rc_word(rc));
}

static void
drain(struct world *w, struct machine *m, bool on)
{
	struct broker *b = operator_at(w);
	struct member *mb = machine_member(m);

	if (b == NULL || mb == NULL || !member_active(mb) || mb->drained == on)
		return;
	sim_say(w, NULL, "operator: %s %s", on ? "drain" : "undrain", m->name);
	w->asked++;
	departure_drain(b, mb, on, "op", NULL, on_drained, w);
	operator_done(w);
}

static void
on_named(void *arg, enum store_rc rc, const char *was)
{
	(void)was;
	on_drained(arg, rc);
}

/* There and back. */
static void
rename_agent(struct world *w, struct machine *m)
{
	struct broker *b = operator_at(w);
	struct member *mb = machine_member(m);
	char name[32];

	if (b == NULL || mb == NULL || !member_active(mb))
		return;
	(void)snprintf(name, sizeof(name), "%s%s", m->name,
	    strcmp(mb->name, m->name) == 0 ? RENAMED : "");
	sim_say(w, NULL, "operator: rename %s to %s", mb->name, name);
	w->asked++;
	naming_start(b, mb, name, on_named, w);
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

void
ops_pace(struct world *w, bool hasten)
{
	static const struct setting_pair usual[] = { { "heartbeat", "1s" },
		{ "lease", "4s" }, { "off_timeout", "5s" },
		{ "grant_timeout", "5s" }, { "connection_timeout", "15s" },
		{ "sample_interval", "5s" } };
	static const struct setting_pair fast[] = { { "heartbeat", "300ms" },
		{ "lease", "1s" }, { "off_timeout", "2s" },
		{ "grant_timeout", "2s" }, { "connection_timeout", "4s" },
		{ "sample_interval", "1s" } };
	/* As near as the rule about the clocks lets it be. */
	static const struct setting_pair tight[] = { { "heartbeat", "1s" },
		{ "lease", "3s" }, { "off_timeout", "3667ms" },
		{ "grant_timeout", "3s" }, { "connection_timeout", "3667ms" },
		{ "sample_interval", "3s" } };
	int64_t n = hasten ? 4 : sim_range(w, 0, 9);

	set(w, n < 4 ? usual : n < 6 ? fast : tight, 6);
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
		{ "on_no_agent", "local" },
		{ "on_broker_loss", "continue" },
		{ "on_broker_loss", "suspend" },
	};

	set(w, &choice[sim_range(w, 0,
	    sizeof(choice) / sizeof(choice[0]) - 1)], 1);
}

/* ---- the catalogue ---- */

static void
edited(void *arg, json_t *result, const struct err *e)
{
	struct world *w = arg;

	if (w->tidying)
		return;
	check_edit(w, -1);
	sim_say(w, NULL, "operator is told: %s", result != NULL ? "done"
	    : e->msg);
}

/* One that an operator asked for; its turn comes now, later, or not at all if
 * the broker dies before it. */
struct edit {
	struct world *w;
	char	     *text;		/* apply this … */
	bool	      prune;
	char	      job[16];		/* … or pause this, or let it go on */
	struct edit  *next;
};

static struct edit *
edit_new(struct world *w)
{
	struct edit *ed = mem_zero(1, sizeof(*ed));

	ed->w = w;
	LL_PREPEND(w->edits, ed);
	check_edit(w, 1);
	return ed;
}

void
ops_free(struct world *w)
{
	struct edit *ed, *next;

	LL_FOREACH_SAFE(w->edits, ed, next) {
		free(ed->text);
		free(ed);
	}
	w->edits = NULL;
}

static void
begin_apply(void *arg)
{
	const struct edit *ed = arg;

	catalog_apply(ed->w->m[BROKER].broker, ed->text, "sim", false,
	    ed->prune, "op", edited, ed->w);
}

static void
begin_pause(void *arg)
{
	const struct edit *ed = arg;
	struct broker *b = ed->w->m[BROKER].broker;
	struct cat_job *j = catalog_job(b->catalog, ed->job);

	if (j != NULL)
		catalog_pause(b, j, !j->paused, j->paused ?
		    ledger_paused(b, j) : NULL, edited, ed->w);
	else
		check_edit(ed->w, -1);	/* removed meanwhile */
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
	struct edit *ed;

	if (b == NULL)
		return;
	ed = edit_new(w);
	ed->prune = prune;
	ed->text = mem_fmt(
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
	    " distribution = \"instances\"; instances = 2; },"
	    "{ name = \"rare\"; command = [ \"/bin/true\" ];"
	    " misfire = \"all\"; misfire_max = 5;"
	    " triggers = ( { every = \"4m\"; } ); }%s%s"
	    ");", policy[sim_range(w, 0, 2)], overlap[sim_range(w, 0, 3)],
	    w->o.seed % 4 == 0 ? "1s" : sim_chance(w, 50) ? "3s" : "7s",
	    (int)sim_range(w, 0, 3), sim_chance(w, 50) ? "10s" : "25s",
	    policy[sim_range(w, 0, 2)], sim_chance(w, 50) ? "" :
	    ", { name = \"extra\"; command = [ \"/bin/true\" ];"
	    " triggers = ( { every = \"20s\"; } ); }", files_jobs(w));
	sim_say(w, NULL, "operator: apply %s", ed->text);
	catalog_in_turn(b, begin_apply, ed);
	operator_done(w);
}

static void
single_job(struct world *w)
{
	static const char *const names[] = { "tick", "work", "minute", "chain",
		"extra" };
	struct broker *b = operator_at(w);
	struct cat_job *j;
	struct edit *ed;

	if (b == NULL)
		return;
	j = catalog_job(b->catalog, names[sim_range(w, 0, 4)]);
	if (j != NULL) {
		sim_say(w, NULL, "operator: %s %s", j->paused ? "resume"
		    : "pause", j->def.name);
		ed = edit_new(w);
		(void)MEM_STR(ed->job, j->def.name);
		catalog_in_turn(b, begin_pause, ed);
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
	} else if (live_first(b) != NULL) {
		sim_say(w, NULL, "operator: run abort %lld",
		    (long long)live_first(b)->id);
		outcome_abort(b, (struct run *)live_first(b), "op", NULL,
		    NULL);
	}
	operator_done(w);
}

bool
ops_hold(struct world *w, struct machine *m, bool on)
{
	if (!m->up || m->dying || m->frozen > w->now || m->seat == NULL)
		return false;
	sim_say(w, m, "operator at the node: %s", on ? "off" : "on");
	w->cur = m;
	/* What was not stored is no choice: an earlier one stays as it was. */
	if (seat_hold(m->seat, on, sim_clock(m)) == 0)
		m->held_here = on && seat_lease(m->seat)->d.held != 0;
	if (!on)
		m->off = m->off_seen = false;
	sim_leave(m, NULL);
	return true;
}

/* agent.allow_control, read again by a reload. */
static void
control(struct world *w, struct machine *m, bool on)
{
	m->uncontrolled = !on;
	if (!m->up || m->dying || m->frozen > w->now || m->seat == NULL)
		return;
	sim_say(w, m, "operator at the node: allow_control = %s",
	    on ? "true" : "false");
	w->cur = m;
	seat_control(m->seat, on && !m->worker, m->at % 2 == 0 ? 0 : 6,
	    sim_clock(m));
	sim_leave(m, NULL);
}

static void
on_departed(void *arg, json_t *result, const struct err *e)
{
	struct machine *m = arg;

	if (m->w->tidying)
		return;
	sim_say(m->w, NULL, "operator is told: %s", result != NULL
	    ? "departed" : e->msg);
}

static void
on_rejoin(struct world *w, void *arg, int64_t n)
{
	(void)w;
	(void)n;
	ops_rejoin(arg);
}

/* It is removed, or leaves by itself, and joins again after a while. */
static void
depart(struct world *w, struct machine *m)
{
	struct broker *b;
	struct member *mb = machine_member(m);

	if (m->local || mb == NULL || !member_active(mb) || !m->member ||
	    (b = operator_at(w)) == NULL)
		return;
	sim_say(w, NULL, "operator: %s is to go", m->name);
	m->held_here = m->off = m->off_seen = false;
	m->on_at = w->now;
	departure_start(b, mb, sim_chance(w, 50) ? "removed" : "left", "test",
	    "op", on_departed, m);
	operator_done(w);
	sim_at(w, w->now + sim_range(w, 8, 40) * SEC, on_rejoin, m, 0);
}

/* What the join desk does when a request is accepted. */
void
ops_rejoin(struct machine *m)
{
	struct world *w = m->w;
	struct member *mb = machine_member(m);
	struct roster_was was;
	struct broker *b;
	struct batch *batch;

	if (m->member || mb == NULL || member_active(mb) ||
	    (b = operator_at(w)) == NULL)
		return;
	sim_say(w, m, "joins again");
	batch = batch_new();
	(void)roster_admit(b, m->name, m->key.pub, m->key.fingerprint,
	    m->worker, batch, &was);
	m->member = store_write(b->store, batch) == STORE_OK;
	if (!m->member)
		roster_admit_undo(b, &was);
	m->on_at = w->now;		/* a new member, without marks */
	m->held_here = m->off = m->off_seen = false;
	operator_done(w);
	if (m->member) {
		machine_seat(m);
		check_quiet(w);		/* what it is counts anew */
	}
}

static void
confirm(struct world *w)
{
	struct broker *b = operator_at(w);
	struct role_event ev = { .kind = ROLE_EV_OP_CONFIRM };

	if (b == NULL)
		return;
	sim_say(w, NULL, "operator: confirm");
	w->asked++;
	scheduler_op(b, &ev, "op", NULL, told, w);
	operator_done(w);
}

static void
operate(struct world *w, struct machine *m)
{
	switch (sim_favour(w, 1, 28)) {
	case 0: case 1: case 2:
		ops_role(w, ROLE_EV_OP_ON, m, false);
		break;
	case 3: case 4:
		ops_role(w, ROLE_EV_OP_OFF, m, sim_chance(w, 20));
		break;
	case 5:
		ops_role(w, ROLE_EV_OP_RELEASE, m, false);
		break;
	case 6:
		drain(w, m, sim_chance(w, 60));
		break;
	case 7:
		ops_pace(w, false);
		break;
	case 8: case 9:
		tune(w);
		break;
	case 10:
		apply(w, sim_chance(w, 50));
		break;
	case 11:
		single_job(w);
		break;
	case 12: case 13:
		by_hand(w);
		break;
	case 14: case 15:
		(void)ops_hold(w, m, sim_chance(w, 60));
		break;
	case 16:
		control(w, m, sim_chance(w, 40));
		break;
	case 17:
		depart(w, m);
		break;
	case 18:
		confirm(w);
		break;
	case 19:			/* in the middle of a move */
		ops_role(w, ROLE_EV_OP_ON, m, false);
		ops_pace(w, false);
		break;
	case 20:
		trap_alone(w);
		break;
	case 21:
		rename_agent(w, m);
		break;
	default:
		trap_move(w, m);
		break;
	}
}

void
ops_operate(struct world *w)
{
	struct machine *m = ops_somebody(w);

	operate(w, m);
	if (sim_chance(w, 15))		/* and then this */
		fault_crash(w, sim_chance(w, 50) ? m : &w->m[BROKER]);
}

void
ops_tidy(struct world *w)
{
	static const struct setting_pair normal[] = {
		{ "control_status", "true" }, { "control", "auto" } };

	set(w, normal, 2);
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		if (m->at == BROKER && !m->local)
			continue;
		ops_rejoin(m);
		(void)ops_hold(w, m, false);
		control(w, m, true);
		drain(w, m, false);
		if (!m->worker)
			ops_role(w, ROLE_EV_OP_RELEASE, m, false);
	}
}

void
ops_setup(struct world *w)
{
	static const struct setting_pair mine[] = { { "lost_after", "30s" },
		{ "switch_condition", "cpu > 90" },
		{ "switch_min_interval", "10s" }, { "zone", "Europe/Berlin" } };
	static const struct setting_pair go_on = { "on_broker_loss",
		"continue" };

	ops_pace(w, false);
	set(w, mine, 4);
	if (sim_chance(w, 50))
		set(w, &go_on, 1);
	apply(w, false);
}
