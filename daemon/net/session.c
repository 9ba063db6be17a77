#include "session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "mem.h"
#include "transport.h"

enum {
	FLUSH_MS = 2000,	/* an orderly end waits this long */
	EOF_MS = 2000,		/* answers may follow the peer's last word */
	KEEP_BUF = 4096		/* an input buffer above this is given back */
};

/*
 *         session_close(orderly)            flushed: transport.finish
 *  OPEN ------------------------> FLUSHING ------------------------+
 *   |                                |  2 s, or an error           |
 *   |   session_lost, close(now)     v                             v
 *   +--------------------------> DROPPING <------- session_lost -- SAYING_BYE
 *                                    |  next turn: drop wire, ops->closed
 *                                    v
 *                                  GONE     (freed when the handles are shut)
 */
enum session_state { OPEN, FLUSHING, SAYING_BYE, DROPPING, GONE };

struct session {
	const struct session_ops *ops;
	void		       *ctx;
	const struct transport *tp;
	void		       *t;
	enum session_state	state;
	struct peer		peer;
	struct buf		in;	/* an unfinished line, or held */
	size_t			scanned;
	struct fifo		out;
	size_t			waiting; /* of it, when last looked at */
	bool			high, drained, paused, eof, opened;
	bool			busy;	/* inside session_input */
	bool			read_on; /* what the transport was told last */
	bool			resumed; /* lines that were held wait */
	char			why[256];
	int64_t			idle_ms;
	uint64_t		heard, deadline;	/* uv_now; 0: none */
	uv_idle_t		wake;
	uv_timer_t		timer;
	int			handles;
	void		      (*on_gone)(void *), (*on_free)(void *);
	void		       *on_gone_arg, *on_free_arg;
};

static void on_wake(uv_idle_t *);
static void on_timer(uv_timer_t *);

static void
wake(struct session *s)
{
	if (s->state != GONE)
		(void)uv_idle_start(&s->wake, on_wake);
}

struct session *
session_new(uv_loop_t *loop, const struct transport *tp, void *t,
    const struct peer *peer)
{
	struct session *s = mem_zero(1, sizeof(*s));

	s->tp = tp;
	s->t = t;
	if (peer != NULL)
		s->peer = *peer;
	s->in = (struct buf)BUF_INIT(SESSION_QUEUE + SESSION_LINE);
	s->read_on = true;
	(void)uv_idle_init(loop, &s->wake);
	(void)uv_timer_init(loop, &s->timer);
	s->wake.data = s->timer.data = s;
	s->handles = 2;
	s->heard = uv_now(loop);
	return s;
}

const struct peer *
session_peer(const struct session *s)
{
	return &s->peer;
}

struct peer *
session_peer_edit(struct session *s)
{
	return &s->peer;
}

void
session_own(struct session *s, const struct session_ops *ops, void *ctx)
{
	s->ops = ops;
	s->ctx = ctx;
}

void
session_on_gone(struct session *s, void (*fn)(void *), void *arg)
{
	s->on_gone = fn;
	s->on_gone_arg = arg;
}

void
session_on_free(struct session *s, void (*fn)(void *), void *arg)
{
	s->on_free = fn;
	s->on_free_arg = arg;
}

size_t
session_queued(const struct session *s)
{
	return s->out.len;
}

struct fifo *
session_out(struct session *s)
{
	return &s->out;
}

bool
session_paused(const struct session *s)
{
	return s->paused;
}

/* The one timer serves the deadline of an end and the idle limit. */
static void
arm(struct session *s)
{
	uint64_t now = uv_now(s->timer.loop), at = 0;

	if (s->state >= DROPPING) {
		(void)uv_timer_stop(&s->timer);
		return;
	}
	if (s->idle_ms > 0)
		at = s->heard + (uint64_t)s->idle_ms;
	if (s->deadline != 0 && (at == 0 || s->deadline < at))
		at = s->deadline;
	if (at == 0)
		(void)uv_timer_stop(&s->timer);
	else
		(void)uv_timer_start(&s->timer, on_timer,
		    at > now ? at - now : 0, 0);
}

static void
end(struct session *s, const char *why)
{
	if (s->state >= DROPPING)
		return;
	/* The first reason is the true one. */
	if (s->state == OPEN)
		(void)MEM_STR(s->why, why);
	s->state = DROPPING;
	wake(s);
}

void
session_lost(struct session *s, const char *why)
{
	end(s, why);
}

