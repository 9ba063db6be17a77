/* What the keeper knows about each run, by id, until musterd forgets it; and,
 * for a while after that, that it was there (a start is never done twice). */
#ifndef KEEPER_RUN_H
#define KEEPER_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"
#include "kmsg.h"

enum {
	RUN_MOST = 65536,	/* records, with results nobody took yet */
	RUN_LIVE = 1024,	/* processes at a time */
	RUN_PAST = 4096		/* forgotten ids that are remembered */
};

enum run_stop { STOP_NONE, STOP_TIMEOUT, STOP_ABORT };

/* A process that was seen in a run, as it can be found again. */
struct run_proc {
	pid_t	 pid;
	uint64_t born;		/* clock ticks since boot, from /proc */
	char	 name[16];
};

struct slot_copy;

struct run {
	struct run     *next;		/* same bucket */
	struct run     *live_next, **live_prev;	/* prev NULL: not live */
	char		id[KMSG_ID];
	enum kmsg_state state;
	int		code;
	pid_t		pid;
	uint64_t	born;		/* 0: unknown */
	wall		started, ended;
	mono		began;		/* in this boot */
	int64_t		timeout_ms, grace_ms, output_max;
	char		slot[KMSG_SLOT];	/* "" when it has none,
					 * or its file has moved */
	int		fd;			/* of the slot, or -1 */
	int		cell;			/* child.h, or -1 */
	char		why[KMSG_WHY];
	uint64_t	ended_at;	/* the journal's; see journal_has_end */
	/* Ending: TERM was sent, KILL follows at deadline. */
	enum run_stop	stop;
	bool		killing;
	mono		deadline, give_up;
	mono		look;		/* at the tree again */
	int		look_ms;
	struct run_proc *seen;		/* what got the signals; owned */
	size_t		nseen;
	bool		reaped;		/* the leader; status says how */
	int		status;		/* as from waitpid */
	bool		nameless;	/* no session or group has its pid */
	bool		adopted;	/* not our child: of a keeper that died */
	int		pidfd;		/* of such a one; -1: it is gone */
	bool		straying;	/* ended, but left processes behind */
	/* All is over but its output, which is copied; then it has ended with
	 * this, unless it has before. */
	bool		settling;
	enum kmsg_state end_state;
	int		end_code;
	struct slot_copy *copy;		/* slot.c's */
	bool		forgotten;	/* freed once nothing strays */
};

struct run *run_find(const char *id);
struct run *run_of_pid(pid_t);		/* live ones with a process */
/* NULL when there are RUN_MOST.  State RUN_UNKNOWN, not live. */
struct run *run_new(const char *id);
/* Remembers the id among the past ones and frees it. */
void	run_forget(struct run *);
void	run_set_live(struct run *, bool);
size_t	run_count(void);
size_t	run_live_count(void);
/* Live runs, the newest first; next by live_next. */
struct run *run_live(void);
/* Every run, in no order. */
void	run_each(void (*fn)(struct run *, void *), void *);

/* The outcome of a forgotten run. */
struct run_past {
	uint64_t	hash;
	enum kmsg_state state;
	int		code;
	int64_t		started_ms, ended_ms;
};

const struct run_past *run_past_find(const char *id);
void	run_past_add(const struct run_past *);
void	run_past_each(void (*fn)(const struct run_past *, void *), void *);

#endif
