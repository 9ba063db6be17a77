/* malloc for one thread: a simulated hour allocates some ten million small
 * blocks (JSON, mostly), and lists of free ones are several times as fast as
 * what must serve threads.  Not with a sanitizer, which has its own. */
#include <errno.h>
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

enum { STEP = 16, NSIZES = 128, MOST = STEP * NSIZES, CHUNK = 1 << 20 };
enum { LARGE = NSIZES };	/* the C library's own */

/* Before each block, which it keeps aligned as malloc must. */
struct head {
	_Alignas(16) uint32_t size;	/* class: (size + 1) * STEP bytes */
	uint32_t	      bytes;	/* of a large one */
};

struct block {
	struct block *next;
};

extern void *__libc_malloc(size_t);
extern void *__libc_realloc(void *, size_t);
extern void  __libc_free(void *);

static struct block *idle[NSIZES];
static char *chunk;
static size_t left;

static void *
large(size_t n)
{
	struct head *h;

	if (n > UINT32_MAX - sizeof(*h) ||
	    (h = __libc_malloc(n + sizeof(*h))) == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	h->size = LARGE;
	h->bytes = (uint32_t)n;
	return h + 1;
}

static void *
fresh(size_t size)
{
	size_t n = sizeof(struct head) + (size + 1) * STEP;
	struct head *h;

	if (n > left) {
		chunk = __libc_malloc(CHUNK);
		left = chunk != NULL ? CHUNK : 0;
		if (n > left)
			return NULL;
	}
	h = (struct head *)(void *)chunk;
	chunk += n;
	left -= n;
	h->size = (uint32_t)size;
	return h + 1;
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
	struct head *h = p;
	struct block *b = p;

	if (p == NULL)
		return;
	h--;
	if (h->size == LARGE) {
		__libc_free(h);
		return;
	}
	b->next = idle[h->size];
	idle[h->size] = b;
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
	struct head *h = p;
	size_t had;
	void *q;

	if (p == NULL)
		return malloc(n);
	h--;
	had = h->size == LARGE ? h->bytes : ((size_t)h->size + 1) * STEP;
	if (h->size != LARGE && n <= had)
		return p;
	if (h->size == LARGE && n > MOST && n < UINT32_MAX - sizeof(*h)) {
		h = __libc_realloc(h, n + sizeof(*h));
		if (h == NULL)
			return NULL;
		h->bytes = (uint32_t)n;
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
	const struct head *h = p;

	if (p == NULL)
		return 0;
	h--;
	return h->size == LARGE ? h->bytes : ((size_t)h->size + 1) * STEP;
}

#endif
