#include "keeper/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/child.h"
#include "mem.h"

enum { ENVIRON = 256 << 10 };

struct proc {
	pid_t	 pid, parent, group, session;
	uint64_t born;
	bool	 dead, member;
	char	 name[16];
};

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
	while (n < size - 1 && (r = read(fd, out + n, size - 1 - n)) > 0)
		n += (size_t)r;
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
	size_t n;

	if (slurp(pid, "stat", text, sizeof(text)) <= 0 ||
	    (at = strrchr(text, ')')) == NULL)
		return -1;
	memset(p, 0, sizeof(*p));
	if (sscanf(at + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
	    "%*d %*d %*d %*d %*d %*d %llu", &state, &p->parent, &p->group,
	    &p->session, &born) != 5)
		return -1;
	p->pid = pid;
	p->born = born;
	p->dead = state == 'Z' || state == 'X';
	*at = '\0';
	at = strchr(text, '(');
	n = at == NULL ? 0 : strlen(at + 1);
	if (n >= sizeof(p->name))
		n = sizeof(p->name) - 1;
	memcpy(p->name, at == NULL ? "" : at + 1, n);
	return 0;
}

uint64_t
tree_born(pid_t pid)
{
	struct proc p;

	return read_stat(pid, &p) == -1 || p.dead ? 0 : p.born;
}

/* environ is the process's own memory: taken as a hint, never parsed. */
static bool
has_mark(pid_t pid, const char *id)
{
	static char env[ENVIRON];
	char mark[CHILD_MARK_SIZE];
	ssize_t n = slurp(pid, "environ", env, sizeof(env));

	child_mark(id, mark);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(env + at) + 1)
		if (strcmp(env + at, mark) == 0)
			return true;
	return false;
}

static bool
has_output(pid_t pid, const struct stat *out)
{
	char path[64];
	struct stat st;

	for (int fd = 1; fd <= 2; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid,
		    fd);
		if (stat(path, &st) == 0 && st.st_dev == out->st_dev &&
		    st.st_ino == out->st_ino)
			return true;
	}
	return false;
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
is_member(const struct run *r, const struct proc *p, const struct stat *out)
{
	if (r->pid > 0 && p->pid == r->pid && p->born == r->born)
		return true;
	/* A leader that was reaped has left its number to anybody, unless a
	 * session or group still has that name: then it cannot be reused. */
	if (r->pid > 0 && (p->session == r->pid || p->group == r->pid) &&
	    (r->born == 0 || p->born >= r->born))
		return true;
	return was_seen(r, p) || has_mark(p->pid, r->id) ||
	    (out != NULL && has_output(p->pid, out));
}

static struct proc *
all_processes(size_t *n)
{
	size_t cap = 0;
	struct proc *all = NULL;
	struct dirent *d;
	DIR *dir = opendir("/proc");
	pid_t me = getpid();

	*n = 0;
	if (dir == NULL)
		return NULL;
	while ((d = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid <= 1 || pid == me)
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 256 : cap * 2;
			all = mem_grow(all, cap * sizeof(*all));
		}
		if (read_stat(pid, &all[*n]) == 0 && !all[*n].dead)
			(*n)++;
	}
	(void)closedir(dir);
	return all;
}

/* Descendants of members, however deep. */
static void
close_over(struct proc *all, size_t n)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; !all[i].member && k < n; k++)
				if (all[k].member &&
				    all[k].pid == all[i].parent)
					again = all[i].member = true;
	}
}

size_t
tree_scan(struct run *r)
{
	struct run_proc *seen = NULL;
	struct stat out;
	size_t n, count = 0;
	struct proc *all = all_processes(&n);
	bool has_out = r->fd != -1 && fstat(r->fd, &out) == 0;

	for (size_t i = 0; i < n; i++)
		all[i].member = is_member(r, &all[i], has_out ? &out : NULL);
	close_over(all, n);
	for (size_t i = 0; i < n; i++)
		count += all[i].member;
	if (count > TREE_MAX)
		count = TREE_MAX;
	if (count > 0)
		seen = mem_zero(count, sizeof(*seen));
	for (size_t i = 0, k = 0; i < n && k < count; i++)
		if (all[i].member) {
			seen[k].pid = all[i].pid;
			seen[k].born = all[i].born;
			memcpy(seen[k++].name, all[i].name,
			    sizeof(seen[0].name));
		}
	free(all);
	free(r->seen);
	r->seen = seen;
	r->nseen = count;
	return count;
}

void
tree_signal(const struct run *r, int sig)
{
	for (size_t i = 0; i < r->nseen; i++) {
		int fd = (int)syscall(SYS_pidfd_open, r->seen[i].pid, 0);

		/* The handle first, then the check: it cannot be a stranger's
		 * that got the number since. */
		if (fd == -1)
			continue;
		if (tree_born(r->seen[i].pid) == r->seen[i].born)
			(void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
		(void)close(fd);
	}
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
	int n = 0;

	(void)snprintf(name, sizeof(name), "task/%d/children", (int)getpid());
	if (slurp(getpid(), name, text, sizeof(text)) == -1)
		return -1;
	/* Nearly always equal; only then look closer. */
	for (const char *p = text; *p != '\0'; p++)
		children += *p == ' ';
	for (struct run *r = run_live(); r != NULL; r = r->live_next)
		leaders += !r->reaped && r->pidfd == -1 && r->pid > 0;
	if (children == leaders)
		return 0;
	for (;; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at || n == max)
			return n;
		if (run_of_pid(pid) == NULL)
			out[n++] = pid;
	}
}

bool
tree_owns_any(const struct run *r, const pid_t *pids, int n)
{
	struct stat out;
	bool has_out = r->fd != -1 && fstat(r->fd, &out) == 0;

	for (int i = 0; i < n; i++) {
		struct proc p;

		if (read_stat(pids[i], &p) == 0 && !p.dead &&
		    is_member(r, &p, has_out ? &out : NULL))
			return true;
	}
	return false;
}
