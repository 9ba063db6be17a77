/* A conversation with a musterd in JSON lines, blocking with a time limit,
 * over the local socket or any byte stream (see remote.h).  One thread. */
#ifndef WIRE_H
#define WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

#define WIRE_SOCKET "/run/muster/musterd.sock"

enum { WIRE_LINE = 1 << 20 };		/* longest message, bytes */

struct wire_ops {
	/* Waits at most timeout_ms (-1: for ever) for at least one byte.
	 * Returns bytes, 0 at the end, -1 with e set (ERR_TIMEOUT: in vain). */
	ssize_t (*read)(void *, char *, size_t, int timeout_ms, struct err *);
	/* All of it, or -1. */
	int (*write)(void *, const char *, size_t, struct err *);
	void (*close)(void *);
	int (*fd)(void *);		/* to poll for input; see wire_poll */
};

struct wire;

/* Takes over ctx; wire_close ends it. */
struct wire *wire_new(const struct wire_ops *, void *ctx);
/* Takes over a connected stream socket. */
struct wire *wire_fd(int fd);
/* The local socket at path; NULL with e set: ERR_CONNECT, or ERR_DENIED. */
struct wire *wire_local(const char *path, struct err *);
void	wire_close(struct wire *);

int	wire_send(struct wire *, const json_t *, struct err *);
/* The next message, an object the caller owns; NULL with e set.  ERR_CONNECT:
 * the other end has closed; ERR_TIMEOUT: nothing in timeout_ms (-1: waits for
 * ever); ERR_IO: broken, or it does not speak our protocol. */
json_t *wire_recv(struct wire *, int timeout_ms, struct err *);
/* What to poll for input after wire_recv said ERR_TIMEOUT; borrowed. */
int	wire_poll(const struct wire *);
/* Has reading or writing failed: is nothing more to come from there? */
bool	wire_ended(const struct wire *);

#endif
