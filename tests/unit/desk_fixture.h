/* What the tests of the join desk share: a node that asks.  Included by one
 * program each. */
#ifndef DESK_FIXTURE_H
#define DESK_FIXTURE_H

#include "api_fixture.h"
#include "broker/desk.h"

static const struct peer node_e = { .kind = PEER_NODE,
	.key = "ssh-ed25519 "
	    "AAAAC3NzaC1lZDI1NTE5AAAAIJ2xkyHgYsHIO5VXwaGVJ1nXVFOZQvyqQ3XSo5nFJZfQ",
	.fingerprint = "SHA256:e", .addr = "10.0.0.9:5000" };

/* The result is borrowed until the next. */
static inline json_t *
done(struct told *t)
{
	static json_t *last;

	UNTIL(t->done);
	if (t->result == NULL)
		fail_msg("%s", t->e.msg);
	json_decref(last);
	last = t->result;
	*t = (struct told){ 0 };
	return last;
}

static inline void
not_stored(struct told *t)
{
	UNTIL(t->done);
	assert_null(t->result);
	assert_int_equal(t->e.code, ERR_IO);
	*t = (struct told){ 0 };
}

static inline void
ask(struct told *t)
{
	json_t *params = json_pack("{s:s,s:s}", "name", "node-e", "as",
	    "agent");

	*t = (struct told){ 0 };
	desk_request(broker, &node_e, params, on_told, t);
	json_decref(params);
}

static inline bool
state_is(const char *state)
{
	json_t *list = desk_list(broker);
	const char *is = js_str(json_array_get(list, 0), "state", "none");
	bool same = strcmp(is, state) == 0;

	json_decref(list);
	return same;
}

static inline void
on_answer(struct session *session, json_t *msg, void *ctx)
{
	(void)session;
	(void)snprintf(ctx, 32, "%s", js_str(json_object_get(json_object_get(
	    msg, "error"), "data"), "why", "welcome"));
}

#endif
