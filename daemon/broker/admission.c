#include "broker/admission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "broker/desk_impl.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"
#include "text.h"

enum {
	VOID_MAX = 8,		/* void tokens that are still told apart */
	OTHER_KEY_MS = 60000,	/* between two events about a request, */
	OTHER_KEY_MAX = 20	/* and of all in that time */
};

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

static void
fail(desk_done *done, void *arg, const struct err *e)
{
	done(arg, NULL, e);
}

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

	if (++r->wrong >= DESK_WRONG_MAX)
		(void)MEM_STR(r->state, "locked");
	request_store(r, batch);
	desk_store_then(b, batch, NULL, NULL, NULL, NULL);
	(void)event_add(b->events, b->now.wall, SEV_WARN, "token_wrong",
	    r->name, NULL, NULL, "a wrong token from %s (%lld of %d)%s",
	    r->name, (long long)r->wrong, DESK_WRONG_MAX,
	    r->wrong >= DESK_WRONG_MAX ? ": its request is locked" : "");
	(void)err_set(e, ERR_FAILED, "join: wrong token (%lld of %d tries): %s",
	    (long long)r->wrong, DESK_WRONG_MAX, r->wrong >= DESK_WRONG_MAX
	        ? "the request is locked: have it rejected at the broker, "
	          "then ask again"
	        : "copy it again from the broker: muster join token");
}

static int
check_token(struct broker *b, struct request *r, const struct token *t,
    struct err *e)
{
	bool current, voided = false;

	if (request_is(r, "locked"))
		return err_set(e, ERR_FAILED, "join: this request is locked "
		    "after %d wrong tokens: have it rejected at the broker, "
		    "then ask again", DESK_WRONG_MAX);
	if (request_is(r, "pending"))
		return err_set(e, ERR_FAILED, "join: the request is not "
		    "accepted yet: at the broker, muster join accept %s",
		    r->name);
	if (request_is(r, "rejected"))
		return err_set(e, ERR_FAILED, "join: the request was rejected: "
		    "%s", r->reason != NULL ? r->reason : "no reason given");
	if (request_is(r, "expired"))
		return err_set(e, ERR_FAILED, "join: the request has expired: "
		    "ask again (muster join request)");
	current = r->hashes != NULL && hash_is(r->hashes, r->salt, t);
	for (const char *h = r->hashes; h != NULL && strlen(h) > DESK_HEX;) {
		h += DESK_HEX + 1;
		voided |= hash_is(h, r->salt, t);
	}
	if (voided)
		return err_set(e, ERR_FAILED, "join: this token is void, a "
		    "newer one was shown for %s: use that one, or show another "
		    "at the broker: muster join token %s", r->name, r->name);
	if (!current) {
		wrong(b, r, e);
		return -1;
	}
	if (request_is(r, "left"))
		return err_set(e, ERR_FAILED, "join: this token was used "
		    "already: have another shown at the broker: muster join "
		    "token %s", r->name);
	if (request_is(r, "joined") || request_is(r, "removed"))
		return err_set(e, ERR_FAILED, "join: this token was used "
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
			(void)err_set(e, ERR_FAILED, "join: this invite was "
			    "revoked: ask for another (muster join invite)");
		else if (i->used >= i->uses)
			(void)err_set(e, ERR_FAILED, "join: this invite is used "
			    "up (%lld of %lld): ask for another (muster join "
			    "invite)", (long long)i->used, (long long)i->uses);
		else if (i->expires.ms <= b->now.wall.ms)
			(void)err_set(e, ERR_FAILED, "join: this invite has "
			    "expired: ask for another (muster join invite)");
		else
			return i;
		return NULL;
	}
	(void)err_set(e, ERR_FAILED, "join: wrong token: no such invite here");
	return NULL;
}

/* A try that is never right locks nothing, since any key may make it: it must
 * not fill the record of events either. */
static void
say_other_key(struct broker *b, struct request *r, const struct peer *peer)
{
	struct desk *d = b->desk;
	mono now = b->now.mono;

	if (d->other_key.us <= now.us) {
		d->other_key = mono_add_ms(now, OTHER_KEY_MS);
		d->other_keys = 0;
	}
	if (r->other_key.us > now.us || d->other_keys >= OTHER_KEY_MAX)
		return;
	d->other_keys++;
	r->other_key = mono_add_ms(now, OTHER_KEY_MS);
	(void)event_add(b->events, b->now.wall, SEV_WARN, "token_other_key",
	    r->name, NULL, NULL, "a node with another key (%s) tried the token "
	    "of %s", peer->fingerprint, r->name);
}

/* The request that the token was made for, which must be this peer's. */
static struct request *
find_request(struct broker *b, const struct peer *peer, const struct token *t,
    struct err *e)
{
	struct request *own = request_by_key(b->desk, peer->key);
	char id[16];

	(void)snprintf(id, sizeof(id), "%u", t->id);
	for (struct request *r = b->desk->requests; r != NULL; r = r->next) {
		if (strcmp(r->id, id) != 0)
			continue;
		if (strcmp(r->key, peer->key) == 0)
			return r;
		say_other_key(b, r, peer);
		(void)err_set(e, ERR_FAILED, "join: this token was made for "
		    "the key of %s, and this node has another: use the token "
		    "of this node's own request", r->name);
		return NULL;
	}
	if (own == NULL)
		(void)err_set(e, ERR_NOTFOUND, "join: this node has no request "
		    "here: muster join request first");
	else if (request_is(own, "locked") || request_is(own, "rejected") ||
	    request_is(own, "expired"))
		(void)check_token(b, own, t, e);
	else
		wrong(b, own, e);
	return NULL;
}

