/* The service manager, by the sd_notify protocol: READY=1, STOPPING=1 and, if
 * it asks for them, signs of life.  Without NOTIFY_SOCKET nothing is sent.
 * Reads the environment, sends on a socket of its own; any thread. */
#ifndef SERVICE_H
#define SERVICE_H

#include "clock.h"

void	service_tell(const char *state);	/* "READY=1" */
/* Call it at each turn of the loop, and again by the time it returns: the
 * manager hears from us at a third of its WatchdogSec, so that one that is
 * stuck is started again.  MONO_NEVER: it does not ask. */
mono	service_alive(mono now);

#endif
