/* What an operator waits for: runs per second end to end, from submission to
 * start, a planned handover.  Starts a real dedicated broker and real agents on
 * loopback, joined over SSH.  Compared, in the same run, with one thread that
 * calls posix_spawn of /bin/true.
 *
 *	bench_runs [runs [in flight [handovers]]]
 *
 * One JSON line; MUSTER_BUILD names the folder of the programs (build). */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "js.h"
#include "mem.h"

extern char **environ;

static char dir[] = "/tmp/bench-runs.XXXXXX";
static const char *build;
static pid_t daemons[4];
static size_t ndaemons;

static double
now_ms(void)
{
	return (double)clock_mono().us / 1000.0;
}

static void
stop_all(void)
{
	char cmd[256];

	for (size_t i = 0; i < ndaemons; i++)
		(void)kill(daemons[i], SIGTERM);
	for (size_t i = 0; i < ndaemons; i++)
		(void)waitpid(daemons[i], NULL, 0);
	(void)snprintf(cmd, sizeof(cmd),
	    "pkill -f 'muster-keeper.*%s' ; rm -rf %s", dir, dir);
	if (system(cmd) == -1)
		(void)0;
}

static void
die(const char *what)
{
	(void)fprintf(stderr, "bench_runs: %s\n", what);
	stop_all();
	exit(1);
}

/* ---- daemons ---- */

static void
start(const char *name, int port, int broker)
{
	char conf[256], exe[256], log[256], cmd[1024];
	FILE *f;
	pid_t pid;

	(void)snprintf(conf, sizeof(conf), "%s/%s.conf", dir, name);
	(void)snprintf(log, sizeof(log), "%s/%s.log", dir, name);
	f = fopen(conf, "w");
	if (f == NULL)
		die("no room in /tmp");
	(void)fprintf(f,
	    "node: { name = \"%s\"; state_dir = \"%s/%s\"; socket = "
	    "\"%s/%s.sock\"; };\nlisten: { address = \"127.0.0.1\"; port = %d; "
	    "};\nagent: { max_runs = 64; };\nlog: { level = \"warn\"; };\n%s",
	    name, dir, name, dir, name, port, broker
	        ? "broker: { enabled = true; local_agent = false; };\n" : "");
	(void)fclose(f);
	(void)snprintf(exe, sizeof(exe), "%s/musterd", build);
	pid = fork();
	if (pid == 0) {
		if (freopen(log, "w", stderr) == NULL)
			_exit(1);
		(void)execl(exe, exe, "-c", conf, (char *)NULL);
		_exit(127);
	}
	daemons[ndaemons++] = pid;
	(void)snprintf(cmd, sizeof(cmd), "for i in $(seq 200); do %s/muster -S "
	    "%s/%s.sock status >/dev/null 2>&1 && exit 0; sleep 0.05; done; "
	    "exit 1", build, dir, name);
	if (system(cmd) != 0)
		die("a daemon did not start (see its log)");
}

static void
sh(const char *fmt, const char *a, const char *b)
{
	char cmd[4096], text[2048];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), fmt, a, b);
#pragma GCC diagnostic pop
	(void)snprintf(cmd, sizeof(cmd), "cd %s && M=%.1000s/muster && %s",
	    dir, build, text);
	if (system(cmd) != 0)
		die(text);
}

static void
join_agent(const char *name, const char *port)
{
	sh("$M -S %s.sock join request 127.0.0.1:%s >/dev/null", name, port);
	sh("$M -S broker.sock join accept %s >/dev/null%s", name, "");
	sh("$M -S broker.sock join token %s --json | "
	   "sed -n 's/.*\"token\": *\"\\([^\"]*\\)\".*/\\1/p' | "
	   "$M -S %s.sock join complete 127.0.0.1:7599 - >/dev/null", name,
	    name);
}

/* ---- the protocol ---- */

struct client {
	int	   fd;
	struct buf in, out;
	int64_t	   id;
};

static void
dial(struct client *c, const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	*c = (struct client){ .in = BUF_INIT(64 << 20),
		.out = BUF_INIT(64 << 20) };
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s.sock", dir,
	    name);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		die("cannot connect");
}

