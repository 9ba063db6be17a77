/* Sessions in process and over the local socket, keys, quarantine, watchdog.
 * Over SSH: test_ssh.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "net/key.h"
#include "net/quarantine.h"
#include "net/server.h"
#include "net/session.h"
#include "net/transport.h"
#include "net/watchdog.h"
#include "patience.h"

struct side {
	struct session *s;
	int		messages, drained, closed;
	long long	last;
	bool		echo, flood, stops;	/* stops: after each */
	char		why[512];
};

struct fx {
	uv_loop_t	loop;
	char		dir[64], path[128];
	struct key	key;
	struct server  *srv;
	struct side	server, a, b;
	int		opened;
	bool		server_done, echo, refuse;
};

static void
on_message(struct session *s, json_t *m, void *ctx)
{
	struct side *e = ctx;

	e->messages++;
	e->last = json_integer_value(json_object_get(m, "n"));
	if (e->stops)
		session_pause(s, true);
	if (e->echo)
		(void)session_send(s, m);
	if (e->flood)
		while (session_queued(s) < SESSION_HIGH * 2 &&
		    session_send(s, m) == 0)
			;
}

static void
on_drained(struct session *s, void *ctx)
{
	struct side *e = ctx;

	(void)s;
	e->drained++;
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	struct side *e = ctx;

	(void)s;
	e->s = NULL;
	e->closed++;
	(void)MEM_STR(e->why, why);
}

static const struct session_ops side_ops = {
	.message = on_message,
	.drained = on_drained,
	.closed = on_closed,
};

/* Turns the loop until *what reaches at_least. */
static void
until(struct fx *fx, const int *what, int at_least)
{
	struct patience waits = { 0 };

	while (*what < at_least) {
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		if (!patient(&waits))
			fail_msg("waited in vain: %d of %d", *what, at_least);
		(void)usleep(200);
	}
}

static void
send_n(struct session *s, long long n)
{
	json_t *m = json_pack("{s:I}", "n", (json_int_t)n);

	assert_int_equal(session_send(s, m), 0);
	json_decref(m);
}

/* The server */

static bool
srv_auth(void *ctx, struct peer *p)
{
	(void)ctx;
	(void)p;
	return false;
}

static bool
srv_open(void *ctx, struct session *s)
{
	struct fx *fx = ctx;

	fx->opened++;
	if (fx->refuse)
		return false;
	fx->server.s = s;
	fx->server.echo = fx->echo;
	session_own(s, &side_ops, &fx->server);
	return true;
}

static void
srv_exec(void *ctx, struct exec *x, const char *command)
{
	(void)ctx;
	(void)command;
	exec_end(x, 1);
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

static int
setup(void **state)
{
	struct fx *fx = mem_zero(1, sizeof(*fx));
	struct err e = { 0 };
	char key[160];
	int made;

	(void)MEM_STR(fx->dir, "/tmp/test_net.XXXXXX");
	if (mkdtemp(fx->dir) == NULL || uv_loop_init(&fx->loop) != 0)
		return -1;
	(void)snprintf(fx->path, sizeof(fx->path), "%s/sock", fx->dir);
	(void)snprintf(key, sizeof(key), "%s/key", fx->dir);
	if (key_load(&fx->key, key, &made, &e) == -1)
		return -1;
	fx->echo = true;
	*state = fx;
	return 0;
}

static void
start(struct fx *fx)
{
	struct err e = { 0 };

	fx->srv = server_new(&fx->loop, &srv_ops, fx, &fx->key);
	if (server_listen_local(fx->srv, fx->path, &e) == -1)
		fail_msg("%s", e.msg);
}

/* Whatever a test did, the loop must end empty: no handle is left behind. */
static int
teardown(void **state)
{
	struct fx *fx = *state;
	char cmd[160];
	int rc;

	if (fx->srv != NULL)
		server_close(fx->srv, srv_gone, &fx->server_done);
	(void)uv_run(&fx->loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&fx->loop);
	if (rc != 0 || (fx->srv != NULL && !fx->server_done))
		(void)fprintf(stderr, "handles were left: %d\n", rc);
	else if (fx->srv != NULL && access(fx->path, F_OK) == 0)
		rc = -1;
	key_clear(&fx->key);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", fx->dir);
	if (system(cmd) != 0)
		rc = -1;
	free(fx);
	return rc;
}

static int
client(const struct fx *fx)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)MEM_STR(un.sun_path, fx->path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
say(struct fx *fx, int fd, const char *p, size_t n)
{
	struct patience waits = { 0 };

	while (n > 0) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w > 0) {
			p += w;
			n -= (size_t)w;
		} else if (errno != EAGAIN)
			return;
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		assert_true(patient(&waits));
	}
}

