/* A wall clock that is months ahead for a minute.  What a user would lose: the
 * history of three months, deleted at once; and every job, which would be silent
 * until that date without a word, and without a cure. */
#include "api_fixture.h"

#include "broker/astray.h"
#include "broker/retain.h"
#include "core/jump.h"

#define JOBS "jobs: ( { name = \"tick\"; command = [ \"/bin/true\" ];\n"       \
	"  triggers: ( { every = \"1h\"; } ); },\n"                          \
	"  { name = \"tock\"; command = [ \"/bin/true\" ];\n"                \
	"  triggers: ( { every = \"1h\"; } ); },\n"                          \
	"  { name = \"never\"; command = [ \"/bin/true\" ]; } );\n"
#define EDITED "jobs: ( { name = \"tock\"; command = [ \"/bin/true\" ];\n"     \
	"  triggers: ( { every = \"2h\"; } ); } );\n"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };
static const int64_t day = 24 * (int64_t)HOUR;

/* ---- the clock itself ---- */

static struct now
later(struct now now, int64_t ms, int64_t jump)
{
	return (struct now){ mono_add_ms(now.mono, ms),
		{ now.wall.ms + ms + jump } };
}

static void
small_steps_are_no_jump(void **state)
{
	struct now now = clock_now();
	struct jump j;
	int64_t by;

	(void)state;
	jump_init(&j, (wall){ now.wall.ms - HOUR });
	assert_false(jump_settled(&j, now.mono));	/* nobody looked */
	assert_int_equal(jump_look(&j, now, &by), JUMP_NONE);
	assert_true(jump_settled(&j, now.mono));
	now = later(now, MINUTE, HOUR);			/* summer time, by hand */
	assert_int_equal(jump_look(&j, now, &by), JUMP_NONE);
	assert_int_equal(by, HOUR);
	now = later(now, 90 * day, 0);			/* asleep */
	assert_int_equal(jump_look(&j, now, &by), JUMP_NONE);
	assert_true(jump_settled(&j, now.mono));
}

static void
a_jump_holds_for_an_hour(void **state)
{
	struct now now = clock_now();
	struct jump j;
	int64_t by;

	(void)state;
	jump_init(&j, now.wall);
	now = later(now, 0, 2 * day);			/* nobody looked */
	assert_int_equal(jump_look(&j, now, &by), JUMP_AHEAD);
	assert_int_equal(by, 2 * day);
	now = later(now, HOUR - 1, 0);
	assert_int_equal(jump_look(&j, now, &by), JUMP_NONE);
	assert_false(jump_settled(&j, now.mono));
	now = later(now, 1, 0);
	assert_true(jump_settled(&j, now.mono));
	now = later(now, 0, 2 * day);
	assert_int_equal(jump_look(&j, now, &by), JUMP_AHEAD);
	assert_false(jump_settled(&j, now.mono));
	now = later(now, MINUTE, -2 * day);		/* put right */
	assert_int_equal(jump_look(&j, now, &by), JUMP_BACK);
	assert_int_equal(by, -2 * day);
	assert_true(jump_settled(&j, now.mono));
	jump_init(&j, (wall){ 0 });			/* nobody knows */
	assert_int_equal(jump_look(&j, now, &by), JUMP_NONE);
	assert_false(jump_settled(&j, now.mono));
	assert_true(jump_settled(&j, mono_add_ms(now.mono, HOUR)));
}

/* ---- what the broker does by it ---- */

static const char *
open_alerts(void)
{
	static char text[2000];
	json_t *list = alert_list(broker->events), *a;
	size_t i;

	text[0] = '\0';
	json_array_foreach(list, i, a) {
		size_t n = strlen(text);

		(void)snprintf(text + n, sizeof(text) - n, "%s: %s\n",
		    js_str(a, "code", ""), js_str(a, "message", ""));
	}
	json_decref(list);
	return text;
}

/* The look at old history, ms later, by a clock that is jump ahead of that. */
static void
look(int64_t ms, int64_t jump)
{
	broker->now = later(broker->now, ms, jump);
	broker->retain_at = broker->now.mono;
	(void)retain_turn(broker);
	store_drain(store);
}

static int64_t
events_on_record(void)
{
	json_t *list = event_list(broker->events, 1000, (wall){ 0 }, NULL,
	    "astray_test", NULL, NULL);
	int64_t n = (int64_t)json_array_size(list);

	json_decref(list);
	return n;
}

static void
history_outlives_a_clock_that_is_ahead_for_a_minute(void **state)
{
	(void)state;
	jump_init(&broker->jump, broker->now.wall);
	(void)event_add(broker->events, broker->now.wall, SEV_INFO,
	    "astray_test", NULL, NULL, NULL, "an event");
	look(MINUTE, 0);
	assert_string_equal(open_alerts(), "");
	look(MINUTE, 100 * day);
	assert_int_equal(events_on_record(), 1);
	assert_non_null(strstr(open_alerts(), "clock_jumped: the clock of "
	    "node-a is 100 days ahead of what the broker saw last ("));
	look(MINUTE, -100 * day);
	assert_string_equal(open_alerts(), "");
	look(MINUTE, 0);
	assert_int_equal(events_on_record(), 1);
}

