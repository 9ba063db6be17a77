/* When jobs are due.  What a user would lose: a backup that does not run the
 * night the clocks change, or runs twice; a month end that never comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/trigger.h"

static const struct tz *
zone(const char *name)
{
	struct err e = { 0 };
	const struct tz *tz = tz_get(name, &e);

	if (tz == NULL)
		fail_msg("%s", e.msg);
	return tz;
}

static struct trigger
cron(const char *text)
{
	struct trigger t;
	struct err e = { 0 };

	if (trigger_parse_cron(text, &t, &e) == -1)
		fail_msg("%s: %s", text, e.msg);
	return t;
}

static wall
at(const char *rfc)
{
	struct err e = { 0 };
	wall w;

	if (clock_parse(rfc, &w, &e) == -1)
		fail_msg("%s", e.msg);
	return w;
}

/* The due times after `from`, as local times with offset, in one line. */
static void
due(const char *text, const char *place, const char *from, const char *want)
{
	struct trigger t = cron(text);
	const struct tz *tz = zone(place);
	wall w = at(from);
	char got[512] = "", one[TZ_TEXT];
	size_t n = 1;

	for (const char *p = want; *p != '\0'; p++)
		n += *p == ' ';
	for (; n > 0; n--) {
		size_t len = strlen(got);

		w = trigger_next(&t, tz, w);
		(void)snprintf(got + len, sizeof(got) - len, "%s%s",
		    len > 0 ? " " : "", w.ms == WALL_NEVER.ms ? "never" :
		    tz_fmt(tz, w, one));
	}
	if (strcmp(got, want) != 0)
		fail_msg("%s in %s after %s:\n got  %s\n want %s", text,
		    place, from, got, want);
}

static void
plain_fields(void **state)
{
	(void)state;
	due("15 2 * * mon-fri", "UTC", "2026-11-20T02:15:00Z",
	    "2026-11-23T02:15:00+00:00 2026-11-24T02:15:00+00:00");
	due("*/20 8-9 * * *", "UTC", "2026-01-01T09:20:00Z",
	    "2026-01-01T09:40:00+00:00 2026-01-02T08:00:00+00:00");
	due("0 0 1 JAN,jul *", "UTC", "2026-01-01T00:00:00Z",
	    "2026-07-01T00:00:00+00:00 2027-01-01T00:00:00+00:00");
	due("*/15 30 6 * * *", "UTC", "2026-01-01T06:30:30Z",
	    "2026-01-01T06:30:45+00:00 2026-01-02T06:30:00+00:00");
	due("1,3,5-7 4 * * *", "UTC", "2026-01-01T04:03:00Z",
	    "2026-01-01T04:05:00+00:00 2026-01-01T04:06:00+00:00");
	due(" 0  12 * * Sun ", "UTC", "2026-11-21T12:00:00Z",
	    "2026-11-22T12:00:00+00:00");
	due("0 12 * * 7", "UTC", "2026-11-21T12:00:00Z",
	    "2026-11-22T12:00:00+00:00");
	due("0 12 * * fri-sun", "UTC", "2026-11-19T12:00:00Z",
	    "2026-11-20T12:00:00+00:00 2026-11-21T12:00:00+00:00 "
	    "2026-11-22T12:00:00+00:00 2026-11-27T12:00:00+00:00");
	due("@daily", "UTC", "2026-11-21T00:00:00Z",
	    "2026-11-22T00:00:00+00:00");
	due("@hourly", "UTC", "2026-11-21T23:59:59Z",
	    "2026-11-22T00:00:00+00:00");
	due("@weekly", "UTC", "2026-11-21T00:00:00Z",
	    "2026-11-22T00:00:00+00:00");
	due("@monthly", "UTC", "2026-11-21T00:00:00Z",
	    "2026-12-01T00:00:00+00:00");
	due("@yearly", "UTC", "2026-11-21T00:00:00Z",
	    "2027-01-01T00:00:00+00:00");
}

