#include "keeper/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "keeper/child.h"
#include "mem.h"

enum { ENVIRON = 256 << 10, FRESH = 8, APART_MS = 100 };

struct proc {
	pid_t	 pid, parent, group, session;
	uint64_t born;
	size_t	 above;		/* index of the parent, or NOBODY */
	bool	 dead, kernel, member;
	bool	 orphan;	/* no living leader is above it, nor init */
	bool	 looked;	/* the two below are known */
	dev_t	 dev[2];	/* of its descriptors 1 and 2 */
	ino_t	 ino[2];
	bool	 marked;	/* the one below is */
	char	 mark[KMSG_ID];	/* the run in its environment, or "" */
	char	 name[16];
};

#define NOBODY SIZE_MAX
#define PF_KTHREAD 0x00200000	/* include/linux/sched.h */

/* One walk through /proc serves every run of a turn: with a thousand runs to
 * stop at once, a walk for each would take minutes. */
static struct {
	struct proc *all;
	size_t	     n;
	bool	     valid;
	int	     fresh;	/* walks left in this turn */
	bool	     late;	/* an environment could not be read in it */
} snap = { .fresh = FRESH };

/* For a look when no descriptor is left: it needs two at a time. */
static int spare[2] = { -1, -1 };
static DIR *proc;

static void
lend(void)
{
	for (int i = 0; i < 2; i++)
		if (spare[i] != -1)
			(void)close(spare[i]);
}

static void
take_back(void)
{
	for (int i = 0; i < 2; i++)
		spare[i] = open("/", O_PATH | O_CLOEXEC);
}

int
tree_init(struct err *e)
{
	if ((proc = opendir("/proc")) == NULL)
		return err_sys(e, "/proc");
	take_back();
	return 0;
}

static ssize_t
slurp(pid_t pid, const char *file, char *out, size_t size)
{
	char path[64];
	size_t n = 0;
	ssize_t r;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	/* These files come in pages: far less than one is the last part. */
	while (n < size - 1 && (r = read(fd, out + n, size - 1 - n)) > 0) {
		n += (size_t)r;
		if (r < 1024)
			break;
	}
	(void)close(fd);
	out[n] = '\0';
	return (ssize_t)n;
}

/* proc(5), stat: "pid (name) state ppid pgrp session … starttime(22)"; the
 * name may hold anything, so look for the last ')'. */
static int
read_stat(pid_t pid, struct proc *p)
{
	char text[1024], *at, state;
	unsigned long long born;
	unsigned flags;
	size_t n;

	if (slurp(pid, "stat", text, sizeof(text)) <= 0 ||
	    (at = strrchr(text, ')')) == NULL)
		return -1;
	memset(p, 0, sizeof(*p));
	if (sscanf(at + 1, " %c %d %d %d %*d %*d %u %*u %*u %*u %*u %*u %*u "
	    "%*d %*d %*d %*d %*d %*d %llu", &state, &p->parent, &p->group,
	    &p->session, &flags, &born) != 6)
		return -1;
	p->pid = pid;
	p->born = born;
	p->dead = state == 'Z' || state == 'X';
	p->kernel = (flags & PF_KTHREAD) != 0;
	*at = '\0';
	at = strchr(text, '(');
	n = at == NULL ? 0 : strlen(at + 1);
	if (n >= sizeof(p->name))
		n = sizeof(p->name) - 1;
	memcpy(p->name, at == NULL ? "" : at + 1, n);
	return 0;
}

static bool
no_room(void)
{
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

static uint64_t
born_of(pid_t pid)
{
	struct proc p;

	return read_stat(pid, &p) == -1 || p.dead ? 0 : p.born;
}

uint64_t
tree_born(pid_t pid)
{
	uint64_t at;

	errno = 0;
	if ((at = born_of(pid)) == 0 && no_room()) {
		lend();
		at = born_of(pid);
		take_back();
	}
	return at;
}

/* environ is the process's own memory: taken as a hint, never trusted. */
static void
read_mark(struct proc *p)
{
	static char env[ENVIRON];
	char prefix[CHILD_MARK_SIZE];
	ssize_t n = slurp(p->pid, "environ", env, sizeof(env));
	size_t len;

	child_mark("", prefix);
	len = strlen(prefix);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(env + at) + 1)
		if (strncmp(env + at, prefix, len) == 0) {
			(void)MEM_STR(p->mark, env + at + len);
			return;
		}
}

/* By a child, which is given up when that takes long. */
static void
read_mark_apart(struct proc *p)
{
	struct pollfd answer = { .events = POLLIN };
	int ends[2];
	pid_t child;

	if (snap.late || pipe2(ends, O_CLOEXEC) == -1)
		return;
	if ((child = fork()) == 0) {
		/* It may outlive us, and must not hold our lock then. */
		(void)dup2(ends[1], 0);
		(void)close_range(1, ~0U, 0);
		read_mark(p);
		_exit(write(0, p->mark, sizeof(p->mark)) == -1);
	}
	(void)close(ends[1]);
	answer.fd = ends[0];
	if (child == -1 || poll(&answer, 1, APART_MS) != 1 ||
	    read(ends[0], p->mark, sizeof(p->mark)) == -1)
		snap.late = true;
	(void)close(ends[0]);
	if (child > 0)
		(void)kill(child, SIGKILL);
}

