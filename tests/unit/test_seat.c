/* A node's seat at its broker, which is played here.  What it has to tell and
 * does not is work of the night that nobody knows of. */
#include "store_fixture.h"

#include <sys/stat.h>
#include <uv.h>

#include "core/order.h"
#include "js.h"
#include "mem.h"
#include "node/seat.h"
#include "until.h"

/* What each of many runs wrote, and what of it is told, as base64. */
enum { MANY = 60, WROTE = 65536, WROTE_TOLD = (WROTE + 2) / 3 * 4 };

static uv_loop_t loop;
static struct store *store;
static struct runs *runs;
static struct seat *seat;
static struct keeper *keeper;		/* of tests with runs that wrote */
static struct {
	struct session *session;	/* with the seat */
	int		hellos;
	int64_t		seq;		/* of the newest heartbeat */
	bool		on;
	int		files;		/* how often a file was told of */
	int64_t		id;		/* of the newest */
	char		path[128];
	json_t	       *grant;
	bool		removed;	/* the node took it */
	json_t	       *ends;		/* runs whose end was told, by number */
	bool		slow;		/* no heartbeat has come yet */
	size_t		hello;		/* bytes of the newest */
} broker;

/* ---- the broker ---- */

static void
says(const char *method, json_t *params)
{
	json_t *doc = js_note(method, params);

	(void)session_send(broker.session, doc);
	json_decref(doc);
}

static void
told_of(const json_t *fires)
{
	const json_t *f;
	size_t i;

	json_array_foreach((json_t *)fires, i, f) {
		broker.files++;
		broker.id = js_int(f, "id", 0);
		(void)MEM_STR(broker.path, js_str(f, "path", ""));
	}
}

static void
on_message(struct session *s, json_t *msg, void *ctx)
{
	const char *method = js_str(msg, "method", "");
	const json_t *p = json_object_get(msg, "params");
	json_t *doc;

	(void)ctx;
	if (strcmp(method, "hello") == 0) {
		broker.hellos++;
		broker.hello = json_dumpb(msg, NULL, 0, JSON_COMPACT);
		doc = json_pack("{s:s,s:O,s:{s:s,s:i,s:i,s:{s:i,s:i}}}",
		    "jsonrpc", "2.0", "id", json_object_get(msg, "id"),
		    "result", "name", "b", "floor", 0, "rev", 1, "settings",
		    "heartbeat", 50, "lease", 60000);
		(void)session_send(s, doc);
		json_decref(doc);
	} else if (strcmp(method, "link.beat") == 0) {
		broker.seq = js_int(p, "seq", 0);
		broker.on = js_bool(p, "on", false);
		if (!broker.slow)
			says("link.heard", json_pack("{s:I}", "seq",
			    (json_int_t)broker.seq));
	} else if (strcmp(method, "link.fire") == 0)
		told_of(json_object_get(p, "fires"));
	else if (strcmp(method, "link.run") == 0 && broker.ends != NULL &&
	    strcmp(js_str(p, "state", ""), "exited") == 0) {
		char id[24];

		(void)snprintf(id, sizeof(id), "%lld", (long long)js_int(p,
		    "run", 0));
		assert_int_equal(strlen(js_str(p, "output", "")), WROTE_TOLD);
		(void)json_object_set_new(broker.ends, id, json_true());
	}
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	(void)why;
	(void)ctx;
	if (broker.session == s)
		broker.session = NULL;
}

static const struct session_ops broker_ops = { .message = on_message,
	.closed = on_closed };

/* ---- the node ---- */

static struct session *
dials(void *ctx, struct seat *s, const struct session_ops *ops)
{
	struct session *near;

	(void)ctx;
	session_pair(&loop, &near, &broker.session);
	session_own(near, ops, s);
	session_own(broker.session, &broker_ops, NULL);
	return near;
}

static json_t *
no_sample(void *ctx)
{
	(void)ctx;
	return NULL;
}

static const char *
nothing(void *ctx)
{
	(void)ctx;
	return NULL;
}

static void
disowned(void *ctx, struct seat *s, const char *state, const char *reason)
{
	(void)ctx;
	(void)s;
	(void)state;
	(void)reason;
	broker.removed = true;
}

static void
changed(void *ctx, struct seat *s)
{
	(void)ctx;
	(void)s;
}

static const struct seat_ops ops = { .dial = dials, .sample = no_sample,
	.refuses = nothing, .no_room = nothing, .disowned = disowned,
	.changed = changed };

static void
report(void *ctx, const char *cluster, const json_t *doc)
{
	(void)ctx;
	(void)cluster;
	if (seat != NULL)
		seat_report(seat, doc);
}

static const struct runs_ops runs_ops = { .report = report };

static void
turn(void)
{
	(void)seat_turn(seat, clock_now());
	store_poll(store);
	(void)uv_run(&loop, UV_RUN_NOWAIT);
}

