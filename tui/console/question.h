/* What is asked before anything changes: who, what now, what after, what can go
 * wrong, and the same as a command.  Grade 1 (undoable): y.  Grade 2
 * (interrupts others): the target's name is typed.  Enter on an empty field
 * never confirms. */
#ifndef CONSOLE_QUESTION_H
#define CONSOLE_QUESTION_H

#include <jansson.h>
#include <stdbool.h>

#include "grid.h"
#include "model.h"
#include "strs.h"

enum question_state {
	QUESTION_ASKS,
	QUESTION_SENT,		/* confirmed: the daemon works on it */
	QUESTION_OVER		/* its outcome is shown; any key closes */
};

enum { QUESTION_DEAF_MS = 300 };

struct question {
	enum act act;
	enum cmd_id cmd;
	enum question_state state;
	int64_t serial;		/* tells it from those before it */
	char   title[96];
	char   target[VIEW_ID];	/* what is acted on; "": this node */
	char   word[VIEW_ID];	/* to be typed; "": y confirms */
	char   field[32];	/* asks for a value: of this parameter, */
	char   prompt[96];	/* with these words; "": does not */
	bool   secret;		/* which is not shown */
	json_t *params;		/* of the command */
	json_t *targets;	/* several marked ones: their ids, or NULL */
	bool   marked;		/* marks said what is acted on */
	json_t *dry;		/* whatif of the first choice, or NULL */
	json_t *dry_vacant;	/* of the second */
	bool   vacant;		/* the second is chosen */
	int64_t epoch;		/* that was shown; -1: does not matter */
	struct line input;
	mono   shown;		/* keys before shown + DEAF are thrown away, */
	bool   drawn;		/* and before it is on the terminal */
	bool   late;		/* came while something was typed: opens when
				 * that is over */
	mono   sent;
	int    pending;		/* answers that are still to come */
	struct strs text;
	size_t kept;		/* its first lines, which are never rebuilt */
	int    top;		/* rows scrolled away above */
	char   notice[256];	/* why it is asked again */
	struct strs outcome;
};

/* A question for the act on the marked rows, or on the selected one, which may
 * be NULL; NULL with e: there is none. */
struct question *question_new(const struct model *, enum act,
	    const json_t *selected, struct err *);
void	question_free(struct question *);
/* May this be asked and done now?  ERR_FAILED says why not: nothing is done to
 * a row that is old. */
int	question_may(const struct model *, enum act, enum cmd_id,
	    struct err *);
/* The list that the targets of a command are in. */
enum topic question_topic(enum cmd_id);
/* Does this agent hold the role? */
bool	question_holder(const json_t *agent);
/* Writes its text from what is known now (again, when that has changed). */
void	question_text(struct question *, const struct model *);
/* The parameters for one of several targets; NULL: it has just one.  New
 * reference. */
json_t *question_params(const struct question *, const char *target);
void	question_draw(const struct question *, const struct model *,
	    const struct area *);
/* Moves in a text that is longer than its box on a screen of w times h; false:
 * the key is another. */
bool	question_scroll(struct question *, int key, int w, int h);

enum question_does { QUESTION_STAYS, QUESTION_GOES, QUESTION_CANCELS };
/* May it not have been read yet? */
bool	question_deaf(const struct question *, mono now);
/* A token is shown, and nowhere else. */
bool	question_token(const struct question *);
/* A key while it is asked.  paste: from a bracketed paste, which never answers
 * (but may fill in a value). */
enum question_does question_key(struct question *, int key, bool paste,
	    mono now);

#endif
