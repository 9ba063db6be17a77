#include "cmd.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "js.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

/* What the table calls each type. */
static const char *const types[ARG_NTYPES] = {
	[ARG_NAME] = "NAME",
	[ARG_AGENT] = "AGENT",
	[ARG_ID] = "ID",
	[ARG_HOST] = "HOST",
	[ARG_TEXT] = "TEXT",
	[ARG_WORD] = "WORD",
	[ARG_INT] = "INT",
	[ARG_DUR] = "DUR",
	[ARG_TIME] = "TIME",
	[ARG_PAIR] = "PAIR",
	[ARG_TOKEN] = "TOKEN",
	[ARG_FILE] = "FILE",
	[ARG_PATH] = "PATH",
};

static const char *const privs[PRIV_COUNT] = {
	[PRIV_VIEW] = "view",
	[PRIV_RUN_JOBS] = "run_jobs",
	[PRIV_STOP_ANY_RUN] = "stop_any_run",
	[PRIV_DEFINE_JOBS] = "define_jobs",
	[PRIV_DEFINE_QUEUES] = "define_queues",
	[PRIV_MAINTAIN_CLUSTER] = "maintain_cluster",
	[PRIV_MAINTAIN_SETTINGS] = "maintain_settings",
	[PRIV_MAINTAIN_USERS] = "maintain_users",
};

enum {
	TEXT_MAX = 64 << 10,
	WORD_MAX = 4096,
	DAY_MS = 86400000
};
#define INT_MAX_JSON	((int64_t)1 << 53)	/* exact in every JSON reader */
#define DUR_MAX_MS	((int64_t)3650 * DAY_MS)

const char *
cmd_priv_word(enum priv p)
{
	return (unsigned)p < PRIV_COUNT ? privs[p] : "none";
}

int
cmd_priv_of(const char *word, enum priv *out)
{
	for (unsigned i = 0; i < PRIV_COUNT; i++)
		if (strcmp(privs[i], word) == 0) {
			*out = (enum priv)i;
			return 0;
		}
	return -1;
}

char *
cmd_method(const struct cmd *c, char out[CMD_METHOD])
{
	(void)snprintf(out, CMD_METHOD, "%s%s%s", c->noun,
	    *c->verb != '\0' ? "." : "", c->verb);
	return out;
}

const struct cmd *
cmd_of_method(const char *method)
{
	char name[CMD_METHOD];

	for (size_t i = 0; i < CMD_COUNT; i++)
		if (strcmp(cmd_method(&cmds[i], name), method) == 0)
			return &cmds[i];
	return NULL;
}

const char *
cmd_options(const struct cmd *c)
{
	bool yes = c->flags & (CMD_ASKS | CMD_PLANS);

	if (c->flags & CMD_CHANGES)
		return yes ? "--reason:TEXT --yes --json --help/h"
		    : "--reason:TEXT --json --help/h";
	return yes ? "--yes --json --help/h" : "--json --help/h";
}

/* The type after the colon. */
static int
arg_type(struct cmd_arg *a, const char *s, size_t n)
{
	if (n > 0 && islower((unsigned char)*s)) {
		a->type = ARG_CHOICE;
		a->choices = s;
		a->nchoices = n;
		return 0;
	}
	for (size_t t = 0; t < ARG_NTYPES; t++)
		if (types[t] != NULL && strlen(types[t]) == n &&
		    strncmp(types[t], s, n) == 0) {
			a->type = (enum cmd_type)t;
			return 0;
		}
	return -1;
}

/* What help calls a positional argument: AGENT, HOST[:PORT], NAME=VALUE. */
static void
arg_shown(struct cmd_arg *a)
{
	size_t i;

	if (a->type == ARG_HOST || a->type == ARG_PAIR) {
		(void)snprintf(a->word, sizeof(a->word), "%s",
		    a->type == ARG_HOST ? "HOST[:PORT]" : "NAME=VALUE");
		return;
	}
	for (i = 0; a->name[i] != '\0'; i++)
		a->word[i] = (char)toupper((unsigned char)a->name[i]);
	(void)snprintf(a->word + i, sizeof(a->word) - i, "%s",
	    a->type == ARG_TOKEN || a->type == ARG_FILE ? "|-" : "");
}

