#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "core/mutant.h"
#include "mem.h"
#include "node/finder_impl.h"

enum {
	BUSY_MS = 1000,		/* the broker could not take it: again then */
	TOGETHER_MS = 10,	/* those due within are looked at together */
	NOTE = 64,		/* fires in one message */
	ESCAPED = 3,		/* bytes that one of a path may become */
	WINDOW_BYTES = 100 << 10	/* a message has those of 4, 1 MiB */
};

/* ---- what it says ---- */

void
finder_at(struct finder *f, const char *path)
{
	f->ops->at(f->ctx, path);
}

void
finder_back(struct finder *f)
{
	f->ops->at(f->ctx, NULL);
}

void
finder_log(struct finder *f, enum log_level level, const char *fmt, ...)
{
	char text[PATH_MAX + 512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->ops->log(f->ctx, level, text);
}

/* ---- files ---- */

struct file *
finder_find(const struct rule *r, const char *path)
{
	struct file *x;

	HASH_FIND_STR(r->files, path, x);
	return x;
}

static void
leave(struct finder *f, struct file *x)
{
	DL_DELETE(f->list[x->list], x);
	f->n[x->list]--;
	if (x->list == LIST_SENT)
		f->window -= strlen(x->path) * ESCAPED;
}

static void
enter(struct finder *f, struct file *x, enum file_list list)
{
	x->list = list;
	DL_APPEND(f->list[list], x);
	f->n[list]++;
	if (list == LIST_SENT)
		f->window += strlen(x->path) * ESCAPED;
}

void
finder_drop(struct finder *f, struct file *x)
{
	leave(f, x);
	HASH_DEL(x->rule->files, x);
	free(x->path);
	free(x);
}

static size_t
under_way(const struct finder *f)
{
	return f->n[LIST_PENDING] + f->n[LIST_READY] + f->n[LIST_SENT];
}

static int64_t
stamp(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The directory that path is in could not be searched. */
static void
not_seen(struct finder *f, const char *path, int code)
{
	char *dir = mem_dup(path), *slash = strrchr(dir, '/');

	slash[slash == dir] = '\0';
	walk_barred(f, dir, code);
	free(dir);
}

static int
look_at(struct finder *f, const char *path, int flags, struct statx *out)
{
	int rc;

	finder_at(f, path);
	rc = statx(AT_FDCWD, path, flags, STATX_BASIC_STATS | STATX_BTIME,
	    out);
	finder_back(f);
	return rc;
}

/* False when there is no regular file.  *whole: nobody has to close it. */
static bool
facts(struct finder *f, const char *path, struct file_facts *out, bool *whole)
{
	struct statx st, link;
	int64_t ctime = 0;

	*whole = false;
	if (look_at(f, path, AT_SYMLINK_NOFOLLOW, &st) == -1) {
		if (errno == EACCES)
			not_seen(f, path, errno);
		return false;
	}
	if (S_ISLNK(st.stx_mode)) {
		*whole = true;
		link = st;
		ctime = stamp(link.stx_ctime);
		if (look_at(f, path, 0, &st) == -1)
			return false;
	}
	if (!S_ISREG(st.stx_mode))
		return false;
	*whole = *whole || st.stx_nlink > 1;
	*out = (struct file_facts){ .ino = (int64_t)st.stx_ino,
		.size = (int64_t)st.stx_size, .mtime = stamp(st.stx_mtime),
		.ctime = stamp(st.stx_ctime) };
	if (ctime > out->ctime)
		out->ctime = ctime;
	if ((st.stx_mask & STATX_BTIME) != 0)
		out->birth = stamp(st.stx_btime);
	return true;
}

static struct file *
keep(struct rule *r, const char *path, const struct file_track *t)
{
	struct file *x = mem_zero(1, sizeof(*x));

	x->rule = r;
	x->path = mem_dup(path);
	x->track = *t;
	HASH_ADD_KEYPTR(hh, r->files, x->path, strlen(x->path), x);
	return x;
}

/* Puts it where its state belongs. */
static void
sort_in(struct finder *f, struct file *x, bool fire)
{
	switch (x->track.state) {
	case FILE_PENDING:
		enter(f, x, fire ? LIST_READY : LIST_PENDING);
		if (!fire)
			f->due = mono_min(f->due, x->track.due);
		break;
	case FILE_SENT:
		enter(f, x, LIST_SENT);
		break;
	case FILE_SETTLED:
		enter(f, x, LIST_KNOWN);
		if (f->n[LIST_KNOWN] > FINDER_KNOWN)
			finder_drop(f, f->list[LIST_KNOWN]);
		break;
	case FILE_NEW:
		break;
	}
}

void
finder_look(struct finder *f, struct rule *r, struct file *x, const char *path,
    enum file_how how)
{
	struct file_track none = { 0 }, *t = x != NULL ? &x->track : &none;
	struct file_facts now;
	enum file_verdict v;
	bool there, whole;

	if (x == NULL && r->def.rule.stable == 0 &&
	    r->def.rule.event == JOB_FILE_CREATED &&
	    (how == FILE_CLOSED || how == FILE_WRITTEN || how == FILE_TOUCHED))
		return;			/* it was there before */
	there = facts(f, path, &now, &whole);
	if (whole && how == FILE_APPEARED)
		how = FILE_PLACED;
	v = file_see(&r->def.rule, t, there ? &now : NULL, how, f->now);
	if (v == FILE_FORGET) {
		if (x != NULL)
			finder_drop(f, x);
		return;
	}
	if (x != NULL)
		leave(f, x);
	else if (under_way(f) < FINDER_MOST)
		x = keep(r, path, t);
	else {
		r->spilled = true;	/* found again when there is room */
		return;
	}
	sort_in(f, x, v == FILE_FIRE);
}

/* ---- rules ---- */

static void
def_clear(struct find_rule *def)
{
	free(def->job);
	free(def->text);
}

void
find_rules_add(struct find_rules *list, const struct find_rule *def)
{
	struct find_rule *to;

	list->v = mem_grow(list->v, (list->n + 1) * sizeof(*list->v));
	to = &list->v[list->n++];
	*to = *def;
	to->job = mem_dup(def->job);
	to->text = mem_dup(def->text);
}

void
find_rules_clear(struct find_rules *list)
{
	for (size_t i = 0; i < list->n; i++)
		def_clear(&list->v[i]);
	free(list->v);
	*list = (struct find_rules){ 0 };
}

bool
find_rule_same(const struct find_rule *a, const struct find_rule *b)
{
	return a->trigger == b->trigger && strcmp(a->job, b->job) == 0 &&
	    strcmp(a->text, b->text) == 0 && a->rule.event == b->rule.event &&
	    a->rule.stable == b->rule.stable &&
	    a->rule.floor.ms == b->rule.floor.ms;
}

void
find_fire_free(struct find_fire *x)
{
	free(x->job);
	free(x->path);
	free(x);
}

void
find_fires_free(struct find_fire **list)
{
	struct find_fire *x, *tmp;

	DL_FOREACH_SAFE(*list, x, tmp) {
		DL_DELETE(*list, x);
		find_fire_free(x);
	}
}

static void
rule_free(struct finder *f, struct rule *r)
{
	struct file *x, *tmp;

	walk_stop(f, r);
	HASH_ITER(hh, r->files, x, tmp)
		finder_drop(f, x);
	file_pattern_clear(&r->pattern);
	def_clear(&r->def);
	free(r);
}

static void
rules_free(struct finder *f, bool all)
{
	struct rule **link = &f->rules, *r;

	while ((r = *link) != NULL) {
		if (!all && r->stays) {
			r->stays = false;
			link = &r->next;
			continue;
		}
		*link = r->next;
		rule_free(f, r);
	}
}

static void
rule_take(struct finder *f, struct find_rule *def)
{
	struct rule *r;

	for (r = f->rules; r != NULL; r = r->next)
		if (find_rule_same(&r->def, def)) {
			def_clear(def);
			r->stays = true;
			return;
		}
	r = mem_zero(1, sizeof(*r));
	r->def = *def;
	file_pattern_init(&r->pattern, def->text);
	r->stays = true;
	r->next = f->rules;
	f->rules = r;
	if (f->on)
		walk_push(f, r, "/", 0, false, false);
}

static bool
wanted(void *ctx, const char *path)
{
	const struct finder *f = ctx;

	if (strcmp(path, "/") == 0)
		return f->rules != NULL;
	for (const struct rule *r = f->rules; r != NULL; r = r->next)
		if (file_pattern_match(&r->pattern, path) > 0)
			return true;
	return false;
}

void
finder_load(struct finder *f, struct find_rules *list)
{
	for (size_t i = 0; i < list->n; i++)
		rule_take(f, &list->v[i]);
	free(list->v);
	*list = (struct find_rules){ 0 };
	rules_free(f, false);
	if (f->dirs != NULL)
		dirs_keep(f->dirs, wanted, f);
}

/* ---- at work ---- */

struct finder *
finder_new(const struct finder_ops *ops, void *ctx)
{
	struct finder *f = mem_zero(1, sizeof(*f));

	f->ops = ops;
	f->ctx = ctx;
	f->next_id = 1;
	f->due = f->poll = MONO_NEVER;
	return f;
}

void
finder_start(struct finder *f)
{
	f->on = true;
	f->all = !MUTANT(MUTANT_FILE_WALK);
}

void
finder_stop(struct finder *f)
{
	if (!f->on)
		return;
	walk_stop(f, NULL);
	for (struct rule *r = f->rules; r != NULL; r = r->next) {
		struct file *x, *tmp;

		HASH_ITER(hh, r->files, x, tmp)
			finder_drop(f, x);
	}
	strs_clear(&f->bars);
	strs_clear(&f->gone);
	dirs_free(f->dirs);
	f->dirs = NULL;
	f->on = f->all = f->round = f->was_blind = false;
	f->due = f->poll = MONO_NEVER;
}

void
finder_free(struct finder *f)
{
	finder_stop(f);
	rules_free(f, true);
	free(f);
}

/* ---- looking ---- */

static void
pending_due(struct finder *f)
{
	struct file *x, *tmp;
	mono now = f->now.mono;

	if (f->due.us > now.us)
		return;
	f->due = MONO_NEVER;
	DL_FOREACH_SAFE(f->list[LIST_PENDING], x, tmp)
		if (x->track.due.us <= now.us)
			finder_look(f, x->rule, x, x->path, FILE_FOUND);
		else
			f->due = mono_min(f->due, x->track.due);
	if (f->due.us < mono_add_ms(now, TOGETHER_MS).us)
		f->due = mono_add_ms(now, TOGETHER_MS);
}

static bool
spilled(const struct finder *f)
{
	for (const struct rule *r = f->rules; r != NULL; r = r->next)
		if (r->spilled)
			return under_way(f) < FINDER_MOST / 2;
	return false;
}

/* A walk over everything has ended. */
static void
round_done(struct finder *f)
{
	f->round = false;
	f->poll = f->blind || f->barred
	    ? mono_add_ms(f->now.mono, FINDER_POLL_MS) : MONO_NEVER;
	if (f->was_blind && !f->blind)
		finder_log(f, LOG_INFO,
		    "inotify: all directories are watched again");
	f->was_blind = f->blind;
	if (f->bars.n > 0 && !f->barred) {
		finder_log(f, LOG_INFO,
		    "all directories can be read again");
		strs_clear(&f->bars);
	}
}

/* What was found out since: paths that lead elsewhere first. */
static void
prepare(struct finder *f)
{
	if (f->dirs == NULL && (f->all || f->first != NULL))
		f->dirs = dirs_new(&walk_ops, f);
	for (size_t i = 0; i < f->gone.n && f->dirs != NULL; i++)
		dirs_forget(f->dirs, f->gone.v[i]);
	strs_clear(&f->gone);
	if (f->first == NULL && (f->all || f->poll.us <= f->now.mono.us ||
	        spilled(f)))
		walk_all(f);
}

int
finder_fd(const struct finder *f)
{
	return f->dirs != NULL ? dirs_fd(f->dirs) : -1;
}

void
finder_hear(struct finder *f)
{
	if (f->dirs != NULL)
		dirs_hear(f->dirs);
}

mono
finder_turn(struct finder *f, struct now now)
{
	mono next;

	if (!f->on || f->rules == NULL)
		return MONO_NEVER;
	f->now = now;
	prepare(f);
	if (walk_some(f, FINDER_SLICE))
		return now.mono;
	if (f->round)
		round_done(f);
	/* Where a directory turned out not to be watched in between. */
	if ((f->blind || f->barred) && f->poll.us == INT64_MAX)
		f->poll = mono_add_ms(now.mono, FINDER_POLL_MS);
	pending_due(f);
	next = mono_min(f->due, f->poll);
	return f->all || spilled(f) ? now.mono : next;
}

/* ---- firing ---- */

static struct find_fire *
fire_of(const struct file *x)
{
	struct buf path = BUF_INIT(PATH_MAX * ESCAPED);
	struct find_fire *out = mem_zero(1, sizeof(*out));

	file_path_encode(&path, x->path);
	out->id = x->id;
	out->job = mem_dup(x->rule->def.job);
	out->trigger = x->rule->def.trigger;
	out->path = buf_steal(&path);
	out->ino = x->track.told.ino;
	out->mtime = x->track.told.mtime;
	out->birth = x->track.told.birth;
	return out;
}

bool
finder_ready(const struct finder *f)
{
	return f->list[LIST_READY] != NULL &&
	    f->n[LIST_SENT] < FINDER_WINDOW && f->window < WINDOW_BYTES;
}

struct find_fire *
finder_due(struct finder *f, struct now now)
{
	struct find_fire *out = NULL, *fire;
	size_t n = 0;

	f->now = now;
	while (finder_ready(f) && n < NOTE) {
		struct file *x = f->list[LIST_READY];
		struct rule *r = x->rule;
		char *path = mem_dup(x->path);

		/* It may be another one by now, or gone. */
		finder_look(f, r, x, path, FILE_FOUND);
		x = finder_find(r, path);
		free(path);
		if (x == NULL || x->list != LIST_READY)
			continue;
		leave(f, x);
		x->id = f->next_id++;
		file_sent(&x->track);
		sort_in(f, x, false);
		fire = fire_of(x);
		DL_APPEND(out, fire);
		n++;
	}
	return out;
}

void
finder_answer(struct finder *f, int64_t id, bool taken, struct now now)
{
	bool again = false;
	struct file *x;

	f->now = now;
	DL_FOREACH(f->list[LIST_SENT], x)
		if (x->id == id)
			break;
	if (x == NULL)
		return;
	leave(f, x);
	if (taken)
		again = file_settled(&x->track) == FILE_WAIT;
	else
		file_again(&x->track, mono_add_ms(now.mono, BUSY_MS));
	sort_in(f, x, false);
	if (again)
		finder_look(f, x->rule, x, x->path, FILE_FOUND);
}
