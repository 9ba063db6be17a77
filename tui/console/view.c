#include "view.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "utf8.h"

void
view_id(const json_t *row, const char *key, char out[VIEW_ID])
{
	const json_t *v = json_object_get(row, key);

	if (json_is_integer(v))
		(void)snprintf(out, VIEW_ID, "%lld",
		    (long long)json_integer_value(v));
	else
		(void)mem_str(out, VIEW_ID,
		    json_is_string(v) ? json_string_value(v) : "");
}

const json_t *
view_path(const json_t *row, const char *path)
{
	char part[64];

	while (*path != '\0' && row != NULL) {
		size_t n = strcspn(path, ".");

		(void)snprintf(part, sizeof(part), "%.*s", (int)n, path);
		row = json_object_get(row, part);
		path += path[n] == '.' ? n + 1 : n;
	}
	return row;
}

static bool
value_has(const json_t *v, const char *word, int depth)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(v))
		return strcasestr(json_string_value(v), word) != NULL;
	if (json_is_integer(v)) {
		char n[24];

		(void)snprintf(n, sizeof(n), "%lld",
		    (long long)json_integer_value(v));
		return strcmp(n, word) == 0;
	}
	if (depth == 0)
		return false;
	json_array_foreach((json_t *)v, i, item)
		if (value_has(item, word, depth - 1))
			return true;
	json_object_foreach((json_t *)v, key, item)
		if (value_has(item, word, depth - 1))
			return true;
	return false;
}

bool
view_match(const json_t *row, const char *filter)
{
	char word[VIEW_FILTER];

	while (*filter != '\0') {
		size_t n = strcspn(filter, " ");
		char *colon;

		(void)snprintf(word, sizeof(word), "%.*s", (int)n, filter);
		filter += filter[n] == ' ' ? n + 1 : n;
		colon = strchr(word, ':');
		if (n == 0)
			continue;
		if (colon != NULL && colon != word) {
			const json_t *v;

			*colon = '\0';
			v = view_path(row, word);
			if (v != NULL) {
				if (!value_has(v, colon + 1, 2))
					return false;
				continue;
			}
			*colon = ':';
		}
		if (!value_has(row, word, 2))
			return false;
	}
	return true;
}

struct sorted {
	const json_t *row;
	const char *text;
	double num;
	size_t at;
};

static int
compare(const void *va, const void *vb)
{
	const struct sorted *a = va, *b = vb;
	int c;

	if (a->text != NULL && b->text != NULL)
		c = strverscmp(a->text, b->text);
	else if (a->text != NULL || b->text != NULL)
		c = a->text != NULL ? 1 : -1;
	else
		c = a->num < b->num ? -1 : a->num > b->num;
	return c != 0 ? c : a->at < b->at ? -1 : 1;
}

static void
sort_rows(const struct view *v, struct view_rows *r, const char *path)
{
	struct sorted *s = mem_zero(r->n + 1, sizeof(*s));

	for (size_t i = 0; i < r->n; i++) {
		const json_t *val = view_path(r->row[i], path);

		s[i] = (struct sorted){ r->row[i], json_string_value(val),
			json_is_boolean(val) ? json_is_true(val)
			: json_is_number(val) ? json_number_value(val) : -1,
			i };
	}
	qsort(s, r->n, sizeof(*s), compare);
	for (size_t i = 0; i < r->n; i++)
		r->row[i] = s[v->desc ? r->n - 1 - i : i].row;
	free(s);
}

void
view_rows(const struct view *v, const json_t *list, const char *key,
    const char *sort_path, struct view_rows *r)
{
	*r = (struct view_rows){ .all = json_array_size(list) };
	r->row = mem_zero(r->all + 1, sizeof(*r->row));
	for (size_t i = 0; i < r->all; i++) {
		const json_t *row = json_array_get(list, i);

		if (v->filter[0] == '\0' || view_match(row, v->filter))
			r->row[r->n++] = row;
	}
	if (sort_path != NULL && r->n > 1)
		sort_rows(v, r, sort_path);
	view_find(v, key, r);
}

int
view_widest(const struct view_rows *r, const char *path)
{
	int most = 0;

	for (size_t i = 0; i < r->n; i++) {
		const json_t *v = view_path(r->row[i], path);
		int n = json_is_string(v) ? (int)utf8_cells(
		    json_string_value(v), json_string_length(v)) : 0;

		most = n > most ? n : most;
	}
	return most;
}

void
view_find(const struct view *v, const char *key, struct view_rows *r)
{
	char id[VIEW_ID];

	r->sel = r->n;
	for (size_t i = 0; i < r->n && v->sel[0] != '\0'; i++) {
		view_id(r->row[i], key, id);
		if (strcmp(id, v->sel) == 0) {
			r->sel = i;
			break;
		}
	}
	if (v->sel[0] == '\0' && r->n > 0)
		r->sel = 0;
}

void
view_rows_free(struct view_rows *r)
{
	if (!r->borrowed)
		free(r->row);
	*r = (struct view_rows){ 0 };
}

static void
take(struct view *v, const struct view_rows *r, const char *key, size_t at)
{
	view_id(r->row[at], key, v->sel);
	v->was = at;
}

void
view_move(struct view *v, const struct view_rows *r, const char *key, long n)
{
	long at = (long)(r->sel < r->n ? r->sel : v->was);
	long last = (long)r->n - 1;

	if (r->n == 0)
		return;
	at = n < -last ? 0 : n > last ? last : at + n;
	at = at < 0 ? 0 : at > last ? last : at;
	take(v, r, key, (size_t)at);
}

void
view_settle(struct view *v, const struct view_rows *r, const char *key)
{
	if (r->n == 0)
		return;
	if (r->sel < r->n)
		take(v, r, key, r->sel);
	else
		take(v, r, key, v->was < r->n ? v->was : r->n - 1);
}

void
view_scroll(struct view *v, const struct view_rows *r, size_t height)
{
	size_t sel = r->sel < r->n ? r->sel : 0;

	height = height > 0 ? height : 1;
	if (v->top > sel)
		v->top = sel;
	if (sel >= v->top + height)
		v->top = sel - height + 1;
	if (r->n <= height)
		v->top = 0;
	else if (v->top > r->n - height)
		v->top = r->n - height;
}

void
view_toggle_mark(struct view *v, const char *id)
{
	if (v->marks == NULL)
		v->marks = json_object();
	if (json_object_del(v->marks, id) == -1)
		(void)json_object_set_new(v->marks, id, json_true());
}

bool
view_marked(const struct view *v, const char *id)
{
	return json_object_get(v->marks, id) != NULL;
}
