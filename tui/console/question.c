#include "question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "text.h"

void
question_free(struct question *q)
{
	if (q == NULL)
		return;
	json_decref(q->params);
	json_decref(q->targets);
	json_decref(q->dry);
	json_decref(q->dry_vacant);
	strs_clear(&q->text);
	strs_clear(&q->outcome);
	explicit_bzero(&q->input, sizeof(q->input));
	free(q);
}

/* ---- what is asked ---------------------------------------------------- */

static void
about(struct question *q, enum cmd_id cmd, const char *param,
    const char *target)
{
	q->cmd = cmd;
	(void)MEM_STR(q->target, target);
	json_decref(q->params);
	q->params = json_object();
	if (param != NULL)
		(void)json_object_set_new(q->params, param, js_text(target));
}

static void
title(struct question *q, const char *what)
{
	if (q->targets != NULL)
		(void)snprintf(q->title, sizeof(q->title), "%s: %zu %ss", what,
		    json_array_size(q->targets), question_topic(q->cmd) ==
		    TOPIC_JOINS ? "request" : cmds[q->cmd].noun);
	else
		(void)snprintf(q->title, sizeof(q->title), "%s%s%.60s", what,
		    q->target[0] != '\0' ? ": " : "", q->target);
}

static int
about_agent(struct question *q, const struct model *m, const json_t *row)
{
	const char *name = js_str(row, "name", "");
	bool holder = question_holder(row);

	q->epoch = model_epoch(m);
	if (q->act == ACT_SCHEDULER) {
		about(q, holder ? CMD_AGENT_OFF : CMD_AGENT_ON, "agent", name);
		title(q, holder ? "Turn OFF the Scheduler role"
		    : "Turn ON the Scheduler role");
		(void)MEM_STR(q->word, name);
	} else if (q->act == ACT_REMOVE) {
		about(q, CMD_AGENT_REMOVE, "agent", name);
		title(q, "Remove from the cluster");
		(void)MEM_STR(q->word, name);
	} else {
		bool drained = js_bool(row, "drained", false);

		about(q, drained ? CMD_AGENT_UNDRAIN : CMD_AGENT_DRAIN,
		    "agent", name);
		title(q, drained ? "Let work again" : "Drain");
		if (holder)
			(void)MEM_STR(q->word, name);
	}
	(void)json_object_set_new(q->params, "epoch",
	    json_integer(q->epoch));
	return 0;
}

/* The role's own screen: off when somebody holds it, else on. */
static const json_t *
role_target(const struct model *m)
{
	const json_t *row = model_holder(m), *list;

	if (row != NULL)
		return row;
	list = m->topic[TOPIC_AGENTS].doc;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);

		if (js_bool(a, "connected", false) && js_bool(a, "controlled",
		    false) && !js_bool(a, "drained", false))
			return a;
	}
	return NULL;
}

static int
about_join(struct question *q, const json_t *row, struct err *e)
{
	const char *id = js_str(row, "id", "");
	bool own = strcmp(id, "own") == 0;

	if (q->act == ACT_NEW) {
		about(q, CMD_JOIN_INVITE, NULL, "");
		title(q, "Make an invite, good for 24h");
		(void)json_object_set_new(q->params, "for",
		    json_integer(86400));
		(void)MEM_STR(q->field, "uses");
		(void)MEM_STR(q->prompt, "For how many machines?");
		return 0;
	}
	if (row == NULL)
		return err_set(e, ERR_NOTFOUND, "no request is selected");
	if (own && q->act != ACT_TOKEN)
		return err_set(e, ERR_FAILED, "this is your own request: it is "
		    "accepted or rejected at the broker");
	if (own) {
		about(q, CMD_JOIN_COMPLETE, NULL, "");
		(void)json_object_set_new(q->params, "host", js_text(js_str(row,
		    "host", js_str(row, "address", ""))));
		title(q, "Join with a token");
		(void)MEM_STR(q->field, "token");
		(void)MEM_STR(q->prompt, "Paste the token:");
		q->secret = true;
		return 0;
	}
	about(q, q->act == ACT_ACCEPT ? CMD_JOIN_ACCEPT
	    : q->act == ACT_TOKEN ? CMD_JOIN_TOKEN : CMD_JOIN_REJECT,
	    "request", id);
	(void)MEM_STR(q->target, js_str(row, "name", id));
	title(q, q->act == ACT_ACCEPT ? "Accept"
	    : q->act == ACT_TOKEN ? "Make and show a token" : "Reject");
	if (q->act == ACT_REMOVE)
		(void)MEM_STR(q->word, q->target);
	return 0;
}

static int
about_job(struct question *q, const json_t *row)
{
	const char *name = js_str(row, "name", "");
	bool paused = js_bool(row, "paused", false);

	about(q, q->act == ACT_RUN ? CMD_JOB_RUN
	    : q->act == ACT_REMOVE ? CMD_JOB_REMOVE
	    : paused ? CMD_JOB_RESUME : CMD_JOB_PAUSE, "job", name);
	title(q, q->act == ACT_RUN ? "Run now"
	    : q->act == ACT_REMOVE ? "Remove the job"
	    : paused ? "Resume" : "Pause");
	if (q->act == ACT_REMOVE)
		(void)MEM_STR(q->word, name);
	return 0;
}

