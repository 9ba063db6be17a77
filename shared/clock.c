#include "clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

mono
clock_mono(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (mono){ (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 };
}

wall
clock_wall(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (wall){ (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 };
}

struct now
clock_now(void)
{
	return (struct now){ clock_mono(), clock_wall() };
}

static void
digits(char *out, int n, int v)
{
	while (n-- > 0) {
		out[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

char *
clock_rfc3339(wall w, char out[CLOCK_RFC3339])
{
	int64_t ms = w.ms % 1000, sec = w.ms / 1000;
	struct tm tm;
	time_t t;

	if (ms < 0) {
		ms += 1000;
		sec--;
	}
	t = (time_t)sec;
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 8099 ||
	    tm.tm_year < -1900) {
		(void)snprintf(out, CLOCK_RFC3339, "%s",
		    "9999-12-31T23:59:59.999Z");
		return out;
	}
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_RFC3339);
	digits(out, 4, tm.tm_year + 1900);
	digits(out + 5, 2, tm.tm_mon + 1);
	digits(out + 8, 2, tm.tm_mday);
	digits(out + 11, 2, tm.tm_hour);
	digits(out + 14, 2, tm.tm_min);
	digits(out + 17, 2, tm.tm_sec);
	digits(out + 20, 3, (int)ms);
	return out;
}

static int
bad(const char *s, struct err *e)
{
	return err_set(e, ERR_USAGE,
	    "time \"%.40s\": expected RFC 3339, as 2026-11-21T23:22:58Z", s);
}

/* So many digits and one of these behind them; any "": nothing. */
static bool
number(const char **at, int n, const char *any, int *out)
{
	for (*out = 0; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (**at - '0');
	}
	if (any[0] == '\0')
		return true;
	return **at != '\0' && strchr(any, *(*at)++) != NULL;
}

int
clock_parse(const char *s, wall *out, struct err *e)
{
	struct tm tm = { 0 };
	int ms = 0, off = 0, oh, om;
	const char *p = s;

	if (!number(&p, 4, "-", &tm.tm_year) ||
	    !number(&p, 2, "-", &tm.tm_mon) ||
	    !number(&p, 2, "Tt ", &tm.tm_mday) ||
	    !number(&p, 2, ":", &tm.tm_hour) ||
	    !number(&p, 2, ":", &tm.tm_min) || !number(&p, 2, "", &tm.tm_sec))
		return bad(s, e);
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 60)
		return bad(s, e);
	if (*p == '.') {
		int scale = 100;

		for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
			ms += (*p - '0') * scale;
	}
	if (*p == 'Z' || *p == 'z')
		p++;
	else if (*p == '+' || *p == '-') {
		int way = *p++ == '-' ? -60 : 60;

		if (!number(&p, 2, ":", &oh) || !number(&p, 2, "", &om))
			return bad(s, e);
		off = (oh * 60 + om) * way;
	} else
		return bad(s, e);
	if (*p != '\0')
		return bad(s, e);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	out->ms = ((int64_t)timegm(&tm) - off) * 1000 + ms;
	return 0;
}

void
clock_boot_id(char out[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, out, 36);

	out[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		(void)close(fd);
}
