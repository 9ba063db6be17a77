/* What a start of the store refuses, and the ways back: backup, migration. */
#include "mem.h"
#include "store_fixture.h"

#include <sys/stat.h>

#include "log.h"
#include "store/backup.h"
#include "store/migrate.h"

static void
count_ok(enum store_rc rc, void *arg)
{
	if (rc == STORE_OK)
		++*(int *)arg;
}

/* --- what a start refuses ---------------------------------------------- */

static void
refused(const char *what, const char *cure)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(&s, url, "test", &e), -1);
	assert_null(s);
	if (strstr(e.msg, what) == NULL || strstr(e.msg, cure) == NULL ||
	    strchr(e.msg, '\n') != NULL)
		fail_msg("wanted \"%s\" and \"%s\" in: %s", what, cure, e.msg);
}

static void
test_newer_refused(void **state)
{
	sqlite3 *db;

	(void)state;
	store_close(opened());
	db = raw_open(path);
	raw_exec(db, "PRAGMA user_version = 999");
	(void)sqlite3_close(db);
	refused("schema 999 is newer", "start the newer musterd");
	db = raw_open(path);
	assert_int_equal(raw_int(db, "PRAGMA user_version"), 999);
	(void)sqlite3_close(db);
}

static void
test_foreign_refused(void **state)
{
	sqlite3 *db = raw_open(path);

	(void)state;
	raw_exec(db, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
	(void)sqlite3_close(db);
	refused("not one of muster", "another path");
	db = raw_open(path);
	assert_int_equal(raw_int(db, "SELECT x FROM theirs"), 1);
	(void)sqlite3_close(db);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refused("not a regular file", "another path");
	(void)snprintf(url, sizeof(url), "postgresql://x");
	refused("postgresql://x", "sqlite:PATH");
	(void)snprintf(url, sizeof(url), "sqlite:/nowhere/at/all");
	refused("/nowhere/at/all", "No such file");
}

static void
scribble(off_t from, size_t len)
{
	char junk[8192];
	int fd = open(path, O_WRONLY);

	memset(junk, 0xa5, sizeof(junk));
	assert_true(fd != -1 && len <= sizeof(junk));
	assert_int_equal(pwrite(fd, junk, len, from), (ssize_t)len);
	(void)close(fd);
}

/* A damaged file must not become the cluster's truth. */
static void
test_damaged_refused(void **state)
{
	char backup[160], older[160], saved[128];
	struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct store *s = opened();
	struct err e;

	(void)state;
	for (int i = 0; i < 400; i++)
		store_submit(s, meta_new(i, "some text that fills a page"),
		    NULL, NULL);
	store_drain(s);
	(void)snprintf(backup, sizeof(backup), "%s.b.backup", path);
	(void)snprintf(older, sizeof(older), "%s.z.backup", path);
	(void)snprintf(saved, sizeof(saved), "%s.saved", path);
	assert_int_equal(store_backup(s, backup, &e), 0);
	assert_int_equal(store_backup(s, older, &e), 0);
	assert_int_equal(utimensat(AT_FDCWD, older, past, 0), 0);
	store_close(s);

	/* One page of a table, then the head of the file. */
	copy_file(path, saved);
	s = NULL;
	{
		sqlite3 *db = raw_open(path);
		int64_t root = raw_int(db, "SELECT rootpage FROM "
		    "sqlite_schema WHERE name = 'meta'");

		(void)sqlite3_close(db);
		scribble((root - 1) * 4096, 4096);
	}
	refused("damaged", backup);
	copy_file(saved, path);
	store_close(opened());
	scribble(0, 4096);
	refused("damaged", backup);
	(void)unlink(backup);
	(void)unlink(older);
	refused("no backup", "--restore");

	/* The cure works. */
	copy_file(saved, path);
	s = opened();
	assert_true(has_meta(s, 399));
	store_close(s);
}

static void
test_private(void **state)
{
	struct stat st;
	char wal[128];
	struct store *s = opened();

	(void)state;
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(s);
	assert_int_equal(chmod(path, 0644), 0);
	store_close(opened());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* --- backup and migration ---------------------------------------------- */

static void
test_backup_while_writing(void **state)
{
	struct store *s = opened();
	char file[128], n[24];
	struct err e;
	sqlite3 *db;
	int ok = 0;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s.now", path);
	for (int i = 1; i <= 3000; i++) {
		struct batch *b = batch_new();

		(void)snprintf(n, sizeof(n), "%d", i);
		batch_add(b, S_META_SET, "tt", "left", n);
		batch_add(b, S_META_NEW, "tt", n, "x");
		batch_add(b, S_META_SET, "tt", "right", n);
		store_submit(s, b, count_ok, &ok);
		if (i % 600 != 0)
			continue;
		store_poll(s);
		if (store_backup(s, file, &e) == -1)
			fail_msg("%s", e.msg);
		db = raw_open(file);
		assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM "
		    "pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
		assert_int_equal(raw_int(db, "SELECT COUNT(DISTINCT value) "
		    "FROM meta WHERE key IN ('left', 'right')") <= 1, 1);
		/* Nothing acknowledged before the copy is missing in it. */
		assert_true(raw_int(db, "SELECT COALESCE(MAX(CAST(value AS "
		    "INTEGER)), 0) FROM meta WHERE key = 'left'") >= ok);
		(void)sqlite3_close(db);
	}
	store_drain(s);
	assert_int_equal(ok, 3000);
	assert_int_equal(store_backup(s, "/nowhere/x", &e), -1);
	assert_non_null(strstr(e.msg, "/nowhere/x"));
	store_close(s);
}

static void
test_migration(void **state)
{
	enum { NEXT = SQL_SCHEMA + 1, OVER };
	static const char *const v2[] = { [NEXT] = "CREATE TABLE two (x)" };
	static const char *const v3[] = {
		[OVER] = "CREATE TABLE three (x); CREATE TABLE two (x)" };
	struct store *s = opened();
	struct err e = { 0 };
	char *backup, *newer;
	sqlite3 *db;

	(void)state;
	assert_int_equal(store_write(s, meta_new(1, "x")), STORE_OK);
	store_close(s);
	db = raw_open(path);
	if (migrate_check(db, path, NEXT, &e) == -1 ||
	    migrate_run(db, path, v2, NEXT, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(raw_int(db, "PRAGMA user_version"), NEXT);
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM two"), 0);
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM meta"), 1);
	/* Half a migration is none. */
	assert_int_equal(migrate_run(db, path, v3, OVER, &e), -1);
	assert_non_null(strstr(e.msg, "nothing was changed"));
	assert_int_equal(raw_int(db, "PRAGMA user_version"), NEXT);
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM sqlite_schema "
	    "WHERE name = 'three'"), 0);
	(void)sqlite3_close(db);

	/* The way back that the refusal names. */
	backup = backup_newest(path);
	assert_non_null(backup);
	newer = mem_fmt("schema %d is newer", NEXT);
	refused(newer, backup);
	free(newer);
	free(backup);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_newer_refused),
		T(test_foreign_refused),
		T(test_damaged_refused),
		T(test_private),
		T(test_backup_while_writing),
		T(test_migration),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("store_start", tests, NULL, NULL);
}
