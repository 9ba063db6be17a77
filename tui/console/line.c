#include "line.h"

#include <string.h>

#include "key.h"
#include "mem.h"
#include "utf8.h"

void
line_set(struct line *l, const char *s)
{
	(void)MEM_STR(l->text, s);
	l->len = l->at = strlen(l->text);
}

size_t
line_from(const struct line *l, int cells)
{
	size_t from = 0;
	uint32_t cp;

	while (from < l->at && (int)utf8_cells(l->text + from, l->at - from) >
	    cells) {
		size_t used = utf8_next(l->text + from, l->at - from, &cp);

		from += used > 0 ? used : 1;
	}
	return from;
}

static size_t
before(const struct line *l)
{
	size_t at = l->at;

	while (at > 0 && ((unsigned char)l->text[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t
after(const struct line *l)
{
	size_t at = l->at;

	if (at < l->len)
		at++;
	while (at < l->len && ((unsigned char)l->text[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void
cut(struct line *l, size_t from, size_t to)
{
	memmove(l->text + from, l->text + to, l->len - to + 1);
	l->len -= to - from;
	l->at = from;
}

static void
insert(struct line *l, uint32_t cp)
{
	char b[4];
	size_t n = 0;

	if (cp < 0x80)
		b[n++] = (char)cp;
	else if (cp < 0x800) {
		b[n++] = (char)(0xc0 | cp >> 6);
		b[n++] = (char)(0x80 | (cp & 0x3f));
	} else if (cp < 0x10000) {
		b[n++] = (char)(0xe0 | cp >> 12);
		b[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
		b[n++] = (char)(0x80 | (cp & 0x3f));
	} else {
		b[n++] = (char)(0xf0 | cp >> 18);
		b[n++] = (char)(0x80 | (cp >> 12 & 0x3f));
		b[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
		b[n++] = (char)(0x80 | (cp & 0x3f));
	}
	if (l->len + n >= sizeof(l->text))
		return;
	memmove(l->text + l->at + n, l->text + l->at, l->len - l->at + 1);
	memcpy(l->text + l->at, b, n);
	l->len += n;
	l->at += n;
}

bool
line_key(struct line *l, int key)
{
	switch (key) {
	case KEY_K_BACKSPACE:
		if (l->at > 0) {
			size_t to = l->at;

			cut(l, before(l), to);
		}
		return true;
	case KEY_K_LEFT:
		l->at = before(l);
		return true;
	case KEY_K_RIGHT:
		l->at = after(l);
		return true;
	case KEY_K_HOME:
	case KEY_CTRL('a'):
		l->at = 0;
		return true;
	case KEY_K_END:
	case KEY_CTRL('e'):
		l->at = l->len;
		return true;
	case KEY_CTRL('u'):
		cut(l, 0, l->at);
		return true;
	case KEY_CTRL('w'): {
		size_t to = l->at, from = l->at;

		while (from > 0 && l->text[from - 1] == ' ')
			from--;
		while (from > 0 && l->text[from - 1] != ' ')
			from--;
		cut(l, from, to);
		return true;
	}
	default:
		break;
	}
	if (key < 0x20 || key >= KEY_SPECIAL || utf8_unsafe((uint32_t)key))
		return false;
	insert(l, (uint32_t)key);
	return true;
}
