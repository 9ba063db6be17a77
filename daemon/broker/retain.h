/* History in bounded space: runs and events go after 90 days, or when there are
 * more than ten million of them; occurrences go once their cursor has passed
 * them by a day, which keeps them from firing again without their row.  A slice
 * at a time, so that the writer stays free; slices follow each other as fast as
 * runs come.  Nothing goes by its age while the clock has just jumped (astray).
 * Stands on dispatch, catalog and astray.  Loop thread. */
#ifndef BROKER_RETAIN_H
#define BROKER_RETAIN_H

#include "broker/broker.h"

/* Purges a slice when one is due; returns when to be called again. */
mono	retain_turn(struct broker *);

#endif
