#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local.h"
#include "log.h"
#include "mem.h"
#include "server_impl.h"
#include "transport.h"

enum {
	SLICE_US = 500,		/* of logins a turn, so that a storm of them delays nobody */
	SWEEP_MS = 250,
	YOUNG_MS = 3000,	/* younger logins are not pushed out */
	STOP_MS = 2000		/* for a console to restore its terminal */
};

/* Pinned: the AEAD ciphers, one key exchange, no compression (95 KB a session). */
static const char kex[] = "curve25519-sha256,curve25519-sha256@libssh.org";
static const char ciphers[] = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
    "chacha20-poly1305@openssh.com";

static void on_sweep(uv_timer_t *);
static void on_closed(uv_handle_t *);
static void on_slice(uv_idle_t *);

struct server *
server_new(uv_loop_t *loop, const struct server_ops *ops, void *ctx,
    const struct key *key)
{
	struct server *srv = mem_zero(1, sizeof(*srv));
	bool no = false;
	ssh_bind b = ssh_bind_new();
	ssh_key host = ssh_key_dup(key->ssh);

	if (b == NULL || host == NULL) {
		log_error("net", "out of memory");
		abort();
	}
	/* First, or /etc/ssh is read. */
	(void)ssh_bind_options_set(b, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
	(void)ssh_bind_options_set(b, SSH_BIND_OPTIONS_IMPORT_KEY, host);
	(void)ssh_bind_options_set(b, SSH_BIND_OPTIONS_KEY_EXCHANGE, kex);
	(void)ssh_bind_options_set(b, SSH_BIND_OPTIONS_CIPHERS_C_S, ciphers);
	(void)ssh_bind_options_set(b, SSH_BIND_OPTIONS_CIPHERS_S_C, ciphers);
	(void)ssh_bind_options_set(b, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS,
	    "ssh-ed25519");
	srv->bind = b;
	srv->loop = loop;
	srv->ops = ops;
	srv->ctx = ctx;
	TAILQ_INIT(&srv->pending);
	TAILQ_INIT(&srv->settled);
	TAILQ_INIT(&srv->turns);
	TAILQ_INIT(&srv->locals);
	(void)uv_idle_init(loop, &srv->slicer);
	(void)uv_timer_init(loop, &srv->sweep);
	srv->slicer.data = srv->sweep.data = srv;
	srv->live = 2;
	return srv;
}

void
server_quarantine(struct server *srv, const char *path)
{
	free(srv->quarantine);
	srv->quarantine = mem_dup(path);
}

void
server_console(struct server *srv, const char *program)
{
	free(srv->console);
	srv->console = mem_dup(program);
}

bool
server_may_complain(struct server *srv)
{
	uint64_t now = uv_now(srv->loop);

	if (srv->complained != 0 && now < srv->complained + 1000)
		return false;
	srv->complained = now;
	return true;
}

/* Logins */

static void
pause_network(struct server *srv, bool paused)
{
	for (size_t i = 0; i < srv->nears; i++)
		if (srv->ears[i].path == NULL &&
		    srv->ears[i].listener != NULL)
			listener_pause(srv->ears[i].listener, paused);
}

void
server_turn(struct server *srv, struct guest *g)
{
	if (g->in_turn || srv->closing)
		return;
	conn_watch(&g->conn, 0);
	g->in_turn = true;
	TAILQ_INSERT_TAIL(&srv->turns, g, turn);
	(void)uv_idle_start(&srv->slicer, on_slice);
}

static void
on_slice(uv_idle_t *h)
{
	struct server *srv = h->data;
	uint64_t end = uv_hrtime() + SLICE_US * 1000;
	struct guest *g;

	while ((g = TAILQ_FIRST(&srv->turns)) != NULL) {
		TAILQ_REMOVE(&srv->turns, g, turn);
		g->in_turn = false;
		guest_step(g);
		if (uv_hrtime() >= end)
			break;
	}
	if (TAILQ_EMPTY(&srv->turns))
		(void)uv_idle_stop(h);
}

static void
on_sweep(uv_timer_t *h)
{
	struct server *srv = h->data;
	uint64_t now = uv_now(srv->loop);
	struct guest *g, *next;
	/* At the cap old logins go, unless all are young, as they are when a
	 * cluster comes back: then the rest waits in the backlog. */
	bool full = srv->logins >= SERVER_LOGINS;

	for (g = TAILQ_FIRST(&srv->pending); g != NULL; g = next) {
		next = TAILQ_NEXT(g, link);
		if (now < g->deadline && !(full && g->state == GUEST_LOGIN &&
		    now >= g->since + YOUNG_MS))
			continue;
		if (g->state == GUEST_LOGIN)
			log_debug("net", "peer=%s did not log in within %d s",
			    g->peer.addr, (int)((now - g->since) / 1000));
		guest_kill(g);
	}
	if (!TAILQ_EMPTY(&srv->pending))
		return;
	if (srv->closing)
		uv_close((uv_handle_t *)h, on_closed);
	else
		(void)uv_timer_stop(h);
}

void
server_pend(struct server *srv, struct guest *g, uint64_t ms)
{
	if (g->state == GUEST_LOGIN) {
		if (++srv->logins == SERVER_LOGINS)
			pause_network(srv, true);
	} else if (!g->pending)
		TAILQ_REMOVE(&srv->settled, g, link);
	if (srv->closing && ms > STOP_MS)
		ms = STOP_MS;
	g->deadline = uv_now(srv->loop) + ms;
	if (!g->pending)
		TAILQ_INSERT_TAIL(&srv->pending, g, link);
	g->pending = true;
	if (!uv_is_active((uv_handle_t *)&srv->sweep))
		(void)uv_timer_start(&srv->sweep, on_sweep, SWEEP_MS,
		    SWEEP_MS);
}

static void
login_over(struct server *srv)
{
	if (srv->logins-- == SERVER_LOGINS && !srv->closing)
		pause_network(srv, false);
}

void
server_settle(struct server *srv, struct guest *g)
{
	TAILQ_REMOVE(&srv->pending, g, link);
	TAILQ_INSERT_TAIL(&srv->settled, g, link);
	g->pending = false;
	login_over(srv);
}

void
server_forget(struct server *srv, struct guest *g)
{
	if (g->in_turn)
		TAILQ_REMOVE(&srv->turns, g, turn);
	g->in_turn = false;
	if (g->pending)
		TAILQ_REMOVE(&srv->pending, g, link);
	else
		TAILQ_REMOVE(&srv->settled, g, link);
	if (g->state == GUEST_LOGIN)
		login_over(srv);
}

/* Listening */

static bool
on_network(void *ctx, int fd, const struct sockaddr_storage *ss, socklen_t n)
{
	struct server_ear *ear = ctx;

	return guest_new(ear->srv, fd, (const struct sockaddr *)ss, n);
}

static void
local_ended(void *arg)
{
	struct server_local *l = arg;

	TAILQ_REMOVE(&l->srv->locals, l, link);
	l->session = NULL;
}

static void
local_freed(void *arg)
{
	struct server_local *l = arg;
	struct server *srv = l->srv;

	free(l);
	server_part_gone(srv);
}

void
server_admit(struct server *srv, int fd, const struct peer *peer)
{
	struct server_local *l = mem_zero(1, sizeof(*l));

	l->srv = srv;
	l->session = peer == NULL ? local_new(srv->loop, fd, local_freed, l)
	    : local_of(srv->loop, fd, peer, local_freed, l);
	if (l->session == NULL) {
		free(l);
		return;
	}
	srv->live++;
	TAILQ_INSERT_TAIL(&srv->locals, l, link);
	session_on_gone(l->session, local_ended, l);
	if (!srv->ops->open(srv->ctx, l->session))
		session_close(l->session, true, "refused");
}

static bool
on_local(void *ctx, int fd, const struct sockaddr_storage *ss, socklen_t n)
{
	struct server_ear *ear = ctx;

	(void)ss;
	(void)n;
	server_admit(ear->srv, fd, NULL);
	return true;
}

static void
ear_gone(void *ctx)
{
	struct server_ear *ear = ctx;

	ear->listener = NULL;
	server_part_gone(ear->srv);
}

static struct server_ear *
add_ear(struct server *srv, int fd, listener_cb *cb)
{
	struct server_ear *ear = &srv->ears[srv->nears++];

	ear->srv = srv;
	ear->listener = listener_new(srv->loop, fd, cb, ear_gone, ear);
	srv->live++;
	return ear;
}

static int
room(const struct server *srv, const char *what, struct err *e)
{
	if (srv->nears < SERVER_LISTENERS)
		return 0;
	return err_set(e, ERR_USAGE, "%s: more than %d addresses to listen "
	    "on; take \"::\" for all", what, (int)SERVER_LISTENERS);
}

static int
parse_address(const char *address, int port, struct sockaddr_storage *ss,
    socklen_t *n, struct err *e)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		*n = sizeof(*in6);
	} else if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		*n = sizeof(*in);
	} else
		return err_set(e, ERR_USAGE, "listen.address: \"%s\" is not an "
		    "address; expected ::, localhost or a number such as "
		    "10.0.0.12", address);
	return 0;
}

