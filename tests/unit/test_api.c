/* What an operator gets: who may do what, the shapes that scripts rely on
 * (SPEC section 8), what is refused and what is written down. */
#include "api_fixture.h"

#define JOBS "jobs: ( { name = \"hello\"; command = [ \"/bin/true\" ];\n"      \
	"  triggers: ( { every = \"1h\"; } ); },\n"                            \
	"  { name = \"byhand\"; command = [ \"/bin/true\" ]; } );\n"

/* A row without a handler would crash the daemon when somebody types it. */
static void
every_row_is_bound(void **state)
{
	(void)state;
	for (int i = 0; i < CMD_COUNT; i++)
		if (call_handlers[i] == NULL)
			fail_msg("%s %s has no handler", cmds[i].noun,
			    cmds[i].verb);
}

/* A viewer who could abort runs, or an admin who could not, would lose jobs or
 * nights. */
static void
privileges_are_the_tables(void **state)
{
	static const struct {
		enum config_group g;
		const char	 *may;
	} groups[] = {
		{ CONFIG_VIEWER, "view" },
		{ CONFIG_OPERATOR, "view run_jobs stop_any_run" },
		{ CONFIG_ADMIN, "view run_jobs stop_any_run define_jobs "
				"define_queues maintain_cluster "
				"maintain_settings maintain_users" },
	};

	(void)state;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (int p = 0; p < PRIV_COUNT; p++) {
			char word[40];
			char all[160];

			(void)snprintf(word, sizeof(word), " %s ",
			    cmd_priv_word((enum priv)p));
			(void)snprintf(all, sizeof(all), " %s ",
			    groups[g].may);
			assert_int_equal(strstr(all, word) != NULL,
			    !!(call_group_privs(groups[g].g) & 1u << p));
		}
}

/* Every changing row is refused to a viewer, with the privilege that it needs,
 * and the attempt is on record. */
static void
viewers_only_look(void **state)
{
	unsigned view = 1u << PRIV_VIEW;

	(void)state;
	for (int i = 0; i < CMD_COUNT; i++) {
		char method[CMD_METHOD];
		struct err e;

		if (cmds[i].priv == PRIV_VIEW)
			continue;
		e = refused(view, cmd_method(&cmds[i], method), NULL);
		assert_int_equal(e.code, ERR_DENIED);
		assert_non_null(strstr(e.msg, cmd_priv_word(cmds[i].priv)));
		assert_non_null(strstr(e.msg, "anna@10.0.0.7"));
	}
	store_drain(store);
	json_t *l = get("event.list", json_pack("{s:s,s:s}", "code",
	    "command_refused", "actor", "anna@10.0.0.7"));

	assert_true(json_array_size(l) > 20);
	assert_string_equal(js_str(json_array_get(l, 0), "severity", ""),
	    "audit");
	json_decref(l);
}

