/* The seat of a Scheduler that goes on without its broker: when it may, and
 * how the broker hears of it (node/alone.h). */
#include <string.h>

#include "core/mutant.h"
#include "js.h"
#include "log.h"
#include "node/seat_impl.h"

enum {
	SLICE = 16,			/* entries of one link.spool */
	SPOOL_RETRY_MS = 1000
};

static void
on_alert(void *ctx, const char *code, const char *text)
{
	struct seat *s = ctx;

	if (s->ops->alert != NULL)
		s->ops->alert(s->ctx, code, text);
}

const struct alone_ops seat_alone_ops = {
	.alert = on_alert,
};

static bool
waits(const struct seat *s, int64_t run)
{
	const json_t *note;
	size_t i;

	json_array_foreach(s->aside, i, note)
		if (js_int(json_array_get(note, 1), "run", 0) == run)
			return true;
	return false;
}

bool
seat_aside(struct seat *s, const char *method, const json_t *p)
{
	if (alone_did(s->alone, js_str(p, "job", ""), js_str(p, "occurrence",
	    "")) != ALONE_IN_DOUBT && !waits(s, js_int(p, "run", 0)))
		return false;
	if (s->aside == NULL)
		s->aside = json_array();
	(void)json_array_append_new(s->aside, json_pack("[s,O]", method, p));
	return true;
}

void
seat_aside_clear(struct seat *s)
{
	json_decref(s->aside);
	s->aside = NULL;
}

/* In the order in which they came; what is still in doubt waits on. */
static void
take_aside(struct seat *s)
{
	json_t *list = s->aside;
	const json_t *note;
	size_t i;

	s->aside = NULL;
	json_array_foreach(list, i, note)
		seat_note(s, json_string_value(json_array_get(note, 0)),
		    json_array_get(note, 1));
	json_decref(list);
}

static void
on_told(void *arg, const json_t *result, const struct err *e)
{
	struct seat *s = arg;

	s->telling = false;
	if (result != NULL) {
		alone_told(s->alone, result, s->now);
		return;
	}
	s->tell_at = mono_add_ms(s->now.mono, SPOOL_RETRY_MS);
	if (!s->up)
		return;
	/* It waits for one that does: its fires do not wait for that. */
	s->deaf = e->code == ERR_NOTFOUND;
	log_warn("alone", "cluster=%s entries=%zu not told: %s",
	    s->facts.cluster, alone_untold(s->alone), e->msg);
}

static mono
tell_spool(struct seat *s)
{
	json_t *list;

	if (!s->up || s->telling || s->deaf || alone_untold(s->alone) == 0)
		return MONO_NEVER;
	if (s->tell_at.us > s->now.mono.us)
		return s->tell_at;
	list = alone_slice(s->alone, SLICE);
	if (list == NULL)		/* the keeper's list makes a turn */
		return MONO_NEVER;
	s->telling = true;
	seat_ask(s, "link.spool", json_pack("{s:I,s:o}", "left",
	    (json_int_t)(alone_untold(s->alone) - json_array_size(list)),
	    "entries", list), on_told, s);
	return MONO_NEVER;
}

mono
seat_go_on(struct seat *s)
{
	struct alone_turn t = { .epoch = s->lease.d.epoch,
		.cap = s->facts.cap, .broker = s->facts.broker, .now = s->now };

	/* With the link up it is the broker that does not back it; and who
	 * was told to go has nobody to tell of what it would do. */
	t.on = (!s->up || MUTANT(MUTANT_ALONE_LINKED)) && !s->out &&
	    !s->facts.near &&
	    lease_may_fire(&s->lease, &s->policy, s->now.mono) ==
	    LEASE_FIRE_LOCAL;
	if (t.on)
		t.refuses = s->ops->refuses(s->ctx);
	take_aside(s);			/* before it is told, and forgotten */
	return mono_min(alone_turn(s->alone, &t), tell_spool(s));
}
