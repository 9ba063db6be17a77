/* A thread that looks at files (node/finder.h) for the loop thread, which waits
 * for it at no time: a thread that hangs in the file system hears what it is
 * told when it comes back, or is left behind for good.
 *
 * The thread owns its finder, and with it inotify and all that is known of
 * files.  The loop thread owns everything else.  Between them are two boxes
 * under one lock, which is never held across a call that may wait:
 *
 *   in    what holds now (the rules, the turn at work) and what was answered.
 *         New orders take the place of older ones, so that nothing piles up
 *         before one that hangs.
 *   out   fires that were asked for, lines for the log, and where it is.
 *
 * A turn at work has a number, gen: a fire of an earlier one is thrown away,
 * and so are answers to it.  Loop thread, unless it says otherwise. */
#ifndef NODE_LOOKOUT_H
#define NODE_LOOKOUT_H

#include <limits.h>
#include <uv.h>

#include "node/finder.h"

struct lookout;

/* Whenever there is something to take, the loop takes a turn.  NULL when there
 * are no threads or descriptors any more (errno). */
struct lookout *lookout_new(uv_loop_t *);
/* The thread ends as soon as it can; nobody waits for it. */
void	lookout_free(struct lookout *);

/* Takes what the list owns. */
void	lookout_load(struct lookout *, struct find_rules *);
/* gen > 0: at work; the same once more: look at everything anew.  0: not. */
void	lookout_work(struct lookout *, int64_t gen);
/* Wants fires: some are there once lookout_take has them, at most one message
 * full.  To be asked for when lookout_ready. */
void	lookout_ask(struct lookout *);
bool	lookout_ready(struct lookout *);
/* What was asked for: a list (utlist.h) that the caller owns; or NULL. */
struct find_fire *lookout_take(struct lookout *);
/* The broker has it on record, or could not take it. */
void	lookout_answer(struct lookout *, int64_t id, bool taken);
/* Lines for the log are logged. */
void	lookout_log(struct lookout *);

/* Where it is: the number of the call that may hang, 0: in none; path, when
 * not NULL, is what it looks at. */
int64_t	lookout_call(struct lookout *, char path[PATH_MAX]);
/* How often it has done all it had to do for the time being. */
int64_t	lookout_turns(struct lookout *);

#endif
