/* run log asked of a node whose cluster's broker is elsewhere: the output comes
 * through the broker, a piece for each question (SPEC section 6: from any node,
 * by offset).
 *
 *   ask -> pass the piece on -> more is there: ask
 *                            -> the run goes on and is followed: ask at a tick
 *                            -> the end: answer
 */
#include <stdlib.h>

#include "api/call.h"
#include "base64.h"
#include "js.h"
#include "mem.h"

struct away_log {
	int64_t offset, attempt, tail;
	bool	follow, asking;
};

static void ask(struct call *);

static void
away_cancel(struct call *c)
{
	struct seat *away = node_away(c->api->node);

	if (away != NULL)
		seat_forget(away, c);
	free(c->state);
	call_drop(c);
}

static void
finish(struct call *c, const json_t *last)
{
	struct away_log *l = c->state;
	json_t *doc = json_pack("{s:s,s:I,s:I,s:s,s:I}", "text", "", "run",
	    (json_int_t)strtoll(js_str(c->params, "run", ""), NULL, 10),
	    "attempt", (json_int_t)l->attempt, "state", js_str(last, "state", ""),
	    "offset", (json_int_t)l->offset);

	free(l);
	call_done(c, doc);
}

static void
on_part(void *arg, const json_t *result, const struct err *e)
{
	struct call *c = arg;
	struct away_log *l = c->state;
	int64_t size = js_int(result, "size", 0);
	int64_t attempt = js_int(result, "attempt", 0);
	bool over = js_bool(result, "over", true), all;
	unsigned char *p;
	size_t n = 0, took = 0;

	l->asking = false;
	if (result == NULL) {
		free(l);
		call_fail(c, e);
		return;
	}
	/* A retry has begun: its output is another one. */
	if (l->attempt != 0 && attempt != l->attempt) {
		finish(c, result);
		return;
	}
	l->attempt = attempt;
	l->offset = js_int(result, "offset", l->offset);
	if (l->tail > 0 && size - l->tail > l->offset) {
		l->offset = size - l->tail;
		l->tail = 0;
		ask(c);
		return;
	}
	l->tail = 0;
	p = base64_decode(js_str(result, "data", ""), &n);
	all = l->offset + (int64_t)n >= size;
	if (p != NULL && n > 0)
		took = call_bytes(c, (char *)p, n,
		    all && (over || !l->follow));
	free(p);
	l->offset += (int64_t)took;
	if (l->offset >= size ? over || !l->follow : n == 0)
		finish(c, result);
	else if (took > 0)
		ask(c);
}

static void
ask(struct call *c)
{
	struct seat *away = node_away(c->api->node);
	struct away_log *l = c->state;
	json_t *params;

	if (l->asking || call_queued(c) > SESSION_HIGH)
		return;			/* at the next tick */
	if (away == NULL) {
		free(l);
		call_failed(c, ERR_FAILED, "run log: this node has left the "
		    "cluster");
		return;
	}
	l->asking = true;
	params = json_pack("{s:O,s:I}", "run",
	    json_object_get(c->params, "run"), "offset",
	    (json_int_t)l->offset);
	seat_ask(away, "link.view", json_pack("{s:s,s:o}", "method", "run.log",
	    "params", params), on_part, c);
}

void
call_log_away(struct call *c)
{
	struct away_log *l = mem_zero(1, sizeof(*l));

	l->offset = js_int(c->params, "offset", 0);
	l->follow = js_bool(c->params, "follow", false);
	l->tail = js_int(c->params, "tail", 0);
	c->state = l;
	c->cancel = away_cancel;
	call_tick(c, ask);
	ask(c);
}
