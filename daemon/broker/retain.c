#include "broker/retain.h"

#include "broker/astray.h"
#include "broker/catalog.h"
#include "broker/dispatch.h"
#include "core/file_trigger.h"

enum {
	EVERY_MS = 60000,
	SOON_MS = 1000,			/* while runs come faster than that */
	SLICE = 5000
};

static const int64_t day_ms = 86400000;
static const int64_t days = 90;
static const int64_t most = 10000000;
/* A file that was not touched for so long is not looked at again. */
static const int64_t file_days = FILE_FLOOR_DAYS + 1;

static void
purge_old(const struct broker *b, struct batch *batch)
{
	int64_t before = b->now.wall.ms - days * day_ms;

	batch_add(batch, S_OCC_PURGE_ENDED, "ii", before, (int64_t)SLICE);
	batch_add(batch, S_RUN_HIST_PURGE, "ii", before, (int64_t)SLICE);
	batch_add(batch, S_EVENT_PURGE, "ii", before, (int64_t)SLICE);
	batch_add(batch, S_FILE_PURGE, "ii", b->now.wall.ms -
	    file_days * day_ms, (int64_t)SLICE);
}

static void
purge_occurrences(struct broker *b, struct batch *batch)
{
	for (const struct cat_job *j = b->catalog->jobs; j != NULL;
	     j = j->hh.next) {
		int64_t to = j->cursor.ms < b->now.wall.ms ? j->cursor.ms
							   : b->now.wall.ms;
		char occ[CLOCK_RFC3339];

		if (to <= day_ms || due_next(j->due, (wall){ 0 }).ms ==
		    WALL_NEVER.ms)
			continue;
		batch_add(batch, S_OCC_PURGE, "tt", j->def.name,
		    clock_rfc3339((wall){ to - day_ms }, occ));
	}
}

/* Whether the newest runs have more than this turn makes room for: that is half
 * a slice of runs, since each may have several attempts and events.  What was
 * there at the start is no haste. */
static bool
falls_behind(struct broker *b)
{
	int64_t newest = dispatch_newest(b);

	if (b->retain_at.us == 0)
		b->tidied = newest;
	b->tidied += SLICE / 2;
	if (b->tidied < newest)
		return true;
	b->tidied = newest;
	return false;
}

mono
retain_turn(struct broker *b)
{
	int64_t oldest = dispatch_oldest(b, most);
	bool whole = !b->untidy;
	struct batch *batch;

	if (b->retain_at.us > b->now.mono.us)
		return b->retain_at;
	b->untidy = falls_behind(b);
	b->retain_at = mono_add_ms(b->now.mono, b->untidy ? SOON_MS : EVERY_MS);
	batch = batch_new();
	if (astray_turn(b, batch)) {
		purge_old(b, batch);
		if (whole)		/* a statement a job: not so often */
			purge_occurrences(b, batch);
	}
	batch_add(batch, S_OCC_TRIM_ENDED, "ii", oldest, (int64_t)SLICE);
	batch_add(batch, S_RUN_HIST_TRIM, "ii", oldest, (int64_t)SLICE);
	store_submit(b->store, batch, NULL, NULL);
	return b->retain_at;
}
