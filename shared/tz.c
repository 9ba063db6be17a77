#include "tz.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

#define ZONEINFO "/usr/share/zoneinfo"
enum {
	FILE_MAX = 256 * 1024,
	DAY = 86400
};

/* One of the two yearly changes of a POSIX TZ string. */
struct rule {
	char	kind;		/* M, J or 0 (zero-based day) */
	int	month, week, day;
	int32_t at;		/* seconds of the local day; may be negative */
};

struct tz {
	struct tz	*next;
	char		 name[TZ_NAME];
	size_t		 n;
	int64_t		*when;		/* UTC, strictly rising */
	int32_t		*offset;	/* from when[i] on */
	int32_t		 first;		/* before when[0] */
	bool		 ruled, yearly;	/* what follows the last: the footer */
	int32_t		 std, dst;
	struct rule	 to_dst, to_std;
};

/* Civil dates: days from the proleptic Gregorian calendar, by eras of 400
 * years that begin on 1 March. */
int64_t
civil_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

void
civil_of_days(int64_t days, struct civil *c)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*c = (struct civil){ 0 };
	c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = yoe + era * 400 + (c->month <= 2);
	c->wday = (int)(((days + 4) % 7 + 7) % 7);
}

int
civil_month_days(int64_t year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int64_t
floordiv(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The footer: std offset [dst [offset] , rule , rule]. */

static bool
tz_word(const char **p)
{
	const char *s = *p;

	if (*s == '<') {
		while (*s != '\0' && *s != '>')
			s++;
		if (*s != '>')
			return false;
		s++;
	} else {
		while (isalpha((unsigned char)*s))
			s++;
	}
	if (s - *p < 3)
		return false;
	*p = s;
	return true;
}

static bool
tz_num(const char **p, int min, int max, int *out)
{
	int v = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		v = v * 10 + (**p - '0');
		if (v > max)
			return false;
	}
	*out = v;
	return v >= min;
}

/* [+-]hh[:mm[:ss]] in seconds, up to a week for rules. */
static bool
tz_hms(const char **p, int32_t *out)
{
	int h, m = 0, s = 0, sign = 1;

	if (**p == '-' || **p == '+')
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!tz_num(p, 0, 167, &h))
		return false;
	if (**p == ':') {
		(*p)++;
		if (!tz_num(p, 0, 59, &m))
			return false;
		if (**p == ':') {
			(*p)++;
			if (!tz_num(p, 0, 59, &s))
				return false;
		}
	}
	*out = sign * (h * 3600 + m * 60 + s);
	return true;
}

static bool
tz_rule(const char **p, struct rule *r)
{
	if (*(*p)++ != ',')
		return false;
	*r = (struct rule){ .kind = '0', .at = 2 * 3600 };
	if (**p == 'M') {
		(*p)++;
		r->kind = 'M';
		if (!tz_num(p, 1, 12, &r->month) || *(*p)++ != '.' ||
		    !tz_num(p, 1, 5, &r->week) || *(*p)++ != '.' ||
		    !tz_num(p, 0, 6, &r->day))
			return false;
	} else if (**p == 'J') {
		(*p)++;
		r->kind = 'J';
		if (!tz_num(p, 1, 365, &r->day))
			return false;
	} else if (!tz_num(p, 0, 365, &r->day)) {
		return false;
	}
	if (**p == '/') {
		(*p)++;
		if (!tz_hms(p, &r->at))
			return false;
	}
	return true;
}

static bool
tz_footer(struct tz *tz, const char *p)
{
	if (!tz_word(&p) || !tz_hms(&p, &tz->std))
		return false;
	tz->std = -tz->std;	/* POSIX counts west of Greenwich */
	tz->ruled = true;
	if (*p == '\0')
		return true;
	tz->dst = tz->std + 3600;
	if (!tz_word(&p))
		return false;
	if (*p != ',') {
		if (!tz_hms(&p, &tz->dst))
			return false;
		tz->dst = -tz->dst;
	}
	tz->yearly = true;
	return tz_rule(&p, &tz->to_dst) && tz_rule(&p, &tz->to_std) &&
	    *p == '\0';
}

