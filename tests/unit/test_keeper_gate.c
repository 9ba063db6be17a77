/* A keeper on a disk, a file server or a system that does not do what it
 * should. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "keeper_world.h"

enum { LEASE_MS = 3000 };

/* ---- jobs that need more than a shell ---- */

/* Leaves a process behind that has its mark and nothing else of the run, and
 * is in state D, as one that waits for a disk. */
static int
job_leave_waiting(const char *told, const char *go)
{
	char text[32];
	int fd, n;

	if (fork() != 0) {
		fd = open(go, O_RDONLY);
		return read(fd, text, 1) == 1 ? 0 : 1;
	}
	(void)setsid();
	fd = open("/dev/null", O_RDWR);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	fd = open(told, O_WRONLY);
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (write(fd, text, (size_t)n) != n)
		return 1;
	/* The parent waits until the child has executed something. */
	if (syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
	}
	return 0;
}

/* Speaks, and for LEASE_MS nobody else can open what it has said without
 * waiting for it. */
static int
job_lease(const char *told)
{
	int fd = open(told, O_WRONLY);

	(void)signal(SIGIO, SIG_IGN);
	if (write(1, "said\n", 5) != 5 ||
	    dprintf(fd, "%d\n", fcntl(1, F_SETLEASE, F_WRLCK)) < 0)
		return 1;
	(void)poll(NULL, 0, LEASE_MS);
	(void)fcntl(1, F_SETLEASE, F_UNLCK);
	(void)pause();
	return 0;
}

static void
run_self(struct world *w, const char *id, const char *what, const char *told,
    const char *go)
{
	static char self[PATH_MAX];
	const char *argv[] = { self, what, told, go, NULL };
	struct keeper_start s = { .id = id, .argv = argv,
		.grace_ms = 200, .output_max = 1 << 20 };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(keeper_run(w->k, &s), 0);
	WAIT(w, state_of(w, id) == KEEPER_RUNNING);
}

static void
wait_state_d(pid_t pid)
{
	char path[64], *text, *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int ms = 0; ms < DEADLINE_MS; ms += 5) {
		text = read_fd(open(path, O_RDONLY), NULL);
		at = strrchr(text, ')');
		if (at != NULL && at[2] == 'D') {
			free(text);
			return;
		}
		free(text);
		(void)poll(NULL, 0, 5);
	}
	fail_msg("%d does not wait", (int)pid);
}

/* ---- tests ---- */

/* The disk took its time: a run that ended by itself meanwhile was not timed
 * out, and is not reported, or retried, as if. */
static void
ends_before_its_timeout(void **state)
{
	char go[128], script[256];
	struct world w;
	struct gate g;
	mono due;
	int fifo;

	(void)state;
	world_up_gated(&w, &g, SYS_fdatasync);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "read x < %s; exit 6", go);
	sh_with(&w, "early", script, 2000, 1 << 20);
	WAIT(&w, state_of(&w, "early") == KEEPER_RUNNING);
	due = mono_add_ms(clock_mono(), 2000);
	g.hold = true;
	sh(&w, "slow", "exit 0");
	wait_held(&w);
	assert_int_equal(write(fifo, "\n", 1), 1);
	wait_dead((pid_t)w.seen[index_of(&w, "early")].pid);
	while (clock_mono().us < due.us)
		(void)poll(NULL, 0, 50);
	gate_open(&g);
	WAIT(&w, ENDED(&w, "early") && ENDED(&w, "slow"));
	assert_int_equal(state_of(&w, "early"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "early")].code, 6);
	(void)close(fifo);
	world_end(&w);
}

/* A stranger whose memory is locked while it maps a file of a server that is
 * away: nobody reads its environment, or every run would wait for it. */
