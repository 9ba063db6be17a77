/* What a wall clock that was far ahead leaves behind, and how an operator hears
 * of it: the alert clock_jumped while nothing is deleted by its age, and
 * job_silent while a cursor stands more than a day ahead of the clock, so that
 * nothing comes due.  Stands on catalog.  Loop thread. */
#ifndef BROKER_ASTRAY_H
#define BROKER_ASTRAY_H

#include "broker/broker.h"

/* What time it was when an earlier process last looked. */
void	astray_load(struct broker *);
/* A look, meant to be called every minute; whether the clock is one to delete
 * by.  What it has to remember goes into the batch. */
bool	astray_turn(struct broker *, struct batch *);

#endif
