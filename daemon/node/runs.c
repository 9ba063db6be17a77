#include "node/runs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base64.h"
#include "core/file_trigger.h"
#include "core/order.h"
#include "js.h"
#include "log.h"
#include "mem.h"

enum { TAIL = 64 << 10 };	/* bytes of output that go with the end */

enum entry_state { HELD, JOURNALING, STARTING, RUNNING, ENDED };

struct entry {
	char		 id[KEEPER_ID];	/* cluster.run.attempt */
	char		 cluster[64];
	int64_t		 run, attempt;
	enum entry_state state;
	json_t		*item;		/* the dispatch */
	json_t		*end;		/* the report of its end */
	int64_t		 abort_grace;	/* >= 0: abort as soon as it runs */
	wall		 started;
	pid_t		 pid;		/* while it runs */
	bool		 seen;		/* by the keeper that is connected */
	bool		 unwanted;	/* HELD: given up by the broker */
	bool		 disowned;	/* not to be started: see runs_disown */
	bool		 again;		/* JOURNALING: is sent once more */
	struct runs	*owner;
	UT_hash_handle	 hh;
};

struct runs {
	struct store	      *store;
	struct keeper	      *keeper;
	const struct runs_ops *ops;
	void		      *ctx;
	char		       agent[64];
	bool		       listed;	/* the keeper has told all it knows */
	struct entry	      *all;
};

static void
entry_id(char id[KEEPER_ID], const char *cluster, int64_t run, int64_t attempt)
{
	(void)snprintf(id, KEEPER_ID, "%.16s.%lld.%lld", cluster,
	    (long long)run, (long long)attempt);
}

static struct entry *
entry_find(const struct runs *rs, const char *id)
{
	struct entry *e;

	HASH_FIND_STR(rs->all, id, e);
	return e;
}

static struct entry *
entry_get(const struct runs *rs, const char *cluster, int64_t run,
    int64_t attempt)
{
	char id[KEEPER_ID];

	entry_id(id, cluster, run, attempt);
	return entry_find(rs, id);
}

static struct entry *
entry_add(struct runs *rs, const char *cluster, int64_t run, int64_t attempt,
    json_t *item)
{
	struct entry *e = mem_zero(1, sizeof(*e));

	entry_id(e->id, cluster, run, attempt);
	(void)MEM_STR(e->cluster, cluster);
	e->run = run;
	e->attempt = attempt;
	e->item = json_incref(item);
	e->abort_grace = -1;
	e->owner = rs;
	HASH_ADD_STR(rs->all, id, e);
	return e;
}

static void
entry_drop(struct runs *rs, struct entry *e)
{
	HASH_DEL(rs->all, e);
	json_decref(e->item);
	json_decref(e->end);
	free(e);
}

static int
on_journal(const struct row *r, void *arg)
{
	struct runs *rs = arg;
	const char *text = row_text(r, 4);
	json_t *item = text != NULL ? json_loads(text, 0, NULL) : NULL;

	if (item == NULL)
		return 0;
	entry_add(rs, row_text(r, 0), row_int(r, 1), row_int(r, 2),
	    item)->state = HELD;
	json_decref(item);
	return 0;
}

struct runs *
runs_new(struct store *store, const char *agent, const struct runs_ops *ops,
    void *ctx)
{
	struct runs *rs = mem_zero(1, sizeof(*rs));

	rs->store = store;
	rs->ops = ops;
	rs->ctx = ctx;
	runs_set_agent(rs, agent);
	(void)store_query(store, S_JOURNAL_ALL, on_journal, rs, "");
	return rs;
}

void
runs_free(struct runs *rs)
{
	struct entry *e, *tmp;

	if (rs == NULL)
		return;
	HASH_ITER(hh, rs->all, e, tmp)
		entry_drop(rs, e);
	free(rs);
}

void
runs_set_keeper(struct runs *rs, struct keeper *k)
{
	rs->keeper = k;
}

void
runs_set_agent(struct runs *rs, const char *agent)
{
	(void)MEM_STR(rs->agent, agent);
}

/* ---- telling the broker ---- */

