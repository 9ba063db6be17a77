/* One client of the daemon's protocol, in process, with all that it was told.
 * Included once, after nothing else. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "api_fixture.h"

static struct {
	struct session *s, *far;
	json_t	       *got;		/* messages */
	bool		closed;
} cl;

static void
on_message(struct session *s, json_t *msg, void *ctx)
{
	(void)s;
	(void)ctx;
	(void)json_array_append(cl.got, msg);
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	(void)s;
	(void)why;
	(void)ctx;
	cl.closed = true;
}

static const struct session_ops client_ops = { .message = on_message,
	.closed = on_closed };

static void
client(enum peer_kind kind, uid_t uid)
{
	json_decref(cl.got);
	memset(&cl, 0, sizeof(cl));
	cl.got = json_array();
	session_pair(&loop, &cl.s, &cl.far);
	session_own(cl.s, &client_ops, NULL);
	session_peer_edit(cl.far)->kind = kind;
	session_peer_edit(cl.far)->uid = uid;
	(void)MEM_STR(session_peer_edit(cl.far)->user, "ann");
}

static void
hang_up(void)
{
	session_close(cl.s, false, "");
	UNTIL(cl.closed && api->rpcs == NULL);
	json_decref(cl.got);
	cl.got = NULL;
}

static const json_t *
say(const char *text)
{
	size_t n = json_array_size(cl.got);
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	(void)session_send(cl.s, doc);
	json_decref(doc);
	UNTIL(json_array_size(cl.got) > n);
	return json_array_get(cl.got, json_array_size(cl.got) - 1);
}

static const char *
code(const json_t *answer)
{
	return js_str(json_object_get(json_object_get(answer, "error"),
	    "data"), "code", "");
}

#endif
