/* The machine's own configuration, musterd.conf(5): libconfig into a plain
 * struct through one table.  Loading is whole or not at all; a running daemon
 * loads the new one, compares, and swaps.  Loop thread. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "log.h"
#include "strs.h"

#define CONFIG_PATH "/etc/muster/musterd.conf"

/* The groups of privileges of SPEC section 7. */
enum config_group {
	CONFIG_VIEWER,
	CONFIG_OPERATOR,
	CONFIG_ADMIN,
};

struct config_operator {
	char		 *name;
	enum config_group group;
	char		 *key;		/* "TYPE BASE64 [comment]", checked */
};

enum config_join {
	CONFIG_JOIN_AGENT,
	CONFIG_JOIN_WORKER,
};

/* Texts are never NULL unless it says so. */
struct config {
	char		       *name;		/* node.name */
	char		       *state_dir;
	char		       *socket;		/* at most 107 bytes */
	char		       *user;		/* node.user; NULL: stay */
	struct strs		addresses;	/* listen.address, not empty */
	int64_t			port;		/* 0: do not listen */
	bool			broker;		/* broker.enabled */
	bool			local_agent;	/* false when not a broker */
	char		       *store;		/* "sqlite:…" */
	bool			allow_control;
	bool			initial_on;	/* agent.initial_status */
	int64_t			max_runs;	/* 0: no cap */
	struct strs		join_brokers;	/* agent.broker; may be empty */
	enum config_join	join_as;
	char		       *message;	/* agent.message, NULL: none */
	char		       *token_file;	/* NULL: none */
	struct config_operator *operators;
	size_t			noperators;
	enum log_level		log_level;
};

/* What holds without a file. */
void	config_defaults(struct config *);
/* Reads path.  Messages name file, line and the nearest known name:
 * `musterd.conf:14: unknown name "listen.prot": did you mean "port"?`.
 * ERR_NOTFOUND when there is no such file.  On -1 out is empty. */
int	config_load(const char *path, struct config *out, struct err *);
/* The same of text in memory; file is only for messages. */
int	config_parse(const char *text, const char *file, struct config *out,
	    struct err *);
void	config_clear(struct config *);
/* The file of the store; "sqlite:" alone is one in the state directory.  The
 * caller frees. */
char   *config_store_path(const struct config *);

const char *config_group_word(enum config_group);
/* The group of a word; -1 when there is no such group. */
int	config_group_of(const char *word, enum config_group *);

/* Calls back for every path whose value differs; live tells whether a reload
 * applies it at once or only a restart.  Returns how many differ. */
size_t	config_diff(const struct config *now, const struct config *next,
	    void (*cb)(const char *path, bool live, void *arg), void *arg);

/* Every configuration variable with its effective value as text, in the order
 * of the table (musterd -n, the manual's test, the console). */
struct config_row {
	const char *path, *type, *range, *value, *preset, *help;
	bool	    live;
};
void	config_each(const struct config *,
	    void (*cb)(const struct config_row *, void *arg), void *arg);

#endif
