/* Files on a disk that all machines see, and inotify: dirs.h and the calls that
 * look at files are replaced; which of them become runs is up to the shipped
 * code (node/finder.c, core/file_trigger.c, broker/ledger_file.c).
 *
 * One directory with a few names, in which files are written, closed late or
 * soon, renamed, replaced and removed; their inode numbers are used again.  An
 * inotify instance keeps few events, and gives no watches at times. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "mem.h"
#include "node/dirs.h"
#include "sim.h"

enum { NAMES = 8, EVENTS = 6, QUIET_S = 30 };

struct node {
	bool	there, writing;
	int64_t ino, size, mtime, ctime, birth;	/* ns */
	int64_t changed;			/* us, true time */
	int64_t looked;			/* it is on record as of then */
};

struct seen {			/* an occurrence on record */
	char	       key[96];
	UT_hash_handle hh;
};

struct files_world {
	struct node  at[NAMES];
	int64_t	     inodes, last;	/* the newest; the last that was freed */
	struct seen *seen;
};

struct dirs {
	struct machine	      *m;
	const struct dirs_ops *ops;
	void		      *ctx;
	uint32_t	       root, drop;	/* masks; 0: not watched */
	struct {
		int	 name;
		uint32_t mask;
	} event[EVENTS];
	size_t n;
	bool   lost, moving;
};

struct reading {		/* a directory that is open */
	size_t	      next;
	struct dirent entry;
};

static struct world *world;

/* ---- inotify ---- */

struct dirs *
dirs_new(const struct dirs_ops *ops, void *ctx)
{
	struct dirs *d = mem_zero(1, sizeof(*d));

	d->m = world->cur;
	d->ops = ops;
	d->ctx = ctx;
	d->m->dirs = d;
	return d;
}

void
dirs_free(struct dirs *d)
{
	if (d == NULL)
		return;
	d->m->dirs = NULL;
	free(d);
}

int
dirs_add(struct dirs *d, const char *path, uint32_t mask)
{
	if (d->m->unwatched > d->m->w->now)
		return ENOSPC;
	if (strcmp(path, "/") == 0)
		d->root |= mask | IN_DELETE_SELF;
	else if (strcmp(path, "/drop") == 0)
		d->drop |= mask | IN_DELETE_SELF;
	else
		return ENOENT;
	return 0;
}

void
dirs_forget(struct dirs *d, const char *path)
{
	if (strcmp(path, "/") == 0)
		d->root = d->drop = 0;
	else if (strcmp(path, "/drop") == 0)
		d->drop = 0;
}

void
dirs_keep(struct dirs *d, bool (*want)(void *, const char *path), void *arg)
{
	if (!want(arg, "/drop"))
		d->drop = 0;
	if (!want(arg, "/"))
		d->root = 0;
}

size_t
dirs_count(const struct dirs *d)
{
	return (d->root != 0) + (size_t)(d->drop != 0);
}

int
dirs_fd(const struct dirs *d)
{
	(void)d;
	return -1;
}

void
dirs_hear(struct dirs *d)
{
	char path[16];

	d->moving = false;
	for (size_t i = 0; i < d->n; i++) {
		(void)snprintf(path, sizeof(path), "/drop/f%d",
		    d->event[i].name);
		d->ops->entry(d->ctx, path, d->event[i].mask);
	}
	if (d->lost)
		d->ops->lost(d->ctx);
	d->n = 0;
	d->lost = false;
}

static void
tell(struct world *w, int name, uint32_t mask)
{
	const char *what = mask == IN_MODIFY ? "is written to" : mask ==
	    IN_ATTRIB ? "changes its status" : mask == IN_CLOSE_WRITE
	    ? "is closed" : mask == IN_MOVED_FROM ? "goes" : mask == IN_MOVED_TO
	    ? "comes" : mask == IN_CREATE ? "is made" : "is removed";
	const struct node *n = &w->files->at[name];

	sim_say(w, NULL, "file f%d %s: inode %lld, mtime %lld", name, what,
	    (long long)n->ino, (long long)n->mtime);
	for (int i = 0; i < w->n; i++) {
		struct dirs *d = w->m[i].dirs;

		if (d == NULL || (d->drop & mask) == 0)
			continue;
		/* It is shared with other files than these. */
		if (d->n == EVENTS || sim_chance(w, 3))
			d->lost = true;
		else {
			d->event[d->n].name = name;
			d->event[d->n++].mask = mask;
		}
		if (d->moving)
			continue;
		d->moving = true;
		files_look(&w->m[i], w->now + sim_range(w, 20, 300));
	}
}

/* ---- what happens to files ---- */

/* Of the kernel's last tick. */
static int64_t
stamp(const struct world *w)
{
	int64_t us = w->now - w->now % (4 * MS);

	return INT64_C(1790000000000000000) + us * 1000;
}

static void
free_inode(struct world *w, struct node *n)
{
	w->files->last = n->ino;
	*n = (struct node){ .changed = w->now };
}

