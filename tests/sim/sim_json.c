/* The part of jansson.h that the broker and the nodes use, for one thread: a
 * third of a simulated hour went into hash tables of a dozen keys, and into
 * looking for bytes that are not UTF-8 in texts of our own.  An object is a
 * list here, in the order of its keys; what would be a wrong use of the
 * library, and NULL there, ends the process.  See sim_json_text.c. */
#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct member {
	struct member *next;
	json_t	      *value;
	size_t	       len;
	char	       key[];
};

struct object {
	json_t		head;
	size_t		size;
	struct member  *first, **end;
	struct member  *near;	/* behind what was found last: texts are read
				 * in the order in which they were written */
};

struct array {
	json_t	 head;
	size_t	 n, cap;
	json_t **v;
};

struct string {
	json_t head;
	size_t len;
	char   text[];
};

struct number {
	json_t head;
	union {
		json_int_t integer;
		double	   real;
	} v;
};

static void *
make(json_type type, size_t size)
{
	json_t *v = mem_grow(NULL, size);

	v->type = type;
	v->refcount = 1;
	return v;
}

/* ---- scalars ---- */

json_t *
json_stringn(const char *text, size_t len)
{
	struct string *s = make(JSON_STRING, sizeof(*s) + len + 1);

	s->len = len;
	memcpy(s->text, text, len);
	s->text[len] = '\0';
	return &s->head;
}

json_t *
json_string(const char *text)
{
	return text != NULL ? json_stringn(text, strlen(text)) : NULL;
}

json_t *
json_string_nocheck(const char *text)
{
	return json_string(text);
}

json_t *
json_sprintf(const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(text));
	return json_stringn(text, (size_t)n);
}

const char *
json_string_value(const json_t *v)
{
	return json_is_string(v) ? ((const struct string *)v)->text : NULL;
}

size_t
json_string_length(const json_t *v)
{
	return json_is_string(v) ? ((const struct string *)v)->len : 0;
}

json_t *
json_integer(json_int_t n)
{
	struct number *v = make(JSON_INTEGER, sizeof(*v));

	v->v.integer = n;
	return &v->head;
}

json_int_t
json_integer_value(const json_t *v)
{
	return json_is_integer(v) ? ((const struct number *)v)->v.integer : 0;
}

json_t *
json_real(double n)
{
	struct number *v = make(JSON_REAL, sizeof(*v));

	v->v.real = n;
	return &v->head;
}

double
json_real_value(const json_t *v)
{
	return json_is_real(v) ? ((const struct number *)v)->v.real : 0;
}

double
json_number_value(const json_t *v)
{
	return json_is_integer(v) ? (double)json_integer_value(v)
				  : json_real_value(v);
}

json_t *
json_true(void)
{
	static json_t the = { JSON_TRUE, (size_t)-1 };

	return &the;
}

json_t *
json_false(void)
{
	static json_t the = { JSON_FALSE, (size_t)-1 };

	return &the;
}

json_t *
json_null(void)
{
	static json_t the = { JSON_NULL, (size_t)-1 };

	return &the;
}

/* ---- arrays ---- */

json_t *
json_array(void)
{
	struct array *a = make(JSON_ARRAY, sizeof(*a));

	a->n = a->cap = 0;
	a->v = NULL;
	return &a->head;
}

static struct array *
array_of(const json_t *v)
{
	return json_is_array(v) ? (struct array *)v : NULL;
}

size_t
json_array_size(const json_t *v)
{
	const struct array *a = array_of(v);

	return a != NULL ? a->n : 0;
}

json_t *
json_array_get(const json_t *v, size_t i)
{
	const struct array *a = array_of(v);

	return a != NULL && i < a->n ? a->v[i] : NULL;
}

int
json_array_insert_new(json_t *v, size_t i, json_t *value)
{
	struct array *a = array_of(v);

	assert(a != NULL && value != NULL && i <= a->n);
	if (a->n == a->cap) {
		a->cap = a->cap == 0 ? 4 : 2 * a->cap;
		a->v = mem_grow(a->v, a->cap * sizeof(json_t *));
	}
	memmove(a->v + i + 1, a->v + i, (a->n - i) * sizeof(json_t *));
	a->v[i] = value;
	a->n++;
	return 0;
}

int
json_array_append_new(json_t *v, json_t *value)
{
	return json_array_insert_new(v, json_array_size(v), value);
}

int
json_array_set_new(json_t *v, size_t i, json_t *value)
{
	struct array *a = array_of(v);

	assert(a != NULL && value != NULL && i < a->n);
	json_decref(a->v[i]);
	a->v[i] = value;
	return 0;
}

int
json_array_remove(json_t *v, size_t i)
{
	struct array *a = array_of(v);

	if (a == NULL || i >= a->n)
		return -1;
	json_decref(a->v[i]);
	a->n--;
	memmove(a->v + i, a->v + i + 1, (a->n - i) * sizeof(json_t *));
	return 0;
}

int
json_array_clear(json_t *v)
{
	while (json_array_size(v) > 0)
		(void)json_array_remove(v, json_array_size(v) - 1);
	return 0;
}

/* ---- objects ---- */

void
json_object_seed(size_t seed)
{
	(void)seed;
}

json_t *
json_object(void)
{
	struct object *o = make(JSON_OBJECT, sizeof(*o));

	o->size = 0;
	o->first = NULL;
	o->end = &o->first;
	o->near = NULL;
	return &o->head;
}

static struct object *
object_of(const json_t *v)
{
	return json_is_object(v) ? (struct object *)v : NULL;
}

