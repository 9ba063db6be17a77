#include "vrrp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "mem.h"

enum { PAUSE_MS = 1000, WAIT_MS = 20000 };

/* One machine that is played: its namespace, its keepalived, what it says. */
struct side {
	char   name;		/* 'a', 'b' */
	pid_t  holder;		/* sleeps in the namespace, keeps it alive */
	pid_t  parent, child;	/* keepalived has two processes */
	int    ns;
	int    routes;		/* netlink: addresses that come and go */
	int    notes;		/* FIFO that notify_master writes to */
	bool   has;		/* the address */
	double master;		/* notify_master last ran, crew_ms */
	double since;		/* has it since, or not since */
};

static struct side side[2] = { { .name = 'a' }, { .name = 'b' } };
static const char *folder;

/* ---- namespaces ---- */

static pid_t
hold_namespace(void)
{
	int up[2];
	char byte;
	pid_t pid;

	if (pipe2(up, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) == -1 || write(up[1], "", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(up[1]);
	if (pid != -1 && read(up[0], &byte, 1) != 1) {
		(void)waitpid(pid, NULL, 0);
		pid = -1;
	}
	(void)close(up[0]);
	return pid;
}

/* A socket stays in the namespace in which it was made. */
static int
open_routes(int ns)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR };
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = -1;

	if (here == -1 || setns(ns, CLONE_NEWNET) == -1)
		return -1;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);
	if (fd != -1 && bind(fd, (struct sockaddr *)&nl, sizeof(nl)) == -1) {
		(void)close(fd);
		fd = -1;
	}
	if (setns(here, CLONE_NEWNET) == -1)
		crew_die("cannot go back to the namespace of this machine");
	(void)close(here);
	return fd;
}

static bool
open_side(struct side *s)
{
	char path[96];

	s->holder = hold_namespace();
	if (s->holder == -1)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->holder);
	s->ns = open(path, O_RDONLY | O_CLOEXEC);
	s->routes = s->ns != -1 ? open_routes(s->ns) : -1;
	(void)snprintf(path, sizeof(path), "%s/notes-%c", folder, s->name);
	if (mkfifo(path, 0600) == -1)
		return false;
	s->notes = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return s->routes != -1 && s->notes != -1;
}

/* In the namespace of the first; nothing of it is seen outside. */
static bool
wire(void)
{
	char cmd[512];

	(void)snprintf(cmd, sizeof(cmd), "A='nsenter -n -t %d' && B='nsenter "
	    "-n -t %d' && $A ip link add va type veth peer name vb netns %d && "
	    "$A ip link set lo up && $B ip link set lo up && "
	    "$A ip addr add 10.99.0.1/24 dev va && $A ip link set va up && "
	    "$B ip addr add 10.99.0.2/24 dev vb && $B ip link set vb up",
	    (int)side[0].holder, (int)side[1].holder, (int)side[1].holder);
	return system(cmd) == 0;
}

bool
vrrp_begin(const char *dir, char why[128])
{
	folder = dir;
	why[0] = '\0';
	if (system("command -v keepalived ip nsenter >/dev/null") != 0)
		(void)snprintf(why, 128, "not installed: apt-get install "
		    "keepalived iproute2");
	else if (!open_side(&side[0]) || !open_side(&side[1]))
		(void)snprintf(why, 128, "no network namespaces can be made "
		    "here (root can)");
	else if (!wire())
		(void)snprintf(why, 128, "no veth pair can be made here");
	if (why[0] != '\0')
		vrrp_end();
	return why[0] == '\0';
}

void
vrrp_end(void)
{
	for (int i = 0; i < 2; i++)
		if (side[i].holder > 0) {
			(void)kill(side[i].holder, SIGKILL);
			(void)waitpid(side[i].holder, NULL, 0);
			side[i].holder = 0;
		}
}

/* ---- what happens ---- */

