#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "core/field.h"
#include "mem.h"
#include "strs.h"
#include "text.h"
#include "utf8.h"

enum { TEXT_LIMIT = 1024, WHAT = 256 };

/* Where the reader is.  whose names the element of the outermost list,
 * `job "nightly": `; inner is the path from there, "triggers[2].cron". */
struct at {
	const struct checks *checks;
	struct err	    *err;
	bool		     in_file;
	char		     path[WHAT], whose[WHAT / 2], inner[WHAT / 2];
};

static int read_fields(struct at *, const struct field *, size_t,
    const json_t *, void *);

static int bad(struct at *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static char *
name_of(const struct at *a, char out[WHAT])
{
	(void)snprintf(out, WHAT, "%s%s", a->whose, a->inner);
	return out;
}

static int
bad(struct at *a, const char *fmt, ...)
{
	char text[384], what[WHAT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (a->inner[0] == '\0')
		return err_set(a->err, ERR_USAGE, "%s%s", a->whose, text);
	return err_set(a->err, ERR_USAGE, "%s: %s", name_of(a, what), text);
}

/* What a value is, for "must be …, not …". */
static const char *
shown(const json_t *v, char out[80])
{
	char *s;

	if (json_is_string(v))
		(void)snprintf(out, 80, "\"%.60s\"", json_string_value(v));
	else if (json_is_array(v))
		(void)mem_str(out, 80, "a list");
	else if (json_is_object(v))
		(void)mem_str(out, 80, "a group");
	else {
		s = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
		(void)mem_str(out, 80, s == NULL ? "that" : s);
		free(s);
	}
	return out;
}

static int
bad_value(struct at *a, const char *must, const json_t *v)
{
	char text[80];

	return bad(a, "must be %s, not %s", must, shown(v, text));
}

/* Steps into a name (i < 0) or an index and back: the lengths before are kept
 * by the caller in `mark`. */
struct mark {
	size_t path, inner;
};

/* Of every field that there is: as fast as a copy. */
static void
append(char *at, size_t room, bool first, const char *name)
{
	if (!first && room > 1) {
		*at++ = '.';
		room--;
	}
	(void)mem_str(at, room, name);
}

static struct mark
enter(struct at *a, const char *name, size_t index)
{
	struct mark m = { strlen(a->path), strlen(a->inner) };
	char *path = a->path + m.path, *inner = a->inner + m.inner;
	size_t room = sizeof(a->path) - m.path;
	size_t iroom = sizeof(a->inner) - m.inner;

	if (name == NULL) {
		(void)snprintf(path, room, "%s[%zu]", m.path > 0 ? "." : "",
		    index);
		(void)snprintf(inner, iroom, "[%zu]", index + 1);
	} else {
		append(path, room, m.path == 0, name);
		append(inner, iroom, m.inner == 0, name);
	}
	return m;
}

static void
leave(struct at *a, struct mark m)
{
	a->path[m.path] = '\0';
	a->inner[m.inner] = '\0';
}

static int
check_text(struct at *a, const struct field *f, const char *s)
{
	size_t len = strlen(s);
	size_t most = f->max > 0 && f->kind != FIELD_STRS ? (size_t)f->max :
							    TEXT_LIMIT;
	char what[WHAT];

	if (f->kind == FIELD_STRS && f->rule == NULL && f->size > 0)
		most = f->size;
	if (len < (size_t)f->min && f->kind != FIELD_STRS)
		return bad(a, "must not be empty");
	if (len > most)
		return bad(a, "must be at most %zu bytes, not %zu", most, len);
	if (f->rule == NULL)
		return 0;
	return f->rule(s, a->checks, name_of(a, what), a->err);
}

static int
read_text(struct at *a, const struct field *f, const json_t *v, void *p)
{
	const char *s = json_string_value(v);
	char *copy;

	if (s == NULL)
		return bad_value(a, "text in double quotes", v);
	if (check_text(a, f, s) == -1)
		return -1;
	if (f->kind == FIELD_CHARS)
		return mem_str(p, (size_t)f->max + 1, s);
	memcpy(&copy, p, sizeof(copy));
	free(copy);
	copy = mem_dup(s);
	memcpy(p, &copy, sizeof(copy));
	return 0;
}

static int
read_strs(struct at *a, const struct field *f, const json_t *v, void *p)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 1;

	if (!json_is_array(v) && !json_is_string(v))
		return bad_value(a, "a list of texts", v);
	if (n > (size_t)f->max)
		return bad(a, "must have at most %lld elements, not %zu",
		    (long long)f->max, n);
	strs_clear(p);
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_is_array(v) ? json_array_get(v, i) : v;
		const char *s = json_string_value(e);
		struct mark m = { strlen(a->path), strlen(a->inner) };

		if (json_is_array(v))
			m = enter(a, NULL, i);
		if (s == NULL)
			return bad_value(a, "text in double quotes", e);
		if (check_text(a, f, s) == -1)
			return -1;
		leave(a, m);
		strs_add(p, s);
	}
	if ((int64_t)n < f->min)
		return bad(a, "must not be empty");
	return 0;
}

