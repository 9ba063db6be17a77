/* Copies of a database file, and which of those beside it is the newest. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <sqlite3.h>

#include "clock.h"
#include "err.h"

/* A consistent copy of src at path, mode 0600, complete or not there: it is
 * written beside it, synced and renamed.  A file at path is replaced. */
int	backup_copy(sqlite3 *src, const char *path, struct err *);
/* "DB.v3-20261121T232258Z.backup"; the caller frees. */
char   *backup_name(const char *db, int version, wall now);
/* The newest "DB.*.backup", or NULL; the caller frees. */
char   *backup_newest(const char *db);

#endif
