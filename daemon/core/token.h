/* Join tokens (SPEC section 3, step 3): a secret, what it belongs to and the
 * broker's host key, in letters that cannot be mistaken for each other, with a
 * check letter in every group, so that a mistyped token is told apart from a
 * wrong one.  Randomness is the caller's (getrandom); nothing here reads any.
 * Tokens are secrets: only token_short may be logged. */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum token_kind {
	TOKEN_REQUEST,		/* "jt-…": one request, single use */
	TOKEN_INVITE,		/* "ji-…": made first, maybe several uses */
};

enum {
	TOKEN_SECRET = 16,
	TOKEN_DIGEST = 20,	/* first of SHA-256 of the host key blob */
	TOKEN_SALT = 16,
	TOKEN_HASH = 32,
	TOKEN_TEXT = 112,
	TOKEN_SHORT = 16,
};

struct token {
	enum token_kind kind;
	uint32_t	id;	/* of the request or the invite, the broker's */
	unsigned char	secret[TOKEN_SECRET];
	unsigned char	broker[TOKEN_DIGEST];
};

/* Returns out. */
char   *token_text(const struct token *, char out[TOKEN_TEXT]);
/* Takes small letters, blanks and lost hyphens.  ERR_USAGE when it is mistyped
 * (and in which group) or no token at all. */
int	token_parse(const char *text, struct token *, struct err *);
/* What may be logged: "jt_7KD2", of the checksum, not of the secret. */
char   *token_short(const struct token *, char out[TOKEN_SHORT]);

/* What is stored.  The secret is 128 random bits, so one salted SHA-256 is as
 * good as a slow hash. */
void	token_hash(const unsigned char secret[TOKEN_SECRET],
	    const unsigned char salt[TOKEN_SALT],
	    unsigned char out[TOKEN_HASH]);
/* Both compare in constant time. */
bool	token_matches(const struct token *,
	    const unsigned char salt[TOKEN_SALT],
	    const unsigned char hash[TOKEN_HASH]);
/* digest: at least TOKEN_DIGEST bytes of SHA-256 of a host key (key_digest). */
bool	token_is_for(const struct token *, const unsigned char *digest);

#endif
