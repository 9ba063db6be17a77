/* The `:` line: the commands of muster(1), the same table and parser. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "base64.h"
#include "cli.h"
#include "cmd.h"
#include "js.h"
#include "mem.h"
#include "question.h"
#include "render.h"
#include "screen.h"
#include "text.h"
#include "ui.h"

enum { OUTPUT_MAX = 1 << 20, CANDIDATES = 200 };

/* Reads the files that the command names, as the CLI does. */
static int
prepare(const struct ui *u, struct cmd_call *call, struct err *e)
{
	const struct cli c = { .ask = { .in = stdin, .err = stderr },
		.remote = u->m.remote };
	const char *spec = call->cmd->args;
	bool yes = call->yes;
	struct cmd_arg a;
	int rc;

	while (cmd_arg_next(&spec, &a) == 1) {
		const char *v = js_str(call->params, a.name, NULL);

		/* Standard input is the keyboard here. */
		if ((a.type == ARG_FILE || a.type == ARG_TOKEN) &&
		    (v == NULL || strcmp(v, "-") == 0))
			return err_set(e, ERR_USAGE, "%s: in the console it is "
			    "given in the line%s", a.name, a.type == ARG_TOKEN
			    ? ", or with T in Join, unseen" : "");
	}
	call->yes = true;		/* asked here, in a box */
	rc = cli_prepare(&c, call, e);
	call->yes = yes;
	return rc;
}

/* "agent remove" */
static char *
name_of(const struct cmd *c, char out[CMD_METHOD])
{
	(void)snprintf(out, CMD_METHOD, "%s%s%s", c->noun, *c->verb != '\0'
	    ? " " : "", c->verb);
	return out;
}

/* One question at a time: one that is read is not pulled away under somebody's
 * fingers, and one that is under way has its answer to come. */
static bool
asks_already(struct ui *u, const struct cmd *cmd)
{
	const struct question *q = u->m.question;
	char name[CMD_METHOD];

	if (q != NULL)
		model_say(&u->m, true, "%s: %s; nothing is changed, give it "
		    "again", name_of(cmd, name), q->state == QUESTION_SENT
		    ? "another change is under way"
		    : question_token(q) ? "a token is to be read first"
		    : "a question is open");
	return q != NULL;
}

static void
add_lines(struct strs *lines, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *line = mem_fmt("%.*s", (int)n, text);

		strs_add(lines, line);
		free(line);
		text += n + (text[n] == '\n');
	}
}

static void
ask_first(struct ui *u, const struct cmd_call *call, const char *text)
{
	struct question *q;
	const char *spec = call->cmd->args;
	struct buf b = BUF_INIT(400);
	struct cmd_arg a;
	char name[CMD_METHOD];

	if (asks_already(u, call->cmd))
		return;
	q = mem_zero(1, sizeof(*q));
	q->cmd = (enum cmd_id)(call->cmd - cmds);
	q->act = ACT_NONE;
	q->epoch = -1;
	q->shown = u->m.now.mono;
	q->params = json_deep_copy(call->params);
	(void)MEM_STR(q->target, js_str(call->params, "agent", ""));
	if (cmd_arg_next(&spec, &a) == 1 && (call->cmd->flags & CMD_ASKS))
		(void)MEM_STR(q->word, js_str(call->params, a.name,
		    u->m.node));
	(void)MEM_STR(q->title, name_of(call->cmd, name));
	if (text == NULL)
		cmd_question(&b, call->cmd, call->params);
	add_lines(&q->text, text != NULL ? text : b.p);
	buf_free(&b);
	q->kept = q->text.n;
	question_text(q, &u->m);
	ui_question_show(u, q);
}

/* One at a time, which makes the answer that comes its own.  A wait for a run
 * may last for hours: it gives way, and the run goes on. */
static void
busy(struct ui *u, const struct cmd *next)
{
	char name[CMD_METHOD], then[CMD_METHOD];

	(void)name_of(u->cmd, name);
	(void)name_of(next, then);
	if (js_bool(u->cmd_params, "wait", false)) {
		ui_ask(u, UI_CANCEL, u->cmd_about, "cancel", NULL);
		u->cmd_dropped = true;
		model_say(&u->m, true, "%s: no longer waited for, its run goes "
		    "on; now give %s again", name, then);
	} else
		model_say(&u->m, true, "%s is still under way; give %s again "
		    "when it is answered", name, then);
}

