#include "broker/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "broker/dispatch.h"
#include "broker/gate.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "core/token.h"
#include "core/words.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum {
	PENDING_MAX = 1000,
	PENDING_PER_ADDRESS = 5,
	PENDING_MS = 24 * 3600 * 1000,
	WRONG_MAX = 5,
	MESSAGE_MAX = 200,		/* characters */
	HEX = 2 * TOKEN_HASH,
	VOID_MAX = 8			/* void tokens that are still told apart */
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
	struct request *next;
};

struct invite {
	char	id[16], hash[HEX + 1], salt[2 * TOKEN_SALT + 1], state[12];
	bool	worker;
	int64_t uses, used;
	wall	expires, made;
	char   *made_by;
	struct invite *next;
};

struct departure {
	int64_t	   member;
	char	   state[12];
	char	  *reason, *actor;
	mono	   until;
	bool	   storing;
	desk_done *done;
	void	  *arg;
	struct broker *b;
	struct departure *next;
};

struct desk {
	struct request	 *requests;	/* oldest first */
	struct invite	 *invites;
	struct departure *departures;
	int64_t		  next_id;
};

/* ---- hex ---- */

static void
hex(const unsigned char *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static int
unhex(const char *s, unsigned char *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v;

		if (sscanf(s + 2 * i, "%2x", &v) != 1)
			return -1;
		out[i] = (unsigned char)v;
	}
	return 0;
}

/* ---- on disk ---- */

static void
set(char **dst, const char *src)
{
	char *copy = mem_dup(src);

	free(*dst);
	*dst = copy;
}

static void
request_free(struct request *r)
{
	free(r->name);
	free(r->key);
	free(r->fingerprint);
	free(r->address);
	free(r->message);
	free(r->version);
	free(r->words);
	free(r->reason);
	free(r->via);
	free(r->hashes);
	free(r);
}

static void
request_store(const struct request *r, struct batch *batch)
{
	batch_add(batch, S_REQUEST_PUT, "ttttttttttttt" "iiiii" "t", r->id,
	    r->name, r->key, r->fingerprint, r->address, r->message,
	    r->worker ? "worker" : "agent", r->version, r->words, r->state,
	    r->reason, r->hashes, r->salt, r->expires.ms, r->wrong,
	    r->requested.ms, r->decided.ms, r->member, r->via);
}

static void
count_id(struct desk *d, const char *id)
{
	int64_t n = strtoll(id, NULL, 10);

	if (n >= d->next_id)
		d->next_id = n + 1;
}

static int
on_request(const struct row *row, void *arg)
{
	struct desk *d = arg;
	struct request **at = &d->requests, *r = mem_zero(1, sizeof(*r));

	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
	(void)MEM_STR(r->id, row_text(row, 0));
	count_id(d, r->id);
	r->name = mem_dup(row_text(row, 1));
	r->key = mem_dup(row_text(row, 2));
	r->fingerprint = mem_dup(row_text(row, 3));
	r->address = mem_dup(row_text(row, 4));
	r->message = mem_dup(row_text(row, 5));
	r->worker = row_text(row, 6) != NULL &&
	    strcmp(row_text(row, 6), "worker") == 0;
	r->version = mem_dup(row_text(row, 7));
	r->words = mem_dup(row_text(row, 8));
	(void)MEM_STR(r->state, row_text(row, 9));
	r->reason = mem_dup(row_text(row, 10));
	r->hashes = mem_dup(row_text(row, 11));
	(void)MEM_STR(r->salt, row_text(row, 12) != NULL ? row_text(row, 12)
							 : "");
	r->expires.ms = row_int(row, 13);
	r->wrong = row_int(row, 14);
	r->requested.ms = row_int(row, 15);
	r->decided.ms = row_int(row, 16);
	r->member = row_int(row, 17);
	r->via = mem_dup(row_text(row, 18));
	return 0;
}

static int
on_invite(const struct row *row, void *arg)
{
	struct desk *d = arg;
	struct invite *i = mem_zero(1, sizeof(*i));

	(void)MEM_STR(i->id, row_text(row, 0));
	count_id(d, i->id);
	(void)MEM_STR(i->hash, row_text(row, 1));
	(void)MEM_STR(i->salt, row_text(row, 2));
	i->worker = row_text(row, 3) != NULL &&
	    strcmp(row_text(row, 3), "worker") == 0;
	i->uses = row_int(row, 4);
	i->used = row_int(row, 5);
	i->expires.ms = row_int(row, 6);
	i->made_by = mem_dup(row_text(row, 7));
	i->made.ms = row_int(row, 8);
	(void)MEM_STR(i->state, row_text(row, 9));
	i->next = d->invites;
	d->invites = i;
	return 0;
}

