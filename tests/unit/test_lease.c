#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/lease.h"

static const struct lease_policy suspend, go_on = { true };

static struct now
at(int64_t ms)
{
	return (struct now){ { ms * 1000 }, { ms } };
}

static bool
did(const struct lease_out *o, enum lease_act_kind kind)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->act[i].kind == kind)
			return true;
	return false;
}

static struct lease_out
go(struct lease *l, int64_t ms, struct lease_event ev)
{
	struct lease_out out;

	ev.now = at(ms);
	lease_step(l, &suspend, &ev, &out);
	return out;
}

static int64_t
beat(struct lease *l, int64_t ms)
{
	(void)go(l, ms, (struct lease_event){ .kind = LEASE_EV_BEAT });
	return l->seq;
}

static struct lease_out
grant(struct lease *l, int64_t ms, int64_t epoch, int64_t seq)
{
	return go(l, ms, (struct lease_event){ .kind = LEASE_EV_GRANT,
	    .epoch = epoch, .start = l->start, .seq = seq,
	    .lease_ms = 4000 });
}

static struct lease_out
ack(struct lease *l, int64_t ms, int64_t epoch, int64_t seq)
{
	return go(l, ms, (struct lease_event){ .kind = LEASE_EV_ACK,
	    .epoch = epoch, .start = l->start, .seq = seq,
	    .lease_ms = 4000 });
}

static struct lease_out
off(struct lease *l, int64_t ms, int64_t epoch)
{
	return go(l, ms, (struct lease_event){ .kind = LEASE_EV_OFF,
	    .epoch = epoch });
}

static bool
fires(const struct lease *l, int64_t ms)
{
	return lease_may_fire(l, &suspend, at(ms).mono) == LEASE_FIRE_YES;
}

static struct lease
fresh(void)
{
	struct lease_durable d = { .on = false };
	struct lease	     l;

	lease_boot(&l, &d, 77, true);
	return l;
}

/* Otherwise a late message keeps a Scheduler at work that the broker has
 * replaced. */
static void
the_lease_counts_from_the_heartbeat_not_from_the_receipt(void **unused)
{
	struct lease	 l = fresh();
	int64_t		 seq = beat(&l, 1000);
	struct lease_out out = grant(&l, 3500, 1, seq);

	(void)unused;
	assert_int_equal(out.act[0].kind, LEASE_ACT_PERSIST);
	assert_true(did(&out, LEASE_ACT_START) && did(&out, LEASE_ACT_BEAT));
	assert_true(fires(&l, 4999) && !fires(&l, 5000));
	assert_int_equal(lease_left(&l, at(4000).mono), 1000);
	/* The STOP comes by itself, with no message at all. */
	assert_int_equal(lease_next_deadline(&l).us, 5000000);
	out = go(&l, 5000, (struct lease_event){ .kind = LEASE_EV_TICK });
	assert_true(did(&out, LEASE_ACT_STOP) && l.d.on);
	seq = beat(&l, 6000);
	out = ack(&l, 6100, 1, seq);
	assert_true(did(&out, LEASE_ACT_START) && fires(&l, 9999));
}

/* A late copy of a revoked grant must not put it back to work. */
static void
a_grant_at_or_below_the_floor_is_refused(void **unused)
{
	struct lease	 l = fresh();
	struct lease_out out;

	(void)unused;
	(void)grant(&l, 1000, 5, beat(&l, 1000));
	out = grant(&l, 1100, 5, beat(&l, 1100));	/* repeated: fine */
	assert_false(did(&out, LEASE_ACT_REFUSE));
	out = off(&l, 1200, 5);
	assert_int_equal(out.act[0].kind, LEASE_ACT_STOP);
	assert_true(did(&out, LEASE_ACT_PERSIST));
	assert_true(!l.d.on && l.d.floor == 5);
	for (int64_t e = 1; e <= 5; e++) {
		out = grant(&l, 1300, e, beat(&l, 1300));
		assert_true(did(&out, LEASE_ACT_REFUSE));
		assert_true(!l.d.on && !did(&out, LEASE_ACT_PERSIST));
	}
	(void)grant(&l, 1400, 6, beat(&l, 1400));
	assert_true(l.d.on && l.d.epoch == 6 && l.d.floor == 6);
}

/* A revoke that overtook its grant holds. */
static void
an_off_that_comes_before_its_grant_holds(void **unused)
{
	struct lease l = fresh();
	int64_t	     seq = beat(&l, 1000);

	(void)unused;
	(void)off(&l, 1100, 3);
	(void)grant(&l, 1200, 3, seq);
	assert_true(!l.d.on && l.d.floor == 3);
}

