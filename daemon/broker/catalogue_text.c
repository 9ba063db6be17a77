#include "broker/catalogue_text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "core/conf_text.h"
#include "core/job_fields.h"
#include "mem.h"
#include "text.h"

enum { EXPORT_MAX = 64 << 20 };

/* Names of one kind, sorted, with where they stand in the file. */
struct name {
	const char *s;
	size_t	    i;
};

struct names {
	struct name *v;
	size_t	     n;
};

struct check {
	const struct conf_text		*text;
	const struct catalogue_context	*ctx;
	const struct catalogue		*cat;
	struct names			 names[CATALOGUE_NKINDS];
	struct catalogue_warnings	*warnings;
	struct err			*err;
};

static int
compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = strcmp(x->s, y->s);

	return c != 0 ? c : (x->i > y->i) - (x->i < y->i);
}

static const char *
name_at(const struct catalogue *c, enum catalogue_kind k, size_t i)
{
	switch (k) {
	case CATALOGUE_JOB:
		return c->jobs[i].name;
	case CATALOGUE_QUEUE:
		return c->queues[i].name;
	case CATALOGUE_CALENDAR:
		return c->calendars[i].name;
	case CATALOGUE_FLOW:
		return c->flows[i].name;
	case CATALOGUE_NKINDS:
		break;
	}
	return "";
}

static size_t
count_of(const struct catalogue *c, enum catalogue_kind k)
{
	const size_t n[CATALOGUE_NKINDS] = { c->njobs, c->nqueues,
		c->ncalendars, c->nflows };

	return n[k];
}

