#include "keeper/rules.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum { TEXT_MAX = 65536 };

static struct {
	const char  *path;
	uid_t	     owner;
	bool	     read;		/* rules or error are the file's */
	struct err   bad;		/* code ERR_OK: rules hold */
	struct stat  seen;
	struct rules rules;
} g;

/* ---- the file ---- */

struct scan {
	const char *p, *end, *name;
	int	    line;
	char	    word[RULES_NAME];	/* of the last token */
	struct err *e;
};

/* A punctuation character, 'a' for a bare word, '"' for a string, 0 at the
 * end, -1 for an error. */
static int
blank(struct scan *s)
{
	while (s->p < s->end) {
		if (*s->p == '\n')
			s->line++;
		if (isspace((unsigned char)*s->p)) {
			s->p++;
		} else if (*s->p == '#' ||
		    (s->end - s->p > 1 && s->p[0] == '/' && s->p[1] == '/')) {
			while (s->p < s->end && *s->p != '\n')
				s->p++;
		} else if (s->end - s->p > 1 && s->p[0] == '/' &&
		    s->p[1] == '*') {
			for (s->p += 2; s->end - s->p > 1 &&
			    (s->p[0] != '*' || s->p[1] != '/'); s->p++)
				if (*s->p == '\n')
					s->line++;
			if (s->end - s->p < 2)
				return err_set(s->e, ERR_USAGE,
				    "%s:%d: comment is not closed", s->name,
				    s->line);
			s->p += 2;
		} else
			break;
	}
	return 0;
}

static int
token(struct scan *s)
{
	const char *from;
	bool quoted;
	size_t n;

	if (blank(s) == -1)
		return -1;
	if (s->p == s->end)
		return 0;
	quoted = *s->p == '"';
	if (!quoted && !isalpha((unsigned char)*s->p))
		return (unsigned char)*s->p++;
	from = s->p += quoted ? 1 : 0;
	while (s->p < s->end && (isalnum((unsigned char)*s->p) ||
	    *s->p == '_' || *s->p == '-' || *s->p == '.' || *s->p == '$'))
		s->p++;
	n = (size_t)(s->p - from);
	if (n == 0 || n >= RULES_NAME ||
	    (quoted && (s->p == s->end || *s->p != '"')))
		return err_set(s->e, ERR_USAGE,
		    "%s:%d: a name is 1 to %d of A-Z a-z 0-9 . _ - $",
		    s->name, s->line, RULES_NAME - 1);
	memcpy(s->word, from, n);
	s->word[n] = '\0';
	s->p += quoted ? 1 : 0;
	return quoted ? '"' : 'a';
}

static int
expect(struct scan *s, int want, const char *what)
{
	int t = token(s);

	if (t == want)
		return 0;
	if (t == -1)
		return -1;
	return err_set(s->e, ERR_USAGE, "%s:%d: expected %s", s->name, s->line,
	    what);
}

static int
users(struct scan *s, struct rules *r)
{
	int t;

	if ((t = token(s)) != '[' && t != '(')
		return t == -1 ? -1 : err_set(s->e, ERR_USAGE,
		    "%s:%d: expected [ after users =", s->name, s->line);
	while ((t = token(s)) != ']' && t != ')') {
		if (t == ',' && r->n > 0)
			continue;
		if (t == -1)
			return -1;
		if (t != '"')
			return err_set(s->e, ERR_USAGE, "%s:%d: expected a "
			    "user name in quotes or ]", s->name, s->line);
		if (r->n == RULES_USERS)
			return err_set(s->e, ERR_USAGE,
			    "%s:%d: more than %d users", s->name, s->line,
			    RULES_USERS);
		(void)MEM_STR(r->users[r->n++], s->word);
	}
	return 0;
}

static int
setting(struct scan *s, struct rules *r)
{
	bool list = strcmp(s->word, "users") == 0;
	int t;

	if (!list && strcmp(s->word, "default_user") != 0)
		return err_set(s->e, ERR_USAGE, "%s:%d: unknown name %s "
		    "(known: users, default_user)", s->name, s->line, s->word);
	if ((t = token(s)) != '=' && t != ':')
		return t == -1 ? -1 : err_set(s->e, ERR_USAGE,
		    "%s:%d: expected =", s->name, s->line);
	if (list)
		return users(s, r);
	if (expect(s, '"', "a user name in quotes") == -1)
		return -1;
	(void)MEM_STR(r->default_user, s->word);
	return 0;
}

int
rules_parse(const char *text, size_t n, const char *name, struct rules *r,
    struct err *e)
{
	struct scan s = { text, text + n, name, 1, "", e };
	int t;

