#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *p)
{
	if (p == NULL) {
		(void)fputs("error mem out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
mem_zero(size_t n, size_t size)
{
	return must(calloc(n, size));
}

void *
mem_grow(void *p, size_t bytes)
{
	return must(realloc(p, bytes));
}

char *
mem_dup(const char *s)
{
	return s == NULL ? NULL : must(strdup(s));
}

char *
mem_fmt(const char *fmt, ...)
{
	va_list ap;
	char *p = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	return must(n < 0 ? NULL : p);
}

int
mem_str(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);
	int cut = n >= size ? -1 : 0;

	if (cut == -1)
		n = size - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
	return cut;
}
