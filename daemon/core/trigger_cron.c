/* The cron line: text to bit sets.  What a set means is in trigger.c. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/trigger.h"

enum { CRON_TEXT = 256 };
enum field { F_SEC, F_MIN, F_HOUR, F_DOM, F_MON, F_DOW, F_COUNT };

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const wdays[] = { "sun", "mon", "tue", "wed", "thu", "fri",
	"sat", NULL };

static const struct {
	const char	  *what;
	int		   min, max;
	const char *const *names;	/* of min, min + 1, … */
} fields[F_COUNT] = {
	[F_SEC]	 = { "a second 0..59", 0, 59, NULL },
	[F_MIN]	 = { "a minute 0..59", 0, 59, NULL },
	[F_HOUR] = { "an hour 0..23", 0, 23, NULL },
	[F_DOM]	 = { "a day 1..31 or L", 1, 31, NULL },
	[F_MON]	 = { "a month 1..12 or jan..dec", 1, 12, months },
	[F_DOW]	 = { "a weekday 0..7 or sun..sat", 0, 7, wdays },
};

static const struct {
	const char *name, *cron;
} nicks[] = {
	{ "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
	{ "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" },
	{ "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

struct parse {
	const char  *text, *p;
	struct cron *cron;
	struct err  *err;
};

/* How much of the text to show: to the end of the word, not a whole novel. */
static int
shown(const char *p)
{
	size_t n = strcspn(p, " \t,");

	return n == 0 ? 1 : n > 20 ? 20 : (int)n;
}

static int
expected(struct parse *c, const char *what)
{
	int col = (int)(c->p - c->text) + 1;

	if (*c->p == '\0')
		return err_set(c->err, ERR_USAGE,
		    "cron \"%s\": column %d: expected %s, not the end",
		    c->text, col, what);
	return err_set(c->err, ERR_USAGE,
	    "cron \"%s\": column %d: expected %s, not \"%.*s\"", c->text, col,
	    what, shown(c->p), c->p);
}

static int
number(struct parse *c, const char *what, int min, int max, int *out)
{
	const char *p = c->p;
	int v = 0;

	if (!isdigit((unsigned char)*p))
		return expected(c, what);
	for (; isdigit((unsigned char)*p) && v <= max; p++)
		v = v * 10 + (*p - '0');
	if (v < min || v > max)
		return expected(c, what);
	c->p = p;
	*out = v;
	return 0;
}

/* A number or a name of the field. */
static int
value(struct parse *c, enum field f, int *out)
{
	const char *const *n = fields[f].names;

	for (int i = 0; n != NULL && n[i] != NULL; i++) {
		if (strncasecmp(c->p, n[i], 3) == 0 &&
		    !isalpha((unsigned char)c->p[3])) {
			c->p += 3;
			*out = fields[f].min + i;
			return 0;
		}
	}
	return number(c, fields[f].what, fields[f].min, fields[f].max, out);
}

static void
mark(struct cron *c, enum field f, int v)
{
	switch (f) {
	case F_SEC:
		c->sec |= UINT64_C(1) << v;
		break;
	case F_MIN:
		c->min |= UINT64_C(1) << v;
		break;
	case F_HOUR:
		c->hour |= UINT32_C(1) << v;
		break;
	case F_DOM:
		c->dom |= UINT32_C(1) << v;
		break;
	case F_MON:
		c->mon |= UINT32_C(1) << v;
		break;
	case F_DOW:
		c->dow |= (uint8_t)(1u << v % 7);
		break;
	case F_COUNT:
		break;
	}
}

/* L and L-3 of the month; 5L and fri#2 of the weekday, after its number. */
static int
last_day(struct parse *c)
{
	int n = 0;

	c->p++;
	if (*c->p == '-') {
		c->p++;
		if (number(c, "1..30 days before the last", 1, 30, &n) == -1)
			return -1;
	}
	c->cron->dom_last |= UINT32_C(1) << n;
	return 0;
}

static int
nth_weekday(struct parse *c, int wday)
{
	int n;

	if (*c->p == 'L' || *c->p == 'l') {
		c->p++;
		c->cron->dow_last |= (uint8_t)(1u << wday % 7);
		return 0;
	}
	c->p++;
	if (number(c, "which one of the month, 1..5", 1, 5, &n) == -1)
		return -1;
	c->cron->dow_nth[n - 1] |= (uint8_t)(1u << wday % 7);
	return 0;
}

static int
item(struct parse *c, enum field f)
{
	int from, to, step = 1;
	bool range = true;

	if (f == F_DOM && (*c->p == 'L' || *c->p == 'l'))
		return last_day(c);
	if (*c->p == '*' || (*c->p == '?' && (f == F_DOM || f == F_DOW))) {
		c->p++;
		from = fields[f].min;
		to = f == F_DOW ? 6 : fields[f].max;
	} else {
		if (value(c, f, &from) == -1)
			return -1;
		if (f == F_DOW && (*c->p == '#' || *c->p == 'L' ||
		    *c->p == 'l'))
			return nth_weekday(c, from);
		to = from;
		if (*c->p == '-') {
			const char *at = ++c->p;

			if (value(c, f, &to) == -1)
				return -1;
			/* fri-sun: Sunday is 7 at the end of a range. */
			if (f == F_DOW && to == 0 && from > 0)
				to = 7;
			if (to < from) {
				c->p = at;
				return expected(c, "a range that rises (as a "
				    "list, write two)");
			}
		} else {
			range = false;
		}
	}
	if (*c->p == '/') {
		if (!range)
			return expected(c, "a range or * before the step");
		c->p++;
		if (number(c, "a step of at least 1 within the field", 1,
		    fields[f].max, &step) == -1)
			return -1;
	}
	for (int v = from; v <= to; v += step)
		mark(c->cron, f, v);
	return 0;
}

static int
field(struct parse *c, enum field f)
{
	bool star = *c->p == '*' || *c->p == '?';

	if (f == F_DOM)
		c->cron->dom_star = star;
	if (f == F_DOW)
		c->cron->dow_star = star;
	/* Runs on through the hours: see trigger.h, daylight saving. */
	if (f == F_MIN)
		c->cron->follows = star;
	for (;;) {
		if (item(c, f) == -1)
			return -1;
		if (*c->p == ' ' || *c->p == '\t' || *c->p == '\0')
			return 0;
		if (*c->p == 'W' || *c->p == 'w')
			return expected(c, "no W (list the days instead)");
		if (*c->p != ',')
			return expected(c, "a comma, a space, - or /");
		c->p++;
	}
}

static void
blanks(struct parse *c)
{
	while (*c->p == ' ' || *c->p == '\t')
		c->p++;
}

static int
count_fields(struct parse *c)
{
	const char *start = c->p;
	int n = 0;

	for (; *c->p != '\0'; n++) {
		c->p += strcspn(c->p, " \t");
		blanks(c);
	}
	if (n == 5 || n == 6) {
		c->p = start;
		return n;
	}
	c->p = c->text;
	return err_set(c->err, ERR_USAGE, "cron \"%s\": expected 5 fields "
	    "(minute hour day month weekday) or 6 (second first), not %d",
	    c->text, n);
}

static int
nickname(struct parse *c)
{
	if (strcasecmp(c->p, "@reboot") == 0)
		return err_set(c->err, ERR_USAGE, "cron @reboot: refused, it "
		    "names a machine's start and not a time: use a systemd "
		    "unit there, or a flow");
	if (strncasecmp(c->p, "@every", 6) == 0)
		return err_set(c->err, ERR_USAGE, "cron \"%s\": write it as "
		    "every = \"5m\"", c->text);
	for (size_t i = 0; i < sizeof(nicks) / sizeof(nicks[0]); i++) {
		if (strcasecmp(c->p, nicks[i].name) == 0) {
			c->p = nicks[i].cron;
			return 0;
		}
	}
	return expected(c, "@yearly, @annually, @monthly, @weekly, @daily, "
	    "@midnight or @hourly");
}

static int
text_check(const char *s, struct err *e)
{
	size_t n = strnlen(s, CRON_TEXT + 1);

	if (n > CRON_TEXT)
		return err_set(e, ERR_USAGE,
		    "cron: expected at most %d characters", CRON_TEXT);
	for (size_t i = 0; i < n; i++)
		if ((s[i] < ' ' && s[i] != '\t') || s[i] > '~')
			return err_set(e, ERR_USAGE, "cron: column %zu: "
			    "expected plain ASCII", i + 1);
	return 0;
}

int
trigger_parse_cron(const char *text, struct trigger *t, struct err *e)
{
	struct cron cron = { 0 };
	struct parse c = { text, text, &cron, e };
	int n;

	if (text_check(text, e) == -1)
		return -1;
	blanks(&c);
	if (*c.p == '@' && nickname(&c) == -1)
		return -1;
	if ((n = count_fields(&c)) == -1)
		return -1;
	if (n == 5)
		mark(&cron, F_SEC, 0);
	for (int f = F_COUNT - n; f < F_COUNT; f++) {
		if (field(&c, (enum field)f) == -1)
			return -1;
		blanks(&c);
	}
	cron.all_hours = cron.hour == 0xffffff;
	cron.follows = cron.all_hours ||
	    (cron.follows && (cron.hour & cron.hour << 1) != 0);
	*t = (struct trigger){ .kind = TRIGGER_CRON, .u.cron = cron };
	return 0;
}
