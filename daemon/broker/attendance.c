#include "broker/attendance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/dispatch.h"
#include "broker/eval.h"
#include "broker/foreman.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "mem.h"

enum { RING_MIN = 16 };

static void
role_event(struct broker *b, const struct member *m, enum role_event_kind kind)
{
	struct role_event ev = { .kind = kind, .agent = m->id, .at = m->at,
		.now = b->now };

	scheduler_event(b, &ev);
}

static int64_t
interval(const struct broker *b, const struct member *m)
{
	return b->roster->holder == m->id ? b->set.heartbeat
					  : b->set.sample_interval;
}

/* SPEC section 1: connected is heard within three of its own intervals. */
static mono
heard_until(const struct broker *b, const struct member *m)
{
	int64_t ms = 3 * (m->interval_ms > 0 ? m->interval_ms
					     : interval(b, m));

	return mono_add_ms(roster_agent(b->roster, m)->last_heard,
	    ms < 1000 ? 1000 : ms);
}

/* Called when it was heard: deadlines that move away are found out when the
 * nearest that was known has come, so that a heartbeat costs the same however
 * many members there are. */
static void
expect(struct broker *b, const struct member *m)
{
	struct roster *r = b->roster;

	r->look_at = mono_min(r->look_at, heard_until(b, m));
	r->look_at = mono_min(r->look_at, health_deadline(&m->health,
	    &r->health));
}

void
attendance_up(struct broker *b, struct member *m, struct session *s,
    const json_t *hello)
{
	struct role_agent *a = roster_agent(b->roster, m);

	m->session = s;
	(void)MEM_STR(m->start, js_str(hello, "start", ""));
	(void)MEM_STR(m->boot, js_str(hello, "boot", ""));
	(void)MEM_STR(m->version, js_str(hello, "version", ""));
	(void)MEM_STR(m->address, session_peer(s)->addr);
	m->controlled = js_bool(hello, "controlled", false);
	m->rev = js_int(hello, "rev", -1);
	m->cap = js_int(hello, "cap", 0);
	m->since = b->now.mono;
	m->interval_ms = b->set.sample_interval;
	a->beat = (struct lease_beat){ 0 };
	a->last_heard = b->now.mono;
	a->connected = true;
	a->in_sync = m->rev == b->catalog->rev;
	a->controlled = m->controlled && !m->worker;
	a->clock_ok = true;
	/* Its keeper may still be on its way: its first heartbeat says. */
	m->accepts = a->accepts = false;
	if (m->offline_from.us != 0) {
		m->offline_ms += mono_diff_ms(b->now.mono, m->offline_from);
		m->offline_from.us = 0;
	}
	alert_clear(b->events, b->now.wall, "agent_offline", m->name);
	(void)event_add(b->events, b->now.wall, SEV_INFO, "agent_connected",
	    m->name, NULL, NULL, "%s connected from %s, version %s", m->name,
	    m->address, m->version);
	if (!a->in_sync)
		(void)roster_send(m, "link.catalogue", catalog_replica(b));
	expect(b, m);
	role_event(b, m, ROLE_EV_CONNECT);
	foreman_agent_up(b, m, hello);
}

/* Unheard, or its session ended: the same to everybody else. */
static void
offline(struct broker *b, struct member *m, const char *why)
{
	struct role_agent *a = roster_agent(b->roster, m);

	if (!a->connected)
		return;
	a->connected = false;
	m->offline_from = b->now.mono;
	m->outages++;
	(void)event_add(b->events, b->now.wall, SEV_INFO, "agent_disconnected",
	    m->name, NULL, NULL, "%s is not heard: %s", m->name, why);
	if (!m->offline_ok && member_active(m) && b->awake)
		alert_raise(b->events, b->now.wall, "agent_offline", m->name,
		    "%s is not heard: %s", m->name, why);
	role_event(b, m, ROLE_EV_DISCONNECT);
	foreman_agent_down(b, m);
}

void
attendance_down(struct broker *b, struct member *m)
{
	m->session = NULL;
	offline(b, m, "its connection ended");
}

/* ---- heartbeats ---- */

static size_t
ring_size(const struct broker *b)
{
	int64_t window = 3600000;	/* raw samples are kept for 1 h */
	size_t n = (size_t)(window / b->set.sample_interval) + 4;

	return n < RING_MIN ? RING_MIN : n > 8192 ? 8192 : n;
}

/* An hour of raw samples for an agent that lives that long. */
static void
series_make_room(struct broker *b, struct member *m)
{
	size_t want = ring_size(b), cap = m->series.cap;
	struct sample *old = m->series.ring;

	if (m->series.n < cap || cap >= want)
		return;
	cap = cap * 2 < want ? cap * 2 : want;
	series_move(&m->series, mem_zero(cap, sizeof(struct sample)), cap);
	free(old);
}