static int64_t
ask(struct client *c, const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id",
	    (json_int_t)++c->id, "method", method, "params", params);
	char *text = js_dump(doc);

	buf_puts(&c->out, text);
	buf_putc(&c->out, '\n');
	free(text);
	json_decref(doc);
	return c->id;
}

/* The next message, or NULL when wait is over. */
static json_t *
next(struct client *c)
{
	for (;;) {
		char *nl = memchr(c->in.p, '\n', c->in.len), tmp[65536];
		struct pollfd p = { c->fd, POLLIN, 0 };
		ssize_t n;

		if (nl != NULL) {
			size_t len = (size_t)(nl - c->in.p);
			json_t *doc = json_loadb(c->in.p, len, 0, NULL);

			buf_shift(&c->in, len + 1);
			return doc;
		}
		if (c->out.len > 0)
			p.events |= POLLOUT;
		if (poll(&p, 1, 60000) <= 0)
			die("no answer within a minute");
		if (p.revents & POLLOUT) {
			n = write(c->fd, c->out.p, c->out.len);
			if (n > 0)
				buf_shift(&c->out, (size_t)n);
		}
		if (p.revents & (POLLIN | POLLHUP)) {
			n = read(c->fd, tmp, sizeof(tmp));
			if (n <= 0)
				die("the daemon closed the connection");
			buf_put(&c->in, tmp, (size_t)n);
		}
	}
}

static json_t *
call(struct client *c, const char *method, json_t *params)
{
	int64_t id = ask(c, method, params);

	for (;;) {
		json_t *doc = next(c), *result;

		if (js_int(doc, "id", 0) == id) {
			if (json_object_get(doc, "error") != NULL) {
				(void)fprintf(stderr, "%s: %s\n", method,
				    js_str(json_object_get(doc, "error"),
				        "message", ""));
				die(method);
			}
			result = json_incref(json_object_get(doc, "result"));
			json_decref(doc);
			return result;
		}
		json_decref(doc);
	}
}

static void
hello(struct client *c)
{
	json_decref(call(c, "hello", json_pack("{s:s,s:s,s:i}", "client",
	    "bench", "version", MUSTER_VERSION, "protocol", 1)));
}

/* ---- what is measured ---- */

/* Submissions wait for their run's end, so that so many are in flight. */
static double
end_to_end(struct client *c, int runs, int window)
{
	int sent = 0, ended = 0;
	double from = now_ms();

	while (ended < runs) {
		json_t *doc;

		for (; sent < runs && sent - ended < window; sent++)
			(void)ask(c, "job.run", json_pack("{s:s,s:b}", "job",
			    "true", "wait", 1));
		doc = next(c);
		if (json_object_get(doc, "result") != NULL) {
			const char *state = js_str(json_object_get(doc,
			    "result"), "state", "?");

			if (strcmp(state, "succeeded") != 0)
				die(state);
			ended++;
		} else if (json_object_get(doc, "error") != NULL)
			die(js_str(json_object_get(doc, "error"), "message",
			    "error"));
		json_decref(doc);
	}
	return runs / ((now_ms() - from) / 1000.0);
}

static double
bare_spawn(int runs)
{
	char *argv[] = { (char *)"/bin/true", NULL };
	double from = now_ms();

	for (int i = 0; i < runs; i++) {
		pid_t pid;

		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) !=
		    0)
			die("posix_spawn");
		(void)waitpid(pid, NULL, 0);
	}
	return runs / ((now_ms() - from) / 1000.0);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
pct(double *v, size_t n, double p)
{
	size_t i = (size_t)(p * (double)(n - 1) + 0.5);

	qsort(v, n, sizeof(*v), by_value);
	return n == 0 ? -1 : v[i];
}

/* By the wall clock of one machine: asked here, started there. */
static size_t
submit_to_start(struct client *c, double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		wall from = clock_wall(), started;
		json_t *r = call(c, "job.run", json_pack("{s:s,s:b}", "job",
		    "true", "wait", 1));

		started = js_wall(r, "started_at");
		v[i] = (double)(started.ms - from.ms);
		json_decref(r);
	}
	return n;
}

