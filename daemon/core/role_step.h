/* Inside the role core: one step under way, and the vocabulary of acts that
 * its parts (role.c, role_move.c, role_op.c) share. */
#ifndef ROLE_STEP_H
#define ROLE_STEP_H

#include "core/mutant.h"
#include "core/role.h"

struct step {
	struct role		 *r;
	const struct role_policy *p;
	struct role_agent	 *a;
	size_t			  n;
	const struct role_event	 *ev;
	struct role_out		 *out;
	struct role_agent	 *who;	/* the event's agent, or NULL */
	mono			  now;
	int64_t			  lifts;	/* case 4: as the operator saw */
};

/* role_step.c: the vocabulary.  Ids that are gone are NULL. */
struct role_agent *step_find(struct step *, int64_t id, size_t *hint);
struct role_agent *step_holder(struct step *);
struct role_agent *step_target(struct step *);
const char *step_name(struct step *, int64_t id);	/* "nobody" for 0 */
void	step_start(struct step *);
void	step_end(struct step *);
void	step_persist(struct step *);
struct role_marks *step_mark(struct step *, struct role_agent *);
void	step_want_off(struct step *, struct role_agent *);	/* durable */
/* The one setter of the state. */
void	step_state(struct step *, enum role_state, const char *why);
void	step_off(struct step *, const struct role_agent *);
void	step_ack(struct step *, const struct role_agent *);
void	step_ask(struct step *, const struct role_agent *);
void	step_release(struct step *, const struct role_agent *, int64_t lifts);
/* It was turned off at itself after an operator saw `lifts` there. */
bool	step_held_since(const struct role_agent *, int64_t lifts);
/* A new epoch, or the same one again, for this agent. */
void	step_grant(struct step *, struct role_agent *, bool again);
void	step_decide(struct step *, int move, int64_t from, int64_t to,
	    const char *why);
void	step_decided(struct step *, enum role_outcome, const char *why);
void	step_ruled(struct step *, int move, int64_t from, int64_t to,
	    const char *why, const char *end);
void	step_supersede(struct step *, struct role_agent *, const char *why);
void	step_note(struct step *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
void	step_tell(struct step *, int64_t op, enum role_told, const char *, ...)
	    __attribute__((format(printf, 4, 5)));
/* The operator whose request is worked on, if there is one. */
void	step_answer(struct step *, enum role_told, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
void	step_alert(struct step *, enum role_alert, int64_t agent, const char *,
	    ...) __attribute__((format(printf, 4, 5)));
void	step_calm(struct step *, enum role_alert);
void	step_propose(struct step *, int move, int64_t from, int64_t to);
void	step_lapse(struct step *, const char *why);
void	step_confirmed(struct step *);
mono	step_later(struct step *, int64_t ms);
/* The timer counts connection_timeout from now. */
void	step_wait(struct step *);
/* "Before every grant": no lease that was given out can last any more. */
bool	step_fence_passed(struct step *);

/* role_choose.c */
const struct role_agent *role_best_but(const struct role *,
	    const struct role_agent *, size_t n, enum role_purpose,
	    int64_t except, bool claimants);
/* Says ON with an epoch of the past, and must be told OFF: turned off by an
 * operator or a finished move, held off, or superseded. */
bool	role_unwanted(const struct role *, const struct role_agent *);

/* role_move.c: moves under way, whoever began them. */
void	move_revoke(struct step *, int move, enum role_aim, int64_t target,
	    const char *why);
void	move_try(struct step *);
void	move_wait(struct step *, const char *why);
void	move_vacant(struct step *);
void	move_forget(struct step *);
void	move_unpin(struct step *);
void	move_revoked(struct step *, bool proved);
void	move_gone(struct step *, const char *why);
void	move_give_up(struct step *);
/* Nobody is the Scheduler: on record once, and an alert. */
void	move_none(struct step *, const char *why);

/* role_op.c: what operators ask for, and agents that go. */
void	op_synced(struct step *);	/* an agent on waited for this */
/* Its heartbeat says off at itself: no target any more. */
void	op_target_held(struct step *);
void	op_event(struct step *);
/* The wish that waits for a sync, if there is one, is told why it ends. */
void	op_drop_sync(struct step *, enum role_told, const char *why);
void	op_leaving(struct step *);

#endif
