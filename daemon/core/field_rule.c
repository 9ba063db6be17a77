/* Rules that several tables use on one string. */
#include <string.h>

#include "core/field.h"
#include "text.h"

int
field_rule_name(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	(void)checks;
	if (text_name(s, what, NULL) == -1)
		return err_set(e, ERR_USAGE,
		    "%s: must be 1 to 63 of A-Z a-z 0-9 . _ -, starting with a "
		    "letter, a digit or _, not \"%.70s\"", what, s);
	return 0;
}

int
field_rule_path(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	(void)checks;
	if (*s != '/')
		return err_set(e, ERR_USAGE,
		    "%s: must be an absolute path, not \"%.200s\"", what, s);
	return 0;
}

static int
by(bool (*check)(const char *, struct err *), const char *s, const char *what,
    struct err *e)
{
	struct err why = { 0 };

	if (check == NULL || check(s, &why))
		return 0;
	return err_set(e, ERR_USAGE, "%s: %s", what, why.msg);
}

int
field_rule_condition(const char *s, const struct checks *checks,
    const char *what, struct err *e)
{
	return by(checks == NULL ? NULL : checks->condition, s, what, e);
}

int
field_rule_zone(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	return by(checks == NULL ? NULL : checks->zone, s, what, e);
}
