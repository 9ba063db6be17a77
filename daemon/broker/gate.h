/* Where nodes come in: their sessions, hello, and one table of the methods that
 * a node may call.  A node's link carries no operator rights (SPEC section 7).
 * Stands on everything but broker.c.  Loop thread. */
#ifndef BROKER_GATE_H
#define BROKER_GATE_H

#include <jansson.h>
#include <stdbool.h>

#include "broker/broker.h"
#include "net/session.h"

struct member;

/* What an agent passes on for somebody who asked it: answered as `view`.
 * reply is called once: a result, or an error. */
typedef void gate_reply(void *arg, const json_t *result, const struct err *);
typedef void gate_view(void *ctx, const char *method, const json_t *params,
	    gate_reply *, void *arg);

struct gate;

struct gate *gate_new(struct broker *, gate_view *, void *ctx);
/* Every session is closed before. */
void	gate_free(struct gate *);
/* A session of kind PEER_NODE or PEER_LOOPBACK.  A node that does not say hello
 * is one of few, and does not stay when it falls silent. */
void	gate_accept(struct gate *, struct session *);
/* Closes every session: the broker goes to sleep. */
void	gate_close_all(struct gate *, const char *why);
/* Output of a run on a member, from offset; done once. */
void	gate_output(struct broker *, struct member *, int64_t run,
	    int64_t attempt, int64_t offset, int64_t limit, gate_reply *,
	    void *arg);
/* done is not called for this arg any more. */
void	gate_forget(struct broker *, void *arg);

#endif
