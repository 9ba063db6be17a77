/* Paths of files as text, and patterns: whatever the name of a file is, its
 * text is UTF-8 without controls and leads back to it; a text that an agent
 * sends is an absolute path or nothing. */
#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/file_trigger.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
there_and_back(const char *path)
{
	struct buf b = BUF_INIT(3 * PATH_MAX);
	char back[PATH_MAX];
	uint32_t cp;

	file_path_encode(&b, path);
	assert(!b.failed && utf8_valid(b.p, b.len));
	for (size_t i = 0, n; i < b.len; i += n) {
		n = utf8_next(b.p + i, b.len - i, &cp);
		assert(n > 0 && !utf8_unsafe(cp));
	}
	assert(file_path_decode(b.p, back, sizeof(back)) ==
	    (path[0] == '/' ? 0 : -1));
	assert(path[0] != '/' || strcmp(back, path) == 0);
	buf_free(&b);
}

/* The first line is a pattern, the rest a path. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text, *path, out[256];
	struct file_pattern p;
	int match;

	if (n >= PATH_MAX)
		return 0;
	text = malloc(n + 1);
	assert(text != NULL);
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	there_and_back(text);
	if (file_path_decode(text, out, sizeof(out)) == 0)
		there_and_back(out);
	path = strchr(text, '\n');
	if (path != NULL)
		*path++ = '\0';
	file_pattern_init(&p, text);
	match = file_pattern_match(&p, path != NULL ? path : text);
	assert(match >= -1 && match <= (int)p.part.n);
	file_pattern_clear(&p);
	free(text);
	return 0;
}
