/* What is decided is on record with its case, and who asked is told what came
 * of it (SPEC section 4: "every decision is stored").  Without these an
 * administrator finds the role somewhere else and nothing that says why, or a
 * command that never returns. */
#include "bed.h"

static void
with_a(struct bed *b)
{
	bed_with_a(b);
	b->why[0] = b->steps[0] = '\0';
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static int
count(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part)) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* To C, whose grant never arrives. */
static void
granting(struct bed *b)
{
	b->hold[C] = true;
	bed_on(b, C, 1);
	for (int t = 0; t < 120 && b->r.state != ROLE_GRANTING; t++)
		bed_step(b);
	assert_int_equal(b->r.state, ROLE_GRANTING);
}

static void
settings(struct bed *b)
{
	bed_event(b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	bed_pump(b);
}

/* The epoch moves: the record says that it went from A to A, and why. */
static void
a_scheduler_that_restarts_leaves_a_record(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	bed_kill(&b, A);
	bed_run(&b, 1000);
	bed_restart(&b, A);
	bed_run(&b, 500);
	assert_int_equal(bed_at_work(&b), A);
	assert_int_equal(b.r.d.epoch, 2);
	has(b.why, "1 begun A>A: ");
	has(b.why, "1 done ->A: ");
	has(b.steps, "granted epoch 2 to node-a");
}

/* "agent off" at the node itself, or its own key: by name, and at once. */
static void
a_scheduler_that_turned_itself_off_is_on_record(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	bed_lease(&b, A, (struct lease_event){ .kind = LEASE_EV_HOLD });
	bed_pump(&b);
	has(b.why, "1 begun A>-: the holder turned itself off");
	has(b.why, "1 done A>-: ");
	assert_true(bed_until(&b, B, 20000) > 0);
	assert_int_equal(count(b.why, "1 begun "), 2);
}

static void
a_restarted_broker_ends_the_record_of_its_grant(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	granting(&b);
	assert_int_equal(b.disk.holder, C + 1);
	b.nheld = 0;
	b.hold[C] = false;
	bed_broker_restart(&b);
	assert_true(bed_until(&b, C, 2000) >= 0);
	has(b.why, "4 begun A>C: ");
	has(b.why, "4 done ->C: ");
	/* The same if it never comes: failed, and case 1 with its own. */
	with_a(&b);
	granting(&b);
	b.link[C] = false;
	bed_broker_restart(&b);
	assert_true(bed_until(&b, A, 40000) >= 0 || bed_at_work(&b) == B);
	has(b.why, "4 failed ->C: ");
	has(b.why, "1 begun ");
}

/* initial_status = on later than the first: why is it off again? */
static void
an_agent_that_is_sent_off_at_its_return_is_on_record(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 20000) > 0);
	bed_cut(&b, B);
	b.why[0] = '\0';
	bed_lease(&b, C, (struct lease_event){ .kind = LEASE_EV_KEY });
	b.l[C].d = (struct lease_durable){ .on = true };
	b.l[C].key = true;
	bed_mend(&b, C);		/* WAIT: nobody is at work */
	assert_false(b.l[C].d.on);
	assert_int_equal(count(b.why, "3 begun C>B: "), 1);
	assert_int_equal(count(b.why, "3 done "), 1);
}

/* "Who is eligible, and why not" is what one asks when nobody is. */
static void
nobody_eligible_is_on_record_once(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.a[B].in_sync = b.a[C].in_sync = false;
	bed_kill(&b, A);
	bed_run(&b, 60000);
	assert_int_equal(count(b.why, "1 begun A>-: "), 1);
	assert_int_equal(count(b.why, "1 failed "), 1);
	b.a[B].in_sync = true;
	assert_true(bed_until(&b, B, 6000) >= 0);
	assert_int_equal(count(b.why, "1 begun "), 2);
	assert_int_equal(count(b.why, "1 done ->B: "), 1);

	with_a(&b);			/* the same for case 2 */
	b.p.transfer_on_condition = true;
	for (int i = 0; i < BED_N; i++)
		b.a[i].condition_met = true;
	bed_run(&b, 10000);
	assert_int_equal(count(b.why, "2 begun A>-: "), 1);
	assert_int_equal(count(b.why, "2 failed "), 1);
	assert_int_equal(bed_at_work(&b), A);
}

