/* The console on a pseudo-terminal of 80 by 24, beside a daemon that is played
 * by a process of its own: agents whose numbers always change, a log that
 * pours.  How long until the first whole screen, beside what `muster status`
 * takes; how long from a key to what it does; bytes a minute.  One JSON line
 * each.  The programs are those of MUSTER_BUILD (build).
 *
 * usage: bench_console [seconds a count of bytes] */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "js.h"
#include "mem.h"

enum { ROWS_AT_ONCE = 400, SUBS = 32, KEYS = 200, STARTS = 10, READ = 65536 };

static char dir[] = "/tmp/muster-bench.XXXXXX", sock[64], program[256];

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "bench_console: %s: %s\n", what,
	    strerror(errno));
	exit(1);
}

/* ---- the daemon that is played ---------------------------------------- */

struct play {
	int	 fd, agents, lines;	/* lines of the log a second */
	int64_t	 turn;
	int64_t	 agent_sub, every, log_id, seq;
	int64_t	 line;
	struct buf in, out;
};

static void
agent_row(struct buf *b, const struct play *p, int i)
{
	bool holder = i == 1;
	int n = (int)((p->turn * 7 + i * 13) % 90);

	buf_fmt(b, "{\"name\":\"agent-%05d\",\"id\":%d,\"address\":"
	    "\"10.0.%d.%d:50422\",\"mode\":\"agent\",\"connected\":true,"
	    "\"controlled\":true,\"status\":\"%s\",\"role\":\"%s\",\"epoch\":42,"
	    "\"suspended\":false,\"health\":{\"level\":\"%s\",\"value\":%d,"
	    "\"since\":\"2026-11-18T10:12:00.000Z\",\"reason\":\"cpu %d\"},"
	    "\"condition_met\":false,\"drained\":false,\"held_off\":false,"
	    "\"pinned_until\":null,\"priority\":0,\"labels\":[],\"running\":%d,"
	    "\"uptime\":99.9,\"latency\":%d.5,\"version\":\"0.1.0\",\"sync\":"
	    "{\"revision\":7,\"behind\":0}}", i, i, i / 256, i % 256,
	    holder ? "on" : "off", holder ? "scheduler" : "spare",
	    n > 45 ? "ok" : "good", n > 45 ? 3 : 4, n, n % 8, n);
}

static void
agents(struct buf *b, const struct play *p, int from, int to)
{
	buf_putc(b, '[');
	for (int i = from; i <= to; i++) {
		if (i > from)
			buf_putc(b, ',');
		agent_row(b, p, i);
	}
	buf_putc(b, ']');
}

static void
result(struct play *p, int64_t id, const char *json)
{
	buf_fmt(&p->out, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}\n",
	    (long long)id, json);
}

static const char status[] = "{\"node\":\"agent-00001\",\"cluster\":\"bench\","
    "\"mode\":\"agent\",\"role\":\"scheduler\",\"status\":\"on\","
    "\"suspended\":false,\"epoch\":42,\"lease_left\":3.5,\"broker\":{\"name\":"
    "\"broker\",\"address\":\"10.0.0.1:7422\",\"connected\":true},\"control\":"
    "\"auto\",\"version\":\"0.1.0\",\"alerts\":[],\"uptime\":3600,\"pid\":1,"
    "\"held_off\":false,\"drained\":false}";
static const char run_rows[] = "[{\"id\":8812,\"job\":\"pour\",\"occurrence\":"
    "\"2026-11-18T10:40:00.000Z\",\"cause\":\"manual\",\"agent\":"
    "\"agent-00001\",\"attempt\":1,\"state\":\"running\",\"exit_code\":null,"
    "\"signal\":null,\"queued_at\":\"2026-11-18T10:40:00.000Z\","
    "\"started_at\":\"2026-11-18T10:40:00.000Z\",\"ended_at\":null,\"epoch\":"
    "42,\"late\":false,\"reason\":null}]";

static void
stats(struct play *p, int64_t id)
{
	struct buf b = BUF_INIT(1 << 16);

	buf_puts(&b, "{\"from\":\"2026-11-18T09:42:00.000Z\",\"to\":"
	    "\"2026-11-18T10:42:00.000Z\",\"step\":10,\"metrics\":{\"cpu\":"
	    "{\"mean\":[");
	for (int i = 0; i < 60; i++)
		buf_fmt(&b, "%s%d", i > 0 ? "," : "", (int)((i * 17 + p->turn
		    / 10) % 90));
	buf_puts(&b, "],\"max\":[");
	for (int i = 0; i < 60; i++)
		buf_fmt(&b, "%s%d", i > 0 ? "," : "", (int)((i * 17 + p->turn
		    / 10) % 95));
	buf_puts(&b, "]}}}");
	result(p, id, b.p);
	buf_free(&b);
}

