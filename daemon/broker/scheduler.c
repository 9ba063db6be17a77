#include "broker/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "broker/catalog.h"
#include "broker/decision.h"
#include "broker/role_disk.h"
#include "broker/roster.h"
#include "js.h"
#include "log.h"
#include "mem.h"

struct op {
	int64_t		id;
	char	       *actor, *reason;
	scheduler_done *done;
	void	       *arg;
	struct op      *next;
};

struct waiting {
	struct role_event ev;
	struct waiting	 *next;
};

struct scheduler {
	struct role	   role, was;	/* was: before the step in flight */
	struct role_policy policy;
	struct role_out	   out;		/* of the step in flight */
	bool		   busy;	/* its PERSIST is not committed yet */
	bool		   booting;	/* … and it is that of the boot */
	struct role_event  busy_ev;	/* what it began with */
	bool		   granted;	/* by the decision that is open */
	mono		   retry;	/* after a failed commit: not before */
	struct waiting	  *queue, **tail;
	struct waiting	  *again;	/* what they were of: at retry */
	struct op	  *ops;
	int64_t		   next_op;
	struct decisions  *decisions;
};

/* ---- what is on disk ---- */

struct kept {
	struct broker	   *b;
	struct role_durable d;
};

static int
on_role(const struct row *r, void *arg)
{
	struct kept *k = arg;

	k->d.epoch = row_int(r, 0);
	k->d.holder = row_text(r, 1) != NULL
	    ? strtoll(row_text(r, 1), NULL, 10) : 0;
	role_disk_read(&k->d, row_text(r, 2), k->b->now, k->b->boot,
	    k->b->set.switch_min_interval);
	return 1;
}

static void
policy_of(const struct settings *set, struct role_policy *p)
{
	static const enum role_control controls[] = {
		[CONTROL_AUTO] = ROLE_AUTO,
		[CONTROL_ADVISE] = ROLE_ADVISE,
		[CONTROL_MANUAL] = ROLE_MANUAL,
	};

	*p = (struct role_policy){ .connection_timeout = set->connection_timeout,
		.off_timeout = set->off_timeout,
		.grant_timeout = set->grant_timeout,
		.lease = set->lease, .heartbeat = set->heartbeat,
		.switch_min_interval = set->switch_min_interval,
		.manual_hold = set->manual_hold,
		.transfer_on_condition = set->transfer_on_condition,
		.control_status = set->control_status,
		.control = controls[set->control] };
}

struct scheduler *
scheduler_load(struct broker *b)
{
	struct scheduler *s = mem_zero(1, sizeof(*s));

	s->tail = &s->queue;
	s->next_op = 1;
	s->decisions = decisions_new(b->store);
	policy_of(&b->set, &s->policy);
	b->scheduler = s;
	return s;
}

static void
op_free(struct op *op)
{
	free(op->actor);
	free(op->reason);
	free(op);
}

void
scheduler_free(struct scheduler *s)
{
	if (s == NULL)
		return;
	LL_CONCAT(s->queue, s->again);
	while (s->queue != NULL) {
		struct waiting *w = s->queue;

		s->queue = w->next;
		free(w);
	}
	while (s->ops != NULL) {
		struct op *op = s->ops;

		s->ops = op->next;
		op_free(op);
	}
	decisions_free(s->decisions);
	free(s);
}

/* ---- performing ---- */

static void
tell_op(struct scheduler *s, int64_t id, enum role_told told, const char *text)
{
	struct op **link = &s->ops, *op;

	while (*link != NULL && (*link)->id != id)
		link = &(*link)->next;
	op = *link;
	if (op == NULL)
		return;
	*link = op->next;
	if (op->done != NULL)
		op->done(op->arg, told, text);
	op_free(op);
}

static const struct op *
op_of(const struct scheduler *s, int64_t id)
{
	for (const struct op *op = s->ops; op != NULL; op = op->next)
		if (op->id == id)
			return op;
	return NULL;
}

static const char *
name_of(const struct broker *b, int64_t id)
{
	const struct member *m = id != 0 ? roster_by_id(b->roster, id) : NULL;

	return m != NULL ? m->name : NULL;
}

