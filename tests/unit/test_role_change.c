/* What changes in the middle: a wish that waits for its sync, settings, the
 * wall clock, proposals that went stale.  Most were found by the explorer. */
#include "bed.h"

static void
settings(struct bed *b)
{
	bed_event(b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	bed_pump(b);
}

static void
leave(struct bed *b, int i, bool must)
{
	bed_event(b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = i + 1, .must = must });
	bed_pump(b);
}

/* Else the Scheduler is turned off for one that can't take over: an outage of
 * connection_timeout. */
static void
a_wish_that_can_not_be_granted_any_more_is_refused(void **unused)
{
	struct bed b;

	(void)unused;
	for (int k = 0; k < 2; k++) {
		bed_with_a(&b);
		b.a[B].in_sync = false;
		bed_on(&b, B, 1);
		assert_int_equal(b.told[1], 0);
		b.a[B].in_sync = true;
		b.a[B].drained = k == 0;
		b.a[B].clock_ok = k == 0;
		bed_run(&b, 6000);
		assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
		assert_non_null(strstr(b.text[1], k == 0 ? "drained"
		    : "clock"));
		assert_int_equal(bed_at_work(&b), A);
		assert_int_equal(b.offs[A], 0);
	}
}

/* "It sends no ON and no OFF": also not for a wish from before. */
static void
control_status_off_ends_a_wish(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].in_sync = false;
	bed_on(&b, B, 1);
	b.p.control_status = false;
	settings(&b);
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	assert_non_null(strstr(b.text[1], "control_status"));
	b.a[B].in_sync = true;
	bed_run(&b, 20000);
	assert_int_equal(bed_at_work(&b), A);	/* renewed all the time */
}

/* "A newer command of an operator supersedes the one under way", and --vacant
 * means nobody. */
static void
a_newer_command_supersedes_a_wish(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.a[B].in_sync = false;
	bed_on(&b, B, 1);
	bed_off(&b, A, 2, true);
	assert_int_equal(b.told[1], ROLE_TOLD_SUPERSEDED + 1);
	b.a[B].in_sync = true;
	bed_run(&b, 20000);
	assert_int_equal(bed_at_work(&b), -1);

	bed_with_a(&b);			/* a confirmed proposal is newer, too */
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	b.a[B].health = 1;
	bed_run(&b, 2000);
	b.a[B].in_sync = false;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = B + 1, .op = 1 });
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 2 });
	bed_pump(&b);
	assert_int_equal(b.told[1], ROLE_TOLD_SUPERSEDED + 1);
	b.a[B].in_sync = true;
	bed_run(&b, 10000);
	assert_int_equal(bed_at_work(&b), C);
}

/* An operator who confirms what is no longer so would move the role to one that
 * meets the condition as well, or for no reason at all. */
static void
a_proposal_lapses_with_its_reason(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	bed_run(&b, 2000);
	assert_int_equal(b.r.proposal.move, 2);
	b.a[B].condition_met = b.a[C].condition_met = true;
	bed_run(&b, 2000);		/* nobody could take over any more */
	assert_int_equal(b.r.proposal.move, 0);

	bed_with_a(&b);
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 16000) > 0);
	b.p.control = ROLE_ADVISE;
	b.a[A].health = 5;
	bed_mend(&b, A);
	assert_int_equal(b.r.proposal.move, 3);
	b.a[A].health = 1;		/* not the better one any more */
	bed_run(&b, 2000);
	assert_int_equal(b.r.proposal.move, 0);
	assert_false(b.l[A].d.on);
	assert_int_equal(bed_at_work(&b), B);

	bed_with_a(&b);			/* or it went off by itself */
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 16000) > 0);
	b.p.control = ROLE_ADVISE;
	b.a[A].health = 5;
	bed_mend(&b, A);
	assert_int_equal(b.r.proposal.move, 3);
	bed_lease(&b, A, (struct lease_event){ .kind = LEASE_EV_HOLD });
	bed_pump(&b);
	assert_int_equal(b.r.proposal.move, 0);
}

/* "At most once per switch_min_interval": the setting of now, and a move that
 * was confirmed counts. */
static void
switch_min_interval_can_be_shortened_and_counts_confirmed_moves(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.p.transfer_on_condition = true;
	b.p.switch_min_interval = 24 * 3600 * 1000;
	b.a[A].condition_met = true;
	assert_true(bed_until(&b, B, 1100) >= 0);
	b.a[A].condition_met = false;
	b.a[B].condition_met = true;
	bed_run(&b, 10000);
	assert_int_equal(bed_at_work(&b), B);
	b.p.switch_min_interval = 5000;
	settings(&b);
	assert_true(bed_until(&b, A, 6100) > 0);

	bed_with_a(&b);
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	bed_run(&b, 2000);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 1 });
	bed_pump(&b);
	assert_int_equal(bed_at_work(&b), B);
	b.p.control = ROLE_AUTO;
	b.a[B].condition_met = true;
	b.a[A].condition_met = false;
	bed_run(&b, 50000);
	assert_int_equal(bed_at_work(&b), B);
	assert_true(bed_until(&b, A, 12000) > 0);
}

