/* Preloaded into a node by gate.bash: while the file $GATE/closed is there,
 * whoever has synced a file to disk waits, and $GATE/waiting says so; removing
 * $GATE/waiting lets that one through.  So a test can kill the broker when a
 * decision is on disk and nothing was sent yet.  While $GATE/slow is there,
 * each sync takes so many milliseconds longer, as on a busy disk.  The node's
 * keeper has a gate of its own, keeper.closed and keeper.waiting. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
is_keeper(void)
{
	return strcmp(program_invocation_short_name, "muster-keeper") == 0;
}

static void
gate(void)
{
	const char *dir = getenv("GATE"), *who = is_keeper() ? "keeper." : "";
	char closed[512], waiting[512];
	int fd;

	if (dir == NULL)
		return;
	(void)snprintf(closed, sizeof(closed), "%s/%sclosed", dir, who);
	(void)snprintf(waiting, sizeof(waiting), "%s/%swaiting", dir,
	    who);
	if (access(closed, F_OK) != 0)
		return;
	fd = open(waiting, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd != -1)
		(void)close(fd);
	while (access(closed, F_OK) == 0 && access(waiting, F_OK) == 0)
		(void)usleep(1000);
}

static void
be_slow(void)
{
	const char *dir = getenv("GATE");
	char slow[512];
	int ms = 0;
	FILE *f;

	if (dir == NULL || is_keeper())
		return;
	(void)snprintf(slow, sizeof(slow), "%s/slow", dir);
	f = fopen(slow, "re");
	if (f == NULL)
		return;
	if (fscanf(f, "%5d", &ms) == 1 && ms > 0)
		(void)usleep((useconds_t)ms * 1000);
	(void)fclose(f);
}

static int
synced(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	int rc;

	be_slow();
	rc = real(fd);
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
