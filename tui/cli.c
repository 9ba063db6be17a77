#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "call.h"
#include "clock.h"
#include "confine.h"
#include "js.h"
#include "mem.h"
#include "render.h"

enum {
	FILE_MAX = 900 << 10,	/* the request must stay below 1 MiB */
	TEXT_OUT = 64 << 20	/* of one document */
};

int
cli_fail(const struct cli *c, const struct err *e)
{
	struct buf b = BUF_INIT(8192);
	json_t *doc;

	buf_safe(&b, e->msg, strlen(e->msg));
	(void)fflush(c->out);
	(void)fprintf(c->ask.err, "muster: %s\n", b.p);
	buf_clear(&b);
	if (c->json) {
		doc = json_pack("{s:{s:s,s:o}}", "error", "code",
		    err_word(e->code), "message", js_text(e->msg));
		render_json(&b, doc, false, c->out_terminal);
		(void)fputs(b.p, c->out);
		json_decref(doc);
	}
	buf_free(&b);
	return err_exit(e->code);
}

/* ---- before connecting ------------------------------------------------ */

static int
read_file(const struct cli *c, json_t *params, const char *path,
    struct err *e)
{
	struct buf b = BUF_INIT(FILE_MAX);
	int rc;

	if (confine_on())
		return err_set(e, ERR_DENIED, "%.200s: the console over ssh "
		    "reads no files: ssh HOST VERB - < FILE, or muster -H HOST",
		    path);
	rc = ask_file(&c->ask, path, &b, e);
	if (rc == 0)
		json_object_set_new(params, "text", json_string(b.p));
	buf_free(&b);
	return rc;
}

/* From the argument, from standard input for "-", or typed unseen. */
static int
read_token(const struct cli *c, json_t *params, const char *name,
    struct err *e)
{
	const char *given = js_str(params, name, NULL);
	char *token = NULL;

	if (given != NULL && strcmp(given, "-") != 0)
		return 0;
	if (c->ask.terminal)
		token = ask_secret(&c->ask, "Token: ");
	else if (given == NULL)
		return err_set(e, ERR_USAGE, "%s is missing: - reads it from "
		    "standard input", name);
	else if ((token = ask_line(&c->ask, name, e)) == NULL)
		return -1;
	if (token == NULL)
		return err_set(e, ERR_USAGE, "no %s given", name);
	json_object_set_new(params, name, js_text(token));
	explicit_bzero(token, strlen(token));
	free(token);
	return 0;
}

/* The daemon has another working directory. */
static int
absolute(const struct cli *c, json_t *params, const char *name, struct err *e)
{
	const char *path = js_str(params, name, "");
	char cwd[4096], *full;

	if (*path == '/')
		return 0;
	if (c->remote || confine_on())
		return err_set(e, ERR_USAGE, "%.200s: from here a path on "
		    "musterd's machine, starting with /", path);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return err_sys(e, "current directory");
	full = mem_fmt("%s/%s", cwd, path);
	json_object_set_new(params, name, js_text(full));
	free(full);
	return 0;
}