static bool
is(const struct member *m, const char *key, size_t len)
{
	return m->len == len && m->key[0] == key[0] &&
	    memcmp(m->key, key, len) == 0;
}

static struct member *
find(struct object *o, const char *key, size_t len)
{
	struct member *m = o->near;

	if (m == NULL || !is(m, key, len))
		for (m = o->first; m != NULL && !is(m, key, len); m = m->next)
			continue;
	if (m != NULL)
		o->near = m->next;
	return m;
}

size_t
json_object_size(const json_t *v)
{
	const struct object *o = object_of(v);

	return o != NULL ? o->size : 0;
}

json_t *
json_object_get(const json_t *v, const char *key)
{
	struct object *o = object_of(v);
	const struct member *m;

	if (o == NULL || key == NULL)
		return NULL;
	m = find(o, key, strlen(key));
	return m != NULL ? m->value : NULL;
}

int
json_object_set_new_nocheck(json_t *v, const char *key, json_t *value)
{
	struct object *o = object_of(v);
	size_t len = strlen(key);
	struct member *m;

	assert(o != NULL && value != NULL && value != v);
	m = find(o, key, len);
	if (m != NULL) {
		json_decref(m->value);
		m->value = value;
		return 0;
	}
	m = mem_grow(NULL, sizeof(*m) + len + 1);
	m->next = NULL;
	m->value = value;
	m->len = len;
	memcpy(m->key, key, len + 1);
	*o->end = m;
	o->end = &m->next;
	o->size++;
	return 0;
}

int
json_object_set_new(json_t *v, const char *key, json_t *value)
{
	return json_object_set_new_nocheck(v, key, value);
}

int
json_object_del(json_t *v, const char *key)
{
	struct object *o = object_of(v);
	struct member **link, *m;

	if (o == NULL || (m = find(o, key, strlen(key))) == NULL)
		return -1;
	for (link = &o->first; *link != m; link = &(*link)->next)
		continue;
	*link = m->next;
	if (o->end == &m->next)
		o->end = link;
	o->size--;
	json_decref(m->value);
	free(m);
	return 0;
}

void *
json_object_iter(json_t *v)
{
	const struct object *o = object_of(v);

	return o != NULL ? o->first : NULL;
}

void *
json_object_iter_next(json_t *v, void *iter)
{
	(void)v;
	return iter != NULL ? ((struct member *)iter)->next : NULL;
}

void *
json_object_key_to_iter(const char *key)
{
	return key != NULL ? (char *)key - offsetof(struct member, key) : NULL;
}

const char *
json_object_iter_key(void *iter)
{
	return iter != NULL ? ((struct member *)iter)->key : NULL;
}

json_t *
json_object_iter_value(void *iter)
{
	return iter != NULL ? ((struct member *)iter)->value : NULL;
}

int
json_object_update(json_t *v, json_t *other)
{
	const char *key;
	json_t *value;

	if (object_of(v) == NULL || object_of(other) == NULL)
		return -1;
	json_object_foreach(other, key, value)
		(void)json_object_set(v, key, value);
	return 0;
}

/* ---- all of them ---- */

static void
object_delete(struct object *o)
{
	struct member *m, *next;

	for (m = o->first; m != NULL; m = next) {
		next = m->next;
		json_decref(m->value);
		free(m);
	}
}

void
json_delete(json_t *v)
{
	struct array *a = array_of(v);

	if (a != NULL) {
		(void)json_array_clear(v);
		free(a->v);
	} else if (v->type == JSON_OBJECT)
		object_delete((struct object *)v);
	free(v);
}

static json_t *
copy(const json_t *v, bool deep)
{
	json_t *to, *value;
	const char *key;
	size_t i;

	switch (v->type) {
	case JSON_OBJECT:
		to = json_object();
		json_object_foreach((json_t *)v, key, value)
			(void)json_object_set_new(to, key, deep
			    ? copy(value, true) : json_incref(value));
		return to;
	case JSON_ARRAY:
		to = json_array();
		json_array_foreach(v, i, value)
			(void)json_array_append_new(to, deep
			    ? copy(value, true) : json_incref(value));
		return to;
	case JSON_STRING:
		return json_stringn(json_string_value(v),
		    json_string_length(v));
	case JSON_INTEGER:
		return json_integer(json_integer_value(v));
	case JSON_REAL:
		return json_real(json_real_value(v));
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return (json_t *)v;
}

json_t *
json_copy(json_t *v)
{
	return v != NULL ? copy(v, false) : NULL;
}

json_t *
json_deep_copy(const json_t *v)
{
	return v != NULL ? copy(v, true) : NULL;
}

static bool
same_members(json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(a, key, value)
		if (!json_equal(value, json_object_get(b, key)))
			return false;
	return true;
}

static bool
same_elements(const json_t *a, const json_t *b)
{
	size_t i, n = json_array_size(a);

	for (i = 0; n == json_array_size(b) && i < n; i++)
		if (!json_equal(json_array_get(a, i), json_array_get(b, i)))
			return false;
	return n == json_array_size(b);
}

int
json_equal(const json_t *a, const json_t *b)
{
	if (a == NULL || b == NULL || a->type != b->type)
		return 0;
	switch (a->type) {
	case JSON_OBJECT:
		return same_members((json_t *)a, b);
	case JSON_ARRAY:
		return same_elements(a, b);
	case JSON_STRING:
		return json_string_length(a) == json_string_length(b) &&
		    memcmp(json_string_value(a), json_string_value(b),
		    json_string_length(a)) == 0;
	case JSON_INTEGER:
		return json_integer_value(a) == json_integer_value(b);
	case JSON_REAL:
		return json_real_value(a) == json_real_value(b);
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return 1;
}
