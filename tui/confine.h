/* A muster that a daemon started for somebody far away (ssh -t): it speaks over
 * the socket it was given, which is logged in already, and has nothing else.
 * No shell, no pager, no files but the terminal's and the zone's, no other
 * daemon.  Said twice: by what the program refuses, and by the kernel. */
#ifndef CONFINE_H
#define CONFINE_H

#include <stdbool.h>

#include "err.h"

/* From here on, for the whole process; fd must be a connected stream socket.
 * A root gives that up.  On failure nothing should be begun. */
int	confine_enter(int fd, struct err *);
bool	confine_on(void);

#endif
