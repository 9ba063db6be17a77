/* One command that somebody asked for, from its checks to its answer.
 *
 * A handler ends its call with call_done, call_fail or call_told, now or in a
 * later callback; after that the call is gone.  When the asker goes first, a
 * call with a cancel is ended through it; any other goes on unheard, since what
 * it began (a change) is to be finished and told to the audit trail.
 * Loop thread. */
#ifndef API_CALL_H
#define API_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "api/api.h"
#include "cmd.h"
#include "store/store.h"

struct call;

/* Who waits for the answer. */
struct call_ops {
	/* The end: a result or an error, borrowed.  The call is still whole. */
	void (*done)(void *ctx, struct call *, json_t *result);
	void (*fail)(void *ctx, struct call *, const struct err *);
	/* A part before the end: {row}, {rows}, {text} or {data}; stolen.  NULL:
	 * this asker takes none. */
	void (*part)(void *ctx, struct call *, json_t *);
	/* Bytes that wait to be sent; above SESSION_HIGH: produce nothing. */
	size_t (*queued)(void *ctx);
};

struct call {
	struct api	      *api;
	struct broker	      *b;	/* of the api, for short */
	const struct cmd      *cmd;
	enum cmd_id	       id;
	json_t		      *params;	/* an object, owned */
	char		       who[64];	/* "anna@10.0.0.12", "root@local" */
	const struct call_ops *ops;	/* NULL: the asker has gone */
	void		      *ctx;
	json_t		      *rpc_id;	/* of the request, owned; or NULL */
	/* the handler's */
	bool		       audited;	/* the broker records its success */
	json_t		      *facts;	/* old and new values, for the audit */
	void		      *state;
	void (*cancel)(struct call *);	/* free state, then call_drop; or stay
					 * if the api is not closing */
	void (*tick)(struct call *);	/* every 250 ms, or NULL */
	struct call	      *next, **link;
};

struct rpc;

struct api {
	uv_loop_t	*loop;
	struct node	*node;
	struct broker	*b;
	struct api_files files;
	uv_timer_t	*tick;		/* while a call wants it */
	struct call	*calls;
	struct rpc	*rpcs;
	bool		 closing;	/* in api_free */
};

/* A set of privileges, bits 1 << enum priv. */
enum { PRIVS_NONE = 0, PRIVS_ALL = (1 << PRIV_COUNT) - 1 };
unsigned call_privs(const struct api *, const struct peer *);
unsigned call_group_privs(enum config_group);
/* Is this text of a key, "TYPE BASE64 [comment]", the one that was proved? */
bool	call_key_is(const char *key, const struct peer *);
/* "anna@10.0.0.12". */
void	call_who(const struct peer *, char who[64]);

/* Makes the call, checks privilege and params, and runs it: the end may come
 * inside.  params is borrowed, may be NULL. */
void	call_begin(struct api *, const struct cmd *, const json_t *params,
	    const char *who, unsigned privs, const struct call_ops *,
	    void *ctx, const json_t *rpc_id);
/* Every call of this asker, which has gone. */
void	call_gone(struct api *, const void *ctx);

/* Ends.  result is stolen. */
void	call_done(struct call *, json_t *result);
void	call_fail(struct call *, const struct err *);
void	call_unstored(struct call *, enum store_rc);
void	call_failed(struct call *, enum err_code, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
/* {message} and the members of more (stolen, may be NULL). */
void	call_told(struct call *, json_t *more, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
void	call_drop(struct call *);
/* catalog_done, desk_done, node_done, seat_done and gate_reply all have this
 * shape: passes the result on as it is.  arg is the call. */
void	call_pass(void *arg, json_t *result, const struct err *);

/* Parts. */
bool	call_streams(const struct call *);
size_t	call_queued(const struct call *);
void	call_row(struct call *, json_t *row);
/* Bytes of output.  last: nothing follows; else up to 3 bytes of an unfinished
 * character are left.  Returns how many were taken. */
size_t	call_bytes(struct call *, const char *, size_t, bool last);
void	call_tick(struct call *, void (*tick)(struct call *));
void	call_ticks_end(struct api *);

/* run log and event follow at a node whose broker is elsewhere. */
void	call_log_away(struct call *);
void	call_follow_away(struct call *);

/* Parameters. */
const char *call_str(const struct call *, const char *name);	/* or NULL */
int64_t	call_limit(const struct call *, int64_t dflt);
wall	call_since(const struct call *);	/* now - --since, or 0 */
/* for or until, from now, in ms; dflt when neither is given; -1 when until is
 * over already: the call has ended then. */
int64_t	call_for(struct call *, int64_t dflt);
/* A positional agent or job; NULL: the call has ended. */
struct member *call_member(struct call *, const char *param);
struct cat_job *call_job(struct call *);
/* A run's number; -1: the call has ended. */
int64_t	call_number(struct call *, const char *param);
/* The epoch that the operator saw is the current one; else the call ended. */
bool	call_epoch_ok(struct call *);

/* The handlers, one a row: verbs.c binds them. */
typedef void call_handler(struct call *);
extern call_handler *const call_handlers[CMD_COUNT];
#define HANDLER(name) void do_##name(struct call *);
HANDLER(status) HANDLER(agent_list) HANDLER(agent_show) HANDLER(agent_on)
HANDLER(agent_off) HANDLER(agent_release) HANDLER(agent_confirm)
HANDLER(agent_drain)
HANDLER(agent_undrain) HANDLER(agent_rename) HANDLER(agent_remove)
HANDLER(agent_set) HANDLER(agent_history) HANDLER(agent_stats)
HANDLER(join_request)
HANDLER(join_list) HANDLER(join_accept) HANDLER(join_reject)
HANDLER(join_token) HANDLER(join_complete) HANDLER(join_invite)
HANDLER(leave) HANDLER(job_list) HANDLER(job_show) HANDLER(job_run)
HANDLER(job_next) HANDLER(job_pause) HANDLER(job_resume) HANDLER(job_remove)
HANDLER(run_list) HANDLER(run_show) HANDLER(run_log) HANDLER(run_abort)
HANDLER(run_retry) HANDLER(run_explain) HANDLER(event_list)
HANDLER(event_follow) HANDLER(setting_list) HANDLER(setting_show)
HANDLER(setting_set) HANDLER(key_show) HANDLER(key_reset) HANDLER(condition_check) HANDLER(why)
HANDLER(whatif) HANDLER(apply) HANDLER(export) HANDLER(doctor) HANDLER(backup)
#undef HANDLER

#endif
