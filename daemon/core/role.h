/* The broker's side of the Scheduler role: who holds it, and what must be done
 * about it now.  SPEC section 4 says what an operator sees, the diagram
 * in role.c what happens.
 *
 * Pure: an event and facts go in (with the time), the new state and a list of
 * acts come out, to be performed in that order.  No I/O, clock, memory,
 * randomness or log.  struct role is plain data without pointers: step a copy,
 * keep it when ROLE_ACT_PERSIST was committed, or drop it and call role_undo.
 * Any thread, one at a time for one role. */
#ifndef ROLE_H
#define ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "core/lease.h"
#include "err.h"

enum role_state {
	ROLE_WAIT,		/* nobody is known to be at work */
	ROLE_HELD,		/* the holder is heard and renewed */
	ROLE_REVOKING,		/* OFF sent, nothing is renewed any more */
	ROLE_GRANTING,		/* grant sent, not yet confirmed */
	ROLE_NSTATES
};

/* Who is wanted next. */
enum role_aim {
	ROLE_AIM_ANY,		/* the best: case 1 */
	ROLE_AIM_OTHER,		/* the best but avoid and those that meet the
				 * switch condition: cases 2 and 5 */
	ROLE_AIM_AGENT,		/* target: cases 3 and 4 */
	ROLE_AIM_NOBODY,	/* off --vacant */
	ROLE_NAIMS
};

enum role_control { ROLE_AUTO, ROLE_ADVISE, ROLE_MANUAL };

/* The settings, in ms.  role_policy_check says which go together. */
struct role_policy {
	int64_t connection_timeout, off_timeout, grant_timeout;
	int64_t lease, heartbeat;
	int64_t switch_min_interval, manual_hold;
	bool	transfer_on_condition;
	bool	control_status;
	enum role_control control;
};

/* What must survive a restart.  Ids are > 0; 0 is nobody. */
struct role_durable {
	int64_t	      epoch;	/* of the newest grant */
	int64_t	      holder;	/* to whom it went; nobody once proved off */
	bool	      intent;	/* a move is under way: aim says where to */
	enum role_aim aim;
	int64_t	      target;	/* of ROLE_AIM_AGENT */
	int64_t	      avoid;	/* turned off by this move */
	int	      move;	/* case of the move under way, 0: none */
	int64_t	      lifts;	/* the target's own hold that an operator saw
				 * when it was turned on; 0: none */
	bool	      vacant;	/* nobody until an operator turns one on */
	bool	      restored;	/* set by whoever restores a backup */
	bool	      fenced;	/* a lease may be out that holder does not tell
				 * of: a broker that starts waits for it */
	int64_t	      off_below; /* who is ON with an epoch up to this one was
				  * superseded by an operator */
	int64_t	      pinned;	/* the operator's choice … */
	wall	      pin_until; /* … which cases 2 and 3 leave alone */
	int64_t	      pin_ms;	/* how long was asked for; 0: not known */
	wall	      switched;	/* last move of case 2 */
	int64_t	      fence_ms;	/* longest wait that a lease given may need */
};

/* Durable but for failed; set by the core only, kept by the caller. */
struct role_marks {
	bool held_off;		/* until an operator turns it on or releases */
	bool want_off;		/* its OFF may never have arrived */
	int  failed;		/* 0, or the how manieth failure its last grant
				 * was: who failed longest ago is tried first
				 * when all have (volatile) */
};

/* One member.  The array is the caller's, in any order, up to 10,000. */
struct role_agent {
	int64_t	    id;		/* > 0 */
	const char *name;	/* borrowed, not NULL */
	/* facts, filled by the caller before each step */
	bool connected;		/* SPEC section 1: session up and heard */
	bool controlled;	/* its own key, and its mode is agent */
	bool worker;
	bool drained;
	bool in_sync;		/* with the catalogue */
	bool clock_ok;		/* within max_skew */
	bool accepts;		/* not out of disk */
	bool reconnected_recently; /* health unknown for case 3 */
	bool condition_met;	/* the switch condition */
	int  health;		/* 0 unknown, 1 very_bad … 5 excellent */
	int  priority;		/* higher is better */
	int  running;		/* runs */
	mono last_heard;	/* arrival of beat */
	struct lease_beat beat;	/* its newest heartbeat of this session; zero
				 * when a session begins */
	struct role_marks marks;
};

/* The operator's request or proposal that is being worked on. */
struct role_op {
	int64_t id;		/* the caller's, > 0; 0: none */
	bool	off;		/* done with the proof, not with a grant */
};

struct role_proposal {		/* control = advise */
	int	move;		/* case; 0: none */
	int64_t from, to;
};

struct role_sync {		/* case 4: "X not in sync: synced first" */
	int64_t op, agent;	/* agent 0: none */
	int64_t held;		/* its own hold, as the operator saw it */
	int64_t for_ms;
	mono	until;
};

