/* Joining and leaving: join request, list, accept, reject, token, complete,
 * invite; leave. */
#include <string.h>

#include "api/call.h"
#include "broker/admission.h"
#include "broker/desk.h"
#include "js.h"

/* ---- at the node ---- */

/* The sentence for a person, from what the broker answered. */
static void
on_requested(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;
	const char *words, *state;

	if (result == NULL) {
		call_fail(c, e);
		return;
	}
	words = js_str(result, "words", "");
	state = js_str(result, "state", "pending");
	call_told(c, json_incref(result), "asked %s to join %s: %s; check words "
	    "\"%s\"; when it is accepted and a token is shown there: muster "
	    "join complete %s", call_str(c, "host"),
	    js_str(result, "cluster", "its cluster"), state, words,
	    call_str(c, "host"));
}

void
do_join_request(struct call *c)
{
	struct node_join j = { .host = call_str(c, "host"),
		.as = call_str(c, "as"), .message = call_str(c, "message"),
		.name = call_str(c, "name") };

	node_join_request(c->api->node, &j, on_requested, c);
}

static void
on_completed(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;

	if (result == NULL)
		call_fail(c, e);
	else
		call_told(c, json_incref(result), "joined %s as %s, name %s",
		    js_str(result, "cluster", "the cluster"),
		    js_str(result, "as", "agent"),
		    js_str(result, "name", node_name(c->api->node)));
}

void
do_join_complete(struct call *c)
{
	struct node_join j = { .host = call_str(c, "host"),
		.as = call_str(c, "as"), .token = call_str(c, "token"),
		.name = call_str(c, "name") };

	if (strcmp(j.token, "-") == 0)
		call_failed(c, ERR_USAGE, "token: send the token itself: - is "
		    "for whoever reads standard input");
	else
		node_join_complete(c->api->node, &j, on_completed, c);
}

static void
on_left(void *arg, json_t *result, const struct err *e)
{
	const char *remains = js_str(result, "remains", NULL);
	struct call *c = arg;

	if (result == NULL)
		call_fail(c, e);
	else if (js_str(result, "message", NULL) != NULL)
		call_done(c, json_incref(result));
	else
		call_told(c, json_is_object(result) ? json_incref(result)
						    : NULL,
		    "%s left and is standalone again%s%s",
		    node_name(c->api->node), remains != NULL ? "; " : "",
		    remains != NULL ? remains : "");
}

void
do_leave(struct call *c)
{
	node_leave(c->api->node, call_str(c, "reason"), on_left, c);
}

/* ---- at the broker ---- */

/* This node's own open request, in the fields of the list. */
static json_t *
own_request(const struct call *c)
{
	json_t *own = node_join_state(c->api->node), *row;

	if (!json_is_object(own)) {
		json_decref(own);
		return NULL;
	}
	row = json_pack("{s:s,s:s,s:n,s:n,s:s,s:n,s:s,s:s,s:n,s:n}", "id",
	    "own", "name", node_name(c->api->node), "address", "message",
	    "fingerprint", node_key(c->api->node)->fingerprint, "words",
	    "state", "pending", "as", "agent", "requested_at",
	    "token_expires_at");
	(void)json_object_update(row, own);
	(void)json_object_set_new(row, "id", json_string("own"));
	(void)json_object_set_new(row, "name",
	    json_string(node_name(c->api->node)));
	json_decref(own);
	return row;
}

void
do_join_list(struct call *c)
{
	json_t *all = desk_list(c->b), *list = json_array(), *row;
	const char *state = call_str(c, "state");
	int64_t limit = call_limit(c, INT32_MAX);
	size_t i;

	if (node_mode(c->api->node) != NODE_BROKER &&
	    (row = own_request(c)) != NULL)
		(void)json_array_insert_new(all, 0, row);
	json_array_foreach(all, i, row)
		if ((int64_t)json_array_size(list) < limit &&
		    (state == NULL ||
			strcmp(state, js_str(row, "state", "")) == 0))
			(void)json_array_append(list, row);
	json_decref(all);
	call_done(c, list);
}

static void
on_decided(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;

	if (result == NULL)
		call_fail(c, e);
	else if (c->id == CMD_JOIN_ACCEPT)
		call_told(c, json_incref(result), "accepted %s (%s): now "
		    "muster join token %s", js_str(result, "name", ""),
		    js_str(result, "words", ""), js_str(result, "name", ""));
	else
		call_told(c, json_incref(result), "rejected %s",
		    js_str(result, "name", ""));
}

void
do_join_accept(struct call *c)
{
	c->audited = true;
	desk_accept(c->b, call_str(c, "request"), c->who, on_decided, c);
}

void
do_join_reject(struct call *c)
{
	c->audited = true;
	desk_reject(c->b, call_str(c, "request"), call_str(c, "reason"),
	    c->who, on_decided, c);
}

void
do_join_token(struct call *c)
{
	c->audited = true;
	admission_token(c->b, call_str(c, "request"), c->who, call_pass, c);
}

void
do_join_invite(struct call *c)
{
	int64_t ms = call_for(c, 0);
	const char *as = call_str(c, "as");

	if (ms < 0)
		return;
	c->audited = true;
	admission_invite(c->b, ms, js_int(c->params, "uses", 1),
	    as != NULL && strcmp(as, "worker") == 0, c->who, call_pass, c);
}