/* Thousands of them may wait for a broker: what they wrote stays on disk. */
static json_t *
with_output(const struct entry *e)
{
	json_t *doc = json_copy(e->end), *out;

	out = runs_output(e->owner, e->cluster, e->run, e->attempt, -TAIL,
	    TAIL);
	(void)json_object_set(doc, "output", json_object_get(out, "data"));
	(void)json_object_set(doc, "output_size",
	    json_object_get(out, "size"));
	json_decref(out);
	return doc;
}

static json_t *
report_json(const struct entry *e)
{
	static const char *const words[] = { "held", "journaling", "accepted",
		"running" };

	if (e->state == ENDED && order_is_alone(e->run))
		return with_output(e);
	if (e->state == ENDED)
		return json_incref(e->end);
	return json_pack("{s:I,s:I,s:s,s:o}", "run", (json_int_t)e->run,
	    "attempt", (json_int_t)e->attempt, "state", words[e->state],
	    "started_at", js_time(e->started));
}

static void
tell(struct entry *e)
{
	json_t *doc = report_json(e);

	e->owner->ops->report(e->owner->ctx, e->cluster, doc);
	json_decref(doc);
}

/* Never ran here: the entry lives only as long as the answer takes. */
static void
refuse(struct runs *rs, const char *cluster, int64_t run, int64_t attempt,
    const char *why)
{
	json_t *doc = json_pack("{s:I,s:I,s:s,s:s}", "run", (json_int_t)run,
	    "attempt", (json_int_t)attempt, "state", "refused", "reason", why);

	rs->ops->report(rs->ctx, cluster, doc);
	json_decref(doc);
}

/* ---- starting ---- */

struct vec {				/* a NULL-terminated string array */
	const char **v;
	size_t	     n;
};

static void
vec_add(struct vec *a, const char *s)
{
	a->v = mem_grow(a->v, (a->n + 2) * sizeof(*a->v));
	a->v[a->n++] = s;
	a->v[a->n] = NULL;
}

static void
vec_json(struct vec *a, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (s != NULL)
			vec_add(a, s);
	}
}

static void
start(struct entry *e)
{
	struct runs *rs = e->owner;
	const json_t *item = e->item;
	struct vec argv = { 0 }, env = { 0 };
	char *own[7], file[PATH_MAX];
	size_t nown = 6;
	struct keeper_start ks = { .id = e->id,
		.user = js_str(item, "user", NULL),
		.dir = js_str(item, "directory", NULL),
		.timeout_ms = js_int(item, "timeout_ms", 0),
		.grace_ms = js_int(item, "grace_ms", 10000),
		.output_max = js_int(item, "output_max", 1 << 20) };
	const char *shell = js_str(item, "shell", NULL);

	if (e->disowned) {
		e->state = HELD;
		tell(e);		/* wanted again, or settled */
		return;
	}
	if (rs->keeper == NULL || !keeper_is_up(rs->keeper))
		return;			/* on_up starts it */
	if (shell != NULL) {
		vec_add(&argv, "/bin/sh");
		vec_add(&argv, "-c");
		vec_add(&argv, shell);
	} else
		vec_json(&argv, json_object_get(item, "command"));
	own[0] = mem_fmt("MUSTER_RUN=%lld", (long long)e->run);
	own[1] = mem_fmt("MUSTER_JOB=%s", js_str(item, "job", ""));
	own[2] = mem_fmt("MUSTER_OCCURRENCE=%s", js_str(item, "occurrence", ""));
	own[3] = mem_fmt("MUSTER_ATTEMPT=%lld", (long long)e->attempt);
	own[4] = mem_fmt("MUSTER_AGENT=%s", rs->agent);
	own[5] = mem_fmt("MUSTER_CLUSTER=%s", js_str(item, "cluster", ""));
	vec_json(&env, json_object_get(item, "environment"));
	/* As it is, byte for byte: what the record shows is made safe. */
	if (file_path_decode(js_str(item, "file", ""), file, sizeof(file)) == 0)
		own[nown++] = mem_fmt("MUSTER_FILE=%s", file);
	for (size_t i = 0; i < nown; i++)
		vec_add(&env, own[i]);
	ks.argv = (const char *const *)argv.v;
	ks.env = (const char *const *)env.v;
	if (argv.n > 0)
		(void)keeper_run(rs->keeper, &ks);
	for (size_t i = 0; i < nown; i++)
		free(own[i]);
	free(argv.v);
	free(env.v);
}

