#include "core/health.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const struct {
	const char *name, *holds;
} levels[HEALTH_COUNT] = {	/* SPEC section 5 */
	[HEALTH_UNKNOWN]   = { "unknown", NULL },
	[HEALTH_VERY_BAD]  = { "very_bad",
	    "cpu > 90 or self_cpu > 80 or mem > 95" },
	[HEALTH_BAD]	   = { "bad", "cpu > 80 or self_cpu > 60 or mem > 90" },
	[HEALTH_OK]	   = { "ok", "cpu > 50 or self_cpu > 20 or mem > 80" },
	[HEALTH_GOOD]	   = { "good", "cpu > 25 or self_cpu > 10" },
	[HEALTH_EXCELLENT] = { "excellent", NULL },
};

enum { MISSED_INTERVALS = 3 };

const char *
health_name(enum health h)
{
	return levels[h].name;
}

enum health
health_of_name(const char *s, size_t n)
{
	unsigned h;

	for (h = 0; h < HEALTH_COUNT; h++)
		if (strlen(levels[h].name) == n &&
		    memcmp(levels[h].name, s, n) == 0)
			break;
	return (enum health)h;
}

void
health_policy_init(struct health_policy *p)
{
	*p = (struct health_policy){ .worsen_after_ms = 10000,
		.improve_after_ms = 30000, .sample_interval_ms = 5000 };
	for (int h = HEALTH_VERY_BAD; h < HEALTH_EXCELLENT; h++) {
		int rc = cond_parse(levels[h].holds, COND_INSTANT,
		    &p->level[h], NULL);

		assert(rc == 0);
		(void)rc;
	}
}

int
health_policy_set(struct health_policy *p, enum health h, const char *text,
    struct err *e)
{
	struct cond *c;

	assert(h >= HEALTH_VERY_BAD && h < HEALTH_EXCELLENT);
	if (cond_parse(text, COND_INSTANT, &c, e) == -1)
		return -1;
	cond_free(p->level[h]);
	p->level[h] = c;
	return 0;
}

void
health_policy_free(struct health_policy *p)
{
	for (int h = 0; h < HEALTH_COUNT; h++) {
		cond_free(p->level[h]);
		p->level[h] = NULL;
	}
}

/* One sample judged: the level, and the terms that made it so. */
struct judge {
	const struct sample *sample;
	bool		     all;	/* tell all values, not the true terms */
	char		    *reason;
	size_t		     len;
};

static bool
judge_metric(void *ctx, const char *node, enum metric m, double *v)
{
	const struct judge *j = ctx;

	if (node != NULL || !sample_has(j->sample, m))
		return false;
	*v = (double)j->sample->v[m];
	return true;
}

/* "cpu 93.1 > 90, mem 96.0 > 95": the value goes between the term's metric and
 * its comparison. */
static void
judge_term(void *ctx, const struct cond_term *t)
{
	struct judge *j = ctx;
	size_t word = strcspn(t->text, " <>=!\t");
	int n;

	if (t->skipped || t->metric == METRIC_COUNT ||
	    t->result == COND_UNKNOWN || (!j->all && t->result != COND_TRUE))
		return;
	n = snprintf(j->reason + j->len, HEALTH_REASON - j->len,
	    "%s%.*s %s%s%.*s", j->len > 0 ? ", " : "", (int)word, t->text,
	    t->value, j->all || t->text[word] == ' ' ? "" : " ",
	    j->all ? 0 : (int)(t->len - word), t->text + word);
	if (n < 0 || (size_t)n >= HEALTH_REASON - j->len)
		j->reason[j->len] = '\0';	/* whole terms only */
	else
		j->len += (size_t)n;
}

/* reason may be NULL. */
static enum health
judge_level(const struct health_policy *p, const struct sample *s,
    struct now now, enum health h, char *reason)
{
	struct judge j = { .sample = s, .reason = reason };
	struct cond_env env = { .now = now, .ctx = &j,
		.metric = judge_metric };

	if (h == HEALTH_UNKNOWN)
		for (h = HEALTH_VERY_BAD; h < HEALTH_EXCELLENT; h++)
			if (cond_met(p->level[h], &env))
				break;
	if (reason == NULL)
		return h;
	reason[0] = '\0';
	env.term = judge_term;
	if (h < HEALTH_EXCELLENT)
		(void)cond_eval(p->level[h], &env);
	if (j.len == 0) {
		/* Nothing bad holds: say what was measured instead. */
		j.all = true;
		(void)cond_eval(p->level[HEALTH_GOOD], &env);
	}
	return h;
}

void
health_init(struct health_state *s, struct now now)
{
	*s = (struct health_state){ .since = now, .reason = "no sample yet",
		.heard = now.mono };
	for (int h = 0; h < HEALTH_COUNT; h++)
		s->worse[h] = s->better[h] = MONO_NEVER;
}

mono
health_deadline(const struct health_state *s, const struct health_policy *p)
{
	if (s->level == HEALTH_UNKNOWN)
		return MONO_NEVER;
	return mono_add_ms(s->heard,
	    MISSED_INTERVALS * p->sample_interval_ms);
}

static bool
silence(struct health_state *s, const struct health_policy *p, struct now now)
{
	char took[TEXT_DUR];

	if (now.mono.us < health_deadline(s, p).us ||
	    s->level == HEALTH_UNKNOWN)
		return false;
	*s = (struct health_state){ .since = now, .heard = s->heard };
	for (int h = 0; h < HEALTH_COUNT; h++)
		s->worse[h] = s->better[h] = MONO_NEVER;
	(void)snprintf(s->reason, sizeof(s->reason), "no sample for %s",
	    text_dur_fmt(MISSED_INTERVALS * p->sample_interval_ms, took));
	return true;
}

static bool
held(mono since, int64_t ms, mono now)
{
	return since.us != MONO_NEVER.us && mono_diff_ms(now, since) >= ms;
}

/* A level at least that bad (that good) must have held for long enough. */
static enum health
settled(const struct health_state *s, const struct health_policy *p, mono now)
{
	for (int h = HEALTH_VERY_BAD; h < (int)s->level; h++)
		if (held(s->worse[h], p->worsen_after_ms, now))
			return (enum health)h;
	for (int h = HEALTH_EXCELLENT; h > (int)s->level; h--)
		if (held(s->better[h], p->improve_after_ms, now))
			return (enum health)h;
	return s->level;
}

bool
health_step(struct health_state *s, const struct sample *sample,
    const struct health_policy *p, struct now now)
{
	enum health level;
	bool lapsed = false;

	if (s->level != HEALTH_UNKNOWN)
		lapsed = silence(s, p, now);
	if (sample == NULL)
		return lapsed;
	s->heard = now.mono;
	s->raw = judge_level(p, sample, now, HEALTH_UNKNOWN, NULL);
	for (int h = 0; h < HEALTH_COUNT; h++) {
		if ((int)s->raw > h)
			s->worse[h] = MONO_NEVER;
		else if (s->worse[h].us == MONO_NEVER.us)
			s->worse[h] = now.mono;
		if ((int)s->raw < h)
			s->better[h] = MONO_NEVER;
		else if (s->better[h].us == MONO_NEVER.us)
			s->better[h] = now.mono;
	}
	/* The first sample after none is all there is to go by. */
	level = s->level == HEALTH_UNKNOWN ? s->raw :
	    settled(s, p, now.mono);
	if (level == s->level)
		return false;
	s->level = level;
	s->since = now;
	(void)judge_level(p, sample, now, level, s->reason);
	return true;
}