static void
decide(struct broker *b, const struct role_act *act)
{
	struct scheduler *s = b->scheduler;
	const struct op *op = act->op != 0 ? op_of(s, act->op) : NULL;
	struct decision_facts f = { .at = b->now.wall, .kase = act->move,
		.from = name_of(b, act->from), .to = name_of(b, act->agent),
		.epoch = s->role.d.epoch, .text = act->text,
		.actor = op != NULL ? op->actor : NULL,
		.reason = op != NULL ? op->reason : NULL };

	const char *whom = f.to != NULL ? f.to : f.from;

	if (act->outcome == ROLE_BEGUN)
		s->granted = false;
	/* One that was not done still says to whom it should have gone. */
	if (act->outcome == ROLE_FAILED || act->outcome == ROLE_SUPERSEDED)
		f.to = NULL;
	if (act->outcome == ROLE_BEGUN || act->outcome == ROLE_PROPOSED)
		decision_open(s->decisions, &f, act->outcome,
		    decision_inputs(b, &s->role, act->from),
		    decision_candidates(b, &s->role, act->move, act->agent,
		        act->from));
	else {
		/* Somebody else than was thought at the beginning. */
		if (act->outcome == ROLE_DONE &&
		    decision_moved(s->decisions, f.to))
			decision_again(s->decisions, decision_candidates(b,
			    &s->role, act->move, act->agent, act->from));
		decision_end(s->decisions, &f, act->outcome);
	}
	(void)event_add(b->events, b->now.wall, SEV_NOTICE,
	    act->outcome == ROLE_DONE && s->granted ? "role_moved"
						    : "role_decision",
	    whom, f.actor,
	    json_pack("{s:i,s:o,s:o,s:I,s:s}", "case", act->move, "from",
	        js_text(f.from), "to", js_text(f.to), "epoch",
	        (json_int_t)s->role.d.epoch, "outcome",
	        role_outcome_name(act->outcome)),
	    "case %d %s: %s", act->move, role_outcome_name(act->outcome),
	    act->text);
}

static void
send_grant(struct broker *b, const struct member *m, const struct role_act *act)
{
	(void)roster_send(m, "link.grant", json_pack(
	    "{s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "epoch", (json_int_t)act->epoch,
	    "start", (json_int_t)act->start, "seq", (json_int_t)act->seq,
	    "lease", (json_int_t)act->lease_ms, "lifts", (json_int_t)act->lifts,
	    "rev", (json_int_t)b->catalog->rev, "cursors",
	    catalog_cursors(b->catalog)));
	(void)event_add(b->events, b->now.wall, SEV_NOTICE, "role_granted",
	    m->name, NULL, json_pack("{s:I}", "epoch", (json_int_t)act->epoch),
	    "epoch %lld granted to %s", (long long)act->epoch, m->name);
}

static void
alert(struct broker *b, const struct role_act *act)
{
	const char *code = role_alert_name(act->alert);

	if (act->kind == ROLE_ACT_CLEAR_ALERT)
		alert_clear(b->events, b->now.wall, code, NULL);
	else
		alert_raise(b->events, b->now.wall, code, NULL, "%s", act->text);
}

static void
perform(struct broker *b, const struct role_act *act)
{
	struct scheduler *s = b->scheduler;
	const struct member *m = act->agent != 0
	    ? roster_by_id(b->roster, act->agent) : NULL;

	switch (act->kind) {
	case ROLE_ACT_GRANT:
		s->granted = true;
		if (m != NULL)
			send_grant(b, m, act);
		break;
	case ROLE_ACT_OFF:
		if (m != NULL)
			(void)roster_send(m, "link.off", json_pack("{s:I}",
			    "epoch", (json_int_t)act->epoch));
		break;
	case ROLE_ACT_ACK:
		if (m != NULL)
			(void)roster_send(m, "link.ack", json_pack(
			    "{s:I,s:I,s:I,s:I}", "epoch",
			    (json_int_t)act->epoch, "start",
			    (json_int_t)act->start, "seq",
			    (json_int_t)act->seq, "lease", (json_int_t)act->lease_ms));
		break;
	case ROLE_ACT_ASK:
		if (m != NULL)
			(void)roster_send(m, "link.ask", json_object());
		break;
	case ROLE_ACT_RELEASE:
		if (m != NULL)
			(void)roster_send(m, "link.release", json_pack("{s:I}",
			    "lifts", (json_int_t)act->lifts));
		break;
	case ROLE_ACT_DECIDE:
		decide(b, act);
		break;
	case ROLE_ACT_STEP:
		decision_step(s->decisions, b->now.wall, act->text);
		break;
	case ROLE_ACT_TELL:
		tell_op(s, act->op, act->told, act->text);
		break;
	case ROLE_ACT_ALERT:
	case ROLE_ACT_CLEAR_ALERT:
		alert(b, act);
		break;
	case ROLE_ACT_TRACE:
		log_info("role", "%s", act->text);
		break;
	case ROLE_ACT_PERSIST:
	case ROLE_NACTS:
		break;
	}
}

