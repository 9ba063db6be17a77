/* run list, show, abort, explain. */
#include <string.h>

#include "api/call.h"
#include "broker/live.h"
#include "broker/outcome.h"
#include "broker/runlist.h"
#include "js.h"

enum { RUNS = 100 };

void
do_run_list(struct call *c)
{
	struct run_filter f = { .job = call_str(c, "job"),
		.agent = call_str(c, "agent"), .state = call_str(c, "state"),
		.cause = call_str(c, "cause"), .since = call_since(c),
		.limit = call_limit(c, RUNS) };

	call_done(c, f.limit > 0 ? runlist_of(c->b, &f) : json_array());
}

static void
no_such(struct call *c, int64_t id)
{
	call_failed(c, ERR_NOTFOUND, "run %lld: there is none of this number "
	    "(muster run list)", (long long)id);
}

void
do_run_show(struct call *c)
{
	int64_t id = call_number(c, "run");
	json_t *doc;

	if (id == -1)
		return;
	doc = runlist_show(c->b, id);
	if (doc != NULL)
		call_done(c, doc);
	else
		no_such(c, id);
}

/* The live run, or NULL: the call has ended. */
static struct run *
live(struct call *c, const char *cannot)
{
	int64_t id = call_number(c, "run");
	struct run *r;
	json_t *doc;

	if (id == -1)
		return NULL;
	r = live_find(c->b, id);
	if (r != NULL && !run_ended(r->state))
		return r;
	doc = runlist_show(c->b, id);
	if (doc == NULL && r == NULL)
		no_such(c, id);
	else
		call_failed(c, ERR_FAILED, "run %lld: it has ended (%s) and "
		    "%s: muster run show %lld", (long long)id,
		    doc != NULL ? js_str(doc, "state", "") : "just now",
		    cannot, (long long)id);
	json_decref(doc);
	return NULL;
}

static void
on_abort(void *arg, json_t *result, const struct err *e)
{
	struct call *c = arg;

	if (result == NULL)
		call_fail(c, e);
	else
		call_told(c, result, "run %lld is being aborted",
		    (long long)js_int(result, "run", 0));
}

void
do_run_abort(struct call *c)
{
	struct run *r = live(c, "cannot be aborted");

	if (r != NULL)
		outcome_abort(c->b, r, c->who, on_abort, c);
}

void
do_run_explain(struct call *c)
{
	struct run *r = live(c, "waits for nothing");

	if (r != NULL)
		call_done(c, runlist_explain(c->b, r));
}
