/* A cluster as a console sees it, at one moment, for the tests of screens. */
#ifndef SCREENS_WORLD_H
#define SCREENS_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "console/model.h"

/* 2026-11-18 10:42:07 UTC, an hour after the machine started. */
#define WORLD_NOW ((struct now){ { 3600LL * 1000000 }, { 1794998527000 } })

static inline json_t *
world_json(const char *text)
{
	json_error_t e;
	json_t *doc = json_loads(text, 0, &e);

	if (doc == NULL) {
		(void)fprintf(stderr, "line %d: %s in %.60s\n", e.line, e.text,
		    text);
		abort();
	}
	return doc;
}

#define AGENT(name, up, role, on, level, value, reason, running, lat, more) \
	"{\"name\":\"" name "\",\"id\":1,\"address\":\"10.0.0.12:50422\"," \
	"\"mode\":\"agent\",\"connected\":" up ",\"controlled\":true," \
	"\"status\":\"" on "\",\"role\":\"" role "\",\"epoch\":42," \
	"\"suspended\":false,\"health\":{\"level\":\"" level "\",\"value\":" \
	value ",\"since\":\"2026-11-18T10:12:00.000Z\",\"reason\":\"" reason \
	"\"},\"condition_met\":false,\"drained\":false,\"held_off\":false," \
	"\"pinned_until\":null,\"priority\":0,\"labels\":[],\"running\":" \
	running ",\"uptime\":99.9,\"latency\":" lat ",\"version\":\"0.1.0\"," \
	"\"sync\":{\"revision\":7,\"behind\":0}" more "}"

#define EVENT(seq, at, sev, code, node, actor, message) \
	"{\"seq\":" seq ",\"at\":\"2026-11-18T" at ".000Z\",\"severity\":\"" \
	sev "\",\"code\":\"" code "\",\"node\":" node ",\"actor\":" actor \
	",\"message\":\"" message "\",\"data\":{\"epoch\":42}}"

#define RUN(id, job, agent, state, exit, started, ended, cause, reason) \
	"{\"id\":" id ",\"job\":\"" job "\",\"occurrence\":" \
	"\"2026-11-18T10:40:00.000Z\",\"cause\":\"" cause "\",\"agent\":" \
	agent ",\"attempt\":1,\"state\":\"" state "\",\"exit_code\":" exit \
	",\"signal\":null,\"queued_at\":\"2026-11-18T10:40:00.000Z\"," \
	"\"started_at\":" started ",\"ended_at\":" ended ",\"epoch\":42," \
	"\"late\":false,\"reason\":" reason "}"

#define SETTING(name, value, dflt, help) \
	"{\"name\":\"" name "\",\"value\":" value ",\"default\":\"" dflt \
	"\",\"help\":\"" help "\"}"

