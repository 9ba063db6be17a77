#include "core/due.h"

#include <stdlib.h>

#include "mem.h"
#include "tz.h"

struct due {
	struct schedule schedule;
	struct trigger *triggers;
	char	      **texts;		/* parallel to triggers */
	size_t		n;
	int32_t	       *exclude, *include;
};

static int
compile(const struct job_trigger *jt, const struct tz *tz, struct trigger *t,
    struct err *e)
{
	switch (jt->kind) {
	case JOB_EVERY:
		t->kind = TRIGGER_EVERY;
		t->u.every_ms = jt->every;
		return 0;
	case JOB_CRON:
		return trigger_parse_cron(jt->cron, t, e);
	case JOB_AT:
		return trigger_parse_at(jt->at, tz, t, e);
	case JOB_FILE:
	case JOB_AFTER:
		break;
	}
	return -1;
}

static int
by_day(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* All days of the calendars that are named, ascending. */
static int
days(const struct strs *names, const struct calendar_def *cal, size_t ncal,
    int32_t **out, size_t *n, struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct calendar_def *c = NULL;

		for (size_t k = 0; k < ncal; k++)
			if (strs_has(&(struct strs){ &names->v[i], 1 },
			        cal[k].name))
				c = &cal[k];
		if (c == NULL)
			return err_set(e, ERR_NOTFOUND,
			    "calendar \"%s\": there is none of this name",
			    names->v[i]);
		*out = mem_grow(*out, (*n + c->dates.n + 1) * sizeof(**out));
		for (size_t d = 0; d < c->dates.n; d++, (*n)++)
			if (trigger_parse_day(c->dates.v[d], &(*out)[*n], e) ==
			    -1)
				return -1;
	}
	if (*n > 0)
		qsort(*out, *n, sizeof(**out), by_day);
	return 0;
}

struct due *
due_new(const struct job *job, const char *zone,
    const struct calendar_def *cal, size_t ncal, struct err *e)
{
	struct due *d = mem_zero(1, sizeof(*d));
	const struct tz *tz = tz_get(job->zone != NULL ? job->zone : zone, e);

	if (tz == NULL)
		goto fail;
	d->triggers = mem_zero(job->ntriggers + 1, sizeof(*d->triggers));
	d->texts = mem_zero(job->ntriggers + 1, sizeof(*d->texts));
	for (size_t i = 0; i < job->ntriggers; i++) {
		const struct job_trigger *jt = &job->triggers[i];

		if (jt->kind == JOB_FILE || jt->kind == JOB_AFTER)
			continue;
		if (compile(jt, tz, &d->triggers[d->n], e) == -1)
			goto fail;
		d->texts[d->n++] = job_trigger_text(jt);
	}
	if (days(&job->exclude, cal, ncal, &d->exclude,
	        &d->schedule.exclude.n, e) == -1 ||
	    days(&job->include, cal, ncal, &d->include,
	        &d->schedule.include.n, e) == -1)
		goto fail;
	d->schedule.trigger = d->triggers;
	d->schedule.n = d->n;
	d->schedule.tz = tz;
	d->schedule.exclude.day = d->exclude;
	d->schedule.include.day = d->include;
	d->schedule.only = job->include.n > 0;
	return d;
fail:
	due_free(d);
	return NULL;
}

void
due_free(struct due *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++)
		free(d->texts[i]);
	free(d->texts);
	free(d->triggers);
	free(d->exclude);
	free(d->include);
	free(d);
}

wall
due_next(const struct due *d, wall after)
{
	return d->n == 0 ? WALL_NEVER : schedule_next(&d->schedule, after);
}

const struct schedule *
due_schedule(const struct due *d)
{
	return &d->schedule;
}

struct misfire_policy
due_misfire(const struct job *job)
{
	static const enum misfire_kind kinds[] = {
		[JOB_MISFIRE_ONCE] = MISFIRE_ONCE,
		[JOB_MISFIRE_SKIP] = MISFIRE_SKIP,
		[JOB_MISFIRE_ALL] = MISFIRE_ALL,
	};

	return (struct misfire_policy){ kinds[job->misfire], job->misfire_max,
		job->misfire_age };
}

const char *
due_cause(const struct due *d, wall t)
{
	for (size_t i = 0; i < d->n; i++)
		if (trigger_next(&d->triggers[i], d->schedule.tz,
		        (wall){ t.ms - 1 }).ms == t.ms)
			return d->texts[i];
	return "schedule";
}