/* Who asked is told last: decisions name them, and what they do then may step
 * again (so a copy of the acts). */
static void
perform_all(struct broker *b)
{
	struct scheduler *s = b->scheduler;
	struct role_out out = s->out;
	int64_t leaving = s->busy_ev.kind == ROLE_EV_LEAVING
	    ? s->busy_ev.op : 0;

	for (size_t i = 0; i < out.n; i++)
		if (out.act[i].kind != ROLE_ACT_TELL)
			perform(b, &out.act[i]);
	decisions_flush(s->decisions);
	for (size_t i = 0; i < out.n; i++)
		if (out.act[i].kind == ROLE_ACT_TELL)
			perform(b, &out.act[i]);
	if (leaving != 0)
		tell_op(s, leaving, ROLE_TOLD_DONE, "");
}

/* Those below ask the roster who it is. */
static void
note_holder(struct broker *b)
{
	b->roster->holder = b->scheduler->role.d.holder;
}

static void step(struct broker *, const struct role_event *);

static void
drain(struct broker *b)
{
	struct scheduler *s = b->scheduler;

	while (!s->busy && s->queue != NULL) {
		struct waiting *w = s->queue;

		s->queue = w->next;
		if (s->queue == NULL)
			s->tail = &s->queue;
		w->ev.now = b->now;
		step(b, &w->ev);
		free(w);
	}
}

/* Facts are read when the event's turn comes, so one waiting heartbeat of an
 * agent stands for all of them; but not for one that came after a command or a
 * new session, which its turn would come before. */
static bool
stands_for(const struct waiting *w, const struct role_event *ev)
{
	bool stands = false;

	for (; w != NULL; w = w->next)
		if (w->ev.kind != ROLE_EV_HEARTBEAT &&
		    w->ev.kind != ROLE_EV_TICK)
			stands = false;
		else if (w->ev.kind == ev->kind && w->ev.agent == ev->agent)
			stands = true;
	return stands;
}

/* What was heard is true all the same, and its agent may not say it again for
 * a whole sample_interval.  Operators are told, ticks come again. */
static void
keep_for_later(struct scheduler *s)
{
	struct waiting *w;

	if (s->busy_ev.kind != ROLE_EV_HEARTBEAT ||
	    stands_for(s->again, &s->busy_ev))
		return;
	w = mem_zero(1, sizeof(*w));
	w->ev = s->busy_ev;
	LL_PREPEND(s->again, w);
}

static void
heard_again(struct broker *b)
{
	struct scheduler *s = b->scheduler;
	struct waiting *w;

	while ((w = s->again) != NULL && !s->busy) {
		const struct member *m = roster_by_id(b->roster, w->ev.agent);

		s->again = w->next;
		w->ev.now = b->now;
		if (m != NULL && member_connected(b->roster, m))
			step(b, &w->ev);
		free(w);
	}
}

/* There is no old picture to go back to: what is on disk is read again, and
 * until then every event waits. */
static void
boot_later(struct broker *b)
{
	struct scheduler *s = b->scheduler;

	s->busy = s->booting = true;
	s->retry = mono_add_ms(b->now.mono, 1000);
}