static const char *const world_docs[TOPIC_COUNT] = {
	[TOPIC_STATUS] = ("{\"node\":\"node-c\",\"cluster\":\"prod\",\"mode\":"
	    "\"agent\",\"role\":\"spare\",\"status\":\"off\",\"suspended\":"
	    "false,\"epoch\":42,\"lease_left\":null,\"broker\":{\"name\":"
	    "\"node-a\",\"address\":\"node-a:7422\",\"connected\":true},"
	    "\"control\":\"auto\",\"version\":\"0.1.0\",\"alerts\":[{\"code\":"
	    "\"agent_offline\",\"node\":\"node-d\"},{\"code\":\"x\"}]}"),
	[TOPIC_AGENTS] = ("["
	    AGENT("node-a", "true", "spare", "off", "good", "4",
		"cpu 31 > 25", "0", "0.4", "") ","
	    AGENT("node-b", "true", "scheduler", "on", "excellent", "5",
		"cpu 24 <= 25", "2", "12.2", "") ","
	    AGENT("node-c", "true", "spare", "off", "ok", "3", "cpu 54 > 50",
		"1", "31.0", "") ","
	    AGENT("node-d", "false", "spare", "off", "unknown", "0",
		"no sample", "0", "null", "") "]"),
	[TOPIC_JOINS] = ("[{\"id\":\"8\",\"name\":\"node-f\",\"address\":"
	    "\"10.0.0.16:40112\",\"message\":null,\"fingerprint\":"
	    "\"SHA256:aa1\",\"words\":\"brick lemon opera six\",\"state\":"
	    "\"accepted\",\"as\":\"agent\",\"requested_at\":"
	    "\"2026-11-18T10:30:00.000Z\",\"token_expires_at\":"
	    "\"2026-11-18T10:56:29.000Z\",\"reason\":null,\"version\":"
	    "\"0.1.0\"},{\"id\":\"7\",\"name\":\"node-e\",\"address\":"
	    "\"10.0.0.15:51422\",\"message\":\"Hello from rack 7\","
	    "\"fingerprint\":\"SHA256:9fQkX0mVb2\",\"words\":\"tulip cargo "
	    "anvil oak\",\"state\":\"pending\",\"as\":\"worker\","
	    "\"requested_at\":\"2026-11-18T10:41:29.000Z\","
	    "\"token_expires_at\":null,\"reason\":null,\"version\":"
	    "\"0.1.0\"}]"),
	[TOPIC_JOBS] = ("[{\"name\":\"backup-db\",\"enabled\":true,\"paused\":"
	    "false,\"triggers\":[\"cron 0 * * * *\"],\"next\":"
	    "\"2026-11-18T11:00:00.000Z\",\"queue\":null,\"distribution\":"
	    "\"one\",\"last\":{\"run\":8812,\"state\":\"running\",\"at\":"
	    "\"2026-11-18T10:40:00.000Z\"}},{\"name\":\"build-index\","
	    "\"enabled\":true,\"paused\":false,\"triggers\":[],\"next\":null,"
	    "\"queue\":\"heavy\",\"distribution\":\"instances\",\"last\":"
	    "{\"run\":8811,\"state\":\"failed\",\"at\":"
	    "\"2026-11-14T17:02:00.000Z\"}},{\"name\":\"rotate-logs\","
	    "\"enabled\":true,\"paused\":true,\"triggers\":[\"every 1d\"],"
	    "\"next\":null,\"queue\":null,\"distribution\":\"all\",\"last\":"
	    "null}]"),
	[TOPIC_RUNS] = ("["
	    RUN("8813", "sync-mirror", "null", "queued", "null", "null",
		"null", "schedule", "\"waits: 1 of 1 slot busy\"") ","
	    RUN("8812", "backup-db", "\"node-c\"", "running", "null",
		"\"2026-11-18T10:40:00.000Z\"", "null", "schedule", "null")
	    "," RUN("8811", "build-index", "\"node-a\"", "failed", "2",
		"\"2026-11-18T10:31:03.000Z\"",
		"\"2026-11-18T10:31:44.000Z\"", "manual", "null") ","
	    RUN("8810", "backup-db", "\"node-b\"", "succeeded", "0",
		"\"2026-11-18T10:00:00.000Z\"",
		"\"2026-11-18T10:02:11.000Z\"", "schedule", "null") "]"),
	[TOPIC_EVENTS] = ("["
	    EVENT("88125", "10:42:01", "info", "join_requested",
		"\"node-e\"", "null", "node-e asks to join as worker") ","
	    EVENT("88124", "10:41:50", "warning", "health_changed",
		"\"node-c\"", "null", "node-c health good -> ok: cpu 54 > 50")
	    "," EVENT("88123", "10:41:12", "audit", "join_accept",
		"\"node-a\"", "\"anna@10.0.0.9\"", "join accept node-f") ","
	    EVENT("88121", "10:01:07", "alert", "agent_offline",
		"\"node-d\"", "null", "node-d unheard for 15s") "]"),
	[TOPIC_WHY] = ("[{\"decision\":9,\"at\":\"2026-11-18T08:31:02.114Z\","
	    "\"case\":4,\"from\":\"node-a\",\"to\":\"node-b\",\"epoch\":42,"
	    "\"outcome\":\"done\",\"text\":\"confirmed\",\"actor\":"
	    "\"anna@10.0.0.9\",\"candidates\":[{\"name\":\"node-b\","
	    "\"eligible\":true,\"condition_met\":false,\"health\":"
	    "\"excellent\",\"reason\":\"chosen\"}],\"steps\":[{\"at\":"
	    "\"2026-11-18T08:31:02.114Z\",\"step\":\"turn on node-b\"},{\"at\":"
	    "\"2026-11-18T08:31:02.902Z\",\"step\":\"confirmed by node-b\"}]},"
	    "{\"decision\":8,\"at\":\"2026-11-11T02:10:00.000Z\",\"case\":1,"
	    "\"from\":\"node-c\",\"to\":\"node-a\",\"epoch\":41,\"outcome\":"
	    "\"done\",\"text\":\"confirmed\",\"actor\":null,\"candidates\":[],"
	    "\"steps\":[{\"at\":\"2026-11-11T02:10:00.000Z\",\"step\":"
	    "\"node-c unheard for 15s\"}]}]"),
	[TOPIC_SETTINGS] = ("["
	    SETTING("cluster_name", "\"prod\"", "", "name of the cluster") ","
	    SETTING("connection_timeout", "15", "15s", "a Scheduler unheard "
		"for this long is replaced") ","
	    SETTING("control", "\"auto\"", "auto", "who moves the role") ","
	    SETTING("control_status", "true", "true", "may the broker") ","
	    SETTING("lease", "2", "4s", "how long a Scheduler may fire") ","
	    SETTING("transfer_on_condition", "false", "false", "move it")
	    "]"),
	[TOPIC_NEXT] = ("[{\"at\":\"2026-11-18T11:00:00.000Z\",\"job\":"
	    "\"backup-db\",\"trigger\":\"cron\"}]"),
};

