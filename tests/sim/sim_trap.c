/* Trouble that waits for its moment: a machine that dies, is stopped or loses
 * its link just as it says something; and moves of the role meanwhile. */
#include <string.h>

#include "js.h"
#include "sim.h"

static void
on_moved(struct world *w, void *arg, int64_t from)
{
	if (sim_chance(w, 70))
		ops_role(w, ROLE_EV_OP_ON, arg, false);
	else
		ops_role(w, ROLE_EV_OP_OFF, &w->m[from], sim_chance(w, 40));
	if (sim_chance(w, 20))
		ops_pace(w, false);
}

/* ---- what happens then ---- */

/* Turned off at the node and on again, before anybody else is. */
static void
on_back(struct world *w, void *arg, int64_t on)
{
	struct machine *m = arg;

	if (!ops_hold(w, m, on == 0))
		return;
	if (on == 0)
		sim_at(w, w->now + sim_range(w, 50, 1500) * MS, on_back, m, 1);
	else if (sim_chance(w, 70))
		ops_role(w, ROLE_EV_OP_ON, m, false);
}

static void
on_power(struct world *w, void *arg, int64_t life)
{
	struct machine *m = arg;

	if (m->life != (unsigned)life)
		return;
	machine_kill(m, sim_chance(w, 50));
	sim_at(w, w->now + sim_range(w, 50, 4000) * MS, fault_boot, m, 0);
}

static void
on_trap(struct world *w, void *arg, int64_t n)
{
	struct machine *m = arg;
	struct trap t = m->trap;

	(void)n;
	if (!m->up || m->dying || t.when == TRAP_NEVER)
		return;
	m->trap = (struct trap){ .when = TRAP_NEVER };
	switch (t.what) {
	case TRAP_BREAK:
		net_break(m, SEC, false);
		if (t.back)
			sim_at(w, w->now + sim_range(w, 0, 200) * MS, on_back,
			    m, 0);
		break;
	case TRAP_STOP:
		sim_say(w, m, "is stopped as it speaks");
		m->frozen = w->now + t.length;
		if (t.unsaid)
			net_hold(m, m->frozen + w->latency);
		break;
	case TRAP_DIE:
		sim_at(w, w->now + sim_range(w, 0, 2 * w->latency), on_power,
		    m, (int64_t)m->life);
		break;
	}
	if (t.to != NULL)
		sim_at(w, w->now + t.after, on_moved, t.to, m->at);
}

/* Of a job that is not due again soon. */
static bool
slow(const json_t *params)
{
	const json_t *fires = json_object_get(params, "fires"), *f;
	size_t i;

	json_array_foreach(fires, i, f)
		if (strcmp(js_str(f, "job", "tick"), "tick") != 0)
			return true;
	return false;
}

void
trap_said(struct machine *m, const char *method, const json_t *params)
{
	bool beat = strcmp(method, "link.beat") == 0, now = false;

	switch (m->trap.when) {
	case TRAP_NEVER:
		return;
	case TRAP_BEAT:
		now = beat;
		break;
	case TRAP_TURN:
		now = beat && js_int(params, "floor", 0) > m->trap.floor;
		break;
	case TRAP_FIRE:
		now = strcmp(method, "link.fire") == 0;
		break;
	case TRAP_SLOW_FIRE:
		now = strcmp(method, "link.fire") == 0 && slow(params);
		break;
	}
	if (now)
		sim_at(m->w, m->w->now, on_trap, m, 0);
}

/* ---- what waits ---- */

static struct machine *
scheduler(struct world *w)
{
	for (int i = 0; i < w->n; i++)
		if (machine_fires(&w->m[i]))
			return &w->m[i];
	return NULL;
}

/* It dies when it has taken the role, or given it up: on disk, or nearly. */
static void
dies_as_it_turns(struct machine *m)
{
	if (m->seat != NULL)
		m->trap = (struct trap){ .when = TRAP_TURN, .what = TRAP_DIE,
		.floor = seat_lease(m->seat)->d.floor };
}

/* Stopped for longer than all timeouts, with the answer to what it said on its
 * way; or with that unsaid. */
static void
stops(struct world *w, struct machine *m, struct machine *to,
    enum trap_when when)
{
	m->trap = (struct trap){ .when = when, .what = TRAP_STOP,
		.length = sim_range(w, 6, 14) * SEC,
		.unsaid = when == TRAP_FIRE, .to = to,
		.after = sim_range(w, 0, 1500) * MS };
}

static void
breaks(struct world *w, struct machine *m, bool back)
{
	m->trap = (struct trap){ .what = TRAP_BREAK, .back = back,
		.when = !back && sim_chance(w, 30) ? TRAP_FIRE
		    : TRAP_SLOW_FIRE };
}

static void
on_restart(struct world *w, void *arg, int64_t power)
{
	machine_kill(arg, power != 0);
	sim_at(w, w->now + sim_range(w, 50, 500) * MS, fault_boot, arg, 0);
}

