/* Time zones, any number of them in one process: a reader of the system's
 * compiled zone files (RFC 8536), without TZ, setenv or the C library's state.
 *
 * A zone is immutable once loaded, so conversions are pure. */
#ifndef TZ_H
#define TZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "err.h"

struct tz;

/* Zones live as long as the process and are loaded once each.  Loop thread
 * only.  NULL with a message when there is no such zone. */
const struct tz *tz_get(const char *name, struct err *);
const struct tz *tz_utc(void);
const char *tz_name(const struct tz *);
enum { TZ_NAME = 64 };
/* This machine's zone, "UTC" when it does not say; returns its argument. */
char   *tz_system(char out[TZ_NAME]);

/* The same from bytes (tests, fuzzing); the caller frees with tz_free. */
struct tz *tz_parse(const char *name, const void *, size_t, struct err *);
void	tz_free(struct tz *);

/* A stretch of time with one offset. */
struct tz_span {
	int64_t start, end;	/* seconds UTC, [start, end); INT64_MIN/MAX */
	int32_t offset;		/* local = UTC + offset, seconds */
	int32_t before;		/* the offset before start; = offset at MIN */
};
struct tz_span tz_span(const struct tz *, int64_t utc_s);

/* A day and a time as a calendar shows them. */
struct civil {
	int64_t year;
	int	month, day;	/* 1..12, 1..31 */
	int	hour, min, sec;
	int	wday;		/* 0 is Sunday */
};
int64_t	civil_days(int64_t year, int month, int day);	/* since 1970-01-01 */
void	civil_of_days(int64_t days, struct civil *);	/* date and wday */
int	civil_month_days(int64_t year, int month);
struct civil tz_civil(const struct tz *, wall);
/* The first moment at which the zone shows this local time (seconds since
 * 1970-01-01T00:00 local) or, in a gap, the end of the gap. */
int64_t	tz_utc_of(const struct tz *, int64_t local_s);
enum { TZ_TEXT = 32 };
/* "2026-11-21T23:22:58+01:00", for people; returns its argument. */
char   *tz_fmt(const struct tz *, wall, char out[TZ_TEXT]);

#endif
