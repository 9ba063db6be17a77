/* Subscriptions: what a console shows is what the daemon has, with the
 * difference alone on the wire, and nothing piles up for one that is slow. */
#include "api_client.h"
#include "broker/grammar.h"

/* A client that has said hello. */
static void
greet(void)
{
	client(PEER_LOCAL, geteuid());
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
}

/* The newest update's params, or NULL. */
static const json_t *
newest(void)
{
	for (size_t i = json_array_size(cl.got); i-- > 0;) {
		const json_t *m = json_array_get(cl.got, i);

		if (strcmp(js_str(m, "method", ""), "update") == 0)
			return json_object_get(m, "params");
	}
	return NULL;
}

static void
changes_are_told(void **state)
{
	const json_t *a, *p;

	(void)state;
	greet();
	a = json_object_get(say("{\"id\":2,\"method\":\"subscribe\",\"params\":"
	    "{\"method\":\"setting.list\",\"params\":{},\"key\":\"name\","
	    "\"every\":1}}"), "result");
	has(a, "sub seq doc");
	assert_true(json_array_size(json_object_get(a, "doc")) > 10);
	json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
	    "token_ttl", "21m")));
	UNTIL(newest() != NULL);
	p = newest();
	assert_int_equal(js_int(p, "sub", 0), js_int(a, "sub", -1));
	assert_int_equal(js_int(p, "seq", 0), 1);
	/* The row that changed, and no other. */
	assert_int_equal(json_array_size(json_object_get(p, "set")), 1);
	assert_null(json_object_get(p, "del"));
	assert_string_equal(js_str(json_array_get(json_object_get(p, "set"),
	    0), "name", ""), "token_ttl");
	hang_up();
}

/* A document that is no list comes whole. */
static void
documents_come_whole(void **state)
{
	const json_t *a;

	(void)state;
	greet();
	a = json_object_get(say("{\"id\":2,\"method\":\"subscribe\",\"params\":"
	    "{\"method\":\"setting.show\",\"params\":{\"name\":\"token_ttl\"}}}"
	    ), "result");
	assert_string_equal(js_str(json_object_get(a, "doc"), "name", ""),
	    "token_ttl");
	json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
	    "token_ttl", "22m")));
	UNTIL(newest() != NULL);
	assert_string_equal(js_str(json_object_get(newest(), "doc"), "name",
	    ""), "token_ttl");
	hang_up();
}

static void
add_jobs(size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++) {
		struct cat_job *j = mem_zero(1, sizeof(*j));
		char *text = mem_fmt("{\"name\":\"job-with-a-rather-long-name-"
		    "%05zu\",\"command\":[\"/bin/true\"],\"triggers\":["
		    "{\"cron\":\"15 2 * * mon,tue,wed,thu,fri\"},{\"cron\":"
		    "\"15 4 * * mon,tue,wed,thu,fri\"}]}", i);

		j->spec = spec_new(json_loads(text, 0, NULL));
		if (job_of_json(j->spec->doc, &grammar_checks, &j->def, &e) == -1)
			fail_msg("%s", e.msg);
		j->due = due_new(&j->def, "UTC", NULL, 0, &e);
		HASH_ADD_KEYPTR(hh, broker->catalog->jobs, j->def.name,
		    strlen(j->def.name), j);
		free(text);
	}
}

/* Rows that the client has, by name. */
static size_t
known(void)
{
	json_t *names = json_object(), *m, *row;
	size_t i, k, n;

	json_array_foreach(cl.got, i, m) {
		json_t *set = json_object_get(json_object_get(m, "params"),
		    "set");

		if (set == NULL)
			set = json_object_get(json_object_get(m, "result"),
			    "doc");
		assert_true(json_dumpb(m, NULL, 0, JSON_COMPACT) <
		    SESSION_LINE);
		json_array_foreach(set, k, row)
			(void)json_object_set_new(names, js_str(row, "name",
			    ""), json_true());
	}
	n = json_object_size(names);
	json_decref(names);
	return n;
}

/* More than fits in one message, and more than may wait at once. */
static void
long_lists_come_in_parts(void **state)
{
	(void)state;
	add_jobs(6000);
	greet();
	(void)say("{\"id\":2,\"method\":\"subscribe\",\"params\":{\"method\":"
	    "\"job.list\",\"key\":\"name\"}}");
	UNTIL(known() == 6000);
	hang_up();
}

static void
what_has_gone_is_told(void **state)
{
	const json_t *p;

	(void)state;
	json_decref(get("apply", json_pack("{s:s,s:s}", "file", "x", "text",
	    "jobs: ( { name = \"gone\"; command = [ \"/bin/true\" ]; } );")));
	greet();
	(void)say("{\"id\":2,\"method\":\"subscribe\",\"params\":{\"method\":"
	    "\"job.list\",\"key\":\"name\"}}");
	json_decref(get("job.remove", json_pack("{s:s}", "job", "gone")));
	UNTIL(newest() != NULL);
	p = newest();
	assert_null(json_object_get(p, "set"));
	assert_string_equal(json_string_value(json_array_get(
	    json_object_get(p, "del"), 0)), "gone");
	hang_up();
}

