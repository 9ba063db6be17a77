/* What a Scheduler without its broker fired, as the broker takes it: each entry
 * once, none dropped, and the truth about which ran twice. */
#include "api_fixture.h"
#include "broker/ledger.h"
#include "broker/outcome.h"
#include "broker/runlist.h"
#include "broker/spool.h"
#include "core/order.h"

static const char jobs[] = "jobs = ("
    "{ name = \"tick\"; triggers = ( { every = \"1s\"; } );"
    "  command = [ \"/bin/true\" ]; overlap = \"allow\"; misfire = \"all\";"
    "  queue = \"wide\"; on_success = [ \"next\" ];"
    "  retries = { count = 1; delay = \"10ms\"; on = [ \"failed\" ]; }; },"
    "{ name = \"next\"; command = [ \"/bin/true\" ]; queue = \"wide\";"
    "  overlap = \"allow\"; } );"
    "queues = ( { name = \"wide\"; rules = ( { max_parallel = 100; } ); } );";

/* The cursor of tick at a whole second, some seconds ago. */
static wall
begin_at(void)
{
	struct cat_job *j = catalog_job(broker->catalog, "tick");
	struct batch *b = batch_new();
	wall at = { (clock_wall().ms / 1000 - 60) * 1000 };

	j->cursor = at;
	batch_add(b, S_CURSOR_PUT, "ti", "tick", at.ms);
	assert_int_equal(store_write(store, b), STORE_OK);
	return at;
}

/* The first that is due of tick, in a catalogue of a moment ago. */
static wall
one_due(void)
{
	wall at;

	apply(jobs);
	at = begin_at();
	at.ms += 1000;
	return at;
}

static json_t *
entry(int64_t n, const char *act, const char *job, int64_t at)
{
	return json_pack("{s:I,s:s,s:s,s:I,s:I,s:i,s:i,s:I}", "run",
	    (json_int_t)order_alone(3, n), "job", job, "act", act, "at",
	    (json_int_t)at, "first", (json_int_t)at, "count", 1, "epoch", 3,
	    "made", (json_int_t)at);
}

/* The one entry is stolen. */
static void
begin_tell(json_t *one, struct told *t)
{
	json_t *params = json_pack("{s:[o],s:i}", "entries", one, "left", 0);

	broker->now = clock_now();
	spool_take(broker, broker->roster->members[0], params, on_told, t);
	json_decref(params);
}

/* Of one entry, stolen: {run, recorded, doubled} as answered.  Borrowed until
 * the next. */
static const json_t *
tell(json_t *one)
{
	static struct told t;

	json_decref(t.result);
	t = (struct told){ false, NULL, { 0 } };
	begin_tell(one, &t);
	UNTIL(t.done);
	if (t.result == NULL)
		fail_msg("%s", t.e.msg);
	one = json_array_get(json_object_get(t.result, "entries"), 0);
	return one;
}

static int64_t
recorded(const json_t *answer)
{
	return js_int(answer, "recorded", 0);
}

static json_t *
runs_of(const char *job)
{
	return runlist_of(broker, &(struct run_filter){ .job = job,
	    .limit = 1000 });
}

static size_t
count(const char *job)
{
	json_t *list = runs_of(job);
	size_t n = json_array_size(list);

	json_decref(list);
	return n;
}

static json_t *
shown(int64_t id)
{
	json_t *doc = runlist_show(broker, id);

	assert_non_null(doc);
	return doc;
}

static bool
shown_as(int64_t id, const char *state)
{
	json_t *doc = shown(id);
	bool is = strcmp(js_str(doc, "state", ""), state) == 0;

	json_decref(doc);
	return is;
}

/* Ended, and its end is on disk. */
static bool
state_is(int64_t id, const char *state)
{
	if (live_find(broker, id) != NULL)
		return false;
	return shown_as(id, state);
}

static void
ends(int64_t n, int code)
{
	agent.run = order_alone(3, n);
	agent.attempt = 1;
	agent_ends("exited", code);
}

static int64_t
cursor(void)
{
	return catalog_job(broker->catalog, "tick")->cursor.ms;
}

