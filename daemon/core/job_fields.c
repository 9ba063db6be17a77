#include "core/job_fields.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "text.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TABLE(a) .sub = a, .nsub = LEN(a)

enum { S = 1000, M = 60 * S, H = 60 * M };
#define YEAR (366 * 24 * (int64_t)H)

static const char *const overlap_words[] = { "queue", "skip", "allow",
	"replace", NULL };
static const char *const misfire_words[] = { "once", "skip", "all", NULL };
static const char *const distribution_words[] = { "local", "one", "instances",
	"all", "selected", NULL };
static const char *const outcome_words[] = { "succeeded", "failed", "killed",
	"timed_out", "aborted", "lost", "refused", NULL };
static const char *const selection_words[] = { "", "round_robin", "first",
	"random", "best_health", NULL };
static const char *const event_words[] = { "created", "changed", NULL };
static const char *const run_on_words[] = { "broker_or_agents", "broker_only",
	"agents_only", NULL };

static int
rule_environment(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	size_t n = strcspn(s, "=");

	(void)checks;
	if (s[n] != '=' || n == 0 || isdigit((unsigned char)*s))
		return err_set(e, ERR_USAGE,
		    "%s: must be NAME=VALUE, not \"%.60s\"", what, s);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return err_set(e, ERR_USAGE, "%s: the name before = "
			    "must be of A-Z a-z 0-9 _, not \"%.*s\"", what,
			    n > 60 ? 60 : (int)n, s);
	if (strncmp(s, "MUSTER_", 7) == 0)
		return err_set(e, ERR_USAGE,
		    "%s: names beginning with MUSTER_ are muster's own", what);
	return 0;
}

static int
rule_cron(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	struct err why = { 0 };

	if (checks == NULL || checks->cron == NULL || checks->cron(s, &why))
		return 0;
	return err_set(e, ERR_USAGE, "%s: %s", what, why.msg);
}

static int
rule_time(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	char utc[40];
	size_t n = strlen(s);
	wall w;

	(void)checks;
	if (clock_parse(s, &w, NULL) == 0)
		return 0;
	/* Without an offset it is a time of the job's zone; seconds may be
	 * left out. */
	(void)snprintf(utc, sizeof(utc), "%.19s%s", s, n == 16 ? ":00Z" : "Z");
	if ((n == 16 || n == 19) && clock_parse(utc, &w, NULL) == 0)
		return 0;
	return err_set(e, ERR_USAGE, "%s: must be a time as "
	    "2026-11-21T23:22:58Z, or 2026-11-21T23:22 of the job's zone, "
	    "not \"%.60s\"", what, s);
}

static int
rule_date(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int y = 0, m = 0, d = 0, n = 0;

	(void)checks;
	if (strlen(s) != 10 || strspn(s, "0123456789-") != 10 ||
	    sscanf(s, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || n != 10 ||
	    m < 1 || m > 12 || d < 1 || d > days[m - 1] || (m == 2 && d == 29 &&
	    (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0))))
		return err_set(e, ERR_USAGE,
		    "%s: must be a day as 2026-12-25, not \"%.60s\"", what, s);
	return 0;
}

static int
rule_notify(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	(void)checks;
	if (strncmp(s, "mail:", 5) != 0 && strncmp(s, "command:", 8) != 0 &&
	    strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0)
		return err_set(e, ERR_USAGE, "%s: must begin with mail:, "
		    "command:, http:// or https://, not \"%.60s\"", what, s);
	return 0;
}

static int
rule_set(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	const char *eq = strchr(s, '=');

	(void)checks;
	if (eq == NULL || eq == s || eq[1] == '\0')
		return err_set(e, ERR_USAGE, "%s: must be NAME=VALUE, as "
		    "queue.heavy.max_parallel=0, not \"%.60s\"", what, s);
	return 0;
}

#define TEXT(type, member, most) .name = #member, .kind = FIELD_TEXT, \
	.off = offsetof(type, member), .min = 1, .max = most
#define NAME(type, member) TEXT(type, member, 63), .rule = field_rule_name
#define NAMES(type, member, most) .name = #member, .kind = FIELD_STRS, \
	.off = offsetof(type, member), .max = most, .rule = field_rule_name
#define DUR(type, member, lo, hi, preset) .name = #member, \
	.kind = FIELD_DUR, .off = offsetof(type, member), .min = lo, \
	.max = hi, .def = preset
#define INT(type, member, lo, hi, preset) .name = #member, \
	.kind = FIELD_INT, .off = offsetof(type, member), .min = lo, \
	.max = hi, .def = preset
#define WORD(type, member, list, preset) .name = #member, \
	.kind = FIELD_WORD, .off = offsetof(type, member), .words = list, \
	.def = preset
