/* A world for the role: one broker, two or three agents, a network that loses,
 * reorders and doubles, clocks that drift, crashes, operators.  Everything that
 * decides is the shipped role_step and lease_step; a world is plain data. */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutant.h"
#include "core/role.h"

enum { WORLD_AGENTS = 3, WORLD_POOL = 6, WORLD_EPOCHS = 64, WORLD_MOVES = 96 };

enum msg_kind { MSG_NONE, MSG_BEAT, MSG_GRANT, MSG_OFF, MSG_ACK, MSG_ASK };

struct msg {
	enum msg_kind kind;
	int	i;			/* the agent it is from or to */
	bool	by_operator, key;
	int64_t epoch, start, seq;	/* to the agent */
	struct lease_beat beat;		/* from it */
};

enum move_kind {
	MOVE_TICK, MOVE_BEAT, MOVE_DELIVER, MOVE_DOUBLE, MOVE_CUT,
	MOVE_MEND, MOVE_RESTART, MOVE_BROKER, MOVE_KEY, MOVE_ON, MOVE_OFF,
	MOVE_VACANT, MOVE_RELEASE, MOVE_CONDITION, MOVE_BACKUP,
	MOVE_CONTROL, MOVE_CONFIRM, MOVE_KINDS
};

/* How much of each may still happen. */
struct budget {
	int crashes, cuts, dups, keys, ops, conditions, restores, controls;
};

struct world {
	int		     n;
	struct now	     now;		/* the broker's clock */
	struct role	     r;
	bool		     off;	/* control_status */
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
	int64_t		     starts;
	struct msg	     pool[WORLD_POOL];
	int		     npool;
	struct budget	     left;
	/* what is true, whatever the broker believes */
	int8_t	    granted_to[WORLD_EPOCHS];
	bool	    held[WORLD_AGENTS];
	bool	    vacant;
	int64_t	    choice;		/* an operator's, still standing */
	int	    unheard;		/* ticks since it was heard */
	int64_t	    op;
	const char *broken;		/* the rule that was broken */
};

struct world_setup {
	int	      agents;
	struct budget budget;
	bool	      first;		/* one says ON at the start */
	int	      deaf;		/* index, -1: none */
	enum role_control control;
};

void	world_make(struct world *, const struct world_setup *);
/* The numbers of what may happen next; returns how many. */
int	world_moves(const struct world *, uint16_t moves[WORLD_MOVES]);
/* False: not possible here.  Sets broken when a rule breaks. */
bool	world_apply(struct world *, uint16_t move);
void	world_describe(const struct world *, uint16_t move, char *, size_t);
/* Two worlds that can't be told apart by what happens later are one. */
uint64_t world_hash(const struct world *);
/* After the last fault somebody is at work within the bound, and stays: NULL,
 * or the rule that was broken. */
const char *world_settles(const struct world *, bool print);

#endif