int
cmd_arg_next(const char **spec, struct cmd_arg *a)
{
	const char *s = *spec, *end = s + strcspn(s, " "), *name_end, *type;
	size_t n;

	*a = (struct cmd_arg){ 0 };
	if (*s == '\0')
		return 0;
	*spec = *end == ' ' ? end + 1 : end;
	a->option = strncmp(s, "--", 2) == 0;
	s += a->option ? 2 : 0;
	n = (size_t)(end - s);
	if (n > 0 && strchr("?*+", end[-1]) != NULL) {
		a->optional = end[-1] != '+';
		a->repeated = end[-1] != '?';
		n--;
	}
	a->optional |= a->option;
	type = memchr(s, ':', n);
	name_end = type != NULL ? type : s + n;
	if (name_end - s > 2 && name_end[-2] == '/' && a->option) {
		a->brief = name_end[-1];
		name_end -= 2;
	}
	if (name_end == s || name_end - s > 24)
		return -1;
	for (const char *p = s; p < name_end; p++) {
		if (!islower((unsigned char)*p) && *p != '-')
			return -1;
		a->name[p - s] = *p == '-' ? '_' : *p;
	}
	if (type != NULL) {
		if (arg_type(a, type + 1, n - (size_t)(type + 1 - s)) == -1)
			return -1;
	} else if (!a->option || a->repeated)
		return -1;
	if (a->option)
		(void)snprintf(a->word, sizeof(a->word), "--%.*s",
		    (int)(name_end - s), s);
	else
		arg_shown(a);
	return 1;
}

/* One of "a|b|c"? */
static bool
is_choice(const struct cmd_arg *a, const char *s)
{
	const char *p = a->choices, *end = p + a->nchoices;

	while (p < end) {
		size_t n = 0;

		while (p + n < end && p[n] != '|')
			n++;
		if (strlen(s) == n && strncmp(p, s, n) == 0)
			return true;
		p += n + 1;
	}
	return false;
}

static int
check_text(const struct cmd_arg *a, const char *s, struct err *e)
{
	size_t n = strlen(s), max = a->type == ARG_TEXT ? TEXT_MAX : WORD_MAX;

	if (!utf8_valid(s, n))
		return err_set(e, ERR_USAGE, "%s: must be UTF-8", a->word);
	if (n > max)
		return err_set(e, ERR_USAGE, "%s: longer than %zu bytes",
		    a->word, max);
	if (n == 0 && a->type != ARG_TEXT)
		return err_set(e, ERR_USAGE, "%s: must not be empty", a->word);
	return 0;
}

static int
check_id(const struct cmd_arg *a, const char *s, struct err *e)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			     "yz0123456789._:-");

	if (n == 0 || n > 63 || s[n] != '\0')
		return err_set(e, ERR_USAGE,
		    "%s \"%.70s\": must be 1 to 63 of A-Z a-z 0-9 . _ : -",
		    a->word, s);
	return 0;
}

/* The types whose value is a string that only has to be of the right form. */
static int
check_string(const struct cmd_arg *a, const char *s, struct err *e)
{
	char host[TEXT_HOST];
	wall w;
	int port;

	switch (a->type) {
	case ARG_CHOICE:
		if (is_choice(a, s))
			return 0;
		return err_set(e, ERR_USAGE, "%s: must be one of %.*s, not "
		    "\"%.60s\"", a->word, (int)a->nchoices, a->choices, s);
	case ARG_NAME:
	case ARG_AGENT:
		return text_name(s, a->name, e);
	case ARG_ID:
		return check_id(a, s, e);
	case ARG_HOST:
		return text_host(s, host, &port, e);
	case ARG_TIME:
		return clock_parse(s, &w, e);
	case ARG_TEXT:
	case ARG_WORD:
	case ARG_TOKEN:
	case ARG_FILE:
	case ARG_PATH:
		return check_text(a, s, e);
	case ARG_TRUE:
	case ARG_INT:
	case ARG_DUR:
	case ARG_PAIR:
	case ARG_NTYPES:
		break;
	}
	return err_set(e, ERR_USAGE, "%s: takes no text", a->word);
}