static void
invite_store(const struct invite *i, struct batch *batch)
{
	batch_add(batch, S_INVITE_PUT, "ttttiiitit", i->id, i->hash, i->salt,
	    i->worker ? "worker" : "agent", i->uses, i->used, i->expires.ms,
	    i->made_by, i->made.ms, i->state);
}

struct desk *
desk_load(struct broker *b)
{
	struct desk *d = mem_zero(1, sizeof(*d));

	d->next_id = 1;
	b->desk = d;
	(void)store_query(b->store, S_REQUEST_ALL, on_request, d, "");
	(void)store_query(b->store, S_INVITE_ALL, on_invite, d, "");
	return d;
}

static void
departure_free(struct departure *p)
{
	free(p->reason);
	free(p->actor);
	free(p);
}

void
desk_free(struct desk *d)
{
	if (d == NULL)
		return;
	while (d->requests != NULL) {
		struct request *r = d->requests;

		d->requests = r->next;
		request_free(r);
	}
	while (d->invites != NULL) {
		struct invite *i = d->invites;

		d->invites = i->next;
		free(i->made_by);
		free(i);
	}
	while (d->departures != NULL) {
		struct departure *p = d->departures;

		d->departures = p->next;
		departure_free(p);
	}
	free(d);
}

/* ---- a change on its way to the disk ---- */

struct pending {
	struct broker *b;
	json_t	      *result;
	desk_done     *done;
	void	      *arg;
};

static void
on_stored(enum store_rc rc, void *arg)
{
	struct pending *p = arg;
	struct err e;

	if (rc == STORE_OK)
		p->done(p->arg, p->result, NULL);
	else {
		(void)err_set(&e, ERR_IO, "join: nothing was stored (%s): free "
		    "disk space at the broker, then try again",
		    store_rc_word(rc));
		p->done(p->arg, NULL, &e);
	}
	json_decref(p->result);
	free(p);
}

/* result is stolen. */
static void
store_then(struct broker *b, struct batch *batch, json_t *result,
    desk_done *done, void *arg)
{
	struct pending *p = mem_zero(1, sizeof(*p));

	p->b = b;
	p->result = result;
	p->done = done;
	p->arg = arg;
	store_submit(b->store, batch, on_stored, p);
}

static void
fail(desk_done *done, void *arg, const struct err *e)
{
	done(arg, NULL, e);
}

/* ---- requests ---- */

static bool
is(const struct request *r, const char *state)
{
	return strcmp(r->state, state) == 0;
}

static bool
open_state(const struct request *r)
{
	return is(r, "pending") || is(r, "accepted");
}

static struct request *
by_key(const struct desk *d, const char *key)
{
	struct request *found = NULL;

	for (struct request *r = d->requests; r != NULL; r = r->next)
		if (strcmp(r->key, key) == 0)
			found = r;	/* the newest */
	return found;
}

size_t
desk_pending(const struct broker *b)
{
	size_t n = 0;

	for (const struct request *r = b->desk->requests; r != NULL;
	     r = r->next)
		n += is(r, "pending");
	return n;
}

static size_t
host_len(const char *addr)
{
	const char *colon = strrchr(addr, ':');

	return colon != NULL ? (size_t)(colon - addr) : strlen(addr);
}

static int
check_room(const struct desk *d, const char *addr, struct err *e)
{
	size_t all = 0, same = 0, len = host_len(addr);

	for (const struct request *r = d->requests; r != NULL; r = r->next) {
		if (!open_state(r))
			continue;
		all++;
		same += host_len(r->address) == len &&
		    strncmp(r->address, addr, len) == 0;
	}
	if (all >= PENDING_MAX)
		return err_set(e, ERR_BUSY, "join: %d requests are waiting "
		    "already: accept or reject some at the broker", PENDING_MAX);
	if (same >= PENDING_PER_ADDRESS)
		return err_set(e, ERR_BUSY, "join: %d requests from this "
		    "address are waiting already: have them accepted or "
		    "rejected first", PENDING_PER_ADDRESS);
	return 0;
}

