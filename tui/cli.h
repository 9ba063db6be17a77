/* One command from words to exit status (SPEC section 8). */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "ask.h"
#include "cmd.h"
#include "wire.h"

struct cli {
	FILE *out;		/* documents and help */
	struct ask ask;		/* ask.err: messages */
	bool out_terminal;	/* out is one: make all of it safe */
	bool json;
	bool utc;
	bool remote;		/* the daemon is on another machine */
};

/* Before connecting: is --yes there where nobody can be asked?  Completes
 * call->params with the text of files, the token, absolute paths. */
int	cli_prepare(const struct cli *, struct cmd_call *, struct err *);
/* After it: hello, questions, the command, its rendering.  Returns the exit
 * status; the caller closes the wire. */
int	cli_run(struct cli *, struct wire *, struct cmd_call *);
/* Says what went wrong as SPEC section 8 wants it; returns the exit status. */
int	cli_fail(const struct cli *, const struct err *);

#endif