/* A machine without a battery comes up in 1970: a pin of 10 minutes must not
 * keep case 2 away for a year. */
static void
a_wall_clock_that_steps_back_does_not_lengthen_a_pin(void **unused)
{
	const int64_t back[] = { 3600 * (int64_t)1000, 1600000000000 };

	(void)unused;
	for (size_t k = 0; k < 2; k++) {
		struct bed b;

		bed_with_a(&b);
		b.p.transfer_on_condition = true;
		b.a[A].health = 1;
		bed_on(&b, A, 1);
		b.now.wall.ms -= back[k];
		bed_run(&b, 10000);	/* nothing is lost without a restart */
		assert_true(role_pinned(&b.r, b.now.mono));
		bed_broker_restart(&b);
		b.a[A].condition_met = true;
		bed_run(&b, 5000);
		assert_int_equal(bed_at_work(&b), A);
		assert_true(bed_until(&b, B, 600000) > 0);
	}
}

/* Nor does it keep case 2 away after a move: at most one interval. */
static void
a_wall_clock_that_steps_back_does_not_block_case_2(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	assert_true(bed_until(&b, B, 1100) >= 0);
	b.now.wall.ms -= 24 * 3600 * (int64_t)1000;
	bed_broker_restart(&b);
	b.a[A].condition_met = false;
	b.a[B].condition_met = true;
	assert_true(bed_until(&b, A, 62000) > 0);
}

/* Drained while it is being asked: the next one is asked at once, not when it
 * happens to send a heartbeat. */
static void
one_that_leaves_when_it_is_asked_is_replaced_at_once(void **unused)
{
	struct bed b;

	(void)unused;
	bed_with_a(&b);
	b.deaf[B] = true;
	b.a[B].health = 5;
	bed_kill(&b, A);
	while (b.r.asked != B + 1)
		bed_step(&b);
	b.a[B].drained = true;
	leave(&b, B, true);
	assert_int_equal(bed_at_work(&b), C);
}

/* The wait that is under way: an operator gives a machine that reboots more
 * time, before the role moves. */
static void
a_raised_connection_timeout_counts_for_the_wait_under_way(void **unused)
{
	struct bed b;
	int64_t	   took;

	(void)unused;
	bed_with_a(&b);
	bed_kill(&b, A);
	bed_run(&b, 5000);
	b.p.connection_timeout = 60000;
	settings(&b);
	took = bed_until(&b, B, 70000);
	assert_true(took >= 54000 && took <= 56000);
	b.p.connection_timeout = 15000;
	settings(&b);
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), B);
}

/* One that waited for the disk while its session was replaced says nothing: as
 * "OFF, floor 0" it would cost an epoch, and a grant that nobody takes. */
static void
a_heartbeat_of_a_session_that_ended_says_nothing(void **unused)
{
	struct bed b;
	int64_t	   epoch;

	(void)unused;
	bed_with_a(&b);
	epoch = b.r.d.epoch;
	memset(&b.a[A].beat, 0, sizeof(b.a[A].beat));
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_HEARTBEAT,
	    .agent = A + 1 });
	assert_int_equal(b.r.d.epoch, epoch);
	bed_run(&b, 3000);
	assert_int_equal(b.r.d.epoch, epoch);
	assert_int_equal(bed_at_work(&b), A);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_wish_that_can_not_be_granted_any_more_is_refused),
		cmocka_unit_test(control_status_off_ends_a_wish),
		cmocka_unit_test(a_newer_command_supersedes_a_wish),
		cmocka_unit_test(a_proposal_lapses_with_its_reason),
		cmocka_unit_test(
	      switch_min_interval_can_be_shortened_and_counts_confirmed_moves),
		cmocka_unit_test(
		    a_wall_clock_that_steps_back_does_not_lengthen_a_pin),
		cmocka_unit_test(
		    a_wall_clock_that_steps_back_does_not_block_case_2),
		cmocka_unit_test(
		    one_that_leaves_when_it_is_asked_is_replaced_at_once),
		cmocka_unit_test(
		    a_raised_connection_timeout_counts_for_the_wait_under_way),
		cmocka_unit_test(
		    a_heartbeat_of_a_session_that_ended_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
