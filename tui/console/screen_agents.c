/* Agents: the list, and about the selected one why it is as it is. */
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "screen.h"

enum { NAME, STATE, HEALTH, UP, LATENCY, RUNS, TREND, ADDRESS, VERSION };

const struct widget_column agent_columns[] = {
	[NAME] = { "NAME", "name", 13, 0, WIDGET_GROWS | WIDGET_ME },
	[STATE] = { "STATE", "role", 9, 0, 0 },
	[HEALTH] = { "HEALTH", "health.value", 14, 1, 0 },
	[UP] = { "UP%", "uptime", 5, 4, WIDGET_RIGHT },
	[LATENCY] = { "LAT", "latency", 6, 3, WIDGET_RIGHT },
	[RUNS] = { "RUNS", "running", 4, 2, WIDGET_RIGHT },
	[TREND] = { "CPU, 10 MIN", NULL, -12, 5, 0 },
	[ADDRESS] = { "ADDRESS", "address", 21, 6, 0 },
	[VERSION] = { "VERSION", "version", 8, 7, 0 },
};
const int agent_ncolumns = sizeof(agent_columns) / sizeof(agent_columns[0]);

static unsigned
state_attr(const char *state)
{
	if (strcmp(state, "SCHEDULER") == 0 || strcmp(state, "ON") == 0)
		return GRID_BOLD | GRID_GREEN;
	if (strcmp(state, "OFFLINE") == 0 || strcmp(state, "SUSPENDED") == 0)
		return GRID_BOLD | GRID_RED;
	return strcmp(state, "DRAIN") == 0 ? GRID_YELLOW : GRID_PLAIN;
}

static void
health_cell(const json_t *row, struct buf *b, unsigned *attr)
{
	const json_t *h = json_object_get(row, "health");
	const char *level = js_str(h, "level", "unknown");
	int value = say_level_value(level);

	widget_health(value, b);
	buf_fmt(b, " %s", say_level(level, 6));
	*attr = value == 0 ? GRID_DIM : value <= 2 ? GRID_BOLD | GRID_RED
	    : value == 3 ? GRID_YELLOW : GRID_PLAIN;
}

static const json_t *
series(const struct model *m, const char *agent, const char *metric,
    const char *kind)
{
	return json_object_get(json_object_get(json_object_get(model_stats(m,
	    agent, LIST_WINDOW), "metrics"), metric), kind);
}

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	const struct screen_ctx *c = ctx;
	const char *name = js_str(row, "name", "?");
	bool up = js_bool(row, "connected", false);

	switch (column) {
	case NAME:
		buf_puts(b, name);
		if (strcmp(name, c->m->node) == 0)
			buf_puts(b, " me");
		break;
	case STATE:
		buf_puts(b, say_agent(row));
		*attr = state_attr(b->p);
		break;
	case HEALTH:
		health_cell(row, b, attr);
		break;
	case UP:
		buf_fmt(b, "%.1f", js_num(row, "uptime", 0));
		break;
	case LATENCY:
		if (json_is_number(json_object_get(row, "latency")))
			buf_fmt(b, "%.0fms", js_num(row, "latency", 0));
		else
			buf_puts(b, "-");
		break;
	case RUNS:
		if (up)
			buf_fmt(b, "%lld", (long long)js_int(row, "running",
			    0));
		else
			buf_puts(b, "-");
		break;
	case TREND:
		widget_trend(series(c->m, name, "cpu", "max"), 100, width,
		    c->glyphs, b);
		break;
	case ADDRESS:
		buf_puts(b, js_str(row, "address", "-"));
		break;
	case VERSION:
		buf_puts(b, js_str(row, "version", "-"));
		break;
	default:
		break;
	}
}

static size_t
able(const struct model *m)
{
	const json_t *list = model_in_line(m);
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += js_bool(json_array_get(list, i), "eligible", false);
	return n;
}

/* ---- the part below the list ------------------------------------------ */

