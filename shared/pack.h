/* Numbers and strings as bytes: little end first, strings with their length
 * and a NUL.  For messages between our own processes and for journals; what is
 * read back is never trusted. */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { PACK_8 = 1, PACK_16 = 2, PACK_32 = 4, PACK_64 = 8 };

void	pack_int(struct buf *, uint64_t, int bytes);
void	pack_str(struct buf *, const char *);	/* NULL is stored as "" */

/* A reader over borrowed bytes.  After the first thing that does not fit, bad
 * stays set and everything reads as 0 or "": one check at the end is enough. */
struct unpack {
	const char *p;
	size_t	    n;
	bool	    bad;
};

uint64_t unpack_int(struct unpack *, int bytes);
/* Borrowed from the reader's bytes; at most max bytes without the NUL. */
const char *unpack_str(struct unpack *, size_t max);

/* FNV-1a: finds torn records, protects against nobody. */
uint64_t pack_hash(const void *, size_t);

#endif