static void
update(struct play *p, int from, int to)
{
	buf_fmt(&p->out, "{\"jsonrpc\":\"2.0\",\"method\":\"update\",\"params\":"
	    "{\"sub\":%lld,\"seq\":%lld,\"set\":", (long long)p->agent_sub,
	    (long long)++p->seq);
	agents(&p->out, p, from, to);
	buf_puts(&p->out, "}}\n");
}

static void
all_agents(struct play *p, int from)
{
	for (; from <= p->agents; from += ROWS_AT_ONCE)
		update(p, from, from + ROWS_AT_ONCE > p->agents ? p->agents
		    : from + ROWS_AT_ONCE - 1);
}

static void
subscribe(struct play *p, int64_t id, const json_t *params)
{
	const char *what = js_str(params, "method", "");
	bool is_agents = strcmp(what, "agent.list") == 0;
	int first = p->agents < ROWS_AT_ONCE ? p->agents : ROWS_AT_ONCE;

	buf_fmt(&p->out, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"sub\":"
	    "%lld,\"seq\":0,\"doc\":", (long long)id, (long long)id);
	if (is_agents)
		agents(&p->out, p, 1, first);
	else
		buf_puts(&p->out, strcmp(what, "run.list") == 0 ? run_rows
		    : "[]");
	buf_puts(&p->out, "}}\n");
	if (is_agents) {
		p->agent_sub = id;
		p->every = js_int(params, "every", 1);
		all_agents(p, first + 1);
	}
}

static void
request(struct play *p, const json_t *msg)
{
	const char *method = js_str(msg, "method", "");
	int64_t id = js_int(msg, "id", 0);

	if (strcmp(method, "hello") == 0)
		result(p, id, "{\"node\":\"agent-00001\",\"who\":\"bench\","
		    "\"version\":\"0.1.0\",\"protocol\":1,\"privileges\":"
		    "[\"view\",\"run_jobs\",\"maintain_cluster\"]}");
	else if (strcmp(method, "status") == 0)
		result(p, id, status);
	else if (strcmp(method, "subscribe") == 0)
		subscribe(p, id, json_object_get(msg, "params"));
	else if (strcmp(method, "agent.stats") == 0)
		stats(p, id);
	else if (strcmp(method, "run.log") == 0)
		p->log_id = id;
	else if (strcmp(method, "whatif") == 0)
		result(p, id, "{\"candidates\":[{\"name\":\"agent-00002\","
		    "\"eligible\":true,\"condition_met\":false,\"health\":"
		    "\"good\",\"reason\":\"chosen\"}]}");
	else
		result(p, id, "{}");
}

static void
take_lines(struct play *p)
{
	char *nl;

	while ((nl = memchr(p->in.p, '\n', p->in.len)) != NULL) {
		size_t n = (size_t)(nl - p->in.p);
		json_t *msg = json_loadb(p->in.p, n, 0, NULL);

		buf_shift(&p->in, n + 1);
		request(p, msg);
		json_decref(msg);
		if (p->in.len == 0)
			break;
	}
}

/* Twenty times a second; the numbers of all agents are new at each look. */
static void
turn(struct play *p)
{
	p->turn++;
	if (p->agent_sub != 0 && p->turn % (20 * p->every) == 0)
		all_agents(p, 1);
	if (p->log_id == 0 || p->turn * p->lines / 20 ==
	    (p->turn - 1) * p->lines / 20)
		return;
	buf_fmt(&p->out, "{\"jsonrpc\":\"2.0\",\"method\":\"stream\",\"params\":"
	    "{\"id\":%lld,\"text\":\"", (long long)p->log_id);
	for (int64_t n = p->turn * p->lines / 20 - (p->turn - 1) * p->lines /
	    20; n > 0; n--, p->line++)
		buf_fmt(&p->out, "10:42:00 [3] copied part %lld of 9600, %lld "
		    "MiB at 31 MB/s\\n", (long long)p->line,
		    (long long)p->line * 31);
	buf_puts(&p->out, "\"}}\n");
}