/* Reads until stop is found, or the end; returns the bytes. */
static size_t
hear(struct fx *fx, int fd, char *out, size_t size, const char *stop)
{
	struct patience waits = { 0 };
	size_t len = 0;

	out[0] = '\0';
	for (;;) {
		ssize_t n = recv(fd, out + len, size - 1 - len, 0);

		if (n == 0 || (n == -1 && errno != EAGAIN))
			return len;
		if (n > 0) {
			len += (size_t)n;
			out[len] = '\0';
			if (stop != NULL && strstr(out, stop) != NULL)
				return len;
		}
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		if (!patient(&waits))
			fail_msg("nothing more after %zu bytes", len);
	}
}

/* Lost: an agent could not talk to the broker of its own process. */
static void
pair_echo(void **state)
{
	struct fx *fx = *state;

	session_pair(&fx->loop, &fx->a.s, &fx->b.s);
	session_own(fx->a.s, &side_ops, &fx->a);
	session_own(fx->b.s, &side_ops, &fx->b);
	fx->b.echo = true;
	for (int i = 1; i <= 100; i++)
		send_n(fx->a.s, i);
	assert_int_equal(fx->b.messages, 0);	/* in a later turn */
	until(fx, &fx->a.messages, 100);
	assert_int_equal(fx->a.last, 100);
	assert_int_equal(session_peer(fx->a.s)->kind, PEER_LOOPBACK);
	send_n(fx->a.s, 101);
	session_close(fx->a.s, true, "enough");
	assert_int_equal(fx->a.closed, 0);	/* not inside the call */
	until(fx, &fx->a.closed, 1);
	until(fx, &fx->b.closed, 1);
	assert_int_equal(fx->b.messages, 101);	/* flushed first */
	assert_string_equal(fx->a.why, "enough");
	assert_string_equal(fx->b.why, "");
}

/* Lost: a paused session would deliver, lose or reorder messages. */
static void
pair_pause(void **state)
{
	struct fx *fx = *state;

	session_pair(&fx->loop, &fx->a.s, &fx->b.s);
	session_own(fx->a.s, &side_ops, &fx->a);
	session_own(fx->b.s, &side_ops, &fx->b);
	session_pause(fx->b.s, true);
	for (int i = 1; i <= 1000; i++)
		send_n(fx->a.s, i);
	for (int i = 0; i < 20; i++)
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	assert_int_equal(fx->b.messages, 0);
	session_pause(fx->b.s, false);
	until(fx, &fx->b.messages, 1000);
	assert_int_equal(fx->b.last, 1000);
	session_close(fx->b.s, false, "now");
	until(fx, &fx->a.closed, 1);
}

static void
pass(struct fx *fx, int64_t ms)
{
	mono end = mono_add_ms(clock_mono(), ms);

	while (clock_mono().us < end.us) {
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		(void)usleep(1000);
	}
}

/* Lost: lines that came in one piece with the one that led to a pause: when the
 * pause is over at once, and when the peer has said everything. */
