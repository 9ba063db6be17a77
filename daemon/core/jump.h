/* A wall clock that was set, by more than a day: what is deleted by its age goes
 * by that clock, and a clock that is months ahead for a minute would empty the
 * history.  So nothing goes by it in the hour after such a jump, or after a
 * start that does not know what time it was before.
 *
 * Pure.  The wall clock is held against the time since boot, which never steps. */
#ifndef JUMP_H
#define JUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

enum { JUMP_MS = 86400000, JUMP_HOLD_MS = 3600000 };

enum jump_kind { JUMP_NONE, JUMP_AHEAD, JUMP_BACK };

struct jump {
	wall seen;		/* at the last look; 0: at none */
	mono at;		/* … which was then; 0: in an earlier process */
	mono until;		/* nothing is deleted by its age before */
};

/* seen: the wall clock as an earlier process last knew it, 0: none did.  Time in
 * which nobody looked is a jump like any other. */
void	jump_init(struct jump *, wall seen);
/* *by: how far the clock jumped since the last look, ms; below 0: back. */
enum jump_kind jump_look(struct jump *, struct now, int64_t *by);
/* Whether the clock is one to delete by. */
bool	jump_settled(const struct jump *, mono);

#endif
