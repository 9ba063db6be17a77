/* Dispatch for those who stand on it: outcome, foreman, runlist, restored and
 * spool. */
#ifndef BROKER_DISPATCH_IMPL_H
#define BROKER_DISPATCH_IMPL_H

#include "broker/dispatch.h"
#include "broker/queue.h"

enum { DISPATCH_RETRY_MS = 1000 };	/* after a commit that failed */

struct dispatch {
	struct queue   *queues;
	int64_t		next_id;
	/* After a restore: where runs count on from, and how many numbers
	 * before that no run has. */
	int64_t		from, jumped;
	bool		dirty;		/* something may be placed now */
	mono		retry;		/* ends that could not be stored */
	struct broker  *b;
	struct {			/* foreman.c */
		int64_t applied;	/* the catalogue's, when last seen */
		mono	looked;		/* when placing was last tried */
		mono	watched;	/* when single runs were looked at */
		mono	deadline;	/* the first that was seen then */
	} round;
};

struct queue *dispatch_queue(struct dispatch *, const struct run *);
/* NULL while none is chosen. */
struct member *dispatch_agent(const struct broker *, const struct run *);
/* Chooses an agent for a run that has none, or checks the one it has.  True
 * when the run holds its slot now; else its reason says what it waits for. */
bool	dispatch_place(struct broker *, struct run *);
/* Gives back its slot, or its place in the queue. */
void	dispatch_let_go(struct broker *, struct run *);
/* The disk did not take what became of it, and no agent has it: back to its
 * queue, to be looked at when the disk may take it again. */
void	dispatch_back(struct broker *, struct run *, enum run_state,
	    const char *reason);
void	dispatch_send(struct broker *, struct run *);
/* Where it goes is on disk now. */
void	dispatch_placed(struct broker *, struct run *);
void	dispatch_send_abort(struct broker *, const struct run *);

#endif