static int
check_name(const struct broker *b, const char *name, const char *key,
    struct err *e)
{
	const struct member *m = roster_by_name(b->roster, name);

	if (text_name(name, "name", e) == -1)
		return -1;
	if (m != NULL && strcmp(m->key, key) != 0 && member_active(m))
		return err_set(e, ERR_FAILED, "join: the name %s is taken in "
		    "%s: choose another with --name", name,
		    b->set.cluster_name);
	return 0;
}

static json_t *
answer(const struct broker *b, const struct request *r)
{
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:o,s:s}", "id", r->id, "state",
	    r->state, "words", r->words, "reason", js_text(r->reason),
	    "fingerprint", b->key->fingerprint, "cluster",
	    js_text(b->set.cluster_name), "broker", b->node);
}

static int
check_request(struct broker *b, const struct peer *peer, const json_t *params,
    struct err *e)
{
	const char *message = js_str(params, "message", "");
	const char *as = js_str(params, "as", "agent");
	const struct member *m = roster_by_key(b->roster, peer->key);

	if (!b->open || !b->awake)
		return gate_not_a_broker(b, e);
	if (peer->key[0] == '\0')
		return err_set(e, ERR_USAGE, "join: a node's key is Ed25519");
	if (m != NULL && member_active(m))
		return err_set(e, ERR_FAILED, "join: this node is a member of "
		    "%s already, as %s", b->set.cluster_name, m->name);
	if (strcmp(as, "agent") != 0 && strcmp(as, "worker") != 0)
		return err_set(e, ERR_USAGE, "join: as must be agent or "
		    "worker, not \"%.20s\"", as);
	if (!utf8_valid(message, strlen(message)) ||
	    utf8_count(message, strlen(message)) > MESSAGE_MAX)
		return err_set(e, ERR_USAGE, "join: the message must be UTF-8 "
		    "of at most %d characters", MESSAGE_MAX);
	return check_name(b, js_str(params, "name", ""), peer->key, e);
}

void
desk_request(struct broker *b, const struct peer *peer, const json_t *params,
    desk_done *done, void *arg)
{
	struct desk *d = b->desk;
	struct request *r = by_key(d, peer->key);
	struct batch *batch;
	struct err e;
	char words[WORDS_TEXT];

	if (check_request(b, peer, params, &e) == -1) {
		fail(done, arg, &e);
		return;
	}
	if (r == NULL || (!open_state(r) && !is(r, "locked"))) {
		struct request **at = &d->requests;

		if (check_room(d, peer->addr, &e) == -1) {
			fail(done, arg, &e);
			return;
		}
		r = mem_zero(1, sizeof(*r));
		(void)snprintf(r->id, sizeof(r->id), "%lld",
		    (long long)d->next_id++);
		(void)MEM_STR(r->state, "pending");
		r->requested = b->now.wall;
		while (*at != NULL)
			at = &(*at)->next;
		*at = r;
	} else if (is(r, "locked")) {
		(void)err_set(&e, ERR_DENIED, "join: this request is locked "
		    "after %d wrong tokens: have it rejected at the broker, "
		    "then ask again", WRONG_MAX);
		fail(done, arg, &e);
		return;
	}
	set(&r->name, js_str(params, "name", ""));
	set(&r->key, peer->key);
	set(&r->fingerprint, peer->fingerprint);
	set(&r->address, peer->addr);
	set(&r->message, js_str(params, "message", ""));
	set(&r->version, js_str(params, "version", ""));
	set(&r->via, js_str(params, "via", NULL));
	set(&r->words, words_of(peer->key, b->key->pub, words));
	r->worker = strcmp(js_str(params, "as", "agent"), "worker") == 0;
	batch = batch_new();
	request_store(r, batch);
	(void)event_add(b->events, b->now.wall, SEV_NOTICE, "join_requested",
	    r->name, NULL, json_pack("{s:s,s:s,s:s}", "id", r->id,
	    "fingerprint", r->fingerprint, "address", r->address),
	    "%s (%s) asks to join as %s: \"%s\"", r->name, r->address,
	    r->worker ? "worker" : "agent", r->message);
	store_then(b, batch, answer(b, r), done, arg);
}

