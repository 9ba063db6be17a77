#include "render.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "utf8.h"

enum format {
	F_PLAIN, F_NUM, F_MS, F_TIME, F_AGE, F_DUR, F_PCT, F_MARK, F_LINK,
	F_COUNT
};

static const char *const formats[F_COUNT] = {
	[F_PLAIN] = "",
	[F_NUM] = "num",
	[F_MS] = "ms",
	[F_TIME] = "time",
	[F_AGE] = "age",
	[F_DUR] = "dur",
	[F_PCT] = "pct",
	[F_MARK] = "mark",
	[F_LINK] = "link",
};

struct column {
	char title[24];
	char path[48];
	enum format fmt;
};

enum {
	CELL_MAX = 64 << 10,
	DEEPEST = 8		/* nested values; beyond it: compact JSON */
};

/* ---- columns ---------------------------------------------------------- */

static enum format
format_of(const char *s, size_t n)
{
	for (size_t i = 0; i < F_COUNT; i++)
		if (strlen(formats[i]) == n && strncmp(formats[i], s, n) == 0)
			return (enum format)i;
	return F_PLAIN;
}

static size_t
columns_parse(const char *s, struct column out[RENDER_COLUMNS])
{
	size_t n = 0;

	while (*s != '\0' && n < RENDER_COLUMNS) {
		size_t len = strcspn(s, " "), eq, colon;
		struct column *c = &out[n++];

		eq = strcspn(s, "=");
		if (eq >= len)
			break;
		colon = eq + 1 + strcspn(s + eq + 1, ": ");
		*c = (struct column){ 0 };
		(void)snprintf(c->title, sizeof(c->title), "%.*s", (int)eq, s);
		(void)snprintf(c->path, sizeof(c->path), "%.*s",
		    (int)(colon - eq - 1), s + eq + 1);
		if (colon < len)
			c->fmt = format_of(s + colon + 1, len - colon - 1);
		s += len;
		s += *s == ' ';
	}
	return n;
}

