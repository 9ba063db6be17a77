/* The words of the role core, and the settings that go together. */
#include "core/role.h"

#define NAME(fn, type, n, ...)						\
const char *								\
fn(type v)								\
{									\
	static const char *const name[n] = { __VA_ARGS__ };		\
									\
	return (unsigned)v < (n) ? name[v] : "?";			\
}									\
_Static_assert((n) > 0, #fn)

NAME(role_state_name, enum role_state, ROLE_NSTATES,
    [ROLE_WAIT] = "WAIT", [ROLE_HELD] = "HELD",
    [ROLE_REVOKING] = "REVOKING", [ROLE_GRANTING] = "GRANTING");

NAME(role_event_name, enum role_event_kind, ROLE_NEVENTS,
    [ROLE_EV_TICK] = "tick", [ROLE_EV_HEARTBEAT] = "heartbeat",
    [ROLE_EV_CONNECT] = "connect", [ROLE_EV_DISCONNECT] = "disconnect",
    [ROLE_EV_LEAVING] = "leaving", [ROLE_EV_OP_ON] = "operator on",
    [ROLE_EV_OP_OFF] = "operator off",
    [ROLE_EV_OP_RELEASE] = "operator release",
    [ROLE_EV_OP_CONFIRM] = "operator confirm",
    [ROLE_EV_SETTINGS] = "settings");

NAME(role_act_name, enum role_act_kind, ROLE_NACTS,
    [ROLE_ACT_PERSIST] = "persist", [ROLE_ACT_GRANT] = "grant",
    [ROLE_ACT_OFF] = "off", [ROLE_ACT_ACK] = "ack", [ROLE_ACT_ASK] = "ask",
    [ROLE_ACT_RELEASE] = "release", [ROLE_ACT_DECIDE] = "decide",
    [ROLE_ACT_STEP] = "step", [ROLE_ACT_TELL] = "tell",
    [ROLE_ACT_ALERT] = "alert", [ROLE_ACT_CLEAR_ALERT] = "clear alert",
    [ROLE_ACT_TRACE] = "trace");

NAME(role_outcome_name, enum role_outcome, ROLE_CONFIRMED + 1,
    [ROLE_BEGUN] = "begun", [ROLE_DONE] = "done", [ROLE_FAILED] = "failed",
    [ROLE_SUPERSEDED] = "superseded", [ROLE_PROPOSED] = "proposed",
    [ROLE_CONFIRMED] = "confirmed", [ROLE_LAPSED] = "lapsed");

NAME(role_told_name, enum role_told, ROLE_TOLD_UNKNOWN + 1,
    [ROLE_TOLD_DONE] = "done", [ROLE_TOLD_REFUSED] = "refused",
    [ROLE_TOLD_SUPERSEDED] = "superseded", [ROLE_TOLD_STALE] = "stale",
    [ROLE_TOLD_TIMED_OUT] = "timed_out",
    [ROLE_TOLD_UNKNOWN] = "unknown");

NAME(role_alert_name, enum role_alert, ROLE_NALERTS,
    [ROLE_ALERT_NO_SCHEDULER] = "no_scheduler",
    [ROLE_ALERT_VACANT] = "vacant", [ROLE_ALERT_NO_SPARE] = "no_spare",
    [ROLE_ALERT_PROPOSAL] = "role_proposal");

void
role_policy_default(struct role_policy *p)
{
	*p = (struct role_policy){
		.connection_timeout = 15000, .off_timeout = 5000,
		.grant_timeout = 5000, .lease = 4000, .heartbeat = 1000,
		.switch_min_interval = 60000, .manual_hold = 600000,
		.control_status = true, .control = ROLE_AUTO,
	};
}

int
role_policy_check(const struct role_policy *p, struct err *e)
{
	const struct { const char *name; int64_t ms; } timeout[] = {
		{ "off_timeout", p->off_timeout },
		{ "connection_timeout", p->connection_timeout },
	};

	if (p->heartbeat <= 0 || p->lease <= 0 || p->grant_timeout <= 0)
		return err_set(e, ERR_USAGE,
		    "heartbeat, lease, grant_timeout: must be above 0");
	if (2 * p->heartbeat > p->lease)
		return err_set(e, ERR_USAGE,
		    "lease: %lld ms is less than two heartbeats of %lld ms: "
		    "raise lease or lower heartbeat", (long long)p->lease,
		    (long long)p->heartbeat);
	/* Clocks may drift 10 % either way. */
	for (size_t i = 0; i < 2; i++)
		if (p->lease * 11 > timeout[i].ms * 9)
			return err_set(e, ERR_USAGE,
			    "lease: %lld ms x 1.1 is more than 0.9 x %s "
			    "(%lld ms): lower lease or raise %s",
			    (long long)p->lease, timeout[i].name,
			    (long long)timeout[i].ms, timeout[i].name);
	return 0;
}
