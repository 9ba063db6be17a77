/* Catalogue text: what is taken comes back the same from export and from JSON;
 * what is not is told in a line that JSON and a terminal take. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/catalogue_text.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
round_trip(const struct catalogue *a)
{
	struct catalogue_warnings w;
	char *text = catalogue_export(a);
	json_t *ja = catalogue_json(a), *jb;
	struct catalogue b;
	struct err e = { 0 };

	/* Small texts can only grow past the limit by their escapes. */
	if (strlen(text) <= CATALOGUE_TEXT_MAX) {
		if (catalogue_parse(text, "export", NULL, &b, &w, &e) == -1)
			abort();
		jb = catalogue_json(&b);
		assert(json_equal(ja, jb));
		json_decref(jb);
		catalogue_clear(&b);
		catalogue_warnings_clear(&w);
	}
	json_decref(ja);
	free(text);
	for (size_t i = 0; i < a->njobs; i++) {
		json_t *doc = job_json(&a->jobs[i]);
		struct job j;

		assert(job_of_json(doc, NULL, &j, &e) == 0);
		assert(job_equal(&a->jobs[i], &j));
		job_clear(&j);
		json_decref(doc);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct catalogue_warnings w;
	char *text = malloc(n + 1);
	struct catalogue c;
	struct err e = { 0 };

	assert(text != NULL);
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	if (catalogue_parse(text, "catalogue.conf", NULL, &c, &w, &e) == 0) {
		round_trip(&c);
		catalogue_clear(&c);
		catalogue_warnings_clear(&w);
	} else {
		assert(e.code == ERR_USAGE && e.msg[0] != '\0');
		assert(utf8_valid(e.msg, strlen(e.msg)));
	}
	free(text);
	return 0;
}
