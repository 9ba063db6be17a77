/* The join desk: requests, acceptance, tokens, invites, and how members go
 * again (SPEC section 3).  Loop thread. */
#ifndef BROKER_DESK_H
#define BROKER_DESK_H

#include <jansson.h>

#include "broker/broker.h"
#include "net/peer.h"

struct member;

/* result is borrowed, NULL on failure. */
typedef void desk_done(void *arg, json_t *result, const struct err *);

struct desk *desk_load(struct broker *);
void	desk_free(struct desk *);
mono	desk_turn(struct broker *);

/* From a node, over a session that proved the peer's key. */
void	desk_request(struct broker *, const struct peer *, const json_t *params,
	    desk_done *, void *arg);
json_t *desk_poll(struct broker *, const struct peer *);
void	desk_complete(struct broker *, const struct peer *,
	    const json_t *params, desk_done *, void *arg);

/* From an operator.  which: an id or a name. */
json_t *desk_list(struct broker *);
void	desk_accept(struct broker *, const char *which, const char *actor,
	    desk_done *, void *arg);
void	desk_reject(struct broker *, const char *which, const char *reason,
	    const char *actor, desk_done *, void *arg);
/* {token, expires_at, command}; an earlier one is void. */
void	desk_token(struct broker *, const char *which, const char *actor,
	    desk_done *, void *arg);
void	desk_invite(struct broker *, int64_t ttl_ms, int64_t uses, bool worker,
	    const char *actor, desk_done *, void *arg);

/* A member goes: by itself ("left") or by an operator ("removed").  Hands the
 * Scheduler role over first; done when it is on disk. */
void	desk_depart(struct broker *, struct member *, const char *state,
	    const char *reason, const char *actor, desk_done *, void *arg);

#endif
