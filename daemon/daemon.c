#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <uv.h>

#include "api/api.h"
#include "broker/broker.h"
#include "broker/gate.h"
#include "broker/roster.h"
#include "log.h"
#include "mem.h"
#include "net/server.h"
#include "net/watchdog.h"
#include "node/node.h"
#include "service.h"
#include "store/store.h"

enum { RETIRE_MS = 2000 };

struct daemon {
	uv_loop_t	loop;
	struct config  *cfg;
	const char     *path;
	struct key	key;
	struct store   *store;
	struct server  *server;
	struct broker  *broker;
	struct node    *node;
	struct api     *api;
	struct api_files files;
	char	       *key_path;
	uv_prepare_t	prepare;
	uv_timer_t	timer;
	uv_poll_t	store_poll;
	uv_signal_t	signals[3];
	int		lock;
	bool		retiring;	/* handing the role over */
	bool		closing;
	bool		broken;		/* by its store: it ends, with an error */
	mono		retire_until;
	int		open_parts;	/* that have to end before the loop */
};

static char *
in_state(const struct daemon *d, const char *name)
{
	return mem_fmt("%s/%s", d->cfg->state_dir, name);
}

/* ---- turns ---- */

static void
on_timer(uv_timer_t *t)
{
	(void)t;			/* the prepare handle does the work */
}

static void close_all(struct daemon *);

static void
on_prepare(uv_prepare_t *h)
{
	struct daemon *d = h->data;
	struct now now = clock_now();
	int64_t ms;
	mono next;

	if (d->closing)
		return;
	/* Everybody takes that for the end and answers no more, while others
	 * would go on relying on this node. */
	if (store_state(d->store) == STORE_DOWN) {
		log_error("main", "the store is broken: shutting down, to be "
		    "started again; runs go on in the keeper");
		d->broken = true;
		close_all(d);
		return;
	}
	next = broker_turn(d->broker, now);
	next = mono_min(next, node_turn(d->node, now));
	next = mono_min(next, service_alive(now.mono));
	if (d->retiring) {
		if (node_retired(d->node) ||
		    d->retire_until.us <= now.mono.us) {
			close_all(d);
			return;
		}
		next = mono_min(next, d->retire_until);
	}
	if (next.us == INT64_MAX) {
		(void)uv_timer_stop(&d->timer);
		return;
	}
	ms = (next.us - now.mono.us + 999) / 1000;
	uv_update_time(&d->loop);
	(void)uv_timer_start(&d->timer, on_timer,
	    ms < 0 ? 0 : ms > 3600000 ? 3600000 : (uint64_t)ms, 0);
}

static void
on_store(uv_poll_t *p, int status, int events)
{
	struct daemon *d = p->data;

	(void)status;
	(void)events;
	d->broker->now = d->broker->clock();
	store_poll(d->store);
}

/* ---- the node's own broker ---- */

static void
nb_wake(void *ctx, bool awake)
{
	struct daemon *d = ctx;

	broker_wake(d->broker, awake, clock_now());
}

static void
nb_accept(void *ctx, struct session *s)
{
	struct daemon *d = ctx;

	gate_accept(d->broker->gate, s);
}

static int
nb_admit_self(void *ctx, const char *name, struct err *e)
{
	struct daemon *d = ctx;
	struct broker *b = d->broker;
	struct batch *batch;

	if (roster_by_key(b->roster, d->key.pub) != NULL)
		return 0;
	batch = batch_new();
	(void)roster_admit(b, name, d->key.pub, d->key.fingerprint, false,
	    batch, NULL);
	if (store_write(b->store, batch) != STORE_OK)
		return err_set(e, ERR_IO, "this node could not be stored as "
		    "its own member: free disk space, then start again");
	return 0;
}

static void
nb_event(void *ctx, const char *code, const char *message)
{
	struct daemon *d = ctx;

	(void)event_add(d->broker->events, clock_wall(), SEV_NOTICE, code,
	    d->broker->node, NULL, NULL, "%s", message);
}

static void
nb_alert(void *ctx, const char *code, const char *message)
{
	struct daemon *d = ctx;

	if (message != NULL)
		alert_raise(d->broker->events, clock_wall(), code,
		    d->broker->node, "%s", message);
	else
		alert_clear(d->broker->events, clock_wall(), code,
		    d->broker->node);
}

/* ---- the network ---- */

static bool
on_auth(void *ctx, struct peer *peer)
{
	struct daemon *d = ctx;

	return api_auth(d->api, peer);
}

static bool
on_session(void *ctx, struct session *s)
{
	struct daemon *d = ctx;

	if (d->closing)
		return false;
	if (session_peer(s)->kind == PEER_NODE) {
		gate_accept(d->broker->gate, s);
		return true;
	}
	return api_open(d->api, s);
}

