/* muster: the command line, and the console when there are no words. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"
#include "confine.h"
#include "console/console.h"
#include "options.h"
#include "remote.h"
#include "wire.h"

static void
help(FILE *f, const char *noun, const struct cmd *cmd)
{
	struct buf b = BUF_INIT(1 << 16);

	cmd_help(&b, noun, cmd);
	(void)fputs(b.p, f);
	buf_free(&b);
}

static int
complete(int argc, char *const *argv)
{
	struct buf b = BUF_INIT(1 << 16);

	cmd_complete(&b, argc, argv);
	(void)fputs(b.p, stdout);
	buf_free(&b);
	return 0;
}

static struct wire *
connect_to(const struct options *o, const struct ask *ask, struct err *e)
{
	const struct remote r = {
		.target = o->host, .identity = o->identity,
		.config = o->config,
	};

	return o->fd != 0 ? wire_fd(o->fd)
	    : o->host != NULL ? remote_open(&r, ask, e)
	    : wire_local(o->socket, e);
}

static int
run(struct cli *c, const struct options *o, struct cmd_call *call)
{
	struct wire *w;
	struct err e = { 0 };
	int rc;

	if (cli_prepare(c, call, &e) == -1)
		return cli_fail(c, &e);
	w = connect_to(o, &c->ask, &e);
	if (w == NULL)
		return cli_fail(c, &e);
	rc = cli_run(c, w, call);
	wire_close(w);
	return rc;
}

/* No command on a terminal: the console. */
static int
console(const struct cli *c, const struct options *o)
{
	const struct remote r = {
		.target = o->host, .identity = o->identity,
		.config = o->config,
	};
	const struct console_target t = {
		.socket = o->socket, .remote = o->host != NULL ? &r : NULL,
		.fd = o->fd,
	};
	struct err e = { 0 };
	int rc = console_run(&t, &e);

	return rc == -1 ? cli_fail(c, &e) : rc;
}

int
main(int argc, char **argv)
{
	struct cli c = {
		.out = stdout,
		.ask = { .in = stdin, .err = stderr },
		.out_terminal = isatty(STDOUT_FILENO),
	};
	struct cmd_call call = { 0 };
	struct options o;
	struct err e = { 0 };
	int rc;

	(void)setlocale(LC_CTYPE, "");
	/* A vanished reader of our output is an error of write, not a death
	 * in the middle of a conversation. */
	(void)signal(SIGPIPE, SIG_IGN);
	c.ask.terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	if (options_parse(argc, argv, &o, &e) == -1 ||
	    (o.fd != 0 && confine_enter(o.fd, &e) == -1))
		return cli_fail(&c, &e);
	if (o.version) {
		(void)printf("muster %s\n", MUSTER_VERSION);
		return 0;
	}
	if (o.complete)
		return complete(argc - o.words, argv + o.words);
	/* Known before parsing, so that its errors are documents too. */
	c.json = o.json;
	for (int i = o.words; i < argc; i++)
		c.json |= strcmp(argv[i], "--json") == 0;
	c.utc = o.utc;
	c.remote = o.host != NULL;
	if (o.words == argc && !o.json && isatty(STDIN_FILENO) &&
	    c.out_terminal)
		return console(&c, &o);
	if (o.words == argc && !o.json) {
		help(stderr, NULL, NULL);
		return 2;
	}
	if (cmd_parse(argc - o.words, argv + o.words, &call, &e) == -1)
		return cli_fail(&c, &e);
	if (call.help) {
		help(stdout, call.noun, call.cmd);
		rc = 0;
	} else
		rc = run(&c, &o, &call);
	cmd_call_clear(&call);
	return rc;
}
