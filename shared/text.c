#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

int
text_int(const char *s, int64_t min, int64_t max, const char *what,
    int64_t *out, struct err *e)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (*s == '\0' || isspace((unsigned char)*s) || *end != '\0' ||
	    errno == ERANGE || v < min || v > max)
		return err_set(e, ERR_USAGE,
		    "%s: must be a whole number %lld..%lld, not \"%.60s\"",
		    what, (long long)min, (long long)max, s);
	*out = v;
	return 0;
}

static const struct {
	const char *name;
	int64_t	    ms;
} units[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
enum { NUNITS = sizeof(units) / sizeof(units[0]) };

int
text_dur(const char *s, int64_t min, int64_t max, const char *what,
    int64_t *out_ms, struct err *e)
{
	char lo[TEXT_DUR], hi[TEXT_DUR];
	const char *p = s;
	int64_t total = 0;

	if (*p == '\0')
		goto bad;
	while (*p != '\0') {
		int64_t v = 0;
		size_t u, len = 0;

		if (!isdigit((unsigned char)*p))
			goto bad;
		for (; isdigit((unsigned char)*p); p++) {
			v = v * 10 + (*p - '0');
			if (v > 1000000000000LL)
				goto bad;
		}
		while (isalpha((unsigned char)p[len]))
			len++;
		for (u = 0; u < NUNITS; u++)
			if (strlen(units[u].name) == len &&
			    strncmp(units[u].name, p, len) == 0)
				break;
		if (u == NUNITS || v > INT64_MAX / 2 / units[u].ms ||
		    total > INT64_MAX / 2 - v * units[u].ms)
			goto bad;
		total += v * units[u].ms;
		p += len;
	}
	if (total < min || total > max)
		return err_set(e, ERR_USAGE,
		    "%s: must be a duration %s..%s, not \"%.60s\"", what,
		    text_dur_fmt(min, lo), text_dur_fmt(max, hi), s);
	*out_ms = total;
	return 0;
bad:
	return err_set(e, ERR_USAGE,
	    "%s: must be a duration as 250ms, 15s, 1h30m or 7d, not \"%.60s\"",
	    what, s);
}

char *
text_dur_fmt(int64_t ms, char out[TEXT_DUR])
{
	size_t len = 0;

	if (ms <= 0) {
		(void)snprintf(out, TEXT_DUR, "0s");
		return out;
	}
	for (size_t u = 0; u < NUNITS && ms > 0; u++) {
		int64_t v = ms / units[u].ms;

		if (v == 0)
			continue;
		len += (size_t)snprintf(out + len, TEXT_DUR - len, "%lld%s",
		    (long long)v, units[u].name);
		ms -= v * units[u].ms;
	}
	return out;
}

int
text_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned char row[64];

	if (la > 60 || lb > 60)
		return 9;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned char)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned char diag = row[0];

		row[0] = (unsigned char)i;
		for (size_t j = 1; j <= lb; j++) {
			int best = diag + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = row[j];
			row[j] = (unsigned char)best;
		}
	}
	return row[lb] > 9 ? 9 : row[lb];
}

const char *
text_nearest(const char *s, const char *const *names, size_t n)
{
	const char *best = NULL;
	int least = (int)strlen(s) / 3 + 2;

	for (size_t i = 0; i < n; i++) {
		int d = text_distance(s, names[i]);

		if (d < least) {
			least = d;
			best = names[i];
		}
	}
	return best;
}

int
text_name(const char *s, const char *what, struct err *e)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			     "yz0123456789._-");

	if (n == 0 || n > 63 || s[n] != '\0' || *s == '.' || *s == '-')
		return err_set(e, ERR_USAGE,
		    "%s \"%.70s\": must be 1 to 63 of A-Z a-z 0-9 . _ -, "
		    "starting with a letter, a digit or _", what, s);
	return 0;
}

int
text_host(const char *s, char host[TEXT_HOST], int *port, struct err *e)
{
	const char *end = NULL, *colon = strchr(s, ':'), *p = s;
	int64_t v;

	if (*s == '[') {
		p = s + 1;
		end = strchr(p, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			goto bad;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon != NULL && strchr(colon + 1, ':') != NULL)
		colon = NULL;		/* a bare IPv6 address */
	if (end == NULL)
		end = colon != NULL ? colon : s + strlen(s);
	if (end == p || end - p >= TEXT_HOST || *p == '-')
		goto bad;
	for (const char *q = p; q < end; q++)
		if (!isalnum((unsigned char)*q) && strchr("._:%-", *q) == NULL)
			goto bad;
	if (colon != NULL) {
		if (text_int(colon + 1, 1, 65535, "port", &v, e) == -1)
			return -1;
		*port = (int)v;
	}
	memcpy(host, p, (size_t)(end - p));
	host[end - p] = '\0';
	return 0;
bad:
	return err_set(e, ERR_USAGE, "\"%.24s\" is not HOST[:PORT]", s);
}

int
text_words(const char *line, char ***words, struct err *e)
{
	struct buf b = BUF_INIT(1 << 20);
	char **w = NULL, quote = 0;
	int n = 0, in = 0;

	for (const char *p = line;; p++) {
		if (*p == '\0' && quote != 0)
			goto bad;
		if (quote == 0 && (*p == '\0' || isspace((unsigned char)*p))) {
			if (in) {
				w = mem_grow(w, (size_t)(n + 1) * sizeof(*w));
				w[n++] = buf_steal(&b);
				in = 0;
			}
			if (*p == '\0')
				break;
			continue;
		}
		in = 1;
		if (quote != 0 && *p == quote)
			quote = 0;
		else if (quote == 0 && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == '\\' && quote != '\'' && p[1] != '\0' &&
		    (quote == 0 || p[1] == '"' || p[1] == '\\'))
			buf_putc(&b, *++p);
		else
			buf_putc(&b, *p);
	}
	buf_free(&b);
	*words = w;
	return n;
bad:
	buf_free(&b);
	text_words_free(w, n);
	return err_set(e, ERR_USAGE, "command line: missing closing %c", quote);
}

void
text_words_free(char **words, int n)
{
	for (int i = 0; i < n; i++)
		free(words[i]);
	free(words);
}
