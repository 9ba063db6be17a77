/* A world for the keeper's tests: a real muster-keeper in its own directory and
 * musterd's client of it.  Every wait is for an event, with a deadline; nothing
 * sleeps.  Included by one test program each. */
#ifndef KEEPER_WORLD_H
#define KEEPER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "keeper_gate.h"
#include "kmsg.h"
#include "mem.h"
#include "node/keeper.h"
#include "pack.h"

enum { DEADLINE_MS = 20000, SEEN = 512 };

struct world {
	char		dir[64], exe[4096], musterd[4096];
	uv_loop_t	loop;
	uv_timer_t	deadline;
	struct keeper  *k;
	pid_t		pid;		/* of the keeper that we started */
	struct gate    *gate;		/* it goes through, or NULL */
	bool		late, closed;
	bool		forgets;	/* each end as it is told */
	int		ups, downs, reports;
	char		start_id[64];
	struct {
		char		  id[KEEPER_ID];
		enum keeper_state state;
		int		  code, starts, ends;
		int		  start_at, end_at;	/* which report */
		int64_t		  pid;
		wall		  started;
		char		  why[KMSG_WHY];
	} seen[SEEN];
	size_t		nseen;
};

/* ---- the world ---- */

static inline void
on_report(void *ctx, const struct keeper_report *r)
{
	struct world *w = ctx;
	size_t i = 0;

	while (i < w->nseen && strcmp(w->seen[i].id, r->id) != 0)
		i++;
	assert_true(i < SEEN);
	if (i == w->nseen) {
		w->nseen++;
		(void)MEM_STR(w->seen[i].id, r->id);
	}
	w->seen[i].state = r->state;
	w->seen[i].code = r->code;
	w->seen[i].pid = r->pid;
	w->seen[i].started = r->started;
	w->seen[i].starts += r->state == KEEPER_RUNNING;
	w->seen[i].ends += r->state > KEEPER_RUNNING;
	(void)MEM_STR(w->seen[i].why, r->why);
	w->reports++;
	if (r->state == KEEPER_RUNNING)
		w->seen[i].start_at = w->reports;
	else
		w->seen[i].end_at = w->reports;
	if (w->forgets && r->state > KEEPER_RUNNING)
		(void)keeper_forget(w->k, r->id);
}

static inline void
on_up(void *ctx, const char *start_id)
{
	struct world *w = ctx;

	w->ups++;
	(void)MEM_STR(w->start_id, start_id);
}

static inline void
on_down(void *ctx, const char *why)
{
	struct world *w = ctx;

	(void)why;
	w->downs++;
}

static const struct keeper_ops ops = { on_report, on_up, on_down };

static inline void
on_deadline(uv_timer_t *t)
{
	((struct world *)t->data)->late = true;
}

#define WAIT(w, cond) do {						\
	(w)->late = false;						\
	(void)uv_timer_start(&(w)->deadline, on_deadline, DEADLINE_MS, 0); \
	while (!(cond) && !(w)->late)					\
		(void)uv_run(&(w)->loop, UV_RUN_ONCE);			\
	(void)uv_timer_stop(&(w)->deadline);				\
	if (!(cond))							\
		fail_msg("not in time: %s", #cond);			\
} while (0)

static inline enum keeper_state
state_of(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->nseen; i++)
		if (strcmp(w->seen[i].id, id) == 0)
			return w->seen[i].state;
	return KEEPER_UNKNOWN;
}

static inline size_t
index_of(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->nseen; i++)
		if (strcmp(w->seen[i].id, id) == 0)
			return i;
	fail_msg("no report of %s", id);
	return 0;
}

#define ENDED(w, id) (state_of(w, id) > KEEPER_RUNNING)

static inline int
raw_connect(const struct world *w)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval limit = { DEADLINE_MS / 1000, 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/keeper.sock",
	    w->dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static inline pid_t
keeper_pid(const struct world *w)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = raw_connect(w);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len),
	    0);
	(void)close(fd);
	return peer.pid;
}

/* With -d it returns when the socket is there; returns the exit status. */
static inline int
launch(struct world *w, const char *rules)
{
	/* -o: the keeper of a test that failed does not stay for ever. */
	const char *argv[] = { w->exe, w->dir, "-d", "-o", "30",
		rules == NULL ? NULL : "-f", rules, NULL };
	bool kept;
	int status;
	pid_t pid;

	if (w->gate != NULL)
		gate_begin(w->gate);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (w->gate != NULL)
			gate_enter(w->gate);
		(void)dup2(open("/dev/null", O_WRONLY), 2);
		(void)execv(w->exe, (char *const *)(uintptr_t)argv);
		_exit(99);
	}
	kept = w->gate == NULL || gate_keep_of(w->gate, pid);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!kept) {
		print_message("no notification by seccomp here\n");
		skip();
	}
	return WEXITSTATUS(status);
}

static inline void
start_keeper(struct world *w, const char *rules)
{
	assert_int_equal(launch(w, rules), 0);
	w->pid = keeper_pid(w);
}

static inline void
stop_keeper(struct world *w, int sig)
{
	int fd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	struct pollfd p = { fd, POLLIN, 0 };

	assert_true(fd != -1);
	(void)kill(w->pid, sig);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	(void)close(fd);
	w->pid = 0;
}

