/* UTF-8 as it comes from outside: nothing is trusted. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point from at most n bytes.  Returns the bytes used, 0 when
 * they are not valid UTF-8 (overlong, surrogate, cut) or n is 0. */
size_t	utf8_next(const char *, size_t n, uint32_t *cp);
bool	utf8_valid(const char *, size_t n);
/* Controls (C0, C1, DEL) and characters that change direction. */
bool	utf8_unsafe(uint32_t cp);
/* Code points in a valid string. */
size_t	utf8_count(const char *, size_t n);
/* Terminal cells: 0 for combining marks, 2 for East Asian wide and emoji, else
 * 1.  utf8_cells counts a byte that is not UTF-8 as one. */
int	utf8_width(uint32_t cp);
size_t	utf8_cells(const char *, size_t n);

#endif
