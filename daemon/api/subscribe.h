/* Subscriptions of one session: a reading command asked again each second, and
 * told about only when its answer changed (muster-protocol(7)).
 *
 * What a subscriber is known to have is kept here, and only the difference is
 * sent, as much as its queue takes.  So one that cannot keep up misses states
 * in between, never the last one, and nothing piles up.  Loop thread. */
#ifndef API_SUBSCRIBE_H
#define API_SUBSCRIBE_H

#include <jansson.h>
#include <stdbool.h>

#include "api/api.h"
#include "net/session.h"

struct subs;

/* asker: the ctx of this session's own calls, for cancel; borrowed. */
struct subs *subs_new(struct api *, struct session *, const void *asker);
/* The session has gone. */
void	subs_free(struct subs *);
/* subscribe, unsubscribe, cancel; false: another method, nothing was done.  id
 * may be NULL (a notification: no answer). */
bool	subs_take(struct subs *, const char *method, const json_t *id,
	    const json_t *params);
/* The queue is low again. */
void	subs_drained(struct subs *);

#endif
