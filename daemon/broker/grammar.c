#include "broker/grammar.h"

#include "core/condition.h"
#include "core/trigger.h"
#include "tz.h"

static bool
check_cron(const char *text, struct err *e)
{
	struct trigger t;

	return trigger_parse_cron(text, &t, e) == 0;
}

static bool
check_condition(const char *text, struct err *e)
{
	struct cond *c;

	if (cond_parse(text, COND_STATE, &c, e) == -1)
		return false;
	cond_free(c);
	return true;
}

static bool
check_zone(const char *text, struct err *e)
{
	return tz_get(text, e) != NULL;
}

const struct checks grammar_checks = {
	.cron = check_cron,
	.condition = check_condition,
	.zone = check_zone,
};