static void
pair_stops(void **state)
{
	struct fx *fx = *state;

	session_pair(&fx->loop, &fx->a.s, &fx->b.s);
	session_own(fx->a.s, &side_ops, &fx->a);
	session_own(fx->b.s, &side_ops, &fx->b);
	fx->b.stops = true;
	for (int i = 1; i <= 5; i++)
		send_n(fx->a.s, i);
	for (int i = 1; i <= 3; i++) {
		for (int k = 0; k < 50 && fx->b.messages < i; k++)
			(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		assert_int_equal(fx->b.messages, i);
		session_pause(fx->b.s, false);
	}
	pass(fx, 20);
	assert_int_equal(fx->b.messages, 4);
	session_eof(fx->b.s);
	pass(fx, 1200);
	session_pause(fx->b.s, false);
	pass(fx, 1200);
	assert_int_equal(fx->b.messages, 5);
	assert_int_equal(fx->b.closed, 0);
	until(fx, &fx->b.closed, 1);
	until(fx, &fx->a.closed, 1);
}

/* Lost: a stream could not be paced, or memory would grow without a bound. */
static void
pair_marks(void **state)
{
	struct fx *fx = *state;
	char *big = mem_zero(1, 100001);
	json_t *m;
	int sent = 0;

	memset(big, 'x', 100000);
	m = json_pack("{s:s}", "x", big);
	session_pair(&fx->loop, &fx->a.s, &fx->b.s);
	session_own(fx->a.s, &side_ops, &fx->a);
	session_own(fx->b.s, &side_ops, &fx->b);
	for (int i = 0; i < 5; i++)
		assert_int_equal(session_send(fx->a.s, m), 0);
	until(fx, &fx->a.drained, 1);
	session_pause(fx->b.s, true);
	while (session_send(fx->a.s, m) == 0)
		sent++;
	assert_in_range(sent, 40, 42);
	until(fx, &fx->a.closed, 1);
	assert_non_null(strstr(fx->a.why, "too slow"));
	until(fx, &fx->b.closed, 1);
	json_decref(m);
	free(big);
}

/* Lost: the console and the command line on this machine. */
static void
local_echo(void **state)
{
	struct fx *fx = *state;
	static const char two[] = "{\"n\":1}\n\r\n"
	    "{\"n\":2,\"ü\":\"é\"}\r\n{\"n\"";
	char out[4096];
	struct stat st;
	int fd;

	start(fx);
	assert_int_equal(stat(fx->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	fd = client(fx);
	say(fx, fd, two, sizeof(two) - 1);
	say(fx, fd, ":3}\n", 4);
	(void)hear(fx, fd, out, sizeof(out), "{\"n\":3}\n");
	assert_string_equal(out,
	    "{\"n\":1}\n{\"n\":2,\"ü\":\"é\"}\n{\"n\":3}\n");
	assert_int_equal(session_peer(fx->server.s)->kind, PEER_LOCAL);
	assert_int_equal(session_peer(fx->server.s)->uid, getuid());
	assert_int_equal(session_peer(fx->server.s)->pid, getpid());
	(void)close(fd);
	until(fx, &fx->server.closed, 1);
	assert_string_equal(fx->server.why, "");
}

/* Lost: `printf … | nc -U` would never see its answer. */
static void
local_half_close(void **state)
{
	struct fx *fx = *state;
	char out[256];
	int fd;

	start(fx);
	fd = client(fx);
	say(fx, fd, "{\"n\":7}\n", 8);
	(void)shutdown(fd, SHUT_WR);
	assert_int_equal(hear(fx, fd, out, sizeof(out), NULL), 8);
	(void)close(fd);
	until(fx, &fx->server.closed, 1);
}

static void
garbage_is_closed(struct fx *fx, const char *p, size_t n)
{
	char out[4096];
	int fd = client(fx), before = fx->server.closed;
	json_t *e;

	say(fx, fd, p, n);
	(void)hear(fx, fd, out, sizeof(out), NULL);
	e = json_loads(out, 0, NULL);
	assert_non_null(e);		/* exactly one document */
	assert_int_equal(json_integer_value(json_object_get(
	    json_object_get(e, "error"), "code")), -32700);
	assert_true(json_is_null(json_object_get(e, "id")));
	json_decref(e);
	(void)close(fd);
	until(fx, &fx->server.closed, before + 1);
	assert_non_null(strstr(fx->server.why, "garbage"));
}

/* Lost: a broken or hostile client could hurt the daemon, or not learn why
 * it is sent away. */
static void
local_garbage(void **state)
{
	struct fx *fx = *state;
	static const char *const bad[] = { "hello\n", "[1,2]\n", "{\"a\":1}x\n",
		"{\"a\":1,\"a\":2}\n", "\xff\xfe\n", "3\n",
		"{\"a\":\"\\ud800\"}\n",
		"{}\n\"\n{}\n" };
	char *big = mem_zero(1, SESSION_LINE + 100);

	start(fx);
	fx->echo = false;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		garbage_is_closed(fx, bad[i], strlen(bad[i]));
	/* Too deep for the parser, without an end of line, and too long. */
	memset(big, '[', SESSION_LINE + 100);
	garbage_is_closed(fx, big, SESSION_LINE + 50);
	big[5000] = '\n';
	garbage_is_closed(fx, big, 5001);
	free(big);
}

/* Lost: a message of exactly the promised size. */
static void
local_longest_line(void **state)
{
	struct fx *fx = *state;
	char *big = mem_zero(1, SESSION_LINE + 2);
	int fd;

	start(fx);
	memset(big, 'x', SESSION_LINE);
	memcpy(big, "{\"n\":9,\"x\":\"", 12);
	memcpy(big + SESSION_LINE - 2, "\"}\n", 3);
	fd = client(fx);
	fx->echo = false;
	say(fx, fd, big, SESSION_LINE + 1);
	until(fx, &fx->server.messages, 1);
	assert_int_equal(fx->server.last, 9);
	(void)close(fd);
	free(big);
}

/* Lost: one reader that sleeps would eat the daemon's memory. */
static void
local_slow_reader(void **state)
{
	struct fx *fx = *state;
	char *pad = mem_zero(1, 60001);
	json_t *m;
	int fd;

	start(fx);
	fx->echo = false;
	fd = client(fx);
	say(fx, fd, "{\"n\":1}\n", 8);
	until(fx, &fx->server.messages, 1);
	memset(pad, 'y', 60000);
	m = json_pack("{s:s}", "pad", pad);
	while (fx->server.s != NULL) {
		if (session_send(fx->server.s, m) == -1)
			break;
		assert_true(session_queued(fx->server.s) <= SESSION_QUEUE);
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	}
	until(fx, &fx->server.closed, 1);
	assert_non_null(strstr(fx->server.why, "too slow"));
	json_decref(m);
	(void)close(fd);
	free(pad);
}

/* Lost: a silent peer would be believed for ever. */
static void
local_idle(void **state)
{
	struct fx *fx = *state;
	int fd;

	start(fx);
	fd = client(fx);
	say(fx, fd, "{\"n\":1}\n", 8);
	until(fx, &fx->server.messages, 1);
	session_idle(fx->server.s, 50);
	until(fx, &fx->server.closed, 1);
	assert_non_null(strstr(fx->server.why, "nothing heard for 50 ms"));
	(void)close(fd);
}

/* Lost: a refused client would hang, or a crash. */
static void
local_refused(void **state)
{
	struct fx *fx = *state;
	char out[64];
	int fd;

	start(fx);
	fx->refuse = true;
	fd = client(fx);
	assert_int_equal(hear(fx, fd, out, sizeof(out), NULL), 0);
	assert_int_equal(fx->opened, 1);
	(void)close(fd);
}

/* Lost: a restart after a crash would fail, or two daemons fight for one
 * name. */
static void
local_stale(void **state)
{
	struct fx *fx = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct server *second;
	struct err e = { 0 };
	bool gone = false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)MEM_STR(un.sun_path, fx->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	(void)close(fd);
	start(fx);
	second = server_new(&fx->loop, &srv_ops, fx, &fx->key);
	assert_int_equal(server_listen_local(second, fx->path, &e), -1);
	assert_non_null(strstr(e.msg, "another musterd answers on"));
	server_close(second, srv_gone, &gone);
	(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	assert_true(gone);
	assert_int_equal(access(fx->path, F_OK), 0);
	fd = open(fx->path, O_RDONLY);
	assert_int_equal(fd, -1);
}

/* Lost: a file in the way would be deleted. */
static void
local_not_a_socket(void **state)
{
	struct fx *fx = *state;
	struct server *srv = server_new(&fx->loop, &srv_ops, fx, &fx->key);
	struct err e = { 0 };
	FILE *f = fopen(fx->path, "w");

	assert_non_null(f);
	(void)fclose(f);
	assert_int_equal(server_listen_local(srv, fx->path, &e), -1);
	assert_non_null(strstr(e.msg, "is not a socket"));
	assert_int_equal(access(fx->path, F_OK), 0);
	assert_int_equal(server_listen(srv, "::", 0, &e), -1);
	assert_non_null(strstr(e.msg, "listen.port"));
	assert_int_equal(server_listen(srv, "example.org", 7422, &e), -1);
	server_close(srv, srv_gone, &fx->server_done);
}

/* Lost: identity: a key that others can read, or another key each start. */
static void
keys(void **state)
{
	struct fx *fx = *state;
	char path[160], pub[128], fp[64];
	unsigned char d[32];
	struct err e = { 0 };
	struct key k;
	struct stat st;
	int made;

	(void)snprintf(path, sizeof(path), "%s/key", fx->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(key_load(&k, path, &made, &e), 0);
	assert_int_equal(made, 0);
	assert_string_equal(k.pub, fx->key.pub);
	assert_memory_equal(k.pub, "ssh-ed25519 AAAA", 16);
	assert_memory_equal(k.fingerprint, "SHA256:", 7);
	assert_int_equal(key_parse(k.pub, pub, fp, &e), 0);
	assert_string_equal(fp, k.fingerprint);
	assert_int_equal(key_digest(k.pub, d, &e), 0);
	key_clear(&k);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(key_load(&k, path, &made, &e), -1);
	assert_non_null(strstr(e.msg, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(key_load(&k, path, &made, &e), -1);
	assert_non_null(strstr(e.msg, "is not an Ed25519 key"));
	(void)snprintf(path, sizeof(path), "%s/none/key", fx->dir);
	assert_int_equal(key_load(&k, path, &made, &e), -1);
}

static void
key_texts(void **state)
{
	static const char ours[] = "  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUBw"
	    "4Hk8lgHNTmRpkP0wmXsqZmEJvLMYXGNPWcGbJ3E me@here\n";
	static const char wrong_type[] = "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIHUBw"
	    "4Hk8lgHNTmRpkP0wmXsqZmEJvLMYXGNPWcGbJ3E";
	static const char *const bad[] = { "", "ssh-ed25519", "ssh-ed25519 !!!",
		"ssh-foo AAAA", wrong_type, "ssh-ed25519 AAAAC3Nz" };
	char pub[128], fp[64];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(key_parse(ours, pub, fp, &e), 0);
	assert_string_equal(pub, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUBw4Hk8"
	    "lgHNTmRpkP0wmXsqZmEJvLMYXGNPWcGbJ3E");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(key_parse(bad[i], pub, fp, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
	}
}

/* What the wall clock is ahead of the kernel's: as if it had been set back
 * since it was asked. */
static time_t wall_ahead;

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (rc == 0 && id == CLOCK_REALTIME)
		t->tv_sec += wall_ahead;
	return rc;
}

static void
bites(struct fx *fx, time_t ahead)
{
	struct peer p = { .fingerprint = "SHA256:hostile",
		.addr = "1.2.3.4:5" };
	char path[160];
	int status;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/quarantine", fx->dir);
	assert_false(quarantine_has(path, p.fingerprint));
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)freopen("/dev/null", "w", stderr);
		(void)alarm(10);
		wall_ahead = ahead;
		if (watchdog_start(&fx->loop, path, NULL) == -1)
			_exit(1);
		watchdog_enter(&p);
		watchdog_leave();
		watchdog_enter(&p);
		for (;;)
			(void)pause();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(quarantine_has(path, p.fingerprint));
	assert_false(quarantine_has(path, "SHA256:hos"));
	assert_false(quarantine_has(path, ""));
	assert_int_equal(watchdog_start(&fx->loop, path, NULL), 0);
	assert_int_equal(watchdog_start(&fx->loop, path, NULL), -1);
	watchdog_stop();
}

/* Lost: a peer that hangs the library would hang every client, again after
 * each restart. */
static void
watchdog_bites(void **state)
{
	bites(*state, 0);
}

/* Lost: the same for an hour, when somebody sets the clock back by one. */
static void
watchdog_minds_no_clock(void **state)
{
	bites(*state, 3600);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(pair_echo), T(pair_pause), T(pair_stops), T(pair_marks),
		T(local_echo), T(local_half_close), T(local_garbage), T(local_longest_line),
		T(local_slow_reader), T(local_idle), T(local_refused),
		T(local_stale), T(local_not_a_socket), T(keys), T(key_texts),
		T(watchdog_bites), T(watchdog_minds_no_clock),
	};

	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
