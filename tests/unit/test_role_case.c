/* The five cases of SPEC section 4, word by word, with their times. */
#include "bed.h"

/* "wait connection_timeout (15 s, counted from the last heartbeat heard of it)
 * for the Scheduler to appear.  If none: choose the best eligible spare,
 * preferring those whose switch condition is not met, and turn it on." */
static void
case_1_waits_connection_timeout_from_the_last_heartbeat(void **unused)
{
	struct bed b;
	mono	   last;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.a[B].condition_met = true;
	b.a[B].health = 5;
	last = b.a[A].last_heard;
	bed_run(&b, 700);
	last = b.a[A].last_heard;
	b.up[A] = false;		/* killed; the broker is told late */
	bed_run(&b, 3000);
	bed_cut(&b, A);
	assert_true(bed_until(&b, C, 20000) >= 0);
	took = mono_diff_ms(b.granted_at, last);
	assert_true(took >= 15000 && took <= 15100);
	assert_int_equal(b.move, 1);
	assert_int_equal(b.outcome, ROLE_DONE);
}

/* SIGSTOP: the session looks alive for three of its intervals, which may be
 * longer than connection_timeout.  Asking the one that was just waited for in
 * vain costs grant_timeout, in which nobody fires anything. */
static void
case_1_does_not_ask_the_silent_one_first(void **unused)
{
	struct bed b;
	mono	   last;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.a[A].health = 5;
	last = b.a[A].last_heard;
	b.up[A] = false;		/* the broker is never told */
	assert_true(bed_until(&b, B, 30000) >= 0);
	took = mono_diff_ms(b.granted_at, last);
	assert_true(took >= 15000 && took <= 15100);
	assert_int_equal(b.asks[A], 0);
	assert_int_equal(b.a[A].marks.failed, 0);
}

/* One that is alone is asked all the same. */
static void
case_1_asks_the_silent_one_when_there_is_no_other(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_kill(&b, B);
	bed_kill(&b, C);
	b.mute[A] = true;		/* hears, and its answers are lost */
	bed_run(&b, 16000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_true(b.asks[A] > 0);
	b.mute[A] = false;
	assert_true(bed_until(&b, A, 10000) >= 0);
}

/* An operator who shortens the wait at 3 a.m. means the one that is under way. */
static void
case_1_a_shorter_connection_timeout_counts_from_now(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	bed_kill(&b, A);
	bed_run(&b, 1000);
	b.p.connection_timeout = b.p.off_timeout = 6000;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	took = bed_until(&b, B, 20000);
	assert_true(took >= 5900 && took <= 6200);
}

static void
case_1_the_scheduler_appears_in_time_and_stays(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, A);
	bed_run(&b, 14000);
	assert_int_equal(bed_at_work(&b), -1);
	bed_mend(&b, A);
	assert_int_equal(bed_at_work(&b), A);
	assert_int_equal(b.r.d.epoch, 1);
	bed_run(&b, 20000);
	assert_int_equal(b.grants[B] + b.grants[C], 0);
}

static void
case_1_all_meet_the_condition_then_the_best_of_them(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].condition_met = b.a[C].condition_met = true;
	b.a[C].health = 5;
	bed_kill(&b, A);
	assert_true(bed_until(&b, C, 16000) > 0);
}

/* "One that failed its last grant comes last in case 1." */
static void
case_1_goes_on_to_the_next_when_a_grant_is_not_confirmed(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.a[B].health = 5;
	b.deaf[B] = true;		/* heartbeats, but hears nothing */
	bed_kill(&b, A);
	took = bed_until(&b, C, 60000);
	assert_true(took > 15000 && took < 36000);
	bed_kill(&b, C);
	bed_run(&b, 40000);
	b.deaf[B] = false;
	assert_true(bed_until(&b, B, 20000) >= 0);
}

static void
case_1_nobody_is_eligible_then_the_first_who_is(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].in_sync = false;
	b.a[C].drained = true;
	bed_kill(&b, A);
	bed_run(&b, 30000);
	assert_true(b.r.alerts & 1u << ROLE_ALERT_NO_SCHEDULER);
	b.a[B].in_sync = true;
	assert_true(bed_until(&b, B, 5100) >= 0);
	assert_false(b.r.alerts & 1u << ROLE_ALERT_NO_SCHEDULER);
}

