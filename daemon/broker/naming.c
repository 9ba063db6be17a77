#include "broker/naming.h"

#include <stdlib.h>
#include <string.h>

#include "broker/live.h"
#include "broker/roster.h"
#include "log.h"
#include "mem.h"

struct naming {
	struct broker *b;
	int64_t	       member, other;	/* other: one that has gone, and had the
					 * name; or 0 */
	char	       to[64];
	naming_done   *done;
	void	      *arg;
};

/* What its runs are called on disk. */
static void
store_runs(const struct broker *b, int64_t member, const char *to,
    struct batch *batch)
{
	for (const struct run *r = live_first(b); r != NULL; r = r->hh.next) {
		struct run copy = *r;

		if (r->member != member || run_ended(r->state))
			continue;
		(void)MEM_STR(copy.agent, to);
		run_store_state(&copy, batch);
	}
}

static void
on_runs(enum store_rc rc, void *arg)
{
	(void)arg;
	if (rc != STORE_OK && rc != STORE_DOWN)
		log_error("naming", "the runs of a renamed agent were not "
		    "stored: %s", store_rc_word(rc));
}

/* Those of a moment ago went to the disk under the old name, behind it. */
static void
move_runs(struct broker *b, int64_t member, const char *to)
{
	struct batch *batch = batch_new();

	store_runs(b, member, to, batch);
	for (struct run *r = b->live; r != NULL; r = r->hh.next)
		if (r->member == member)
			run_bind(r, member, to);
	store_submit(b->store, batch, on_runs, NULL);
}

static void
on_named(enum store_rc rc, void *arg)
{
	struct naming *n = arg;
	struct broker *b = n->b;
	struct member *m = roster_by_id(b->roster, n->member);
	struct member *other = roster_by_id(b->roster, n->other);
	char from[64];

	(void)MEM_STR(from, m->name);
	if (rc == STORE_OK) {
		roster_rename(b->roster, m, n->to);
		move_runs(b, m->id, n->to);
		alert_rename(b->events, from, n->to);
		roster_tell(b, m);
	} else if (other != NULL && roster_by_name(b->roster, n->to) == NULL)
		roster_rename(b->roster, other, n->to);
	n->done(n->arg, rc, from);
	free(n);
}

void
naming_start(struct broker *b, struct member *m, const char *name,
    naming_done *done, void *arg)
{
	struct member *other = roster_by_name(b->roster, name);
	struct naming *n = mem_zero(1, sizeof(*n));
	struct batch *batch = batch_new();

	*n = (struct naming){ b, m->id, other != NULL ? other->id : 0, "",
		done, arg };
	(void)MEM_STR(n->to, name);
	if (other != NULL) {	/* its row stays on record */
		char *past = mem_fmt("%.40s~%lld", name, (long long)other->id);

		roster_rename(b->roster, other, past);
		batch_add(batch, S_MEMBER_NAME, "it", other->id, past);
		free(past);
	}
	batch_add(batch, S_MEMBER_NAME, "it", m->id, name);
	store_runs(b, m->id, name, batch);
	store_submit(b->store, batch, on_named, n);
}
