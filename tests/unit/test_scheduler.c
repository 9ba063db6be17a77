/* The Scheduler role's shell at the broker, on days when its disk does not take
 * a decision: a cluster without a Scheduler for longer than it must be. */
#include "api_fixture.h"

static bool
role_is(const char *state)
{
	json_t *o = scheduler_json(broker);
	bool is = strcmp(js_str(o, "state", ""), state) == 0;

	json_decref(o);
	return is;
}

/* What its agent said is true when the disk takes writes again, and the agent
 * may not say it again for a whole sample_interval. */
static void
a_decision_that_was_not_stored_is_made_again(void **state)
{
	(void)state;
	agent_says_on(0);
	UNTIL(scheduler_epoch(broker) > 0);
	agent_says_on(scheduler_epoch(broker));
	UNTIL(role_is("HELD"));
	store_stops();
	agent_beat();			/* it is OFF now */
	UNTIL(!role_is("HELD"));
	UNTIL(role_is("HELD"));		/* it did not happen */
	store_goes_on();
	/* It is not heard any more, and need not be. */
	UNTIL(!role_is("HELD"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_decision_that_was_not_stored_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