static int
read_dur(struct at *a, const struct field *f, const json_t *v, void *p)
{
	char lo[TEXT_DUR], hi[TEXT_DUR], what[WHAT];
	double ms = json_number_value(v) * 1000;
	int64_t out;

	if (json_is_string(v)) {
		if (text_dur(json_string_value(v), f->min, f->max,
		        name_of(a, what), &out, a->err) == -1)
			return -1;
	} else if (!json_is_number(v) || a->in_file) {
		return bad_value(a,
		    "a duration as \"250ms\", \"15s\", \"1h30m\" or \"7d\"", v);
	} else if (!(ms >= (double)f->min && ms <= (double)f->max)) {
		return bad(a, "must be a duration %s..%s, not %g seconds",
		    text_dur_fmt(f->min, lo), text_dur_fmt(f->max, hi),
		    ms / 1000);
	} else
		out = (int64_t)(ms + 0.5);
	memcpy(p, &out, sizeof(out));
	return 0;
}

static int
read_number(struct at *a, const struct field *f, const json_t *v, void *p)
{
	double real = json_number_value(v);
	int64_t i = json_integer_value(v);
	char must[96];

	if (f->kind == FIELD_REAL) {
		if (!json_is_number(v) || !(real * 1000 >= (double)f->min) ||
		    !(real * 1000 <= (double)f->max)) {
			(void)snprintf(must, sizeof(must), "a number %g..%g",
			    (double)f->min / 1000, (double)f->max / 1000);
			return bad_value(a, must, v);
		}
		memcpy(p, &real, sizeof(real));
		return 0;
	}
	if (!json_is_integer(v) || i < f->min || i > f->max) {
		(void)snprintf(must, sizeof(must), "a whole number %lld..%lld",
		    (long long)f->min, (long long)f->max);
		return bad_value(a, must, v);
	}
	memcpy(p, &i, sizeof(i));
	return 0;
}

/* The index of a word, or -1 with the words there are and the nearest. */
static int
word_index(struct at *a, const struct field *f, const char *s)
{
	struct buf known = BUF_INIT(256);
	const char *near = NULL;
	size_t n = 0, skip;

	while (f->words[n] != NULL) {
		if (f->words[n][0] != '\0' && strcmp(f->words[n], s) == 0)
			return (int)n;
		n++;
	}
	skip = f->words[0][0] == '\0' ? 1 : 0;
	for (size_t i = skip; i < n; i++)
		buf_fmt(&known, "%s%s", i == skip ? "" : i == n - 1 ? " or " :
									", ",
		    f->words[i]);
	near = text_nearest(s, f->words + skip, n - skip);
	if (near != NULL && n - skip > 3)
		(void)bad(a, "must be %s, not \"%.60s\": did you mean \"%s\"?",
		    known.p, s, near);
	else
		(void)bad(a, "must be %s, not \"%.60s\"", known.p, s);
	buf_free(&known);
	return -1;
}

static int
read_word(struct at *a, const struct field *f, const json_t *v, void *p)
{
	const char *s = json_string_value(v);
	unsigned value;
	bool flag;
	int i;

	if (f->kind == FIELD_BOOL && f->words == NULL) {
		if (!json_is_boolean(v))
			return bad_value(a, "true or false", v);
		flag = json_is_true(v);
		memcpy(p, &flag, sizeof(flag));
		return 0;
	}
	if (s == NULL)
		return bad_value(a, "a word in double quotes", v);
	if ((i = word_index(a, f, s)) == -1)
		return -1;
	if (f->kind == FIELD_BOOL) {
		flag = i != 0;
		memcpy(p, &flag, sizeof(flag));
	} else {
		value = (unsigned)i;
		memcpy(p, &value, sizeof(value));
	}
	return 0;
}

static int
read_bits(struct at *a, const struct field *f, const json_t *v, void *p)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 1;
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_is_array(v) ? json_array_get(v, i) : v;
		int bit;

		if (!json_is_string(e))
			return bad_value(a, "a list of words", e);
		if ((bit = word_index(a, f, json_string_value(e))) == -1)
			return -1;
		bits |= 1u << bit;
	}
	if (bits == 0)
		return bad(a, "must not be empty");
	memcpy(p, &bits, sizeof(bits));
	return 0;
}

