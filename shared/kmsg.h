/* The words between musterd and muster-keeper, over one Unix stream socket.
 *
 * A frame is its body's length (4 bytes), its type (1 byte) and the body.  The
 * client begins with HELLO; numbers and meanings never change, new ones are
 * added and the version rises.  Reading allocates only the word lists of a
 * START; every string is borrowed from the frame's bytes. */
#ifndef KMSG_H
#define KMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

enum {
	KMSG_VERSION = 1,
	KMSG_HEAD = 5,		/* bytes before the body */
	KMSG_MAX = 1 << 20,	/* bytes of one body */
	KMSG_WORDS = 8192,	/* arguments and variables of one start */
	KMSG_ID = 64,		/* bytes of an id with its NUL */
	KMSG_SLOT = 16,		/* bytes of a slot's file name with its NUL */
	KMSG_WHY = 400,		/* bytes of a reason with its NUL */
};

enum kmsg_type {
	KMSG_HELLO = 1,		/* version */
	KMSG_START,
	KMSG_ABORT,		/* id, grace_ms */
	KMSG_FORGET,		/* id */
	KMSG_LIST,
	KMSG_WELCOME = 64,	/* version, start_id, boot_id */
	KMSG_REPORT,
	KMSG_LISTED,		/* after the last report of a list */
	KMSG_ERROR		/* text; the keeper closes after it */
};

/* The same order as enum keeper_state (asserted in node/keeper.c). */
enum kmsg_state {
	RUN_UNKNOWN,
	RUN_RUNNING,
	RUN_EXITED,
	RUN_KILLED,
	RUN_TIMED_OUT,
	RUN_ABORTED,
	RUN_REFUSED,
	RUN_LOST,
	RUN_NSTATES
};

struct kmsg_start {
	const char	  *id, *user, *dir;	/* user, dir: "" is none */
	const char *const *argv, *const *env;	/* NULL-terminated */
	int64_t		   timeout_ms, grace_ms, output_max;
};

struct kmsg_report {
	const char     *id, *slot, *why;	/* slot: "" is none */
	enum kmsg_state state;
	int		code;
	int64_t		pid, started_ms, ended_ms;
};

struct kmsg {
	enum kmsg_type	   type;
	int		   version;
	int64_t		   grace_ms;
	const char	  *id, *start_id, *boot_id, *text;
	struct kmsg_start  start;
	struct kmsg_report report;
	const char	 **words;	/* owned: kmsg_clear */
};

/* 1..63 of [A-Za-z0-9._-]: it becomes a file name. */
bool	kmsg_id_ok(const char *);

void	kmsg_put_hello(struct buf *);
void	kmsg_put_start(struct buf *, const struct kmsg_start *);
void	kmsg_put_abort(struct buf *, const char *id, int64_t grace_ms);
void	kmsg_put_forget(struct buf *, const char *id);
void	kmsg_put_list(struct buf *);
void	kmsg_put_welcome(struct buf *, const char *start_id,
	    const char *boot_id);
void	kmsg_put_report(struct buf *, const struct kmsg_report *);
void	kmsg_put_listed(struct buf *);
void	kmsg_put_error(struct buf *, const char *text);

/* Reads the first frame of n bytes.  Returns the bytes it used, 0 when it is
 * not complete yet, -1 when it can never be read.  After a positive result the
 * caller calls kmsg_clear. */
long	kmsg_read(const char *, size_t n, struct kmsg *, struct err *);
void	kmsg_clear(struct kmsg *);

#endif