static void
days_of_month_and_week(void **state)
{
	(void)state;
	/* Both restricted: either, as every cron does it. */
	due("0 0 13 * fri", "UTC", "2026-11-01T00:00:00Z",
	    "2026-11-06T00:00:00+00:00 2026-11-13T00:00:00+00:00 "
	    "2026-11-20T00:00:00+00:00 2026-11-27T00:00:00+00:00 "
	    "2026-12-04T00:00:00+00:00 2026-12-11T00:00:00+00:00 "
	    "2026-12-13T00:00:00+00:00");
	/* One begins with a star: both. */
	due("0 0 */2 * sun", "UTC", "2026-11-01T00:00:00Z",
	    "2026-11-15T00:00:00+00:00 2026-11-29T00:00:00+00:00");
	due("0 0 L * *", "UTC", "2027-12-31T00:00:00Z",
	    "2028-01-31T00:00:00+00:00 2028-02-29T00:00:00+00:00 "
	    "2028-03-31T00:00:00+00:00 2028-04-30T00:00:00+00:00");
	due("0 0 L-1,15 2 *", "UTC", "2026-01-01T00:00:00Z",
	    "2026-02-15T00:00:00+00:00 2026-02-27T00:00:00+00:00");
	due("0 0 * * tue#2", "UTC", "2026-11-01T00:00:00Z",
	    "2026-11-10T00:00:00+00:00 2026-12-08T00:00:00+00:00");
	due("0 0 * * 5L", "UTC", "2026-11-01T00:00:00Z",
	    "2026-11-27T00:00:00+00:00 2026-12-25T00:00:00+00:00");
	due("0 0 ? * mon#5", "UTC", "2026-11-01T00:00:00Z",
	    "2026-11-30T00:00:00+00:00 2027-03-29T00:00:00+00:00");
}

static void
leap_years_and_never(void **state)
{
	(void)state;
	due("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z",
	    "2028-02-29T00:00:00+00:00 2032-02-29T00:00:00+00:00");
	due("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z",
	    "2104-02-29T00:00:00+00:00");
	due("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z",
	    "2026-03-31T00:00:00+00:00 2026-05-31T00:00:00+00:00");
	due("0 0 30 2 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "never");
	due("0 0 31 4,6,9,11 *", "UTC", "2026-01-01T00:00:00Z", "never");
}

static void
clocks_go_forward(void **state)
{
	(void)state;
	/* 02:00 to 03:00 does not exist: the first valid minute. */
	due("30 2 * * *", "Europe/Berlin", "2026-03-28T01:30:00Z",
	    "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00");
	due("0 2 * * *", "Europe/Berlin", "2026-03-28T01:30:00Z",
	    "2026-03-29T03:00:00+02:00 2026-03-30T02:00:00+02:00");
	/* Twelve times within the gap are one. */
	due("*/5 2 * * *", "Europe/Berlin", "2026-03-28T01:55:00Z",
	    "2026-03-29T03:00:00+02:00 2026-03-30T02:00:00+02:00");
	due("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z",
	    "2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00");
	due("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
	    "2026-03-08T03:00:00-04:00 2026-03-09T02:30:00-04:00");
	/* Every hour and every few minutes follow real time. */
	due("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
	    "2026-03-29T01:30:00+01:00 2026-03-29T03:30:00+02:00");
	due("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
	    "2026-03-29T01:30:00+01:00 2026-03-29T03:00:00+02:00");
	/* Half an hour: 02:00 becomes 02:30. */
	due("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T10:00:00Z",
	    "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00");
	due("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T10:00:00Z",
	    "2026-10-04T02:45:00+11:00");
}

static void
clocks_go_back(void **state)
{
	(void)state;
	/* 02:00 to 03:00 comes twice: once, the first time. */
	due("30 2 * * *", "Europe/Berlin", "2026-10-24T10:00:00Z",
	    "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00");
	due("0 3 * * *", "Europe/Berlin", "2026-10-24T10:00:00Z",
	    "2026-10-25T03:00:00+01:00 2026-10-26T03:00:00+01:00");
	due("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
	    "2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00");
	due("*/20 2 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z",
	    "2026-10-25T02:00:00+02:00 2026-10-25T02:20:00+02:00 "
	    "2026-10-25T02:40:00+02:00 2026-10-26T02:00:00+01:00");
	/* Real time: no hour-long hole, nothing doubled. */
	due("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
	    "2026-10-25T02:30:00+02:00 2026-10-25T02:30:00+01:00 "
	    "2026-10-25T03:30:00+01:00");
	due("*/30 0-22 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
	    "2026-10-25T02:00:00+01:00 2026-10-25T02:30:00+01:00 "
	    "2026-10-25T03:00:00+01:00");
	due("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T10:00:00Z",
	    "2026-04-05T01:45:00+11:00 2026-04-06T01:45:00+10:30");
}

/* Every real five minutes through both changes, by counting. */
static void
five_minutes_are_five_minutes(void **state)
{
	static const char *const zones[] = { "Europe/Berlin",
		"America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu" };
	struct trigger t = cron("*/5 * * * *");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct tz *tz = zone(zones[i]);
		wall w = at("2026-01-01T00:00:00Z");

		while (w.ms < at("2027-01-01T00:00:00Z").ms) {
			wall next = trigger_next(&t, tz, w);

			assert_int_equal(next.ms - w.ms, 300000);
			w = next;
		}
	}
}

