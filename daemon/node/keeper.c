#include "node/keeper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "kmsg.h"
#include "log.h"
#include "mem.h"

_Static_assert((int)KEEPER_UNKNOWN == (int)RUN_UNKNOWN &&
    (int)KEEPER_RUNNING == (int)RUN_RUNNING &&
    (int)KEEPER_EXITED == (int)RUN_EXITED &&
    (int)KEEPER_KILLED == (int)RUN_KILLED &&
    (int)KEEPER_TIMED_OUT == (int)RUN_TIMED_OUT &&
    (int)KEEPER_ABORTED == (int)RUN_ABORTED &&
    (int)KEEPER_REFUSED == (int)RUN_REFUSED &&
    (int)KEEPER_LOST == (int)RUN_LOST, "states of the wire");
_Static_assert((int)KEEPER_ID == (int)KMSG_ID, "ids of the wire");

enum {
	BUCKETS = 256,
	OUT_MAX = 64 << 20,
	IN_MAX = 4 << 20,
	CHUNK = 65536,
	RETRY_FIRST_MS = 10,
	RETRY_LAST_MS = 2000,
	SPAWN_EVERY_MS = 2000,
	IDLE_END_S = 60,	/* of a keeper that we start */
	EXIT_TAKEN = 3		/* of a keeper that found another one */
};

/* A running run and the slot that holds its output. */
struct seat {
	struct seat *next;
	char	     id[KMSG_ID], slot[KMSG_SLOT];
};

/* Owns its pipe and what is being written; dies in the pipe's close callback,
 * so that a new connection never meets the handle of the old one. */
struct conn {
	uv_pipe_t   pipe;
	uv_write_t  req;
	char	   *writing;
	bool	    busy;
	struct keeper *k;	/* NULL once it is given up */
};

struct keeper {
	uv_loop_t	  *loop;
	char		  *dir, *musterd;
	struct keeper_ops  ops;
	void		  *ctx;
	struct conn	  *conn;
	bool		   up, told_down, closing;
	char		   start_id[64];
	struct buf	   in, out;
	struct seat	  *seats[BUCKETS];
	uv_timer_t	   retry;
	uv_prepare_t	   flush;	/* once a turn, before the loop waits */
	int64_t		   retry_ms;
	mono		   spawned;
	pid_t		   starter;	/* the detaching parent, or 0 */
	int		   handles;
	char		   chunk[CHUNK];
	void		 (*done)(void *);
	void		  *arg;
};

static void	try_connect(uv_timer_t *);
static void	flush_soon(struct keeper *);

/* ---- seats ---- */

static struct seat **
seat_at(struct keeper *k, const char *id)
{
	unsigned h = 5381;
	struct seat **s;

	for (const char *p = id; *p != '\0'; p++)
		h = h * 33 + (unsigned char)*p;
	for (s = &k->seats[h % BUCKETS]; *s != NULL; s = &(*s)->next)
		if (strcmp((*s)->id, id) == 0)
			break;
	return s;
}

static void
seat_set(struct keeper *k, const struct kmsg_report *r)
{
	struct seat **at = seat_at(k, r->id), *s = *at;

	if (r->state == RUN_RUNNING) {
		if (s == NULL) {
			s = *at = mem_zero(1, sizeof(*s));
			(void)MEM_STR(s->id, r->id);
		}
		(void)MEM_STR(s->slot, r->slot);
	} else if (s != NULL) {
		*at = s->next;
		free(s);
	}
}

static void
seats_clear(struct keeper *k)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct seat *s = k->seats[i], *next; s != NULL; s = next) {
			next = s->next;
			free(s);
			k->seats[i] = next;
		}
}

/* ---- the connection ---- */

static void
conn_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	free(c->writing);
	free(c);
}

static void
retry_later(struct keeper *k)
{
	if (k->closing)
		return;
	(void)uv_timer_start(&k->retry, try_connect, (uint64_t)k->retry_ms, 0);
	k->retry_ms = k->retry_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS :
	    k->retry_ms * 2;
}

