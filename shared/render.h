/* JSON documents as text for people: lists as aligned tables, one thing as
 * `name: value` lines.  Everything from outside is made safe for a terminal.
 *
 * The columns of a command (struct cmd) say what a table shows: "TITLE=path"
 * separated by spaces, path with dots (health.level), with an optional format:
 *
 *	num	right-aligned		ms	milliseconds, right-aligned
 *	time	RFC 3339, shown short	age	the same as "3m12s ago", "in 4s"
 *	dur	seconds, as 1h30m	pct	percent
 *	mark	true as yes, else -	link	true as up, false as down
 *
 * For one object they only say the formats of its members. */
#ifndef RENDER_H
#define RENDER_H

#include <jansson.h>
#include <stdbool.h>

#include "buf.h"
#include "clock.h"
#include "cmd.h"

struct render {
	wall now;		/* for ages */
	bool utc;		/* else the local zone, which is named */
};

enum { RENDER_COLUMNS = 20 };

/* Remembered from row to row, so that the columns of a stream line up. */
struct render_widths {
	size_t cell[RENDER_COLUMNS];
};

/* A result as text, ending with a newline. */
void	render_doc(struct buf *, const struct cmd *, const json_t *,
	    const struct render *);
/* One row of a stream as one line; w starts as zeroes. */
void	render_row(struct buf *, const struct cmd *, const json_t *,
	    const struct render *, struct render_widths *w);
/* The document as it is.  A terminal gets ASCII with escapes. */
void	render_json(struct buf *, const json_t *, bool oneline, bool terminal);
/* Text of a CMD_RAW command.  For a terminal all but newline and tab is made
 * safe; elsewhere it goes out byte for byte. */
void	render_raw(struct buf *, const char *, size_t, bool terminal);
/* Seconds as a person says them: 250ms, 4.2s, 42s, 3m12s, 1h30m, 3d2h. */
void	render_dur(struct buf *, double seconds);

#endif
