/* As whom a run may run: the keeper's decision (SPEC section 6, "As whom").
 *
 * A keeper that is not root runs everything as itself.  A root keeper asks a
 * root-owned file:
 *	runs: { users = [ "backup", "www-data" ]; default_user = "nobody"; }
 * It is read again when it changes.  Without a file a root keeper whose state
 * directory is root's runs as root (a developer, a container); one that serves
 * another user's musterd refuses.  Never musterd's own user, which owns the
 * host key and the store, when the keeper is root. */
#ifndef KEEPER_RULES_H
#define KEEPER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

enum { RULES_USERS = 256, RULES_NAME = 33 };

struct rules {
	size_t n;
	char   users[RULES_USERS][RULES_NAME];
	char   default_user[RULES_NAME];	/* "" is none */
};

struct who {
	char   name[RULES_NAME];
	char   home[256], shell[128];
	uid_t  uid;
	gid_t  gid;		/* the first; the child looks for the others */
	bool   change;		/* set groups, gid and uid before the exec */
};

/* path: NULL is no file; it must live on.  owner: musterd's uid. */
void	rules_init(const char *path, uid_t owner);
/* want "" is the default.  The result is valid until the next call.  A
 * name is looked up once a minute.  For one in the local file no directory
 * service is asked; for another one it is, and this waits for it. */
const struct who *rules_who(const char *want, struct err *);

/* The text of a rules file; name is for the message. */
int	rules_parse(const char *text, size_t n, const char *name,
	    struct rules *, struct err *);

#endif