static void
on_exec(void *ctx, struct exec *x, const char *command)
{
	struct daemon *d = ctx;

	api_exec(d->api, x, command);
}

static void
on_view(void *ctx, const char *method, const json_t *params,
    gate_reply *reply, void *arg)
{
	struct daemon *d = ctx;

	api_view(d->api, method, params, reply, arg);
}

static const struct server_ops net_ops = {
	.auth = on_auth,
	.open = on_session,
	.exec = on_exec,
};

/* The program `muster`: beside this one, or in bin beside its sbin. */
static void
find_console(struct daemon *d, const char *self)
{
	static const char *const places[] = { "muster", "../bin/muster" };
	const char *slash = strrchr(self, '/');
	bool found = false;

	for (size_t i = 0; i < 2 && slash != NULL && !found; i++) {
		char *path = mem_fmt("%.*s/%s", (int)(slash - self), self,
		    places[i]);

		found = access(path, X_OK) == 0;
		if (found)
			server_console(d->server, path);
		free(path);
	}
	if (!found)
		log_info("main", "no program muster beside %s: ssh -t has no "
		    "console here", self);
}

static int
listen_all(struct daemon *d, const char *self, struct err *e)
{
	char *quarantine = in_state(d, "quarantine");

	d->server = server_new(&d->loop, &net_ops, d, &d->key);
	server_quarantine(d->server, quarantine);
	free(quarantine);
	if (d->cfg->port != 0)
		find_console(d, self);
	if (server_listen_local(d->server, d->cfg->socket, e) == -1)
		return -1;
	for (size_t i = 0; d->cfg->port != 0 && i < d->cfg->addresses.n; i++)
		if (server_listen(d->server, d->cfg->addresses.v[i],
		        (int)d->cfg->port, e) == -1)
			return -1;
	return 0;
}

/* ---- the end ---- */

