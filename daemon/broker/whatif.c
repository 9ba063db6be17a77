#include "broker/whatif.h"

#include <stdlib.h>
#include <string.h>

#include "broker/decision.h"
#include "broker/eval.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "mem.h"
#include "text.h"

enum {
	STEPS = 100,			/* told; the rest is counted on */
	ROUNDS = 2000,			/* of waiting, in one answer */
	WORDS = 64,
	DAY_MS = 24 * 3600 * 1000
};

struct note {				/* on its way to an agent */
	enum role_act_kind kind;
	int64_t		   agent, epoch;
	struct note	  *next;
};

struct dream {
	struct broker		 *b;
	struct role		  role;
	const struct role_policy *p;
	struct role_agent	 *agents;
	bool			 *condition;	/* supposed to be met */
	struct member		**as_if;	/* supposed measurements */
	size_t			  n;
	struct now		  now, start;
	struct note		 *notes, **tail;
	json_t			 *result, *steps;
	bool			  began;	/* a decision */
};

static const char *
name_of(const struct dream *d, int64_t id)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->agents[i].id == id)
			return d->agents[i].name;
	return NULL;
}

/* Takes text. */
static void
say(struct dream *d, char *text)
{
	if (text[0] != '\0' && json_array_size(d->steps) < STEPS)
		(void)json_array_append_new(d->steps, json_pack("{s:o,s:o}",
		    "after", js_secs(mono_diff_ms(d->now.mono, d->start.mono)),
		    "step", js_text(text)));
	free(text);
}

static void
set(struct dream *d, const char *key, json_t *v)
{
	(void)json_object_set_new(d->result, key, v);
}

static void
decided(struct dream *d, const struct role_act *act)
{
	bool begins = act->outcome == ROLE_BEGUN ||
	    act->outcome == ROLE_PROPOSED;

	set(d, "case", json_integer(act->move));
	set(d, "outcome", json_string(role_outcome_name(act->outcome)));
	if (begins) {
		d->began = true;
		set(d, "from", js_text(name_of(d, act->from)));
		set(d, "to", js_text(name_of(d, act->agent)));
		set(d, "candidates", decision_candidates_of(&d->role, d->agents,
		    d->b->roster, act->move, act->agent, act->from));
		say(d, mem_fmt("case %d: %s", act->move, act->text));
	} else
		say(d, mem_fmt("case %d %s: %s", act->move,
		    role_outcome_name(act->outcome), act->text));
}

static void
told(struct dream *d, const struct role_act *act)
{
	if (act->told != ROLE_TOLD_DONE && !d->began)
		set(d, "outcome", json_string(role_told_name(act->told)));
	say(d, mem_fmt("who asked is told: %s", act->text));
}

static void
take(struct dream *d, const struct role_act *act)
{
	struct note *n;

	switch (act->kind) {
	case ROLE_ACT_GRANT:
		set(d, "to", js_text(name_of(d, act->agent)));
		set(d, "epoch", json_integer(act->epoch));
		/* FALLTHROUGH */
	case ROLE_ACT_OFF:
	case ROLE_ACT_ASK:
		n = mem_zero(1, sizeof(*n));
		*n = (struct note){ act->kind, act->agent, act->epoch, NULL };
		*d->tail = n;
		d->tail = &n->next;
		break;
	case ROLE_ACT_DECIDE:
		decided(d, act);
		break;
	case ROLE_ACT_ALERT:
		say(d, mem_fmt("alert: %s", act->text));
		break;
	case ROLE_ACT_STEP:
		say(d, mem_dup(act->text));
		break;
	case ROLE_ACT_TELL:
		told(d, act);
		break;
	case ROLE_ACT_PERSIST:
	case ROLE_ACT_ACK:
	case ROLE_ACT_RELEASE:
	case ROLE_ACT_CLEAR_ALERT:
	case ROLE_ACT_TRACE:
	case ROLE_NACTS:
		break;
	}
}

static void
step(struct dream *d, struct role_event ev)
{
	struct role_out out;

	ev.now = d->now;
	role_step(&d->role, d->p, d->agents, d->n, &ev, &out);
	for (size_t i = 0; i < out.n; i++)
		take(d, &out.act[i]);
}

static void
beat(struct dream *d, size_t i)
{
	d->agents[i].beat.seq++;
	d->agents[i].last_heard = d->now.mono;
	step(d, (struct role_event){ .kind = ROLE_EV_HEARTBEAT,
	    .agent = d->agents[i].id, .at = i });
}

