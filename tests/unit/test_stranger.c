/* Strangers at the join desk: any key at all, from anywhere.  What a user would
 * lose: the time, the memory, the disk or the record of the broker, to one who
 * has nothing to lose. */
#include "desk_fixture.h"

#include <time.h>

#include "broker/admission.h"
#include "broker/event.h"
#include "core/token.h"
#include "net/key.h"

static size_t
events_of(const char *code)
{
	json_t *list;
	size_t n;

	UNTIL(store_pending(store) == 0);
	list = event_list(broker->events, 100000, (wall){ 0 }, NULL, code,
	    NULL, NULL);
	n = json_array_size(list);
	json_decref(list);
	return n;
}

/* params is stolen. */
static void
asks(struct told *t, const struct peer *peer, json_t *params)
{
	*t = (struct told){ 0 };
	desk_request(broker, peer, params, on_told, t);
	json_decref(params);
}

static void
refuses(struct told *t, enum err_code code, const char *word)
{
	UNTIL(t->done);
	assert_null(t->result);
	assert_int_equal(t->e.code, code);
	if (strstr(t->e.msg, word) == NULL)
		fail_msg("no \"%s\" in: %s", word, t->e.msg);
}

/* Five hundred of them fit into one packet.  Lost: the broker stands still for
 * longer than a lease, its disk fills, and nobody was let in. */
static void
a_request_that_is_repeated_costs_nothing(void **state)
{
	struct peer again = node_e;
	struct told t;
	json_t *first;
	clock_t from, took;

	(void)state;
	ask(&t);
	first = json_deep_copy(done(&t));
	assert_int_equal(events_of("join_requested"), 1);
	/* A connection of its own each time, as a node makes them. */
	(void)MEM_STR(again.addr, "10.0.0.9:5001");
	from = clock();
	for (int i = 0; i < 500; i++) {
		asks(&t, &again, json_pack("{s:s,s:s}", "name", "node-e", "as",
		    "agent"));
		assert_true(t.done);
		assert_true(json_equal(t.result, first));
		json_decref(t.result);
	}
	took = clock() - from;
	assert_int_equal(store_pending(store), 0);
	assert_true(took < CLOCKS_PER_SEC);
	assert_int_equal(events_of("join_requested"), 1);
	json_decref(first);
}

/* What is not on disk yet is not answered, however often somebody asks. */
static void
a_request_is_not_answered_before_it_is_stored(void **state)
{
	struct told t, other;

	(void)state;
	store_stops();
	ask(&t);
	ask(&other);
	refuses(&other, ERR_BUSY, "try again in");
	not_stored(&t);
	store_goes_on();
	ask(&t);
	(void)done(&t);
	assert_int_equal(events_of("join_requested"), 1);
}

static void
a_request_is_changed_now_and_then(void **state)
{
	struct told t;
	json_t *list;

	(void)state;
	ask(&t);
	(void)done(&t);
	asks(&t, &node_e, json_pack("{s:s,s:s}", "name", "node-f", "as",
	    "worker"));
	refuses(&t, ERR_BUSY, "try again in 5 s");
	assert_int_equal(events_of("join_requested"), 1);
	/* What was refused changed nothing. */
	ask(&t);
	(void)done(&t);
	broker->now.mono = mono_add_ms(broker->now.mono, 5000);
	asks(&t, &node_e, json_pack("{s:s,s:s}", "name", "node-f", "as",
	    "worker"));
	(void)done(&t);
	assert_int_equal(events_of("join_requested"), 2);
	list = desk_list(broker);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(js_str(json_array_get(list, 0), "name", ""),
	    "node-f");
	assert_string_equal(js_str(json_array_get(list, 0), "as", ""),
	    "worker");
	assert_true(strlen(js_str(json_array_get(list, 0), "words", "")) > 10);
	json_decref(list);
}

