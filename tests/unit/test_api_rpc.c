/* The protocol as a client sees it: hello, answers and errors by id, lists that
 * do not fit in one message. */
#include "api_client.h"

#include <sys/socket.h>

#include "broker/grammar.h"
#include "net/local.h"

static int64_t
number(const json_t *answer)
{
	return js_int(json_object_get(answer, "error"), "code", 0);
}

static void
hello_first(void **state)
{
	const json_t *a;

	(void)state;
	client(PEER_LOCAL, 0);
	assert_true(api_open(api, cl.far));
	a = say("{\"id\":1,\"method\":\"status\"}");
	assert_int_equal(number(a), -32600);
	a = say("{\"id\":2,\"method\":\"hello\",\"params\":{\"protocol\":9}}");
	assert_string_equal(code(a), "refused");
	a = say("{\"id\":3,\"method\":\"hello\",\"params\":{\"protocol\":1}}");
	has(json_object_get(a, "result"), "server version protocol node mode "
	    "who privileges");
	assert_string_equal(js_str(json_object_get(a, "result"), "who", ""),
	    "ann@local");
	a = say("{\"id\":4,\"method\":\"no.such\"}");
	assert_int_equal(number(a), -32601);
	a = say("{\"id\":5,\"method\":\"agent.show\",\"params\":{}}");
	assert_int_equal(number(a), -32602);
	assert_int_equal(js_int(a, "id", 0), 5);
	a = say("{\"id\":6,\"method\":\"agent.show\",\"params\":[1]}");
	assert_int_equal(number(a), -32602);
	a = say("{\"id\":\"x\",\"method\":\"status\"}");
	assert_string_equal(js_str(a, "id", ""), "x");
	has(json_object_get(a, "result"), "node");
	a = say("{\"id\":7}");
	assert_int_equal(number(a), -32600);
	hang_up();
}

static void
strangers_get_nothing(void **state)
{
	const json_t *a;

	(void)state;
	client(PEER_LOCAL, geteuid() + 4711);
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
	a = say("{\"id\":2,\"method\":\"status\"}");
	assert_string_equal(code(a), "not_permitted");
	hang_up();
	/* A node's session is not an operator's. */
	client(PEER_NODE, 0);
	assert_false(api_open(api, cl.far));
	session_close(cl.far, false, "");
	UNTIL(cl.closed);
	json_decref(cl.got);
	cl.got = NULL;
}

/* 6,000 jobs are more than a message, and more than may wait at once. */
static void
many_jobs(void)
{
	json_t *jobs;
	struct err e;

	for (size_t i = 0; i < 6000; i++) {
		struct cat_job *j = mem_zero(1, sizeof(*j));
		char *doc = mem_fmt("{\"name\":\"job-with-a-rather-long-name-"
		    "%05zu\",\"command\":[\"/bin/true\"],\"triggers\":["
		    "{\"cron\":\"15 2 * * mon,tue,wed,thu,fri\"},{\"cron\":"
		    "\"15 4 * * mon,tue,wed,thu,fri\"},{\"cron\":"
		    "\"15 6 * * mon,tue,wed,thu,fri\"}]}", i);

		jobs = json_loads(doc, 0, NULL);
		if (job_of_json(jobs, &grammar_checks, &j->def, &e) == -1)
			fail_msg("%s", e.msg);
		j->spec = spec_new(jobs);
		j->due = due_new(&j->def, "UTC", NULL, 0, &e);
		HASH_ADD_KEYPTR(hh, broker->catalog->jobs, j->def.name,
		    strlen(j->def.name), j);
		free(doc);
	}
}

static void
long_lists_come_in_parts(void **state)
{
	size_t rows = 0, i, last = 0;
	json_t *m;

	(void)state;
	many_jobs();
	client(PEER_LOCAL, 0);
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
	(void)say("{\"id\":2,\"method\":\"job.list\"}");
	UNTIL(json_object_get(json_array_get(cl.got, json_array_size(cl.got) -
	    1), "result") != NULL);
	json_array_foreach(cl.got, i, m) {
		json_t *p = json_object_get(m, "params");

		if (p != NULL) {
			assert_int_equal(js_int(p, "id", 0), 2);
			rows += json_array_size(json_object_get(p, "rows"));
			last = i;
		}
	}
	assert_int_equal(rows, 6000);
	assert_int_equal(last, json_array_size(cl.got) - 2);
	hang_up();
}

static void
utter(const char *text)
{
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	(void)session_send(cl.s, doc);
	json_decref(doc);
}

static size_t
results(size_t *rows)
{
	size_t n = 0, i;
	json_t *m;

	*rows = 0;
	json_array_foreach(cl.got, i, m) {
		*rows += json_array_size(json_object_get(json_object_get(m,
		    "params"), "rows"));
		n += json_object_get(m, "result") != NULL;
	}
	return n;
}

/* Lost: whoever asks for long lists and reads none of them would have the
 * broker keep them all. */
static void
who_reads_nothing_is_not_read(void **state)
{
	size_t rows;

	(void)state;
	many_jobs();
	client(PEER_LOCAL, 0);
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
	session_pause(cl.s, true);
	for (int i = 0; i < 4; i++)
		utter("{\"id\":2,\"method\":\"job.list\"}");
	for (int i = 0; i < 50; i++)
		turn();
	assert_true(session_paused(cl.far));
	assert_in_range(session_queued(cl.far), SESSION_HIGH, SESSION_HIGH +
	    SESSION_LINE);
	/* It goes on as soon as the answers are taken. */
	session_pause(cl.s, false);
	UNTIL(results(&rows) == 5);
	assert_int_equal(rows, 4 * 6000);
	UNTIL(!session_paused(cl.far));
	assert_non_null(json_object_get(say("{\"id\":3,\"method\":"
	    "\"status\"}"), "result"));
	/* And may go while it is not read from. */
	session_pause(cl.s, true);
	for (int i = 0; i < 4; i++)
		utter("{\"id\":4,\"method\":\"job.list\"}");
	for (int i = 0; i < 50; i++)
		turn();
	assert_true(session_paused(cl.far));
	hang_up();
}

