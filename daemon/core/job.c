#include "core/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "core/job_fields.h"
#include "mem.h"
#include "text.h"

void
job_init(struct job *j)
{
	memset(j, 0, sizeof(*j));
	field_defaults(job_list->sub, job_list->nsub, j);
}

static void
clear(const struct field *list, void *p)
{
	field_clear(list->sub, list->nsub, p);
	memset(p, 0, list->size);
}

void
job_clear(struct job *j)
{
	clear(job_list, j);
}

void
queue_def_clear(struct queue_def *q)
{
	clear(queue_list, q);
}

void
calendar_def_clear(struct calendar_def *c)
{
	clear(calendar_list, c);
}

void
flow_def_clear(struct flow_def *f)
{
	clear(flow_list, f);
}

void
catalogue_clear(struct catalogue *c)
{
	field_clear(catalogue_lists, CATALOGUE_NKINDS, c);
}

static json_t *
element_json(const struct field *list, const void *p)
{
	return field_json(list->sub, list->nsub, p, FIELD_ALL);
}

json_t *
job_json(const struct job *j)
{
	return element_json(job_list, j);
}

json_t *
queue_json(const struct queue_def *q)
{
	return element_json(queue_list, q);
}

json_t *
calendar_json(const struct calendar_def *c)
{
	return element_json(calendar_list, c);
}

json_t *
flow_json(const struct flow_def *f)
{
	return element_json(flow_list, f);
}

json_t *
catalogue_json(const struct catalogue *c)
{
	return field_json(catalogue_lists, CATALOGUE_NKINDS, c, FIELD_ALL);
}

int
job_of_json(const json_t *v, const struct checks *checks, struct job *out,
    struct err *e)
{
	return field_element(job_list, v, out, checks, NULL, e);
}

int
queue_of_json(const json_t *v, const struct checks *checks,
    struct queue_def *out, struct err *e)
{
	return field_element(queue_list, v, out, checks, NULL, e);
}

int
calendar_of_json(const json_t *v, const struct checks *checks,
    struct calendar_def *out, struct err *e)
{
	return field_element(calendar_list, v, out, checks, NULL, e);
}

int
flow_of_json(const json_t *v, const struct checks *checks,
    struct flow_def *out, struct err *e)
{
	return field_element(flow_list, v, out, checks, NULL, e);
}

bool
job_equal(const struct job *a, const struct job *b)
{
	json_t *ja = job_json(a), *jb = job_json(b);
	bool same = json_equal(ja, jb) != 0;

	json_decref(ja);
	json_decref(jb);
	return same;
}

bool
job_success(const struct job *j, int code)
{
	return code >= 0 && code <= 255 &&
	    (j->success_codes[code / 8] >> (code % 8) & 1) != 0;
}

bool
calendar_has(const struct calendar_def *c, int year, int month, int day)
{
	char date[40];

	(void)snprintf(date, sizeof(date), "%04d-%02d-%02d", year, month, day);
	return strs_has(&c->dates, date);
}

static const char *
on_words(unsigned set, struct buf *b)
{
	for (unsigned i = 0; i < JOB_NOUTCOMES; i++)
		if ((set >> i & 1) != 0)
			buf_fmt(b, "%s%s", b->len > 0 ? "," : "",
			    job_outcome_word((enum job_outcome)i));
	return b->p;
}

char *
job_trigger_text(const struct job_trigger *t)
{
	struct buf on = BUF_INIT(256);
	char dur[TEXT_DUR], *out = NULL;

	switch (t->kind) {
	case JOB_EVERY:
		return mem_fmt("every %s", text_dur_fmt(t->every, dur));
	case JOB_CRON:
		return mem_fmt("cron %s", t->cron);
	case JOB_AT:
		return mem_fmt("at %s", t->at);
	case JOB_FILE:
		if (t->stable > 0)
			return mem_fmt("file %s stable %s", t->file,
			    text_dur_fmt(t->stable, dur));
		return mem_fmt("file %s %s", t->file,
		    t->event == JOB_FILE_CHANGED ? "changed" : "created");
	case JOB_AFTER:
		if (t->on == 1u << JOB_SUCCEEDED)
			return mem_fmt("after %s", t->after);
		out = mem_fmt("after %s on %s", t->after, on_words(t->on, &on));
		buf_free(&on);
		return out;
	}
	return mem_dup("");
}
