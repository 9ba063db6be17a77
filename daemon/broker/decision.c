#include "broker/decision.h"

#include <stdlib.h>
#include <string.h>

#include "broker/roster.h"
#include "js.h"
#include "mem.h"

struct decisions {
	struct store *store;
	int64_t	      last;
	json_t	     *open;		/* the one that is running, or NULL */
	json_t	     *ended;		/* the one before: on its way to the
					 * disk, perhaps */
	bool	      dirty;
};

static int
on_max(const struct row *r, void *arg)
{
	*(int64_t *)arg = row_int(r, 0);
	return 0;
}

struct decisions *
decisions_new(struct store *store)
{
	struct decisions *d = mem_zero(1, sizeof(*d));

	d->store = store;
	(void)store_query(store, S_DECISION_MAX, on_max, &d->last, "");
	return d;
}

void
decisions_free(struct decisions *d)
{
	if (d == NULL)
		return;
	json_decref(d->open);
	json_decref(d->ended);
	free(d);
}

void
decisions_flush(struct decisions *d)
{
	struct batch *b;
	char *text;

	if (!d->dirty || d->open == NULL)
		return;
	d->dirty = false;
	text = js_dump(d->open);
	b = batch_new();
	batch_add(b, S_DECISION_PUT, "iiittitt", js_int(d->open, "decision", 0),
	    js_wall(d->open, "at").ms, js_int(d->open, "case", 0),
	    js_str(d->open, "from", NULL), js_str(d->open, "to", NULL),
	    js_int(d->open, "epoch", 0), js_str(d->open, "outcome", NULL),
	    text);
	store_submit(d->store, b, NULL, NULL);
	free(text);
}

/* The end of a move may no longer know whom it began with. */
static void
set_name(json_t *o, const char *key, const char *name)
{
	if (name != NULL || json_object_get(o, key) == NULL)
		(void)json_object_set_new(o, key, js_text(name));
}

static void
set_facts(json_t *o, const struct decision_facts *f, enum role_outcome outcome)
{
	set_name(o, "from", f->from);
	set_name(o, "to", f->to);
	(void)json_object_set_new(o, "epoch", json_integer(f->epoch));
	(void)json_object_set_new(o, "outcome",
	    json_string(role_outcome_name(outcome)));
	(void)json_object_set_new(o, "text", js_text(f->text));
}

void
decision_open(struct decisions *d, const struct decision_facts *f,
    enum role_outcome outcome, json_t *candidates)
{
	decisions_flush(d);		/* one that was superseded unsaid */
	json_decref(d->open);
	d->open = json_pack("{s:I,s:o,s:i,s:o,s:o,s:o}", "decision",
	    (json_int_t)++d->last, "at", js_time(f->at), "case", f->kase,
	    "actor", js_text(f->actor), "candidates", candidates, "steps",
	    json_array());
	set_facts(d->open, f, outcome);
	decision_step(d, f->at, f->text);
}

void
decision_step(struct decisions *d, wall at, const char *text)
{
	if (d->open == NULL || text == NULL || text[0] == '\0')
		return;
	(void)json_array_append_new(json_object_get(d->open, "steps"),
	    json_pack("{s:o,s:o}", "at", js_time(at), "step", js_text(text)));
	d->dirty = true;
}

void
decision_end(struct decisions *d, const struct decision_facts *f,
    enum role_outcome outcome)
{
	if (d->open == NULL)
		return;
	set_facts(d->open, f, outcome);
	if (f->text != NULL && f->text[0] != '\0')
		decision_step(d, f->at, f->text);
	d->dirty = true;
	decisions_flush(d);
	json_decref(d->ended);
	d->ended = d->open;
	d->open = NULL;
}

struct listing {
	json_t *list;
	int64_t id, kase, limit;
	int64_t below;			/* the newer ones came from memory */
	wall	since;
};

static int
on_row(const struct row *r, void *arg)
{
	struct listing *l = arg;
	json_t *o;

	if (row_int(r, 1) < l->since.ms)
		return 1;
	if ((l->kase != 0 && row_int(r, 2) != l->kase) ||
	    row_int(r, 0) >= l->below)
		return 0;
	o = row_text(r, 7) != NULL ? json_loads(row_text(r, 7), 0, NULL) : NULL;
	if (o != NULL)
		(void)json_array_append_new(l->list, o);
	return (int64_t)json_array_size(l->list) >= l->limit;
}

