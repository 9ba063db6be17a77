/* The link of a seat to its broker: dialing, hello, questions and answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mutant.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/seat_impl.h"

enum {
	BACKOFF_MIN = 200, BACKOFF_MAX = 5000,	/* ms between dials … */
	BACKOFF_LEAST = 1000,			/* … at most, at short leases */
	QUIET_MIN = 3000,			/* unanswered for so long: redial */
	HELLO_MS = 10000			/* and hello for so long */
};

/* ---- sending ---- */

int
seat_send(struct seat *s, const char *method, json_t *params)
{
	json_t *doc = js_note(method, params);
	int rc = s->up ? session_send(s->session, doc) : -1;

	json_decref(doc);
	return rc;
}

void
seat_bye(struct seat *s)
{
	(void)seat_send(s, "link.bye", json_object());
}

/* ---- asking ---- */

static void
ask_end(struct seat *s, int64_t id, const json_t *result, const struct err *e)
{
	struct ask **link = &s->asks, *a;

	while (*link != NULL && (*link)->id != id)
		link = &(*link)->next;
	a = *link;
	if (a == NULL)
		return;
	*link = a->next;
	a->done(a->arg, result, e);
	free(a);
}

static void
asks_fail(struct seat *s, const char *why)
{
	struct err e;

	(void)err_set(&e, ERR_CONNECT, "the link to the broker %s is down: %s",
	    s->facts.broker, why);
	while (s->asks != NULL)
		ask_end(s, s->asks->id, NULL, &e);
}

static void
ask(struct seat *s, const char *method, json_t *params, seat_done *done,
    void *arg)
{
	struct ask *a = mem_zero(1, sizeof(*a));
	json_t *doc;

	a->id = s->next_id++;
	a->done = done;
	a->arg = arg;
	a->next = s->asks;
	s->asks = a;
	doc = json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id",
	    (json_int_t)a->id, "method", method, "params", params);
	(void)session_send(s->session, doc);
	json_decref(doc);
}

void
seat_ask(struct seat *s, const char *method, json_t *params, seat_done *done,
    void *arg)
{
	struct err e;

	if (s->up) {
		ask(s, method, params, done, arg);
		return;
	}
	json_decref(params);
	(void)err_set(&e, ERR_CONNECT, "the link to the broker %s is down%s: "
	    "%s", s->facts.broker, alone_on(s->alone)
	        ? " (this node goes on with its own local runs)" : "",
	    s->trouble[0] != '\0' ? s->trouble : "connecting");
	done(arg, NULL, &e);
}

static void
nobody(void *arg, const json_t *result, const struct err *e)
{
	(void)arg;
	(void)result;
	(void)e;
}

void
seat_forget(struct seat *s, void *arg)
{
	for (struct ask *a = s->asks; a != NULL; a = a->next)
		if (a->arg == arg)
			a->done = nobody;
}

/* ---- session ---- */

static void
hello_done(void *arg, const json_t *result, const struct err *e)
{
	struct seat *s = arg;
	int64_t floor;

	if (result == NULL) {
		(void)MEM_STR(s->trouble, e->msg);
		return;
	}
	s->up = true;
	s->backoff = BACKOFF_MIN;
	s->trouble[0] = '\0';
	seat_take_settings(s, json_object_get(result, "settings"));
	log_info("link", "cluster=%s broker=%s connected as %s",
	    s->facts.cluster, s->facts.broker, js_str(result, "name", "?"));
	(void)MEM_STR(s->facts.name, js_str(result, "name", s->facts.name));
	seat_lease_event(s, (struct lease_event){ .kind = LEASE_EV_SESSION });
	/* A restored node learns its floor before it may act.  One that is ON
	 * keeps saying so: which of two stays is the broker's decision. */
	floor = js_int(result, "floor", 0);
	if (floor > s->lease.d.floor && !s->lease.d.on)
		seat_lease_event(s, (struct lease_event){ .kind = LEASE_EV_OFF,
		    .epoch = floor });
	s->sample_at = s->now.mono;
	s->health_due = true;
	s->resend = !MUTANT(MUTANT_NO_RESEND);
	s->rev = js_int(result, "rev", -1);
	/* One that says ON is compared with the holder by its first heartbeat
	 * (case 3): it waits, for at most one interval, until its catalogue and
	 * its keeper are there. */
	s->quiet = s->lease.d.on && !seat_settled(s);
	if (s->quiet)
		s->beat_at = mono_add_ms(s->now.mono, seat_interval(s));
	else
		seat_beat(s);
	if (s->untold)			/* hello could not list it */
		seat_tell_again(s, NULL);
	s->ops->changed(s->ctx, s);
}

static void
on_refused(struct seat *s, const json_t *msg)
{
	const json_t *error = json_object_get(msg, "error");
	const char *why = js_str(json_object_get(error, "data"), "why", "");
	struct err e;

	(void)err_set(&e, err_of_word(js_str(json_object_get(error, "data"),
	    "code", "")), "%s", js_str(error, "message", "refused"));
	ask_end(s, js_int(msg, "id", 0), NULL, &e);
	if (s->up)
		return;
	log_warn("link", "cluster=%s broker=%s refused: %s", s->facts.cluster,
	    s->facts.broker, e.msg);
	if (strcmp(why, "removed") == 0 || strcmp(why, "left") == 0)
		seat_disown(s, why, e.msg);
	else if (s->session != NULL)
		session_close(s->session, true, e.msg);
}