static void
local_users_and_keys(void **state)
{
	struct peer p = { .kind = PEER_LOCAL, .uid = 0 };
	struct config_operator ops[2] = { { .name = (char *)"anna",
	    .group = CONFIG_OPERATOR, .key = key.pub } };
	char who[64], path[128], line[160];
	struct peer q;
	struct key other;
	struct err e;
	int made;

	(void)state;
	assert_int_equal(call_privs(api, &p), PRIVS_ALL);
	p.uid = geteuid();
	assert_int_equal(call_privs(api, &p), PRIVS_ALL);
	p.uid = geteuid() + 12345;
	assert_int_equal(call_privs(api, &p), PRIVS_NONE);

	/* Known by the key, whatever the login name. */
	p = (struct peer){ .kind = PEER_OPERATOR, .user = "somebody",
		.addr = "10.0.0.7:51234" };
	(void)MEM_STR(p.key, key.pub);
	(void)MEM_STR(p.fingerprint, key.fingerprint);
	assert_false(api_auth(api, &p));
	nd.cfg.operators = ops;
	nd.cfg.noperators = 1;
	assert_true(api_auth(api, &p));
	assert_string_equal(p.name, "anna");
	assert_int_equal(call_privs(api, &p),
	    call_group_privs(CONFIG_OPERATOR));
	call_who(&p, who);
	assert_string_equal(who, "anna@10.0.0.7");
	/* Two keys of one name: each has its own group. */
	(void)snprintf(path, sizeof(path), "%s/other_key", dir);
	assert_int_equal(key_load(&other, path, &made, &e), 0);
	ops[1] = (struct config_operator){ .name = (char *)"anna",
		.group = CONFIG_ADMIN, .key = other.pub };
	nd.cfg.noperators = 2;
	assert_int_equal(call_privs(api, &p),
	    call_group_privs(CONFIG_OPERATOR));
	q = p;
	(void)MEM_STR(q.key, other.pub);
	(void)MEM_STR(q.fingerprint, other.fingerprint);
	assert_int_equal(call_privs(api, &q), PRIVS_ALL);
	/* A comment changes nothing; of an RSA key only the fingerprint is
	 * known. */
	(void)snprintf(line, sizeof(line), "%s anna@laptop", other.pub);
	ops[1].key = line;
	q.key[0] = '\0';
	assert_int_equal(call_privs(api, &q), PRIVS_ALL);
	/* A key that was replaced is worth nothing in an open session. */
	ops[0].key = other.pub;
	nd.cfg.noperators = 1;
	assert_int_equal(call_privs(api, &p), PRIVS_NONE);
	key_clear(&other);
	/* Taken out of the file: an open session loses it as well. */
	nd.cfg.operators = NULL;
	nd.cfg.noperators = 0;
	assert_int_equal(call_privs(api, &p), PRIVS_NONE);
	assert_false(api_auth(api, &p));
	/* A node's login carries no rights. */
	p = (struct peer){ .kind = PEER_OPERATOR, .user = PEER_NODE_USER };
	assert_false(api_auth(api, &p));
	(void)MEM_STR(p.key, key.pub);
	assert_true(api_auth(api, &p));
	assert_int_equal(p.kind, PEER_NODE);
	assert_int_equal(call_privs(api, &p), PRIVS_NONE);
}

static void
parameters_are_checked(void **state)
{
	struct err e;

	(void)state;
	e = refused(PRIVS_ALL, "agent.show", NULL);
	assert_int_equal(e.code, ERR_USAGE);
	e = refused(PRIVS_ALL, "agent.show", json_pack("{s:i}", "agent", 3));
	assert_int_equal(e.code, ERR_USAGE);
	e = refused(PRIVS_ALL, "agent.show", json_pack("{s:s}", "agent",
	    "node-x"));
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_non_null(strstr(e.msg, "node-a"));
	e = refused(PRIVS_ALL, "run.show", json_pack("{s:s}", "run", "x1"));
	assert_int_equal(e.code, ERR_USAGE);
	e = refused(PRIVS_ALL, "join.complete", json_pack("{s:s,s:s}", "host",
	    "h", "token", "-"));
	assert_int_equal(e.code, ERR_USAGE);
}

/* Scripts read these names: none may be missing. */
static void
shapes(void **state)
{
	json_t *o;

	(void)state;
	apply(JOBS);
	o = get("status", NULL);
	has(o, "node cluster mode role status suspended epoch lease_left "
	    "broker control version alerts");
	assert_string_equal(js_str(o, "control", ""), "auto");
	json_decref(o);
	o = get("agent.list", NULL);
	assert_int_equal(json_array_size(o), 1);
	has(json_array_get(o, 0), "name id address mode connected controlled "
	    "status role epoch suspended health condition_met drained held_off "
	    "pinned_until priority labels running uptime latency version "
	    "sync");
	has(json_object_get(json_array_get(o, 0), "health"),
	    "level value since reason");
	has(json_object_get(json_array_get(o, 0), "sync"), "revision behind");
	json_decref(o);
	o = get("job.list", NULL);
	assert_int_equal(json_array_size(o), 2);
	has(json_array_get(o, 0), "name enabled paused triggers next queue "
	    "distribution last");
	assert_string_equal(js_str(json_array_get(o, 0), "name", ""),
	    "byhand");
	assert_true(json_is_null(json_object_get(json_array_get(o, 0),
	    "next")));
	assert_true(js_wall(json_array_get(o, 1), "next").ms >
	    broker->now.wall.ms);
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    json_array_get(o, 1), "triggers"), 0)), "every 1h");
	json_decref(o);
	o = get("event.list", NULL);
	has(json_array_get(o, 0), "seq at severity code node actor message "
	    "data");
	json_decref(o);
	o = get("job.next", json_pack("{s:s,s:i}", "job", "hello", "limit", 3));
	assert_int_equal(json_array_size(o), 3);
	assert_int_equal(js_wall(json_array_get(o, 2), "at").ms -
	    js_wall(json_array_get(o, 0), "at").ms, 2 * 3600000);
	json_decref(o);
	o = get("job.show", json_pack("{s:s}", "job", "hello"));
	has(o, "name command triggers next cursor");
	json_decref(o);
	o = get("key.show", NULL);
	assert_string_equal(js_str(o, "key", ""), key.pub);
	json_decref(o);
	o = get("agent.show", json_pack("{s:s}", "agent", "node-a"));
	has(o, "name fingerprint joined_at runs");
	json_decref(o);
	o = get("agent.history", json_pack("{s:s}", "agent", "node-a"));
	assert_true(json_array_size(o) > 0);
	has(json_array_get(o, 0), "at level value connected reason");
	json_decref(o);
}

