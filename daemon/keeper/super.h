/* The life of runs: start, end, time-out, abort, loss.
 *
 *	(start) -> UNKNOWN -S record-> RUNNING -E record-> EXITED KILLED
 *	   |                            |  \                TIMED_OUT ABORTED
 *	   +---- refused ---------------|   (keeper killed)    LOST
 *	                                v
 *	                    stop: TERM, grace, KILL, nothing left
 *
 * Nothing is reported before it is in the journal.  How it ends: end.h; whose
 * parent was another keeper: adopt.h. */
#ifndef KEEPER_SUPER_H
#define KEEPER_SUPER_H

#include <stddef.h>

#include "buf.h"
#include "clock.h"
#include "kmsg.h"

/* Takes m over, with its words; its strings must live until super_commit. */
void	super_start(struct kmsg *m);
/* Users that starts wait for are known now, or are known not to be. */
void	super_known(void);
void	super_abort(const char *id, int64_t grace_ms);
void	super_forget(const char *id);
void	super_list(void);

/* Writes the journal, starts what was asked for, releases reports. */
void	super_commit(void);
/* Children that ended. */
void	super_reap(void);
/* Time-outs, grace, bounds of output. */
void	super_tick(mono);
/* When there is something to do even if nothing happens. */
mono	super_next(mono now);

/* What the journal does not hold, for a re-exec. */
void	super_pack(struct buf *);
int	super_unpack(const char *, size_t);

#endif
