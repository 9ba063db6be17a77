#include "guest.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "key.h"
#include "log.h"
#include "mem.h"
#include "quarantine.h"
#include "server_impl.h"
#include "transport.h"

enum {
	OFFERS_MOST = 20,	/* an agent may hold many keys */
	COMMAND_MOST = 65536,
	EARLY_MOST = 65536,	/* bytes before a request says what they are */
	/* A client that pages (`ssh host run log | less`) holds up to 2 MiB
	 * that it loses when we leave first; dead ones are noticed by TCP. */
	BYE_MS = 600000
};

/* Login.  Callbacks of the library: note, never act. */

static bool
known(struct guest *g, const char *user, ssh_key k, struct peer *p)
{
	struct server *srv = g->srv;

	*p = g->peer;
	p->kind = PEER_OPERATOR;
	if (MEM_STR(p->user, user) == -1 ||
	    key_of_ssh(k, p->key, p->fingerprint, NULL) == -1)
		return false;
	if (ssh_key_type(k) != SSH_KEYTYPE_ED25519)
		p->key[0] = '\0';
	if (quarantine_has(srv->quarantine, p->fingerprint)) {
		if (server_may_complain(srv))
			log_warn("net", "peer=%s key=%s is in quarantine, it "
			    "has hung this daemon; to release it, take its "
			    "line out of %s", p->addr, p->fingerprint,
			    srv->quarantine);
		return false;
	}
	if (srv->ops->auth(srv->ctx, p))
		return true;
	if (server_may_complain(srv))
		log_info("net", "peer=%s key=%s user=%s login refused",
		    p->addr, p->fingerprint, p->user);
	return false;
}

static int
on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *k,
    char state, void *ctx)
{
	struct guest *g = ctx;
	struct peer p;

	(void)ssh;
	if (++g->offers > OFFERS_MOST) {
		conn_fail(&g->conn, "too many keys were offered");
		return SSH_AUTH_DENIED;
	}
	if (state != SSH_PUBLICKEY_STATE_NONE &&
	    state != SSH_PUBLICKEY_STATE_VALID)
		return SSH_AUTH_DENIED;
	if (!known(g, user, k, &p))
		return SSH_AUTH_DENIED;
	if (state == SSH_PUBLICKEY_STATE_VALID) {
		g->peer = p;
		g->authed = true;
	} else if (p.kind == PEER_OPERATOR)
		g->patient = true;
	return SSH_AUTH_SUCCESS;
}

/* Channel requests */

/* Any key is a node's, so what a node may ask for is open to all: only the
 * session, whose first word says which node it is. */
static int
take(struct guest *g, enum guest_want want)
{
	if (g->want != WANT_NOTHING)
		return 1;
	if (g->peer.kind == PEER_NODE && want != WANT_SESSION) {
		if (server_may_complain(g->srv))
			log_info("net", "peer=%s key=%s a node's login asks "
			    "for a command or a console: refused; operators "
			    "log in under another name than %s", g->peer.addr,
			    g->peer.fingerprint, PEER_NODE_USER);
		return 1;
	}
	g->want = want;
	return 0;
}

static int
on_subsystem(ssh_session ssh, ssh_channel ch, const char *name, void *ctx)
{
	(void)ssh;
	(void)ch;
	return strcmp(name, "muster") != 0 ? 1 : take(ctx, WANT_SESSION);
}

static int
on_exec(ssh_session ssh, ssh_channel ch, const char *command, void *ctx)
{
	struct guest *g = ctx;

	(void)ssh;
	(void)ch;
	if (strlen(command) > COMMAND_MOST || take(g, WANT_EXEC) != 0)
		return 1;
	g->command = mem_dup(command);
	return 0;
}

static int
on_shell(ssh_session ssh, ssh_channel ch, void *ctx)
{
	(void)ssh;
	(void)ch;
	return take(ctx, WANT_SHELL);
}

static int
on_size(ssh_session ssh, ssh_channel ch, int cols, int rows, int px, int py,
    void *ctx)
{
	struct guest *g = ctx;

	(void)ssh;
	(void)ch;
	(void)px;
	(void)py;
	g->facts.cols = cols < 1 ? 80 : cols > 1000 ? 1000 : cols;
	g->facts.rows = rows < 1 ? 24 : rows > 1000 ? 1000 : rows;
	g->resized = true;
	return 0;
}

