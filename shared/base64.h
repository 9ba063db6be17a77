/* Bytes that are not text inside JSON (a run's output), by libcrypto. */
#ifndef BASE64_H
#define BASE64_H

#include <jansson.h>
#include <stddef.h>

/* A JSON string of the bytes.  New reference. */
json_t *base64_json(const void *, size_t);
/* malloc'd bytes and their number; NULL when the text is not base64. */
unsigned char *base64_decode(const char *text, size_t *len);

#endif