/* An agent that is connected answers as it should, and at once. */
static void
answer(struct dream *d, const struct note *n)
{
	for (size_t i = 0; i < d->n; i++) {
		struct lease_beat *say = &d->agents[i].beat;

		if (d->agents[i].id != n->agent || !d->agents[i].connected)
			continue;
		if (n->kind != ROLE_ACT_ASK) {
			say->on = n->kind == ROLE_ACT_GRANT;
			say->fresh = say->suspended = false;
			if (n->epoch > say->floor)
				say->floor = n->epoch;
			if (say->on)
				say->epoch = n->epoch;
		}
		beat(d, i);
		return;
	}
}

static void
deliver(struct dream *d)
{
	for (int most = ROUNDS; d->notes != NULL; most--) {
		struct note *n = d->notes;

		d->notes = n->next;
		if (d->notes == NULL)
			d->tail = &d->notes;
		if (most > 0)
			answer(d, n);
		free(n);
	}
}

static void
happens(struct dream *d, struct role_event ev)
{
	step(d, ev);
	deliver(d);
}

/* Those who are ON go on being heard; from the others nothing new comes. */
static void
beats(struct dream *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->agents[i].connected && d->agents[i].beat.on) {
			beat(d, i);
			deliver(d);
		}
}

static int64_t
until(mono at, mono now)
{
	return at.us == MONO_NEVER.us || at.us <= now.us ? INT64_MAX
	    : mono_diff_ms(at, now);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long nothing can happen, at most `most`; -1: nothing will. */
static int64_t
still(const struct dream *d, int64_t most)
{
	const struct role *r = &d->role;
	int64_t ms = most;

	if (r->state == ROLE_HELD) {
		/* Renewed all the time; only these end by themselves. */
		ms = least(ms, until(r->pin_end, d->now.mono));
		ms = least(ms, until(r->switch_after, d->now.mono));
	} else {
		mono next = role_next_deadline(r);

		ms = least(ms, next.us <= d->now.mono.us ? 1
		    : until(next, d->now.mono));
	}
	return ms == INT64_MAX ? -1 : ms < 1 ? 1 : ms;
}

static void
pass(struct dream *d, int64_t ms)
{
	bool pinned = role_pinned(&d->role, d->now.mono);

	d->now.mono = mono_add_ms(d->now.mono, ms);
	d->now.wall.ms += ms;
	if (pinned && !role_pinned(&d->role, d->now.mono))
		say(d, mem_fmt("the pin of %s is over",
		    name_of(d, d->role.d.pinned)));
	beats(d);
	if (role_next_deadline(&d->role).us <= d->now.mono.us)
		happens(d, (struct role_event){ .kind = ROLE_EV_TICK });
}

static void
forward(struct dream *d, int64_t ms)
{
	for (int i = 0; i < ROUNDS && ms > 0; i++) {
		int64_t by = still(d, ms);

		pass(d, by);
		ms -= by;
	}
	if (ms > 0) {			/* nothing has changed for long */
		d->now.mono = mono_add_ms(d->now.mono, ms);
		d->now.wall.ms += ms;
	}
}

/* The Scheduler would be replaced, but for a pin or switch_min_interval. */
static bool
wants_away(const struct dream *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->agents[i].id == d->role.d.holder)
			return d->agents[i].condition_met &&
			    d->p->transfer_on_condition &&
			    d->p->control != ROLE_MANUAL;
	return false;
}

static void
settle(struct dream *d)
{
	for (int i = 0; i < ROUNDS; i++) {
		int64_t by = still(d, INT64_MAX);

		if (by == -1 || (d->role.state == ROLE_HELD && !wants_away(d)))
			return;
		pass(d, by);
	}
}

/* ---- what is supposed ---- */

/* The facts as the events made them: health and switch condition anew. */
static void
conditions(struct dream *d)
{
	struct roster *r = d->b->roster;
	struct role_agent *real = r->agents;

	r->agents = d->agents;
	eval_suppose(d->b, d->as_if);
	r->agents = real;
	for (size_t i = 0; i < d->n; i++)
		if (d->condition[i])
			d->agents[i].condition_met = true;
}

