/* The queues: who waits for a slot, how many slots there are.  Slots =
 * max_parallel x members of the first rule whose members are there; after a run
 * its slot rests min_gap (SPEC section 6).  Stands on catalog and roster.  Loop
 * thread. */
#ifndef BROKER_QUEUE_H
#define BROKER_QUEUE_H

#include <uthash.h>

#include "broker/broker.h"
#include "broker/run.h"
#include "core/job.h"

struct queue {
	char	       name[80];	/* "job:NAME" for a private one */
	struct run    *head, *tail;	/* by priority, then id */
	int64_t	       waiting;
	int64_t	       busy;		/* slots in use */
	mono	      *resting;		/* slots that rest until then */
	size_t	       nresting;
	UT_hash_handle hh;
};

/* Made at the first use; freed by queues_free. */
struct queue *queue_of(struct queue **all, const json_t *spec, const char *job);
void	queues_free(struct queue **all);
void	queue_push(struct queue *, struct run *);
void	queue_remove(struct queue *, struct run *);
/* The rule that is active now, and its slots. */
const struct queue_rule *queue_rule(const struct broker *,
	    const struct queue *, int64_t *slots);
bool	queue_has_slot(struct broker *, struct queue *);
void	queue_occupy(struct queue *);
void	queue_vacate(struct broker *, struct queue *);
mono	queue_deadline(const struct queue *);
/* 1 is the next. */
int64_t	queue_position(const struct queue *, const struct run *);

#endif
