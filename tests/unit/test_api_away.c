/* What an operator gets at an agent of another broker, and what a node gets who
 * passes his question on.  Lost: the reading that says where to go; or rights
 * that nobody has given. */
#include "api_fixture.h"

static struct seat elsewhere_seat;

/* An agent of another broker passes reading on, refuses changes with the cure,
 * and can hold itself off. */
static void
elsewhere(void **state)
{
	struct ask a;
	json_t *o, *offset = NULL;
	struct err e;

	(void)state;
	nd.away = &elsewhere_seat;
	begin(&a, 1u << PRIV_VIEW, "agent.list", json_pack("{s:i}", "limit",
	    3));
	assert_string_equal(nd.asked, "link.view");
	assert_string_equal(js_str(nd.ask_params, "method", ""),
	    "agent.list");
	assert_int_equal(js_int(json_object_get(nd.ask_params, "params"),
	    "limit", 0), 3);
	o = json_pack("[s]", "x");
	nd.ask_done(nd.ask_arg, o, NULL);
	assert_true(a.ended);
	assert_true(json_equal(a.result, o));
	json_decref(o);
	ask_clear(&a);
	/* Who goes meanwhile is not answered. */
	begin(&a, PRIVS_ALL, "agent.list", NULL);
	call_gone(api, &a);
	assert_null(nd.ask_done);
	assert_false(a.ended);

	e = refused(PRIVS_ALL, "agent.on", json_pack("{s:s}", "agent",
	    "node-b"));
	assert_int_equal(e.code, ERR_DENIED);
	assert_string_equal(e.msg, "this node may only look: muster -H "
	    "hub.example:7422 agent on node-b");
	/* Following is reading, too: the list is asked for, again and again. */
	begin(&a, 1u << PRIV_VIEW, "event.follow", NULL);
	assert_string_equal(js_str(nd.ask_params, "method", ""),
	    "event.list");
	call_gone(api, &a);
	assert_null(nd.ask_done);
	assert_false(a.ended);
	/* Lost: why this node is never chosen. */
	o = get("doctor", NULL);
	for (size_t i = 0; i < json_array_size(o); i++)
		if (strcmp(js_str(json_array_get(o, i), "check", ""),
		    "clock offset") == 0)
			offset = json_array_get(o, i);
	assert_string_equal(js_str(offset, "state", ""), "problem");
	assert_string_equal(js_str(offset, "detail", ""), "-2.500 s from the "
	    "broker's (max_skew 2.0 s)");
	json_decref(o);
	nd.mode = NODE_WORKER;
	e = refused(PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "x"));
	assert_non_null(strstr(e.msg, "is a worker of prod"));
	broker->awake = false;		/* its own triggers rest */
	json_decref(get("agent.off", NULL));
	assert_int_equal(nd.held, 1);
	json_decref(get("agent.on", NULL));
	assert_int_equal(nd.held, -1);
	broker->awake = true;
	json_decref(get("status", NULL));
	nd.away = NULL;
}

static json_t *viewed;
static enum err_code view_code;

static void
on_viewed(void *arg, const json_t *result, const struct err *e)
{
	(void)arg;
	json_decref(viewed);
	viewed = json_deep_copy(result);
	view_code = e != NULL ? e->code : ERR_OK;
}

/* What comes over a node's link is reading and nothing else. */
static void
links_carry_no_rights(void **state)
{
	(void)state;
	api_view(api, "agent.list", NULL, on_viewed, NULL);
	assert_true(json_is_array(viewed));
	api_view(api, "agent.off", NULL, on_viewed, NULL);
	assert_int_equal(view_code, ERR_DENIED);
	api_view(api, "event.follow", NULL, on_viewed, NULL);
	assert_int_equal(view_code, ERR_DENIED);
	api_view(api, "status", NULL, on_viewed, NULL);
	assert_int_equal(view_code, ERR_DENIED);
	api_view(api, "nonsense", NULL, on_viewed, NULL);
	assert_int_equal(view_code, ERR_NOTFOUND);
	json_decref(viewed);
	viewed = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(elsewhere),
		T(links_carry_no_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
