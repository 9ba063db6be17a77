/* The Scheduler that goes on without its broker: it starts what it may, once,
 * after it is on disk, and forgets nothing until the broker has it. */
#include "store_fixture.h"

#include "core/order.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/alone.h"
#include "node/spool.h"

static struct store *store;
static struct runs *runs;
static struct watch *watch;
static struct alone *alone;
static json_t *reports;
static char alerts[1024];
static struct now now;

static void
on_alert(void *ctx, const char *code, const char *text)
{
	size_t n = strlen(alerts);

	(void)ctx;
	(void)snprintf(alerts + n, sizeof(alerts) - n, "%s%s ",
	    text != NULL ? "+" : "-", code);
}

static const struct alone_ops alone_ops = { .alert = on_alert };

static void
on_report(void *ctx, const char *cluster, const json_t *report)
{
	(void)ctx;
	(void)cluster;
	(void)json_array_append(reports, (json_t *)report);
}

static const struct runs_ops ops = { .report = on_report };

#define OCC "1970-01-01T00:16:41.000Z"	/* the first after the cursor */

static const char replica[] = "{\"rev\":1,\"zone\":\"UTC\",\"calendars\":[],"
    "\"queues\":[{\"name\":\"hub\",\"rules\":[{\"run_on\":\"broker_only\"}]},"
    "{\"name\":\"many\",\"rules\":[{\"run_on\":\"agents_only\","
    "\"needs_agents\":2},{\"run_on\":\"broker_only\"}]},"
    "{\"name\":\"two\",\"rules\":[{\"max_parallel\":2,\"min_gap\":5}]}],"
    "\"jobs\":[%s]}";

static char *
job(const char *name, const char *more)
{
	return mem_fmt("{\"cursor\":1000000,\"paused\":false,\"job\":{\"name\":"
	    "\"%s\",\"command\":[\"/bin/true\"],\"misfire\":\"all\","
	    "\"triggers\":[{\"every\":1}]%s}}", name, more);
}

static void
load(const char *const (*list)[2])
{
	char *all = mem_dup(""), *text;
	json_t *doc;

	for (; (*list)[0] != NULL; list++) {
		char *one = job((*list)[0], (*list)[1]);
		char *next = mem_fmt("%s%s%s", all, *all != '\0' ? "," : "",
		    one);

		free(one);
		free(all);
		all = next;
	}
	text = mem_fmt(replica, all);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	watch_load(watch, doc);
	alone_catalogue(alone, doc);
	json_decref(doc);
	free(all);
	free(text);
}

static void
begin(void)
{
	runs = runs_new(store, "b", &ops, NULL);
	watch = watch_new();
	alone = alone_new(store, runs, watch, "c1", &alone_ops, NULL);
}

static void
end(void)
{
	store_drain(store);
	alone_free(alone);
	watch_free(watch);
	runs_free(runs);
}

static int
up(void **state)
{
	(void)setup(state);
	store = opened();
	reports = json_array();
	alerts[0] = '\0';
	now = (struct now){ { 1000000000 }, { 1000000 } };
	begin();
	return 0;
}

static int
down(void **state)
{
	end();
	store_close(store);
	json_decref(reports);
	return teardown(state);
}

/* ms later. */
static void
turn_of(int64_t ms, int64_t cap)
{
	struct alone_turn t = { .on = true, .epoch = 3, .cap = cap,
		.broker = "hub" };

	now.mono.us += ms * 1000;
	now.wall.ms += ms;
	t.now = now;
	(void)alone_turn(alone, &t);
}

static void
turn(int64_t ms)
{
	turn_of(ms, 0);
}

static void
keeper_says(int64_t run, enum keeper_state s)
{
	char id[64];
	struct keeper_report r = { .id = id, .state = s, .started = now.wall,
		.ended = now.wall, .why = "" };

	(void)snprintf(id, sizeof(id), "c1.%lld.1", (long long)run);
	runs_keeper_ops.report(runs, &r);
	if (s != KEEPER_RUNNING)
		alone_ended(alone, run, 1, now);
}