/* down is told once for each time without a keeper. */
static void
gone(struct keeper *k, const char *why)
{
	struct conn *c = k->conn;
	char reason[256];

	/* why may point into the input, which is freed here. */
	(void)MEM_STR(reason, why);
	if (c != NULL) {
		c->k = NULL;
		uv_close((uv_handle_t *)&c->pipe, conn_closed);
		k->conn = NULL;
	}
	if (k->up)
		k->told_down = false;
	k->up = false;
	buf_free(&k->in);
	buf_free(&k->out);
	seats_clear(k);
	(void)uv_prepare_stop(&k->flush);
	retry_later(k);
	if (!k->told_down && !k->closing) {
		k->told_down = true;
		k->ops.down(k->ctx, reason);
	}
}

static void
wrote(uv_write_t *req, int status)
{
	struct conn *c = req->data;
	struct keeper *k = c->k;

	free(c->writing);
	c->writing = NULL;
	c->busy = false;
	if (k == NULL)
		return;
	if (status < 0)
		gone(k, "connection to the keeper broke");
	else if (k->out.len > 0)
		flush_soon(k);
}

/* Everything of one turn of the loop leaves in one write. */
static void
flush(uv_prepare_t *p)
{
	struct keeper *k = p->data;
	struct conn *c = k->conn;
	uv_buf_t b;

	(void)uv_prepare_stop(p);
	if (c == NULL || c->busy || k->out.len == 0)
		return;
	if (k->out.failed) {
		gone(k, "the keeper does not take its messages");
		return;
	}
	b = uv_buf_init(NULL, 0);
	b.len = k->out.len;
	b.base = c->writing = buf_steal(&k->out);
	c->busy = true;
	c->req.data = c;
	if (uv_write(&c->req, (uv_stream_t *)&c->pipe, &b, 1, wrote) < 0) {
		c->busy = false;
		gone(k, "connection to the keeper broke");
	}
}

static void
flush_soon(struct keeper *k)
{
	(void)uv_prepare_start(&k->flush, flush);
}

static void
obey(struct keeper *k, const struct kmsg *m)
{
	switch (m->type) {
	case KMSG_WELCOME:
		(void)MEM_STR(k->start_id, m->start_id);
		kmsg_put_list(&k->out);
		flush_soon(k);
		return;
	case KMSG_REPORT:
		seat_set(k, &m->report);
		k->ops.report(k->ctx, &(struct keeper_report){
			.id = m->report.id,
			.state = (enum keeper_state)m->report.state,
			.code = m->report.code, .pid = m->report.pid,
			.started = { m->report.started_ms },
			.ended = { m->report.ended_ms },
			.why = m->report.why });
		return;
	case KMSG_LISTED:
		if (k->up)
			return;
		k->up = true;
		k->told_down = false;
		k->retry_ms = RETRY_FIRST_MS;
		k->ops.up(k->ctx, k->start_id);
		return;
	case KMSG_ERROR:
		log_error("keeper", "%s", m->text);
		gone(k, m->text);
		return;
	case KMSG_HELLO:
	case KMSG_START:
	case KMSG_ABORT:
	case KMSG_FORGET:
	case KMSG_LIST:
		gone(k, "the keeper does not speak our language");
		return;
	}
}

static void
frames(struct keeper *k)
{
	struct conn *c = k->conn;
	struct err e = { 0 };
	size_t at = 0;
	long n = 0;
	struct kmsg m;

	/* A callback may close everything: look at conn each time. */
	while (k->conn == c && !k->closing &&
	    (n = kmsg_read(k->in.p + at, k->in.len - at, &m, &e)) > 0) {
		at += (size_t)n;
		obey(k, &m);
		kmsg_clear(&m);
	}
	if (k->conn != c || k->closing)
		return;
	if (n == -1)
		gone(k, e.msg);
	else
		buf_shift(&k->in, at);
}

static void
give_chunk(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct conn *c = h->data;

	(void)hint;
	*b = uv_buf_init(c->k->chunk, CHUNK);
}

static void
got(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = s->data;

	if (c->k == NULL || n == 0)
		return;
	if (n < 0) {
		gone(c->k, "the keeper closed the connection");
		return;
	}
	buf_put(&c->k->in, b->base, (size_t)n);
	frames(c->k);
}

/* A local connect never waits, so that it needs no callback; through the
 * directory's descriptor, so that a long state_dir fits. */
static int
dial(const char *dir)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, saved;

	if (at == -1)
		return -1;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path),
	    "/proc/self/fd/%d/keeper.sock", at);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 &&
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		saved = errno;
		(void)close(fd);
		errno = saved;
		fd = -1;
	}
	saved = errno;
	(void)close(at);
	errno = saved;
	return fd;
}

/* ---- starting one ---- */

