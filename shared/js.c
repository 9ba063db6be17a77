#include "js.h"

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

char *
js_dump(const json_t *o)
{
	char *s = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY);

	return s != NULL ? s : mem_dup("null");
}