static size_t
events(const char *code, int64_t run, int64_t other)
{
	json_t *list = event_list(broker->events, 1000, (wall){ 0 }, NULL,
	    code, NULL, NULL), *e;
	size_t n = 0, i;

	json_array_foreach(list, i, e) {
		const json_t *d = json_object_get(e, "data");

		n += run == 0 || (js_int(d, "run", 0) == run &&
		    js_int(d, "other", 0) == other);
	}
	json_decref(list);
	return n;
}

/* The same occurrence as another agent had it: recorded, and sent to it. */
static int64_t
other_ran(const char *name, wall at, bool took)
{
	struct cat_job *j = catalog_job(broker->catalog, "tick");
	struct member *m = roster_by_name(broker->roster, name);
	struct batch *b = batch_new();
	struct run_set set;
	char occ[CLOCK_RFC3339];
	int64_t id;

	broker->now = clock_now();
	if (m == NULL) {
		m = roster_admit(broker, name, "ssh-ed25519 other", "SHA256:o",
		    false, b, NULL);
		assert_int_equal(store_write(store, b), STORE_OK);
		b = batch_new();
	}
	set = dispatch_make(broker, j, clock_rfc3339(at, occ), "every 1s", m,
	    j->spec, b);
	id = set.v[0]->id;
	set.v[0]->accepted = took;
	batch_add(b, S_OCC_PUT, "tti", "tick", occ, id);
	batch_add(b, S_CURSOR_PUT, "ti", "tick", at.ms);
	j->cursor = at;
	assert_int_equal(store_write(store, b), STORE_OK);
	outcome_stored(broker, &set, STORE_OK);
	return id;
}

/* ---- */

static void
test_recorded_once_and_followed(void **state)
{
	wall at;
	int64_t id;
	json_t *doc;

	(void)state;
	apply(jobs);
	at = begin_at();
	id = recorded(tell(entry(1, "start", "tick", at.ms + 1000)));
	assert_true(id > 0 && id < ORDER_ALONE);
	assert_int_equal(cursor(), at.ms + 1000);
	doc = shown(id);
	assert_string_equal(js_str(doc, "agent", ""), "node-a");
	assert_int_equal(js_int(doc, "alone", 0), order_alone(3, 1));
	assert_int_equal(js_int(doc, "epoch", 0), 3);
	assert_false(js_bool(doc, "doubled", true));
	json_decref(doc);
	/* The answer was lost: while it runs, and after it has ended. */
	assert_int_equal(recorded(tell(entry(1, "start", "tick",
	    at.ms + 1000))), id);
	ends(1, 0);
	UNTIL(state_is(id, "succeeded"));
	assert_int_equal(recorded(tell(entry(1, "start", "tick",
	    at.ms + 1000))), id);
	assert_int_equal(count("tick"), 1);
	UNTIL(count("next") == 1);
	assert_int_equal(cursor(), at.ms + 1000);
	/* The next number of this broker's is one of its own. */
	assert_true(dispatch_newest(broker) < ORDER_ALONE);
}

static void
test_a_failed_one_is_tried_again(void **state)
{
	wall at;
	int64_t id;

	(void)state;
	apply(jobs);
	at = begin_at();
	id = recorded(tell(entry(1, "start", "tick", at.ms + 1000)));
	ends(1, 1);
	UNTIL(agent.run == id && agent.attempt == 2);
	agent_ends("exited", 0);
	UNTIL(state_is(id, "succeeded"));
}

/* A user would look for the cause of double effects in vain. */
static void
test_doubled_is_marked_and_not_followed(void **state)
{
	const json_t *a;
	int64_t id, other;
	wall at;

	(void)state;
	at = one_due();
	other = other_ran("node-b", at, true);
	a = tell(entry(1, "start", "tick", at.ms));
	id = recorded(a);
	assert_true(js_bool(a, "doubled", false));
	assert_true(id != other && id > 0);
	UNTIL(events("run_doubled", id, other) == 1);
	ends(1, 0);
	UNTIL(state_is(id, "succeeded"));
	a = tell(entry(1, "start", "tick", at.ms));
	assert_true(js_bool(a, "doubled", false));
	assert_int_equal(recorded(a), id);
	assert_int_equal(count("tick"), 2);
	assert_int_equal(count("next"), 0);
	UNTIL(events("run_doubled", 0, 0) == 1);
}

