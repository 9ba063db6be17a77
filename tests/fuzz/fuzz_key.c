/* Text that should be a public key: what key_parse takes, it must also take in
 * its own canonical form, with the same fingerprint. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[2048], pub[128], again[128], fp[64], fp2[64];
	unsigned char digest[32];
	struct err e;

	if (n >= sizeof(text))
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	if (key_parse(text, pub, fp, &e) == -1)
		return 0;
	if (key_digest(text, digest, &e) == -1)
		abort();
	if (pub[0] != '\0' && (key_parse(pub, again, fp2, &e) == -1 ||
	    strcmp(pub, again) != 0 || strcmp(fp, fp2) != 0))
		abort();
	return 0;
}
