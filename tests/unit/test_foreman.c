/* Who gets a run, and when it is sent.  What a user would lose: a run that is
 * started twice, since a broker that was killed did not know that it had sent
 * it. */
#include "api_fixture.h"

#include "broker/foreman.h"
#include "broker/live.h"

static void
agent_tells(bool accepts)
{
	agent_says("link.beat", json_pack(
	    "{s:I,s:I,s:b,s:I,s:I,s:b,s:I,s:I,s:i,s:b}", "start",
	    (json_int_t)7, "seq", (json_int_t)++agent.seq, "on", 0, "epoch",
	    (json_int_t)0, "floor", (json_int_t)0, "controlled", 1, "wall",
	    (json_int_t)clock_wall().ms, "rev",
	    (json_int_t)broker->catalog->rev, "running", 0, "accepts",
	    accepts));
}

static void
agent_accepts(bool accepts)
{
	agent_tells(accepts);
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

static const struct run *
only(void)
{
	assert_int_equal(live_count(broker), 1);
	return live_first(broker);
}

static void
a_run_waits_for_an_agent(void)
{
	struct ask a;

	apply("jobs: ( { name = \"once\"; command = [ \"/bin/true\" ];"
	    "  distribution = \"one\"; } );\n");
	agent_accepts(false);
	begin(&a, PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "once"));
	UNTIL(a.ended && only()->stored);
	ask_clear(&a);
}

/* Its place is on its way to a slow disk when its agent's session ends and
 * begins again: the agent asks for what it misses, and this is not its own
 * yet. */
static void
a_run_is_sent_when_its_place_is_on_disk(void **state)
{
	(void)state;
	a_run_waits_for_an_agent();
	store_stops();
	agent_accepts(true);
	UNTIL(only()->state == RUN_DISPATCHED);
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

static void
silent_for_long(void)
{
	struct now later = clock_now();

	later.mono = mono_add_ms(later.mono, 4 * AGENT_INTERVAL);
	(void)broker_turn(broker, later);
	assert_false(broker->roster->agents[0].connected);
}

/* A machine that stood still for a while, and a slow disk at the broker: it is
 * heard again in the session that it had, which starts nothing anew. */
static void
a_run_is_sent_to_an_agent_that_was_silent_meanwhile(void **state)
{
	(void)state;
	a_run_waits_for_an_agent();
	agent_tells(true);
	/* The broker hears all but what its store has done. */
	while (only()->state != RUN_DISPATCHED) {
		(void)broker_turn(broker, clock_now());
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	}
	silent_for_long();
	assert_int_equal(only()->state, RUN_UNKNOWN);
	UNTIL(!only()->placing);
	agent_beat();
	UNTIL(agent.run == only()->id);
}

/* … or is not heard again: the run must not wait for ever. */
static void
a_run_for_an_agent_that_fell_silent_is_unknown(void **state)
{
	struct ask a;

	(void)state;
	apply("jobs: ( { name = \"once\"; command = [ \"/bin/true\" ]; } );\n");
	store_stops();
	begin(&a, PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "once"));
	assert_int_equal(only()->state, RUN_DISPATCHED);
	silent_for_long();
	store_goes_on();
	UNTIL(a.ended && only()->stored);
	ask_clear(&a);
	assert_int_equal(only()->state, RUN_UNKNOWN);
}

/* Replaced by a newer occurrence while the disk was full: its end could not be
 * stored, and it would be started only to be killed. */
static void
a_run_that_is_being_aborted_is_not_started(void **state)
{
	(void)state;
	a_run_waits_for_an_agent();
	live_get(broker, only()->id, 1)->aborting = true;
	agent_accepts(true);
	UNTIL(live_count(broker) == 0);
	assert_int_equal(agent.run, 0);
}

/* The disk did not take its place: nobody has it.  It is nobody's loss when
 * that agent goes, and no reason to wait for it. */
static void
a_run_that_could_not_be_placed_is_bound_to_nobody(void **state)
{
	(void)state;
	a_run_waits_for_an_agent();
	change_store("CREATE TRIGGER no_room BEFORE UPDATE ON run_live "
	    "BEGIN SELECT RAISE(ABORT, 'no room'); END");
	agent_accepts(true);
	UNTIL(only()->state == RUN_QUEUED);
	assert_string_equal(only()->agent, "");
	agent_accepts(false);
	change_store("DROP TRIGGER no_room");
	UNTIL(only()->state == RUN_WAITING);
	assert_string_equal(only()->reason,
	    "node-a refuses runs at the moment");
	foreman_agent_gone(broker, broker->roster->members[0]);
	agent_accepts(true);
	UNTIL(agent.run == only()->id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(where_nobody_fits_the_scheduler_takes_it),
		T(a_run_that_is_being_aborted_is_not_started),
		T(a_run_is_sent_when_its_place_is_on_disk),
		T(a_run_is_sent_to_an_agent_that_was_silent_meanwhile),
		T(a_run_for_an_agent_that_fell_silent_is_unknown),
		T(a_run_that_could_not_be_placed_is_bound_to_nobody),
	};

	return cmocka_run_group_tests_name("foreman", tests, NULL, NULL);
}
