/* doctor: looks at this node and names each problem with its cure.  It begins
 * with a write, so that a store that takes none is seen. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "api/call.h"
#include "broker/roster.h"
#include "js.h"
#include "mem.h"

enum { DISK_BAD = 95, DISK_FULL_SOON = 90, FD_BAD = 90, ANSWER_MS = 100 };

enum verdict { FINE, WARNING, PROBLEM };

static void finding(json_t *, const char *check, enum verdict,
    const char *cure, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static void
finding(json_t *list, const char *check, enum verdict v, const char *cure,
    const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "problem" };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:o}",
	    "check", check, "state", words[v], "detail", js_text(text), "cure",
	    v != FINE ? js_text(cure) : json_null()));
}

/* ---- this machine ---- */

static void
on_diff(const char *path, bool live, void *arg)
{
	struct buf *b = arg;

	buf_fmt(b, "%s%s%s", b->len > 0 ? ", " : "", path,
	    live ? "" : " (needs a restart)");
}

static void
check_config(struct call *c, json_t *list)
{
	const char *file = c->api->files.config;
	struct buf b = BUF_INIT(800);
	struct config next;
	struct err e;

	if (file == NULL) {
		finding(list, "configuration", FINE, NULL,
		    "no file: the defaults");
		return;
	}
	if (config_load(file, &next, &e) == -1) {
		finding(list, "configuration", PROBLEM, "correct the file: "
		    "musterd -n checks it; until then the old one holds",
		    "%s", e.msg);
		return;
	}
	if (config_diff(node_config(c->api->node), &next, on_diff, &b) > 0)
		finding(list, "configuration", WARNING,
		    "systemctl reload musterd, or restart it", "%s differs from "
		    "what runs: %s", file, b.p);
	else
		finding(list, "configuration", FINE, NULL, "%s", file);
	config_clear(&next);
	buf_free(&b);
}

static void
check_permissions(struct call *c, json_t *list)
{
	const char *dir = node_config(c->api->node)->state_dir;
	const char *key = c->api->files.key;
	struct stat st;

	if (stat(dir, &st) == -1 || access(dir, W_OK | X_OK) == -1)
		finding(list, "state directory", PROBLEM, "make it writable "
		    "for musterd's user", "%s cannot be written", dir);
	else if (st.st_mode & 022)
		finding(list, "state directory", PROBLEM, "chmod 0750 it: "
		    "whoever writes there can become this node",
		    "%s may be written by others (mode %04o)", dir,
		    (unsigned)st.st_mode & 07777);
	else
		finding(list, "state directory", FINE, NULL, "%s", dir);
	if (stat(key, &st) == -1)
		finding(list, "host key", PROBLEM, "restore it from a backup "
		    "before the next restart", "%s is not there", key);
	else if (st.st_mode & 077)
		finding(list, "host key", PROBLEM, "chmod 0600 it",
		    "%s may be read by others (mode %04o)", key,
		    (unsigned)st.st_mode & 07777);
	else
		finding(list, "host key", FINE, NULL, "%s",
		    node_key(c->api->node)->fingerprint);
	if (geteuid() == 0)
		finding(list, "user", WARNING, "set node.user in musterd.conf",
		    "musterd runs as root");
	else
		finding(list, "user", FINE, NULL, "uid %u",
		    (unsigned)geteuid());
}

static void
check_disk(struct call *c, json_t *list)
{
	const char *dir = node_config(c->api->node)->state_dir;
	struct statvfs fs;
	double used;

	if (statvfs(dir, &fs) == -1 || fs.f_blocks == 0)
		return;
	used = 100.0 * (double)(fs.f_blocks - fs.f_bavail) /
	    (double)fs.f_blocks;
	finding(list, "disk", used > DISK_BAD ? PROBLEM
	    : used > DISK_FULL_SOON ? WARNING : FINE, "free space on the file "
	    "system of the state directory", "%s: %.0f %% used, %.1f GiB free",
	    dir, used, (double)fs.f_bavail * (double)fs.f_frsize /
	    (1024.0 * 1024 * 1024));
}