void
session_close(struct session *s, bool orderly, const char *why)
{
	if (!orderly) {
		end(s, why);
		return;
	}
	if (s->state != OPEN)
		return;
	(void)MEM_STR(s->why, why);
	s->state = FLUSHING;
	s->deadline = uv_now(s->timer.loop) + FLUSH_MS;
	arm(s);
	wake(s);
}

static void
on_timer(uv_timer_t *h)
{
	struct session *s = h->data;
	uint64_t now = uv_now(h->loop);

	if (s->deadline != 0 && now >= s->deadline) {
		s->deadline = 0;
		if (s->state == OPEN)		/* after the peer's EOF */
			session_close(s, true, "");
		else
			end(s, s->why);
	} else if (s->idle_ms > 0 && now >= s->heard + (uint64_t)s->idle_ms) {
		/* Who is not read from cannot be heard. */
		if (s->paused)
			s->heard = now;
		else {
			char why[96];

			(void)snprintf(why, sizeof(why),
			    "nothing heard for %lld ms",
			    (long long)s->idle_ms);
			end(s, why);
		}
	}
	arm(s);
}

void
session_idle(struct session *s, int64_t timeout_ms)
{
	s->idle_ms = timeout_ms > 0 ? timeout_ms : 0;
	s->heard = uv_now(s->timer.loop);
	arm(s);
}

/* Output */

static int
queue_text(struct session *s, const char *text, size_t n)
{
	if (s->out.len + n + 1 > SESSION_QUEUE) {
		end(s, "too slow: 4 MiB of output were waiting; "
		    "read faster, or subscribe to less");
		return -1;
	}
	fifo_put(&s->out, text, n);
	fifo_put(&s->out, "\n", 1);
	s->waiting = s->out.len;
	if (s->out.len > SESSION_HIGH)
		s->high = true;
	wake(s);
	return 0;
}

int
session_send(struct session *s, const json_t *msg)
{
	char small[2048], *text = small;
	size_t n;
	int rc;

	if (s->state != OPEN)
		return -1;
	n = json_dumpb(msg, small, sizeof(small), JSON_COMPACT);
	if (n == 0)
		return -1;
	if (n > sizeof(small)) {
		text = json_dumps(msg, JSON_COMPACT);
		if (text == NULL)
			return -1;
	}
	/* A longer line would cost us the session at the other end. */
	if (n > SESSION_LINE) {
		log_error("net", "peer=%s a message of %zu bytes was not sent: "
		    "over the limit of a line", s->peer.addr, n);
		rc = -1;
	} else
		rc = queue_text(s, text, n);
	if (text != small)
		free(text);
	return rc;
}

/* The time to answer what came before the peer's EOF. */
static void
more_time(struct session *s)
{
	if (s->state != OPEN || !s->eof || s->deadline == 0)
		return;
	s->deadline = uv_now(s->timer.loop) + EOF_MS;
	arm(s);
}

void
session_taken(struct session *s)
{
	/* More is to come, and the peer reads. */
	if (s->out.len < s->waiting && (s->paused || s->out.len > 0))
		more_time(s);
	s->waiting = s->out.len;
	if (s->high && s->out.len < SESSION_HIGH / 2) {
		s->high = false;
		s->drained = true;
		wake(s);
	}
	if (s->state == FLUSHING && s->out.len == 0)
		wake(s);
}

/* Input */

static void
garbage(struct session *s, const char *what)
{
	json_t *e;
	char why[200];

	if (s->state != OPEN)
		return;
	e = json_pack("{s:s, s:n, s:{s:i, s:s}}", "jsonrpc", "2.0", "id",
	    "error", "code", -32700, "message", what);
	if (e != NULL)
		(void)session_send(s, e);
	json_decref(e);
	(void)snprintf(why, sizeof(why), "the peer sent garbage: %s", what);
	session_close(s, true, why);
}

static void
line(struct session *s, const char *p, size_t n)
{
	json_error_t je;
	json_t *msg;

	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return;
	if (n > SESSION_LINE) {
		garbage(s, "a message is one line of at most 1 MiB");
		return;
	}
	msg = json_loadb(p, n, JSON_REJECT_DUPLICATES, &je);
	if (msg == NULL)
		garbage(s, "a message is one JSON object a line");
	else if (!json_is_object(msg))
		garbage(s, "a message is a JSON object");
	else if (s->ops != NULL && s->ops->message != NULL)
		s->ops->message(s, msg, s->ctx);
	json_decref(msg);
}

