#include "node/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "core/conf_text.h"
#include "core/field.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum { FILE_MAX = 1 << 20, PATH_LIMIT = 255, SOCKET_LIMIT = 107 };

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) .off = offsetof(struct config, member)

static const char *const group_words[] = { "viewer", "operator", "admin",
	NULL };
static const char *const join_words[] = { "agent", "worker", NULL };
static const char *const status_words[] = { "off", "on", NULL };
static const char *const log_words[] = { "error", "warn", "info", "debug",
	NULL };

/* HOST, HOST:PORT, [V6]:PORT: looked up at each dial, so only the form is
 * checked here. */
static int
rule_host(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	(void)checks;
	if (*s == '\0' || strlen(s) > 255 || strpbrk(s, " \t\r\n\"/@") != NULL)
		return err_set(e, ERR_USAGE,
		    "%s: must be a host name or an address, not \"%.100s\"",
		    what, s);
	return 0;
}

static int
rule_store(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	(void)checks;
	if (strncmp(s, "sqlite:", 7) != 0)
		return err_set(e, ERR_USAGE, "%s: must be \"sqlite:\" (in "
		    "state_dir) or \"sqlite:PATH\", not \"%.100s\"", what, s);
	return 0;
}

/* SPEC section 3, step 1. */
static int
rule_message(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	size_t n = utf8_count(s, strlen(s));

	(void)checks;
	if (n > 200)
		return err_set(e, ERR_USAGE,
		    "%s: must be at most 200 characters, not %zu", what, n);
	return 0;
}

/* The bytes of standard base64, or -1. */
static int
base64(const char *s, size_t n, unsigned char *out, size_t size)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				  "qrstuvwxyz0123456789+/";
	unsigned acc = 0;
	int bits = 0;
	size_t len = 0;

	if (n == 0 || n % 4 != 0)
		return -1;
	while (n > 0 && s[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		const char *p = strchr(set, s[i]);

		if (p == NULL || s[i] == '\0')
			return -1;
		acc = (acc << 6 | (unsigned)(p - set)) & 0xffffff;
		if ((bits += 6) < 8)
			continue;
		bits -= 8;
		if (len == size)
			return -1;
		out[len++] = (unsigned char)(acc >> bits);
	}
	return (int)len;
}

/* "TYPE BASE64 [comment]", where the blob begins with its own type. */
static int
rule_key(const char *s, const struct checks *checks, const char *what,
    struct err *e)
{
	static const char *const types[] = { "ssh-ed25519", "ssh-rsa",
		"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
		"ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
		"sk-ecdsa-sha2-nistp256@openssh.com" };
	unsigned char blob[2048];
	size_t tl = strcspn(s, " "), bl;
	int n;

	(void)checks;
	for (size_t i = 0; i < LEN(types); i++) {
		if (strlen(types[i]) != tl || strncmp(types[i], s, tl) != 0 ||
		    s[tl] != ' ')
			continue;
		bl = strcspn(s + tl + 1, " ");
		n = base64(s + tl + 1, bl, blob, sizeof(blob));
		if (n > (int)tl + 8 && memcmp(blob, "\0\0\0", 3) == 0 &&
		    blob[3] == tl && memcmp(blob + 4, types[i], tl) == 0 &&
		    (i != 0 || n == 51))
			return 0;
		return err_set(e, ERR_USAGE, "%s: this %s key is damaged: copy "
		    "the whole line of the .pub file", what, types[i]);
	}
	return err_set(e, ERR_USAGE, "%s: must be a public key as "
	    "\"ssh-ed25519 AAAA… name\", not \"%.40s\"", what, s);
}

static const struct field node_fields[] = {
	{ .name = "name", .kind = FIELD_TEXT, AT(name), .max = 63,
	    .rule = field_rule_name,
	    .help = "name of this node; default: the host name" },
	{ .name = "state_dir", .kind = FIELD_TEXT, AT(state_dir),
	    .max = PATH_LIMIT, .text = "/var/lib/muster",
	    .rule = field_rule_path, .help = "keys, database, run output" },
	{ .name = "socket", .kind = FIELD_TEXT, AT(socket),
	    .max = SOCKET_LIMIT, .text = "/run/muster/musterd.sock",
	    .rule = field_rule_path,
	    .help = "socket of the local console and command line" },
	{ .name = "user", .kind = FIELD_TEXT, AT(user), .max = 32,
	    .rule = field_rule_name,
	    .help = "Unix user to become when started as root; default: stay" },
};

static const struct field listen_fields[] = {
	{ .name = "address", .kind = FIELD_STRS, AT(addresses), .max = 16,
	    .rule = rule_host, .help = "address or list of addresses; default: "
	    "\"::\" (both families) on a broker, \"localhost\" elsewhere" },
	{ .name = "port", .kind = FIELD_INT, AT(port), .max = 65535,
	    .def = 7422,
	    .help = "SSH: agents, consoles, commands; 0: do not listen" },
};

