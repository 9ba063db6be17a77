/* Guards that the explorer and the simulation can take away, to prove that it would miss them.
 * Without ROLE_MUTANTS, as in every shipped object, nothing of this exists. */
#ifndef MUTANT_H
#define MUTANT_H

enum role_mutant {
	MUTANT_NO_FENCE,	/* grant while a lease may live */
	MUTANT_RENEW_AFTER_OFF,	/* while its OFF is under way */
	MUTANT_FLOOR_BELOW,	/* a grant at the floor is taken */
	MUTANT_FLOOR_NONE,
	MUTANT_NO_WANT_OFF,	/* a superseded agent may come back */
	MUTANT_NO_BOOT_WAIT,	/* what a start can't know was renewed */
	MUTANT_NO_RAISE,	/* the epoch of a backup is kept */
	MUTANT_TARGET_DROPPED,	/* the target blinks, and is dropped */
	MUTANT_KEY_IS_PROOF,	/* a cleared key, as if it were OFF */
	MUTANT_ADOPT_EARLY,	/* an old ON agent while the holder blinks */
	MUTANT_FAILED_AGAIN,	/* case 2 to one that ignores grants */
	MUTANT_FAILED_FIRST,	/* … and it is not ranked last in case 1 */
	MUTANT_RAISE_NO_WAIT,	/* the epoch raised, the wait not restarted */
	MUTANT_LEASE_RECEIPT,	/* the lease counts from the receipt */
	MUTANT_ACK_ANY,		/* whoever says ON is renewed */
	MUTANT_CASE1_AT_ONCE,	/* at the disconnect */
	MUTANT_NO_REGRANT,	/* a restarted holder waits for ever */
	MUTANT_NO_INCARNATION,	/* a grant of an earlier start is taken */
	MUTANT_OLD_OFF,		/* an OFF below its epoch is obeyed */
	MUTANT_NO_PIN,		/* case 2 moves what an operator chose */
	MUTANT_NO_INTERVAL,	/* no switch_min_interval */
	MUTANT_UNASKED,		/* moves although control is not auto */
	MUTANT_SYNC_BLIND,	/* synced, and nothing else is looked at */
	MUTANT_FENCE_NOW,	/* the wait of a start is off_timeout of now */
	MUTANT_OBSERVER_GRANTS,	/* with control_status off */
	MUTANT_LOCAL_FIRES,	/* continue: as if it had its lease */
	MUTANT_LIFT_ANY,	/* what was chosen before a hold ends it */
	/* … of the shells, which the explorer plays itself: */
	MUTANT_SEND_FIRST,	/* the broker persists after the send */
	MUTANT_AGENT_SEND_FIRST,
	MUTANT_INTENT_LOST,	/* not durable: intent, held_off */
	MUTANT_HOLD_LOST,
	MUTANT_DRIFT,		/* clocks drift beyond the margin */
	/* No guard: acts without their texts, which cost half the time. */
	MUTANT_SILENT,
	MUTANT_COUNT,		/* … of the shells, for the simulation: */
	MUTANT_FIRE_EPOCH = MUTANT_COUNT,	/* a fire of any epoch is taken */
	MUTANT_FIRE_GAP,	/* and one past a gap: a8 */
	MUTANT_FIRE_AGAIN,	/* and one that was taken before */
	MUTANT_NO_RESEND,	/* of fires unanswered at hello: a9 */
	/* … of what goes on without a broker: */
	MUTANT_ALONE_FRESH,	/* also after a restart */
	MUTANT_ALONE_LINKED,	/* also while the link is up */
	MUTANT_SPOOL_FULL,	/* without a bound */
	MUTANT_SPOOL_DISPATCH,	/* what it did is started when it is sent */
	MUTANT_SPOOL_AGAIN,	/* recorded as often as it is told */
	MUTANT_SPOOL_DOUBLED,	/* and not marked when another did it */
	/* … of files: */
	MUTANT_FILE_WALK,	/* no look at all of them at takeover */
	MUTANT_FILE_LOST,	/* nor when events were lost */
	MUTANT_FILE_RESEND,	/* of those unanswered at hello */
	MUTANT_FILE_AGAIN	/* what is on record is not looked for */
};

#ifdef ROLE_MUTANTS
extern unsigned long role_mutants;
#define MUTANT(m) ((role_mutants >> (m) & 1) != 0)
#else
#define MUTANT(m) 0
#endif

#endif
