/* One execution on one agent, one attempt: its state, its record, its JSON.
 *
 *   waiting -> queued -> dispatched -> running -> an outcome
 *                            |  ^         |  ^
 *                            v  |         v  |      (the agent is not heard)
 *                           unknown ------------> lost
 *
 * run_set_state is the only way from one to another.  A run lives in memory
 * and in run_live until its outcome is stored, then in run_hist.  Stands on
 * spec. */
#ifndef BROKER_RUN_H
#define BROKER_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "broker/spec.h"
#include "clock.h"
#include "store/store.h"

enum run_state {
	RUN_WAITING,		/* for a retry delay, or for an agent */
	RUN_QUEUED,		/* for a slot */
	RUN_DISPATCHED,		/* sent, not yet confirmed by the agent */
	RUN_RUNNING,
	RUN_UNKNOWN,		/* the agent is not heard */
	RUN_SUCCEEDED,		/* from here on: outcomes */
	RUN_FAILED,
	RUN_KILLED,
	RUN_TIMED_OUT,
	RUN_ABORTED,
	RUN_LOST,
	RUN_REFUSED,
	RUN_SKIPPED,
	RUN_MISSED,
	RUN_NSTATES
};

const char *run_state_word(enum run_state);
int	run_state_of(const char *, enum run_state *);
static inline bool
run_ended(enum run_state s)
{
	return s >= RUN_SUCCEEDED;
}

struct run {
	int64_t	       id;
	int64_t	       attempt;		/* from 1 */
	char	      *job;
	char	      *occ;		/* RFC 3339 or kind:ID */
	char	      *cause;		/* "every 2s", "manual by anna", … */
	int64_t	       member;		/* that has it, or is to; 0: nobody yet */
	char	       agent[64];	/* its name, "" */
	enum run_state state;
	int64_t	       epoch;
	wall	       queued, dispatched, started, ended;
	int	       exit_code;	/* -1: none */
	int	       signal;		/* 0: none */
	bool	       late;
	bool	       doubled;		/* another run of its occurrence was
					 * started too: spool.h */
	int64_t	       alone;		/* its number at the agent that started
					 * it by itself, 0 */
	bool	       adopting;	/* … which is not on disk yet: nothing ends
					 * it before */
	bool	       stored;		/* its row is committed */
	bool	       placing;		/* its agent is not yet: nothing is sent */
	bool	       chosen;		/* its agent was when it was placed, not when
					 * it was made: another may do as well */
	bool	       unplaced;	/* ended before that was on disk, which it
					 * never was: sent nowhere */
	bool	       accepted;	/* the agent journaled it */
	bool	       aborting;	/* an operator asked */
	bool	       missing;		/* its agent took it, and knows nothing of
					 * it: its end as lost may not be stored */
	bool	       again;		/* to be sent once more: it was refused,
					 * which could not be stored */
	bool	       contested;	/* ended by the broker, and its agent told
					 * of it before that was on disk */
	char	      *reason;		/* why it waits, was refused, … or NULL */
	struct spec   *spec;		/* the job as it was */
	int64_t	       priority;	/* of the spec */
	wall	       due;		/* WAITING: not before this */
	mono	       queued_at, due_at; /* the same, for durations: see
					 * run_clock */
	mono	       since;		/* UNKNOWN: since when */
	struct run    *qnext;		/* in its queue */
	UT_hash_handle hh;		/* by (id, attempt): live.h */
};

struct run *run_new(int64_t id, int64_t attempt, const char *job,
	    const char *occ, const char *cause, struct spec *);
void	run_free(struct run *);
/* The number under which its agent knows it. */
static inline int64_t
run_wire(const struct run *r)
{
	return r->alone != 0 ? r->alone : r->id;
}
/* It goes to this member; 0 and "": to anybody. */
void	run_bind(struct run *, int64_t member, const char *name);
/* Dispatched, running, or not known: its slot is taken. */
static inline bool
run_holds_slot(const struct run *r)
{
	return r->state == RUN_DISPATCHED || r->state == RUN_RUNNING ||
	    r->state == RUN_UNKNOWN;
}
/* Sets queued_at and due_at from queued and due, by a clock that never steps:
 * for a run that was read from the disk, as far as the wall clock can tell. */
void	run_clock(struct run *, struct now);
void	run_set_state(struct run *, enum run_state, const char *reason);

/* Adds the statement that records the run as it is now. */
void	run_store_new(struct run *, struct batch *);
void	run_store_state(struct run *, struct batch *);
/* The outcome: out of run_live, into run_hist.  output is the tail. */
void	run_store_end(struct run *, struct batch *, const char *output,
	    size_t len);
/* A row of run_live.  likely, or NULL: as its job is now; the run shares it when
 * it was made of the same. */
struct run *run_of_live(const struct row *, struct spec *likely);

/* The fields of SPEC section 8, reason, doubled and alone.  New reference. */
json_t *run_json(const struct run *);
json_t *run_json_hist(const struct row *);

#endif
