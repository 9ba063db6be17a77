/* `muster whatif`: the role decision for supposed events.  The shipped role
 * core is stepped on a copy of the cluster's picture, with agents that answer
 * as they should; nothing is sent, stored or remembered.  Stands on scheduler,
 * decision, eval and roster.  Loop thread. */
#ifndef BROKER_WHATIF_H
#define BROKER_WHATIF_H

#include <jansson.h>

#include "broker/broker.h"

/* words: "kill node-b", "cpu node-b=95 drain node-c forward 20m" (muster(1)).
 * {supposed, case, from, to, epoch, outcome, scheduler, candidates, steps};
 * NULL with a message. */
json_t *whatif(struct broker *, const json_t *words, struct err *);

#endif
