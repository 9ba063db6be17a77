#include "base64.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

json_t *
base64_json(const void *data, size_t n)
{
	char *text = mem_zero(n / 3 * 4 + 8, 1);
	json_t *v;

	(void)EVP_EncodeBlock((unsigned char *)text, data, (int)n);
	v = json_string(text);
	free(text);
	return v;
}

unsigned char *
base64_decode(const char *text, size_t *len)
{
	size_t n = strlen(text), pad = 0;
	unsigned char *out;
	int got;

	if (n % 4 != 0 || n > (1u << 30))
		return NULL;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	out = mem_zero(n / 4 * 3 + 4, 1);
	got = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);
	if (got < 0) {
		free(out);
		return NULL;
	}
	*len = (size_t)got - pad;
	return out;
}
