/* Inside of catalog.c and catalog_apply.c. */
#ifndef BROKER_CATALOG_IMPL_H
#define BROKER_CATALOG_IMPL_H

#include "broker/catalog.h"

/* Takes the content of def; doc and due are made of it.  NULL when its schedule
 * makes no sense. */
struct cat_job *cat_job_new(const struct broker *, const struct catalog *,
	    struct job *def, struct err *);
/* A revision is never used twice, not even after what it named was removed. */
void	catalog_put_rev(struct batch *, int64_t rev);
/* A change was submitted; it is stored, or was not: the next one's turn. */
void	catalog_change(struct broker *, struct batch *, store_done *, void *);
void	catalog_changed(struct broker *);
/* Everybody gets it again. */
void	catalog_tell(struct broker *);

#endif
