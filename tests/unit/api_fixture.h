/* A real broker over a store of its own, its own agent played by the test, and
 * the api before it.  The node is a stub: what it knows is set by the test.
 * Included by one program each. */
#ifndef API_FIXTURE_H
#define API_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "api/call.h"
#include "base64.h"
#include "broker/catalog.h"
#include "broker/dispatch.h"
#include "broker/live.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "mem.h"
#include "net/transport.h"
#include "until.h"

/* ---- the node ---- */

static struct {
	struct config cfg;
	struct seat  *away;		/* not NULL: an agent elsewhere */
	enum node_mode mode;
	json_t	     *open;		/* its request to join */
	/* what was asked of it */
	char	      asked[64];
	json_t	     *ask_params;
	seat_done    *ask_done;
	void	     *ask_arg;
	int	      held;		/* 1 on hold, -1 released */
	bool	      hold_fails;	/* its store takes no writes */
	node_done    *left;
	void	     *left_arg;
} nd;
static struct key key;
static struct seat_facts away_facts = { .cluster = "prod", .name = "node-e",
	.broker = "hub.example:7422" };
static struct lease away_lease;

struct seat {
	int unused;
};

enum node_mode node_mode(const struct node *n) { (void)n; return nd.mode; }
const char *node_mode_word(const struct node *n)
{ (void)n; return nd.mode == NODE_WORKER ? "worker" : "broker"; }
const char *node_name(const struct node *n) { (void)n; return "node-a"; }
struct seat *node_seat(const struct node *n) { (void)n; return nd.away; }
struct seat *node_away(const struct node *n) { (void)n; return nd.away; }
json_t *node_status(const struct node *n, struct now now)
{
	(void)n;
	(void)now;
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:i,s:n,s:n,s:s,s:n}",
	    "node", "node-a", "cluster", "prod", "mode", "broker", "role",
	    "spare", "status", "off", "suspended", 0, "epoch", 0,
	    "lease_left", "broker", "version", MUSTER_VERSION, "join");
}
struct runs *node_runs(const struct node *n) { (void)n; return NULL; }
const struct config *node_config(const struct node *n)
{ (void)n; return &nd.cfg; }
const struct key *node_key(const struct node *n) { (void)n; return &key; }
bool node_keeper_up(const struct node *n) { (void)n; return true; }
const char *node_refuses(struct node *n) { (void)n; return NULL; }
json_t *node_join_state(const struct node *n)
{ (void)n; return nd.open != NULL ? json_incref(nd.open) : json_null(); }
void
node_join_request(struct node *n, const struct node_join *j, node_done *done,
    void *arg)
{
	json_t *doc = json_pack("{s:s,s:s,s:s}", "words", "a b c d", "state",
	    "pending", "cluster", "prod");

	(void)n;
	(void)MEM_STR(nd.asked, j->host);
	done(arg, doc, NULL);
	json_decref(doc);
}
void
node_join_complete(struct node *n, const struct node_join *j, node_done *done,
    void *arg)
{
	struct err e;

	(void)n;
	(void)MEM_STR(nd.asked, j->token);
	(void)err_set(&e, ERR_DENIED, "join: wrong token");
	done(arg, NULL, &e);
}
void
node_leave(struct node *n, const char *reason, node_done *done, void *arg)
{
	(void)n;
	(void)reason;
	nd.left = done;
	nd.left_arg = arg;
}

const struct seat_facts *seat_facts(const struct seat *s)
{ (void)s; return &away_facts; }
bool seat_up(const struct seat *s) { (void)s; return true; }
const char *seat_trouble(const struct seat *s) { (void)s; return ""; }
double seat_latency(const struct seat *s) { (void)s; return 1.5; }
bool
seat_skew(const struct seat *s, int64_t *ms, int64_t *most)
{
	(void)s;
	*ms = -2500;
	*most = 2000;
	return true;
}
int
seat_hold(struct seat *s, bool hold, struct now now)
{
	(void)s;
	(void)now;
	if (nd.hold_fails)
		return -1;
	nd.held = hold ? 1 : -1;
	return 0;
}
const struct lease *seat_lease(const struct seat *s)
{ (void)s; return &away_lease; }
void
seat_ask(struct seat *s, const char *method, json_t *params, seat_done *done,
    void *arg)
{
	(void)s;
	(void)MEM_STR(nd.asked, method);
	json_decref(nd.ask_params);
	nd.ask_params = params;
	nd.ask_done = done;
	nd.ask_arg = arg;
}
void seat_forget(struct seat *s, void *arg)
{ (void)s; if (nd.ask_arg == arg) nd.ask_done = NULL; }

