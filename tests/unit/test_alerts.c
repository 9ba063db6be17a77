/* Alerts about members, as operators see them at the broker.  What a user would
 * lose: a node whose disk is full or whose file triggers wait, and nobody is
 * told; or an alert that never ends, so that the next one is not looked at. */
#include "api_fixture.h"

#include "broker/departure.h"

/* One heartbeat of node-a: its clock, and what is wrong there (stolen). */
static void
beat(int64_t skew_ms, json_t *alerts)
{
	json_t *o = json_pack("{s:I,s:I,s:b,s:I,s:I,s:b,s:I,s:I,s:i,s:b}",
	    "start", (json_int_t)7, "seq", (json_int_t)++agent.seq, "on", 0,
	    "epoch", (json_int_t)0, "floor", (json_int_t)0, "controlled", 1,
	    "wall", (json_int_t)(clock_wall().ms + skew_ms), "rev",
	    (json_int_t)broker->catalog->rev, "running", 0, "accepts", 1);

	if (alerts != NULL)
		(void)json_object_set_new(o, "alerts", alerts);
	agent_says("link.beat", o);
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

static json_t *
wrong(const char *code, const char *message)
{
	return json_pack("[{s:s,s:s}]", "code", code, "message", message);
}

/* "code node", all that are open, sorted by age. */
static const char *
open_alerts(void)
{
	static char text[256];
	json_t *list = alert_list(broker->events), *a;
	size_t i;

	text[0] = '\0';
	json_array_foreach(list, i, a) {
		size_t n = strlen(text);

		(void)snprintf(text + n, sizeof(text) - n, "%s%s %s",
		    n > 0 ? ", " : "", js_str(a, "code", ""),
		    js_str(a, "node", ""));
	}
	json_decref(list);
	return text;
}

static void
what_is_wrong_at_a_node_is_an_alert_here(void **state)
{
	(void)state;
	beat(0, wrong("files_hang", "/srv/far"));
	assert_string_equal(open_alerts(), "files_hang node-a");
	beat(0, wrong("files_hang", "/srv/far"));
	assert_string_equal(open_alerts(), "files_hang node-a");
	beat(0, NULL);
	assert_string_equal(open_alerts(), "");
}

/* A node may say that something is wrong there, not raise what it likes. */
static void
a_node_raises_no_other_alert(void **state)
{
	(void)state;
	beat(0, wrong("no_scheduler", "run for your lives"));
	beat(0, json_pack("[s,i,{}]", "files_hang", 7));
	beat(0, json_object());
	assert_string_equal(open_alerts(), "");
}

static void
a_clock_that_was_put_right_while_away_is_an_alert_no_more(void **state)
{
	(void)state;
	beat(-60000, NULL);
	assert_string_equal(open_alerts(), "clock_off node-a");
	agent_down();
	agent_up();
	beat(0, NULL);
	assert_string_equal(open_alerts(), "");
}

static void
an_alert_follows_a_node_that_is_renamed(void **state)
{
	(void)state;
	beat(-60000, wrong("files_hang", "/srv/far"));
	json_decref(get("agent.rename", json_pack("{s:s,s:s}", "agent",
	    "node-a", "name", "node-x")));
	assert_string_equal(open_alerts(),
	    "clock_off node-x, files_hang node-x");
	beat(0, NULL);
	assert_string_equal(open_alerts(), "");
}

static void
on_gone(void *arg, json_t *result, const struct err *e)
{
	(void)e;
	*(bool *)arg = result != NULL;
}

static void
nothing_is_wrong_with_a_node_that_has_gone(void **state)
{
	bool gone = false;

	(void)state;
	beat(-60000, wrong("files_hang", "/srv/far"));
	departure_start(broker, broker->roster->members[0], "removed", "",
	    "root", on_gone, &gone);
	UNTIL(gone && agent.gone);
	assert_string_equal(open_alerts(), "");
}

/* The alert of a dead node was in the memory of a broker that was restarted. */
static void
a_node_that_is_dead_when_the_broker_starts_is_an_alert(void **state)
{
	struct batch *b = batch_new();
	struct now later = clock_now();

	(void)state;
	(void)roster_admit(broker, "node-b", "ssh-ed25519 b", "SHA256:b", false,
	    b, NULL);
	assert_int_equal(store_write(store, b), STORE_OK);
	turn();
	assert_string_equal(open_alerts(), "");
	later.mono = mono_add_ms(later.mono, broker->set.connection_timeout +
	    1000);
	beat(0, NULL);
	(void)broker_turn(broker, later);
	assert_non_null(strstr(open_alerts(), "agent_offline node-b"));
	/* One that may be away is none. */
	alert_clear(broker->events, later.wall, "agent_offline", "node-b");
	roster_by_name(broker->roster, "node-b")->offline_ok = true;
	broker->roster->look_at = (mono){ 0 };
	(void)broker_turn(broker, later);
	assert_null(strstr(open_alerts(), "node-b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_wrong_at_a_node_is_an_alert_here),
		T(a_node_raises_no_other_alert),
		T(a_clock_that_was_put_right_while_away_is_an_alert_no_more),
		T(an_alert_follows_a_node_that_is_renamed),
		T(a_node_that_is_dead_when_the_broker_starts_is_an_alert),
		T(nothing_is_wrong_with_a_node_that_has_gone),
	};

	return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}
