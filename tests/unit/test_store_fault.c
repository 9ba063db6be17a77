/* A disk that fails at the worst moments: the sync of a COMMIT, the shared
 * memory after it.  A layer between SQLite and the files says no on demand;
 * "a crash now" is a copy of the files as they are. */
#include "store_fixture.h"

#include <stdatomic.h>

#include "log.h"

/* --- the layer --------------------------------------------------------- */

enum fault { NONE, SYNC_ONCE, SYNC, GROW, WRITE };
static _Atomic int fault;
static atomic_int faults;	/* how often it said no */

struct layer {
	sqlite3_file  base;
	bool	      wal;
	sqlite3_file *real;
};

static sqlite3_vfs *below;

static sqlite3_file *
real_of(sqlite3_file *f)
{
	return ((struct layer *)f)->real;
}

static bool
says_no(enum fault want)
{
	if (atomic_load(&fault) != (int)want)
		return false;
	atomic_fetch_add(&faults, 1);
	return true;
}

static int
l_close(sqlite3_file *f)
{
	sqlite3_file *r = real_of(f);

	return r->pMethods == NULL ? SQLITE_OK : r->pMethods->xClose(r);
}

static int
l_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
	return real_of(f)->pMethods->xRead(real_of(f), p, n, off);
}

static int
l_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	if (((struct layer *)f)->wal && says_no(WRITE))
		return SQLITE_IOERR_WRITE;
	return real_of(f)->pMethods->xWrite(real_of(f), p, n, off);
}

static int
l_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	return real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int
l_sync(sqlite3_file *f, int flags)
{
	if (((struct layer *)f)->wal) {
		if (says_no(SYNC))
			return SQLITE_IOERR_FSYNC;
		if (says_no(SYNC_ONCE)) {
			atomic_store(&fault, NONE);
			return SQLITE_IOERR_FSYNC;
		}
	}
	return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int
l_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), n);
}

static int
l_lock(sqlite3_file *f, int how)
{
	return real_of(f)->pMethods->xLock(real_of(f), how);
}

static int
l_unlock(sqlite3_file *f, int how)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), how);
}

static int
l_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int
l_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int
l_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int
l_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int
l_shm_map(sqlite3_file *f, int page, int size, int extend,
    void volatile **out)
{
	if (extend && page > 0 && says_no(GROW))
		return SQLITE_IOERR_SHMSIZE;
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend,
	    out);
}

static int
l_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), off, n, flags);
}

static void
l_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int
l_shm_unmap(sqlite3_file *f, int del)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), del);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = l_close,
	.xRead = l_read,
	.xWrite = l_write,
	.xTruncate = l_truncate,
	.xSync = l_sync,
	.xFileSize = l_size,
	.xLock = l_lock,
	.xUnlock = l_unlock,
	.xCheckReservedLock = l_reserved,
	.xFileControl = l_control,
	.xSectorSize = l_sector,
	.xDeviceCharacteristics = l_device,
	.xShmMap = l_shm_map,
	.xShmLock = l_shm_lock,
	.xShmBarrier = l_shm_barrier,
	.xShmUnmap = l_shm_unmap,
};

static int
l_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct layer *l = (struct layer *)f;
	int code;

	(void)v;
	l->real = (sqlite3_file *)(l + 1);
	l->wal = (flags & SQLITE_OPEN_WAL) != 0;
	code = below->xOpen(below, name, l->real, flags, out);
	l->base.pMethods = l->real->pMethods == NULL ? NULL : &methods;
	return code;
}

static int
calm(void **state)
{
	atomic_store(&fault, NONE);
	atomic_store(&faults, 0);
	return setup(state);
}

static int
layer_in(void **state)
{
	static sqlite3_vfs v;

	(void)state;
	below = sqlite3_vfs_find(NULL);
	v = *below;
	v.zName = "layer";
	v.pNext = NULL;
	v.szOsFile = below->szOsFile + (int)sizeof(struct layer);
	v.xOpen = l_open;
	return sqlite3_vfs_register(&v, 1);
}

/* --- the tests --------------------------------------------------------- */

static enum store_rc
put(struct store *s, const char *key, const char *value)
{
	struct batch *b = batch_new();

	batch_add(b, S_META_SET, "tt", key, value);
	return store_write(s, b);
}

static bool
has(struct store *s, const char *key)
{
	return store_query(s, S_META_GET, NULL, NULL, "t", key) == 1;
}

/* What a crash now would leave; the caller closes it. */
static struct store *
crashed(void)
{
	char from[112], to[112], where[128];

	(void)snprintf(to, sizeof(to), "%s/copy.db", dir);
	copy_file(path, to);
	(void)snprintf(from, sizeof(from), "%s-wal", path);
	(void)snprintf(to, sizeof(to), "%s/copy.db-wal", dir);
	copy_file(from, to);
	(void)snprintf(where, sizeof(where), "sqlite:%s/copy.db", dir);
	return opened_at(where);
}

/* Whole, then refused: what was told "not stored" must not come back as stored
 * after a crash, or one occurrence runs twice. */
