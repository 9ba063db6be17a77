/* What must survive: deaths, upgrades, torn files and nonsense. */
#include "keeper_world.h"

/* Otherwise a lost answer would make a payment run twice. */
static void
never_twice(void **state)
{
	struct world w;
	char *text;
	int n;

	(void)state;
	world_up(&w);
	sh(&w, "once", "echo ran; exit 3");
	sh(&w, "once", "echo ran; exit 3");
	WAIT(&w, ENDED(&w, "once"));
	n = w.reports;
	sh(&w, "once", "echo ran; exit 3");
	WAIT(&w, w.reports > n);
	assert_int_equal(w.seen[index_of(&w, "once")].code, 3);
	assert_int_equal(keeper_forget(w.k, "once"), 0);
	n = w.reports;
	sh(&w, "once", "echo ran; exit 4");
	WAIT(&w, w.reports > n);
	assert_int_equal(state_of(&w, "once"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "once")].code, 3);
	text = output(&w, "once", NULL);
	assert_string_equal(text, "ran\n");
	free(text);
	/* And over a restart of the keeper. */
	stop_keeper(&w, SIGKILL);
	WAIT(&w, !keeper_is_up(w.k));
	start_keeper(&w, NULL);
	WAIT(&w, keeper_is_up(w.k));
	n = w.reports;
	sh(&w, "once", "echo ran; exit 5");
	WAIT(&w, w.reports > n);
	assert_int_equal(w.seen[index_of(&w, "once")].code, 3);
	world_end(&w);
}

/* kill -9 of musterd: the run goes on, status and output are there later. */
static void
client_dies(void **state)
{
	char go[128], script[256];
	struct world w;
	char *text;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script),
	    "echo first; read x < %s; echo second; exit 5", go);
	sh(&w, "long", script);
	WAIT(&w, state_of(&w, "long") == KEEPER_RUNNING);
	drop_client(&w);
	assert_int_equal(write(fifo, "\n", 1), 1);
	/* It ends while nobody listens, or not: both must be reported. */
	w.nseen = 0;
	new_client(&w);
	WAIT(&w, ENDED(&w, "long"));
	assert_int_equal(w.seen[index_of(&w, "long")].code, 5);
	text = output(&w, "long", NULL);
	assert_string_equal(text, "first\nsecond\n");
	free(text);
	(void)close(fifo);
	world_end(&w);
}

/* A musterd that started its own keeper and one run, until it is killed. */
static void
be_musterd(struct world *w, const char *script)
{
	(void)setpgid(0, 0);
	(void)dup2(open("/dev/null", O_WRONLY), 2);
	(void)uv_loop_fork(&w->loop);
	new_client(w);
	sh(w, "left", script);
	for (;;)
		(void)uv_run(&w->loop, UV_RUN_DEFAULT);
}

/* The promise: kill -9 of musterd and of its whole process group, and the run
 * goes on; its status and every byte of its output are there afterwards. */
static void
musterd_killed(void **state)
{
	char told[128], go[128], script[400];
	struct world w;
	char *text;
	size_t len;
	int fifo, fifo2;
	pid_t pid;

	(void)state;
	world_begin(&w);
	fifo = make_fifo(&w, "told", told);
	fifo2 = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "seq 1 50000; echo $$ > %s; "
	    "read x < %s; seq 50001 100000; exit 42", told, go);
	if ((pid = fork()) == 0) {
		be_musterd(&w, script);
		_exit(0);
	}
	(void)read_pid(fifo);
	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	w.pid = keeper_pid(&w);
	assert_int_equal(write(fifo2, "\n", 1), 1);
	new_client(&w);
	WAIT(&w, ENDED(&w, "left"));
	assert_int_equal(state_of(&w, "left"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "left")].code, 42);
	text = output(&w, "left", &len);
	assert_int_equal(len, 588895);
	assert_memory_equal(text + len - 13, "99999\n100000\n", 13);
	free(text);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* An upgrade of the keeper in the middle of a night's backup. */
