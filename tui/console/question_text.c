/* What a question says: what is so now, what will be, what speaks against
 * it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "question.h"

enum { NAMED = 3 };			/* of those who are healthier */

enum topic
question_topic(enum cmd_id cmd)
{
	const char *noun = cmds[cmd].noun;

	return strcmp(noun, "agent") == 0 ? TOPIC_AGENTS
	    : strcmp(noun, "join") == 0 ? TOPIC_JOINS
	    : strcmp(noun, "job") == 0 ? TOPIC_JOBS : TOPIC_RUNS;
}

bool
question_holder(const json_t *agent)
{
	return strcmp(js_str(agent, "role", ""), "scheduler") == 0;
}

static void
add(struct question *q, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct question *q, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strs_add(&q->text, text);
}

static void
now_holder(struct question *q, const struct model *m)
{
	const json_t *h = model_holder(m);

	if (h == NULL && !model_vacant(m))
		add(q, "Now     who holds it is not known yet");
	else if (h == NULL)
		add(q, "Now     NOBODY schedules (epoch %lld)",
		    (long long)q->epoch);
	else
		add(q, "Now     %s holds it (epoch %lld, %s, %lld runs%s)",
		    js_str(h, "name", "?"), (long long)q->epoch,
		    say_level(js_str(json_object_get(h, "health"), "level",
		    "unknown"), 20), (long long)js_int(h, "running", 0),
		    js_bool(h, "connected", true) ? "" : ", NOT CONNECTED");
}

static void
steps(struct question *q, const json_t *dry)
{
	const json_t *list = json_object_get(dry, "steps");
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n && i < 6; i++) {
		const json_t *s = json_array_get(list, i);

		if (js_num(s, "after", 0) < 0.1)
			add(q, "%zu %s", i + 1, js_str(s, "step", ""));
		else
			add(q, "%zu %s (after %.1fs)", i + 1, js_str(s, "step",
			    ""), js_num(s, "after", 0));
	}
}

/* What speaks against it, out of the daemon's own candidates. */
static void
warnings(struct question *q, const struct model *m)
{
	const json_t *row = model_row(m, TOPIC_AGENTS, q->target);
	const json_t *list = m->topic[TOPIC_AGENTS].doc;
	size_t more = 0, named = 0;
	int own = say_level_value(js_str(json_object_get(row, "health"),
	    "level", "unknown"));

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		const char *level = js_str(json_object_get(a, "health"),
		    "level", "unknown");

		/* That the holder is healthy, the first line says. */
		if (a != row && a != model_holder(m) &&
		    js_bool(a, "connected", false) &&
		    js_bool(a, "controlled", false) &&
		    !js_bool(a, "drained", false) &&
		    say_level_value(level) > own) {
			if (named++ < NAMED)
				add(q, "! %s is healthier (%s)", js_str(a,
				    "name", "?"), say_level(level, 20));
			else
				more++;
		}
	}
	if (more > 0)
		add(q, "! %zu more are healthier", more);
	if (js_bool(row, "condition_met", false))
		add(q, "! %s meets the switch condition", q->target);
	if (!js_bool(row, "connected", true))
		add(q, "! %s is not connected: it will be refused", q->target);
}

static void
text_on(struct question *q, const struct model *m)
{
	const char *to = js_str(q->dry, "to", NULL);
	char t[SAY];

	now_holder(q, m);
	if (q->dry == NULL)
		add(q, "After   asking the daemon what it would do ...");
	else if (to != NULL)
		add(q, "After   %s holds it (epoch %lld), pinned for %s", to,
		    (long long)js_int(q->dry, "epoch", q->epoch + 1),
		    model_setting(m, "manual_hold", "10m", t));
	else
		add(q, "After   %s", js_str(q->dry, "outcome",
		    "nothing changes"));
	add(q, "%s", "");
	steps(q, q->dry);
	warnings(q, m);
}

