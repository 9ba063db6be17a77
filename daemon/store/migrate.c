#include "store/migrate.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "store/backup.h"

#define SUBSYSTEM "store"

enum {
	APPLICATION_ID = 0x6d737472,	/* "mstr", so that file(1) tells */
	/* Up to this size the whole file is read at the start (a second or so
	 * on a slow disk); above it, everything but the long tables. */
	CHECK_WHOLE = 256 << 20
};

static int
damaged(const char *path, const char *why, struct err *e)
{
	char *newest = backup_newest(path);

	if (newest != NULL)
		(void)err_set(e, ERR_IO, "store %s: damaged (%s): move it, "
		    "its -wal and its -shm aside and put a backup in its "
		    "place; the newest here is %s", path, why, newest);
	else
		(void)err_set(e, ERR_IO, "store %s: damaged (%s), and no "
		    "backup lies beside it: use your own with "
		    "musterd --restore DIRECTORY", path, why);
	free(newest);
	return -1;
}

int
migrate_error(sqlite3 *db, int code, const char *path, struct err *e)
{
	const char *why = db == NULL ? sqlite3_errstr(code) :
	    sqlite3_errmsg(db);

	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return damaged(path, why, e);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_BUSY, "store %s: another program holds "
		    "it locked: stop that one (fuser %s)", path, path);
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return err_set(e, ERR_IO, "store %s: %s: the file and its "
		    "directory must belong to the user of musterd", path, why);
	case SQLITE_FULL:
		return err_set(e, ERR_IO, "store %s: %s: make room and start "
		    "again", path, why);
	default:
		return err_set(e, ERR_IO, "store %s: %s: check the disk "
		    "(dmesg) and start again", path, why);
	}
}

/* The first column of the first row; -1 on an error. */
static int
number_of(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int r = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int64(st, 0);
		r = 0;
	}
	(void)sqlite3_finalize(st);
	return r;
}

/* "*** in database main ***" comes first, on a line of its own. */
static const char *
last_line(const char *said)
{
	const char *nl = said == NULL ? NULL : strrchr(said, '\n');

	return nl != NULL ? nl + 1 : said != NULL ? said : "unreadable";
}

/* One quick_check; table NULL is the whole file. */
static int
check(sqlite3 *db, const char *path, const char *table, struct err *e)
{
	sqlite3_stmt *st = NULL;
	char *sql = table == NULL ? sqlite3_mprintf("PRAGMA quick_check(1)") :
	    sqlite3_mprintf("PRAGMA quick_check(%Q)", table);
	const char *said = NULL;
	int code, r = 0;

	code = sql == NULL ? SQLITE_NOMEM :
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		said = (const char *)sqlite3_column_text(st, 0);
		if (said == NULL || strcmp(said, "ok") != 0)
			r = damaged(path, last_line(said), e);
	} else {
		r = migrate_error(db, code, path, e);
	}
	(void)sqlite3_finalize(st);
	sqlite3_free(sql);
	return r;
}

/* History and events only grow and no decision reads them, so a file of many
 * gigabytes does not hold up a takeover. */
static int
check_hot(sqlite3 *db, const char *path, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int code, r = 0;

	code = sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema "
	    "WHERE type = 'table' AND name NOT IN ('run_hist', 'event')",
	    -1, &st, NULL);
	while (code == SQLITE_OK && r == 0 &&
	    (code = sqlite3_step(st)) == SQLITE_ROW) {
		r = check(db, path, (const char *)sqlite3_column_text(st, 0),
		    e);
		code = SQLITE_OK;
	}
	if (r == 0 && code != SQLITE_DONE)
		r = migrate_error(db, code, path, e);
	(void)sqlite3_finalize(st);
	return r;
}

static int
newer(const char *path, int64_t version, int newest, struct err *e)
{
	char *backup = backup_newest(path);

	(void)err_set(e, ERR_FAILED, "store %s: its schema %lld is newer than "
	    "this musterd's %d: start the newer musterd, or a backup that "
	    "this one made%s%s", path, (long long)version, newest,
	    backup == NULL ? "" : "; the newest here is ",
	    backup == NULL ? "" : backup);
	free(backup);
	return -1;
}

int
migrate_check(sqlite3 *db, const char *path, int newest, struct err *e)
{
	int64_t version = 0, app = 0, tables = 0, pages = 0, page = 0;

	if (number_of(db, "PRAGMA user_version", &version) == -1 ||
	    number_of(db, "PRAGMA application_id", &app) == -1 ||
	    number_of(db, "SELECT COUNT(*) FROM sqlite_schema",
	    &tables) == -1 ||
	    number_of(db, "PRAGMA page_count", &pages) == -1 ||
	    number_of(db, "PRAGMA page_size", &page) == -1)
		return migrate_error(db, sqlite3_errcode(db), path, e);
	if (tables == 0 && version == 0)
		return 0;
	if (version <= 0 || app != APPLICATION_ID)
		return err_set(e, ERR_FAILED, "store %s: a database, but not "
		    "one of muster: give musterd another path", path);
	if (version > newest)
		return newer(path, version, newest, e);
	if (pages * page <= CHECK_WHOLE)
		return check(db, path, NULL, e);
	return check_hot(db, path, e);
}

static int
step_up(sqlite3 *db, const char *const *schema, int from, int newest)
{
	char pragma[96];
	int code;

	code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (int v = from + 1; code == SQLITE_OK && v <= newest; v++)
		code = sqlite3_exec(db, schema[v], NULL, NULL, NULL);
	(void)snprintf(pragma, sizeof(pragma),
	    "PRAGMA user_version = %d; PRAGMA application_id = %d", newest,
	    APPLICATION_ID);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, pragma, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return code;
}

int
migrate_run(sqlite3 *db, const char *path, const char *const *schema,
    int newest, struct err *e)
{
	int64_t version = 0;
	char *backup = NULL;
	int r = 0;

	if (number_of(db, "PRAGMA user_version", &version) == -1)
		return migrate_error(db, sqlite3_errcode(db), path, e);
	if (version == newest)
		return 0;
	if (version > 0) {
		backup = backup_name(path, (int)version, clock_wall());
		if (backup_copy(db, backup, e) == -1) {
			free(backup);
			return -1;
		}
	}
	if (step_up(db, schema, (int)version, newest) != SQLITE_OK) {
		r = err_set(e, ERR_IO, "store %s: schema %d to %d: %s: nothing "
		    "was changed, make room or start the older musterd", path,
		    (int)version, newest, sqlite3_errmsg(db));
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	} else if (backup != NULL) {
		log_info(SUBSYSTEM, "from=%d to=%d backup=%s schema changed",
		    (int)version, newest, backup);
	}
	free(backup);
	return r;
}