/* An occurrence of tick that is on record as skipped; returns its run. */
static int64_t
passed_over(wall at)
{
	struct batch *b = batch_new();
	char occ[CLOCK_RFC3339];
	int64_t run;

	broker->now = clock_now();
	run = dispatch_skip(broker, catalog_job(broker->catalog, "tick"),
	    clock_rfc3339(at, occ), "every 1s", RUN_SKIPPED, "misfire", b);
	batch_add(b, S_OCC_PUT, "tti", "tick", occ, run);
	assert_int_equal(store_write(store, b), STORE_OK);
	return run;
}

static void
test_one_on_record_as_skipped_did_run_once(void **state)
{
	const json_t *a;
	int64_t other;
	wall at;

	(void)state;
	at = one_due();
	other = passed_over(at);
	a = tell(entry(1, "start", "tick", at.ms));
	assert_false(js_bool(a, "doubled", true));
	UNTIL(events("run_alone", recorded(a), other) == 1);
	ends(1, 0);
	UNTIL(count("next") == 1);	/* nobody else's outcome follows */
}

/* Two that were alone one after the other, and a third that passed over it by
 * its misfire policy: it ran twice, and one who asks why must find both. */
static void
test_two_alone_of_one_on_record_as_skipped(void **state)
{
	int64_t first;
	const json_t *a;
	wall at;

	(void)state;
	at = one_due();
	(void)passed_over(at);
	first = recorded(tell(entry(1, "start", "tick", at.ms)));
	ends(1, 0);
	UNTIL(state_is(first, "succeeded"));
	a = tell(entry(2, "start", "tick", at.ms));
	assert_true(js_bool(a, "doubled", false));
	UNTIL(events("run_doubled", recorded(a), first) == 1);
}

/* It was on record as another's, and its own journal kept it: a node that was
 * killed before it could forget it asks at every start. */
static void
test_what_another_did_is_held_no_more(void **state)
{
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = other_ran("node-b", at, true);
	assert_int_equal(recorded(tell(entry(1, "wait", "tick", at.ms))), id);
	agent_says("link.run", json_pack("{s:I,s:i,s:s,s:n}", "run",
	    (json_int_t)order_alone(3, 1), "attempt", 1, "state", "held",
	    "started_at"));
	UNTIL(agent.settled == order_alone(3, 1));
}

/* The machine went down with it, and its clock was ahead: it does the same one
 * again when it is alone once more.  Lost is not "never came": it had begun. */
static void
test_one_that_was_lost_at_work_is_done_twice(void **state)
{
	int64_t first;
	const json_t *a;
	wall at;

	(void)state;
	at = one_due();
	first = recorded(tell(entry(1, "start", "tick", at.ms)));
	agent.run = order_alone(3, 1);
	agent.attempt = 1;
	agent_ends("lost", 0);		/* with the time of its start */
	UNTIL(state_is(first, "lost"));
	a = tell(entry(2, "start", "tick", at.ms));
	assert_true(js_bool(a, "doubled", false));
	UNTIL(events("run_doubled", recorded(a), first) == 1);
}

/* The broker had it on record, and its dispatch was lost with the link: the
 * run that the agent made is that one. */
static void
test_what_never_came_is_the_same_run(void **state)
{
	const json_t *a;
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = other_ran("node-a", at, false);
	a = tell(entry(1, "start", "tick", at.ms));
	assert_int_equal(recorded(a), id);
	assert_false(js_bool(a, "doubled", true));
	ends(1, 0);
	UNTIL(state_is(id, "succeeded"));
	assert_int_equal(count("tick"), 1);
}

/* Its link is lost again, and it tells once more, before a slow disk has that:
 * the agent forgets what it is told of. */
static void
test_what_never_came_is_not_known_before_it_is_on_disk(void **state)
{
	struct told t[2] = { 0 };
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = other_ran("node-a", at, false);
	store_stops();
	for (size_t i = 0; i < 2; i++)
		begin_tell(entry(1, "start", "tick", at.ms), &t[i]);
	assert_false(t[0].done);
	assert_true(t[1].done);
	assert_null(t[1].result);
	UNTIL(t[0].done);
	assert_null(t[0].result);
	store_goes_on();
	assert_int_equal(recorded(tell(entry(1, "start", "tick", at.ms))), id);
}

