/* What keys and answers do: the model moves, requests go out.  No terminal, no
 * socket and no clock here, so that tests press keys and play the daemon. */
#ifndef CONSOLE_UI_H
#define CONSOLE_UI_H

#include "grid.h"
#include "model.h"

/* Why something was asked: comes back with its answer. */
enum ui_tag {
	UI_HELLO, UI_PING, UI_SUBSCRIBE, UI_DETAIL, UI_STATS, UI_LINE, UI_DRY,
	UI_DRY_VACANT, UI_DO, UI_COMMAND, UI_PLAN, UI_LOG, UI_CANCEL
};

struct ui {
	struct model m;
	enum glyphs glyphs;
	int w, h;
	/* Requests to be sent, in order: [{tag, about, method, params}]; the
	 * link empties it. */
	json_t *out;
	bool quit, redraw, reconnect;
	bool once;			/* the link cannot be dialled again */
	char *clipboard;		/* for OSC 52; the terminal frees */
	/* private */
	bool up, pasting;
	int64_t sub[TOPIC_COUNT];	/* 0: none yet; -1: asked */
	bool	quick[TOPIC_COUNT];	/* looked at as one that is seen */
	mono	next_sub, next_ping, next_detail, next_stats, next_line;
	unsigned long line_crew;	/* of which the line was asked last */
	mono	ping_sent;
	int64_t pings;			/* how many were sent */
	/* Of a list that comes in parts: the ping that is answered after all
	 * of them, for it was sent after the last one came. */
	int64_t after[TOPIC_COUNT];
	int64_t log_serial;		/* of the request: one run may be asked
					 * for again before the first ends */
	bool	log_old;		/* of the link before: asked for anew */
	int64_t serial;			/* of the last question or command */
	int64_t dry_of;			/* question of the dry runs under way */
	int	dries;			/* how many they are */
	mono	log_at;			/* selection rests since */
	char	log_want[32];
	const struct cmd *cmd;		/* of the `:` under way, or NULL */
	char	cmd_about[32];		/* of its request */
	bool	cmd_changes;
	bool	cmd_dropped;		/* its answer is no longer waited for */
	json_t *cmd_params, *cmd_rows;
	struct buf cmd_text;
	struct grid *still;		/* z: what was shown */
	bool	unsettled;		/* rows changed under the selection */
	char	drawn[VIEW_ID];		/* the row that was drawn as selected */
	bool	token_asked;		/* for the own request, once */
	bool	leave_drawn;		/* what q asks is on the terminal, */
	mono	leave_at;		/* since then */
	int64_t seen_seq, seen_epoch;	/* when the link went */
	wall	lost_at;
};

void	ui_init(struct ui *, enum glyphs, const char *where);
void	ui_clear(struct ui *);

void	ui_key(struct ui *, int key);
/* Draws into a grid of its size. */
void	ui_draw(struct ui *, struct grid *);
/* What was drawn is on the terminal. */
void	ui_drawn(struct ui *);
/* What time brings: pings, details, the log of a row that rests selected.
 * Called a few times a second and after each answer. */
void	ui_tick(struct ui *, struct now);

/* The link: it is up (hello is asked by ui), or it is not and why. */
void	ui_link(struct ui *, enum link_state, const char *why);
/* An answer; result or e is NULL.  result is borrowed. */
void	ui_answer(struct ui *, enum ui_tag, const char *about,
	    const json_t *result, const struct err *e);
/* Notifications: update {sub, seq, set, del, doc}; a part of a stream. */
void	ui_update(struct ui *, const json_t *params);
void	ui_part(struct ui *, enum ui_tag, const char *about,
	    const json_t *params);

/* For ui_*.c. */
/* This screen is shown, its list as fresh as one that is seen. */
void	ui_go(struct ui *, enum screen_id);
/* The rows of a topic come once more. */
void	ui_ask_anew(struct ui *, enum topic);
/* What is seen here is asked for at once. */
void	ui_again(struct ui *);
/* Lists changed: the selection stays on its id, or moves to a neighbour. */
void	ui_settle(struct ui *);
/* The same, if anything changed: a burst of updates is settled once. */
void	ui_settled(struct ui *);
void	ui_ask(struct ui *, enum ui_tag, const char *about,
	    const char *method, json_t *params);
void	ui_question(struct ui *, enum act);
/* Asks this one, in the place of what was asked; taken. */
void	ui_question_show(struct ui *, struct question *);
/* It has the keys now, or when nothing is typed any more. */
void	ui_question_up(struct ui *, struct question *);
void	ui_question_key(struct ui *, int key, bool paste);
void	ui_question_answer(struct ui *, enum ui_tag, const json_t *,
	    const struct err *);
void	ui_question_tick(struct ui *);
void	ui_question_lost(struct ui *);
void	ui_question_back(struct ui *);
/* What it shows may have changed. */
void	ui_question_facts(struct ui *);
void	ui_command(struct ui *, const char *line);
void	ui_complete(struct ui *);
void	ui_command_answer(struct ui *, enum ui_tag, const json_t *,
	    const struct err *);
void	ui_command_part(struct ui *, const json_t *);
void	ui_command_lost(struct ui *);
void	ui_output(struct ui *, const char *title, const char *text);
/* q, and the key that answers what it may ask. */
void	ui_leave(struct ui *);
void	ui_leave_key(struct ui *, int key);
void	ui_leave_drawn(struct ui *);
/* Nothing is typed or read: what comes now may take the keys. */
bool	ui_free(const struct ui *);
void	ui_copy(struct ui *, const char *text);

#endif
