/* One line that is being typed: filter, command, the word of a question.
 * Bounded; UTF-8; controls do not get in. */
#ifndef CONSOLE_LINE_H
#define CONSOLE_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum { LINE_MAX_BYTES = 512 };

struct line {
	char   text[LINE_MAX_BYTES];
	size_t len, at;		/* bytes; the cursor */
};

void	line_set(struct line *, const char *);
/* A key of key.h; true when the line takes such keys (it may be full). */
bool	line_key(struct line *, int key);
/* The first byte that is shown where the text up to the cursor has so many
 * cells. */
size_t	line_from(const struct line *, int cells);

#endif
