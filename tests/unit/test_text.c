/* Numbers, durations, names, hosts, words and times as people write them.  A
 * value that is taken for another here becomes a wrong lease or a wrong host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "err.h"
#include "text.h"
#include "utf8.h"

static void
numbers_have_a_range(void **state)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "1x", "0x10", "-", "+", "101", "-1",
		"99999999999999999999", "1.0",
	};
	struct err e;
	int64_t v = 0;

	(void)state;
	assert_int_equal(text_int("100", 0, 100, "n", &v, &e), 0);
	assert_int_equal(v, 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.code = ERR_OK;
		assert_int_equal(text_int(bad[i], 0, 100, "port", &v, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_non_null(strstr(e.msg, "port"));
	}
	assert_int_equal(v, 100);
}

static void
durations_need_their_unit(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;		/* -1: refused */
	} c[] = {
		{ "250ms", 250 }, { "15s", 15000 }, { "1h30m", 5400000 },
		{ "7d", 604800000 }, { "0s", 0 }, { "1m1s", 61000 },
		{ "", -1 }, { "5", -1 }, { "s", -1 }, { "5x", -1 },
		{ "1.5s", -1 }, { "-1s", -1 }, { "5 s", -1 }, { "5S", -1 },
		{ "9999999999999999999s", -1 }, { "999999999999d", -1 },
		{ "3651d", -1 },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		int64_t v = -1;
		int rc = text_dur(c[i].s, 0, 3650LL * 86400000, "d", &v, &e);

		assert_int_equal(rc, c[i].ms == -1 ? -1 : 0);
		assert_int_equal(v, c[i].ms);
	}
}

static void
durations_are_written_so_that_they_read_back(void **state)
{
	static const int64_t c[] = { 0, 1, 999, 1000, 61001, 5400000,
		90061001, 604800000 };
	char s[TEXT_DUR];

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		int64_t v = -1;

		assert_int_equal(text_dur(text_dur_fmt(c[i], s), 0, INT64_MAX,
		    "d", &v, NULL), 0);
		assert_int_equal(v, c[i]);
	}
	assert_string_equal(text_dur_fmt(5400000, s), "1h30m");
}

static void
the_nearest_name_is_a_hint_not_a_guess(void **state)
{
	static const char *const names[] = { "agent", "event", "export" };

	(void)state;
	assert_string_equal(text_nearest("agnet", names, 3), "agent");
	assert_string_equal(text_nearest("evnt", names, 3), "event");
	assert_null(text_nearest("zzzzzz", names, 3));
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
	assert_int_equal(text_distance("a", "this is far too long for that"),
	    9);
}

