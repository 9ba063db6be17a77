/* What a user would lose: a service manager that takes a healthy musterd for
 * dead, or a stuck one for healthy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "service.h"

static int
manager(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), n;

	n = snprintf(name, sizeof(name), "@muster-test-%ld", (long)getpid());
	memcpy(sun.sun_path, name, (size_t)n);
	sun.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
	    0);
	(void)setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
hears(int fd, const char *want)
{
	char text[64] = "";

	(void)recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_string_equal(text, want);
}

static void
it_is_told_and_hears_from_us(void **state)
{
	int fd = manager();
	char pid[24];
	mono at = { 1000000 };

	(void)state;
	service_tell("READY=1");
	hears(fd, "READY=1");
	/* Nobody asked. */
	assert_int_equal(service_alive(at).us, INT64_MAX);
	hears(fd, "");
	(void)setenv("WATCHDOG_USEC", "30000000", 1);
	(void)setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(service_alive(at).us, INT64_MAX);
	hears(fd, "");
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	(void)setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(service_alive(at).us, at.us + 10000000);
	hears(fd, "WATCHDOG=1");
	assert_int_equal(service_alive(mono_add_ms(at, 9999)).us,
	    at.us + 10000000);
	hears(fd, "");
	(void)service_alive(mono_add_ms(at, 10000));
	hears(fd, "WATCHDOG=1");
	(void)close(fd);
}

static void
nobody_to_tell_is_no_trouble(void **state)
{
	(void)state;
	(void)setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	service_tell("READY=1");
	(void)unsetenv("NOTIFY_SOCKET");
	service_tell("READY=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_and_hears_from_us),
		cmocka_unit_test(nobody_to_tell_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