/* Somebody asks for the list twice and says that this is all; -> its end. */
static int
two_lists(void)
{
	static const char text[] = "{\"id\":1,\"method\":\"hello\"}\n"
	    "{\"id\":2,\"method\":\"job.list\"}\n"
	    "{\"id\":3,\"method\":\"job.list\"}\n";
	struct peer peer = { .kind = PEER_LOCAL, .user = "ann" };
	struct session *s;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, fd), 0);
	s = local_of(&loop, fd[0], &peer, NULL, NULL);
	assert_true(api_open(api, s));
	session_input(s, text, sizeof(text) - 1);
	assert_true(session_paused(s));
	session_eof(s);
	return fd[1];
}

/* Lost: `muster` behind a slow line: what was asked for before the end, and had
 * to wait for its turn, was never answered. */
static void
who_has_said_all_is_answered_while_it_reads(void **state)
{
	static char out[16 << 20];
	mono from = clock_mono();
	size_t len = 0;
	ssize_t n;
	int fd;

	(void)state;
	many_jobs();
	fd = two_lists();
	while (api->rpcs != NULL && len < sizeof(out) - 262144) {
		bool slow = mono_diff_ms(clock_mono(), from) < 2600;

		n = read(fd, out + len, slow ? 16384 : 262144);
		len += n > 0 ? (size_t)n : 0;
		turn();
		if (slow)
			(void)usleep(n > 0 ? 40000 : 1000);
	}
	out[len] = '\0';
	(void)close(fd);
	UNTIL(api->rpcs == NULL);
	assert_non_null(strstr(out, "\"id\":2,\"result\":[]"));
	assert_non_null(strstr(out, "\"id\":3,\"result\":[]"));
	/* Who takes nothing is not waited for. */
	from = clock_mono();
	fd = two_lists();
	UNTIL(api->rpcs == NULL);
	assert_in_range(mono_diff_ms(clock_mono(), from), 1900, 20000);
	(void)close(fd);
}

/* Lost: the loop, and with it the leases of the cluster, to a viewer that asks
 * one long question after the other. */
static void
a_session_has_a_share_of_the_loop(void **state)
{
	size_t rows;

	(void)state;
	client(PEER_LOCAL, 0);
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
	slow_down(120);
	for (int i = 0; i < 20; i++)
		utter("{\"id\":2,\"method\":\"status\"}");
	for (int i = 0; i < 50; i++)
		turn();
	assert_true(session_paused(cl.far));
	assert_in_range(results(&rows), 2, 10);
	broker->clock = clock_now;
	/* Nothing is refused for it. */
	UNTIL(results(&rows) == 21);
	UNTIL(!session_paused(cl.far));
	/* It may go while it rests. */
	broker->clock = slow_clock;
	for (int i = 0; i < 20; i++)
		utter("{\"id\":2,\"method\":\"status\"}");
	UNTIL(session_paused(cl.far));
	broker->clock = clock_now;
	hang_up();
}

/* No event is of this kind. */
#define FOLLOW(id) "{\"id\":" #id ",\"method\":\"event.follow\",\"params\":"   \
	"{\"code\":\"none\"}}"

/* Lost: requests that never end would pile up without a bound. */
static void
open_requests_are_bounded(void **state)
{
	const json_t *a;

	(void)state;
	client(PEER_LOCAL, 0);
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
	for (int i = 0; i < 64; i++)
		utter(FOLLOW(2));
	a = say(FOLLOW(3));
	assert_int_equal(js_int(a, "id", 0), 3);
	assert_string_equal(code(a), "busy");
	/* A change is none of them; one that is cancelled makes room. */
	a = say("{\"id\":4,\"method\":\"setting.set\",\"params\":{\"values\":"
	    "{\"token_ttl\":\"21m\"}}}");
	assert_int_equal(js_int(a, "id", 0), 4);
	assert_string_equal(code(a), "");
	(void)say("{\"id\":5,\"method\":\"cancel\",\"params\":{\"id\":2}}");
	UNTIL(js_int(json_array_get(cl.got, json_array_size(cl.got) - 1),
	    "id", 0) == 5);
	a = say("{\"id\":6,\"method\":\"status\"}");
	assert_non_null(json_object_get(a, "result"));
	utter(FOLLOW(7));
	a = say(FOLLOW(8));
	assert_int_equal(js_int(a, "id", 0), 8);
	assert_string_equal(code(a), "busy");
	hang_up();
	assert_null(api->calls);
}

/* Whoever hangs up while it follows costs nothing further. */
static void
followers_may_go(void **state)
{
	(void)state;
	client(PEER_LOCAL, 0);
	assert_true(api_open(api, cl.far));
	(void)say("{\"id\":1,\"method\":\"hello\"}");
	(void)say("{\"id\":2,\"method\":\"event.follow\",\"params\":"
	    "{\"since\":3600}}");
	assert_non_null(api->calls);
	hang_up();
	assert_null(api->calls);
	json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
	    "token_ttl", "21m")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(hello_first),
		T(strangers_get_nothing),
		T(long_lists_come_in_parts),
		T(who_reads_nothing_is_not_read),
		T(who_has_said_all_is_answered_while_it_reads),
		T(a_session_has_a_share_of_the_loop),
		T(open_requests_are_bounded),
		T(followers_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
