/* What the catalogue holds: jobs, queues, calendars and flows as they were
 * defined (SPEC section 6), and their JSON form, which loses nothing.
 *
 * Durations are milliseconds here, seconds in JSON; a duration of 0 means "no
 * limit" or "none" unless it says otherwise.  Texts that may be absent are NULL
 * then.  Time triggers keep their text; core/trigger parses it.  Everything is
 * owned by the struct; x_clear frees what it holds and empties it. */
#ifndef JOB_H
#define JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/checks.h"
#include "core/setting.h"
#include "err.h"
#include "strs.h"

enum job_overlap { JOB_OVERLAP_QUEUE, JOB_OVERLAP_SKIP, JOB_OVERLAP_ALLOW,
	JOB_OVERLAP_REPLACE };
enum job_misfire { JOB_MISFIRE_ONCE, JOB_MISFIRE_SKIP, JOB_MISFIRE_ALL };
enum job_distribution { JOB_LOCAL, JOB_ONE, JOB_INSTANCES, JOB_ALL,
	JOB_SELECTED };

/* How a run ended, as a set (1u << outcome) in retries.on and after.on. */
enum job_outcome { JOB_SUCCEEDED, JOB_FAILED, JOB_KILLED, JOB_TIMED_OUT,
	JOB_ABORTED, JOB_LOST, JOB_REFUSED, JOB_NOUTCOMES };

enum job_trigger_kind { JOB_EVERY, JOB_CRON, JOB_AT, JOB_FILE, JOB_AFTER };
enum job_file_event { JOB_FILE_CREATED, JOB_FILE_CHANGED };

struct job_trigger {
	enum job_trigger_kind kind;
	int64_t		      every;	/* JOB_EVERY, ms */
	char		     *cron;	/* exactly one of these is set, */
	char		     *at;	/* RFC 3339, or local without offset */
	char		     *file;	/* path or glob */
	char		     *after;	/* name of a job */
	int64_t		      stable;	/* JOB_FILE: unchanged for this long */
	enum job_file_event   event;	/* JOB_FILE, when stable is 0 */
	unsigned	      on;	/* JOB_AFTER: set of outcomes */
};

struct job {
	char		     *name;
	struct strs	      command;	/* argv; empty when shell is set */
	char		     *shell;
	char		     *user;	/* NULL: the keeper's default */
	char		     *directory;
	struct strs	      environment; /* "NAME=VALUE" */
	int64_t		      timeout;
	int64_t		      grace;	/* TERM to KILL; 0: KILL at once */
	struct {
		int64_t	 count;		/* further attempts */
		int64_t	 delay;		/* before the first of them */
		double	 backoff;	/* each waits so many times longer */
		unsigned on;		/* set of outcomes */
	} retries;
	enum job_overlap      overlap;
	enum job_misfire      misfire;
	int64_t		      misfire_max;	/* JOB_MISFIRE_ALL; 0: no cap */
	int64_t		      misfire_age;	/* older ones are skipped */
	char		     *zone;	/* NULL: the setting */
	int64_t		      priority;	/* higher goes first */
	struct strs	      requires;	/* labels */
	unsigned char	      success_codes[32]; /* job_success */
	int64_t		      output_limit;	/* bytes */
	char		     *queue;	/* NULL: one of its own */
	enum job_distribution distribution;
	int64_t		      instances; /* JOB_INSTANCES */
	struct strs	      agents;	/* JOB_SELECTED: these; else only these,
					 * empty: all */
	enum selection	      selection;
	char		     *filter;	/* a condition */
	enum no_agent	      on_no_agent;
	int64_t		      wait;	/* deadline of NO_AGENT_WAIT */
	struct strs	      on_success, on_failure;	/* jobs */
	bool		      enabled;
	char		     *owner;
	struct job_trigger   *triggers;
	size_t		      ntriggers;
	struct strs	      exclude, include;		/* calendars */
};

enum queue_run_on { QUEUE_BROKER_OR_AGENTS, QUEUE_BROKER_ONLY,
	QUEUE_AGENTS_ONLY };

struct queue_rule {
	enum queue_run_on run_on;
	int64_t		  max_parallel;	/* slots a member; 0: nothing runs */
	int64_t		  min_gap;
	int64_t		  needs_agents;	/* members for the rule to be active */
};

struct queue_def {
	char		  *name;
	struct queue_rule *rules;	/* never none */
	size_t		   nrules;
};

struct calendar_def {
	char	   *name;
	struct strs dates;		/* "2026-12-25" */
};

enum flow_verb { FLOW_RUN, FLOW_NOTIFY, FLOW_SET, FLOW_ON, FLOW_OFF,
	FLOW_DRAIN };

struct flow_action {
	enum flow_verb verb;
	char	      *run, *notify, *set, *on, *off, *drain; /* one is set */
	bool	       restore;		/* FLOW_SET */
};

struct flow_def {
	char		   *name;
	char		   *when;	/* a condition */
	bool		    enabled;
	struct flow_action *actions;	/* `do` */
	size_t		    nactions;
};

enum catalogue_kind { CATALOGUE_JOB, CATALOGUE_QUEUE, CATALOGUE_CALENDAR,
	CATALOGUE_FLOW, CATALOGUE_NKINDS };

enum { CATALOGUE_JOBS_MAX = 10000 };

struct catalogue {
	struct job	    *jobs;
	size_t		     njobs;
	struct queue_def    *queues;
	size_t		     nqueues;
	struct calendar_def *calendars;
	size_t		     ncalendars;
	struct flow_def	    *flows;
	size_t		     nflows;
};

/* New references.  x_of_json checks as strictly as a file is checked, and takes
 * durations as seconds or as text; on -1 out is empty.  ERR_USAGE. */
json_t *job_json(const struct job *);
json_t *queue_json(const struct queue_def *);
json_t *calendar_json(const struct calendar_def *);
json_t *flow_json(const struct flow_def *);
json_t *catalogue_json(const struct catalogue *);
int	job_of_json(const json_t *, const struct checks *, struct job *out,
	    struct err *);
int	queue_of_json(const json_t *, const struct checks *,
	    struct queue_def *out, struct err *);
int	calendar_of_json(const json_t *, const struct checks *,
	    struct calendar_def *out, struct err *);
int	flow_of_json(const json_t *, const struct checks *,
	    struct flow_def *out, struct err *);

/* Defaults of every field, name and command empty. */
void	job_init(struct job *);
void	job_clear(struct job *);
void	queue_def_clear(struct queue_def *);
void	calendar_def_clear(struct calendar_def *);
void	flow_def_clear(struct flow_def *);
void	catalogue_clear(struct catalogue *);

bool	job_equal(const struct job *, const struct job *);
bool	job_success(const struct job *, int exit_code);
bool	calendar_has(const struct calendar_def *, int year, int month, int day);
/* The text of a trigger as people read it: "every 2s", "cron 15 2 * * *",
 * "file /srv/in.csv stable 5s", "after nightly"; the caller frees. */
char   *job_trigger_text(const struct job_trigger *);

const char *job_overlap_word(enum job_overlap);
const char *job_misfire_word(enum job_misfire);
const char *job_distribution_word(enum job_distribution);
const char *job_outcome_word(enum job_outcome);
const char *catalogue_kind_word(enum catalogue_kind);	/* "job", "queue" … */

#endif
