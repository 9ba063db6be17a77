/* The help overlay: every key of this screen, narrowed by what is typed; and
 * the menu of what can be done to the row, with the reason why not. */
#include <stdio.h>
#include <string.h>

#include "question.h"
#include "screen.h"

size_t
help_list(const struct model *m, size_t out[], size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < nkeys && n < max; i++) {
		const struct key *k = &keys[i];

		/* The same key twice: only the row that key_find takes. */
		if (key_find(k->key, m->screen) != k)
			continue;
		if (m->mode == MODE_MENU && !key_asks(k->act))
			continue;
		if (m->help.len > 0 && strcasestr(k->help, m->help.text) ==
		    NULL && strcasecmp(k->shown, m->help.text) != 0)
			continue;
		out[n++] = i;
	}
	return n;
}

void
help_draw(const struct model *m, const struct area *a)
{
	struct area box, in;
	size_t list[128], n = help_list(m, list, 128), top = 0;
	char title[64];
	int h = (int)n + 4 < a->h - 2 ? (int)n + 4 : a->h - 2;
	int w = a->w < 78 ? a->w : 78;

	box = area_part(a, (a->h - h) / 2, (a->w - w) / 2, h, w);
	(void)snprintf(title, sizeof(title), "%s: %s", m->mode == MODE_MENU
	    ? "actions" : "keys", screen_names[m->screen]);
	widget_box(&box, title);
	in = area_part(&box, 1, 2, box.h - 3, box.w - 4);
	if (m->help_at >= in.h)
		top = (size_t)(m->help_at - in.h + 1);
	for (int y = 0; y < in.h && top + (size_t)y < n; y++) {
		const struct key *k = &keys[list[top + (size_t)y]];
		bool sel = top + (size_t)y == (size_t)m->help_at;
		struct err e = { 0 };
		bool may = !key_asks(k->act) || question_may(m, k->act, k->cmd,
		    &e) == 0;
		int x = area_fmt(&in, y, 2, sel ? GRID_BOLD : may ? GRID_PLAIN
		    : GRID_DIM, "%-10s %s", k->shown, k->help);

		if (!may)
			(void)area_fmt(&in, y, x + 2, GRID_DIM, " -- %s%s",
			    e.code == ERR_DENIED ? "needs " : "",
			    e.code == ERR_DENIED ? cmd_priv_word(
			    cmds[k->cmd].priv) : e.msg);
		if (sel) {
			area_put(&in, y, 0, GRID_BOLD, '>');
			area_cursor(&in, y, 2);
		}
	}
	(void)area_fmt(&box, box.h - 2, 2, GRID_DIM, "type to narrow: %s   "
	    "Enter runs   Esc closes", m->help.text);
}