static void
settings_and_conditions(void **state)
{
	json_t *o;
	struct err e;

	(void)state;
	o = get("setting.set", json_pack("{s:{s:s}}", "values", "token_ttl",
	    "20m"));
	json_decref(o);
	o = get("setting.show", json_pack("{s:s}", "name", "token_ttl"));
	assert_true(js_num(o, "value", 0) == 1200);
	json_decref(o);
	e = refused(PRIVS_ALL, "setting.set", json_pack("{s:{s:s}}", "values",
	    "lease", "1h"));
	assert_int_equal(e.code, ERR_USAGE);
	o = get("setting.list", json_pack("{s:i}", "limit", 5));
	assert_int_equal(json_array_size(o), 5);
	json_decref(o);
	o = get("condition.check", json_pack("{s:s,s:i}", "text",
	    "cpu < 50 and name = \"node-a\"", "since", 60));
	has(json_array_get(o, 0), "agent result explanation terms changes");
	assert_string_equal(js_str(json_array_get(o, 0), "result", ""),
	    "true");
	assert_non_null(strstr(js_str(json_array_get(o, 0), "explanation", ""),
	    "12"));
	json_decref(o);
	e = refused(PRIVS_ALL, "condition.check", json_pack("{s:s}", "text",
	    "cpu <"));
	assert_int_equal(e.code, ERR_USAGE);
}

/* A plan that was seen is what is applied; nothing changed makes no revision;
 * what export writes, apply reads. */
static void
catalogue(void **state)
{
	json_t *o;
	struct err e;
	int64_t rev;

	(void)state;
	o = get("apply", json_pack("{s:s,s:s,s:b}", "file", "t", "text", JOBS,
	    "dry_run", 1));
	assert_int_equal(json_array_size(json_object_get(o, "plan")), 2);
	has(json_array_get(json_object_get(o, "plan"), 0),
	    "action kind name detail");
	rev = js_int(o, "revision", -1);
	json_decref(o);
	apply(JOBS);
	e = refused(PRIVS_ALL, "apply", json_pack("{s:s,s:s,s:I}", "file", "t",
	    "text", JOBS, "revision", (json_int_t)rev));
	assert_int_equal(e.code, ERR_STALE);
	rev = broker->catalog->rev;
	o = get("export", NULL);
	json_decref(get("apply", json_pack("{s:s,s:O}", "file", "t", "text",
	    json_object_get(o, "text"))));
	assert_int_equal(broker->catalog->rev, rev);
	json_decref(o);
	json_decref(get("job.pause", json_pack("{s:s}", "job", "hello")));
	assert_true(catalog_job(broker->catalog, "hello")->paused);
	json_decref(get("job.resume", json_pack("{s:s}", "job", "hello")));
	json_decref(get("job.remove", json_pack("{s:s}", "job", "hello")));
	e = refused(PRIVS_ALL, "job.show", json_pack("{s:s}", "job", "hello"));
	assert_int_equal(e.code, ERR_NOTFOUND);
}

