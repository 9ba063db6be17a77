/* What a user would lose: hours over a mistyped token that is called wrong, or
 * a wrong one that is called mistyped; a token bound to nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/token.h"
#include "core/words.h"

static unsigned seed = 20261121;

static struct token
sample(void)
{
	struct token t = { .kind = (enum token_kind)(rand_r(&seed) & 1),
		.id = (uint32_t)rand_r(&seed) };

	for (int i = 0; i < TOKEN_SECRET; i++)
		t.secret[i] = (unsigned char)(rand_r(&seed) >> 8);
	for (int i = 0; i < TOKEN_DIGEST; i++)
		t.broker[i] = (unsigned char)(rand_r(&seed) >> 8);
	return t;
}

static void
assert_same(const struct token *a, const struct token *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->id, b->id);
	assert_memory_equal(a->secret, b->secret, TOKEN_SECRET);
	assert_memory_equal(a->broker, b->broker, TOKEN_DIGEST);
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct token t = sample(), back;
		char text[TOKEN_TEXT], low[TOKEN_TEXT * 2];
		struct err e = { 0 };
		size_t n = 0;

		token_text(&t, text);
		assert_true(strlen(text) < TOKEN_TEXT);
		assert_null(strpbrk(text + 3, "01IO"));
		if (token_parse(text, &back, &e) == -1)
			fail_msg("%s: %s", text, e.msg);
		assert_same(&t, &back);
		/* As people paste it: small, wrapped, without hyphens. */
		for (const char *p = text; *p != '\0'; p++) {
			if (*p != '-')
				low[n++] = (char)tolower((unsigned char)*p);
			if (n % 20 == 0)
				low[n++] = '\n';
		}
		low[n] = '\0';
		assert_int_equal(token_parse(low, &back, &e), 0);
		assert_same(&t, &back);
	}
}

/* Every single wrong letter, and every exchange of neighbours, is seen and its
 * group named. */
static void
test_mistyped(void **state)
{
	static const char set[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ0O*";
	struct token t = sample(), back;
	char text[TOKEN_TEXT], wrong[TOKEN_TEXT], want[64];
	struct err e;

	(void)state;
	token_text(&t, text);
	for (size_t i = 3; text[i] != '\0'; i++) {
		if (text[i] == '-')
			continue;
		(void)snprintf(want, sizeof(want), "mistyped in group %zu of",
		    (i - 3) / 7 + 1);
		for (const char *c = set; *c != '\0'; c++) {
			if (*c == text[i])
				continue;
			memcpy(wrong, text, sizeof(wrong));
			wrong[i] = *c;
			assert_int_equal(token_parse(wrong, &back, &e), -1);
			assert_int_equal(e.code, ERR_USAGE);
			assert_non_null(strstr(e.msg, want));
		}
		if (text[i + 1] == '-' || text[i + 1] == '\0' ||
		    text[i] == text[i + 1])
			continue;
		memcpy(wrong, text, sizeof(wrong));
		wrong[i] = text[i + 1];
		wrong[i + 1] = text[i];
		assert_int_equal(token_parse(wrong, &back, &e), -1);
		assert_non_null(strstr(e.msg, want));
	}
	/* Two groups exchanged. */
	memcpy(wrong, text, sizeof(wrong));
	memcpy(wrong + 3, text + 10, 6);
	memcpy(wrong + 10, text + 3, 6);
	assert_int_equal(token_parse(wrong, &back, &e), -1);
}

/* Even those who get all check letters right by chance meet the checksum. */
static void
test_kind_is_sealed(void **state)
{
	struct token t = sample(), back;
	char text[TOKEN_TEXT];
	struct err e;

	(void)state;
	token_text(&t, text);
	text[1] = text[1] == 't' ? 'i' : 't';
	assert_int_equal(token_parse(text, &back, &e), -1);
	assert_non_null(strstr(e.msg, "mistyped in more than one place"));
}

static void
test_no_token(void **state)
{
	struct token t = sample(), back;
	char text[TOKEN_TEXT], more[TOKEN_TEXT + 8];
	struct err e;

	(void)state;
	assert_int_equal(token_parse("", &back, &e), -1);
	assert_non_null(strstr(e.msg, "not a join token"));
	assert_int_equal(token_parse("ssh-ed25519 AAAA", &back, &e), -1);
	assert_non_null(strstr(e.msg, "not a join token"));
	token_text(&t, text);
	(void)snprintf(more, sizeof(more), "%sAB", text);
	assert_int_equal(token_parse(more, &back, &e), -1);
	assert_non_null(strstr(e.msg, "more than 84 letters"));
	text[strlen(text) - 3] = '\0';
	assert_int_equal(token_parse(text, &back, &e), -1);
	assert_non_null(strstr(e.msg, "cut short: 81 of 84"));
}

static void
test_hash(void **state)
{
	struct token t = sample(), other = t;
	unsigned char salt[TOKEN_SALT] = { 1 }, hash[TOKEN_HASH];
	unsigned char again[TOKEN_HASH], digest[32] = { 0 };
	char brief[TOKEN_SHORT];

	(void)state;
	token_hash(t.secret, salt, hash);
	assert_true(token_matches(&t, salt, hash));
	other.secret[TOKEN_SECRET - 1] ^= 1;
	assert_false(token_matches(&other, salt, hash));
	salt[0] = 2;
	assert_false(token_matches(&t, salt, hash));
	token_hash(t.secret, salt, again);
	assert_memory_not_equal(hash, again, TOKEN_HASH);
	memcpy(digest, t.broker, TOKEN_DIGEST);
	assert_true(token_is_for(&t, digest));
	digest[0] ^= 1;
	assert_false(token_is_for(&t, digest));
	token_short(&t, brief);
	assert_int_equal(strlen(brief), 7);
	assert_int_equal(brief[2], '_');
}

static void
test_words(void **state)
{
	char ab[WORDS_TEXT], ba[WORDS_TEXT], ac[WORDS_TEXT];
	struct timespec t0, t1;
	int spaces = 0;

	(void)state;
	for (int i = 0; i < WORDS_LIST; i++) {
		assert_true(strlen(words_list[i]) >= 3);
		assert_true(strlen(words_list[i]) <= 8);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(words_list[i], words_list[k]);
	}
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
	words_of("ssh-ed25519 AAAA", "ssh-ed25519 BBBB", ab);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
	words_of("ssh-ed25519 BBBB", "ssh-ed25519 AAAA", ba);
	words_of("ssh-ed25519 AAAA", "ssh-ed25519 CCCC", ac);
	assert_string_equal(ab, ba);
	assert_string_not_equal(ab, ac);
	for (const char *p = ab; *p != '\0'; p++)
		spaces += *p == ' ';
	assert_int_equal(spaces, 3);
	print_message("words_of: %.1f ms: %s\n",
	    (double)(t1.tv_sec - t0.tv_sec) * 1e3 +
	    (double)(t1.tv_nsec - t0.tv_nsec) / 1e6, ab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_mistyped),
		cmocka_unit_test(test_kind_is_sealed),
		cmocka_unit_test(test_no_token),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_words),
	};

	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
