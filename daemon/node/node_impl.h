/* Inside of node.c and join.c. */
#ifndef NODE_NODE_IMPL_H
#define NODE_NODE_IMPL_H

#include "core/jump.h"
#include "node/keeper.h"
#include "node/member.h"
#include "node/node.h"
#include "node/runs.h"
#include "node/sampler.h"

struct joins;

struct node {
	uv_loop_t	       *loop;
	struct store	       *store;
	const struct config    *cfg;
	const struct key       *key;
	struct node_broker	broker;
	struct membership	member;
	struct seat	       *own, *away;
	struct runs	       *runs;
	struct keeper	       *keeper;
	struct joins	       *joins;
	struct sampler		sampler;
	json_t		       *sample;		/* newest */
	mono			sampled, checked, trimmed;
	struct jump		jump;		/* of the wall clock */
	bool			disk_full;
	char			boot[40];
	int64_t			start;
	wall			started;
	size_t			host;		/* of member.hosts: next dial */
	bool			disowned;	/* leave the away seat next turn */
	char			disowned_why[512];
	bool			closing;
	void		      (*closed)(void *);
	void		       *closed_arg;
	struct now		now;
};

/* Seats and the own broker's sleep as the membership says. */
void	node_arrange(struct node *);
/* The node belongs to this cluster from now on; m's content is taken. */
int	node_enrol(struct node *, struct membership *m, struct err *);
/* Standalone again. */
int	node_unenrol(struct node *, struct err *);

struct joins *joins_new(struct node *);
void	joins_free(struct joins *);
mono	joins_turn(struct node *, struct now);

#endif
