/* A gate in front of some system calls of a keeper under test (and its runs),
 * by seccomp's user notification: the test lets each pass, fail or wait.  So a
 * disk is slow or broken, and a file server hangs, when the test says it. */
#ifndef KEEPER_GATE_H
#define KEEPER_GATE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct gate {
	int	      call;		/* SYS_openat, or what waits or fails */
	int	      listener, stop;	/* stop: an eventfd */
	int	      ends[2][2];	/* pipes: the listener's number, go on */
	pthread_t     thread;
	atomic_bool   hold;		/* who calls waits */
	atomic_int    fail;		/* so many do not work */
	_Atomic uint64_t held;		/* the one that waits, or 0 */
	/* Who opens the file of this name waits for ever; "": nobody. */
	char	      name[64];
	atomic_bool   named;		/* name counts */
};

static inline void
gate_answer(struct gate *g, uint64_t id, int error)
{
	struct seccomp_notif_resp resp = { .id = id, .error = -error,
		.flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0 };

	(void)ioctl(g->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static inline bool
gate_is_named(struct gate *g, const struct seccomp_notif *req)
{
	char path[64] = "";
	struct iovec to = { path, sizeof(path) - 1 }, from = {
		(void *)(uintptr_t)req->data.args[1], sizeof(path) - 1 };

	return g->named && process_vm_readv((pid_t)req->pid, &to, 1, &from, 1,
	    0) > 0 && strcmp(path, g->name) == 0;
}

static inline void
gate_one(struct gate *g)
{
	struct seccomp_notif req = { 0 };

	if (ioctl(g->listener, SECCOMP_IOCTL_NOTIF_RECV, &req) == -1)
		return;
	if (g->call == SYS_openat) {
		if (gate_is_named(g, &req))
			g->held = req.id;
		else
			gate_answer(g, req.id, 0);
	} else if (g->hold)
		g->held = req.id;
	else if (g->fail > 0) {
		g->fail--;
		gate_answer(g, req.id, EIO);
	} else
		gate_answer(g, req.id, 0);
}

static inline void *
gate_keep(void *arg)
{
	struct gate *g = arg;
	struct pollfd p[2] = { { g->listener, POLLIN, 0 },
		{ g->stop, POLLIN, 0 } };

	while (p[1].revents == 0) {
		(void)poll(p, 2, -1);
		if (p[0].revents & POLLIN)
			gate_one(g);
		else if (p[0].revents != 0)
			p[0].fd = -1;	/* nobody has the filter any more */
	}
	return NULL;
}

static inline void
gate_open(struct gate *g)
{
	g->hold = false;
	if (g->held != 0)
		gate_answer(g, g->held, 0);
	g->held = 0;
}

/* Before the fork. */
static inline void
gate_begin(struct gate *g)
{
	g->stop = eventfd(0, EFD_CLOEXEC);
	if (pipe2(g->ends[0], O_CLOEXEC) == -1 ||
	    pipe2(g->ends[1], O_CLOEXEC) == -1)
		abort();
}

/* In the child. */
static inline void
gate_enter(const struct gate *g)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)g->call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, f };
	char go;
	int fd;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	if (write(g->ends[0][1], &fd, sizeof(fd)) != sizeof(fd) ||
	    read(g->ends[1][0], &go, 1) != 1)
		_exit(98);
}

/* In the parent of that child; false when the kernel does not do it. */
static inline bool
gate_keep_of(struct gate *g, pid_t pid)
{
	int fd = -1, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	g->listener = -1;
	if (read(g->ends[0][0], &fd, sizeof(fd)) == sizeof(fd) && fd != -1)
		g->listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	(void)close(pidfd);
	if (g->listener != -1 &&
	    pthread_create(&g->thread, NULL, gate_keep, g) != 0)
		abort();
	if (write(g->ends[1][1], "", 1) != 1)
		abort();
	for (int i = 0; i < 4; i++)
		(void)close(g->ends[i / 2][i % 2]);
	return g->listener != -1;
}

/* After the keeper has ended. */
static inline void
gate_end(struct gate *g)
{
	uint64_t one = 1;

	if (g->listener != -1) {
		if (write(g->stop, &one, sizeof(one)) == sizeof(one))
			(void)pthread_join(g->thread, NULL);
		(void)close(g->listener);
	}
	(void)close(g->stop);
}

#endif
