/* The heartbeat of a seat: what it says of its lease, its runs, its machine and
 * of what is wrong here. */
#include "js.h"
#include "node/seat_impl.h"

enum { FIRST_SAMPLE_MS = 1000 };	/* after one that came too soon */

int64_t
seat_interval(const struct seat *s)
{
	return s->lease.d.on ? s->heartbeat : s->sample_interval;
}

static void
add_alert(json_t **list, const char *code, const char *text)
{
	if (*list == NULL)
		*list = json_array();
	(void)json_array_append_new(*list, json_pack("{s:s,s:o}", "code", code,
	    "message", js_text(text)));
}

/* What is wrong here and holds up the cluster's work; NULL: nothing. */
static json_t *
alerts(const struct seat *s)
{
	json_t *list = NULL;

	if (!s->facts.near && (s->ops->no_room(s->ctx) != NULL ||
	    store_state(s->store) != STORE_OK))
		add_alert(&list, "store_full", "its store takes no writes: "
		    "free disk space there; no run starts there until then");
	if (s->files_hang != NULL)
		add_alert(&list, "files_hang", s->files_hang);
	return list;
}

void
seat_beat(struct seat *s)
{
	struct lease_beat say;
	json_t *o, *list, *sample = NULL;

	if (!s->up)
		return;
	seat_lease_event(s, (struct lease_event){ .kind = LEASE_EV_BEAT });
	lease_say(&s->lease, s->now.mono, &say);
	s->sent[(size_t)say.seq % LEASE_RING] = s->now.mono;
	o = json_object();
	js_put_int(o, "start", say.start);
	js_put_int(o, "seq", say.seq);
	js_put_bool(o, "on", say.on);
	js_put_bool(o, "suspended", say.suspended);
	js_put_bool(o, "fresh", say.fresh);
	js_put_int(o, "held", say.held);
	js_put_int(o, "epoch", say.epoch);
	js_put_int(o, "floor", say.floor);
	js_put_bool(o, "controlled", s->facts.controlled);
	js_put_int(o, "wall", s->now.wall.ms);
	js_put_int(o, "rev", watch_rev(s->watch));
	js_put_int(o, "running", runs_running(s->runs));
	js_put_int(o, "interval", seat_interval(s));
	js_put_int(o, "cap", s->facts.cap);
	s->quiet = false;
	s->accepts = s->ops->refuses(s->ctx) == NULL;
	js_put_bool(o, "accepts", s->accepts);
	if (s->rtt >= 0)
		(void)json_object_set_new(o, "rtt", json_real(s->rtt));
	(void)json_object_set_new(o, "alone",
	    json_integer((json_int_t)alone_untold(s->alone)));
	if (s->sample_at.us <= s->now.mono.us) {
		sample = s->ops->sample(s->ctx);
		/* Too soon after the start to say anything about a rate: tried
		 * again by a beat of its own.  Beats in between do not put it
		 * off, or one that beats faster would never be measured. */
		s->sample_at = mono_add_ms(s->now.mono, sample == NULL &&
		    s->health_due ? FIRST_SAMPLE_MS : s->sample_interval - 100);
	}
	s->beat_at = mono_add_ms(s->now.mono, seat_interval(s));
	if ((list = alerts(s)) != NULL)
		(void)json_object_set_new(o, "alerts", list);
	if (sample != NULL)
		(void)json_object_set_new(o, "sample", sample);
	else if (s->health_due)
		s->beat_at = mono_min(s->beat_at, s->sample_at);
	s->health_due = s->health_due && sample == NULL;
	(void)seat_send(s, "link.beat", o);
}
