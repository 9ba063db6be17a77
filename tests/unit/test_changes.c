/* Several operators change the same thing at once, while the disk is slow.  What
 * a user would lose: an edit that was acknowledged, and is gone after the next
 * start. */
#include "api_fixture.h"

#include "broker/ledger.h"
#include "broker/live.h"

#define JOBS "jobs: ( { name = \"tick\"; command = [ \"/bin/true\" ];\n"       \
	"  triggers: ( { every = \"1h\"; } ); },\n"                          \
	"  { name = \"other\"; command = [ \"/bin/true\" ]; } );\n"
#define EDITED "jobs: ( { name = \"tick\"; command = [ \"/bin/false\" ];\n"    \
	"  triggers: ( { every = \"7s\"; } ); } );\n"
#define MORE "jobs: ( { name = \"more\"; command = [ \"/bin/true\" ];\n"       \
	"  triggers: ( { every = \"5s\"; } ); } );\n"

static json_t *
job(const char *name)
{
	return json_pack("{s:s}", "job", name);
}

static json_t *
text(const char *jobs)
{
	return json_pack("{s:s,s:s}", "file", "t", "text", jobs);
}

static void
taken(struct ask *a)
{
	UNTIL(a->ended);
	if (a->result == NULL)
		fail_msg("%s", a->e.msg);
	ask_clear(a);
}

