#include "pack.h"

#include <string.h>

void
pack_int(struct buf *b, uint64_t v, int bytes)
{
	char out[8];

	for (int i = 0; i < bytes; i++)
		out[i] = (char)(v >> (8 * i));
	buf_put(b, out, (size_t)bytes);
}

void
pack_str(struct buf *b, const char *s)
{
	size_t n = s == NULL ? 0 : strlen(s);

	pack_int(b, n, PACK_32);
	buf_put(b, n == 0 ? "" : s, n);
	buf_putc(b, '\0');
}

uint64_t
unpack_int(struct unpack *u, int bytes)
{
	uint64_t v = 0;

	if (u->bad || u->n < (size_t)bytes) {
		u->bad = true;
		return 0;
	}
	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)(unsigned char)u->p[i] << (8 * i);
	u->p += bytes;
	u->n -= (size_t)bytes;
	return v;
}

const char *
unpack_str(struct unpack *u, size_t max)
{
	size_t n = (size_t)unpack_int(u, PACK_32);
	const char *s = u->p;

	if (u->bad || n > max || n >= u->n || s[n] != '\0' ||
	    memchr(s, '\0', n) != NULL) {
		u->bad = true;
		return "";
	}
	u->p += n + 1;
	u->n -= n + 1;
	return s;
}

uint64_t
pack_hash(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = 14695981039346656037ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return h;
}
