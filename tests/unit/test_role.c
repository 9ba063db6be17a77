/* The role core: the rules around the cases (control, settings, holds, pins,
 * restarts).  The five cases, word by word, are in test_role_case.c, the traces
 * in test_role_trace.c, every state x event x facts in test_role_every.c. */
#include <time.h>

#include "bed.h"

static void
control_status_off_only_observes(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	bed_run(&b, 2000);
	b.p.control_status = false;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	bed_on(&b, B, 1);
	bed_off(&b, A, 2, false);
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	assert_int_equal(b.told[2], ROLE_TOLD_REFUSED + 1);
	assert_non_null(strstr(b.text[1], "control_status"));
	bed_run(&b, 60000);		/* renewals go on */
	assert_int_equal(bed_at_work(&b), A);
	bed_kill(&b, A);
	bed_run(&b, 60000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_int_equal(b.grants[B] + b.grants[C], 0);
	b.p.control_status = true;	/* "WAIT timer restarts" */
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	bed_run(&b, 14000);
	assert_int_equal(b.grants[B] + b.grants[C], 0);
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), B);
}

static void
manual_lets_only_operators_move_the_role(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	b.p.control = ROLE_MANUAL;
	b.p.transfer_on_condition = true;
	bed_run(&b, 2000);
	b.a[A].condition_met = true;
	bed_run(&b, 5000);
	assert_int_equal(bed_at_work(&b), A);
	bed_kill(&b, A);
	bed_run(&b, 60000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_true(b.raised & 1u << ROLE_ALERT_NO_SCHEDULER);
	bed_on(&b, C, 1);
	assert_true(bed_until(&b, C, 200) >= 0);
	b.a[A].health = 5;		/* superseded: still sent OFF */
	bed_restart(&b, A);
	bed_run(&b, 2000);
	assert_false(b.l[A].d.on);
	assert_int_equal(bed_at_work(&b), C);
}

static void
advise_proposes_and_an_operator_confirms(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	b.p.control = ROLE_ADVISE;
	bed_run(&b, 2000);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 1 });
	assert_int_equal(b.told[1], ROLE_TOLD_REFUSED + 1);
	bed_kill(&b, A);
	bed_run(&b, 20000);
	assert_int_equal(bed_at_work(&b), -1);
	assert_int_equal(b.outcome, ROLE_PROPOSED);
	assert_true(b.r.alerts & 1u << ROLE_ALERT_PROPOSAL);
	bed_restart(&b, A);		/* it came back: lapsed */
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), A);
	assert_false(b.r.alerts & 1u << ROLE_ALERT_PROPOSAL);
	bed_kill(&b, A);
	bed_run(&b, 20000);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 2 });
	bed_pump(&b);
	assert_true(bed_until(&b, B, 500) >= 0);
	assert_int_equal(b.told[2], ROLE_TOLD_DONE + 1);
	b.p.transfer_on_condition = true;	/* the same for case 2 */
	b.a[B].condition_met = true;
	bed_run(&b, 3000);
	assert_int_equal(bed_at_work(&b), B);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_CONFIRM,
	    .op = 3 });
	bed_pump(&b);
	assert_true(bed_until(&b, C, 500) >= 0);
	assert_int_equal(b.told[3], ROLE_TOLD_DONE + 1);
}

/* A restart of the only machine's daemon must not cost 15 s. */
static void
a_local_scheduler_is_back_at_once_after_a_restart(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	bed_cut(&b, B);
	bed_cut(&b, C);
	bed_run(&b, 5000);
	b.up[A] = b.link[A] = false;
	bed_broker_restart(&b);
	bed_restart(&b, A);
	assert_int_equal(bed_at_work(&b), A);
	assert_int_equal(b.r.d.epoch, 2);
	/* A clean shutdown with nobody to take over leaves it ON. */
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_LEAVING,
	    .agent = A + 1 });
	bed_pump(&b);
	assert_true(b.l[A].d.on);
}

static void
initial_status_is_adopted_at_once_and_only_at_epoch_0(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	assert_int_equal(bed_at_work(&b), A);
	assert_int_equal(b.r.d.epoch, 1);
	b.ldisk[C] = (struct lease_durable){ .on = true };
	bed_kill(&b, C);
	b.a[C].health = 5;
	bed_restart(&b, C);
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), A);
	assert_false(b.l[C].d.on);
}

