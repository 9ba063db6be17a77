#include "broker/astray.h"

#include <stdlib.h>

#include "broker/catalog.h"
#include "mem.h"

static const char seen_meta[] = "clock_seen";

static int
on_seen(const struct row *r, void *arg)
{
	struct err e;

	if (row_text(r, 0) != NULL)
		(void)clock_parse(row_text(r, 0), arg, &e);
	return 1;
}

void
astray_load(struct broker *b)
{
	wall seen = { 0 };

	(void)store_query(b->store, S_META_GET, on_seen, &seen, "t", seen_meta);
	jump_init(&b->jump, seen);
}

static void
watch_jump(struct broker *b)
{
	wall before = b->jump.seen;
	char was[CLOCK_RFC3339];
	enum jump_kind kind;
	long long days;
	int64_t by;

	kind = jump_look(&b->jump, b->now, &by);
	days = llabs((long long)by) / JUMP_MS;
	if (kind != JUMP_NONE)
		alert_clear(b->events, b->now.wall, "clock_jumped", b->node);
	if (kind == JUMP_AHEAD)
		alert_raise(b->events, b->now.wall, "clock_jumped", b->node,
		    "the clock of %s is %lld days ahead of what the broker saw "
		    "last (%s): nothing is deleted by its age for an hour; if "
		    "the clock is wrong, set it now", b->node, days,
		    clock_rfc3339(before, was));
	if (kind == JUMP_BACK)
		(void)event_add(b->events, b->now.wall, SEV_WARN,
		    "clock_jumped", b->node, NULL, NULL, "the clock of %s went "
		    "back by %lld days: what was done since is in the future",
		    b->node, days);
	if (jump_settled(&b->jump, b->now.mono))
		alert_clear(b->events, b->now.wall, "clock_jumped", b->node);
}

static bool
silent(const struct broker *b, const struct cat_job *j)
{
	return j->def.enabled && !j->paused && catalog_astray(b, j->cursor) &&
	    due_next(j->due, (wall){ 0 }).ms != WALL_NEVER.ms;
}

/* One alert for all of them; it is another when they are more or fewer. */
static void
watch_cursors(struct broker *b)
{
	const struct cat_job *first = NULL;
	char until[CLOCK_RFC3339], more[40] = "";
	int n = 0;

	for (const struct cat_job *j = b->catalog->jobs; j != NULL;
	     j = j->hh.next)
		if (silent(b, j) && n++ == 0)
			first = j;
	if (n == b->silent)
		return;
	b->silent = n;
	alert_clear(b->events, b->now.wall, "job_silent", NULL);
	if (n == 0)
		return;
	if (n > 1)
		(void)snprintf(more, sizeof(more), " (and of %d more)", n - 1);
	alert_raise(b->events, b->now.wall, "job_silent", NULL,
	    "no trigger of job \"%s\"%s is due before %s: a clock that was "
	    "ahead has fired until then; if that is wrong: muster job pause %s, "
	    "muster job resume %s", first->def.name, more,
	    clock_rfc3339(first->cursor, until), first->def.name,
	    first->def.name);
}

bool
astray_turn(struct broker *b, struct batch *batch)
{
	char seen[CLOCK_RFC3339];

	watch_jump(b);
	watch_cursors(b);
	if (!jump_settled(&b->jump, b->now.mono))
		return false;
	batch_add(batch, S_META_SET, "tt", seen_meta,
	    clock_rfc3339(b->now.wall, seen));
	return true;
}
