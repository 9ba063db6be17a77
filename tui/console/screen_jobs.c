/* Jobs: when each runs next, how the last one ended. */
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "screen.h"

enum { NAME, ON, NEXT, LAST, RESULT, WHERE, TRIGGERS, QUEUE };

const struct widget_column job_columns[] = {
	[NAME] = { "JOB", "name", 16, 0, WIDGET_GROWS },
	[ON] = { "ON", "enabled", 6, 1, 0 },
	[NEXT] = { "NEXT", "next", 18, 2, 0 },
	[LAST] = { "LAST", "last.at", 12, 4, 0 },
	[RESULT] = { "RESULT", "last.state", 10, 3, 0 },
	[WHERE] = { "WHERE", "distribution", 11, 5, 0 },
	[TRIGGERS] = { "TRIGGERS", NULL, -20, 6, 0 },
	[QUEUE] = { "QUEUE", "queue", 12, 7, 0 },
};
const int job_ncolumns = sizeof(job_columns) / sizeof(job_columns[0]);

static void
next(const struct model *m, const json_t *row, struct buf *b)
{
	wall at = js_wall(row, "next");
	char t[SAY], span[SAY];
	int64_t in = at.ms - m->now.wall.ms;

	if (at.ms == 0) {
		buf_puts(b, json_array_size(json_object_get(row,
		    "triggers")) == 0 ? "on demand" : "-");
		return;
	}
	buf_fmt(b, "%.12s", say_when(&m->say, at, t));
	if (m->say.times != SAY_AGE) {
		/* To the minute: a countdown would redraw every second. */
		(void)say_span(in < 60000 ? in : in / 60000 * 60000, span);
		buf_fmt(b, " (%s)", in < 0 ? "due" : span);
	}
}

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	const struct screen_ctx *c = ctx;
	const json_t *last = json_object_get(row, "last");
	const char *state = js_str(last, "state", "-");
	char t[SAY];
	bool bad;

	(void)width;
	switch (column) {
	case NAME:
		buf_puts(b, js_str(row, "name", "?"));
		break;
	case ON:
		buf_puts(b, !js_bool(row, "enabled", true) ? "off"
		    : js_bool(row, "paused", false) ? "PAUSED" : "on");
		break;
	case NEXT:
		next(c->m, row, b);
		break;
	case LAST:
		buf_puts(b, say_when(&c->m->say, js_wall(last, "at"), t));
		break;
	case RESULT:
		buf_puts(b, strcmp(state, "succeeded") == 0 ? "ok" : state);
		(void)say_mark(state, &bad);
		if (bad)
			*attr = GRID_BOLD | GRID_RED;
		break;
	case WHERE:
		buf_puts(b, js_str(row, "distribution", "-"));
		break;
	case TRIGGERS:
		buf_puts(b, say_value(json_object_get(row, "triggers"), t));
		break;
	case QUEUE:
		buf_puts(b, js_str(row, "queue", "-"));
		break;
	default:
		break;
	}
}

/* One letter a run (say_mark), the newest at the right. */
static int
strip(const struct model *m, const struct area *a, int y, const char *job)
{
	const json_t *list = m->topic[TOPIC_RUNS].doc;
	char marks[31] = "";
	size_t n = 0, ok = 0, bad = 0;
	bool is_bad;
	int x;

	for (size_t i = 0; i < json_array_size(list) && n < 30; i++) {
		const json_t *r = json_array_get(list, i);
		const char *s = js_str(r, "state", "");

		if (strcmp(js_str(r, "job", ""), job) != 0)
			continue;
		ok += strcmp(s, "succeeded") == 0;
		memmove(marks + 1, marks, n + 1);
		marks[0] = say_mark(s, &is_bad);
		bad += is_bad;
		n++;
	}
	(void)area_str(a, y, 1, GRID_BOLD, "Last runs");
	x = area_fmt(a, y, 15, GRID_PLAIN, "%s", n > 0 ? marks
	    : "none among the newest 200");
	if (n > 0)
		(void)area_fmt(a, y, 17 + x, GRID_DIM, "ok %zu  failed %zu "
		    "(newest right)", ok, bad);
	return y + 1;
}

static int
value(const struct area *a, int y, const char *title, const json_t *doc,
    const char *member)
{
	const json_t *v = json_object_get(doc, member);
	char t[SAY];

	if (v == NULL || json_is_null(v))
		return y;
	(void)area_fmt(a, y, 1, GRID_BOLD, "%s", title);
	(void)area_str(a, y, 15, GRID_PLAIN, say_value(v, t));
	return y + 1;
}

static void
about(const struct model *m, const struct area *a, const json_t *row)
{
	const char *name = js_str(row, "name", "?");
	const json_t *d = screen_detail(m, row);
	char t[SAY], title[160];
	int y = 1;

	(void)snprintf(title, sizeof(title), "%s%s%s", name,
	    *screen_as_of(m, t) != '\0' ? " " : "", t);
	widget_rule(a, 0, title);
	y = strip(m, a, y, name);
	(void)area_str(a, y, 1, GRID_BOLD, "Triggers");
	(void)area_str(a, y++, 15, GRID_PLAIN, say_value(json_object_get(row,
	    "triggers"), t));
	(void)area_str(a, y, 1, GRID_BOLD, "Runs where");
	(void)area_fmt(a, y++, 15, GRID_PLAIN, "%s%s%s", js_str(row,
	    "distribution", "-"), js_str(row, "queue", NULL) != NULL
	    ? ", queue " : "", js_str(row, "queue", ""));
	if (d == NULL)
		(void)area_wrap(a, y, 1, 3, GRID_PLAIN, screen_detail_error(m,
		    row));
	y = value(a, y, "Command", d, "command");
	y = value(a, y, "Shell", d, "shell");
	y = value(a, y, "User", d, "user");
	y = value(a, y, "If missed", d, "misfire");
	y = value(a, y, "Overlap", d, "overlap");
	y = value(a, y, "Timeout", d, "timeout");
	y = value(a, y, "Running", d, "running");
	(void)value(a, y, "Owner", d, "owner");
}

void
screen_jobs(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m), *holder = model_holder(m);
	const char *filter = m->view[SCREEN_JOBS].filter;
	bool wide = a->w >= 140, below = a->h >= 14;
	struct area list, part;
	char t[SAY], left[160], right[160];
	int h = wide ? 13 : 8;

	(void)snprintf(left, sizeof(left), "%zu jobs%s. %s%.63s",
	    json_array_size(m->topic[TOPIC_JOBS].doc),
	    m->topic[TOPIC_JOBS].part ? " so far" : "", !model_clustered(m)
	    ? "Started by this node" : holder != NULL ? "Started by "
	    : model_vacant(m) ? "NOBODY schedules"
	    : "Scheduler not known yet", js_str(holder, "name", ""));
	(void)snprintf(right, sizeof(right), "%s  filter: %.60s",
	    screen_as_of(m, t), *filter != '\0' ? filter : "none");
	screen_head(a, GRID_PLAIN, left, right);
	list = area_part(a, a->h >= 8 ? 2 : 1, 0, below ? a->h - 2 - h : -1,
	    -1);
	if (screen_table(m, &list, cell, "No jobs. muster-catalogue(5) says "
	    "how to write them; : apply FILE makes them.") == 0 ||
	    row == NULL || !below)
		return;
	part = area_part(a, a->h - h, 0, h, -1);
	about(m, &part, row);
}
