/* This machine: its mode, its membership, its seats, its runs, its samples.
 * The broker of the same process is the node's own (loopback) broker: awake on
 * a standalone node and on a cluster's broker, asleep while the node works for
 * another cluster.  Loop thread. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "clock.h"
#include "core/role.h"
#include "net/key.h"
#include "net/session.h"
#include "node/config.h"
#include "node/seat.h"
#include "store/store.h"

enum node_mode { NODE_STANDALONE, NODE_AGENT, NODE_WORKER, NODE_BROKER };

struct node;

/* The node's own broker, as far as the node needs it. */
struct node_broker {
	void *ctx;
	void (*wake)(void *ctx, bool awake);
	/* The broker's end of a pair of sessions. */
	void (*accept)(void *ctx, struct session *);
	/* Enrols this node's own key as a member under this name. */
	int (*admit_self)(void *ctx, const char *name, struct err *);
	const char *cluster_id;
	void (*event)(void *ctx, const char *code, const char *message);
	/* message NULL: it is over. */
	void (*alert)(void *ctx, const char *code, const char *message);
};

struct node *node_new(uv_loop_t *, struct store *, const struct config *,
	    const struct key *, const char *musterd_path,
	    const struct node_broker *, struct err *);
mono	node_turn(struct node *, struct now);
/* A clean shutdown begins: no new runs, and if this node is the Scheduler of
 * another node's cluster, its broker is asked to move the role first. */
void	node_retire(struct node *);
/* The role has gone, or there was none: now node_close. */
bool	node_retired(const struct node *);
/* Ends sessions, lets the runs go on. */
void	node_close(struct node *, void (*done)(void *), void *arg);
void	node_free(struct node *);

enum node_mode node_mode(const struct node *);
const char *node_mode_word(const struct node *);
const char *node_name(const struct node *);
/* The seat that counts: the cluster's if there is one, else its own; NULL on a
 * dedicated broker. */
struct seat *node_seat(const struct node *);
/* The seat at a broker elsewhere, or NULL: then this node's own broker is the
 * one to ask about the cluster. */
struct seat *node_away(const struct node *);
/* The fields of SPEC section 8 that the node knows; the api adds the rest. */
json_t *node_status(const struct node *, struct now);
struct runs *node_runs(const struct node *);
const struct config *node_config(const struct node *);
const struct key *node_key(const struct node *);
bool	node_keeper_up(const struct node *);
/* agent.allow_control and agent.max_runs were read again. */
void	node_reload(struct node *);
/* NULL, or why this node takes no runs now. */
const char *node_refuses(struct node *);

/* ---- joining and leaving (node/join.c); done is called once ---- */
typedef void node_done(void *arg, json_t *result, const struct err *);
struct node_join {
	const char *host;		/* HOST[:PORT] */
	const char *as, *message, *name;	/* NULL: default */
	const char *token;		/* complete only */
};
void	node_join_request(struct node *, const struct node_join *, node_done *,
	    void *arg);
void	node_join_complete(struct node *, const struct node_join *,
	    node_done *, void *arg);
/* The open request of this node: {host, state, words, reason, …} or null. */
json_t *node_join_state(const struct node *);
void	node_leave(struct node *, const char *reason, node_done *, void *arg);

#endif
