/* What a seat tells its broker of its runs: in hello, when it happens, and once
 * more.  The ends of runs that wrote much are large, and heartbeats wait behind
 * them: only so much of them is on its way that a slow line does not look dead. */
#include <string.h>

#include "js.h"
#include "node/seat_impl.h"

enum {
	TOLD_AT_HELLO = 16 << 10,	/* bytes of output */
	ROOM = 64 << 10,		/* on their way, at first */
	ROOM_MOST = SESSION_QUEUE,
	QUICK_MS = 500			/* a round trip that leaves room for more */
};

static size_t
wrote(const json_t *report)
{
	return strlen(js_str(report, "output", ""));
}

/* One of the keys of runs_keys; NULL when it is gone, or when it means nothing
 * to the broker before link.spool. */
static json_t *
one(const struct seat *s, const json_t *key)
{
	int64_t run = json_integer_value(json_array_get(key, 0));

	if (alone_holds(s->alone, run))
		return NULL;
	return runs_report(s->runs, s->facts.cluster_id, run,
	    json_integer_value(json_array_get(key, 1)));
}

/* An end without what was written: that it is here is said now, and the end
 * itself once hello is answered. */
static json_t *
shortened(const json_t *r)
{
	return json_pack("{s:I,s:I,s:s,s:n}", "run",
	    (json_int_t)js_int(r, "run", 0), "attempt",
	    (json_int_t)js_int(r, "attempt", 0), "state", "accepted",
	    "started_at");
}

/* Hello is one message, and is to be answered soon: a node that cannot say it
 * never gets rid of what it has to tell. */
json_t *
seat_told_runs(struct seat *s)
{
	json_t *keys = runs_keys(s->runs, s->facts.cluster_id), *key;
	json_t *list = json_array();
	size_t bytes = 0, i;

	json_array_foreach(keys, i, key) {
		json_t *r = one(s, key);

		if (r == NULL)
			continue;
		if (wrote(r) == 0 || bytes + wrote(r) <= TOLD_AT_HELLO) {
			bytes += wrote(r);
			(void)json_array_append_new(list, r);
			continue;
		}
		s->untold = true;
		(void)json_array_append_new(list, shortened(r));
		json_decref(r);
	}
	json_decref(keys);
	runs_told(s->runs, s->facts.cluster_id);
	return list;
}

static bool
has_room(const struct seat *s)
{
	return session_queued(s->session) <= SESSION_HIGH &&
	    (s->outgoing == 0 || s->outgoing < s->room);
}

static void
later(struct seat *s, const json_t *r)
{
	if (s->again == NULL)
		s->again = json_array();
	(void)json_array_append_new(s->again, json_pack("[I,I]",
	    (json_int_t)js_int(r, "run", 0),
	    (json_int_t)js_int(r, "attempt", 0)));
}

static void
tell(struct seat *s, const json_t *r)
{
	if (seat_send(s, "link.run", json_incref((json_t *)r)) == -1 ||
	    wrote(r) == 0)
		return;
	s->outgoing += wrote(r);
	s->outgoing_seq = s->lease.seq;
}

void
seat_report(struct seat *s, const json_t *report)
{
	int64_t run = js_int(report, "run", 0);

	alone_ended(s->alone, run, js_int(report, "attempt", 0), s->now);
	if (alone_holds(s->alone, run))
		return;			/* alone_told has it told */
	if (!s->up)
		s->untold = true;
	else if (wrote(report) > 0 && !has_room(s))
		later(s, report);
	else
		tell(s, report);
}

void
seat_tell_end(struct seat *s)
{
	json_decref(s->again);
	s->again = NULL;
	s->again_at = 0;
}

void
seat_tell_begin(struct seat *s)
{
	seat_tell_end(s);
	s->untold = false;
	s->outgoing = 0;
	s->room = ROOM;
}

void
seat_tell_on(struct seat *s)
{
	while (s->again_at < json_array_size(s->again)) {
		json_t *r;

		if (!has_room(s))
			return;
		r = one(s, json_array_get(s->again, s->again_at++));
		if (r != NULL)
			tell(s, r);
		json_decref(r);
	}
	seat_tell_end(s);
}

/* What was sent before that heartbeat has come: more of it goes out at once
 * while the line is quick, and one at a time when it is not. */
void
seat_tell_heard(struct seat *s, int64_t seq)
{
	if (s->outgoing == 0 || seq <= s->outgoing_seq)
		return;
	s->outgoing = 0;
	if (s->rtt < 0 || s->rtt > QUICK_MS)
		s->room = ROOM;
	else if (s->room < ROOM_MOST)
		s->room *= 4;
	seat_tell_on(s);
}

void
seat_tell_again(struct seat *s, const json_t *p)
{
	(void)p;
	seat_tell_end(s);
	s->again = runs_keys(s->runs, s->facts.cluster_id);
	seat_tell_on(s);
}
