#include "broker/placing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/eval.h"
#include "broker/live.h"
#include "broker/roster.h"
#include "core/place.h"
#include "js.h"
#include "mem.h"
#include "text.h"

static bool
listed(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), name) ==
		    0)
			return true;
	return false;
}

static bool
has_labels(const struct member *m, const json_t *requires)
{
	for (size_t i = 0; i < json_array_size(requires); i++)
		if (!listed(m->labels,
		        json_string_value(json_array_get(requires, i))))
			return false;
	return true;
}

/* What place_choose must know of every member.  The caller frees. */
static struct place_agent *
facts(struct broker *b, const json_t *spec, const struct member *fired)
{
	const struct roster *r = b->roster;
	struct place_agent *pa = mem_zero(r->n + 1, sizeof(*pa));
	const json_t *agents = json_object_get(spec, "agents");
	const char *text = js_str(spec, "filter", NULL);
	struct cond *own = NULL;

	if (text != NULL)
		(void)cond_parse(text, COND_STATE, &own, NULL);
	for (size_t i = 0; i < r->n; i++) {
		struct member *m = r->members[i];
		const struct role_agent *a = &r->agents[i];

		pa[i] = (struct place_agent){ .id = m->id, .name = m->name,
			.fired = m == fired, .connected = a->connected,
			.takes_runs = member_active(m), .drained = a->drained,
			.accepts = m->accepts, .running = m->sent,
			.cap = m->cap, .health = m->health.level,
			.priority = a->priority };
		pa[i].listed = json_array_size(agents) > 0
		    ? listed(agents, m->name)
		    : settings_agent_passes(&b->set, m->name);
		pa[i].has_labels = has_labels(m,
		    json_object_get(spec, "requires"));
		pa[i].condition_met = eval_member(b, m,
		    own != NULL ? own : b->roster->filter_cond, NULL) ==
		    COND_TRUE;
	}
	cond_free(own);
	return pa;
}

static enum place_spread
spread_of(const json_t *spec)
{
	enum place_spread s;

	if (place_spread_of_name(js_str(spec, "distribution", "local"), &s) ==
	    -1)
		return PLACE_LOCAL;
	return s;
}

static struct place_rule
rule_of(const struct broker *b, const json_t *spec, const char *last)
{
	struct place_rule rule = { .spread = spread_of(spec),
		.instances = (size_t)js_int(spec, "instances", 1),
		.filter_list = true, .last = last,
		.seed = (uint64_t)b->now.mono.us };
	const char *word = js_str(spec, "selection", NULL);

	if (word == NULL || word[0] == '\0')
		word = selection_word(b->set.selection);
	if (place_selection_of_name(word, &rule.selection) == -1)
		rule.selection = PLACE_BEST_HEALTH;
	return rule;
}

/* Who stands for "the agent that fired it" when nobody did: the Scheduler,
 * else this machine's own agent, else whoever is there. */
static struct member *
stand_in(const struct broker *b)
{
	const struct roster *r = b->roster;
	struct member *m = roster_by_id(r, r->holder);

	if (m != NULL && member_connected(r, m))
		return m;
	m = roster_by_key(r, b->key->pub);
	if (m != NULL && member_active(m) && member_connected(r, m))
		return m;
	for (size_t i = 0; i < r->n; i++)
		if (member_active(r->members[i]) && r->agents[i].connected)
			return r->members[i];
	return NULL;
}

size_t
placing_spread(struct broker *b, const json_t *spec, struct member *fired,
    struct member ***at)
{
	enum place_spread spread = spread_of(spec);
	size_t n = 0;

