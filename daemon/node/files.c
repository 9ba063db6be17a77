#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "core/mutant.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/files_impl.h"

enum {
	BUSY_MS = 1000,		/* the broker could not take it: again then */
	TOGETHER_MS = 10,	/* those due within are looked at together */
	NOTE = 64,		/* fires in one message */
	ESCAPED = 3,		/* bytes that one of a path may become */
	WINDOW_BYTES = 400 << 10	/* a message has 1 MiB at most */
};

/* ---- files ---- */

struct file *
files_find(const struct rule *r, const char *path)
{
	struct file *x;

	HASH_FIND_STR(r->files, path, x);
	return x;
}

static void
leave(struct files *f, struct file *x)
{
	DL_DELETE(f->list[x->list], x);
	f->n[x->list]--;
	if (x->list == LIST_SENT)
		f->window -= strlen(x->path) * ESCAPED;
}

static void
enter(struct files *f, struct file *x, enum file_list list)
{
	x->list = list;
	DL_APPEND(f->list[list], x);
	f->n[list]++;
	if (list == LIST_SENT)
		f->window += strlen(x->path) * ESCAPED;
}

void
files_drop(struct files *f, struct file *x)
{
	leave(f, x);
	HASH_DEL(x->rule->files, x);
	free(x->path);
	free(x);
}

static size_t
under_way(const struct files *f)
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
not_seen(struct files *f, const char *path, int code)
{
	char *dir = mem_dup(path), *slash = strrchr(dir, '/');

	slash[slash == dir] = '\0';
	walk_barred(f, dir, code);
	free(dir);
}

/* False when there is no regular file.  *whole: nobody has to close it. */
static bool
facts(struct files *f, const char *path, struct file_facts *out, bool *whole)
{
	const unsigned want = STATX_BASIC_STATS | STATX_BTIME;
	struct statx st, link;
	int64_t ctime = 0;

	*whole = false;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, want, &st) == -1) {
		if (errno == EACCES)
			not_seen(f, path, errno);
		return false;
	}
	if (S_ISLNK(st.stx_mode)) {
		*whole = true;
		link = st;
		ctime = stamp(link.stx_ctime);
		if (statx(AT_FDCWD, path, 0, want, &st) == -1)
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
sort_in(struct files *f, struct file *x, bool fire)
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
		if (f->n[LIST_KNOWN] > FILES_KNOWN)
			files_drop(f, f->list[LIST_KNOWN]);
		break;
	case FILE_NEW:
		break;
	}
}

void
files_look(struct files *f, struct rule *r, struct file *x, const char *path,
    enum file_how how)
{
	struct file_track none = { 0 }, *t = x != NULL ? &x->track : &none;
	struct file_facts now;
	enum file_verdict v;
	bool there, whole;

	if (x == NULL && r->rule.stable == 0 &&
	    r->rule.event == JOB_FILE_CREATED &&
	    (how == FILE_CLOSED || how == FILE_WRITTEN || how == FILE_TOUCHED))
		return;			/* it was there before */
	there = facts(f, path, &now, &whole);
	if (whole && how == FILE_APPEARED)
		how = FILE_PLACED;
	v = file_see(&r->rule, t, there ? &now : NULL, how, f->now);
	if (v == FILE_FORGET) {
		if (x != NULL)
			files_drop(f, x);
		return;
	}
	if (x != NULL)
		leave(f, x);
	else if (under_way(f) < FILES_MOST)
		x = keep(r, path, t);
	else {
		r->spilled = true;	/* found again when there is room */
		return;
	}
	sort_in(f, x, v == FILE_FIRE);
}

/* ---- rules ---- */

static void
rule_free(struct files *f, struct rule *r)
{
	struct file *x, *tmp;

	walk_stop(f, r);
	HASH_ITER(hh, r->files, x, tmp)
		files_drop(f, x);
	file_pattern_clear(&r->pattern);
	free(r->job);
	free(r->text);
	free(r);
}

static void
rules_free(struct files *f, bool all)
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

static bool
rule_same(const struct rule *r, const struct job *job, int64_t i, wall floor)
{
	const struct job_trigger *t = &job->triggers[i];

	return r->trigger == i && strcmp(r->job, job->name) == 0 &&
	    strcmp(r->text, t->file) == 0 && r->rule.event == t->event &&
	    r->rule.stable == t->stable && r->rule.floor.ms == floor.ms;
}