static void
run(struct ui *u, struct cmd_call *call)
{
	char method[CMD_METHOD];
	bool dry = js_bool(call->params, "dry_run", false);
	bool plan = (call->cmd->flags & CMD_PLANS) && !call->yes && !dry;

	if (call->cmd == &cmds[CMD_EVENT_FOLLOW]) {
		ui_go(u, SCREEN_EVENTS);
		return;
	}
	if (u->cmd != NULL) {
		busy(u, call->cmd);
		return;
	}
	json_decref(u->cmd_params);
	json_decref(u->cmd_rows);
	u->cmd = call->cmd;
	u->cmd_dropped = false;
	u->cmd_changes = (call->cmd->flags & CMD_CHANGES) && !plan && !dry;
	u->cmd_params = json_deep_copy(call->params);
	u->cmd_rows = NULL;
	buf_clear(&u->cmd_text);
	if (call->cmd == &cmds[CMD_RUN_LOG])
		(void)json_object_del(call->params, "follow");
	if (plan)
		(void)json_object_set_new(call->params, "dry_run",
		    json_true());
	model_say(&u->m, false, "asked ...");
	(void)snprintf(u->cmd_about, sizeof(u->cmd_about), "command %lld",
	    (long long)++u->serial);
	ui_ask(u, plan ? UI_PLAN : UI_COMMAND, u->cmd_about, cmd_method(
	    call->cmd, method), json_deep_copy(call->params));
}

void
ui_command(struct ui *u, const char *line)
{
	struct cmd_call call = { 0 };
	struct buf help = BUF_INIT(OUTPUT_MAX);
	struct err e = { 0 };
	char **words = NULL;
	int n = text_words(line, &words, &e), first;

	if (n == 0)
		goto out;
	first = n > 1 && strcmp(words[0], "muster") == 0;
	if (n == -1 || cmd_parse(n - first, words + first, &call, &e) == -1) {
		model_say(&u->m, true, "%s", e.msg);
		goto out;
	}
	if (call.help) {
		cmd_help(&help, call.noun, call.cmd);
		ui_output(u, "help", help.p);
	} else if (!u->up)
		model_say(&u->m, true, "no link to the daemon: nothing was "
		    "sent");
	else if (prepare(u, &call, &e) == -1)
		model_say(&u->m, true, "%s", e.msg);
	else if ((call.cmd->flags & CMD_ASKS) && !call.yes)
		ask_first(u, &call, NULL);
	else
		run(u, &call);
	cmd_call_clear(&call);
out:
	buf_free(&help);
	text_words_free(words, n > 0 ? n : 0);
}

/* ---- its answer ------------------------------------------------------- */

/* Text is a string here: the NULs of a run's output as they are drawn. */
static void
put_bytes(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0, k; i < n; i += k + 1) {
		const char *nul = memchr(p + i, '\0', n - i);

		k = nul != NULL ? (size_t)(nul - p) - i : n - i;
		buf_put(b, p + i, k);
		buf_puts(b, nul != NULL ? "^@" : "");
	}
}

void
ui_command_part(struct ui *u, const json_t *params)
{
	json_t *row = json_object_get(params, "row"), *item;
	const char *data = js_str(params, "data", NULL);
	unsigned char *p;
	size_t i, n;

	if (u->cmd == NULL)
		return;
	if (u->cmd_rows == NULL)
		u->cmd_rows = json_array();
	if (row != NULL)
		(void)json_array_append(u->cmd_rows, row);
	json_array_foreach(json_object_get(params, "rows"), i, item)
		(void)json_array_append(u->cmd_rows, item);
	buf_puts(&u->cmd_text, js_str(params, "text", ""));
	if (data != NULL && (p = base64_decode(data, &n)) != NULL) {
		put_bytes(&u->cmd_text, (char *)p, n);
		free(p);
	}
}

static void
plan(struct ui *u, const json_t *result)
{
	const json_t *rows = json_object_get(result, "plan");
	const json_t *revision = json_object_get(result, "revision");
	struct cmd_call call = { .cmd = u->cmd, .params = u->cmd_params };
	struct render r = { u->m.now.wall, u->m.say.times == SAY_UTC };
	struct buf b = BUF_INIT(OUTPUT_MAX);

	u->m.message[0] = '\0';
	rows = rows != NULL ? rows : result;
	if (json_array_size(rows) == 0) {
		model_say(&u->m, false, "nothing to change");
		return;
	}
	if (json_is_integer(revision))
		(void)json_object_set(u->cmd_params, "revision",
		    (json_t *)revision);
	render_doc(&b, u->cmd, rows, &r);
	if (b.failed)			/* half a plan is none */
		model_say(&u->m, true, "the plan is too long for the console: "
		    "muster apply");
	else
		ask_first(u, &call, b.p);
	buf_free(&b);
}

/* What came while something was typed waits until that is over. */
static void
show(struct ui *u, const struct buf *b)
{
	struct output *late = &u->m.late;
	const char *spec = u->cmd->args;
	struct cmd_arg a;
	char name[CMD_METHOD], title[sizeof(late->title)];
	char *text = mem_fmt("%s%s", b->p, b->failed ? "\n..." : "");

	(void)MEM_STR(title, name_of(u->cmd, name));
	if (b->failed)
		(void)snprintf(title, sizeof(title), "cut at 1 MiB: muster "
		    "%.20s %.30s has it all", name, cmd_arg_next(&spec, &a) ==
		    1 ? js_str(u->cmd_params, a.name, "") : "");
	if (ui_free(u))
		ui_output(u, title, text);
	else {
		(void)MEM_STR(late->title, title);
		free(late->text);
		late->text = mem_dup(text);
	}
	free(text);
}

