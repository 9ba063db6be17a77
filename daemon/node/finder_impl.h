/* Inside of finder.c and finder_walk.c. */
#ifndef NODE_FINDER_IMPL_H
#define NODE_FINDER_IMPL_H

#include <dirent.h>
#include <stdbool.h>
#include <uthash.h>

#include "node/dirs.h"
#include "node/finder.h"

enum {
	FINDER_MOST = 100000,	/* on their way; others are found again */
	FINDER_KNOWN = 50000,	/* remembered, so that they are not asked for */
	FINDER_WINDOW = 256,	/* at the broker */
	FINDER_SLICE = 400,	/* looked at in one turn */
	FINDER_POLL_MS = 5000	/* where inotify cannot watch */
};

struct rule {
	struct find_rule    def;
	struct file_pattern pattern;
	struct file	   *files;	/* hash by path */
	bool		    spilled;	/* there were more than FINDER_MOST */
	bool		    stays;	/* within finder_load */
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

struct finder {
	const struct finder_ops *ops;
	void	     *ctx;
	struct dirs  *dirs;	/* NULL while not at work, or refused */
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

/* Around whatever may hang; back keeps errno. */
void	finder_at(struct finder *, const char *path);
void	finder_back(struct finder *);
void	finder_log(struct finder *, enum log_level, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* Looks at the file and decides; f is NULL when it is not known yet. */
void	finder_look(struct finder *, struct rule *, struct file *,
	    const char *path, enum file_how);
struct file *finder_find(const struct rule *, const char *path);
void	finder_drop(struct finder *, struct file *);

/* A visit is added; everything from the root of each pattern. */
void	walk_push(struct finder *, struct rule *, const char *path,
	    size_t level, bool live, bool open);
void	walk_all(struct finder *);
/* Up to so many entries; true when there is more. */
bool	walk_some(struct finder *, int entries);
void	walk_stop(struct finder *, const struct rule *);	/* NULL: all */
/* A directory may not be read or searched. */
void	walk_barred(struct finder *, const char *path, int code);
extern const struct dirs_ops walk_ops;

#endif
