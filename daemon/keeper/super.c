#include "keeper/super.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/child.h"
#include "keeper/link.h"
#include "keeper/run.h"
#include "keeper/slot.h"
#include "keeper/tree.h"
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
static bool stuck;		/* the journal cannot be written */

/* ---- on file ---- */

static int
flush(bool starts)
{
	struct err e = { 0 };

	if (journal_flush(&e) == 0 && (!starts || journal_sync(&e) == 0)) {
		if (stuck)
			log_info("journal", "written again");
		stuck = false;
		return 0;
	}
	if (!stuck)
		log_error("journal", "%s: no run is started until it works",
		    e.msg);
	stuck = true;
	return -1;
}

/* ---- the end ---- */

/* The last process that r left behind. */
static void
stray_gone(struct run *r)
{
	r->straying = false;
	run_set_live(r, false);
	if (r->forgotten)
		run_forget(r);
}

/* Copying takes its time: how r ended is on file before it, so that it is not
 * lost with a keeper that is killed meanwhile.  While nothing can be written
 * the output does not wait for that: it may be what fills the disk. */
static bool
settle_output(struct run *r)
{
	if (!r->settling && r->state <= RUN_RUNNING) {
		r->settling = !slot_end(r, r->straying);
		if (r->settling)
			journal_outcome(r);
	} else if (stuck || r->state > RUN_RUNNING || journal_has_end(r))
		r->settling = !slot_settle(r);
	return !r->settling;
}

/* On file and told, once its output is in place: false when it is not. */
static bool
settle_step(struct run *r)
{
	if (!settle_output(r))
		return false;
	if (r->state > RUN_RUNNING) {
		stray_gone(r);
		return true;
	}
	r->state = r->end_state;
	r->code = r->end_code;
	child_cell_free(r->cell);
	r->cell = -1;
	if (r->pidfd != -1)
		(void)close(r->pidfd);
	r->pidfd = -1;
	run_set_live(r, r->straying);
	journal_end(r);
	link_report(r);
	return true;
}

static void
end_run(struct run *r, enum kmsg_state state, int code)
{
	r->end_state = state;
	r->end_code = code;
	r->ended = clock_wall();
	if (state == RUN_REFUSED)
		r->pid = 0;
	(void)settle_step(r);
}

/* A reason may quote the job's own bytes: always text, and cut between
 * characters. */
static void
set_why(struct run *r, const char *why)
{
	struct buf b = BUF_INIT(KMSG_WHY - 1);

	buf_safe(&b, why, strlen(why));
	(void)MEM_STR(r->why, b.p);
	buf_free(&b);
}

static void
say(struct run *r, const char *what)
{
	struct buf b = BUF_INIT(KMSG_WHY - 1);

	if (r->why[0] != '\0')
		buf_fmt(&b, "%s; ", r->why);
	buf_fmt(&b, "%s: ", what);
	tree_names(r, &b);
	(void)MEM_STR(r->why, b.p);
	buf_free(&b);
}

/* The leader is gone, by itself. */
static void
ended_by_itself(struct run *r)
{
	const char *why = child_cell_why(r->cell);

	if (r->straying)
		say(r, "left running");
	if (*why != '\0') {
		set_why(r, why);
		end_run(r, RUN_REFUSED, 0);
	} else if (r->adopted) {
		(void)MEM_STR(r->why,
		    "keeper was killed; exit status is unknown");
		end_run(r, RUN_LOST, 0);
	} else if (WIFSIGNALED(r->status))
		end_run(r, RUN_KILLED, WTERMSIG(r->status));
	else
		end_run(r, RUN_EXITED, WEXITSTATUS(r->status));
}

/* We ended it.  A leader that caught TERM and exited was still ended by it. */
static void
ended_by_us(struct run *r)
{
	int sig = r->killing ? SIGKILL : SIGTERM;

	if (r->reaped && !r->adopted && WIFSIGNALED(r->status))
		sig = WTERMSIG(r->status);
	else if (r->reaped && !r->adopted)
		sig = SIGTERM;
	r->straying = r->nseen > 0;
	if (r->straying)
		say(r, "still alive after KILL");
	end_run(r, r->stop == STOP_TIMEOUT ? RUN_TIMED_OUT : RUN_ABORTED, sig);
}

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
		ended_by_itself(r);
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
		ended_by_us(r);
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
	(void)settle_step(r);
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
				(void)settle_step(r);
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

bool
super_settle(bool all)
{
	struct run *r = run_live(), *next;
	bool any = false;

	if (all)
		(void)flush(false);
	for (; r != NULL; r = next) {
		next = r->live_next;
		if (!r->settling)
			continue;
		any = true;
		while (all && !settle_step(r))
			;
	}
	return any;
}

mono
super_next(mono now)
{
	mono at = run_live_count() > 0 ? tick_at : MONO_NEVER;

	for (struct run *r = run_live(); r != NULL; r = r->live_next)
		at = mono_min(at, next_of(r));
	return stuck ? mono_min(at, mono_add_ms(now, TICK_MS)) : at;
}

