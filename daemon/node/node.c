#include "node/node.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "js.h"
#include "log.h"
#include "mem.h"
#include "net/dial.h"
#include "node/node_impl.h"
#include "node/outputs.h"
#include "text.h"

enum {
	DISK_MIN = 16 << 20,		/* bytes free, to take runs */
	CHECK_MS = 2000,
	FIRST_SAMPLE_MS = 900,
	TRIM_MS = 600000,
	PIDS = 512
};

/* ---- facts about this machine ---- */

static int64_t
random_start(void)
{
	uint64_t v = 0;

	(void)getrandom(&v, sizeof(v), 0);
	return (int64_t)(v >> 12) + 1;	/* fits a JSON number everywhere */
}

static void
check_disk(struct node *n)
{
	struct statvfs fs;

	if (n->checked.us != 0 &&
	    mono_diff_ms(n->now.mono, n->checked) < CHECK_MS)
		return;
	n->checked = n->now.mono;
	if (statvfs(n->cfg->state_dir, &fs) == -1)
		return;
	n->disk_full = (uint64_t)fs.f_bavail * fs.f_frsize < DISK_MIN;
}

static const char disk_full[] =
    "the disk of this node's state directory is full";

const char *
node_refuses(struct node *n)
{
	check_disk(n);
	if (n->closing)
		return "this node is shutting down";
	if (n->disk_full)
		return disk_full;
	if (n->keeper == NULL || !keeper_is_up(n->keeper))
		return "the keeper of this node is not running";
	return NULL;
}

static json_t *
take_sample(void *ctx)
{
	struct node *n = ctx;
	pid_t pids[PIDS];
	struct sample s;

	if (n->sample != NULL &&
	    mono_diff_ms(n->now.mono, n->sampled) < 900)
		return json_incref(n->sample);
	/* A rate over the few milliseconds of a start says nothing. */
	if (n->sample == NULL &&
	    mono_diff_ms(n->now.mono, n->sampler.at) < FIRST_SAMPLE_MS)
		return NULL;
	sampler_watch(&n->sampler, pids, runs_pids(n->runs, pids, PIDS));
	sampler_take(&n->sampler, n->now.mono, &s);
	sampler_watch(&n->sampler, NULL, 0);
	json_decref(n->sample);
	n->sample = json_object();
	n->sampled = n->now.mono;
	for (unsigned m = 0; m < METRIC_COUNT; m++)
		if (sample_has(&s, (enum metric)m))
			(void)json_object_set_new(n->sample,
			    metric_name((enum metric)m),
			    json_real((double)s.v[m]));
	return json_incref(n->sample);
}

/* ---- seats ---- */

static bool
trust_member(void *ctx, const char *pub, const char *fingerprint,
    struct err *why)
{
	const struct seat_facts *f = seat_facts(ctx);

	if (strcmp(pub, f->broker_key) == 0)
		return true;
	(void)err_set(why, ERR_DENIED, "the broker at %s has another key (%s) "
	    "than the one this node joined: not talking to it; if it was "
	    "really replaced: muster leave, then join again", f->broker,
	    fingerprint);
	return false;
}

static struct session *
dial_away(void *ctx, struct seat *seat, const struct session_ops *ops)
{
	struct node *n = ctx;
	struct dial d = { .key = n->key, .trust = trust_member };
	const char *where = n->member.hosts.v[n->host++ % n->member.hosts.n];
	char host[TEXT_HOST];
	int port = 7422;
	struct err e;

	if (text_host(where, host, &port, &e) == -1)
		log_error("link", "%s", e.msg);
	d.host = host;
	d.port = port;
	return dial_start(n->loop, &d, ops, seat);
}

static struct session *
dial_own(void *ctx, struct seat *seat, const struct session_ops *ops)
{
	struct node *n = ctx;
	struct session *mine, *theirs;

	session_pair(n->loop, &mine, &theirs);
	session_own(mine, ops, seat);
	n->broker.accept(n->broker.ctx, theirs);
	return mine;
}

static const char *
seat_refuses(void *ctx)
{
	return node_refuses(ctx);
}

static const char *
seat_no_room(void *ctx)
{
	struct node *n = ctx;

	check_disk(n);
	return n->disk_full ? disk_full : NULL;
}

static void
seat_disowned(void *ctx, struct seat *seat, const char *state,
    const char *reason)
{
	struct node *n = ctx;

	if (seat != n->away)
		return;
	/* Not from within the seat's own call. */
	n->disowned = true;
	(void)snprintf(n->disowned_why, sizeof(n->disowned_why),
	    "%s by %s%s%s", strcmp(state, "left") == 0 ? "released" : "removed",
	    n->member.cluster, reason[0] != '\0' ? ": " : "", reason);
}

