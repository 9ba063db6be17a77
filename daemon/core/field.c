#include "core/field.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "strs.h"
#include "text.h"

static void *
at(const struct field *f, void *obj)
{
	return (char *)obj + f->off;
}

static const void *
cat(const struct field *f, const void *obj)
{
	return (const char *)obj + f->off;
}

static size_t
count(const struct field *f, const void *obj)
{
	size_t n;

	memcpy(&n, (const char *)obj + f->off_n, sizeof(n));
	return n;
}

static const char *
text_at(const struct field *f, const void *obj)
{
	char *s;

	memcpy(&s, cat(f, obj), sizeof(s));
	return s;
}

static int64_t
int_at(const struct field *f, const void *obj)
{
	int64_t v;

	memcpy(&v, cat(f, obj), sizeof(v));
	return v;
}

static unsigned
bits_at(const struct field *f, const void *obj)
{
	unsigned v;

	memcpy(&v, cat(f, obj), sizeof(v));
	return v;
}

static bool
bool_at(const struct field *f, const void *obj)
{
	bool v;

	memcpy(&v, cat(f, obj), sizeof(v));
	return v;
}

static double
real_at(const struct field *f, const void *obj)
{
	double v;

	memcpy(&v, cat(f, obj), sizeof(v));
	return v;
}

static void
default_of(const struct field *f, void *obj)
{
	unsigned bits = (unsigned)f->def;
	double real = (double)f->def / 1000;
	bool flag = f->def != 0;
	unsigned char *codes;
	char *text;
	size_t none = 0;

	switch (f->kind) {
	case FIELD_TEXT:
		text = mem_dup(f->text);
		memcpy(at(f, obj), &text, sizeof(text));
		break;
	case FIELD_CHARS:
		(void)mem_str(at(f, obj), (size_t)f->max + 1,
		    f->text == NULL ? "" : f->text);
		break;
	case FIELD_STRS:
		memset(at(f, obj), 0, sizeof(struct strs));
		if (f->text != NULL)
			strs_add(at(f, obj), f->text);
		break;
	case FIELD_DUR:
	case FIELD_INT:
		memcpy(at(f, obj), &f->def, sizeof(f->def));
		break;
	case FIELD_REAL:
		memcpy(at(f, obj), &real, sizeof(real));
		break;
	case FIELD_BOOL:
		memcpy(at(f, obj), &flag, sizeof(flag));
		break;
	case FIELD_WORD:
	case FIELD_BITS:
		memcpy(at(f, obj), &bits, sizeof(bits));
		break;
	case FIELD_CODES:
		codes = at(f, obj);
		memset(codes, 0, 32);
		codes[f->def / 8] = (unsigned char)(1u << (f->def % 8));
		break;
	case FIELD_GROUP:
		field_defaults(f->sub, f->nsub, obj);
		break;
	case FIELD_LIST:
		memset(at(f, obj), 0, sizeof(void *));
		memcpy((char *)obj + f->off_n, &none, sizeof(none));
		break;
	}
}

void
field_defaults(const struct field *f, size_t n, void *obj)
{
	for (size_t i = 0; i < n; i++)
		default_of(&f[i], obj);
}

static void
clear_list(const struct field *f, void *obj)
{
	size_t n = count(f, obj), none = 0;
	char *v;

	memcpy(&v, at(f, obj), sizeof(v));
	for (size_t i = 0; i < n; i++)
		field_clear(f->sub, f->nsub, v + i * f->size);
	free(v);
	memset(at(f, obj), 0, sizeof(v));
	memcpy((char *)obj + f->off_n, &none, sizeof(none));
}

static void
clear_one(const struct field *f, void *obj)
{
	char *text;

	switch (f->kind) {
	case FIELD_TEXT:
		memcpy(&text, at(f, obj), sizeof(text));
		free(text);
		memset(at(f, obj), 0, sizeof(text));
		break;
	case FIELD_STRS:
		strs_clear(at(f, obj));
		break;
	case FIELD_GROUP:
		field_clear(f->sub, f->nsub, obj);
		break;
	case FIELD_LIST:
		clear_list(f, obj);
		break;
	case FIELD_CHARS:
	case FIELD_DUR:
	case FIELD_INT:
	case FIELD_REAL:
	case FIELD_BOOL:
	case FIELD_WORD:
	case FIELD_BITS:
	case FIELD_CODES:
		break;
	}
}

