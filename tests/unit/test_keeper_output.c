/* A long output of a run that has ended, which the keeper shortens: the others
 * do not wait for it, and the end is lost by nothing that happens meanwhile. */
#include "keeper_world.h"

/* It has said all, and ends when it reads from the fifo that this returns. */
static int
great_output_said(struct world *w, struct gate *g)
{
	char told[128], go[128], script[400];
	int fifo, fifo2;

	world_up_gated(w, g, SYS_pread64);
	fifo = make_fifo(w, "told", told);
	fifo2 = make_fifo(w, "go", go);
	(void)snprintf(script, sizeof(script), "echo HEAD; head -c 20000000 "
	    "/dev/zero | tr '\\0' x; echo TAIL; echo $$ > %s; read x < %s; "
	    "exit 6", told, go);
	sh_with(w, "big", script, 0, 16 << 20);
	WAIT(w, state_of(w, "big") == KEEPER_RUNNING);
	(void)read_pid(fifo);
	(void)close(fifo);
	return fifo2;
}

/* Of an earlier keeper, too. */
static int
count_slots(const struct world *w)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/keeper/slots", w->dir);
	return count_names(path);
}

/* Its leader has ended, and the keeper holds at what it copies first. */
static void
great_output_held(struct world *w, struct gate *g)
{
	int go = great_output_said(w, g);

	g->hold = true;
	assert_int_equal(write(go, "\n", 1), 1);
	wait_held(w);
	(void)close(go);
}

static void
assert_great_output(struct world *w)
{
	size_t len;
	char *text = output(w, "big", &len);

	assert_int_equal(state_of(w, "big"), KEEPER_EXITED);
	assert_int_equal(w->seen[index_of(w, "big")].code, 6);
	assert_true(len > 16 << 20 && len < (16 << 20) + 100);
	assert_memory_equal(text, "HEAD\nxxx", 8);
	assert_memory_equal(text + len - 6, "xTAIL\n", 6);
	assert_memory_equal(text + (8 << 20),
	    "\n[muster: 3222794 bytes of output left out here]\n", 49);
	free(text);
}

/* A great output is shortened at the end of its run: the others do not wait
 * until that is done, and the end is told after it. */
static void
great_output(void **state)
{
	struct world w;
	struct gate g;
	size_t big, small;

	(void)state;
	great_output_held(&w, &g);
	sh(&w, "small", "exit 0");
	(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	gate_open(&g);
	WAIT(&w, ENDED(&w, "big") && ENDED(&w, "small"));
	big = index_of(&w, "big");
	small = index_of(&w, "small");
	assert_true(w.seen[small].start_at < w.seen[big].end_at);
	assert_int_equal(w.seen[big].ends, 1);
	assert_great_output(&w);
	world_end(&w);
}

/* Nor is its end lost with a keeper that is stopped or upgraded in between. */
static void
great_output_then_ended(void **state, int sig)
{
	struct world w;
	struct gate g;

	(void)state;
	great_output_held(&w, &g);
	drop_client(&w);
	assert_int_equal(kill(w.pid, sig), 0);
	gate_open(&g);
	if (sig == SIGTERM) {
		stop_keeper(&w, 0);
		gate_end(&g);
		w.gate = NULL;
		start_keeper(&w, NULL);
	}
	w.nseen = 0;
	new_client(&w);
	WAIT(&w, ENDED(&w, "big"));
	assert_great_output(&w);
	world_end(&w);
}

static void
great_output_then_stopped(void **state)
{
	great_output_then_ended(state, SIGTERM);
}

static void
great_output_then_upgraded(void **state)
{
	great_output_then_ended(state, SIGHUP);
}

/* Killed with kill -9 while it copies; another keeper is there. */
static void
great_output_killed(struct world *w, struct gate *g)
{
	great_output_held(w, g);
	drop_client(w);
	stop_keeper(w, SIGKILL);
	gate_end(g);
	w->gate = NULL;
	w->nseen = 0;
}

/* Nor with one that is killed: how it ended is on file before the copying. */
static void
great_output_then_killed(void **state)
{
	struct world w;
	struct gate g;

	(void)state;
	great_output_killed(&w, &g);
	/* What it had copied, and the whole. */
	assert_int_equal(count_slots(&w), 2);
	start_keeper(&w, NULL);
	new_client(&w);
	WAIT(&w, ENDED(&w, "big"));
	assert_great_output(&w);
	assert_int_equal(w.seen[index_of(&w, "big")].ends, 1);
	assert_int_equal(count_slots(&w), 0);
	/* Once more: the end alone is on file now. */
	drop_client(&w);
	stop_keeper(&w, SIGKILL);
	w.nseen = 0;
	start_keeper(&w, NULL);
	new_client(&w);
	assert_great_output(&w);
	world_end(&w);
}

/* It was killed when the short one had taken its place: that is not shortened
 * again, and what it says of itself stays true. */
static void
great_output_killed_in_place(void **state)
{
	char path[128], part[65536], *text;
	struct world w;
	struct gate g;
	size_t len;
	int fd;

	(void)state;
	great_output_killed(&w, &g);
	(void)snprintf(path, sizeof(path), "rm %s/keeper/slots/*", w.dir);
	assert_int_equal(system(path), 0);
	(void)snprintf(path, sizeof(path), "%s/output/big.out", w.dir);
	assert_true((fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600)) != -1);
	memset(part, 'x', sizeof(part));
	for (int i = 0; i < (16 << 20) / (int)sizeof(part) + 1; i++)
		assert_int_equal(write(fd, part, sizeof(part)), sizeof(part));
	(void)close(fd);
	start_keeper(&w, NULL);
	new_client(&w);
	WAIT(&w, ENDED(&w, "big"));
	assert_int_equal(state_of(&w, "big"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "big")].code, 6);
	text = output(&w, "big", &len);
	assert_int_equal(len, (16 << 20) + sizeof(part));
	assert_null(strstr(text, "left out"));
	free(text);
	world_end(&w);
}

/* A full disk: the copy fails, but the head is in place and says what is
 * missing; the end is told when it is on file. */
static void
great_output_on_a_full_disk(void **state)
{
	struct world w;
	struct gate g;
	struct stat st;
	size_t len;
	char path[128], *text;
	int go;

	(void)state;
	go = great_output_said(&w, &g);
	(void)snprintf(path, sizeof(path), "%s/keeper/journal", w.dir);
	assert_int_equal(stat(path, &st), 0);
	limit_files(&w, (rlim_t)st.st_size);
	assert_int_equal(write(go, "\n", 1), 1);
	(void)snprintf(path, sizeof(path), "%s/output/big.out", w.dir);
	for (int ms = 0; stat(path, &st) == -1; ms += 5) {
		if (ms > DEADLINE_MS)
			fail_msg("it does not get to its place");
		(void)poll(NULL, 0, 5);
	}
	(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_false(ENDED(&w, "big"));
	limit_files(&w, RLIM_INFINITY);
	WAIT(&w, ENDED(&w, "big"));
	assert_int_equal(state_of(&w, "big"), KEEPER_EXITED);
	assert_int_equal(w.seen[index_of(&w, "big")].code, 6);
	text = output(&w, "big", &len);
	assert_true(len >= 8 << 20 && len < (8 << 20) + 100);
	assert_memory_equal(text, "HEAD\nxxx", 8);
	free(text);
	(void)close(go);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(great_output),
		cmocka_unit_test(great_output_then_stopped),
		cmocka_unit_test(great_output_then_upgraded),
		cmocka_unit_test(great_output_then_killed),
		cmocka_unit_test(great_output_killed_in_place),
		cmocka_unit_test(great_output_on_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
