/* What a user would lose: a job that is not what the file says, an export that
 * does not come back, a mistake that no line number finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalogue_text.h"
#include "buf.h"
#include "core/job_fields.h"

static bool
cron_ok(const char *text, struct err *e)
{
	if (strcmp(text, "61 * * * *") != 0)
		return true;
	(void)err_set(e, ERR_USAGE, "column 1: expected a minute 0..59");
	return false;
}

static bool
zone_ok(const char *text, struct err *e)
{
	if (strcmp(text, "Mars/Olympus") != 0)
		return true;
	(void)err_set(e, ERR_USAGE, "no such zone \"%s\"", text);
	return false;
}

static bool
known(enum catalogue_kind kind, const char *name, void *arg)
{
	(void)arg;
	return kind == CATALOGUE_JOB && strcmp(name, "elsewhere") == 0;
}

static const struct catalogue_context ctx = {
	.checks = { .cron = cron_ok, .zone = zone_ok }, .exists = known };

static const char full[] =
    "jobs = (\n"
    "  { name = \"plain\"; command = [ \"/bin/true\" ]; },\n"
    "  { name = \"every\"; command = [ \"/bin/echo\", "
    "\"a \\\"b\\\" \\\\c\" ];\n"
    "    triggers = ( { every = \"90s\"; },\n"
    "                 { at = \"2027-01-01T00:00:00Z\"; },\n"
    "                 { at = \"2027-01-01T09:30\"; },\n"
    "                 { after = \"plain\"; on = [ \"failed\", \"lost\" ]; },\n"
    "                 { file = \"/srv/in/*.csv\"; event = \"changed\"; }\n"
    "    ); },\n"
    "  { name = \"full\"; shell = \"cd /srv\\nls | wc -l\";\n"
    "    user = \"backup\"; directory = \"/srv\";\n"
    "    environment = [ \"LEVEL=9\", \"EMPTY=\" ]; timeout = \"1h\";\n"
    "    grace = \"1m\"; retries = { count = 2; delay = \"45s\";\n"
    "    backoff = 1.1; on = [ \"failed\", \"lost\" ]; };\n"
    "    overlap = \"replace\"; misfire = \"all\"; misfire_max = 3;\n"
    "    misfire_age = \"12h\"; zone = \"Europe/Berlin\"; priority = -5;\n"
    "    requires = [ \"tape\" ]; success_codes = [ 0, 3, 255 ];\n"
    "    output_limit = 65536; queue = \"heavy\";\n"
    "    distribution = \"instances\"; instances = 2; agents = [ \"a\" ];\n"
    "    selection = \"random\"; filter = \"cpu < 50\";\n"
    "    on_no_agent = \"wait\"; wait = \"30m\"; on_success = [ \"plain\" ];\n"
    "    on_failure = [ \"elsewhere\" ]; enabled = false; owner = \"anna\";\n"
    "    triggers = ( { cron = \"15 2 * * mon-fri\"; } );\n"
    "    exclude = [ \"holidays\" ]; include = [ \"workdays\" ]; }\n"
    ");\n"
    "queues = ( { name = \"heavy\"; rules = (\n"
    "  { run_on = \"agents_only\"; min_gap = \"10s\"; needs_agents = 1; },\n"
    "  { max_parallel = 4; } ); } );\n"
    "calendars = ( { name = \"holidays\"; dates = [ \"2026-12-25\",\n"
    "  \"2028-02-29\" ]; }, { name = \"workdays\"; dates = [ ]; } );\n"
    "flows = ( { name = \"hot\"; when = \"cpu > 90\"; do = (\n"
    "  { notify = \"mail:ops@example.org\"; },\n"
    "  { set = \"queue.heavy.max_parallel=0\"; restore = true; },\n"
    "  { run = \"plain\"; }, { drain = \"a\"; } ); } );\n";

static void
parse(const char *text, struct catalogue *c, struct catalogue_warnings *w)
{
	struct err e = { 0 };

	if (catalogue_parse(text, "catalogue.conf", &ctx, c, w, &e) == -1)
		fail_msg("%s\n%s", e.msg, text);
}

static void
test_every_field(void **state)
{
	struct catalogue_warnings w;
	struct catalogue c;
	const struct job *j;
	char *text;

	(void)state;
	parse(full, &c, &w);
	assert_int_equal(c.njobs, 3);
	j = &c.jobs[2];
	assert_string_equal(j->shell, "cd /srv\nls | wc -l");
	assert_string_equal(j->user, "backup");
	assert_int_equal(j->timeout, 3600000);
	assert_int_equal(j->grace, 60000);
	assert_int_equal(j->retries.count, 2);
	assert_true(j->retries.backoff == 1.1);
	assert_int_equal(j->retries.on, 1 << JOB_FAILED | 1 << JOB_LOST);
	assert_int_equal(j->overlap, JOB_OVERLAP_REPLACE);
	assert_int_equal(j->misfire, JOB_MISFIRE_ALL);
	assert_int_equal(j->priority, -5);
	assert_true(job_success(j, 3));
	assert_false(job_success(j, 4));
	assert_false(job_success(j, -1));
	assert_int_equal(j->distribution, JOB_INSTANCES);
	assert_int_equal(j->selection, SELECTION_RANDOM);
	assert_int_equal(j->on_no_agent, NO_AGENT_WAIT);
	assert_false(j->enabled);
	assert_int_equal(j->triggers[0].kind, JOB_CRON);
	j = &c.jobs[1];
	assert_string_equal(j->command.v[1], "a \"b\" \\c");
	assert_int_equal(j->triggers[0].every, 90000);
	assert_int_equal(j->triggers[3].kind, JOB_AFTER);
	text = job_trigger_text(&j->triggers[3]);
	assert_string_equal(text, "after plain on failed,lost");
	free(text);
	text = job_trigger_text(&j->triggers[0]);
	assert_string_equal(text, "every 1m30s");
	free(text);
	assert_int_equal(c.queues[0].rules[0].min_gap, 10000);
	assert_int_equal(c.queues[0].rules[0].max_parallel, 1);
	assert_int_equal(c.queues[0].rules[1].run_on, QUEUE_BROKER_OR_AGENTS);
	assert_true(calendar_has(&c.calendars[0], 2026, 12, 25));
	assert_false(calendar_has(&c.calendars[0], 2026, 12, 24));
	assert_int_equal(c.flows[0].actions[1].verb, FLOW_SET);
	assert_true(c.flows[0].actions[1].restore);
	/* What is kept but not acted on is said, with its line. */
	assert_int_equal(w.n, 1);
	assert_int_equal(w.v[0].line, 31);
	assert_non_null(strstr(w.v[0].text, "flow \"hot\""));
	catalogue_warnings_clear(&w);
	catalogue_clear(&c);
}

