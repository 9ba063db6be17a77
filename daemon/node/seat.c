#include <stdlib.h>

#include "core/mutant.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/seat_impl.h"

/* ---- life ---- */

struct seat *
seat_new(struct store *store, struct runs *runs, const struct seat_facts *f,
    const struct seat_ops *ops, void *ctx, struct now now)
{
	struct seat *s = mem_zero(1, sizeof(*s));

	s->facts = *f;
	s->store = store;
	s->runs = runs;
	s->ops = ops;
	s->ctx = ctx;
	s->now = now;
	seat_link_init(s);
	s->heartbeat = 1000;
	s->sample_interval = 5000;
	s->lease_ms = 4000;
	s->watch = watch_new();
	s->files = files_new(f->loop);
	s->alone = alone_new(store, runs, s->watch, f->cluster_id,
	    &seat_alone_ops, s);
	seat_lease_boot(s);
	return s;
}

void
seat_free(struct seat *s)
{
	if (s == NULL)
		return;
	seat_lease_end(s);
	seat_link_end(s);
	alone_free(s->alone);
	watch_free(s->watch);
	if (s->files_hang != NULL)
		s->ops->alert(s->ctx, "files_hang", NULL);
	free(s->files_hang);
	files_free(s->files);
	json_decref(s->cursors);
	seat_aside_clear(s);
	seat_tell_end(s);
	free(s);
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
	mono next, lease;
	wall due;

	s->now = now;
	next = seat_link_dial(s);
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
	next = mono_min(next, seat_link_listen(s));
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
