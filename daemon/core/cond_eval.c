/* Value of a condition at a moment, and why it has it. */
#include <stdio.h>
#include <string.h>

#include "core/cond_tree.h"
#include "text.h"

enum { VALUE = 96, SUBJECT_MAX = 1024 };

struct eval {
	const struct cond     *c;
	const struct cond_env *env;
	mono		       t;	/* the moment in question */
	bool		       past;	/* within a for */
	char		       value[VALUE];	/* of the newest term */
};

static enum cond_result value_of(struct eval *, int);

const char *
cond_result_word(enum cond_result r)
{
	static const char *const word[] = { [COND_FALSE] = "false",
		[COND_TRUE] = "true", [COND_UNKNOWN] = "unknown" };

	return word[r];
}

static enum cond_result
truth(bool b)
{
	return b ? COND_TRUE : COND_FALSE;
}

static void
tell(struct eval *e, const struct cond_node *n, enum cond_result r,
    bool skipped)
{
	struct cond_term term = { .text = e->c->text + n->off,
		.len = (size_t)n->len, .column = n->column, .result = r,
		.skipped = skipped, .value = skipped ? "" : e->value,
		.metric = n->op == COND_METRIC ? (enum metric)n->metric :
		    METRIC_COUNT };

	if (!e->past && e->env->term != NULL)
		e->env->term(e->env->ctx, &term);
}

/* What short circuit leaves out is told as skipped. */
static void
skip(struct eval *e, int i)
{
	const struct cond_node *n = &e->c->node[i];

	if (e->past || e->env->term == NULL)
		return;
	if (n->op == COND_FOR || n->op >= COND_ANY) {
		tell(e, n, COND_UNKNOWN, true);
		return;
	}
	skip(e, n->left);
	if (n->right != -1)
		skip(e, n->right);
}

static bool
compare(enum cond_cmp cmp, double a, double b)
{
	/* Samples are floats: 93.1 must equal 93.1. */
	float x = (float)a, y = (float)b;

	switch (cmp) {
	case COND_EQ:
		return x <= y && x >= y;
	case COND_NE:
		return x < y || x > y;
	case COND_LT:
		return x < y;
	case COND_LE:
		return x <= y;
	case COND_GT:
		return x > y;
	case COND_GE:
		return x >= y;
	case COND_CONTAINS:
	case COND_MATCH:
		break;
	}
	return false;
}

static const char *
name_of(const struct eval *e, const struct cond_node *n)
{
	return n->name == COND_NO_NAME ? NULL : e->c->pool + n->name;
}

static const struct series *
series_of(const struct eval *e, const struct cond_node *n)
{
	if (e->env->series == NULL)
		return NULL;
	return e->env->series(e->env->ctx, name_of(e, n));
}

/* Only who is told the terms reads their values: most of the millions of
 * looks at a condition want no more than its truth. */
static bool
told(const struct eval *e)
{
	return e->env->term != NULL;
}

static void
say(struct eval *e, const char *s)
{
	if (!told(e))
		return;
	(void)snprintf(e->value, sizeof(e->value), "%s", s);
}

/* Was it connected at e->t?  Only the last change is known. */
static enum cond_result
connected(struct eval *e, const char *node)
{
	char ago[TEXT_DUR];
	mono since = { 0 };
	int is = e->env->connected == NULL ? -1 :
	    e->env->connected(e->env->ctx, node, &since);
	int64_t ms = mono_diff_ms(e->env->now.mono, since);

	if (is == -1) {
		say(e, "no such node");
		return COND_UNKNOWN;
	}
	if (told(e))
		(void)snprintf(e->value, sizeof(e->value), "%s for %s", is ?
		    "connected" : "not connected",
		    text_dur_fmt(ms - ms % 1000, ago));
	return e->t.us < since.us ? COND_UNKNOWN : truth(is != 0);
}

static enum cond_result
metric(struct eval *e, const struct cond_node *n)
{
	const struct cond_env *env = e->env;
	enum metric m = (enum metric)n->metric;
	const struct series *s;
	double v;

	if (m == METRIC_CONNECTED && env->connected != NULL) {
		enum cond_result r = connected(e, name_of(e, n));

		return r == COND_UNKNOWN ? r : truth(compare(
		    (enum cond_cmp)n->cmp, r == COND_TRUE, n->number));
	}
	if (n->ms == 0 && e->t.us == env->now.mono.us &&
	    env->metric != NULL &&
	    env->metric(env->ctx, name_of(e, n), m, &v)) {
		if (told(e))
			(void)metric_fmt(m, v, e->value);
		return truth(compare((enum cond_cmp)n->cmp, v, n->number));
	}
	s = series_of(e, n);
	if (s == NULL) {
		say(e, n->name == COND_NO_NAME ? "no samples" :
		    "no such node, or no samples");
		return COND_UNKNOWN;
	}
	if (n->ms > 0 ? !series_mean(s, m, mono_add_ms(e->t, -n->ms), e->t,
	    env->gap_ms, &v) : !series_value(s, m, e->t, env->gap_ms, &v)) {
		say(e, n->ms > 0 ? "the samples do not cover the time" :
		    "no recent sample");
		return COND_UNKNOWN;
	}
	if (told(e))
		(void)metric_fmt(m, v, e->value);
	return truth(compare((enum cond_cmp)n->cmp, v, n->number));
}

