/* From a start to a process: fork, a clean environment, exec. */
#ifndef KEEPER_CHILD_H
#define KEEPER_CHILD_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "err.h"
#include "keeper/rules.h"
#include "kmsg.h"

/* The first variable of every run, "PLACE/ID": its processes are found again
 * by it.  The place is the state directory, so that a keeper inside a run of
 * another one never takes the outer run's processes for its own. */
#define CHILD_MARK "MUSTER_KEEPER_RUN"
enum { CHILD_MARK_SIZE = sizeof(CHILD_MARK) + KMSG_ID + 48 };
void	child_mark(const char *id, char out[CHILD_MARK_SIZE]);

/* A page shared with the children, one cell a run, says why one could not be
 * set up; it lives in a memfd, so that it survives a re-exec.  fd -1: make
 * one.  Returns the fd. */
int	child_cells(int fd, struct err *);
/* -1 when RUN_LIVE are taken. */
int	child_cell_take(void);
void	child_cell_use(int cell);	/* taken by an earlier program */
void	child_cell_free(int cell);
/* "" when the program was executed. */
const char *child_cell_why(int cell);

/* First thing in main: saves what a child gets back (limits, whether to mind
 * the OOM score), keeps 0 to 2 from being anything else, marks what was
 * inherited close-on-exec, sets the signals that are ignored here. */
void	child_init(void);
/* The state directory, for the mark. */
void	child_place(const struct stat *);
/* The children's soft limit of open files; the keeper's own is raised, also
 * for the program that a re-exec begins. */
uint64_t child_files(void);
void	child_set_files(uint64_t);
/* What is wrong with the request itself, before anything is done. */
int	child_check(const struct kmsg_start *, struct err *);
/* -1 with an error, or the pid. */
pid_t	child_start(const struct kmsg_start *, const struct who *, int out_fd,
	    int cell, struct err *);

#endif