static void
take_routes(struct side *s)
{
	struct { _Alignas(struct nlmsghdr) char b[8192]; } m;
	ssize_t n;

	while ((n = recv(s->routes, m.b, sizeof(m.b), 0)) > 0) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)m.b;
		int left = (int)n;

		for (; NLMSG_OK(h, (unsigned)left); h = NLMSG_NEXT(h, left)) {
			struct ifaddrmsg *a = NLMSG_DATA(h);
			bool add = h->nlmsg_type == RTM_NEWADDR;

			if ((!add && h->nlmsg_type != RTM_DELADDR) ||
			    a->ifa_prefixlen != 32 || s->has == add)
				continue;
			s->has = add;
			s->since = crew_ms();
		}
	}
}

static void
look(int ms)
{
	struct pollfd p[4] = { { side[0].routes, POLLIN, 0 },
		{ side[1].routes, POLLIN, 0 }, { side[0].notes, POLLIN, 0 },
		{ side[1].notes, POLLIN, 0 } };
	char text[256];

	if (poll(p, 4, ms) <= 0)
		return;
	for (int i = 0; i < 2; i++) {
		if (p[2 + i].revents != 0 &&
		    read(side[i].notes, text, sizeof(text)) > 0)
			side[i].master = crew_ms();
		if (p[i].revents != 0)
			take_routes(&side[i]);
	}
}

static void
look_for(double ms)
{
	double until = crew_ms() + ms;

	while (crew_ms() < until)
		look(5);
}

/* Exactly this one has the address, and has said so. */
static void
await_owner(const struct side *owner, double since)
{
	const struct side *other = &side[owner == side];

	while (!owner->has || other->has || owner->master < since) {
		look(20);
		if (crew_ms() - since > WAIT_MS)
			crew_die("keepalived %c did not become master",
			    owner->name);
	}
}

static double
await_master(const struct side *s, double since)
{
	while (s->master < since) {
		look(20);
		if (crew_ms() - since > WAIT_MS)
			crew_die("keepalived %c did not take over", s->name);
	}
	return s->master - since;
}

/* ---- keepalived ---- */

static void
configure(const struct side *s, double advert_int)
{
	char path[96];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/keepalived-%c.conf", folder,
	    s->name);
	f = fopen(path, "we");
	if (f == NULL)
		crew_die("%s: %s", path, strerror(errno));
	/* Neither takes the address back from the other: what is measured is
	 * one move. */
	(void)fprintf(f,
	    "global_defs {\n\trouter_id %c\n\tscript_user root\n}\n"
	    "vrrp_instance one {\n\tstate BACKUP\n\tnopreempt\n"
	    "\tinterface v%c\n\tvirtual_router_id 51\n\tpriority 100\n"
	    "\tversion 3\n\tadvert_int %g\n"
	    "\tvirtual_ipaddress {\n\t\t10.99.0.9/32\n\t}\n"
	    "\tnotify_master \"%s/note %s/notes-%c\"\n}\n", s->name, s->name,
	    advert_int, folder, folder, s->name);
	(void)fclose(f);
	(void)snprintf(path, sizeof(path), "%s/note", folder);
	f = fopen(path, "we");
	if (f == NULL)
		crew_die("%s: %s", path, strerror(errno));
	(void)fputs("#!/bin/sh\necho master >\"$1\"\n", f);
	(void)fclose(f);
	crew_sh("chmod 755 note");
}