static void
reexec_keeps_runs(void **state)
{
	char go[128], script[256], before[64];
	struct world w;
	char *text;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script),
	    "echo first; read x < %s; echo second; exit 6", go);
	sh(&w, "over", script);
	sh_with(&w, "late", "sleep 1000", 1500, 1 << 20);
	sh(&w, "done", "exit 1");
	WAIT(&w, state_of(&w, "over") == KEEPER_RUNNING && ENDED(&w, "done"));
	(void)MEM_STR(before, w.start_id);
	assert_int_equal(kill(w.pid, SIGHUP), 0);
	/* The answer to this comes from the new program. */
	sh(&w, "after", "exit 2");
	WAIT(&w, ENDED(&w, "after"));
	assert_int_equal(write(fifo, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "over") && ENDED(&w, "late"));
	assert_int_equal(state_of(&w, "over"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "over")].code, 6);
	assert_int_equal(state_of(&w, "late"), KEEPER_TIMED_OUT);
	text = output(&w, "over", NULL);
	assert_string_equal(text, "first\nsecond\n");
	free(text);
	/* The same keeper: same id, and it never hung up. */
	assert_int_equal(w.downs, 0);
	drop_client(&w);
	new_client(&w);
	assert_string_equal(before, w.start_id);
	assert_int_equal(kill(w.pid, 0), 0);
	(void)close(fifo);
	world_end(&w);
}

/* Two answers later it is done. */
static void
upgrade(struct world *w)
{
	assert_int_equal(kill(w->pid, SIGHUP), 0);
	drop_client(w);
	new_client(w);
}

/* The first program after an upgrade does not know which names of output files
 * were used, the next one must not take one of another run for that of a run
 * that left something behind. */
static void
reexec_twice_beside_strays(void **state)
{
	char told[128], script[256];
	struct world w;
	char *text;
	size_t len;
	int fifo;
	pid_t stray;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "told", told);
	(void)snprintf(script, sizeof(script), "echo mine; sh -c 'echo $$ > %s; "
	    "exec sleep 1000' & exit 0", told);
	sh_with(&w, "strays", script, 0, 4096);
	WAIT(&w, ENDED(&w, "strays"));
	stray = read_pid(fifo);
	upgrade(&w);
	(void)snprintf(script, sizeof(script), "head -c 300000 /dev/zero | "
	    "tr '\\0' x; echo $$ > %s; exec sleep 1000", told);
	sh(&w, "other", script);
	WAIT(&w, state_of(&w, "other") == KEEPER_RUNNING);
	(void)read_pid(fifo);
	upgrade(&w);
	/* It has looked at all of them. */
	sh(&w, "last", "exit 0");
	WAIT(&w, ENDED(&w, "last"));
	text = output(&w, "other", &len);
	assert_int_equal(len, 300000);
	assert_null(memchr(text, '\0', len));
	free(text);
	text = output(&w, "strays", NULL);
	assert_string_equal(text, "mine\n");
	free(text);
	(void)kill(stray, SIGKILL);
	assert_int_equal(keeper_abort(w.k, "other", 0), 0);
	WAIT(&w, ENDED(&w, "other"));
	(void)close(fifo);
	world_end(&w);
}

/* musterd may delete in its directory of outputs, and gets nothing else there:
 * a name that leads to another file is not the output of a run. */
