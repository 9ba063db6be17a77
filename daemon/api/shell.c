/* `ssh host VERB …`: one command line, its answer as text or JSON, its exit
 * status: what muster(1) does, without muster at the other end. */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base64.h"
#include "js.h"
#include "mem.h"
#include "render.h"
#include "text.h"

enum {
	INPUT_MAX = 1 << 20,		/* bytes of standard input */
	OUTPUT_MAX = 64 << 20,
	CHUNK = 64 << 10
};

struct shell {
	struct api	    *api;
	struct exec	    *x;
	struct cmd_call	     line;
	bool		     ended;
	int		     status;
	const char	    *wants;	/* param that standard input is, or NULL */
	bool		     whole;	/* parts are for one document: --json */
	struct buf	     in, out, err, text;
	struct render_widths widths;
};

static void
shell_free(struct shell *s)
{
	if (s->in.len > 0)		/* it may be a token */
		explicit_bzero(s->in.p, s->in.len);
	buf_free(&s->in);
	buf_free(&s->out);
	buf_free(&s->err);
	buf_free(&s->text);
	cmd_call_clear(&s->line);
	free(s);
}

/* ---- out ---- */

static void
flush_one(struct shell *s, bool err, struct buf *b)
{
	size_t at = 0;

	while (at < b->len && exec_queued(s->x) < SESSION_HIGH) {
		size_t n = b->len - at < CHUNK ? b->len - at : CHUNK;

		if (exec_write(s->x, err, b->p + at, n) == -1)
			break;
		at += n;
	}
	buf_shift(b, at);
}

/* The exec is gone from here on when everything is written and it ended. */
static void
flush(struct shell *s)
{
	struct exec *x = s->x;
	int status = s->status;

	flush_one(s, false, &s->out);
	flush_one(s, true, &s->err);
	if (s->ended && s->out.len + s->err.len == 0) {
		exec_own(x, NULL, NULL, NULL);
		exec_drained(x, NULL);
		shell_free(s);
		exec_end(x, status);
	}
}

static void
end(struct shell *s, int status)
{
	s->ended = true;
	s->status = status;
	flush(s);
}

static void
fail(struct shell *s, const struct err *e)
{
	json_t *doc;

	buf_puts(&s->err, "muster: ");
	buf_safe(&s->err, e->msg, strlen(e->msg));
	buf_putc(&s->err, '\n');
	if (s->line.json) {
		doc = json_pack("{s:{s:s,s:o}}", "error", "code",
		    err_word(e->code), "message", js_text(e->msg));
		render_json(&s->out, doc, false, exec_terminal(s->x));
		json_decref(doc);
	}
	end(s, err_exit(e->code));
}

/* ---- answers ---- */

static struct render
how(const struct shell *s)
{
	/* The reader's zone is not known here: UTC, which is named. */
	return (struct render){ .now = s->api->b->now.wall, .utc = true };
}

static void
shell_fail(void *ctx, struct call *c, const struct err *e)
{
	(void)c;
	fail(ctx, e);
}

static void
shell_done(void *ctx, struct call *c, json_t *result)
{
	struct shell *s = ctx;
	bool terminal = exec_terminal(s->x);
	const json_t *text = json_object_get(result, "text");
	struct render r = how(s);
	struct err e;

	if (s->whole && s->text.len > 0) {
		buf_puts(&s->text, js_str(result, "text", ""));
		(void)json_object_set_new(result, "text", js_text(s->text.p));
	}
	if ((c->cmd->flags & CMD_RAW) && !s->line.json)
		render_raw(&s->out, json_string_value(text),
		    json_string_length(text), terminal);
	else if (s->line.json)
		render_json(&s->out, result,
		    (c->cmd->flags & CMD_STREAM) && !s->whole, terminal);
	else
		render_doc(&s->out, c->cmd, result, &r);
	if (s->out.failed || s->text.failed) {
		(void)err_set(&e, ERR_FAILED, "the answer is too long to show: "
		    "use --limit");
		fail(s, &e);
	} else
		end(s, cmd_exit(c->cmd, c->params, result));
}

