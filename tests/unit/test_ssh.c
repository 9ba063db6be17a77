/* The SSH port: sessions by dial, and all that may knock there. */
#include "ssh_fixture.h"

#include <sys/wait.h>

/* The client: dial */

static bool
trust(void *ctx, const char *pub, const char *fingerprint, struct err *why)
{
	struct end *e = ctx;
	struct fx *fx = (struct fx *)((char *)e - offsetof(struct fx, client));

	assert_string_equal(pub, fx->host.pub);
	assert_string_equal(fingerprint, fx->host.fingerprint);
	if (!fx->trust)
		(void)err_set(why, ERR_DENIED, "not the broker we joined");
	return fx->trust;
}

static void
call(struct fx *fx, const char *host, int port, int64_t timeout_ms)
{
	struct dial d = { .host = host, .port = port, .key = &fx->node,
		.trust = trust, .timeout_ms = timeout_ms };

	fx->client.closed = fx->client.opened = 0;
	fx->client.s = dial_start(&fx->loop, &d, &end_ops, &fx->client);
}

static void
send_n(struct session *s, long long n)
{
	json_t *m = json_pack("{s:I}", "n", (json_int_t)n);

	assert_int_equal(session_send(s, m), 0);
	json_decref(m);
}

static void
serves(struct fx *fx)
{
	call(fx, "127.0.0.1", fx->port, 0);
	until(fx, &fx->client.opened, 1);
	fx->client.messages = 0;
	send_n(fx->client.s, 42);
	until(fx, &fx->client.messages, 1);
	session_close(fx->client.s, true, "");
	until(fx, &fx->client.closed, 1);
}

static void
fails(struct fx *fx, const char *host, int port, int64_t ms, const char *why)
{
	call(fx, host, port, ms);
	until(fx, &fx->client.closed, 1);
	assert_int_equal(fx->client.opened, 0);
	if (strstr(fx->client.why, why) == NULL)
		fail_msg("said: %s", fx->client.why);
}

/* Lost: no agent would ever reach its broker. */
static void
dial_echo(void **state)
{
	struct fx *fx = *state;
	const struct peer *p;
	int closed;

	call(fx, "localhost", fx->port, 0);
	send_n(fx->client.s, 0);		/* queued before it is up */
	until(fx, &fx->client.opened, 1);
	for (int i = 1; i <= 2000; i++)
		send_n(fx->client.s, i);
	until(fx, &fx->client.messages, 2001);
	assert_int_equal(fx->client.last, 2000);
	p = session_peer(fx->server.s);
	assert_int_equal(p->kind, PEER_NODE);
	assert_string_equal(p->key, fx->node.pub);
	assert_string_equal(p->fingerprint, fx->node.fingerprint);
	assert_memory_equal(p->addr, "127.0.0.1:", 10);
	p = session_peer(fx->client.s);
	assert_string_equal(p->fingerprint, fx->host.fingerprint);
	closed = fx->server.closed;
	session_close(fx->client.s, true, "done");
	until(fx, &fx->client.closed, 1);
	until(fx, &fx->server.closed, closed + 1);
	assert_string_equal(fx->client.why, "done");
	assert_string_equal(fx->server.why, "");
}

/* Lost: a broker that says goodbye to a node is not understood. */
static void
server_ends(void **state)
{
	struct fx *fx = *state;

	call(fx, "127.0.0.1", fx->port, 0);
	until(fx, &fx->client.opened, 1);
	send_n(fx->client.s, 1);
	until(fx, &fx->client.messages, 1);
	send_n(fx->server.s, 99);
	session_close(fx->server.s, true, "removed");
	until(fx, &fx->client.closed, 1);
	assert_int_equal(fx->client.last, 99);
	assert_string_equal(fx->client.why, "");
	/* And when it just dies. */
	call(fx, "127.0.0.1", fx->port, 0);
	until(fx, &fx->client.opened, 1);
	send_n(fx->client.s, 1);
	until(fx, &fx->client.messages, 3);
	session_close(fx->server.s, false, "dead");
	until(fx, &fx->client.closed, 1);
	assert_non_null(strstr(fx->client.why, "the connection to 127.0.0.1:"));
}