static void
an_off_below_its_epoch_is_not_obeyed(void **unused)
{
	struct lease	 l = fresh();
	struct lease_out out;

	(void)unused;
	(void)grant(&l, 1000, 5, beat(&l, 1000));
	out = off(&l, 1100, 4);
	assert_true(did(&out, LEASE_ACT_REFUSE) && fires(&l, 1200));
}

/* The cursors of before the restart are worthless: ON, but at rest. */
static void
a_restarted_scheduler_rests_until_a_new_grant(void **unused)
{
	struct lease	  l = fresh();
	struct lease_beat b;
	struct lease_out  out;
	int64_t		  seq;

	(void)unused;
	(void)grant(&l, 1000, 5, beat(&l, 1000));
	lease_boot(&l, &l.d, 78, true);
	seq = beat(&l, 1500);
	lease_say(&l, at(1500).mono, &b);
	assert_true(b.on && b.fresh && b.suspended && b.epoch == 5);
	out = ack(&l, 1600, 5, seq);
	assert_true(did(&out, LEASE_ACT_REFUSE) && !fires(&l, 1600));
	/* A grant that was sent to the former start is not this one's. */
	out = go(&l, 1700, (struct lease_event){ .kind = LEASE_EV_GRANT,
	    .epoch = 6, .start = 77, .seq = 1, .lease_ms = 4000 });
	assert_true(did(&out, LEASE_ACT_REFUSE) && !fires(&l, 1700));
	(void)grant(&l, 1800, 6, seq);
	assert_true(fires(&l, 5499) && !fires(&l, 5500));
}

static void
heartbeats_of_an_earlier_session_extend_nothing(void **unused)
{
	struct lease l = fresh();
	int64_t	     seq;

	(void)unused;
	(void)grant(&l, 1000, 1, beat(&l, 1000));
	seq = beat(&l, 2000);
	(void)go(&l, 2500, (struct lease_event){ .kind = LEASE_EV_SESSION });
	(void)ack(&l, 2600, 1, seq);
	assert_false(fires(&l, 5000));
	/* Nor does a number that is still to come, or was never sent. */
	(void)ack(&l, 2700, 1, seq + 1);
	(void)ack(&l, 2700, 1, -5);
	assert_false(fires(&l, 5000));
	(void)ack(&l, 2900, 1, beat(&l, 2800));
	assert_true(fires(&l, 6799));
}

static void
the_ring_forgets_heartbeats_that_are_too_old(void **unused)
{
	struct lease l = fresh();
	int64_t	     first;

	(void)unused;
	(void)grant(&l, 1000, 1, beat(&l, 1000));
	first = beat(&l, 1100);
	for (int i = 0; i < LEASE_RING; i++)
		(void)beat(&l, 1200);
	(void)ack(&l, 1300, 1, first);
	assert_false(fires(&l, 5000));
	/* An older answer never shortens the lease. */
	(void)ack(&l, 1400, 1, l.seq);
	(void)ack(&l, 1400, 1, l.seq - 10);
	assert_true(fires(&l, 5199));
}

/* "Clearing allow_control takes the agent out of role control at once." */
static void
a_cleared_key_turns_a_scheduler_off(void **unused)
{
	struct lease	 l = fresh();
	struct lease_out out;

	(void)unused;
	(void)grant(&l, 1000, 5, beat(&l, 1000));
	out = go(&l, 1100, (struct lease_event){ .kind = LEASE_EV_KEY });
	assert_true(did(&out, LEASE_ACT_STOP) && !l.d.on && l.d.floor == 5);
	out = grant(&l, 1200, 6, beat(&l, 1200));
	assert_true(did(&out, LEASE_ACT_REFUSE) && l.d.floor == 5);
	(void)go(&l, 1300, (struct lease_event){ .kind = LEASE_EV_KEY,
	    .key = true });
	assert_false(l.d.on);
}