static void
output_is_no_link(void **state)
{
	char told[128], from[128], to[128], script[256], *text;
	struct world w;
	size_t len;
	int fifo, fd;
	pid_t stray;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "told", told);
	(void)snprintf(script, sizeof(script), "echo mine; sh -c 'echo $$ > %s; "
	    "exec sleep 1000' & exit 0", told);
	sh_with(&w, "strays", script, 0, 4096);
	WAIT(&w, ENDED(&w, "strays"));
	stray = read_pid(fifo);
	(void)snprintf(from, sizeof(from), "%s/victim", w.dir);
	(void)snprintf(to, sizeof(to), "%s/output/strays.out", w.dir);
	assert_true((fd = open(from, O_RDWR | O_CREAT | O_EXCL, 0600)) != -1);
	text = mem_zero(1, 300000);
	memset(text, 'v', 300000);
	assert_int_equal(write(fd, text, 300000), 300000);
	free(text);
	assert_int_equal(unlink(to), 0);
	assert_int_equal(link(from, to), 0);
	upgrade(&w);
	/* It has looked at all of them. */
	sh(&w, "last", "exit 0");
	WAIT(&w, ENDED(&w, "last"));
	(void)kill(stray, SIGKILL);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	text = read_fd(fd, &len);
	assert_int_equal(len, 300000);
	assert_null(memchr(text, '\0', len));
	free(text);
	text = output(&w, "strays", &len);
	assert_int_equal(len, 300000);
	free(text);
	(void)close(fifo);
	world_end(&w);
}

/* kill -9 of the keeper: nobody can know the status; the output is kept, and
 * the run is not declared dead while it lives. */
static void
keeper_killed(void **state)
{
	char go[128], script[256], before[64];
	struct world w;
	char *text;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script),
	    "echo first; read x < %s; echo second; exit 6", go);
	sh(&w, "orphan", script);
	sh(&w, "known", "exit 9");
	WAIT(&w, state_of(&w, "orphan") == KEEPER_RUNNING &&
	    ENDED(&w, "known"));
	(void)MEM_STR(before, w.start_id);
	stop_keeper(&w, SIGKILL);
	WAIT(&w, w.downs == 1);
	w.nseen = 0;
	start_keeper(&w, NULL);
	WAIT(&w, w.ups == 2);
	assert_string_not_equal(before, w.start_id);
	assert_int_equal(state_of(&w, "orphan"), KEEPER_RUNNING);
	assert_int_equal(w.seen[index_of(&w, "known")].code, 9);
	assert_int_equal(write(fifo, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "orphan"));
	assert_int_equal(state_of(&w, "orphan"), KEEPER_LOST);
	assert_non_null(strstr(w.seen[index_of(&w, "orphan")].why,
	    "keeper was killed"));
	text = output(&w, "orphan", NULL);
	assert_string_equal(text, "first\nsecond\n");
	free(text);
	(void)close(fifo);
	world_end(&w);
}

/* Of a run whose keeper was killed, too, it is named what it leaves running. */
static void
keeper_killed_then_left(void **state)
{
	char told[128], go[128], script[400];
	struct world w;
	int fifo, fifo2;
	pid_t stray;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "told", told);
	fifo2 = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "sh -c 'echo $$ > %s; "
	    "exec sleep 1000' & read x < %s; exit 0", told, go);
	sh(&w, "leaver", script);
	WAIT(&w, state_of(&w, "leaver") == KEEPER_RUNNING);
	stray = read_pid(fifo);
	stop_keeper(&w, SIGKILL);
	WAIT(&w, !keeper_is_up(w.k));
	start_keeper(&w, NULL);
	WAIT(&w, keeper_is_up(w.k));
	assert_int_equal(write(fifo2, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "leaver"));
	(void)kill(stray, SIGKILL);
	assert_int_equal(state_of(&w, "leaver"), KEEPER_LOST);
	assert_non_null(strstr(w.seen[index_of(&w, "leaver")].why,
	    "keeper was killed"));
	assert_non_null(strstr(w.seen[index_of(&w, "leaver")].why,
	    "left running: "));
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* It is stopped as a run ends: the exit status is on file, and not lost with
 * the keeper that took it. */
