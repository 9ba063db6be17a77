/* One conversation in JSON lines, whatever carries it: the local socket, an
 * SSH channel in either direction, or two ends inside this process.
 *
 * A message is one JSON object a line, at most 1 MiB.  A peer that sends
 * garbage gets one JSON-RPC error and is closed.  Output is queued and bounded
 * (SESSION_QUEUE); who stays behind is closed.  A peer that ends its sending
 * side is still answered for 2 s, and while it takes what waits for it.  Loop
 * thread only. */
#ifndef SESSION_H
#define SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "peer.h"

enum {
	SESSION_LINE = 1 << 20,		/* longest message, bytes */
	SESSION_QUEUE = 4 << 20,	/* most output waiting, bytes */
	SESSION_HIGH = 256 << 10	/* stop producing streams above this */
};

struct session;

struct session_ops {
	/* A client's dial only: authenticated, messages may be sent. */
	void (*open)(struct session *, void *ctx);
	/* msg is an object, borrowed. */
	void (*message)(struct session *, json_t *msg, void *ctx);
	/* The queue fell below SESSION_HIGH / 2 after it had been above. */
	void (*drained)(struct session *, void *ctx);
	/* The last call; the session is freed after it returns.  why is one
	 * line for a person, "" for an orderly end. */
	void (*closed)(struct session *, const char *why, void *ctx);
};

const struct peer *session_peer(const struct session *);
/* Sets who is told; called by whoever accepts or dials. */
void	session_own(struct session *, const struct session_ops *, void *ctx);
/* Queues the message; -1 when the session is closing or its queue is full. */
int	session_send(struct session *, const json_t *);
size_t	session_queued(const struct session *);
/* Ends it: flushes for at most 2 s when orderly, at once otherwise.  closed is
 * called later, from the loop, never inside this call. */
void	session_close(struct session *, bool orderly, const char *why);
/* Stops and goes on reading: back-pressure towards the peer. */
void	session_pause(struct session *, bool paused);
/* No bytes for this long, or a TCP that does not acknowledge: closed. 0: off. */
void	session_idle(struct session *, int64_t timeout_ms);

/* Two ends of a conversation inside this process; each message arrives in a
 * later turn of the loop. */
void	session_pair(uv_loop_t *, struct session **, struct session **);

#endif