/* Attempts of one run have one id: the first of them is shown, and the others
 * are not sent in turn with it for as long as the console is open. */
static void
rows_of_one_id_are_one(void **state)
{
	const json_t *a;

	(void)state;
	greet();
	/* Many settings have the same of these. */
	a = json_object_get(say("{\"id\":2,\"method\":\"subscribe\",\"params\":"
	    "{\"method\":\"setting.list\",\"key\":\"default\"}}"), "result");
	assert_in_range(json_array_size(json_object_get(a, "doc")), 2, 60);
	(void)say("{\"id\":3,\"method\":\"status\"}");
	assert_null(newest());
	hang_up();
}

static void
what_cannot_be_is_refused(void **state)
{
	const json_t *a;

	(void)state;
	greet();
	a = say("{\"id\":2,\"method\":\"subscribe\",\"params\":{}}");
	assert_string_equal(code(a), "usage");
	/* Nothing is changed each second by a slip. */
	a = say("{\"id\":3,\"method\":\"subscribe\",\"params\":{\"method\":"
	    "\"agent.off\",\"params\":{\"agent\":\"node-a\"}}}");
	assert_string_equal(code(a), "usage");
	a = say("{\"id\":4,\"method\":\"subscribe\",\"params\":{\"method\":"
	    "\"agent.show\",\"params\":{\"agent\":\"nobody\"}}}");
	assert_string_equal(code(a), "not_found");
	a = say("{\"id\":5,\"method\":\"subscribe\",\"params\":{\"method\":"
	    "\"status\",\"every\":0}}");
	assert_string_equal(code(a), "usage");
	a = say("{\"id\":6,\"method\":\"unsubscribe\",\"params\":"
	    "{\"sub\":99}}");
	assert_string_equal(code(a), "not_found");
	for (int i = 0; i < 40; i++)
		a = say("{\"id\":7,\"method\":\"subscribe\",\"params\":"
		    "{\"method\":\"setting.list\",\"key\":\"name\"}}");
	assert_string_equal(code(a), "busy");
	hang_up();
}

/* What a console no longer looks at must not go on at the daemon. */
static void
requests_are_cancelled(void **state)
{
	json_t *m;
	size_t i;
	bool told = false;

	(void)state;
	greet();
	(void)say("{\"id\":2,\"method\":\"event.follow\",\"params\":"
	    "{\"since\":3600}}");
	assert_non_null(api->calls);
	(void)say("{\"id\":3,\"method\":\"cancel\",\"params\":{\"id\":2}}");
	UNTIL(js_int(json_array_get(cl.got, json_array_size(cl.got) - 1), "id",
	    0) == 3);
	assert_null(api->calls);
	json_array_foreach(cl.got, i, m)
		told |= js_int(m, "id", 0) == 2 &&
		    json_object_get(m, "error") != NULL;
	assert_true(told);
	(void)say("{\"id\":4,\"method\":\"subscribe\",\"params\":{\"method\":"
	    "\"status\"}}");
	(void)say("{\"id\":5,\"method\":\"unsubscribe\",\"params\":"
	    "{\"sub\":1}}");
	assert_true(json_is_object(json_object_get(json_array_get(cl.got,
	    json_array_size(cl.got) - 1), "result")));
	hang_up();
}

static void
stats_are_columns(void **state)
{
	const json_t *a, *cpu;

	(void)state;
	greet();
	a = json_object_get(say("{\"id\":2,\"method\":\"agent.stats\","
	    "\"params\":{\"agent\":\"node-a\",\"window\":600}}"), "result");
	has(a, "agent from to step metrics");
	cpu = json_object_get(json_object_get(a, "metrics"), "cpu");
	assert_int_equal(json_array_size(json_object_get(cpu, "mean")), 60);
	assert_int_equal(json_array_size(json_object_get(cpu, "max")), 60);
	/* Nothing was measured ten minutes ago: a gap, not a zero. */
	assert_true(json_is_null(json_array_get(json_object_get(cpu, "max"),
	    0)));
	a = say("{\"id\":3,\"method\":\"agent.stats\",\"params\":{\"agent\":"
	    "\"node-a\",\"window\":5}}");
	assert_string_equal(code(a), "usage");
	hang_up();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(changes_are_told),
		T(documents_come_whole),
		T(long_lists_come_in_parts),
		T(what_has_gone_is_told),
		T(rows_of_one_id_are_one),
		T(what_cannot_be_is_refused),
		T(requests_are_cancelled),
		T(stats_are_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
