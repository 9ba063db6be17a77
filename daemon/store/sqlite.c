#define STORE_SQL_TEXT
#define SQL_I64	   "INTEGER"
#define SQL_F64	   "REAL"
#define SQL_BLOB   "BLOB"
#define SQL_STRICT "STRICT"
#define SQL_KEYED  "STRICT, WITHOUT ROWID"
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "store/backup.h"
#include "store/migrate.h"
#include "store/row.h"

#define SUBSYSTEM "store"

enum { LOCK_WAIT_MS = 2000 };	/* another program, not our other connection */

/* What the writer says besides statements.sql: SQLite's own words. */
enum word { W_BEGIN, W_COMMIT, W_ROLLBACK, W_SAVE, W_KEEP, W_UNDO, W_COUNT };
static const char *const words[W_COUNT] = {
	[W_BEGIN] = "BEGIN IMMEDIATE",
	[W_COMMIT] = "COMMIT",
	[W_ROLLBACK] = "ROLLBACK",
	[W_SAVE] = "SAVEPOINT command",
	[W_KEEP] = "RELEASE command",
	[W_UNDO] = "ROLLBACK TO command",
};

struct conn {
	sqlite3	     *db;
	sqlite3_stmt *st[S_COUNT];	/* prepared at first use */
	sqlite3_stmt *word[W_COUNT];
};

struct sqlite {
	char	   *path;
	int64_t	    term;
	struct conn writer, reader;
	bool	    failing;	/* the last transaction failed: said so once */
	bool	    broken;	/* for good */
};

/* --- connections ------------------------------------------------------- */

/* Creates the file for its owner only; -wal and -shm get the same mode from
 * SQLite.  A file that exists is never opened here: closing any descriptor of
 * it would drop the locks of a connection in the same process. */
static int
file_prepare(const char *path, struct err *e)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return err_set(e, ERR_IO, "store %s: not a regular "
			    "file: give musterd another path", path);
		if ((st.st_mode & 077) != 0 && chmod(path, 0600) == -1)
			return err_sys(e, "store %s: cannot make it private",
			    path);
		return 0;
	}
	if (errno != ENOENT)
		return err_sys(e, "store %s", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "store %s: cannot create it", path);
	(void)close(fd);
	return 0;
}

static int
conn_open(struct conn *c, const char *path, int flags, struct err *e)
{
	int code = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX,
	    NULL);

	if (code != SQLITE_OK)
		return migrate_error(c->db, code, path, e);
	(void)sqlite3_extended_result_codes(c->db, 1);
	(void)sqlite3_busy_timeout(c->db, LOCK_WAIT_MS);
	return 0;
}

static void
conn_close(struct conn *c)
{
	for (int i = 0; i < S_COUNT; i++)
		(void)sqlite3_finalize(c->st[i]);
	for (int i = 0; i < W_COUNT; i++)
		(void)sqlite3_finalize(c->word[i]);
	if (sqlite3_close(c->db) != SQLITE_OK)
		log_error(SUBSYSTEM, "close: %s", sqlite3_errmsg(c->db));
	*c = (struct conn){ 0 };
}

static int
conn_exec(struct conn *c, const char *sql, const char *path, struct err *e)
{
	int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : migrate_error(c->db, code, path, e);
}

static int
prepare(struct conn *c, const char *sql, sqlite3_stmt **st)
{
	if (*st != NULL)
		return SQLITE_OK;
	return sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st,
	    NULL);
}

/* --- the writer -------------------------------------------------------- */

