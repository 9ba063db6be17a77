#include "call.h"

#include <string.h>

#include "js.h"

enum { HELLO_MS = 10000, ANSWER_MS = 120000, ID_HELLO = 1, ID_CALL = 2 };

/* What the numbers of JSON-RPC mean here; ours come with a word. */
static enum err_code
code_of(const json_t *error)
{
	const char *word = js_str(json_object_get(error, "data"), "code", NULL);

	if (word != NULL)
		return err_of_word(word);
	return js_int(error, "code", 0) == -32602 ? ERR_USAGE : ERR_FAILED;
}

static int
failed(const json_t *error, struct err *e)
{
	enum err_code code = code_of(error);

	return err_set(e, code == ERR_OK ? ERR_FAILED : code, "%.500s",
	    js_str(error, "message", "refused, without a reason"));
}

static int
send_request(struct wire *w, int id, const char *method, json_t *params,
    struct err *e)
{
	json_t *msg = json_pack("{s:s,s:i,s:s,s:O}", "jsonrpc", "2.0", "id",
	    id, "method", method, "params", params);
	int rc = msg == NULL ? err_set(e, ERR_USAGE, "the request is not valid")
	    : wire_send(w, msg, e);

	json_decref(msg);
	return rc;
}

/* Waits for the answer to id; what it does not know it passes over. */
static int
answer(struct wire *w, int id, int timeout_ms, call_stream_fn *stream,
    void *ctx, json_t **result, struct err *e)
{
	json_t *msg;

	while ((msg = wire_recv(w, timeout_ms, e)) != NULL) {
		json_t *params = json_object_get(msg, "params");
		const json_t *error = json_object_get(msg, "error");
		bool ours = js_int(msg, "id", -1) == id;
		int rc = 1;

		/* An error without an id is about the whole conversation. */
		if (json_is_object(error) && (ours ||
		    json_is_null(json_object_get(msg, "id"))))
			rc = failed(error, e);
		else if (ours && json_object_get(msg, "method") == NULL) {
			*result = json_incref(json_object_get(msg, "result"));
			rc = 0;
		} else if (stream != NULL && json_is_object(params) &&
		    js_int(params, "id", -1) == id &&
		    strcmp(js_str(msg, "method", ""), "stream") == 0 &&
		    stream(ctx, params, e) == -1)
			rc = -1;
		json_decref(msg);
		if (rc != 1)
			return rc;
	}
	return -1;
}

int
call_hello(struct wire *w, struct err *e)
{
	json_t *params = json_pack("{s:s,s:s,s:i}", "client", "muster",
	    "version", MUSTER_VERSION, "protocol", CALL_PROTOCOL);
	json_t *result = NULL;
	int rc = send_request(w, ID_HELLO, "hello", params, e);

	if (rc == 0)
		rc = answer(w, ID_HELLO, HELLO_MS, NULL, NULL, &result, e);
	if (rc == -1 && e->code == ERR_TIMEOUT)
		(void)err_set(e, ERR_CONNECT, "musterd took the connection but "
		    "does not answer: is it stopped or very busy?");
	json_decref(params);
	json_decref(result);
	return rc;
}

/* The link is gone, or silent, after the command was sent. */
static void
lost(const struct cmd *c, struct err *e)
{
	const char *what = e->code == ERR_TIMEOUT ? "no answer in time"
	    : "the connection ended before the answer";

	if (c->flags & CMD_CHANGES)
		(void)err_set(e, ERR_TIMEOUT, "%s: it may or may not be done, "
		    "muster event list tells", what);
	else
		(void)err_set(e, e->code == ERR_TIMEOUT ? ERR_TIMEOUT
		    : ERR_CONNECT, "%s: try again", what);
}

int
call_do(struct wire *w, const struct cmd_call *call, call_stream_fn *stream,
    void *ctx, json_t **result, struct err *e)
{
	bool patient = (call->cmd->flags & CMD_STREAM) ||
	    js_bool(call->params, "wait", false);
	char method[CMD_METHOD];
	int rc;

	*result = NULL;
	e->code = ERR_OK;
	if (send_request(w, ID_CALL, cmd_method(call->cmd, method),
	    call->params, e) == -1)
		return -1;
	rc = answer(w, ID_CALL, patient ? -1 : ANSWER_MS, stream, ctx, result,
	    e);
	/* The wire's own words; the daemon's errors have a message of theirs,
	 * and come with the wire alive. */
	if (rc == -1 && wire_ended(w))
		lost(call->cmd, e);
	return rc;
}
