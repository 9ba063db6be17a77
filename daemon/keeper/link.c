#include "keeper/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "pack.h"

enum {
	IN_MAX = 2 * KMSG_MAX,
	OUT_MAX = 64 << 20,
	OUT_HIGH = 1 << 20,	/* a reader behind this is not read from */
	CHUNK = 65536,
	FULL_MS = 1000		/* no descriptor for who wants to connect */
};

struct conn {
	int	   fd;
	bool	   greeted;
	struct buf in, out;
};

static struct {
	int	    listen;
	mono	    full;	/* until then it is not listened to */
	uid_t	    owner;
	const char *start_id, *boot_id;
	const struct link_ops *ops;
	struct conn client;	/* said hello */
	struct conn fresh;	/* did not yet */
	struct buf  gate;
} l = {
	.listen = -1,
	.client = { -1, false, BUF_INIT(IN_MAX), BUF_INIT(OUT_MAX) },
	.fresh = { -1, false, BUF_INIT(IN_MAX), BUF_INIT(OUT_MAX) },
	.gate = BUF_INIT(OUT_MAX),
};

int
link_listen(int state, int keeper, uid_t uid, gid_t gid, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int rc;

	if (fd == -1)
		return err_sys(e, "keeper.sock");
	/* Through the descriptor: no length limit, no symbolic links. */
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path),
	    "/proc/self/fd/%d/sock.new", keeper);
	(void)unlinkat(keeper, "sock.new", 0);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	(void)umask(mask);
	if (rc == -1 || listen(fd, 16) == -1 ||
	    (geteuid() == 0 && fchownat(keeper, "sock.new", uid, gid,
	    AT_SYMLINK_NOFOLLOW) == -1) ||
	    renameat(keeper, "sock.new", state, "keeper.sock") == -1) {
		(void)err_sys(e, "keeper.sock");
		(void)close(fd);
		return -1;
	}
	l.listen = fd;
	return 0;
}

void
link_init(uid_t owner, const char *start_id, const char *boot_id,
    const struct link_ops *ops)
{
	l.ops = ops;
	l.owner = owner;
	l.start_id = start_id;
	l.boot_id = boot_id;
}

static void
conn_close(struct conn *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	c->greeted = false;
	buf_free(&c->in);
	buf_free(&c->out);
}

static void
conn_write(struct conn *c)
{
	while (c->fd != -1 && c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);

		if (n > 0) {
			buf_shift(&c->out, (size_t)n);
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN)
			conn_close(c);
		return;
	}
}

/* A last word for a peer that is not understood. */
static void
conn_refuse(struct conn *c, const char *why)
{
	log_warn("link", "client dropped: %s", why);
	kmsg_put_error(&c->out, why);
	conn_write(c);
	conn_close(c);
}

static void
accept_one(void)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	int fd = accept4(l.listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			l.full = mono_add_ms(clock_mono(), FULL_MS);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 ||
	    (peer.uid != 0 && peer.uid != l.owner)) {
		log_warn("link", "uid %u may not connect", (unsigned)peer.uid);
		(void)close(fd);
		return;
	}
	conn_close(&l.fresh);
	l.fresh.fd = fd;
}

static int
hello(struct conn *c, const struct kmsg *m, struct err *e)
{
	if (m->type != KMSG_HELLO)
		return err_set(e, ERR_USAGE, "keeper: the first message must "
		    "be hello, not %d", (int)m->type);
	if (m->version != KMSG_VERSION)
		return err_set(e, ERR_USAGE, "keeper: speaks version %d, not "
		    "%d; upgrade it (kill -HUP after the new one is installed)",
		    KMSG_VERSION, m->version);
	c->greeted = true;
	kmsg_put_welcome(&c->out, l.start_id, l.boot_id);
	return 0;
}

static int
obey(struct conn *c, struct kmsg *m, struct err *e)
{
	if (!c->greeted || m->type == KMSG_HELLO) {
		kmsg_clear(m);
		return hello(c, m, e);
	}
	switch (m->type) {
	case KMSG_START:
		l.ops->start(m);
		return 0;
	case KMSG_ABORT:
		l.ops->abort(m->id, m->grace_ms);
		return 0;
	case KMSG_FORGET:
		l.ops->forget(m->id);
		return 0;
	case KMSG_LIST:
		l.ops->list();
		return 0;
	case KMSG_HELLO:
	case KMSG_WELCOME:
	case KMSG_REPORT:
	case KMSG_LISTED:
	case KMSG_ERROR:
		break;
	}
	return err_set(e, ERR_USAGE, "keeper: message %d is not for it",
	    (int)m->type);
}

/* fresh has said hello: it takes the place of the old client. */
static void
promote(void)
{
	if (l.client.fd != -1)
		log_info("link", "a newer musterd took over");
	conn_close(&l.client);
	buf_clear(&l.gate);
	l.client = l.fresh;
	l.fresh = (struct conn){ -1, false, BUF_INIT(IN_MAX),
		BUF_INIT(OUT_MAX) };
}

