/* "Nothing missed", nothing twice (SPEC section 4) at the broker's ledger: what
 * it answers to each fire.  An answer that is wrong here is an occurrence that
 * runs twice, or that nobody ever hears of. */
#include "api_fixture.h"

#include "broker/ledger.h"

#define TICK "jobs: ( { name = \"tick\"; command = [ \"/bin/true\" ];\n"       \
	"  triggers: ( { every = \"1s\"; } ); overlap = \"allow\"; } );\n"

static json_t *answered;		/* the newest */
static bool passed_over;		/* a run of 0 is right */

static void
on_answer(struct broker *b, int64_t member, json_t *doc)
{
	(void)b;
	assert_int_equal(member, broker->roster->members[0]->id);
	if (json_object_get(doc, "run") != NULL)
		assert_true(js_int(doc, "run", 0) > 0 || passed_over);
	json_decref(answered);
	answered = doc;
}

/* node-a is the Scheduler, a job is due every second. */
static void
at_work(void)
{
	json_decref(answered);
	answered = NULL;
	passed_over = false;
	apply(TICK);
	agent_says_on(0);
	UNTIL(scheduler_epoch(broker) > 0);
	agent_says_on(scheduler_epoch(broker));
	assert_true(scheduler_backs(broker, broker->roster->members[0]->id,
	    scheduler_epoch(broker)));
}

/* It moves when the agent of the fixture says OFF (with each catalogue). */
static int64_t
epoch(void)
{
	return scheduler_epoch(broker);
}

static struct cat_job *
tick(void)
{
	struct cat_job *j = catalog_job(broker->catalog, "tick");

	assert_non_null(j);
	return j;
}

/* Half a minute later by the broker's clock, until the next turn. */
static json_t *
fire_by(int64_t now, int64_t e, json_t *fire)
{
	json_t *params = json_pack("{s:I,s:[o]}", "epoch", (json_int_t)e,
	    "fires", fire);

	json_decref(answered);
	answered = NULL;
	broker->now.wall.ms = now;
	ledger_fire(broker, broker->roster->members[0], params, on_answer);
	json_decref(params);
	UNTIL(answered != NULL);
	return answered;
}

static json_t *
fire_as(int64_t e, json_t *fire)
{
	return fire_by(clock_wall().ms + 30000, e, fire);
}

static json_t *
at(int64_t ms)
{
	return json_pack("{s:s,s:I,s:I,s:i,s:s}", "job", "tick", "at",
	    (json_int_t)ms, "first", (json_int_t)ms, "count", 1, "act",
	    "fire");
}

static int64_t
next(void)
{
	return due_next(tick()->due, tick()->cursor).ms;
}

static size_t
runs_of_tick(void)
{
	json_t *o = get("run.list", json_pack("{s:s,s:i}", "job", "tick",
	    "limit", 1000));
	size_t n = json_array_size(o);

	json_decref(o);
	return n;
}

static void
a_fire_is_recorded_once_and_answered_with_its_run(void **state)
{
	int64_t due, run;

	(void)state;
	at_work();
	due = next();
	run = js_int(fire_as(epoch(), at(due)), "run", 0);
	assert_true(run > 0);
	assert_int_equal(tick()->cursor.ms, due);
	/* Sent again after a reconnect: the same run, and no error. */
	assert_int_equal(js_int(fire_as(epoch(), at(due)), "run", 0), run);
	assert_null(json_object_get(answered, "refused"));
	assert_int_equal(runs_of_tick(), 1);
	/* The next Scheduler, too. */
	assert_true(js_int(fire_as(epoch(), at(next())), "run", 0) > run);
	assert_int_equal(runs_of_tick(), 2);
}

/* Sent again while the first is on its way to the disk: an answer now would be
 * a promise that a crash breaks. */
static void
a_fire_on_its_way_to_the_disk_is_answered_by_the_disk(void **state)
{
	json_t *params;
	int64_t due;

	(void)state;
	at_work();
	due = next();
	params = json_pack("{s:I,s:[o,o]}", "epoch", (json_int_t)epoch(),
	    "fires", at(due), at(due));
	broker->now.wall.ms = clock_wall().ms + 30000;
	ledger_fire(broker, broker->roster->members[0], params, on_answer);
	json_decref(params);
	UNTIL(answered != NULL);
	/* On disk is a moment before it is in the list. */
	UNTIL(runs_of_tick() > 0);
	assert_int_equal(runs_of_tick(), 1);
}

/* The cursor went on for a node that tells what it did without a broker, and that
 * is not on disk yet: the Scheduler waits for an answer of its own, and without
 * one for ever. */
