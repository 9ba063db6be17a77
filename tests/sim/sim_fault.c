/* What breaks: links, processes, power, disks, clocks. */
#include <stdlib.h>

#include "broker/scheduler.h"
#include "sim.h"

static int64_t
a_while(struct world *w)
{
	return sim_chance(w, 50) ? sim_range(w, 10 * MS, 5 * SEC)
				 : sim_range(w, SEC, 60 * SEC);
}

void
fault_boot(struct world *w, void *arg, int64_t n)
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
	else if (what == 3)
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
		net_break(m, sim_chance(w, 50) ? SEC : 30 * SEC,
		    sim_chance(w, 50));
}

void
fault_crash(struct world *w, struct machine *m)
{
	int64_t back = w->now + a_while(w) / 2;

	if (sim_chance(w, 60)) {	/* in the middle of something */
		m->crash_in = (int)sim_range(w, 1, 6);
		m->crash_before = sim_chance(w, 50);
		sim_at(w, back + 5 * SEC, fault_boot, m, 0);
	} else {
		machine_kill(m, sim_chance(w, 25));
		sim_at(w, back, fault_boot, m, 0);
	}
}

/* Its state directory comes back from a backup. */
static void
restore(struct world *w, struct machine *m)
{
	if (m->at == BROKER)
		return;
	if (m->copy == NULL || sim_chance(w, 30)) {
		sim_disk_copy(m);
		return;
	}
	machine_kill(m, false);
	if (!m->up && sim_disk_restore(m))
		sim_say(w, m, "gets an older copy of its disk");
	sim_at(w, w->now + a_while(w) / 2, fault_boot, m, 0);
}

void
fault_full(struct world *w, struct machine *m, int64_t how_long)
{
	m->full = true;
	sim_say(w, m, "its disk is full for %lld ms",
	    (long long)(how_long / MS));
	sim_at(w, w->now + how_long, on_mended, m, 0);
}

static void
fault_disk(struct world *w, struct machine *m, int64_t d)
{
	int64_t n = sim_range(w, 0, 3);

	if (n == 0) {
		fault_full(w, m, d);
		return;
	}
	if (n == 1) {
		m->slow = sim_range(w, 20 * MS, 3 * SEC);
		sim_at(w, w->now + d, on_mended, m, 1);
	} else
		m->flaky = w->now + d;
	sim_say(w, m, "its disk is %s for %lld ms", n == 1 ? "slow"
	    : "full now and then", (long long)(d / MS));
}

static void
fault_clock(struct world *w, struct machine *m, int64_t d)
{
	if (sim_chance(w, 35))
		m->wall_off = (sim_chance(w, 50) ? 3600000 : -3600000) +
		    sim_range(w, -300, 300);
	else
		m->wall_off = sim_range(w, -90000, 90000);
	sim_say(w, m, "its wall clock jumps to %lld ms off",
	    (long long)m->wall_off);
	sim_at(w, w->now + d, on_mended, m, 3);
}

static void
fault_link(struct world *w, struct machine *m, int64_t d)
{
	switch (sim_range(w, 0, 5)) {
	case 0: case 1:
		cut(w, m, sim_chance(w, 60), d);
		break;
	case 2:				/* everybody from the broker */
		for (int i = 1; i < w->n; i++)
			cut(w, &w->m[i], true, d);
		break;
	case 3:
		sim_say(w, m, "its link is slow for %lld ms",
		    (long long)(d / MS));
		m->trickle = w->now + d;
		break;
	case 4:
		m->echo = w->now + d;
		sim_say(w, m, "its fires are said twice for %lld ms",
		    (long long)(d / MS));
		break;
	default:
		net_break(m, SEC, sim_chance(w, 50));
		break;
	}
}

void
fault_happen(struct world *w)
{
	struct machine *m = sim_chance(w, 25) ? &w->m[BROKER]
	    : ops_somebody(w);
	int64_t d = a_while(w);

	switch (sim_favour(w, 0, 16)) {
	case 0: case 1: case 2: case 3: case 4:
		fault_link(w, m, d);
		break;
	case 5: case 6: case 7:
		fault_crash(w, m);
		break;
	case 8: case 9:
		sim_say(w, m, "is stopped for %lld ms", (long long)(d / MS));
		m->frozen = w->now + d;
		if (sim_chance(w, 50))
			net_hold(m, m->frozen + w->latency);
		break;
	case 10: case 11: case 12:
		fault_disk(w, m, d);
		break;
	case 13:
		fault_clock(w, m, d);
		break;
	case 14:
		m->cpu = 97;
		sim_at(w, w->now + d, on_mended, m, 2);
		break;
	default:
		if (sim_chance(w, 40)) {
			sim_say(w, m, "its keeper dies");
			keeper_crash(m, false);
		} else
			restore(w, m);
		break;
	}
}

void
fault_mend(struct world *w)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		m->cut[0] = m->cut[1] = 0;
		if (m->frozen > w->now)
			m->frozen = w->now;
		m->full = false;
		m->trickle = m->echo = m->flaky = 0;
		m->trap.when = TRAP_NEVER;
		m->slow = 0;
		m->crash_in = 0;
		m->cpu = 5;
		if (llabs(m->wall_off) > 400)
			m->wall_off = sim_range(w, -300, 300);
		machine_boot(m);
	}
	net_release(w);
}

