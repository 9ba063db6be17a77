/* One file copied to a new one, for backups and what comes back from them. */
#ifndef COPY_H
#define COPY_H

#include "err.h"

/* Makes `to`, of mode 0600 and flushed to disk; it may not be there yet.  what
 * begins the message ("backup").  On -1 nothing of `to` is left.  Reads and
 * writes files: any thread. */
int	copy_file(const char *from, const char *to, const char *what,
	    struct err *);

#endif