static void
text_off(struct question *q, const struct model *m)
{
	const char *to = js_str(q->dry, "to", NULL);

	now_holder(q, m);
	if (q->dry == NULL)
		add(q, "After   asking the daemon what it would do ...");
	else
		add(q, "After   (%c) the next in line takes it: %s", q->vacant
		    ? ' ' : 'x', to != NULL ? to : "nobody is able");
	add(q, "        (%c) NOBODY: no job starts until someone turns one on",
	    q->vacant ? 'x' : ' ');
	add(q, "        Space chooses");
	add(q, "%s", "");
	steps(q, q->vacant ? q->dry_vacant : q->dry);
	add(q, "%s is held off until an operator turns it on or releases it; "
	    "it stays an agent and finishes its runs.", q->target);
}

static void
text_agent(struct question *q, const struct model *m)
{
	const json_t *row = model_row(m, TOPIC_AGENTS, q->target);
	long long runs = (long long)js_int(row, "running", 0);

	if (q->cmd == CMD_AGENT_ON)
		text_on(q, m);
	else if (q->cmd == CMD_AGENT_OFF)
		text_off(q, m);
	else if (q->cmd == CMD_AGENT_DRAIN) {
		add(q, "Now     %s, %lld runs", say_agent(row), runs);
		add(q, "After   it gets no new runs; those it has go on to "
		    "their end");
		if (question_holder(row)) {	/* perhaps since it is asked */
			(void)MEM_STR(q->word, q->target);
			add(q, "! It holds the Scheduler role and hands it "
			    "over first.");
		}
	} else if (q->cmd == CMD_AGENT_UNDRAIN)
		add(q, "After   it gets runs again and may hold the Scheduler "
		    "role");
	else {
		if (row != NULL)
			add(q, "Now     %s, %lld runs",
			    say_agent(row), runs);
		else
			add(q, "Now     no agent of this name is in the list");
		add(q, "After   it is told, becomes standalone, and its key is "
		    "refused at once");
		if (question_holder(row))
			add(q, "! It holds the Scheduler role.");
	}
}

static void
text_join(struct question *q, const struct model *m)
{
	const json_t *row = model_row(m, TOPIC_JOINS, js_str(q->params,
	    "request", ""));
	char t[SAY];

	if (q->cmd == CMD_JOIN_INVITE) {
		add(q, "A token made first: machines join with it by "
		    "themselves, without a request. It is shown once.");
		return;
	}
	if (q->cmd == CMD_JOIN_COMPLETE) {
		add(q, "The token that the broker's operator shows. It is not "
		    "shown here, and it works once.");
		return;
	}
	add(q, "Who     %s from %s, as %s", js_str(row, "name", "?"),
	    js_str(row, "address", "?"), js_str(row, "as", "agent"));
	add(q, "Words   %s", js_str(row, "words", "?"));
	if (q->cmd == CMD_JOIN_ACCEPT) {
		add(q, "The same words must be on the screen there. Different "
		    "words: somebody is between.");
		add(q, "After   accepted; then T shows its token");
	} else if (q->cmd == CMD_JOIN_TOKEN)
		add(q, "It is shown once and good for %s; one shown before is "
		    "void.", model_setting(m, "token_ttl", "15m", t));
	else
		add(q, "After   it is told so; its key may ask again");
}

static const char *
after_several(enum cmd_id cmd)
{
	if (cmd == CMD_AGENT_DRAIN)
		return "After   they get no new runs; those they have go on to "
		    "their end";
	if (cmd == CMD_AGENT_UNDRAIN)
		return "After   they get runs again and may hold the Scheduler "
		    "role";
	if (cmd == CMD_AGENT_REMOVE)
		return "After   they are told, become standalone, and their "
		    "keys are refused at once";
	if (cmd == CMD_JOIN_ACCEPT)
		return "Each must show the same words on its own screen. "
		    "Different words: somebody is between.";
	if (cmd == CMD_JOIN_REJECT)
		return "After   they are told so; their keys may ask again";
	if (cmd == CMD_JOB_REMOVE)
		return "They leave the catalogue; their runs stay on record.";
	return "TERM to all processes of each, its grace, then KILL.";
}

