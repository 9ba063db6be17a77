/* What an agent is told to execute: one attempt of one run, made of the job as
 * it is defined.  The broker sends it as a dispatch; a Scheduler that goes on
 * without a broker makes it itself (SPEC section 4, on_broker_loss), under a
 * number that no broker gives out.  Pure. */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers of runs from here on are a node's own; a broker counts from 1 and
 * does not come near.  All of them are exact in a JSON number. */
#define ORDER_ALONE	 INT64_C(1000000000000000)
#define ORDER_ALONE_EACH INT64_C(1000000)	/* in one epoch */

static inline bool
order_is_alone(int64_t run)
{
	return run > ORDER_ALONE;
}

/* The n-th (from 1) that the Scheduler of this epoch starts by itself: an epoch
 * has one holder, so no other node makes the same.  0: no more in this epoch. */
int64_t	order_alone(int64_t epoch, int64_t n);
int64_t	order_alone_epoch(int64_t run);

/* {run, attempt, job, occurrence, timeout_ms, grace_ms, output_max, command or
 * shell, user, directory, environment, file}; spec as job_json makes it. */
json_t *order_json(int64_t run, int64_t attempt, const char *job,
	    const char *occurrence, const json_t *spec);

#endif
