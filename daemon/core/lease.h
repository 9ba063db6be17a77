/* The agent's side of the Scheduler role: may this node fire now, and until
 * when (SPEC section 4).
 *
 * Pure: an event goes in, the new state and a list of acts come out, in the
 * order in which they must be performed.  No I/O, clock, memory or log.  A
 * struct lease is plain data without pointers: step a copy and throw it away
 * when LEASE_ACT_PERSIST could not be committed.
 *
 * The lease counts from this node's own time (CLOCK_BOOTTIME) of sending the
 * heartbeat that a grant or an acknowledgement names, so neither a late message
 * nor another clock can lengthen it. */
#ifndef LEASE_H
#define LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

/* Survives a restart; belongs to one cluster id. */
struct lease_durable {
	bool	on;		/* status ON or OFF */
	int64_t held;		/* turned off at this node itself: which time
				 * that was; 0: it is not */
	int64_t holds;		/* the newest such number, never given twice */
	int64_t epoch;		/* of the newest grant taken, 0: none */
	int64_t floor;		/* highest epoch granted to it or revoked */
};

#ifdef EXPLORED		/* the explorer copies it a million times */
enum { LEASE_RING = 8 };
#else
enum { LEASE_RING = 64 };	/* heartbeats whose sending time is known */
#endif

struct lease {
	struct lease_durable d;
	bool	key;		/* allow_control, and the mode is agent */
	bool	granted;	/* a grant was taken since this start */
	bool	working;	/* LEASE_ACT_START was the last told */
	mono	end;		/* the lease runs out */
	int64_t start;		/* this start of the daemon; > 0, random */
	int64_t seq;		/* newest heartbeat */
	struct {
		int64_t seq;	/* 0: none, or of an earlier session */
		mono	at;
	} sent[LEASE_RING];
};

/* What a heartbeat says about the role; the broker keeps the newest one. */
struct lease_beat {
	bool	on;
	bool	suspended;	/* ON, and fires nothing until renewed */
	bool	fresh;		/* ON, but without a grant since its start */
	int64_t held;		/* turned off at the node itself, or 0 */
	int64_t epoch, floor;
	int64_t start, seq;	/* names this heartbeat */
};

struct lease_policy {
	bool	go_on;		/* on_broker_loss = "continue" */
};

enum lease_event_kind {
	LEASE_EV_TICK,		/* time passed: see lease_next_deadline */
	LEASE_EV_BEAT,		/* a heartbeat is being sent at now */
	LEASE_EV_SESSION,	/* new session: earlier heartbeats are void */
	LEASE_EV_GRANT,		/* epoch, start, seq, lease_ms, lifts */
	LEASE_EV_ACK,		/* epoch, start, seq, lease_ms */
	LEASE_EV_OFF,		/* epoch; also the floor told by the broker's
				 * hello, when it is above d.floor */
	LEASE_EV_KEY,		/* key: the node's own key set or cleared */
	LEASE_EV_HOLD,		/* an operator at this node: off */
	LEASE_EV_RELEASE,	/* lifts: by an operator, here or elsewhere */
	LEASE_NEVENTS
};

struct lease_event {
	enum lease_event_kind kind;
	int64_t	   epoch;
	int64_t	   start, seq;	/* the heartbeat that is answered */
	int64_t	   lease_ms;
	int64_t	   lifts;	/* the hold that an operator saw, and ends: one
				 * that came later stays */
	bool	   key;
	struct now now;
};

enum lease_act_kind {
	LEASE_ACT_PERSIST,	/* d on disk before the acts that follow */
	LEASE_ACT_CURSORS,	/* use the cursors of this grant */
	LEASE_ACT_START,	/* may fire from now on */
	LEASE_ACT_STOP,		/* fire nothing more: for LEASE_FIRE_LOCAL ask
				 * lease_may_fire */
	LEASE_ACT_BEAT,		/* send a heartbeat now */
	LEASE_ACT_REFUSE,	/* the grant, ack or off was not obeyed: why */
	LEASE_NACTS
};

struct lease_act {
	enum lease_act_kind kind;
	const char	   *why;	/* static text for the log */
};

enum { LEASE_MAX_ACTS = 8 };

struct lease_out {
	struct lease_act act[LEASE_MAX_ACTS];
	size_t		 n;
};

enum lease_fire {
	LEASE_FIRE_NO,		/* OFF, or suspended */
	LEASE_FIRE_YES,
	LEASE_FIRE_LOCAL	/* lease over, on_broker_loss = "continue": its
				 * own local runs only, spooled */
};

/* At the start of the daemon.  start: random, above 0.  A lease that was ON is
 * ON but suspended until a grant. */
void	lease_boot(struct lease *, const struct lease_durable *, int64_t start,
	    bool key);
/* Another cluster, or none: epoch and floor belong to a cluster id.  on: the
 * setting initial_status.  The caller stores d. */
void	lease_reset(struct lease *, bool on);
/* LEASE_EV_BEAT takes the next number: read it with lease_say afterwards. */
void	lease_step(struct lease *, const struct lease_policy *,
	    const struct lease_event *, struct lease_out *);
/* What the heartbeat with the newest number says. */
void	lease_say(const struct lease *, mono now, struct lease_beat *);
enum lease_fire lease_may_fire(const struct lease *,
	    const struct lease_policy *, mono now);
/* When to send LEASE_EV_TICK at the latest; MONO_NEVER: no need. */
mono	lease_next_deadline(const struct lease *);
/* How long the lease lasts yet, in ms; 0 when OFF or suspended. */
int64_t lease_left(const struct lease *, mono now);

#endif