static void
a_fire_behind_what_another_tells_is_answered(void **state)
{
	int64_t due, before;

	(void)state;
	at_work();
	due = next();
	before = ledger_stored(broker, "tick").ms;
	assert_true(before < due);
	tick()->cursor.ms = due;
	assert_int_equal(js_int(fire_as(epoch(), at(due)), "cursor", 0),
	    before);
	assert_null(json_object_get(answered, "run"));
	/* It was not on its way after all. */
	UNTIL(store_pending(store) == 0);
	(void)fire_as(epoch(), at(due));
	assert_true(js_int(fire_as(epoch(), at(due)), "run", 0) > 0);
}

static void
a_fire_past_a_gap_is_answered_with_the_cursor(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	(void)fire_as(epoch(), at(due + 1000));
	assert_null(json_object_get(answered, "run"));
	assert_int_equal(js_int(answered, "cursor", 0), tick()->cursor.ms);
	assert_true(tick()->cursor.ms < due);
	/* Nor something that is not due at all. */
	(void)fire_as(epoch(), at(due + 7));
	assert_null(json_object_get(answered, "run"));
	assert_int_equal(runs_of_tick(), 0);
	assert_true(js_int(fire_as(epoch(), at(due)), "run", 0) > 0);
	assert_true(js_int(fire_as(epoch(), at(due + 1000)), "run", 0) > 0);
}

/* By the Scheduler's clock, which is ahead, it is too late; by the broker's it
 * is due now, and misfire once would fire the newest. */
static void
what_is_not_late_is_not_skipped(void **state)
{
	int64_t due;
	json_t *fire;

	(void)state;
	at_work();
	due = (clock_wall().ms / 1000 + 31) * 1000;
	/* All up to then but the newest is passed over, as it should be. */
	fire = json_pack("{s:s,s:I,s:I,s:i,s:s,s:s}", "job", "tick", "at",
	    (json_int_t)due, "first", (json_int_t)next(), "count", 9, "act",
	    "skip", "reason", "misfire once: newer occurrence due");
	assert_string_equal(js_str(fire_by(due - 1500, epoch(), fire), "code",
	    ""), "clock");
	assert_true(js_int(answered, "cursor", due) < due);
	assert_int_equal(runs_of_tick(), 0);
}

static json_t *
late(int64_t ms)
{
	json_t *fire = at(ms);

	(void)json_object_set_new(fire, "act", json_string("skip"));
	return fire;
}

/* The Scheduler's clock is ahead by less than max_skew, which it may be.  Were it
 * told to wait until the occurrence is late by the broker's clock too, those
 * behind it would wait as well, until they were late by its own: a job of every
 * second would be skipped for ever, ten seconds late each time. */
static void
what_is_late_by_a_clock_that_may_be_ahead_is_skipped(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	apply("jobs: ( { name = \"tick\"; command = [ \"/bin/true\" ];\n"
	    "  misfire = \"skip\"; triggers: ( { every = \"1s\"; } ); } );\n");
	due = next();
	assert_string_equal(js_str(fire_by(due + 7999, epoch(), late(due)),
	    "code", ""), "clock");
	assert_true(js_int(fire_by(due + 8001, epoch(), late(due)), "run", 0) >
	    0);
	assert_int_equal(tick()->cursor.ms, due);
}

/* The Scheduler forgets what it fired up to the cursor that it is told: were
 * that not on disk, a crash would lose the occurrence until the job's next one,
 * which may be a day later. */
static void
no_answer_has_a_cursor_that_is_not_on_disk(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	for (int i = 0; i < 2; i++) {
		int64_t late = i == 0 ? 2000 : 3600000;	/* a gap; ahead */
		json_t *params;

		due = next();
		params = json_pack("{s:I,s:[o,o]}", "epoch",
		    (json_int_t)epoch(), "fires", at(due), at(due + late));
		json_decref(answered);
		answered = NULL;
		broker->now.wall.ms = clock_wall().ms + 30000;
		store_stops();		/* the first is not on disk yet */
		ledger_fire(broker, broker->roster->members[0], params,
		    on_answer);
		json_decref(params);
		assert_non_null(answered);
		assert_int_equal(js_int(answered, "at", 0), due + late);
		assert_true(js_int(answered, "cursor", due) < due);
		store_goes_on();
		UNTIL(js_int(answered, "at", 0) == due);
		assert_true(js_int(answered, "run", 0) > 0);
		assert_int_equal(tick()->cursor.ms, due);
	}
}

static bool
refusals_on_record(size_t n)
{
	json_t *o = get("event.list", json_pack("{s:s}", "code",
	    "fire_refused"));
	bool are = json_array_size(o) == n;

	json_decref(o);
	return are;
}