static void
on_journaled(enum store_rc rc, void *arg)
{
	struct entry *e = arg;
	struct runs *rs = e->owner;

	if (rc != STORE_OK) {
		/* Nothing was started: the broker may send it elsewhere.  One
		 * that it sends once more is answered then: it would believe
		 * this, and the other would run. */
		if (rc != STORE_DOWN && !e->again)
			refuse(rs, e->cluster, e->run, e->attempt,
			    "this node's store takes no writes (disk full?)");
		entry_drop(rs, e);
		return;
	}
	e->state = STARTING;
	tell(e);
	start(e);
}

void
runs_dispatch(struct runs *rs, const char *cluster, const char *cluster_name,
    const json_t *item, const char *why)
{
	int64_t run = js_int(item, "run", 0), attempt = js_int(item, "attempt", 0);
	struct entry *e;
	struct batch *b;
	json_t *copy;
	char *text;

	if (run <= 0 || attempt <= 0) {
		log_warn("runs", "cluster=%s dispatch without run or attempt",
		    cluster);
		return;
	}
	e = entry_get(rs, cluster, run, attempt);
	if (e != NULL) {
		e->unwanted = e->disowned = e->again = false;
		if (e->state == HELD) {
			e->state = STARTING;
			start(e);
		}
		if (e->state != JOURNALING)
			tell(e);
		return;
	}
	if (why != NULL) {
		refuse(rs, cluster, run, attempt, why);
		return;
	}
	copy = json_deep_copy(item);
	(void)json_object_set_new(copy, "cluster", js_text(cluster_name));
	e = entry_add(rs, cluster, run, attempt, copy);
	e->state = JOURNALING;
	text = js_dump(copy);
	json_decref(copy);
	b = batch_new();
	batch_add(b, S_JOURNAL_PUT, "tiitti", cluster, run, attempt, "accepted",
	    text, clock_wall().ms);
	store_submit(rs->store, b, on_journaled, e);
	free(text);
}

/* ---- without a broker ---- */

void
runs_make(struct runs *rs, const char *cluster, const char *cluster_name,
    const json_t *item, struct batch *b)
{
	json_t *copy = json_deep_copy(item);
	struct entry *e;
	char *text;

	(void)json_object_set_new(copy, "cluster", js_text(cluster_name));
	e = entry_add(rs, cluster, js_int(item, "run", 0),
	    js_int(item, "attempt", 0), copy);
	e->state = JOURNALING;
	text = js_dump(copy);
	json_decref(copy);
	batch_add(b, S_JOURNAL_PUT, "tiitti", cluster, e->run, e->attempt,
	    "accepted", text, clock_wall().ms);
	free(text);
}

void
runs_made(struct runs *rs, const char *cluster, int64_t run, bool stored)
{
	struct entry *e = entry_get(rs, cluster, run, 1);

	if (e == NULL || e->state != JOURNALING)
		return;
	if (!stored) {
		entry_drop(rs, e);
		return;
	}
	e->state = STARTING;
	start(e);
}

void
runs_tell(struct runs *rs, const char *cluster, int64_t run, int64_t attempt)
{
	struct entry *e = entry_get(rs, cluster, run, attempt);

	if (e != NULL && e->state != JOURNALING)
		tell(e);
}

void
runs_disown(struct runs *rs, const char *cluster)
{
	for (struct entry *e = rs->all; e != NULL; e = e->hh.next)
		if (strcmp(e->cluster, cluster) == 0 && !order_is_alone(e->run))
			e->disowned = true;
}

static enum runs_state
state_of(const struct entry *e)
{
	if (e->state == ENDED)
		return RUNS_ENDED;
	if (e->state == HELD)
		return e->owner->listed ? RUNS_HELD : RUNS_DOUBT;
	return RUNS_LIVE;
}

enum runs_state
runs_state(const struct runs *rs, const char *cluster, int64_t run,
    int64_t attempt)
{
	const struct entry *e = entry_get(rs, cluster, run, attempt);

	return e == NULL ? RUNS_NONE : state_of(e);
}

void
runs_each(const struct runs *rs, const char *cluster, runs_each_fn *fn,
    void *arg)
{
	for (const struct entry *e = rs->all; e != NULL; e = e->hh.next)
		if (strcmp(e->cluster, cluster) == 0)
			fn(arg, e->run, e->attempt, e->item, state_of(e));
}

