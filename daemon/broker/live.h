/* The runs that have not ended, one table of them.  They come from run_live
 * when the broker starts and go when their outcome is stored.  Stands on run.
 * Loop thread. */
#ifndef BROKER_LIVE_H
#define BROKER_LIVE_H

#include "broker/broker.h"
#include "broker/run.h"

/* NULL when there is none. */
struct run *live_get(const struct broker *, int64_t id, int64_t attempt);
/* The newest attempt. */
struct run *live_find(const struct broker *, int64_t id);
/* The one that its agent started by itself under this number. */
struct run *live_alone(const struct broker *, int64_t alone);
/* All of them, by ->hh.next, as they came. */
const struct run *live_first(const struct broker *);
size_t	live_count(const struct broker *);
/* Those of this job that hold a slot. */
int64_t	live_running(const struct broker *, const char *job);

/* Takes it. */
void	live_add(struct broker *, struct run *);
/* Frees it. */
void	live_drop(struct broker *, struct run *);
void	live_free(struct broker *);

#endif