static void
runs(void **state)
{
	struct ask a;
	json_t *o;
	struct err e;
	char id[24];

	(void)state;
	apply(JOBS);
	agent.finish = true;
	o = get("job.run", json_pack("{s:s,s:b,s:{s:s}}", "job", "byhand",
	    "wait", 1, "param", "WHO", "world"));
	assert_string_equal(js_str(o, "state", ""), "succeeded");
	has(o, "message exit_code");
	assert_int_equal(cmd_exit(&cmds[CMD_JOB_RUN], json_object_get(o, "x"),
	    o), 0);
	json_decref(o);
	o = get("run.list", NULL);
	has(json_array_get(o, 0), "id job occurrence cause agent attempt state "
	    "exit_code signal queued_at started_at ended_at epoch late");
	assert_string_equal(js_str(json_array_get(o, 0), "cause", ""),
	    "manual by root@local");
	(void)snprintf(id, sizeof(id), "%lld",
	    (long long)js_int(json_array_get(o, 0), "id", 0));
	json_decref(o);
	json_decref(get("run.show", json_pack("{s:s}", "run", id)));
	e = refused(PRIVS_ALL, "run.abort", json_pack("{s:s}", "run", id));
	assert_int_equal(e.code, ERR_FAILED);
	e = refused(PRIVS_ALL, "run.show", json_pack("{s:s}", "run", "99"));
	assert_int_equal(e.code, ERR_NOTFOUND);
	json_decref(get("run.retry", json_pack("{s:s}", "run", id)));

	/* The asker goes while it waits: the run goes on, nobody is told. */
	agent.finish = false;
	UNTIL(live_count(broker) == 0);
	begin(&a, PRIVS_ALL, "job.run", json_pack("{s:s,s:b}", "job", "byhand",
	    "wait", 1));
	agent.run = 0;
	UNTIL(agent.run != 0);
	call_gone(api, &a);
	agent_ends("exited", 3);
	UNTIL(live_count(broker) == 0);
	assert_false(a.ended);
	ask_clear(&a);
	o = get("run.list", json_pack("{s:s}", "state", "failed"));
	assert_int_equal(js_int(json_array_get(o, 0), "exit_code", 0), 3);
	json_decref(o);
}

static json_t *
joined_parts(const struct ask *a, bool *data)
{
	struct buf b = BUF_INIT(1 << 20);
	json_t *part, *v;
	size_t i;

	*data = false;
	json_array_foreach(a->parts, i, part) {
		const char *d = js_str(part, "data", NULL);
		unsigned char *p;
		size_t n;

		if (d == NULL) {
			buf_puts(&b, js_str(part, "text", ""));
			continue;
		}
		*data = true;
		p = base64_decode(d, &n);
		buf_put(&b, p, n);
		free(p);
	}
	v = json_stringn_nocheck(b.p, b.len);
	buf_free(&b);
	return v;
}

/* The output of a run is its bytes, whatever they are, wherever a piece ends,
 * and still there (its end) when the agent is gone. */
static void
output(void **state)
{
	static const char bytes[] = "caf\xc3\xa9 \xff\x80 end\n";
	struct ask a;
	bool data;
	json_t *o;

	(void)state;
	apply(JOBS);
	json_decref(get("job.run", json_pack("{s:s}", "job", "byhand")));
	UNTIL(agent.run != 0);
	/* Followed: a character comes in two pieces. */
	agent.output = bytes;
	agent.output_len = 4;
	begin(&a, PRIVS_ALL, "run.log", json_pack("{s:s,s:b}", "run", "1",
	    "follow", 1));
	UNTIL(json_array_size(a.parts) == 1);
	assert_string_equal(js_str(json_array_get(a.parts, 0), "text", ""),
	    "caf");
	agent.output_len = 5;
	UNTIL(json_array_size(a.parts) == 2);
	assert_string_equal(js_str(json_array_get(a.parts, 1), "text", ""),
	    "\xc3\xa9");
	agent.output_len = sizeof(bytes) - 1;
	UNTIL(json_array_size(a.parts) >= 3);
	agent_ends("exited", 0);
	agent.output_ended = true;
	UNTIL(a.ended);
	o = joined_parts(&a, &data);
	assert_true(data);
	assert_int_equal(json_string_length(o), sizeof(bytes) - 1);
	assert_memory_equal(json_string_value(o), bytes, sizeof(bytes) - 1);
	json_decref(o);
	assert_string_equal(js_str(a.result, "state", ""), "succeeded");
	ask_clear(&a);
	/* From an offset. */
	begin(&a, PRIVS_ALL, "run.log", json_pack("{s:s,s:i}", "run", "1",
	    "offset", 9));
	UNTIL(a.ended);
	o = joined_parts(&a, &data);
	assert_string_equal(json_string_value(o), "end\n");
	json_decref(o);
	ask_clear(&a);
	/* Only its end, which is what a console opens a log with. */
	begin(&a, PRIVS_ALL, "run.log", json_pack("{s:s,s:i}", "run", "1",
	    "tail", 4));
	UNTIL(a.ended);
	o = joined_parts(&a, &data);
	assert_string_equal(json_string_value(o), "end\n");
	json_decref(o);
	ask_clear(&a);
	/* The agent has gone: the tail. */
	agent_down();
	begin(&a, PRIVS_ALL, "run.log", json_pack("{s:s}", "run", "1"));
	UNTIL(a.ended);
	o = joined_parts(&a, &data);
	assert_string_equal(json_string_value(o), "the tail");
	json_decref(o);
	ask_clear(&a);
}