/* Lost: the record of events, to a few that change their requests in turn. */
static void
requests_are_changed_a_few_times_a_minute(void **state)
{
	struct peer peer = node_e;
	mono start = clock_mono();
	struct told t;

	(void)state;
	for (int i = 0; i < 44; i++) {
		char message[8];

		(void)snprintf(message, sizeof(message), "%d", i);
		(void)snprintf(peer.key, sizeof(peer.key), "ssh-ed25519 k%d",
		    i % 4);
		broker->now.mono = mono_add_ms(start, i / 4 * 5000);
		asks(&t, &peer, json_pack("{s:s,s:s}", "name", "node-e",
		    "message", message));
		if (i < 4 + 20)
			(void)done(&t);
		else
			refuses(&t, ERR_BUSY, "try again in");
	}
	assert_int_equal(events_of("join_requested"), 24);
	/* Nobody is kept from asking for the first time, or later. */
	(void)MEM_STR(peer.key, "ssh-ed25519 k4");
	asks(&t, &peer, json_pack("{s:s}", "name", "node-e"));
	(void)done(&t);
	broker->now.mono = mono_add_ms(start, 70000);
	asks(&t, &peer, json_pack("{s:s}", "name", "node-f"));
	(void)done(&t);
}

/* node-e asks again, 5 s later; what its request is then. */
static const char *
asks_later(const char *name, const char *as, const char *message)
{
	static int64_t later;
	struct told t;

	later += 5000;
	broker->now.mono = mono_add_ms(clock_mono(), later);
	asks(&t, &node_e, json_pack("{s:s,s:s,s:s}", "name", name, "as", as,
	    "message", message));
	return js_str(done(&t), "state", "");
}

static void
accepted(const char *which)
{
	struct told t = { 0 };

	desk_accept(broker, which, "root", on_told, &t);
	assert_string_equal(js_str(done(&t), "state", ""), "accepted");
}

/* An operator accepts what he saw.  Lost: who was let in as a worker is an
 * agent, which may become the Scheduler. */
static void
what_was_accepted_does_not_change(void **state)
{
	struct told t = { 0 };
	char token[256];
	json_t *params;

	(void)state;
	assert_string_equal(asks_later("node-e", "worker", ""), "pending");
	accepted("node-e");
	admission_token(broker, "node-e", "root", on_told, &t);
	(void)MEM_STR(token, js_str(done(&t), "token", ""));
	/* Asked again, also for another reason: the same node. */
	assert_string_equal(asks_later("node-e", "worker", ""), "accepted");
	assert_string_equal(asks_later("node-e", "worker", "rack 7"),
	    "accepted");
	assert_string_equal(asks_later("node-e", "agent", ""), "pending");
	accepted("node-e");
	assert_string_equal(asks_later("node-f", "agent", ""), "pending");
	accepted("node-f");
	/* The token was shown for the worker. */
	params = json_pack("{s:s,s:s}", "token", token, "name", "node-f");
	admission_complete(broker, &node_e, params, on_told, &t);
	refuses(&t, ERR_FAILED, "wrong token");
	json_decref(params);
	t = (struct told){ 0 };
	admission_token(broker, "node-f", "root", on_told, &t);
	params = json_pack("{s:s}", "token", js_str(done(&t), "token", ""));
	admission_complete(broker, &node_e, params, on_told, &t);
	assert_string_equal(js_str(done(&t), "as", ""), "agent");
	json_decref(params);
}

/* Lost: the list of requests gets too long for a message, and nobody can accept
 * anybody; or an operator pastes what a stranger wrote. */
static void
every_text_of_a_request_is_bounded(void **state)
{
	static const struct {
		const char *field, *text;
		size_t	    n;		/* more letters of it */
	} bad[] = {
		{ "version", "1", 63 }, { "version", "1", 1000000 },
		{ "via", "h", 256 }, { "via", "hub:0", 1000000 },
		{ "via", "hub; reboot #", 0 }, { "name", "n", 63 },
		{ "message", "m", 200 }, { "as", "root", 1000000 },
	};
	struct told t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = strlen(bad[i].text);
		char *text = mem_zero(1, n + bad[i].n + 1);
		json_t *params = json_pack("{s:s,s:s}", "name", "node-e",
		    "as", "agent");

		memcpy(text, bad[i].text, n);
		memset(text + n, bad[i].text[n - 1], bad[i].n);
		(void)json_object_set_new(params, bad[i].field,
		    json_string(text));
		asks(&t, &node_e, params);
		refuses(&t, ERR_USAGE, bad[i].field);
		free(text);
	}
	asks(&t, &node_e, json_pack("{s:s,s:s,s:s}", "name", "node-e", "via",
	    "[2001:db8::7]:7422", "version", "0.1.0"));
	(void)done(&t);
}

