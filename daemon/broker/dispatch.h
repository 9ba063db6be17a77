/* Runs on their way: queues and their slots, the choice of an agent, what the
 * agents report, retries, chains, and what happens to the runs of an agent
 * that is not heard.  Holds every run that has not ended.  Loop thread. */
#ifndef BROKER_DISPATCH_H
#define BROKER_DISPATCH_H

#include <jansson.h>

#include "broker/broker.h"
#include "broker/catalog.h"
#include "broker/run.h"

struct member;

struct dispatch *dispatch_load(struct broker *);
void	dispatch_free(struct dispatch *);
mono	dispatch_turn(struct broker *);
/* An agent takes runs again: look at what waits. */
void	dispatch_changed(struct broker *);

/* The runs of one occurrence: made, placed if there is room, added to the
 * batch.  fired is the agent that fired it, or NULL.  Until dispatch_stored
 * says that the batch was committed nothing is sent. */
struct run_set {
	struct run **v;
	size_t	     n;
};
struct run_set dispatch_make(struct broker *, struct cat_job *,
	    const char *occ, const char *cause, struct member *fired,
	    struct spec *, struct batch *);
void	dispatch_stored(struct broker *, struct run_set *, enum store_rc);
/* One that never runs: straight into the history. */
int64_t	dispatch_skip(struct broker *, const struct cat_job *, const char *occ,
	    const char *cause, enum run_state, const char *reason,
	    struct batch *);

/* What an agent says of one run. */
void	dispatch_report(struct broker *, struct member *, const json_t *report);
/* A session began; runs is what its journal holds. */
void	dispatch_agent_up(struct broker *, struct member *, const json_t *runs);
void	dispatch_agent_heard(struct broker *, struct member *);
void	dispatch_agent_down(struct broker *, struct member *);
/* It left or was removed: its runs go the same way. */
void	dispatch_agent_gone(struct broker *, struct member *, const char *why);

/* result {run} is the callee's; NULL with the reason: it was not done. */
typedef void dispatch_told(void *arg, json_t *result, const struct err *);
/* done may be NULL; it comes once that is on disk, or at once when refused. */
void	dispatch_abort(struct broker *, struct run *, const char *actor,
	    dispatch_told *done, void *arg);
/* Called before an occurrence of the job gets its run: why it gets none (overlap
 * skip), or NULL, and then the earlier ones are being ended (overlap replace). */
const char *dispatch_overlap(struct broker *, const struct cat_job *);
int64_t	dispatch_newest(const struct broker *);	/* run id */
/* Live runs first, then history; newest first; filters NULL for all. */
struct run_filter {
	const char *job, *agent, *state, *cause;
	wall	    since;
	int64_t	    limit;
};
json_t *dispatch_list(const struct broker *, const struct run_filter *);
json_t *dispatch_show(const struct broker *, int64_t id);
/* The number under which its agent knows it: see core/order.h. */
int64_t	dispatch_wire(const struct broker *, int64_t id, int64_t attempt);
json_t *dispatch_explain(struct broker *, struct run *);

/* Called when the run (any attempt that is not retried) has ended and is
 * stored; doc is run_json, borrowed. */
typedef void dispatch_ended(void *arg, const json_t *doc);
void	dispatch_watch(struct broker *, int64_t run, dispatch_ended *, void *);
void	dispatch_unwatch(struct broker *, void *arg);

#endif
