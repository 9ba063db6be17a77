#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

/* The longest canonical form is RSA 16384; only Ed25519 must fit key.pub. */
enum { KEY_TEXT = 4096 };

static int
describe(ssh_key k, char pub[128], char fingerprint[64], struct err *e)
{
	unsigned char *hash = NULL;
	size_t n = 0;
	char *b64 = NULL, *fp = NULL;
	int rc = -1;

	pub[0] = fingerprint[0] = '\0';
	if (ssh_pki_export_pubkey_base64(k, &b64) != SSH_OK ||
	    ssh_get_publickey_hash(k, SSH_PUBLICKEY_HASH_SHA256, &hash, &n) !=
	    0 || (fp = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256,
	    hash, n)) == NULL) {
		err_set(e, ERR_FAILED, "key: cannot be written as text");
		goto out;
	}
	/* A longer key is known by its fingerprint alone. */
	if (snprintf(pub, 128, "%s %s", ssh_key_type_to_char(ssh_key_type(k)),
	    b64) >= 128)
		pub[0] = '\0';
	rc = mem_str(fingerprint, 64, fp);
out:
	ssh_string_free_char(b64);
	ssh_string_free_char(fp);
	ssh_clean_pubkey_hash(&hash);
	return rc;
}

static int
sync_folder(const char *path)
{
	char *copy = mem_dup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	free(copy);
	if (fd == -1)
		return -1;
	rc = fsync(fd);
	(void)close(fd);
	return rc;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return fsync(fd);
}

/* Beside, fsynced, linked: never half a key under its name, and never in the
 * place of a key that somebody else has put there meanwhile. */
static int
make(const char *path, struct err *e)
{
	char *tmp = mem_fmt("%s.new", path), *text = NULL;
	ssh_key k = NULL;
	int fd = -1, rc = -1;

	if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &k) != SSH_OK ||
	    ssh_pki_export_privkey_base64(k, NULL, NULL, NULL, &text) !=
	    SSH_OK) {
		err_set(e, ERR_FAILED, "%s: cannot make a key", path);
		goto out;
	}
	if (unlink(tmp) == -1 && errno != ENOENT) {
		err_sys(e, "%s: cannot be removed", tmp);
		goto out;
	}
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1 || fchmod(fd, 0600) == -1 ||
	    write_all(fd, text, strlen(text)) == -1) {
		err_sys(e, "%s: cannot write the key; is the state directory "
		    "ours, and the disk not full?", tmp);
		goto out;
	}
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == -1 &&
	    (errno != EINVAL || rename(tmp, path) == -1)) {
		err_sys(e, "%s: cannot put the new key in place", path);
		goto out;
	}
	if (sync_folder(path) == -1) {
		err_sys(e, "%s: cannot make the new key durable", path);
		goto out;
	}
	rc = 0;
out:
	if (fd != -1)
		(void)close(fd);
	if (rc == -1)
		(void)unlink(tmp);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	ssh_string_free_char(text);
	ssh_key_free(k);
	free(tmp);
	return rc;
}

/* Reads the private key's file; its mode and owner are checked on the open
 * descriptor, so that they are those of the bytes read. */
static int
slurp(const char *path, char text[KEY_TEXT], struct err *e)
{
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = -1;

	if (fd == -1)
		return err_sys(e, "%s: cannot be opened", path);
	if (fstat(fd, &st) == -1)
		err_sys(e, "%s: cannot be read", path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, ERR_FAILED, "%s: is not a file; move it away and a "
		    "new key is made", path);
	else if (st.st_uid != geteuid())
		err_set(e, ERR_FAILED, "%s: belongs to uid %u, not to us; "
		    "chown %u %s", path, (unsigned)st.st_uid,
		    (unsigned)geteuid(), path);
	else if ((st.st_mode & 07777) != 0600)
		err_set(e, ERR_FAILED, "%s: has mode %04o, others may know "
		    "this key; chmod 600 %s, or muster key reset", path,
		    (unsigned)(st.st_mode & 07777), path);
	else if ((n = read(fd, text, KEY_TEXT - 1)) == -1)
		err_sys(e, "%s: cannot be read", path);
	else {
		text[n] = '\0';
		rc = 0;
	}
	(void)close(fd);
	return rc;
}

