/* A list of strings that owns them.  { 0 } is the empty list.  Order counts.
 * Running out of memory aborts (mem.h).  Any thread, no sharing. */
#ifndef STRS_H
#define STRS_H

#include <stdbool.h>
#include <stddef.h>

struct strs {
	char **v;	/* NULL when n is 0 */
	size_t n;
};

void	strs_add(struct strs *, const char *);	/* copies */
void	strs_copy(struct strs *dst, const struct strs *src); /* dst was empty */
void	strs_clear(struct strs *);
bool	strs_has(const struct strs *, const char *);
bool	strs_equal(const struct strs *, const struct strs *);

#endif
