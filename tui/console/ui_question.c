/* Questions: asked, answered, sent, their outcome; and asked again when what
 * they showed has moved. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "question.h"
#include "screen.h"
#include "ui.h"
#include "utf8.h"

/* Those of one question at a time, which makes the answers that come its own:
 * while an older one's are to come, this one's wait for them. */
static void
dry_runs(struct ui *u, const struct question *q)
{
	if (u->dries > 0 || (q->cmd != CMD_AGENT_ON && q->cmd !=
	    CMD_AGENT_OFF))
		return;
	ui_ask(u, UI_DRY, "", "whatif", json_pack("{s:[s,s]}", "event",
	    q->cmd == CMD_AGENT_ON ? "on" : "off", q->target));
	if (q->cmd == CMD_AGENT_OFF)
		ui_ask(u, UI_DRY_VACANT, "", "whatif", json_pack("{s:[s,s]}",
		    "event", "vacant", q->target));
	u->dries = q->cmd == CMD_AGENT_OFF ? 2 : 1;
	u->dry_of = q->serial;
}

void
ui_question_up(struct ui *u, struct question *q)
{
	q->late = u->m.mode != MODE_QUESTION && !ui_free(u);
	q->shown = u->m.now.mono;
	q->drawn = false;
	if (!q->late)
		u->m.mode = MODE_QUESTION;
}

void
ui_question_show(struct ui *u, struct question *q)
{
	question_free(u->m.question);
	q->serial = ++u->serial;
	u->m.question = q;
	ui_question_up(u, q);
	dry_runs(u, q);
}

void
ui_question(struct ui *u, enum act act)
{
	struct question *q;
	struct err e = { 0 };

	if (u->m.question != NULL) {
		ui_question_up(u, u->m.question);	/* one at a time */
		return;
	}
	q = question_new(&u->m, act, screen_selected(&u->m), &e);
	if (q == NULL)
		model_say(&u->m, true, "%s", e.msg);
	else
		ui_question_show(u, q);
}

static void
close_question(struct ui *u)
{
	question_free(u->m.question);
	u->m.question = NULL;
	if (u->m.mode == MODE_QUESTION)
		u->m.mode = MODE_LIST;
}

static void
send(struct ui *u, struct question *q)
{
	char method[CMD_METHOD];
	struct err e = { 0 };
	json_t *id;
	size_t i;

	if (question_may(&u->m, q->act, q->cmd, &e) == -1) {
		(void)MEM_STR(q->notice, e.msg);
		return;
	}
	(void)cmd_method(&cmds[q->cmd], method);
	if (q->targets == NULL) {
		ui_ask(u, UI_DO, "", method, question_params(q, NULL));
		q->pending = 1;
	} else
		json_array_foreach(q->targets, i, id) {
			ui_ask(u, UI_DO, "", method, question_params(q,
			    json_string_value(id)));
			q->pending++;
		}
	q->state = QUESTION_SENT;
	q->sent = u->m.now.mono;
	q->notice[0] = '\0';
	explicit_bzero(&q->input, sizeof(q->input));
	if (q->secret)
		(void)json_object_del(q->params, q->field);
	if (q->marked)
		json_object_clear(u->m.view[u->m.screen].marks);
	q->marked = false;
}

static void
over_key(struct ui *u, struct question *q, int key)
{
	const char *last = q->outcome.n > 0
	    ? q->outcome.v[q->outcome.n - 1] : "";

	if (question_deaf(q, u->m.now.mono))
		return;
	if (key == 'T' && q->cmd == CMD_JOIN_ACCEPT && q->targets == NULL) {
		/* A mark may have said which; the cursor is elsewhere. */
		ui_go(u, SCREEN_JOIN);
		(void)MEM_STR(u->m.view[SCREEN_JOIN].sel, js_str(q->params,
		    "request", ""));
		close_question(u);
		ui_question(u, ACT_TOKEN);
	} else if (key == 'c' && q->outcome.n > 1)
		ui_copy(u, last);
	else if (key == 'v' && q->outcome.n > 1) {
		ui_output(u, "", last);
		u->m.mode = MODE_BARE;
	} else if (key == KEY_ESC || (!question_token(q) &&
	    (key == KEY_K_ENTER || key == 'q' || key == KEY_CTRL('c'))))
		close_question(u);
}

