/* Words to a command and its parameters. */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

/* A word of the command line as JSON; NULL with e set. */
static json_t *
value_of(const struct cmd_arg *a, const char *s, struct err *e)
{
	char at[CLOCK_RFC3339];
	int64_t v;
	wall w;

	if (a->type == ARG_INT) {
		if (text_int(s, 0, CMD_INT_MAX, a->word, &v, e) == -1)
			return NULL;
		return json_integer(v);
	}
	if (a->type == ARG_DUR) {
		if (text_dur(s, 0, CMD_DUR_MAX, a->word, &v, e) == -1)
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
	if (cmd_arg_check(a, s, e) == -1)
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
