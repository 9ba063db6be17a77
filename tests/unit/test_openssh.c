/* The SSH port as OpenSSH's client sees it: commands, sub-system, refusals. */
#include "ssh_fixture.h"

/* OpenSSH's client */

struct run {
	uv_process_t proc;
	uv_pipe_t    in, out, err;
	struct buf   text, errors;
	int	     exited, eofs, closed;
	int64_t	     status;
	char	     piece[65536];
};

static void
on_exit_cb(uv_process_t *p, int64_t status, int sig)
{
	struct run *r = p->data;

	r->status = sig != 0 ? 1000 + sig : status;
	r->exited = 1;
}

static void
on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	struct run *r = h->data;

	(void)n;
	*b = uv_buf_init(r->piece, sizeof(r->piece));
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct run *r = s->data;

	if (n < 0) {
		(void)uv_read_stop(s);
		r->eofs++;
	} else
		buf_put(s == (uv_stream_t *)&r->err ? &r->errors : &r->text,
		    b->base, (size_t)n);
}

static void
on_handle_closed(uv_handle_t *h)
{
	struct run *r = h->data;

	r->closed++;
}

static void
ssh_start(struct fx *fx, struct run *r, const char *key,
    const char *const *extra)
{
	char port[16];
	const char *argv[40] = { "ssh", "-F", "none", "-p", port, "-i", key,
		"-o", "StrictHostKeyChecking=no", "-o",
		"UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes",
		"-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o",
		"IdentityAgent=none" };
	size_t n = 0;
	uv_stdio_container_t io[3];
	uv_process_options_t opt = { .file = "ssh", .exit_cb = on_exit_cb,
		.stdio = io, .stdio_count = 3 };

	(void)snprintf(port, sizeof(port), "%d", fx->port);
	while (argv[n] != NULL)
		n++;
	for (; *extra != NULL; extra++)
		argv[n++] = *extra;
	memset(r, 0, sizeof(*r));
	r->text = r->errors = (struct buf)BUF_INIT(64 << 20);
	(void)uv_pipe_init(&fx->loop, &r->in, 0);
	(void)uv_pipe_init(&fx->loop, &r->out, 0);
	(void)uv_pipe_init(&fx->loop, &r->err, 0);
	r->proc.data = r->in.data = r->out.data = r->err.data = r;
	io[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
	io[0].data.stream = (uv_stream_t *)&r->in;
	io[1].flags = io[2].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
	io[1].data.stream = (uv_stream_t *)&r->out;
	io[2].data.stream = (uv_stream_t *)&r->err;
	opt.args = (char **)(uintptr_t)argv;
	assert_int_equal(uv_spawn(&fx->loop, &r->proc, &opt), 0);
	(void)uv_read_start((uv_stream_t *)&r->out, on_alloc, on_read);
	(void)uv_read_start((uv_stream_t *)&r->err, on_alloc, on_read);
}

static void
ssh_end(struct fx *fx, struct run *r)
{
	until(fx, &r->exited, 1);
	until(fx, &r->eofs, 2);
	uv_close((uv_handle_t *)&r->proc, on_handle_closed);
	uv_close((uv_handle_t *)&r->out, on_handle_closed);
	uv_close((uv_handle_t *)&r->err, on_handle_closed);
	if (!uv_is_closing((uv_handle_t *)&r->in))
		uv_close((uv_handle_t *)&r->in, on_handle_closed);
	until(fx, &r->closed, 4);
}

static void
ssh_free_run(struct run *r)
{
	buf_free(&r->text);
	buf_free(&r->errors);
}

static void
ssh_input(struct run *r, const char *text)
{
	uv_buf_t b = uv_buf_init((char *)(uintptr_t)text,
	    (unsigned)strlen(text));

	assert_int_equal(uv_try_write((uv_stream_t *)&r->in, &b, 1), b.len);
	uv_close((uv_handle_t *)&r->in, on_handle_closed);
}

static void
expect(struct fx *fx, const char *const *args, int64_t status,
    const char *out, const char *err)
{
	struct run r;

	ssh_start(fx, &r, fx->keyfile, args);
	ssh_end(fx, &r);
	if (r.status != status || strstr(r.text.p, out) == NULL ||
	    strstr(r.errors.p, err) == NULL)
		fail_msg("status %d, out \"%s\", err \"%s\"", (int)r.status,
		    r.text.p, r.errors.p);
	ssh_free_run(&r);
}

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* Lost: `ssh host status`, and scripts that look at its exit status. */
static void
openssh_exec(void **state)
{
	struct fx *fx = *state;

	expect(fx, ARGS("127.0.0.1", "status"), 0, "fine\n", "");
	expect(fx, ARGS("petra@127.0.0.1", "fail", "me"), 3, "",
	    "muster: no\n");
	expect(fx, ARGS("127.0.0.1"), 2, "", "use: ssh HOST VERB");
	/* A terminal is raw: lines must end in CR LF. */
	expect(fx, ARGS("-tt", "127.0.0.1", "status"), 0, "fine\r\n", "");
	expect(fx, ARGS("-s", "127.0.0.1", "sftp"), 255, "", "subsystem");
	expect(fx, ARGS("-o", "RekeyLimit=1M", "127.0.0.1", "status"), 0,
	    "fine\n", "");
}

static void
openssh_big(void **state)
{
	struct fx *fx = *state;
	struct run r;

	ssh_start(fx, &r, fx->keyfile, ARGS("-o", "RekeyLimit=2M",
	    "127.0.0.1", "big"));
	ssh_end(fx, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.text.len, fx->big_sent);
	assert_true(r.text.len >= BIG);
	assert_int_equal(fx->exec_gone, 0);
	ssh_free_run(&r);
}

/* Lost: the end of what `ssh host … | less` shows: the client still holds it
 * when the command is long over. */
static void
openssh_pager(void **state)
{
	struct fx *fx = *state;
	struct run r;
	mono end;

	fx->big_sent = BIG - (1 << 20);		/* fits the client's window */
	ssh_start(fx, &r, fx->keyfile, ARGS("127.0.0.1", "big"));
	(void)uv_read_stop((uv_stream_t *)&r.out);
	until(fx, &fx->execs, 1);
	end = mono_add_ms(clock_mono(), 3000);
	while (clock_mono().us < end.us) {
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		(void)usleep(500);
	}
	(void)uv_read_start((uv_stream_t *)&r.out, on_alloc, on_read);
	ssh_end(fx, &r);
	assert_int_equal(r.status, 0);
	assert_true(r.text.len >= 1 << 20);
	ssh_free_run(&r);
}

static void
openssh_input(void **state)
{
	struct fx *fx = *state;
	struct run r;

	ssh_start(fx, &r, fx->keyfile, ARGS("127.0.0.1", "cat"));
	ssh_input(&r, "a token\nfrom standard input\n");
	ssh_end(fx, &r);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.text.p, "a token\nfrom standard input\n");
	ssh_free_run(&r);
}

