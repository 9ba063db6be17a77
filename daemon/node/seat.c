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

/* ---- lease: on disk ---- */

static int
on_lease(const struct row *r, void *arg)
{
	struct lease_durable *d = arg;
	json_t *o = json_loads(row_text(r, 0), 0, NULL);

	d->on = js_bool(o, "on", false);
	d->held = js_int(o, "held", 0);
	d->holds = js_int(o, "holds", 0);
	d->epoch = js_int(o, "epoch", 0);
	d->floor = js_int(o, "floor", 0);
	json_decref(o);
	return 1;
}

static void
lease_key(const char *cluster_id, char key[64])
{
	(void)snprintf(key, 64, "lease.%s", cluster_id);
}

bool
seat_stored(struct store *store, const char *cluster_id,
    struct lease_durable *d)
{
	char key[64];

	lease_key(cluster_id, key);
	return store_query(store, S_META_GET, on_lease, d, "t", key) == 1;
}

/* Waits for the disk: an answer to the broker that is not on disk would be a
 * lie, and changes of the role are rare. */
static int
lease_store(struct seat *s, const struct lease_durable *d)
{
	struct batch *b = batch_new();
	json_t *o = json_pack("{s:b,s:I,s:I,s:I,s:I}", "on", d->on, "held",
	    (json_int_t)d->held, "holds", (json_int_t)d->holds, "epoch",
	    (json_int_t)d->epoch, "floor", (json_int_t)d->floor);
	char *text = js_dump(o), key[64];
	enum store_rc rc;

	lease_key(s->facts.cluster_id, key);
	batch_add(b, S_META_SET, "tt", key, text);
	free(text);
	json_decref(o);
	rc = store_write(s->store, b);
	if (rc != STORE_OK)
		log_error("lease", "cluster=%s not stored: %s", s->facts.cluster,
		    store_rc_word(rc));
	return rc == STORE_OK ? 0 : -1;
}

static void fire(struct seat *, json_t *fires);

/* The clock that counts suspend has one value for all nodes of a machine, and
 * no step: what merged logs are ordered by.  until: the end of the lease, at
 * which it stops even if nothing can be logged then. */
static void
log_work(const struct seat *s, mono until, const char *what, const char *why)
{
	log_info("lease", "cluster=%s epoch=%lld boottime=%lld.%06lld "
	    "until=%lld.%06lld %s%s", s->facts.cluster,
	    (long long)s->lease.d.epoch, (long long)s->now.mono.us / 1000000,
	    (long long)s->now.mono.us % 1000000, (long long)until.us / 1000000,
	    (long long)until.us % 1000000, what, why != NULL ? why : "");
}

/* was: before the event. */
static void
lease_perform(struct seat *s, const struct lease *was,
    const struct lease_act *act)
{
	switch (act->kind) {
	case LEASE_ACT_CURSORS:
		watch_start(s->watch, s->cursors);
		if (!was->d.on)		/* another turn at work */
			files_stop(s->files);
		/* What was not answered before stays to be told again, also
		 * when the same grant comes twice. */
		files_start(s->files);
		break;
	case LEASE_ACT_START:
		log_work(s, s->lease.end, "at work", NULL);
		s->resend = true;
		s->ops->changed(s->ctx, s);
		break;
	case LEASE_ACT_STOP:
		log_work(s, was->end, "stopped: ", act->why);
		if (!s->lease.d.on)
			watch_stop(s->watch);
		s->ops->changed(s->ctx, s);
		break;
	case LEASE_ACT_BEAT:
		seat_beat(s);
		break;
	case LEASE_ACT_REFUSE:
		log_warn("lease", "cluster=%s refused: %s", s->facts.cluster,
		    act->why != NULL ? act->why : "");
		break;
	case LEASE_ACT_PERSIST:
	case LEASE_NACTS:
		break;
	}
}

int
seat_lease_event(struct seat *s, struct lease_event ev)
{
	struct lease was = s->lease;
	struct lease_out out;

	ev.now = s->now;
	lease_step(&s->lease, &s->policy, &ev, &out);
	for (size_t i = 0; i < out.n; i++)
		if (out.act[i].kind == LEASE_ACT_PERSIST &&
		    lease_store(s, &s->lease.d) == -1) {
			s->lease = was;	/* it did not happen */
			return -1;
		}
	for (size_t i = 0; i < out.n; i++)
		lease_perform(s, &was, &out.act[i]);
	return 0;
}

/* ---- sending ---- */