static void
rule_take(struct files *f, const struct job *job, int64_t i, wall floor)
{
	const struct job_trigger *t = &job->triggers[i];
	struct rule *r;

	for (r = f->rules; r != NULL; r = r->next)
		if (rule_same(r, job, i, floor)) {
			r->stays = true;
			return;
		}
	r = mem_zero(1, sizeof(*r));
	r->job = mem_dup(job->name);
	r->text = mem_dup(t->file);
	r->trigger = i;
	r->rule = (struct file_rule){ t->event, t->stable, floor };
	file_pattern_init(&r->pattern, t->file);
	r->stays = true;
	r->next = f->rules;
	f->rules = r;
	if (f->on)
		walk_push(f, r, "/", 0, false, false);
}

static bool
wanted(void *ctx, const char *path)
{
	const struct files *f = ctx;

	if (strcmp(path, "/") == 0)
		return f->rules != NULL;
	for (const struct rule *r = f->rules; r != NULL; r = r->next)
		if (file_pattern_match(&r->pattern, path) > 0)
			return true;
	return false;
}

void
files_load(struct files *f, const json_t *replica)
{
	const json_t *list = json_object_get(replica, "jobs");

	if (f == NULL)
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		wall floor = { js_int(item, "files", 0) };
		struct job job;

		if (js_bool(item, "paused", false) ||
		    job_of_json(json_object_get(item, "job"), NULL, &job,
		        NULL) == -1)
			continue;
		for (size_t k = 0; k < job.ntriggers && job.enabled; k++)
			if (job.triggers[k].kind == JOB_FILE)
				rule_take(f, &job, (int64_t)k, floor);
		job_clear(&job);
	}
	rules_free(f, false);
	if (f->dirs != NULL)
		dirs_keep(f->dirs, wanted, f);
}

/* ---- the role ---- */

struct files *
files_new(uv_loop_t *loop)
{
	struct files *f;

	if (loop == NULL)
		return NULL;
	f = mem_zero(1, sizeof(*f));
	f->loop = loop;
	f->next_id = 1;
	f->due = f->poll = MONO_NEVER;
	return f;
}

void
files_start(struct files *f)
{
	if (f == NULL)
		return;
	f->on = true;
	f->all = !MUTANT(MUTANT_FILE_WALK);
}

void
files_stop(struct files *f)
{
	if (f == NULL || !f->on)
		return;
	walk_stop(f, NULL);
	for (struct rule *r = f->rules; r != NULL; r = r->next) {
		struct file *x, *tmp;

		HASH_ITER(hh, r->files, x, tmp)
			files_drop(f, x);
	}
	strs_clear(&f->bars);
	strs_clear(&f->gone);
	dirs_free(f->dirs);
	f->dirs = NULL;
	f->on = f->all = f->round = f->was_blind = false;
	f->due = f->poll = MONO_NEVER;
}

void
files_free(struct files *f)
{
	if (f == NULL)
		return;
	files_stop(f);
	rules_free(f, true);
	free(f);
}

/* ---- looking ---- */

static void
pending_due(struct files *f)
{
	struct file *x, *tmp;
	mono now = f->now.mono;

	if (f->due.us > now.us)
		return;
	f->due = MONO_NEVER;
	DL_FOREACH_SAFE(f->list[LIST_PENDING], x, tmp)
		if (x->track.due.us <= now.us)
			files_look(f, x->rule, x, x->path, FILE_FOUND);
		else
			f->due = mono_min(f->due, x->track.due);
	if (f->due.us < mono_add_ms(now, TOGETHER_MS).us)
		f->due = mono_add_ms(now, TOGETHER_MS);
}

static bool
spilled(const struct files *f)
{
	for (const struct rule *r = f->rules; r != NULL; r = r->next)
		if (r->spilled)
			return under_way(f) < FILES_MOST / 2;
	return false;
}

/* A walk over everything has ended. */
static void
round_done(struct files *f)
{
	f->round = false;
	f->poll = f->blind || f->barred
	    ? mono_add_ms(f->now.mono, FILES_POLL_MS) : MONO_NEVER;
	if (f->was_blind && !f->blind)
		log_info("files", "inotify: all directories are watched again");
	f->was_blind = f->blind;
	if (f->bars.n > 0 && !f->barred) {
		log_info("files", "all directories can be read again");
		strs_clear(&f->bars);
	}
}

