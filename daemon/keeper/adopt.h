/* Runs of a keeper that was killed: not our children, so that nobody can wait
 * for them.  They are watched by a handle of the leader; how they end is not
 * known, only that they do. */
#ifndef KEEPER_ADOPT_H
#define KEEPER_ADOPT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "keeper/journal.h"
#include "keeper/run.h"

/* After journal_load by a new process: whose end nobody waited for? */
void	adopt_all(const struct journal_head *old, const char *boot_id);
/* One of an earlier program, after a re-exec.  False when it is gone; without a
 * handle (r->pidfd -1) it may go on, and adopt_watched tries again. */
bool	adopt_run(struct run *);
/* Appends at most max of what to poll for, returns how many; adopt_watched
 * looks at all of them. */
size_t	adopt_watch(struct pollfd *, size_t max);
void	adopt_watched(void);

#endif
