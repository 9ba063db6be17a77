#include "local.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "transport.h"

enum { PIECE = 65536, PIECES_A_TURN = 4 };

struct local {
	struct session *session;
	uv_poll_t	poll;
	int		fd, mask;
	bool		paused, eof, blocked;
	void	      (*freed)(void *);
	void	       *arg;
	int		parts;		/* session and poll handle */
};

static void on_ready(uv_poll_t *, int, int);

static void
part_gone(void *t)
{
	struct local *l = t;

	if (--l->parts > 0)
		return;
	if (l->freed != NULL)
		l->freed(l->arg);
	free(l);
}

static void
watch(struct local *l)
{
	int mask = 0;

	if (!l->paused && !l->eof)
		mask |= UV_READABLE;
	if (l->blocked)
		mask |= UV_WRITABLE;
	/* A new mask costs two system calls. */
	if (mask == l->mask)
		return;
	l->mask = mask;
	if (mask == 0)
		(void)uv_poll_stop(&l->poll);
	else
		(void)uv_poll_start(&l->poll, mask, on_ready);
}

static void
local_flush(void *t)
{
	struct local *l = t;
	struct fifo *q = session_out(l->session);

	l->blocked = false;
	while (q->len > 0) {
		ssize_t n = send(l->fd, fifo_peek(q), q->len, MSG_NOSIGNAL);

		if (n >= 0) {
			fifo_take(q, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			l->blocked = true;
		else
			session_lost(l->session, "");
		break;
	}
	watch(l);
	session_taken(l->session);
}

static bool
peer_gone(const struct local *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void
receive(struct local *l)
{
	static char piece[PIECE];	/* one thread, no recursion */

	for (int i = 0; i < PIECES_A_TURN && !l->paused; i++) {
		ssize_t n = recv(l->fd, piece, sizeof(piece), 0);

		if (n > 0) {
			session_input(l->session, piece, (size_t)n);
			if (session_paused(l->session) ||
			    n < (ssize_t)sizeof(piece))
				return;
			continue;
		}
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1)
			session_lost(l->session, strerror(errno));
		else if (peer_gone(l))
			session_lost(l->session, "");
		else {
			l->eof = true;
			session_eof(l->session);
		}
		return;
	}
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct local *l = h->data;

	/* On an error libuv stops the watcher by itself. */
	if (status < 0) {
		l->mask = 0;
		session_lost(l->session, "");
		return;
	}
	if ((events & UV_READABLE) && !l->paused && !l->eof)
		receive(l);
	if (events & UV_WRITABLE)
		local_flush(l);
	watch(l);
}

static void
local_read(void *t, bool on)
{
	struct local *l = t;

	l->paused = !on;
	watch(l);
}

static void
local_finish(void *t)
{
	struct local *l = t;

	session_lost(l->session, "");
}

static void
on_closed(uv_handle_t *h)
{
	part_gone(h->data);
}

static void
local_drop(void *t)
{
	struct local *l = t;

	uv_close((uv_handle_t *)&l->poll, on_closed);
	(void)close(l->fd);
}

static const struct transport local_transport = {
	.flush = local_flush,
	.read = local_read,
	.finish = local_finish,
	.drop = local_drop,
};

static int
credentials(int fd, struct peer *p)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct passwd pw, *found = NULL;
	char text[2048];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == -1)
		return -1;
	p->kind = PEER_LOCAL;
	p->uid = cred.uid;
	p->gid = cred.gid;
	p->pid = cred.pid;
	(void)MEM_STR(p->addr, "local");
	if (getpwuid_r(cred.uid, &pw, text, sizeof(text), &found) == 0 &&
	    found != NULL)
		(void)MEM_STR(p->user, found->pw_name);
	else
		(void)snprintf(p->user, sizeof(p->user), "uid %u",
		    (unsigned)cred.uid);
	return 0;
}

struct session *
local_new(uv_loop_t *loop, int fd, void (*freed)(void *), void *arg)
{
	struct peer peer = { 0 };

	if (credentials(fd, &peer) == -1) {
		log_warn("net", "a local connection without credentials was "
		    "closed: %s", strerror(errno));
		(void)close(fd);
		return NULL;
	}
	return local_of(loop, fd, &peer, freed, arg);
}

struct session *
local_of(uv_loop_t *loop, int fd, const struct peer *peer,
    void (*freed)(void *), void *arg)
{
	struct local *l = mem_zero(1, sizeof(*l));

	l->fd = fd;
	l->freed = freed;
	l->arg = arg;
	l->parts = 2;
	(void)uv_poll_init(loop, &l->poll, fd);
	l->poll.data = l;
	l->session = session_new(loop, &local_transport, l, peer);
	session_on_free(l->session, part_gone, l);
	watch(l);
	return l->session;
}