/* What was found out since: paths that lead elsewhere first. */
static void
prepare(struct files *f)
{
	if (f->dirs == NULL && (f->all || f->first != NULL))
		f->dirs = dirs_new(f->loop, &walk_ops, f);
	for (size_t i = 0; i < f->gone.n && f->dirs != NULL; i++)
		dirs_forget(f->dirs, f->gone.v[i]);
	strs_clear(&f->gone);
	if (f->first == NULL && (f->all || f->poll.us <= f->now.mono.us ||
	        spilled(f)))
		walk_all(f);
}

mono
files_turn(struct files *f, struct now now)
{
	mono next;

	if (f == NULL || !f->on || f->rules == NULL)
		return MONO_NEVER;
	f->now = now;
	prepare(f);
	if (walk_some(f, FILES_SLICE))
		return now.mono;
	if (f->round)
		round_done(f);
	/* Where a directory turned out not to be watched in between. */
	if ((f->blind || f->barred) && f->poll.us == INT64_MAX)
		f->poll = mono_add_ms(now.mono, FILES_POLL_MS);
	pending_due(f);
	next = mono_min(f->due, f->poll);
	return f->all || spilled(f) ? now.mono : next;
}

/* ---- firing ---- */

static json_t *
fire_json(const struct file *x)
{
	struct buf path = BUF_INIT(PATH_MAX * ESCAPED);
	json_t *fire;

	file_path_encode(&path, x->path);
	fire = json_pack("{s:s,s:I,s:I,s:s,s:I,s:I,s:I}", "job", x->rule->job,
	    "id", (json_int_t)x->id, "trigger", (json_int_t)x->rule->trigger,
	    "path", path.p, "ino", (json_int_t)x->track.told.ino, "mtime",
	    (json_int_t)x->track.told.mtime, "birth",
	    (json_int_t)x->track.told.birth);
	buf_free(&path);
	return fire;
}

json_t *
files_due(struct files *f, struct now now)
{
	json_t *out = NULL;

	if (f == NULL || !f->on)
		return NULL;
	f->now = now;
	while (f->list[LIST_READY] != NULL && f->n[LIST_SENT] < FILES_WINDOW &&
	    json_array_size(out) < NOTE && f->window < WINDOW_BYTES) {
		struct file *x = f->list[LIST_READY];
		struct rule *r = x->rule;
		char *path = mem_dup(x->path);

		/* It may be another one by now, or gone. */
		files_look(f, r, x, path, FILE_FOUND);
		x = files_find(r, path);
		free(path);
		if (x == NULL || x->list != LIST_READY)
			continue;
		leave(f, x);
		x->id = f->next_id++;
		file_sent(&x->track);
		sort_in(f, x, false);
		if (out == NULL)
			out = json_array();
		(void)json_array_append_new(out, fire_json(x));
	}
	return out;
}

void
files_answer(struct files *f, const json_t *doc, struct now now)
{
	int64_t id = js_int(doc, "id", 0);
	bool again = false;
	struct file *x;

	if (f == NULL)
		return;
	f->now = now;
	DL_FOREACH(f->list[LIST_SENT], x)
		if (x->id == id)
			break;
	if (x == NULL)
		return;
	leave(f, x);
	if (json_object_get(doc, "run") != NULL)
		again = file_settled(&x->track) == FILE_WAIT;
	else {
		log_debug("files", "job=%s refused: %s", x->rule->job,
		    js_str(doc, "refused", "?"));
		file_again(&x->track, mono_add_ms(now.mono, BUSY_MS));
	}
	sort_in(f, x, false);
	if (again)
		files_look(f, x->rule, x, x->path, FILE_FOUND);
}

json_t *
files_pending(const struct files *f)
{
	json_t *out = NULL;
	const struct file *x;

	if (f == NULL)
		return NULL;
	DL_FOREACH(f->list[LIST_SENT], x) {
		if (out == NULL)
			out = json_array();
		(void)json_array_append_new(out, fire_json(x));
	}
	return out;
}
