/* How runs end, on days when the disk does not take it.  An outcome that is
 * wrong here is a night's work that is done again, or that nobody does. */
#include "api_fixture.h"

#include "broker/departure.h"
#include "broker/dispatch_impl.h"
#include "broker/foreman.h"
#include "broker/live.h"

static bool
recorded(int64_t run, const char *state, bool late)
{
	json_t *o = get("run.list", json_pack("{s:i}", "limit", 10)), *row;
	bool is = false;
	size_t i;

	json_array_foreach(o, i, row)
		is = is || (js_int(row, "id", 0) == run &&
		    strcmp(js_str(row, "state", ""), state) == 0 &&
		    js_bool(row, "late", false) == late);
	json_decref(o);
	return is;
}

/* Its number: the agent has it, and has said nothing of it. */
static int64_t
sent_run(void)
{
	apply("jobs: ( { name = \"j\"; command = [ \"/bin/true\" ]; } );\n");
	json_decref(get("job.run", json_pack("{s:s}", "job", "j")));
	UNTIL(agent.run != 0);
	return agent.run;
}

static void
taken_run(void)
{
	(void)sent_run();
	agent_says("link.run", json_pack("{s:I,s:I,s:s,s:n}", "run",
	    (json_int_t)agent.run, "attempt", (json_int_t)agent.attempt,
	    "state", "accepted", "started_at"));
	UNTIL(live_find(broker, agent.run) != NULL &&
	    live_find(broker, agent.run)->accepted);
}

/* Its agent is said to know nothing of it. */
static void
lose(void)
{
	json_t *none = json_pack("{s:[]}", "runs");

	foreman_agent_up(broker, broker->roster->members[0], none);
	json_decref(none);
}

static void
lost_run(void)
{
	taken_run();
	lose();
	UNTIL(live_find(broker, agent.run) == NULL);
	assert_true(recorded(agent.run, "lost", false));
}

/* "A late result replaces `unknown` or `lost` once" (SPEC section 6): one that
 * could not be stored has replaced nothing yet. */
static void
a_late_result_waits_for_the_disk(void **state)
{
	(void)state;
	lost_run();
	store_stops();
	agent_ends("exited", 0);
	UNTIL(store_state(store) == STORE_BUSY);
	/* And no longer than lost_after, when it would be lost once more. */
	broker->set.lost_after = 1;
	(void)usleep(2000);
	turn();
	store_goes_on();
	UNTIL(store_state(store) == STORE_OK || store_pending(store) == 0);
	UNTIL(recorded(agent.run, "lost", false));
	/* The agent is asked again (link.tell), and says it again. */
	agent_ends("exited", 0);
	UNTIL(recorded(agent.run, "succeeded", true));
}

/* … and from a node that was renamed meanwhile: the record has its old name, and
 * a slot that is never given back would be one less for ever. */
static void
a_late_result_of_a_renamed_agent_gives_its_slot_back(void **state)
{
	(void)state;
	lost_run();
	json_decref(get("agent.rename", json_pack("{s:s,s:s}", "agent",
	    "node-a", "name", "node-x")));
	agent_ends("exited", 0);
	UNTIL(recorded(agent.run, "succeeded", true));
	assert_int_equal(broker->roster->members[0]->sent, 0);
}

static void
lose_slowly(void)
{
	taken_run();
	store_stops();
	lose();
}

/* What it said was heard before the loss was on disk. */
static void
is_asked_again(void)
{
	agent_beat();
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
	store_goes_on();
	UNTIL(agent.tells == 1);
}

/* It comes while "lost" is on its way to a slow disk: it would be on record as
 * lost until the agent's next session. */
static void
a_result_beside_the_loss_is_asked_for_again(void **state)
{
	(void)state;
	lose_slowly();
	agent_ends("exited", 0);
	is_asked_again();
	assert_true(recorded(agent.run, "lost", false));
	agent_ends("exited", 0);
	UNTIL(recorded(agent.run, "succeeded", true));
}

/* An agent that was restored from a backup does not hold what it took.  When
 * that is not stored at first, the run is lost all the same: it would be shown as
 * running until the agent's next session, and its slot be taken. */
static void
a_loss_that_is_not_stored_is_a_loss_when_the_disk_takes_it(void **state)
{
	struct member *m;

	(void)state;
	lose_slowly();
	m = broker->roster->members[0];
	UNTIL(store_state(store) == STORE_BUSY);
	UNTIL(live_find(broker, agent.run)->state == RUN_UNKNOWN);
	foreman_agent_down(broker, m);
	foreman_agent_heard(broker, m);
	store_goes_on();
	UNTIL(live_find(broker, agent.run) == NULL);
	assert_true(recorded(agent.run, "lost", false));
}

