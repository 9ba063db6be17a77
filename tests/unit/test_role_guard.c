/* Rules of SPEC section 4 that nothing else failed without: each was taken out
 * once, and all tests still passed. */
#include "bed.h"

/* "Pinned for manual_hold (--for)": an operator who said 20 minutes finds the
 * role where he put it after 15, and not after 25. */
static void
a_pin_lasts_as_long_as_was_asked(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.p.transfer_on_condition = true;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = B + 1, .op = 1, .for_ms = 1200000 });
	assert_true(bed_until(&b, B, 1000) >= 0);
	b.a[B].condition_met = true;
	bed_run(&b, 900000);
	assert_int_equal(bed_at_work(&b), B);
	assert_true(bed_until(&b, A, 310000) >= 0);
}

/* Case 1: who still says ON, and was not turned off, goes on before a spare
 * begins, though that one is healthier. */
static void
case_1_prefers_one_that_says_on(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 16000) >= 0);
	b.a[A].health = 2;
	bed_kill(&b, B);
	bed_run(&b, 5000);
	bed_mend(&b, A);		/* ON, with the epoch before */
	assert_true(b.l[A].d.on);
	assert_true(bed_until(&b, A, 16000) >= 0);
}

/* "Until it reconnects": or one that was slow once is last for good. */
static void
a_reconnect_clears_the_failed_mark(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].marks.failed = 1;
	bed_cut(&b, B);
	assert_int_equal(b.a[B].marks.failed, 1);
	bed_mend(&b, B);
	assert_int_equal(b.a[B].marks.failed, 0);
}

/* "An agent that an operator has turned off (its OFF just never arrived) is not
 * a candidate": also when the choice is pinned no more. */
static void
case_3_does_not_undo_an_operator_after_the_pin(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, A);
	bed_run(&b, 6000);		/* its lease is over: no OFF is sent */
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = B + 1, .op = 1, .for_ms = 1 });
	assert_true(bed_until(&b, B, 1000) >= 0);
	b.a[A].health = 5;
	bed_mend(&b, A);
	bed_run(&b, 5000);
	assert_int_equal(bed_at_work(&b), B);
	assert_false(b.l[A].d.on);
}

/* The target was not there: what case 1 chooses then is nobody's choice. */
static void
a_target_that_was_not_there_is_not_pinned_later(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, C);
	b.hold[B] = true;
	bed_on(&b, B, 1);
	bed_cut(&b, B);
	bed_kill(&b, A);
	bed_run(&b, 30000);
	assert_int_equal(b.told[1], ROLE_TOLD_TIMED_OUT + 1);
	b.hold[B] = false;
	b.nheld = 0;
	bed_mend(&b, B);
	assert_true(bed_until(&b, B, 16000) >= 0);
	assert_false(role_pinned(&b.r, b.now.mono));
}

/* "Held off until an operator turns it on": turned off at itself, and turned on
 * at the broker while another one holds the role. */
static void
an_operator_lifts_the_hold_of_the_node_itself(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_lease(&b, B, (struct lease_event){ .kind = LEASE_EV_HOLD });
	bed_pump(&b);
	assert_true(b.a[B].beat.held);
	bed_on(&b, B, 1);
	assert_true(bed_until(&b, B, 1000) >= 0);
	assert_false(b.l[B].d.held);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);
}

/* The emergency stop at the machine comes after somebody turned it on at the
 * broker, which is slow, or down: the newer command counts. */
static void
an_operator_at_the_node_stops_what_was_chosen_before(void **unused)
{
	struct bed b;

	(void)unused;
	for (int down = 0; down < 2; down++) {
		bed_with_a(&b);
		b.hold[A] = true;	/* the OFF is on its way */
		bed_on(&b, B, 1);
		if (down)
			bed_cut(&b, B);
		bed_lease(&b, B, (struct lease_event){
		    .kind = LEASE_EV_HOLD });
		bed_pump(&b);
		if (down) {
			bed_broker_restart(&b);
			bed_mend(&b, B);
		}
		bed_release_held(&b);
		bed_run(&b, 25000);
		assert_true(bed_at_work(&b) == A || bed_at_work(&b) == C);
		assert_true(b.l[B].d.held != 0);
		assert_int_equal(b.grants[B], 0);
		if (!down)
			assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	}
}

/* It has fired with its epoch, and knows nothing of it: what it does alone is
 * numbered by the epoch, and would be taken for what it told before. */
static void
a_restored_scheduler_gets_an_epoch_of_its_own(void **unused)
{
	struct bed b;
	int64_t	   epoch;

	(void)unused;
	for (int unconfirmed = 0; unconfirmed < 2; unconfirmed++) {
		bed_with_a(&b);
		if (unconfirmed) {	/* the broker has not heard of it yet */
			bed_broker_restart(&b);
			b.link[A] = false;
		}
		epoch = b.disk.epoch;
		bed_kill(&b, A);
		b.ldisk[A] = (struct lease_durable){ 0 };
		bed_restart(&b, A);
		assert_true(bed_until(&b, A, 16000) >= 0);
		assert_true(b.disk.epoch > epoch);
	}
}

/* What a release can't end it says. */
static void
a_release_says_what_stays(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_lease(&b, B, (struct lease_event){ .kind = LEASE_EV_HOLD });
	bed_pump(&b);
	bed_cut(&b, B);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_RELEASE,
	    .agent = B + 1, .op = 1 });
	assert_non_null(strstr(b.text[1], "that stays"));
	bed_mend(&b, B);
	assert_true(b.l[B].d.held != 0);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_RELEASE,
	    .agent = B + 1, .op = 2 });
	bed_pump(&b);
	assert_string_equal(b.text[2], "node-b is released");
	assert_int_equal(b.l[B].d.held, 0);
}

