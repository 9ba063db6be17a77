/* A program of ours on a pseudo-terminal, with a socket as descriptor 3: the
 * console of an operator who came with `ssh -t`.  It gets a
 * session and an environment of its own and nothing else of this daemon's.
 * Both directions are bounded.  Loop thread; inside this folder only. */
#ifndef NET_PTY_H
#define NET_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "err.h"
#include "fifo.h"

/* What the client said about its terminal. */
struct pty_facts {
	char term[33];		/* a name of terminfo: letters, digits, +._- */
	int  cols, rows;	/* 1..1000 */
	bool mono;		/* no colours (NO_COLOR) */
};

struct pty;

/* Starts `program --fd 3`; fd stays the caller's and becomes the child's 3.
 * wake: there is output, or it is over; not after pty_end.  freed: the memory
 * is about to go.  NULL with e set when it cannot be started. */
struct pty *pty_new(uv_loop_t *, const char *program, const struct pty_facts *,
	    int fd, void (*wake)(void *), void (*freed)(void *), void *arg,
	    struct err *);
/* What is typed.  A program that does not read loses what is above 64 KiB. */
void	pty_input(struct pty *, const char *, size_t);
void	pty_resize(struct pty *, int cols, int rows);
/* Output that waits; call pty_taken after taking from it. */
struct fifo *pty_out(struct pty *);
void	pty_taken(struct pty *);
/* Ended, and all output taken: its exit status, or the signal it died of (else
 * 0). */
bool	pty_over(const struct pty *, int *status, int *sig);
/* Hangs up and lets go: SIGHUP, and SIGKILL for what is there 3 s later. */
void	pty_end(struct pty *);

#endif