void
field_clear(const struct field *f, size_t n, void *obj)
{
	for (size_t i = 0; i < n; i++)
		clear_one(&f[i], obj);
}

static bool
codes_are_default(const struct field *f, const unsigned char *codes)
{
	for (int i = 0; i < 256; i++)
		if (((codes[i / 8] >> (i % 8)) & 1) != (i == f->def))
			return false;
	return true;
}

static bool
strs_are_default(const struct field *f, const struct strs *l)
{
	if (f->text == NULL)
		return l->n == 0;
	return l->n == 1 && strcmp(l->v[0], f->text) == 0;
}

static bool
group_is_default(const struct field *f, const void *obj)
{
	for (size_t i = 0; i < f->nsub; i++)
		if (!field_is_default(&f->sub[i], obj))
			return false;
	return true;
}

bool
field_is_default(const struct field *f, const void *obj)
{
	const char *s;

	switch (f->kind) {
	case FIELD_TEXT:
		s = text_at(f, obj);
		return s == NULL || f->text == NULL ? s == f->text :
						      strcmp(s, f->text) == 0;
	case FIELD_CHARS:
		return strcmp(cat(f, obj), f->text == NULL ? "" : f->text) == 0;
	case FIELD_STRS:
		return strs_are_default(f, cat(f, obj));
	case FIELD_DUR:
	case FIELD_INT:
		return int_at(f, obj) == f->def;
	case FIELD_REAL:
		return real_at(f, obj) * 1000 == (double)f->def;
	case FIELD_BOOL:
		return bool_at(f, obj) == (f->def != 0);
	case FIELD_WORD:
	case FIELD_BITS:
		return bits_at(f, obj) == (unsigned)f->def;
	case FIELD_CODES:
		return codes_are_default(f, cat(f, obj));
	case FIELD_GROUP:
		return group_is_default(f, obj);
	case FIELD_LIST:
		return count(f, obj) == 0;
	}
	return false;
}

static json_t *
json_strs(const struct strs *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		(void)json_array_append_new(a, json_string(l->v[i]));
	return a;
}

static json_t *
json_bits(const struct field *f, unsigned bits)
{
	json_t *a = json_array();

	for (unsigned i = 0; f->words[i] != NULL; i++)
		if ((bits >> i & 1) != 0)
			(void)json_array_append_new(a,
			    json_string(f->words[i]));
	return a;
}

static json_t *
json_codes(const unsigned char *codes)
{
	json_t *a = json_array();

	for (int i = 0; i < 256; i++)
		if ((codes[i / 8] >> (i % 8) & 1) != 0)
			(void)json_array_append_new(a, json_integer(i));
	return a;
}

static json_t *
json_dur(int64_t ms, unsigned flags)
{
	char text[TEXT_DUR];

	if ((flags & FIELD_UNITS) != 0)
		return json_string(text_dur_fmt(ms, text));
	if (ms % 1000 == 0)
		return json_integer(ms / 1000);
	return json_real((double)ms / 1000);
}

static json_t *
json_list(const struct field *f, const void *obj, unsigned flags)
{
	size_t n = count(f, obj);
	json_t *a = json_array();
	const char *v;

	/* Elements that have one of several shapes (triggers, actions) would
	 * only be buried under the fields of the other shapes. */
	if (f->noun == NULL && f->check != NULL)
		flags &= ~(unsigned)FIELD_ALL;
	memcpy(&v, cat(f, obj), sizeof(v));
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(a,
		    field_json(f->sub, f->nsub, v + i * f->size, flags));
	return a;
}

json_t *
field_value(const struct field *f, const void *obj, unsigned flags)
{
	const char *s;

	switch (f->kind) {
	case FIELD_TEXT:
		s = text_at(f, obj);
		return s == NULL ? json_null() : json_string(s);
	case FIELD_CHARS:
		return json_string(cat(f, obj));
	case FIELD_STRS:
		return json_strs(cat(f, obj));
	case FIELD_DUR:
		return json_dur(int_at(f, obj), flags);
	case FIELD_INT:
		return json_integer(int_at(f, obj));
	case FIELD_REAL:
		return json_real(real_at(f, obj));
	case FIELD_BOOL:
		if (f->words != NULL)
			return json_string(f->words[bool_at(f, obj)]);
		return json_boolean(bool_at(f, obj));
	case FIELD_WORD:
		return json_string(f->words[bits_at(f, obj)]);
	case FIELD_BITS:
		return json_bits(f, bits_at(f, obj));
	case FIELD_CODES:
		return json_codes(cat(f, obj));
	case FIELD_GROUP:
		return field_json(f->sub, f->nsub, obj, flags);
	case FIELD_LIST:
		return json_list(f, obj, flags);
	}
	return json_null();
}

