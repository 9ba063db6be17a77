/* Sched: who holds the Scheduler role, who held it, why it moved. */
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "screen.h"

enum { EPOCH, HOLDER, AT, CASE, OUTCOME, WHY };

const struct widget_column sched_columns[] = {
	[EPOCH] = { "EPOCH", "epoch", 5, 0, WIDGET_RIGHT },
	[HOLDER] = { "FROM > TO", "to", 22, 0, 0 },
	[AT] = { "AT", "at", 13, 1, 0 },
	[CASE] = { "CASE", "case", 4, 4, WIDGET_RIGHT },
	[OUTCOME] = { "OUTCOME", "outcome", 11, 3, 0 },
	[WHY] = { "WHY IT CHANGED", "text", -20, 2, 0 },
};
const int sched_ncolumns = sizeof(sched_columns) / sizeof(sched_columns[0]);

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	const struct screen_ctx *c = ctx;
	const json_t *first = json_array_get(json_object_get(row, "steps"),
	    0);
	char t[SAY];

	(void)width;
	(void)attr;
	switch (column) {
	case EPOCH:
		buf_fmt(b, "%lld", (long long)js_int(row, "epoch", 0));
		break;
	case HOLDER:
		buf_fmt(b, "%s > %s", js_str(row, "from", "-"),
		    js_str(row, "to", "NOBODY"));
		break;
	case AT:
		buf_puts(b, say_when(&c->m->say, js_wall(row, "at"), t));
		break;
	case CASE:
		buf_fmt(b, "%lld", (long long)js_int(row, "case", 0));
		break;
	case OUTCOME:
		buf_puts(b, js_str(row, "outcome", "-"));
		break;
	case WHY:
		if (js_str(row, "actor", NULL) != NULL)
			buf_fmt(b, "%s: ", js_str(row, "actor", ""));
		buf_puts(b, js_str(first, "step", js_str(row, "text", "")));
		break;
	default:
		break;
	}
}

static int
steps(const struct model *m, const struct area *a, int y, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "steps");
	char t[SAY];

	for (size_t i = 0; i < json_array_size(list) && y < a->h; i++) {
		const json_t *s = json_array_get(list, i);

		if (json_is_number(json_object_get(s, "after")))
			(void)snprintf(t, sizeof(t), "+%.1fs",
			    js_num(s, "after", 0));
		else
			(void)say_when(&m->say, js_wall(s, "at"), t);
		(void)area_fmt(a, y++, 1, GRID_PLAIN, "%-10s %s", t, js_str(s,
		    "step", ""));
	}
	return y;
}

static int
candidates(const struct area *a, int y, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "candidates");

	for (size_t i = 0; i < json_array_size(list) && y < a->h; i++) {
		const json_t *c = json_array_get(list, i);

		(void)area_fmt(a, y++, 1, GRID_PLAIN, "%s %-14s %-10s %s",
		    js_bool(c, "eligible", false) ? "able    " : "not able",
		    js_str(c, "name", "?"), say_level(js_str(c, "health",
		    "unknown"), 10), js_str(c, "reason", ""));
	}
	return y;
}

static void
about(const struct model *m, const struct area *a, const json_t *row)
{
	char title[160], t[SAY];
	int y;

	(void)snprintf(title, sizeof(title), "decision %lld, epoch %lld%s%s",
	    (long long)js_int(row, "decision", 0), (long long)js_int(row,
	    "epoch", 0), *screen_as_of(m, t) != '\0' ? " " : "", t);
	widget_rule(a, 0, title);
	y = steps(m, a, 1, row);
	if (y < a->h)
		(void)candidates(a, y, row);
}

/* By what the role moves. */
static void
rule(const struct model *m, const struct area *a)
{
	char control[SAY], limit[SAY], t[SAY];
	bool fixed = strcmp(model_setting(m, "transfer_on_condition", "?", t),
	    "false") == 0;

	(void)area_str(a, 1, 1, GRID_BOLD, "RULE");
	(void)area_fmt(a, 1, 10, GRID_PLAIN, "control %s   unheard limit %s   "
	    "%s%s", model_control_off(m) ? "off (control_status): nothing is "
	    "moved" : js_str(m->topic[TOPIC_STATUS].doc, "control",
	    model_setting(m, "control", "?", control)),
	    model_setting(m, "connection_timeout", "?", limit), fixed
	    ? "no switch by condition" : "switch if ", fixed ? ""
	    : model_setting(m, "switch_condition", "?", t));
}

