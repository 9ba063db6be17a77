/* The lease of a seat: on disk before anything follows from it. */
#include <stdio.h>
#include <stdlib.h>

#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/seat_impl.h"

static int
on_lease(const struct row *r, void *arg)
{
	struct lease_durable *d = arg;
	json_t *o = json_loads(row_text(r, 0), 0, NULL);

	d->on = js_bool(o, "on", false);
	d->held = js_int(o, "held", 0);
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
	json_t *o = json_pack("{s:b,s:I,s:I,s:I}", "on", d->on, "held",
	    (json_int_t)d->held, "epoch", (json_int_t)d->epoch, "floor",
	    (json_int_t)d->floor);
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

void
seat_lease_boot(struct seat *s)
{
	struct lease_durable d = { 0 };
	bool stored = seat_stored(s->store, s->facts.cluster_id, &d);

	lease_boot(&s->lease, &d, s->facts.start, s->facts.controlled);
	if (!stored) {
		lease_reset(&s->lease, s->facts.initial_on);
		(void)lease_store(s, &s->lease.d);
	}
	/* Counted from where no other start did: on an older copy of its disk
	 * a node would give a number twice, and what an operator said of the
	 * one hold would end the other. */
	s->lease.d.holds = s->facts.start + s->now.mono.us / 1000;
}

void
seat_lease_end(struct seat *s)
{
	if (!s->lease.working)
		return;
	s->now = clock_now();
	log_work(s, s->lease.end, "stopped: ", "the seat is given up");
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
