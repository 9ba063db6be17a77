/* What must survive: one interface, commands above the line and SQL below it
 * (daemon/store/statements.sql names every statement).
 *
 * Writes: a batch is one command.  It is applied whole or not at all, together
 * with whatever else had arrived (at most 256 commands in one transaction,
 * fence first), and its callback runs after the COMMIT, in the order of
 * submission, from store_poll on the caller's thread.  Reads use their own
 * connection and see what is committed.
 *
 * One writer thread inside; the functions here are for the loop thread, but
 * for store_backup. */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum store_rc {
	STORE_OK,
	STORE_NO,	 /* a statement marked store_must changed no row */
	STORE_CONFLICT,	 /* a uniqueness rule said no */
	STORE_FENCED,	 /* another broker holds the term: write nothing more */
	STORE_BUSY,	 /* full disk, locked: nothing was stored, try later */
	STORE_DOWN,	 /* closed or broken for good: restart.  Of what was
			  * under way when it broke, read back what is there */
	STORE_AMBIGUOUS, /* may or may not be stored (never from SQLite) */
	STORE_NRCS
};

/* enum stmt: one S_NAME a statement of statements.sql, generated. */
#include "sql_text.h"

struct store;
struct batch;

typedef void store_done(enum store_rc, void *arg);

/* A row of a query.  Columns count from 0; text is valid until the callback
 * returns, NULL for SQL NULL. */
struct row;
int64_t	    row_int(const struct row *, int col);
const char *row_text(const struct row *, int col);
/* Bytes and their number; NULL and 0 for SQL NULL. */
const void *row_blob(const struct row *, int col, size_t *len);
bool	    row_null(const struct row *, int col);
/* Return non-zero to stop. */
typedef int store_row(const struct row *, void *arg);

/* url is "sqlite:PATH".  Creates, migrates forward (a backup file is left
 * beside the database first), refuses a newer schema and a corrupt file with
 * the cure.  Takes the term for `holder`. */
int	store_open(struct store **, const char *url, const char *holder,
	    struct err *);
/* Waits for what was submitted, then ends the thread.  Callbacks still due run
 * inside; what they submit is answered STORE_DOWN.  NULL is allowed. */
void	store_close(struct store *);

/* Readable when store_poll has something to do. */
int	store_fd(const struct store *);
void	store_poll(struct store *);
/* Blocks until every submitted batch is answered (start, shutdown, tests). */
void	store_drain(struct store *);

/* types: i int64_t, t const char * (copied; NULL is SQL NULL), b const void *
 * and size_t (a blob), one letter a parameter ?1, ?2, … of the statement. */
struct batch *batch_new(void);
void	batch_add(struct batch *, enum stmt, const char *types, ...);
/* The statement added last must change a row, else the command is STORE_NO. */
void	batch_must(struct batch *);
void	batch_free(struct batch *);		/* one that is not submitted */
/* Takes the batch.  done may be NULL. */
void	store_submit(struct store *, struct batch *, store_done *, void *arg);
/* store_submit and wait for this one alone: start-up and shutdown only.
 * Callbacks of earlier ones still run in store_poll. */
enum store_rc store_write(struct store *, struct batch *);

/* Returns the number of rows given to cb, or -1. */
int	store_query(struct store *, enum stmt, store_row *cb, void *arg,
	    const char *types, ...);

/* What became of the newest command as far as the disk is concerned: STORE_OK,
 * or why nothing is stored at present (BUSY, FENCED, DOWN).  DOWN is for good,
 * and the process has to end: callers take it for the end in any case, and do
 * nothing more about what they asked for but say so (store_err). */
enum store_rc store_state(const struct store *);
/* Commands not yet answered: the back-pressure signal. */
size_t	store_pending(const struct store *);
const char *store_rc_word(enum store_rc);
/* For who asked for what was not stored: -1, with the reason and the cure.  Of a
 * store that is DOWN the log may be read back, and nobody knows. */
int	store_err(enum store_rc, struct err *, const char *what, ...)
	    __attribute__((format(printf, 3, 4)));
/* A consistent copy, while running (SQLite's online backup).  Complete or not
 * there; replaces a file at path.  Reads the whole store: any thread may call
 * it, so that the loop need not wait. */
int	store_backup(struct store *, const char *path, struct err *);

#endif