static int
run_to_end(sqlite3_stmt *st)
{
	int code;

	while ((code = sqlite3_step(st)) == SQLITE_ROW)
		continue;	/* RETURNING has no reader here */
	(void)sqlite3_reset(st);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
say(struct conn *c, enum word w)
{
	int code = prepare(c, words[w], &c->word[w]);

	return code == SQLITE_OK ? run_to_end(c->word[w]) : code;
}

static int
run(struct conn *c, enum stmt stmt)
{
	int code = prepare(c, sql_text[stmt], &c->st[stmt]);

	return code == SQLITE_OK ? run_to_end(c->st[stmt]) : code;
}

static int
read_term(struct conn *c, int64_t *term)
{
	int code = prepare(c, sql_text[S_TERM_GET], &c->st[S_TERM_GET]);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(c->st[S_TERM_GET]);
	if (code == SQLITE_ROW) {
		*term = sqlite3_column_int64(c->st[S_TERM_GET], 0);
		code = SQLITE_OK;
	} else if (code == SQLITE_DONE) {
		code = SQLITE_CORRUPT;	/* the row is made with the schema */
	}
	(void)sqlite3_reset(c->st[S_TERM_GET]);
	return code;
}

static enum store_rc
break_down(struct sqlite *q, const char *why)
{
	if (!q->broken)
		log_error(SUBSYSTEM, "path=%s broken, nothing more is stored "
		    "(%s): check the disk and restart musterd", q->path, why);
	q->broken = true;
	return STORE_DOWN;
}

/* A code that ends the whole transaction. */
static enum store_rc
failed(struct sqlite *q, int code)
{
	const char *why = sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PROTOCOL:
		if (!q->failing)
			log_error(SUBSYSTEM, "path=%s code=%d %s: nothing is "
			    "stored until that is mended", q->path, code, why);
		q->failing = true;
		return STORE_BUSY;
	default:
		return break_down(q, why);
	}
}

static void
undo(struct sqlite *q)
{
	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(q->writer.db))
		(void)say(&q->writer, W_ROLLBACK);
}

static enum store_rc
group_begin(struct sqlite *q)
{
	int64_t term = 0;
	int code = say(&q->writer, W_BEGIN);

	if (code == SQLITE_OK)
		code = read_term(&q->writer, &term);
	if (code != SQLITE_OK)
		return failed(q, code);
	return term == q->term ? STORE_OK : STORE_FENCED;
}

/* A COMMIT that failed late (fsync, shared memory) may have left a complete
 * transaction in the log: SQLite forgot it, but a crash now would bring it
 * back after we said "not stored".  A small transaction written over its first
 * page ends that. */
static bool
overwrite(struct sqlite *q)
{
	int code = say(&q->writer, W_BEGIN);

	if (code == SQLITE_OK)
		code = run(&q->writer, S_TERM_TOUCH);
	if (code == SQLITE_OK)
		code = say(&q->writer, W_COMMIT);
	undo(q);
	return code == SQLITE_OK;
}

static enum store_rc
group_end(struct sqlite *q)
{
	int code = say(&q->writer, W_COMMIT);
	enum store_rc rc;

	if (code == SQLITE_OK) {
		if (q->failing)
			log_info(SUBSYSTEM, "path=%s stores again", q->path);
		q->failing = false;
		return STORE_OK;
	}
	undo(q);
	rc = failed(q, code);
	/* The frame that makes a transaction whole is written last: without
	 * it nothing can come back. */
	if (rc != STORE_BUSY || (code & 0xff) == SQLITE_FULL ||
	    code == SQLITE_IOERR_WRITE)
		return rc;
	return overwrite(q) ? rc : break_down(q, sqlite3_errstr(code));
}

static int
bind(sqlite3_stmt *st, const struct batch *b, const struct batch_op *op)
{
	int code = SQLITE_OK;

	for (unsigned i = 0; code == SQLITE_OK && i < op->nparams; i++) {
		const struct batch_param *p = &b->params[op->first + i];
		int n = (int)i + 1;

		if (p->type == 'i')
			code = sqlite3_bind_int64(st, n, p->number);
		else if (p->type == 't')
			code = sqlite3_bind_text64(st, n, b->data.p + p->off,
			    p->len, SQLITE_STATIC, SQLITE_UTF8);
		else if (p->type == 'b')
			code = sqlite3_bind_blob64(st, n, b->data.p + p->off,
			    p->len, SQLITE_STATIC);
		else
			code = sqlite3_bind_null(st, n);
	}
	return code;
}

