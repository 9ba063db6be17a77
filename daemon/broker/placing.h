/* Facts about agents for core/place, and its answer in words.  Stands on eval,
 * catalog, roster and live.  Loop thread. */
#ifndef BROKER_PLACING_H
#define BROKER_PLACING_H

#include <jansson.h>

#include "broker/broker.h"
#include "broker/run.h"

struct member;

/* The agents of a job that runs on several (all, instances, selected), or on
 * the one that fired it.  0: chosen when the run goes.  *at is malloc'd. */
size_t	placing_spread(struct broker *, const json_t *spec,
	    struct member *fired, struct member ***at);
/* The agent for this run now, or NULL and why. */
struct member *placing_choose(struct broker *, const struct run *, char *why,
	    size_t size);
/* May its next attempt go elsewhere? */
bool	placing_moves(const json_t *spec);
/* The job's overlap policy keeps this run back. */
bool	placing_overlaps(const struct broker *, const struct run *);
/* How long it may wait yet, in ms: 0 no longer (why says it), -1 for ever. */
int64_t	placing_patience(const struct broker *, const struct run *, char *why,
	    size_t size);
/* [{agent, fits, reason}] */
json_t *placing_explain(struct broker *, const struct run *);

#endif