/* Handles whole lines and returns the bytes used.  skip: the first bytes are
 * known to hold no end of line. */
static size_t
lines(struct session *s, const char *p, size_t n, size_t skip)
{
	size_t used = 0;

	while (s->state == OPEN && !s->paused) {
		const char *nl = memchr(p + used + skip, '\n',
		    n - used - skip);

		if (nl == NULL)
			break;
		line(s, p + used, (size_t)(nl - p) - used);
		used = (size_t)(nl - p) + 1;
		skip = 0;
	}
	return used;
}

/* Handles what is held.  The buffer is taken away meanwhile, since a handler
 * may pause or end this session. */
static void
held(struct session *s)
{
	struct buf b = s->in;
	size_t used, skip = s->scanned;

	s->in = (struct buf)BUF_INIT(b.max);
	used = lines(s, b.p, b.len, skip);
	buf_shift(&b, used);
	if (b.len == 0 && b.cap > KEEP_BUF)
		buf_free(&b);
	s->in = b;
	/* While paused whole lines may be waiting: look again from the
	 * start. */
	s->scanned = s->paused ? 0 : b.len;
	if (!s->paused && b.len > SESSION_LINE + 1)
		garbage(s, "a message is one line of at most 1 MiB");
}

void
session_input(struct session *s, const char *p, size_t n)
{
	size_t used = 0;

	if (s->state != OPEN || n == 0)
		return;
	assert(!s->busy);
	s->heard = uv_now(s->timer.loop);
	s->busy = true;
	/* Most often whole lines come in one piece: no copy. */
	if (s->in.len == 0)
		used = lines(s, p, n, 0);
	if (s->state == OPEN && used < n) {
		buf_put(&s->in, p + used, n - used);
		if (s->in.failed)
			end(s, "the peer sent 5 MiB more than it was to");
		else if (!s->paused)
			held(s);
	}
	s->busy = false;
}

void
session_pause(struct session *s, bool paused)
{
	if (s->paused == paused)
		return;
	s->paused = paused;
	s->resumed = !paused;
	wake(s);
}

void
session_eof(struct session *s)
{
	if (s->state != OPEN || s->eof)
		return;
	s->eof = true;
	s->deadline = uv_now(s->timer.loop) + EOF_MS;
	arm(s);
}

void
session_opened(struct session *s)
{
	s->opened = true;
	wake(s);
}

/* The end */

static void
on_closed(uv_handle_t *h)
{
	struct session *s = h->data;

	if (--s->handles > 0)
		return;
	if (s->on_free != NULL)
		s->on_free(s->on_free_arg);
	free(s);
}

static void
gone(struct session *s)
{
	s->state = GONE;
	s->tp->drop(s->t);
	if (s->ops != NULL && s->ops->closed != NULL)
		s->ops->closed(s, s->why, s->ctx);
	s->ops = NULL;
	if (s->on_gone != NULL)
		s->on_gone(s->on_gone_arg);
	buf_free(&s->in);
	fifo_free(&s->out);
	uv_close((uv_handle_t *)&s->wake, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

/* Everything that a call may not do at once happens here, in a turn of its
 * own: one flush for all that was queued, callbacks, the end. */
static void
on_wake(uv_idle_t *h)
{
	struct session *s = h->data;

	(void)uv_idle_stop(h);
	if (s->state == DROPPING) {
		gone(s);
		return;
	}
	if (s->opened && s->state == OPEN) {
		s->opened = false;
		if (s->ops != NULL && s->ops->open != NULL)
			s->ops->open(s, s->ctx);
	}
	if (s->read_on == s->paused && s->state == OPEN) {
		s->read_on = !s->paused;
		s->tp->read(s->t, s->read_on);
	}
	/* Also after a pause so short that the transport never knew. */
	if (s->resumed && s->state == OPEN) {
		s->resumed = false;
		more_time(s);
		if (s->in.len > 0)
			held(s);
	}
	if (s->drained && s->state == OPEN) {
		s->drained = false;
		if (s->ops != NULL && s->ops->drained != NULL)
			s->ops->drained(s, s->ctx);
	}
	if (s->out.len > 0 && s->state < DROPPING)
		s->tp->flush(s->t);
	if (s->state == FLUSHING && s->out.len == 0) {
		s->state = SAYING_BYE;
		s->tp->finish(s->t);
	}
}
