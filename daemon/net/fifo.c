#include "fifo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { QUEUE_FIRST = 512 };

void
fifo_put(struct fifo *q, const void *data, size_t n)
{
	if (n == 0)
		return;
	if (q->head + q->len + n > q->cap && q->head > 0) {
		memmove(q->p, q->p + q->head, q->len);
		q->head = 0;
	}
	if (q->len + n > q->cap) {
		size_t cap = q->cap == 0 ? QUEUE_FIRST : q->cap;

		while (cap < q->len + n)
			cap *= 2;
		q->p = mem_grow(q->p, cap);
		q->cap = cap;
	}
	memcpy(q->p + q->head + q->len, data, n);
	q->len += n;
}

const char *
fifo_peek(const struct fifo *q)
{
	return q->p + q->head;
}

void
fifo_take(struct fifo *q, size_t n)
{
	assert(n <= q->len);
	q->head += n;
	q->len -= n;
	/* Ten thousand idle sessions must not keep ten thousand buffers. */
	if (q->len == 0)
		fifo_free(q);
}

void
fifo_free(struct fifo *q)
{
	free(q->p);
	*q = (struct fifo){ 0 };
}
