/* The command table and its parser.  A row that is wrong here is a command
 * that an operator cannot type, or may run without the right or the question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd.h"
#include "js.h"
#include "render.h"
#include "text.h"

static int
parse(const char *line, struct cmd_call *call, struct err *e)
{
	char **w;
	int n = text_words(line, &w, e), rc;

	assert_int_not_equal(n, -1);
	rc = cmd_parse(n, w, call, e);
	text_words_free(w, n);
	return rc;
}

/* Parses to this command and these parameters. */
static void
gives(const char *line, enum cmd_id id, const char *params)
{
	struct cmd_call call;
	struct err e = { 0 };
	char *got;

	if (parse(line, &call, &e) == -1)
		fail_msg("%s: %s", line, e.msg);
	assert_ptr_equal(call.cmd, &cmds[id]);
	got = json_dumps(call.params, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(got, params);
	free(got);
	cmd_call_clear(&call);
}

static void
refused(const char *line, const char *why)
{
	struct cmd_call call;
	struct err e = { 0 };

	if (parse(line, &call, &e) == 0)
		fail_msg("%s: was taken", line);
	assert_int_equal(e.code, ERR_USAGE);
	if (strstr(e.msg, why) == NULL)
		fail_msg("%s: said \"%s\", not \"%s\"", line, e.msg, why);
	assert_null(call.params);
}

static void
check_args(const struct cmd *c, const char *spec)
{
	struct cmd_arg a;
	bool optional = false, last = false;
	char briefs[16] = "";
	int rc;

	while ((rc = cmd_arg_next(&spec, &a)) == 1) {
		if (a.option) {
			if (a.brief != 0) {
				assert_null(strchr(briefs, a.brief));
				briefs[strlen(briefs)] = a.brief;
			}
			continue;
		}
		/* Nothing after a repeated one; none required after one that
		 * may be left out. */
		assert_false(last);
		assert_false(optional && !a.optional);
		optional = a.optional;
		last = a.repeated;
	}
	if (rc == -1)
		fail_msg("%s %s: args do not parse", c->noun, c->verb);
}

static void
every_row_is_whole(void **state)
{
	char method[CMD_METHOD], other[CMD_METHOD];

	(void)state;
	for (size_t i = 0; i < CMD_COUNT; i++) {
		const struct cmd *c = &cmds[i];

		assert_non_null(c->noun);
		assert_true(strlen(c->help) > 10);
		assert_true(c->help[strlen(c->help) - 1] != '.');
		assert_non_null(c->columns);
		check_args(c, c->args);
		check_args(c, cmd_options(c));
		assert_ptr_equal(cmd_of_method(cmd_method(c, method)), c);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(method,
			    cmd_method(&cmds[j], other));
		/* A change by those who may only look: never. */
		assert_false((c->flags & CMD_CHANGES) && c->priv == PRIV_VIEW);
		assert_int_equal(!!(c->flags & CMD_ASKS), c->confirm != NULL);
		assert_true(!(c->flags & CMD_ASKS) ||
		    (c->flags & CMD_CHANGES));
	}
}

static void
a_noun_has_verbs_or_stands_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < CMD_COUNT; i++)
		for (size_t j = 0; j < CMD_COUNT; j++)
			if (i != j && strcmp(cmds[i].noun, cmds[j].noun) == 0)
				assert_true(*cmds[i].verb && *cmds[j].verb);
}

/* SPEC section 8: these ask; SPEC section 7: these are the node's own. */
static void
the_contract_of_asking_and_scope(void **state)
{
	static const enum cmd_id ask[] = {
		CMD_AGENT_REMOVE, CMD_JOB_REMOVE, CMD_LEAVE
	};
	static const enum cmd_id own[] = {
		CMD_STATUS, CMD_LEAVE, CMD_JOIN_REQUEST, CMD_JOIN_COMPLETE,
		CMD_KEY_SHOW, CMD_DOCTOR
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ask) / sizeof(ask[0]); i++)
		assert_true(cmds[ask[i]].flags & CMD_ASKS);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_int_equal(cmds[own[i]].scope, CMD_NODE);
}

static char *
slurp(const char *path)
{
	static const char *const up[] = { "", "../", "../../" };
	struct buf b = BUF_INIT(1 << 20);
	char chunk[4096], name[128];
	FILE *f = NULL;
	size_t n;

	for (size_t i = 0; f == NULL && i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", up[i], path);
		f = fopen(name, "r");
	}
	if (f == NULL)
		return NULL;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_put(&b, chunk, n);
	(void)fclose(f);
	return buf_steal(&b);
}

