/* The members of the cluster: who they are, what is known of them, and how they
 * are told something.  A member's session belongs to broker/gate; whether it is
 * heard, and how it fares, is kept up to date by broker/attendance.  Stands on
 * no other room.  Loop thread. */
#ifndef BROKER_ROSTER_H
#define BROKER_ROSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "broker/broker.h"
#include "core/condition.h"
#include "core/health.h"
#include "core/role.h"
#include "core/series.h"
#include "net/session.h"

enum { ROSTER_LATENCIES = 12 };	/* beats of a minute */

struct member {
	int64_t	     id;
	char	     name[64];
	char	     key[128];
	char	     fingerprint[64];
	bool	     worker;		/* joined as worker */
	bool	     controlled;	/* its own key, as it says */
	char	     state[12];		/* member, left, removed */
	json_t	    *labels;		/* array of strings */
	json_t	    *addresses;		/* array of strings, or NULL */
	bool	     offline_ok;
	bool	     drained;		/* by an operator, as on disk */
	unsigned     going;		/* drains and departures under way */
	wall	     joined;
	char	     version[32];
	char	     address[64];
	int64_t	     floor;		/* highest it ever told */
	bool	     was_on;		/* as it said last, for its history … */
	int64_t	     was_epoch;		/* … and with which epoch */
	size_t	     at;		/* its role_agent: roster.agents[at] */
	/* of this session */
	struct session *session;
	char	     start[40];		/* start id of its musterd */
	mono	     since;		/* session up */
	int64_t	     interval_ms;	/* between its heartbeats */
	int64_t	     rev;		/* its catalogue */
	int64_t	     running, cap;	/* runs there, 0: no cap */
	bool	     accepts;
	int64_t	     skew_ms;
	unsigned     alerts;		/* of its own that are raised here */
	int64_t	     uptime_s;
	char	     boot[40];
	/* statistics */
	struct health_state health;
	struct series series;
	double	     latency[ROSTER_LATENCIES];	/* ms, of the last beats */
	size_t	     nlatency;
	mono	     online_from;	/* for uptime %: see roster.c */
	int64_t	     offline_ms;	/* since known_from */
	mono	     known_from, offline_from;
	int64_t	     outages;
	int64_t	     sent;		/* dispatched, not ended: dispatch.c */
	UT_hash_handle named, keyed;	/* by name and by key */
	struct {			/* while it had no broker: spool.c */
		int64_t runs, others;	/* told so far */
		mono	until;		/* so long it is an alert; 0 none */
		int64_t left;		/* to be told yet, as it says */
	} alone;
};

struct roster {
	struct member	 **members;	/* by joining, and so by id; includes
					 * left, removed */
	struct member	  *names, *keys;	/* the same, hashed */
	struct role_agent *agents;	/* parallel */
	size_t		   n;
	int64_t		   next_id;
	int64_t		   holder;	/* the Scheduler's id, 0: nobody; kept
					 * by scheduler.c */
	mono		   look_at;	/* nobody's deadline is before it */
	struct health_policy health;
	struct cond	  *switch_cond, *filter_cond;
};

struct roster *roster_load(struct broker *, struct err *);
void	roster_free(struct roster *);
/* The settings changed: conditions, thresholds, intervals. */
int	roster_settings(struct broker *, struct err *);

struct member *roster_by_key(const struct roster *, const char *pub);
struct member *roster_by_name(const struct roster *, const char *name);
struct member *roster_by_id(const struct roster *, int64_t id);
/* Its role_agent.drained, after drained or going changed. */
void	roster_drained(struct roster *, const struct member *);
/* The one way to change a name; in memory. */
void	roster_rename(struct roster *, struct member *, const char *name);
/* Why nothing is asked of one that goes, before that is on disk: ERR_BUSY. */
int	roster_leaving(const struct broker *, const struct member *,
	    struct err *);
/* ERR_NOTFOUND with the nearest name; only members that have not left. */
struct member *roster_find(const struct broker *, const char *name,
	    struct err *);
struct role_agent *roster_agent(const struct roster *, const struct member *);
static inline bool
member_active(const struct member *m)
{
	return m->state[0] == 'm';
}
static inline bool
member_connected(const struct roster *r, const struct member *m)
{
	return r->agents[m->at].connected;
}

/* A new one, or one that comes back (same key).  In memory; the batch gets the
 * statements.  was (may be NULL) is for roster_admit_undo. */
struct roster_was {
	int64_t member;
	char	name[64], state[12];	/* state "": it is new */
	bool	worker;
	int64_t other;			/* whose name it took; 0: nobody's */
	bool	drained;
	struct role_marks marks;
	wall	joined;
};
struct member *roster_admit(struct broker *, const char *name,
	    const char *pub, const char *fingerprint, bool worker,
	    struct batch *, struct roster_was *was);
/* The batch was not stored: nobody joined.  One that was new stays in memory,
 * without a name, as one that has left. */
void	roster_admit_undo(struct broker *, const struct roster_was *);
void	roster_set_state(struct broker *, struct member *, const char *state,
	    struct batch *);

/* Sends a notification to a connected member; -1 when there is no session. */
int	roster_send(const struct member *, const char *method, json_t *params);
/* What a node must know of the settings. */
json_t *roster_link_settings(const struct broker *, const struct member *);
/* The same, now: after a change that concerns this member. */
void	roster_tell(const struct broker *, const struct member *);

/* Per cent of the time since the broker knows it that it was heard. */
double	roster_uptime(const struct broker *, const struct member *);
/* The worst round trip of its last minute, in ms. */
double	roster_latency(const struct member *);

#endif
