#include "grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

struct grid *
grid_new(int w, int h, enum glyphs glyphs)
{
	struct grid *g = mem_zero(1, sizeof(*g));

	g->w = w < 1 ? 1 : w;
	g->h = h < 1 ? 1 : h;
	g->glyphs = glyphs;
	g->cell = mem_zero((size_t)g->w * (size_t)g->h, sizeof(*g->cell));
	grid_erase(g);
	return g;
}

void
grid_free(struct grid *g)
{
	if (g == NULL)
		return;
	free(g->cell);
	free(g);
}

void
grid_erase(struct grid *g)
{
	for (int i = 0; i < g->w * g->h; i++)
		g->cell[i] = (struct cell){ ' ', GRID_PLAIN };
	g->cursor_y = g->cursor_x = -1;
}

bool
grid_same(const struct grid *a, const struct grid *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->w == b->w && a->h == b->h && a->cursor_y == b->cursor_y &&
	    a->cursor_x == b->cursor_x && memcmp(a->cell, b->cell,
	    (size_t)a->w * (size_t)a->h * sizeof(*a->cell)) == 0;
}

void
grid_copy(struct grid *to, const struct grid *from)
{
	memcpy(to->cell, from->cell, (size_t)to->w * (size_t)to->h *
	    sizeof(*to->cell));
	to->cursor_y = from->cursor_y;
	to->cursor_x = from->cursor_x;
}

struct area
grid_area(struct grid *g)
{
	return (struct area){ g, 0, 0, g->h, g->w };
}

struct area
area_part(const struct area *a, int y, int x, int h, int w)
{
	struct area p = { a->g, a->y + y, a->x + x, h, w };
	int rows = a->h - y, cols = a->w - x;

	p.h = h < 0 || h > rows ? rows : h;
	p.w = w < 0 || w > cols ? cols : w;
	p.h = p.h < 0 ? 0 : p.h;
	p.w = p.w < 0 ? 0 : p.w;
	return p;
}

static struct cell *
at(const struct area *a, int y, int x)
{
	int gy = a->y + y, gx = a->x + x;

	if (y < 0 || x < 0 || y >= a->h || x >= a->w || gy < 0 || gx < 0 ||
	    gy >= a->g->h || gx >= a->g->w)
		return NULL;
	return &a->g->cell[gy * a->g->w + gx];
}

void
area_put(const struct area *a, int y, int x, unsigned attr, uint32_t cp)
{
	struct cell *c = at(a, y, x);

	if (c != NULL)
		*c = (struct cell){ cp, attr };
}

void
area_fill(const struct area *a, int y, int x, int n, unsigned attr,
    uint32_t cp)
{
	for (int i = 0; i < n && x + i < a->w; i++)
		area_put(a, y, x + i, attr, cp);
}

void
area_mark(const struct area *a, int y, int x, int n, unsigned attr)
{
	for (int i = 0; i < n && x + i < a->w; i++) {
		struct cell *c = at(a, y, x + i);

		if (c != NULL)
			c->attr |= attr;
	}
}

void
area_cursor(const struct area *a, int y, int x)
{
	if (at(a, y, x) == NULL)
		return;
	a->g->cursor_y = a->y + y;
	a->g->cursor_x = a->x + x;
}

/* One code point; returns its cells.  The ASCII set has nothing for others. */
static int
put_cp(const struct area *a, int y, int x, unsigned attr, uint32_t cp)
{
	int w = utf8_width(cp);

	if (w == 0)
		return 0;
	if (cp >= 0x80 && a->g->glyphs == GLYPHS_ASCII) {
		for (int i = 0; i < w; i++)
			area_put(a, y, x + i, attr, '?');
		return w;
	}
	if (w == 2 && at(a, y, x + 1) == NULL) {
		area_put(a, y, x, attr, '>');
		return w;
	}
	area_put(a, y, x, attr, cp);
	if (w == 2)
		area_put(a, y, x + 1, attr, 0);
	return w;
}