int
cli_prepare(const struct cli *c, struct cmd_call *call, struct err *e)
{
	const char *spec = call->cmd->args;
	struct cmd_arg a;

	if ((call->cmd->flags & CMD_ASKS) && !call->yes && !c->ask.terminal)
		return err_set(e, ERR_USAGE, "%s%s%s: asks first, and there is "
		    "no terminal: --yes answers it", call->cmd->noun,
		    *call->cmd->verb != '\0' ? " " : "", call->cmd->verb);
	while (cmd_arg_next(&spec, &a) == 1) {
		const char *val = js_str(call->params, a.name, NULL);
		int rc = 0;

		if (a.type == ARG_FILE && val != NULL)
			rc = read_file(c, call->params, val, e);
		else if (a.type == ARG_TOKEN)
			rc = read_token(c, call->params, a.name, e);
		else if (a.type == ARG_PATH && val != NULL)
			rc = absolute(c, call->params, a.name, e);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* ---- showing ---------------------------------------------------------- */

/* Where rows go while they arrive. */
struct show {
	struct cli *cli;
	const struct cmd_call *call;
	struct render render;
	struct render_widths widths;
	bool follow;		/* rows are shown at once, one a line */
	json_t *rows;		/* else they are part of one document */
	struct buf text;	/* and so is RAW text for --json */
};

static int
put(FILE *f, const struct buf *b, struct err *e)
{
	if (b->failed)
		return err_set(e, ERR_FAILED, "the answer is too long to show: "
		    "use --limit");
	if (fwrite(b->p, 1, b->len, f) != b->len || fflush(f) != 0)
		return err_sys(e, "standard output");
	return 0;
}

static int
show_row(struct show *s, const json_t *row, struct err *e)
{
	struct buf b = BUF_INIT(4 << 20);
	int rc;

	if (!s->follow) {
		if (s->rows == NULL)
			s->rows = json_array();
		return json_array_append(s->rows, (json_t *)row);
	}
	if (s->cli->json)
		render_json(&b, row, true, s->cli->out_terminal);
	else
		render_row(&b, s->call->cmd, row, &s->render, &s->widths);
	rc = put(s->cli->out, &b, e);
	buf_free(&b);
	return rc;
}

/* For --json: a byte that is no text becomes U+FFFD (NUL here, the others when
 * the document is made). */
static void
collect(struct show *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\0')
			buf_puts(&s->text, "\xef\xbf\xbd");
		else
			buf_putc(&s->text, p[i]);
}

/* params.text, or params.data: base64 of bytes that are no text. */
static int
show_text(struct show *s, const json_t *params, struct err *e)
{
	const json_t *t = json_object_get(params, "text");
	const char *data = js_str(params, "data", NULL);
	const char *p = json_string_value(t);
	size_t n = json_string_length(t);
	unsigned char *bytes = NULL;
	struct buf b = BUF_INIT(8 << 20);
	int rc = 0;

	if (s->cli->json && s->follow)
		return show_row(s, params, e);
	if (data != NULL) {
		bytes = base64_decode(data, &n);
		if (bytes == NULL)
			return 0;
		p = (char *)bytes;
	}
	if (s->cli->json)
		collect(s, p, n);
	else {
		render_raw(&b, p, n, s->cli->out_terminal);
		rc = put(s->cli->out, &b, e);
	}
	free(bytes);
	buf_free(&b);
	return rc;
}

/* A "stream" notification: params.row, .rows, .text or .data. */
static int
on_stream(void *ctx, json_t *params, struct err *e)
{
	const json_t *row = json_object_get(params, "row");
	const json_t *rows = json_object_get(params, "rows");
	struct show *s = ctx;
	json_t *item;
	size_t i;

	json_object_del(params, "id");
	json_array_foreach((json_t *)rows, i, item)
		if (show_row(s, item, e) == -1)
			return -1;
	if (row != NULL && show_row(s, row, e) == -1)
		return -1;
	if (json_is_string(json_object_get(params, "text")) ||
	    json_is_string(json_object_get(params, "data")))
		return show_text(s, params, e);
	return 0;
}

/* Rows and text that came before the answer belong to it. */
static json_t *
whole(struct show *s, json_t *result)
{
	json_t *doc = result;

	if (s->rows != NULL) {
		if (json_is_array(result))
			json_array_extend(s->rows, result);
		doc = s->rows;
		s->rows = NULL;
	} else if (s->text.len > 0) {
		buf_puts(&s->text, js_str(result, "text", ""));
		doc = json_is_object(result) ? json_copy(result)
		    : json_object();
		json_object_set_new(doc, "text", js_text(s->text.p));
	} else
		return result;
	json_decref(result);
	return doc;
}

static int
show_doc(const struct show *s, const json_t *doc, FILE *f, bool json,
    struct err *e)
{
	const struct cmd *cmd = s->call->cmd;
	const json_t *text = json_object_get(doc, "text");
	struct buf b = BUF_INIT(TEXT_OUT);
	int rc;

	if (s->follow && (doc == NULL || json_is_null(doc)))
		;
	else if (json)
		render_json(&b, doc, s->follow, s->cli->out_terminal);
	else if ((cmd->flags & CMD_RAW) && json_is_string(text))
		render_raw(&b, json_string_value(text),
		    json_string_length(text), s->cli->out_terminal);
	else if (!(cmd->flags & CMD_RAW) && !s->follow)
		render_doc(&b, cmd, doc, &s->render);
	rc = put(f, &b, e);
	buf_free(&b);
	return rc;
}

/* ---- the command ------------------------------------------------------ */

static bool
follows(const struct cmd_call *call)
{
	return (call->cmd->flags & CMD_STREAM) &&
	    (call->cmd != &cmds[CMD_RUN_LOG] ||
	     js_bool(call->params, "follow", false));
}

/* apply on a terminal: the plan first.  1: go on, 0: nothing to do, -1: failed
 * or not wanted. */
static int
plan(struct cli *c, struct wire *w, struct cmd_call *call, struct err *e)
{
	struct show s = { .cli = c, .call = call };
	const json_t *rows, *revision;
	json_t *doc = NULL;
	int rc = -1;

	s.render = (struct render){ clock_wall(), c->utc };
	json_object_set_new(call->params, "dry_run", json_true());
	if (call_do(w, call, on_stream, &s, &doc, e) == -1)
		goto out;
	json_object_del(call->params, "dry_run");
	doc = whole(&s, doc);
	rows = json_object_get(doc, "plan");
	rows = rows != NULL ? rows : doc;
	/* With --json standard output is for the one document. */
	if (show_doc(&s, rows, c->json ? c->ask.err : c->out, false, e) == -1)
		goto out;
	/* What was seen is what is applied, or it is refused as stale. */
	revision = json_object_get(doc, "revision");
	if (json_is_integer(revision))
		json_object_set(call->params, "revision", (json_t *)revision);
	rc = 1;
	if (json_array_size(rows) == 0)
		rc = 0;
	else if (!ask_yes(&c->ask, "Do this?", NULL))
		rc = err_set(e, ERR_FAILED, "not done");
out:
	json_decref(doc);
	json_decref(s.rows);
	return rc;
}

static int
confirm(struct cli *c, const struct cmd_call *call, struct err *e)
{
	struct buf q = BUF_INIT(4096);
	const char *spec = call->cmd->args;
	struct cmd_arg a;
	bool yes;

	if (!(call->cmd->flags & CMD_ASKS) || call->yes)
		return 0;
	cmd_question(&q, call->cmd, call->params);
	(void)cmd_arg_next(&spec, &a);
	yes = ask_yes(&c->ask, q.p, js_str(call->params, a.name, NULL));
	buf_free(&q);
	return yes ? 0 : err_set(e, ERR_FAILED, "not done");
}

int
cli_run(struct cli *c, struct wire *w, struct cmd_call *call)
{
	struct show s = { .cli = c, .call = call, .text = BUF_INIT(TEXT_OUT),
		.follow = follows(call) };
	struct err e = { 0 };
	json_t *doc = NULL;
	int rc;

	s.render = (struct render){ clock_wall(), c->utc };
	if (call_hello(w, &e) == -1 || confirm(c, call, &e) == -1)
		return cli_fail(c, &e);
	if ((call->cmd->flags & CMD_PLANS) && c->ask.terminal && !call->yes &&
	    !js_bool(call->params, "dry_run", false) &&
	    (rc = plan(c, w, call, &e)) < 1) {
		if (rc == 0)
			(void)fprintf(c->ask.err, "nothing to change\n");
		return rc == 0 ? 0 : cli_fail(c, &e);
	}
	rc = call_do(w, call, on_stream, &s, &doc, &e);
	if (rc == 0) {
		doc = whole(&s, doc);
		rc = show_doc(&s, doc, c->out, c->json, &e);
	}
	rc = rc == -1 ? cli_fail(c, &e)
	    : cmd_exit(call->cmd, call->params, doc);
	json_decref(doc);
	json_decref(s.rows);
	buf_free(&s.text);
	return rc;
}
