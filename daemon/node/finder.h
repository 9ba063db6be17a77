/* Looks at files for the file triggers of one catalogue: which are occurrences
 * by core/file_trigger, which of them were handed over and are not answered
 * yet.  inotify says where to look; a walk at the start, after the kernel's
 * queue ran over, and every few seconds where inotify cannot watch, finds the
 * rest.
 *
 * Each call may hang for as long as a file server does.  So it belongs to a
 * thread that nobody waits for (node/lookout.h), which alone may call it, and
 * shares nothing with any other: what goes in and out is owned by one. */
#ifndef NODE_FINDER_H
#define NODE_FINDER_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "core/file_trigger.h"
#include "log.h"

struct finder;

/* One file trigger of one job. */
struct find_rule {
	char		*job;
	int64_t		 trigger;	/* its place in the job's list */
	char		*text;		/* of the pattern */
	struct file_rule rule;
};
struct find_rules {			/* { 0 }: none; owns them */
	struct find_rule *v;
	size_t		  n;
};
/* A copy of it. */
void	find_rules_add(struct find_rules *, const struct find_rule *);
void	find_rules_clear(struct find_rules *);
bool	find_rule_same(const struct find_rule *, const struct find_rule *);

/* An occurrence for the broker. */
struct find_fire {
	int64_t		  id;		/* no other of the same finder's */
	char		 *job;
	int64_t		  trigger;
	char		 *path;		/* encoded: core/file_trigger.h */
	int64_t		  ino, mtime, birth;
	struct find_fire *prev, *next;
};
void	find_fire_free(struct find_fire *);
/* The whole list; it is empty then. */
void	find_fires_free(struct find_fire **list);

struct finder_ops {
	/* The next call may hang at this path; NULL: it did not.  Keeps
	 * errno. */
	void (*at)(void *ctx, const char *path);
	void (*log)(void *ctx, enum log_level, const char *text);
};

struct finder *finder_new(const struct finder_ops *, void *ctx);
void	finder_free(struct finder *);

/* Takes what the list owns.  A rule that did not change goes on as it was. */
void	finder_load(struct finder *, struct find_rules *);
/* Looks at everything that is there.  stop: forgets it all. */
void	finder_start(struct finder *);
void	finder_stop(struct finder *);

/* A descriptor that can be read when there is something to hear, or -1. */
int	finder_fd(const struct finder *);
void	finder_hear(struct finder *);
/* Looks at what is due; returns when to be called again. */
mono	finder_turn(struct finder *, struct now);
/* There may be something for finder_due. */
bool	finder_ready(const struct finder *);
/* Occurrences, each looked at once more; a list (utlist.h) that the caller
 * owns, or NULL.  Again and again, until it is NULL. */
struct find_fire *finder_due(struct finder *, struct now);
/* The broker has it on record, or could not take it. */
void	finder_answer(struct finder *, int64_t id, bool taken, struct now);

#endif
