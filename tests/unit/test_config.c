/* What a user would lose: a typo in musterd.conf that is silently ignored, a
 * message that does not say where, a reload that half applies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config.h"

#define ED25519 "ssh-ed25519 " \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

static void
refuses(const char *text, const char *message)
{
	struct err e = { 0 };
	struct config c;

	if (config_parse(text, "musterd.conf", &c, &e) == 0) {
		config_clear(&c);
		fail_msg("accepted: %s", text);
	}
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(e.msg, message);
}

static void
test_defaults(void **state)
{
	struct config c;

	(void)state;
	config_defaults(&c);
	assert_true(strlen(c.name) > 0);
	assert_string_equal(c.state_dir, "/var/lib/muster");
	assert_string_equal(c.socket, "/run/muster/musterd.sock");
	assert_int_equal(c.addresses.n, 1);
	assert_string_equal(c.addresses.v[0], "localhost");
	assert_int_equal(c.port, 7422);
	assert_false(c.broker);
	assert_false(c.local_agent);
	assert_string_equal(c.store, "sqlite:");
	assert_true(c.allow_control);
	assert_false(c.initial_on);
	assert_int_equal(c.max_runs, 4 * sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(c.noperators, 0);
	assert_int_equal(c.log_level, LOG_INFO);
	assert_null(c.user);
	config_clear(&c);
}

static void
test_everything(void **state)
{
	static const char text[] =
	    "node: { name = \"node-a\"; state_dir = \"/s\"; socket = \"/r/s\";"
	    " user = \"muster\"; };\n"
	    "listen: { address = [ \"::1\", \"127.0.0.1\" ]; port = 0; };\n"
	    "broker: { enabled = true; local_agent = false;"
	    " store = \"sqlite:/x.db\"; };\n"
	    "agent: { allow_control = false; initial_status = \"on\";"
	    " max_runs = 0; broker = \"node-b:7422\"; join_as = \"worker\";"
	    " message = \"rack 7\"; token_file = \"/etc/t\"; };\n"
	    "operators = ( { name = \"anna\"; group = \"operator\";"
	    " key = \"" ED25519 " anna@desk\"; } );\n"
	    "log: { level = \"debug\"; };\n";
	struct err e = { 0 };
	struct config c;

	(void)state;
	if (config_parse(text, "musterd.conf", &c, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(c.name, "node-a");
	assert_string_equal(c.user, "muster");
	assert_int_equal(c.addresses.n, 2);
	assert_string_equal(c.addresses.v[1], "127.0.0.1");
	assert_int_equal(c.port, 0);
	assert_true(c.broker);
	assert_false(c.local_agent);
	assert_false(c.allow_control);
	assert_true(c.initial_on);
	assert_int_equal(c.max_runs, 0);
	assert_int_equal(c.join_brokers.n, 1);
	assert_string_equal(c.join_brokers.v[0], "node-b:7422");
	assert_int_equal(c.join_as, CONFIG_JOIN_WORKER);
	assert_string_equal(c.message, "rack 7");
	assert_string_equal(c.token_file, "/etc/t");
	assert_int_equal(c.noperators, 1);
	assert_string_equal(c.operators[0].name, "anna");
	assert_int_equal(c.operators[0].group, CONFIG_OPERATOR);
	assert_int_equal(c.log_level, LOG_DEBUG);
	config_clear(&c);
}

static void
test_broker_listens_on_all(void **state)
{
	struct err e;
	struct config c;

	(void)state;
	assert_int_equal(config_parse("broker: { enabled = true; };", "f", &c,
	    &e), 0);
	assert_string_equal(c.addresses.v[0], "::");
	assert_true(c.local_agent);
	config_clear(&c);
	assert_int_equal(config_parse("", "f", &c, &e), 0);
	assert_string_equal(c.addresses.v[0], "localhost");
	config_clear(&c);
}

static void
test_messages(void **state)
{
	(void)state;
	refuses("\nlisten:\n{\n  prot = 1;\n};\n", "musterd.conf:4: "
	    "unknown name \"listen.prot\": did you mean \"port\"?");
	refuses("lisen: { port = 1; };", "musterd.conf:1: "
	    "unknown name \"lisen\": did you mean \"listen\"?");
	refuses("log: { xyzzyxyzzy = 1; };", "musterd.conf:1: unknown name "
	    "\"log.xyzzyxyzzy\"; known here: level");
	refuses("listen: {\n port = 70000; };", "musterd.conf:2: listen.port: "
	    "must be a whole number 0..65535, not 70000");
	refuses("listen: { port = \"7422\"; };", "musterd.conf:1: listen.port: "
	    "must be a whole number 0..65535, not \"7422\"");
	refuses("broker: { enabled = 1; };", "musterd.conf:1: broker.enabled: "
	    "must be true or false, not 1");
	refuses("broker: { store = \"postgresql://x\"; };", "musterd.conf:1: "
	    "broker.store: must be \"sqlite:\" (in state_dir) or "
	    "\"sqlite:PATH\", not \"postgresql://x\"");
	refuses("node: { name = \"a b\"; };", "musterd.conf:1: node.name: must "
	    "be 1 to 63 of A-Z a-z 0-9 . _ -, starting with a letter, a digit "
	    "or _, not \"a b\"");
	refuses("node: { state_dir = \"var\"; };", "musterd.conf:1: "
	    "node.state_dir: must be an absolute path, not \"var\"");
	refuses("agent: { initial_status = \"maybe\"; };", "musterd.conf:1: "
	    "agent.initial_status: must be off or on, not \"maybe\"");
	refuses("log: { level = \"inof\"; };", "musterd.conf:1: log.level: "
	    "must be error, warn, info or debug, not \"inof\": did you mean "
	    "\"info\"?");
	refuses("agent: { token_file = \"/t\"; };", "musterd.conf:1: "
	    "agent.token_file: says how to join but not where: give "
	    "agent.broker too");
	refuses("listen: 5;", "musterd.conf:1: listen: must be a group, as "
	    "{ name = …; }, not 5");
	refuses("listen: { port = 1; port = 2; };",
	    "musterd.conf:1: duplicate setting name");
	refuses("listen {", "musterd.conf:1: syntax error");
	/* These two leak in libconfig 1.5, if they get there. */
	refuses("log: { level = 5 \"info\"; };", "musterd.conf:1: syntax "
	    "error");
	refuses("log: {\n level = \"info; };\n", "musterd.conf:2: this text or "
	    "comment has no end");
	refuses("/* log: {\n", "musterd.conf:1: this text or comment has no "
	    "end");
	refuses("\n\n  @include \"/etc/shadow\"\n", "musterd.conf:3: @include "
	    "is not taken here: write everything into one file");
	refuses("log: { level = \"\\xff\"; };",
	    "musterd.conf:1: this text is not valid UTF-8");
	refuses("\xff", "musterd.conf: is not valid UTF-8");
}

