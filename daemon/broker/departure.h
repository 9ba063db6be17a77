/* How members go: by themselves, removed, or drained and back; the Scheduler
 * role first (SPEC section 3).  Stands on attendance, foreman, scheduler, desk
 * and roster.  Loop thread. */
#ifndef BROKER_DEPARTURE_H
#define BROKER_DEPARTURE_H

#include "broker/broker.h"
#include "broker/desk.h"

struct member;

/* A member goes: by itself ("left") or by an operator ("removed").  Hands the
 * Scheduler role over first; done when it is on disk; ERR_BUSY while it goes
 * already. */
void	departure_start(struct broker *, struct member *, const char *state,
	    const char *reason, const char *actor, desk_done *, void *arg);
/* Drains, or ends it; done (with STORE_OK or why not) when it is on disk.
 * Nothing new goes to a member from the moment that its drain begins. */
typedef void departure_done(void *arg, enum store_rc);
void	departure_drain(struct broker *, struct member *, bool on,
	    const char *actor, const char *reason, departure_done *, void *arg);
mono	departure_turn(struct broker *);
void	departure_free(struct broker *);

#endif
