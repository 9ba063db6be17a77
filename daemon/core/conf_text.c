#include "core/conf_text.h"

#include <libconfig.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "utf8.h"

/* libconfig looks for a name in a group by walking it, and recurses into
 * groups: both are bounded before it sees the text. */
enum { DEPTH = 12, NAMES = 200 };

struct conf_text {
	config_t cfg;
	json_t	*json;
	char	*file;
};

static int
at_line(const struct conf_text *t, int line, const char *text, struct err *e)
{
	return err_set(e, ERR_USAGE, "%s:%d: %s", t->file, line, text);
}

/* After a quote, a # or a slash: the end of the string or comment, counting
 * lines.  NULL when it has no end, which libconfig 1.5 would answer with a leak
 * of the string. */
static const char *
skip(const char *p, int *line)
{
	const char *end;

	if (*p == '"') {
		for (p++; *p != '\0' && *p != '"'; p++) {
			if (*p == '\\' && p[1] != '\0')
				p++;
			*line += *p == '\n';
		}
		return *p == '"' ? p + 1 : NULL;
	}
	if (*p == '/' && p[1] == '*') {
		end = strstr(p + 2, "*/");
		for (; *p != '\0' && p != end; p++)
			*line += *p == '\n';
		return *p != '\0' ? p + 2 : NULL;
	}
	if (*p == '#' || (*p == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	return p + 1;
}

/* How far the text was looked over. */
struct look {
	int  depth, line;
	int  names[DEPTH + 1];
	char open[DEPTH + 1];	/* the bracket that opened each depth */
	char last;		/* last character that is no blank or comment */
};

static bool
blank_or_comment(const char *p)
{
	return strchr(" \t\r\n\v\f#", *p) != NULL ||
	    (*p == '/' && (p[1] == '/' || p[1] == '*'));
}

/* Text stands after a sign that asks for a value, or continues another.
 * Elsewhere it is a syntax error which libconfig 1.5 answers with a leak. */
static bool
text_fits(const struct look *l)
{
	return l->last == '=' || l->last == ':' || l->last == '"' ||
	    l->last == '(' || l->last == '[' ||
	    (l->last == ',' && l->open[l->depth] != '{');
}

static const char *
look_at(struct look *l, const char *p)
{
	switch (*p) {
	case '{':
	case '(':
	case '[':
		if (++l->depth > DEPTH)
			return "nested too deeply";
		l->names[l->depth] = 0;
		l->open[l->depth] = *p;
		break;
	case '}':
	case ')':
	case ']':
		l->depth -= l->depth > 0;
		break;
	case '=':
	case ':':
		if (++l->names[l->depth] > NAMES)
			return "too many names in one group";
		break;
	case '"':
		if (!text_fits(l))
			return "syntax error";
		break;
	default:
		break;
	}
	if (!blank_or_comment(p))
		l->last = *p;
	return NULL;
}

static int
limits(const struct conf_text *t, const char *text, struct err *e)
{
	struct look l = { .line = 1, .open = "{" };

	for (const char *p = text; *p != '\0';) {
		const char *why = look_at(&l, p);
		int line = l.line;

		l.line += *p == '\n';
		if (why == NULL && (p = skip(p, &l.line)) == NULL)
			why = "this text or comment has no end";
		if (why != NULL)
			return at_line(t, line, why, e);
	}
	return 0;
}

/* The scanner knows the word at the beginning of a line only, but there even
 * where we might take it for part of a string: refused everywhere. */
static int
no_include(const struct conf_text *t, const char *text, struct err *e)
{
	int line = 1;

	for (const char *p = text; *p != '\0'; line++) {
		p += strspn(p, " \t\r\v\f");
		if (strncmp(p, "@include", 8) == 0)
			return at_line(t, line, "@include is not taken here: "
			    "write everything into one file", e);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return 0;
}

static json_t *to_json(const struct conf_text *, const config_setting_t *,
    struct err *);

static json_t *
members(const struct conf_text *t, const config_setting_t *s, struct err *e)
{
	bool group = config_setting_is_group(s) != 0;
	json_t *out = group ? json_object() : json_array(), *v;
	int n = config_setting_length(s);

	for (int i = 0; i < n; i++) {
		const config_setting_t *el =
		    config_setting_get_elem(s, (unsigned)i);

		if ((v = to_json(t, el, e)) == NULL) {
			json_decref(out);
			return NULL;
		}
		if (group)
			(void)json_object_set_new(out,
			    config_setting_name(el), v);
		else
			(void)json_array_append_new(out, v);
	}
	return out;
}

static json_t *
to_json(const struct conf_text *t, const config_setting_t *s, struct err *e)
{
	json_t *v = NULL;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return json_integer(config_setting_get_int64(s));
	case CONFIG_TYPE_FLOAT:
		if ((v = json_real(config_setting_get_float(s))) == NULL)
			(void)at_line(t, (int)config_setting_source_line(s),
			    "this number is out of range", e);
		return v;
	case CONFIG_TYPE_BOOL:
		return json_boolean(config_setting_get_bool(s));
	case CONFIG_TYPE_STRING:
		if ((v = json_string(config_setting_get_string(s))) == NULL)
			(void)at_line(t, (int)config_setting_source_line(s),
			    "this text is not valid UTF-8", e);
		return v;
	default:
		return members(t, s, e);
	}
}

static int
parse(struct conf_text *t, const char *text, struct err *e)
{
	if (no_include(t, text, e) == -1 || limits(t, text, e) == -1)
		return -1;
	if (config_read_string(&t->cfg, text) != CONFIG_TRUE) {
		const char *why = config_error_text(&t->cfg);

		return at_line(t, config_error_line(&t->cfg),
		    why == NULL ? "syntax error" : why, e);
	}
	t->json = to_json(t, config_root_setting(&t->cfg), e);
	return t->json == NULL ? -1 : 0;
}

struct conf_text *
conf_text_parse(const char *text, size_t most, const char *file, struct err *e)
{
	struct conf_text *t;
	size_t len = strlen(text);

	if (len > most) {
		(void)err_set(e, ERR_USAGE,
		    "%s: must be at most %zu KiB, not %zu", file, most / 1024,
		    (len + 1023) / 1024);
		return NULL;
	}
	if (!utf8_valid(text, len)) {
		(void)err_set(e, ERR_USAGE, "%s: is not valid UTF-8", file);
		return NULL;
	}
	t = mem_zero(1, sizeof(*t));
	t->file = mem_dup(file);
	config_init(&t->cfg);
	if (parse(t, text, e) == 0)
		return t;
	conf_text_free(t);
	return NULL;
}

void
conf_text_free(struct conf_text *t)
{
	if (t == NULL)
		return;
	json_decref(t->json);
	config_destroy(&t->cfg);
	free(t->file);
	free(t);
}

const json_t *
conf_text_json(const struct conf_text *t)
{
	return t->json;
}

int
conf_text_line(const struct conf_text *t, const char *path)
{
	const config_setting_t *s;
	char at[256], *dot;

	(void)MEM_STR(at, path);
	while (at[0] != '\0') {
		if ((s = config_lookup(&t->cfg, at)) != NULL)
			return (int)config_setting_source_line(s);
		if ((dot = strrchr(at, '.')) == NULL)
			break;
		*dot = '\0';
	}
	return 0;
}

int
conf_text_error(const struct conf_text *t, const char *path, struct err *e)
{
	int line = conf_text_line(t, path);
	char why[sizeof(e->msg)];

	if (e == NULL)
		return -1;
	(void)MEM_STR(why, e->msg);
	if (line > 0)
		(void)snprintf(e->msg, sizeof(e->msg), "%.100s:%d: %.380s",
		    t->file, line, why);
	else
		(void)snprintf(e->msg, sizeof(e->msg), "%.100s: %.380s",
		    t->file, why);
	return -1;
}

char *
conf_text_quote(const char *s)
{
	struct buf b = BUF_INIT(1 << 20);

	buf_putc(&b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_fmt(&b, "\\%c", *s);
		else if (*s == '\n')
			buf_puts(&b, "\\n");
		else if (*s == '\t')
			buf_puts(&b, "\\t");
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			buf_fmt(&b, "\\x%02x", (unsigned char)*s);
		else
			buf_putc(&b, *s);
	}
	buf_putc(&b, '"');
	return buf_steal(&b);
}
