/* How the console says times, durations, values and states: short, the same on
 * every screen.  Those with out return it. */
#ifndef CONSOLE_SAY_H
#define CONSOLE_SAY_H

#include <jansson.h>

#include "clock.h"
#include "tz.h"

enum { SAY = 80 };

enum say_times { SAY_LOCAL, SAY_UTC, SAY_AGE, SAY_NTIMES };

struct say {
	wall now;
	enum say_times times;
	const struct tz *zone;		/* borrowed; NULL: UTC */
};

/* "5s", "2m07", "3h12m", "3d 02h": of milliseconds; "-" below 0. */
char   *say_span(int64_t ms, char out[SAY]);
/* A moment as short as it can be said: the time today, the day in the last
 * months, else the date; or its age.  "-" for 0. */
char   *say_when(const struct say *, wall, char out[SAY]);
/* "10:42:07Z", "11:42:07+01". */
char   *say_clock(const struct say *, wall, char out[SAY]);
/* The value of a member, as text: "-" for null, arrays joined by ", ". */
char   *say_value(const json_t *, char out[SAY]);
/* That of a setting's row, as it is written. */
char   *say_setting(const json_t *row, char out[SAY]);
/* What an agent is in one word: SCHEDULER, spare, off, DRAIN, OFFLINE, … */
const char *say_agent(const json_t *row);
/* A run's state as one letter: . succeeded, R running, F failed, K killed, T
 * timed out, L lost, X refused, M missed, o another; *bad if somebody should
 * look at it. */
char	say_mark(const char *state, bool *bad);
/* "excellent" -> "exclnt" where there are only six cells. */
const char *say_level(const char *level, int cells);
/* 5 for excellent, 0 for what is not known. */
int	say_level_value(const char *level);

#endif
