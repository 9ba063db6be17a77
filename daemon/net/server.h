/* The listening side: one SSH port for agents, commands and consoles, and the
 * local socket.  Loop thread only. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdbool.h>
#include <uv.h>

#include "err.h"
#include "key.h"
#include "session.h"

/* `ssh host VERB …`: one command line, one answer. */
struct exec;
const struct peer *exec_peer(const struct exec *);
/* The client asked for a terminal (ssh -t). */
bool	exec_terminal(const struct exec *);
/* Standard output, or standard error when err is set; -1 when the peer is gone
 * or too far behind. */
int	exec_write(struct exec *, bool err, const char *, size_t);
size_t	exec_queued(const struct exec *);
/* Ends it with this exit status after everything is written. */
void	exec_end(struct exec *, int status);
/* gone is called once if the peer leaves before exec_end; the exec is freed
 * after it returns.  input is what the peer sends on standard input, NULL at
 * its end. */
void	exec_own(struct exec *, void (*gone)(struct exec *, void *),
	    void (*input)(struct exec *, const char *, size_t, void *), void *);
/* Told when the queue fell below SESSION_HIGH / 2 after it had been above: for
 * long output, with the ctx of exec_own. */
void	exec_drained(struct exec *, void (*)(struct exec *, void *));

struct server_ops {
	/* May this key log in under this name?  Fills kind and name of peer.
	 * Called before the signature is checked and again after it; only the
	 * transport decides that the key was proved. */
	bool (*auth)(void *ctx, struct peer *);
	/* A new JSON session (subsystem "muster" or the local socket): the
	 * callee calls session_own inside.  Return false to refuse. */
	bool (*open)(void *ctx, struct session *);
	void (*exec)(void *ctx, struct exec *, const char *command);
};

struct server;

struct server *server_new(uv_loop_t *, const struct server_ops *, void *ctx,
	    const struct key *);
/* Keys in this file are refused (quarantine.h); the watchdog writes it. */
void	server_quarantine(struct server *, const char *path);
/* The program that is the console; without it `ssh -t` is told that there is
 * none. */
void	server_console(struct server *, const char *program);
/* address: "::" (both families), "localhost" (127.0.0.1 and ::1), or a numeric
 * address.  Port 0 is refused here: the caller does not listen then. */
int	server_listen(struct server *, const char *address, int port,
	    struct err *);
/* Refuses when somebody answers there; replaces a dead socket.  0660. */
int	server_listen_local(struct server *, const char *path, struct err *);
/* Closes listeners and every session (closed is called for each), then calls
 * done when all handles are gone; the server is freed then. */
void	server_close(struct server *, void (*done)(void *), void *arg);

#endif
