/* The full-screen console: `muster` without a command, on a terminal. */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "err.h"
#include "remote.h"

struct console_target {
	const char *socket;		/* the local socket, or */
	const struct remote *remote;	/* another machine; NULL: local, or */
	int fd;				/* an inherited socket; 0: none */
};

/* Runs until the operator leaves.  Returns the exit status. */
int	console_run(const struct console_target *, struct err *);

#endif
