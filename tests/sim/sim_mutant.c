/* The guards that are taken away, and what covers what. */
#include "core/mutant.h"
#include "sim_mutant.h"

#define OWN(guard) (1U << (guard))
#define OF(guard)  (1UL << (guard))

unsigned long role_mutants;

/* Where one guard covers another, both are taken away.  An agent that restarts
 * is suspended until a grant that names this start: alone, its floor and the
 * incarnation look dead.  The gap in front of a fire covers what is fired from
 * a wrong cursor (one that a grant did not bring), but for the delay: what was
 * lost with a link comes with the job's next occurrence.  The broker's cursor
 * covers a fire that is said again, the cursor's guard on disk a broker whose
 * memory is wrong, and one run set for an occurrence is the last of them.
 *
 * What moves the role, and to whom, is the explorer's: a target dropped, a key
 * as proof, pins, who is ranked last.  So is what an ordered stream does not do
 * (a grant that is late or comes twice), and a broker from a backup. */
const struct sim_mutant sim_mutants[] = {
	{ "the broker's wait for its disk", OWN(SIM_ACK_EARLY), 0, true },
	{ "the agent's wait for its disk", OWN(SIM_AGENT_ACK_EARLY), 0, true },
	{ "the agent's wait for its lease on disk", OWN(SIM_LEASE_EARLY), 0,
	    true },
	{ "the agent's lease on disk", OWN(SIM_LEASE_LOST), 0, true },
	{ "the broker's epoch on disk", OWN(SIM_ROLE_LOST), 0, true },
	{ "held off on disk", OWN(SIM_HOLD_LOST), 0, true },
	{ "the agent's journal", OWN(SIM_JOURNAL_LOST), 0, true },
	{ "one transaction for cursor and run", OWN(SIM_APART), 0, true },
	{ "a wire that loses nothing alone", OWN(SIM_FIRE_LOST), 0, true },
	{ "the bound of the clocks' drift", OWN(SIM_DRIFT), 0, true },
	{ "the heartbeat that an ack names", OWN(SIM_STALE_SEQ), 0, true },
	{ "a lease that counts from its heartbeat", 0,
	    OF(MUTANT_LEASE_RECEIPT), true },
	{ "incarnation and floor of a grant, on a wire that keeps it",
	    OWN(SIM_GRANT_STALE), OF(MUTANT_NO_INCARNATION) |
	    OF(MUTANT_FLOOR_NONE), true },
	{ "the fence before a grant", 0, OF(MUTANT_NO_FENCE), true },
	{ "no renewal after OFF", 0, OF(MUTANT_RENEW_AFTER_OFF), true },
	{ "renewing only the holder", 0, OF(MUTANT_ACK_ANY), true },
	{ "the wait after a start", 0, OF(MUTANT_NO_BOOT_WAIT), true },
	{ "the longest lease given, in the wait after a start", 0,
	    OF(MUTANT_FENCE_NOW), true },
	{ "a new grant for a restarted holder", 0, OF(MUTANT_NO_REGRANT),
	    true },
	{ "the cursors of a grant", OWN(SIM_GRANT_BARE), 0, true },
	{ "the gap in front of a fire", 0, OF(MUTANT_FIRE_GAP), true },
	{ "the cursors of a grant, and the gap in front of a fire",
	    OWN(SIM_GRANT_BARE), OF(MUTANT_FIRE_GAP), true },
	{ "the cursor's guard on disk", OWN(SIM_CURSOR), 0, true },
	{ "what knows a fire that was taken: its cursor, the gap in front of "
	    "it, one run set", OWN(SIM_ONCE), OF(MUTANT_FIRE_AGAIN) |
	    OF(MUTANT_FIRE_GAP), true },
	{ "the epoch of a fire", 0, OF(MUTANT_FIRE_EPOCH), true },
	{ "resending after hello", 0, OF(MUTANT_NO_RESEND), true },
	{ "the lease, with continue", 0, OF(MUTANT_LOCAL_FIRES), true },
	{ "the agent's wait for its spool on disk", OWN(SIM_SPOOL_EARLY), 0,
	    true },
	{ "the agent's spool on disk", OWN(SIM_SPOOL_LOST), 0, false },
	{ "continue only with a grant", 0, OF(MUTANT_ALONE_FRESH), false },
	{ "continue only without a link", 0, OF(MUTANT_ALONE_LINKED), true },
	{ "the bound of the spool", 0, OF(MUTANT_SPOOL_FULL), false },
	{ "the dispatch of what was done alone", 0, OF(MUTANT_SPOOL_DISPATCH),
	    true },
	{ "the look for what was told before", 0, OF(MUTANT_SPOOL_AGAIN),
	    true },
	{ "the mark of what was done twice", 0, OF(MUTANT_SPOOL_DOUBLED),
	    true },
	{ "the identity of a file in the run's transaction",
	    OWN(SIM_FILE_LOST), 0, true },
	{ "the look at all files at takeover", 0, OF(MUTANT_FILE_WALK), true },
	{ "the same when events of files were lost", 0, OF(MUTANT_FILE_LOST),
	    false },
	{ "resending files after hello", 0, OF(MUTANT_FILE_RESEND), false },
	{ "the look for a file that is on record", 0, OF(MUTANT_FILE_AGAIN),
	    false },
};
const size_t sim_nmutants = sizeof(sim_mutants) / sizeof(sim_mutants[0]);