	memset(r, 0, sizeof(*r));
	if ((t = token(&s)) == 0)
		return 0;
	if (t != 'a' || strcmp(s.word, "runs") != 0)
		return t == -1 ? -1 : err_set(e, ERR_USAGE,
		    "%s:%d: expected runs: { … }", name, s.line);
	if ((t = token(&s)) != ':' && t != '=')
		return t == -1 ? -1 : err_set(e, ERR_USAGE,
		    "%s:%d: expected : after runs", name, s.line);
	if (expect(&s, '{', "{") == -1)
		return -1;
	while ((t = token(&s)) != '}') {
		if (t == ';' || t == ',')
			continue;
		if (t != 'a')
			return t == -1 ? -1 : err_set(e, ERR_USAGE,
			    "%s:%d: expected a name or }", name, s.line);
		if (setting(&s, r) == -1)
			return -1;
	}
	while ((t = token(&s)) == ';')
		;
	if (t == 0)
		return 0;
	return t == -1 ? -1 : err_set(e, ERR_USAGE,
	    "%s:%d: something follows the last }", name, s.line);
}

static int
read_file(struct err *e)
{
	static char text[TEXT_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	fd = open(g.path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s", g.path);
	n = fstat(fd, &st) == -1 ? -1 : read(fd, text, sizeof(text));
	(void)close(fd);
	if (n == -1)
		return err_sys(e, "%s", g.path);
	if (n == TEXT_MAX)
		return err_set(e, ERR_USAGE, "%s: over %d bytes", g.path,
		    TEXT_MAX - 1);
	/* Who can write this file decides as whom jobs run. */
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, ERR_DENIED, "%s: must belong to root and be "
		    "writable by no one else (chown root, chmod 644)", g.path);
	return rules_parse(text, (size_t)n, g.path, &g.rules, e);
}

static void
refresh(void)
{
	struct stat st = { 0 };

	if (stat(g.path, &st) == -1)
		memset(&st, 0, sizeof(st));
	if (g.read && st.st_ino == g.seen.st_ino &&
	    st.st_size == g.seen.st_size && st.st_mode == g.seen.st_mode &&
	    st.st_uid == g.seen.st_uid &&
	    st.st_mtim.tv_sec == g.seen.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == g.seen.st_mtim.tv_nsec)
		return;
	g.read = true;
	g.seen = st;
	g.bad.code = ERR_OK;
	if (read_file(&g.bad) == -1)
		log_error("rules", "%s", g.bad.msg);
	else
		log_info("rules", "%s: %zu users, default %s", g.path,
		    g.rules.n, g.rules.default_user[0] == '\0' ? "none" :
		    g.rules.default_user);
}

/* ---- users ---- */

void
rules_init(const char *path, uid_t owner)
{
	g.path = path;
	g.owner = owner;
	if (geteuid() != 0)
		return;
	if (path != NULL)
		refresh();
	else if (owner == 0)
		log_warn("rules", "no rules file: runs are root's; give one "
		    "with -f (see muster-keeper(8))");
}

static const struct who *
self(const char *want, struct err *e)
{
	const struct who *me = who_self();

	if (*want != '\0' && strcmp(want, me->name) != 0) {
		(void)err_set(e, ERR_DENIED, "user %.32s: %s", want,
		    me->uid != 0 ? "a keeper that is not root runs everything "
		    "as itself" : "a root keeper needs a rules file for that "
		    "(-f, muster-keeper(8))");
		return NULL;
	}
	return me;
}

static bool
listed(const char *name)
{
	if (strcmp(name, g.rules.default_user) == 0)
		return true;
	for (size_t i = 0; i < g.rules.n; i++)
		if (strcmp(name, g.rules.users[i]) == 0)
			return true;
	return false;
}

const struct who *
rules_who(const char *want, bool *asked, struct err *e)
{
	const struct who *w;

	*asked = false;
	if (geteuid() != 0 || (g.path == NULL && g.owner == 0))
		return self(want, e);
	if (g.path == NULL) {
		(void)err_set(e, ERR_DENIED, "a root keeper runs nothing for "
		    "another user's musterd without a rules file (-f, "
		    "muster-keeper(8))");
		return NULL;
	}
	refresh();
	if (g.bad.code != ERR_OK) {
		*e = g.bad;
		return NULL;
	}
	if (*want == '\0')
		want = g.rules.default_user;
	if (*want == '\0') {
		(void)err_set(e, ERR_DENIED,
		    "no user was asked for and %s has no default_user", g.path);
		return NULL;
	}
	if (!listed(want)) {
		(void)err_set(e, ERR_DENIED,
		    "user %.32s: not in the keeper's list (%s)", want, g.path);
		return NULL;
	}
	if ((w = who_find(want, asked, e)) == NULL)
		return NULL;
	if (w->uid == g.owner && g.owner != 0) {
		(void)err_set(e, ERR_DENIED, "user %s: musterd's own user "
		    "runs no jobs; name another one in %s", want, g.path);
		return NULL;
	}
	return w;
}