static void
events_are_followed(void **state)
{
	struct ask a;
	json_t *row;

	(void)state;
	begin(&a, PRIVS_ALL, "event.follow", json_pack("{s:s}", "code",
	    "setting_changed"));
	json_decref(get("setting.set", json_pack("{s:{s:s,s:s}}", "values",
	    "token_ttl", "20m", "lost_after", "6m")));
	UNTIL(json_array_size(a.parts) == 2);
	row = json_object_get(json_array_get(a.parts, 0), "row");
	assert_string_equal(js_str(row, "actor", ""), "root@local");
	/* Who reads slowly gets them all, later. */
	a.queued = SESSION_QUEUE;
	for (int i = 0; i < 5; i++)
		json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
		    "token_ttl", i % 2 ? "20m" : "21m")));
	store_drain(store);
	turn();
	assert_int_equal(json_array_size(a.parts), 2);
	a.queued = 0;
	UNTIL(json_array_size(a.parts) == 7);
	call_gone(api, &a);
	ask_clear(&a);
}

/* Changes say who and why; what the broker records itself is not doubled; a
 * token is in no event. */
static void
changes_are_audited(void **state)
{
	json_t *o, *data;

	(void)state;
	json_decref(get("agent.drain", json_pack("{s:s,s:s}", "agent",
	    "node-a", "reason", "disk swap")));
	assert_true(broker->roster->agents[0].drained);
	json_decref(get("agent.undrain", json_pack("{s:s}", "agent",
	    "node-a")));
	json_decref(get("agent.set", json_pack("{s:s,s:{s:s,s:s,s:s}}",
	    "agent", "node-a", "values", "priority", "7", "labels",
	    "db, eu", "offline_ok", "true")));
	assert_int_equal(broker->roster->agents[0].priority, 7);
	assert_int_equal(json_array_size(broker->roster->members[0]->labels),
	    2);
	json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
	    "token_ttl", "20m")));
	(void)refused(PRIVS_ALL, "join.complete", json_pack("{s:s,s:s}",
	    "host", "h", "token", "SECRET-TOKEN"));
	assert_string_equal(nd.asked, "SECRET-TOKEN");
	store_drain(store);
	o = get("event.list", json_pack("{s:s}", "code", "agent_drain"));
	assert_int_equal(json_array_size(o), 1);
	data = json_object_get(json_array_get(o, 0), "data");
	assert_string_equal(js_str(data, "reason", ""), "disk swap");
	assert_string_equal(js_str(json_array_get(o, 0), "actor", ""),
	    "root@local");
	json_decref(o);
	o = get("event.list", json_pack("{s:s}", "code", "agent_set"));
	data = json_object_get(json_object_get(json_array_get(o, 0), "data"),
	    "values");
	assert_int_equal(js_int(json_object_get(data, "old"), "priority", -1),
	    0);
	assert_int_equal(js_int(json_object_get(data, "new"), "priority", -1),
	    7);
	json_decref(o);
	o = get("event.list", json_pack("{s:s}", "code", "setting_set"));
	assert_int_equal(json_array_size(o), 0);
	json_decref(o);
	o = get("event.list", json_pack("{s:i}", "limit", 1000));
	{
		char *text = json_dumps(o, 0);

		assert_null(strstr(text, "SECRET"));
		free(text);
	}
	json_decref(o);
}

static const char *
supposed(const char *metric, const char *what, json_t **doc)
{
	json_decref(*doc);
	*doc = get("whatif", json_pack("{s:[s,s]}", "event", metric, what));
	return js_str(json_array_get(json_object_get(*doc, "steps"), 0),
	    "step", "");
}

