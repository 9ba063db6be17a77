/* A world for the role: one broker, two or three agents, a network that loses,
 * reorders and doubles, clocks that drift and a wall clock that jumps, crashes,
 * settings that change, operators.  Everything that decides is the shipped
 * role_step and lease_step; a world is plain data. */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutant.h"
#include "core/role.h"

enum { WORLD_AGENTS = 3, WORLD_POOL = 6, WORLD_EPOCHS = 64, WORLD_MOVES = 96 };
enum { TICK = 1000 };			/* ms of the broker's clock */

enum msg_kind { MSG_NONE, MSG_BEAT, MSG_GRANT, MSG_OFF, MSG_ACK, MSG_ASK,
    MSG_RELEASE };

struct msg {
	enum msg_kind kind;
	int	i;			/* the agent it is from or to */
	bool	key;
	int64_t epoch, start, seq, lease_ms, lifts;	/* to the agent */
	struct lease_beat beat;		/* from it */
};

enum move_kind {
	MOVE_TICK, MOVE_BEAT, MOVE_DELIVER, MOVE_DOUBLE, MOVE_CUT,
	MOVE_MEND, MOVE_RESTART, MOVE_BROKER, MOVE_KEY, MOVE_ON, MOVE_PIN,
	MOVE_OFF, MOVE_VACANT, MOVE_RELEASE, MOVE_HOLD, MOVE_LEAVE,
	MOVE_CONDITION, MOVE_HEALTH, MOVE_SYNC, MOVE_DRAIN, MOVE_BACKUP,
	MOVE_STATUS, MOVE_CONTROL, MOVE_SETTINGS, MOVE_WALL, MOVE_CONFIRM,
	MOVE_KINDS
};

/* How much of each may still happen. */
struct budget {
	int8_t crashes, cuts, dups, keys, ops, conditions, facts, restores,
	    controls, settings, walls;
};

/* What is true, whatever the broker believes: what operators asked for, and
 * which rules therefore hold now. */
struct truth {
	int8_t	    granted_to[WORLD_EPOCHS];
	int	    last;		/* to whom the newest grant went */
	bool	    held[WORLD_AGENTS];
	bool	    here[WORLD_AGENTS];	/* turned off at itself, and since
					 * then nobody turned it on */
	bool	    vacant;
	int64_t	    choice;		/* an operator's, still standing */
	int	    unheard;		/* ticks since it was heard, and fit */
	int64_t	    op;			/* that chose it */
	int64_t	    wish;		/* to be synced first, then turned on */
	int64_t	    pinned;
	mono	    pin_end;
	mono	    switched;		/* last move of case 2; 0: none */
	bool	    licence;		/* a move may be under way although
					 * control is not auto */
	bool	    changed;		/* other settings were in force */
};

struct world {
	int		     n;
	struct now	     now;		/* the broker's clock */
	struct role	     r;
	bool		     off;	/* control_status */
	bool		     longer;	/* the other set of timeouts */
	bool		     go_on;	/* on_broker_loss = continue */
	enum role_control    control;
	struct role_agent    a[WORLD_AGENTS];
	struct role_durable  disk;
	struct role_marks    mdisk[WORLD_AGENTS];
	bool		     late;		/* SEND_FIRST: not on disk */
	struct role_durable  was;
	struct role_marks    mwas[WORLD_AGENTS];
	struct lease	     l[WORLD_AGENTS];
	struct lease_durable ldisk[WORLD_AGENTS], lwas[WORLD_AGENTS];
	bool		     llate[WORLD_AGENTS];
	mono		     clock[WORLD_AGENTS];
	bool		     link[WORLD_AGENTS], beaten[WORLD_AGENTS];
	bool		     deaf[WORLD_AGENTS];	/* for ever */
	int64_t		     starts, ops;
	int		     room;		/* messages under way at most */
	int		     npool;
	struct budget	     left;
	struct truth	     t;
	const char	    *broken;		/* the rule that was broken */
	struct msg	     pool[WORLD_POOL];	/* last: copied as needed */
};

struct world_setup {
	int	      agents;
	struct budget budget;
	bool	      first;		/* one says ON at the start */
	int	      deaf;		/* index, -1: none */
	bool	      go_on;
	int	      room;		/* 0: WORLD_POOL */
	enum role_control control;
};

void	world_make(struct world *, const struct world_setup *);
void	world_copy(struct world *, const struct world *);
struct role_policy world_policy(const struct world *);
struct lease_policy world_lease(const struct world *);
/* The numbers of what may happen next; returns how many. */
int	world_moves(const struct world *, uint16_t moves[WORLD_MOVES]);
/* False: not possible here.  Sets broken when a rule breaks. */
bool	world_apply(struct world *, uint16_t move);
void	world_describe(const struct world *, uint16_t move, char *, size_t);
/* Two worlds that can't be told apart by what happens later are one. */
uint64_t world_hash(const struct world *);
/* Which message a full network loses: not by age, which such two worlds need
 * not share. */
int	world_loses(const struct world *);
/* After the last fault somebody is at work within the bound, and stays: NULL,
 * or the rule that was broken. */
const char *world_settles(const struct world *, bool print);

/* explore_truth.c: called around each step of the broker. */
void	truth_broken(struct world *, const char *rule);
void	truth_operator(struct world *, enum move_kind, int i);
void	truth_act(struct world *, const struct role_act *,
	    const struct role *was);
void	truth_step(struct world *, const struct role *was,
	    const struct role_event *, const struct role_out *);
void	truth_heard(struct world *, int i);
/* At every step of anything: two at work, and what else is never so. */
void	truth_check(struct world *);

/* False: two worlds of this setup that the hash holds for one have not got the
 * same future.  explore_merge.c */
bool	merge_check(const struct world_setup *);

/* explore_search.c */
enum { TRACE = 600, SETTLE_EVERY = 12 };

struct trace {
	struct world_setup setup;
	uint16_t	   move[TRACE];
	int		   n;
	const char	  *rule;	/* that it breaks */
};

struct totals {
	unsigned long states, tried, steps, settled;
	uint32_t      last;		/* states of the newest search */
	int	      complete, deepest;
	bool	      ended;		/* nothing was left to follow up */
};

void	 search_seed(uint64_t);
uint32_t search_rnd(uint32_t n);
double	 search_clock(void);		/* s of this process */
/* These are true, with the trace, when a rule broke. */
bool	 search_breadth(const struct world_setup *, double seconds, int depth,
	     uint32_t most, struct trace *, struct totals *);
bool	 search_walk(const struct world_setup *, int steps, struct trace *,
	     struct totals *);
/* The rule that the trace breaks, or NULL. */
const char *search_play(const struct trace *, bool print);
/* Leaves out whatever isn't needed to break the same rule. */
void	 search_shrink(struct trace *);

#endif
