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
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"
#include "node/keeper.h"
#include "store/store.h"

struct runs;

struct runs_ops {
	/* Tell the broker of this cluster; the report is borrowed.  When it
	 * cannot be told now, runs_list says it again later. */
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
void	runs_abort(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt, int64_t grace_ms);
/* The broker has stored the outcome, or wants no more of it. */
void	runs_settled(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt);
/* Everything not settled, as reports; for hello.  New array. */
json_t *runs_list(const struct runs *, const char *cluster);
int	runs_running(const struct runs *);
/* The leaders of what runs now; returns how many were written. */
size_t	runs_pids(const struct runs *, pid_t *out, size_t max);
/* {data (base64), offset, size, ended} from offset, at most limit bytes. */
json_t *runs_output(struct runs *, const char *cluster, int64_t run,
	    int64_t attempt, int64_t offset, int64_t limit);

/* The keeper's side (struct keeper_ops with the struct runs as ctx). */
extern const struct keeper_ops runs_keeper_ops;

#endif
