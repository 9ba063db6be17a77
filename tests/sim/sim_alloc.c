/* malloc for one thread: a simulated hour allocates some ten million small
 * blocks (JSON, mostly), and lists of free ones are several times as fast as
 * what must serve threads.  Not with a sanitizer, which has its own. */
#include <sys/mman.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

#ifndef SANITIZED

enum { STEP = 16, NSIZES = 512, MOST = STEP * NSIZES };
enum { PAGE = 1 << 16, NPAGES = 1 << 13, HUGE = 1 << 21 };

/* Before a large block, which is the C library's own. */
struct head {
	_Alignas(16) size_t bytes;
};

struct block {
	struct block *next;
};

extern void *__libc_malloc(size_t);
extern void *__libc_realloc(void *, size_t);
extern void  __libc_free(void *);

/* Small blocks have nothing before them: all of a page are of one size,
 * (size_of[page] + 1) * STEP bytes.  When the arena is full, all are large. */
static _Alignas(HUGE) char arena[(size_t)PAGE * NPAGES];
static size_t npages;
static uint16_t size_of[NPAGES];
static struct block *idle[NSIZES];
static char *fresh_at[NSIZES], *fresh_end[NSIZES];

static bool
is_small(const void *p)
{
	return (uintptr_t)p - (uintptr_t)arena < sizeof(arena);
}

static size_t
bytes_of(const void *p)
{
	if (!is_small(p))
		return ((const struct head *)p - 1)->bytes;
	return ((size_t)size_of[((const char *)p - arena) / PAGE] + 1) * STEP;
}

static void *
large(size_t n)
{
	struct head *h = NULL;

	if (n <= PTRDIFF_MAX)
		h = __libc_malloc(n + sizeof(*h));
	if (h == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	h->bytes = n;
	return h + 1;
}

static void *
fresh(size_t size)
{
	size_t n = (size + 1) * STEP;
	char *p = fresh_at[size];

	if (p == NULL || (size_t)(fresh_end[size] - p) < n) {
		if (npages == NPAGES)
			return large(n);
		if (npages == 0)
			(void)madvise(arena, sizeof(arena), MADV_HUGEPAGE);
		size_of[npages] = (uint16_t)size;
		p = arena + npages++ * PAGE;
		fresh_end[size] = p + PAGE;
	}
	fresh_at[size] = p + n;
	return p;
}

/* Not malloc itself: the compiler would make one calloc of it and memset. */
static void *
take(size_t n)
{
	size_t size = n == 0 ? 0 : (n - 1) / STEP;
	struct block *b;

	if (n > MOST)
		return large(n);
	b = idle[size];
	if (b == NULL)
		return fresh(size);
	idle[size] = b->next;
	__builtin_prefetch(b->next, 1);	/* whoever takes that one next */
	return b;
}

void *
malloc(size_t n)
{
	return take(n);
}

void
free(void *p)
{
	struct block *b = p;
	size_t size;

	if (p == NULL)
		return;
	if (!is_small(p)) {
		__libc_free((struct head *)p - 1);
		return;
	}
	size = size_of[((char *)p - arena) / PAGE];
	b->next = idle[size];
	idle[size] = b;
}

void *
calloc(size_t n, size_t size)
{
	void *p;

	if (size != 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	p = take(n * size);
	return p != NULL ? memset(p, 0, n * size) : NULL;
}

void *
realloc(void *p, size_t n)
{
	struct head *h;
	size_t had;
	void *q;

	if (p == NULL)
		return malloc(n);
	had = bytes_of(p);
	if (n <= had && (is_small(p) || n > MOST))
		return p;
	if (!is_small(p) && n > MOST && n <= PTRDIFF_MAX) {
		h = __libc_realloc((struct head *)p - 1, n + sizeof(*h));
		if (h == NULL)
			return NULL;
		h->bytes = n;
		return h + 1;
	}
	q = malloc(n);
	if (q != NULL) {
		memcpy(q, p, had < n ? had : n);
		free(p);
	}
	return q;
}

size_t malloc_usable_size(void *);

size_t
malloc_usable_size(void *p)
{
	return p != NULL ? bytes_of(p) : 0;
}

#endif