static int
listen_one(struct server *srv, const char *address, int port, struct err *e)
{
	struct sockaddr_storage ss;
	char what[96];
	socklen_t n = 0;
	int fd;

	(void)snprintf(what, sizeof(what),
	    strchr(address, ':') != NULL ? "[%s]:%d" : "%s:%d", address, port);
	if (room(srv, what, e) == -1 ||
	    parse_address(address, port, &ss, &n, e) == -1)
		return -1;
	fd = listener_bind((struct sockaddr *)&ss, n, what, e);
	if (fd == -1)
		return -1;
	(void)add_ear(srv, fd, on_network);
	return 0;
}

static bool
has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = -1;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (fd == -1)
		return false;
	rc = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
	(void)close(fd);
	return rc == 0;
}

int
server_listen(struct server *srv, const char *address, int port,
    struct err *e)
{
	if (port < 1 || port > 65535)
		return err_set(e, ERR_USAGE, "listen.port: must be 1..65535, "
		    "not %d", port);
	/* A machine or container without IPv6 is served all the same. */
	if (strcmp(address, "::") == 0)
		return listen_one(srv, has_ipv6() ? "::" : "0.0.0.0", port, e);
	if (strcmp(address, "localhost") != 0)
		return listen_one(srv, address, port, e);
	if (listen_one(srv, "127.0.0.1", port, e) == -1)
		return -1;
	return has_ipv6() ? listen_one(srv, "::1", port, e) : 0;
}

