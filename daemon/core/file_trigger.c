#include "core/file_trigger.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

static const int64_t ns = 1000000;	/* in a ms */
static const int64_t day_ms = 86400000;

static bool
same(const struct file_facts *a, const struct file_facts *b)
{
	return a->ino == b->ino && a->size == b->size && a->mtime == b->mtime;
}

/* Another file than the one that is on record.  An inode number is used again
 * soon: the birth tells, or else the time of modification. */
static bool
another(const struct file_facts *a, const struct file_facts *b,
    enum file_how how)
{
	if (a->ino != b->ino)
		return true;
	if (a->birth != 0 && b->birth != 0)
		return a->birth != b->birth;
	return (how == FILE_APPEARED || how == FILE_PLACED) &&
	    a->mtime != b->mtime;
}

static bool
above(int64_t stamp, const struct file_rule *rule, struct now now)
{
	int64_t floor = rule->floor.ms - FILE_TICK_MS,
	    least = now.wall.ms - FILE_FLOOR_DAYS * day_ms;

	return stamp / ns >= (floor > least ? floor : least);
}

static bool
is_created(const struct file_rule *rule)
{
	return rule->stable == 0 && rule->event == JOB_FILE_CREATED;
}

/* Whether what is seen begins an occurrence. */
static bool
begins(const struct file_rule *rule, const struct file_track *t,
    const struct file_facts *f, enum file_how how, struct now now)
{
	bool known = t->state == FILE_SETTLED;

	if (known && is_created(rule))
		return another(f, &t->told, how);
	if (known)
		return f->ino != t->told.ino || f->mtime != t->told.mtime;
	switch (how) {
	case FILE_FOUND:
		return above(f->ctime, rule, now);
	case FILE_APPEARED:
	case FILE_PLACED:
		return true;
	case FILE_TOUCHED:
		return !is_created(rule) && above(f->mtime, rule, now);
	case FILE_WRITTEN:
	case FILE_CLOSED:
		break;
	}
	return !is_created(rule);
}

/* One that was found by looking has been as it is for a while already. */
static int64_t
credit(const struct file_facts *f, enum file_how how, int64_t most,
    struct now now)
{
	int64_t age = now.wall.ms - f->ctime / ns;

	if (how != FILE_FOUND || age < 0)
		return 0;
	return age > most ? most : age;
}

static enum file_verdict
judge(const struct file_rule *rule, struct file_track *t, struct now now)
{
	mono settle = mono_add_ms(t->since, FILE_SETTLE_MS);

	if (rule->stable > 0)
		t->due = mono_add_ms(t->since, rule->stable);
	else if (t->complete)
		t->due = now.mono;
	else if (rule->event == JOB_FILE_CREATED)
		t->due = mono_add_ms(t->first, FILE_SETTLE_MS);
	else
		t->due = mono_min(settle, mono_add_ms(t->first,
		    FILE_LATEST_MS));
	return t->due.us <= now.mono.us ? FILE_FIRE : FILE_WAIT;
}

enum file_verdict
file_see(const struct file_rule *rule, struct file_track *t,
    const struct file_facts *f, enum file_how how, struct now now)
{
	int64_t most = rule->stable > 0 ? rule->stable : FILE_SETTLE_MS;

	if (t->state == FILE_SENT) {
		t->again = true;
		if (f != NULL)
			t->at = *f;
		return FILE_WAIT;
	}
	if (f == NULL)
		return FILE_FORGET;
	if (t->state != FILE_PENDING) {
		if (!begins(rule, t, f, how, now))
			return t->state == FILE_SETTLED ? FILE_WAIT
							: FILE_FORGET;
		t->state = FILE_PENDING;
		t->complete = false;
		t->since = t->first = mono_add_ms(now.mono,
		    -credit(f, how, most, now));
	} else if (!same(f, &t->at) || how == FILE_WRITTEN) {
		t->since = now.mono;
		t->complete = false;
	}
	if (how == FILE_PLACED || how == FILE_CLOSED)
		t->complete = true;
	t->at = *f;
	return judge(rule, t, now);
}

void
file_sent(struct file_track *t)
{
	t->state = FILE_SENT;
	t->told = t->at;
	t->again = false;
}

enum file_verdict
file_settled(struct file_track *t)
{
	bool again = t->again;

	t->state = FILE_SETTLED;
	t->again = false;
	return again ? FILE_WAIT : FILE_FORGET;
}

void
file_again(struct file_track *t, mono due)
{
	t->state = FILE_PENDING;
	t->again = false;
	t->due = due;
}

/* ---- paths as text ---- */

void
file_path_encode(struct buf *out, const char *path)
{
	size_t left = strlen(path);

	while (left > 0) {
		uint32_t cp;
		size_t n = utf8_next(path, left, &cp);

		if (n == 0 || utf8_unsafe(cp) || cp == '%') {
			n = n == 0 ? 1 : n;
			for (size_t i = 0; i < n; i++)
				buf_fmt(out, "%%%02X", (unsigned char)path[i]);
		} else
			buf_put(out, path, n);
		path += n;
		left -= n;
	}
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
file_path_decode(const char *text, char *out, size_t size)
{
	size_t n = 0;

	if (*text != '/' || size == 0)
		return -1;
	for (; *text != '\0'; text++) {
		int high, low;

		if (n + 1 >= size)
			return -1;
		if (*text != '%') {
			out[n++] = *text;
			continue;
		}
		high = hex(text[1]);
		low = high < 0 ? -1 : hex(text[2]);
		if (low < 0 || high + low == 0)
			return -1;
		out[n++] = (char)(high << 4 | low);
		text += 2;
	}
	out[n] = '\0';
	return 0;
}

char *
file_occurrence(const char *encoded, int64_t ino, int64_t mtime)
{
	int64_t sec = mtime / 1000000000, rest = mtime % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		sec--;
	}
	return mem_fmt("file:%s:%llu:%lld.%09lld", encoded,
	    (unsigned long long)ino, (long long)sec, (long long)rest);
}

/* ---- patterns ---- */

/* The next component of a path; NULL after the last. */
static const char *
component(const char **at, size_t *len)
{
	const char *p = *at;

	while (*p == '/')
		p++;
	*len = strcspn(p, "/");
	*at = p + *len;
	return *len > 0 ? p : NULL;
}

void
file_pattern_init(struct file_pattern *p, const char *text)
{
	const char *c;
	size_t len;

	p->part = (struct strs){ 0 };
	while ((c = component(&text, &len)) != NULL) {
		char *part = mem_fmt("%.*s", (int)len, c);

		if (strcmp(part, ".") != 0)
			strs_add(&p->part, part);
		free(part);
	}
}

void
file_pattern_clear(struct file_pattern *p)
{
	strs_clear(&p->part);
}

bool
file_part_is_glob(const char *part)
{
	return strpbrk(part, "*?[\\") != NULL;
}

int
file_pattern_match(const struct file_pattern *p, const char *path)
{
	char name[NAME_MAX + 1];
	const char *c;
	size_t len;
	int n = 0;

	while ((c = component(&path, &len)) != NULL) {
		if ((size_t)n == p->part.n || len > NAME_MAX)
			return -1;
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, c);
		if (file_part_is_glob(p->part.v[n])
		    ? fnmatch(p->part.v[n], name, FNM_PERIOD) != 0
		    : strcmp(p->part.v[n], name) != 0)
			return -1;
		n++;
	}
	return n;
}