void
runs_abort(struct runs *rs, const char *cluster, int64_t run, int64_t attempt,
    int64_t grace_ms)
{
	struct entry *e = entry_get(rs, cluster, run, attempt);

	if (e == NULL || e->state == ENDED)
		return;
	if (e->state == HELD) {		/* it never started and never will */
		e->end = json_pack("{s:I,s:I,s:s,s:s}", "run",
		    (json_int_t)run, "attempt", (json_int_t)attempt, "state",
		    "aborted", "reason", "aborted before it started");
		e->state = ENDED;
		tell(e);
		return;
	}
	e->abort_grace = grace_ms;
	if (e->state == RUNNING && rs->keeper != NULL)
		(void)keeper_abort(rs->keeper, e->id, grace_ms);
}

/* The row goes first: without it a keeper's record is only dropped, whereas a
 * row without the keeper's record would be started again. */
struct settle {
	struct runs *rs;
	char	     id[KEEPER_ID];
};

static void
on_settled(enum store_rc rc, void *arg)
{
	struct settle *s = arg;

	if (rc == STORE_OK && s->rs->keeper != NULL)
		(void)keeper_forget(s->rs->keeper, s->id);
	free(s);
}

static void
settle(struct entry *e)
{
	struct settle *s = mem_zero(1, sizeof(*s));
	struct batch *b = batch_new();

	s->rs = e->owner;
	(void)MEM_STR(s->id, e->id);
	batch_add(b, S_JOURNAL_DEL, "tii", e->cluster, e->run, e->attempt);
	store_submit(e->owner->store, b, on_settled, s);
	entry_drop(e->owner, e);
}

void
runs_settled(struct runs *rs, const char *cluster, int64_t run,
    int64_t attempt, bool held)
{
	struct entry *e = entry_get(rs, cluster, run, attempt);

	if (e == NULL || (e->state != HELD && (e->state != ENDED || held)))
		return;
	/* The keeper may yet say that it ran, and how it ended: the broker
	 * wants to know that even late. */
	if (e->state == HELD && !rs->listed)
		e->unwanted = true;
	else
		settle(e);
}

json_t *
runs_keys(const struct runs *rs, const char *cluster)
{
	json_t *list = json_array();
	struct entry *e, *tmp;

	HASH_ITER(hh, rs->all, e, tmp)
		if (strcmp(e->cluster, cluster) == 0)
			(void)json_array_append_new(list, json_pack("[I,I]",
			    (json_int_t)e->run, (json_int_t)e->attempt));
	return list;
}

json_t *
runs_report(struct runs *rs, const char *cluster, int64_t run, int64_t attempt)
{
	struct entry *e = entry_get(rs, cluster, run, attempt);

	return e != NULL ? report_json(e) : NULL;
}

void
runs_told(struct runs *rs, const char *cluster)
{
	for (struct entry *e = rs->all; e != NULL; e = e->hh.next)
		if (e->state == JOURNALING && !order_is_alone(e->run) &&
		    strcmp(e->cluster, cluster) == 0)
			e->again = true;
}

int
runs_running(const struct runs *rs)
{
	int n = 0;

	for (const struct entry *e = rs->all; e != NULL; e = e->hh.next)
		if (e->state != ENDED && e->state != HELD)
			n++;
	return n;
}

/* ---- output ---- */

static size_t
read_at(int fd, char *p, size_t n, int64_t offset)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, p + got, n - got, offset + (off_t)got);

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

size_t
runs_pids(const struct runs *rs, pid_t *out, size_t max)
{
	size_t n = 0;

	for (const struct entry *e = rs->all; e != NULL && n < max;
	     e = e->hh.next)
		if (e->state == RUNNING && e->pid > 0)
			out[n++] = e->pid;
	return n;
}