/* "its own key cleared", and "a node turned off at itself is held off". */
static void
case_1_follows_when_the_scheduler_goes_off_by_itself(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.a[A].health = 5;
	bed_lease(&b, A, (struct lease_event){ .kind = LEASE_EV_KEY });
	bed_pump(&b);
	assert_int_equal(bed_at_work(&b), -1);
	took = bed_until(&b, B, 20000);
	assert_true(took >= 14900 && took <= 15200);

	bed_with_a(&b);
	b.a[A].health = 5;
	bed_lease(&b, A, (struct lease_event){ .kind = LEASE_EV_HOLD });
	bed_pump(&b);
	assert_true(bed_until(&b, B, 20000) > 0);
	bed_kill(&b, B);
	bed_kill(&b, C);
	bed_run(&b, 40000);
	assert_int_equal(bed_at_work(&b), -1);	/* held, though the last */
	bed_on(&b, A, 1);
	assert_true(bed_until(&b, A, 500) >= 0);
}

/* "choose the best eligible spare excluding those that meet it too.  If there
 * is one: turn the old one off, then the new one on.  If none: stay, and raise
 * an alert."  "At most once per switch_min_interval." */
static void
case_2_moves_to_the_best_that_does_not_meet_it(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].health = 5;
	b.a[B].condition_met = b.a[A].condition_met = true;
	bed_run(&b, 3000);		/* not set: nothing */
	assert_int_equal(bed_at_work(&b), A);
	b.p.transfer_on_condition = true;
	assert_true(bed_until(&b, C, 1100) >= 0);
	assert_int_equal(b.move, 2);
	assert_false(b.l[A].d.on);
	assert_non_null(strstr(b.steps, "off proved by node-a"));
	b.a[C].condition_met = true;
	b.a[A].condition_met = false;
	bed_run(&b, 55000);
	assert_int_equal(bed_at_work(&b), C);
	assert_true(bed_until(&b, A, 10000) > 0);
}

static void
case_2_stays_and_alerts_when_all_meet_it(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.p.transfer_on_condition = true;
	for (int i = 0; i < BED_N; i++)
		b.a[i].condition_met = true;
	bed_run(&b, 10000);
	assert_int_equal(bed_at_work(&b), A);
	assert_true(b.r.alerts & 1u << ROLE_ALERT_NO_SPARE);
	b.a[A].condition_met = false;
	bed_run(&b, 2000);
	assert_int_equal(b.r.alerts, 0);
}

/* "keep the one whose switch condition is not met, then the one with better
 * health (unknown if it reconnected just now), then the holder of the current
 * epoch; send OFF to the others." */
static void
case_3_keeps_the_better_one(void **unused)
{
	const struct {
		int  a, b;	/* health */
		bool met, recent;
		int  kept;
	} row[] = {
		{ 4, 4, false, false, B },	/* the holder */
		{ 5, 4, false, false, A },
		{ 5, 4, false, true, B },
		{ 3, 4, false, false, B },
		{ 1, 5, true, false, A },
	};

	(void)unused;
	for (size_t k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
		struct bed b;

		bed_with_a(&b);
		bed_cut(&b, C);
		bed_cut(&b, A);
		assert_true(bed_until(&b, B, 16000) > 0);
		b.a[A].health = row[k].a;
		b.a[B].health = row[k].b;
		b.a[B].condition_met = row[k].met;
		b.a[A].reconnected_recently = row[k].recent;
		bed_mend(&b, A);
		bed_run(&b, 3000);
		assert_int_equal(bed_at_work(&b), row[k].kept);
		assert_int_equal(b.moves[3], 1);
		assert_int_equal(b.l[A].d.on + b.l[B].d.on, 1);
		assert_int_equal(b.r.d.epoch, row[k].kept == B ? 2 : 3);
	}
}

/* "or that stands against a pinned holder, is not a candidate." */
static void
case_3_leaves_a_pinned_holder_alone(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 16000) > 0);
	bed_on(&b, B, 1);
	b.a[B].health = 1;
	bed_mend(&b, A);
	bed_run(&b, 3000);
	assert_int_equal(bed_at_work(&b), B);
	assert_false(b.l[A].d.on);
}

/* "send OFF to the current Scheduler, if any; after its success, or after
 * off_timeout, turn X on.  Health and condition are not consulted." */
static void
case_4_moves_after_the_off(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.a[C].health = 1;
	b.a[C].condition_met = true;
	bed_on(&b, C, 1);
	assert_int_equal(bed_at_work(&b), C);	/* at once, by the proof */
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	assert_int_equal(b.offs[A], 1);
	b.deaf[C] = true;
	bed_on(&b, A, 2);
	took = bed_until(&b, A, 6000);
	assert_true(took >= 4500 && took <= 5100);
	assert_non_null(strstr(b.steps, "off timed out at node-c"));
}