static void
operators_that_move_nothing_are_on_record(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	bed_on(&b, A, 1);		/* pin renewed */
	has(b.why, "4 begun A>A: ");
	has(b.why, "4 done ");
	bed_off(&b, C, 2, false);	/* a spare is held off */
	has(b.why, "5 begun A>A: node-c turned off");
	has(b.why, "5 done ");
	assert_int_equal(bed_at_work(&b), A);
	assert_int_equal(b.r.state, ROLE_HELD);
}

static void
a_refusal_names_reason_and_cure(void **unused)
{
	static const char *const cures[][2] = {
		{ "not connected", "muster agent show node-c" },
		{ "a worker", "leave" },
		{ "not controlled", "allow_control" },
		{ "drained", "muster agent undrain node-c" },
		{ "clock", "time synchronisation" },
		{ "disk full", "free disk space" },
	};

	(void)unused;
	for (int i = 0; i < 6; i++) {
		struct bed b;

		with_a(&b);
		b.a[C].connected = i != 0;
		b.a[C].worker = i == 1;
		b.a[C].controlled = i != 2;
		b.a[C].drained = i == 3;
		b.a[C].clock_ok = i != 4;
		b.a[C].accepts = i != 5;
		bed_on(&b, C, 1);
		assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
		has(b.text[1], cures[i][0]);
		has(b.text[1], cures[i][1]);
		assert_int_equal(bed_at_work(&b), A);
	}
}

/* Its help says: "end the hold or the pin". */
static void
release_ends_the_pin_too(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.p.transfer_on_condition = true;
	bed_on(&b, A, 1);
	b.a[A].condition_met = true;
	bed_run(&b, 5000);
	assert_int_equal(bed_at_work(&b), A);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_RELEASE,
	    .agent = A + 1, .op = 2 });
	assert_int_equal(b.disk.pinned, 0);
	assert_true(bed_until(&b, B, 2000) >= 0);
	assert_int_equal(b.move, 2);
}

/* Whoever waits at a prompt is told; and nothing is moved days later, when
 * somebody sets it on again, because of a command that nobody remembers. */
static void
control_off_abandons_the_move_under_way(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.a[B].health = 5;
	b.hold[A] = true;
	bed_on(&b, C, 1);
	b.p.control_status = false;
	settings(&b);
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	has(b.text[1], "control_status");
	has(b.why, "4 failed ");
	bed_run(&b, 30000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_int_equal(b.grants[C], 0);
	b.p.control_status = true;
	settings(&b);
	bed_run(&b, 1000);		/* not at once, and not C as such */
	assert_int_equal(b.grants[B] + b.grants[C], 0);
	assert_true(bed_until(&b, B, 20000) > 0);
	assert_int_equal(b.move, 1);
}

static void
control_off_while_a_grant_is_out(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	granting(&b);
	b.p.control_status = false;
	settings(&b);
	bed_release_held(&b);		/* it takes it: it is the holder */
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), C);
	assert_int_equal(b.told[1], ROLE_TOLD_DONE + 1);

	with_a(&b);
	granting(&b);
	b.p.control_status = false;
	settings(&b);
	bed_run(&b, 12000);
	assert_int_equal(b.told[1], ROLE_TOLD_TIMED_OUT + 1);
	has(b.why, "4 failed ");
}

/* SPEC: "refuses both verbs with that reason", the one that waits for the
 * catalogue too; the Scheduler goes on being renewed meanwhile. */
static void
one_that_waits_to_be_in_sync_is_asked_again_then(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.a[C].in_sync = false;
	bed_on(&b, C, 1);
	b.p.control_status = false;
	settings(&b);
	b.a[C].in_sync = true;
	bed_run(&b, 8000);
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	assert_int_equal(bed_at_work(&b), A);

	with_a(&b);
	b.a[C].in_sync = false;
	bed_on(&b, C, 1);
	b.a[C].drained = b.a[C].in_sync = true;
	bed_run(&b, 8000);
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	has(b.text[1], "drained");
	assert_int_equal(bed_at_work(&b), A);
}

