/* "Steps never change durations" (SPEC section 12), at the broker's runs: with
 * the clock set back an hour, a retry of one second must not come an hour
 * later, nor a run that found no agent wait an hour longer. */
#include "api_fixture.h"

static int64_t off_ms;

static struct now
stepped(void)
{
	struct now n = clock_now();

	n.wall.ms += off_ms;
	return n;
}

static const struct run *
only_run(void)
{
	return live_first(broker);
}

/* Like the turn of everything, with that clock.  By the wall clock it would be an
 * hour. */
#define STEPPED(what)                                                         \
	do {                                                                  \
		struct patience p_ = { 0 };                                   \
		while (!(what)) {                                             \
			if (!patient(&p_))                                    \
				fail_msg("never: %s (%s: %s)", #what,         \
				    only_run() == NULL ? "no run" :           \
				    run_state_word(only_run()->state),        \
				    only_run() == NULL ||                     \
				    only_run()->reason == NULL ? "" :         \
				    only_run()->reason);                      \
			broker->now = stepped();                              \
			store_poll(store);                                    \
			(void)broker_turn(broker, stepped());                 \
			(void)uv_run(&loop, UV_RUN_NOWAIT);                   \
			(void)usleep(200);                                    \
		}                                                             \
	} while (0)

static void
a_retry_comes_after_its_delay(void **state)
{
	static const int64_t steps[] = { -3600000, 3600000 };

	(void)state;
	apply("jobs: ( { name = \"flaky\"; command = [ \"/bin/false\" ];\n"
	    "  retries = { count = 1; delay = \"1s\"; }; } );\n");
	for (size_t i = 0; i < 2; i++) {
		mono failed;

		off_ms = 0;
		broker->clock = stepped;
		agent.run = 0;
		json_decref(get("job.run", json_pack("{s:s}", "job",
		    "flaky")));
		UNTIL(agent.run != 0 && agent.attempt == 1);
		failed = clock_mono();		/* not after a turn that is slow */
		agent_ends("exited", 1);
		UNTIL(only_run() != NULL && only_run()->attempt == 2);
		off_ms = steps[i];
		STEPPED(agent.attempt == 2);
		assert_true(mono_diff_ms(clock_mono(), failed) >= 1000);
		off_ms = 0;
		agent_ends("exited", 1);
		UNTIL(only_run() == NULL);
		agent.attempt = 0;
	}
}

static void
who_waits_for_an_agent_is_missed_in_time(void **state)
{
	static const int64_t steps[] = { -3600000, 3600000 };

	(void)state;
	apply("jobs: ( { name = \"picky\"; command = [ \"/bin/true\" ];\n"
	    "  distribution = \"one\"; filter = \"name = \\\"nobody\\\"\";\n"
	    "  on_no_agent = \"wait\"; wait = \"2s\"; } );\n");
	for (size_t i = 0; i < 2; i++) {
		mono asked;

		off_ms = 0;
		broker->clock = stepped;
		asked = clock_mono();
		json_decref(get("job.run", json_pack("{s:s}", "job",
		    "picky")));
		assert_non_null(only_run());
		off_ms = steps[i];
		STEPPED(only_run() == NULL);
		assert_true(mono_diff_ms(clock_mono(), asked) >= 2000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_retry_comes_after_its_delay),
		T(who_waits_for_an_agent_is_missed_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