#define BOOL(type, member, preset) .name = #member, .kind = FIELD_BOOL, \
	.off = offsetof(type, member), .def = preset

#define T struct job_trigger
static const struct field trigger_fields[] = {
	{ DUR(T, every, 0, YEAR, 0),
	    .help = "at whole multiples of this since 1970 (UTC)" },
	{ TEXT(T, cron, 256), .rule = rule_cron,
	    .help = "5 or 6 fields of cron" },
	{ TEXT(T, at, 40), .rule = rule_time, .help = "once, at this time" },
	{ TEXT(T, file, 1024), .rule = field_rule_path,
	    .help = "a file, or a pattern of files" },
	{ NAME(T, after), .help = "when this job has run" },
	{ DUR(T, stable, 0, 24 * (int64_t)H, 0),
	    .help = "file: unchanged for so long" },
	{ WORD(T, event, event_words, JOB_FILE_CREATED),
	    .help = "file: without stable, what happens to it" },
	{ .name = "on", .kind = FIELD_BITS, .off = offsetof(T, on),
	    .words = outcome_words, .def = 1 << JOB_SUCCEEDED,
	    .help = "after: with one of these outcomes" },
};

static int
check_trigger(void *p, const struct checks *checks, const char **name,
    struct err *e)
{
	T *t = p;
	int n = (t->every > 0) + (t->cron != NULL) + (t->at != NULL) +
	    (t->file != NULL) + (t->after != NULL);

	(void)checks;
	if (n != 1)
		return err_set(e, ERR_USAGE,
		    "must have exactly one of every, cron, at, file, after");
	t->kind = t->cron != NULL ? JOB_CRON : t->at != NULL ? JOB_AT :
	    t->file != NULL ? JOB_FILE : t->after != NULL ? JOB_AFTER :
							    JOB_EVERY;
	*name = "every";
	if (t->every > 0 && t->every < S)
		return err_set(e, ERR_USAGE, "must be at least 1s");
	*name = "stable";
	if (t->kind != JOB_FILE && t->stable > 0)
		return err_set(e, ERR_USAGE, "belongs to a file trigger");
	*name = "event";
	if (t->kind != JOB_FILE && t->event != JOB_FILE_CREATED)
		return err_set(e, ERR_USAGE, "belongs to a file trigger");
	*name = "on";
	if (t->kind != JOB_AFTER && t->on != 1u << JOB_SUCCEEDED)
		return err_set(e, ERR_USAGE, "belongs to an after trigger");
	return 0;
}
#undef T

#define J struct job
#define R(member) offsetof(J, retries.member)
static const struct field retry_fields[] = {
	{ .name = "count", .kind = FIELD_INT, .off = R(count), .max = 100,
	    .help = "further attempts" },
	{ .name = "delay", .kind = FIELD_DUR, .off = R(delay), .max = YEAR,
	    .def = 30 * S, .help = "before the first of them" },
	{ .name = "backoff", .kind = FIELD_REAL, .off = R(backoff),
	    .min = 1000, .max = 100000, .def = 1000,
	    .help = "each waits so many times longer than the one before" },
	{ .name = "on", .kind = FIELD_BITS, .off = R(on),
	    .words = outcome_words,
	    .def = 1 << JOB_FAILED | 1 << JOB_KILLED | 1 << JOB_TIMED_OUT,
	    .help = "after which outcomes" },
};

