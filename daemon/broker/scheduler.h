/* The shell around core/role: feeds it events and facts, stores what it says
 * must be stored, then performs its acts in order, and keeps the record of
 * every decision.  While a PERSIST is on its way to the disk further events
 * wait; when it fails, the step did not happen.  Stands on decision, role_disk,
 * catalog and roster.  Loop thread. */
#ifndef BROKER_SCHEDULER_H
#define BROKER_SCHEDULER_H

#include <jansson.h>

#include "broker/broker.h"
#include "core/role.h"

struct member;

struct scheduler *scheduler_load(struct broker *);
void	scheduler_free(struct scheduler *);
/* As after a restart: the broker woke up. */
void	scheduler_boot(struct broker *);
/* The store was restored from a backup: adds to the batch that nobody is ON
 * until an operator says so.  Before scheduler_boot. */
void	scheduler_restored(struct broker *, struct batch *);
void	scheduler_event(struct broker *, const struct role_event *);
void	scheduler_settings(struct broker *);
mono	scheduler_turn(struct broker *);

int64_t	scheduler_epoch(const struct broker *);
/* The number of the decision that is being carried out, 0: none. */
int64_t	scheduler_decision(const struct broker *);
/* A fire with this epoch from this member is the Scheduler's. */
bool	scheduler_backs(const struct broker *, int64_t member, int64_t epoch);
json_t *scheduler_pin(const struct broker *, int64_t member);
/* {name, state, moving, target, vacant, pinned_until, waits, proposal}. */
json_t *scheduler_json(const struct broker *);

/* An operator's request, or an agent's to leave; done (may be NULL) is called
 * once, now or later, except for one that leaves.  actor and reason (may be
 * NULL) are named in the decision. */
typedef void scheduler_done(void *arg, enum role_told, const char *text);
void	scheduler_op(struct broker *, struct role_event *, const char *actor,
	    const char *reason, scheduler_done *, void *arg);

/* Decisions, newest first; id 0: all, limit of them. */
json_t *scheduler_why(const struct broker *, int64_t id, int64_t kase,
	    wall since, int64_t limit);
/* As they are now, for who asks what would be. */
const struct role *scheduler_role(const struct broker *);
const struct role_policy *scheduler_policy(const struct broker *);

#endif