static void
check_clock(json_t *list)
{
	struct timex t = { 0 };
	int rc = adjtimex(&t);

	if (rc == -1)
		finding(list, "clock", WARNING, "allow adjtimex, or check the "
		    "clock on the host", "its state cannot be read here");
	else if (rc == TIME_ERROR || (t.status & STA_UNSYNC))
		finding(list, "clock", WARNING, "run a time service (chrony, "
		    "systemd-timesyncd)", "the kernel says that the clock is "
		    "not synchronised");
	else
		finding(list, "clock", FINE, NULL, "synchronised");
}

static void
check_files(json_t *list)
{
	struct rlimit rl;
	DIR *d = opendir("/proc/self/fd");
	long n = 0;

	if (d == NULL || getrlimit(RLIMIT_NOFILE, &rl) == -1) {
		if (d != NULL)
			(void)closedir(d);
		return;
	}
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	n -= 3;				/* ., .. and the directory itself */
	finding(list, "open files", (rlim_t)n * 100 > rl.rlim_cur * FD_BAD
	    ? PROBLEM : FINE, "raise LimitNOFILE in the unit, or ulimit -n",
	    "%ld of %llu", n, (unsigned long long)rl.rlim_cur);
}

/* Somebody answers at this address (loopback answers at once). */
static bool
answers(const char *host, int64_t port)
{
	struct addrinfo want = { .ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_STREAM }, *ai = NULL;
	char text[8];
	int fd, rc = -1;

	(void)snprintf(text, sizeof(text), "%d", (int)port);
	if (getaddrinfo(host, text, &want, &ai) != 0)
		return false;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd != -1) {
		/* To an address of this machine it is pending, if at all, for
		 * a moment only. */
		rc = connect(fd, ai->ai_addr, ai->ai_addrlen);
		if (rc == -1 && errno == EINPROGRESS) {
			struct pollfd p = { fd, POLLOUT, 0 };

			rc = poll(&p, 1, ANSWER_MS) == 1 &&
			    (p.revents & (POLLERR | POLLHUP)) == 0 ? 0 : -1;
		}
		(void)close(fd);
	}
	freeaddrinfo(ai);
	return rc == 0;
}

static void
check_listener(struct call *c, json_t *list)
{
	const struct config *cfg = node_config(c->api->node);

	if (cfg->port == 0) {
		finding(list, "listener", cfg->broker ? PROBLEM : FINE,
		    "set listen.port: agents cannot reach this broker",
		    "off (listen.port is 0)");
		return;
	}
	for (size_t i = 0; i < cfg->addresses.n; i++) {
		const char *a = cfg->addresses.v[i];
		const char *to = strcmp(a, "::") == 0 ? "::1"
		    : strcmp(a, "0.0.0.0") == 0 || strcmp(a, "localhost") == 0
		        ? "127.0.0.1" : a;
		bool up = answers(to, cfg->port) || (strcmp(a, "::") == 0 &&
		    answers("127.0.0.1", cfg->port));

		finding(list, "listener", up ? FINE : PROBLEM, "is the port "
		    "taken by another program? (ss -ltnp); restart musterd",
		    "%s port %lld %s", a, (long long)cfg->port,
		    up ? "answers" : "does not answer");
	}
}

/* ---- the daemon ---- */

static void
check_node(struct call *c, json_t *list)
{
	const char *refuses = node_refuses(c->api->node);

	if (node_keeper_up(c->api->node))
		finding(list, "keeper", FINE, NULL, "connected");
	else
		finding(list, "keeper", PROBLEM, "is muster-keeper installed? "
		    "see the log of musterd", "not connected: no run can "
		    "start here, runs that go on are kept");
	if (refuses != NULL)
		finding(list, "runs", WARNING, "see the other findings",
		    "this node takes no runs: %s", refuses);
}