/* … and one that was to be synced first. */
static void
an_operator_at_the_node_stops_what_waits_for_its_sync(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].in_sync = false;
	bed_on(&b, B, 1);
	bed_lease(&b, B, (struct lease_event){ .kind = LEASE_EV_HOLD });
	bed_pump(&b);
	b.a[B].in_sync = true;
	bed_run(&b, 6000);
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	assert_int_equal(bed_at_work(&b), A);
	assert_int_equal(b.grants[B], 0);
}

/* One that is connected and does not answer must not be asked for ever. */
static void
case_1_goes_on_to_the_next_when_one_does_not_answer(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_kill(&b, A);
	b.mute[B] = true;
	assert_true(bed_until(&b, C, 15000 + 5000 + 1000) > 0);
}

/* control = manual: "only operators move the role; superseded agents are still
 * sent OFF". */
static void
manual_keeps_the_holder_though_another_is_better(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 16000) >= 0);
	b.p.control = ROLE_MANUAL;
	b.a[A].health = 5;
	b.a[A].condition_met = false;
	b.a[B].condition_met = true;
	bed_mend(&b, A);
	bed_run(&b, 10000);
	assert_int_equal(bed_at_work(&b), B);
	assert_false(b.l[A].d.on);
}

/* One that shuts down hands over, and is not chosen itself when the one that
 * should follow is gone by then. */
static void
one_that_leaves_is_not_its_own_successor(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_cut(&b, C);
	b.hold[A] = true;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = A + 1 });
	bed_cut(&b, B);
	bed_release_held(&b);
	bed_run(&b, 10000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_int_equal(b.grants[A], 1);
}

/* The one who should follow is drained meanwhile: who asked is told, and the
 * best of the others is at work at once. */
static void
a_target_that_leaves_is_replaced(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.hold[A] = true;
	bed_on(&b, B, 1);
	b.a[B].drained = true;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = B + 1, .must = true });
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	b.a[A].health = 1;
	bed_release_held(&b);
	assert_true(bed_until(&b, C, 1000) >= 0);
}

/* "initial_status = on … is adopted while the cluster's epoch is 0, later it
 * counts as OFF": a new machine must not take the role by being healthy. */
static void
initial_status_on_takes_nothing_later(void **unused)
{
	struct lease_durable on = { .on = true };
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_kill(&b, B);
	b.ldisk[B] = on;
	b.a[B].health = 5;
	bed_restart(&b, B);
	bed_run(&b, 5000);
	assert_int_equal(bed_at_work(&b), A);
	assert_false(b.l[B].d.on);
	assert_int_equal(b.grants[B], 0);
}

/* Turned off, it is nobody's choice any more when case 1 takes it later. */
static void
off_ends_the_pin(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	bed_on(&b, B, 1);
	assert_true(bed_until(&b, B, 1000) >= 0);
	bed_off(&b, B, 2, false);
	bed_run(&b, 1000);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_RELEASE,
	    .agent = B + 1, .op = 3 });
	bed_kill(&b, A);
	bed_kill(&b, C);
	assert_true(bed_until(&b, B, 20000) >= 0);
	assert_false(role_pinned(&b.r, b.now.mono));
}

/* A broker restored from a backup granted anew, and hears of a higher epoch:
 * whom it had granted keeps its lease.  That is on disk before it is killed. */
static void
the_wait_of_a_raised_epoch_outlives_the_broker(void **unused)
{
	static struct bed b;

	(void)unused;
	bed_make(&b, true);
	assert_true(bed_until(&b, A, 5000) >= 0);
	bed_kill(&b, B);
	bed_cut(&b, A);			/* its lease goes on */
	b.ldisk[B] = (struct lease_durable){ .on = true, .epoch = 10,
		.floor = 10 };
	bed_restart(&b, B);
	assert_int_equal(b.r.d.epoch, 10);
	assert_int_equal(bed_at_work(&b), A);
	bed_broker_restart(&b);
	bed_run(&b, b.p.off_timeout + 1000);	/* never two: see bed_step */
	assert_true(bed_at_work(&b) != A);
	assert_true(bed_until(&b, B, 30000) >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_lasts_as_long_as_was_asked),
		cmocka_unit_test(case_1_prefers_one_that_says_on),
		cmocka_unit_test(a_reconnect_clears_the_failed_mark),
		cmocka_unit_test(
		    case_3_does_not_undo_an_operator_after_the_pin),
		cmocka_unit_test(
		    a_target_that_was_not_there_is_not_pinned_later),
		cmocka_unit_test(
		    an_operator_lifts_the_hold_of_the_node_itself),
		cmocka_unit_test(
		    an_operator_at_the_node_stops_what_was_chosen_before),
		cmocka_unit_test(
		    an_operator_at_the_node_stops_what_waits_for_its_sync),
		cmocka_unit_test(a_release_says_what_stays),
		cmocka_unit_test(
		    a_restored_scheduler_gets_an_epoch_of_its_own),
		cmocka_unit_test(
		    case_1_goes_on_to_the_next_when_one_does_not_answer),
		cmocka_unit_test(
		    manual_keeps_the_holder_though_another_is_better),
		cmocka_unit_test(one_that_leaves_is_not_its_own_successor),
		cmocka_unit_test(a_target_that_leaves_is_replaced),
		cmocka_unit_test(initial_status_on_takes_nothing_later),
		cmocka_unit_test(off_ends_the_pin),
		cmocka_unit_test(
		    the_wait_of_a_raised_epoch_outlives_the_broker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