static void
stopped_as_one_ends(void **state)
{
	char go[128], told[128], script[400];
	struct world w;
	int fifo, fifo2, fd;
	pid_t pid;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	fifo2 = make_fifo(&w, "told", told);
	(void)snprintf(script, sizeof(script), "echo $$ > %s; read x < %s; "
	    "exit 6", told, go);
	sh(&w, "ends", script);
	WAIT(&w, state_of(&w, "ends") == KEEPER_RUNNING);
	pid = read_pid(fifo2);
	drop_client(&w);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(fd != -1);
	assert_int_equal(kill(w.pid, SIGSTOP), 0);
	assert_int_equal(write(fifo, "\n", 1), 1);
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1,
	    DEADLINE_MS), 1);
	(void)close(fd);
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	stop_keeper(&w, SIGCONT);
	w.nseen = 0;
	start_keeper(&w, NULL);
	new_client(&w);
	assert_int_equal(state_of(&w, "ends"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "ends")].code, 6);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* Runs of a boot that is over are lost, and a number that somebody else has
 * now is not touched. */
static void
machine_restarted(void **state)
{
	char path[128];
	struct world w;
	struct buf b = BUF_INIT(1 << 20);
	char *text, *boot;
	size_t len;
	int fd;
	pid_t pid;

	(void)state;
	world_up(&w);
	sh(&w, "old", "exec sleep 1000");
	WAIT(&w, state_of(&w, "old") == KEEPER_RUNNING);
	pid = (pid_t)w.seen[index_of(&w, "old")].pid;
	drop_client(&w);
	stop_keeper(&w, SIGKILL);
	/* Rewrite the head's boot id, with its hash. */
	(void)snprintf(path, sizeof(path), "%s/keeper/journal", w.dir);
	assert_true((fd = open(path, O_RDONLY)) != -1);
	text = read_fd(fd, &len);
	boot = text + 9 + 2 + 4;
	*boot = *boot == 'f' ? '0' : 'f';
	len = len > 9 ? len : 9;
	{
		struct unpack u = { text, len, false };
		size_t n = (size_t)unpack_int(&u, PACK_32);

		pack_int(&b, pack_hash(text + 8, n + 1) & 0xffffffff, PACK_32);
	}
	memcpy(text + 4, b.p, 4);
	assert_true((fd = open(path, O_WRONLY | O_TRUNC)) != -1);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
	free(text);
	buf_free(&b);
	w.nseen = 0;
	start_keeper(&w, NULL);
	new_client(&w);
	assert_int_equal(state_of(&w, "old"), KEEPER_LOST);
	assert_non_null(strstr(w.seen[index_of(&w, "old")].why, "restarted"));
	assert_int_equal(kill(pid, 0), 0);
	(void)kill(pid, SIGKILL);
	world_end(&w);
}

/* A torn last record (the disk was full, the machine died) costs nothing
 * else. */
static void
torn_journal(void **state)
{
	char path[128];
	struct world w;
	int fd;

	(void)state;
	world_up(&w);
	sh(&w, "kept", "exit 8");
	WAIT(&w, ENDED(&w, "kept"));
	drop_client(&w);
	stop_keeper(&w, SIGKILL);
	(void)snprintf(path, sizeof(path), "%s/keeper/journal", w.dir);
	assert_true((fd = open(path, O_WRONLY | O_APPEND)) != -1);
	assert_int_equal(write(fd, "\x30\0\0\0torn", 8), 8);
	(void)close(fd);
	w.nseen = 0;
	start_keeper(&w, NULL);
	new_client(&w);
	assert_int_equal(w.seen[index_of(&w, "kept")].code, 8);
	world_end(&w);
}

