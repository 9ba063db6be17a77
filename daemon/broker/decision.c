#include "broker/decision.h"

#include <stdlib.h>
#include <string.h>

#include "broker/eval.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"

enum { CANDIDATES = 200, KEPT = 200, RECENT = 50, RETRY_MS = 1000 };

/* One that has ended and is not on disk yet, as far as we know. */
struct kept {
	json_t	    *doc;
	int64_t	     version;		/* of its newest put */
	bool	     dirty;		/* that found the disk full */
	struct kept *next;		/* an older one */
};

struct decisions {
	struct store *store;
	int64_t	      last;
	json_t	     *open;		/* the one that is running, or NULL */
	struct kept  *kept;
	int64_t	      version;		/* of the newest put of all */
	bool	      dirty;		/* the open one has changed */
	bool	      refused;		/* a put has found the disk full … */
	mono	      retry;		/* … and is tried again then */
	unsigned      puts;		/* under way */
	bool	      gone;		/* freed with the last of them */
};

struct put {
	struct decisions *d;
	int64_t		  id, version;
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
	struct kept *k;

	if (d == NULL)
		return;
	d->gone = true;
	if (d->puts > 0)
		return;
	while ((k = d->kept) != NULL) {
		d->kept = k->next;
		json_decref(k->doc);
		free(k);
	}
	json_decref(d->open);
	free(d);
}

/* A record that stays "begun" for ever is worse than a late one. */
static void
on_put(enum store_rc rc, void *arg)
{
	struct put *p = arg;
	struct decisions *d = p->d;
	struct kept **link = &d->kept, *k;

	d->puts--;
	if (rc != STORE_OK && rc != STORE_DOWN)
		d->refused = true;
	while ((k = *link) != NULL && js_int(k->doc, "decision", 0) != p->id)
		link = &k->next;
	if (k == NULL)
		d->dirty = d->dirty || (rc != STORE_OK && d->open != NULL &&
		    js_int(d->open, "decision", 0) == p->id);
	else if (k->version == p->version && rc != STORE_OK)
		k->dirty = true;
	else if (k->version == p->version) {
		*link = k->next;
		json_decref(k->doc);
		free(k);
	}
	if (d->gone)
		decisions_free(d);
	free(p);
}

/* Returns the version. */
static int64_t
put(struct decisions *d, const json_t *doc)
{
	struct put *p = mem_zero(1, sizeof(*p));
	struct batch *b = batch_new();
	char *text = js_dump(doc);

	*p = (struct put){ d, js_int(doc, "decision", 0), ++d->version };
	batch_add(b, S_DECISION_PUT, "iiittitt", p->id,
	    js_wall(doc, "at").ms, js_int(doc, "case", 0),
	    js_str(doc, "from", NULL), js_str(doc, "to", NULL),
	    js_int(doc, "epoch", 0), js_str(doc, "outcome", NULL), text);
	d->puts++;
	store_submit(d->store, b, on_put, p);
	free(text);
	return d->version;
}

void
decisions_flush(struct decisions *d)
{
	if (!d->dirty || d->open == NULL)
		return;
	d->dirty = false;
	(void)put(d, d->open);
}

mono
decisions_turn(struct decisions *d, mono now)
{
	if (!d->refused)
		return MONO_NEVER;
	if (d->retry.us == 0)
		d->retry = mono_add_ms(now, RETRY_MS);
	if (d->retry.us > now.us)
		return d->retry;
	d->refused = false;
	d->retry = (mono){ 0 };
	for (struct kept *k = d->kept; k != NULL; k = k->next)
		if (k->dirty) {
			k->dirty = false;
			k->version = put(d, k->doc);
		}
	decisions_flush(d);
	return MONO_NEVER;
}

/* The newest ones, while the disk takes none. */
static void
keep(struct decisions *d, json_t *doc)
{
	struct kept *k = mem_zero(1, sizeof(*k)), **link = &d->kept;

	*k = (struct kept){ doc, put(d, doc), false, d->kept };
	d->kept = k;
	for (int n = 0; *link != NULL && n < KEPT; n++)
		link = &(*link)->next;
	if ((k = *link) != NULL) {
		*link = NULL;
		json_decref(k->doc);
		free(k);
	}
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
}