static void
on_message(struct session *session, json_t *msg, void *ctx)
{
	struct seat *s = ctx;
	const char *method = js_str(msg, "method", NULL);
	const json_t *params = json_object_get(msg, "params");

	(void)session;
	s->now = clock_now();
	s->heard = s->now.mono;
	if (method == NULL) {
		if (json_object_get(msg, "error") != NULL)
			on_refused(s, msg);
		else
			ask_end(s, js_int(msg, "id", 0),
			    json_object_get(msg, "result"), NULL);
		return;
	}
	if (strcmp(method, "link.output") == 0) {
		seat_answer_output(s, json_object_get(msg, "id"), params);
		return;
	}
	seat_note(s, method, params);
}

static void
on_open(struct session *session, void *ctx)
{
	struct seat *s = ctx;
	char start[24];

	s->session = session;
	s->now = clock_now();
	s->heard = s->now.mono;
	s->opened = true;
	seat_tell_begin(s);
	(void)snprintf(start, sizeof(start), "%lld",
	    (long long)s->facts.start);
	ask(s, "hello", json_pack(
	    "{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:o,s:o}",
	    "client", "musterd", "version", MUSTER_VERSION, "protocol", 1, "purpose",
	    "link", "cluster", s->facts.cluster_id, "name", s->facts.name,
	    "start", start, "boot", s->facts.boot, "controlled",
	    s->facts.controlled, "cap", (json_int_t)s->facts.cap, "rev",
	    (json_int_t)watch_rev(s->watch), "floor",
	    (json_int_t)s->lease.d.floor, "alone", alone_numbers(s->alone),
	    "runs", seat_told_runs(s)), hello_done, s);
}

/* A cluster shall settle soon after a network is mended: where leases are
 * short it is tried more often, and a dial that met nothing but silence has
 * waited already. */
static void
dial_later(struct seat *s, bool was_up)
{
	int64_t most = s->lease_ms < BACKOFF_LEAST ? BACKOFF_LEAST
	    : s->lease_ms < BACKOFF_MAX ? s->lease_ms : BACKOFF_MAX, wait;
	mono from = was_up ? s->now.mono : s->dialed;

	/* Jitter, so that a broker's restart does not meet everybody at once. */
	wait = s->facts.near ? 1 : s->backoff / 2 +
	    (int64_t)(s->now.mono.us % (s->backoff + 1));
	s->dial_at = mono_add_ms(from, wait);
	if (s->dial_at.us <= s->now.mono.us)
		s->dial_at = mono_add_ms(s->now.mono, 1);
	s->backoff = s->backoff * 2 > most ? most : s->backoff * 2;
}

static void
on_closed(struct session *session, const char *why, void *ctx)
{
	struct seat *s = ctx;
	bool was = s->up;

	(void)session;
	s->now = clock_now();
	s->session = NULL;
	s->opened = s->up = s->deaf = false;
	s->rtt = -1;
	if (why[0] != '\0')
		(void)MEM_STR(s->trouble, why);
	else if (s->trouble[0] == '\0')
		(void)MEM_STR(s->trouble, "the broker closed the connection");
	asks_fail(s, s->trouble);
	seat_aside_clear(s);		/* it sends them again */
	seat_tell_end(s);
	if (was)
		log_warn("link", "cluster=%s broker=%s lost: %s",
		    s->facts.cluster, s->facts.broker, s->trouble);
	dial_later(s, was);
	if (was)
		s->ops->changed(s->ctx, s);
}

static void
on_drained(struct session *session, void *ctx)
{
	(void)session;
	seat_tell_on(ctx);
}

static const struct session_ops link_ops = {
	.open = on_open,
	.message = on_message,
	.drained = on_drained,
	.closed = on_closed,
};

/* ---- life ---- */

void
seat_link_init(struct seat *s)
{
	s->next_id = 1;
	s->backoff = BACKOFF_MIN;
	s->rtt = -1;
}

void
seat_link_end(struct seat *s)
{
	static const struct session_ops none = { 0 };

	asks_fail(s, "this node left it");
	if (s->session == NULL)
		return;
	session_own(s->session, &none, NULL);
	session_close(s->session, true, "");
}

static void
redial(struct seat *s)
{
	s->dial_at = MONO_NEVER;
	s->heard = s->dialed = s->now.mono;
	s->session = s->ops->dial(s->ctx, s, &link_ops);
	if (s->session != NULL && s->facts.near)
		on_open(s->session, s);	/* a pair is open from the start */
}

mono
seat_link_dial(struct seat *s)
{
	if (s->session == NULL && s->dial_at.us <= s->now.mono.us)
		redial(s);
	return s->session == NULL ? s->dial_at : MONO_NEVER;
}

static mono
quiet_at(const struct seat *s)
{
	int64_t ms = s->up ? 3 * seat_interval(s) : HELLO_MS;

	return mono_add_ms(s->heard, ms < QUIET_MIN ? QUIET_MIN : ms);
}

/* While hello is not answered this end says nothing more, so that its TCP would
 * never find out. */
mono
seat_link_listen(struct seat *s)
{
	if (!s->opened || s->facts.near)
		return MONO_NEVER;
	if (quiet_at(s).us > s->now.mono.us)
		return quiet_at(s);
	s->heard = s->now.mono;
	session_close(s->session, false, s->up ? "no answer from the broker "
	    "for three heartbeats" : "the broker does not answer hello");
	return MONO_NEVER;
}
