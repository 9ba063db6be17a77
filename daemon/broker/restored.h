/* The first start after `musterd --restore` (SPEC section 12): what happened
 * between the backup and now is not known, and is put on record as that.
 *
 * Nobody is ON until an operator says so, occurrences that came due since are
 * `missed (restored)` and the cursors are now; runs that the backup holds are
 * not sent again, since they may have been started; run numbers jump ahead of
 * all that may have been given out.  Stands on dispatch, scheduler, catalog and
 * live.  Loop thread. */
#ifndef BROKER_RESTORED_H
#define BROKER_RESTORED_H

#include "broker/broker.h"

/* The key in the store's table meta that says so. */
#define RESTORED_META "restored"

/* Does nothing when the store was not restored.  All of it is one transaction:
 * -1 with a message when that could not be stored. */
int	restored_settle(struct broker *, struct err *);

#endif
