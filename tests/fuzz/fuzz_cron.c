/* Cron text, at text, day text and a zone's file from anywhere: refused with a
 * reason, or due at rising times that end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/misfire.h"
#include "core/trigger.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
require(bool ok)
{
	if (!ok)
		abort();
}

/* A zone as bytes: conversions of whatever was accepted must stay sane. */
static void
zone(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct tz *tz = tz_parse("fuzz", p, n, &e);
	struct trigger t;
	wall w = { INT64_C(1700000000000) };

	if (tz == NULL) {
		require(e.msg[0] != '\0');
		return;
	}
	require(trigger_parse_cron("*/30 2 * * *", &t, &e) == 0);
	for (int i = 0; i < 20; i++) {
		wall next = trigger_next(&t, tz, w);

		require(next.ms > w.ms);
		if (next.ms == WALL_NEVER.ms)
			break;
		w = next;
	}
	tz_free(tz);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct trigger t;
	int32_t day;
	char *s;

	if (n >= 4 && memcmp(p, "TZif", 4) == 0) {
		zone(p, n);
		return 0;
	}
	s = calloc(1, n + 1);
	require(s != NULL);
	if (n > 0)
		memcpy(s, p, n);
	if (trigger_parse_cron(s, &t, &e) == 0) {
		wall w = { INT64_C(1771000000000) };

		for (int i = 0; i < 10; i++) {
			wall next = trigger_next(&t,
			    tz_get("Europe/Berlin", NULL), w);

			require(next.ms > w.ms);
			if (next.ms == WALL_NEVER.ms)
				break;
			w = next;
		}
	} else {
		require(e.msg[0] != '\0');
	}
	(void)trigger_parse_at(s, tz_utc(), &t, &e);
	(void)trigger_parse_every(s, &t, &e);
	(void)trigger_parse_day(s, &day, &e);
	free(s);
	return 0;
}
