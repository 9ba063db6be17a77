#include "core/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/field.h"
#include "mem.h"
#include "text.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) .name = #member, .off = offsetof(struct settings, member)
#define DUR(member, lo, hi, preset, text) { AT(member), .kind = FIELD_DUR, \
	.min = lo, .max = hi, .def = preset, .help = text }
#define BOOL(member, preset, text) { AT(member), .kind = FIELD_BOOL, \
	.def = preset, .help = text }
#define WORD(member, list, preset, text) { AT(member), .kind = FIELD_WORD, \
	.words = list, .def = preset, .help = text }
#define COND(member, preset, hint) { AT(member), .kind = FIELD_CHARS, \
	.min = 1, .max = SETTING_CONDITION_MAX, .text = preset, \
	.rule = field_rule_condition, .help = hint }

enum { S = 1000, M = 60 * S, H = 60 * M, D = 24 * H };

static const char *const control_words[] = { "auto", "advise", "manual",
	NULL };
static const char *const selection_words[] = { "", "round_robin", "first",
	"random", "best_health", NULL };
const char *const no_agent_words[] = { "", "wait", "local", "fail", NULL };
static const char *const loss_words[] = { "suspend", "continue", NULL };

/* Several names, separated by commas or blanks, kept as "a,b". */
static int
rule_agents(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	char name[64];
	size_t n;

	(void)checks;
	for (s += strspn(s, ", "); *s != '\0'; s += strspn(s, ", ")) {
		n = strcspn(s, ", ");
		(void)snprintf(name, sizeof(name), "%.*s",
		    n > 63 ? 63 : (int)n, s);
		if (n > 63 || text_name(name, what, NULL) == -1)
			return err_set(e, ERR_USAGE, "%s: must be names of "
			    "nodes with commas between, not \"%.60s\"", what,
			    s);
		s += n;
	}
	return 0;
}

static const struct field table[] = {
	{ AT(cluster_name), .kind = FIELD_CHARS, .min = 1, .max = 63,
	    .rule = field_rule_name, .help = "name of the cluster" },
	BOOL(control_status, 1, "the broker may turn agents on and off"),
	WORD(control, control_words, CONTROL_AUTO, "who moves the Scheduler "
	    "role: the broker, the broker after a confirmation, operators"),
	DUR(connection_timeout, 100, H, 15 * S,
	    "a Scheduler unheard for so long is replaced"),
	DUR(off_timeout, 100, H, 5 * S,
	    "how long to wait for an OFF to be acknowledged"),
	DUR(grant_timeout, 100, H, 5 * S,
	    "how long to wait for a grant to be acknowledged"),
	DUR(heartbeat, 20, M, 1 * S, "how often the Scheduler is heard"),
	DUR(lease, 40, H, 4 * S,
	    "how long a Scheduler fires without hearing the broker"),
	BOOL(transfer_on_condition, 0,
	    "move the role when the switch condition is met"),
	COND(switch_condition, "health = very_bad for 5m",
	    "met: this node should not be the Scheduler"),
	DUR(switch_min_interval, 0, 7 * D, M,
	    "least time between two moves by condition"),
	DUR(manual_hold, 0, 7 * D, 10 * M,
	    "how long an operator's choice is pinned"),
	WORD(selection, selection_words, SELECTION_BEST_HEALTH,
	    "which agent gets a run"),
	COND(filter_condition, "any", "only agents that meet it get runs"),
	{ AT(filter_agents), .kind = FIELD_CHARS, .max = SETTING_AGENTS_MAX,
	    .rule = rule_agents,
	    .help = "only these agents get runs, as a,b; empty: all" },
	WORD(on_no_agent, no_agent_words, NO_AGENT_WAIT,
	    "what to do with a run that no agent can take"),
	DUR(sample_interval, 100, H, 5 * S,
	    "how often each agent samples and is heard"),
	DUR(worsen_after, 0, D, 10 * S, "a worse health level must hold so "
	    "long"),
	DUR(improve_after, 0, D, 30 * S, "a better health level must hold so "
	    "long"),
	DUR(token_ttl, S, 30 * (int64_t)D, 15 * M, "how long a join token is "
	    "valid"),
	DUR(lost_after, S, 30 * (int64_t)D, 5 * M,
	    "a run out of reach for so long is lost"),
	{ AT(zone), .kind = FIELD_CHARS, .min = 1, .max = 63, .text = "UTC",
	    .rule = field_rule_zone,
	    .help = "time zone of triggers whose job names none" },
	DUR(max_skew, 10, H, 2 * S,
	    "a clock that is off by more makes an agent not eligible"),
	WORD(on_broker_loss, loss_words, BROKER_LOSS_SUSPEND,
	    "what the Scheduler does without a broker: see musterd(8)"),
};