/* Output of a run.  In JSON a byte that is no text becomes U+FFFD. */
static void
show_bytes(struct shell *s, const char *p, size_t n)
{
	if (!s->whole) {
		render_raw(&s->out, p, n, exec_terminal(s->x));
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\0')
			buf_puts(&s->text, "\xef\xbf\xbd");
		else
			buf_putc(&s->text, p[i]);
}

static void
shell_part(void *ctx, struct call *c, json_t *part)
{
	struct shell *s = ctx;
	const json_t *row = json_object_get(part, "row");
	const json_t *text = json_object_get(part, "text");
	struct render r = how(s);
	unsigned char *p;
	size_t n;

	if (s->line.json && !s->whole)
		render_json(&s->out, row != NULL ? row : part, true,
		    exec_terminal(s->x));
	else if (row != NULL)
		render_row(&s->out, c->cmd, row, &r, &s->widths);
	else if (text != NULL)
		show_bytes(s, json_string_value(text),
		    json_string_length(text));
	else if ((p = base64_decode(js_str(part, "data", ""), &n)) != NULL) {
		show_bytes(s, (char *)p, n);
		free(p);
	}
	json_decref(part);
	flush(s);
}

static size_t
shell_queued(void *ctx)
{
	const struct shell *s = ctx;

	return s->out.len + exec_queued(s->x);
}

static const struct call_ops shell_ops = {
	.done = shell_done,
	.fail = shell_fail,
	.part = shell_part,
	.queued = shell_queued,
};

/* ---- in ---- */

static void
ask(struct shell *s)
{
	const struct peer *peer = exec_peer(s->x);
	char who[64];

	s->whole = s->line.json && (s->line.cmd->flags & CMD_RAW) &&
	    !js_bool(s->line.params, "follow", false);
	call_who(peer, who);
	call_begin(s->api, s->line.cmd, s->line.params, who,
	    call_privs(s->api, peer), &shell_ops, s, NULL);
}

static void
failed(struct shell *s, enum err_code code, const char *what, const char *why)
{
	struct err e;

	(void)err_set(&e, code, "%s: %s", what, why);
	fail(s, &e);
}

/* Standard input was wanted and is all there. */
static void
take_input(struct shell *s)
{
	const char *wants = s->wants;
	size_t n = s->in.len;

	s->wants = NULL;
	if (s->in.failed) {
		failed(s, ERR_USAGE, wants, "standard input is longer than "
		    "1 MiB");
		return;
	}
	if (strcmp(wants, "text") != 0)		/* a token: its first line */
		n = strcspn(s->in.p, "\r\n");
	(void)json_object_set_new(s->line.params, wants,
	    n == s->in.len ? js_text(s->in.p)
			   : json_stringn(s->in.p, n));
	if (!json_is_string(json_object_get(s->line.params, wants)))
		failed(s, ERR_USAGE, wants, "standard input is not UTF-8");
	else
		ask(s);
}

static void
on_input(struct exec *x, const char *p, size_t n, void *ctx)
{
	struct shell *s = ctx;

	(void)x;
	if (s->wants == NULL)
		return;
	if (p != NULL)
		buf_put(&s->in, p, n);
	/* At a terminal a line is enough for a token. */
	if (p == NULL || s->in.failed || (strcmp(s->wants, "text") != 0 &&
	    memchr(s->in.p, '\n', s->in.len) != NULL))
		take_input(s);
}

static void
on_drained(struct exec *x, void *ctx)
{
	(void)x;
	flush(ctx);
}

static void
on_gone(struct exec *x, void *ctx)
{
	struct shell *s = ctx;

	(void)x;
	call_gone(s->api, s);
	shell_free(s);
}

/* ---- the command line ---- */

/* What muster(1) would read from the operator's machine. */
static int
prepare(struct shell *s, struct err *e)
{
	const struct cmd *cmd = s->line.cmd;
	const char *spec = cmd->args;
	struct cmd_arg a;

	if ((cmd->flags & CMD_ASKS) && !s->line.yes)
		return err_set(e, ERR_USAGE, "%s%s%s: asks first, which it "
		    "cannot here: --yes answers it", cmd->noun,
		    cmd->verb[0] != '\0' ? " " : "", cmd->verb);
	while (cmd_arg_next(&spec, &a) == 1) {
		const char *v = js_str(s->line.params, a.name, NULL);

		if (a.type == ARG_TOKEN && (v == NULL || strcmp(v, "-") == 0))
			s->wants = "token";
		else if (a.type == ARG_FILE && v != NULL) {
			if (strcmp(v, "-") != 0)
				return err_set(e, ERR_USAGE, "%s: files of "
				    "your machine are not read here: %s - < "
				    "FILE", v, cmd->noun);
			s->wants = "text";
		}
	}
	return 0;
}

static void
help(struct shell *s)
{
	cmd_help(&s->out, s->line.noun, s->line.cmd);
	end(s, 0);
}

static void
run(struct shell *s, int n, char **words)
{
	struct err e;

	if (n == 0 || cmd_parse(n, words, &s->line, &e) == -1) {
		if (n == 0)
			help(s);
		else
			fail(s, &e);
	} else if (s->line.help || s->line.cmd == NULL)
		help(s);
	else if (prepare(s, &e) == -1)
		fail(s, &e);
	else if (s->wants == NULL)
		ask(s);
}

void
api_exec(struct api *a, struct exec *x, const char *command)
{
	struct shell *s = mem_zero(1, sizeof(*s));
	char **words = NULL;
	struct err e;
	int n;

	s->api = a;
	s->x = x;
	s->in = (struct buf)BUF_INIT(INPUT_MAX);
	s->out = (struct buf)BUF_INIT(OUTPUT_MAX);
	s->err = (struct buf)BUF_INIT(8192);
	s->text = (struct buf)BUF_INIT(OUTPUT_MAX);
	exec_own(x, on_gone, on_input, s);
	exec_drained(x, on_drained);
	n = text_words(command != NULL ? command : "", &words, &e);
	if (n == -1)
		fail(s, &e);
	else
		run(s, n, words);
	text_words_free(words, n);
}
