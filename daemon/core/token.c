#include "core/token.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The bytes behind a token: id (4, big-endian), secret, broker, and the first
 * three of SHA-256 over kind and all that.  70 letters of 5 bits, in 14 groups
 * of five letters and one check letter. */
enum {
	CHECK = 3,
	BYTES = 4 + TOKEN_SECRET + TOKEN_DIGEST + CHECK,
	GROUPS = 14,
	DATA = 5,		/* letters a group, without the check letter */
};
_Static_assert(BYTES * 8 <= GROUPS * DATA * 5, "a token fits its groups");
_Static_assert((BYTES - CHECK) * 8 % 5 == 0, "token_short");
_Static_assert(3 + GROUPS * (DATA + 2) <= TOKEN_TEXT, "TOKEN_TEXT");

/* No 0 and O, no 1 and I; L only as a capital. */
static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
static const char *const prefixes[] = { "jt", "ji" };

static int
value_of(char c)
{
	const char *p;

	/* What looks like L can be nothing else. */
	if (c == '1' || c == 'I' || c == 'i')
		c = 'L';
	c = (char)toupper((unsigned char)c);
	p = c == '\0' ? NULL : strchr(letters, c);
	return p == NULL ? -1 : (int)(p - letters);
}

/* Doubling in GF(32), x^5 + x^2 + 1. */
static unsigned
twice(unsigned v)
{
	v <<= 1;
	return (v & 32) != 0 ? v ^ 37 : v;
}

/* Horner's rule over the letters, beginning with the number of the group: one
 * wrong letter, two exchanged ones and exchanged groups never go unseen. */
static unsigned
check_of(const unsigned char v[DATA], unsigned group)
{
	unsigned sum = group + 1;

	for (int i = 0; i < DATA; i++)
		sum = twice(sum) ^ v[i];
	return twice(sum);
}

static void
sha256(const void *a, size_t na, const void *b, size_t nb,
    unsigned char out[TOKEN_HASH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	memset(out, 0, TOKEN_HASH);
	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, a, na) != 1 ||
	    EVP_DigestUpdate(ctx, b, nb) != 1 ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		abort();	/* out of memory, as in mem.h */
	EVP_MD_CTX_free(ctx);
}

static void
seal(enum token_kind kind, const unsigned char *bytes,
    unsigned char out[TOKEN_HASH])
{
	sha256(prefixes[kind], 2, bytes, BYTES - CHECK, out);
}

static void
pack(const struct token *t, unsigned char bytes[BYTES])
{
	unsigned char hash[TOKEN_HASH];

	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(t->id >> (24 - 8 * i));
	memcpy(bytes + 4, t->secret, TOKEN_SECRET);
	memcpy(bytes + 4 + TOKEN_SECRET, t->broker, TOKEN_DIGEST);
	seal(t->kind, bytes, hash);
	memcpy(bytes + BYTES - CHECK, hash, CHECK);
}

/* The i-th five bits; zero past the end. */
static unsigned
bits(const unsigned char bytes[BYTES], int i)
{
	unsigned v = 0;

	for (int b = i * 5; b < i * 5 + 5; b++)
		v = v << 1 |
		    (b < BYTES * 8 ? bytes[b / 8] >> (7 - b % 8) & 1u : 0);
	return v;
}

char *
token_text(const struct token *t, char out[TOKEN_TEXT])
{
	unsigned char bytes[BYTES], v[DATA];
	char *p = out;

	pack(t, bytes);
	*p++ = prefixes[t->kind][0];
	*p++ = prefixes[t->kind][1];
	for (int g = 0; g < GROUPS; g++) {
		*p++ = '-';
		for (int i = 0; i < DATA; i++) {
			v[i] = (unsigned char)bits(bytes, g * DATA + i);
			*p++ = letters[v[i]];
		}
		*p++ = letters[check_of(v, (unsigned)g)];
	}
	*p = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return out;
}

char *
token_short(const struct token *t, char out[TOKEN_SHORT])
{
	unsigned char bytes[BYTES];
	size_t n = 0;

	/* Of the checksum, which tells nothing about the secret that could be
	 * turned round. */
	pack(t, bytes);
	n = (size_t)snprintf(out, TOKEN_SHORT, "%s_", prefixes[t->kind]);
	for (int i = 0; i < 4; i++)
		out[n++] = letters[bits(bytes, (BYTES - CHECK) * 8 / 5 + i)];
	out[n] = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return out;
}