static void
seat_changed(void *ctx, struct seat *seat)
{
	(void)ctx;
	(void)seat;
}

/* The broker may rename its cluster or this member, or name other addresses of
 * its own: all of that has to hold at the next start too. */
static void
seat_told(void *ctx, struct seat *seat, const json_t *o)
{
	struct node *n = ctx;
	struct membership *m = &n->member;
	const json_t *hosts = json_object_get(o, "hosts"), *v;
	bool other = json_array_size(hosts) > 0 &&
	    json_array_size(hosts) != m->hosts.n;
	struct err e;
	size_t i;

	json_array_foreach((json_t *)hosts, i, v)
		other |= i < m->hosts.n &&
		    strcmp(m->hosts.v[i], json_string_value(v)) != 0;
	if (!other && strcmp(m->name, seat_facts(seat)->name) == 0 &&
	    strcmp(m->cluster, seat_facts(seat)->cluster) == 0)
		return;
	(void)MEM_STR(m->name, seat_facts(seat)->name);
	(void)MEM_STR(m->cluster, seat_facts(seat)->cluster);
	runs_set_agent(n->runs, m->name);
	if (other) {
		strs_clear(&m->hosts);
		json_array_foreach((json_t *)hosts, i, v)
			strs_add(&m->hosts, json_string_value(v));
	}
	if (membership_store(m, n->store, &e) == -1)
		log_error("node", "%s", e.msg);
}

static void
seat_alerts(void *ctx, const char *code, const char *text)
{
	struct node *n = ctx;

	n->broker.alert(n->broker.ctx, code, text);
}

static const struct seat_ops away_ops = {
	.dial = dial_away,
	.sample = take_sample,
	.refuses = seat_refuses,
	.no_room = seat_no_room,
	.disowned = seat_disowned,
	.changed = seat_changed,
	.settings = seat_told,
	.alert = seat_alerts,
};

static const struct seat_ops own_ops = {
	.dial = dial_own,
	.sample = take_sample,
	.refuses = seat_refuses,
	.no_room = seat_no_room,
	.disowned = seat_disowned,
	.changed = seat_changed,
	.alert = seat_alerts,
};

static void
facts_common(const struct node *n, struct seat_facts *f)
{
	(void)MEM_STR(f->boot, n->boot);
	f->start = n->start;
	f->loop = n->loop;
	f->cap = n->cfg->max_runs;
}

static void
sit_own(struct node *n)
{
	struct seat_facts f = { .near = true, .controlled = true };
	struct err e;

	facts_common(n, &f);
	(void)MEM_STR(f.cluster_id, n->broker.cluster_id);
	(void)MEM_STR(f.name, n->cfg->name);
	(void)MEM_STR(f.cluster, n->cfg->name);
	(void)MEM_STR(f.broker, n->cfg->name);
	if (n->cfg->broker) {
		f.controlled = n->cfg->allow_control;
		f.initial_on = n->cfg->initial_on;
	} else
		f.initial_on = true;	/* its own scheduler from the start */
	if (n->broker.admit_self(n->broker.ctx, n->cfg->name, &e) == -1)
		log_error("node", "%s", e.msg);
	n->own = seat_new(n->store, n->runs, &f, &own_ops, n, n->now);
}

static void
sit_away(struct node *n)
{
	struct seat_facts f = { .near = false };

	facts_common(n, &f);
	(void)MEM_STR(f.cluster_id, n->member.cluster_id);
	(void)MEM_STR(f.cluster, n->member.cluster);
	(void)MEM_STR(f.name, n->member.name);
	(void)MEM_STR(f.broker, n->member.hosts.n > 0 ? n->member.hosts.v[0]
						      : n->member.broker);
	(void)MEM_STR(f.broker_key, n->member.broker_key);
	f.controlled = n->cfg->allow_control && !n->member.worker;
	f.initial_on = n->cfg->initial_on;
	n->away = seat_new(n->store, n->runs, &f, &away_ops, n, n->now);
	runs_set_agent(n->runs, n->member.name);
}

/* SPEC section 2: what its own catalogue's triggers do in each mode. */
static bool
own_wakes(const struct node *n)
{
	if (!n->member.joined)
		return true;
	return !n->member.worker && !n->cfg->allow_control;
}

