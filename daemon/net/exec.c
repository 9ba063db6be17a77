#include "exec.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { CTRL_C = 3 };

struct exec {
	struct conn	  *conn;
	const struct peer *peer;
	struct fifo	   out, err;
	bool		   terminal, ended, said_bye, lost, high, input_over;
	int		   status;
	void		 (*gone)(struct exec *, void *);
	void		 (*input)(struct exec *, const char *, size_t, void *);
	void		 (*drained)(struct exec *, void *);
	void		  *ctx;
};

struct exec *
exec_new(struct conn *c, const struct peer *peer, bool terminal)
{
	struct exec *x = mem_zero(1, sizeof(*x));

	x->conn = c;
	x->peer = peer;
	x->terminal = terminal;
	return x;
}

const struct peer *
exec_peer(const struct exec *x)
{
	return x->peer;
}

bool
exec_terminal(const struct exec *x)
{
	return x->terminal;
}

void
exec_own(struct exec *x, void (*gone)(struct exec *, void *),
    void (*input)(struct exec *, const char *, size_t, void *), void *ctx)
{
	x->gone = gone;
	x->input = input;
	x->ctx = ctx;
}

void
exec_drained(struct exec *x, void (*drained)(struct exec *, void *))
{
	x->drained = drained;
}

size_t
exec_queued(const struct exec *x)
{
	return x->out.len + x->err.len;
}

int
exec_write(struct exec *x, bool err, const char *p, size_t n)
{
	struct fifo *q = err ? &x->err : &x->out;

	if (x->ended || x->lost || exec_queued(x) + n > SESSION_QUEUE)
		return -1;
	while (x->terminal && n > 0) {
		const char *nl = memchr(p, '\n', n);
		size_t part = nl == NULL ? n : (size_t)(nl - p);

		fifo_put(q, p, part);
		if (nl != NULL) {
			fifo_put(q, "\r\n", 2);
			part++;
		}
		p += part;
		n -= part;
	}
	fifo_put(q, p, n);
	if (exec_queued(x) > SESSION_HIGH)
		x->high = true;
	conn_wake(x->conn);
	return 0;
}

void
exec_end(struct exec *x, int status)
{
	if (x->ended)
		return;
	x->ended = true;
	x->status = status;
	conn_wake(x->conn);
}

void
exec_flush(struct exec *x)
{
	if (x->said_bye || x->lost)
		return;
	conn_write(x->conn, false, &x->out);
	conn_write(x->conn, true, &x->err);
	if (x->high && exec_queued(x) < SESSION_HIGH / 2) {
		x->high = false;
		if (x->drained != NULL && !x->ended)
			x->drained(x, x->ctx);
	}
	if (x->ended && exec_queued(x) == 0) {
		x->said_bye = true;
		conn_bye(x->conn, x->status);
	}
}

bool
exec_input(struct exec *x, const char *p, size_t n)
{
	if (x->ended || x->lost || x->input_over)
		return true;
	if (p == NULL)
		x->input_over = true;
	else if (x->terminal && memchr(p, CTRL_C, n) != NULL)
		return false;
	if (x->input != NULL)
		x->input(x, p, n, x->ctx);
	return true;
}

bool
exec_finished(const struct exec *x)
{
	return x->said_bye;
}

void
exec_lost(struct exec *x)
{
	if (x->lost)
		return;
	x->lost = true;
	if (!x->ended && x->gone != NULL)
		x->gone(x, x->ctx);
	x->ended = true;
}

void
exec_free(struct exec *x)
{
	if (x == NULL)
		return;
	fifo_free(&x->out);
	fifo_free(&x->err);
	free(x);
}
