/* What a run sees and what musterd hears of it. */
#include "keeper_world.h"

/* Without this no job would ever show its status, output or environment. */
static void
exit_code_and_output(void **state)
{
	struct world w;
	char *text;

	(void)state;
	world_up(&w);
	sh(&w, "r1", "echo out; echo err >&2; echo \"$JOBVAR|$PATH|$HOME\"; "
	    "pwd; umask; cat; exit 7");
	WAIT(&w, ENDED(&w, "r1"));
	assert_int_equal(state_of(&w, "r1"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "r1")].code, 7);
	assert_int_equal(w.seen[index_of(&w, "r1")].starts, 1);
	text = output(&w, "r1", NULL);
	assert_non_null(strstr(text, "out\nerr\na b|/usr/local/"));
	assert_non_null(strstr(text, "0022\n"));
	free(text);
	sh(&w, "silent", "true");
	sh(&w, "sig", "kill -USR1 $$");
	WAIT(&w, ENDED(&w, "silent") && ENDED(&w, "sig"));
	assert_int_equal(keeper_output(w.k, "silent"), -1);
	assert_int_equal(state_of(&w, "sig"), KEEPER_KILLED);
	assert_int_equal(w.seen[index_of(&w, "sig")].code, SIGUSR1);
	keeper_forget_output(w.k, "r1");
	assert_int_equal(keeper_output(w.k, "r1"), -1);
	world_end(&w);
}

/* A job must not inherit the keeper's journal, socket or signal mask. */
static void
nothing_leaks(void **state)
{
	struct world w;
	char *text, *ignored;

	(void)state;
	world_up(&w);
	sh(&w, "fds", "ls /proc/self/fd | wc -l; "
	    "grep -E 'SigBlk|SigIgn' /proc/self/status");
	WAIT(&w, ENDED(&w, "fds"));
	text = output(&w, "fds", NULL);
	/* 0, 1, 2 and ls's own directory. */
	assert_true(strncmp(text, "4\n", 2) == 0);
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
	ignored = strstr(text, "SigIgn:\t");
	assert_non_null(ignored);
	/* 32 and 33 are the C library's own; its posix_spawn, by which make
	 * starts us, leaves them ignored and nobody can change that. */
	assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~(3ULL << 31), 0);
	free(text);
	world_end(&w);
}

/* An operator must read what is wrong with the job, not "exit 127". */
static void
refusals_say_why(void **state)
{
	const char *good[] = { "/bin/true", NULL };
	const char *bad[] = { "no-such-command-x", NULL };
	const char *none[] = { NULL };
	struct world w;
	struct keeper_start s = { .argv = bad, .output_max = 1000 };

	(void)state;
	world_up(&w);
	s.id = "command";
	assert_int_equal(keeper_run(w.k, &s), 0);
	s.argv = good;
	s.dir = "/nope";
	s.id = "dir";
	assert_int_equal(keeper_run(w.k, &s), 0);
	s.dir = NULL;
	s.user = "no-such-user-x";
	s.id = "user";
	assert_int_equal(keeper_run(w.k, &s), 0);
	s.user = NULL;
	s.argv = none;
	s.id = "empty";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "command") && ENDED(&w, "dir") &&
	    ENDED(&w, "user") && ENDED(&w, "empty"));
	for (size_t i = 0; i < w.nseen; i++) {
		assert_int_equal(w.seen[i].state, KEEPER_REFUSED);
		assert_int_equal(w.seen[i].pid, 0);
		assert_int_equal(w.seen[i].started.ms, 0);
	}
	assert_string_equal(w.seen[index_of(&w, "command")].why,
	    "command no-such-command-x: No such file or directory");
	assert_string_equal(w.seen[index_of(&w, "dir")].why,
	    "directory /nope: No such file or directory");
	assert_non_null(strstr(w.seen[index_of(&w, "user")].why,
	    "user no-such-user-x: "));
	assert_non_null(strstr(w.seen[index_of(&w, "empty")].why, "empty"));
	/* Bytes of the job never reach a terminal or JSON as they are. */
	s.dir = "/no\xff\033[2J";
	s.argv = good;
	s.id = "bytes";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "bytes"));
	assert_string_equal(w.seen[index_of(&w, "bytes")].why,
	    "directory /no\\xff^[[2J: No such file or directory");
	world_end(&w);
}

