/* The record of decisions about the Scheduler role: inputs, candidates, why
 * each was or was not chosen, the steps, the outcome (`muster why`).  Stands on
 * eval and roster.  Loop thread. */
#ifndef BROKER_DECISION_H
#define BROKER_DECISION_H

#include <jansson.h>

#include "broker/broker.h"
#include "core/role.h"

struct roster;

struct decisions;

struct decision_facts {
	wall	    at;
	int	    kase;
	const char *from, *to;		/* names, NULL: nobody */
	int64_t	    epoch;
	const char *text;
	const char *actor, *reason;	/* an operator's, or NULL */
};

struct decisions *decisions_new(struct store *);
void	decisions_free(struct decisions *);
/* inputs and candidates are stolen. */
void	decision_open(struct decisions *, const struct decision_facts *,
	    enum role_outcome, json_t *inputs, json_t *candidates);
/* The number of the open one, 0: none. */
int64_t	decision_number(const struct decisions *);
/* The open one ends with another than it began with: judged again. */
bool	decision_moved(const struct decisions *, const char *to);
void	decision_again(struct decisions *, json_t *candidates);
/* At the start of the broker: goes on with the record of a move of this case
 * that is still under way, or closes it; returns the case of the open one, 0
 * if none is. */
int	decisions_resume(struct decisions *, wall, int kase, bool goes_on);
void	decision_step(struct decisions *, wall, const char *text);
void	decision_end(struct decisions *, const struct decision_facts *,
	    enum role_outcome);
/* Stores what changed since the last time. */
void	decisions_flush(struct decisions *);
/* What a full disk did not take is put again; returns when to come back. */
mono	decisions_turn(struct decisions *, mono now);
json_t *decision_list(const struct decisions *, int64_t id, int64_t kase,
	    wall since, int64_t limit);

/* [{name, eligible, condition_met, health, measured, priority, running,
 * reason}], the chosen one first. */
json_t *decision_candidates(const struct broker *, const struct role *,
	    int kase, int64_t chosen, int64_t from);
/* The same of another picture of the agents, parallel to the roster's. */
json_t *decision_candidates_of(const struct role *, const struct role_agent *,
	    const struct roster *, int kase, int64_t chosen, int64_t from);
/* The settings that it follows, and how the switch condition came out for the
 * one that had the role. */
json_t *decision_inputs(struct broker *, const struct role *, int64_t from);

#endif
