/* The catalogue as text: muster-catalogue(5), libconfig syntax, as `muster
 * apply` reads it and `muster export` writes it.  Bytes from outside: every
 * limit is checked, and @include is refused (the text is read at the broker,
 * whose files are nobody's business).  Stands on no other room.  Loop
 * thread. */
#ifndef CATALOGUE_TEXT_H
#define CATALOGUE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/checks.h"
#include "core/job.h"
#include "err.h"

enum { CATALOGUE_TEXT_MAX = 1 << 20 };	/* bytes of text */

/* What this version keeps but does not act on yet. */
struct catalogue_warning {
	int   line;
	char *text;	/* `job "nightly": file triggers are kept, …` */
};

struct catalogue_warnings {
	struct catalogue_warning *v;
	size_t			  n;
};

struct catalogue_context {
	struct checks checks;
	/* Whether the broker knows this name already, so that a file may refer
	 * to what it does not itself define.  NULL: it knows nothing. */
	bool (*exists)(enum catalogue_kind, const char *name, void *arg);
	void *arg;
};

/* file is only for messages: `catalogue.conf:12: job "nightly": timeout: must
 * be a duration …`.  On -1 out and warnings are empty. */
int	catalogue_parse(const char *text, const char *file,
	    const struct catalogue_context *, struct catalogue *out,
	    struct catalogue_warnings *, struct err *);
void	catalogue_warnings_clear(struct catalogue_warnings *);
/* Text that catalogue_parse reads back to the same; the caller frees.  Only
 * what differs from a default is written. */
char   *catalogue_export(const struct catalogue *);

#endif