/* ---- what musterd asks ---- */

static void
refuse(struct run *r, const char *why)
{
	set_why(r, why);
	r->started = clock_wall();
	end_run(r, RUN_REFUSED, 0);
	if (stuck)
		link_report_now(r, true);
}

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

	if (stuck)
		return err_set(e, ERR_IO,
		    "keeper: its journal cannot be written (disk full?)");
	if (child_check(s, e) == -1 || (w = rules_who(s->user, e)) == NULL)
		return -1;
	if (run_live_count() > RUN_LIVE ||
	    (r->cell = child_cell_take()) == -1)
		return err_set(e, ERR_BUSY, "keeper: %d runs at a time is its "
		    "most", RUN_LIVE);
	return slot_take(r, w->uid, e);
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
		refuse(r, e.msg);
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
super_abort(const char *id, int64_t grace_ms)
{
	struct run *r = run_find(id);

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
	super_commit();
	run_each(list_one, NULL);
	link_listed_now();
}

/* ---- from asked to running ---- */

static void
launch(struct run *r, const struct kmsg_start *s)
{
	struct err e = { 0 };
	const struct who *w = rules_who(s->user, &e);

	r->started = clock_wall();
	r->began = clock_mono();
	if (w == NULL ||
	    (r->pid = child_start(s, w, r->fd, r->cell, &e)) == -1) {
		r->pid = 0;
		refuse(r, e.msg);
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
	int rc = flush(npending > 0);

	for (size_t i = 0; i < npending; i++) {
		if (rc == 0)
			launch(pending[i].run, &pending[i].msg.start);
		else
			refuse(pending[i].run, "keeper: its journal cannot be "
			    "written (disk full?)");
		kmsg_clear(&pending[i].msg);
	}
	if (npending > 0 && rc == 0)
		rc = flush(false);
	npending = 0;
	if (rc == 0)
		link_release();
}

/* ---- after a death of the keeper ---- */

static void
lose(struct run *r, const char *why)
{
	(void)MEM_STR(r->why, why);
	slot_reopen(r);
	r->straying = tree_scan(r) > 0;
	if (r->straying)
		say(r, "left running");
	end_run(r, RUN_LOST, 0);
}

/* The handle first, then the check: it cannot be a stranger's that got the
 * number since.  False when it is gone; without a handle it may go on. */
static bool
adopt(struct run *r)
{
	r->adopted = true;
	if (r->pid == 0)
		return false;
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->pidfd == -1 && (errno == ESRCH || r->born == 0))
		return false;
	if (r->born == 0 || tree_born(r->pid) == r->born)
		return true;
	if (r->pidfd != -1)
		(void)close(r->pidfd);
	r->pidfd = -1;
	return false;
}

static bool
goes_on(struct run *r)
{
	if (r->pidfd == -1 && !adopt(r))
		return false;
	return r->pidfd == -1 ||
	    poll(&(struct pollfd){ r->pidfd, POLLIN, 0 }, 1, 0) != 1;
}

static void
recover(struct run *r)
{
	slot_reopen(r);
	if (r->pid == 0 && tree_scan(r) > 0) {
		/* Killed between fork and record; its mark tells. */
		r->pid = r->seen[0].pid;
		r->born = r->seen[0].born;
		r->started = clock_wall();
		r->began = clock_mono();
		journal_pid(r);
	}
	if (!adopt(r))
		lose(r, "keeper was killed; exit status is unknown");
}

void
super_recover(const struct journal_head *old, const char *boot_id)
{
	bool same = strcmp(old->boot_id, boot_id) == 0;
	struct run *r, *next;

	for (r = run_live(); r != NULL; r = next) {
		next = r->live_next;
		if (r->settling)
			slot_reopen(r);	/* super_tick goes on with it */
		else if (same)
			recover(r);
		else {
			r->pid = 0;	/* another boot's number */
			lose(r, "the machine was restarted while it ran");
		}
	}
}

size_t
super_watch(struct pollfd *p, size_t max)
{
	size_t n = 0;

	for (struct run *r = run_live(); r != NULL && n < max;
	    r = r->live_next)
		if (r->pidfd != -1 && !r->reaped)
			p[n++] = (struct pollfd){ r->pidfd, POLLIN, 0 };
	return n;
}

void
super_watched(void)
{
	struct run *r, *next;

	for (r = run_live(); r != NULL; r = next) {
		next = r->live_next;
		if (!r->adopted || r->reaped || r->settling ||
		    r->state != RUN_RUNNING || goes_on(r))
			continue;
		r->reaped = true;
		r->look.us = 0;
		if (r->stop == STOP_NONE) {
			r->straying = tree_scan(r) > 0;
			ended_by_itself(r);
		}
	}
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
			(void)adopt(r);
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