/* A token for a request, as anybody can make one. */
static void
forged(char text[TOKEN_TEXT], const char *id)
{
	struct token t = { .kind = TOKEN_REQUEST,
		.id = (uint32_t)strtoul(id, NULL, 10) };
	unsigned char digest[32];

	assert_int_equal(key_digest(broker->key->pub, digest, NULL), 0);
	memcpy(t.broker, digest, TOKEN_DIGEST);
	(void)token_text(&t, text);
}

/* Lost: the record of events, drowned by one who has nothing to lose. */
static void
a_token_of_another_key_is_told_of_once_in_a_while(void **state)
{
	struct peer other = node_e;
	char text[TOKEN_TEXT];
	json_t *params;
	struct told t;

	(void)state;
	ask(&t);
	forged(text, js_str(done(&t), "id", ""));
	(void)MEM_STR(other.key, "ssh-ed25519 other");
	params = json_pack("{s:s,s:s}", "token", text, "name", "x");
	for (int i = 0; i < 100; i++) {
		t = (struct told){ 0 };
		admission_complete(broker, &other, params, on_told, &t);
		refuses(&t, ERR_FAILED, "made for the key of node-e");
	}
	assert_int_equal(events_of("token_other_key"), 1);
	broker->now.mono = mono_add_ms(broker->now.mono, 60000);
	admission_complete(broker, &other, params, on_told, &t);
	assert_int_equal(events_of("token_other_key"), 2);
	json_decref(params);
}

/* A token of a request that there is none of. */
static void
tries(const struct peer *peer, const char *word)
{
	char text[TOKEN_TEXT];
	struct told t = { 0 };
	json_t *params;

	forged(text, "999999");
	params = json_pack("{s:s}", "token", text);
	admission_complete(broker, peer, params, on_told, &t);
	refuses(&t, ERR_FAILED, word);
	json_decref(params);
}

/* Lost: the disk, since each stranger that locks its own request may bring
 * another key. */
static void
a_locked_request_takes_room_for_a_day(void **state)
{
	struct peer peer = node_e;
	struct told t;

	(void)state;
	for (int i = 0; i < 6; i++) {
		json_t *params = json_pack("{s:s}", "name", "node-e");

		(void)snprintf(peer.key, sizeof(peer.key), "ssh-ed25519 k%d",
		    i);
		(void)snprintf(peer.addr, sizeof(peer.addr), "10.0.0.9:%d",
		    5000 + i);
		asks(&t, &peer, params);
		if (i == 5)
			refuses(&t, ERR_BUSY, "5 requests from this address");
		else {
			(void)done(&t);
			for (int k = 0; k < 10; k++)
				tries(&peer, k < 4 ? "wrong token"
						   : "is locked");
		}
	}
	assert_int_equal(events_of("token_wrong"), 25);
	assert_true(state_is("locked"));
	UNTIL(store_pending(store) == 0);
	broker->now.wall.ms += 24 * 3600 * 1000;
	(void)desk_turn(broker);
	assert_true(state_is("expired"));
	UNTIL(store_pending(store) == 0);
	/* A try then costs nothing either. */
	(void)MEM_STR(peer.key, "ssh-ed25519 k0");
	for (int i = 0; i < 10; i++)
		tries(&peer, "has expired");
	assert_int_equal(events_of("token_wrong"), 25);
	assert_true(state_is("expired"));
	asks(&t, &peer, json_pack("{s:s}", "name", "node-e"));
	assert_string_equal(js_str(done(&t), "state", ""), "pending");
}

struct caller {
	struct session *session;
	bool		closed;
	char		answered[32];
};

static void
caller_answer(struct session *session, json_t *msg, void *ctx)
{
	struct caller *c = ctx;

	on_answer(session, msg, c->answered);
	if (c->answered[0] == '\0')
		(void)MEM_STR(c->answered, "refused");
}

static void
caller_closed(struct session *session, const char *why, void *ctx)
{
	struct caller *c = ctx;

	(void)session;
	(void)why;
	c->closed = true;
}

static const struct session_ops stranger_ops = { .message = caller_answer,
	.closed = caller_closed };

static void
comes(struct caller *c, const char *pub)
{
	struct session *far;
	struct peer *peer;

	*c = (struct caller){ 0 };
	session_pair(&loop, &c->session, &far);
	peer = session_peer_edit(far);
	peer->kind = PEER_NODE;
	(void)MEM_STR(peer->key, pub);
	(void)MEM_STR(peer->addr, "10.0.0.9:5000");
	session_own(c->session, &stranger_ops, c);
	gate_accept(broker->gate, far);
}