static void
strangers_are_not_read(void **state)
{
	struct world w;
	struct gate g;
	pid_t pid;

	(void)state;
	world_up_gated(&w, &g, SYS_openat);
	if ((pid = fork()) == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	(void)snprintf(g.name, sizeof(g.name), "/proc/%d/environ", (int)pid);
	g.named = true;
	sh(&w, "stopped", "exec sleep 1000");
	WAIT(&w, state_of(&w, "stopped") == KEEPER_RUNNING);
	assert_int_equal(keeper_abort(w.k, "stopped", 1000), 0);
	WAIT(&w, ENDED(&w, "stopped"));
	assert_int_equal(state_of(&w, "stopped"), KEEPER_ABORTED);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	world_end(&w);
}

/* What a run leaves behind is found by its mark while it waits for a disk, and
 * when it cannot be read the others do not wait for it. */
static void
strays_that_wait(void **state)
{
	char told[128], go[128];
	struct world w;
	struct gate g;
	pid_t found, hung;
	int fifo, fifo2;

	(void)state;
	world_up_gated(&w, &g, SYS_openat);
	fifo = make_fifo(&w, "told", told);
	fifo2 = make_fifo(&w, "go", go);
	run_self(&w, "found", "leave_waiting", told, go);
	wait_state_d(found = read_pid(fifo));
	assert_int_equal(write(fifo2, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "found"));
	assert_non_null(strstr(w.seen[index_of(&w, "found")].why,
	    "left running: "));
	run_self(&w, "hung", "leave_waiting", told, go);
	wait_state_d(hung = read_pid(fifo));
	(void)snprintf(g.name, sizeof(g.name), "/proc/%d/environ", (int)hung);
	g.named = true;
	assert_int_equal(write(fifo2, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "hung"));
	assert_int_equal(state_of(&w, "hung"), KEEPER_EXITED);
	sh(&w, "stopped", "exec sleep 1000");
	WAIT(&w, state_of(&w, "stopped") == KEEPER_RUNNING);
	assert_int_equal(keeper_abort(w.k, "stopped", 1000), 0);
	WAIT(&w, ENDED(&w, "stopped"));
	(void)kill(found, SIGKILL);
	(void)kill(hung, SIGKILL);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* A keeper that is killed while one of its own cannot read of such a process:
 * that one lives on, and holds nothing that the next keeper needs. */
static void
killed_beside_strays_that_wait(void **state)
{
	char told[128], go[128];
	struct world w;
	struct gate g;
	pid_t pid;
	int fifo, fifo2;

	(void)state;
	world_up_gated(&w, &g, SYS_openat);
	fifo = make_fifo(&w, "told", told);
	fifo2 = make_fifo(&w, "go", go);
	run_self(&w, "hung", "leave_waiting", told, go);
	wait_state_d(pid = read_pid(fifo));
	drop_client(&w);
	(void)snprintf(g.name, sizeof(g.name), "/proc/%d/environ", (int)pid);
	g.named = true;
	assert_int_equal(write(fifo2, "\n", 1), 1);
	wait_held(&w);
	stop_keeper(&w, SIGKILL);
	w.gate = NULL;
	start_keeper(&w, NULL);
	w.gate = &g;
	(void)kill(pid, SIGKILL);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

static void
rules_world(struct world *w, struct gate *g, char path[128])
{
	memset(g, 0, sizeof(*g));
	g->call = SYS_openat;
	world_begin(w);
	(void)chmod(w->dir, 0755);
	(void)snprintf(path, 128, "%s/rules", w->dir);
	write_rules(path, "runs: { users = [ \"daemon\" ]; "
	    "default_user = \"nobody\"; };\n", 0644);
	w->gate = g;
	start_keeper(w, path);
	new_client(w);
}

/* The directory of users does not answer: a run of a user who is not known yet
 * waits for it, the others go on; it can be stopped, and a musterd that was
 * started anew, which does not find it in the list, decides anew. */
static void
users_that_hang(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	const char *id[] = { "/usr/bin/id", "-un", NULL };
	struct keeper_start s = { .argv = argv, .output_max = 10000 };
	char path[128], *text;
	struct world w;
	struct gate g;

	(void)state;
	if (geteuid() != 0)
		skip();
	rules_world(&w, &g, path);
	s.id = "known";
	s.user = "daemon";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "known"));
	(void)MEM_STR(g.name, "/etc/passwd");
	g.named = true;
	s.user = NULL;
	s.id = "waits";
	assert_int_equal(keeper_run(w.k, &s), 0);
	assert_int_equal(keeper_run(w.k, &s), 0);	/* said twice */
	s.id = "stopped";
	assert_int_equal(keeper_run(w.k, &s), 0);
	wait_held(&w);
	s.id = "other";
	s.user = "daemon";
	assert_int_equal(keeper_run(w.k, &s), 0);
	assert_int_equal(keeper_abort(w.k, "stopped", 200), 0);
	WAIT(&w, ENDED(&w, "other") && ENDED(&w, "stopped"));
	assert_int_equal(state_of(&w, "other"), KEEPER_EXITED);
	assert_int_equal(state_of(&w, "stopped"), KEEPER_REFUSED);
	drop_client(&w);
	new_client(&w);
	assert_int_equal(state_of(&w, "waits"), KEEPER_UNKNOWN);
	s.id = "again";
	s.argv = id;
	s.user = NULL;
	assert_int_equal(keeper_run(w.k, &s), 0);
	g.named = false;
	gate_open(&g);
	WAIT(&w, ENDED(&w, "again"));
	assert_int_equal(state_of(&w, "again"), KEEPER_EXITED);
	text = output(&w, "again", NULL);
	assert_string_equal(text, "nobody\n");
	free(text);
	assert_int_equal(state_of(&w, "waits"), KEEPER_UNKNOWN);
	/* Of the two that waited before, one was stopped and one dropped. */
	s.id = "waits";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "waits"));
	assert_int_equal(w.seen[index_of(&w, "waits")].ends, 1);
	world_end(&w);
}

