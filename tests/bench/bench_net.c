/* Echo of 200-byte messages over SSH beside a bare socketpair, and logins, in
 * the same run; one JSON line.  Two processes: client and server.
 *
 * usage: bench_net [seconds a phase [logins at once]] */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "net/dial.h"
#include "net/server.h"

enum { MESSAGE = 200, WINDOW = 64 };

static double seconds = 2;
static int dials = 32;

struct result {
	double bare, ssh, lone, logins;
};

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "bench_net: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool
over(mono start)
{
	return (double)(clock_mono().us - start.us) >= seconds * 1e6;
}

static double
rate(long n, mono start)
{
	return (double)n * 1e6 / (double)(clock_mono().us - start.us);
}

static int
free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &n) == -1)
		die("no port");
	(void)close(fd);
	return ntohs(in.sin_port);
}

/* The bare socketpair */

static void
echo_bare(int fd)
{
	char b[65536];
	ssize_t n;

	while ((n = read(fd, b, sizeof(b))) > 0)
		if (write(fd, b, (size_t)n) != n)
			break;
	_exit(0);
}

static double
bare(void)
{
	char out[MESSAGE * WINDOW], in[65536];
	long got = 0, bytes = 0;
	int sv[2];
	mono start;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		die("socketpair");
	pid = fork();
	if (pid == 0) {
		(void)close(sv[0]);
		echo_bare(sv[1]);
	}
	(void)close(sv[1]);
	memset(out, 'x', sizeof(out));
	start = clock_mono();
	if (write(sv[0], out, sizeof(out)) != (ssize_t)sizeof(out))
		die("write");
	while (!over(start)) {
		ssize_t n = read(sv[0], in, sizeof(in));
		long whole;

		if (n <= 0)
			die("read");
		bytes += n;
		whole = bytes / MESSAGE - got;
		for (long i = 0; i < whole; i++)
			if (write(sv[0], out, MESSAGE) != MESSAGE)
				die("write");
		got += whole;
	}
	(void)close(sv[0]);
	(void)waitpid(pid, NULL, 0);
	return rate(got, start);
}

/* The client's process */

struct client {
	uv_loop_t      loop;
	struct key     key;
	int	       port, window;
	json_t	      *message;
	long	       got, logins;
	bool	       up, logging_in;
	int	       live;
	mono	       start;
	struct session *s;
};

static void dial_one(struct client *);

static bool
trust(void *ctx, const char *pub, const char *fp, struct err *why)
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
	struct client *c = ctx;

	if (c->logging_in) {
		c->logins++;
		session_close(s, false, "");
	} else
		c->up = true;
}

static void
c_message(struct session *s, json_t *m, void *ctx)
{
	struct client *c = ctx;

	(void)m;
	c->got++;
	if (!over(c->start))
		(void)session_send(s, c->message);
	else if (--c->window == 0)
		uv_stop(&c->loop);
}

static void
c_closed(struct session *s, const char *why, void *ctx)
{
	struct client *c = ctx;

	(void)s;
	c->live--;
	if (why[0] != '\0')
		(void)fprintf(stderr, "bench_net: %s\n", why);
	if (c->logging_in && why[0] == '\0' && !over(c->start))
		dial_one(c);
}

static const struct session_ops c_ops = {
	.open = c_open,
	.message = c_message,
	.closed = c_closed,
};

static void
dial_one(struct client *c)
{
	struct dial d = { .host = "127.0.0.1", .port = c->port, .key = &c->key,
		.trust = trust };

	c->live++;
	c->s = dial_start(&c->loop, &d, &c_ops, c);
}

static double
echo(struct client *c, int window)
{
	double r;

	c->got = 0;
	c->window = window;
	c->start = clock_mono();
	for (int i = 0; i < window; i++)
		(void)session_send(c->s, c->message);
	(void)uv_run(&c->loop, UV_RUN_DEFAULT);
	r = rate(c->got, c->start);
	return r;
}