static int
about_role(const struct model *m, const struct area *a, const json_t *row,
    int y)
{
	const char *name = js_str(row, "name", "?");
	const char *state = say_agent(row);
	struct buf b = BUF_INIT(1024);
	char t[SAY];
	int used;

	if (strcmp(js_str(row, "role", ""), "scheduler") == 0) {
		buf_fmt(&b, "Holds the Scheduler role (epoch %lld). It moves "
		    "by itself if %s is unheard for %s", (long long)js_int(row,
		    "epoch", 0), name, model_setting(m, "connection_timeout",
		    "15s", t));
		if (strcmp(model_setting(m, "transfer_on_condition", "",
		    t), "true") == 0)
			buf_fmt(&b, ", or when %s", model_setting(m,
			    "switch_condition", "its switch condition holds",
			    t));
		buf_puts(&b, ".\nNext in line: ");
		screen_next_in_line(m, &b);
		buf_putc(&b, '.');
	} else if (strcmp(state, "OFFLINE") == 0)
		buf_fmt(&b, "Not connected: it gets no runs and cannot hold "
		    "the Scheduler role.");
	else if (js_bool(row, "held_off", false))
		buf_fmt(&b, "Held off: an operator turned it off. S turns it "
		    "on; : agent release %s lets the broker choose it again.",
		    name);
	else if (js_bool(row, "drained", false))
		buf_fmt(&b, "Drained: it gets no new runs; D lets it work "
		    "again.");
	else if (strcmp(js_str(row, "mode", ""), "worker") == 0)
		buf_fmt(&b, "A worker: it runs what the broker sends and never "
		    "holds the Scheduler role.");
	else if (row == model_holder(m))
		buf_fmt(&b, "ON (epoch %lld), while control is off: the "
		    "broker goes on backing it, and moves nothing.",
		    (long long)js_int(row, "epoch", 0));
	else if (!js_bool(row, "controlled", false))
		buf_fmt(&b, "Not controlled: the broker does not move its "
		    "role (its allow_control, or control_status here).");
	else
		buf_fmt(&b, "A spare: it may hold the Scheduler role.");
	used = area_wrap(a, y, 1, 4, GRID_PLAIN, b.p);
	buf_free(&b);
	return y + used;
}

static void
about(const struct model *m, const struct area *a, const json_t *row)
{
	const json_t *h = json_object_get(row, "health");
	const json_t *sync = json_object_get(row, "sync");
	const char *name = js_str(row, "name", "?");
	wall since = js_wall(h, "since");
	char title[160], labels[SAY], t[SAY];
	int y;

	(void)snprintf(title, sizeof(title), "%s%s%s", name,
	    *screen_as_of(m, t) != '\0' ? " " : "", t);
	widget_rule(a, 0, title);
	y = about_role(m, a, row, 1);
	(void)area_fmt(a, y++, 1, GRID_PLAIN, "%s%s  version %s  %s%s%s",
	    strcmp(js_str(row, "mode", ""), "worker") == 0 ? "Worker"
	    : "Agent", js_bool(row, "controlled", false) ? ", controlled" : "",
	    js_str(row, "version", "?"), js_str(row, "address", "-"),
	    json_array_size(json_object_get(row, "labels")) > 0
	        ? "  labels " : "",
	    json_array_size(json_object_get(row, "labels")) > 0
	        ? say_value(json_object_get(row, "labels"), labels) : "");
	(void)area_fmt(a, y++, 1, GRID_PLAIN, "Health %s since %s: %s",
	    say_level(js_str(h, "level", "unknown"), 20),
	    say_when(&m->say, since, t), js_str(h, "reason", ""));
	if (js_int(sync, "behind", 0) > 0)
		(void)area_fmt(a, y, 1, GRID_YELLOW, "Its catalogue is %lld "
		    "revisions behind: not eligible until it has caught up.",
		    (long long)js_int(sync, "behind", 0));
}

/* ---- the screen ------------------------------------------------------- */

