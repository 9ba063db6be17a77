/* Ed25519 keys: this node's identity, and how keys are written. */
#ifndef NET_KEY_H
#define NET_KEY_H

#include <libssh/libssh.h>

#include "err.h"

struct key {
	ssh_key ssh;			/* private */
	char	pub[128];		/* "ssh-ed25519 AAAA…" */
	char	fingerprint[64];	/* "SHA256:…", OpenSSH's form */
};

/* Loads path (must be 0600 and ours), or makes it when it does not exist:
 * written beside, fsynced, renamed.  *made tells which. */
int	key_load(struct key *, const char *path, int *made, struct err *);
void	key_clear(struct key *);
/* Both texts of any public key (or of the public half).  pub is empty when it
 * does not fit, as that of an RSA key. */
int	key_of_ssh(ssh_key, char pub[128], char fingerprint[64],
	    struct err *);
/* Checks "TYPE BASE64 [comment]" and writes the canonical form and the
 * fingerprint. */
int	key_parse(const char *text, char pub[128], char fingerprint[64],
	    struct err *);
/* The 32 raw bytes of SHA-256 over the key blob, those of the fingerprint. */
int	key_digest(const char *pub, unsigned char out[32], struct err *);

#endif
