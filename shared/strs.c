#include "strs.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

void
strs_add(struct strs *l, const char *s)
{
	/* Capacity is the next power of two, so no field is needed for it. */
	if ((l->n & (l->n - 1)) == 0)
		l->v = mem_grow(l->v,
		    (l->n == 0 ? 1 : l->n * 2) * sizeof(*l->v));
	l->v[l->n++] = mem_dup(s);
}

void
strs_copy(struct strs *dst, const struct strs *src)
{
	for (size_t i = 0; i < src->n; i++)
		strs_add(dst, src->v[i]);
}

void
strs_clear(struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strs){ 0 };
}

bool
strs_has(const struct strs *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

bool
strs_equal(const struct strs *a, const struct strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}
