#include "dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "log.h"
#include "mem.h"
#include "transport.h"
#include "watchdog.h"

enum {
	DIAL_MS = 10000,
	ADDRESS_MS = 1000,		/* at least, for one of several */
	ROUND_MS = 2500			/* then it is asked again: the system
					 * does so later and later */
};

/*
 *  RESOLVE -> CONNECT -> HANDSHAKE -> AUTH -> CHANNEL -> SUBSYSTEM -> UP
 *               ^  |next address        |        |          |
 *               +--+                    +--------+----------+---> OVER
 */
enum step { RESOLVE, CONNECT, HANDSHAKE, AUTH, CHANNEL, SUBSYSTEM, UP, OVER };

/* Of several addresses that failed, the most telling reason is kept. */
enum reason { R_NONE, R_OTHER, R_NO_ROUTE, R_NO_ANSWER, R_REFUSED };

struct dialing;

struct attempt {			/* one connect(), ours until it ends */
	struct dialing *d;
	uv_poll_t	poll;
	int		fd;
};

struct dialing {
	uv_loop_t	 *loop;
	struct session	 *session;	/* NULL once dropped */
	struct conn	  conn;
	bool		  wired;	/* conn is set up */
	bool		  resolving;
	struct peer	  peer;
	enum step	  step;
	char		 *host;
	int		  port;
	char		  where[320];	/* "host:port" for people */
	const struct key *key;
	bool		(*trust)(void *, const char *, const char *,
			    struct err *);
	void		 *ctx;
	uv_getaddrinfo_t  req;
	struct addrinfo	 *found, *next;
	struct attempt	 *attempt;
	uv_timer_t	  timer;
	uint64_t	  end;
	enum reason	  reason;
	char		  why[512];
	int		  parts;
	bool		  eof_told;
};

static void try_next(struct dialing *);
static void advance(void *);

static void
part_gone(void *ctx)
{
	struct dialing *d = ctx;

	if (--d->parts > 0)
		return;
	if (d->found != NULL)
		uv_freeaddrinfo(d->found);
	free(d->host);
	free(d);
}

static void
fail(struct dialing *d, const char *why)
{
	if (d->step == OVER)
		return;
	d->step = OVER;
	(void)uv_timer_stop(&d->timer);
	if (d->wired)
		conn_watch(&d->conn, 0);
	if (d->session != NULL)
		session_lost(d->session, why);
}

__attribute__((format(printf, 3, 4))) static void
note(struct dialing *d, enum reason r, const char *fmt, ...)
{
	va_list ap;

	if (r < d->reason)
		return;
	d->reason = r;
	va_start(ap, fmt);
	(void)vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
}

static void
no_answer(struct dialing *d)
{
	note(d, R_NO_ANSWER,
	    "no answer from %s (dropped? a refusing port answers at once)",
	    d->where);
}

static void
note_errno(struct dialing *d, int error)
{
	switch (error) {
	case ECONNREFUSED:
		note(d, R_REFUSED, "connection refused by %s: is musterd "
		    "running there, and its listen.port right?", d->where);
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EADDRNOTAVAIL:
		note(d, R_NO_ROUTE, "no route to %s: check the address and "
		    "this machine's network (%s)", d->where, strerror(error));
		break;
	case ETIMEDOUT:
		no_answer(d);
		break;
	default:
		note(d, R_OTHER, "cannot connect to %s: %s", d->where,
		    strerror(error));
		break;
	}
}

/* Connecting */

static void
on_attempt_closed(uv_handle_t *h)
{
	struct attempt *a = h->data;
	struct dialing *d = a->d;

	free(a);
	part_gone(d);
}

/* Takes the descriptor out of its watcher; the caller closes or uses it in
 * the same turn: uv_close works on the number, whoever has it by then. */
static int
end_attempt(struct dialing *d)
{
	struct attempt *a = d->attempt;
	int fd = a->fd;

	d->attempt = NULL;
	uv_close((uv_handle_t *)&a->poll, on_attempt_closed);
	return fd;
}

static void
arm(struct dialing *d, void (*cb)(uv_timer_t *), uint64_t ms)
{
	(void)uv_timer_start(&d->timer, cb, ms, 0);
}

static uint64_t
left(const struct dialing *d)
{
	uint64_t now = uv_now(d->loop);

	return d->end > now ? d->end - now : 0;
}

static void
on_deadline(uv_timer_t *h)
{
	struct dialing *d = h->data;

	if (d->attempt != NULL) {
		int fd = end_attempt(d);

		(void)close(fd);
	}
	d->reason = R_NONE;
	no_answer(d);
	fail(d, d->why);
}

static void
on_address_deadline(uv_timer_t *h)
{
	struct dialing *d = h->data;
	int fd = end_attempt(d);

	(void)close(fd);
	no_answer(d);
	if (d->next->ai_next == NULL)
		d->step = RESOLVE;	/* from the first one again */
	try_next(d);
}

