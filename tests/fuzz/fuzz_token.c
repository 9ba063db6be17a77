/* Join tokens: a text that is taken is the text that would be written. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1), out[TOKEN_TEXT];
	struct token t, back;
	struct err e = { 0 };

	assert(text != NULL);
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	if (token_parse(text, &t, &e) == 0) {
		assert(token_parse(token_text(&t, out), &back, &e) == 0);
		assert(back.kind == t.kind && back.id == t.id);
		assert(memcmp(back.secret, t.secret, TOKEN_SECRET) == 0);
		assert(memcmp(back.broker, t.broker, TOKEN_DIGEST) == 0);
	} else
		assert(e.code == ERR_USAGE && e.msg[0] != '\0');
	free(text);
	return 0;
}
