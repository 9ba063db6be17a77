/* What the console of `ssh -t` cannot do on the daemon's machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"
#include "confine.h"
#include "mem.h"

static int pair[2];
static char file[] = "/tmp/test_confine.XXXXXX";
static int kept;		/* open for writing before */

/* In a child, since there is no way back: the first step that was possible. */
static int
inside(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid == 0) {
		struct err e;

		if (confine_enter(pair[0], &e) == -1)
			_exit(99);
		_exit(what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 +
	    WTERMSIG(status);
}

static int
has_files(void)
{
	if (open(file, O_RDONLY | O_CLOEXEC) != -1)
		return 1;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1)
		return 2;
	if (open("/tmp/test_confine.new", O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600) != -1)
		return 3;
	(void)signal(SIGXFSZ, SIG_IGN);
	if (write(kept, "x", 1) == 1)
		return 4;
	return 0;
}

static int
has_programs(void)
{
	pid_t pid;

	(void)execl("/bin/true", "true", (char *)NULL);
	pid = fork();
	if (pid == 0)
		_exit(0);
	return pid != -1;
}

static int
is_root(void)
{
	return geteuid() == 0 || getegid() == 0 || getuid() == 0 ||
	    seteuid(0) == 0;
}

/* What it does need. */
static int
lacks(void)
{
	const char *zone = "/usr/share/zoneinfo/UTC";

	if (!confine_on() || write(pair[0], "x", 1) != 1)
		return 1;
	if (access("/usr/share/zoneinfo", F_OK) == 0 &&
	    open(zone, O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES)
		return 2;
	return 0;
}

static int
reads_for_commands(void)
{
	char apply[] = "apply", backup[] = "backup", name[] = "relative";
	char *words[] = { apply, file };
	char *path[] = { backup, name };
	const struct cli c = { .out = stdout, .ask = { .in = stdin, .err =
		stderr } };
	struct cmd_call call = { 0 };
	struct err e = { 0 };

	if (cmd_parse(2, words, &call, &e) == -1)
		return 1;
	if (cli_prepare(&c, &call, &e) == 0 || e.code != ERR_DENIED)
		return 2;
	cmd_call_clear(&call);
	if (cmd_parse(2, path, &call, &e) == -1)
		return 3;
	if (cli_prepare(&c, &call, &e) == 0 || e.code != ERR_USAGE)
		return 4;
	return 0;
}

/* Lost: the host key of the daemon, and whatever else its user may read. */
static void
no_files(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION) == -1)
		skip();			/* a kernel that cannot */
	assert_int_equal(inside(has_files), 0);
}

static void
no_programs(void **state)
{
	(void)state;
	assert_int_equal(inside(has_programs), 0);
}

static void
no_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(inside(is_root), 0);
}

static void
what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(inside(lacks), 0);
}

/* Lost: why a command does not do there what it does elsewhere. */
static void
commands_say_so(void **state)
{
	(void)state;
	assert_int_equal(inside(reads_for_commands), 0);
}

static void
only_a_socket(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(confine_enter(kept, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(confine_enter(1000, &e), -1);
	assert_false(confine_on());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_files), cmocka_unit_test(no_programs),
		cmocka_unit_test(no_root), cmocka_unit_test(what_it_needs),
		cmocka_unit_test(commands_say_so),
		cmocka_unit_test(only_a_socket),
	};
	int rc;

	kept = mkstemp(file);
	if (kept == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(file);
	return rc;
}