/* A word of the command line as JSON; NULL with e set. */
static json_t *
value_of(const struct cmd_arg *a, const char *s, struct err *e)
{
	char at[CLOCK_RFC3339];
	int64_t v;
	wall w;

	if (a->type == ARG_INT) {
		if (text_int(s, 0, INT_MAX_JSON, a->word, &v, e) == -1)
			return NULL;
		return json_integer(v);
	}
	if (a->type == ARG_DUR) {
		if (text_dur(s, 0, DUR_MAX_MS, a->word, &v, e) == -1)
			return NULL;
		if (v % 1000 == 0)
			return json_integer(v / 1000);
		return json_real((double)v / 1000);
	}
	if (a->type == ARG_TIME) {
		if (clock_parse(s, &w, e) == -1)
			return NULL;
		return json_string(clock_rfc3339(w, at));
	}
	if (check_string(a, s, e) == -1)
		return NULL;
	return json_string(s);
}

static int
pair_add(json_t *params, const struct cmd_arg *a, const char *s, struct err *e)
{
	const char *eq = strchr(s, '=');
	json_t *o = json_object_get(params, a->name);
	char *key;
	int rc = -1;

	if (!utf8_valid(s, strlen(s)) || eq == NULL || eq == s)
		return err_set(e, ERR_USAGE, "%s: expected NAME=VALUE, not "
		    "\"%.60s\"", a->option ? a->word : "argument", s);
	if (o == NULL) {
		o = json_object();
		json_object_set_new(params, a->name, o);
	}
	key = mem_fmt("%.*s", (int)(eq - s), s);
	if (json_object_get(o, key) != NULL)
		(void)err_set(e, ERR_USAGE, "%.60s: given twice", key);
	else
		rc = json_object_set_new(o, key, json_string(eq + 1));
	free(key);
	return rc;
}

static int
value_add(json_t *params, const struct cmd_arg *a, const char *s,
    struct err *e)
{
	json_t *v, *list = json_object_get(params, a->name);

	if (a->type == ARG_PAIR)
		return pair_add(params, a, s, e);
	if (list != NULL && !a->repeated)
		return err_set(e, ERR_USAGE, "%s: given twice", a->word);
	v = a->type == ARG_TRUE ? json_true() : value_of(a, s, e);
	if (v == NULL)
		return -1;
	if (!a->repeated)
		return json_object_set_new(params, a->name, v);
	if (list == NULL) {
		list = json_array();
		json_object_set_new(params, a->name, list);
	}
	return json_array_append_new(list, v);
}

/* Where the parser stands. */
struct words {
	int argc, at;
	char *const *argv;
	const char *spec;	/* from the next positional argument on */
	bool literal;		/* after -- */
	struct cmd_call *call;
};

static const char *
word_take(struct words *w)
{
	return w->at < w->argc ? w->argv[w->at++] : NULL;
}

static bool
is_option(const struct words *w, const char *s)
{
	return !w->literal && s[0] == '-' && s[1] != '\0';
}

