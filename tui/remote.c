#include "remote.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "clock.h"
#include "mem.h"
#include "text.h"

enum {
	DIAL_SECONDS = 10, WRITE_CHUNK = 32768,
	DEAD_MS = 20000,		/* what is sent and not acknowledged */
	IDLE_SECONDS = 10, PROBE_SECONDS = 5, PROBES = 3
};

struct link {
	ssh_session session;
	ssh_channel channel;
	struct ssh_callbacks_struct cb;
	const struct ask *ask;		/* only while opening */
	char where[TEXT_HOST + 32];	/* HOST:PORT, for messages */
	char host[TEXT_HOST];
	int port;
};

static void
link_close(void *ctx)
{
	struct link *l = ctx;

	if (l->channel != NULL) {
		(void)ssh_channel_close(l->channel);
		ssh_channel_free(l->channel);
	}
	if (l->session != NULL) {
		ssh_disconnect(l->session);
		ssh_free(l->session);
	}
	free(l);
}

static ssize_t
link_read(void *ctx, char *p, size_t size, int timeout_ms, struct err *e)
{
	struct link *l = ctx;
	int n = ssh_channel_poll_timeout(l->channel, timeout_ms, 0);

	if (n == SSH_EOF)
		return 0;
	if (n == 0 && ssh_channel_is_closed(l->channel))
		return 0;
	if (n == 0)
		return err_set(e, ERR_TIMEOUT, "no answer in time");
	if (n > 0)
		n = ssh_channel_read_nonblocking(l->channel, p, (uint32_t)size,
		    0);
	if (n < 0)
		return err_set(e, ERR_IO, "the link to %s broke: %.200s",
		    l->where, ssh_get_error(l->session));
	return n;
}

static int
link_write(void *ctx, const char *p, size_t n, struct err *e)
{
	struct link *l = ctx;

	while (n > 0) {
		uint32_t now = n < WRITE_CHUNK ? (uint32_t)n : WRITE_CHUNK;
		int done = ssh_channel_write(l->channel, p, now);

		if (done <= 0)
			return err_set(e, ERR_IO, "the link to %s broke: "
			    "%.200s", l->where, ssh_get_error(l->session));
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int
link_fd(void *ctx)
{
	const struct link *l = ctx;

	return (int)ssh_get_fd(l->session);
}

/* libssh asks for the passphrase of a key file. */
static int
passphrase(const char *prompt, char *buf, size_t len, int echo, int verify,
    void *ctx)
{
	const struct link *l = ctx;
	char *s;
	int rc;

	(void)echo;
	(void)verify;
	if (l->ask == NULL || !l->ask->terminal)
		return -1;
	s = ask_secret(l->ask, prompt != NULL ? prompt : "Passphrase: ");
	if (s == NULL)
		return -1;
	rc = mem_str(buf, len, s);
	explicit_bzero(s, strlen(s));
	free(s);
	return rc;
}

/* The configuration first, then what was said on the command line. */
static int
configure(struct link *l, const struct remote *r, struct err *e)
{
	const char *at = strrchr(r->target, '@');
	const char *host = at != NULL ? at + 1 : r->target;
	long timeout = DIAL_SECONDS;
	unsigned port = 22;
	bool no = false;
	char *user;

	if (at == r->target)
		return err_set(e, ERR_USAGE, "-H \"%.60s\": no user before @",
		    r->target);
	if (text_host(host, l->host, &l->port, e) == -1)
		return -1;
	l->session = ssh_new();
	if (l->session == NULL)
		return err_set(e, ERR_FAILED, "out of memory");
	ssh_options_set(l->session, SSH_OPTIONS_HOST, l->host);
	ssh_options_set(l->session, SSH_OPTIONS_PROCESS_CONFIG, &no);
	if (r->config == NULL || strcmp(r->config, "none") != 0) {
		int rc = ssh_options_parse_config(l->session, r->config);

		if (rc != SSH_OK && r->config != NULL)
			return err_set(e, ERR_USAGE,
			    "-F %.200s: not a readable ssh configuration",
			    r->config);
	}
	/* 22 is sshd's: nobody means that here, only libssh's default says
	 * so. */
	if (l->port == 0 && ssh_options_get_port(l->session, &port) == SSH_OK)
		l->port = port == 22 ? REMOTE_PORT : (int)port;
	port = (unsigned)l->port;
	ssh_options_set(l->session, SSH_OPTIONS_PORT, &port);
	ssh_options_set(l->session, SSH_OPTIONS_TIMEOUT, &timeout);
	if (at != NULL) {
		user = mem_fmt("%.*s", (int)(at - r->target), r->target);
		ssh_options_set(l->session, SSH_OPTIONS_USER, user);
		free(user);
	}
	(void)snprintf(l->where, sizeof(l->where), "%s:%d", l->host, l->port);
	return 0;
}

static char *
fingerprint(ssh_session s)
{
	unsigned char *hash = NULL;
	ssh_key key = NULL;
	char *text = NULL;
	size_t n;

	if (ssh_get_server_publickey(s, &key) != SSH_OK)
		return NULL;
	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash,
	    &n) == 0)
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256,
		    hash, n);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(key);
	return text;
}