/* Series with a gap, as agent.stats gives them; each agent has its own. */
static inline json_t *
world_stats(int agent)
{
	static const char *const names[] = { "cpu", "mem", "latency",
		"running", "health" };
	static const int wave[] = { 12, 18, 30, 44, 52, 58, 71, 93, 88, 64, 47,
		33, 29, 22, 16 };
	json_t *metrics = json_object();

	for (int k = 0; k < 5; k++) {
		json_t *mean = json_array(), *max = json_array();

		for (int i = 0; i < 60; i++) {
			double v = wave[(i / 2 + k * 4 + agent * 5) % 15];
			bool gap = (i >= 20 && i < 25) ||
			    (agent == 3 && i > 40);

			v = k == 3 ? (int)v / 25 : k == 4 ? 5 - (int)v / 22 : v;
			(void)json_array_append_new(mean, gap ? json_null()
			    : json_real(k == 4 ? v : v * 0.8));
			(void)json_array_append_new(max, gap ? json_null()
			    : json_real(v));
		}
		(void)json_object_set_new(metrics, names[k], json_pack(
		    "{s:o,s:o}", "mean", mean, "max", max));
	}
	return json_pack("{s:s,s:s,s:i,s:o}", "from",
	    "2026-11-18T09:42:00.000Z", "to", "2026-11-18T10:42:00.000Z",
	    "step", 60, "metrics", metrics);
}

/* All of it: a live link, every privilege, hostile bytes in the log. */
static inline void
world_fill(struct model *m)
{
	static const char log[] =
	    "copied part 41 of 96\n"
	    "! warning: tape slow \033[31mnot ours\033[0m \033]52;c;aGk=\007\n"
	    "right to left \342\200\256 and half a letter \303\n"
	    "copied part 42 of 96";

	m->now = WORLD_NOW;
	m->say.now = m->now.wall;
	m->link = LINK_UP;
	m->heard = (mono){ m->now.mono.us - 1000000 };
	m->heard_at = (wall){ m->now.wall.ms - 1000 };
	(void)snprintf(m->node, sizeof(m->node), "node-c");
	(void)snprintf(m->who, sizeof(m->who), "anna@10.0.0.9");
	(void)snprintf(m->version, sizeof(m->version), "0.1.0");
	(void)snprintf(m->where, sizeof(m->where), "/run/muster/musterd.sock");
	m->privs = (1u << PRIV_COUNT) - 1;
	for (int t = 0; t < TOPIC_COUNT; t++)
		model_put(m, (enum topic)t, world_json(world_docs[t]));
	for (int i = 0; i < 4; i++) {
		char name[] = { 'n', 'o', 'd', 'e', '-', (char)('a' + i), 0 };
		char key[STATS_KEY];

		(void)json_object_set_new(m->stats, model_stats_key(name,
		    LIST_WINDOW, key), world_stats(i));
	}
	m->whatif_crew = m->crew;
	m->whatif = world_json("{\"candidates\":[{\"name\":\"node-a\","
	    "\"eligible\":true,\"condition_met\":false,\"health\":\"good\","
	    "\"reason\":\"chosen\"},{\"name\":\"node-c\",\"eligible\":true,"
	    "\"condition_met\":false,\"health\":\"ok\",\"reason\":\"\"},{"
	    "\"name\":\"node-d\",\"eligible\":false,\"condition_met\":false,"
	    "\"health\":\"unknown\",\"reason\":\"not connected\"}]}");
	runlog_start(&m->log, "8812");
	runlog_put(&m->log, log, sizeof(log) - 1);
}

#endif
