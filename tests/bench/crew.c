#include "crew.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "mem.h"

enum { START_MS = 10000, LINE = 8192 };

struct line {
	double at;
	char  *text;
};

/* What a node said; under the lock. */
struct said {
	int	     fd;
	FILE	    *copy;
	struct buf   part;
	struct line *lines;
	size_t	     n;
};

static struct {
	const char	*program;
	char		 dir[32], *build;
	struct crew_node nodes[CREW_NODES];
	struct said	 said[CREW_NODES];
	size_t		 n;
	int		 wake[2];
	pthread_mutex_t	 lock;
	pthread_cond_t	 more;
	pthread_t	 reader;
	bool		 begun, ended;
} crew = { .lock = PTHREAD_MUTEX_INITIALIZER };

double
crew_ms(void)
{
	return (double)clock_mono().us / 1000.0;
}

const char *
crew_dir(void)
{
	return crew.dir;
}

/* ---- the end ---- */

/* A keeper outlives its daemon for a minute: its arguments name the folder. */
static void
kill_keepers(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc != NULL && (e = readdir(proc)) != NULL) {
		char path[64], text[512] = { 0 };
		long pid = strtol(e->d_name, NULL, 10);
		FILE *f;
		size_t n;

		(void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
		if (pid <= 1 || (f = fopen(path, "r")) == NULL)
			continue;
		n = fread(text, 1, sizeof(text) - 1, f);
		(void)fclose(f);
		if (memmem(text, n, "muster-keeper", 13) != NULL &&
		    memmem(text, n, crew.dir, strlen(crew.dir)) != NULL)
			(void)kill((pid_t)pid, SIGKILL);
	}
	if (proc != NULL)
		(void)closedir(proc);
}

void
crew_end(void)
{
	char cmd[64];

	for (size_t i = 0; i < crew.n; i++)
		if (crew.nodes[i].pid > 0) {
			(void)kill(crew.nodes[i].pid, SIGKILL);
			(void)kill(crew.nodes[i].pid, SIGCONT);
			(void)waitpid(crew.nodes[i].pid, NULL, 0);
			crew.nodes[i].pid = 0;
		}
	if (!crew.begun)
		return;
	kill_keepers();
	if (getenv("BENCH_KEEP") != NULL) {
		(void)fprintf(stderr, "kept: %s\n", crew.dir);
		return;
	}
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", crew.dir);
	if (system(cmd) == -1)
		(void)0;
}

_Noreturn void
crew_die(const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: ", crew.program);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	crew_end();
	exit(1);
}

/* ---- the logs ---- */

static void
take_lines(struct said *s, double at)
{
	char *nl;

	while ((nl = memchr(s->part.p, '\n', s->part.len)) != NULL) {
		size_t len = (size_t)(nl - s->part.p);

		*nl = '\0';
		s->lines = mem_grow(s->lines, (s->n + 1) * sizeof(*s->lines));
		s->lines[s->n++] = (struct line){ at, mem_dup(s->part.p) };
		(void)fprintf(s->copy, "%.3f %s\n", at, s->part.p);
		buf_shift(&s->part, len + 1);
		if (s->part.len == 0)
			break;
	}
}

static void
read_log(struct said *s)
{
	char chunk[LINE];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		(void)close(s->fd);
		s->fd = -1;
		return;
	}
	buf_put(&s->part, chunk, (size_t)n);
	take_lines(s, crew_ms());
}

static void *
read_logs(void *arg)
{
	struct pollfd p[CREW_NODES + 1];
	char byte[16];

	(void)arg;
	for (;;) {
		(void)pthread_mutex_lock(&crew.lock);
		for (size_t i = 0; i < CREW_NODES; i++)
			p[i] = (struct pollfd){ i < crew.n ? crew.said[i].fd
			    : -1, POLLIN, 0 };
		(void)pthread_mutex_unlock(&crew.lock);
		p[CREW_NODES] = (struct pollfd){ crew.wake[0], POLLIN, 0 };
		if (poll(p, CREW_NODES + 1, -1) <= 0)
			continue;
		(void)pthread_mutex_lock(&crew.lock);
		for (size_t i = 0; i < CREW_NODES; i++)
			if (p[i].revents != 0 && crew.said[i].fd != -1)
				read_log(&crew.said[i]);
		(void)pthread_cond_broadcast(&crew.more);
		(void)pthread_mutex_unlock(&crew.lock);
		if (p[CREW_NODES].revents != 0 &&
		    read(crew.wake[0], byte, sizeof(byte)) == -1)
			(void)0;
	}
	return NULL;
}

