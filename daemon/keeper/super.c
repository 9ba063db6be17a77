#include "keeper/super.h"

#include <signal.h>
#include <sys/wait.h>

#include "keeper/adopt.h"
#include "keeper/child.h"
#include "keeper/end.h"
#include "keeper/journal.h"
#include "keeper/link.h"
#include "keeper/run.h"
#include "keeper/slot.h"
#include "keeper/tree.h"
#include "keeper/waiter.h"
#include "log.h"
#include "mem.h"
#include "pack.h"

enum {
	PENDING = 256,
	OUTPUT_LEAST = 4096,
	LOOK_FIRST_MS = 10,	/* is the tree empty? then twice as late */
	LOOK_LAST_MS = 500,
	GIVE_UP_MS = 5000,	/* after KILL: D state, or another's process */
	TICK_MS = 1000,		/* output bounds, strays */
	ORPHANS = 256,		/* looked at one by one */
	FAST_MS = 50
};

static const int64_t output_most = (int64_t)1 << 30;

static struct {
	struct run *run;
	struct kmsg msg;
} pending[PENDING];
static size_t npending;
static mono tick_at;

/* ---- children that ended ---- */

/* Whether r, whose leader is gone, left processes behind. */
static bool
left_some(struct run *r, const pid_t *orphans, int n)
{
	if (n == 0)
		return false;
	if (n == -1 && kill(-r->pid, 0) == -1)
		return false;
	if (n != -1 && n <= ORPHANS && !tree_owns_any(r, orphans, n))
		return false;
	return tree_scan(r) > 0;
}

void
super_reap(void)
{
	static pid_t orphans[ORPHANS];
	struct run *r, *next;
	bool any = false;
	int n, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if ((r = run_of_pid(pid)) == NULL)
			continue;
		r->reaped = any = true;
		r->status = status;
		if (r->stop != STOP_NONE)
			r->look.us = 0;
	}
	if (!any)
		return;
	n = tree_orphans(orphans, ORPHANS);
	for (r = run_live(); r != NULL; r = next) {
		next = r->live_next;
		if (!r->reaped || r->settling || r->state != RUN_RUNNING ||
		    r->stop != STOP_NONE)
			continue;
		r->straying = left_some(r, orphans, n);
		end_by_itself(r);
	}
}

/* ---- the stop ---- */

static void
stop_begin(struct run *r, enum run_stop kind, int64_t grace_ms, mono now)
{
	mono deadline = mono_add_ms(now, grace_ms);

	if (r->stop != STOP_NONE) {
		/* A second, more impatient request shortens the grace. */
		r->deadline = mono_min(r->deadline, deadline);
		r->look = mono_min(r->look, r->deadline);
		return;
	}
	r->stop = kind;
	r->deadline = deadline;
	r->look_ms = LOOK_FIRST_MS;
	r->look = mono_add_ms(now, grace_ms == 0 ? 0 : LOOK_FIRST_MS);
	(void)tree_scan(r);
	tree_signal(r, SIGTERM);
	tree_signal(r, SIGCONT);
	log_debug("run", "id=%s %s: TERM to %zu processes", r->id,
	    kind == STOP_TIMEOUT ? "timed out" : "abort", r->nseen);
}

/* KILL until a look finds nothing: a process may fork while we go through the
 * list, so a few rounds follow each other at once. */
static size_t
kill_tree(struct run *r)
{
	size_t left = r->nseen;

	/* A leader whose first thread has ended looks dead, and is not. */
	if (!r->reaped && !r->adopted && r->pid > 0)
		(void)kill(r->pid, SIGKILL);
	for (int i = 0; i < 3 && left > 0; i++) {
		tree_signal(r, SIGKILL);
		if (!tree_refresh())
			return left;
		left = tree_scan(r);
	}
	return left;
}