/* The directory of users and groups is away: who is looked up there waits for
 * it by himself, can be stopped, and the other runs go on. */
static void
groups_that_hang(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	char path[128], told[128], go[128], script[400];
	struct world w;
	struct gate g;
	struct keeper_start s = { .id = "hangs", .user = "daemon",
		.argv = argv, .timeout_ms = 300, .grace_ms = 200 };
	int fifo, fifo2;

	(void)state;
	if (geteuid() != 0)
		skip();
	rules_world(&w, &g, path);
	fifo = make_fifo(&w, "told", told);
	fifo2 = make_fifo(&w, "go", go);
	(void)chmod(told, 0666);
	(void)chmod(go, 0666);
	(void)snprintf(script, sizeof(script), "echo $$ > %s; read x < %s; "
	    "exit 6", told, go);
	sh(&w, "other", script);
	WAIT(&w, state_of(&w, "other") == KEEPER_RUNNING);
	(void)read_pid(fifo);
	(void)MEM_STR(g.name, "/etc/group");
	g.named = true;
	assert_int_equal(keeper_run(w.k, &s), 0);
	s.id = "aborted";
	s.timeout_ms = 0;
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, state_of(&w, "aborted") == KEEPER_RUNNING);
	assert_int_equal(write(fifo2, "\n", 1), 1);
	assert_int_equal(keeper_abort(w.k, "aborted", 200), 0);
	WAIT(&w, ENDED(&w, "other") && ENDED(&w, "hangs") &&
	    ENDED(&w, "aborted"));
	assert_int_equal(state_of(&w, "other"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "other")].code, 6);
	assert_int_equal(state_of(&w, "hangs"), KEEPER_TIMED_OUT);
	assert_int_equal(state_of(&w, "aborted"), KEEPER_ABORTED);
	/* Nor does it hold what a next keeper needs. */
	s.id = "stays";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, state_of(&w, "stays") == KEEPER_RUNNING);
	stop_keeper(&w, SIGKILL);
	WAIT(&w, !keeper_is_up(w.k));
	w.gate = NULL;
	start_keeper(&w, path);
	w.gate = &g;
	WAIT(&w, keeper_is_up(w.k));
	assert_int_equal(keeper_abort(w.k, "stays", 200), 0);
	WAIT(&w, ENDED(&w, "stays"));
	assert_int_equal(state_of(&w, "stays"), KEEPER_ABORTED);
	s.id = "again";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "again"));
	assert_int_equal(state_of(&w, "again"), KEEPER_EXITED);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* What a sync did not get to the disk the next one does not find again, and
 * says that all is well: only a whole new journal is believed. */
