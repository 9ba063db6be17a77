/* What the parameters of a call name. */
#include <string.h>

#include "api/call.h"
#include "broker/catalog.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "js.h"
#include "text.h"

enum { LIMIT_MAX = 100000 };

const char *
call_str(const struct call *c, const char *name)
{
	return js_str(c->params, name, NULL);
}

int64_t
call_limit(const struct call *c, int64_t dflt)
{
	int64_t n = js_int(c->params, "limit", dflt);

	return n > LIMIT_MAX ? LIMIT_MAX : n;
}

wall
call_since(const struct call *c)
{
	int64_t ms = cmd_ms(c->params, "since", -1);

	return (wall){ ms < 0 || ms >= c->b->now.wall.ms
	        ? 0 : c->b->now.wall.ms - ms };
}

int64_t
call_for(struct call *c, int64_t dflt)
{
	const char *until = call_str(c, "until");
	wall w;

	if (until == NULL || clock_parse(until, &w, NULL) == -1)
		return cmd_ms(c->params, "for", dflt);
	if (w.ms > c->b->now.wall.ms)
		return w.ms - c->b->now.wall.ms;
	call_failed(c, ERR_USAGE, "until %s: is over already", until);
	return -1;
}

struct member *
call_member(struct call *c, const char *param)
{
	struct err e;
	struct member *m = roster_find(c->b, js_str(c->params, param, ""), &e);

	if (m == NULL)
		call_fail(c, &e);
	return m;
}

struct cat_job *
call_job(struct call *c)
{
	struct err e;
	struct cat_job *j = catalog_find(c->b, js_str(c->params, "job", ""),
	    &e);

	if (j == NULL)
		call_fail(c, &e);
	return j;
}

int64_t
call_number(struct call *c, const char *param)
{
	int64_t n;
	struct err e;

	if (text_int(js_str(c->params, param, ""), 1, CMD_INT_MAX, param, &n,
	        &e) == 0)
		return n;
	call_fail(c, &e);
	return -1;
}

bool
call_epoch_ok(struct call *c)
{
	int64_t seen = js_int(c->params, "epoch", -1);
	int64_t is = scheduler_epoch(c->b);

	if (seen < 0 || seen == is)
		return true;
	call_failed(c, ERR_STALE, "the role moved (epoch %lld, not %lld) since "
	    "you looked: look again (muster agent list)", (long long)is,
	    (long long)seen);
	return false;
}