json_t *
desk_poll(struct broker *b, const struct peer *peer)
{
	const struct request *r = by_key(b->desk, peer->key);

	return r != NULL ? answer(b, r) : json_pack("{s:s}", "state", "none");
}

/* ---- completing ---- */

static bool
hash_is(const char *hex_hash, const char *hex_salt, const struct token *t)
{
	unsigned char hash[TOKEN_HASH], salt[TOKEN_SALT];

	return unhex(hex_hash, hash, sizeof(hash)) == 0 &&
	    unhex(hex_salt, salt, sizeof(salt)) == 0 &&
	    token_matches(t, salt, hash);
}

/* A wrong token is counted; the fifth locks the request. */
static void
wrong(struct broker *b, struct request *r, struct err *e)
{
	struct batch *batch = batch_new();

	if (++r->wrong >= WRONG_MAX)
		(void)MEM_STR(r->state, "locked");
	request_store(r, batch);
	store_submit(b->store, batch, NULL, NULL);
	(void)event_add(b->events, b->now.wall, SEV_WARN, "token_wrong",
	    r->name, NULL, NULL, "a wrong token from %s (%lld of %d)%s",
	    r->name, (long long)r->wrong, WRONG_MAX,
	    r->wrong >= WRONG_MAX ? ": its request is locked" : "");
	(void)err_set(e, ERR_DENIED, "join: wrong token (%lld of %d tries%s)",
	    (long long)r->wrong, WRONG_MAX, r->wrong >= WRONG_MAX
	        ? "; the request is locked: have it rejected at the broker, "
	          "then ask again"
	        : "); copy it again from the broker: muster join token");
}

static int
check_token(struct broker *b, struct request *r, const struct token *t,
    struct err *e)
{
	bool current, voided = false;

	if (is(r, "locked"))
		return err_set(e, ERR_DENIED, "join: this request is locked "
		    "after %d wrong tokens: have it rejected at the broker, "
		    "then ask again", WRONG_MAX);
	if (is(r, "pending"))
		return err_set(e, ERR_FAILED, "join: the request is not "
		    "accepted yet: at the broker, muster join accept %s",
		    r->name);
	if (is(r, "rejected"))
		return err_set(e, ERR_DENIED, "join: the request was rejected: "
		    "%s", r->reason != NULL ? r->reason : "no reason given");
	if (is(r, "expired"))
		return err_set(e, ERR_FAILED, "join: the request has expired: "
		    "ask again (muster join request)");
	current = r->hashes != NULL && hash_is(r->hashes, r->salt, t);
	for (const char *h = r->hashes; h != NULL && strlen(h) > HEX;) {
		h += HEX + 1;
		voided |= hash_is(h, r->salt, t);
	}
	if (voided)
		return err_set(e, ERR_DENIED, "join: this token is void, a "
		    "newer one was shown for %s: use that one, or show another "
		    "at the broker: muster join token %s", r->name, r->name);
	if (!current) {
		wrong(b, r, e);
		return -1;
	}
	if (is(r, "joined") || is(r, "removed"))
		return err_set(e, ERR_DENIED, "join: this token was used "
		    "already: ask again (muster join request)");
	if (r->expires.ms <= b->now.wall.ms) {
		char d[TEXT_DUR];

		return err_set(e, ERR_FAILED, "join: the token expired %s ago: "
		    "at the broker, muster join token %s",
		    text_dur_fmt((b->now.wall.ms - r->expires.ms) / 1000 *
		        1000, d), r->name);
	}
	return 0;
}

static struct invite *
find_invite(struct broker *b, const struct token *t, struct err *e)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "%u", t->id);
	for (struct invite *i = b->desk->invites; i != NULL; i = i->next) {
		if (strcmp(i->id, id) != 0 || !hash_is(i->hash, i->salt, t))
			continue;
		if (strcmp(i->state, "usable") != 0)
			(void)err_set(e, ERR_DENIED, "join: this invite was "
			    "revoked: ask for another (muster join invite)");
		else if (i->used >= i->uses)
			(void)err_set(e, ERR_DENIED, "join: this invite is used "
			    "up (%lld of %lld): ask for another (muster join "
			    "invite)", (long long)i->used, (long long)i->uses);
		else if (i->expires.ms <= b->now.wall.ms)
			(void)err_set(e, ERR_FAILED, "join: this invite has "
			    "expired: ask for another (muster join invite)");
		else
			return i;
		return NULL;
	}
	(void)err_set(e, ERR_DENIED, "join: wrong token: no such invite here");
	return NULL;
}

