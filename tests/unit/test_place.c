/* Where runs go.  What a user would lose: a job on a drained machine, or one
 * that waits without anybody saying why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/place.h"

enum { N = 5 };

static struct place_agent agents[N];

static int
setup(void **state)
{
	static const char *const names[] = { "c", "a", "e", "b", "d" };

	(void)state;
	for (int i = 0; i < N; i++)
		agents[i] = (struct place_agent){ .id = i + 1,
			.name = names[i], .listed = true, .connected = true,
			.takes_runs = true, .accepts = true,
			.has_labels = true, .condition_met = true,
			.health = HEALTH_GOOD };
	return 0;
}

/* The names chosen, in order. */
static void
chosen(const struct place_rule *r, const char *want)
{
	size_t out[N], n = place_choose(agents, N, r, out);
	char got[N + 1] = "";

	for (size_t i = 0; i < n; i++) {
		got[i] = agents[out[i]].name[0];
		assert_int_equal(agents[out[i]].why, PLACE_CHOSEN);
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(agents[i].why == PLACE_CHOSEN,
		    strchr(got, agents[i].name[0]) != NULL);
	assert_string_equal(got, want);
}

static void
distributions(void **state)
{
	struct place_rule r = { .selection = PLACE_FIRST, .instances = 3 };

	(void)state;
	agents[2].fired = true;
	r.spread = PLACE_LOCAL;
	chosen(&r, "e");
	assert_int_equal(agents[0].why, PLACE_NOT_FIRED_HERE);
	r.spread = PLACE_ONE;
	chosen(&r, "a");
	assert_int_equal(agents[0].why, PLACE_OTHERS_FIRST);
	r.spread = PLACE_INSTANCES;
	chosen(&r, "abc");
	r.instances = 9;
	chosen(&r, "abcde");
	r.instances = 0;
	chosen(&r, "");
	r.spread = PLACE_ALL;
	chosen(&r, "abcde");
	r.spread = PLACE_SELECTED;
	agents[0].listed = agents[3].listed = false;
	/* The broker's filters are not applied to a selection. */
	agents[1].condition_met = false;
	chosen(&r, "ade");
	assert_int_equal(agents[0].why, PLACE_NOT_LISTED);
	r.spread = PLACE_ALL;
	chosen(&r, "bcde");
	assert_int_equal(agents[1].why, PLACE_CONDITION);
	r.filter_list = true;
	chosen(&r, "de");
}

static void
every_reason_is_told(void **state)
{
	struct place_rule r = { .spread = PLACE_ALL,
		.selection = PLACE_FIRST };

	(void)state;
	agents[0].connected = false;
	agents[1].drained = true;
	agents[2].has_labels = false;
	agents[3].running = agents[3].cap = 2;
	agents[4].accepts = false;
	chosen(&r, "");
	assert_int_equal(agents[0].why, PLACE_DISCONNECTED);
	assert_int_equal(agents[1].why, PLACE_DRAINED);
	assert_int_equal(agents[2].why, PLACE_LABEL);
	assert_int_equal(agents[3].why, PLACE_FULL);
	assert_int_equal(agents[4].why, PLACE_REFUSING);
	agents[1].takes_runs = false;
	agents[3].cap = 0;
	chosen(&r, "b");
	assert_int_equal(agents[1].why, PLACE_NO_RUNS);
	for (int w = 0; w < PLACE_NWHYS; w++)
		assert_non_null(place_why_text((enum place_why)w));
}

static void
best_health_then_load_then_priority(void **state)
{
	struct place_rule r = { .spread = PLACE_ALL,
		.selection = PLACE_BEST_HEALTH };

	(void)state;
	agents[0].health = HEALTH_BAD;		/* c */
	agents[2].health = HEALTH_EXCELLENT;	/* e */
	agents[1].running = 2;			/* a */
	agents[4].priority = 10;		/* d */
	chosen(&r, "edbac");
	r.spread = PLACE_ONE;
	chosen(&r, "e");
}

static void
round_robin_goes_round(void **state)
{
	struct place_rule r = { .spread = PLACE_ONE,
		.selection = PLACE_ROUND_ROBIN };

	(void)state;
	chosen(&r, "a");
	r.last = "a";
	chosen(&r, "b");
	agents[0].drained = true;
	r.last = "b";
	chosen(&r, "d");
	r.last = "e";
	chosen(&r, "a");
	/* The last one has left the cluster: its place is kept. */
	r.last = "cc";
	chosen(&r, "d");
	r.spread = PLACE_INSTANCES;
	r.instances = 3;
	chosen(&r, "dea");
}

static void
random_is_fair_and_repeatable(void **state)
{
	struct place_rule r = { .spread = PLACE_ONE,
		.selection = PLACE_RANDOM };
	int hits[N] = { 0 };
	size_t out[N];

	(void)state;
	for (r.seed = 1; r.seed <= 5000; r.seed++) {
		size_t first;

		assert_int_equal(place_choose(agents, N, &r, out), 1);
		first = out[0];
		hits[first]++;
		(void)place_choose(agents, N, &r, out);
		assert_int_equal(out[0], first);
	}
	for (int i = 0; i < N; i++)
		assert_in_range(hits[i], 850, 1150);
}

/* The heap against a plain search for the best, for many agents. */
static void
ten_thousand_agents_in_order(void **state)
{
	enum { MANY = 10000 };
	struct place_agent *a = calloc(MANY, sizeof(*a));
	size_t *out = calloc(MANY, sizeof(*out));
	char (*name)[16] = calloc(MANY, sizeof(*name));
	struct place_rule r = { .spread = PLACE_ALL,
		.selection = PLACE_BEST_HEALTH };

	(void)state;
	assert_true(a != NULL && out != NULL && name != NULL);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "n%d", i);
		a[i] = agents[0];
		a[i].id = i;
		a[i].name = name[i];
		a[i].health = (enum health)(i * 7 % HEALTH_COUNT);
		a[i].running = i * 31 % 17;
	}
	assert_int_equal(place_choose(a, MANY, &r, out), MANY);
	for (int i = 1; i < MANY; i++) {
		const struct place_agent *x = &a[out[i - 1]], *y = &a[out[i]];

		assert_true(x->health > y->health || (x->health == y->health &&
		    (x->running < y->running || (x->running == y->running &&
		    strcmp(x->name, y->name) < 0))));
	}
	assert_int_equal(place_choose(a, 0, &r, out), 0);
	free(a);
	free(out);
	free(name);
}

static void
names(void **state)
{
	enum place_selection s;
	enum place_spread p;

	(void)state;
	assert_int_equal(place_selection_of_name("random", &s), 0);
	assert_int_equal(s, PLACE_RANDOM);
	assert_int_equal(place_selection_of_name("worst", &s), -1);
	assert_int_equal(place_spread_of_name("instances", &p), 0);
	assert_int_equal(p, PLACE_INSTANCES);
	assert_int_equal(place_spread_of_name("", &p), -1);
	assert_string_equal(place_spread_name(PLACE_SELECTED), "selected");
	assert_string_equal(place_selection_name(PLACE_ROUND_ROBIN),
	    "round_robin");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup(t, setup)
		TEST(distributions),
		TEST(every_reason_is_told),
		TEST(best_health_then_load_then_priority),
		TEST(round_robin_goes_round),
		TEST(random_is_fair_and_repeatable),
		TEST(ten_thousand_agents_in_order),
		TEST(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
