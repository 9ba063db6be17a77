/* What the daemon said, and when; where the operator is.  Screens are drawn
 * from this alone, with the time as a part of it. */
#ifndef CONSOLE_MODEL_H
#define CONSOLE_MODEL_H

#include <jansson.h>
#include <stdbool.h>

#include "clock.h"
#include "err.h"
#include "key.h"
#include "line.h"
#include "runlog.h"
#include "say.h"
#include "view.h"

/* What the daemon is asked for.  Those with a key are lists, whose rows it
 * tells apart by that member. */
enum topic {
	TOPIC_STATUS, TOPIC_AGENTS, TOPIC_JOINS, TOPIC_JOBS, TOPIC_RUNS,
	TOPIC_EVENTS, TOPIC_WHY, TOPIC_SETTINGS, TOPIC_NEXT, TOPIC_COUNT
};

struct topic_about {
	const char *method;
	int	    limit;	/* rows that are asked for; 0: all */
	const char *key;	/* NULL: not a list, or one without ids */
	int	    every;	/* seconds, until its screen is shown */
};
extern const struct topic_about topics[TOPIC_COUNT];
/* The list that the selection of a screen is in. */
extern const enum topic screen_topics[SCREEN_COUNT];

struct topic_doc {
	json_t	   *doc;	/* NULL: not yet */
	wall	    at;		/* when it last came or was confirmed */
	struct err  err;	/* ERR_OK, or why there is none, or none newer */
	bool	    old;	/* asked for anew */
	bool	    part;	/* of a list whose rest may be on its way */
	unsigned long rev;	/* grows with each change */
	json_t	   *index;	/* id -> place in doc, or NULL: not made */
};

/* The rows of a screen's list as they were last filtered and sorted: a frame
 * asks for them several times, and ten thousand are not sorted for fun. */
struct rows_memo {
	struct view_rows rows;
	unsigned long rev;
	unsigned long raised;	/* of the status, if alerts are among them */
	char   filter[VIEW_FILTER];
	int    sort;
	bool   desc, audit, alerts;
	int    widest[VIEW_COLUMNS];	/* of the columns that grow, cells */
};

enum link_state { LINK_TRYING, LINK_UP, LINK_DOWN, LINK_DENIED, LINK_OLD };

/* The word in the status bar. */
enum link_word {
	WORD_LIVE, WORD_SLOW, WORD_STALE, WORD_LOST, WORD_DENIED, WORD_OLD,
	WORD_WAIT
};

enum mode {
	MODE_LIST, MODE_FILTER, MODE_COMMAND, MODE_QUESTION, MODE_HELP,
	MODE_MENU, MODE_OUTPUT, MODE_BARE, MODE_LEAVE
};

enum {
	LEAVE_WHAT = VIEW_ID + 16,
	STATS_KEY = VIEW_ID + 16,
	LIST_WINDOW = 600	/* seconds: of the graphs in the list */
};

/* Text in a box that is scrolled: what a command said. */
struct output {
	char   title[80];
	char  *text;		/* owned, or NULL */
	int    top, left;	/* lines; cells */
	mono   shown;		/* keys before shown + DEAF are thrown away */
	bool   asked;		/* a question is below it */
};

struct question;

