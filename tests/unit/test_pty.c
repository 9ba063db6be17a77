/* `ssh -t host` as OpenSSH's client sees it, under a terminal of the test's.
 * The program on the other side is this one, see child(). */
#include "ssh_fixture.h"

#include <dirent.h>
#include <limits.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <uv.h>

enum { TEXT_MOST = 8 << 20 };

/* ---- the program on the daemon's terminal ---- */

static volatile sig_atomic_t winched;

static void
on_winch(int sig)
{
	(void)sig;
	winched = 1;
}

static void
say_size(const char *what)
{
	struct winsize ws = { 0 };

	(void)ioctl(0, TIOCGWINSZ, &ws);
	(void)printf("%s=%dx%d\n", what, ws.ws_col, ws.ws_row);
}

static void
say_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *de;

	(void)printf("fds=");
	while (d != NULL && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && atol(de->d_name) != dirfd(d))
			(void)printf("%s,", de->d_name);
	(void)printf("end\n");
	(void)closedir(d);
}

static void
say_status(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256], cwd[64] = "?";
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		/* 32 and 33 are the C library's own. */
		if (strncmp(line, "SigBlk", 6) == 0 ||
		    strncmp(line, "SigIgn", 6) == 0)
			(void)printf("%.6s=%llx.\n", line,
			    strtoull(line + 8, NULL, 16) & ~0x180000000ULL);
	(void)fclose(f);
	(void)printf("leader=%d front=%d tty=%d cwd=%s\n",
	    getsid(0) == getpid(), tcgetpgrp(0) == getpgrp(), tty >= 0,
	    getcwd(cwd, sizeof(cwd)));
	(void)close(tty);
}

/* The socket is a session that is logged in already. */
static void
ask(void)
{
	static const char line[] = "{\"n\":42}\n";
	char answer[64] = "";
	ssize_t n = write(3, line, sizeof(line) - 1);

	n = n > 0 ? read(3, answer, sizeof(answer) - 1) : -1;
	(void)printf("answer=%.*s\n", n > 0 ? (int)n - 1 : 0, answer);
}

static void
spill(long n, int status)
{
	char piece[1001];

	memset(piece, 'y', sizeof(piece));
	for (; n > 0; n -= 1000)
		(void)fwrite(piece, 1, n < 1000 ? (size_t)n : 1000, stdout);
	(void)fflush(stdout);
	_exit(status);
}

static void
grandchild(void)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGHUP, SIG_IGN);
		for (;;)
			(void)pause();
	}
	(void)printf("grandchild=%d.\n", (int)pid);
}

static void
obey(const char *line)
{
	if (strncmp(line, "size", 4) == 0)
		say_size("size");
	else if (strncmp(line, "fds", 3) == 0)
		say_fds();
	else if (strncmp(line, "status", 6) == 0)
		say_status();
	else if (strncmp(line, "ask", 3) == 0)
		ask();
	else if (strncmp(line, "env", 3) == 0) {
		for (char **e = environ; *e != NULL; e++)
			(void)printf("%s|", *e);
		(void)printf("end\n");
	} else if (strncmp(line, "exit", 4) == 0)
		_exit(atoi(line + 4));
	else if (strncmp(line, "die", 3) == 0)
		(void)raise(SIGKILL);
	else if (strncmp(line, "pour", 4) == 0)
		spill(1288895, 9);
	else if (strncmp(line, "flood", 5) == 0)
		spill(LONG_MAX, 0);
	else if (strncmp(line, "fork", 4) == 0)
		grandchild();
	else if (strncmp(line, "linger", 6) == 0) {
		(void)printf("lingers.\n");
		(void)fflush(stdout);
		(void)read(3, &(char){ 0 }, 1);
		(void)printf("restored\n");
		(void)fflush(stdout);
		_exit(3);
	} else if (strncmp(line, "deaf", 4) == 0) {
		(void)signal(SIGHUP, SIG_IGN);
		(void)printf("deaf.\n");
		for (;;)
			(void)pause();
	}
}

static int
child(void)
{
	struct sigaction sa = { .sa_handler = on_winch };
	char line[256];

	(void)sigaction(SIGWINCH, &sa, NULL);
	(void)printf("child=%d.\n", (int)getpid());
	for (;;) {
		(void)fflush(stdout);
		if (fgets(line, sizeof(line), stdin) != NULL)
			obey(line);
		else if (!winched)
			return 0;
		if (winched) {
			winched = 0;
			clearerr(stdin);
			say_size("winch");
		}
	}
}

