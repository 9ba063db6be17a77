/* Keepers: they outlive the daemon, own the runs and remember what they
 * started.  A run here is a length of time and an exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "sim.h"

static struct krun *
find(struct keeper *k, const char *id)
{
	struct krun *r;

	HASH_FIND_STR(k->runs, id, r);
	return r;
}

/* ---- what it says, in order, to the life of the daemon it is linked to ---- */

struct said {
	char	       id[KEEPER_ID];	/* "": it has said everything */
	unsigned       life;
	struct said   *next;
};

static void
said_free(struct keeper *k)
{
	struct said *s = k->said;

	k->said = s->next;
	if (k->said == NULL)
		k->said_last = NULL;
	free(s);
}

/* One of these for each of what it said: the oldest is heard, however long the
 * daemon was stopped. */
static void
on_said(struct world *w, void *arg, int64_t n)
{
	struct keeper *k = arg;
	struct said *s = k->said;
	struct machine *m = k->m, *was;
	struct krun *r = find(k, s->id);
	struct keeper_report kr = { .id = s->id };
	char start[24];

	if (!m->up || m->dying || m->life != s->life ||
	    (!k->up && s->id[0] != '\0' && r == NULL)) {
		said_free(k);
		return;
	}
	if (machine_later(m, on_said, k, n))
		return;
	was = sim_enter(m);
	sim_mix(w, 7);
	if (s->id[0] == '\0') {
		k->up = true;
		(void)snprintf(start, sizeof(start), "start-%d", k->start);
		runs_keeper_ops.up(m->runs, start);
	} else {
		if (r != NULL) {
			kr.state = r->state;
			kr.code = r->code;
			kr.started = r->started;
			kr.ended = r->ended;
			kr.pid = 1000;
		}
		kr.why = "";
		sim_say(w, m, "keeper: %s is %d", s->id, (int)kr.state);
		runs_keeper_ops.report(m->runs, &kr);
	}
	sim_leave(m, was);
	said_free(k);
}

static void
tell(struct keeper *k, const char *id)
{
	struct world *w = k->m->w;
	struct said *s = mem_zero(1, sizeof(*s));

	s->life = k->m->life;
	(void)MEM_STR(s->id, id);
	if (k->said == NULL)
		k->said = s;
	else
		k->said_last->next = s;
	k->said_last = s;
	k->says = k->says < w->now ? w->now : k->says;
	k->says += sim_range(w, 50, 400);
	sim_at(w, k->says, on_said, k, 0);
}

static void
on_link(struct world *w, void *arg, int64_t life)
{
	struct machine *m = arg;

	(void)w;
	if (!m->up || m->life != (unsigned)life)
		return;
	for (struct krun *r = m->keeper.runs; r != NULL; r = r->hh.next)
		if (!r->forgotten)
			tell(&m->keeper, r->id);
	tell(&m->keeper, "");
}

/* A daemon started: it finds its keeper sooner or later. */
void
keeper_link(struct machine *m)
{
	m->keeper.m = m;
	m->keeper.up = false;
	sim_at(m->w, m->w->now + sim_range(m->w, MS, 800 * MS), on_link, m,
	    m->life);
}

/* ---- what it does ---- */

static void
on_end(struct world *w, void *arg, int64_t start)
{
	struct krun *r = arg;
	struct keeper *k = NULL;

	for (int i = 0; i < w->n; i++)
		if (find(&w->m[i].keeper, r->id) == r)
			k = &w->m[i].keeper;
	if (k == NULL || k->start != start || r->state != KEEPER_RUNNING ||
	    w->now < r->until || !k->m->host_up)
		return;
	r->state = r->abort ? KEEPER_ABORTED : KEEPER_EXITED;
	r->code = r->abort ? 15 : sim_chance(w, 10);
	r->ended = sim_clock(k->m).wall;
	tell(k, r->id);
}

struct command {
	struct keeper *k;
	char	       id[KEEPER_ID];
	int	       what;		/* start, abort, forget */
	int64_t	       asked;
	char	       job[64], occ[64];
};