/* The first line of the node with the text since then; under the lock. */
static double
find_line(const struct crew_node *node, const char *text, double since)
{
	const struct said *s = &crew.said[node - crew.nodes];
	double found = -1;

	for (size_t i = s->n; i > 0 && s->lines[i - 1].at >= since; i--)
		if (strstr(s->lines[i - 1].text, text) != NULL)
			found = s->lines[i - 1].at;
	return found;
}

double
crew_saw_any(struct crew_node *const *nodes, size_t n, const char *text,
    double since, int64_t limit_ms, struct crew_node **which)
{
	struct timespec ts;
	double found = -1;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)(limit_ms % 1000) * 1000000;
	ts.tv_sec += limit_ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;

	(void)pthread_mutex_lock(&crew.lock);
	for (;;) {
		for (size_t i = 0; i < n; i++) {
			double at = find_line(nodes[i], text, since);

			if (at < 0 || (found >= 0 && at >= found))
				continue;
			found = at;
			if (which != NULL)
				*which = nodes[i];
		}
		if (found >= 0 || rc != 0)
			break;
		rc = pthread_cond_timedwait(&crew.more, &crew.lock, &ts);
	}
	(void)pthread_mutex_unlock(&crew.lock);
	return found;
}

double
crew_saw(const struct crew_node *node, const char *text, double since,
    int64_t limit_ms)
{
	struct crew_node *one = &crew.nodes[node - crew.nodes];

	return crew_saw_any(&one, 1, text, since, limit_ms, NULL);
}

/* ---- the beginning ---- */

void
crew_begin(const char *program)
{
	const char *build = getenv("MUSTER_BUILD");
	pthread_condattr_t attr;

	crew.program = program;
	crew.build = realpath(build != NULL ? build : "build", NULL);
	(void)snprintf(crew.dir, sizeof(crew.dir), "/tmp/muster-bench.XXXXXX");
	if (crew.build == NULL)
		crew_die("no folder of programs: MUSTER_BUILD");
	if (mkdtemp(crew.dir) == NULL || pipe2(crew.wake, O_CLOEXEC) == -1)
		crew_die("no room in /tmp");
	crew.begun = true;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&crew.more, &attr);
	if (pthread_create(&crew.reader, NULL, read_logs, NULL) != 0)
		crew_die("no thread for the logs");
}

int
crew_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &n) == -1)
		crew_die("no port is free");
	(void)close(fd);
	return ntohs(in.sin_port);
}

static void
await(const struct crew_node *node)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	double until = crew_ms() + START_MS;
	int fd, rc;

	(void)MEM_STR(sun.sun_path, node->socket);
	do {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
		(void)close(fd);
		if (rc == 0)
			return;
		(void)usleep(2000);
	} while (crew_ms() < until && waitpid(node->pid, NULL, WNOHANG) == 0);
	crew_die("%s did not start (BENCH_KEEP=1 keeps its log)", node->name);
}

static void
run_daemon(struct crew_node *node)
{
	struct said *s = &crew.said[node - crew.nodes];
	char exe[4096], conf[64];
	int fd[2];

	(void)snprintf(exe, sizeof(exe), "%.4000s/musterd", crew.build);
	(void)snprintf(conf, sizeof(conf), "%s/%s.conf", crew.dir, node->name);
	if (pipe2(fd, O_CLOEXEC) == -1 ||
	    fcntl(fd[0], F_SETFL, O_NONBLOCK) == -1)
		crew_die("no pipe: %s", strerror(errno));
	node->pid = fork();
	if (node->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fd[1], STDERR_FILENO);
		(void)execl(exe, exe, "-c", conf, (char *)NULL);
		_exit(127);
	}
	(void)close(fd[1]);
	(void)pthread_mutex_lock(&crew.lock);
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = fd[0];
	buf_clear(&s->part);
	(void)pthread_mutex_unlock(&crew.lock);
	if (write(crew.wake[1], "", 1) != 1)
		crew_die("the log thread is gone");
	await(node);
}