static enum cond_result
running(struct eval *e, const struct cond_node *n)
{
	int64_t v = e->env->running == NULL ? -1 :
	    e->env->running(e->env->ctx, name_of(e, n));

	if (v == -1) {
		say(e, "no such job");
		return COND_UNKNOWN;
	}
	(void)snprintf(e->value, sizeof(e->value), "%lld", (long long)v);
	return truth(compare((enum cond_cmp)n->cmp, (double)v, n->number));
}

static enum cond_result
calendar(struct eval *e, const struct cond_node *n)
{
	int in = e->env->calendar == NULL ? -1 :
	    e->env->calendar(e->env->ctx, name_of(e, n));

	say(e, in == -1 ? "no such calendar" : in ? "in it" : "not in it");
	return in == -1 ? COND_UNKNOWN : truth(in != 0);
}

/* Labels are words, parted by blanks or commas: contains and = mean a whole
 * word of them. */
static bool
has_word(const char *s, const char *word)
{
	size_t n = strlen(word);

	while (*s != '\0') {
		size_t len = strcspn(s, " ,");

		if (len == n && n > 0 && memcmp(s, word, n) == 0)
			return true;
		s += len;
		s += strspn(s, " ,");
	}
	return false;
}

static enum cond_result
field(struct eval *e, const struct cond_node *n)
{
	const char *s = e->env->field == NULL ? NULL :
	    e->env->field(e->env->ctx, (enum cond_field)n->field);
	const char *want = e->c->pool + n->name;
	bool labels = n->field == COND_LABELS;

	if (s == NULL) {
		say(e, "not known");
		return COND_UNKNOWN;
	}
	if (told(e))
		(void)snprintf(e->value, sizeof(e->value), "\"%.80s\"", s);
	switch ((enum cond_cmp)n->cmp) {
	case COND_EQ:
		return truth(strcmp(s, want) == 0);
	case COND_NE:
		return truth(strcmp(s, want) != 0);
	case COND_CONTAINS:
		return truth(labels ? has_word(s, want) :
		    strstr(s, want) != NULL);
	case COND_MATCH:
		/* Matching is linear, and so bounded with its subject. */
		if (strnlen(s, SUBJECT_MAX + 1) > SUBJECT_MAX) {
			say(e, "longer than 1024 bytes");
			return COND_UNKNOWN;
		}
		return truth(regexec(e->c->pattern[n->pattern], s, 0, NULL,
		    0) == 0);
	case COND_LT:
	case COND_LE:
	case COND_GT:
	case COND_GE:
		break;
	}
	return COND_UNKNOWN;
}

/* `X for D`.  A value holds from its sample to the next one, or for gap_ms:
 * that makes X a step function of time, and it is enough to look at it where
 * it can step: at each sample of its series, just before each (is the one
 * before it stale by then?), at both ends.  What held at the start is known
 * from the newest sample before it, so X for D is never true too early. */

static enum cond_result
at_moment(struct eval *e, int what, mono at, mono from, mono *since,
    enum cond_result all)
{
	enum cond_result r;

	if (at.us <= from.us || at.us >= e->env->now.mono.us)
		return all;
	e->t = at;
	r = value_of(e, what);
	if (r != COND_TRUE)
		return r;
	if (all == COND_TRUE && at.us < since->us)
		*since = at;
	return all;
}

/* Evaluates `what` within (from, now) where the series below node i step,
 * newest first.  *since becomes how far back it has been true. */
static enum cond_result
at_samples(struct eval *e, int what, int i, mono from, mono *since)
{
	const struct cond_node *n = &e->c->node[i];
	enum cond_result r, all = COND_TRUE;
	const struct series *s;

	if (n->op == COND_METRIC && (s = series_of(e, n)) != NULL) {
		for (size_t k = s->n; k-- > 0 && all != COND_FALSE;) {
			mono at = series_at(s, k)->at;

			if (at.us <= from.us)
				break;
			all = at_moment(e, what, at, from, since, all);
			at.us--;
			if (all != COND_FALSE)
				all = at_moment(e, what, at, from, since,
				    all);
		}
	}
	if (n->op >= COND_ANY || all == COND_FALSE)
		return all;
	r = at_samples(e, what, n->left, from, since);
	if (r == COND_FALSE)
		return r;
	if (r == COND_UNKNOWN)
		all = r;
	if (n->right != -1)
		r = at_samples(e, what, n->right, from, since);
	return r == COND_TRUE ? all : r;
}