void
ui_question_key(struct ui *u, int key, bool paste)
{
	struct question *q = u->m.question;

	if (q == NULL) {
		u->m.mode = MODE_LIST;
		return;
	}
	if (!paste && question_scroll(q, key, u->w, u->h))
		return;
	if (q->state == QUESTION_OVER) {
		if (!paste)
			over_key(u, q, key);
		return;
	}
	if (q->state == QUESTION_SENT) {
		if (key == KEY_ESC && !paste)
			u->m.mode = MODE_LIST;	/* hidden; it goes on */
		return;
	}
	switch (question_key(q, key, paste, u->m.now.mono)) {
	case QUESTION_STAYS:
		question_text(q, &u->m);
		break;
	case QUESTION_GOES:
		send(u, q);
		break;
	case QUESTION_CANCELS:
		close_question(u);
		break;
	}
}

/* ---- what comes of it ------------------------------------------------- */

/* Shown anew, typed anew; but a value is no answer to a picture. */
static void
anew(struct ui *u, struct question *q)
{
	q->serial = ++u->serial;
	q->state = QUESTION_ASKS;
	q->pending = 0;
	q->top = 0;
	if (q->field[0] == '\0')
		line_set(&q->input, "");
	json_decref(q->dry);
	json_decref(q->dry_vacant);
	q->dry = q->dry_vacant = NULL;
	question_text(q, &u->m);
	ui_question_up(u, q);
	dry_runs(u, q);
}

/* The facts moved while it was read. */
static void
again(struct ui *u, struct question *q, const char *why)
{
	(void)snprintf(q->notice, sizeof(q->notice), "%.150s; here is the new "
	    "picture.", why);
	q->epoch = model_epoch(&u->m);
	(void)json_object_set_new(q->params, "epoch", json_integer(q->epoch));
	anew(u, q);
}

/* Step 4 of the handshake on the new machine: the broker accepted, and the
 * prompt for the token is there before anybody looks for it. */
static void
offer_token(struct ui *u)
{
	struct model *m = &u->m;
	const char *state = js_str(model_row(m, TOPIC_JOINS, "own"), "state",
	    "");

	if (strcmp(state, "accepted") != 0) {
		u->token_asked = false;
		return;
	}
	/* What told the check words has done its work. */
	if (m->question != NULL && m->question->state == QUESTION_OVER &&
	    m->question->cmd == CMD_JOIN_REQUEST)
		close_question(u);
	if (u->token_asked || m->question != NULL || !ui_free(u) ||
	    model_fresh(m, TOPIC_JOINS, NULL) == -1)
		return;
	u->token_asked = true;
	ui_go(u, SCREEN_JOIN);
	(void)MEM_STR(m->view[SCREEN_JOIN].sel, "own");
	ui_question(u, ACT_TOKEN);
}

void
ui_question_tick(struct ui *u)
{
	struct question *q;
	char why[128];

	offer_token(u);
	q = u->m.question;
	if (q == NULL || q->epoch < 0 || q->state != QUESTION_ASKS ||
	    model_epoch(&u->m) == q->epoch)
		return;
	(void)snprintf(why, sizeof(why), "The role moved to %.60s (epoch %lld) "
	    "while you read", js_str(model_holder(&u->m), "name", "nobody"),
	    (long long)model_epoch(&u->m));
	again(u, q, why);
}

