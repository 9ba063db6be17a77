/* The Scheduler that goes on without a broker (SPEC section 4, on_broker_loss =
 * "continue"): what it may fire by itself, within which bounds, and what it
 * tells the broker afterwards.
 *
 * It fires time triggers of jobs that run on the agent that fired them.  The
 * rest stays due.  A queue's rule is the first that holds with this node as the
 * only member; its slots and gaps, the job's overlap policy and this node's cap
 * are kept as far as the runs of this node go.  Each occurrence is in the spool
 * (node/spool.h) and its run in the journal, in one commit, before it starts; a
 * run that finds no slot waits.  Retries and chains are the broker's: they
 * follow when it hears of the outcome.
 *
 * A run that was under way when the link broke may be at the broker already: it
 * is not fired here if its dispatch came; if that never came the broker finds
 * out (broker/spool.h).  Loop thread. */
#ifndef NODE_ALONE_H
#define NODE_ALONE_H

#include <jansson.h>
#include <stdbool.h>

#include "clock.h"
#include "core/job.h"
#include "node/runs.h"
#include "node/watch.h"
#include "store/store.h"

struct alone;

struct alone_ops {
	/* An alert of this node; text NULL: it is over.  Each change is an
	 * event and a line in the log. */
	void (*alert)(void *ctx, const char *code, const char *text);
};

struct alone *alone_new(struct store *, struct runs *, struct watch *,
	    const char *cluster, const struct alone_ops *, void *ctx);
void	alone_free(struct alone *);
/* What the broker says: the queues of the catalogue, this node's labels. */
void	alone_catalogue(struct alone *, const json_t *replica);
void	alone_settings(struct alone *, const json_t *settings);

struct alone_turn {
	bool	    on;		/* LEASE_FIRE_LOCAL, and no link */
	int64_t	    epoch;
	int64_t	    cap;	/* most runs at once, 0: none */
	const char *broker;
	const char *refuses;	/* NULL, or why this node takes no runs */
	struct now  now;
};
/* Fires what is due; when to be called again. */
mono	alone_turn(struct alone *, const struct alone_turn *);
bool	alone_on(const struct alone *);
/* A run of this node has ended: its slot rests. */
void	alone_ended(struct alone *, int64_t run, int64_t attempt, struct now);

/* ---- the broker is back ---- */

size_t	alone_untold(const struct alone *);
/* Their numbers, as ranges: [[from, to], …].  New reference. */
json_t *alone_numbers(const struct alone *);
/* It started this one by itself and has not told of it: nothing that the broker
 * would know what to do with. */
bool	alone_holds(const struct alone *, int64_t run);
/* The broker sends a run of this occurrence: was it started here? */
enum alone_did {
	ALONE_DID_NOT,
	ALONE_DID,
	ALONE_IN_DOUBT		/* the keeper has not said what it ran */
};
enum alone_did alone_did(const struct alone *, const char *job,
	    const char *occurrence);
/* The next entries for link.spool, or NULL: none, or not yet (the keeper has
 * not said what it ran). */
json_t *alone_slice(struct alone *, size_t most);
/* Its answer. */
void	alone_told(struct alone *, const json_t *result, struct now);

#endif