static void
test_defaults(void **state)
{
	struct catalogue_warnings w;
	struct catalogue c;
	const struct job *j;

	(void)state;
	parse(full, &c, &w);
	j = &c.jobs[0];
	assert_int_equal(j->timeout, 0);
	assert_int_equal(j->grace, 10000);
	assert_int_equal(j->retries.count, 0);
	assert_int_equal(j->overlap, JOB_OVERLAP_QUEUE);
	assert_int_equal(j->misfire, JOB_MISFIRE_ONCE);
	assert_null(j->zone);
	assert_true(job_success(j, 0));
	assert_false(job_success(j, 1));
	assert_int_equal(j->output_limit, 1 << 20);
	assert_null(j->queue);
	assert_int_equal(j->distribution, JOB_LOCAL);
	assert_int_equal(j->selection, SELECTION_CLUSTER);
	assert_int_equal(j->on_no_agent, NO_AGENT_CLUSTER);
	assert_true(j->enabled);
	catalogue_warnings_clear(&w);
	catalogue_clear(&c);
}

static void
test_export_round_trip(void **state)
{
	struct catalogue_warnings w;
	struct catalogue a, b;
	char *text, *again;
	json_t *ja, *jb;

	(void)state;
	parse(full, &a, &w);
	catalogue_warnings_clear(&w);
	text = catalogue_export(&a);
	parse(text, &b, &w);
	catalogue_warnings_clear(&w);
	ja = catalogue_json(&a);
	jb = catalogue_json(&b);
	assert_true(json_equal(ja, jb));
	again = catalogue_export(&b);
	assert_string_equal(text, again);
	json_decref(ja);
	json_decref(jb);
	free(text);
	free(again);
	catalogue_clear(&a);
	catalogue_clear(&b);
}

static void
test_json_round_trip(void **state)
{
	struct catalogue_warnings w;
	struct err e = { 0 };
	struct catalogue c;

	(void)state;
	parse(full, &c, &w);
	catalogue_warnings_clear(&w);
	for (size_t i = 0; i < c.njobs; i++) {
		json_t *doc = job_json(&c.jobs[i]);
		char *wire = json_dumps(doc, JSON_COMPACT);
		json_t *read = json_loads(wire, 0, NULL);
		struct job back;

		if (job_of_json(read, &ctx.checks, &back, &e) == -1)
			fail_msg("%s", e.msg);
		assert_true(job_equal(&c.jobs[i], &back));
		assert_int_equal(back.ntriggers, c.jobs[i].ntriggers);
		for (size_t k = 0; k < back.ntriggers; k++)
			assert_int_equal(back.triggers[k].kind,
			    c.jobs[i].triggers[k].kind);
		back.timeout++;
		assert_false(job_equal(&c.jobs[i], &back));
		job_clear(&back);
		free(wire);
		json_decref(doc);
		json_decref(read);
	}
	catalogue_clear(&c);
}

