/* The daemon's side of muster-keeper: asks it to start, signal and forget runs
 * and is told how they end.  Finds or starts the keeper.  Loop thread only. */
#ifndef NODE_KEEPER_H
#define NODE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "clock.h"
#include "err.h"

enum { KEEPER_ID = 64 };	/* bytes of a run's key, with its NUL */

/* One start.  Everything is borrowed and copied inside the call. */
struct keeper_start {
	const char	  *id;		/* unique, [A-Za-z0-9._-], < KEEPER_ID */
	const char *const *argv;	/* NULL-terminated, argv[0] is the path or
					 * is looked up in the run's PATH */
	const char *const *env;		/* NULL-terminated NAME=VALUE: the job's;
					 * the keeper adds the clean minimum */
	const char	  *user;	/* NULL: the keeper's default */
	const char	  *dir;		/* NULL: the user's home, else / */
	int64_t		   timeout_ms;	/* 0: none.  TERM, grace, KILL */
	int64_t		   grace_ms;
	int64_t		   output_max;	/* bytes kept; head and tail, 4 KiB to
					 * 1 GiB (others are moved there) */
};

enum keeper_state {
	KEEPER_UNKNOWN,		/* the keeper has no such run */
	KEEPER_RUNNING,
	KEEPER_EXITED,		/* code is the exit status */
	KEEPER_KILLED,		/* code is the signal */
	KEEPER_TIMED_OUT,	/* code is the signal that ended it */
	KEEPER_ABORTED,		/* ended by keeper_abort; code is the signal */
	KEEPER_REFUSED,		/* never ran; why says it */
	KEEPER_LOST		/* the machine or the keeper died meanwhile */
};

struct keeper_report {
	const char	 *id;
	enum keeper_state state;
	int		  code;
	int64_t		  pid;		/* 0 when it never ran */
	wall		  started, ended;	/* 0 when unknown */
	const char	 *why;		/* "" or one line: refusal, survivors */
};

struct keeper;

struct keeper_ops {
	/* A run started (KEEPER_RUNNING), ended, or was listed by adopt.  A
	 * start whose set-up fails in the child (user, directory, command) is
	 * RUNNING for a moment and then REFUSED.  The same end may be told
	 * more than once. */
	void (*report)(void *ctx, const struct keeper_report *);
	/* Connected.  start_id changes when another keeper process took over:
	 * runs that it does not list are lost.  Every run it knows has been
	 * reported before this call. */
	void (*up)(void *ctx, const char *start_id);
	void (*down)(void *ctx, const char *why);	/* retried by itself */
};

struct keeper *keeper_new(uv_loop_t *, const char *state_dir,
	    const char *musterd_path, const struct keeper_ops *, void *ctx);
void	keeper_close(struct keeper *, void (*done)(void *), void *arg);
bool	keeper_is_up(const struct keeper *);

/* -1 when the keeper is not connected; its answer comes as a report. */
int	keeper_run(struct keeper *, const struct keeper_start *);
/* TERM to the whole run, KILL after grace. */
int	keeper_abort(struct keeper *, const char *id, int64_t grace_ms);
/* The result is safe elsewhere: the keeper may drop its record.  The output
 * file stays until keeper_forget_output. */
int	keeper_forget(struct keeper *, const char *id);
void	keeper_forget_output(struct keeper *, const char *id);
/* Opens the output, running or ended; -1 when there is none (yet), or a job has
 * a file lease on it.  While the run goes on and has written more than twice
 * output_max there is a hole after the first half output_max (zeros; SEEK_DATA
 * skips it); afterwards a line says how much was left out, and the file is
 * shorter. */
int	keeper_output(struct keeper *, const char *id);

#endif
