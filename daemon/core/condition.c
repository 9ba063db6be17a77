/* Parser of conditions: recursive descent over one line of text. */
#include "core/condition.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cond_tree.h"
#include "core/health.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum tok { T_END, T_WORD, T_STRING, T_CMP, T_OPEN, T_CLOSE, T_COMMA };

struct token {
	enum tok kind;
	size_t	 off, len;
	uint8_t	 cmp;
};

#define WINDOW_MAX  INT64_C(86400000)	/* for, avg: a day */
#define INSIDE_MAX  INT64_C(3600000)	/* for over avg: an hour each */
#define COMPARISONS "a comparison (= != < <= > >=)"

struct parse {
	struct cond  *c;
	struct err   *err;
	enum cond_use use;
	struct token  t, last;	/* the next one, the one before it */
	size_t	      pos, pool;
	int	      depth, terms;
	bool	      in_for;
};

static int	parse_or(struct parse *);

static int
column(const struct parse *p, size_t off)
{
	return (int)utf8_count(p->c->text, off) + 1;
}

/* As much of a token as an error line has room for, at a character's end. */
static int
clip(const struct parse *p, const struct token *t)
{
	size_t n = t->len < 40 ? t->len : 40;

	while (n > 0 && !utf8_valid(p->c->text + t->off, n))
		n--;
	return (int)n;
}

/* `column 5: expected WHAT after "cpu", not "x"`. */
static int
expected(struct parse *p, const char *what)
{
	const char *s = p->c->text;
	char after[64] = "", found[64] = "";

	if (p->last.len > 0)
		(void)snprintf(after, sizeof(after), " after \"%.*s\"",
		    clip(p, &p->last), s + p->last.off);
	if (p->t.kind != T_END)
		(void)snprintf(found, sizeof(found), ", not \"%.*s\"",
		    clip(p, &p->t), s + p->t.off);
	return err_set(p->err, ERR_USAGE, "column %d: expected %s%s%s",
	    column(p, p->t.off), what, after, found);
}

static int __attribute__((format(printf, 3, 4)))
refuse(struct parse *p, size_t off, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(p->err, ERR_USAGE, "column %d: %s", column(p, off),
	    why);
}

static bool
word_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' &&
	    strchr("_.-%", c) != NULL);
}

static int
lex_cmp(struct token *t, const char *s)
{
	static const struct {
		const char *s;
		uint8_t	    cmp;
	} ops[] = {	/* the longer ones first */
		{ "!=", COND_NE }, { "<=", COND_LE }, { ">=", COND_GE },
		{ "==", COND_EQ }, { "=", COND_EQ }, { "<", COND_LT },
		{ ">", COND_GT }, { "~", COND_MATCH },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		t->len = strlen(ops[i].s);
		if (strncmp(s, ops[i].s, t->len) == 0) {
			t->kind = T_CMP;
			t->cmp = ops[i].cmp;
			return 0;
		}
	}
	return -1;
}

static int
lex_string(struct parse *p, struct token *t)
{
	const char *s = p->c->text + t->off;
	size_t n = 1;

	while (s[n] != '"') {
		if (s[n] == '\\' && s[n + 1] != '\0')
			n++;
		if (s[n] == '\0')
			return refuse(p, t->off,
			    "expected a closing \" for this string");
		n++;
	}
	t->kind = T_STRING;
	t->len = n + 1;
	return 0;
}