/* A job larger than a message is refused by its reason, and the connection
 * survives it. */
static void
oversized_is_refused(void **state)
{
	struct world w;
	char *big = mem_zero(1, KMSG_MAX + 2);
	const char *argv[] = { "/bin/echo", big, NULL };
	struct keeper_start s = { .id = "big", .argv = argv };

	(void)state;
	memset(big, 'x', KMSG_MAX + 1);
	world_up(&w);
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "big"));
	assert_int_equal(state_of(&w, "big"), KEEPER_REFUSED);
	assert_true(keeper_is_up(w.k));
	free(big);
	world_end(&w);
}

/* A timed-out job must not leave half of itself behind, however it hides. */
static void
timeout_kills_the_tree(void **state)
{
	char path[128], script[512];
	struct world w;
	pid_t child, daemon;
	int fifo;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "pids", path);
	(void)snprintf(script, sizeof(script), "trap '' TERM; "
	    "(trap '' TERM; sh -c 'echo $$' > %s; "
	    "setsid sh -c 'trap \"\" TERM; echo $$ > %s; sleep 1000; :' "
	    ">/dev/null 2>&1 </dev/null & ) ; "
	    "while :; do sleep 1000; done", path, path);
	sh_with(&w, "tree", script, 300, 1 << 20);
	WAIT(&w, state_of(&w, "tree") == KEEPER_RUNNING);
	child = read_pid(fifo);
	daemon = read_pid(fifo);
	WAIT(&w, ENDED(&w, "tree"));
	assert_int_equal(state_of(&w, "tree"), KEEPER_TIMED_OUT);
	assert_int_equal(w.seen[index_of(&w, "tree")].code, SIGKILL);
	assert_string_equal(w.seen[index_of(&w, "tree")].why, "");
	assert_int_equal(kill(child, 0), -1);
	assert_int_equal(kill(daemon, 0), -1);
	(void)close(fifo);
	world_end(&w);
}

/* Abort is polite first: a job that cleans up gets the time for it. */
static void
abort_lets_it_clean_up(void **state)
{
	char path[128], script[256];
	struct world w;
	char *text;
	int fifo, n;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "ready", path);
	(void)snprintf(script, sizeof(script), "trap 'echo cleaned; exit 0' "
	    "TERM; echo $$ > %s; while :; do sleep 0.05; done", path);
	sh(&w, "polite", script);
	WAIT(&w, state_of(&w, "polite") == KEEPER_RUNNING);
	(void)read_pid(fifo);
	assert_int_equal(keeper_abort(w.k, "polite", 10000), 0);
	WAIT(&w, ENDED(&w, "polite"));
	assert_int_equal(state_of(&w, "polite"), KEEPER_ABORTED);
	assert_int_equal(w.seen[index_of(&w, "polite")].code, SIGTERM);
	text = output(&w, "polite", NULL);
	assert_non_null(strstr(text, "cleaned"));
	free(text);
	n = w.reports;
	assert_int_equal(keeper_abort(w.k, "nobody", 0), 0);
	WAIT(&w, w.reports > n);
	assert_int_equal(state_of(&w, "nobody"), KEEPER_UNKNOWN);
	(void)close(fifo);
	world_end(&w);
}

