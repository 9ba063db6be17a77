/* A job as it was when a run was made of it, with its -p parameters: never
 * changed, so the runs of one definition share it, and its text is made once
 * however often they are stored.  Stands on no other room.  Loop thread. */
#ifndef BROKER_SPEC_H
#define BROKER_SPEC_H

#include <jansson.h>
#include <stdint.h>

#include "core/setting.h"

struct spec {
	json_t	*doc;		/* as job_json makes it */
	/* Asked of each run that waits, many times a second. */
	int64_t	 wait_ms;	/* 0: for ever */
	enum no_agent on_no_agent;
	char	*text;		/* see spec_text */
	unsigned refs;
};

/* Takes doc; NULL stands for an empty one. */
struct spec *spec_new(json_t *doc);
struct spec *spec_ref(struct spec *);
/* Gives one reference back; NULL is fine. */
void	spec_unref(struct spec *);
/* The document as one line of JSON, as long as the spec lives. */
const char *spec_text(struct spec *);

#endif
