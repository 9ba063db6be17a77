/* When a job is due: its time triggers, zone and calendars, compiled once from
 * the definition.  The broker asks it whether a fire is the cursor's successor,
 * the Scheduler asks it when to fire: both must get the same answer. */
#ifndef CORE_DUE_H
#define CORE_DUE_H

#include <stddef.h>

#include "core/job.h"
#include "core/misfire.h"
#include "core/trigger.h"

struct due;

/* zone is the cluster's setting, used when the job names none.  Copies what it
 * needs.  NULL with a message that names the trigger, zone or calendar. */
struct due *due_new(const struct job *, const char *zone,
	    const struct calendar_def *, size_t ncalendars, struct err *);
void	due_free(struct due *);

/* The first due time after; WALL_NEVER when there is none (no time trigger). */
wall	due_next(const struct due *, wall after);
const struct schedule *due_schedule(const struct due *);
struct misfire_policy due_misfire(const struct job *);
/* The text of the trigger that is due at t ("every 2s"), or "schedule". */
const char *due_cause(const struct due *, wall t);

#endif