static void
serve(int fd, int n, int lines)
{
	struct play p = { .fd = fd, .agents = n, .lines = lines,
		.in = BUF_INIT(1 << 20), .out = BUF_INIT(64 << 20) };
	mono next = clock_mono();
	char chunk[READ];

	for (;;) {
		struct pollfd f = { fd, (short)(POLLIN | (p.out.len > 0
		    ? POLLOUT : 0)), 0 };
		int64_t wait = mono_diff_ms(next, clock_mono());
		ssize_t k;

		if (wait <= 0) {
			next = mono_add_ms(clock_mono(), 50);
			/* Who does not keep up gets less, as from musterd. */
			if (p.out.len < 4 << 20)
				turn(&p);
			continue;
		}
		if (poll(&f, 1, (int)wait) <= 0)
			continue;
		if (f.revents & POLLIN || f.revents & POLLHUP) {
			k = read(fd, chunk, sizeof(chunk));
			if (k <= 0)
				_exit(0);
			buf_put(&p.in, chunk, (size_t)k);
			take_lines(&p);
		}
		if (p.out.len > 0) {
			k = send(fd, p.out.p, p.out.len, MSG_DONTWAIT |
			    MSG_NOSIGNAL);
			if (k > 0)
				buf_shift(&p.out, (size_t)k);
		}
	}
}

static pid_t
daemon_of(int agents_n, int lines)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)unlink(sock);
	(void)mem_str(sun.sun_path, sizeof(sun.sun_path), sock);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		die(sock);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		(void)signal(SIGCHLD, SIG_IGN);
		for (;;) {
			int c = accept(fd, NULL, NULL);

			if (c >= 0 && fork() == 0)
				serve(c, agents_n, lines);
			(void)close(c);
		}
	}
	(void)close(fd);
	return pid;
}

/* ---- the terminal ----------------------------------------------------- */

struct term {
	pid_t	   pid;
	int	   fd;
	struct buf all;		/* what came since it was cleared */
};

