#include "keeper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/run.h"
#include "mem.h"

enum { CELL = 256, EXIT_SETUP = 127 };

static char (*cells)[CELL];
static bool taken[RUN_LIVE];
static int cell_hint;
static struct rlimit files;
static bool oom_guarded;
static char place[48];
static rlim_t raised;		/* our own soft limit of files */
static int null = -1;

/* The environment of the next child. */
static const char *env[KMSG_WORDS + 9];
static char minimum[6][512];
static size_t nenv, nminimum;

int
child_cells(int fd, struct err *e)
{
	void *p;

	if (fd == -1 && ((fd = memfd_create("cells", MFD_CLOEXEC)) == -1 ||
	    ftruncate(fd, (off_t)CELL * RUN_LIVE) == -1))
		return err_sys(e, "keeper: memory for children");
	p = mmap(NULL, (size_t)CELL * RUN_LIVE, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "keeper: memory for children");
	cells = p;
	return fd;
}

int
child_cell_take(void)
{
	for (int n = 0; n < RUN_LIVE; n++) {
		int i = (cell_hint + n) % RUN_LIVE;

		if (!taken[i]) {
			cell_hint = i + 1;
			taken[i] = true;
			cells[i][0] = '\0';
			return i;
		}
	}
	return -1;
}

void
child_cell_use(int i)
{
	if (i >= 0 && i < RUN_LIVE)
		taken[i] = true;
}

void
child_cell_free(int i)
{
	if (i >= 0 && i < RUN_LIVE) {
		taken[i] = false;
		/* Low cells first: fewer pages are touched. */
		if (i < cell_hint)
			cell_hint = i;
	}
}

const char *
child_cell_why(int i)
{
	if (i < 0 || i >= RUN_LIVE)
		return "";
	cells[i][CELL - 1] = '\0';
	return cells[i];
}

void
child_mark(const char *id, char out[CHILD_MARK_SIZE])
{
	(void)snprintf(out, CHILD_MARK_SIZE, CHILD_MARK "=%s/%s", place, id);
}

void
child_place(const struct stat *dir)
{
	(void)snprintf(place, sizeof(place), "%llx.%llx",
	    (unsigned long long)dir->st_dev, (unsigned long long)dir->st_ino);
}

void
child_init(void)
{
	struct rlimit most;
	char text[16] = "";
	int fd;

	/* Whoever started us may have ignored some for himself. */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* One file a run stays open here. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		most = files;
		most.rlim_cur = most.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &most);
		raised = most.rlim_cur;
	}
	/* 0, 1 and 2 may have been closed; what is opened later must not get
	 * these numbers.  Nothing that we were given is for the runs. */
	do
		null = open("/dev/null", O_RDWR);
	while (null >= 0 && null < 3);
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	/* The keeper may be spared by the OOM killer; its runs are not. */
	fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			oom_guarded = text[0] == '-';
		(void)close(fd);
	}
}

uint64_t
child_files(void)
{
	return files.rlim_cur;
}

void
child_set_files(uint64_t n)
{
	files.rlim_cur = n;
}

int
child_check(const struct kmsg_start *s, struct err *e)
{
	if (s->argv[0] == NULL || s->argv[0][0] == '\0')
		return err_set(e, ERR_USAGE,
		    "command: empty, or with its environment over %d KiB",
		    KMSG_MAX >> 10);
	if (s->dir[0] != '\0' && s->dir[0] != '/')
		return err_set(e, ERR_USAGE, "directory %.100s: must be "
		    "absolute", s->dir);
	for (size_t i = 0; s->env[i] != NULL; i++)
		if (s->env[i][0] == '=' || strchr(s->env[i], '=') == NULL)
			return err_set(e, ERR_USAGE,
			    "environment: \"%.60s\" is not NAME=VALUE",
			    s->env[i]);
	return 0;
}

/* ---- in the child ---- */

static _Noreturn void __attribute__((format(printf, 2, 3)))
fail(int cell, const char *fmt, ...)
{
	const char *reason = strerror(errno);
	char what[CELL];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)snprintf(cells[cell], CELL, "%.180s: %s", what, reason);
	_exit(EXIT_SETUP);
}

