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
	json_decref(params);
	/* Whatever else has no answer: a failure, never nothing at all. */
	begin(&a, PRIVS_ALL, "leave", NULL);
	call_done(nd.left_arg, NULL);
	assert_true(a.ended);
	assert_int_equal(a.e.code, ERR_FAILED);
	session_own(agent.session, &agent_ops, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(answers_without_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
