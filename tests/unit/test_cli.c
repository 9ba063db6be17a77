/* The command line against a daemon that says what the test wants.  What is
 * wrong here, scripts act on: exit status, standard output, standard error. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "mem.h"
#include "options.h"
#include "remote.h"
#include "text.h"

#define HELLO	{ "\"method\":\"hello\"", \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1}}\n" }

/* Waits for a line that contains expect, then says reply. */
struct step {
	const char *expect, *reply;
};

struct daemon {
	int fd;
	const struct step *steps;
	char wrong[512];	/* "" when all was as expected */
};

static void *
daemon_main(void *arg)
{
	struct daemon *d = arg;
	FILE *f = fdopen(d->fd, "r+");
	char *line = NULL;
	size_t size = 0;

	for (; d->steps->expect != NULL; d->steps++) {
		if (getline(&line, &size, f) == -1) {
			(void)snprintf(d->wrong, sizeof(d->wrong),
			    "no line with %s", d->steps->expect);
			break;
		}
		if (strstr(line, d->steps->expect) == NULL) {
			(void)snprintf(d->wrong, sizeof(d->wrong),
			    "%.200s lacks %.200s", line, d->steps->expect);
			break;
		}
		(void)send(d->fd, d->steps->reply, strlen(d->steps->reply),
		    MSG_NOSIGNAL);
	}
	free(line);
	(void)fclose(f);
	return NULL;
}

/* What the person sees and types. */
struct desk {
	struct cli cli;
	char *out, *err;
	size_t nout, nerr;
	const char *typed;	/* NULL: no terminal */
	const char *input;	/* standard input without one */
};

static void
desk_open(struct desk *d)
{
	const char *in = d->typed != NULL ? d->typed : d->input;

	d->cli.utc = true;
	d->cli.out = open_memstream(&d->out, &d->nout);
	d->cli.ask.err = open_memstream(&d->err, &d->nerr);
	d->cli.ask.in = in != NULL && *in != '\0'
	    ? fmemopen((void *)(uintptr_t)in, strlen(in), "r")
	    : fopen("/dev/null", "r");
	d->cli.ask.terminal = d->typed != NULL;
}

static void
desk_close(struct desk *d)
{
	(void)fclose(d->cli.out);
	(void)fclose(d->cli.ask.err);
	(void)fclose(d->cli.ask.in);
}

static void
desk_clear(struct desk *d)
{
	free(d->out);
	free(d->err);
	*d = (struct desk){ 0 };
}

/* Runs the line; steps NULL: no daemon may be needed. */
static int
muster(struct desk *d, const char *line, const struct step *steps)
{
	struct daemon daemon = { .steps = steps };
	struct cmd_call call;
	struct err e = { 0 };
	pthread_t thread;
	int fd[2], n, rc;
	char **words;
	struct wire *w;

	desk_open(d);
	n = text_words(line, &words, &e);
	assert_int_not_equal(n, -1);
	if (cmd_parse(n, words, &call, &e) == -1)
		fail_msg("%s: %s", line, e.msg);
	text_words_free(words, n);
	d->cli.json = call.json;
	if (cli_prepare(&d->cli, &call, &e) == -1) {
		rc = cli_fail(&d->cli, &e);
		goto out;
	}
	assert_non_null(steps);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	daemon.fd = fd[1];
	assert_int_equal(pthread_create(&thread, NULL, daemon_main, &daemon),
	    0);
	w = wire_fd(fd[0]);
	rc = cli_run(&d->cli, w, &call);
	wire_close(w);
	(void)pthread_join(thread, NULL);
	if (daemon.wrong[0] != '\0')
		fail_msg("%s: %s", line, daemon.wrong);
out:
	cmd_call_clear(&call);
	desk_close(d);
	return rc;
}

static void
a_list_is_a_table_or_a_document(void **state)
{
	static const struct step steps[] = {
		HELLO,
		{ "\"id\":2,\"method\":\"job.next\",\"params\":{\"limit\":1}",
		  "{\"id\":2,\"result\":[{\"job\":\"tick\",\"trigger\":\"2s\","
		  "\"at\":null}]}\n" },
		{ NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "job next --limit 1", steps), 0);
	assert_string_equal(d.out, "AT  IN  JOB   TRIGGER\n"
	    "-   -   tick  2s\n");
	assert_string_equal(d.err, "");
	desk_clear(&d);
	assert_int_equal(muster(&d, "job next --limit 1 --json", steps), 0);
	assert_string_equal(d.out, "[\n  {\n    \"job\": \"tick\",\n"
	    "    \"trigger\": \"2s\",\n    \"at\": null\n  }\n]\n");
	desk_clear(&d);
}

