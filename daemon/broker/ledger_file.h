/* Files become runs: (job, path, inode, mtime) names the occurrence (SPEC
 * section 6).  There is no cursor; what was recorded is.  Stands on outcome,
 * dispatch, catalog and roster.  Loop thread. */
#ifndef BROKER_LEDGER_FILE_H
#define BROKER_LEDGER_FILE_H

#include <jansson.h>

#include "broker/broker.h"

struct member;

/* The fire of a file.  backed: by the current epoch.  NULL when it is being
 * recorded; else the answer. */
json_t *ledger_file(struct broker *, struct member *, const json_t *fire,
	    bool backed, void (*answer)(struct broker *, int64_t member,
	    json_t *));

#endif