static void
close_handle(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void
part_closed(void *arg)
{
	struct daemon *d = arg;

	if (--d->open_parts > 0)
		return;
	/* What sessions and keeper left: our own handles. */
	close_handle((uv_handle_t *)&d->prepare, NULL);
	close_handle((uv_handle_t *)&d->timer, NULL);
	close_handle((uv_handle_t *)&d->store_poll, NULL);
	for (size_t i = 0; i < 3; i++)
		close_handle((uv_handle_t *)&d->signals[i], NULL);
	watchdog_stop();
}

/* A Scheduler that is shut down cleanly hands over first (SPEC section 4); a
 * broker that does not answer is not waited for. */
static void
shut_down(struct daemon *d)
{
	if (d->retiring)
		return;
	log_info("main", "shutting down; runs go on in the keeper");
	service_tell("STOPPING=1");
	d->retiring = true;
	d->retire_until = mono_add_ms(clock_mono(), RETIRE_MS);
	node_retire(d->node);
}

static void
close_all(struct daemon *d)
{
	d->closing = true;
	d->open_parts = 2;
	node_close(d->node, part_closed, d);
	server_close(d->server, part_closed, d);
}

/* ---- signals ---- */

static void
differs(const char *path, bool live, void *arg)
{
	(void)arg;
	log_info("config", "%s changed: %s", path,
	    live ? "applied" : "takes effect at the next start");
}

/* New fully, then swap; or keep the old and say why. */
static void
reload(struct daemon *d)
{
	struct config next;
	struct err e;

	if (d->path == NULL)
		return;
	if (config_load(d->path, &next, &e) == -1) {
		log_error("config", "not reloaded, the old one stays: %s",
		    e.msg);
		return;
	}
	(void)config_diff(d->cfg, &next, differs, NULL);
	d->cfg->log_level = next.log_level;
	d->cfg->allow_control = next.allow_control;
	d->cfg->max_runs = next.max_runs;
	log_init(next.log_level);
	/* Who may log in: swap the lists, the old one goes with next. */
	{
		struct config_operator *ops = d->cfg->operators;
		size_t n = d->cfg->noperators;

		d->cfg->operators = next.operators;
		d->cfg->noperators = next.noperators;
		next.operators = ops;
		next.noperators = n;
	}
	config_clear(&next);
	node_reload(d->node);
}

static void
on_signal(uv_signal_t *s, int number)
{
	struct daemon *d = s->data;

	if (number == SIGHUP)
		reload(d);
	else
		shut_down(d);
}

/* ---- the start ---- */

int
daemon_lock(const struct config *cfg, struct err *e)
{
	char *path = mem_fmt("%s/lock", cfg->state_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd == -1)
		(void)err_sys(e, "%s", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		(void)err_set(e, ERR_FAILED, "%s: another musterd is using "
		    "this state directory: stop it first, or name another in "
		    "node.state_dir", cfg->state_dir);
		(void)close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

static int
open_store(struct daemon *d, struct err *e)
{
	char *path = config_store_path(d->cfg), holder[64];
	char *url = mem_fmt("sqlite:%s", path);
	int rc;

	free(path);
	(void)snprintf(holder, sizeof(holder), "%.40s.%ld", d->cfg->name,
	    (long)getpid());
	rc = store_open(&d->store, url, holder, e);
	free(url);
	return rc;
}

static int
say_broken(const struct config *cfg, struct err *e)
{
	char *path = config_store_path(cfg);

	(void)err_set(e, ERR_IO, "store %s: broken while it was in use, why is "
	    "in the log before this: start musterd again; if it breaks again, "
	    "check the disk (muster doctor), or move the store away and "
	    "restore a backup (musterd --restore)", path);
	free(path);
	return -1;
}

static const char *
own_path(const char *program, char buf[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);

	if (n <= 0)
		return program;
	buf[n] = '\0';
	return buf;
}

static void
start_handles(struct daemon *d)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

	(void)uv_prepare_init(&d->loop, &d->prepare);
	d->prepare.data = d;
	(void)uv_prepare_start(&d->prepare, on_prepare);
	(void)uv_timer_init(&d->loop, &d->timer);
	(void)uv_poll_init(&d->loop, &d->store_poll, store_fd(d->store));
	d->store_poll.data = d;
	(void)uv_poll_start(&d->store_poll, UV_READABLE, on_store);
	for (size_t i = 0; i < 3; i++) {
		(void)uv_signal_init(&d->loop, &d->signals[i]);
		d->signals[i].data = d;
		(void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
	}
}

static int
build(struct daemon *d, const char *program, struct err *e)
{
	struct node_broker nb = { .ctx = d, .wake = nb_wake,
		.accept = nb_accept, .admit_self = nb_admit_self,
		.event = nb_event, .alert = nb_alert };
	char exe[PATH_MAX];
	const char *self = own_path(program, exe);
	int made = 0;

	d->key_path = in_state(d, "host_key");
	if (key_load(&d->key, d->key_path, &made, e) == -1 ||
	    open_store(d, e) == -1)
		return -1;
	if (made)
		log_info("main", "new host key %s", d->key.fingerprint);
	d->broker = broker_new(d->store, &d->key, d->cfg->name, d->cfg->broker,
	    clock_now(), e);
	if (d->broker == NULL)
		return -1;
	d->broker->port = (int)d->cfg->port;
	clock_boot_id(d->broker->boot);
	(void)gate_new(d->broker, on_view, d);
	nb.cluster_id = d->broker->id;
	d->node = node_new(&d->loop, d->store, d->cfg, &d->key, self, &nb, e);
	if (d->node == NULL)
		return -1;
	d->files.config = d->path;
	d->files.key = d->key_path;
	d->api = api_new(&d->loop, d->node, d->broker, &d->files);
	return listen_all(d, self, e);
}

static void
release(struct daemon *d)
{
	if (d->store != NULL)
		store_close(d->store);
	api_free(d->api);		/* its calls ask the node */
	node_free(d->node);
	broker_free(d->broker);
	key_clear(&d->key);
	free(d->key_path);
	if (d->lock > 0)
		(void)close(d->lock);
}

int
daemon_run(struct config *cfg, const char *path, const char *program,
    struct err *e)
{
	struct daemon *d = mem_zero(1, sizeof(*d));
	char *quarantine;
	int rc = -1;

	d->cfg = cfg;
	d->path = path;
	d->lock = daemon_lock(cfg, e);
	if (d->lock == -1)
		goto out;
	if (uv_loop_init(&d->loop) != 0) {
		(void)err_set(e, ERR_IO, "the event loop could not be made");
		goto out;
	}
	if (build(d, program, e) == -1)
		goto out;		/* the process ends: no clean-up */
	quarantine = in_state(d, "quarantine");
	if (getenv("MUSTER_NO_WATCHDOG") == NULL &&
	    watchdog_start(&d->loop, quarantine, e) == -1)
		goto out;
	start_handles(d);
	log_info("main", "version=%s node=%s mode=%s socket=%s port=%lld ready",
	    MUSTER_VERSION, node_name(d->node), node_mode_word(d->node),
	    cfg->socket, (long long)cfg->port);
	service_tell("READY=1");
	(void)uv_run(&d->loop, UV_RUN_DEFAULT);
	release(d);
	free(quarantine);
	if (uv_loop_close(&d->loop) != 0)
		log_warn("main", "the loop was not empty at the end");
	rc = d->broken ? say_broken(cfg, e) : 0;
	if (rc == 0)
		config_clear(cfg);	/* else who reports it does */
out:
	if (rc == 0)
		free(d);
	return rc;
}