static int
next(struct parse *p)
{
	const char *s = p->c->text;
	struct token t = { .kind = T_END };

	p->last = p->t;
	while (s[p->pos] == ' ' || s[p->pos] == '\t')
		p->pos++;
	t.off = p->pos;
	t.len = 1;
	if (s[t.off] == '\0') {
		t.len = 0;
	} else if (s[t.off] == '(') {
		t.kind = T_OPEN;
	} else if (s[t.off] == ')') {
		t.kind = T_CLOSE;
	} else if (s[t.off] == ',') {
		t.kind = T_COMMA;
	} else if (s[t.off] == '"') {
		if (lex_string(p, &t) == -1)
			return -1;
	} else if (word_char(s[t.off])) {
		t.kind = T_WORD;
		while (word_char(s[t.off + t.len]))
			t.len++;
	} else if (lex_cmp(&t, s + t.off) == -1) {
		return refuse(p, t.off, "expected a word, a number, a "
		    "\"string\", a comparison or a parenthesis");
	}
	p->pos = t.off + t.len;
	p->t = t;
	return 0;
}

static bool
is(const struct parse *p, const char *word)
{
	return p->t.kind == T_WORD && strlen(word) == p->t.len &&
	    strncmp(p->c->text + p->t.off, word, p->t.len) == 0;
}

static int
take(struct parse *p, enum tok kind, const char *what)
{
	return p->t.kind == kind ? next(p) : expected(p, what);
}

static int
node_new(struct parse *p, enum cond_op op, size_t off)
{
	struct cond_node *n;

	if (p->c->nnodes == COND_NODES ||
	    (op >= COND_ANY && p->terms++ == COND_TERMS))
		return refuse(p, off, "expected at most %d terms", COND_TERMS);
	n = &p->c->node[p->c->nnodes];
	*n = (struct cond_node){ .op = op, .left = -1, .right = -1,
		.name = COND_NO_NAME, .pattern = -1, .off = (int16_t)off,
		.column = (int16_t)column(p, off) };
	return (int)p->c->nnodes++;
}

/* The node's text ends with the token taken last. */
static int
node_end(struct parse *p, int n)
{
	p->c->node[n].len = (int16_t)(p->last.off + p->last.len -
	    (size_t)p->c->node[n].off);
	return n;
}

/* Copies the token, a word or a string, into the pool and goes on. */
static int
name_take(struct parse *p, const char *what, int16_t *out)
{
	const char *s = p->c->text + p->t.off;
	char *to = p->c->pool;

	if (p->t.kind != T_WORD && p->t.kind != T_STRING)
		return expected(p, what);
	*out = (int16_t)p->pool;
	/* A string loses its quotes and a word has a blank or a parenthesis
	 * before it: the pool, as long as the text, always has room. */
	if (p->t.kind == T_WORD) {
		memcpy(to + p->pool, s, p->t.len);
		p->pool += p->t.len;
	} else {
		for (size_t i = 1; i < p->t.len - 1; i++) {
			/* \" and \\ only: \. stays for the pattern. */
			if (s[i] == '\\' && (s[i + 1] == '"' ||
			    s[i + 1] == '\\'))
				i++;
			to[p->pool++] = s[i];
		}
	}
	to[p->pool++] = '\0';
	return next(p);
}

static int
duration(struct parse *p, int64_t *ms)
{
	char word[32];

	if (p->t.kind != T_WORD || p->t.len >= sizeof(word))
		return expected(p, "a duration as 30s or 5m");
	memcpy(word, p->c->text + p->t.off, p->t.len);
	word[p->t.len] = '\0';
	if (text_dur(word, 1, WINDOW_MAX, "", ms, NULL) == -1)
		return expected(p, "a duration as 30s or 5m, at most 1d");
	return next(p);
}

/* [-]digits[.digits][%]; not strtod: that one depends on the locale. */
static int
number(struct parse *p, enum metric_unit unit, double *out)
{
	const char *s = p->c->text + p->t.off;
	double v = 0, scale = 1;
	size_t i = 0, n = p->t.len, digits = 0;

	if (unit == METRIC_PERCENT && n > 0 && s[n - 1] == '%')
		n--;
	if (i < n && s[i] == '-')
		i++;
	for (; i < n && isdigit((unsigned char)s[i]); i++, digits++)
		v = v * 10 + (s[i] - '0');
	if (digits > 0 && i + 1 < n && s[i] == '.')
		for (i++; i < n && isdigit((unsigned char)s[i]); i++) {
			scale /= 10;
			v += (s[i] - '0') * scale;
		}
	if (digits == 0 || digits > 15 || i != n)
		return -1;
	*out = s[0] == '-' ? -v : v;
	return 0;
}