static void
sits(int64_t start)
{
	struct seat_facts f = { .start = start, .controlled = true,
		.near = true, .loop = &loop };

	(void)MEM_STR(f.cluster_id, "c1");
	(void)MEM_STR(f.cluster, "prod");
	(void)MEM_STR(f.name, "b");
	broker.seq = 0;
	seat = seat_new(store, runs, &f, &ops, NULL, clock_now());
	UNTIL(broker.seq > 0);
}

static int
up(void **state)
{
	(void)setup(state);
	memset(&broker, 0, sizeof(broker));
	assert_int_equal(uv_loop_init(&loop), 0);
	store = opened();
	runs = runs_new(store, "b", &runs_ops, NULL);
	sits(7);
	return 0;
}

static int
down(void **state)
{
	json_decref(broker.grant);
	json_decref(broker.ends);
	if (keeper != NULL) {
		runs_set_keeper(runs, NULL);
		keeper_close(keeper, NULL, NULL);
		keeper = NULL;
	}
	seat_free(seat);
	seat = NULL;
	store_drain(store);
	runs_free(runs);
	store_close(store);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return teardown(state);
}

/* ---- tests ---- */

/* At work, with a job that runs for each file of a directory. */
static void
at_work(void)
{
	char pattern[128];

	(void)snprintf(pattern, sizeof(pattern), "%s/*.in", dir);
	says("link.catalogue", json_pack("{s:i,s:s,s:[],s:[{s:i,s:i,s:b,"
	    "s:{s:s,s:[s],s:[{s:s}]}}]}", "rev", 1, "zone", "UTC",
	    "calendars", "jobs", "cursor", 0, "files", 0, "paused", 0, "job",
	    "name", "j", "command", "/bin/true", "triggers", "file", pattern));
	broker.grant = json_pack("{s:i,s:i,s:I,s:i,s:i,s:{}}", "epoch", 1,
	    "start", 7, "seq", (json_int_t)broker.seq, "lease", 60000,
	    "lifts", 0, "cursors");
	says("link.grant", json_incref(broker.grant));
	UNTIL(broker.on);
}

/* A file that is complete when it is there. */
static void
make(const char *name)
{
	char from[128], to[128];
	FILE *f;

	(void)snprintf(from, sizeof(from), "%s/.made", dir);
	(void)snprintf(to, sizeof(to), "%s/%s", dir, name);
	f = fopen(from, "we");
	assert_non_null(f);
	(void)fclose(f);
	assert_int_equal(rename(from, to), 0);
}

/* Told of and not answered: the broker says its grant once more, and then the
 * link is lost with what was said in it. */
static void
a_grant_that_comes_twice_forgets_no_file(void **state)
{
	char gone[128];

	(void)state;
	at_work();
	make("1.in");
	UNTIL(broker.files == 1);
	/* It is looked at no more: only the node knows that it was there. */
	(void)snprintf(gone, sizeof(gone), "%s/1.in", dir);
	assert_int_equal(remove(gone), 0);
	says("link.grant", json_incref(broker.grant));
	broker.seq = 0;
	UNTIL(broker.seq > 0);
	session_close(broker.session, false, "lost");
	UNTIL(broker.hellos == 2);
	UNTIL(broker.files == 2);
}

/* What the broker has taken is not told again. */
static void
what_is_answered_is_told_once(void **state)
{
	(void)state;
	at_work();
	make("1.in");
	UNTIL(broker.files == 1);
	says("link.fired", json_pack("{s:I,s:i}", "id", (json_int_t)broker.id,
	    "run", 5));
	broker.seq = 0;
	UNTIL(broker.seq > 0);
	session_close(broker.session, false, "lost");
	UNTIL(broker.hellos == 2);
	make("2.in");
	UNTIL(strstr(broker.path, "2.in") != NULL);
	assert_int_equal(broker.files, 2);
}

/* Removed while a dispatch was on its way to the disk: another agent does that by
 * then. */
static void
what_was_sent_before_a_removal_is_not_started(void **state)
{
	json_t *job = json_pack("{s:s,s:[s]}", "name", "j", "command",
	    "/bin/true");

	(void)state;
	says("link.dispatch", order_json(17, 1, "j", "manual:1", job));
	says("link.removed", json_pack("{s:s,s:s}", "state", "removed",
	    "reason", "sold"));
	json_decref(job);
	UNTIL(broker.removed);
	store_drain(store);
	assert_int_equal(runs_state(runs, "c1", 17, 1), RUNS_DOUBT);
}

/* Turned off at the node by hand, restored from a backup and turned off there
 * once more: what an operator chose between is not about this one. */
