#include "core/misfire.h"

#include <string.h>

enum { MAX_KEPT = 10000 };	/* a larger max counts as this */

static const char *const names[] = {
	[MISFIRE_SKIP] = "skip",
	[MISFIRE_ONCE] = "once",
	[MISFIRE_ALL]  = "all",
};

const char *
misfire_name(enum misfire_kind k)
{
	return names[k];
}

int
misfire_of_name(const char *s, enum misfire_kind *out)
{
	for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		if (strcmp(s, names[k]) == 0) {
			*out = (enum misfire_kind)k;
			return 0;
		}
	}
	return -1;
}

/* The time of the n-th newest that is due, or a time before all of them. */
static wall
newest(const struct misfire *m, int64_t n)
{
	wall at = { m->now.ms + 1 };

	if (n > MAX_KEPT)
		n = MAX_KEPT;
	for (; n > 0; n--) {
		wall w = schedule_last(m->schedule, (wall){ at.ms - 1 },
		    m->cursor);

		if (w.ms == WALL_NEVER.ms)
			return m->cursor;
		at = w;
	}
	return at;
}

void
misfire_init(struct misfire *m, const struct misfire_policy *p,
    const struct schedule *schedule, wall cursor, wall now)
{
	*m = (struct misfire){ .schedule = schedule, .cursor = cursor,
		.now = now, .from = { cursor, cursor }, .why = { "", "" } };
	if (p->kind == MISFIRE_SKIP) {
		m->from[0].ms = now.ms - MISFIRE_GRACE_MS;
		m->why[0] = "misfire skip: more than 10s late";
		return;
	}
	if (p->max_age_ms > 0) {
		m->from[0].ms = now.ms - p->max_age_ms;
		m->why[0] = p->kind == MISFIRE_ALL ?
		    "misfire all: older than misfire_age" :
		    "misfire once: older than misfire_age";
	}
	if (p->kind == MISFIRE_ONCE) {
		m->from[1] = newest(m, 1);
		m->why[1] = "misfire once: newer occurrence due";
	} else if (p->max > 0) {
		m->from[1] = newest(m, p->max);
		m->why[1] = "misfire all: more than misfire_max were due";
	}
}

/* Which rule passes over an occurrence; -1 when it is to be fired. */
static int
passed_by(const struct misfire *m, wall due)
{
	return due.ms < m->from[0].ms ? 0 : due.ms < m->from[1].ms ? 1 : -1;
}

/* Extends a range as far as one rule goes. */
static void
range(const struct misfire *m, int rule, struct misfire_act *a)
{
	const struct schedule *s = m->schedule;
	int64_t limit = m->from[rule].ms - 1;

	if (limit > m->now.ms)
		limit = m->now.ms;
	if (s->n == 1 && s->trigger[0].kind == TRIGGER_EVERY && !s->only &&
	    s->exclude.n == 0) {
		int64_t more = (limit - a->first.ms) /
		    s->trigger[0].u.every_ms;

		a->last.ms += more * s->trigger[0].u.every_ms;
		a->count += more;
		return;
	}
	while (a->count < MISFIRE_RANGE) {
		wall due = schedule_next(s, a->last);

		if (due.ms > limit)
			break;
		a->last = due;
		a->count++;
	}
}

enum misfire_what
misfire_step(struct misfire *m, struct misfire_act *a)
{
	wall due = schedule_next(m->schedule, m->cursor);
	int rule;

	*a = (struct misfire_act){ MISFIRE_DONE, due, due, 0, "" };
	if (due.ms > m->now.ms)
		return a->what;
	a->count = 1;
	rule = passed_by(m, due);
	if (rule == -1) {
		a->what = MISFIRE_FIRE;
	} else {
		a->what = MISFIRE_PASS;
		a->reason = m->why[rule];
		if (m->told++ >= MISFIRE_SINGLY)
			range(m, rule, a);
	}
	m->cursor = a->last;
	return a->what;
}
