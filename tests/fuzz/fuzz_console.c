/* The console between a daemon that says anything and a person who types
 * anything: no document, no output of a job and no series of keys may bring it
 * down, nor put a control character on the screen.
 *
 * One line each: "k" and keys, "p" and output of the run that is followed, "0"
 * to "8" and the document of a topic, "u" and an update, "a" and an answer to
 * whatever was asked last. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "console/screen.h"
#include "console/ui.h"
#include "js.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
answer(struct ui *u, const json_t *doc)
{
	const struct err e = { ERR_STALE, "it has moved" };
	json_t *r = json_array_get(u->out, json_array_size(u->out) > 0
	    ? json_array_size(u->out) - 1 : 0);
	char about[128];
	int tag;

	if (r == NULL)
		return;
	tag = (int)js_int(r, "tag", 0);
	(void)MEM_STR(about, js_str(r, "about", ""));
	(void)json_array_remove(u->out, json_array_size(u->out) - 1);
	ui_answer(u, (enum ui_tag)tag, about, doc, doc == NULL ? &e : NULL);
}

static void
line(struct ui *u, const char *p, size_t n)
{
	json_t *doc = n > 1 ? json_loadb(p + 1, n - 1, JSON_DECODE_ANY, NULL)
	    : NULL;

	if (*p == 'k')
		for (size_t i = 1; i < n; i++)
			ui_key(u, p[i] == '~' ? KEY_K_ENTER
			    : (unsigned char)p[i] >= 0xe0
			    ? KEY_SPECIAL + 1 + (p[i] & 0x1f)
			    : (unsigned char)p[i]);
	else if (*p == 'p')
		runlog_put(&u->m.log, p + 1, n - 1);
	else if (*p >= '0' && *p < '0' + TOPIC_COUNT && doc != NULL)
		model_put(&u->m, (enum topic)(*p - '0'), json_incref(doc));
	else if (*p == 'u' && doc != NULL)
		ui_update(u, doc);
	else if (*p == 'a')
		answer(u, doc);
	json_decref(doc);
}

static void
check(struct ui *u, int w, int h)
{
	struct grid *g = grid_new(w, h, u->glyphs);

	ui_draw(u, g);
	for (int i = 0; i < g->w * g->h; i++) {
		uint32_t cp = g->cell[i].cp;

		if ((cp != 0 && cp < 0x20) || (cp >= 0x7f && cp < 0xa0) ||
		    (cp >= 0x202a && cp <= 0x202e))
			abort();
	}
	grid_free(g);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct now now = { { 3600LL * 1000000 }, { 1794998527000 } };
	const char *p = (const char *)data, *end = p + size;
	struct ui u;

	ui_init(&u, size & 1 ? GLYPHS_UTF8 : GLYPHS_ASCII, "fuzz");
	u.up = true;
	u.m.link = LINK_UP;
	u.m.privs = (1u << PRIV_COUNT) - 1;
	for (int t = 0; t < TOPIC_COUNT; t++)
		u.sub[t] = t;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = nl != NULL ? (size_t)(nl - p) : (size_t)(end - p);

		now.mono = mono_add_ms(now.mono, 400);
		now.wall.ms += 400;
		u.m.heard = now.mono;
		u.m.heard_at = now.wall;
		ui_tick(&u, now);
		if (n > 0)
			line(&u, p, n);
		if (json_array_size(u.out) > 64)
			json_array_clear(u.out);
		p += n + (nl != NULL);
	}
	check(&u, 80, 24);
	check(&u, 160, 48);
	check(&u, 30, 9);
	ui_clear(&u);
	return 0;
}