/* Lost: large answers, or pausing would not hold. */
static void
large_and_paused(void **state)
{
	struct fx *fx = *state;
	char *pad = mem_zero(1, 900001);
	json_t *m;
	int before;

	memset(pad, 'p', 900000);
	m = json_pack("{s:I,s:s}", "n", (json_int_t)5, "pad", pad);
	call(fx, "127.0.0.1", fx->port, 0);
	until(fx, &fx->client.opened, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(session_send(fx->client.s, m), 0);
	until(fx, &fx->client.messages, 3);
	assert_int_equal(fx->client.last, 5);
	before = fx->server.messages;
	session_pause(fx->server.s, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(session_send(fx->client.s, m), 0);
	for (int i = 0; i < 500; i++)
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	assert_int_equal(fx->server.messages, before);
	session_pause(fx->server.s, false);
	until(fx, &fx->client.messages, 6);
	json_decref(m);
	free(pad);
}

/* Lost: a sleeping agent or console would eat the broker's memory. */
static void
slow_reader(void **state)
{
	struct fx *fx = *state;
	char *pad = mem_zero(1, 60001);
	json_t *m;
	int closed = fx->server.closed;

	memset(pad, 'p', 60000);
	m = json_pack("{s:s}", "pad", pad);
	call(fx, "127.0.0.1", fx->port, 0);
	until(fx, &fx->client.opened, 1);
	send_n(fx->client.s, 1);
	until(fx, &fx->client.messages, 1);
	session_pause(fx->client.s, true);
	for (int i = 0; i < 100000 && fx->server.s != NULL; i++) {
		if (session_send(fx->server.s, m) == -1)
			break;
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	}
	until(fx, &fx->server.closed, closed + 1);
	assert_non_null(strstr(fx->server.why, "too slow"));
	json_decref(m);
	free(pad);
}

/* Lost: an operator would not know what to mend. */
static void
dial_failures(void **state)
{
	struct fx *fx = *state;
	int fd, port = free_port(NULL);

	fails(fx, "127.0.0.1", port, 0, "connection refused by 127.0.0.1:");
	fails(fx, "localhost", port, 0, "is musterd running there");
	fails(fx, "no-such-name.invalid", port, 0, "name not found");
	/* A socket that listens and never answers. */
	port = free_port(&fd);
	assert_int_equal(listen(fd, 5), 0);
	fails(fx, "127.0.0.1", port, 300, "no answer from 127.0.0.1:");
	(void)close(fd);
	fx->trust = false;
	fails(fx, "127.0.0.1", fx->port, 0, "not the broker we joined");
	fx->trust = true;
	fx->nodes_ok = false;
	fails(fx, "127.0.0.1", fx->port, 0, "refused our key SHA256:");
	fx->nodes_ok = true;
	/* Given up before anything could happen. */
	call(fx, "127.0.0.1", fx->port, 0);
	session_close(fx->client.s, false, "changed my mind");
	until(fx, &fx->client.closed, 1);
	assert_string_equal(fx->client.why, "changed my mind");
	call(fx, "127.0.0.1", fx->port, 0);
	for (int i = 0; i < 30; i++)
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	session_close(fx->client.s, false, "later");
	until(fx, &fx->client.closed, 1);
	serves(fx);
}

/* A server that is no muster: answers what it is given, then hangs up. */
static void
fake_accept(uv_stream_t *s, int status)
{
	uv_tcp_t *c = mem_zero(1, sizeof(*c));
	uv_buf_t b = uv_buf_init(s->data, (unsigned)strlen(s->data));

	assert_int_equal(status, 0);
	(void)uv_tcp_init(s->loop, c);
	assert_int_equal(uv_accept(s, (uv_stream_t *)c), 0);
	(void)uv_try_write((uv_stream_t *)c, &b, 1);
	uv_close((uv_handle_t *)c, (uv_close_cb)free);
}

static void
not_muster(struct fx *fx, const char *hello)
{
	uv_tcp_t l;
	struct sockaddr_in in;
	int port = free_port(NULL);

	(void)uv_tcp_init(&fx->loop, &l);
	l.data = (void *)(uintptr_t)hello;
	(void)uv_ip4_addr("127.0.0.1", port, &in);
	assert_int_equal(uv_tcp_bind(&l, (struct sockaddr *)&in, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&l, 5, fake_accept), 0);
	fails(fx, "127.0.0.1", port, 0, "is not a muster port");
	uv_close((uv_handle_t *)&l, NULL);
	(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
}

static void
dial_not_muster(void **state)
{
	not_muster(*state, "HTTP/1.1 400 Bad Request\r\n\r\n");
	not_muster(*state, "");
	not_muster(*state, "220 mail.example ESMTP\r\n");
}

/* Lost: anybody who can reach the port could stop the daemon. */
static void
strangers(void **state)
{
	struct fx *fx = *state;
	unsigned seed = (unsigned)getpid();
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)fx->port) };
	static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	int fds[200];

	print_message("seed %u\n", seed);
	srandom(seed);
	for (int i = 0; i < 200; i++) {
		unsigned char junk[600];
		size_t n = 1 + (size_t)random() % sizeof(junk);
		const char *p = (const char *)junk;

		for (size_t k = 0; k < n; k++)
			junk[k] = (unsigned char)random();
		/* Half of them get past the banner. */
		if (i % 2 == 0 && n > 16)
			memcpy(junk, "SSH-2.0-junk 1\r\n", 16);
		if (i % 10 == 1) {
			p = http;
			n = sizeof(http) - 1;
		}
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&in,
		    sizeof(in)), 0);
		(void)send(fds[i], p, n, MSG_NOSIGNAL);
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		if (i % 3 == 0) {
			struct linger rst = { 1, 0 };

			(void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &rst,
			    sizeof(rst));
			(void)close(fds[i]);
			fds[i] = -1;
		}
	}
	serves(fx);
	for (int i = 0; i < 200; i++)
		if (fds[i] != -1)
			(void)close(fds[i]);
	serves(fx);
}