/* When a rule strikes in a year, as local seconds since 1970. */
static int64_t
rule_local(const struct rule *r, int64_t year)
{
	int64_t day = civil_days(year, 1, 1);

	if (r->kind == 'J') {
		bool leap = civil_month_days(year, 2) == 29;

		day += r->day - 1 + (leap && r->day >= 60);
	} else if (r->kind == '0') {
		day += r->day;
	} else {
		int64_t one = civil_days(year, r->month, 1);
		int wday = (int)(((one + 4) % 7 + 7) % 7);
		int d = (r->day - wday + 7) % 7 + (r->week - 1) * 7;

		while (d >= civil_month_days(year, r->month))
			d -= 7;
		day = one + d;
	}
	return day * DAY + r->at;
}

/* The file: RFC 8536. */

static int64_t
be(const unsigned char *p, int n)
{
	uint64_t v = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

struct head {
	size_t isut, isstd, leap, time, type, chars;
};

static bool
head_read(const unsigned char *p, size_t n, struct head *h)
{
	size_t *field[] = { &h->isut, &h->isstd, &h->leap, &h->time, &h->type,
		&h->chars };

	if (n < 44 || memcmp(p, "TZif", 4) != 0)
		return false;
	for (size_t i = 0; i < 6; i++) {
		int64_t v = be(p + 20 + 4 * i, 4);

		if (v < 0 || v > FILE_MAX)
			return false;
		*field[i] = (size_t)v;
	}
	return h->type > 0 && h->type <= 256;
}

static size_t
body_size(const struct head *h, size_t tsize)
{
	return h->time * (tsize + 1) + h->type * 6 + h->chars +
	    h->leap * (tsize + 4) + h->isstd + h->isut;
}

static bool
body_read(struct tz *tz, const unsigned char *p, const struct head *h,
    size_t tsize)
{
	const unsigned char *idx = p + h->time * tsize;
	const unsigned char *type = idx + h->time;

	tz->when = mem_zero(h->time + 1, sizeof(*tz->when));
	tz->offset = mem_zero(h->time + 1, sizeof(*tz->offset));
	tz->first = (int32_t)be(type, 4);
	for (size_t i = 0; i < h->time; i++) {
		int64_t when = be(p + i * tsize, (int)tsize);
		int32_t off, last = tz->first;

		if (idx[i] >= h->type)
			return false;
		off = (int32_t)be(type + 6 * (size_t)idx[i], 4);
		if (off < -26 * 3600 || off > 26 * 3600)
			return false;
		if (tz->n > 0) {
			last = tz->offset[tz->n - 1];
			if (when <= tz->when[tz->n - 1])
				return false;
		}
		/* Only the abbreviation or the DST flag changed. */
		if (off == last)
			continue;
		tz->when[tz->n] = when;
		tz->offset[tz->n++] = off;
	}
	return tz->first >= -26 * 3600 && tz->first <= 26 * 3600;
}

static bool
file_read(struct tz *tz, const unsigned char *p, size_t n)
{
	struct head h;
	char foot[128];
	size_t skip, len;

	if (!head_read(p, n, &h))
		return false;
	if (p[4] < '2') {
		return n - 44 >= body_size(&h, 4) &&
		    body_read(tz, p + 44, &h, 4);
	}
	skip = 44 + body_size(&h, 4);
	if (skip > n || !head_read(p + skip, n - skip, &h))
		return false;
	p += skip + 44;
	n -= skip + 44;
	skip = body_size(&h, 8);
	if (skip > n || !body_read(tz, p, &h, 8))
		return false;
	p += skip;
	n -= skip;
	if (n < 2 || p[0] != '\n')
		return false;
	for (len = 0; len + 1 < n && p[1 + len] != '\n'; len++)
		if (len + 1 >= sizeof(foot) || p[1 + len] == '\0')
			return false;
	if (len + 1 >= n)
		return false;
	if (len > 0) {
		memcpy(foot, p + 1, len);
		foot[len] = '\0';
		return tz_footer(tz, foot);
	}
	return true;
}

struct tz *
tz_parse(const char *name, const void *p, size_t n, struct err *e)
{
	struct tz *tz = mem_zero(1, sizeof(*tz));

	(void)MEM_STR(tz->name, name);
	if (!file_read(tz, p, n)) {
		tz_free(tz);
		(void)err_set(e, ERR_FAILED,
		    "time zone %.60s: not a valid zone file: install tzdata "
		    "again", name);
		return NULL;
	}
	return tz;
}

void
tz_free(struct tz *tz)
{
	if (tz == NULL)
		return;
	free(tz->when);
	free(tz->offset);
	free(tz);
}

static struct tz utc = { .name = "UTC", .ruled = true };
static struct tz *zones;

const struct tz *
tz_utc(void)
{
	return &utc;
}

const char *
tz_name(const struct tz *tz)
{
	return tz->name;
}

/* Words of letters, digits, _ + - parted by single slashes: no way out of the
 * folder. */
static bool
name_ok(const char *s)
{
	char last = '/';

	if (strlen(s) >= TZ_NAME)
		return false;
	for (; *s != '\0'; last = *s++) {
		if (*s == '/' && last == '/')
			return false;
		if (!isalnum((unsigned char)*s) && strchr("_+-/", *s) == NULL)
			return false;
	}
	return last != '/';
}

static struct tz *
zone_load(const char *name, struct err *e)
{
	char path[sizeof(ZONEINFO) + TZ_NAME + 1];
	unsigned char *p = NULL;
	struct tz *tz = NULL;
	struct stat st;
	size_t len = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", ZONEINFO, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 && access(ZONEINFO, X_OK) == -1) {
		(void)err_set(e, ERR_NOTFOUND, "time zone %s: this machine has "
		    "no zone files in %s: install tzdata, or use UTC", name,
		    ZONEINFO);
		return NULL;
	}
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		(void)err_set(e, ERR_NOTFOUND, "time zone %s: no such zone: "
		    "expected a name as Europe/Berlin or UTC", name);
		goto out;
	}
	p = mem_zero(1, FILE_MAX);
	while (len < FILE_MAX) {
		ssize_t n = read(fd, p + len, FILE_MAX - len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)err_sys(e, "time zone %s", name);
			goto out;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	tz = tz_parse(name, p, len, e);
out:
	free(p);
	if (fd != -1)
		(void)close(fd);
	return tz;
}