/* What was decided a moment ago is told before the disk has it. */
static void
from_memory(struct listing *l, const json_t *o)
{
	int64_t id = js_int(o, "decision", 0);

	if (o == NULL || id >= l->below)
		return;
	l->below = id;
	if ((l->id == 0 || l->id == id) &&
	    (l->kase == 0 || l->kase == js_int(o, "case", 0)) &&
	    js_wall(o, "at").ms >= l->since.ms &&
	    (int64_t)json_array_size(l->list) < l->limit)
		(void)json_array_append_new(l->list,
		    json_deep_copy((json_t *)o));
}

json_t *
decision_list(const struct decisions *d, int64_t id, int64_t kase, wall since,
    int64_t limit)
{
	struct listing l = { json_array(), id, kase, limit, INT64_MAX, since };

	from_memory(&l, d->open);
	from_memory(&l, d->ended);
	if ((int64_t)json_array_size(l.list) >= limit)
		return l.list;
	if (id != 0)
		(void)store_query(d->store, S_DECISION_GET, on_row, &l, "i",
		    id);
	else
		(void)store_query(d->store, S_DECISION_LIST, on_row, &l, "i",
		    kase != 0 ? (int64_t)100000 : limit + 2);
	return l.list;
}

/* ---- candidates ---- */

static enum role_purpose
purpose_of(int kase)
{
	switch (kase) {
	case 2:
	case 5:
		return ROLE_FOR_CASE2;
	case 3:
		return ROLE_FOR_CASE3;
	case 4:
		return ROLE_FOR_TARGET;
	default:
		return ROLE_FOR_CASE1;
	}
}

static json_t *
candidate(const struct role *role, const struct role_agent *a, int kase,
    const struct role_agent *chosen, int64_t from)
{
	enum role_reason why = role_why_not(role, a, purpose_of(kase));
	bool eligible = why == ROLE_FIT;
	const char *by = NULL;
	char *reason;
	json_t *o;

	if (chosen != NULL && a->id == chosen->id)
		reason = mem_dup("chosen");
	else if (a->id == from && kase != 3)
		reason = mem_dup(eligible ? "it is turned off by this move"
					  : role_reason_text(why));
	else if (!eligible)
		reason = mem_dup(role_reason_text(why));
	else if (chosen == NULL)
		reason = mem_dup("not needed");
	else if (kase == 4)
		reason = mem_dup("the operator chose another");
	else {
		(void)role_compare(chosen, a, purpose_of(kase), &by);
		reason = mem_fmt("%s was better by %s", chosen->name,
		    by != NULL ? by : "name");
	}
	o = json_pack("{s:s,s:b,s:b,s:s,s:o}", "name", a->name, "eligible",
	    eligible, "condition_met", a->condition_met, "health",
	    health_name((enum health)a->health), "reason", js_text(reason));
	free(reason);
	return o;
}

static json_t *
candidates(const struct role *role, const struct role_agent *agents, size_t n,
    const struct roster *roster, int kase, int64_t chosen, int64_t from)
{
	const struct role_agent *best = NULL;
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (agents[i].id == chosen)
			best = &agents[i];
	if (best != NULL)
		(void)json_array_append_new(list, candidate(role, best, kase,
		    best, from));
	for (size_t i = 0; i < n && json_array_size(list) < 200; i++)
		if (agents[i].id != chosen &&
		    member_active(roster->members[i]))
			(void)json_array_append_new(list, candidate(role,
			    &agents[i], kase, best, from));
	return list;
}

json_t *
decision_candidates(const struct broker *b, const struct role *role, int kase,
    int64_t chosen, int64_t from)
{
	return candidates(role, b->roster->agents, b->roster->n, b->roster,
	    kase, chosen, from);
}

/* ---- what if ---- */

enum { WHATIF_STEPS = 12 };

/* A copy of the world that is stepped forward; nothing is sent or stored. */
struct dream {
	struct broker	  *b;
	struct role	   role;
	struct role_agent *agents;
	size_t		   n;
	struct now	   now, start;
	json_t		  *result, *steps;
};

static const char *
dream_name(const struct dream *d, int64_t id)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->agents[i].id == id)
			return d->agents[i].name;
	return NULL;
}