/* Lost: somebody who connects and says nothing would shut the door for all. */
static void
silent_crowd(void **state)
{
	struct fx *fx = *state;
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)fx->port) };
	int fds[400];

	for (int i = 0; i < 400; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&in,
		    sizeof(in)), 0);
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	}
	serves(fx);
	for (int i = 0; i < 400; i++)
		(void)close(fds[i]);
	serves(fx);
}

/* A node that fills a channel and asks for nothing there: 0 when that ended its
 * connection. */
static int
pour_in(const struct fx *fx)
{
	ssh_session ssh = ssh_new();
	static char piece[16384];
	ssh_channel ch;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)ssh_options_set(ssh, SSH_OPTIONS_HOST, "127.0.0.1");
	(void)ssh_options_set(ssh, SSH_OPTIONS_PORT, &fx->port);
	(void)ssh_options_set(ssh, SSH_OPTIONS_USER, PEER_NODE_USER);
	if (ssh_connect(ssh) != SSH_OK ||
	    ssh_userauth_publickey(ssh, NULL, fx->node.ssh) !=
	    SSH_AUTH_SUCCESS)
		return 2;
	ch = ssh_channel_new(ssh);
	if (ch == NULL || ssh_channel_open_session(ch) != SSH_OK)
		return 2;
	for (int i = 0; i < 100; i++)
		if (ssh_channel_write(ch, piece, sizeof(piece)) < 0)
			return 0;
	return ssh_channel_poll_timeout(ch, 2000, 0) < 0 ? 0 : 1;
}

/* Lost: anybody's key could fill the memory before any right is looked at. */
static void
data_before_a_request(void **state)
{
	struct fx *fx = *state;
	struct patience waits = { 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(pour_in(fx));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		assert_true(patient(&waits));
		(void)usleep(100);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	serves(fx);
}

/* Lost: a cluster of many could not come back; a leak each time. */
static void
churn(void **state)
{
	struct fx *fx = *state;

	for (int i = 0; i < 60; i++) {
		call(fx, "127.0.0.1", fx->port, 0);
		if (i % 2 == 0) {
			until(fx, &fx->client.opened, 1);
			send_n(fx->client.s, i);
		} else
			for (int k = 0; k < i * 3; k++)
				(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		if (fx->client.s == NULL)
			fail_msg("%s", fx->client.why);
		session_close(fx->client.s, i % 4 == 0, "next");
		until(fx, &fx->client.closed, 1);
	}
	serves(fx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(dial_echo), T(server_ends), T(large_and_paused),
		T(slow_reader), T(dial_failures), T(dial_not_muster),
		T(strangers), T(silent_crowd), T(data_before_a_request),
		T(churn),
	};

	(void)alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