/* What is not in the manual does not exist for an operator at 3 a.m. */
static void
every_row_is_in_the_manual(void **state)
{
	char *man = slurp("tui/muster.1");

	(void)state;
	assert_non_null(man);
	for (size_t i = 0; i < CMD_COUNT; i++) {
		const struct cmd *c = &cmds[i];
		const char *spec = c->args, *at, *end;
		char line[80], option[80];
		struct cmd_arg a;

		(void)snprintf(line, sizeof(line), "\n.It Ic %s%s%s", c->noun,
		    *c->verb ? " " : "", c->verb);
		at = strstr(man, line);
		if (at == NULL)
			fail_msg("muster.1 lacks:%s", line);
		end = strstr(at + 1, "\n.It Ic ");
		while (cmd_arg_next(&spec, &a) == 1) {
			const char *hit;

			if (!a.option)
				continue;
			(void)snprintf(option, sizeof(option), "Fl -%s",
			    a.word + 2);
			hit = strstr(at, option);
			if (hit == NULL || (end != NULL && hit > end))
				fail_msg("muster.1:%s lacks %s", line, option);
		}
	}
	free(man);
}

static void
words_become_parameters(void **state)
{
	(void)state;
	gives("status", CMD_STATUS, "{}");
	gives("agent on node-b --for 1h30m --epoch 42 --reason 'disk swap'",
	    CMD_AGENT_ON, "{\"agent\":\"node-b\",\"epoch\":42,\"for\":5400,"
	    "\"reason\":\"disk swap\"}");
	gives("agent on", CMD_AGENT_ON, "{}");
	gives("agent on --for=250ms", CMD_AGENT_ON, "{\"for\":0.25}");
	gives("agent on x --until 2026-11-21T23:00:00+01:00", CMD_AGENT_ON,
	    "{\"agent\":\"x\",\"until\":\"2026-11-21T22:00:00.000Z\"}");
	gives("agent off --vacant node-b", CMD_AGENT_OFF,
	    "{\"agent\":\"node-b\",\"vacant\":true}");
	gives("setting set lease=4s control=manual", CMD_SETTING_SET,
	    "{\"values\":{\"control\":\"manual\",\"lease\":\"4s\"}}");
	gives("agent set a labels=tape,big note=a=b", CMD_AGENT_SET,
	    "{\"agent\":\"a\",\"values\":{\"labels\":\"tape,big\","
	    "\"note\":\"a=b\"}}");
	gives("job run nightly -p LEVEL=9 --param X= -pY=1 --wait", CMD_JOB_RUN,
	    "{\"job\":\"nightly\",\"param\":{\"LEVEL\":\"9\",\"X\":\"\","
	    "\"Y\":\"1\"},\"wait\":true}");
	gives("run log 42 -f", CMD_RUN_LOG, "{\"follow\":true,\"run\":\"42\"}");
	gives("run list --job n --state failed --since 1h --limit 5",
	    CMD_RUN_LIST, "{\"job\":\"n\",\"limit\":5,\"since\":3600,"
	    "\"state\":\"failed\"}");
	gives("join request [::1]:7422 --as worker --message 'salut ü'",
	    CMD_JOIN_REQUEST, "{\"as\":\"worker\",\"host\":\"[::1]:7422\","
	    "\"message\":\"salut ü\"}");
	gives("join complete broker.example -", CMD_JOIN_COMPLETE,
	    "{\"host\":\"broker.example\",\"token\":\"-\"}");
	gives("condition check -- '-1 < cpu'", CMD_CONDITION_CHECK,
	    "{\"text\":\"-1 < cpu\"}");
	gives("whatif cpu node-b=95", CMD_WHATIF,
	    "{\"event\":[\"cpu\",\"node-b=95\"]}");
	gives("apply - --dry-run", CMD_APPLY,
	    "{\"dry_run\":true,\"file\":\"-\"}");
	gives("backup /var/backups/m", CMD_BACKUP,
	    "{\"path\":\"/var/backups/m\"}");
}

static void
json_and_yes_are_for_the_front_end(void **state)
{
	struct cmd_call call;
	struct err e;

	(void)state;
	assert_int_equal(parse("--json agent remove x --yes", &call, &e), 0);
	assert_true(call.json && call.yes);
	assert_int_equal(json_object_size(call.params), 1);
	cmd_call_clear(&call);
	refused("agent list --yes", "no option \"--yes\"");
}

