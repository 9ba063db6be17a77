/* One agent: its health, load and runs over time, and why. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "screen.h"

static const json_t *
series(const json_t *stats, const char *metric, const char *kind)
{
	return json_object_get(json_object_get(json_object_get(stats,
	    "metrics"), metric), kind);
}

static const char *
window_name(int seconds)
{
	return seconds <= 600 ? "10 min" : seconds <= 3600 ? "60 min" : "24 h";
}

/* Levels as a line over time; gaps stay gaps. */
static void
health_graph(const struct area *a, const json_t *values, const char *level)
{
	static const char *const names[] = { "excellent", "good", "ok", "bad",
		"very bad" };
	struct area line = area_part(a, 0, 13, 5, a->w - 15);
	size_t n = json_array_size(values);
	bool utf8 = a->g->glyphs == GLYPHS_UTF8;

	for (int y = 0; y < 5; y++) {
		(void)area_str(a, y, 1, GRID_PLAIN, names[y]);
		area_put(a, y, 11, GRID_DIM, utf8 ? 0x2502 : '|');
	}
	for (int x = 0; x < line.w; x++) {
		const json_t *v = json_array_get(values, (size_t)x * n /
		    (size_t)line.w);
		int value = json_is_number(v)
		    ? (int)(json_number_value(v) + 0.5) : 0;

		if (value >= 1 && value <= 5)
			area_put(&line, 5 - value, x, GRID_PLAIN,
			    utf8 ? 0x2500 : '-');
	}
	if (say_level_value(level) > 0)
		area_right(a, 5 - say_level_value(level), a->w - 2, GRID_BOLD,
		    "now");
}

static void
axis(const struct model *m, const struct area *a, int y, const json_t *stats)
{
	wall from = js_wall(stats, "from"), to = js_wall(stats, "to");
	struct area line = area_part(a, y, 13, 1, a->w - 15);
	int64_t span = to.ms - from.ms;
	char t[SAY];

	if (from.ms == 0 || span <= 0)
		return;
	for (int i = 0; i < 5; i++) {
		int x = i * (line.w - 1) / 4;
		wall at = { from.ms + span * i / 4 };

		(void)say_when(&m->say, at, t);
		if (i == 4)
			area_right(&line, 0, x, GRID_DIM, t);
		else
			(void)area_str(&line, 0, x, GRID_DIM, t);
	}
}

struct row_of_graph {
	const char *title, *metric, *unit;
	double floor;			/* top of the scale at least */
};

