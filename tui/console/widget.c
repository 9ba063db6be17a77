#include "widget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum { COLUMNS = VIEW_COLUMNS, MARK = 2, GAP = 1, ME = 3 };

/* ---- tables ----------------------------------------------------------- */

/* The first columns that grow take what is left, the open one the rest. */
static void
grow(const struct widget_table *t, int left, int open, int w[COLUMNS])
{
	for (int i = 0; i < t->ncolumns; i++) {
		unsigned flags = t->columns[i].flags;
		int more = t->widest[i] + (flags & WIDGET_ME ? ME : 0) - w[i];

		if (!(flags & WIDGET_GROWS) || w[i] == 0 || more <= 0)
			continue;
		more = more < left ? more : left;
		w[i] += more;
		left -= more;
	}
	if (open >= 0)
		w[open] += left;
}

/* Widths for what fits: columns go by priority. */
static void
layout(const struct widget_table *t, int width, int w[COLUMNS])
{
	int drop = 0, sum, open;

	for (int i = 0; i < t->ncolumns; i++)
		drop = t->columns[i].priority > drop ? t->columns[i].priority
		    : drop;
	for (;; drop--) {
		sum = MARK;
		open = -1;
		for (int i = 0; i < t->ncolumns; i++) {
			const struct widget_column *c = &t->columns[i];

			w[i] = 0;
			if (c->priority > drop)
				continue;
			w[i] = abs(c->width);
			sum += GAP + w[i];
			open = c->width < 0 ? i : open;
		}
		if (sum - GAP <= width || drop <= 0)
			break;
	}
	if (sum - GAP <= width)
		grow(t, width - (sum - GAP), open, w);
	else if (open >= 0) {
		w[open] -= sum - GAP - width;
		w[open] = w[open] < 1 ? 1 : w[open];
	}
}

static void
heading(const struct area *a, const struct widget_table *t,
    const struct view *v, const int w[COLUMNS])
{
	int x = MARK;

	for (int i = 0; i < t->ncolumns; i++) {
		const struct widget_column *c = &t->columns[i];
		unsigned attr = GRID_BOLD |
		    (i == v->sort ? GRID_UNDER : GRID_PLAIN);
		struct area cell = area_part(a, 0, x, 1, w[i]);

		if (w[i] == 0)
			continue;
		if (c->flags & WIDGET_RIGHT)
			area_right(&cell, 0, w[i] - 1, attr, c->title);
		else
			(void)area_str(&cell, 0, 0, attr, c->title);
		x += w[i] + GAP;
	}
}

static void
table_row(const struct area *a, int y, const struct widget_table *t,
    const json_t *row, unsigned base, const int w[COLUMNS])
{
	int x = MARK;

	for (int i = 0; i < t->ncolumns; i++) {
		struct buf text = BUF_INIT(4096);
		struct area cell = area_part(a, y, x, 1, w[i]);
		unsigned attr = GRID_PLAIN;

		if (w[i] == 0)
			continue;
		t->cell(t->ctx, row, i, w[i], &text, &attr);
		if (t->columns[i].flags & WIDGET_RIGHT)
			area_right(&cell, 0, w[i] - 1, attr | base, text.p);
		else if (area_str(&cell, 0, 0, attr | base, text.p) > w[i])
			area_put(&cell, 0, w[i] - 1, attr | base | GRID_BOLD,
			    '>');
		buf_free(&text);
		x += w[i] + GAP;
	}
}

void
widget_table(const struct area *a, const struct widget_table *t,
    const struct view *v, const struct view_rows *r)
{
	struct view shown = *v;
	int w[COLUMNS] = { 0 };
	char id[VIEW_ID];

	layout(t, a->w, w);
	heading(a, t, v, w);
	view_scroll(&shown, r, a->h > 1 ? (size_t)(a->h - 1) : 1);
	for (int y = 1; y < a->h; y++) {
		size_t i = shown.top + (size_t)y - 1;
		bool sel = i == r->sel;

		if (i >= r->n)
			break;
		view_id(r->row[i], t->key, id);
		table_row(a, y, t, r->row[i], sel ? GRID_BOLD : GRID_PLAIN, w);
		if (view_marked(v, id))
			area_put(a, y, 1, GRID_BOLD, '*');
		if (sel) {
			area_put(a, y, 0, GRID_BOLD, '>');
			area_cursor(a, y, MARK);
		}
	}
}

