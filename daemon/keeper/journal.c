#include "keeper/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "pack.h"

enum {
	VERSION = 1,
	RECORD_HEAD = 9,
	FILE_MAX = 512 << 20,		/* what we are willing to read */
	COMPACT_AT = 2 << 20,
	RESERVED = COMPACT_AT + (256 << 10),
	PEND_MAX = COMPACT_AT		/* collected; for more a new file */
};

static struct {
	int		    fd, dir;
	struct journal_head head;
	struct buf	    pend;
	off_t		    size, fresh;	/* now; after compaction */
	bool		    doubt;	/* a sync failed: what is on the disk? */
	bool		    torn;	/* there is more in it than size */
	bool		    stuck;
	uint64_t	    writes;	/* that were done */
} j = { .fd = -1, .dir = -1, .pend = BUF_INIT(PEND_MAX) };

static size_t
begin(struct buf *b, char type)
{
	size_t at = b->len;

	pack_int(b, 0, PACK_64);
	buf_putc(b, type);
	return at;
}

static void
end(struct buf *b, size_t at)
{
	uint32_t n, sum;

	if (b->failed)
		return;
	n = (uint32_t)(b->len - at - RECORD_HEAD);
	sum = (uint32_t)pack_hash(b->p + at + 8, n + 1);
	for (int i = 0; i < 4; i++) {
		b->p[at + (size_t)i] = (char)(n >> (8 * i));
		b->p[at + 4 + (size_t)i] = (char)(sum >> (8 * i));
	}
}

static void
put_head(struct buf *b, const struct journal_head *h)
{
	size_t at = begin(b, 'H');

	pack_int(b, VERSION, PACK_16);
	pack_str(b, h->boot_id);
	pack_str(b, h->start_id);
	end(b, at);
}

static void
put_start(struct buf *b, const struct run *r)
{
	size_t at = begin(b, 'S');

	pack_str(b, r->id);
	pack_int(b, (uint64_t)r->timeout_ms, PACK_64);
	pack_int(b, (uint64_t)r->grace_ms, PACK_64);
	pack_int(b, (uint64_t)r->output_max, PACK_64);
	pack_str(b, r->slot);
	end(b, at);
}

static void
put_pid(struct buf *b, const struct run *r)
{
	size_t at = begin(b, 'P');

	pack_str(b, r->id);
	pack_int(b, (uint64_t)r->pid, PACK_64);
	pack_int(b, r->born, PACK_64);
	pack_int(b, (uint64_t)r->started.ms, PACK_64);
	pack_int(b, (uint64_t)r->began.us, PACK_64);
	end(b, at);
}

static void
put_over(struct buf *b, char type, const struct run *r, enum kmsg_state state,
    int code)
{
	size_t at = begin(b, type);

	pack_str(b, r->id);
	pack_int(b, (uint64_t)state, PACK_8);
	pack_int(b, (uint64_t)code, PACK_32);
	pack_int(b, (uint64_t)r->ended.ms, PACK_64);
	pack_str(b, r->why);
	end(b, at);
}

static void
put_outcome(struct buf *b, const struct run *r)
{
	put_over(b, 'O', r, r->end_state, r->end_code);
}

static void
put_end(struct buf *b, const struct run *r)
{
	put_over(b, 'E', r, r->state, r->code);
}

static void
put_forget(struct buf *b, const struct run *r)
{
	size_t at = begin(b, 'F');

	pack_str(b, r->id);
	end(b, at);
}

static void
put_run(struct run *r, void *ctx)
{
	struct buf *b = ctx;

	put_start(b, r);
	if (r->pid > 0)
		put_pid(b, r);
	if (r->state > RUN_RUNNING)
		put_end(b, r);
	else if (r->settling)
		put_outcome(b, r);
	if (r->forgotten)
		put_forget(b, r);
}

static void
put_past(const struct run_past *p, void *ctx)
{
	struct buf *b = ctx;
	size_t at = begin(b, 'G');

	pack_int(b, p->hash, PACK_64);
	pack_int(b, (uint64_t)p->state, PACK_8);
	pack_int(b, (uint64_t)p->code, PACK_32);
	pack_int(b, (uint64_t)p->started_ms, PACK_64);
	pack_int(b, (uint64_t)p->ended_ms, PACK_64);
	end(b, at);
}

void
journal_start(const struct run *r)
{
	put_start(&j.pend, r);
}

void
journal_pid(const struct run *r)
{
	put_pid(&j.pend, r);
}

void
journal_outcome(struct run *r)
{
	put_outcome(&j.pend, r);
	r->ended_at = j.writes;
}

void
journal_end(struct run *r)
{
	put_end(&j.pend, r);
	r->ended_at = j.writes;
}

bool
journal_has_end(const struct run *r)
{
	return (r->state > RUN_RUNNING || r->settling) &&
	    r->ended_at < j.writes;
}