static const struct field job_fields[] = {
	{ NAME(J, name), .need = true, .help = "name of the job" },
	{ .name = "command", .kind = FIELD_STRS, .off = offsetof(J, command),
	    .max = 256, .size = 32768,
	    .help = "program and arguments; no shell" },
	{ TEXT(J, shell, 32768), .help = "or one line for /bin/sh" },
	{ TEXT(J, user, 32), .rule = field_rule_name,
	    .help = "run as; default: the keeper's default user" },
	{ TEXT(J, directory, 1024), .rule = field_rule_path,
	    .help = "working directory" },
	{ .name = "environment", .kind = FIELD_STRS,
	    .off = offsetof(J, environment), .max = 128,
	    .rule = rule_environment, .help = "NAME=VALUE" },
	{ DUR(J, timeout, 0, YEAR, 0),
	    .help = "longest a run may take; 0s: no limit" },
	{ DUR(J, grace, 0, 24 * (int64_t)H, 10 * S),
	    .help = "from TERM to KILL" },
	{ .name = "retries", .kind = FIELD_GROUP, TABLE(retry_fields),
	    .help = "what to do when a run does not succeed" },
	{ WORD(J, overlap, overlap_words, JOB_OVERLAP_QUEUE),
	    .help = "when it is due while it still runs" },
	{ WORD(J, misfire, misfire_words, JOB_MISFIRE_ONCE),
	    .help = "what came due while nobody could fire" },
	{ INT(J, misfire_max, 0, 100000, 0),
	    .help = "misfire all: at most so many, the latest; 0: all" },
	{ DUR(J, misfire_age, 0, YEAR, 0),
	    .help = "older ones are skipped; 0s: however old" },
	{ TEXT(J, zone, 63), .rule = field_rule_zone,
	    .help = "time zone; default: the setting zone" },
	{ INT(J, priority, -1000, 1000, 0), .help = "higher goes first" },
	{ NAMES(J, requires, 64), .help = "labels the agent must have" },
	{ .name = "success_codes", .kind = FIELD_CODES,
	    .off = offsetof(J, success_codes),
	    .help = "exit codes that are success" },
	{ INT(J, output_limit, 1024, 1 << 30, 1 << 20),
	    .help = "bytes of output kept, head and tail" },
	{ NAME(J, queue), .help = "shared queue; default: one of its own" },
	{ WORD(J, distribution, distribution_words, JOB_LOCAL),
	    .help = "where it runs" },
	{ INT(J, instances, 0, 10000, 0),
	    .help = "distribution instances: on so many agents" },
	{ NAMES(J, agents, 1000), .help = "distribution selected: on these; "
	    "else: only on one of these" },
	{ WORD(J, selection, selection_words, SELECTION_CLUSTER),
	    .help = "which agent; default: the setting selection" },
	{ TEXT(J, filter, SETTING_CONDITION_MAX),
	    .rule = field_rule_condition,
	    .help = "a condition the agent must meet" },
	{ WORD(J, on_no_agent, no_agent_words, NO_AGENT_CLUSTER),
	    .help = "when no agent can take it; default: the setting "
	    "on_no_agent" },
	{ DUR(J, wait, 0, YEAR, 0),
	    .help = "on_no_agent wait: for so long; 0s: for ever" },
	{ NAMES(J, on_success, 64), .help = "jobs to run after success" },
	{ NAMES(J, on_failure, 64), .help = "jobs to run after a failure" },
	{ BOOL(J, enabled, 1), .help = "whether its triggers fire" },
	{ NAME(J, owner), .help = "operator it belongs to" },
	{ .name = "triggers", .kind = FIELD_LIST,
	    .off = offsetof(J, triggers), .off_n = offsetof(J, ntriggers),
	    .size = sizeof(struct job_trigger), .max = 64,
	    TABLE(trigger_fields), .check = check_trigger,
	    .help = "when it runs by itself" },
	{ NAMES(J, exclude, 16), .help = "calendars: not on these days" },
	{ NAMES(J, include, 16), .help = "calendars: only on these days" },
};

static int
check_job(void *p, const struct checks *checks, const char **name,
    struct err *e)
{
	const J *j = p;

	(void)checks;
	*name = "command";
	if (j->command.n == 0 && j->shell == NULL)
		return err_set(e, ERR_USAGE, "command or shell must be given");
	if (j->command.n > 0 && j->shell != NULL)
		return err_set(e, ERR_USAGE, "must not be given beside shell");
	if (j->command.n > 0 && j->command.v[0][0] == '\0')
		return err_set(e, ERR_USAGE, "the program must not be empty");
	*name = "distribution";
	if (j->distribution == JOB_INSTANCES && j->instances == 0)
		return err_set(e, ERR_USAGE,
		    "\"instances\" needs instances = N");
	if (j->distribution == JOB_SELECTED && j->agents.n == 0)
		return err_set(e, ERR_USAGE,
		    "\"selected\" needs agents = [ … ]");
	*name = "instances";
	if (j->distribution != JOB_INSTANCES && j->instances > 0)
		return err_set(e, ERR_USAGE,
		    "belongs to distribution = \"instances\"");
	*name = "misfire_max";
	if (j->misfire != JOB_MISFIRE_ALL && j->misfire_max > 0)
		return err_set(e, ERR_USAGE, "belongs to misfire = \"all\"");
	*name = "wait";
	if (j->wait > 0 && j->on_no_agent != NO_AGENT_WAIT &&
	    j->on_no_agent != NO_AGENT_CLUSTER)
		return err_set(e, ERR_USAGE,
		    "belongs to on_no_agent = \"wait\"");
	*name = "retries";
	if ((j->retries.on & 1u << JOB_SUCCEEDED) != 0)
		return err_set(e, ERR_USAGE,
		    "on: a run that succeeded is not tried again");
	return 0;
}
#undef J

