/* agent stats: what the graphs of a console are drawn from. */
#include <stdlib.h>

#include "api/call.h"
#include "broker/roster.h"
#include "core/metric.h"
#include "js.h"
#include "mem.h"

enum { COLUMNS = 60, COLUMNS_DAY = 144, STEP_MIN_MS = 1000 };

struct column {
	double sum, max;
	int    n;
};

/* To one decimal: what nobody can see does not count as a change. */
static json_t *
number(const struct column *c, bool max)
{
	double v = c->n > 0 ? max ? c->max : c->sum / c->n : 0;

	if (c->n == 0)
		return json_null();
	return json_real((double)(int64_t)(v * 10 + 0.5) / 10);
}

static json_t *
columns(const struct series *s, enum metric metric, mono from, int64_t step,
    int n)
{
	struct column *c = mem_zero((size_t)n, sizeof(*c));
	json_t *mean = json_array(), *max = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct sample *p = series_at(s, i);
		int64_t at = mono_diff_ms(p->at, from);

		if (!sample_has(p, metric) || at < 0 || at / step >= n)
			continue;
		c[at / step].sum += (double)p->v[metric];
		if (c[at / step].n++ == 0 ||
		    (double)p->v[metric] > c[at / step].max)
			c[at / step].max = (double)p->v[metric];
	}
	for (int i = 0; i < n; i++) {
		(void)json_array_append_new(mean, number(&c[i], false));
		(void)json_array_append_new(max, number(&c[i], true));
	}
	free(c);
	return json_pack("{s:o,s:o}", "mean", mean, "max", max);
}

void
do_agent_stats(struct call *c)
{
	static const enum metric shown[] = { METRIC_CPU, METRIC_SELF_CPU,
		METRIC_MEM, METRIC_SWAP, METRIC_DISK, METRIC_LOAD1,
		METRIC_RUNNING, METRIC_LATENCY, METRIC_HEALTH };
	const struct member *m = call_member(c, "agent");
	int64_t window = cmd_ms(c->params, "window", 600000), step;
	json_t *metrics;
	wall from, to;
	mono start;
	int n;

	if (m == NULL)
		return;
	if (window < COLUMNS * STEP_MIN_MS || window > 86400000) {
		call_failed(c, ERR_USAGE, "window: must be 1m..24h");
		return;
	}
	n = window > 6 * 3600000 ? COLUMNS_DAY : COLUMNS;
	step = window / n;
	/* Columns begin at whole multiples of the step, so that a graph shifts
	 * by one column each step and not a little at each look. */
	to.ms = (c->b->now.wall.ms / step + 1) * step;
	from.ms = to.ms - step * n;
	start = mono_add_ms(c->b->now.mono, from.ms - c->b->now.wall.ms);
	metrics = json_object();
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		(void)json_object_set_new(metrics, metric_name(shown[i]),
		    columns(&m->series, shown[i], start, step, n));
	call_done(c, json_pack("{s:s,s:o,s:o,s:o,s:o}", "agent", m->name,
	    "from", js_time(from), "to", js_time(to), "step", js_secs(step),
	    "metrics", metrics));
}