static void
test_operators(void **state)
{
	(void)state;
	refuses("operators = (\n { name = \"anna\"; group = \"admin\";\n"
	    " key = \"ssh-ed25519 AAAA\"; } );", "musterd.conf:3: operator "
	    "\"anna\": key: this ssh-ed25519 key is damaged: copy the whole "
	    "line of the .pub file");
	refuses("operators = (\n { name = \"anna\"; group = \"root\";\n"
	    " key = \"" ED25519 "\"; } );", "musterd.conf:2: operator "
	    "\"anna\": group: must be viewer, operator or admin, not "
	    "\"root\"");
	refuses("operators = (\n { name = \"anna\"; group = \"admin\"; } );",
	    "musterd.conf:2: operator \"anna\": key must be given");
	refuses("operators = ( { name = \"a\"; group = \"admin\"; key = \""
	    ED25519 "\"; }, { name = \"a\"; group = \"admin\"; key = \""
	    ED25519 "\"; } );", "musterd.conf:1: operator \"a\": this key is "
	    "there twice");
}

/* A hostile or broken file must not take long or much stack. */
static void
test_bounds(void **state)
{
	char *deep = malloc(200001), *wide = malloc(1 << 19);
	size_t n = 0;

	(void)state;
	memset(deep, '(', 200000);
	memcpy(deep, "operators=", 10);
	deep[200000] = '\0';
	refuses(deep, "musterd.conf:1: nested too deeply");
	for (int i = 0; i < 20000; i++)
		n += (size_t)snprintf(wide + n, 32, "a%d=1;\n", i);
	refuses(wide, "musterd.conf:201: too many names in one group");
	free(deep);
	free(wide);
}

struct seen {
	size_t n;
	char   path[8][40];
	bool   live[8];
};

static void
see(const char *path, bool live, void *arg)
{
	struct seen *s = arg;

	(void)snprintf(s->path[s->n], sizeof(s->path[0]), "%s", path);
	s->live[s->n++] = live;
}

static void
test_reload_tells_what_differs(void **state)
{
	struct seen s = { 0 };
	struct config a, b;
	struct err e;

	(void)state;
	assert_int_equal(config_parse("", "f", &a, &e), 0);
	assert_int_equal(config_parse("log: { level = \"debug\"; };"
	    "listen: { port = 1; };", "f", &b, &e), 0);
	assert_int_equal(config_diff(&a, &a, see, &s), 0);
	assert_int_equal(config_diff(&a, &b, see, &s), 2);
	assert_string_equal(s.path[0], "listen.port");
	assert_false(s.live[0]);
	assert_string_equal(s.path[1], "log.level");
	assert_true(s.live[1]);
	config_clear(&a);
	config_clear(&b);
}

static void
documented(const struct config_row *row, void *arg)
{
	const char *manual = arg;
	char item[80];
	const char *dot = strchr(row->path, '.');

	assert_true(strlen(row->help) > 5);
	(void)snprintf(item, sizeof(item), "It Va %s", row->path);
	if (strstr(manual, item) == NULL)
		fail_msg("musterd.conf.5 has no \".%s\" (%s)", item,
		    dot == NULL ? "" : dot);
}

/* A variable that the manual does not know is one nobody will find. */
static void
test_manual_names_all(void **state)
{
	static char manual[65536];
	FILE *f = fopen("daemon/musterd.conf.5", "r");
	struct config c;

	(void)state;
	if (f == NULL)
		skip();
	manual[fread(manual, 1, sizeof(manual) - 1, f)] = '\0';
	(void)fclose(f);
	config_defaults(&c);
	config_each(&c, documented, manual);
	config_clear(&c);
}

static void
test_files(void **state)
{
	char path[] = "/tmp/muster-config-XXXXXX";
	int fd = mkstemp(path);
	struct err e = { 0 };
	struct config c;

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "log: {\n levl = 1; };", 20), 20);
	(void)close(fd);
	assert_int_equal(config_load(path, &c, &e), -1);
	assert_non_null(strstr(e.msg, ":2: unknown name \"log.levl\": did you "
	    "mean \"level\"?"));
	(void)unlink(path);
	assert_int_equal(config_load(path, &c, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(config_load("/tmp", &c, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	if (access("etc/musterd.conf", R_OK) == 0) {
		if (config_load("etc/musterd.conf", &c, &e) == -1)
			fail_msg("%s", e.msg);
		config_clear(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_broker_listens_on_all),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_reload_tells_what_differs),
		cmocka_unit_test(test_manual_names_all),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