const struct tz *
tz_get(const char *name, struct err *e)
{
	struct tz *tz;

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
		return &utc;
	for (tz = zones; tz != NULL; tz = tz->next)
		if (strcmp(tz->name, name) == 0)
			return tz;
	if (!name_ok(name)) {
		(void)err_set(e, ERR_USAGE, "time zone: expected a name as "
		    "Europe/Berlin or UTC, not \"%.60s\"", name);
		return NULL;
	}
	tz = zone_load(name, e);
	if (tz != NULL) {
		tz->next = zones;
		zones = tz;
	}
	return tz;
}

char *
tz_system(char out[TZ_NAME])
{
	char link[256];
	const char *at = NULL;
	ssize_t n = readlink("/etc/localtime", link, sizeof(link) - 1);

	if (n > 0) {
		link[n] = '\0';
		at = strstr(link, "zoneinfo/");
	}
	if (at != NULL && name_ok(at + 9) && tz_get(at + 9, NULL) != NULL) {
		(void)mem_str(out, TZ_NAME, at + 9);
	} else {
		FILE *f = fopen("/etc/timezone", "re");
		char line[TZ_NAME] = "";

		if (f != NULL) {
			if (fgets(line, sizeof(line), f) != NULL)
				line[strcspn(line, "\n")] = '\0';
			(void)fclose(f);
		}
		(void)mem_str(out, TZ_NAME, line[0] != '\0' &&
		    tz_get(line, NULL) != NULL ? line : "UTC");
	}
	return out;
}