/* Reading while it runs is what "run output -f" lives on. */
static void
output_while_running(void **state)
{
	char go[128], said[128], script[400];
	struct world w;
	char *text;
	int fifo, fifo2;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "go", go);
	fifo2 = make_fifo(&w, "said", said);
	(void)snprintf(script, sizeof(script),
	    "echo early; echo $$ > %s; read x < %s", said, go);
	sh(&w, "live", script);
	WAIT(&w, state_of(&w, "live") == KEEPER_RUNNING);
	(void)read_pid(fifo2);
	text = output(&w, "live", NULL);
	assert_string_equal(text, "early\n");
	free(text);
	assert_int_equal(write(fifo, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "live"));
	text = output(&w, "live", NULL);
	assert_string_equal(text, "early\n");
	free(text);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* A runaway job must not fill the disk; its first and last words stay. */
static void
bounded_output(void **state)
{
	struct world w;
	struct stat st;
	size_t len;
	char *text, path[128];

	(void)state;
	world_up(&w);
	sh_with(&w, "flood", "echo HEAD; head -c 60000000 /dev/zero | tr '\\0' "
	    "x; sleep 1.3; head -c 3000000 /dev/zero | tr '\\0' y; echo TAIL",
	    0, 100000);
	sh_with(&w, "exact", "head -c 100000 /dev/zero | tr '\\0' z", 0,
	    100000);
	WAIT(&w, ENDED(&w, "flood") && ENDED(&w, "exact"));
	text = output(&w, "flood", &len);
	assert_true(len > 100000 && len < 100200);
	assert_memory_equal(text, "HEAD\nxxx", 8);
	assert_memory_equal(text + len - 6, "yTAIL\n", 6);
	assert_non_null(strstr(text,
	    "\n[muster: 62900010 bytes of output left out here]\n"));
	free(text);
	(void)snprintf(path, sizeof(path), "%s/output/exact.out", w.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 100000);
	world_end(&w);
}

/* What a job leaves running is named, and its later output is bounded too. */
static void
left_running(void **state)
{
	char told[128], go[128], script[400];
	struct world w;
	pid_t pid;
	int fifo, fifo2;

	(void)state;
	world_up(&w);
	fifo = make_fifo(&w, "told", told);
	fifo2 = make_fifo(&w, "go", go);
	(void)snprintf(script, sizeof(script), "sh -c 'echo $$ > %s; "
	    "exec sleep 1000' & read x < %s; exit 0", told, go);
	sh(&w, "leaver", script);
	WAIT(&w, state_of(&w, "leaver") == KEEPER_RUNNING);
	pid = read_pid(fifo);
	assert_int_equal(write(fifo2, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "leaver"));
	(void)close(fifo2);
	assert_int_equal(state_of(&w, "leaver"), KEEPER_EXITED);
	assert_non_null(strstr(w.seen[index_of(&w, "leaver")].why,
	    "left running: "));
	assert_int_equal(kill(pid, 0), 0);
	(void)kill(pid, SIGKILL);
	(void)close(fifo);
	world_end(&w);
}

/* However much was left running before: what one more run leaves is named. */
static void
left_running_by_many(void **state)
{
	struct world w;

	(void)state;
	world_up(&w);
	sh(&w, "many", "i=0; while [ $i -lt 300 ]; do sleep 1000 & "
	    "i=$((i + 1)); done; exit 0");
	WAIT(&w, ENDED(&w, "many"));
	sh(&w, "one", "sleep 1000 & exit 0");
	WAIT(&w, ENDED(&w, "one"));
	/* Their groups. */
	(void)kill(-(pid_t)w.seen[index_of(&w, "many")].pid, SIGKILL);
	(void)kill(-(pid_t)w.seen[index_of(&w, "one")].pid, SIGKILL);
	assert_non_null(strstr(w.seen[index_of(&w, "many")].why,
	    "left running: "));
	assert_non_null(strstr(w.seen[index_of(&w, "one")].why,
	    "left running: "));
	world_end(&w);
}