/* OK, NO and CONFLICT are about this command; all else ends the group. */
static enum store_rc
op_run(struct sqlite *q, const struct batch *b, const struct batch_op *op)
{
	struct conn *c = &q->writer;
	int code = prepare(c, sql_text[op->stmt], &c->st[op->stmt]);

	if (code == SQLITE_OK)
		code = bind(c->st[op->stmt], b, op);
	if (code == SQLITE_OK)
		code = run_to_end(c->st[op->stmt]);
	if (code == SQLITE_OK)
		return op->must && sqlite3_changes(c->db) == 0 ? STORE_NO :
		    STORE_OK;
	if (sqlite3_get_autocommit(c->db))
		return failed(q, code);
	if (code == SQLITE_CONSTRAINT_UNIQUE ||
	    code == SQLITE_CONSTRAINT_PRIMARYKEY ||
	    code == SQLITE_CONSTRAINT_ROWID)
		return STORE_CONFLICT;
	if ((code & 0xff) == SQLITE_CONSTRAINT || code == SQLITE_TOOBIG) {
		log_error(SUBSYSTEM, "stmt=%s refused: %s", sql_name[op->stmt],
		    sqlite3_errmsg(c->db));
		return STORE_CONFLICT;
	}
	return failed(q, code);
}

/* Sets the command's rc; returns what the group goes on with. */
static enum store_rc
command_run(struct sqlite *q, struct batch *b)
{
	/* One statement is whole by itself. */
	bool guard = b->nops > 1;
	enum store_rc rc = STORE_OK;
	int code = guard ? say(&q->writer, W_SAVE) : SQLITE_OK;

	for (unsigned i = 0; code == SQLITE_OK && rc == STORE_OK &&
	    i < b->nops; i++)
		rc = op_run(q, b, &b->ops[i]);
	if (rc != STORE_OK && rc != STORE_NO && rc != STORE_CONFLICT)
		return rc;
	if (guard && code == SQLITE_OK && rc != STORE_OK)
		code = say(&q->writer, W_UNDO);
	if (guard && code == SQLITE_OK)
		code = say(&q->writer, W_KEEP);
	if (code != SQLITE_OK)
		return failed(q, code);
	b->rc = rc;
	return STORE_OK;
}

void
sqlite_commit(struct sqlite *q, struct batch *const *cmd, size_t n)
{
	enum store_rc rc = q->broken ? STORE_DOWN : group_begin(q);

	for (size_t i = 0; rc == STORE_OK && i < n; i++)
		rc = command_run(q, cmd[i]);
	if (rc == STORE_OK)
		rc = group_end(q);
	else
		undo(q);
	for (size_t i = 0; rc != STORE_OK && i < n; i++)
		cmd[i]->rc = rc;
}

/* --- the reader -------------------------------------------------------- */