static enum runs_state
state_of(int64_t n)
{
	return runs_state(runs, "c1", order_alone(3, n), 1);
}

static const char *
act_of(const json_t *slice, size_t i)
{
	return js_str(json_array_get(slice, i), "act", "?");
}

static void
answer_all(const json_t *slice)
{
	json_t *doc = json_pack("{s:O}", "entries", slice);

	alone_told(alone, doc, now);
	json_decref(doc);
}

/* ---- */

/* Others may have them, or they need what only the broker has. */
static void
test_only_its_own_local_runs(void **state)
{
	static const char *const list[][2] = { { "mine", "" },
		{ "any", ",\"distribution\":\"one\"" },
		{ "all", ",\"distribution\":\"all\"" },
		{ "hub", ",\"queue\":\"hub\"" },
		{ "many", ",\"queue\":\"many\"" },
		{ "label", ",\"requires\":[\"gpu\"]" },
		{ "has", ",\"requires\":[\"ssd\"]" },
		{ "off", ",\"enabled\":false" }, { NULL, NULL } };
	json_t *doc = json_pack("{s:[s],s:s}", "labels", "ssd",
	    "cluster_name", "prod"), *slice, *numbers, *range;

	(void)state;
	alone_settings(alone, doc);
	json_decref(doc);
	load(list);
	assert_false(alone_on(alone));
	turn(1000);
	assert_true(alone_on(alone));
	assert_string_equal(alerts, "+alone ");
	slice = alone_slice(alone, 16);
	assert_int_equal(json_array_size(slice), 2);
	assert_string_equal(js_str(json_array_get(slice, 0), "job", ""), "mine");
	assert_string_equal(js_str(json_array_get(slice, 1), "job", ""), "has");
	assert_string_equal(act_of(slice, 0), "start");
	assert_int_equal(js_int(json_array_get(slice, 0), "at", 0), 1001000);
	/* One that is sent by the broker now would be the second. */
	assert_int_equal(alone_did(alone, "mine", OCC), ALONE_DID);
	assert_int_equal(alone_did(alone, "any", OCC), ALONE_DID_NOT);
	assert_true(alone_holds(alone, order_alone(3, 1)));
	numbers = alone_numbers(alone);
	assert_int_equal(json_array_size(numbers), 1);
	range = json_array_get(numbers, 0);
	assert_int_equal(json_integer_value(json_array_get(range, 0)),
	    order_alone(3, 1));
	assert_int_equal(json_integer_value(json_array_get(range, 1)),
	    order_alone(3, 2));
	json_decref(numbers);
	answer_all(slice);
	json_decref(slice);
	assert_int_equal(alone_untold(alone), 0);
	assert_int_equal(json_array_size(reports), 2);
	assert_false(alone_holds(alone, order_alone(3, 1)));
	assert_non_null(strstr(alerts, "-alone"));
	assert_non_null(strstr(alerts, "+went_on_alone"));
}

/* kill -9: what was started is told as started, what was not is left to the
 * broker, and the keeper decides which. */
