/* Output that waits for its wire: bytes in, bytes out, bounded by its owner.
 *
 * Taking bytes from the front is cheap at any length; memory is given back
 * when the queue is empty.  Zero bytes are an empty queue. */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include <stddef.h>

struct queue {
	char  *p;
	size_t head, len, cap;	/* first waiting byte; waiting; allocated */
};

void	queue_put(struct queue *, const void *, size_t);
/* The waiting bytes, contiguous; valid until the next call. */
const char *queue_peek(const struct queue *);
void	queue_take(struct queue *, size_t);
void	queue_free(struct queue *);

#endif
