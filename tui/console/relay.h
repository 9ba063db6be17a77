/* A child that speaks SSH with another machine and passes JSON lines on to a
 * socket of ours, so that a slow or dead network never stops the console.  Its
 * first line is {"method":"relay","params":{}} when it is through, with code
 * and message when it is not. */
#ifndef CONSOLE_RELAY_H
#define CONSOLE_RELAY_H

#include <stdbool.h>
#include <sys/types.h>

#include "remote.h"

/* Returns the socket and the child, or -1.  interactive: it may ask on the
 * terminal, which nobody else uses until its first line came. */
int	relay_open(const struct remote *, bool interactive, pid_t *child,
	    struct err *);

#endif
