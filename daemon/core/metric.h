/* What is measured of an agent, and under which name: one table for the
 * sampler, conditions, health, statistics, JSON and the console. */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

enum metric {
	METRIC_CPU,		/* per cent of the whole machine, 0..100 */
	METRIC_SELF_CPU,	/* musterd and its runs, of the whole machine */
	METRIC_MEM,		/* per cent not available */
	METRIC_SELF_MEM,	/* musterd and its runs */
	METRIC_SWAP,		/* per cent in use; 0 without swap */
	METRIC_DISK,		/* per cent of the state directory's disk */
	METRIC_LOAD1,
	METRIC_PSI_CPU,		/* per cent of the last 10 s ("some") */
	METRIC_PSI_MEM,
	METRIC_PSI_IO,
	METRIC_NET_RX,		/* bytes a second, without loopback */
	METRIC_NET_TX,
	METRIC_RUNNING,		/* runs, a count */
	METRIC_CONNECTED,	/* 0 or 1; the broker's knowledge from here on */
	METRIC_LATENCY,		/* milliseconds */
	METRIC_UPTIME,		/* per cent of the last 24 h connected */
	METRIC_OUTAGES,		/* a count */
	METRIC_HEALTH,		/* enum health; the broker adds it */
	METRIC_COUNT
};

enum metric_unit {
	METRIC_PERCENT,
	METRIC_NUMBER,
	METRIC_BYTES_S,
	METRIC_MS,
	METRIC_BOOL,
	METRIC_LEVEL
};

struct sample {
	mono	 at;			/* by the clock of who keeps it */
	uint32_t have;			/* bit 1u << enum metric */
	float	 v[METRIC_COUNT];
};

const char	*metric_name(enum metric);
enum metric_unit metric_unit(enum metric);
/* METRIC_COUNT when there is no such name; n is the length of s. */
enum metric	 metric_of_name(const char *s, size_t n);
/* For people: "93.1", "3", "true", "very_bad", "12ms"; returns out. */
enum { METRIC_TEXT = 32 };
char		*metric_fmt(enum metric, double, char out[METRIC_TEXT]);

static inline void
sample_set(struct sample *s, enum metric m, double v)
{
	s->v[m] = (float)v;
	s->have |= UINT32_C(1) << m;
}

static inline bool
sample_has(const struct sample *s, enum metric m)
{
	return (s->have >> m & 1) != 0;
}

#endif