/* ---- OpenSSH's client on a terminal ---- */

struct term {
	int	   fd;
	pid_t	   pid;
	struct buf text;
	bool	   ended;
	int	   status;
};

static void
term_start(struct fx *fx, struct term *t, int cols, int rows)
{
	struct winsize ws = { .ws_col = (unsigned short)cols,
		.ws_row = (unsigned short)rows };
	char port[16];

	(void)snprintf(port, sizeof(port), "%d", fx->port);
	*t = (struct term){ .text = BUF_INIT(TEXT_MOST) };
	t->pid = forkpty(&t->fd, NULL, NULL, &ws);
	assert_true(t->pid != -1);
	if (t->pid == 0) {
		(void)setenv("TERM", "screen-256color", 1);
		(void)setenv("LANG", "xx_XX", 1);
		(void)setenv("NO_COLOR", "1", 1);
		(void)execlp("ssh", "ssh", "-F", "none", "-t", "-p", port, "-i",
		    fx->keyfile, "-o", "StrictHostKeyChecking=no", "-o",
		    "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes",
		    "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o",
		    "IdentityAgent=none", "-o", "SendEnv=LANG NO_COLOR",
		    "127.0.0.1", (char *)NULL);
		_exit(127);
	}
	(void)fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
}

/* One turn of everything; what the client shows is collected. */
static void
turn(struct fx *fx, struct term *t, bool look)
{
	char piece[4096];
	ssize_t n;

	(void)uv_run(&fx->loop, UV_RUN_NOWAIT);
	while (look && (n = read(t->fd, piece, sizeof(piece))) > 0)
		buf_put(&t->text, piece, (size_t)n);
	(void)usleep(100);
}

static const char *
shown(const struct term *t)
{
	return t->text.len > 0 ? t->text.p : "";
}

static const char *
wait_text(struct fx *fx, struct term *t, const char *what)
{
	struct patience waits = { 0 };
	const char *at;

	while ((at = strstr(shown(t), what)) == NULL) {
		turn(fx, t, true);
		if (!patient(&waits))
			fail_msg("\"%s\" not in \"%.2000s\"", what, shown(t));
	}
	return at + strlen(what);
}

static void
type(struct term *t, const char *line)
{
	assert_int_equal(write(t->fd, line, strlen(line)), strlen(line));
}

static pid_t
wait_pid(struct fx *fx, struct term *t, const char *what)
{
	const char *at = wait_text(fx, t, what);

	while (strchr(at, '.') == NULL)
		turn(fx, t, true);
	return (pid_t)atoi(at);
}

static void
wait_exit(struct fx *fx, struct term *t)
{
	struct patience waits = { 0 };
	int status;

	while (waitpid(t->pid, &status, WNOHANG) == 0) {
		turn(fx, t, true);
		if (!patient(&waits))
			fail_msg("ssh does not end: %.2000s", shown(t));
	}
	turn(fx, t, true);
	t->ended = true;
	t->status = WIFEXITED(status) ? WEXITSTATUS(status)
	    : 1000 + WTERMSIG(status);
}

static bool
alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void
wait_dead(struct fx *fx, struct term *t, pid_t pid)
{
	struct patience waits = { 0 };

	while (alive(pid)) {
		turn(fx, t, false);
		if (!patient(&waits))
			fail_msg("pid %d lives", (int)pid);
	}
}

static void
term_end(struct term *t)
{
	if (!t->ended) {
		(void)kill(t->pid, SIGKILL);
		(void)waitpid(t->pid, NULL, 0);
	}
	(void)close(t->fd);
	buf_free(&t->text);
}

static void
console(struct fx *fx)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	server_console(fx->srv, self);
}

/* ---- the tests ---- */

/* Lost: a screen of the right size, and one that follows the window. */
static void
console_size(void **state)
{
	struct fx *fx = *state;
	struct winsize ws = { .ws_col = 132, .ws_row = 40 };
	struct term t;

	console(fx);
	term_start(fx, &t, 101, 31);
	(void)wait_text(fx, &t, "child=");
	type(&t, "size\n");
	(void)wait_text(fx, &t, "size=101x31");
	assert_int_equal(ioctl(t.fd, TIOCSWINSZ, &ws), 0);
	(void)wait_text(fx, &t, "winch=132x40");
	type(&t, "exit 7\n");
	wait_exit(fx, &t);
	assert_int_equal(t.status, 7);
	term_end(&t);
}

/* Lost: the wall between a console and the daemon: its files, its environment,
 * what the client would like to set there. */
