/* What the store costs over what it is made of: acknowledged commands a
 * second in a closed loop with 1 and 256 in flight, beside a bare SQLite
 * transaction loop and a bare fdatasync loop on the same disk, in turns, the
 * best of each.  One JSON line.
 *
 * bench_store [DIR [SECONDS]]: the disk to measure; default the current one,
 * 1 s a measurement. */
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "store/store.h"
#include "text.h"

enum { ROUNDS = 3, PAGE = 4096 };

static char dir[256];
static int64_t run_us = 1000000;

struct loop {
	struct store *s;
	int64_t	      seq, acks;
	mono	      end;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "bench_store: %s\n", what);
	exit(1);
}

static void more(struct loop *);

static void
acked(enum store_rc rc, void *arg)
{
	struct loop *l = arg;

	if (rc != STORE_OK)
		die(store_rc_word(rc));
	l->acks++;
	if (clock_mono().us < l->end.us)
		more(l);
}

static void
more(struct loop *l)
{
	struct batch *b = batch_new();

	batch_add(b, S_EVENT_PUT, "iitttttt", ++l->seq, (int64_t)1, "info",
	    "bench", "node", NULL, "forty bytes of text, as an event has them",
	    NULL);
	store_submit(l->s, b, acked, l);
}

static double
rate(int64_t n, mono from)
{
	return (double)n * 1e6 / (double)(clock_mono().us - from.us);
}

static double
closed_loop(struct store *s, int64_t *seq, int in_flight)
{
	struct loop l = { .s = s, .seq = *seq };
	struct pollfd p = { .fd = store_fd(s), .events = POLLIN };
	mono from = clock_mono();

	l.end = (mono){ from.us + run_us };
	for (int i = 0; i < in_flight; i++)
		more(&l);
	while (store_pending(s) > 0) {
		if (poll(&p, 1, -1) == 1)
			store_poll(s);
	}
	*seq = l.seq;
	return rate(l.acks, from);
}

static sqlite3 *
raw_open(void)
{
	char path[320];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/raw.db", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = "
	    "FULL; CREATE TABLE event (seq INTEGER NOT NULL PRIMARY KEY, at "
	    "INTEGER NOT NULL, severity TEXT, code TEXT, node TEXT, actor "
	    "TEXT, message TEXT, data TEXT) STRICT; CREATE INDEX event_at ON "
	    "event (at)", NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	return db;
}

/* One row a transaction, all statements prepared: what anybody would write
 * who uses SQLite directly and wants the same promise. */
static double
raw_loop(sqlite3 *db, int64_t *seq)
{
	static const char *const sql[3] = { "BEGIN IMMEDIATE",
		("INSERT INTO event VALUES (?1, 1, 'info', 'bench', 'node', "
		"NULL, 'forty bytes of text, as an event has them', NULL)"),
		"COMMIT" };
	sqlite3_stmt *st[3] = { NULL };
	mono from = clock_mono();
	int64_t n = 0;

	for (int i = 0; i < 3; i++)
		if (sqlite3_prepare_v2(db, sql[i], -1, &st[i], NULL) !=
		    SQLITE_OK)
			die(sqlite3_errmsg(db));
	for (; clock_mono().us - from.us < run_us; n++) {
		(void)sqlite3_bind_int64(st[1], 1, ++*seq);
		for (int i = 0; i < 3; i++) {
			if (sqlite3_step(st[i]) != SQLITE_DONE)
				die(sqlite3_errmsg(db));
			(void)sqlite3_reset(st[i]);
		}
	}
	for (int i = 0; i < 3; i++)
		(void)sqlite3_finalize(st[i]);
	return rate(n, from);
}

/* The floor: one page written in place (as a WAL that was checkpointed) and
 * synced. */
static double
sync_loop(int fd)
{
	static char page[PAGE];
	mono from = clock_mono();
	int64_t n = 0;

	for (; clock_mono().us - from.us < run_us; n++) {
		page[0] = (char)n;
		if (pwrite(fd, page, PAGE, (n % 1000) * PAGE) != PAGE ||
		    fdatasync(fd) == -1)
			die("fdatasync");
	}
	return rate(n, from);
}

static double
max(double a, double b)
{
	return a > b ? a : b;
}

static void
measure(struct store *s, sqlite3 *db, int fd)
{
	double one = 0, many = 0, raw = 0, sync = 0;
	int64_t seq = 0, raw_seq = 0;

	(void)sync_loop(fd);	/* the file gets its blocks */
	for (int i = 0; i < ROUNDS; i++) {
		sync = max(sync, sync_loop(fd));
		raw = max(raw, raw_loop(db, &raw_seq));
		one = max(one, closed_loop(s, &seq, 1));
		many = max(many, closed_loop(s, &seq, 256));
	}
	(void)printf("{\"bench\":\"store\",\"acks_per_s_1\":%.0f,"
	    "\"acks_per_s_256\":%.0f,\"sqlite_tx_per_s\":%.0f,"
	    "\"fdatasync_per_s\":%.0f,\"ratio_1_to_sqlite\":%.2f,"
	    "\"ratio_256_to_sqlite\":%.2f,\"ratio_1_to_fdatasync\":%.2f,"
	    "\"rounds\":%d}\n", one, many, raw, sync, one / raw, many / raw,
	    one / sync, ROUNDS);
}

static void
remove_files(void)
{
	static const char *const names[] = { "store.db", "store.db-wal",
		"store.db-shm", "raw.db", "raw.db-wal", "raw.db-shm", "sync" };
	char path[320];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

int
main(int argc, char **argv)
{
	char url[320], path[320];
	struct store *s = NULL;
	int64_t seconds = 1;
	struct err e;
	sqlite3 *db;
	int fd;

	log_init(LOG_ERROR);
	if (argc > 2 && text_int(argv[2], 1, 600, "SECONDS", &seconds,
	    &e) == -1)
		die(e.msg);
	run_us = seconds * 1000000;
	(void)snprintf(dir, sizeof(dir), "%s/bench_store.XXXXXX",
	    argc > 1 ? argv[1] : ".");
	if (mkdtemp(dir) == NULL)
		die("no directory there to write in");
	(void)snprintf(url, sizeof(url), "sqlite:%s/store.db", dir);
	(void)snprintf(path, sizeof(path), "%s/sync", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || store_open(&s, url, "bench", &e) == -1)
		die(fd == -1 ? "open" : e.msg);
	db = raw_open();
	measure(s, db, fd);
	store_close(s);
	(void)sqlite3_close(db);
	(void)close(fd);
	remove_files();
	return 0;
}
