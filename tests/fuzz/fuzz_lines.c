/* Bytes from a peer into a session: framing, limits, JSON.  The first byte
 * says how the bytes are cut into pieces and when the session pauses.
 *
 * clang -fsanitize=fuzzer,address,undefined … tests/fuzz/fuzz_lines.c
 *     daemon/net/{session,queue}.c shared/{buf,err,log,mem,utf8}.c */
#include <stdint.h>
#include <stdlib.h>

#include "net/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int ended;

static void
on_message(struct session *s, json_t *m, void *ctx)
{
	const uint8_t *how = ctx;

	if (!json_is_object(m))
		abort();
	(void)session_send(s, m);
	if (*how & 0x80)
		session_pause(s, true);
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	(void)s;
	(void)why;
	(void)ctx;
	ended++;
}

static const struct session_ops ops = {
	.message = on_message,
	.closed = on_closed,
};

static void
flush(void *t)
{
	struct session *s = *(struct session **)t;
	struct fifo *q = session_out(s);

	/* Whatever came in, what goes out are lines. */
	if (fifo_peek(q)[q->len - 1] != '\n')
		abort();
	fifo_take(q, q->len);
	session_taken(s);
}

static void
read_on(void *t, bool on)
{
	(void)t;
	(void)on;
}

static void
finish(void *t)
{
	session_lost(*(struct session **)t, "");
}

static void
drop(void *t)
{
	(void)t;
}

static const struct transport null_transport = {
	.flush = flush,
	.read = read_on,
	.finish = finish,
	.drop = drop,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct session *s;
	size_t piece, at = 1;
	uint8_t how;
	uv_loop_t loop;

	if (n < 1)
		return 0;
	how = data[0];
	piece = (how & 0x7f) + 1;
	ended = 0;
	if (uv_loop_init(&loop) != 0)
		abort();
	s = session_new(&loop, &null_transport, &s, NULL);
	session_own(s, &ops, &how);
	while (at < n && ended == 0) {
		size_t k = n - at < piece ? n - at : piece;

		session_input(s, (const char *)data + at, k);
		at += k;
		if (at % 3 == 0)
			(void)uv_run(&loop, UV_RUN_NOWAIT);
		if (ended == 0 && at % 2 == 0)
			session_pause(s, false);
	}
	if (ended == 0)
		session_close(s, how & 1, "end");
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (ended != 1 || uv_loop_close(&loop) != 0)
		abort();
	return 0;
}
