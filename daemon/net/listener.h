/* A listening socket: hands out accepted connections, few a turn, and rests
 * when descriptors run out. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "err.h"

struct listener;

/* The callee owns the descriptor: non-blocking, close-on-exec.  False: no
 * descriptors are left for it, so that the listener rests. */
typedef bool listener_cb(void *ctx, int fd, const struct sockaddr_storage *,
    socklen_t);

/* Takes the bound, listening socket.  gone is called when all handles are
 * shut after listener_close. */
struct listener *listener_new(uv_loop_t *, int fd, listener_cb *,
	    void (*gone)(void *), void *ctx);
/* Leaves connections in the backlog meanwhile. */
void	listener_pause(struct listener *, bool);
void	listener_close(struct listener *);

/* A non-blocking socket that listens on this address; -1 with the cure. */
int	listener_bind(const struct sockaddr *, socklen_t, const char *what,
	    struct err *);
/* The same for a local socket: replaces a dead one, refuses a live one. */
int	listener_bind_local(const char *path, struct err *);

#endif
