/* The desk for those who stand on it: admission and departure. */
#ifndef BROKER_DESK_IMPL_H
#define BROKER_DESK_IMPL_H

#include <string.h>

#include "broker/desk.h"
#include "core/token.h"

enum {
	DESK_HEX = 2 * TOKEN_HASH,	/* a hash in hexadecimal */
	DESK_WRONG_MAX = 5		/* wrong tokens lock a request */
};

struct request {
	char	id[16];
	char   *name, *key, *fingerprint, *address, *message, *version, *words,
	    *reason, *via;
	bool	worker;
	char	state[12];
	char   *hashes;		/* hex of the token's hash, then void ones */
	char	salt[2 * TOKEN_SALT + 1];
	wall	expires, requested, decided;
	int64_t	wrong, member;
	mono	asked;		/* last changed by its node, in this start */
	uint64_t written;	/* desk.begun of that change */
	mono	other_key;	/* no event of another key's try before */
	struct request *next;
};

struct invite {
	char	id[16], hash[DESK_HEX + 1], salt[2 * TOKEN_SALT + 1], state[12];
	bool	worker;
	int64_t uses, used;
	wall	expires, made;
	char   *made_by;
	struct invite *next;
};

struct desk {
	struct request *requests;	/* oldest first */
	struct invite  *invites;
	int64_t		next_id;
	uint64_t	begun;		/* changes ever sent to the disk */
	size_t		storing;	/* of these, still on their way */
	bool		unlike;		/* one of them did not get there */
	mono		change;		/* until then, so many changes */
	int		changes;
	mono		other_key;	/* until then, so many such events */
	int		other_keys;
};

static inline bool
request_is(const struct request *r, const char *state)
{
	return strcmp(r->state, state) == 0;
}

void	request_set(char **dst, const char *src);	/* copies */
void	request_store(const struct request *, struct batch *);
void	invite_store(const struct invite *, struct batch *);
/* The newest of this key; by id, then by name. */
struct request *request_by_key(const struct desk *, const char *key);
struct request *request_find(struct broker *, const char *which, struct err *);
/* The name may be used by this key. */
int	desk_check_name(const struct broker *, const char *name,
	    const char *key, struct err *);
/* Commits, then says the event (of the batch, or NULL) and calls done (may be
 * NULL) with the result (stolen) or the error; what was not stored did not
 * happen. */
void	desk_store_then(struct broker *, struct batch *, struct event *,
	    json_t *result, desk_done *, void *arg);
/* The same for a batch of one's own, in two halves. */
void	desk_storing(struct broker *);
void	desk_stored(struct broker *, enum store_rc);
struct event *desk_audit(struct broker *, struct batch *,
	    const struct request *, const char *code, const char *actor,
	    const char *what);

#endif