static void
now_line(const struct model *m, const struct area *a)
{
	const json_t *holder = model_holder(m);
	const json_t *first = json_array_get(m->topic[TOPIC_WHY].doc, 0);
	const json_t *status = m->topic[TOPIC_STATUS].doc;
	const json_t *role = json_object_get(status, "scheduler");
	wall since = js_wall(first, "at");
	struct buf b = BUF_INIT(512);
	char t[SAY], old[SAY];

	(void)area_str(a, 0, 1, GRID_BOLD, "NOW");
	if (holder != NULL)
		(void)area_fmt(a, 0, 10, GRID_PLAIN, "%s   epoch %lld   %s   "
		    "since %s  %s", js_str(holder, "name", "?"),
		    (long long)model_epoch(m), js_bool(holder, "suspended",
		    false) ? "SUSPENDED" : js_str(role, "state", "HELD"),
		    say_when(&m->say, since, t), screen_as_of(m, old));
	else if (!model_vacant(m))
		(void)area_str(a, 0, 10, GRID_PLAIN, "not known yet");
	else if (model_control_off(m))
		(void)area_fmt(a, 0, 10, GRID_BOLD | GRID_RED, "NOBODY "
		    "schedules (epoch %lld), and control is off.",
		    (long long)model_epoch(m));
	else
		(void)area_fmt(a, 0, 10, GRID_BOLD | GRID_RED, "NOBODY "
		    "schedules (epoch %lld). S on an agent turns one on.",
		    (long long)model_epoch(m));
	rule(m, a);
	(void)area_str(a, 2, 1, GRID_BOLD, "NEXT");
	role = json_object_get(role, "proposal");
	if (json_is_object(role))
		buf_fmt(&b, "%s is proposed (case %lld): : agent confirm",
		    js_str(role, "to", "?"), (long long)js_int(role, "case",
		    0));
	else if (model_control_off(m))
		buf_puts(&b, "nobody while control is off");
	else
		screen_next_in_line(m, &b);
	(void)area_str(a, 2, 10, GRID_PLAIN, b.p);
	buf_free(&b);
}

/* Who held the role over time, one letter an agent, the newest right. */
static void
timeline(const struct model *m, const struct area *a)
{
	const json_t *list = m->topic[TOPIC_WHY].doc;
	size_t n = json_array_size(list);
	wall first = js_wall(json_array_get(list, n > 0 ? n - 1 : 0), "at");
	int64_t span = m->now.wall.ms - first.ms;

	if (n == 0 || span <= 0)
		return;
	for (int x = 0; x < a->w - 12; x++) {
		int64_t at = first.ms + span * (x + 1) / (a->w - 12);
		const json_t *d = NULL;

		for (size_t i = 0; i < n && d == NULL; i++)
			if (js_wall(json_array_get(list, i), "at").ms <= at)
				d = json_array_get(list, i);
		if (d != NULL) {
			const char *to = js_str(d, "to", NULL);
			size_t len = to != NULL ? strlen(to) : 0;

			area_put(a, 0, 10 + x, GRID_PLAIN, len == 0 ? '.'
			    : (uint32_t)(unsigned char)to[len - 1] & 0x7f);
		}
	}
	(void)area_str(a, 0, 1, GRID_BOLD, "HOLDERS");
}

void
screen_sched(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m);
	bool wide = a->w >= 140, below = a->h >= 14;
	int top = 4, h = wide ? a->h / 2 : 7;
	struct area list, part;

	if (m->open && row != NULL) {
		about(m, a, row);
		return;
	}
	now_line(m, a);
	if (wide) {
		part = area_part(a, 3, 0, 1, -1);
		timeline(m, &part);
		top = 5;
	}
	list = area_part(a, top, 0, below ? a->h - top - h : -1, -1);
	if (screen_table(m, &list, cell, !model_clustered(m)
	    ? "This daemon is standalone: it is its own scheduler, and there "
	      "is no role to move."
	    : "The role has not moved yet.") == 0 || row == NULL || !below)
		return;
	part = area_part(a, a->h - h, 0, h, -1);
	about(m, &part, row);
}
