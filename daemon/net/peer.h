/* Who is at the other end, as the transport proved it: never as it says. */
#ifndef PEER_H
#define PEER_H

#include <sys/types.h>

enum peer_kind {
	PEER_LOCAL,		/* local socket: uid, gid by SO_PEERCRED */
	PEER_OPERATOR,		/* SSH, a key that an operator owns */
	PEER_NODE,		/* SSH, login name PEER_NODE_USER, any key */
	PEER_LOOPBACK,		/* this daemon's own agent, in process */
};

/* The login name under which nodes speak to a broker. */
#define PEER_NODE_USER "muster-node"

struct peer {
	enum peer_kind kind;
	uid_t	       uid;		/* PEER_LOCAL */
	gid_t	       gid;
	pid_t	       pid;		/* only for the log */
	char	       user[64];	/* Unix user, or SSH login name */
	char	       name[64];	/* operator's name, set by auth */
	char	       key[128];	/* "ssh-ed25519 AAAA…", no comment; empty
					 * for a key of another type */
	char	       fingerprint[64];	/* "SHA256:…" of that key */
	char	       addr[64];	/* "10.0.0.12:51422", "local" */
};

#endif
