#include "client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "crew.h"
#include "js.h"
#include "mem.h"

enum { PATIENCE_MS = 60000 };

void
client_open(struct client *c, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	*c = (struct client){ .in = BUF_INIT(64 << 20),
		.out = BUF_INIT(64 << 20) };
	(void)MEM_STR(sun.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		crew_die("%s: cannot connect", path);
	json_decref(client_call(c, "hello", json_pack("{s:s,s:s,s:i}", "client",
	    "bench", "version", MUSTER_VERSION, "protocol", 1)));
}

void
client_close(struct client *c)
{
	(void)close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
}

int64_t
client_ask(struct client *c, const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id",
	    (json_int_t)++c->id, "method", method, "params", params);
	char *text = js_dump(doc);

	buf_puts(&c->out, text);
	buf_putc(&c->out, '\n');
	free(text);
	json_decref(doc);
	return c->id;
}

static void
exchange(struct client *c)
{
	struct pollfd p = { c->fd, POLLIN, 0 };
	char chunk[65536];
	ssize_t n;

	if (c->out.len > 0)
		p.events |= POLLOUT;
	if (poll(&p, 1, PATIENCE_MS) <= 0)
		crew_die("no answer within a minute");
	if (p.revents & POLLOUT) {
		n = write(c->fd, c->out.p, c->out.len);
		if (n > 0)
			buf_shift(&c->out, (size_t)n);
	}
	if (p.revents & (POLLIN | POLLHUP)) {
		n = read(c->fd, chunk, sizeof(chunk));
		if (n <= 0)
			crew_die("the daemon closed the connection");
		buf_put(&c->in, chunk, (size_t)n);
	}
}

json_t *
client_next(struct client *c)
{
	for (;;) {
		char *nl = memchr(c->in.p, '\n', c->in.len);

		if (nl != NULL) {
			size_t len = (size_t)(nl - c->in.p);
			json_t *doc = json_loadb(c->in.p, len, 0, NULL);

			buf_shift(&c->in, len + 1);
			return doc;
		}
		exchange(c);
	}
}

static json_t *
answer(struct client *c, const char *method, json_t *params)
{
	int64_t id = client_ask(c, method, params);

	for (;;) {
		json_t *doc = client_next(c);

		if (js_int(doc, "id", 0) == id)
			return doc;
		json_decref(doc);
	}
}

json_t *
client_try(struct client *c, const char *method, json_t *params)
{
	json_t *doc = answer(c, method, params);
	json_t *result = json_incref(json_object_get(doc, "result"));

	json_decref(doc);
	return result;
}

json_t *
client_call(struct client *c, const char *method, json_t *params)
{
	json_t *doc = answer(c, method, params), *result;
	const json_t *error = json_object_get(doc, "error");

	if (error != NULL)
		crew_die("%s: %s", method, js_str(error, "message", ""));
	result = json_incref(json_object_get(doc, "result"));
	json_decref(doc);
	return result;
}
