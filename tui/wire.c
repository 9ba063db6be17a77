#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "mem.h"

struct wire {
	const struct wire_ops *ops;
	void *ctx;
	struct buf in;
	size_t looked;		/* bytes of in without a newline */
	bool ended;
};

struct wire *
wire_new(const struct wire_ops *ops, void *ctx)
{
	struct wire *w = mem_zero(1, sizeof(*w));

	w->ops = ops;
	w->ctx = ctx;
	w->in = (struct buf)BUF_INIT(WIRE_LINE + 65536);
	return w;
}

void
wire_close(struct wire *w)
{
	if (w == NULL)
		return;
	w->ops->close(w->ctx);
	buf_free(&w->in);
	free(w);
}

bool
wire_ended(const struct wire *w)
{
	return w->ended;
}

int
wire_poll(const struct wire *w)
{
	return w->ops->fd(w->ctx);
}

int
wire_send(struct wire *w, const json_t *msg, struct err *e)
{
	char *s = json_dumps(msg, JSON_COMPACT);
	size_t n;
	int rc;

	if (s == NULL)
		return err_set(e, ERR_USAGE, "the request is not valid JSON");
	n = strlen(s);
	if (n >= WIRE_LINE) {
		free(s);
		return err_set(e, ERR_USAGE,
		    "the request is longer than 1 MiB: make it smaller");
	}
	s[n] = '\n';		/* where the NUL was */
	rc = w->ops->write(w->ctx, s, n + 1, e);
	w->ended |= rc == -1;
	free(s);
	return rc;
}

static json_t *
take_line(struct wire *w, size_t n, struct err *e)
{
	json_error_t je;
	json_t *msg = json_loadb(w->in.p, n, JSON_REJECT_DUPLICATES, &je);

	buf_shift(&w->in, n + 1);
	w->looked = 0;
	if (json_is_object(msg))
		return msg;
	json_decref(msg);
	(void)err_set(e, ERR_IO, "what answers there does not speak muster's "
	    "protocol");
	return NULL;
}

json_t *
wire_recv(struct wire *w, int timeout_ms, struct err *e)
{
	mono end = timeout_ms < 0 ? MONO_NEVER
	    : mono_add_ms(clock_mono(), timeout_ms);
	char chunk[16384];

	for (;;) {
		char *nl = memchr(w->in.p + w->looked, '\n',
		    w->in.len - w->looked);
		int64_t left = -1;
		ssize_t n;

		if (nl != NULL)
			return take_line(w, (size_t)(nl - w->in.p), e);
		w->looked = w->in.len;
		if (w->in.len > WIRE_LINE) {
			(void)err_set(e, ERR_IO,
			    "the other end sent a line longer than 1 MiB");
			return NULL;
		}
		if (timeout_ms >= 0) {
			left = mono_diff_ms(end, clock_mono());
			left = left < 0 ? 0 : left;
		}
		n = w->ops->read(w->ctx, chunk, sizeof(chunk), (int)left, e);
		if (n == 0)
			(void)err_set(e, ERR_CONNECT,
			    "the other end closed the connection");
		if (n <= 0) {
			w->ended = true;
			return NULL;
		}
		buf_put(&w->in, chunk, (size_t)n);
	}
}

/* ---- a socket --------------------------------------------------------- */

static int
fd_of(void *ctx)
{
	return (int)(intptr_t)ctx;
}

static ssize_t
fd_read(void *ctx, char *p, size_t size, int timeout_ms, struct err *e)
{
	struct pollfd pfd = { .fd = fd_of(ctx), .events = POLLIN };
	ssize_t n;
	int rc;

	do			/* stopped and continued by the shell: again */
		rc = poll(&pfd, 1, timeout_ms);
	while (rc == -1 && errno == EINTR);
	if (rc == 0)
		return err_set(e, ERR_TIMEOUT, "no answer in time");
	if (rc == -1)
		return err_sys(e, "waiting for the answer");
	n = recv(fd_of(ctx), p, size, 0);
	if (n == -1 && errno == ECONNRESET)
		return 0;
	return n == -1 ? err_sys(e, "reading the answer") : n;
}

static int
fd_write(void *ctx, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t done = send(fd_of(ctx), p, n, MSG_NOSIGNAL);

		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return err_sys(e, "sending the request");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static void
fd_close(void *ctx)
{
	(void)close(fd_of(ctx));
}

struct wire *
wire_fd(int fd)
{
	static const struct wire_ops ops = { fd_read, fd_write, fd_close,
		fd_of };

	return wire_new(&ops, (void *)(intptr_t)fd);
}

static void
local_refused(const char *path, struct err *e)
{
	if (errno == EACCES || errno == EPERM)
		(void)err_set(e, ERR_DENIED, "you may not open %s: be root or "
		    "in the group that owns it (muster)", path);
	else if (errno == ENOENT || errno == ECONNREFUSED)
		(void)err_set(e, ERR_CONNECT, "no musterd answers on %s: is it "
		    "running? (systemctl status musterd, or -S SOCKET)", path);
	else {
		(void)err_sys(e, "cannot connect to %s", path);
		e->code = ERR_CONNECT;
	}
}

struct wire *
wire_local(const char *path, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (mem_str(sun.sun_path, sizeof(sun.sun_path), path) == -1) {
		(void)err_set(e, ERR_USAGE, "socket %s: longer than %zu bytes, "
		    "use a shorter path", path, sizeof(sun.sun_path) - 1);
		return NULL;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		(void)err_sys(e, "socket");
		return NULL;
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		local_refused(path, e);
		(void)close(fd);
		return NULL;
	}
	return wire_fd(fd);
}