/* The list decides as whom a job runs, and only root's list counts. */
static void
rules_decide(void **state)
{
	const char *argv[] = { "/bin/sh", "-c",
		"id -un; id -gn; echo again >> /dev/stdout; echo $USER $HOME; "
		"test \"$(id -G)\" = \"$(id -G $USER)\" && echo groups", NULL };
	char path[128];
	struct world w;
	struct keeper_start s = { .id = "default", .argv = argv,
		.output_max = 10000 };
	char *text;

	(void)state;
	if (geteuid() != 0)
		skip();
	world_begin(&w);
	(void)chmod(w.dir, 0755);
	(void)snprintf(path, sizeof(path), "%s/rules", w.dir);
	write_rules(path, "# who\nruns: { users = [ \"daemon\" ];\n"
	    "  default_user = \"nobody\"; };\n", 0644);
	start_keeper(&w, path);
	new_client(&w);
	assert_int_equal(keeper_run(w.k, &s), 0);
	s.id = "listed";
	s.user = "daemon";
	assert_int_equal(keeper_run(w.k, &s), 0);
	s.id = "unlisted";
	s.user = "root";
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "default") && ENDED(&w, "listed") &&
	    ENDED(&w, "unlisted"));
	text = output(&w, "default", NULL);
	assert_true(strncmp(text, "nobody\nnogroup\nagain\nnobody ", 28) == 0);
	free(text);
	text = output(&w, "listed", NULL);
	assert_true(strncmp(text, "daemon\ndaemon\nagain\ndaemon ", 27) == 0);
	assert_non_null(strstr(text, "\ngroups\n"));
	free(text);
	assert_int_equal(state_of(&w, "unlisted"), KEEPER_REFUSED);
	assert_non_null(strstr(w.seen[index_of(&w, "unlisted")].why,
	    "user root: not in the keeper's list"));
	/* Somebody else can write it: nothing runs. */
	(void)chmod(path, 0666);
	s.id = "loose";
	s.user = NULL;
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "loose"));
	assert_int_equal(state_of(&w, "loose"), KEEPER_REFUSED);
	assert_non_null(strstr(w.seen[index_of(&w, "loose")].why,
	    "must belong to root"));
	world_end(&w);
}

/* Who keeps the output of his silent run open cannot write into, or read, that
 * of the next user. */
static void
output_is_of_one_user(void **state)
{
	const char *first[] = { "/bin/sh", "-c", "exec 5>&1; exec >&- 2>&-; "
	    "setsid env -i sh -c 'echo >told; read x <go; echo forged >&5; "
	    "echo >told' & read x <told", NULL };
	const char *second[] = { "/bin/sh", "-c", "echo >go; read x <told; "
	    "echo mine", NULL };
	char path[128], go[128], told[128];
	struct world w;
	struct keeper_start s = { .id = "first", .user = "daemon",
		.argv = first, .output_max = 10000 };
	char *text;
	int fifo, fifo2;

	(void)state;
	if (geteuid() != 0)
		skip();
	world_begin(&w);
	(void)chmod(w.dir, 0755);
	fifo = make_fifo(&w, "go", go);
	fifo2 = make_fifo(&w, "told", told);
	(void)chmod(go, 0666);
	(void)chmod(told, 0666);
	s.dir = w.dir;
	(void)snprintf(path, sizeof(path), "%s/rules", w.dir);
	write_rules(path, "runs: { users = [ \"daemon\", \"nobody\" ]; };\n",
	    0644);
	start_keeper(&w, path);
	new_client(&w);
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "first"));
	assert_int_equal(state_of(&w, "first"), KEEPER_EXITED);
	assert_int_equal(keeper_forget(w.k, "first"), 0);
	s.id = "second";
	s.user = "nobody";
	s.argv = second;
	assert_int_equal(keeper_run(w.k, &s), 0);
	WAIT(&w, ENDED(&w, "second"));
	text = output(&w, "second", NULL);
	assert_string_equal(text, "mine\n");
	free(text);
	(void)close(fifo);
	(void)close(fifo2);
	world_end(&w);
}

