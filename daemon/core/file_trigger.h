/* File triggers: is this file an occurrence now, given what is known of it and
 * the time (SPEC section 6)?  Pure: who looks at files passes what stat(2)
 * said.
 *
 * An occurrence is (job, path, inode, mtime).  Which files count:
 *
 *   created   a path that appeared, or was replaced by another file: when its
 *             writer closed it, or it was renamed or linked into place, else
 *             FILE_SETTLE_MS after it appeared
 *   changed   that, and each time it was written to: when its writer closed
 *             it, else when it was left alone for FILE_SETTLE_MS, at the
 *             latest after FILE_LATEST_MS
 *   stable D  that, and each time it was written to: when its size and time of
 *             modification have been the same for D
 *
 * A file that is found by looking (at takeover, after a queue ran over) and not
 * by an event counts when the time of its last status change is at or after
 * the floor: the time at which the trigger was edited, or its job resumed. */
#ifndef CORE_FILE_TRIGGER_H
#define CORE_FILE_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "clock.h"
#include "core/job.h"

enum {
	FILE_SETTLE_MS = 1000,
	FILE_LATEST_MS = 10000,
	/* Kernels stamp files with the time of their last tick: a file made
	 * just after the edit may look so much older.  No more than a tick, or
	 * files that were copied just before the edit would fire. */
	FILE_TICK_MS = 4,
	/* Occurrences are on record for longer than this: what is older still
	 * does not count, or a file whose record was purged would fire again. */
	FILE_FLOOR_DAYS = 365
};

/* What stat(2) said; ns since 1970.  Of a symbolic link: of the file that it
 * leads to, with the later of both ctimes. */
struct file_facts {
	int64_t ino, size, mtime, ctime;
	int64_t birth;			/* 0: the file system does not say */
};

struct file_rule {
	enum job_file_event event;
	int64_t		    stable;	/* ms; 0: by event */
	wall		    floor;
};

/* How one heard of it. */
enum file_how {
	FILE_FOUND,		/* by looking */
	FILE_APPEARED,		/* it was created just now, and may grow */
	FILE_PLACED,		/* it came complete: renamed, linked */
	FILE_WRITTEN,		/* its content changes */
	FILE_TOUCHED,		/* times, owner or mode changed */
	FILE_CLOSED		/* by one who could write */
};

enum file_state {
	FILE_NEW,		/* nothing is known yet: all zero */
	FILE_PENDING,		/* an occurrence at due, if it is still there */
	FILE_SENT,		/* on its way to the broker */
	FILE_SETTLED		/* on record */
};

struct file_track {
	enum file_state	  state;
	struct file_facts at;		/* as last seen */
	struct file_facts told;		/* the newest sent or settled */
	mono		  since;	/* the same since then */
	mono		  first;	/* pending since then */
	mono		  due;		/* PENDING: look again then */
	bool		  complete;
	bool		  again;	/* SENT: look again when answered */
};

enum file_verdict {
	FILE_FORGET,		/* of no interest: the track may go */
	FILE_WAIT,		/* look again at due, or when it is answered */
	FILE_FIRE		/* an occurrence: send `at`, then file_sent */
};

/* facts is NULL when there is no regular file any more. */
enum file_verdict file_see(const struct file_rule *, struct file_track *,
	    const struct file_facts *, enum file_how, struct now);
void	file_sent(struct file_track *);
/* The broker has it on record.  FILE_WAIT: look at it again now. */
enum file_verdict file_settled(struct file_track *);
/* The broker could not take it, or it was never answered: again at due. */
void	file_again(struct file_track *, mono due);

/* The path of an occurrence as text: bytes that are no UTF-8, controls and %
 * become %XX, so that it goes wherever text goes.  decode: into out with a
 * NUL; -1 when it is no such text of an absolute path, or too long. */
void	file_path_encode(struct buf *out, const char *path);
int	file_path_decode(const char *text, char *out, size_t size);
/* "file:PATH:INODE:SECONDS.NANOSECONDS"; the caller frees. */
char   *file_occurrence(const char *encoded, int64_t ino, int64_t mtime);

/* A pattern, component by component: * ? and [ ] within one, as in the shell;
 * a leading dot must be written out. */
struct file_pattern {
	struct strs part;
};
void	file_pattern_init(struct file_pattern *, const char *text);
void	file_pattern_clear(struct file_pattern *);
bool	file_part_is_glob(const char *part);
/* How many components path (absolute, normal) has, when each of them matches
 * and there are not more of them than in the pattern; else -1. */
int	file_pattern_match(const struct file_pattern *, const char *path);

#endif