json_t *
runs_output(struct runs *rs, const char *cluster, int64_t run, int64_t attempt,
    int64_t offset, int64_t limit)
{
	const struct entry *e = entry_get(rs, cluster, run, attempt);
	bool ended = e == NULL || e->state == ENDED;
	char id[KEEPER_ID], *p = NULL;
	struct stat st = { 0 };
	size_t got = 0;
	json_t *doc;
	int fd = -1;

	entry_id(id, cluster, run, attempt);
	if (rs->keeper != NULL)
		fd = keeper_output(rs->keeper, id);
	if (limit < 1 || limit > 512 << 10)
		limit = 512 << 10;
	if (fd != -1) {
		(void)fstat(fd, &st);
		if (offset < 0)		/* from the end */
			offset = st.st_size + offset > 0 ? st.st_size + offset
							 : 0;
		if (limit > st.st_size - offset)
			limit = st.st_size > offset ? st.st_size - offset : 0;
		p = mem_grow(NULL, (size_t)limit + 1);
		got = read_at(fd, p, (size_t)limit, offset);
		(void)close(fd);
	}
	doc = json_pack("{s:o,s:I,s:I,s:b,s:b}", "data",
	    base64_json(p != NULL ? p : "", got),
	    "offset", (json_int_t)(offset < 0 ? 0 : offset), "size",
	    (json_int_t)st.st_size, "ended", ended, "found", fd != -1);
	free(p);
	return doc;
}

/* ---- the keeper's side ---- */

static json_t *
end_json(struct entry *e, const struct keeper_report *kr)
{
	static const char *const words[] = { [KEEPER_UNKNOWN] = "lost",
		[KEEPER_RUNNING] = "running", [KEEPER_EXITED] = "exited",
		[KEEPER_KILLED] = "killed", [KEEPER_TIMED_OUT] = "timed_out",
		[KEEPER_ABORTED] = "aborted", [KEEPER_REFUSED] = "refused",
		[KEEPER_LOST] = "lost" };
	json_t *out = runs_output(e->owner, e->cluster, e->run, e->attempt,
	    -TAIL, TAIL);
	json_t *doc = json_pack("{s:I,s:I,s:s,s:i,s:o,s:o,s:o,s:O,s:O}", "run",
	    (json_int_t)e->run, "attempt", (json_int_t)e->attempt, "state",
	    words[kr->state], "code", kr->code, "started_at",
	    js_time(kr->started), "ended_at", js_time(kr->ended), "reason",
	    kr->why != NULL && kr->why[0] != '\0' ? js_text(kr->why)
						  : json_null(),
	    "output", json_object_get(out, "data"), "output_size",
	    json_object_get(out, "size"));

	json_decref(out);
	return doc;
}

static void
on_report(void *ctx, const struct keeper_report *kr)
{
	struct runs *rs = ctx;
	struct entry *e = entry_find(rs, kr->id);

	if (e == NULL) {		/* settled before a crash */
		if (kr->state != KEEPER_RUNNING && rs->keeper != NULL)
			(void)keeper_forget(rs->keeper, kr->id);
		return;
	}
	if (e->state == ENDED || e->state == JOURNALING)
		return;
	e->started = kr->started;
	e->seen = true;
	e->pid = (pid_t)kr->pid;
	if (kr->state == KEEPER_RUNNING) {
		if (e->state != RUNNING) {
			e->state = RUNNING;
			tell(e);
		}
		if (e->abort_grace >= 0)
			(void)keeper_abort(rs->keeper, e->id, e->abort_grace);
		return;
	}
	e->end = end_json(e, kr);
	if (order_is_alone(e->run))
		(void)json_object_del(e->end, "output");
	e->state = ENDED;
	tell(e);
}

/* Everything that the keeper knows was reported.  A run that it never saw was
 * never started, since it writes the intent before it forks; one that ran and
 * that it no longer knows is lost. */
static void
on_up(void *ctx, const char *start_id)
{
	struct runs *rs = ctx;
	struct entry *e, *tmp;

	log_info("keeper", "start_id=%s connected", start_id);
	rs->listed = true;
	HASH_ITER(hh, rs->all, e, tmp) {
		struct keeper_report gone = { .id = e->id, .state = KEEPER_LOST,
			.started = e->started,
			.why = "the keeper no longer knows it" };

		if (e->state == STARTING)
			start(e);
		else if (e->state == HELD && e->unwanted)
			settle(e);
		else if (e->state == RUNNING && !e->seen)
			on_report(rs, &gone);
	}
}

static void
on_down(void *ctx, const char *why)
{
	struct runs *rs = ctx;

	log_warn("keeper", "not connected: %s", why);
	rs->listed = false;
	for (struct entry *e = rs->all; e != NULL; e = e->hh.next)
		e->seen = false;
}

const struct keeper_ops runs_keeper_ops = {
	.report = on_report,
	.up = on_up,
	.down = on_down,
};