static void
stop_step(struct run *r, mono now)
{
	size_t left;

	if (now.us < r->look.us)
		return;
	left = tree_scan(r);
	if (!r->killing && now.us >= r->deadline.us) {
		r->killing = true;
		r->give_up = mono_add_ms(now, GIVE_UP_MS);
		r->look_ms = LOOK_FIRST_MS;
	}
	if (r->killing)
		left = kill_tree(r);
	if ((left == 0 && r->reaped) || now.us >= r->give_up.us) {
		end_by_us(r);
		return;
	}
	r->look = mono_add_ms(now, r->look_ms);
	if (!r->killing)
		r->look = mono_min(r->look, r->deadline);
	r->look_ms = r->look_ms * 2 > LOOK_LAST_MS ? LOOK_LAST_MS :
	    r->look_ms * 2;
}

static void
stray_step(struct run *r, bool *fast)
{
	slot_bound(r, fast);
	if (tree_scan(r) > 0)
		return;
	(void)end_step(r);
}

static mono
next_of(const struct run *r)
{
	if (r->settling)
		return (mono){ 0 };
	if (r->state != RUN_RUNNING)
		return MONO_NEVER;
	if (r->stop != STOP_NONE)
		return r->look;
	if (r->timeout_ms > 0 && r->pid > 0)
		return mono_add_ms(r->began, r->timeout_ms);
	return MONO_NEVER;
}

void
super_tick(mono now)
{
	bool tick = now.us >= tick_at.us, fast = false, copied = false;
	struct run *r, *next;

	for (r = run_live(); r != NULL; r = next) {
		next = r->live_next;
		/* One in a turn, which it makes long enough. */
		if (r->settling) {
			if (!copied)
				(void)end_step(r);
			copied = true;
			continue;
		}
		if (r->state == RUN_RUNNING && r->stop == STOP_NONE &&
		    now.us >= next_of(r).us)
			stop_begin(r, STOP_TIMEOUT, r->grace_ms, now);
		if (r->state == RUN_RUNNING && tick)
			slot_bound(r, &fast);
		if (r->state == RUN_RUNNING && r->stop != STOP_NONE)
			stop_step(r, now);
		else if (r->straying && tick)
			stray_step(r, &fast);
	}
	if (tick)
		tick_at = mono_add_ms(now, fast ? FAST_MS : TICK_MS);
}

mono
super_next(mono now)
{
	mono at = run_live_count() > 0 ? tick_at : MONO_NEVER;

	for (struct run *r = run_live(); r != NULL; r = r->live_next)
		at = mono_min(at, next_of(r));
	return journal_stuck() ? mono_min(at, mono_add_ms(now, TICK_MS)) : at;
}

/* ---- what musterd asks ---- */

static void
report_past(const char *id, const struct run_past *p)
{
	struct kmsg_report rep = { .id = id, .state = p->state,
		.code = p->code, .started_ms = p->started_ms,
		.ended_ms = p->ended_ms, .slot = "",
		.why = "forgotten: it has run before" };

	link_put_report(&rep);
}

static int
admit(struct run *r, const struct kmsg_start *s, struct err *e)
{
	const struct who *w;
	bool asked;

	if (journal_stuck())
		return err_set(e, ERR_IO,
		    "keeper: its journal cannot be written (disk full?)");
	if (child_check(s, e) == -1 || (w = rules_who(s->user, &asked, e)) ==
	    NULL)
		return -1;
	if (run_live_count() > RUN_LIVE ||
	    (r->cell = child_cell_take()) == -1)
		return err_set(e, ERR_BUSY, "keeper: %d runs at a time is its "
		    "most", RUN_LIVE);
	return slot_take(r, w->uid, e);
}

/* Its user is not known yet. */
static bool
waits(const struct kmsg_start *s)
{
	struct err e;
	bool asked;

	return waiter_has(s->id) || (rules_who(s->user, &asked, &e) == NULL &&
	    asked && waiter_add(s) == 0);
}

