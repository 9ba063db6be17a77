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
	struct run     *live;		/* hash by (id, attempt) */
	struct queue   *queues;
	struct watcher *watchers;
	int64_t		next_id;
	bool		dirty;		/* something may be placed now */
	mono		looked;		/* when that was last tried */
	mono		retry;		/* ends that could not be stored */
	mono		watched;	/* when single runs were looked at */
	mono		deadline;	/* the first that was seen then */
	struct broker  *b;
};

struct run *live_get(const struct dispatch *, int64_t id, int64_t attempt);
/* The one that its agent started by itself under this number. */
struct run *live_alone(const struct dispatch *, int64_t alone);
void	live_add(struct dispatch *, struct run *);
/* Dispatched, running, or not known: its slot is taken. */
bool	run_holds_slot(const struct run *);
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
