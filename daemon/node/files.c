#include "node/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "js.h"
#include "log.h"
#include "mem.h"
#include "node/lookout.h"

enum {
	POSTS = 4,		/* threads; a message has what all have */
	HANG_MS = 15000,	/* in one call: it hangs */
	INSIDE_MS = 1000,	/* in a call: see again then */
	CHECK_MS = 5000
};

/* A thread that looks after some of the rules. */
struct post {
	struct lookout *lookout;	/* NULL: no rules yet */
	int64_t		call;		/* that it was seen in, … */
	mono		since;		/* … from then on */
	bool		hangs;		/* for too long */
	int64_t		turns;		/* by when it began to */
	char	       *path;		/* where it did, … */
	char	       *shown;		/* … as records have it */
};

/* At the broker, and not answered. */
struct sent {
	int64_t		  id;
	size_t		  post;
	struct find_fire *fire;
	struct sent	 *prev, *next;
};

struct files {
	uv_loop_t	 *loop;
	bool		  on;
	int64_t		  gen;		/* of the turn at work */
	struct find_rules rules;
	size_t		 *at;		/* their posts */
	struct post	  posts[POSTS];
	bool		  refused;	/* no more threads: told of */
	struct sent	 *sent;
	int64_t		  next_id;
};

/* ---- posts ---- */

/* Its rules, all anew. */
static void
deal(const struct files *f, size_t post)
{
	struct find_rules list = { 0 };

	if (f->posts[post].lookout == NULL)
		return;
	for (size_t i = 0; i < f->rules.n; i++)
		if (f->at[i] == post)
			find_rules_add(&list, &f->rules.v[i]);
	lookout_load(f->posts[post].lookout, &list);
}

static void
close_post(struct post *p)
{
	lookout_free(p->lookout);
	free(p->path);
	free(p->shown);
	*p = (struct post){ 0 };
}

/* Also one whose time at work ended while it hung. */
static bool
still_hangs(const struct post *p)
{
	return p->hangs && lookout_turns(p->lookout) == p->turns;
}

/* Whether this pattern leads to where that one hangs. */
static bool
leads_to(const char *pattern, const struct post *p)
{
	struct file_pattern parts;
	bool yes;

	file_pattern_init(&parts, pattern);
	yes = file_pattern_match(&parts, p->path) > 0;
	file_pattern_clear(&parts);
	return yes;
}

/* One that does not hang, or POSTS. */
static size_t
good_post(const struct files *f)
{
	size_t i = 0;

	while (i < POSTS && f->posts[i].hangs)
		i++;
	return i;
}

/* One thread is enough for all that does not hang. */
static void
gather(struct files *f)
{
	size_t good;

	for (size_t i = 0; i < POSTS; i++)
		f->posts[i].hangs = still_hangs(&f->posts[i]);
	good = good_post(f);
	if (good == POSTS)
		return;
	for (size_t i = 0; i < f->rules.n; i++)
		if (!f->posts[f->at[i]].hangs)
			f->at[i] = good;
	for (size_t i = 0; i < POSTS; i++)
		if (!f->posts[i].hangs && i != good)
			close_post(&f->posts[i]);
	deal(f, good);
}

/* What does not lead to where this one hangs goes on, as after a takeover. */
static void
spread(struct files *f, size_t from)
{
	size_t to = good_post(f), n = 0;

	if (to == POSTS)
		return;
	for (size_t i = 0; i < f->rules.n; i++)
		if (f->at[i] == from &&
		    !leads_to(f->rules.v[i].text, &f->posts[from])) {
			f->at[i] = to;
			n++;
		}
	if (n == 0)
		return;
	deal(f, from);
	deal(f, to);
}

