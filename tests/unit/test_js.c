/* What leaves as JSON.  A text that another parser reads differently becomes
 * another job on another machine. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "js.h"

static uint64_t chance = 20261122;

static uint64_t
random_bits(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

/* The same bytes as jansson's own, and what is read again is the same. */
static void
same(json_t *v)
{
	char *want = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	char *got = js_dump(v);
	json_t *again = json_loads(got, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	assert_non_null(want);
	assert_string_equal(got, want);
	assert_true(json_equal(v, again));
	json_decref(again);
	json_decref(v);
	free(want);
	free(got);
}

static void
numbers(void **state)
{
	static const double reals[] = { 0, -0.0, 1, -1, 0.1, 93.1, 1e15, -1e15,
		999999999999999, 1e16, 1e17, 1e20, 1e-5, 1.5e-7, 1e100, 1e-100,
		DBL_MAX, DBL_MIN, 5e-324, 1.0 / 3, 123456.789 };
	static const int64_t whole[] = { 0, 1, -1, 9, 10, INT64_MAX, INT64_MIN };

	(void)state;
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
		same(json_real(reals[i]));
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		same(json_integer(whole[i]));
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = random_bits();
		double v;

		memcpy(&v, &bits, sizeof(v));
		if (isfinite(v))
			same(json_real(v));
		same(json_integer((json_int_t)bits));
	}
}

static void
texts(void **state)
{
	char each[130];

	(void)state;
	for (int c = 0; c < 128; c++)
		each[c] = (char)c;
	same(json_stringn(each, 128));
	same(json_string(""));
	same(json_string("/usr/bin \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"));
	same(json_pack("{s:s,s:s}", "a\"b\\c\n", "tab\there", "\x7f", "/"));
}

static void
shapes(void **state)
{
	json_t *deep = json_array();

	(void)state;
	for (int i = 0; i < 200; i++)
		deep = i % 2 == 0 ? json_pack("{s:o,s:n}", "in", deep, "after")
				  : json_pack("[i,o,b]", i, deep, 1);
	same(deep);
	same(json_object());
	same(json_array());
	same(json_null());
	same(json_pack("{s:[],s:{},s:b,s:b,s:[n,i,f]}", "list", "object",
	    "yes", 1, "no", 0, "mixed", -7, 2.5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
