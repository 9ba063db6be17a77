/* What a Scheduler fired by itself while it had no broker (SPEC section 4,
 * on_broker_loss = "continue"), told by it when it is back.  A record, not a
 * fire: it is taken whoever is the Scheduler by then, and taken once however
 * often it is sent.
 *
 *   nobody recorded the occurrence -> recorded with this run; the cursor moves
 *     over it when it is the next one, else it stays and passes over it later
 *   recorded, and its dispatch never reached this agent -> this is that run
 *   recorded, and run by another -> recorded as well, as `doubled`, with an
 *     event that names both; no retry and no chain follows a doubled one
 *   recorded as skipped or missed -> recorded as well, with an event
 *
 * One that it fired but could not start yet is queued here like any other.  Of
 * the job an agent says the name only: what it is, and so what follows from the
 * outcome, is what the catalogue says.  Stands on ledger, outcome, dispatch,
 * queue, catalog, roster and live.  Loop thread. */
#ifndef BROKER_SPOOL_H
#define BROKER_SPOOL_H

#include <jansson.h>

#include "broker/broker.h"

struct member;

/* {entries: [{run, job, act: "start"|"wait"|"skip", at, first, count, reason,
 * epoch, made}], left: how many follow}, times in ms, oldest first.  done is
 * called once: {entries: [{run, recorded: number of the run here or null,
 * doubled} | {run, refused}]} in order, when all of it is on disk, or the
 * error: then all are sent again. */
typedef void spool_done(void *arg, json_t *result, const struct err *);
void	spool_take(struct broker *, struct member *, const json_t *params,
	    spool_done *, void *arg);
/* Ends its alerts; when to be called again. */
mono	spool_turn(struct broker *);

#endif