static int
about_run(struct question *q, const json_t *row, struct err *e)
{
	char id[VIEW_ID];

	view_id(row, "id", id);
	if (q->act == ACT_REMOVE && !json_is_null(json_object_get(row,
	    "ended_at")))
		return err_set(e, ERR_FAILED, "run %s has ended (%s): there is "
		    "nothing to kill", id, js_str(row, "state", "?"));
	about(q, q->act == ACT_REMOVE ? CMD_RUN_ABORT : CMD_RUN_RETRY, "run",
	    id);
	if (q->targets != NULL)
		title(q, "Kill");
	else
		(void)snprintf(q->title, sizeof(q->title), "%s: #%.20s %.50s",
		    q->act == ACT_REMOVE ? "Kill" : "Run again", id,
		    js_str(row, "job", "?"));
	if (q->act == ACT_REMOVE)
		(void)MEM_STR(q->word, js_str(row, "job", id));
	return 0;
}

static int
about_node(struct question *q, const struct model *m, struct err *e)
{
	const char *mode = js_str(m->topic[TOPIC_STATUS].doc, "mode", "");
	bool alone = strcmp(mode, "standalone") == 0;

	if (q->act == ACT_JOIN && !alone)
		return err_set(e, ERR_FAILED, "%s is in a cluster already: L "
		    "leaves it", m->node);
	if (q->act == ACT_LEAVE && (alone || strcmp(mode, "broker") == 0))
		return err_set(e, ERR_FAILED, "%s is %s: there is nothing to "
		    "leave", m->node, alone ? "standalone" : "the broker");
	about(q, q->act == ACT_JOIN ? CMD_JOIN_REQUEST : CMD_LEAVE, NULL, "");
	(void)snprintf(q->title, sizeof(q->title), "%s", q->act == ACT_JOIN
	    ? "Ask a broker to take this machine in" : "Leave the cluster");
	if (q->act == ACT_JOIN) {
		(void)MEM_STR(q->field, "host");
		(void)MEM_STR(q->prompt, "Broker (HOST or HOST:PORT):");
	} else
		(void)MEM_STR(q->word, m->node);
	return 0;
}

static int
about_row(struct question *q, const struct model *m, const json_t *row,
    struct err *e)
{
	if (q->act == ACT_JOIN || q->act == ACT_LEAVE)
		return about_node(q, m, e);
	if (m->screen == SCREEN_JOIN)
		return about_join(q, row, e);
	if (row == NULL)
		return err_set(e, ERR_NOTFOUND, "nothing is selected");
	if (m->screen == SCREEN_JOBS)
		return about_job(q, row);
	if (m->screen == SCREEN_RUNS)
		return about_run(q, row, e);
	return about_agent(q, m, row);
}

/* The cursor moves on after a mark, so that it may be on any row: with marks,
 * they are what is acted on, in the order of the list. */
static int
take_marks(struct question *q, const struct model *m, struct err *e)
{
	const struct view *v = &m->view[m->screen];
	enum topic t = screen_topics[m->screen];
	const json_t *list = m->topic[t].doc;
	size_t n = json_object_size(v->marks);
	char id[VIEW_ID];

	if (n == 0 || q->act == ACT_JOIN || q->act == ACT_LEAVE || q->act ==
	    ACT_NEW || m->screen == SCREEN_SCHED)
		return 0;
	if (n > 1 && q->act != ACT_ACCEPT && q->act != ACT_DRAIN && q->act !=
	    ACT_REMOVE)
		return err_set(e, ERR_FAILED, "that is asked of one row, and "
		    "%zu are marked: Esc unmarks", n);
	q->marked = true;
	q->targets = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		view_id(json_array_get(list, i), topics[t].key, id);
		if (view_marked(v, id))
			(void)json_array_append_new(q->targets, js_text(id));
	}
	return json_array_size(q->targets) == n ? 0 : err_set(e, ERR_NOTFOUND,
	    "a row that was marked is %s: Esc unmarks", m->topic[t].part
	    ? "not here yet" : "gone");
}

/* One question for all of them, so one command: params are those of the last
 * but for the target. */
static int
about_several(struct question *q, const struct model *m, struct err *e)
{
	enum cmd_id cmd = CMD_COUNT;
	json_t *id;
	size_t i;

	json_array_foreach(q->targets, i, id) {
		if (about_row(q, m, model_row(m, screen_topics[m->screen],
		    json_string_value(id)), e) == -1)
			return -1;
		if (i > 0 && q->cmd != cmd)
			return err_set(e, ERR_FAILED, "some are drained, some "
			    "are not: unmark one kind with Space, then D");
		cmd = q->cmd;
	}
	q->target[0] = '\0';
	(void)snprintf(q->word, sizeof(q->word), "%zu",
	    json_array_size(q->targets));
	return 0;
}