int
seat_send(struct seat *s, const char *method, json_t *params)
{
	json_t *doc = js_note(method, params);
	int rc = s->up ? session_send(s->session, doc) : -1;

	json_decref(doc);
	return rc;
}

static void
fire(struct seat *s, json_t *fires)
{
	if (fires == NULL)
		return;
	for (size_t i = 0; i < json_array_size(fires); i++)
		log_debug("fire", "cluster=%s epoch=%lld boottime=%lld.%06lld "
		    "at=%lld job=%s", s->facts.cluster,
		    (long long)s->lease.d.epoch,
		    (long long)s->now.mono.us / 1000000,
		    (long long)s->now.mono.us % 1000000,
		    (long long)js_int(json_array_get(fires, i), "at", 0),
		    js_str(json_array_get(fires, i), "job", "?"));
	(void)seat_send(s, "link.fire", json_pack("{s:I,s:o}", "epoch",
	    (json_int_t)s->lease.d.epoch, "fires", fires));
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
	(void)seat_send(s, "link.run", json_incref((json_t *)report));
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
	s->untold = false;
	(void)snprintf(start, sizeof(start), "%lld",
	    (long long)s->facts.start);
	ask(s, "hello", json_pack(
	    "{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:o}", "client",
	    "musterd", "version", MUSTER_VERSION, "protocol", 1, "purpose",
	    "link", "cluster", s->facts.cluster_id, "name", s->facts.name,
	    "start", start, "boot", s->facts.boot, "controlled",
	    s->facts.controlled, "cap", (json_int_t)s->facts.cap, "rev",
	    (json_int_t)watch_rev(s->watch), "floor",
	    (json_int_t)s->lease.d.floor, "runs", seat_told_runs(s)), hello_done,
	    s);
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
	if (was)
		log_warn("link", "cluster=%s broker=%s lost: %s",
		    s->facts.cluster, s->facts.broker, s->trouble);
	dial_later(s, was);
	if (was)
		s->ops->changed(s->ctx, s);
}

static const struct session_ops link_ops = {
	.open = on_open,
	.message = on_message,
	.closed = on_closed,
};

/* ---- life ---- */

struct seat *
seat_new(struct store *store, struct runs *runs, const struct seat_facts *f,
    const struct seat_ops *ops, void *ctx, struct now now)
{
	struct seat *s = mem_zero(1, sizeof(*s));
	struct lease_durable d = { 0 };

	s->facts = *f;
	s->store = store;
	s->runs = runs;
	s->ops = ops;
	s->ctx = ctx;
	s->now = now;
	s->next_id = 1;
	s->backoff = BACKOFF_MIN;
	s->rtt = -1;
	s->heartbeat = 1000;
	s->sample_interval = 5000;
	s->lease_ms = 4000;
	s->watch = watch_new();
	s->files = files_new(f->loop);
	s->alone = alone_new(store, runs, s->watch, f->cluster_id,
	    &seat_alone_ops, s);
	if (!seat_stored(store, f->cluster_id, &d)) {
		lease_boot(&s->lease, &d, f->start, f->controlled);
		lease_reset(&s->lease, f->initial_on);
		(void)lease_store(s, &s->lease.d);
	} else
		lease_boot(&s->lease, &d, f->start, f->controlled);
	return s;
}