static void
errors_are_one_line_and_an_exit_status(void **state)
{
	static const struct {
		const char *code;
		int status;
	} c[] = {
		{ "refused", 1 }, { "usage", 2 }, { "cannot_connect", 3 },
		{ "not_permitted", 4 }, { "not_found", 5 }, { "timed_out", 6 },
		{ "stale", 1 }, { "nonsense", 1 }, { "ok", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char *reply = mem_fmt("{\"id\":2,\"error\":{\"code\":-32000,"
		    "\"message\":\"no\\n\\u001bagent\","
		    "\"data\":{\"code\":\"%s\"}}}\n", c[i].code);
		const struct step steps[] = {
			HELLO, { "agent.show", reply }, { NULL, NULL }
		};
		struct desk d = { 0 };

		assert_int_equal(muster(&d, "agent show x", steps),
		    c[i].status);
		assert_string_equal(d.out, "");
		assert_string_equal(d.err, "muster: no^J^[agent\n");
		desk_clear(&d);
		free(reply);
	}
}

static void
with_json_an_error_is_a_document_too(void **state)
{
	static const struct step steps[] = {
		HELLO,
		{ "agent.show", "{\"id\":2,\"error\":{\"message\":\"gone\","
		  "\"data\":{\"code\":\"not_found\"}}}\n" },
		{ NULL, NULL }
	};
	struct desk d = { 0 };
	json_t *doc;

	(void)state;
	assert_int_equal(muster(&d, "agent show x --json", steps), 5);
	doc = json_loads(d.out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(
	    json_object_get(doc, "error"), "code")), "not_found");
	assert_string_equal(d.err, "muster: gone\n");
	json_decref(doc);
	desk_clear(&d);
}

static void
standard_codes_of_json_rpc_are_understood(void **state)
{
	static const struct step usage[] = {
		HELLO,
		{ "agent.show", "{\"id\":2,\"error\":{\"code\":-32602,"
		  "\"message\":\"m\"}}\n" },
		{ NULL, NULL }
	};
	static const struct step early[] = {
		{ "hello", "{\"id\":null,\"error\":{\"code\":-32000,\"message\":"
		  "\"not for you\",\"data\":{\"code\":\"not_permitted\"}}}\n" },
		{ NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "agent show x", usage), 2);
	desk_clear(&d);
	assert_int_equal(muster(&d, "agent show x", early), 4);
	assert_string_equal(d.err, "muster: not for you\n");
	desk_clear(&d);
}

/* A change whose answer is lost is never called failed. */
static void
a_lost_answer_is_said_to_be_open(void **state)
{
	static const struct step steps[] = {
		HELLO, { "method", "" }, { NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "agent on b", steps), 6);
	assert_non_null(strstr(d.err, "may or may not be done"));
	desk_clear(&d);
	assert_int_equal(muster(&d, "agent list", steps), 3);
	assert_non_null(strstr(d.err, "try again"));
	desk_clear(&d);
}

static void
streams_are_shown_row_by_row(void **state)
{
	static const struct step steps[] = {
		HELLO,
		{ "event.follow",
		  "{\"method\":\"stream\",\"params\":{\"id\":9,\"row\":{}}}\n"
		  "{\"method\":\"other\",\"params\":{\"id\":2,\"row\":{}}}\n"
		  "{\"method\":\"stream\",\"params\":{\"id\":2,\"row\":"
		  "{\"code\":\"a\",\"message\":\"m\"}}}\n"
		  "{\"method\":\"stream\",\"params\":{\"id\":2,\"rows\":"
		  "[{\"code\":\"b\",\"message\":\"n\"}]}}\n"
		  "{\"id\":2,\"result\":null}\n" },
		{ NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "event follow", steps), 0);
	assert_string_equal(d.out, "-  -  a  -  -  m\n-  -  b  -  -  n\n");
	desk_clear(&d);
	assert_int_equal(muster(&d, "event follow --json", steps), 0);
	assert_string_equal(d.out, "{\"code\":\"a\",\"message\":\"m\"}\n"
	    "{\"code\":\"b\",\"message\":\"n\"}\n");
	desk_clear(&d);
}

