#include "api/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "broker/catalog.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum {
	TICK_MS = 250,
	PASS_MS = 30000,
	KEPT_WHOLE = 65536,	/* bytes of a value of what was done */
	KEPT_TEXT = 256,	/* bytes of a text of what was refused */
	KEPT_INSIDE = 64,	/* of one in a list or an object */
	KEPT_ITEMS = 16
};

/* ---- privileges ---- */

/* SPEC section 7's groups. */
unsigned
call_group_privs(enum config_group g)
{
	switch (g) {
	case CONFIG_ADMIN:
		return PRIVS_ALL;
	case CONFIG_OPERATOR:
		return 1u << PRIV_VIEW | 1u << PRIV_RUN_JOBS |
		    1u << PRIV_STOP_ANY_RUN;
	case CONFIG_VIEWER:
		return 1u << PRIV_VIEW;
	}
	return PRIVS_NONE;
}

/* The fingerprint is of the whole key, also of a type whose text is not kept;
 * the text, where it is, spares the work of making one for every call. */
bool
call_key_is(const char *key, const struct peer *p)
{
	char pub[128], fp[64];
	size_t n = strlen(p->key);

	if (p->fingerprint[0] == '\0')
		return false;
	if (n > 0 && strncmp(key, p->key, n) == 0 &&
	    strchr(" \t\r\n", key[n]) != NULL)
		return true;
	return key_parse(key, pub, fp, NULL) == 0 &&
	    strcmp(fp, p->fingerprint) == 0;
}

/* Looked up for every call, so that an operator who was taken out of the
 * configuration, or whose key was replaced there, loses what an open session
 * had.  One name may have several keys, each with its own group. */
unsigned
call_privs(const struct api *a, const struct peer *p)
{
	const struct config *cfg = node_config(a->node);

	if (p->kind == PEER_LOCAL)
		return p->uid == 0 || p->uid == geteuid() ? PRIVS_ALL
							  : PRIVS_NONE;
	for (size_t i = 0; p->kind == PEER_OPERATOR && i < cfg->noperators;
	     i++)
		if (strcmp(cfg->operators[i].name, p->name) == 0 &&
		    call_key_is(cfg->operators[i].key, p))
			return call_group_privs(cfg->operators[i].group);
	return PRIVS_NONE;
}

void
call_who(const struct peer *p, char who[64])
{
	const char *name = p->kind == PEER_OPERATOR ? p->name : p->user;
	const char *colon = strrchr(p->addr, ':');
	int len = colon != NULL ? (int)(colon - p->addr)
				: (int)strlen(p->addr);

	if (p->kind == PEER_LOCAL)
		(void)snprintf(who, 64, "%.50s@local", name);
	else
		(void)snprintf(who, 64, "%.30s@%.*s", name, len > 32 ? 32 : len,
		    p->addr);
}

/* ---- the trail ---- */

/* The words of the command with its positional arguments, for people. */
static void
words(const struct call *c, struct buf *b)
{
	const char *spec = c->cmd->args;
	struct cmd_arg a;

	buf_puts(b, c->cmd->noun);
	if (c->cmd->verb[0] != '\0')
		buf_fmt(b, " %s", c->cmd->verb);
	while (cmd_arg_next(&spec, &a) == 1) {
		const json_t *v = json_object_get(c->params, a.name), *item;
		const char *key;

		if (a.option || a.type == ARG_TOKEN)
			continue;
		if (json_is_string(v))
			buf_fmt(b, " %s", json_string_value(v));
		json_object_foreach((json_t *)v, key, item)
			buf_fmt(b, " %s=%s", key,
			    json_is_string(item) ? json_string_value(item)
						 : "");
	}
}

/* How many bytes from the start are whole, valid characters other than NUL. */
static size_t
text_prefix(const char *p, size_t n)
{
	size_t at = 0, used;
	uint32_t cp;

	while (at < n && p[at] != '\0' &&
	    (used = utf8_next(p + at, n - at, &cp)) > 0)
		at += used;
	return at;
}

