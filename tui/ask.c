#include "ask.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "utf8.h"

/* NULL at the end of input.  The caller frees. */
static char *
get_line(FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n = getline(&line, &size, in);

	if (n == -1) {
		free(line);
		return NULL;
	}
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		line[--n] = '\0';
	return line;
}

bool
ask_yes(const struct ask *a, const char *question, const char *name)
{
	char *line;
	bool yes;

	(void)fprintf(a->err, "%s [y/N] ", question);
	(void)fflush(a->err);
	line = get_line(a->in);
	if (line == NULL)
		(void)fputc('\n', a->err);
	yes = line != NULL && (strcasecmp(line, "y") == 0 ||
	    strcasecmp(line, "yes") == 0 ||
	    (name != NULL && *name != '\0' && strcmp(line, name) == 0));
	free(line);
	return yes;
}

char *
ask_secret(const struct ask *a, const char *prompt)
{
	int fd = fileno(a->in);
	struct termios old, quiet;
	bool tty = tcgetattr(fd, &old) == 0;
	char *line;

	(void)fprintf(a->err, "%s", prompt);
	(void)fflush(a->err);
	if (tty) {
		quiet = old;
		/* ISIG off: Ctrl-C must not leave the terminal silent. */
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		(void)tcsetattr(fd, TCSAFLUSH, &quiet);
	}
	line = get_line(a->in);
	if (tty) {
		(void)tcsetattr(fd, TCSAFLUSH, &old);
		(void)fputc('\n', a->err);
	}
	if (line != NULL && (*line == '\0' || strchr(line, 3) != NULL)) {
		free(line);
		line = NULL;
	}
	return line;
}

char *
ask_line(const struct ask *a, const char *what, struct err *e)
{
	char *line = get_line(a->in);

	if (line != NULL && *line != '\0')
		return line;
	free(line);
	(void)err_set(e, ERR_USAGE, "%s: nothing on standard input", what);
	return NULL;
}

int
ask_file(const struct ask *a, const char *path, struct buf *b, struct err *e)
{
	FILE *f = strcmp(path, "-") == 0 ? a->in : fopen(path, "re");
	char chunk[8192];
	bool broken;
	size_t n;

	if (f == NULL) {
		(void)err_sys(e, "cannot read %.300s", path);
		return -1;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_put(b, chunk, n);
	broken = ferror(f);
	if (broken)
		(void)err_sys(e, "cannot read %.300s", path);
	if (f != a->in)
		(void)fclose(f);
	if (broken)
		return -1;
	if (b->failed)
		return err_set(e, ERR_USAGE, "%.300s: larger than %zu KiB",
		    path, b->max / 1024);
	if (!utf8_valid(b->p, b->len) || memchr(b->p, '\0', b->len) != NULL)
		return err_set(e, ERR_USAGE, "%.300s: not UTF-8 text", path);
	return 0;
}