void
node_arrange(struct node *n)
{
	bool own = own_wakes(n) && (!n->cfg->broker || n->cfg->local_agent);

	if (n->away != NULL && !n->member.joined) {
		seat_free(n->away);
		n->away = NULL;
		runs_set_agent(n->runs, n->cfg->name);
	}
	if (n->own != NULL && !own) {
		seat_free(n->own);
		n->own = NULL;
	}
	n->broker.wake(n->broker.ctx, own_wakes(n));
	if (n->own == NULL && own)
		sit_own(n);
	if (n->away == NULL && n->member.joined)
		sit_away(n);
}

void
node_reload(struct node *n)
{
	bool key = n->cfg->allow_control, had;

	n->now = clock_now();
	if (n->away != NULL && !n->member.worker) {
		had = seat_facts(n->away)->controlled;
		seat_control(n->away, key, n->cfg->max_runs, n->now);
		if (had != key)
			node_arrange(n);
		/* SPEC section 2: it stays OFF; only `agent on` asked of this
		 * node wakes its local triggers. */
		if (had && !key && n->own != NULL)
			seat_hold(n->own, true, n->now);
	} else if (n->away != NULL)
		seat_control(n->away, false, n->cfg->max_runs, n->now);
	if (n->own != NULL)
		seat_control(n->own, key || !n->cfg->broker,
		    n->cfg->max_runs, n->now);
}

int
node_enrol(struct node *n, struct membership *m, struct err *e)
{
	if (membership_store(m, n->store, e) == -1)
		return -1;
	membership_clear(&n->member);
	n->member = *m;
	*m = (struct membership){ 0 };
	n->disowned = false;
	log_info("node", "joined %s as %s (%s)", n->member.cluster,
	    n->member.name, n->member.worker ? "worker" : "agent");
	n->broker.event(n->broker.ctx, "joined_cluster", n->member.cluster);
	node_arrange(n);
	return 0;
}

int
node_unenrol(struct node *n, struct err *e)
{
	if (membership_drop(&n->member, n->store, e) == -1)
		return -1;
	node_arrange(n);
	return 0;
}

/* ---- runs ---- */

static void
on_run_report(void *ctx, const char *cluster, const json_t *report)
{
	struct node *n = ctx;
	struct seat *seats[] = { n->own, n->away };

	for (size_t i = 0; i < 2; i++)
		if (seats[i] != NULL &&
		    strcmp(seat_facts(seats[i])->cluster_id, cluster) == 0)
			seat_report(seats[i], report);
}

static const struct runs_ops run_ops = {
	.report = on_run_report,
};

/* ---- life ---- */

struct node *
node_new(uv_loop_t *loop, struct store *store, const struct config *cfg,
    const struct key *key, const char *musterd_path,
    const struct node_broker *broker, struct err *e)
{
	struct node *n = mem_zero(1, sizeof(*n));

	(void)e;
	n->loop = loop;
	n->store = store;
	n->cfg = cfg;
	n->key = key;
	n->broker = *broker;
	n->now = clock_now();
	n->started = n->now.wall;
	n->start = random_start();
	clock_boot_id(n->boot);
	membership_load(&n->member, store);
	sampler_init(&n->sampler, "", cfg->state_dir, n->now.mono);
	n->runs = runs_new(store, n->member.joined ? n->member.name : cfg->name,
	    &run_ops, n);
	n->keeper = keeper_new(loop, cfg->state_dir, musterd_path,
	    &runs_keeper_ops, n->runs);
	runs_set_keeper(n->runs, n->keeper);
	n->joins = joins_new(n);
	node_arrange(n);
	return n;
}

static void
go_home(struct node *n)
{
	struct err e;

	n->disowned = false;
	log_warn("node", "this node is standalone again: %s", n->disowned_why);
	if (node_unenrol(n, &e) == -1) {
		log_error("node", "%s", e.msg);
		return;
	}
	n->broker.event(n->broker.ctx, "disowned", n->disowned_why);
}

mono
node_turn(struct node *n, struct now now)
{
	mono next = MONO_NEVER;
	int64_t by;

	n->now = now;
	if (n->trimmed.us == 0 ||
	    mono_diff_ms(now.mono, n->trimmed) > TRIM_MS) {
		n->trimmed = now.mono;
		(void)jump_look(&n->jump, now, &by);
		if (jump_settled(&n->jump, now.mono))
			outputs_trim(n->cfg->state_dir);
	}
	if (n->disowned)
		go_home(n);
	if (n->own != NULL)
		next = mono_min(next, seat_turn(n->own, now));
	if (n->away != NULL)
		next = mono_min(next, seat_turn(n->away, now));
	return mono_min(next, joins_turn(n, now));
}

