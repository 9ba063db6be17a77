/* Who may hold the role, and who best (SPEC section 4). */
#include <string.h>

#include "core/role_step.h"

/* Eligible = connected, controlled, mode agent, not drained, not held off,
 * catalogue in sync, clock within max_skew; section 12 adds the disk. */
enum role_reason
role_why_not(const struct role *r, const struct role_agent *a,
    enum role_purpose purpose)
{
	bool target = purpose == ROLE_FOR_TARGET;

	if (!a->connected)
		return ROLE_NOT_CONNECTED;
	if (a->worker)
		return ROLE_IS_WORKER;
	if (!a->controlled)
		return ROLE_NOT_CONTROLLED;
	if (a->drained)
		return ROLE_DRAINED;
	/* "Until an operator turns it on": then the hold is no obstacle. */
	if ((a->marks.held_off || a->beat.held) && !target)
		return ROLE_HELD_OFF;
	if (!a->in_sync)
		return ROLE_NOT_IN_SYNC;
	if (!a->clock_ok)
		return ROLE_CLOCK;
	if (!a->accepts)
		return ROLE_NO_DISK;
	if (purpose == ROLE_FOR_CASE2 && a->condition_met)
		return ROLE_MEETS_CONDITION;
	if ((purpose == ROLE_FOR_CASE2 || purpose == ROLE_FOR_CASE3) &&
	    a->marks.failed != 0 && !MUTANT(MUTANT_FAILED_AGAIN))
		return ROLE_FAILED_GRANT;
	if (purpose == ROLE_FOR_CASE2 && r->d.intent && r->d.avoid == a->id)
		return ROLE_TURNED_OFF;
	return ROLE_FIT;
}

const char *
role_reason_text(enum role_reason reason)
{
	static const char *const text[ROLE_NREASONS] = {
		[ROLE_FIT] = "eligible",
		[ROLE_NOT_CONNECTED] = "not connected",
		[ROLE_IS_WORKER] = "a worker",
		[ROLE_NOT_CONTROLLED] = "not controlled",
		[ROLE_DRAINED] = "drained",
		[ROLE_HELD_OFF] = "held off",
		[ROLE_NOT_IN_SYNC] = "its catalogue is not in sync",
		[ROLE_CLOCK] = "its clock is off by more than max_skew",
		[ROLE_NO_DISK] = "it takes no runs (disk full, or no keeper)",
		[ROLE_MEETS_CONDITION] = "meets the switch condition",
		[ROLE_FAILED_GRANT] = "did not answer its last grant",
		[ROLE_TURNED_OFF] = "just turned off",
	};

	return reason < ROLE_NREASONS ? text[reason] : "";
}

const char *
role_reason_cure(enum role_reason reason)
{
	static const char *const text[ROLE_NREASONS] = {
		[ROLE_FIT] = "",
		[ROLE_NOT_CONNECTED] = ("is its musterd running? "
		    "muster agent show "),
		[ROLE_IS_WORKER] = "muster leave there, then join as an agent",
		[ROLE_NOT_CONTROLLED] = "set allow_control = true there",
		[ROLE_DRAINED] = "muster agent undrain ",
		[ROLE_HELD_OFF] = "muster agent release ",
		[ROLE_NOT_IN_SYNC] = "wait for the catalogue",
		[ROLE_CLOCK] = "fix its time synchronisation",
		[ROLE_NO_DISK] = "free disk space there, then muster doctor",
		[ROLE_MEETS_CONDITION] = "muster agent show ",
		[ROLE_FAILED_GRANT] = "muster agent on ",
		[ROLE_TURNED_OFF] = "muster agent on ",
	};

	return reason < ROLE_NREASONS ? text[reason] : "";
}

static int
sign(int64_t a, int64_t b, const char *name, const char **by)
{
	if (a != b && by != NULL)
		*by = name;
	return (a > b) - (a < b);
}

int
role_compare(const struct role_agent *a, const struct role_agent *b,
    enum role_purpose purpose, const char **by)
{
	bool case3 = purpose == ROLE_FOR_CASE3;
	int  d;

	if (purpose == ROLE_FOR_CASE1 && !MUTANT(MUTANT_FAILED_FIRST) &&
	    (d = sign(b->marks.failed, a->marks.failed, "failed grant", by)))
		return d;
	if ((d = sign(b->condition_met, a->condition_met, "switch condition",
	    by)))
		return d;
	if ((d = sign(case3 && a->reconnected_recently ? 0 : a->health,
	    case3 && b->reconnected_recently ? 0 : b->health, "health", by)))
		return d;
	/* "… then the holder of the current epoch." */
	if (case3 && (d = sign(a->beat.epoch, b->beat.epoch, "epoch", by)))
		return d;
	if ((d = sign(a->priority, b->priority, "priority", by)))
		return d;
	if ((d = sign(b->running, a->running, "running", by)))
		return d;
	return sign(strcmp(b->name, a->name), 0, "name", by);
}

bool
role_unwanted(const struct role *r, const struct role_agent *a)
{
	if (r->d.intent && r->d.aim == ROLE_AIM_AGENT &&
	    r->d.target == a->id)
		return false;
	/* initial_status = on counts as OFF once there was a grant. */
	if (a->beat.epoch == 0 && r->d.epoch > 0)
		return true;
	if (a->marks.held_off || r->d.vacant || r->d.restored)
		return true;
	/* The epoch of somebody else: from before a backup was restored. */
	if (r->d.holder != 0 && a->id != r->d.holder &&
	    a->beat.epoch >= r->d.epoch && r->d.epoch > 0)
		return true;
	if (MUTANT(MUTANT_NO_WANT_OFF))
		return false;
	return a->marks.want_off || (r->d.epoch > 0 &&
	    a->beat.epoch <= r->d.off_below);
}

const struct role_agent *
role_best_but(const struct role *r, const struct role_agent *a, size_t n,
    enum role_purpose purpose, int64_t except, bool claimants)
{
	const struct role_agent *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (a[i].id == except ||
		    role_why_not(r, &a[i], purpose) != ROLE_FIT)
			continue;
		if (claimants && (!a[i].beat.on || role_unwanted(r, &a[i])))
			continue;
		if (best == NULL ||
		    role_compare(&a[i], best, purpose, NULL) > 0)
			best = &a[i];
	}
	return best;
}

const struct role_agent *
role_best(const struct role *r, const struct role_agent *a, size_t n,
    enum role_purpose purpose)
{
	return role_best_but(r, a, n, purpose, 0, false);
}
