/* What is measured.  What a user would lose: health that has nothing to do
 * with the machine. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/sampler.h"

static char root[] = "/tmp/muster-sampler-XXXXXX";

static const char *const dirs[] = { "/proc", "/proc/self", "/proc/77",
	"/proc/net", "/proc/pressure" };
static const char *const files[] = { "/proc/stat", "/proc/self/stat",
	"/proc/self/statm", "/proc/77/stat", "/proc/77/statm",
	"/proc/meminfo", "/proc/loadavg", "/proc/pressure/cpu",
	"/proc/pressure/memory", "/proc/pressure/io", "/proc/net/dev" };

static void __attribute__((format(printf, 2, 3)))
file(const char *path, const char *fmt, ...)
{
	char full[128];
	va_list ap;
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	va_start(ap, fmt);
	assert_true(vfprintf(f, fmt, ap) > 0);
	va_end(ap);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **state)
{
	char full[128];

	(void)state;
	memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	if (mkdtemp(root) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(full, sizeof(full), "%s%s", root, dirs[i]);
		if (mkdir(full, 0700) == -1)
			return -1;
	}
	return 0;
}

static int
teardown(void **state)
{
	char full[128];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(full, sizeof(full), "%s%s", root, files[i]);
		(void)unlink(full);
	}
	for (size_t i = sizeof(dirs) / sizeof(dirs[0]); i-- > 0;) {
		(void)snprintf(full, sizeof(full), "%s%s", root, dirs[i]);
		(void)rmdir(full);
	}
	return rmdir(root);
}

static void
process(const char *who, int user, int kids, int pages)
{
	char path[64];

	/* A name with blanks and a parenthesis, as an attacker would. */
	(void)snprintf(path, sizeof(path), "/proc/%s/stat", who);
	file(path, "77 (a) R 9 9) S 1 77 77 0 -1 4194304 100 0 0 0 %d 5 %d 5 "
	    "20 0 1 0 100 1000000 %d\n", user, kids, pages);
	(void)snprintf(path, sizeof(path), "/proc/%s/statm", who);
	file(path, "1000 %d 20 30 0 40 0\n", pages);
}

static void
machine(int busy, int idle, long rx, long tx)
{
	/* Waiting for a disk is idle too. */
	file("/proc/stat", "cpu  %d 0 0 %d %d 0 0 0 0 0\ncpu0 1 2 3 4\n",
	    busy, idle / 2, idle - idle / 2);
	file("/proc/net/dev", "Inter-|   Receive      |  Transmit\n"
	    " face |bytes    packets errs |bytes    packets\n"
	    "    lo: 999999 1 0 0 0 0 0 0 999999 1 0 0 0 0 0 0\n"
	    "  eth0: %ld 10 0 0 0 0 0 0 %ld 20 0 0 0 0 0 0\n"
	    "wlan0:%ld 10 0 0 0 0 0 0 %ld 20 0 0 0 0 0 0\n", rx, tx, 50L,
	    50L);
}

static void
about(const struct sample *s, enum metric m, double want)
{
	if (!sample_has(s, m) || fabs((double)s->v[m] - want) > 0.01)
		fail_msg("%s: %d %f, expected %f", metric_name(m),
		    sample_has(s, m), (double)s->v[m], want);
}

