/* A whole cluster in one process, under virtual time, from one seed: the
 * shipped broker, seats, runs and watches; simulated clocks, network, disks
 * and keepers.
 *
 * Only what touches the world outside is replaced, at link time: session_*
 * (sim_net.c), store_* (sim_store.c: the shipped statements on a database in
 * memory), keeper_* (sim_keeper.c), and by --wrap the clock, getrandom and the
 * log (sim_world.c).  One more for speed alone: malloc (sim_alloc.c). */
#ifndef SIM_H
#define SIM_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "broker/broker.h"
#include "core/role.h"
#include "sim_mutant.h"
#include "node/runs.h"
#include "node/seat.h"
#include "store/batch.h"

enum { SIM_MACHINES = 5, SIM_JOBS = 6 };
enum { MS = 1000, SEC = 1000 * MS };	/* true time is in microseconds */
enum { LAST_CALM_S = 190 };	/* of every schedule */
enum { BROKER = 0, BY_AGENT = 0, BY_BROKER = 1 };	/* who speaks */

/* What SPEC section 4 promises, and what else must hold. */
enum sim_rule {
	RULE_TWO,		/* at work */
	RULE_FENCE,
	RULE_EPOCH,
	RULE_FIRST_DISK,
	RULE_RENEWED,
	RULE_FOREIGN,
	RULE_TWICE,
	RULE_SKIPPED,
	RULE_CURSOR,
	RULE_DUE,
	RULE_LOST,
	RULE_ACKED,
	RULE_TOLD,
	RULE_OUTCOME,
	RULE_STARTED,
	RULE_UNRECORDED,
	RULE_SENT,
	RULE_CHOICE,
	RULE_SETTLE,
	RULE_LINK,
	RULE_STUCK,
	RULE_PICTURE,
	RULE_ALONE_RIGHT,	/* on_broker_loss = continue … */
	RULE_ALONE_DISK,
	RULE_ALONE_NUMBER,
	RULE_ALONE_FULL,
	RULE_ALONE_LOST,
	RULE_ALONE_AGAIN,
	RULE_DOUBLED,
	RULE_FILE_TWICE,
	RULE_FILE_MISSED,
	RULE_SPIN,
	RULE_WORLD,		/* of the simulation itself */
	RULE_SAME,		/* the same seed, the same schedule */
	NRULES
};

struct world;
struct machine;

/* One direction of a wire is an ordered stream, as SSH is. */
struct packet {
	json_t	      *doc;		/* NULL: the end of the stream */
	int64_t	       ready;
	struct packet *next;
};

enum end_state { END_DIALING, END_OPEN, END_CLOSING, END_GONE };

struct session {
	struct wire	*wire;
	int		 side;
	struct machine	*m;
	unsigned	 life;		/* of the machine's process */
	enum end_state	 state;
	const struct session_ops *ops;
	void		*ctx;
	struct peer	 peer;
	char		 why[128];
	struct packet	*first, *last;	/* what it sent, still on its way */
	bool		 moving;	/* an event for first is due */
};

struct wire {
	struct world  *w;
	struct session end[2];
	int64_t	       latency, dial_until;
	struct wire   *next;
};

struct krun {
	char	 id[KEEPER_ID];
	enum keeper_state state;
	int	 code;
	bool	 abort, forgotten;
	bool	 excused;	/* see keeper_excuse */
	wall	 started, ended;
	int64_t	 until;
	UT_hash_handle hh;
};

struct keeper {
	struct machine *m;
	struct krun    *runs;
	bool		up;		/* linked to this life of the daemon */
	int64_t		says;		/* what it says keeps its order, … */
	struct said    *said, *said_last;	/* … until it is heard */
	int64_t		excused;	/* what was asked before this time */
	int		start;
};

struct store {
	struct machine *m;
	struct batch   *first, *last;	/* submitted */
	struct batch   *done, *done_last;
	size_t		pending;
	bool		committing, polling;
	struct batch   *half;		/* see SIM_APART */
};

/* What it said or was told, and must not forget (sim_promise.c). */
struct promise {
	bool	 on;
	int64_t	 epoch, floor;
	int64_t	 off;		/* highest epoch of an OFF sent to it */
	unsigned life;		/* has been looked at */
};

