/* The tree of a condition, between its parser and its evaluator only. */
#ifndef CORE_COND_TREE_H
#define CORE_COND_TREE_H

#include <regex.h>
#include <stdint.h>

#include "core/condition.h"

enum cond_op {
	COND_OR,
	COND_AND,
	COND_NOT,
	COND_FOR,
	/* Terms from here on. */
	COND_ANY,
	COND_NONE,
	COND_METRIC,		/* ms > 0: its mean over that long */
	COND_CONNECTED,
	COND_RUNNING,
	COND_CALENDAR,
	COND_FIELD
};

enum cond_cmp {
	COND_EQ,
	COND_NE,
	COND_LT,
	COND_LE,
	COND_GT,
	COND_GE,
	COND_CONTAINS,
	COND_MATCH
};

enum {
	COND_NODES = 256,
	COND_PATTERNS = 8,
	COND_NO_NAME = -1
};

struct cond_node {
	uint8_t op, cmp, metric, field;
	int16_t left, right;	/* nodes */
	int16_t name;		/* node, job, calendar or text: in the pool */
	int16_t pattern;
	int16_t off, len, column;	/* the source */
	int64_t ms;		/* for, avg */
	double	number;
};

struct cond {
	char		text[COND_TEXT + 1];
	char		pool[COND_TEXT + 1];	/* names, each with its NUL */
	regex_t	       *pattern[COND_PATTERNS];
	size_t		npatterns, nnodes;
	int		root;
	int64_t		window_ms, pause_ms, rearm_ms;
	bool		on_change;
	struct cond_node node[];
};

/* Compiles a pattern, or returns NULL and says why.  The caller frees it with
 * regfree and free. */
enum { COND_WHY = 192 };
regex_t	*cond_pattern(const char *, char why[COND_WHY]);

#endif