static void
answer(struct ui *u, const json_t *result)
{
	struct render r = { u->m.now.wall, u->m.say.times == SAY_UTC };
	struct buf b = BUF_INIT(OUTPUT_MAX);
	const char *text = js_str(result, "text", NULL);
	const char *message = js_str(result, "message", NULL);

	u->m.message[0] = '\0';
	if (u->cmd->flags & CMD_RAW) {
		if (text != NULL)
			buf_puts(&u->cmd_text, text);
		show(u, &u->cmd_text);
	} else if (message != NULL)
		model_say(&u->m, false, "%s", message);
	else {
		if (u->cmd_rows != NULL && json_is_array(result))
			(void)json_array_extend(u->cmd_rows, (json_t *)result);
		render_doc(&b, u->cmd, u->cmd_rows != NULL ? u->cmd_rows
		    : result, &r);
		show(u, &b);
	}
	buf_free(&b);
}

void
ui_command_answer(struct ui *u, enum ui_tag tag, const json_t *result,
    const struct err *e)
{
	if (u->cmd == NULL)
		return;
	/* That it is cancelled was said, and is not said of the run. */
	if (u->cmd_dropped)
		;
	else if (e != NULL)
		model_say(&u->m, true, "%s", e->msg);
	else if (tag == UI_PLAN)
		plan(u, result);
	else
		answer(u, result);
	u->cmd = NULL;
}

/* The link went, and the answer with it. */
void
ui_command_lost(struct ui *u)
{
	char name[CMD_METHOD];

	if (u->cmd != NULL && u->cmd_changes && !u->cmd_dropped)
		model_say(&u->m, true, "%s: sent, but the link broke: outcome "
		    "unknown", name_of(u->cmd, name));
	u->cmd = NULL;
}

/* ---- completion ------------------------------------------------------- */

/* Names that the screens know, for arguments that are names. */
static void
names(const struct model *m, struct buf *b, const char *prefix)
{
	static const struct {
		enum topic topic;
		const char *member;
	} from[] = { { TOPIC_AGENTS, "name" }, { TOPIC_JOBS, "name" },
		{ TOPIC_JOINS, "name" }, { TOPIC_SETTINGS, "name" } };

	for (size_t k = 0; k < sizeof(from) / sizeof(from[0]); k++) {
		const json_t *list = m->topic[from[k].topic].doc;
		size_t n = 0;

		for (size_t i = 0; i < json_array_size(list) && n < CANDIDATES;
		     i++) {
			const char *name = js_str(json_array_get(list, i),
			    from[k].member, "");

			if (strncmp(name, prefix, strlen(prefix)) != 0)
				continue;
			buf_fmt(b, "%s\n", name);
			n++;
		}
	}
}

/* What all candidates, one a line, that start with prefix begin with; their
 * number.  list gets them in one line. */
static size_t
common(const char *lines, const char *prefix, char out[128], struct buf *list)
{
	size_t n = 0, len = strlen(prefix);

	while (*lines != '\0') {
		size_t k = strcspn(lines, "\n");

		if (k > 0 && k < 128 && strncmp(lines, prefix, len) == 0) {
			buf_fmt(list, "%.*s  ", (int)k, lines);
			if (n++ == 0)
				(void)snprintf(out, 128, "%.*s", (int)k, lines);
			for (size_t i = 0; out[i] != '\0'; i++)
				if (i >= k || out[i] != lines[i])
					out[i--] = '\0';
		}
		lines += k + (lines[k] == '\n');
	}
	return n;
}

void
ui_complete(struct ui *u)
{
	struct line *l = &u->m.line;
	struct buf all = BUF_INIT(1 << 16), list = BUF_INIT(4096);
	char **words = NULL, *last, best[128] = "";
	char line[LINE_MAX_BYTES + 4];
	size_t n;
	int argc;

	/* An empty word at the end is a word that is to be begun. */
	(void)snprintf(line, sizeof(line), "%s%s", l->text, l->len == 0 ||
	    l->text[l->len - 1] == ' ' ? "''" : "");
	argc = text_words(line, &words, NULL);
	if (argc <= 0) {
		text_words_free(words, 0);
		return;
	}
	last = words[argc - 1];
	cmd_complete(&all, argc, words);
	if (all.len == 0)
		names(&u->m, &all, last);
	n = common(all.p, last, best, &list);
	if (n > 0 && strlen(best) > strlen(last)) {
		(void)snprintf(line, sizeof(line), "%.*s%s%s",
		    (int)(l->len - strlen(last)), l->text, best,
		    n == 1 ? " " : "");
		line_set(l, line);
	} else if (n == 1)
		line_key(l, ' ');
	if (n > 1)
		model_say(&u->m, false, "%s", list.p);
	else
		u->m.message[0] = '\0';
	text_words_free(words, argc);
	buf_free(&all);
	buf_free(&list);
}
