#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "wire.h"

/* -H, -S, -i and -F take a value, in the same word or the next. */
static const char **
valued(struct options *o, char letter)
{
	switch (letter) {
	case 'H':
		return &o->host;
	case 'S':
		return &o->socket;
	case 'i':
		return &o->identity;
	case 'F':
		return &o->config;
	default:
		return NULL;
	}
}

/* Whoever gives --fd has said where the daemon is, and as whom. */
static int
take_fd(struct options *o, const char *value, struct err *e)
{
	int64_t fd;

	if (value == NULL)
		return err_set(e, ERR_USAGE, "--fd: a value is missing");
	if (text_int(value, 3, 1023, "--fd", &fd, e) == -1)
		return -1;
	o->fd = (int)fd;
	return 0;
}

static int
check_fd(const struct options *o, bool socket, struct err *e)
{
	if (o->fd == 0 || (o->host == NULL && o->identity == NULL &&
	    o->config == NULL && !socket))
		return 0;
	return err_set(e, ERR_USAGE, "--fd: goes with none of -H, -S, -i, -F");
}

int
options_parse(int argc, char *const *argv, struct options *o, struct err *e)
{
	const char *env = getenv("MUSTER_SOCKET"), **value;
	const char *usual = env != NULL && *env != '\0' ? env : WIRE_SOCKET;
	int i;

	*o = (struct options){ 0 };
	o->socket = usual;
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			break;			/* the command line's own */
		if (strcmp(s, "--json") == 0)
			o->json = true;
		else if (strcmp(s, "--utc") == 0)
			o->utc = true;
		else if (strcmp(s, "--version") == 0 || strcmp(s, "-V") == 0)
			o->version = true;
		else if (strcmp(s, "--fd") == 0) {
			if (take_fd(o, ++i < argc ? argv[i] : NULL, e) == -1)
				return -1;
		} else if (strcmp(s, "--complete") == 0) {
			o->complete = true;
			i++;
			break;
		} else if ((value = valued(o, s[1])) == NULL)
			return err_set(e, ERR_USAGE, "no option \"%.60s\" "
			    "(muster help)", s);
		else if (s[2] != '\0')
			*value = s + 2;
		else if (++i < argc)
			*value = argv[i];
		else
			return err_set(e, ERR_USAGE, "%s: a value is missing",
			    s);
	}
	o->words = i;
	return check_fd(o, o->socket != usual, e);
}