/* A list longer than one message still is one document. */
static void
rows_sent_in_parts_are_one_list(void **state)
{
	static const struct step steps[] = {
		HELLO,
		{ "job.next",
		  "{\"method\":\"stream\",\"params\":{\"id\":2,\"rows\":"
		  "[{\"job\":\"a\"},{\"job\":\"bb\"}]}}\n"
		  "{\"id\":2,\"result\":[{\"job\":\"c\"}]}\n" },
		{ NULL, NULL }
	};
	struct desk d = { 0 };
	json_t *doc;

	(void)state;
	assert_int_equal(muster(&d, "job next --json", steps), 0);
	doc = json_loads(d.out, 0, NULL);
	assert_int_equal(json_array_size(doc), 3);
	json_decref(doc);
	desk_clear(&d);
	assert_int_equal(muster(&d, "job next", steps), 0);
	assert_string_equal(d.out, "AT  IN  JOB  TRIGGER\n-   -   a    -\n"
	    "-   -   bb   -\n-   -   c    -\n");
	desk_clear(&d);
}

static void
the_output_of_a_run_is_printed_as_it_is(void **state)
{
	static const struct step steps[] = {
		HELLO,
		{ "run.log",
		  "{\"method\":\"stream\",\"params\":{\"id\":2,"
		  "\"text\":\"one\\n\\u001b[1m\"}}\n"
		  "{\"id\":2,\"result\":{\"text\":\"two\\n\",\"end\":9}}\n" },
		{ NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "run log 7", steps), 0);
	assert_string_equal(d.out, "one\n\x1b[1mtwo\n");
	desk_clear(&d);
	d.cli.out_terminal = true;
	assert_int_equal(muster(&d, "run log 7", steps), 0);
	assert_string_equal(d.out, "one\n^[[1mtwo\n");
	desk_clear(&d);
	assert_int_equal(muster(&d, "run log 7 --json", steps), 0);
	assert_string_equal(d.out, "{\n  \"text\": \"one\\n\\u001B[1mtwo\\n\","
	    "\n  \"end\": 9\n}\n");
	desk_clear(&d);
}

static void
what_asks_needs_yes_or_a_person(void **state)
{
	static const struct step done[] = {
		HELLO,
		{ "agent.remove", "{\"id\":2,\"result\":{\"message\":"
		  "\"node-c is removed\"}}\n" },
		{ NULL, NULL }
	};
	static const struct step only_hello[] = { HELLO, { NULL, NULL } };
	static const char *const yes[] = { "y\n", "yes\n", "node-c\n" };
	static const char *const no[] = { "\n", "n\n", "", "node-b\n" };
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "agent remove node-c", NULL), 2);
	assert_non_null(strstr(d.err, "--yes"));
	desk_clear(&d);
	assert_int_equal(muster(&d, "agent remove node-c --yes", done), 0);
	assert_string_equal(d.out, "node-c is removed\n");
	desk_clear(&d);
	for (size_t i = 0; i < 3; i++) {
		d.typed = yes[i];
		assert_int_equal(muster(&d, "agent remove node-c", done), 0);
		assert_string_equal(d.err,
		    "Remove agent node-c from the cluster? [y/N] ");
		desk_clear(&d);
	}
	for (size_t i = 0; i < 4; i++) {
		d.typed = no[i];
		assert_int_equal(muster(&d, "agent remove node-c", only_hello),
		    1);
		assert_non_null(strstr(d.err, "not done"));
		desk_clear(&d);
	}
}

#define PLAN	{ "\"dry_run\":true", "{\"id\":2,\"result\":{\"revision\":7," \
	"\"plan\":[{\"action\":\"add\",\"kind\":\"job\",\"name\":\"tick\"," \
	"\"detail\":\"\"}]}}\n" }

