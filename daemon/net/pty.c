#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum {
	HIGH = 65536,		/* of each direction, bytes */
	PIECE = 16384,
	KILL_MS = 3000,
	SOCKET_FD = 3
};

struct pty {
	uv_poll_t    poll, child;	/* the master side; its pidfd */
	uv_timer_t   timer;
	int	     fd, pidfd, mask, handles;
	pid_t	     pid;
	struct fifo in, out;
	bool	     reaped, drained, left;
	int	     status, sig;
	void	   (*wake)(void *);
	void	   (*freed)(void *);
	void	    *arg;
};

static void on_ready(uv_poll_t *, int, int);

/* ---- the start ---- */

static int
set_size(int fd, int cols, int rows)
{
	struct winsize ws = { .ws_col = (unsigned short)cols,
		.ws_row = (unsigned short)rows };

	return ioctl(fd, TIOCSWINSZ, &ws);
}

static int
open_master(const struct pty_facts *f, char *name, size_t size, struct err *e)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd != -1 && grantpt(fd) == 0 && unlockpt(fd) == 0 &&
	    ptsname_r(fd, name, size) == 0 &&
	    set_size(fd, f->cols, f->rows) == 0)
		return fd;
	(void)err_sys(e, "no terminal for the console");
	if (fd != -1)
		(void)close(fd);
	return -1;
}

/* The socket first: its number may be one of those that the terminal gets.
 * The first terminal that a leader of a session opens is its controlling one:
 * no helper is needed. */
static void
arrange(posix_spawn_file_actions_t *fa, const char *tty, int fd)
{
	(void)posix_spawn_file_actions_adddup2(fa, fd, SOCKET_FD);
	(void)posix_spawn_file_actions_addopen(fa, 0, tty, O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(fa, 0, 1);
	(void)posix_spawn_file_actions_adddup2(fa, 0, 2);
	(void)posix_spawn_file_actions_addclosefrom_np(fa, SOCKET_FD + 1);
	(void)posix_spawn_file_actions_addchdir_np(fa, "/");
}

/* Not fork: that would copy the page tables of the whole daemon, and stop the
 * loop for it. */
static int
spawn(pid_t *pid, const char *program, const char *tty, int fd,
    const struct pty_facts *f, struct err *e)
{
	char term[64] = "TERM=";
	const char *argv[] = { "muster", "--fd", "3", NULL };
	const char *env[] = { term, "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin",
		f->mono ? "NO_COLOR=1" : NULL, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	int rc;

	(void)mem_str(term + 5, sizeof(term) - 5, f->term);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&fa);
	arrange(&fa, tty, fd);
	(void)posix_spawnattr_init(&at);
	(void)posix_spawnattr_setsigmask(&at, &none);
	(void)posix_spawnattr_setsigdefault(&at, &all);
	(void)posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, program, &fa, &at, (char **)(uintptr_t)argv,
	    (char **)(uintptr_t)env);
	(void)posix_spawn_file_actions_destroy(&fa);
	(void)posix_spawnattr_destroy(&at);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(e, "the console, %s", program);
}

static int
watch_child(pid_t pid, struct err *e)
{
	int fd = pidfd_open(pid, 0);

	if (fd != -1)
		return fd;
	(void)err_sys(e, "the console cannot be watched");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return -1;
}

/* ---- the wires ---- */

static void
watch(struct pty *p)
{
	int mask = 0;

	if (p->left)
		return;
	if (!p->drained && p->out.len < HIGH)
		mask |= UV_READABLE;
	if (p->in.len > 0)
		mask |= UV_WRITABLE;
	if (mask == p->mask)
		return;
	p->mask = mask;
	if (mask == 0)
		(void)uv_poll_stop(&p->poll);
	else
		(void)uv_poll_start(&p->poll, mask, on_ready);
}

/* Nothing is left when the program has ended and what it wrote was read: EIO
 * says that nobody has the terminal open; a program that outlived its parent
 * there is not waited for. */
static void
receive(struct pty *p)
{
	static char piece[PIECE];	/* one thread, no recursion */

	while (!p->drained && p->out.len < HIGH) {
		ssize_t n = read(p->fd, piece, sizeof(piece));

		if (n > 0) {
			fifo_put(&p->out, piece, (size_t)n);
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN || p->reaped)
			p->drained = true;
		return;
	}
}