static void
headline(const struct model *m, const struct area *a)
{
	const json_t *list = m->topic[TOPIC_AGENTS].doc;
	const json_t *holder = model_holder(m);
	int sort = m->view[SCREEN_AGENTS].sort;
	struct buf b = BUF_INIT(512);
	char t[SAY], right[160];
	size_t up = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		up += js_bool(json_array_get(list, i), "connected", false);
	buf_fmt(&b, "%zu agent%s", json_array_size(list),
	    json_array_size(list) == 1 ? "" : "s");
	if (m->topic[TOPIC_AGENTS].part)
		buf_puts(&b, " so far. ");
	else
		buf_fmt(&b, ", %zu online. ", up);
	if (!model_clustered(m))
		buf_puts(&b, "Standalone: its own scheduler. J asks a broker.");
	else if (model_control_off(m) && holder != NULL)
		buf_fmt(&b, "Scheduler: %s. Control is off.",
		    js_str(holder, "name", "?"));
	else if (holder == NULL && !model_vacant(m))
		buf_puts(&b, "Scheduler: not known yet.");
	else if (model_control_off(m))
		buf_puts(&b, "NOBODY schedules, and control is off "
		    "(control_status).");
	else if (holder != NULL && model_in_line(m) != NULL)
		buf_fmt(&b, "Scheduler: %s. %zu could take over.",
		    js_str(holder, "name", "?"), able(m));
	else if (holder != NULL)
		buf_fmt(&b, "Scheduler: %s.", js_str(holder, "name", "?"));
	else
		buf_puts(&b, "NOBODY schedules: S on an agent turns it on.");
	(void)snprintf(right, sizeof(right), "%s  sort:%s%s", screen_as_of(m,
	    t), sort < 0 ? "name" : agent_columns[sort].title,
	    m->view[SCREEN_AGENTS].desc ? "-" : "");
	screen_head(a, model_vacant(m) && model_clustered(m) ? GRID_BOLD |
	    GRID_RED : GRID_PLAIN, b.p, right);
	buf_free(&b);
}

static void
last_events(const struct model *m, const struct area *a)
{
	const json_t *list = m->topic[TOPIC_EVENTS].doc;
	char t[SAY];

	widget_rule(a, 0, "last events");
	for (int i = 0; i < a->h - 1 && (size_t)i < json_array_size(list);
	     i++) {
		const json_t *e = json_array_get(list, (size_t)i);

		(void)area_fmt(a, i + 1, 1, GRID_PLAIN, "%-13s %s",
		    say_when(&m->say, js_wall(e, "at"), t),
		    js_str(e, "message", ""));
	}
}

void
screen_agents(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m);
	bool wide = a->w >= 140 && a->h >= 30, below = a->h >= 14;
	int events = wide ? 11 : 0;
	int list_h = wide ? a->h - 2 - events : below ? a->h - 2 - 8 : a->h - 2;
	struct area list, part;

	if (m->open && row != NULL) {
		screen_agent(m, a);
		return;
	}
	if (m->topic[TOPIC_AGENTS].doc != NULL)
		headline(m, a);
	list = area_part(a, a->h >= 8 ? 2 : 1, 0, a->h >= 8 ? list_h : -1,
	    wide ? a->w - 58 : -1);
	if (screen_table(m, &list, cell, !model_clustered(m)
	    ? "This daemon is standalone.\n\nJ asks a broker to let this "
	      "machine join; or make this one the broker: broker: { enabled = "
	      "true; } in musterd.conf, then reload."
	    : "No agents yet. On the new machine: muster join request "
	      "THIS-HOST. Or go to 2 Join, press N, and run there what it "
	      "shows.") == 0)
		return;
	if (json_array_size(m->topic[TOPIC_AGENTS].doc) == 1 && list.h >= 6 &&
	    !m->topic[TOPIC_AGENTS].part)
		(void)area_wrap(&list, 3, 1, 3, GRID_DIM, model_clustered(m)
		    ? "No other agents yet. On the new machine: muster join "
		      "request THIS-HOST. Or go to 2 Join, press N, and run "
		      "there what it shows."
		    : "No cluster yet. J asks a broker to let this machine "
		      "join; or make this one the broker: broker: { enabled = "
		      "true; } in musterd.conf, then reload.");
	if (row == NULL || !below)
		return;
	if (wide) {
		part = area_part(a, 2, a->w - 57, a->h - 2 - events, 57);
		about(m, &part, row);
		part = area_part(a, a->h - events, 0, events, -1);
		last_events(m, &part);
	} else {
		part = area_part(a, a->h - 8, 0, 8, -1);
		about(m, &part, row);
	}
}