static const struct field broker_fields[] = {
	{ .name = "enabled", .kind = FIELD_BOOL, AT(broker),
	    .help = "this node keeps the cluster" },
	{ .name = "local_agent", .kind = FIELD_BOOL, AT(local_agent), .def = 1,
	    .help = "and is its own first agent" },
	{ .name = "store", .kind = FIELD_TEXT, AT(store), .max = PATH_LIMIT,
	    .text = "sqlite:", .rule = rule_store,
	    .help = "where the cluster is kept: sqlite: (in state_dir) or "
	    "sqlite:PATH" },
};

static const struct field agent_fields[] = {
	{ .name = "allow_control", .kind = FIELD_BOOL, AT(allow_control),
	    .def = 1, .live = true,
	    .help = "the second key: the broker may turn this node "
	    "on and off" },
	{ .name = "initial_status", .kind = FIELD_BOOL, AT(initial_on),
	    .words = status_words,
	    .help = "status at the very first start; on: the pre-configured "
	    "Scheduler" },
	{ .name = "max_runs", .kind = FIELD_INT, AT(max_runs), .max = 100000,
	    .def = -1, .live = true,
	    .help = "at most this many runs here; 0: no cap; default: "
	    "4 x cores" },
	{ .name = "broker", .kind = FIELD_STRS, AT(join_brokers), .max = 16,
	    .rule = rule_host,
	    .help = "HOST[:PORT] or a list: ask to join there by itself" },
	{ .name = "join_as", .kind = FIELD_WORD, AT(join_as),
	    .words = join_words, .help = "mode to join in" },
	{ .name = "message", .kind = FIELD_TEXT, AT(message), .max = 800,
	    .rule = rule_message,
	    .help = "shown with the request, at most 200 characters" },
	{ .name = "token_file", .kind = FIELD_TEXT, AT(token_file),
	    .max = PATH_LIMIT, .rule = field_rule_path,
	    .help = "file (0600) with a token or an invite" },
};

#define OF(member) .off = offsetof(struct config_operator, member)
static const struct field operator_fields[] = {
	{ .name = "name", .kind = FIELD_TEXT, .need = true, OF(name),
	    .max = 63, .rule = field_rule_name, .help = "login name" },
	{ .name = "group", .kind = FIELD_WORD, .need = true, OF(group),
	    .words = group_words, .help = "privileges" },
	{ .name = "key", .kind = FIELD_TEXT, .need = true, OF(key),
	    .max = 4096, .rule = rule_key, .help = "SSH public key" },
};

static const struct field log_fields[] = {
	{ .name = "level", .kind = FIELD_WORD, AT(log_level), .live = true,
	    .def = LOG_INFO, .words = log_words, .help = "least level logged" },
};

#define GROUP(n, table) { .name = n, .kind = FIELD_GROUP, .sub = table, \
	.nsub = LEN(table) }
static const struct field table[] = {
	GROUP("node", node_fields),
	GROUP("listen", listen_fields),
	GROUP("broker", broker_fields),
	GROUP("agent", agent_fields),
	{ .name = "operators", .kind = FIELD_LIST, AT(operators), .live = true,
	    .off_n = offsetof(struct config, noperators),
	    .size = sizeof(struct config_operator), .max = 1000,
	    .sub = operator_fields, .nsub = LEN(operator_fields),
	    .noun = "operator",
	    .help = "who may log in over SSH until users are set" },
	GROUP("log", log_fields),
};

static char *
host_name(void)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) == -1)
		name[0] = '\0';
	name[63] = '\0';
	if (strchr(name, '.') != NULL)
		*strchr(name, '.') = '\0';
	return mem_dup(text_name(name, "host", NULL) == 0 ? name : "node");
}

/* Defaults that depend on the machine or on other values. */
static void
finish(struct config *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->name == NULL)
		c->name = host_name();
	if (c->addresses.n == 0)
		strs_add(&c->addresses, c->broker ? "::" : "localhost");
	if (!c->broker)
		c->local_agent = false;
	if (c->max_runs < 0)
		c->max_runs = 4 * (cores > 0 ? cores : 1);
}

void
config_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	field_defaults(table, LEN(table), c);
	finish(c);
}

char *
config_store_path(const struct config *cfg)
{
	const char *path = cfg->store + strlen("sqlite:");

	if (path[0] != '\0')
		return mem_dup(path);
	return mem_fmt("%s/muster.db", cfg->state_dir);
}

void
config_clear(struct config *c)
{
	field_clear(table, LEN(table), c);
	memset(c, 0, sizeof(*c));
}