static void
every_and_at(void **state)
{
	struct trigger t;
	struct err e = { 0 };

	(void)state;
	/* Whole multiples since 1970, whoever counts and whenever it began. */
	assert_int_equal(trigger_parse_every("7m", &t, &e), 0);
	assert_int_equal(trigger_next(&t, tz_utc(), (wall){ 0 }).ms, 420000);
	assert_int_equal(trigger_next(&t, tz_utc(), (wall){ 420000 }).ms,
	    840000);
	assert_int_equal(trigger_next(&t, tz_utc(), (wall){ -1 }).ms, 0);
	assert_int_equal(trigger_parse_every("500ms", &t, &e), -1);
	assert_int_equal(trigger_parse_every("", &t, &e), -1);

	assert_int_equal(trigger_parse_at("2026-12-01T10:00",
	    zone("Europe/Berlin"), &t, &e), 0);
	assert_int_equal(t.u.at.ms, at("2026-12-01T09:00:00Z").ms);
	assert_int_equal(trigger_next(&t, tz_utc(), (wall){ t.u.at.ms - 1 })
	    .ms, t.u.at.ms);
	assert_int_equal(trigger_next(&t, tz_utc(), t.u.at).ms,
	    WALL_NEVER.ms);
	assert_int_equal(trigger_parse_at("2026-12-01T10:00:30+02:00",
	    tz_utc(), &t, &e), 0);
	assert_int_equal(t.u.at.ms, at("2026-12-01T08:00:30Z").ms);
	assert_int_equal(trigger_parse_at("2026-02-30T10:00", tz_utc(), &t,
	    &e), -1);
	assert_non_null(strstr(e.msg, "expected a time as"));
	assert_int_equal(trigger_parse_at("2026", tz_utc(), &t, &e), -1);
	assert_int_equal(trigger_parse_at("", tz_utc(), &t, &e), -1);
}

static void
errors_name_column_and_expectation(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "60 * * * *", "column 1: expected a minute 0..59, not "
		    "\"60\"" },
		{ "* 24 * * *", "column 3: expected an hour 0..23" },
		{ "* * 0 * *", "column 5: expected a day 1..31 or L" },
		{ "* * * 13 *", "column 7: expected a month 1..12 or jan" },
		{ "* * * * mond", "column 9: expected a weekday 0..7 or" },
		{ "5-1 * * * *", "column 3: expected a range that rises" },
		{ "5/10 * * * *", "column 2: expected a range or * before" },
		{ "*/0 * * * *", "column 3: expected a step" },
		{ "1,, * * * *", "column 3: expected a minute" },
		{ "* * 15W * *", "column 7: expected no W" },
		{ "* * * * fri#6", "column 13: expected which one" },
		{ "* * *", "expected 5 fields" },
		{ "", "expected 5 fields" },
		{ "* * * * * * *", "not 7" },
		{ "@reboot", "refused" },
		{ "@sometimes", "expected @yearly" },
		{ "@every 5m", "every = " },
		{ "\x1b[31m", "column 1: expected plain ASCII" },
		{ "99999999999999999999 * * * *", "column 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };
		struct trigger t;

		assert_int_equal(trigger_parse_cron(bad[i].text, &t, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		if (strstr(e.msg, bad[i].want) == NULL)
			fail_msg("%s\n got  %s\n want %s", bad[i].text, e.msg,
			    bad[i].want);
	}
}

/* The zone reader against the C library's, through a century of changes. */
static void
zones_agree_with_libc(void **state)
{
	static const char *const zones[] = { "Europe/Berlin", "Europe/Dublin",
		"America/New_York", "America/Sao_Paulo", "Africa/Casablanca",
		"Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu",
		"America/St_Johns", "Asia/Tehran", "America/Santiago", "UTC",
		"Pacific/Kiritimati", "Antarctica/Troll" };

	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		const struct tz *tz = zone(zones[i]);

		assert_int_equal(setenv("TZ", zones[i], 1), 0);
		tzset();
		for (int64_t t = -2208988800; t < 4102444800; t += 86413) {
			struct civil c = tz_civil(tz, (wall){ t * 1000 });
			time_t tt = (time_t)t;
			struct tm tm;

			(void)localtime_r(&tt, &tm);
			if (tm.tm_gmtoff != tz_span(tz, t).offset ||
			    c.year != tm.tm_year + 1900 ||
			    c.month != tm.tm_mon + 1 || c.day != tm.tm_mday ||
			    c.hour != tm.tm_hour || c.min != tm.tm_min ||
			    c.sec != tm.tm_sec || c.wday != tm.tm_wday)
				fail_msg("%s differs at %lld", zones[i],
				    (long long)t);
		}
	}
	(void)unsetenv("TZ");
}

