#include "keeper/slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum {
	FREE_MAX = 64,		/* open and unused */
	REST_MAX = 256,		/* unused, of runs that nobody forgot yet */
	COPY = 65536,
	STEP = 1 << 20		/* copied in one turn */
};

struct slot {
	char  name[KMSG_SLOT];
	int   fd;
	uid_t uid;
};

/* What takes the place of an output that is too long. */
struct slot_copy {
	struct slot to;
	off_t	    from, size;		/* done, of the output */
};

static struct {
	int	    dir, output;
	uid_t	    uid;
	gid_t	    gid;
	unsigned    last;
	size_t	    nfree, nrest;
	struct slot unused[FREE_MAX];
} pool;

static void
named_by_run(struct run *r, void *ctx)
{
	const char **name = ctx;

	if (*name != NULL && r->state <= RUN_RUNNING &&
	    strcmp(r->slot, *name) == 0)
		*name = NULL;
}

/* Slots of silent runs and of an earlier keeper's pool; new names go above
 * every old one. */
static int
sweep(struct err *e)
{
	int fd = fcntl(pool.dir, F_DUPFD_CLOEXEC, 3);
	struct dirent *d;
	DIR *dir;

	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		return err_sys(e, "keeper slots: read directory");
	while ((d = readdir(dir)) != NULL) {
		const char *name = d->d_name;
		unsigned long n;

		if (*name == '.')
			continue;
		n = strtoul(name + 1, NULL, 16);
		if (n > pool.last && n < UINT32_MAX)
			pool.last = (unsigned)n;
		run_each(named_by_run, &name);
		if (name != NULL)
			(void)unlinkat(pool.dir, name, 0);
	}
	(void)closedir(dir);
	return 0;
}

int
slot_init(int keeper, int output, uid_t uid, gid_t gid, struct err *e)
{
	struct stat st;

	if (mkdirat(keeper, "slots", 0755) == -1 && errno != EEXIST)
		return err_sys(e, "keeper slots: create directory");
	pool.dir = openat(keeper, "slots",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (pool.dir == -1 || fstat(pool.dir, &st) == -1)
		return err_sys(e, "keeper slots");
	pool.output = output;
	pool.uid = uid;
	pool.gid = gid;
	return sweep(e);
}

static mode_t
mode_of(uid_t uid)
{
	return geteuid() != 0 || uid == pool.uid ? 0600 : 0640;
}

/* A job may open its own /dev/stdout again; musterd reads by its group, and a
 * developer's musterd is the owner. */
static int
own(int fd, uid_t uid, struct err *e)
{
	if (geteuid() == 0 && (fchown(fd, uid, pool.gid) == -1 ||
	    fchmod(fd, mode_of(uid)) == -1))
		return err_sys(e, "keeper slots: chown");
	return 0;
}

static void
discard(struct slot *s)
{
	(void)unlinkat(pool.dir, s->name, 0);
	(void)close(s->fd);
	s->fd = -1;
}

/* On -1 there is nothing of it. */
static int
create(struct slot *s, struct err *e)
{
	for (int tries = 0; tries < 64; tries++) {
		(void)snprintf(s->name, sizeof(s->name), "s%08x", ++pool.last);
		s->fd = openat(pool.dir, s->name, O_RDWR | O_CREAT | O_EXCL |
		    O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s->fd != -1) {
			s->uid = geteuid();
			if (own(s->fd, s->uid, e) == 0)
				return 0;
			discard(s);
			return -1;
		}
		if (errno != EEXIST)
			break;
	}
	return err_sys(e, "keeper slots: create a file");
}

/* One that was another user's stays his: who holds it open still could read
 * and write what the next run says. */
static bool
reuse(struct slot *s, uid_t uid)
{
	for (size_t i = pool.nfree; i-- > 0;)
		if (pool.unused[i].uid == uid) {
			*s = pool.unused[i];
			pool.unused[i] = pool.unused[--pool.nfree];
			return true;
		}
	return false;
}

int
slot_take(struct run *r, uid_t uid, struct err *e)
{
	struct slot s;

	if (!reuse(&s, uid) && create(&s, e) == -1)
		return -1;
	if (s.uid != uid && own(s.fd, uid, e) == -1) {
		discard(&s);
		return -1;
	}
	(void)MEM_STR(r->slot, s.name);
	r->fd = s.fd;
	return 0;
}

/* The output in its place. */
static void
place_name(const struct run *r, char out[KMSG_ID + 8])
{
	(void)snprintf(out, KMSG_ID + 8, "%s.out", r->id);
}

/* A job may have a lease on what it writes, and we do not wait for that:
 * EWOULDBLOCK. */
static int
open_again(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_APPEND | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);

	if (fd != -1)
		(void)fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

/* musterd may write in that directory: a name that leads to another file, which
 * only root could open, is none. */
static int
open_placed(const struct run *r)
{
	char name[KMSG_ID + 8];
	struct stat st;
	int fd;

	place_name(r, name);
	fd = open_again(pool.output, name);
	if (fd == -1 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_nlink == 1))
		return fd;
	(void)close(fd);
	errno = ENOENT;
	return -1;
}

