/* The thread that looks at files (node/lookout.h), as one of the events of the
 * simulation: it takes its orders a little later, or seconds later when the
 * file system hangs, and the loop hears of it later still.  Between both there
 * are the same boxes. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "mem.h"
#include "node/lookout.h"
#include "sim.h"

enum { HANG_S = 5 };		/* less than is told of */

struct lookout {
	struct machine	 *m;
	struct finder	 *finder;
	int64_t		  id, at;	/* when it wakes, true time */
	/* in */
	bool		  loaded, anew, ask;
	struct find_rules rules;
	int64_t		  gen;
	int64_t		  answers[1024];	/* negative: not taken */
	size_t		  nanswers;
	/* out */
	struct find_fire *fires;
	bool		  ready, asked;
	/* its own */
	int64_t		  in_gen, turns;
};

static void
on_at(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
}

static void
on_log(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	log_at(level, "files", "%s", text);
}

/* ---- the thread ---- */

static void
obey(struct lookout *l, struct now now)
{
	if (l->gen != l->in_gen)
		finder_stop(l->finder);
	if (l->loaded)
		finder_load(l->finder, &l->rules);
	if (l->anew)
		finder_start(l->finder);
	l->in_gen = l->gen;
	l->loaded = l->anew = false;
	for (size_t i = 0; i < l->nanswers; i++)
		finder_answer(l->finder, llabs(l->answers[i]),
		    l->answers[i] > 0, now);
	l->nanswers = 0;
}

static void
on_look(struct world *w, void *arg, int64_t id)
{
	struct machine *m = arg, *was;
	struct lookout *l = m->lookout;
	struct now now;
	bool more, tell;
	mono next;

	if (!m->up || m->dying || l == NULL || l->id != id || l->at > w->now ||
	    machine_later(m, on_look, m, id))
		return;
	sim_mix(w, 11);
	was = sim_enter(m);
	now = sim_clock(m);
	l->at = INT64_MAX;
	l->turns++;
	obey(l, now);
	finder_hear(l->finder);
	tell = l->ask;
	if (l->ask) {
		struct find_fire *fires = finder_due(l->finder, now);

		DL_CONCAT(l->fires, fires);
		l->ask = l->asked = false;
	}
	next = finder_turn(l->finder, now);
	more = finder_ready(l->finder);
	tell = tell || (more && !l->ready);
	l->ready = more;
	if (next.us != INT64_MAX)
		files_look(m, next.us <= now.mono.us ? w->now + 100
		    : sim_when(m, next));
	if (tell)
		sim_leave(m, was);
	else
		w->cur = was;
}

void
files_look(struct machine *m, int64_t at)
{
	struct lookout *l = m->lookout;

	if (l == NULL || at >= l->at)
		return;
	l->at = at;
	sim_at(m->w, at, on_look, m, l->id);
}

/* ---- the loop ---- */

static void
told(struct lookout *l)
{
	struct world *w = l->m->w;

	files_look(l->m, w->now + (!w->calm && sim_chance(w, 2)
	    ? sim_range(w, SEC, HANG_S * (int64_t)SEC)
	    : sim_range(w, 20, 2000)));
}

struct lookout *
lookout_new(uv_loop_t *loop)
{
	static const struct finder_ops ops = { .at = on_at, .log = on_log };
	struct lookout *l = mem_zero(1, sizeof(*l));

	l->m = (struct machine *)(void *)loop;	/* see boot_seat */
	l->finder = finder_new(&ops, l);
	l->id = (int64_t)l->m->w->seq;
	l->at = INT64_MAX;
	if (l->m->lookout != NULL)
		sim_broken(l->m->w, RULE_WORLD, "a second thread for files");
	l->m->lookout = l;
	return l;
}

void
lookout_free(struct lookout *l)
{
	if (l == NULL)
		return;
	l->m->lookout = NULL;
	finder_free(l->finder);
	find_rules_clear(&l->rules);
	find_fires_free(&l->fires);
	free(l);
}

void
lookout_load(struct lookout *l, struct find_rules *rules)
{
	find_rules_clear(&l->rules);
	l->rules = *rules;
	*rules = (struct find_rules){ 0 };
	l->loaded = true;
	told(l);
}

void
lookout_work(struct lookout *l, int64_t gen)
{
	if (gen != l->gen) {
		l->nanswers = 0;
		find_fires_free(&l->fires);
		l->ready = l->asked = l->ask = false;
	}
	l->gen = gen;
	l->anew = gen > 0;
	told(l);
}

void
lookout_ask(struct lookout *l)
{
	l->asked = l->ask = true;
	told(l);
}

bool
lookout_ready(struct lookout *l)
{
	return l->ready && !l->asked;
}

struct find_fire *
lookout_take(struct lookout *l)
{
	struct find_fire *fires = l->fires;

	l->fires = NULL;
	return fires;
}

void
lookout_answer(struct lookout *l, int64_t id, bool taken)
{
	if (l->nanswers == sizeof(l->answers) / sizeof(l->answers[0]))
		sim_broken(l->m->w, RULE_WORLD, "too many answers");
	else
		l->answers[l->nanswers++] = taken ? id : -id;
	told(l);
}

void
lookout_log(struct lookout *l)
{
	(void)l;
}

int64_t
lookout_call(struct lookout *l, char path[PATH_MAX])
{
	(void)l;
	path[0] = '\0';
	return 0;
}

int64_t
lookout_turns(struct lookout *l)
{
	return l->turns;
}
