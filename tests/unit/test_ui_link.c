/* The link to a daemon that answers and is not liked: another try is made when
 * the operator says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "console/link.h"
#include "ui_world.h"

static int ups;

static void
on_state(void *ctx, enum link_state state, const char *why)
{
	(void)ctx;
	(void)why;
	ups += state == LINK_UP;
}

static void
on_answer(void *ctx, int tag, const char *about, const json_t *result,
    const struct err *e)
{
	(void)ctx;
	(void)tag;
	(void)about;
	(void)result;
	(void)e;
}

static void
on_update(void *ctx, const json_t *params)
{
	(void)ctx;
	(void)params;
}

static void
on_part(void *ctx, int tag, const char *about, const json_t *params)
{
	on_answer(ctx, tag, about, params, NULL);
}

static const struct link_ops ops = { on_state, on_answer, on_update, on_part };

/* The socket is open: the daemon spoke another protocol, and was replaced. */
static void
an_open_link_is_dialled_anew(void **state)
{
	char dir[] = "/tmp/muster-link-XXXXXX";
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct link_target target = { .socket = sun.sun_path };
	struct link *l = link_new(&target, &ops, NULL, false);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one, two;
	char c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	assert_int_equal(bind(server, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	assert_int_equal(listen(server, 4), 0);
	ups = 0;
	link_tick(l, clock_mono(), false);
	link_tick(l, clock_mono(), false);
	assert_int_equal(ups, 1);
	link_tick(l, clock_mono(), true);
	assert_int_equal(ups, 2);
	one = accept(server, NULL, NULL);
	two = accept(server, NULL, NULL);
	assert_int_equal(recv(one, &c, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(two, &c, 1, MSG_DONTWAIT), -1);
	(void)close(one);
	(void)close(two);
	(void)close(server);
	link_free(l);
	assert_int_equal(unlink(sun.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* It would be the end of the console. */
static void
an_inherited_link_is_not(void **state)
{
	struct link_target target = { 0 };
	struct link *l = link_new(&target, &ops, NULL, false);
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
	target.fd = fds[0];
	ups = 0;
	link_tick(l, clock_mono(), false);
	link_tick(l, clock_mono(), true);
	assert_int_equal(ups, 1);
	assert_int_equal(link_fd(l), fds[0]);
	link_free(l);
	(void)close(fds[1]);
}

static void
r_asks_for_it(void **state)
{
	struct err e = { ERR_FAILED, "the daemon speaks protocol 2" };
	struct world *w = *state;

	ui_link(&w->u, LINK_UP, "");
	ui_answer(&w->u, UI_HELLO, "", NULL, &e);
	shows(w, "the daemon speaks protocol 2");
	type(w, "r");
	assert_true(w->u.reconnect);
	w->u.reconnect = false;
	w->u.once = true;
	type(w, "r");
	assert_false(w->u.reconnect);
	shows(w, "this console ends with its link: q");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_link_is_dialled_anew),
		cmocka_unit_test(an_inherited_link_is_not),
		cmocka_unit_test_setup_teardown(r_asks_for_it, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
