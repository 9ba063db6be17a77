/* Memory that cannot be missing: running out of it on small things logs and
 * aborts (the keeper, the runs and every acknowledged fact survive that). */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

void   *mem_zero(size_t n, size_t size);	/* calloc */
void   *mem_grow(void *, size_t bytes);		/* realloc */
char   *mem_dup(const char *);			/* strdup; NULL stays NULL */
char   *mem_fmt(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Copies as much of src as fits and always ends dst with a NUL.  Returns -1
 * when src was cut. */
int	mem_str(char *dst, size_t size, const char *src);
#define MEM_STR(dst, src) mem_str((dst), sizeof(dst), (src))

#endif
