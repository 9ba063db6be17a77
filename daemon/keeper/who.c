#include "keeper/who.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum {
	FRESH_MS = 60000,
	FAILED_MS = 1000,	/* until it is asked again */
	AT_ONCE_MS = 100,	/* waited for: a local file takes one or two */
	PATIENCE_MS = 60000
};

struct answer {
	int	   error;	/* 0: there is one; ENOENT: there is none */
	struct who who;
};

struct entry {
	char	      name[WHO_NAME];	/* "": a free place */
	struct answer last;		/* what counts */
	mono	      until;		/* then it is asked for anew */
	int	      fd;		/* of the child that asks, or -1 */
	pid_t	      pid;
	mono	      late;		/* it is given up then */
};

static struct entry table[WHO_MOST];
static size_t used;

/* ---- in the child ---- */

static void
fill(struct who *w, const struct passwd *pw)
{
	memset(w, 0, sizeof(*w));
	(void)MEM_STR(w->name, pw->pw_name);
	(void)MEM_STR(w->home, pw->pw_dir[0] == '/' ? pw->pw_dir : "/");
	(void)MEM_STR(w->shell, pw->pw_shell[0] == '/' ? pw->pw_shell :
	    "/bin/sh");
	w->uid = pw->pw_uid;
	w->gid = pw->pw_gid;
}

/* Nothing of the keeper's stays open in it, and it does not outlive it. */
static _Noreturn void
asker(const char *name, int out)
{
	struct answer a = { .error = ENOENT };
	const struct passwd *pw;
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (out > 3)
		(void)close_range(3, (unsigned)out - 1, 0);
	(void)close_range((unsigned)out + 1, ~0U, 0);
	errno = 0;
	if ((pw = getpwnam(name)) != NULL) {
		fill(&a.who, pw);
		a.who.change = true;
		a.error = 0;
	} else if (errno != 0)
		a.error = errno;
	_exit(write(out, &a, sizeof(a)) == (ssize_t)sizeof(a) ? 0 : 1);
}

/* ---- asking ---- */

/* One that never answered has not said that the user is gone. */
static void
settle(struct entry *e, const struct answer *a)
{
	bool known = e->last.error == 0 && e->last.who.name[0] != '\0';

	if (e->fd != -1)
		(void)close(e->fd);
	e->fd = -1;
	if (a->error == 0 || a->error == ENOENT || !known)
		e->last = *a;
	else
		log_warn("who", "user %s: %s; as it was told before", e->name,
		    strerror(a->error));
	e->until = mono_add_ms(clock_mono(), e->last.error == 0 ? FRESH_MS :
	    FAILED_MS);
}

static bool
readable(const struct entry *e, int ms)
{
	return poll(&(struct pollfd){ e->fd, POLLIN, 0 }, 1, ms) == 1;
}

/* What it says, or that it is no more. */
static void
take(struct entry *e)
{
	struct answer a;

	if (read(e->fd, &a, sizeof(a)) != (ssize_t)sizeof(a))
		a = (struct answer){ .error = EIO };
	settle(e, &a);
}

static void
ask(struct entry *e)
{
	struct answer a = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1) {
		a.error = errno;
		settle(e, &a);
		return;
	}
	e->fd = ends[0];
	e->late = mono_add_ms(clock_mono(), PATIENCE_MS);
	e->pid = fork();
	if (e->pid == 0)
		asker(e->name, ends[1]);
	a.error = errno;
	(void)close(ends[1]);
	if (e->pid == -1)
		settle(e, &a);
	else if (readable(e, AT_ONCE_MS))
		take(e);
}

/* The place of a name; when all are taken, that of the one asked for the
 * longest ago. */
static struct entry *
entry_of(const char *name)
{
	struct entry *old = NULL;

	for (size_t i = 0; i < used; i++) {
		struct entry *e = &table[i];

		if (strcmp(e->name, name) == 0)
			return e;
		if (e->fd == -1 && (old == NULL || e->until.us < old->until.us))
			old = e;
	}
	if (used < WHO_MOST)
		old = &table[used++];
	if (old == NULL)
		return NULL;
	*old = (struct entry){ .fd = -1 };
	(void)MEM_STR(old->name, name);
	return old;
}

const struct who *
who_find(const char *name, bool *asked, struct err *err)
{
	struct entry *e = entry_of(name);

	if (e == NULL) {
		(void)err_set(err, ERR_BUSY, "user %s: %d others are being "
		    "looked up", name, WHO_MOST);
		return NULL;
	}
	if (e->fd == -1 && clock_mono().us >= e->until.us)
		ask(e);
	if (e->last.error == 0 && e->last.who.name[0] != '\0')
		return &e->last.who;
	*asked = e->fd != -1;
	if (*asked)
		(void)err_set(err, ERR_BUSY, "user %s: is being looked up",
		    name);
	else
		(void)err_set(err, ERR_NOTFOUND, "user %s: %s", name,
		    e->last.error == ENOENT ? "not on this machine" :
		    e->last.error == ETIMEDOUT ? "the machine's directory of "
		    "users does not answer" : strerror(e->last.error));
	return NULL;
}

size_t
who_watch(struct pollfd *p)
{
	size_t n = 0;

	for (size_t i = 0; i < used; i++)
		if (table[i].fd != -1)
			p[n++] = (struct pollfd){ table[i].fd, POLLIN, 0 };
	return n;
}

bool
who_turn(mono now)
{
	const struct answer none = { .error = ETIMEDOUT };
	bool any = false;

	for (size_t i = 0; i < used; i++) {
		struct entry *e = &table[i];

		if (e->fd == -1)
			continue;
		/* One that has ended is readable: never a stranger's number. */
		if (readable(e, 0)) {
			take(e);
		} else if (now.us >= e->late.us) {
			(void)kill(e->pid, SIGKILL);
			settle(e, &none);
		} else
			continue;
		any = true;
	}
	return any;
}

mono
who_next(void)
{
	mono at = MONO_NEVER;

	for (size_t i = 0; i < used; i++)
		if (table[i].fd != -1)
			at = mono_min(at, table[i].late);
	return at;
}

const struct who *
who_self(void)
{
	static struct who me;
	const struct passwd *pw;

	if (me.name[0] != '\0')
		return &me;
	if ((pw = getpwuid(geteuid())) != NULL)
		fill(&me, pw);
	else {
		(void)snprintf(me.name, sizeof(me.name), "%u",
		    (unsigned)geteuid());
		(void)MEM_STR(me.home, "/");
		(void)MEM_STR(me.shell, "/bin/sh");
	}
	me.uid = geteuid();
	me.gid = getegid();
	return &me;
}
