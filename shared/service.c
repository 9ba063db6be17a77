#include "service.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
service_tell(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = path != NULL ? strlen(path) : 0;
	int fd;

	if (n == 0 || n >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, n);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)close(fd);
}

/* In ms; 0 when nobody asks, or somebody else is asked. */
static int64_t
interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv(
	    "WATCHDOG_PID");
	int64_t ms;

	if (usec == NULL || (pid != NULL &&
	    strtoll(pid, NULL, 10) != (long long)getpid()))
		return 0;
	ms = strtoll(usec, NULL, 10) / 3000;
	return ms > 0 ? ms : 0;
}

mono
service_alive(mono now)
{
	static mono next;
	int64_t ms = interval();

	if (ms == 0)
		return MONO_NEVER;
	if (next.us <= now.us) {
		service_tell("WATCHDOG=1");
		next = mono_add_ms(now, ms);
	}
	return next;
}
