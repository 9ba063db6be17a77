#include "broker/departure.h"

#include <stdlib.h>
#include <string.h>

#include "broker/attendance.h"
#include "broker/desk_impl.h"
#include "broker/dispatch_impl.h"
#include "broker/foreman.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "mem.h"

struct departure {
	int64_t	   member;
	char	   state[12];
	char	  *reason, *actor;
	mono	   until;
	bool	   storing;
	struct event *event;
	desk_done *done;
	void	  *arg;
	struct broker *b;
	struct departure *next;
};

static void
end(struct departure *p)
{
	free(p->reason);
	free(p->actor);
	free(p);
}

void
departure_free(struct broker *b)
{
	while (b->departures != NULL) {
		struct departure *p = b->departures;

		b->departures = p->next;
		end(p);
	}
}

static void
hang_up(struct broker *b, struct member *m, const char *why)
{
	struct session *s = m->session;

	if (s == NULL)
		return;
	attendance_down(b, m);
	session_close(s, true, why);
}

/* It is told, and its session ends. */
static void
dismiss(struct broker *b, struct member *m, const char *reason)
{
	if (m->session != NULL)
		(void)roster_send(m, "link.removed", json_pack(
		    "{s:s,s:o,s:s}", "state", m->state, "reason",
		    js_text(reason), "cluster", b->set.cluster_name));
	hang_up(b, m, "no longer a member");
}

static void
departed(enum store_rc rc, void *arg)
{
	struct departure *p = arg, **at = &p->b->departures;
	struct broker *b = p->b;
	struct member *m = roster_by_id(b->roster, p->member);
	json_t *result = json_pack("{s:s,s:s}", "agent",
	    m != NULL ? m->name : "", "state", p->state);
	struct err e;

	desk_stored(b, rc);
	event_stored(p->event, rc);
	if (rc == STORE_OK) {
		if (p->done != NULL)
			p->done(p->arg, result, NULL);
		if (m != NULL) {
			foreman_agent_gone(b, m);
			dismiss(b, m, p->reason);
			alert_clear_all(b->events, b->now.wall, m->name);
			m->alerts = 0;
		}
	} else if (p->done != NULL) {
		(void)store_err(rc, &e, "%s", m != NULL ? m->name : "agent");
		p->done(p->arg, NULL, &e);
	}
	if (rc != STORE_OK && m != NULL) {
		(void)MEM_STR(m->state, "member");
		b->dispatch->dirty = true;	/* its slots are there again */
		/* Nobody listened to it meanwhile: to its runs, its fires, its
		 * heartbeats.  All that is made good by a new hello. */
		hang_up(b, m, "its removal could not be stored");
	}
	if (m != NULL) {
		m->going--;
		roster_drained(b->roster, m);
	}
	json_decref(result);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	end(p);
}

static void
finish(struct broker *b, struct departure *p)
{
	struct member *m = roster_by_id(b->roster, p->member);
	struct request *r = request_by_key(b->desk, m->key);
	struct batch *batch = batch_new();

	p->storing = true;
	roster_set_state(b, m, p->state, batch);
	if (r != NULL && request_is(r, "joined")) {
		(void)MEM_STR(r->state, p->state);
		request_set(&r->reason, p->reason);
		request_store(r, batch);
	}
	p->event = event_with(b->events, batch, b->now.wall,
	    p->actor != NULL ? SEV_AUDIT : SEV_NOTICE, p->state, m->name,
	    p->actor, NULL, "%s %s%s%s", m->name, p->state,
	    p->reason != NULL ? ": " : "", p->reason != NULL ? p->reason : "");
	desk_storing(b);
	store_submit(b->store, batch, departed, p);
}

/* What becomes of one would be undone by the other: of two, one is stored and
 * one is not. */
static bool
goes_already(const struct broker *b, const struct member *m)
{
	const struct departure *p = b->departures;

	while (p != NULL && p->member != m->id)
		p = p->next;
	return p != NULL;
}

static void
departure_new(struct broker *b, struct member *m, const char *state,
    const char *reason, const char *actor, desk_done *done, void *arg)
{
	struct departure *p = mem_zero(1, sizeof(*p));
	struct role_event ev = { .kind = ROLE_EV_LEAVING, .agent = m->id,
		.at = m->at, .must = true, .now = b->now };

	p->b = b;
	p->member = m->id;
	(void)MEM_STR(p->state, state);
	p->reason = mem_dup(reason);
	p->actor = mem_dup(actor);
	p->done = done;
	p->arg = arg;
	p->until = mono_add_ms(b->now.mono, b->set.off_timeout);
	p->next = b->departures;
	b->departures = p;
	m->going++;
	roster_drained(b->roster, m);
	if (actor != NULL)
		scheduler_op(b, &ev, actor, reason, NULL, NULL);
	else
		scheduler_event(b, &ev);
}

void
departure_start(struct broker *b, struct member *m, const char *state,
    const char *reason, const char *actor, desk_done *done, void *arg)
{
	struct err e;

	if (!goes_already(b, m)) {
		departure_new(b, m, state, reason, actor, done, arg);
		return;
	}
	(void)roster_leaving(b, m, &e);
	if (done != NULL)
		done(arg, NULL, &e);
}

/* ---- drain ---- */

struct drain {
	struct broker  *b;
	int64_t		member;
	bool		on;
	char	       *actor, *reason;
	departure_done *done;
	void	       *arg;
};

static void
on_drained(enum store_rc rc, void *arg)
{
	struct drain *d = arg;
	struct broker *b = d->b;
	struct member *m = roster_by_id(b->roster, d->member);
	struct role_event ev = { .kind = d->on ? ROLE_EV_LEAVING : ROLE_EV_TICK,
		.agent = m->id, .at = m->at, .must = true, .now = b->now };

	m->going -= d->on;
	if (rc == STORE_OK)
		m->drained = d->on;
	roster_drained(b->roster, m);
	if (rc == STORE_OK && d->on)
		scheduler_op(b, &ev, d->actor, d->reason, NULL, NULL);
	else if (rc != STORE_DOWN)
		scheduler_event(b, &ev);
	d->done(d->arg, rc);
	free(d->actor);
	free(d->reason);
	free(d);
}

void
departure_drain(struct broker *b, struct member *m, bool on, const char *actor,
    const char *reason, departure_done *done, void *arg)
{
	struct drain *d = mem_zero(1, sizeof(*d));
	struct batch *batch = batch_new();

	*d = (struct drain){ b, m->id, on, mem_dup(actor), mem_dup(reason),
		done, arg };
	m->going += on;
	roster_drained(b->roster, m);
	batch_add(batch, S_MEMBER_DRAINED, "ii", m->id, (int64_t)on);
	store_submit(b->store, batch, on_drained, d);
}

/* ---- the turn ---- */

mono
departure_turn(struct broker *b)
{
	mono next = MONO_NEVER;
	struct departure *p, *after;

	for (p = b->departures; p != NULL; p = after) {
		after = p->next;
		if (p->storing)
			continue;
		if (b->roster->holder != p->member ||
		    p->until.us <= b->now.mono.us)
			finish(b, p);
		else
			next = mono_min(next, p->until);
	}
	return next;
}