static void
test_a_restart_forgets_nothing(void **state)
{
	static const char *const list[][2] = { { "a", "" }, { "b", "" },
		{ NULL, NULL } };
	json_t *slice;

	(void)state;
	load(list);
	turn(1000);
	assert_int_equal(alone_untold(alone), 2);
	end();
	begin();
	assert_int_equal(alone_untold(alone), 2);
	assert_null(alone_slice(alone, 16));	/* the keeper knows */
	/* A dispatch that is dropped now may be the only one there will be. */
	assert_int_equal(alone_did(alone, "a", OCC), ALONE_IN_DOUBT);
	assert_int_equal(alone_did(alone, "b", OCC), ALONE_IN_DOUBT);
	keeper_says(order_alone(3, 2), KEEPER_EXITED);
	runs_keeper_ops.up(runs, "k1");
	slice = alone_slice(alone, 16);
	assert_int_equal(json_array_size(slice), 2);
	assert_string_equal(act_of(slice, 0), "wait");
	assert_string_equal(act_of(slice, 1), "start");
	assert_int_equal(state_of(1), RUNS_NONE);
	assert_int_equal(alone_did(alone, "a", OCC), ALONE_DID_NOT);
	assert_int_equal(alone_did(alone, "b", OCC), ALONE_DID);
	/* The answer was lost: the same again, and then no more. */
	json_decref(slice);
	slice = alone_slice(alone, 16);
	assert_int_equal(json_array_size(slice), 2);
	answer_all(slice);
	answer_all(slice);
	json_decref(slice);
	end();
	begin();
	assert_int_equal(alone_untold(alone), 0);
	assert_int_equal(state_of(2), RUNS_DOUBT);	/* until it is settled */
}

static void
test_slots_and_overlap(void **state)
{
	static const char *const list[][2] = { { "wide", ",\"queue\":\"two\","
		"\"overlap\":\"allow\"" },
		{ "skip", ",\"overlap\":\"skip\"" }, { NULL, NULL } };
	json_t *slice;

	(void)state;
	load(list);
	turn(3000);
	/* wide 1 to 3, then skip 4 to 6. */
	assert_int_equal(alone_untold(alone), 6);
	assert_int_equal(state_of(1), RUNS_LIVE);
	assert_int_equal(state_of(2), RUNS_LIVE);
	assert_int_equal(state_of(3), RUNS_NONE);
	assert_int_equal(state_of(4), RUNS_LIVE);
	slice = alone_slice(alone, 16);
	assert_string_equal(act_of(slice, 2), "wait");
	assert_string_equal(act_of(slice, 5), "skip");
	json_decref(slice);
	/* The slot rests for min_gap, 5 s; then the third starts. */
	keeper_says(order_alone(3, 1), KEEPER_EXITED);
	turn(10);
	assert_int_equal(state_of(3), RUNS_NONE);
	turn(5000);
	assert_int_equal(state_of(3), RUNS_LIVE);
}

static void
test_cap(void **state)
{
	static const char *const list[][2] = { { "a", "" }, { "b", "" },
		{ NULL, NULL } };

	(void)state;
	load(list);
	turn_of(1000, 1);
	assert_int_equal(alone_untold(alone), 2);
	assert_int_equal(runs_running(runs), 1);
}

