/* What the rules have seen so far: sim_check.c (commits, grants, starts),
 * sim_moment.c (after every event) and sim_calm.c (when no fault is left). */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim.h"

struct fact {			/* by text */
	char	       key[120];
	int64_t	       n;
	UT_hash_handle hh;
};

struct check {
	struct fact *sets;	/* "job|occ": the commit that made its runs */
	struct fact *runs;	/* "run.attempt": 1 live, 2 ended */
	struct fact *starts;	/* "run.attempt": machine + 1 */
	struct fact *cursors;	/* job: in ms */
	struct fact *epochs;	/* epoch: machine + 1 */
	int64_t	     commit, epoch, granted;
	int64_t	     holder;	/* the member, on the broker's disk */
	int64_t	     editing;	/* edits of the catalogue on their way */
	bool	     foreign;	/* the fire that is looked at: see check_fire */
	int64_t	     looked;	/* at what is due */
	int64_t	     counted;	/* what waits for a slot */
	int64_t	     well;	/* since then nothing is wrong … */
	int	     at_work;	/* … with the broker and this one */
	int64_t	     quiet;	/* since then no fault; 0: not */
	int64_t	     fit;	/* since then somebody is eligible */
	int64_t	     work;	/* since then somebody is at work */
	bool	     settled, linked;
	int64_t	     waited;	/* looked whether it has settled */
};

struct fact *fact_get(struct fact **, const char *key);	/* or NULL */
struct fact *fact_set(struct fact **, const char *key, int64_t n);
void	facts_free(struct fact **);

/* What is due by now is on record. */
void	nothing_missed(struct world *);

#endif
