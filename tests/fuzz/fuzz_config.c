/* musterd.conf: whatever the bytes, an answer in time, and what was taken can
 * be shown and compared. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
row(const struct config_row *r, void *arg)
{
	(void)arg;
	assert(utf8_valid(r->value, strlen(r->value)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct err e = { 0 };
	struct config c;

	assert(text != NULL);
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	if (config_parse(text, "musterd.conf", &c, &e) == 0) {
		config_each(&c, row, NULL);
		assert(config_diff(&c, &c, NULL, NULL) == 0);
		config_clear(&c);
	} else {
		assert(e.code == ERR_USAGE && e.msg[0] != '\0');
		assert(utf8_valid(e.msg, strlen(e.msg)));
	}
	free(text);
	return 0;
}