static int
on_pty(ssh_session ssh, ssh_channel ch, const char *term, int cols, int rows,
    int px, int py, void *ctx)
{
	struct guest *g = ctx;
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+._-";

	g->terminal = true;
	/* It will name a file of terminfo. */
	if (term[strspn(term, fine)] != '\0' || term[0] == '\0' ||
	    MEM_STR(g->facts.term, term) == -1)
		(void)MEM_STR(g->facts.term, "xterm-256color");
	return on_size(ssh, ch, cols, rows, px, py, ctx);
}

static int
on_env(ssh_session ssh, ssh_channel ch, const char *name, const char *value,
    void *ctx)
{
	struct guest *g = ctx;

	(void)ssh;
	(void)ch;
	if (strcmp(name, "NO_COLOR") != 0)
		return 1;
	g->facts.mono = value[0] != '\0';
	return 0;
}

static ssh_channel
on_open(ssh_session ssh, void *ctx)
{
	struct guest *g = ctx;
	ssh_channel ch;

	/* One channel a connection; OpenSSH's sharing falls back to a new
	 * one. */
	if (!g->authed || g->conn.ch != NULL)
		return NULL;
	ch = ssh_channel_new(ssh);
	if (ch == NULL)
		return NULL;
	/* Two sets: data goes to the connection, requests come here. */
	conn_channel(&g->conn, ch);
	g->rcb.userdata = g;
	g->rcb.channel_pty_request_function = on_pty;
	g->rcb.channel_pty_window_change_function = on_size;
	g->rcb.channel_shell_request_function = on_shell;
	g->rcb.channel_exec_request_function = on_exec;
	g->rcb.channel_subsystem_request_function = on_subsystem;
	g->rcb.channel_env_request_function = on_env;
	ssh_callbacks_init(&g->rcb);
	(void)ssh_add_channel_callbacks(ch, &g->rcb);
	return ch;
}

/* The session over it */

static void
talk_flush(void *t)
{
	struct guest *g = t;

	conn_pump(&g->conn);
}

static void
talk_read(void *t, bool on)
{
	struct guest *g = t;

	conn_pause(&g->conn, !on);
}

static void
talk_finish(void *t)
{
	struct guest *g = t;

	conn_bye(&g->conn, 0);
}

static void
talk_drop(void *t)
{
	struct guest *g = t;

	g->session = NULL;
	guest_kill(g);
}

static const struct transport talk_transport = {
	.flush = talk_flush,
	.read = talk_read,
	.finish = talk_finish,
	.drop = talk_drop,
};

static void
part_gone(void *ctx)
{
	struct guest *g = ctx;
	struct server *srv = g->srv;

	if (--g->parts > 0)
		return;
	free(g->command);
	free(g);
	server_part_gone(srv);
}

static void
begin_talk(struct guest *g)
{
	g->state = GUEST_TALK;
	g->session = session_new(g->srv->loop, &talk_transport, g, &g->peer);
	g->parts++;
	session_on_free(g->session, part_gone, g);
	if (!g->srv->ops->open(g->srv->ctx, g->session))
		session_close(g->session, true, "refused");
}

/* The console */

static void
pty_wake(void *ctx)
{
	struct guest *g = ctx;

	conn_wake(&g->conn);
}

static void
pty_gone(void *ctx)
{
	struct guest *g = ctx;

	g->srv->consoles--;
	part_gone(g);
}

/* A child with a socket that is logged in already, as this very peer: what it
 * may do, and under which name, is the operator's. */
