/* Guards that can be taken away, to see that the simulation notices: its own
 * (disks, wires, clocks), and those of the shipped code (core/mutant.h). */
#ifndef SIM_MUTANT_H
#define SIM_MUTANT_H

#include <stdbool.h>
#include <stddef.h>

enum sim_guard {
	SIM_CURSOR,		/* a cursor moves from anywhere */
	SIM_ONCE,		/* a second run set for one occurrence */
	SIM_APART,		/* the cursor a commit before the run */
	SIM_ACK_EARLY,		/* the broker's disk says OK before it is */
	SIM_AGENT_ACK_EARLY,	/* the same of an agent's */
	SIM_LEASE_EARLY,	/* the same of an agent's lease alone */
	SIM_LEASE_LOST,		/* the agent's ON, epoch and floor */
	SIM_ROLE_LOST,		/* the broker's epoch, holder and intent */
	SIM_HOLD_LOST,		/* the broker's marks: held off, want off */
	SIM_JOURNAL_LOST,	/* dispatches are not journaled */
	SIM_FIRE_LOST,		/* the wire drops one fire, and goes on */
	SIM_GRANT_BARE,		/* grants without cursors */
	SIM_GRANT_STALE,	/* a grant also reaches the next start */
	SIM_DRIFT,		/* clocks drift beyond the margin */
	SIM_STALE_SEQ,		/* acknowledgements name the newest heartbeat */
	SIM_SPOOL_EARLY,	/* an agent's disk says OK before its spool is */
	SIM_SPOOL_LOST,		/* what is done alone is not spooled */
	SIM_FILE_LOST,		/* the identity of a file is not stored */
};

struct sim_mutant {
	const char   *name;
	unsigned      guards;	/* 1 << enum sim_guard */
	unsigned long shipped;	/* 1 << enum role_mutant */
	bool	      sure;	/* mostly noticed within ten schedules */
};

extern unsigned long role_mutants;	/* of the shipped code: in force now */
extern const struct sim_mutant sim_mutants[];
extern const size_t sim_nmutants;

#endif