/* Also when it is being aborted: its agent drops the dispatch, since it did
 * that one, and the slot would be taken for good by what never ends. */
static void
test_what_never_came_and_is_aborted_is_the_same_run(void **state)
{
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = other_ran("node-a", at, false);
	outcome_abort(broker, live_find(broker, id), "test", NULL, NULL);
	assert_int_equal(recorded(tell(entry(1, "start", "tick", at.ms))), id);
	ends(1, 0);
	UNTIL(state_is(id, "aborted"));
	assert_int_equal(count("tick"), 1);
}

/* It was refused, and did nothing: but if that does not get to the disk, it is
 * sent once more, and done twice without a mark. */
static void
test_one_whose_end_is_on_its_way_is_not_judged(void **state)
{
	struct told t = { 0 };
	json_t *report;
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = other_ran("node-a", at, true);
	report = json_pack("{s:I,s:i,s:s,s:s}", "run", (json_int_t)id,
	    "attempt", 1, "state", "refused", "reason", "its disk is full");
	store_stops();
	outcome_report(broker, broker->roster->members[0], report);
	assert_true(run_ended(live_find(broker, id)->state));
	begin_tell(entry(1, "start", "tick", at.ms), &t);
	assert_true(t.done);
	assert_null(t.result);
	assert_int_equal(t.e.code, ERR_BUSY);
	json_decref(report);
	store_goes_on();
}

/* What lies before it stays due, and is not passed over without a word. */
static void
test_a_gap_stays_due(void **state)
{
	wall at;

	(void)state;
	apply(jobs);
	at = begin_at();
	assert_true(recorded(tell(entry(1, "start", "tick",
	    at.ms + 3000))) > 0);
	assert_int_equal(cursor(), at.ms);
	assert_true(recorded(tell(entry(2, "start", "tick",
	    at.ms + 1000))) > 0);
	assert_int_equal(cursor(), at.ms + 1000);
	assert_int_equal(ledger_cursor(broker, "tick").ms, at.ms + 1000);
}

/* The cursor is read again while it is on its way to the disk (what else this
 * node told could not be stored): memory that stayed behind would take every
 * fire of the job for one past a gap. */
static void
test_a_cursor_that_is_read_again_is_not_left_behind(void **state)
{
	struct told t = { 0 };
	wall at = one_due();

	(void)state;
	begin_tell(entry(1, "start", "tick", at.ms), &t);
	(void)ledger_cursor(broker, "tick");
	UNTIL(t.done);
	json_decref(t.result);
	assert_int_equal(cursor(), at.ms);
}

static void
test_skips_are_records(void **state)
{
	json_t *doc = entry(1, "skip", "tick", 0);
	const json_t *a;
	wall at;

	(void)state;
	apply(jobs);
	at = begin_at();
	(void)json_object_set_new(doc, "first", json_integer(at.ms + 1000));
	(void)json_object_set_new(doc, "at", json_integer(at.ms + 5000));
	(void)json_object_set_new(doc, "count", json_integer(5));
	(void)json_object_set_new(doc, "reason", json_string("misfire once"));
	a = tell(json_deep_copy(doc));
	assert_true(state_is(recorded(a), "skipped"));
	assert_int_equal(cursor(), at.ms + 5000);
	(void)tell(doc);
	assert_int_equal(count("tick"), 1);
}

/* Another Scheduler's fire passes over it, and may not be stored after all: its
 * agent would have forgotten it by then. */
