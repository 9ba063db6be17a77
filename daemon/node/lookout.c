#include "node/lookout.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "mem.h"

enum { WAIT_MAX_MS = 3600000 };

struct answer {
	int64_t id;
	bool	taken;
};

struct line {
	enum log_level level;
	char	      *text;
	struct line   *prev, *next;
};

/* For the thread: what it is to do now. */
struct orders {
	bool		  quit;
	bool		  loaded;	/* the rules are others */
	struct find_rules rules;
	int64_t		  gen;
	bool		  anew;		/* look at everything */
	bool		  ask;		/* fires are wanted */
	struct answer	 *answers;	/* of this gen */
	size_t		  nanswers;
};

struct lookout {
	int		  wake;		/* the thread; an eventfd(2) */
	pthread_mutex_t	  lock;
	/* All below under the lock. */
	int		  owners;	/* the loop, the thread */
	struct orders	  in;
	uv_async_t	 *loop;		/* NULL: nobody is interested */
	struct find_fire *fires;	/* of in.gen */
	bool		  ready;	/* there are more */
	bool		  asked;	/* and not answered */
	struct line	 *lines;
	int64_t		  calls, turns;
	bool		  inside;	/* of a call */
	char		  path[PATH_MAX];
};

static void
take_lock(struct lookout *l)
{
	(void)pthread_mutex_lock(&l->lock);
}

static void
leave_lock(struct lookout *l)
{
	(void)pthread_mutex_unlock(&l->lock);
}

static void
lines_take(struct line **list, bool say)
{
	struct line *x, *tmp;

	DL_FOREACH_SAFE(*list, x, tmp) {
		DL_DELETE(*list, x);
		if (say)
			log_at(x->level, "files", "%s", x->text);
		free(x->text);
		free(x);
	}
}

static void
forget_answers(struct orders *in)
{
	free(in->answers);
	in->answers = NULL;
	in->nanswers = 0;
}

