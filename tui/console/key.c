#include "key.h"

const char *const screen_names[SCREEN_COUNT] = {
	[SCREEN_AGENTS] = "Agents",
	[SCREEN_JOIN] = "Join",
	[SCREEN_JOBS] = "Jobs",
	[SCREEN_RUNS] = "Runs",
	[SCREEN_EVENTS] = "Events",
	[SCREEN_SCHED] = "Sched",
	[SCREEN_SETTINGS] = "Settings",
};

#define ALL KEY_EVERYWHERE
#define ON(screen) (1u << SCREEN_##screen)

const struct key keys[] = {
	{ KEY_K_ENTER, ACT_OPEN, ALL, "Enter", "open", "open the selected row",
	  0 },
	{ 'A', ACT_ACCEPT, ON(JOIN), "A", "accept", "accept the request to "
	  "join", CMD_JOIN_ACCEPT },
	{ 'T', ACT_TOKEN, ON(JOIN), "T", "token", "make and show the token of "
	  "an accepted request", CMD_JOIN_TOKEN },
	{ 'N', ACT_NEW, ON(JOIN), "N", "invite", "make an invite: a token for "
	  "machines that join by themselves", CMD_JOIN_INVITE },
	{ 'X', ACT_REMOVE, ON(JOIN), "X", "reject", "reject the request",
	  CMD_JOIN_REJECT },
	{ 'S', ACT_SCHEDULER, ON(AGENTS) | ON(SCHED), "S", "scheduler",
	  "turn the Scheduler role on or off", CMD_AGENT_ON },
	{ 'D', ACT_DRAIN, ON(AGENTS), "D", "drain", "drain the agent, or let "
	  "it work again", CMD_AGENT_DRAIN },
	{ 'X', ACT_REMOVE, ON(AGENTS), "X", NULL, "remove the agent from the "
	  "cluster", CMD_AGENT_REMOVE },
	{ 'R', ACT_RUN, ON(JOBS), "R", "run now", "run the job now",
	  CMD_JOB_RUN },
	{ 'E', ACT_PAUSE, ON(JOBS), "E", "pause", "pause the job, or resume "
	  "it", CMD_JOB_PAUSE },
	{ 'X', ACT_REMOVE, ON(JOBS), "X", "remove", "remove the job from the "
	  "catalogue", CMD_JOB_REMOVE },
	{ 'X', ACT_REMOVE, ON(RUNS), "X", "kill", "end the run: TERM, its "
	  "grace, KILL", CMD_RUN_ABORT },
	{ 'R', ACT_RUN, ON(RUNS), "R", "again", "run it once more",
	  CMD_RUN_RETRY },
	{ 'l', ACT_LOG, ON(JOBS), "l", "log", "the log of the last run", 0 },
	{ KEY_TAB, ACT_PANE, ON(RUNS), "Tab", "list/log", "from the list to "
	  "the log and back", 0 },
	{ '+', ACT_WIDER, ON(RUNS), "+", NULL, "more room for the list", 0 },
	{ '-', ACT_NARROWER, ON(RUNS), "-", NULL, "more room for the log", 0 },
	{ 'f', ACT_OPEN, ON(RUNS), "f", "full", "the log on the whole screen",
	  0 },
	{ 'a', ACT_AUDIT, ON(EVENTS), "a", "audit", "only what people did", 0 },
	{ 'w', ACT_WINDOW, ON(AGENTS), "w", "window", "graphs of 10 minutes, "
	  "60 minutes, 24 hours", 0 },
	{ 'w', ACT_WINDOW, ON(SCHED), "w", "what-if", "type a supposed event: "
	  "whatif kill NODE; changes nothing", 0 },
	{ 'J', ACT_JOIN, ALL, "J", NULL, "ask a broker to take this machine "
	  "in (a machine of no cluster)", CMD_JOIN_REQUEST },
	{ 'L', ACT_LEAVE, ALL, "L", NULL, "leave the cluster", CMD_LEAVE },
	{ '/', ACT_FILTER, ALL, "/", "filter", "show only rows with this text "
	  "(word, or column:word); in a log: find", 0 },
	{ 's', ACT_SORT, ALL, "s", "sort", "sort by the next column", 0 },
	{ 'o', ACT_MENU, ALL, "o", "actions", "every action for this row, and "
	  "why not", 0 },
	{ '!', ACT_ALERT, ALL, "!", "alerts", "the next open alert", 0 },
	{ '?', ACT_HELP, ALL, "?", NULL, "this help: type to narrow, Enter "
	  "runs", 0 },
	{ 'q', ACT_QUIT, ALL, "q", "quit", "leave; the daemon goes on", 0 },
	{ ':', ACT_COMMAND, ALL, ":", NULL, "a command of muster(1); Tab "
	  "completes", 0 },
	{ 'd', ACT_DIRECTION, ALL, "d", NULL, "turn the order round", 0 },
	{ 'j', ACT_DOWN, ALL, "j", NULL, "down", 0 },
	{ 'k', ACT_UP, ALL, "k", NULL, "up", 0 },
	{ KEY_K_DOWN, ACT_DOWN, ALL, "Down", NULL, "down", 0 },
	{ KEY_K_UP, ACT_UP, ALL, "Up", NULL, "up", 0 },
	{ KEY_K_PGDN, ACT_PGDN, ALL, "PgDn", NULL, "a screenful down", 0 },
	{ KEY_K_PGUP, ACT_PGUP, ALL, "PgUp", NULL, "a screenful up", 0 },
	{ KEY_CTRL('f'), ACT_PGDN, ALL, "Ctrl-F", NULL, "a screenful down",
	  0 },
	{ KEY_CTRL('b'), ACT_PGUP, ALL, "Ctrl-B", NULL, "a screenful up", 0 },
	{ 'g', ACT_FIRST, ALL, "g", NULL, "the first row", 0 },
	{ 'G', ACT_LAST, ALL, "G", NULL, "the last row; in a log: follow", 0 },
	{ KEY_K_HOME, ACT_FIRST, ALL, "Home", NULL, "the first row", 0 },
	{ KEY_K_END, ACT_LAST, ALL, "End", NULL, "the last row; in a log: "
	  "follow", 0 },
	{ '<', ACT_LEFTWARDS, ALL, "<", NULL, "back to the left in long lines",
	  0 },
	{ '>', ACT_RIGHTWARDS, ALL, ">", NULL, "half a screen to the right in "
	  "lines of a log or an answer", 0 },
	{ KEY_K_RIGHT, ACT_OPEN, ALL, "Right", NULL, "open", 0 },
	{ 'l', ACT_OPEN, ALL, "l", NULL, "open", 0 },
	{ KEY_ESC, ACT_BACK, ALL, "Esc", NULL, "back, close, cancel", 0 },
	{ KEY_K_LEFT, ACT_BACK, ALL, "Left", NULL, "back", 0 },
	{ 'h', ACT_BACK, ALL, "h", NULL, "back", 0 },
	{ KEY_K_BACKSPACE, ACT_BACK, ALL, "Backspace", NULL, "back", 0 },
	{ 'n', ACT_NEXT, ALL, "n", NULL, "the next row that the filter found",
	  0 },
	{ 'p', ACT_PREV, ALL, "p", NULL, "the one before", 0 },
	{ ' ', ACT_MARK, ALL, "Space", NULL, "mark the row, for A, D and X on "
	  "several", 0 },
	{ KEY_TAB, ACT_SCREEN, ALL, "Tab", NULL, "the next screen", 0 },
	{ KEY_K_BACKTAB, ACT_SCREEN, ALL, "S-Tab", NULL, "the screen before",
	  0 },
	{ '1', ACT_SCREEN, ALL, "1", NULL, "Agents", 0 },
	{ '2', ACT_SCREEN, ALL, "2", NULL, "Join", 0 },
	{ '3', ACT_SCREEN, ALL, "3", NULL, "Jobs", 0 },
	{ '4', ACT_SCREEN, ALL, "4", NULL, "Runs", 0 },
	{ '5', ACT_SCREEN, ALL, "5", NULL, "Events", 0 },
	{ '6', ACT_SCREEN, ALL, "6", NULL, "Sched", 0 },
	{ '7', ACT_SCREEN, ALL, "7", NULL, "Settings", 0 },
	{ 'z', ACT_FREEZE, ALL, "z", NULL, "freeze the screen, and go on", 0 },
	{ 'c', ACT_COPY, ALL, "c", NULL, "send the row to your terminal's "
	  "clipboard (OSC 52)", 0 },
	{ 'v', ACT_BARE, ALL, "v", NULL, "the row bare, to be selected with "
	  "the mouse", 0 },
	{ 't', ACT_TIMES, ALL, "t", NULL, "times: local, UTC, age", 0 },
	{ 'u', ACT_GLYPHS, ALL, "u", NULL, "ASCII or UTF-8 glyphs", 0 },
	{ 'r', ACT_REFRESH, ALL, "r", NULL, "ask again; reconnect now", 0 },
	{ KEY_K_F1 + 4, ACT_REFRESH, ALL, "F5", NULL, "ask again", 0 },
	{ KEY_CTRL('l'), ACT_REDRAW, ALL, "Ctrl-L", NULL, "draw everything "
	  "anew", 0 },
	{ 'i', ACT_SAY, ALL, "i", NULL, "the row as one sentence", 0 },
	{ KEY_K_F1, ACT_HELP, ALL, "F1", NULL, "help", 0 },
	{ KEY_K_F1 + 9, ACT_QUIT, ALL, "F10", NULL, "leave", 0 },
	{ KEY_CTRL('c'), ACT_INTERRUPT, ALL, "Ctrl-C", NULL, "cancel a prompt",
	  0 },
};
const size_t nkeys = sizeof(keys) / sizeof(keys[0]);

/* The first row wins, so a screen's own stands before the one for all. */
const struct key *
key_find(int key, enum screen_id screen)
{
	for (size_t i = 0; i < nkeys; i++)
		if (keys[i].key == key && (keys[i].screens & 1u << screen))
			return &keys[i];
	return NULL;
}
