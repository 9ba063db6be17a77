/* Where the operator is in a list: which row (by id, never by number), what is
 * filtered out, how it is sorted. */
#ifndef CONSOLE_VIEW_H
#define CONSOLE_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { VIEW_ID = 96, VIEW_FILTER = 128, VIEW_COLUMNS = 24 };

struct view {
	char   sel[VIEW_ID];	/* id of the selected row; "": the first */
	size_t top;		/* first row shown */
	char   filter[VIEW_FILTER];
	int    sort;		/* column; -1: as the daemon sent them */
	bool   desc;
	json_t *marks;		/* ids marked with Space: an object, or NULL */
	size_t was;		/* row number of sel when last seen */
};

struct view_rows {
	const json_t **row;	/* owned array of borrowed rows */
	size_t n, all;		/* shown; before the filter */
	size_t sel;		/* row number of the selection; n: none */
	bool   borrowed;	/* row is another's */
};

/* The id of a row: its member key as text. */
void	view_id(const json_t *row, const char *key, char out[VIEW_ID]);
/* A member by a path with dots, or NULL. */
const json_t *view_path(const json_t *row, const char *path);
/* Does the row have this text?  "word" in any value; "member:word" in that
 * one; several words: all of them.  Case does not count. */
bool	view_match(const json_t *row, const char *filter);

/* The rows of a list filtered and, by sort_path unless NULL, sorted.  The
 * caller ends with view_rows_free. */
void	view_rows(const struct view *, const json_t *list, const char *key,
	    const char *sort_path, struct view_rows *);
void	view_rows_free(struct view_rows *);
/* Cells of the longest text that these rows have there. */
int	view_widest(const struct view_rows *, const char *path);
/* Where the selection is in rows that are filtered and sorted already. */
void	view_find(const struct view *, const char *key, struct view_rows *);
/* Moves the selection by n rows, or to the first or last for -LONG/+LONG;
 * keeps it within what is there. */
void	view_move(struct view *, const struct view_rows *, const char *key,
	    long n);
/* The list changed: a selected row that has gone gives way to the one that
 * took its place. */
void	view_settle(struct view *, const struct view_rows *, const char *key);
/* So that the selection is among the height rows shown. */
void	view_scroll(struct view *, const struct view_rows *, size_t height);
void	view_toggle_mark(struct view *, const char *id);
bool	view_marked(const struct view *, const char *id);

#endif
