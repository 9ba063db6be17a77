/* Real daemons on loopback for the programs here: each node has its state,
 * socket, port and log in one folder below /tmp, and everything that was
 * started is gone at the end, runs and keepers included.  One crew a program.
 * A thread reads the logs, so that a line has the time of its arrival; the rest
 * is for the main thread. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CREW_NODES = 8 };

struct crew_node {
	char  name[16];
	int   port;
	bool  broker;
	char  socket[64];
	pid_t pid;		/* 0: not running */
};

/* Finds the programs (MUSTER_BUILD, else build) and makes the folder. */
void	crew_begin(const char *program);
void	crew_end(void);
/* Ends everything with a message. */
_Noreturn void crew_die(const char *, ...)
	    __attribute__((format(printf, 1, 2)));
const char *crew_dir(void);
int	crew_port(void);		/* one that is free now */
double	crew_ms(void);			/* time of this machine, not steppable */

/* Configures and starts; answers on its socket afterwards.  level: of the log.
 * A dedicated broker has no agent of its own. */
struct crew_node *crew_start(const char *name, bool broker, const char *level);
void	crew_restart(struct crew_node *);
/* Waits for its end after a signal that ends it. */
void	crew_reap(struct crew_node *);
/* The whole handshake. */
void	crew_join(const struct crew_node *broker, const struct crew_node *);
/* A shell line in the folder; $M is the program muster.  It must succeed. */
void	crew_sh(const char *, ...) __attribute__((format(printf, 1, 2)));
/* The same, and what it printed without the last newline; the caller frees. */
char   *crew_ask(const char *, ...) __attribute__((format(printf, 1, 2)));

/* When (crew_ms) a line with this text came since then, -1 when it did not
 * within limit_ms. */
double	crew_saw(const struct crew_node *, const char *text, double since,
	    int64_t limit_ms);
/* The same of whichever of several is first; *which gets it. */
double	crew_saw_any(struct crew_node *const *, size_t n, const char *text,
	    double since, int64_t limit_ms, struct crew_node **which);

/* Seconds of CPU that the process has used, and its resident KiB. */
double	crew_cpu(pid_t);
long	crew_rss(pid_t);
/* The load of this machine in the last minute: said beside each figure. */
double	crew_load(void);

#endif
