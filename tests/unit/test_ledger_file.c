/* Files in the ledger: a file that is told of twice, by whomever and however
 * fast, is one run; without this a restart runs every file that lies there. */
#include "api_fixture.h"

#include "broker/ledger_file.h"
#include "log.h"

enum { CREATED, CHANGED };	/* triggers of the job */

static json_t *answers;

static void
answered(struct broker *b, int64_t member, json_t *doc)
{
	(void)b;
	(void)member;
	(void)json_array_append_new(answers, doc);
}

struct seen {
	int trigger;
	const char *path;
	int64_t ino, mtime, birth;
};

static void
tell(struct seen s, bool backed, int64_t id)
{
	json_t *fire = json_pack("{s:s,s:I,s:i,s:s,s:I,s:I,s:I}", "job", "f",
	    "id", (json_int_t)id, "trigger", s.trigger, "path", s.path, "ino",
	    (json_int_t)s.ino, "mtime", (json_int_t)s.mtime, "birth",
	    (json_int_t)s.birth);
	json_t *doc = ledger_file(broker, broker->roster->members[0], fire,
	    backed, answered);

	if (doc != NULL)
		(void)json_array_append_new(answers, doc);
	json_decref(fire);
}

/* The answer to the fire of that id. */
static const json_t *
answer_to(int64_t id)
{
	for (size_t i = 0; i < json_array_size(answers); i++)
		if (js_int(json_array_get(answers, i), "id", 0) == id)
			return json_array_get(answers, i);
	return NULL;
}

static int64_t
run_of(struct seen s)
{
	static int64_t id = 100;

	tell(s, true, ++id);
	UNTIL(answer_to(id) != NULL);
	return js_int(answer_to(id), "run", 0);
}

static int
begins(void **state)
{
	int rc = setup(state);

	answers = json_array();
	agent.finish = true;
	apply("jobs = ( { name = \"f\"; shell = \":\"; overlap = \"allow\";\n"
	    "triggers = ( { file = \"/in/*\"; },\n"
	    "    { file = \"/in/*\"; event = \"changed\"; } ); } );");
	return rc;
}

static int
ends(void **state)
{
	json_decref(answers);
	return teardown(state);
}

static void
test_once(void **state)
{
	struct seen s = { CREATED, "/in/a", 5, 1000, 7 };
	int64_t run;

	(void)state;
	run = run_of(s);
	assert_true(run > 0);
	assert_int_equal(run_of(s), run);
	/* By whatever trigger of the job: the occurrence is the same. */
	s.trigger = CHANGED;
	assert_int_equal(run_of(s), run);
	/* Written to: created no more, but changed. */
	s = (struct seen){ CREATED, "/in/a", 5, 2000, 7 };
	assert_int_equal(run_of(s), run);
	s.trigger = CHANGED;
	assert_true(run_of(s) > run);
	/* The inode number is used again. */
	s = (struct seen){ CREATED, "/in/a", 5, 3000, 8 };
	run = run_of(s);
	assert_true(run > 0);
	s.ino = 6;
	assert_true(run_of(s) > run);
	s.path = "/in/b";
	assert_true(run_of(s) > run);
	/* No birth is known: the time of modification must do. */
	s = (struct seen){ CREATED, "/in/c", 5, 1000, 0 };
	run = run_of(s);
	assert_int_equal(run_of(s), run);
	s.mtime++;
	assert_true(run_of(s) > run);
}

/* A second telling before the first is on disk: a reconnect does that. */
static void
test_under_way(void **state)
{
	struct seen s = { CHANGED, "/in/a", 5, 1000, 7 };
	size_t before;

	(void)state;
	before = live_count(broker);
	tell(s, true, 1);
	tell(s, true, 2);
	tell(s, true, 3);
	UNTIL(json_array_size(answers) == 3);
	assert_true(js_int(answer_to(1), "run", 0) > 0);
	for (int64_t id = 2; id <= 3; id++)
		assert_int_equal(js_int(answer_to(id), "run", 0),
		    js_int(answer_to(1), "run", 0));
	UNTIL(live_count(broker) == before);
}