/* What waits for it to say something (sim_trap.c). */
struct trap {
	enum trap_when { TRAP_NEVER, TRAP_BEAT, TRAP_TURN, TRAP_FIRE,
	    TRAP_SLOW_FIRE } when;
	enum trap_what { TRAP_BREAK, TRAP_STOP, TRAP_DIE } what;
	int64_t		floor;	/* TURN: a heartbeat with a higher one */
	int64_t		length;	/* of the stop */
	bool		unsaid;	/* what it was about to say waits, too */
	bool		back;	/* off at the node, and on again */
	struct machine *to;	/* the role is moved there … */
	int64_t		after;	/* … so long after */
};

struct disk {
	sqlite3	     *db;
	sqlite3_stmt *st[S_COUNT], *word[3];
	bool	      image;		/* it is an older copy */
};

#define RENAMED "-new"		/* after a machine's name at the broker */

struct machine {
	struct world *w;
	int	      at;
	char	      name[16];
	struct key    key;
	/* process */
	bool	      up, host_up, dying;
	unsigned      life;
	struct store *store;
	struct broker *broker;
	struct seat  *seat;
	struct runs  *runs;
	struct now    booted;
	int64_t	      start;		/* names this life to the broker */
	int64_t	      turn_at;
	int64_t	      turns, turns_from;	/* spinning? */
	/* what outlives it */
	struct disk   disk;
	struct keeper keeper;
	/* trouble */
	int64_t	      frozen;		/* paused until then */
	bool	      full;		/* its disk */
	int64_t	      slow;		/* a commit takes so long */
	int	      crash_in;		/* commits until it dies: 0 never */
	bool	      crash_before;	/* that commit does not happen */
	int64_t	      ppm, wall_off, mono_base;
	int64_t	      cut[2];		/* link to the broker, BY_*: until */
	int64_t	      trickle, echo;	/* its link is slow, says fires twice;
					 * until then */
	int64_t	      flaky;		/* its disk is full now and then */
	struct trap   trap;
	double	      cpu;
	bool	      local;		/* the broker's own agent */
	bool	      worker;
	bool	      member;
	bool	      uncontrolled;	/* agent.allow_control = false */
	/* operators' choices, as far as they were told that they hold */
	int64_t	      on_at, off_at;	/* last asked to go on (or be free), off */
	int	      offs;		/* asked to go off and not answered: */
	bool	      off_one;		/* one, by which off_at is */
	bool	      held_here;	/* off at the node itself */
	bool	      off, off_seen;	/* off at the broker; it has stopped */
	struct member *known;		/* its row at the broker … */
	unsigned      known_in;		/* … in that life of it */
	struct promise told;
	struct lookout *lookout;	/* the thread that looks at files */
	struct dirs  *dirs;		/* inotify */
	int64_t	      unwatched;	/* there are no watches until then */
	/* what bears on going on without a broker, as it was told */
	bool	      goes_on;		/* on_broker_loss = continue */
	int64_t	      granted;		/* epoch, since this start; 0: none */
	/* an older copy of its disk, and of what was told from it */
	void	     *copy;
	int64_t	      copy_len;
	json_t	     *stale_grant;	/* see SIM_GRANT_STALE */
};

struct sim_event {
	int64_t	 at;
	uint64_t seq;
	void   (*fn)(struct world *, void *, int64_t);
	void	*arg;
	int64_t	 n;
};

struct sim_options {
	uint64_t	seed;
	int64_t		minutes;	/* of cluster time, exactly; >= 5 */
	bool		fierce;		/* storms of more troubles than usual, each
					 * with its favourites */
	unsigned	away;		/* guards: 1 << enum sim_guard */
	bool		verbose;
	bool		wire_text;	/* messages as bytes, parsed again */
};

struct sim_result {
	bool	 broken;
	enum sim_rule rule;
	char	 text[512];
	uint64_t hash;
	int64_t	 events, messages, commits, runs, fires, moves, faults, at;
	int64_t	 alone, doubled, files;
};

struct check;
struct alone_check;
struct files_world;
struct edit;
struct place;