static void
outcome(struct question *q, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
outcome(struct question *q, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strs_add(&q->outcome, text);
}

static void
done(struct ui *u, struct question *q, const json_t *result)
{
	double took = (double)mono_diff_ms(u->m.now.mono, q->sent) / 1000;
	const char *words = js_str(result, "words", NULL);
	bool seen = u->m.mode == MODE_QUESTION;	/* else the eyes are elsewhere */
	char t[SAY];

	if (js_str(result, "token", NULL) != NULL) {
		outcome(q, "Shown once, good until %s:", say_when(&u->m.say,
		    js_wall(result, "expires_at"), t));
		outcome(q, "%s", js_str(result, "command", ""));
		return;
	}
	if (seen && q->cmd == CMD_JOIN_REQUEST)
		ui_go(u, SCREEN_JOIN);
	if (words != NULL && q->cmd == CMD_JOIN_REQUEST) {
		outcome(q, "done: asked %s to join %s", js_str(q->params,
		    "host", "the broker"), js_str(result, "cluster",
		    "its cluster"));
		outcome(q, "Check words: %s", words);
		return;
	}
	if (seen && q->cmd == CMD_JOIN_COMPLETE)
		ui_go(u, SCREEN_AGENTS);
	if (seen && (q->cmd == CMD_JOB_RUN || q->cmd == CMD_RUN_RETRY))
		view_id(result, "run", u->m.view[SCREEN_RUNS].sel);
	outcome(q, "done in %.1fs: %s", took, js_str(result, "message",
	    cmds[q->cmd].help));
}

static void
finished(struct ui *u, struct question *q)
{
	size_t i = 0;
	bool good;

	q->state = QUESTION_OVER;
	q->shown = u->m.now.mono;
	q->drawn = false;
	/* Of several, the one that was refused is what must be heard of. */
	while (i + 1 < q->outcome.n && strncmp(q->outcome.v[i], "done", 4) == 0)
		i++;
	good = strncmp(q->outcome.v[i], "done", 4) == 0;
	if (u->m.mode != MODE_QUESTION && question_token(q))
		return;			/* row 22 says that it is here */
	if (u->m.mode != MODE_QUESTION || (q->outcome.n == 1 &&
	    q->cmd != CMD_JOIN_ACCEPT && good && utf8_cells(q->outcome.v[0],
	    strlen(q->outcome.v[0])) + 2 < (size_t)u->w)) {
		/* One good line does not need a box. */
		model_say(&u->m, !good, "%s", q->outcome.v[i]);
		close_question(u);
	}
}

static void
dry_answer(struct ui *u, enum ui_tag tag, const json_t *result,
    const struct err *e)
{
	struct question *q = u->m.question;
	json_t **dry;

	if (u->dries == 0)
		return;
	u->dries--;
	if (q == NULL)
		return;
	if (q->serial != u->dry_of) {	/* of one that was closed */
		dry_runs(u, q);
		return;
	}
	dry = tag == UI_DRY ? &q->dry : &q->dry_vacant;
	json_decref(*dry);
	*dry = e == NULL ? json_deep_copy(result)
	    : json_pack("{s:o}", "outcome", js_text(e->msg));
	question_text(q, &u->m);
}

void
ui_question_answer(struct ui *u, enum ui_tag tag, const json_t *result,
    const struct err *e)
{
	struct question *q = u->m.question;

	if (tag == UI_DRY || tag == UI_DRY_VACANT) {
		dry_answer(u, tag, result, e);
		return;
	}
	if (q == NULL || q->state != QUESTION_SENT)
		return;
	/* What the `:` line asks has no picture here that could be renewed. */
	if (e != NULL && e->code == ERR_STALE && q->targets == NULL &&
	    q->act != ACT_NONE) {
		again(u, q, e->msg);
		return;
	}
	if (e != NULL)
		outcome(q, "%s: %s", err_word(e->code), e->msg);
	else
		done(u, q, result);
	if (--q->pending <= 0)
		finished(u, q);
}

void
ui_question_lost(struct ui *u)
{
	struct question *q = u->m.question;

	u->dries = 0;			/* they come no more */
	if (q == NULL)
		return;
	if (q->state == QUESTION_SENT) {
		/* Never "failed": it may well be done. */
		outcome(q, "sent, but the link broke: outcome unknown; when it "
		    "is back, Sched and Events tell");
		q->state = QUESTION_OVER;
		ui_question_up(u, q);
	} else if (q->state == QUESTION_ASKS)
		(void)snprintf(q->notice, sizeof(q->notice), "The link is "
		    "lost: nothing was sent.");
}

/* Its epoch stays: if the role moved meanwhile, that is told next. */
void
ui_question_back(struct ui *u)
{
	struct question *q = u->m.question;

	if (q == NULL || q->state != QUESTION_ASKS)
		return;
	(void)MEM_STR(q->notice, "The link was lost and is back: nothing was "
	    "sent.");
	anew(u, q);
}

void
ui_question_facts(struct ui *u)
{
	struct question *q = u->m.question;

	if (q != NULL && q->state == QUESTION_ASKS)
		question_text(q, &u->m);
}
