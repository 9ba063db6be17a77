#include "node/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum { DAY_S = 86400, KEEP_S = 30 * DAY_S };
static const long long most_bytes = 1LL << 30;

struct file {
	char	 *name;
	time_t	  mtime;
	long long bytes;
};

static int
by_age(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return (x->mtime > y->mtime) - (x->mtime < y->mtime);
}

static struct file *
list(DIR *dir, size_t *n, long long *total)
{
	struct file *v = NULL;
	struct dirent *de;
	struct stat st;

	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.' ||
		    fstatat(dirfd(dir), de->d_name, &st,
		        AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
			continue;
		v = mem_grow(v, (*n + 1) * sizeof(*v));
		v[(*n)++] = (struct file){ mem_dup(de->d_name), st.st_mtime,
			(long long)st.st_blocks * 512 };
		*total += (long long)st.st_blocks * 512;
	}
	return v;
}

void
outputs_trim(const char *state_dir)
{
	char *path = mem_fmt("%s/output", state_dir);
	DIR *dir = opendir(path);
	time_t now = time(NULL);
	long long total = 0;
	struct file *v;
	size_t n = 0, gone = 0;

	free(path);
	if (dir == NULL)
		return;
	v = list(dir, &n, &total);
	if (n > 0)
		qsort(v, n, sizeof(*v), by_age);
	for (size_t i = 0; i < n; i++) {
		time_t age = now - v[i].mtime;

		if (age > DAY_S && (age > KEEP_S || total > most_bytes) &&
		    unlinkat(dirfd(dir), v[i].name, 0) == 0) {
			total -= v[i].bytes;
			gone++;
		}
		free(v[i].name);
	}
	if (gone > 0)
		log_info("outputs", "%zu old outputs of runs removed", gone);
	free(v);
	(void)closedir(dir);
}
