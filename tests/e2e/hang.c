/* Preloaded into a node by hang.bats: while the file $HANG/closed is there,
 * whoever looks at what is below the directory $HANG_AT waits, as at a network
 * file system whose server is away, and $HANG/waiting says so. */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static void
hang(const char *path)
{
	const char *dir = getenv("HANG"), *at = getenv("HANG_AT");
	char closed[512], waiting[512];
	int fd;

	if (dir == NULL || at == NULL || strncmp(path, at, strlen(at)) != 0)
		return;
	(void)snprintf(closed, sizeof(closed), "%s/closed", dir);
	(void)snprintf(waiting, sizeof(waiting), "%s/waiting", dir);
	while (access(closed, F_OK) == 0) {
		fd = open(waiting, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd != -1)
			(void)close(fd);
		(void)usleep(10000);
	}
	(void)unlink(waiting);
}

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

int
statx(int fd, const char *restrict path, int flags, unsigned want,
    struct statx *restrict out)
{
	int (*f)(int, const char *, int, unsigned, struct statx *) =
	    (int (*)(int, const char *, int, unsigned, struct statx *))
	    real("statx");

	hang(path);
	return f(fd, path, flags, want, out);
}

int
stat(const char *restrict path, struct stat *restrict out)
{
	int (*f)(const char *, struct stat *) =
	    (int (*)(const char *, struct stat *))real("stat");

	hang(path);
	return f(path, out);
}

int
lstat(const char *restrict path, struct stat *restrict out)
{
	int (*f)(const char *, struct stat *) =
	    (int (*)(const char *, struct stat *))real("lstat");

	hang(path);
	return f(path, out);
}

DIR *
opendir(const char *path)
{
	DIR *(*f)(const char *) = (DIR *(*)(const char *))real("opendir");

	hang(path);
	return f(path);
}

int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	int (*f)(int, const char *, uint32_t) =
	    (int (*)(int, const char *, uint32_t))real("inotify_add_watch");

	hang(path);
	return f(fd, path, mask);
}
