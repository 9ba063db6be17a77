#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "js.h"
#include "mem.h"
#include "relay.h"
#include "wire.h"

enum { READ = 64 << 10, OUT_MAX = 8 << 20, TRY_MS = 30000, SLICE_MS = 3 };

struct asked {
	int64_t	      id;
	int	      tag;
	char	     *about;
	struct asked *next;
};

struct link {
	const struct link_target *target;
	const struct link_ops	 *ops;
	void		*ctx;
	int		 fd;
	pid_t		 child;		/* the relay, or 0 */
	bool		 waits;		/* for the relay to be through */
	bool		 interactive;	/* the next try may ask */
	bool		 asks;		/* this one: people are not timed */
	bool		 stopped;	/* denied: only when asked again */
	bool		 spent;		/* the inherited socket */
	struct buf	 in, out;
	size_t		 looked;
	int64_t		 id;
	struct asked	*asked;
	int		 tries;
	mono		 retry, since;
};

struct link *
link_new(const struct link_target *target, const struct link_ops *ops,
    void *ctx, bool interactive)
{
	struct link *l = mem_zero(1, sizeof(*l));

	l->target = target;
	l->ops = ops;
	l->ctx = ctx;
	l->fd = -1;
	l->interactive = interactive;
	l->in = (struct buf)BUF_INIT(WIRE_LINE + READ);
	l->out = (struct buf)BUF_INIT(OUT_MAX);
	return l;
}

static void
forget(struct link *l)
{
	while (l->asked != NULL) {
		struct asked *a = l->asked;

		l->asked = a->next;
		free(a->about);
		free(a);
	}
}

static void
hang_up(struct link *l)
{
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = -1;
	if (l->child > 0) {		/* it ends with its socket */
		(void)kill(l->child, SIGTERM);
		(void)waitpid(l->child, NULL, 0);
	}
	l->child = 0;
	l->waits = false;
	l->looked = 0;
	buf_clear(&l->in);
	buf_clear(&l->out);
	forget(l);
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	hang_up(l);
	buf_free(&l->in);
	buf_free(&l->out);
	free(l);
}

/* 1, 2, 4, 8, 15, 15 … s, each a fifth earlier or later, so that consoles do
 * not come back all at once. */
static int64_t
pause_ms(int tries)
{
	int64_t ms = tries >= 5 ? 15000 : 1000LL << (tries > 0 ? tries - 1 : 0);

	return ms * (80 + (int64_t)arc4random_uniform(41)) / 100;
}

static void
down(struct link *l, enum link_state state, const char *why)
{
	hang_up(l);
	l->stopped = state == LINK_DENIED;
	l->retry = mono_add_ms(clock_mono(), pause_ms(l->tries));
	l->ops->state(l->ctx, state, why);
}

static void
failed(struct link *l, const struct err *e)
{
	down(l, e->code == ERR_DENIED ? LINK_DENIED : LINK_DOWN, e->msg);
}