static void
case_4_refuses_with_the_reason(void **unused)
{
	struct bed  b;
	const char *reason[] = { "not connected", "a worker",
	    "not controlled", "drained", "clock", "disk" };

	(void)unused;
	bed_with_a(&b);
	for (int64_t k = 0; k < 6; k++) {
		b.a[B].connected = k != 0;
		b.a[B].worker = k == 1;
		b.a[B].controlled = k != 2;
		b.a[B].drained = k == 3;
		b.a[B].clock_ok = k != 4;
		b.a[B].accepts = k != 5;
		bed_on(&b, B, k + 1);
		assert_int_equal(b.told[k + 1], ROLE_TOLD_REFUSED + 1);
		assert_non_null(strstr(b.text[k + 1], reason[k]));
	}
	assert_int_equal(bed_at_work(&b), A);
}

static void
case_4_syncs_first(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].in_sync = false;
	bed_on(&b, B, 1);
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), A);	/* no gap meanwhile */
	b.a[B].in_sync = true;
	assert_true(bed_until(&b, B, 5100) >= 0);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	b.a[C].in_sync = false;
	bed_on(&b, C, 2);
	bed_run(&b, 15500);
	assert_int_equal(b.told[2], ROLE_TOLD_TIMED_OUT + 1);
	assert_int_equal(bed_at_work(&b), B);
}

/* "X already holds it: done, pin renewed."  "cases 2 and 3 leave it alone until
 * then; case 1 does not." */
static void
case_4_pins_for_manual_hold(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.p.transfer_on_condition = true;
	bed_on(&b, A, 1);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	b.a[A].condition_met = true;
	bed_run(&b, 599000);
	assert_int_equal(bed_at_work(&b), A);
	assert_true(bed_until(&b, B, 3000) > 0);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = C + 1, .op = 2, .for_ms = 90000 });
	bed_pump(&b);
	assert_int_equal(bed_at_work(&b), C);
	bed_kill(&b, C);
	b.a[A].condition_met = false;
	assert_true(bed_until(&b, A, 16000) > 0);
}

static void
case_4_says_timed_out_when_the_grant_is_not_confirmed(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, C);
	b.deaf[B] = true;
	bed_on(&b, B, 1);
	bed_run(&b, 30000);
	assert_int_equal(b.told[1], ROLE_TOLD_TIMED_OUT + 1);
	assert_int_equal(bed_at_work(&b), A);
}

/* "A newer command of an operator supersedes the one under way." */
static void
case_4_a_newer_command_supersedes(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.hold[A] = true;
	bed_on(&b, B, 1);
	bed_on(&b, C, 2);
	assert_int_equal(b.told[1], ROLE_TOLD_SUPERSEDED + 1);
	bed_release_held(&b);
	assert_int_equal(bed_at_work(&b), C);
	assert_int_equal(b.told[2], ROLE_TOLD_DONE + 1);
	b.hold[C] = true;		/* off the target: the best other */
	bed_on(&b, B, 3);
	bed_off(&b, B, 4, false);
	assert_int_equal(b.told[3], ROLE_TOLD_SUPERSEDED + 1);
	bed_release_held(&b);
	assert_int_equal(bed_at_work(&b), A);
	b.hold[A] = true;		/* back to the one on its way out */
	bed_on(&b, C, 5);
	bed_on(&b, A, 6);
	bed_release_held(&b);
	assert_true(bed_until(&b, A, 500) >= 0);
	assert_int_equal(b.told[5], ROLE_TOLD_SUPERSEDED + 1);
	assert_int_equal(b.told[6], ROLE_TOLD_DONE + 1);
}

/* "send OFF to X; … choose another as in case 2 (excluding X and those that
 * meet the condition), and turn it on as soon as X is off, or after
 * off_timeout.  X is held off until an operator turns it on or releases it." */
static void
case_5_hands_over_and_holds(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[A].health = 5;
	b.a[B].condition_met = true;
	bed_off(&b, A, 1, false);
	assert_int_equal(bed_at_work(&b), C);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	bed_kill(&b, C);
	bed_kill(&b, B);
	bed_run(&b, 60000);
	assert_int_equal(bed_at_work(&b), -1);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_RELEASE,
	    .agent = A + 1, .op = 2 });
	bed_pump(&b);
	assert_true(bed_until(&b, A, 5100) >= 0);
}

