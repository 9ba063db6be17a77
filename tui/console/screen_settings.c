/* Settings: of this console, of the daemon asked, of the cluster. */
#include <string.h>

#include "js.h"
#include "screen.h"

enum { NAME, VALUE, DEFAULT, HELP };

const struct widget_column setting_columns[] = {
	[NAME] = { "SETTING", "name", 22, 0, 0 },
	[VALUE] = { "VALUE", "value", 24, 0, WIDGET_GROWS },
	[DEFAULT] = { "DEFAULT", "default", 12, 3, 0 },
	[HELP] = { "WHAT IT DOES", NULL, -16, 2, 0 },
};
const int setting_ncolumns = sizeof(setting_columns) /
    sizeof(setting_columns[0]);

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	static const char *const members[] = { "name", "value", "default",
		"help" };
	char t[SAY];

	(void)ctx;
	(void)width;
	if (column == HELP)
		buf_puts(b, js_str(row, "help", ""));
	else if (column == VALUE)
		buf_puts(b, say_setting(row, t));
	else
		buf_puts(b, say_value(json_object_get(row, members[column]),
		    t));
	if (column == VALUE && strcmp(b->p, js_str(row, "default", "")) != 0)
		*attr = GRID_BOLD;
}

static void
privileges(const struct model *m, struct buf *b)
{
	if ((m->privs & ((1u << PRIV_COUNT) - 1)) ==
	    (1u << PRIV_COUNT) - 1) {
		buf_puts(b, "everything");
		return;
	}
	for (unsigned i = 0; i < PRIV_COUNT; i++)
		if (m->privs & 1u << i)
			buf_fmt(b, "%s%s", b->len > 0 ? ", " : "",
			    cmd_priv_word((enum priv)i));
	if (b->len == 0)
		buf_puts(b, "nothing");
}

static int
this_console(const struct model *m, const struct area *a)
{
	static const char *const times[] = { "local", "UTC", "age" };
	const json_t *s = m->topic[TOPIC_STATUS].doc;
	const json_t *broker = json_object_get(s, "broker");
	struct buf b = BUF_INIT(512);
	char t[SAY];

	(void)area_str(a, 0, 1, GRID_BOLD, "THIS CONSOLE");
	(void)area_fmt(a, 0, 16, GRID_PLAIN, "glyphs %s (u)   times %s (t)   "
	    "colours %s   version %s", a->g->glyphs == GLYPHS_UTF8 ? "utf8"
	    : "ascii", times[m->say.times], m->colours == COLOURS_MONO
	    ? "mono" : "default", MUSTER_VERSION);
	(void)area_str(a, 1, 1, GRID_BOLD, "THE DAEMON");
	(void)area_fmt(a, 1, 16, GRID_PLAIN, "%s   mode %s   version %s   "
	    "broker %s   %s", m->node, js_str(s, "mode", "?"), m->version,
	    json_is_object(broker) ? js_str(broker, "address", "-") : "none",
	    m->where);
	privileges(m, &b);
	(void)area_str(a, 2, 1, GRID_BOLD, "YOU");
	(void)area_fmt(a, 2, 16, GRID_PLAIN, "%s   may: %s", m->who, b.p);
	(void)area_fmt(a, 4, 1, GRID_BOLD, "THE CLUSTER %s", js_str(s,
	    "cluster", ""));
	(void)area_fmt(a, 4, 40, GRID_DIM, ": setting set NAME=VALUE changes "
	    "one  %s", screen_as_of(m, t));
	buf_free(&b);
	return 5;
}

void
screen_settings(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m);
	bool below = a->h >= 14;
	struct area list;
	int top = a->h >= 10 ? this_console(m, a) : 0;

	list = area_part(a, top, 0, below ? a->h - top - 3 : -1, -1);
	if (screen_table(m, &list, cell, "The settings of the cluster are "
	    "not known here.") == 0 || row == NULL || !below)
		return;
	list = area_part(a, a->h - 3, 0, 3, -1);
	widget_rule(&list, 0, js_str(row, "name", "?"));
	(void)area_wrap(&list, 1, 1, 2, GRID_PLAIN, js_str(row, "help", ""));
}
