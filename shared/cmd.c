#include "cmd.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "js.h"
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
	WORD_MAX = 4096
};

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

int
cmd_arg_check(const struct cmd_arg *a, const char *s, struct err *e)
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
		    json_integer_value(v) <= CMD_INT_MAX)
			return 0;
		return err_set(e, ERR_USAGE, "%s: must be a whole number from "
		    "0", a->name);
	case ARG_DUR:
		if (json_is_number(v) && d >= 0 &&
		    d <= (double)CMD_DUR_MAX / 1000)
			return 0;
		return err_set(e, ERR_USAGE, "%s: must be a number of seconds, "
		    "0 to %lld", a->name, (long long)(CMD_DUR_MAX / 1000));
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
	return cmd_arg_check(a, json_string_value(v), e);
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

	if (!json_is_number(v) || d < 0 || d > (double)CMD_DUR_MAX / 1000)
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
