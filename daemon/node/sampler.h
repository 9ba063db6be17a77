/* Measures this machine: /proc and statfs, no child process.  What the system
 * does not offer (no PSI, no swap file) is left out of the sample.
 *
 * Rates are taken between two calls, the first against sampler_init. */
#ifndef NODE_SAMPLER_H
#define NODE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/metric.h"

struct sampler {
	const char *root, *disk;
	mono	    at;
	uint64_t    total, idle;	/* ticks of all CPUs */
	uint64_t    self;		/* ticks of musterd and its runs */
	uint64_t    rx, tx;		/* bytes */
	const pid_t *pids;
	size_t	    npids;
};

/* root: "" for the system, a folder with a proc/ in tests.  disk: a path on
 * the file system to measure (the state directory).  Both are borrowed. */
void	sampler_init(struct sampler *, const char *root, const char *disk,
	    mono now);
/* What counts as "musterd and its runs" besides the calling process: the
 * keeper and the leaders of its runs.  Borrowed until the next call; NULL, 0
 * for none.  A run's children count when it has waited for them. */
void	sampler_watch(struct sampler *, const pid_t *, size_t);
/* Fills everything up to METRIC_NET_TX; clears the rest. */
void	sampler_take(struct sampler *, mono now, struct sample *);

#endif
