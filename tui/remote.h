/* A musterd on another machine, over SSH: the subsystem "muster" (SPEC section
 * 8).  Blocking; one thread. */
#ifndef REMOTE_H
#define REMOTE_H

#include "ask.h"
#include "wire.h"

enum { REMOTE_PORT = 7422 };

struct remote {
	const char *target;	/* [USER@]HOST[:PORT]; HOST may be an alias of
				 * the ssh configuration */
	const char *identity;	/* key file; NULL: the agent and the usual */
	const char *config;	/* ssh configuration; NULL: the usual; "none" */
};

/* The host's key must be in known_hosts; an unknown one is asked about on a
 * terminal and refused without one.  ERR_CONNECT, ERR_DENIED, ERR_USAGE. */
struct wire *remote_open(const struct remote *, const struct ask *,
	    struct err *);

#endif
