/* Which files are occurrences, and when: if this fails, a file is run twice,
 * half written, or never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/file_trigger.h"

#define S 1000000000LL

static const int64_t start_s = 1790000000;	/* wall time of mono 0 */
static struct file_rule rule;
static struct file_track t;

static struct now
at(int64_t ms)
{
	return (struct now){ { ms * 1000 }, { start_s * 1000 + ms } };
}

/* A file of 10 bytes that was last touched at that ms of the test. */
static struct file_facts
file(int64_t ino, int64_t ms)
{
	int64_t ns = start_s * S + ms * 1000000;

	return (struct file_facts){ ino, 10, ns, ns, ns };
}

static enum file_verdict
see(const struct file_facts f, enum file_how how, int64_t ms)
{
	return file_see(&rule, &t, &f, how, at(ms));
}

static enum file_verdict
look(const struct file_facts f, int64_t ms)
{
	return see(f, FILE_FOUND, ms);
}

static void
begin(enum job_file_event event, int64_t stable)
{
	rule = (struct file_rule){ event, stable, { start_s * 1000 } };
	t = (struct file_track){ 0 };
}

/* It is due now: sent, and on record. */
static void
fire(void)
{
	file_sent(&t);
	assert_int_equal(file_settled(&t), FILE_FORGET);
}

static void
test_created_when_closed(void **state)
{
	struct file_facts f;

	(void)state;
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(see(file(1, 50), FILE_APPEARED, 50), FILE_WAIT);
	assert_int_equal(t.due.us, 1050000);
	assert_int_equal(see(file(1, 90), FILE_WRITTEN, 90), FILE_WAIT);
	assert_int_equal(see(file(1, 99), FILE_CLOSED, 99), FILE_FIRE);
	fire();
	/* Written again, looked at: created once. */
	f = file(1, 200);
	f.birth = t.told.birth;
	assert_int_equal(see(f, FILE_CLOSED, 200), FILE_WAIT);
	assert_int_equal(t.state, FILE_SETTLED);
	assert_int_equal(look(f, 300), FILE_WAIT);
	assert_int_equal(t.state, FILE_SETTLED);
	/* Another one took its place, at once complete. */
	assert_int_equal(see(file(2, 400), FILE_PLACED, 400), FILE_FIRE);
}

static void
test_created_held_open(void **state)
{
	(void)state;
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(see(file(1, 0), FILE_APPEARED, 0), FILE_WAIT);
	for (int64_t ms = 100; ms < 1000; ms += 100)
		assert_int_equal(see(file(1, ms), FILE_WRITTEN, ms), FILE_WAIT);
	assert_int_equal(look(file(1, 1000), 1000), FILE_FIRE);
	/* What was there before it was watched is not created by a write. */
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(see(file(1, 5), FILE_WRITTEN, 5), FILE_FORGET);
	assert_int_equal(see(file(1, 5), FILE_TOUCHED, 5), FILE_FORGET);
	assert_int_equal(see(file(1, 5), FILE_CLOSED, 5), FILE_FORGET);
}

/* An inode number is used again soon; the birth tells, or else the mtime. */
static void
test_created_again(void **state)
{
	struct file_facts f = file(1, 100);

	(void)state;
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(see(f, FILE_PLACED, 100), FILE_FIRE);
	fire();
	assert_int_equal(see(file(1, 200), FILE_PLACED, 200), FILE_FIRE);
	begin(JOB_FILE_CREATED, 0);
	f.birth = 0;
	assert_int_equal(see(f, FILE_PLACED, 100), FILE_FIRE);
	fire();
	f.mtime += 7;
	assert_int_equal(see(f, FILE_TOUCHED, 150), FILE_WAIT);
	assert_int_equal(t.state, FILE_SETTLED);
	assert_int_equal(see(f, FILE_APPEARED, 200), FILE_WAIT);
	assert_int_equal(t.state, FILE_PENDING);
	assert_int_equal(look(f, 1200), FILE_FIRE);
}

