/* One SSH connection in the loop, either side: one pump a wake.
 * Inside this folder only.
 *
 * libuv watches a dup() of the socket, so that whatever the library does to
 * its own descriptor cannot deafen or abort the loop: libuv aborts when a descriptor that it is
 * about to watch is closed. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <uv.h>

#include "peer.h"
#include "fifo.h"

struct conn_ops {
	/* The socket is ready.  NULL: pump at once. */
	void (*ready)(void *ctx);
	/* Outside the library again: act on what its callbacks noted. */
	void (*progress)(void *ctx);
	/* The channel may take output: conn_write. */
	void (*flush)(void *ctx);
	/* Of no use any more; called once.  The owner calls conn_kill. */
	void (*lost)(void *ctx, const char *why);
	/* All handles are shut: the memory may go. */
	void (*gone)(void *ctx);
};

struct conn {
	const struct conn_ops *ops;
	void		      *ctx;
	const struct peer     *peer;	/* for the watchdog and the log */
	ssh_session	       ssh;
	ssh_event	       ev;	/* NULL until the pump may run */
	ssh_channel	       ch;
	struct ssh_channel_callbacks_struct ccb;
	uv_poll_t	       poll;
	uv_idle_t	       wake;
	int		       wfd, mask, handles;
	struct fifo	       in;	/* channel data not yet taken */
	bool		       dead, killed, paused, starved, pumping;
	bool		       got_eof, got_close;
	char		       why[128];
};

/* fd is the socket that the library has; watches a dup of it, for nothing
 * yet.  -1 with errno when there is no descriptor left. */
int	conn_init(struct conn *, uv_loop_t *, int fd);
/* The channel's data, EOF and close go to this connection. */
void	conn_channel(struct conn *, ssh_channel);
/* Watches for UV_READABLE | UV_WRITABLE, or for what the library wants. */
void	conn_watch(struct conn *, int mask);
void	conn_watch_wanted(struct conn *);
/* The only place that runs the library.  Not from its callbacks. */
void	conn_pump(struct conn *);
/* Pumps in a later turn. */
void	conn_wake(struct conn *);
void	conn_pause(struct conn *, bool);
/* From flush only: writes what the wire takes of it. */
void	conn_write(struct conn *, bool err, struct fifo *);
/* Marks it dead; lost follows when it is safe. */
void	conn_fail(struct conn *, const char *why);
/* Says goodbye on the channel; status -1: none. */
void	conn_bye(struct conn *, int status);
/* The same for a program that died of a signal. */
void	conn_bye_signal(struct conn *, int sig);
/* True when the goodbye was heard and nothing waits. */
bool	conn_said_bye(const struct conn *);
/* The end, at once. */
void	conn_kill(struct conn *);

/* TCP as this protocol needs it: no delay, dead peers noticed in 15 s. */
void	conn_tcp(int fd);

#endif
