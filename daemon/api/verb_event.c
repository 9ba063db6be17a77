/* event list and follow. */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "js.h"
#include "mem.h"

enum { EVENTS = 100, EVENTS_READ = 100000, CATCH_UP = 500 };

static bool
is(const struct call *c, const char *name, const json_t *event)
{
	const char *want = call_str(c, name);

	return want == NULL || strcmp(want, js_str(event, name, "")) == 0;
}

static bool
passes(const struct call *c, const json_t *event)
{
	return is(c, "severity", event) && is(c, "code", event) &&
	    is(c, "node", event) && is(c, "actor", event);
}

/* Newest first. */
static json_t *
list(const struct call *c, int64_t limit, wall since)
{
	if (limit < 1)
		return json_array();
	return event_list(c->b->events, limit, since, call_str(c, "severity"),
	    call_str(c, "code"), call_str(c, "node"), call_str(c, "actor"));
}

void
do_event_list(struct call *c)
{
	call_done(c, list(c, call_limit(c, EVENTS), call_since(c)));
}

/* ---- follow ---- */

/* Who reads too slowly is told later, from the store, instead of piling up
 * here (SPEC section 9). */
struct follow {
	struct event_sub *sub;
	int64_t		  last;		/* the newest one told or passed over */
	bool		  behind;
};

static void
tell(struct call *c, const json_t *event)
{
	struct follow *f = c->state;

	f->last = js_int(event, "seq", f->last);
	if (passes(c, event))
		call_row(c, json_incref((json_t *)event));
}

static void
on_event(void *arg, const json_t *event)
{
	struct call *c = arg;
	struct follow *f = c->state;

	if (f->behind || call_queued(c) > SESSION_HIGH)
		f->behind = true;
	else
		tell(c, event);
}

static int
on_row(const struct row *r, void *arg)
{
	struct call *c = arg;
	const char *data = row_text(r, 7);
	json_t *d = data != NULL ? json_loads(data, JSON_DECODE_ANY, NULL)
				 : NULL;
	json_t *event = json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "seq",
	    (json_int_t)row_int(r, 0), "at", js_time((wall){ row_int(r, 1) }),
	    "severity", js_text(row_text(r, 2)), "code",
	    js_text(row_text(r, 3)), "node", js_text(row_text(r, 4)), "actor",
	    js_text(row_text(r, 5)), "message", js_text(row_text(r, 6)),
	    "data", d != NULL ? d : json_null());

	tell(c, event);
	json_decref(event);
	return 0;
}

static void
catch_up(struct call *c)
{
	struct follow *f = c->state;

	if (!f->behind || call_queued(c) > SESSION_HIGH / 2)
		return;
	if (store_query(c->b->store, S_EVENT_SINCE, on_row, c, "ii", f->last,
	        (int64_t)CATCH_UP) < CATCH_UP)
		f->behind = false;
}

static void
follow_cancel(struct call *c)
{
	struct follow *f = c->state;

	event_unfollow(c->b->events, f->sub);
	free(f);
	call_drop(c);
}

void
do_event_follow(struct call *c)
{
	struct follow *f = mem_zero(1, sizeof(*f));
	wall since = call_since(c);
	json_t *past;

	c->state = f;
	c->cancel = follow_cancel;
	f->last = event_last(c->b->events);
	f->sub = event_follow(c->b->events, on_event, c);
	if (since.ms != 0) {
		past = list(c, EVENTS_READ, since);
		for (size_t i = json_array_size(past); i-- > 0;) {
			if (call_queued(c) > SESSION_HIGH) {
				f->last = js_int(json_array_get(past, i),
				    "seq", 1) - 1;
				f->behind = true;
				break;
			}
			call_row(c, json_incref(json_array_get(past, i)));
		}
		json_decref(past);
	}
	call_tick(c, catch_up);
}
