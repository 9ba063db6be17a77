/* The link to the daemon: never blocks, comes back by itself after 1, 2, 4, 8,
 * 15, 15 ... seconds.  Over the local socket, or through a child that speaks
 * SSH (relay.h), so that here there is always one plain socket. */
#ifndef CONSOLE_LINK_H
#define CONSOLE_LINK_H

#include <jansson.h>

#include "clock.h"
#include "err.h"
#include "model.h"
#include "remote.h"

struct link;

struct link_target {
	const char *socket;		/* the local socket, or */
	const struct remote *remote;	/* another machine, or */
	int fd;				/* an inherited socket, for once */
};

struct link_ops {
	void (*state)(void *ctx, enum link_state, const char *why);
	/* result is NULL with e; both borrowed. */
	void (*answer)(void *ctx, int tag, const char *about,
	    const json_t *result, const struct err *e);
	void (*update)(void *ctx, const json_t *params);
	void (*part)(void *ctx, int tag, const char *about,
	    const json_t *params);
};

/* The target is borrowed.  interactive: the first try may ask on the terminal
 * (an unknown host key, a passphrase). */
struct link *link_new(const struct link_target *, const struct link_ops *,
	    void *ctx, bool interactive);
void	link_free(struct link *);
/* What to poll for; the fd is -1 while there is none. */
int	link_fd(const struct link *);
short	link_events(const struct link *);
void	link_ready(struct link *);
/* Tries again when it is time to; now: at once, and anew if it is open. */
void	link_tick(struct link *, mono, bool now);
int	link_tries(const struct link *);
mono	link_retry(const struct link *);
/* Sends requests {tag, about, method, params} and empties the array.  A cancel
 * is of the request with the tag of a log and this about. */
void	link_send(struct link *, json_t *requests);

#endif
