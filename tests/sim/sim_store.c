/* Disks: store.h over one SQLite database in memory a machine, with the
 * shipped statements.  A commit takes virtual time, may find the disk full,
 * and may be the last thing that the process did, or did not do. */
#define STORE_SQL_TEXT
#define SQL_I64	   "INTEGER"
#define SQL_F64	   "REAL"
#define SQL_BLOB   "BLOB"
#define SQL_STRICT "STRICT"
#define SQL_KEYED  "STRICT, WITHOUT ROWID"
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "sim.h"
#include "store/row.h"

enum { GROUP_MAX = 256 };
enum { W_SAVE, W_KEEP, W_UNDO };
static const char *const words[] = { "SAVEPOINT command", "RELEASE command",
	"ROLLBACK TO command" };

/* ---- the disk itself ---- */

static void
must(struct machine *m, int code)
{
	if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
		sim_broken(m->w, RULE_WORLD, "the simulated disk: %s",
		    sqlite3_errmsg(m->disk.db));
}

static sqlite3_stmt *
stmt(struct machine *m, sqlite3_stmt **st, const char *sql)
{
	if (*st == NULL)
		must(m, sqlite3_prepare_v3(m->disk.db, sql, -1,
		    SQLITE_PREPARE_PERSISTENT, st, NULL));
	return *st;
}

static void
word(struct machine *m, int i)
{
	sqlite3_stmt *st = stmt(m, &m->disk.word[i], words[i]);

	must(m, sqlite3_step(st));
	(void)sqlite3_reset(st);
}