/* The spans of the footer's rules around t, not before `floor`. */
static struct tz_span
rule_span(const struct tz *tz, int64_t t, int64_t from, int32_t from_off)
{
	struct tz_span s = { from, INT64_MAX, tz->std, from_off };
	int64_t when[6];
	int32_t off[6];
	struct civil c;
	size_t n = 0;

	if (!tz->yearly)
		return s;
	civil_of_days(floordiv(t, DAY), &c);
	for (int64_t y = c.year - 1; y <= c.year + 1; y++) {
		int64_t d = rule_local(&tz->to_dst, y) - tz->std;
		int64_t e = rule_local(&tz->to_std, y) - tz->dst;

		for (int k = 0; k < 2; k++) {
			/* On a tie summer time wins: all year round. */
			bool is_dst = (d < e) == (k == 0);
			int64_t w = is_dst ? d : e;
			size_t i = n++;

			for (; i > 0 && when[i - 1] > w; i--) {
				when[i] = when[i - 1];
				off[i] = off[i - 1];
			}
			when[i] = w;
			off[i] = is_dst ? tz->dst : tz->std;
		}
	}
	s.offset = off[0] == tz->dst ? tz->std : tz->dst;
	for (size_t i = 0; i < n; i++) {
		if (when[i] > t) {
			s.end = when[i];
			break;
		}
		if (when[i] > from) {
			s.start = when[i];
			s.before = s.offset;
		}
		s.offset = off[i];
	}
	return s;
}

struct tz_span
tz_span(const struct tz *tz, int64_t t)
{
	size_t lo = 0, hi = tz->n;
	struct tz_span s;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tz->when[mid] <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* lo is the number of changes at or before t. */
	s.start = lo > 0 ? tz->when[lo - 1] : INT64_MIN;
	s.end = lo < tz->n ? tz->when[lo] : INT64_MAX;
	s.offset = lo > 0 ? tz->offset[lo - 1] : tz->first;
	s.before = lo > 1 ? tz->offset[lo - 2] :
	    lo == 1 ? tz->first : s.offset;
	if (lo == tz->n && tz->ruled)
		s = rule_span(tz, t, s.start, s.before);
	if (s.start == INT64_MIN)
		s.before = s.offset;
	return s;
}

struct civil
tz_civil(const struct tz *tz, wall w)
{
	int64_t t = floordiv(w.ms, 1000);
	int64_t local = t + tz_span(tz, t).offset;
	int64_t day = floordiv(local, DAY);
	int sec = (int)(local - day * DAY);
	struct civil c;

	civil_of_days(day, &c);
	c.hour = sec / 3600;
	c.min = sec / 60 % 60;
	c.sec = sec % 60;
	return c;
}

int64_t
tz_utc_of(const struct tz *tz, int64_t local)
{
	struct tz_span s = tz_span(tz, local - 27 * 3600);

	/* Spans in order: the first that reaches as far as this local time. */
	while (s.end != INT64_MAX && local - s.offset >= s.end)
		s = tz_span(tz, s.end);
	return local - s.offset < s.start ? s.start : local - s.offset;
}

char *
tz_fmt(const struct tz *tz, wall w, char out[TZ_TEXT])
{
	struct civil c = tz_civil(tz, w);
	int off = tz_span(tz, floordiv(w.ms, 1000)).offset / 60;
	int abs_off = off < 0 ? -off : off;

	(void)snprintf(out, TZ_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d",
	    (int)(c.year % 10000), c.month, c.day, c.hour, c.min, c.sec,
	    off < 0 ? '-' : '+', abs_off / 60, abs_off % 60);
	return out;
}
