#include "broker/desk_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/roster.h"
#include "core/words.h"
#include "js.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum {
	PENDING_MAX = 1000,
	PENDING_PER_ADDRESS = 5,
	PENDING_MS = 24 * 3600 * 1000,
	CHANGE_MS = 5000,		/* between two changes of a request */
	CHANGES_MS = 60000,		/* in so long, of all of them */
	CHANGES_MAX = 20,
	MESSAGE_MAX = 200,		/* characters */
	VERSION_MAX = 63,		/* bytes */
	VIA_MAX = TEXT_HOST + 7		/* brackets and a port */
};

/* ---- on disk ---- */

void
request_set(char **dst, const char *src)
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

void
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

void
invite_store(const struct invite *i, struct batch *batch)
{
	batch_add(batch, S_INVITE_PUT, "ttttiiitit", i->id, i->hash, i->salt,
	    i->worker ? "worker" : "agent", i->uses, i->used, i->expires.ms,
	    i->made_by, i->made.ms, i->state);
}

static void
load(struct broker *b)
{
	(void)store_query(b->store, S_REQUEST_ALL, on_request, b->desk, "");
	(void)store_query(b->store, S_INVITE_ALL, on_invite, b->desk, "");
}

struct desk *
desk_load(struct broker *b)
{
	b->desk = mem_zero(1, sizeof(*b->desk));
	b->desk->next_id = 1;
	load(b);
	return b->desk;
}

static void
clear(struct desk *d)
{
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
}

void
desk_free(struct desk *d)
{
	if (d == NULL)
		return;
	clear(d);
	free(d);
}

/* ---- a change on its way to the disk ---- */

struct pending {
	struct broker *b;
	struct event  *event;
	json_t	      *result;
	desk_done     *done;
	void	      *arg;
};

void
desk_storing(struct broker *b)
{
	b->desk->begun++;
	b->desk->storing++;
}

/* Once nothing else is on its way, what is on disk counts. */
void
desk_stored(struct broker *b, enum store_rc rc)
{
	struct desk *d = b->desk;

	d->storing--;
	d->unlike |= rc != STORE_OK;
	if (!d->unlike || d->storing > 0 || rc == STORE_DOWN)
		return;
	d->unlike = false;
	clear(d);
	load(b);
}

static void
on_stored(enum store_rc rc, void *arg)
{
	struct pending *p = arg;
	struct err e;

	desk_stored(p->b, rc);
	event_stored(p->event, rc);
	if (p->done == NULL)
		(void)0;
	else if (rc == STORE_OK)
		p->done(p->arg, p->result, NULL);
	else {
		(void)store_err(rc, &e, "join");
		p->done(p->arg, NULL, &e);
	}
	json_decref(p->result);
	free(p);
}

/* result is stolen. */
void
desk_store_then(struct broker *b, struct batch *batch, struct event *event,
    json_t *result, desk_done *done, void *arg)
{
	struct pending *p = mem_zero(1, sizeof(*p));

	p->b = b;
	p->event = event;
	p->result = result;
	p->done = done;
	p->arg = arg;
	desk_storing(b);
	store_submit(b->store, batch, on_stored, p);
}

static void
fail(desk_done *done, void *arg, const struct err *e)
{
	done(arg, NULL, e);
}

/* ---- requests ---- */

static bool
open_state(const struct request *r)
{
	return request_is(r, "pending") || request_is(r, "accepted");
}

/* Until it is decided, or a day old: who locks its own request is no better
 * than one that waits. */
static bool
takes_room(const struct request *r)
{
	return open_state(r) || request_is(r, "locked");
}

struct request *
request_by_key(const struct desk *d, const char *key)
{
	struct request *found = NULL;

	for (struct request *r = d->requests; r != NULL; r = r->next)
		if (strcmp(r->key, key) == 0)
			found = r;	/* the newest */
	return found;
}

static size_t
host_len(const char *addr)
{
	const char *colon = strrchr(addr, ':');

	return colon != NULL ? (size_t)(colon - addr) : strlen(addr);
}

/* Each connection comes from a port of its own. */
static bool
same_host(const char *a, const char *b)
{
	size_t len = host_len(a);

	return host_len(b) == len && strncmp(a, b, len) == 0;
}