/* What no single field can tell. */
static int
cross_check(const struct config *c, struct field_where *w, struct err *e)
{
	for (size_t i = 0; i < c->noperators; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->operators[i].name,
			        c->operators[j].name) == 0 &&
			    strcmp(c->operators[i].key,
			        c->operators[j].key) == 0) {
				(void)snprintf(w->path, sizeof(w->path),
				    "operators.[%zu].key", i);
				return err_set(e, ERR_USAGE, "operator \"%s\": "
				    "this key is there twice",
				    c->operators[i].name);
			}
	if (c->token_file != NULL && c->join_brokers.n == 0) {
		(void)MEM_STR(w->path, "agent.token_file");
		return err_set(e, ERR_USAGE, "agent.token_file: says how to "
		    "join but not where: give agent.broker too");
	}
	return 0;
}

int
config_parse(const char *text, const char *file, struct config *c,
    struct err *e)
{
	struct field_where where = { .in_file = true };
	struct conf_text *t;

	memset(c, 0, sizeof(*c));
	if ((t = conf_text_parse(text, FILE_MAX, file, e)) == NULL)
		return -1;
	if (field_of_json(table, LEN(table), conf_text_json(t), c, NULL,
	        &where, e) == -1 || cross_check(c, &where, e) == -1) {
		(void)conf_text_error(t, where.path, e);
		config_clear(c);
		conf_text_free(t);
		return -1;
	}
	conf_text_free(t);
	finish(c);
	return 0;
}

static int
read_all(const char *path, int fd, struct buf *b, struct err *e)
{
	char part[8192];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "%s", path);
		buf_put(b, part, (size_t)n);
		if (b->failed)
			return err_set(e, ERR_USAGE,
			    "%s: must be at most %d KiB", path,
			    FILE_MAX / 1024);
	}
	if (strlen(b->p) != b->len)
		return err_set(e, ERR_USAGE,
		    "%s: holds a NUL byte: this is no configuration file",
		    path);
	return 0;
}

int
config_load(const char *path, struct config *c, struct err *e)
{
	struct buf b = BUF_INIT(FILE_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;
	const char *base = strrchr(path, '/');

	memset(c, 0, sizeof(*c));
	if (fd == -1 && errno == ENOENT)
		return err_set(e, ERR_NOTFOUND,
		    "%s: no such file: start without -c for the defaults, or "
		    "copy the example from the documentation", path);
	if (fd == -1)
		return err_sys(e, "%s", path);
	rc = read_all(path, fd, &b, e);
	(void)close(fd);
	if (rc == 0)
		rc = config_parse(b.p, base == NULL ? path : base + 1, c, e);
	buf_free(&b);
	return rc;
}

const char *
config_group_word(enum config_group g)
{
	return group_words[g];
}

int
config_group_of(const char *word, enum config_group *g)
{
	for (int i = 0; group_words[i] != NULL; i++)
		if (strcmp(group_words[i], word) == 0) {
			*g = (enum config_group)i;
			return 0;
		}
	return -1;
}

struct walk {
	const struct config *a, *b;
	void (*row)(const struct config_row *, void *);
	void (*diff)(const char *, bool, void *);
	void  *arg;
	size_t n;
};

static void
visit(struct walk *w, const struct field *f, const char *path)
{
	char *value = field_text(f, w->a), *other, *preset, range[128];
	struct config zero = { 0 };

	if (w->row != NULL) {
		field_defaults(f, 1, &zero);
		preset = field_text(f, &zero);
		w->row(&(struct config_row){ path, field_type(f),
		           field_range(f, range, sizeof(range)), value,
		           f->def < 0 ? "" : preset, f->help, f->live },
		    w->arg);
		free(preset);
		field_clear(f, 1, &zero);
	} else {
		other = field_text(f, w->b);
		if (strcmp(value, other) != 0) {
			w->n++;
			if (w->diff != NULL)
				w->diff(path, f->live, w->arg);
		}
		free(other);
	}
	free(value);
}

static void
walk(struct walk *w)
{
	char path[64];

	for (size_t i = 0; i < LEN(table); i++) {
		const struct field *g = &table[i];

		if (g->kind != FIELD_GROUP)
			visit(w, g, g->name);
		else
			for (size_t k = 0; k < g->nsub; k++) {
				(void)snprintf(path, sizeof(path), "%s.%s",
				    g->name, g->sub[k].name);
				visit(w, &g->sub[k], path);
			}
	}
}

size_t
config_diff(const struct config *now, const struct config *next,
    void (*cb)(const char *, bool, void *), void *arg)
{
	struct walk w = { .a = now, .b = next, .diff = cb, .arg = arg };

	walk(&w);
	return w.n;
}

void
config_each(const struct config *c,
    void (*cb)(const struct config_row *, void *), void *arg)
{
	struct walk w = { .a = c, .row = cb, .arg = arg };

	walk(&w);
}