static void
fire_and_read_again(int64_t due)
{
	json_t *params = json_pack("{s:I,s:[o]}", "epoch",
	    (json_int_t)epoch(), "fires", at(due));

	broker->now.wall.ms = clock_wall().ms + 30000;
	ledger_fire(broker, broker->roster->members[0], params, on_answer);
	json_decref(params);
	(void)ledger_cursor(broker, "tick");
}

/* The cursor is read again while a fire is under way (another could not be
 * stored, or a node told what it did alone): a broker that then stayed behind
 * its disk would take every later fire for one past a gap, for ever. */
static void
a_cursor_that_is_read_again_is_not_left_behind(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	fire_and_read_again(due);
	UNTIL(answered != NULL);
	assert_int_equal(tick()->cursor.ms, due);
	assert_true(js_int(fire_as(epoch(), at(due + 1000)), "run", 0) > 0);
}

static void
another_epoch_is_refused_as_an_event(void **state)
{
	int64_t epochs[] = { 0, 1, 77 };
	int64_t due;

	(void)state;
	at_work();
	due = next();
	epochs[1] += epoch();
	for (size_t i = 0; i < 3; i++) {
		(void)fire_as(epochs[i], at(due));
		assert_string_equal(js_str(answered, "code", ""), "epoch");
		assert_null(json_object_get(answered, "run"));
	}
	assert_true(tick()->cursor.ms < due);
	UNTIL(refusals_on_record(3));	/* events are stored by and by */
	assert_int_equal(runs_of_tick(), 0);
}

static void
ahead_of_the_clock_is_refused_and_comes_again(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	for (; due <= clock_wall().ms + 30000; due = next())
		assert_true(js_int(fire_as(epoch(), at(due)), "run", 0) > 0);
	/* Up to max_skew ahead is taken: then it is too early. */
	for (int i = 0; i < 5 && json_object_get(answered, "run") != NULL; i++)
		(void)fire_as(epoch(), at(next()));
	due = next();
	(void)fire_as(epoch(), at(due));
	assert_string_equal(js_str(answered, "code", ""), "clock");
	assert_int_equal(js_int(answered, "cursor", 0), tick()->cursor.ms);
	assert_int_equal(next(), due);
}

static void
what_is_skipped_is_on_record_with_the_reason(void **state)
{
	int64_t due;
	json_t *o, *fire;

	(void)state;
	at_work();
	due = next();
	fire = json_pack("{s:s,s:I,s:I,s:i,s:s,s:s}", "job", "tick", "at",
	    (json_int_t)(due + 9000), "first", (json_int_t)due, "count", 10,
	    "act", "skip", "reason", "misfire once: newer occurrence due");
	assert_true(js_int(fire_as(epoch(), fire), "run", 0) > 0);
	assert_int_equal(tick()->cursor.ms, due + 9000);
	o = get("run.list", json_pack("{s:s}", "job", "tick"));
	assert_int_equal(json_array_size(o), 1);
	assert_string_equal(js_str(json_array_get(o, 0), "state", ""),
	    "skipped");
	assert_non_null(strstr(js_str(json_array_get(o, 0), "reason", ""),
	    "newer occurrence due; 10 occurrences, the last "));
	json_decref(o);
	/* None of them is fired afterwards. */
	passed_over = true;
	(void)fire_as(epoch(), at(due + 3000));
	assert_null(json_object_get(answered, "refused"));
	assert_int_equal(runs_of_tick(), 1);
}

static void
an_edited_trigger_goes_on_from_the_edit(void **state)
{
	int64_t before;

	(void)state;
	at_work();
	before = tick()->cursor.ms;
	assert_true(js_int(fire_as(epoch(), at(next())), "run", 0) > 0);
	UNTIL(clock_wall().ms > before + 1100);
	apply("jobs: ( { name = \"tick\"; command = [ \"/bin/true\" ];\n"
	    "  triggers: ( { every = \"2s\"; } ); } );\n");
	assert_true(tick()->cursor.ms > before);
	assert_true(tick()->cursor.ms <= clock_wall().ms + 2000);
	/* The command alone does not: nothing that was due is forgotten. */
	before = tick()->cursor.ms;
	apply("jobs: ( { name = \"tick\"; command = [ \"/bin/false\" ];\n"
	    "  triggers: ( { every = \"2s\"; } ); } );\n");
	assert_int_equal(tick()->cursor.ms, before);
}

/* A fire was on its way to the disk when a text was applied, and did not get
 * there: with its cursor in the new catalogue the job would never fire again. */