static void
dream_say(struct dream *d, const char *text)
{
	(void)json_array_append_new(d->steps, json_pack("{s:o,s:o}", "after",
	    js_secs(mono_diff_ms(d->now.mono, d->start.mono)), "step",
	    js_text(text)));
}

static void
dream_note(struct dream *d, const struct role_act *act)
{
	const char *who = dream_name(d, act->agent);
	char *text = NULL;

	switch (act->kind) {
	case ROLE_ACT_GRANT:
		text = mem_fmt("epoch %lld is granted to %s",
		    (long long)act->epoch, who);
		(void)json_object_set_new(d->result, "to", js_text(who));
		(void)json_object_set_new(d->result, "epoch",
		    json_integer(act->epoch));
		break;
	case ROLE_ACT_OFF:
		text = mem_fmt("OFF is sent to %s", who);
		break;
	case ROLE_ACT_DECIDE:
		text = mem_dup(act->text);
		(void)json_object_set_new(d->result, "case",
		    json_integer(act->move));
		(void)json_object_set_new(d->result, "outcome",
		    json_string(role_outcome_name(act->outcome)));
		(void)json_object_set_new(d->result, "from",
		    js_text(dream_name(d, act->from)));
		if (act->outcome == ROLE_BEGUN || act->outcome == ROLE_PROPOSED)
			(void)json_object_set_new(d->result, "candidates",
			    candidates(&d->role, d->agents, d->n,
			        d->b->roster, act->move, act->agent,
			        act->from));
		break;
	case ROLE_ACT_ALERT:
	case ROLE_ACT_STEP:
	case ROLE_ACT_TELL:
		text = mem_dup(act->text);
		break;
	case ROLE_ACT_PERSIST:
	case ROLE_ACT_ACK:
	case ROLE_ACT_ASK:
	case ROLE_ACT_RELEASE:
	case ROLE_ACT_CLEAR_ALERT:
	case ROLE_ACT_TRACE:
	case ROLE_NACTS:
		break;
	}
	if (text != NULL && text[0] != '\0')
		dream_say(d, text);
	free(text);
}

/* A granted or revoked agent that is connected answers as it should. */
static void
dream_answer(struct dream *d, const struct role_policy *p,
    const struct role_act *act);

static void
dream_step(struct dream *d, const struct role_policy *p,
    enum role_event_kind kind, int64_t agent, bool vacant)
{
	struct role_event ev = { .kind = kind, .agent = agent, .op = 1,
		.vacant = vacant, .must = true, .now = d->now };
	struct role_out out = { 0 };

	role_step(&d->role, p, d->agents, d->n, &ev, &out);
	for (size_t i = 0; i < out.n; i++) {
		dream_note(d, &out.act[i]);
		dream_answer(d, p, &out.act[i]);
	}
}

static void
dream_answer(struct dream *d, const struct role_policy *p,
    const struct role_act *act)
{
	if (act->kind != ROLE_ACT_GRANT && act->kind != ROLE_ACT_OFF &&
	    act->kind != ROLE_ACT_ASK)
		return;
	if (json_array_size(d->steps) > 60)
		return;
	for (size_t i = 0; i < d->n; i++) {
		struct role_agent *a = &d->agents[i];

		if (a->id != act->agent || !a->connected)
			continue;
		if (act->kind != ROLE_ACT_ASK) {
			a->beat.on = act->kind == ROLE_ACT_GRANT;
			a->beat.fresh = false;
			a->beat.suspended = false;
			if (act->epoch > a->beat.floor)
				a->beat.floor = act->epoch;
			if (a->beat.on)
				a->beat.epoch = act->epoch;
		}
		a->beat.seq++;
		a->last_heard = d->now.mono;
		dream_step(d, p, ROLE_EV_HEARTBEAT, a->id, false);
	}
}

/* Everybody who is connected goes on being heard while time passes. */
static void
dream_wait(struct dream *d, const struct role_policy *p)
{
	mono next = role_next_deadline(&d->role);
	int64_t ms;

	if (next.us == INT64_MAX)
		return;
	ms = mono_diff_ms(next, d->now.mono) + 1;
	if (ms < 1)
		ms = 1;
	d->now.mono = mono_add_ms(d->now.mono, ms);
	d->now.wall.ms += ms;
	for (size_t i = 0; i < d->n; i++)
		if (d->agents[i].connected)
			d->agents[i].last_heard = d->now.mono;
	dream_step(d, p, ROLE_EV_TICK, 0, false);
}

