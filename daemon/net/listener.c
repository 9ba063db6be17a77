#include "listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum {
	ACCEPTS_A_TURN = 4,	/* established sessions come first */
	EMFILE_REST_MS = 100,
	RESTS_A_LINE = 100,	/* one line in the log for so many */
	BACKLOG = 4096		/* a reconnect storm waits here */
};

struct listener {
	int	      fd;
	uv_poll_t     poll;
	uv_timer_t    rest;
	bool	      paused, resting;
	unsigned      rests;
	int	      handles;
	listener_cb  *cb;
	void	    (*gone)(void *);
	void	     *ctx;
};

static void on_ready(uv_poll_t *, int, int);

static void
watch(struct listener *l)
{
	if (l->paused || l->resting)
		(void)uv_poll_stop(&l->poll);
	else
		(void)uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

static void
on_rested(uv_timer_t *h)
{
	struct listener *l = h->data;

	l->resting = false;
	watch(l);
}

static void
rest(struct listener *l)
{
	if (++l->rests % RESTS_A_LINE == 1)
		log_warn("net", "no descriptors or memory for new connections; "
		    "they wait: raise LimitNOFILE");
	l->resting = true;
	(void)uv_timer_start(&l->rest, on_rested, EMFILE_REST_MS, 0);
	watch(l);
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct listener *l = h->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && !l->paused; i++) {
		struct sockaddr_storage ss;
		socklen_t n = sizeof(ss);
		int fd = accept4(l->fd, (struct sockaddr *)&ss, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1 && l->cb(l->ctx, fd, &ss, n))
			continue;
		if (fd != -1 || errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			rest(l);
			return;
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

struct listener *
listener_new(uv_loop_t *loop, int fd, listener_cb *cb, void (*gone)(void *),
    void *ctx)
{
	struct listener *l = mem_zero(1, sizeof(*l));

	l->fd = fd;
	l->cb = cb;
	l->gone = gone;
	l->ctx = ctx;
	l->poll.data = l->rest.data = l;
	(void)uv_timer_init(loop, &l->rest);
	(void)uv_poll_init(loop, &l->poll, fd);
	l->handles = 2;
	watch(l);
	return l;
}

void
listener_pause(struct listener *l, bool paused)
{
	if (l->paused == paused)
		return;
	l->paused = paused;
	watch(l);
}

static void
on_closed(uv_handle_t *h)
{
	struct listener *l = h->data;

	if (--l->handles > 0)
		return;
	l->gone(l->ctx);
	free(l);
}

void
listener_close(struct listener *l)
{
	uv_close((uv_handle_t *)&l->rest, on_closed);
	/* uv_close first, close directly after: it works on the number. */
	uv_close((uv_handle_t *)&l->poll, on_closed);
	(void)close(l->fd);
}

int
listener_bind(const struct sockaddr *sa, socklen_t n, const char *what,
    struct err *e)
{
	int off = 0, on = 1, fd, saved;

	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return err_sys(e, "%s: cannot make a socket", what);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 =
		    (const struct sockaddr_in6 *)sa;

		/* "::" means both families; a named address only itself. */
		if (!IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
			off = 1;
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		    sizeof(off));
	}
	if (bind(fd, sa, n) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	if (saved == EADDRINUSE)
		return err_set(e, ERR_FAILED, "%s: the port is in use; another "
		    "musterd? change listen.port, or see ss -ltnp", what);
	if (saved == EADDRNOTAVAIL)
		return err_set(e, ERR_FAILED, "%s: this machine has no such "
		    "address; change listen.address", what);
	if (saved == EACCES)
		return err_set(e, ERR_DENIED, "%s: not permitted; take a "
		    "listen.port above 1023", what);
	return err_sys(e, "%s: cannot listen", what);
}

/* Removes what a musterd that is no more has left at path. */
static int
clear_stale(const struct sockaddr_un *un, struct err *e)
{
	struct stat st;
	int fd, rc, saved;

	if (lstat(un->sun_path, &st) == -1)
		return errno == ENOENT ? 0 :
		    err_sys(e, "%s: cannot look at it", un->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_FAILED, "%s: exists and is not a socket; "
		    "move it away or change listen.socket", un->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "%s: cannot make a socket", un->sun_path);
	rc = connect(fd, (const struct sockaddr *)un, sizeof(*un));
	saved = errno;
	(void)close(fd);
	/* EAGAIN: its backlog is full, so somebody is there. */
	if (rc == 0 || saved == EAGAIN)
		return err_set(e, ERR_FAILED, "another musterd answers on %s; "
		    "stop it, or change listen.socket", un->sun_path);
	errno = saved;
	if (saved != ECONNREFUSED)
		return err_sys(e, "%s: cannot tell whether somebody answers",
		    un->sun_path);
	if (unlink(un->sun_path) == -1)
		return err_sys(e, "%s: cannot replace a dead socket",
		    un->sun_path);
	return 0;
}

int
listener_bind_local(const char *path, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (MEM_STR(un.sun_path, path) == -1)
		return err_set(e, ERR_USAGE, "%s: longer than the %zu bytes "
		    "of a socket's name; change listen.socket", path,
		    sizeof(un.sun_path) - 1);
	if (clear_stale(&un, e) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "%s: cannot make a socket", path);
	/* The mode is set before listen: until then nobody gets in. */
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		err_sys(e, "%s: cannot make the socket; does its directory "
		    "exist, and is it ours?", un.sun_path);
	else if (chmod(un.sun_path, 0660) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		err_sys(e, "%s: cannot listen", un.sun_path);
		(void)unlink(un.sun_path);
	} else
		return fd;
	(void)close(fd);
	return -1;
}
