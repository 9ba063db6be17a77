/* Requests and answers over a wire: JSON-RPC 2.0 as muster-protocol(7) says. */
#ifndef CALL_H
#define CALL_H

#include "cmd.h"
#include "wire.h"

enum { CALL_PROTOCOL = 1 };

/* Agrees on the protocol.  ERR_CONNECT when what answers is no musterd or too
 * old or new. */
int	call_hello(struct wire *, struct err *);

/* A "stream" notification for this request; params is borrowed and may be
 * changed.  -1 ends the call. */
typedef int call_stream_fn(void *ctx, json_t *params, struct err *);

/* Sends the command and waits for its answer: *result is the caller's, NULL
 * when there is none.  Waits without limit for what may take long (follow,
 * --wait), else two minutes without a word are ERR_TIMEOUT. */
int	call_do(struct wire *w, const struct cmd_call *call,
	    call_stream_fn *stream, void *ctx, json_t **result, struct err *e);

#endif
