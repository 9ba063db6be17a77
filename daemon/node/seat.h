/* This node as an agent of one broker: its session, heartbeats, lease, the
 * watch over the broker's catalogue, and what is passed on to and from it.  A
 * node has at most two: with its own broker (in process) and with the cluster's
 * (over SSH).  Loop thread. */
#ifndef NODE_SEAT_H
#define NODE_SEAT_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "core/lease.h"
#include "net/session.h"
#include "node/runs.h"
#include "node/watch.h"
#include "store/store.h"

struct seat;

/* What a seat needs to know of its node, and tells it. */
struct seat_ops {
	/* Opens a session with the broker, now; its owner is the seat. */
	struct session *(*dial)(void *ctx, struct seat *,
	    const struct session_ops *);
	/* This machine's newest sample as JSON {cpu: …}, NULL when none. */
	json_t *(*sample)(void *ctx);
	/* NULL, or why this node takes no runs now. */
	const char *(*refuses)(void *ctx);
	/* NULL, or why it cannot even journal one: one that was sent all the
	 * same is taken, and started when the keeper is there. */
	const char *(*no_room)(void *ctx);
	/* The broker does not want this node: it left, was removed, or is not
	 * known.  The node converts back by itself. */
	void (*disowned)(void *ctx, struct seat *, const char *state,
	    const char *reason);
	/* The picture changed: session up or down, ON or OFF. */
	void (*changed)(void *ctx, struct seat *);
	/* What the broker says of itself and of this member: cluster_name, name,
	 * hosts (of the broker, or null).  Borrowed. */
	void (*settings)(void *ctx, struct seat *, const json_t *);
	/* NULL, or an alert of this node; text NULL: it is over. */
	void (*alert)(void *ctx, const char *code, const char *text);
};

struct seat_facts {
	char	cluster_id[40], cluster[64], name[64], broker[128];
	char	boot[40];
	char	broker_key[128];	/* the only one that is trusted */
	char	control[8];	/* as the broker last said: auto, advise, … */
	int64_t start;		/* this start of the daemon, > 0 */
	bool	controlled;	/* allow_control, and not a worker */
	int64_t cap;		/* most runs at once, 0: none */
	bool	initial_on;
	bool	near;		/* its broker is in this process */
	uv_loop_t *loop;	/* where files are watched; NULL: nowhere */
};

struct seat *seat_new(struct store *, struct runs *, const struct seat_facts *,
	    const struct seat_ops *, void *ctx, struct now);
/* What is on disk of its lease; false: it never changed. */
bool	seat_stored(struct store *, const char *cluster_id,
	    struct lease_durable *);
/* Ends its session; nothing is called after it. */
void	seat_free(struct seat *);
mono	seat_turn(struct seat *, struct now);

const struct seat_facts *seat_facts(const struct seat *);
bool	seat_up(const struct seat *);
const char *seat_trouble(const struct seat *);	/* why it is not up, or "" */
const struct lease *seat_lease(const struct seat *);
/* It goes on without its broker, and what it has not told it of yet. */
bool	seat_alone(const struct seat *);
size_t	seat_untold(const struct seat *);
bool	seat_fires(const struct seat *, struct now);
double	seat_latency(const struct seat *);		/* ms, < 0 unknown */
/* How far this clock is ahead of the broker's, and how far it may be. */
bool	seat_skew(const struct seat *, int64_t *ms, int64_t *most);
int64_t	seat_rev(const struct seat *);

/* A report of a run for this seat's broker. */
void	seat_report(struct seat *, const json_t *report);
/* An operator at this node itself: ON/OFF without the broker (hold).  -1: it
 * could not be stored, and nothing changed. */
int	seat_hold(struct seat *, bool hold, struct now);
/* A request to the broker; done is called once: result or error. */
typedef void seat_done(void *arg, const json_t *result, const struct err *);
void	seat_ask(struct seat *, const char *method, json_t *params,
	    seat_done *, void *arg);
void	seat_forget(struct seat *, void *arg);
/* agent.allow_control (the node's own key) or agent.max_runs may be others. */
void	seat_control(struct seat *, bool controlled, int64_t cap, struct now);
/* A clean shutdown: hands the role over. */
void	seat_bye(struct seat *);

#endif