/* … and so is what it holds for a broker that has given it up: it would keep
 * that, and its journal would never be empty. */
static void
a_held_run_beside_the_loss_is_asked_for_again(void **state)
{
	(void)state;
	lose_slowly();
	agent_says("link.run", json_pack("{s:I,s:I,s:s,s:n}", "run",
	    (json_int_t)agent.run, "attempt", (json_int_t)agent.attempt,
	    "state", "held", "started_at"));
	is_asked_again();
}

/* A run that was refused is nowhere but here. */
static void
a_refusal_that_is_not_stored_is_asked_for_again(void **state)
{
	int64_t run;

	(void)state;
	run = sent_run();
	agent.run = 0;
	store_stops();
	agent_says("link.run", json_pack("{s:I,s:I,s:s,s:s}", "run",
	    (json_int_t)run, "attempt", (json_int_t)agent.attempt, "state",
	    "refused", "reason", "the disk is full"));
	UNTIL(store_state(store) == STORE_BUSY);
	store_goes_on();
	agent_beat();
	UNTIL(agent.run == run);
	agent_ends("exited", 0);
	UNTIL(recorded(run, "succeeded", false));
}

/* The agent has a run of a job that has one at a time. */
static int64_t
one_goes_on(void)
{
	apply("jobs: ( { name = \"j\"; command = [ \"/bin/true\" ];\n"
	    "  overlap = \"queue\"; } );\n");
	json_decref(get("job.run", json_pack("{s:s}", "job", "j")));
	UNTIL(agent.run != 0);
	return agent.run;
}

/* A run is stored while the one before it ends: the slot was free before it
 * could be given, and nothing else happens afterwards. */
static void
a_run_that_is_stored_after_its_slot_became_free_goes(void **state)
{
	struct ask second;
	int64_t first;

	(void)state;
	first = one_goes_on();
	begin(&second, PRIVS_ALL, "job.run", json_pack("{s:s}", "job", "j"));
	agent_ends("exited", 0);
	/* The broker hears all but what its store has done. */
	while (!run_ended(live_find(broker, first)->state)) {
		(void)broker_turn(broker, clock_now());
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	}
	(void)broker_turn(broker, clock_now());
	UNTIL(agent.run == first + 1);
	UNTIL(second.ended);
	ask_clear(&second);
}

/* A placement and then an end that both find the disk full: a run that stood in
 * its queue as well would be started twice, or be met again when it is freed. */
static void
what_ended_before_its_placement_was_stored_waits_once(void **state)
{
	struct run *r;
	int64_t first;

	(void)state;
	first = one_goes_on();
	json_decref(get("job.run", json_pack("{s:s}", "job", "j")));
	r = live_find(broker, first + 1);
	assert_int_equal(r->state, RUN_QUEUED);
	store_stops();
	agent_ends("exited", 0);
	UNTIL(r->state == RUN_DISPATCHED);
	foreman_agent_gone(broker, broker->roster->members[0]);
	assert_true(run_ended(r->state));
	UNTIL(!run_ended(r->state));	/* its end is not on disk either */
	/* Nobody was sent it: it waits, once, until its place is stored. */
	assert_int_equal(r->state, RUN_WAITING);
	assert_ptr_equal(dispatch_queue(broker->dispatch, r)->head, r);
	assert_null(r->qnext);
	store_goes_on();
	assert_int_equal(agent.run, first);
	agent_ends("exited", 0);	/* of the first: nor was that stored */
	UNTIL(agent.run == first + 1);
	agent_ends("exited", 0);
	UNTIL(live_find(broker, first + 1) == NULL);
	assert_true(recorded(first + 1, "succeeded", false));
}

static int
on_state(void *arg, int n, char **values, char **names)
{
	(void)names;
	assert_int_equal(n, 1);
	(void)snprintf(arg, 16, "%s", values[0]);
	return 0;
}

/* As it would be read after a crash. */
static void
state_on_disk(int64_t run, char state[16])
{
	char path[96], sql[96];
	sqlite3 *db;

	state[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	(void)snprintf(sql, sizeof(sql), "SELECT state FROM run_live "
	    "WHERE id = %lld", (long long)run);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, PATIENCE_MS);
	assert_int_equal(sqlite3_exec(db, sql, on_state, state, NULL),
	    SQLITE_OK);
	(void)sqlite3_close(db);
}

/* A disk that takes one write and not another: a waiting run that was to be
 * aborted waits still, also on disk, or after a restart it is neither started
 * nor ended, and whoever asked was told that it is aborted. */