static void
sync_that_failed_once(void **state)
{
	struct stat before, after;
	char path[128];
	struct world w;
	struct gate g;

	(void)state;
	world_up_gated(&w, &g, SYS_fdatasync);
	(void)snprintf(path, sizeof(path), "%s/keeper/journal", w.dir);
	sh(&w, "good", "exit 0");
	WAIT(&w, ENDED(&w, "good"));
	assert_int_equal(stat(path, &before), 0);
	/* Of the journal, and of the one that was to take its place. */
	g.fail = 2;
	sh(&w, "refused", "exit 0");
	WAIT(&w, ENDED(&w, "refused"));
	assert_int_equal(state_of(&w, "refused"), KEEPER_REFUSED);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	sh(&w, "again", "exit 0");
	WAIT(&w, ENDED(&w, "again"));
	assert_int_equal(state_of(&w, "again"), KEEPER_EXITED);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	world_end(&w);
}

/* Neither musterd nor a keeper that starts waits for a job's file lease. */
static void
leased_output(void **state)
{
	char told[128], *text;
	struct world w;
	mono began;
	int fifo, fd;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "told", told);
	run_self(&w, "lessor", "lease", told, "");
	if (read_pid(fifo) != 0) {
		world_end(&w);
		skip();		/* a file system without leases */
	}
	began = clock_mono();
	assert_int_equal(keeper_output(w.k, "lessor"), -1);
	stop_keeper(&w, SIGKILL);
	WAIT(&w, !keeper_is_up(w.k));
	start_keeper(&w, NULL);
	assert_true(mono_diff_ms(clock_mono(), began) < LEASE_MS - 500);
	WAIT(&w, keeper_is_up(w.k));
	while ((fd = keeper_output(w.k, "lessor")) == -1)
		(void)poll(NULL, 0, 20);
	text = read_fd(fd, NULL);
	assert_string_equal(text, "said\n");
	free(text);
	assert_int_equal(keeper_abort(w.k, "lessor", 1000), 0);
	WAIT(&w, ENDED(&w, "lessor"));
	text = output(&w, "lessor", NULL);
	assert_string_equal(text, "said\n");
	free(text);
	(void)close(fifo);
	world_end(&w);
}

/* No descriptor is left for the keeper. */
static void
take_files(const struct world *w)
{
	char path[64];
	struct rlimit l;
	struct stat st;
	rlim_t n = 0;

	assert_int_equal(prlimit(w->pid, RLIMIT_NOFILE, NULL, &l), 0);
	do
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d",
		    (int)w->pid, (int)n++);
	while (lstat(path, &st) == 0);
	l.rlim_cur = n - 1;
	assert_int_equal(prlimit(w->pid, RLIMIT_NOFILE, &l, NULL), 0);
}

static void
give_files(const struct world *w)
{
	struct rlimit l;

	assert_int_equal(prlimit(w->pid, RLIMIT_NOFILE, NULL, &l), 0);
	l.rlim_cur = l.rlim_max;
	assert_int_equal(prlimit(w->pid, RLIMIT_NOFILE, &l, NULL), 0);
}

/* Who cannot look does not take it that there is nothing: a run is stopped
 * with all that belongs to it. */
static void
stops_without_a_descriptor(void **state)
{
	char told[128], script[256];
	struct world w;
	pid_t child;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "told", told);
	(void)snprintf(script, sizeof(script), "setsid sh -c 'echo $$ > %s; "
	    "exec sleep 1000' & trap '' TERM; while :; do wait; done", told);
	sh(&w, "tree", script);
	WAIT(&w, state_of(&w, "tree") == KEEPER_RUNNING);
	child = read_pid(fifo);
	take_files(&w);
	assert_int_equal(keeper_abort(w.k, "tree", 100), 0);
	WAIT(&w, ENDED(&w, "tree"));
	give_files(&w);
	assert_int_equal(state_of(&w, "tree"), KEEPER_ABORTED);
	assert_string_equal(w.seen[index_of(&w, "tree")].why, "");
	assert_int_equal(kill(child, 0), -1);
	(void)close(fifo);
	world_end(&w);
}