static void
open_posts(struct files *f)
{
	for (size_t i = 0; i < f->rules.n; i++) {
		struct post *p = &f->posts[f->at[i]];

		if (p->lookout != NULL)
			continue;
		p->lookout = lookout_new(f->loop);
		if (p->lookout == NULL && !f->refused)
			log_error("files", "no thread to look at files: %s: "
			    "raise the limits of musterd; trying again",
			    strerror(errno));
		f->refused = p->lookout == NULL;
		if (f->refused)
			return;
		deal(f, f->at[i]);
		lookout_work(p->lookout, f->gen);
	}
}

static void
hang_begins(struct files *f, size_t i, const char *path)
{
	struct buf shown = BUF_INIT(3 * PATH_MAX);
	struct post *p = &f->posts[i];

	file_path_encode(&shown, path);
	free(p->path);
	free(p->shown);
	p->path = mem_dup(path);
	p->shown = buf_steal(&shown);
	p->hangs = true;
	log_warn("files", "path=%s hangs for %d s now: the file triggers that "
	    "lead there wait, all else goes on: is its file server there?",
	    p->shown, HANG_MS / 1000);
	spread(f, i);
}

static void
check(struct files *f, size_t i, mono now)
{
	struct post *p = &f->posts[i];
	char path[PATH_MAX];
	int64_t call = lookout_call(p->lookout, path);

	if (p->hangs && still_hangs(p))
		return;
	if (p->hangs)
		log_info("files", "path=%s answers again after %lld s",
		    p->shown, (long long)mono_diff_ms(now, p->since) / 1000);
	p->hangs = false;
	if (call == 0 || call != p->call) {
		p->call = call;
		p->since = now;
		p->turns = lookout_turns(p->lookout);
	} else if (mono_diff_ms(now, p->since) >= HANG_MS)
		hang_begins(f, i, path);
}

mono
files_turn(struct files *f, struct now now)
{
	int64_t wait = 0;

	if (f == NULL || !f->on)
		return MONO_NEVER;
	for (size_t i = 0; i < POSTS; i++) {
		const struct post *p = &f->posts[i];

		if (p->lookout == NULL)
			continue;
		check(f, i, now.mono);
		if (p->call != 0 && !p->hangs)
			wait = INSIDE_MS;
		else if (wait == 0)
			wait = CHECK_MS;
	}
	if (f->rules.n > 0 && wait == 0)
		wait = CHECK_MS;
	open_posts(f);
	return wait == 0 ? MONO_NEVER : mono_add_ms(now.mono, wait);
}

const char *
files_hang(const struct files *f)
{
	for (size_t i = 0; f != NULL && f->on && i < f->rules.n; i++)
		if (f->posts[f->at[i]].hangs)
			return f->posts[f->at[i]].shown;
	return NULL;
}

/* ---- rules ---- */

static size_t
post_of(const struct files *f, const struct find_rule *def)
{
	size_t good = good_post(f);

	for (size_t i = 0; i < f->rules.n; i++)
		if (find_rule_same(&f->rules.v[i], def))
			return f->at[i];
	for (size_t i = 0; i < POSTS; i++)
		if (f->posts[i].hangs && leads_to(def->text, &f->posts[i]))
			return i;
	return good < POSTS ? good : 0;
}

static void
read_rules(const json_t *replica, struct find_rules *out)
{
	const json_t *list = json_object_get(replica, "jobs");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		wall floor = { js_int(item, "files", 0) };
		struct job job;

		if (js_bool(item, "paused", false) ||
		    job_of_json(json_object_get(item, "job"), NULL, &job,
		        NULL) == -1)
			continue;
		for (size_t k = 0; k < job.ntriggers && job.enabled; k++) {
			const struct job_trigger *t = &job.triggers[k];

			if (t->kind == JOB_FILE)
				find_rules_add(out, &(struct find_rule){
				    job.name, (int64_t)k, t->file,
				    { t->event, t->stable, floor } });
		}
		job_clear(&job);
	}
}

