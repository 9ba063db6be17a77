#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "js.h"
#include "log.h"
#include "mem.h"

#define BIND(id, name) [CMD_##id] = do_##name
call_handler *const call_handlers[CMD_COUNT] = {
	BIND(STATUS, status),
	BIND(AGENT_LIST, agent_list),
	BIND(AGENT_SHOW, agent_show),
	BIND(AGENT_ON, agent_on),
	BIND(AGENT_OFF, agent_off),
	BIND(AGENT_RELEASE, agent_release),
	BIND(AGENT_CONFIRM, agent_confirm),
	BIND(AGENT_DRAIN, agent_drain),
	BIND(AGENT_UNDRAIN, agent_undrain),
	BIND(AGENT_RENAME, agent_rename),
	BIND(AGENT_REMOVE, agent_remove),
	BIND(AGENT_SET, agent_set),
	BIND(AGENT_HISTORY, agent_history),
	BIND(AGENT_STATS, agent_stats),
	BIND(JOIN_REQUEST, join_request),
	BIND(JOIN_LIST, join_list),
	BIND(JOIN_ACCEPT, join_accept),
	BIND(JOIN_REJECT, join_reject),
	BIND(JOIN_TOKEN, join_token),
	BIND(JOIN_COMPLETE, join_complete),
	BIND(JOIN_INVITE, join_invite),
	BIND(LEAVE, leave),
	BIND(JOB_LIST, job_list),
	BIND(JOB_SHOW, job_show),
	BIND(JOB_RUN, job_run),
	BIND(JOB_NEXT, job_next),
	BIND(JOB_PAUSE, job_pause),
	BIND(JOB_RESUME, job_resume),
	BIND(JOB_REMOVE, job_remove),
	BIND(RUN_LIST, run_list),
	BIND(RUN_SHOW, run_show),
	BIND(RUN_LOG, run_log),
	BIND(RUN_ABORT, run_abort),
	BIND(RUN_RETRY, run_retry),
	BIND(RUN_EXPLAIN, run_explain),
	BIND(EVENT_LIST, event_list),
	BIND(EVENT_FOLLOW, event_follow),
	BIND(SETTING_LIST, setting_list),
	BIND(SETTING_SHOW, setting_show),
	BIND(SETTING_SET, setting_set),
	BIND(KEY_SHOW, key_show),
	BIND(KEY_RESET, key_reset),
	BIND(CONDITION_CHECK, condition_check),
	BIND(WHY, why),
	BIND(WHATIF, whatif),
	BIND(APPLY, apply),
	BIND(EXPORT, export),
	BIND(DOCTOR, doctor),
	BIND(BACKUP, backup),
};
/* That none of them is missing, test_api says. */
_Static_assert(sizeof(call_handlers) / sizeof(call_handlers[0]) == CMD_COUNT,
    "a handler for each row of the command table");

struct api *
api_new(uv_loop_t *loop, struct node *node, struct broker *b,
    const struct api_files *files)
{
	struct api *a = mem_zero(1, sizeof(*a));

	a->loop = loop;
	a->node = node;
	a->b = b;
	a->files = *files;
	return a;
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	a->closing = true;
	while (a->calls != NULL) {
		struct call *c = a->calls;

		c->ops = NULL;
		if (c->cancel != NULL)
			c->cancel(c);
		else
			call_drop(c);
	}
	call_ticks_end(a);
	free(a);
}

bool
api_auth(struct api *a, struct peer *p)
{
	const struct config *cfg = node_config(a->node);

	if (strcmp(p->user, PEER_NODE_USER) == 0) {
		p->kind = PEER_NODE;
		return p->key[0] != '\0';
	}
	/* Who it is, is known by the key. */
	for (size_t i = 0; i < cfg->noperators; i++) {
		const struct config_operator *op = &cfg->operators[i];

		if (!call_key_is(op->key, p))
			continue;
		p->kind = PEER_OPERATOR;
		(void)MEM_STR(p->name, op->name);
		return true;
	}
	return false;
}

/* ---- what an agent passes on ---- */

struct view {
	gate_reply *reply;
	void	   *arg;
};

enum { VIEW_MAX = SESSION_LINE - 4096 };

static void
view_fail(void *ctx, struct call *c, const struct err *e)
{
	struct view *v = ctx;

	(void)c;
	v->reply(v->arg, NULL, e);
	free(v);
}

static void
view_done(void *ctx, struct call *c, json_t *result)
{
	struct view *v = ctx;
	struct err e;

	/* One answer is one line of the link; none would be taken for an
	 * error, of which there is none. */
	if (result == NULL) {
		(void)err_set(&e, ERR_FAILED, "no answer could be made: try "
		    "again, or ask the broker (muster -H %s)", c->b->node);
		v->reply(v->arg, NULL, &e);
	} else if (json_dumpb(result, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) >
	    VIEW_MAX) {
		(void)err_set(&e, ERR_FAILED, "the answer is too long for the "
		    "agents' link: use --limit, or ask the broker (muster -H "
		    "%s)", c->b->node);
		v->reply(v->arg, NULL, &e);
	} else
		v->reply(v->arg, result, NULL);
	free(v);
}

static const struct call_ops view_ops = {
	.done = view_done,
	.fail = view_fail,
};

void
api_view(void *ctx, const char *method, const json_t *params,
    gate_reply *reply, void *arg)
{
	const struct cmd *cmd = cmd_of_method(method);
	struct view *v;
	struct err e;

	if (cmd == NULL || cmd->scope != CMD_CLUSTER ||
	    cmd->priv != PRIV_VIEW || ((cmd->flags & CMD_STREAM) &&
	        cmd != &cmds[CMD_RUN_LOG])) {
		(void)err_set(&e, cmd == NULL ? ERR_NOTFOUND : ERR_DENIED,
		    "\"%.60s\" is nothing that an agent may ask its broker",
		    method);
		reply(arg, NULL, &e);
		return;
	}
	v = mem_zero(1, sizeof(*v));
	v->reply = reply;
	v->arg = arg;
	call_begin(ctx, cmd, params, "a node", 1u << PRIV_VIEW, &view_ops, v,
	    NULL);
}