/* A proposal is open no longer than what it was made for. */
static void
proposals_lapse_with_their_reason_or_are_confirmed(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	bed_run(&b, 3000);
	has(b.why, "2 proposed A>B: ");
	b.a[B].condition_met = b.a[C].condition_met = true;
	bed_run(&b, 2000);		/* nobody to propose any more */
	has(b.why, "2 lapsed A>B: ");
	assert_int_equal(b.r.proposal.move, 0);
	b.a[C].condition_met = false;
	bed_run(&b, 2000);
	has(b.why, "2 proposed A>C: ");
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 1 });
	has(b.why, "2 confirmed A>C: ");
	bed_pump(&b);
	assert_true(bed_until(&b, C, 500) >= 0);

	/* It meets the condition by the time that it is confirmed. */
	with_a(&b);
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	bed_run(&b, 3000);
	b.a[B].condition_met = true;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 1 });
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	has(b.why, "2 lapsed A>B: ");
	assert_int_equal(bed_at_work(&b), A);
	/* Case 3: the other one is no longer the better one. */
	with_a(&b);
	bed_cut(&b, A);
	assert_true(bed_until(&b, B, 20000) > 0);
	b.p.control = ROLE_ADVISE;
	b.a[A].health = 5;
	b.a[A].marks.want_off = false;
	bed_mend(&b, A);
	has(b.why, "3 proposed B>A: ");
	b.a[A].health = 1;
	bed_run(&b, 2000);
	has(b.why, "3 lapsed B>A: ");
	assert_false(b.l[A].d.on);
	assert_int_equal(bed_at_work(&b), B);
}

static void
in_order(const char *text, const char *first, const char *second)
{
	const char *x = strstr(text, first), *y = strstr(text, second);

	if (x == NULL || y == NULL || x > y)
		fail_msg("not \"%s\", then \"%s\" in:\n%s", first, second,
		    text);
}

/* One record is open at a time: why would say of the decision that came in
 * between that it lapsed, and of the proposal that it still waits. */
static void
a_decision_ends_the_proposal_before_it(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.p.control = ROLE_ADVISE;
	bed_kill(&b, A);
	bed_run(&b, 17000);
	has(b.why, "1 proposed A>B: ");
	bed_restart(&b, A);		/* it goes on by itself */
	bed_run(&b, 1000);
	assert_int_equal(bed_at_work(&b), A);
	in_order(b.why, "1 lapsed A>B: ", "1 begun A>A: ");
	in_order(b.why, "1 begun A>A: ", "1 done ->A: ");

	with_a(&b);
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	b.a[A].condition_met = true;
	bed_run(&b, 2000);
	has(b.why, "2 proposed A>B: ");
	bed_off(&b, C, 1, false);	/* moves nothing, and is on record */
	in_order(b.why, "2 lapsed A>B: ", "5 begun A>A: ");
	b.why[0] = '\0';
	bed_run(&b, 2000);
	has(b.why, "2 proposed A>B: ");	/* it still holds */
}

/* Who reads why must see which of two commands ended the other. */
static void
a_superseded_decision_says_by_what(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.deaf[A] = true;
	bed_on(&b, B, 1);
	bed_on(&b, C, 2);
	has(b.why, "4 superseded ->A: superseded by case 4, node-c: turned on "
	    "by an operator");
}

/* "A Scheduler that is drained hands over first", also when that could not be
 * done at once: else maintenance begins on the machine that fires. */
static void
one_that_was_drained_meanwhile_hands_over(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.p.control_status = false;
	settings(&b);
	b.a[A].drained = true;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = A + 1, .must = true });
	bed_run(&b, 3000);
	assert_int_equal(bed_at_work(&b), A);	/* it only observes */
	b.p.control_status = true;
	settings(&b);
	assert_true(bed_until(&b, B, 1000) >= 0);
	has(b.why, "5 begun A>B: the Scheduler is drained");

	/* The broker died when that it is drained was on disk, and no more. */
	with_a(&b);
	b.a[A].drained = true;
	bed_broker_restart(&b);
	assert_true(bed_until(&b, B, 6000) >= 0);
	has(b.why, "5 begun A>B: the Scheduler is drained");
}