static int
not_a_token(struct err *e)
{
	return err_set(e, ERR_USAGE, "this is not a join token: one begins "
	    "with jt- or ji- and has %d groups of %d letters", GROUPS,
	    DATA + 1);
}

/* The letters of the token, blanks and hyphens left out.  Returns how many, or
 * -1 when there are too many. */
static int
gather(const char *text, char *out, int max)
{
	int n = 0;

	for (; *text != '\0'; text++) {
		if (isspace((unsigned char)*text) || *text == '-')
			continue;
		if (n == max)
			return -1;
		out[n++] = *text;
	}
	out[n] = '\0';
	return n;
}

static int
mistyped(int group, struct err *e)
{
	return err_set(e, ERR_USAGE, "the token is mistyped in group %d of %d "
	    "(after jt- or ji-): compare it and try again", group + 1, GROUPS);
}

static int
decode(const char *p, int n, unsigned char bytes[BYTES], struct err *e)
{
	unsigned char v[DATA];

	memset(bytes, 0, BYTES);
	for (int g = 0; g < GROUPS; g++) {
		for (int i = 0; i <= DATA; i++) {
			int at = g * (DATA + 1) + i, bit, x;

			x = at < n ? value_of(p[at]) : -1;
			if (x == -1)
				return at < n ? mistyped(g, e) :
				    err_set(e, ERR_USAGE, "the token is cut "
					"short: %d of %d letters are there", n,
					GROUPS * (DATA + 1));
			if (i == DATA) {
				if ((unsigned)x != check_of(v, (unsigned)g))
					return mistyped(g, e);
				continue;
			}
			v[i] = (unsigned char)x;
			bit = (g * DATA + i) * 5;
			for (int b = 0; b < 5; b++, bit++)
				if ((x >> (4 - b) & 1) != 0 && bit < BYTES * 8)
					bytes[bit / 8] |= (unsigned char)(1u <<
					    (7 - bit % 8));
		}
	}
	return 0;
}

int
token_parse(const char *text, struct token *t, struct err *e)
{
	char all[2 + GROUPS * (DATA + 1) + 1];
	unsigned char bytes[BYTES], hash[TOKEN_HASH];
	int n = gather(text, all, (int)sizeof(all) - 1), rc = -1;

	memset(t, 0, sizeof(*t));
	if (n >= 0 && n < 2)
		return not_a_token(e);
	if (strncasecmp(all, "jt", 2) != 0 && strncasecmp(all, "ji", 2) != 0)
		return not_a_token(e);
	if (n == -1)
		return err_set(e, ERR_USAGE, "the token is mistyped: it has "
		    "more than %d letters", GROUPS * (DATA + 1));
	t->kind = tolower((unsigned char)all[1]) == 'i' ? TOKEN_INVITE :
							  TOKEN_REQUEST;
	if (decode(all + 2, n - 2, bytes, e) == -1)
		goto out;
	seal(t->kind, bytes, hash);
	if (CRYPTO_memcmp(hash, bytes + BYTES - CHECK, CHECK) != 0) {
		(void)err_set(e, ERR_USAGE, "the token is mistyped in more "
		    "than one place: compare it and try again");
		goto out;
	}
	t->id = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	    (uint32_t)bytes[2] << 8 | bytes[3];
	memcpy(t->secret, bytes + 4, TOKEN_SECRET);
	memcpy(t->broker, bytes + 4 + TOKEN_SECRET, TOKEN_DIGEST);
	rc = 0;
out:
	OPENSSL_cleanse(all, sizeof(all));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return rc;
}

void
token_hash(const unsigned char secret[TOKEN_SECRET],
    const unsigned char salt[TOKEN_SALT], unsigned char out[TOKEN_HASH])
{
	sha256(salt, TOKEN_SALT, secret, TOKEN_SECRET, out);
}

bool
token_matches(const struct token *t, const unsigned char salt[TOKEN_SALT],
    const unsigned char hash[TOKEN_HASH])
{
	unsigned char mine[TOKEN_HASH];

	token_hash(t->secret, salt, mine);
	return CRYPTO_memcmp(mine, hash, TOKEN_HASH) == 0;
}

bool
token_is_for(const struct token *t, const unsigned char *digest)
{
	return CRYPTO_memcmp(t->broker, digest, TOKEN_DIGEST) == 0;
}
