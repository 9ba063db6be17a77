/* Occurrences become runs: each exactly once.  A fire is recorded with its run
 * and its cursor in one transaction, only by the holder of the current epoch,
 * and only as the cursor's successor (SPEC section 4, "Never two at work",
 * "Nothing missed").  Stands on ledger_file, outcome, dispatch, scheduler,
 * catalog and live.  Loop thread. */
#ifndef BROKER_LEDGER_H
#define BROKER_LEDGER_H

#include <jansson.h>

#include "broker/broker.h"
#include "broker/catalog.h"

struct member;

/* What an agent fires: {epoch, fires: [{job, at, act: "fire"|"skip", reason,
 * first, count}]}, times in ms, oldest first.  answer is called once for each
 * fire, in order, when its fate is on disk: {job, at, run} | {job, at, cursor}
 * (fire again from there) | {job, at, refused, code}; stolen.
 *
 * A file: {job, id, trigger, path, ino, mtime, birth}, times in ns, path
 * encoded (core/file_trigger.h), trigger its place in the job's list, id the
 * agent's own.  Answered {job, id, run}, whether it was recorded now or
 * before, or {job, id, refused, code}. */
void	ledger_fire(struct broker *, struct member *, const json_t *params,
	    void (*answer)(struct broker *, int64_t member, json_t *));

/* The job's cursor as it is on disk: memory is ahead of it by what is on its
 * way there. */
wall	ledger_stored(const struct broker *, const char *job);
/* What memory believed did not come to pass: the job's cursor is what the disk
 * says, which is returned. */
wall	ledger_cursor(struct broker *, const char *job);

/* The disk has moved the job's cursor to there.  Somebody may have read it again
 * before that: memory is not left behind, or every later fire would be one past
 * a gap. */
void	ledger_moved(struct broker *, const char *job, wall to);

/* What came due in the pause of a job that is to be resumed, and before it
 * while nobody fired: one record, skipped, to be stored with the resuming.
 * NULL: nothing did. */
struct batch *ledger_paused(struct broker *, const struct cat_job *);

/* A run that an operator asks for.  params: {K: V} for the environment.  done:
 * {runs: [id], occurrence} or an error. */
void	ledger_manual(struct broker *, struct cat_job *, const json_t *params,
	    const char *actor, catalog_done *, void *arg);
/* An ended run's occurrence once more, by hand. */
void	ledger_retry(struct broker *, int64_t run, const char *actor,
	    catalog_done *, void *arg);

#endif