static void
new_inode(struct world *w, struct node *n)
{
	struct files_world *f = w->files;
	bool again = f->last != 0 && sim_chance(w, 40);

	n->ino = again ? f->last : ++f->inodes;
	f->last = 0;
	n->there = true;
	n->changed = w->now;
	n->birth = n->mtime = n->ctime = stamp(w);
	n->size = 0;
}

static void
on_write(struct world *w, void *arg, int64_t ino)
{
	struct node *n = w->files->at;
	int i = 0;

	(void)arg;
	while (i < NAMES && (!n[i].there || n[i].ino != ino || !n[i].writing))
		i++;
	if (i == NAMES)
		return;
	n += i;
	n->changed = w->now;
	if (sim_chance(w, 40)) {
		n->writing = false;
		tell(w, i, IN_CLOSE_WRITE);
		return;
	}
	n->size += sim_range(w, 1, 1000);
	n->mtime = n->ctime = stamp(w);
	tell(w, i, IN_MODIFY);
	sim_at(w, w->now + (sim_chance(w, 80) ? sim_range(w, 5 * MS, 2 * SEC)
	    : sim_range(w, SEC, 15 * SEC)), on_write, NULL, ino);
}

static void
writes(struct world *w, struct node *n)
{
	if (n->writing)
		return;
	n->writing = true;
	sim_at(w, w->now + sim_range(w, 0, 500 * MS), on_write, NULL, n->ino);
}

/* It was made elsewhere, and comes complete. */
static void
placed(struct world *w, int i)
{
	struct node *n = &w->files->at[i];

	if (n->there)
		free_inode(w, n);
	new_inode(w, n);
	n->birth -= sim_range(w, 0, 60) * 1000000000;
	n->mtime = n->birth + sim_range(w, 0, 1000000000);
	if (n->mtime > n->ctime)
		n->mtime = n->ctime;
	n->size = sim_range(w, 1, 1000);
	tell(w, i, IN_MOVED_TO);
}

static void
renamed(struct world *w, int i, int to)
{
	struct node *n = w->files->at;

	if (i == to)
		return;
	if (n[to].there)
		free_inode(w, &n[to]);
	n[to] = n[i];
	n[to].ctime = stamp(w);
	n[to].changed = w->now;
	n[i] = (struct node){ .changed = w->now };
	tell(w, i, IN_MOVED_FROM);
	tell(w, to, IN_MOVED_TO);
}

static void
appears(struct world *w, int i)
{
	new_inode(w, &w->files->at[i]);
	tell(w, i, IN_CREATE);
	writes(w, &w->files->at[i]);
}

static void
something(struct world *w)
{
	int i = (int)sim_range(w, 0, NAMES - 1);
	struct node *n = &w->files->at[i];
	int64_t what = sim_range(w, 0, 9);

	n->changed = w->now;
	if (!n->there) {
		if (what < 6)
			appears(w, i);
		else
			placed(w, i);
	} else if (what < 3) {
		writes(w, n);
	} else if (what == 3 || what == 4) {
		n->ctime = stamp(w);
		if (what == 3)
			n->mtime = n->ctime;
		tell(w, i, IN_ATTRIB);
	} else if (what == 5) {
		placed(w, i);
	} else if (what == 6) {
		renamed(w, i, (int)sim_range(w, 0, NAMES - 1));
	} else {
		free_inode(w, n);
		tell(w, i, IN_DELETE);
		if (what == 7)		/* and at once another */
			appears(w, i);
	}
}

static void
on_something(struct world *w, void *arg, int64_t n)
{
	struct machine *m = &w->m[sim_range(w, 0, w->n - 1)];

	if (sim_chance(w, 5))
		m->unwatched = w->now + sim_range(w, 1, 40) * SEC;
	something(w);
	if (n <= 0)
		n = sim_chance(w, 15) ? sim_range(w, 2, 12) : 1;
	sim_at(w, w->now + (n > 1 ? sim_range(w, 5 * MS, 700 * MS)
	    : sim_range(w, SEC, 140 * SEC)), on_something, arg, n - 1);
}

/* ---- the calls of the shipped code ---- */

int __wrap_statx(int, const char *, int, unsigned, struct statx *);
int __wrap_lstat(const char *, struct stat *);
int __wrap_stat(const char *, struct stat *);
DIR *__wrap_opendir(const char *);
struct dirent *__wrap_readdir(DIR *);
int __wrap_closedir(DIR *);

static struct statx_timestamp
time_of(int64_t ns)
{
	return (struct statx_timestamp){ .tv_sec = ns / 1000000000,
		.tv_nsec = (uint32_t)(ns % 1000000000) };
}

int
__wrap_statx(int fd, const char *path, int flags, unsigned mask,
    struct statx *st)
{
	int i = strncmp(path, "/drop/f", 7) == 0 ? path[7] - '0' : -1;
	const struct node *n;

