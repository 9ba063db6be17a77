/* The end of a run: why it ended is put into words, its output gets to its
 * place, the end is on file, and then it is told (journal.h).
 *
 * An output that is shortened takes more than a turn.  The run is settling
 * then, RUN_RUNNING for everybody else, with its outcome on file; or it has
 * ended, and what it left behind is gone by now.  end_step goes on with it. */
#ifndef KEEPER_END_H
#define KEEPER_END_H

#include <stdbool.h>

#include "keeper/run.h"
#include "kmsg.h"

/* The leader is gone: by itself, or because we stopped it.  r->straying and
 * r->seen are what it left behind. */
void	end_by_itself(struct run *);
void	end_by_us(struct run *);
/* It was never started.  While nothing can be put on file it is told all the
 * same: it is as if it had not been asked for. */
void	end_refused(struct run *, const char *why);
/* Nobody waited for its end.  Looks for what it left behind by itself. */
void	end_lost(struct run *, const char *why);
/* Goes on with r, which is settling or has nothing left behind any more: false
 * when it is to be called again.  Frees r when it is forgotten already. */
bool	end_step(struct run *);
/* Whether a run is settling; all: none is any more, after it. */
bool	end_settle(bool all);

#endif
