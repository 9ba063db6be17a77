#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

static const char *const words[] = { "error", "warn", "info", "debug" };
static enum log_level most = LOG_INFO;

void
log_init(enum log_level level)
{
	most = level;
}

int
log_level_of(const char *word, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	return -1;
}

void
log_at(enum log_level level, const char *subsystem, const char *fmt, ...)
{
	struct buf line = BUF_INIT(8192);
	char text[4096];
	va_list ap;

	if (level > most)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_fmt(&line, "%s %s ", words[level], subsystem);
	buf_safe(&line, text, strlen(text));
	buf_putc(&line, '\n');
	/* One write, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, line.p, line.len) == -1)
		(void)0;
	buf_free(&line);
}
