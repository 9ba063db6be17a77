/* The runs of a machine: what it was sent, and what it still has to tell.  An
 * end that is forgotten here is a night's work that counts as lost. */
#include <signal.h>
#include <sys/resource.h>

#include "store_fixture.h"

#include "core/order.h"
#include "js.h"
#include "node/runs.h"

static struct store *store;
static struct runs *runs;
static char told[64];			/* the newest state */

static void
on_report(void *ctx, const char *cluster, const json_t *report)
{
	(void)ctx;
	(void)cluster;
	(void)snprintf(told, sizeof(told), "%s", js_str(report, "state", ""));
}

static const struct runs_ops ops = { .report = on_report };

static int
up(void **state)
{
	(void)setup(state);
	store = opened();
	runs = runs_new(store, "b", &ops, NULL);
	told[0] = '\0';
	return 0;
}

static int
down(void **state)
{
	store_drain(store);
	runs_free(runs);
	store_close(store);
	return teardown(state);
}

static void
dispatched(void)
{
	json_t *job = json_pack("{s:s,s:[s]}", "name", "j", "command",
	    "/bin/true");
	json_t *item = order_json(17, 1, "j", "manual:1", job);

	runs_dispatch(runs, "c1", "prod", item, NULL);
	json_decref(item);
	json_decref(job);
}

/* Run 17 was journaled by an earlier musterd. */
static void
held(void)
{
	dispatched();
	store_drain(store);
	runs_free(runs);
	runs = runs_new(store, "b", &ops, NULL);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_DOUBT);
}

static void
keeper_says(enum keeper_state state)
{
	struct keeper_report kr = { .id = "c1.17.1", .state = state,
		.started = { 1000 }, .ended = { 2000 }, .why = "" };

	runs_keeper_ops.report(runs, &kr);
}

static void
test_what_is_held_and_not_wanted_goes_when_the_keeper_was_heard(void **state)
{
	(void)state;
	held();
	runs_settled(runs, "c1", 17, 1, true);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_DOUBT);
	runs_keeper_ops.up(runs, "start");
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_NONE);
}

/* The broker heard that it was not started; before its answer came the keeper
 * said how it ended. */
static void
test_an_end_is_not_settled_by_what_was_said_before_it(void **state)
{
	(void)state;
	held();
	keeper_says(KEEPER_EXITED);
	assert_string_equal(told, "exited");
	runs_settled(runs, "c1", 17, 1, true);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_ENDED);
	runs_settled(runs, "c1", 17, 1, false);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_NONE);
}

/* The same in the other order. */
static void
test_an_end_after_it_is_kept_too(void **state)
{
	(void)state;
	held();
	runs_settled(runs, "c1", 17, 1, true);
	keeper_says(KEEPER_EXITED);
	runs_keeper_ops.up(runs, "start");
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_ENDED);
	runs_settled(runs, "c1", 17, 1, false);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_NONE);
}

/* It was removed from its cluster while what it was sent was on its way to a slow
 * disk: that is somebody else's work by now. */
static void
test_what_a_member_was_sent_it_does_not_start_when_it_is_none(void **state)
{
	(void)state;
	dispatched();
	runs_disown(runs, "c1");
	store_drain(store);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_DOUBT);
	/* A broker that has given it up settles what is held. */
	assert_string_equal(told, "held");
	/* It is one again, and this run is its own after all. */
	dispatched();
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_LIVE);
}

/* A full disk: what is written next is not. */
static void
disk_is_full(bool full)
{
	static struct rlimit free_;
	struct rlimit l;

	if (full) {
		(void)signal(SIGXFSZ, SIG_IGN);
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &free_), 0);
	}
	l = free_;
	l.rlim_cur = full ? 1 : l.rlim_cur;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* What was on its way to a slow disk as the link came back is sent once more.
 * The disk was full: told now, that it is refused would be on record, and then
 * the one that is sent would run. */
static void
test_what_is_sent_once_more_is_not_refused_before(void **state)
{
	(void)state;
	disk_is_full(true);
	dispatched();
	runs_told(runs, "other");
	runs_told(runs, "c1");
	store_drain(store);
	assert_string_equal(told, "");
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_NONE);
	/* As it is when it was sent in time. */
	dispatched();
	runs_told(runs, "c1");
	dispatched();
	store_drain(store);
	assert_string_equal(told, "refused");
	disk_is_full(false);
	dispatched();
	store_drain(store);
	assert_string_equal(told, "accepted");
}

#define U(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		U(test_what_is_held_and_not_wanted_goes_when_the_keeper_was_heard),
		U(test_an_end_is_not_settled_by_what_was_said_before_it),
		U(test_an_end_after_it_is_kept_too),
		U(test_what_a_member_was_sent_it_does_not_start_when_it_is_none),
		U(test_what_is_sent_once_more_is_not_refused_before),
	};

	return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
