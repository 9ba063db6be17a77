/* What happens to the cluster: storms of faults and of operators, and calms in
 * which it must settle. */
#include "sim.h"

enum { CALM_S = 75, STORM_S = 5, DARK_S = 20 * 60, FAVOURITES = 99999 };

static void on_storm(struct world *, void *, int64_t);

static int64_t
left(const struct world *w)
{
	return w->o.minutes * 60 * SEC - w->now;
}

static void
on_trouble(struct world *w, void *arg, int64_t n)
{
	(void)arg;
	(void)n;
	w->r.faults++;
	if (sim_chance(w, 35))
		ops_operate(w);
	else
		fault_happen(w);
}

static void
on_move(struct world *w, void *arg, int64_t n)
{
	(void)arg;
	(void)n;
	w->r.faults++;
	trap_move(w, ops_somebody(w));
}

/* ---- storms and calms ---- */

static void
on_tidy(struct world *w, void *arg, int64_t n)
{
	(void)arg;
	(void)n;
	ops_tidy(w);
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

/* The last one ends with the schedule. */
static void
on_calm(struct world *w, void *arg, int64_t n)
{
	bool last = left(w) < (LAST_CALM_S + CALM_S + STORM_S) * (int64_t)SEC;

	(void)arg;
	(void)n;
	sim_say(w, NULL, "---- calm");
	w->calm = true;
	fault_mend(w);
	check_quiet(w);
	if (last || sim_chance(w, 80))
		sim_at(w, w->now + SEC, on_tidy, NULL, 0);
	sim_at(w, w->now + (last ? left(w) : CALM_S * (int64_t)SEC),
	    on_calm_end, NULL, last);
}

/* Nobody has power; the calm brings it back. */
static void
blackout(struct world *w, int64_t most)
{
	int64_t length = sim_range(w, 2, DARK_S) * SEC;

	if (length > most)
		length = most;
	w->r.faults++;
	sim_say(w, NULL, "---- no power anywhere for %lld s",
	    (long long)(length / SEC));
	for (int i = 0; i < w->n; i++)
		machine_kill(&w->m[i], true);
	sim_at(w, w->now + length, on_calm, NULL, 0);
}

/* Calm hours, usual ones, and such as nobody has seen. */
static int64_t
troubles(struct world *w)
{
	if (w->o.fierce)
		return sim_range(w, 16, 40);
	if (w->mood < 15)
		return sim_range(w, 1, 4);
	return w->mood < 75 ? sim_range(w, 2, 16) : sim_range(w, 6, 40);
}

static void
on_storm(struct world *w, void *arg, int64_t n)
{
	int64_t most = left(w) - LAST_CALM_S * (int64_t)SEC;
	int64_t length = sim_range(w, STORM_S, 120) * SEC;
	int64_t count = troubles(w);

	(void)arg;
	(void)n;
	w->calm = false;
	for (size_t i = 0; w->o.fierce && i < 3; i++)
		w->favour[i] = sim_range(w, 0, FAVOURITES);
	if (sim_chance(w, 4)) {
		blackout(w, most);
		return;
	}
	if (length > most)
		length = most;
	sim_say(w, NULL, "---- storm of %lld in %lld s", (long long)count,
	    (long long)(length / SEC));
	for (; count > 0; count--)
		sim_at(w, w->now + sim_range(w, 0, length), on_trouble, NULL,
		    0);
	if (sim_chance(w, 85))		/* with time to tell */
		sim_at(w, w->now + sim_range(w, 0, length / 2), on_move, NULL,
		    0);
	sim_at(w, w->now + length, on_calm, NULL, 0);
}

static void
on_setup(struct world *w, void *arg, int64_t n)
{
	(void)arg;
	(void)n;
	ops_setup(w);
}

void
story_begin(struct world *w)
{
	w->mood = (int)sim_range(w, 0, 99);
	sim_at(w, 100 * MS, on_setup, NULL, 0);
	sim_at(w, sim_range(w, 2, 40) * SEC, on_storm, NULL, 0);
}