static void
console_clean(void **state)
{
	struct fx *fx = *state;
	struct term t;
	int leak = open("/dev/null", O_RDONLY);	/* not close-on-exec */

	console(fx);
	(void)setenv("SECRET", "of the daemon", 1);
	term_start(fx, &t, 80, 24);
	(void)wait_text(fx, &t, "child=");
	type(&t, "fds\n");
	(void)wait_text(fx, &t, "fds=0,1,2,3,end");
	type(&t, "env\n");
	(void)wait_text(fx, &t, "TERM=screen-256color|LC_ALL=C.UTF-8|"
	    "PATH=/usr/bin:/bin|NO_COLOR=1|end");
	type(&t, "status\n");
	(void)wait_text(fx, &t, "SigBlk=0.");
	(void)wait_text(fx, &t, "SigIgn=0.");
	(void)wait_text(fx, &t, "leader=1 front=1 tty=1 cwd=/\r");
	(void)unsetenv("SECRET");
	(void)close(leak);
	term_end(&t);
}

/* Lost: the operator's name in the audit, and his rights, no more. */
static void
console_is_operator(void **state)
{
	struct fx *fx = *state;
	const struct peer *p;
	struct term t;

	console(fx);
	term_start(fx, &t, 80, 24);
	(void)wait_text(fx, &t, "child=");
	type(&t, "ask\n");
	(void)wait_text(fx, &t, "answer={\"n\":42}");
	p = session_peer(fx->server.s);
	assert_int_equal(p->kind, PEER_OPERATOR);
	assert_string_equal(p->name, "petra");
	assert_string_equal(p->fingerprint, fx->user.fingerprint);
	assert_memory_equal(p->addr, "127.0.0.1:", 10);
	type(&t, "exit 0\n");
	wait_exit(fx, &t);
	until(fx, &fx->server.closed, 1);
	assert_int_equal(t.status, 0);
	term_end(&t);
}

/* Lost: a script that looks at how the console ended. */
static void
console_dies(void **state)
{
	struct fx *fx = *state;
	struct term t;

	console(fx);
	term_start(fx, &t, 80, 24);
	(void)wait_text(fx, &t, "child=");
	type(&t, "die\n");
	wait_exit(fx, &t);
	assert_int_equal(t.status, 255);	/* exit-signal */
	term_end(&t);
}

/* Lost: the last lines before the end, when the wire is slower. */
static void
console_all_output(void **state)
{
	struct fx *fx = *state;
	mono end;
	size_t n = 0;
	struct term t;

	console(fx);
	term_start(fx, &t, 80, 24);
	(void)wait_text(fx, &t, "child=");
	type(&t, "pour\n");
	end = mono_add_ms(clock_mono(), 500);
	while (clock_mono().us < end.us)
		turn(fx, &t, false);
	wait_exit(fx, &t);
	assert_int_equal(t.status, 9);
	for (size_t i = 0; i < t.text.len; i++)
		n += t.text.p[i] == 'y';
	assert_int_equal(n, 1288895);
	term_end(&t);
}

/* Lost: processes that nobody ends, one for each link that broke. */
static void
console_hangup(void **state)
{
	struct fx *fx = *state;
	struct patience waits = { 0 };
	struct term t;
	pid_t pid, grand;

	console(fx);
	term_start(fx, &t, 80, 24);
	pid = wait_pid(fx, &t, "child=");
	type(&t, "fork\n");
	grand = wait_pid(fx, &t, "grandchild=");
	assert_true(alive(pid) && alive(grand));
	assert_int_equal(kill(t.pid, SIGKILL), 0);
	wait_dead(fx, &t, pid);
	/* Orphaned, its end is init's to see: a zombie at most. */
	while (alive(grand) && patient(&waits)) {
		char path[64], line[256] = "";
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat",
		    (int)grand);
		f = fopen(path, "re");
		if (f == NULL || fgets(line, sizeof(line), f) == NULL ||
		    strstr(line, ") Z ") != NULL)
			grand = pid;
		if (f != NULL)
			(void)fclose(f);
		turn(fx, &t, false);
	}
	assert_false(alive(grand));
	until(fx, &fx->server.closed, 1);
	term_end(&t);
}

