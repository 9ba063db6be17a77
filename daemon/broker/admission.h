/* Admission to the cluster: tokens and invites, made and redeemed (SPEC section
 * 3).  Stands on desk and roster.  Loop thread. */
#ifndef BROKER_ADMISSION_H
#define BROKER_ADMISSION_H

#include <jansson.h>

#include "broker/broker.h"
#include "broker/desk.h"
#include "net/peer.h"

/* From a node, over a session that proved the peer's key. */
void	admission_complete(struct broker *, const struct peer *,
	    const json_t *params, desk_done *, void *arg);

/* From an operator: {token, expires_at, command}; an earlier one is void. */
void	admission_token(struct broker *, const char *which, const char *actor,
	    desk_done *, void *arg);
void	admission_invite(struct broker *, int64_t ttl_ms, int64_t uses,
	    bool worker, const char *actor, desk_done *, void *arg);

#endif
