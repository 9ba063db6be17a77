/* The cluster's side: members, catalogue, role, occurrences, runs, events.
 *
 * Every musterd has one.  On a standalone node its only member is the node's
 * own agent; with broker.enabled others may join it; while the node belongs to
 * another cluster it is asleep.  It knows no clock and no loop: broker_turn is
 * called with the time, messages arrive through the members' sessions, and
 * what was committed comes back from the store.  Loop thread.
 *
 * The rooms of this house, a file each, from the ground up: each knows and
 * calls only those that come before it in this list (make lint).
 *
 *   event           what happened, and the alerts that are open
 *   spec            a job as it was when a run was made of it
 *   run             one execution: its state and its record
 *   live            all runs that have not ended
 *   role_disk       the Scheduler role as it is stored
 *   grammar         checks of texts
 *   catalogue_text  the catalogue as text
 *   roster          the members: who they are, and telling them something
 *   naming          a member gets another name
 *   catalog         jobs, queues, calendars, flows
 *   catalog_apply   a text becomes the catalogue
 *   queue           who waits for a slot
 *   eval            what conditions find when they ask about a member
 *   decision        the record of decisions about the role
 *   scheduler       the shell around core/role
 *   whatif          what it would decide
 *   placing         the shell around core/place
 *   dispatch        runs are made, get an agent and a slot, are sent
 *   restored        what a restored store does not know
 *   astray          what a clock that was far ahead leaves behind
 *   retain          how long history is kept
 *   runlist         runs as operators ask for them
 *   outcome         what becomes of runs, and what follows
 *   foreman         the rounds among the runs
 *   ledger_file     files become runs
 *   ledger          occurrences become runs, each exactly once
 *   spool           what an agent did while it had no broker
 *   attendance      members come, are heard, are not heard, go
 *   desk            requests to join
 *   admission       tokens and invites
 *   departure       how members go for good
 *   gate            sessions of nodes, and what they may call
 *   broker          starts, wakes and turns all of them */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/event.h"
#include "broker/run.h"
#include "clock.h"
#include "core/jump.h"
#include "core/setting.h"
#include "net/key.h"
#include "store/store.h"

struct catalog;
struct roster;
struct desk;
struct departure;
struct scheduler;
struct dispatch;
struct watcher;
struct gate;
struct catalog_turn;

struct broker {
	struct store	 *store;
	const struct key *key;		/* this node's, borrowed */
	char		  node[64];	/* this node's name */
	char		  id[40];	/* cluster id */
	bool		  open;		/* others may join: broker.enabled */
	bool		  awake;	/* false while the node is elsewhere */
	bool		  local;	/* has an agent of its own */
	int		  port;		/* where nodes reach it, for messages */
	char		  boot[40];	/* clock_boot_id; "": not known */
	struct now	(*clock)(void);	/* clock_now, or a test's */
	struct now	  now;		/* of this turn */
	struct settings	  set;
	mono		  retain_at;	/* next look at old history */
	int64_t		  tidied;	/* runs up to this had room made … */
	bool		  untidy;	/* … and the next ones not yet */
	struct jump	  jump;		/* of this node's wall clock */
	int		  silent;	/* jobs that the alert speaks of */
	mono		  spool_at;	/* next look at its alerts; 0 none */
	struct events	 *events;
	struct run	 *live;		/* see live.h */
	struct catalog	 *catalog;
	struct catalog_turn *turns;	/* who waits to change the catalogue */
	bool		  changing;	/* a change of it is being stored */
	struct roster	 *roster;
	struct desk	 *desk;
	struct departure *departures;
	struct scheduler *scheduler;
	struct dispatch	 *dispatch;
	struct watcher	 *watchers;	/* of runs' ends: outcome.c */
	struct gate	 *gate;
};

/* name: of this node; zone and cluster name are the defaults of the settings.
 * NULL with a message when the store cannot be read. */
struct broker *broker_new(struct store *, const struct key *, const char *name,
	    bool open, struct now, struct err *);
void	broker_free(struct broker *);
/* Wakes it (standalone, or the cluster's broker) or puts it to sleep: no
 * member is served and no trigger fires while it sleeps. */
void	broker_wake(struct broker *, bool awake, struct now);
/* Does what is due; returns when to be called again at the latest. */
mono	broker_turn(struct broker *, struct now);

/* Several settings together or none; the callback comes when they are stored. */
int	broker_set(struct broker *, const struct setting_pair *, size_t,
	    const char *actor, struct err *);

#endif
