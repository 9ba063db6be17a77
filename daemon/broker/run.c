#include "broker/run.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "log.h"
#include "mem.h"

static const char *const words[] = {
	[RUN_WAITING] = "waiting",
	[RUN_QUEUED] = "queued",
	[RUN_DISPATCHED] = "dispatched",
	[RUN_RUNNING] = "running",
	[RUN_UNKNOWN] = "unknown",
	[RUN_SUCCEEDED] = "succeeded",
	[RUN_FAILED] = "failed",
	[RUN_KILLED] = "killed",
	[RUN_TIMED_OUT] = "timed_out",
	[RUN_ABORTED] = "aborted",
	[RUN_LOST] = "lost",
	[RUN_REFUSED] = "refused",
	[RUN_SKIPPED] = "skipped",
	[RUN_MISSED] = "missed",
};
_Static_assert(sizeof(words) / sizeof(words[0]) == RUN_NSTATES, "run states");

const char *
run_state_word(enum run_state s)
{
	return words[s];
}

int
run_state_of(const char *word, enum run_state *out)
{
	for (unsigned i = 0; word != NULL && i < RUN_NSTATES; i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum run_state)i;
			return 0;
		}
	return -1;
}

struct run *
run_new(int64_t id, int64_t attempt, const char *job, const char *occ,
    const char *cause, struct spec *spec)
{
	struct run *r = mem_zero(1, sizeof(*r));

	r->id = id;
	r->attempt = attempt;
	r->job = mem_dup(job);
	r->occ = mem_dup(occ);
	r->cause = mem_dup(cause);
	r->state = RUN_QUEUED;
	r->exit_code = -1;
	r->spec = spec_ref(spec);
	r->priority = js_int(spec->doc, "priority", 0);
	return r;
}

void
run_clock(struct run *r, struct now now)
{
	int64_t waited = now.wall.ms - r->queued.ms;
	int64_t left = r->due.ms - now.wall.ms;

	if (waited < 0)			/* set back meanwhile */
		waited = 0;
	if (left > r->due.ms - r->queued.ms)
		left = r->due.ms - r->queued.ms;
	r->queued_at = mono_add_ms(now.mono, -waited);
	r->due_at = mono_add_ms(now.mono, r->due.ms != 0 && left > 0 ? left
								     : 0);
}

void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	free(r->job);
	free(r->occ);
	free(r->cause);
	free(r->reason);
	spec_unref(r->spec);
	free(r);
}

void
run_bind(struct run *r, int64_t member, const char *name)
{
	r->member = member;
	(void)MEM_STR(r->agent, name);
}

void
run_set_state(struct run *r, enum run_state state, const char *reason)
{
	log_debug("run", "run=%lld attempt=%lld job=%s %s -> %s%s%s",
	    (long long)r->id, (long long)r->attempt, r->job, words[r->state],
	    words[state], reason != NULL ? ": " : "",
	    reason != NULL ? reason : "");
	r->state = state;
	if (reason != r->reason) {
		char *copy = mem_dup(reason);

		free(r->reason);
		r->reason = copy;
	}
}

static const char *
yes_no(bool yes)
{
	return yes ? "true" : "false";
}

/* What is kept beside the columns: the job as it was, the reason, and whose it
 * is, since the column has only the name of that moment. */
static char *
body(struct run *r)
{
	json_t *reason = js_text(r->reason);
	char *quoted = js_dump(reason);
	char *text = mem_fmt("{\"spec\":%s,\"reason\":%s,\"accepted\":%s,"
	    "\"due\":%lld,\"aborting\":%s,\"doubled\":%s,\"member\":%lld,"
	    "\"alone\":%lld}",
	    spec_text(r->spec), quoted, yes_no(r->accepted),
	    (long long)r->due.ms, yes_no(r->aborting), yes_no(r->doubled),
	    (long long)r->member, (long long)r->alone);

	json_decref(reason);
	free(quoted);
	return text;
}

void
run_store_new(struct run *r, struct batch *b)
{
	char *text = body(r);

	batch_add(b, S_RUN_NEW, "iittttti" "iiit", r->id, r->attempt, r->job,
	    r->occ, r->cause, r->agent, words[r->state], r->epoch,
	    r->queued.ms, r->dispatched.ms, r->started.ms, text);
	free(text);
}

void
run_store_state(struct run *r, struct batch *b)
{
	char *text = body(r);

	batch_add(b, S_RUN_STATE, "iittiit", r->id, r->attempt,
	    words[r->state], r->agent, r->dispatched.ms, r->started.ms, text);
	free(text);
}

