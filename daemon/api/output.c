/* run log: the output of a run from where it is kept.  That is the agent's
 * disk; of an agent that is away (or has thrown it out) there is the tail that
 * came with the run's end.
 *
 *   look -> ask the agent for a piece -> send it -> look …
 *        -> nothing new, the run goes on: wait for the next tick, look
 *        -> no answer: as if the agent were away
 *        -> the end: answer
 *
 * A node that was asked about the cluster's run (output_away.c) takes no
 * stream: it gets one piece for each question.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base64.h"
#include "broker/dispatch.h"
#include "broker/live.h"
#include "broker/roster.h"
#include "broker/runlist.h"
#include "js.h"
#include "mem.h"

enum {
	PIECE = 128 << 10,
	ANSWER_MS = 30000	/* the agent's */
};

struct log {
	int64_t run, attempt;		/* 0: the newest, not yet known */
	int64_t stored;			/* attempt that was found stored */
	int64_t offset, last;		/* last: only so many bytes, 0: all */
	bool	follow, asking, sent;
	bool	over;			/* the run has ended */
	mono	until;			/* asking: then no more */
	char	agent[64], state[16];
	char   *tail;			/* of the stored run */
	size_t	ntail;
};

static void look(struct call *);

static void
log_free(struct log *l)
{
	free(l->tail);
	free(l);
}

static void
log_cancel(struct call *c)
{
	struct log *l = c->state;

	if (l->asking)
		gate_forget(c->b, c);
	log_free(l);
	call_drop(c);
}

static void
finish(struct call *c)
{
	struct log *l = c->state;
	json_t *doc = json_pack("{s:s,s:I,s:I,s:s,s:I}", "text", "", "run",
	    (json_int_t)l->run, "attempt", (json_int_t)l->attempt, "state",
	    l->state, "offset", (json_int_t)l->offset);

	log_free(l);
	call_done(c, doc);
}

/* One piece for a node that asks for the next one itself. */
static void
piece(struct call *c, json_t *data, int64_t size, bool over)
{
	struct log *l = c->state;
	json_t *doc = json_pack("{s:o,s:I,s:I,s:b,s:I,s:s}", "data", data,
	    "offset", (json_int_t)l->offset, "size", (json_int_t)size, "over",
	    over, "attempt", (json_int_t)l->attempt, "state", l->state);

	log_free(l);
	call_done(c, doc);
}

static int
on_stored(const struct row *r, void *arg)
{
	struct log *l = arg;
	const void *p;
	size_t n;

	if (l->attempt != 0 && row_int(r, 1) != l->attempt)
		return 0;
	l->over = true;
	l->stored = row_int(r, 1);
	(void)MEM_STR(l->agent, row_text(r, 5) != NULL ? row_text(r, 5) : "");
	(void)MEM_STR(l->state, row_text(r, 6));
	free(l->tail);
	l->tail = NULL;
	p = row_blob(r, 15, &n);
	l->ntail = n;
	if (n > 0) {
		l->tail = mem_zero(n, 1);
		memcpy(l->tail, p, n);
	}
	return 0;
}

/* Where the run is now; false when there is none. */
static bool
locate(struct call *c)
{
	struct log *l = c->state;
	const struct run *r = live_find(c->b, l->run);

	l->over = false;
	l->state[0] = '\0';
	(void)store_query(c->b->store, S_RUN_HIST_GET, on_stored, l, "i",
	    l->run);
	if (r != NULL && !run_ended(r->state) &&
	    (l->attempt == 0 || r->attempt == l->attempt)) {
		l->over = false;
		(void)MEM_STR(l->agent, r->agent);
		(void)MEM_STR(l->state, run_state_word(r->state));
		if (r->agent[0] != '\0')
			l->attempt = r->attempt;
		return true;
	}
	if (l->over && l->attempt == 0)
		l->attempt = l->stored;
	/* Ended, its outcome on the way to the disk. */
	if (r != NULL && l->state[0] == '\0') {
		(void)MEM_STR(l->agent, r->agent);
		(void)MEM_STR(l->state, run_state_word(r->state));
	}
	return l->state[0] != '\0';
}

