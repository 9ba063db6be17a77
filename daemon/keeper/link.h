/* The keeper's end of the socket: one musterd at a time, the newest that says
 * hello wins.  Only musterd's uid and root are heard (SO_PEERCRED). */
#ifndef KEEPER_LINK_H
#define KEEPER_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "keeper/run.h"
#include "kmsg.h"

/* Binds in keeper_fd and moves the name to state_fd/keeper.sock, so that the
 * owner of the state directory cannot play with it in between. */
int	link_listen(int state_fd, int keeper_fd, uid_t, gid_t, struct err *);
/* What musterd asks for (super.h); commit: all that was read is asked. */
struct link_ops {
	void (*start)(struct kmsg *);
	void (*abort)(const char *id, int64_t grace_ms);
	void (*forget)(const char *id);
	void (*list)(void);
	void (*commit)(void);
};
/* What welcome says, who may connect and who obeys; they must live on. */
void	link_init(uid_t owner, const char *start_id, const char *boot_id,
	    const struct link_ops *);

/* Appends what to poll for: at most LINK_FDS; link_next says until when. */
enum { LINK_FDS = 3 };
mono	link_next(mono now);
size_t	link_watch(struct pollfd *);
/* One turn: accept, read and obey, write. */
void	link_turn(const struct pollfd *, size_t);
bool	link_has_client(void);

/* Reports wait at the gate until link_release (after the journal). */
void	link_report(const struct run *);
void	link_put_report(const struct kmsg_report *);
/* Past the gate: a list, and a refusal because the journal cannot be written.
 * Else than as it is, r is running. */
void	link_report_now(const struct run *, bool as_it_is);
void	link_listed_now(void);
void	link_release(void);

/* Across a re-exec: descriptors to inherit, bytes under way. */
void	link_inherit(bool on);
void	link_pack(struct buf *);
int	link_unpack(const char *, size_t);

#endif