/* Lost: a command would go on for a user who has left. */
static void
openssh_leaves(void **state)
{
	struct fx *fx = *state;
	struct run r;

	ssh_start(fx, &r, fx->keyfile, ARGS("127.0.0.1", "hang"));
	until(fx, &fx->execs, 1);
	assert_int_equal(uv_process_kill(&r.proc, SIGKILL), 0);
	ssh_end(fx, &r);
	until(fx, &fx->exec_gone, 1);
	ssh_free_run(&r);
}

/* Lost: the protocol for scripts, `ssh -s host muster`. */
static void
openssh_subsystem(void **state)
{
	struct fx *fx = *state;
	struct run r;

	ssh_start(fx, &r, fx->keyfile, ARGS("-s", "127.0.0.1", "muster"));
	ssh_input(&r, "{\"n\":1}\n{\"n\":2}\n");
	until(fx, &fx->server.messages, 2);
	assert_int_equal(session_peer(fx->server.s)->kind, PEER_OPERATOR);
	assert_string_equal(session_peer(fx->server.s)->name, "petra");
	ssh_end(fx, &r);
	assert_string_equal(r.text.p, "{\"n\":1}\n{\"n\":2}\n");
	assert_int_equal(r.status, 0);
	until(fx, &fx->server.closed, 1);
	ssh_free_run(&r);
}

enum { ASKED = 40, LONG = 300000 };

/* A server that answers at length, and reads on when that was taken. */
static void
paced_message(struct session *s, json_t *m, void *ctx)
{
	struct end *e = ctx;
	char *pad = mem_zero(1, LONG + 1);
	json_t *doc;

	(void)m;
	e->messages++;
	memset(pad, 'p', LONG);
	doc = json_pack("{s:s}", "pad", pad);
	(void)session_send(s, doc);
	json_decref(doc);
	free(pad);
	session_pause(s, session_queued(s) > SESSION_HIGH);
}

static void
paced_drained(struct session *s, void *ctx)
{
	(void)ctx;
	session_pause(s, session_queued(s) > SESSION_HIGH);
}

static const struct session_ops paced_ops = { .message = paced_message,
	.drained = paced_drained, .closed = on_closed };