static void
an_applied_text_brings_no_cursor_that_is_not_on_disk(void **state)
{
	struct ask a;
	wall before;

	(void)state;
	at_work();
	before = tick()->cursor;
	store_stops();
	tick()->cursor.ms += 5000;
	begin(&a, PRIVS_ALL, "apply", json_pack("{s:s,s:s}", "file",
	    "test.conf", "text", "jobs: ( { name = \"tick\";\n"
	    "  command = [ \"/bin/false\" ]; triggers: ( { every = \"1s\"; } );"
	    " overlap = \"allow\"; } );\n"));
	UNTIL(store_pending(store) > 0);
	tick()->cursor = before;
	store_goes_on();
	UNTIL(a.ended);
	assert_non_null(a.result);
	ask_clear(&a);
	assert_int_equal(tick()->cursor.ms, before.ms);
}

static void
paused_and_removed_jobs_do_not_fire(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	json_decref(get("job.pause", json_pack("{s:s}", "job", "tick")));
	(void)fire_as(epoch(), at(due));
	assert_string_equal(js_str(answered, "code", ""), "job");
	json_decref(get("job.remove", json_pack("{s:s}", "job", "tick")));
	(void)fire_as(epoch(), at(due));
	assert_string_equal(js_str(answered, "code", ""), "job");
	assert_int_equal(runs_of_tick(), 0);
}

/* Removed and made again while the clock is behind what is on record. */
static void
a_job_that_comes_back_fires_nothing_again(void **state)
{
	int64_t last = 0;

	(void)state;
	at_work();
	for (int i = 0; i < 5; i++) {
		last = next();
		assert_true(js_int(fire_as(epoch(), at(last)), "run", 0) > 0);
	}
	json_decref(get("job.remove", json_pack("{s:s}", "job", "tick")));
	apply(TICK);
	assert_true(tick()->cursor.ms >= last);
}

static void
broker_starts_again(void)
{
	char url[128];
	struct err e;

	agent_down();
	store_close(store);
	api_free(api);
	while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
		(void)usleep(200);
	broker_free(broker);
	(void)snprintf(url, sizeof(url), "sqlite:%s/store.db", dir);
	assert_int_equal(store_open(&store, url, "node-a", &e), 0);
	broker = broker_new(store, &key, "node-a", true, clock_now(), &e);
	assert_non_null(broker);
	broker->port = 7422;
	api = api_new(&loop, NULL, broker,
	    &(struct api_files){ config_path, key_path });
	(void)gate_new(broker, api_view, api);
	broker_wake(broker, true, clock_now());
}

/* A whole cluster that was down: the cursor is where it was. */
static void
a_restarted_broker_knows_what_was_fired(void **state)
{
	int64_t due, run, cursor = 0;

	(void)state;
	at_work();
	due = next();
	run = js_int(fire_as(epoch(), at(due)), "run", 0);
	assert_true(run > 0);
	broker_starts_again();
	cursor = tick()->cursor.ms;
	assert_int_equal(cursor, due);
	agent_up();
	agent_says_on(epoch());
	UNTIL(scheduler_backs(broker, broker->roster->members[0]->id,
	    epoch()));
	assert_int_equal(js_int(fire_as(epoch(), at(due)), "run", 0), run);
	assert_true(js_int(fire_as(epoch(), at(due + 1000)), "run", 0) > run);
}

/* The result that `job list` shows is of a run: also after a start, while an
 * occurrence a second is skipped because the newest still goes on. */
static void
what_is_skipped_is_not_the_last_run(void **state)
{
	int64_t due, run;

	(void)state;
	at_work();
	due = next();
	run = js_int(fire_as(epoch(), at(due)), "run", 0);
	UNTIL(agent.run == run);
	agent_ends("exited", 1);
	UNTIL(tick()->last.run == run);
	(void)fire_as(epoch(), json_pack("{s:s,s:I,s:I,s:i,s:s,s:s}", "job",
	    "tick", "at", (json_int_t)(due + 1000), "first",
	    (json_int_t)(due + 1000), "count", 1, "act", "skip", "reason",
	    "misfire skip"));
	assert_true(js_int(answered, "run", 0) > run);
	assert_int_equal(tick()->last.run, run);
	broker_starts_again();
	assert_int_equal(tick()->last.run, run);
	assert_string_equal(tick()->last.state, "failed");
}

