#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

char buf_empty[1];

static bool
room(struct buf *b, size_t n)
{
	size_t want, cap;

	if (b->failed || n > b->max || b->len > b->max - n) {
		b->failed = true;
		return false;
	}
	want = b->len + n + 1;
	if (want <= b->cap)
		return true;
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap < want)
		cap *= 2;
	b->p = mem_grow(b->cap == 0 ? NULL : b->p, cap);
	b->cap = cap;
	return true;
}

void
buf_put(struct buf *b, const void *data, size_t n)
{
	if (n == 0 || !room(b, n))
		return;
	memcpy(b->p + b->len, data, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_putc(struct buf *b, char c)
{
	if (b->len < b->max && b->len + 1 < b->cap && !b->failed) {
		b->p[b->len++] = c;
		b->p[b->len] = '\0';
		return;
	}
	buf_put(b, &c, 1);
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0 || !room(b, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_safe(struct buf *b, const char *s, size_t n)
{
	while (n > 0) {
		uint32_t cp;
		size_t used = utf8_next(s, n, &cp);

		if (used == 0) {
			buf_fmt(b, "\\x%02x", (unsigned char)*s);
			used = 1;
		} else if (cp < 0x20)
			buf_fmt(b, "^%c", (char)(cp + '@'));
		else if (cp == 0x7f)
			buf_puts(b, "^?");
		else if (utf8_unsafe(cp))
			buf_fmt(b, "\\u%04x", (unsigned)cp);
		else
			buf_put(b, s, used);
		s += used;
		n -= used;
	}
}

void
buf_shift(struct buf *b, size_t n)
{
	if (n >= b->len) {
		buf_clear(b);
		return;
	}
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->cap > 0)
		b->p[0] = '\0';
}

void
buf_free(struct buf *b)
{
	if (b->cap > 0)
		free(b->p);
	*b = (struct buf)BUF_INIT(b->max);
}

char *
buf_steal(struct buf *b)
{
	char *p = b->cap > 0 ? b->p : mem_dup("");

	*b = (struct buf)BUF_INIT(b->max);
	return p;
}
