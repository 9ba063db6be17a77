/* Starts whose user is being looked up (who.h).  They are on no file, and
 * musterd has been told nothing of them: what is not in a list that it asks for
 * was never asked for, and it asks again. */
#ifndef KEEPER_WAITER_H
#define KEEPER_WAITER_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "kmsg.h"

struct waiter {
	struct waiter *next;
	char	       id[KMSG_ID];
	struct buf     frame;		/* the start, as kmsg_read takes it */
};

/* A copy of the start waits; -1 when too many do. */
int	waiter_add(const struct kmsg_start *);
bool	waiter_has(const char *id);
/* False: none of this id waited. */
bool	waiter_drop(const char *id);
size_t	waiter_count(void);
/* All of them, in their order; the caller ends with waiter_free. */
struct waiter *waiter_take(void);
void	waiter_free(struct waiter *);

#endif