static void
names_are_safe_in_paths_and_on_lines(void **state)
{
	static const char *const good[] = { "a", "node-b", "N_1.x", "_x", "7" };
	static const char *const bad[] = { "", ".", "..", "-x", "a/b", "a b",
		"ä", "a\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(text_name(good[i], "node", NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_name(bad[i], "node", NULL), -1);
}

static void
hosts_are_split_from_their_port(void **state)
{
	static const struct {
		const char *s, *host;	/* NULL: refused */
		int port;		/* 0: none given */
	} c[] = {
		{ "h", "h", 0 }, { "h.example:22", "h.example", 22 },
		{ "10.0.0.1:7422", "10.0.0.1", 7422 },
		{ "[::1]:7422", "::1", 7422 }, { "[fe80::1%eth0]", "fe80::1%eth0",
		  0 },
		{ "::1", "::1", 0 }, { "fe80::1", "fe80::1", 0 },
		{ "", NULL, 0 }, { ":1", NULL, 0 }, { "h:", NULL, 0 },
		{ "h:0", NULL, 0 }, { "h:65536", NULL, 0 }, { "h:x", NULL, 0 },
		{ "[::1", NULL, 0 }, { "[::1]x", NULL, 0 }, { "[]", NULL, 0 },
		{ "-oProxyCommand=x", NULL, 0 }, { "a b", NULL, 0 },
		{ "a/b", NULL, 0 }, { "u@h", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char host[TEXT_HOST];
		int port = 0;
		int rc = text_host(c[i].s, host, &port, NULL);

		assert_int_equal(rc, c[i].host == NULL ? -1 : 0);
		if (rc == 0) {
			assert_string_equal(host, c[i].host);
			assert_int_equal(port, c[i].port);
		}
	}
}

static void
words_are_split_as_a_shell_would(void **state)
{
	static const struct {
		const char *line;
		int n;			/* -1: refused */
		const char *word[4];
	} c[] = {
		{ "", 0, { NULL } },
		{ "  a  b\t", 2, { "a", "b" } },
		{ "'a b' \"c d\"", 2, { "a b", "c d" } },
		{ "a'b'c", 1, { "abc" } },
		{ "'' \"\"", 2, { "", "" } },
		{ "a\\ b", 1, { "a b" } },
		{ "\"a\\\"b\\\\c\\n\"", 1, { "a\"b\\c\\n" } },
		{ "'a\\'", 1, { "a\\" } },
		{ "$HOME `x` *", 3, { "$HOME", "`x`", "*" } },
		{ "'a", -1, { NULL } },
		{ "\"a", -1, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char **w = NULL;
		int n = text_words(c[i].line, &w, NULL);

		assert_int_equal(n, c[i].n);
		for (int j = 0; j < n; j++)
			assert_string_equal(w[j], c[i].word[j]);
		if (n != -1)
			text_words_free(w, n);
	}
}

static void
times_are_read_and_written_in_utc(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;		/* -1: refused */
	} c[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-21T23:24:58.123Z", 1795303498123 },
		{ "2026-11-22T00:24:58+01:00", 1795303498000 },
		{ "2026-11-21T18:24:58-05:00", 1795303498000 },
		{ "2026-11-21", -1 }, { "2026-11-21T23:24:58", -1 },
		{ "2026-13-21T23:24:58Z", -1 }, { "soon", -1 }, { "", -1 },
		{ "2026-11-21T23:24:58Zx", -1 },
	};
	char s[CLOCK_RFC3339];

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		wall w = { -1 };
		int rc = clock_parse(c[i].s, &w, NULL);

		assert_int_equal(rc, c[i].ms == -1 ? -1 : 0);
		assert_int_equal(w.ms, c[i].ms);
	}
	assert_string_equal(clock_rfc3339((wall){ 1795303498123 }, s),
	    "2026-11-21T23:24:58.123Z");
	assert_string_equal(clock_rfc3339((wall){ -1 }, s),
	    "1969-12-31T23:59:59.999Z");
}

static void
words_of_errors_and_exit_status_are_stable(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ERR_NCODES; i++) {
		enum err_code code = (enum err_code)i;

		assert_int_equal(err_of_word(err_word(code)), code);
		assert_true(err_exit(code) >= 0 && err_exit(code) <= 6);
	}
	assert_int_equal(err_of_word("no such word"), ERR_FAILED);
	assert_int_equal(err_exit(ERR_NOTFOUND), 5);
	assert_int_equal(err_exit(ERR_STALE), 1);
}

/* A message goes into JSON and onto terminals: half a letter at its end, or
 * where a name was cut, would make the whole answer unreadable. */
static void
no_message_is_cut_within_a_character(void **state)
{
	struct err e;
	char name[1200];
	size_t cut = 0;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(name); i += 3)
		memcpy(name + i, "\xe2\x82\xac", 4);	/* euro signs */
	for (int pad = 0; pad < 3; pad++) {
		assert_int_equal(err_set(&e, ERR_FAILED, "%.*s%s", pad, "xx",
		    name), -1);
		assert_true(utf8_valid(e.msg, strlen(e.msg)));
		cut += strlen(e.msg) < sizeof(e.msg) - 1;
		errno = ENOENT;
		assert_int_equal(err_sys(&e, "%.*s%s", pad, "xx", name), -1);
		assert_true(utf8_valid(e.msg, strlen(e.msg)));
	}
	assert_true(cut > 0);
	(void)err_set(&e, ERR_FAILED, "\"%.4s\": there is none", name);
	assert_string_equal(e.msg, "\"\xe2\x82\xac?\": there is none");
	(void)err_set(&e, ERR_FAILED, "\"caf\xe9\": there is none");
	assert_string_equal(e.msg, "\"caf?\": there is none");
	(void)err_set(&e, ERR_FAILED, "\"caf\xc3\xa9\": there is none");
	assert_string_equal(e.msg, "\"caf\xc3\xa9\": there is none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_a_range),
		cmocka_unit_test(durations_need_their_unit),
		cmocka_unit_test(durations_are_written_so_that_they_read_back),
		cmocka_unit_test(the_nearest_name_is_a_hint_not_a_guess),
		cmocka_unit_test(names_are_safe_in_paths_and_on_lines),
		cmocka_unit_test(hosts_are_split_from_their_port),
		cmocka_unit_test(words_are_split_as_a_shell_would),
		cmocka_unit_test(times_are_read_and_written_in_utc),
		cmocka_unit_test(words_of_errors_and_exit_status_are_stable),
		cmocka_unit_test(no_message_is_cut_within_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
