/* The file triggers of one catalogue, watched on this machine's file system
 * while this node is the Scheduler: which files are occurrences by
 * core/file_trigger, what the broker has not answered yet.
 *
 * A file system may hang for as long as its server is away, and with it
 * whoever looks at it.  So threads look (node/lookout.h), and nothing here
 * waits for them: one at first; the rules that do not lead to a path that
 * hangs are given to another one.  Loop thread.  NULL is allowed everywhere:
 * no files are watched then. */
#ifndef NODE_FILES_H
#define NODE_FILES_H

#include <jansson.h>
#include <uv.h>

#include "clock.h"

struct files;

struct files *files_new(uv_loop_t *);
void	files_free(struct files *);

/* The catalogue as the broker sends it.  A trigger that did not change goes on
 * as it was. */
void	files_load(struct files *, const json_t *replica);
/* A grant: looks at everything that is there.  OFF: forgets it all. */
void	files_start(struct files *);
void	files_stop(struct files *);

/* Sees whether the threads answer; returns when to be called again. */
mono	files_turn(struct files *, struct now);
/* Fires for the broker, or NULL.  Again and again, until it is NULL; the loop
 * takes a turn when there are more. */
json_t *files_due(struct files *);
/* The broker's answer to one of them. */
void	files_answer(struct files *, const json_t *doc);
/* What was not answered, to be sent again after a reconnect; or NULL. */
json_t *files_pending(const struct files *);
/* A path, encoded, at which a thread has been for too long while rules wait for
 * it; or NULL.  Borrowed. */
const char *files_hang(const struct files *);

#endif