static void
term_start(struct term *t)
{
	struct winsize ws = { .ws_row = 24, .ws_col = 80 };

	t->all = (struct buf)BUF_INIT(64 << 20);
	t->pid = forkpty(&t->fd, NULL, NULL, &ws);
	if (t->pid == -1)
		die("forkpty");
	if (t->pid > 0)
		return;
	(void)setenv("TERM", "xterm-256color", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	(void)execl(program, "muster", "-S", sock, (char *)NULL);
	_exit(127);
}

/* What has come within ms, or nothing. */
static bool
term_read(struct term *t, int64_t ms)
{
	struct pollfd f = { t->fd, POLLIN, 0 };
	char chunk[READ];
	ssize_t n;

	if (poll(&f, 1, (int)(ms > 0 ? ms : 0)) <= 0)
		return false;
	n = read(t->fd, chunk, sizeof(chunk));
	if (n <= 0)
		die("the console has ended");
	buf_put(&t->all, chunk, (size_t)n);
	return true;
}

static bool
term_has(const struct term *t, const char *text)
{
	return memmem(t->all.p, t->all.len, text, strlen(text)) != NULL;
}

static void
term_until(struct term *t, const char *text, mono start)
{
	while (!term_has(t, text)) {
		if (mono_diff_ms(clock_mono(), start) > 60000) {
			errno = ETIMEDOUT;
			die(text);
		}
		(void)term_read(t, 1000);
	}
}

static size_t
term_bytes(struct term *t, int64_t ms)
{
	mono end = mono_add_ms(clock_mono(), ms);

	buf_clear(&t->all);
	while (mono_diff_ms(end, clock_mono()) > 0)
		(void)term_read(t, mono_diff_ms(end, clock_mono()));
	return t->all.len;
}

/* Returns its processor time in ms. */
static double
term_end(struct term *t)
{
	struct rusage r;

	(void)!write(t->fd, "q", 1);
	while (waitpid(t->pid, NULL, WNOHANG) == 0) {
		struct pollfd f = { t->fd, POLLIN, 0 };
		char chunk[READ];

		if (poll(&f, 1, 20) > 0)
			(void)!read(t->fd, chunk, sizeof(chunk));
	}
	(void)close(t->fd);
	buf_free(&t->all);
	(void)getrusage(RUSAGE_CHILDREN, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 +
	    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

static void
end(pid_t pid)
{
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
}

/* ---- what is measured ------------------------------------------------- */

static int
less(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
ms_since(mono start)
{
	return (double)(clock_mono().us - start.us) / 1e3;
}

/* Bars, the list to its last visible row, the part about the first agent with
 * what the daemon said of it, and the hints. */
static double
first_screen(struct term *t, int agents_n)
{
	int last = agents_n < 7 ? agents_n : 7;
	mono start = clock_mono();
	char name[32];

	(void)snprintf(name, sizeof(name), "agent-%05d", last);
	term_start(t);
	term_until(t, "LIVE", start);
	term_until(t, name, start);
	term_until(t, "Holds the Scheduler role", start);
	term_until(t, "actions", start);
	return ms_since(start);
}

static double
status_command(void)
{
	mono start = clock_mono();
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)execl(program, "muster", "-S", sock, "status",
		    (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &st, 0) == -1 || st != 0)
		die("muster status");
	return ms_since(start);
}

static void
starts(int agents_n)
{
	double screens[STARTS], commands[STARTS];
	pid_t d = daemon_of(agents_n, 0);
	struct term t;

	for (int i = 0; i < STARTS; i++) {
		commands[i] = status_command();
		screens[i] = first_screen(&t, agents_n);
		(void)term_end(&t);
	}
	end(d);
	qsort(screens, STARTS, sizeof(*screens), less);
	qsort(commands, STARTS, sizeof(*commands), less);
	(void)printf("{\"bench\":\"console_start\",\"agents\":%d,"
	    "\"first_screen_ms\":%.1f,\"worst_ms\":%.1f,\"muster_status_ms\":"
	    "%.1f}\n", agents_n, screens[STARTS / 2], screens[STARTS - 1],
	    commands[STARTS / 2]);
	(void)fflush(stdout);
}

/* The mark of the selected row goes down and up: nothing else writes one. */
static double
key(struct term *t, const char *k)
{
	mono start;

	while (term_read(t, 0))
		;
	buf_clear(&t->all);
	start = clock_mono();
	if (write(t->fd, k, 1) != 1)
		die("write");
	term_until(t, ">", start);
	return ms_since(start);
}

static void
keys(int agents_n)
{
	pid_t d = daemon_of(agents_n, 0);
	double ms[KEYS];
	struct term t;

	(void)first_screen(&t, agents_n);
	(void)term_bytes(&t, 1500);
	for (int i = 0; i < KEYS; i++) {
		ms[i] = key(&t, i % 2 == 0 ? "j" : "k");
		/* Not in step with anything that happens every second. */
		(void)term_bytes(&t, 17 + i % 13);
	}
	(void)term_end(&t);
	end(d);
	qsort(ms, KEYS, sizeof(*ms), less);
	(void)printf("{\"bench\":\"console_key\",\"agents\":%d,\"p50_ms\":%.2f,"
	    "\"p99_ms\":%.2f,\"worst_ms\":%.2f}\n", agents_n, ms[KEYS / 2],
	    ms[KEYS * 99 / 100], ms[KEYS - 1]);
	(void)fflush(stdout);
}

static void
bytes(const char *what, const char *screen, int lines, double seconds)
{
	pid_t d = daemon_of(16, lines);
	struct term t;
	size_t n;

	(void)first_screen(&t, 16);
	if (write(t.fd, screen, 1) != 1)
		die("write");
	(void)term_bytes(&t, 3000);
	n = term_bytes(&t, (int64_t)(seconds * 1e3));
	(void)term_end(&t);
	end(d);
	(void)printf("{\"bench\":\"console_bytes\",\"screen\":\"%s\",\"agents\":"
	    "16,\"log_lines_s\":%d,\"kB_a_minute\":%.1f}\n", what, lines,
	    (double)n * 60 / seconds / 1e3);
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	const char *build = getenv("MUSTER_BUILD");
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 6;

	(void)snprintf(program, sizeof(program), "%s/muster", build != NULL
	    ? build : "build");
	if (access(program, X_OK) == -1)
		die(program);
	if (mkdtemp(dir) == NULL)
		die(dir);
	(void)snprintf(sock, sizeof(sock), "%s/sock", dir);
	starts(3);
	starts(1000);
	keys(3);
	keys(1000);
	keys(10000);
	bytes("agents", "1", 0, seconds);
	bytes("log", "4", 4, seconds);
	bytes("log", "4", 20, seconds);
	bytes("log", "4", 240, seconds);
	(void)unlink(sock);
	(void)rmdir(dir);
	return 0;
}
