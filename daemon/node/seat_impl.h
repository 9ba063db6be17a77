/* Inside of seat.c and its parts: seat_lease.c, seat_link.c, seat_beat.c,
 * seat_note.c, seat_tell.c and seat_alone.c. */
#ifndef NODE_SEAT_IMPL_H
#define NODE_SEAT_IMPL_H

#include "node/alone.h"
#include "node/files.h"
#include "node/seat.h"

struct ask {
	int64_t	    id;
	seat_done  *done;
	void	   *arg;
	struct ask *next;
};

struct seat {
	struct seat_facts      facts;
	struct store	      *store;
	struct runs	      *runs;
	const struct seat_ops *ops;
	void		      *ctx;
	struct now	       now;
	/* session */
	struct session *session;
	bool		opened;		/* hello was sent */
	bool		up;		/* hello was answered */
	bool		untold;		/* a report came after hello was sent,
					 * or was too long for it */
	json_t	       *again;		/* keys of runs yet to be told, */
	size_t		again_at;	/* from this one on; NULL: none */
	size_t		outgoing;	/* bytes of output on their way, … */
	int64_t		outgoing_seq;	/* … behind this heartbeat */
	size_t		room;		/* for them */
	char		trouble[512];
	mono		dial_at, dialed;
	int64_t		backoff;
	mono		heard;		/* newest message of the broker */
	struct ask     *asks;
	int64_t		next_id;
	/* heartbeats */
	int64_t		heartbeat, sample_interval, lease_ms;
	mono		beat_at, sample_at;
	bool		health_due;		/* no sample in this session yet */
	bool		accepts;	/* as the last heartbeat said */
	bool		quiet;		/* the first of a session may wait */
	int64_t		rev;		/* of the catalogue, at hello */
	mono		sent[LEASE_RING];	/* for the round trip */
	double		rtt;
	bool		skew_known;
	int64_t		skew_ms, max_skew_ms;	/* of our clock, as the broker
						 * says */
	/* role */
	struct lease	    lease;
	struct lease_policy policy;
	struct watch	   *watch;
	struct files	   *files;
	char		   *files_hang;	/* the alert that is raised */
	json_t		   *cursors;	/* of the newest grant */
	bool		    resend;
	/* without a broker: node/alone.h */
	struct alone *alone;
	bool	      out;		/* no member: it ends in a moment */
	bool	      telling;		/* link.spool is on its way */
	bool	      deaf;		/* the broker does not know link.spool */
	json_t	     *aside;		/* [[method, params]], see seat_aside */
	mono	      tell_at;
};

/* params is stolen; -1: there is no link. */
int	seat_send(struct seat *, const char *method, json_t *params);
void	seat_link_init(struct seat *);
void	seat_link_end(struct seat *);
/* Dials when it is time; the next time. */
mono	seat_link_dial(struct seat *);
/* Who hears nothing closes and dials again; when that would be. */
mono	seat_link_listen(struct seat *);
void	seat_beat(struct seat *);
void	seat_lease_boot(struct seat *);
void	seat_lease_end(struct seat *);
/* -1: it could not be stored, and did not happen. */
int	seat_lease_event(struct seat *, struct lease_event);
int64_t	seat_interval(const struct seat *);	/* between heartbeats, ms */

/* Without the broker, and telling it afterwards; the next deadline. */
extern const struct alone_ops seat_alone_ops;
mono	seat_go_on(struct seat *);
/* A dispatch whose occurrence may have been started here, and what follows for
 * its run, waits until the keeper has said so.  False: it need not wait. */
bool	seat_aside(struct seat *, const char *method, const json_t *params);
void	seat_aside_clear(struct seat *);

/* What the broker says, by the name of the note. */
void	seat_note(struct seat *, const char *method, const json_t *params);
/* The broker says that this node is none of its members. */
void	seat_disown(struct seat *, const char *state, const char *reason);
void	seat_take_settings(struct seat *, const json_t *);
/* Nothing that passes by itself keeps this node from being eligible. */
bool	seat_settled(const struct seat *);

/* What of its runs is told (seat_tell.c).  In hello; sets untold if that does not
 * say all of it. */
json_t *seat_told_runs(struct seat *);
/* Every report that is not settled, once more, as fast as the link takes them;
 * and those that are left, when it has taken some, or the broker has heard a
 * heartbeat that was sent behind them. */
void	seat_tell_again(struct seat *, const json_t *);
void	seat_tell_on(struct seat *);
void	seat_tell_heard(struct seat *, int64_t seq);
/* A session begins, and ends. */
void	seat_tell_begin(struct seat *);
void	seat_tell_end(struct seat *);
void	seat_answer_output(struct seat *, const json_t *id, const json_t *);

#endif
