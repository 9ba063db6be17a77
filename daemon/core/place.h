/* Where a run goes (SPEC section 6, distribution).  Pure: facts in, a choice
 * and a reason for everyone not chosen out. */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/health.h"

enum place_spread {
	PLACE_LOCAL,		/* the agent that fired */
	PLACE_ONE,
	PLACE_INSTANCES,	/* that many different agents, or all there are */
	PLACE_ALL,
	PLACE_SELECTED		/* the listed ones; filters are not applied */
};

enum place_selection {
	PLACE_ROUND_ROBIN,	/* the next by name after the last chosen */
	PLACE_FIRST,		/* by name */
	PLACE_RANDOM,
	PLACE_BEST_HEALTH	/* health, fewest runs, priority, name */
};

/* Why not, in the order of testing: the first that fails is the reason. */
enum place_why {
	PLACE_CHOSEN,
	PLACE_NOT_FIRED_HERE,	/* local: another agent fired */
	PLACE_NOT_LISTED,	/* by selected, or by the filter_agents */
	PLACE_DISCONNECTED,
	PLACE_NO_RUNS,		/* a dedicated broker, left, … */
	PLACE_DRAINED,
	PLACE_REFUSING,		/* disk full, keeper away */
	PLACE_LABEL,		/* lacks a required label */
	PLACE_CONDITION,	/* the filter condition is not met */
	PLACE_FULL,		/* at its cap */
	PLACE_OTHERS_FIRST,	/* fits, but fewer were wanted */
	PLACE_NWHYS
};

struct place_agent {
	int64_t	    id;
	const char *name;		/* borrowed */
	bool	    fired, listed;	/* selected or global list names it */
	bool	    connected, takes_runs, drained, accepts;
	bool	    has_labels, condition_met;
	int64_t	    running, cap;	/* cap 0: none */
	enum health health;
	int64_t	    priority;		/* higher is better */
	enum place_why why;		/* out */
};

struct place_rule {
	enum place_spread    spread;
	enum place_selection selection;
	size_t		     instances;
	bool		     filter_list;	/* apply listed to one…all */
	const char	    *last;	/* round_robin: last chosen, NULL none */
	uint64_t	     seed;	/* random */
};

/* out has room for n indexes into agent, in the order of choosing; returns how
 * many were chosen (0: on_no_agent decides) and sets every why. */
size_t	place_choose(struct place_agent *agent, size_t n,
	    const struct place_rule *, size_t *out);
/* "is drained", "is at its cap of runs", … to follow the agent's name. */
const char *place_why_text(enum place_why);

const char *place_spread_name(enum place_spread);
const char *place_selection_name(enum place_selection);
int	place_selection_of_name(const char *, enum place_selection *);
int	place_spread_of_name(const char *, enum place_spread *);

#endif
