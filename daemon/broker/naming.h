/* A member gets another name, and its runs with it.  Stands on roster, live and
 * event.  Loop thread. */
#ifndef BROKER_NAMING_H
#define BROKER_NAMING_H

#include "broker/broker.h"

struct member;

/* Its new name is on disk (STORE_OK), was taken by somebody meanwhile
 * (STORE_CONFLICT) or could not be stored.  was: its name before. */
typedef void naming_done(void *arg, enum store_rc, const char *was);
/* name: not that of another active member.  One that has gone and had it is
 * called something else on record. */
void	naming_start(struct broker *, struct member *, const char *name,
	    naming_done *, void *arg);

#endif
