/* What one member, or an operator who may only look, must not be able to cost
 * the others. */
#include "api_fixture.h"

#define JOBS "jobs: ( { name = \"byhand\"; command = [ \"/bin/true\" ]; } );\n"

/* An agent whose answers about output have no bytes in them. */
static void
empty_message(struct session *s, json_t *msg, void *ctx)
{
	json_t *doc;

	if (strcmp(js_str(msg, "method", ""), "link.output") != 0) {
		agent_message(s, msg, ctx);
		return;
	}
	doc = json_pack("{s:s,s:O,s:{s:b}}", "jsonrpc", "2.0", "id",
	    json_object_get(msg, "id"), "result", "found", 1);
	(void)session_send(s, doc);
	json_decref(doc);
}

static const struct session_ops empty_ops = { .message = empty_message,
	.closed = agent_closed };

static void
on_view(void *arg, const json_t *result, const struct err *e)
{
	struct told *t = arg;

	t->done = true;
	t->result = json_incref((json_t *)result);
	if (e != NULL)
		t->e = *e;
}

/* Lost: one member could stop the broker with one answer. */
static void
answers_without_output(void **state)
{
	json_t *params = json_pack("{s:s}", "run", "1");
	struct told t = { 0 };
	struct ask a;

	(void)state;
	apply(JOBS);
	json_decref(get("job.run", json_pack("{s:s}", "job", "byhand")));
	UNTIL(agent.run != 0);
	session_own(agent.session, &empty_ops, NULL);
	api_view(api, "run.log", params, on_view, &t);
	UNTIL(t.done);
	assert_null(t.result);
	assert_int_equal(t.e.code, ERR_FAILED);
	assert_non_null(strstr(t.e.msg, "not understood"));
	assert_non_null(strstr(refused(PRIVS_ALL, "run.log",
	    json_incref(params)).msg, "not understood"));
	/* Who follows is told, too, and nobody is asked again and again. */
	(void)json_object_set_new(params, "follow", json_true());
	assert_non_null(strstr(refused(PRIVS_ALL, "run.log",
	    json_incref(params)).msg, "not understood"));
	json_decref(params);
	/* Whatever else has no answer: a failure, never nothing at all. */
	begin(&a, PRIVS_ALL, "leave", NULL);
	call_done(nd.left_arg, NULL);
	assert_true(a.ended);
	assert_int_equal(a.e.code, ERR_FAILED);
	session_own(agent.session, &agent_ops, NULL);
}

/* Lost: whoever may only look could fill the store with what is refused. */
static void
refusals_are_kept_short(void **state)
{
	static char big[20001], euros[3001];
	json_t *many = json_object(), *o, *data, *params;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 0; i < 1000; i++) {
		char name[24];

		memcpy(euros + 3 * i, "\xe2\x82\xac", 3);
		(void)snprintf(name, sizeof(name), "label%zu", i);
		(void)json_object_set_new(many, name, json_string(big));
	}
	(void)refused(1u << PRIV_VIEW, "agent.set", json_pack(
	    "{s:s,s:s,s:s,s:o,s:s}", "agent", big, "junk", big, "reason",
	    euros, "values", many, big, "x"));
	(void)refused(1u << PRIV_VIEW, "agent.set", json_pack("{s:{s:{s:s}}}",
	    "agent", "a", "b", big));
	store_drain(store);
	o = get("event.list", json_pack("{s:s,s:s}", "code",
	    "command_refused", "actor", "anna@10.0.0.7"));
	assert_int_equal(json_array_size(o), 2);
	for (size_t i = 0; i < 2; i++)
		assert_in_range(json_dumpb(json_array_get(o, i), NULL, 0, 0),
		    100, 4096);
	data = json_object_get(json_array_get(o, 1), "data");
	params = json_object_get(data, "params");
	assert_null(json_object_get(params, "junk"));
	assert_in_range(strlen(js_str(params, "agent", "")), 200, 260);
	assert_memory_equal(js_str(params, "agent", ""), big, 200);
	assert_in_range(strlen(js_str(data, "reason", "")), 200, 260);
	assert_memory_equal(js_str(data, "reason", ""), euros, 198);
	assert_in_range(json_object_size(json_object_get(params, "values")),
	    10, 20);
	json_decref(o);
}

/* An agent that answers nothing, and what it was answered itself. */
static struct {
	int asked, busy, others;
	char last[256];
} mute;

static void
mute_message(struct session *s, json_t *msg, void *ctx)
{
	const json_t *error = json_object_get(msg, "error");
	const char *code = js_str(json_object_get(error, "data"), "code", "");

	(void)s;
	(void)ctx;
	if (json_object_get(msg, "method") != NULL)
		mute.asked += strcmp(js_str(msg, "method", ""),
		    "link.output") == 0;
	else if (strcmp(code, "busy") == 0)
		mute.busy++;
	else {
		mute.others++;
		(void)MEM_STR(mute.last, js_str(error, "message", ""));
	}
}

static const struct session_ops mute_ops = { .message = mute_message,
	.closed = agent_closed };

static void
agent_says_id(int id, const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id",
	    id, "method", method, "params", params);

	(void)session_send(agent.session, doc);
	json_decref(doc);
}

static void
a_run_of_a_mute_agent(void)
{
	memset(&mute, 0, sizeof(mute));
	apply(JOBS);
	json_decref(get("job.run", json_pack("{s:s}", "job", "byhand")));
	UNTIL(agent.run != 0);
	session_own(agent.session, &mute_ops, NULL);
}