/* A value whose type nobody has looked at, in a bounded form. */
static json_t *
shortened(const json_t *v, bool inside)
{
	size_t n = json_string_length(v), i;
	size_t most = inside ? KEPT_INSIDE : KEPT_TEXT;
	const char *text = json_string_value(v), *key;
	json_t *out, *item;

	if (text != NULL)
		return json_stringn(text, n <= most ? n
						    : text_prefix(text, most));
	if (!json_is_array(v) && !json_is_object(v))
		return json_incref((json_t *)v);
	if (inside)
		return json_null();
	out = json_is_array(v) ? json_array() : json_object();
	json_array_foreach(v, i, item)
		if (i < KEPT_ITEMS)
			(void)json_array_append_new(out, shortened(item, true));
	json_object_foreach((json_t *)v, key, item)
		if (json_object_size(out) < KEPT_ITEMS &&
		    strlen(key) <= KEPT_INSIDE)
			(void)json_object_set_new(out, key, shortened(item,
			    true));
	return out;
}

/* Of the parameters that the command has; as they are up to so many bytes. */
static void
keep(const struct call *c, const char *spec, size_t whole, json_t *params)
{
	struct cmd_arg a;

	while (cmd_arg_next(&spec, &a) == 1) {
		json_t *v = json_object_get(c->params, a.name);

		if (v != NULL && a.type != ARG_TOKEN)
			(void)json_object_set_new(params, a.name,
			    json_dumpb(v, NULL, 0, JSON_ENCODE_ANY) <= whole
			        ? json_incref(v) : shortened(v, false));
	}
}

/* What is refused may not have been checked by then, and whoever sent it may do
 * nothing here: it must not fill the store. */
static json_t *
refused_data(const struct call *c, const char *why)
{
	const json_t *reason = json_object_get(c->params, "reason");
	json_t *params = json_object();

	keep(c, c->cmd->args, 0, params);
	keep(c, cmd_options(c->cmd), 0, params);
	return json_pack("{s:o,s:s,s:o,s:O*}", "params", params, "result",
	    why, "reason", json_is_string(reason) ? shortened(reason, false)
						  : json_null(), "values",
	    c->facts);
}

static json_t *
done_data(const struct call *c)
{
	json_t *params = json_object();

	keep(c, c->cmd->args, KEPT_WHOLE, params);
	keep(c, cmd_options(c->cmd), KEPT_WHOLE, params);
	return json_pack("{s:o,s:s,s:o,s:O*}", "params", params, "result",
	    "done", "reason", js_text(call_str(c, "reason")), "values",
	    c->facts);
}

/* SPEC section 7: every change is an audit event, refused attempts too. */
static void
audit(struct call *c, const struct err *e)
{
	struct buf b = BUF_INIT(600);
	char code[CMD_METHOD];

	if (!(c->cmd->flags & CMD_CHANGES) ||
	    js_bool(c->params, "dry_run", false))
		return;
	if (e == NULL && c->audited && call_str(c, "reason") == NULL)
		return;
	words(c, &b);
	(void)cmd_method(c->cmd, code);
	for (char *p = code; *p != '\0'; p++)
		if (*p == '.')
			*p = '_';
	if (e == NULL)
		(void)event_add(c->b->events, c->b->now.wall, SEV_AUDIT, code,
		    c->b->node, c->who, done_data(c), "%s", b.p);
	else
		(void)event_add(c->b->events, c->b->now.wall, SEV_AUDIT,
		    "command_refused", c->b->node, c->who,
		    refused_data(c, err_word(e->code)), "%s: %s", b.p, e->msg);
	buf_free(&b);
}

/* ---- the end ---- */

void
call_drop(struct call *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	json_decref(c->params);
	json_decref(c->rpc_id);
	json_decref(c->facts);
	free(c);
}

void
call_done(struct call *c, json_t *result)
{
	/* What it was to be made of did not fit: whoever asked counts on an
	 * answer or an error. */
	if (result == NULL) {
		call_failed(c, ERR_FAILED, "%s%s%s: no answer could be made: "
		    "try again, then muster doctor", c->cmd->noun,
		    c->cmd->verb[0] != '\0' ? " " : "", c->cmd->verb);
		return;
	}
	audit(c, NULL);
	if (c->ops != NULL)
		c->ops->done(c->ctx, c, result);
	json_decref(result);
	call_drop(c);
}