struct crew_node *
crew_start(const char *name, bool broker, const char *level)
{
	struct crew_node *node = &crew.nodes[crew.n];
	struct said *s = &crew.said[crew.n];
	char path[64];
	FILE *f;

	if (crew.n == CREW_NODES)
		crew_die("more than %d nodes", CREW_NODES);
	(void)MEM_STR(node->name, name);
	node->broker = broker;
	node->port = crew_port();
	(void)snprintf(node->socket, sizeof(node->socket), "%s/%s.sock",
	    crew.dir, name);
	(void)snprintf(path, sizeof(path), "%s/%s.log", crew.dir, name);
	*s = (struct said){ .fd = -1, .part = BUF_INIT(1 << 20),
		.copy = fopen(path, "we") };
	(void)snprintf(path, sizeof(path), "%s/%s.conf", crew.dir, name);
	f = fopen(path, "we");
	if (f == NULL || s->copy == NULL)
		crew_die("%s: %s", path, strerror(errno));
	(void)fprintf(f,
	    "node: { name = \"%s\"; state_dir = \"%s/%s\"; socket = "
	    "\"%s\"; };\nlisten: { address = \"127.0.0.1\"; port = %d; "
	    "};\nagent: { max_runs = 64; };\nlog: { level = \"%s\"; };\n%s",
	    name, crew.dir, name, node->socket, node->port, level, broker
	        ? "broker: { enabled = true; local_agent = false; };\n" : "");
	(void)fclose(f);
	(void)pthread_mutex_lock(&crew.lock);
	crew.n++;
	(void)pthread_mutex_unlock(&crew.lock);
	run_daemon(node);
	return node;
}

void
crew_restart(struct crew_node *node)
{
	run_daemon(node);
}

void
crew_reap(struct crew_node *node)
{
	(void)waitpid(node->pid, NULL, 0);
	node->pid = 0;
}

/* ---- the program muster ---- */

__attribute__((format(printf, 1, 0))) static char *
shell(const char *fmt, va_list ap)
{
	struct buf out = BUF_INIT(1 << 20), cmd = BUF_INIT(1 << 16);
	char line[8192], chunk[4096];
	size_t n;
	FILE *p;

	(void)vsnprintf(line, sizeof(line), fmt, ap);
	buf_fmt(&cmd, "cd %s && M=%s/muster && %s", crew.dir, crew.build, line);
	p = popen(cmd.p, "re");
	if (p == NULL)
		crew_die("no shell: %s", strerror(errno));
	while ((n = fread(chunk, 1, sizeof(chunk), p)) > 0)
		buf_put(&out, chunk, n);
	if (pclose(p) != 0)
		crew_die("%s: failed", line);
	buf_free(&cmd);
	if (out.len > 0 && out.p[out.len - 1] == '\n')
		out.p[--out.len] = '\0';
	return buf_steal(&out);
}

void
crew_sh(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(shell(fmt, ap));
	va_end(ap);
}

char *
crew_ask(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = shell(fmt, ap);
	va_end(ap);
	return text;
}

void
crew_join(const struct crew_node *broker, const struct crew_node *node)
{
	crew_sh("$M -S %s.sock join request 127.0.0.1:%d >/dev/null", node->name,
	    broker->port);
	crew_sh("$M -S %s.sock join accept %s >/dev/null", broker->name, node->name);
	crew_sh("$M -S %s.sock join token %s --json | "
	    "sed -n 's/.*\"token\": *\"\\([^\"]*\\)\".*/\\1/p' | "
	    "$M -S %s.sock join complete 127.0.0.1:%d - >/dev/null", broker->name,
	    node->name, node->name, broker->port);
}

/* ---- what a process takes ---- */

double
crew_cpu(pid_t pid)
{
	unsigned long long user = 0, sys = 0;
	char path[64], text[1024] = { 0 };
	const char *p;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	(void)fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	p = strrchr(text, ')');
	if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
	    "%*u %*u %llu %llu", &user, &sys) != 2)
		return 0;
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

long
crew_rss(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	(void)fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

double
crew_load(void)
{
	double load = 0;

	return getloadavg(&load, 1) == 1 ? load : -1;
}