/* The broker forgets what it renewed, and nobody can remind it. */
static void
broker_restarts(struct world *w, struct machine *m)
{
	m->cut[0] = m->cut[1] = w->now + sim_range(w, 2, 12) * SEC;
	if (sim_chance(w, 40))		/* the leases are of another pace */
		ops_pace(w, sim_chance(w, 60));
	sim_at(w, w->now + 20 * MS, on_restart, &w->m[BROKER],
	    sim_chance(w, 30));
}

void
trap_move(struct world *w, struct machine *to)
{
	int64_t d = sim_range(w, 0, 3 * SEC);
	struct machine *m = scheduler(w);
	int which;

	for (int i = 0; i < 4 && to == m; i++)
		to = ops_somebody(w);
	if (m == NULL || m == to || m->trap.when != TRAP_NEVER)
		return;
	if (m->local) {			/* it has no link to suffer from */
		ops_role(w, ROLE_EV_OP_ON, to, false);
		return;
	}
	which = (int)sim_range(w, 0, 14);
	sim_say(w, m, "is hard to reach (%d) as the role is moved to %s", which,
	    to->name);
	switch (which) {
	case 0:
		m->cut[sim_range(w, 0, 1)] = w->now + sim_range(w, 2, 12) * SEC;
		break;
	case 1:
		m->cut[0] = m->cut[1] = w->now + sim_range(w, 2, 12) * SEC;
		break;
	case 2:				/* and says nothing too long */
		d /= 4;
		m->cut[BY_BROKER] = w->now + sim_range(w, 2000, 2900) * MS;
		break;
	case 3: case 13:		/* what is late stays late */
		m->cut[BY_BROKER] = w->now + sim_range(w, 1000, 2800) * MS;
		m->trickle = w->now + 30 * (int64_t)SEC;
		d = sim_range(w, 1500, 8000) * MS;
		break;
	case 4: case 5:
		stops(w, m, to, TRAP_FIRE);
		return;
	case 6: case 7:
		stops(w, m, to, TRAP_BEAT);
		return;
	case 8: case 9: case 14:	/* the role stays where it is */
		breaks(w, m, which != 8);
		return;
	case 10:			/* it can't obey */
		fault_full(w, m, sim_range(w, 6, 14) * SEC);
		break;
	case 11:
		dies_as_it_turns(sim_chance(w, 50) ? m : to);
		break;
	default:
		broker_restarts(w, m);
		d = sim_range(w, 600, 3000) * MS;
		break;
	}
	sim_at(w, w->now + d, on_moved, to, m->at);
}

/* ---- nobody to ask ---- */

static void
on_cut_off(struct world *w, void *arg, int64_t what)
{
	struct machine *m = arg;

	if (w->calm)
		return;
	switch (what) {
	case 0:				/* the role moves meanwhile */
		ops_role(w, ROLE_EV_OP_ON, ops_somebody(w), false);
		break;
	case 1:
		fault_crash(w, m);
		break;
	case 2:
		m->flaky = w->now + sim_range(w, 1, 20) * SEC;
		break;
	case 3:				/* it is heard for a moment, … */
		m->cut[0] = m->cut[1] = 0;
		sim_at(w, w->now + sim_range(w, 1, 12) * SEC, on_cut_off, m,
		    sim_range(w, 4, 5));
		break;
	case 5:				/* … in which it starts again */
		machine_kill(m, false);
		sim_at(w, w->now + 100 * MS, fault_boot, m, 0);
		sim_at(w, w->now + sim_range(w, 2, 9) * SEC, on_cut_off, m, 4);
		break;
	default:
		m->cut[0] = m->cut[1] = w->now + sim_range(w, 5, 40) * SEC;
		net_break(m, 2 * SEC, sim_chance(w, 50));
		break;
	}
}

/* It has told all that it did alone: it starts again, and is alone again. */
void
trap_told(struct machine *m)
{
	if (!m->w->calm && sim_chance(m->w, 30))
		sim_at(m->w, m->w->now + sim_range(m->w, 10, 500) * MS,
		    on_cut_off, m, 5);
}

/* The Scheduler is without a broker for long. */
void
trap_alone(struct world *w)
{
	int64_t d = sim_range(w, 6, 80) * SEC;
	struct machine *m = scheduler(w);

	if (m == NULL || m->local)
		return;
	if (sim_chance(w, 30))		/* and back before it is replaced */
		d = sim_range(w, 5, 11) * SEC;
	sim_say(w, m, "is without a broker for %lld s", (long long)(d / SEC));
	if (d < 12 * SEC) {
		m->cut[0] = m->cut[1] = w->now + d;
		net_break(m, SEC, false);
		sim_at(w, w->now + d + sim_range(w, 1, 6) * SEC, on_cut_off, m,
		    5);
		return;
	}
	if (sim_chance(w, 30)) {
		machine_kill(&w->m[BROKER], sim_chance(w, 30));
		sim_at(w, w->now + d, fault_boot, &w->m[BROKER], 0);
	} else {
		m->cut[0] = m->cut[1] = w->now + d;
		net_break(m, 4 * SEC, sim_chance(w, 50));
	}
	for (int n = (int)sim_range(w, 0, 3); n > 0; n--)
		sim_at(w, w->now + sim_range(w, 4 * SEC, d), on_cut_off, m,
		    sim_range(w, 0, 3));
}