/* The request that the token was made for, which must be this peer's. */
static struct request *
find_request(struct broker *b, const struct peer *peer, const struct token *t,
    struct err *e)
{
	struct request *own = by_key(b->desk, peer->key);
	char id[16];

	(void)snprintf(id, sizeof(id), "%u", t->id);
	for (struct request *r = b->desk->requests; r != NULL; r = r->next) {
		if (strcmp(r->id, id) != 0)
			continue;
		if (strcmp(r->key, peer->key) == 0)
			return r;
		(void)event_add(b->events, b->now.wall, SEV_WARN,
		    "token_other_key", r->name, NULL, NULL,
		    "a node with another key (%s) tried the token of %s",
		    peer->fingerprint, r->name);
		(void)err_set(e, ERR_DENIED, "join: this token was made for "
		    "the key of %s, and this node has another: use the token "
		    "of this node's own request", r->name);
		return NULL;
	}
	if (own == NULL)
		(void)err_set(e, ERR_NOTFOUND, "join: this node has no request "
		    "here: muster join request first");
	else if (is(own, "locked"))
		(void)check_token(b, own, t, e);
	else
		wrong(b, own, e);
	return NULL;
}

struct joining {
	struct broker *b;
	desk_done     *done;
	void	      *arg;
};

static void
on_joined(void *arg, json_t *result, const struct err *e)
{
	struct joining *j = arg;

	j->done(j->arg, result, e);
	free(j);
}

static void
admit(struct broker *b, const struct peer *peer, const char *name, bool worker,
    struct batch *batch, desk_done *done, void *arg)
{
	struct member *m = roster_admit(b, name, peer->key, peer->fingerprint,
	    worker, batch);
	struct joining *j = mem_zero(1, sizeof(*j));

	j->b = b;
	j->done = done;
	j->arg = arg;
	(void)event_add(b->events, b->now.wall, SEV_NOTICE, "joined", m->name,
	    NULL, json_pack("{s:s,s:s}", "fingerprint", m->fingerprint, "as",
	    worker ? "worker" : "agent"), "%s joined as %s", m->name,
	    worker ? "worker" : "agent");
	store_then(b, batch, json_pack("{s:s,s:s,s:s,s:I,s:s,s:s}",
	    "cluster_id", b->id, "cluster", b->set.cluster_name, "name",
	    m->name, "member", (json_int_t)m->id, "as",
	    worker ? "worker" : "agent", "broker", b->node), on_joined, j);
}

static int
complete_invite(struct broker *b, const struct peer *peer,
    const json_t *params, const struct token *t, desk_done *done, void *arg,
    struct err *e)
{
	const char *name = js_str(params, "name", "");
	struct invite *i = find_invite(b, t, e);
	struct batch *batch;

	if (i == NULL || check_name(b, name, peer->key, e) == -1)
		return -1;
	batch = batch_new();
	i->used++;
	invite_store(i, batch);
	admit(b, peer, name, i->worker, batch, done, arg);
	return 0;
}

static int
complete_request(struct broker *b, const struct peer *peer,
    const json_t *params, const struct token *t, desk_done *done, void *arg,
    struct err *e)
{
	struct request *r = find_request(b, peer, t, e);
	const char *name;
	struct batch *batch;

	if (r == NULL || check_token(b, r, t, e) == -1)
		return -1;
	name = js_str(params, "name", r->name);
	if (name[0] == '\0' || strcmp(name, r->name) == 0)
		name = r->name;
	if (check_name(b, name, peer->key, e) == -1)
		return -1;
	batch = batch_new();
	set(&r->name, name);
	(void)MEM_STR(r->state, "joined");
	r->decided = b->now.wall;
	request_store(r, batch);
	admit(b, peer, r->name, r->worker, batch, done, arg);
	return 0;
}

