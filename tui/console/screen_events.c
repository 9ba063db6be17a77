/* Events and the audit trail: one stream, two lenses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "screen.h"

enum { TIME, LEVEL, WHO, WHAT, CODE };

const struct widget_column event_columns[] = {
	[TIME] = { "TIME", "at", 13, 0, 0 },
	[LEVEL] = { "LEVEL", "severity", 7, 1, 0 },
	[WHO] = { "WHO", "actor", 14, 3, 0 },
	[WHAT] = { "WHAT", "message", -36, 0, 0 },
	[CODE] = { "CODE", "code", 20, 6, 0 },
};
const int event_ncolumns = sizeof(event_columns) / sizeof(event_columns[0]);

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	const struct screen_ctx *c = ctx;
	const char *level = js_str(row, "severity", "info");
	char t[SAY];

	(void)width;
	switch (column) {
	case TIME:
		buf_puts(b, say_when(&c->m->say, js_wall(row, "at"), t));
		break;
	case LEVEL:
		if (strcmp(level, "alert") == 0) {
			buf_puts(b, "ALERT");
			*attr = GRID_BOLD | GRID_RED;
		} else if (strncmp(level, "warn", 4) == 0) {
			buf_puts(b, "warn");
			*attr = GRID_YELLOW;
		} else
			buf_puts(b, level);
		break;
	case WHO:
		buf_puts(b, js_str(row, "actor", js_str(row, "node", "-")));
		break;
	case WHAT:
		buf_puts(b, js_str(row, "message", ""));
		break;
	case CODE:
		buf_puts(b, js_str(row, "code", ""));
		break;
	default:
		break;
	}
}

static void
about(const struct model *m, const struct area *a, const json_t *row)
{
	const json_t *data = json_object_get(row, "data");
	char title[SAY], *text;
	int y;

	widget_rule(a, 0, say_when(&m->say, js_wall(row, "at"), title));
	y = 1 + area_wrap(a, 1, 1, a->h > 6 ? a->h - 4 : 2, GRID_PLAIN,
	    js_str(row, "message", ""));
	if (json_is_string(json_object_get(row, "seq")))
		(void)area_fmt(a, y++, 1, GRID_PLAIN, "Open since %s, %s, node "
		    "%s", title, js_str(row, "code", "?"), js_str(row, "node",
		    "-"));
	else
		(void)area_fmt(a, y++, 1, GRID_PLAIN, "Seq %lld, %s, node %s, "
		    "by %s", (long long)js_int(row, "seq", 0), js_str(row,
		    "code", "?"), js_str(row, "node", "-"), js_str(row,
		    "actor", "nobody"));
	if (json_is_object(data)) {
		text = json_dumps(data, JSON_COMPACT);
		if (text != NULL)
			(void)area_wrap(a, y, 1, a->h - y, GRID_DIM, text);
		free(text);
	}
}

void
screen_events(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m);
	const char *filter = m->view[SCREEN_EVENTS].filter;
	bool wide = a->w >= 140, below = a->h >= 12;
	struct area list, part;
	char left[192], right[160], t[SAY];

	(void)snprintf(left, sizeof(left), "filter: %s%.128s",
	    m->audit ? "audit " : m->alerts ? "alerts and warnings " : "",
	    *filter != '\0' ? filter : m->audit || m->alerts ? "" : "none");
	(void)snprintf(right, sizeof(right), "%s  %zu open alert%s, newest %zu "
	    "events", screen_as_of(m, t), model_alerts(m),
	    model_alerts(m) == 1 ? "" : "s", json_array_size(
	    m->topic[TOPIC_EVENTS].doc));
	screen_head(a, GRID_PLAIN, left, right);
	list = area_part(a, 1, 0, wide || !below ? -1 : a->h - 1 - 6,
	    wide ? a->w - 58 : -1);
	if (screen_table(m, &list, cell, m->alerts || m->audit
	    ? "None of these. a or ! again shows all events."
	    : "No events yet.") == 0 || row == NULL || !below)
		return;
	part = wide ? area_part(a, 1, a->w - 57, -1, 57)
	    : area_part(a, a->h - 6, 0, 6, -1);
	about(m, &part, row);
}