/* Absent texts and words that mean "as the cluster's setting" are left out
 * even when everything is asked for. */
static bool
absent(const struct field *f, const void *obj)
{
	if (f->kind == FIELD_TEXT)
		return text_at(f, obj) == NULL;
	if (f->kind == FIELD_WORD)
		return f->words[bits_at(f, obj)][0] == '\0';
	return false;
}

json_t *
field_json(const struct field *f, size_t n, const void *obj, unsigned flags)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++)
		if (!absent(&f[i], obj) && ((flags & FIELD_ALL) != 0 ||
		        f[i].need || !field_is_default(&f[i], obj)))
			(void)json_object_set_new(o, f[i].name,
			    field_value(&f[i], obj, flags));
	return o;
}

static void
text_of(const json_t *v, struct buf *out)
{
	const json_t *e;
	size_t i;

	if (json_is_string(v))
		buf_puts(out, json_string_value(v));
	else if (json_is_array(v) && !json_is_object(json_array_get(v, 0))) {
		json_array_foreach(v, i, e) {
			if (i > 0)
				buf_puts(out, ",");
			text_of(e, out);
		}
	} else if (!json_is_null(v)) {
		char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT |
		        JSON_REAL_PRECISION(12));

		buf_puts(out, s);
		free(s);
	}
}

char *
field_text(const struct field *f, const void *obj)
{
	json_t *v = field_value(f, obj, FIELD_ALL | FIELD_UNITS);
	struct buf b = BUF_INIT(1 << 20);

	text_of(v, &b);
	json_decref(v);
	return buf_steal(&b);
}

const char *
field_type(const struct field *f)
{
	switch (f->kind) {
	case FIELD_TEXT:
	case FIELD_CHARS:
		return f->rule == field_rule_condition ? "condition" : "text";
	case FIELD_STRS:
	case FIELD_BITS:
	case FIELD_CODES:
	case FIELD_LIST:
		return "list";
	case FIELD_DUR:
		return "duration";
	case FIELD_INT:
		return "integer";
	case FIELD_REAL:
		return "number";
	case FIELD_BOOL:
		return f->words != NULL ? "word" : "boolean";
	case FIELD_WORD:
		return "word";
	case FIELD_GROUP:
		return "group";
	}
	return "";
}

static void
words_of_field(const struct field *f, struct buf *b)
{
	for (size_t i = 0; f->words[i] != NULL; i++)
		if (f->words[i][0] != '\0')
			buf_fmt(b, "%s%s", b->len > 0 ? ", " : "", f->words[i]);
}

char *
field_range(const struct field *f, char *out, size_t size)
{
	char lo[TEXT_DUR], hi[TEXT_DUR];
	struct buf b = BUF_INIT(1024);

	if (f->words != NULL)
		words_of_field(f, &b);
	else if (f->kind == FIELD_DUR)
		buf_fmt(&b, "%s..%s", text_dur_fmt(f->min, lo),
		    text_dur_fmt(f->max, hi));
	else if (f->kind == FIELD_INT)
		buf_fmt(&b, "%lld..%lld", (long long)f->min, (long long)f->max);
	else if (f->kind == FIELD_REAL)
		buf_fmt(&b, "%g..%g", (double)f->min / 1000,
		    (double)f->max / 1000);
	else if (f->kind == FIELD_BOOL)
		buf_puts(&b, "true, false");
	else if (f->kind == FIELD_TEXT || f->kind == FIELD_CHARS)
		buf_fmt(&b, "at most %lld bytes", (long long)f->max);
	else if (f->kind == FIELD_CODES)
		buf_puts(&b, "0..255");
	(void)mem_str(out, size, b.p);
	buf_free(&b);
	return out;
}
