/* Preloaded into a broker by gate.bash: while the file $GATE/closed is there,
 * whoever has synced a file to disk waits, and $GATE/waiting says so; removing
 * $GATE/waiting lets that one through.  So a test can kill the broker when a
 * decision is on disk and nothing was sent yet. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
gate(void)
{
	const char *dir = getenv("GATE");
	char closed[512], waiting[512];
	int fd;

	if (dir == NULL)
		return;
	(void)snprintf(closed, sizeof(closed), "%s/closed", dir);
	(void)snprintf(waiting, sizeof(waiting), "%s/waiting", dir);
	if (access(closed, F_OK) != 0)
		return;
	fd = open(waiting, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd != -1)
		(void)close(fd);
	while (access(closed, F_OK) == 0 && access(waiting, F_OK) == 0)
		(void)usleep(1000);
}

static int
synced(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	int rc = real(fd);

	gate();
	return rc;
}

int
fsync(int fd)
{
	return synced("fsync", fd);
}

int
fdatasync(int fd)
{
	return synced("fdatasync", fd);
}