/* Of a metric: a number, as conditions write them, or a level. */
static int
supposed_value(enum metric metric, const char *text, double *v, struct err *e)
{
	enum health h = health_of_name(text, strlen(text));
	char *end;

	if (metric == METRIC_HEALTH) {
		if (h == HEALTH_COUNT)
			return err_set(e, ERR_USAGE, "whatif: \"%.40s\" is no "
			    "health (excellent, good, ok, bad, very_bad, "
			    "unknown)", text);
		*v = (double)h;
		return 0;
	}
	*v = strtod(text, &end);
	if (end == text || !(*v >= 0 && *v < 1e15))
		end = NULL;
	else if (metric_unit(metric) == METRIC_PERCENT) {
		end += *end == '%';
		if (*v > 100)
			end = NULL;
	} else if (metric_unit(metric) == METRIC_MS &&
	    strcmp(end, "ms") == 0)
		end += 2;
	if (end == NULL || *end != '\0')
		return err_set(e, ERR_USAGE, "whatif: %s cannot be \"%.40s\": "
		    "%s", metric_name(metric), text,
		    metric_unit(metric) == METRIC_PERCENT ? "0 to 100"
		    : metric_unit(metric) == METRIC_MS ? "milliseconds, such "
		    "as 20ms" : "a number, such as 3");
	return 0;
}

/* whatif cpu NODE=95: as if that had been measured there all the time. */
static int
measure(struct dream *d, enum metric metric, const char *word, struct err *e)
{
	const char *eq = word != NULL ? strchr(word, '=') : NULL;
	struct member *m;
	char name[64], value[METRIC_TEXT];
	double v = 0;

	if (eq == NULL || (size_t)(eq - word) >= sizeof(name))
		return err_set(e, ERR_USAGE, "whatif %s: of which agent, and "
		    "how much? (whatif %s NODE=%s)", metric_name(metric),
		    metric_name(metric), metric == METRIC_HEALTH ? "bad"
		    : "95");
	memcpy(name, word, (size_t)(eq - word));
	name[eq - word] = '\0';
	m = roster_find(d->b, name, e);
	if (m == NULL || supposed_value(metric, eq + 1, &v, e) == -1)
		return -1;
	if (!d->agents[m->at].connected)
		return err_set(e, ERR_FAILED, "whatif: %s is not connected: "
		    "nothing is measured of it", m->name);
	d->as_if[m->at] = eval_as_if(d->b, m, d->as_if[m->at], metric, v);
	conditions(d);
	say(d, mem_fmt("%s of %s is %s: health %s, the switch condition is %s",
	    metric_name(metric), m->name, metric_fmt(metric, v, value),
	    health_name((enum health)d->agents[m->at].health),
	    d->agents[m->at].condition_met ? "met" : "not met"));
	return 0;
}

static void
away(struct dream *d, struct role_agent *a)
{
	if (!a->connected)
		return;
	a->connected = false;
	say(d, mem_fmt("%s is not heard any more", a->name));
	conditions(d);
	happens(d, (struct role_event){ .kind = ROLE_EV_DISCONNECT,
	    .agent = a->id });
}

/* It comes back as it was, but for the health that case 3 does not know yet. */
static void
back(struct dream *d, struct role_agent *a)
{
	if (a->connected)
		return;
	a->connected = a->in_sync = a->clock_ok = a->accepts = true;
	a->reconnected_recently = true;
	say(d, mem_fmt("%s is heard again, %s", a->name, a->beat.on ? "and "
	    "says ON" : "OFF"));
	a->controlled = !a->worker;
	conditions(d);
	happens(d, (struct role_event){ .kind = ROLE_EV_CONNECT,
	    .agent = a->id });
	beat(d, (size_t)(a - d->agents));
	deliver(d);
}

static const char verbs[] = "kill, return, drain, undrain, on, off, vacant, "
    "release or condition, and an agent; forward 20m; or what is measured: "
    "cpu NODE=95 (mem, disk, load1, running, health, ...)";

static bool
known(const char *verb)
{
	static const char *const all[] = { "kill", "return", "condition",
	    "drain", "undrain", "on", "off", "vacant", "release" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(verb, all[i]) == 0)
			return true;
	return false;
}

/* A verb that is known, of an agent. */
static void
about(struct dream *d, const char *verb, struct role_agent *a)
{
	struct role_event ev = { .agent = a->id, .op = 1 };

	if (strcmp(verb, "kill") == 0) {
		away(d, a);
		return;
	}
	if (strcmp(verb, "return") == 0) {
		back(d, a);
		return;
	}
	if (strcmp(verb, "condition") == 0) {
		d->condition[a - d->agents] = a->condition_met = true;
		say(d, mem_fmt("%s meets the switch condition", a->name));
		return;
	}
	if (strcmp(verb, "drain") == 0) {
		a->drained = ev.must = true;
		ev.kind = ROLE_EV_LEAVING;
		ev.op = 0;
	} else if (strcmp(verb, "undrain") == 0) {
		a->drained = false;
		ev.kind = ROLE_EV_TICK;
		ev.op = 0;
	} else if (strcmp(verb, "on") == 0) {
		ev.kind = ROLE_EV_OP_ON;
		ev.held = a->beat.held;
	} else if (strcmp(verb, "off") == 0 || strcmp(verb, "vacant") == 0) {
		ev.kind = ROLE_EV_OP_OFF;
		ev.vacant = verb[0] == 'v';
	} else {
		ev.kind = ROLE_EV_OP_RELEASE;
		a->beat.held = 0;
	}
	happens(d, ev);
}