/* Obeys the complete frames; stops after the hello of a fresh connection. */
static void
frames(struct conn *c)
{
	bool was = c->greeted;
	struct err e = { 0 };
	size_t at = 0;
	long n = 0;
	struct kmsg m;

	while (c->greeted == was && at < c->in.len &&
	    (n = kmsg_read(c->in.p + at, c->in.len - at, &m, &e)) > 0) {
		at += (size_t)n;
		if (obey(c, &m, &e) == -1) {
			n = -1;
			break;
		}
	}
	/* Starts still point into these bytes. */
	l.ops->commit();
	if (n == -1) {
		conn_refuse(c, e.msg);
		return;
	}
	buf_shift(&c->in, at);
	if (c->greeted != was) {
		promote();
		frames(&l.client);
	}
}

static void
conn_read(struct conn *c)
{
	static char part[CHUNK];
	ssize_t n = recv(c->fd, part, sizeof(part), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	buf_put(&c->in, part, (size_t)n);
	frames(c);
}

mono
link_next(mono now)
{
	if (now.us >= l.full.us)
		l.full.us = 0;
	return l.full.us == 0 ? MONO_NEVER : l.full;
}

size_t
link_watch(struct pollfd *p)
{
	size_t n = 0;

	if (l.full.us == 0)
		p[n++] = (struct pollfd){ l.listen, POLLIN, 0 };
	if (l.client.fd != -1)
		p[n++] = (struct pollfd){ l.client.fd, (short)
			((l.client.out.len < OUT_HIGH ? POLLIN : 0) |
			(l.client.out.len > 0 ? POLLOUT : 0)), 0 };
	if (l.fresh.fd != -1)
		p[n++] = (struct pollfd){ l.fresh.fd, POLLIN, 0 };
	return n;
}

void
link_turn(const struct pollfd *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i].revents == 0)
			continue;
		if (p[i].fd == l.listen)
			accept_one();
		else if (p[i].fd == l.client.fd &&
		    (p[i].revents & ~POLLOUT) != 0)
			conn_read(&l.client);
		else if (p[i].fd == l.fresh.fd)
			conn_read(&l.fresh);
	}
	if (l.client.out.failed) {
		log_warn("link", "client dropped: it does not read");
		conn_close(&l.client);
	}
	conn_write(&l.client);
}

bool
link_has_client(void)
{
	return l.client.fd != -1 || l.fresh.fd != -1;
}

/* One that was refused never ran, however near it came. */
static void
put(struct buf *b, struct kmsg_report r)
{
	if (r.state == RUN_REFUSED)
		r.started_ms = 0;
	kmsg_put_report(b, &r);
}

void
link_put_report(const struct kmsg_report *r)
{
	if (l.client.fd != -1)
		put(&l.gate, *r);
}

static struct kmsg_report
report_of(const struct run *r)
{
	return (struct kmsg_report){ .id = r->id, .state = r->state,
		.code = r->code, .pid = r->pid, .started_ms = r->started.ms,
		.ended_ms = r->state == RUN_RUNNING ? 0 : r->ended.ms,
		.why = r->state == RUN_RUNNING ? "" : r->why,
		.slot = r->state == RUN_RUNNING ? r->slot : "" };
}

void
link_report(const struct run *r)
{
	struct kmsg_report rep = report_of(r);

	link_put_report(&rep);
}

void
link_report_now(const struct run *r, bool as_it_is)
{
	struct kmsg_report rep = report_of(r);

	if (!as_it_is) {
		rep.state = RUN_RUNNING;
		rep.code = 0;
		rep.ended_ms = 0;
		rep.why = "";
	}
	if (l.client.fd != -1)
		put(&l.client.out, rep);
}

void
link_listed_now(void)
{
	if (l.client.fd != -1)
		kmsg_put_listed(&l.client.out);
}

void
link_release(void)
{
	if (l.gate.failed)
		l.client.out.failed = true;
	else if (l.client.fd != -1)
		buf_put(&l.client.out, l.gate.p, l.gate.len);
	if (l.gate.cap > OUT_HIGH)
		buf_free(&l.gate);
	else
		buf_clear(&l.gate);
}

static void
inherit(int fd, bool on)
{
	if (fd != -1)
		(void)fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
}

void
link_inherit(bool on)
{
	inherit(l.listen, on);
	inherit(l.client.fd, on);
}

/* Bytes may hold NULs: length, then the bytes. */
static void
pack_bytes(struct buf *b, const struct buf *from)
{
	pack_int(b, from->len, PACK_32);
	buf_put(b, from->p, from->len);
}

void
link_pack(struct buf *b)
{
	pack_int(b, (uint64_t)l.listen, PACK_32);
	pack_int(b, (uint64_t)(l.client.fd + 1), PACK_32);
	pack_bytes(b, &l.client.in);
	pack_bytes(b, &l.client.out);
}

static void
unpack_bytes(struct unpack *u, struct buf *to)
{
	size_t n = (size_t)unpack_int(u, PACK_32);

	if (u->bad || n > u->n) {
		u->bad = true;
		return;
	}
	buf_put(to, u->p, n);
	u->p += n;
	u->n -= n;
}

int
link_unpack(const char *p, size_t n)
{
	struct unpack u = { p, n, false };

	l.listen = (int)unpack_int(&u, PACK_32);
	l.client.fd = (int)unpack_int(&u, PACK_32) - 1;
	l.client.greeted = l.client.fd != -1;
	unpack_bytes(&u, &l.client.in);
	unpack_bytes(&u, &l.client.out);
	link_inherit(false);
	return u.bad ? -1 : 0;
}
