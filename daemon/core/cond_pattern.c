/* Patterns from outside: none may cost more than its length suggests. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cond_tree.h"
#include "mem.h"

enum {
	PATTERN_MAX = 128,	/* bytes */
	REPEAT_MAX = 255,
	EXPANDED_MAX = 2048	/* bytes, with every repeat written out */
};

/* The highest number within {n,m}; *p ends on the brace or the NUL. */
static size_t
repeat(const char **p)
{
	size_t most = 1;

	while (**p != '}' && **p != '\0') {
		size_t v = 0;

		if (!isdigit((unsigned char)**p)) {
			(*p)++;
			continue;
		}
		for (; isdigit((unsigned char)**p); (*p)++)
			if (v <= REPEAT_MAX)
				v = v * 10 + (size_t)(**p - '0');
		if (v > most)
			most = v;
	}
	return most;
}

/* glibc writes repeats out: a{50} is fifty nodes and (x)+ is two x, so nested
 * they multiply.  Counted as if all of them were nested, which errs on the
 * safe side.  Back references make matching exponential. */
static const char *
refused(const char *s)
{
	size_t len = strlen(s), times = 1;
	char last = '\0';

	if (len > PATTERN_MAX)
		return "expected a pattern of at most 128 bytes";
	for (; *s != '\0'; s++) {
		if (*s == '\\') {
			if (isdigit((unsigned char)s[1]))
				return "expected a pattern without back "
				    "references (\\1)";
			if (s[1] != '\0')
				s++;
			last = '\\';
			continue;
		}
		if (*s == '{')
			times *= repeat(&s);
		else if (*s == '+' && last != '\0' &&
		    strchr(")+*?}", last) != NULL)
			times *= 2;
		if (times * len > EXPANDED_MAX)
			return "expected a shorter pattern or smaller {n,m}: "
			    "this one expands too far";
		if (*s == '\0')
			break;
		last = *s;
	}
	return NULL;
}

regex_t *
cond_pattern(const char *s, char why[COND_WHY])
{
	const char *no = refused(s);
	char reason[96];
	regex_t *re;
	int rc;

	if (no != NULL) {
		(void)mem_str(why, COND_WHY, no);
		return NULL;
	}
	re = mem_zero(1, sizeof(*re));
	rc = regcomp(re, s, REG_EXTENDED | REG_NOSUB);
	if (rc == 0)
		return re;
	(void)regerror(rc, re, reason, sizeof(reason));
	free(re);
	(void)snprintf(why, COND_WHY,
	    "expected a POSIX extended regular expression: %s", reason);
	return NULL;
}
