/* What happened, in order: the events and the audit trail of one cluster, and
 * the alerts that are open now.  An event is stored before a follower of `event
 * follow` hears of it.  Stands on no other room.  Loop thread. */
#ifndef BROKER_EVENT_H
#define BROKER_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "store/store.h"

enum severity { SEV_INFO, SEV_NOTICE, SEV_WARN, SEV_ERROR, SEV_AUDIT, SEV_N };

struct events;
struct event;
struct event_sub;

struct events *events_new(struct store *);
void	events_free(struct events *);

/* Records one event and returns its sequence number.  code is a stable word
 * ("role_granted"), node and actor may be NULL, data is stolen and may be
 * NULL. */
int64_t	event_add(struct events *, wall, enum severity, const char *code,
	    const char *node, const char *actor, json_t *data,
	    const char *fmt, ...) __attribute__((format(printf, 8, 9)));

/* The event of a change, in the change's own batch: it is on record if, and only
 * if, that is.  event_stored then, once, with what became of the batch: the event
 * is said, or never was.  NULL is no event. */
struct event *event_with(struct events *, struct batch *, wall, enum severity,
	    const char *code, const char *node, const char *actor,
	    json_t *data, const char *fmt, ...)
	    __attribute__((format(printf, 9, 10)));
void	event_stored(struct event *, enum store_rc);

/* An alert is open from the first raise to the clear; each end is an event. */
void	alert_raise(struct events *, wall, const char *code, const char *node,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void	alert_clear(struct events *, wall, const char *code, const char *node);
/* Alerts of a node that is called otherwise now, or is one no more. */
void	alert_rename(struct events *, const char *node, const char *to);
void	alert_clear_all(struct events *, wall, const char *node);
json_t *alert_list(const struct events *);	/* new array, oldest first */

/* Newest first.  severity, code, node and actor filter when not NULL: then of
 * the newest EVENT_SEARCHED.  since 0: all. */
enum { EVENT_SEARCHED = 200000 };
json_t *event_list(struct events *, int64_t limit, wall since,
	    const char *severity, const char *code, const char *node,
	    const char *actor);
int64_t	event_last(const struct events *);

/* Each new event (borrowed) from now on. */
struct event_sub *event_follow(struct events *,
	    void (*tell)(void *, const json_t *), void *);
void	event_unfollow(struct events *, struct event_sub *);

const char *severity_word(enum severity);

#endif