static void
zones_from_outside(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(tz_get("Europe/Atlantis", &e));
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_null(tz_get("../../../etc/passwd", &e));
	assert_null(tz_get("/etc/passwd", &e));
	assert_null(tz_get("", &e));
	assert_null(tz_get("Europe", &e));
	assert_null(tz_parse("x", "TZif2", 5, &e));
	assert_ptr_equal(tz_get("Europe/Berlin", &e),
	    tz_get("Europe/Berlin", &e));
}

/* A slow walker over the minutes of a zone, as the C library shows them, with
 * the rules of trigger.h applied word by word. */
enum { MINUTES = 21 * 1440 };

struct shown {
	int64_t	  local;		/* minutes since 1970, local */
	struct tm tm;
	bool	  again;		/* shown before */
};

struct field_set {
	uint64_t set;
	bool	 star;
	char	 text[128];
};

static uint32_t lots;

static uint32_t
rnd(uint32_t n)
{
	lots ^= lots << 13;
	lots ^= lots >> 17;
	lots ^= lots << 5;
	return lots % n;
}

static void
random_field(struct field_set *f, int min, int max)
{
	uint32_t kind = rnd(6);
	size_t len = 0;

	*f = (struct field_set){ 0 };
	if (kind < 3) {
		int step = kind == 2 ? 1 + (int)rnd((uint32_t)(max - min)) : 1;

		f->star = true;
		for (int v = min; v <= max; v += step)
			f->set |= UINT64_C(1) << v;
		(void)snprintf(f->text, sizeof(f->text), "*");
		if (kind == 2)
			(void)snprintf(f->text, sizeof(f->text), "*/%d", step);
		return;
	}
	for (uint32_t n = 1 + rnd(3); n > 0; n--) {
		int a = min + (int)rnd((uint32_t)(max - min + 1));
		int b = kind == 4 ? a + (int)rnd((uint32_t)(max - a + 1)) : a;

		for (int v = a; v <= b; v++)
			f->set |= UINT64_C(1) << v;
		len += (size_t)snprintf(f->text + len, sizeof(f->text) - len,
		    kind == 4 ? "%s%d-%d" : "%s%d", len > 0 ? "," : "", a, b);
	}
}

static bool
has(const struct field_set *f, int v)
{
	return (f->set >> v & 1) != 0;
}

static bool
matches(const struct field_set f[5], const struct tm *tm)
{
	bool dom = has(&f[2], tm->tm_mday), dow = has(&f[4], tm->tm_wday);

	return has(&f[0], tm->tm_min) && has(&f[1], tm->tm_hour) &&
	    has(&f[3], tm->tm_mon + 1) &&
	    (f[2].star || f[4].star ? dom && dow : dom || dow);
}

static bool
swallowed(const struct field_set f[5], int64_t from, int64_t to)
{
	for (; from < to; from++) {
		time_t t = (time_t)from * 60;
		struct tm tm;

		(void)gmtime_r(&t, &tm);
		if (matches(f, &tm))
			return true;
	}
	return false;
}