void
super_start(struct kmsg *m)
{
	const struct kmsg_start *s = &m->start;
	const struct run_past *past;
	struct run *r = run_find(s->id);
	struct err e = { 0 };

	if (r == NULL && (past = run_past_find(s->id)) != NULL) {
		report_past(s->id, past);
		kmsg_clear(m);
		return;
	}
	if (r != NULL) {
		/* Known: never a second time. */
		link_report(r);
		kmsg_clear(m);
		return;
	}
	if (waits(s)) {
		kmsg_clear(m);
		return;
	}
	if ((r = run_new(s->id)) == NULL) {
		struct kmsg_report full = { .id = s->id, .slot = "",
			.state = RUN_REFUSED, .why = "keeper: too many "
			"results that nobody took" };

		link_put_report(&full);
		kmsg_clear(m);
		return;
	}
	r->timeout_ms = s->timeout_ms;
	r->grace_ms = s->grace_ms;
	r->output_max = s->output_max < OUTPUT_LEAST ? OUTPUT_LEAST :
	    s->output_max > output_most ? output_most : s->output_max;
	run_set_live(r, true);
	if (admit(r, s, &e) == -1) {
		journal_start(r);
		end_refused(r, e.msg);
		kmsg_clear(m);
		return;
	}
	journal_start(r);
	pending[npending].run = r;
	pending[npending++].msg = *m;
	if (npending == PENDING)
		super_commit();
}

void
super_known(void)
{
	struct waiter *all = waiter_take();
	struct err e;
	struct kmsg m;

	for (struct waiter *w = all; w != NULL; w = w->next)
		if (kmsg_read(w->frame.p, w->frame.len, &m, &e) > 0)
			super_start(&m);
	super_commit();
	waiter_free(all);
}

void
super_abort(const char *id, int64_t grace_ms)
{
	struct run *r = run_find(id);

	if (waiter_drop(id)) {
		struct kmsg_report no = { .id = id, .slot = "",
			.state = RUN_REFUSED,
			.why = "stopped before it was started" };

		link_put_report(&no);
		return;
	}
	if (r == NULL) {
		struct kmsg_report none = { .id = id, .slot = "",
			.state = RUN_UNKNOWN, .why = "" };

		link_put_report(&none);
		return;
	}
	/* A start in the same turn is a process only after the commit. */
	if (r->state == RUN_UNKNOWN)
		super_commit();
	if (r->settling && r->state == RUN_RUNNING)
		return;		/* its end follows */
	if (r->state == RUN_RUNNING)
		stop_begin(r, STOP_ABORT, grace_ms, clock_mono());
	else
		link_report(r);
}

void
super_forget(const char *id)
{
	struct run *r = run_find(id);

	/* What has not ended cannot be forgotten: it would be lost. */
	if (r == NULL || r->state <= RUN_RUNNING || r->forgotten)
		return;
	journal_forget(r);
	if (r->straying) {
		r->forgotten = true;
		return;
	}
	slot_release(r);
	run_forget(r);
}

/* While the journal cannot be written: an end that is not on file waits at the
 * gate, and until then the run goes on.  A refusal has been told. */
static void
list_one(struct run *r, void *unused)
{
	(void)unused;
	if (r->forgotten)
		return;
	link_report_now(r, r->state <= RUN_RUNNING ||
	    r->state == RUN_REFUSED || journal_has_end(r));
	if (r->state > RUN_RUNNING && !journal_has_end(r))
		link_report(r);
}

void
super_list(void)
{
	waiter_free(waiter_take());
	super_commit();
	run_each(list_one, NULL);
	link_listed_now();
}

/* ---- from asked to running ---- */

static void
launch(struct run *r, const struct kmsg_start *s)
{
	struct err e = { 0 };
	bool asked;
	const struct who *w = rules_who(s->user, &asked, &e);

	r->started = clock_wall();
	r->began = clock_mono();
	if (w == NULL ||
	    (r->pid = child_start(s, w, r->fd, r->cell, &e)) == -1) {
		r->pid = 0;
		end_refused(r, e.msg);
		return;
	}
	r->state = RUN_RUNNING;
	r->born = tree_born(r->pid);
	tree_expire();
	journal_pid(r);
	link_report(r);
}