struct role_counters {
	uint64_t grants, regrants, renewals, offs, timeouts, failed, raised,
	    ignored;
};

struct role {
	struct role_durable d;
	enum role_state	    state;
	mono fence;		/* no lease given out lasts longer */
	mono timer;		/* of the state; MONO_NEVER: none */
	int64_t waits;		/* the connection_timeout that it counts */
	bool ready;		/* WAIT: choose as soon as the fence allows */
	bool observing;		/* control_status was off */
	bool drained;		/* HELD: the holder was before that began, and
				 * hands over as soon as somebody else can */
	mono pin_end;
	mono switch_after;	/* case 2 not before */
	int64_t granted_start;	/* GRANTING: the start that was granted; one
				 * that was restored since had it, perhaps */
	int64_t asked;		/* a fresh heartbeat was asked of it … */
	mono asked_at;		/* … then, and given up at … */
	mono ask_until;
	struct role_op	     op;
	struct role_proposal proposal;
	struct role_sync     sync;
	int		     failures;	/* grants and asks without an answer */
	unsigned	     alerts;	/* bits 1 << enum role_alert */
	struct role_counters count;
	size_t		     hint[3];	/* where holder, target, asked were */
};

enum role_event_kind {
	ROLE_EV_TICK,		/* time passed: see role_next_deadline */
	ROLE_EV_HEARTBEAT,	/* of agent; beat and last_heard are filled */
	ROLE_EV_CONNECT,	/* agent: session up, beat is zero yet */
	ROLE_EV_DISCONNECT,	/* agent: session down, or unheard for three of
				 * its intervals; connected is false */
	ROLE_EV_LEAVING,	/* agent leaves, is removed or drained (must),
				 * or its daemon shuts down: hands over */
	ROLE_EV_OP_ON,		/* agent, for_ms */
	ROLE_EV_OP_OFF,		/* agent, vacant */
	ROLE_EV_OP_RELEASE,	/* agent */
	ROLE_EV_OP_CONFIRM,	/* the proposal */
	ROLE_EV_SETTINGS,	/* the policy changed */
	ROLE_NEVENTS
};

enum { ROLE_EPOCH_ZERO = -1 };

struct role_event {
	enum role_event_kind kind;
	int64_t	   agent;	/* id; 0: none */
	size_t	   at;		/* its index, if known: a hint, never trusted */
	int64_t	   op;		/* the operator's request, to be told; 0 none */
	int64_t	   epoch;	/* the operator saw this one, ROLE_EPOCH_ZERO
				 * that there was none; 0: did not say */
	int64_t	   held;	/* OP_ON, OP_RELEASE: the agent's own hold as
				 * it was when the operator asked */
	int64_t	   for_ms;	/* OP_ON: pin, 0: the setting manual_hold */
	bool	   vacant;	/* OP_OFF */
	bool	   must;	/* LEAVING: off even if nobody can take over;
				 * false for a shutdown, whose agent comes back
				 * and then goes on if there is nobody else */
	struct now now;
};

enum role_act_kind {
	ROLE_ACT_PERSIST,	/* always first: role.d, and the marks of the
				 * agents in role_out.mark, in one transaction;
				 * with the cursors read if a GRANT follows */
	ROLE_ACT_GRANT,		/* agent, epoch, start, seq, lifts */
	ROLE_ACT_OFF,		/* agent, epoch */
	ROLE_ACT_ACK,		/* agent, epoch, start, seq */
	ROLE_ACT_ASK,		/* agent: send a heartbeat now */
	ROLE_ACT_RELEASE,	/* agent: lift the hold that it has itself */
	ROLE_ACT_DECIDE,	/* move (case), from, agent (to), outcome,
				 * text */
	ROLE_ACT_STEP,		/* a line for the running decision: text */
	ROLE_ACT_TELL,		/* op, told, text */
	ROLE_ACT_ALERT,		/* alert, agent, text */
	ROLE_ACT_CLEAR_ALERT,	/* alert */
	ROLE_ACT_TRACE,		/* a transition, for the log: text */
	ROLE_NACTS
};

/* BEGUN opens a decision record, the others close it; PROPOSED opens one that
 * waits for an operator, LAPSED and CONFIRMED close that. */
enum role_outcome { ROLE_BEGUN, ROLE_DONE, ROLE_FAILED, ROLE_SUPERSEDED,
    ROLE_PROPOSED, ROLE_LAPSED, ROLE_CONFIRMED };

enum role_told { ROLE_TOLD_DONE, ROLE_TOLD_REFUSED, ROLE_TOLD_SUPERSEDED,
    ROLE_TOLD_STALE, ROLE_TOLD_TIMED_OUT, ROLE_TOLD_UNKNOWN };

