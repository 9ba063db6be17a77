/* The Scheduler role's shell at the broker: a cluster without a Scheduler for
 * longer than it must be, or a decision by what is no longer so. */
#include "api_fixture.h"

#include "buf.h"

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
	/* It is not heard any more, and need not be.  That nobody holds the
	 * role follows from what it said, and not from its silence. */
	UNTIL(broker->roster->holder == 0);
}

static int
on_decision(const struct row *r, void *arg)
{
	json_t *o = json_loads(row_text(r, 7), 0, NULL);

	*(bool *)arg = strcmp(js_str(o, "outcome", ""), "done") == 0;
	json_decref(o);
	return 0;
}

static bool
done_on_disk(void)
{
	bool done = false;

	(void)store_query(store, S_DECISION_GET, on_decision, &done, "i",
	    (int64_t)1);
	return done;
}

/* The end of a move finds the disk full: its record would say "begun" for ever,
 * and who reads it months later looks for what went wrong. */
static void
the_end_of_a_decision_is_stored_later(void **state)
{
	(void)state;
	agent_says_on(0);
	UNTIL(scheduler_epoch(broker) > 0 && store_pending(store) == 0);
	store_stops();
	agent_says_on(scheduler_epoch(broker));
	UNTIL(role_is("HELD"));
	UNTIL(store_state(store) == STORE_BUSY);
	assert_false(done_on_disk());
	store_goes_on();
	UNTIL(done_on_disk());
}

/* A disk that takes longer than grant_timeout: each grant would be given up
 * before it was even sent, and nobody would ever be the Scheduler. */
static void
a_grant_is_waited_for_from_when_it_is_sent(void **state)
{
	(void)state;
	broker->clock = now_here;
	broker->set.grant_timeout = 400;
	scheduler_settings(broker);
	store_stops();
	agent_says_on(0);
	UNTIL(role_is("GRANTING"));
	still = clock_now();
	still.mono = mono_add_ms(still.mono, 600);
	turn();
	assert_true(role_is("GRANTING"));
	store_goes_on();
	UNTIL(store_pending(store) == 0);
	still.mono = mono_add_ms(still.mono, 399);
	turn();
	assert_true(role_is("GRANTING"));
	agent_says_on(scheduler_epoch(broker));
	UNTIL(role_is("HELD"));
}

/* An operator is told that nothing was stored: then nothing is. */
static void
what_was_not_stored_holds_nobody_off(void **state)
{
	struct ask a;

	(void)state;
	store_stops();
	begin(&a, PRIVS_ALL, "agent.off", NULL);
	UNTIL(a.ended);
	store_goes_on();
	assert_int_equal(a.e.code, ERR_FAILED);
	assert_non_null(strstr(a.e.msg, "nothing was stored (busy): free"));
	assert_false(broker->roster->agents[0].marks.held_off);
}

/* Case 2 is decided by the condition that an operator has set, not by what the
 * members' last heartbeats were compared with: a spare says nothing for a whole
 * sample_interval, and "nobody can take over" would be wrong until then. */
static void
a_new_switch_condition_counts_for_all_at_once(void **state)
{
	struct setting_pair met = { "switch_condition", "name = \"node-a\"" };
	struct setting_pair not = { "switch_condition", "name = \"node-b\"" };
	struct role_agent *a = &broker->roster->agents[0];
	struct err e = { 0 };

	(void)state;
	assert_false(a->condition_met);
	assert_int_equal(broker_set(broker, &met, 1, "root", &e), 0);
	assert_true(a->condition_met);
	assert_int_equal(broker_set(broker, &not, 1, "root", &e), 0);
	assert_false(a->condition_met);
}

/* Broken for good: what was decided is not on disk, and whatever followed from
 * it would be sent without.  The process is about to end. */
static void
nothing_is_decided_without_a_store(void **state)
{
	int64_t epoch;
	mono until;

	(void)state;
	broker->set.grant_timeout = 400;
	scheduler_settings(broker);
	UNTIL(store_pending(store) == 0);
	change_store("DELETE FROM term");
	agent_says_on(0);
	UNTIL(role_is("GRANTING") && store_state(store) == STORE_DOWN);
	epoch = scheduler_epoch(broker);
	until = mono_add_ms(clock_now().mono, 800);
	UNTIL(clock_now().mono.us > until.us);
	agent_says_on(epoch);
	turn();
	assert_true(role_is("GRANTING"));
	assert_int_equal(scheduler_epoch(broker), epoch);
}

/* Jobs with a script of 30,000 bytes each. */
static char *
jobs(const char *name, int n)
{
	struct buf b = BUF_INIT(4 << 20);

	buf_fmt(&b, "jobs = (");
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "%s { name = \"%s%d\"; shell = \"# %030000d\"; }",
		    i > 0 ? "," : "", name, i, i);
	buf_fmt(&b, ");");
	return buf_steal(&b);
}

/* A catalogue that no message to an agent can hold: it would be stored, nobody
 * would be told, and after a restart nobody could be the Scheduler. */
static void
a_catalogue_that_nobody_can_be_told_is_refused(void **state)
{
	char *some = jobs("a", 20), *more = jobs("b", 20), *fit = jobs("b", 10);
	int64_t rev;
	struct err e;

	(void)state;
	apply(some);
	rev = broker->catalog->rev;
	for (int dry = 0; dry < 2; dry++) {
		e = refused(PRIVS_ALL, "apply", json_pack("{s:s,s:s,s:b}",
		    "file", "more.conf", "text", more, "dry_run", dry));
		assert_int_equal(e.code, ERR_USAGE);
		assert_non_null(strstr(e.msg, "more.conf: the catalogue"));
		assert_non_null(strstr(e.msg, "1044480 bytes"));
		assert_non_null(strstr(e.msg, "remove"));
	}
	assert_int_equal(broker->catalog->rev, rev);
	apply(fit);
	/* In place of what there is, and not with it. */
	json_decref(get("apply", json_pack("{s:s,s:s,s:b}", "file", "x", "text",
	    more, "prune", 1)));
	free(some);
	free(more);
	free(fit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_decision_that_was_not_stored_is_made_again),
		T(the_end_of_a_decision_is_stored_later),
		T(what_was_not_stored_holds_nobody_off),
		T(a_grant_is_waited_for_from_when_it_is_sent),
		T(a_new_switch_condition_counts_for_all_at_once),
		T(nothing_is_decided_without_a_store),
		T(a_catalogue_that_nobody_can_be_told_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
