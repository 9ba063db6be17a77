/* The pieces that screens are made of.  Pure: documents and a place in, cells
 * out. */
#ifndef CONSOLE_WIDGET_H
#define CONSOLE_WIDGET_H

#include <jansson.h>

#include "grid.h"
#include "view.h"

/* ---- tables ----------------------------------------------------------- */

/* What stands in a cell of this width.  ctx is the screen's; text starts
 * empty. */
typedef void widget_cell(const void *ctx, const json_t *row, int column,
	    int width, struct buf *text, unsigned *attr);

enum widget_flag {
	WIDGET_RIGHT = 1 << 0,	/* texts end at the right edge */
	WIDGET_GROWS = 1 << 1,	/* to its longest text, if there is room */
	WIDGET_ME = 1 << 2	/* one of them has " me" behind it */
};

struct widget_column {
	const char *title;
	const char *path;	/* what `s` sorts by, with dots; NULL: not */
	int	    width;	/* cells; below 0: takes what is left, at
				 * least this many */
	int	    priority;	/* 0 always there; the highest goes first */
	unsigned    flags;	/* enum widget_flag */
};

struct widget_table {
	const struct widget_column *columns;
	int	     ncolumns;
	widget_cell *cell;
	const void  *ctx;
	const char  *key;	/* member that is the row's id */
	const int   *widest;	/* cells of the longest text of each column */
};

/* Heading and rows; the selected row has the mark and the cursor.  Rows come
 * from view_rows.  rows: as many as fit below the heading.  What is cut says so
 * with its last cell: `>`. */
void	widget_table(const struct area *, const struct widget_table *,
	    const struct view *, const struct view_rows *);

/* ---- lines, boxes ----------------------------------------------------- */

/* " -- title ------" */
void	widget_rule(const struct area *, int y, const char *title);
/* A frame with a title around the whole area. */
void	widget_box(const struct area *, const char *title);
/* "[###..]" of value out of 5; 0: "[?????]". */
void	widget_health(int value, struct buf *);

/* ---- graphs ----------------------------------------------------------- */

/* values: an array of numbers and nulls, drawn over the whole width in h rows,
 * 0 to top; of more values than cells the largest is shown.  A null is a gap: a
 * space, never joined. */
void	widget_graph(const struct area *, const json_t *values, double top);
/* The same in one row, as text of w cells. */
void	widget_trend(const json_t *values, double top, int w, enum glyphs,
	    struct buf *);
/* The largest number of the array, at least floor. */
double	widget_top(const json_t *values, double floor);

#endif