/* Beside musterd, then ../libexec/muster from there, then as installed. */
static bool
find_program(const struct keeper *k, char out[PATH_MAX])
{
	const char *slash = strrchr(k->musterd, '/');
	int n = slash == NULL ? 1 : (int)(slash - k->musterd);
	const char *base = slash == NULL ? "." : k->musterd;

	(void)snprintf(out, PATH_MAX, "%.*s/muster-keeper", n, base);
	if (access(out, X_OK) == 0)
		return true;
	(void)snprintf(out, PATH_MAX, "%.*s/../libexec/muster/muster-keeper",
	    n, base);
	if (access(out, X_OK) == 0)
		return true;
	(void)snprintf(out, PATH_MAX, "%s/muster-keeper", MUSTER_LIBEXEC);
	return access(out, X_OK) == 0;
}

/* Own session, no descriptor of ours but standard error until it detached:
 * whatever happens to musterd and its process group does not reach it. */
static int
spawn(const struct keeper *k, const char *program, pid_t *pid)
{
	char idle[16];
	char *argv[] = { (char *)(uintptr_t)program, k->dir,
		(char *)(uintptr_t)"-d", (char *)(uintptr_t)"-o", idle, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	int rc;

	(void)snprintf(idle, sizeof(idle), "%d", IDLE_END_S);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(&fa, 0, 1);
	(void)posix_spawn_file_actions_addclosefrom_np(&fa, 3);
	(void)posix_spawnattr_init(&at);
	(void)posix_spawnattr_setsigmask(&at, &none);
	(void)posix_spawnattr_setsigdefault(&at, &all);
	(void)posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, program, &fa, &at, argv, environ);
	(void)posix_spawn_file_actions_destroy(&fa);
	(void)posix_spawnattr_destroy(&at);
	return rc;
}

/* Whether the one that we started is still on its way. */
static bool
starting(struct keeper *k)
{
	int status;

	if (k->starter == 0)
		return false;
	if (waitpid(k->starter, &status, WNOHANG) == 0)
		return true;
	k->starter = 0;
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 &&
	    WEXITSTATUS(status) != EXIT_TAKEN))
		log_error("keeper", "muster-keeper did not start; its reason "
		    "is above");
	return false;
}

static const char *
start_one(struct keeper *k)
{
	char program[PATH_MAX];
	mono now = clock_mono();
	int rc;

	if (starting(k))
		return "the keeper is starting";
	if (k->spawned.us != 0 &&
	    mono_diff_ms(now, k->spawned) < SPAWN_EVERY_MS)
		return "no keeper answers";
	k->spawned = now;
	if (!find_program(k, program))
		return "muster-keeper is not installed beside musterd, in "
		    "../libexec/muster or in " MUSTER_LIBEXEC;
	if ((rc = spawn(k, program, &k->starter)) != 0) {
		k->starter = 0;
		log_error("keeper", "%s: %s", program, strerror(rc));
		return "muster-keeper could not be started";
	}
	log_info("keeper", "started %s", program);
	k->retry_ms = RETRY_FIRST_MS;
	return "the keeper is starting";
}

static void
attach(struct keeper *k, int fd)
{
	struct conn *c = mem_zero(1, sizeof(*c));

	c->k = k;
	c->pipe.data = c;
	(void)uv_pipe_init(k->loop, &c->pipe, 0);
	c->pipe.data = c;
	k->conn = c;
	if (uv_pipe_open(&c->pipe, fd) < 0) {
		(void)close(fd);
		gone(k, "keeper socket cannot be used");
		return;
	}
	kmsg_put_hello(&k->out);
	flush_soon(k);
	if (uv_read_start((uv_stream_t *)&c->pipe, give_chunk, got) < 0)
		gone(k, "keeper socket cannot be read");
}

