/* Virtual time, chance, the trace, and the order of what happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "log.h"
#include "mem.h"
#include "sim.h"

static struct world *world;
static jmp_buf out;

/* ---- chance ---- */

uint64_t
sim_random(struct world *w)
{
	uint64_t z = w->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

int64_t
sim_range(struct world *w, int64_t from, int64_t to)
{
	return from + (int64_t)(sim_random(w) % (uint64_t)(to - from + 1));
}

int64_t
sim_favour(struct world *w, int which, int64_t kinds)
{
	if (w->o.fierce && sim_chance(w, 50))
		return w->favour[which] % kinds;
	return sim_range(w, 0, kinds - 1);
}

bool
sim_chance(struct world *w, int percent)
{
	return sim_range(w, 0, 99) < percent;
}

/* ---- the trace ---- */

void
sim_mix(struct world *w, uint64_t v)
{
	w->r.hash = (w->r.hash ^ v) * 0x100000001b3ULL;
	w->r.hash ^= w->r.hash >> 29;
}

void
sim_mix_text(struct world *w, const char *s)
{
	for (; *s != '\0'; s++)
		sim_mix(w, (unsigned char)*s);
}

static void
line(struct world *w, const struct machine *m, const char *text)
{
	printf("%5lld.%06lld %-7s %s\n", (long long)(w->now / SEC),
	    (long long)(w->now % SEC), m != NULL ? m->name : "", text);
}

void
sim_say(struct world *w, const struct machine *m, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!w->o.verbose)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line(w, m, text);
}

void
sim_broken(struct world *w, enum sim_rule rule, const char *fmt, ...)
{
	va_list ap;

	w->r.broken = true;
	w->r.rule = rule;
	va_start(ap, fmt);
	(void)vsnprintf(w->r.text, sizeof(w->r.text), fmt, ap);
	va_end(ap);
	sim_say(w, w->cur, "BROKEN: %s: %s",
	    sim_rule_text(rule), w->r.text);
	longjmp(out, 1);
}

const char *
sim_rule_text(enum sim_rule rule)
{
	static const char *const texts[NRULES] = {
		[RULE_TWO] = "two unsuspended Schedulers",
		[RULE_FENCE] = "granted while another may fire",
		[RULE_EPOCH] = "epochs rise, and each has one holder",
		[RULE_FIRST_DISK] = "granted before it was on disk",
		[RULE_RENEWED] = "renewed after OFF",
		[RULE_FOREIGN] = "a fire of another epoch taken",
		[RULE_TWICE] = "an occurrence fired twice",
		[RULE_SKIPPED] = "skipped without a record",
		[RULE_CURSOR] = "a cursor moves to its successor",
		[RULE_DUE] = "due and not on record",
		[RULE_LOST] = "a recorded run is lost",
		[RULE_ACKED] = "acknowledged and not on disk",
		[RULE_TOLD] = "told, and forgotten by a start",
		[RULE_OUTCOME] = "another outcome on record",
		[RULE_STARTED] = "an attempt started twice",
		[RULE_UNRECORDED] = "started without a record",
		[RULE_SENT] = "sent before its place was on disk",
		[RULE_CHOICE] = "an operator's choice undone",
		[RULE_SETTLE] = "no Scheduler in time",
		[RULE_LINK] = "not connected in time",
		[RULE_STUCK] = "a run waits for nothing",
		[RULE_PICTURE] = "what is shown is wrong",
		[RULE_ALONE_RIGHT] = "alone without the right to",
		[RULE_ALONE_DISK] = "alone before it was on disk",
		[RULE_ALONE_NUMBER] = "a node's own number twice",
		[RULE_ALONE_FULL] = "more alone than the spool holds",
		[RULE_ALONE_LOST] = "done alone and not on record",
		[RULE_ALONE_AGAIN] = "done alone and started again",
		[RULE_DOUBLED] = "done twice and not marked doubled",
		[RULE_FILE_TWICE] = "a file on record twice",
		[RULE_FILE_MISSED] = "a file that is there is not on record",
		[RULE_SPIN] = "a daemon spins",
		[RULE_WORLD] = "the simulated world",
		[RULE_SAME] = "another way for the same seed",
	};

	return texts[rule];
}

/* ---- time ---- */