/* What was made for a start that is refused is not left behind. */
static void
output_without_an_owner(void **state)
{
	char slots[128], files[64];
	struct world w;
	struct gate g;
	int before;

	(void)state;
	if (geteuid() != 0)
		skip();
	world_up_gated(&w, &g, SYS_fchown);
	(void)snprintf(slots, sizeof(slots), "%s/keeper/slots", w.dir);
	(void)snprintf(files, sizeof(files), "/proc/%d/fd", (int)w.pid);
	before = count_names(files);
	g.fail = 1;
	sh(&w, "refused", "exit 0");
	WAIT(&w, ENDED(&w, "refused"));
	assert_int_equal(state_of(&w, "refused"), KEEPER_REFUSED);
	assert_int_equal(count_names(slots), 0);
	assert_int_equal(count_names(files), before);
	sh(&w, "good", "exit 0");
	WAIT(&w, ENDED(&w, "good"));
	assert_int_equal(state_of(&w, "good"), KEEPER_EXITED);
	world_end(&w);
}

/* Who could not get hold of a process does not take it that it is gone: a run of
 * a keeper that was killed goes on until it ends. */
static void
adopts_without_a_handle(void **state)
{
	struct gate g = { .call = SYS_pidfd_open, .fail = 1 };
	char go[128], script[256];
	struct world w;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "read x < %s", go);
	sh(&w, "lives", script);
	WAIT(&w, state_of(&w, "lives") == KEEPER_RUNNING);
	stop_keeper(&w, SIGKILL);
	WAIT(&w, !keeper_is_up(w.k));
	w.nseen = 0;
	w.gate = &g;
	start_keeper(&w, NULL);
	WAIT(&w, keeper_is_up(w.k));
	assert_int_equal(g.fail, 0);
	assert_int_equal(state_of(&w, "lives"), KEEPER_RUNNING);
	assert_int_equal(write(fifo, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "lives"));
	assert_int_equal(state_of(&w, "lives"), KEEPER_LOST);
	assert_null(strstr(w.seen[index_of(&w, "lives")].why, "left running"));
	(void)close(fifo);
	world_end(&w);
}

static long
ticks_of(pid_t pid)
{
	char path[64], *text, *at;
	long user, sys;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	text = read_fd(open(path, O_RDONLY), NULL);
	at = strrchr(text, ')');
	assert_non_null(at);
	assert_int_equal(sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
	    "%*u %*u %ld %ld", &user, &sys), 2);
	free(text);
	return user + sys;
}

/* Who wants to connect meanwhile waits, and takes no time of the keeper. */
static void
connects_without_a_descriptor(void **state)
{
	struct buf b = BUF_INIT(1 << 16);
	struct world w;
	char answer[8];
	long before;
	int fd;

	(void)state;
	world_up(&w);
	take_files(&w);
	before = ticks_of(w.pid);
	fd = raw_connect(&w);
	(void)poll(NULL, 0, 700);
	assert_true(ticks_of(w.pid) - before < sysconf(_SC_CLK_TCK) / 4);
	give_files(&w);
	kmsg_put_hello(&b);
	assert_int_equal(write(fd, b.p, b.len), (ssize_t)b.len);
	assert_true(read(fd, answer, sizeof(answer)) > 0);
	buf_free(&b);
	(void)close(fd);
	world_end(&w);
}

/* A full disk: a musterd that connects has its keeper and can abort what runs,
 * and no end is told that could be lost. */
