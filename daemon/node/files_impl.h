/* Inside of files.c and files_walk.c. */
#ifndef NODE_FILES_IMPL_H
#define NODE_FILES_IMPL_H

#include <dirent.h>
#include <stdbool.h>
#include <uthash.h>

#include "core/file_trigger.h"
#include "node/dirs.h"
#include "node/files.h"

enum {
	FILES_MOST = 100000,	/* on their way at once; others are found again */
	FILES_KNOWN = 50000,	/* remembered, so that they are not asked for */
	FILES_WINDOW = 256,	/* at the broker */
	FILES_SLICE = 400,	/* looked at in one turn */
	FILES_POLL_MS = 5000	/* where inotify cannot watch */
};

/* One file trigger of one job. */
struct rule {
	char		   *job;
	int64_t		    trigger;	/* its place in the job's list */
	char		   *text;	/* of the pattern */
	struct file_pattern pattern;
	struct file_rule    rule;
	struct file	   *files;	/* hash by path */
	bool		    spilled;	/* there were more than FILES_MOST */
	bool		    stays;	/* within files_load */
	struct rule	   *next;
};

enum file_list { LIST_PENDING, LIST_READY, LIST_SENT, LIST_KNOWN, LIST_N };

struct file {
	struct rule	  *rule;
	char		  *path;
	struct file_track  track;
	int64_t		   id;		/* SENT: of the newest fire */
	enum file_list	   list;
	struct file	  *prev, *next;
	UT_hash_handle	   hh;
};

/* A directory to be walked: `level` components of the pattern match it. */
struct visit {
	struct rule  *rule;
	char	     *path;
	size_t	      level;
	bool	      live;	/* it appeared just now, with what is in it */
	bool	      open;	/* watch its entries, whatever is there */
	struct visit *next;
};

struct files {
	uv_loop_t    *loop;
	struct dirs  *dirs;	/* NULL while not the Scheduler, or refused */
	bool	      on;
	struct now    now;
	struct rule  *rules;
	struct file  *list[LIST_N];
	size_t	      n[LIST_N];
	int64_t	      next_id;
	size_t	      window;	/* bytes on their way, at most */
	mono	      due;	/* of the first that is pending */
	/* walking */
	struct visit *first, *last;
	DIR	     *dir;	/* of the first visit, half read */
	bool	      all;	/* walk everything anew, after that */
	bool	      round;	/* that is being done */
	struct strs   gone;	/* paths that lead elsewhere now */
	/* where inotify does not tell */
	bool	      blind, was_blind;	/* no watches left */
	bool	      barred;		/* a directory may not be read */
	struct strs   bars;		/* those that were told of */
	mono	      poll;
};

/* Looks at the file and decides; f is NULL when it is not known yet. */
void	files_look(struct files *, struct rule *, struct file *,
	    const char *path, enum file_how);
struct file *files_find(const struct rule *, const char *path);
void	files_drop(struct files *, struct file *);

/* A visit is added; everything from the root of each pattern. */
void	walk_push(struct files *, struct rule *, const char *path,
	    size_t level, bool live, bool open);
void	walk_all(struct files *);
/* Up to so many entries; true when there is more. */
bool	walk_some(struct files *, int entries);
void	walk_stop(struct files *, const struct rule *);	/* NULL: all */
/* A directory may not be read or searched. */
void	walk_barred(struct files *, const char *path, int code);
extern const struct dirs_ops walk_ops;

#endif
