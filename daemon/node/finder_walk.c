/* Where to look: patterns are walked down from the root, each directory is
 * watched before it is read, and what inotify tells leads to more visits. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "core/mutant.h"
#include "mem.h"
#include "node/finder_impl.h"

/* Of a directory whose entries are directories of the pattern, or files. */
static const uint32_t entries = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
    IN_DELETE | IN_ATTRIB;
static const uint32_t closing = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
    IN_DELETE | IN_CLOSE_WRITE;
static const uint32_t writing = IN_MODIFY | IN_ATTRIB;

/* ---- visits to come ---- */

void
walk_push(struct finder *f, struct rule *r, const char *path, size_t level,
    bool live, bool open)
{
	struct visit *v = mem_zero(1, sizeof(*v));

	v->rule = r;
	v->path = mem_dup(path);
	v->level = level;
	v->live = live;
	v->open = open;
	if (f->last != NULL)
		f->last->next = v;
	else
		f->first = v;
	f->last = v;
}

static void
visit_free(struct visit *v)
{
	free(v->path);
	free(v);
}

static void
close_dir(struct finder *f)
{
	if (f->dir == NULL)
		return;
	finder_at(f, f->first->path);
	(void)closedir(f->dir);
	finder_back(f);
	f->dir = NULL;
}

static void
done_first(struct finder *f)
{
	struct visit *v = f->first;

	close_dir(f);
	f->first = v->next;
	if (f->first == NULL)
		f->last = NULL;
	visit_free(v);
}

void
walk_stop(struct finder *f, const struct rule *only)
{
	struct visit *rest = NULL, **end = &rest, *last = NULL;

	while (f->first != NULL) {
		struct visit *v = f->first;

		if (only == NULL || v->rule == only) {
			done_first(f);
			continue;
		}
		/* One that is half read is read from its start again. */
		close_dir(f);
		f->first = v->next;
		v->next = NULL;
		*end = last = v;
		end = &v->next;
	}
	f->first = rest;
	f->last = last;
}

void
walk_all(struct finder *f)
{
	walk_stop(f, NULL);
	f->all = f->blind = f->barred = false;
	f->round = true;
	for (struct rule *r = f->rules; r != NULL; r = r->next) {
		r->spilled = false;
		walk_push(f, r, "/", 0, false, false);
	}
}

/* ---- one directory ---- */

/* Once for each directory, and once when all is well again. */
void
walk_barred(struct finder *f, const char *path, int code)
{
	f->barred = true;
	if (strs_has(&f->bars, path))
		return;
	strs_add(&f->bars, path);
	finder_log(f, LOG_WARN, "directory=%s not watched: %s: let the user "
	    "of musterd read and search it", path, strerror(code));
}

/* The kernel's limits are for all programs of the user together. */
static void
blind(struct finder *f, int code)
{
	f->blind = true;
	if (f->was_blind)
		return;
	f->was_blind = true;
	finder_log(f, LOG_WARN, "inotify: %s: looking every %d s instead; "
	    "raise fs.inotify.max_user_watches and max_user_instances "
	    "(sysctl)",
	    strerror(code), FINDER_POLL_MS / 1000);
}

static uint32_t
leaf_mask(const struct rule *r)
{
	return r->def.rule.stable == 0 && r->def.rule.event == JOB_FILE_CREATED
	    ? closing : closing | writing;
}

/* 0, or -1 when there is no such directory to be read. */
static int
watch(struct finder *f, const struct visit *v, uint32_t mask)
{
	int code;

	if (f->dirs == NULL) {
		blind(f, EMFILE);
		return 0;
	}
	finder_at(f, v->path);
	code = dirs_add(f->dirs, v->path, mask);
	finder_back(f);
	if (code == 0)
		return 0;
	if (code == EACCES)
		walk_barred(f, v->path, code);
	else if (code == ENOSPC || code == ENOMEM)
		blind(f, code);
	return code == ENOSPC || code == ENOMEM ||
	    code == EACCES ? 0 : -1;
}

static char *
joined(const char *dir, const char *name)
{
	return mem_fmt("%s/%s", dir[1] == '\0' ? "" : dir, name);
}

/* It was there when its parent was looked at, and is not now: somebody has to
 * watch for its return. */
static void
vanished(struct finder *f, const struct visit *v)
{
	const char *slash = strrchr(v->path, '/');
	char *parent;

	if (v->level == 0 || v->open)
		return;
	parent = slash == v->path ? mem_dup("/")
	    : mem_fmt("%.*s", (int)(slash - v->path), v->path);
	walk_push(f, v->rule, parent, v->level - 1, v->live, true);
	free(parent);
}

static bool
is_there(struct finder *f, const char *path, struct stat *st,
    int (*how)(const char *, struct stat *))
{
	int rc;

	finder_at(f, path);
	rc = how(path, st);
	finder_back(f);
	return rc == 0;
}

/* A component without wildcards: no need to read the directory.  As long as
 * the next one is there, and no link, it tells itself when it goes. */
