#include "broker/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/live.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"
#include "tz.h"

struct eval {
	struct broker	    *b;
	const struct member *m;
	json_t		    *explain;
};

static const struct member *
of_node(const struct eval *ev, const char *node)
{
	return node == NULL ? ev->m : roster_by_name(ev->b->roster, node);
}

static const struct series *
ev_series(void *ctx, const char *node)
{
	const struct member *m = of_node(ctx, node);

	return m == NULL ? NULL : &m->series;
}

static bool
ev_metric(void *ctx, const char *node, enum metric metric, double *v)
{
	struct eval *ev = ctx;
	const struct member *m = of_node(ev, node);

	if (m == NULL)
		return false;
	if (metric == METRIC_RUNNING)
		*v = (double)m->running;
	else if (metric == METRIC_CONNECTED)
		*v = member_connected(ev->b->roster, m);
	else if (metric == METRIC_HEALTH)
		*v = (double)m->health.level;
	else if (metric == METRIC_UPTIME)
		*v = roster_uptime(ev->b, m);
	else if (metric == METRIC_OUTAGES)
		*v = (double)m->outages;
	else
		return false;
	return true;
}

static const char *
ev_field(void *ctx, enum cond_field f)
{
	static char labels[1024];
	struct eval *ev = ctx;
	size_t len = 0;

	switch (f) {
	case COND_NAME:
		return ev->m->name;
	case COND_MODE:
		return ev->m->worker ? "worker" : "agent";
	case COND_ROLE:
		return ev->b->roster->holder == ev->m->id ? "scheduler"
							   : "spare";
	case COND_LABELS:
		labels[0] = '\0';
		for (size_t i = 0; i < json_array_size(ev->m->labels); i++)
			len += (size_t)snprintf(labels + len,
			    len < sizeof(labels) ? sizeof(labels) - len : 0,
			    "%s%s", len > 0 ? " " : "",
			    json_string_value(json_array_get(ev->m->labels,
			        i)));
		return labels;
	case COND_NFIELDS:
		break;
	}
	return NULL;
}

static int
ev_connected(void *ctx, const char *node, mono *since)
{
	struct eval *ev = ctx;
	const struct member *m = of_node(ev, node);

	if (m == NULL)
		return -1;
	*since = member_connected(ev->b->roster, m) ? m->since
						     : m->offline_from;
	return member_connected(ev->b->roster, m);
}

static int64_t
ev_running(void *ctx, const char *job)
{
	struct eval *ev = ctx;

	return catalog_job(ev->b->catalog, job) == NULL
	    ? -1
	    : live_running(ev->b, job);
}

static int
ev_calendar(void *ctx, const char *name)
{
	struct eval *ev = ctx;
	const struct catalog *c = ev->b->catalog;
	const struct tz *tz = tz_get(ev->b->set.zone, NULL);
	struct civil day = tz_civil(tz != NULL ? tz : tz_utc(), ev->b->now.wall);

	for (size_t i = 0; i < c->ncalendars; i++)
		if (strcmp(c->calendars[i].name, name) == 0)
			return calendar_has(&c->calendars[i], (int)day.year,
			    day.month, day.day);
	return -1;
}

static void
ev_term(void *ctx, const struct cond_term *t)
{
	struct eval *ev = ctx;

	(void)json_array_append_new(ev->explain, json_pack(
	    "{s:o,s:s,s:o}", "term", json_stringn(t->text, t->len), "result",
	    t->skipped ? "skipped" : cond_result_word(t->result), "value",
	    js_text(t->value)));
}

enum cond_result
eval_member(struct broker *b, const struct member *m, const struct cond *c,
    json_t *explain)
{
	struct eval ev = { b, m, explain };
	struct cond_env env = { .now = b->now,
		.gap_ms = 3 * b->set.sample_interval, .ctx = &ev,
		.series = ev_series, .metric = ev_metric, .field = ev_field,
		.connected = ev_connected, .running = ev_running,
		.calendar = ev_calendar,
		.term = explain != NULL ? ev_term : NULL };

	return cond_eval(c, &env);
}

static void
switch_condition(struct broker *b, size_t i)
{
	struct roster *r = b->roster;

	r->agents[i].condition_met = eval_member(b, r->members[i],
	    r->switch_cond, NULL) == COND_TRUE;
}

void
eval_conditions(struct broker *b)
{
	for (size_t i = 0; i < b->roster->n; i++)
		if (b->roster->agents[i].connected)
			switch_condition(b, i);
}

/* ---- supposing ---- */

enum { SUPPOSED_MOST = 8192 };

/* The last sample with one value changed, again and again up to now. */
static void
suppose_series(const struct broker *b, struct member *m,
    const struct series *of, enum metric metric, double v)
{
	int64_t step = b->set.sample_interval;
	int64_t n = cond_window(b->roster->switch_cond) / step + 4;
	struct sample s = { 0 };

	if (n > SUPPOSED_MOST)
		n = SUPPOSED_MOST;
	if (of->n > 0)
		s = *series_at(of, of->n - 1);
	sample_set(&s, metric, v);
	if (metric == METRIC_HEALTH)
		m->health.level = (enum health)(int)v;
	else {
		health_init(&m->health, b->now);
		(void)health_step(&m->health, &s, &b->roster->health, b->now);
		sample_set(&s, METRIC_HEALTH, (double)m->health.level);
	}
	series_init(&m->series, mem_zero((size_t)n, sizeof(s)), (size_t)n);
	while (n-- > 0) {
		s.at = mono_add_ms(b->now.mono, -n * step);
		series_put(&m->series, &s);
	}
}

struct member *
eval_as_if(struct broker *b, const struct member *m, struct member *was,
    enum metric metric, double v)
{
	struct member *as_if = mem_zero(1, sizeof(*as_if));
	const struct member *from = was != NULL ? was : m;

	*as_if = *from;
	if (metric == METRIC_RUNNING)
		as_if->running = (int64_t)v;
	else if (metric == METRIC_OUTAGES)
		as_if->outages = (int64_t)v;
	suppose_series(b, as_if, &from->series, metric, v);
	eval_as_if_free(was);
	return as_if;
}

void
eval_as_if_free(struct member *as_if)
{
	if (as_if == NULL)
		return;
	free(as_if->series.ring);
	free(as_if);
}

static void
swap_members(struct roster *r, struct member **as_if)
{
	for (size_t i = 0; i < r->n; i++)
		if (as_if[i] != NULL) {
			struct member *m = r->members[i];

			r->members[i] = as_if[i];
			as_if[i] = m;
		}
}

/* Conditions of others may name them, so they stand in their place. */
void
eval_suppose(struct broker *b, struct member **as_if)
{
	struct roster *r = b->roster;

	swap_members(r, as_if);
	for (size_t i = 0; i < r->n; i++) {
		struct role_agent *a = &r->agents[i];

		if (!member_active(r->members[i]))
			continue;
		switch_condition(b, i);
		if (as_if[i] == NULL)
			continue;
		a->health = (int)r->members[i]->health.level;
		a->running = (int)r->members[i]->running;
	}
	swap_members(r, as_if);
}