static void
transmit(struct pty *p)
{
	while (p->in.len > 0) {
		ssize_t n = write(p->fd, fifo_peek(&p->in), p->in.len);

		if (n > 0)
			fifo_take(&p->in, (size_t)n);
		else if (n == -1 && errno == EINTR)
			continue;
		else if (n == -1 && errno == EAGAIN)
			return;
		else
			fifo_free(&p->in);
	}
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct pty *p = h->data;

	/* On an error libuv stops the watcher by itself. */
	if (status < 0)
		p->mask = 0;
	if ((events & UV_WRITABLE) || status < 0)
		transmit(p);
	if ((events & UV_READABLE) || status < 0)
		receive(p);
	watch(p);
	p->wake(p->arg);
}

void
pty_input(struct pty *p, const char *text, size_t n)
{
	size_t room = p->in.len < HIGH ? HIGH - p->in.len : 0;

	if (p->drained)
		return;
	fifo_put(&p->in, text, n < room ? n : room);
	transmit(p);
	watch(p);
}

void
pty_resize(struct pty *p, int cols, int rows)
{
	/* The kernel tells the program: SIGWINCH. */
	(void)set_size(p->fd, cols, rows);
}

struct fifo *
pty_out(struct pty *p)
{
	return &p->out;
}

void
pty_taken(struct pty *p)
{
	if (p->reaped)
		receive(p);
	watch(p);
}

bool
pty_over(const struct pty *p, int *status, int *sig)
{
	*status = p->status;
	*sig = p->sig;
	return p->reaped && p->drained && p->out.len == 0;
}

/* ---- the end ---- */

static void
on_closed(uv_handle_t *h)
{
	struct pty *p = h->data;

	if (--p->handles > 0)
		return;
	p->freed(p->arg);
	free(p);
}

static void
on_child(uv_poll_t *h, int status, int events)
{
	struct pty *p = h->data;
	siginfo_t si = { 0 };

	(void)status;
	(void)events;
	if (waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED | WNOHANG |
	    WNOWAIT) == -1 || si.si_pid == 0)
		return;
	/* While it is not reaped, its number names its group and no other. */
	(void)kill(-p->pid, SIGKILL);
	(void)waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED);
	p->reaped = true;
	if (si.si_code == CLD_EXITED)
		p->status = si.si_status;
	else
		p->sig = si.si_status;
	/* In this order, at once: uv_close works on the number. */
	uv_close((uv_handle_t *)&p->child, on_closed);
	(void)close(p->pidfd);
	if (p->left) {
		uv_close((uv_handle_t *)&p->timer, on_closed);
		return;
	}
	receive(p);
	watch(p);
	p->wake(p->arg);
}

static void
on_patience(uv_timer_t *h)
{
	struct pty *p = h->data;

	log_warn("net", "console pid=%d did not end when its terminal was "
	    "hung up: killed", (int)p->pid);
	(void)kill(-p->pid, SIGKILL);
}

void
pty_end(struct pty *p)
{
	p->left = true;
	fifo_free(&p->in);
	fifo_free(&p->out);
	uv_close((uv_handle_t *)&p->poll, on_closed);
	(void)close(p->fd);	/* SIGHUP from the kernel, and SIGCONT */
	if (p->reaped)
		uv_close((uv_handle_t *)&p->timer, on_closed);
	else {
		(void)kill(-p->pid, SIGHUP);
		(void)uv_timer_start(&p->timer, on_patience, KILL_MS, 0);
	}
}

struct pty *
pty_new(uv_loop_t *loop, const char *program, const struct pty_facts *f,
    int fd, void (*wake)(void *), void (*freed)(void *), void *arg,
    struct err *e)
{
	struct pty *p;
	char tty[64];
	int master, pidfd;
	pid_t pid;

	master = open_master(f, tty, sizeof(tty), e);
	if (master == -1)
		return NULL;
	if (spawn(&pid, program, tty, fd, f, e) == -1 ||
	    (pidfd = watch_child(pid, e)) == -1) {
		(void)close(master);
		return NULL;
	}
	p = mem_zero(1, sizeof(*p));
	p->fd = master;
	p->pid = pid;
	p->pidfd = pidfd;
	p->wake = wake;
	p->freed = freed;
	p->arg = arg;
	p->handles = 3;
	(void)uv_poll_init(loop, &p->poll, p->fd);
	(void)uv_poll_init(loop, &p->child, p->pidfd);
	(void)uv_timer_init(loop, &p->timer);
	p->poll.data = p->child.data = p->timer.data = p;
	(void)uv_poll_start(&p->child, UV_READABLE, on_child);
	watch(p);
	return p;
}