static int
begin_console(struct guest *g, struct err *e)
{
	struct server *srv = g->srv;
	int pair[2];

	if (srv->console == NULL)
		return err_set(e, ERR_FAILED, "the program muster is not "
		    "installed beside this musterd: use ssh HOST VERB, e.g. "
		    "ssh HOST status");
	if (srv->consoles >= SERVER_CONSOLES)
		return err_set(e, ERR_FAILED, "%d consoles are open over ssh, "
		    "which is the most: leave one, or use muster -H HOST",
		    srv->consoles);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return err_sys(e, "no socket for the console");
	/* Ours does not block, the child's does. */
	(void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
	g->pty = pty_new(srv->loop, srv->console, &g->facts, pair[1], pty_wake,
	    pty_gone, g, e);
	(void)close(pair[1]);
	if (g->pty == NULL) {
		(void)close(pair[0]);
		return -1;
	}
	srv->consoles++;
	g->parts++;
	g->state = GUEST_CONSOLE;
	g->resized = false;
	server_admit(srv, pair[0], &g->peer);
	return 0;
}

static void
begin_exec(struct guest *g)
{
	struct err e = { 0 };
	char *line;
	int status = 2;

	if (g->want == WANT_SHELL && g->terminal) {
		if (begin_console(g, &e) == 0)
			return;
		status = err_exit(e.code);
	} else if (g->want == WANT_SHELL)
		(void)err_set(&e, ERR_USAGE, "the console over ssh comes with "
		    "a terminal (ssh -t HOST); use: ssh HOST VERB, e.g. ssh "
		    "HOST status");
	g->state = GUEST_EXEC;
	g->exec = exec_new(&g->conn, &g->peer, g->terminal);
	if (g->want == WANT_EXEC) {
		g->srv->ops->exec(g->srv->ctx, g->exec, g->command);
		return;
	}
	line = mem_fmt("muster: %s\n", e.msg);
	(void)exec_write(g->exec, true, line, strlen(line));
	free(line);
	exec_end(g->exec, status);
}

static void
console_flush(struct guest *g)
{
	int status, sig;

	conn_write(&g->conn, false, pty_out(g->pty));
	pty_taken(g->pty);
	if (!pty_over(g->pty, &status, &sig))
		return;
	pty_end(g->pty);
	g->pty = NULL;
	if (sig != 0)
		conn_bye_signal(&g->conn, sig);
	else
		conn_bye(&g->conn, status);
	g->state = GUEST_BYE;
	server_pend(g->srv, g, BYE_MS);
}

/* The connection's side */

static void
input(struct guest *g)
{
	struct fifo in = g->conn.in;

	/* Handlers may come back here: nothing of ours is held meanwhile. */
	g->conn.in = (struct fifo){ 0 };
	if (g->state == GUEST_TALK && g->session != NULL)
		session_input(g->session, fifo_peek(&in), in.len);
	else if (g->state == GUEST_CONSOLE)
		pty_input(g->pty, fifo_peek(&in), in.len);
	else if (g->state == GUEST_EXEC &&
	    !exec_input(g->exec, fifo_peek(&in), in.len))
		conn_fail(&g->conn, "interrupted");
	fifo_free(&in);
}

static void
on_progress(void *ctx)
{
	struct guest *g = ctx;
	struct conn *c = &g->conn;

	if (g->state == GUEST_LOGIN) {
		if (g->patient && !g->authed)
			g->deadline = g->since + SERVER_PATIENCE_MS;
		if (g->want == WANT_NOTHING) {
			if (c->in.len > EARLY_MOST)
				conn_fail(c, "data before a request");
			return;
		}
		server_settle(g->srv, g);
		if (g->want == WANT_SESSION)
			begin_talk(g);
		else
			begin_exec(g);
	}
	if (g->state == GUEST_CONSOLE && g->resized) {
		g->resized = false;
		pty_resize(g->pty, g->facts.cols, g->facts.rows);
	}
	if (c->in.len > 0)
		input(g);
	if (c->got_eof && !g->eof_told) {
		g->eof_told = true;
		if (g->session != NULL)
			session_eof(g->session);
		else if (g->exec != NULL)
			(void)exec_input(g->exec, NULL, 0);
	}
	if (!c->got_close)
		return;
	if (g->session != NULL)
		session_lost(g->session, "");
	else if (g->state != GUEST_BYE || conn_said_bye(c))
		conn_fail(c, "");
}

static void
on_flush(void *ctx)
{
	struct guest *g = ctx;

	if (g->session != NULL) {
		conn_write(&g->conn, false, session_out(g->session));
		session_taken(g->session);
	} else if (g->pty != NULL)
		console_flush(g);
	else if (g->exec != NULL) {
		exec_flush(g->exec);
		if (g->state == GUEST_EXEC && exec_finished(g->exec)) {
			g->state = GUEST_BYE;
			server_pend(g->srv, g, BYE_MS);
		}
	}
}

static void
on_lost(void *ctx, const char *why)
{
	struct guest *g = ctx;

	if (g->state == GUEST_LOGIN)
		log_debug("net", "peer=%s left before a session: %s",
		    g->peer.addr, why);
	if (g->session != NULL)
		session_lost(g->session, why);
	else
		guest_kill(g);
}

static void
on_ready(void *ctx)
{
	struct guest *g = ctx;

	/* Strangers wait for a slice; established sessions come first. */
	if (g->state == GUEST_LOGIN)
		server_turn(g->srv, g);
	else
		conn_pump(&g->conn);
}

static const struct conn_ops guest_conn_ops = {
	.ready = on_ready,
	.progress = on_progress,
	.flush = on_flush,
	.lost = on_lost,
	.gone = part_gone,
};

void
guest_step(struct guest *g)
{
	conn_pump(&g->conn);
}

void
guest_kill(struct guest *g)
{
	if (g->state == GUEST_GONE)
		return;
	server_forget(g->srv, g);
	g->state = GUEST_GONE;
	if (g->exec != NULL) {
		exec_lost(g->exec);
		exec_free(g->exec);
		g->exec = NULL;
	}
	if (g->pty != NULL) {
		pty_end(g->pty);
		g->pty = NULL;
	}
	conn_kill(&g->conn);
}

static void
name_address(char out[64], const struct sockaddr *sa, socklen_t n)
{
	char host[48], port[8];
	const char *h = host;

	if (getnameinfo(sa, n, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		(void)mem_str(out, 64, "unknown");
		return;
	}
	if (strncmp(h, "::ffff:", 7) == 0 && strchr(h, '.') != NULL)
		h += 7;
	(void)snprintf(out, 64, strchr(h, ':') != NULL ? "[%s]:%s" : "%s:%s",
	    h, port);
}

/* The library's part of accept, in the only order that works without
 * blocking.  On failure the descriptor is gone. */
static ssh_session
begin_ssh(struct guest *g, int fd)
{
	ssh_session ssh = ssh_new();

	if (ssh == NULL || ssh_bind_accept_fd(g->srv->bind, ssh, fd) !=
	    SSH_OK) {
		bool took = ssh != NULL && ssh_get_fd(ssh) == fd;

		ssh_free(ssh);
		if (!took)
			(void)close(fd);
		return NULL;
	}
	ssh_set_blocking(ssh, 0);
	(void)ssh_options_set(ssh, SSH_OPTIONS_COMPRESSION_C_S, "none");
	(void)ssh_options_set(ssh, SSH_OPTIONS_COMPRESSION_S_C, "none");
	g->scb.userdata = g;
	g->scb.auth_pubkey_function = on_pubkey;
	g->scb.channel_open_request_session_function = on_open;
	ssh_callbacks_init(&g->scb);
	(void)ssh_set_server_callbacks(ssh, &g->scb);
	ssh_set_auth_methods(ssh, SSH_AUTH_METHOD_PUBLICKEY);
	/* Once: it makes what ssh_event_add_session needs. */
	if (ssh_handle_key_exchange(ssh) == SSH_ERROR) {
		ssh_free(ssh);
		return NULL;
	}
	return ssh;
}

bool
guest_new(struct server *srv, int fd, const struct sockaddr *sa, socklen_t n)
{
	struct guest *g = mem_zero(1, sizeof(*g));
	struct conn *c = &g->conn;

	g->srv = srv;
	c->ops = &guest_conn_ops;
	c->ctx = g;
	c->peer = &g->peer;
	name_address(g->peer.addr, sa, n);
	conn_tcp(fd);
	c->ssh = begin_ssh(g, fd);
	if (c->ssh == NULL) {
		free(g);
		return true;
	}
	c->ev = ssh_event_new();
	if (c->ev == NULL || ssh_event_add_session(c->ev, c->ssh) != SSH_OK ||
	    conn_init(c, srv->loop, fd) == -1) {
		if (c->ev != NULL) {
			(void)ssh_event_remove_session(c->ev, c->ssh);
			ssh_event_free(c->ev);
		}
		ssh_silent_disconnect(c->ssh);
		ssh_free(c->ssh);
		free(g);
		return false;
	}
	g->parts = 1;
	srv->live++;
	g->since = uv_now(srv->loop);
	server_pend(srv, g, SERVER_LOGIN_MS);
	conn_watch_wanted(c);
	return true;
}
