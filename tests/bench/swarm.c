#include "swarm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "js.h"
#include "log.h"
#include "mem.h"
#include "net/dial.h"
#include "node/seat.h"

enum { AT_ONCE = 32 };		/* joins in flight */

struct hive;

struct bee {
	struct hive  *hive;
	struct key     key;
	struct seat_facts facts;
	struct seat   *seat;
	uv_timer_t     timer;
	bool	       up;
	/* the session: the seat's, or that of the join */
	const struct session_ops *ops;
	void	      *ctx;
	bool	       asked, joined;
};

struct hive {
	const struct swarm_plan *plan;
	struct swarm_numbers	*is;
	uv_loop_t		 loop;
	struct store		*store;
	struct runs		*runs;
	struct bee		*bees;
	int			 next, joining;
	uv_timer_t		 wait;		/* for the word to go */
};

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "swarm: %s\n", what);
	_exit(1);
}

/* ---- one agent that has joined ---- */

static void turn(struct bee *);

static void
on_timer(uv_timer_t *t)
{
	turn(t->data);
}

static void
turn(struct bee *b)
{
	struct now now = clock_now();
	mono next = seat_turn(b->seat, now);
	int64_t ms = next.us == INT64_MAX ? 3600000
	    : (next.us - now.mono.us + 999) / 1000;

	uv_update_time(&b->hive->loop);
	(void)uv_timer_start(&b->timer, on_timer, ms < 0 ? 0 : (uint64_t)ms,
	    0);
}

/* The seat counts on being asked after each thing that happens. */
static void
link_open(struct session *s, void *ctx)
{
	struct bee *b = ctx;

	b->ops->open(s, b->ctx);
	turn(b);
}

static void
link_message(struct session *s, json_t *msg, void *ctx)
{
	struct bee *b = ctx;

	b->ops->message(s, msg, b->ctx);
	turn(b);
}

static void
link_closed(struct session *s, const char *why, void *ctx)
{
	struct bee *b = ctx;

	b->ops->closed(s, why, b->ctx);
	turn(b);
}

static const struct session_ops link_ops = {
	.open = link_open,
	.message = link_message,
	.closed = link_closed,
};

static bool
trust(void *ctx, const char *pub, const char *fp, struct err *why)
{
	struct bee *b = ctx;

	(void)fp;
	if (!b->joined)		/* the invite came from this machine */
		(void)MEM_STR(b->facts.broker_key, pub);
	if (strcmp(b->facts.broker_key, pub) == 0)
		return true;
	(void)err_set(why, ERR_DENIED, "another broker");
	return false;
}

static struct session *
call_broker(struct bee *b, const struct session_ops *ops)
{
	struct dial d = { .host = "127.0.0.1", .port = b->hive->plan->port,
		.key = &b->key, .trust = trust };

	return dial_start(&b->hive->loop, &d, ops, b);
}

static struct session *
seat_dials(void *ctx, struct seat *seat, const struct session_ops *ops)
{
	struct bee *b = ctx;

	b->ops = ops;
	b->ctx = seat;
	return call_broker(b, &link_ops);
}

/* As many numbers as a real machine has, of one that is not idle. */
static json_t *
sample(void *ctx)
{
	double x = (double)(clock_mono().us / 1000 % 977) / 977;

	(void)ctx;
	return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}",
	    "cpu", 26.0 + 9 * x, "self_cpu", x, "mem", 50.0 + x, "self_mem", x,
	    "swap", x, "disk", 40.0 + x, "load1", 4.0 + x, "psi_cpu", x,
	    "psi_mem", 0.0, "psi_io", x, "net_rx", 1000.0 * x, "net_tx",
	    1000.0 * x);
}

static const char *
refuses(void *ctx)
{
	(void)ctx;
	return NULL;
}

static void
disowned(void *ctx, struct seat *seat, const char *state, const char *reason)
{
	(void)ctx;
	(void)seat;
	(void)state;
	die(reason);
}

static void
changed(void *ctx, struct seat *seat)
{
	struct bee *b = ctx;
	struct swarm_numbers *is = b->hive->is;

	if (seat_lease(seat)->d.on)
		is->granted++;
	if (seat_up(seat) == b->up)
		return;
	b->up = !b->up;
	is->up += b->up ? 1 : -1;
	if (b->up)
		is->ups++;
	else
		is->downs++;
}

static const struct seat_ops seat_ops = {
	.dial = seat_dials,
	.sample = sample,
	.refuses = refuses,
	.no_room = refuses,
	.disowned = disowned,
	.changed = changed,
};

static void
on_wait(uv_timer_t *t)
{
	struct hive *f = t->data;

	if (f->is->go == 0)
		return;
	(void)uv_timer_stop(t);
	for (int i = 0; i < f->plan->n; i++) {
		struct bee *b = &f->bees[i];

		if (!b->joined)
			continue;
		b->seat = seat_new(f->store, f->runs, &b->facts, &seat_ops, b,
		    clock_now());
		(void)uv_timer_init(&f->loop, &b->timer);
		b->timer.data = b;
		turn(b);
	}
}

