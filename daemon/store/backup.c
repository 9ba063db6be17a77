#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"

#define SUFFIX ".backup"

/* The directory of path; the caller frees. */
static char *
dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_dup(".");
	if (slash == path)
		return mem_dup("/");
	return mem_fmt("%.*s", (int)(slash - path), path);
}

static int
sync_path(const char *path, int flags, struct err *e)
{
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC), r;

	if (fd == -1)
		return err_sys(e, "backup %s", path);
	r = fsync(fd) == -1 ? err_sys(e, "backup %s: fsync", path) : 0;
	(void)close(fd);
	return r;
}

static int
copy_into(sqlite3 *src, const char *tmp, struct err *e)
{
	sqlite3 *dst = NULL;
	sqlite3_backup *copy;
	int code;

	code = sqlite3_open_v2(tmp, &dst,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK) {
		copy = sqlite3_backup_init(dst, "main", src, "main");
		if (copy != NULL) {
			/* One step is one snapshot: writers do not restart
			 * it, and in WAL mode it does not stop them. */
			(void)sqlite3_backup_step(copy, -1);
			(void)sqlite3_backup_finish(copy);
		}
		code = sqlite3_errcode(dst);
	}
	/* One file that needs no second one beside it. */
	if (code == SQLITE_OK)
		code = sqlite3_exec(dst, "PRAGMA journal_mode = DELETE", NULL,
		    NULL, NULL);
	if (code != SQLITE_OK)
		(void)err_set(e, ERR_IO, "backup %s: %s: nothing was kept, "
		    "make room or choose another place", tmp,
		    dst == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(dst));
	(void)sqlite3_close(dst);
	return code == SQLITE_OK ? 0 : -1;
}

int
backup_copy(sqlite3 *src, const char *path, struct err *e)
{
	char *tmp = mem_fmt("%s.XXXXXX", path), *dir = dir_of(path);
	int fd, r = -1;

	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd == -1) {
		(void)err_sys(e, "backup %s: cannot create it", path);
		goto out;
	}
	(void)close(fd);
	if (copy_into(src, tmp, e) == -1 || sync_path(tmp, 0, e) == -1)
		goto undo;
	if (rename(tmp, path) == -1) {
		(void)err_sys(e, "backup %s: rename", path);
		goto undo;
	}
	r = sync_path(dir, O_DIRECTORY, e);
	goto out;
undo:
	(void)unlink(tmp);
out:
	free(tmp);
	free(dir);
	return r;
}

char *
backup_name(const char *db, int version, wall now)
{
	time_t t = (time_t)(now.ms / 1000);
	char stamp[32];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
		stamp[0] = '\0';
	return mem_fmt("%s.v%d-%s%s", db, version, stamp, SUFFIX);
}

static bool
is_backup_of(const char *name, const char *base)
{
	size_t n = strlen(name), b = strlen(base), s = strlen(SUFFIX);

	return n > b + s && strncmp(name, base, b) == 0 && name[b] == '.' &&
	    strcmp(name + n - s, SUFFIX) == 0;
}

char *
backup_newest(const char *db)
{
	const char *slash = strrchr(db, '/');
	const char *base = slash == NULL ? db : slash + 1;
	char *dir = dir_of(db), *best = NULL;
	struct timespec best_at = { 0 };
	struct dirent *de;
	struct stat st;
	DIR *d = opendir(dir);

	while (d != NULL && (de = readdir(d)) != NULL) {
		if (!is_backup_of(de->d_name, base) ||
		    fstatat(dirfd(d), de->d_name, &st, 0) == -1 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (best != NULL && (st.st_mtim.tv_sec < best_at.tv_sec ||
		    (st.st_mtim.tv_sec == best_at.tv_sec &&
		    st.st_mtim.tv_nsec <= best_at.tv_nsec)))
			continue;
		free(best);
		best = mem_fmt("%s/%s", dir, de->d_name);
		best_at = st.st_mtim;
	}
	if (d != NULL)
		(void)closedir(d);
	free(dir);
	return best;
}
