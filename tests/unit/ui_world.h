/* A console whose keys are pressed and whose daemon is played.  Comes after
 * cmocka.h. */
#ifndef UI_WORLD_H
#define UI_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "console/question.h"
#include "console/screen.h"
#include "console/ui.h"
#include "js.h"
#include "mem.h"
#include "screens_world.h"

struct world {
	struct ui u;
	struct now now;
};

static inline void
later(struct world *w, int64_t ms)
{
	ui_drawn(&w->u);
	w->now.mono = mono_add_ms(w->now.mono, ms);
	w->now.wall.ms += ms;
	/* The daemon is heard all the time. */
	w->u.m.heard = w->now.mono;
	w->u.m.heard_at = w->now.wall;
	ui_tick(&w->u, w->now);
}

static inline void
type(struct world *w, const char *keys_)
{
	for (; *keys_ != '\0'; keys_++)
		ui_key(&w->u, *keys_ == '\n' ? KEY_K_ENTER : *keys_);
}

/* The newest request of this method, taken out; NULL: none. */
static inline json_t *
sent(struct world *w, const char *method)
{
	json_t *found = NULL;

	for (size_t i = json_array_size(w->u.out); i-- > 0;) {
		json_t *r = json_array_get(w->u.out, i);

		if (strcmp(js_str(r, "method", ""), method) != 0)
			continue;
		if (found == NULL)
			found = json_incref(r);
		(void)json_array_remove(w->u.out, i);
	}
	return found;
}

static inline void
not_sent(struct world *w, const char *method)
{
	json_t *r = sent(w, method);

	assert_null(r);
}

static inline int
setup(void **state)
{
	struct world *w = mem_zero(1, sizeof(*w));

	w->now = WORLD_NOW;
	ui_init(&w->u, GLYPHS_ASCII, "test");
	world_fill(&w->u.m);
	w->u.up = true;
	for (int t = 0; t < TOPIC_COUNT; t++) {
		w->u.sub[t] = t + 1;
		w->u.quick[t] = true;
	}
	(void)MEM_STR(w->u.m.view[SCREEN_AGENTS].sel, "node-c");
	later(w, 0);
	json_array_clear(w->u.out);
	*state = w;
	return 0;
}

static inline int
teardown(void **state)
{
	struct world *w = *state;

	ui_clear(&w->u);
	free(w);
	return 0;
}

static inline json_t *
dry_run(const char *to)
{
	return json_pack("{s:s,s:i,s:s,s:[{s:f,s:s},{s:f,s:s}],s:[]}", "to",
	    to, "epoch", 43, "outcome", "begun", "steps", "after", 0.0, "step",
	    "OFF is sent to node-b", "after", 0.3, "step",
	    "epoch 43 is granted to node-c", "candidates");
}

static inline void
answer_dry(struct world *w, const char *to)
{
	json_t *doc = dry_run(to);

	json_decref(sent(w, "whatif"));
	ui_answer(&w->u, UI_DRY, "", doc, NULL);
	ui_answer(&w->u, UI_DRY_VACANT, "", doc, NULL);
	json_decref(doc);
}

static inline void
looks_in(enum glyphs glyphs, struct world *w, const char *text, bool there)
{
	struct grid *g = grid_new(80, 24, glyphs);
	struct buf b = BUF_INIT(1 << 20);

	ui_draw(&w->u, g);
	grid_text(g, &b);
	if ((strstr(b.p, text) != NULL) != there)
		fail_msg("\"%s\" is %son the screen:\n%s", text, there
		    ? "not " : "", b.p);
	buf_free(&b);
	grid_free(g);
}

static inline void
looks(struct world *w, const char *text, bool there)
{
	looks_in(GLYPHS_ASCII, w, text, there);
}

static inline void
shows(struct world *w, const char *text)
{
	looks(w, text, true);
}

/* The daemon here goes on answering. */
static inline void
loses_its_broker(struct world *w)
{
	json_t *status = json_deep_copy(w->u.m.topic[TOPIC_STATUS].doc);

	(void)json_object_set_new(json_object_get(status, "broker"),
	    "connected", json_false());
	model_put(&w->u.m, TOPIC_STATUS, status);
	later(w, 41000);
	shows(w, "STALE 41s");
}

static inline void
hides(struct world *w, const char *text)
{
	looks(w, text, false);
}

/* How many requests of this method go out; they are taken out. */
static inline size_t
count_sent(struct world *w, const char *method)
{
	size_t n = json_array_size(w->u.out);

	json_decref(sent(w, method));
	return n - json_array_size(w->u.out);
}

#endif
