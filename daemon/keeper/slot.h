/* Output of runs.  A run writes straight into a file of a pool of open ones
 * (STATE_DIR/keeper/slots), renamed to STATE_DIR/output/ID.out at its end only
 * when something was written: no file is made for a silent run.
 *
 * The bound: while a run goes on, once its file takes twice output_max of disk
 * everything between its first half output_max and its last output_max bytes is
 * given back by punching a hole (offsets stay; the hole reads as zeros and
 * SEEK_DATA skips it).  At the end a file over output_max becomes head, one
 * line that says how much was left out, and tail.
 *
 * A slot's name is not used for another run before its run was forgotten, so a
 * reader that opens it by the name of a report never sees a stranger's
 * output. */
#ifndef KEEPER_SLOT_H
#define KEEPER_SLOT_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"
#include "keeper/run.h"

/* Directories: keeper's own, and output, where musterd may delete.  uid, gid:
 * musterd's; its group may read what others' runs write.  Call it after the
 * journal was loaded: it deletes slots that no run names. */
int	slot_init(int keeper_fd, int output_fd, uid_t, gid_t, struct err *);
/* Gives r a slot that belongs to uid (when the keeper is root). */
int	slot_take(struct run *, uid_t, struct err *);
/* Opens r->slot again after a restart; without it r->fd stays -1, and while a
 * job has a lease on it: the next slot_bound and slot_end try again.  Of a run
 * that is settling, a slot that is gone is in its place and short: r->slot is
 * "" then. */
void	slot_reopen(struct run *);
/* Gives disk space back.  *fast is set when r writes quickly. */
void	slot_bound(struct run *, bool *fast);
/* r ended; its output moves to its place.  With processes left that may still
 * write it does so as it is, and slot_settle follows when they are gone.  False
 * when it is too long, and slot_settle is to follow at once: nothing has
 * happened to it yet. */
bool	slot_end(struct run *, bool straying);
/* Shortens what is too long and puts it in its place.  Copies no more than a
 * turn may take: false when it is to be called again.  When the keeper is killed
 * meanwhile the next one begins again, and comes to the same. */
bool	slot_settle(struct run *);
/* r is forgotten: an unused slot is free again. */
void	slot_release(struct run *);

#endif
