/* Texts with a grammar of their own (cron, condition, zone) are checked where
 * they are written down, by whoever knows the grammar: the caller passes the
 * functions, so that this module waits for none of them.
 *
 * Each returns true when the text is fine, else false with the reason in err
 * (without the name of the field).  NULL members accept everything. */
#ifndef CHECKS_H
#define CHECKS_H

#include <stdbool.h>

#include "err.h"

struct checks {
	bool (*cron)(const char *text, struct err *);
	bool (*condition)(const char *text, struct err *);
	bool (*zone)(const char *text, struct err *);
};

#endif