static void
health_changed(struct broker *b, struct member *m, enum health was)
{
	roster_agent(b->roster, m)->health = (int)m->health.level;
	(void)event_add(b->events, b->now.wall,
	    m->health.level < was && m->health.level <= HEALTH_BAD ? SEV_WARN
								   : SEV_INFO,
	    "health_changed", m->name, NULL,
	    json_pack("{s:s,s:s}", "from", health_name(was), "to",
	        health_name(m->health.level)),
	    "%s health %s -> %s: %s", m->name, health_name(was),
	    health_name(m->health.level), m->health.reason);
}

static void
take_sample(struct broker *b, struct member *m, const json_t *doc)
{
	struct sample s = { .at = b->now.mono };
	enum health was = m->health.level;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)doc, key, v) {
		enum metric metric = metric_of_name(key, strlen(key));

		if (metric != METRIC_COUNT && json_is_number(v))
			sample_set(&s, metric, json_number_value(v));
	}
	sample_set(&s, METRIC_RUNNING, (double)m->running);
	sample_set(&s, METRIC_CONNECTED, 1);
	sample_set(&s, METRIC_LATENCY, roster_latency(m));
	sample_set(&s, METRIC_UPTIME, roster_uptime(b, m));
	sample_set(&s, METRIC_OUTAGES, (double)m->outages);
	if (health_step(&m->health, &s, &b->roster->health, b->now))
		health_changed(b, m, was);
	sample_set(&s, METRIC_HEALTH, (double)m->health.level);
	series_make_room(b, m);
	series_put(&m->series, &s);
}

static void
check_clock(struct broker *b, struct member *m, int64_t wall_ms)
{
	struct role_agent *a = roster_agent(b->roster, m);
	bool ok;

	m->skew_ms = wall_ms - b->now.wall.ms;
	ok = llabs(m->skew_ms) <= b->set.max_skew;
	if (ok)
		alert_clear(b->events, b->now.wall, "clock_off", m->name);
	else
		alert_raise(b->events, b->now.wall, "clock_off", m->name,
		    "the clock of %s is %.1fs off (max_skew %.1fs): fix its "
		    "time synchronisation", m->name, (double)m->skew_ms / 1000,
		    (double)b->set.max_skew / 1000);
	a->clock_ok = ok;
}

/* What is wrong there, as its alerts: those that have a name here, so that no
 * node raises what it likes.  list NULL: nothing is. */
static void
take_alerts(struct broker *b, struct member *m, const json_t *list)
{
	static const char *const known[] = { "store_full", "files_hang" };

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		bool is = (m->alerts >> i & 1) != 0;
		const char *text = NULL;
		const json_t *alert;
		size_t k;

		json_array_foreach(list, k, alert)
			if (strcmp(js_str(alert, "code", ""), known[i]) == 0)
				text = js_str(alert, "message", "");
		if ((text != NULL) == is)
			continue;
		m->alerts ^= 1u << i;
		if (text != NULL)
			alert_raise(b->events, b->now.wall, known[i], m->name,
			    "%s: %.400s", m->name, text);
		else
			alert_clear(b->events, b->now.wall, known[i], m->name);
	}
}

/* For its history; that it is OFF is news only after it was ON, and another
 * epoch is a grant that it took. */
static void
status_changed(struct broker *b, struct member *m)
{
	const struct lease_beat *beat = &roster_agent(b->roster, m)->beat;
	int64_t decision = scheduler_decision(b);
	char why[40] = "";

	if (decision != 0)
		(void)snprintf(why, sizeof(why), " (decision %lld)",
		    (long long)decision);
	(void)event_add(b->events, b->now.wall, SEV_INFO, "status_changed",
	    m->name, NULL, json_pack("{s:s,s:s,s:I}", "from", m->was_on ? "on"
	    : "off", "to", beat->on ? "on" : "off", "epoch",
	    (json_int_t)beat->epoch), "%s is %s, epoch %lld%s", m->name,
	    beat->on ? "ON" : "OFF", (long long)beat->epoch, why);
	m->was_on = beat->on;
	m->was_epoch = beat->epoch;
}

static void
read_lease(struct role_agent *a, const json_t *beat)
{
	a->beat.on = js_bool(beat, "on", false);
	a->beat.suspended = js_bool(beat, "suspended", false);
	a->beat.fresh = js_bool(beat, "fresh", false);
	a->beat.held = js_int(beat, "held", 0);
	a->beat.epoch = js_int(beat, "epoch", 0);
	a->beat.floor = js_int(beat, "floor", 0);
	a->beat.start = js_int(beat, "start", 0);
	a->beat.seq = js_int(beat, "seq", 0);
}

