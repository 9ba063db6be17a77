/* `muster -H` against the SSH server of musterd, on loopback.  What fails here
 * either keeps operators out, or lets them talk to the wrong machine. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "js.h"
#include "mem.h"
#include "net/server.h"
#include "remote.h"

struct fx {
	char dir[64], known[96], config[96], good[96], bad[96], target[64];
	struct key host, operator;
	int port;
	pid_t pid;
};

/* ---- the daemon, in a child ------------------------------------------- */

static void
on_message(struct session *s, json_t *m, void *ctx)
{
	json_t *reply = json_pack("{s:O,s:O}", "id", json_object_get(m, "id"),
	    "result", json_object_get(m, "params"));

	(void)ctx;
	(void)session_send(s, reply);
	json_decref(reply);
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	(void)s;
	(void)why;
	(void)ctx;
}

static bool
on_auth(void *ctx, struct peer *p)
{
	const struct fx *fx = ctx;

	p->kind = PEER_OPERATOR;
	return strcmp(p->key, fx->operator.pub) == 0;
}

static bool
on_open(void *ctx, struct session *s)
{
	static const struct session_ops ops = {
		.message = on_message, .closed = on_closed,
	};

	session_own(s, &ops, ctx);
	return true;
}

static void
on_exec(void *ctx, struct exec *x, const char *command)
{
	(void)ctx;
	(void)command;
	exec_end(x, 1);
}

static void
serve(struct fx *fx, int ready)
{
	static const struct server_ops ops = { on_auth, on_open, on_exec };
	struct server *srv;
	uv_loop_t loop;

	(void)uv_loop_init(&loop);
	srv = server_new(&loop, &ops, fx, &fx->host);
	if (server_listen(srv, "127.0.0.1", fx->port, NULL) == -1)
		_exit(1);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}

