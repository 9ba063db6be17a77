/* What the broker knows is what it would know after a start: whatever is only
 * in memory, or only on disk, is an answer that somebody got and that the next
 * start makes untrue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalog.h"
#include "broker/live.h"
#include "broker/role_disk.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "node/runs.h"
#include "sim.h"

static void
same_settings(struct world *w, const struct broker *b, const struct broker *c)
{
	const char *name;

	for (size_t i = 0; (name = setting_name(i)) != NULL; i++) {
		char *is = setting_text(&b->set, name, NULL);
		char *stored = setting_text(&c->set, name, NULL);

		if (strcmp(is, stored) != 0)
			sim_broken(w, RULE_ACKED, "setting %s is %s, on disk "
			    "%s", name, is, stored);
		free(is);
		free(stored);
	}
}

/* Of one that has gone they mean nothing, and who joins again has none. */
static bool
marked(const struct role_agent *a, const struct role_agent *stored)
{
	return a->priority != stored->priority ||
	    (stored->drained && !a->drained) ||
	    a->marks.held_off != stored->marks.held_off ||
	    a->marks.want_off != stored->marks.want_off;
}

/* Its floor may be lower on disk: every heartbeat tells it again.  Who is about
 * to go counts as drained from the first moment. */
static void
same_members(struct world *w, const struct broker *b, const struct broker *c)
{
	for (size_t i = 0; i < b->roster->n; i++) {
		const struct member *m = b->roster->members[i], *d =
		    roster_by_id(c->roster, m->id);
		const struct role_agent *ma = &b->roster->agents[i], *da;

		if (d == NULL) {
			if (member_active(m))
				sim_broken(w, RULE_ACKED, "%s is no member on "
				    "disk", m->name);
			continue;
		}
		da = roster_agent(c->roster, d);
		if (strcmp(m->name, d->name) != 0 ||
		    strcmp(m->key, d->key) != 0 ||
		    strcmp(m->state, d->state) != 0 ||
		    m->worker != d->worker || m->floor < d->floor ||
		    m->offline_ok != d->offline_ok ||
		    (member_active(m) && marked(ma, da)))
			sim_broken(w, RULE_ACKED, "%s is another one on disk: "
			    "%s floor %lld %d%d%d, there %s floor %lld "
			    "%d%d%d", m->name, m->state, (long long)m->floor,
			    ma->drained, ma->marks.held_off,
			    ma->marks.want_off, d->state, (long long)d->floor,
			    da->drained, da->marks.held_off,
			    da->marks.want_off);
	}
}

struct kept {
	const struct broker *b;
	struct role_durable  d;
	bool same_boot;	/* else what is left of a pin is by the wall clock,
			 * which may have been stepped since it was read */
};

static int
on_role(const struct row *row, void *arg)
{
	struct kept *k = arg;
	json_t *text;

	k->d.epoch = row_int(row, 0);
	k->d.holder = strtoll(row_text(row, 1), NULL, 10);
	role_disk_read(&k->d, row_text(row, 2), k->b->now, k->b->boot, 0);
	text = json_loads(row_text(row, 2), 0, NULL);
	k->same_boot = strcmp(js_str(text, "boot", ""), k->b->boot) == 0;
	json_decref(text);
	return 1;
}

static void
same_role(struct world *w, const struct broker *b)
{
	const struct role_durable *d = &scheduler_role(b)->d;
	struct kept k = { .b = b };
	const struct role_durable *stored = &k.d;

	(void)store_query(b->store, S_ROLE_GET, on_role, &k, "");
	if (d->epoch != stored->epoch || d->holder != stored->holder ||
	    d->vacant != stored->vacant || d->intent != stored->intent ||
	    d->fenced != stored->fenced || d->restored != stored->restored ||
	    (k.same_boot && scheduler_role(b)->pin_end.us > b->now.mono.us &&
	    d->pinned != stored->pinned))
		sim_broken(w, RULE_ACKED, "the role is at epoch %lld with "
		    "%lld, pinned %lld%s%s, on disk at %lld with %lld, pinned "
		    "%lld%s%s", (long long)d->epoch, (long long)d->holder,
		    (long long)d->pinned, d->vacant ? ", vacant" : "",
		    d->intent ? ", to move" : "", (long long)stored->epoch,
		    (long long)stored->holder, (long long)stored->pinned,
		    stored->vacant ? ", vacant" : "",
		    stored->intent ? ", to move" : "");
}

static void
same_catalogue(struct world *w, const struct broker *b, const struct broker *c)
{
	const struct cat_job *j, *k;

	if (c->catalog->rev != b->catalog->rev ||
	    HASH_COUNT(c->catalog->jobs) != HASH_COUNT(b->catalog->jobs))
		sim_broken(w, RULE_ACKED, "the catalogue is at revision %lld, "
		    "on disk at %lld", (long long)b->catalog->rev,
		    (long long)c->catalog->rev);
	for (j = b->catalog->jobs; j != NULL; j = j->hh.next) {
		k = catalog_job(c->catalog, j->def.name);
		if (k == NULL || !json_equal(j->spec->doc, k->spec->doc) ||
		    j->paused != k->paused || j->files.ms != k->files.ms)
			sim_broken(w, RULE_ACKED, "job %s is another one on "
			    "disk", j->def.name);
	}
}

