/* The condition language (SPEC section 5): text to a small tree, and its value.
 *
 *   condition = or [ "on" "change" ] [ "pause" D ] [ "rearm" D ]
 *   or        = and { "or" and }
 *   and       = factor { "and" factor }
 *   factor    = "not" factor | primary [ "for" D ]
 *   primary   = "(" or ")" | "any" | "none" | "in" "calendar" S
 *             | "connected" "(" NODE ")"
 *             | ( METRIC [ "of" NODE ] | "avg" "(" METRIC [ "of" NODE ] "," D
 *               ")" | "running" "(" "job" S ")" ) CMP VALUE
 *             | ( "name" | "mode" | "role" | "labels" )
 *               ( "=" | "!=" | "contains" | "~" ) S
 *   CMP       = "=" "!=" "<" "<=" ">" ">="
 *   VALUE     = number, with % or a duration where the metric has that unit;
 *               true, false; a health level
 *
 * What is not known (no sample, no such node) is neither true nor false: not
 * unknown is unknown, false and unknown is false, true or unknown is true, and
 * a condition whose result is unknown is not met. */
#ifndef CORE_CONDITION_H
#define CORE_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "clock.h"
#include "core/series.h"
#include "err.h"

enum {
	COND_TEXT = 1024,	/* bytes of a condition, without the NUL */
	COND_TERMS = 64,
	COND_DEPTH = 24		/* parentheses and nots within each other */
};

enum cond_result { COND_FALSE, COND_TRUE, COND_UNKNOWN };

enum cond_use {
	COND_STATE,	/* switch condition, filter: no on change, pause, rearm */
	COND_EVENT,	/* a flow: everything */
	COND_INSTANT	/* a health level: own metrics of this sample only */
};

enum cond_field { COND_NAME, COND_MODE, COND_ROLE, COND_LABELS, COND_NFIELDS };

struct cond;

/* Allocates; the caller frees with cond_free.  On failure *out is NULL and the
 * message names column and expectation: `column 5: expected a comparison
 * (= != < <= > >=) after "cpu"`.  A condition is immutable: any thread. */
int	cond_parse(const char *text, enum cond_use, struct cond **out,
	    struct err *);
void	cond_free(struct cond *);		/* NULL is fine */
const char *cond_text(const struct cond *);
/* The longest look back (for, avg; one inside the other adds up), in ms. */
int64_t	cond_window(const struct cond *);

/* One term of an explanation, in the order of the text. */
struct cond_term {
	const char	*text;		/* slice of the condition, not ended */
	size_t		 len;
	int		 column;	/* from 1, in characters */
	enum cond_result result;	/* without meaning when skipped */
	bool		 skipped;	/* the terms before it settled the matter */
	const char	*value;		/* measured, "" when skipped; or why it
					 * is unknown */
	enum metric	 metric;	/* METRIC_COUNT when it has none */
};

/* What a condition may ask.  Pointers returned are borrowed for the call.
 * node NULL is the agent in question.  A callback that is NULL answers "not
 * known". */
struct cond_env {
	struct now now;
	int64_t	   gap_ms;	/* three sample intervals, see series.h */
	void	  *ctx;
	/* NULL: no such node, or nothing measured. */
	const struct series *(*series)(void *ctx, const char *node);
	/* Optional: a value of this very moment, better than the last sample's
	 * (running, connected, health).  False: take the sample's. */
	bool	   (*metric)(void *ctx, const char *node, enum metric, double *);
	const char *(*field)(void *ctx, enum cond_field);
	/* 1, 0, or -1 for no such node; since when that is so. */
	int	   (*connected)(void *ctx, const char *node, mono *since);
	/* Runs of a job, cluster-wide, that have started and not ended; -1 no
	 * such job. */
	int64_t	   (*running)(void *ctx, const char *job);
	/* Is now.wall within the calendar: 1, 0, or -1 for no such calendar. */
	int	   (*calendar)(void *ctx, const char *name);
	/* Optional: told every term. */
	void	   (*term)(void *ctx, const struct cond_term *);
};

enum cond_result cond_eval(const struct cond *, const struct cond_env *);
static inline bool
cond_met(const struct cond *c, const struct cond_env *env)
{
	return cond_eval(c, env) == COND_TRUE;
}
const char *cond_result_word(enum cond_result);	/* "false", "true", "unknown" */
/* `cpu > 80: 93.1, true` and a line end. */
void	cond_term_line(struct buf *, const struct cond_term *);

/* Flows: fire once per match, re-arm on a non-match (SPEC section 5).  on
 * change: also when a match ends.  pause D: not within D of the last time.
 * rearm D: again each D while it goes on being true.  Zero is the start. */
struct cond_latch {
	bool met, fired_ever, owed;
	mono fired;
};
/* Did it fire?  An unknown result changes nothing. */
bool	cond_latch_step(struct cond_latch *, const struct cond *,
	    enum cond_result, mono now);

#endif