/* Asks a lot and reads nothing. */
static void
ask_only(struct fx *fx, struct run *r)
{
	char text[ASKED * 8 + 1] = "";
	uv_buf_t b = uv_buf_init(text, ASKED * 8);

	fx->server.s = NULL;
	fx->server.messages = 0;
	ssh_start(fx, r, fx->keyfile, ARGS("-s", "127.0.0.1", "muster"));
	(void)uv_read_stop((uv_stream_t *)&r->out);
	while (fx->server.s == NULL && !r->exited)
		(void)uv_run(&fx->loop, UV_RUN_ONCE);
	session_own(fx->server.s, &paced_ops, &fx->server);
	for (int i = 0; i < ASKED; i++)
		memcpy(text + 8 * i, "{\"n\":1}\n", 8);
	assert_int_equal(uv_try_write((uv_stream_t *)&r->in, &b, 1), b.len);
	until(fx, &fx->server.messages, 1);
	for (int i = 0; i < 3000; i++) {
		(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
		(void)usleep(100);
	}
	assert_in_range(fx->server.messages, 1, ASKED / 2);
}

/* Lost: whoever asks and does not read would have all the answers kept; who
 * reads later would wait for ever, who leaves would never be gone. */
static void
openssh_paced(void **state)
{
	struct fx *fx = *state;
	struct run r;

	ask_only(fx, &r);
	(void)uv_read_start((uv_stream_t *)&r.out, on_alloc, on_read);
	until(fx, &fx->server.messages, ASKED);
	uv_close((uv_handle_t *)&r.in, on_handle_closed);
	ssh_end(fx, &r);
	assert_int_equal(r.status, 0);
	assert_true(r.text.len > (size_t)ASKED * LONG);
	until(fx, &fx->server.closed, 1);
	ssh_free_run(&r);
	ask_only(fx, &r);
	assert_int_equal(uv_process_kill(&r.proc, SIGKILL), 0);
	until(fx, &fx->server.closed, 2);
	(void)uv_read_start((uv_stream_t *)&r.out, on_alloc, on_read);
	ssh_end(fx, &r);
	ssh_free_run(&r);
}

/* Lost: the door: a stranger's key, a quarantined key, a password. */
static void
openssh_refused(void **state)
{
	struct fx *fx = *state;
	char other[128], jail[160], user[160];
	struct run r;

	(void)snprintf(other, sizeof(other), "%s/node", fx->dir);
	ssh_start(fx, &r, other, ARGS("127.0.0.1", "status"));
	ssh_end(fx, &r);
	assert_int_equal(r.status, 255);
	assert_non_null(strstr(r.errors.p, "Permission denied (publickey)"));
	ssh_free_run(&r);
	(void)snprintf(jail, sizeof(jail), "%s/quarantine", fx->dir);
	server_quarantine(fx->srv, jail);
	expect(fx, ARGS("127.0.0.1", "status"), 0, "fine", "");
	assert_int_equal(quarantine_add(jail, fx->user.fingerprint, "here"),
	    0);
	expect(fx, ARGS("127.0.0.1", "status"), 255, "", "Permission denied");
	assert_int_equal(unlink(jail), 0);
	expect(fx, ARGS("127.0.0.1", "status"), 0, "fine", "");
	/* Forwarding, a second channel and long names lead nowhere. */
	(void)memset(user, 'u', 100);
	(void)memcpy(user + 100, "@127.0.0.1", 11);
	expect(fx, ARGS(user, "status"), 255, "", "Permission denied");
	expect(fx, ARGS("-o", "ExitOnForwardFailure=yes", "-R", "9:x:9",
	    "127.0.0.1", "status"), 255, "", "");
	assert_int_equal(fx->execs, 2);
}

/* Lost: any key is a node's, so what a node may ask for is open to all. */
static void
openssh_nodes_only_talk(void **state)
{
	struct fx *fx = *state;
	struct run r;

	expect(fx, ARGS("muster-node@127.0.0.1", "fail", "me"), 255, "", "");
	expect(fx, ARGS("muster-node@127.0.0.1"), 255, "", "");
	expect(fx, ARGS("-tt", "muster-node@127.0.0.1"), 255, "", "");
	assert_int_equal(fx->execs, 0);
	ssh_start(fx, &r, fx->keyfile, ARGS("-s", "muster-node@127.0.0.1",
	    "muster"));
	ssh_input(&r, "{\"n\":1}\n");
	ssh_end(fx, &r);
	assert_string_equal(r.text.p, "{\"n\":1}\n");
	assert_int_equal(r.status, 0);
	ssh_free_run(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(openssh_exec), T(openssh_big), T(openssh_pager),
		T(openssh_input), T(openssh_leaves), T(openssh_subsystem),
		T(openssh_paced), T(openssh_refused),
		T(openssh_nodes_only_talk),
	};

	(void)alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
