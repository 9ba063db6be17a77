/* What a condition finds when it asks about a member, and what it would find if
 * something else were measured.  Stands on roster, catalog and live.  Loop
 * thread. */
#ifndef BROKER_EVAL_H
#define BROKER_EVAL_H

#include <jansson.h>

#include "broker/broker.h"
#include "core/condition.h"
#include "core/metric.h"

struct member;

/* A condition about this member, explained when explain is not NULL. */
enum cond_result eval_member(struct broker *, const struct member *,
	    const struct cond *, json_t *explain);
/* Everybody's switch condition anew: the settings are others. */
void	eval_conditions(struct broker *);

/* What if this were measured of a connected member, and had been for as long as
 * the switch condition looks back: a copy of it, or of what was supposed of it
 * before, which is freed. */
struct member *eval_as_if(struct broker *, const struct member *,
	    struct member *was, enum metric, double);
void	eval_as_if_free(struct member *);
/* Sets health, running and condition_met in roster.agents, which the caller has
 * replaced by a copy, as they would be with these members (parallel to the
 * roster's, NULL for as it is). */
void	eval_suppose(struct broker *, struct member **as_if);

#endif
