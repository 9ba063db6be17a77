/* What lies between a session and its wire: inside this folder only.
 *
 * The session owns framing, queues, limits and the deadlines; the transport
 * moves bytes.  The session calls the table below, the transport calls the
 * functions after it. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "fifo.h"
#include "session.h"

struct transport {
	/* Output waits: send what the wire takes (session_out) and come back
	 * by itself for the rest.  Called from the loop, once a turn. */
	void (*flush)(void *t);
	/* May more input be delivered?  Only called when it changes. */
	void (*read)(void *t, bool on);
	/* Everything is handed over: say goodbye, then session_lost. */
	void (*finish)(void *t);
	/* Ends at once; the session is not touched afterwards. */
	void (*drop)(void *t);
};

struct session *session_new(uv_loop_t *, const struct transport *, void *t,
	    const struct peer *);
struct peer *session_peer_edit(struct session *);
/* The wire is up: ops->open is called in a later turn (a dial only). */
void	session_opened(struct session *);
/* Bytes have come: messages are handled inside.  Bytes after a pause or after
 * the end are kept or dropped here. */
void	session_input(struct session *, const char *, size_t);
/* True while input is to be held back by the wire. */
bool	session_paused(const struct session *);
/* The peer has said everything, but may still listen. */
void	session_eof(struct session *);
/* The wire is gone or of no use: the session drops it in a later turn and
 * tells its owner.  "" for an orderly end. */
void	session_lost(struct session *, const char *why);
struct fifo *session_out(struct session *);
/* Something was taken from session_out. */
void	session_taken(struct session *);
/* Called right after ops->closed: the session is not to be used any more. */
void	session_on_gone(struct session *, void (*)(void *), void *arg);
/* Called when the memory of the session is about to go. */
void	session_on_free(struct session *, void (*)(void *), void *arg);

#endif