/* ---- the world ---- */

static char dir[64], config_path[96], key_path[96];
static uv_loop_t loop;
static struct store *store;
static struct broker *broker;
static struct api *api;
static sqlite3 *locker;			/* see store_stops */
/* The broker's own agent, played here. */
static struct {
	struct session *session;
	int64_t		seq;
	bool		gone;
	const char     *output;		/* of every run */
	size_t		output_len;
	bool		output_ended;
	int64_t		run, attempt;	/* the newest dispatched to it */
	int		tells;		/* how often it was asked to tell again */
	int64_t		settled;	/* the newest run that it may forget */
	bool		finish;		/* runs succeed at once */
	int64_t		untold;		/* done alone, as its hello says */
	int64_t		cursor;		/* the first job's in its catalogue */
} agent;

static inline int
rm_one(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(p);
}

static inline void
agent_says(const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:s,s:o}", "jsonrpc", "2.0", "method",
	    method, "params", params);

	(void)session_send(agent.session, doc);
	json_decref(doc);
}

/* It speaks when the test has it speak, however long that takes. */
enum { AGENT_INTERVAL = 10 * PATIENCE_MS };

static inline void
agent_beat(void)
{
	agent_says("link.beat", json_pack("{s:I,s:I,s:b,s:b,s:b,s:I,s:I,s:b,"
	    "s:I,s:I,s:i,s:b,s:f,s:i,s:{s:f}}",
	    "start", (json_int_t)7, "seq", (json_int_t)++agent.seq, "on", 0,
	    "suspended", 0, "fresh", 0, "epoch", (json_int_t)0, "floor",
	    (json_int_t)0, "controlled", 1, "wall",
	    (json_int_t)clock_wall().ms, "rev",
	    (json_int_t)broker->catalog->rev, "running", 0, "accepts", 1,
	    "rtt", 0.4, "interval", AGENT_INTERVAL, "sample", "cpu", 12.0));
}

static inline void
agent_output(const json_t *msg, const json_t *p)
{
	size_t at = (size_t)js_int(p, "offset", 0), n = agent.output_len;
	json_t *doc;

	if (at > n)
		at = n;
	doc = json_pack("{s:s,s:O,s:{s:o,s:I,s:I,s:b,s:b}}", "jsonrpc", "2.0",
	    "id", json_object_get(msg, "id"), "result", "data",
	    base64_json(agent.output + at, n - at), "offset", (json_int_t)at,
	    "size", (json_int_t)n, "ended", agent.output_ended, "found", 1);
	(void)session_send(agent.session, doc);
	json_decref(doc);
}

static inline void
agent_ends(const char *state, int code)
{
	char now[CLOCK_RFC3339];

	agent_says("link.run", json_pack("{s:I,s:I,s:s,s:i,s:s,s:s,s:n,s:s,"
	    "s:i}", "run", (json_int_t)agent.run, "attempt",
	    (json_int_t)agent.attempt, "state", state, "code", code,
	    "started_at", clock_rfc3339(clock_wall(), now), "ended_at", now,
	    "reason", "output", "dGhlIHRhaWw=", "output_size", 8));
}

static inline void
agent_message(struct session *s, json_t *msg, void *ctx)
{
	const json_t *p = json_object_get(msg, "params");
	const char *method = js_str(msg, "method", "");

	(void)s;
	(void)ctx;
	if (strcmp(method, "link.output") == 0)
		agent_output(msg, p);
	else if (strcmp(method, "link.dispatch") == 0) {
		agent.run = js_int(p, "run", 0);
		agent.attempt = js_int(p, "attempt", 0);
		if (agent.finish)
			agent_ends("exited", 0);
	} else if (strcmp(method, "link.catalogue") == 0) {
		agent.cursor = js_int(json_array_get(json_object_get(p,
		    "jobs"), 0), "cursor", 0);
		agent_beat();
	} else if (strcmp(method, "link.tell") == 0)
		agent.tells++;
	else if (strcmp(method, "link.settled") == 0)
		agent.settled = js_int(p, "run", 0);
}

static inline void
agent_closed(struct session *s, const char *why, void *ctx)
{
	(void)s;
	(void)why;
	(void)ctx;
	agent.gone = true;
}

