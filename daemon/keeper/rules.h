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

#include "keeper/who.h"

enum { RULES_USERS = WHO_MOST - 1, RULES_NAME = WHO_NAME };

struct rules {
	size_t n;
	char   users[RULES_USERS][RULES_NAME];
	char   default_user[RULES_NAME];	/* "" is none */
};

/* path: NULL is no file; it must live on.  owner: musterd's uid. */
void	rules_init(const char *path, uid_t owner);
/* want "" is the default; the rest is as of who_find. */
const struct who *rules_who(const char *want, bool *asked, struct err *);

/* The text of a rules file; name is for the message. */
int	rules_parse(const char *text, size_t n, const char *name,
	    struct rules *, struct err *);

#endif
