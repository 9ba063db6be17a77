/* The runs of this machine: what brokers sent, journaled before it is started,
 * started by the keeper, kept until the broker has stored how it ended.
 *
 *   HELD  -> journaled by an earlier musterd, not started: waits until its
 *            broker says again that it is wanted
 *   JOURNALING -> the dispatch is on its way to the disk
 *   STARTING -> on disk, handed (or about to be handed) to the keeper
 *   RUNNING, ENDED -> as the keeper says; an ended one waits for the broker
 *
 * The same (cluster, run, attempt) is never started twice: a second dispatch
 * is answered with what is known.  Loop thread. */
#ifndef NODE_RUNS_H
#define NODE_RUNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"
#include "node/keeper.h"
#include "store/store.h"

struct runs;

struct runs_ops {
	/* Tell the broker of this cluster; the report is borrowed.  When it
	 * cannot be told now, runs_report says it again later. */
	void (*report)(void *ctx, const char *cluster, const json_t *report);
};

struct runs *runs_new(struct store *, const char *agent,
	    const struct runs_ops *, void *ctx);
void	runs_free(struct runs *);
/* The keeper, once; NULL on shutdown. */
void	runs_set_keeper(struct runs *, struct keeper *);
void	runs_set_agent(struct runs *, const char *agent);

/* One dispatch as the broker sends it.  refuse is NULL, or why this node takes
 * no run now (disk full, shutting down). */
void	runs_dispatch(struct runs *, const char *cluster,
	    const char *cluster_name, const json_t *item, const char *refuse);
/* One that this node starts by itself, under a number of its own (core/order):
 * the journal's row goes into the batch; when that is on disk, or is not,
 * runs_made says so, and it starts or never was.  Until runs_tell nothing is
 * reported of it. */
void	runs_make(struct runs *, const char *cluster, const char *cluster_name,
	    const json_t *item, struct batch *);
void	runs_made(struct runs *, const char *cluster, int64_t run, bool stored);
void	runs_tell(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt);
/* This node is no member of the cluster any more: what the broker sent before
 * and was not started yet is not, unless it sends it again.  What runs, runs. */
void	runs_disown(struct runs *, const char *cluster);
enum runs_state {
	RUNS_NONE,
	RUNS_HELD,		/* journaled, and was not started */
	RUNS_DOUBT,		/* the same, if the keeper says nothing else */
	RUNS_LIVE,
	RUNS_ENDED
};
enum runs_state runs_state(const struct runs *, const char *cluster,
	    int64_t run, int64_t attempt);
/* Each run that was taken or started here and is not settled. */
typedef void runs_each_fn(void *arg, int64_t run, int64_t attempt,
	    const json_t *item, enum runs_state);
void	runs_each(const struct runs *, const char *cluster, runs_each_fn *,
	    void *arg);
void	runs_abort(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt, int64_t grace_ms);
/* The broker has stored the outcome, or wants no more of it.  held: it was told
 * that it was not started, and does not want that any more; an end that came
 * meanwhile it has yet to hear of. */
void	runs_settled(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt, bool held);
/* Everything not settled, as [[run, attempt], ...]; new array.  And one of them
 * as a report, new; NULL: it is none of them. */
json_t *runs_keys(const struct runs *, const char *cluster);
json_t *runs_report(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt);
/* Hello has told the broker of all of them: what is on its way to the disk it
 * sends once more, and only what becomes of that is its answer. */
void	runs_told(struct runs *, const char *cluster);
int	runs_running(const struct runs *);
/* The leaders of what runs now; returns how many were written. */
size_t	runs_pids(const struct runs *, pid_t *out, size_t max);
/* {data (base64), offset, size, ended} from offset, at most limit bytes. */
json_t *runs_output(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt, int64_t offset, int64_t limit);

/* The keeper's side (struct keeper_ops with the struct runs as ctx). */
extern const struct keeper_ops runs_keeper_ops;

#endif
