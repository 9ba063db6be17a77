/* json_pack, and JSON as text: see sim_json.c. */
#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

/* ---- json_pack ---- */

struct packing {
	const char *at;
	va_list	    ap;
};

static char
look(struct packing *p)
{
	while (*p->at == ' ' || *p->at == ',' || *p->at == ':')
		p->at++;
	return *p->at;
}

static json_t *packed(struct packing *);

static json_t *
packed_object(struct packing *p)
{
	json_t *o = json_object(), *v;
	const char *key;

	while (look(p) != '}') {
		assert(*p->at == 's');
		p->at++;
		key = va_arg(p->ap, const char *);
		(void)look(p);
		v = packed(p);
		if (v != NULL)
			(void)json_object_set_new(o, key, v);
	}
	p->at++;
	return o;
}

static json_t *
packed_array(struct packing *p)
{
	json_t *a = json_array(), *v;

	while (look(p) != ']') {
		v = packed(p);
		if (v != NULL)
			(void)json_array_append_new(a, v);
	}
	p->at++;
	return a;
}

/* NULL only with a star: it is left out. */
static json_t *
packed(struct packing *p)
{
	json_t *v = NULL;

	switch (*p->at++) {
	case '{': return packed_object(p);
	case '[': return packed_array(p);
	case 'n': return json_null();
	case 'b': return json_boolean(va_arg(p->ap, int));
	case 'i': return json_integer(va_arg(p->ap, int));
	case 'I': return json_integer(va_arg(p->ap, json_int_t));
	case 'f': return json_real(va_arg(p->ap, double));
	case 's': v = json_string(va_arg(p->ap, const char *)); break;
	case 'o': v = va_arg(p->ap, json_t *); break;
	case 'O': v = json_incref(va_arg(p->ap, json_t *)); break;
	default: assert(!"a format of json_pack that is not known here");
	}
	if (*p->at == '*' || *p->at == '?') {
		if (v == NULL && *p->at == '?')
			v = json_null();
		p->at++;
	} else
		assert(v != NULL);
	return v;
}

json_t *
json_pack(const char *fmt, ...)
{
	struct packing p = { .at = fmt };
	json_t *v;

	va_start(p.ap, fmt);
	v = packed(&p);
	va_end(p.ap);
	return v;
}

/* ---- to text ---- */