static void
show(struct shown *s, const char *name, int64_t start)
{
	(void)setenv("TZ", name, 1);
	tzset();
	for (int i = 0; i < MINUTES; i++) {
		time_t t = (time_t)(start + i) * 60;

		(void)localtime_r(&t, &s[i].tm);
		s[i].local = start + i + s[i].tm.tm_gmtoff / 60;
		s[i].again = false;
		for (int back = 1; back <= 180 && back <= i; back++)
			s[i].again |= s[i - back].local == s[i].local;
	}
	(void)unsetenv("TZ");
}

static void
walk(const struct shown *s, const char *name, int64_t start)
{
	static const int min[] = { 0, 0, 1, 1, 0 };
	static const int max[] = { 59, 23, 31, 12, 6 };
	struct field_set f[5];
	char text[700];
	struct trigger t;
	bool all, follows;
	wall w = { start * 60000 };

	for (int i = 0; i < 5; i++)
		random_field(&f[i], min[i], max[i]);
	/* Three weeks: most specs should not name another month. */
	if (rnd(3) != 0) {
		f[3].set = 0x1ffe;
		(void)snprintf(f[3].text, sizeof(f[3].text), "*");
	}
	(void)snprintf(text, sizeof(text), "%s %s %s %s %s", f[0].text,
	    f[1].text, f[2].text, f[3].text, f[4].text);
	t = cron(text);
	all = f[1].set == 0xffffff;
	follows = all || (f[0].star && (f[1].set & f[1].set << 1) != 0);
	for (int i = 1; i < MINUTES; i++) {
		bool is = matches(f, &s[i].tm) && (follows || !s[i].again);
		wall here = { (start + i) * 60000 };

		if (!all && s[i].local > s[i - 1].local + 1)
			is |= swallowed(f, s[i - 1].local + 1, s[i].local);
		if (!is)
			continue;
		w = trigger_next(&t, zone(name), w);
		if (w.ms != here.ms)
			fail_msg("\"%s\" in %s: got %lld, the walker %lld",
			    text, name, (long long)w.ms, (long long)here.ms);
	}
}

static void
random_against_a_slow_walker(void **state)
{
	static const struct {
		const char *name, *from;
	} where[] = {
		{ "Europe/Berlin", "2026-03-20T00:00:00Z" },
		{ "Europe/Berlin", "2026-10-15T00:00:00Z" },
		{ "America/New_York", "2026-03-01T00:00:00Z" },
		{ "America/New_York", "2026-10-25T00:00:00Z" },
		{ "Australia/Lord_Howe", "2026-03-28T00:00:00Z" },
		{ "Australia/Lord_Howe", "2026-09-25T00:00:00Z" },
		{ "America/Havana", "2026-03-01T00:00:00Z" },
		{ "UTC", "2028-02-20T00:00:00Z" },
	};
	struct shown *s = calloc(MINUTES, sizeof(*s));

	(void)state;
	assert_non_null(s);
	lots = (uint32_t)clock_wall().ms | 1;
	if (getenv("SEED") != NULL)
		lots = (uint32_t)strtoul(getenv("SEED"), NULL, 0);
	print_message("SEED=%u\n", lots);
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		int64_t start = at(where[i].from).ms / 60000;

		show(s, where[i].name, start);
		for (int k = 0; k < 150; k++)
			walk(s, where[i].name, start);
	}
	free(s);
}

static int32_t
day(const char *s)
{
	struct err e = { 0 };
	int32_t d;

	if (trigger_parse_day(s, &d, &e) == -1)
		fail_msg("%s", e.msg);
	return d;
}