static enum cond_result
throughout(struct eval *e, const struct cond_node *n)
{
	mono now = e->env->now.mono, since = now;
	mono from = mono_add_ms(now, -n->ms);
	char held[TEXT_DUR], wanted[TEXT_DUR], value[VALUE];
	enum cond_result r, start;
	int64_t ms;

	e->past = true;
	e->t = now;
	e->value[0] = '\0';
	r = value_of(e, n->left);
	(void)snprintf(value, sizeof(value), "%s", e->value);
	if (r == COND_TRUE)
		r = at_samples(e, n->left, n->left, from, &since);
	if (r != COND_FALSE) {
		e->t = from;
		start = value_of(e, n->left);
		if (start == COND_FALSE || r == COND_TRUE)
			r = start;
		if (start == COND_TRUE && r == COND_TRUE)
			since = from;
	}
	e->t = now;
	e->past = false;
	ms = mono_diff_ms(now, since);
	(void)snprintf(e->value, sizeof(e->value), "%.40s, held %s of %s",
	    value, text_dur_fmt(ms - ms % 100, held),
	    text_dur_fmt(n->ms, wanted));
	return r;
}

static enum cond_result
term(struct eval *e, const struct cond_node *n)
{
	enum cond_result r = COND_UNKNOWN;

	switch ((enum cond_op)n->op) {
	case COND_ANY:
	case COND_NONE:
		r = truth(n->op == COND_ANY);
		say(e, "always");
		break;
	case COND_METRIC:
		r = metric(e, n);
		break;
	case COND_CONNECTED:
		r = connected(e, name_of(e, n));
		break;
	case COND_RUNNING:
		r = running(e, n);
		break;
	case COND_CALENDAR:
		r = calendar(e, n);
		break;
	case COND_FIELD:
		r = field(e, n);
		break;
	case COND_FOR:
		r = throughout(e, n);
		break;
	case COND_OR:
	case COND_AND:
	case COND_NOT:
		break;
	}
	tell(e, n, r, false);
	return r;
}

/* Kleene's three values; the parser bounds the depth. */
static enum cond_result
value_of(struct eval *e, int i)
{
	const struct cond_node *n = &e->c->node[i];
	enum cond_result a, b, settles;

	if (n->op == COND_NOT) {
		a = value_of(e, n->left);
		return a == COND_UNKNOWN ? a : truth(a == COND_FALSE);
	}
	if (n->op != COND_OR && n->op != COND_AND)
		return term(e, n);
	settles = truth(n->op == COND_OR);
	a = value_of(e, n->left);
	if (a == settles) {
		skip(e, n->right);
		return a;
	}
	b = value_of(e, n->right);
	if (b == settles)
		return b;
	return a == COND_UNKNOWN || b == COND_UNKNOWN ? COND_UNKNOWN : a;
}

enum cond_result
cond_eval(const struct cond *c, const struct cond_env *env)
{
	struct eval e = { .c = c, .env = env, .t = env->now.mono };

	return value_of(&e, c->root);
}

void
cond_term_line(struct buf *b, const struct cond_term *t)
{
	buf_safe(b, t->text, t->len);
	if (t->skipped) {
		buf_puts(b, ": skipped\n");
		return;
	}
	buf_puts(b, ": ");
	buf_safe(b, t->value, strlen(t->value));
	buf_fmt(b, ", %s\n", cond_result_word(t->result));
}

bool
cond_latch_step(struct cond_latch *l, const struct cond *c,
    enum cond_result r, mono now)
{
	bool met = r == COND_TRUE;

	if (r == COND_UNKNOWN)
		return false;
	if (met != l->met) {
		l->met = met;
		/* A match that ended before it could be told (pause) is
		 * neither told nor its end. */
		l->owed = c->on_change ? !l->owed : met;
	} else if (met && c->rearm_ms > 0 && l->fired_ever &&
	    mono_diff_ms(now, l->fired) >= c->rearm_ms) {
		l->owed = true;
	}
	if (!l->owed || (l->fired_ever && c->pause_ms > 0 &&
	    mono_diff_ms(now, l->fired) < c->pause_ms))
		return false;
	l->owed = false;
	l->fired_ever = true;
	l->fired = now;
	return true;
}
