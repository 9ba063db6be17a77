/* What is drawn, and what a frozen screen keeps. */
#include <string.h>

#include "question.h"
#include "screen.h"
#include "ui.h"

void
ui_draw(struct ui *u, struct grid *g)
{
	struct grid *top;

	ui_settled(u);
	if (!u->m.frozen)
		view_id(screen_selected(&u->m), topics[screen_topics[
		    u->m.screen]].key, u->drawn);
	if (!u->m.frozen || u->m.mode != MODE_LIST) {
		screen_draw(&u->m, g);
		return;
	}
	if (u->still == NULL || u->still->w != g->w || u->still->h != g->h) {
		grid_free(u->still);
		u->still = grid_new(g->w, g->h, g->glyphs);
		screen_draw(&u->m, u->still);
	}
	top = grid_new(g->w, g->h, g->glyphs);
	screen_draw(&u->m, top);
	memcpy(g->cell, u->still->cell, (size_t)g->w * (size_t)g->h *
	    sizeof(*g->cell));
	memcpy(g->cell, top->cell, (size_t)g->w * sizeof(*g->cell));
	g->cursor_y = u->still->cursor_y;
	g->cursor_x = u->still->cursor_x;
	screen_message(&u->m, g);	/* what keys do is said all the same */
	grid_free(top);
}

void
ui_drawn(struct ui *u)
{
	struct question *q = u->m.question;

	ui_leave_drawn(u);
	if (q == NULL || q->drawn || u->m.mode != MODE_QUESTION)
		return;
	q->drawn = true;
	q->shown = u->m.now.mono;
}
