/* How long a test waits for what must come.  Only time in which it ran counts:
 * a machine may be busy with other tests, or be stopped for a minute. */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

enum { PATIENCE_MS = 60000, TURN_US = 100000 };

struct patience {
	mono	was;			/* when it was asked last */
	int64_t used_us;
};

/* Asked once a turn, of one that began as zeros: false, it is over. */
static inline bool
patient(struct patience *p)
{
	mono now = clock_mono();
	int64_t us = p->was.us == 0 ? 0 : now.us - p->was.us;

	p->was = now;
	p->used_us += us < TURN_US ? us : TURN_US;
	return p->used_us < PATIENCE_MS * INT64_C(1000);
}

#endif
