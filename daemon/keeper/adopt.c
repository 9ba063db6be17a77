#include "keeper/adopt.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "keeper/end.h"
#include "keeper/run.h"
#include "keeper/slot.h"
#include "keeper/tree.h"

static const char killed[] = "keeper was killed; exit status is unknown";

/* The handle first, then the check: it cannot be a stranger's that got the
 * number since. */
bool
adopt_run(struct run *r)
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
	if (r->pidfd == -1 && !adopt_run(r))
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
	if (!adopt_run(r))
		end_lost(r, killed);
}

void
adopt_all(const struct journal_head *old, const char *boot_id)
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
			end_lost(r, "the machine was restarted while it ran");
		}
	}
}

size_t
adopt_watch(struct pollfd *p, size_t max)
{
	size_t n = 0;

	for (struct run *r = run_live(); r != NULL && n < max;
	    r = r->live_next)
		if (r->pidfd != -1 && !r->reaped)
			p[n++] = (struct pollfd){ r->pidfd, POLLIN, 0 };
	return n;
}

void
adopt_watched(void)
{
	struct run *r, *next;

	for (r = run_live(); r != NULL; r = next) {
		next = r->live_next;
		if (!r->adopted || r->reaped || r->settling ||
		    r->state != RUN_RUNNING || goes_on(r))
			continue;
		r->reaped = true;
		r->look.us = 0;
		if (r->stop == STOP_NONE)
			end_lost(r, killed);
	}
}