static int
about_act(struct question *q, const struct model *m, const json_t *row,
    struct err *e)
{
	if (take_marks(q, m, e) == -1)
		return -1;
	if (json_array_size(q->targets) > 1)
		return about_several(q, m, e);
	if (q->act == ACT_SCHEDULER && m->screen == SCREEN_SCHED)
		row = role_target(m);
	else if (q->targets != NULL)	/* one mark is the row */
		row = model_row(m, screen_topics[m->screen],
		    json_string_value(json_array_get(q->targets, 0)));
	json_decref(q->targets);
	q->targets = NULL;
	return about_row(q, m, row, e);
}

int
question_may(const struct model *m, enum act act, enum cmd_id cmd,
    struct err *e)
{
	if (model_may(m, cmd, e) == -1)
		return -1;
	if (act == ACT_NONE || act == ACT_JOIN || act == ACT_LEAVE || act ==
	    ACT_NEW)
		return 0;
	if (act == ACT_SCHEDULER && model_holder(m) == NULL &&
	    !model_vacant(m))
		return err_set(e, ERR_FAILED, "not all agents are here: who "
		    "holds the role is not known yet");
	return model_fresh(m, question_topic(cmd), e);
}

struct question *
question_new(const struct model *m, enum act act, const json_t *selected,
    struct err *e)
{
	struct question *q = mem_zero(1, sizeof(*q));

	q->act = act;
	q->epoch = -1;
	q->shown = m->now.mono;
	if (about_act(q, m, selected, e) == -1 ||
	    question_may(m, act, q->cmd, e) == -1) {
		question_free(q);
		return NULL;
	}
	question_text(q, m);
	return q;
}

json_t *
question_params(const struct question *q, const char *target)
{
	const char *spec = cmds[q->cmd].args;
	json_t *params = json_deep_copy(q->params);
	struct cmd_arg a;

	if (target != NULL && cmd_arg_next(&spec, &a) == 1)
		(void)json_object_set_new(params, a.name, js_text(target));
	return params;
}

/* ---- its keys --------------------------------------------------------- */

static enum question_does
entered(struct question *q)
{
	int64_t n;
	struct err e;

	if (q->input.len == 0)		/* never confirms */
		return QUESTION_STAYS;
	if (q->field[0] != '\0') {
		/* Of a whole pasted `muster join complete HOST TOKEN` the last
		 * word. */
		const char *last = strrchr(q->input.text, ' ');

		if (strcmp(q->field, "uses") != 0)
			(void)json_object_set_new(q->params, q->field,
			    js_text(q->secret && last != NULL && last[1] != '\0'
			        ? last + 1 : q->input.text));
		else if (text_int(q->input.text, 1, 10000, "machines", &n,
		    &e) == 0)
			(void)json_object_set_new(q->params, "uses",
			    json_integer(n));
		else {
			(void)MEM_STR(q->notice, e.msg);
			return QUESTION_STAYS;
		}
		return QUESTION_GOES;
	}
	if (strcmp(q->input.text, q->word) == 0)
		return QUESTION_GOES;
	(void)snprintf(q->notice, sizeof(q->notice), "That is not %.90s: "
	    "nothing was done.", q->word);
	line_set(&q->input, "");
	return QUESTION_STAYS;
}

bool
question_deaf(const struct question *q, mono now)
{
	return !q->drawn || mono_diff_ms(now, q->shown) < QUESTION_DEAF_MS;
}

bool
question_token(const struct question *q)
{
	return q->state == QUESTION_OVER && q->outcome.n > 1 &&
	    (q->cmd == CMD_JOIN_TOKEN || q->cmd == CMD_JOIN_INVITE);
}

enum question_does
question_key(struct question *q, int key, bool paste, mono now)
{
	/* What was typed before the question could be read answers nothing. */
	if (question_deaf(q, now))
		return QUESTION_STAYS;
	if (paste) {
		if (q->field[0] != '\0')
			(void)line_key(&q->input, key);
		return QUESTION_STAYS;
	}
	if (key == KEY_ESC || key == KEY_CTRL('c'))
		return QUESTION_CANCELS;
	if (q->word[0] == '\0' && q->field[0] == '\0')
		return key == 'y' ? QUESTION_GOES
		    : key == 'n' ? QUESTION_CANCELS : QUESTION_STAYS;
	if (key == ' ' && q->cmd == CMD_AGENT_OFF) {
		q->vacant = !q->vacant;
		if (q->vacant)
			(void)json_object_set_new(q->params, "vacant",
			    json_true());
		else
			(void)json_object_del(q->params, "vacant");
		return QUESTION_STAYS;
	}
	if (key == KEY_K_ENTER)
		return entered(q);
	(void)line_key(&q->input, key);
	return QUESTION_STAYS;
}
