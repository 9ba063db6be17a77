/* What became of a command, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "store/store.h"

const char *
store_rc_word(enum store_rc rc)
{
	static const char *const word[STORE_NRCS] = {
		[STORE_OK] = "ok",
		[STORE_NO] = "no",
		[STORE_CONFLICT] = "conflict",
		[STORE_FENCED] = "fenced",
		[STORE_BUSY] = "busy",
		[STORE_DOWN] = "down",
		[STORE_AMBIGUOUS] = "ambiguous",
	};

	return (unsigned)rc < STORE_NRCS ? word[rc] : "?";
}

int
store_err(enum store_rc rc, struct err *e, const char *what, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, what);
	(void)vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	if (rc == STORE_DOWN || rc == STORE_AMBIGUOUS)
		return err_set(e, ERR_IO, "%s: not known whether it was "
		    "stored: the broker's store broke, and its musterd ends: "
		    "look before you try again (muster doctor)", text);
	return err_set(e, ERR_IO, "%s: nothing was stored (%s): %s", text,
	    store_rc_word(rc), rc == STORE_BUSY
	        ? "free disk space at the broker, then try again"
	        : "muster doctor on the broker says why");
}