static void
test_nothing_is_told_before_it_is_on_disk(void **state)
{
	static const char *const acts[] = { "skip", "wait" };
	struct cat_job *j;
	wall at;

	(void)state;
	apply(jobs);
	at = begin_at();
	j = catalog_job(broker->catalog, "tick");
	for (size_t i = 0; i < 2; i++) {
		json_t *params = json_pack("{s:[o],s:i}", "entries",
		    entry(1, acts[i], "tick", at.ms + 1000), "left", 0);
		struct told t = { false, NULL, { 0 } };

		j->cursor.ms = at.ms + 5000;
		spool_take(broker, broker->roster->members[0], params, on_told,
		    &t);
		json_decref(params);
		UNTIL(t.done);
		assert_null(t.result);
		assert_int_equal(t.e.code, ERR_BUSY);
	}
	j->cursor = at;
	assert_int_equal(count("tick"), 0);
	assert_true(recorded(tell(entry(1, "wait", "tick", at.ms + 1000))) > 0);
}

/* It was fired and found no slot there: it is run, and once. */
static void
test_what_waited_is_queued_here(void **state)
{
	int64_t id;
	wall at;

	(void)state;
	apply(jobs);
	at = begin_at();
	agent.finish = true;
	id = recorded(tell(entry(1, "wait", "tick", at.ms + 1000)));
	UNTIL(state_is(id, "succeeded"));
	assert_int_equal(recorded(tell(entry(1, "wait", "tick",
	    at.ms + 1000))), id);
	assert_int_equal(count("tick"), 1);
	assert_int_equal(cursor(), at.ms + 1000);
	catalog_job(broker->catalog, "tick")->paused = true;
	id = recorded(tell(entry(2, "wait", "tick", at.ms + 2000)));
	assert_true(state_is(id, "skipped"));
}

/* The catalogue went on meanwhile: nothing of what ran is dropped. */
static void
test_a_job_that_is_gone_or_edited(void **state)
{
	int64_t id;
	wall at;

	(void)state;
	apply(jobs);
	at = begin_at();
	/* An edit puts the cursor to its own time. */
	catalog_job(broker->catalog, "tick")->cursor.ms = at.ms + 30000;
	id = recorded(tell(entry(1, "start", "tick", at.ms + 1000)));
	assert_true(id > 0);
	assert_int_equal(cursor(), at.ms + 30000);
	id = recorded(tell(entry(2, "start", "gone", at.ms + 1000)));
	ends(2, 0);
	UNTIL(state_is(id, "succeeded"));
	id = recorded(tell(entry(3, "wait", "gone", at.ms + 2000)));
	assert_true(state_is(id, "skipped"));
}

static void
test_a_restarted_broker_knows_them(void **state)
{
	struct err e = { 0 };
	struct broker *again;
	const struct run *r;
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	(void)other_ran("node-b", at, true);
	id = recorded(tell(entry(1, "start", "tick", at.ms)));
	again = broker_new(store, &key, "node-a", true, clock_now(), &e);
	assert_non_null(again);
	r = live_find(again, id);
	assert_non_null(r);
	assert_true(r->doubled && r->alone == order_alone(3, 1) && r->accepted);
	assert_int_equal(runlist_wire(again, id, 1), r->alone);
	broker_free(again);
	ends(1, 0);
	UNTIL(state_is(id, "succeeded"));
	assert_int_equal(runlist_wire(broker, id, 1), order_alone(3, 1));
}

/* The broker's disk is slow, and the agent is connected again meanwhile: with an
 * end of its own beside it, one run would be on record as two. */
static void
test_what_never_came_is_not_lost_before_it_is_on_disk(void **state)
{
	struct told first = { 0 };
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = other_ran("node-a", at, false);
	store_stops();
	begin_tell(entry(1, "start", "tick", at.ms), &first);
	agent_down();
	agent.untold = order_alone(3, 1);
	agent_up();
	assert_true(shown_as(id, "dispatched"));
	store_goes_on();
	UNTIL(first.done);
	json_decref(first.result);
	assert_int_equal(recorded(tell(entry(1, "start", "tick", at.ms))), id);
	assert_true(shown_as(id, "dispatched"));
	ends(1, 0);
	UNTIL(state_is(id, "succeeded"));
	assert_int_equal(count("tick"), 1);
}

/* It is restored from a backup, spool and all, while a slow disk records what it
 * told: a run that nobody has, and that would hold its slot for ever. */