/* Did somebody ask for help?  Then nothing is done, whatever else is there. */
static bool
asks_help(int argc, char *const *argv)
{
	if (argc > 0 && strcmp(argv[0], "help") == 0)
		return true;
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static size_t
nouns(const char *out[CMD_COUNT])
{
	size_t n = 0;

	for (size_t i = 0; i < CMD_COUNT; i++)
		if (n == 0 || strcmp(out[n - 1], cmds[i].noun) != 0)
			out[n++] = cmds[i].noun;
	return n;
}

static size_t
verbs(const char *noun, const char *out[CMD_COUNT])
{
	size_t n = 0;

	for (size_t i = 0; i < CMD_COUNT; i++)
		if (strcmp(cmds[i].noun, noun) == 0)
			out[n++] = cmds[i].verb;
	return n;
}

static int
bad_noun(const char *s, struct err *e)
{
	const char *names[CMD_COUNT], *near;

	near = text_nearest(s, names, nouns(names));
	if (near != NULL)
		return err_set(e, ERR_USAGE,
		    "no command \"%.60s\": did you mean %s? (muster help)", s,
		    near);
	return err_set(e, ERR_USAGE, "no command \"%.60s\" (muster help)", s);
}

static int
bad_verb(const char *noun, const char *s, struct err *e)
{
	const char *names[CMD_COUNT], *near = NULL;
	struct buf all = BUF_INIT(400);
	size_t n = verbs(noun, names);

	for (size_t i = 0; i < n; i++)
		buf_fmt(&all, "%s%s", i == 0 ? "" : ", ", names[i]);
	if (s == NULL)
		(void)err_set(e, ERR_USAGE, "%s: what? one of %s", noun, all.p);
	else if ((near = text_nearest(s, names, n)) != NULL)
		(void)err_set(e, ERR_USAGE,
		    "%s: no verb \"%.60s\": did you mean %s %s?", noun, s, noun,
		    near);
	else
		(void)err_set(e, ERR_USAGE, "%s: no verb \"%.60s\": one of %s",
		    noun, s, all.p);
	buf_free(&all);
	return -1;
}

/* Takes NOUN and VERB.  With help a noun may stand without its verb. */
static int
take_command(struct words *w, struct err *e)
{
	const char *noun = word_take(w), *verb;

	if (noun == NULL)
		return err_set(e, ERR_USAGE, "no command given (muster help)");
	for (size_t i = 0; i < CMD_COUNT && w->call->noun == NULL; i++)
		if (strcmp(cmds[i].noun, noun) == 0) {
			w->call->noun = cmds[i].noun;
			if (*cmds[i].verb == '\0')
				w->call->cmd = &cmds[i];
		}
	if (w->call->noun == NULL)
		return bad_noun(noun, e);
	if (w->call->cmd != NULL)
		return 0;
	verb = word_take(w);
	for (size_t i = 0; verb != NULL && i < CMD_COUNT; i++)
		if (strcmp(cmds[i].noun, noun) == 0 &&
		    strcmp(cmds[i].verb, verb) == 0) {
			w->call->cmd = &cmds[i];
			return 0;
		}
	if (verb == NULL && w->call->help)
		return 0;
	return bad_verb(w->call->noun, verb, e);
}

static int
parse_help(int argc, char *const *argv, struct cmd_call *call, struct err *e)
{
	const char *two[2];
	struct words w = { .argv = (char *const *)two, .call = call };

	call->help = true;
	for (int i = 0; i < argc && w.argc < 2; i++)
		if (argv[i][0] != '-' &&
		    !(i == 0 && strcmp(argv[i], "help") == 0))
			two[w.argc++] = argv[i];
	return w.argc == 0 ? 0 : take_command(&w, e);
}

static bool
find_option(const struct cmd *c, const char *s, size_t n, struct cmd_arg *a)
{
	const char *specs[] = { c->args, cmd_options(c) };

	for (size_t i = 0; i < 2; i++)
		while (cmd_arg_next(&specs[i], a) == 1) {
			if (!a->option)
				continue;
			if (s[1] != '-' && a->brief != 0 && s[1] == a->brief)
				return true;
			if (strlen(a->word) == n &&
			    strncmp(a->word, s, n) == 0)
				return true;
		}
	return false;
}

static int
bad_option(const struct cmd *c, const char *s, struct err *e)
{
	const char *specs[] = { c->args, cmd_options(c) }, *names[32], *near;
	struct cmd_arg args[32];
	char method[CMD_METHOD];
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		while (n < 32 && cmd_arg_next(&specs[i], &args[n]) == 1)
			if (args[n].option) {
				names[n] = args[n].word;
				n++;
			}
	near = text_nearest(s, names, n);
	(void)snprintf(method, sizeof(method), "%s%s%s", c->noun,
	    *c->verb != '\0' ? " " : "", c->verb);
	if (near != NULL)
		return err_set(e, ERR_USAGE,
		    "%s: no option \"%.60s\": did you mean %s?", method, s,
		    near);
	return err_set(e, ERR_USAGE, "%s: no option \"%.60s\" (muster %s "
	    "--help)", method, s, method);
}

static int
take_option(struct words *w, const char *s, struct err *e)
{
	struct cmd_call *call = w->call;
	bool brief = s[1] != '-';
	size_t n = brief ? 2 : strcspn(s, "=");
	const char *val = s[n] == '\0' ? NULL : s + n + (brief ? 0 : 1);
	struct cmd_arg a;

	if (!find_option(call->cmd, s, n, &a))
		return bad_option(call->cmd, s, e);
	if (a.type == ARG_TRUE && val != NULL)
		return err_set(e, ERR_USAGE, "%s: takes no value", a.word);
	if (strcmp(a.name, "json") == 0)
		call->json = true;
	else if (strcmp(a.name, "yes") == 0)
		call->yes = true;
	else if (a.type == ARG_TRUE)
		return value_add(call->params, &a, NULL, e);
	else if (val == NULL && (val = word_take(w)) == NULL)
		return err_set(e, ERR_USAGE, "%s: a value is missing", a.word);
	else
		return value_add(call->params, &a, val, e);
	return 0;
}

static int
take_positional(struct words *w, const char *s, struct err *e)
{
	const char *before = w->spec;
	struct cmd_arg a;

	while (cmd_arg_next(&w->spec, &a) == 1) {
		if (!a.option) {
			if (a.repeated)
				w->spec = before;
			return value_add(w->call->params, &a, s, e);
		}
		before = w->spec;
	}
	return err_set(e, ERR_USAGE, "%s%s%s: one word too many: \"%.24s\"",
	    w->call->cmd->noun, *w->call->cmd->verb != '\0' ? " " : "",
	    w->call->cmd->verb, s);
}

/* What is left when all words are taken. */
static int
check_missing(const struct cmd *c, const json_t *params, struct err *e)
{
	const char *spec = c->args;
	struct cmd_arg a;

	while (cmd_arg_next(&spec, &a) == 1)
		if (!a.optional && json_object_get(params, a.name) == NULL)
			return err_set(e, ERR_USAGE, "%s%s%s: %s is missing",
			    c->noun, *c->verb != '\0' ? " " : "", c->verb,
			    a.word);
	if (json_object_get(params, "for") != NULL &&
	    json_object_get(params, "until") != NULL)
		return err_set(e, ERR_USAGE, "--for and --until: give one");
	return 0;
}

int
cmd_parse(int argc, char *const *argv, struct cmd_call *call, struct err *e)
{
	struct words w = { .argc = argc, .argv = argv, .call = call };
	const char *s;

	*call = (struct cmd_call){ 0 };
	if (asks_help(argc, argv))
		return parse_help(argc, argv, call, e);
	for (; w.at < argc && strcmp(argv[w.at], "--json") == 0; w.at++)
		call->json = true;
	if (take_command(&w, e) == -1)
		return -1;
	w.spec = call->cmd->args;
	call->params = json_object();
	while ((s = word_take(&w)) != NULL) {
		int rc = 0;

		if (!w.literal && strcmp(s, "--") == 0)
			w.literal = true;
		else if (is_option(&w, s))
			rc = take_option(&w, s, e);
		else
			rc = take_positional(&w, s, e);
		if (rc == -1)
			goto bad;
	}
	if (check_missing(call->cmd, call->params, e) == 0)
		return 0;
bad:
	cmd_call_clear(call);
	return -1;
}

void
cmd_call_clear(struct cmd_call *call)
{
	json_decref(call->params);
	*call = (struct cmd_call){ 0 };
}

static int
check_one(const struct cmd_arg *a, const json_t *v, struct err *e)
{
	double d = json_number_value(v);

	switch (a->type) {
	case ARG_TRUE:
		if (json_is_boolean(v))
			return 0;
		return err_set(e, ERR_USAGE, "%s: must be true or false",
		    a->name);
	case ARG_INT:
		if (json_is_integer(v) && json_integer_value(v) >= 0 &&
		    json_integer_value(v) <= INT_MAX_JSON)
			return 0;
		return err_set(e, ERR_USAGE, "%s: must be a whole number from "
		    "0", a->name);
	case ARG_DUR:
		if (json_is_number(v) && d >= 0 &&
		    d <= (double)DUR_MAX_MS / 1000)
			return 0;
		return err_set(e, ERR_USAGE, "%s: must be a number of seconds, "
		    "0 to %lld", a->name, (long long)(DUR_MAX_MS / 1000));
	case ARG_CHOICE:
	case ARG_NAME:
	case ARG_AGENT:
	case ARG_ID:
	case ARG_HOST:
	case ARG_TEXT:
	case ARG_WORD:
	case ARG_TIME:
	case ARG_PAIR:
	case ARG_TOKEN:
	case ARG_FILE:
	case ARG_PATH:
	case ARG_NTYPES:
		break;
	}
	if (!json_is_string(v))
		return err_set(e, ERR_USAGE, "%s: must be a string", a->name);
	if (a->type == ARG_PAIR)
		return 0;
	return check_string(a, json_string_value(v), e);
}

static int
check_value(const struct cmd_arg *a, const json_t *v, struct err *e)
{
	json_t *item;
	const char *key;
	size_t i;

	if (!a->repeated)
		return check_one(a, v, e);
	if (a->type == ARG_PAIR ? !json_is_object(v) : !json_is_array(v))
		return err_set(e, ERR_USAGE, "%s: must be %s of strings",
		    a->name, a->type == ARG_PAIR ? "an object" : "an array");
	if (a->type == ARG_PAIR) {
		json_object_foreach((json_t *)v, key, item)
			if (check_one(a, item, e) == -1)
				return -1;
	} else {
		json_array_foreach((json_t *)v, i, item)
			if (check_one(a, item, e) == -1)
				return -1;
	}
	if (!a->optional && json_object_size(v) + json_array_size(v) == 0)
		return err_set(e, ERR_USAGE, "%s: must not be empty", a->name);
	return 0;
}

static int
check_spec(const char *spec, const json_t *params, struct err *e)
{
	struct cmd_arg a;

	while (cmd_arg_next(&spec, &a) == 1) {
		const json_t *v = json_object_get(params, a.name);
		/* On a terminal the front end asks for a missing token. */
		bool needed = !a.optional || a.type == ARG_TOKEN;

		if (v == NULL || json_is_null(v)) {
			if (needed)
				return err_set(e, ERR_USAGE, "%s is missing",
				    a.name);
			continue;
		}
		if (check_value(&a, v, e) == -1)
			return -1;
		if (a.type == ARG_FILE &&
		    !json_is_string(json_object_get(params, "text")))
			return err_set(e, ERR_USAGE,
			    "text, the content of %s, is missing", a.name);
	}
	return 0;
}

int
cmd_check(const struct cmd *c, const json_t *params, struct err *e)
{
	const char *opts = cmd_options(c);

	if (params != NULL && !json_is_object(params))
		return err_set(e, ERR_USAGE, "params: must be an object");
	if (check_spec(c->args, params, e) == -1)
		return -1;
	if (check_spec(opts, params, e) == -1)
		return -1;
	if (json_is_string(json_object_get(params, "until")) &&
	    json_is_number(json_object_get(params, "for")))
		return err_set(e, ERR_USAGE, "for and until: give one");
	return 0;
}

int64_t
cmd_ms(const json_t *params, const char *name, int64_t dflt)
{
	const json_t *v = json_object_get(params, name);

	double d = json_number_value(v);

	if (!json_is_number(v) || d < 0 || d > (double)DUR_MAX_MS / 1000)
		return dflt;
	return (int64_t)(d * 1000 + 0.5);
}

int
cmd_exit(const struct cmd *c, const json_t *params, const json_t *result)
{
	json_t *row;
	size_t i;

	if (c == &cmds[CMD_JOB_RUN] && js_bool(params, "wait", false))
		return strcmp(js_str(result, "state", ""), "succeeded") != 0;
	if (c == &cmds[CMD_DOCTOR])
		json_array_foreach((json_t *)result, i, row)
			if (strcmp(js_str(row, "state", ""), "problem") == 0)
				return 1;
	return 0;
}