static void
connects_on_a_full_disk(void **state)
{
	char go[128], path[128], script[256];
	struct stat st;
	struct world w;
	pid_t ends, goes;
	int fifo, fd;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "read x < %s; exit 6", go);
	sh(&w, "ends", script);
	sh(&w, "goes", "exec sleep 1000");
	WAIT(&w, state_of(&w, "ends") == KEEPER_RUNNING &&
	    state_of(&w, "goes") == KEEPER_RUNNING);
	ends = (pid_t)w.seen[index_of(&w, "ends")].pid;
	goes = (pid_t)w.seen[index_of(&w, "goes")].pid;
	drop_client(&w);
	(void)snprintf(path, sizeof(path), "%s/keeper/journal", w.dir);
	assert_int_equal(stat(path, &st), 0);
	limit_files(&w, (rlim_t)st.st_size);
	assert_int_equal(write(fifo, "\n", 1), 1);
	wait_dead(ends);
	w.nseen = 0;
	new_client(&w);
	assert_int_equal(state_of(&w, "ends"), KEEPER_RUNNING);
	assert_int_equal(state_of(&w, "goes"), KEEPER_RUNNING);
	fd = (int)syscall(SYS_pidfd_open, goes, 0);
	assert_int_equal(keeper_abort(w.k, "goes", 1000), 0);
	(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1,
	    DEADLINE_MS), 1);
	(void)close(fd);
	sh(&w, "new", "exit 0");
	WAIT(&w, ENDED(&w, "new"));
	assert_int_equal(state_of(&w, "new"), KEEPER_REFUSED);
	assert_false(ENDED(&w, "ends") || ENDED(&w, "goes"));
	limit_files(&w, RLIM_INFINITY);
	WAIT(&w, ENDED(&w, "ends") && ENDED(&w, "goes"));
	assert_int_equal(state_of(&w, "ends"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "ends")].code, 6);
	assert_int_equal(state_of(&w, "goes"), KEEPER_ABORTED);
	(void)close(fifo);
	world_end(&w);
}

/* However much is refused while the disk is full: an end that is told is on
 * file. */
static void
much_on_a_full_disk(void **state)
{
	enum { MANY = 20000 };
	char go[128], path[128], script[256], id[KEEPER_ID];
	const char *argv[] = { "/bin/true", NULL };
	struct keeper_start s = { .id = id, .argv = argv };
	struct stat st;
	struct world w;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "read x < %s; exit 6", go);
	sh(&w, "ends", script);
	WAIT(&w, state_of(&w, "ends") == KEEPER_RUNNING);
	(void)snprintf(path, sizeof(path), "%s/keeper/journal", w.dir);
	assert_int_equal(stat(path, &st), 0);
	limit_files(&w, (rlim_t)st.st_size);
	for (int i = 0; i < MANY; i += 250) {
		w.nseen = 1;
		for (int k = 0; k < 250; k++) {
			(void)snprintf(id, sizeof(id), "%040d", i + k);
			assert_int_equal(keeper_run(w.k, &s), 0);
		}
		WAIT(&w, w.nseen == 251);
		for (size_t k = 1; k < 251; k++)
			(void)keeper_forget(w.k, w.seen[k].id);
	}
	w.nseen = 1;
	sh(&w, "last", "exit 0");
	WAIT(&w, ENDED(&w, "last"));
	drop_client(&w);
	assert_int_equal(write(fifo, "\n", 1), 1);
	wait_dead((pid_t)w.seen[0].pid);
	limit_files(&w, RLIM_INFINITY);
	w.nseen = 0;
	new_client(&w);
	WAIT(&w, ENDED(&w, "ends"));
	assert_int_equal(w.seen[index_of(&w, "ends")].code, 6);
	drop_client(&w);
	stop_keeper(&w, SIGKILL);
	w.nseen = 0;
	start_keeper(&w, NULL);
	new_client(&w);
	assert_int_equal(state_of(&w, "ends"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "ends")].code, 6);
	(void)close(fifo);
	world_end(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_before_its_timeout),
		cmocka_unit_test(strangers_are_not_read),
		cmocka_unit_test(strays_that_wait),
		cmocka_unit_test(killed_beside_strays_that_wait),
		cmocka_unit_test(users_that_hang),
		cmocka_unit_test(groups_that_hang),
		cmocka_unit_test(sync_that_failed_once),
		cmocka_unit_test(leased_output),
		cmocka_unit_test(stops_without_a_descriptor),
		cmocka_unit_test(connects_without_a_descriptor),
		cmocka_unit_test(output_without_an_owner),
		cmocka_unit_test(adopts_without_a_handle),
		cmocka_unit_test(connects_on_a_full_disk),
		cmocka_unit_test(much_on_a_full_disk),
	};

	if (argc == 4 && strcmp(argv[1], "leave_waiting") == 0)
		return job_leave_waiting(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "lease") == 0)
		return job_lease(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