static struct role_agent *
dream_agent(struct dream *d, const json_t *words, size_t at, struct err *e)
{
	const char *name = json_string_value(json_array_get(words, at));
	const struct member *m;

	if (name == NULL) {
		(void)err_set(e, ERR_USAGE,
		    "whatif: which agent? (whatif kill node-b)");
		return NULL;
	}
	m = roster_find(d->b, name, e);
	return m != NULL ? &d->agents[m->at] : NULL;
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
dream_measure(struct dream *d, const struct role_policy *p, enum metric metric,
    const char *word, struct err *e)
{
	const char *eq = word != NULL ? strchr(word, '=') : NULL;
	struct member *m;
	char name[64], *text;
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
	if (!member_connected(d->b->roster, m))
		return err_set(e, ERR_FAILED, "whatif: %s is not connected: "
		    "nothing is measured of it", m->name);
	text = roster_suppose(d->b, m, metric, v, d->agents);
	dream_say(d, text);
	free(text);
	dream_step(d, p, ROLE_EV_HEARTBEAT, m->id, false);
	return 0;
}

static int
dream_suppose(struct dream *d, const struct role_policy *p, const json_t *words,
    struct err *e)
{
	const char *verb = json_string_value(json_array_get(words, 0));
	enum metric metric = verb != NULL ? metric_of_name(verb, strlen(verb))
	    : METRIC_COUNT;
	struct role_agent *a;

	if (metric < METRIC_COUNT && metric != METRIC_CONNECTED &&
	    metric != METRIC_UPTIME)
		return dream_measure(d, p, metric,
		    json_string_value(json_array_get(words, 1)), e);
	a = dream_agent(d, words, 1, e);
	if (a == NULL)
		return -1;
	if (strcmp(verb, "kill") == 0) {
		a->connected = false;
		dream_step(d, p, ROLE_EV_DISCONNECT, a->id, false);
	} else if (strcmp(verb, "drain") == 0) {
		a->drained = true;
		dream_step(d, p, ROLE_EV_LEAVING, a->id, false);
	} else if (strcmp(verb, "on") == 0)
		dream_step(d, p, ROLE_EV_OP_ON, a->id, false);
	else if (strcmp(verb, "off") == 0)
		dream_step(d, p, ROLE_EV_OP_OFF, a->id, false);
	else if (strcmp(verb, "vacant") == 0)
		dream_step(d, p, ROLE_EV_OP_OFF, a->id, true);
	else if (strcmp(verb, "condition") == 0) {
		a->condition_met = true;
		dream_step(d, p, ROLE_EV_HEARTBEAT, a->id, false);
	} else
		return err_set(e, ERR_USAGE,
		    "whatif \"%.40s\": suppose kill, drain, on, off, vacant or "
		    "condition, and an agent; or what is measured: cpu "
		    "NODE=95 (mem, disk, load1, running, health, ...)", verb);
	return 0;
}

json_t *
decision_whatif(struct broker *b, const struct role *role,
    const struct role_policy *policy, const json_t *words, struct err *e)
{
	struct dream d = { .b = b, .role = *role, .n = b->roster->n,
		.now = b->now, .start = b->now };
	json_t *result = NULL;

	if (!json_is_array(words) || json_array_size(words) == 0) {
		(void)err_set(e, ERR_USAGE, "whatif: suppose what? (whatif kill "
		    "node-b)");
		return NULL;
	}
	d.agents = mem_zero(d.n + 1, sizeof(*d.agents));
	memcpy(d.agents, b->roster->agents, d.n * sizeof(*d.agents));
	d.steps = json_array();
	d.result = json_pack("{s:O,s:n,s:n,s:n,s:I,s:s,s:[],s:o}", "supposed",
	    words, "case", "from", "to", "epoch", (json_int_t)role->d.epoch,
	    "outcome", "nothing changes", "candidates", "steps", d.steps);
	if (dream_suppose(&d, policy, words, e) == 0) {
		for (int i = 0; i < WHATIF_STEPS &&
		     json_is_null(json_object_get(d.result, "to")); i++)
			dream_wait(&d, policy);
		result = json_incref(d.result);
	}
	json_decref(d.result);
	free(d.agents);
	return result;
}