int
area_strn(const struct area *a, int y, int x, int max, unsigned attr,
    const char *s, size_t len)
{
	struct buf b = BUF_INIT(1 << 16);
	struct area part = *a;
	int used = 0;

	/* More than fits into any grid is not looked at. */
	buf_safe(&b, s, len > 8192 ? 8192 : len);
	if (max >= 0 && x + max < part.w)
		part.w = x + max;
	for (size_t i = 0; i < b.len;) {
		uint32_t cp;
		size_t n = utf8_next(b.p + i, b.len - i, &cp);

		if (n == 0)
			break;
		used += put_cp(&part, y, x + used, attr, cp);
		i += n;
	}
	buf_free(&b);
	return used;
}

int
area_str(const struct area *a, int y, int x, unsigned attr, const char *s)
{
	return area_strn(a, y, x, -1, attr, s, strlen(s));
}

int
area_fmt(const struct area *a, int y, int x, unsigned attr, const char *fmt,
    ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return area_str(a, y, x, attr, text);
}

void
area_right(const struct area *a, int y, int x, unsigned attr, const char *s)
{
	int n = (int)utf8_cells(s, strlen(s));

	(void)area_str(a, y, x - n + 1, attr, s);
	if (n > x + 1)
		area_put(a, y, 0, attr | GRID_BOLD, '<');
}

bool
area_line(const struct area *a, int y, int x, int left, unsigned attr,
    const char *s, size_t len)
{
	struct area row = area_part(a, y, x, 1, -1);
	int used = area_strn(&row, 0, -left, -1, attr, s, len);
	struct cell *first = at(&row, 0, 0);

	if (first != NULL && first->cp == 0)	/* half of a wide one */
		first->cp = ' ';
	if (left > 0 && used > 0)
		area_put(a, y, x - 1, attr | GRID_BOLD, '<');
	if (used - left > row.w)
		area_put(&row, 0, row.w - 1, attr | GRID_BOLD, '>');
	return used - left > row.w;
}

size_t
grid_fits(const char *s, size_t n, int cells)
{
	size_t fit = 0;
	uint32_t cp;

	while (fit < n) {
		size_t used = utf8_next(s + fit, n - fit, &cp);

		cells -= used == 0 ? 1 : utf8_width(cp);
		if (cells < 0 && fit > 0)
			break;
		fit += used == 0 ? 1 : used;
	}
	return fit;
}

int
area_wrap(const struct area *a, int y, int x, int rows, unsigned attr,
    const char *s)
{
	int width = a->w - x, row = 0;

	while (*s != '\0' && row < rows && width > 0) {
		size_t n = strcspn(s, "\n"), cut;

		cut = n;
		while (cut > 0 && (int)utf8_cells(s, cut) > width) {
			size_t back = cut;

			while (back > 0 && s[back - 1] != ' ')
				back--;
			/* A word longer than the row is cut where it ends. */
			cut = back > 1 ? back - 1 : grid_fits(s, cut, width);
			if (back <= 1)
				break;
		}
		(void)area_strn(a, y + row, x, -1, attr, s, cut);
		row++;
		s += cut;
		while (*s == ' ' || (*s == '\n' && cut == n)) {
			bool end = *s == '\n';

			s++;
			if (end)
				break;
		}
	}
	return row;
}

static void
put_utf8(struct buf *b, uint32_t cp)
{
	if (cp < 0x80)
		buf_putc(b, (char)cp);
	else if (cp < 0x800) {
		buf_putc(b, (char)(0xc0 | cp >> 6));
		buf_putc(b, (char)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_putc(b, (char)(0xe0 | cp >> 12));
		buf_putc(b, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (cp & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | cp >> 18));
		buf_putc(b, (char)(0x80 | (cp >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (cp & 0x3f)));
	}
}

void
grid_text(const struct grid *g, struct buf *b)
{
	for (int y = 0; y < g->h; y++) {
		const struct cell *row = &g->cell[y * g->w];
		int n = g->w;

		while (n > 0 && row[n - 1].cp == ' ')
			n--;
		for (int x = 0; x < n; x++)
			if (row[x].cp != 0)
				put_utf8(b, row[x].cp);
		buf_putc(b, '\n');
	}
}