static void
an_abort_that_is_not_stored_changes_nothing(void **state)
{
	int64_t first, second;
	struct ask a;
	char on_disk[16], id[24];

	(void)state;
	first = one_goes_on();
	json_decref(get("job.run", json_pack("{s:s}", "job", "j")));
	second = first + 1;
	change_store("CREATE TRIGGER no_room BEFORE INSERT ON run_hist "
	    "BEGIN SELECT RAISE(ABORT, 'no room'); END");
	(void)snprintf(id, sizeof(id), "%lld", (long long)second);
	begin(&a, PRIVS_ALL, "run.abort", json_pack("{s:s}", "run", id));
	UNTIL(a.ended);
	assert_null(a.result);
	assert_non_null(strstr(a.e.msg, "not aborted"));
	ask_clear(&a);
	state_on_disk(second, on_disk);
	assert_string_equal(on_disk, "queued");
	change_store("DROP TRIGGER no_room");
	agent_ends("exited", 0);
	UNTIL(agent.run == second);
	agent_ends("exited", 0);
	UNTIL(recorded(second, "succeeded", false));
}

static void
says_journaling(void)
{
	agent_says("link.run", json_pack("{s:I,s:I,s:s,s:n}", "run",
	    (json_int_t)agent.run, "attempt", (json_int_t)agent.attempt,
	    "state", "journaling", "started_at"));
	agent_beat();
	UNTIL(broker->roster->agents[0].beat.seq == agent.seq);
}

/* Its agent's disk is slow, and its agent is killed: nothing of it was started,
 * and somebody must. */
static void
a_run_on_its_way_to_an_agents_disk_is_sent_again(void **state)
{
	int64_t run;

	(void)state;
	run = sent_run();
	says_journaling();
	agent_down();
	agent.run = 0;
	agent_up();			/* its journal holds nothing */
	UNTIL(agent.run == run);
	agent_ends("exited", 0);
	UNTIL(recorded(run, "succeeded", false));
}

/* … or the link was lost, and the disk refuses it before the broker listens
 * again: nobody hears that. */
static void
a_run_that_was_refused_unheard_is_sent_again(void **state)
{
	json_t *hello;
	int64_t run;

	(void)state;
	run = sent_run();
	agent.run = 0;
	hello = json_pack("{s:[{s:I,s:i,s:s,s:n}]}", "runs", "run", (json_int_t)run,
	    "attempt", 1, "state", "journaling", "started_at");
	foreman_agent_up(broker, broker->roster->members[0], hello);
	json_decref(hello);
	UNTIL(agent.run == run);
}

/* The broker's disk does not take that an agent is removed: it is a member, and
 * what it did meanwhile, and what it fired, is said again. */
static void
a_removal_that_is_not_stored_loses_no_run(void **state)
{
	struct told t = { 0 }, second = { 0 };
	struct err e = { 0 };
	json_t *hello;

	(void)state;
	taken_run();
	store_stops();
	departure_start(broker, broker->roster->members[0], "removed", "",
	    "root", on_told, &t);
	/* One at a time: of two, the disk might take one. */
	departure_start(broker, broker->roster->members[0], "left", "", NULL,
	    on_told, &second);
	assert_true(second.done && second.e.code == ERR_BUSY);
	UNTIL(!member_active(broker->roster->members[0]));
	/* It is not "none of this name" before that is on disk. */
	assert_null(roster_find(broker, broker->roster->members[0]->name, &e));
	assert_int_equal(e.code, ERR_BUSY);
	agent_ends("exited", 0);
	UNTIL(t.done);
	assert_null(t.result);
	store_goes_on();
	UNTIL(agent.gone);
	hello = json_pack("{s:[{s:I,s:i,s:s,s:i}]}", "runs", "run",
	    (json_int_t)agent.run, "attempt", 1, "state", "exited", "code", 0);
	foreman_agent_up(broker, broker->roster->members[0], hello);
	json_decref(hello);
	UNTIL(live_count(broker) == 0);
	assert_true(recorded(agent.run, "succeeded", false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_late_result_waits_for_the_disk),
		T(a_late_result_of_a_renamed_agent_gives_its_slot_back),
		T(a_run_on_its_way_to_an_agents_disk_is_sent_again),
		T(a_run_that_was_refused_unheard_is_sent_again),
		T(a_removal_that_is_not_stored_loses_no_run),
		T(a_result_beside_the_loss_is_asked_for_again),
		T(a_held_run_beside_the_loss_is_asked_for_again),
		T(a_loss_that_is_not_stored_is_a_loss_when_the_disk_takes_it),
		T(a_refusal_that_is_not_stored_is_asked_for_again),
		T(a_run_that_is_stored_after_its_slot_became_free_goes),
		T(what_ended_before_its_placement_was_stored_waits_once),
		T(an_abort_that_is_not_stored_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