void
journal_forget(const struct run *r)
{
	put_forget(&j.pend, r);
}

void
journal_snapshot(struct buf *b, const struct journal_head *h)
{
	put_head(b, h);
	run_past_each(put_past, b);
	run_each(put_run, b);
}

static enum kmsg_state
read_state(struct unpack *u)
{
	uint64_t v = unpack_int(u, PACK_8);

	if (v >= RUN_NSTATES)
		u->bad = true;
	return u->bad ? RUN_UNKNOWN : (enum kmsg_state)v;
}

static void
apply_start(struct unpack *u, struct run *r)
{
	r->timeout_ms = (int64_t)unpack_int(u, PACK_64);
	r->grace_ms = (int64_t)unpack_int(u, PACK_64);
	r->output_max = (int64_t)unpack_int(u, PACK_64);
	(void)MEM_STR(r->slot, unpack_str(u, KMSG_SLOT - 1));
	if (strchr(r->slot, '/') != NULL)
		u->bad = true;
	r->state = RUN_RUNNING;
	run_set_live(r, true);
}

static void
apply_pid(struct unpack *u, struct run *r)
{
	r->pid = (pid_t)unpack_int(u, PACK_64);
	r->born = unpack_int(u, PACK_64);
	r->started.ms = (int64_t)unpack_int(u, PACK_64);
	r->began.us = (int64_t)unpack_int(u, PACK_64);
}

/* It is over, and its leader was waited for. */
static void
apply_outcome(struct unpack *u, struct run *r)
{
	r->end_state = read_state(u);
	r->end_code = (int)unpack_int(u, PACK_32);
	r->ended.ms = (int64_t)unpack_int(u, PACK_64);
	(void)MEM_STR(r->why, unpack_str(u, KMSG_WHY - 1));
	r->settling = r->reaped = true;
	if (r->end_state <= RUN_RUNNING)
		u->bad = true;
}

static void
apply_end(struct unpack *u, struct run *r)
{
	apply_outcome(u, r);
	r->state = r->end_state;
	r->code = r->end_code;
	r->settling = false;
	run_set_live(r, false);
}

static void
apply_past(struct unpack *u)
{
	struct run_past p = { .hash = unpack_int(u, PACK_64) };

	p.state = read_state(u);
	p.code = (int)unpack_int(u, PACK_32);
	p.started_ms = (int64_t)unpack_int(u, PACK_64);
	p.ended_ms = (int64_t)unpack_int(u, PACK_64);
	if (!u->bad)
		run_past_add(&p);
}

static void
apply(char type, struct unpack *u, struct journal_head *h)
{
	const char *id;
	struct run *r;

	if (type == 'H') {
		if (unpack_int(u, PACK_16) != VERSION)
			u->bad = true;
		(void)MEM_STR(h->boot_id, unpack_str(u, 39));
		(void)MEM_STR(h->start_id, unpack_str(u, 39));
		return;
	}
	if (type == 'G') {
		apply_past(u);
		return;
	}
	id = unpack_str(u, KMSG_ID - 1);
	if (u->bad || !kmsg_id_ok(id)) {
		u->bad = true;
		return;
	}
	r = run_find(id);
	if (r == NULL && type == 'S')
		r = run_new(id);
	if (r == NULL)
		return;
	if (type == 'S')
		apply_start(u, r);
	else if (type == 'P')
		apply_pid(u, r);
	else if (type == 'O')
		apply_outcome(u, r);
	else if (type == 'E')
		apply_end(u, r);
	else if (type == 'F')
		run_forget(r);
	else
		u->bad = true;
}

int
journal_parse(const char *p, size_t n, struct journal_head *h, size_t *good)
{
	size_t at = 0;

	*good = 0;
	while (n - at >= RECORD_HEAD) {
		struct unpack u = { p + at, RECORD_HEAD, false };
		size_t len = (size_t)unpack_int(&u, PACK_32);
		uint32_t sum = (uint32_t)unpack_int(&u, PACK_32);

		if (len > n - at - RECORD_HEAD ||
		    sum != (uint32_t)pack_hash(p + at + 8, len + 1))
			return 0;
		u = (struct unpack){ p + at + RECORD_HEAD, len, false };
		/* Nothing is believed before a head that is understood. */
		if (at == 0 && p[8] != 'H')
			return -1;
		apply(p[at + 8], &u, h);
		if (u.bad)
			return -1;
		at += len + RECORD_HEAD;
		*good = at;
	}
	return 0;
}

static int
read_all(int fd, struct buf *b, struct err *e)
{
	char part[16384];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_put(b, part, (size_t)n);
	if (n == -1)
		return err_sys(e, "keeper journal: read");
	if (b->failed)
		return err_set(e, ERR_IO, "keeper journal: over %d MiB",
		    FILE_MAX >> 20);
	return 0;
}