static int
unknown_host(struct link *l, const char *print, struct err *e)
{
	char *q;
	bool yes;

	if (!l->ask->terminal)
		return err_set(e, ERR_CONNECT, "the key of %s is not known "
		    "(%s): compare it with muster key show on that machine, "
		    "then ssh-keyscan -p %d %s >> ~/.ssh/known_hosts",
		    l->where, print, l->port, l->host);
	q = mem_fmt("The key of %s is not known: %s\n"
	    "muster key show on that machine prints the same if it is the "
	    "right one.\nTrust it from now on?", l->where, print);
	yes = ask_yes(l->ask, q, NULL);
	free(q);
	if (!yes)
		return err_set(e, ERR_CONNECT, "the key of %s was not accepted",
		    l->where);
	if (ssh_session_update_known_hosts(l->session) != SSH_OK)
		return err_set(e, ERR_CONNECT, "cannot write known_hosts: "
		    "%.200s", ssh_get_error(l->session));
	return 0;
}

static int
check_host(struct link *l, struct err *e)
{
	enum ssh_known_hosts_e known = ssh_session_is_known_server(l->session);
	char *print = fingerprint(l->session);
	const char *shown = print != NULL ? print : "no fingerprint";
	int rc = -1;

	switch (known) {
	case SSH_KNOWN_HOSTS_OK:
		rc = 0;
		break;
	case SSH_KNOWN_HOSTS_NOT_FOUND:
	case SSH_KNOWN_HOSTS_UNKNOWN:
		rc = unknown_host(l, shown, e);
		break;
	case SSH_KNOWN_HOSTS_CHANGED:
	case SSH_KNOWN_HOSTS_OTHER:
		(void)err_set(e, ERR_CONNECT, "the key of %s is not the known "
		    "one (now %s): another machine answers, or it was "
		    "installed anew; then ssh-keygen -R '[%s]:%d'", l->where,
		    shown, l->host, l->port);
		break;
	case SSH_KNOWN_HOSTS_ERROR:
		(void)err_set(e, ERR_CONNECT, "cannot check the key of %s: "
		    "%.200s", l->where, ssh_get_error(l->session));
		break;
	}
	ssh_string_free_char(print);
	return rc;
}

static int
log_in(struct link *l, const struct remote *r, struct err *e)
{
	ssh_key key = NULL;
	char *user = NULL;
	int rc;

	if (r->identity == NULL)
		rc = ssh_userauth_publickey_auto(l->session, NULL, NULL);
	else if (ssh_pki_import_privkey_file(r->identity, NULL, passphrase, l,
	    &key) != SSH_OK)
		return err_set(e, ERR_USAGE, "-i %.200s: not a readable "
		    "private key", r->identity);
	else
		rc = ssh_userauth_publickey(l->session, NULL, key);
	ssh_key_free(key);
	if (rc == SSH_AUTH_SUCCESS)
		return 0;
	if (ssh_get_status(l->session) & (SSH_CLOSED | SSH_CLOSED_ERROR))
		return err_set(e, ERR_CONNECT, "%s closed the connection: "
		    "%.200s", l->where, ssh_get_error(l->session));
	(void)ssh_options_get(l->session, SSH_OPTIONS_USER, &user);
	(void)err_set(e, ERR_DENIED, "%s refuses your key for %.60s: is it an "
	    "operator's there? (-i KEY, or USER@%s)", l->where,
	    user != NULL ? user : "you", l->host);
	ssh_string_free_char(user);
	return -1;
}

static int
open_channel(struct link *l, struct err *e)
{
	l->channel = ssh_channel_new(l->session);
	if (l->channel != NULL &&
	    ssh_channel_open_session(l->channel) == SSH_OK &&
	    ssh_channel_request_subsystem(l->channel, "muster") == SSH_OK)
		return 0;
	return err_set(e, ERR_CONNECT, "%s speaks SSH but is no musterd: is "
	    "%d the right port?", l->where, l->port);
}

/* A machine or a network that goes away without a word says nothing more, and a
 * command that follows or waits sends nothing: it would wait for ever.  So an
 * idle link is asked, and what is not acknowledged is noticed.  Over a proxy
 * this is no socket of TCP, and the proxy's to notice. */
static void
notice_death(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_MS },
		{ IPPROTO_TCP, TCP_KEEPIDLE, IDLE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPCNT, PROBES },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

struct wire *
remote_open(const struct remote *r, const struct ask *ask, struct err *e)
{
	static const struct wire_ops ops = { link_read, link_write, link_close,
		link_fd };
	struct link *l = mem_zero(1, sizeof(*l));

	l->ask = ask;
	if (configure(l, r, e) == -1)
		goto bad;
	l->cb.userdata = l;
	l->cb.auth_function = passphrase;
	ssh_callbacks_init(&l->cb);
	ssh_set_callbacks(l->session, &l->cb);
	if (ssh_connect(l->session) != SSH_OK) {
		(void)err_set(e, ERR_CONNECT, "cannot reach %s: %.200s",
		    l->where, ssh_get_error(l->session));
		goto bad;
	}
	notice_death((int)ssh_get_fd(l->session));
	if (check_host(l, e) == -1 || log_in(l, r, e) == -1 ||
	    open_channel(l, e) == -1)
		goto bad;
	l->ask = NULL;
	return wire_new(&ops, l);
bad:
	link_close(l);
	return NULL;
}
