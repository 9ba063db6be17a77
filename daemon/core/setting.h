/* The cluster's settings (SPEC section 8): one table of name, type, range,
 * default and help; the values live in a plain struct that may be copied by
 * assignment.  Several are checked together and set together or not at all.
 * Durations are milliseconds. */
#ifndef SETTING_H
#define SETTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/checks.h"
#include "err.h"

enum control {
	CONTROL_AUTO,
	CONTROL_ADVISE,
	CONTROL_MANUAL,
};

/* Zero, "as the cluster's setting says", only occurs in a job. */
enum selection {
	SELECTION_CLUSTER,
	SELECTION_ROUND_ROBIN,
	SELECTION_FIRST,
	SELECTION_RANDOM,
	SELECTION_BEST_HEALTH,
};

enum no_agent {
	NO_AGENT_CLUSTER,
	NO_AGENT_WAIT,
	NO_AGENT_LOCAL,
	NO_AGENT_FAIL,
};

enum broker_loss {
	BROKER_LOSS_SUSPEND,
	BROKER_LOSS_CONTINUE,
};

enum {
	SETTING_CONDITION_MAX = 1000,	/* bytes of a condition */
	SETTING_AGENTS_MAX = 4095,	/* bytes of filter_agents */
};

struct settings {
	char		 cluster_name[64];
	bool		 control_status;
	enum control	 control;
	int64_t		 connection_timeout;
	int64_t		 off_timeout;
	int64_t		 grant_timeout;
	int64_t		 heartbeat;
	int64_t		 lease;
	bool		 transfer_on_condition;
	char		 switch_condition[SETTING_CONDITION_MAX + 1];
	int64_t		 switch_min_interval;
	int64_t		 manual_hold;
	enum selection	 selection;
	char		 filter_condition[SETTING_CONDITION_MAX + 1];
	char		 filter_agents[SETTING_AGENTS_MAX + 1]; /* "a,b" */
	enum no_agent	 on_no_agent;
	int64_t		 sample_interval;
	int64_t		 worsen_after;
	int64_t		 improve_after;
	int64_t		 token_ttl;
	int64_t		 lost_after;
	char		 zone[64];
	int64_t		 max_skew;
	enum broker_loss on_broker_loss;
};

struct setting_pair {
	const char *name, *value;
};

/* cluster_name and zone are the two defaults that the broker knows; a zone of
 * NULL is UTC. */
void	settings_default(struct settings *, const char *cluster_name,
	    const char *zone);
/* All pairs or none.  ERR_NOTFOUND for an unknown name (with the nearest one),
 * ERR_USAGE for the rest: `setting lease: must be shorter than off_timeout
 * (5s), not "6s"`. */
int	settings_set(struct settings *, const struct setting_pair *, size_t n,
	    const struct checks *, struct err *);
/* Splits "NAME=VALUE"; *name is malloc'd and holds both, the caller frees. */
int	setting_split(const char *arg, char **name, const char **value,
	    struct err *);

/* The canonical text of one value, as the store keeps it and settings_set takes
 * it; the caller frees.  NULL and ERR_NOTFOUND for an unknown name. */
char   *setting_text(const struct settings *, const char *name, struct err *);
/* The i-th name, NULL past the end. */
const char *setting_name(size_t i);
/* {name, value, text, default, type, range, help}; durations in seconds. */
json_t *setting_json(const struct settings *, const char *name, struct err *);
json_t *settings_json(const struct settings *);	/* an array of them */

/* Whether the list filter_agents lets this node through. */
bool	settings_agent_passes(const struct settings *, const char *node);

const char *control_word(enum control);
const char *selection_word(enum selection);
/* The words of on_no_agent, of the setting and of a job; NO_AGENT_CLUSTER for
 * none of them. */
extern const char *const no_agent_words[];
enum no_agent no_agent_of(const char *word);

#endif