/* params is stolen. */
static void
says(struct caller *c, const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id", 1,
	    "method", method, "params", params);

	c->answered[0] = '\0';
	(void)session_send(c->session, doc);
	json_decref(doc);
}

static void
goes(struct caller *c)
{
	if (!c->closed)
		session_close(c->session, false, "asked");
	UNTIL(c->closed);
}

/* node-e is a member. */
static void
enrol(void)
{
	struct batch *b = batch_new();

	(void)roster_admit(broker, "node-e", node_e.key, "SHA256:e", false, b,
	    NULL);
	assert_int_equal(store_write(store, b), STORE_OK);
}

static json_t *
hello_of(const char *start)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:[]}", "cluster",
	    broker->id, "start", start, "boot", "b1", "version", "0.1.0",
	    "controlled", 1, "rev", (json_int_t)broker->catalog->rev, "runs");
}

/* Lost: each holds two descriptors of the daemon, and at the last of them
 * nobody gets in any more. */
static void
strangers_do_not_crowd_out_the_others(void **state)
{
	enum { MANY = 300, MOST = 256 };
	static struct caller all[MANY];
	struct caller member;
	int open = 0;

	(void)state;
	enrol();
	/* About to say hello: the oldest of all, and no stranger. */
	comes(&member, node_e.key);
	for (int i = 0; i < MANY; i++) {
		char pub[64];

		(void)snprintf(pub, sizeof(pub), "ssh-ed25519 stranger%d", i);
		comes(&all[i], pub);
		if (i > 0)
			continue;
		/* It waits for its answer, and is spared. */
		store_stops();
		says(&all[0], "join.request", json_pack("{s:s}", "name", "x"));
		UNTIL(state_is("pending"));
	}
	UNTIL(all[MANY - MOST].closed);
	for (int i = 0; i < 20; i++)
		turn();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(all[i].closed, i > 0 && i <= MANY - MOST);
		open += !all[i].closed;
	}
	assert_int_equal(open, MOST);
	assert_false(member.closed || agent.gone);
	assert_int_equal(all[0].answered[0], '\0');
	store_goes_on();
	UNTIL(all[0].answered[0] != '\0');
	assert_string_equal(all[0].answered, "welcome");
	/* One goes: there is room for one more. */
	goes(&all[MANY - 1]);
	for (int i = 0; i < 20; i++)
		turn();
	comes(&all[1], "ssh-ed25519 stranger1");
	says(&all[1], "hello", json_pack("{s:s}", "purpose", "join"));
	UNTIL(all[1].answered[0] != '\0');
	assert_string_equal(all[1].answered, "welcome");
	for (int i = 0; i < 20; i++)
		turn();
	assert_false(all[0].closed || all[MANY - MOST + 1].closed);
	says(&member, "hello", hello_of("s7"));
	UNTIL(member.answered[0] != '\0');
	assert_string_equal(member.answered, "welcome");
	for (int i = 0; i < MANY; i++)
		goes(&all[i]);
	goes(&member);
}

static void
utters(struct caller *c, json_t *id)
{
	json_t *doc = json_pack("{s:s,s:o,s:s,s:{s:s}}", "jsonrpc", "2.0", "id",
	    id, "method", "hello", "params", "purpose", "join");

	c->answered[0] = '\0';
	(void)session_send(c->session, doc);
	json_decref(doc);
}

/* Lost: 4 MiB of memory for each stranger that asks and does not read. */
static void
who_does_not_read_is_not_kept(void **state)
{
	static char big[900001];
	struct caller c;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	comes(&c, "ssh-ed25519 stranger");
	utters(&c, json_string("seven"));
	UNTIL(c.answered[0] != '\0');
	assert_string_equal(c.answered, "welcome");
	utters(&c, json_string(big));
	UNTIL(c.answered[0] != '\0');
	assert_string_equal(c.answered, "id");
	utters(&c, json_pack("[i]", 1));
	UNTIL(c.answered[0] != '\0');
	assert_string_equal(c.answered, "id");
	session_pause(c.session, true);
	for (int i = 0; i < 100; i++)
		utters(&c, json_integer(i));
	for (int i = 0; i < 20; i++)
		turn();
	assert_false(c.closed);		/* 10 KiB */
	for (int i = 0; i < 1000; i++)
		utters(&c, json_integer(i));
	UNTIL(c.closed);
}

/* Lost: every place of the daemon, to whoever has the key of one member and
 * says no hello with it. */
