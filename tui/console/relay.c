#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "js.h"
#include "wire.h"

/* All that has come from one goes to the other; false at the end of either. */
static bool
pass(struct wire *from, struct wire *to)
{
	struct err e = { 0 };
	json_t *msg;

	while ((msg = wire_recv(from, 0, &e)) != NULL) {
		int rc = wire_send(to, msg, &e);

		json_decref(msg);
		if (rc == -1)
			return false;
	}
	return e.code == ERR_TIMEOUT;
}

static void
first_line(struct wire *near, const struct err *e)
{
	json_t *params = e != NULL ? json_pack("{s:s,s:o}", "code",
	    err_word(e->code), "message", js_text(e->msg)) : json_object();
	json_t *msg = json_pack("{s:s,s:o}", "method", "relay", "params",
	    params);

	(void)wire_send(near, msg, NULL);
	json_decref(msg);
}

static void
quiet(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3 && fd != -1; i++)
		(void)dup2(fd, i);
}

static void
relay(const struct remote *r, bool interactive, int fd)
{
	const struct ask ask = { stdin, stderr, interactive };
	struct wire *near = wire_fd(fd), *far;
	struct pollfd p[2];
	struct err e = { 0 };

	if (!interactive)
		quiet();
	far = remote_open(r, &ask, &e);
	first_line(near, far == NULL ? &e : NULL);
	if (far == NULL)
		return;
	/* The terminal is the console's from here on. */
	quiet();
	p[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = wire_poll(far), .events = POLLIN };
	for (;;) {
		if (!pass(far, near) || !pass(near, far))
			return;
		while (poll(p, 2, -1) == -1 && errno == EINTR)
			;
	}
}

int
relay_open(const struct remote *r, bool interactive, pid_t *child,
    struct err *e)
{
	int fd[2];

	*child = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1)
		return err_sys(e, "socketpair");
	*child = fork();
	if (*child == -1) {
		*child = 0;
		(void)close(fd[0]);
		(void)close(fd[1]);
		return err_sys(e, "fork");
	}
	if (*child == 0) {
		(void)close(fd[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)signal(SIGTERM, SIG_DFL);
		(void)signal(SIGHUP, SIG_DFL);
		(void)signal(SIGINT, interactive ? SIG_DFL : SIG_IGN);
		relay(r, interactive, fd[1]);
		_exit(0);
	}
	(void)close(fd[1]);
	return fd[0];
}
