/* What to do about occurrences that came due while nobody could fire them, and
 * about the one that is due now: one rule for both (SPEC section 4, "Nothing
 * missed").  Pure: a plan is stepped, one act at a time, oldest first. */
#ifndef CORE_MISFIRE_H
#define CORE_MISFIRE_H

#include <stdint.h>

#include "clock.h"
#include "core/trigger.h"

enum misfire_kind {
	MISFIRE_SKIP,	/* later than the grace: skipped; else fired */
	MISFIRE_ONCE,	/* the newest fires, the older ones are skipped */
	MISFIRE_ALL	/* each fires, within max and max_age */
};

enum {
	MISFIRE_GRACE_MS = 10000,
	MISFIRE_SINGLY = 1000,	/* skips told one by one; then as ranges */
	MISFIRE_RANGE = 50000	/* occurrences counted in one step */
};

struct misfire_policy {
	enum misfire_kind kind;
	int64_t		  max;		/* all: the newest so many; 0 no limit */
	int64_t		  max_age_ms;	/* all, once: older are skipped; 0 none */
};

enum misfire_what { MISFIRE_DONE, MISFIRE_FIRE, MISFIRE_PASS };

struct misfire_act {
	enum misfire_what what;
	wall		  first, last;	/* equal, unless a range is passed */
	int64_t		  count;	/* 1, or exactly so many in the range */
	const char	 *reason;	/* of a pass: to be recorded with it */
};

/* The caller moves the trigger's cursor to act.last as it records each act. */
struct misfire {
	const struct schedule *schedule;
	wall		       cursor;	/* everything up to here is settled */
	wall		       now;
	wall		       from[2];	/* due before: passed, for why[i] */
	const char	      *why[2];
	int64_t		       told;	/* passes so far: carried over by who
					 * goes on with another plan */
};

/* schedule is borrowed until the last step. */
void	misfire_init(struct misfire *, const struct misfire_policy *,
	    const struct schedule *, wall cursor, wall now);
/* Fills *act.  MISFIRE_DONE: nothing more is due at `now`; act.first is then
 * when the next one is (WALL_NEVER: none). */
enum misfire_what misfire_step(struct misfire *, struct misfire_act *);

const char *misfire_name(enum misfire_kind);	/* "skip", "once", "all" */
/* -1 when the word is none of them. */
int	misfire_of_name(const char *, enum misfire_kind *);

#endif
