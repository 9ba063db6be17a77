/* Many agents in a process of their own: the shipped seat, session and lease
 * of each, over SSH on loopback, with a key, a membership and samples of its
 * own, but one store and no keeper for all.  They never run anything: name the
 * agents of the jobs.
 *
 * The numbers are shared memory: read them at any time. */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct swarm_numbers {
	_Atomic int64_t joined;		/* have completed the invite */
	_Atomic int64_t refused;	/* … or were refused */
	_Atomic int64_t up;		/* connected: hello was answered */
	_Atomic int64_t ups, downs;	/* since the start */
	_Atomic int64_t granted;	/* times that one got the role */
	_Atomic int64_t go;		/* set by swarm_go */
};

struct swarm_plan {
	const char *dir;	/* a folder for its store */
	const char *token;	/* an invite with at least n uses */
	int	    port;	/* of the broker, on 127.0.0.1 */
	int	    first, n;	/* "swarm-00001" is number 1 */
};

struct swarm {
	pid_t		      pid;
	struct swarm_numbers *is;
};

/* Joins them all, at most 32 at a time. */
void	swarm_start(struct swarm *, const struct swarm_plan *);
/* Those that have joined connect, all at once. */
void	swarm_go(struct swarm *);
void	swarm_stop(struct swarm *);

#endif
