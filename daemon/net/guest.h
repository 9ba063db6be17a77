/* An SSH client of ours, from accept to its end: key exchange, login by key,
 * one channel, and what it asks for there.  Inside this folder only. */
#ifndef NET_GUEST_H
#define NET_GUEST_H

#include <libssh/server.h>
#include <sys/queue.h>

#include "conn.h"
#include "exec.h"
#include "pty.h"
#include "server.h"

enum guest_state {
	GUEST_LOGIN,		/* until a channel request was granted */
	GUEST_TALK,		/* a session in JSON lines */
	GUEST_EXEC,		/* a command */
	GUEST_CONSOLE,		/* a program of ours on a terminal */
	GUEST_BYE,		/* the command or the console has ended */
	GUEST_GONE
};

enum guest_want { WANT_NOTHING, WANT_SESSION, WANT_EXEC, WANT_SHELL };

struct guest {
	TAILQ_ENTRY(guest) link;	/* server's pending or settled */
	TAILQ_ENTRY(guest) turn;	/* server's FIFO of logins */
	struct server	  *srv;
	enum guest_state   state;
	struct conn	   conn;
	struct ssh_server_callbacks_struct scb;
	struct ssh_channel_callbacks_struct rcb;	/* requests */
	struct peer	   peer;	/* its key only once it is proved */
	bool		   authed, in_turn, pending, patient;
	int		   offers;
	enum guest_want	   want;
	char		  *command;
	struct pty_facts   facts;
	bool		   terminal;	/* the facts are told */
	bool		   resized;	/* they changed */
	uint64_t	   since, deadline;	/* uv_now */
	bool		   eof_told;
	struct session	  *session;
	struct exec	  *exec;
	struct pty	  *pty;
	int		   parts;	/* connection, session, pty */
};

/* Owns fd.  False when no descriptor is left. */
bool	guest_new(struct server *, int fd, const struct sockaddr *, socklen_t);
/* One step of its login. */
void	guest_step(struct guest *);
/* At once; a command is told, a session must have been dropped. */
void	guest_kill(struct guest *);

#endif