struct now
sim_clock(const struct machine *m)
{
	int64_t t = m->w->now;

	return (struct now){
		{ m->mono_base + t + t * m->ppm / 1000000 },
		{ 1790000000000 + t / MS + m->wall_off } };
}

int64_t
sim_when(const struct machine *m, mono at)
{
	int64_t now = m->w->now;
	int64_t left = at.us - sim_clock(m).mono.us;

	if (left <= 0)
		return now;
	return now + left * 1000000 / (1000000 + m->ppm) + 1;
}

struct machine *
sim_enter(struct machine *m)
{
	struct machine *was = m->w->cur;

	m->w->cur = m;
	return was;
}

void
sim_leave(struct machine *m, struct machine *was)
{
	m->w->cur = was;
	if (m->up && !m->dying)
		machine_wake(m, m->w->now + 50);
	if (was == NULL && m->dying && m->up)
		machine_kill(m, sim_chance(m->w, 30));
}

/* ---- what is to happen ---- */

static bool
before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void
sim_at(struct world *w, int64_t at, void (*fn)(struct world *, void *, int64_t),
    void *arg, int64_t n)
{
	struct sim_event ev = { at < w->now ? w->now : at, w->seq++, fn, arg,
		n };
	size_t i = w->nheap++;

	if (w->nheap > w->cap) {
		w->cap = w->cap == 0 ? 256 : 2 * w->cap;
		w->heap = mem_grow(w->heap, w->cap * sizeof(*w->heap));
	}
	while (i > 0 && before(&ev, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = ev;
}

static struct sim_event
next_event(struct world *w)
{
	struct sim_event top = w->heap[0], ev = w->heap[--w->nheap];
	size_t i = 0;

	for (;;) {
		size_t kid = 2 * i + 1;

		if (kid >= w->nheap)
			break;
		if (kid + 1 < w->nheap &&
		    before(&w->heap[kid + 1], &w->heap[kid]))
			kid++;
		if (before(&ev, &w->heap[kid]))
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = ev;
	return top;
}

/* ---- what the shipped code asks of its machine ---- */

struct now __wrap_clock_now(void);
mono	__wrap_clock_mono(void);
wall	__wrap_clock_wall(void);
ssize_t __wrap_getrandom(void *, size_t, unsigned);
void	__wrap_log_at(enum log_level, const char *, const char *, ...)
	    __attribute__((format(printf, 3, 4)));

struct now
__wrap_clock_now(void)
{
	return sim_clock(world->cur != NULL ? world->cur : &world->m[0]);
}

mono
__wrap_clock_mono(void)
{
	return __wrap_clock_now().mono;
}

wall
__wrap_clock_wall(void)
{
	return __wrap_clock_now().wall;
}

ssize_t
__wrap_getrandom(void *p, size_t n, unsigned flags)
{
	unsigned char *at = p;

	(void)flags;
	for (size_t i = 0; i < n; i++)
		at[i] = (unsigned char)sim_random(world);
	return (ssize_t)n;
}

void
__wrap_log_at(enum log_level level, const char *subsystem, const char *fmt,
    ...)
{
	char text[900];
	va_list ap;

	if (world == NULL || !world->o.verbose || world->tidying ||
	    level > LOG_INFO)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_say(world, world->cur, "    %s: %s", subsystem, text);
}

/* ---- one schedule ---- */

static void
play(struct world *w)
{
	files_make(w);
	machines_make(w);
	check_make(w);
	story_begin(w);
	while (!w->over) {
		struct sim_event ev = next_event(w);

		w->now = ev.at;
		w->r.events++;
		ev.fn(w, ev.arg, ev.n);
		w->cur = NULL;
		check_now(w);
	}
}

void
sim_run(const struct sim_options *o, struct sim_result *result)
{
	struct world *w = mem_zero(1, sizeof(*w));

	w->o = *o;
	w->rng = o->seed * 0xd1342543de82ef95ULL + 1;
	w->r.hash = 0xcbf29ce484222325ULL;
	world = w;
	if (setjmp(out) == 0)
		play(w);
	w->r.at = w->now;
	*result = w->r;
	/* What was under way when a rule broke is nobody's any more. */
	if (!w->r.broken) {
		w->tidying = true;
		machines_free(w);
		ops_free(w);
		promise_free(w);
		net_free(w);
		keeper_sweep(w);
		check_free(w);
		files_unmake(w);
		free(w->heap);
		world = NULL;
		free(w);
	}
}