static void
test_one_that_is_forgotten_while_it_is_recorded_is_lost(void **state)
{
	for (int known = 0; known < 2; known++) {
		struct told first = { 0 };
		int64_t id;
		wall at = one_due();

		at.ms += known * 1000;
		if (known)
			(void)other_ran("node-a", at, false);
		store_stops();
		begin_tell(entry(1 + known, "start", "tick", at.ms), &first);
		agent_down();
		agent_up();
		assert_true(live_first(broker) != NULL);
		id = live_first(broker)->id;
		store_goes_on();
		UNTIL(first.done);
		json_decref(first.result);
		UNTIL(state_is(id, "lost"));
	}
	(void)state;
}

/* Recorded, and its agent was gone before it was answered: "lost", with what
 * follows a run that is lost, until the agent has told of it again. */
static void
test_one_whose_answer_did_not_arrive_is_not_lost(void **state)
{
	int64_t id;
	wall at;

	(void)state;
	at = one_due();
	id = recorded(tell(entry(1, "start", "tick", at.ms)));
	agent_down();
	assert_true(shown_as(id, "unknown"));
	agent.untold = order_alone(3, 1);
	agent_up();
	assert_true(shown_as(id, "dispatched"));
	assert_int_equal(recorded(tell(entry(1, "start", "tick", at.ms))), id);
	/* Its disk is an older copy, where it had not begun. */
	assert_int_equal(recorded(tell(entry(2, "start", "tick", at.ms +
	    1000))), id + 1);
	assert_int_equal(recorded(tell(entry(2, "wait", "tick", at.ms +
	    1000))), id + 1);
	UNTIL(state_is(id + 1, "lost"));
	/* Its journal knows nothing of it, and what it has to tell is another. */
	agent_down();
	agent.untold = order_alone(2, 7);
	agent_up();
	UNTIL(state_is(id, "lost"));
}

static void
test_nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"run\":5,\"job\":\"tick\",\"act\":\"start\",\"at\":1000,"
		    "\"epoch\":3}",
		"{\"run\":1000000003000001,\"job\":\"tick\",\"act\":\"start\","
		    "\"at\":1000,\"epoch\":4}",
		"{\"run\":1000000003000001,\"job\":\"../x\",\"act\":\"start\","
		    "\"at\":1000,\"epoch\":3}",
		"{\"run\":1000000003000001,\"job\":\"tick\",\"act\":\"fire\","
		    "\"at\":1000,\"epoch\":3}",
		"{\"run\":1000000003000001,\"job\":\"tick\",\"act\":\"start\","
		    "\"at\":1000,\"first\":2000,\"epoch\":3}",
		"[]", "null",
	};

	(void)state;
	apply(jobs);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const json_t *a = tell(json_loads(bad[i], JSON_DECODE_ANY,
		    NULL));

		assert_non_null(js_str(a, "refused", NULL));
	}
	assert_int_equal(count("tick"), 0);
	UNTIL(events("spool_refused", 0, 0) == sizeof(bad) / sizeof(bad[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_recorded_once_and_followed),
		T(test_a_failed_one_is_tried_again),
		T(test_doubled_is_marked_and_not_followed),
		T(test_one_on_record_as_skipped_did_run_once),
		T(test_two_alone_of_one_on_record_as_skipped),
		T(test_what_another_did_is_held_no_more),
		T(test_one_that_was_lost_at_work_is_done_twice),
		T(test_what_never_came_is_the_same_run),
		T(test_what_never_came_is_not_known_before_it_is_on_disk),
		T(test_what_never_came_and_is_aborted_is_the_same_run),
		T(test_one_whose_end_is_on_its_way_is_not_judged),
		T(test_a_gap_stays_due),
		T(test_a_cursor_that_is_read_again_is_not_left_behind),
		T(test_skips_are_records),
		T(test_nothing_is_told_before_it_is_on_disk),
		T(test_what_waited_is_queued_here),
		T(test_a_job_that_is_gone_or_edited),
		T(test_a_restarted_broker_knows_them),
		T(test_what_never_came_is_not_lost_before_it_is_on_disk),
		T(test_one_that_is_forgotten_while_it_is_recorded_is_lost),
		T(test_one_whose_answer_did_not_arrive_is_not_lost),
		T(test_nonsense_is_refused),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