/* One thread, and nobody reads statistics. */
static void
engine(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* Small pages: what is written is copied first, for a rollback. */
static void
disk_make(struct machine *m)
{
	engine();
	must(m, sqlite3_open(":memory:", &m->disk.db));
	must(m, sqlite3_exec(m->disk.db, "PRAGMA page_size = 2048", NULL, NULL,
	    NULL));
	(void)sqlite3_extended_result_codes(m->disk.db, 1);
	for (int i = 1; i <= SQL_SCHEMA; i++)
		must(m, sqlite3_exec(m->disk.db, sql_schema[i], NULL, NULL, NULL));
}

/* Of schedules before: to make one takes as long as a minute on it. */
static struct disk idle[SIM_MACHINES];
static int nidle;

static bool
disk_reuse(struct machine *m)
{
	if (nidle == 0)
		return false;
	m->disk = idle[--nidle];
	return true;
}

static int
on_table(void *arg, int n, char **values, char **names)
{
	struct machine *m = arg;
	char *sql = sqlite3_mprintf("DELETE FROM \"%w\"", values[0]);

	(void)n;
	(void)names;
	must(m, sqlite3_exec(m->disk.db, sql, NULL, NULL, NULL));
	sqlite3_free(sql);
	return 0;
}

/* As it was made: the schema itself fills only this one, for the real store. */
static void
disk_wipe(struct machine *m)
{
	must(m, sqlite3_exec(m->disk.db, "SELECT name FROM sqlite_schema "
	    "WHERE type = 'table' AND name <> 'term'", on_table, m, NULL));
}

static void
disk_close(struct machine *m)
{
	for (int i = 0; i < S_COUNT; i++) {
		(void)sqlite3_finalize(m->disk.st[i]);
		m->disk.st[i] = NULL;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		(void)sqlite3_finalize(m->disk.word[i]);
		m->disk.word[i] = NULL;
	}
	(void)sqlite3_close(m->disk.db);
}

void
sim_disk_free(struct machine *m)
{
	if (m->disk.image || nidle == SIM_MACHINES)
		disk_close(m);
	else {
		disk_wipe(m);
		idle[nidle++] = m->disk;
	}
	m->disk = (struct disk){ 0 };
}

void
sim_disk_copy(struct machine *m)
{
	sqlite3_int64 n = 0;

	if (m->disk.db == NULL)
		return;
	sqlite3_free(m->copy);
	m->copy = sqlite3_serialize(m->disk.db, "main", &n, 0);
	m->copy_len = n;
}

/* What ran meanwhile is not in this journal, and the broker says lost: that is
 * what the operator asked for. */
bool
sim_disk_restore(struct machine *m)
{
	unsigned char *image;

	if (m->copy == NULL || (image =
	    sqlite3_malloc64((sqlite3_uint64)m->copy_len)) == NULL)
		return false;
	memcpy(image, m->copy, (size_t)m->copy_len);
	disk_close(m);
	must(m, sqlite3_open(":memory:", &m->disk.db));
	(void)sqlite3_extended_result_codes(m->disk.db, 1);
	must(m, sqlite3_deserialize(m->disk.db, "main", image, m->copy_len,
	    m->copy_len, SQLITE_DESERIALIZE_FREEONCLOSE |
	    SQLITE_DESERIALIZE_RESIZEABLE));
	m->disk.image = true;
	keeper_excuse(m);
	promise_forget(m);
	alone_excuse(m);
	m->held_here = false;
	m->on_at = m->w->now;
	return true;
}

static void
bind_params(struct machine *m, sqlite3_stmt *st, const struct batch *b,
    const struct batch_op *op)
{
	for (unsigned i = 0; i < op->nparams; i++) {
		const struct batch_param *p = &b->params[op->first + i];
		int n = (int)i + 1, code;

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
		must(m, code);
	}
}

/* What a mutant's disk forgets. */
static bool
forgets(const struct machine *m, const struct batch *b,
    const struct batch_op *op)
{
	const struct batch_param *p = &b->params[op->first];

	if (sim_without(m->w, SIM_LEASE_LOST) && m->broker == NULL)
		return op->stmt == S_META_SET && p->len > 6 &&
		    memcmp(b->data.p + p->off, "lease.", 6) == 0;
	if (sim_without(m->w, SIM_SPOOL_LOST))
		return op->stmt == S_SPOOL_PUT;
	if (sim_without(m->w, SIM_FILE_LOST))
		return op->stmt == S_FILE_PUT;
	if (sim_without(m->w, SIM_ROLE_LOST))
		return op->stmt == S_ROLE_PUT;
	if (sim_without(m->w, SIM_HOLD_LOST))
		return op->stmt == S_MEMBER_MARKS;
	return sim_without(m->w, SIM_JOURNAL_LOST) &&
	    op->stmt == S_JOURNAL_PUT;
}

static enum store_rc
op_run(struct machine *m, const struct batch *b, const struct batch_op *op)
{
	sqlite3_stmt *st;
	int code;

	if (forgets(m, b, op))
		return STORE_OK;
	st = stmt(m, &m->disk.st[op->stmt], sql_text[op->stmt]);
	bind_params(m, st, b, op);
	while ((code = sqlite3_step(st)) == SQLITE_ROW)
		continue;
	(void)sqlite3_reset(st);
	if (code == SQLITE_DONE)
		return op->must && sqlite3_changes(m->disk.db) == 0 &&
		    !sim_without(m->w, SIM_CURSOR) ? STORE_NO : STORE_OK;
	if ((code & 0xff) != SQLITE_CONSTRAINT)
		must(m, code);
	if (op->stmt == S_OCC_PUT && sim_without(m->w, SIM_ONCE))
		return STORE_OK;
	return STORE_CONFLICT;
}

/* Each command is a transaction of its own: nobody looks between those of one
 * commit, and the process dies before all of them or after. */
static void
command_run(struct machine *m, struct batch *b)
{
	bool guard = b->nops > 1, half = m->store->half == b;

	b->rc = STORE_OK;
	if (guard)
		word(m, W_SAVE);
	for (unsigned i = 0; b->rc == STORE_OK && i < b->nops; i++)
		if (!half || b->ops[i].stmt != S_CURSOR_MOVE)
			b->rc = op_run(m, b, &b->ops[i]);
	if (guard && b->rc != STORE_OK)
		word(m, W_UNDO);
	if (guard)
		word(m, W_KEEP);
	if (b->rc == STORE_OK)
		check_commit(m, b);
}

/* A mutant's disk has the cursor of a fire one commit before its run. */
static bool
first_half(struct machine *m, struct batch *b)
{
	const struct batch_op *op = &b->ops[0];

	if (!sim_without(m->w, SIM_APART) || b->nops < 2 ||
	    op->stmt != S_CURSOR_MOVE || m->store->half == b ||
	    op_run(m, b, op) != STORE_OK)
		return false;
	m->store->half = b;
	return true;
}

/* ---- the store ---- */

struct store *
sim_store_open(struct machine *m)
{
	struct store *s = mem_zero(1, sizeof(*s));

	if (m->disk.db == NULL && !disk_reuse(m))
		disk_make(m);
	s->m = m;
	return s;
}

static void
put(struct batch **first, struct batch **last, struct batch *b)
{
	b->next = NULL;
	if (*first == NULL)
		*first = b;
	else
		(*last)->next = b;
	*last = b;
}

static struct batch *
take(struct batch **first)
{
	struct batch *b = *first;

	if (b != NULL)
		*first = b->next;
	return b;
}

static void
call(struct store *s, struct batch *b)
{
	s->pending--;
	if (b->done != NULL)
		b->done(b->rc, b->arg);
	batch_free(b);
}

/* The life that a pending event belongs to travels with it: the store of a
 * process that is gone is freed. */
static bool
stale(const struct machine *m, int64_t life)
{
	return !m->up || m->dying || m->life != (unsigned)life;
}

static void
on_poll(struct world *w, void *arg, int64_t life)
{
	struct machine *m = arg, *was;
	struct store *s = m->store;
	struct batch *b, *list;

	if (stale(m, life) || machine_later(m, on_poll, m, life))
		return;
	s->polling = false;
	was = sim_enter(m);
	if (m->broker != NULL)
		m->broker->now = m->broker->clock();
	list = s->done;
	s->done = NULL;
	sim_mix(w, 3);
	while ((b = take(&list)) != NULL)
		call(s, b);
	sim_leave(m, was);
}

/* Whether the process dies at this commit; crash_before: without it. */
static bool
last_commit(struct machine *m)
{
	if (m->crash_in == 0 || --m->crash_in > 0)
		return false;
	m->dying = true;
	sim_say(m->w, m, "dies %s this commit", m->crash_before ? "before"
	    : "after");
	return true;
}

static void
commit(struct store *s, bool all)
{
	struct machine *m = s->m;
	struct world *w = m->w;
	bool flaky = m->flaky > w->now;
	bool full = m->full || (flaky && sim_chance(w, 40));
	int64_t most = flaky ? sim_range(w, 1, 3) : GROUP_MAX, n = 0;

	if (s->first == NULL || m->dying)
		return;
	if (last_commit(m) && m->crash_before)
		return;
	for (struct batch *b; (all || n < most) &&
	    (b = take(&s->first)) != NULL; n++) {
		if (full)
			b->rc = STORE_BUSY;
		else if (!all && first_half(m, b)) {
			b->next = s->first;
			s->first = b;
			if (b->next == NULL)
				s->last = b;
			break;
		} else
			command_run(m, b);
		put(&s->done, &s->done_last, b);
	}
	w->r.commits++;
}

static void
on_commit(struct world *w, void *arg, int64_t life)
{
	struct machine *m = arg;
	struct store *s = m->store;

	if (stale(m, life) || machine_later(m, on_commit, m, life))
		return;
	s->committing = false;
	sim_mix(w, 2);
	commit(s, false);
	if (m->dying) {
		machine_kill(m, sim_chance(w, 30));
		return;
	}
	if (!s->polling && s->done != NULL) {
		s->polling = true;
		sim_at(w, w->now + 30, on_poll, m, life);
	}
	if (s->first != NULL) {
		s->committing = true;
		sim_at(w, w->now + 200 + m->slow, on_commit, m, life);
	}
}

static bool
early(const struct machine *m)
{
	return sim_without(m->w, m->broker != NULL ? SIM_ACK_EARLY
	    : SIM_AGENT_ACK_EARLY);
}

/* A mutant's disk says OK at once, and stores it half a second later. */
static void
promise(struct store *s, store_done *done, void *arg)
{
	struct batch *answer = batch_new();

	answer->done = done;
	answer->arg = arg;
	put(&s->done, &s->done_last, answer);
	s->pending++;
	if (s->polling)
		return;
	s->polling = true;
	sim_at(s->m->w, s->m->w->now + 30, on_poll, s->m, s->m->life);
}

void
store_submit(struct store *s, struct batch *b, store_done *done, void *arg)
{
	struct world *w = s->m->w;

	if (s->m->at == BROKER)
		check_submit(w, b);
	if (early(s->m) && !s->m->dying && !w->tidying) {
		promise(s, done, arg);
		done = NULL;
	}
	b->done = done;
	b->arg = arg;
	s->pending++;
	put(&s->first, &s->last, b);
	if (s->committing || s->m->dying || w->tidying)
		return;
	s->committing = true;
	sim_at(w, w->now + 100 + sim_range(w, 0, 300) + s->m->slow +
	    (early(s->m) ? SEC / 2 : 0), on_commit, s->m, s->m->life);
}

/* Of a mutant: the role, or what it does alone. */
static bool
told_early(const struct machine *m, const struct batch *b)
{
	if (m->broker != NULL || m->dying || m->w->tidying)
		return false;
	if (b->ops[0].stmt == S_META_SET)
		return sim_without(m->w, SIM_LEASE_EARLY);
	return sim_without(m->w, SIM_SPOOL_EARLY);
}

/* It is stored two seconds after it was told. */
static enum store_rc
told_later(struct store *s, struct batch *b)
{
	b->done = NULL;
	s->pending++;
	put(&s->first, &s->last, b);
	if (!s->committing) {
		s->committing = true;
		sim_at(s->m->w, s->m->w->now + 2 * SEC, on_commit, s->m,
		    s->m->life);
	}
	return STORE_OK;
}

/* The loop waits: what it says next leaves the machine that much later. */
enum store_rc
store_write(struct store *s, struct batch *b)
{
	struct machine *m = s->m;
	enum store_rc rc = STORE_DOWN;
	struct batch *last;

	if (told_early(m, b))
		return told_later(s, b);
	if (!m->dying && !m->w->tidying) {
		s->pending++;
		put(&s->first, &s->last, b);
		commit(s, true);
		if (m->slow > 0 && m->frozen < m->w->now + m->slow)
			m->frozen = m->w->now + m->slow;
		if (!m->dying || !m->crash_before) {
			/* It is the last of what was done: takes it back. */
			last = s->done;
			if (last == b)
				s->done = NULL;
			else {
				while (last->next != b)
					last = last->next;
				last->next = NULL;
				s->done_last = last;
			}
			rc = b->rc;
			s->pending--;
			batch_free(b);
			if (s->done != NULL && !s->polling && !m->dying) {
				s->polling = true;
				sim_at(m->w, m->w->now + 30, on_poll, m,
				    m->life);
			}
		}
		/* Dying before it: nobody will see the answer. */
		return rc;
	}
	batch_free(b);
	return rc;
}

void
sim_store_close(struct store *s)
{
	struct batch *b;

	while ((b = take(&s->done)) != NULL) {
		b->rc = STORE_DOWN;
		call(s, b);
	}
	while ((b = take(&s->first)) != NULL) {
		b->rc = STORE_DOWN;
		call(s, b);
	}
	free(s);
}

enum store_rc
store_state(const struct store *s)
{
	(void)s;
	return STORE_OK;
}

size_t
store_pending(const struct store *s)
{
	return s->pending;
}

static void
bind_args(struct machine *m, sqlite3_stmt *st, const char *types, va_list ap)
{
	for (int n = 1; types[n - 1] != '\0'; n++) {
		if (types[n - 1] == 'i')
			must(m, sqlite3_bind_int64(st, n,
			    va_arg(ap, int64_t)));
		else
			must(m, sqlite3_bind_text(st, n, va_arg(ap,
			    const char *), -1, SQLITE_TRANSIENT));
	}
}

int
store_query(struct store *s, enum stmt which, store_row *cb, void *arg,
    const char *types, ...)
{
	struct machine *m = s->m;
	sqlite3_stmt *own = NULL, **st = &m->disk.st[which];
	va_list ap;
	int n = 0;

	if (*st != NULL && sqlite3_stmt_busy(*st))
		st = &own;
	(void)stmt(m, st, sql_text[which]);
	va_start(ap, types);
	bind_args(m, *st, types, ap);
	va_end(ap);
	while (sqlite3_step(*st) == SQLITE_ROW) {
		n++;
		if (cb != NULL && cb(&(struct row){ *st }, arg) != 0)
			break;
	}
	(void)sqlite3_reset(*st);
	(void)sqlite3_clear_bindings(*st);
	(void)sqlite3_finalize(own);
	return n;
}