/* Whether a thread of it is in state D. */
static bool
waits(pid_t pid)
{
	char path[64], text[1024], *at;
	struct dirent *d;
	bool found = false;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return false;
	while (!found && (d = readdir(dir)) != NULL) {
		if (*d->d_name == '.')
			continue;
		(void)snprintf(path, sizeof(path), "task/%.20s/stat",
		    d->d_name);
		found = slurp(pid, path, text, sizeof(text)) > 0 &&
		    (at = strrchr(text, ')')) != NULL &&
		    strncmp(at, ") D", 3) == 0;
	}
	(void)closedir(dir);
	return found;
}

/* Who maps a file of a server that is away has its memory locked, for hours
 * perhaps, and so has who reads its environment. */
static void
look_mark(struct proc *p)
{
	if (p->marked)
		return;
	p->marked = true;
	if (waits(p->pid))
		read_mark_apart(p);
	else
		read_mark(p);
}

static void
look(struct proc *p)
{
	char path[64];
	struct statx st;

	if (p->looked)
		return;
	p->looked = true;
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d",
		    (int)p->pid, i + 1);
		/* What it is, not how it is: a file server that hangs is asked
		 * nothing, or it would hold up every run here. */
		if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC |
		    AT_NO_AUTOMOUNT, STATX_INO, &st) == 0) {
			p->dev[i] = makedev(st.stx_dev_major,
			    st.stx_dev_minor);
			p->ino[i] = st.stx_ino;
		}
	}
}

static bool
has_output(const struct proc *p, const struct stat *out)
{
	return (p->ino[0] == out->st_ino && p->dev[0] == out->st_dev) ||
	    (p->ino[1] == out->st_ino && p->dev[1] == out->st_dev);
}

static bool
was_seen(const struct run *r, const struct proc *p)
{
	for (size_t i = 0; i < r->nseen; i++)
		if (r->seen[i].pid == p->pid && r->seen[i].born == p->born)
			return true;
	return false;
}

static bool
is_member(const struct run *r, struct proc *p, const struct stat *out)
{
	if (r->pid > 0 && p->pid == r->pid && p->born == r->born)
		return true;
	/* A leader that was reaped has left its number to anybody, unless a
	 * session or group still has that name: then it cannot be reused. */
	if (r->pid > 0 && !r->nameless &&
	    (p->session == r->pid || p->group == r->pid) &&
	    (r->born == 0 || p->born >= r->born))
		return true;
	if (was_seen(r, p))
		return true;
	if (out != NULL) {
		look(p);
		if (has_output(p, out))
			return true;
	}
	/* Descent finds what is below a leader, and everything of ours is
	 * below us; what an earlier keeper started may be anywhere. */
	if (!p->orphan && !r->adopted && r->pid > 0)
		return false;
	look_mark(p);
	return strcmp(p->mark, r->id) == 0;
}

static int
by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct proc *)a)->pid;
	pid_t y = ((const struct proc *)b)->pid;

	return (x > y) - (x < y);
}

static void
link_parents(void)
{
	qsort(snap.all, snap.n, sizeof(*snap.all), by_pid);
	for (size_t i = 0; i < snap.n; i++) {
		struct proc key = { .pid = snap.all[i].parent };
		struct proc *up = bsearch(&key, snap.all, snap.n,
		    sizeof(*snap.all), by_pid);

		snap.all[i].above = up == NULL ? NOBODY :
		    (size_t)(up - snap.all);
	}
}

/* Descendants of members, however deep. */
static void
close_over(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < snap.n; i++) {
			struct proc *p = &snap.all[i];

			if (!p->member && p->above != NOBODY &&
			    snap.all[p->above].member)
				again = p->member = true;
		}
	}
}

/* We are the sub-reaper: who lost its leader is below a child of ours that is
 * none, or of one that is dying. */
static void
find_orphans(void)
{
	pid_t me = getpid();

	for (size_t i = 0; i < snap.n; i++) {
		struct proc *p = &snap.all[i];

		p->member = p->above == NOBODY &&
		    (p->parent > 1 || p->parent == me) &&
		    run_of_pid(p->pid) == NULL;
	}
	close_over();
	for (size_t i = 0; i < snap.n; i++)
		snap.all[i].orphan = snap.all[i].member;
}

/* -1 when it cannot look. */
static int
walk(void)
{
	size_t cap = 0;
	struct dirent *d;
	pid_t me = getpid();
	bool failed = false;

	if (snap.valid)
		return 0;
	rewinddir(proc);
	while (!failed && (errno = 0, d = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid <= 1 || pid == me)
			continue;
		if (snap.n == cap) {
			cap = cap == 0 ? 128 : cap * 2;
			snap.all = mem_grow(snap.all, cap * sizeof(*snap.all));
		}
		errno = 0;
		if (read_stat(pid, &snap.all[snap.n]) == -1)
			failed = no_room();
		else if (!snap.all[snap.n].dead && !snap.all[snap.n].kernel)
			snap.n++;
	}
	if (failed || errno != 0) {
		tree_expire();
		return -1;
	}
	if (snap.n > 0) {
		link_parents();
		find_orphans();
	}
	snap.valid = true;
	return 0;
}