static int
check_room(const struct desk *d, const char *addr, struct err *e)
{
	size_t all = 0, same = 0;

	for (const struct request *r = d->requests; r != NULL; r = r->next) {
		if (!takes_room(r))
			continue;
		all++;
		same += same_host(r->address, addr);
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

int
desk_check_name(const struct broker *b, const char *name, const char *key,
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

int
desk_not_a_broker(const struct broker *b, struct err *e)
{
	return err_set(e, ERR_FAILED, "%s is not a broker: ask a node that is "
	    "(broker: { enabled = true; } in its musterd.conf)", b->node);
}

/* Each row of the list carries them, and the list is one message; via becomes
 * part of a command that somebody pastes. */
static int
check_origin(const json_t *params, struct err *e)
{
	const char *version = js_str(params, "version", "");
	const char *via = js_str(params, "via", "");
	char host[TEXT_HOST];
	int port;

	if (strlen(version) > VERSION_MAX)
		return err_set(e, ERR_USAGE, "join: the version must be of at "
		    "most %d bytes, not %zu", VERSION_MAX, strlen(version));
	if (via[0] != '\0' && (strlen(via) > VIA_MAX ||
	    text_host(via, host, &port, NULL) == -1))
		return err_set(e, ERR_USAGE, "join: via must be HOST[:PORT], "
		    "by which the node reaches this broker, not \"%.24s\"",
		    via);
	return 0;
}

static int
check_request(struct broker *b, const struct peer *peer, const json_t *params,
    struct err *e)
{
	const char *message = js_str(params, "message", "");
	const char *as = js_str(params, "as", "agent");
	const struct member *m = roster_by_key(b->roster, peer->key);

	if (!b->open || !b->awake)
		return desk_not_a_broker(b, e);
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
	if (check_origin(params, e) == -1)
		return -1;
	return desk_check_name(b, js_str(params, "name", ""), peer->key, e);
}

static bool
wants_worker(const json_t *params)
{
	return strcmp(js_str(params, "as", "agent"), "worker") == 0;
}

static bool
unchanged(const struct request *r, const struct peer *peer,
    const json_t *params)
{
	return strcmp(r->name, js_str(params, "name", "")) == 0 &&
	    strcmp(r->message, js_str(params, "message", "")) == 0 &&
	    strcmp(r->version, js_str(params, "version", "")) == 0 &&
	    strcmp(r->via != NULL ? r->via : "", js_str(params, "via", "")) ==
	        0 &&
	    r->worker == wants_worker(params) &&
	    same_host(r->address, peer->addr);
}

/* Each is an event, and somebody may have many requests. */
static bool
may_change(struct desk *d, mono now, int64_t *wait_ms)
{
	if (d->change.us <= now.us) {
		d->change = mono_add_ms(now, CHANGES_MS);
		d->changes = 0;
	}
	*wait_ms = mono_diff_ms(d->change, now);
	return d->changes++ < CHANGES_MAX;
}

/* Anybody may ask as often as the line carries it: what changes nothing is
 * answered from memory, and the rest costs a write and an event now and then
 * only.  True when done was called. */
static bool
repeated(struct broker *b, const struct request *r, const struct peer *peer,
    const json_t *params, desk_done *done, void *arg)
{
	struct desk *d = b->desk;
	int64_t ms = CHANGE_MS - mono_diff_ms(b->now.mono, r->asked);
	bool stored = d->begun - d->storing >= r->written;
	bool early = !stored || ms > 0;
	json_t *result;
	struct err e;

	if (r->asked.us == 0)
		return false;
	if (stored && !d->unlike && unchanged(r, peer, params)) {
		result = answer(b, r);
		done(arg, result, NULL);
		json_decref(result);
		return true;
	}
	if (!early && may_change(d, b->now.mono, &ms))
		return false;
	(void)err_set(&e, ERR_BUSY, "join: %s a moment ago: try again in "
	    "%lld s", early ? "this node asked" : "many requests were changed",
	    (long long)(ms > 0 ? (ms + 999) / 1000 : 1));
	fail(done, arg, &e);
	return true;
}

static struct request *
request_new(struct broker *b)
{
	struct request **at = &b->desk->requests;
	struct request *r = mem_zero(1, sizeof(*r));

	(void)snprintf(r->id, sizeof(r->id), "%lld",
	    (long long)b->desk->next_id++);
	(void)MEM_STR(r->state, "pending");
	r->requested = b->now.wall;
	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
	return r;
}

static void
request_take(struct broker *b, struct request *r, const struct peer *peer,
    const json_t *params)
{
	char words[WORDS_TEXT];

	/* An operator accepts what he saw. */
	if (request_is(r, "accepted") && (r->worker != wants_worker(params) ||
	        strcmp(r->name, js_str(params, "name", "")) != 0)) {
		(void)MEM_STR(r->state, "pending");
		request_set(&r->hashes, NULL);
		r->expires = r->decided = (wall){ 0 };
	}
	request_set(&r->name, js_str(params, "name", ""));
	request_set(&r->key, peer->key);
	request_set(&r->fingerprint, peer->fingerprint);
	request_set(&r->address, peer->addr);
	request_set(&r->message, js_str(params, "message", ""));
	request_set(&r->version, js_str(params, "version", ""));
	request_set(&r->via, js_str(params, "via", NULL));
	r->worker = wants_worker(params);
	/* Slow, and of the two keys only; those on disk may be of another key
	 * of this broker. */
	if (r->asked.us == 0)
		request_set(&r->words, words_of(peer->key, b->key->pub, words));
	r->asked = b->now.mono;
	r->written = b->desk->begun + 1;	/* the next */
}

void
desk_request(struct broker *b, const struct peer *peer, const json_t *params,
    desk_done *done, void *arg)
{
	struct desk *d = b->desk;
	struct request *r = request_by_key(d, peer->key);
	struct batch *batch;
	struct event *event;
	struct err e;

	if (check_request(b, peer, params, &e) == -1) {
		fail(done, arg, &e);
		return;
	}
	if (r != NULL && request_is(r, "locked")) {
		(void)err_set(&e, ERR_FAILED, "join: this request is locked "
		    "after %d wrong tokens: have it rejected at the broker, "
		    "then ask again", DESK_WRONG_MAX);
		fail(done, arg, &e);
		return;
	}
	if (r == NULL || !open_state(r)) {
		if (check_room(d, peer->addr, &e) == -1) {
			fail(done, arg, &e);
			return;
		}
		r = request_new(b);
	} else if (repeated(b, r, peer, params, done, arg))
		return;
	request_take(b, r, peer, params);
	batch = batch_new();
	request_store(r, batch);
	event = event_with(b->events, batch, b->now.wall, SEV_NOTICE,
	    "join_requested", r->name, NULL, json_pack("{s:s,s:s,s:s}", "id",
	    r->id, "fingerprint", r->fingerprint, "address", r->address),
	    "%s (%s) asks to join as %s: \"%s\"", r->name, r->address,
	    r->worker ? "worker" : "agent", r->message);
	desk_store_then(b, batch, event, answer(b, r), done, arg);
}

json_t *
desk_poll(struct broker *b, const struct peer *peer)
{
	const struct request *r = request_by_key(b->desk, peer->key);

	return r != NULL ? answer(b, r) : json_pack("{s:s}", "state", "none");
}

/* ---- operators ---- */

struct request *
request_find(struct broker *b, const char *which, struct err *e)
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

struct event *
desk_audit(struct broker *b, struct batch *batch, const struct request *r,
    const char *code, const char *actor, const char *what)
{
	return event_with(b->events, batch, b->now.wall, SEV_AUDIT, code,
	    r->name, actor, json_pack("{s:s,s:s}", "id", r->id, "fingerprint",
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
	struct request *r = request_find(b, which, &e);
	struct batch *batch;

	if (r != NULL && !request_is(r, "pending") && !request_is(r, "accepted")) {
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
	desk_store_then(b, batch, desk_audit(b, batch, r, "join_accepted",
	    actor, "accepted the request of"), request_json(r), done, arg);
}

void
desk_reject(struct broker *b, const char *which, const char *reason,
    const char *actor, desk_done *done, void *arg)
{
	struct err e = { 0 };
	struct request *r = request_find(b, which, &e);
	struct batch *batch;

	if (r != NULL && !takes_room(r)) {
		(void)err_set(&e, ERR_FAILED, "join request %s of %s: it is "
		    "%s and cannot be rejected%s", r->id, r->name, r->state,
		    request_is(r, "joined") ? " (muster agent remove)" : "");
		r = NULL;
	}
	if (r == NULL) {
		fail(done, arg, &e);
		return;
	}
	batch = batch_new();
	(void)MEM_STR(r->state, "rejected");
	request_set(&r->reason, reason);
	request_set(&r->hashes, NULL);
	r->decided = b->now.wall;
	request_store(r, batch);
	desk_store_then(b, batch, desk_audit(b, batch, r, "join_rejected",
	    actor, "rejected the request of"), request_json(r), done, arg);
}

static void
expire(struct broker *b, struct request *r)
{
	struct batch *batch = batch_new();

	(void)MEM_STR(r->state, "expired");
	request_store(r, batch);
	desk_store_then(b, batch, NULL, NULL, NULL, NULL);
}

mono
desk_turn(struct broker *b)
{
	mono next = MONO_NEVER;

	for (struct request *r = b->desk->requests; r != NULL; r = r->next) {
		int64_t ms = r->requested.ms + PENDING_MS - b->now.wall.ms;

		if (!takes_room(r))
			continue;
		if (ms > 0) {
			next = mono_min(next, mono_add_ms(b->now.mono, ms));
			continue;
		}
		expire(b, r);
	}
	return next;
}
