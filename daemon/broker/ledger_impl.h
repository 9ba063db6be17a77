/* Inside of ledger.c and ledger_file.c. */
#ifndef BROKER_LEDGER_IMPL_H
#define BROKER_LEDGER_IMPL_H

#include "broker/ledger.h"

/* The fire of a file.  backed: by the current epoch.  NULL when it is being
 * recorded; else the answer. */
json_t *ledger_file(struct broker *, struct member *, const json_t *fire,
	    bool backed, void (*answer)(struct broker *, int64_t member,
	    json_t *));

#endif