#define R2 struct queue_rule
static const struct field rule_fields[] = {
	{ WORD(R2, run_on, run_on_words, QUEUE_BROKER_OR_AGENTS),
	    .help = "its members" },
	{ INT(R2, max_parallel, 0, 10000, 1),
	    .help = "runs at a time and member; 0: none" },
	{ DUR(R2, min_gap, 0, YEAR, 0), .help = "a slot rests after a run" },
	{ INT(R2, needs_agents, 0, 10000, 0),
	    .help = "active when so many agents are there" },
};
#undef R2

static const struct field queue_fields[] = {
	{ NAME(struct queue_def, name), .need = true,
	    .help = "name of the queue" },
	{ .name = "rules", .kind = FIELD_LIST, .need = true,
	    .off = offsetof(struct queue_def, rules),
	    .off_n = offsetof(struct queue_def, nrules),
	    .size = sizeof(struct queue_rule), .min = 1, .max = 16,
	    TABLE(rule_fields),
	    .help = "the first whose members are there is active" },
};

static const struct field calendar_fields[] = {
	{ NAME(struct calendar_def, name), .need = true,
	    .help = "name of the calendar" },
	{ .name = "dates", .kind = FIELD_STRS, .need = true,
	    .off = offsetof(struct calendar_def, dates), .max = 4000,
	    .rule = rule_date, .help = "days, as 2026-12-25" },
};

#define A struct flow_action
static const struct field action_fields[] = {
	{ NAME(A, run), .help = "run this job" },
	{ TEXT(A, notify, 1024), .rule = rule_notify,
	    .help = "mail:ADDRESS, command:LINE or a URL" },
	{ TEXT(A, set, 256), .rule = rule_set,
	    .help = "set NAME=VALUE" },
	{ NAME(A, on), .help = "turn this agent on" },
	{ NAME(A, off), .help = "turn this agent off" },
	{ NAME(A, drain), .help = "drain this agent" },
	{ BOOL(A, restore, 0), .help = "set: put it back after the match" },
};

static int
check_action(void *p, const struct checks *checks, const char **name,
    struct err *e)
{
	A *a = p;
	const char *const set[] = { a->run, a->notify, a->set, a->on, a->off,
		a->drain };
	int n = 0;

	(void)checks;
	(void)name;
	for (int i = 0; i < (int)LEN(set); i++)
		if (set[i] != NULL) {
			a->verb = (enum flow_verb)i;
			n++;
		}
	if (n != 1)
		return err_set(e, ERR_USAGE, "each action must have exactly "
		    "one of run, notify, set, on, off, drain");
	if (a->restore && a->verb != FLOW_SET)
		return err_set(e, ERR_USAGE, "restore belongs to set");
	return 0;
}
#undef A

static const struct field flow_fields[] = {
	{ NAME(struct flow_def, name), .need = true,
	    .help = "name of the flow" },
	{ TEXT(struct flow_def, when, SETTING_CONDITION_MAX), .need = true,
	    .rule = field_rule_condition, .help = "a condition" },
	{ BOOL(struct flow_def, enabled, 1),
	    .help = "whether it is looked at" },
	{ .name = "do", .kind = FIELD_LIST, .need = true,
	    .off = offsetof(struct flow_def, actions),
	    .off_n = offsetof(struct flow_def, nactions),
	    .size = sizeof(struct flow_action), .min = 1, .max = 16,
	    TABLE(action_fields), .check = check_action,
	    .help = "what is done once a match" },
};

#define LIST(word, member, type, table) .name = #member, \
	.kind = FIELD_LIST, .noun = word, \
	.off = offsetof(struct catalogue, member), \
	.off_n = offsetof(struct catalogue, n##member), \
	.size = sizeof(type), TABLE(table)
const struct field catalogue_lists[CATALOGUE_NKINDS] = {
	[CATALOGUE_JOB] = { LIST("job", jobs, struct job, job_fields),
	    .max = CATALOGUE_JOBS_MAX, .check = check_job },
	[CATALOGUE_QUEUE] = { LIST("queue", queues, struct queue_def,
	    queue_fields), .max = 1000 },
	[CATALOGUE_CALENDAR] = { LIST("calendar", calendars,
	    struct calendar_def, calendar_fields), .max = 1000 },
	[CATALOGUE_FLOW] = { LIST("flow", flows, struct flow_def,
	    flow_fields), .max = 1000 },
};

const char *
catalogue_kind_word(enum catalogue_kind k)
{
	return catalogue_lists[k].noun;
}

const char *
job_overlap_word(enum job_overlap o)
{
	return overlap_words[o];
}

const char *
job_misfire_word(enum job_misfire m)
{
	return misfire_words[m];
}

const char *
job_distribution_word(enum job_distribution d)
{
	return distribution_words[d];
}

const char *
job_outcome_word(enum job_outcome o)
{
	return outcome_words[o];
}