static void
on_persisted(enum store_rc rc, void *arg)
{
	struct broker *b = arg;
	struct scheduler *s = b->scheduler;

	/* This process ends.  What was decided may be on disk or not: nothing
	 * of it is sent, and nothing is decided on top of it. */
	if (rc == STORE_DOWN)
		return;
	if (s->booting && rc != STORE_OK) {
		boot_later(b);
		return;
	}
	s->busy = s->booting = false;
	if (rc == STORE_OK) {
		role_stored(&s->role, &s->was,
		    b->now.mono.us - s->busy_ev.now.mono.us);
		perform_all(b);
	} else {
		struct err e;

		/* It did not happen: nothing was sent, and the old picture
		 * still holds.  The role goes on being renewed. */
		s->role = s->was;
		note_holder(b);
		role_undo(b->roster->agents, b->roster->n, &s->out);
		s->retry = mono_add_ms(b->now.mono, 1000);
		keep_for_later(s);
		log_error("role", "a decision could not be stored: %s",
		    store_rc_word(rc));
		(void)store_err(rc, &e, "the Scheduler role");
		tell_op(s, s->busy_ev.op, ROLE_TOLD_REFUSED, e.msg);
	}
	drain(b);
}

static void
role_put(const struct broker *b, const struct role *r, struct batch *batch)
{
	char *text = role_disk_dump(r, b->now, b->boot), holder[24];

	(void)snprintf(holder, sizeof(holder), "%lld", (long long)r->d.holder);
	batch_add(batch, S_ROLE_PUT, "itt", r->d.epoch, holder, text);
	free(text);
}

static void
persist(struct broker *b)
{
	struct scheduler *s = b->scheduler;
	struct batch *batch = batch_new();

	role_put(b, &s->role, batch);
	for (size_t i = 0; i < s->out.nmarks; i++) {
		const struct role_agent *a =
		    &b->roster->agents[s->out.mark[i].at];

		batch_add(batch, S_MEMBER_MARKS, "iii", a->id,
		    (int64_t)a->marks.held_off, (int64_t)a->marks.want_off);
	}
	s->busy = true;
	store_submit(b->store, batch, on_persisted, b);
}

static bool
wants_disk(const struct role_out *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->act[i].kind == ROLE_ACT_PERSIST)
			return true;
	return false;
}

static void
step(struct broker *b, const struct role_event *ev)
{
	struct scheduler *s = b->scheduler;

	s->was = s->role;
	s->busy_ev = *ev;
	memset(&s->out, 0, sizeof(s->out));
	role_step(&s->role, &s->policy, b->roster->agents, b->roster->n, ev,
	    &s->out);
	note_holder(b);
	if (wants_disk(&s->out))
		persist(b);
	else
		perform_all(b);
}

void
scheduler_event(struct broker *b, const struct role_event *ev)
{
	struct scheduler *s = b->scheduler;

	if (!b->awake || s == NULL)
		return;
	if (!s->busy) {
		step(b, ev);
		return;
	}
	if (stands_for(s->queue, ev))
		return;
	*s->tail = mem_zero(1, sizeof(**s->tail));
	(*s->tail)->ev = *ev;
	s->tail = &(*s->tail)->next;
}

void
scheduler_boot(struct broker *b)
{
	struct scheduler *s = b->scheduler;
	struct kept k = { b, { 0 } };
	int rows = store_query(b->store, S_ROLE_GET, on_role, &k, "");

	s->was = s->role;
	s->busy_ev = (struct role_event){ .kind = ROLE_EV_TICK, .now = b->now };
	memset(&s->out, 0, sizeof(s->out));
	if (rows == -1) {		/* not the same as a new cluster */
		boot_later(b);
		return;
	}
	k.d.move = decisions_resume(s->decisions, b->now.wall, k.d.move,
	    k.d.intent || k.d.holder != 0);
	role_boot(&s->role, rows == 1 ? &k.d : NULL, &s->policy, b->now,
	    &s->out);
	note_holder(b);
	s->retry = (mono){ 0 };
	s->booting = wants_disk(&s->out);
	s->busy = false;
	if (s->booting) {
		persist(b);
	} else {
		perform_all(b);
		drain(b);
	}
}

void
scheduler_restored(struct broker *b, struct batch *batch)
{
	struct kept k = { b, { 0 } };
	struct role r = { 0 };

	(void)store_query(b->store, S_ROLE_GET, on_role, &k, "");
	r.d = k.d;
	r.d.restored = true;
	role_put(b, &r, batch);
}

void
scheduler_settings(struct broker *b)
{
	struct role_event ev = { .kind = ROLE_EV_SETTINGS, .now = b->now };

	policy_of(&b->set, &b->scheduler->policy);
	scheduler_event(b, &ev);
}