static void
a_move_survives_a_restart_of_the_broker(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	bed_run(&b, 2000);
	b.a[C].health = 1;
	b.hold[A] = true;
	bed_on(&b, C, 1);
	bed_broker_restart(&b);
	assert_int_equal(b.r.state, ROLE_REVOKING);
	b.nheld = 0;
	b.hold[A] = false;
	bed_run(&b, 5500);		/* A's heartbeat is answered with OFF */
	assert_true(bed_until(&b, C, 1000) >= 0);
	assert_true(role_pinned(&b.r, b.now.mono));
	bed_broker_restart(&b);		/* the pin survives as well */
	bed_run(&b, 1500);
	assert_int_equal(bed_at_work(&b), C);
	assert_true(role_pinned(&b.r, b.now.mono));
	bed_run(&b, 600000);
	assert_false(role_pinned(&b.r, b.now.mono));
}

/* Lost: the operator's choice would stand for an hour that nobody asked for,
 * because the clock of the broker's machine was set back. */
static void
a_pin_outlives_no_step_of_the_clock(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	bed_run(&b, 2000);
	bed_on(&b, C, 1);
	bed_run(&b, 1000);
	b.now.wall.ms -= 3600 * 1000;
	bed_broker_restart(&b);
	bed_run(&b, 1500);
	assert_int_equal(bed_at_work(&b), C);
	assert_true(role_pinned(&b.r, b.now.mono));
	assert_true(b.r.d.pin_until.ms <= b.now.wall.ms + b.p.manual_hold);
	bed_run(&b, b.p.manual_hold);
	assert_false(role_pinned(&b.r, b.now.mono));
}

/* A lowered setting doesn't shorten a lease that was given before it. */
static void
a_lowered_off_timeout_waits_for_older_leases(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	b.p.off_timeout = 30000;
	b.p.connection_timeout = 30000;
	b.p.lease = 20000;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	bed_run(&b, 2000);
	b.deaf[A] = true;
	b.p.off_timeout = 5000;
	b.p.connection_timeout = 15000;
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_SETTINGS });
	bed_broker_restart(&b);
	bed_on(&b, B, 1);
	bed_run(&b, 22000);		/* bed_at_work would see two */
	assert_true(bed_until(&b, B, 10000) >= 0);
}

static void
a_dry_run_changes_nothing(void **unused)
{
	static struct role_out out;
	struct bed	  b;
	struct role	  supposed;
	struct role_agent was[BED_N];
	struct role_event ev = { .kind = ROLE_EV_OP_OFF, .agent = A + 1 };

	(void)unused;
	bed_make(&b, true);
	bed_run(&b, 2000);
	supposed = b.r;
	memcpy(was, b.a, sizeof(was));
	ev.now = b.now;
	role_step(&supposed, &b.p, b.a, BED_N, &ev, &out);
	assert_int_equal(supposed.state, ROLE_REVOKING);
	role_undo(b.a, BED_N, &out);
	assert_memory_equal(was, b.a, sizeof(was));
	bed_run(&b, 2000);
	assert_int_equal(bed_at_work(&b), A);
}

static void
operators_are_told_what_is_stale_or_unknown(void **unused)
{
	struct bed b;

	(void)unused;
	bed_make(&b, true);
	bed_run(&b, 2000);
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_OFF,
	    .agent = A + 1, .op = 1, .epoch = 9 });
	assert_int_equal(b.told[1], ROLE_TOLD_STALE + 1);
	assert_non_null(strstr(b.text[1], "node-a (epoch 1)"));
	bed_event(&b, (struct role_event){ .kind = ROLE_EV_OP_ON,
	    .agent = 99, .op = 2 });
	assert_int_equal(b.told[2], ROLE_TOLD_UNKNOWN + 1);
	assert_int_equal(bed_at_work(&b), A);
}

