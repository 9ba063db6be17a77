/* Watches the loop from a thread of its own.
 *
 * There are packets on which the SSH library never returns (a
 * channel whose maximum packet is exactly 10 bytes, in 0.10.6).
 * Then every client hangs, and nothing in the loop can help: after 2 s in one
 * pump the watchdog writes down whose session it was, quarantines that key and
 * aborts.  The service manager starts musterd again, the runs go on in the
 * keeper, the key is refused.
 *
 * Time counts in turns of the watchdog's own thread: a stopped, suspended or
 * debugged process is not a hang. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <uv.h>

#include "err.h"
#include "peer.h"

/* quarantine: path of the file, or NULL.  One in a process; without it (a
 * debugger, valgrind) the marks below cost nothing. */
int	watchdog_start(uv_loop_t *, const char *quarantine, struct err *);
/* Before the loop is closed; its handle is gone in a later turn. */
void	watchdog_stop(void);

/* Around each call into the SSH library. */
void	watchdog_enter(const struct peer *);
void	watchdog_leave(void);

#endif