/* Operator's command to the new Scheduler confirmed, and within it the time in
 * which nobody could fire: OFF proved to grant confirmed. */
static void
handovers(struct client *c, double *whole, double *gap, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double from = now_ms();
		json_t *why, *d, *s;
		wall off = { 0 }, on = { 0 };
		size_t k;

		json_decref(call(c, "agent.on", json_pack("{s:s}", "agent",
		    i % 2 == 0 ? "agent2" : "agent1")));
		whole[i] = now_ms() - from;
		why = call(c, "why", json_pack("{s:i}", "limit", 1));
		d = json_array_get(why, 0);
		json_array_foreach(json_object_get(d, "steps"), k, s) {
			const char *step = js_str(s, "step", "");

			if (strncmp(step, "off proved", 10) == 0)
				off = js_wall(s, "at");
			if (strncmp(step, "confirmed by", 12) == 0)
				on = js_wall(s, "at");
		}
		gap[i] = off.ms != 0 && on.ms != 0 ? (double)(on.ms - off.ms)
						   : -1;
		json_decref(why);
	}
}

int
main(int argc, char **argv)
{
	int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 3000;
	int window = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 64;
	size_t moves = argc > 3 ? (size_t)strtol(argv[3], NULL, 10) : 100;
	double *lat = mem_zero(200, sizeof(double));
	double *whole = mem_zero(moves + 1, sizeof(double));
	double *gap = mem_zero(moves + 1, sizeof(double));
	double bare, e2e, bare2, start50;
	struct client c;
	char abs[4096];

	build = getenv("MUSTER_BUILD") != NULL ? getenv("MUSTER_BUILD")
					       : "build";
	if (realpath(build, abs) == NULL || mkdtemp(dir) == NULL)
		die("no build folder, or no room in /tmp");
	build = abs;
	(void)signal(SIGPIPE, SIG_IGN);
	start("broker", 7599, 1);
	start("agent1", 7598, 0);
	start("agent2", 7597, 0);
	join_agent("agent1", "7599");
	join_agent("agent2", "7599");
	sh("printf '%%s' 'jobs = ( { name = \"true\"; command = [ "
	   "\"/bin/true\" ]; overlap = \"allow\"; queue = \"wide\"; "
	   "distribution = \"one\"; agents = [ \"agent1\" ]; } ); queues = ( { "
	   "name = \"wide\"; rules = ( { max_parallel = 64; } ); } );' | "
	   "$M -S broker.sock apply - --yes >/dev/null%s%s", "", "");
	dial(&c, "broker");
	hello(&c);
	json_decref(call(&c, "agent.on", json_pack("{s:s}", "agent",
	    "agent1")));
	(void)end_to_end(&c, 100, window);	/* warm */
	start50 = pct(lat, submit_to_start(&c, lat, 200), 0.5);
	bare = bare_spawn(runs);
	e2e = end_to_end(&c, runs, window);
	bare2 = bare_spawn(runs);
	handovers(&c, whole, gap, moves);
	(void)printf("{\"bench\":\"runs\",\"runs\":%d,\"in_flight\":%d,"
	    "\"end_to_end_per_s\":%.0f,\"posix_spawn_per_s\":[%.0f,%.0f],"
	    "\"ratio\":%.2f,\"submit_to_start_ms\":{\"p50\":%.1f,\"p99\":%.1f},"
	    "\"handover_ms\":{\"p50\":%.1f,\"p99\":%.1f},"
	    "\"handover_gap_ms\":{\"p50\":%.1f,\"p99\":%.1f}}\n", runs, window,
	    e2e, bare, bare2, e2e / ((bare + bare2) / 2), start50,
	    pct(lat, 200, 0.99), pct(whole, moves, 0.5),
	    pct(whole, moves, 0.99), pct(gap, moves, 0.5),
	    pct(gap, moves, 0.99));
	stop_all();
	return 0;
}