static int
read_codes(struct at *a, const json_t *v, void *p)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 1;
	unsigned char codes[32] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_is_array(v) ? json_array_get(v, i) : v;
		int64_t c = json_integer_value(e);

		if (!json_is_integer(e) || c < 0 || c > 255)
			return bad_value(a, "a list of exit codes 0..255", e);
		codes[c / 8] |= (unsigned char)(1u << (c % 8));
	}
	if (n == 0)
		return bad(a, "must not be empty");
	memcpy(p, codes, sizeof(codes));
	return 0;
}

/* `job "nightly": ` of an element of an outermost list. */
static void
set_whose(struct at *a, const struct field *f, const json_t *v, size_t i)
{
	const char *name = json_string_value(json_object_get(v, "name"));
	struct buf b = BUF_INIT(sizeof(a->whose) - 1);

	if (name != NULL && *name != '\0' && strlen(name) < 64) {
		buf_fmt(&b, "%s \"", f->noun);
		buf_safe(&b, name, strlen(name));
		buf_puts(&b, "\": ");
	}
	if (b.len == 0 || b.failed) {
		buf_clear(&b);
		buf_fmt(&b, "%s number %zu: ", f->noun, i + 1);
	}
	(void)MEM_STR(a->whose, b.p);
	buf_free(&b);
}

static int
read_element(struct at *a, const struct field *f, const json_t *v, void *p)
{
	const char *blame = NULL;
	struct err why = { 0 };
	bool fields;

	if (!json_is_object(v))
		return bad_value(a, "a group, as { name = … }", v);
	fields = read_fields(a, f->sub, f->nsub, v, p) == 0;
	if (!fields || f->check == NULL ||
	    f->check(p, a->checks, &blame, &why) == 0)
		return fields ? 0 : -1;
	if (blame != NULL && json_object_get(v, blame) != NULL)
		(void)enter(a, blame, 0);
	return bad(a, "%s", why.msg);
}

static int
read_list(struct at *a, const struct field *f, const json_t *v, void *obj)
{
	bool outermost = f->noun != NULL && a->whose[0] == '\0';
	size_t n = json_array_size(v), k;
	struct mark m;
	char *els;

	if (!json_is_array(v))
		return bad_value(a, "a list of groups, as ( { … }, { … } )", v);
	if (n > (size_t)f->max)
		return bad(a, "must have at most %lld elements, not %zu",
		    (long long)f->max, n);
	if ((int64_t)n < f->min)
		return bad(a, "must not be empty");
	if (n == 0)
		return 0;
	els = mem_zero(n, f->size);
	memcpy((char *)obj + f->off, &els, sizeof(els));
	for (k = 0; k < n; k++) {
		/* Counted only once it has its defaults, for the one who
		 * frees. */
		field_defaults(f->sub, f->nsub, els + k * f->size);
		memcpy((char *)obj + f->off_n, &(size_t){ k + 1 },
		    sizeof(size_t));
		m = enter(a, NULL, k);
		if (outermost) {
			set_whose(a, f, json_array_get(v, k), k);
			a->inner[0] = '\0';
		}
		if (read_element(a, f, json_array_get(v, k),
		        els + k * f->size) == -1)
			return -1;
		if (outermost) {
			a->whose[0] = '\0';
			(void)MEM_STR(a->inner, f->name);
		}
		leave(a, m);
	}
	return 0;
}

static int
read_one(struct at *a, const struct field *f, const json_t *v, void *obj)
{
	void *p = (char *)obj + f->off;

	switch (f->kind) {
	case FIELD_TEXT:
	case FIELD_CHARS:
		return read_text(a, f, v, p);
	case FIELD_STRS:
		return read_strs(a, f, v, p);
	case FIELD_DUR:
		return read_dur(a, f, v, p);
	case FIELD_INT:
	case FIELD_REAL:
		return read_number(a, f, v, p);
	case FIELD_BOOL:
	case FIELD_WORD:
		return read_word(a, f, v, p);
	case FIELD_BITS:
		return read_bits(a, f, v, p);
	case FIELD_CODES:
		return read_codes(a, v, p);
	case FIELD_GROUP:
		if (!json_is_object(v))
			return bad_value(a, "a group, as { name = …; }", v);
		return read_fields(a, f->sub, f->nsub, v, obj);
	case FIELD_LIST:
		return read_list(a, f, v, obj);
	}
	return -1;
}

