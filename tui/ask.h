/* Questions to the person at the terminal, and what commands read from files
 * and standard input.  The streams are an argument, so that tests can stand in
 * for the person. */
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdio.h>

#include "buf.h"
#include "err.h"

struct ask {
	FILE *in, *err;		/* questions are put on err */
	bool  terminal;		/* both are one: a person can be asked */
};

/* Shows the question; true when the answer is y, yes or the given name (NULL:
 * none).  An empty answer, the end of input and all else mean no. */
bool	ask_yes(const struct ask *, const char *question, const char *name);
/* One line that is not shown while it is typed.  The caller frees it; NULL
 * when it was interrupted or empty. */
char   *ask_secret(const struct ask *, const char *prompt);
/* The first line of in without its end; NULL with e set when there is none. */
char   *ask_line(const struct ask *, const char *what, struct err *);
/* All of a file, "-" is in.  ERR_USAGE when it is not UTF-8 or fails the cap
 * of the buffer. */
int	ask_file(const struct ask *, const char *path, struct buf *,
	    struct err *);

#endif
