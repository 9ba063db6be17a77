/* agent on and off as an operator types them, at the broker and at the agent
 * itself.  Without these an option that is taken and ignored leaves a Scheduler
 * at work that the operator thinks is off, or moves one that has come since. */
#include "api_fixture.h"

#include "broker/scheduler.h"

static struct seat elsewhere_seat;

static void
here(void)
{
	nd.away = &elsewhere_seat;
	broker->awake = false;		/* its own triggers rest */
}

/* Begins to turn its own agent on, which never confirms: epoch 1. */
static void
grant(struct ask *a, json_t *params)
{
	UNTIL(broker->roster->agents[0].in_sync);
	begin(a, PRIVS_ALL, "agent.on", params);
	agent_beat();
	UNTIL(scheduler_epoch(broker) == 1);
}

static void
stale(const char *method, json_t *params)
{
	struct err e = refused(PRIVS_ALL, method, params);

	assert_int_equal(e.code, ERR_STALE);
}

/* Epoch 0 was seen, too: nobody had been granted anything. */
static void
epoch_0_is_an_epoch(void **state)
{
	struct ask a;

	(void)state;
	grant(&a, NULL);
	stale("agent.on", json_pack("{s:s,s:i}", "agent", "node-a", "epoch",
	    0));
	stale("agent.off", json_pack("{s:s,s:i}", "agent", "node-a", "epoch",
	    0));
	stale("agent.confirm", json_pack("{s:i}", "epoch", 0));
	assert_false(broker->roster->agents[0].marks.held_off);
	call_gone(api, &a);
	begin(&a, PRIVS_ALL, "agent.off", json_pack("{s:i}", "epoch", 1));
	assert_true(broker->roster->agents[0].marks.held_off);
	call_gone(api, &a);
}

static void
heard(void)
{
	agent_beat();
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

/* What an agent says after a command is not the same as what it said before
 * it, though both wait for the disk: a target would be asked in vain. */
static void
a_heartbeat_after_a_command_counts(void **state)
{
	struct ask off, on;

	(void)state;
	UNTIL(broker->roster->agents[0].in_sync);
	store_stops();
	begin(&off, PRIVS_ALL, "agent.off", NULL);
	heard();
	begin(&on, PRIVS_ALL, "agent.on", NULL);
	heard();
	store_goes_on();
	UNTIL(scheduler_epoch(broker) == 1);
	UNTIL(off.ended);
	ask_clear(&off);
	call_gone(api, &on);
}

/* … nor is off at the node, said while the command waited for the disk: it is
 * the newer one. */
static void
off_at_the_node_counts_over_a_command_that_waits(void **state)
{
	struct ask off, on;

	(void)state;
	UNTIL(broker->roster->agents[0].in_sync);
	store_stops();
	begin(&off, PRIVS_ALL, "agent.off", NULL);
	begin(&on, PRIVS_ALL, "agent.on", NULL);
	agent_says("link.beat", json_pack(
	    "{s:I,s:I,s:b,s:i,s:I,s:I,s:b,s:I,s:I,s:b}", "start",
	    (json_int_t)7, "seq", (json_int_t)++agent.seq, "on", 0, "held", 1,
	    "epoch", (json_int_t)0, "floor", (json_int_t)0, "controlled", 1,
	    "wall", (json_int_t)clock_wall().ms, "rev",
	    (json_int_t)broker->catalog->rev, "accepts", 1));
	UNTIL(broker->roster->agents[0].beat.held == 1);
	store_goes_on();
	UNTIL(off.ended && on.ended);
	assert_null(on.result);
	assert_non_null(strstr(on.e.msg, "held off"));
	assert_int_equal(scheduler_epoch(broker), 0);
	ask_clear(&off);
	ask_clear(&on);
}

/* At 3 a.m.: the machine goes down for repair, and with it every trigger. */
static void
a_drain_after_which_nobody_schedules_says_so(void **state)
{
	static const char nobody[] = "nobody else can be the Scheduler now";
	struct ask a;
	json_t *o;

	(void)state;
	grant(&a, NULL);
	o = get("agent.drain", json_pack("{s:s}", "agent", "node-a"));
	assert_non_null(strstr(js_str(o, "message", ""), nobody));
	json_decref(o);
	call_gone(api, &a);
}

/* "--for 0s" is no pin, not that of manual_hold. */
static void
for_0s_pins_nothing(void **state)
{
	struct ask a;
	json_t *pin;

	(void)state;
	grant(&a, json_pack("{s:i}", "for", 0));
	(void)usleep(2000);
	turn();
	pin = scheduler_pin(broker, broker->roster->members[0]->id);
	assert_true(json_is_null(pin));
	json_decref(pin);
	call_gone(api, &a);
}

/* At an agent the broker decides who follows: what is about that is refused,
 * and not passed over. */
static void
the_agent_itself_takes_no_option_of_the_brokers(void **state)
{
	struct err e;

	(void)state;
	here();
	e = refused(PRIVS_ALL, "agent.off", json_pack("{s:b}", "vacant", 1));
	assert_non_null(strstr(e.msg, "muster -H hub.example:7422 agent off "
	    "node-e --vacant"));
	assert_int_equal(nd.held, 0);
	e = refused(PRIVS_ALL, "agent.on", json_pack("{s:i}", "for", 60));
	assert_non_null(strstr(e.msg, "muster -H hub.example:7422 agent on "
	    "node-e"));
	assert_int_equal(nd.held, 0);
	away_lease.d.epoch = 7;
	stale("agent.off", json_pack("{s:i}", "epoch", 6));
	assert_int_equal(nd.held, 0);
	json_decref(get("agent.off", json_pack("{s:i}", "epoch", 7)));
	assert_int_equal(nd.held, 1);
}

/* An emergency stop that is not on disk did not happen. */
static void
a_hold_that_was_not_stored_is_an_error(void **state)
{
	struct err e;

	(void)state;
	here();
	nd.hold_fails = true;
	e = refused(PRIVS_ALL, "agent.off", NULL);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, "node-a goes on as it was"));
	assert_non_null(strstr(e.msg, "muster -H hub.example:7422 agent off "
	    "node-e"));
	e = refused(PRIVS_ALL, "agent.on", NULL);
	assert_int_equal(e.code, ERR_IO);
}

/* Nonsense is named, as what it is. */
static void
whatif_and_why_name_what_is_wrong(void **state)
{
	struct err e;
	json_t *o;

	(void)state;
	e = refused(PRIVS_ALL, "whatif", json_pack("{s:[s,s]}", "event",
	    "explode", "nobody"));
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "\"explode\""));
	o = get("whatif", json_pack("{s:[s,s,s]}", "event", "clock", "forward",
	    "20m"));
	assert_non_null(json_object_get(o, "outcome"));
	json_decref(o);
	e = refused(PRIVS_ALL, "why", json_pack("{s:i}", "case", 9));
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "1 to 5"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(epoch_0_is_an_epoch),
		T(a_heartbeat_after_a_command_counts),
		T(off_at_the_node_counts_over_a_command_that_waits),
		T(a_drain_after_which_nobody_schedules_says_so),
		T(for_0s_pins_nothing),
		T(the_agent_itself_takes_no_option_of_the_brokers),
		T(a_hold_that_was_not_stored_is_an_error),
		T(whatif_and_why_name_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