/* An operator at the machine said off: only an operator says on. */
static void
off_at_the_node_itself_holds_against_the_broker(void **unused)
{
	struct lease	   l = fresh();
	struct lease_event op = { .kind = LEASE_EV_GRANT, .epoch = 7,
	    .start = 77, .lease_ms = 4000, .lifts = 1 };

	(void)unused;
	(void)grant(&l, 1000, 5, beat(&l, 1000));
	(void)go(&l, 1100, (struct lease_event){ .kind = LEASE_EV_HOLD });
	assert_true(!l.d.on && l.d.held == 1);
	(void)grant(&l, 1200, 6, beat(&l, 1200));
	assert_false(l.d.on);
	op.seq = beat(&l, 1300);
	(void)go(&l, 1300, op);
	assert_true(l.d.on && l.d.held == 0);
	(void)go(&l, 1400, (struct lease_event){ .kind = LEASE_EV_HOLD });
	/* What an operator chose before it does not end it. */
	op.epoch = 9;
	op.seq = beat(&l, 1450);
	(void)go(&l, 1450, op);
	assert_true(!l.d.on && l.d.held == 2);
	(void)go(&l, 1500, (struct lease_event){ .kind = LEASE_EV_RELEASE,
	    .lifts = 1 });
	assert_int_equal(l.d.held, 2);
	(void)go(&l, 1500, (struct lease_event){ .kind = LEASE_EV_RELEASE,
	    .lifts = 2 });
	(void)grant(&l, 1600, 8, beat(&l, 1600));
	assert_true(l.d.on);
}

static void
continue_goes_on_with_local_runs_but_not_after_a_restart(void **unused)
{
	struct lease l = fresh();
	struct lease_out out;
	struct lease_beat say;

	(void)unused;
	(void)grant(&l, 1000, 1, beat(&l, 1000));
	assert_int_equal(lease_may_fire(&l, &go_on, at(2000).mono),
	    LEASE_FIRE_YES);
	assert_int_equal(lease_may_fire(&l, &go_on, at(9000).mono),
	    LEASE_FIRE_LOCAL);
	/* Others must know at every moment that the lease is over. */
	lease_step(&l, &go_on, &(struct lease_event){ .kind = LEASE_EV_TICK,
	    .now = at(9000) }, &out);
	assert_true(did(&out, LEASE_ACT_STOP) && !l.working);
	lease_say(&l, at(9000).mono, &say);
	assert_true(say.on && say.suspended && !say.fresh);
	lease_boot(&l, &l.d, 78, true);
	assert_int_equal(lease_may_fire(&l, &go_on, at(9000).mono),
	    LEASE_FIRE_NO);
	/* Nor once it is turned off, here or by the broker. */
	l = fresh();
	(void)grant(&l, 1000, 1, beat(&l, 1000));
	(void)off(&l, 9000, 1);
	assert_int_equal(lease_may_fire(&l, &go_on, at(9001).mono),
	    LEASE_FIRE_NO);
	l = fresh();
	(void)grant(&l, 1000, 1, beat(&l, 1000));
	(void)go(&l, 9000, (struct lease_event){ .kind = LEASE_EV_HOLD });
	assert_int_equal(lease_may_fire(&l, &go_on, at(9001).mono),
	    LEASE_FIRE_NO);
}

/* Epoch and floor belong to a cluster id: else a node that changes clusters
 * refuses every grant of the new one. */
static void
another_cluster_starts_from_zero(void **unused)
{
	struct lease l = fresh();

	(void)unused;
	(void)grant(&l, 1000, 50, beat(&l, 1000));
	lease_reset(&l, false);
	assert_true(!l.d.on && l.d.floor == 0 && l.start == 77);
	(void)grant(&l, 1100, 1, beat(&l, 1100));
	assert_true(l.d.on && l.d.epoch == 1);
}

