/* q: the console ends, unless something would be lost with it that is told once
 * and that nobody has read. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "question.h"
#include "ui.h"

static const enum cmd_id once[] = { CMD_JOIN_TOKEN, CMD_JOIN_INVITE };

/* What would be lost, here or on its way; false: nothing. */
static bool
unread(const struct ui *u, char what[LEAVE_WHAT])
{
	const struct question *q = u->m.question;
	const struct output *late = &u->m.late;
	char title[sizeof(late->title)];

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		const struct cmd *c = &cmds[once[i]];

		if (q != NULL && q->cmd == once[i] && (question_token(q) ||
		    q->state == QUESTION_SENT)) {
			(void)snprintf(what, LEAVE_WHAT, "the %s%s%s",
			    *q->target == '\0' ? "invite" : c->verb,
			    *q->target == '\0' ? "" : " of ", q->target);
			return true;
		}
		(void)snprintf(title, sizeof(title), "%s %s", c->noun,
		    c->verb);
		if (u->cmd == c || (late->text != NULL &&
		    strcmp(late->title, title) == 0)) {
			(void)snprintf(what, LEAVE_WHAT, "the answer of %.40s",
			    title);
			return true;
		}
	}
	return false;
}

void
ui_leave(struct ui *u)
{
	if (!unread(u, u->m.leave)) {
		u->quit = true;
		return;
	}
	u->m.mode = MODE_LEAVE;
	u->leave_drawn = false;
}

void
ui_leave_drawn(struct ui *u)
{
	if (u->m.mode != MODE_LEAVE || u->leave_drawn)
		return;
	u->leave_drawn = true;
	u->leave_at = u->m.now.mono;
}

/* q itself is no answer, nor is what was typed before this could be read. */
void
ui_leave_key(struct ui *u, int key)
{
	if (!u->leave_drawn || mono_diff_ms(u->m.now.mono, u->leave_at) <
	    QUESTION_DEAF_MS)
		return;
	u->m.mode = MODE_LIST;
	u->quit = key == 'y';
}