/* SPEC section 8: durations are seconds in JSON; a file must name the unit. */
static void
test_durations(void **state)
{
	json_t *doc = json_pack("{s:s, s:s, s:f, s:i, s:s}", "name", "a",
	    "shell", "x", "timeout", 0.25, "grace", 7, "wait", "1h30m");
	struct err e = { 0 };
	struct job j;

	(void)state;
	assert_int_equal(job_of_json(doc, NULL, &j, &e), 0);
	assert_int_equal(j.timeout, 250);
	assert_int_equal(j.grace, 7000);
	assert_int_equal(j.wait, 5400000);
	job_clear(&j);
	(void)json_object_set_new(doc, "timeout", json_integer(-1));
	assert_int_equal(job_of_json(doc, NULL, &j, &e), -1);
	assert_string_equal(e.msg, "job \"a\": timeout: must be a duration "
	    "0s..366d, not -1 seconds");
	json_decref(doc);
}

static void
refuses(const char *text, const char *message)
{
	struct catalogue_warnings w;
	struct catalogue c;
	struct err e = { 0 };

	if (catalogue_parse(text, "catalogue.conf", &ctx, &c, &w, &e) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(e.msg, message);
	assert_int_equal(c.njobs, 0);
	assert_null(c.jobs);
	assert_int_equal(w.n, 0);
}

#define JOB(rest) "jobs = ( { name = \"nightly\"; shell = \"x\";\n" rest " } );"
#define AT2 "catalogue.conf:2: job \"nightly\": "

static void
test_messages(void **state)
{
	(void)state;
	refuses(JOB("timeout = 60;"), AT2 "timeout: must be a duration as "
	    "\"250ms\", \"15s\", \"1h30m\" or \"7d\", not 60");
	refuses(JOB("timeout = \"1x\";"), AT2 "timeout: must be a duration as "
	    "250ms, 15s, 1h30m or 7d, not \"1x\"");
	refuses(JOB("timeot = \"1s\";"), AT2 "unknown name \"timeot\": did you "
	    "mean \"timeout\"?");
	refuses(JOB("retries = { dely = \"1s\"; };"), AT2 "unknown name "
	    "\"retries.dely\": did you mean \"delay\"?");
	refuses(JOB("overlap = \"alow\";"), AT2 "overlap: must be queue, skip, "
	    "allow or replace, not \"alow\": did you mean \"allow\"?");
	refuses(JOB("triggers = ( { cron = \"* * * * *\"; },\n"
	    "{ cron = \"61 * * * *\"; } );"), "catalogue.conf:3: job "
	    "\"nightly\": triggers[2].cron: column 1: expected a minute "
	    "0..59");
	refuses(JOB("triggers = ( { every = \"1s\"; cron = \"@daily\"; } );"),
	    AT2 "triggers[1]: must have exactly one of every, cron, at, file, "
	    "after");
	refuses(JOB("triggers = ( { every = \"10ms\"; } );"), AT2
	    "triggers[1].every: must be at least 1s");
	refuses(JOB("triggers = ( { at = \"tomorrow\"; } );"), AT2
	    "triggers[1].at: must be a time as 2026-11-21T23:22:58Z, or "
	    "2026-11-21T23:22 of the job's zone, not \"tomorrow\"");
	refuses(JOB("zone = \"Mars/Olympus\";"), AT2
	    "zone: no such zone \"Mars/Olympus\"");
	refuses(JOB("command = [ \"x\" ];"), AT2
	    "command: must not be given beside shell");
	refuses("jobs = (\n { name = \"a\"; } );",
	    "catalogue.conf:2: job \"a\": command or shell must be given");
	refuses("jobs = (\n { shell = \"a\"; } );",
	    "catalogue.conf:2: job number 1: name must be given");
	refuses("jobs = (\n { name = \"a b\"; shell = \"x\"; } );",
	    "catalogue.conf:2: job \"a b\": name: must be 1 to 63 of A-Z a-z "
	    "0-9 . _ -, starting with a letter, a digit or _, not \"a b\"");
	refuses(JOB("distribution = \"instances\";"), AT2
	    "distribution: \"instances\" needs instances = N");
	refuses(JOB("environment = [ \"A=1\",\n\"B\" ];"), "catalogue.conf:3: "
	    "job \"nightly\": environment[2]: must be NAME=VALUE, not \"B\"");
	refuses(JOB("environment = [ \"MUSTER_RUN=1\" ];"), AT2
	    "environment[1]: names beginning with MUSTER_ are muster's own");
	refuses(JOB("success_codes = [ 256 ];"), AT2
	    "success_codes: must be a list of exit codes 0..255, not 256");
	refuses("calendars = ( { name = \"c\";\ndates = [ \"2026-02-29\" ]; } "
	    ");", "catalogue.conf:2: calendar \"c\": dates[1]: must be a day "
	    "as 2026-12-25, not \"2026-02-29\"");
	refuses("queues = ( { name = \"q\"; rules = ( ); } );",
	    "catalogue.conf:1: queue \"q\": rules: must not be empty");
	refuses("jbos = ( );", "catalogue.conf:1: unknown name \"jbos\": did "
	    "you mean \"jobs\"?");
	refuses("jobs = (\n;", "catalogue.conf:2: syntax error");
	refuses("@include \"/etc/shadow\"\n", "catalogue.conf:1: @include is "
	    "not taken here: write everything into one file");
}

static void
test_references(void **state)
{
	(void)state;
	refuses(JOB("queue = \"heavy\";"), AT2 "queue: no queue \"heavy\", "
	    "neither here nor at the broker");
	refuses(JOB("on_success = [ \"nigtly\" ];"), AT2 "on_success: no job "
	    "\"nigtly\": did you mean \"nightly\"?");
	refuses(JOB("triggers = ( { after = \"zzz\"; } );"), AT2
	    "triggers[1].after: no job \"zzz\", neither here nor at the "
	    "broker");
	refuses(JOB("exclude = [ \"zzz\" ];"), AT2 "exclude: no calendar "
	    "\"zzz\", neither here nor at the broker");
	refuses("flows = ( { name = \"f\"; when = \"any\"; do = (\n"
	    "{ set = \"queue.q.max_parallel=0\"; } ); } );",
	    "catalogue.conf:2: flow \"f\": do[1]: no queue \"q\", neither "
	    "here nor at the broker");
	refuses("jobs = ( { name = \"a\"; shell = \"x\"; },\n"
	    "{ name = \"b\"; shell = \"x\"; },\n"
	    "{ name = \"a\"; shell = \"y\"; } );", "catalogue.conf:3: job "
	    "\"a\": is there already, in line 1");
}

/* Ten thousand jobs in one file: taken, one more is not, and neither takes
 * long. */
static void
test_many(void **state)
{
	struct buf b = BUF_INIT(4 << 20);
	struct catalogue_warnings w;
	struct catalogue c;

	(void)state;
	buf_puts(&b, "jobs = (");
	for (int i = 0; i < CATALOGUE_JOBS_MAX; i++)
		buf_fmt(&b, "%s{ name = \"j%d\"; shell = \"true\"; queue = "
		    "\"q\"; on_success = [ \"j%d\" ]; }\n", i > 0 ? "," : "",
		    i, i / 2);
	buf_puts(&b, "); queues = ( { name = \"q\"; rules = ( { } ); } );");
	parse(b.p, &c, &w);
	assert_int_equal(c.njobs, CATALOGUE_JOBS_MAX);
	assert_string_equal(c.jobs[9999].on_success.v[0], "j4999");
	catalogue_warnings_clear(&w);
	catalogue_clear(&c);
	buf_clear(&b);
	buf_puts(&b, "jobs = (");
	for (int i = 0; i <= CATALOGUE_JOBS_MAX; i++)
		buf_fmt(&b, "%s{ name = \"j%d\"; shell = \"true\"; }\n",
		    i > 0 ? "," : "", i);
	buf_puts(&b, ");");
	refuses(b.p, "catalogue.conf:1: jobs: must have at most 10000 "
	    "elements, not 10001");
	buf_clear(&b);
	for (int i = 0; i < 70000; i++)
		buf_puts(&b, "# sixteen bytes\n");
	refuses(b.p, "catalogue.conf: must be at most 1024 KiB, not 1094");
	buf_free(&b);
}

static void
documented(const char *manual, const struct field *f, size_t n)
{
	char item[80];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(item, sizeof(item), "It Va %s", f[i].name);
		if (strstr(manual, item) == NULL)
			fail_msg("muster-catalogue.5 has no \".%s\"", item);
		documented(manual, f[i].sub, f[i].nsub);
	}
}

static void
test_manual_names_all(void **state)
{
	static char manual[65536];
	FILE *f = fopen("shared/muster-catalogue.5", "r");

	(void)state;
	if (f == NULL)
		skip();
	manual[fread(manual, 1, sizeof(manual) - 1, f)] = '\0';
	(void)fclose(f);
	documented(manual, catalogue_lists, CATALOGUE_NKINDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_export_round_trip),
		cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_manual_names_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