static void
a_key_has_few_sessions_without_hello(void **state)
{
	enum { MANY = 300, MOST = 256 + 4 };
	static struct caller all[MANY];
	int open = 0;

	(void)state;
	enrol();
	for (int i = 0; i < MANY; i++)
		comes(&all[i], node_e.key);
	UNTIL(all[4].closed);
	for (int i = 0; i < 20; i++)
		turn();
	for (int i = 0; i < MANY; i++)
		open += !all[i].closed;
	assert_int_equal(open, MOST);
	assert_false(all[0].closed || all[3].closed);
	/* It says hello on one of them: no stranger. */
	says(&all[MANY - 1], "hello", hello_of("s7"));
	UNTIL(all[MANY - 1].answered[0] != '\0');
	assert_string_equal(all[MANY - 1].answered, "welcome");
	for (int i = 0; i < MANY; i++)
		goes(&all[i]);
}

/* Lost: who was pushed out does not know that it is to try again.  And of those
 * who do not read why, not more are waited for than there are places. */
static void
who_makes_room_is_told_why(void **state)
{
	enum { MANY = 400, MOST = 256 };
	static struct caller all[MANY];
	int told = 0, closed = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char pub[64];

		(void)snprintf(pub, sizeof(pub), "ssh-ed25519 stranger%d", i);
		comes(&all[i], pub);
		session_pause(all[i].session, true);
	}
	for (int i = 0; i < 20; i++)
		turn();
	for (int i = 0; i < MANY; i++)
		closed += all[i].closed;
	assert_int_equal(closed, MANY - MOST - 64);
	for (int i = 0; i < MANY; i++)
		if (!all[i].closed)
			session_pause(all[i].session, false);
	for (int i = 0; i < 20; i++)
		turn();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(all[i].closed, i < MANY - MOST);
		told += strcmp(all[i].answered, "busy") == 0;
	}
	assert_int_equal(told, 64);
	for (int i = 0; i < MANY; i++)
		goes(&all[i]);
}

static void
count_timer(uv_handle_t *h, void *arg)
{
	if (h->type == UV_TIMER && uv_is_active(h)) {
		uint64_t ms = uv_timer_get_due_in((uv_timer_t *)h);

		*(int *)arg += ms > 29000 && ms <= 30000;
	}
}

/* Sessions that end when nothing is heard of them for 30 s. */
static int
deadlines(void)
{
	int n = 0;

	uv_walk(&loop, count_timer, &n);
	return n;
}

static void
who_says_nothing_does_not_stay(void **state)
{
	struct caller stranger, member;

	(void)state;
	enrol();
	assert_int_equal(deadlines(), 0);
	comes(&stranger, "ssh-ed25519 stranger");
	assert_int_equal(deadlines(), 1);
	comes(&member, node_e.key);
	assert_int_equal(deadlines(), 2);
	says(&member, "hello", hello_of("s7"));
	UNTIL(member.answered[0] != '\0');
	assert_int_equal(deadlines(), 1);
	/* Who waits for us has said what there is to say. */
	store_stops();
	says(&stranger, "join.request", json_pack("{s:s}", "name", "node-x"));
	UNTIL(state_is("pending"));
	assert_int_equal(deadlines(), 0);
	UNTIL(stranger.answered[0] != '\0');
	assert_string_equal(stranger.answered, "refused");
	assert_int_equal(deadlines(), 1);
	store_goes_on();
	says(&stranger, "join.request", json_pack("{s:s}", "name", "node-x"));
	UNTIL(strcmp(stranger.answered, "welcome") == 0);
	assert_int_equal(deadlines(), 1);
	goes(&stranger);
	goes(&member);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_that_is_repeated_costs_nothing),
		T(a_request_is_not_answered_before_it_is_stored),
		T(a_request_is_changed_now_and_then),
		T(requests_are_changed_a_few_times_a_minute),
		T(what_was_accepted_does_not_change),
		T(every_text_of_a_request_is_bounded),
		T(a_token_of_another_key_is_told_of_once_in_a_while),
		T(a_locked_request_takes_room_for_a_day),
		T(strangers_do_not_crowd_out_the_others),
		T(who_does_not_read_is_not_kept),
		T(a_key_has_few_sessions_without_hello),
		T(who_makes_room_is_told_why),
		T(who_says_nothing_does_not_stay),
	};

	return cmocka_run_group_tests_name("stranger", tests, NULL, NULL);
}
