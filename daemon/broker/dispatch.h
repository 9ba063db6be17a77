/* Runs are made, get an agent and a slot of their queue, and are sent.  Stands
 * on placing, queue, catalog, live and scheduler; what becomes of them is
 * outcome's, and what waits is foreman's.  Loop thread. */
#ifndef BROKER_DISPATCH_H
#define BROKER_DISPATCH_H

#include "broker/broker.h"
#include "broker/catalog.h"
#include "broker/run.h"

struct member;

/* With the runs that had not ended when the broker stopped. */
struct dispatch *dispatch_load(struct broker *);
void	dispatch_free(struct dispatch *);
/* An agent takes runs again: look at what waits. */
void	dispatch_changed(struct broker *);

/* The runs of one occurrence: made, placed if there is room, added to the
 * batch.  fired is the agent that fired it, or NULL.  Until outcome_stored
 * says that the batch was committed nothing is sent. */
struct run_set {
	struct run **v;
	size_t	     n;
};
struct run_set dispatch_make(struct broker *, struct cat_job *,
	    const char *occ, const char *cause, struct member *fired,
	    struct spec *, struct batch *);
/* One that never runs: straight into the history. */
int64_t	dispatch_skip(struct broker *, const struct cat_job *, const char *occ,
	    const char *cause, enum run_state, const char *reason,
	    struct batch *);

int64_t	dispatch_newest(const struct broker *);	/* run id */
/* The newest so many runs, or a few more, have this id or a later one. */
int64_t	dispatch_oldest(const struct broker *, int64_t runs);
/* The numbers of runs go on from so many later, for good. */
void	dispatch_jump(struct broker *, int64_t by, struct batch *);

#endif
