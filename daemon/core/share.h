/* A share of the loop: whoever asks for what takes long has a second of it at
 * once, and then a fifth of the time.  Pure: time is an argument. */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include "clock.h"

enum {
	SHARE_TIMES = 5,
	SHARE_AHEAD_MS = 5000,
	SHARE_MOST_MS = 30000	/* also when the machine slept meanwhile */
};

struct share {
	mono paid;		/* what was taken is paid for by then */
};

static inline void
share_took(struct share *s, mono from, mono to)
{
	if (s->paid.us < to.us)
		s->paid = to;
	s->paid.us += (to.us - from.us) * SHARE_TIMES;
	if (s->paid.us > mono_add_ms(to, SHARE_MOST_MS).us)
		s->paid = mono_add_ms(to, SHARE_MOST_MS);
}

/* How long until there is more; 0: now. */
static inline int64_t
share_wait_ms(const struct share *s, mono now)
{
	int64_t ms = mono_diff_ms(s->paid, now) - SHARE_AHEAD_MS;

	return ms > 0 ? ms : 0;
}

#endif