void
desk_complete(struct broker *b, const struct peer *peer, const json_t *params,
    desk_done *done, void *arg)
{
	const struct member *m = roster_by_key(b->roster, peer->key);
	struct token t;
	struct err e = { 0 };
	unsigned char digest[32];
	int rc = -1;

	if (!b->open || !b->awake)
		(void)gate_not_a_broker(b, &e);
	else if (token_parse(js_str(params, "token", ""), &t, &e) == -1)
		(void)0;
	else if (key_digest(b->key->pub, digest, &e) == -1 ||
	    !token_is_for(&t, digest))
		(void)err_set(&e, ERR_DENIED, "join: this token belongs to "
		    "another broker");
	else if (m != NULL && member_active(m) && t.kind == TOKEN_INVITE)
		(void)err_set(&e, ERR_FAILED, "join: this node is a member of "
		    "%s already, as %s", b->set.cluster_name, m->name);
	else if (t.kind == TOKEN_INVITE)
		rc = complete_invite(b, peer, params, &t, done, arg, &e);
	else
		rc = complete_request(b, peer, params, &t, done, arg, &e);
	if (rc == -1)
		fail(done, arg, &e);
}

/* ---- operators ---- */

static struct request *
find(struct broker *b, const char *which, struct err *e)
{
	struct request *found = NULL;

	for (struct request *r = b->desk->requests; r != NULL; r = r->next)
		if (strcmp(r->id, which) == 0)
			return r;
	for (struct request *r = b->desk->requests; r != NULL; r = r->next)
		if (strcmp(r->name, which) == 0 &&
		    (found == NULL || open_state(r) || !open_state(found)))
			found = r;
	if (found == NULL)
		(void)err_set(e, ERR_NOTFOUND, "join request \"%s\": there is "
		    "none of this id or name (muster join list)", which);
	return found;
}

static void
audit(struct broker *b, const struct request *r, const char *code,
    const char *actor, const char *what)
{
	(void)event_add(b->events, b->now.wall, SEV_AUDIT, code, r->name,
	    actor, json_pack("{s:s,s:s}", "id", r->id, "fingerprint",
	    r->fingerprint), "%s %s", what, r->name);
}

static json_t *
request_json(const struct request *r)
{
	return json_pack(
	    "{s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "id", r->id,
	    "name", r->name, "address", r->address, "message",
	    js_text(r->message), "fingerprint", r->fingerprint, "words",
	    r->words, "state", r->state, "as", r->worker ? "worker" : "agent",
	    "requested_at", js_time(r->requested), "token_expires_at",
	    js_time(r->expires), "reason", js_text(r->reason), "version",
	    js_text(r->version));
}

json_t *
desk_list(struct broker *b)
{
	json_t *list = json_array();

	for (const struct request *r = b->desk->requests; r != NULL;
	     r = r->next)
		(void)json_array_insert_new(list, 0, request_json(r));
	return list;
}

void
desk_accept(struct broker *b, const char *which, const char *actor,
    desk_done *done, void *arg)
{
	struct err e = { 0 };
	struct request *r = find(b, which, &e);
	struct batch *batch;

	if (r != NULL && !is(r, "pending") && !is(r, "accepted")) {
		(void)err_set(&e, ERR_FAILED, "join request %s of %s: it is "
		    "%s: the node has to ask again (muster join request)",
		    r->id, r->name, r->state);
		r = NULL;
	}
	if (r == NULL) {
		fail(done, arg, &e);
		return;
	}
	batch = batch_new();
	(void)MEM_STR(r->state, "accepted");
	r->decided = b->now.wall;
	request_store(r, batch);
	audit(b, r, "join_accepted", actor, "accepted the request of");
	store_then(b, batch, request_json(r), done, arg);
}

void
desk_reject(struct broker *b, const char *which, const char *reason,
    const char *actor, desk_done *done, void *arg)
{
	struct err e = { 0 };
	struct request *r = find(b, which, &e);
	struct batch *batch;

	if (r != NULL && !open_state(r) && !is(r, "locked")) {
		(void)err_set(&e, ERR_FAILED, "join request %s of %s: it is "
		    "%s and cannot be rejected%s", r->id, r->name, r->state,
		    is(r, "joined") ? " (muster agent remove)" : "");
		r = NULL;
	}
	if (r == NULL) {
		fail(done, arg, &e);
		return;
	}
	batch = batch_new();
	(void)MEM_STR(r->state, "rejected");
	set(&r->reason, reason);
	set(&r->hashes, NULL);
	r->decided = b->now.wall;
	request_store(r, batch);
	audit(b, r, "join_rejected", actor, "rejected the request of");
	store_then(b, batch, request_json(r), done, arg);
}