void
run_store_end(struct run *r, struct batch *b, const char *output,
    size_t len)
{
	batch_add(b, S_RUN_LIVE_DEL, "ii", r->id, r->attempt);
	batch_add(b, S_RUN_END, "iittttt" "iiiiiii" "tbtii", r->id, r->attempt,
	    r->job, r->occ, r->cause, r->agent, words[r->state],
	    (int64_t)r->exit_code, (int64_t)r->signal, r->queued.ms,
	    r->started.ms, r->ended.ms, r->epoch, (int64_t)r->late, r->reason,
	    (const void *)output, len, spec_text(r->spec),
	    (int64_t)r->doubled,
	    r->alone);
}

/* Parts of what body made. */
static struct spec *
read_body(const char *text, struct spec *likely, json_t **others)
{
	static const char first[] = "{\"spec\":";
	const char *own = likely != NULL ? spec_text(likely) : "";
	size_t n = strlen(own);
	struct spec *spec;
	json_error_t e = { 0 };
	char *rest;

	*others = NULL;
	if (text == NULL || strncmp(text, first, sizeof(first) - 1) != 0)
		return spec_new(NULL);
	text += sizeof(first) - 1;
	if (n > 0 && strncmp(text, own, n) == 0 && text[n] == ',')
		spec = spec_ref(likely);
	else {
		spec = spec_new(json_loads(text, JSON_DISABLE_EOF_CHECK, &e));
		n = (size_t)e.position;
	}
	if (text[n] == ',') {
		rest = mem_fmt("{%s", text + n + 1);
		*others = json_loads(rest, 0, NULL);
		free(rest);
	}
	return spec;
}

struct run *
run_of_live(const struct row *row, struct spec *likely)
{
	json_t *o;
	struct spec *spec = read_body(row_text(row, 11), likely, &o);
	struct run *r;

	r = run_new(row_int(row, 0), row_int(row, 1), row_text(row, 2),
	    row_text(row, 3), row_text(row, 4), spec);
	spec_unref(spec);
	(void)MEM_STR(r->agent, row_text(row, 5));
	if (run_state_of(row_text(row, 6), &r->state) == -1)
		r->state = RUN_UNKNOWN;
	r->epoch = row_int(row, 7);
	r->queued.ms = row_int(row, 8);
	r->dispatched.ms = row_int(row, 9);
	r->started.ms = row_int(row, 10);
	r->reason = mem_dup(js_str(o, "reason", NULL));
	r->accepted = js_bool(o, "accepted", false);
	r->aborting = js_bool(o, "aborting", false);
	r->doubled = js_bool(o, "doubled", false);
	r->alone = js_int(o, "alone", 0);
	r->member = js_int(o, "member", 0);
	r->due.ms = js_int(o, "due", 0);
	r->stored = true;
	json_decref(o);
	return r;
}

static json_t *
int_or_null(bool have, int64_t v)
{
	return have ? json_integer(v) : json_null();
}

json_t *
run_json(const struct run *r)
{
	return json_pack(
	    "{s:I,s:s,s:s,s:s,s:o,s:I,s:s,s:o,s:o,s:o,s:o,s:o,s:I,s:b,s:o,"
	    "s:b,s:o}",
	    "id", (json_int_t)r->id, "job", r->job, "occurrence", r->occ,
	    "cause", r->cause, "agent",
	    r->agent[0] != '\0' ? json_string(r->agent) : json_null(),
	    "attempt", (json_int_t)r->attempt, "state", words[r->state],
	    "exit_code", int_or_null(r->exit_code >= 0, r->exit_code),
	    "signal", int_or_null(r->signal > 0, r->signal), "queued_at",
	    js_time(r->queued), "started_at", js_time(r->started), "ended_at",
	    js_time(r->ended), "epoch", (json_int_t)r->epoch, "late", r->late,
	    "reason", js_text(r->reason), "doubled", r->doubled, "alone",
	    int_or_null(r->alone != 0, r->alone));
}

json_t *
run_json_hist(const struct row *row)
{
	struct run r = { .id = row_int(row, 0), .attempt = row_int(row, 1),
		.job = mem_dup(row_text(row, 2)),
		.occ = mem_dup(row_text(row, 3)),
		.cause = mem_dup(row_text(row, 4)),
		.exit_code = row_null(row, 7) ? -1 : (int)row_int(row, 7),
		.signal = (int)row_int(row, 8), .queued = { row_int(row, 9) },
		.started = { row_int(row, 10) }, .ended = { row_int(row, 11) },
		.epoch = row_int(row, 12), .late = row_int(row, 13) != 0,
		.reason = mem_dup(row_text(row, 14)),
		.doubled = row_int(row, 17) != 0, .alone = row_int(row, 18) };
	json_t *o;

	(void)MEM_STR(r.agent, row_text(row, 5) != NULL ? row_text(row, 5) : "");
	(void)run_state_of(row_text(row, 6), &r.state);
	o = run_json(&r);
	free(r.job);
	free(r.occ);
	free(r.cause);
	free(r.reason);
	return o;
}
