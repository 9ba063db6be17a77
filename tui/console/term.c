#include "term.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base64.h"
#include "key.h"

/* Key codes of our own, above those of ncurses. */
enum { CODE_PASTE_START = 0x3f0, CODE_PASTE_END };

/* term_key's answers to a code that is none of ours. */
enum { NO_KEY = -1, GONE = -2 };

static SCREEN *screen;
static struct termios was;
static bool have_was, colours, open_now;

#define PASTE_ON	"\033[?2004h"
#define PASTE_OFF	"\033[?2004l"

static void
put(const char *s)
{
	size_t n = strlen(s);

	while (n > 0) {
		ssize_t k = write(STDOUT_FILENO, s, n);

		if (k == -1 && errno == EINTR)
			continue;
		if (k <= 0)
			return;
		s += k;
		n -= (size_t)k;
	}
}

/* A crash must leave a terminal that can be typed on.  Only calls that a
 * handler may make. */
static void
crashed(int sig)
{
	static const char reset[] = PASTE_OFF "\033[0m\033[?1049l\033[?25h\r\n";

	(void)!write(STDOUT_FILENO, reset, sizeof(reset) - 1);
	if (have_was)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &was);
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void
watch_crashes(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	struct sigaction sa = { .sa_handler = crashed,
		.sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		(void)sigaction(sigs[i], &sa, NULL);
}

static bool
plain_terminal(const char *name)
{
	return name == NULL || strncmp(name, "vt1", 3) == 0 ||
	    strcmp(name, "dumb") == 0;
}

static void
start_colours(const char *name)
{
	static const short fg[] = { COLOR_RED, COLOR_GREEN, COLOR_YELLOW,
		COLOR_CYAN };
	const char *no = getenv("NO_COLOR");

	colours = has_colors() && !plain_terminal(name) &&
	    (no == NULL || no[0] == '\0');
	if (!colours)
		return;
	(void)start_color();
	(void)use_default_colors();
	for (short i = 0; i < 4; i++)
		(void)init_pair((short)(i + 1), fg[i], -1);
}

int
term_open(struct term_about *about, struct err *e)
{
	const char *name = getenv("TERM");

	if (name != NULL && strcmp(name, "dumb") == 0)
		return err_set(e, ERR_FAILED, "TERM=dumb: the console needs a "
		    "terminal with a cursor; the commands of muster(1) do not");
	have_was = tcgetattr(STDIN_FILENO, &was) == 0;
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)		/* one that terminfo does not know */
		screen = newterm("xterm-256color", stdout, stdin);
	if (screen == NULL)
		screen = newterm("vt100", stdout, stdin);
	if (screen == NULL)
		return err_set(e, ERR_FAILED, "TERM=%.40s: no terminal of this "
		    "name (is ncurses-base installed?)", name != NULL ? name
		    : "");
	(void)set_term(screen);
	open_now = true;
	(void)raw();			/* Ctrl-C, -S, -Q and -Z are keys */
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(25);
	start_colours(name);
	if (!plain_terminal(name)) {
		(void)define_key("\033[200~", CODE_PASTE_START);
		(void)define_key("\033[201~", CODE_PASTE_END);
		put(PASTE_ON);
	}
	watch_crashes();
	about->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 &&
	    !plain_terminal(name) && strcmp(name, "linux") != 0;
	about->colour = colours;
	return 0;
}

void
term_close(void)
{
	if (!open_now)
		return;
	open_now = false;
	if (!plain_terminal(getenv("TERM")))
		put(PASTE_OFF);
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

static int
special(int code)
{
	if (code >= KEY_F(1) && code <= KEY_F(12))
		return KEY_K_F1 + code - KEY_F(1);
	switch (code) {
	case KEY_UP:		return KEY_K_UP;
	case KEY_DOWN:		return KEY_K_DOWN;
	case KEY_LEFT:		return KEY_K_LEFT;
	case KEY_RIGHT:		return KEY_K_RIGHT;
	case KEY_PPAGE:		return KEY_K_PGUP;
	case KEY_NPAGE:		return KEY_K_PGDN;
	case KEY_HOME:		return KEY_K_HOME;
	case KEY_END:		return KEY_K_END;
	case KEY_BACKSPACE:	return KEY_K_BACKSPACE;
	case KEY_BTAB:		return KEY_K_BACKTAB;
	case KEY_ENTER:		return KEY_K_ENTER;
	case KEY_RESIZE:	return KEY_K_RESIZE;
	case CODE_PASTE_START:	return KEY_K_PASTE_START;
	case CODE_PASTE_END:	return KEY_K_PASTE_END;
	default:		return NO_KEY;
	}
}

int
term_key(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	wint_t c;

	switch (get_wch(&c)) {
	case OK:
		if (c == 127 || c == 8)
			return KEY_K_BACKSPACE;
		return c == '\n' ? KEY_K_ENTER : (int)c;
	case KEY_CODE_YES:
		return special((int)c);
	default:
		break;
	}
	/* A terminal that hung up reads as nothing, for ever. */
	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)))
		return GONE;
	return NO_KEY;
}

void
term_size(int *w, int *h)
{
	getmaxyx(stdscr, *h, *w);
}

static attr_t
attrs(unsigned a, short *pair)
{
	attr_t t = A_NORMAL;

	*pair = 0;
	t |= a & GRID_BOLD ? A_BOLD : 0;
	t |= a & GRID_REVERSE ? A_REVERSE : 0;
	t |= a & GRID_DIM ? A_DIM : 0;
	t |= a & GRID_UNDER ? A_UNDERLINE : 0;
	if (colours)
		*pair = a & GRID_RED ? 1 : a & GRID_GREEN ? 2
		    : a & GRID_YELLOW ? 3 : a & GRID_CYAN ? 4 : 0;
	return t;
}

bool
term_draw(const struct grid *g, bool all)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	/* A terminal that does not take more is not waited for: the next
	 * frame has it all. */
	if (poll(&p, 1, 0) != 1)
		return false;
	if (all)
		(void)clear();
	else
		(void)erase();
	for (int y = 0; y < g->h; y++)
		for (int x = 0; x < g->w; x++) {
			const struct cell *c = &g->cell[y * g->w + x];
			wchar_t text[2] = { (wchar_t)c->cp, 0 };
			short pair;
			attr_t t = attrs(c->attr, &pair);
			cchar_t cc;

			if (c->cp == 0 || (c->cp == ' ' && c->attr == 0))
				continue;
			(void)setcchar(&cc, text, t, pair, NULL);
			(void)mvadd_wch(y, x, &cc);
		}
	if (g->cursor_y >= 0) {
		(void)curs_set(1);
		(void)move(g->cursor_y, g->cursor_x);
	} else
		(void)curs_set(0);
	(void)wnoutrefresh(stdscr);
	(void)doupdate();
	return true;
}

void
term_copy(const char *text)
{
	json_t *b = base64_json(text, strlen(text));

	put("\033]52;c;");
	put(json_string_value(b));
	put("\a");
	json_decref(b);
}
