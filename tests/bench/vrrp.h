/* keepalived, the usual way to move an address between two machines, measured
 * as the Scheduler role is: two instances (VRRP version 3) in two network
 * namespaces of their own, joined by a veth pair.  The network of this machine
 * is not touched.  Needs root and Debian's package keepalived. */
#ifndef BENCH_VRRP_H
#define BENCH_VRRP_H

#include <stdbool.h>
#include <stddef.h>

#include "figures.h"

struct vrrp_figures {
	/* To the run of the other's notify_master, ms. */
	struct figures killed;		/* both its processes, kill -9 */
	struct figures paused;		/* both its processes, SIGSTOP */
	struct figures ended;		/* SIGTERM: a clean end */
	/* How long both had the address on their interface, ms … */
	struct figures both;		/* … of which after SIGCONT: */
	struct figures both_awake;
	/* How often a killed one left the address behind, for good. */
	size_t left_behind;
};

/* Makes the two namespaces and opens what is needed in dir; false with why. */
bool	vrrp_begin(const char *dir, char why[128]);
/* advert_int in seconds, 0.01 to 40; rounds of each kind. */
void	vrrp_measure(double advert_int, size_t rounds, struct vrrp_figures *);
void	vrrp_end(void);

#endif