struct world {
	struct sim_options o;
	struct sim_result  r;
	uint64_t	   rng;
	int64_t		   now;		/* true time */
	struct machine	   m[SIM_MACHINES];
	int		   n;
	struct machine	  *cur;		/* whose code runs */
	struct sim_event  *heap;
	size_t		   nheap, cap;
	uint64_t	   seq;
	struct wire	  *wires;
	struct check	  *check;
	unsigned	   kept;	/* see sim_promise.c */
	struct alone_check *alone;
	struct files_world *files;	/* NULL: none in this schedule */
	struct edit	   *edits;	/* all that were asked for */
	struct place	   *places;	/* of runs; see sim_promise.c */
	bool		   calm;	/* no new faults */
	int		   asked;	/* commands of operators that this life
					 * of the broker has not answered */
	bool		   over;
	bool		   tidying;
	int64_t		   latency, jitter;
	int		   mood;	/* 0 to 99: how much goes wrong */
	int64_t		   favour[3];	/* in a fierce storm: see sim_favour */
};

/* Is this guard taken away? */
static inline bool
sim_without(const struct world *w, enum sim_guard guard)
{
	return (w->o.away >> guard & 1) != 0;
}

/* ---- the world (sim_world.c) ---- */
uint64_t sim_random(struct world *);
int64_t	 sim_range(struct world *, int64_t from, int64_t to);	/* inclusive */
/* From 0; in a fierce storm every other time the storm's favourite: [0] of the
 * faults, [1] of what operators do, [2] of the machines. */
int64_t	 sim_favour(struct world *, int which, int64_t kinds);
bool	 sim_chance(struct world *, int percent);
void	 sim_at(struct world *, int64_t at, void (*)(struct world *, void *,
	     int64_t), void *, int64_t);
void	 sim_mix(struct world *, uint64_t);
void	 sim_mix_text(struct world *, const char *);
/* A line of the trace, with time and machine; m may be NULL. */
void	 sim_say(struct world *, const struct machine *, const char *, ...)
	     __attribute__((format(printf, 3, 4)));
/* A rule is broken: does not return. */
void	 sim_broken(struct world *, enum sim_rule, const char *, ...)
	     __attribute__((format(printf, 3, 4), noreturn));
const char *sim_rule_text(enum sim_rule);
struct now sim_clock(const struct machine *);
int64_t	 sim_when(const struct machine *, mono);
/* The code of m runs from here; returns whose ran before. */
struct machine *sim_enter(struct machine *);
void	 sim_leave(struct machine *m, struct machine *was);
void	 sim_run(const struct sim_options *, struct sim_result *);

/* ---- machines (sim_machine.c) ---- */
void	machines_make(struct world *);
void	machine_boot(struct machine *);
void	machine_kill(struct machine *, bool power);
void	machine_wake(struct machine *, int64_t at);
/* A process that is stopped does nothing until then. */
bool	machine_later(struct machine *, void (*)(struct world *, void *,
	    int64_t), void *, int64_t);
void	machine_seat(struct machine *);		/* joins: its seat is made */
bool	machine_fires(struct machine *);
bool	machine_linked(struct machine *);	/* the broker knows this life */
struct member *machine_member(struct machine *);
void	machines_free(struct world *);

/* ---- disks, wires, keepers ---- */
struct store *sim_store_open(struct machine *);
void	sim_store_close(struct store *);
void	sim_disk_free(struct machine *);
void	sim_disk_copy(struct machine *);
/* The machine is down.  False: there is no copy. */
bool	sim_disk_restore(struct machine *);
struct session *net_dial(struct machine *, const struct session_ops *, void *);
void	net_kill(struct machine *, bool power);
/* late: what is on its way to the broker arrives yet. */
void	net_break(struct machine *, int64_t within, bool late);
void	net_hold(struct machine *, int64_t until);
void	net_release(struct world *);
/* Such a message is on its way to it. */
bool	net_brings(const struct machine *, const char *method);
bool	net_alive(const struct machine *);
void	net_free(struct world *);
void	keeper_link(struct machine *);
void	keeper_crash(struct machine *, bool power);
/* What runs now, and what ran, is no matter for the rules any more. */
void	keeper_excuse(struct machine *);
void	keepers_free(struct machine *);
/* Frees what is on its way; last. */
void	keeper_sweep(struct world *);