static void
make_token(struct broker *b, enum token_kind kind, const char *id,
    struct token *t, char salt_hex[2 * TOKEN_SALT + 1], char hash_hex[HEX + 1],
    char text[TOKEN_TEXT])
{
	unsigned char salt[TOKEN_SALT], hash[TOKEN_HASH], digest[32];

	*t = (struct token){ .kind = kind,
		.id = (uint32_t)strtoul(id, NULL, 10) };
	(void)getrandom(t->secret, sizeof(t->secret), 0);
	(void)key_digest(b->key->pub, digest, NULL);
	memcpy(t->broker, digest, TOKEN_DIGEST);
	if (salt_hex[0] == '\0') {
		(void)getrandom(salt, sizeof(salt), 0);
		hex(salt, sizeof(salt), salt_hex);
	} else
		(void)unhex(salt_hex, salt, sizeof(salt));
	token_hash(t->secret, salt, hash);
	hex(hash, sizeof(hash), hash_hex);
	(void)token_text(t, text);
}

static json_t *
token_json(struct broker *b, const char *via, const char *text, wall expires)
{
	char own[128], *command;
	json_t *o;

	(void)snprintf(own, sizeof(own), "%s:%d", b->node, b->port);
	command = mem_fmt("muster join complete %s %s",
	    via != NULL && via[0] != '\0' ? via : own, text);
	o = json_pack("{s:s,s:o,s:s}", "token", text, "expires_at",
	    js_time(expires), "command", command);
	free(command);
	return o;
}

void
desk_token(struct broker *b, const char *which, const char *actor,
    desk_done *done, void *arg)
{
	struct err e = { 0 };
	struct request *r = find(b, which, &e);
	char text[TOKEN_TEXT], hash[HEX + 1], *all;
	struct batch *batch;
	struct token t;

	if (r != NULL && !is(r, "accepted") && !is(r, "left")) {
		(void)err_set(&e, ERR_FAILED, "join request %s of %s: it is %s"
		    "%s", r->id, r->name, r->state, is(r, "pending")
		        ? ": accept it first (muster join accept)"
		        : ": the node has to ask again (muster join request)");
		r = NULL;
	}
	if (r == NULL) {
		fail(done, arg, &e);
		return;
	}
	make_token(b, TOKEN_REQUEST, r->id, &t, r->salt, hash, text);
	if (r->hashes != NULL && strlen(r->hashes) > (HEX + 1) * VOID_MAX)
		r->hashes[(HEX + 1) * VOID_MAX - 1] = '\0';
	all = r->hashes != NULL ? mem_fmt("%s,%s", hash, r->hashes)
				: mem_dup(hash);
	free(r->hashes);
	r->hashes = all;
	r->expires.ms = b->now.wall.ms + b->set.token_ttl;
	r->wrong = 0;
	if (is(r, "left"))
		(void)MEM_STR(r->state, "accepted");
	batch = batch_new();
	request_store(r, batch);
	audit(b, r, "token_shown", actor, "showed a token for");
	store_then(b, batch, token_json(b, r->via, text, r->expires), done,
	    arg);
}

void
desk_invite(struct broker *b, int64_t ttl_ms, int64_t uses, bool worker,
    const char *actor, desk_done *done, void *arg)
{
	struct invite *i;
	char text[TOKEN_TEXT];
	struct batch *batch;
	struct token t;
	struct err e;

	if (!b->open || !b->awake) {
		(void)gate_not_a_broker(b, &e);
		fail(done, arg, &e);
		return;
	}
	i = mem_zero(1, sizeof(*i));
	(void)snprintf(i->id, sizeof(i->id), "%lld",
	    (long long)b->desk->next_id++);
	(void)MEM_STR(i->state, "usable");
	i->worker = worker;
	i->uses = uses > 0 ? uses : 1;
	i->made = b->now.wall;
	i->made_by = mem_dup(actor);
	i->expires.ms = b->now.wall.ms +
	    (ttl_ms > 0 ? ttl_ms : b->set.token_ttl);
	make_token(b, TOKEN_INVITE, i->id, &t, i->salt, i->hash, text);
	i->next = b->desk->invites;
	b->desk->invites = i;
	batch = batch_new();
	invite_store(i, batch);
	(void)event_add(b->events, b->now.wall, SEV_AUDIT, "invite_made", NULL,
	    actor, json_pack("{s:s,s:I}", "id", i->id, "uses",
	    (json_int_t)i->uses), "made an invite for %lld as %s",
	    (long long)i->uses, worker ? "worker" : "agent");
	store_then(b, batch, token_json(b, NULL, text, i->expires), done, arg);
}