static void
best_goes_by_condition_health_priority_running_name(void **unused)
{
	struct bed  b;
	const char *by = NULL;

	(void)unused;
	bed_make(&b, false);
#define BEST(purpose) (role_best(&b.r, b.a, BED_N, purpose)->id - 1)
	assert_int_equal(BEST(ROLE_FOR_CASE1), A);	/* name */
	b.a[A].running = 1;
	assert_int_equal(BEST(ROLE_FOR_CASE1), B);
	b.a[C].priority = 1;
	assert_int_equal(BEST(ROLE_FOR_CASE1), C);
	b.a[B].health = 5;
	assert_int_equal(BEST(ROLE_FOR_CASE1), B);
	assert_true(role_compare(&b.a[B], &b.a[C], ROLE_FOR_CASE1, &by) > 0);
	assert_string_equal(by, "health");
	b.a[B].condition_met = true;
	assert_int_equal(BEST(ROLE_FOR_CASE1), C);
	b.a[C].marks.failed = 1;
	assert_int_equal(BEST(ROLE_FOR_CASE1), A);
	b.a[A].connected = false;
	assert_int_equal(BEST(ROLE_FOR_CASE1), B);	/* better than failed */
	assert_null(role_best(&b.r, b.a, BED_N, ROLE_FOR_CASE2));
	for (int i = 0; i < ROLE_NREASONS; i++)
		assert_true(role_reason_text((enum role_reason)i)[0] != '\0');
#undef BEST
}

static void
settings_that_would_let_a_lease_outlive_its_wait_are_refused(void **unused)
{
	struct role_policy p;
	struct err	   e;

	(void)unused;
	role_policy_default(&p);
	assert_int_equal(role_policy_check(&p, &e), 0);
	p.lease = 4100;
	assert_int_equal(role_policy_check(&p, &e), -1);
	assert_non_null(strstr(e.msg, "off_timeout"));
	role_policy_default(&p);
	p.connection_timeout = 1000;
	assert_int_equal(role_policy_check(&p, &e), -1);
	assert_non_null(strstr(e.msg, "connection_timeout"));
	role_policy_default(&p);
	p.heartbeat = 2001;
	assert_int_equal(role_policy_check(&p, &e), -1);
}

/* 10,000 spares heartbeat every 5 s: that must cost next to nothing. */
static void
a_heartbeat_of_a_spare_does_not_scan(void **unused)
{
	enum { MANY = 10000, BEATS = 200000 };
	static struct role_agent a[MANY];
	static char		 name[MANY][16];
	static struct role_out	 out;
	struct bed		 b;
	clock_t			 t;

	(void)unused;
	bed_make(&b, true);
	for (int i = 0; i < MANY; i++) {
		a[i] = b.a[i < BED_N ? i : B];
		a[i].id = i + 1;
		(void)snprintf(name[i], sizeof(name[i]), "n%d", i);
		a[i].name = name[i];
	}
	t = clock();
	for (int k = 0; k < BEATS; k++) {
		size_t		  i = 1 + (size_t)k % (MANY - 1);
		struct role_event ev = { .kind = ROLE_EV_HEARTBEAT,
		    .agent = (int64_t)i + 1, .at = i, .now = b.now };

		role_step(&b.r, &b.p, a, MANY, &ev, &out);
		assert_int_equal(out.n, 0);
	}
	print_message("%d heartbeats in %.0f ms\n", BEATS,
	    (double)(clock() - t) * 1000 / CLOCKS_PER_SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_status_off_only_observes),
		cmocka_unit_test(manual_lets_only_operators_move_the_role),
		cmocka_unit_test(advise_proposes_and_an_operator_confirms),
		cmocka_unit_test(
		    a_local_scheduler_is_back_at_once_after_a_restart),
		cmocka_unit_test(
		    initial_status_is_adopted_at_once_and_only_at_epoch_0),
		cmocka_unit_test(a_move_survives_a_restart_of_the_broker),
		cmocka_unit_test(a_pin_outlives_no_step_of_the_clock),
		cmocka_unit_test(
		    a_lowered_off_timeout_waits_for_older_leases),
		cmocka_unit_test(a_dry_run_changes_nothing),
		cmocka_unit_test(operators_are_told_what_is_stale_or_unknown),
		cmocka_unit_test(
		    best_goes_by_condition_health_priority_running_name),
		cmocka_unit_test(
		 settings_that_would_let_a_lease_outlive_its_wait_are_refused),
		cmocka_unit_test(a_heartbeat_of_a_spare_does_not_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