void
call_fail(struct call *c, const struct err *e)
{
	audit(c, e);
	if (c->ops != NULL)
		c->ops->fail(c->ctx, c, e);
	call_drop(c);
}

void
call_failed(struct call *c, enum err_code code, const char *fmt, ...)
{
	struct err e = { .code = code };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e.msg, sizeof(e.msg), fmt, ap);
	va_end(ap);
	call_fail(c, &e);
}

void
call_unstored(struct call *c, enum store_rc rc)
{
	struct err e;

	(void)store_err(rc, &e, "%s%s%s", c->cmd->noun,
	    c->cmd->verb[0] != '\0' ? " " : "", c->cmd->verb);
	call_fail(c, &e);
}

void
call_told(struct call *c, json_t *more, const char *fmt, ...)
{
	json_t *doc = json_object();
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)json_object_set_new(doc, "message", js_text(text));
	if (more != NULL)
		(void)json_object_update_missing(doc, more);
	json_decref(more);
	call_done(c, doc);
}

void
call_pass(void *arg, json_t *result, const struct err *e)
{
	if (result != NULL || e == NULL)
		call_done(arg, json_incref(result));
	else
		call_fail(arg, e);
}

void
call_gone(struct api *a, const void *ctx)
{
	struct call *c = a->calls, *next;

	for (; c != NULL; c = next) {
		next = c->next;
		if (c->ops == NULL || c->ctx != ctx)
			continue;
		c->ops = NULL;
		if (c->cancel != NULL)
			c->cancel(c);
	}
}

/* ---- the beginning ---- */

static void
denied(struct call *c, unsigned privs)
{
	size_t n = strlen(c->who);
	bool local = n > 6 && strcmp(c->who + n - 6, "@local") == 0;

	call_failed(c, ERR_DENIED, "%s%s%s needs the privilege %s, which %s "
	    "does not have: %s", c->cmd->noun,
	    c->cmd->verb[0] != '\0' ? " " : "", c->cmd->verb,
	    cmd_priv_word(c->cmd->priv), c->who,
	    local ? "ask as root (sudo), or with an operator's key: muster -H "
		    "HOST"
	    : privs == PRIVS_NONE
	        ? "the key of this session is no operator's any more: log in "
	          "again with one that is in musterd.conf"
	        : "another group for this operator in musterd.conf gives it");
}

static void
passed(void *arg, const json_t *result, const struct err *e)
{
	struct call *c = arg;

	free(c->state);
	c->state = NULL;
	call_pass(c, (json_t *)result, e);
}

static void
pass_cancel(struct call *c)
{
	struct seat *away = node_away(c->api->node);

	if (away != NULL)
		seat_forget(away, c);
	free(c->state);
	call_drop(c);
}

static void
pass_tick(struct call *c)
{
	struct seat *away = node_away(c->api->node);
	const mono *until = c->state;

	if (c->b->now.mono.us < until->us)
		return;
	if (away != NULL)
		seat_forget(away, c);
	free(c->state);
	call_failed(c, ERR_TIMEOUT, "no answer from the broker in %d s: muster "
	    "doctor", PASS_MS / 1000);
}

/* Reading passes as `view` (SPEC section 7). */
static void
pass_on(struct call *c, struct seat *away)
{
	mono *until = mem_zero(1, sizeof(*until));
	char method[CMD_METHOD];

	*until = mono_add_ms(c->b->now.mono, PASS_MS);
	c->state = until;
	c->cancel = pass_cancel;
	call_tick(c, pass_tick);
	seat_ask(away, "link.view", json_pack("{s:s,s:O}", "method",
	    cmd_method(c->cmd, method), "params", c->params), passed, c);
}

static void
only_look(struct call *c, const struct seat *away)
{
	const struct seat_facts *f = seat_facts(away);
	struct buf b = BUF_INIT(600);

	words(c, &b);
	if (c->id == CMD_JOB_RUN && node_mode(c->api->node) == NODE_WORKER)
		call_failed(c, ERR_FAILED, "%s is a worker of %s: run it at "
		    "the broker, or muster leave", node_name(c->api->node),
		    f->cluster);
	else
		call_failed(c, ERR_DENIED, "this node may only look: muster "
		    "-H %s %s", f->broker, b.p);
	buf_free(&b);
}

