/* Join: who asks, what to compare, how long a token is good for. */
#include <stdio.h>
#include <string.h>

#include "js.h"
#include "screen.h"

enum { NAME, FROM, AS, STATE, TOKEN, WORDS, ASKED };

const struct widget_column join_columns[] = {
	[NAME] = { "NAME", "name", 12, 0, 0 },
	[FROM] = { "FROM", "address", 21, 3, 0 },
	[AS] = { "AS", "as", 6, 2, 0 },
	[STATE] = { "STATE", "state", 8, 0, 0 },
	[TOKEN] = { "TOKEN", "token_expires_at", 7, 1, WIDGET_RIGHT },
	[WORDS] = { "CHECK WORDS", "words", -21, 1, 0 },
	[ASKED] = { "ASKED", "requested_at", 13, 5, 0 },
};
const int join_ncolumns = sizeof(join_columns) / sizeof(join_columns[0]);

/* "14:22"; the last minute is marked, an old one says so. */
static void
countdown(const struct model *m, const json_t *row, struct buf *b,
    unsigned *attr)
{
	wall until = js_wall(row, "token_expires_at");
	int64_t left = (until.ms - m->now.wall.ms) / 1000;
	const char *state = js_str(row, "state", "");

	if (until.ms == 0 || strcmp(state, "accepted") != 0)
		buf_puts(b, "-");
	else if (left <= 0) {
		buf_puts(b, "EXPIRED");
		*attr = GRID_BOLD | GRID_RED;
	} else if (left < 60) {
		buf_fmt(b, "0:%02d !", (int)left);
		*attr = GRID_BOLD;
	} else if (left < 6000)
		buf_fmt(b, "%d:%02d", (int)(left / 60), (int)(left % 60));
	else
		buf_fmt(b, "%dh", (int)(left / 3600));
}

static void
cell(const void *ctx, const json_t *row, int column, int width, struct buf *b,
    unsigned *attr)
{
	const struct screen_ctx *c = ctx;
	const char *state = js_str(row, "state", "?");
	char t[SAY];

	(void)width;
	switch (column) {
	case NAME:
		buf_puts(b, js_str(row, "name", "?"));
		break;
	case FROM:
		buf_puts(b, js_str(row, "address", "-"));
		break;
	case AS:
		buf_puts(b, js_str(row, "as", "agent"));
		break;
	case STATE:
		buf_puts(b, state);
		if (strcmp(state, "pending") == 0)
			*attr = GRID_BOLD | GRID_YELLOW;
		break;
	case TOKEN:
		countdown(c->m, row, b, attr);
		break;
	case WORDS:
		buf_puts(b, js_str(row, "words", "-"));
		break;
	case ASKED:
		buf_puts(b, say_when(&c->m->say, js_wall(row, "requested_at"),
		    t));
		break;
	default:
		break;
	}
}

/* The machine's own side of the handshake: it asked somebody. */
static void
own(const struct area *a, const json_t *row)
{
	const char *state = js_str(row, "state", "pending");

	(void)area_fmt(a, 1, 1, GRID_BOLD, "This machine asked %s to join as "
	    "%s: %s", js_str(row, "host", js_str(row, "address", "a broker")),
	    js_str(row, "as", "agent"), state);
	(void)area_fmt(a, 2, 1, GRID_PLAIN, "Check words: %s", js_str(row,
	    "words", "-"));
	if (strcmp(state, "accepted") == 0)
		(void)area_wrap(a, 3, 1, 3, GRID_BOLD, "Accepted. Press T and "
		    "paste the token that the broker's operator shows.");
	else if (strcmp(state, "rejected") == 0)
		(void)area_fmt(a, 3, 1, GRID_BOLD | GRID_RED, "Rejected: %s",
		    js_str(row, "reason", "no reason given"));
	else
		(void)area_wrap(a, 3, 1, 3, GRID_PLAIN, "At the broker: "
		    "console, 2 Join, A when the words are the same there. "
		    "Closing this console withdraws nothing.");
}

static void
about(const struct model *m, const struct area *a, const json_t *row)
{
	const char *state = js_str(row, "state", "?");
	const char *name = js_str(row, "name", "?");
	const char *message = js_str(row, "message", NULL);
	char t[SAY], title[160];
	int y = 1;

	(void)snprintf(title, sizeof(title), "%s%s%s", name,
	    *screen_as_of(m, t) != '\0' ? " " : "", t);
	widget_rule(a, 0, title);
	if (strcmp(js_str(row, "id", ""), "own") == 0) {
		own(a, row);
		return;
	}
	if (message != NULL && message[0] != '\0')
		(void)area_fmt(a, y, 1, GRID_BOLD, "\"%s\"", message);
	(void)snprintf(title, sizeof(title), "asked %s ago", say_span(
	    m->now.wall.ms - js_wall(row, "requested_at").ms, t));
	area_right(a, y++, a->w - 2, GRID_DIM, title);
	if (strcmp(state, "pending") == 0 || strcmp(state, "accepted") == 0)
		y += area_wrap(a, y, 1, 3, GRID_PLAIN, "Read the check words "
		    "to whoever sits there. The same on both screens = same "
		    "keys, nobody between. Different = press X and find out why.");
	(void)area_fmt(a, y++, 1, GRID_PLAIN, "%s: version %s, as %s, from %s",
	    name, js_str(row, "version", "?"), js_str(row, "as", "agent"),
	    js_str(row, "address", "?"));
	(void)area_fmt(a, y++, 1, GRID_PLAIN, "host key %s", js_str(row,
	    "fingerprint", "?"));
	if (js_str(row, "reason", NULL) != NULL)
		(void)area_fmt(a, y++, 1, GRID_PLAIN, "%s: %s", state,
		    js_str(row, "reason", ""));
	if (strcmp(state, "accepted") == 0)
		(void)area_str(a, y, 1, GRID_BOLD, "T makes its token and "
		    "shows it once, with the line to run there.");
}

void
screen_join(const struct model *m, const struct area *a)
{
	const json_t *row = screen_selected(m);
	bool wide = a->w >= 140, below = a->h >= 14;
	struct area list, part;
	const char *more = model_more(m, TOPIC_JOINS);
	char t[SAY];

	(void)area_fmt(a, 0, 1, GRID_PLAIN, "REQUESTS (%zu%s pending, %zu%s "
	    "accepted)  %s", model_count(m, TOPIC_JOINS, "state", "pending"),
	    more, model_count(m, TOPIC_JOINS, "state", "accepted"), more,
	    screen_as_of(m, t));
	list = area_part(a, 1, 0, wide || !below ? -1 : a->h - 1 - 9,
	    wide ? a->w - 58 : -1);
	if (screen_table(m, &list, cell, !model_clustered(m)
	    ? "This daemon is standalone.\n\nJ asks a broker to let this "
	      "machine join."
	    : "Nobody waits. On the new machine: muster join request "
	      "THIS-HOST. N makes an invite for many.") == 0 || row == NULL ||
	    !below)
		return;
	part = wide ? area_part(a, 1, a->w - 57, -1, 57)
	    : area_part(a, a->h - 9, 0, 9, -1);
	about(m, &part, row);
}
