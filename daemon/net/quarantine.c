#include "quarantine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

bool
quarantine_has(const char *path, const char *fingerprint)
{
	size_t n = strlen(fingerprint);
	char line[512];
	bool found = false;
	FILE *f;

	if (path == NULL || n == 0)
		return false;
	/* Read anew each time: taking a line out must work at once.  A login
	 * costs half a millisecond anyway. */
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, fingerprint, n) == 0 &&
		    strchr(" \t\r\n", line[n]) != NULL;
	(void)fclose(f);
	return found;
}

int
quarantine_add(const char *path, const char *fingerprint, const char *addr)
{
	char line[256], when[CLOCK_RFC3339];
	int fd, n, rc = -1;

	n = snprintf(line, sizeof(line), "%s %s %s\n", fingerprint,
	    clock_rfc3339(clock_wall(), when), addr);
	if (n <= 0 || (size_t)n >= sizeof(line))
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (write(fd, line, (size_t)n) == n && fsync(fd) == 0)
		rc = 0;
	(void)close(fd);
	return rc;
}
