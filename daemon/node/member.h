/* What this node knows of the cluster it belongs to, on disk: the proof that it
 * joined, and whom to trust.  Loop thread. */
#ifndef NODE_MEMBER_H
#define NODE_MEMBER_H

#include <stdbool.h>

#include "err.h"
#include "store/store.h"
#include "strs.h"

struct membership {
	bool	    joined;
	char	    cluster_id[40], cluster[64], name[64], broker[64];
	char	    broker_key[128];
	bool	    worker;
	struct strs hosts;		/* HOST:PORT, tried in turn */
};

void	membership_load(struct membership *, struct store *);
int	membership_store(const struct membership *, struct store *,
	    struct err *);
/* Back to standalone. */
int	membership_drop(struct membership *, struct store *, struct err *);
void	membership_clear(struct membership *);

#endif
