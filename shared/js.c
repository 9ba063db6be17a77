#include "js.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "utf8.h"

const char *
js_str(const json_t *o, const char *key, const char *def)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : def;
}

int64_t
js_int(const json_t *o, const char *key, int64_t def)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : def;
}

bool
js_bool(const json_t *o, const char *key, bool def)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : def;
}

double
js_num(const json_t *o, const char *key, double def)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : def;
}

json_t *
js_text(const char *s)
{
	struct buf b = BUF_INIT(0);
	json_t *v;
	size_t n;

	if (s == NULL)
		return json_null();
	n = strlen(s);
	if (utf8_valid(s, n))
		return json_string(s);
	b.max = 3 * n + 1;		/* at worst all of it is replaced */
	while (n > 0) {
		uint32_t cp;
		size_t used = utf8_next(s, n, &cp);

		if (used == 0) {
			buf_puts(&b, "\xef\xbf\xbd");
			used = 1;
		} else
			buf_put(&b, s, used);
		s += used;
		n -= used;
	}
	v = json_string(b.p);
	buf_free(&b);
	return v;
}

json_t *
js_time(wall w)
{
	char s[CLOCK_RFC3339];

	return w.ms == 0 ? json_null() : json_string(clock_rfc3339(w, s));
}

wall
js_wall(const json_t *o, const char *key)
{
	const char *s = js_str(o, key, NULL);
	wall w = { 0 };

	if (s == NULL || clock_parse(s, &w, NULL) == -1)
		return (wall){ 0 };
	return w;
}

json_t *
js_secs(int64_t ms)
{
	return ms < 0 ? json_null() : json_real((double)ms / 1000.0);
}

void
js_put_int(json_t *o, const char *key, int64_t v)
{
	(void)json_object_set_new_nocheck(o, key, json_integer(v));
}

void
js_put_bool(json_t *o, const char *key, bool v)
{
	(void)json_object_set_new_nocheck(o, key, json_boolean(v));
}

/* By hand: every heartbeat and its answers are one, and json_pack would take
 * its time over the same three words each time. */
json_t *
js_note(const char *method, json_t *params)
{
	json_t *o = json_object();

	(void)json_object_set_new_nocheck(o, "jsonrpc",
	    json_string_nocheck("2.0"));
	(void)json_object_set_new_nocheck(o, "method",
	    json_string_nocheck(method));
	(void)json_object_set_new_nocheck(o, "params", params);
	return o;
}

json_t *
js_parse(const char *text, size_t len, const char *what, struct err *e)
{
	json_error_t je;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

	if (o == NULL) {
		(void)err_set(e, ERR_USAGE, "%s: not JSON: %s at column %d",
		    what, je.text, je.column);
		return NULL;
	}
	if (!json_is_object(o)) {
		json_decref(o);
		(void)err_set(e, ERR_USAGE, "%s: must be a JSON object", what);
		return NULL;
	}
	return o;
}

/* ---- out: jansson's compact form, without its care for cycles, which our
 * documents have none of, and at a fifth of its cost ---- */

static void
dump_text(struct buf *b, const char *s, size_t n)
{
	static const char special[] = "\"\\\b\f\n\r\t";
	size_t from = 0;

	buf_putc(b, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		const char *at;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(b, s + from, i - from);
		from = i + 1;
		at = c != '\0' ? strchr(special, c) : NULL;
		if (at != NULL) {
			buf_putc(b, '\\');
			buf_putc(b, "\"\\bfnrt"[at - special]);
		} else
			buf_fmt(b, "\\u%04X", (unsigned)c);
	}
	buf_put(b, s + from, n - from);
	buf_putc(b, '"');
}

static void
dump_int(struct buf *b, int64_t v)
{
	char digits[24], *p = digits + sizeof(digits);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

/* 17 digits say every double; the point is there whatever the locale, and an
 * exponent without what it does not need. */
static void
dump_real(struct buf *b, double v)
{
	char text[40], *at, *from;

	if (v > -1e15 && v < 1e15 && v != 0 && (double)(int64_t)v == v) {
		dump_int(b, (int64_t)v);
		buf_puts(b, ".0");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.17g", v);
	at = strchr(text, ',');
	if (at != NULL)
		*at = '.';
	at = strchr(text, 'e');
	if (at == NULL) {
		buf_puts(b, text);
		if (strchr(text, '.') == NULL)
			buf_puts(b, ".0");
		return;
	}
	from = ++at;
	if (*from == '-')
		at++;
	if (*from == '+' || *from == '-')
		from++;
	while (*from == '0')
		from++;
	buf_put(b, text, (size_t)(at - text));
	buf_puts(b, from);
}

static void
dump(struct buf *b, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;
	bool first = true;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		buf_putc(b, '{');
		json_object_foreach((json_t *)v, key, item) {
			if (!first)
				buf_putc(b, ',');
			first = false;
			dump_text(b, key, strlen(key));
			buf_putc(b, ':');
			dump(b, item);
		}
		buf_putc(b, '}');
		break;
	case JSON_ARRAY:
		buf_putc(b, '[');
		json_array_foreach(v, i, item) {
			if (i > 0)
				buf_putc(b, ',');
			dump(b, item);
		}
		buf_putc(b, ']');
		break;
	case JSON_STRING:
		dump_text(b, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		dump_int(b, json_integer_value(v));
		break;
	case JSON_REAL:
		dump_real(b, json_real_value(v));
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
js_dump(const json_t *o)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);

	dump(&b, o);
	return buf_steal(&b);
}
