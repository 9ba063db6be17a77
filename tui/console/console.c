#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "term.h"
#include "ui.h"

/* What the daemon says is drawn at once, but when it pours, as a log does,
 * twice a second: over ssh the terminal is the bottleneck.  BURST_MS is what
 * such frames may use up before, at FRAME_MS each.  Keys never wait. */
enum { TICK_MS = 250, KEYS_A_TURN = 256, FRAME_MS = 500, BURST_MS = 4000 };

struct frames {
	struct grid *shown, *next;
	int64_t	     credit;		/* ms */
	mono	     at;		/* of that */
};

static volatile sig_atomic_t ended;

static void
on_end(int sig)
{
	ended = sig;
}

/* ---- from the link to the screen -------------------------------------- */

static void
state(void *ctx, enum link_state s, const char *why)
{
	ui_link(ctx, s, why);
}

static void
answer(void *ctx, int tag, const char *about, const json_t *result,
    const struct err *e)
{
	ui_answer(ctx, (enum ui_tag)tag, about, result, e);
}

static void
update(void *ctx, const json_t *params)
{
	ui_update(ctx, params);
}

static void
part(void *ctx, int tag, const char *about, const json_t *params)
{
	ui_part(ctx, (enum ui_tag)tag, about, params);
}

static const struct link_ops ops = { state, answer, update, part };

static void
turn_link(struct ui *u, struct link *l)
{
	u->m.tries = link_tries(l);
	u->m.retry = link_retry(l);
	link_tick(l, u->m.now.mono, u->reconnect);
	u->reconnect = false;
	link_send(l, u->out);
	u->m.tries = link_tries(l);
	u->m.retry = link_retry(l);
}

/* The first try may ask about a host key, so it is made before the screen. */
static int
first_try(struct ui *u, struct link *l, struct err *e)
{
	while (ended == 0) {
		struct pollfd p;

		ui_tick(u, clock_now());
		if (u->m.link == LINK_TRYING && link_fd(l) == -1)
			link_tick(l, u->m.now.mono, false);
		if (u->m.link == LINK_DENIED || u->m.link == LINK_DOWN)
			return err_set(e, u->m.link == LINK_DENIED ? ERR_DENIED
			    : ERR_CONNECT, "%s", u->m.why);
		if (u->m.link != LINK_TRYING || json_array_size(u->out) > 0)
			return 0;
		p = (struct pollfd){ .fd = link_fd(l), .events =
		    link_events(l) };
		if (poll(&p, 1, TICK_MS) > 0)
			link_ready(l);
		link_tick(l, clock_mono(), false);
	}
	return err_set(e, ERR_FAILED, "interrupted");
}

/* ---- the loop --------------------------------------------------------- */

static bool
take_keys(struct ui *u, bool *any)
{
	*any = false;
	for (int i = 0; i < KEYS_A_TURN; i++) {
		int key = term_key();

		if (key == -2)
			return false;
		if (key == -1)
			break;
		*any = true;
		if (key == KEY_K_RESIZE)
			u->redraw = true;
		else
			ui_key(u, key);
	}
	return true;
}

static void
frames_size(struct frames *f, int w, int h, enum glyphs glyphs)
{
	const struct grid *g = f->next;

	if (g != NULL && g->w == w && g->h == h && g->glyphs == glyphs)
		return;
	grid_free(f->shown);
	grid_free(f->next);
	f->shown = NULL;
	f->next = grid_new(w, h, glyphs);
}

static void
draw(struct ui *u, struct frames *f)
{
	int w, h;

	term_size(&w, &h);
	frames_size(f, w, h, u->glyphs);
	u->w = w;
	u->h = h;
	ui_draw(u, f->next);
	if (!u->redraw && grid_same(f->shown, f->next)) {
		ui_drawn(u);
		return;
	}
	if (!term_draw(f->next, u->redraw))
		return;
	ui_drawn(u);
	if (f->shown == NULL)
		f->shown = grid_new(w, h, u->glyphs);
	grid_copy(f->shown, f->next);
	u->redraw = false;
	f->credit -= FRAME_MS;
}

static void
turn_frame(struct ui *u, struct frames *f, bool keyed)
{
	f->credit += mono_diff_ms(u->m.now.mono, f->at);
	f->credit = f->credit > BURST_MS ? BURST_MS : f->credit;
	f->at = u->m.now.mono;
	/* What a key asks of the daemon is answered in further frames. */
	if (keyed && f->credit < 3 * FRAME_MS)
		f->credit = 3 * FRAME_MS;
	if (f->credit >= FRAME_MS)
		draw(u, f);
	if (u->clipboard != NULL)
		term_copy(u->clipboard);
	free(u->clipboard);
	u->clipboard = NULL;
}

static void
loop(struct ui *u, struct link *l)
{
	struct frames f = { .credit = BURST_MS, .at = clock_mono() };
	bool keyed = true;

	while (!u->quit && ended == 0 && !(u->once &&
	    u->m.link != LINK_TRYING && link_fd(l) == -1)) {
		struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = link_fd(l), .events = link_events(l) } };
		int n;

		ui_tick(u, clock_now());
		turn_link(u, l);
		turn_frame(u, &f, keyed);
		/* The link may have been dialled since. */
		p[1].fd = link_fd(l);
		p[1].events = link_events(l);
		n = poll(p, 2, TICK_MS);
		u->m.now = clock_now();
		if (n > 0 && p[1].revents != 0)
			link_ready(l);
		if (!take_keys(u, &keyed))
			break;
	}
	grid_free(f.shown);
	grid_free(f.next);
}

static void
signals(void)
{
	struct sigaction sa = { .sa_handler = on_end };

	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int
console_run(const struct console_target *t, struct err *e)
{
	const struct link_target target = { t->socket, t->remote, t->fd };
	char zone[TZ_NAME];
	struct term_about about;
	struct link *l;
	struct ui u;
	int rc = -1;

	ui_init(&u, GLYPHS_ASCII, t->remote != NULL ? t->remote->target
	    : t->fd != 0 ? "ssh" : t->socket);
	u.once = t->fd != 0;
	u.m.remote = t->remote != NULL || t->fd != 0;
	u.m.say.zone = tz_get(tz_system(zone), NULL);
	l = link_new(&target, &ops, &u, t->remote != NULL);
	signals();
	if (t->remote != NULL && first_try(&u, l, e) == -1)
		goto out;
	if (term_open(&about, e) == -1)
		goto out;
	u.glyphs = about.utf8 ? GLYPHS_UTF8 : GLYPHS_ASCII;
	u.m.utf8_able = about.utf8;
	u.m.colours = about.colour ? COLOURS_DEFAULT : COLOURS_MONO;
	loop(&u, l);
	term_close();
	if (t->fd != 0 && link_fd(l) == -1 && !u.quit && ended == 0)
		(void)err_set(e, ERR_CONNECT, "musterd has ended this "
		    "console: %s", u.m.why);
	else
		rc = ended != 0 ? 128 + (int)ended : 0;
out:
	link_free(l);
	ui_clear(&u);
	return rc;
}