void
decision_open(struct decisions *d, const struct decision_facts *f,
    enum role_outcome outcome, json_t *inputs, json_t *candidates)
{
	if (d->open != NULL)		/* one that was superseded unsaid */
		keep(d, d->open);
	d->open = json_pack("{s:I,s:o,s:i,s:o,s:n,s:n,s:n,s:n,s:o,s:o,s:o,s:o,"
	    "s:o}", "decision", (json_int_t)++d->last, "at", js_time(f->at),
	    "case", f->kase, "text", js_text(f->text), "from", "to", "epoch",
	    "outcome", "actor", js_text(f->actor), "reason",
	    js_text(f->reason), "inputs", inputs, "candidates", candidates,
	    "steps", json_array());
	set_facts(d->open, f, outcome);
	decision_step(d, f->at, f->text);
}

int64_t
decision_number(const struct decisions *d)
{
	return js_int(d->open, "decision", 0);
}

bool
decision_moved(const struct decisions *d, const char *to)
{
	const char *was = js_str(d->open, "to", NULL);

	return d->open != NULL && to != NULL &&
	    (was == NULL || strcmp(was, to) != 0);
}

void
decision_again(struct decisions *d, json_t *candidates)
{
	if (d->open != NULL)
		(void)json_object_set_new(d->open, "candidates", candidates);
	else
		json_decref(candidates);
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
	decision_step(d, f->at, f->text);
	d->dirty = false;
	keep(d, d->open);
	d->open = NULL;
}

/* Newest first; the first is the one that goes on, perhaps.  One that has its end
 * is null. */
static int
on_recent(const struct row *r, void *arg)
{
	const char *outcome = row_text(r, 6), *body = row_text(r, 7);
	bool open = outcome != NULL && body != NULL &&
	    (strcmp(outcome, role_outcome_name(ROLE_BEGUN)) == 0 ||
	        strcmp(outcome, role_outcome_name(ROLE_PROPOSED)) == 0);

	(void)json_array_append_new(arg, open ? json_loads(body, 0, NULL)
	    : json_null());
	return 0;
}

/* Its end found the disk full, and the broker died before it was put again. */
static void
close_older(struct decisions *d, const json_t *recent,
    const struct decision_facts *f)
{
	for (size_t i = json_array_size(recent); i-- > 1;) {
		json_t *o = json_array_get(recent, i);

		if (strcmp(js_str(o, "outcome", ""),
		    role_outcome_name(ROLE_BEGUN)) != 0)
			continue;
		d->open = json_incref(o);
		decision_end(d, &(struct decision_facts){ .at = f->at,
		    .epoch = js_int(o, "epoch", 0), .text = f->text },
		    ROLE_FAILED);
	}
}

/* What the broker was about when it stopped: its record goes on, or is closed.
 * A proposal is made again if it still holds. */