static void
a_restored_node_stays_off_at_an_older_word(void **state)
{
	struct batch *b = batch_new();
	int64_t first;

	(void)state;
	assert_int_equal(seat_hold(seat, true, clock_now()), 0);
	first = seat_lease(seat)->d.held;
	assert_int_not_equal(first, 0);
	seat_free(seat);
	batch_add(b, S_META_SET, "tt", "lease.c1",
	    "{\"on\":false,\"held\":0,\"epoch\":0,\"floor\":0}");
	assert_int_equal(store_write(store, b), STORE_OK);
	sits(1000000000000);
	assert_int_equal(seat_lease(seat)->d.held, 0);
	assert_int_equal(seat_hold(seat, true, clock_now()), 0);
	says("link.grant", json_pack("{s:i,s:I,s:I,s:i,s:I,s:{}}", "epoch", 1,
	    "start", (json_int_t)1000000000000, "seq", (json_int_t)broker.seq,
	    "lease", 60000, "lifts", (json_int_t)first, "cursors"));
	says("link.ask", json_object());
	first = broker.seq;
	UNTIL(broker.seq > first + 1);
	assert_false(broker.on);
	assert_int_not_equal(seat_lease(seat)->d.held, 0);
}

/* The keeper's file of a run that ended. */
static void
wrote(int run)
{
	static char text[WROTE];
	char name[160];
	FILE *f;

	memset(text, 'x', sizeof(text));
	(void)snprintf(name, sizeof(name), "%s/output/c1.%d.1.out", dir, run);
	f = fopen(name, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, sizeof(text), f), sizeof(text));
	(void)fclose(f);
}

static void
ended(int run)
{
	char id[32];
	struct keeper_report kr = { .id = id, .state = KEEPER_EXITED,
		.started = { 1000 }, .ended = { 2000 }, .why = "" };

	(void)snprintf(id, sizeof(id), "c1.%d.1", run);
	runs_keeper_ops.report(runs, &kr);
}

static void
keeps(void)
{
	char out[128];

	(void)snprintf(out, sizeof(out), "%s/output", dir);
	assert_int_equal(mkdir(out, 0700), 0);
	keeper = keeper_new(&loop, dir, "/nowhere/musterd", &runs_keeper_ops,
	    runs);
	runs_set_keeper(runs, keeper);
	broker.ends = json_object();
}

static void
many_end(int first)
{
	json_t *job = json_pack("{s:s,s:[s]}", "name", "j", "command",
	    "/bin/true");

	for (int i = first; i < first + MANY; i++) {
		json_t *item = order_json(i, 1, "j", "manual:1", job);

		runs_dispatch(runs, "c1", "prod", item, NULL);
		json_decref(item);
		wrote(i);
	}
	json_decref(job);
	store_drain(store);
	for (int i = first; i < first + MANY; i++)
		ended(i);
	assert_int_equal(runs_state(runs, "c1", first, 1), RUNS_ENDED);
}

static void
loses_its_link(void)
{
	int was = broker.hellos;

	session_close(broker.session, false, "lost");
	UNTIL(broker.hellos > was);
}

/* A dozen of these are more than one message may have, all of them more than
 * may wait for the link: the node would be cut off for good, with all that it
 * has to tell. */
static void
what_many_runs_wrote_is_told_after_a_loss(void **state)
{
	(void)state;
	keeps();
	loses_its_link();
	many_end(1);
	UNTIL(json_object_size(broker.ends) == MANY);
	json_object_clear(broker.ends);
	loses_its_link();
	UNTIL(json_object_size(broker.ends) == MANY);
	/* It is asked for all of them, and is not cut off for it either. */
	json_object_clear(broker.ends);
	says("link.tell", json_object());
	UNTIL(json_object_size(broker.ends) == MANY);
	assert_int_equal(broker.hellos, 3);
}

/* Hello has ten seconds, and heartbeats wait behind what runs wrote: a line of
 * some ten kilobytes a second would be taken for dead, time after time. */
static void
a_slow_line_is_not_filled_with_output(void **state)
{
	int64_t seq;

	(void)state;
	keeps();
	broker.slow = true;
	many_end(1);
	seq = broker.seq;
	UNTIL(broker.seq > seq + 3);
	assert_int_equal(json_object_size(broker.ends), 1);
	loses_its_link();
	assert_true(broker.hello < 32768);
	broker.seq = 0;
	UNTIL(broker.seq > 3);
	assert_true(json_object_size(broker.ends) <= 2);
	/* The line carries more than that. */
	broker.slow = false;
	UNTIL(json_object_size(broker.ends) == MANY);
	assert_int_equal(broker.hellos, 2);
}

#define U(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		U(a_grant_that_comes_twice_forgets_no_file),
		U(what_is_answered_is_told_once),
		U(what_was_sent_before_a_removal_is_not_started),
		U(a_restored_node_stays_off_at_an_older_word),
		U(what_many_runs_wrote_is_told_after_a_loss),
		U(a_slow_line_is_not_filled_with_output),
	};

	return cmocka_run_group_tests_name("seat", tests, NULL, NULL);
}
