/* The options of the program `muster`, before NOUN VERB. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "err.h"

struct options {
	const char *host;	/* -H; NULL: the local socket */
	const char *socket;	/* -S, else $MUSTER_SOCKET, else the usual */
	const char *identity;	/* -i */
	const char *config;	/* -F */
	int	    fd;		/* --fd, an inherited socket; 0: none */
	bool json, utc, version, complete;
	int words;		/* argv from here on: NOUN VERB ARGS */
};

/* ERR_USAGE names the option. */
int	options_parse(int argc, char *const *argv, struct options *,
	    struct err *);

#endif
