/* `ssh host VERB …`: what comes out, where, with which exit status, and what is
 * taken from standard input. */
#include "api_fixture.h"

/* An exec without a network. */
struct exec {
	struct peer peer;
	struct buf  out, err;
	int	    status;
	bool	    ended, terminal, stuck;
	size_t	    queued;
	void	  (*gone)(struct exec *, void *);
	void	  (*input)(struct exec *, const char *, size_t, void *);
	void	  (*drained)(struct exec *, void *);
	void	   *ctx;
};

const struct peer *
exec_peer(const struct exec *x)
{
	return &x->peer;
}

bool
exec_terminal(const struct exec *x)
{
	return x->terminal;
}

int
exec_write(struct exec *x, bool err, const char *p, size_t n)
{
	assert_false(x->ended);
	buf_put(err ? &x->err : &x->out, p, n);
	if (x->stuck)
		x->queued += n;
	return 0;
}

size_t
exec_queued(const struct exec *x)
{
	return x->queued;
}

void
exec_end(struct exec *x, int status)
{
	assert_false(x->ended);
	x->ended = true;
	x->status = status;
}

void
exec_own(struct exec *x, void (*gone)(struct exec *, void *),
    void (*input)(struct exec *, const char *, size_t, void *), void *ctx)
{
	x->gone = gone;
	x->input = input;
	x->ctx = ctx;
}

void
exec_drained(struct exec *x, void (*drained)(struct exec *, void *))
{
	x->drained = drained;
}

static struct config_operator boss = { .name = (char *)"anna",
	.group = CONFIG_ADMIN };
static struct exec x;

static void
exec_clear(void)
{
	buf_free(&x.out);
	buf_free(&x.err);
	memset(&x, 0, sizeof(x));
	nd.cfg.operators = NULL;
	nd.cfg.noperators = 0;
}

static void
start(const char *command, enum config_group group)
{
	exec_clear();
	boss.group = group;
	boss.key = key.pub;
	nd.cfg.operators = &boss;
	nd.cfg.noperators = 1;
	x.peer.kind = PEER_OPERATOR;
	(void)MEM_STR(x.peer.name, "anna");
	(void)MEM_STR(x.peer.fingerprint, key.fingerprint);
	(void)MEM_STR(x.peer.addr, "10.0.0.7:4711");
	x.out = (struct buf)BUF_INIT(64 << 20);
	x.err = (struct buf)BUF_INIT(64 << 10);
	api_exec(api, &x, command);
}

static int
run(const char *command)
{
	start(command, CONFIG_ADMIN);
	UNTIL(x.ended);
	return x.status;
}

static void
statuses(void **state)
{
	json_t *doc;

	(void)state;
	assert_int_equal(run("status"), 0);
	assert_non_null(strstr(x.out.p, "node-a"));
	assert_int_equal(x.err.len, 0);
	assert_int_equal(run(""), 0);
	assert_non_null(strstr(x.out.p, "usage: muster"));
	assert_int_equal(run("agent on --help"), 0);
	assert_int_equal(run("no such thing"), 2);
	assert_memory_equal(x.err.p, "muster: ", 8);
	assert_int_equal(run("agent show 'node-a"), 2);
	assert_int_equal(run("agent show node-q"), 5);
	assert_int_equal(run("agent show node-q --json"), 5);
	doc = json_loads(x.out.p, 0, NULL);
	assert_string_equal(js_str(json_object_get(doc, "error"), "code", ""),
	    "not_found");
	json_decref(doc);
	assert_int_equal(run("leave"), 2);	/* needs --yes */
	start("agent off", CONFIG_OPERATOR);
	UNTIL(x.ended);
	assert_int_equal(x.status, 4);
	assert_int_equal(run("job list --json"), 0);
	assert_string_equal(x.out.p, "[]\n");
	exec_clear();
}

static void
standard_input(void **state)
{
	static const char text[] = "jobs: ( { name = \"x\"; "
				   "shell = \"true\"; } );";

	(void)state;
	assert_int_equal(run("apply /etc/passwd"), 2);
	start("apply -", CONFIG_ADMIN);
	assert_false(x.ended);
	x.input(&x, text, 10, x.ctx);
	x.input(&x, text + 10, strlen(text) - 10, x.ctx);
	assert_false(x.ended);
	x.input(&x, NULL, 0, x.ctx);
	UNTIL(x.ended);
	assert_int_equal(x.status, 0);
	assert_non_null(catalog_job(broker->catalog, "x"));
	/* A token: its line, also when the input stays open. */
	start("join complete hub -", CONFIG_ADMIN);
	x.input(&x, "jt-ABC\n", 7, x.ctx);
	UNTIL(x.ended);
	assert_string_equal(nd.asked, "jt-ABC");
	assert_int_equal(x.status, 4);
	/* Gone before it has said all. */
	start("apply -", CONFIG_ADMIN);
	x.gone(&x, x.ctx);
	/* Not UTF-8. */
	start("apply -", CONFIG_ADMIN);
	x.input(&x, "\xff\xfe", 2, x.ctx);
	x.input(&x, NULL, 0, x.ctx);
	assert_int_equal(x.status, 2);
	exec_clear();
}

/* Control characters that an agent or a run wrote do not reach a terminal; a
 * pipe gets the bytes. */
static void
output_is_safe_on_terminals(void **state)
{
	static const char bytes[] = "\x1b[2J\xff\n";

	(void)state;
	apply("jobs: ( { name = \"byhand\"; shell = \"true\"; } );");
	json_decref(get("job.run", json_pack("{s:s}", "job", "byhand")));
	UNTIL(agent.run != 0);
	agent.output = bytes;
	agent.output_len = sizeof(bytes) - 1;
	agent.output_ended = true;
	agent_ends("exited", 0);
	UNTIL(live_count(broker) == 0);
	assert_int_equal(run("run log 1"), 0);
	assert_int_equal(x.out.len, sizeof(bytes) - 1);
	assert_memory_equal(x.out.p, bytes, sizeof(bytes) - 1);
	start("run log -f 1", CONFIG_ADMIN);
	x.terminal = true;
	UNTIL(x.ended);
	assert_null(strchr(x.out.p, '\x1b'));
	assert_int_equal(run("run log 1 --json"), 0);
	json_decref(json_loads(x.out.p, 0, NULL));
	assert_non_null(strstr(x.out.p, "\"state\": \"succeeded\""));
	exec_clear();
}

/* Who reads slowly gets everything, and the end after it; who goes while it
 * follows leaves nothing behind. */
static void
slow_readers(void **state)
{
	(void)state;
	start("setting list --json", CONFIG_ADMIN);
	UNTIL(x.ended);
	start("help", CONFIG_ADMIN);
	exec_clear();

	start("event follow", CONFIG_ADMIN);
	assert_non_null(api->calls);
	x.stuck = true;
	x.queued = SESSION_HIGH;
	for (int i = 0; i < 3; i++)
		json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
		    "token_ttl", i % 2 ? "20m" : "21m")));
	store_drain(store);
	assert_int_equal(x.out.len, 0);
	x.stuck = false;
	x.queued = 0;
	x.drained(&x, x.ctx);
	UNTIL(strstr(x.out.p, "setting_changed") != NULL);
	x.gone(&x, x.ctx);
	assert_null(api->calls);
	exec_clear();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(statuses),
		T(standard_input),
		T(output_is_safe_on_terminals),
		T(slow_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
