/* Joining while the broker's disk takes no writes: what was answered with
 * "nothing was stored" did not happen.  What a user would lose: a token that
 * counts as used by a node that never joined, a member that is unknown after
 * the next start, a name that nobody can have any more. */
#include "desk_fixture.h"

#include "broker/admission.h"
#include "broker/departure.h"
#include "broker/event.h"
#include "net/transport.h"

static void
complete(struct told *t, const char *token)
{
	json_t *params = json_pack("{s:s,s:s}", "token", token, "name",
	    "node-e");

	*t = (struct told){ 0 };
	admission_complete(broker, &node_e, params, on_told, t);
	json_decref(params);
}

static void
what_was_not_stored_at_the_desk_did_not_happen(void **state)
{
	struct told t, other;

	(void)state;
	store_stops();
	ask(&t);
	not_stored(&t);
	assert_true(state_is("none"));
	store_goes_on();
	ask(&t);
	(void)done(&t);
	assert_true(state_is("pending"));
	store_stops();
	desk_accept(broker, "node-e", "root", on_told, &t);
	not_stored(&t);
	assert_true(state_is("pending"));
	/* What is on its way behind it is not taken back with it. */
	desk_reject(broker, "node-e", "no", "root", on_told, &t);
	other = (struct told){ 0 };
	admission_invite(broker, 0, 1, false, "root", on_told, &other);
	not_stored(&t);
	not_stored(&other);
	assert_true(state_is("pending"));
	store_goes_on();
	desk_accept(broker, "node-e", "root", on_told, &t);
	(void)done(&t);
	assert_true(state_is("accepted"));
}

static const char *
token(char text[256])
{
	struct told t = { 0 };

	ask(&t);
	(void)done(&t);
	desk_accept(broker, "node-e", "root", on_told, &t);
	(void)done(&t);
	admission_token(broker, "node-e", "root", on_told, &t);
	(void)mem_str(text, 256, js_str(done(&t), "token", ""));
	return text;
}

static void
a_token_is_good_until_somebody_joined_with_it(void **state)
{
	char text[256];
	struct told t;

	(void)state;
	(void)token(text);
	store_stops();
	complete(&t, text);
	not_stored(&t);
	store_goes_on();
	assert_true(state_is("accepted"));
	assert_false(roster_by_key(broker->roster, node_e.key) != NULL &&
	    member_active(roster_by_key(broker->roster, node_e.key)));
	complete(&t, text);
	assert_string_equal(js_str(done(&t), "name", ""), "node-e");
	assert_true(member_active(roster_by_name(broker->roster, "node-e")));
	/* Once. */
	complete(&t, text);
	UNTIL(t.done);
	assert_null(t.result);
}

/* A member that left keeps its row; who takes over its name moves that. */
static void
a_name_is_free_after_a_join_that_was_not_stored(void **state)
{
	struct batch *b = batch_new();
	struct member *gone;
	char text[256];
	struct told t;

	(void)state;
	gone = roster_admit(broker, "node-e", "ssh-ed25519 gone", "SHA256:g",
	    false, b, NULL);
	roster_set_state(broker, gone, "removed", b);
	assert_int_equal(store_write(store, b), STORE_OK);
	(void)token(text);
	store_stops();
	complete(&t, text);
	not_stored(&t);
	store_goes_on();
	assert_string_equal(gone->name, "node-e");
	complete(&t, text);
	(void)done(&t);
	assert_string_equal(roster_by_key(broker->roster, node_e.key)->name,
	    "node-e");
	assert_true(strcmp(gone->name, "node-e") != 0);
}

/* Who comes again while it is being removed, and neither is stored, is the
 * member that it was: held off, drained. */
static void
a_join_that_was_not_stored_leaves_a_member_as_it_was(void **state)
{
	struct member *m = broker->roster->members[0];
	struct role_agent *a = roster_agent(broker->roster, m);
	struct batch *b = batch_new();
	struct roster_was was;

	(void)state;
	a->marks.want_off = a->marks.held_off = m->drained = true;
	roster_drained(broker->roster, m);
	(void)roster_admit(broker, "node-a", m->key, m->fingerprint, false, b,
	    &was);
	batch_free(b);
	assert_false(a->marks.want_off || a->drained);
	roster_admit_undo(broker, &was);
	assert_true(a->marks.want_off && a->marks.held_off && a->drained);
	assert_string_equal(m->state, "member");
}

/* A Scheduler that leaves counts as drained until it has handed over.  Were
 * that on disk, a broker killed meanwhile would have a member that nobody
 * drained, that gets no runs and is no candidate. */
static void
who_is_about_to_leave_is_not_drained_on_disk(void **state)
{
	struct broker *again;
	struct err e;

	(void)state;
	agent_says_on(0);
	UNTIL(scheduler_epoch(broker) > 0);
	agent_says_on(scheduler_epoch(broker));
	UNTIL(scheduler_role(broker)->state == ROLE_HELD);
	departure_start(broker, broker->roster->members[0], "left", "", "root",
	    on_told, &(struct told){ 0 });
	assert_true(broker->roster->agents[0].drained);
	UNTIL(scheduler_role(broker)->state != ROLE_HELD &&
	    store_pending(store) == 0);
	again = broker_new(store, &key, "node-a", true, clock_now(), &e);
	assert_non_null(again);
	assert_false(again->roster->agents[0].drained);
	broker_free(again);
}

