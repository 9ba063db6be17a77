#include "core/jump.h"

void
jump_init(struct jump *j, wall seen)
{
	*j = (struct jump){ .seen = seen };
}

enum jump_kind
jump_look(struct jump *j, struct now now, int64_t *by)
{
	bool known = j->seen.ms != 0;
	int64_t passed = j->at.us != 0 ? mono_diff_ms(now.mono, j->at) : 0;

	*by = known ? now.wall.ms - j->seen.ms - passed : 0;
	j->seen = now.wall;
	j->at = now.mono;
	if (!known || *by > JUMP_MS)
		j->until = mono_add_ms(now.mono, JUMP_HOLD_MS);
	else if (*by < -(int64_t)JUMP_MS)
		j->until = (mono){ 0 };		/* nothing is older by it */
	else
		return JUMP_NONE;
	return !known ? JUMP_NONE : *by > 0 ? JUMP_AHEAD : JUMP_BACK;
}

bool
jump_settled(const struct jump *j, mono now)
{
	return j->at.us != 0 && now.us >= j->until.us;
}
