/* Inside of dispatch.c, outcome.c, runlist.c and spool.c. */
#ifndef BROKER_DISPATCH_IMPL_H
#define BROKER_DISPATCH_IMPL_H

#include "broker/dispatch.h"
#include "broker/queue.h"

enum { DISPATCH_RETRY_MS = 1000 };	/* after a commit that failed */

struct watcher {
	int64_t		run;
	dispatch_ended *ended;
	void	       *arg;
	struct watcher *next;
};

struct dispatch {
	struct queue   *queues;
	struct watcher *watchers;
	int64_t		next_id;
	bool		dirty;		/* something may be placed now */
	int64_t		applied;	/* the catalogue's, when last seen */
	mono		looked;		/* when that was last tried */
	mono		retry;		/* ends that could not be stored */
	mono		watched;	/* when single runs were looked at */
	mono		deadline;	/* the first that was seen then */
	struct broker  *b;
};

struct queue *queue_for(struct dispatch *, const struct run *);
struct member *run_agent(const struct broker *, const struct run *);
/* Gives back its slot, or its place in the queue. */
void	run_let_go(struct broker *, struct run *);
void	run_send(struct broker *, struct run *);
void	run_send_abort(struct broker *, const struct run *);

/* The run has ended: everything that follows is one transaction.  m is told
 * that the outcome is settled when it is stored, or NULL. */
void	run_end(struct broker *, struct run *, enum run_state,
	    const char *reason, const struct member *m, const char *output,
	    size_t len);

#endif