/* n of them, of runs 1000 and on, done by somebody who had no broker. */
static void
on_record(int64_t first, int64_t step, int64_t n)
{
	struct batch *b = batch_new();
	char occ[CLOCK_RFC3339];

	for (int64_t i = 0; i < n; i++)
		batch_add(b, S_OCC_PUT, "tti", "tick", clock_rfc3339(
		    (wall){ first + i * step }, occ), 1000 + i);
	assert_int_equal(store_write(store, b), STORE_OK);
}

/* The same while a cursor passes over what is on record. */
static void
a_cursor_that_passes_over_is_not_left_behind(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	on_record(due, 1000, 2);
	fire_and_read_again(due);
	UNTIL(store_pending(store) == 0);
	assert_int_equal(tick()->cursor.ms, due + 1000);
	assert_true(js_int(fire_as(epoch(), at(due + 2000)), "run", 0) > 0);
}

/* Whatever made them differ: it is over with one answer. */
static void
a_cursor_unlike_its_disk_is_so_for_one_answer(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	assert_true(js_int(fire_as(epoch(), at(due)), "run", 0) > 0);
	UNTIL(store_pending(store) == 0);
	tick()->cursor.ms = due - 1000;
	assert_int_equal(js_int(fire_as(epoch(), at(due + 1000)), "cursor", 0),
	    due);
	assert_true(js_int(fire_as(epoch(), at(due + 1000)), "run", 0) > 0);
}

/* What a Scheduler did without the broker, by a clock that was ahead: one by
 * one, each with all that follows it sent again, thousands of them would hold
 * up the job for minutes. */
static void
what_is_on_record_is_passed_over_at_once(void **state)
{
	int64_t due;

	(void)state;
	at_work();
	due = next();
	on_record(due, 1000, 20);
	(void)fire_as(epoch(), at(due));
	assert_int_equal(js_int(answered, "run", 0), 1000);
	assert_int_equal(next(), due + 20000);
	assert_int_equal(runs_of_tick(), 0);
	assert_true(js_int(fire_as(epoch(), at(next())), "run", 0) > 0);
}

static int taken, asked_again;

static void
on_count(struct broker *b, int64_t member, json_t *doc)
{
	(void)b;
	(void)member;
	taken += json_object_get(doc, "run") != NULL;
	asked_again += json_object_get(doc, "run") == NULL;
	json_decref(doc);
}

/* Every other one was done by an agent that was alone.  A turn there and back
 * over a slow line for each of them, and the night's work comes hours late. */
static void
one_on_record_holds_up_none_behind_it(void **state)
{
	json_t *fires = json_array(), *params;
	int64_t due;

	(void)state;
	at_work();
	due = next();
	on_record(due + 1000, 2000, 10);
	for (int64_t i = 0; i < 20; i++)
		(void)json_array_append_new(fires, at(due + i * 1000));
	params = json_pack("{s:I,s:o}", "epoch", (json_int_t)epoch(), "fires",
	    fires);
	taken = asked_again = 0;
	broker->now.wall.ms = clock_wall().ms + 30000;
	ledger_fire(broker, broker->roster->members[0], params, on_count);
	json_decref(params);
	UNTIL(taken + asked_again == 20);
	assert_int_equal(asked_again, 0);
	assert_int_equal(runs_of_tick(), 10);
	UNTIL(store_pending(store) == 0);
	assert_int_equal(ledger_stored(broker, "tick").ms, due + 19000);
	assert_int_equal(next(), due + 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_fire_is_recorded_once_and_answered_with_its_run),
		T(a_fire_on_its_way_to_the_disk_is_answered_by_the_disk),
		T(what_is_not_late_is_not_skipped),
		T(what_is_late_by_a_clock_that_may_be_ahead_is_skipped),
		T(a_fire_behind_what_another_tells_is_answered),
		T(a_fire_past_a_gap_is_answered_with_the_cursor),
		T(no_answer_has_a_cursor_that_is_not_on_disk),
		T(a_cursor_that_is_read_again_is_not_left_behind),
		T(a_cursor_that_passes_over_is_not_left_behind),
		T(a_cursor_unlike_its_disk_is_so_for_one_answer),
		T(another_epoch_is_refused_as_an_event),
		T(ahead_of_the_clock_is_refused_and_comes_again),
		T(what_is_skipped_is_on_record_with_the_reason),
		T(what_is_skipped_is_not_the_last_run),
		T(an_edited_trigger_goes_on_from_the_edit),
		T(an_applied_text_brings_no_cursor_that_is_not_on_disk),
		T(paused_and_removed_jobs_do_not_fire),
		T(a_job_that_comes_back_fires_nothing_again),
		T(a_restarted_broker_knows_what_was_fired),
		T(what_is_on_record_is_passed_over_at_once),
		T(one_on_record_holds_up_none_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