/* The right side of a metric's comparison. */
static int
value(struct parse *p, enum metric_unit unit, double *out)
{
	const char *what = "a number";
	enum health h;

	switch (unit) {
	case METRIC_BOOL:
		what = "true or false";
		if (is(p, "true") || is(p, "false")) {
			*out = is(p, "true");
			return next(p);
		}
		break;
	case METRIC_LEVEL:
		what = "a level (very_bad, bad, ok, good, excellent, unknown)";
		if (p->t.kind != T_WORD)
			return expected(p, what);
		h = health_of_name(p->c->text + p->t.off, p->t.len);
		if (h != HEALTH_COUNT) {
			*out = h;
			return next(p);
		}
		break;
	case METRIC_MS:
		what = "a number of milliseconds or a duration";
		if (p->t.kind == T_WORD && p->t.len < 32 &&
		    isalpha((unsigned char)p->c->text[p->t.off + p->t.len -
		    1])) {
			char word[32];
			int64_t ms;

			memcpy(word, p->c->text + p->t.off, p->t.len);
			word[p->t.len] = '\0';
			if (text_dur(word, 0, INT64_MAX / 4, "", &ms,
			    NULL) == -1)
				return expected(p, what);
			*out = (double)ms;
			return next(p);
		}
		break;
	case METRIC_PERCENT:
	case METRIC_NUMBER:
	case METRIC_BYTES_S:
		break;
	}
	if (p->t.kind != T_WORD || number(p, unit, out) == -1)
		return expected(p, what);
	return next(p);
}

/* CMP VALUE after what has a number. */
static int
compare(struct parse *p, int n, enum metric_unit unit)
{
	if (is(p, "contains") || (p->t.kind == T_CMP &&
	    p->t.cmp == COND_MATCH))
		return refuse(p, p->t.off, "expected " COMPARISONS
		    ": contains and ~ are for name, mode, role and labels");
	if (p->t.kind != T_CMP)
		return expected(p, COMPARISONS);
	p->c->node[n].cmp = p->t.cmp;
	if (next(p) == -1 || value(p, unit, &p->c->node[n].number) == -1)
		return -1;
	return node_end(p, n);
}

static int
of_node(struct parse *p, int n)
{
	if (!is(p, "of"))
		return 0;
	if (p->use == COND_INSTANT)
		return refuse(p, p->t.off, "a health level can only look at "
		    "its own agent: leave out \"of\"");
	if (next(p) == -1)
		return -1;
	return name_take(p, "a node's name", &p->c->node[n].name);
}

static enum metric
metric_of_token(const struct parse *p)
{
	return p->t.kind == T_WORD ?
	    metric_of_name(p->c->text + p->t.off, p->t.len) : METRIC_COUNT;
}

static int
metric_term(struct parse *p, enum metric m)
{
	int n = node_new(p, COND_METRIC, p->t.off);

	if (n == -1)
		return -1;
	if (p->use == COND_INSTANT && m >= METRIC_CONNECTED)
		return refuse(p, p->t.off, "%s cannot decide on a health "
		    "level: expected something that the agent measures",
		    metric_name(m));
	p->c->node[n].metric = (uint8_t)m;
	if (next(p) == -1 || of_node(p, n) == -1)
		return -1;
	return compare(p, n, metric_unit(m));
}