/* Whose it is, not what that one was called when it was made: who leaves and
 * joins again may have another name. */
static void
same_runs(struct world *w, const struct broker *b, const struct broker *c)
{
	const struct run *r, *d;

	if (live_count(b) != live_count(c))
		sim_broken(w, RULE_ACKED, "%zu runs have not ended, on disk "
		    "%zu", live_count(b), live_count(c));
	for (r = live_first(b); r != NULL; r = r->hh.next) {
		d = live_get(c, r->id, r->attempt);
		if (d == NULL || strcmp(r->occ, d->occ) != 0 ||
		    r->member != d->member || r->alone != d->alone ||
		    r->doubled != d->doubled || r->aborting != d->aborting ||
		    run_holds_slot(r) != run_holds_slot(d))
			sim_broken(w, RULE_ACKED, "run %lld.%lld of %s is "
			    "another one on disk: %s on %s, there %s on %s",
			    (long long)r->id, (long long)r->attempt, r->job,
			    run_state_word(r->state), r->agent, d != NULL
			    ? run_state_word(d->state) : "not there",
			    d != NULL ? d->agent : "");
	}
}

/* ---- agents ---- */

static void
same_lease(struct machine *m, const char *cluster)
{
	const struct lease_durable *d = &seat_lease(m->seat)->d;
	struct lease_durable stored = { 0 };

	if (!seat_stored(m->store, cluster, &stored))
		return;
	if (d->on != stored.on || d->held != stored.held ||
	    d->epoch != stored.epoch || d->floor != stored.floor)
		sim_broken(m->w, RULE_ACKED, "%s is %s%s, epoch %lld, floor "
		    "%lld, on its disk %s%s, epoch %lld, floor %lld", m->name,
		    d->on ? "on" : "off", d->held ? " (held)" : "",
		    (long long)d->epoch, (long long)d->floor,
		    stored.on ? "on" : "off", stored.held ? " (held)" : "",
		    (long long)stored.epoch, (long long)stored.floor);
}

static int
on_row(const struct row *row, void *arg)
{
	(void)row;
	++*(size_t *)arg;
	return 0;
}

static int
on_journal(const struct row *row, void *arg)
{
	char key[96];

	(void)snprintf(key, sizeof(key), "%s.%lld.%lld", row_text(row, 0),
	    (long long)row_int(row, 1), (long long)row_int(row, 2));
	(void)json_object_set_new(arg, key, json_true());
	return 0;
}

/* A row that is too many is one that could not be deleted: what is settled is
 * told once more then, and known. */
static void
same_journal(struct machine *m, const char *cluster)
{
	json_t *stored = json_object(), *runs = runs_keys(m->runs, cluster);
	const json_t *run;
	char key[96];
	size_t i;

	(void)store_query(m->store, S_JOURNAL_ALL, on_journal, stored, "");
	json_array_foreach(runs, i, run) {
		(void)snprintf(key, sizeof(key), "%s.%lld.%lld", cluster,
		    (long long)json_integer_value(json_array_get(run, 0)),
		    (long long)json_integer_value(json_array_get(run, 1)));
		if (json_object_get(stored, key) == NULL)
			sim_broken(m->w, RULE_ACKED, "run %s is not in the "
			    "journal of %s", key, m->name);
	}
	json_decref(stored);
	json_decref(runs);
}

static void
agent(struct machine *m, const char *cluster)
{
	size_t spool = 0;

	if (!m->up || m->seat == NULL || store_pending(m->store) != 0)
		return;
	same_lease(m, cluster);
	(void)store_query(m->store, S_SPOOL_ALL, on_row, &spool, "t", cluster);
	if (seat_untold(m->seat) > spool)
		sim_broken(m->w, RULE_ACKED, "%s has %zu to tell its broker, "
		    "on its disk %zu", m->name, seat_untold(m->seat), spool);
	same_journal(m, cluster);
}

/* ---- all of them ---- */

void
memory_is_stored(struct world *w)
{
	struct machine *m = &w->m[BROKER], *was;
	struct broker *b = m->broker, *again;
	struct err e;

	if (store_pending(b->store) != 0)
		return;
	was = sim_enter(m);
	again = broker_new(b->store, b->key, b->node, true, b->now, &e);
	if (again == NULL)
		sim_broken(w, RULE_ACKED, "a broker would not start: %s",
		    e.msg);
	same_settings(w, b, again);
	same_members(w, b, again);
	same_role(w, b);
	same_catalogue(w, b, again);
	same_runs(w, b, again);
	broker_free(again);
	sim_leave(m, was);
	for (int i = 0; i < w->n; i++)
		agent(&w->m[i], b->id);
}
