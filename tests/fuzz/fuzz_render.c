/* A document of a daemon, on its way to a terminal: nothing that steers the
 * terminal may come out, whatever is in it.  The first byte chooses the row. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "render.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must_be_safe(const struct buf *b)
{
	size_t at = 0;

	while (at < b->len) {
		uint32_t cp;
		size_t used = utf8_next(b->p + at, b->len - at, &cp);

		if (used == 0 || (cp != '\n' && utf8_unsafe(cp)))
			abort();
		at += used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct render how = { .now = { 1795303498000 }, .utc = true };
	struct buf b = BUF_INIT(4 << 20);
	struct render_widths w = { { 0 } };
	const struct cmd *cmd;
	json_t *doc;

	if (size == 0)
		return 0;
	cmd = &cmds[data[0] % CMD_COUNT];
	doc = json_loadb((const char *)data + 1, size - 1, JSON_DECODE_ANY |
	    JSON_ALLOW_NUL, NULL);
	if (doc == NULL)
		return 0;
	render_doc(&b, cmd, doc, &how);
	must_be_safe(&b);
	buf_clear(&b);
	render_row(&b, cmd, doc, &how, &w);
	must_be_safe(&b);
	buf_clear(&b);
	render_json(&b, doc, true, true);
	must_be_safe(&b);
	json_decref(doc);
	buf_free(&b);
	return 0;
}