/* ---- joining ---- */

static void
ask(struct session *s, int id, const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id",
	    id, "method", method, "params", params);

	(void)session_send(s, doc);
	json_decref(doc);
}

static void
join_open(struct session *s, void *ctx)
{
	(void)ctx;
	ask(s, 1, "hello", json_pack("{s:s,s:s,s:i,s:s}", "client", "musterd",
	    "version", MUSTER_VERSION, "protocol", 1, "purpose", "join"));
}

static void
join_message(struct session *s, json_t *msg, void *ctx)
{
	struct bee *b = ctx;
	const json_t *result = json_object_get(msg, "result");

	if (result != NULL && !b->asked) {
		b->asked = true;
		ask(s, 2, "join.complete", json_pack("{s:s,s:s,s:s,s:s,s:s}",
		    "name", b->facts.name, "as", "agent", "message", "",
		    "version", MUSTER_VERSION, "token",
		    b->hive->plan->token));
		return;
	}
	if (result != NULL) {
		b->joined = true;
		(void)MEM_STR(b->facts.cluster_id, js_str(result, "cluster_id",
		    ""));
		(void)MEM_STR(b->facts.cluster, js_str(result, "cluster", ""));
		(void)MEM_STR(b->facts.broker, js_str(result, "broker", ""));
		b->hive->is->joined++;
	} else
		(void)fprintf(stderr, "swarm: %s: %s\n", b->facts.name,
		    js_str(json_object_get(msg, "error"), "message", "?"));
	session_close(s, true, "");
}

static void join_next(struct hive *);

static void
join_closed(struct session *s, const char *why, void *ctx)
{
	struct bee *b = ctx;

	(void)s;
	if (!b->joined) {
		(void)fprintf(stderr, "swarm: %s did not join: %s\n",
		    b->facts.name, why);
		b->hive->is->refused++;
	}
	b->hive->joining--;
	join_next(b->hive);
}

static const struct session_ops join_ops = {
	.open = join_open,
	.message = join_message,
	.closed = join_closed,
};

static void
join_next(struct hive *f)
{
	while (f->joining < AT_ONCE && f->next < f->plan->n) {
		f->joining++;
		(void)call_broker(&f->bees[f->next++], &join_ops);
	}
	if (f->joining > 0)
		return;
	(void)uv_timer_init(&f->loop, &f->wait);
	f->wait.data = f;
	(void)uv_timer_start(&f->wait, on_wait, 0, 5);
}

/* ---- the process ---- */

static void
hatch(struct hive *f, int i)
{
	struct bee *b = &f->bees[i];
	uint64_t start;

	b->hive = f;
	if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &b->key.ssh) != SSH_OK ||
	    key_of_ssh(b->key.ssh, b->key.pub, b->key.fingerprint, NULL) == -1 ||
	    getrandom(&start, sizeof(start), 0) != (ssize_t)sizeof(start))
		die("no key");
	(void)snprintf(b->facts.name, sizeof(b->facts.name), "swarm-%05d",
	    f->plan->first + i);
	(void)snprintf(b->facts.boot, sizeof(b->facts.boot), "boot-%d", i);
	b->facts.start = (int64_t)(start >> 2) + 1;
	b->facts.controlled = true;
	b->facts.cap = 4;
}

static void
report(void *ctx, const char *cluster, const json_t *doc)
{
	(void)ctx;
	(void)cluster;
	(void)doc;
}

static _Noreturn void
process(const struct swarm_plan *plan, struct swarm_numbers *is)
{
	static const struct runs_ops ops = { .report = report };
	struct hive f = { .plan = plan, .is = is };
	char url[128];
	struct err e;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR);
	(void)snprintf(url, sizeof(url), "sqlite:%s/swarm-%d.db", plan->dir,
	    plan->first);
	if (store_open(&f.store, url, "swarm", &e) == -1)
		die(e.msg);
	f.runs = runs_new(f.store, "swarm", &ops, &f);
	f.bees = mem_zero((size_t)plan->n, sizeof(*f.bees));
	(void)uv_loop_init(&f.loop);
	for (int i = 0; i < plan->n; i++)
		hatch(&f, i);
	join_next(&f);
	(void)uv_run(&f.loop, UV_RUN_DEFAULT);
	die("has nothing left to do");
}

void
swarm_start(struct swarm *s, const struct swarm_plan *plan)
{
	s->is = mmap(NULL, sizeof(*s->is), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->is == MAP_FAILED)
		die("no memory");
	s->pid = fork();
	if (s->pid == 0)
		process(plan, s->is);
}

void
swarm_go(struct swarm *s)
{
	s->is->go = 1;
}

void
swarm_stop(struct swarm *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	(void)munmap(s->is, sizeof(*s->is));
	s->pid = 0;
}
