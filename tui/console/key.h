/* The keys.  One table drives what a key does, the hints of row 23, the help
 * overlay, the menu of actions and the manual's list: a key that is not in it
 * does nothing.
 *
 * Lower case looks; a capital changes the cluster and always opens a question
 * (G, vi's motion, aside). */
#ifndef CONSOLE_KEY_H
#define CONSOLE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd.h"

/* A key is a Unicode character or one of these. */
enum {
	KEY_SPECIAL = 0x200000,
	KEY_K_UP,
	KEY_K_DOWN,
	KEY_K_LEFT,
	KEY_K_RIGHT,
	KEY_K_PGUP,
	KEY_K_PGDN,
	KEY_K_HOME,
	KEY_K_END,
	KEY_K_BACKSPACE,
	KEY_K_BACKTAB,
	KEY_K_RESIZE,
	KEY_K_PASTE_START,	/* bracketed paste */
	KEY_K_PASTE_END,
	KEY_K_F1		/* F1..F12 follow */
};
#define KEY_CTRL(c)	((c) & 0x1f)
#define KEY_ESC		27
#define KEY_K_ENTER	13
#define KEY_TAB		9

enum act {
	ACT_NONE,
	ACT_SCREEN, ACT_PANE, ACT_UP, ACT_DOWN, ACT_PGUP, ACT_PGDN, ACT_FIRST,
	ACT_LAST, ACT_OPEN, ACT_BACK, ACT_SORT, ACT_DIRECTION, ACT_FILTER,
	ACT_NEXT, ACT_PREV, ACT_COMMAND, ACT_MENU, ACT_HELP, ACT_ALERT,
	ACT_AUDIT, ACT_WINDOW, ACT_FREEZE, ACT_COPY, ACT_BARE, ACT_TIMES,
	ACT_GLYPHS, ACT_REFRESH, ACT_REDRAW, ACT_SAY, ACT_MARK, ACT_QUIT,
	ACT_INTERRUPT, ACT_WIDER, ACT_NARROWER, ACT_LOG, ACT_LEFTWARDS,
	ACT_RIGHTWARDS,
	/* these ask first */
	ACT_ACCEPT, ACT_DRAIN, ACT_PAUSE, ACT_JOIN, ACT_LEAVE, ACT_NEW,
	ACT_RUN, ACT_SCHEDULER, ACT_TOKEN, ACT_REMOVE,
	ACT_COUNT
};

enum screen_id {
	SCREEN_AGENTS, SCREEN_JOIN, SCREEN_JOBS, SCREEN_RUNS, SCREEN_EVENTS,
	SCREEN_SCHED, SCREEN_SETTINGS, SCREEN_COUNT
};
extern const char *const screen_names[SCREEN_COUNT];
#define KEY_EVERYWHERE	((1u << SCREEN_COUNT) - 1)

struct key {
	int	    key;
	enum act    act;
	unsigned    screens;	/* 1u << enum screen_id */
	const char *shown;	/* "Enter" */
	const char *hint;	/* word of row 23; NULL: only in the help */
	const char *help;
	enum cmd_id cmd;	/* of an act that asks: its privilege */
};

extern const struct key keys[];
extern const size_t nkeys;

/* What the key does on the screen; NULL: nothing. */
const struct key *key_find(int key, enum screen_id);
/* Does the act change something, so that it asks first? */
static inline bool
key_asks(enum act act)
{
	return act >= ACT_ACCEPT;
}

#endif