struct joining {
	struct broker *b;
	struct roster_was was;
	desk_done     *done;
	void	      *arg;
};

static void
on_joined(void *arg, json_t *result, const struct err *e)
{
	struct joining *j = arg;

	if (result == NULL)
		roster_admit_undo(j->b, &j->was);
	j->done(j->arg, result, e);
	free(j);
}

static void
admit(struct broker *b, const struct peer *peer, const char *name, bool worker,
    struct batch *batch, desk_done *done, void *arg)
{
	struct joining *j = mem_zero(1, sizeof(*j));
	struct member *m = roster_admit(b, name, peer->key, peer->fingerprint,
	    worker, batch, &j->was);
	struct event *event;

	j->b = b;
	j->done = done;
	j->arg = arg;
	event = event_with(b->events, batch, b->now.wall, SEV_NOTICE, "joined",
	    m->name, NULL, json_pack("{s:s,s:s}", "fingerprint",
	    m->fingerprint, "as", worker ? "worker" : "agent"),
	    "%s joined as %s", m->name, worker ? "worker" : "agent");
	desk_store_then(b, batch, event, json_pack("{s:s,s:s,s:s,s:I,s:s,s:s}",
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

	if (i == NULL || desk_check_name(b, name, peer->key, e) == -1)
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
	if (desk_check_name(b, name, peer->key, e) == -1)
		return -1;
	batch = batch_new();
	request_set(&r->name, name);
	(void)MEM_STR(r->state, "joined");
	r->decided = b->now.wall;
	request_store(r, batch);
	admit(b, peer, r->name, r->worker, batch, done, arg);
	return 0;
}

void
admission_complete(struct broker *b, const struct peer *peer,
    const json_t *params, desk_done *done, void *arg)
{
	const struct member *m = roster_by_key(b->roster, peer->key);
	struct token t;
	struct err e = { 0 };
	unsigned char digest[32];
	int rc = -1;

	if (!b->open || !b->awake)
		(void)desk_not_a_broker(b, &e);
	else if (token_parse(js_str(params, "token", ""), &t, &e) == -1)
		(void)0;
	else if (key_digest(b->key->pub, digest, &e) == -1 ||
	    !token_is_for(&t, digest))
		(void)err_set(&e, ERR_FAILED, "join: this token belongs to "
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

static void
make_token(struct broker *b, enum token_kind kind, const char *id,
    struct token *t, char salt_hex[2 * TOKEN_SALT + 1], char hash_hex[DESK_HEX + 1],
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
admission_token(struct broker *b, const char *which, const char *actor,
    desk_done *done, void *arg)
{
	struct err e = { 0 };
	struct request *r = request_find(b, which, &e);
	char text[TOKEN_TEXT], hash[DESK_HEX + 1], *all;
	struct batch *batch;
	struct token t;

	if (r != NULL && !request_is(r, "accepted") && !request_is(r, "left")) {
		(void)err_set(&e, ERR_FAILED, "join request %s of %s: it is %s"
		    "%s", r->id, r->name, r->state, request_is(r, "pending")
		        ? ": accept it first (muster join accept)"
		        : ": the node has to ask again (muster join request)");
		r = NULL;
	}
	if (r == NULL) {
		fail(done, arg, &e);
		return;
	}
	make_token(b, TOKEN_REQUEST, r->id, &t, r->salt, hash, text);
	if (r->hashes != NULL && strlen(r->hashes) > (DESK_HEX + 1) * VOID_MAX)
		r->hashes[(DESK_HEX + 1) * VOID_MAX - 1] = '\0';
	all = r->hashes != NULL ? mem_fmt("%s,%s", hash, r->hashes)
				: mem_dup(hash);
	free(r->hashes);
	r->hashes = all;
	r->expires.ms = b->now.wall.ms + b->set.token_ttl;
	r->wrong = 0;
	if (request_is(r, "left"))
		(void)MEM_STR(r->state, "accepted");
	batch = batch_new();
	request_store(r, batch);
	desk_store_then(b, batch, desk_audit(b, batch, r, "token_shown", actor,
	    "showed a token for"), token_json(b, r->via, text, r->expires),
	    done, arg);
}

void
admission_invite(struct broker *b, int64_t ttl_ms, int64_t uses, bool worker,
    const char *actor, desk_done *done, void *arg)
{
	struct invite *i;
	char text[TOKEN_TEXT];
	struct batch *batch;
	struct event *event;
	struct token t;
	struct err e;

	if (!b->open || !b->awake) {
		(void)desk_not_a_broker(b, &e);
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
	event = event_with(b->events, batch, b->now.wall, SEV_AUDIT,
	    "invite_made", NULL, actor, json_pack("{s:s,s:I}", "id", i->id,
	    "uses", (json_int_t)i->uses), "made an invite for %lld as %s",
	    (long long)i->uses, worker ? "worker" : "agent");
	desk_store_then(b, batch, event, token_json(b, NULL, text, i->expires),
	    done, arg);
}

