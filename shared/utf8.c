#include "utf8.h"

size_t
utf8_next(const char *str, size_t n, uint32_t *cp)
{
	const unsigned char *s = (const unsigned char *)str;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t need;
	uint32_t c;

	if (n == 0)
		return 0;
	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	if ((s[0] & 0xe0) == 0xc0)
		need = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		need = 3;
	else if ((s[0] & 0xf8) == 0xf0)
		need = 4;
	else
		return 0;
	if (n < need)
		return 0;
	c = s[0] & (0xffu >> (need + 1));
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[need] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return need;
}

bool
utf8_valid(const char *s, size_t n)
{
	uint32_t cp;

	while (n > 0) {
		size_t used = utf8_next(s, n, &cp);

		if (used == 0)
			return false;
		s += used;
		n -= used;
	}
	return true;
}

bool
utf8_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c ||
	    cp == 0x200e || cp == 0x200f || (cp >= 0x2028 && cp <= 0x202e) ||
	    (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

size_t
utf8_count(const char *s, size_t n)
{
	size_t count = 0;
	uint32_t cp;

	while (n > 0) {
		size_t used = utf8_next(s, n, &cp);

		if (used == 0)
			used = 1;
		count++;
		s += used;
		n -= used;
	}
	return count;
}

/* The ranges that matter in names and messages, in order; the rest is 1. */
static const struct {
	uint32_t first, last;
	int width;
} widths[] = {
	{ 0x0300, 0x036f, 0 }, { 0x0483, 0x0489, 0 }, { 0x0591, 0x05bd, 0 },
	{ 0x064b, 0x065f, 0 }, { 0x1100, 0x115f, 2 }, { 0x1ab0, 0x1aff, 0 },
	{ 0x1dc0, 0x1dff, 0 }, { 0x200b, 0x200d, 0 }, { 0x20d0, 0x20ff, 0 },
	{ 0x2e80, 0x303e, 2 }, { 0x3041, 0x33ff, 2 }, { 0x3400, 0x4dbf, 2 },
	{ 0x4e00, 0x9fff, 2 }, { 0xa000, 0xa4cf, 2 }, { 0xa960, 0xa97c, 2 },
	{ 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfaff, 2 }, { 0xfe00, 0xfe0f, 0 },
	{ 0xfe20, 0xfe2f, 0 }, { 0xfe30, 0xfe6f, 2 }, { 0xff00, 0xff60, 2 },
	{ 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 },
	{ 0x1f900, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 },
	{ 0xe0100, 0xe01ef, 0 },
};

int
utf8_width(uint32_t cp)
{
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		if (cp >= widths[i].first && cp <= widths[i].last)
			return widths[i].width;
	return 1;
}

size_t
utf8_cells(const char *s, size_t n)
{
	size_t cells = 0;
	uint32_t cp;

	while (n > 0) {
		size_t used = utf8_next(s, n, &cp);

		cells += used == 0 ? 1 : (size_t)utf8_width(cp);
		used = used == 0 ? 1 : used;
		s += used;
		n -= used;
	}
	return cells;
}