static void
test_sync_fails_once(void **state)
{
	struct store *s = opened(), *c;

	(void)state;
	assert_int_equal(put(s, "before", "x"), STORE_OK);
	atomic_store(&fault, SYNC_ONCE);
	assert_int_equal(put(s, "refused", "x"), STORE_BUSY);
	assert_int_equal(atomic_load(&faults), 1);
	assert_false(has(s, "refused"));
	c = crashed();
	assert_true(has(c, "before"));
	assert_false(has(c, "refused"));
	store_close(c);
	assert_int_equal(put(s, "after", "x"), STORE_OK);
	store_close(s);
	s = opened();
	assert_true(has(s, "before") && has(s, "after"));
	assert_false(has(s, "refused"));
	store_close(s);
}

/* A disk that does not sync any more: nothing is promised on it again. */
static void
test_sync_fails(void **state)
{
	struct store *s = opened(), *c;
	struct batch *b = batch_new();

	(void)state;
	/* Answered, and its callback is due only after what breaks. */
	batch_add(b, S_META_SET, "tt", "early", "x");
	store_submit(s, b, NULL, NULL);
	assert_int_equal(put(s, "before", "x"), STORE_OK);
	atomic_store(&fault, SYNC);
	assert_int_equal(put(s, "unknown", "x"), STORE_DOWN);
	atomic_store(&fault, NONE);
	/* So that the process ends and is started again, whoever wrote. */
	assert_int_equal(store_state(s), STORE_DOWN);
	store_drain(s);
	assert_int_equal(store_state(s), STORE_DOWN);
	assert_int_equal(put(s, "later", "x"), STORE_DOWN);
	assert_true(has(s, "before"));
	c = crashed();
	assert_true(has(c, "before"));
	assert_false(has(c, "later"));
	assert_int_equal(put(c, "again", "x"), STORE_OK);
	store_close(c);
	store_close(s);
}

static void
test_write_fails(void **state)
{
	struct store *s = opened(), *c;

	(void)state;
	assert_int_equal(put(s, "before", "x"), STORE_OK);
	atomic_store(&fault, WRITE);
	assert_int_equal(put(s, "refused", "x"), STORE_BUSY);
	assert_int_equal(put(s, "refused", "x"), STORE_BUSY);
	atomic_store(&fault, NONE);
	c = crashed();
	assert_true(has(c, "before"));
	assert_false(has(c, "refused"));
	store_close(c);
	assert_int_equal(put(s, "after", "x"), STORE_OK);
	store_close(s);
}

static char big[8000];

/* Fills the log until its index would have to grow, which fails; *n is the
 * number of the first that was not stored. */
static enum store_rc
grow(struct store *s, int *n)
{
	enum store_rc rc = STORE_OK;
	char key[24];

	atomic_store(&fault, GROW);
	for (*n = 0; *n < 4000; ++*n) {
		(void)snprintf(key, sizeof(key), "k%d", *n);
		if ((rc = put(s, key, big)) != STORE_OK)
			break;
	}
	assert_true(atomic_load(&faults) > 0);
	assert_false(has(s, key));
	return rc;
}

/* The transaction began before the end of the index: one that is smaller is
 * written over it, and it cannot come back. */
static void
refused_for_good(struct store *s, int n)
{
	struct store *c;
	char key[24];

	atomic_store(&fault, NONE);
	c = crashed();
	(void)snprintf(key, sizeof(key), "k%d", n);
	assert_false(has(c, key));
	(void)snprintf(key, sizeof(key), "k%d", n - 1);
	assert_true(has(c, key));
	store_close(c);
	assert_int_equal(put(s, "after", big), STORE_OK);
}

/* It began at the end: nothing can be written over it.  What a restart finds is
 * not known, so nobody is told anything else until then. */
static void
not_known(struct store *s, int n)
{
	struct store *c;
	char key[24];

	atomic_store(&fault, NONE);
	assert_int_equal(put(s, "after", big), STORE_DOWN);
	c = crashed();
	assert_false(has(c, "after"));
	(void)snprintf(key, sizeof(key), "k%d", n - 1);
	assert_true(has(c, key));
	assert_int_equal(put(c, "again", big), STORE_OK);
	store_close(c);
}

/* The index in shared memory grows after the log is written and synced.  Where
 * its end falls within a transaction depends on all that was written before. */
static void
test_index_cannot_grow(void **state)
{
	int n, seen[STORE_NRCS] = { 0 };

	memset(big, 'x', sizeof(big) - 1);
	for (int before = 0; before < 6; before++) {
		sqlite3 *reader = NULL;
		struct store *s;
		enum store_rc rc;

		if (before > 0) {
			(void)teardown(state);
			(void)calm(state);
		}
		s = opened();
		for (int i = 0; i <= before; i++)
			assert_int_equal(put(s, "before", i % 2 == 0 ? "x"
			    : "y"), STORE_OK);
		/* A reader that stays keeps the log from starting over. */
		assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
		assert_int_equal(sqlite3_exec(reader,
		    "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
		rc = grow(s, &n);
		seen[rc]++;
		if (rc == STORE_BUSY)
			refused_for_good(s, n);
		else {
			assert_int_equal(rc, STORE_DOWN);
			not_known(s, n);
		}
		(void)sqlite3_close(reader);
		store_close(s);
	}
	assert_true(seen[STORE_BUSY] > 0);
	assert_true(seen[STORE_DOWN] > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define F(f) cmocka_unit_test_setup_teardown(f, calm, teardown)
		F(test_sync_fails_once),
		F(test_sync_fails),
		F(test_write_fails),
		F(test_index_cannot_grow),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("store_fault", tests, layer_in,
	    NULL);
}
