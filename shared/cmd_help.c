/* Help, usage, questions and completion, all from the table. */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

/* The value of an option in help; positional arguments have their own name. */
static const struct {
	const char *shown;
	const char *means;	/* explained below the usage; NULL: clear */
} types[ARG_NTYPES] = {
	[ARG_NAME] = { "NAME", NULL },
	[ARG_AGENT] = { "AGENT", NULL },
	[ARG_ID] = { "ID", NULL },
	[ARG_HOST] = { "HOST[:PORT]", NULL },
	[ARG_TEXT] = { "TEXT", NULL },
	[ARG_WORD] = { "WORD", NULL },
	[ARG_INT] = { "N", NULL },
	[ARG_DUR] = { "D", "D is a duration: 250ms, 15s, 1h30m, 7d" },
	[ARG_TIME] = { "T", "T is a time: 2026-11-21T23:00:00Z, or with "
			    "an offset as +01:00" },
	[ARG_PAIR] = { "K=V", NULL },
	[ARG_TOKEN] = { "TOKEN", NULL },
	[ARG_FILE] = { "FILE", NULL },
	[ARG_PATH] = { "PATH", NULL },
};

enum { HELP_COLUMN = 22 };

static void
put_name(struct buf *b, const struct cmd *c)
{
	buf_fmt(b, "%s%s%s", c->noun, *c->verb != '\0' ? " " : "", c->verb);
}

static void
put_arg(struct buf *b, const struct cmd_arg *a)
{
	if (a->optional)
		buf_putc(b, '[');
	if (a->brief != 0)
		buf_fmt(b, "-%c|", a->brief);
	buf_puts(b, a->word);
	if (a->option && a->type == ARG_CHOICE)
		buf_fmt(b, " %.*s", (int)a->nchoices, a->choices);
	else if (a->option && a->type != ARG_TRUE)
		buf_fmt(b, " %s", types[a->type].shown);
	if (a->optional)
		buf_putc(b, ']');
	if (a->repeated)
		buf_puts(b, "…");
}

void
cmd_usage(struct buf *b, const struct cmd *c)
{
	const char *specs[] = { c->args, cmd_options(c) };
	struct cmd_arg a;

	put_name(b, c);
	for (size_t i = 0; i < 2; i++)
		while (cmd_arg_next(&specs[i], &a) == 1) {
			/* Every command takes these two. */
			if (i == 1 && (strcmp(a.name, "json") == 0 ||
			    strcmp(a.name, "help") == 0))
				continue;
			buf_putc(b, ' ');
			put_arg(b, &a);
		}
}

static void
help_row(struct buf *b, const struct cmd *c)
{
	const char *spec = c->args;
	bool told[ARG_NTYPES] = { false };
	struct cmd_arg a;

	buf_puts(b, "usage: muster ");
	cmd_usage(b, c);
	buf_fmt(b, "\n\n%s\n\n", c->help);
	while (cmd_arg_next(&spec, &a) == 1)
		if (types[a.type].means != NULL && !told[a.type]) {
			buf_fmt(b, "%s\n", types[a.type].means);
			told[a.type] = true;
		}
	if (c->flags & CMD_ASKS)
		buf_puts(b, "asks on a terminal, needs --yes without one\n");
	if (c->flags & CMD_PLANS)
		buf_puts(b, "on a terminal it shows its plan and asks, unless "
			    "--yes\n");
	buf_fmt(b, "needs the privilege %s; %s\n", cmd_priv_word(c->priv),
	    c->scope == CMD_NODE ? "about the node asked"
				 : "about the cluster, from any of its nodes");
	buf_puts(b, "--json prints one JSON document\n");
}

static void
help_list(struct buf *b, const char *noun)
{
	for (size_t i = 0; i < CMD_COUNT; i++) {
		size_t at = b->len;

		if (noun != NULL && strcmp(noun, cmds[i].noun) != 0)
			continue;
		buf_puts(b, "  ");
		put_name(b, &cmds[i]);
		while (!b->failed && b->len - at < HELP_COLUMN)
			buf_putc(b, ' ');
		buf_fmt(b, "%s\n", cmds[i].help);
	}
}

