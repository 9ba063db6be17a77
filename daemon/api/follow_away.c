/* event follow asked of a node whose cluster's broker is elsewhere: reading is
 * passed on (SPEC section 7), so the newest events are asked for again and
 * again, and what is new among them is shown. */
#include <stdlib.h>

#include "api/call.h"
#include "js.h"
#include "mem.h"

enum { PAUSE_MS = 1000, NEWEST = 500 };

struct away_follow {
	int64_t last;		/* the newest event shown or passed over */
	bool	begun, asking;
	mono	next;
};

static void
follow_cancel(struct call *c)
{
	struct seat *away = node_away(c->api->node);

	if (away != NULL)
		seat_forget(away, c);
	free(c->state);
	call_drop(c);
}

/* Newest first; what happened before the question is shown with --since. */
static void
on_events(void *arg, const json_t *result, const struct err *e)
{
	struct call *c = arg;
	struct away_follow *f = c->state;
	bool show = f->begun || json_object_get(c->params, "since") != NULL;

	f->asking = false;
	f->next = mono_add_ms(c->b->now.mono, PAUSE_MS);
	if (result == NULL && f->begun)
		return;			/* the link is down: it comes back */
	if (result == NULL) {
		free(f);
		call_fail(c, e);
		return;
	}
	f->begun = true;
	for (size_t i = json_array_size(result); i-- > 0;) {
		json_t *row = json_array_get(result, i);
		int64_t seq = js_int(row, "seq", 0);

		if (seq <= f->last)
			continue;
		f->last = seq;
		if (show)
			call_row(c, json_incref(row));
	}
}

static void
ask(struct call *c)
{
	struct seat *away = node_away(c->api->node);
	struct away_follow *f = c->state;
	json_t *params;

	if (f->asking || f->next.us > c->b->now.mono.us ||
	    call_queued(c) > SESSION_HIGH)
		return;
	if (away == NULL) {
		free(f);
		call_failed(c, ERR_FAILED, "event follow: this node has left "
		    "the cluster");
		return;
	}
	f->asking = true;
	params = json_deep_copy(c->params);
	if (f->begun)
		(void)json_object_del(params, "since");
	(void)json_object_set_new(params, "limit", json_integer(NEWEST));
	seat_ask(away, "link.view", json_pack("{s:s,s:o}", "method",
	    "event.list", "params", params), on_events, c);
}

void
call_follow_away(struct call *c)
{
	c->state = mem_zero(1, sizeof(struct away_follow));
	c->cancel = follow_cancel;
	call_tick(c, ask);
	ask(c);
}