int
decisions_resume(struct decisions *d, wall at, int kase, bool goes_on)
{
	struct decision_facts f = { .at = at,
		.text = "the broker was restarted" };
	const char *outcome;
	json_t *o, *recent;

	if (d->open != NULL)		/* it only slept */
		return kase;
	recent = json_array();
	(void)store_query(d->store, S_DECISION_LIST, on_recent, recent, "i",
	    (int64_t)RECENT);
	close_older(d, recent, &f);
	o = json_incref(json_array_get(recent, 0));
	json_decref(recent);
	if (!json_is_object(o)) {	/* it has its end, or there is none */
		json_decref(o);
		return 0;
	}
	outcome = js_str(o, "outcome", "");
	d->open = o;
	f.epoch = js_int(o, "epoch", 0);
	if (strcmp(outcome, role_outcome_name(ROLE_PROPOSED)) == 0) {
		decision_end(d, &f, ROLE_LAPSED);
		return 0;
	}
	if (!goes_on || js_int(o, "case", 0) != kase) {
		decision_end(d, &f, ROLE_FAILED);
		return 0;
	}
	decision_step(d, at, f.text);
	return kase;
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
	for (const struct kept *k = d->kept; k != NULL; k = k->next)
		from_memory(&l, k->doc);
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

/* Why this one was not taken, or "chosen"; the caller frees. */
static char *
judged(const struct role *role, const struct role_agent *a, int kase,
    const struct role_agent *chosen, int64_t from)
{
	enum role_reason why = role_why_not(role, a, purpose_of(kase));
	const char *by = NULL;

	if (chosen != NULL && a->id == chosen->id)
		return mem_dup(from == a->id ? "the Scheduler, and stays"
					     : "chosen");
	if (a->id == from && kase != 3)
		return mem_dup(why == ROLE_FIT ? "turned off by this decision"
					       : role_reason_text(why));
	if (why != ROLE_FIT)
		return mem_dup(role_reason_text(why));
	if (chosen == NULL || chosen->id == from)
		return mem_dup("not needed");
	if (kase == 4)
		return mem_dup("the operator chose another");
	if (kase == 3 && !a->beat.on)	/* only who says ON is in question */
		return mem_dup("says OFF");
	if (role_compare(chosen, a, purpose_of(kase), &by) <= 0)
		return mem_fmt(kase == 3 ? "%s is pinned, or this one was "
		    "turned off" : chosen->beat.on ? "%s was ON before"
		    : "%s was chosen before", chosen->name);
	return mem_fmt("%s was better by %s", chosen->name,
	    by != NULL ? by : "name");
}

static json_t *
candidate(const struct role *role, const struct member *m,
    const struct role_agent *a, int kase, const struct role_agent *chosen,
    int64_t from)
{
	char *reason = judged(role, a, kase, chosen, from);
	json_t *o = json_pack("{s:s,s:b,s:b,s:s,s:o,s:i,s:i,s:o}", "name",
	    a->name, "eligible", role_why_not(role, a, purpose_of(kase)) ==
	    ROLE_FIT, "condition_met", a->condition_met, "health",
	    health_name((enum health)a->health), "measured",
	    js_text(a->health == (int)m->health.level ? m->health.reason
	    : "supposed"), "priority", a->priority, "running", a->running,
	    "reason", js_text(reason));

	free(reason);
	return o;
}

json_t *
decision_candidates_of(const struct role *role, const struct role_agent *agents,
    const struct roster *roster, int kase, int64_t chosen, int64_t from)
{
	const struct role_agent *best = NULL;
	json_t *list = json_array();

	for (size_t i = 0; i < roster->n; i++)
		if (agents[i].id == chosen)
			best = &agents[i];
	if (best != NULL)
		(void)json_array_append_new(list, candidate(role,
		    roster->members[best - agents], best, kase, best, from));
	for (size_t i = 0; i < roster->n && json_array_size(list) <
	     CANDIDATES; i++)
		if (agents[i].id != chosen &&
		    member_active(roster->members[i]))
			(void)json_array_append_new(list, candidate(role,
			    roster->members[i], &agents[i], kase, best, from));
	return list;
}

json_t *
decision_candidates(const struct broker *b, const struct role *role, int kase,
    int64_t chosen, int64_t from)
{
	return decision_candidates_of(role, b->roster->agents, b->roster, kase,
	    chosen, from);
}

/* ---- inputs ---- */

json_t *
decision_inputs(struct broker *b, const struct role *role, int64_t from)
{
	const struct settings *set = &b->set;
	const struct member *m = from != 0 ? roster_by_id(b->roster, from)
	    : NULL, *pinned = role_pinned(role, b->now.mono)
	    ? roster_by_id(b->roster, role->d.pinned) : NULL;
	json_t *terms = json_array(), *o;

	if (m != NULL)
		(void)eval_member(b, m, b->roster->switch_cond, terms);
	o = json_pack("{s:s,s:o,s:o,s:o,s:b,s:s,s:o,s:o,s:b}", "control",
	    set->control_status ? control_word(set->control) : "off",
	    "connection_timeout", js_secs(set->connection_timeout),
	    "off_timeout", js_secs(set->off_timeout), "switch_min_interval",
	    js_secs(set->switch_min_interval), "transfer_on_condition",
	    set->transfer_on_condition, "switch_condition",
	    set->switch_condition, "switch_terms", terms, "pinned",
	    js_text(pinned != NULL ? pinned->name : NULL), "vacant",
	    role->d.vacant);
	return o;
}