static const struct session_ops agent_ops = { .message = agent_message,
	.closed = agent_closed };

/* Not 0: the time stands there. */
static struct now still;

static inline struct now
now_here(void)
{
	return still.mono.us != 0 ? still : clock_now();
}

/* One turn of everything. */
static inline void
turn(void)
{
	broker->now = now_here();
	store_poll(store);
	(void)broker_turn(broker, now_here());
	(void)uv_run(&loop, UV_RUN_NOWAIT);
}

/* A clock that shows so many ms more at each look at it. */
static int64_t slow_ms, slow_step;

static inline struct now
slow_clock(void)
{
	struct now now = clock_now();

	slow_ms += slow_step;
	now.mono = mono_add_ms(now.mono, slow_ms);
	return now;
}

static inline void
slow_down(int64_t step)
{
	slow_ms = 0;
	slow_step = step;
	broker->clock = slow_clock;
}

/* Somebody else holds the lock of the store. */
static inline void
store_stops(void)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	assert_int_equal(sqlite3_open(path, &locker), SQLITE_OK);
	(void)sqlite3_busy_timeout(locker, PATIENCE_MS);
	assert_int_equal(sqlite3_exec(locker, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
}

static inline void
store_goes_on(void)
{
	assert_int_equal(sqlite3_exec(locker, "ROLLBACK", NULL, NULL, NULL),
	    SQLITE_OK);
	(void)sqlite3_close(locker);
	locker = NULL;
}

/* Past musterd, which goes on. */
static inline void
change_store(const char *sql)
{
	char path[96];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, PATIENCE_MS);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static inline void
agent_up(void)
{
	struct session *far;
	json_t *doc;

	agent.gone = false;
	session_pair(&loop, &agent.session, &far);
	session_own(agent.session, &agent_ops, NULL);
	gate_accept(broker->gate, far);
	doc = json_pack("{s:s,s:i,s:s,s:{s:s,s:s,s:s,s:s,s:b,s:I,s:[[I,I]],s:[]}}",
	    "jsonrpc", "2.0", "id", 1, "method", "hello", "params", "cluster",
	    broker->id, "start", "s1", "boot", "b1", "version", "0.1.0",
	    "controlled", 1, "rev", (json_int_t)broker->catalog->rev, "alone",
	    (json_int_t)agent.untold, (json_int_t)agent.untold, "runs");
	(void)session_send(agent.session, doc);
	json_decref(doc);
	agent_beat();
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

static inline void
agent_down(void)
{
	session_close(agent.session, false, "gone");
	UNTIL(agent.gone && broker->roster->members[0]->session == NULL);
}

static inline int
setup(void **state)
{
	struct api_files files = { config_path, key_path };
	struct batch *b = batch_new();
	struct err e = { 0 };
	char url[128];
	FILE *f;
	int made;

	(void)state;
	memset(&nd, 0, sizeof(nd));
	memset(&agent, 0, sizeof(agent));
	still = (struct now){ 0 };
	(void)snprintf(dir, sizeof(dir), "/tmp/muster-api.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(config_path, sizeof(config_path), "%s/musterd.conf",
	    dir);
	(void)snprintf(key_path, sizeof(key_path), "%s/host_key", dir);
	(void)snprintf(url, sizeof(url), "sqlite:%s/store.db", dir);
	f = fopen(config_path, "w");
	assert_non_null(f);
	(void)fprintf(f, "node: { name = \"node-a\"; state_dir = \"%s\"; };\n"
	    "broker: { enabled = true; store = \"%s\"; };\n"
	    "listen: { port = 0; };\n", dir, url);
	(void)fclose(f);
	if (config_load(config_path, &nd.cfg, &e) == -1 ||
	    key_load(&key, key_path, &made, &e) == -1 ||
	    store_open(&store, url, "node-a", &e) == -1)
		fail_msg("%s", e.msg);
	nd.mode = NODE_BROKER;
	assert_int_equal(uv_loop_init(&loop), 0);
	broker = broker_new(store, &key, "node-a", true, clock_now(), &e);
	if (broker == NULL)
		fail_msg("%s", e.msg);
	broker->port = 7422;
	api = api_new(&loop, NULL, broker, &files);
	(void)gate_new(broker, api_view, api);
	(void)roster_admit(broker, "node-a", key.pub, key.fingerprint, false,
	    b, NULL);
	assert_int_equal(store_write(store, b), STORE_OK);
	broker_wake(broker, true, clock_now());
	agent_up();
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	if (!agent.gone)
		agent_down();
	store_close(store);
	api_free(api);
	while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
		(void)usleep(200);
	broker_free(broker);
	assert_int_equal(uv_loop_close(&loop), 0);
	key_clear(&key);
	config_clear(&nd.cfg);
	json_decref(nd.ask_params);
	json_decref(nd.open);
	return nftw(dir, rm_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- asking ---- */

/* What a room of the broker answers; the result is the test's. */
struct told {
	bool	   done;
	json_t	  *result;
	struct err e;
};

static inline void
on_told(void *arg, json_t *result, const struct err *e)
{
	struct told *t = arg;

	t->done = true;
	t->result = json_incref(result);
	if (e != NULL)
		t->e = *e;
}

struct ask {
	json_t	  *result;
	struct err e;
	bool	   ended;
	json_t	  *parts;
	size_t	   queued;
};

static inline void
ask_done(void *ctx, struct call *c, json_t *result)
{
	struct ask *a = ctx;

	(void)c;
	a->result = json_incref(result);
	a->ended = true;
}

static inline void
ask_fail(void *ctx, struct call *c, const struct err *e)
{
	struct ask *a = ctx;

	(void)c;
	a->e = *e;
	a->ended = true;
}

static inline void
ask_part(void *ctx, struct call *c, json_t *part)
{
	struct ask *a = ctx;

	(void)c;
	if (a->parts == NULL)
		a->parts = json_array();
	(void)json_array_append_new(a->parts, part);
}

static inline size_t
ask_queued(void *ctx)
{
	return ((struct ask *)ctx)->queued;
}

static const struct call_ops ask_ops = { .done = ask_done, .fail = ask_fail,
	.part = ask_part, .queued = ask_queued };

/* params is stolen. */
static inline void
begin(struct ask *a, unsigned privs, const char *method, json_t *params)
{
	const struct cmd *cmd = cmd_of_method(method);

	memset(a, 0, sizeof(*a));
	assert_non_null(cmd);
	call_begin(api, cmd, params, privs == PRIVS_ALL ? "root@local"
	    : "anna@10.0.0.7", privs, &ask_ops, a, NULL);
	json_decref(params);
}

static inline void
ask_clear(struct ask *a)
{
	json_decref(a->result);
	json_decref(a->parts);
	memset(a, 0, sizeof(*a));
}

/* The broker has heard that its agent is ON with this epoch; 0: never was. */
static inline void
agent_says_on(int64_t epoch)
{
	agent_says("link.beat", json_pack(
	    "{s:I,s:I,s:b,s:b,s:b,s:I,s:I,s:b,s:I,s:I,s:i,s:b,s:i}", "start",
	    (json_int_t)7, "seq", (json_int_t)++agent.seq, "on", 1,
	    "suspended", 0, "fresh", epoch == 0, "epoch", (json_int_t)epoch,
	    "floor", (json_int_t)epoch, "controlled", 1, "wall",
	    (json_int_t)clock_wall().ms, "rev",
	    (json_int_t)broker->catalog->rev, "running", 0, "accepts", 1,
	    "interval", AGENT_INTERVAL));
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

/* The result, or the test fails. */
static inline json_t *
get(const char *method, json_t *params)
{
	struct ask a;

	begin(&a, PRIVS_ALL, method, params);
	UNTIL(a.ended);
	if (a.result == NULL)
		fail_msg("%s: %s", method, a.e.msg);
	json_decref(a.parts);
	return a.result;
}

/* The error; its message in a static buffer. */
static inline struct err
refused(unsigned privs, const char *method, json_t *params)
{
	struct ask a;

	begin(&a, privs, method, params);
	UNTIL(a.ended);
	if (a.result != NULL)
		fail_msg("%s: was not refused", method);
	json_decref(a.parts);
	return a.e;
}

static inline void
apply(const char *text)
{
	json_decref(get("apply", json_pack("{s:s,s:s}", "file", "test.conf",
	    "text", text)));
	agent_beat();
	UNTIL(broker->roster->agents[0].in_sync);
}

/* The members are there, separated by spaces. */
static inline void
has(const json_t *o, const char *names)
{
	char name[64];
	int used;

	assert_true(json_is_object(o));
	while (sscanf(names, "%63s%n", name, &used) == 1) {
		if (json_object_get(o, name) == NULL)
			fail_msg("no member \"%s\"", name);
		names += used;
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