static struct now
a_minute_later(void)
{
	struct now now = clock_now();

	now.mono = mono_add_ms(now.mono, 60000);
	return now;
}

/* Each holds the end of the run's output meanwhile.  Lost: the memory of the
 * broker, to a member that asks and never answers. */
static void
a_member_has_few_questions_open(void **state)
{
	(void)state;
	a_run_of_a_mute_agent();
	for (int i = 0; i < 300; i++)
		agent_says_id(i, "link.view", json_pack("{s:s,s:{s:s}}",
		    "method", "run.log", "params", "run", "1"));
	UNTIL(mute.asked >= 256 && mute.asked + mute.busy >= 300);
	assert_int_equal(mute.asked, 256);
	assert_int_equal(mute.busy, 44);
	assert_int_equal(mute.others, 0);
	broker->clock = a_minute_later;
	UNTIL(mute.others == 256);
	assert_non_null(strstr(mute.last, "did not answer"));
	broker->clock = clock_now;
	agent_says_id(300, "link.view", json_pack("{s:s,s:{s:s}}", "method",
	    "run.log", "params", "run", "1"));
	UNTIL(mute.asked == 257);
}

/* Lost: the store, which keeps what was done for ninety days, and with it the
 * list of events, which is one message a row. */
static void
what_was_done_is_kept_without_junk(void **state)
{
	static char big[900001];
	json_t *many = json_array(), *o, *data, *params;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	for (int i = 0; i < 100; i++)
		(void)json_array_append_new(many, json_string("reports"));
	apply(JOBS);
	json_decref(get("job.run", json_pack("{s:s,s:s,s:o,s:s,s:s,s:s}",
	    "job", "byhand", "junk", big, "more", many, "token", "secret",
	    "text", big, "reason", "why not")));
	store_drain(store);
	o = get("event.list", json_pack("{s:s}", "code", "job_run"));
	assert_int_equal(json_array_size(o), 1);
	assert_in_range(json_dumpb(json_array_get(o, 0), NULL, 0, 0), 100,
	    1000);
	data = json_object_get(json_array_get(o, 0), "data");
	params = json_object_get(data, "params");
	assert_string_equal(js_str(params, "job", ""), "byhand");
	assert_string_equal(js_str(params, "reason", ""), "why not");
	assert_string_equal(js_str(data, "reason", ""), "why not");
	assert_int_equal(json_object_size(params), 2);
	json_decref(o);
}

/* Lost: the time of an operator whose key was replaced while it was logged in,
 * who looks for a group that is as it should be. */
static void
who_is_no_operator_any_more_is_told_so(void **state)
{
	struct err e;

	(void)state;
	e = refused(PRIVS_NONE, "status", NULL);
	assert_int_equal(e.code, ERR_DENIED);
	assert_non_null(strstr(e.msg, "anna@10.0.0.7"));
	assert_non_null(strstr(e.msg, "log in again"));
	e = refused(1u << PRIV_VIEW, "job.run", NULL);
	assert_non_null(strstr(e.msg, "another group for this operator"));
}

static struct now
later_clock(void)
{
	struct now now = clock_now();

	now.mono = mono_add_ms(now.mono, slow_ms);
	return now;
}

/* Lost: the loop, and with it the leases, to a member that asks one long
 * question after the other. */
static void
a_member_has_a_share_of_the_loop(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		turn();			/* the answer to hello */
	memset(&mute, 0, sizeof(mute));
	session_own(agent.session, &mute_ops, NULL);
	slow_down(1000);
	for (int i = 0; i < 10; i++)
		agent_says_id(i, "link.view", json_pack("{s:s}", "method",
		    "event.list"));
	UNTIL(mute.busy + mute.others == 10);
	broker->clock = later_clock;
	assert_in_range(mute.others, 1, 3);
	/* The link itself is not held up, and there is a time after. */
	agent_beat();
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
	slow_ms += 60000;
	agent_says_id(11, "link.view", json_pack("{s:s}", "method",
	    "event.list"));
	UNTIL(mute.others + mute.busy == 11);
	assert_in_range(mute.others, 2, 4);
	broker->clock = clock_now;
}

/* Lost: the loop, and with it the leases, to whoever looks for what there is
 * not: each time through the history of years. */
static void
a_search_comes_to_an_end(void **state)
{
	json_t *o;

	(void)state;
	store_drain(store);
	change_store("INSERT INTO event (seq, at, severity, code, actor, "
	    "message) SELECT 1000000, 1, 'info', 'long_ago', 'x', '' UNION ALL "
	    "SELECT 1000001, 1, 'info', 'lately', 'y', ''");
	change_store("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
	    "FROM n WHERE i < 199999) INSERT INTO event (seq, at, severity, "
	    "code, actor, message) SELECT 1000001 + i, 1, 'info', 'x', 'z', '' "
	    "FROM n");
	o = get("event.list", json_pack("{s:s}", "code", "long_ago"));
	assert_int_equal(json_array_size(o), 0);
	json_decref(o);
	o = get("event.list", json_pack("{s:s}", "actor", "x"));
	assert_int_equal(json_array_size(o), 0);
	json_decref(o);
	o = get("event.list", json_pack("{s:s}", "actor", "y"));
	assert_int_equal(json_array_size(o), 1);
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(answers_without_output),
		T(refusals_are_kept_short),
		T(what_was_done_is_kept_without_junk),
		T(who_is_no_operator_any_more_is_told_so),
		T(a_search_comes_to_an_end),
		T(a_member_has_a_share_of_the_loop),
		T(a_member_has_few_questions_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
