/* One table of fields describes a struct: names, types, ranges, defaults,
 * help.  The same table reads JSON and text, writes JSON, sets defaults, frees,
 * and finds the nearest name for one that is not there.  The configuration,
 * the cluster settings and the catalogue are such tables. */
#ifndef FIELD_H
#define FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/checks.h"
#include "err.h"

enum field_kind {
	FIELD_TEXT,	/* char *, NULL when absent; min, max: bytes */
	FIELD_CHARS,	/* char[max + 1] within the struct */
	FIELD_STRS,	/* struct strs; one string is a list too; max: count */
	FIELD_DUR,	/* int64_t ms; text "1h30m", in JSON seconds too */
	FIELD_INT,	/* int64_t */
	FIELD_REAL,	/* double; min, max and def in thousandths */
	FIELD_BOOL,	/* bool; with words, written as the one or the other */
	FIELD_WORD,	/* an enum: index into words; "" is no word */
	FIELD_BITS,	/* unsigned: a set of words, bit = index */
	FIELD_CODES,	/* unsigned char[32]: a set of 0..255; def: the only
			 * member by default */
	FIELD_GROUP,	/* sub, whose offsets count from the same struct */
	FIELD_LIST,	/* pointer at off, size_t count at off_n; elements of
			 * size bytes described by sub; max: count */
};

/* A further test of one string; what names it in the message. */
typedef int field_rule(const char *text, const struct checks *,
    const char *what, struct err *);
/* A further test of a whole element of a list, which may also fill in what
 * follows from the rest.  On -1, *name is the field to blame (one of the
 * element's names, or left alone). */
typedef int field_check(void *element, const struct checks *,
    const char **name, struct err *);

struct field {
	const char	   *name;
	enum field_kind	    kind;
	bool		    need;	/* no default: must be given */
	bool		    live;	/* a reload applies it at once */
	size_t		    off, off_n, size;
	int64_t		    min, max, def;
	const char	   *text;	/* default of a text */
	const char *const  *words;	/* NULL-ended */
	field_rule	   *rule;
	const struct field *sub;
	size_t		    nsub;
	const char	   *noun;	/* list: "job"; named in messages */
	field_check	   *check;
	const char	   *help;
};

/* Where an error is: the path of the field as libconfig's lookup takes it,
 * "jobs.[3].retries.delay".  in_file is set by the caller: what is read was a
 * file, where a duration has a unit (a bare number in JSON is seconds). */
struct field_where {
	bool in_file;
	char path[256];
};

enum {
	FIELD_ALL = 1,		/* whatever has a value, also the defaults */
	FIELD_UNITS = 2,	/* durations as text, not as seconds */
};

void	field_defaults(const struct field *, size_t n, void *obj);
void	field_clear(const struct field *, size_t n, void *obj);
/* Reads obj (whatever it held is not freed) from a JSON object: defaults, then
 * what is given.  On -1 obj is cleared; where may be NULL. */
int	field_of_json(const struct field *, size_t n, const json_t *, void *obj,
	    const struct checks *, struct field_where *, struct err *);
/* As field_of_json, for one element outside its list (obj: list->size). */
int	field_element(const struct field *list, const json_t *, void *obj,
	    const struct checks *, struct field_where *, struct err *);
/* New reference; flags as above.  Without FIELD_ALL only what differs from its
 * default. */
json_t *field_json(const struct field *, size_t n, const void *obj,
	    unsigned flags);
/* One scalar from text; what names it in messages.  On -1 obj is as it was. */
int	field_set(const struct field *, void *obj, const char *text,
	    const char *what, const struct checks *, struct err *);
json_t *field_value(const struct field *, const void *obj, unsigned flags);
bool	field_is_default(const struct field *, const void *obj);
/* Words for people: "duration", "1s..7d", "true or false". */
const char *field_type(const struct field *);
char   *field_range(const struct field *, char *out, size_t size);
/* The text form that field_set takes; the caller frees. */
char   *field_text(const struct field *, const void *obj);

/* Rules for field.rule. */
int	field_rule_name(const char *, const struct checks *, const char *what,
	    struct err *);
int	field_rule_path(const char *, const struct checks *, const char *what,
	    struct err *);
int	field_rule_condition(const char *, const struct checks *,
	    const char *what, struct err *);
int	field_rule_zone(const char *, const struct checks *, const char *what,
	    struct err *);

#endif
