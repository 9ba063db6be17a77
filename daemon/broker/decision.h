/* The record of decisions about the Scheduler role: inputs, candidates, why
 * each was or was not chosen, the steps, the outcome (`muster why`); and the
 * same for a supposed event (`muster whatif`).  Loop thread. */
#ifndef BROKER_DECISION_H
#define BROKER_DECISION_H

#include <jansson.h>

#include "broker/broker.h"
#include "core/role.h"

struct decisions;

struct decision_facts {
	wall	    at;
	int	    kase;
	const char *from, *to;		/* names, NULL: nobody */
	int64_t	    epoch;
	const char *text;
	const char *actor;		/* an operator, or NULL */
};

struct decisions *decisions_new(struct store *);
void	decisions_free(struct decisions *);
/* candidates is stolen. */
void	decision_open(struct decisions *, const struct decision_facts *,
	    enum role_outcome, json_t *candidates);
void	decision_step(struct decisions *, wall, const char *text);
void	decision_end(struct decisions *, const struct decision_facts *,
	    enum role_outcome);
/* Stores what changed since the last time. */
void	decisions_flush(struct decisions *);
json_t *decision_list(const struct decisions *, int64_t id, int64_t kase,
	    wall since, int64_t limit);

/* [{name, eligible, condition_met, health, reason}], the chosen one first. */
json_t *decision_candidates(const struct broker *, const struct role *,
	    int kase, int64_t chosen, int64_t from);
/* {supposed, case, from, to, outcome, candidates, steps}; NULL with message. */
json_t *decision_whatif(struct broker *, const struct role *,
	    const struct role_policy *, const json_t *words, struct err *);

#endif