static int
unknown(struct at *a, const struct field *f, size_t n, const char *name)
{
	const char *names[64], *near;
	struct buf b = BUF_INIT(256);
	char whose[WHAT / 2], inner[WHAT / 2];

	(void)MEM_STR(whose, a->whose);
	(void)enter(a, name, 0);
	(void)MEM_STR(inner, a->inner);
	for (size_t i = 0; i < n && i < 64; i++) {
		names[i] = f[i].name;
		buf_fmt(&b, "%s%s", i > 0 ? ", " : "", f[i].name);
	}
	near = text_nearest(name, names, n < 64 ? n : 64);
	if (near != NULL)
		(void)err_set(a->err, ERR_USAGE,
		    "%sunknown name \"%.80s\": did you mean \"%s\"?", whose,
		    inner, near);
	else
		(void)err_set(a->err, ERR_USAGE,
		    "%sunknown name \"%.80s\"; known here: %s", whose, inner,
		    b.failed ? "see the manual" : b.p);
	buf_free(&b);
	return -1;
}

static const struct field *
find(const struct field *f, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].name, name) == 0)
			return &f[i];
	return NULL;
}

/* The object has its defaults already. */
static int
read_fields(struct at *a, const struct field *f, size_t n, const json_t *v,
    void *obj)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)v, name, value) {
		const struct field *one = find(f, n, name);
		struct mark m;

		if (one == NULL)
			return unknown(a, f, n, name);
		m = enter(a, one->name, 0);
		if (!json_is_null(value) && read_one(a, one, value, obj) == -1)
			return -1;
		leave(a, m);
	}
	for (size_t i = 0; i < n; i++)
		if (f[i].need && (value = json_object_get(v, f[i].name),
		        value == NULL || json_is_null(value)))
			return bad(a, "%s must be given", f[i].name);
	return 0;
}

/* A message quotes what it found, perhaps cut within a character: it must stay
 * text that JSON and a terminal take. */
static int
scrub(struct err *e)
{
	size_t n, used;
	uint32_t cp;

	if (e == NULL)
		return -1;
	n = strlen(e->msg);
	for (char *p = e->msg; n > 0; p += used, n -= used) {
		used = utf8_next(p, n, &cp);
		if (used == 0 || utf8_unsafe(cp)) {
			used = used == 0 ? 1 : used;
			memset(p, '?', used);
		}
	}
	return -1;
}

int
field_of_json(const struct field *f, size_t n, const json_t *v, void *obj,
    const struct checks *checks, struct field_where *where, struct err *e)
{
	struct at a = { .checks = checks, .err = e,
		.in_file = where != NULL && where->in_file };

	field_defaults(f, n, obj);
	if (json_is_object(v) && read_fields(&a, f, n, v, obj) == 0)
		return 0;
	if (!json_is_object(v))
		(void)bad_value(&a, "a group", v);
	if (where != NULL)
		(void)MEM_STR(where->path, a.path);
	field_clear(f, n, obj);
	return scrub(e);
}

int
field_element(const struct field *list, const json_t *v, void *obj,
    const struct checks *checks, struct field_where *where, struct err *e)
{
	struct at a = { .checks = checks, .err = e,
		.in_file = where != NULL && where->in_file };

	memset(obj, 0, list->size);
	field_defaults(list->sub, list->nsub, obj);
	set_whose(&a, list, v, 0);
	if (read_element(&a, list, v, obj) == 0)
		return 0;
	if (where != NULL)
		(void)MEM_STR(where->path, a.path);
	field_clear(list->sub, list->nsub, obj);
	return scrub(e);
}

/* The words people use for yes and no. */
static json_t *
json_of_bool(const char *s)
{
	static const char *const yes[] = { "true", "on", "yes", "1" };
	static const char *const no[] = { "false", "off", "no", "0" };

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(s, yes[i]) == 0)
			return json_true();
		if (strcmp(s, no[i]) == 0)
			return json_false();
	}
	return json_string(s);
}

int
field_set(const struct field *f, void *obj, const char *text,
    const char *what, const struct checks *checks, struct err *e)
{
	struct at a = { .checks = checks, .err = e };
	int64_t n;
	json_t *v;
	int rc;

	(void)MEM_STR(a.inner, what);
	if (f->kind == FIELD_INT) {
		if (text_int(text, f->min, f->max, what, &n, e) == -1)
			return scrub(e);
		v = json_integer(n);
	} else if (f->kind == FIELD_BOOL && f->words == NULL)
		v = json_of_bool(text);
	else
		v = json_string(text);
	if (v == NULL)
		return bad(&a, "must be valid UTF-8");
	rc = read_one(&a, f, v, obj);
	json_decref(v);
	return rc == -1 ? scrub(e) : 0;
}