/* The agent cannot give it. */
static void
fall_back(struct call *c, const char *why)
{
	struct log *l = c->state;

	if (!l->over && l->follow)
		return;			/* until the next tick */
	if (l->over && !call_streams(c)) {
		bool first = l->offset == 0;

		piece(c, base64_json(l->tail, first ? l->ntail : 0),
		    first ? (int64_t)l->ntail : l->offset, true);
		return;
	}
	if (l->over) {
		/* Only the end is here, so an offset into the whole says
		 * nothing about it. */
		if (!l->sent && l->offset == 0 && l->ntail > 0) {
			(void)call_bytes(c, l->tail, l->ntail, true);
			l->offset = (int64_t)l->ntail;
		}
		finish(c);
		return;
	}
	call_failed(c, ERR_FAILED, "run %lld: %s", (long long)l->run, why);
	log_free(l);
}

/* An agent may be of another version, or not be ours at all. */
static bool
understood(const json_t *result)
{
	int64_t at = js_int(result, "offset", 0);
	int64_t size = js_int(result, "size", 0);

	return json_is_string(json_object_get(result, "data")) && at >= 0 &&
	    at <= CMD_INT_MAX && size >= 0 && size <= CMD_INT_MAX;
}

static void
on_piece(void *arg, const json_t *result, const struct err *e)
{
	struct call *c = arg;
	struct log *l = c->state;
	bool ended = js_bool(result, "ended", true);
	unsigned char *p;
	size_t n = 0, took = 0;

	l->asking = false;
	if (result == NULL || !js_bool(result, "found", false)) {
		if (result != NULL && !l->over && !call_streams(c))
			piece(c, json_string(""), l->offset, false);
		else if (result != NULL && !l->over && !l->follow)
			finish(c);	/* it has written nothing yet */
		else
			fall_back(c, e != NULL ? e->msg : "");
		return;
	}
	if (!understood(result)) {
		l->follow = false;	/* the next would be like it */
		fall_back(c, "the agent's answer is not understood: is its "
		    "version ours? (muster agent list)");
		return;
	}
	l->offset = js_int(result, "offset", l->offset);
	if (!call_streams(c)) {
		(void)locate(c);
		piece(c, json_incref(json_object_get(result, "data")),
		    js_int(result, "size", 0), ended && l->over);
		return;
	}
	/* The size is known with the first piece: only now it can be skipped. */
	if (l->last > 0 && js_int(result, "size", 0) - l->last > l->offset) {
		l->offset = js_int(result, "size", 0) - l->last;
		l->last = 0;
		look(c);
		return;
	}
	l->last = 0;
	p = base64_decode(js_str(result, "data", ""), &n);
	if (p != NULL && n > 0)
		took = call_bytes(c, (char *)p, n,
		    l->offset + (int64_t)n >= js_int(result, "size", 0) &&
		    (ended || !l->follow));
	free(p);
	l->offset += (int64_t)took;
	l->sent |= took > 0;
	(void)locate(c);
	/* A follower is told how the run ended, so that is waited for. */
	if (l->offset >= js_int(result, "size", 0) &&
	    (!l->follow || (ended && l->over)))
		finish(c);
	else if (took > 0)
		look(c);
}

static void
unanswered(struct call *c)
{
	struct log *l = c->state;

	gate_forget(c->b, c);
	l->asking = false;
	(void)locate(c);
	fall_back(c, "the agent that has its output did not answer in 30 s: "
	    "try again later");
}

static void
look(struct call *c)
{
	struct log *l = c->state;
	struct member *m;

	if (l->asking && c->b->now.mono.us >= l->until.us) {
		unanswered(c);
		return;
	}
	if (l->asking || call_queued(c) > SESSION_HIGH)
		return;
	if (!locate(c)) {
		call_failed(c, ERR_NOTFOUND, "run %lld: there is none of this "
		    "number (muster run list)", (long long)l->run);
		log_free(l);
		return;
	}
	m = l->agent[0] != '\0' ? roster_by_name(c->b->roster, l->agent)
				: NULL;
	if (m == NULL || m->session == NULL) {
		fall_back(c, l->agent[0] == '\0'
		    ? "it has not started: muster run explain says why"
		    : "its output is on an agent that is not connected: try "
		      "again later");
		return;
	}
	l->asking = true;
	l->until = mono_add_ms(c->b->now.mono, ANSWER_MS);
	gate_output(c->b, m, l->run, l->attempt, l->offset, PIECE, on_piece,
	    c);
}

void
do_run_log(struct call *c)
{
	int64_t id = call_number(c, "run");
	struct log *l;

	if (id == -1)
		return;
	l = mem_zero(1, sizeof(*l));
	l->run = id;
	l->offset = js_int(c->params, "offset", 0);
	l->follow = js_bool(c->params, "follow", false);
	l->last = js_int(c->params, "tail", 0);
	c->state = l;
	c->cancel = log_cancel;
	call_tick(c, look);
	look(c);
}
