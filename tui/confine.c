#include "confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static bool on;

static int
check_socket(int fd, struct err *e)
{
	int type = 0;
	socklen_t n = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	    type == SOCK_STREAM)
		return 0;
	return err_set(e, ERR_USAGE, "--fd %d: not a socket: this option is "
	    "for musterd, which starts the console of ssh -t", fd);
}

static int
drop_root(struct err *e)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) == -1 || setresgid(NOBODY, NOBODY, NOBODY) == -1
	    || setresuid(NOBODY, NOBODY, NOBODY) == -1)
		return err_sys(e, "the console cannot give up root");
	return 0;
}

/* It may be the daemon's own user, whose files hold the host key. */
static void
fence_files(void)
{
	static const char *const needed[] = { "/etc/terminfo", "/lib/terminfo",
		"/usr/share/terminfo", "/usr/share/zoneinfo",
		"/etc/localtime" };
	const struct landlock_ruleset_attr all = { .handled_access_fs =
		(LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	int set = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all),
	    0);

	if (set == -1)		/* a kernel without it: the rest must do */
		return;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		struct landlock_path_beneath_attr one = {
			.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
			.parent_fd = open(needed[i], O_PATH | O_CLOEXEC) };

		(void)syscall(SYS_landlock_add_rule, set,
		    LANDLOCK_RULE_PATH_BENEATH, &one, 0);
		(void)close(one.parent_fd);
	}
	(void)syscall(SYS_landlock_restrict_self, set, 0);
	(void)close(set);
}

static void
limit(__rlimit_resource_t what)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(what, &none);
}

int
confine_enter(int fd, struct err *e)
{
	if (check_socket(fd, e) == -1 || drop_root(e) == -1)
		return -1;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fence_files();
	limit(RLIMIT_FSIZE);		/* no byte into any file */
	limit(RLIMIT_NPROC);		/* no process, no thread */
	limit(RLIMIT_CORE);
	on = true;
	return 0;
}

bool
confine_on(void)
{
	return on;
}
