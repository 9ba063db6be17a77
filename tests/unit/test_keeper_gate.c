/* A keeper on a disk, a file server or a system that does not do what it
 * should. */
#include "keeper_world.h"

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
	sh_with(&w, "early", script, 500, 1 << 20);
	WAIT(&w, state_of(&w, "early") == KEEPER_RUNNING);
	due = mono_add_ms(clock_mono(), 500);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_before_its_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
