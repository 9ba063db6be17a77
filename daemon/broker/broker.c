#include "broker/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "broker/astray.h"
#include "broker/attendance.h"
#include "broker/catalog.h"
#include "broker/departure.h"
#include "broker/desk.h"
#include "broker/dispatch.h"
#include "broker/eval.h"
#include "broker/foreman.h"
#include "broker/gate.h"
#include "broker/grammar.h"
#include "broker/live.h"
#include "broker/outcome.h"
#include "broker/restored.h"
#include "broker/retain.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "broker/spool.h"
#include "log.h"
#include "mem.h"
#include "strs.h"
#include "tz.h"

/* ---- starting ---- */

static int
on_value(const struct row *r, void *arg)
{
	(void)mem_str(arg, 40, row_text(r, 0));
	return 1;
}

struct stored {				/* NAME, VALUE, NAME, VALUE, … */
	struct strs text;
};

static int
on_setting(const struct row *r, void *arg)
{
	struct stored *st = arg;

	strs_add(&st->text, row_text(r, 0));
	strs_add(&st->text, row_text(r, 1));
	return 0;
}

/* Settings are stored one by one but only make sense together.  If an older
 * version wrote one that is wrong today, the others still count. */
static void
load_settings(struct broker *b)
{
	struct stored st = { { 0 } };
	struct setting_pair *pairs;
	struct err e;
	size_t n;

	(void)store_query(b->store, S_SETTING_ALL, on_setting, &st, "");
	n = st.text.n / 2;
	pairs = mem_zero(n + 1, sizeof(*pairs));
	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct setting_pair){ st.text.v[2 * i],
			st.text.v[2 * i + 1] };
	if (settings_set(&b->set, pairs, n, &grammar_checks, &e) == -1)
		for (size_t i = 0; i < n; i++)
			if (settings_set(&b->set, &pairs[i], 1, &grammar_checks,
			        &e) == -1)
				log_warn("settings", "%s", e.msg);
	free(pairs);
	strs_clear(&st.text);
}

static int
cluster_id(struct broker *b, struct err *e)
{
	unsigned char raw[16];
	struct batch *batch;

	if (store_query(b->store, S_META_GET, on_value, b->id, "t",
	        "cluster_id") == 1)
		return 0;
	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return err_sys(e, "getrandom");
	for (size_t i = 0; i < sizeof(raw); i++)
		(void)snprintf(b->id + 2 * i, 3, "%02x", raw[i]);
	batch = batch_new();
	batch_add(batch, S_META_SET, "tt", "cluster_id", b->id);
	/* The zone of this machine at the first start, for good. */
	batch_add(batch, S_SETTING_SET, "tt", "zone", b->set.zone);
	if (store_write(b->store, batch) != STORE_OK)
		return err_set(e, ERR_IO, "store: the cluster's id could not "
		    "be stored: free disk space, then start again");
	return 0;
}

struct broker *
broker_new(struct store *store, const struct key *key, const char *name,
    bool open, struct now now, struct err *e)
{
	struct broker *b = mem_zero(1, sizeof(*b));
	char zone[TZ_NAME];

	b->store = store;
	b->key = key;
	b->open = open;
	b->now = now;
	b->clock = clock_now;
	(void)MEM_STR(b->node, name);
	settings_default(&b->set, name, tz_system(zone));
	if (cluster_id(b, e) == -1)
		goto fail;
	load_settings(b);
	b->events = events_new(store);
	astray_load(b);
	b->catalog = catalog_load(b, e);
	if (b->catalog == NULL || roster_load(b, e) == NULL)
		goto fail;
	(void)scheduler_load(b);
	(void)dispatch_load(b);
	(void)desk_load(b);
	if (restored_settle(b, e) == -1)
		goto fail;
	return b;
fail:
	broker_free(b);
	return NULL;
}

void
broker_free(struct broker *b)
{
	if (b == NULL)
		return;
	departure_free(b);
	desk_free(b->desk);
	outcome_free(b);
	dispatch_free(b->dispatch);
	live_free(b);
	scheduler_free(b->scheduler);
	roster_free(b->roster);
	catalog_turns_free(b);
	catalog_free(b->catalog);
	events_free(b->events);
	gate_free(b->gate);
	free(b);
}

void
broker_wake(struct broker *b, bool awake, struct now now)
{
	b->now = now;
	if (b->awake == awake)
		return;
	b->awake = awake;
	if (awake)
		scheduler_boot(b);
	else
		gate_close_all(b->gate, "this node joined another cluster");
}

/* An operator must not have to read the log for this. */
static void
watch_store(struct broker *b)
{
	enum store_rc rc = store_state(b->store);

	if (rc == STORE_OK)
		alert_clear(b->events, b->now.wall, "store_full", b->node);
	else
		alert_raise(b->events, b->now.wall, "store_full", b->node,
		    "the store of %s takes no writes (%s): free disk space; "
		    "nothing new is accepted until then", b->node,
		    store_rc_word(rc));
}

mono
broker_turn(struct broker *b, struct now now)
{
	mono next;

	b->now = now;
	if (!b->awake)
		return MONO_NEVER;
	watch_store(b);
	next = attendance_turn(b);
	next = mono_min(next, scheduler_turn(b));
	next = mono_min(next, departure_turn(b));
	next = mono_min(next, desk_turn(b));
	next = mono_min(next, retain_turn(b));
	next = mono_min(next, spool_turn(b));
	return mono_min(next, foreman_turn(b));
}

/* ---- settings ---- */

int
broker_set(struct broker *b, const struct setting_pair *pairs, size_t n,
    const char *actor, struct err *e)
{
	struct settings next = b->set;
	struct batch *batch = batch_new();
	bool zone = false;
	char *was, *is;

	if (settings_set(&next, pairs, n, &grammar_checks, e) == -1) {
		batch_free(batch);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		is = setting_text(&next, pairs[i].name, e);
		batch_add(batch, S_SETTING_SET, "tt", pairs[i].name, is);
		free(is);
		zone |= strcmp(pairs[i].name, "zone") == 0;
	}
	if (store_write(b->store, batch) != STORE_OK)
		return err_set(e, ERR_IO, "setting %s: not stored: the store "
		    "takes no writes: free disk space, then try again",
		    pairs[0].name);
	for (size_t i = 0; i < n; i++) {
		was = setting_text(&b->set, pairs[i].name, NULL);
		is = setting_text(&next, pairs[i].name, NULL);
		(void)event_add(b->events, b->now.wall, SEV_AUDIT,
		    "setting_changed", b->node, actor, json_pack("{s:s,s:s,s:s}",
		    "name", pairs[i].name, "old", was, "new", is),
		    "setting %s: %s -> %s", pairs[i].name, was, is);
		free(was);
		free(is);
	}
	b->set = next;
	(void)roster_settings(b, NULL);
	eval_conditions(b);
	scheduler_settings(b);
	if (zone)
		catalog_rezone(b);
	return 0;
}