static void
usage_errors_name_the_word_and_the_nearest(void **state)
{
	(void)state;
	refused("agnet list", "did you mean agent?");
	refused("agent lst", "did you mean agent list?");
	refused("agent", "one of list, show, on");
	refused("agent frobnicate", "one of list");
	refused("xyzzyxyzzy", "muster help");
	refused("agent off --vacnt", "did you mean --vacant?");
	refused("agent off a b", "one word too many: \"b\"");
	refused("agent show", "AGENT is missing");
	refused("agent show ../x", "\"../x\": must be 1 to 63");
	refused("agent on a --for", "--for: a value is missing");
	refused("agent on a --for 5", "--for: must be a duration");
	refused("agent on a --for 5m --until 2030-01-01T00:00:00Z", "give one");
	refused("agent on a --for 5m --for 6m", "--for: given twice");
	refused("agent on a --epoch -1", "--epoch: must be a whole number");
	refused("agent off --vacant=yes", "takes no value");
	refused("run list --state broken", "must be one of waiting|queued");
	refused("setting set lease", "expected NAME=VALUE");
	refused("setting set a=1 a=2", "a: given twice");
	refused("join request a:0", "port: must be");
	refused("join request ''", "HOST[:PORT]");
	refused("agent show a --json=x", "takes no value");
	refused("run show \"\xff\"", "must be 1 to 63");
	refused("condition check \"\xff\"", "UTF-8");
	refused("", "no command");
}

/* `agent remove x --help` must never remove x. */
static void
help_never_acts(void **state)
{
	struct cmd_call call;
	struct err e;

	(void)state;
	for (size_t i = 0; i < CMD_COUNT; i++) {
		char line[128];

		(void)snprintf(line, sizeof(line), "%s %s a=b --yes --help",
		    cmds[i].noun, cmds[i].verb);
		assert_int_equal(parse(line, &call, &e), 0);
		assert_true(call.help);
		assert_ptr_equal(call.cmd, &cmds[i]);
		assert_null(call.params);
		cmd_call_clear(&call);
	}
	assert_int_equal(parse("help", &call, &e), 0);
	assert_true(call.help && call.noun == NULL);
	assert_int_equal(parse("agent --help", &call, &e), 0);
	assert_string_equal(call.noun, "agent");
	assert_int_equal(parse("help agent off", &call, &e), 0);
	assert_ptr_equal(call.cmd, &cmds[CMD_AGENT_OFF]);
	refused("help agnet", "did you mean agent?");
}

static void
help_says_how_to_type_it(void **state)
{
	struct buf b = BUF_INIT(1 << 16);

	(void)state;
	cmd_usage(&b, &cmds[CMD_AGENT_ON]);
	assert_string_equal(b.p, "agent on [AGENT] [--for D] [--until T] "
	    "[--epoch N] [--reason TEXT]");
	buf_clear(&b);
	cmd_usage(&b, &cmds[CMD_JOIN_COMPLETE]);
	assert_string_equal(b.p, "join complete HOST[:PORT] [TOKEN|-] "
	    "[--as agent|worker] [--name NAME] [--reason TEXT]");
	buf_clear(&b);
	cmd_usage(&b, &cmds[CMD_SETTING_SET]);
	assert_string_equal(b.p,
	    "setting set NAME=VALUE… [--reason TEXT]");
	buf_clear(&b);
	cmd_help(&b, NULL, NULL);
	for (size_t i = 0; i < CMD_COUNT; i++)
		assert_non_null(strstr(b.p, cmds[i].help));
	buf_clear(&b);
	cmd_help(&b, NULL, &cmds[CMD_AGENT_REMOVE]);
	assert_non_null(strstr(b.p, "maintain_cluster"));
	assert_non_null(strstr(b.p, "--yes"));
	buf_free(&b);
}

static void
the_question_names_the_target(void **state)
{
	json_t *p = json_pack("{s:s}", "agent", "node-\x1b[2J");
	struct buf b = BUF_INIT(1 << 10);

	(void)state;
	cmd_question(&b, &cmds[CMD_AGENT_REMOVE], p);
	assert_string_equal(b.p, "Remove agent node-^[[2J from the cluster?");
	json_decref(p);
	buf_free(&b);
}

static int
checks(enum cmd_id id, const char *json, struct err *e)
{
	json_t *p = json_loads(json, JSON_DECODE_ANY, NULL);
	int rc;

	assert_non_null(p);
	rc = cmd_check(&cmds[id], p, e);
	json_decref(p);
	return rc;
}