void
slot_reopen(struct run *r)
{
	if (r->fd != -1 || (r->slot[0] == '\0' && r->state <= RUN_RUNNING))
		return;
	if (r->slot[0] != '\0') {
		r->fd = open_again(pool.dir, r->slot);
		if (r->fd != -1 || errno != ENOENT)
			return;
		if (r->settling) {
			r->slot[0] = '\0';
			return;
		}
	}
	/* Moved already: a run that left processes behind. */
	r->fd = open_placed(r);
}

void
slot_bound(struct run *r, bool *fast)
{
	off_t head = r->output_max / 2, from;
	struct stat st;

	slot_reopen(r);
	if (r->fd == -1 || fstat(r->fd, &st) == -1)
		return;
	if (st.st_blocks * 512 <= 2 * r->output_max + 65536)
		return;
	*fast = true;
	from = st.st_size - r->output_max;
	if (from > head && fallocate(r->fd, FALLOC_FL_PUNCH_HOLE |
	    FALLOC_FL_KEEP_SIZE, head, from - head) == 0)
		return;
	/* No holes on this file system: the newest bytes follow the head. */
	if (from > head && ftruncate(r->fd, head) == -1)
		log_warn("slot", "run=%s cannot bound its output: %s", r->id,
		    strerror(errno));
}

/* Copies some of [*from, end) of in to out; stops quietly at the end of file.
 * Returns whether that was all, or -1. */
static int
copy(int out, int in, off_t *from, off_t end)
{
	static char part[COPY];

	for (off_t n = STEP; n > 0 && *from < end; n -= COPY) {
		off_t left = end - *from;
		ssize_t got = pread(in, part, left < COPY ? (size_t)left :
		    COPY, *from);

		if (got <= 0)
			return got == 0 ? 1 : -1;
		if (write(out, part, (size_t)got) != got)
			return -1;
		*from += got;
	}
	return *from >= end;
}

static int
mark(int fd, off_t left_out)
{
	return dprintf(fd, "\n[muster: %lld bytes of output left out here]\n",
	    (long long)left_out) < 0 ? -1 : 0;
}

static struct slot_copy *
copy_begin(const struct stat *st, struct err *e)
{
	struct slot_copy *c = mem_zero(1, sizeof(*c));

	c->size = st->st_size;
	if (create(&c->to, e) == 0) {
		if (own(c->to.fd, st->st_uid, e) == 0)
			return c;
		discard(&c->to);
	}
	free(c);
	return NULL;
}

/* Head, one line and tail.  Returns whether that was all, or -1. */
static int
copy_step(const struct run *r, struct slot_copy *c)
{
	off_t half = r->output_max / 2;
	int rc;

	if (c->from < half) {
		if ((rc = copy(c->to.fd, r->fd, &c->from, half)) != 1)
			return rc;
		c->from = c->size - half;
		return mark(c->to.fd, c->size - 2 * half);
	}
	return copy(c->to.fd, r->fd, &c->from, c->size);
}

