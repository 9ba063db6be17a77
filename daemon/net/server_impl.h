/* The server's inside, for server.c and guest.c. */
#ifndef SERVER_IMPL_H
#define SERVER_IMPL_H

#include "guest.h"
#include "listener.h"

enum {
	SERVER_LISTENERS = 16,
	SERVER_LOGINS = 256,		/* clients not logged in yet */
	SERVER_LOGIN_MS = 10000,
	SERVER_PATIENCE_MS = 60000,	/* a person types a passphrase */
	SERVER_CONSOLES = 16
};

TAILQ_HEAD(guest_list, guest);

struct server_local {			/* a session over a local socket */
	TAILQ_ENTRY(server_local) link;
	struct server  *srv;
	struct session *session;
};

struct server_ear {
	struct server	*srv;
	struct listener *listener;
	char		*path;		/* local socket, or NULL */
	dev_t		 dev;
	ino_t		 ino;
};

struct server {
	uv_loop_t		*loop;
	const struct server_ops *ops;
	void			*ctx;
	ssh_bind		 bind;
	char			*quarantine;
	char			*console;	/* the program, or NULL */
	int			 consoles;	/* children of ours */
	struct server_ear	 ears[SERVER_LISTENERS];
	size_t			 nears;
	struct guest_list	 pending;	/* oldest first */
	struct guest_list	 settled;
	struct guest_list	 turns;		/* logins that can go on */
	size_t			 logins;
	TAILQ_HEAD(, server_local) locals;
	uv_idle_t		 slicer;
	uv_timer_t		 sweep;
	uint64_t		 complained;
	size_t			 live;		/* parts that must go first */
	bool			 closing;
	void		       (*done)(void *);
	void			*arg;
};

/* A login has work; it gets its slice. */
void	server_turn(struct server *, struct guest *);
/* The guest waits for its deadline, or does not any more. */
void	server_pend(struct server *, struct guest *, uint64_t ms);
void	server_settle(struct server *, struct guest *);
void	server_forget(struct server *, struct guest *);
void	server_part_gone(struct server *);
/* A session over a local socket; owns fd.  peer NULL: the kernel knows it. */
void	server_admit(struct server *, int fd, const struct peer *);
/* At most one a second: strangers must not fill the log. */
bool	server_may_complain(struct server *);

#endif