static int
avg_term(struct parse *p)
{
	size_t off = p->t.off;
	int n = node_new(p, COND_METRIC, off);
	enum metric m;
	int64_t ms;

	if (n == -1 || next(p) == -1 ||
	    take(p, T_OPEN, "( as in avg(cpu, 5m)") == -1)
		return -1;
	m = metric_of_token(p);
	if (m == METRIC_COUNT || m == METRIC_HEALTH || m == METRIC_CONNECTED)
		return expected(p, "a metric with a mean, as cpu");
	p->c->node[n].metric = (uint8_t)m;
	if (next(p) == -1 || of_node(p, n) == -1 ||
	    take(p, T_COMMA, "a comma and a duration") == -1 ||
	    duration(p, &ms) == -1 || take(p, T_CLOSE, ")") == -1)
		return -1;
	p->c->node[n].ms = ms;
	if (p->c->window_ms < ms)
		p->c->window_ms = ms;
	return compare(p, n, metric_unit(m));
}

/* connected(x), running(job "x"), in calendar "x". */
static int
connected_term(struct parse *p, int n)
{
	if (name_take(p, "a node's name", &p->c->node[n].name) == -1 ||
	    take(p, T_CLOSE, ")") == -1)
		return -1;
	return node_end(p, n);
}

static int
running_term(struct parse *p, int n)
{
	if (!is(p, "job"))
		return expected(p, "job and its name");
	if (next(p) == -1 ||
	    name_take(p, "a job's name", &p->c->node[n].name) == -1 ||
	    take(p, T_CLOSE, ")") == -1)
		return -1;
	return compare(p, n, METRIC_NUMBER);
}

static int
calendar_term(struct parse *p)
{
	int n = node_new(p, COND_CALENDAR, p->t.off);

	if (n == -1 || next(p) == -1)
		return -1;
	if (!is(p, "calendar"))
		return expected(p, "calendar and its name");
	if (next(p) == -1 || name_take(p, "a calendar's name",
	    &p->c->node[n].name) == -1)
		return -1;
	return node_end(p, n);
}

static int
pattern_add(struct parse *p, struct cond_node *n, size_t off)
{
	char why[COND_WHY];
	regex_t *re;

	if (p->c->npatterns == COND_PATTERNS)
		return refuse(p, off, "expected at most %d patterns",
		    COND_PATTERNS);
	re = cond_pattern(p->c->pool + n->name, why);
	if (re == NULL)
		return refuse(p, off, "%s", why);
	n->pattern = (int16_t)p->c->npatterns;
	p->c->pattern[p->c->npatterns++] = re;
	return 0;
}

static int
field_term(struct parse *p, enum cond_field f)
{
	int n = node_new(p, COND_FIELD, p->t.off);
	struct cond_node *node;
	size_t off;

	if (n == -1 || next(p) == -1)
		return -1;
	node = &p->c->node[n];
	node->field = (uint8_t)f;
	if (is(p, "contains"))
		node->cmp = COND_CONTAINS;
	else if (p->t.kind == T_CMP && (p->t.cmp == COND_EQ ||
	    p->t.cmp == COND_NE || p->t.cmp == COND_MATCH))
		node->cmp = p->t.cmp;
	else
		return expected(p, "a comparison (= != contains ~)");
	if (next(p) == -1)
		return -1;
	off = p->t.off;
	if (node->cmp == COND_MATCH && p->t.kind != T_STRING)
		return expected(p, "a pattern in quotes, as \"^build-\"");
	if (name_take(p, "a string", &node->name) == -1)
		return -1;
	if (node->cmp == COND_MATCH && pattern_add(p, node, off) == -1)
		return -1;
	return node_end(p, n);
}

/* A term that a health level or a `for` cannot use. */
static int
now_only(struct parse *p, const char *what)
{
	if (p->use == COND_INSTANT)
		return refuse(p, p->t.off, "%s cannot decide on a health "
		    "level: expected a metric", what);
	return 0;
}

static int
call_term(struct parse *p, enum cond_op op, struct token word)
{
	int n = node_new(p, op, word.off);

	if (n == -1 || next(p) == -1)	/* the parenthesis */
		return -1;
	return op == COND_CONNECTED ? connected_term(p, n) :
	    running_term(p, n);
}