/* ---- going ---- */

static void
departed(enum store_rc rc, void *arg)
{
	struct departure *p = arg, **at = &p->b->desk->departures;
	struct broker *b = p->b;
	struct member *m = roster_by_id(b->roster, p->member);
	json_t *result = json_pack("{s:s,s:s}", "agent",
	    m != NULL ? m->name : "", "state", p->state);
	struct err e;

	if (rc == STORE_OK) {
		if (p->done != NULL)
			p->done(p->arg, result, NULL);
		if (m != NULL)
			gate_depart(b, m, p->reason);
	} else if (p->done != NULL) {
		(void)err_set(&e, ERR_IO, "nothing was stored (%s): free disk "
		    "space at the broker, then try again", store_rc_word(rc));
		p->done(p->arg, NULL, &e);
	}
	if (rc != STORE_OK && m != NULL)
		(void)MEM_STR(m->state, "member");
	json_decref(result);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	departure_free(p);
}

static void
finish(struct broker *b, struct departure *p)
{
	struct member *m = roster_by_id(b->roster, p->member);
	struct request *r = by_key(b->desk, m->key);
	struct batch *batch = batch_new();

	p->storing = true;
	roster_set_state(b, m, p->state, batch);
	if (r != NULL && is(r, "joined")) {
		(void)MEM_STR(r->state, p->state);
		set(&r->reason, p->reason);
		request_store(r, batch);
	}
	(void)event_add(b->events, b->now.wall,
	    p->actor != NULL ? SEV_AUDIT : SEV_NOTICE, p->state, m->name,
	    p->actor, NULL, "%s %s%s%s", m->name, p->state,
	    p->reason != NULL ? ": " : "", p->reason != NULL ? p->reason : "");
	alert_clear(b->events, b->now.wall, "agent_offline", m->name);
	dispatch_agent_gone(b, m, "its agent is no longer a member");
	store_submit(b->store, batch, departed, p);
}

void
desk_depart(struct broker *b, struct member *m, const char *state,
    const char *reason, const char *actor, desk_done *done, void *arg)
{
	struct departure *p = mem_zero(1, sizeof(*p));
	struct role_event ev = { .kind = ROLE_EV_LEAVING, .agent = m->id,
		.at = m->at, .must = true, .now = b->now };

	p->b = b;
	p->member = m->id;
	(void)MEM_STR(p->state, state);
	p->reason = mem_dup(reason);
	p->actor = mem_dup(actor);
	p->done = done;
	p->arg = arg;
	p->until = mono_add_ms(b->now.mono, b->set.off_timeout);
	p->next = b->desk->departures;
	b->desk->departures = p;
	roster_agent(b->roster, m)->drained = true;
	scheduler_event(b, &ev);
}

void
desk_forget(struct broker *b, void *arg)
{
	for (struct departure *p = b->desk->departures; p != NULL; p = p->next)
		if (p->arg == arg)
			p->done = NULL;
}

mono
desk_turn(struct broker *b)
{
	mono next = MONO_NEVER;
	struct departure *p, *after;

	for (p = b->desk->departures; p != NULL; p = after) {
		after = p->next;
		if (p->storing)
			continue;
		if (scheduler_holder(b) != p->member ||
		    p->until.us <= b->now.mono.us)
			finish(b, p);
		else
			next = mono_min(next, p->until);
	}
	for (struct request *r = b->desk->requests; r != NULL; r = r->next) {
		int64_t ms = r->requested.ms + PENDING_MS - b->now.wall.ms;

		if (!open_state(r))
			continue;
		if (ms > 0) {
			next = mono_min(next, mono_add_ms(b->now.mono, ms));
			continue;
		}
		(void)MEM_STR(r->state, "expired");
		{
			struct batch *batch = batch_new();

			request_store(r, batch);
			store_submit(b->store, batch, NULL, NULL);
		}
	}
	return next;
}