static const struct conn_ops dial_conn_ops;

static int
begin_ssh(struct dialing *d, int fd)
{
	struct conn *c = &d->conn;
	bool no = false;
	ssh_session s = ssh_new();

	if (s == NULL)
		return -1;
	c->ssh = s;
	c->ops = &dial_conn_ops;
	c->ctx = d;
	c->peer = &d->peer;
	(void)ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no);
	(void)ssh_options_set(s, SSH_OPTIONS_HOST, d->host);
	(void)ssh_options_set(s, SSH_OPTIONS_USER, PEER_NODE_USER);
	(void)ssh_options_set(s, SSH_OPTIONS_KEY_EXCHANGE,
	    "curve25519-sha256,curve25519-sha256@libssh.org");
	(void)ssh_options_set(s, SSH_OPTIONS_CIPHERS_C_S,
	    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
	    "chacha20-poly1305@openssh.com");
	(void)ssh_options_set(s, SSH_OPTIONS_CIPHERS_S_C,
	    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
	    "chacha20-poly1305@openssh.com");
	(void)ssh_options_set(s, SSH_OPTIONS_HOSTKEYS, "ssh-ed25519");
	(void)ssh_options_set(s, SSH_OPTIONS_COMPRESSION_C_S, "none");
	(void)ssh_options_set(s, SSH_OPTIONS_COMPRESSION_S_C, "none");
	(void)ssh_options_set(s, SSH_OPTIONS_FD, &fd);
	ssh_set_blocking(s, 0);
	if (conn_init(c, d->loop, fd) == -1) {
		ssh_free(s);
		c->ssh = NULL;
		return -1;
	}
	d->wired = true;
	d->parts++;
	return 0;
}

static void
connected(struct dialing *d, int fd, const struct sockaddr *sa, socklen_t n)
{
	char host[48], port[8];

	if (getnameinfo(sa, n, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		(void)snprintf(d->peer.addr, sizeof(d->peer.addr),
		    sa->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		    port);
	conn_tcp(fd);
	if (begin_ssh(d, fd) == -1) {
		note_errno(d, errno);
		(void)close(fd);
		fail(d, d->why);
		return;
	}
	(void)mem_str(session_peer_edit(d->session)->addr,
	    sizeof(d->peer.addr), d->peer.addr);
	arm(d, on_deadline, left(d));
	d->step = HANDSHAKE;
	advance(d);
}

static void
on_connect(uv_poll_t *h, int status, int events)
{
	struct attempt *a = h->data;
	struct dialing *d = a->d;
	struct addrinfo *ai = d->next;
	int error = 0, fd;
	socklen_t n = sizeof(error);

	(void)status;
	(void)events;
	fd = end_attempt(d);
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error == 0 && status == 0) {
		connected(d, fd, ai->ai_addr, ai->ai_addrlen);
		return;
	}
	(void)close(fd);
	note_errno(d, error != 0 ? error : ECONNREFUSED);
	try_next(d);
}

static int
start_attempt(struct dialing *d, const struct addrinfo *ai)
{
	struct attempt *a;
	int fd;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return errno;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == -1 &&
	    errno != EINPROGRESS) {
		int error = errno;

		(void)close(fd);
		return error;
	}
	a = mem_zero(1, sizeof(*a));
	a->d = d;
	a->fd = fd;
	(void)uv_poll_init(d->loop, &a->poll, fd);
	a->poll.data = a;
	(void)uv_poll_start(&a->poll, UV_WRITABLE, on_connect);
	d->attempt = a;
	d->parts++;
	return 0;
}

/* Each address gets its share of the time that is left. */
static void
try_next(struct dialing *d)
{
	struct addrinfo *ai;
	uint64_t n = 0, ms;

	for (;;) {
		int error;

		d->next = d->step == RESOLVE ? d->found : d->next->ai_next;
		d->step = CONNECT;
		if (d->next == NULL || left(d) == 0) {
			fail(d, d->why);
			return;
		}
		error = start_attempt(d, d->next);
		if (error == 0)
			break;
		note_errno(d, error);
	}
	for (ai = d->next; ai != NULL; ai = ai->ai_next)
		n++;
	ms = n == 1 ? ROUND_MS : left(d) / n;
	if (ms < ADDRESS_MS)
		ms = ADDRESS_MS;
	if (ms >= left(d))
		arm(d, on_deadline, left(d));
	else
		arm(d, on_address_deadline, ms);
}

static void
on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct dialing *d = req->data;

	d->found = res;
	d->resolving = false;
	if (d->session != NULL && d->step == RESOLVE) {
		if (status == 0 && res != NULL)
			try_next(d);
		else {
			(void)snprintf(d->why, sizeof(d->why), "%s: name not "
			    "found (%s): check its spelling, or DNS", d->host,
			    status != 0 ? uv_strerror(status) : "no address");
			fail(d, d->why);
		}
	}
	part_gone(d);
}

