/* The file before anybody uses it: is it ours, is it sound, is it of this
 * version.  Every refusal names the file, the reason and the cure. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <sqlite3.h>

#include "err.h"

/* Puts what SQLite said about path into an err, with the cure. */
int	migrate_error(sqlite3 *, int code, const char *path, struct err *);
/* Refuses a foreign file, a newer schema and a damaged file.  Changes nothing.
 * newest is the highest version this program knows. */
int	migrate_check(sqlite3 *, const char *path, int newest, struct err *);
/* Brings a checked file to `newest`: schema[v] leads from v - 1 to v.  All
 * versions in one transaction; a file that was in use is copied first. */
int	migrate_run(sqlite3 *, const char *path, const char *const *schema,
	    int newest, struct err *);

#endif
