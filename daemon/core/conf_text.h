/* libconfig text as a JSON object, so that one kind of table reads files and
 * messages alike; and the lines of what is in it, for messages.  Used for
 * musterd.conf(5) and muster-catalogue(5).  @include is refused: the catalogue
 * comes over the network, and the broker's files are nobody's business. */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "err.h"

struct conf_text;

/* most: bytes of text.  `file:12: syntax error`, ERR_USAGE. */
struct conf_text *conf_text_parse(const char *text, size_t most,
	    const char *file, struct err *);
void	conf_text_free(struct conf_text *);
/* Borrowed, valid until conf_text_free. */
const json_t *conf_text_json(const struct conf_text *);
/* The line of a path as struct field_where has it, or of the nearest thing
 * around it that is there; 0 for the whole file. */
int	conf_text_line(const struct conf_text *, const char *path);
/* Puts `file:12: ` before the message. */
int	conf_text_error(const struct conf_text *, const char *path,
	    struct err *);
/* A string as libconfig reads it back, with its quotes; the caller frees. */
char   *conf_text_quote(const char *);

#endif