static int
free_port(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	(void)close(fd);
	return ntohs(in.sin_port);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int
setup(void **state)
{
	struct fx *fx = mem_zero(1, sizeof(*fx));
	char *config, byte, path[96];
	struct key other;
	int made, ready[2];

	MEM_STR(fx->dir, "/tmp/test_remote.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	(void)snprintf(fx->known, sizeof(fx->known), "%s/known", fx->dir);
	(void)snprintf(fx->config, sizeof(fx->config), "%s/config", fx->dir);
	(void)snprintf(fx->good, sizeof(fx->good), "%s/good", fx->dir);
	(void)snprintf(fx->bad, sizeof(fx->bad), "%s/bad", fx->dir);
	(void)snprintf(path, sizeof(path), "%s/host", fx->dir);
	assert_int_equal(key_load(&fx->host, path, &made, NULL), 0);
	assert_int_equal(key_load(&fx->operator, fx->good, &made, NULL), 0);
	assert_int_equal(key_load(&other, fx->bad, &made, NULL), 0);
	key_clear(&other);
	config = mem_fmt("Host *\n  UserKnownHostsFile %s\n"
	    "  GlobalKnownHostsFile /dev/null\n", fx->known);
	write_file(fx->config, config);
	free(config);
	fx->port = free_port();
	(void)snprintf(fx->target, sizeof(fx->target), "anna@127.0.0.1:%d",
	    fx->port);
	assert_int_equal(pipe(ready), 0);
	fx->pid = fork();
	if (fx->pid == 0)
		serve(fx, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	*state = fx;
	return 0;
}

static int
teardown(void **state)
{
	struct fx *fx = *state;
	char *cmd = mem_fmt("rm -rf %s", fx->dir);
	int rc;

	(void)kill(fx->pid, SIGKILL);
	(void)waitpid(fx->pid, NULL, 0);
	key_clear(&fx->host);
	key_clear(&fx->operator);
	rc = system(cmd);
	free(cmd);
	free(fx);
	return rc;
}

/* Connects as a person who types this (NULL: no terminal). */
static struct wire *
dial(const struct fx *fx, const char *identity, const char *typed,
    struct err *e)
{
	const struct remote r = {
		.target = fx->target, .identity = identity,
		.config = fx->config,
	};
	struct ask ask = { .terminal = typed != NULL };
	struct wire *w;

	ask.in = typed != NULL ? fmemopen((void *)(uintptr_t)typed,
	    strlen(typed), "r") : fopen("/dev/null", "r");
	ask.err = fopen("/dev/null", "w");
	*e = (struct err){ 0 };
	w = remote_open(&r, &ask, e);
	(void)fclose(ask.in);
	(void)fclose(ask.err);
	return w;
}

/* With the key in known_hosts. */
static void
trust(const struct fx *fx, const char *pub)
{
	char *line = mem_fmt("[127.0.0.1]:%d %s\n", fx->port, pub);

	write_file(fx->known, line);
	free(line);
}

static void
an_unknown_host_is_refused_without_a_person(void **state)
{
	struct fx *fx = *state;
	struct err e;

	assert_null(dial(fx, fx->good, NULL, &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_non_null(strstr(e.msg, "ssh-keyscan -p "));
	assert_non_null(strstr(e.msg, fx->host.fingerprint));
}

static void
a_person_decides_once(void **state)
{
	struct fx *fx = *state;
	struct wire *w;
	struct err e;

	assert_null(dial(fx, fx->good, "n\n", &e));
	assert_int_equal(e.code, ERR_CONNECT);
	w = dial(fx, fx->good, "y\n", &e);
	if (w == NULL)
		fail_msg("%s", e.msg);
	wire_close(w);
	w = dial(fx, fx->good, NULL, &e);	/* now it is known */
	if (w == NULL)
		fail_msg("%s", e.msg);
	wire_close(w);
}

static void
another_key_of_the_host_is_never_accepted(void **state)
{
	struct fx *fx = *state;
	struct err e;

	trust(fx, fx->operator.pub);
	assert_null(dial(fx, fx->good, "y\n", &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_non_null(strstr(e.msg, "ssh-keygen -R '[127.0.0.1]:"));
}

static void
a_key_that_is_no_operators_is_not_permitted(void **state)
{
	struct fx *fx = *state;
	struct err e;

	trust(fx, fx->host.pub);
	assert_null(dial(fx, fx->bad, NULL, &e));
	assert_int_equal(e.code, ERR_DENIED);
	assert_non_null(strstr(e.msg, "anna"));
	assert_null(dial(fx, "/nonexistent", NULL, &e));
	assert_int_equal(e.code, ERR_USAGE);
}

static void
a_command_goes_there_and_back(void **state)
{
	static char get[] = "agent", verb[] = "show", name[] = "node-b";
	char *const words[] = { get, verb, name };
	struct fx *fx = *state;
	struct cli c = { .json = true };
	struct cmd_call call;
	struct wire *w;
	struct err e;
	char *out = NULL;
	size_t n;

	trust(fx, fx->host.pub);
	w = dial(fx, fx->good, NULL, &e);
	if (w == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(cmd_parse(3, words, &call, &e), 0);
	c.out = open_memstream(&out, &n);
	c.ask.err = stderr;
	c.ask.in = stdin;
	assert_int_equal(cli_run(&c, w, &call), 0);
	(void)fclose(c.out);
	assert_string_equal(out, "{\n  \"agent\": \"node-b\"\n}\n");
	free(out);
	cmd_call_clear(&call);
	wire_close(w);
}

/* 900 KiB each way: several windows and packets of SSH. */
static void
large_messages_arrive_whole(void **state)
{
	struct fx *fx = *state;
	char *text = mem_zero(1, (900 << 10) + 1);
	struct wire *w;
	struct err e;
	json_t *msg, *got;

	trust(fx, fx->host.pub);
	w = dial(fx, fx->good, NULL, &e);
	if (w == NULL)
		fail_msg("%s", e.msg);
	memset(text, 'x', 900 << 10);
	msg = json_pack("{s:i,s:{s:s}}", "id", 1, "params", "text", text);
	assert_int_equal(wire_send(w, msg, &e), 0);
	got = wire_recv(w, 20000, &e);
	if (got == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(js_str(json_object_get(got, "result"), "text", ""),
	    text);
	assert_null(wire_recv(w, 10, &e));
	assert_int_equal(e.code, ERR_TIMEOUT);
	(void)kill(fx->pid, SIGKILL);
	assert_null(wire_recv(w, 20000, &e));
	assert_true(e.code == ERR_CONNECT || e.code == ERR_IO);
	json_decref(msg);
	json_decref(got);
	free(text);
	wire_close(w);
}

static int
option(const struct wire *w, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = -1;

	assert_int_equal(getsockopt(wire_poll(w), level, name, &v, &len), 0);
	return v;
}

/* A machine that dies without a word ends a command that waits for it: what is
 * sent is acknowledged in time, and an idle link is asked. */
static void
a_silent_death_is_noticed(void **state)
{
	struct fx *fx = *state;
	struct wire *w;
	struct err e;

	trust(fx, fx->host.pub);
	w = dial(fx, fx->good, NULL, &e);
	if (w == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(option(w, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(w, IPPROTO_TCP, TCP_KEEPIDLE), 10);
	assert_int_equal(option(w, IPPROTO_TCP, TCP_KEEPINTVL), 5);
	assert_int_equal(option(w, IPPROTO_TCP, TCP_KEEPCNT), 3);
	assert_int_equal(option(w, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
	wire_close(w);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_unknown_host_is_refused_without_a_person),
		CASE(a_person_decides_once),
		CASE(another_key_of_the_host_is_never_accepted),
		CASE(a_key_that_is_no_operators_is_not_permitted),
		CASE(a_command_goes_there_and_back),
		CASE(large_messages_arrive_whole),
		CASE(a_silent_death_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