/* The SSH side, one step at a time; each is called again until it is done. */

static void
keep_nonblocking(struct dialing *d)
{
	int flags = fcntl(d->conn.wfd, F_GETFL);

	/* The library makes the socket blocking when it has connected. */
	if (flags != -1 && !(flags & O_NONBLOCK))
		(void)fcntl(d->conn.wfd, F_SETFL, flags | O_NONBLOCK);
}

static void
handshake_failed(struct dialing *d)
{
	const char *e = ssh_get_error(d->conn.ssh);

	d->reason = R_NONE;
	if (ssh_get_serverbanner(d->conn.ssh) == NULL)
		note(d, R_OTHER, "%s is not a muster port: what answers there "
		    "does not speak SSH; is listen.port right?", d->where);
	else if (strstr(e, "no match") != NULL)
		note(d, R_OTHER, "%s is not a muster port: another kind of SSH "
		    "server answers there; is listen.port right? (%s)",
		    d->where, e);
	else
		note(d, R_OTHER, "%s broke off the handshake: %s; is that "
		    "musterd overloaded, or stopping?", d->where, e);
	fail(d, d->why);
}

static bool
trusted(struct dialing *d)
{
	struct err e = { 0 };
	ssh_key k = NULL;
	struct peer *p = &d->peer;

	if (ssh_get_server_publickey(d->conn.ssh, &k) != SSH_OK ||
	    key_of_ssh(k, p->key, p->fingerprint, &e) == -1) {
		ssh_key_free(k);
		fail(d, "the other end showed no key");
		return false;
	}
	ssh_key_free(k);
	*session_peer_edit(d->session) = *p;
	if (d->trust(d->ctx, p->key, p->fingerprint, &e))
		return true;
	if (e.msg[0] == '\0')
		(void)snprintf(e.msg, sizeof(e.msg), "%s shows the key %s, "
		    "which is not the one expected: join again with a new "
		    "token, or find out who answers there", d->where,
		    p->fingerprint);
	fail(d, e.msg);
	return false;
}

static int
do_handshake(struct dialing *d)
{
	int rc = ssh_connect(d->conn.ssh);

	keep_nonblocking(d);
	if (rc == SSH_AGAIN)
		return 0;
	if (rc != SSH_OK) {
		handshake_failed(d);
		return 0;
	}
	return trusted(d) ? 1 : 0;
}

static int
do_auth(struct dialing *d)
{
	switch (ssh_userauth_publickey(d->conn.ssh, NULL, d->key->ssh)) {
	case SSH_AUTH_SUCCESS:
		return 1;
	case SSH_AUTH_AGAIN:
		return 0;
	case SSH_AUTH_DENIED:
	case SSH_AUTH_PARTIAL:
		d->reason = R_NONE;
		note(d, R_OTHER, "%s refused our key %s: was this node "
		    "removed there? join again with muster join request",
		    d->where, d->key->fingerprint);
		break;
	default:
		d->reason = R_NONE;
		note(d, R_OTHER, "%s hung up while we logged in: %s",
		    d->where, ssh_get_error(d->conn.ssh));
		break;
	}
	fail(d, d->why);
	return 0;
}

static int
do_channel(struct dialing *d)
{
	struct conn *c = &d->conn;
	int rc;

	if (c->ch == NULL) {
		ssh_channel ch = ssh_channel_new(c->ssh);

		if (ch == NULL) {
			fail(d, "out of memory");
			return 0;
		}
		conn_channel(c, ch);
	}
	rc = d->step == CHANNEL ? ssh_channel_open_session(c->ch) :
	    ssh_channel_request_subsystem(c->ch, "muster");
	if (rc == SSH_OK)
		return 1;
	if (rc == SSH_AGAIN)
		return 0;
	d->reason = R_NONE;
	note(d, R_OTHER, "%s is not a muster port: it speaks SSH but refuses "
	    "the subsystem muster (%s)", d->where, ssh_get_error(c->ssh));
	fail(d, d->why);
	return 0;
}

static void
up(struct dialing *d)
{
	struct conn *c = &d->conn;

	d->step = UP;
	(void)uv_timer_stop(&d->timer);
	c->ev = ssh_event_new();
	if (c->ev == NULL || ssh_event_add_session(c->ev, c->ssh) != SSH_OK) {
		fail(d, "out of memory");
		return;
	}
	session_opened(d->session);
	conn_wake(c);
}

