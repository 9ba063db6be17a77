/* What the tests of the store share: a directory of its own for each test, a
 * store in it, one-row commands, and SQLite beside the store.  Included by one
 * program each. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

static char dir[64], path[96], url[112];

static inline int
rm_one(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(p);
}

static inline int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/muster-store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	(void)snprintf(url, sizeof(url), "sqlite:%s", path);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	(void)umount2(dir, MNT_DETACH);
	return nftw(dir, rm_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct store *
opened_at(const char *where)
{
	struct store *s = NULL;
	struct err e = { 0 };

	if (store_open(&s, where, "test", &e) == -1)
		fail_msg("%s", e.msg);
	return s;
}

static inline struct store *
opened(void)
{
	return opened_at(url);
}

static inline struct batch *
meta_new(int64_t key, const char *value)
{
	struct batch *b = batch_new();
	char text[24];

	(void)snprintf(text, sizeof(text), "%08lld", (long long)key);
	batch_add(b, S_META_NEW, "tt", text, value);
	return b;
}

static inline int
see_int(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 0;
}

static inline bool
has_meta(struct store *s, int64_t key)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%08lld", (long long)key);
	return store_query(s, S_META_GET, NULL, NULL, "t", text) == 1;
}

static inline sqlite3 *
raw_open(const char *file)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	return db;
}

static inline void
raw_exec(sqlite3 *db, const char *sql)
{
	char *msg = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
}

static inline int64_t
raw_int(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return n;
}

static inline void
copy_file(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out;

	assert_true(in != -1);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(out != -1);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