/* The last one takes it all along. */
static void
let_go(struct lookout *l)
{
	bool last;

	take_lock(l);
	last = --l->owners == 0;
	leave_lock(l);
	if (!last)
		return;
	find_rules_clear(&l->in.rules);
	forget_answers(&l->in);
	find_fires_free(&l->fires);
	lines_take(&l->lines, false);
	(void)close(l->wake);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- the thread ---- */

static void
on_at(void *ctx, const char *path)
{
	struct lookout *l = ctx;
	int code = errno;

	take_lock(l);
	l->inside = path != NULL;
	if (path != NULL) {
		l->calls++;
		(void)MEM_STR(l->path, path);
	}
	leave_lock(l);
	errno = code;
}

/* Under the lock: there is something for the loop. */
static void
call_loop(struct lookout *l)
{
	if (l->loop != NULL)
		(void)uv_async_send(l->loop);
}

static void
on_log(void *ctx, enum log_level level, const char *text)
{
	struct line *x = mem_zero(1, sizeof(*x));
	struct lookout *l = ctx;

	x->level = level;
	x->text = mem_dup(text);
	take_lock(l);
	DL_APPEND(l->lines, x);
	call_loop(l);
	leave_lock(l);
}

static const struct finder_ops finder_ops = { .at = on_at, .log = on_log };

/* gen: the turn at work that the finder is in. */
static struct orders
obey(struct lookout *l, struct finder *f, int64_t *gen)
{
	struct orders now;

	take_lock(l);
	now = l->in;
	l->in.rules = (struct find_rules){ 0 };
	l->in.answers = NULL;
	l->in.nanswers = 0;
	l->in.loaded = l->in.anew = l->in.ask = false;
	leave_lock(l);
	if (!now.quit) {
		if (now.gen != *gen)
			finder_stop(f);
		if (now.loaded)
			finder_load(f, &now.rules);
		if (now.anew)
			finder_start(f);
		for (size_t i = 0; i < now.nanswers; i++)
			finder_answer(f, now.answers[i].id,
			    now.answers[i].taken, clock_now());
		*gen = now.gen;
	}
	find_rules_clear(&now.rules);
	forget_answers(&now);
	return now;
}

/* Of a turn at work that is over meanwhile nothing is told. */
static void
report(struct lookout *l, int64_t gen, bool asked, struct find_fire *fires,
    bool ready)
{
	take_lock(l);
	if (l->in.gen == gen) {
		if (asked || (ready && !l->ready))
			call_loop(l);
		if (asked)
			l->asked = l->in.ask;
		l->ready = ready;
		DL_CONCAT(l->fires, fires);
		fires = NULL;
	}
	leave_lock(l);
	find_fires_free(&fires);
}

static void
rest(struct lookout *l, struct finder *f, mono next)
{
	mono now = clock_mono();
	int64_t ms = next.us <= now.us ? 0 : (next.us - now.us + 999) / 1000;
	struct pollfd p[] = { { .fd = l->wake, .events = POLLIN },
		{ .fd = finder_fd(f), .events = POLLIN } };
	uint64_t n;

	if (ms > 0) {
		take_lock(l);
		l->turns++;
		leave_lock(l);
	}
	if (poll(p, 2, ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms) <= 0)
		return;
	if (p[0].revents != 0 && read(l->wake, &n, sizeof(n)) == -1)
		(void)0;
	if (p[1].revents != 0)
		finder_hear(f);
}

static void *
run(void *arg)
{
	struct lookout *l = arg;
	struct finder *f = finder_new(&finder_ops, l);
	int64_t gen = 0;
	struct orders o;

	while (o = obey(l, f, &gen), !o.quit) {
		struct find_fire *fires =
		    o.ask ? finder_due(f, clock_now()) : NULL;
		/* After it: what is not as it was has to be looked at again. */
		mono next = finder_turn(f, clock_now());

		report(l, gen, o.ask, fires, finder_ready(f));
		rest(l, f, next);
	}
	finder_free(f);
	let_go(l);
	return NULL;
}

/* ---- the loop ---- */

/* After a change under the lock. */
static void
done_telling(struct lookout *l)
{
	const uint64_t one = 1;

	leave_lock(l);
	if (write(l->wake, &one, sizeof(one)) == -1)
		(void)0;		/* it is awake already */
}

void
lookout_load(struct lookout *l, struct find_rules *rules)
{
	take_lock(l);
	find_rules_clear(&l->in.rules);
	l->in.rules = *rules;
	l->in.loaded = true;
	*rules = (struct find_rules){ 0 };
	done_telling(l);
}

void
lookout_work(struct lookout *l, int64_t gen)
{
	take_lock(l);
	if (gen != l->in.gen) {
		forget_answers(&l->in);
		find_fires_free(&l->fires);
		l->ready = l->asked = l->in.ask = false;
	}
	l->in.gen = gen;
	l->in.anew = gen > 0;
	done_telling(l);
}

void
lookout_ask(struct lookout *l)
{
	take_lock(l);
	l->asked = l->in.ask = true;
	done_telling(l);
}

bool
lookout_ready(struct lookout *l)
{
	bool ready;

	take_lock(l);
	ready = l->ready && !l->asked;
	leave_lock(l);
	return ready;
}

struct find_fire *
lookout_take(struct lookout *l)
{
	struct find_fire *fires;

	take_lock(l);
	fires = l->fires;
	l->fires = NULL;
	leave_lock(l);
	return fires;
}

void
lookout_answer(struct lookout *l, int64_t id, bool taken)
{
	struct answer *a;

	take_lock(l);
	l->in.answers = mem_grow(l->in.answers,
	    (l->in.nanswers + 1) * sizeof(*a));
	a = &l->in.answers[l->in.nanswers++];
	*a = (struct answer){ id, taken };
	done_telling(l);
}

void
lookout_log(struct lookout *l)
{
	struct line *lines;

	take_lock(l);
	lines = l->lines;
	l->lines = NULL;
	leave_lock(l);
	lines_take(&lines, true);
}

int64_t
lookout_call(struct lookout *l, char path[PATH_MAX])
{
	int64_t call;

	take_lock(l);
	call = l->inside ? l->calls : 0;
	if (path != NULL)
		(void)mem_str(path, PATH_MAX, l->path);
	leave_lock(l);
	return call;
}

int64_t
lookout_turns(struct lookout *l)
{
	int64_t turns;

	take_lock(l);
	turns = l->turns;
	leave_lock(l);
	return turns;
}

/* ---- life ---- */

static void
on_async(uv_async_t *async)
{
	if (async->data != NULL)
		lookout_log(async->data);
}

static void
on_closed(uv_handle_t *h)
{
	free(h);
}

static int
start_thread(struct lookout *l)
{
	pthread_attr_t detached;
	sigset_t all, old;
	pthread_t thread;
	int rc;

	(void)pthread_attr_init(&detached);
	(void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	/* Signals belong to the loop's thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &detached, run, l);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&detached);
	errno = rc;
	return rc == 0 ? 0 : -1;
}

struct lookout *
lookout_new(uv_loop_t *loop)
{
	struct lookout *l = mem_zero(1, sizeof(*l));
	int code;

	(void)pthread_mutex_init(&l->lock, NULL);
	l->owners = 2;
	l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->loop = mem_zero(1, sizeof(*l->loop));
	l->loop->data = l;
	if (l->wake != -1 && uv_async_init(loop, l->loop, on_async) == 0) {
		if (start_thread(l) == 0)
			return l;
		code = errno;
		uv_close((uv_handle_t *)l->loop, on_closed);
	} else {
		code = errno;
		free(l->loop);
	}
	l->owners = 1;
	let_go(l);
	errno = code;
	return NULL;
}

void
lookout_free(struct lookout *l)
{
	uv_async_t *loop;

	if (l == NULL)
		return;
	lookout_log(l);
	take_lock(l);
	loop = l->loop;
	l->loop = NULL;
	l->in.quit = true;
	done_telling(l);
	loop->data = NULL;
	uv_close((uv_handle_t *)loop, on_closed);
	let_go(l);
}