/* One event of the words from *at on. */
static int
suppose(struct dream *d, const json_t *words, size_t *at, struct err *e)
{
	const char *verb = json_string_value(json_array_get(words, (*at)++));
	const char *word = json_string_value(json_array_get(words, *at));
	enum metric metric = verb != NULL ? metric_of_name(verb, strlen(verb))
	    : METRIC_COUNT;
	const struct member *m;
	int64_t ms;

	if (verb == NULL)
		return err_set(e, ERR_USAGE, "whatif: suppose %s", verbs);
	if (strcmp(verb, "and") == 0 || strcmp(verb, "then") == 0 ||
	    (strcmp(verb, "clock") == 0 && word != NULL &&
	    strcmp(word, "forward") == 0))
		return 0;
	(*at)++;
	if (metric < METRIC_COUNT && metric != METRIC_CONNECTED &&
	    metric != METRIC_UPTIME)
		return measure(d, metric, word, e);
	if (strcmp(verb, "forward") == 0) {
		if (text_dur(word != NULL ? word : "", 1, 365LL * DAY_MS,
		        "whatif forward", &ms, e) == -1)
			return -1;
		happens(d, (struct role_event){ .kind = ROLE_EV_TICK });
		beats(d);
		forward(d, ms);
		return 0;
	}
	if (!known(verb))
		return err_set(e, ERR_USAGE, "whatif \"%.40s\": suppose %s",
		    verb, verbs);
	if (word == NULL)
		return err_set(e, ERR_USAGE, "whatif %.40s: which agent? "
		    "(whatif kill node-b)", verb);
	m = roster_find(d->b, word, e);
	if (m == NULL)
		return -1;
	about(d, verb, &d->agents[m->at]);
	return 0;
}

/* ---- asked ---- */

static void
dream_free(struct dream *d)
{
	while (d->notes != NULL) {
		struct note *n = d->notes;

		d->notes = n->next;
		free(n);
	}
	for (size_t i = 0; i < d->n; i++)
		eval_as_if_free(d->as_if[i]);
	free(d->as_if);
	free(d->condition);
	free(d->agents);
	json_decref(d->result);
}

static const char *
scheduler_of(const struct dream *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->agents[i].id == d->role.d.holder &&
		    d->role.state == ROLE_HELD && d->agents[i].beat.on)
			return d->agents[i].name;
	return NULL;
}

json_t *
whatif(struct broker *b, const json_t *words, struct err *e)
{
	const struct role *role = scheduler_role(b);
	struct dream d = { .b = b, .role = *role, .p = scheduler_policy(b),
		.n = b->roster->n, .now = b->now, .start = b->now };
	json_t *result = NULL;
	size_t at = 0;
	int rc = 0;

	if (!json_is_array(words) || json_array_size(words) == 0 ||
	    json_array_size(words) > WORDS) {
		(void)err_set(e, ERR_USAGE, "whatif: suppose %s", verbs);
		return NULL;
	}
	d.role.op.id = 0;		/* of somebody who really waits */
	d.tail = &d.notes;
	d.agents = mem_zero(d.n + 1, sizeof(*d.agents));
	if (d.n > 0)
		memcpy(d.agents, b->roster->agents, d.n * sizeof(*d.agents));
	d.as_if = mem_zero(d.n + 1, sizeof(*d.as_if));
	d.condition = mem_zero(d.n + 1, sizeof(*d.condition));
	d.steps = json_array();
	d.result = json_pack("{s:O,s:n,s:n,s:n,s:I,s:s,s:n,s:[],s:o}",
	    "supposed", words, "case", "from", "to", "epoch",
	    (json_int_t)role->d.epoch, "outcome", "nothing changes",
	    "scheduler", "candidates", "steps", d.steps);
	while (rc == 0 && at < json_array_size(words))
		rc = suppose(&d, words, &at, e);
	if (rc == 0) {
		happens(&d, (struct role_event){ .kind = ROLE_EV_TICK });
		beats(&d);
		settle(&d);
		set(&d, "scheduler", js_text(scheduler_of(&d)));
		result = json_incref(d.result);
	}
	dream_free(&d);
	return result;
}