static void
on_keeper_closed(void *arg)
{
	struct node *n = arg;

	n->keeper = NULL;
	n->closed(n->closed_arg);
}

void
node_retire(struct node *n)
{
	n->closing = true;
	if (n->away != NULL && seat_lease(n->away)->d.on)
		seat_bye(n->away);
}

bool
node_retired(const struct node *n)
{
	return n->away == NULL || !seat_up(n->away) ||
	    !seat_lease(n->away)->d.on;
}

void
node_close(struct node *n, void (*done)(void *), void *arg)
{
	n->closing = true;
	n->closed = done;
	n->closed_arg = arg;
	if (n->away != NULL) {
		seat_free(n->away);
		n->away = NULL;
	}
	seat_free(n->own);
	n->own = NULL;
	runs_set_keeper(n->runs, NULL);
	keeper_close(n->keeper, on_keeper_closed, n);
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	joins_free(n->joins);
	runs_free(n->runs);
	membership_clear(&n->member);
	json_decref(n->sample);
	free(n);
}

/* ---- asked ---- */

enum node_mode
node_mode(const struct node *n)
{
	if (n->member.joined)
		return n->member.worker ? NODE_WORKER : NODE_AGENT;
	if (n->cfg->broker)
		return n->cfg->local_agent ? NODE_AGENT : NODE_BROKER;
	return NODE_STANDALONE;
}

const char *
node_mode_word(const struct node *n)
{
	static const char *const words[] = { [NODE_STANDALONE] = "standalone",
		[NODE_AGENT] = "agent", [NODE_WORKER] = "worker",
		[NODE_BROKER] = "broker" };

	return words[node_mode(n)];
}

const char *
node_name(const struct node *n)
{
	return n->member.joined ? n->member.name : n->cfg->name;
}

struct seat *
node_seat(const struct node *n)
{
	return n->away != NULL ? n->away : n->own;
}

struct seat *
node_away(const struct node *n)
{
	return n->away;
}

struct runs *
node_runs(const struct node *n)
{
	return n->runs;
}

const struct config *
node_config(const struct node *n)
{
	return n->cfg;
}

const struct key *
node_key(const struct node *n)
{
	return n->key;
}

bool
node_keeper_up(const struct node *n)
{
	return n->keeper != NULL && keeper_is_up(n->keeper);
}

static json_t *
broker_json(const struct node *n)
{
	if (n->away != NULL)
		return json_pack("{s:s,s:s,s:b,s:o}", "name", n->member.broker,
		    "address", seat_facts(n->away)->broker, "connected",
		    seat_up(n->away), "trouble",
		    seat_trouble(n->away)[0] != '\0'
		        ? js_text(seat_trouble(n->away)) : json_null());
	if (n->cfg->broker)
		return json_pack("{s:s,s:s,s:b,s:n}", "name", n->cfg->name,
		    "address", "self", "connected", 1, "trouble");
	return json_null();
}

json_t *
node_status(const struct node *n, struct now now)
{
	const struct seat *s = node_seat(n);
	const struct lease *l = s != NULL ? seat_lease(s) : NULL;
	bool on = l != NULL && l->d.on, fires = s != NULL && seat_fires(s, now);
	bool part = n->away != NULL || n->cfg->broker;
	const char *role = "none";

	if (part && s != NULL && seat_facts(s)->controlled)
		role = on ? "scheduler" : "spare";
	return json_pack(
	    "{s:s,s:o,s:s,s:s,s:s,s:b,s:b,s:b,s:I,s:I,s:o,s:o,s:o,s:s,s:o}",
	    "node",
	    node_name(n), "cluster",
	    n->away != NULL ? js_text(seat_facts(n->away)->cluster)
	    : n->cfg->broker && n->own != NULL
	        ? js_text(seat_facts(n->own)->cluster) : json_null(),
	    "mode", node_mode_word(n), "role", role, "status",
	    on ? "on" : "off", "held_here", l != NULL && l->d.held != 0,
	    "suspended", on && !fires, "local",
	    s != NULL && seat_alone(s), "spooled",
	    (json_int_t)(s != NULL ? seat_untold(s) : 0), "epoch",
	    (json_int_t)(l != NULL ? l->d.epoch : 0), "lease_left",
	    fires ? js_secs(lease_left(l, now.mono)) : json_null(), "broker",
	    broker_json(n), "control", n->away != NULL
	        ? js_text(seat_facts(n->away)->control) : json_null(),
	    "version", MUSTER_VERSION, "join",
	    node_join_state(n));
}
