/* The join desk: requests and what operators say to them (SPEC section 3).
 * Stands on roster and event; tokens and invites are admission's, how members
 * go again is departure's.  Loop thread. */
#ifndef BROKER_DESK_H
#define BROKER_DESK_H

#include <jansson.h>

#include "broker/broker.h"
#include "net/peer.h"

/* result is borrowed, NULL on failure. */
typedef void desk_done(void *arg, json_t *result, const struct err *);

struct desk *desk_load(struct broker *);
void	desk_free(struct desk *);
mono	desk_turn(struct broker *);
/* The error for nodes that ask the wrong one, and who the right one is. */
int	desk_not_a_broker(const struct broker *, struct err *);

/* From a node, over a session that proved the peer's key. */
void	desk_request(struct broker *, const struct peer *, const json_t *params,
	    desk_done *, void *arg);
json_t *desk_poll(struct broker *, const struct peer *);

/* From an operator.  which: an id or a name. */
json_t *desk_list(struct broker *);
void	desk_accept(struct broker *, const char *which, const char *actor,
	    desk_done *, void *arg);
void	desk_reject(struct broker *, const char *which, const char *reason,
	    const char *actor, desk_done *, void *arg);

#endif