void
files_load(struct files *f, const json_t *replica)
{
	struct find_rules rules = { 0 };
	size_t *at;

	if (f == NULL)
		return;
	read_rules(replica, &rules);
	at = mem_zero(rules.n + 1, sizeof(*at));
	for (size_t i = 0; i < rules.n; i++)
		at[i] = post_of(f, &rules.v[i]);
	find_rules_clear(&f->rules);
	free(f->at);
	f->rules = rules;
	f->at = at;
	for (size_t i = 0; i < POSTS; i++)
		deal(f, i);
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
	return f;
}

static void
tell_posts(const struct files *f, int64_t gen)
{
	for (size_t i = 0; i < POSTS; i++)
		if (f->posts[i].lookout != NULL)
			lookout_work(f->posts[i].lookout, gen);
}

void
files_start(struct files *f)
{
	if (f == NULL)
		return;
	if (!f->on) {
		f->on = true;
		f->gen++;
		gather(f);
	}
	tell_posts(f, f->gen);
}

static void
forget(struct files *f, struct sent *x)
{
	DL_DELETE(f->sent, x);
	find_fire_free(x->fire);
	free(x);
}

void
files_stop(struct files *f)
{
	if (f == NULL || !f->on)
		return;
	f->on = false;
	while (f->sent != NULL)
		forget(f, f->sent);
	tell_posts(f, 0);
}

void
files_free(struct files *f)
{
	if (f == NULL)
		return;
	files_stop(f);
	for (size_t i = 0; i < POSTS; i++)
		close_post(&f->posts[i]);
	find_rules_clear(&f->rules);
	free(f->at);
	free(f);
}

/* ---- firing ---- */

static json_t *
fire_json(const struct sent *x)
{
	const struct find_fire *fire = x->fire;

	return json_pack("{s:s,s:I,s:I,s:s,s:I,s:I,s:I}", "job", fire->job,
	    "id", (json_int_t)x->id, "trigger", (json_int_t)fire->trigger,
	    "path", fire->path, "ino", (json_int_t)fire->ino, "mtime",
	    (json_int_t)fire->mtime, "birth", (json_int_t)fire->birth);
}

static json_t *
hand_over(struct files *f, size_t post, struct find_fire *fires)
{
	json_t *out = json_array();
	struct find_fire *fire, *tmp;

	DL_FOREACH_SAFE(fires, fire, tmp) {
		struct sent *x = mem_zero(1, sizeof(*x));

		DL_DELETE(fires, fire);
		x->id = f->next_id++;
		x->post = post;
		x->fire = fire;
		DL_APPEND(f->sent, x);
		(void)json_array_append_new(out, fire_json(x));
	}
	return out;
}

json_t *
files_due(struct files *f)
{
	if (f == NULL || !f->on)
		return NULL;
	for (size_t i = 0; i < POSTS; i++) {
		struct lookout *l = f->posts[i].lookout;
		struct find_fire *fires = l != NULL ? lookout_take(l) : NULL;

		if (fires != NULL)
			return hand_over(f, i, fires);
		if (l != NULL && lookout_ready(l))
			lookout_ask(l);
	}
	return NULL;
}

void
files_answer(struct files *f, const json_t *doc)
{
	int64_t id = js_int(doc, "id", 0);
	bool taken = json_object_get(doc, "run") != NULL;
	struct sent *x;

	if (f == NULL)
		return;
	DL_FOREACH(f->sent, x)
		if (x->id == id)
			break;
	if (x == NULL)
		return;
	if (!taken)
		log_debug("files", "job=%s refused: %s", x->fire->job,
		    js_str(doc, "refused", "?"));
	lookout_answer(f->posts[x->post].lookout, x->fire->id, taken);
	forget(f, x);
}

json_t *
files_pending(const struct files *f)
{
	json_t *out = NULL;
	const struct sent *x;

	if (f == NULL)
		return NULL;
	DL_FOREACH(f->sent, x) {
		if (out == NULL)
			out = json_array();
		(void)json_array_append_new(out, fire_json(x));
	}
	return out;
}
