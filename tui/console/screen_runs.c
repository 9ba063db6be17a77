/* Runs: the list, and the log of the selected one as it is followed.  The log's
 * bytes are shown, never obeyed. */
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "screen.h"

enum { RUN, JOB, AGENT, STATE, SINCE, TOOK, WHY };

const struct widget_column run_columns[] = {
	[RUN] = { "RUN", "id", 7, 0, 0 },
	[JOB] = { "JOB", "job", 12, 0, WIDGET_GROWS },
	[AGENT] = { "AGENT", "agent", 9, 2, WIDGET_GROWS },
	[STATE] = { "STATE", "state", 10, 1, 0 },
	[SINCE] = { "SINCE", "started_at", 12, 4, 0 },
	[TOOK] = { "TOOK", NULL, 6, 3, WIDGET_RIGHT },
	[WHY] = { "WHY", "cause", -14, 2, 0 },
};
const int run_ncolumns = sizeof(run_columns) / sizeof(run_columns[0]);

static void
why(const json_t *row, struct buf *b)
{
	const char *reason = js_str(row, "reason", "");
	const json_t *sig = json_object_get(row, "signal");

	if (strcmp(js_str(row, "state", ""), "failed") == 0)
		buf_fmt(b, "exit %lld  ", (long long)js_int(row, "exit_code",
		    0));
	if (json_is_integer(sig))
		buf_fmt(b, "signal %lld  ", (long long)json_integer_value(sig));
	buf_fmt(b, "%s%s%s", reason, *reason != '\0' ? "  " : "", js_str(row,
	    "cause", ""));
	if (js_int(row, "attempt", 1) > 1)
		buf_fmt(b, " (attempt %lld)", (long long)js_int(row, "attempt",
		    1));
	if (js_bool(row, "late", false))
		buf_puts(b, " late");
	if (js_bool(row, "doubled", false))
		buf_puts(b, " doubled");
}

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	const struct screen_ctx *c = ctx;
	wall started = js_wall(row, "started_at");
	wall ended = js_wall(row, "ended_at");
	const char *state = js_str(row, "state", "?");
	char t[SAY];
	bool bad;

	(void)width;
	switch (column) {
	case RUN:
		buf_fmt(b, "#%lld", (long long)js_int(row, "id", 0));
		break;
	case JOB:
		buf_puts(b, js_str(row, "job", "?"));
		break;
	case AGENT:
		buf_puts(b, js_str(row, "agent", "-"));
		break;
	case STATE:
		buf_puts(b, strcmp(state, "succeeded") == 0 ? "ok" : state);
		(void)say_mark(state, &bad);
		if (bad)
			*attr = GRID_BOLD | GRID_RED;
		else if (strcmp(state, "running") == 0)
			*attr = GRID_BOLD | GRID_GREEN;
		else if (strcmp(state, "unknown") == 0)
			*attr = GRID_BOLD | GRID_YELLOW;
		break;
	case SINCE:
		buf_puts(b, say_when(&c->m->say, started.ms != 0 ? started
		    : js_wall(row, "queued_at"), t));
		break;
	case TOOK:
		if (started.ms != 0)
			buf_puts(b, say_span((ended.ms != 0 ? ended.ms
			    : c->m->now.wall.ms) - started.ms, t));
		else
			buf_puts(b, "-");
		break;
	case WHY:
		why(row, b);
		break;
	default:
		break;
	}
}

/* Is the log that is here the one of this row? */
static bool
loaded(const struct model *m, const json_t *row)
{
	char id[VIEW_ID];

	view_id(row, "id", id);
	return strcmp(m->log.id, id) == 0;
}

static void
log_title(const struct model *m, const json_t *row, char title[256])
{
	const struct runlog *l = &m->log;
	char state[48] = "", t[SAY];

	if (!loaded(m, row))
		(void)snprintf(state, sizeof(state), "not loaded");
	else if (l->error[0] != '\0')
		(void)snprintf(state, sizeof(state), "no output");
	else if (l->paused)
		(void)snprintf(state, sizeof(state), "PAUSED, %lld new",
		    (long long)l->fresh);
	else
		(void)snprintf(state, sizeof(state), "%s", l->ended ? "ended"
		    : "following");
	(void)snprintf(title, 256, "#%lld %.40s on %.40s -- %s%s%s",
	    (long long)js_int(row, "id", 0), js_str(row, "job", "?"),
	    js_str(row, "agent", "-"), state, *screen_as_of(m, t) != '\0'
	        ? " " : "", t);
}

static void
log_view(const struct model *m, const struct area *a, const json_t *row)
{
	const struct runlog *l = &m->log;
	size_t height = a->h > 1 ? (size_t)(a->h - 1) : 0;
	size_t top = runlog_top(l, height);
	char title[256];

	log_title(m, row, title);
	widget_rule(a, 0, title);
	if (!loaded(m, row)) {
		(void)area_str(a, 1, 1, GRID_DIM, "The log of this run is not "
		    "loaded.");
		return;
	}
	if (l->error[0] != '\0') {
		(void)area_wrap(a, 1, 1, a->h - 1, GRID_PLAIN, l->error);
		return;
	}
	if (l->n == 0)
		(void)area_str(a, 1, 1, GRID_DIM, l->ended ? "(no output)"
		    : "(no output yet)");
	for (size_t y = 0; y < height && top + y < l->n; y++) {
		const struct runlog_line *line = runlog_at(l, top + y);

		(void)area_line(a, (int)y + 1, 1, l->left, GRID_PLAIN, line->p,
		    line->len);
	}
	if (m->in_log)
		area_cursor(a, 1, 1);
}

static void
nothing(const struct model *m, struct buf *b)
{
	const json_t *next = json_array_get(m->topic[TOPIC_NEXT].doc, 0);
	char t[SAY];

	buf_puts(b, "Nothing runs, and nothing has run yet.");
	if (next != NULL)
		buf_fmt(b, " Next: %s at %s.", js_str(next, "job", "?"),
		    say_when(&m->say, js_wall(next, "at"), t));
}

void
screen_runs(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m);
	struct buf empty = BUF_INIT(512);
	struct area list, log;
	bool wide = a->w >= 140, below = a->h >= 10;
	int h = a->h * 3 / 10 + m->split;

	h = h < 3 ? 3 : h > a->h - 3 ? a->h - 3 : h;
	if (m->open && row != NULL) {
		log_view(m, a, row);
		return;
	}
	list = wide ? area_part(a, 0, 0, -1, 70 + m->split * 2)
	    : area_part(a, 0, 0, below ? h : -1, -1);
	nothing(m, &empty);
	if (screen_table(m, &list, cell, empty.p) > 0 && row != NULL &&
	    below) {
		log = wide ? area_part(a, 0, list.w + 1, -1, -1)
		    : area_part(a, h, 0, -1, -1);
		log_view(m, &log, row);
	}
	buf_free(&empty);
}
