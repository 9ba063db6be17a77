/* The Scheduler role as it is kept in the store.  Durations that run (a pin,
 * the pause between moves of case 2) are stored as what is left of them, with
 * the time at which that was so: by the clock that never steps while the
 * machine stays up, by the wall clock over a reboot, and then never more than
 * was left.  Stands on no other room. */
#ifndef BROKER_ROLE_DISK_H
#define BROKER_ROLE_DISK_H

#include <jansson.h>

#include "core/role.h"

/* epoch and holder are columns of their own.  boot: of this machine, "" when
 * unknown.  The caller frees. */
char   *role_disk_dump(const struct role *, struct now, const char *boot);
/* What role_boot takes at `now`; epoch and holder are left alone.  An absent or
 * unreadable document: a role that was never held. */
void	role_disk_read(struct role_durable *, const char *text, struct now,
	    const char *boot, int64_t switch_min_interval);

#endif
