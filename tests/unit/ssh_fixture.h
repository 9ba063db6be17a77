/* A server on loopback whose sessions echo and whose commands test exec; one
 * loop for it and for its clients.  Included by test_ssh.c and test_openssh.c,
 * after nothing else. */
#ifndef SSH_FIXTURE_H
#define SSH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "mem.h"
#include "net/dial.h"
#include "net/quarantine.h"
#include "net/server.h"
#include "patience.h"

enum { BIG = 20 << 20 };	/* bytes of a long answer */

struct end {
	struct session *s;
	int		opened, messages, closed;
	long long	last;
	bool		echo;
	char		why[512];
};

struct fx {
	uv_loop_t	loop;
	char		dir[64], keyfile[128];
	struct key	host, node, user;	/* user's file: keyfile */
	struct server  *srv;
	int		port;
	bool		nodes_ok, server_done, trust;
	struct end	server, client;
	size_t		big_sent;
	int		execs, exec_gone;
	struct buf	stdin_seen;
};

/* Both ends of sessions */

static void
on_open(struct session *s, void *ctx)
{
	struct end *e = ctx;

	(void)s;
	e->opened++;
}

static void
on_message(struct session *s, json_t *m, void *ctx)
{
	struct end *e = ctx;

	e->messages++;
	e->last = json_integer_value(json_object_get(m, "n"));
	if (e->echo)
		(void)session_send(s, m);
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	struct end *e = ctx;

	if (e->s == s)
		e->s = NULL;
	e->closed++;
	(void)MEM_STR(e->why, why);
}

static const struct session_ops end_ops = {
	.open = on_open,
	.message = on_message,
	.closed = on_closed,
};

static void
until(struct fx *fx, const int *what, int at_least)
{
	struct patience waits = { 0 };

	while (*what < at_least) {
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		if (!patient(&waits))
			fail_msg("waited in vain: %d of %d", *what, at_least);
		(void)usleep(100);
	}
}

/* The server */

static bool
srv_auth(void *ctx, struct peer *p)
{
	struct fx *fx = ctx;

	if (strcmp(p->user, PEER_NODE_USER) == 0) {
		p->kind = PEER_NODE;
		return fx->nodes_ok;
	}
	p->kind = PEER_OPERATOR;
	(void)MEM_STR(p->name, "petra");
	return strcmp(p->fingerprint, fx->user.fingerprint) == 0;
}

static bool
srv_open(void *ctx, struct session *s)
{
	struct fx *fx = ctx;

	fx->server.s = s;
	session_own(s, &end_ops, &fx->server);
	return true;
}

static void
pour(struct exec *x, void *ctx)
{
	struct fx *fx = ctx;
	char piece[1000];

	memset(piece, 'z', sizeof(piece));
	while (fx->big_sent < BIG && exec_queued(x) < SESSION_HIGH * 2) {
		if (exec_write(x, false, piece, sizeof(piece)) == -1)
			return;
		fx->big_sent += sizeof(piece);
	}
	if (fx->big_sent >= BIG)
		exec_end(x, 0);
}

static void
exec_left(struct exec *x, void *ctx)
{
	struct fx *fx = ctx;

	(void)x;
	fx->exec_gone++;
}

static void
exec_said(struct exec *x, const char *p, size_t n, void *ctx)
{
	struct fx *fx = ctx;

	if (p != NULL) {
		buf_put(&fx->stdin_seen, p, n);
		return;
	}
	(void)exec_write(x, false, fx->stdin_seen.p, fx->stdin_seen.len);
	exec_end(x, 0);
}

static void
srv_exec(void *ctx, struct exec *x, const char *command)
{
	struct fx *fx = ctx;

	fx->execs++;
	if (strcmp(command, "status") == 0) {
		(void)exec_write(x, false, "fine\n", 5);
		assert_string_equal(exec_peer(x)->name, "petra");
		exec_end(x, 0);
	} else if (strcmp(command, "fail me") == 0) {
		(void)exec_write(x, true, "muster: no\n", 11);
		exec_end(x, 3);
	} else if (strcmp(command, "big") == 0) {
		exec_own(x, exec_left, NULL, fx);
		exec_drained(x, pour);
		pour(x, fx);
	} else if (strcmp(command, "cat") == 0)
		exec_own(x, exec_left, exec_said, fx);
	else
		exec_own(x, exec_left, NULL, fx);	/* hangs */
}

static const struct server_ops srv_ops = {
	.auth = srv_auth,
	.open = srv_open,
	.exec = srv_exec,
};

static void
srv_gone(void *arg)
{
	*(bool *)arg = true;
}

/* A port that was free a moment ago, bound and not listening when fd is
 * wanted. */
static int
free_port(int *keep)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	if (keep != NULL)
		*keep = fd;
	else
		(void)close(fd);
	return ntohs(in.sin_port);
}

static int
make_key(struct fx *fx, struct key *k, const char *name, char *path)
{
	struct err e = { 0 };
	char own[128];
	int made;

	if (path == NULL)
		path = own;
	(void)snprintf(path, 128, "%s/%s", fx->dir, name);
	return key_load(k, path, &made, &e);
}

static int
setup(void **state)
{
	struct fx *fx = mem_zero(1, sizeof(*fx));
	struct err e = { 0 };

	(void)MEM_STR(fx->dir, "/tmp/test_ssh.XXXXXX");
	if (mkdtemp(fx->dir) == NULL || uv_loop_init(&fx->loop) != 0 ||
	    make_key(fx, &fx->host, "host", NULL) == -1 ||
	    make_key(fx, &fx->node, "node", NULL) == -1 ||
	    make_key(fx, &fx->user, "user", fx->keyfile) == -1)
		return -1;
	fx->stdin_seen = (struct buf)BUF_INIT(1 << 20);
	fx->nodes_ok = fx->trust = fx->server.echo = true;
	fx->srv = server_new(&fx->loop, &srv_ops, fx, &fx->host);
	for (int i = 0; i < 20; i++) {
		fx->port = free_port(NULL);
		if (server_listen(fx->srv, "127.0.0.1", fx->port, &e) == 0)
			break;
		fx->port = 0;
	}
	*state = fx;
	return fx->port != 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fx *fx = *state;
	char cmd[160];
	int rc;

	server_close(fx->srv, srv_gone, &fx->server_done);
	if (fx->client.s != NULL)
		session_close(fx->client.s, false, "over");
	(void)uv_run(&fx->loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&fx->loop);
	if (rc != 0 || !fx->server_done)
		(void)fprintf(stderr, "handles were left: %d\n", rc);
	key_clear(&fx->host);
	key_clear(&fx->node);
	key_clear(&fx->user);
	buf_free(&fx->stdin_seen);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", fx->dir);
	if (system(cmd) != 0)
		rc = -1;
	free(fx);
	return rc;
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