static void
put_string(struct buf *b, const char *s, size_t n)
{
	static const char plain[] = "\"\\\b\f\n\r\t", as[] = "\"\\bfnrt";
	size_t from = 0;

	buf_putc(b, '"');
	for (size_t i = 0; i < n; i++) {
		const char *c;

		if ((unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
			continue;
		buf_put(b, s + from, i - from);
		from = i + 1;
		c = s[i] != '\0' ? strchr(plain, s[i]) : NULL;
		if (c != NULL) {
			buf_putc(b, '\\');
			buf_putc(b, as[c - plain]);
		} else
			buf_fmt(b, "\\u%04X", (unsigned)(unsigned char)s[i]);
	}
	buf_put(b, s + from, n - from);
	buf_putc(b, '"');
}

static void
put_integer(struct buf *b, json_int_t n)
{
	char text[24], *at = text + sizeof(text);
	unsigned long long u = n < 0 ? 0ULL - (unsigned long long)n
				     : (unsigned long long)n;

	do {
		*--at = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (n < 0)
		*--at = '-';
	buf_put(b, at, (size_t)(text + sizeof(text) - at));
}

/* One that is whole says that it is a real all the same. */
static void
put_real(struct buf *b, double n, size_t flags)
{
	int precision = (int)(flags >> 11 & 0x1f);
	char text[40];

	(void)snprintf(text, sizeof(text), "%.*g", precision > 0 ? precision
	    : 17, n);
	buf_puts(b, text);
	if (strpbrk(text, ".e") == NULL)
		buf_puts(b, ".0");
}

static void
put(struct buf *b, const json_t *v, size_t flags)
{
	bool compact = (flags & JSON_COMPACT) != 0;
	const char *key, *comma = "";
	json_t *value;
	size_t i;

	switch (v->type) {
	case JSON_OBJECT:
		buf_putc(b, '{');
		json_object_foreach((json_t *)v, key, value) {
			buf_puts(b, comma);
			put_string(b, key, strlen(key));
			buf_puts(b, compact ? ":" : ": ");
			put(b, value, flags);
			comma = compact ? "," : ", ";
		}
		buf_putc(b, '}');
		break;
	case JSON_ARRAY:
		buf_putc(b, '[');
		json_array_foreach(v, i, value) {
			buf_puts(b, comma);
			put(b, value, flags);
			comma = compact ? "," : ", ";
		}
		buf_putc(b, ']');
		break;
	case JSON_STRING:
		put_string(b, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		put_integer(b, json_integer_value(v));
		break;
	case JSON_REAL:
		put_real(b, json_real_value(v), flags);
		break;
	case JSON_TRUE:
		buf_puts(b, "true");
		break;
	case JSON_FALSE:
		buf_puts(b, "false");
		break;
	case JSON_NULL:
		buf_puts(b, "null");
		break;
	}
}

char *
json_dumps(const json_t *v, size_t flags)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);

	if (v == NULL || ((flags & JSON_ENCODE_ANY) == 0 &&
	    !json_is_object(v) && !json_is_array(v)))
		return NULL;
	put(&b, v, flags);
	return buf_steal(&b);
}

/* ---- from text ---- */

struct reading {
	const char *at, *end;
	size_t	    flags;
	int	    deep;
};

static char
next(struct reading *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL &&
	    *r->at != '\0')
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

static bool
take(struct reading *r, char c)
{
	if (next(r) != c || r->at == r->end)
		return false;
	r->at++;
	return true;
}

static int
hex4(struct reading *r, unsigned *out)
{
	char text[5] = "";

	if (r->end - r->at < 4)
		return -1;
	memcpy(text, r->at, 4);
	for (int i = 0; i < 4; i++)
		if (!isxdigit((unsigned char)text[i]))
			return -1;
	*out = (unsigned)strtoul(text, NULL, 16);
	r->at += 4;
	return 0;
}

static void
put_utf8(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
		return;
	}
	if (c >= 0x10000) {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
	} else if (c >= 0x800)
		buf_putc(b, (char)(0xe0 | c >> 12));
	if (c >= 0x800)
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	else
		buf_putc(b, (char)(0xc0 | c >> 6));
	buf_putc(b, (char)(0x80 | (c & 0x3f)));
}

static int
escape(struct reading *r, struct buf *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned c, low;
	const char *at;

	if (r->at == r->end)
		return -1;
	if (*r->at == 'u') {
		r->at++;
		if (hex4(r, &c) == -1)
			return -1;
		if (c >= 0xd800 && c < 0xdc00 && r->end - r->at > 2) {
			r->at += 2;
			if (hex4(r, &low) == -1)
				return -1;
			c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
		}
		put_utf8(b, c);
		return 0;
	}
	at = strchr(from, *r->at++);
	if (at == NULL || *at == '\0')
		return -1;
	buf_putc(b, to[at - from]);
	return 0;
}

/* After its first quote; b is the caller's to free. */
static int
read_string(struct reading *r, struct buf *b)
{
	for (;;) {
		const char *from = r->at;

		while (r->at < r->end && *r->at != '"' && *r->at != '\\')
			r->at++;
		buf_put(b, from, (size_t)(r->at - from));
		if (r->at == r->end)
			return -1;
		if (*r->at++ == '"')
			return 0;
		if (escape(r, b) == -1)
			return -1;
	}
}

static json_t *value_of(struct reading *);

static bool
read_member(struct reading *r, json_t *o, struct buf *key)
{
	json_t *v;

	buf_clear(key);
	if (!take(r, '"') || read_string(r, key) == -1 ||
	    ((r->flags & JSON_REJECT_DUPLICATES) != 0 &&
	        json_object_get(o, key->p) != NULL) ||
	    !take(r, ':') || (v = value_of(r)) == NULL)
		return false;
	(void)json_object_set_new(o, key->p, v);
	return true;
}

static json_t *
read_object(struct reading *r)
{
	json_t *o = json_object();
	struct buf key = BUF_INIT(SIZE_MAX / 2);
	bool whole = take(r, '}');

	while (!whole && read_member(r, o, &key)) {
		whole = take(r, '}');
		if (!whole && !take(r, ','))
			break;
	}
	buf_free(&key);
	if (whole)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
read_array(struct reading *r)
{
	json_t *a = json_array(), *v;

	if (take(r, ']'))
		return a;
	while ((v = value_of(r)) != NULL) {
		(void)json_array_append_new(a, v);
		if (take(r, ']'))
			return a;
		if (!take(r, ','))
			break;
	}
	json_decref(a);
	return NULL;
}

static json_t *
read_number(struct reading *r)
{
	char text[64], *end;
	size_t n = 0;
	json_t *v;

	while (r->at + n < r->end && n < sizeof(text) - 1 && r->at[n] != '\0' &&
	    strchr("+-.0123456789eE", r->at[n]) != NULL) {
		text[n] = r->at[n];
		n++;
	}
	text[n] = '\0';
	if (strpbrk(text, ".eE") == NULL)
		v = json_integer(strtoll(text, &end, 10));
	else
		v = json_real(strtod(text, &end));
	if (n == 0 || *end != '\0') {
		json_decref(v);
		return NULL;
	}
	r->at += n;
	return v;
}

static json_t *
read_word(struct reading *r, const char *word, json_t *v)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return NULL;
	r->at += n;
	return v;
}

static json_t *
value_of(struct reading *r)
{
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	json_t *v = NULL;

	if (++r->deep > 2000)
		return NULL;
	switch (next(r)) {
	case '{':
		r->at++;
		v = read_object(r);
		break;
	case '[':
		r->at++;
		v = read_array(r);
		break;
	case '"':
		r->at++;
		if (read_string(r, &text) == 0)
			v = json_stringn(text.p, text.len);
		buf_free(&text);
		break;
	case 't': v = read_word(r, "true", json_true()); break;
	case 'f': v = read_word(r, "false", json_false()); break;
	case 'n': v = read_word(r, "null", json_null()); break;
	default: v = read_number(r); break;
	}
	r->deep--;
	return v;
}

json_t *
json_loadb(const char *text, size_t len, size_t flags, json_error_t *e)
{
	struct reading r = { text, text + len, flags, 0 };
	json_t *v = value_of(&r);

	if (v != NULL && (next(&r) != '\0' || r.at != r.end ||
	    ((flags & JSON_DECODE_ANY) == 0 && !json_is_object(v) &&
	        !json_is_array(v)))) {
		json_decref(v);
		v = NULL;
	}
	if (v == NULL && e != NULL)
		*e = (json_error_t){ .line = 1, .text = "syntax error",
			.column = (int)(r.at - text) + 1 };
	return v;
}

json_t *
json_loads(const char *text, size_t flags, json_error_t *e)
{
	return text != NULL ? json_loadb(text, strlen(text), flags, e) : NULL;
}