/* `agent on` and `agent off` without a name: this node itself. */
static bool
is_self(const struct call *c)
{
	return (c->cmd->flags & CMD_SELF) && call_str(c, "agent") == NULL;
}

static void
route(struct call *c)
{
	struct seat *away = node_away(c->api->node);

	if (c->cmd->scope == CMD_CLUSTER && away != NULL && !is_self(c)) {
		if (c->id == CMD_RUN_LOG)
			call_log_away(c);
		else if (c->id == CMD_EVENT_FOLLOW)
			call_follow_away(c);
		else if (c->cmd->priv == PRIV_VIEW &&
		    !(c->cmd->flags & CMD_STREAM))
			pass_on(c, away);
		else
			only_look(c, away);
	} else if (c->cmd->scope == CMD_CLUSTER && away == NULL &&
	    !c->b->awake)
		call_failed(c, ERR_BUSY, "%s is just changing clusters: try "
		    "again", node_name(c->api->node));
	else
		call_handlers[c->id](c);
}

void
call_begin(struct api *a, const struct cmd *cmd, const json_t *params,
    const char *who, unsigned privs, const struct call_ops *ops, void *ctx,
    const json_t *rpc_id)
{
	struct call *c = mem_zero(1, sizeof(*c));
	struct err e;

	c->api = a;
	c->b = a->b;
	c->b->now = c->b->clock();
	c->cmd = cmd;
	c->id = (enum cmd_id)(cmd - cmds);
	c->params = json_is_object(params) ? json_deep_copy(params)
					   : json_object();
	c->ops = ops;
	c->ctx = ctx;
	c->rpc_id = json_deep_copy(rpc_id);
	(void)MEM_STR(c->who, who);
	c->next = a->calls;
	c->link = &a->calls;
	if (c->next != NULL)
		c->next->link = &c->next;
	a->calls = c;
	if (!(privs & 1u << cmd->priv))
		denied(c, privs);
	else if (cmd_check(cmd, params, &e) == -1)
		call_fail(c, &e);
	else
		route(c);
}

/* ---- parts ---- */

bool
call_streams(const struct call *c)
{
	return c->ops != NULL && c->ops->part != NULL;
}

size_t
call_queued(const struct call *c)
{
	return c->ops != NULL && c->ops->queued != NULL ? c->ops->queued(c->ctx)
							: 0;
}

static void
part(struct call *c, json_t *doc)
{
	if (call_streams(c))
		c->ops->part(c->ctx, c, doc);
	else
		json_decref(doc);
}

void
call_row(struct call *c, json_t *row)
{
	part(c, json_pack("{s:o}", "row", row));
}

size_t
call_bytes(struct call *c, const char *p, size_t n, bool last)
{
	size_t good = text_prefix(p, n);

	if (good == n || (!last && good > 0 && n - good < 4)) {
		if (good > 0)
			part(c, json_pack("{s:o}", "text",
			    json_stringn(p, good)));
		return good;
	}
	if (!last && n < 4 && p[good] != '\0')
		return 0;		/* the rest of it is on its way */
	part(c, json_pack("{s:o}", "data", base64_json(p, n)));
	return n;
}

static void
on_tick_closed(uv_handle_t *h)
{
	free(h);
}

void
call_ticks_end(struct api *a)
{
	if (a->tick != NULL)
		uv_close((uv_handle_t *)a->tick, on_tick_closed);
	a->tick = NULL;
}

static void
on_tick(uv_timer_t *h)
{
	struct api *a = h->data;
	struct call *c = a->calls, *next;
	bool any = false;

	a->b->now = a->b->clock();
	for (; c != NULL; c = next) {
		next = c->next;
		if (c->tick != NULL) {
			any = true;
			c->tick(c);
		}
	}
	if (!any)
		call_ticks_end(a);
}

void
call_tick(struct call *c, void (*tick)(struct call *))
{
	struct api *a = c->api;

	c->tick = tick;
	if (a->tick != NULL)
		return;
	a->tick = mem_zero(1, sizeof(*a->tick));
	(void)uv_timer_init(a->loop, a->tick);
	a->tick->data = a;
	(void)uv_timer_start(a->tick, on_tick, TICK_MS, TICK_MS);
}