static void
history_goes_by_a_clock_that_stays(void **state)
{
	(void)state;
	jump_init(&broker->jump, broker->now.wall);
	(void)event_add(broker->events, broker->now.wall, SEV_INFO,
	    "astray_test", NULL, NULL, NULL, "an event");
	look(MINUTE, 100 * day);
	look(HOUR - 1, 0);
	assert_int_equal(events_on_record(), 1);
	look(1, 0);
	assert_int_equal(events_on_record(), 0);
	assert_string_equal(open_alerts(), "");
}

/* It was wrong when the machine was started. */
static void
a_broker_that_starts_knows_what_time_it_was(void **state)
{
	(void)state;
	jump_init(&broker->jump, broker->now.wall);
	look(MINUTE, 0);
	astray_load(broker);
	look(MINUTE, 100 * day);
	assert_non_null(strstr(open_alerts(), "clock_jumped: "));
	astray_load(broker);		/* nor by another start */
	look(MINUTE, 0);
	assert_false(jump_settled(&broker->jump, broker->now.mono));
	look(HOUR, 0);
	astray_load(broker);		/* it stayed so: believed */
	look(MINUTE, 0);
	assert_true(jump_settled(&broker->jump, broker->now.mono));
}

/* ---- jobs ---- */

static const struct cat_job *
job(const char *name)
{
	return catalog_job(broker->catalog, name);
}

/* Fired by a clock that was 100 days ahead. */
static void
astray(const char *name)
{
	struct cat_job *j = catalog_job(broker->catalog, name);
	struct batch *batch = batch_new();

	j->cursor.ms += 100 * day;
	batch_add(batch, S_CURSOR_PUT, "ti", name, j->cursor.ms);
	assert_int_equal(store_write(store, batch), STORE_OK);
}

static int64_t
on_disk(const char *name)
{
	struct broker again = *broker;
	struct err e = { 0 };
	int64_t ms;

	again.catalog = NULL;
	again.catalog = catalog_load(&again, &e);
	assert_non_null(again.catalog);
	ms = catalog_job(again.catalog, name)->cursor.ms;
	catalog_free(again.catalog);
	return ms;
}

static void
goes_on_from_now(const char *name)
{
	assert_in_range(job(name)->cursor.ms, clock_wall().ms - HOUR,
	    clock_wall().ms);
	assert_int_equal(on_disk(name), job(name)->cursor.ms);
}

static void
a_silent_job_is_an_alert_with_its_cure(void **state)
{
	(void)state;
	jump_init(&broker->jump, broker->now.wall);
	apply(JOBS);
	look(MINUTE, 0);
	assert_string_equal(open_alerts(), "");
	astray("never");		/* has no trigger to be due */
	astray("tock");
	astray("tick");
	look(MINUTE, 0);
	assert_non_null(strstr(open_alerts(), "(and of 1 more) is due before "));
	json_decref(get("job.pause", json_pack("{s:s}", "job", "tick")));
	json_decref(get("job.resume", json_pack("{s:s}", "job", "tick")));
	goes_on_from_now("tick");
	look(MINUTE, 0);
	assert_non_null(strstr(open_alerts(), "job_silent: no trigger of job "
	    "\"tock\" is due before "));
	assert_non_null(strstr(open_alerts(), "muster job pause tock, muster job "
	    "resume tock"));
	apply(EDITED);
	goes_on_from_now("tock");
	look(MINUTE, 0);
	assert_string_equal(open_alerts(), "");
}

/* One that was removed and comes again is silent no more, either. */
static void
a_job_that_was_put_back_goes_on_from_now(void **state)
{
	struct batch *batch = batch_new();
	char occ[CLOCK_RFC3339];

	(void)state;
	apply(JOBS);
	batch_add(batch, S_OCC_PUT, "tti", "tick", clock_rfc3339((wall){
	    clock_wall().ms + 100 * day }, occ), (int64_t)1);
	assert_int_equal(store_write(store, batch), STORE_OK);
	json_decref(get("job.remove", json_pack("{s:s}", "job", "tick")));
	apply(JOBS);
	goes_on_from_now("tick");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_steps_are_no_jump),
		cmocka_unit_test(a_jump_holds_for_an_hour),
		T(history_outlives_a_clock_that_is_ahead_for_a_minute),
		T(history_goes_by_a_clock_that_stays),
		T(a_broker_that_starts_knows_what_time_it_was),
		T(a_silent_job_is_an_alert_with_its_cure),
		T(a_job_that_was_put_back_goes_on_from_now),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("astray", tests, NULL, NULL);
}
