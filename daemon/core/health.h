/* Health of an agent: a level out of its samples, with hysteresis (SPEC
 * section 5).  Pure, but for the policy, which owns its parsed conditions. */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "core/condition.h"
#include "core/metric.h"
#include "err.h"

enum health {
	HEALTH_UNKNOWN,		/* ordered below very_bad */
	HEALTH_VERY_BAD,
	HEALTH_BAD,
	HEALTH_OK,
	HEALTH_GOOD,
	HEALTH_EXCELLENT,	/* when none of the others holds */
	HEALTH_COUNT
};

const char *health_name(enum health);	/* "very_bad" */
/* HEALTH_COUNT when there is no such level; n is the length of s. */
enum health health_of_name(const char *s, size_t n);

struct health_policy {
	struct cond *level[HEALTH_COUNT];	/* VERY_BAD..GOOD */
	int64_t	     worsen_after_ms, improve_after_ms;	/* 0, 0: classic */
	int64_t	     sample_interval_ms;
};

void	health_policy_init(struct health_policy *);	/* SPEC's defaults */
/* Replaces the condition of VERY_BAD..GOOD; on failure nothing changes. */
int	health_policy_set(struct health_policy *, enum health, const char *,
	    struct err *);
void	health_policy_free(struct health_policy *);

enum { HEALTH_REASON = 128 };

struct health_state {
	enum health level;
	struct now  since;		/* when the level became this */
	char	    reason[HEALTH_REASON];	/* "cpu 93.1 > 90" */
	enum health raw;		/* of the newest sample alone */
	mono	    heard;			/* the newest sample */
	mono	    worse[HEALTH_COUNT];	/* raw <= level since, or NEVER */
	mono	    better[HEALTH_COUNT];	/* raw >= level since, or NEVER */
};

/* UNKNOWN, "no sample yet". */
void	health_init(struct health_state *, struct now);
/* sample NULL: time has passed, see whether it is too long.  True when the
 * level changed; level, since and reason then say what and why. */
bool	health_step(struct health_state *, const struct sample *,
	    const struct health_policy *, struct now);
/* When to call again without a sample: it would become unknown then;
 * MONO_NEVER when it already is. */
mono	health_deadline(const struct health_state *,
	    const struct health_policy *);

#endif
