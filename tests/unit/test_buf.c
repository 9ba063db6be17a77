/* Everything that is shown, sent or logged goes through a struct buf: a cap
 * that fails to hold, or a byte that gets past buf_safe, is felt everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "utf8.h"

static void
grows_and_stays_a_string(void **state)
{
	struct buf b = BUF_INIT(1 << 20);

	(void)state;
	assert_string_equal(b.p, "");
	for (int i = 0; i < 1000; i++)
		buf_fmt(&b, "%d,", i);
	assert_int_equal(b.len, strlen(b.p));
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_false(b.failed);
	buf_free(&b);
	assert_string_equal(b.p, "");
}

static void
the_cap_holds_and_failure_sticks(void **state)
{
	struct buf b = BUF_INIT(4);

	(void)state;
	buf_puts(&b, "1234");
	assert_false(b.failed);
	buf_putc(&b, '5');
	assert_true(b.failed);
	assert_string_equal(b.p, "1234");
	buf_clear(&b);
	buf_fmt(&b, "%s", "12345");
	assert_true(b.failed);
	assert_string_equal(b.p, "");
	buf_puts(&b, "x");		/* would fit, but something is lost */
	assert_string_equal(b.p, "");
	buf_clear(&b);
	buf_puts(&b, "x");
	assert_string_equal(b.p, "x");
	buf_free(&b);
}

static void
keeps_nul_bytes_and_shifts(void **state)
{
	struct buf b = BUF_INIT(64);

	(void)state;
	buf_put(&b, "a\0bc", 4);
	assert_int_equal(b.len, 4);
	buf_shift(&b, 2);
	assert_string_equal(b.p, "bc");
	buf_shift(&b, 99);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
a_stolen_string_is_the_callers(void **state)
{
	struct buf b = BUF_INIT(64);
	char *s;

	(void)state;
	s = buf_steal(&b);
	assert_string_equal(s, "");
	free(s);
	buf_puts(&b, "abc");
	s = buf_steal(&b);
	assert_string_equal(s, "abc");
	assert_int_equal(b.len, 0);
	free(s);
	buf_puts(&b, "again");
	assert_string_equal(b.p, "again");
	buf_free(&b);
}

static void
safe_text_cannot_steer_a_terminal(void **state)
{
	static const struct {
		const char *in, *out;
	} c[] = {
		{ "plain ü 節", "plain ü 節" },
		{ "\x1b[2J", "^[[2J" },
		{ "a\nb\t\r", "a^Jb^I^M" },
		{ "\x7f", "^?" },
		{ "\xc2\x9b", "\\u009b" },		/* C1: CSI */
		{ "\xe2\x80\xae", "\\u202e" },		/* right to left */
		{ "\xff\xc3", "\\xff\\xc3" },		/* not UTF-8, cut */
		{ "\xc0\xaf", "\\xc0\\xaf" },		/* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },	/* surrogate */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct buf b = BUF_INIT(256);

		buf_safe(&b, c[i].in, strlen(c[i].in));
		assert_string_equal(b.p, c[i].out);
		buf_free(&b);
	}
}

/* Whatever the bytes, nothing unsafe comes out. */
static void
no_pair_of_bytes_gets_past(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 0x10000; v++) {
		const char in[2] = { (char)(v >> 8), (char)v };
		struct buf b = BUF_INIT(64);
		size_t at = 0;

		buf_safe(&b, in, 2);
		while (at < b.len) {
			uint32_t cp;
			size_t used = utf8_next(b.p + at, b.len - at, &cp);

			assert_true(used > 0);
			assert_false(utf8_unsafe(cp));
			at += used;
		}
		buf_free(&b);
	}
}

static void
cells_are_what_a_terminal_needs(void **state)
{
	static const struct {
		const char *s;
		size_t cells;
	} c[] = {
		{ "", 0 }, { "abc", 3 }, { "ü", 1 }, { "u\xcc\x88", 1 },
		{ "節点", 4 }, { "\xf0\x9f\x9a\x80", 2 }, { "\xff", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		assert_int_equal(utf8_cells(c[i].s, strlen(c[i].s)),
		    c[i].cells);
	assert_int_equal(utf8_count("節点", 6), 2);
	assert_true(utf8_valid("節点", 6));
	assert_false(utf8_valid("節点", 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_stays_a_string),
		cmocka_unit_test(the_cap_holds_and_failure_sticks),
		cmocka_unit_test(keeps_nul_bytes_and_shifts),
		cmocka_unit_test(a_stolen_string_is_the_callers),
		cmocka_unit_test(safe_text_cannot_steer_a_terminal),
		cmocka_unit_test(no_pair_of_bytes_gets_past),
		cmocka_unit_test(cells_are_what_a_terminal_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