static void
numbers_are_what_the_files_say(void **state)
{
	static const pid_t runs[] = { 77, 78 };
	long kb = sysconf(_SC_PAGESIZE) / 1024;
	struct sampler s;
	struct sample one;

	(void)state;
	machine(1000, 1000, 100, 100);
	process("self", 0, 0, 10);
	process("77", 10, 0, 20);
	file("/proc/meminfo", "MemTotal:       %ld kB\nMemFree: 1 kB\n"
	    "MemAvailable:   %ld kB\nSwapTotal: 1000 kB\nSwapFree: 750 kB\n",
	    1000 * kb, 400 * kb);
	file("/proc/loadavg", "%s", "1.25 0.50 0.10 1/100 4242\n");
	file("/proc/pressure/cpu", "some avg10=%s avg60=0.00 total=1\n",
	    "3.50");
	file("/proc/pressure/io", "some avg10=%s avg60=0.00 total=1\n"
	    "full avg10=9.00\n", "0.25");
	sampler_init(&s, root, root, (mono){ 0 });
	sampler_watch(&s, runs, 2);
	sampler_take(&s, (mono){ 1000000 }, &one);

	machine(1093, 1007, 100 + 5000, 100 + 10000);
	process("self", 5, 0, 10);
	process("77", 15, 10, 20);
	sampler_take(&s, (mono){ 6000000 }, &one);
	assert_int_equal(one.at.us, 6000000);
	about(&one, METRIC_CPU, 93);
	about(&one, METRIC_SELF_CPU, 20);
	about(&one, METRIC_MEM, 60);
	about(&one, METRIC_SELF_MEM, 3);
	about(&one, METRIC_SWAP, 25);
	about(&one, METRIC_LOAD1, 1.25);
	about(&one, METRIC_PSI_CPU, 3.5);
	about(&one, METRIC_PSI_IO, 0.25);
	about(&one, METRIC_NET_RX, 1000);
	about(&one, METRIC_NET_TX, 2000);
	assert_true(sample_has(&one, METRIC_DISK));
	/* No such file: left out, not zero. */
	assert_false(sample_has(&one, METRIC_PSI_MEM));
	assert_false(sample_has(&one, METRIC_CONNECTED));
}

static void
counters_that_go_back_are_no_load(void **state)
{
	struct sampler s;
	struct sample one;

	(void)state;
	machine(1000, 1000, 5000, 5000);
	process("self", 50, 0, 10);
	sampler_init(&s, root, root, (mono){ 0 });
	machine(1010, 1090, 10, 10);
	process("self", 0, 0, 10);
	sampler_take(&s, (mono){ 1000000 }, &one);
	about(&one, METRIC_CPU, 10);
	about(&one, METRIC_SELF_CPU, 0);
	about(&one, METRIC_NET_RX, 0);
}

static void
an_empty_system_is_no_crash(void **state)
{
	struct sampler s;
	struct sample one;

	(void)state;
	sampler_init(&s, root, "/nonexistent", (mono){ 0 });
	sampler_take(&s, (mono){ 1000000 }, &one);
	assert_int_equal(one.have, 0);
	file("/proc/stat", "%s", "cpu\n");
	file("/proc/meminfo", "%s", "MemTotal:\nSwapTotal: x\n");
	file("/proc/net/dev", "%s", "a:b:c\n\n:\n");
	file("/proc/self/stat", "%s", ")))))");
	sampler_take(&s, (mono){ 2000000 }, &one);
	assert_int_equal(one.have, 0);
}

/* The real machine: plausible, and cheap. */
static void
this_machine(void **state)
{
	struct timespec from, to;
	struct sampler s;
	struct sample one;
	double us;

	(void)state;
	sampler_init(&s, "", "/tmp", clock_mono());
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int i = 0; i < 100; i++)
		sampler_take(&s, clock_mono(), &one);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	us = ((double)(to.tv_sec - from.tv_sec) * 1e9 +
	    (double)(to.tv_nsec - from.tv_nsec)) / 1e3 / 100;
	print_message("%.0f us of CPU a sample\n", us);
	for (int m = METRIC_CPU; m <= METRIC_DISK; m++)
		if (sample_has(&one, (enum metric)m))
			assert_true(one.v[m] >= 0 && one.v[m] <= 100);
	assert_true(sample_has(&one, METRIC_MEM));
	assert_true(sample_has(&one, METRIC_DISK));
	assert_true(one.v[METRIC_SELF_MEM] > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		TEST(numbers_are_what_the_files_say),
		TEST(counters_that_go_back_are_no_load),
		TEST(an_empty_system_is_no_crash),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
