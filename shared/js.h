/* Small helpers over jansson for documents whose shape we know. */
#ifndef JS_H
#define JS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "err.h"

/* The member of an object, or the default when it is missing or of another
 * type.  js_str borrows from the object. */
const char *js_str(const json_t *, const char *key, const char *def);
int64_t	js_int(const json_t *, const char *key, int64_t def);
bool	js_bool(const json_t *, const char *key, bool def);
double	js_num(const json_t *, const char *key, double def);

/* Text from outside into JSON: bytes that are not UTF-8 become U+FFFD, so that
 * it never fails.  NULL becomes null.  New reference. */
json_t *js_text(const char *);
/* RFC 3339, or null for 0 (no such time).  New reference. */
json_t *js_time(wall);
wall	js_wall(const json_t *, const char *key);	/* 0 when missing */
/* Seconds with three decimals, or null when negative.  New reference. */
json_t *js_secs(int64_t ms);

/* A JSON-RPC notification; takes params.  New reference. */
json_t *js_note(const char *method, json_t *params);
/* Sets a member of an object that is being made; the key is ASCII of ours. */
void	js_put_int(json_t *, const char *key, int64_t);
void	js_put_bool(json_t *, const char *key, bool);

/* Parses one object; the message names what and where. */
json_t *js_parse(const char *text, size_t len, const char *what, struct err *);
/* Compact form, malloc'd; the caller frees. */
char   *js_dump(const json_t *);

#endif