	*at = NULL;
	if (spread == PLACE_LOCAL) {
		if (fired == NULL)
			fired = stand_in(b);
		if (fired != NULL) {
			*at = mem_zero(1, sizeof(**at));
			(*at)[n++] = fired;
		}
	} else if (spread != PLACE_ONE) {
		struct place_agent *pa = facts(b, spec, fired);
		struct place_rule rule = rule_of(b, spec, NULL);
		size_t *out = mem_zero(b->roster->n + 1, sizeof(*out));

		/* Each of them gets its run, and waits for a slot there: a full
		 * one is no reason to leave it out. */
		for (size_t i = 0; i < b->roster->n; i++)
			pa[i].cap = 0;
		n = place_choose(pa, b->roster->n, &rule, out);
		*at = mem_zero(n + 1, sizeof(**at));
		for (size_t i = 0; i < n; i++)
			(*at)[i] = b->roster->members[out[i]];
		free(out);
		free(pa);
	}
	return n;
}

static enum no_agent
policy(const struct broker *b, const struct run *r)
{
	return r->spec->on_no_agent != NO_AGENT_CLUSTER ? r->spec->on_no_agent
	    : b->set.on_no_agent;
}

static bool
takes(const struct broker *b, const struct member *m, const char *name,
    char *why, size_t size)
{
	if (m == NULL || !member_active(m) || !member_connected(b->roster, m))
		(void)snprintf(why, size, "%s is not connected", name);
	else if (!m->accepts)
		(void)snprintf(why, size,
		    "%s takes no runs now (its disk is full?)", name);
	else if (m->cap > 0 && m->sent >= m->cap)
		(void)snprintf(why, size, "%s is at its cap of %lld runs",
		    name, (long long)m->cap);
	else
		return true;
	return false;
}

/* on_no_agent = "local": where it would run without a distribution. */
static struct member *
last_resort(const struct broker *b, const struct run *r)
{
	struct member *m = policy(b, r) == NO_AGENT_LOCAL ? stand_in(b) : NULL;
	char why[120];

	return m != NULL && !roster_agent(b->roster, m)->drained &&
	    takes(b, m, m->name, why, sizeof(why)) ? m : NULL;
}

struct member *
placing_choose(struct broker *b, const struct run *r, char *why, size_t size)
{
	struct cat_job *j = catalog_job(b->catalog, r->job);
	struct place_rule rule = rule_of(b, r->spec->doc,
	    j != NULL && j->last_agent[0] != '\0' ? j->last_agent : NULL);
	struct member *m = NULL;
	struct place_agent *pa;
	size_t *out, n;

	if (r->agent[0] != '\0') {	/* decided when it was made */
		m = roster_by_id(b->roster, r->member);
		return takes(b, m, r->agent, why, size) ? m : NULL;
	}
	if (rule.spread != PLACE_ONE) {	/* the others had no agent at all */
		rule.spread = PLACE_ONE;
		rule.selection = PLACE_FIRST;
	}
	pa = facts(b, r->spec->doc, NULL);
	out = mem_zero(b->roster->n + 1, sizeof(*out));
	n = place_choose(pa, b->roster->n, &rule, out);
	if (n > 0) {
		m = b->roster->members[out[0]];
		if (j != NULL)
			(void)MEM_STR(j->last_agent, m->name);
	} else
		m = last_resort(b, r);
	if (m == NULL && b->roster->n == 1)
		(void)snprintf(why, size, "%s %s", pa[0].name,
		    place_why_text(pa[0].why));
	else if (m == NULL)
		(void)snprintf(why, size,
		    "none of %zu agents can take it (muster run explain %lld)",
		    b->roster->n, (long long)r->id);
	free(out);
	free(pa);
	return m;
}

bool
placing_moves(const json_t *spec)
{
	return spread_of(spec) == PLACE_ONE;
}

bool
placing_overlaps(const struct broker *b, const struct run *r)
{
	const char *policy = js_str(r->spec->doc, "overlap", "queue");

	if (strcmp(policy, "queue") != 0 && strcmp(policy, "replace") != 0)
		return false;
	for (const struct run *o = live_first(b); o != NULL;
	     o = o->hh.next)
		if (o != r && o->id < r->id && strcmp(o->job, r->job) == 0 &&
		    !run_ended(o->state) && strcmp(o->occ, r->occ) != 0)
			return true;
	return false;
}

