/* muster-keeper: starts, owns and outlives-a-restart every run of one musterd.
 * Small on purpose: no threads, no network, no library but libc. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/adopt.h"
#include "keeper/child.h"
#include "keeper/end.h"
#include "keeper/journal.h"
#include "keeper/link.h"
#include "keeper/rules.h"
#include "keeper/run.h"
#include "keeper/slot.h"
#include "keeper/super.h"
#include "keeper/tree.h"
#include "keeper/waiter.h"
#include "keeper/who.h"
#include "log.h"
#include "mem.h"
#include "pack.h"
#include "service.h"
#include "text.h"

#define RULES_DEFAULT "/etc/muster/keeper.conf"

enum {
	STATE_VERSION = 1,
	STATE_MAX = 512 << 20,
	LOG_MAX = 1 << 20,
	LOCK_TRIES = 50,
	LOCK_WAIT_MS = 20,
	EXIT_TAKEN = 3		/* another keeper serves the directory */
};

static struct {
	const char	   *dir, *rules;
	int64_t		    idle_s;
	bool		    detach;
	int		    resume;		/* memfd of a re-exec, or -1 */
	char		    exe[4096];
	int		    state_fd, keeper_fd, output_fd, lock_fd, cells_fd;
	int		    signals, ready;	/* ready: tells the parent */
	struct stat	    st;			/* of the state directory */
	struct journal_head head;
	mono		    idle_since;
	bool		    stop, upgrade;
} k = { .resume = -1, .lock_fd = -1, .cells_fd = -1, .ready = -1 };

static const struct link_ops obeys = {
	.start = super_start,
	.abort = super_abort,
	.forget = super_forget,
	.list = super_list,
	.commit = super_commit,
};

static int
usage(void)
{
	(void)fputs("usage: muster-keeper [-dV] [-f rules_file] "
	    "[-o idle_seconds] state_dir\n", stderr);
	return 2;
}

/* ---- start ---- */

static int
open_dir(const char *name, mode_t mode, struct err *e)
{
	int fd;

	if (mkdirat(k.state_fd, name, mode) == -1 && errno != EEXIST)
		return err_sys(e, "%s/%s: create directory", k.dir, name);
	fd = openat(k.state_fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd == -1 ? err_sys(e, "%s/%s", k.dir, name) : fd;
}

/* keeper/ must be this keeper's own: who can write there can make it lose or
 * start things.  output/ is musterd's, which deletes there. */
static int
open_dirs(struct err *e)
{
	struct stat st;

	if ((k.keeper_fd = open_dir("keeper", 0755, e)) == -1 ||
	    (k.output_fd = open_dir("output", 0750, e)) == -1)
		return -1;
	if (fstat(k.keeper_fd, &st) == -1 || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, ERR_DENIED, "%s/keeper: must belong to uid "
		    "%u and be writable by it alone; move it away when no "
		    "other keeper uses it", k.dir, (unsigned)geteuid());
	if (fstat(k.output_fd, &st) == 0 && st.st_uid == geteuid() &&
	    st.st_uid != k.st.st_uid)
		(void)fchown(k.output_fd, k.st.st_uid, k.st.st_gid);
	if (fstat(k.output_fd, &st) == -1 || st.st_uid != k.st.st_uid)
		return err_set(e, ERR_DENIED, "%s/output: must belong to the "
		    "owner of %s", k.dir, k.dir);
	return 0;
}

static int
open_state(struct err *e)
{
	k.state_fd = open(k.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k.state_fd == -1 || fstat(k.state_fd, &k.st) == -1)
		return err_sys(e, "%s", k.dir);
	if (geteuid() != 0 && geteuid() != k.st.st_uid)
		return err_set(e, ERR_DENIED, "%s: belongs to uid %u; run the "
		    "keeper as it or as root", k.dir, (unsigned)k.st.st_uid);
	return open_dirs(e);
}

static int
take_lock(struct err *e)
{
	k.lock_fd = openat(k.keeper_fd, "lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (k.lock_fd == -1)
		return err_sys(e, "%s/keeper/lock", k.dir);
	/* A child of a keeper that was killed holds its lock until it closed
	 * what it inherited: give it a second. */
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(k.lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		(void)poll(NULL, 0, LOCK_WAIT_MS);
	}
	return err_set(e, ERR_BUSY, "%s: another muster-keeper serves it",
	    k.dir);
}

static int
read_boot_id(char out[40], struct err *e)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, out, 36);

	if (fd != -1)
		(void)close(fd);
	if (n != 36)
		return err_sys(e, "boot id: /proc is needed");
	out[36] = '\0';
	return 0;
}

