/* The catalogue in memory: jobs with what the broker needs to know of them,
 * queues, calendars, flows.  Changed only by catalog_apply and the few verbs
 * below, each one transaction; the revision grows with each.  One change at a
 * time: each is planned on what the one before it left.  Stands on roster,
 * grammar, catalogue_text and spec.  Loop thread. */
#ifndef BROKER_CATALOG_H
#define BROKER_CATALOG_H

#include <jansson.h>
#include <uthash.h>

#include "broker/broker.h"
#include "broker/spec.h"
#include "core/due.h"
#include "core/job.h"

struct cat_job {
	struct job     def;
	struct spec   *spec;		/* job_json of def */
	int64_t	       rev;
	bool	       paused;
	wall	       cursor;		/* newest occurrence on record */
	struct due    *due;
	wall	       files;		/* files count from then on */
	char	       last_agent[64];	/* round robin */
	struct {			/* the newest run that ended */
		int64_t run;
		char	state[16];
		wall	at;
	} last;
	UT_hash_handle hh;		/* by def.name */
};

struct catalog {
	int64_t		     rev;
	int64_t		     applied;	/* texts, since the start: queues and
					 * jobs may be others now */
	struct cat_job	    *jobs;
	struct queue_def    *queues;
	size_t		     nqueues;
	struct calendar_def *calendars;
	size_t		     ncalendars;
	struct flow_def	    *flows;
	size_t		     nflows;
};

struct catalog *catalog_load(struct broker *, struct err *);
void	catalog_free(struct catalog *);
struct cat_job *catalog_job(const struct catalog *, const char *name);
const struct queue_def *catalog_queue(const struct catalog *, const char *name);

/* Calls begin when no change is being stored: now, or later in the order of
 * asking.  Whatever depends on what the catalogue holds is looked at there; it
 * starts at most one change. */
typedef void catalog_begin(void *arg);
void	catalog_in_turn(struct broker *, catalog_begin *, void *arg);
/* Nobody's turn comes any more. */
void	catalog_turns_free(struct broker *);

/* In turn.  What a text would change, and with dry_run false does it.  The result is
 * {plan: [{action, kind, name, detail}], warnings: [text], revision}; done is
 * called with it (and NULL) when it is stored, or with NULL and the error.
 * Everything or nothing. */
typedef void catalog_done(void *arg, json_t *result, const struct err *);
void	catalog_apply(struct broker *, const char *text, const char *file,
	    bool dry_run, bool prune, const char *actor, catalog_done *,
	    void *arg);
/* NULL and ERR_NOTFOUND, with the nearest name. */
struct cat_job *catalog_find(const struct broker *, const char *name,
	    struct err *);
/* In turn.  more (may be NULL): stored with it; stolen. */
void	catalog_pause(struct broker *, struct cat_job *, bool paused,
	    struct batch *more, catalog_done *, void *arg);
void	catalog_remove(struct broker *, struct cat_job *, catalog_done *,
	    void *arg);
char   *catalog_text(const struct catalog *);

/* What an agent gets: {rev, zone, jobs: [{job, cursor, files, paused}],
 * calendars, queues}. */
json_t *catalog_replica(const struct broker *);
/* {job: cursor in ms}, for grants. */
json_t *catalog_cursors(const struct catalog *);
/* Whether a cursor stands more than a day ahead: the clock that moved it there
 * was wrong, and nothing comes due until then. */
bool	catalog_astray(const struct broker *, wall cursor);
/* Where the cursor of the job of this name starts over: now, but never before
 * what is on record, also of one that was removed (NULL), lest a clock that was
 * set back lets it fire again.  One that is astray is no reason. */
wall	catalog_from_now(const struct broker *, const char *name,
	    const struct cat_job *);
/* Files that are there already count no more. */
void	catalog_files_from_now(const struct broker *, struct cat_job *,
	    struct batch *);
/* After the setting zone changed: every schedule anew, cursors to now. */
void	catalog_rezone(struct broker *);

#endif