int
key_load(struct key *key, const char *path, int *made, struct err *e)
{
	char text[KEY_TEXT];
	struct stat st;
	int rc;

	memset(key, 0, sizeof(*key));
	*made = 0;
	if (lstat(path, &st) == -1 && errno == ENOENT) {
		if (make(path, e) == -1)
			return -1;
		*made = 1;
	}
	if (slurp(path, text, e) == -1)
		return -1;
	rc = ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key->ssh);
	explicit_bzero(text, sizeof(text));
	if (rc != SSH_OK || ssh_key_type(key->ssh) != SSH_KEYTYPE_ED25519) {
		key_clear(key);
		return err_set(e, ERR_FAILED, "%s: is not an Ed25519 key "
		    "without a passphrase; put the right one back, or move "
		    "it away and a new key is made", path);
	}
	if (describe(key->ssh, key->pub, key->fingerprint, e) == -1) {
		key_clear(key);
		return -1;
	}
	return 0;
}

void
key_clear(struct key *key)
{
	ssh_key_free(key->ssh);
	memset(key, 0, sizeof(*key));
}

int
key_of_ssh(ssh_key k, char pub[128], char fingerprint[64], struct err *e)
{
	return describe(k, pub, fingerprint, e);
}

/* Cuts "TYPE BASE64 …" into its first two words. */
static int
cut(const char *text, char type[64], char b64[KEY_TEXT])
{
	size_t n;

	text += strspn(text, " \t");
	n = strcspn(text, " \t\r\n");
	if (n == 0 || n >= 64)
		return -1;
	memcpy(type, text, n);
	type[n] = '\0';
	text += n;
	text += strspn(text, " \t");
	n = strcspn(text, " \t\r\n");
	if (n == 0 || n >= KEY_TEXT)
		return -1;
	memcpy(b64, text, n);
	b64[n] = '\0';
	return 0;
}

static int
import(const char *text, ssh_key *k, struct err *e)
{
	char type[64], b64[KEY_TEXT];
	enum ssh_keytypes_e t;

	if (cut(text, type, b64) == -1)
		return err_set(e, ERR_USAGE, "key: expected \"TYPE BASE64 "
		    "[comment]\" as in a .pub file");
	t = ssh_key_type_from_name(type);
	if (t == SSH_KEYTYPE_UNKNOWN)
		return err_set(e, ERR_USAGE, "key: unknown type; expected "
		    "ssh-ed25519, ecdsa-sha2-nistp256, ssh-rsa, …");
	if (ssh_pki_import_pubkey_base64(b64, t, k) != SSH_OK)
		return err_set(e, ERR_USAGE, "key: what follows %s is not such "
		    "a key in base64; copy the whole line of the .pub file",
		    type);
	if (ssh_key_type(*k) != t) {
		ssh_key_free(*k);
		*k = NULL;
		return err_set(e, ERR_USAGE, "key: says %s but holds another "
		    "type; copy the whole line of the .pub file", type);
	}
	return 0;
}

int
key_parse(const char *text, char pub[128], char fingerprint[64],
    struct err *e)
{
	ssh_key k = NULL;
	int rc;

	pub[0] = fingerprint[0] = '\0';
	if (import(text, &k, e) == -1)
		return -1;
	rc = describe(k, pub, fingerprint, e);
	ssh_key_free(k);
	return rc;
}

int
key_digest(const char *pub, unsigned char out[32], struct err *e)
{
	unsigned char *hash = NULL;
	ssh_key k = NULL;
	size_t n = 0;
	int rc = -1;

	if (import(pub, &k, e) == -1)
		return -1;
	if (ssh_get_publickey_hash(k, SSH_PUBLICKEY_HASH_SHA256, &hash, &n) ==
	    0 && n == 32) {
		memcpy(out, hash, 32);
		rc = 0;
	} else
		err_set(e, ERR_FAILED, "key: cannot be hashed");
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(k);
	return rc;
}