static void
one_of_several(struct question *q, const char *id, const json_t *row)
{
	const char *state = say_agent(row);
	const char *agent = js_str(row, "agent", NULL);

	if (row == NULL)
		add(q, "%s: gone from the list", id);
	else if (question_topic(q->cmd) == TOPIC_AGENTS)
		add(q, "%s: %s, %lld runs%s", id, state, (long long)js_int(row,
		    "running", 0), js_bool(row, "drained", false) &&
		    strcmp(state, "DRAIN") != 0 ? ", drained" : "");
	else if (question_topic(q->cmd) == TOPIC_JOINS)
		add(q, "%s: %s (%s, as %s)", js_str(row, "name", "?"),
		    js_str(row, "words", "?"), js_str(row, "address", "?"),
		    js_str(row, "as", "agent"));
	else if (question_topic(q->cmd) == TOPIC_JOBS)
		add(q, "%s%s", id, js_bool(row, "paused", false) ? ": paused"
		    : "");
	else
		add(q, "%s: %s%s%s, %s", id, js_str(row, "job", "?"),
		    agent != NULL ? " on " : "", agent != NULL ? agent : "",
		    js_str(row, "state", "?"));
}

/* What can go wrong first: the list of them may be longer than the box. */
static void
text_several(struct question *q, const struct model *m)
{
	enum topic t = question_topic(q->cmd);
	json_t *id;
	size_t i;

	json_array_foreach(q->targets, i, id)
		if (t == TOPIC_AGENTS && q->cmd != CMD_AGENT_UNDRAIN &&
		    question_holder(model_row(m, t, json_string_value(id))))
			add(q, "! %s holds the Scheduler role%s.",
			    json_string_value(id), q->cmd == CMD_AGENT_DRAIN
			    ? " and hands it over first" : "");
	add(q, "%s", after_several(q->cmd));
	json_array_foreach(q->targets, i, id)
		one_of_several(q, json_string_value(id), model_row(m, t,
		    json_string_value(id)));
}

void
question_text(struct question *q, const struct model *m)
{
	while (q->text.n > q->kept)
		free(q->text.v[--q->text.n]);
	/* The `:` line says itself what it asks: there may be no row. */
	if (q->act == ACT_NONE && q->cmd != CMD_AGENT_REMOVE)
		return;
	if (q->targets != NULL)
		text_several(q, m);
	else if (q->cmd == CMD_AGENT_ON || q->cmd == CMD_AGENT_OFF ||
	    q->cmd == CMD_AGENT_DRAIN || q->cmd == CMD_AGENT_UNDRAIN ||
	    q->cmd == CMD_AGENT_REMOVE)
		text_agent(q, m);
	else if (q->cmd == CMD_JOIN_ACCEPT || q->cmd == CMD_JOIN_REJECT ||
	    q->cmd == CMD_JOIN_TOKEN || q->cmd == CMD_JOIN_INVITE ||
	    q->cmd == CMD_JOIN_COMPLETE)
		text_join(q, m);
	else if (q->cmd == CMD_RUN_ABORT)
		add(q, "TERM to all its processes, its grace, then KILL.");
	else if (q->cmd == CMD_JOB_RUN)
		add(q, "One run now, outside its schedule.");
	else if (q->cmd == CMD_RUN_RETRY)
		add(q, "The same occurrence once more, as a new run.");
	else if (q->cmd == CMD_JOB_RESUME)
		add(q, "Its triggers fire again.");
	else if (q->cmd == CMD_JOB_PAUSE)
		add(q, "Its triggers fire nothing until it is resumed.");
	else if (q->cmd == CMD_JOB_REMOVE)
		add(q, "It leaves the catalogue; its runs stay on record.");
	else if (q->cmd == CMD_LEAVE)
		add(q, "This machine becomes standalone; its own triggers come "
		    "back.");
	else if (q->cmd == CMD_JOIN_REQUEST)
		add(q, "The broker's operator sees the request and four check "
		    "words; the same four are shown here.");
	else
		add(q, "%s", cmds[q->cmd].help);
}
