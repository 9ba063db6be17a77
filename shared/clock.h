/* Two kinds of time that must not be mixed.
 *
 * mono counts from boot, includes suspend (CLOCK_BOOTTIME) and never steps:
 * every duration, lease and timeout.  wall names occurrences and is shown to
 * people; it may step.  Decisions take both as an argument (struct now) and
 * never read a clock. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

typedef struct { int64_t us; } mono;	/* microseconds since boot */
typedef struct { int64_t ms; } wall;	/* milliseconds since 1970 UTC */

struct now {
	mono mono;
	wall wall;
};

#define MONO_NEVER ((mono){ INT64_MAX })

struct now clock_now(void);
mono	clock_mono(void);
/* Of this boot of the machine, for which a mono means something; "": unknown. */
void	clock_boot_id(char out[40]);
wall	clock_wall(void);

static inline mono
mono_add_ms(mono m, int64_t ms)
{
	return m.us == INT64_MAX ? m : (mono){ m.us + ms * 1000 };
}

static inline int64_t
mono_diff_ms(mono later, mono earlier)
{
	return (later.us - earlier.us) / 1000;
}

static inline mono
mono_min(mono a, mono b)
{
	return a.us < b.us ? a : b;
}

enum { CLOCK_RFC3339 = 25 };	/* "2026-11-21T23:22:58.123Z" and a NUL */

/* RFC 3339 UTC with milliseconds; returns its argument. */
char   *clock_rfc3339(wall, char out[CLOCK_RFC3339]);
/* Accepts "Z" and numeric offsets, with or without a fraction. */
int	clock_parse(const char *, wall *, struct err *);

#endif
