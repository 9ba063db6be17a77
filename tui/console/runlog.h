/* The output of one run as it is followed: the last lines, bounded.  Bytes are
 * kept as they came; they are made safe where they are drawn. */
#ifndef CONSOLE_RUNLOG_H
#define CONSOLE_RUNLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RUNLOG_LINES = 2000, RUNLOG_LINE = 2048 };

struct runlog_line {
	char  *p;		/* owned; not a string: may hold NULs */
	size_t len;
};

struct runlog {
	char	id[32];		/* run; "": none */
	struct runlog_line line[RUNLOG_LINES];	/* a ring */
	size_t	first, n;
	int64_t dropped;	/* lines that the ring no longer has */
	bool	open;		/* the last line has no end yet */
	bool	ended;		/* all of it is here */
	bool	paused;		/* the view stands still */
	int64_t top;		/* its first line, counted with the dropped */
	int64_t fresh;		/* lines since then */
	int	left;		/* cells scrolled to the right */
	char	error[256];
};

/* Starts over, for another run. */
void	runlog_start(struct runlog *, const char *id);
void	runlog_clear(struct runlog *);
void	runlog_put(struct runlog *, const char *, size_t);
/* Line i of those kept. */
const struct runlog_line *runlog_at(const struct runlog *, size_t i);
/* The first kept line to show in height rows. */
size_t	runlog_top(const struct runlog *, size_t height);
/* Moves by n lines; upwards stops following, the end goes on with it. */
void	runlog_move(struct runlog *, int64_t n, size_t height);
void	runlog_follow(struct runlog *);
/* Cells of the widest line. */
size_t	runlog_width(const struct runlog *);
/* The next line with the text after the first one shown goes to the top. */
bool	runlog_find(struct runlog *, const char *text, size_t height);

#endif
