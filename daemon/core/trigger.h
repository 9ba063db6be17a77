/* Time triggers: what is due, and when next (SPEC section 6).  Pure.
 *
 * Cron: 5 fields (minute hour day-of-month month day-of-week) or 6 (second
 * first); names (jan, mon), ranges, steps, lists; L (last day of the month;
 * L-3 the third before it; 5L the last Friday), # (fri#2 the second Friday);
 * @yearly @annually @monthly @weekly @daily @midnight @hourly.  If both days
 * are restricted (neither begins with *), either may match.
 *
 * Daylight saving.  A time that a gap swallows is due at the first valid
 * moment after it; a time that comes twice is due once, the first time.
 * Triggers that run on through the hours follow real time instead: one whose
 * hour field is every hour loses nothing in a gap and runs in both passes of
 * an overlap, and so in an overlap does one whose minute field begins with *
 * and whose hours include two neighbours (as in a range): "0-55/5 * * * *" is
 * due every real 5 minutes. */
#ifndef CORE_TRIGGER_H
#define CORE_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "err.h"
#include "tz.h"

#define WALL_NEVER ((wall){ INT64_MAX })

enum trigger_kind { TRIGGER_EVERY, TRIGGER_CRON, TRIGGER_AT };

struct cron {
	uint64_t sec, min;	/* bit n: n matches */
	uint32_t hour, mon;
	uint32_t dom;		/* bits 1..31 */
	uint32_t dom_last;	/* bit n: n days before the last of the month */
	uint8_t	 dow;		/* bits 0..6, 0 is Sunday */
	uint8_t	 dow_nth[5];	/* fri#2: bit 5 of [1] */
	uint8_t	 dow_last;	/* 5L */
	bool	 dom_star, dow_star;	/* the field begins with * or ? */
	bool	 all_hours;	/* no catching up after a gap */
	bool	 follows;	/* both passes of an overlap */
};

struct trigger {
	enum trigger_kind kind;
	union {
		int64_t	    every_ms;	/* 1 s and up */
		wall	    at;
		struct cron cron;
	} u;
};

enum { TRIGGER_EVERY_MIN = 1000 };	/* ms */

/* Errors name the column (from 1) and what was expected there. */
int	trigger_parse_cron(const char *, struct trigger *, struct err *);
int	trigger_parse_every(const char *, struct trigger *, struct err *);
/* RFC 3339, or local time of the zone without an offset:
 * "2026-12-01T10:00" or "2026-12-01 10:00:30". */
int	trigger_parse_at(const char *, const struct tz *, struct trigger *,
	    struct err *);
/* The first due time strictly after; WALL_NEVER when there is none within 100
 * years ("0 0 30 2 *"). */
wall	trigger_next(const struct trigger *, const struct tz *, wall after);

/* Days since 1970-01-01, ascending, from calendars of the job's zone. */
struct trigger_days {
	const int32_t *day;
	size_t	       n;
};
/* "2026-12-25" to such a day. */
int	trigger_parse_day(const char *, int32_t *, struct err *);

/* When a job is due: the union of its time triggers, so that two due together
 * are one, on the days that its calendars leave.  Borrows everything. */
struct schedule {
	const struct trigger *trigger;
	size_t		      n;
	const struct tz	     *tz;
	struct trigger_days   exclude;
	bool		      only;	/* include holds: only on those days */
	struct trigger_days   include;
};

wall	schedule_next(const struct schedule *, wall after);
/* The last due time at or before t and after `after`; WALL_NEVER if none. */
wall	schedule_last(const struct schedule *, wall t, wall after);

#endif