/* ---- the story (sim_story.c), operators (sim_ops.c), faults (sim_fault.c) */
void	story_begin(struct world *);
void	ops_setup(struct world *);
void	ops_operate(struct world *);
void	ops_free(struct world *);
/* They take back what keeps everybody from the role. */
void	ops_tidy(struct world *);
void	ops_role(struct world *, enum role_event_kind, struct machine *,
	    bool vacant);
void	ops_rejoin(struct machine *);
void	ops_pace(struct world *, bool hasten);	/* other timeouts */
bool	ops_hold(struct world *, struct machine *, bool);	/* at the node */
struct machine *ops_somebody(struct world *);
void	fault_happen(struct world *);
void	fault_boot(struct world *, void *machine, int64_t);
/* Dies by itself in the middle of something soon, and comes back. */
void	fault_crash(struct world *, struct machine *);
void	fault_mend(struct world *);	/* everything */
void	fault_full(struct world *, struct machine *, int64_t how_long);
/* The role is to move to this one while the Scheduler is in trouble. */
void	trap_move(struct world *, struct machine *to);
void	trap_alone(struct world *);
void	trap_told(struct machine *);
/* It has said this to the broker. */
void	trap_said(struct machine *, const char *method, const json_t *params);

/* ---- rules (sim_check.c) ---- */
void	check_make(struct world *);
void	check_free(struct world *);
void	check_now(struct world *);		/* after every event */
void	check_sent(struct world *, const struct session *, const json_t *);
void	check_commit(struct machine *, const struct batch *);
void	check_start(struct machine *, const char *id, const char *job,
	    const char *occ);
void	check_edit(struct world *, int64_t n);	/* so many more; 0: none */
void	check_fire(struct world *, const struct machine *from,
	    const json_t *params);	/* NULL: it has been looked at */
void	check_submit(struct world *, const struct batch *);
void	check_taken(struct world *, const json_t *result);
bool	check_on_record(const struct world *, const char *job, const char *occ,
	    wall);
bool	check_started(const struct world *, int64_t run);
void	memory_is_stored(struct world *);	/* see sim_memory.c */
void	picture_is_true(struct world *);	/* see sim_picture.c */
void	check_quiet(struct world *);		/* a calm begins */
void	check_end(struct world *);
/* Of this job, on the broker's disk; 0: not known. */
int64_t	check_cursor(struct world *, const char *job);

/* ---- what was told is so (sim_promise.c) ---- */
void	promise_sent(struct world *, struct machine *from, struct machine *to,
	    const char *method, const json_t *params);
/* Its disk is an older one. */
void	promise_forget(struct machine *);
void	promise_now(struct world *);
/* On the broker's disk this attempt is at agent, "": nowhere yet. */
void	promise_placed(struct world *, int64_t run, int64_t attempt,
	    const char *agent);
void	promise_free(struct world *);

/* ---- rules of on_broker_loss = continue (sim_alone.c) ---- */
void	alone_make(struct world *);
void	alone_free_all(struct world *);
void	alone_hears(struct machine *, const json_t *msg);
void	alone_node_commit(struct machine *, const struct batch *);
void	alone_excuse(struct machine *);
int64_t alone_of_body(const char *text, size_t len, bool *doubled);
void	alone_recorded(struct world *, int64_t number, int64_t run,
	    bool doubled);
int64_t alone_record(const struct world *, int64_t number);	/* or 0 */
wall	alone_last(const struct world *, const char *job, wall first);
bool	alone_start(struct machine *, int64_t run, int64_t attempt,
	    const char *job, const char *occ);
void	alone_end(struct world *);

/* ---- files (sim_files.c) ---- */
void	files_make(struct world *);
void	files_unmake(struct world *);
const char *files_jobs(const struct world *);
void	files_recorded(struct world *, const char *job, const char *path,
	    int64_t ino, int64_t mtime, int64_t birth);
void	files_now(struct world *);
/* The thread wakes then, or sooner (sim_lookout.c). */
void	files_look(struct machine *, int64_t at);

#endif