static void
advance(void *ctx)
{
	struct dialing *d = ctx;
	int on = 1;

	while (on && d->step >= HANDSHAKE && d->step < UP) {
		watchdog_enter(&d->peer);
		on = d->step == HANDSHAKE ? do_handshake(d) :
		    d->step == AUTH ? do_auth(d) : do_channel(d);
		watchdog_leave();
		if (on)
			d->step++;
	}
	if (d->step == UP && d->conn.ev == NULL)
		up(d);
	if (d->step == UP)
		conn_pump(&d->conn);
	else if (d->step != OVER)
		conn_watch_wanted(&d->conn);
}

/* The connection's side, once it is up */

static void
on_progress(void *ctx)
{
	struct dialing *d = ctx;
	struct conn *c = &d->conn;
	struct fifo in = c->in;

	c->in = (struct fifo){ 0 };
	if (d->session != NULL && in.len > 0)
		session_input(d->session, fifo_peek(&in), in.len);
	fifo_free(&in);
	if (d->session == NULL)
		return;
	if (c->got_eof && !d->eof_told) {
		d->eof_told = true;
		session_eof(d->session);
	}
	if (c->got_close)
		session_lost(d->session, "");
}

static void
on_flush(void *ctx)
{
	struct dialing *d = ctx;

	if (d->session == NULL)
		return;
	conn_write(&d->conn, false, session_out(d->session));
	session_taken(d->session);
}

static void
on_lost(void *ctx, const char *why)
{
	struct dialing *d = ctx;

	if (d->session == NULL)
		return;
	/* A reset before the library could say what was wrong. */
	if (d->step == HANDSHAKE) {
		handshake_failed(d);
		return;
	}
	if (why[0] != '\0')
		(void)snprintf(d->why, sizeof(d->why),
		    "the connection to %s was lost: %s", d->where, why);
	else
		d->why[0] = '\0';
	d->step = OVER;
	session_lost(d->session, d->why);
}

static const struct conn_ops dial_conn_ops = {
	.ready = advance,
	.progress = on_progress,
	.flush = on_flush,
	.lost = on_lost,
	.gone = part_gone,
};

/* The session's side */

static void
dial_flush(void *t)
{
	struct dialing *d = t;

	if (d->step == UP)
		conn_pump(&d->conn);
}

static void
dial_read(void *t, bool on)
{
	struct dialing *d = t;

	if (d->wired)
		conn_pause(&d->conn, !on);
}

static void
dial_finish(void *t)
{
	struct dialing *d = t;

	if (d->step == UP)
		conn_bye(&d->conn, -1);
	else
		session_lost(d->session, "");
}

static void
on_timer_closed(uv_handle_t *h)
{
	part_gone(h->data);
}

static void
dial_drop(void *t)
{
	struct dialing *d = t;

	d->session = NULL;
	d->step = OVER;
	if (d->attempt != NULL) {
		int fd = end_attempt(d);

		(void)close(fd);
	}
	if (d->resolving)
		(void)uv_cancel((uv_req_t *)&d->req);
	uv_close((uv_handle_t *)&d->timer, on_timer_closed);
	if (d->wired)
		conn_kill(&d->conn);
}

static const struct transport dial_transport = {
	.flush = dial_flush,
	.read = dial_read,
	.finish = dial_finish,
	.drop = dial_drop,
};

struct session *
dial_start(uv_loop_t *loop, const struct dial *dial,
    const struct session_ops *ops, void *ctx)
{
	struct dialing *d = mem_zero(1, sizeof(*d));
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_family = AF_UNSPEC };
	char port[16];
	int rc;

	d->loop = loop;
	d->host = mem_dup(dial->host);
	d->port = dial->port;
	d->key = dial->key;
	d->trust = dial->trust;
	d->ctx = ctx;
	d->peer.kind = PEER_NODE;
	(void)snprintf(d->where, sizeof(d->where),
	    strchr(d->host, ':') != NULL ? "[%s]:%d" : "%s:%d", d->host,
	    d->port);
	d->session = session_new(loop, &dial_transport, d, &d->peer);
	session_own(d->session, ops, ctx);
	session_on_free(d->session, part_gone, d);
	(void)uv_timer_init(loop, &d->timer);
	d->timer.data = d->req.data = d;
	d->parts = 2;
	uv_update_time(loop);
	d->end = uv_now(loop) + (uint64_t)(dial->timeout_ms > 0 ?
	    dial->timeout_ms : DIAL_MS);
	arm(d, on_deadline, left(d));
	(void)snprintf(port, sizeof(port), "%d", d->port);
	rc = uv_getaddrinfo(loop, &d->req, on_resolved, d->host, port, &hints);
	if (rc == 0) {
		d->resolving = true;
		d->parts++;
	} else {
		(void)snprintf(d->why, sizeof(d->why), "%s: name not found "
		    "(%s): check its spelling", d->where, uv_strerror(rc));
		fail(d, d->why);
	}
	return d->session;
}
