/* The processes of a run, found through /proc: its session and group, what
 * carries its mark in the environment, what has its output file open, what was
 * seen in it before, and every descendant of those.  The keeper is the
 * sub-reaper, so a descendant that lost its parent is a child of the keeper
 * and not of init. */
#ifndef KEEPER_TREE_H
#define KEEPER_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"
#include "keeper/run.h"

enum { TREE_MAX = 4096 };

/* First: what a look needs is kept, so that there is one in any case. */
int	tree_init(struct err *);
/* Start time in ticks since boot; 0 when there is no such process or only its
 * remains (a zombie). */
uint64_t tree_born(pid_t);
/* Looks for the living processes of r and remembers them in r->seen, in place
 * of the former ones.  Returns how many there are; when it cannot look, the
 * former ones stay. */
size_t	tree_scan(struct run *);
/* What a scan knows is as old as the turn; expire it when a process of ours
 * was made since.  tree_refresh is false when enough was looked at in this
 * turn. */
void	tree_new_turn(void);
void	tree_expire(void);
bool	tree_refresh(void);
/* Sends sig to what the last scan saw. */
void	tree_signal(const struct run *, int sig);
/* "12 (sleep), 13 (sh)" of what the last scan saw. */
void	tree_names(const struct run *, struct buf *);
/* Children of the keeper that are no leader of a live run; max + 1 when there
 * are more than that, -1 when the kernel does not tell. */
int	tree_orphans(pid_t *, int max);
/* Whether one of these belongs to r (which has ended). */
bool	tree_owns_any(const struct run *, const pid_t *, int n);

#endif
