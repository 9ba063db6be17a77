/* Output that waits for its wire: bytes in, bytes out, bounded by its owner.
 *
 * Taking bytes from the front is cheap at any length; memory is given back
 * when it is empty.  Zero bytes are an empty one. */
#ifndef NET_FIFO_H
#define NET_FIFO_H

#include <stddef.h>

struct fifo {
	char  *p;
	size_t head, len, cap;	/* first waiting byte; waiting; allocated */
};

void	fifo_put(struct fifo *, const void *, size_t);
/* The waiting bytes, contiguous; valid until the next call. */
const char *fifo_peek(const struct fifo *);
void	fifo_take(struct fifo *, size_t);
void	fifo_free(struct fifo *);

#endif
