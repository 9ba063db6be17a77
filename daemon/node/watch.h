/* The triggers of one catalogue, watched: what is due now, by which misfire
 * rule, and which fires the broker has not answered yet.  Pure but for its
 * memory: time is an argument, messages go through the caller.  Loop thread. */
#ifndef NODE_WATCH_H
#define NODE_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "core/job.h"
#include "core/misfire.h"

struct watch;

struct watch *watch_new(void);
void	watch_free(struct watch *);

/* The catalogue as the broker sends it.  A job whose schedule did not change
 * keeps its own cursor, which may be ahead by fires on their way. */
void	watch_load(struct watch *, const json_t *replica);
int64_t	watch_rev(const struct watch *);	/* -1: none yet */
size_t	watch_jobs(const struct watch *);

/* A grant: everything starts from these cursors, nothing is on its way. */
void	watch_start(struct watch *, const json_t *cursors);
/* OFF, or another cluster: forgets what is on its way. */
void	watch_stop(struct watch *);

/* What is due at now, as an array of fires for the broker, or NULL.  At most
 * so many are on their way at once that a long outage floods nobody. */
json_t *watch_due(struct watch *, struct now);
/* When to ask again; WALL time, INT64_MAX: never.  retry is a mono deadline. */
wall	watch_next(const struct watch *);
mono	watch_retry(const struct watch *);
/* The broker's answer to one fire. */
void	watch_answer(struct watch *, const json_t *doc, struct now);
/* What was not answered, to be sent again after a reconnect; NULL if nothing. */
json_t *watch_pending(const struct watch *);

/* NULL when the catalogue has none; *doc, when not NULL, is its text.
 * Borrowed. */
const struct job *watch_job(const struct watch *, const char *name,
	    const json_t **doc);

/* ---- without a broker: node/alone.h ---- */

/* One fire of a job that this node may fire by itself.  All borrowed. */
struct watch_fire {
	const struct job  *job;
	const json_t	  *doc;
	struct misfire_act act;
};
/* The jobs that may answers true for are fired by watch_alone, until the
 * catalogue is loaded again. */
void	watch_choose(struct watch *, bool (*may)(void *, const struct job *),
	    void *ctx);
/* What those have due, each job's in order: first what the broker was sent and
 * did not answer, then what came due since.  take: false, not now; the fire and
 * all after it of that job are handed over again in a second.  Returns how many
 * were taken. */
size_t	watch_alone(struct watch *, struct now,
	    bool (*take)(void *, const struct watch_fire *), void *ctx);
/* When to ask again, as watch_next; watch_retry is for both. */
wall	watch_alone_next(const struct watch *);
/* What was taken from this time on did not come to pass. */
void	watch_back(struct watch *, const char *job, wall first, struct now);

#endif