static void
apply_shows_its_plan_to_a_person_first(void **state)
{
	static const struct step both[] = {
		HELLO, PLAN,
		{ "\"revision\":7", "{\"id\":2,\"result\":[]}\n" },
		{ NULL, NULL }
	};
	static const struct step plan[] = { HELLO, PLAN, { NULL, NULL } };
	static const struct step nothing[] = {
		HELLO, { "dry_run", "{\"id\":2,\"result\":[]}\n" },
		{ NULL, NULL }
	};
	static const struct step at_once[] = {
		HELLO, { "\"text\":\"jobs = ();\\n\"",
		    "{\"id\":2,\"result\":[]}\n" }, { NULL, NULL }
	};
	char path[] = "/tmp/test_cli.XXXXXX", line[64];
	struct desk d = { .typed = "y\n" };
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "jobs = ();\n", 11), 11);
	(void)close(fd);
	(void)snprintf(line, sizeof(line), "apply %s", path);
	assert_int_equal(muster(&d, line, both), 0);
	assert_non_null(strstr(d.out, "add     job   tick"));
	desk_clear(&d);
	d.typed = "n\n";
	assert_int_equal(muster(&d, line, plan), 1);
	desk_clear(&d);
	d.typed = "";
	assert_int_equal(muster(&d, line, nothing), 0);
	assert_non_null(strstr(d.err, "nothing to change"));
	desk_clear(&d);
	assert_int_equal(muster(&d, line, at_once), 0);	/* no terminal */
	desk_clear(&d);
	d.input = "jobs = ();\n";
	assert_int_equal(muster(&d, "apply -", at_once), 0);
	desk_clear(&d);
	(void)unlink(path);
	assert_int_equal(muster(&d, line, NULL), 1);
	assert_non_null(strstr(d.err, path));
	desk_clear(&d);
	d.input = "\xff";
	assert_int_equal(muster(&d, "apply -", NULL), 2);
	desk_clear(&d);
}

static void
tokens_are_taken_unseen(void **state)
{
	static const struct step steps[] = {
		HELLO,
		{ "\"token\":\"SECRET-1\"", "{\"id\":2,\"result\":{}}\n" },
		{ NULL, NULL }
	};
	struct desk d = { .typed = "SECRET-1\n" };

	(void)state;
	assert_int_equal(muster(&d, "join complete b", steps), 0);
	assert_string_equal(d.err, "Token: ");
	assert_string_equal(d.out, "done\n");
	desk_clear(&d);
	d.input = "SECRET-1\nmore\n";
	assert_int_equal(muster(&d, "join complete b -", steps), 0);
	desk_clear(&d);
	assert_int_equal(muster(&d, "join complete b SECRET-1", steps), 0);
	desk_clear(&d);
	assert_int_equal(muster(&d, "join complete b", NULL), 2);
	desk_clear(&d);
	assert_int_equal(muster(&d, "join complete b -", NULL), 2);
	desk_clear(&d);
}

static void
exit_status_follows_what_was_found(void **state)
{
	static const struct step failed[] = {
		HELLO, { "\"wait\":true",
		    "{\"id\":2,\"result\":{\"state\":\"failed\"}}\n" },
		{ NULL, NULL }
	};
	static const struct step ok[] = {
		HELLO, { "\"wait\":true",
		    "{\"id\":2,\"result\":{\"state\":\"succeeded\"}}\n" },
		{ NULL, NULL }
	};
	static const struct step ill[] = {
		HELLO, { "doctor", "{\"id\":2,\"result\":[{\"state\":\"ok\"},"
		    "{\"state\":\"problem\"}]}\n" }, { NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "job run x --wait", failed), 1);
	desk_clear(&d);
	assert_int_equal(muster(&d, "job run x --wait", ok), 0);
	desk_clear(&d);
	assert_int_equal(muster(&d, "doctor", ill), 1);
	desk_clear(&d);
}

static void
paths_mean_the_callers_directory(void **state)
{
	char cwd[4096], *expect;
	struct desk d = { 0 };

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	expect = mem_fmt("\"path\":\"%s/b.muster\"", cwd);
	{
		const struct step steps[] = {
			HELLO, { expect, "{\"id\":2,\"result\":{}}\n" },
			{ NULL, NULL }
		};

		assert_int_equal(muster(&d, "backup b.muster", steps), 0);
		desk_clear(&d);
	}
	free(expect);
	d.cli.remote = true;
	assert_int_equal(muster(&d, "backup b.muster", NULL), 2);
	desk_clear(&d);
}

static void
garbage_from_the_other_end_is_named(void **state)
{
	static const struct step http[] = {
		{ "hello", "HTTP/1.1 400 Bad Request\n" }, { NULL, NULL }
	};
	static const struct step array[] = {
		HELLO, { "status", "[1]\n" }, { NULL, NULL }
	};
	struct desk d = { 0 };

	(void)state;
	assert_int_equal(muster(&d, "status", http), 1);
	assert_non_null(strstr(d.err, "does not speak muster's protocol"));
	desk_clear(&d);
	assert_int_equal(muster(&d, "status", array), 1);
	desk_clear(&d);
}

