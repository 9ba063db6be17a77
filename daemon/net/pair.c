/* Two ends of a conversation inside this process (a broker and its own
 * agent): bytes go from one end to the other end's input. */
#include <stdlib.h>

#include "mem.h"
#include "transport.h"

struct end {
	struct session *session;	/* NULL once dropped */
	struct end     *other;		/* NULL once that is dropped */
};

static void
pair_flush(void *t)
{
	struct end *e = t;
	struct fifo out = { 0 };

	if (e->other == NULL || session_paused(e->other->session))
		return;
	/* The handlers at the other end may answer, and close us, now: hold
	 * nothing of ours meanwhile. */
	out = *session_out(e->session);
	*session_out(e->session) = (struct fifo){ 0 };
	session_taken(e->session);
	session_input(e->other->session, fifo_peek(&out), out.len);
	fifo_free(&out);
}

static void
pair_read(void *t, bool on)
{
	struct end *e = t;

	if (on && e->other != NULL && session_out(e->other->session)->len > 0)
		pair_flush(e->other);
}

static void
pair_finish(void *t)
{
	struct end *e = t;

	session_lost(e->session, "");
}

static void
pair_drop(void *t)
{
	struct end *e = t;

	if (e->other != NULL) {
		e->other->other = NULL;
		session_lost(e->other->session, "");
	}
	free(e);
}

static const struct transport pair_transport = {
	.flush = pair_flush,
	.read = pair_read,
	.finish = pair_finish,
	.drop = pair_drop,
};

void
session_pair(uv_loop_t *loop, struct session **a, struct session **b)
{
	struct end *ends[2];
	struct peer peer = { .kind = PEER_LOOPBACK, .user = "musterd",
		.addr = "local" };

	for (int i = 0; i < 2; i++) {
		ends[i] = mem_zero(1, sizeof(*ends[i]));
		ends[i]->session = session_new(loop, &pair_transport, ends[i],
		    &peer);
	}
	ends[0]->other = ends[1];
	ends[1]->other = ends[0];
	*a = ends[0]->session;
	*b = ends[1]->session;
}