void
attendance_beat(struct broker *b, struct member *m, const json_t *beat)
{
	struct role_agent *a = roster_agent(b->roster, m);
	const json_t *sample = json_object_get(beat, "sample");
	double rtt = js_num(beat, "rtt", -1);
	json_t *heard;

	if (js_int(beat, "seq", 0) <= a->beat.seq &&
	    js_int(beat, "start", 0) == a->beat.start)
		return;			/* an older one, overtaken */
	read_lease(a, beat);
	a->last_heard = b->now.mono;
	if (!a->connected) {
		a->connected = true;
		if (m->offline_from.us != 0)
			m->offline_ms += mono_diff_ms(b->now.mono,
			    m->offline_from);
		m->offline_from.us = 0;
		m->since = b->now.mono;
		alert_clear(b->events, b->now.wall, "agent_offline", m->name);
		(void)event_add(b->events, b->now.wall, SEV_INFO,
		    "agent_connected", m->name, NULL, NULL,
		    "%s is heard again", m->name);
		foreman_agent_heard(b, m);
	}
	m->controlled = js_bool(beat, "controlled", m->controlled);
	a->controlled = m->controlled && !m->worker;
	m->running = js_int(beat, "running", 0);
	m->cap = js_int(beat, "cap", m->cap);
	if (!m->accepts && js_bool(beat, "accepts", true))
		dispatch_changed(b);
	m->accepts = js_bool(beat, "accepts", true);
	a->accepts = m->accepts;
	a->running = (int)m->running;
	m->uptime_s = js_int(beat, "uptime", 0);
	m->alone.left = js_int(beat, "alone", 0);
	m->rev = js_int(beat, "rev", m->rev);
	a->in_sync = m->rev == b->catalog->rev;
	m->interval_ms = js_int(beat, "interval", b->set.sample_interval);
	if (rtt >= 0)
		m->latency[m->nlatency++ % ROSTER_LATENCIES] = rtt;
	check_clock(b, m, js_int(beat, "wall", b->now.wall.ms));
	take_alerts(b, m, json_object_get(beat, "alerts"));
	a->reconnected_recently = m->since.us != 0 &&
	    mono_diff_ms(b->now.mono, m->since) < b->set.improve_after;
	if (sample != NULL)
		take_sample(b, m, sample);
	a->condition_met = eval_member(b, m, b->roster->switch_cond, NULL) ==
	    COND_TRUE;
	if (a->beat.floor > m->floor) {
		struct batch *batch = batch_new();

		m->floor = a->beat.floor;
		batch_add(batch, S_MEMBER_FLOOR, "ii", m->id, m->floor);
		store_submit(b->store, batch, NULL, NULL);
	}
	if (a->beat.on != m->was_on || (a->beat.on &&
	    a->beat.epoch != m->was_epoch))
		status_changed(b, m);
	expect(b, m);
	role_event(b, m, ROLE_EV_HEARTBEAT);
	/* The holder's own acknowledgement extends its lease; this one only
	 * says that the broker is there, and gives the round trip. */
	heard = json_object();
	js_put_int(heard, "seq", a->beat.seq);
	js_put_int(heard, "skew", m->skew_ms);
	(void)roster_send(m, "link.heard", heard);
}

/* Not heard since this broker started, or since it joined: the alert that there
 * was before a restart must not end with it.  Others come back first. */
static mono
miss(struct broker *b, const struct member *m)
{
	int64_t ms = 3 * b->set.sample_interval;
	mono until = mono_add_ms(m->known_from, ms > b->set.connection_timeout
	    ? ms : b->set.connection_timeout);

	if (m->since.us != 0 || m->offline_ok)	/* it was heard since */
		return MONO_NEVER;
	if (until.us > b->now.mono.us)
		return until;
	alert_raise(b->events, b->now.wall, "agent_offline", m->name, "%s is "
	    "not heard, and was not since the broker started: is its musterd "
	    "running?", m->name);
	return MONO_NEVER;
}

mono
attendance_turn(struct broker *b)
{
	mono next = MONO_NEVER;

	if (b->roster->look_at.us > b->now.mono.us)
		return b->roster->look_at;
	b->roster->look_at = MONO_NEVER;
	for (size_t i = 0; i < b->roster->n; i++) {
		struct member *m = b->roster->members[i];
		struct role_agent *a = &b->roster->agents[i];
		enum health was = m->health.level;
		mono until;

		if (!member_active(m))
			continue;
		if (a->connected) {
			until = heard_until(b, m);
			if (until.us <= b->now.mono.us)
				offline(b, m, "no heartbeat");
			else
				next = mono_min(next, until);
		} else
			next = mono_min(next, miss(b, m));
		until = health_deadline(&m->health, &b->roster->health);
		if (until.us <= b->now.mono.us) {
			if (health_step(&m->health, NULL, &b->roster->health,
			        b->now))
				health_changed(b, m, was);
			until = health_deadline(&m->health,
			    &b->roster->health);
		}
		if (until.us > b->now.mono.us)
			next = mono_min(next, until);
	}
	b->roster->look_at = mono_min(b->roster->look_at, next);
	return b->roster->look_at;
}