/* Copies: the callback may free what the caller passed. */
static int
bind_args(sqlite3_stmt *st, const char *types, va_list ap)
{
	int code = SQLITE_OK;
	const void *p;

	for (int n = 1; code == SQLITE_OK && types[n - 1] != '\0'; n++) {
		switch (types[n - 1]) {
		case 'i':
			code = sqlite3_bind_int64(st, n, va_arg(ap, int64_t));
			break;
		case 't':
			code = sqlite3_bind_text(st, n,
			    va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 'b':
			p = va_arg(ap, const void *);
			code = sqlite3_bind_blob64(st, n, p,
			    va_arg(ap, size_t), SQLITE_TRANSIENT);
			break;
		default:
			assert(!"a parameter type is i, t or b");
		}
	}
	return code;
}

int
sqlite_query(struct sqlite *q, enum stmt stmt, store_row *cb, void *arg,
    const char *types, va_list ap)
{
	struct conn *c = &q->reader;
	sqlite3_stmt *own = NULL, **st = &c->st[stmt];
	int code, n = 0;

	/* A callback that asks the same again gets a statement of its own. */
	if (*st != NULL && sqlite3_stmt_busy(*st))
		st = &own;
	code = prepare(c, sql_text[stmt], st);
	if (code == SQLITE_OK) {
		assert(sqlite3_bind_parameter_count(*st) ==
		    (int)strlen(types));
		code = bind_args(*st, types, ap);
	}
	while (code == SQLITE_OK && (code = sqlite3_step(*st)) == SQLITE_ROW) {
		n++;
		if (cb != NULL && cb(&(struct row){ *st }, arg) != 0)
			break;
		code = SQLITE_OK;
	}
	if (code != SQLITE_DONE && code != SQLITE_ROW) {
		log_error(SUBSYSTEM, "stmt=%s path=%s %s", sql_name[stmt],
		    q->path, sqlite3_errmsg(c->db));
		n = -1;
	}
	(void)sqlite3_reset(*st);
	(void)sqlite3_clear_bindings(*st);
	(void)sqlite3_finalize(own);
	return n;
}

int
sqlite_backup(const struct sqlite *q, const char *path, struct err *e)
{
	struct conn c = { 0 };
	int r = conn_open(&c, q->path, SQLITE_OPEN_READWRITE, e);

	if (r == 0)
		r = backup_copy(c.db, path, e);
	conn_close(&c);
	return r;
}

/* --- open and close ---------------------------------------------------- */

static int
take_term(struct sqlite *q, const char *holder, struct err *e)
{
	struct conn *c = &q->writer;
	sqlite3_stmt **st = &c->st[S_TERM_TAKE];
	int code = say(c, W_BEGIN);

	if (code == SQLITE_OK)
		code = prepare(c, sql_text[S_TERM_TAKE], st);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(*st, 1, holder, -1, SQLITE_TRANSIENT);
	if (code == SQLITE_OK)
		code = run_to_end(*st);
	if (code == SQLITE_OK)
		code = read_term(c, &q->term);
	if (code == SQLITE_OK)
		code = say(c, W_COMMIT);
	return code == SQLITE_OK ? 0 : migrate_error(c->db, code, q->path, e);
}

/* Every statement is compiled now: a file whose tables are not what its
 * version says is refused at the start, not at three in the morning. */
static int
prepare_all(struct sqlite *q, struct err *e)
{
	struct conn *c = &q->writer;

	for (int i = 0; i < S_COUNT; i++) {
		int code = prepare(c, sql_text[i], &c->st[i]);

		if ((code & 0xff) == SQLITE_ERROR)
			return err_set(e, ERR_FAILED, "store %s: %s: %s: the "
			    "file was changed by hand, use a backup", q->path,
			    sql_name[i], sqlite3_errmsg(c->db));
		if (code != SQLITE_OK)
			return migrate_error(c->db, code, q->path, e);
	}
	return 0;
}

static int
open_all(struct sqlite *q, const char *holder, struct err *e)
{
	/* FULL: an acknowledged command survives the machine, not only us.
	 * The log never keeps more than 64 MiB of disk after a burst. */
	static const char wal[] = "PRAGMA journal_mode = WAL";
	static const char writer[] = "PRAGMA synchronous = FULL;"
	    "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
	    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
	    "PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 67108864";
	static const char reader[] = "PRAGMA query_only = ON;"
	    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF";
	const char *path = q->path;

	if (file_prepare(path, e) == -1 ||
	    conn_open(&q->writer, path, SQLITE_OPEN_READWRITE, e) == -1 ||
	    migrate_check(q->writer.db, path, SQL_SCHEMA, e) == -1 ||
	    conn_exec(&q->writer, wal, path, e) == -1 ||
	    conn_exec(&q->writer, writer, path, e) == -1 ||
	    migrate_run(q->writer.db, path, sql_schema, SQL_SCHEMA, e) == -1 ||
	    prepare_all(q, e) == -1 || take_term(q, holder, e) == -1)
		return -1;
	if (conn_open(&q->reader, path, SQLITE_OPEN_READWRITE, e) == -1)
		return -1;
	return conn_exec(&q->reader, reader, path, e);
}

int
sqlite_open(struct sqlite **out, const char *path, const char *holder,
    struct err *e)
{
	struct sqlite *q = mem_zero(1, sizeof(*q));

	q->path = mem_dup(path);
	if (open_all(q, holder, e) == -1) {
		sqlite_close(q);
		return -1;
	}
	log_info(SUBSYSTEM, "path=%s term=%lld open", path,
	    (long long)q->term);
	*out = q;
	return 0;
}

void
sqlite_close(struct sqlite *q)
{
	if (q == NULL)
		return;
	conn_close(&q->reader);
	conn_close(&q->writer);
	free(q->path);
	free(q);
}
