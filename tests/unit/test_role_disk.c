/* What a restarted broker knows of the Scheduler role.  A pin that lasts an
 * hour longer because somebody set the clock back would leave the role on an
 * overloaded machine for that hour; one forgotten undoes an operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/role_disk.h"

enum { HOUR = 3600000, MIN = 60000 };

static const struct now then = { { 5000000000 }, { 1700000000000 } };

static struct now
later(int64_t mono_ms, int64_t wall_ms)
{
	struct now n = then;

	n.mono = mono_add_ms(n.mono, mono_ms);
	n.wall.ms += wall_ms;
	return n;
}

/* Stored with ten minutes of a pin and a minute's pause left; read later. */
static struct role
restarted(struct now at, const char *boot)
{
	struct role r = { .d = { .epoch = 7, .holder = 2, .pinned = 2,
	    .intent = true, .aim = ROLE_AIM_AGENT, .target = 3, .avoid = 1,
	    .move = 4, .lifts = 3, .vacant = true, .off_below = 6,
	    .fence_ms = 5000 } };
	struct role_policy p;
	struct role_durable d = { .epoch = 7, .holder = 2 };
	struct role_out out;
	char *text;

	role_policy_default(&p);
	r.pin_end = mono_add_ms(then.mono, 10 * MIN);
	r.switch_after = mono_add_ms(then.mono, MIN);
	text = role_disk_dump(&r, then, "boot-1");
	role_disk_read(&d, text, at, boot, p.switch_min_interval);
	free(text);
	assert_true(d.intent && d.aim == ROLE_AIM_AGENT && d.target == 3 &&
	    d.avoid == 1 && d.move == 4 && d.lifts == 3 && d.vacant &&
	    d.off_below == 6 && d.fence_ms == 5000 && !d.restored);
	d.intent = d.vacant = false;
	role_boot(&r, &d, &p, at, &out);
	return r;
}

static int64_t
pin_left(const struct role *r, struct now at)
{
	return r->d.pinned != 0 ? mono_diff_ms(r->pin_end, at.mono) : 0;
}

static int64_t
pause_left(const struct role *r, struct now at)
{
	int64_t ms = mono_diff_ms(r->switch_after, at.mono);

	return ms > 0 ? ms : 0;
}

static void
an_hour_either_way_changes_nothing_while_the_machine_is_up(void **unused)
{
	static const int64_t steps[] = { 0, HOUR, -HOUR };

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		struct now at = later(30000, 30000 + steps[i]);
		struct role r = restarted(at, "boot-1");

		assert_int_equal(pin_left(&r, at), 10 * MIN - 30000);
		assert_int_equal(pause_left(&r, at), 30000);
		at = later(11 * MIN, 11 * MIN + steps[i]);
		r = restarted(at, "boot-1");
		assert_int_equal(pin_left(&r, at), 0);
		assert_int_equal(pause_left(&r, at), 0);
	}
}

static void
over_a_reboot_never_more_than_was_left(void **unused)
{
	struct now at = { { 1000000 }, { then.wall.ms + 2 * MIN } };
	struct role r = restarted(at, "boot-2");

	(void)unused;
	assert_int_equal(pin_left(&r, at), 8 * MIN);
	assert_int_equal(pause_left(&r, at), 0);
	at.wall.ms = then.wall.ms - HOUR;	/* set back meanwhile */
	r = restarted(at, "boot-2");
	assert_int_equal(pin_left(&r, at), 10 * MIN);
	assert_int_equal(pause_left(&r, at), MIN);
	at.wall.ms = then.wall.ms + HOUR;
	r = restarted(at, "boot-2");
	assert_int_equal(pin_left(&r, at), 0);
	/* Nobody knows which boot this is: the same rule. */
	at = later(MIN, -HOUR);
	r = restarted(at, "");
	assert_int_equal(pin_left(&r, at), 10 * MIN);
}

static void
what_cannot_be_read_is_a_role_that_was_never_held(void **unused)
{
	static const char *const bad[] = { NULL, "", "[", "{\"aim\":99,"
	    "\"move\":17,\"pin_left\":-5,\"pinned\":4}" };

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		struct role_durable d = { 0 };

		role_disk_read(&d, bad[i], then, "boot-1", 60000);
		assert_true(!d.intent && d.aim == ROLE_AIM_ANY && d.move == 0 &&
		    d.pinned == 0 && d.pin_until.ms == 0 && d.switched.ms == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_hour_either_way_changes_nothing_while_the_machine_is_up),
		cmocka_unit_test(over_a_reboot_never_more_than_was_left),
		cmocka_unit_test(
		    what_cannot_be_read_is_a_role_that_was_never_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
