#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "watchdog.h"

enum {
	ROUNDS = 4,		/* of one pump, for fairness */
	WRITE_MOST = 32768,
	SNDBUF = 256 << 10,
	USER_TIMEOUT_MS = 15000
};

void
conn_tcp(int fd)
{
	int on = 1, size = SNDBUF, idle = 10, every = 5, count = 3;
	unsigned ms = USER_TIMEOUT_MS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every,
	    sizeof(every));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Callbacks of the library: note, never act: the
 * library walks its own lists while it calls them. */

static int
on_data(ssh_session ssh, ssh_channel ch, void *data, uint32_t n, int is_err,
    void *ctx)
{
	struct conn *c = ctx;

	(void)ssh;
	(void)ch;
	/* Always all of it: what is left would only be offered with the next
	 * packet, and grow without a bound. */
	if (!is_err && !c->dead)
		fifo_put(&c->in, data, n);
	return (int)n;
}

static void
on_eof(ssh_session ssh, ssh_channel ch, void *ctx)
{
	struct conn *c = ctx;

	(void)ssh;
	(void)ch;
	c->got_eof = true;
}

static void
on_close(ssh_session ssh, ssh_channel ch, void *ctx)
{
	struct conn *c = ctx;

	(void)ssh;
	(void)ch;
	c->got_close = true;
}

void
conn_channel(struct conn *c, ssh_channel ch)
{
	c->ch = ch;
	c->ccb.userdata = c;
	c->ccb.channel_data_function = on_data;
	c->ccb.channel_eof_function = on_eof;
	c->ccb.channel_close_function = on_close;
	ssh_callbacks_init(&c->ccb);
	(void)ssh_set_channel_callbacks(ch, &c->ccb);
}

/* The watcher */

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct conn *c = h->data;

	(void)events;
	/* An RST: libuv has stopped the watcher by itself; the pump finds
	 * the error. */
	if (status < 0)
		c->mask = 0;
	if (c->ops->ready != NULL)
		c->ops->ready(c->ctx);
	else
		conn_pump(c);
	if (status < 0 && !c->dead) {
		conn_fail(c, "the connection was reset");
		conn_pump(c);
	}
}

static void
on_wake(uv_idle_t *h)
{
	(void)uv_idle_stop(h);
	conn_pump(h->data);
}

int
conn_init(struct conn *c, uv_loop_t *loop, int fd)
{
	static bool once;

	/* The library sends without MSG_NOSIGNAL. */
	if (!once) {
		(void)signal(SIGPIPE, SIG_IGN);
		once = true;
	}
	c->wfd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (c->wfd == -1)
		return -1;
	(void)uv_poll_init(loop, &c->poll, c->wfd);
	(void)uv_idle_init(loop, &c->wake);
	c->poll.data = c->wake.data = c;
	c->handles = 2;
	return 0;
}

void
conn_watch(struct conn *c, int mask)
{
	if (c->killed || mask == c->mask)
		return;
	c->mask = mask;
	if (mask == 0)
		(void)uv_poll_stop(&c->poll);
	else
		(void)uv_poll_start(&c->poll, mask, on_ready);
}

void
conn_watch_wanted(struct conn *c)
{
	int mask = 0;

	/* A paused peer's window updates must still be read while output
	 * waits for them. */
	if (!c->paused || c->starved)
		mask |= UV_READABLE;
	if (ssh_get_poll_flags(c->ssh) & SSH_WRITE_PENDING)
		mask |= UV_WRITABLE;
	conn_watch(c, mask);
}

void
conn_wake(struct conn *c)
{
	if (!c->killed)
		(void)uv_idle_start(&c->wake, on_wake);
}

void
conn_pause(struct conn *c, bool paused)
{
	c->paused = paused;
	conn_wake(c);
}

void
conn_fail(struct conn *c, const char *why)
{
	if (c->dead)
		return;
	c->dead = true;
	(void)MEM_STR(c->why, why);
}

/* A dead session shows in one of three places, not always in the same. */
static bool
broken(struct conn *c, int rc)
{
	if (c->dead)
		return true;
	if (rc != SSH_ERROR && ssh_get_fd(c->ssh) >= 0 &&
	    !(ssh_get_status(c->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)))
		return false;
	if (c->got_close)
		conn_fail(c, "");
	else {
		const char *why = ssh_get_error(c->ssh);

		conn_fail(c, why != NULL && why[0] != '\0' ? why :
		    "the connection was closed");
	}
	return true;
}