struct model {
	struct now now;
	struct say say;
	/* the link to the daemon */
	enum link_state link;
	char   where[128];	/* what was dialled, for messages */
	char   why[256];	/* LINK_DOWN and the others: the reason */
	mono   heard;		/* last byte of it */
	wall   heard_at;
	int    tries;
	mono   retry;		/* when the next try is made */
	int    rtt_ms;		/* -1: not known */
	wall   broker_lost;	/* 0: the daemon has its broker */
	/* who we are there */
	char   node[64], who[64], version[32];
	unsigned privs;		/* 1u << enum priv */
	/* what it said */
	struct topic_doc topic[TOPIC_COUNT];
	const json_t *holder;		/* its row among the agents, or NULL */
	int64_t	     agents_epoch;	/* the highest in their rows */
	json_t *raised;		/* open alerts as rows of events, newest first;
				 * their "seq" is a text */
	json_t *stats;		/* key -> agent.stats document */
	json_t *detail;		/* about the selected row, or NULL */
	char   detail_id[VIEW_ID + 8];
	struct err detail_err;	/* why there is none for that id */
	unsigned long crew;	/* another when somebody else may be able to
				 * take the role over */
	json_t *whatif;		/* last what-if, or NULL */
	unsigned long whatif_crew; /* what it was asked of */
	struct runlog log;
	/* where the operator is */
	enum screen_id screen;
	struct view view[SCREEN_COUNT];
	struct rows_memo *memo;		/* SCREEN_COUNT of them; screen.c's */
	bool   open;		/* the detail of the selected row */
	bool   in_log;		/* SCREEN_RUNS: the log has the keys */
	int    split;		/* SCREEN_RUNS: rows more for the list */
	bool   audit, alerts;	/* SCREEN_EVENTS: lenses */
	int    window;		/* seconds of the graphs */
	enum mode mode;
	struct line line;	/* filter, command */
	struct line help;	/* what narrows the help */
	int    help_at;
	struct output output;
	struct output late;	/* came while something was typed: opens when
				 * that is over */
	struct question *question; /* MODE_QUESTION; the ui's, or NULL */
	char   leave[LEAVE_WHAT]; /* MODE_LEAVE: what would be lost */
	char   message[512];	/* row 22 */
	bool   message_bad;
	bool   frozen;
	wall   frozen_at;
	bool   utf8_able, remote;
	enum { COLOURS_DEFAULT, COLOURS_MONO } colours;
};

void	model_init(struct model *);
void	model_clear(struct model *);

/* ---- what the daemon says --------------------------------------------- */

/* A whole document; stolen. */
void	model_put(struct model *, enum topic, json_t *doc);
/* A change: {set, del} of a list, or {doc}, or {error}, why there is nothing
 * newer; borrowed. */
void	model_update(struct model *, enum topic, const json_t *params);
void	model_fail(struct model *, enum topic, const struct err *);
/* The beginning of a list, or all of it; stolen. */
void	model_begin(struct model *, enum topic, json_t *doc);
/* What is here was so at that time, and is asked for anew. */
void	model_outdate(struct model *, enum topic, wall at);
/* The answer to hello; borrowed. */
void	model_hello(struct model *, const json_t *);

/* ---- what holds ------------------------------------------------------- */

enum link_word model_word(const struct model *);
/* Of when what it told is. */
wall	model_at(const struct model *);
/* "LIVE", "SLOW 4s", … */
char   *model_word_text(const struct model *, char out[SAY]);
/* May a capital be pressed now?  ERR_FAILED says why not. */
int	model_may(const struct model *, enum cmd_id, struct err *);
/* Are its rows as they are now?  ERR_FAILED says of when they are. */
int	model_fresh(const struct model *, enum topic, struct err *);
/* "" if its rows are all that there are, else "+": there may be more. */
const char *model_more(const struct model *, enum topic);
/* The runs that go on; *more as model_more. */
size_t	model_running(const struct model *, const char **more);
/* The row of a list with this id, or NULL. */
const json_t *model_row(const struct model *, enum topic, const char *id);
/* The value of a setting as it is written, or dflt; returns out. */
char   *model_setting(const struct model *, const char *name,
	    const char *dflt, char out[SAY]);
/* The samples of an agent over so many seconds, or NULL; borrowed. */
const json_t *model_stats(const struct model *, const char *agent,
	    int window);
/* By what they are kept; returns out. */
char   *model_stats_key(const char *agent, int window, char out[STATS_KEY]);
/* control_status is off: the broker moves nothing. */
bool	model_control_off(const struct model *);
/* The agent that holds the role, or NULL. */
const json_t *model_holder(const struct model *);
/* Nobody holds it: all agents are known, and none of them does. */
bool	model_vacant(const struct model *);
/* The candidates if it were killed, as whatif tells; NULL while that is not known
 * of the crew as it is. */
const json_t *model_in_line(const struct model *);
/* Of the holder; the highest that was heard of if there is none. */
int64_t	model_epoch(const struct model *);
size_t	model_alerts(const struct model *);
size_t	model_count(const struct model *, enum topic, const char *member,
	    const char *value);
/* Is it a cluster's: false for a standalone daemon. */
bool	model_clustered(const struct model *);
void	model_say(struct model *, bool bad, const char *, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