static const json_t *
at_path(const json_t *o, const char *path)
{
	char name[48];

	while (*path != '\0' && o != NULL) {
		size_t n = strcspn(path, ".");

		(void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
		o = json_object_get(o, name);
		path += n;
		path += *path == '.';
	}
	return o;
}

static bool
right_aligned(enum format f)
{
	return f == F_NUM || f == F_MS || f == F_PCT;
}

/* ---- values ----------------------------------------------------------- */

void
render_dur(struct buf *b, double s)
{
	long long n;

	if (s < 0) {
		buf_putc(b, '-');
		s = -s;
	}
	if (s > 1e12)
		s = 1e12;
	n = (long long)(s + 0.5);
	if (s == 0)
		buf_puts(b, "0s");
	else if (s < 0.9995)
		buf_fmt(b, "%.0fms", s * 1000);
	else if (s < 9.95)
		buf_fmt(b, s == (double)n ? "%.0fs" : "%.1fs", s);
	else if (n < 60)
		buf_fmt(b, "%llds", n);
	else if (n < 3600)
		buf_fmt(b, n % 60 ? "%lldm%llds" : "%lldm", n / 60, n % 60);
	else if (n < 86400)
		buf_fmt(b, n / 60 % 60 ? "%lldh%lldm" : "%lldh", n / 3600,
		    n / 60 % 60);
	else
		buf_fmt(b, n / 3600 % 24 ? "%lldd%lldh" : "%lldd", n / 86400,
		    n / 3600 % 24);
}

/* RFC 3339 as the daemon writes it? */
static bool
is_time(const char *s, wall *w)
{
	return strlen(s) == CLOCK_RFC3339 - 1 && s[10] == 'T' &&
	    s[23] == 'Z' && clock_parse(s, w, NULL) == 0;
}

static void
put_time(struct buf *b, wall w, const struct render *r)
{
	int64_t ms = (w.ms % 1000 + 1000) % 1000;
	time_t t = (time_t)((w.ms - ms) / 1000);
	char day[32], zone[32];
	struct tm tm;

	if ((r->utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		buf_putc(b, '?');
		return;
	}
	buf_puts(b, day);
	if (ms != 0)
		buf_fmt(b, ".%03d", (int)ms);
	if (r->utc)
		buf_putc(b, 'Z');
	else if (strftime(zone, sizeof(zone), " %Z", &tm) > 0)
		buf_puts(b, zone);
}

static void
put_age(struct buf *b, wall w, const struct render *r)
{
	double s = (double)(r->now.ms - w.ms) / 1000;

	if (s < 0) {
		buf_puts(b, "in ");
		render_dur(b, -s);
		return;
	}
	render_dur(b, s);
	buf_puts(b, " ago");
}

static void
put_string(struct buf *b, const json_t *v, enum format f,
    const struct render *r)
{
	const char *s = json_string_value(v);
	wall w;

	if (*s == '\0')
		buf_putc(b, '-');
	else if (!is_time(s, &w))
		buf_safe(b, s, json_string_length(v));
	else if (f == F_AGE)
		put_age(b, w, r);
	else
		put_time(b, w, r);
}

static void
put_number(struct buf *b, const json_t *v, enum format f)
{
	double d = json_number_value(v);

	if (f == F_DUR)
		render_dur(b, d);
	else if (f == F_PCT)
		buf_fmt(b, "%.1f%%", d);
	else if (f == F_MS)
		buf_fmt(b, d < 10 && !json_is_integer(v) ? "%.1fms" : "%.0fms",
		    d);
	else if (json_is_integer(v))
		buf_fmt(b, "%lld", (long long)json_integer_value(v));
	else
		buf_fmt(b, "%.6g", d);
}

static void
put_bool(struct buf *b, bool yes, enum format f)
{
	if (f == F_LINK)
		buf_puts(b, yes ? "up" : "down");
	else if (f == F_MARK)
		buf_puts(b, yes ? "yes" : "-");
	else
		buf_puts(b, yes ? "yes" : "no");
}

static void	put_value(struct buf *, const json_t *, enum format,
		    const struct render *, int depth);

/* A list in one cell: a, b, c. */
static void
put_array(struct buf *b, const json_t *v, const struct render *r, int depth)
{
	json_t *item;
	size_t i;

	if (json_array_size(v) == 0)
		buf_putc(b, '-');
	json_array_foreach((json_t *)v, i, item) {
		if (i > 0)
			buf_puts(b, ", ");
		put_value(b, item, F_PLAIN, r, depth + 1);
	}
}

/* An object in one cell: its name, or its members as "every 2s" or a=1 b=2. */
static void
put_object(struct buf *b, const json_t *v, const struct render *r, int depth)
{
	const json_t *name = json_object_get(v, "name");
	size_t n = json_object_size(v);
	const char *key, *between = "";
	json_t *item;

	if (n == 0)
		buf_putc(b, '-');
	if (json_is_string(name)) {
		put_value(b, name, F_PLAIN, r, depth + 1);
		return;
	}
	json_object_foreach((json_t *)v, key, item) {
		if (json_is_null(item))
			continue;
		buf_puts(b, between);
		buf_safe(b, key, strlen(key));
		buf_putc(b, n == 1 ? ' ' : '=');
		put_value(b, item, F_PLAIN, r, depth + 1);
		between = " ";
	}
}

static void
put_value(struct buf *b, const json_t *v, enum format f,
    const struct render *r, int depth)
{
	if (v == NULL || json_is_null(v))
		buf_putc(b, '-');
	else if (json_is_string(v))
		put_string(b, v, f, r);
	else if (json_is_number(v))
		put_number(b, v, f);
	else if (json_is_boolean(v))
		put_bool(b, json_is_true(v), f);
	else if (depth >= DEEPEST)
		buf_puts(b, "…");
	else if (json_is_array(v))
		put_array(b, v, r, depth);
	else
		put_object(b, v, r, depth);
}

/* ---- tables ----------------------------------------------------------- */

static void
put_spaces(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_putc(b, ' ');
}

/* cell is scratch.  The last column is not padded. */
static void
put_cell(struct buf *b, const struct buf *cell, size_t width, bool right,
    bool last)
{
	size_t n = utf8_cells(cell->p, cell->len);
	size_t pad = width > n ? width - n : 0;

	if (right)
		put_spaces(b, pad);
	buf_put(b, cell->p, cell->len);
	if (!last)
		put_spaces(b, (right ? 0 : pad) + 2);
}

static void
make_cell(struct buf *cell, const json_t *row, const struct column *c,
    const struct render *r)
{
	buf_clear(cell);
	if (json_is_object(row))
		put_value(cell, at_path(row, c->path), c->fmt, r, 0);
	else
		put_value(cell, row, c->fmt, r, 0);
	if (cell->failed)
		buf_clear(cell);
}

static void
put_line(struct buf *b, const json_t *row, const struct column *c, size_t n,
    const size_t *width, const struct render *r)
{
	struct buf cell = BUF_INIT(CELL_MAX);

	for (size_t i = 0; i < n; i++) {
		make_cell(&cell, row, &c[i], r);
		put_cell(b, &cell, width[i], right_aligned(c[i].fmt),
		    i + 1 == n);
	}
	buf_putc(b, '\n');
	buf_free(&cell);
}

static void
widen(size_t *width, const json_t *row, const struct column *c, size_t n,
    const struct render *r)
{
	struct buf cell = BUF_INIT(CELL_MAX);

	for (size_t i = 0; i < n; i++) {
		size_t cells;

		make_cell(&cell, row, &c[i], r);
		cells = utf8_cells(cell.p, cell.len);
		if (cells > width[i])
			width[i] = cells;
	}
	buf_free(&cell);
}

static void
put_table(struct buf *b, const json_t *rows, const struct column *c, size_t n,
    int indent, const struct render *r)
{
	size_t width[RENDER_COLUMNS], i;
	json_t *row;

	for (i = 0; i < n; i++)
		width[i] = strlen(c[i].title);
	json_array_foreach((json_t *)rows, i, row)
		widen(width, row, c, n, r);
	put_spaces(b, (size_t)indent);
	for (i = 0; i < n; i++) {
		struct buf title = BUF_INIT(sizeof(c[i].title));

		buf_puts(&title, c[i].title);
		put_cell(b, &title, width[i], right_aligned(c[i].fmt),
		    i + 1 == n);
		buf_free(&title);
	}
	buf_putc(b, '\n');
	json_array_foreach((json_t *)rows, i, row) {
		put_spaces(b, (size_t)indent);
		put_line(b, row, c, n, width, r);
	}
}

/* Columns for a list that the table of commands says nothing about: the
 * members of its first row. */
static size_t
columns_guess(const json_t *row, struct column out[RENDER_COLUMNS])
{
	const char *key;
	json_t *v;
	size_t n = 0;

	json_object_foreach((json_t *)row, key, v) {
		struct column *c = &out[n];
		struct buf safe = BUF_INIT(256);

		if (n == RENDER_COLUMNS)
			break;
		if (strchr(key, '.') != NULL || strlen(key) >= sizeof(c->title))
			continue;
		buf_safe(&safe, key, strlen(key));
		*c = (struct column){ 0 };
		(void)snprintf(c->title, sizeof(c->title), "%.*s",
		    (int)sizeof(c->title) - 1, safe.p);
		for (char *p = c->title; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
		(void)snprintf(c->path, sizeof(c->path), "%s", key);
		c->fmt = json_is_number(v) ? F_NUM : F_PLAIN;
		buf_free(&safe);
		n++;
	}
	return n;
}

/* ---- documents -------------------------------------------------------- */

static void	put_members(struct buf *, const json_t *, const struct column *,
		    size_t, int indent, const struct render *, int depth);

static bool
is_table(const json_t *v)
{
	return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

static void
put_member(struct buf *b, const char *key, const json_t *v, enum format f,
    size_t width, int indent, const struct render *r, int depth)
{
	struct column guess[RENDER_COLUMNS];
	size_t n;

	put_spaces(b, (size_t)indent);
	n = b->len;
	buf_safe(b, key, strlen(key));
	buf_putc(b, ':');
	if (depth < DEEPEST && is_table(v)) {
		buf_putc(b, '\n');
		n = columns_guess(json_array_get(v, 0), guess);
		put_table(b, v, guess, n, indent + 2, r);
		return;
	}
	if (depth < DEEPEST && json_is_object(v) && json_object_size(v) > 0) {
		buf_putc(b, '\n');
		put_members(b, v, NULL, 0, indent + 2, r, depth + 1);
		return;
	}
	n = b->len - n;
	put_spaces(b, (width > n ? width - n : 0) + 1);
	put_value(b, v, f, r, depth);
	buf_putc(b, '\n');
}

static void
put_members(struct buf *b, const json_t *o, const struct column *c, size_t n,
    int indent, const struct render *r, int depth)
{
	size_t width = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)o, key, v)
		if (strlen(key) + 1 > width && strlen(key) < 24)
			width = strlen(key) + 1;
	json_object_foreach((json_t *)o, key, v) {
		enum format f = F_PLAIN;

		for (size_t i = 0; i < n; i++)
			if (strcmp(c[i].path, key) == 0)
				f = c[i].fmt;
		put_member(b, key, v, f, width, indent, r, depth);
	}
}

/* A change that answers {"message": …} says that; the rest is for --json.  One
 * that has something to show, as join token, shows it. */
static bool
put_message(struct buf *b, const struct cmd *cmd, const struct column *c,
    size_t n, const json_t *doc)
{
	const json_t *m = json_object_get(doc, "message");

	if (!(cmd->flags & CMD_CHANGES) || json_is_array(doc) ||
	    (n > 0 && at_path(doc, c[0].path) != NULL))
		return false;
	if (doc == NULL || json_is_null(doc) || json_is_true(doc) ||
	    (json_is_object(doc) && json_object_size(doc) == 0)) {
		buf_puts(b, "done\n");
		return true;
	}
	if (!json_is_string(m))
		return false;
	buf_safe(b, json_string_value(m), json_string_length(m));
	buf_putc(b, '\n');
	return true;
}

void
render_doc(struct buf *b, const struct cmd *cmd, const json_t *doc,
    const struct render *r)
{
	struct column c[RENDER_COLUMNS];
	size_t n = columns_parse(cmd->columns, c);

	if (put_message(b, cmd, c, n, doc))
		return;
	if (json_is_array(doc)) {
		if (n == 0)
			n = columns_guess(json_array_get(doc, 0), c);
		if (n == 0) {
			(void)snprintf(c[0].title, sizeof(c[0].title), "VALUE");
			c[0].path[0] = '\0';
			c[0].fmt = F_PLAIN;
			n = 1;
		}
		put_table(b, doc, c, n, 0, r);
		return;
	}
	if (json_is_object(doc)) {
		put_members(b, doc, c, n, 0, r, 0);
		return;
	}
	put_value(b, doc, F_PLAIN, r, 0);
	buf_putc(b, '\n');
}

void
render_row(struct buf *b, const struct cmd *cmd, const json_t *row,
    const struct render *r, struct render_widths *w)
{
	struct column c[RENDER_COLUMNS];
	size_t n = columns_parse(cmd->columns, c);

	if (n == 0)
		n = columns_guess(row, c);
	widen(w->cell, row, c, n, r);
	put_line(b, row, c, n, w->cell, r);
}

void
render_json(struct buf *b, const json_t *doc, bool oneline, bool terminal)
{
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) |
	    (oneline ? JSON_COMPACT : JSON_INDENT(2)) |
	    (terminal ? JSON_ENSURE_ASCII : 0);
	char *s = json_dumps(doc != NULL ? doc : json_null(), flags);

	for (const char *p = s != NULL ? s : "null"; *p != '\0'; p++)
		if (*p == 0x7f && terminal)	/* jansson leaves DEL alone */
			buf_puts(b, "\\u007f");
		else
			buf_putc(b, *p);
	buf_putc(b, '\n');
	free(s);
}

void
render_raw(struct buf *b, const char *s, size_t n, bool terminal)
{
	if (!terminal) {
		buf_put(b, s, n);
		return;
	}
	while (n > 0) {
		size_t line = 0;

		while (line < n && s[line] != '\n' && s[line] != '\t')
			line++;
		buf_safe(b, s, line);
		if (line < n)
			buf_putc(b, s[line++]);
		s += line;
		n -= line;
	}
}