static void
test_floor(void **state)
{
	struct file_facts f = file(1, -5000);
	const int64_t day = 86400;

	(void)state;
	/* Older than the edit: no occurrence, unless it comes now. */
	for (int e = JOB_FILE_CREATED; e <= JOB_FILE_CHANGED; e++) {
		begin(e, 0);
		assert_int_equal(look(f, 1000), FILE_FORGET);
		begin(e, 5000);
		assert_int_equal(look(f, 1000), FILE_FORGET);
		begin(e, 0);
		assert_int_equal(see(f, FILE_PLACED, 1000), FILE_FIRE);
		/* Its status says that it came after the edit. */
		f.ctime = start_s * S + 1;
		begin(e, 0);
		assert_int_equal(look(f, 5000), FILE_FIRE);
		f = file(1, -5000);
	}
	/* A chmod of an old file changes nothing; touch(1) does. */
	begin(JOB_FILE_CHANGED, 0);
	f.ctime = start_s * S + S;
	assert_int_equal(see(f, FILE_TOUCHED, 1000), FILE_FORGET);
	f.mtime = f.ctime;
	assert_int_equal(see(f, FILE_TOUCHED, 1000), FILE_WAIT);
	/* The kernel's clock ticks. */
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(look(file(1, -FILE_TICK_MS), 2000), FILE_FIRE);
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(look(file(1, -FILE_TICK_MS - 1), 2000), FILE_FORGET);
	/* Its record may have been purged. */
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(look(file(1, 0), (FILE_FLOOR_DAYS * day - 1) * 1000),
	    FILE_FIRE);
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(look(file(1, 0), (FILE_FLOOR_DAYS * day + 1) * 1000),
	    FILE_FORGET);
}

static void
test_changed(void **state)
{
	int64_t ms;

	(void)state;
	begin(JOB_FILE_CHANGED, 0);
	assert_int_equal(see(file(1, 0), FILE_WRITTEN, 0), FILE_WAIT);
	assert_int_equal(see(file(1, 0), FILE_CLOSED, 10), FILE_FIRE);
	fire();
	assert_int_equal(see(file(1, 0), FILE_TOUCHED, 20), FILE_WAIT);
	assert_int_equal(t.state, FILE_SETTLED);
	/* Never closed: when it is quiet for a second … */
	assert_int_equal(see(file(1, 100), FILE_WRITTEN, 100), FILE_WAIT);
	assert_int_equal(look(file(1, 900), 1000), FILE_WAIT);
	assert_int_equal(look(file(1, 900), 1999), FILE_WAIT);
	assert_int_equal(look(file(1, 900), 2000), FILE_FIRE);
	fire();
	/* … and when it never is, after ten. */
	for (ms = 3000; ms < 13000; ms += 500)
		assert_int_equal(see(file(1, ms), FILE_WRITTEN, ms), FILE_WAIT);
	assert_int_equal(see(file(1, ms), FILE_WRITTEN, ms), FILE_FIRE);
}

static void
test_stable(void **state)
{
	struct file_facts f = file(1, 0);

	(void)state;
	begin(JOB_FILE_CREATED, 5000);
	assert_int_equal(see(f, FILE_APPEARED, 0), FILE_WAIT);
	assert_int_equal(see(f, FILE_CLOSED, 1), FILE_WAIT);
	assert_int_equal(look(f, 4999), FILE_WAIT);
	/* It grew without a new time, and once more without an event. */
	f.size = 20;
	assert_int_equal(look(f, 5000), FILE_WAIT);
	assert_int_equal(look(f, 9999), FILE_WAIT);
	assert_int_equal(look(f, 10000), FILE_FIRE);
	fire();
	assert_int_equal(look(f, 90000), FILE_WAIT);
	assert_int_equal(t.state, FILE_SETTLED);
	assert_int_equal(see(file(1, 99000), FILE_WRITTEN, 99000), FILE_WAIT);
	assert_int_equal(t.due.us, 104000000);
	/* Found at takeover: it has been like this for a while. */
	begin(JOB_FILE_CREATED, 5000);
	assert_int_equal(look(file(1, 1000), 4000), FILE_WAIT);
	assert_int_equal(t.due.us, 6000000);
	begin(JOB_FILE_CREATED, 5000);
	assert_int_equal(look(file(1, 1000), 6000), FILE_FIRE);
	/* A clock that was behind tells nothing. */
	begin(JOB_FILE_CREATED, 5000);
	assert_int_equal(look(file(1, 60000), 1000), FILE_WAIT);
	assert_int_equal(t.due.us, 6000000);
}