/* Of a run that is over but for the keeper, which did not look yet. */
static inline void
wait_dead(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1) {			/* or it did just now */
		assert_int_equal(errno, ESRCH);
		return;
	}
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1,
	    DEADLINE_MS), 1);
	(void)close(fd);
}

static inline void
set_closed(void *arg)
{
	*(bool *)arg = true;
}

static inline void
drop_client(struct world *w)
{
	w->closed = false;
	keeper_close(w->k, set_closed, &w->closed);
	WAIT(w, w->closed);
	w->k = NULL;
}

static inline void
new_client(struct world *w)
{
	int ups = w->ups;

	w->k = keeper_new(&w->loop, w->dir, w->musterd, &ops, w);
	WAIT(w, w->ups > ups);
}

static inline void
world_begin(struct world *w)
{
	const char *build = getenv("MUSTER_BUILD");
	char full[PATH_MAX];

	memset(w, 0, sizeof(*w));
	assert_non_null(realpath(build == NULL ? "build" : build, full));
	(void)snprintf(w->exe, sizeof(w->exe), "%.4000s/muster-keeper", full);
	(void)snprintf(w->musterd, sizeof(w->musterd), "%.4000s/musterd", full);
	(void)MEM_STR(w->dir, "/tmp/muster-keeper-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(uv_loop_init(&w->loop), 0);
	(void)uv_timer_init(&w->loop, &w->deadline);
	w->deadline.data = w;
}

static inline int
rm(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st;
	(void)flag;
	(void)f;
	return remove(path);
}

static inline void
world_end(struct world *w)
{
	if (w->k != NULL)
		drop_client(w);
	if (w->pid != 0)
		stop_keeper(w, SIGTERM);
	if (w->gate != NULL)
		gate_end(w->gate);
	uv_close((uv_handle_t *)&w->deadline, NULL);
	while (uv_loop_close(&w->loop) != 0)
		(void)uv_run(&w->loop, UV_RUN_ONCE);
	(void)nftw(w->dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
world_up(struct world *w)
{
	world_begin(w);
	start_keeper(w, NULL);
	new_client(w);
}

/* As world_up, with this call of the keeper through a gate. */
static inline void
world_up_gated(struct world *w, struct gate *g, int call)
{
	memset(g, 0, sizeof(*g));
	g->call = call;
	world_begin(w);
	w->gate = g;
	start_keeper(w, NULL);
	new_client(w);
}

/* A thread sees it, and nothing wakes the loop. */
static inline void
wait_held(struct world *w)
{
	for (int ms = 0; w->gate->held == 0; ms += 5) {
		if (ms > DEADLINE_MS)
			fail_msg("nobody is at the gate");
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
		(void)poll(NULL, 0, 5);
	}
}

static inline void
sh_with(struct world *w, const char *id, const char *script, int64_t timeout,
    int64_t output_max)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	const char *env[] = { "JOBVAR=a b", NULL };
	struct keeper_start s = { .id = id, .argv = argv, .env = env,
		.timeout_ms = timeout, .grace_ms = 200,
		.output_max = output_max };

	assert_int_equal(keeper_run(w->k, &s), 0);
}

static inline void
sh(struct world *w, const char *id, const char *script)
{
	sh_with(w, id, script, 0, 1 << 20);
}

static inline void
write_rules(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)fchmod(fd, mode);
	(void)close(fd);
}

static inline char *
read_fd(int fd, size_t *len)
{
	struct buf b = BUF_INIT(64 << 20);
	char part[65536];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_put(&b, part, (size_t)n);
	(void)close(fd);
	if (len != NULL)
		*len = b.len;
	return buf_steal(&b);
}

static inline char *
output(struct world *w, const char *id, size_t *len)
{
	int fd = keeper_output(w->k, id);

	assert_true(fd != -1);
	return read_fd(fd, len);
}

static inline int
count_names(const char *path)
{
	struct dirent *d;
	int n = 0;
	DIR *dir;

	assert_non_null(dir = opendir(path));
	while ((d = readdir(dir)) != NULL)
		n += *d->d_name != '.';
	(void)closedir(dir);
	return n;
}

/* A full disk, for its keeper. */
static inline void
limit_files(const struct world *w, rlim_t most)
{
	struct rlimit l;

	assert_int_equal(prlimit(w->pid, RLIMIT_FSIZE, NULL, &l), 0);
	l.rlim_cur = most;
	assert_int_equal(prlimit(w->pid, RLIMIT_FSIZE, &l, NULL), 0);
}

/* A job says by a fifo how far it is: opening both ways never blocks. */
static inline int
make_fifo(const struct world *w, const char *name, char path[128])
{
	int fd;

	(void)snprintf(path, 128, "%s/%s", w->dir, name);
	assert_int_equal(mkfifo(path, 0666), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd != -1);
	return fd;
}

static inline pid_t
read_pid(int fifo)
{
	struct pollfd p = { fifo, POLLIN, 0 };
	char text[32] = "";
	size_t n = 0;

	while (n < sizeof(text) - 1) {
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		assert_int_equal(read(fifo, text + n, 1), 1);
		if (text[n++] == '\n')
			break;
	}
	return (pid_t)strtol(text, NULL, 10);
}

#endif
