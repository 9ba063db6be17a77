/* The box of a question: what it says, as what command, where it is answered.
 * A text that is longer than the box is scrolled. */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "question.h"
#include "text.h"
#include "utf8.h"
#include "widget.h"

enum {
	BOX = 76,
	LINE_ROWS = 60,		/* of one line of text */
	SAME = 3,		/* commands of several targets */
	SAME_ROWS = 2 * SAME
};

/* "agent on node-c --epoch 42" */
static void
put_command(const struct cmd *c, const json_t *params, struct buf *b)
{
	const char *spec = c->args;
	struct cmd_arg a;

	buf_fmt(b, "muster %s%s%s", c->noun, *c->verb != '\0' ? " " : "",
	    c->verb);
	while (cmd_arg_next(&spec, &a) == 1) {
		const json_t *v = json_object_get(params, a.name);
		const json_t *item;
		const char *key;
		char t[SAY], dur[TEXT_DUR];

		if (v == NULL || json_is_false(v))
			continue;
		if (json_is_object(v)) {
			json_object_foreach((json_t *)v, key, item)
				buf_fmt(b, " %s=%s", key, say_value(item, t));
			continue;
		}
		if (a.option)
			buf_fmt(b, " %s", a.word);
		if (a.type == ARG_TOKEN)
			buf_puts(b, " -");
		else if (a.type == ARG_DUR)
			buf_fmt(b, " %s", text_dur_fmt((int64_t)
			    (json_number_value(v) * 1000), dur));
		else if (!json_is_true(v))
			buf_fmt(b, " %s", say_value(v, t));
	}
}

/* The same as one command, or as one for each target. */
static void
same_as(const struct question *q, struct buf *b)
{
	size_t n = json_array_size(q->targets);

	buf_puts(b, "Same as: ");
	if (n == 0)
		put_command(&cmds[q->cmd], q->params, b);
	for (size_t i = 0; i < n && i < SAME; i++) {
		json_t *params = question_params(q, json_string_value(
		    json_array_get(q->targets, i)));

		buf_puts(b, i > 0 ? "\n         " : "");
		put_command(&cmds[q->cmd], params, b);
		json_decref(params);
	}
	if (n > SAME)
		buf_fmt(b, "\n         ... %zu more", n - SAME);
}

/* ---- its parts -------------------------------------------------------- */

/* Lines from row y on.  Returns the row after them, in the area or not. */
static int
put_lines(const struct area *in, int y, const struct strs *lines,
    unsigned attr)
{
	for (size_t i = 0; i < lines->n; i++) {
		bool warns = lines->v[i][0] == '!';
		int used = area_wrap(in, y, 0, LINE_ROWS, attr | (warns
		    ? GRID_BOLD : GRID_PLAIN), lines->v[i]);

		y += used > 0 ? used : 1;
	}
	return y;
}

/* Does the answer need a row of its own below its question? */
static bool
asks_long(const struct question *q, int width)
{
	size_t n = q->field[0] != '\0' ? strlen(q->prompt)
	    : strlen("Type  to do it, Esc to leave it: ") + strlen(q->word);

	return (q->field[0] != '\0' || q->word[0] != '\0') &&
	    width - (int)n < 13;
}

static void
ask_row(const struct question *q, const struct area *in, int y)
{
	struct area field;
	size_t from = 0;
	int x;

	if (q->field[0] != '\0')
		x = area_fmt(in, y, 0, GRID_BOLD, "%s ", q->prompt);
	else if (q->word[0] != '\0')
		x = area_fmt(in, y, 0, GRID_BOLD, "Type %s to do it, Esc to "
		    "leave it: ", q->word);
	else {
		(void)area_str(in, y, 0, GRID_BOLD, "y does it, n or Esc "
		    "leaves it");
		area_cursor(in, y, 0);
		return;
	}
	if (asks_long(q, in->w)) {
		x = 0;
		y++;
	}
	area_put(in, y, x, GRID_BOLD, '[');
	field = area_part(in, y, x + 1, 1, in->w - x - 2);
	if (q->secret)
		area_fill(&field, 0, 0, (int)(q->input.len < 40 ? q->input.len
		    : 40), GRID_PLAIN, '*');
	else {
		from = line_from(&q->input, field.w - 1);
		(void)area_str(&field, 0, 0, GRID_PLAIN, q->input.text + from);
	}
	area_put(in, y, in->w - 1, GRID_BOLD, ']');
	x = (int)utf8_cells(q->input.text + from, q->input.at - from);
	area_cursor(&field, 0, x < field.w ? x : field.w - 1);
}

/* ---- its rows --------------------------------------------------------- */

/* What is scrolled when it is longer than its room. */
static const struct strs *
body(const struct question *q)
{
	return q->state == QUESTION_OVER && q->outcome.n > 0 ? &q->outcome
	    : &q->text;
}

/* Rows, and the columns of the box. */
struct layout {
	int w, h;
	int notice, body, tail;
	int shown;		/* of the body */
	int top;		/* its first row that is shown */
};