static const struct field *
find(const char *name)
{
	for (size_t i = 0; i < LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static int
unknown(const char *name, struct err *e)
{
	const char *names[LEN(table)], *near;

	for (size_t i = 0; i < LEN(table); i++)
		names[i] = table[i].name;
	if ((near = text_nearest(name, names, LEN(table))) != NULL)
		return err_set(e, ERR_NOTFOUND,
		    "no setting \"%.60s\": did you mean \"%s\"?", name, near);
	return err_set(e, ERR_NOTFOUND,
	    "no setting \"%.60s\": muster setting list shows them all", name);
}

void
settings_default(struct settings *s, const char *cluster_name, const char *zone)
{
	memset(s, 0, sizeof(*s));
	field_defaults(table, LEN(table), s);
	(void)MEM_STR(s->cluster_name, cluster_name);
	if (zone != NULL && *zone != '\0')
		(void)MEM_STR(s->zone, zone);
}

/* "a, b" as "a,b". */
static void
canonical_agents(char *list)
{
	char *out = list;

	for (const char *p = list + strspn(list, ", "); *p != '\0';) {
		size_t n = strcspn(p, ", ");

		if (out != list)
			*out++ = ',';
		memmove(out, p, n);
		out += n;
		p += n;
		p += strspn(p, ", ");
	}
	*out = '\0';
}

static const char *
given(const struct setting_pair *p, size_t n, const char *name)
{
	for (size_t i = n; i > 0; i--)
		if (strcmp(p[i - 1].name, name) == 0)
			return p[i - 1].value;
	return NULL;
}

/* SPEC section 4: 2 x heartbeat <= lease. */
static int
check_heartbeat(const struct settings *s, const struct setting_pair *p,
    size_t n, struct err *e)
{
	char hb[TEXT_DUR], lease[TEXT_DUR];
	const char *v;

	if (2 * s->heartbeat <= s->lease)
		return 0;
	if ((v = given(p, n, "lease")) != NULL)
		return err_set(e, ERR_USAGE, "setting lease: must be at least "
		    "twice heartbeat (%s), not \"%.40s\"",
		    text_dur_fmt(s->heartbeat, hb), v);
	v = given(p, n, "heartbeat");
	return err_set(e, ERR_USAGE, "setting heartbeat: must be at most half "
	    "of lease (%s), not \"%.40s\"", text_dur_fmt(s->lease, lease),
	    v == NULL ? text_dur_fmt(s->heartbeat, hb) : v);
}

/* SPEC section 4: lease x 1.1 <= 0.9 x timeout, so that after the timeout the
 * old Scheduler has stopped by itself though clocks drift. */
static int
check_timeout(const struct settings *s, const char *name, int64_t timeout,
    const struct setting_pair *p, size_t n, struct err *e)
{
	char a[TEXT_DUR], b[TEXT_DUR];
	const char *v = given(p, n, "lease");

	if (11 * s->lease <= 9 * timeout)
		return 0;
	if (v != NULL && s->lease >= timeout)
		return err_set(e, ERR_USAGE, "setting lease: must be shorter "
		    "than %s (%s), not \"%.40s\"", name,
		    text_dur_fmt(timeout, a), v);
	if (v != NULL)
		return err_set(e, ERR_USAGE, "setting lease: must be at most "
		    "%s while %s is %s, not \"%.40s\": clocks may drift 10 %% "
		    "either way", text_dur_fmt(9 * timeout / 11, a), name,
		    text_dur_fmt(timeout, b), v);
	v = given(p, n, name);
	if (s->lease >= timeout)
		return err_set(e, ERR_USAGE, "setting %s: must be longer than "
		    "lease (%s), not \"%.40s\"", name,
		    text_dur_fmt(s->lease, a),
		    v == NULL ? text_dur_fmt(timeout, b) : v);
	return err_set(e, ERR_USAGE, "setting %s: must be at least %s while "
	    "lease is %s, not \"%.40s\": clocks may drift 10 %% either way",
	    name, text_dur_fmt((11 * s->lease + 8) / 9, a),
	    text_dur_fmt(s->lease, (char[TEXT_DUR]){ 0 }),
	    v == NULL ? text_dur_fmt(timeout, b) : v);
}

int
settings_set(struct settings *s, const struct setting_pair *p, size_t n,
    const struct checks *checks, struct err *e)
{
	struct settings next = *s;
	char what[96];

	for (size_t i = 0; i < n; i++) {
		const struct field *f = find(p[i].name);

		if (f == NULL)
			return unknown(p[i].name, e);
		for (size_t k = 0; k < i; k++)
			if (strcmp(p[k].name, p[i].name) == 0)
				return err_set(e, ERR_USAGE,
				    "setting %s: is given twice", f->name);
		(void)snprintf(what, sizeof(what), "setting %s", f->name);
		if (field_set(f, &next, p[i].value, what, checks, e) == -1)
			return -1;
	}
	if (check_heartbeat(&next, p, n, e) == -1 ||
	    check_timeout(&next, "off_timeout", next.off_timeout, p, n, e) ==
	        -1 ||
	    check_timeout(&next, "connection_timeout",
	        next.connection_timeout, p, n, e) == -1)
		return -1;
	canonical_agents(next.filter_agents);
	*s = next;
	return 0;
}

int
setting_split(const char *arg, char **name, const char **value, struct err *e)
{
	const char *eq = strchr(arg, '=');
	char *copy;

	*name = NULL;
	if (eq == NULL || eq == arg)
		return err_set(e, ERR_USAGE,
		    "\"%.60s\": must be NAME=VALUE, as lease=4s", arg);
	copy = mem_dup(arg);
	copy[eq - arg] = '\0';
	*value = copy + (eq - arg) + 1;
	*name = copy;
	return 0;
}

char *
setting_text(const struct settings *s, const char *name, struct err *e)
{
	const struct field *f = find(name);

	if (f == NULL) {
		(void)unknown(name, e);
		return NULL;
	}
	return field_text(f, s);
}

const char *
setting_name(size_t i)
{
	return i < LEN(table) ? table[i].name : NULL;
}

static const char *
type_word(const struct field *f)
{
	return f->off == offsetof(struct settings, filter_agents) ?
	    "list" :
	    field_type(f);
}

static json_t *
row(const struct settings *s, const struct field *f)
{
	struct settings preset = { 0 };
	char *text = field_text(f, s), *def, range[160];
	json_t *o;

	field_defaults(f, 1, &preset);
	def = field_text(f, &preset);
	o = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "name", f->name,
	    "value", field_value(f, s, 0), "text", text, "default", def,
	    "type", type_word(f), "range",
	    field_range(f, range, sizeof(range)), "help", f->help);
	free(text);
	free(def);
	return o;
}

json_t *
setting_json(const struct settings *s, const char *name, struct err *e)
{
	const struct field *f = find(name);

	if (f == NULL) {
		(void)unknown(name, e);
		return NULL;
	}
	return row(s, f);
}

json_t *
settings_json(const struct settings *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < LEN(table); i++)
		(void)json_array_append_new(a, row(s, &table[i]));
	return a;
}

bool
settings_agent_passes(const struct settings *s, const char *node)
{
	size_t len = strlen(node), n;

	if (s->filter_agents[0] == '\0')
		return true;
	for (const char *p = s->filter_agents; *p != '\0'; p += n) {
		p += *p == ',';
		n = strcspn(p, ",");
		if (n == len && strncmp(p, node, n) == 0)
			return true;
	}
	return false;
}

const char *
control_word(enum control c)
{
	return control_words[c];
}

const char *
selection_word(enum selection s)
{
	return selection_words[s];
}

enum no_agent
no_agent_of(const char *word)
{
	for (int i = NO_AGENT_WAIT; no_agent_words[i] != NULL; i++)
		if (strcmp(no_agent_words[i], word) == 0)
			return (enum no_agent)i;
	return NO_AGENT_CLUSTER;
}
