/* A screen as cells: what every screen of the console is drawn into, and what
 * the terminal and the tests read (STYLE.md's split: model -> cells -> curses).
 *
 * Text from outside is made safe here and nowhere else: C0, C1, DEL, bidi
 * controls and broken UTF-8 become visible escapes.  Anything outside the grid
 * is cut, so that no screen needs to know how large it is to be safe. */
#ifndef CONSOLE_GRID_H
#define CONSOLE_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* A set; colours only repeat what a word or a letter says already. */
enum grid_attr {
	GRID_PLAIN = 0,
	GRID_BOLD = 1 << 0,
	GRID_REVERSE = 1 << 1,
	GRID_DIM = 1 << 2,
	GRID_UNDER = 1 << 3,
	GRID_RED = 1 << 4,
	GRID_GREEN = 1 << 5,
	GRID_YELLOW = 1 << 6,
	GRID_CYAN = 1 << 7
};

enum glyphs { GLYPHS_ASCII, GLYPHS_UTF8, GLYPHS_COUNT };

struct cell {
	uint32_t cp;		/* 0: the right half of the cell before */
	unsigned attr;
};

struct grid {
	int w, h;		/* cells */
	enum glyphs glyphs;
	struct cell *cell;	/* w * h, owned */
	int cursor_y, cursor_x;	/* -1: hidden */
};

/* A part of a grid; y and x of the functions below count from its corner. */
struct area {
	struct grid *g;
	int y, x, h, w;
};

/* w and h are at least 1.  grid_free takes NULL. */
struct grid *grid_new(int w, int h, enum glyphs);
void	grid_free(struct grid *);
void	grid_erase(struct grid *);
/* Same size, cells and cursor; NULL is the same as nothing.  grid_copy is
 * between grids of one size. */
bool	grid_same(const struct grid *, const struct grid *);
void	grid_copy(struct grid *to, const struct grid *from);
struct area grid_area(struct grid *);
/* A part of an area, cut to it; h or w below 0: all the rest. */
struct area area_part(const struct area *, int y, int x, int h, int w);

/* Writes text made safe, at most to the area's edge.  Returns the cells used,
 * or that would have been used. */
int	area_str(const struct area *, int y, int x, unsigned attr,
	    const char *);
int	area_strn(const struct area *, int y, int x, int max, unsigned attr,
	    const char *, size_t len);
int	area_fmt(const struct area *, int y, int x, unsigned attr,
	    const char *, ...) __attribute__((format(printf, 5, 6)));
/* The same, its last cell at column x. */
void	area_right(const struct area *, int y, int x, unsigned attr,
	    const char *);
/* How many bytes of a text fit into that many cells; at least a letter. */
size_t	grid_fits(const char *, size_t len, int cells);
/* Text broken at spaces from row y on, at most rows of them.  Returns the rows
 * used. */
int	area_wrap(const struct area *, int y, int x, int rows, unsigned attr,
	    const char *);
/* One long line from its cell left on: `<` before x and `>` in the last column
 * where there is more of it.  True: there is more at the right. */
bool	area_line(const struct area *, int y, int x, int left, unsigned attr,
	    const char *, size_t len);
void	area_put(const struct area *, int y, int x, unsigned attr,
	    uint32_t cp);
void	area_fill(const struct area *, int y, int x, int n, unsigned attr,
	    uint32_t cp);
/* Adds attributes to cells that are drawn already. */
void	area_mark(const struct area *, int y, int x, int n, unsigned attr);
void	area_cursor(const struct area *, int y, int x);

/* The cells as lines of text without trailing spaces. */
void	grid_text(const struct grid *, struct buf *);

#endif
