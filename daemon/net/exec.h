/* `ssh host VERB …` from the side of its connection; server.h has the side of
 * the command.  Inside this folder only. */
#ifndef NET_EXEC_H
#define NET_EXEC_H

#include <stdbool.h>
#include <stddef.h>

#include "conn.h"
#include "server.h"

/* terminal: the client asked for one, so lines end in CR LF and Ctrl-C comes
 * as a byte. */
struct exec *exec_new(struct conn *, const struct peer *, bool terminal);
void	exec_flush(struct exec *);
/* p is NULL at the end of input.  False: the user pressed Ctrl-C. */
bool	exec_input(struct exec *, const char *p, size_t);
/* Ended and written: the goodbye was said. */
bool	exec_finished(const struct exec *);
/* The peer is gone: tells the command, once, unless it had ended. */
void	exec_lost(struct exec *);
void	exec_free(struct exec *);

#endif
