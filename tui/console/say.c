#include "say.h"

#include <stdio.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "text.h"

char *
say_span(int64_t ms, char out[SAY])
{
	long long s = ms / 1000;

	if (ms < 0)
		(void)snprintf(out, SAY, "-");
	else if (ms < 1000)
		(void)snprintf(out, SAY, "%lldms", (long long)ms);
	else if (s < 60)
		(void)snprintf(out, SAY, "%llds", s);
	else if (s < 3600)
		(void)snprintf(out, SAY, "%lldm%02lld", s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(out, SAY, "%lldh%02lldm", s / 3600,
		    s / 60 % 60);
	else
		(void)snprintf(out, SAY, "%lldd %02lldh", s / 86400,
		    s / 3600 % 24);
	return out;
}

static const struct tz *
zone_of(const struct say *s)
{
	return s->times == SAY_UTC || s->zone == NULL ? tz_utc() : s->zone;
}

char *
say_when(const struct say *s, wall at, char out[SAY])
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t away = s->now.ms - at.ms;
	struct civil c, n;
	char span[SAY];

	if (at.ms == 0)
		return mem_str(out, SAY, "-") == 0 ? out : out;
	if (s->times == SAY_AGE) {
		(void)snprintf(out, SAY, away < 0 ? "in %s" : "%s ago",
		    say_span(away < 0 ? -away : away, span));
		return out;
	}
	c = tz_civil(zone_of(s), at);
	n = tz_civil(zone_of(s), s->now);
	if (c.year == n.year && c.month == n.month && c.day == n.day)
		(void)snprintf(out, SAY, "%02d:%02d:%02d", c.hour, c.min,
		    c.sec);
	else if (away < 300LL * 86400000 && away > -300LL * 86400000)
		(void)snprintf(out, SAY, "%02d %.3s %02d:%02d", c.day,
		    &months[(c.month - 1) * 3], c.hour, c.min);
	else
		(void)snprintf(out, SAY, "%04lld-%02d-%02d",
		    (long long)c.year, c.month, c.day);
	return out;
}

char *
say_clock(const struct say *s, wall at, char out[SAY])
{
	const struct tz *z = zone_of(s);
	struct civil c = tz_civil(z, at);
	int off = tz_span(z, at.ms / 1000).offset;
	char zone[16] = "Z";

	if (off % 3600 != 0)
		(void)snprintf(zone, sizeof(zone), "%+03d:%02d", off / 3600,
		    (off < 0 ? -off : off) / 60 % 60);
	else if (off != 0)
		(void)snprintf(zone, sizeof(zone), "%+03d", off / 3600);
	(void)snprintf(out, SAY, "%02d:%02d:%02d%s", c.hour, c.min, c.sec,
	    zone);
	return out;
}

char *
say_value(const json_t *v, char out[SAY])
{
	char item[SAY];
	size_t n = 0;

	if (json_is_string(v))
		(void)mem_str(out, SAY, json_string_value(v));
	else if (json_is_integer(v))
		(void)snprintf(out, SAY, "%lld",
		    (long long)json_integer_value(v));
	else if (json_is_real(v))
		(void)snprintf(out, SAY, "%.4g", json_real_value(v));
	else if (json_is_boolean(v))
		(void)mem_str(out, SAY, json_is_true(v) ? "yes" : "no");
	else if (json_is_array(v) && json_array_size(v) > 0) {
		for (size_t i = 0; i < json_array_size(v) && n < SAY - 1; i++)
			n += (size_t)snprintf(out + n, SAY - n, "%s%s",
			    i > 0 ? ", " : "",
			    say_value(json_array_get(v, i), item));
	} else
		(void)mem_str(out, SAY, "-");
	return out;
}

int
say_level_value(const char *level)
{
	static const char *const levels[] = { "unknown", "very_bad", "bad",
		"ok", "good", "excellent" };

	for (int i = 0; i < 6; i++)
		if (strcmp(levels[i], level) == 0)
			return i;
	return 0;
}

char *
say_setting(const json_t *row, char out[SAY])
{
	const json_t *v = json_object_get(row, "value");
	const char *dflt = js_str(row, "default", "");
	char dur[TEXT_DUR];

	if (json_is_boolean(v))
		(void)mem_str(out, SAY, json_is_true(v) ? "true" : "false");
	else if (json_is_number(v) && dflt[0] != '\0' &&
	    strchr("smhd", dflt[strlen(dflt) - 1]) != NULL)
		(void)mem_str(out, SAY, text_dur_fmt((int64_t)
		    (json_number_value(v) * 1000 + 0.5), dur));
	else
		(void)say_value(v, out);
	return out;
}

const char *
say_agent(const json_t *row)
{
	if (!js_bool(row, "connected", false))
		return "OFFLINE";
	if (strcmp(js_str(row, "role", ""), "scheduler") == 0)
		return js_bool(row, "suspended", false) ? "SUSPENDED"
		    : "SCHEDULER";
	if (js_bool(row, "drained", false))
		return "DRAIN";
	if (js_bool(row, "held_off", false))
		return "off";
	if (strcmp(js_str(row, "mode", ""), "worker") == 0)
		return "worker";
	/* While control is off no role is told; this one fires. */
	if (strcmp(js_str(row, "status", ""), "on") == 0 &&
	    strcmp(js_str(row, "role", ""), "none") == 0)
		return js_bool(row, "suspended", false) ? "SUSPENDED" : "ON";
	return strcmp(js_str(row, "role", ""), "spare") == 0 ? "spare"
	    : "agent";
}

char
say_mark(const char *state, bool *bad)
{
	static const struct {
		const char *state;
		char	    mark;
		bool	    bad;
	} marks[] = {
		{ "succeeded", '.', false }, { "running", 'R', false },
		{ "failed", 'F', true }, { "killed", 'K', true },
		{ "timed_out", 'T', true }, { "lost", 'L', true },
		{ "refused", 'X', true }, { "missed", 'M', false },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcmp(marks[i].state, state) == 0) {
			*bad = marks[i].bad;
			return marks[i].mark;
		}
	*bad = false;
	return 'o';
}

const char *
say_level(const char *level, int cells)
{
	if (strcmp(level, "very_bad") == 0)
		return cells < 8 ? "vbad" : "very bad";
	if (strcmp(level, "excellent") == 0)
		return cells < 9 ? "exclnt" : level;
	if (strcmp(level, "unknown") == 0)
		return cells < 7 ? "?" : level;
	return level;
}