static void
test_answers(void **state)
{
	(void)state;
	/* Written while its fire was on its way: one more. */
	begin(JOB_FILE_CHANGED, 0);
	assert_int_equal(see(file(1, 0), FILE_CLOSED, 0), FILE_FIRE);
	file_sent(&t);
	assert_int_equal(see(file(1, 50), FILE_CLOSED, 50), FILE_WAIT);
	assert_int_equal(file_settled(&t), FILE_WAIT);
	assert_int_equal(look(file(1, 50), 60), FILE_WAIT);
	assert_int_equal(t.state, FILE_PENDING);
	assert_int_equal(look(file(1, 50), 1060), FILE_FIRE);
	/* Not taken: the same again, and nothing once it is gone. */
	file_sent(&t);
	file_again(&t, at(2000).mono);
	assert_int_equal(look(file(1, 50), 2000), FILE_FIRE);
	assert_int_equal(file_see(&rule, &t, NULL, FILE_FOUND, at(2100)),
	    FILE_FORGET);
	/* Gone while its fire is on its way: the answer is waited for. */
	begin(JOB_FILE_CREATED, 0);
	assert_int_equal(see(file(1, 0), FILE_PLACED, 0), FILE_FIRE);
	file_sent(&t);
	assert_int_equal(file_see(&rule, &t, NULL, FILE_FOUND, at(10)),
	    FILE_WAIT);
	assert_int_equal(file_settled(&t), FILE_WAIT);
	assert_int_equal(file_see(&rule, &t, NULL, FILE_FOUND, at(10)),
	    FILE_FORGET);
}

static void
round_trip(const char *path, const char *text)
{
	struct buf b = BUF_INIT(4096);
	char back[256];

	file_path_encode(&b, path);
	assert_string_equal(b.p, text);
	assert_int_equal(file_path_decode(b.p, back, sizeof(back)), 0);
	assert_string_equal(back, path);
	assert_int_equal(file_path_decode(b.p, back, strlen(path)), -1);
	buf_free(&b);
}

static void
test_paths(void **state)
{
	static const char *const bad[] = { "", "a", "/%", "/%4", "/%4g",
		"/%00", "/%4%", "%2F" };
	char out[256], *occ;

	(void)state;
	round_trip("/a b/c", "/a b/c");
	round_trip("/\xff%\n\x7f", "/%FF%25%0A%7F");
	round_trip("/gr\xc3\xbcn", "/gr\xc3\xbcn");
	round_trip("/\xe2\x80\xae", "/%E2%80%AE");	/* turns a line round */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(file_path_decode(bad[i], out, sizeof(out)),
		    -1);
	occ = file_occurrence("/a", 7, 1790000000000000042);
	assert_string_equal(occ, "file:/a:7:1790000000.000000042");
	free(occ);
	occ = file_occurrence("/a", -1, -1);
	assert_string_equal(occ, "file:/a:18446744073709551615:-1.999999999");
	free(occ);
}

static void
matches(const char *pattern, const char *path, int want)
{
	struct file_pattern p;

	file_pattern_init(&p, pattern);
	if (file_pattern_match(&p, path) != want)
		fail_msg("%s of %s: not %d", path, pattern, want);
	file_pattern_clear(&p);
}

static void
test_patterns(void **state)
{
	(void)state;
	matches("/in/*.csv", "/in/a.csv", 2);
	matches("/in/*.csv", "/in", 1);
	matches("/in/*.csv", "/in/a.txt", -1);
	matches("/in/*.csv", "/in/.a.csv", -1);
	matches("/in/.*.csv", "/in/.a.csv", 2);
	matches("/in/*", "/in/a/b", -1);
	matches("//in/./d?//[ab]*/", "/in/d1/b", 3);
	matches("/in/d?/x", "/in/d1", 2);
	matches("/in/a\\*", "/in/a*", 2);
	matches("/in/a\\*", "/in/ab", -1);
	matches("/", "/", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_created_when_closed),
		cmocka_unit_test(test_created_held_open),
		cmocka_unit_test(test_created_again),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_stable),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests_name("file_trigger", tests, NULL, NULL);
}