/* Sent before the link broke, never answered: fired as they were due. */
static void
test_what_was_not_answered(void **state)
{
	static const char *const list[][2] = {
		{ "a", ",\"overlap\":\"allow\"" },
		{ "far", ",\"distribution\":\"one\"" }, { NULL, NULL } };
	json_t *sent, *slice;

	(void)state;
	load(list);
	now.wall.ms += 2000;
	sent = watch_due(watch, now);
	assert_int_equal(json_array_size(sent), 4);
	json_decref(sent);
	turn(1000);
	slice = alone_slice(alone, 16);
	assert_int_equal(json_array_size(slice), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(js_int(json_array_get(slice, i), "at", 0),
		    1001000 + (int64_t)i * 1000);
	json_decref(slice);
	/* Those of the other wait for the broker, as they were. */
	sent = watch_pending(watch);
	assert_int_equal(json_array_size(sent), 2);
	assert_string_equal(js_str(json_array_get(sent, 0), "job", ""), "far");
	json_decref(sent);
}

/* One whose dispatch came before the link broke is not started again. */
static void
test_what_came_is_not_started_again(void **state)
{
	static const char *const list[][2] = { { "a", "" }, { NULL, NULL } };
	json_t *item = order_json(17, 1, "a", "1970-01-01T00:16:41.000Z",
	    NULL), *sent;

	(void)state;
	load(list);
	now.wall.ms += 1000;
	sent = watch_due(watch, now);
	json_decref(sent);
	runs_dispatch(runs, "c1", "prod", item, NULL);
	json_decref(item);
	store_drain(store);
	turn(0);
	assert_int_equal(alone_untold(alone), 0);
	assert_null(watch_pending(watch));
}

/* Nothing starts that is not on disk; it stays due and is fired later. */
static void
test_not_stored_is_not_started(void **state)
{
	static const char *const list[][2] = { { "a", "" }, { NULL, NULL } };
	struct batch *b = batch_new();
	json_t *slice;

	(void)state;
	load(list);
	batch_add(b, S_SPOOL_PUT, "tit", "c1", order_alone(3, 1), "taken");
	assert_int_equal(store_write(store, b), STORE_OK);
	turn(1000);
	assert_int_equal(alone_untold(alone), 0);
	assert_int_equal(runs_running(runs), 0);
	turn(500);			/* not at once */
	assert_int_equal(alone_untold(alone), 0);
	turn(1600);
	slice = alone_slice(alone, 16);
	assert_int_equal(js_int(json_array_get(slice, 0), "at", 0), 1001000);
	json_decref(slice);
}

/* Full: it stops and says so, and goes on when the broker has taken it. */
static void
test_a_full_spool_stops_it(void **state)
{
	static const char *const list[][2] = { { "a", "" }, { NULL, NULL } };
	json_t *slice;

	(void)state;
	load(list);
	turn(SPOOL_MAX * 1000LL + 50000);
	for (int i = 0; i < 12; i++)
		turn(1000);
	assert_int_equal(alone_untold(alone), SPOOL_MAX);
	assert_string_equal(alerts, "+alone +spool_full ");
	while ((slice = alone_slice(alone, 5000)) != NULL) {
		answer_all(slice);
		json_decref(slice);
	}
	assert_non_null(strstr(alerts, "-spool_full"));
	turn(1100);
	assert_true(alone_untold(alone) > 0);
	/* No number is given out twice. */
	slice = alone_slice(alone, 1);
	assert_int_equal(js_int(json_array_get(slice, 0), "run", 0),
	    order_alone(3, SPOOL_MAX + 1));
	json_decref(slice);
}

/* Whatever epoch a restarted Scheduler is granted: with the number of one that
 * the broker has, the next occurrence would be lost. */
static void
test_no_number_twice_after_a_restart(void **state)
{
	static const char *const list[][2] = { { "a", "" }, { NULL, NULL } };
	json_t *slice;

	(void)state;
	load(list);
	turn(3000);
	slice = alone_slice(alone, 16);
	assert_int_equal(json_array_size(slice), 3);
	answer_all(slice);
	json_decref(slice);
	assert_int_equal(alone_untold(alone), 0);
	end();
	begin();
	load(list);
	turn(1000);
	slice = alone_slice(alone, 1);
	assert_non_null(slice);
	assert_true(js_int(json_array_get(slice, 0), "run", 0) >
	    order_alone(3, 3));
	json_decref(slice);
}

static void
test_numbers(void **state)
{
	(void)state;
	assert_int_equal(order_alone(7, 3), 1000000007000003);
	assert_int_equal(order_alone_epoch(order_alone(7, 3)), 7);
	assert_int_equal(order_alone(7, ORDER_ALONE_EACH), 0);
	assert_int_equal(order_alone(INT64_C(9007199254), 1), 0);
	assert_false(order_is_alone(ORDER_ALONE));
	assert_true(order_is_alone(order_alone(0, 1)));
	assert_true(order_alone(8000000000, 999999) < INT64_C(1) << 53);
}

#define U(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		U(test_only_its_own_local_runs),
		U(test_a_restart_forgets_nothing),
		U(test_slots_and_overlap),
		U(test_cap),
		U(test_what_was_not_answered),
		U(test_what_came_is_not_started_again),
		U(test_not_stored_is_not_started),
		U(test_a_full_spool_stops_it),
		U(test_no_number_twice_after_a_restart),
		cmocka_unit_test(test_numbers),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("alone", tests, NULL, NULL);
}