/* What a broker that starts now would have. */
static void
as_on_disk(void)
{
	struct broker again = *broker;
	struct cat_job *j, *k;
	struct err e = { 0 };

	again.catalog = NULL;
	again.catalog = catalog_load(&again, &e);
	if (again.catalog == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(again.catalog->rev, broker->catalog->rev);
	assert_int_equal(HASH_COUNT(again.catalog->jobs),
	    HASH_COUNT(broker->catalog->jobs));
	for (j = broker->catalog->jobs; j != NULL; j = j->hh.next) {
		k = catalog_job(again.catalog, j->def.name);
		assert_non_null(k);
		assert_true(json_equal(j->spec->doc, k->spec->doc));
		assert_int_equal(j->paused, k->paused);
		assert_int_equal(j->cursor.ms, k->cursor.ms);
		assert_int_equal(j->files.ms, k->files.ms);
	}
	catalog_free(again.catalog);
}

static const char *
command(const char *name)
{
	const struct cat_job *j = catalog_job(broker->catalog, name);

	assert_non_null(j);
	return json_string_value(json_array_get(json_object_get(j->spec->doc,
	    "command"), 0));
}

static void
a_pause_in_the_middle_of_an_apply_keeps_both(void **state)
{
	struct ask edit, pause;

	(void)state;
	apply(JOBS);
	store_stops();
	begin(&edit, PRIVS_ALL, "apply", text(EDITED));
	begin(&pause, PRIVS_ALL, "job.pause", job("tick"));
	store_goes_on();
	taken(&edit);
	taken(&pause);
	assert_string_equal(command("tick"), "/bin/false");
	assert_true(catalog_job(broker->catalog, "tick")->paused);
	as_on_disk();
}

static void
a_resume_in_the_middle_of_an_apply_keeps_both(void **state)
{
	struct ask edit, resume, again;

	(void)state;
	apply(JOBS);
	json_decref(get("job.pause", job("tick")));
	store_stops();
	begin(&edit, PRIVS_ALL, "apply", text(EDITED));
	begin(&resume, PRIVS_ALL, "job.resume", job("tick"));
	/* It goes on already when that one's turn comes. */
	begin(&again, PRIVS_ALL, "job.resume", job("tick"));
	store_goes_on();
	taken(&edit);
	taken(&resume);
	taken(&again);
	assert_string_equal(command("tick"), "/bin/false");
	assert_false(catalog_job(broker->catalog, "tick")->paused);
	as_on_disk();
}

static void
two_texts_at_once_are_both_applied(void **state)
{
	struct ask one, two;

	(void)state;
	apply(JOBS);
	store_stops();
	begin(&one, PRIVS_ALL, "apply", text(EDITED));
	begin(&two, PRIVS_ALL, "apply", text(MORE));
	store_goes_on();
	taken(&one);
	taken(&two);
	assert_string_equal(command("tick"), "/bin/false");
	assert_non_null(catalog_job(broker->catalog, "more"));
	as_on_disk();
}

/* An operator confirmed a plan that is no longer what would be done. */
static void
a_plan_that_was_shown_is_stale_when_its_turn_comes(void **state)
{
	struct ask one, two;
	json_t *seen = text(MORE);

	(void)state;
	apply(JOBS);
	(void)json_object_set_new(seen, "revision",
	    json_integer(broker->catalog->rev));
	store_stops();
	begin(&one, PRIVS_ALL, "apply", text(EDITED));
	begin(&two, PRIVS_ALL, "apply", seen);
	store_goes_on();
	taken(&one);
	UNTIL(two.ended);
	assert_null(two.result);
	assert_int_equal(two.e.code, ERR_STALE);
	assert_null(catalog_job(broker->catalog, "more"));
	as_on_disk();
}

static void
what_was_removed_before_its_turn_is_not_there(void **state)
{
	struct ask gone, pause, next;

	(void)state;
	apply(JOBS);
	store_stops();
	begin(&gone, PRIVS_ALL, "job.remove", job("tick"));
	begin(&pause, PRIVS_ALL, "job.pause", job("tick"));
	begin(&next, PRIVS_ALL, "job.pause", job("other"));
	store_goes_on();
	taken(&gone);
	UNTIL(pause.ended);
	assert_null(pause.result);
	assert_int_equal(pause.e.code, ERR_NOTFOUND);
	taken(&next);
	assert_null(catalog_job(broker->catalog, "tick"));
	as_on_disk();
}

/* ---- a fire behind an edit ---- */

static json_t *answered;

static void
on_answer(struct broker *b, int64_t member, json_t *doc)
{
	(void)b;
	(void)member;
	json_decref(answered);
	answered = doc;
}

/* By a clock that shows when it is due. */
static void
fires(int64_t due)
{
	json_t *params = json_pack("{s:I,s:[{s:s,s:I,s:I,s:i,s:s}]}", "epoch",
	    (json_int_t)scheduler_epoch(broker), "fires", "job", "tick", "at",
	    (json_int_t)due, "first", (json_int_t)due, "count", 1, "act",
	    "fire");

	json_decref(answered);
	answered = NULL;
	broker->now.wall.ms = due;
	ledger_fire(broker, broker->roster->members[0], params, on_answer);
	json_decref(params);
}

static int64_t
at_work(void)
{
	struct cat_job *j;

	apply(JOBS);
	agent_says_on(0);
	UNTIL(scheduler_epoch(broker) > 0);
	agent_says_on(scheduler_epoch(broker));
	j = catalog_job(broker->catalog, "tick");
	return due_next(j->due, j->cursor).ms;
}

/* The cursor after it. */
static int64_t
fires_behind_an_edit(int64_t due)
{
	const struct cat_job *j;
	struct ask edit;

	store_stops();
	broker->now = clock_now();
	begin(&edit, PRIVS_ALL, "apply", text(EDITED));
	fires(due);
	assert_null(answered);
	store_goes_on();
	taken(&edit);
	UNTIL(answered != NULL);
	assert_null(json_object_get(answered, "run"));
	j = catalog_job(broker->catalog, "tick");
	assert_int_equal(js_int(answered, "cursor", 0), j->cursor.ms);
	as_on_disk();
	json_decref(answered);
	answered = NULL;
	return j->cursor.ms;
}

/* The Scheduler fires by the schedule that it knows; on its way to the disk
 * waits an edit.  It is told where to go on: nothing is passed over. */
static void
a_fire_behind_an_edit_is_told_where_to_go_on(void **state)
{
	int64_t due;

	(void)state;
	due = at_work();
	assert_true(fires_behind_an_edit(due) < due);
}

/* … also when a clock that was ahead had fired what is due after the edit. */
static void
a_fire_ahead_behind_an_edit_passes_over_nothing(void **state)
{
	const struct cat_job *j;
	int64_t due, next;

	(void)state;
	due = at_work();
	fires(due);
	UNTIL(answered != NULL);
	assert_true(js_int(answered, "run", 0) > 0);
	j = catalog_job(broker->catalog, "tick");
	next = due_next(j->due, j->cursor).ms;
	assert_true(fires_behind_an_edit(next) < next);
	j = catalog_job(broker->catalog, "tick");
	assert_true(due_next(j->due, j->cursor).ms - due <= 7000);
}

/* … nor where a node without the broker had done what is fired then. */
static void
an_edit_tells_the_cursor_that_it_stored(void **state)
{
	struct batch *b = batch_new();
	char occ[CLOCK_RFC3339];
	struct ask edit;
	int64_t due;

	(void)state;
	due = at_work();
	batch_add(b, S_OCC_PUT, "tti", "tick", clock_rfc3339((wall){ due },
	    occ), (int64_t)1);
	store_submit(store, b, NULL, NULL);
	UNTIL(store_pending(store) == 0);
	store_stops();
	broker->now = clock_now();
	begin(&edit, PRIVS_ALL, "apply", text(EDITED));
	fires(due);
	assert_int_equal(js_int(answered, "run", 0), 1);
	store_goes_on();
	agent.cursor = 0;
	taken(&edit);
	UNTIL(agent.cursor != 0 && store_pending(store) == 0);
	as_on_disk();
	assert_int_equal(agent.cursor, catalog_job(broker->catalog,
	    "tick")->cursor.ms);
	assert_true(agent.cursor < due);
}

/* ---- members ---- */

/* Each operator sets something else of the same node. */
static void
two_edits_of_a_member_at_once_are_both_stored(void **state)
{
	struct ask rename, one, two;
	struct broker *again;
	const struct member *m;
	struct err e = { 0 };

	(void)state;
	store_stops();
	begin(&rename, PRIVS_ALL, "agent.rename", json_pack("{s:s,s:s}",
	    "agent", "node-a", "name", "node-x"));
	begin(&one, PRIVS_ALL, "agent.set", json_pack("{s:s,s:{s:s,s:s}}",
	    "agent", "node-a", "values", "priority", "5", "offline_ok",
	    "true"));
	begin(&two, PRIVS_ALL, "agent.set", json_pack("{s:s,s:{s:s,s:s}}",
	    "agent", "node-a", "values", "labels", "eu,fast", "addresses",
	    "10.0.0.7"));
	store_goes_on();
	taken(&rename);
	taken(&one);
	taken(&two);
	again = broker_new(store, &key, "node-a", true, clock_now(), &e);
	if (again == NULL)
		fail_msg("%s", e.msg);
	for (int i = 0; i < 2; i++) {		/* in memory, on disk */
		const struct roster *r = i == 0 ? broker->roster
						 : again->roster;

		m = r->members[0];
		assert_string_equal(m->name, "node-x");
		assert_int_equal(r->agents[0].priority, 5);
		assert_true(m->offline_ok);
		assert_int_equal(json_array_size(m->labels), 2);
		assert_int_equal(json_array_size(m->addresses), 1);
	}
	broker_free(again);
}

/* One that is sent while the name is on its way to a slow disk: after a start its
 * agent's word on it would count for nothing, and it would be lost. */
static void
a_run_of_a_moment_ago_goes_with_the_new_name(void **state)
{
	struct ask rename, run;
	struct broker *again;
	const struct run *r;
	struct err e = { 0 };

	(void)state;
	apply(JOBS);
	store_stops();
	begin(&rename, PRIVS_ALL, "agent.rename", json_pack("{s:s,s:s}",
	    "agent", "node-a", "name", "node-x"));
	begin(&run, PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "tick"));
	store_goes_on();
	taken(&rename);
	taken(&run);
	UNTIL(store_pending(store) == 0);
	again = broker_new(store, &key, "node-a", true, clock_now(), &e);
	if (again == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(live_count(again), 1);
	r = live_first(again);
	assert_string_equal(r->agent, "node-x");
	assert_string_equal(live_first(broker)->agent, "node-x");
	broker_free(again);
}

/* … and the disk was full when its new name was to go there: after a start it
 * would be nobody's, and what only its agent may run would never be run. */
static void
a_run_with_an_old_name_on_disk_is_its_agents(void **state)
{
	struct ask rename, run;
	struct broker *again;
	const struct run *r;
	struct err e = { 0 };

	(void)state;
	apply(JOBS);
	begin(&run, PRIVS_ALL, "job.run", job("tick"));
	taken(&run);
	begin(&rename, PRIVS_ALL, "agent.rename", json_pack("{s:s,s:s}",
	    "agent", "node-a", "name", "node-x"));
	taken(&rename);
	UNTIL(store_pending(store) == 0);
	store_stops();
	assert_int_equal(sqlite3_exec(locker, "UPDATE run_live SET agent = "
	    "'node-a'; COMMIT; BEGIN", NULL, NULL, NULL), SQLITE_OK);
	store_goes_on();
	again = broker_new(store, &key, "node-a", true, clock_now(), &e);
	if (again == NULL)
		fail_msg("%s", e.msg);
	r = live_first(again);
	assert_non_null(r);
	assert_int_equal(r->member, again->roster->members[0]->id);
	assert_string_equal(r->agent, "node-x");
	broker_free(again);
}

/* A schedule knows its zone: the plan was made with the one before. */
static void
another_zone_in_the_middle_of_an_apply_is_everybodys(void **state)
{
	struct setting_pair zone = { "zone", "Pacific/Auckland" };
	struct cat_job *j;
	struct ask edit;
	struct due *due;
	struct err e = { 0 };

	(void)state;
	apply("jobs: ( { name = \"daily\"; command = [ \"/bin/true\" ];\n"
	    "  triggers: ( { cron = \"0 3 * * *\"; } ); } );\n");
	store_stops();
	begin(&edit, PRIVS_ALL, "apply", text(MORE));
	store_goes_on();
	/* The setting waits for the disk; the text is on it then, not told. */
	assert_int_equal(broker_set(broker, &zone, 1, "root", &e), 0);
	taken(&edit);
	j = catalog_job(broker->catalog, "daily");
	due = due_new(&j->def, broker->set.zone, NULL, 0, &e);
	assert_non_null(due);
	assert_int_equal(due_next(j->due, j->cursor).ms,
	    due_next(due, j->cursor).ms);
	due_free(due);
	UNTIL(store_pending(store) == 0);
	as_on_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_pause_in_the_middle_of_an_apply_keeps_both),
		T(a_resume_in_the_middle_of_an_apply_keeps_both),
		T(two_texts_at_once_are_both_applied),
		T(a_plan_that_was_shown_is_stale_when_its_turn_comes),
		T(what_was_removed_before_its_turn_is_not_there),
		T(a_fire_behind_an_edit_is_told_where_to_go_on),
		T(a_fire_ahead_behind_an_edit_passes_over_nothing),
		T(an_edit_tells_the_cursor_that_it_stored),
		T(two_edits_of_a_member_at_once_are_both_stored),
		T(a_run_of_a_moment_ago_goes_with_the_new_name),
		T(a_run_with_an_old_name_on_disk_is_its_agents),
		T(another_zone_in_the_middle_of_an_apply_is_everybodys),
	};

	return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