/* The message gets its file and line from the path. */
static int
fail(struct check *c, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
fail(struct check *c, const char *path, const char *fmt, ...)
{
	char text[sizeof(c->err->msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(c->err, ERR_USAGE, "%s", text);
	return conf_text_error(c->text, path, c->err);
}

static int
index_names(struct check *c, enum catalogue_kind k)
{
	struct names *names = &c->names[k];
	const char *list = catalogue_lists[k].name;
	char path[64], first[64];

	names->n = count_of(c->cat, k);
	names->v = mem_zero(names->n + 1, sizeof(*names->v));
	for (size_t i = 0; i < names->n; i++)
		names->v[i] = (struct name){ name_at(c->cat, k, i), i };
	qsort(names->v, names->n, sizeof(*names->v), compare);
	for (size_t i = 1; i < names->n; i++) {
		if (strcmp(names->v[i - 1].s, names->v[i].s) != 0)
			continue;
		(void)snprintf(first, sizeof(first), "%s.[%zu]", list,
		    names->v[i - 1].i);
		(void)snprintf(path, sizeof(path), "%s.[%zu]", list,
		    names->v[i].i);
		return fail(c, path, "%s \"%s\": is there already, in line %d",
		    catalogue_kind_word(k), names->v[i].s,
		    conf_text_line(c->text, first));
	}
	return 0;
}

static bool
is_known(const struct check *c, enum catalogue_kind k, const char *name)
{
	const struct names *names = &c->names[k];
	size_t lo = 0, hi = names->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strcmp(name, names->v[mid].s);

		if (d == 0)
			return true;
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return c->ctx->exists != NULL &&
	    c->ctx->exists(k, name, c->ctx->arg);
}

/* whose: `job "nightly": queue`. */
static int
refers(struct check *c, const char *path, const char *whose,
    enum catalogue_kind k, const char *name)
{
	const char *word = catalogue_kind_word(k), **all, *near;
	size_t n = c->names[k].n;

	if (name == NULL || is_known(c, k, name))
		return 0;
	all = mem_zero(n + 1, sizeof(*all));
	for (size_t i = 0; i < n; i++)
		all[i] = c->names[k].v[i].s;
	near = text_nearest(name, all, n);
	free(all);
	if (near != NULL)
		return fail(c, path,
		    "%s: no %s \"%s\": did you mean \"%s\"?", whose, word,
		    name, near);
	return fail(c, path, "%s: no %s \"%s\", neither here nor at the broker",
	    whose, word, name);
}

static int
refer_all(struct check *c, size_t job, const char *field,
    enum catalogue_kind k, const struct strs *names)
{
	char path[96], whose[160];

	(void)snprintf(whose, sizeof(whose), "job \"%s\": %s",
	    c->cat->jobs[job].name, field);
	for (size_t i = 0; i < names->n; i++) {
		(void)snprintf(path, sizeof(path), "jobs.[%zu].%s.[%zu]", job,
		    field, i);
		if (refers(c, path, whose, k, names->v[i]) == -1)
			return -1;
	}
	return 0;
}

static void
warn(struct check *c, const char *path, char *text)
{
	struct catalogue_warnings *w = c->warnings;

	w->v = mem_grow(w->v, (w->n + 1) * sizeof(*w->v));
	w->v[w->n++] = (struct catalogue_warning){
		conf_text_line(c->text, path), text };
}

static int
check_job(struct check *c, size_t i)
{
	const struct job *j = &c->cat->jobs[i];
	char path[96], whose[160];

	(void)snprintf(path, sizeof(path), "jobs.[%zu].queue", i);
	(void)snprintf(whose, sizeof(whose), "job \"%s\": queue", j->name);
	if (refers(c, path, whose, CATALOGUE_QUEUE, j->queue) == -1 ||
	    refer_all(c, i, "exclude", CATALOGUE_CALENDAR, &j->exclude) == -1 ||
	    refer_all(c, i, "include", CATALOGUE_CALENDAR, &j->include) == -1 ||
	    refer_all(c, i, "on_success", CATALOGUE_JOB, &j->on_success) ==
	        -1 ||
	    refer_all(c, i, "on_failure", CATALOGUE_JOB, &j->on_failure) == -1)
		return -1;
	for (size_t k = 0; k < j->ntriggers; k++) {
		(void)snprintf(path, sizeof(path), "jobs.[%zu].triggers.[%zu]",
		    i, k);
		(void)snprintf(whose, sizeof(whose),
		    "job \"%s\": triggers[%zu].after", j->name, k + 1);
		if (refers(c, path, whose, CATALOGUE_JOB,
		        j->triggers[k].after) == -1)
			return -1;
	}
	return 0;
}

/* set = "queue.NAME.max_parallel=0" names a queue. */
static int
check_set(struct check *c, const char *path, const char *whose,
    const char *set)
{
	char name[64];
	const char *eq = strchr(set, '='), *dot = eq;

	if (strncmp(set, "queue.", 6) != 0)
		return 0;
	while (dot > set + 6 && *dot != '.')
		dot--;
	if (dot <= set + 6 || dot - (set + 6) >= (ptrdiff_t)sizeof(name))
		return fail(c, path, "%s: must be queue.NAME.LIMIT=VALUE, not "
		    "\"%.60s\"", whose, set);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(dot - (set + 6)),
	    set + 6);
	return refers(c, path, whose, CATALOGUE_QUEUE, name);
}

static int
check_flow(struct check *c, size_t i)
{
	const struct flow_def *f = &c->cat->flows[i];
	char path[96], whose[160];

	for (size_t k = 0; k < f->nactions; k++) {
		const struct flow_action *a = &f->actions[k];

		(void)snprintf(path, sizeof(path), "flows.[%zu].do.[%zu]", i,
		    k);
		(void)snprintf(whose, sizeof(whose), "flow \"%s\": do[%zu]",
		    f->name, k + 1);
		if (refers(c, path, whose, CATALOGUE_JOB, a->run) == -1 ||
		    (a->set != NULL &&
		        check_set(c, path, whose, a->set) == -1))
			return -1;
	}
	(void)snprintf(path, sizeof(path), "flows.[%zu]", i);
	warn(c, path, mem_fmt("flow \"%s\": is kept, but this version does not "
	    "evaluate flows yet", f->name));
	return 0;
}

static int
check_all(struct check *c)
{
	for (int k = 0; k < CATALOGUE_NKINDS; k++)
		if (index_names(c, (enum catalogue_kind)k) == -1)
			return -1;
	for (size_t i = 0; i < c->cat->njobs; i++)
		if (check_job(c, i) == -1)
			return -1;
	for (size_t i = 0; i < c->cat->nflows; i++)
		if (check_flow(c, i) == -1)
			return -1;
	return 0;
}

int
catalogue_parse(const char *text, const char *file,
    const struct catalogue_context *ctx, struct catalogue *out,
    struct catalogue_warnings *warnings, struct err *e)
{
	static const struct catalogue_context none;
	struct field_where where = { .in_file = true };
	struct check c = { .ctx = ctx == NULL ? &none : ctx, .cat = out,
		.warnings = warnings, .err = e };
	struct err local = { 0 };
	struct conf_text *t;
	int rc;

	if (e == NULL)
		c.err = e = &local;
	memset(out, 0, sizeof(*out));
	memset(warnings, 0, sizeof(*warnings));
	t = conf_text_parse(text, CATALOGUE_TEXT_MAX, file, e);
	if (t == NULL)
		return -1;
	c.text = t;
	rc = field_of_json(catalogue_lists, CATALOGUE_NKINDS,
	    conf_text_json(t), out, &c.ctx->checks, &where, e);
	if (rc == -1)
		(void)conf_text_error(t, where.path, e);
	else if ((rc = check_all(&c)) == -1) {
		catalogue_clear(out);
		catalogue_warnings_clear(warnings);
	}
	for (int k = 0; k < CATALOGUE_NKINDS; k++)
		free(c.names[k].v);
	conf_text_free(t);
	return rc;
}

void
catalogue_warnings_clear(struct catalogue_warnings *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].text);
	free(w->v);
	*w = (struct catalogue_warnings){ 0 };
}

