/* The last samples of one agent: a ring in memory that the caller owns.
 *
 * "Covered" (SPEC section 5): a span of time is covered for a metric when no
 * two neighbouring samples of it, nor the newest one and the end of the span,
 * are further apart than gap_ms (three sample intervals, as for health), and
 * the oldest one lies at or before the start of the span. */
#ifndef CORE_SERIES_H
#define CORE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "core/metric.h"

struct series {
	struct sample *ring;
	size_t	       cap, first, n;
};

/* ring holds cap samples (at least 1) and outlives the series.  How many are
 * needed: cond_window() / sample_interval + 4. */
void	series_init(struct series *, struct sample *ring, size_t cap);
/* A sample older than the newest one is dropped: time only goes forward. */
void	series_put(struct series *, const struct sample *);
/* i counts from 0, the oldest. */
const struct sample *series_at(const struct series *, size_t i);
/* Moves to a larger or smaller ring, keeping the newest samples. */
void	series_move(struct series *, struct sample *ring, size_t cap);

/* The value that held at a time: of the newest sample with this metric at or
 * before it, at most gap_ms old.  False when there is none. */
bool	series_value(const struct series *, enum metric, mono at,
	    int64_t gap_ms, double *);
bool	series_covers(const struct series *, enum metric, mono from, mono to,
	    int64_t gap_ms);
/* Mean of the samples within [from, to]; false when that is not covered. */
bool	series_mean(const struct series *, enum metric, mono from, mono to,
	    int64_t gap_ms, double *);

#endif