static void
check_link(struct call *c, json_t *list)
{
	const struct seat *away = node_away(c->api->node);

	if (away == NULL)
		return;
	if (seat_up(away))
		finding(list, "broker link", FINE, NULL, "%s, as %s, round "
		    "trip %.1f ms", seat_facts(away)->broker,
		    seat_facts(away)->name, seat_latency(away) > 0
		        ? seat_latency(away) : 0.0);
	else
		finding(list, "broker link", PROBLEM, "is musterd running "
		    "there, its port open, its key the same? (muster -H there "
		    "doctor)", "%s: %s", seat_facts(away)->broker,
		    seat_trouble(away)[0] != '\0' ? seat_trouble(away)
						  : "connecting");
}

/* Over it this node is not eligible, and nobody looks at it there. */
static void
check_offset(struct call *c, json_t *list)
{
	const struct seat *away = node_away(c->api->node);
	int64_t ms, most;

	if (away == NULL || !seat_skew(away, &ms, &most))
		return;
	finding(list, "clock offset", llabs(ms) > most ? PROBLEM : FINE,
	    "fix the time synchronisation here, or at the broker", "%+.3f s "
	    "from the broker's (max_skew %.1f s)", (double)ms / 1000,
	    (double)most / 1000);
}

static void
check_members(struct call *c, json_t *list)
{
	const struct roster *r = c->b->roster;
	size_t n = 0, off = 0, other = 0, skewed = 0;

	if (node_away(c->api->node) != NULL || !c->b->awake)
		return;
	for (size_t i = 0; i < r->n; i++) {
		const struct member *m = r->members[i];

		if (!member_active(m))
			continue;
		n++;
		off += !r->agents[i].connected && !m->offline_ok;
		skewed += r->agents[i].connected && !r->agents[i].clock_ok;
		other += m->version[0] != '\0' &&
		    strcmp(m->version, MUSTER_VERSION) != 0;
	}
	finding(list, "agents", off > 0 ? WARNING : FINE,
	    "muster agent list --connected false; muster doctor there",
	    "%zu, %zu not connected", n, off);
	if (skewed > 0)
		finding(list, "agents' clocks", WARNING, "fix the time "
		    "synchronisation there", "%zu more than max_skew off",
		    skewed);
	finding(list, "versions", other > 0 ? WARNING : FINE,
	    "update all nodes, the broker first", "broker %s, %zu agents with "
	    "another", MUSTER_VERSION, other);
}

static void
check_alerts(struct call *c, json_t *list)
{
	json_t *alerts = alert_list(c->b->events), *a;
	size_t i;

	json_array_foreach(alerts, i, a)
		finding(list, "alert", WARNING, "see muster event list --code",
		    "%s: %s", js_str(a, "code", ""), js_str(a, "message", ""));
	json_decref(alerts);
}

static void
on_written(enum store_rc rc, void *arg)
{
	struct call *c = arg;
	json_t *list;

	c->b->now = c->b->clock();
	list = json_array();
	check_config(c, list);
	check_permissions(c, list);
	check_disk(c, list);
	if (rc == STORE_OK)
		finding(list, "store", FINE, NULL, "%s takes writes",
		    node_config(c->api->node)->store);
	else
		finding(list, "store", PROBLEM, "free disk space; if that is "
		    "not it: muster backup, then restart musterd", "%s takes "
		    "no writes: %s", node_config(c->api->node)->store,
		    store_rc_word(rc));
	check_clock(list);
	check_files(list);
	check_listener(c, list);
	check_node(c, list);
	check_link(c, list);
	check_offset(c, list);
	check_members(c, list);
	check_alerts(c, list);
	call_done(c, list);
}

void
do_doctor(struct call *c)
{
	struct batch *batch = batch_new();

	batch_add(batch, S_TERM_TOUCH, "");
	store_submit(c->b->store, batch, on_written, c);
}