void
cmd_help(struct buf *b, const char *noun, const struct cmd *c)
{
	if (c != NULL) {
		help_row(b, c);
		return;
	}
	if (noun == NULL)
		buf_puts(b, "usage: muster [-H [USER@]HOST[:PORT]] [-S SOCKET] "
			    "[-i KEY] [--json] NOUN VERB [ARGS]\n\n");
	help_list(b, noun);
	buf_fmt(b, "\nmuster %s VERB --help says more\n",
	    noun == NULL ? "NOUN" : noun);
}

void
cmd_question(struct buf *b, const struct cmd *c, const json_t *params)
{
	const char *s = c->confirm != NULL ? c->confirm : "Do it?";

	while (*s != '\0') {
		const char *end = *s == '{' ? strchr(s, '}') : NULL;
		const char *val;
		char name[32];

		if (end == NULL) {
			buf_putc(b, *s++);
			continue;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)(end - s - 1),
		    s + 1);
		val = json_string_value(json_object_get(params, name));
		if (val == NULL)
			val = "?";
		buf_safe(b, val, strlen(val));
		s = end + 1;
	}
}

static void
put_candidate(struct buf *b, const char *s, size_t n, const char *prefix)
{
	if (n > 0 && strncmp(s, prefix, strlen(prefix)) == 0 &&
	    n >= strlen(prefix)) {
		buf_put(b, s, n);
		buf_putc(b, '\n');
	}
}

static void
put_choices(struct buf *b, const struct cmd_arg *a, const char *prefix)
{
	const char *p = a->choices, *end = p + a->nchoices;

	while (p < end) {
		size_t n = 0;

		while (p + n < end && p[n] != '|')
			n++;
		put_candidate(b, p, n, prefix);
		p += n + 1;
	}
}

/* Options of a command; or, after an option with choices, the choices. */
static void
complete_args(struct buf *b, const struct cmd *c, const char *before,
    const char *prefix)
{
	const char *specs[] = { c->args, cmd_options(c) };
	struct cmd_arg a;

	for (size_t i = 0; i < 2; i++)
		while (cmd_arg_next(&specs[i], &a) == 1) {
			if (!a.option || strcmp(a.word, before) != 0)
				continue;
			if (a.type == ARG_CHOICE)
				put_choices(b, &a, prefix);
			if (a.type != ARG_TRUE)
				return;
		}
	if (*prefix != '\0' && *prefix != '-')
		return;
	specs[0] = c->args;
	specs[1] = cmd_options(c);
	for (size_t i = 0; i < 2; i++)
		while (cmd_arg_next(&specs[i], &a) == 1)
			if (a.option)
				put_candidate(b, a.word, strlen(a.word),
				    prefix);
}

void
cmd_complete(struct buf *b, int argc, char *const *argv)
{
	const char *last = argc > 0 ? argv[argc - 1] : "", *noun, *prev = "";

	if (argc <= 1) {
		for (size_t i = 0; i < CMD_COUNT; i++) {
			if (strcmp(prev, cmds[i].noun) != 0)
				put_candidate(b, cmds[i].noun,
				    strlen(cmds[i].noun), last);
			prev = cmds[i].noun;
		}
		return;
	}
	noun = argv[0];
	for (size_t i = 0; i < CMD_COUNT; i++) {
		const struct cmd *c = &cmds[i];

		if (strcmp(c->noun, noun) != 0)
			continue;
		if (*c->verb != '\0' && argc == 2)
			put_candidate(b, c->verb, strlen(c->verb), last);
		else if (*c->verb == '\0' || strcmp(c->verb, argv[1]) == 0)
			complete_args(b, c, argv[argc - 2], last);
	}
}