static void
on_drain(void *arg, enum store_rc rc)
{
	*(enum store_rc *)arg = rc;
}

/* Two operators at once, and a full disk: what neither stored did not happen,
 * in whichever order they are told. */
static void
a_drain_that_was_not_stored_did_not_happen(void **state)
{
	struct member *m = broker->roster->members[0];
	struct role_agent *a = roster_agent(broker->roster, m);
	enum store_rc one = STORE_NRCS, two = STORE_NRCS;

	(void)state;
	store_stops();
	departure_drain(broker, m, true, "anna", NULL, on_drain, &one);
	assert_true(a->drained);	/* nothing is sent there from now on */
	departure_drain(broker, m, false, "bert", NULL, on_drain, &two);
	UNTIL(one != STORE_NRCS && two != STORE_NRCS);
	assert_int_not_equal(one, STORE_OK);
	assert_int_not_equal(two, STORE_OK);
	assert_false(a->drained);
	store_goes_on();
	one = two = STORE_NRCS;
	departure_drain(broker, m, true, "anna", NULL, on_drain, &one);
	UNTIL(one == STORE_OK);
	assert_true(a->drained);
	departure_drain(broker, m, false, "bert", NULL, on_drain, &two);
	UNTIL(two == STORE_OK);
	assert_false(a->drained);
}

static bool
on_record(const char *code)
{
	json_t *list = event_list(broker->events, 1000, (wall){ 0 }, NULL,
	    code, NULL, NULL);
	bool is = json_array_size(list) > 0;

	json_decref(list);
	return is;
}

static void
on_event(void *arg, const json_t *event)
{
	if (strcmp(js_str(event, "code", ""), "removed") == 0)
		*(int *)arg += 1;
}

/* A disk with room for an event and not for the change: the audit trail says who
 * did what, and nobody did this. */
static void
what_was_not_stored_is_not_in_the_audit_trail(void **state)
{
	struct member *m = broker->roster->members[0];
	struct event_sub *sub;
	struct told t = { 0 };
	int heard = 0;

	(void)state;
	sub = event_follow(broker->events, on_event, &heard);
	change_store("CREATE TRIGGER no_room BEFORE UPDATE ON member "
	    "BEGIN SELECT RAISE(ABORT, 'no room'); END");
	departure_start(broker, m, "removed", "", "root", on_told, &t);
	not_stored(&t);
	UNTIL(store_pending(store) == 0);
	assert_int_equal(heard, 0);
	assert_false(on_record("removed"));
	change_store("DROP TRIGGER no_room");
	departure_start(broker, m, "removed", "", "root", on_told, &t);
	(void)done(&t);
	UNTIL(heard == 1);
	assert_true(on_record("removed"));
	event_unfollow(broker->events, sub);
}

static void
on_no_more(struct session *session, const char *why, void *ctx)
{
	(void)session;
	(void)why;
	(void)ctx;
}

static const struct session_ops caller_ops = { .message = on_answer,
	.closed = on_no_more };

/* A second start of this node says hello; what it is answered. */
static void
calls(char answered[32])
{
	struct session *near, *far;
	json_t *doc = json_pack("{s:s,s:i,s:s,s:{s:s,s:s,s:s,s:s,s:b,s:I,s:[]}}",
	    "jsonrpc", "2.0", "id", 1, "method", "hello", "params", "cluster",
	    broker->id, "start", "s1", "boot", "b1", "version", "0.1.0",
	    "controlled", 1, "rev", (json_int_t)broker->catalog->rev, "runs");

	answered[0] = '\0';
	session_pair(&loop, &near, &far);
	session_own(near, &caller_ops, answered);
	gate_accept(broker->gate, far);
	(void)session_send(near, doc);
	json_decref(doc);
	UNTIL(answered[0] != '\0');
	session_close(near, false, "asked");
}

/* A node that is told "removed" leaves, and does not come back by itself: it is
 * told when that is on disk, and not before. */
static void
who_calls_while_it_is_being_removed_is_told_to_wait(void **state)
{
	struct told t = { 0 };
	char answered[32];

	(void)state;
	store_stops();
	departure_start(broker, broker->roster->members[0], "removed", "",
	    "root", on_told, &t);
	turn();
	calls(answered);
	assert_string_equal(answered, "busy");
	UNTIL(store_state(store) == STORE_BUSY);
	store_goes_on();
	UNTIL(t.done);
	/* It was stored in the end, or it was not. */
	calls(answered);
	assert_string_equal(answered, t.result != NULL ? "removed" : "welcome");
	json_decref(t.result);
	UNTIL(broker->roster->members[0]->session == NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_drain_that_was_not_stored_did_not_happen),
		T(what_was_not_stored_at_the_desk_did_not_happen),
		T(a_token_is_good_until_somebody_joined_with_it),
		T(a_join_that_was_not_stored_leaves_a_member_as_it_was),
		T(who_is_about_to_leave_is_not_drained_on_disk),
		T(a_name_is_free_after_a_join_that_was_not_stored),
		T(what_was_not_stored_is_not_in_the_audit_trail),
		T(who_calls_while_it_is_being_removed_is_told_to_wait),
	};

	return cmocka_run_group_tests_name("desk", tests, NULL, NULL);
}
