/* The SQLite engine: two connections to one file, one that writes (used by
 * the writer thread) and one that reads (used by the loop thread).  Nothing
 * outside daemon/store knows it. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <stdarg.h>

#include "store/batch.h"

struct sqlite;

/* Creates or opens, checks, migrates, takes the term. */
int	sqlite_open(struct sqlite **, const char *path, const char *holder,
	    struct err *);
void	sqlite_close(struct sqlite *);

/* One transaction, fence first; sets the rc of each command.  Writer thread
 * only. */
void	sqlite_commit(struct sqlite *, struct batch *const *, size_t n);
/* Loop thread only; otherwise as store_query. */
int	sqlite_query(struct sqlite *, enum stmt, store_row *, void *arg,
	    const char *types, va_list);
/* Any thread: it has a connection of its own. */
int	sqlite_backup(const struct sqlite *, const char *path, struct err *);

#endif