/* A handler may trust the types of what passed this. */
static void
parameters_of_a_foreign_client_are_checked(void **state)
{
	static const struct {
		enum cmd_id id;
		const char *json, *why;		/* NULL: fine */
	} c[] = {
		{ CMD_AGENT_ON, "{}", NULL },
		{ CMD_AGENT_ON, "{\"agent\":null,\"new\":1}", NULL },
		{ CMD_AGENT_ON, "{\"agent\":1}", "agent: must be a string" },
		{ CMD_AGENT_ON, "{\"agent\":\"a b\"}", "must be 1 to 63" },
		{ CMD_AGENT_ON, "{\"for\":\"5m\"}", "number of seconds" },
		{ CMD_AGENT_ON, "{\"for\":-1}", "number of seconds" },
		{ CMD_AGENT_ON, "{\"for\":1e300}", "number of seconds" },
		{ CMD_AGENT_ON, "{\"until\":\"soon\"}", "RFC 3339" },
		{ CMD_AGENT_ON, "{\"epoch\":1.5}", "whole number" },
		{ CMD_AGENT_ON, "{\"reason\":7}", "reason: must be a string" },
		{ CMD_AGENT_ON, "[]", "must be an object" },
		{ CMD_AGENT_OFF, "{\"vacant\":1}", "true or false" },
		{ CMD_AGENT_SHOW, "{}", "agent is missing" },
		{ CMD_SETTING_SET, "{\"values\":{}}", "must not be empty" },
		{ CMD_SETTING_SET, "{\"values\":[\"a\"]}", "an object" },
		{ CMD_SETTING_SET, "{\"values\":{\"a\":1}}", "a string" },
		{ CMD_WHATIF, "{\"event\":[\"kill\",2]}", "a string" },
		{ CMD_WHATIF, "{\"event\":[\"kill\",\"b\"]}", NULL },
		{ CMD_JOIN_COMPLETE, "{\"host\":\"b\"}", "token is missing" },
		{ CMD_JOIN_REQUEST, "{\"host\":\"b\",\"as\":\"king\"}",
		    "agent|worker" },
		{ CMD_APPLY, "{\"file\":\"x\"}", "text" },
		{ CMD_APPLY, "{\"file\":\"x\",\"text\":\"\"}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct err e = { 0 };
		int rc = checks(c[i].id, c[i].json, &e);

		if (rc != (c[i].why == NULL ? 0 : -1) ||
		    (c[i].why != NULL && strstr(e.msg, c[i].why) == NULL))
			fail_msg("%s: %d \"%s\"", c[i].json, rc, e.msg);
	}
	assert_int_equal(cmd_check(&cmds[CMD_STATUS], NULL, NULL), 0);
}

static void
durations_reach_the_daemon_in_seconds(void **state)
{
	json_t *p = json_pack("{s:f,s:i,s:s}", "a", 0.25, "b", 90, "c", "x");

	(void)state;
	assert_int_equal(cmd_ms(p, "a", -1), 250);
	assert_int_equal(cmd_ms(p, "b", -1), 90000);
	assert_int_equal(cmd_ms(p, "c", -1), -1);
	assert_int_equal(cmd_ms(p, "d", 7), 7);
	assert_int_equal(cmd_ms(NULL, "d", 7), 7);
	json_decref(p);
}

static void
completes(const char *line, const char *want)
{
	struct buf b = BUF_INIT(1 << 16);
	char **w;
	int n = text_words(line, &w, NULL);

	cmd_complete(&b, n, w);
	assert_string_equal(b.p, want);
	text_words_free(w, n);
	buf_free(&b);
}

static void
completion_follows_the_table(void **state)
{
	(void)state;
	completes("ag", "agent\n");
	completes("agent dr", "drain\n");
	completes("join request h --as ''", "agent\nworker\n");
	completes("join request h --as w", "worker\n");
	completes("agent off node-b --v", "--vacant\n");
	completes("agent off nod", "");
	completes("apply f --dr", "--dry-run\n");
	completes("nonsense x", "");
}

static void
privileges_have_names(void **state)
{
	enum priv p;

	(void)state;
	for (unsigned i = 0; i < PRIV_COUNT; i++) {
		assert_int_equal(cmd_priv_of(cmd_priv_word((enum priv)i), &p),
		    0);
		assert_int_equal(p, i);
	}
	assert_int_equal(cmd_priv_of("root", &p), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(a_noun_has_verbs_or_stands_alone),
		cmocka_unit_test(the_contract_of_asking_and_scope),
		cmocka_unit_test(every_row_is_in_the_manual),
		cmocka_unit_test(words_become_parameters),
		cmocka_unit_test(json_and_yes_are_for_the_front_end),
		cmocka_unit_test(usage_errors_name_the_word_and_the_nearest),
		cmocka_unit_test(help_never_acts),
		cmocka_unit_test(help_says_how_to_type_it),
		cmocka_unit_test(the_question_names_the_target),
		cmocka_unit_test(parameters_of_a_foreign_client_are_checked),
		cmocka_unit_test(durations_reach_the_daemon_in_seconds),
		cmocka_unit_test(completion_follows_the_table),
		cmocka_unit_test(privileges_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