mono
scheduler_turn(struct broker *b)
{
	struct scheduler *s = b->scheduler;
	mono next, put = decisions_turn(s->decisions, b->now.mono);

	if (s->booting && s->retry.us != 0 && s->retry.us <= b->now.mono.us)
		scheduler_boot(b);
	if (s->booting && s->retry.us != 0)
		return mono_min(s->retry, put);
	if (s->busy)
		return put;	/* its commit wakes us */
	next = role_next_deadline(&s->role);
	if (s->again != NULL && s->retry.us <= b->now.mono.us) {
		heard_again(b);
		if (s->busy)
			return put;
		next = role_next_deadline(&s->role);
	}
	if (next.us <= b->now.mono.us && s->retry.us <= b->now.mono.us) {
		struct role_event ev = { .kind = ROLE_EV_TICK, .now = b->now };

		step(b, &ev);
		next = role_next_deadline(&s->role);
	}
	if (next.us < s->retry.us || s->again != NULL)
		next = s->retry;
	return mono_min(next, put);
}

/* ---- operators ---- */

void
scheduler_op(struct broker *b, struct role_event *ev, const char *actor,
    const char *reason, scheduler_done *done, void *arg)
{
	struct scheduler *s = b->scheduler;
	struct op *op = mem_zero(1, sizeof(*op));
	const struct member *m = roster_by_id(b->roster, ev->agent);

	op->id = s->next_op++;
	op->actor = mem_dup(actor);
	op->reason = mem_dup(reason);
	op->done = done;
	op->arg = arg;
	op->next = s->ops;
	s->ops = op;
	if (m != NULL)
		ev->held = roster_agent(b->roster, m)->beat.held;
	ev->op = op->id;
	ev->now = b->now;
	scheduler_event(b, ev);
}

/* ---- asked ---- */

int64_t
scheduler_epoch(const struct broker *b)
{
	return b->scheduler->role.d.epoch;
}

int64_t
scheduler_decision(const struct broker *b)
{
	return decision_number(b->scheduler->decisions);
}

bool
scheduler_backs(const struct broker *b, int64_t member, int64_t epoch)
{
	const struct role *r = &b->scheduler->role;

	return member != 0 && r->d.holder == member && r->d.epoch == epoch;
}

json_t *
scheduler_pin(const struct broker *b, int64_t member)
{
	const struct role *r = &b->scheduler->role;

	if (r->d.pinned != member || !role_pinned(r, b->now.mono))
		return json_null();
	return js_time((wall){ b->now.wall.ms +
	    mono_diff_ms(r->pin_end, b->now.mono) });
}

static json_t *
left(mono until, mono now)
{
	if (until.us == INT64_MAX || until.us <= now.us)
		return json_null();
	return js_secs(mono_diff_ms(until, now));
}

json_t *
scheduler_json(const struct broker *b)
{
	const struct role *r = &b->scheduler->role;

	return json_pack("{s:o,s:s,s:b,s:o,s:b,s:o,s:o,s:o}", "name",
	    js_text(name_of(b, r->d.holder)), "state",
	    role_state_name(r->state), "moving", r->d.intent, "target",
	    js_text(r->d.intent ? name_of(b, r->d.target) : NULL), "vacant",
	    r->d.vacant, "pinned_until", r->d.holder != 0
	        ? scheduler_pin(b, r->d.holder) : json_null(),
	    "waits", r->state == ROLE_HELD ? json_null()
	        : left(r->timer, b->now.mono), "proposal",
	    r->proposal.move == 0
	        ? json_null()
	        : json_pack("{s:i,s:o,s:o}", "case", r->proposal.move, "from",
	              js_text(name_of(b, r->proposal.from)), "to",
	              js_text(name_of(b, r->proposal.to))));
}

json_t *
scheduler_why(const struct broker *b, int64_t id, int64_t kase, wall since,
    int64_t limit)
{
	return decision_list(b->scheduler->decisions, id, kase, since, limit);
}

const struct role *
scheduler_role(const struct broker *b)
{
	return &b->scheduler->role;
}

const struct role_policy *
scheduler_policy(const struct broker *b)
{
	return &b->scheduler->policy;
}