/* What a silent run did to its output file is not done to that of the next run
 * that gets it. */
static void
output_as_new(void **state)
{
	struct world w;
	char *text;

	(void)state;
	world_up(&w);
	sh(&w, "silent", "chmod 666 /dev/stdout; "
	    "dd oflag=direct count=0 </dev/null 2>/dev/null; exit 0");
	WAIT(&w, ENDED(&w, "silent"));
	assert_int_equal(keeper_output(w.k, "silent"), -1);
	assert_int_equal(keeper_forget(w.k, "silent"), 0);
	sh(&w, "next", "stat -L -c %a /dev/stdout");
	WAIT(&w, ENDED(&w, "next"));
	assert_int_equal(w.seen[index_of(&w, "next")].code, 0);
	text = output(&w, "next", NULL);
	assert_string_equal(text, "600\n");
	free(text);
	world_end(&w);
}

/* The list was moved away before an upgrade: what runs goes on, to its exit
 * status; what is new is refused. */
static void
reexec_without_rules(void **state)
{
	char path[128], go[128], script[256];
	struct world w;
	int fifo;

	(void)state;
	if (geteuid() != 0)
		skip();
	world_begin(&w);
	(void)chmod(w.dir, 0755);
	fifo = make_fifo(&w, "go", go);
	(void)snprintf(path, sizeof(path), "%s/rules", w.dir);
	write_rules(path, "runs: { users = [ \"root\" ]; "
	    "default_user = \"root\"; };\n", 0644);
	start_keeper(&w, path);
	new_client(&w);
	(void)snprintf(script, sizeof(script), "read x < %s; exit 6", go);
	sh(&w, "over", script);
	WAIT(&w, state_of(&w, "over") == KEEPER_RUNNING);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kill(w.pid, SIGHUP), 0);
	sh(&w, "new", "exit 2");
	WAIT(&w, ENDED(&w, "new"));
	assert_int_equal(state_of(&w, "new"), KEEPER_REFUSED);
	assert_int_equal(write(fifo, "\n", 1), 1);
	WAIT(&w, ENDED(&w, "over"));
	assert_int_equal(state_of(&w, "over"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "over")].code, 6);
	(void)close(fifo);
	world_end(&w);
}

/* Two hundred at once, then all forgotten: nothing stays behind. */
static void
many(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct world w;
	char id[KEEPER_ID], path[128];
	struct stat st;

	(void)state;
	world_up(&w);
	for (int i = 0; i < 200; i++) {
		struct keeper_start s = { .id = id, .argv = argv };

		(void)snprintf(id, sizeof(id), "m%d", i);
		assert_int_equal(keeper_run(w.k, &s), 0);
	}
	WAIT(&w, w.nseen == 200 && w.reports >= 400);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(w.seen[i].state, KEEPER_EXITED);
		assert_int_equal(w.seen[i].code, 0);
		assert_int_equal(keeper_forget(w.k, w.seen[i].id), 0);
	}
	w.nseen = 0;
	sh(&w, "last", "true");
	WAIT(&w, ENDED(&w, "last"));
	drop_client(&w);
	w.nseen = 0;
	new_client(&w);
	assert_int_equal(w.nseen, 1);
	(void)snprintf(path, sizeof(path), "%s/output", w.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_nlink, 2);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_code_and_output),
		cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(oversized_is_refused),
		cmocka_unit_test(timeout_kills_the_tree),
		cmocka_unit_test(abort_lets_it_clean_up),
		cmocka_unit_test(output_while_running),
		cmocka_unit_test(bounded_output),
		cmocka_unit_test(left_running),
		cmocka_unit_test(left_running_by_many),
		cmocka_unit_test(rules_decide),
		cmocka_unit_test(output_is_of_one_user),
		cmocka_unit_test(output_as_new),
		cmocka_unit_test(reexec_without_rules),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
