/* The rounds among the runs: what waits gets its agent when one is free, what
 * was unknown or waited for too long ends; and what becomes of an agent's runs
 * when it comes and goes.  Stands on outcome, dispatch, placing, queue, live
 * and roster.  Loop thread. */
#ifndef BROKER_FOREMAN_H
#define BROKER_FOREMAN_H

#include <jansson.h>

#include "broker/broker.h"

struct member;

mono	foreman_turn(struct broker *);

/* A session began.  Of its hello: runs is what its journal holds, alone the
 * numbers, as ranges, of what it did without the broker and has not told yet. */
void	foreman_agent_up(struct broker *, struct member *, const json_t *hello);
void	foreman_agent_heard(struct broker *, struct member *);
void	foreman_agent_down(struct broker *, struct member *);
/* It left or was removed, and that is on disk: what it had is lost. */
void	foreman_agent_gone(struct broker *, struct member *);

#endif
