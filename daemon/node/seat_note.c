/* What a broker says to its agent, one function a note. */
#include <stdlib.h>
#include <string.h>

#include "core/mutant.h"
#include "js.h"
#include "mem.h"
#include "node/seat_impl.h"

void
seat_take_settings(struct seat *s, const json_t *o)
{
	s->heartbeat = js_int(o, "heartbeat", s->heartbeat);
	s->sample_interval = js_int(o, "sample_interval", s->sample_interval);
	s->lease_ms = js_int(o, "lease", s->lease_ms);
	s->max_skew_ms = js_int(o, "max_skew", s->max_skew_ms);
	s->policy.go_on = js_bool(o, "go_on", false);
	alone_settings(s->alone, o);
	(void)MEM_STR(s->facts.cluster, js_str(o, "cluster_name",
	    s->facts.cluster));
	(void)MEM_STR(s->facts.control, js_str(o, "control",
	    s->facts.control));
	(void)MEM_STR(s->facts.name, js_str(o, "name", s->facts.name));
	/* A shorter interval counts from now: the broker expects it. */
	s->beat_at = mono_min(s->beat_at, mono_add_ms(s->now.mono,
	    seat_interval(s)));
	s->sample_at = mono_min(s->sample_at, mono_add_ms(s->now.mono,
	    s->sample_interval - 100));
	if (s->ops->settings != NULL)
		s->ops->settings(s->ctx, s, o);
}

static struct lease_event
lease_doc(enum lease_event_kind kind, const json_t *p)
{
	return (struct lease_event){ .kind = kind,
		.epoch = js_int(p, "epoch", 0), .start = js_int(p, "start", 0),
		.seq = js_int(p, "seq", 0), .lease_ms = js_int(p, "lease", 0),
		.lifts = js_int(p, "lifts", 0) };
}

static void
on_grant(struct seat *s, const json_t *p)
{
	json_decref(s->cursors);
	s->cursors = json_deep_copy(json_object_get(p, "cursors"));
	seat_lease_event(s, lease_doc(LEASE_EV_GRANT, p));
}

static void
on_ack(struct seat *s, const json_t *p)
{
	seat_lease_event(s, lease_doc(LEASE_EV_ACK, p));
}

static void
on_off(struct seat *s, const json_t *p)
{
	seat_lease_event(s, lease_doc(LEASE_EV_OFF, p));
}

static void
on_ask_beat(struct seat *s, const json_t *p)
{
	(void)p;
	seat_beat(s);
}

static void
on_release(struct seat *s, const json_t *p)
{
	seat_lease_event(s, lease_doc(LEASE_EV_RELEASE, p));
}

static void
on_heard(struct seat *s, const json_t *p)
{
	int64_t seq = js_int(p, "seq", 0);
	mono at = s->sent[(size_t)seq % LEASE_RING];

	if (at.us != 0 && s->lease.seq - seq < LEASE_RING)
		s->rtt = (double)(s->now.mono.us - at.us) / 1000.0;
	s->skew_known = json_object_get(p, "skew") != NULL;
	s->skew_ms = js_int(p, "skew", 0);
	seat_tell_heard(s, seq);
}

bool
seat_settled(const struct seat *s)
{
	return watch_rev(s->watch) == s->rev && s->ops->refuses(s->ctx) == NULL;
}

static void
on_catalogue(struct seat *s, const json_t *p)
{
	watch_load(s->watch, p);
	files_load(s->files, p);
	alone_catalogue(s->alone, p);
	if (!s->quiet || seat_settled(s))
		seat_beat(s);		/* says that it is in sync */
}

static void
on_fired(struct seat *s, const json_t *p)
{
	if (json_object_get(p, "id") != NULL)
		files_answer(s->files, p);
	else
		watch_answer(s->watch, p, s->now);
}

static void
on_dispatch(struct seat *s, const json_t *p)
{
	/* It went here by itself: the broker will know as soon as it is told. */
	if (!MUTANT(MUTANT_SPOOL_DISPATCH) &&
	    !alone_holds(s->alone, js_int(p, "run", 0)) &&
	    (seat_aside(s, "link.dispatch", p) ||
	    alone_did(s->alone, js_str(p, "job", ""), js_str(p, "occurrence",
	    "")) == ALONE_DID))
		return;
	runs_dispatch(s->runs, s->facts.cluster_id, s->facts.cluster, p,
	    s->ops->no_room(s->ctx));
}

static void
on_abort(struct seat *s, const json_t *p)
{
	if (seat_aside(s, "link.abort", p))
		return;
	runs_abort(s->runs, s->facts.cluster_id, js_int(p, "run", 0),
	    js_int(p, "attempt", 0), js_int(p, "grace", 10000));
}

static void
on_settled(struct seat *s, const json_t *p)
{
	runs_settled(s->runs, s->facts.cluster_id, js_int(p, "run", 0),
	    js_int(p, "attempt", 0), js_bool(p, "held", false));
}

void
seat_disown(struct seat *s, const char *state, const char *reason)
{
	s->out = true;
	runs_disown(s->runs, s->facts.cluster_id);
	s->ops->disowned(s->ctx, s, state, reason);
}

static void
on_removed(struct seat *s, const json_t *p)
{
	seat_disown(s, js_str(p, "state", "removed"), js_str(p, "reason", ""));
}

static const struct {
	const char *method;
	void	  (*run)(struct seat *, const json_t *);
} notes[] = {
	{ "link.ack", on_ack },
	{ "link.heard", on_heard },
	{ "link.grant", on_grant },
	{ "link.off", on_off },
	{ "link.ask", on_ask_beat },
	{ "link.release", on_release },
	{ "link.catalogue", on_catalogue },
	{ "link.settings", seat_take_settings },
	{ "link.fired", on_fired },
	{ "link.dispatch", on_dispatch },
	{ "link.abort", on_abort },
	{ "link.settled", on_settled },
	{ "link.tell", seat_tell_again },
	{ "link.removed", on_removed },
};

void
seat_answer_output(struct seat *s, const json_t *id, const json_t *p)
{
	json_t *doc = json_pack("{s:s,s:O,s:o}", "jsonrpc", "2.0", "id", id,
	    "result", runs_output(s->runs, s->facts.cluster_id,
	    js_int(p, "run", 0), js_int(p, "attempt", 0),
	    js_int(p, "offset", 0), js_int(p, "limit", 65536)));

	(void)session_send(s->session, doc);
	json_decref(doc);
}

/* Unknown notes are left alone: a newer broker may say more. */
void
seat_note(struct seat *s, const char *method, const json_t *params)
{
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (strcmp(notes[i].method, method) == 0) {
			notes[i].run(s, params);
			return;
		}
}