/* Lost: the same with a program that hangs. */
static void
console_deaf(void **state)
{
	struct fx *fx = *state;
	struct term t;
	pid_t pid;
	mono from;

	console(fx);
	term_start(fx, &t, 80, 24);
	pid = wait_pid(fx, &t, "child=");
	type(&t, "deaf\n");
	(void)wait_text(fx, &t, "deaf.");
	from = clock_mono();
	assert_int_equal(kill(t.pid, SIGKILL), 0);
	wait_dead(fx, &t, pid);
	assert_true(mono_diff_ms(clock_mono(), from) >= 2900);
	term_end(&t);
}

static long
rss_kib(void)
{
	size_t bytes = 0;

	assert_int_equal(uv_resident_set_memory(&bytes), 0);
	return (long)(bytes >> 10);
}

/* Lost: the daemon's memory to a terminal that was stopped with Ctrl-S, or a
 * laptop that was shut. */
static void
console_flood(void **state)
{
	struct fx *fx = *state;
	struct term t;
	mono end;
	pid_t pid;
	long before;

	console(fx);
	term_start(fx, &t, 80, 24);
	pid = wait_pid(fx, &t, "child=");
	before = rss_kib();
	type(&t, "flood\n");
	assert_int_equal(kill(t.pid, SIGSTOP), 0);
	/* What is typed while nobody reads, too. */
	end = mono_add_ms(clock_mono(), 1500);
	while (clock_mono().us < end.us)
		turn(fx, &t, false);
	if (rss_kib() > before + 8192)
		fail_msg("%ld KiB, %ld before", rss_kib(), before);
	assert_int_equal(kill(t.pid, SIGKILL), 0);
	wait_dead(fx, &t, pid);
	term_end(&t);
}

/* Lost: a bound on what operators can start here; and a line that says so. */
static void
console_most(void **state)
{
	struct fx *fx = *state;
	struct term t[17];

	console(fx);
	for (int i = 0; i < 16; i++) {
		term_start(fx, &t[i], 80, 24);
		(void)wait_text(fx, &t[i], "child=");
	}
	term_start(fx, &t[16], 80, 24);
	wait_exit(fx, &t[16]);
	assert_int_equal(t[16].status, 1);
	assert_non_null(strstr(shown(&t[16]), "muster: 16 consoles are open"));
	term_end(&t[16]);
	type(&t[0], "exit 0\n");
	wait_exit(fx, &t[0]);
	term_start(fx, &t[16], 80, 24);
	(void)wait_text(fx, &t[16], "child=");
	for (int i = 0; i < 17; i++)
		term_end(&t[i]);
}

/* Lost: why there is no console. */
static void
console_missing(void **state)
{
	struct fx *fx = *state;
	struct term t;

	term_start(fx, &t, 80, 24);
	wait_exit(fx, &t);
	assert_int_equal(t.status, 1);
	assert_non_null(strstr(shown(&t), "muster is not installed"));
	term_end(&t);
	server_console(fx->srv, "/nonexistent/muster");
	term_start(fx, &t, 80, 24);
	wait_exit(fx, &t);
	assert_int_equal(t.status, 1);
	assert_non_null(strstr(shown(&t), "muster: the console, /nonexistent"
	    "/muster: No such file"));
	term_end(&t);
}

/* Lost: a daemon that stops while somebody looks at it. */
static void
console_daemon_stops(void **state)
{
	struct fx *fx = *state;
	struct term t;

	console(fx);
	term_start(fx, &t, 80, 24);
	(void)wait_text(fx, &t, "child=");
	(void)kill(t.pid, SIGSTOP);
	term_end(&t);			/* and teardown closes the server */
}

/* Lost: the terminal of whoever looked, left raw and without a word. */
static void
console_daemon_leaves(void **state)
{
	struct fx *fx = *state;
	struct term t;

	console(fx);
	term_start(fx, &t, 80, 24);
	(void)wait_text(fx, &t, "child=");
	type(&t, "linger\n");
	(void)wait_text(fx, &t, "lingers.");
	server_close(fx->srv, srv_gone, &fx->server_done);
	(void)wait_text(fx, &t, "restored");
	wait_exit(fx, &t);
	assert_int_equal(t.status, 3);
	(void)uv_run(&fx->loop, UV_RUN_DEFAULT);
	assert_true(fx->server_done);
	fx->srv = server_new(&fx->loop, &srv_ops, fx, &fx->host);
	term_end(&t);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(console_size), T(console_clean), T(console_is_operator),
		T(console_dies), T(console_all_output), T(console_hangup),
		T(console_deaf), T(console_flood), T(console_most),
		T(console_missing), T(console_daemon_stops),
		T(console_daemon_leaves),
	};

	if (argc == 3 && strcmp(argv[1], "--fd") == 0)
		return child();
	(void)alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