static double
last_of(const json_t *values)
{
	const json_t *v = json_array_get(values, json_array_size(values) > 0
	    ? json_array_size(values) - 1 : 0);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void
metric_row(const struct area *a, int y, int h, const json_t *stats,
    const struct row_of_graph *r)
{
	const json_t *max = series(stats, r->metric, "max");
	double top = widget_top(max, 0), now = last_of(series(stats, r->metric,
	    "mean"));
	struct area graph = area_part(a, y, 17, h, a->w - 17 - 10);
	char text[32];

	(void)area_fmt(a, y + h - 1, 1, GRID_BOLD, "%-5s", r->title);
	(void)area_fmt(a, y + h - 1, 6, GRID_DIM, "max %.0f%s", top, r->unit);
	widget_graph(&graph, max, top > r->floor ? top : r->floor);
	if (isnan(now))
		(void)snprintf(text, sizeof(text), "-");
	else
		(void)snprintf(text, sizeof(text), "%.0f%s", now, r->unit);
	area_right(a, y + h - 1, a->w - 2, GRID_BOLD, text);
}

static void
why(const struct model *m, const struct area *a, int y, const json_t *row)
{
	const json_t *h = json_object_get(row, "health");
	const json_t *d = screen_detail(m, row);
	const json_t *runs = json_object_get(d, "runs");
	const char *level = say_level(js_str(h, "level", "unknown"), 20);
	struct buf b = BUF_INIT(1024);
	struct area part;
	int x;

	x = area_fmt(a, y, 1, GRID_BOLD, "%-11s", "Why");
	(void)area_fmt(a, y++, x + 1, GRID_PLAIN, "%s: %s", level,
	    js_str(h, "reason", "-"));
	(void)area_str(a, y, 1, GRID_BOLD, "Now here");
	for (size_t i = 0; i < json_array_size(runs) && i < 3; i++) {
		const json_t *r = json_array_get(runs, i);

		buf_fmt(&b, "%s%s #%lld %s", i > 0 ? ", " : "", js_str(r,
		    "job", "?"), (long long)js_int(r, "id", 0), js_str(r,
		    "state", "?"));
	}
	if (b.len == 0)
		buf_fmt(&b, "%lld runs", (long long)js_int(row, "running", 0));
	(void)area_str(a, y++, x + 1, GRID_PLAIN, b.p);
	buf_clear(&b);
	(void)area_str(a, y, 1, GRID_BOLD, "Scheduler");
	if (strcmp(js_str(row, "role", ""), "scheduler") == 0)
		(void)area_fmt(a, y++, x + 1, GRID_PLAIN, "holds the role, "
		    "epoch %lld", (long long)js_int(row, "epoch", 0));
	else {
		buf_puts(&b, js_bool(row, "controlled", false)
		    ? js_bool(row, "held_off", false) ? "held off; in line: "
		    : "may hold it; in line: " : "not controlled; in line: ");
		screen_next_in_line(m, &b);
		(void)area_str(a, y++, x + 1, GRID_PLAIN, b.p);
	}
	buf_free(&b);
	if (*screen_detail_error(m, row) != '\0') {
		(void)area_str(a, y, 1, GRID_BOLD, "No more");
		part = area_part(a, y, x + 1, 3, -1);
		(void)area_wrap(&part, 0, 0, 3, GRID_PLAIN,
		    screen_detail_error(m, row));
		return;
	}
	(void)area_str(a, y, 1, GRID_BOLD, "Key");
	(void)area_str(a, y++, x + 1, GRID_PLAIN, js_str(d, "fingerprint",
	    "-"));
	(void)area_str(a, y, 1, GRID_BOLD, "Clock");
	if (d == NULL)
		(void)area_str(a, y, x + 1, GRID_PLAIN, "-");
	else
		(void)area_fmt(a, y, x + 1, GRID_PLAIN, "%+.3fs   outages in "
		    "24h %lld", js_num(d, "clock_skew", 0),
		    (long long)js_int(d, "outages", 0));
}

static void
own_events(const struct model *m, const struct area *a, const char *name)
{
	const json_t *list = m->topic[TOPIC_EVENTS].doc;
	char t[SAY];
	int y = 1;

	widget_rule(a, 0, "its last events");
	for (size_t i = 0; i < json_array_size(list) && y < a->h; i++) {
		const json_t *e = json_array_get(list, i);

		if (strcmp(js_str(e, "node", ""), name) == 0)
			(void)area_fmt(a, y++, 1, GRID_PLAIN, "%-13s %s",
			    say_when(&m->say, js_wall(e, "at"), t),
			    js_str(e, "message", ""));
	}
}

void
screen_agent(const struct model *m, const struct area *a)
{
	static const struct row_of_graph rows[] = {
		{ "CPU", "cpu", "%", 100 }, { "MEM", "mem", "%", 100 },
		{ "LAT", "latency", "ms", 20 }, { "RUNS", "running", "", 4 },
	};
	const json_t *row = screen_selected(m);
	const char *name = js_str(row, "name", "?");
	const json_t *stats = model_stats(m, name, m->window);
	const char *level = js_str(json_object_get(row, "health"), "level",
	    "unknown");
	int each = a->h >= 38 ? 4 : 1, y = 1;
	struct buf b = BUF_INIT(256);
	struct area part;
	char t[SAY];

	widget_health(say_level_value(level), &b);
	(void)area_fmt(a, 0, 1, GRID_BOLD, "Agents > %-12s %-10s %s %s", name,
	    say_agent(row), b.p, say_level(level, 20));
	buf_clear(&b);
	buf_fmt(&b, "%s last %s", screen_as_of(m, t), window_name(m->window));
	area_right(a, 0, a->w - 2, GRID_DIM, b.p);
	buf_free(&b);
	part = area_part(a, y, 0, 5, -1);
	health_graph(&part, series(stats, "health", "mean"), level);
	if (json_object_get(stats, "metrics") == NULL) {
		part = area_part(a, y + 1, 14, 3, a->w - 22);
		(void)area_wrap(&part, 0, 0, 3, GRID_DIM, js_str(stats,
		    "error", "no samples yet"));
	}
	axis(m, a, y + 5, stats);
	y += 6 + (a->h >= 24);
	for (size_t i = 0; i < 4; i++, y += each)
		metric_row(a, y, each, stats, &rows[i]);
	y++;
	why(m, a, y, row);
	if (a->h - y > 12) {
		part = area_part(a, y + 7, 0, -1, -1);
		own_events(m, &part, name);
	}
}