static int
word_term(struct parse *p)
{
	static const char *const field[] = { [COND_NAME] = "name",
		[COND_MODE] = "mode", [COND_ROLE] = "role",
		[COND_LABELS] = "labels" };
	bool running = is(p, "running"), connected = is(p, "connected");
	enum metric m;
	int n;

	if (is(p, "any") || is(p, "none")) {
		n = node_new(p, is(p, "any") ? COND_ANY : COND_NONE,
		    p->t.off);
		return n == -1 || next(p) == -1 ? -1 : node_end(p, n);
	}
	if (running || connected) {
		size_t i = p->pos;

		while (p->c->text[i] == ' ' || p->c->text[i] == '\t')
			i++;
		if (p->c->text[i] == '(') {
			struct token word = p->t;

			if (now_only(p, "a call") == -1 || next(p) == -1)
				return -1;
			return call_term(p, running ? COND_RUNNING :
			    COND_CONNECTED, word);
		}
	}
	if ((m = metric_of_token(p)) != METRIC_COUNT)
		return metric_term(p, m);
	if (is(p, "avg"))
		return now_only(p, "avg") == -1 ? -1 : avg_term(p);
	if (is(p, "in"))
		return now_only(p, "a calendar") == -1 ? -1 :
		    calendar_term(p);
	for (unsigned f = 0; f < COND_NFIELDS; f++)
		if (is(p, field[f]))
			return now_only(p, field[f]) == -1 ? -1 :
			    field_term(p, (enum cond_field)f);
	return expected(p, "a metric (cpu, mem, health, …), name, mode, role, "
	    "labels, avg(…), connected(…), running(…), in calendar, not, any, "
	    "none or (");
}

static int
primary(struct parse *p)
{
	int n;

	if (p->t.kind == T_WORD)
		return word_term(p);
	if (p->t.kind != T_OPEN)
		return expected(p, "a condition");
	if (next(p) == -1 || (n = parse_or(p)) == -1)
		return -1;
	return take(p, T_CLOSE, "and, or, for or )") == -1 ? -1 : n;
}

/* What stands in a `for` must have a past: nodes from `first` on. */
static int
for_check(struct parse *p, size_t first, int64_t ms)
{
	int64_t inner = 0;

	for (size_t i = first; i < p->c->nnodes; i++) {
		const struct cond_node *n = &p->c->node[i];

		if (n->op == COND_FOR || n->op == COND_RUNNING ||
		    n->op == COND_CALENDAR)
			return refuse(p, (size_t)n->off, "expected something "
			    "that is sampled within for, not %s",
			    n->op == COND_FOR ? "another for" :
			    n->op == COND_RUNNING ? "running(job …)" :
			    "a calendar");
		if (n->op == COND_METRIC && n->ms > inner)
			inner = n->ms;
	}
	if (inner > 0 && (inner > INSIDE_MAX || ms > INSIDE_MAX))
		return refuse(p, p->last.off,
		    "expected at most 1h for an avg within for, and for it");
	if (p->c->window_ms < ms + inner)
		p->c->window_ms = ms + inner;
	return 0;
}

static int
factor(struct parse *p)
{
	size_t off = p->t.off, first = p->c->nnodes;
	int n = -1, inner;
	int64_t ms;

	if (p->depth == COND_DEPTH)
		return refuse(p, off, "expected at most %d levels of "
		    "parentheses and nots", COND_DEPTH);
	p->depth++;
	if (is(p, "not")) {
		if ((n = node_new(p, COND_NOT, off)) == -1 ||
		    next(p) == -1 || (inner = factor(p)) == -1)
			return -1;
		p->c->node[n].left = (int16_t)inner;
		p->depth--;
		return node_end(p, n);
	}
	n = primary(p);
	p->depth--;
	if (n == -1 || !is(p, "for"))
		return n;
	if (p->use == COND_INSTANT)
		return refuse(p, p->t.off, "a health level looks at one "
		    "sample: use worsen_after instead of for");
	if (next(p) == -1 || duration(p, &ms) == -1 ||
	    for_check(p, first, ms) == -1)
		return -1;
	inner = n;
	if ((n = node_new(p, COND_FOR, off)) == -1)
		return -1;
	p->c->node[n].left = (int16_t)inner;
	p->c->node[n].ms = ms;
	return node_end(p, n);
}