static int
new_start_id(char out[40], struct err *e)
{
	unsigned char raw[8];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return err_sys(e, "start id");
	for (size_t i = 0; i < sizeof(raw); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

static int
begin(struct err *e)
{
	struct journal_head old;

	if (take_lock(e) == -1 || read_boot_id(k.head.boot_id, e) == -1 ||
	    new_start_id(k.head.start_id, e) == -1 ||
	    journal_load(k.keeper_fd, &old, e) == -1 ||
	    slot_init(k.keeper_fd, k.output_fd, k.st.st_uid, k.st.st_gid,
	    e) == -1 || (k.cells_fd = child_cells(-1, e)) == -1)
		return -1;
	adopt_all(&old, k.head.boot_id);
	if (journal_begin(k.keeper_fd, &k.head, e) == -1)
		return -1;
	link_init(k.st.st_uid, k.head.start_id, k.head.boot_id, &obeys);
	return link_listen(k.state_fd, k.keeper_fd, k.st.st_uid, k.st.st_gid,
	    e);
}

/* ---- re-exec: the same pid and children, a new program ---- */

static void
pack_part(struct buf *b, struct buf *part)
{
	pack_int(b, part->len, PACK_32);
	buf_put(b, part->p, part->len);
	if (part->failed)
		b->failed = true;
	buf_free(part);
}

static int
write_state(void)
{
	struct buf b = BUF_INIT(STATE_MAX), part = BUF_INIT(STATE_MAX);
	int fd = memfd_create("keeper-state", 0);
	size_t at = 0;

	pack_int(&b, STATE_VERSION, PACK_16);
	pack_int(&b, (uint64_t)k.lock_fd, PACK_32);
	pack_int(&b, (uint64_t)k.cells_fd, PACK_32);
	pack_int(&b, child_files(), PACK_64);
	journal_snapshot(&part, &k.head);
	pack_part(&b, &part);
	super_pack(&part);
	pack_part(&b, &part);
	link_pack(&part);
	pack_part(&b, &part);
	while (fd != -1 && !b.failed && at < b.len) {
		ssize_t n = write(fd, b.p + at, b.len - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (fd != -1 && (b.failed || at < b.len)) {
		(void)close(fd);
		fd = -1;
	}
	buf_free(&b);
	return fd;
}

static void
inherit(bool on)
{
	(void)fcntl(k.lock_fd, F_SETFD, on ? 0 : FD_CLOEXEC);
	(void)fcntl(k.cells_fd, F_SETFD, on ? 0 : FD_CLOEXEC);
	link_inherit(on);
}

static void
upgrade(void)
{
	char idle[24], fdtext[16];
	const char *argv[12];
	int n = 0, fd = write_state();

	k.upgrade = false;
	if (fd == -1) {
		log_error("main", "re-exec: cannot save the state: %s",
		    strerror(errno));
		return;
	}
	(void)snprintf(idle, sizeof(idle), "%lld", (long long)k.idle_s);
	(void)snprintf(fdtext, sizeof(fdtext), "%d", fd);
	argv[n++] = k.exe;
	argv[n++] = k.dir;
	if (k.rules != NULL) {
		argv[n++] = "-f";
		argv[n++] = k.rules;
	}
	argv[n++] = "-o";
	argv[n++] = idle;
	argv[n++] = "-R";
	argv[n++] = fdtext;
	argv[n] = NULL;
	log_info("main", "re-exec of %s", k.exe);
	inherit(true);
	(void)execv(k.exe, (char *const *)(uintptr_t)argv);
	log_error("main", "re-exec of %s: %s; going on as before", k.exe,
	    strerror(errno));
	inherit(false);
	(void)close(fd);
}

static const char *
part_of(struct unpack *u, size_t *n)
{
	const char *p;

	*n = (size_t)unpack_int(u, PACK_32);
	if (u->bad || *n > u->n) {
		u->bad = true;
		return NULL;
	}
	p = u->p;
	u->p += *n;
	u->n -= *n;
	return p;
}

static int
resume_parts(struct unpack *u, struct err *e)
{
	const char *runs, *extra, *link;
	size_t nruns, nextra, nlink, good;

	if (unpack_int(u, PACK_16) != STATE_VERSION)
		return err_set(e, ERR_FAILED, "re-exec: unknown state");
	k.lock_fd = (int)unpack_int(u, PACK_32);
	k.cells_fd = (int)unpack_int(u, PACK_32);
	child_set_files(unpack_int(u, PACK_64));
	runs = part_of(u, &nruns);
	extra = part_of(u, &nextra);
	link = part_of(u, &nlink);
	if (u->bad || journal_parse(runs, nruns, &k.head, &good) == -1 ||
	    good != nruns)
		return err_set(e, ERR_FAILED, "re-exec: state is damaged");
	if (slot_init(k.keeper_fd, k.output_fd, k.st.st_uid, k.st.st_gid,
	    e) == -1 || child_cells(k.cells_fd, e) == -1)
		return -1;
	if (super_unpack(extra, nextra) == -1 || link_unpack(link, nlink) == -1)
		return err_set(e, ERR_FAILED, "re-exec: state is damaged");
	link_init(k.st.st_uid, k.head.start_id, k.head.boot_id, &obeys);
	inherit(false);
	return journal_resume(k.keeper_fd, &k.head, e);
}

static int
resume(struct err *e)
{
	struct stat st;
	struct unpack u;
	void *p;
	int rc;

	if (fstat(k.resume, &st) == -1)
		return err_sys(e, "re-exec: state");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, k.resume,
	    0);
	if (p == MAP_FAILED)
		return err_sys(e, "re-exec: state");
	u = (struct unpack){ p, (size_t)st.st_size, false };
	rc = resume_parts(&u, e);
	(void)munmap(p, (size_t)st.st_size);
	(void)close(k.resume);
	return rc;
}

/* ---- the loop ---- */

static void
read_signals(void)
{
	struct signalfd_siginfo si[16];
	ssize_t n;

	while ((n = read(k.signals, si, sizeof(si))) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(si[0]); i++) {
			if (si[i].ssi_signo == SIGHUP)
				k.upgrade = true;
			else if (si[i].ssi_signo != SIGCHLD)
				k.stop = true;
		}
}

/* Milliseconds until at, rounded up; -1 is never. */
static int
wait_ms(mono now, mono at)
{
	int64_t ms;

	if (at.us == INT64_MAX)
		return -1;
	ms = (at.us - now.us + 999) / 1000;
	return ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms;
}

/* Started by musterd for itself, it ends with its last run and client. */
static mono
idle_end(mono now)
{
	if (k.idle_s == 0 || run_live_count() > 0 || link_has_client()) {
		k.idle_since = MONO_NEVER;
		return MONO_NEVER;
	}
	if (k.idle_since.us == INT64_MAX)
		k.idle_since = now;
	if (mono_diff_ms(now, k.idle_since) >= k.idle_s * 1000)
		k.stop = true;
	return mono_add_ms(k.idle_since, k.idle_s * 1000);
}

static void
loop(void)
{
	static struct pollfd p[1 + LINK_FDS + RUN_LIVE + WHO_MOST];
	size_t nlink, n;
	mono now, at;

	while (!k.stop) {
		super_commit();
		now = clock_mono();
		at = mono_min(super_next(now), idle_end(now));
		at = mono_min(mono_min(at, link_next(now)), who_next());
		if (k.stop)
			break;
		if (k.upgrade && !journal_dirty() && !end_settle(false) &&
		    waiter_count() == 0)
			upgrade();
		p[0] = (struct pollfd){ k.signals, POLLIN, 0 };
		nlink = link_watch(p + 1);
		n = 1 + nlink;
		n += adopt_watch(p + n, RUN_LIVE);
		n += who_watch(p + n);
		if (poll(p, n, wait_ms(now, at)) == -1)
			continue;
		tree_new_turn();
		if (p[0].revents != 0)
			read_signals();
		/* First, and whatever the signals were (those from before a
		 * re-exec came to nobody): what ended by itself while the disk
		 * was slow was ended by no time-out and no abort. */
		super_reap();
		adopt_watched();
		super_tick(clock_mono());
		if (who_turn(clock_mono()))
			super_known();
		link_turn(p + 1, nlink);
	}
}

static int
block_signals(struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	k.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k.signals == -1)
		return err_sys(e, "signalfd");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		return err_sys(e, "sub-reaper");
	return 0;
}

/* -d: the caller waits until the socket is there; the keeper leaves its
 * session and its standard error. */
static int
detach(void)
{
	int ends[2];
	char c;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		perror("muster-keeper");
		return 1;
	}
	if (pid > 0) {
		(void)close(ends[1]);
		/* One byte: 0 ready, else the exit status. */
		_exit(read(ends[0], &c, 1) == 1 ? c : 1);
	}
	(void)close(ends[0]);
	(void)setsid();
	k.ready = ends[1];
	return 0;
}

static void
tell_parent(char status)
{
	if (k.ready == -1)
		return;
	if (write(k.ready, &status, 1) != 1)
		log_warn("main", "nobody waits for the start");
	(void)close(k.ready);
	k.ready = -1;
}

static void
log_to_file(void)
{
	int fd = openat(k.keeper_fd, "log", O_WRONLY | O_CREAT | O_APPEND |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd != -1 && fstat(fd, &st) == 0 && st.st_size > LOG_MAX &&
	    ftruncate(fd, 0) == -1)
		log_warn("main", "cannot shorten the log");
	if (null != -1) {
		(void)dup2(null, 0);
		(void)dup2(null, 1);
		(void)dup2(fd == -1 ? null : fd, 2);
		(void)close(null);
	}
	if (fd != -1)
		(void)close(fd);
}

static int
options(int argc, char **argv)
{
	struct err e;
	int64_t v;
	int c;

	while ((c = getopt(argc, argv, "df:o:R:V")) != -1) {
		if (c == 'd')
			k.detach = true;
		else if (c == 'f')
			k.rules = optarg;
		else if (c == 'V') {
			(void)puts("muster-keeper " MUSTER_VERSION);
			exit(0);
		} else if (c == 'o' || c == 'R') {
			if (text_int(optarg, 0, 86400 * 365, c == 'o' ?
			    "-o" : "-R", &v, &e) == -1) {
				(void)fprintf(stderr, "muster-keeper: %s\n",
				    e.msg);
				return -1;
			}
			if (c == 'o')
				k.idle_s = v;
			else
				k.resume = (int)v;
		} else
			return -1;
	}
	if (optind != argc - 1)
		return -1;
	k.dir = argv[optind];
	if (k.rules == NULL && geteuid() == 0 &&
	    access(RULES_DEFAULT, F_OK) == 0)
		k.rules = RULES_DEFAULT;
	return 0;
}

static int
absolute(struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", k.exe, sizeof(k.exe) - 1);
	char *dir = realpath(k.dir, NULL), *rules = NULL;

	if (n <= 0)
		return err_sys(e, "/proc/self/exe");
	k.exe[n] = '\0';
	if (dir == NULL)
		return err_sys(e, "%s", k.dir);
	k.dir = dir;
	/* After a re-exec it is absolute, and runs hang on us: a file that is
	 * gone meanwhile refuses new ones only. */
	if (k.rules != NULL && k.resume == -1 &&
	    (rules = realpath(k.rules, NULL)) == NULL)
		return err_sys(e, "%s", k.rules);
	if (rules != NULL)
		k.rules = rules;
	return chdir("/") == -1 ? err_sys(e, "/") : 0;
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };
	int rc;

	k.idle_since = MONO_NEVER;
	log_init(LOG_INFO);
	/* The runs' own; and musterd's user must be able to enter our
	 * directories. */
	(void)umask(022);
	child_init();
	if (options(argc, argv) == -1)
		return usage();
	if (k.detach && (rc = detach()) != 0)
		return rc;
	if (absolute(&e) == -1 || open_state(&e) == -1)
		goto fail;
	child_place(&k.st);
	rules_init(k.rules, k.st.st_uid);
	if (block_signals(&e) == -1 || tree_init(&e) == -1 ||
	    (k.resume == -1 ? begin(&e) : resume(&e)) == -1)
		goto fail;
	log_info("main", "start_id=%s dir=%s runs=%zu %s", k.head.start_id,
	    k.dir, run_count(), k.resume == -1 ? "started" : "re-executed");
	if (k.detach)
		log_to_file();
	tell_parent(0);
	if (!k.detach)
		service_tell("READY=1");
	loop();
	/* What has ended by now would be lost to the next keeper. */
	(void)end_settle(true);
	super_commit();
	log_info("main", "end; %zu runs go on without a keeper",
	    run_live_count());
	(void)unlinkat(k.state_fd, "keeper.sock", 0);
	return 0;
fail:
	log_error("main", "%s", e.msg);
	rc = e.code == ERR_BUSY ? EXIT_TAKEN : 1;
	tell_parent((char)rc);
	return rc;
}