/* The broker moves nothing then, but nobody fires: an operator must see that,
 * and what to do. */
static void
nobody_is_at_work_while_control_is_off(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.p.control_status = false;
	settings(&b);
	bed_kill(&b, A);
	bed_run(&b, 10000);
	assert_int_equal(b.r.alerts & 1u << ROLE_ALERT_NO_SCHEDULER, 0);
	bed_run(&b, 7000);
	assert_int_not_equal(b.r.alerts & 1u << ROLE_ALERT_NO_SCHEDULER, 0);
	assert_int_equal(bed_at_work(&b), -1);
	bed_restart(&b, B);		/* of no help */
	assert_int_not_equal(b.r.alerts & 1u << ROLE_ALERT_NO_SCHEDULER, 0);
	b.p.control_status = true;
	settings(&b);
	assert_true(bed_until(&b, B, 17000) >= 0);
	assert_int_equal(b.r.alerts & 1u << ROLE_ALERT_NO_SCHEDULER, 0);
}

/* "If none: stay, and raise an alert": it ends when there is one. */
static void
a_proposal_ends_the_alert_that_nobody_can_take_over(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	b.p.control = ROLE_ADVISE;
	b.p.transfer_on_condition = true;
	for (int i = 0; i < BED_N; i++)
		b.a[i].condition_met = true;
	bed_run(&b, 2000);
	assert_int_not_equal(b.r.alerts & 1u << ROLE_ALERT_NO_SPARE, 0);
	b.a[C].condition_met = false;
	bed_run(&b, 2000);
	has(b.why, "2 proposed A>C: ");
	assert_int_equal(b.r.alerts & 1u << ROLE_ALERT_NO_SPARE, 0);
}

/* Who saw a cluster without a Scheduler must not move the one that came. */
static void
epoch_0_is_stale_once_there_was_a_grant(void **unused)
{
	struct bed b;

	(void)unused;
	with_a(&b);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = B + 1, .op = 1, .epoch = ROLE_EPOCH_ZERO });
	assert_int_equal(b.told[1], ROLE_TOLD_STALE + 1);
	bed_make(&b, false);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = B + 1, .op = 1, .epoch = ROLE_EPOCH_ZERO });
	assert_true(bed_until(&b, B, 1000) >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scheduler_that_restarts_leaves_a_record),
		cmocka_unit_test(
		    a_scheduler_that_turned_itself_off_is_on_record),
		cmocka_unit_test(
		    a_restarted_broker_ends_the_record_of_its_grant),
		cmocka_unit_test(
		    an_agent_that_is_sent_off_at_its_return_is_on_record),
		cmocka_unit_test(nobody_eligible_is_on_record_once),
		cmocka_unit_test(operators_that_move_nothing_are_on_record),
		cmocka_unit_test(a_refusal_names_reason_and_cure),
		cmocka_unit_test(release_ends_the_pin_too),
		cmocka_unit_test(control_off_abandons_the_move_under_way),
		cmocka_unit_test(control_off_while_a_grant_is_out),
		cmocka_unit_test(
		    one_that_waits_to_be_in_sync_is_asked_again_then),
		cmocka_unit_test(
		    proposals_lapse_with_their_reason_or_are_confirmed),
		cmocka_unit_test(a_decision_ends_the_proposal_before_it),
		cmocka_unit_test(a_superseded_decision_says_by_what),
		cmocka_unit_test(one_that_was_drained_meanwhile_hands_over),
		cmocka_unit_test(nobody_is_at_work_while_control_is_off),
		cmocka_unit_test(
		    a_proposal_ends_the_alert_that_nobody_can_take_over),
		cmocka_unit_test(epoch_0_is_stale_once_there_was_a_grant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
