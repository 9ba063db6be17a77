#include "core/trigger.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define DAY_S	  INT64_C(86400)
#define HORIZON_S (100 * 366 * DAY_S)
/* The years 0 and 9999: outside of them nothing is ever due. */
#define FIRST_MS  INT64_C(-62167219200000)
#define LAST_MS	  INT64_C(253402300799000)
#define NO_TIME	  INT64_MAX

static int64_t
floordiv(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int
trigger_parse_every(const char *s, struct trigger *t, struct err *e)
{
	int64_t ms;

	if (text_dur(s, TRIGGER_EVERY_MIN, INT64_C(366) * DAY_S * 1000,
	    "every", &ms, e) == -1)
		return -1;
	*t = (struct trigger){ .kind = TRIGGER_EVERY, .u.every_ms = ms };
	return 0;
}

static int
digits(const char **p, int n, int min, int max, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		v = v * 10 + (**p - '0');
	}
	*out = v;
	return v < min || v > max ? -1 : 0;
}

static int
date(const char **p, int64_t *days)
{
	int y, m, d;

	if (digits(p, 4, 1970, 9999, &y) == -1 || *(*p)++ != '-' ||
	    digits(p, 2, 1, 12, &m) == -1 || *(*p)++ != '-' ||
	    digits(p, 2, 1, 31, &d) == -1 || d > civil_month_days(y, m))
		return -1;
	*days = civil_days(y, m, d);
	return 0;
}

int
trigger_parse_day(const char *s, int32_t *out, struct err *e)
{
	const char *p = s;
	int64_t days;

	if (strnlen(s, 11) != 10 || date(&p, &days) == -1)
		return err_set(e, ERR_USAGE, "calendar: expected a day as "
		    "2026-12-25, not \"%.30s\"", s);
	*out = (int32_t)days;
	return 0;
}

/* Local time without an offset: 2026-12-01T10:00[:00]. */
static int
local_time(const char *p, const struct tz *tz, wall *out)
{
	int h, m, s = 0;
	int64_t days;

	/* A cut text ends in a digit test that fails, never past its NUL. */
	if (date(&p, &days) == -1 || (*p != 'T' && *p != ' '))
		return -1;
	p++;
	if (digits(&p, 2, 0, 23, &h) == -1 || *p++ != ':' ||
	    digits(&p, 2, 0, 59, &m) == -1)
		return -1;
	if (*p == ':') {
		p++;
		if (digits(&p, 2, 0, 59, &s) == -1)
			return -1;
	}
	if (*p != '\0')
		return -1;
	out->ms = tz_utc_of(tz, days * DAY_S + h * 3600 + m * 60 + s) * 1000;
	return 0;
}

int
trigger_parse_at(const char *s, const struct tz *tz, struct trigger *t,
    struct err *e)
{
	wall at;

	if (local_time(s, tz, &at) == -1 && clock_parse(s, &at, NULL) == -1)
		return err_set(e, ERR_USAGE, "at: expected a time as "
		    "2026-12-01T10:00 (in %s) or 2026-12-01T10:00:00Z, not "
		    "\"%.40s\"", tz_name(tz), s);
	*t = (struct trigger){ .kind = TRIGGER_AT, .u.at = at };
	return 0;
}

static bool
cron_on_day(const struct cron *c, const struct civil *d)
{
	int left = civil_month_days(d->year, d->month) - d->day;
	unsigned w = 1u << d->wday;
	bool dom = (c->dom >> d->day & 1) != 0 ||
	    (c->dom_last >> left & 1) != 0;
	bool dow = (c->dow & w) != 0 ||
	    (c->dow_nth[(d->day - 1) / 7] & w) != 0 ||
	    ((c->dow_last & w) != 0 && left < 7);

	/* Vixie: two restricted days add up, else both must match. */
	return c->dom_star || c->dow_star ? dom && dow : dom || dow;
}

/* The first set bit at or after i; -1 when there is none. */
static int
bit_from(uint64_t set, int i)
{
	if (i > 63 || (set >>= i) == 0)
		return -1;
	return i + __builtin_ctzll(set);
}

/* The first matching second of a day at or after s; -1 when there is none. */
static int
cron_in_day(const struct cron *c, int s)
{
	int h0 = s / 3600, m0 = s / 60 % 60, s0 = s % 60;

	for (int h = bit_from(c->hour, h0); h != -1;
	    h = bit_from(c->hour, h + 1)) {
		bool same = h == h0;

		for (int m = bit_from(c->min, same ? m0 : 0); m != -1;
		    m = bit_from(c->min, m + 1)) {
			int k = bit_from(c->sec, same && m == m0 ? s0 : 0);

			if (k != -1)
				return h * 3600 + m * 60 + k;
		}
	}
	return -1;
}

