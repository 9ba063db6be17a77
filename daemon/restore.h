/* `musterd --restore DIRECTORY`: an empty state directory from what `muster
 * backup` made (SPEC section 12). */
#ifndef RESTORE_H
#define RESTORE_H

#include "err.h"
#include "node/config.h"

/* Puts host key and store of the backup into cfg's state directory, which must
 * not hold a store yet, and marks the store: its broker then starts with
 * control = manual and nobody ON.  The store is renamed into place last, so
 * that a restore that was interrupted can be begun again.  -1 with a message
 * that says what to do. */
int	restore_run(const struct config *cfg, const char *backup, struct err *);

#endif
