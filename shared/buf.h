/* A growing byte string with a cap.
 *
 * p is never NULL and always NUL-terminated after BUF_INIT.  After a failure
 * (the cap is reached) the buffer stays failed and unchanged, so that one
 * check at the end is enough.  Out of memory aborts.  The owner calls
 * buf_free; a freed buffer may be used again. */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char  *p;
	size_t len, cap, max;	/* bytes without the NUL; allocated; limit */
	bool   failed;
};

extern char buf_empty[1];
#define BUF_INIT(limit) { .p = buf_empty, .max = (limit) }

void	buf_put(struct buf *, const void *, size_t);
void	buf_puts(struct buf *, const char *);
void	buf_putc(struct buf *, char);
void	buf_fmt(struct buf *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
/* Text from outside on its way to a terminal or a log line: C0, C1, DEL and
 * bidi controls, and bytes that are not UTF-8, become visible escapes. */
void	buf_safe(struct buf *, const char *, size_t);
/* Drops the first n bytes. */
void	buf_shift(struct buf *, size_t);
void	buf_clear(struct buf *);	/* empty, keeps the memory */
void	buf_free(struct buf *);
/* The content as a malloc'd string that the caller owns; the buffer is empty
 * afterwards. */
char   *buf_steal(struct buf *);

#endif