static void
try_connect(uv_timer_t *t)
{
	struct keeper *k = t->data;
	const char *why;
	int fd = dial(k->dir);

	if (fd != -1) {
		(void)starting(k);
		attach(k, fd);
		return;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		why = start_one(k);
	else
		why = strerror(errno);
	if (strcmp(why, "the keeper is starting") == 0) {
		retry_later(k);
		return;
	}
	gone(k, why);
}

/* ---- public ---- */

struct keeper *
keeper_new(uv_loop_t *loop, const char *dir, const char *musterd,
    const struct keeper_ops *ops, void *ctx)
{
	struct keeper *k = mem_zero(1, sizeof(*k));
	char *full = realpath(dir, NULL);

	k->loop = loop;
	k->dir = full != NULL ? full : mem_dup(dir);
	k->musterd = mem_dup(musterd);
	k->ops = *ops;
	k->ctx = ctx;
	k->in = (struct buf)BUF_INIT(IN_MAX);
	k->out = (struct buf)BUF_INIT(OUT_MAX);
	k->retry_ms = RETRY_FIRST_MS;
	(void)uv_timer_init(loop, &k->retry);
	(void)uv_prepare_init(loop, &k->flush);
	k->retry.data = k->flush.data = k;
	k->handles = 2;
	/* Not at once: the caller has not got the pointer yet. */
	(void)uv_timer_start(&k->retry, try_connect, 0, 0);
	return k;
}

static void
closed(uv_handle_t *h)
{
	struct keeper *k = h->data;
	void (*done)(void *) = k->done;
	void *arg = k->arg;

	if (--k->handles > 0)
		return;
	free(k->dir);
	free(k->musterd);
	free(k);
	if (done != NULL)
		done(arg);
}

void
keeper_close(struct keeper *k, void (*done)(void *), void *arg)
{
	assert(!k->closing);
	k->closing = true;
	k->done = done;
	k->arg = arg;
	gone(k, "");
	uv_close((uv_handle_t *)&k->retry, closed);
	uv_close((uv_handle_t *)&k->flush, closed);
}

bool
keeper_is_up(const struct keeper *k)
{
	return k->up;
}

static int
sent(struct keeper *k)
{
	flush_soon(k);
	return k->out.failed ? -1 : 0;
}

int
keeper_run(struct keeper *k, const struct keeper_start *s)
{
	static const char *const nothing[] = { NULL };
	struct kmsg_start m = { .id = s->id, .user = s->user, .dir = s->dir,
		.argv = s->argv, .env = s->env == NULL ? nothing : s->env,
		.timeout_ms = s->timeout_ms, .grace_ms = s->grace_ms,
		.output_max = s->output_max };
	struct buf one = BUF_INIT(KMSG_MAX + KMSG_HEAD);
	size_t words = 0;

	assert(kmsg_id_ok(s->id));
	if (!k->up)
		return -1;
	for (; m.argv[words] != NULL; words++)
		;
	for (const char *const *v = m.env; *v != NULL; v++)
		words++;
	kmsg_put_start(&one, &m);
	/* Too much to say: an empty command, which the keeper refuses with
	 * that reason, so that the answer comes as every other one. */
	if (one.failed || words > KMSG_WORDS) {
		buf_free(&one);
		m.argv = m.env = nothing;
		kmsg_put_start(&one, &m);
	}
	buf_put(&k->out, one.p, one.len);
	buf_free(&one);
	return sent(k);
}

int
keeper_abort(struct keeper *k, const char *id, int64_t grace_ms)
{
	if (!k->up)
		return -1;
	kmsg_put_abort(&k->out, id, grace_ms < 0 ? 0 : grace_ms);
	return sent(k);
}

int
keeper_forget(struct keeper *k, const char *id)
{
	/* Also of what is being listed: hello went ahead. */
	if (k->conn == NULL)
		return -1;
	kmsg_put_forget(&k->out, id);
	return sent(k);
}

static char *
output_path(const struct keeper *k, const char *id)
{
	return mem_fmt("%s/output/%s.out", k->dir, id);
}

void
keeper_forget_output(struct keeper *k, const char *id)
{
	char *path;

	if (!kmsg_id_ok(id))
		return;
	path = output_path(k, id);
	(void)unlink(path);
	free(path);
}

/* Without waiting for the lease that a job may have taken on it: then it says
 * nothing for now. */
static int
open_output(const char *path)
{
	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int
keeper_output(struct keeper *k, const char *id)
{
	struct seat *s = *seat_at(k, id);
	char *path;
	int fd = -1;

	if (!kmsg_id_ok(id))
		return -1;
	if (s != NULL && s->slot[0] != '\0') {
		path = mem_fmt("%s/keeper/slots/%s", k->dir, s->slot);
		fd = open_output(path);
		free(path);
	}
	if (fd != -1)
		return fd;
	/* Ended, perhaps a moment before its report is read here. */
	path = output_path(k, id);
	fd = open_output(path);
	free(path);
	return fd;
}
