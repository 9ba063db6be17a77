#include "queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { QUEUE_FIRST = 512 };

void
queue_put(struct queue *q, const void *data, size_t n)
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
queue_peek(const struct queue *q)
{
	return q->p + q->head;
}

void
queue_take(struct queue *q, size_t n)
{
	assert(n <= q->len);
	q->head += n;
	q->len -= n;
	/* Ten thousand idle sessions must not keep ten thousand buffers. */
	if (q->len == 0)
		queue_free(q);
}

void
queue_free(struct queue *q)
{
	free(q->p);
	*q = (struct queue){ 0 };
}