static void
nobody_there_is_said_with_the_cure(void **state)
{
	char dir[] = "/tmp/test_cli.XXXXXX", path[128], longer[256];
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_null(wire_local(path, &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_non_null(strstr(e.msg, path));
	assert_non_null(strstr(e.msg, "systemctl status musterd, or -S"));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(wire_local(longer, &e));
	assert_int_equal(e.code, ERR_USAGE);
	(void)rmdir(dir);
}

static void
a_remote_that_is_not_there_is_named(void **state)
{
	struct remote r = { .target = "u@127.0.0.1:1", .config = "none" };
	struct ask ask = { .in = stdin, .err = stderr };
	struct err e = { 0 };

	(void)state;
	assert_null(remote_open(&r, &ask, &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_non_null(strstr(e.msg, "127.0.0.1:1"));
	r.target = "a b";
	assert_null(remote_open(&r, &ask, &e));
	assert_int_equal(e.code, ERR_USAGE);
	r.target = "@host";
	assert_null(remote_open(&r, &ask, &e));
	assert_int_equal(e.code, ERR_USAGE);
}

static int
options(const char *line, struct options *o, struct err *e)
{
	static char **kept;
	static int nkept;

	text_words_free(kept, nkept);
	nkept = text_words(line, &kept, e);
	return options_parse(nkept, kept, o, e);
}

static void
options_come_before_the_noun(void **state)
{
	struct options o;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(unsetenv("MUSTER_SOCKET"), 0);
	assert_int_equal(options("muster -H me@h:1 -i k --json agent list -f",
	    &o, &e), 0);
	assert_string_equal(o.host, "me@h:1");
	assert_string_equal(o.identity, "k");
	assert_string_equal(o.socket, WIRE_SOCKET);
	assert_true(o.json);
	assert_int_equal(o.words, 6);
	assert_int_equal(setenv("MUSTER_SOCKET", "/x", 1), 0);
	assert_int_equal(options("muster status", &o, &e), 0);
	assert_string_equal(o.socket, "/x");
	assert_int_equal(options("muster -S/y status", &o, &e), 0);
	assert_string_equal(o.socket, "/y");
	assert_int_equal(options("muster -S", &o, &e), -1);
	assert_int_equal(options("muster --jsn", &o, &e), -1);
	assert_int_equal(options("muster", &o, &e), 0);
	assert_int_equal(o.words, 1);
	assert_int_equal(o.fd, 0);
	assert_int_equal(options("muster --fd 3 status", &o, &e), 0);
	assert_int_equal(o.fd, 3);
	assert_int_equal(o.words, 3);
	assert_int_equal(options("muster --fd 2", &o, &e), -1);
	assert_int_equal(options("muster --fd", &o, &e), -1);
	/* It is logged in: another daemon or key would be another's rights. */
	assert_int_equal(options("muster --fd 3 -H h", &o, &e), -1);
	assert_int_equal(options("muster -S /x --fd 3", &o, &e), -1);
	assert_int_equal(options("muster --fd 3 -i k", &o, &e), -1);
	assert_string_equal(e.msg, "--fd: goes with none of -H, -S, -i, -F");
	(void)unsetenv("MUSTER_SOCKET");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_a_table_or_a_document),
		cmocka_unit_test(errors_are_one_line_and_an_exit_status),
		cmocka_unit_test(with_json_an_error_is_a_document_too),
		cmocka_unit_test(standard_codes_of_json_rpc_are_understood),
		cmocka_unit_test(a_lost_answer_is_said_to_be_open),
		cmocka_unit_test(streams_are_shown_row_by_row),
		cmocka_unit_test(rows_sent_in_parts_are_one_list),
		cmocka_unit_test(the_output_of_a_run_is_printed_as_it_is),
		cmocka_unit_test(what_asks_needs_yes_or_a_person),
		cmocka_unit_test(apply_shows_its_plan_to_a_person_first),
		cmocka_unit_test(tokens_are_taken_unseen),
		cmocka_unit_test(exit_status_follows_what_was_found),
		cmocka_unit_test(paths_mean_the_callers_directory),
		cmocka_unit_test(garbage_from_the_other_end_is_named),
		cmocka_unit_test(nobody_there_is_said_with_the_cure),
		cmocka_unit_test(a_remote_that_is_not_there_is_named),
		cmocka_unit_test(options_come_before_the_noun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
