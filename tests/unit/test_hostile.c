/* A peer with a valid key that hangs the SSH library (a channel
 * with a maximum packet of 10 bytes): the watchdog ends the daemon, and the
 * key is refused from then on.
 *
 * The hostile client is this library itself with one constant changed in the
 * client's process; where that constant is not found the test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "net/dial.h"
#include "net/quarantine.h"
#include "net/server.h"
#include "net/watchdog.h"

enum { REFUSED = 40, ENDED = 41, UNFIT = 42, SERVED = 43 };

static char dir[64], jail[128];

static struct key
key_of(const char *name)
{
	struct err e = { 0 };
	struct key k;
	char path[128];
	int made;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (key_load(&k, path, &made, &e) == -1)
		_exit(1);
	return k;
}

/* Server */

static bool
s_auth(void *ctx, struct peer *p)
{
	(void)ctx;
	p->kind = PEER_NODE;
	return true;
}

static void
s_message(struct session *s, json_t *m, void *ctx)
{
	(void)ctx;
	(void)session_send(s, m);
}

static const struct session_ops s_session = { .message = s_message };

static bool
s_open(void *ctx, struct session *s)
{
	session_own(s, &s_session, ctx);
	return true;
}

static void
s_exec(void *ctx, struct exec *x, const char *command)
{
	(void)ctx;
	(void)command;
	exec_end(x, 1);
}

static const struct server_ops s_ops = {
	.auth = s_auth,
	.open = s_open,
	.exec = s_exec,
};

static _Noreturn void
serve(int port, int ready)
{
	struct key k = key_of("host");
	uv_loop_t loop;
	struct server *srv;

	(void)signal(SIGABRT, SIG_DFL);
	(void)uv_loop_init(&loop);
	srv = server_new(&loop, &s_ops, NULL, &k);
	server_quarantine(srv, jail);
	if (server_listen(srv, "127.0.0.1", port, NULL) == -1 ||
	    watchdog_start(&loop, jail, NULL) == -1 ||
	    write(ready, "", 1) != 1)
		_exit(1);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}

/* Client */

static bool
c_trust(void *ctx, const char *pub, const char *fp, struct err *why)
{
	(void)ctx;
	(void)pub;
	(void)fp;
	(void)why;
	return true;
}

static void
c_open(struct session *s, void *ctx)
{
	json_t *m = json_pack("{s:s}", "method", "hello");

	(void)ctx;
	(void)session_send(s, m);
	json_decref(m);
}

static void
c_message(struct session *s, json_t *m, void *ctx)
{
	(void)s;
	(void)m;
	(void)ctx;
	_exit(SERVED);
}

static void
c_closed(struct session *s, const char *why, void *ctx)
{
	(void)s;
	(void)ctx;
	_exit(strstr(why, "refused our key") != NULL ? REFUSED : ENDED);
}

static const struct session_ops c_ops = {
	.open = c_open,
	.message = c_message,
	.closed = c_closed,
};

/* movl $0x8000,0x14(%rbx), the largest packet of a new channel, becomes 10. */
static bool
turn_hostile(void)
{
#if defined(__x86_64__)
	static const unsigned char code[] = { 0xc7, 0x43, 0x14, 0, 0x80, 0,
		0 };
	int (*fn)(ssh_channel) = ssh_channel_open_session;
	unsigned char *p, *hit = NULL;
	long page = sysconf(_SC_PAGESIZE);
	uintptr_t start;

	memcpy(&p, &fn, sizeof(p));
	for (int i = 0; i < 32 && hit == NULL; i++)
		if (p[i] == 0xe9) {
			int32_t far;

			memcpy(&far, p + i + 1, sizeof(far));
			hit = memmem(p + i + 5 + far, 256, code,
			    sizeof(code));
		}
	if (hit == NULL)
		return false;
	start = (uintptr_t)hit & ~((uintptr_t)page - 1);
	if (mprotect((void *)start, (size_t)page * 2,
	    PROT_READ | PROT_WRITE | PROT_EXEC) == -1)
		return false;
	hit[3] = 10;
	hit[4] = 0;
	return true;
#else
	return false;
#endif
}

static _Noreturn void
visit(int port, bool hostile)
{
	struct key k = key_of("guest");
	struct dial d = { .host = "127.0.0.1", .port = port, .key = &k,
		.trust = c_trust };
	uv_loop_t loop;

	if (hostile && !turn_hostile())
		_exit(UNFIT);
	(void)uv_loop_init(&loop);
	(void)dial_start(&loop, &d, &c_ops, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	_exit(1);
}

static pid_t
start_server(int port)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		serve(port, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static int
visit_status(int port, bool hostile)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		visit(port, hostile);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	(void)close(fd);
	return ntohs(in.sin_port);
}

/* Lost: one member with a valid key could stop the whole cluster for good. */
static void
hostile_peer(void **state)
{
	int port = free_port(), status, said;
	struct key guest = key_of("guest"), host = key_of("host");
	pid_t srv;

	(void)state;
	srv = start_server(port);
	assert_int_equal(visit_status(port, false), SERVED);
	said = visit_status(port, true);
	if (said == UNFIT) {
		(void)kill(srv, SIGKILL);
		(void)waitpid(srv, &status, 0);
		print_message("skipped: no such constant in this libssh\n");
	} else {
		assert_int_equal(said, ENDED);
		assert_int_equal(waitpid(srv, &status, 0), srv);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
		assert_true(quarantine_has(jail, guest.fingerprint));
		srv = start_server(port);
		assert_int_equal(visit_status(port, true), REFUSED);
		/* An operator takes the line out: no restart is needed. */
		assert_int_equal(unlink(jail), 0);
		assert_int_equal(visit_status(port, false), SERVED);
		(void)kill(srv, SIGKILL);
		(void)waitpid(srv, &status, 0);
	}
	key_clear(&guest);
	key_clear(&host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hostile_peer) };
	char cmd[128];
	int rc;

	(void)alarm(120);
	(void)MEM_STR(dir, "/tmp/test_hostile.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(jail, sizeof(jail), "%s/quarantine", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) != 0 ? 1 : rc;
}