int64_t
placing_patience(const struct broker *b, const struct run *r, char *why,
    size_t size)
{
	int64_t wait, waited = mono_diff_ms(b->now.mono, r->queued_at);
	const struct member *m;

	if (r->state != RUN_WAITING || r->due.ms != 0)
		return -1;
	wait = r->spec->wait_ms;
	if (policy(b, r) == NO_AGENT_FAIL) {
		(void)snprintf(why, size, "no agent: %s",
		    r->reason != NULL ? r->reason : "none fits");
		return 0;
	}
	/* A run bound to one agent that has gone would wait for ever. */
	m = roster_by_id(b->roster, r->member);
	if (wait == 0 && r->agent[0] != '\0' &&
	    (m == NULL || !member_connected(b->roster, m)))
		wait = b->set.lost_after;
	if (wait == 0)
		return -1;
	if (waited >= wait) {
		char d[TEXT_DUR];

		(void)snprintf(why, size, "no agent took it within %s: %s",
		    text_dur_fmt(wait, d),
		    r->reason != NULL ? r->reason : "none fits");
		return 0;
	}
	return wait - waited;
}

/* What was found and what is asked for, of the filter that failed. */
static json_t *
measured(struct broker *b, const struct run *r, const struct place_agent *pa,
    const struct member *m)
{
	const char *filter = js_str(r->spec->doc, "filter",
	    b->set.filter_condition);
	json_t *terms, *requires = json_object_get(r->spec->doc, "requires");
	struct cond *c = NULL;

	switch (pa->why) {
	case PLACE_LABEL:
		return json_pack("{s:o,s:O}", "measured", m->labels != NULL
		        ? json_incref(m->labels) : json_array(), "required",
		    requires);
	case PLACE_CONDITION:
		terms = json_array();
		if (cond_parse(filter, COND_STATE, &c, NULL) == 0)
			(void)eval_member(b, m, c, terms);
		cond_free(c);
		return json_pack("{s:o,s:s}", "measured", terms, "required",
		    filter);
	case PLACE_FULL:
		return json_pack("{s:I,s:o}", "measured",
		    (json_int_t)pa->running, "required",
		    json_sprintf("fewer than %lld", (long long)pa->cap));
	case PLACE_CHOSEN:
	case PLACE_NOT_FIRED_HERE:
	case PLACE_NOT_LISTED:
	case PLACE_DISCONNECTED:
	case PLACE_NO_RUNS:
	case PLACE_DRAINED:
	case PLACE_REFUSING:
	case PLACE_OTHERS_FIRST:
	case PLACE_NWHYS:
		break;
	}
	return json_pack("{s:n,s:n}", "measured", "required");
}

json_t *
placing_explain(struct broker *b, const struct run *r)
{
	struct place_rule rule = rule_of(b, r->spec->doc, NULL);
	struct member *fired = roster_by_id(b->roster, r->member);
	struct place_agent *pa = facts(b, r->spec->doc, fired);
	size_t *out = mem_zero(b->roster->n + 1, sizeof(*out));
	json_t *list = json_array();
	const struct member *local = NULL;

	if (place_choose(pa, b->roster->n, &rule, out) == 0)
		local = last_resort(b, r);
	for (size_t i = 0; i < b->roster->n; i++) {
		json_t *row, *more;

		if (!member_active(b->roster->members[i]))
			continue;
		row = json_pack("{s:s,s:b,s:s}", "agent", pa[i].name, "fits",
		    pa[i].why == PLACE_CHOSEN || b->roster->members[i] == local,
		    "reason", pa[i].why == PLACE_CHOSEN ? "would take it"
		    : b->roster->members[i] == local
		    ? "would take it: nobody fits, on_no_agent is local"
		    : place_why_text(pa[i].why));
		more = measured(b, r, &pa[i], b->roster->members[i]);
		(void)json_object_update(row, more);
		json_decref(more);
		(void)json_array_append_new(list, row);
	}
	free(out);
	free(pa);
	return list;
}