static void
on_command(struct world *w, void *arg, int64_t start)
{
	struct command *c = arg;
	struct krun *r = find(c->k, c->id);

	if (c->k->start != start) {
		free(c);
		return;
	}
	if (c->what == 0 && r == NULL) {
		r = mem_zero(1, sizeof(*r));
		(void)MEM_STR(r->id, c->id);
		r->state = KEEPER_RUNNING;
		r->started = sim_clock(c->k->m).wall;
		r->until = w->now + (sim_chance(w, 80)
		    ? sim_range(w, 5 * MS, 900 * MS)
		    : sim_range(w, SEC, 25 * SEC));
		r->excused = c->asked < c->k->excused;
		HASH_ADD_STR(c->k->runs, id, r);
		w->r.runs++;
		check_start(c->k->m, r->id, c->job, c->occ);
		sim_say(w, c->k->m, "keeper: starts %s", r->id);
		sim_at(w, r->until, on_end, r, start);
		tell(c->k, r->id);
	} else if (c->what == 0 && r->forgotten) {
		tell(c->k, c->id);	/* it remembers what is past */
	} else if (c->what == 1 && r != NULL && r->state == KEEPER_RUNNING) {
		r->abort = true;
		r->until = w->now + sim_range(w, MS, SEC);
		sim_at(w, r->until, on_end, r, start);
	} else if (c->what == 2) {
		if (r != NULL && r->state != KEEPER_RUNNING)
			r->forgotten = true;
	} else
		tell(c->k, c->id);
	free(c);
}

static struct command *
command(struct keeper *k, const char *id, int what)
{
	struct world *w = k->m->w;
	struct command *c;

	if (!k->up || k->m->dying || w->tidying)
		return NULL;
	c = mem_zero(1, sizeof(*c));
	c->k = k;
	c->what = what;
	c->asked = w->now;
	(void)MEM_STR(c->id, id);
	sim_at(w, w->now + 60, on_command, c, k->start);
	return c;
}

bool
keeper_is_up(const struct keeper *k)
{
	return k->up;
}

static void
env_get(const char *const *env, const char *name, char out[64])
{
	size_t n = strlen(name);

	for (; *env != NULL; env++)
		if (strncmp(*env, name, n) == 0)
			(void)snprintf(out, 64, "%s", *env + n);
}

int
keeper_run(struct keeper *k, const struct keeper_start *s)
{
	struct command *c = command(k, s->id, 0);

	if (c != NULL) {
		env_get(s->env, "MUSTER_JOB=", c->job);
		env_get(s->env, "MUSTER_OCCURRENCE=", c->occ);
	}
	return k->up ? 0 : -1;
}

int
keeper_abort(struct keeper *k, const char *id, int64_t grace_ms)
{
	(void)grace_ms;
	(void)command(k, id, 1);
	return k->up ? 0 : -1;
}

int
keeper_forget(struct keeper *k, const char *id)
{
	(void)command(k, id, 2);
	return k->up ? 0 : -1;
}

int
keeper_output(struct keeper *k, const char *id)
{
	(void)k;
	(void)id;
	return -1;
}

/* The keeper (or the machine) dies: what ran is lost, its journal is not. */
void
keeper_crash(struct machine *m, bool power)
{
	struct keeper *k = &m->keeper;
	struct machine *was;

	k->start++;
	for (struct krun *r = k->runs; r != NULL; r = r->hh.next)
		if (r->state == KEEPER_RUNNING) {
			r->state = KEEPER_LOST;
			r->ended = sim_clock(m).wall;
		}
	if (power || !m->up || !k->up)
		return;
	was = sim_enter(m);
	k->up = false;
	runs_keeper_ops.down(m->runs, "simulated crash");
	sim_leave(m, was);
	keeper_link(m);
}

/* Also what is on its way to it. */
void
keeper_excuse(struct machine *m)
{
	m->keeper.excused = m->w->now + 1;
	for (struct krun *r = m->keeper.runs; r != NULL; r = r->hh.next)
		r->excused = true;
}

void
keepers_free(struct machine *m)
{
	struct krun *r, *tmp;

	while (m->keeper.said != NULL)
		said_free(&m->keeper);
	HASH_ITER(hh, m->keeper.runs, r, tmp) {
		HASH_DEL(m->keeper.runs, r);
		free(r);
	}
}

void
keeper_sweep(struct world *w)
{
	for (size_t i = 0; i < w->nheap; i++)
		if (w->heap[i].fn == on_command)
			free(w->heap[i].arg);
	w->nheap = 0;
}
