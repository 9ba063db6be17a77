/* The keeper's memory on disk: STATE_DIR/keeper/journal, append only.
 *
 * Order is everything, because the report can be lost, the record not: a start
 * is on file before the fork, the pid after it, how the run ended before a long
 * output is shortened, the end before it is reported.  Records are collected and
 * written by one write(2) a turn.
 *
 * A start, and it alone, outlasts the power too (journal_commit): one that was
 * forgotten would be done again.  For the rest the page cache is enough, which
 * outlives processes: after a crash of the machine no run is alive, and one
 * without an end is lost.
 *
 * A record is its length (4), the low half of its hash (4), its type (1) and
 * the body.  A torn tail is cut off when reading. */
#ifndef KEEPER_JOURNAL_H
#define KEEPER_JOURNAL_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "keeper/run.h"

struct journal_head {
	char boot_id[40];
	char start_id[40];
};

/* Reads the journal in dir_fd, if there is one, into the runs of run.h.
 * Returns whose it was in *old ("" when there was none). */
int	journal_load(int dir_fd, struct journal_head *old, struct err *);
/* Begins a new file with this head and everything known, in place of the
 * old one. */
int	journal_begin(int dir_fd, const struct journal_head *, struct err *);
/* Goes on with the file that is there (after a re-exec). */
int	journal_resume(int dir_fd, const struct journal_head *, struct err *);

void	journal_start(const struct run *);
void	journal_pid(const struct run *);
/* How r ended (end_state and so on), while its output is not in its place;
 * journal_end follows. */
void	journal_outcome(struct run *);
void	journal_end(struct run *);
void	journal_forget(const struct run *);
/* Writes what was collected; starts: and it outlasts a crash of the machine.
 * On -1 it may not be on file; it stays collected and the next call tries
 * again.  The log says when it does not work, and when it does again. */
int	journal_commit(bool starts);
/* The last commit failed. */
bool	journal_stuck(void);
bool	journal_dirty(void);
/* r has ended, but for its output perhaps, and that is on file. */
bool	journal_has_end(const struct run *);

/* The same records as bytes, for a re-exec. */
void	journal_snapshot(struct buf *, const struct journal_head *);
int	journal_parse(const char *, size_t, struct journal_head *,
	    size_t *good);

#endif