static void
case_5_after_off_timeout_when_x_does_not_answer(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.deaf[A] = true;
	bed_off(&b, A, 1, false);
	took = bed_until(&b, B, 6000);
	assert_true(took >= 4500 && took <= 5100);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	b.deaf[A] = false;
	bed_run(&b, 6000);
	assert_false(b.l[A].d.on);
}

/* "If nobody can be chosen, case 1 follows after connection_timeout." */
static void
case_5_nobody_then_case_1(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	b.a[B].condition_met = b.a[C].condition_met = true;
	bed_off(&b, A, 1, false);
	/* Who asked must not go home: nothing is fired now. */
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	assert_string_equal(b.text[1], "node-a is off, and nobody can take "
	    "over now: muster why");
	took = bed_until(&b, B, 20000);
	assert_true(took >= 14900 && took <= 15200);
}

/* "X disconnected: accepted, it is OFF on its return." */
static void
case_5_of_a_disconnected_one(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, A);
	bed_off(&b, A, 1, false);
	bed_run(&b, 6000);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
	assert_int_equal(bed_at_work(&b), B);
	bed_mend(&b, A);
	bed_run(&b, 1000);
	assert_false(b.l[A].d.on);
}

/* "--vacant: nobody takes over until an operator turns one on." */
static void
case_5_vacant(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_off(&b, A, 1, true);
	bed_run(&b, 60000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_true(b.r.alerts & 1u << ROLE_ALERT_VACANT);
	bed_off(&b, B, 2, false);	/* doesn't end it */
	bed_broker_restart(&b);
	bed_run(&b, 60000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_true(b.r.alerts & 1u << ROLE_ALERT_VACANT);
	bed_on(&b, C, 3);
	assert_true(bed_until(&b, C, 500) >= 0);
	assert_int_equal(b.r.alerts, 0);
	bed_kill(&b, C);		/* and case 1 works again … */
	bed_run(&b, 20000);
	assert_int_equal(bed_at_work(&b), -1);	/* … A, B are held off */
}

/* "A Scheduler that leaves, is removed, drained or shut down cleanly hands over
 * first, as in case 5 without the hold." */
static void
a_scheduler_that_leaves_hands_over(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = A + 1 });
	bed_pump(&b);
	assert_int_equal(bed_at_work(&b), B);
	assert_int_equal(b.move, 5);
	assert_false(b.a[A].marks.held_off);
	b.a[B].drained = true;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = B + 1, .must = true });
	bed_pump(&b);
	assert_int_equal(bed_at_work(&b), A);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_1_does_not_ask_the_silent_one_first),
		cmocka_unit_test(
		    case_1_asks_the_silent_one_when_there_is_no_other),
		cmocka_unit_test(
		    case_1_waits_connection_timeout_from_the_last_heartbeat),
		cmocka_unit_test(
		    case_1_the_scheduler_appears_in_time_and_stays),
		cmocka_unit_test(
		    case_1_a_shorter_connection_timeout_counts_from_now),
		cmocka_unit_test(
		    case_1_all_meet_the_condition_then_the_best_of_them),
		cmocka_unit_test(
		    case_1_goes_on_to_the_next_when_a_grant_is_not_confirmed),
		cmocka_unit_test(
		    case_1_nobody_is_eligible_then_the_first_who_is),
		cmocka_unit_test(
		    case_1_follows_when_the_scheduler_goes_off_by_itself),
		cmocka_unit_test(
		    case_2_moves_to_the_best_that_does_not_meet_it),
		cmocka_unit_test(case_2_stays_and_alerts_when_all_meet_it),
		cmocka_unit_test(case_3_keeps_the_better_one),
		cmocka_unit_test(case_3_leaves_a_pinned_holder_alone),
		cmocka_unit_test(case_4_moves_after_the_off),
		cmocka_unit_test(case_4_refuses_with_the_reason),
		cmocka_unit_test(case_4_syncs_first),
		cmocka_unit_test(case_4_pins_for_manual_hold),
		cmocka_unit_test(
		    case_4_says_timed_out_when_the_grant_is_not_confirmed),
		cmocka_unit_test(case_4_a_newer_command_supersedes),
		cmocka_unit_test(case_5_hands_over_and_holds),
		cmocka_unit_test(
		    case_5_after_off_timeout_when_x_does_not_answer),
		cmocka_unit_test(case_5_nobody_then_case_1),
		cmocka_unit_test(case_5_of_a_disconnected_one),
		cmocka_unit_test(case_5_vacant),
		cmocka_unit_test(a_scheduler_that_leaves_hands_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