/* The first matching local second within [from, to]. */
static int64_t
cron_local(const struct cron *c, int64_t from, int64_t to)
{
	int64_t day = floordiv(from, DAY_S);
	int s = (int)(from - day * DAY_S);

	while (day * DAY_S <= to) {
		struct civil d;

		civil_of_days(day, &d);
		if ((c->mon >> d.month & 1) == 0) {
			day += civil_month_days(d.year, d.month) - d.day + 1;
			s = 0;
			continue;
		}
		if (cron_on_day(c, &d) && (s = cron_in_day(c, s)) != -1) {
			int64_t at = day * DAY_S + s;

			return at <= to ? at : NO_TIME;
		}
		s = 0;
		day++;
	}
	return NO_TIME;
}

/* Walks the stretches of time that have one offset; trigger.h says what
 * happens where they meet. */
static int64_t
cron_next(const struct cron *c, const struct tz *tz, int64_t t)
{
	int64_t horizon = t + HORIZON_S;

	while (t <= horizon) {
		struct tz_span s = tz_span(tz, t);
		int64_t from = t + s.offset, to, at;

		if (s.before < s.offset && t == s.start && !c->all_hours &&
		    cron_local(c, t + s.before, from - 1) != NO_TIME)
			return t;
		if (s.before > s.offset && !c->follows &&
		    from < s.start + s.before)
			from = s.start + s.before;
		to = (s.end > horizon ? horizon : s.end - 1) + s.offset;
		at = cron_local(c, from, to);
		if (at != NO_TIME)
			return at - s.offset;
		if (s.end > horizon)
			break;
		t = s.end;
	}
	return NO_TIME;
}

wall
trigger_next(const struct trigger *t, const struct tz *tz, wall after)
{
	int64_t s;

	if (after.ms >= LAST_MS)
		return WALL_NEVER;
	if (after.ms < FIRST_MS)
		after.ms = FIRST_MS;
	switch (t->kind) {
	case TRIGGER_EVERY:
		return (wall){ (floordiv(after.ms, t->u.every_ms) + 1) *
		    t->u.every_ms };
	case TRIGGER_AT:
		return t->u.at.ms > after.ms ? t->u.at : WALL_NEVER;
	case TRIGGER_CRON:
		s = cron_next(&t->u.cron, tz, floordiv(after.ms, 1000) + 1);
		return s == NO_TIME ? WALL_NEVER : (wall){ s * 1000 };
	}
	return WALL_NEVER;
}

/* The index of the first day at or after d. */
static size_t
days_from(const struct trigger_days *days, int64_t d)
{
	size_t lo = 0, hi = days->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (days->day[mid] < d)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* d itself when the calendars leave it, else a later day worth trying; NO_TIME
 * when no day remains. */
static int64_t
day_allowed(const struct schedule *s, int64_t d)
{
	size_t i;

	if (s->only) {
		i = days_from(&s->include, d);
		if (i == s->include.n)
			return NO_TIME;
		if (s->include.day[i] != d)
			return s->include.day[i];
	}
	i = days_from(&s->exclude, d);
	return i < s->exclude.n && s->exclude.day[i] == d ? d + 1 : d;
}

wall
schedule_next(const struct schedule *s, wall after)
{
	for (;;) {
		wall due = WALL_NEVER;
		int64_t t, day, go, start;

		for (size_t i = 0; i < s->n; i++) {
			wall w = trigger_next(&s->trigger[i], s->tz, after);

			if (w.ms < due.ms)
				due = w;
		}
		if (due.ms == WALL_NEVER.ms ||
		    (!s->only && s->exclude.n == 0))
			return due;
		t = floordiv(due.ms, 1000);
		day = floordiv(t + tz_span(s->tz, t).offset, DAY_S);
		go = day_allowed(s, day);
		if (go == day)
			return due;
		if (go == NO_TIME)
			return WALL_NEVER;
		/* On to that day, and always forward: where clocks go back
		 * over midnight, a day comes twice. */
		start = tz_utc_of(s->tz, go * DAY_S) * 1000 - 1;
		after.ms = start > due.ms ? start : due.ms;
	}
}

/* next(x) <= t holds for every x before the last due time and for none after
 * it: so gallop back from t, then halve. */
wall
schedule_last(const struct schedule *s, wall t, wall after)
{
	wall lo = after.ms < FIRST_MS ? (wall){ FIRST_MS } : after;
	wall hi = t, due;

	due = schedule_next(s, lo);
	if (due.ms > t.ms)
		return WALL_NEVER;
	lo = due;
	for (int64_t back = 1000; t.ms - back > lo.ms; back *= 2) {
		wall x = { t.ms - back };

		due = schedule_next(s, x);
		if (due.ms <= t.ms) {
			lo = due;
			break;
		}
		hi = x;
	}
	while (lo.ms < hi.ms) {
		wall mid = { lo.ms + (hi.ms - lo.ms) / 2 };

		due = schedule_next(s, mid);
		if (due.ms <= t.ms)
			lo = due;
		else
			hi = mid;
	}
	return lo;
}
