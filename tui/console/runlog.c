#include "runlog.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "utf8.h"

void
runlog_clear(struct runlog *l)
{
	for (size_t i = 0; i < RUNLOG_LINES; i++)
		free(l->line[i].p);
	memset(l, 0, sizeof(*l));
}

void
runlog_start(struct runlog *l, const char *id)
{
	runlog_clear(l);
	(void)MEM_STR(l->id, id);
}

const struct runlog_line *
runlog_at(const struct runlog *l, size_t i)
{
	return &l->line[(l->first + i) % RUNLOG_LINES];
}

static struct runlog_line *
push(struct runlog *l)
{
	struct runlog_line *line;

	if (l->n == RUNLOG_LINES) {
		l->first = (l->first + 1) % RUNLOG_LINES;
		l->n--;
		l->dropped++;
	}
	line = &l->line[(l->first + l->n) % RUNLOG_LINES];
	l->n++;
	free(line->p);
	*line = (struct runlog_line){ 0 };
	if (l->paused)
		l->fresh++;
	return line;
}

void
runlog_put(struct runlog *l, const char *p, size_t n)
{
	while (n > 0) {
		const char *nl = memchr(p, '\n', n);
		size_t part = nl != NULL ? (size_t)(nl - p) : n, room;
		struct runlog_line *line = l->open && l->n > 0
		    ? &l->line[(l->first + l->n - 1) % RUNLOG_LINES] : push(l);

		room = RUNLOG_LINE - line->len;
		room = part < room ? part : room;
		if (room > 0) {
			line->p = mem_grow(line->p, line->len + room);
			memcpy(line->p + line->len, p, room);
			line->len += room;
		}
		l->open = nl == NULL;
		part += nl != NULL ? 1 : 0;
		p += part;
		n -= part;
	}
}

size_t
runlog_top(const struct runlog *l, size_t height)
{
	size_t last = l->n > height ? l->n - height : 0;
	int64_t top = l->top - l->dropped;

	if (!l->paused)
		return last;
	top = top < 0 ? 0 : top;
	return (size_t)top < last ? (size_t)top : last;
}

void
runlog_follow(struct runlog *l)
{
	l->paused = false;
	l->fresh = 0;
}

void
runlog_move(struct runlog *l, int64_t n, size_t height)
{
	int64_t last = l->n > height ? (int64_t)(l->n - height) : 0;
	int64_t top = (int64_t)runlog_top(l, height) + n;

	top = top < 0 ? 0 : top;
	if (top >= last && n > 0) {
		runlog_follow(l);
		return;
	}
	l->paused = true;
	l->top = (top > last ? last : top) + l->dropped;
}

size_t
runlog_width(const struct runlog *l)
{
	struct buf b = BUF_INIT(RUNLOG_LINE * 8);
	size_t most = 0, n;

	for (size_t i = 0; i < l->n; i++) {
		buf_clear(&b);
		buf_safe(&b, runlog_at(l, i)->p, runlog_at(l, i)->len);
		n = utf8_cells(b.p, b.len);
		most = n > most ? n : most;
	}
	buf_free(&b);
	return most;
}

bool
runlog_find(struct runlog *l, const char *text, size_t height)
{
	size_t from = runlog_top(l, height) + 1, len = strlen(text);

	for (size_t k = 0; len > 0 && k < l->n; k++) {
		size_t i = (from + k) % l->n;
		const struct runlog_line *line = runlog_at(l, i);

		if (line->len >= len &&
		    memmem(line->p, line->len, text, len) != NULL) {
			l->paused = true;
			l->top = (int64_t)i + l->dropped;
			return true;
		}
	}
	return false;
}
