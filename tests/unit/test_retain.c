/* History in bounded space: without it the disk fills; with a wrong bound what
 * ran last month is gone, and who asks for it is told that it never was. */
#include "store_fixture.h"

#include "broker/dispatch_impl.h"
#include "broker/restored.h"
#include "broker/retain.h"
#include "log.h"

enum { RUNS = 5 };		/* on record before the restore */

static const int64_t most = 10000000;	/* runs that are kept */
static struct store *store;
static struct broker *broker;
static struct key key;

static void
begin(void)
{
	struct err e = { 0 };

	store = opened();
	broker = broker_new(store, &key, "a", true, clock_now(), &e);
	if (broker == NULL)
		fail_msg("%s", e.msg);
}

static void
end(void)
{
	store_drain(store);
	store_close(store);
	broker_free(broker);
}

static void
put_run(int64_t id)
{
	int64_t now = clock_wall().ms;
	char sql[400];
	sqlite3 *db = raw_open(path);

	(void)sqlite3_busy_timeout(db, 5000);
	(void)snprintf(sql, sizeof(sql), "INSERT INTO run_hist (id, attempt, "
	    "job, occ, state, queued_at, ended_at, epoch) VALUES (%lld, 1, "
	    "'j', 'manual %lld', 'succeeded', %lld, %lld, 1); INSERT INTO "
	    "occurrence (job, occ, run) VALUES ('j', 'manual %lld', %lld)",
	    (long long)id, (long long)id, (long long)now, (long long)now,
	    (long long)id, (long long)id);
	raw_exec(db, sql);
	(void)sqlite3_close(db);
}

/* Of the history, and as many occurrences. */
static int64_t
kept(void)
{
	sqlite3 *db;
	int64_t n;

	broker->retain_at.us = 1;
	(void)retain_turn(broker);
	store_drain(store);
	db = raw_open(path);
	n = raw_int(db, "SELECT COUNT(*) FROM run_hist");
	assert_int_equal(raw_int(db, "SELECT COUNT(*) FROM occurrence"), n);
	(void)sqlite3_close(db);
	return n;
}

/* From a backup that is two hours old: numbers jump by 14 millions. */
static void
restore(void)
{
	char when[CLOCK_RFC3339];
	struct batch *b = batch_new();

	batch_add(b, S_META_SET, "tt", RESTORED_META,
	    clock_rfc3339((wall){ clock_wall().ms - 7200000 }, when));
	assert_int_equal(store_write(store, b), STORE_OK);
	end();
	begin();
}

/* A broker that found RUNS of them when it was started. */
static void
begin_with_runs(void)
{
	begin();
	for (int64_t id = 1; id <= RUNS; id++)
		put_run(id);
	end();
	begin();
}

static void
a_restore_makes_no_history_old(void **state)
{
	int64_t was, from;

	(void)state;
	begin_with_runs();
	was = dispatch_newest(broker);
	restore();
	assert_true(dispatch_newest(broker) > was + most);
	assert_int_equal(kept(), RUNS);
	end();
	begin();		/* a restart knows it, too */
	assert_int_equal(kept(), RUNS);
	/* Once more, with one run in between. */
	from = dispatch_newest(broker) + 1;
	put_run(from);
	restore();
	assert_true(dispatch_newest(broker) > from + most);
	assert_int_equal(kept(), RUNS + 1);
	end();
}

static void
history_is_bounded_after_a_restore_all_the_same(void **state)
{
	(void)state;
	begin_with_runs();
	restore();
	/* So many have run since that few of those before are kept: two, and
	 * the one on the border. */
	broker->dispatch->next_id += most - 2;
	assert_int_equal(kept(), 3);
	broker->dispatch->next_id += 3;
	assert_int_equal(kept(), 0);
	end();
}

/* What the number of the newest jump was stored without: nothing goes too
 * early. */
static void
a_jump_of_unknown_size_passed_over_all(void **state)
{
	struct batch *b;

	(void)state;
	begin();
	put_run(1);
	b = batch_new();
	batch_add(b, S_META_SET, "tt", "runs_from", "30000000");
	assert_int_equal(store_write(store, b), STORE_OK);
	end();
	begin();
	assert_int_equal(dispatch_newest(broker), 29999999);
	assert_int_equal(kept(), 1);
	end();
}

static int64_t
pause_after(int64_t runs)
{
	mono at = broker->retain_at;

	broker->dispatch->next_id += runs;
	broker->now.mono = at;
	return mono_diff_ms(retain_turn(broker), at);
}

/* 500 runs a second for a minute are more than one slice: it is gone on with
 * until all of them have made room for themselves. */
static void
a_busy_cluster_is_tidied_as_fast_as_it_runs(void **state)
{
	int n;

	(void)state;
	begin();
	broker->dispatch->next_id = 1000000;
	(void)retain_turn(broker);	/* what was before is no haste */
	assert_int_equal(pause_after(0), 60000);
	assert_int_equal(pause_after(2500), 60000);
	assert_int_equal(pause_after(30000), 1000);
	for (n = 1; pause_after(500) == 1000; n++)
		assert_true(n < 60);
	assert_in_range(n, 30000 / 5000, 20);
	assert_int_equal(pause_after(0), 60000);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_restore_makes_no_history_old),
		T(history_is_bounded_after_a_restore_all_the_same),
		T(a_jump_of_unknown_size_passed_over_all),
		T(a_busy_cluster_is_tidied_as_fast_as_it_runs),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
