/* Who is there: what happens when a member comes, is heard, is not heard any
 * more, goes.  It keeps their health and their statistics, and tells scheduler
 * and foreman.  Stands on both, and on dispatch, eval, catalog and roster.
 * Loop thread. */
#ifndef BROKER_ATTENDANCE_H
#define BROKER_ATTENDANCE_H

#include <jansson.h>

#include "broker/broker.h"

struct member;
struct session;

/* The session of a member that said hello, and its end. */
void	attendance_up(struct broker *, struct member *, struct session *,
	    const json_t *hello);
void	attendance_down(struct broker *, struct member *);
/* One heartbeat. */
void	attendance_beat(struct broker *, struct member *, const json_t *beat);
/* Unheard members, health without samples; returns the next deadline. */
mono	attendance_turn(struct broker *);

#endif
