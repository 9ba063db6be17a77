/* A session over an accepted local socket: who is there is known from the
 * kernel (SO_PEERCRED). */
#ifndef NET_LOCAL_H
#define NET_LOCAL_H

#include <uv.h>

#include "session.h"

/* Owns fd.  NULL (fd closed) when the peer's credentials cannot be read.
 * freed is called when all is gone. */
struct session *local_new(uv_loop_t *, int fd, void (*freed)(void *),
	    void *arg);
/* The same over a socket whose other end was given to somebody known. */
struct session *local_of(uv_loop_t *, int fd, const struct peer *,
	    void (*freed)(void *), void *arg);

#endif
