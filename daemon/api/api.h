/* What operators may ask this node: every row of the command table, over
 * JSON-RPC (the local socket, the SSH subsystem) and over `ssh host VERB …`.
 * The one place that decides who may (SPEC section 7).  Loop thread. */
#ifndef API_API_H
#define API_API_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "broker/broker.h"
#include "broker/gate.h"
#include "net/server.h"
#include "net/session.h"
#include "node/node.h"

struct api;

/* Files of this node that doctor looks at and backup copies; borrowed. */
struct api_files {
	const char *config;		/* musterd.conf; NULL: there is none */
	const char *key;		/* the host key */
};

/* All borrowed; they outlive the api. */
struct api *api_new(uv_loop_t *, struct node *, struct broker *,
	    const struct api_files *);
/* After every session and exec is closed and the store answers no more; what
 * is still asked is dropped. */
void	api_free(struct api *);

/* For struct server_ops.  Operators are those of musterd.conf, known by their
 * key; a node logs in as PEER_NODE_USER with any Ed25519 key. */
bool	api_auth(struct api *, struct peer *);
/* PEER_LOCAL and PEER_OPERATOR; false: refused. */
bool	api_open(struct api *, struct session *);
/* One command line; NULL or empty: help. */
void	api_exec(struct api *, struct exec *, const char *command);
/* A gate_view; ctx is the struct api. */
void	api_view(void *ctx, const char *method, const json_t *params,
	    gate_reply *, void *arg);

#endif