/* The shortest digits that read back to the same, and a point, without which
 * libconfig takes them for an integer. */
static void
put_real(struct buf *b, double v)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) != v)
		(void)snprintf(text, sizeof(text), "%.17g", v);
	buf_puts(b, text);
	if (strpbrk(text, ".e") == NULL)
		buf_puts(b, ".0");
}

static void
put_value(struct buf *b, const json_t *v)
{
	const char *key, *sep;
	json_t *el;
	size_t i;
	char *s;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		buf_puts(b, "{");
		json_object_foreach((json_t *)(uintptr_t)v, key, el) {
			buf_fmt(b, " %s = ", key);
			put_value(b, el);
			buf_puts(b, ";");
		}
		buf_puts(b, " }");
		return;
	case JSON_ARRAY:
		sep = json_is_object(json_array_get(v, 0)) ? "()" : "[]";
		buf_putc(b, sep[0]);
		json_array_foreach(v, i, el) {
			buf_puts(b, i > 0 ? ", " : " ");
			put_value(b, el);
		}
		buf_fmt(b, " %c", sep[1]);
		return;
	case JSON_STRING:
		s = conf_text_quote(json_string_value(v));
		buf_puts(b, s);
		free(s);
		return;
	case JSON_INTEGER:
		buf_fmt(b, "%lld", (long long)json_integer_value(v));
		return;
	case JSON_REAL:
		put_real(b, json_real_value(v));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		buf_puts(b, json_is_true(v) ? "true" : "false");
		return;
	}
}

/* One field a line, so that a file kept under version control shows what
 * changed. */
static void
put_element(struct buf *b, json_t *v)
{
	const char *key, *lead = "  { ";
	json_t *el;

	json_object_foreach(v, key, el) {
		buf_fmt(b, "%s%s = ", lead, key);
		put_value(b, el);
		buf_puts(b, ";");
		lead = "\n    ";
	}
	buf_puts(b, " }");
}

char *
catalogue_export(const struct catalogue *c)
{
	json_t *all = field_json(catalogue_lists, CATALOGUE_NKINDS, c,
	    FIELD_UNITS), *list, *el;
	struct buf b = BUF_INIT(EXPORT_MAX);
	const char *key;
	size_t i;

	json_object_foreach(all, key, list) {
		buf_fmt(&b, "%s%s = (\n", b.len > 0 ? "\n" : "", key);
		json_array_foreach(list, i, el) {
			buf_puts(&b, i > 0 ? ",\n" : "");
			put_element(&b, el);
		}
		buf_puts(&b, "\n);\n");
	}
	json_decref(all);
	return buf_steal(&b);
}