void
super_commit(void)
{
	int rc = journal_commit(npending > 0);

	for (size_t i = 0; i < npending; i++) {
		if (rc == 0)
			launch(pending[i].run, &pending[i].msg.start);
		else
			end_refused(pending[i].run, "keeper: its journal cannot be "
			    "written (disk full?)");
		kmsg_clear(&pending[i].msg);
	}
	if (npending > 0 && rc == 0)
		rc = journal_commit(false);
	npending = 0;
	if (rc == 0)
		link_release();
}

/* ---- re-exec ---- */

static void
pack_seen(struct buf *b, const struct run *r)
{
	pack_int(b, r->nseen, PACK_32);
	for (size_t i = 0; i < r->nseen; i++) {
		pack_int(b, (uint64_t)r->seen[i].pid, PACK_64);
		pack_int(b, r->seen[i].born, PACK_64);
		pack_str(b, r->seen[i].name);
	}
}

void
super_pack(struct buf *b)
{
	for (struct run *r = run_live(); r != NULL; r = r->live_next) {
		if (r->forgotten)
			continue;
		pack_str(b, r->id);
		pack_int(b, (uint64_t)r->stop, PACK_8);
		pack_int(b, r->killing, PACK_8);
		pack_int(b, r->reaped, PACK_8);
		pack_int(b, r->straying, PACK_8);
		pack_int(b, r->adopted, PACK_8);
		pack_int(b, (uint64_t)(uint32_t)r->status, PACK_32);
		pack_int(b, (uint64_t)(uint32_t)r->cell, PACK_32);
		pack_int(b, (uint64_t)r->deadline.us, PACK_64);
		pack_int(b, (uint64_t)r->give_up.us, PACK_64);
		pack_seen(b, r);
	}
	pack_str(b, "");
}

static void
unpack_seen(struct unpack *u, struct run *r)
{
	size_t n = (size_t)unpack_int(u, PACK_32);

	if (u->bad || n > TREE_MAX) {
		u->bad = true;
		return;
	}
	r->seen = n == 0 ? NULL : mem_zero(n, sizeof(*r->seen));
	r->nseen = n;
	for (size_t i = 0; i < n; i++) {
		r->seen[i].pid = (pid_t)unpack_int(u, PACK_64);
		r->seen[i].born = unpack_int(u, PACK_64);
		(void)MEM_STR(r->seen[i].name, unpack_str(u, 15));
	}
}

int
super_unpack(const char *p, size_t n)
{
	struct unpack u = { p, n, false };
	const char *id;
	struct run *r;

	while (*(id = unpack_str(&u, KMSG_ID - 1)) != '\0') {
		if ((r = run_find(id)) == NULL)
			return -1;
		r->stop = (enum run_stop)unpack_int(&u, PACK_8);
		r->killing = unpack_int(&u, PACK_8) != 0;
		r->reaped = unpack_int(&u, PACK_8) != 0;
		r->straying = unpack_int(&u, PACK_8) != 0;
		if (unpack_int(&u, PACK_8) != 0)
			(void)adopt_run(r);
		r->status = (int)(uint32_t)unpack_int(&u, PACK_32);
		r->cell = (int)(uint32_t)unpack_int(&u, PACK_32);
		r->deadline.us = (int64_t)unpack_int(&u, PACK_64);
		r->give_up.us = (int64_t)unpack_int(&u, PACK_64);
		r->look.us = 0;
		r->look_ms = LOOK_FIRST_MS;
		unpack_seen(&u, r);
		child_cell_use(r->cell);
		run_set_live(r, true);
		slot_reopen(r);
	}
	return u.bad ? -1 : 0;
}