static bool
rounds(struct conn *c)
{
	for (int i = 0; i < ROUNDS; i++) {
		int rc;

		watchdog_enter(c->peer);
		rc = ssh_event_dopoll(c->ev, 0);
		watchdog_leave();
		/* What came before the end still counts. */
		if (!c->dead)
			c->ops->progress(c->ctx);
		if (c->killed || broken(c, rc))
			return false;
		c->starved = false;
		c->ops->flush(c->ctx);
		if (c->killed || broken(c, SSH_OK))
			return false;
		if (!(ssh_get_poll_flags(c->ssh) & SSH_WRITE_PENDING) ||
		    c->paused)
			break;
	}
	/* Writing may have read, too. */
	if (c->in.len > 0 || c->got_eof || c->got_close)
		c->ops->progress(c->ctx);
	return !c->killed && !broken(c, SSH_OK);
}

void
conn_pump(struct conn *c)
{
	bool fine;

	if (c->killed || c->pumping)
		return;
	c->pumping = true;
	fine = !c->dead && c->ev != NULL && rounds(c);
	c->pumping = false;
	if (c->killed)
		return;
	if (fine) {
		conn_watch_wanted(c);
		return;
	}
	if (!c->dead)		/* not set up yet */
		return;
	conn_watch(c, 0);
	c->ops->lost(c->ctx, c->why);
}

void
conn_write(struct conn *c, bool err, struct fifo *q)
{
	while (q->len > 0 && !c->dead && c->ch != NULL &&
	    ssh_channel_is_open(c->ch)) {
		uint32_t window, n;
		int rc;

		/* The library still holds bytes: its only back-pressure. */
		if (ssh_get_status(c->ssh) & SSH_WRITE_PENDING)
			break;
		window = ssh_channel_window_size(c->ch);
		if (window == 0)
			break;
		n = q->len < WRITE_MOST ? (uint32_t)q->len : WRITE_MOST;
		if (n > window)
			n = window;
		watchdog_enter(c->peer);
		rc = err ? ssh_channel_write_stderr(c->ch, fifo_peek(q), n) :
		    ssh_channel_write(c->ch, fifo_peek(q), n);
		watchdog_leave();
		if (rc < 0) {
			(void)broken(c, SSH_ERROR);
			break;
		}
		fifo_take(q, (size_t)rc);
		/* Normal while keys are exchanged anew: the pump resumes. */
		if ((uint32_t)rc < n)
			break;
	}
	if (q->len > 0)
		c->starved = true;
}

static void
bye(struct conn *c, int status, int sig)
{
	const char *name = sigabbrev_np(sig);

	if (c->dead || c->ch == NULL)
		return;
	watchdog_enter(c->peer);
	if (sig != 0)
		(void)ssh_channel_request_send_exit_signal(c->ch,
		    name != NULL ? name : "KILL", 0, "", "");
	else if (status >= 0)
		(void)ssh_channel_request_send_exit_status(c->ch, status);
	(void)ssh_channel_send_eof(c->ch);
	(void)ssh_channel_close(c->ch);
	watchdog_leave();
	/* The answer to it is to be read, whatever was paused. */
	c->paused = false;
	conn_wake(c);
}

void
conn_bye(struct conn *c, int status)
{
	bye(c, status, 0);
}

void
conn_bye_signal(struct conn *c, int sig)
{
	bye(c, -1, sig);
}

bool
conn_said_bye(const struct conn *c)
{
	return c->got_close &&
	    !(ssh_get_poll_flags(c->ssh) & SSH_WRITE_PENDING);
}

static void
on_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	if (--c->handles == 0)
		c->ops->gone(c->ctx);
}

void
conn_kill(struct conn *c)
{
	if (c->killed)
		return;
	c->dead = c->killed = true;
	c->mask = 0;
	/* In this order: the watcher, the library, the dup; a number that is
	 * used again must find no watcher of ours. */
	uv_close((uv_handle_t *)&c->poll, on_closed);
	uv_close((uv_handle_t *)&c->wake, on_closed);
	watchdog_enter(c->peer);
	if (c->ev != NULL) {
		(void)ssh_event_remove_session(c->ev, c->ssh);
		ssh_event_free(c->ev);
	}
	ssh_silent_disconnect(c->ssh);
	ssh_free(c->ssh);
	watchdog_leave();
	(void)close(c->wfd);
	c->ssh = NULL;
	c->ev = NULL;
	c->ch = NULL;
	fifo_free(&c->in);
}
