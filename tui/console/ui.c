#include "ui.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "question.h"
#include "screen.h"

void
ui_init(struct ui *u, enum glyphs glyphs, const char *where)
{
	memset(u, 0, sizeof(*u));
	model_init(&u->m);
	u->glyphs = glyphs;
	u->m.utf8_able = glyphs == GLYPHS_UTF8;
	u->w = 80;
	u->h = 24;
	u->out = json_array();
	u->cmd_text = (struct buf)BUF_INIT(1 << 20);
	(void)MEM_STR(u->m.where, where);
}

void
ui_clear(struct ui *u)
{
	question_free(u->m.question);
	model_clear(&u->m);
	json_decref(u->out);
	json_decref(u->cmd_params);
	json_decref(u->cmd_rows);
	buf_free(&u->cmd_text);
	grid_free(u->still);
	free(u->clipboard);
}

void
ui_ask(struct ui *u, enum ui_tag tag, const char *about, const char *method,
    json_t *params)
{
	(void)json_array_append_new(u->out, json_pack("{s:i,s:s,s:s,s:o}",
	    "tag", (int)tag, "about", about, "method", method, "params",
	    params != NULL ? params : json_object()));
}

void
ui_output(struct ui *u, const char *title, const char *text)
{
	struct output *o = &u->m.output;

	(void)MEM_STR(o->title, title);
	free(o->text);
	o->text = mem_dup(text);
	o->top = o->left = 0;
	o->shown = u->m.now.mono;
	o->asked = u->m.mode == MODE_QUESTION;
	u->m.mode = MODE_OUTPUT;
}

bool
ui_free(const struct ui *u)
{
	return u->m.mode == MODE_LIST && !u->pasting;
}

void
ui_copy(struct ui *u, const char *text)
{
	free(u->clipboard);
	u->clipboard = mem_dup(text);
	/* The terminal does not say whether it took it: neither do we. */
	model_say(&u->m, false, "Sent to your terminal (OSC 52). If paste is "
	    "empty: v shows it bare.");
}

/* ---- the rows that are seen --------------------------------------------- */

/* Rows that are well again and the same are not sent: that they are is only
 * told by a new subscription, which time brings. */
void
ui_ask_anew(struct ui *u, enum topic t)
{
	ui_ask(u, UI_CANCEL, "", "unsubscribe", json_pack("{s:I}", "sub",
	    (json_int_t)u->sub[t]));
	u->sub[t] = 0;
}

/* What nobody saw was looked at now and then: its rows are as old as that. */
static void
fresh(struct ui *u)
{
	enum topic t = screen_topics[u->m.screen];
	int64_t every = topics[t].every * INT64_C(1000);

	if (!u->up || u->quick[t] || u->sub[t] == -1)
		return;
	if (u->sub[t] > 0) {
		ui_ask_anew(u, t);
		model_outdate(&u->m, t, (wall){ u->m.now.wall.ms - every });
	}
	u->next_sub = (mono){ 0 };
}

void
ui_again(struct ui *u)
{
	enum topic t = screen_topics[u->m.screen];

	u->next_ping = u->next_detail = u->next_stats = u->next_line =
	    (mono){ 0 };
	if (!u->up || u->m.link == LINK_DENIED || u->sub[t] == -1)
		return;
	if (u->sub[t] > 0)
		ui_ask_anew(u, t);
	u->next_sub = (mono){ 0 };
}

void
ui_settle(struct ui *u)
{
	struct model *m = &u->m;
	struct view *v = &m->view[m->screen];
	struct view_rows r;

	u->unsettled = false;
	/* Lists that grow at the top are watched there until somebody moves. */
	if (v->sel[0] == '\0' && (m->screen == SCREEN_RUNS ||
	    m->screen == SCREEN_EVENTS || m->screen == SCREEN_SCHED))
		return;
	/* It may be in the part that is to come. */
	if (m->topic[screen_topics[m->screen]].part)
		return;
	/* A run that was just made may not be in the list yet. */
	if (m->screen == SCREEN_RUNS && strtoll(v->sel, NULL, 10) >
	    js_int(json_array_get(m->topic[TOPIC_RUNS].doc, 0), "id", 0))
		return;
	screen_rows(m, m->screen, &r);
	view_settle(v, &r, topics[screen_topics[m->screen]].key);
	view_rows_free(&r);
}

void
ui_settled(struct ui *u)
{
	if (u->unsettled)
		ui_settle(u);
}

void
ui_go(struct ui *u, enum screen_id id)
{
	struct model *m = &u->m;

	m->screen = id;
	u->drawn[0] = '\0';
	m->open = m->in_log = false;
	json_decref(m->detail);
	m->detail = NULL;
	m->detail_id[0] = '\0';
	m->detail_err.code = ERR_OK;
	u->next_detail = u->next_stats = u->next_line = (mono){ 0 };
	fresh(u);
	ui_settle(u);
}
