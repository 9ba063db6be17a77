/* Runs as operators ask for them: lists, one in full, why it waits.  Stands on
 * dispatch, placing, queue and live.  Loop thread. */
#ifndef BROKER_RUNLIST_H
#define BROKER_RUNLIST_H

#include <jansson.h>

#include "broker/broker.h"
#include "broker/run.h"

/* Live runs first, then history; newest first; filters NULL for all. */
struct run_filter {
	const char *job, *agent, *state, *cause;
	wall	    since;
	int64_t	    limit;
};
json_t *runlist_of(const struct broker *, const struct run_filter *);
json_t *runlist_show(const struct broker *, int64_t id);
/* The number under which its agent knows it: see core/order.h. */
int64_t	runlist_wire(const struct broker *, int64_t id, int64_t attempt);
json_t *runlist_explain(struct broker *, struct run *);

#endif