static int
chain(struct parse *p, enum cond_op op, const char *word,
    int (*part)(struct parse *))
{
	size_t off = p->t.off;
	int left = part(p), right, n;

	while (left != -1 && is(p, word)) {
		if (next(p) == -1 || (right = part(p)) == -1 ||
		    (n = node_new(p, op, off)) == -1)
			return -1;
		p->c->node[n].left = (int16_t)left;
		p->c->node[n].right = (int16_t)right;
		left = node_end(p, n);
	}
	return left;
}

static int
parse_and(struct parse *p)
{
	return chain(p, COND_AND, "and", factor);
}

static int
parse_or(struct parse *p)
{
	return chain(p, COND_OR, "or", parse_and);
}

/* on change, pause D, rearm D: once each, in any order. */
static int
events(struct parse *p)
{
	while (is(p, "on") || is(p, "pause") || is(p, "rearm")) {
		int64_t *ms = is(p, "pause") ? &p->c->pause_ms :
		    &p->c->rearm_ms;

		if (p->use != COND_EVENT)
			return refuse(p, p->t.off, "on change, pause and rearm "
			    "are for flows: this condition is a state");
		if (is(p, "on")) {
			if (next(p) == -1)
				return -1;
			if (!is(p, "change") || p->c->on_change)
				return expected(p, "change, once");
			p->c->on_change = true;
			if (next(p) == -1)
				return -1;
			continue;
		}
		if (*ms != 0)
			return refuse(p, p->t.off, "expected this only once");
		if (next(p) == -1 || duration(p, ms) == -1)
			return -1;
	}
	return p->t.kind == T_END ? 0 :
	    expected(p, "and, or, for or the end");
}

static int
text_check(const char *s, struct err *e)
{
	size_t n = strnlen(s, COND_TEXT + 1);

	if (n > COND_TEXT)
		return err_set(e, ERR_USAGE, "condition: expected at most %d "
		    "bytes", COND_TEXT);
	if (!utf8_valid(s, n))
		return err_set(e, ERR_USAGE, "condition: expected UTF-8");
	for (size_t i = 0, col = 1; i < n; col++) {
		uint32_t cp;
		size_t len = utf8_next(s + i, n - i, &cp);

		if (utf8_unsafe(cp) && cp != '\t')
			return err_set(e, ERR_USAGE, "column %zu: a control "
			    "character is not allowed", col);
		i += len;
	}
	return 0;
}

int
cond_parse(const char *text, enum cond_use use, struct cond **out,
    struct err *e)
{
	struct parse p = { .err = e, .use = use };
	struct cond *c;

	*out = NULL;
	if (text_check(text, e) == -1)
		return -1;
	c = mem_zero(1, sizeof(*c) + COND_NODES * sizeof(c->node[0]));
	(void)MEM_STR(c->text, text);
	p.c = c;
	if (next(&p) == -1 || (c->root = parse_or(&p)) == -1 ||
	    events(&p) == -1) {
		cond_free(c);
		return -1;
	}
	*out = mem_grow(c, sizeof(*c) + c->nnodes * sizeof(c->node[0]));
	return 0;
}

void
cond_free(struct cond *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->npatterns; i++) {
		regfree(c->pattern[i]);
		free(c->pattern[i]);
	}
	free(c);
}

const char *
cond_text(const struct cond *c)
{
	return c->text;
}

int64_t
cond_window(const struct cond *c)
{
	return c->window_ms;
}
