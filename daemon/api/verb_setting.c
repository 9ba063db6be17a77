/* setting list, show, set; condition check. */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "broker/eval.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/condition.h"
#include "js.h"
#include "mem.h"

void
do_setting_list(struct call *c)
{
	json_t *list = settings_json(&c->b->set);
	int64_t limit = call_limit(c, INT32_MAX);

	while ((int64_t)json_array_size(list) > limit)
		(void)json_array_remove(list, json_array_size(list) - 1);
	call_done(c, list);
}

void
do_setting_show(struct call *c)
{
	struct err e;
	json_t *doc = setting_json(&c->b->set, call_str(c, "name"), &e);

	if (doc != NULL)
		call_done(c, doc);
	else
		call_fail(c, &e);
}

void
do_setting_set(struct call *c)
{
	const json_t *values = json_object_get(c->params, "values"), *v;
	struct setting_pair *pairs = mem_zero(json_object_size(values) + 1,
	    sizeof(*pairs));
	const char *key;
	size_t n = 0;
	struct err e;
	int rc;

	json_object_foreach((json_t *)values, key, v)
		pairs[n++] = (struct setting_pair){ key, json_string_value(v) };
	c->audited = true;
	rc = broker_set(c->b, pairs, n, c->who, &e);
	free(pairs);
	if (rc == -1)
		call_fail(c, &e);
	else
		call_told(c, json_pack("{s:O}", "values", values),
		    "%zu setting%s changed", n, n == 1 ? "" : "s");
}

/* ---- condition check ---- */

/* Times in the past at which a condition is asked again (--since): from the
 * samples alone, which an hour of is kept. */
struct past {
	struct broker	    *b;
	const struct member *m;
	mono		     at;
};

enum { PAST_STEPS = 720 };

static const struct member *
past_node(const struct past *p, const char *node)
{
	return node == NULL ? p->m : roster_by_name(p->b->roster, node);
}

static const struct series *
past_series(void *ctx, const char *node)
{
	const struct member *m = past_node(ctx, node);

	return m != NULL ? &m->series : NULL;
}

static const char *
past_field(void *ctx, enum cond_field f)
{
	const struct past *p = ctx;

	switch (f) {
	case COND_NAME:
		return p->m->name;
	case COND_MODE:
		return p->m->worker ? "worker" : "agent";
	case COND_ROLE:
	case COND_LABELS:
	case COND_NFIELDS:
		break;
	}
	return NULL;			/* what they were is not on record */
}

/* [{at, result}], each time that the result changed, oldest first. */
static json_t *
changes(struct call *c, const struct member *m, const struct cond *cond,
    int64_t ms)
{
	struct past p = { .b = c->b, .m = m };
	struct cond_env env = { .gap_ms = 3 * c->b->set.sample_interval,
		.ctx = &p, .series = past_series, .field = past_field };
	int64_t step = ms / PAST_STEPS > c->b->set.sample_interval
	    ? ms / PAST_STEPS : c->b->set.sample_interval;
	enum cond_result was = COND_UNKNOWN, is;
	json_t *list = json_array();

	for (int64_t ago = ms; ago >= 0; ago -= step) {
		env.now.mono = mono_add_ms(c->b->now.mono, -ago);
		env.now.wall.ms = c->b->now.wall.ms - ago;
		is = cond_eval(cond, &env);
		if (is != was || json_array_size(list) == 0)
			(void)json_array_append_new(list, json_pack(
			    "{s:o,s:s}", "at", js_time(env.now.wall),
			    "result", cond_result_word(is)));
		was = is;
	}
	return list;
}

/* `cpu > 80: 93.1, true; running = 0: skipped` */
static json_t *
explanation(const json_t *terms)
{
	struct buf b = BUF_INIT(64 << 10);
	json_t *t, *v;
	size_t i;

	json_array_foreach((json_t *)terms, i, t) {
		const char *value = js_str(t, "value", "");

		buf_fmt(&b, "%s%s: %s%s%s", i > 0 ? "; " : "",
		    js_str(t, "term", ""), value,
		    value[0] != '\0' ? ", " : "", js_str(t, "result", ""));
	}
	v = js_text(b.p);
	buf_free(&b);
	return v;
}

void
do_condition_check(struct call *c)
{
	int64_t ms = cmd_ms(c->params, "since", -1);
	const struct roster *r = c->b->roster;
	json_t *list;
	struct cond *cond;
	struct err e;

	if (cond_parse(call_str(c, "text"), COND_EVENT, &cond, &e) == -1) {
		call_fail(c, &e);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < r->n; i++) {
		struct member *m = r->members[i];
		json_t *terms = json_array(), *row;
		enum cond_result result;

		if (member_active(m)) {
			result = eval_member(c->b, m, cond, terms);
			row = json_pack("{s:s,s:s,s:o,s:O}", "agent", m->name,
			    "result", cond_result_word(result), "explanation",
			    explanation(terms), "terms", terms);
			if (ms >= 0)
				(void)json_object_set_new(row, "changes",
				    changes(c, m, cond, ms));
			(void)json_array_append_new(list, row);
		}
		json_decref(terms);
	}
	cond_free(cond);
	call_done(c, list);
}