int
journal_load(int dir, struct journal_head *old, struct err *e)
{
	struct buf b = BUF_INIT(FILE_MAX);
	size_t good = 0;
	int fd, rc;

	memset(old, 0, sizeof(*old));
	fd = openat(dir, "journal", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return err_sys(e, "keeper journal: open");
	rc = read_all(fd, &b, e);
	(void)close(fd);
	if (rc == 0 && journal_parse(b.p, b.len, old, &good) == -1)
		rc = err_set(e, ERR_IO, "keeper journal: record at byte %zu is "
		    "not understood (written by a newer muster-keeper?); move "
		    "the file away to begin a new one", good);
	else if (rc == 0 && good < b.len)
		log_warn("journal", "torn tail of %zu bytes cut off",
		    b.len - good);
	buf_free(&b);
	return rc;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
journal_begin(int dir, const struct journal_head *h, struct err *e)
{
	struct buf b = BUF_INIT(FILE_MAX);
	int fd;

	fd = openat(dir, "journal.new", O_RDWR | O_CREAT | O_TRUNC | O_APPEND |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "keeper journal: create");
	journal_snapshot(&b, h);
	/* Room for what comes, so that an end can be recorded on a full disk;
	 * a file system that cannot do it is no worse off. */
	(void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0,
	    (off_t)b.len + RESERVED);
	/* On disk before it has the name: else the power may leave nothing of
	 * either. */
	if (b.failed || write_all(fd, b.p, b.len) == -1 ||
	    fdatasync(fd) == -1 ||
	    renameat(dir, "journal.new", dir, "journal") == -1) {
		(void)err_sys(e, "keeper journal: write");
		buf_free(&b);
		(void)close(fd);
		(void)unlinkat(dir, "journal.new", 0);
		return -1;
	}
	if (fsync(dir) == -1)
		log_warn("journal", "its name may not outlast the power: %s",
		    strerror(errno));
	if (j.fd != -1)
		(void)close(j.fd);
	j.fd = fd;
	j.dir = dir;
	j.head = *h;
	j.size = j.fresh = (off_t)b.len;
	j.doubt = j.torn = false;
	j.writes++;
	/* What was collected is part of the runs, and so of the snapshot. */
	buf_clear(&j.pend);
	buf_free(&b);
	return 0;
}

int
journal_resume(int dir, const struct journal_head *h, struct err *e)
{
	struct stat st;
	int fd = openat(dir, "journal", O_RDWR | O_APPEND | O_NOFOLLOW |
	    O_CLOEXEC);

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "keeper journal: open");
	j.fd = fd;
	j.dir = dir;
	j.head = *h;
	j.size = j.fresh = st.st_size;
	/* The program before us may have had its own. */
	j.doubt = true;
	j.writes++;
	return 0;
}

bool
journal_dirty(void)
{
	return j.pend.len > 0;
}

/* A part of what could not be written may be there: nothing that follows it
 * would be read. */
static int
cut_off(struct err *e)
{
	if (!j.torn)
		return 0;
	if (ftruncate(j.fd, j.size) == -1) {
		(void)err_sys(e, "keeper journal: cut off a torn record");
		return journal_begin(j.dir, &j.head, NULL);
	}
	j.torn = false;
	return 0;
}

/* On -1 nothing of it is on file. */
static int
flush(struct err *e)
{
	if (j.pend.len == 0)
		return 0;
	/* More than could be kept.  The runs know it all. */
	if (j.pend.failed)
		return journal_begin(j.dir, &j.head, e);
	if (j.size - j.fresh > COMPACT_AT &&
	    journal_begin(j.dir, &j.head, NULL) == 0)
		return 0;
	if (cut_off(e) == -1)
		return -1;
	/* A new file has it already. */
	if (j.pend.len == 0)
		return 0;
	if (write_all(j.fd, j.pend.p, j.pend.len) == -1) {
		(void)err_sys(e, "keeper journal: write");
		j.torn = ftruncate(j.fd, j.size) == -1;
		return -1;
	}
	j.writes++;
	j.size += (off_t)j.pend.len;
	buf_clear(&j.pend);
	return 0;
}

/* What was written outlasts a crash of the machine.  On -1 it may not. */
static int
sync_file(struct err *e)
{
	if (!j.doubt && fdatasync(j.fd) == 0)
		return 0;
	/* What did not get there is not tried again, though the next sync would
	 * say that it worked: a new file, whole. */
	j.doubt = true;
	return journal_begin(j.dir, &j.head, e);
}

int
journal_commit(bool starts)
{
	struct err e = { 0 };

	if (flush(&e) == 0 && (!starts || sync_file(&e) == 0)) {
		if (j.stuck)
			log_info("journal", "written again");
		j.stuck = false;
		return 0;
	}
	if (!j.stuck)
		log_error("journal", "%s: no run is started until it works",
		    e.msg);
	j.stuck = true;
	return -1;
}

bool
journal_stuck(void)
{
	return j.stuck;
}
