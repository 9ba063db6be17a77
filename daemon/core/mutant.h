/* Guards that the explorer can take away, to prove that it would miss them.
 * Without ROLE_MUTANTS, as in every shipped object, nothing of this exists. */
#ifndef MUTANT_H
#define MUTANT_H

enum role_mutant {
	MUTANT_NO_FENCE,	/* grant while a lease may live: a1, a5 */
	MUTANT_RENEW_AFTER_OFF,	/* a3 */
	MUTANT_FLOOR_BELOW,	/* a grant at the floor is taken: a4 */
	MUTANT_FLOOR_NONE,
	MUTANT_NO_WANT_OFF,	/* a superseded agent may come back: a6 */
	MUTANT_NO_BOOT_WAIT,	/* a7 */
	MUTANT_NO_RAISE,	/* the epoch of a backup: a10 */
	MUTANT_TARGET_DROPPED,	/* the target blinks: b1 */
	MUTANT_KEY_IS_PROOF,	/* b2 */
	MUTANT_ADOPT_EARLY,	/* b3 */
	MUTANT_FAILED_AGAIN,	/* b4, and the failed one not ranked last */
	MUTANT_RAISE_NO_WAIT,	/* b5 */
	MUTANT_LEASE_RECEIPT,	/* the lease counts from the receipt */
	MUTANT_ACK_ANY,		/* whoever says ON is renewed */
	MUTANT_CASE1_AT_ONCE,	/* at the disconnect */
	MUTANT_NO_REGRANT,	/* a restarted holder waits for ever */
	MUTANT_NO_INCARNATION,	/* a grant of an earlier start is taken */
	MUTANT_OLD_OFF,		/* an OFF below its epoch is obeyed */
	/* … of the shells, which the explorer plays itself: */
	MUTANT_SEND_FIRST,	/* the broker persists after the send */
	MUTANT_AGENT_SEND_FIRST,
	MUTANT_INTENT_LOST,	/* not durable: intent, held_off */
	MUTANT_HOLD_LOST,
	MUTANT_DRIFT,		/* clocks drift beyond the margin */
	MUTANT_COUNT
};

#ifdef ROLE_MUTANTS
extern unsigned long role_mutants;
#define MUTANT(m) ((role_mutants >> (m) & 1) != 0)
#else
#define MUTANT(m) 0
#endif

#endif