/* On a screen of w times h.  The rows that are answered are never pushed out of
 * the box, nor the bars off the screen. */
static struct layout
lay_out(const struct question *q, const char *same, int w, int h)
{
	struct grid *g = grid_new(1, 1, GLYPHS_ASCII);
	struct layout l = { .w = w < BOX ? w : BOX };
	struct area in = { g, 0, 0, 0, l.w - 4 };	/* only counts */
	int most = h < 16 ? h : h - 4, room;

	l.notice = area_wrap(&in, 0, 0, 2, GRID_PLAIN, q->notice);
	l.body = put_lines(&in, 0, body(q), GRID_PLAIN);
	if (q->state == QUESTION_ASKS)
		l.tail = area_wrap(&in, 0, 0, SAME_ROWS, GRID_PLAIN, same) +
		    (asks_long(q, in.w) ? 2 : 1);
	else if (q->state == QUESTION_SENT)
		l.tail = put_lines(&in, 0, &q->outcome, GRID_PLAIN) + 1;
	else
		l.tail = 1;
	grid_free(g);
	l.h = 3 + l.notice + l.body + l.tail;	/* frame, an empty row */
	l.h = l.h > most ? most : l.h;
	room = l.h - 3 - l.notice - l.tail;
	l.shown = l.body <= room ? l.body : room > 1 ? room - 1 : 0;
	l.top = q->top > l.body - l.shown ? l.body - l.shown : q->top;
	return l;
}

bool
question_scroll(struct question *q, int key, int w, int h)
{
	struct buf same = BUF_INIT(2000);
	struct layout l;
	bool up = key == KEY_K_UP || key == KEY_K_PGUP || key == KEY_CTRL('b');
	bool page = key == KEY_K_PGUP || key == KEY_K_PGDN || key ==
	    KEY_CTRL('b') || key == KEY_CTRL('f');
	int n;

	if (!up && !page && key != KEY_K_DOWN)
		return false;
	same_as(q, &same);
	l = lay_out(q, same.p, w, h);
	buf_free(&same);
	n = page && l.shown > 1 ? l.shown : 1;
	q->top = up ? l.top - n : l.top + n;
	q->top = q->top > l.body - l.shown ? l.body - l.shown : q->top;
	q->top = q->top < 0 ? 0 : q->top;
	return true;
}

/* Returns the row after it. */
static int
draw_body(const struct question *q, const struct layout *l,
    const struct area *in)
{
	int below = l->body - l->top - l->shown;
	struct area part = area_part(in, l->notice, 0, l->shown, -1);

	(void)put_lines(&part, -l->top, body(q), body(q) == &q->outcome
	    ? GRID_BOLD : GRID_PLAIN);
	if (l->shown == l->body || l->notice + l->shown >= in->h - l->tail)
		return l->notice + l->shown;
	(void)area_fmt(in, l->notice + l->shown, 0, GRID_DIM, below > 0
	    ? "... %d more: Down, PgDn" : "... %d above: Up, PgUp", below > 0
	    ? below : l->top);
	return l->notice + l->shown + 1;
}

void
question_draw(const struct question *q, const struct model *m,
    const struct area *a)
{
	struct buf same = BUF_INIT(2000);
	struct layout l;
	struct area in, box;
	char t[SAY];
	int y;

	same_as(q, &same);
	l = lay_out(q, same.p, a->w, a->h);
	box = area_part(a, (a->h - l.h) / 2, (a->w - l.w) / 2, l.h, l.w);
	widget_box(&box, q->title);
	in = area_part(&box, 1, 2, l.h - 2, l.w - 4);
	(void)area_wrap(&in, 0, 0, 2, GRID_BOLD | GRID_YELLOW, q->notice);
	y = draw_body(q, &l, &in) + 1;
	/* The row that is answered is never pushed out of the box. */
	y = y > in.h - l.tail ? in.h - l.tail : y;
	if (q->state == QUESTION_SENT) {
		y = put_lines(&in, y, &q->outcome, GRID_BOLD);
		(void)area_fmt(&in, y, 0, GRID_BOLD, "under way for %s ... Esc "
		    "hides this, nothing is lost", say_span(mono_diff_ms(
		    m->now.mono, q->sent), t));
	} else if (q->state == QUESTION_ASKS) {
		y += area_wrap(&in, y, 0, SAME_ROWS, GRID_DIM, same.p);
		ask_row(q, &in, y);
	} else
		(void)area_str(&in, in.h - 1, 0, GRID_DIM, q->cmd ==
		    CMD_JOIN_ACCEPT && q->targets == NULL
		    ? "T shows its token now; Esc closes"
		    : q->cmd == CMD_JOIN_TOKEN || q->cmd == CMD_JOIN_INVITE
		    ? "c copies the line, v shows it bare, Esc closes"
		    : "Esc closes");
	buf_free(&same);
}