static int
local_open(const char *path, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (mem_str(sun.sun_path, sizeof(sun.sun_path), path) == -1)
		return err_set(e, ERR_USAGE, "socket %.90s ...: longer than "
		    "%zu bytes, use a shorter path", path,
		    sizeof(sun.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		(void)err_set(e, ERR_DENIED, "you may not open %s: be root or "
		    "in the group that owns it (muster)", path);
	else if (errno == EAGAIN)
		(void)err_set(e, ERR_CONNECT, "musterd is very busy");
	else
		(void)err_set(e, ERR_CONNECT, "no musterd answers on %s: is it "
		    "running?", path);
	(void)close(fd);
	return -1;
}

static void
dial(struct link *l)
{
	struct err e = { 0 };

	hang_up(l);
	l->tries++;
	l->stopped = false;
	l->since = clock_mono();
	l->ops->state(l->ctx, LINK_TRYING, "");
	if (l->target->fd != 0) {
		if (!l->spent)
			l->fd = l->target->fd;
		else
			(void)err_set(&e, ERR_CONNECT, "musterd has ended "
			    "this console");
		l->spent = true;
	} else if (l->target->remote != NULL) {
		l->fd = relay_open(l->target->remote, l->interactive,
		    &l->child, &e);
		l->waits = true;
	} else
		l->fd = local_open(l->target->socket, &e);
	l->asks = l->interactive;
	l->interactive = false;
	if (l->fd == -1)
		failed(l, &e);
	else if (!l->waits)
		l->ops->state(l->ctx, LINK_UP, "");
}

void
link_tick(struct link *l, mono now, bool at_once)
{
	/* What answers there may be another by now; but what is inherited is
	 * not dialled twice. */
	bool anew = at_once && !l->waits && l->target->fd == 0;
	struct err e;

	if (l->fd != -1 && l->waits && !l->asks &&
	    mono_diff_ms(now, l->since) > TRY_MS) {
		(void)err_set(&e, ERR_CONNECT, "no answer in %d s",
		    TRY_MS / 1000);
		failed(l, &e);
	}
	if ((l->fd == -1 || anew) && (at_once || (!l->stopped &&
	    now.us >= l->retry.us))) {
		if (at_once)
			l->tries = 0;
		dial(l);
	}
}

int
link_fd(const struct link *l)
{
	return l->fd;
}

short
link_events(const struct link *l)
{
	return l->out.len > 0 ? POLLIN | POLLOUT : POLLIN;
}

int
link_tries(const struct link *l)
{
	return l->tries;
}

mono
link_retry(const struct link *l)
{
	return l->retry;
}

/* ---- messages --------------------------------------------------------- */

static struct asked *
find(struct link *l, int64_t id, bool take)
{
	for (struct asked **p = &l->asked; *p != NULL; p = &(*p)->next)
		if ((*p)->id == id) {
			struct asked *a = *p;

			if (take)
				*p = a->next;
			return a;
		}
	return NULL;
}

static void
answered(struct link *l, const json_t *msg)
{
	struct asked *a = find(l, js_int(msg, "id", -1), true);
	const json_t *error = json_object_get(msg, "error");
	struct err e = { 0 };

	if (a == NULL)
		return;
	if (json_is_object(error)) {
		(void)err_set(&e, err_of_word(js_str(json_object_get(error,
		    "data"), "code", "")), "%.500s", js_str(error, "message",
		    "refused, without a reason"));
		if (e.code == ERR_OK)
			e.code = ERR_FAILED;
		l->ops->answer(l->ctx, a->tag, a->about, NULL, &e);
	} else {
		/* Whoever answers is there: the next loss starts anew. */
		l->tries = 0;
		l->ops->answer(l->ctx, a->tag, a->about,
		    json_object_get(msg, "result"), NULL);
	}
	free(a->about);
	free(a);
}

static void
relayed(struct link *l, const json_t *params)
{
	struct err e = { 0 };

	if (js_str(params, "message", NULL) == NULL) {
		l->waits = false;
		l->ops->state(l->ctx, LINK_UP, "");
		return;
	}
	(void)err_set(&e, err_of_word(js_str(params, "code", "")), "%.500s",
	    js_str(params, "message", ""));
	failed(l, &e);
}

static void
message(struct link *l, const json_t *msg)
{
	const char *method = js_str(msg, "method", NULL);
	const json_t *params = json_object_get(msg, "params");
	struct asked *a;

	if (method == NULL)
		answered(l, msg);
	else if (strcmp(method, "update") == 0)
		l->ops->update(l->ctx, params);
	else if (strcmp(method, "relay") == 0 && l->waits)
		relayed(l, params);
	else if (strcmp(method, "stream") == 0) {
		a = find(l, js_int(params, "id", -1), false);
		if (a != NULL)
			l->ops->part(l->ctx, a->tag, a->about, params);
	}
}

static void
lines(struct link *l)
{
	json_error_t je;

	for (;;) {
		char *nl = memchr(l->in.p + l->looked, '\n', l->in.len -
		    l->looked);
		size_t n;
		json_t *msg;

		if (nl == NULL) {
			l->looked = l->in.len;
			break;
		}
		n = (size_t)(nl - l->in.p);
		msg = json_loadb(l->in.p, n, JSON_REJECT_DUPLICATES, &je);
		buf_shift(&l->in, n + 1);
		l->looked = 0;
		if (!json_is_object(msg)) {
			json_decref(msg);
			down(l, LINK_OLD, "what answers there does not speak "
			    "muster's protocol");
			return;
		}
		message(l, msg);
		json_decref(msg);
		if (l->fd == -1)
			return;
	}
	if (l->in.failed || l->in.len > WIRE_LINE)
		down(l, LINK_OLD, "the other end sent a line longer than 1 "
		    "MiB");
}

static void
flush(struct link *l)
{
	while (l->fd != -1 && l->out.len > 0) {
		ssize_t n = send(l->fd, l->out.p, l->out.len, MSG_NOSIGNAL |
		    MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n == -1) {
			down(l, LINK_DOWN, "the connection ended");
			return;
		}
		buf_shift(&l->out, (size_t)n);
	}
}

void
link_ready(struct link *l)
{
	const mono end = mono_add_ms(clock_mono(), SLICE_MS);
	char chunk[READ];

	flush(l);
	/* Thousands of rows may come at once: keys have their turn between. */
	while (l->fd != -1 && clock_mono().us < end.us) {
		ssize_t n = recv(l->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			down(l, LINK_DOWN, n == 0 ? "the other end closed the "
			    "connection" : strerror(errno));
			return;
		}
		buf_put(&l->in, chunk, (size_t)n);
		lines(l);
	}
}

static int64_t
id_of(const struct link *l, const char *about)
{
	for (const struct asked *a = l->asked; a != NULL; a = a->next)
		if (about[0] != '\0' && strcmp(a->about, about) == 0)
			return a->id;
	return 0;
}

void
link_send(struct link *l, json_t *requests)
{
	json_t *r, *msg;
	size_t i;

	json_array_foreach(requests, i, r) {
		const char *method = js_str(r, "method", "");
		struct asked *a;
		char *text;

		if (l->fd == -1 || l->waits)
			break;
		if (strcmp(method, "cancel") == 0)
			(void)json_object_set_new(json_object_get(r,
			    "params"), "id", json_integer(id_of(l,
			    js_str(r, "about", ""))));
		a = mem_zero(1, sizeof(*a));
		a->id = ++l->id;
		a->tag = (int)js_int(r, "tag", 0);
		a->about = mem_dup(strcmp(method, "cancel") == 0 ? ""
		    : js_str(r, "about", ""));
		a->next = l->asked;
		l->asked = a;
		msg = json_pack("{s:s,s:I,s:s,s:O}", "jsonrpc", "2.0", "id",
		    (json_int_t)a->id, "method", method, "params",
		    json_object_get(r, "params"));
		text = json_dumps(msg, JSON_COMPACT);
		if (text != NULL) {
			buf_puts(&l->out, text);
			buf_putc(&l->out, '\n');
			explicit_bzero(text, strlen(text));
		}
		free(text);
		json_decref(msg);
	}
	json_array_clear(requests);
	flush(l);
}