/* ---- lines, boxes ----------------------------------------------------- */

static uint32_t
bar(const struct area *a)
{
	return a->g->glyphs == GLYPHS_UTF8 ? 0x2500 : '-';
}

void
widget_rule(const struct area *a, int y, const char *title)
{
	area_fill(a, y, 1, a->w - 2, GRID_DIM, bar(a));
	if (title[0] != '\0')
		(void)area_fmt(a, y, 3, GRID_BOLD, " %s ", title);
}

void
widget_box(const struct area *a, const char *title)
{
	bool utf8 = a->g->glyphs == GLYPHS_UTF8;
	uint32_t side = utf8 ? 0x2502 : '|';

	for (int y = 0; y < a->h; y++) {
		area_fill(a, y, 0, a->w, GRID_PLAIN, ' ');
		area_put(a, y, 0, GRID_PLAIN, side);
		area_put(a, y, a->w - 1, GRID_PLAIN, side);
	}
	area_fill(a, 0, 0, a->w, GRID_PLAIN, bar(a));
	area_fill(a, a->h - 1, 0, a->w, GRID_PLAIN, bar(a));
	area_put(a, 0, 0, GRID_PLAIN, utf8 ? 0x250c : '+');
	area_put(a, 0, a->w - 1, GRID_PLAIN, utf8 ? 0x2510 : '+');
	area_put(a, a->h - 1, 0, GRID_PLAIN, utf8 ? 0x2514 : '+');
	area_put(a, a->h - 1, a->w - 1, GRID_PLAIN, utf8 ? 0x2518 : '+');
	(void)area_fmt(a, 0, 3, GRID_BOLD, " %s ", title);
}

void
widget_health(int value, struct buf *b)
{
	buf_putc(b, '[');
	for (int i = 1; i <= 5; i++)
		buf_putc(b, value == 0 ? '?' : i <= value ? '#' : '.');
	buf_putc(b, ']');
}

/* ---- graphs ----------------------------------------------------------- */

double
widget_top(const json_t *values, double floor)
{
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)values, i, v)
		if (json_is_number(v) && json_number_value(v) > floor)
			floor = json_number_value(v);
	return floor;
}

/* The largest value of those that fall into cell x of w; NAN: a gap. */
static double
cell_value(const json_t *values, int x, int w)
{
	size_t n = json_array_size(values), from, to;
	double top = NAN;

	if (n == 0 || w <= 0)
		return NAN;
	from = (size_t)x * n / (size_t)w;
	to = ((size_t)x + 1) * n / (size_t)w;
	to = to > from ? to : from + 1;
	for (size_t i = from; i < to; i++) {
		const json_t *v = json_array_get(values, i);

		if (json_is_number(v) && (isnan(top) ||
		    json_number_value(v) > top))
			top = json_number_value(v);
	}
	return top;
}

void
widget_graph(const struct area *a, const json_t *values, double top)
{
	static const uint32_t ascii[] = { '.', ':', '|', '#' };
	bool utf8 = a->g->glyphs == GLYPHS_UTF8;
	int levels = utf8 ? 8 : 4;

	for (int x = 0; x < a->w; x++) {
		double v = cell_value(values, x, a->w);
		int steps;

		if (isnan(v) || top <= 0)
			continue;
		v = v < 0 ? 0 : v > top ? top : v;
		/* Nothing is still something: the lowest mark of the set. */
		steps = (int)(v / top * levels * a->h + 0.5);
		steps = steps < 1 ? 1 : steps;
		for (int y = a->h - 1; y >= 0 && steps > 0; y--) {
			int n = steps > levels ? levels : steps;

			area_put(a, y, x, GRID_PLAIN, utf8
			    ? 0x2580 + (uint32_t)n : ascii[n - 1]);
			steps -= n;
		}
	}
}

void
widget_trend(const json_t *values, double top, int w, enum glyphs glyphs,
    struct buf *b)
{
	struct grid *g = grid_new(w, 1, glyphs);
	struct area a = grid_area(g);

	widget_graph(&a, values, top);
	grid_text(g, b);
	if (b->len > 0 && b->p[b->len - 1] == '\n')
		b->p[--b->len] = '\0';
	grid_free(g);
}
