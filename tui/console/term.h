/* The terminal: cells out, keys in, by ncurses.  One at a time. */
#ifndef CONSOLE_TERM_H
#define CONSOLE_TERM_H

#include <stdbool.h>

#include "err.h"
#include "grid.h"

struct term_about {
	bool utf8;		/* its locale can show more than ASCII */
	bool colour;
};

/* Takes the terminal over; setlocale is called before.  ERR_FAILED: it is not
 * one that a screen can be drawn on. */
int	term_open(struct term_about *, struct err *);
/* Gives it back as it was.  May be called twice. */
void	term_close(void);
/* The next key of key.h; -1: none now; -2: the terminal has gone. */
int	term_key(void);
void	term_size(int *w, int *h);
/* Shows the cells; only what changed is sent.  all: everything anew.  false:
 * the terminal takes nothing at the moment, and nothing was done. */
bool	term_draw(const struct grid *, bool all);
/* Into the clipboard of the terminal, if it takes it. */
void	term_copy(const char *);

#endif