/* Lost: whether the thresholds that one has set do what one thinks. */
static void
measured(void)
{
	const struct member *m = broker->roster->members[0];
	enum health was = m->health.level;
	size_t n = m->series.n;
	json_t *o = NULL;

	assert_string_equal(supposed("cpu", "node-a=95", &o), "cpu of node-a "
	    "is 95.0: health very_bad, the switch condition is met");
	assert_true(json_array_size(json_object_get(o, "steps")) > 1);
	assert_string_equal(supposed("mem", "node-a=91%", &o), "mem of node-a "
	    "is 91.0: health bad, the switch condition is not met");
	assert_non_null(strstr(supposed("health", "node-a=good", &o),
	    "health good, the switch condition is not met"));
	assert_non_null(strstr(supposed("latency", "node-a=20ms", &o),
	    "latency of node-a is 20ms"));
	/* A condition that names the node sees what is supposed of it. */
	json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
	    "switch_condition", "load1 of node-a > 7")));
	assert_non_null(strstr(supposed("load1", "node-a=8", &o),
	    "the switch condition is met"));
	json_decref(get("setting.set", json_pack("{s:{s:s}}", "values",
	    "switch_condition", "health = very_bad for 5m")));
	json_decref(o);
	/* Nothing of it is remembered. */
	assert_int_equal(m->health.level, was);
	assert_int_equal(m->series.n, n);
	assert_ptr_equal(broker->roster->members[0], m);
	assert_int_equal(refused(PRIVS_ALL, "whatif", json_pack("{s:[s,s]}",
	    "event", "cpu", "node-a")).code, ERR_USAGE);
	assert_int_equal(refused(PRIVS_ALL, "whatif", json_pack("{s:[s,s]}",
	    "event", "cpu", "node-a=101")).code, ERR_USAGE);
	assert_int_equal(refused(PRIVS_ALL, "whatif", json_pack("{s:[s,s]}",
	    "event", "cpu", "node-a=x")).code, ERR_USAGE);
	assert_int_equal(refused(PRIVS_ALL, "whatif", json_pack("{s:[s,s]}",
	    "event", "cpu", "nobody=9")).code, ERR_NOTFOUND);
	assert_int_equal(refused(PRIVS_ALL, "whatif", json_pack("{s:[s,s]}",
	    "event", "uptime", "node-a=9")).code, ERR_USAGE);
	assert_non_null(strstr(refused(PRIVS_ALL, "whatif",
	    json_pack("{s:[s,s]}", "event", "rain", "node-a")).msg,
	    "cpu NODE=95"));
}

static void
role(void **state)
{
	struct err e;
	json_t *o;

	(void)state;
	e = refused(PRIVS_ALL, "agent.on", json_pack("{s:s,s:i}", "agent",
	    "node-a", "epoch", 77));
	assert_int_equal(e.code, ERR_STALE);
	e = refused(PRIVS_ALL, "agent.drain", json_pack("{s:s,s:i}", "agent",
	    "node-a", "epoch", 77));
	assert_int_equal(e.code, ERR_STALE);
	e = refused(PRIVS_ALL, "agent.on", json_pack("{s:s}", "until",
	    "2020-01-01T00:00:00Z"));
	assert_int_equal(e.code, ERR_USAGE);
	/* Without a name it is the node itself. */
	o = get("agent.off", NULL);
	has(o, "message epoch");
	json_decref(o);
	assert_true(broker->roster->agents[0].marks.held_off);
	json_decref(get("agent.release", json_pack("{s:s}", "agent",
	    "node-a")));
	assert_false(broker->roster->agents[0].marks.held_off);
	e = refused(PRIVS_ALL, "agent.remove", json_pack("{s:s}", "agent",
	    "node-a"));
	assert_int_equal(e.code, ERR_FAILED);
	o = get("whatif", json_pack("{s:[s,s]}", "event", "kill", "node-a"));
	has(o, "supposed case outcome candidates steps");
	json_decref(o);
	measured();
	json_decref(get("why", NULL));
	e = refused(PRIVS_ALL, "why", json_pack("{s:s}", "decision", "4711"));
	assert_int_equal(e.code, ERR_NOTFOUND);
}