int
server_listen_local(struct server *srv, const char *path, struct err *e)
{
	struct server_ear *ear;
	struct stat st;
	int fd;

	if (room(srv, path, e) == -1)
		return -1;
	fd = listener_bind_local(path, e);
	if (fd == -1)
		return -1;
	ear = add_ear(srv, fd, on_local);
	ear->path = mem_dup(path);
	if (lstat(path, &st) == 0) {
		ear->dev = st.st_dev;
		ear->ino = st.st_ino;
	}
	return 0;
}

/* The end */

void
server_part_gone(struct server *srv)
{
	void (*done)(void *) = srv->done;
	void *arg = srv->arg;

	if (--srv->live > 0)
		return;
	ssh_bind_free(srv->bind);
	for (size_t i = 0; i < srv->nears; i++)
		free(srv->ears[i].path);
	free(srv->quarantine);
	free(srv->console);
	free(srv);
	if (done != NULL)
		done(arg);
}

static void
on_closed(uv_handle_t *h)
{
	server_part_gone(h->data);
}

static void
close_ear(struct server_ear *ear)
{
	struct stat st;

	/* Only what is ours: another musterd may have taken the name. */
	if (ear->path != NULL && lstat(ear->path, &st) == 0 &&
	    st.st_dev == ear->dev && st.st_ino == ear->ino)
		(void)unlink(ear->path);
	listener_close(ear->listener);
}

void
server_close(struct server *srv, void (*done)(void *), void *arg)
{
	static const char why[] = "this musterd is stopping";
	struct server_local *l;
	struct guest *g, *next;

	srv->closing = true;
	srv->done = done;
	srv->arg = arg;
	for (size_t i = 0; i < srv->nears; i++)
		close_ear(&srv->ears[i]);
	while ((g = TAILQ_FIRST(&srv->pending)) != NULL)
		guest_kill(g);
	for (g = TAILQ_FIRST(&srv->settled); g != NULL; g = next) {
		next = TAILQ_NEXT(g, link);
		if (g->session != NULL)
			session_close(g->session, true, why);
		else if (g->pty != NULL)	/* its session ends below */
			server_pend(srv, g, STOP_MS);
		else
			guest_kill(g);
	}
	TAILQ_FOREACH(l, &srv->locals, link)
		session_close(l->session, true, why);
	uv_close((uv_handle_t *)&srv->slicer, on_closed);
	if (TAILQ_EMPTY(&srv->pending))
		uv_close((uv_handle_t *)&srv->sweep, on_closed);
}
