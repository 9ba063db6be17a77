#include "options.h"

#include <stdlib.h>
#include <string.h>

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

int
options_parse(int argc, char *const *argv, struct options *o, struct err *e)
{
	const char *env = getenv("MUSTER_SOCKET"), **value;
	int i;

	*o = (struct options){ 0 };
	o->socket = env != NULL && *env != '\0' ? env : WIRE_SOCKET;
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
		else if (strcmp(s, "--complete") == 0) {
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
	return 0;
}
