/* What one end was told stays so, whatever dies meanwhile: looked at when it
 * is said, and again when a machine has come back from its disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/roster.h"
#include "core/order.h"
#include "js.h"
#include "mem.h"
#include "sim.h"

static struct machine *
of_start(struct world *w, int64_t start)
{
	for (int i = 0; i < w->n; i++)
		if (w->m[i].seat != NULL &&
		    seat_facts(w->m[i].seat)->start == start)
			return &w->m[i];
	return NULL;
}

/* A heartbeat is the agent's word: "each grant has an epoch, and an agent
 * refuses any that is not higher than what it has seen". */
static void
beat(struct machine *m, const json_t *p)
{
	struct promise *t = &m->told;
	int64_t epoch = js_int(p, "epoch", 0), floor = js_int(p, "floor", 0);

	t->on = js_bool(p, "on", false);
	t->epoch = epoch > t->epoch ? epoch : t->epoch;
	t->floor = floor > t->floor ? floor : t->floor;
}

/* "From the moment OFF is sent, renewals are refused." */
static void
renewal(struct world *w, const json_t *p)
{
	const struct machine *m = of_start(w, js_int(p, "start", 0));
	int64_t epoch = js_int(p, "epoch", 0);

	if (m != NULL && epoch <= m->told.off)
		sim_broken(w, RULE_RENEWED, "epoch %lld of %s is renewed, and "
		    "OFF was sent to it", (long long)epoch, m->name);
}

/* The agent forgets what is answered, so it is on disk. */
static void
answer(struct world *w, const json_t *p)
{
	const char *job = js_str(p, "job", "");
	const json_t *cursor = json_object_get(p, "cursor");
	int64_t at = js_int(p, "at", 0);
	char occ[CLOCK_RFC3339];

	if (json_object_get(p, "id") != NULL)
		return;
	if (cursor != NULL)
		at = json_integer_value(cursor);
	else if (json_object_get(p, "run") == NULL)
		return;
	else if (check_on_record(w, job, clock_rfc3339((wall){ at }, occ),
	    WALL_NEVER))
		return;			/* done alone: its run is */
	if (at > check_cursor(w, job))
		sim_broken(w, RULE_ACKED, "%s at %lld is answered, and its "
		    "cursor on disk is %lld", job, (long long)at,
		    (long long)check_cursor(w, job));
}

/* ---- where a run is ---- */

struct place {
	char	       key[48];		/* "run.attempt" */
	int	       at;		/* machine + 1, 0: nowhere yet */
	UT_hash_handle hh;
};

static struct place *
place_of(struct world *w, int64_t run, int64_t attempt, char key[48])
{
	struct place *p;

	(void)snprintf(key, 48, "%lld.%lld", (long long)run,
	    (long long)attempt);
	HASH_FIND_STR(w->places, key, p);
	return p;
}

void
promise_placed(struct world *w, int64_t run, int64_t attempt,
    const char *agent)
{
	char key[48];
	struct place *p = place_of(w, run, attempt, key);

	if (p == NULL) {
		p = mem_zero(1, sizeof(*p));
		(void)MEM_STR(p->key, key);
		HASH_ADD_STR(w->places, key, p);
	}
	p->at = 0;
	for (int i = 0; i < w->n; i++) {	/* sim_ops.c renames them */
		size_t n = strlen(w->m[i].name);

		if (strncmp(w->m[i].name, agent, n) == 0 &&
		    (agent[n] == '\0' || strcmp(agent + n, RENAMED) == 0))
			p->at = i + 1;
	}
}

/* A broker that is killed after it sent a run must find where it is. */
static void
dispatch(struct world *w, const struct machine *to, const json_t *params)
{
	int64_t run = js_int(params, "run", 0);
	const struct place *p;
	char key[48];

	if (order_is_alone(run))
		return;
	p = place_of(w, run, js_int(params, "attempt", 0), key);
	if (p == NULL || p->at != to - w->m + 1)
		sim_broken(w, RULE_SENT, "run %s is sent to %s, on disk it is "
		    "%s", key, to->name, p == NULL ? "not there" : p->at == 0
		    ? "waiting" : w->m[p->at - 1].name);
}

void
promise_free(struct world *w)
{
	struct place *p, *next;

	HASH_ITER(hh, w->places, p, next) {
		HASH_DEL(w->places, p);
		free(p);
	}
}

void
promise_sent(struct world *w, struct machine *from, struct machine *to,
    const char *method, const json_t *p)
{
	int64_t epoch = js_int(p, "epoch", 0);

	if (strcmp(method, "link.beat") == 0)
		beat(from, p);
	else if (strcmp(method, "link.off") == 0)
		to->told.off = epoch > to->told.off ? epoch : to->told.off;
	else if (strcmp(method, "link.ack") == 0)
		renewal(w, p);
	else if (strcmp(method, "link.fired") == 0)
		answer(w, p);
	else if (strcmp(method, "link.dispatch") == 0)
		dispatch(w, to, p);
}

void
promise_forget(struct machine *m)
{
	m->told = (struct promise){ .off = m->told.off };
}

/* It has started again. */
static void
remembers(struct world *w, struct machine *m)
{
	const struct lease_durable *d = &seat_lease(m->seat)->d;
	const struct promise *t = &m->told;

	if (d->floor < t->floor || d->epoch < t->epoch ||
	    (d->on && !t->on && t->floor > 0 && d->epoch <= t->floor))
		sim_broken(w, RULE_TOLD, "%s said %s, epoch %lld, floor %lld, "
		    "and starts with %s, %lld, %lld", m->name, t->on ? "ON"
		    : "OFF", (long long)t->epoch, (long long)t->floor, d->on
		    ? "ON" : "OFF", (long long)d->epoch, (long long)d->floor);
	if (m->held_here && !d->held)
		sim_broken(w, RULE_CHOICE, "%s was turned off at itself, and "
		    "has forgotten it", m->name);
}

void
promise_now(struct world *w)
{
	for (int i = 0; i < w->n; i++) {
		struct machine *m = &w->m[i];

		if (m->told.life == m->life || !m->up || m->seat == NULL)
			continue;
		m->told.life = m->life;
		remembers(w, m);
	}
	if (w->m[BROKER].broker == NULL || w->m[BROKER].life == w->kept)
		return;
	w->kept = w->m[BROKER].life;
	for (int i = 0; i < w->n; i++) {
		const struct member *mb = machine_member(&w->m[i]);

		if (w->m[i].off && mb != NULL && member_active(mb) &&
		    !roster_agent(w->m[BROKER].broker->roster, mb)
		    ->marks.held_off)
			sim_broken(w, RULE_CHOICE, "%s was turned off, and "
			    "the broker has forgotten it", w->m[i].name);
	}
}