static void
a_job_is_due_once_on_its_days(void **state)
{
	struct trigger t[2] = { cron("0 2 * * *"), cron("0 */2 * * *") };
	int32_t holidays[] = { day("2026-12-25"), day("2026-12-26") };
	struct schedule s = { .trigger = t, .n = 2,
		.tz = zone("Europe/Berlin") };
	struct err e = { 0 };
	int32_t d;

	(void)state;
	/* Two triggers due together are one occurrence. */
	assert_int_equal(schedule_next(&s, at("2026-12-01T00:00:00Z")).ms,
	    at("2026-12-01T01:00:00Z").ms);
	assert_int_equal(schedule_next(&s, at("2026-12-01T01:00:00Z")).ms,
	    at("2026-12-01T03:00:00Z").ms);
	/* A day of the job's zone, not of UTC. */
	s.exclude = (struct trigger_days){ holidays, 2 };
	assert_int_equal(schedule_next(&s, at("2026-12-24T21:00:00Z")).ms,
	    at("2026-12-26T23:00:00Z").ms);
	s.only = true;
	s.include = (struct trigger_days){ holidays, 1 };
	s.exclude.n = 0;
	assert_int_equal(schedule_next(&s, at("2026-12-01T00:00:00Z")).ms,
	    at("2026-12-24T23:00:00Z").ms);
	assert_int_equal(schedule_next(&s, at("2026-12-25T21:00:00Z")).ms,
	    WALL_NEVER.ms);
	assert_int_equal(trigger_parse_day("2026-02-29", &d, &e), -1);
	assert_int_equal(trigger_parse_day("2026-2-9", &d, &e), -1);
	/* Nothing due at all. */
	s.n = 0;
	assert_int_equal(schedule_next(&s, (wall){ 0 }).ms, WALL_NEVER.ms);
}

/* A job of every second on holiday for three years is looked at day by day:
 * second by second this test would not end. */
static void
excluded_days_are_jumped_over(void **state)
{
	enum { DAYS = 1000 };
	struct trigger t;
	struct schedule s = { .trigger = &t, .n = 1, .tz = tz_utc() };
	int32_t first = day("2026-01-01"), away[DAYS];
	struct err e;

	(void)state;
	for (int i = 0; i < DAYS; i++)
		away[i] = first + i;
	s.exclude = (struct trigger_days){ away, DAYS };
	assert_int_equal(trigger_parse_every("1s", &t, &e), 0);
	assert_int_equal(schedule_next(&s, at("2026-01-01T00:00:00Z")).ms,
	    at("2028-09-27T00:00:00Z").ms);
	/* In Newfoundland midnight of 2006-10-29 came twice. */
	s.tz = zone("America/St_Johns");
	away[0] = day("2006-10-28");
	s.exclude.n = 1;
	assert_int_equal(trigger_parse_cron("30 * * * *", &t, &e), 0);
	assert_int_equal(schedule_next(&s, at("2006-10-28T12:00:00Z")).ms,
	    at("2006-10-29T04:00:00Z").ms);
}

static void
the_last_due_time(void **state)
{
	struct trigger t[2] = { cron("* * 3 * * *"), cron("0 0 1 1 *") };
	struct schedule s = { .trigger = t, .n = 2, .tz = tz_utc() };

	(void)state;
	assert_int_equal(schedule_last(&s, at("2026-05-01T12:00:00Z"),
	    at("2025-01-01T00:00:00Z")).ms, at("2026-05-01T03:59:59Z").ms);
	s.trigger++;
	s.n = 1;
	assert_int_equal(schedule_last(&s, at("2026-05-01T12:00:00Z"),
	    at("2020-01-01T00:00:00Z")).ms, at("2026-01-01T00:00:00Z").ms);
	assert_int_equal(schedule_last(&s, at("2026-01-01T00:00:00Z"),
	    at("2025-12-31T23:59:59Z")).ms, at("2026-01-01T00:00:00Z").ms);
	assert_int_equal(schedule_last(&s, at("2026-05-01T12:00:00Z"),
	    at("2026-01-01T00:00:00Z")).ms, WALL_NEVER.ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_fields),
		cmocka_unit_test(days_of_month_and_week),
		cmocka_unit_test(leap_years_and_never),
		cmocka_unit_test(clocks_go_forward),
		cmocka_unit_test(clocks_go_back),
		cmocka_unit_test(five_minutes_are_five_minutes),
		cmocka_unit_test(every_and_at),
		cmocka_unit_test(errors_name_column_and_expectation),
		cmocka_unit_test(zones_agree_with_libc),
		cmocka_unit_test(zones_from_outside),
		cmocka_unit_test(random_against_a_slow_walker),
		cmocka_unit_test(a_job_is_due_once_on_its_days),
		cmocka_unit_test(excluded_days_are_jumped_over),
		cmocka_unit_test(the_last_due_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