/* A new file takes the place of the output, a part of it in one turn: false when
 * there is more to do.  The whole one goes only then, so that it can be done
 * again at any time. */
static bool
collapse(struct run *r, const struct stat *st)
{
	char name[KMSG_ID + 8];
	struct err e = { 0 };
	int rc = -1;

	if (r->copy == NULL)
		r->copy = copy_begin(st, &e);
	if (r->copy != NULL) {
		rc = copy_step(r, r->copy);
		if (rc == 0)
			return false;
		place_name(r, name);
		if (rc == 1)
			rc = renameat(pool.dir, r->copy->to.name, pool.output,
			    name);
		if (rc == -1) {
			(void)err_sys(&e, "%s", r->copy->to.name);
			(void)unlinkat(pool.dir, r->copy->to.name, 0);
		}
		(void)close(r->copy->to.fd);
		free(r->copy);
		r->copy = NULL;
	}
	if (rc == 0) {
		if (r->slot[0] != '\0')
			(void)unlinkat(pool.dir, r->slot, 0);
		r->slot[0] = '\0';
		return true;
	}
	/* The disk is full: the head fits in any case. */
	log_warn("slot", "run=%s keeps only the head of its output: %s", r->id,
	    e.msg);
	if (ftruncate(r->fd, r->output_max / 2) == 0)
		(void)mark(r->fd, st->st_size - r->output_max / 2);
	return true;
}

static void
drop(struct run *r)
{
	if (r->fd != -1)
		(void)close(r->fd);
	r->fd = -1;
	r->slot[0] = '\0';
}

/* The name may be another run's from now on. */
static void
move(struct run *r)
{
	char name[KMSG_ID + 8];

	place_name(r, name);
	if (renameat(pool.dir, r->slot, pool.output, name) == -1)
		log_error("slot", "run=%s output stays in %s: %s", r->id,
		    r->slot, strerror(errno));
	r->slot[0] = '\0';
}

bool
slot_settle(struct run *r)
{
	struct stat st;

	if (r->fd != -1 && fstat(r->fd, &st) == 0 && st.st_nlink > 0 &&
	    st.st_size > r->output_max && !collapse(r, &st))
		return false;
	if (r->slot[0] != '\0')
		move(r);
	drop(r);
	return true;
}

bool
slot_end(struct run *r, bool straying)
{
	struct stat st;

	if (r->slot[0] == '\0')
		return true;
	slot_reopen(r);
	if (r->fd == -1 && errno == EWOULDBLOCK)
		move(r);
	if (r->fd == -1 || fstat(r->fd, &st) == -1)
		return true;
	/* Nor shall musterd find one; ours is the same open file. */
	(void)fcntl(r->fd, F_SETLEASE, F_UNLCK);
	if (st.st_size == 0 && !straying) {
		if (pool.nrest < REST_MAX) {
			pool.nrest++;
			return true;
		}
		(void)unlinkat(pool.dir, r->slot, 0);
		drop(r);
		return true;
	}
	if (!straying && st.st_size > r->output_max)
		return false;
	move(r);
	if (!straying)
		drop(r);
	return true;
}

/* What a silent run did to it is not done to the next one: what it set on the
 * open file is undone, and what it did to the file ends with that. */
static bool
as_new(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && st->st_size == 0 && st->st_nlink == 1 &&
	    (st->st_mode & 07777) == mode_of(st->st_uid) &&
	    (geteuid() != 0 || st->st_gid == pool.gid) &&
	    fcntl(fd, F_SETFL, O_APPEND) == 0 && flock(fd, LOCK_UN) == 0;
}

void
slot_release(struct run *r)
{
	struct stat st;
	struct slot s = { .fd = r->fd };

	if (r->fd == -1)
		return;
	pool.nrest--;
	if (pool.nfree == FREE_MAX || !as_new(r->fd, &st)) {
		(void)unlinkat(pool.dir, r->slot, 0);
		drop(r);
		return;
	}
	(void)MEM_STR(s.name, r->slot);
	s.uid = st.st_uid;
	pool.unused[pool.nfree++] = s;
	r->fd = -1;
	drop(r);
}
