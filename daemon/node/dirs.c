#include "node/dirs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <uthash.h>

#include "mem.h"
#include "strs.h"

/* libuv's own uv_fs_event neither tells of a writer that closes nor of a queue
 * that ran over, so that this reads inotify itself. */
enum { READS = 16, SELF = IN_DELETE_SELF | IN_MOVE_SELF };

struct dir {
	int	       wd;
	struct strs    paths;
	UT_hash_handle hh;
};

struct dirs {
	int		       fd;
	struct dir	      *all;
	const struct dirs_ops *ops;
	void		      *ctx;
};

/* ---- paths ---- */

static bool
below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/' || n == 1);
}

static void
dir_free(struct dirs *d, struct dir *x)
{
	HASH_DEL(d->all, x);
	strs_clear(&x->paths);
	free(x);
}

static void
drop_path(struct dir *x, size_t i)
{
	free(x->paths.v[i]);
	x->paths.v[i] = x->paths.v[--x->paths.n];
}

static struct dir *
find(const struct dirs *d, int wd)
{
	struct dir *x;

	HASH_FIND_INT(d->all, &wd, x);
	return x;
}

static void
forget(struct dirs *d, bool (*which)(const void *, const char *),
    const void *arg)
{
	struct dir *x, *tmp;

	HASH_ITER(hh, d->all, x, tmp) {
		for (size_t i = x->paths.n; i-- > 0;)
			if (which(arg, x->paths.v[i]))
				drop_path(x, i);
		if (x->paths.n > 0)
			continue;
		(void)inotify_rm_watch(d->fd, x->wd);
		dir_free(d, x);
	}
}

static bool
is_below(const void *top, const char *path)
{
	return below(path, top);
}

void
dirs_forget(struct dirs *d, const char *path)
{
	forget(d, is_below, path);
}

struct wanted {
	bool (*want)(void *, const char *);
	void  *arg;
};

static bool
unwanted(const void *arg, const char *path)
{
	const struct wanted *w = arg;

	return !w->want(w->arg, path);
}

void
dirs_keep(struct dirs *d, bool (*want)(void *, const char *), void *arg)
{
	struct wanted w = { want, arg };

	forget(d, unwanted, &w);
}

int
dirs_add(struct dirs *d, const char *path, uint32_t mask)
{
	int wd = inotify_add_watch(d->fd, path,
	    mask | SELF | IN_ONLYDIR | IN_MASK_ADD);
	struct dir *x;

	if (wd == -1)
		return errno;
	x = find(d, wd);
	if (x == NULL) {
		x = mem_zero(1, sizeof(*x));
		x->wd = wd;
		HASH_ADD_INT(d->all, wd, x);
	}
	if (!strs_has(&x->paths, path))
		strs_add(&x->paths, path);
	return 0;
}

size_t
dirs_count(const struct dirs *d)
{
	return HASH_COUNT(d->all);
}

/* ---- events ---- */

static void
self_gone(struct dirs *d, struct dir *x)
{
	struct strs paths = x->paths;

	x->paths = (struct strs){ 0 };
	/* One that was removed is forgotten by the kernel already. */
	(void)inotify_rm_watch(d->fd, x->wd);
	dir_free(d, x);
	for (size_t i = 0; i < paths.n; i++) {
		dirs_forget(d, paths.v[i]);
		d->ops->gone(d->ctx, paths.v[i]);
	}
	strs_clear(&paths);
}

static void
one(struct dirs *d, const struct inotify_event *ev)
{
	struct dir *x;

	if ((ev->mask & IN_Q_OVERFLOW) != 0) {
		d->ops->lost(d->ctx);
		return;
	}
	x = find(d, ev->wd);
	if (x == NULL)
		return;
	if ((ev->mask & (SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
		self_gone(d, x);
		return;
	}
	if (ev->len == 0)
		return;
	for (size_t i = 0; i < x->paths.n; i++) {
		const char *dir = x->paths.v[i];
		char *path = mem_fmt("%s/%s", dir[1] == '\0' ? "" : dir,
		    ev->name);

		d->ops->entry(d->ctx, path, ev->mask);
		free(path);
	}
}

int
dirs_fd(const struct dirs *d)
{
	return d->fd;
}

void
dirs_hear(struct dirs *d)
{
	char raw[65536]
	    __attribute__((aligned(__alignof__(struct inotify_event))));

	for (int i = 0; i < READS; i++) {
		ssize_t n = read(d->fd, raw, sizeof(raw));

		if (n <= 0)
			return;
		for (char *p = raw; p < raw + n;) {
			const struct inotify_event *ev = (const void *)p;

			one(d, ev);
			p += sizeof(*ev) + ev->len;
		}
	}
}

/* ---- life ---- */

struct dirs *
dirs_new(const struct dirs_ops *ops, void *ctx)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct dirs *d;

	if (fd == -1)
		return NULL;
	d = mem_zero(1, sizeof(*d));
	d->fd = fd;
	d->ops = ops;
	d->ctx = ctx;
	return d;
}

void
dirs_free(struct dirs *d)
{
	struct dir *x, *tmp;

	if (d == NULL)
		return;
	HASH_ITER(hh, d->all, x, tmp)
		dir_free(d, x);
	(void)close(d->fd);
	free(d);
}