	(void)fd;
	(void)flags;
	(void)mask;
	if (i < 0 || i >= NAMES || !world->files->at[i].there) {
		errno = ENOENT;
		return -1;
	}
	n = &world->files->at[i];
	*st = (struct statx){ .stx_mask = STATX_BASIC_STATS | STATX_BTIME,
		.stx_mode = S_IFREG | 0644, .stx_nlink = 1,
		.stx_ino = (uint64_t)n->ino, .stx_size = (uint64_t)n->size,
		.stx_mtime = time_of(n->mtime), .stx_ctime = time_of(n->ctime),
		.stx_btime = time_of(n->birth) };
	return 0;
}

/* Of directories only. */
int
__wrap_lstat(const char *path, struct stat *st)
{
	*st = (struct stat){ .st_mode = S_IFDIR | 0755 };
	if (strcmp(path, "/drop") == 0)
		return 0;
	errno = ENOENT;
	return -1;
}

int
__wrap_stat(const char *path, struct stat *st)
{
	return __wrap_lstat(path, st);
}

DIR *
__wrap_opendir(const char *path)
{
	if (strcmp(path, "/drop") == 0)
		return (DIR *)mem_zero(1, sizeof(struct reading));
	errno = ENOENT;
	return NULL;
}

struct dirent *
__wrap_readdir(DIR *dir)
{
	struct reading *r = (struct reading *)(void *)dir;

	while (r->next < NAMES) {
		size_t i = r->next++;

		if (!world->files->at[i].there)
			continue;
		r->entry.d_type = DT_REG;
		(void)snprintf(r->entry.d_name, sizeof(r->entry.d_name),
		    "f%zu", i);
		return &r->entry;
	}
	return NULL;
}

int
__wrap_closedir(DIR *dir)
{
	free(dir);
	return 0;
}

/* ---- rules ---- */

static struct seen *
seen(const struct world *w, const char *key)
{
	struct seen *s;

	HASH_FIND_STR(w->files->seen, key, s);
	return s;
}

/* A file is created once; it is changed, or stable, at each mtime. */
static void
key_of(char key[96], const char *job, const char *path, int64_t ino,
    int64_t mtime, int64_t birth)
{
	(void)snprintf(key, 96, "%.15s|%.15s|%lld|%lld", job, path,
	    (long long)ino, (long long)(strcmp(job, "made") == 0 ? birth
	    : mtime));
}

void
files_recorded(struct world *w, const char *job, const char *path, int64_t ino,
    int64_t mtime, int64_t birth)
{
	struct seen *s;
	char key[96];

	w->r.files++;
	key_of(key, job, path, ino, mtime, birth);
	if (seen(w, key) != NULL)
		sim_broken(w, RULE_FILE_TWICE, "%s: %s, inode %lld, is on "
		    "record again", job, path, (long long)ino);
	s = mem_zero(1, sizeof(*s));
	(void)MEM_STR(s->key, key);
	HASH_ADD_STR(w->files->seen, key, s);
}

/* Each that is as it is for so long, with a Scheduler at work all the time. */
void
files_now(struct world *w)
{
	static const char *const jobs[] = { "made", "written", "still" };

	if (w->files == NULL)
		return;
	for (int i = 0; i < NAMES; i++) {
		struct node *n = &w->files->at[i];
		char key[96], path[16];

		if (!n->there || n->writing || n->looked == n->changed ||
		    w->now - n->changed < QUIET_S * (int64_t)SEC)
			continue;
		(void)snprintf(path, sizeof(path), "/drop/f%d", i);
		for (size_t k = 0; k < 3; k++) {
			key_of(key, jobs[k], path, n->ino, n->mtime, n->birth);
			if (seen(w, key) == NULL)
				sim_broken(w, RULE_FILE_MISSED, "%s: %s, inode "
				    "%lld, mtime %lld, is as it is for %lld s, "
				    "and not on record", jobs[k], path,
				    (long long)n->ino, (long long)n->mtime,
				    (long long)((w->now - n->changed) / SEC));
		}
		n->looked = n->changed;
	}
}

/* ---- life ---- */

/* Triggers of files cost; half of the schedules have them. */
void
files_make(struct world *w)
{
	world = w;
	if (sim_chance(w, 50))
		return;
	w->files = mem_zero(1, sizeof(*w->files));
	w->files->inodes = 100;
	sim_at(w, 5 * SEC, on_something, NULL, 0);
}

const char *
files_jobs(const struct world *w)
{
	return w->files == NULL ? "" :
	    ", { name = \"made\"; command = [ \"/bin/true\" ];"
	    " overlap = \"allow\"; triggers = ( { file = \"/drop/*\"; } ); },"
	    "{ name = \"written\"; command = [ \"/bin/true\" ];"
	    " overlap = \"skip\"; triggers = ( { file = \"/drop/f?\";"
	    " event = \"changed\"; } ); },"
	    "{ name = \"still\"; command = [ \"/bin/true\" ];"
	    " distribution = \"one\"; triggers = ( { file = \"/drop/*\";"
	    " stable = \"3s\"; } ); }";
}

void
files_unmake(struct world *w)
{
	struct seen *s, *tmp;

	if (w->files == NULL)
		return;
	HASH_ITER(hh, w->files->seen, s, tmp) {
		HASH_DEL(w->files->seen, s);
		free(s);
	}
	free(w->files);
}