static void
literal(struct finder *f, struct visit *v, bool last)
{
	char *child = joined(v->path, v->rule->pattern.part.v[v->level]);
	struct stat st;
	bool there = !last && !v->open && is_there(f, child, &st, lstat) &&
	    S_ISDIR(st.st_mode);

	if (watch(f, v, last ? leaf_mask(v->rule) : there ? 0 : entries) == -1)
		vanished(f, v);
	else if (last)
		finder_look(f, v->rule, finder_find(v->rule, child), child,
		    v->live ? FILE_APPEARED : FILE_FOUND);
	else if (there || is_there(f, child, &st, stat))
		walk_push(f, v->rule, child, v->level + 1, v->live, !there);
	free(child);
}

static int
open_first(struct finder *f, bool last)
{
	struct visit *v = f->first;

	if (watch(f, v, last ? leaf_mask(v->rule) : entries) == -1) {
		vanished(f, v);
		return -1;
	}
	finder_at(f, v->path);
	f->dir = opendir(v->path);
	finder_back(f);
	if (f->dir != NULL)
		return 0;
	if (errno == EACCES)
		walk_barred(f, v->path, errno);
	else if (errno != ENOENT && errno != ENOTDIR)
		finder_log(f, LOG_WARN, "directory=%s not read: %s",
		    v->path, strerror(errno));
	return -1;
}

static void
matched(struct finder *f, const struct dirent *d, bool last)
{
	const struct visit *v = f->first;
	struct rule *r = v->rule;
	char *child = joined(v->path, d->d_name);

	if (last)
		finder_look(f, r, finder_find(r, child), child,
		    v->live ? FILE_APPEARED : FILE_FOUND);
	else if (d->d_type == DT_DIR || d->d_type == DT_LNK ||
	    d->d_type == DT_UNKNOWN)
		walk_push(f, r, child, v->level + 1, v->live, true);
	free(child);
}

static const struct dirent *
next_entry(struct finder *f)
{
	const struct dirent *d;

	finder_at(f, f->first->path);
	d = readdir(f->dir);
	finder_back(f);
	return d;
}

bool
walk_some(struct finder *f, int most)
{
	while (f->first != NULL && most > 0) {
		struct visit *v = f->first;
		const struct strs *part = &v->rule->pattern.part;
		bool last = v->level + 1 == part->n;
		const struct dirent *d;

		most--;
		if (f->dir == NULL && v->level >= part->n)
			done_first(f);	/* "/" alone names no file */
		else if (f->dir == NULL &&
		    !file_part_is_glob(part->v[v->level])) {
			literal(f, v, last);
			done_first(f);
		} else if (f->dir == NULL && open_first(f, last) == -1)
			done_first(f);
		else if ((d = next_entry(f)) == NULL)
			done_first(f);
		else if (fnmatch(part->v[v->level], d->d_name, FNM_PERIOD) ==
		    0 && strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0)
			matched(f, d, last);
	}
	return f->first != NULL;
}

/* ---- what inotify tells ---- */

static enum file_how
how_of(uint32_t mask)
{
	if ((mask & IN_MOVED_TO) != 0)
		return FILE_PLACED;
	if ((mask & IN_CREATE) != 0)
		return FILE_APPEARED;
	if ((mask & IN_CLOSE_WRITE) != 0)
		return FILE_CLOSED;
	return (mask & IN_MODIFY) != 0 ? FILE_WRITTEN : FILE_TOUCHED;
}

/* A directory of the pattern, or a link to one, came or went. */
static void
dir_event(struct finder *f, struct rule *r, const char *path, size_t level,
    uint32_t mask)
{
	/* Also one that was renamed over a link. */
	if ((mask & (IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE)) != 0 &&
	    !strs_has(&f->gone, path))
		strs_add(&f->gone, path);
	if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0)
		walk_push(f, r, path, level, true, true);
	else if ((mask & IN_ATTRIB) != 0 && f->barred)
		f->all = true;
}

static void
on_entry(void *ctx, const char *path, uint32_t mask)
{
	struct finder *f = ctx;

	f->now = clock_now();		/* the last turn may be long ago */
	for (struct rule *r = f->rules; r != NULL; r = r->next) {
		int level = file_pattern_match(&r->pattern, path);
		struct file *x;

		if (level <= 0)
			continue;
		if ((size_t)level < r->pattern.part.n) {
			dir_event(f, r, path, (size_t)level, mask);
			continue;
		}
		x = finder_find(r, path);
		if ((mask & IN_ISDIR) != 0 && x == NULL)
			continue;
		finder_look(f, r, x, path, how_of(mask));
	}
}

/* Its parent tells of its return where entries are watched; where only the one
 * that was there was, look again. */
static void
on_gone(void *ctx, const char *path)
{
	struct finder *f = ctx;

	for (struct rule *r = f->rules; r != NULL; r = r->next) {
		int level = file_pattern_match(&r->pattern, path);
		struct visit v = { .rule = r, .path = (char *)path };

		if (level <= 0 || (size_t)level >= r->pattern.part.n ||
		    file_part_is_glob(r->pattern.part.v[level - 1]))
			continue;
		v.level = (size_t)level;
		v.live = true;
		vanished(f, &v);
	}
}

static void
on_lost(void *ctx)
{
	struct finder *f = ctx;

	if (!f->all)
		finder_log(f, LOG_WARN, "the kernel's queue of file events ran "
		    "over: looking at everything again "
		    "(fs.inotify.max_queued_events is its size)");
	f->all = f->all || !MUTANT(MUTANT_FILE_LOST);
}

const struct dirs_ops walk_ops = {
	.entry = on_entry,
	.gone = on_gone,
	.lost = on_lost,
};
