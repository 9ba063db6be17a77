/* What this node fired without a broker and has not told it yet: on disk before
 * the run starts, until the broker has it on disk too.  Bounded: when it is
 * full nothing more is fired.  Loop thread. */
#ifndef NODE_SPOOL_H
#define NODE_SPOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "clock.h"
#include "core/misfire.h"
#include "store/store.h"

#ifdef ROLE_MUTANTS	/* the simulation's: it fills in a minute */
enum { SPOOL_MAX = 40 };
#else
enum { SPOOL_MAX = 10000 };	/* entries of one cluster */
#endif

struct spool;

/* One occurrence.  Read only. */
struct spool_entry {
	int64_t	       run;		/* core/order.h */
	int64_t	       epoch;
	char	       job[64];
	wall	       first, last;	/* equal but for a range of skips */
	int64_t	       count;
	char	      *skip;		/* NULL: fired; else why not */
	wall	       made;
	UT_hash_handle hh;		/* by run */
};

/* With what an earlier musterd left. */
struct spool *spool_new(struct store *, const char *cluster);
void	spool_free(struct spool *);
size_t	spool_count(const struct spool *);
bool	spool_full(const struct spool *);
/* Oldest first, by ->hh.next. */
struct spool_entry *spool_first(const struct spool *);
struct spool_entry *spool_get(const struct spool *, int64_t run);
bool	spool_has(const struct spool *, const char *job, wall first);
/* From the oldest occurrence in it to the newest; 0 when it is empty. */
void	spool_span(const struct spool *, wall *from, wall *to);

/* A new one; its row goes into the batch.  skip as above, copied.  NULL when it
 * is full, or the epoch has no number left. */
struct spool_entry *spool_add(struct spool *, int64_t epoch, const char *job,
	    const struct misfire_act *, const char *skip, wall made,
	    struct batch *);
/* The batch was not stored. */
void	spool_undo(struct spool *, struct spool_entry *);
/* The broker has it: gone, and from the disk with the batch. */
void	spool_drop(struct spool *, struct spool_entry *, struct batch *);
/* As link.spool tells it; act: "start", "wait" or "skip". */
json_t *spool_json(const struct spool_entry *, const char *act);

#endif