void
seat_free(struct seat *s)
{
	static const struct session_ops none = { 0 };

	if (s == NULL)
		return;
	if (s->lease.working) {
		s->now = clock_now();
		log_work(s, s->lease.end, "stopped: ", "the seat is given up");
	}
	asks_fail(s, "this node left it");
	if (s->session != NULL) {
		session_own(s->session, &none, NULL);
		session_close(s->session, true, "");
	}
	alone_free(s->alone);
	watch_free(s->watch);
	if (s->files_hang != NULL)
		s->ops->alert(s->ctx, "files_hang", NULL);
	free(s->files_hang);
	files_free(s->files);
	json_decref(s->cursors);
	seat_aside_clear(s);
	free(s);
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

static void
work(struct seat *s)
{
	/* What it fired by itself comes first, or the cursor would be asked
	 * for it again. */
	if (alone_untold(s->alone) > 0 && !s->deaf)
		return;
	if (lease_may_fire(&s->lease, &s->policy, s->now.mono) !=
	    LEASE_FIRE_YES)
		return;
	if (s->resend && s->up) {
		s->resend = false;
		fire(s, watch_pending(s->watch));
		if (!MUTANT(MUTANT_FILE_RESEND))
			fire(s, files_pending(s->files));
	}
	fire(s, watch_due(s->watch, s->now));
	for (json_t *f; s->up && (f = files_due(s->files)) != NULL;)
		fire(s, f);
}

static mono
quiet_at(const struct seat *s)
{
	int64_t ms = s->up ? 3 * seat_interval(s) : HELLO_MS;

	return mono_add_ms(s->heard, ms < QUIET_MIN ? QUIET_MIN : ms);
}

/* Who hears nothing closes and dials again.  While hello is not answered this
 * end says nothing more, so that its TCP would never find out. */
static mono
listen_on(struct seat *s)
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

static mono
look_at_files(struct seat *s)
{
	const char *path;
	mono next;

	if (!s->lease.d.on)
		files_stop(s->files);
	next = files_turn(s->files, s->now);
	path = files_hang(s->files);
	if ((path != NULL) == (s->files_hang != NULL) || s->ops->alert == NULL)
		return next;
	free(s->files_hang);
	s->files_hang = path == NULL ? NULL : mem_fmt("file triggers wait, as "
	    "does whoever looks there: is its file server there? %s", path);
	s->ops->alert(s->ctx, "files_hang", s->files_hang);
	return next;
}

mono
seat_turn(struct seat *s, struct now now)
{
	mono next = MONO_NEVER, lease;
	wall due;

	s->now = now;
	if (s->session == NULL && s->dial_at.us <= now.mono.us)
		redial(s);
	if (s->session == NULL)
		next = s->dial_at;
	lease = lease_next_deadline(&s->lease);
	if (lease.us <= now.mono.us) {
		seat_lease_event(s, (struct lease_event){ .kind = LEASE_EV_TICK });
		lease = lease_next_deadline(&s->lease);
	}
	if (lease.us > now.mono.us)
		next = mono_min(next, lease);
	if (s->up) {
		if (s->beat_at.us <= now.mono.us || (s->quiet ? seat_settled(s)
		    : s->accepts != (s->ops->refuses(s->ctx) == NULL)))
			seat_beat(s);
		next = mono_min(next, s->beat_at);
	}
	next = mono_min(next, listen_on(s));
	next = mono_min(next, seat_go_on(s));
	next = mono_min(next, look_at_files(s));
	work(s);
	if (seat_fires(s, now) && (alone_untold(s->alone) == 0 || s->deaf)) {
		due = watch_next(s->watch);
		if (due.ms != INT64_MAX)
			next = mono_min(next, mono_add_ms(now.mono,
			    due.ms > now.wall.ms ? due.ms - now.wall.ms : 1));
		next = mono_min(next, watch_retry(s->watch));
	}
	return next;
}

int
seat_hold(struct seat *s, bool hold, struct now now)
{
	int rc;

	s->now = now;
	rc = seat_lease_event(s, (struct lease_event){
	    .kind = hold ? LEASE_EV_HOLD : LEASE_EV_RELEASE,
	    .lifts = s->lease.d.held });
	seat_beat(s);
	return rc;
}

void
seat_control(struct seat *s, bool controlled, int64_t cap, struct now now)
{
	bool other = s->facts.controlled != controlled;

	if (!other && s->facts.cap == cap)
		return;
	s->now = now;
	s->facts.controlled = controlled;
	s->facts.cap = cap;
	if (other)
		seat_lease_event(s, (struct lease_event){ .kind = LEASE_EV_KEY,
		    .key = controlled });
	seat_beat(s);
}

/* ---- asked ---- */

const struct seat_facts *
seat_facts(const struct seat *s)
{
	return &s->facts;
}

bool
seat_up(const struct seat *s)
{
	return s->up;
}

const char *
seat_trouble(const struct seat *s)
{
	return s->trouble;
}

const struct lease *
seat_lease(const struct seat *s)
{
	return &s->lease;
}

bool
seat_fires(const struct seat *s, struct now now)
{
	return lease_may_fire(&s->lease, &s->policy, now.mono) ==
	    LEASE_FIRE_YES;
}

bool
seat_alone(const struct seat *s)
{
	return alone_on(s->alone);
}

size_t
seat_untold(const struct seat *s)
{
	return alone_untold(s->alone);
}

double
seat_latency(const struct seat *s)
{
	return s->rtt;
}

bool
seat_skew(const struct seat *s, int64_t *ms, int64_t *most)
{
	*ms = s->skew_ms;
	*most = s->max_skew_ms;
	return s->up && s->skew_known;
}

int64_t
seat_rev(const struct seat *s)
{
	return watch_rev(s->watch);
}
