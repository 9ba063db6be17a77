/* The whole daemon put together: loop, store, key, network, broker, node, api.
 * daemon/main.c reads options and drops privileges, then runs this. */
#ifndef DAEMON_H
#define DAEMON_H

#include "err.h"
#include "node/config.h"

/* Runs until SIGTERM or SIGINT.  cfg is taken over; path is where it came from
 * (SIGHUP reads it again), NULL: defaults.  -1 when it could not start. */
int	daemon_run(struct config *cfg, const char *path, const char *program,
	    struct err *);

/* A second daemon on one state directory would be a second node of this name:
 * takes its lock, which is held until the descriptor is closed, or -1. */
int	daemon_lock(const struct config *, struct err *);

#endif
