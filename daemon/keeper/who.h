/* Users of this machine, by name.  A directory service may take its time, or be
 * away: a child asks it, so that no other run waits, and what it told last
 * holds until it tells something else. */
#ifndef KEEPER_WHO_H
#define KEEPER_WHO_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "clock.h"
#include "err.h"

enum {
	WHO_NAME = 33,		/* bytes of a name with its NUL */
	WHO_MOST = 257		/* names that are known at a time */
};

struct who {
	char   name[WHO_NAME];
	char   home[256], shell[128];
	uid_t  uid;
	gid_t  gid;		/* the first; the child looks for the others */
	bool   change;		/* set groups, gid and uid before the exec */
};

/* As whom this process runs. */
const struct who *who_self(void);
/* The user of this name, valid until the next call; asked for once a minute.
 * NULL with an error; with *asked when it is not known yet, which who_turn
 * tells the end of, a minute later at most. */
const struct who *who_find(const char *name, bool *asked, struct err *);

/* Appends what to poll for, WHO_MOST at most; returns how many. */
size_t	who_watch(struct pollfd *);
/* Takes answers, and gives up what is late: true when one came. */
bool	who_turn(mono now);
mono	who_next(void);

#endif