static void
check(const struct lease *was, const struct lease *l,
    const struct lease_policy *p, const struct lease_event *ev,
    const struct lease_out *out)
{
	bool durable = memcmp(&was->d, &l->d, sizeof(l->d)) != 0;
	bool told = was->working;
	enum lease_fire fire = lease_may_fire(l, p, ev->now.mono);

	assert_true(out->n <= LEASE_MAX_ACTS);
	assert_true(l->d.floor >= was->d.floor);
	assert_true(l->d.floor >= l->d.epoch);
	assert_true(!durable || did(out, LEASE_ACT_PERSIST));
	/* On disk before the answer; START after it, STOP before. */
	for (size_t i = 0; i < out->n; i++) {
		if (out->act[i].kind == LEASE_ACT_PERSIST)
			durable = false;
		if (out->act[i].kind == LEASE_ACT_BEAT ||
		    out->act[i].kind == LEASE_ACT_START)
			assert_false(durable);
		if (out->act[i].kind == LEASE_ACT_START)
			told = true;
		if (out->act[i].kind == LEASE_ACT_STOP)
			told = false;
	}
	assert_true(told == l->working);
	assert_true(l->working == (fire == LEASE_FIRE_YES));
	/* As the Scheduler only with a lease; without it only with "continue",
	 * and as one that says that it is suspended. */
	assert_true((fire == LEASE_FIRE_YES) == (l->d.on && l->granted &&
	    ev->now.mono.us < l->end.us));
	assert_true((fire == LEASE_FIRE_LOCAL) == (p->go_on && l->d.on &&
	    l->granted && ev->now.mono.us >= l->end.us));
	/* Who was refused has changed nothing. */
	if (did(out, LEASE_ACT_REFUSE))
		assert_true(!durable && l->end.us == was->end.us);
	if (l->d.held != 0 && l->d.held != was->d.held)
		assert_true(ev->kind == LEASE_EV_HOLD);
	if (l->d.held == 0 && was->d.held != 0)
		assert_true((ev->kind == LEASE_EV_RELEASE ||
		    ev->kind == LEASE_EV_GRANT) && ev->lifts == was->d.held);
	assert_false(l->d.on && l->d.held != 0);
	/* Only a grant wakes; no lease without a heartbeat it answers. */
	if (!was->d.on && l->d.on)
		assert_true(ev->kind == LEASE_EV_GRANT && ev->epoch >
		    was->d.floor && l->key);
	if (l->end.us > was->end.us)
		assert_true(ev->seq > 0 && ev->start == l->start &&
		    ev->epoch == l->d.epoch && l->end.us <= was->sent[ev->seq
		    % LEASE_RING].at.us + ev->lease_ms * 1000);
	/* Told OFF, or without its key: nothing is left of the lease. */
	if (!l->d.on)
		assert_true(fire == LEASE_FIRE_NO && lease_left(l,
		    ev->now.mono) == 0 && lease_next_deadline(l).us ==
		    MONO_NEVER.us);
	if (ev->kind == LEASE_EV_OFF && ev->epoch >= was->d.epoch)
		assert_true(!l->d.on && l->d.floor >= ev->epoch);
}

/* Every status x floor x key x hold x policy x event x epoch x heartbeat. */
static void
every_state_and_event(void **unused)
{
	unsigned long n = 0;

	(void)unused;
	for (unsigned bits = 0; bits < 128; bits++)
	for (int64_t e = 0; e <= 6; e += 3)
	for (int64_t f = e; f <= 6; f++)
	for (int k = 0; k < LEASE_NEVENTS; k++)
	for (int64_t ep = 0; ep <= 8; ep++)
	for (int64_t seq = 0; seq <= 3; seq++)
	for (int64_t start = 77; start <= 78; start++)
	for (int64_t now = 1000; now <= 9000; now += 4000) {
		const struct lease_policy *p = bits & 64 ? &go_on : &suspend;
		struct lease_durable d = { .on = bits & 1,
		    .held = (bits & 3) == 2 ? 4 : 0, .holds = 4, .epoch = e,
		    .floor = f };
		struct lease	   l, was;
		struct lease_out   out;
		struct lease_event ev = { .kind = k, .epoch = ep,
		    .start = start, .seq = seq, .lease_ms = 4000,
		    .key = bits & 16, .lifts = bits & 32 ? 4 : 0,
		    .now = at(now) };

		/* ON at the floor, but for initial_status. */
		if (d.on && f != e)
			continue;
		lease_boot(&l, &d, 77, bits & 4);
		if (d.on && !l.key)
			continue;
		l.granted = d.on && (bits & 8);
		(void)beat(&l, 500);
		(void)beat(&l, 900);
		l.end = l.granted ? at(4500).mono : (mono){ 0 };
		l.working = l.granted && now < 4500;
		was = l;
		lease_step(&l, p, &ev, &out);
		check(&was, &l, p, &ev, &out);
		n++;
	}
	print_message("%lu cases\n", n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_lease_counts_from_the_heartbeat_not_from_the_receipt),
		cmocka_unit_test(a_grant_at_or_below_the_floor_is_refused),
		cmocka_unit_test(an_off_that_comes_before_its_grant_holds),
		cmocka_unit_test(an_off_below_its_epoch_is_not_obeyed),
		cmocka_unit_test(
		    a_restarted_scheduler_rests_until_a_new_grant),
		cmocka_unit_test(
		    heartbeats_of_an_earlier_session_extend_nothing),
		cmocka_unit_test(
		    the_ring_forgets_heartbeats_that_are_too_old),
		cmocka_unit_test(a_cleared_key_turns_a_scheduler_off),
		cmocka_unit_test(
		    off_at_the_node_itself_holds_against_the_broker),
		cmocka_unit_test(
		    continue_goes_on_with_local_runs_but_not_after_a_restart),
		cmocka_unit_test(another_cluster_starts_from_zero),
		cmocka_unit_test(every_state_and_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