static void
test_refused(void **state)
{
	struct seen s = { CREATED, "/in/a", 5, 1000, 7 };
	json_t *list;

	(void)state;
	tell(s, false, 1);
	assert_string_equal(js_str(answer_to(1), "code", ""), "epoch");
	s.trigger = 2;
	tell(s, true, 2);
	assert_string_equal(js_str(answer_to(2), "code", ""), "job");
	s.trigger = -1;
	tell(s, true, 3);
	assert_string_equal(js_str(answer_to(3), "code", ""), "job");
	s = (struct seen){ CREATED, "in/a", 5, 1000, 7 };
	tell(s, true, 4);
	assert_string_equal(js_str(answer_to(4), "code", ""), "job");
	s.path = "/in/%";
	tell(s, true, 5);
	assert_string_equal(js_str(answer_to(5), "code", ""), "job");
	s.path = "/in/a";
	json_decref(get("job.pause", json_pack("{s:s}", "job", "f")));
	tell(s, true, 6);
	assert_string_equal(js_str(answer_to(6), "code", ""), "job");
	list = get("run.list", json_object());
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

static wall
floor_of(void)
{
	json_t *doc = catalog_replica(broker);
	wall at = { js_int(json_array_get(json_object_get(doc, "jobs"), 0),
	    "files", 0) };

	json_decref(doc);
	return at;
}

/* What was there before an edit, or came in a pause, does not count; another
 * field of the job changes nothing, and neither does a restart. */
static void
test_floor(void **state)
{
	wall was = floor_of();
	struct err e;

	(void)state;
	assert_true(was.ms > 0);
	(void)usleep(2000);
	apply("jobs = ( { name = \"f\"; shell = \"true\"; overlap = \"allow\";\n"
	    "priority = 3; triggers = ( { file = \"/in/*\"; },\n"
	    "    { every = \"1h\"; },\n"
	    "    { file = \"/in/*\"; event = \"changed\"; } ); } );");
	assert_int_equal(floor_of().ms, was.ms);
	apply("jobs = ( { name = \"f\"; shell = \"true\"; overlap = \"allow\";\n"
	    "triggers = ( { file = \"/in/*\"; stable = \"1s\"; } ); } );");
	assert_true(floor_of().ms > was.ms);
	was = floor_of();
	(void)usleep(2000);
	json_decref(get("job.pause", json_pack("{s:s}", "job", "f")));
	assert_int_equal(floor_of().ms, was.ms);
	json_decref(get("job.resume", json_pack("{s:s}", "job", "f")));
	assert_true(floor_of().ms > was.ms);
	was = floor_of();
	catalog_free(broker->catalog);
	broker->catalog = catalog_load(broker, &e);
	assert_non_null(broker->catalog);
	assert_int_equal(floor_of().ms, was.ms);
}

/* Records go when no walk asks for the file any more, and not before. */
static void
test_purged(void **state)
{
	static const int64_t ages[] = { 364, 365, 367 };
	struct batch *b = batch_new();
	struct now now = clock_now();

	(void)state;
	for (size_t i = 0; i < 3; i++)
		batch_add(b, S_FILE_PUT, "ttiiiii", "f", "/in/a", ages[i],
		    (int64_t)1, (int64_t)1, (int64_t)1,
		    now.wall.ms - ages[i] * 86400000);
	assert_int_equal(store_write(store, b), STORE_OK);
	jump_init(&broker->jump, now.wall);	/* known, as after a restart */
	broker->retain_at = (mono){ 0 };
	UNTIL(store_query(store, S_FILE_GET, NULL, NULL, "tti", "f", "/in/a",
	    (int64_t)367) == 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(store_query(store, S_FILE_GET, NULL, NULL,
		    "tti", "f", "/in/a", ages[i]), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_once, begins, ends),
		cmocka_unit_test_setup_teardown(test_under_way, begins, ends),
		cmocka_unit_test_setup_teardown(test_refused, begins, ends),
		cmocka_unit_test_setup_teardown(test_floor, begins, ends),
		cmocka_unit_test_setup_teardown(test_purged, begins, ends),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("ledger_file", tests, NULL, NULL);
}