void
tree_expire(void)
{
	free(snap.all);
	snap.all = NULL;
	snap.n = 0;
	snap.valid = false;
}

void
tree_new_turn(void)
{
	tree_expire();
	snap.fresh = FRESH;
	snap.late = false;
}

bool
tree_refresh(void)
{
	if (snap.fresh == 0)
		return false;
	snap.fresh--;
	tree_expire();
	return true;
}

/* Nobody joins a session or group that is empty: who has its number from then
 * on is a stranger. */
static bool
is_nameless(const struct run *r)
{
	bool named = false;

	if (r->pid <= 0)
		return false;
	for (size_t i = 0; i < snap.n; i++) {
		const struct proc *p = &snap.all[i];

		if (p->pid == r->pid && r->born != 0 && p->born != r->born)
			return true;
		named |= p->session == r->pid || p->group == r->pid;
	}
	return r->reaped && !named && kill(-r->pid, 0) == -1 &&
	    errno == ESRCH;
}

static void
scan(struct run *r)
{
	struct run_proc *seen = NULL;
	bool has_out;
	struct stat out;
	size_t count = 0;

	r->nameless = r->nameless || is_nameless(r);
	has_out = r->fd != -1 && fstat(r->fd, &out) == 0;
	for (size_t i = 0; i < snap.n; i++)
		snap.all[i].member = is_member(r, &snap.all[i],
		    has_out ? &out : NULL);
	close_over();
	for (size_t i = 0; i < snap.n; i++)
		count += snap.all[i].member;
	if (count > TREE_MAX)
		count = TREE_MAX;
	if (count > 0)
		seen = mem_zero(count, sizeof(*seen));
	for (size_t i = 0, k = 0; i < snap.n && k < count; i++)
		if (snap.all[i].member) {
			seen[k].pid = snap.all[i].pid;
			seen[k].born = snap.all[i].born;
			(void)MEM_STR(seen[k++].name, snap.all[i].name);
		}
	free(r->seen);
	r->seen = seen;
	r->nseen = count;
}

size_t
tree_scan(struct run *r)
{
	lend();
	if (walk() == 0)
		scan(r);
	take_back();
	return r->nseen;
}

void
tree_signal(const struct run *r, int sig)
{
	lend();
	for (size_t i = 0; i < r->nseen; i++) {
		int fd = (int)syscall(SYS_pidfd_open, r->seen[i].pid, 0);

		/* The handle first, then the check: it cannot be a stranger's
		 * that got the number since. */
		if (fd == -1)
			continue;
		if (born_of(r->seen[i].pid) == r->seen[i].born)
			(void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
		(void)close(fd);
	}
	take_back();
}

void
tree_names(const struct run *r, struct buf *b)
{
	for (size_t i = 0; i < r->nseen && i < 8; i++) {
		buf_fmt(b, "%s%d (", i == 0 ? "" : ", ", (int)r->seen[i].pid);
		buf_safe(b, r->seen[i].name, strlen(r->seen[i].name));
		buf_putc(b, ')');
	}
	if (r->nseen > 8)
		buf_fmt(b, " and %zu more", r->nseen - 8);
}

int
tree_orphans(pid_t *out, int max)
{
	static char text[65536];
	char name[48], *at = text, *end;
	size_t leaders = 0, children = 0;
	ssize_t len;
	int n = 0;

	(void)snprintf(name, sizeof(name), "task/%d/children", (int)getpid());
	/* Each end asks this: no more calls than it needs. */
	if ((len = slurp(getpid(), name, text, sizeof(text))) == -1) {
		lend();
		len = slurp(getpid(), name, text, sizeof(text));
		take_back();
	}
	if (len == -1)
		return -1;
	if (len == sizeof(text) - 1)
		return max + 1;
	/* Nearly always equal; only then look closer. */
	for (const char *p = text; *p != '\0'; p++)
		children += *p == ' ';
	for (struct run *r = run_live(); r != NULL; r = r->live_next)
		leaders += !r->reaped && !r->adopted && r->pid > 0;
	if (children == leaders)
		return 0;
	for (;; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			return n;
		if (run_of_pid(pid) != NULL)
			continue;
		if (n == max)
			return max + 1;
		out[n++] = pid;
	}
}

static bool
owns_any(const struct run *r, const pid_t *pids, int n)
{
	struct stat out;
	bool has_out = r->fd != -1 && fstat(r->fd, &out) == 0;

	for (int i = 0; i < n; i++) {
		struct proc p;

		if (read_stat(pids[i], &p) == -1 || p.dead)
			continue;
		p.orphan = true;
		if (is_member(r, &p, has_out ? &out : NULL))
			return true;
	}
	return false;
}

bool
tree_owns_any(const struct run *r, const pid_t *pids, int n)
{
	bool any;

	lend();
	any = owns_any(r, pids, n);
	take_back();
	return any;
}
