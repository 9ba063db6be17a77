#include "keeper/waiter.h"

#include <stdlib.h>
#include <string.h>

#include "keeper/run.h"
#include "mem.h"

/* Bytes of all of them. */
enum { BYTES = 64 << 20 };

static struct waiter *first, **last = &first;
static size_t count, bytes;

int
waiter_add(const struct kmsg_start *s)
{
	struct waiter *w;

	if (count >= RUN_LIVE || bytes >= BYTES)
		return -1;
	w = mem_zero(1, sizeof(*w));
	(void)MEM_STR(w->id, s->id);
	w->frame = (struct buf)BUF_INIT(2 * KMSG_MAX);
	kmsg_put_start(&w->frame, s);
	*last = w;
	last = &w->next;
	count++;
	bytes += w->frame.len;
	return 0;
}

static struct waiter **
place(const char *id)
{
	struct waiter **at = &first;

	while (*at != NULL && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

bool
waiter_has(const char *id)
{
	return *place(id) != NULL;
}

bool
waiter_drop(const char *id)
{
	struct waiter **at = place(id), *w = *at;

	if (w == NULL)
		return false;
	*at = w->next;
	if (last == &w->next)
		last = at;
	count--;
	bytes -= w->frame.len;
	w->next = NULL;
	waiter_free(w);
	return true;
}

size_t
waiter_count(void)
{
	return count;
}

struct waiter *
waiter_take(void)
{
	struct waiter *all = first;

	first = NULL;
	last = &first;
	count = bytes = 0;
	return all;
}

void
waiter_free(struct waiter *w)
{
	while (w != NULL) {
		struct waiter *next = w->next;

		buf_free(&w->frame);
		free(w);
		w = next;
	}
}