/* Whatever is said on the socket, runs and the real client go on. */
static void
garbage(void **state)
{
	static const char *const says[] = { "\xff\xff\xff\xff\x01zz",
		"\2\0\0\0\x02xx", "\x02\0\0\0\x01\x63\0",
		"GET / HTTP/1.0\r\n\r\n",
		"\0\0\0\0\x05" };
	static const size_t lens[] = { 7, 7, 7, 18, 5 };
	char part[512];
	struct world w;
	unsigned seed = (unsigned)getpid();

	(void)state;
	print_message("seed %u\n", seed);
	world_up(&w);
	sh(&w, "calm", "sleep 0.3; exit 4");
	for (size_t i = 0; i < 5 + 50; i++) {
		int fd = raw_connect(&w);
		size_t len = i < 5 ? lens[i] : 400;

		for (size_t k = 0; k < sizeof(part); k++)
			part[k] = (char)rand_r(&seed);
		/* Four bytes of length that fit, then anything. */
		memcpy(part, "\x80\0\0\0", 4);
		assert_int_equal(send(fd, i < 5 ? says[i] : part, len,
		    MSG_NOSIGNAL), (ssize_t)len);
		while (recv(fd, part, sizeof(part), 0) > 0)
			;
		(void)close(fd);
	}
	WAIT(&w, ENDED(&w, "calm"));
	assert_int_equal(w.seen[index_of(&w, "calm")].code, 4);
	assert_int_equal(w.downs, 0);
	world_end(&w);
}

/* Nobody started a keeper: musterd does, and it outlives musterd's group. */
static void
starts_its_own(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	new_client(&w);
	sh(&w, "r", "exit 3");
	WAIT(&w, ENDED(&w, "r"));
	assert_int_equal(w.seen[index_of(&w, "r")].code, 3);
	w.pid = keeper_pid(&w);
	assert_int_not_equal(getsid(w.pid), getsid(0));
	assert_int_not_equal(getpgid(w.pid), getpgid(0));
	world_end(&w);
}

/* Two would both think that the other's runs are theirs. */
static void
two_keepers(void **state)
{
	struct world w;

	(void)state;
	world_up(&w);
	assert_int_equal(launch(&w, NULL), 3);
	sh(&w, "r", "exit 0");
	WAIT(&w, ENDED(&w, "r"));
	world_end(&w);
}

/* Runs that musterd does not know (its store was restored) are forgotten as
 * they are listed, and not kept for ever. */
static void
forgotten_while_listed(void **state)
{
	struct world w;

	(void)state;
	world_up(&w);
	sh(&w, "unknown", "exit 4");
	WAIT(&w, ENDED(&w, "unknown"));
	drop_client(&w);
	w.nseen = 0;
	w.forgets = true;
	new_client(&w);
	assert_int_equal(w.seen[index_of(&w, "unknown")].code, 4);
	/* The answer says that what was sent before is done. */
	sh(&w, "last", "exit 0");
	WAIT(&w, ENDED(&w, "last"));
	drop_client(&w);
	w.nseen = 0;
	new_client(&w);
	assert_int_equal(state_of(&w, "unknown"), KEEPER_UNKNOWN);
	world_end(&w);
}

/* Whatever broke them is mended some time: systemd never gives up on either,
 * and least on the one that musterd cannot start by itself. */
static void
started_again_for_ever(void **state)
{
	static const char *const units[] = { "etc/systemd/muster-keeper.service",
		"etc/systemd/musterd.service" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fd = open(units[i], O_RDONLY);
		char *text, *limit, *service, *again;

		assert_true(fd != -1);
		text = read_fd(fd, NULL);
		limit = strstr(text, "\nStartLimitIntervalSec=0\n");
		service = strstr(text, "\n[Service]\n");
		again = strstr(text, "\nRestart=");
		assert_true(limit != NULL && service != NULL && again != NULL);
		assert_true(limit < service && service < again);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_twice),
		cmocka_unit_test(client_dies),
		cmocka_unit_test(musterd_killed),
		cmocka_unit_test(reexec_keeps_runs),
		cmocka_unit_test(reexec_twice_beside_strays),
		cmocka_unit_test(output_is_no_link),
		cmocka_unit_test(keeper_killed),
		cmocka_unit_test(keeper_killed_then_left),
		cmocka_unit_test(stopped_as_one_ends),
		cmocka_unit_test(machine_restarted),
		cmocka_unit_test(torn_journal),
		cmocka_unit_test(garbage),
		cmocka_unit_test(starts_its_own),
		cmocka_unit_test(two_keepers),
		cmocka_unit_test(forgotten_while_listed),
		cmocka_unit_test(started_again_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
