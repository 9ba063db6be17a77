#include "keeper/end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "keeper/child.h"
#include "keeper/journal.h"
#include "keeper/link.h"
#include "keeper/slot.h"
#include "keeper/tree.h"
#include "mem.h"

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
	} else if (r->state > RUN_RUNNING || journal_has_end(r) ||
	    journal_stuck())
		r->settling = !slot_settle(r);
	return !r->settling;
}

bool
end_step(struct run *r)
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
	(void)end_step(r);
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

void
end_by_itself(struct run *r)
{
	const char *why = child_cell_why(r->cell);

	if (r->straying)
		say(r, "left running");
	if (*why != '\0') {
		set_why(r, why);
		end_run(r, RUN_REFUSED, 0);
	} else if (WIFSIGNALED(r->status))
		end_run(r, RUN_KILLED, WTERMSIG(r->status));
	else
		end_run(r, RUN_EXITED, WEXITSTATUS(r->status));
}

/* We ended it.  A leader that caught TERM and exited was still ended by it. */
void
end_by_us(struct run *r)
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

void
end_lost(struct run *r, const char *why)
{
	(void)MEM_STR(r->why, why);
	slot_reopen(r);
	r->straying = tree_scan(r) > 0;
	if (r->straying)
		say(r, "left running");
	end_run(r, RUN_LOST, 0);
}

void
end_refused(struct run *r, const char *why)
{
	set_why(r, why);
	end_run(r, RUN_REFUSED, 0);
	if (journal_stuck())
		link_report_now(r, true);
}

bool
end_settle(bool all)
{
	struct run *r = run_live(), *next;
	bool any = false;

	if (all)
		(void)journal_commit(false);
	for (; r != NULL; r = next) {
		next = r->live_next;
		if (!r->settling)
			continue;
		any = true;
		while (all && !end_step(r))
			;
	}
	return any;
}
