#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

static const struct {
	const char *word;
	int	    exit;
} codes[] = {
	[ERR_OK] = { "ok", 0 },
	[ERR_FAILED] = { "refused", 1 },
	[ERR_USAGE] = { "usage", 2 },
	[ERR_CONNECT] = { "cannot_connect", 3 },
	[ERR_DENIED] = { "not_permitted", 4 },
	[ERR_NOTFOUND] = { "not_found", 5 },
	[ERR_TIMEOUT] = { "timed_out", 6 },
	[ERR_STALE] = { "stale", 1 },
	[ERR_BUSY] = { "busy", 1 },
	[ERR_IO] = { "io", 1 },
};
_Static_assert(sizeof(codes) / sizeof(codes[0]) == ERR_NCODES, "err codes");

/* What does not fit, or was cut by a %.40s, is cut between characters: the text
 * goes into JSON and onto terminals. */
static void
whole_characters(char *msg)
{
	size_t n = strlen(msg), to = 0;
	bool bad = false;

	for (size_t at = 0; at < n;) {
		uint32_t cp;
		size_t used = utf8_next(msg + at, n - at, &cp);

		if (used == 0) {	/* one mark for all of them */
			if (!bad)
				msg[to++] = '?';
			bad = true;
			at++;
			continue;
		}
		bad = false;
		memmove(msg + to, msg + at, used);
		to += used;
		at += used;
	}
	msg[to] = '\0';
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	whole_characters(e->msg);
	return -1;
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t len;

	if (e == NULL)
		return -1;
	e->code = ERR_IO;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	(void)snprintf(e->msg + len, sizeof(e->msg) - len, ": %s",
	    strerror(saved));
	whole_characters(e->msg);
	return -1;
}

const char *
err_word(enum err_code code)
{
	return (unsigned)code < ERR_NCODES ? codes[code].word : "refused";
}

enum err_code
err_of_word(const char *word)
{
	for (unsigned i = 0; word != NULL && i < ERR_NCODES; i++)
		if (strcmp(codes[i].word, word) == 0)
			return (enum err_code)i;
	return ERR_FAILED;
}

int
err_exit(enum err_code code)
{
	return (unsigned)code < ERR_NCODES ? codes[code].exit : 1;
}