static void
run_keepalived(struct side *s)
{
	char conf[96], pid[96], vrrp[96], log[96], text[16] = { 0 };
	double until = crew_ms() + WAIT_MS;
	FILE *f;

	(void)snprintf(conf, sizeof(conf), "%s/keepalived-%c.conf", folder,
	    s->name);
	(void)snprintf(pid, sizeof(pid), "%s/parent-%c.pid", folder, s->name);
	(void)snprintf(vrrp, sizeof(vrrp), "%s/vrrp-%c.pid", folder, s->name);
	(void)snprintf(log, sizeof(log), "%s/keepalived-%c.log", folder,
	    s->name);
	(void)unlink(vrrp);
	(void)unlink(pid);
	s->parent = fork();
	if (s->parent == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		if (setns(s->ns, CLONE_NEWNET) == -1)
			_exit(1);
		(void)execlp("keepalived", "keepalived", "--dont-fork",
		    "--log-console", "--vrrp", "-f", conf, "-p", pid, "-r",
		    vrrp, (char *)NULL);
		_exit(127);
	}
	for (s->child = 0; s->child <= 0;) {
		look(5);
		f = fopen(vrrp, "re");
		if (f != NULL && fgets(text, sizeof(text), f) != NULL)
			s->child = (pid_t)strtol(text, NULL, 10);
		if (f != NULL)
			(void)fclose(f);
		if (crew_ms() > until)
			crew_die("keepalived %c does not start", s->name);
	}
}

static void
signal_both(const struct side *s, int sig)
{
	/* The parent first, or it starts another child. */
	if (sig == SIGKILL)
		(void)kill(s->parent, SIGSTOP);
	(void)kill(s->child, sig);
	(void)kill(s->parent, sig);
}

static void
reap(struct side *s)
{
	(void)waitpid(s->parent, NULL, 0);
	s->parent = s->child = 0;
}

/* ---- the rounds ---- */

static void
round_killed(struct side *old, struct side *next, struct vrrp_figures *f)
{
	double at = crew_ms();

	signal_both(old, SIGKILL);
	reap(old);
	figures_add(&f->killed, await_master(next, at));
	look_for(200);
	f->left_behind += old->has;
	run_keepalived(old);	/* which takes away what was left */
	await_owner(next, at);
}

static void
round_ended(struct side *old, struct side *next, struct vrrp_figures *f)
{
	double at = crew_ms();

	(void)kill(old->parent, SIGTERM);
	figures_add(&f->ended, await_master(next, at));
	reap(old);
	await_owner(next, at);
	run_keepalived(old);
}

static void
round_paused(struct side *old, struct side *next, struct vrrp_figures *f)
{
	double at = crew_ms(), both, awake, end;

	signal_both(old, SIGSTOP);
	figures_add(&f->paused, await_master(next, at));
	look_for(PAUSE_MS);
	both = next->since;
	awake = crew_ms();
	signal_both(old, SIGCONT);
	while (old->has && next->has && crew_ms() - awake < WAIT_MS)
		look(20);
	end = old->has && next->has ? crew_ms()
	    : old->has ? next->since : old->since;
	figures_add(&f->both, end - both);
	figures_add(&f->both_awake, end - awake);
}

/* Which of the two has it, once they have settled. */
static struct side *
owner(void)
{
	double from = crew_ms();

	look_for(50);
	while (side[0].has == side[1].has) {
		look(20);
		if (crew_ms() - from > WAIT_MS)
			crew_die("keepalived: both or none has the address");
	}
	return &side[side[1].has];
}

void
vrrp_measure(double advert_int, size_t rounds, struct vrrp_figures *f)
{
	static void (*const kinds[])(struct side *, struct side *,
	    struct vrrp_figures *) = { round_killed, round_paused,
		round_ended };
	double advert_ms = advert_int * 1000;

	*f = (struct vrrp_figures){ 0 };
	for (int i = 0; i < 2; i++) {
		configure(&side[i], advert_int);
		run_keepalived(&side[i]);
	}
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < rounds; i++) {
			struct side *old = owner();

			/* The other has heard of it, at another time of the
			 * interval in each round. */
			look_for(3 * advert_ms + 200 + advert_ms * (double)(i *
			    7 % 10) / 10);
			old = owner();
			kinds[k](old, &side[old == side], f);
		}
	for (int i = 0; i < 2; i++) {
		(void)kill(side[i].parent, SIGTERM);
		reap(&side[i]);
	}
	look_for(100);
}