enum role_alert {
	ROLE_ALERT_NO_SCHEDULER, /* case 1 found nobody */
	ROLE_ALERT_VACANT,	/* an operator wants nobody */
	ROLE_ALERT_NO_SPARE,	/* case 2: nobody could take over */
	ROLE_ALERT_PROPOSAL,	/* an operator has to confirm */
	ROLE_NALERTS
};

enum { ROLE_TEXT = 160 };

struct role_act {
	enum role_act_kind kind;
	int64_t		   agent;
	int64_t		   from;	/* DECIDE: 0 nobody */
	int64_t		   epoch;
	int64_t		   start, seq;	/* the heartbeat that is answered */
	int64_t		   lease_ms;	/* GRANT, ACK: of the policy that the
					 * fence was set by */
	int64_t		   lifts;	/* GRANT, RELEASE: the agent's own hold
					 * that ends; 0: none */
	int		   move;	/* DECIDE: case 1 to 5 */
	enum role_outcome  outcome;
	enum role_told	   told;
	enum role_alert	   alert;
	int64_t		   op;		/* TELL; DECIDE: who asked for it */
	char		   text[ROLE_TEXT];
};

enum { ROLE_MAX_ACTS = 32, ROLE_MAX_MARKS = 8 };

struct role_out {
	struct role_act act[ROLE_MAX_ACTS];
	size_t		n;
	struct {
		size_t		  at;	/* index of the agent */
		struct role_marks was;
	} mark[ROLE_MAX_MARKS];		/* changed by this step */
	size_t		nmarks;
};

/* Why an agent can't be chosen; ROLE_FIT if it can. */
enum role_reason {
	ROLE_FIT,
	ROLE_NOT_CONNECTED, ROLE_IS_WORKER, ROLE_NOT_CONTROLLED, ROLE_DRAINED,
	ROLE_HELD_OFF, ROLE_NOT_IN_SYNC, ROLE_CLOCK, ROLE_NO_DISK,
	ROLE_MEETS_CONDITION, ROLE_FAILED_GRANT, ROLE_TURNED_OFF,
	ROLE_NREASONS
};

/* For what it is judged: SPEC section 4's "Best" differs by case. */
enum role_purpose {
	ROLE_FOR_CASE1,		/* anybody */
	ROLE_FOR_CASE2,		/* cases 2 and 5 */
	ROLE_FOR_CASE3,		/* says ON, and might be kept */
	ROLE_FOR_TARGET		/* case 4: an operator's choice */
};

/* At the start of the broker.  durable NULL: a new cluster.  Reads no clock: a
 * pin and the last switch are carried over by now.wall. */
void	role_boot(struct role *, const struct role_durable *,
	    const struct role_policy *, struct now, struct role_out *);
/* One event.  A heartbeat of a spare costs O(1); agents are scanned only when
 * somebody is to be chosen.  Changes the marks of at most ROLE_MAX_MARKS. */
void	role_step(struct role *, const struct role_policy *,
	    struct role_agent *, size_t n, const struct role_event *,
	    struct role_out *);
/* Puts the marks back as they were before the step: it was a dry run, or its
 * PERSIST failed. */
void	role_undo(struct role_agent *, size_t n, const struct role_out *);
/* Its PERSIST was committed so long after the step (was: before it), us in
 * microseconds: a grant leaves only now, and grant_timeout begins. */
void	role_stored(struct role *, const struct role *was, int64_t us);
/* When to send ROLE_EV_TICK at the latest; MONO_NEVER: no need. */
mono	role_next_deadline(const struct role *);

bool	role_pinned(const struct role *, mono now);
enum role_reason role_why_not(const struct role *, const struct role_agent *,
	    enum role_purpose);
/* "its catalogue is not in sync"; static. */
const char *role_reason_text(enum role_reason);
/* What an operator can do about it; where it ends in a blank, the agent's name
 * follows; static. */
const char *role_reason_cure(enum role_reason);
/* > 0 when a is the better one, < 0 when b is; 0 only for the same name.
 * by (may be NULL) gets what decided: "health", "priority", … static. */
int	role_compare(const struct role_agent *a, const struct role_agent *b,
	    enum role_purpose, const char **by);
/* The best that fits, or NULL. */
const struct role_agent *role_best(const struct role *,
	    const struct role_agent *, size_t n, enum role_purpose);

void	role_policy_default(struct role_policy *);
/* SPEC section 4: 2 x heartbeat <= lease, lease x 1.1 <= 0.9 x the timeouts. */
int	role_policy_check(const struct role_policy *, struct err *);

const char *role_state_name(enum role_state);	/* "WAIT" */
const char *role_event_name(enum role_event_kind);
const char *role_act_name(enum role_act_kind);
const char *role_outcome_name(enum role_outcome);
const char *role_told_name(enum role_told);
const char *role_alert_name(enum role_alert);	/* "no_scheduler" */

#endif