static void
client(int port, const char *dir, int ready, int report)
{
	struct client c = { .port = port };
	struct result r = { 0 };
	struct err e = { 0 };
	char path[160], pad[MESSAGE], byte;
	int made;

	(void)snprintf(path, sizeof(path), "%s/client", dir);
	if (read(ready, &byte, 1) != 1 ||
	    key_load(&c.key, path, &made, &e) == -1)
		die("client");
	memset(pad, 'x', sizeof(pad));
	c.message = json_pack("{s:s%}", "x", pad,
	    (size_t)(MESSAGE - sizeof("{\"x\":\"\"}\n") + 1));
	(void)uv_loop_init(&c.loop);
	dial_one(&c);
	while (!c.up && c.live > 0)
		(void)uv_run(&c.loop, UV_RUN_ONCE);
	if (!c.up)
		exit(1);
	r.ssh = echo(&c, WINDOW);
	r.lone = echo(&c, 1);
	session_close(c.s, true, "");
	while (c.live > 0)
		(void)uv_run(&c.loop, UV_RUN_ONCE);
	c.logging_in = true;
	c.start = clock_mono();
	for (int i = 0; i < dials; i++)
		dial_one(&c);
	(void)uv_run(&c.loop, UV_RUN_DEFAULT);
	r.logins = rate(c.logins, c.start);
	if (write(report, &r, sizeof(r)) != (ssize_t)sizeof(r))
		die("report");
	json_decref(c.message);
	key_clear(&c.key);
	exit(uv_loop_close(&c.loop) == 0 ? 0 : 1);
}

/* The server's process */

static void
s_message(struct session *s, json_t *m, void *ctx)
{
	(void)ctx;
	(void)session_send(s, m);
}

static const struct session_ops s_ops = { .message = s_message };

static bool
auth(void *ctx, struct peer *p)
{
	(void)ctx;
	p->kind = PEER_NODE;
	return true;
}

static long opened;
static double login_cpu;		/* seconds, when the logins began */

static double
cpu(void)
{
	struct rusage ru;

	(void)getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static bool
s_open(void *ctx, struct session *s)
{
	/* The first session is that of the echo. */
	if (++opened == 2)
		login_cpu = cpu();
	session_own(s, &s_ops, ctx);
	return true;
}

static void
s_exec(void *ctx, struct exec *x, const char *command)
{
	(void)ctx;
	(void)command;
	exec_end(x, 1);
}

static const struct server_ops ops = {
	.auth = auth,
	.open = s_open,
	.exec = s_exec,
};

static struct server *server;
static uv_poll_t watch;
static struct result result;

static void
on_report(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	if (read(*(int *)p->data, &result, sizeof(result)) !=
	    (ssize_t)sizeof(result))
		die("the client failed");
	uv_close((uv_handle_t *)p, NULL);
	server_close(server, NULL, NULL);
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/bench_net.XXXXXX", path[160], cmd[64];
	int ready[2], report[2], port = free_port(), made, status;
	struct rusage ru;
	struct err e = { 0 };
	struct key key;
	uv_loop_t loop;
	pid_t pid;

	if (argc > 1)
		seconds = strtod(argv[1], NULL);
	if (argc > 2)
		dials = (int)strtol(argv[2], NULL, 10);
	log_init(LOG_ERROR);
	if (mkdtemp(dir) == NULL || pipe(ready) == -1 || pipe(report) == -1)
		die("cannot begin");
	result.bare = bare();
	pid = fork();
	if (pid == 0)
		client(port, dir, ready[0], report[1]);
	(void)snprintf(path, sizeof(path), "%s/host", dir);
	(void)uv_loop_init(&loop);
	if (key_load(&key, path, &made, &e) == -1)
		die(e.msg);
	server = server_new(&loop, &ops, NULL, &key);
	if (server_listen(server, "127.0.0.1", port, &e) == -1)
		die(e.msg);
	(void)uv_poll_init(&loop, &watch, report[0]);
	watch.data = &report[0];
	(void)uv_poll_start(&watch, UV_READABLE, on_report);
	(void)close(report[1]);
	if (write(ready[1], "", 1) != 1)
		die("pipe");
	{
		double keep = result.bare;

		(void)uv_run(&loop, UV_RUN_DEFAULT);
		result.bare = keep;
	}
	(void)waitpid(pid, &status, 0);
	(void)getrusage(RUSAGE_SELF, &ru);
	(void)printf("{\"bench\":\"net\",\"message_bytes\":%d,\"in_flight\":%d,"
	    "\"socketpair_per_s\":%.0f,\"ssh_per_s\":%.0f,\"ratio\":%.3f,"
	    "\"ssh_one_in_flight_per_s\":%.0f,\"logins_per_s\":%.0f,"
	    "\"login_server_cpu_ms\":%.2f,\"server_rss_kib\":%ld}\n",
	    MESSAGE, WINDOW, result.bare, result.ssh,
	    result.ssh / result.bare, result.lone, result.logins,
	    opened > 2 ? (cpu() - login_cpu) * 1e3 / (double)(opened - 2) : 0,
	    ru.ru_maxrss);
	key_clear(&key);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0 || uv_loop_close(&loop) != 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