static void
renamed(void **state)
{
	struct run *r;

	(void)state;
	apply(JOBS);
	json_decref(get("job.run", json_pack("{s:s}", "job", "byhand")));
	UNTIL(agent.run != 0);
	json_decref(get("agent.rename", json_pack("{s:s,s:s}", "agent",
	    "node-a", "name", "node-z")));
	/* Its runs are still its own: their ends are taken. */
	r = live_find(broker, agent.run);
	assert_string_equal(r->agent, "node-z");
	agent_ends("exited", 0);
	UNTIL(live_count(broker) == 0);
	assert_int_equal(refused(PRIVS_ALL, "agent.show", json_pack("{s:s}",
	    "agent", "node-a")).code, ERR_NOTFOUND);
	json_decref(get("agent.rename", json_pack("{s:s,s:s}", "agent",
	    "node-z", "name", "node-a")));
	json_decref(get("agent.show", json_pack("{s:s}", "agent", "node-a")));
}

static void
joining(void **state)
{
	json_t *o;
	struct err e;

	(void)state;
	o = get("join.invite", json_pack("{s:i,s:i,s:s}", "for", 3600, "uses",
	    20, "as", "worker"));
	has(o, "token expires_at command");
	json_decref(o);
	o = get("join.list", NULL);
	assert_int_equal(json_array_size(o), 0);
	json_decref(o);
	e = refused(PRIVS_ALL, "join.accept", json_pack("{s:s}", "request",
	    "7"));
	assert_int_equal(e.code, ERR_NOTFOUND);
	/* A node that waits for an answer elsewhere shows that. */
	nd.mode = NODE_STANDALONE;
	nd.open = json_pack("{s:s,s:s,s:s}", "host", "hub", "state", "accepted",
	    "words", "a b c d");
	o = get("join.list", NULL);
	has(json_array_get(o, 0), "id name address message fingerprint words "
	    "state as requested_at token_expires_at");
	assert_string_equal(js_str(json_array_get(o, 0), "state", ""),
	    "accepted");
	json_decref(o);
	o = get("join.request", json_pack("{s:s}", "host", "hub:7422"));
	assert_string_equal(nd.asked, "hub:7422");
	json_decref(o);
}


static void
doctor_and_backup(void **state)
{
	char path[128], file[160];
	json_t *o, *row;
	size_t i;

	(void)state;
	o = get("doctor", NULL);
	json_array_foreach(o, i, row) {
		has(row, "check state detail cure");
		if (strcmp(js_str(row, "check", ""), "store") == 0)
			assert_string_equal(js_str(row, "state", ""), "ok");
	}
	assert_true(json_array_size(o) > 8);
	json_decref(o);
	(void)snprintf(path, sizeof(path), "%s/copy", dir);
	json_decref(get("backup", json_pack("{s:s}", "path", path)));
	(void)snprintf(file, sizeof(file), "%s/store.db", path);
	assert_int_equal(access(file, R_OK), 0);
	(void)snprintf(file, sizeof(file), "%s/host_key", path);
	assert_int_equal(access(file, R_OK), 0);
	assert_int_equal(refused(PRIVS_ALL, "backup", json_pack("{s:s}",
	    "path", path)).code, ERR_FAILED);
	assert_int_equal(refused(PRIVS_ALL, "backup", json_pack("{s:s}",
	    "path", "relative")).code, ERR_USAGE);
	/* One that fails leaves nothing. */
	assert_int_equal(unlink(key_path), 0);
	(void)snprintf(path, sizeof(path), "%s/other", dir);
	(void)refused(PRIVS_ALL, "backup", json_pack("{s:s}", "path", path));
	assert_int_equal(access(path, F_OK), -1);
}

/* Leaving goes on when the one who asked hangs up. */
static void
an_orphaned_change_ends(void **state)
{
	struct ask a;
	json_t *o = json_object();

	(void)state;
	begin(&a, PRIVS_ALL, "leave", NULL);
	assert_non_null(nd.left);
	call_gone(api, &a);
	nd.left(nd.left_arg, o, NULL);
	json_decref(o);
	assert_false(a.ended);
	store_drain(store);
	o = get("event.list", json_pack("{s:s}", "code", "leave"));
	assert_int_equal(json_array_size(o), 1);
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_bound),
		cmocka_unit_test(privileges_are_the_tables),
		T(viewers_only_look),
		T(local_users_and_keys),
		T(parameters_are_checked),
		T(shapes),
		T(settings_and_conditions),
		T(catalogue),
		T(runs),
		T(output),
		T(events_are_followed),
		T(changes_are_audited),
		T(role),
		T(renamed),
		T(joining),
		T(doctor_and_backup),
		T(an_orphaned_change_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
