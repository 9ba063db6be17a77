/* What becomes of runs: they are on disk and sent, are reported by their
 * agents, aborted, end; what follows from an outcome (the next attempt,
 * chains), and who is told.  All of it may follow from an end, so it is one
 * room.  Stands on dispatch, placing, queue, catalog, live and roster.  Loop
 * thread. */
#ifndef BROKER_OUTCOME_H
#define BROKER_OUTCOME_H

#include <jansson.h>

#include "broker/broker.h"
#include "broker/dispatch.h"
#include "broker/run.h"

struct member;

/* The batch to which dispatch_make added these was committed, or not. */
void	outcome_stored(struct broker *, struct run_set *, enum store_rc);
/* What an agent says of one run. */
void	outcome_report(struct broker *, struct member *, const json_t *report);

/* result {run} is the callee's; NULL with the reason: it was not done. */
typedef void outcome_told(void *arg, json_t *result, const struct err *);
/* done may be NULL; it comes once that is on disk, or at once when refused. */
void	outcome_abort(struct broker *, struct run *, const char *actor,
	    outcome_told *done, void *arg);
/* Called before an occurrence of the job gets its run: why it gets none
 * (overlap skip), or NULL, and then the earlier ones are being ended (overlap
 * replace). */
const char *outcome_overlap(struct broker *, const struct cat_job *);

/* The run has ended: everything that follows is one transaction.  m is told
 * that the outcome is settled when it is stored, or NULL. */
void	outcome_end(struct broker *, struct run *, enum run_state,
	    const char *reason, const struct member *m, const char *output,
	    size_t len);

/* Its agent had it, and knows nothing of it any more. */
void	outcome_lose(struct broker *, struct run *);

/* Called when the run (any attempt that is not retried) has ended and is
 * stored; doc is run_json, borrowed. */
typedef void outcome_ended(void *arg, const json_t *doc);
void	outcome_watch(struct broker *, int64_t run, outcome_ended *, void *);
void	outcome_unwatch(struct broker *, void *arg);
void	outcome_free(struct broker *);		/* who still waits */

#endif