static bool
names(const char *entry, const char *name)
{
	size_t n = strlen(name);

	return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static const char *
lookup(const char *const *in, const char *name)
{
	const char *v = NULL;

	for (size_t i = 0; in[i] != NULL; i++)
		if (names(in[i], name))
			v = in[i] + strlen(name) + 1;
	return v;
}

static void
add(const char *const *job, const char *name, const char *value)
{
	char *text = minimum[nminimum];

	if (lookup(job, name) != NULL)
		return;
	(void)snprintf(text, sizeof(minimum[0]), "%s=%s", name, value);
	env[nenv++] = text;
	nminimum++;
}

/* The mark, the clean minimum, and the job's own, which wins (SPEC section 6,
 * "Environment").  Made before the fork, of borrowed strings: what the child
 * does not touch is not copied. */
static void
environment(const struct kmsg_start *s, const struct who *w)
{
	static char mark[CHILD_MARK_SIZE];
	const char *lang = getenv("LANG");

	nenv = nminimum = 0;
	child_mark(s->id, mark);
	env[nenv++] = mark;
	add(s->env, "PATH", w->uid == 0 ?
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" :
	    "/usr/local/bin:/usr/bin:/bin");
	add(s->env, "HOME", w->home);
	add(s->env, "USER", w->name);
	add(s->env, "LOGNAME", w->name);
	add(s->env, "SHELL", w->shell);
	add(s->env, "LANG", lang != NULL && *lang != '\0' ? lang : "C.UTF-8");
	for (size_t i = 0; i < KMSG_WORDS && s->env[i] != NULL; i++)
		if (!names(s->env[i], CHILD_MARK))
			env[nenv++] = s->env[i];
	env[nenv] = NULL;
}

/* As execvpe, but by the run's PATH and without its fallback to a shell. */
static void
execute(const char *const *argv)
{
	const char *path = lookup(env, "PATH");
	char *const *av = (char *const *)(uintptr_t)argv;
	char *const *ev = (char *const *)(uintptr_t)env;
	int keep = ENOENT;

	if (strchr(argv[0], '/') != NULL || path == NULL) {
		(void)execve(argv[0], av, ev);
		return;
	}
	while (*path != '\0') {
		size_t n = strcspn(path, ":");
		char file[4096];

		if (snprintf(file, sizeof(file), "%.*s/%s", (int)n, path,
		    argv[0]) < (int)sizeof(file) && n > 0) {
			(void)execve(file, av, ev);
			if (errno != ENOENT && errno != ENOTDIR)
				keep = errno;
		}
		path += n + (path[n] == ':');
	}
	errno = keep;
}

/* Every source of groups is asked, also for a local user, and a directory
 * service that is away is waited for: here, where it holds up this run alone and
 * is ended with it, and nothing of the keeper's is open any more. */
static void
become(const struct who *w, int cell)
{
	if (!w->change)
		return;
	if (initgroups(w->name, w->gid) == -1 ||
	    setresgid(w->gid, w->gid, w->gid) == -1 ||
	    setresuid(w->uid, w->uid, w->uid) == -1)
		fail(cell, "user %s", w->name);
}

/* Both are above 2: child_init saw to it. */
static void
descriptors(int out, int cell)
{
	if (dup2(null, 0) == -1 || dup2(out, 1) == -1 || dup2(out, 2) == -1)
		fail(cell, "output");
	(void)close_range(3, ~0U, 0);
}

/* An exec keeps only what is blocked or ignored: child_init left two. */
static void
plain_signals(void)
{
	sigset_t none;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
run_child(const struct kmsg_start *s, const struct who *w, int out, int cell)
{
	int fd;

	(void)setsid();
	plain_signals();
	if (files.rlim_cur != raised)
		(void)setrlimit(RLIMIT_NOFILE, &files);
	if (oom_guarded && (fd = open("/proc/self/oom_score_adj",
	    O_WRONLY | O_CLOEXEC)) != -1 && write(fd, "0", 1) == -1)
		(void)0;	/* worse off, not wrong */
	descriptors(out, cell);
	become(w, cell);
	if (s->dir[0] != '\0') {
		if (chdir(s->dir) == -1)
			fail(cell, "directory %.150s", s->dir);
	} else if (chdir(w->home) == -1 && chdir("/") == -1)
		fail(cell, "directory /");
	execute(s->argv);
	fail(cell, "command %.150s", s->argv[0]);
}

pid_t
child_start(const struct kmsg_start *s, const struct who *w, int out, int cell,
    struct err *e)
{
	pid_t pid;

	environment(s, w);
	pid = fork();
	if (pid == 0)
		run_child(s, w, out, cell);
	if (pid == -1)
		return err_sys(e, "fork");
	return pid;
}
