#include "broker/spec.h"

#include <stdlib.h>

#include "js.h"
#include "mem.h"

struct spec *
spec_new(json_t *doc)
{
	struct spec *s = mem_zero(1, sizeof(*s));

	s->doc = doc != NULL ? doc : json_object();
	s->wait_ms = (int64_t)(js_num(s->doc, "wait", 0) * 1000);
	s->on_no_agent = no_agent_of(js_str(s->doc, "on_no_agent", ""));
	s->refs = 1;
	return s;
}

struct spec *
spec_ref(struct spec *s)
{
	s->refs++;
	return s;
}

void
spec_unref(struct spec *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	json_decref(s->doc);
	free(s->text);
	free(s);
}

const char *
spec_text(struct spec *s)
{
	if (s->text == NULL)
		s->text = js_dump(s->doc);
	return s->text;
}
