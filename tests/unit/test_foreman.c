/* Who gets a run, and when it is sent.  What a user would lose: a run that is
 * started twice, since a broker that was killed did not know that it had sent
 * it. */
#include "api_fixture.h"

#include "broker/live.h"

static void
agent_accepts(bool accepts)
{
	agent_says("link.beat", json_pack(
	    "{s:I,s:I,s:b,s:I,s:I,s:b,s:I,s:I,s:i,s:b}", "start",
	    (json_int_t)7, "seq", (json_int_t)++agent.seq, "on", 0, "epoch",
	    (json_int_t)0, "floor", (json_int_t)0, "controlled", 1, "wall",
	    (json_int_t)clock_wall().ms, "rev",
	    (json_int_t)broker->catalog->rev, "running", 0, "accepts",
	    accepts));
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

static const struct run *
only(void)
{
	assert_int_equal(live_count(broker), 1);
	return live_first(broker);
}

/* Its place is on its way to a slow disk when its agent's session ends and
 * begins again: the agent asks for what it misses, and this is not its own
 * yet. */
static void
a_run_is_sent_when_its_place_is_on_disk(void **state)
{
	struct ask a;

	(void)state;
	apply("jobs: ( { name = \"once\"; command = [ \"/bin/true\" ]; } );\n");
	agent_accepts(false);
	begin(&a, PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "once"));
	UNTIL(a.ended && only()->stored);
	ask_clear(&a);
	store_stops();
	agent_accepts(true);
	UNTIL(only()->agent[0] != '\0');
	agent_down();
	agent_up();
	turn();				/* what was sent to it has come now */
	turn();
	assert_int_equal(agent.run, 0);
	store_goes_on();
	UNTIL(agent.run == only()->id);
}

/* No agent has the tape: on_no_agent says what becomes of the run. */
static void
where_nobody_fits_the_scheduler_takes_it(void **state)
{
	struct ask a;

	(void)state;
	apply("jobs: ( { name = \"once\"; command = [ \"/bin/true\" ];"
	    "  distribution = \"one\"; requires = [ \"tape\" ];"
	    "  on_no_agent = \"local\"; } );\n");
	agent_accepts(false);
	begin(&a, PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "once"));
	UNTIL(a.ended && only()->stored);
	ask_clear(&a);
	turn();
	assert_int_equal(only()->state, RUN_WAITING);
	agent_accepts(true);
	UNTIL(agent.run == only()->id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(where_nobody_fits_the_scheduler_takes_it),
		T(a_run_is_sent_when_its_place_is_on_disk),
	};

	return cmocka_run_group_tests_name("foreman", tests, NULL, NULL);
}
